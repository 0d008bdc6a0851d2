"""The victim's own identifiers taken out of what is kept, at the same length.

What the WITHHELD rows of a record say of it: its victims' identifiers, and where they stand.

Which texts can hold an identifier: a look at whole columns before a look at characters.

Most texts hold none, and to go through one character by character costs a hundred times what it
costs to see that. What is passed over here surely holds nothing; the rest is for
`identifier_matcher.spans`.

What is looked for in the texts of each record: cheap to make, since most of it is never found.

Nearly all of it are phone numbers, which end in the same digits in every form. So a column of texts
is passed over where none of these stand.

The accepted records as they are kept: without what is the victim's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.call import CALL, CALL_ACCEPTED, CALL_KEY
from schemas.complaint import COMPLAINT, COMPLAINT_ACCEPTED, COMPLAINT_KEY
from schemas.enums import EntityKind, RecordKind, Role
from schemas.mention import MENTION
from transforms import casts, text_util
from transforms.arrow_util import buffers, distinct_rows, items, ranges
from transforms.casts import mask as true
from transforms.extract.fields import unread_counts
from transforms.extract.impersonation import known as known_brand
from transforms.extract.impersonation import reasons
from transforms.extract.kinds import email
from transforms.extract.kinds.gift_card import without_card_payees, without_codes
from transforms.extract.narrative import TRANSCRIBED
from transforms.graph.entities import WITHHELD
from transforms.redact import sensitive_text
from transforms.redact.sensitive_text import without_papers
from transforms.shuffle import Keyed, PerPartition, batches_of
from transforms.text_masking import Spans, blot, hidden, mask, searched, shown
from transforms.victims import identifier_matcher, own_numbers
from transforms.victims.identifier_matcher import SHORTEST, Needles, needles, spans
from transforms.victims.number_index import in_some, strays
from transforms.victims.own_numbers import NOBODY, Own, together


def mentions(classified: pa.RecordBatch, own: np.ndarray) -> pa.RecordBatch:
    """CLASSIFIED rows to MENTION rows, without those that read as the victim's side.

    The text around an identifier, such as the rest of a web address, can hold a victim's number:
    those of `own` (`number_index.written_forms`) are masked in it, and addresses in a link.
    """
    shown = classified.filter(pc.not_equal(classified["role"], Role.VICTIM))
    around = pc.if_else(
        pc.equal(shown["kind"], EntityKind.PHONE), pa.scalar(None, pa.string()), shown["raw"]
    )
    shown = _without_alternatives(shown, own)
    raw = [
        mask(text, spans(text, needles(digits))) if digits else text
        for text, digits in zip(shown["raw"].to_pylist(), strays(around, own), strict=True)
    ]
    raw = email.without(pa.array(raw, pa.string()))
    columns = {name: shown[name] for name in MENTION.names} | {"raw": raw}
    return pa.RecordBatch.from_pydict(columns, schema=MENTION)


def _without_alternatives(shown: pa.RecordBatch, own: np.ndarray) -> pa.RecordBatch:
    """Mentions without a less plausible reading that is a victim's number."""
    also = shown["also_read_as"]
    theirs = pa.array([bool(digits) for digits in strays(also, own)], pa.bool_())
    at = shown.schema.get_field_index("also_read_as")
    kept = pc.if_else(theirs, pa.scalar(None, pa.string()), also)
    return shown.set_column(at, shown.schema.field(at), kept)


_TEXTS = ("claimed_brand", "narrative", "victim_region", "language")


_LISTS = ("urls", "emails", "remote_access", "payments")


