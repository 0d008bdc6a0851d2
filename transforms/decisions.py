"""Analysts' decisions: parsed from a file, checked, and resolved to those in force.

A file is checked before anything runs; which decisions are in force is known once the newest record
is. A decision binds: it outweighs any evidence. Where two contradict each other, the one that does
less harm stays in force (cannot_link over must_link, dispute over confirm, legitimate over all),
and the manifest raises an alarm.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import apache_beam as beam
import networkx as nx
import pyarrow as pa
import pyarrow.compute as pc

from schemas.decision import DECISION, PAIR_DECISIONS, DecisionKind
from schemas.entity import epoch_number, with_epoch, without_epoch
from transforms.extract.allowlist import KnownLegitimate, LegitimateListError, canonical_entity_id
from transforms.manifest import CounterValue

MAX_VALUE_CHARACTERS = 500
"""Characters of any one value, at most."""

UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

NO_RECORD = -1
"""Stands for the newest record of a run without any."""


class DecisionError(ValueError):
    """A row of a decisions file that cannot be used; the message is for its author."""


@dataclass(frozen=True)
class Decision:
    """One row of `schemas.decision.DECISION`, checked; entities are canonical ids."""

    decision_id: str
    kind: DecisionKind
    entity_a: str
    entity_b: str | None
    author: str
    reason: str
    decided_at: datetime
    expires_at: datetime | None

    def describe(self) -> str:
        """Returns the decision for people, without its kind."""
        return f"decision {self.decision_id} by {self.author}: {self.reason}"


@dataclass(frozen=True)
class DecisionsInForce:
    """The decisions that bind a run, the contradictions among them, and how many had no effect.

    `when` is the moment that the run is seen from: `--as-of`, or its newest record.
    """

    when: datetime | None = None
    binding: tuple[Decision, ...] = ()
    contradictions: tuple[str, ...] = ()
    expired: int = 0
    later: int = 0

    def of(self, kind: DecisionKind) -> tuple[Decision, ...]:
        """Returns the binding decisions of one kind, by id."""
        return tuple(one for one in self.binding if one.kind is kind)

    def pairs(self, kind: DecisionKind) -> list[tuple[str, str]]:
        """Returns the two entities of each binding decision of a kind, sorted, each pair once."""
        ends = {(one.entity_a, one.entity_b or "") for one in self.of(kind)}
        return sorted({(min(pair), max(pair)) for pair in ends})

    def by_entity(self) -> dict[str, list[Decision]]:
        """Returns the binding decisions on each entity, by id."""
        found: dict[str, list[Decision]] = {}
        for one in self.binding:
            for entity in (one.entity_a, one.entity_b):
                if entity is not None:
                    found.setdefault(entity, []).append(one)
        return found

    def add_to(self, known: KnownLegitimate) -> KnownLegitimate:
        """Adds the entities that analysts decided are legitimate to the list."""
        rows = {one.entity_a: one.describe() for one in self.of(DecisionKind.LEGITIMATE)}
        ordered = sorted(rows.items())
        return known.merged(
            KnownLegitimate(
                tuple(entity for entity, _ in ordered),
                tuple(why for _, why in ordered),
                frozenset(),
            )
        )

    def counters(self) -> Iterator[CounterValue]:
        """Yields the counters of the manifest."""
        for kind in DecisionKind:
            yield ("decisions", f"in_force_{kind}"), len(self.of(kind))
        yield ("decisions", "expired"), self.expired
        yield ("decisions", "decided_later"), self.later
        yield ("decisions", "entities_named"), len(self.by_entity())
        for one in self.contradictions:
            yield ("decision_contradictions", one), 1


NO_DECISIONS = DecisionsInForce()


def parse_decisions(text: str, name: str) -> tuple[Decision, ...]:
    """Parses the decisions of a CSV or JSON Lines file, by id.

    Raises:
        DecisionError: naming the file, the row and the field, and what to do.
    """
    found: dict[str, Decision] = {}
    for row, values in _rows(text.removeprefix("\ufeff"), name):
        decision = _decision(values, f"{name}, row {row}")
        if decision.decision_id in found:
            raise DecisionError(
                f"{name}, row {row}, decision_id: {decision.decision_id!r} is used already; give "
                "each decision an id of its own"
            )
        found[decision.decision_id] = decision
    return tuple(found[one] for one in sorted(found))


def decisions_in_force(
    decisions: Iterable[Decision], as_of: datetime | None, newest: datetime | None
) -> DecisionsInForce:
    """Resolves the decisions in force at `as_of`, or else at the newest record.

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
    return DecisionsInForce(
        when=when,
        binding=tuple(one for one in alive if one.decision_id not in set_aside),
        contradictions=tuple(sorted(set(set_aside.values()))),
        expired=len(expired),
        later=len(later),
    )


