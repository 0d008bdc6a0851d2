"""Validation: each loose row ends accepted, or rejected with the code of its first fault.

Complaints and calls are checked a batch at a time. Ids are shown in every table, so an id that
is or contains a victim's number or address is a fault, too.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from apache_beam.pvalue import TaggedOutput

from schemas import enums
from schemas.call import CALL_ACCEPTED
from schemas.complaint import COMPLAINT_ACCEPTED
from schemas.field import FLAG, INTEGER
from schemas.reject import Code
from schemas.signed_fields import SLUG
from transforms.arrow import Array, map_distinct, row_tuples, true_mask, with_items
from transforms.custody import ERASED, Erasures
from transforms.decode.readings import may_hold_contact, opened_ids
from transforms.engine import KIND_PLURAL, count_values, tagged
from transforms.read.framing import Origin, Record
from transforms.read.rejects import Reject, rejects_batch
from transforms.values import casts

ACCEPTED, REJECTS, COUNTERS = "accepted", "rejects", "counters"

CONTACT_PATTERN = (
    r"(?:[@＠]|%40|&#64;)[^@\s]+(?:\.|．|%2[eE])|^(?i:tel:)?[+＋(][\d０-９\s().＋-]{7,}$|###"
    r"|^\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}$|^(?:00?|\(0?)\d[\d().-]{0,5}[ )][\d\s().-]{5,}$"
)
"""RE2 and Python: a text that looks like an e-mail address, a phone number, or a masked one.

