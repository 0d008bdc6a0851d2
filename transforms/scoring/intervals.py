"""How sure a score is: bootstrap intervals over the true clusters.

Items of one true cluster stand or fall together, so whole true clusters are drawn (a cluster
bootstrap; Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from transforms.scoring.metrics import Labels, contingency

DRAWS = 2000
LEVEL = 0.95
SEED = 1


@dataclass(frozen=True)
class Intervals:
    """The central 95 % of the F1 of bootstrap draws: low, high."""

    bcubed: tuple[float, float]
    pairwise: tuple[float, float]


def intervals(truth: Labels, predicted: Labels) -> Intervals:
    """Intervals of both F1; the same for the same labels, whatever the order of the items.

    A pair of two true clusters that the prediction put together counts half for each.
    """
    table = contingency(truth, predicted)
    clusters = table.shape[0]
    if not clusters:
        return Intervals((1.0, 1.0), (1.0, 1.0))
    chance = np.full(clusters, 1 / clusters)
    drawn = np.random.default_rng(SEED).multinomial(clusters, chance, DRAWS).astype(np.float64)
    # Sorted by what they contribute, since labels could name the true clusters in any order.
    share = _contributions(table)
    sums = drawn @ share[np.lexsort(share.T)]
    items, precise, recalled, together, put, true = sums.T
    return Intervals(
        _central(_f1(precise / items, recalled / items)),
        _central(_f1(_ratio(together, put), _ratio(together, true))),
    )


def _contributions(table: sparse.csr_array) -> np.ndarray:
    """Of each true cluster: items, B-cubed precision and recall, pairs together, put and true."""
    cells = table.tocoo()
    count = cells.data.astype(np.float64)
    size = np.asarray(table.sum(axis=1)).ravel().astype(np.float64)
    found = np.asarray(table.sum(axis=0)).ravel().astype(np.float64)[cells.col]
    columns = [count, count * count / found, count * count / size[cells.row]]
    columns += [count * (count - 1) / 2, count * (found - 1) / 2]
    summed = [np.bincount(cells.row, column, len(size)) for column in columns]
    return np.stack([*summed, size * (size - 1) / 2], axis=1)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.ones_like(part), where=whole > 0)


def _f1(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
    total = precision + recall
    return np.divide(2 * precision * recall, total, out=np.zeros_like(total), where=total > 0)


def _central(values: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
