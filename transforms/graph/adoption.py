"""Where there is nothing to weld, loose ends are not cut off.

A community is established when it is held together by more than a chain of single records. In a
component of the graph that has at most one established community, no two call centers can be
confused: the rest are loose ends, and each follows its strongest tie, unless suppliers disagree
about it. A component with several is left as it is, since there a loose end may hang on by the very
record that misleads.
"""

from __future__ import annotations

import numpy as np

from transforms.graph import joining
from transforms.graph.components import components
from transforms.graph.corroboration import Suppliers
from transforms.graph.incidence import Incidence, ties
from transforms.graph.modularity import smallest_members

REDUNDANT = 2
"""Ties beyond those that a tree over its members needs, for a community to be established.

A record that names k members ties k - 1 of them to the first.
"""


def established(evidence: Incidence, label: np.ndarray) -> np.ndarray:
    """Mask over labels: which communities hold together even without any one record."""
    cluster = label[evidence.node]
    labels = int(label.max(initial=0)) + 1
    key, named = np.unique(evidence.group * labels + cluster, return_counts=True)
    inside = np.bincount(key % labels, named - 1, minlength=len(label))
    size = np.bincount(label, minlength=len(label))
    return inside - (size - 1) >= REDUNDANT


def adopt(evidence: Incidence, suppliers: Suppliers, label: np.ndarray) -> np.ndarray:
    """The labelling after the loose ends of components with little in them followed their ties.

    Boruvka's rounds over ties in one strict order, so that each tree of followers ends in at most
    one established community and the outcome depends on no order of the input.
    """
    graph = ties(evidence, np.arange(evidence.nodes))
    component = components(evidence.nodes, graph.a, graph.b)
    firm = established(evidence, label)
    simple = np.bincount(component, firm, minlength=evidence.nodes)[component] <= 1
    while True:
        between = ties(evidence, label)
        between = between.of(suppliers.likeness(label, between.a, between.b) >= -joining.UNLIKE)
        loose = simple & ~established(evidence, label)
        order = np.lexsort((between.b, between.a, -between.weight))
        a, b = between.a[order], between.b[order]
        rank = np.full(len(label), len(order))
        np.minimum.at(rank, a, np.arange(len(order)))
        np.minimum.at(rank, b, np.arange(len(order)))
        chosen = np.unique(rank[loose & (rank < len(order))])
        if not len(chosen):
            return smallest_members(label)
        label = components(len(label), a[chosen], b[chosen])[label]