Digits only, or digits with hyphens, do not match: case numbers look so.
"""

_ID = r"^[^\x00-\x1f\x7f]{1,256}$"

_NO_DIGIT = re.compile(r"\D")

_KEPT = ("source", "position", "format", "raw")
"""Columns of a refused row that its reject keeps."""

_MIN_DIGITS, _NATIONAL_DIGITS = 7, 10
"""Digits of the shortest number searched for in ids; last digits compared of a longer number."""

_BAD_AMOUNT = "not an amount from 0 to below ten trillion, of at most 18 decimals"

_OUTSIDE = f"outside {casts.EARLIEST_DATE.year} to {casts.LATEST_DATE.year - 1}"

_TIME = (
    casts.parse_timestamps,
    Code.BAD_TIMESTAMP,
    "not an ISO 8601 time with a zone, such as 2026-01-31T09:30:00Z",
)
"""The parser of a time, and the code and message of a fault."""

_DAY = r"^\s*\d{4}-\d{2}-\d{2}\s*$"

MOST_AHEAD = timedelta(days=1)
"""Most that a record may be ahead of the clock: clocks and zones differ by less."""

Validated = tuple[pa.RecordBatch, pa.RecordBatch, Counter[str]]
"""Accepted rows, rejects (REJECT), and a count of coerced words by field."""


def folded_pseudonym(victim_id: str) -> str:
    """Returns a pseudonym for comparison: without width, case and blanks.

    Blanks stay in a pseudonym that may be a number in words, so that masks find it.
    """
    words = unicodedata.normalize("NFKC", victim_id).casefold().split()
    return (" " if len(words) > 1 and may_hold_contact(victim_id) else "").join(words)


def validate_complaints(
    rows: pa.RecordBatch, as_of: datetime | None = None, clock: datetime | None = None
) -> Validated:
    """Validates COMPLAINT_LOOSE rows; the accepted ones are COMPLAINT_ACCEPTED.

    A row that breaks the contract is rejected for its first fault. An unknown channel, or a loss of
    "N/A", is coerced and counted: it is not worth losing a report. A row received after `as_of`, or
    more than a day after the clock, is rejected.
    """
    batch = BatchChecks(rows)
    _check_ids(batch, "complaint_id")
    _check_required_time(batch, "received_at", as_of, clock)
    batch.keep_known("occurred_at", *_TIME)
    _check_possible_time(batch, "occurred_at")
    _check_victim(batch)
    batch.coerce("channel", tuple(enums.Channel), enums.Channel.OTHER)
    batch.coerce("narrative_by", tuple(enums.Speaker), None)
    _check_phone_numbers(batch)
    _check_id_hides_no_victim(batch, "complaint_id", _complaint_own_numbers(batch))
    _check_email_roles(batch)
    _check_tools(batch)
    _check_payments(batch)
    batch.keep_known("loss_amount", casts.parse_amounts, Code.BAD_AMOUNT, _BAD_AMOUNT)
    parse = partial(casts.parse_codes, known=enums.CURRENCIES)
    batch.keep_known("loss_currency", parse, Code.BAD_CURRENCY, "not an ISO 4217 code")
    for name in ("victim_region", "language"):
        batch.typed[name] = _without_contacts(batch, casts.trim_text(rows[name]), name)
    batch.typed["claimed_brand"] = casts.trim_text(rows["claimed_brand"])
    return batch.finish(COMPLAINT_ACCEPTED, enums.RecordKind.COMPLAINT)


def validate_calls(
    rows: pa.RecordBatch, as_of: datetime | None = None, clock: datetime | None = None
) -> Validated:
    """Validates CALL_LOOSE rows; the accepted ones are CALL_ACCEPTED.

    A call that started after `as_of`, or more than a day after the clock, is rejected.
    """
    batch = BatchChecks(rows)
    _check_ids(batch, "call_id")
    _check_required_time(batch, "started_at", as_of, clock)
    _check_victim(batch)
    seconds = "not seconds between 0 and a week"
    batch.keep_known("duration_seconds", casts.parse_durations, Code.BAD_VALUE, seconds)
    batch.coerce("direction", tuple(enums.Direction), None)
    _check_id_hides_no_victim(batch, "call_id", _call_own_numbers(batch))
    batch.coerce("attestation", tuple(enums.Attestation), None)
    for name in ("orig_id", "carrier", "trunk", "source_ip", "complaint_id", "caller_name"):
        batch.typed[name] = casts.trim_text(rows[name])
    return batch.finish(CALL_ACCEPTED, enums.RecordKind.CALL)


@dataclass(eq=False)
class Validate(beam.PTransform):
    """Validates loose batches: outputs ACCEPTED, REJECTS (batches), COUNTERS (((group, name), n)).

    Without a `clock` it is the time at which a batch is validated, as on a stream. Rows of records
    in `erasures` are left out, whatever is wrong with them, and counted.
    """

    kind: enums.RecordKind
    as_of: datetime | None = None
    clock: datetime | None = None
    erasures: Erasures = field(default_factory=Erasures)

    def expand(self, rows: beam.PCollection) -> Any:
        """Validates in one pass; see `validate_complaints` and `validate_calls`."""
        step = beam.FlatMap(_validate, self.kind, self.as_of, self.clock, self.erasures)
        return rows | step.with_outputs(REJECTS, COUNTERS, main=ACCEPTED)


def _validate(
    rows: pa.RecordBatch,
    kind: enums.RecordKind,
    as_of: datetime | None,
    clock: datetime | None,
    erasures: Erasures,
) -> Iterator[Any]:
    if erasures.known is not None and (gone := erasures.known.of_rows(rows, kind)).any():
        yield TaggedOutput(COUNTERS, ((KIND_PLURAL[kind], ERASED), int(gone.sum())))
        rows = rows.filter(~gone)
    validate = validate_calls if kind is enums.RecordKind.CALL else validate_complaints
    accepted, rejects, coerced = validate(rows, as_of, clock or datetime.now(UTC))
    yield accepted
    yield TaggedOutput(REJECTS, rejects)
    for name, count in coerced.items():
        yield TaggedOutput(COUNTERS, ((f"{kind}_words_coerced", name), count))
    yield from tagged(COUNTERS, count_values(f"{kind}_unknown_fields", rows["unknown"].flatten()))


@dataclass
class BatchChecks:
    """A loose batch under validation: its typed columns, and each row's first fault."""

    rows: pa.RecordBatch
    typed: dict[str, pa.Array] = field(default_factory=dict)
    coerced: Counter[str] = field(default_factory=Counter)
    faults: dict[int, tuple[Code, str, str]] = field(default_factory=dict)

    def refuse(self, bad: Array | pa.Array, code: Code, name: str, message: str) -> None:
        """Marks the rows of `bad`, unless an earlier check already refused them; null is no."""
        for row in np.flatnonzero(true_mask(bad) if isinstance(bad, pa.Array) else bad):
            self.faults.setdefault(int(row), (code, message, name))

    def require(self, name: str, trimmed: pa.Array) -> None:
        """Refuses the rows where a column is absent."""
        self.refuse(pc.is_null(trimmed), Code.MISSING_FIELD, name, "required, but absent")

    def keep_known(
        self, name: str, parse: Callable[[pa.Array], casts.Checked], code: Code, message: str
    ) -> None:
        """Takes a typed column, and refuses the rows in which it could not be read.

        A value that says "unknown" becomes null, and is counted.
        """
        column = self.rows[name]
        self.typed[name], bad = self.without_unknown(name, column, *parse(column))
        self.refuse(bad, code, name, message)

    def count_coerced(self, name: str, coerced: Array) -> None:
        """Counts the rows, or items, of a mask as coerced words of a field."""
        if coerced.any():
            self.coerced[name] += int(coerced.sum())

    def without_unknown(
        self, name: str, texts: pa.Array, typed: pa.Array, bad: Array
    ) -> casts.Checked:
        """Returns a typed column and its bad rows, without those that say "unknown"."""
        if not bad.any():
            return typed, bad
        unknown = bad & true_mask(map_distinct(texts, casts.says_unknown, FLAG))
        self.count_coerced(name, unknown)
        return pc.if_else(unknown, None, typed), bad & ~unknown

    def coerce(self, name: str, known: tuple[str, ...], otherwise: str | None) -> None:
        """Takes a column of a closed vocabulary, counting the words outside it."""
        self.typed[name], strange = casts.parse_choices(self.rows[name], known, otherwise)
        self.count_coerced(name, strange)

    def keep_items(self, name: str, **columns: pa.Array) -> None:
        """Takes a complaint's list, with some fields of its items typed."""
        lists, fields = self.rows[name], list(COMPLAINT_ACCEPTED.field(name).type.value_type)
        items = lists.flatten()
        parts = [columns.get(part.name, pc.struct_field(items, part.name)) for part in fields]
        self.typed[name] = with_items(lists, pa.StructArray.from_arrays(parts, fields=fields))

    def finish(self, schema: pa.Schema, kind: enums.RecordKind) -> Validated:
        """Returns rows without a fault in `schema`, the others as REJECT, and coerced words."""
        accepted = np.ones(self.rows.num_rows, bool)
        accepted[list(self.faults)] = False
        columns = [
            self.typed.get(field.name, self.rows[field.name]).filter(accepted).cast(field.type)
            for field in schema
        ]
        kept = pa.record_batch(columns, schema)
        refused = sorted(self.faults)
        kept_of_refused = row_tuples(self.rows.select(_KEPT).take(pa.array(refused, INTEGER)))
        rejects = [
            Reject(
                Origin(source, written, kind),
                Record(position, raw, len(raw)),
                *self.faults[row],
                enums.Stage.VALIDATE,
            )
            for row, (source, position, written, raw) in zip(refused, kept_of_refused, strict=True)
        ]
        return kept, rejects_batch(rejects), self.coerced


