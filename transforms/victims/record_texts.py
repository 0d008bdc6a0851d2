"""Takes the texts of records apart, and their digits: numbers are looked for by value in these.

A text is read in several forms: as it is written, with digits of any script as those of ASCII; with
compatible characters (NFKC) as those that they stand for; both with web escapes decoded; and with
tokens opened (`decode.readings`). Two more forms are what words for digits stand for
(`decode.number_words`). Runs of digits go with their place in the text as it is written, and with
what parts them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.complaint import DIGITS
from transforms.arrow_util import Array, list_items
from transforms.casts import true_mask
from transforms.decode.escapes import WEB_ESCAPE
from transforms.decode.number_words import DIGIT_WORDS_HINT, read_digits
from transforms.decode.readings import OPENED, TOKEN_HINT, has_token, readings_of_digits
from transforms.text_spans import ALPHANUMERIC_BYTES, slice_bytes, string_array, string_buffers
from transforms.victims.identifier_matcher import MIN_IDENTIFIER_LENGTH

MIN_DIGITS = 7
"""Digits of the shortest dial format that is looked for: fewer are an amount or a year."""

MAX_DIGITS = 18
"""Digits of the longest format: 15 (E.164) after an international prefix."""

BATCH_BYTES = 1 << 22
"""Bytes of text, or digits, that are searched at once, which bounds the memory for it."""

FORMS = OPENED + 3
"""Forms of a text, at most."""

_OF_WORDS = OPENED + 1
"""The first of the forms in which words are read as digits."""

TOUCHES, CLOSE, APART = range(3)
"""A run of digits and the one before it: one as they are read; close to each other; not so."""

PLAIN = r"\x00-\xb1\xb4-\xb8\xba\xbb\xbf-\x{65f}\x{2010}-\x{2027}\x{2030}-\x{205e}\x{20a0}-\x{20cf}"
"""RE2: characters that are no digits but those of ASCII, and that NFKC makes none of."""

_PLACES = 1 << 32
"""More than the code points of any text."""

_MAX_PIECES = 6
"""Runs of digits that a number is written in; one of more is the beginning or end of its chain.

