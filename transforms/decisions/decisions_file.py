"""Stored decisions: the file of analysts, and the table decisions/ of a run.

The file, CSV or JSON Lines, is checked before anything runs. People can type its rows by hand.
`ringtrace decide` adds rows with a binding to members of a run, and a signature that is chained to
the signed row before. The table has all decisions of a run with their bindings, for the next run.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from operator import attrgetter
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.pvalue import AsIter, AsSingleton

from schemas.decision import (
    ACCUSING_DECISIONS,
    BINDING,
    BOUND_DECISION,
    CHAIN,
    CLUSTER_DECISIONS,
    DECISION,
    PAIR_DECISIONS,
    SEEN,
    DecisionKind,
    members_digest,
)
from schemas.entity import epoch_number, is_withheld, with_epoch, without_epoch
from schemas.field import Row
from transforms.arrow import is_among, table_of_rows
from transforms.decisions.in_force import (
    BoundBy,
    DaysOfUse,
    Decision,
    DecisionsInForce,
    RowSignature,
    stand_in_id,
)
from transforms.extract.allowlist import LegitimateListError, canonical_entity_id

MAX_VALUE_CHARACTERS = 500
"""Largest length of any other value, in characters."""

MAX_OPENED_CHARACTERS = 4_000
"""Largest length of the names of opened narratives and links, in characters."""

MAX_MEMBERS_CHARACTERS = 10_000_000
"""Largest length of the members of a row, in characters."""

_HEX = re.compile(r"[0-9a-f]{64}")

LEAST_DIGITS, NATIONAL_DIGITS = 7, 10
"""Digits of the shortest victim's number that a text must not name, and most last digits compared.
"""

NOTHING: Mapping[str, str] = {}

FILE_COLUMNS = (*DECISION.names, *BINDING.names, *SEEN.names, *CHAIN.names)
"""The columns of a decisions file; a row typed by hand has only the columns of DECISION."""

SIGNED_FORMAT, SIGNED_VERSION = "ringtrace-decision", 1
"""Format and version in the signed bytes of a row."""


@dataclass(frozen=True)
class DecisionSigner:
    """A known key of a person who decides, and the time from which it is void, if any.

    `holds(signature, content)` returns True if the key signed the content.
    """

    holds: Callable[[bytes, bytes], bool]
    void_since: datetime | None = None


NO_SIGNERS: Mapping[str, DecisionSigner] = {}


class DecisionError(ValueError):
    """A row of a decisions file that cannot be used; the message is for its author."""


def parse_decisions(
    text: str, name: str, signers: Mapping[str, DecisionSigner] = NO_SIGNERS
) -> tuple[Decision, ...]:
    """Parses the decisions of a CSV or JSON Lines file, by id.

    Args:
        text: Text of the file.
        name: Name of the file.
        signers: Known keys by their fingerprints; a row with another key counts as typed.

    Raises:
        DecisionError: if a row is invalid, or a signed row was edited, removed or moved; names the
            file, the row, the field and the remedy.
    """
    decisions: dict[str, Decision] = {}
    rows: dict[str, int] = {}
    for row, values in _rows(text.removeprefix("\ufeff"), name):
        decision = _decision(_Row(values, f"{name}, row {row}"))
        if decision.decision_id in decisions:
            raise DecisionError(
                f"{name}, row {row}, decision_id: {decision.decision_id!r} is used already; give "
                "each decision an id of its own"
            )
        decisions[decision.decision_id] = decision
        rows[decision.decision_id] = row
    checked = _check_chain(decisions.values(), rows, name, signers)
    return tuple(sorted(checked, key=attrgetter("decision_id")))


def sign_decision(
    decision: Decision, known: Iterable[Decision], key_id: str, sign: Callable[[bytes], bytes]
) -> Decision:
    """Signs a bound decision, and chains it to the signed decisions of its file.

    Args:
        decision: The decision, as parsed from its row.
        known: The decisions of the file.
        key_id: Fingerprint of the key.
        sign: Returns the key's signature of some bytes.
    """
    signed = [each.signature for each in known if each.signature is not None]
    followed = {before.previous for before in signed}
    previous = next((before.digest for before in signed if before.digest not in followed), "")
    row = RowSignature(previous, key_id, "", known=True)
    content = _signed_bytes(replace(decision, signature=row))
    text = base64.b64encode(sign(content)).decode()
    return _with_digest(replace(decision, signature=replace(row, signature=text)))


def _signed_bytes(decision: Decision) -> bytes:
    """Returns the signed bytes of a row: all its values as canonical JSON."""
    row = _file_row(decision)
    del row["signature"]
    row |= {"format": SIGNED_FORMAT, "version": SIGNED_VERSION}
    return json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _check_chain(
    decisions: Iterable[Decision],
    rows: Mapping[str, int],
    name: str,
    signers: Mapping[str, DecisionSigner],
) -> list[Decision]:
    """Checks the signatures of rows, and that each row follows the row that it names.

    A row signed with a void key counts as typed; if it accuses somebody, it has no effect. The same
    goes for all later rows of that key: a time can be backdated, a place in the chain cannot.

    Raises:
        DecisionError: for the first row that fails.
    """
    digested = [_with_digest(decision) for decision in decisions]
    places = {
        decision.signature.digest: rows[decision.decision_id]
        for decision in digested
        if decision.signature
    }
    before, last = "", 0
    void: set[str] = set()
    checked = []
    for decision in digested:
        row, signed = rows[decision.decision_id], decision.signature
        if signed is None:
            checked.append(decision)
            continue
        signer = signers.get(signed.key_id)
        raw = base64.b64decode(signed.signature)
        if signer is not None and not signer.holds(raw, _signed_bytes(decision)):
            raise DecisionError(
                f"{name}, row {row}: {decision.decision_id} was edited after the key "
                f"{signed.key_id[:16]} signed it; restore the row from a copy"
            )
        if signed.previous != before:
            raise DecisionError(
                f"{name}, row {row}: {decision.decision_id} "
                f"{_broken(signed.previous, places, row, last)}; restore the file from a copy"
            )
        before, last = signed.digest, row
        since = signer.void_since if signer is not None else None
        if since is not None and decision.decided_at >= since:
            void.add(signed.key_id)
        holds = signer is not None and signed.key_id not in void
        why = f"is signed by a key that is void from {since:%Y-%m-%d} on" if since else None
        gone = signed.key_id in void and decision.kind in ACCUSING_DECISIONS
        known = replace(signed, known=holds)
        checked.append(replace(decision, signature=known, void=why if gone else None))
    return checked


def _with_digest(decision: Decision) -> Decision:
    if decision.signature is None:
        return decision
    content = _signed_bytes(decision) + decision.signature.signature.encode()
    digest = hashlib.sha256(content).hexdigest()
    return replace(decision, signature=replace(decision.signature, digest=digest))


def _broken(previous: str, places: Mapping[str, int], row: int, last: int) -> str:
    """Explains why a signed row does not follow the signed row `last`."""
    if not previous:
        return f"is the first signed row of a file, and stands behind row {last}: rows were moved"
    there = places.get(previous)
    if there is None:
        where = f"between row {last} and it" if last else "before it"
        return f"follows a signed row that is not here: one {where} was removed or edited"
    if there > row:
        return f"was signed after row {there}, and stands before it: rows were moved"
    return f"was signed after row {there}, and stands behind row {last}: rows were moved or added"


def with_decision_added(text: str, decision: Decision) -> str:
    """Adds a bound decision to the text of a decisions file.

    Existing rows stay as they are. A CSV file gets missing columns; an empty text becomes a CSV
    file.
    """
    row = _file_row(decision)
    if text.lstrip("\ufeff").lstrip()[:1] == "{":
        return _with_line_end(text) + json.dumps(row, ensure_ascii=False) + "\n"
    cells = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for name, value in row.items()
    }
    lines = csv.reader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    columns = next(lines, [])
    if set(FILE_COLUMNS) <= set(columns):
        return _with_line_end(text) + _csv_text(columns, [cells])
    rows = [dict(zip(columns, line, strict=True)) for line in lines if line]
    columns += [column for column in FILE_COLUMNS if column not in columns]
    return _csv_text(columns, [*rows, cells], header=True)


def taken_over(
    decisions: Iterable[Decision], before: pa.Table, contested: Mapping[str, str] = NOTHING
) -> tuple[Decision, ...]:
    """Gives decisions their binding from the BOUND_DECISION rows of an earlier run.

    A row belongs to a decision if its id and all values that the author wrote are equal, except
    entities that the earlier run withheld. A decision that its file binds stays as it is.

    Args:
        decisions: The decisions.
        before: The BOUND_DECISION rows.
        contested: Own ids of contested entities of that run, by their withheld ids.
    """
    rows = {row["decision_id"]: row for row in before.to_pylist()}
    return tuple(
        _bound_as(decision, rows[decision.decision_id], contested)
        if decision.members is None and _is_same(decision, rows.get(decision.decision_id))
        else decision
        for decision in decisions
    )


def lost_rows(decisions: Iterable[Decision], before: pa.Table) -> list[dict[str, Any]]:
    """Returns the signed BOUND_DECISION rows of an earlier run that some decisions lack.

    A chain does not show that its end was cut off, or that the file was exchanged. A row that lost
    its signature or changed its values is lost too.
    """
    by_id = {decision.decision_id: decision for decision in decisions}

    def holds(row: dict[str, Any]) -> bool:
        decision = by_id.get(row["decision_id"])
        signature = decision.signature if decision is not None else None
        signer = signature.key_id if signature is not None else None
        return decision is not None and signer == row["signed_by"] and _is_same(decision, row)

    signed = before.filter(pc.is_valid(before["signed_by"])).to_pylist()
    return [row for row in signed if not holds(row)]


def bound_rows(
    decided: DecisionsInForce, withheld: Iterable[str] = (), contested: Mapping[str, str] = NOTHING
) -> pa.Table:
    """Returns BOUND_DECISION rows of all decisions, in force or not.

    Args:
        decided: The decisions.
        withheld: Ids of victims' own entities. They get another id in the rows, like entities that
            a decision calls a victim's own.
        contested: Withheld ids of contested entities, by their own ids. The rows have the withheld
            ids, which the next run can resolve.
    """
    owned = (
        decision.entity_a
        for decision in decided.every
        if decision.kind is DecisionKind.VICTIM_OWNED
    )
    hidden = frozenset(map(without_epoch, (*withheld, *contested, *owned)))
    binding = {decision.decision_id for decision in decided.binding}
    rows = [
        _bound_row(decision, hidden, contested) | {"in_force": decision.decision_id in binding}
        for decision in sorted(decided.every, key=attrgetter("decision_id"))
    ]
    return table_of_rows(rows, BOUND_DECISION)


@dataclass(eq=False)
class DecisionRows(beam.PTransform):
    """Converts a DecisionsInForce to BOUND_DECISION batches, without victims' own identifiers.

    `withheld` are batches whose `entity_id` must not be shown; `contested` are CONTESTED batches.
    """

    withheld: beam.PCollection
    contested: beam.PCollection

    def expand(self, decided: beam.PCollection) -> Any:
        """Applies `bound_rows`."""
        single = AsSingleton(decided)
        hidden = self.withheld | "Hidden" >> beam.FlatMap(_hidden_members, single)
        return decided | "Rows" >> beam.FlatMap(
            _bound_batches, AsIter(hidden), AsIter(self.contested)
        )


def _row(decision: Decision) -> dict[str, Any]:
    """Returns the values of `FILE_COLUMNS`; `members` and `used` are lists."""
    members = list(decision.members or ())
    days = {each.entity_id: f"{each.first}/{each.last}" for each in decision.used}
    start, end = decision.interval or (None, None)
    return _written(decision) | {
        "members": members,
        "members_digest": decision.digest,
        "used": [days.get(each, "") for each in members],
        "run_id": decision.run_id,
        "bound_from": start,
        "bound_to": end,
        **{name: getattr(decision, name) for name in SEEN.names},
        **{name: getattr(decision.signature, name, None) for name in CHAIN.names},
    }


def _file_row(decision: Decision) -> dict[str, Any]:
    """Returns the values of `FILE_COLUMNS` that a decision has, in the form of a file."""
    return {
        name: value.isoformat().replace("+00:00", "Z") if isinstance(value, datetime) else value
        for name, value in _row(decision).items()
        if value is not None
    }


def _csv_text(columns: list[str], rows: list[dict[str, str]], *, header: bool = False) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    if header:
        writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _with_line_end(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"


def _rows(text: str, name: str) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Yields line numbers and values."""
    if text.lstrip()[:1] == "{":
        for line, content in enumerate(text.splitlines(), 1):
            if content.strip():
                yield line, _object(content, f"{name}, row {line}")
        return
    # The process has one limit, so no thread may lower it while another one reads.
    csv.field_size_limit(MAX_MEMBERS_CHARACTERS)
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
    except (ValueError, RecursionError):  # a number of too many digits, or too deep
        raise DecisionError(f"{place}: not JSON that can be read") from None
    if not isinstance(values, dict):
        raise DecisionError(f"{place}: not an object; write one decision per line")
    return values


