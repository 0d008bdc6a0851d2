"""Redacts the accepted records and mentions: takes out whatever is the victim's own.

Identifiers are masked at their length, in every field and in any form in which they are written:
those of the record's WITHHELD rows, and the numbers that any record states as a victim's.
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

from schemas.call import CALL, CALL_KEY, CALL_READ, E164_COLUMNS
from schemas.complaint import COMPLAINT, COMPLAINT_KEY, COMPLAINT_READ
from schemas.enums import EntityKind, RecordKind, Role
from schemas.mention import CLASSIFIED, MENTION, MENTIONS
from transforms import text_util
from transforms.arrow_util import (
    Array,
    batch_of_columns,
    concat_ranges,
    distinct_rows,
    explode,
    list_items,
    sorted_lookup,
)
from transforms.casts import true_mask
from transforms.extract.impersonation import known_brands
from transforms.extract.kinds import email
from transforms.extract.kinds.gift_card import drop_gift_card_payees, mask_gift_card_codes
from transforms.extract.narrative import TRANSCRIBED
from transforms.graph.entities import WITHHELD
from transforms.redact import sensitive_text
from transforms.redact.sensitive_text import mask_card_and_ssn_numbers
from transforms.shuffle import KeyedInput, PerPartition, batches_of
from transforms.text_masking import (
    Span,
    Spans,
    cut_to_search_limit,
    mask_rows,
    mask_spans,
    mask_spans_fully,
    truncate_unsearched,
)
from transforms.text_spans import string_buffers
from transforms.victims import identifier_matcher
from transforms.victims.identifier_matcher import (
    MIN_IDENTIFIER_LENGTH,
    NO_IDENTIFIERS,
    Patterns,
    RowIdentifiers,
    find_identifiers,
    identifier_patterns,
    merge_row_identifiers,
)
from transforms.victims.number_index import find_victim_digits, find_victim_digits_by_row

_TEXTS = ("claimed_brand", "narrative", "victim_region", "language")

_LISTS = ("urls", "emails", "remote_access", "payments")

_COMPLAINT_FIELDS = (
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
"""Fields of a complaint that can contain a victim's number."""

_CALL_FIELDS = ("victim_id", "complaint_id", "suspect_number", "orig_id", "carrier", "trunk")
"""Fields of a call that can."""

_WITHHELD_KEY = ("source_org", "record_id")

_NUMBER = r"^(?:phone:)?\+[0-9]{7,15}$"
"""RE2: an E.164 number; it ends in the same digits in every form."""

_ID = rf"(?:^|:)[0-9]{{{MIN_IDENTIFIER_LENGTH},}}$"

_AS_WRITTEN = rf"^[0-9]{{{MIN_IDENTIFIER_LENGTH},}}$"
"""RE2: an identifier, or a number as written, of which only the digits are looked for.

Zeros before them may be left out; the last digits stay.
"""

_ENDINGS = 10**MIN_IDENTIFIER_LENGTH

_NOT_ASCII = re.compile(r"[^\x00-\x7f]")


@dataclass(eq=False)
class RedactRecords(beam.PTransform):
    """Redacts a dict of `records` (unique batches) and `withheld` (WITHHELD batches).

    `numbers` is the side input that `number_index.VictimNumbers` makes.
    """

    kind: RecordKind
    numbers: beam.pvalue.AsSingleton

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> beam.PCollection:
        """Joins each record with its WITHHELD rows, and redacts it."""
        withheld = KeyedInput(WITHHELD, _WITHHELD_KEY)
        if self.kind is RecordKind.CALL:
            keyed = {"records": KeyedInput(CALL_READ, CALL_KEY), "withheld": withheld}
            return inputs | PerPartition(keyed, redact_calls, side=self.numbers)
        keyed = {"records": KeyedInput(COMPLAINT_READ, COMPLAINT_KEY), "withheld": withheld}
        return inputs | PerPartition(keyed, redact_complaints, side=self.numbers)


