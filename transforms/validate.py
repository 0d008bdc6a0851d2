"""Hold loose rows against the input contract: each ends accepted, or rejected with a reason."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.call import CALL_ACCEPTED
from schemas.codes import COUNTRIES, CURRENCIES
from schemas.complaint import COMPLAINT_ACCEPTED
from schemas.field import TIMESTAMP
from schemas.kinds import NUMBER_ROLES, Attestation, Channel, Direction, RecordKind, Role, Stage
from schemas.reject import Code
from transforms import columns
from transforms.read.rejects import Reject, reject_rows

_SLUG = r"^[a-z0-9][a-z0-9._-]{0,63}$"
_ID = r"^[^\x00-\x1f\x7f]{1,256}$"
_BAD_AMOUNT = "not an amount from 0 to below ten trillion, of at most 18 decimals"
_CONTACT = r"@[^@\s]+\.|^\+\d[\d\s().-]{6,}$|^\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}$"

_NO_DIGIT = re.compile(r"\D")
_LEAST, _NATIONAL = 7, 10
"""Digits of the shortest number that is looked for in ids; last ones by which a longer one is."""


@dataclass
class _Batch:
    """One loose batch under validation: its typed columns, and each row's first fault."""

    rows: pa.RecordBatch
    typed: dict[str, pa.Array] = field(default_factory=dict)
    coerced: Counter[str] = field(default_factory=Counter)
    faults: dict[int, tuple[Code, str, str]] = field(default_factory=dict)

    def refuse(self, bad: np.ndarray, code: Code, name: str, message: str) -> None:
        """Mark the rows of `bad`, unless an earlier check already refused them."""
        for row in np.flatnonzero(bad):
            self.faults.setdefault(int(row), (code, name, message))

    def keep(self, name: str, checked: columns.Checked, code: Code, message: str) -> None:
        """Take a typed column, refusing the rows where it could not be read."""
        self.typed[name], bad = checked
        self.refuse(bad, code, name, message)

    def coerce(self, name: str, known: tuple[str, ...], otherwise: str | None) -> None:
        """Take a closed vocabulary, counting the words that it does not know."""
        self.typed[name], strange = columns.choices(self.rows[name], known, otherwise)
        if strange.any():
            self.coerced[name] += int(strange.sum())


def _ids(batch: _Batch, id_field: str) -> None:
    org = pc.ascii_lower(columns.text(batch.rows["source_org"]))
    for name, column, pattern in (
        (id_field, batch.rows[id_field], _ID),
        ("source_org", org, _SLUG),
    ):
        trimmed = columns.text(column)
        batch.typed[name] = trimmed
        batch.refuse(
            ~columns.mask(pc.is_valid(trimmed)), Code.MISSING_FIELD, name, "required, but absent"
        )
        batch.refuse(
            columns.mask(pc.invert(pc.match_substring_regex(trimmed, pattern))),
            Code.BAD_VALUE,
            name,
            "too long or holds characters that an id or slug must not have",
        )
    batch.refuse(
        columns.mask(pc.match_substring_regex(batch.typed[id_field], _CONTACT)),
        Code.ID_IS_CONTACT,
        id_field,
        "looks like a number or an address; ids are shown, so give another one",
    )


def _time(batch: _Batch, name: str, as_of: datetime | None, *, required: bool) -> None:
    if required:
        absent = ~columns.mask(pc.is_valid(columns.text(batch.rows[name])))
        batch.refuse(absent, Code.MISSING_FIELD, name, "required, but absent")
    batch.keep(
        name,
        columns.timestamps(batch.rows[name]),
        Code.BAD_TIMESTAMP,
        "not an ISO 8601 time with a zone, such as 2026-01-31T09:30:00Z",
    )
    batch.refuse(
        columns.impossible_dates(batch.typed[name]),
        Code.IMPOSSIBLE_DATE,
        name,
        f"outside {columns.EARLIEST.year} to {columns.LATEST.year - 1}",
    )
    if required and as_of is not None:
        late = pc.greater(batch.typed[name], pa.scalar(as_of, TIMESTAMP))
        batch.refuse(
            columns.mask(late),
            Code.AFTER_AS_OF,
            name,
            "later than --as-of, or than a stream's clock",
        )


def _victim(batch: _Batch) -> None:
    batch.typed["victim_id"] = columns.text(batch.rows["victim_id"])
    batch.refuse(
        columns.mask(pc.match_substring_regex(batch.typed["victim_id"], _CONTACT)),
        Code.VICTIM_ID_IS_CONTACT,
        "victim_id",
        "looks like a number or an address; give a pseudonym instead",
    )
    batch.keep(
        "victim_country",
        columns.codes(batch.rows["victim_country"], COUNTRIES),
        Code.BAD_COUNTRY,
        "not an ISO 3166-1 alpha-2 code (the United Kingdom is GB)",
    )