So a list of digits holds few candidates, and a number may be written digit by digit.
"""

_GAP = 5
"""Characters between two close runs, none of them a letter."""

_RUN = re.compile(r"\d+", re.ASCII)

_CLOSE = re.compile(rf"[\W_]{{1,{_GAP}}}", re.ASCII)

_MAX_BESIDE = 2
"""Words for digits beside a number that are no part of it: 'eight one five ... four one day'."""

_ODD = rf"[^{PLAIN}]|{WEB_ESCAPE}"
"""RE2: without a match of this, a text has one form, but for what words stand for."""

_ODD_OR_WORDS = rf"{_ODD}|{DIGIT_WORDS_HINT}"


class RecordTexts(NamedTuple):
    """The texts of some fields of records, field by field, and the row of the record of each.

    `parts` names the field, and the part of its structs, of so many texts in a row.
    """

    rows: Array
    texts: pa.Array
    parts: list[tuple[str, str | None, int]]

    def of_field(self, name: str, part: str | None = None) -> Array:
        """Returns the texts of one field, of a part of its structs if it has any."""
        first = 0
        for *field, count in self.parts:
            if field == [name, part]:
                return np.arange(first, first + count)
            first += count
        raise KeyError(name)

    def to_column(
        self, at: Array, columns: Sequence[Array | pa.Array], kind: pa.DataType, count: int
    ) -> pa.ListArray:
        """Makes a column of a list type, of `count` records, of what is in the texts `at`.

        `columns` are the fields of its structs but for the first: the text's number among those of
        its record.
        """
        by_row, firsts = self._by_row(count)
        number = np.empty(len(by_row), np.int64)
        number[by_row] = np.arange(len(by_row)) - firsts[self.rows[by_row]]
        order = np.argsort(self.rows[at], kind="stable")
        arrays = [
            pa.array(one).take(pa.array(order)).cast(field.type)
            for one, field in zip((number[at], *columns), kind.value_type, strict=True)
        ]
        ends = np.searchsorted(self.rows[at][order], np.arange(count + 1)).astype(np.int32)
        values = pa.StructArray.from_arrays(arrays, fields=list(kind.value_type))
        return pa.ListArray.from_arrays(pa.array(ends), values, type=kind)

    def of_column(self, column: pa.ListArray) -> tuple[Array, pa.StructArray]:
        """Returns what `to_column` was given: the text of each, and all fields."""
        by_row, firsts = self._by_row(len(column))
        items = list_items(column)
        number = items.field("text").to_numpy(zero_copy_only=False)
        return by_row[firsts[np.array(items.rows, np.int64)] + number], items.values

    def _by_row(self, count: int) -> tuple[Array, Array]:
        """Returns the texts by record, and where the first of each record is."""
        by_row = np.argsort(self.rows, kind="stable")
        return by_row, np.searchsorted(self.rows[by_row], np.arange(count))


def record_texts(batch: pa.RecordBatch, names: Iterable[str]) -> RecordTexts:
    """Returns the texts in some columns of text, or of lists of text or of structs with text."""
    rows: list[Array] = []
    texts: list[pa.Array] = []
    parts: list[tuple[str, str | None, int]] = []
    for name in names:
        column, where = batch[name], np.arange(len(batch))
        of: list[str | None] = [None]
        if pa.types.is_list(column.type):
            items = list_items(column)
            column, where = items.values, np.array(items.rows, np.int64)
            if pa.types.is_struct(column.type):
                of = [one.name for one in column.type if pa.types.is_string(one.type)]
        rows += [where] * len(of)
        texts += [column if part is None else pc.struct_field(column, part) for part in of]
        parts += [(name, part, len(where)) for part in of]
    return RecordTexts(np.concatenate(rows), pa.concat_arrays(texts), parts)


def columns_with_texts(batch: pa.RecordBatch, texts: RecordTexts) -> dict[str, pa.Array]:
    """Returns the columns that the texts are of, with these texts."""
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
                of = [made if one.name == part else items.field(one.name) for one in fields]
                made = pa.StructArray.from_arrays(of, fields=fields)
            counts = np.bincount(np.array(items.rows, np.int64), minlength=len(column))
            made = lists_like(column, made, counts)
        columns[name] = made
    return columns


def lists_like(column: pa.Array, values: pa.Array, counts: Array) -> pa.ListArray:
    """Makes a list column of the same type and nulls with other items, so many in each row."""
    offsets = np.append(0, np.cumsum(counts)).astype(np.int32)
    return pa.ListArray.from_arrays(
        pa.array(offsets), values, type=column.type, mask=pc.is_null(column)
    )


class DigitRuns(NamedTuple):
    """Runs of digits by text and form: `form` is `FORMS` times the text, plus the form's number.

    `start` is the code point of the first digit in the text, `joint` one of TOUCHES, CLOSE, APART.
    """

    form: Array
    start: Array
    digits: pa.Array
    joint: Array

    def take(self, which: Array) -> DigitRuns:
        """Returns some of the runs."""
        digits = self.digits.take(pa.array(which))
        return DigitRuns(self.form[which], self.start[which], digits, self.joint[which])


class Digits(NamedTuple):
    """Single digits, in order: the form of each, as in `DigitRuns`, its place and its character."""

    form: Array
    place: Array
    value: Array

    def in_texts(self, texts: Iterable[int]) -> Digits:
        """Returns the digits of some texts."""
        kept = np.isin(self.form // FORMS, np.fromiter(texts, np.int64))
        return Digits(*(column[kept] for column in self))

    def written(self) -> Digits:
        """Returns the digits that are written as such."""
        return Digits(*(column[self.form % FORMS < _OF_WORDS] for column in self))

    def in_words(self) -> Digits:
        """Returns the digits of forms in which words are read as digits."""
        return Digits(*(column[self.form % FORMS >= _OF_WORDS] for column in self))

    def without(self, spans: Mapping[int, Iterable[tuple[int, int]]]) -> Digits:
        """Returns the digits that stand in no span, given spans by text."""
        every = [
            (text * FORMS + form, *span)
            for text, those in spans.items()
            for span in those
            for form in range(FORMS)
        ]
        form, start, end = np.array(every, np.int64).reshape(-1, 3).T
        known = self.form * _PLACES + self.place
        change = np.zeros(len(known) + 1, np.int64)
        np.add.at(change, np.searchsorted(known, form * _PLACES + start), 1)
        np.add.at(change, np.searchsorted(known, form * _PLACES + end), -1)
        kept = np.cumsum(change)[:-1] == 0
        return Digits(*(column[kept] for column in self))

    def of_text(self, text: int) -> Iterator[tuple[str, list[int]]]:
        """Yields, for each form of a text, all its digits and the place of each in the text."""
        bounds = np.searchsorted(self.form, np.arange(text * FORMS, (text + 1) * FORMS + 1))
        for first, end in pairwise(bounds.tolist()):
            if first < end:
                yield self.value[first:end].tobytes().decode(), self.place[first:end].tolist()

    def windows(self, width: int) -> tuple[Array, Array]:
        """Returns all `width` digits in a row, however far apart: their text, and their number."""
        value = self.value.astype(np.int64) - ord("0")
        count = max(0, len(value) - width + 1)
        number = np.zeros(count, np.int64)
        for place in range(width):
            number = number * 10 + value[place : place + count]
        whole = self.form[:count] == self.form[len(self.form) - count :]
        return self.form[:count][whole] // FORMS, number[whole]


def each_digit(runs: DigitRuns) -> Digits:
    """Returns the digits of runs."""
    lengths = pc.binary_length(runs.digits).to_numpy()
    value = string_buffers(runs.digits)[1]
    begin = np.cumsum(lengths, dtype=np.int64) - lengths
    place = np.repeat(runs.start - begin, lengths) + np.arange(len(value))
    return Digits(np.repeat(runs.form, lengths), place, value)


def digits_column(runs: DigitRuns, texts: RecordTexts, count: int) -> pa.ListArray:
    """Returns the runs in the texts of `count` records as a column of DIGITS."""
    columns = (runs.form % FORMS, runs.start, runs.digits, runs.joint)
    return texts.to_column(runs.form // FORMS, columns, DIGITS, count)


def digits_of_column(column: pa.ListArray, texts: RecordTexts) -> DigitRuns:
    """Returns the runs that a column of DIGITS has, of the same texts."""
    at, items = texts.of_column(column)
    numbers = {
        name: pc.struct_field(items, name).to_numpy(zero_copy_only=False).astype(np.int64)
        for name in ("form", "start", "joint")
    }
    form = at * FORMS + numbers["form"]
    runs = DigitRuns(form, numbers["start"], pc.struct_field(items, "digits"), numbers["joint"])
    return runs.take(np.argsort(form, kind="stable"))


def find_digits(texts: pa.Array) -> DigitRuns:
    """Finds the runs of digits in strings or null; forms with too few for a number have none."""
    special = _rows_with(texts, _ODD_OR_WORDS)
    odd = special[_rows_with(texts.take(pa.array(special)), _ODD)]
    coded = _rows_with(texts, TOKEN_HINT)
    opened = [has_token(text) for text in texts.take(pa.array(coded)).to_pylist()]
    coded = coded[np.array(opened, bool)]
    special, odd = np.union1d(special, coded), np.union1d(odd, coded)
    plain = true_mask(pc.is_valid(texts))
    plain[odd] = False
    plain = np.flatnonzero(plain)
    blocks = _blocks(pc.binary_length(texts.take(pa.array(plain))).to_numpy())
    parts = [_runs_one_by_one(texts, odd), _runs_of_words(texts, special)]
    parts += [_runs_of_plain(texts, plain[at]) for at in blocks]
    form, start, digits, joint = zip(*parts, strict=True)
    forms = np.concatenate(form)
    runs = DigitRuns(forms, np.concatenate(start), pa.concat_arrays(digits), np.concatenate(joint))
    if len(special):
        runs = runs.take(np.argsort(forms, kind="stable"))
    return runs


def _rows_with(texts: pa.Array, pattern: str) -> Array:
    """Returns the rows of strings or null in which a pattern (RE2) matches."""
    return np.flatnonzero(true_mask(pc.match_substring_regex(texts, pattern)))


def candidate_digits(runs: DigitRuns) -> tuple[Array, pa.Array]:
    """Returns what may be a number: runs alone, and joined to those that closely follow.

    Of each the text, and its digits: `MIN_DIGITS` to `MAX_DIGITS`.
    """
    firsts, sizes = _sizes(runs)
    blocks = (np.arange(firsts[at[0]], firsts[at[-1] + 1]) for at in _blocks(sizes))
    nothing = np.zeros(0, np.int64), pa.array([], pa.string())
    parts = [nothing, *(_joined(runs.take(block)) for block in blocks)]
    texts, digits = zip(*parts, strict=True)
    return np.concatenate(texts), pa.concat_arrays(digits)


def _sizes(runs: DigitRuns) -> tuple[Array, Array]:
    """Returns the first run of each form, then the end, and how many digits each form has."""
    firsts = np.flatnonzero(np.diff(runs.form, prepend=-1))
    lengths = pc.binary_length(runs.digits).to_numpy().astype(np.int64)
    sizes = np.add.reduceat(lengths, firsts) if len(firsts) else lengths
    return np.append(firsts, len(lengths)), sizes


def _blocks(sizes: Array) -> Iterator[Array]:
    """Yields the numbers of things of these sizes in blocks of about `BATCH_BYTES`."""
    ends = np.cumsum(sizes, dtype=np.int64)
    blocks = np.split(np.arange(len(sizes)), np.flatnonzero(np.diff(ends // BATCH_BYTES)) + 1)
    yield from (one for one in blocks if len(one))


def _runs_of_plain(texts: pa.Array, rows: Array) -> DigitRuns:
    """Finds the runs in some of the texts, which have one form."""
    offsets, data = string_buffers(texts.take(pa.array(rows)))
    at = np.flatnonzero(data - ord("0") < len("0123456789"))
    counts = np.diff(np.searchsorted(at, offsets))
    enough = np.repeat(counts >= MIN_IDENTIFIER_LENGTH, counts)
    at, text = at[enough], np.repeat(np.arange(len(rows)), counts)[enough]
    firsts = np.flatnonzero((np.diff(at, prepend=-2) > 1) | (np.diff(text, prepend=-1) > 0))
    of, starts = text[firsts], at[firsts]
    ends = np.append(0, at[np.append(firsts[1:], len(at))[: len(firsts)] - 1] + 1)[: len(firsts)]
    inner = np.flatnonzero((data & 0xC0) == 0x80)  # bytes that no character begins with
    before = (np.searchsorted(inner, one) for one in (starts, ends, offsets[of]))
    place, behind, begin = map(np.subtract, (starts, ends, offsets[of]), before)
    gap = place - behind
    close = (np.diff(of, prepend=-1) == 0) & (gap <= _GAP)
    for step in range(1, 1 + int((starts - ends)[close].max(initial=0))):
        inside = np.flatnonzero(close & (starts - ends >= step))
        close[inside] = ~ALPHANUMERIC_BYTES[data[starts[inside] - step]]
    digits = string_array(np.append(firsts, len(at)), data[at])
    return DigitRuns(rows[of] * FORMS, place - begin, digits, np.where(close, CLOSE, APART))


def _runs_one_by_one(texts: pa.Array, rows: Array) -> DigitRuns:
    """Finds the runs in every form of some of the texts."""
    found = [
        (row * FORMS + form, *run)
        for row, text in zip(rows.tolist(), texts.take(pa.array(rows)).to_pylist(), strict=True)
        for form, reading in readings_of_digits(text)
        if sum(map(len, _RUN.findall(reading.text))) >= MIN_IDENTIFIER_LENGTH
        for run in _runs_of_form(*reading)
    ]
    return _digit_runs(found)


def _runs_of_words(texts: pa.Array, rows: Array) -> DigitRuns:
    """Finds the runs in some of the texts where words are read as digits."""
    found: list[tuple[int, int, str, int]] = []
    for row, text in zip(rows.tolist(), texts.take(pa.array(rows)).to_pylist(), strict=True):
        for form, words in enumerate(read_digits(text), row * FORMS + _OF_WORDS):
            for one in words:
                joint = CLOSE if one.joined else APART
                if len(one.digits) <= one.end - one.start:
                    found.append((form, one.start, one.digits, joint))
                    continue
                for place, digit in enumerate(one.digits, one.start):  # 'mil'
                    touching = TOUCHES if place > one.start else joint
                    found.append((form, min(place, one.end - 1), digit, touching))
    return _digit_runs(found)


def _digit_runs(found: list[tuple[int, int, str, int]]) -> DigitRuns:
    form, start, digits, joint = zip(*found, strict=True) if found else [()] * 4
    columns = (np.array(one, np.int64) for one in (form, start, joint))
    forms, starts, joints = columns
    return DigitRuns(forms, starts, pa.array(digits, pa.string()), joints)


def _runs_of_form(text: str, places: Sequence[int]) -> Iterator[tuple[int, str, int]]:
    """Yields the start, the digits and the joint of runs; one whose places part is several."""
    before = None
    for run in _RUN.finditer(text):
        close = before is not None and _CLOSE.fullmatch(text, before, run.start())
        joint, first = CLOSE if close else APART, run.start()
        before = run.end()
        for behind in range(first + 1, before + 1):
            if behind == before or places[behind] != places[behind - 1] + 1:
                yield places[first], text[first:behind], joint
                joint, first = TOUCHES, behind


def _joined(runs: DigitRuns) -> tuple[Array, pa.Array]:
    """Returns the candidates of some forms, those of a form all together."""
    _, data = string_buffers(runs.digits)
    bounds = np.append(0, np.cumsum(pc.binary_length(runs.digits).to_numpy(), dtype=np.int64))
    heads = np.flatnonzero(runs.joint != TOUCHES)
    firsts, ends = bounds[heads], bounds[np.append(heads[1:], len(runs.joint))]
    chains = np.cumsum(runs.joint[heads] == APART)
    text = runs.form[heads] // FORMS
    texts, starts, stops = [], [], []
    edge = np.diff(chains, prepend=-1, append=-1) != 0  # the first of a chain, and behind its last
    spoken = np.append(runs.form[heads] % FORMS >= _OF_WORDS, False)
    first, behind = edge.copy(), edge.copy()
    for beside in range(1, _MAX_BESIDE + 1):
        first[beside:] |= edge[:-beside] & spoken[:-beside]
        behind[:-beside] |= edge[beside:] & spoken[:-beside]
    going = np.arange(len(heads))
    for more in range(MAX_DIGITS):  # each piece has one
        going = going[going + more < len(heads)]
        size = ends[going + more] - firsts[going]
        going = going[(chains[going + more] == chains[going]) & (size <= MAX_DIGITS)]
        if not len(going):
            break
        kept = going[ends[going + more] - firsts[going] >= MIN_DIGITS]
        if more >= _MAX_PIECES:
            kept = kept[first[kept] | behind[kept + more + 1]]
        texts.append(text[kept])
        starts.append(firsts[kept])
        stops.append(ends[kept + more])
    if not texts:
        return np.zeros(0, np.int64), pa.array([], pa.string())
    return np.concatenate(texts), slice_bytes(data, *map(np.concatenate, (starts, stops)))