def redact_mentions(classified: pa.RecordBatch, own: Array) -> pa.RecordBatch:
    """Turns CLASSIFIED rows into MENTION rows, without those on the victim's side.

    The text around an identifier, such as the rest of a web address, can contain a victim's number:
    those of `own` (`number_index.hash_dial_formats`) are masked in it, and addresses in a link. So
    is a less plausible reading that is one of these numbers.
    """
    of_record = [name for name in MENTION.names if name in CLASSIFIED.names]
    others = explode(classified, MENTIONS, of_record)
    others = others.filter(pc.not_equal(others["role"], Role.VICTIM))
    nothing = pa.scalar(None, pa.string())
    around = pc.if_else(pc.equal(others["kind"], EntityKind.PHONE), nothing, others["raw"])
    raw = [
        mask_spans(text, find_identifiers(text, identifier_patterns(digits))) if digits else text
        for text, digits in zip(
            others["raw"].to_pylist(), find_victim_digits(around, own), strict=True
        )
    ]
    also = others["also_read_as"]
    theirs = pa.array([bool(digits) for digits in find_victim_digits(also, own)], pa.bool_())
    columns = {name: others[name] for name in MENTION.names}
    columns["also_read_as"] = pc.if_else(theirs, nothing, also)
    columns["raw"] = email.mask_link_addresses(pa.array(raw, pa.string()))
    return batch_of_columns(columns, MENTION)


def redact_complaints(
    complaints: pa.Table, withheld: pa.Table, numbers: Array
) -> Iterator[pa.RecordBatch]:
    """Turns COMPLAINT_READ and WITHHELD rows of the same records into COMPLAINT rows.

    `numbers` contains all victims' numbers (`number_index.hash_dial_formats`): those of another
    record's victim are masked here too.
    """
    for batch in batches_of(complaints):
        own = _Withheld(batch, "complaint_id", withheld)
        digits = _victim_digits_in(batch, _COMPLAINT_FIELDS, numbers)
        hidden = merge_row_identifiers(own.identifiers(RecordKind.COMPLAINT), digits)
        kept = withhold_from_complaints(batch, hidden, own.narrative_spans())
        yield _mask_columns(kept, ("victim_id",), hidden)


def redact_calls(calls: pa.Table, withheld: pa.Table, numbers: Array) -> Iterator[pa.RecordBatch]:
    """Turns CALL_READ and WITHHELD rows of the same records into CALL rows.

    A caller id that some record knows as a victim's own number is spoofed: it becomes null.
    """
    for batch in batches_of(calls):
        kept = withhold_from_calls(batch)
        own = _Withheld(batch, "call_id", withheld).identifiers(RecordKind.CALL)
        kept = _set_column(kept, "suspect_number", _without_spoofed(kept["suspect_number"], own))
        hidden = merge_row_identifiers(own, _victim_digits_in(kept, _CALL_FIELDS, numbers))
        yield _mask_columns(kept, _CALL_FIELDS, hidden)