def _numbers(batch: _Batch) -> None:
    lists = batch.rows["phone_numbers"]
    numbers = lists.flatten()
    roles, strange = columns.choices(pc.struct_field(numbers, "role"), NUMBER_ROLES, None)
    # A strange word may mean the victim: taken for a mention, it would show the victim's number.
    batch.refuse(
        _any_of(lists, strange),
        Code.BAD_VALUE,
        "phone_numbers[].role",
        f"not one of {', '.join(NUMBER_ROLES)}",
    )
    flat = pa.StructArray.from_arrays(
        [pc.struct_field(numbers, "raw"), pc.fill_null(roles, str(Role.MENTIONED))],
        fields=list(COMPLAINT_ACCEPTED.field("phone_numbers").type.value_type.fields),
    )
    batch.typed["phone_numbers"] = _relist(lists, flat)


def _own_id(batch: _Batch, id_field: str, victims: Iterable[tuple[int, str | None]]) -> None:
    """Refuse ids that hold a victim's number of their own row: ids are shown in every table."""
    digits = pc.replace_substring_regex(batch.typed[id_field], r"\D", "").to_pylist()
    bad = np.zeros(len(digits), bool)
    for row, number in victims:
        own = _NO_DIGIT.sub("", number or "")[-_NATIONAL:]
        bad[row] |= len(own) >= _LEAST and own in (digits[row] or "")
    batch.refuse(
        bad, Code.ID_IS_CONTACT, id_field, "holds the victim's number; ids are shown, so change it"
    )


def _victims_of_complaints(batch: _Batch) -> Iterator[tuple[int, str | None]]:
    lists = batch.typed["phone_numbers"]
    rows = np.repeat(np.arange(len(lists)), _lengths(lists))
    numbers = lists.flatten()
    own = columns.mask(pc.equal(pc.struct_field(numbers, "role"), str(Role.VICTIM)))
    raws = pc.struct_field(numbers, "raw").filter(pa.array(own)).to_pylist()
    yield from zip(rows[own].tolist(), raws, strict=True)


def _victims_of_calls(batch: _Batch) -> Iterator[tuple[int, str | None]]:
    for name, suspects in (("calling_number", "inbound"), ("called_number", "outbound")):
        theirs = ~columns.mask(pc.equal(batch.typed["direction"], suspects))
        rows = np.flatnonzero(theirs)
        raws = batch.rows[name].take(pa.array(rows)).to_pylist()
        yield from zip(rows.tolist(), raws, strict=True)


def _payments(batch: _Batch) -> None:
    lists = batch.rows["payments"]
    paid = lists.flatten()
    method, payee, written, currency = (
        pc.struct_field(paid, name) for name in ("method", "payee", "amount", "currency")
    )
    amount, bad = columns.amounts(written)
    batch.refuse(_any_of(lists, bad), Code.BAD_AMOUNT, "payments[].amount", _BAD_AMOUNT)
    flat = pa.StructArray.from_arrays(
        [method, payee, amount, currency],
        fields=list(COMPLAINT_ACCEPTED.field("payments").type.value_type.fields),
    )
    batch.typed["payments"] = _relist(lists, flat)


def _any_of(lists: pa.ListArray, items: np.ndarray) -> np.ndarray:
    """Which lists hold an item of `items`, a mask over `lists.flatten()`."""
    rows = np.zeros(len(lists), bool)
    rows[np.repeat(np.arange(len(lists)), _lengths(lists))[items]] = True
    return rows


def _relist(lists: pa.ListArray, flat: pa.Array) -> pa.ListArray:
    """The same lists over other elements; `lists.flatten()` must be what `flat` came from."""
    offsets = np.concatenate([[0], np.cumsum(_lengths(lists))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), flat)


def _lengths(lists: pa.ListArray) -> np.ndarray:
    return pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)


