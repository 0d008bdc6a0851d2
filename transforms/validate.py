"""Validation: loose rows in; each ends accepted, or rejected with the code of its first fault.

Calls held against the input contract.

One loose batch under validation: its typed columns, and each row's first fault.

Complaints held against the input contract.

The fields that complaints and calls share.

Ids, which are shown in every table and so must not be a victim's number or address.

The lists of a complaint: numbers that were typed into fields, and payments.

Validation as a step of a pipeline.
"""

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
from schemas.complaint import COMPLAINT_ACCEPTED
from schemas.enums import (
    COUNTRIES,
    CURRENCIES,
    NUMBER_ROLES,
    SUSPECTS,
    Attestation,
    Channel,
    Direction,
    RecordKind,
    Role,
    Stage,
)
from schemas.field import TIMESTAMP
from schemas.reject import Code
from transforms import casts
from transforms.read.rejects import Reject, reject_rows


def validate_calls(
    rows: pa.RecordBatch, as_of: datetime | None = None
) -> tuple[pa.RecordBatch, pa.RecordBatch, Counter[str]]:
    """CALL_LOOSE to (CALL_ACCEPTED, REJECT, words coerced by field)."""
    batch = Checking(rows)
    ids(batch, "call_id")
    timestamp(batch, "started_at", as_of, required=True)
    victim(batch)
    batch.keep(
        "duration_seconds",
        casts.durations(rows["duration_seconds"]),
        Code.BAD_VALUE,
        "not seconds between 0 and a week",
    )
    batch.coerce("direction", tuple(Direction), None)
    own_id(batch, "call_id", _call_own_numbers(batch))
    batch.coerce("attestation", tuple(Attestation), None)
    for name in ("orig_id", "carrier", "trunk", "source_ip", "complaint_id", "caller_name"):
        batch.typed[name] = casts.text(rows[name])
    return batch.finish(CALL_ACCEPTED, RecordKind.CALL)


def _call_own_numbers(batch: Checking) -> Iterator[tuple[np.ndarray, pa.Array]]:
    for name, suspects in SUSPECTS.items():
        theirs = ~casts.mask(pc.equal(batch.typed["direction"], suspects.value))
        rows = np.flatnonzero(theirs)
        yield rows, batch.rows[name].take(pa.array(rows))


