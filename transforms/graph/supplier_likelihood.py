"""The log Bayes factor that two groups of identifiers buy from the same suppliers.

A supplier's customers share its trunks, origination ids, addresses, carriers and scripts, so these
join nothing. But two groups that are tied anyway, and that use the same few of them, are more
likely one; and two that use others are more likely two. The countries where victims live
(`transforms.graph.incidence`) are evidence of the same form.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array

from schemas.enums import SUPPLIER_KINDS, Strength
from transforms.arrow_util import concat_ranges, hash_text, sorted_lookup

CONCENTRATION = 2.0
"""Suppliers of a kind that a customer spreads its calls over, about."""

RECORD_WEIGHT = 0.5
"""The count of a reporter, whom each of the two or three identifiers of a record counts again."""

SUPPLIER_USE = pa.schema(
    [("node", pa.int64()), ("supplier", pa.int64()), ("kind", pa.int8()), ("reporters", pa.int64())]
)
"""Reporters whose records name an entity beside a supplier's; ids are 63-bit hashes.

`kind` is the supplier's place in SUPPLIER_KINDS.
"""


_KINDS = [str(kind) for kind in SUPPLIER_KINDS]


@dataclass(frozen=True)
class SupplierCounts:
    """Reporters by node (rows) and supplier (columns), a matrix a kind that occurs."""

    kinds: tuple[csr_array, ...]

    def sum_by_label(self, label: np.ndarray) -> SupplierCounts:
        """Adds up the rows of each label, each reporter of a node as `RECORD_WEIGHT`."""
        nodes = len(label)
        adds = csr_array((np.ones(nodes), (label, np.arange(nodes))), shape=(nodes, nodes))
        return SupplierCounts(
            tuple((adds @ one * RECORD_WEIGHT).sorted_indices() for one in self.kinds)
        )

    def log_bayes_factor(self, label: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Returns, for pairs of clusters, the log-odds in nats that they are one customer.

        The sum over kinds of the log Bayes factor of one customer against two, of whom each
        spreads its records over suppliers by a Dirichlet distribution with their overall
        frequencies times `CONCENTRATION` (the Dirichlet-multinomial; Good, The Estimation of
        Probabilities, 1965). 0 where nothing is known.
        """
        clusters = self.sum_by_label(label)
        return clusters.piece_log_bayes_factor(clusters, a, b, np.zeros(len(a), bool))

    def piece_log_bayes_factor(
        self, pieces: SupplierCounts, a: np.ndarray, b: np.ndarray, own: np.ndarray
    ) -> np.ndarray:
        """Returns the same for pieces a and clusters b, both summed by label.

        Where b is the piece's `own` cluster, the piece is compared with the rest of it.
        """
        found = np.zeros(len(a))
        for piece, cluster in zip(pieces.kinds, self.kinds, strict=True):
            found += _log_bayes_factors(piece, a, cluster, b, own.astype(np.float64))
        return found


def supplier_use(links: pa.RecordBatch) -> pa.RecordBatch:
    """Converts LINK rows, soft ones with a supplier at one end, to SUPPLIER_USE rows."""
    soft = links.filter(pc.equal(links["strength"], Strength.SOFT))
    near = pa.concat_arrays([soft["entity_a"], soft["entity_b"]])
    far = pa.concat_arrays([soft["entity_b"], soft["entity_a"]])
    kind = pc.index_in(pc.replace_substring_regex(far, ":.*", ""), pa.array(_KINDS))
    used = pc.is_valid(kind)
    columns = [
        pa.array(hash_text(near.filter(used))),
        pa.array(hash_text(far.filter(used))),
        kind.filter(used).cast(pa.int8()),
        pa.concat_arrays([soft["reporters"]] * 2).filter(used),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=SUPPLIER_USE)


def supplier_counts_by_node(rows: pa.Table, node: np.ndarray) -> SupplierCounts:
    """Counts the reporters of SUPPLIER_USE rows over the sorted hashes `node`; drops others."""
    at, known = sorted_lookup(node, rows["node"].to_numpy())
    kind = rows["kind"].to_numpy()[known]
    supplier, counts = (rows[name].to_numpy()[known] for name in ("supplier", "reporters"))
    at = at[known]
    found = []
    for place in np.unique(kind):
        of = kind == place
        names, column = np.unique(supplier[of], return_inverse=True)
        shape = (len(node), len(names))
        found.append(csr_array((counts[of].astype(np.float64), (at[of], column)), shape=shape))
    return SupplierCounts(tuple(found))


def _log_bayes_factors(
    ones: csr_array, a: np.ndarray, others: csr_array, b: np.ndarray, own: np.ndarray
) -> np.ndarray:
    """Returns log Bayes factors of row a of `ones` against row b of `others` less `own` row a.

    See `SupplierCounts.log_bayes_factor`.
    """
    row, cells, one = _cells(ones, a)
    other_row, other_cells, other = _cells(others, b)
    first = np.bincount(row, one, len(a))
    second = np.bincount(other_row, other, len(b)) - own * first
    # Where only one of the two uses a supplier, its terms cancel: only shared ones are left.
    at, both = sorted_lookup(other_cells, cells)
    row, one = row[both], one[both]
    column, other = cells[both] - row * ones.shape[1], other[at[both]] - own[row] * one
    left = other > 0
    row, column, one, other = row[left], column[left], one[left], other[left]
    total = np.bincount(others.indices, others.data, others.shape[1])
    prior = CONCENTRATION * (total / (total.sum() or 1.0))
    from scipy.special import gammaln

    alpha = prior[column]
    term = gammaln(alpha + one + other) + gammaln(prior)[column]
    term -= gammaln(alpha + one) + gammaln(alpha + other)
    found = np.zeros(len(a))
    found += np.bincount(row, term, len(a))
    # Where one of the two has no record, there is no evidence either way.
    known = (first > 0) & (second > 0)
    first, second = first[known], second[known]
    whole = gammaln(CONCENTRATION + first) + gammaln(CONCENTRATION + second)
    whole -= gammaln(CONCENTRATION + first + second) + gammaln(CONCENTRATION)
    found[known] += whole
    return found


def _cells(matrix: csr_array, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the values of some rows: the place of each in `rows`, its cell's number, itself.

    The numbers rise, since the rows of the matrix are sorted.
    """
    sizes = np.diff(matrix.indptr)[rows]
    at = concat_ranges(matrix.indptr[rows], sizes)
    row = np.repeat(np.arange(len(rows)), sizes)
    return row, row * matrix.shape[1] + matrix.indices[at], matrix.data[at]
