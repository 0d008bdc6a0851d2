"""Checks that block a referral, and those that a named person can override."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import networkx as nx
import pyarrow as pa

from reports.cluster_data import ClusterFacts
from reports.exchange.offer import CONFIRMED, DISPUTED
from schemas.entity import without_epochs
from transforms.extract.allowlist import KnownLegitimate

Row = dict[str, Any]

SHAREABLE_TLP = ("clear", "green")
"""TLP 2.0 levels at which what was received may go to an authority without asking its source."""


@dataclass(frozen=True)
class Obstacle:
    """A reason not to refer a cluster; only an `answerable` one can be overridden."""

    code: str
    text: str
    answerable: bool = True


@dataclass(frozen=True)
class Override:
    """The person who answers for referring a cluster in spite of its obstacles, and the reason."""

    name: str
    reason: str


@dataclass(frozen=True)
class Bridge:
    """A link that alone connects the members of `side` with the rest of the cluster."""

    link: Row
    side: list[str]


def find_obstacles(
    facts: ClusterFacts,
    known: KnownLegitimate,
    bridge_side: int,
    small_cluster: int,
    offered: Sequence[Row] = (),
    void: Mapping[str, str] | None = None,
) -> list[Obstacle]:
    """Returns all that blocks a referral, the gravest first.

    `void` says why an offer, by its SHA-256, is no longer in force.
    """
    return [
        *_status(facts),
        *_void(offered, void or {}),
        *_legitimate(facts, known),
        *_bridges(facts, bridge_side, small_cluster),
        *_handling(offered),
    ]


def find_bridges(facts: ClusterFacts) -> list[Bridge]:
    """Returns the links without which the cluster falls apart, those of the largest part first."""
    graph = nx.Graph()
    graph.add_nodes_from(one["entity_id"] for one in facts.members)
    accepted = {(one["entity_a"], one["entity_b"]): one for one in facts.inside if one["accepted"]}
    graph.add_edges_from(accepted)
    found = []
    for a, b in nx.bridges(graph):
        graph.remove_edge(a, b)
        sides = [sorted(nx.node_connected_component(graph, end)) for end in (a, b)]
        graph.add_edge(a, b)
        link = accepted.get((a, b)) or accepted[b, a]
        found.append(Bridge(link, min(sides, key=_smaller)))
    return sorted(found, key=_gravest)


def tlp_level(marking: str) -> str:
    """Returns the TLP 2.0 level of a marking such as TLP:AMBER+STRICT."""
    return marking.lower().removeprefix("tlp:")


def _status(facts: ClusterFacts) -> Iterator[Obstacle]:
    status = facts.row["status"]
    if status == DISPUTED:
        yield Obstacle(
            "disputed",
            "an analyst's dispute of a member is not resolved: let it expire, or take it back in "
            "the decisions file, and run again",
        )
    elif status != CONFIRMED:
        yield Obstacle(
            "not_confirmed",
            "no analyst has confirmed it: write a confirm decision on one of its members and run "
            "again with --decisions",
            answerable=False,
        )


def _void(offered: Sequence[Row], void: Mapping[str, str]) -> Iterator[Obstacle]:
    """Yields an obstacle for each offer that was revoked or has expired."""
    contributors = {one["offer"]: one["contributor"] for one in offered if one["offer"] in void}
    for offer, who in sorted(contributors.items()):
        yield Obstacle(
            "void_offer",
            f"the offer of {who} in it is void ({void[offer]}): join again without it, or with a "
            "new one",
            answerable=False,
        )


def _legitimate(facts: ClusterFacts, known: KnownLegitimate) -> Iterator[Obstacle]:
    ids = [one["entity_id"] for one in facts.members]
    reasons = known.reasons(without_epochs(pa.array(ids, pa.string()))).to_pylist()
    for entity_id, reason in zip(ids, reasons, strict=True):
        if reason is not None:
            yield Obstacle(
                "known_legitimate",
                f"its member {entity_id} is known to be legitimate ({reason}): run again with the "
                "present list, which suppresses it",
            )


def _bridges(facts: ClusterFacts, bridge_side: int, small_cluster: int) -> Iterator[Obstacle]:
    """Yields an obstacle for each bridge to a part; a loose end is named in the package instead."""
    least = 1 if len(facts.members) <= small_cluster else bridge_side
    for one in find_bridges(facts):
        if len(one.side) >= least:
            yield Obstacle(
                "single_bridge",
                f"{len(one.side)} of its {len(facts.members)} members hang on the one link between "
                f"{one.link['entity_a']} and {one.link['entity_b']} ({one.link['complaints']} "
                f"complaints, {one.link['calls']} calls): find other evidence, or cut it with a "
                "cannot_link decision",
            )


def _handling(offered: Sequence[Row]) -> Iterator[Obstacle]:
    """Yields an obstacle for each contributor whose offer must not be passed on unasked."""
    for who in sorted({one["contributor"] for one in offered}):
        tlp = {one["tlp"] for one in offered if one["contributor"] == who}
        if not {tlp_level(one) for one in tlp} <= set(SHAREABLE_TLP):
            yield Obstacle(
                "handling",
                f"the offer of {who} is {', '.join(sorted(tlp))}, which does not let it go to "
                f"others: ask {who} to agree, and give who agreed, and when, as the reason",
            )


def _smaller(side: list[str]) -> tuple[int, list[str]]:
    return len(side), side


def _gravest(one: Bridge) -> tuple[int, float, str, str]:
    return -len(one.side), one.link["weight"], one.link["entity_a"], one.link["entity_b"]
