"""Members and links without which a graph falls apart, and how much falls off.

This is the depth-first search of Hopcroft and Tarjan (CACM 16, 372, 1973). The nodes reached
through a node fall off without it if none of them leads back to a node before it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Mapping
from typing import TypeVar

Node = TypeVar("Node", bound=Hashable)


def find_weak_points(
    graph: Mapping[Node, Collection[Node]], weight: Mapping[Node, int]
) -> tuple[dict[Node, list[int]], dict[tuple[Node, Node], list[int]]]:
    """Finds the articulation points and bridges of a graph.

    Args:
        graph: The neighbours of each node.
        weight: The weight of each node on a side; 0 for missing nodes.

    Returns:
        The weights of the sides that each point separates, and of the two sides of each bridge. A
        bridge is a pair of a node and the node before it in the search.
    """
    points: dict[Node, list[int]] = {}
    bridges: dict[tuple[Node, Node], list[int]] = {}
    number: dict[Node, int] = {}
    for root in graph:
        if root in number:
            continue
        reached = _search(graph, root)
        number |= {node: len(number) + place for place, node in enumerate(reached)}
        low = {node: number[node] for node in reached}
        size = {node: weight.get(node, 0) for node in reached}
        apart = defaultdict[Node, list[int]](list)
        total = sum(size.values())
        for node, parent in reversed([*reached.items()][1:]):
            near = [number[neighbour] for neighbour in graph[node] if neighbour != parent]
            low[node] = min([low[node], *near])
            low[parent] = min(low[parent], low[node])
            size[parent] += size[node]
            if low[node] >= number[parent]:
                apart[parent].append(size[node])
            if low[node] > number[parent]:
                bridges[node, parent] = [size[node], total - size[node]]
        for node, sides in apart.items():
            if node != root:
                sides.append(total - sum(sides) - weight.get(node, 0))
            if len(sides) > 1:
                points[node] = sides
    return points, bridges


def _search(graph: Mapping[Node, Collection[Node]], root: Node) -> dict[Node, Node]:
    """Returns the nodes reached from a root, depth first, each with the node before it."""
    reached = {root: root}
    path = [(root, iter(graph[root]))]
    while path:
        node, ahead = path[-1]
        new = next((neighbour for neighbour in ahead if neighbour not in reached), None)
        if new is None:
            path.pop()
        else:
            reached[new] = node
            path.append((new, iter(graph[new])))
    return reached