def withhold_from_complaints(
    batch: pa.RecordBatch,
    victims: RowIdentifiers,
    narrative_spans: Mapping[int, Spans] | None = None,
) -> pa.RecordBatch:
    """Takes the victim's identifiers out of complaints: COMPLAINT_READ to COMPLAINT.

    Numbers that the complaint itself gives the role `victim` are taken out whether read or not.
    `numbers_withheld` counts the entries of phone_numbers that went, or one where the narrative
    alone named the victim's number. Text beyond the search limit goes, and so does an address in a
    link: it is that of whoever the link was sent to.

    Args:
        batch: Complaints.
        victims: The victim-side identifiers of each row, E.164 or entity ids.
        narrative_spans: Where, by row, they were read in its narrative, code points: numbers in
            words and letters and obfuscated ones are found by nothing else.
    """
    as_given = batch["narrative"]
    masked = mask_rows(as_given, narrative_spans or {}, mask_spans_fully)
    batch = _mask_self_identified(_truncate_texts(_set_column(batch, "narrative", masked)))
    wanted = RowPatterns(len(batch), victims, identifier_matcher.own_numbers(batch))
    kept, withheld = _without_numbers(batch, wanted)
    columns = {name: batch[name] for name in batch.schema.names}
    columns["phone_numbers"] = kept
    if wanted.any_in.any():
        for name in _TEXTS:
            columns[name] = mask_wanted(columns[name], wanted)
        for name in _LISTS:
            rows = np.array(list_items(columns[name]).rows, np.int64)
            columns[name] = _map_items(
                columns[name], partial(mask_wanted, wanted=wanted, rows=rows)
            )
    changed = pc.not_equal(columns["narrative"], truncate_unsearched(as_given))
    in_narrative = pc.fill_null(changed, False).cast(pa.int32())
    columns["numbers_withheld"] = pc.max_element_wise(withheld, in_narrative)
    narrative = email.mask_link_addresses(columns["narrative"])
    columns["narrative"] = mask_card_and_ssn_numbers(mask_gift_card_codes(narrative))
    columns["urls"] = _map_items(columns["urls"], email.mask_link_addresses)
    columns["payments"] = _drop_gift_card_codes(columns["payments"])
    return pa.RecordBatch.from_arrays([columns[f.name] for f in COMPLAINT], schema=COMPLAINT)