def withhold(
    batch: pa.RecordBatch,
    victims: own_numbers.Own,
    told_at: Mapping[int, Spans] | None = None,
) -> pa.RecordBatch:
    """Complaints as they may be kept: `COMPLAINT_ACCEPTED` to `COMPLAINT`.

    `victims` holds each row's victim-side identifiers, as E.164 or as entity ids, and `told_at`, by
    row, where they were read in its narrative, code points: words, letters and disguises are found
    by nothing else.
    Numbers that the complaint itself gives the role `victim` are taken out whether read or not.
    `numbers_withheld` counts the entries of phone_numbers that went, or one where the narrative
    alone named the victim's number. Of a long text, what is not `searched` is not kept. An address
    in a link goes too: it is that of whoever the link was sent to.
    """
    told = reasons(batch["claimed_brand"], batch["narrative"])
    as_given = batch["narrative"]
    batch = _without_unread(_shown(_told(batch, hidden(as_given, told_at or {}, blot))))
    numbers = own_numbers.of_complaints(batch)
    wanted = Sought(len(batch), victims, numbers.own())
    kept, withheld = _without_numbers(batch, wanted)
    columns = {name: batch[name] for name in batch.schema.names}
    columns["phone_numbers"] = kept
    if wanted.any_in.any():
        for name in _TEXTS:
            columns[name] = masked(columns[name], wanted)
        for name in _LISTS:
            rows = np.array(items(columns[name]).rows, np.int64)
            columns[name] = _in_items(columns[name], partial(masked, wanted=wanted, rows=rows))
    only_told = pc.fill_null(pc.not_equal(columns["narrative"], shown(as_given)), False)
    columns["numbers_withheld"] = pc.max_element_wise(withheld, only_told.cast(pa.int32()))
    columns["numbers_unread"] = unread_counts(numbers, len(batch))
    columns["impersonation"] = told
    told_of = email.without(columns["narrative"])
    columns["narrative"] = without_papers(without_codes(told_of))
    columns["urls"] = _in_items(columns["urls"], email.without)
    columns["payments"] = _without_codes(columns["payments"])
    return pa.RecordBatch.from_arrays([columns[f.name] for f in COMPLAINT], schema=COMPLAINT)


