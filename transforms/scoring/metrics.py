"""How well a clustering agrees with the truth: all from one contingency table.

Labels are arrays of any one type, one label an item; equal labels are one cluster.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

Labels = npt.NDArray[Any]


@dataclass(frozen=True)
class Score:
    """Precision and recall, 0 to 1, and their harmonic mean."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean; 0 when both are 0."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


@dataclass(frozen=True)
class Agreement:
    """Every measure of one clustering against the truth.

    `split` counts true clusters whose items lie in several clusters, `merged` counts clusters
    that hold items of several true ones.
    """

    items: int
    pairwise: Score
    bcubed: Score
    adjusted_rand: float
    largest_share: float
    split: int
    merged: int


def contingency(truth: Labels, predicted: Labels) -> sparse.csr_array:
    """Items by true cluster (rows) and predicted cluster (columns), both in label order.

    Raises ValueError if the two are not of one length.
    """
    if truth.shape != predicted.shape:
        raise ValueError(f"{truth.size} true labels but {predicted.size} predicted ones")
    rows, row_of = np.unique(truth, return_inverse=True)
    columns, column_of = np.unique(predicted, return_inverse=True)
    ones = np.ones(truth.size, dtype=np.int64)
    shape = (rows.size, columns.size)
    table = sparse.coo_array((ones, (row_of, column_of)), shape=shape).tocsr()
    table.sum_duplicates()
    return table


def compare(truth: Labels, predicted: Labels) -> Agreement:
    """All measures; raises ValueError if the two are not of one length."""
    table = contingency(truth, predicted)
    columns = _sums(table, 0)
    spread = np.diff(table.indptr)
    return Agreement(
        items=truth.size,
        pairwise=pairwise(table),
        bcubed=bcubed(table),
        adjusted_rand=adjusted_rand(table),
        largest_share=float(columns.max() / truth.size) if truth.size else 0.0,
        split=int((spread > 1).sum()),
        merged=int((np.bincount(table.indices, minlength=columns.size) > 1).sum()),
    )


def pairwise(table: sparse.csr_array) -> Score:
    """Of the pairs put together, how many belong together, and the reverse.

    Where there is no pair to judge, nothing is wrong: 1.
    """
    together = _pairs(table.data)
    return Score(
        _ratio(together, _pairs(_sums(table, 0))), _ratio(together, _pairs(_sums(table, 1)))
    )


def bcubed(table: sparse.csr_array) -> Score:
    """Precision and recall averaged over items (Bagga and Baldwin 1998; Amigo et al. 2009).

    1 for no items.
    """
    cells = table.tocoo()
    counts = cells.data.astype(np.float64)
    items = counts.sum()
    if not items:
        return Score(1.0, 1.0)
    squares = counts * counts
    return Score(
        float((squares / _sums(table, 0)[cells.col]).sum() / items),
        float((squares / _sums(table, 1)[cells.row]).sum() / items),
    )


def adjusted_rand(table: sparse.csr_array) -> float:
    """The Rand index adjusted for chance (Hubert and Arabie 1985); 1 for equal clusterings.

    Also 1 where chance alone leaves no room, as when both put everything into one cluster.
    """
    together = _pairs(table.data)
    true_pairs, predicted_pairs = _pairs(_sums(table, 1)), _pairs(_sums(table, 0))
    all_pairs = _pairs(np.asarray([table.sum()]))
    if not all_pairs:
        return 1.0
    expected = true_pairs * predicted_pairs / all_pairs
    most = (true_pairs + predicted_pairs) / 2
    return float((together - expected) / (most - expected)) if most != expected else 1.0


def _sums(table: sparse.csr_array, axis: int) -> npt.NDArray[np.int64]:
    return np.asarray(table.sum(axis=axis)).ravel()


def _pairs(counts: npt.NDArray[np.int64]) -> float:
    """Pairs within clusters of these sizes; in floats, as squares of millions overflow sums."""
    sizes = counts.astype(np.float64)
    return float((sizes * (sizes - 1) / 2).sum())


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 1.0