@dataclass(frozen=True)
class _Row:
    """The values of a row of a file by column, and its place for errors."""

    values: Mapping[str, object]
    place: str

    def error(self, name: str, problem: str) -> DecisionError:
        return DecisionError(f"{self.place}, {name}: {problem}")

    def text(self, name: str, most: int = MAX_VALUE_CHARACTERS) -> str | None:
        value = self.values.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.error(name, "is not text; put it in quotes")
        if len(value) > most or not value.isprintable():
            raise self.error(name, f"is not one line of at most {most} characters")
        return value.strip() or None

    def entity(self, name: str) -> str | None:
        """Returns the canonical id, with the epoch that it names."""
        if (text := self.text(name)) is None:
            return None
        try:
            bare = canonical_entity_id(without_epoch(text), tenants=True)
            return with_epoch(bare, epoch_number(text))
        except LegitimateListError as error:
            raise self.error(name, str(error)) from None

    def moment(self, name: str) -> datetime | None:
        if (text := self.text(name)) is None:
            return None
        try:
            moment = datetime.fromisoformat(text)
            in_utc = moment.astimezone(UTC)
        except (ValueError, OverflowError):
            raise self.error(name, f"{text!r} is not an ISO 8601 time") from None
        if moment.tzinfo is None:
            raise self.error(name, f"{text!r} has no zone; add Z or an offset")
        return in_utc

    def items(self, name: str) -> Any:
        """Returns a list, or the value of a text in JSON; None if it is empty."""
        value = self.values.get(name)
        if not value or not isinstance(value, str):
            return None if value == "" else value
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value


