"""Checks that block a referral; a named person can override some of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any

import networkx as nx
import pyarrow as pa

from reports.cluster_data import ClusterFacts, Row
from reports.disclosure_control import is_reviewed_core, is_thin, keep_members
from reports.export.stix import tlp_level
from schemas.cluster import CONFIRMED, DISPUTED
from schemas.decision import DecisionKind
from schemas.entity import without_epoch, without_epochs
from transforms.extract.allowlist import KnownLegitimate

SHAREABLE_TLP = ("clear", "green")
"""TLP 2.0 levels at which an offer may go to an authority without asking its sender."""


@dataclass(frozen=True)
class Obstacle:
    """A reason not to refer a cluster; a person can override it only if it is `answerable`."""

    code: str
    text: str
    answerable: bool = True


@dataclass(frozen=True)
class Override:
    """The person who answers for referring a cluster in spite of its obstacles, and the reason."""

    name: str
    reason: str


@dataclass(frozen=True)
class Inclusion:
    """A member that is named without being reviewed core: who answers for it, and why."""

    entity_id: str
    name: str
    reason: str


@dataclass(frozen=True)
class Bridge:
    """A link that alone connects the members of `side` with the rest of the cluster."""

    link: Row
    side: list[str]


def members_to_name(facts: ClusterFacts, included: Sequence[Inclusion] = ()) -> frozenset[str]:
    """Returns the members that a referral names: reviewed core members, and the `included`."""
    asked = {inclusion.entity_id for inclusion in included}
    return frozenset(
        member["entity_id"]
        for member in facts.members
        if is_reviewed_core(member) or member["entity_id"] in asked
    )


@dataclass(frozen=True)
class PartnerEvidence:
    """Evidence that partners' offers put into a cluster, and their leave to pass it on.

    Attributes:
        offered: The OFFERED_CLUSTER rows of the cluster.
        void: Why an offer, by its SHA-256, is no longer in force.
        uncovered: For each organisation that signed a consent, how many of the members to name its
            consent leaves out.
    """

    offered: Sequence[Row] = ()
    void: Mapping[str, str] = field(default_factory=dict)
    uncovered: Mapping[str, int] = field(default_factory=dict)


def find_obstacles(
    facts: ClusterFacts,
    known: KnownLegitimate,
    policy: Mapping[str, Any],
    partners: PartnerEvidence = PartnerEvidence(),
    included: Sequence[Inclusion] = (),
    decided: Sequence[Row] = (),
) -> list[Obstacle]:
    """Returns all that blocks a referral of the members to name, the gravest first.

    Args:
        facts: The cluster.
        known: Known-legitimate identifiers.
        policy: The recipient's policy.toml; only `bridge_side` and `small_cluster` count here.
        partners: Evidence that offers put into the cluster.
        included: Members that somebody names by override.
        decided: The BOUND_DECISION rows in force.
    """
    named = keep_members(facts, members_to_name(facts, included))
    # A lone identifier may hang on one link, unless the cluster is small.
    least = 1 if len(named.members) <= policy["small_cluster"] else policy["bridge_side"]
    final = _unanswerable(facts, named, partners)
    return [
        *(Obstacle(code, text, answerable=False) for code, text in final),
        *_legitimate(named, known),
        *_weak_ties(facts, named, least),
        *_unlinked(facts, named, decided),
        *_handling(partners),
    ]


def _graph(facts: ClusterFacts) -> nx.Graph:
    """Returns the members, and the accepted links between them with their rows."""
    graph = nx.Graph()
    graph.add_nodes_from(facts.member_ids)
    graph.add_edges_from(
        (link["entity_a"], link["entity_b"], {"link": link}) for link in facts.accepted
    )
    return graph


def find_bridges(facts: ClusterFacts) -> list[Bridge]:
    """Returns the links without which the cluster falls apart, the largest part first."""
    graph = _graph(facts)
    bridges = []
    for a, b in list(nx.bridges(graph)):
        link = graph.edges[a, b]["link"]
        graph.remove_edge(a, b)
        sides = (sorted(nx.node_connected_component(graph, end)) for end in (a, b))
        bridges.append(Bridge(link, min(sides, key=lambda side: (len(side), side))))
        graph.add_edge(a, b, link=link)
    ends = itemgetter("weight", "entity_a", "entity_b")
    return sorted(bridges, key=lambda bridge: (-len(bridge.side), ends(bridge.link)))


def _unanswerable(
    facts: ClusterFacts, named: ClusterFacts, partners: PartnerEvidence
) -> Iterator[tuple[str, str]]:
    """Yields code and text of the obstacles that no person can override."""
    status, void = facts.row["status"], partners.void
    if status == DISPUTED:
        yield (
            "disputed",
            "an analyst's dispute of a member is in force: let it expire, or, where it was typed "
            "by hand, take it out of the decisions file, and run again",
        )
    elif status != CONFIRMED:
        yield (
            "not_confirmed",
            "no analyst has confirmed it: write a confirm decision on one of its members and run "
            "again with --decisions",
        )
    if is_thin(facts.row):
        yield (
            "thin_join",
            f"few reporters tie {len(facts.row['thin_side'])} of its members to the others, and "
            "could have made that up: ringtrace explain RUN MEMBER shows both sides; confirm a "
            "member, must_link a member of each side, or part them with a cannot_link, and run "
            "again with --previous",
        )
    if not named.members:
        yield (
            "nothing_reviewed",
            f"none of its {named.left_out} members may be named: each needs two people who "
            "independently tie it to the others, and an analyst's review; or answer for one by "
            "name, with --include ENTITY=REASON",
        )
    contributors = {offer["offer"]: offer["contributor"] for offer in partners.offered}
    for offer in sorted(contributors.keys() & void.keys()):
        yield (
            "void_offer",
            f"the offer of {contributors[offer]} in it is void ({void[offer]}): join again without "
            "it, or with a new one",
        )


def _legitimate(facts: ClusterFacts, known: KnownLegitimate) -> Iterator[Obstacle]:
    ids = facts.member_ids
    reasons = known.reasons(without_epochs(pa.array(ids, pa.string()))).to_pylist()
    for entity_id, reason in zip(ids, reasons, strict=True):
        if reason is not None:
            yield Obstacle(
                "known_legitimate",
                f"its member {entity_id} is known to be legitimate ({reason}): run again with the "
                "present list, which suppresses it",
            )


def _weak_ties(facts: ClusterFacts, named: ClusterFacts, least: int) -> Iterator[Obstacle]:
    """Yields an obstacle for each bridge to `least` members or more, and for ties left out.

    The package names smaller parts.
    """
    for bridge in find_bridges(named):
        if len(bridge.side) >= least:
            yield Obstacle(
                "single_bridge",
                f"{len(bridge.side)} of its {len(named.members)} members hang on the one link "
                f"between {bridge.link['entity_a']} and {bridge.link['entity_b']} (complaints: "
                f"{bridge.link['complaints']}, calls: {bridge.link['calls']}): find other "
                "evidence, or cut it with a cannot_link decision",
            )
    if (apart := tied_by_left_out(facts, named)) >= least:
        yield Obstacle(
            "tie_left_out",
            f"{apart} of the {len(named.members)} members to name are tied to the others only by "
            "identifiers that may not be named: review those, or include them",
        )


def find_separating(facts: ClusterFacts, number: Mapping[str, int]) -> list[tuple[str, int]]:
    """Returns identifiers whose loss would part two or more others from the rest, and how many.

    Only parts of two identifiers or more count: every loose end depends on its only neighbour.
    """
    graph = _graph(facts)
    separating = []
    for entity_id in nx.articulation_points(graph):
        parts = nx.connected_components(graph.subgraph(graph.nodes - {entity_id}))
        sizes = sorted(map(len, parts))
        if parted := sum(size for size in sizes[:-1] if size > 1):
            separating.append((entity_id, parted))
    return sorted(separating, key=lambda separator: (-separator[1], number[separator[0]]))


def tied_by_left_out(facts: ClusterFacts, named: ClusterFacts) -> int:
    """Counts the named members that only left-out members tie to the largest part."""
    graph, apart = _graph(named), 0
    for part in nx.connected_components(_graph(facts)):
        sizes = [len(piece) for piece in nx.connected_components(graph.subgraph(part))]
        apart += sum(sizes) - max(sizes, default=0)
    return apart


def _unlinked(
    facts: ClusterFacts, named: ClusterFacts, decided: Sequence[Row]
) -> Iterator[Obstacle]:
    """Yields an obstacle if only a decision, and no record, joins members to name to the others."""
    if not (apart := find_unlinked(facts, named)):
        return
    ids = {*facts.member_ids}
    joins = [
        f"{decision['decision_id']} by {decision['author']}"
        for decision in decided
        if decision["kind"] == DecisionKind.MUST_LINK
        and {decision["entity_a"], decision["entity_b"]} <= ids
    ]
    by = f", but what was decided does: {', '.join(joins[:5])}" if joins else ""
    yield Obstacle(
        "no_link",
        f"no record links {len(apart)} of the {len(named.members)} members to name to the others"
        f"{by}: find evidence, or part them with a cannot_link decision and refer each by itself",
    )


def find_unlinked(facts: ClusterFacts, named: ClusterFacts) -> list[str]:
    """Returns the named members that no accepted links of the cluster tie to most of the others.

    Epochs of one identifier tie each other.
    """
    graph = _graph(facts)
    graph.add_edges_from((entity_id, without_epoch(entity_id)) for entity_id in facts.member_ids)
    ids = {*named.member_ids}
    parts = sorted((sorted(ids & part) for part in nx.connected_components(graph)), key=len)
    return sorted(each for part in parts[:-1] for each in part)


def _handling(partners: PartnerEvidence) -> Iterator[Obstacle]:
    """Yields an obstacle for each contributor whose offer must not be passed on unasked."""
    levels: defaultdict[str, set[str]] = defaultdict(set)
    for offer in partners.offered:
        levels[offer["contributor"]].add(offer["tlp"])
    for who, tlp in sorted(levels.items()):
        uncovered = partners.uncovered.get(who)
        if uncovered:
            yield Obstacle(
                "handling",
                f"the consent of {who} does not cover {uncovered} of the members to name that "
                f"it saw: ask {who} for a new one",
            )
        elif uncovered is None and not set(map(tlp_level, tlp)) <= set(SHAREABLE_TLP):
            yield Obstacle(
                "handling",
                f"the offer of {who} is {', '.join(sorted(tlp))}, which does not let it go to "
                f"others: ask {who} for its signed consent (--consent), or give who agreed, and "
                "when, as the reason",
            )
