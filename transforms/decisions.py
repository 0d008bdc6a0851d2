"""Analysts' decisions: read, checked, and in force or not.

A file of analysts' decisions, read and checked before anything runs.

Which decisions bind a run, known once its newest record is.

Analysts' decisions: which of them are in force, and which contradict each other.

A decision binds: it outweighs any evidence. Where two contradict each other the one that does less
harm holds (cannot_link over must_link, dispute over confirm, legitimate over all), and the manifest
raises an alarm.
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

from schemas import epoch
from schemas.decision import DECISION, PAIRED, DecisionKind
from transforms.extract.allowlist import KnownLegitimate, LegitimateListError, canonical
from transforms.manifest import Tally

LONGEST = 500
"""Characters of any one value."""


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

    def told(self) -> str:
        """The decision for people, without its kind."""
        return f"decision {self.decision_id} by {self.author}: {self.reason}"


def load(text: str, name: str) -> tuple[Decision, ...]:
    """The decisions of a CSV or JSON Lines file, by id.

    Raises:
        DecisionError: naming the file, the row and the field, and what to do.
    """
    found: dict[str, Decision] = {}
    for row, values in _rows(text.removeprefix("\ufeff"), name):
        decision = _decision(values, f"{name}, row {row}")
        if decision.decision_id in found:
            raise DecisionError(
                f"{name}, row {row}, decision_id: {decision.decision_id!r} is there already; give "
                "each decision an id of its own"
            )
        found[decision.decision_id] = decision
    return tuple(found[one] for one in sorted(found))


def _rows(text: str, name: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Line numbers and values."""
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
                    f"{name}, row {reader.line_num}: not as many cells as the header"
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
        raise DecisionError(f"{place}: not an object; write one decision a line")
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
    if kind in PAIRED and (ends[1] is None or ends[0] == ends[1]):
        raise DecisionError(f"{place}, entity_b: {kind} is about two entities; name the other one")
    if kind not in PAIRED and ends[1] is not None:
        raise DecisionError(f"{place}, entity_b: {kind} is about one entity; leave it empty")
    decided = _moment(texts["decided_at"], f"{place}, decided_at")
    expires = _moment(texts["expires_at"], f"{place}, expires_at")
    if expires is not None and decided is not None and expires <= decided:
        raise DecisionError(f"{place}, expires_at: is not after decided_at; mend one of them")
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
    if len(value) > LONGEST or not value.isprintable():
        raise DecisionError(f"{place}: is not one line of at most {LONGEST} characters")
    return value.strip() or None


def _kind(text: str, place: str) -> DecisionKind:
    try:
        return DecisionKind(text)
    except ValueError:
        raise DecisionError(
            f"{place}, kind: {text!r} is none of {', '.join(DecisionKind)}"
        ) from None


def _entity(text: str | None, place: str) -> str | None:
    try:
        return _epoch_of(text) if text is not None else None
    except LegitimateListError as error:
        raise DecisionError(f"{place}: {error}") from None


def _epoch_of(text: str) -> str:
    """The canonical id, with the epoch that it names."""
    return epoch.named(canonical(epoch.bare(text)), epoch.number(text))


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


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


NOTHING = -1
"""The newest record of a run without any."""


def newest(records: pa.RecordBatch) -> int:
    """Microseconds since the epoch of the newest complaint or call of a batch."""
    when = "received_at" if "received_at" in records.schema.names else "started_at"
    latest = pc.max(records[when].cast(pa.int64())).as_py()
    return NOTHING if latest is None else latest


def _nothing(_: object) -> int:
    return NOTHING


def binding_at(micros: int, decisions: tuple[Decision, ...], as_of: datetime | None) -> InForce:
    """`decisions.in_force` at `as_of`, or at the newest record."""
    when = None if micros == NOTHING else EPOCH + timedelta(microseconds=micros)
    return in_force(decisions, as_of, when)


@dataclass(eq=False)
class Decisions(beam.PTransform):
    """Batches of unique complaints and calls (a tuple of PCollections) to one InForce.

    `start` has one element a window: a run without records has decisions too.
    """

    decisions: tuple[Decision, ...]
    as_of: datetime | None
    start: beam.PCollection

    def expand(self, records: tuple[beam.PCollection, ...]) -> Any:
        """The newest record of all, then what is in force then."""
        start = self.start | "No record yet" >> beam.Map(_nothing)
        moments = [
            batches | f"Newest of {number}" >> beam.Map(newest)
            for number, batches in enumerate(records)
        ]
        return (
            (*moments, start)
            | beam.Flatten()
            | beam.CombineGlobally(max).without_defaults()
            | beam.Map(binding_at, self.decisions, self.as_of)
        )


@dataclass(eq=False)
class CountDecisions(beam.PTransform):
    """One InForce to tallies."""

    def expand(self, decided: beam.PCollection) -> Any:
        """See `InForce.tallies`."""
        return decided | beam.FlatMap(InForce.tallies)


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