def _decision(row: _Row) -> Decision:
    for unknown in sorted(set(row.values) - set(FILE_COLUMNS)):
        shown = unknown[:64] if unknown.isprintable() else ascii(unknown[:64])
        raise row.error(shown, f"no such field; use {', '.join(DECISION.names)}")
    texts = {field.name: row.text(field.name) or "" for field in DECISION}
    for field in DECISION:
        if not field.nullable and not texts[field.name]:
            raise row.error(field.name, "is empty; every decision needs it")
    if texts["kind"] not in set(DecisionKind):
        raise row.error("kind", f"no such kind {texts['kind']!r}; use {', '.join(DecisionKind)}")
    kind = DecisionKind(texts["kind"])
    a, b = row.entity("entity_a"), row.entity("entity_b")
    if kind in PAIR_DECISIONS and (b is None or a == b):
        raise row.error("entity_b", f"{kind} is about two entities; name the other one")
    if kind not in PAIR_DECISIONS and b is not None:
        raise row.error("entity_b", f"{kind} is about one entity; leave it empty")
    decided, expires = row.moment("decided_at"), row.moment("expires_at")
    if expires is not None and decided is not None and expires <= decided:
        raise row.error("expires_at", "is not after decided_at; correct one of them")
    seen: Any = {name: row.text(name, MAX_OPENED_CHARACTERS) for name in SEEN.names}
    decision = Decision(
        decision_id=texts["decision_id"],
        kind=kind,
        entity_a=a or "",
        entity_b=b,
        author=texts["author"],
        reason=texts["reason"],
        decided_at=decided or datetime.max.replace(tzinfo=UTC),
        expires_at=expires,
        **seen,
    )
    if kind is DecisionKind.VICTIM_OWNED:
        _check_victim_unnamed(decision, row)
    return replace(_with_binding(decision, row), signature=_signature(row))


