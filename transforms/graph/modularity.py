"""Leiden communities, at the resolution that the data itself asks for."""

from __future__ import annotations

import graspologic_native
import numpy as np
from scipy.sparse import coo_array

from transforms.graph.incidence import Ties

SEED = 1
ITERATIONS = 2
"""One iteration under-converges (GRAPH.md)."""


def leiden(graph: Ties, nodes: int, resolution: float) -> np.ndarray:
    """Community of each node (its smallest member's number) by modularity.

    Traag, Waltman and van Eck, Scientific Reports 9, 5233 (2019). The same for the same graph: the
    seed is fixed and the ties come sorted. A node without ties is alone.
    """
    label = np.arange(nodes)
    if len(graph.a):
        ends = np.concatenate([graph.a, graph.b]), np.concatenate([graph.b, graph.a])
        weight = np.concatenate([graph.weight, graph.weight])
        matrix = coo_array((weight, ends), shape=(nodes, nodes)).tocsr()
        label = search(matrix.indptr, matrix.indices, matrix.data, resolution)
    return smallest_members(label)


def search(
    pointers: np.ndarray, columns: np.ndarray, weight: np.ndarray, resolution: float
) -> np.ndarray:
    """A community number per row of a symmetric matrix of ties in CSR form."""
    nodes = len(pointers) - 1
    _, found = graspologic_native.leiden_csr(
        pointers.astype(np.int64, copy=False),
        columns.astype(np.int32, copy=False),
        weight.astype(np.float64, copy=False),
        nodes,
        resolution=resolution,
        iterations=ITERATIONS,
        seed=SEED,
    )
    label = np.arange(nodes)
    label[np.fromiter(found.keys(), np.int64)] = nodes + np.fromiter(found.values(), np.int64)
    return label


def smallest_members(label: np.ndarray) -> np.ndarray:
    """The same partition, each part labelled with its smallest member."""
    _, first, part = np.unique(label, return_index=True, return_inverse=True)
    return first[part]


def fitted_resolution(graph: Ties, label: np.ndarray) -> float | None:
    """The resolution at which modularity is the likelihood of this partition; None if degenerate.

    Newman, Phys. Rev. E 94, 052315 (2016), equation 15: with the rates of ties inside and between
    communities against chance, (in - between) / (ln in - ln between). It grows with the number of
    communities, so that many small call centers are told apart as well as few large ones.
    """
    weight = graph.weight
    degree = np.bincount(graph.a, weight, len(label)) + np.bincount(graph.b, weight, len(label))
    whole = degree.sum()
    inside = 2 * weight[label[graph.a] == label[graph.b]].sum()
    by_chance = (np.bincount(label, degree) ** 2).sum() / whole if whole else 0.0
    if not 0 < by_chance < whole:
        return None
    rate_in, rate_between = inside / by_chance, (whole - inside) / (whole - by_chance)
    if not 0 < rate_between < rate_in:
        return None
    return float((rate_in - rate_between) / (np.log(rate_in) - np.log(rate_between)))
