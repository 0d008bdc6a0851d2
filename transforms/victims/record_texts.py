"""Finds the digits and obfuscated addresses in the texts of records.

Victims' numbers and addresses are later looked up among these.

A text is read in several forms. The first is the text as written, with the digits of any script in
ASCII. The second has compatible characters (NFKC) replaced. Both are read again with web escapes
decoded and tokens opened (`decode.readings`). Words for digits give two more forms
(`decode.number_words`). A run of digits keeps its place in the written text, and how it joins the
run before it. `decode.addresses` reads addresses whose signs are spelled out or obfuscated.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.complaint import ADDRESSES, DIGITS
from schemas.enums import EntityKind
from schemas.field import TEXT
from transforms.arrow import (
    ALPHANUMERIC_BYTES,
    Array,
    group_starts,
    hash_text,
    list_column,
    list_items,
    slice_bytes,
    string_array,
    string_buffers,
    true_mask,
)
from transforms.decode import find_by_row
from transforms.decode.addresses import ADDRESS_HINT, possible_addresses
from transforms.decode.escapes import WEB_ESCAPE, Span
from transforms.decode.number_words import DIGIT_WORDS_HINT, read_digits
from transforms.decode.readings import OPENED, TOKEN_HINT, has_token, readings_of_digits
from transforms.victims.identifier_matcher import MIN_IDENTIFIER_LENGTH

MIN_DIGITS = 7
"""Digits of the shortest dial format that is searched for; fewer may be an amount or a year."""

MAX_DIGITS = 18
"""Digits of the longest format: 15 (E.164) after an international prefix."""

FORMS = OPENED + 3
"""Most forms of a text."""

TOUCHES, CLOSE, APART = range(3)
"""A run of digits is part of the same number as the run before it, close to it, or apart."""

PLAIN = r"\x00-\xb1\xb4-\xb8\xba\xbb\xbf-\x{65f}\x{2010}-\x{2027}\x{2030}-\x{205e}\x{20a0}-\x{20cf}"
"""RE2: characters without digits of other scripts, and without any that NFKC turns into digits."""

_MAX_PIECES = 6
"""Most runs of a number in the middle of a chain of close runs.

A number of more runs must begin or end its chain. So a list of digits gives few candidates, and a
number may still be written digit by digit.
"""

_GAP = 5
"""Most characters between two close runs; none of them is a letter."""

_RUN = re.compile(r"\d+", re.ASCII)

_CLOSE = re.compile(rf"[\W_]{{1,{_GAP}}}", re.ASCII)

_MAX_BESIDE = 2
"""Most words for digits next to a number but not part of it: 'eight one five ... four one day'."""

_ODD = rf"[^{PLAIN}]|{WEB_ESCAPE}"
"""RE2: a text without a match has a single form, apart from words for digits."""

_ODD_OR_WORDS = rf"{_ODD}|{DIGIT_WORDS_HINT}"


class RecordTexts(NamedTuple):
    """The texts of some fields of records, field by field, and the record's row of each.

    Each item of `parts` names a field, the part of its structs, and the number of its texts.
    """

    rows: Array
    texts: pa.Array
    parts: list[tuple[str, str | None, int]]

    def of_field(self, name: str, part: str | None = None) -> Array:
        """Returns the texts of a field, or of a part of its structs."""
        first = 0
        for *field, count in self.parts:
            if field == [name, part]:
                return np.arange(first, first + count)
            first += count
        raise KeyError(name)

    def to_column(
        self, places: Array, columns: Iterable[Array | pa.Array], kind: pa.ListType, count: int
    ) -> pa.ListArray:
        """Makes a list column, for `count` records, of items in the texts at `places`.

        The first field of each struct is the text's number within its record; `columns` are the
        other fields.
        """
        by_row, firsts = self._by_row(count)
        number = np.empty(len(by_row), np.int64)
        number[by_row] = np.arange(len(by_row)) - firsts[self.rows[by_row]]
        return list_column(self.rows[places], (number[places], *columns), kind, count)

    def of_column(self, column: pa.ListArray) -> tuple[Array, pa.StructArray]:
        """Returns the arguments of `to_column`: the text of each item, and all fields."""
        by_row, firsts = self._by_row(len(column))
        items = list_items(column)
        number = items.field("text").to_numpy(zero_copy_only=False)
        return by_row[firsts[np.array(items.rows, np.int64)] + number], items.values

    def _by_row(self, count: int) -> tuple[Array, Array]:
        """Returns the texts ordered by record, and the place of each record's first text."""
        by_row = np.argsort(self.rows, kind="stable")
        return by_row, np.searchsorted(self.rows[by_row], np.arange(count))


