"""Connected components of an undirected graph, as arrays."""

from __future__ import annotations

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def components(nodes: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Label of each of `nodes` (numbered from 0) under edges a[i]-b[i]: its component's minimum.

    The minimum makes the labels the same whatever the order of the edges.
    """
    ones = np.ones(len(a), np.int8)
    graph = coo_array((ones, (a, b)), shape=(nodes, nodes))
    count, label = connected_components(graph, directed=False)
    smallest = np.full(count, nodes, np.int64)
    np.minimum.at(smallest, label, np.arange(nodes))
    return smallest[label]