def newest_record(records: pa.RecordBatch) -> int:
    """Returns microseconds since the epoch of the newest complaint or call of a batch."""
    when = "received_at" if "received_at" in records.schema.names else "started_at"
    latest = pc.max(records[when].cast(pa.int64())).as_py()
    return NO_RECORD if latest is None else latest


def decisions_in_force_at(
    micros: int, decisions: tuple[Decision, ...], as_of: datetime | None
) -> DecisionsInForce:
    """Applies `decisions_in_force`, with the newest record in microseconds since 1970."""
    when = None if micros == NO_RECORD else UNIX_EPOCH + timedelta(microseconds=micros)
    return decisions_in_force(decisions, as_of, when)


@dataclass(eq=False)
class ResolveDecisions(beam.PTransform):
    """Resolves decisions with unique complaints and calls (a tuple) to one DecisionsInForce.

    `start` has one element a window: a run without records has decisions too.
    """

    decisions: tuple[Decision, ...]
    as_of: datetime | None
    start: beam.PCollection

    def expand(self, records: tuple[beam.PCollection, ...]) -> Any:
        """Takes the newest record of all, then the decisions in force at that time."""
        start = self.start | "No record yet" >> beam.Map(_no_record)
        moments = [
            batches | f"Newest of {number}" >> beam.Map(newest_record)
            for number, batches in enumerate(records)
        ]
        return (
            (*moments, start)
            | beam.Flatten()
            | beam.CombineGlobally(max).without_defaults()
            | beam.Map(decisions_in_force_at, self.decisions, self.as_of)
        )


@dataclass(eq=False)
class CountDecisions(beam.PTransform):
    """Converts one DecisionsInForce to counters."""

    def expand(self, decided: beam.PCollection) -> Any:
        """Applies `DecisionsInForce.counters`."""
        return decided | beam.FlatMap(DecisionsInForce.counters)


