"""Whose calls come over the same suppliers: what speaks for or against a tie, never a tie itself.

Trunks, origination ids, addresses, carriers and scripts are shared by a supplier's customers, so
they join nothing. But two groups that are tied anyway, and that use the same few of them, are more
likely one; and two that use others are more likely two. The countries where victims live are
weighed alike (`transforms.graph.reach`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array
from scipy.special import gammaln

from schemas.kinds import SUPPLIER_KINDS, Strength
from transforms.shuffle import hash_text

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

    def likeness(self, label: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """For pairs of clusters: log-odds, in nats, that they buy from the same suppliers.

        For each kind the logarithm of the Bayes factor of one customer against two, of whom each
        spreads its records over suppliers by a Dirichlet distribution with their overall
        frequencies times `CONCENTRATION` (the Dirichlet-multinomial; Good, The Estimation of
        Probabilities, 1965). 0 where nothing is known.
        """
        found = np.zeros(len(a))
        for one in self.kinds:
            records = _by(label) @ one * TEMPER
            found += _bayes(records[a], records[b], _frequency(one))
        return found

    def fit(self, piece: np.ndarray, label: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """For pieces a and clusters b, of a labelling that they refine: the same log-odds.

        A piece is held against its own cluster without itself.
        """
        own = csr_array((label[a] == b).astype(np.float64)[:, None])
        found = np.zeros(len(a))
        for one in self.kinds:
            pieces, clusters = (_by(of) @ one * TEMPER for of in (piece, label))
            mine = pieces[a]
            found += _bayes(mine, clusters[b] - mine.multiply(own), _frequency(one))
        return found


def _by(label: np.ndarray) -> csr_array:
    """A matrix that adds up the rows of each label."""
    nodes = len(label)
    return csr_array((np.ones(nodes), (label, np.arange(nodes))), shape=(nodes, nodes))


def _frequency(records: csr_array) -> np.ndarray:
    """The share of each supplier in all records."""
    total = np.asarray(records.sum(axis=0)).ravel()
    return total / max(total.sum(), 1)


def _bayes(ones: csr_array, others: csr_array, frequency: np.ndarray) -> np.ndarray:
    """Log Bayes factors of each row of one against that of the other; see `Suppliers.likeness`."""
    prior = CONCENTRATION * frequency
    first, second = (np.asarray(each.sum(axis=1)).ravel() for each in (ones, others))
    # Where only one of the two uses a supplier, its terms cancel: only shared ones are left.
    row, column, one = _entries(ones.multiply(others.sign()))
    _, _, other = _entries(others.multiply(ones.sign()))
    alpha = prior[column]
    term = gammaln(alpha + one + other) + gammaln(alpha)
    term -= gammaln(alpha + one) + gammaln(alpha + other)
    whole = gammaln(CONCENTRATION + first) + gammaln(CONCENTRATION + second)
    whole -= gammaln(CONCENTRATION + first + second) + gammaln(CONCENTRATION)
    return np.bincount(row, term, ones.shape[0]) + whole


def _entries(matrix: csr_array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and value of what is not 0, by row and column."""
    ordered = matrix.tocsr().sorted_indices().tocoo()
    return ordered.coords[0], ordered.coords[1], ordered.data


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