def _check_ids(batch: BatchChecks, id_field: str) -> None:
    """Takes the id and the organisation; both are required, and an id must not be a contact."""
    org = pc.ascii_lower(casts.trim_text(batch.rows["source_org"]))
    for name, column, pattern in (
        (id_field, batch.rows[id_field], _ID),
        ("source_org", org, f"^{SLUG.pattern}$"),
    ):
        trimmed = casts.trim_text(column)
        batch.typed[name] = trimmed
        batch.require(name, trimmed)
        batch.refuse(
            pc.invert(pc.match_substring_regex(trimmed, pattern)),
            Code.BAD_VALUE,
            name,
            "too long or holds characters that an id or slug must not have",
        )
    looks = "looks like a number or an address; ids are shown, so give another one"
    contact = pc.match_substring_regex(opened_ids(batch.typed[id_field]), CONTACT_PATTERN)
    batch.refuse(contact, Code.ID_IS_CONTACT, id_field, looks)
    batch.refuse(_may_hold_contacts(org), Code.ID_IS_CONTACT, "source_org", looks)


def _check_required_time(
    batch: BatchChecks, name: str, as_of: datetime | None, clock: datetime | None
) -> None:
    """Takes the time of a record, not later than `as_of`, nor far ahead of the clock."""
    batch.require(name, casts.trim_text(batch.rows[name]))
    parse, code, message = _TIME
    batch.typed[name], bad = parse(batch.rows[name])
    batch.refuse(bad, code, name, message)
    _check_possible_time(batch, name)
    if as_of is not None:
        late = pc.greater(batch.typed[name], as_of)
        batch.refuse(late, Code.AFTER_AS_OF, name, "later than --as-of")
    if clock is not None:
        latest = clock + min(MOST_AHEAD, datetime.max.replace(tzinfo=UTC) - clock)
        ahead = pc.greater(batch.typed[name], latest)
        batch.refuse(ahead, Code.IN_FUTURE, name, "more than a day later than the clock")