def _rows(text: str, name: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Yields line numbers and values."""
    if text.lstrip()[:1] == "{":
        for line, content in enumerate(text.splitlines(), 1):
            if content.strip():
                yield line, _object(content, f"{name}, row {line}")
        return
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        if "decision_id" not in (reader.fieldnames or ()):
            raise DecisionError(f"{name}: the first line must be {','.join(DECISION.names)}")
        for cells in reader:
            if None in cells or None in cells.values():
                raise DecisionError(
                    f"{name}, row {reader.line_num}: has another number of cells than the header"
                )
            yield reader.line_num, cells
    except csv.Error as error:
        raise DecisionError(f"{name}, row {reader.line_num}: {error}") from None


def _object(content: str, place: str) -> Mapping[str, object]:
    try:
        values = json.loads(content)
    except json.JSONDecodeError as error:
        raise DecisionError(f"{place}: not JSON: {error.msg}") from None
    if not isinstance(values, dict):
        raise DecisionError(f"{place}: not an object; write one decision per line")
    return values


def _decision(values: Mapping[str, object], place: str) -> Decision:
    for unknown in sorted(set(values) - set(DECISION.names)):
        raise DecisionError(f"{place}, {unknown}: no such field; use {', '.join(DECISION.names)}")
    texts = {name: _text(values.get(name), f"{place}, {name}") for name in DECISION.names}
    for one in DECISION:
        if not one.nullable and texts[one.name] is None:
            raise DecisionError(f"{place}, {one.name}: is empty; every decision needs it")
    kind = _kind(texts["kind"] or "", place)
    ends = [_entity(texts[name], f"{place}, {name}") for name in ("entity_a", "entity_b")]
    if kind in PAIR_DECISIONS and (ends[1] is None or ends[0] == ends[1]):
        raise DecisionError(f"{place}, entity_b: {kind} is about two entities; name the other one")
    if kind not in PAIR_DECISIONS and ends[1] is not None:
        raise DecisionError(f"{place}, entity_b: {kind} is about one entity; leave it empty")
    decided = _moment(texts["decided_at"], f"{place}, decided_at")
    expires = _moment(texts["expires_at"], f"{place}, expires_at")
    if expires is not None and decided is not None and expires <= decided:
        raise DecisionError(f"{place}, expires_at: is not after decided_at; correct one of them")
    return Decision(
        decision_id=texts["decision_id"] or "",
        kind=kind,
        entity_a=ends[0] or "",
        entity_b=ends[1],
        author=texts["author"] or "",
        reason=texts["reason"] or "",
        decided_at=decided or datetime.max.replace(tzinfo=UTC),
        expires_at=expires,
    )


def _text(value: object, place: str) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise DecisionError(f"{place}: is not text; put it in quotes")
    if len(value) > MAX_VALUE_CHARACTERS or not value.isprintable():
        raise DecisionError(
            f"{place}: is not one line of at most {MAX_VALUE_CHARACTERS} characters"
        )
    return value.strip() or None


def _kind(text: str, place: str) -> DecisionKind:
    try:
        return DecisionKind(text)
    except ValueError:
        raise DecisionError(
            f"{place}, kind: no such kind {text!r}; use {', '.join(DecisionKind)}"
        ) from None


def _entity(text: str | None, place: str) -> str | None:
    try:
        return _canonical_epoch(text) if text is not None else None
    except LegitimateListError as error:
        raise DecisionError(f"{place}: {error}") from None


def _canonical_epoch(text: str) -> str:
    """Returns the canonical id, with the epoch that it names."""
    return with_epoch(canonical_entity_id(without_epoch(text)), epoch_number(text))


def _moment(text: str | None, place: str) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise DecisionError(f"{place}: {text!r} is not an ISO 8601 time") from None
    if moment.tzinfo is None:
        raise DecisionError(f"{place}: {text!r} has no zone; add Z or an offset")
    return moment.astimezone(UTC)


def _no_record(_: object) -> int:
    return NO_RECORD


def _by_id(one: Decision) -> str:
    return one.decision_id


def _contradictions(alive: list[Decision]) -> Iterator[tuple[str, str]]:
    """Yields (decision_id that is set aside, what contradicts it) of decisions sorted by id."""
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
            text = f"cannot_link {one.decision_id} against must_link {', '.join(ids)}"
            yield from ((decision, text) for decision in ids)
            graph.remove_edges_from(tuple(step) for step in steps)


def _on_one_entity(alive: list[Decision]) -> Iterator[tuple[str, str]]:
    """Yields decisions that one of a safer kind on the same entity sets aside."""
    for safer, weaker in (
        (DecisionKind.LEGITIMATE, DecisionKind.CONFIRM),
        (DecisionKind.LEGITIMATE, DecisionKind.MUST_LINK),
        (DecisionKind.DISPUTE, DecisionKind.CONFIRM),
    ):
        by_entity = {one.entity_a: one for one in alive if one.kind is safer}
        for one in alive:
            against = by_entity.get(one.entity_a) or by_entity.get(one.entity_b or "")
            if one.kind is weaker and against is not None:
                yield (
                    one.decision_id,
                    f"{safer} {against.decision_id} against {weaker} {one.decision_id}",
                )