def _signature(row: _Row) -> RowSignature | None:
    """Returns the signature of a row, if it has one."""
    remedy = f"leave {', '.join(CHAIN.names)} empty, and the row counts as typed"
    texts = {name: row.text(name) or "" for name in CHAIN.names}
    if not any(texts.values()):
        return None
    for name in ("key_id", "signature"):
        if not texts[name]:
            raise row.error(name, f"is empty in a row that was signed; {remedy}")
    for name in ("previous", "key_id"):
        if texts[name] and not _HEX.fullmatch(texts[name]):
            raise row.error(name, f"is no SHA-256 in hexadecimal; {remedy}")
    try:
        raw = base64.b64decode(texts["signature"], validate=True)
    except ValueError:
        raw = b""
    if base64.b64encode(raw).decode() != texts["signature"]:
        raise row.error("signature", f"is not base64; {remedy}")
    return RowSignature(texts["previous"], texts["key_id"], texts["signature"])


def _check_victim_unnamed(decision: Decision, row: _Row) -> None:
    """Raises DecisionError if the id, author or reason names the victim's identifier."""
    value = decision.entity_a.partition(":")[2].lower()
    digits = "".join(filter(str.isdecimal, value))[-NATIONAL_DIGITS:]
    for name in ("decision_id", "author", "reason"):
        text = getattr(decision, name).lower()
        inside = len(digits) >= LEAST_DIGITS and digits in "".join(filter(str.isdecimal, text))
        if inside or value in text:
            raise row.error(name, "names the victim's identifier, and is shown; leave it out")


