"""The strongest chain of evidence between two entities, and where a cluster would fall apart."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

Row = Mapping[str, Any]


def strongest_path(links: Iterable[Row], a: str, b: str) -> list[Row]:
    """The LINK rows of the path from a to b that is most likely to hold; empty where none is.

    A link of weight w is taken to hold with 1 - 2^-w (docs/evidence.md), and a path with the
    product of its links. Of equals, the same one is found for any order of the links.
    """
    import networkx as nx  # noqa: PLC0415 - a process that writes pages has no use for it

    graph = nx.Graph()
    for link in sorted(links, key=_ends):
        graph.add_edge(
            *_ends(link), doubt=-math.log(1 - 2 ** -max(link["weight"], 1e-6)), link=link
        )
    if a not in graph or b not in graph or not nx.has_path(graph, a, b):
        return []
    path = nx.dijkstra_path(graph, a, b, weight="doubt")
    return [graph[near][far]["link"] for near, far in pairwise(path)]


def likelihood(path: Iterable[Row]) -> float:
    """The product of 1 - 2^-w over the links of a path."""
    return math.prod(1 - 2 ** -link["weight"] for link in path)


def sides(
    members: Sequence[str], links: Sequence[Row], bridge: Row
) -> tuple[list[str], list[str]] | None:
    """The two parts that a cluster falls into when `bridge` is cut; None where it holds.

    `links` are the cluster's accepted links. The part of the bridge's entity_a comes first.
    """
    cut = _ends(bridge)
    near: dict[str, list[str]] = {one: [] for one in members}
    for link in links:
        a, b = _ends(link)
        if (a, b) != cut:
            near.setdefault(a, []).append(b)
            near.setdefault(b, []).append(a)
    part = _reached(near, cut[0])
    if cut[1] in part:
        return None
    return sorted(part), sorted(_reached(near, cut[1]))


def _reached(near: Mapping[str, Sequence[str]], start: str) -> set[str]:
    """All that hangs together with `start`."""
    found, waiting = {start}, [start]
    while waiting:
        more = [one for one in near[waiting.pop()] if one not in found]
        found.update(more)
        waiting += more
    return found


def _ends(link: Row) -> tuple[str, str]:
    return link["entity_a"], link["entity_b"]