def record_texts(batch: pa.RecordBatch, names: Iterable[str]) -> RecordTexts:
    """Returns the texts in columns of text, of lists of text, or of lists of structs with text."""
    rows: list[Array] = []
    texts: list[pa.Array] = []
    parts: list[tuple[str, str | None, int]] = []
    for name in names:
        column, where = batch[name], np.arange(len(batch))
        names_of_parts: list[str | None] = [None]
        if pa.types.is_list(column.type):
            items = list_items(column)
            column, where = items.values, np.array(items.rows, np.int64)
            if pa.types.is_struct(column.type):
                fields = (field for field in column.type if pa.types.is_string(field.type))
                names_of_parts = [field.name for field in fields]
        for part in names_of_parts:
            rows.append(where)
            texts.append(column if part is None else pc.struct_field(column, part))
            parts.append((name, part, len(where)))
    return RecordTexts(np.concatenate(rows), pa.concat_arrays(texts), parts)


def columns_with_texts(batch: pa.RecordBatch, texts: RecordTexts) -> dict[str, pa.Array]:
    """Returns the columns of `texts`, filled with these texts."""
    columns: dict[str, pa.Array] = {}
    first = 0
    for name, part, count in texts.parts:
        column = columns.get(name, batch[name])
        made = texts.texts.slice(first, count)
        first += count
        if pa.types.is_list(column.type):
            items = list_items(column)
            if part is not None:
                fields = list(column.type.value_type)
                arrays = [
                    made if field.name == part else items.field(field.name) for field in fields
                ]
                made = pa.StructArray.from_arrays(arrays, fields=fields)
            counts = np.bincount(np.array(items.rows, np.int64), minlength=len(column))
            made = lists_like(column, made, counts)
        columns[name] = made
    return columns


def lists_like(column: pa.Array, values: pa.Array, counts: Array) -> pa.ListArray:
    """Makes a list column with the type and nulls of `column`, and `counts` of `values` by row."""
    offsets = np.append(0, np.cumsum(counts))
    return pa.ListArray.from_arrays(offsets, values, type=column.type, mask=pc.is_null(column))


class PossibleAddresses(NamedTuple):
    """Addresses that texts may name: the text, start and end in characters, and the entity id."""

    text: Array
    start: Array
    end: Array
    entity_ids: pa.Array


class DigitRuns(NamedTuple):
    """Runs of digits by text and form: `form` is `FORMS` times the text, plus the form's number.

    `start` is the place of the first digit in the text, in characters. `joint` is TOUCHES, CLOSE or
    APART.
    """

    form: Array
    start: Array
    digits: pa.Array
    joint: Array

    def take(self, which: Array) -> DigitRuns:
        """Returns some of the runs."""
        digits = self.digits.take(which)
        return DigitRuns(self.form[which], self.start[which], digits, self.joint[which])


class DigitForm(NamedTuple):
    """All digits of a form of a text, and the place and digits of its runs.

    With `in_words`, the digits are written as words.
    """

    text: int
    in_words: bool
    digits: str
    runs: list[tuple[int, str]]

    @property
    def places(self) -> list[int]:
        """The place of each digit in the text."""
        return [place for start, digits in self.runs for place in range(start, start + len(digits))]

    def without(self, spans: Collection[Span]) -> DigitForm:
        """Returns the digits outside the spans."""
        if not spans:
            return self
        kept = [
            (place, digit)
            for place, digit in zip(self.places, self.digits, strict=True)
            if not any(start <= place < end for start, end in spans)
        ]
        return self._replace(digits="".join(digit for _, digit in kept), runs=kept)


def find_addresses(texts: pa.Array) -> PossibleAddresses:
    """Finds the obfuscated or spelled-out addresses that texts, strings or null, may name."""
    by_row = find_by_row(texts, (ADDRESS_HINT,), possible_addresses)
    places = [(row, *address) for row, every in by_row.items() for address in dict.fromkeys(every)]
    *columns, addresses = zip(*places, strict=True) if places else ((), (), (), ())
    ids = pc.binary_join_element_wise(f"{EntityKind.EMAIL}:", pa.array(addresses, TEXT), "")
    row, start, end = (np.array(column, np.int64) for column in columns)
    return PossibleAddresses(row, start, end, ids)


