"""Where the members of a cluster stand in its picture: computed beforehand, the same every time.

A member that comes or goes moves the others little, so that a cluster keeps its shape from day
to day: the start is the classical scaling of the graph's distances, turned so that each member
points where its id says, and the springs only settle it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy.linalg import eigh, orthogonal_procrustes
from scipy.sparse.csgraph import shortest_path
from scipy.spatial.distance import cdist

Point = tuple[float, float]

ITERATIONS = 60
"""More of them move no member of the measured clusters by a hundredth of the picture."""


def positions(nodes: Sequence[str], edges: Iterable[tuple[str, str, float]]) -> dict[str, Point]:
    """Places of `nodes` in the square from (0, 0) to (1, 1), for edges (a, b, weight).

    Each connected part is laid out by itself, the parts beside each other, the largest first.
    """
    graph = nx.Graph()
    graph.add_nodes_from(sorted(nodes))
    graph.add_edges_from(sorted((a, b, {"length": _length(w)}) for a, b, w in edges))
    parts = sorted(nx.connected_components(graph), key=lambda part: (-len(part), min(part)))
    return _packed([_placed(graph, sorted(part)) for part in parts])


def _length(weight: float) -> float:
    """Well-evidenced links are shorter, at most by half."""
    return 0.5 + 0.5 / (1 + math.log1p(max(weight, 0)))


def _placed(graph: nx.Graph, part: list[str]) -> dict[str, Point]:
    """Stress majorization: distances in the picture follow those in the graph.

    Gansner, Koren and North (2004), with their weights d^-2. networkx has the same measure as
    `kamada_kawai_layout`, which takes 12 s for 500 members where this takes half of one.
    """
    if len(part) == 1:
        return {part[0]: (0.0, 0.0)}
    lengths = nx.to_scipy_sparse_array(graph, nodelist=part, weight="length")
    distances = shortest_path(lengths, directed=False)
    np.fill_diagonal(distances, 1)
    weights = distances**-2.0
    np.fill_diagonal(weights, 0)
    # The Laplacian has the constant vectors as its kernel; adding 1 there leaves them in place.
    solve = np.linalg.inv(np.diag(weights.sum(1)) - weights + 1 / len(part))
    places = _scaled(distances, part)
    for _ in range(ITERATIONS):
        apart = cdist(places, places)
        pull = -weights * distances / np.maximum(apart, 1e-9)
        np.fill_diagonal(pull, 0)
        np.fill_diagonal(pull, -pull.sum(1))
        places = solve @ (pull @ places)
    return {one: (float(x), float(y)) for one, (x, y) in zip(part, places, strict=True)}


def _scaled(distances: NDArray[np.float64], part: list[str]) -> NDArray[np.float64]:
    """Classical scaling (Torgerson 1952) to the plane, turned and mirrored as the ids say.

    Each id has a direction and a weight, both from its digest. The weights fall off so steeply
    that a few members decide, and a member that comes or goes is seldom one of them.
    """
    squared = distances**2
    centred = squared - squared.mean(0) - squared.mean(1)[:, None] + squared.mean()
    top = [max(len(part) - 2, 0), len(part) - 1]
    values, vectors = eigh(-centred / 2, subset_by_index=top)
    plane = vectors * np.sqrt(np.maximum(values, 1e-9))
    turn, _ = orthogonal_procrustes(plane, np.array([_pull(one) for one in part]))
    return np.asarray(plane @ turn)


def _pull(entity_id: str) -> Point:
    """A direction, times a heavy-tailed weight."""
    digest = hashlib.sha256(entity_id.encode("utf-8", "replace")).digest()
    angle, share = (int.from_bytes(digest[at : at + 4]) / 2**32 for at in (0, 4))
    weight = (share + 2**-20) ** -2
    return weight * math.cos(2 * math.pi * angle), weight * math.sin(2 * math.pi * angle)


def _packed(parts: Sequence[dict[str, Point]]) -> dict[str, Point]:
    """Parts laid in rows as words are, each in a box as wide as its members need."""
    whole = sum(math.sqrt(len(part)) + 1 for part in parts)
    width = max(math.sqrt(whole) * 1.5, max((_side(part) for part in parts), default=1))
    placed: dict[str, Point] = {}
    x = y = height = 0.0
    for part in parts:
        side = _side(part)
        if x and x + side > width:
            x, y, height = 0.0, y + height, 0.0
        placed |= {one: (x + px, y + py) for one, (px, py) in _fitted(part, side).items()}
        x, height = x + side, max(height, side)
    scale = max(max((x for x, _ in placed.values()), default=1), y + height, width)
    return {one: (px / scale, py / scale) for one, (px, py) in placed.items()}


def _side(part: dict[str, Point]) -> float:
    return 1.0 if len(part) == 1 else math.sqrt(len(part)) + 1


def _fitted(part: dict[str, Point], side: float) -> dict[str, Point]:
    """A part in the box from (0, 0) to (side, side), with half a unit of margin."""
    if len(part) == 1:
        return dict.fromkeys(part, (0.5, 0.5))
    xs, ys = zip(*part.values(), strict=True)
    left, top = min(xs), min(ys)
    spans = (max(xs) - left or 1, max(ys) - top or 1)
    inner = side - 1
    return {
        one: (
            0.5 + (x - left) / spans[0] * inner,
            0.5 + (y - top) / spans[1] * inner,
        )
        for one, (x, y) in part.items()
    }
