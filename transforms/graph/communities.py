"""From the evidence to call centers: fine communities, joined where they must be one, hubs out.

GRAPH.md's recipe (communities, then quarantine what belongs to none, then again) with three
changes, measured in docs/decisions.md: the resolution is fitted rather than fixed, communities are
joined by a test against chance rather than by a size rule, and ties must be independent or a
handover in time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transforms.graph.adoption import adopt
from transforms.graph.corroboration import Suppliers
from transforms.graph.incidence import Incidence, Ties, ties
from transforms.graph.joining import join
from transforms.graph.modularity import fitted_resolution, leiden, smallest_members

FIRST_RESOLUTION = 8.0
FINER = 8.0
"""Times the fitted resolution: splitting too far is mended by joining, merging is not."""

PASSES = 4
"""Times the whole is done, hubs of the pass before left out and the resolution fitted to it."""

HUB_SHARE = 0.5
"""An entity with less than this share of its ties in its main cluster ties none of them."""

HUB_RECORDS = 5
"""Records below which nothing is called a hub."""

HUB_WEIGHT = 3.0
"""Records' worth of ties below which nothing is called a hub."""


@dataclass(frozen=True)
class Communities:
    """Per node: its community (smallest node number in it), whether it is a hub, and its spread.

    `spread` is the share of a node's ties that go outside its main community.
    """

    label: np.ndarray
    hub: np.ndarray
    spread: np.ndarray


def communities(evidence: Incidence, suppliers: Suppliers, held: np.ndarray) -> Communities:
    """Cluster the nodes; `held` is how many records show each in a role it must really hold.

    Every node gets a community; a hub is alone in its own.
    """
    everything = evidence.without(np.zeros(evidence.nodes, bool))
    whole = ties(everything, np.arange(evidence.nodes))
    hub = np.zeros(evidence.nodes, bool)
    label, spread = np.arange(evidence.nodes), np.zeros(evidence.nodes)
    resolution = FIRST_RESOLUTION
    for _ in range(PASSES):
        trusted = everything.without(hub)
        graph = ties(trusted, np.arange(evidence.nodes))
        joined = join(trusted, suppliers, leiden(graph, evidence.nodes, resolution))
        label = adopt(trusted, joined)
        fitted = fitted_resolution(graph, label)
        resolution = max(1.0, FINER * fitted) if fitted is not None else resolution
        spread, weight = spreads(whole, label)
        hub = (spread > 1 - HUB_SHARE) & (held >= HUB_RECORDS) & (weight >= HUB_WEIGHT)
    alone = np.where(hub, evidence.nodes + np.arange(evidence.nodes), label)
    return Communities(smallest_members(alone), hub, spread)


def spreads(graph: Ties, label: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Per node, the share of its ties outside the community that has most of them; and all ties."""
    node = np.concatenate([graph.a, graph.b])
    other = label[np.concatenate([graph.b, graph.a])]
    weight = np.concatenate([graph.weight, graph.weight])
    total = np.bincount(node, weight, len(label))
    order = np.lexsort((other, node))
    pair = np.stack([node[order], other[order]])
    starts = np.ones(len(order), bool)
    starts[1:] = (pair[:, 1:] != pair[:, :-1]).any(axis=0)
    part = np.bincount(np.cumsum(starts) - 1, weight[order]) if len(order) else np.empty(0)
    most = np.zeros(len(label))
    np.maximum.at(most, pair[0][starts], part)
    return np.where(total > 0, 1 - most / np.where(total > 0, total, 1), 0), total
