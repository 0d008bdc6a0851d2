"""Whose calls come over the same suppliers: what speaks for or against a tie, never a tie itself.

Trunks, origination ids, addresses, carriers and scripts are shared by a supplier's customers, so
they join nothing. But two groups that are tied anyway, and that use the same few of them, are more
likely one; and two that use others are more likely two. The countries where victims live are
weighed alike (`transforms.graph.incidence`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array
from scipy.special import gammaln

from schemas.enums import SUPPLIER_KINDS, Strength
from transforms.arrow_util import hash_text

CONCENTRATION = 2.0
"""Suppliers of a kind that a customer spreads its calls over, about."""


TEMPER = 0.5
"""What a record counts: each of the two or three identifiers that it names counts it."""


SUPPLIED = pa.schema(
    [
        ("node", pa.int64()),
        ("supplier", pa.int64()),
        ("kind", pa.int8()),
        ("records", pa.int64()),
    ]
)
"""Records that name an entity beside a supplier's; ids are 63-bit hashes.

`kind` is the supplier's place in SUPPLIER_KINDS.
"""


def supplied(links: pa.RecordBatch) -> pa.RecordBatch:
    """LINK rows to SUPPLIED rows, of the soft links that have a supplier at one end."""
    soft = links.filter(pc.equal(links["strength"], Strength.SOFT))
    parts = [
        _one_way(soft, near, far, place)
        for near, far in (("entity_a", "entity_b"), ("entity_b", "entity_a"))
        for place in range(len(SUPPLIER_KINDS))
    ]
    return (
        pa.Table.from_batches(parts).combine_chunks().to_batches()[0]
        if any(part.num_rows for part in parts)
        else pa.RecordBatch.from_pylist([], SUPPLIED)
    )


def _one_way(links: pa.RecordBatch, near: str, far: str, place: int) -> pa.RecordBatch:
    rows = links.filter(pc.starts_with(links[far], f"{SUPPLIER_KINDS[place]}:"))
    columns = [
        pa.array(hash_text(rows[near])),
        pa.array(hash_text(rows[far])),
        pa.repeat(pa.scalar(place, pa.int8()), rows.num_rows),
        rows["records"],
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SUPPLIED)


@dataclass(frozen=True)
class Suppliers:
    """Records by node (rows) and supplier (columns), a matrix a kind that occurs."""

    kinds: tuple[csr_array, ...]

    def added(self, label: np.ndarray) -> Suppliers:
        """The rows of each label added up; what a record counts is `TEMPER`."""
        nodes = len(label)
        adds = csr_array((np.ones(nodes), (label, np.arange(nodes))), shape=(nodes, nodes))
        return Suppliers(tuple((adds @ one * TEMPER).sorted_indices() for one in self.kinds))

    def likeness(self, label: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """For pairs of clusters: log-odds, in nats, that they buy from the same suppliers.

        For each kind the logarithm of the Bayes factor of one customer against two, of whom each
        spreads its records over suppliers by a Dirichlet distribution with their overall
        frequencies times `CONCENTRATION` (the Dirichlet-multinomial; Good, The Estimation of
        Probabilities, 1965). 0 where nothing is known.
        """
        clusters = self.added(label)
        return clusters.fit(clusters, a, b, np.zeros(len(a), bool))

    def fit(self, pieces: Suppliers, a: np.ndarray, b: np.ndarray, own: np.ndarray) -> np.ndarray:
        """For pieces a and clusters b, both `added` up: the same log-odds.

        Where a piece is its cluster's `own`, it is held against the cluster without it.
        """
        found = np.zeros(len(a))
        for piece, cluster in zip(pieces.kinds, self.kinds, strict=True):
            found += _bayes(piece, a, cluster, b, own.astype(np.float64))
        return found


def _total(records: csr_array) -> np.ndarray:
    """The sum of each row."""
    return np.asarray(records.sum(axis=1)).ravel()


def _frequency(records: csr_array) -> np.ndarray:
    """The share of each supplier in all records."""
    total = np.asarray(records.sum(axis=0)).ravel()
    return total / (total.sum() or 1.0)


def _bayes(
    ones: csr_array,
    a: np.ndarray,
    others: csr_array,
    b: np.ndarray,
    own: np.ndarray,
) -> np.ndarray:
    """Log Bayes factors of each row a of `ones` against row b of `others` less `own` times row a.

    See `Suppliers.likeness`.
    """
    found = np.zeros(len(a))
    first = _total(ones)[a]
    second = _total(others)[b] - own * first
    # Where one of the two has no record, nothing speaks for or against them.
    told = np.flatnonzero((first > 0) & (second > 0))
    first, second = first[told], second[told]
    # Where only one of the two uses a supplier, its terms cancel: only shared ones are left.
    row, column, one, other = _shared(ones[a[told]], others[b[told]])
    other -= own[told][row] * one
    left = other > 0
    row, one, other = row[left], one[left], other[left]
    alpha = CONCENTRATION * _frequency(others)[column[left]]
    term = gammaln(alpha + one + other) + gammaln(alpha)
    term -= gammaln(alpha + one) + gammaln(alpha + other)
    whole = gammaln(CONCENTRATION + first) + gammaln(CONCENTRATION + second)
    whole -= gammaln(CONCENTRATION + first + second) + gammaln(CONCENTRATION)
    found[told] = np.bincount(row, term, len(told)) + whole
    return found


def _shared(
    ones: csr_array, others: csr_array
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and both values, where both matrices of sorted rows have one."""
    keys = [_places(each) for each in (ones, others)]
    at = np.searchsorted(keys[1], keys[0])
    at[at == len(keys[1])] = 0
    both = keys[1][at] == keys[0] if len(keys[1]) else np.zeros(len(at), bool)
    row, column = np.divmod(keys[0][both], max(ones.shape[1], 1))
    return row, column, ones.data[both], others.data[at[both]]


def _places(matrix: csr_array) -> np.ndarray:
    """Row and column of each value as one number."""
    rows = np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))
    return rows * matrix.shape[1] + matrix.indices


def suppliers_by_node(rows: pa.Table, node: np.ndarray) -> Suppliers:
    """SUPPLIED rows over the sorted hashes `node`; rows of others fall away."""
    hashes = rows["node"].to_numpy()
    at = np.minimum(np.searchsorted(node, hashes), max(len(node) - 1, 0))
    known = node[at] == hashes if len(node) else np.zeros(len(hashes), bool)
    kind = rows["kind"].to_numpy()[known]
    supplier, counts = (rows[name].to_numpy()[known] for name in ("supplier", "records"))
    at = at[known]
    found = []
    for place in np.unique(kind):
        of = kind == place
        names, column = np.unique(supplier[of], return_inverse=True)
        shape = (len(node), len(names))
        found.append(csr_array((counts[of].astype(np.float64), (at[of], column)), shape=shape))
    return Suppliers(tuple(found))
