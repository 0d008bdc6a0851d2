"""From the evidence to call centers: fine communities, joined where they must be one, hubs out.

GRAPH.md's recipe (communities, then quarantine what belongs to none, then again) with three
changes, measured in docs/decisions.md: the resolution is fitted rather than fixed, communities are
joined by a test against chance rather than by a size rule, and ties must be independent or a
handover in time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transforms.graph import link_weights
from transforms.graph.incidence import Incidence, Ties, ties
from transforms.graph.leiden import Islands, density, fitted_resolution, smallest_members
from transforms.graph.refinement import (
    Epochs,
    Lines,
    adopt,
    doubted,
    established,
    follow,
    join,
    resettle,
)
from transforms.graph.supplier_likelihood import Suppliers

FIRST_RESOLUTION = 8.0


FINER = 8.0
"""Times the fitted resolution: splitting too far is mended by joining, merging is not."""


PIECES = (1.0, 3.0, 8.0, 32.0)
"""Times the resolution of the communities, for the pieces that may leave one for another.

A chain of identifiers that one record misplaced is seen whole only at its own scale.
"""


PASSES = 4
"""Times the whole is done at most, hubs of the pass before left out and the resolution fitted."""


HUB_SHARE = 0.5
"""An entity with less than this share of its ties in its main cluster ties none of them."""


SUSPECT_SHARE, SUSPECT_TIES = 0.02, 16
"""Share of the weight of all ties, and ties, from which an entity is left out of the first pass."""


HUB_RECORDS = 5
"""Records below which nothing is called a hub."""


HUB_SURPRISE = 1.0
"""Log-likelihood by which a hub must beat noise, over what testing every entity already costs."""


@dataclass(frozen=True)
class Communities:
    """Per node: its community (smallest node number in it), whether it is a hub, and its spread.

    `spread` is the share of a node's ties that go outside its main community. `doubted` are lines
    that are alone because one victim's word is not enough (`transforms.graph.refinement`). What is
    `returned` is in its community for its other epoch's sake (`transforms.graph.refinement`).
    """

    label: np.ndarray
    hub: np.ndarray
    spread: np.ndarray
    doubted: np.ndarray
    returned: np.ndarray


def communities(
    evidence: Incidence,
    suppliers: Suppliers,
    held: np.ndarray,
    lines: Lines,
    pairs: Epochs,
    islands: Islands | None = None,
) -> Communities:
    """Cluster the nodes; `held` is how many records show each in a role it must really hold.

    `pairs` is what came back after a gap, `islands` searches graphs over the nodes. Every node gets
    a community; a hub is alone in its own, and so is a line that is doubted.
    """
    islands = islands or Islands(np.arange(evidence.nodes))
    everything = evidence.without(np.zeros(evidence.nodes, bool))
    whole = ties(everything, np.arange(evidence.nodes))
    hub = suspects(whole, evidence.nodes)
    label, spread = np.arange(evidence.nodes), np.zeros(evidence.nodes)
    resolution = FIRST_RESOLUTION
    before: tuple[float, bytes] | None = None
    for _ in range(PASSES):
        out = hub
        trusted = everything.without(out)
        graph = ties(trusted, np.arange(evidence.nodes))
        fine = density(graph, resolution)
        if before == (fine, hub.tobytes()):
            break  # the pass before decides this one too
        before = fine, hub.tobytes()
        joined = join(trusted, suppliers, islands.leiden(graph, fine))
        settled = _resettled(trusted, suppliers, graph, joined, fine, islands)
        label = adopt(trusted, suppliers, join(trusted, suppliers, settled))
        fitted = fitted_resolution(graph, label)
        resolution = max(1.0, FINER * fitted) if fitted is not None else resolution
        # Without what was left out, whoever it alone ties is loose: only firm ground tells of it.
        firm = established(trusted, label)[label]
        spread, weight = (
            np.where(hub, apart, plain)
            for apart, plain in zip(spreads(whole, label, firm), spreads(whole, label), strict=True)
        )
        crossing = label[graph.a] != label[graph.b]
        misled = (graph.weight[crossing].sum() + 1) / (graph.weight.sum() + 2)
        hub = (spread > 1 - HUB_SHARE) & (held >= HUB_RECORDS)
        hub &= beyond_noise(spread, weight, misled) > np.log(max(evidence.nodes, 1)) + HUB_SURPRISE
    left = everything.without(hub)
    if (out & ~hub).any():
        # What is no hub after all was alone in the last pass, and so was what it alone ties.
        label = adopt(left, suppliers, join(left, suppliers, label))
    label, returned = follow(left, suppliers, label, pairs)
    doubt = doubted(left, label, lines.but(hub))
    alone = np.where(hub | doubt, evidence.nodes + np.arange(evidence.nodes), label)
    return Communities(smallest_members(alone), hub, spread, doubt, returned & ~hub & ~doubt)


def _resettled(
    evidence: Incidence,
    suppliers: Suppliers,
    graph: Ties,
    label: np.ndarray,
    fine: float,
    islands: Islands,
) -> np.ndarray:
    """The labelling after pieces of each community, and then single nodes, went where they fit."""
    for scale in PIECES:
        inside = graph.of(label[graph.a] == label[graph.b])
        pieces = islands.leiden(inside, scale * fine)
        label = resettle(evidence, suppliers, label, pieces)
    return resettle(evidence, suppliers, label, np.arange(len(label)))


def suspects(graph: Ties, nodes: int) -> np.ndarray:
    """Mask of the nodes that hold so much of all ties that they could hold everything together.

    What is named in most records would make one community of all, and belong to it entirely. So
    these are left out until it is seen where their ties go.
    """
    ends, weight = np.concatenate([graph.a, graph.b]), np.concatenate([graph.weight] * 2)
    held = np.bincount(ends, weight, nodes)
    broad = np.bincount(ends, minlength=nodes) >= SUSPECT_TIES
    return broad & (held >= SUSPECT_SHARE * graph.weight.sum())


def spreads(
    graph: Ties, label: np.ndarray, counts: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Per node, the share of its ties outside the community that has most of them; and all ties.

    With a mask of nodes only ties to these count. A half is exactly that: it decides who is a hub.
    """
    node, far = np.concatenate([graph.a, graph.b]), np.concatenate([graph.b, graph.a])
    weight = np.rint(link_weights.PARTS * np.concatenate([graph.weight, graph.weight]))
    if counts is not None:
        node, far, weight = node[counts[far]], far[counts[far]], weight[counts[far]]
    other = label[far]
    total = np.bincount(node, weight, len(label))
    order = np.lexsort((other, node))
    pair = np.stack([node[order], other[order]])
    starts = np.ones(len(order), bool)
    starts[1:] = (pair[:, 1:] != pair[:, :-1]).any(axis=0)
    part = np.bincount(np.cumsum(starts) - 1, weight[order]) if len(order) else np.empty(0)
    most = np.zeros(len(label))
    np.maximum.at(most, pair[0][starts], part)
    return np.where(
        total > 0, 1 - most / np.where(total > 0, total, 1), 0
    ), total / link_weights.PARTS


def beyond_noise(spread: np.ndarray, weight: np.ndarray, misled: float) -> np.ndarray:
    """Log-likelihood ratio, in nats, of a node's spread against the share of ties that mislead.

    Of a binomial count; 0 where no more of its ties go elsewhere than anybody's. Thus few records
    that happen to mislead make no hub of what one ring holds.
    """
    away = spread * np.log(np.where(spread > 0, spread, 1) / misled)
    home = (1 - spread) * np.log(np.where(spread < 1, 1 - spread, 1) / (1 - misled))
    return np.where(spread > misled, weight * (away + home), 0)