@dataclass
class Checking:
    """One loose batch under validation: its typed columns, and each row's first fault."""

    rows: pa.RecordBatch
    typed: dict[str, pa.Array] = field(default_factory=dict)
    coerced: Counter[str] = field(default_factory=Counter)
    faults: dict[int, tuple[Code, str, str]] = field(default_factory=dict)

    def refuse(self, bad: np.ndarray, code: Code, name: str, message: str) -> None:
        """Mark the rows of `bad`, unless an earlier check already refused them."""
        for row in np.flatnonzero(bad):
            self.faults.setdefault(int(row), (code, name, message))

    def keep(self, name: str, checked: casts.Checked, code: Code, message: str) -> None:
        """Take a typed column, refusing the rows where it could not be read."""
        self.typed[name], bad = checked
        self.refuse(bad, code, name, message)

    def coerce(self, name: str, known: tuple[str, ...], otherwise: str | None) -> None:
        """Take a closed vocabulary, counting the words that it does not know."""
        self.typed[name], strange = casts.choices(self.rows[name], known, otherwise)
        if strange.any():
            self.coerced[name] += int(strange.sum())

    def finish(
        self, schema: pa.Schema, kind: RecordKind
    ) -> tuple[pa.RecordBatch, pa.RecordBatch, Counter[str]]:
        """Rows without a fault in `schema`, the others as REJECT, and words coerced by field."""
        accepted = np.ones(self.rows.num_rows, bool)
        accepted[list(self.faults)] = False
        whole = pa.RecordBatch.from_arrays(
            [self.typed.get(one.name, self.rows[one.name]).cast(one.type) for one in schema]
            if self.rows.num_rows
            else [pa.array([], one.type) for one in schema],
            names=schema.names,
        )
        kept = pa.RecordBatch.from_arrays(whole.filter(pa.array(accepted)).columns, schema=schema)
        return kept, reject_rows(list(self._rejects(kind))), self.coerced

    def _rejects(self, kind: RecordKind) -> Iterator[Reject]:
        for row, (code, name, message) in sorted(self.faults.items()):
            yield Reject(
                source=self.rows["source"][row].as_py(),
                position=self.rows["position"][row].as_py(),
                format=self.rows["format"][row].as_py(),
                record_kind=kind,
                raw=self.rows["raw"][row].as_py(),
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
    batch = Checking(rows)
    ids(batch, "complaint_id")
    timestamp(batch, "received_at", as_of, required=True)
    timestamp(batch, "occurred_at", None, required=False)
    victim(batch)
    batch.coerce("channel", tuple(Channel), str(Channel.OTHER))
    numbers(batch)
    own_id(batch, "complaint_id", _complaint_own_numbers(batch))
    payments(batch)
    batch.keep("loss_amount", casts.amounts(rows["loss_amount"]), Code.BAD_AMOUNT, BAD_AMOUNT)
    batch.keep(
        "loss_currency",
        casts.codes(rows["loss_currency"], CURRENCIES),
        Code.BAD_CURRENCY,
        "not an ISO 4217 code",
    )
    for name in ("victim_region", "language", "claimed_brand"):
        batch.typed[name] = casts.text(rows[name])
    return batch.finish(COMPLAINT_ACCEPTED, RecordKind.COMPLAINT)


def _complaint_own_numbers(batch: Checking) -> Iterator[tuple[np.ndarray, pa.Array]]:
    lists = batch.typed["phone_numbers"]
    rows = rows_of(lists)
    items = lists.flatten()
    own = casts.mask(pc.equal(pc.struct_field(items, "role"), str(Role.VICTIM)))
    yield rows[own], pc.struct_field(items, "raw").filter(pa.array(own))


def timestamp(batch: Checking, name: str, as_of: datetime | None, *, required: bool) -> None:
    """Take a time; a required one must not be later than `as_of`."""
    if required:
        absent = ~casts.mask(pc.is_valid(casts.text(batch.rows[name])))
        batch.refuse(absent, Code.MISSING_FIELD, name, "required, but absent")
    batch.keep(
        name,
        casts.timestamps(batch.rows[name]),
        Code.BAD_TIMESTAMP,
        "not an ISO 8601 time with a zone, such as 2026-01-31T09:30:00Z",
    )
    batch.refuse(
        casts.impossible_dates(batch.typed[name]),
        Code.IMPOSSIBLE_DATE,
        name,
        f"outside {casts.EARLIEST.year} to {casts.LATEST.year - 1}",
    )
    if required and as_of is not None:
        late = pc.greater(batch.typed[name], pa.scalar(as_of, TIMESTAMP))
        batch.refuse(
            casts.mask(late),
            Code.AFTER_AS_OF,
            name,
            "later than --as-of, or than a stream's clock",
        )


def victim(batch: Checking) -> None:
    """Take the victim's pseudonym, which must not reach anybody, and country."""
    batch.typed["victim_id"] = casts.text(batch.rows["victim_id"])
    batch.refuse(
        casts.mask(pc.match_substring_regex(batch.typed["victim_id"], CONTACT)),
        Code.VICTIM_ID_IS_CONTACT,
        "victim_id",
        "looks like a number or an address; give a pseudonym instead",
    )
    batch.keep(
        "victim_country",
        casts.codes(batch.rows["victim_country"], COUNTRIES),
        Code.BAD_COUNTRY,
        "not an ISO 3166-1 alpha-2 code (the United Kingdom is GB)",
    )


CONTACT = r"@[^@\s]+\.|^\+\d[\d\s().-]{6,}$|^\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}$|###"
"""What looks like an e-mail address or a phone number, or was one before it was masked."""


_SLUG = r"^[a-z0-9][a-z0-9._-]{0,63}$"


_ID = r"^[^\x00-\x1f\x7f]{1,256}$"


_NO_DIGIT = re.compile(r"\D")


_LEAST, _NATIONAL = 7, 10
"""Digits of the shortest number that is looked for in ids; last ones by which a longer one is."""


def ids(batch: Checking, id_field: str) -> None:
    """Take the id and the organisation; both are required, and an id is no way to reach anybody."""
    org = pc.ascii_lower(casts.text(batch.rows["source_org"]))
    for name, column, pattern in (
        (id_field, batch.rows[id_field], _ID),
        ("source_org", org, _SLUG),
    ):
        trimmed = casts.text(column)
        batch.typed[name] = trimmed
        batch.refuse(
            ~casts.mask(pc.is_valid(trimmed)), Code.MISSING_FIELD, name, "required, but absent"
        )
        batch.refuse(
            casts.mask(pc.invert(pc.match_substring_regex(trimmed, pattern))),
            Code.BAD_VALUE,
            name,
            "too long or holds characters that an id or slug must not have",
        )
    batch.refuse(
        casts.mask(pc.match_substring_regex(batch.typed[id_field], CONTACT)),
        Code.ID_IS_CONTACT,
        id_field,
        "looks like a number or an address; ids are shown, so give another one",
    )


def own_id(batch: Checking, id_field: str, victims: Iterable[tuple[np.ndarray, pa.Array]]) -> None:
    """Refuse ids that hold a victim's number of their own row; `victims` are rows, raw numbers."""
    digits = pc.replace_substring_regex(batch.typed[id_field], r"\D", "").to_pylist()
    bad = np.zeros(len(digits), bool)
    for rows, numbers in victims:
        for row, own in zip(rows.tolist(), _digits(numbers).to_pylist(), strict=True):
            if own and len(own) >= _LEAST and own in (digits[row] or ""):
                bad[row] = True
    batch.refuse(
        bad, Code.ID_IS_CONTACT, id_field, "holds the victim's number; ids are shown, so change it"
    )


def _digits(numbers: pa.Array) -> pa.Array:
    """The last digits of each number; RE2 knows those of ASCII alone."""
    digits = pc.replace_substring_regex(numbers, r"\D", "")
    foreign = pc.fill_null(pc.invert(pc.string_is_ascii(numbers)), False)
    others = [_NO_DIGIT.sub("", one) for one in numbers.filter(foreign).to_pylist()]
    digits = pc.replace_with_mask(digits, foreign, pa.array(others, pa.string()))
    return pc.utf8_slice_codeunits(digits, -_NATIONAL, None)


BAD_AMOUNT = "not an amount from 0 to below ten trillion, of at most 18 decimals"


def numbers(batch: Checking) -> None:
    """Take the numbers; a role that is not known refuses the row."""
    lists = batch.rows["phone_numbers"]
    items = lists.flatten()
    roles, strange = casts.choices(pc.struct_field(items, "role"), NUMBER_ROLES, None)
    # A strange word may mean the victim: taken for a mention, it would show the victim's number.
    batch.refuse(
        _any_of(lists, strange),
        Code.BAD_VALUE,
        "phone_numbers[].role",
        f"not one of {', '.join(NUMBER_ROLES)}",
    )
    flat = pa.StructArray.from_arrays(
        [pc.struct_field(items, "raw"), pc.fill_null(roles, str(Role.MENTIONED))],
        fields=list(COMPLAINT_ACCEPTED.field("phone_numbers").type.value_type.fields),
    )
    batch.typed["phone_numbers"] = _relist(lists, flat)


def payments(batch: Checking) -> None:
    """Take the payments, with amounts as exact decimals."""
    lists = batch.rows["payments"]
    paid = lists.flatten()
    method, payee, written, currency = (
        pc.struct_field(paid, name) for name in ("method", "payee", "amount", "currency")
    )
    amount, bad = casts.amounts(written)
    batch.refuse(_any_of(lists, bad), Code.BAD_AMOUNT, "payments[].amount", BAD_AMOUNT)
    flat = pa.StructArray.from_arrays(
        [method, payee, amount, currency],
        fields=list(COMPLAINT_ACCEPTED.field("payments").type.value_type.fields),
    )
    batch.typed["payments"] = _relist(lists, flat)


def rows_of(lists: pa.ListArray) -> np.ndarray:
    """The row of each item of `lists.flatten()`."""
    return np.repeat(np.arange(len(lists)), _lengths(lists))


def _any_of(lists: pa.ListArray, bad: np.ndarray) -> np.ndarray:
    """Which lists hold an item of `bad`, a mask over `lists.flatten()`."""
    rows = np.zeros(len(lists), bool)
    rows[rows_of(lists)[bad]] = True
    return rows


def _relist(lists: pa.ListArray, flat: pa.Array) -> pa.ListArray:
    """The same lists over other elements; `lists.flatten()` must be what `flat` came from."""
    offsets = np.concatenate([[0], np.cumsum(_lengths(lists))]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), flat)


def _lengths(lists: pa.ListArray) -> np.ndarray:
    return pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)


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