def withhold_from_calls(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Takes the victim's side out of calls: CALL_READ to CALL.

    The suspect's number is in E.164 where it can be read, else as recorded; null where the
    direction is unknown, and where both sides are one number.
    """
    inbound = pc.fill_null(pc.equal(batch["direction"], "inbound"), False)
    outbound = pc.fill_null(pc.equal(batch["direction"], "outbound"), False)
    nothing = pa.scalar(None, pa.string())
    e164 = {name: batch[column] for name, column in E164_COLUMNS.items()}
    calling, called = (
        pc.coalesce(e164[name], batch[name]) for name in ("calling_number", "called_number")
    )
    by_direction = pc.make_struct(inbound, outbound)
    suspect = pc.case_when(by_direction, calling, called, nothing)
    victim = pc.case_when(by_direction, called, calling, nothing)
    known = pc.invert(pc.fill_null(pc.equal(suspect, victim), False))
    columns = {name: batch[name] for name in batch.schema.names}
    columns["suspect_number"] = pc.if_else(known, suspect, nothing)
    columns["suspect_role"] = pc.case_when(
        by_direction, pa.scalar(Role.CALLER_ID.value), pa.scalar(Role.CALLBACK.value), nothing
    )
    columns["brand"] = known_brands(batch["caller_name"])
    theirs = identifier_matcher.victim_sides(batch, e164)
    wanted = RowPatterns(len(batch), NO_IDENTIFIERS, theirs)
    for name in ("complaint_id", "suspect_number", "trunk", "carrier", "orig_id"):
        columns[name] = mask_wanted(truncate_unsearched(columns[name]), wanted)
    return pa.RecordBatch.from_arrays([columns[f.name] for f in CALL], schema=CALL)


class RowPatterns:
    """The patterns of identifiers that are looked for in the texts of each of `count` rows.

    They are made when a text may contain one, and most do not: nearly all identifiers are phone
    numbers, which end in the same digits in every form, so texts without these are skipped.

    Args:
        count: Rows.
        identifiers: E.164 numbers or entity ids.
        written: Numbers as written.
    """

    def __init__(self, count: int, identifiers: RowIdentifiers, written: RowIdentifiers) -> None:
        self._parts = (identifiers, written)
        self._patterns: dict[int, Patterns] = {}
        self.any_in = np.zeros(count, bool)
        """The rows in which anything is looked for."""
        self.odd_in = np.zeros(count, bool)
        """Those with an identifier of which no digits are known that are in every form."""
        endings = []
        for part, plain in ((identifiers, _ID), (written, _AS_WRITTEN)):
            known = _matching(part.identifiers, f"{_NUMBER}|{plain}")
            self.any_in[part.rows] = True
            self.odd_in[part.rows[~known]] = True
            last = pc.utf8_slice_codeunits(
                part.identifiers.filter(pa.array(known)), -MIN_IDENTIFIER_LENGTH, None
            )
            endings.append(part.rows[known] * _ENDINGS + last.cast(pa.int64()).to_numpy())
        self._endings = np.unique(np.concatenate(endings))

    def patterns(self, row: int) -> Patterns:
        """Returns every form of what is looked for in a row."""
        if row not in self._patterns:
            parts = (_of_row(part, row) for part in self._parts)
            self._patterns[row] = identifier_patterns(*parts)
        return self._patterns[row]

    def ending_in(self, texts: pa.Array, rows: Array) -> Array:
        """Tells which texts contain the last digits of what is looked for in their row.

        Only ASCII digits count, and whatever is between them is ignored.
        """
        contain = np.zeros(len(texts), bool)
        if len(self._endings):
            text, endings = _digit_windows(texts)
            contain[text[sorted_lookup(self._endings, rows[text] * _ENDINGS + endings)[1]]] = True
        return contain


def mask_wanted(texts: pa.Array, wanted: RowPatterns, rows: Array | None = None) -> pa.Array:
    """Masks in each text the identifiers that are wanted in its row.

    Without `rows` there is one text for each row.
    """
    whose = np.arange(len(texts)) if rows is None else rows
    return mask_rows(texts, find_wanted(texts, wanted, whose))


def find_wanted(texts: pa.Array, wanted: RowPatterns, rows: Array) -> dict[int, list[Span]]:
    """Returns the spans of identifiers wanted in a text's row, by text, where there are any."""
    maybe = may_contain_wanted(texts, wanted, rows)
    some = texts.take(pa.array(maybe, pa.int64())).to_pylist()
    spans = {
        at: list(find_identifiers(text, wanted.patterns(row)))
        for at, text, row in zip(maybe, some, rows[maybe].tolist(), strict=True)
    }
    return {at: those for at, those in spans.items() if those}


def may_contain_wanted(texts: pa.Array, wanted: RowPatterns, rows: Array) -> list[int]:
    """Returns the indices of texts that may contain an identifier wanted in their row.

    There are no false negatives. A look at whole columns takes a hundredth of a search by
    characters. Texts with digits that are encoded or not in ASCII, and all texts of a row with an
    identifier with letters, may contain one.

    Args:
        texts: Strings or null.
        wanted: The patterns of each row.
        rows: The row of each text.
    """
    # No identifier is shorter, and no text has more characters than bytes.
    long = pc.fill_null(pc.greater_equal(pc.binary_length(texts), MIN_IDENTIFIER_LENGTH), False)
    at = np.flatnonzero(wanted.any_in[rows] & long.to_numpy(zero_copy_only=False))
    if not len(at):
        return []
    those, rows = texts.take(pa.array(at)), rows[at]
    maybe = wanted.odd_in[rows] | wanted.ending_in(those, rows)
    plain = pc.and_(
        pc.string_is_ascii(those), pc.invert(pc.match_substring_regex(those, text_util.WEB_ESCAPE))
    )
    odd = np.flatnonzero(~maybe & ~plain.to_numpy(zero_copy_only=False))
    maybe[odd] = [not _digits_are_plain(text) for text in those.take(pa.array(odd)).to_pylist()]
    indices: list[int] = at[maybe].tolist()
    return indices


def _digits_are_plain(text: str) -> bool:
    """Tells whether every digit of a text is in ASCII and not encoded."""
    return text_util.decode_web_escapes(text) == text and not any(
        map(str.isdecimal, _NOT_ASCII.findall(text))
    )


def _digit_windows(texts: pa.Array) -> tuple[Array, Array]:
    """Returns all `MIN_IDENTIFIER_LENGTH` digits in a row of texts: the text, and as a number."""
    offsets, data = string_buffers(texts)
    value = data - ord("0")
    at = np.flatnonzero(value < len("0123456789"))
    text = np.repeat(np.arange(len(texts)), np.diff(np.searchsorted(at, offsets)))
    digits = value[at].astype(np.int64)
    count = max(0, len(at) - MIN_IDENTIFIER_LENGTH + 1)
    number = np.zeros(count, np.int64)
    for place in range(MIN_IDENTIFIER_LENGTH):
        number = number * 10 + digits[place : place + count]
    whole = text[:count] == text[len(text) - count :]
    return text[:count][whole], number[whole]


def _matching(texts: pa.Array, pattern: str) -> Array:
    return pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)