def _check_possible_time(batch: BatchChecks, name: str) -> None:
    batch.refuse(casts.impossible_dates(batch.typed[name]), Code.IMPOSSIBLE_DATE, name, _OUTSIDE)


def _check_victim(batch: BatchChecks) -> None:
    """Takes the victim's pseudonym, which must not be a contact, and country."""
    trimmed = casts.trim_text(batch.rows["victim_id"])
    batch.typed["victim_id"] = map_distinct(trimmed, folded_pseudonym)
    batch.refuse(
        pc.match_substring_regex(pc.utf8_normalize(trimmed, "NFKC"), CONTACT_PATTERN),
        Code.VICTIM_ID_IS_CONTACT,
        "victim_id",
        "looks like a number or an address; give a pseudonym instead",
    )
    parse = partial(casts.parse_codes, known=enums.COUNTRIES)
    message = "not an ISO 3166-1 alpha-2 code (the United Kingdom is GB)"
    batch.keep_known("victim_country", parse, Code.BAD_COUNTRY, message)


def _check_id_hides_no_victim(
    batch: BatchChecks, id_field: str, victims: Iterable[tuple[Array, pa.Array]]
) -> None:
    """Refuses ids that contain a victim's number of their row; `victims`: rows, raw numbers."""
    ids = opened_ids(batch.typed[id_field])
    digits = pc.replace_substring_regex(ids, r"\D", "").to_pylist()
    bad = np.zeros(len(digits), bool)
    for rows, numbers in victims:
        for row, written in zip(rows.tolist(), numbers.to_pylist(), strict=True):
            own = _NO_DIGIT.sub("", written or "")[-_NATIONAL_DIGITS:]
            if len(own) >= _MIN_DIGITS and own in (digits[row] or ""):
                bad[row] = True
    batch.refuse(
        bad, Code.ID_IS_CONTACT, id_field, "holds the victim's number; ids are shown, so change it"
    )


def _complaint_own_numbers(batch: BatchChecks) -> Iterator[tuple[Array, pa.Array]]:
    lists = batch.typed["phone_numbers"]
    rows = _rows_of_items(lists)
    items = lists.flatten()
    own = true_mask(pc.equal(pc.struct_field(items, "role"), enums.Role.VICTIM))
    yield rows[own], pc.struct_field(items, "raw").filter(own)


def _call_own_numbers(batch: BatchChecks) -> Iterator[tuple[Array, pa.Array]]:
    for name, suspects in enums.SUSPECT_NUMBER_DIRECTIONS.items():
        theirs = ~true_mask(pc.equal(batch.typed["direction"], suspects.value))
        rows = np.flatnonzero(theirs)
        yield rows, batch.rows[name].take(rows)


def _check_phone_numbers(batch: BatchChecks) -> None:
    """Takes the numbers typed into fields."""
    lists = batch.rows["phone_numbers"]
    roles = pc.struct_field(lists.flatten(), "role")
    known = _known_roles(batch, lists, roles, enums.NUMBER_ROLES, "phone_numbers[].role")
    batch.keep_items("phone_numbers", role=pc.fill_null(known, enums.Role.MENTIONED))


