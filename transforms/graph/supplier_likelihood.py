"""The log Bayes factor that two groups of identifiers buy from the same suppliers.

A supplier's customers share its trunks, origination ids, addresses, carriers and scripts, so these
tie no identifiers. But two groups with a tie are more likely one customer if they use the same few
suppliers, and more likely two if they use different suppliers. The countries of victims
(`transforms.graph.incidence`) are evidence of the same form.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array, hstack

from schemas.enums import SUPPLIER_KINDS, Strength
from schemas.field import INTEGER
from transforms.arrow import Array, concat_ranges, hash_text, sorted_lookup
from transforms.graph.incidence import rows_of_nodes

CONCENTRATION = 2.0
"""Rough number of suppliers of a kind over which a customer spreads its calls."""

RECORD_WEIGHT = 0.5
"""Weight of a reporter, since each of a record's two or three identifiers counts them again."""

SUPPLIER_USE = pa.schema(
    {"node": INTEGER, "supplier": INTEGER, "kind": pa.int8(), "reporters": INTEGER}
)
"""Number of reporters whose records name an entity and a supplier's; ids are 63-bit hashes.

`kind` is the supplier's place in SUPPLIER_KINDS.
"""


@dataclass(frozen=True)
class SupplierCounts:
    """Reporters by node (rows) and supplier (columns), one matrix for each kind, at least one."""

    kinds: tuple[csr_array, ...]

    @cached_property
    def _all_kinds(self) -> tuple[csr_array, Array]:
        """The matrices of all kinds side by side, and the kind's number of each column."""
        widths = [matrix.shape[1] for matrix in self.kinds]
        return hstack(self.kinds, format="csr"), np.repeat(np.arange(len(widths)), widths)

    def sum_by_label(self, label: Array) -> SupplierSums:
        """Adds up the rows of each label, with `RECORD_WEIGHT` for each reporter of a node."""
        nodes, (counts, kind) = len(label), self._all_kinds
        adds = csr_array((np.ones(nodes), (label, np.arange(nodes))), shape=(nodes, nodes))
        return SupplierSums((adds @ counts * RECORD_WEIGHT).sorted_indices(), kind)

    def log_bayes_factor(self, label: Array, a: Array, b: Array) -> Array:
        """Returns, for pairs of clusters, the log-odds in nats that they are one customer.

        This is the log Bayes factor of one customer against two, added up over kinds. A customer
        spreads its records over suppliers by a Dirichlet distribution: the overall frequencies
        times `CONCENTRATION` (Good, The Estimation of Probabilities, 1965). 0 if nothing is known.
        """
        clusters = self.sum_by_label(label)
        return clusters.piece_log_bayes_factor(clusters, a, b, np.zeros(len(a), bool))


@dataclass(frozen=True)
class SupplierSums:
    """Reporters by label (rows) and supplier of any kind (columns), and each column's kind."""

    counts: csr_array
    kind: Array

    @cached_property
    def _cells(self) -> Array:
        """The places of the counts, ascending: row by row, in the order of the columns."""
        rows, columns = self.counts.shape
        return np.repeat(np.arange(rows) * columns, np.diff(self.counts.indptr)) + (
            self.counts.indices
        )

    @cached_property
    def _by_kind(self) -> Array:
        """The sums of each row over the suppliers of each kind."""
        rows, kinds = self.counts.shape[0], int(self.kind.max(initial=0)) + 1
        row = np.repeat(np.arange(rows) * kinds, np.diff(self.counts.indptr))
        of_kind = row + self.kind[self.counts.indices]
        return np.bincount(of_kind, self.counts.data, rows * kinds).reshape(-1, kinds)

    def piece_log_bayes_factor(self, pieces: SupplierSums, a: Array, b: Array, own: Array) -> Array:
        """Returns `SupplierCounts.log_bayes_factor` for pairs of pieces a and clusters b.

        If b is the piece's `own` cluster, the piece is compared with the rest of the cluster.
        """
        counts, kind, kinds = self.counts, self.kind, int(self.kind.max(initial=0)) + 1
        width, size = counts.shape[1], len(a) * kinds
        first, rest = pieces._by_kind[a].ravel(), self._by_kind[b].ravel()
        second = rest - np.repeat(own, kinds) * first
        # Without records of both sides there is no evidence either way.
        known = (first > 0) & (second > 0)
        if not known.any():
            return np.zeros(len(a))
        # The terms of a supplier that only one side uses cancel: keep only shared suppliers.
        sizes = np.diff(pieces.counts.indptr)[a]
        cell = concat_ranges(pieces.counts.indptr[a], sizes)
        row, column = np.repeat(np.arange(len(a)), sizes), pieces.counts.indices[cell]
        place, both = sorted_lookup(self._cells, b[row] * width + column)
        row, column, here = row[both], column[both], pieces.counts.data[cell[both]]
        elsewhere = counts.data[place[both]] - own[row] * here
        left = elsewhere > 0
        row, column, here, elsewhere = row[left], column[left], here[left], elsewhere[left]
        total = np.bincount(counts.indices, counts.data, width)
        of_kind = np.bincount(kind, total, kinds)
        prior = CONCENTRATION * (total / np.where(of_kind > 0, of_kind, 1)[kind])
        from scipy.special import gammaln

        alpha = prior[column]
        term = gammaln(alpha + here + elsewhere) + gammaln(prior)[column]
        term -= gammaln(alpha + here) + gammaln(alpha + elsewhere)
        factor = np.zeros(size)
        factor += np.bincount(row * kinds + kind[column], term, size)
        first, second = first[known], second[known]
        whole = gammaln(CONCENTRATION + first) + gammaln(CONCENTRATION + second)
        whole -= gammaln(CONCENTRATION + first + second) + gammaln(CONCENTRATION)
        factor[known] += whole
        return sum(factor.reshape(-1, kinds).T, np.zeros(len(a)))


def supplier_use(links: pa.RecordBatch) -> pa.RecordBatch:
    """Converts soft LINK rows with a supplier at one end to SUPPLIER_USE rows."""
    soft = links.filter(pc.equal(links["strength"], Strength.SOFT))
    ends = soft["entity_a"], soft["entity_b"]
    near, far = pa.concat_arrays(ends), pa.concat_arrays(ends[::-1])
    kind = pc.index_in(pc.replace_substring_regex(far, ":.*", ""), pa.array(SUPPLIER_KINDS))
    used, reporters = pc.is_valid(kind), pa.concat_arrays([soft["reporters"]] * 2)
    near, far, kind, reporters = (rows.filter(used) for rows in (near, far, kind, reporters))
    columns = [hash_text(near), hash_text(far), kind.cast(pa.int8()), reporters]
    return pa.record_batch(columns, SUPPLIER_USE)


def supplier_counts_by_node(rows: pa.Table, node: Array) -> SupplierCounts:
    """Counts the reporters of SUPPLIER_USE rows over the sorted hashes `node`; drops others."""
    rows, row = rows_of_nodes(rows, node, np.ones(rows.num_rows, bool))
    names = ("kind", "supplier", "reporters")
    kind, supplier, counts = (rows[name].to_numpy() for name in names)
    matrices = []
    for place in np.unique(kind):
        of_kind = kind == place
        distinct, column = np.unique(supplier[of_kind], return_inverse=True)
        shape = (len(node), len(distinct))
        matrices.append(
            csr_array((counts[of_kind].astype(np.float64), (row[of_kind], column)), shape=shape)
        )
    return SupplierCounts(tuple(matrices))