def _of_row(part: RowIdentifiers, row: int) -> list[str]:
    first, end = np.searchsorted(part.rows, (row, row + 1)).tolist()
    identifiers: list[str] = part.identifiers[first:end].to_pylist()
    return identifiers


class _Withheld:
    """The WITHHELD rows of the records of a batch: their victims' identifiers, and their places."""

    def __init__(self, batch: pa.RecordBatch, id_field: str, withheld: pa.Table) -> None:
        count = len(batch)
        keys = [
            pa.chunked_array([batch[of_batch], *withheld[name].chunks]).combine_chunks()
            for of_batch, name in zip(("source_org", id_field), _WITHHELD_KEY, strict=True)
        ]
        _, key = distinct_rows(keys)
        order = np.argsort(key[count:], kind="stable")
        of_withheld = key[count:][order]
        first, end = (np.searchsorted(of_withheld, key[:count], side) for side in ("left", "right"))
        self._rows = np.repeat(np.arange(count), end - first)
        self._withheld = withheld.take(pa.array(order[concat_ranges(first, end - first)]))

    def identifiers(self, kind: RecordKind) -> RowIdentifiers:
        """Returns what a batch of records of that kind must not show."""
        of_kind = true_mask(pc.equal(self._withheld["record_kind"], str(kind)))
        ids = self._withheld["entity_id"].combine_chunks()
        return RowIdentifiers(self._rows[of_kind], ids.filter(pa.array(of_kind)))

    def narrative_spans(self) -> dict[int, list[Span]]:
        """Returns where the narrative of each row names them, in code points."""
        placed = true_mask(pc.is_valid(self._withheld["start"]))
        starts, ends = (
            self._withheld[name].filter(pa.array(placed)).to_pylist() for name in ("start", "end")
        )
        spans: dict[int, list[Span]] = {}
        for row, start, end in zip(self._rows[placed].tolist(), starts, ends, strict=True):
            spans.setdefault(row, []).append((start, end))
        return spans


def _victim_digits_in(
    batch: pa.RecordBatch, names: Sequence[str], numbers: Array
) -> RowIdentifiers:
    """Returns the digits of victims' numbers in the named columns of each row."""
    rows: list[Array] = []
    texts: list[pa.Array] = []
    for name in names:
        where, parts = _texts(batch[name])
        for part in parts:
            rows.append(where)
            texts.append(part)
    found = find_victim_digits_by_row(cut_to_search_limit(pa.concat_arrays(texts)), numbers)
    counts = np.array([len(digits) for digits in found.values()], np.int64)
    row = np.concatenate(rows)[np.repeat(np.array(list(found), np.int64), counts)]
    digits = pa.array(chain.from_iterable(found.values()), pa.string())
    order = np.argsort(row, kind="stable")
    return RowIdentifiers(row[order], digits.take(pa.array(order)))