def _check_email_roles(batch: BatchChecks) -> None:
    """Takes the roles of the addresses."""
    lists = batch.rows["email_roles"]
    roles = _known_roles(batch, lists, lists.flatten(), enums.EMAIL_ROLES, "emails[].role")
    counts, wanted = (pc.list_value_length(batch.rows[name]) for name in ("email_roles", "emails"))
    uneven = pc.and_not(pc.is_valid(counts), pc.fill_null(pc.equal(counts, wanted), False))
    batch.refuse(uneven, Code.BAD_VALUE, "email_roles", "not one for each of emails")
    typed = with_items(lists, roles)
    batch.typed["email_roles"] = pc.if_else(pc.is_valid(lists), typed, None)


def _known_roles(
    batch: BatchChecks, lists: pa.ListArray, roles: pa.Array, known: tuple[str, ...], name: str
) -> pa.Array:
    """Returns roles of items; an unknown one refuses its row.

    It may mean the victim: taken for a mention, it would show what is the victim's own.
    """
    typed, strange = casts.parse_choices(roles, known, None)
    batch.refuse(_any_of(lists, strange), Code.BAD_VALUE, name, f"not one of {', '.join(known)}")
    return typed


def _check_tools(batch: BatchChecks) -> None:
    """Takes the remote-access ids; a tool's name must hold no contact."""
    tools = pc.struct_field(batch.rows["remote_access"].flatten(), "tool")
    batch.keep_items("remote_access", tool=_without_contacts(batch, tools, "remote_access[].tool"))


def _without_contacts(batch: BatchChecks, words: pa.Array, name: str) -> pa.Array:
    """Returns a column of words that are shown as written, null if they may hold a contact."""
    strange = _may_hold_contacts(words)
    batch.count_coerced(name, strange)
    return pc.if_else(strange, None, words)


def _may_hold_contacts(names: pa.Array) -> Array:
    """Returns a mask of the names that may be a number or an address; few are distinct."""
    return true_mask(map_distinct(names, may_hold_contact, FLAG))


def _check_payments(batch: BatchChecks) -> None:
    """Takes the payments, with amounts as exact decimals."""
    lists = batch.rows["payments"]
    paid = lists.flatten()
    method, written, currency = (
        pc.struct_field(paid, name) for name in ("method", "amount", "currency")
    )
    amount, bad = batch.without_unknown("payments[].amount", written, *casts.parse_amounts(written))
    _check_stated(batch, lists, paid)
    method = _without_contacts(batch, method, "payments[].method")
    currency = _without_contacts(batch, currency, "payments[].currency")
    batch.refuse(_any_of(lists, bad), Code.BAD_AMOUNT, "payments[].amount", _BAD_AMOUNT)
    batch.keep_items("payments", method=method, amount=amount, currency=currency)


def _check_stated(batch: BatchChecks, lists: pa.ListArray, paid: pa.Array) -> None:
    """Refuses rows with a payment at a bad or impossible time; an unknown status is counted."""
    when, status = (pc.struct_field(paid, name) for name in ("paid_at", "status"))
    day = pc.match_substring_regex(when, _DAY)
    moments = pc.if_else(day, pc.binary_join_element_wise(when, "T00:00:00Z", ""), when)
    name = "payments[].paid_at"
    typed, bad = batch.without_unknown(name, when, *casts.parse_timestamps(moments))
    message = "neither an ISO 8601 time with a zone nor a day, such as 2026-01-31"
    batch.refuse(_any_of(lists, bad), Code.BAD_TIMESTAMP, name, message)
    never = casts.impossible_dates(typed)
    batch.refuse(_any_of(lists, never), Code.IMPOSSIBLE_DATE, name, _OUTSIDE)
    _, strange = casts.parse_choices(status, tuple(enums.PaymentStatus), None)
    batch.count_coerced("payments[].status", strange)


def _any_of(lists: pa.ListArray, bad: Array) -> Array:
    """Returns a mask of the lists with an item in `bad`, a mask over `lists.flatten()`."""
    rows = np.zeros(len(lists), bool)
    rows[_rows_of_items(lists)[bad]] = True
    return rows


def _rows_of_items(lists: pa.ListArray) -> Array:
    return pc.list_parent_indices(lists).to_numpy(zero_copy_only=False)
