"""Analysts' decisions: which of them are in force, and which contradict each other.

A decision binds: it outweighs any evidence. Where two contradict each other the one that does less
harm holds (cannot_link over must_link, dispute over confirm, legitimate over all), and the manifest
raises an alarm.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import networkx as nx

from schemas.decision import DecisionKind
from transforms.accounting import Tally
from transforms.decisions.decision_file import Decision
from transforms.identify.legitimate import KnownLegitimate


@dataclass(frozen=True)
class InForce:
    """The decisions that bind a run, those set aside, and how many had no say.

    `when` is the moment that the run is seen from: `--as-of`, or its newest record.
    """

    when: datetime | None = None
    binding: tuple[Decision, ...] = ()
    contradictions: tuple[str, ...] = ()
    expired: int = 0
    later: int = 0

    def of(self, kind: DecisionKind) -> tuple[Decision, ...]:
        """The binding decisions of one kind, by id."""
        return tuple(one for one in self.binding if one.kind is kind)

    def pairs(self, kind: DecisionKind) -> list[tuple[str, str]]:
        """The two entities of each binding decision of a kind, sorted, each pair once."""
        ends = {(one.entity_a, one.entity_b or "") for one in self.of(kind)}
        return sorted({(min(pair), max(pair)) for pair in ends})

    def named(self) -> dict[str, list[Decision]]:
        """The binding decisions on each entity, by id."""
        found: dict[str, list[Decision]] = {}
        for one in self.binding:
            for entity in (one.entity_a, one.entity_b):
                if entity is not None:
                    found.setdefault(entity, []).append(one)
        return found

    def known(self, known: KnownLegitimate) -> KnownLegitimate:
        """The known-legitimate list with what analysts decided."""
        rows = {one.entity_a: one.told() for one in self.of(DecisionKind.LEGITIMATE)}
        ordered = sorted(rows.items())
        return known.merged(
            KnownLegitimate(
                tuple(entity for entity, _ in ordered),
                tuple(why for _, why in ordered),
                frozenset(),
            )
        )

    def tallies(self) -> Iterator[Tally]:
        """What the manifest says of the decisions."""
        for kind in DecisionKind:
            yield ("decisions", f"in_force_{kind}"), len(self.of(kind))
        yield ("decisions", "expired"), self.expired
        yield ("decisions", "decided_later"), self.later
        yield ("decisions", "entities_named"), len(self.named())
        for one in self.contradictions:
            yield ("decision_contradictions", one), 1


NO_DECISIONS = InForce()


def in_force(
    decisions: Iterable[Decision], as_of: datetime | None, newest: datetime | None
) -> InForce:
    """The decisions in force at `as_of`, or at the newest record where it is not given.

    One made after `as_of` was not known then. Without `as_of` every decision is known.
    """
    when = as_of or newest
    given = sorted(decisions, key=_by_id)
    later = [one for one in given if as_of is not None and one.decided_at > as_of]
    expired = [
        one
        for one in given
        if one not in later and when and one.expires_at is not None and one.expires_at <= when
    ]
    alive = [one for one in given if one not in later and one not in expired]
    set_aside = dict(_contradictions(alive))
    return InForce(
        when=when,
        binding=tuple(one for one in alive if one.decision_id not in set_aside),
        contradictions=tuple(sorted(set(set_aside.values()))),
        expired=len(expired),
        later=len(later),
    )


def _by_id(one: Decision) -> str:
    return one.decision_id


def _contradictions(alive: list[Decision]) -> Iterator[tuple[str, str]]:
    """(decision_id that is set aside, what contradicts it) of decisions sorted by id."""
    yield from _on_one_entity(alive)
    graph = nx.Graph()
    for one in alive:
        if one.kind is DecisionKind.MUST_LINK:
            graph.add_edge(one.entity_a, one.entity_b)
    by_pair: dict[frozenset[str | None], list[str]] = {}
    for one in alive:
        if one.kind is DecisionKind.MUST_LINK:
            ends = frozenset((one.entity_a, one.entity_b))
            by_pair.setdefault(ends, []).append(one.decision_id)
    for one in alive:
        if one.kind is not DecisionKind.CANNOT_LINK:
            continue
        a, b = one.entity_a, one.entity_b
        while a in graph and b in graph and nx.has_path(graph, a, b):
            path = nx.shortest_path(graph, a, b)
            steps = [frozenset(step) for step in pairwise(path)]
            ids = sorted(decision for step in steps for decision in by_pair[step])
            told = f"cannot_link {one.decision_id} against must_link {', '.join(ids)}"
            yield from ((decision, told) for decision in ids)
            graph.remove_edges_from(tuple(step) for step in steps)


def _on_one_entity(alive: list[Decision]) -> Iterator[tuple[str, str]]:
    """Decisions that one of a safer kind on the same entity sets aside."""
    for safer, weaker in (
        (DecisionKind.LEGITIMATE, DecisionKind.CONFIRM),
        (DecisionKind.LEGITIMATE, DecisionKind.MUST_LINK),
        (DecisionKind.DISPUTE, DecisionKind.CONFIRM),
    ):
        holds = {one.entity_a: one for one in alive if one.kind is safer}
        for one in alive:
            against = holds.get(one.entity_a) or holds.get(one.entity_b or "")
            if one.kind is weaker and against is not None:
                yield (
                    one.decision_id,
                    f"{safer} {against.decision_id} against {weaker} {one.decision_id}",
                )
