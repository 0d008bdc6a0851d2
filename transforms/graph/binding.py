"""must_link and cannot_link bind the communities, whatever the evidence says."""

from __future__ import annotations

from collections.abc import Sequence

import networkx as nx
import numpy as np

from transforms.graph.communities import Communities
from transforms.graph.components import components
from transforms.graph.incidence import Incidence, Ties, ties
from transforms.graph.modularity import smallest_members
from transforms.graph.weighing import MILLION

Pairs = Sequence[tuple[int, int]]


def bind(found: Communities, evidence: Incidence, must: Pairs, cannot: Pairs) -> Communities:
    """The communities with every pair of node numbers of `must` in one, and of `cannot` in two.

    Communities that must be one are merged; a hub that must be linked is no hub. Two nodes that
    cannot be in one are kept apart by a minimum cut of the ties between them (Ford and Fulkerson
    1956), in whole millionths, so that the weakest links give way; of equal cuts, the one that
    takes least to the second node's side. What must be linked is never cut: `must` and `cannot`
    must not contradict each other.
    """
    if not must and not cannot:
        return found
    hub = found.hub.copy()
    ends = np.array(must, np.int64).reshape(-1, 2)
    hub[ends] = False
    label = components(len(found.label), found.label[ends[:, 0]], found.label[ends[:, 1]])
    label = smallest_members(label[found.label])
    graph = ties(evidence.without(hub), np.arange(evidence.nodes)) if cannot else None
    for a, b in sorted(cannot):
        if graph is not None and label[a] == label[b]:
            away = _side(graph, label, must, a, b)
            label[away] = label.max() + 1
    alone = np.bincount(label, minlength=len(label))[label] == 1
    label = smallest_members(label)
    return Communities(label, hub, found.spread, found.doubted & alone, found.returned & ~alone)


def _side(graph: Ties, label: np.ndarray, must: Pairs, a: int, b: int) -> list[int]:
    """The nodes that go with b when it is cut from a."""
    inside = (label[graph.a] == label[a]) & (label[graph.b] == label[a])
    network = nx.Graph()
    network.add_nodes_from((a, b))
    edges = zip(graph.a[inside].tolist(), graph.b[inside].tolist(), strict=True)
    for (one, other), weight in zip(edges, graph.weight[inside].tolist(), strict=True):
        network.add_edge(one, other, capacity=round(weight * MILLION))
    for one, other in must:
        if label[one] == label[a]:
            network.add_edge(one, other, capacity=float("inf"))
    _, (_, side) = nx.minimum_cut(network, a, b)
    return sorted(side)