def suspect_calls(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Calls as they may be kept: `CALL_ACCEPTED` to `CALL`, without the victim's side.

    The suspect's number is in E.164 where it can be read, else as recorded; null where the
    direction is unknown, and where both sides are one number.
    """
    inbound = pc.fill_null(pc.equal(batch["direction"], "inbound"), False)
    outbound = pc.fill_null(pc.equal(batch["direction"], "outbound"), False)
    nothing = pa.scalar(None, pa.string())
    readings = own_numbers.of_calls(batch)
    calling, called = (
        pc.coalesce(pc.struct_field(readings[name], "e164"), batch[name])
        for name in ("calling_number", "called_number")
    )
    by_direction = pc.make_struct(inbound, outbound)
    suspect = pc.case_when(by_direction, calling, called, nothing)
    victim = pc.case_when(by_direction, called, calling, nothing)
    known = pc.invert(pc.fill_null(pc.equal(suspect, victim), False))
    columns = {name: batch[name] for name in batch.schema.names}
    columns["suspect_number"] = pc.if_else(known, suspect, nothing)
    columns["suspect_role"] = pc.case_when(
        by_direction,
        pa.scalar(Role.CALLER_ID.value),
        pa.scalar(Role.CALLBACK.value),
        nothing,
    )
    columns["brand"] = known_brand(batch["caller_name"])
    wanted = Sought(len(batch), own_numbers.NOBODY, own_numbers.sides(batch, readings))
    for name in ("complaint_id", "suspect_number", "trunk", "carrier", "orig_id"):
        columns[name] = masked(shown(columns[name]), wanted)
    return pa.RecordBatch.from_arrays([columns[f.name] for f in CALL], schema=CALL)


def _without_numbers(batch: pa.RecordBatch, wanted: Sought) -> tuple[pa.Array, pa.Array]:
    """phone_numbers without the victim's, and how many entries of each row went."""
    column = batch["phone_numbers"]
    numbers = items(column)
    keep = ~true(pc.equal(numbers.field("role"), Role.VICTIM.value))
    rows = np.array(numbers.rows, np.int64)
    others = np.flatnonzero(keep)
    raw = numbers.field("raw").take(pa.array(others))
    keep[others[list(holding(raw, wanted, rows[others]))]] = False
    withheld = np.bincount(rows[~keep], minlength=len(batch)).astype(np.int32)
    counts = np.bincount(rows[keep], minlength=len(batch))
    return _lists(column, numbers.values.filter(pa.array(keep)), counts), pa.array(withheld)


def _without_codes(column: pa.Array) -> pa.Array:
    """A list of payments without the codes of gift cards."""
    listed = items(column)
    if not len(listed.values):
        return column
    counts = np.bincount(np.array(listed.rows, np.int64), minlength=len(column))
    return _lists(column, without_card_payees(listed.values), counts)


def _without_unread(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The complaints without what is `unread`; in transcripts 'my number' is the caller's."""
    told = batch["narrative"]
    spoken = pc.is_in(batch["source_org"], pa.array(sorted(TRANSCRIBED)))
    return _told(batch, pc.if_else(spoken, told, sensitive_text.without(told)))


def _told(batch: pa.RecordBatch, narrative: pa.Array) -> pa.RecordBatch:
    at = batch.schema.get_field_index("narrative")
    return batch.set_column(at, batch.schema.field(at), narrative)


def _shown(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The complaints with nothing in their texts that is not searched."""
    for name in (*_TEXTS, *_LISTS, "phone_numbers"):
        at = batch.schema.get_field_index(name)
        column = shown(batch[name]) if name in _TEXTS else _in_items(batch[name], shown)
        batch = batch.set_column(at, batch.schema.field(at), column)
    return batch


def _lists(column: pa.Array, values: pa.Array, counts: np.ndarray) -> pa.Array:
    """A list column of the same type and nulls with other items."""
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pa.ListArray.from_arrays(
        pa.array(offsets), values, type=column.type, mask=pc.is_null(column)
    )


def _in_items(column: pa.Array, work: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """A list of strings, or of structs, with some work done on every string in it."""
    listed = items(column)
    if not len(listed.values):
        return column
    values = listed.values
    if pa.types.is_struct(values.type):
        parts = [
            work(listed.field(f.name)) if pa.types.is_string(f.type) else listed.field(f.name)
            for f in values.type
        ]
        values = pa.StructArray.from_arrays(parts, fields=list(values.type))
    else:
        values = work(values)
    counts = np.bincount(np.array(listed.rows, np.int64), minlength=len(column))
    return _lists(column, values, counts)


WITHHELD_KEY = ("source_org", "record_id")


class Named:
    """The WITHHELD rows that are of the records of a batch, by record."""

    def __init__(self, batch: pa.RecordBatch, id_field: str, withheld: pa.Table) -> None:
        count = len(batch)
        keys = [
            pa.chunked_array([batch[of_batch], *withheld[name].chunks]).combine_chunks()
            for of_batch, name in zip(("source_org", id_field), WITHHELD_KEY, strict=True)
        ]
        _, key = distinct_rows(keys)
        order = np.argsort(key[count:], kind="stable")
        held = key[count:][order]
        first, end = (np.searchsorted(held, key[:count], side) for side in ("left", "right"))
        self._rows = np.repeat(np.arange(count), end - first)
        self._withheld = withheld.take(pa.array(order[ranges(first, end - first)]))

    def own(self, kind: RecordKind) -> Own:
        """What a batch of that kind must not show."""
        of_kind = casts.mask(pc.equal(self._withheld["record_kind"], str(kind)))
        ids = self._withheld["entity_id"].combine_chunks()
        return Own(self._rows[of_kind], ids.filter(pa.array(of_kind)))

    def places(self) -> dict[int, list[tuple[int, int]]]:
        """Where the narrative of each row names it, in code points."""
        placed = casts.mask(pc.is_valid(self._withheld["start"]))
        starts, ends = (
            self._withheld[name].filter(pa.array(placed)).to_pylist() for name in ("start", "end")
        )
        told: dict[int, list[tuple[int, int]]] = {}
        for row, *place in zip(self._rows[placed].tolist(), starts, ends, strict=True):
            told.setdefault(row, []).append((place[0], place[1]))
        return told


Array = np.ndarray


_STRANGE = re.compile(r"[^\x00-\x7f]")


def may_hold(texts: pa.Array, wanted: Sought, rows: Array) -> list[int]:
    """The places of texts that may hold one of the identifiers that are wanted in their row.

    A number is its digits in their order, whatever stands between them; of a text with digits other
    than ASCII's or encoded ones, and of an identifier with letters, nothing is said. `rows` says
    whose text each is.
    """
    # No identifier is shorter, and no text has more characters than bytes.
    long = pc.fill_null(pc.greater_equal(pc.binary_length(texts), SHORTEST), False)
    at = np.flatnonzero(wanted.any_in[rows] & long.to_numpy(zero_copy_only=False))
    if not len(at):
        return []
    those, rows = texts.take(pa.array(at)), rows[at]
    maybe = wanted.odd_in[rows] | wanted.ending_in(those, rows)
    plain = pc.and_(
        pc.string_is_ascii(those), pc.invert(pc.match_substring_regex(those, text_util.HINT))
    )
    strange = np.flatnonzero(~maybe & ~plain.to_numpy(zero_copy_only=False))
    told = those.take(pa.array(strange)).to_pylist()
    maybe[strange] = [not _as_written(text) for text in told]
    found: list[int] = at[maybe].tolist()
    return found


def _as_written(text: str) -> bool:
    """Whether every digit of a text is one of ASCII's, and stands for itself."""
    return text_util.read(text) == text and not any(map(str.isdecimal, _STRANGE.findall(text)))


def holding(texts: pa.Array, wanted: Sought, rows: Array) -> dict[int, list[tuple[int, int]]]:
    """The texts that hold an identifier wanted in their row, and the spans where they do."""
    maybe = may_hold(texts, wanted, rows)
    told = texts.take(pa.array(maybe, pa.int64())).to_pylist()
    found = {
        at: list(spans(text, wanted.needles(row)))
        for at, text, row in zip(maybe, told, rows[maybe].tolist(), strict=True)
    }
    return {at: places for at, places in found.items() if places}


def masked(texts: pa.Array, wanted: Sought, rows: Array | None = None) -> pa.Array:
    """The texts with the identifiers masked in them that are wanted in their row.

    Without `rows` there is one text for each row.
    """
    whose = np.arange(len(texts)) if rows is None else rows
    return hidden(texts, holding(texts, wanted, whose))


_NUMBER = r"^(?:phone:)?\+[0-9]{7,15}$"
"""RE2: an E.164 number; in every form of it its last digits are the last ones."""


_ID = rf"(?:^|:)[0-9]{{{SHORTEST},}}$"


_WRITTEN = rf"^[0-9]{{{SHORTEST},}}$"
"""RE2: an identifier, or a number as it was written, of which nothing but its digits is looked for.

Zeros before them may be left out, and the last ones stay.
"""


_ENDINGS = 10**SHORTEST


class Sought:
    """By row of `count`, victims' identifiers, E.164 or entity ids, and numbers as written."""

    def __init__(self, count: int, identifiers: Own, written: Own) -> None:
        self._parts = (identifiers, written)
        self._needles: dict[int, Needles] = {}
        self.any_in = np.zeros(count, bool)
        """The rows in which anything is looked for."""
        self.odd_in = np.zeros(count, bool)
        """Those in which anything is of which no digits are known that stand in every form."""
        endings = []
        for part, plain in ((identifiers, _ID), (written, _WRITTEN)):
            known = _matching(part.numbers, f"{_NUMBER}|{plain}")
            self.any_in[part.rows] = True
            self.odd_in[part.rows[~known]] = True
            last = pc.utf8_slice_codeunits(part.numbers.filter(pa.array(known)), -SHORTEST, None)
            endings.append(part.rows[known] * _ENDINGS + last.cast(pa.int64()).to_numpy())
        self._endings = np.unique(np.concatenate(endings))

    def needles(self, row: int) -> Needles:
        """Every form of what is looked for in a row."""
        if row not in self._needles:
            self._needles[row] = identifier_matcher.needles(
                *(_of_row(part, row) for part in self._parts)
            )
        return self._needles[row]

    def ending_in(self, texts: pa.Array, rows: Array) -> Array:
        """Which texts, each of its row, have the last digits of what is looked for in their row.

        Whatever stands between the digits of a text; those of ASCII alone are digits here.
        """
        found = np.zeros(len(texts), bool)
        if not len(self._endings):
            return found
        text, endings = _endings(texts)
        wanted = rows[text] * _ENDINGS + endings
        at = np.minimum(np.searchsorted(self._endings, wanted), len(self._endings) - 1)
        found[text[self._endings[at] == wanted]] = True
        return found


def _endings(texts: pa.Array) -> tuple[Array, Array]:
    """Every `SHORTEST` digits in a row of strings without nulls: of which text, and as a number."""
    offsets, data = buffers(texts)
    value = data - ord("0")
    at = np.flatnonzero(value < len("0123456789"))
    text = np.repeat(np.arange(len(texts)), np.diff(np.searchsorted(at, offsets)))
    digits = value[at].astype(np.int64)
    count = max(0, len(at) - SHORTEST + 1)
    number = np.zeros(count, np.int64)
    for place in range(SHORTEST):
        number = number * 10 + digits[place : place + count]
    whole = text[:count] == text[len(text) - count :]
    return text[:count][whole], number[whole]


def _matching(texts: pa.Array, pattern: str) -> Array:
    return pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)


def _of_row(part: Own, row: int) -> list[str]:
    first, end = np.searchsorted(part.rows, (row, row + 1)).tolist()
    held: list[str] = part.numbers[first:end].to_pylist()
    return held


_SEARCHED = (
    "victim_id",
    "victim_region",
    "language",
    "claimed_brand",
    "narrative",
    "phone_numbers",
    "urls",
    "emails",
    "remote_access",
    "payments",
)
"""Fields of a complaint in which a victim's number can stand."""


_SIGNALLED = ("victim_id", "complaint_id", "suspect_number", "orig_id", "carrier", "trunk")
"""Fields of a call in which it can."""


def kept_complaints(
    complaints: pa.Table, withheld: pa.Table, numbers: np.ndarray
) -> Iterator[pa.RecordBatch]:
    """COMPLAINT_ACCEPTED and WITHHELD rows of the same records to COMPLAINT rows.

    `numbers` holds all victims' numbers (`number_index.written_forms`): another record's victim is
    nobody to show here either.
    """
    for batch in batches_of(complaints):
        named = Named(batch, "complaint_id", withheld)
        found = _found(batch, _SEARCHED, numbers)
        hidden = together(named.own(RecordKind.COMPLAINT), found)
        yield _masked(withhold(batch, hidden, named.places()), ("victim_id",), hidden)


def kept_calls(
    calls: pa.Table, withheld: pa.Table, numbers: np.ndarray
) -> Iterator[pa.RecordBatch]:
    """CALL_ACCEPTED and WITHHELD rows of the same records to CALL rows.

    A caller id that some record knows as a victim's own number is spoofed: it is left out.
    """
    for batch in batches_of(calls):
        kept = suspect_calls(batch)
        own = Named(batch, "call_id", withheld).own(RecordKind.CALL)
        kept = _with(kept, "suspect_number", _without_spoofed(kept["suspect_number"], own))
        hidden = together(own, _found(kept, _SIGNALLED, numbers))
        yield _masked(kept, _SIGNALLED, hidden)


def _without_spoofed(suspects: pa.Array, own: Own) -> pa.Array:
    """Suspects' numbers, null where they are the victim's of their row."""
    theirs = pc.binary_join_element_wise("phone:", suspects.take(pa.array(own.rows)), "")
    spoofed = np.zeros(len(suspects), bool)
    spoofed[own.rows[true(pc.equal(theirs, own.numbers))]] = True
    return pc.if_else(pa.array(spoofed), pa.scalar(None, pa.string()), suspects)


def _found(batch: pa.RecordBatch, names: Sequence[str], numbers: np.ndarray) -> Own:
    """The digits of victims' numbers in the named columns of each row."""
    rows: list[np.ndarray] = []
    texts: list[pa.Array] = []
    for name in names:
        where, parts = _texts(batch[name])
        for part in parts:
            rows.append(where)
            texts.append(part)
    found = in_some(searched(pa.concat_arrays(texts)), numbers)
    at = np.repeat(
        np.array(list(found), np.int64), np.array(list(map(len, found.values())), np.int64)
    )
    row, digits = (
        np.concatenate(rows)[at],
        pa.array(chain.from_iterable(found.values()), pa.string()),
    )
    order = np.argsort(row, kind="stable")
    return Own(row[order], digits.take(pa.array(order)))


def _texts(column: pa.Array) -> tuple[np.ndarray, list[pa.Array]]:
    """The texts of a column of text, or of lists of text or of structs, and their rows."""
    if not pa.types.is_list(column.type):
        return np.arange(len(column)), [column]
    listed = items(column)
    rows = np.array(listed.rows, np.int64)
    if not pa.types.is_struct(column.type.value_type):
        return rows, [listed.values]
    fields = [one.name for one in column.type.value_type if pa.types.is_string(one.type)]
    return rows, [listed.field(name) for name in fields]


def _masked(batch: pa.RecordBatch, names: Sequence[str], hidden: Own) -> pa.RecordBatch:
    """The named text columns with each row's hidden identifiers masked in them."""
    wanted = Sought(len(batch), hidden, NOBODY)
    for name in names:
        batch = _with(batch, name, masked(shown(batch[name]), wanted))
    return batch


def _with(batch: pa.RecordBatch, name: str, column: pa.Array) -> pa.RecordBatch:
    at = batch.schema.get_field_index(name)
    return batch.set_column(at, batch.schema.field(at), column)


@dataclass(eq=False)
class Withhold(beam.PTransform):
    """A dict of `records` (unique batches) and `withheld` (WITHHELD batches) to kept batches.

    `numbers` is the side input that `number_index.VictimNumbers` makes.
    """

    kind: RecordKind
    numbers: beam.pvalue.AsSingleton

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> beam.PCollection:
        """Bring each record and what it must not show together."""
        withheld = Keyed(WITHHELD, WITHHELD_KEY)
        if self.kind is RecordKind.CALL:
            keyed = {"records": Keyed(CALL_ACCEPTED, CALL_KEY), "withheld": withheld}
            return inputs | PerPartition(keyed, kept_calls, side=self.numbers)
        keyed = {"records": Keyed(COMPLAINT_ACCEPTED, COMPLAINT_KEY), "withheld": withheld}
        return inputs | PerPartition(keyed, kept_complaints, side=self.numbers)