def addresses_column(addresses: PossibleAddresses, texts: RecordTexts, count: int) -> pa.ListArray:
    """Returns the addresses in the texts of `count` records as a column of ADDRESSES."""
    columns = (addresses.start, addresses.end, hash_text(addresses.entity_ids))
    return texts.to_column(addresses.text, columns, ADDRESSES, count)


def digits_by_form(runs: DigitRuns) -> tuple[Array, pa.Array]:
    """Returns the forms of runs, and all digits of each form; runs are ordered by form."""
    firsts = group_starts(runs.form)
    offsets, data = string_buffers(runs.digits)
    return runs.form[firsts], string_array(np.append(offsets[firsts], offsets[-1]), data)


def digit_forms(runs: DigitRuns) -> list[DigitForm]:
    """Returns the form of each text in runs that are ordered by form."""
    parts = list(zip(runs.start.tolist(), runs.digits.to_pylist(), strict=True))
    bounds = pairwise([*group_starts(runs.form).tolist(), len(parts)])
    forms, digits = digits_by_form(runs)
    return [
        DigitForm(form // FORMS, form % FORMS > OPENED, written, parts[first:end])
        for form, written, (first, end) in zip(
            forms.tolist(), digits.to_pylist(), bounds, strict=True
        )
    ]


def digits_column(runs: DigitRuns, texts: RecordTexts, count: int) -> pa.ListArray:
    """Returns the runs in the texts of `count` records as a column of DIGITS."""
    columns = (runs.form % FORMS, runs.start, runs.digits, runs.joint)
    return texts.to_column(runs.form // FORMS, columns, DIGITS, count)


def digits_of_column(column: pa.ListArray, texts: RecordTexts) -> DigitRuns:
    """Returns the runs in a column of DIGITS made from the same texts."""
    places, items = texts.of_column(column)
    form, start, joint = (
        pc.struct_field(items, name).to_numpy(zero_copy_only=False).astype(np.int64)
        for name in ("form", "start", "joint")
    )
    form += places * FORMS
    runs = DigitRuns(form, start, pc.struct_field(items, "digits"), joint)
    return runs.take(np.argsort(form, kind="stable"))


def find_digits(texts: pa.Array) -> DigitRuns:
    """Finds the runs of digits in strings or null; forms with too few digits are left out."""
    special = _rows_with(texts, _ODD_OR_WORDS)
    odd = special[_rows_with(texts.take(special), _ODD)]
    coded = _rows_with(texts, TOKEN_HINT)
    opened = [has_token(text) for text in texts.take(coded).to_pylist()]
    odd = np.union1d(odd, coded[np.array(opened, bool)])
    is_plain = true_mask(pc.is_valid(texts))
    is_plain[odd] = False
    plain = _runs_of_plain(texts, np.flatnonzero(is_plain))
    others = list(_runs_of_forms(texts, np.union1d(special, odd), frozenset(odd.tolist())))
    if not others:
        return plain
    form, start, digits, joint = zip(*others, strict=True)
    runs = DigitRuns(
        np.concatenate([plain.form, form]),
        np.concatenate([plain.start, start]),
        pa.concat_arrays([plain.digits, pa.array(digits, TEXT)]),
        np.concatenate([plain.joint, joint]),
    )
    return runs.take(np.argsort(runs.form, kind="stable"))


def candidate_digits(runs: DigitRuns) -> tuple[Array, pa.Array]:
    """Returns possible numbers: single runs, and runs joined to close runs that follow.

    For each, its text and its `MIN_DIGITS` to `MAX_DIGITS` digits are returned. A number of more
    than `_MAX_PIECES` runs begins or ends its chain of close runs.
    """
    pieces = np.flatnonzero(runs.joint != TOUCHES)
    offsets, data = string_buffers(runs.digits)
    bounds = np.append(offsets[pieces], offsets[-1])
    form = runs.form[pieces]
    apart = runs.joint[pieces] == APART  # as the first run of a form always is
    chain, begins = np.cumsum(apart) - 1, np.flatnonzero(apart)
    first = np.arange(len(pieces))
    before = first - begins[chain]
    left = np.append(begins[1:], len(pieces))[chain] - first
    beside = np.where(form % FORMS > OPENED, _MAX_BESIDE, 0)
    starts, ends = [first[:0]], [first[:0]]
    for count in range(1, 1 + MAX_DIGITS):
        first = first[left[first] >= count]
        sizes = bounds[first + count] - bounds[first]
        first, sizes = first[sizes <= MAX_DIGITS], sizes[sizes <= MAX_DIGITS]
        at_edge = np.minimum(before[first], left[first] - count) <= beside[first]
        starts.append(first[(sizes >= MIN_DIGITS) & (at_edge | (count <= _MAX_PIECES))])
        ends.append(starts[-1] + count)
    start, end = np.concatenate(starts), np.concatenate(ends)
    return form[start] // FORMS, slice_bytes(data, bounds[start], bounds[end])


def _rows_with(texts: pa.Array, pattern: str) -> Array:
    """Returns the rows of strings or null in which a pattern (RE2) matches."""
    return np.flatnonzero(true_mask(pc.match_substring_regex(texts, pattern)))


def _runs_of_plain(texts: pa.Array, rows: Array) -> DigitRuns:
    """Finds the runs in rows of texts that have a single form."""
    offsets, data = string_buffers(texts.take(rows))
    place = np.flatnonzero(data - ord("0") < len("0123456789"))
    counts = np.diff(np.searchsorted(place, offsets))
    enough = np.repeat(counts >= MIN_IDENTIFIER_LENGTH, counts)
    place, text = place[enough], np.repeat(np.arange(len(rows)), counts)[enough]
    firsts = np.flatnonzero((np.diff(place, prepend=-2) > 1) | (np.diff(text, prepend=-1) > 0))
    text, starts = text[firsts], place[firsts]
    ends = np.append(0, place[np.append(firsts[1:], len(place))[: len(firsts)] - 1] + 1)
    ends = ends[: len(firsts)]  # the end of the run before each run
    inner = np.flatnonzero((data & 0xC0) == 0x80)  # continuation bytes of UTF-8
    before = (np.searchsorted(inner, bytes_) for bytes_ in (starts, ends, offsets[text]))
    start, behind, begin = map(np.subtract, (starts, ends, offsets[text]), before)
    gap = start - behind
    close = (np.diff(text, prepend=-1) == 0) & (gap <= _GAP)
    for step in range(1, 1 + int((starts - ends)[close].max(initial=0))):
        inside = np.flatnonzero(close & (starts - ends >= step))
        close[inside] = ~ALPHANUMERIC_BYTES[data[starts[inside] - step]]
    digits = string_array(np.append(firsts, len(place)), data[place])
    return DigitRuns(rows[text] * FORMS, start - begin, digits, np.where(close, CLOSE, APART))


_Run = tuple[int, int, str, int]
"""A row of `DigitRuns`."""


def _runs_of_forms(texts: pa.Array, rows: Array, odd: Collection[int]) -> Iterator[_Run]:
    """Yields the runs of words that stand for digits, and for `odd` texts the runs of all forms."""
    for row, text in zip(rows.tolist(), texts.take(rows).to_pylist(), strict=True):
        for form, reading in readings_of_digits(text) if row in odd else ():
            for run in _runs_of_form(*reading):
                yield row * FORMS + form, *run
        for form, words in enumerate(read_digits(text), row * FORMS + OPENED + 1):
            for word in words:
                joint = CLOSE if word.joined else APART
                if len(word.digits) <= word.end - word.start:
                    yield form, word.start, word.digits, joint
                    continue
                for place, digit in enumerate(word.digits, word.start):  # 'mil'
                    touching = TOUCHES if place > word.start else joint
                    yield form, min(place, word.end - 1), digit, touching


def _runs_of_form(text: str, places: Sequence[int]) -> Iterator[tuple[int, str, int]]:
    """Yields the start, digits and joint of runs; a run is split if its places are not adjacent."""
    runs = list(_RUN.finditer(text))
    if sum(run.end() - run.start() for run in runs) < MIN_IDENTIFIER_LENGTH:
        return
    before = None
    for run in runs:
        close = before is not None and _CLOSE.fullmatch(text, before, run.start())
        joint, first = CLOSE if close else APART, run.start()
        before = run.end()
        for behind in range(first + 1, before + 1):
            if behind == before or places[behind] != places[behind - 1] + 1:
                yield places[first], text[first:behind], joint
                joint, first = TOUCHES, behind
