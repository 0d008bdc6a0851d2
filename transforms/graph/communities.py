"""Call centers from the evidence: fine communities, merged where they must be one, without hubs.

Finds communities, quarantines what belongs to none, and does so again, with three
changes, measured in docs/decisions.md: the resolution is fitted rather than fixed, communities are
merged by a test against chance rather than by a size rule, and ties must be independent or a
handover in time.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from transforms.arrow import Array
from transforms.graph import link_weights, refinement
from transforms.graph.incidence import Incidence, Ties, cluster_ties, sum_by_pair
from transforms.graph.leiden import (
    ComponentSearch,
    fitted_resolution,
    rounded_density,
    smallest_members,
)
from transforms.graph.robustness import separate_established_parts
from transforms.graph.supplier_likelihood import SupplierCounts

FIRST_RESOLUTION = 8.0

RESOLUTION_FACTOR = 8.0
"""Times the fitted resolution: merging corrects communities too small, nothing those too large."""

PIECE_SCALES = (1.0, 3.0, 8.0, 32.0)
"""Times the resolution of the communities, for the pieces that may leave one for another.

A chain of identifiers that one record misplaced is one piece only at its own scale.
"""

MAX_PASSES = 4
"""Passes at most, each without the hubs of the pass before and with the resolution fitted."""

HUB_SHARE = 0.5
"""An entity with less than this share of its ties in its main cluster is a hub, and ties none."""

SUSPECT_SHARE, SUSPECT_TIES = 0.02, 16
"""Share of the weight of all ties, and ties, from which the first pass leaves an entity out."""

HUB_REPORTERS = 5
"""Reporters below which nothing is called a hub."""

HUB_SURPRISE = 1.0
"""Log-likelihood by which a hub must beat noise, over what testing every entity already costs."""


@dataclass(frozen=True)
class CommunityResult:
    """Per node: its community (smallest node number in it), whether it is a hub, and its spread.

    `spread` is the share of a node's ties that go outside its main community. `doubted` are private
    lines that are alone because too few reporters tie them; `returned` are nodes that are in their
    community for the sake of their other epoch (both: `transforms.graph.refinement`).
    """

    label: Array
    hub: Array
    spread: Array
    doubted: Array
    returned: Array


def detect_communities(
    evidence: Incidence,
    suppliers: SupplierCounts,
    reporters: Array,
    lines: refinement.PhoneLines,
    pairs: refinement.EpochPairs,
    search: ComponentSearch | None = None,
    sites: Array | None = None,
) -> CommunityResult:
    """Clusters the nodes of the evidence.

    Args:
        evidence: The pieces of evidence and the nodes they name.
        suppliers: Supplier and country counts by node.
        reporters: Per node, the reporters who tie it to another.
        lines: The nodes that are phones, and those that may be private.
        pairs: The epochs of identifiers that came back after a gap.
        search: Finds communities over these nodes, with what is cached.
        sites: Masks the sites that may be an organisation's.

    Returns:
        A community for every node; a hub is alone in its own, and so is a doubted line.
    """
    search = search or ComponentSearch(np.arange(evidence.nodes))
    everything = evidence.without(np.zeros(evidence.nodes, bool))
    whole = everything.ties
    hub = dominant_nodes(whole, evidence.nodes)
    label, spread = np.arange(evidence.nodes), np.zeros(evidence.nodes)
    resolution = FIRST_RESOLUTION
    before: tuple[float, bytes] | None = None
    for _ in range(MAX_PASSES):
        out = hub
        trusted = everything.without(out) if out.any() else everything
        graph = trusted.ties
        fine = rounded_density(graph, resolution)
        if before == (fine, hub.tobytes()):
            break  # the pass before decides this one too
        before = fine, hub.tobytes()
        joined = refinement.merge_communities(
            trusted, suppliers, search.find_communities(graph, fine)
        )
        settled = _move_pieces(trusted, suppliers, joined, fine, search)
        label = refinement.attach_loose_ends(
            trusted, suppliers, refinement.merge_communities(trusted, suppliers, settled)
        )
        fitted = fitted_resolution(graph, label)
        resolution = max(1.0, RESOLUTION_FACTOR * fitted) if fitted is not None else resolution
        # What only the left-out nodes tie is loose now: only ties to established communities count.
        firm = refinement.established_communities(trusted, label)[label]
        spread, weight = (
            np.where(hub, apart, plain)
            for apart, plain in zip(
                spread_by_node(whole, label, firm), spread_by_node(whole, label), strict=True
            )
        )
        crossing = label[graph.a] != label[graph.b]
        misled = (graph.weight[crossing].sum() + 1) / (graph.weight.sum() + 2)
        hub = (spread > 1 - HUB_SHARE) & (reporters >= HUB_REPORTERS)
        hub &= (
            spread_log_likelihood(spread, weight, misled)
            > np.log(max(evidence.nodes, 1)) + HUB_SURPRISE
        )
    left = everything.without(hub) if (hub != out).any() else trusted
    if (out & ~hub).any():
        # What is no hub after all was alone in the last pass, and so was what it alone ties.
        label = refinement.attach_loose_ends(
            left, suppliers, refinement.merge_communities(left, suppliers, label)
        )
    unlisted = np.zeros(evidence.nodes, bool) if sites is None else sites
    label = separate_established_parts(left, suppliers, label, unlisted)
    label, returned = refinement.rejoin_epochs(left, suppliers, label, pairs)
    doubt = refinement.doubtful_private_lines(
        left, label, replace(lines, private=lines.private & ~hub)
    )
    alone = np.where(hub | doubt, evidence.nodes + np.arange(evidence.nodes), label)
    return CommunityResult(smallest_members(alone), hub, spread, doubt, returned & ~hub & ~doubt)


def dominant_nodes(graph: Ties, nodes: int) -> Array:
    """Masks the nodes with so large a share of all ties that they could join everything.

    A node that most records name would make one community of all, and belong to it entirely. So
    these are left out until it is seen where their ties go.
    """
    ends, weight = np.concatenate([graph.a, graph.b]), np.tile(graph.weight, 2)
    total = np.bincount(ends, weight, nodes)
    broad = np.bincount(ends, minlength=nodes) >= SUSPECT_TIES
    return broad & (total >= SUSPECT_SHARE * graph.weight.sum())


def spread_by_node(graph: Ties, label: Array, counts: Array | None = None) -> tuple[Array, Array]:
    """Returns, per node, the share of its ties outside its main community, and all its ties.

    The main community is the one that has most of its ties. With a mask `counts`, only ties to
    these nodes count. The share is exact, since a half decides who is a hub.
    """
    node, far = np.concatenate([graph.a, graph.b]), np.concatenate([graph.b, graph.a])
    weight = np.rint(link_weights.PARTS_PER_RECORD * np.tile(graph.weight, 2))
    if counts is not None:
        node, far, weight = node[counts[far]], far[counts[far]], weight[counts[far]]
    total = np.bincount(node, weight, len(label))
    node, _, part = sum_by_pair(node, label[far], weight)
    most = np.zeros(len(label))
    np.maximum.at(most, node, part)
    spread = np.where(total > 0, 1 - most / np.where(total > 0, total, 1), 0)
    return spread, total / link_weights.PARTS_PER_RECORD


def spread_log_likelihood(spread: Array, weight: Array, misled: float) -> Array:
    """Returns the log-likelihood ratio, in nats, of each node's spread against misleading ties.

    Of a binomial count, with `misled` the share of all ties that mislead; 0 where no more of a
    node's ties go elsewhere. So a few records that happen to mislead make no hub.
    """
    away = spread * np.log(np.where(spread > 0, spread, 1) / misled)
    home = (1 - spread) * np.log(np.where(spread < 1, 1 - spread, 1) / (1 - misled))
    return np.where(spread > misled, weight * (away + home), 0)


def _move_pieces(
    evidence: Incidence,
    suppliers: SupplierCounts,
    label: Array,
    fine: float,
    search: ComponentSearch,
) -> Array:
    """Moves pieces of communities, coarse ones first and single nodes last, where they fit."""
    graph = evidence.ties
    for scale in PIECE_SCALES:
        inside = graph.where(label[graph.a] == label[graph.b])
        pieces = search.find_communities(inside, scale * fine)
        between = cluster_ties(evidence, pieces)
        label = refinement.move_misplaced_pieces(between, suppliers, label, pieces)
    return refinement.move_misplaced_pieces(graph, suppliers, label, np.arange(len(label)))
