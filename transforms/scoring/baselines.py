"""What simpler methods make of the same links: the measure of what clustering is worth."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from transforms.graph.components import components
from transforms.graph.incidence import Ties
from transforms.graph.modularity import leiden

MOST_LINKS = 20
"""Links above which the capped method leaves an identifier out, as a hub."""

SPLINK_THRESHOLD = 0.5
"""Match probability from which Splink's clustering, connected components, uses a pair."""


def baselines(
    a: np.ndarray, b: np.ndarray, weight: np.ndarray, nodes: int
) -> Iterator[tuple[str, np.ndarray]]:
    """(method, label of each node) over links a < b, in sorted order, with weights.

    A link of weight w is a match with probability 1 - 2^-w (docs/evidence.md).
    """
    yield "components", components(nodes, a, b)
    degree = np.bincount(a, minlength=nodes) + np.bincount(b, minlength=nodes)
    capped = (degree[a] <= MOST_LINKS) & (degree[b] <= MOST_LINKS)
    yield f"components, at most {MOST_LINKS} links", components(nodes, a[capped], b[capped])
    likely = match_probability(weight) >= SPLINK_THRESHOLD
    yield "components of likely pairs, as Splink", components(nodes, a[likely], b[likely])
    ones = np.ones(len(a))
    plain = Ties(a, b, ones, np.ones(len(a), np.int64), ones)
    yield "Leiden, unweighted", leiden(plain, nodes, 1.0)


def match_probability(weight: np.ndarray) -> np.ndarray:
    """Of links with these weights, as of members (docs/evidence.md): 1 - 2^-weight."""
    return 1 - 2.0**-weight
