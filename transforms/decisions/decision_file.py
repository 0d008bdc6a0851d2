"""A file of analysts' decisions, read and checked before anything runs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from schemas import epoch
from schemas.decision import DECISION, PAIRED, DecisionKind
from transforms.identify.legitimate import LegitimateListError, canonical

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