def _with_binding(decision: Decision, row: _Row) -> Decision:
    """Adds the binding of a row to its decision, if the row has one."""
    remedy = f"leave {', '.join(BINDING.names)} empty, and the next run binds it"
    items = row.items("members")
    texts = {name: row.text(name) for name in BINDING.names if name not in ("members", "used")}
    if items is None:
        for name, text in texts.items():
            if text is not None:
                raise row.error(name, f"without members it says nothing; {remedy}")
        return decision
    if not isinstance(items, list) or not all(map(_is_entity_id, items)):
        raise row.error("members", f"is not a list of entity ids in JSON; {remedy}")
    members = tuple(sorted(set(items)))
    if texts["members_digest"] != members_digest(members):
        raise row.error("members_digest", f"is not that of the members; {remedy}")
    try:
        days = row.items("used")
        used = () if days is None else _days_of_use(members, days)
    except (ValueError, TypeError):
        raise row.error(
            "used",
            "is not a list in JSON of a first and a last day for each member, such as "
            '"2024-01-05/2024-03-09"; leave it empty',
        ) from None
    start, end = row.moment("bound_from"), row.moment("bound_to")
    return replace(
        decision,
        members=members,
        used=used,
        bound_by=BoundBy.FILE,
        run_id=texts["run_id"],
        interval=(start, end) if start is not None and end is not None else None,
    )


def _days_of_use(members: Sequence[str], texts: Any) -> tuple[DaysOfUse, ...]:
    """Parses the days of use of members; skips members without any.

    Raises TypeError or ValueError unless `texts` has one text a member, with two days or empty.
    """
    days = []
    for member, text in zip(members, texts, strict=True):
        if text:
            first, last = map(date.fromisoformat, str(text).split("/"))
            if first > last:
                raise ValueError("the first day is later than the last")
            days.append(DaysOfUse(member, first, last))
    return tuple(sorted(days))