def _texts(column: pa.Array) -> tuple[Array, list[pa.Array]]:
    """Returns the rows and the texts of a column of text, or of lists of text or structs."""
    if not pa.types.is_list(column.type):
        return np.arange(len(column)), [column]
    listed = list_items(column)
    rows = np.array(listed.rows, np.int64)
    if not pa.types.is_struct(column.type.value_type):
        return rows, [listed.values]
    fields = [one.name for one in column.type.value_type if pa.types.is_string(one.type)]
    return rows, [listed.field(name) for name in fields]


def _without_numbers(batch: pa.RecordBatch, wanted: RowPatterns) -> tuple[pa.Array, pa.Array]:
    """Returns phone_numbers without the victim's, and how many entries of each row went."""
    column = batch["phone_numbers"]
    numbers = list_items(column)
    keep = ~true_mask(pc.equal(numbers.field("role"), Role.VICTIM.value))
    rows = np.array(numbers.rows, np.int64)
    others = np.flatnonzero(keep)
    raw = numbers.field("raw").take(pa.array(others))
    keep[others[list(find_wanted(raw, wanted, rows[others]))]] = False
    withheld = np.bincount(rows[~keep], minlength=len(batch)).astype(np.int32)
    counts = np.bincount(rows[keep], minlength=len(batch))
    return _to_lists(column, numbers.values.filter(pa.array(keep)), counts), pa.array(withheld)


def _without_spoofed(suspects: pa.Array, own: RowIdentifiers) -> pa.Array:
    """Returns suspects' numbers, null where they are the victim's of their row."""
    theirs = pc.binary_join_element_wise("phone:", suspects.take(pa.array(own.rows)), "")
    spoofed = np.zeros(len(suspects), bool)
    spoofed[own.rows[true_mask(pc.equal(theirs, own.identifiers))]] = True
    return pc.if_else(pa.array(spoofed), pa.scalar(None, pa.string()), suspects)


def _drop_gift_card_codes(payments: pa.Array) -> pa.Array:
    """Drops the codes of gift cards from a column of lists of payments."""
    listed = list_items(payments)
    if not len(listed.values):
        return payments
    counts = np.bincount(np.array(listed.rows, np.int64), minlength=len(payments))
    return _to_lists(payments, drop_gift_card_payees(listed.values), counts)


def _mask_self_identified(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Masks what complaints call their own; in transcripts 'my number' is the caller's."""
    narrative = batch["narrative"]
    transcribed = pc.is_in(batch["source_org"], pa.array(sorted(TRANSCRIBED)))
    masked = sensitive_text.mask_self_identified(narrative)
    return _set_column(batch, "narrative", pc.if_else(transcribed, narrative, masked))


def _truncate_texts(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Cuts everything that is not searched off the texts of complaints."""
    for name in _TEXTS:
        batch = _set_column(batch, name, truncate_unsearched(batch[name]))
    for name in (*_LISTS, "phone_numbers"):
        batch = _set_column(batch, name, _map_items(batch[name], truncate_unsearched))
    return batch


def _mask_columns(
    batch: pa.RecordBatch, names: Sequence[str], hidden: RowIdentifiers
) -> pa.RecordBatch:
    """Masks each row's hidden identifiers in the named text columns."""
    wanted = RowPatterns(len(batch), hidden, NO_IDENTIFIERS)
    for name in names:
        batch = _set_column(batch, name, mask_wanted(truncate_unsearched(batch[name]), wanted))
    return batch


def _map_items(column: pa.Array, work: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Applies a function to all strings in a column of lists of strings or structs."""
    listed = list_items(column)
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
    return _to_lists(column, values, counts)


def _to_lists(column: pa.Array, values: pa.Array, counts: Array) -> pa.Array:
    """Makes a list column of the same type and nulls with other items."""
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return pa.ListArray.from_arrays(
        pa.array(offsets), values, type=column.type, mask=pc.is_null(column)
    )


def _set_column(batch: pa.RecordBatch, name: str, column: pa.Array) -> pa.RecordBatch:
    at = batch.schema.get_field_index(name)
    return batch.set_column(at, batch.schema.field(at), column)
