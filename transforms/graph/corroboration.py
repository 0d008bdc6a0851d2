"""Whose calls come over the same suppliers: what speaks for or against a tie, never a tie itself.

Trunks, origination ids and signalling addresses are shared by a supplier's customers, so they join
nothing. But two groups that are tied anyway, and whose calls come over the same suppliers far more
often than chance, are more likely one; and two whose calls never do are more likely two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array

from schemas.kinds import EntityKind, Strength
from transforms.shuffle import hash_text

TELLING = (EntityKind.TRUNK, EntityKind.ORIG_ID, EntityKind.IP)
"""Kinds that few enough customers share to tell something; a carrier has too many."""

SUPPLIED = pa.schema([("node", pa.int64()), ("supplier", pa.int64()), ("records", pa.int64())])
"""Records that name an entity beside a supplier's; ids are 63-bit hashes."""


def supplied(links: pa.RecordBatch) -> pa.RecordBatch:
    """LINK rows to SUPPLIED rows, of the soft links that have a telling supplier at one end."""
    soft = links.filter(pc.equal(links["strength"], Strength.SOFT))
    pattern = "^(" + "|".join(str(kind) for kind in TELLING) + "):"
    parts = [
        _one_way(soft, near, far, pattern)
        for near, far in (("entity_a", "entity_b"), ("entity_b", "entity_a"))
    ]
    return (
        pa.Table.from_batches(parts).combine_chunks().to_batches()[0]
        if any(part.num_rows for part in parts)
        else pa.RecordBatch.from_pylist([], SUPPLIED)
    )


def _one_way(links: pa.RecordBatch, near: str, far: str, pattern: str) -> pa.RecordBatch:
    rows = links.filter(pc.match_substring_regex(links[far], pattern))
    columns = [pa.array(hash_text(rows[near])), pa.array(hash_text(rows[far])), rows["records"]]
    return pa.RecordBatch.from_arrays(columns, schema=SUPPLIED)


@dataclass(frozen=True)
class Suppliers:
    """Records by node (rows) and supplier (columns)."""

    records: csr_array

    def likeness(
        self, label: np.ndarray, a: np.ndarray, b: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """For pairs of clusters: times chance that their suppliers agree; the fewer records.

        1 is chance: a record of a and one of b share a supplier as often as any two records do.
        """
        nodes = len(label)
        joined = (
            csr_array((np.ones(nodes), (label, np.arange(nodes))), shape=(nodes, nodes))
            @ self.records
        )
        by_cluster = np.asarray(joined.sum(axis=1)).ravel()
        by_supplier = np.asarray(self.records.sum(axis=0)).ravel()
        scaled = joined.multiply(1 / np.maximum(by_supplier, 1)[None, :]).tocsr()
        agree = np.asarray(joined[a].multiply(scaled[b]).sum(axis=1)).ravel()
        chance = by_cluster[a] * by_cluster[b] / max(by_supplier.sum(), 1)
        return (
            np.divide(agree, chance, out=np.ones(len(a)), where=chance > 0),
            np.minimum(by_cluster[a], by_cluster[b]),
        )


def suppliers_by_node(rows: pa.Table, node: np.ndarray) -> Suppliers:
    """SUPPLIED rows over the sorted hashes `node`; rows of others fall away."""
    hashes = rows["node"].to_numpy()
    at = np.minimum(np.searchsorted(node, hashes), max(len(node) - 1, 0))
    known = node[at] == hashes if len(node) else np.zeros(len(hashes), bool)
    supplier, column = np.unique(rows["supplier"].to_numpy()[known], return_inverse=True)
    counts = rows["records"].to_numpy()[known].astype(np.float64)
    shape = (len(node), max(len(supplier), 1))
    return Suppliers(csr_array((counts, (at[known], column)), shape=shape))