def _is_entity_id(value: object) -> bool:
    return (
        isinstance(value, str)
        and ":" in value
        and value.isprintable()
        and len(value) <= MAX_VALUE_CHARACTERS
    )


def _is_same(decision: Decision, row: Row | None) -> bool:
    """Compares the values that the author of a decision wrote with a BOUND_DECISION row."""
    if row is None:
        return False
    written = _written(decision)
    for name in ("entity_a", "entity_b"):
        if row[name] is not None and is_withheld(row[name]) and written[name] is not None:
            written[name] = f"{written[name].partition(':')[0]}:{row[name].partition(':')[2]}"
    return written == {name: row[name] for name in DECISION.names}


def _bound_as(decision: Decision, row: Row, contested: Mapping[str, str]) -> Decision:
    start, end = row["bound_from"], row["bound_to"]
    shown = [contested.get(each, each) for each in row["members"]]
    members = tuple(sorted(shown))
    if decision.kind not in (*CLUSTER_DECISIONS, DecisionKind.VICTIM_OWNED) and len(members) == len(
        decision.entities
    ):
        members = tuple(sorted(decision.entities))  # restores ids withheld there as a victim's
    return replace(
        decision,
        members=members,
        used=_days_of_use(shown, row["used"] or [""] * len(shown)),
        run_id=row["run_id"],
        interval=(start, end) if start is not None and end is not None else None,
        bound_by=BoundBy.BEFORE,
    )


def _written(decision: Decision) -> dict[str, Any]:
    """Returns the columns of DECISION: the values that its author wrote."""
    return {name: getattr(decision, name) for name in DECISION.names}


def _bound_row(
    decision: Decision, hidden: frozenset[str], contested: Mapping[str, str]
) -> dict[str, Any]:
    """Returns a BOUND_DECISION row without `in_force`, with other ids for hidden entities."""
    owned = decision.kind is DecisionKind.VICTIM_OWNED

    def shown(entity: str, place: int) -> str:
        if is_withheld(entity) or not (owned or without_epoch(entity) in hidden):
            return entity
        shown = None if owned else contested.get(entity)
        return shown or stand_in_id(entity, decision.decision_id, place)

    row = {name: value for name, value in _row(decision).items() if name in BOUND_DECISION.names}
    for place, name in enumerate(("entity_a", "entity_b")):
        if row[name] is not None:
            row[name] = shown(row[name], place)
    pairs = sorted(
        (stands, when if stands == each or stands in contested.values() else "")
        for place, (each, when) in enumerate(zip(row["members"], row["used"], strict=True))
        for stands in [shown(each, place)]
    )
    members = [stands for stands, _ in pairs]
    used = [when for _, when in pairs]
    row |= {"members": members, "members_digest": members_digest(members), "used": used}
    return row | {"signed_by": decision.signed_by}


def own_id(contested: Row) -> str:
    """Returns the own id, with its epoch, of the entity of a CONTESTED row."""
    bare = f"{contested['kind']}:{contested['value']}"
    return with_epoch(bare, epoch_number(contested["entity_id"]))


def _hidden_members(withheld: pa.RecordBatch, decided: DecisionsInForce) -> Iterator[str]:
    """Yields the withheld entities that a decision names or covers."""
    if not decided.every:
        return
    named = {
        each
        for decision in decided.every
        for each in (*decision.entities, *(decision.members or ()))
    }
    named |= {without_epoch(entity) for entity in named}
    hidden = is_among(withheld["entity_id"], named)
    yield from withheld["entity_id"].filter(hidden).to_pylist()


def _bound_batches(
    decided: DecisionsInForce, withheld: Iterable[str], contested: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    shown = {own_id(row): row["entity_id"] for batch in contested for row in batch.to_pylist()}
    rows = bound_rows(decided, withheld=withheld, contested=shown)
    yield from rows.combine_chunks().to_batches()