def _finish(
    batch: _Batch, schema: pa.Schema, kind: RecordKind
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    accepted = np.ones(batch.rows.num_rows, bool)
    accepted[list(batch.faults)] = False
    whole = pa.RecordBatch.from_arrays(
        [batch.typed.get(one.name, batch.rows[one.name]).cast(one.type) for one in schema]
        if batch.rows.num_rows
        else [pa.array([], one.type) for one in schema],
        names=schema.names,
    )
    kept = whole.filter(pa.array(accepted))
    rejects = reject_rows(list(_rejects(batch, kind)))
    return pa.RecordBatch.from_arrays(kept.columns, schema=schema), rejects


def _rejects(batch: _Batch, kind: RecordKind) -> Iterator[Reject]:
    for row, (code, name, message) in sorted(batch.faults.items()):
        yield Reject(
            source=batch.rows["source"][row].as_py(),
            position=batch.rows["position"][row].as_py(),
            format=batch.rows["format"][row].as_py(),
            record_kind=kind,
            raw=batch.rows["raw"][row].as_py(),
            stage=Stage.VALIDATE,
            code=code,
            field=name,
            message=message,
        )


def validate_complaints(
    rows: pa.RecordBatch, as_of: datetime | None = None
) -> tuple[pa.RecordBatch, pa.RecordBatch, Counter[str]]:
    """COMPLAINT_LOOSE to (COMPLAINT_ACCEPTED, REJECT, words coerced by field).

    A row that breaks the contract is refused at its first fault. A strange channel is coerced and
    counted: nothing in it is worth losing a report.
    """
    batch = _Batch(rows)
    _ids(batch, "complaint_id")
    _time(batch, "received_at", as_of, required=True)
    _time(batch, "occurred_at", None, required=False)
    _victim(batch)
    batch.coerce("channel", tuple(Channel), str(Channel.OTHER))
    _numbers(batch)
    _own_id(batch, "complaint_id", _victims_of_complaints(batch))
    _payments(batch)
    batch.keep("loss_amount", columns.amounts(rows["loss_amount"]), Code.BAD_AMOUNT, _BAD_AMOUNT)
    batch.keep(
        "loss_currency",
        columns.codes(rows["loss_currency"], CURRENCIES),
        Code.BAD_CURRENCY,
        "not an ISO 4217 code",
    )
    for name in ("victim_region", "language", "claimed_brand"):
        batch.typed[name] = columns.text(rows[name])
    accepted, rejects = _finish(batch, COMPLAINT_ACCEPTED, RecordKind.COMPLAINT)
    return accepted, rejects, batch.coerced


def validate_calls(
    rows: pa.RecordBatch, as_of: datetime | None = None
) -> tuple[pa.RecordBatch, pa.RecordBatch, Counter[str]]:
    """CALL_LOOSE to (CALL_ACCEPTED, REJECT, words coerced by field)."""
    batch = _Batch(rows)
    _ids(batch, "call_id")
    _time(batch, "started_at", as_of, required=True)
    _victim(batch)
    batch.keep(
        "duration_seconds",
        columns.durations(rows["duration_seconds"]),
        Code.BAD_VALUE,
        "not seconds between 0 and a week",
    )
    batch.coerce("direction", tuple(Direction), None)
    _own_id(batch, "call_id", _victims_of_calls(batch))
    batch.coerce("attestation", tuple(Attestation), None)
    for name in ("orig_id", "carrier", "trunk", "source_ip", "complaint_id"):
        batch.typed[name] = columns.text(rows[name])
    accepted, rejects = _finish(batch, CALL_ACCEPTED, RecordKind.CALL)
    return accepted, rejects, batch.coerced


ACCEPTED, REJECTS, TALLIES = "accepted", "rejects", "tallies"


class _Validate(beam.DoFn):
    def __init__(self, kind: RecordKind, as_of: datetime | None, ahead: timedelta | None) -> None:
        self._kind = kind
        self._as_of = as_of
        self._ahead = ahead

    def process(self, rows: pa.RecordBatch) -> Iterator[Any]:
        validate = validate_calls if self._kind is RecordKind.CALL else validate_complaints
        latest = datetime.now(UTC) + self._ahead if self._ahead is not None else self._as_of
        accepted, rejects, coerced = validate(rows, latest)
        yield accepted
        yield beam.pvalue.TaggedOutput(REJECTS, rejects)
        for name, count in coerced.items():
            yield beam.pvalue.TaggedOutput(TALLIES, ((f"{self._kind}_words_coerced", name), count))
        unknown = pc.value_counts(rows["unknown"].flatten())
        for name, count in zip(*map(pa.Array.to_pylist, unknown.flatten()), strict=True):
            yield beam.pvalue.TaggedOutput(TALLIES, ((f"{self._kind}_unknown_fields", name), count))


@dataclass(eq=False)
class Validate(beam.PTransform):
    """Loose batches to outputs ACCEPTED, REJECTS (batches) and TALLIES (((group, name), count)).

    On a stream, `ahead` is how far before the clock a record may be, in place of `as_of`: one from
    the far future would make all others look old.
    """

    kind: RecordKind
    as_of: datetime | None = None
    ahead: timedelta | None = None

    def expand(self, rows: beam.PCollection) -> Any:
        """One pass; see `validate_complaints` and `validate_calls`."""
        step = beam.ParDo(_Validate(self.kind, self.as_of, self.ahead))
        return rows | step.with_outputs(REJECTS, TALLIES, main=ACCEPTED)
