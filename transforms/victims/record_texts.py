"""Takes the texts of records apart, and their digits: numbers are looked for by value in these.

A text is read in several forms: as it is written, with digits of any script as those of ASCII; with
compatible characters (NFKC) as those that they stand for; both with web escapes decoded; and with
tokens opened (`decode.readings`). Two more forms are what words for digits stand for
(`decode.number_words`). Runs of digits go with their place in the text as it is written, and with
what parts them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.complaint import DIGITS
from transforms.arrow_util import Array, list_items
from transforms.casts import true_mask
from transforms.decode.escapes import WEB_ESCAPE, Reading, Span
from transforms.decode.number_words import DIGIT_WORDS_HINT, read_digits
from transforms.decode.readings import OPENED, TOKEN_HINT, has_token, readings_of_digits
from transforms.victims.identifier_matcher import MIN_IDENTIFIER_LENGTH

MIN_DIGITS = 7
"""Digits of the shortest dial format that is looked for: fewer are an amount or a year."""

MAX_DIGITS = 18
"""Digits of the longest format: 15 (E.164) after an international prefix."""

FORMS = OPENED + 3
"""Forms of a text, at most."""

TOUCHES, CLOSE, APART = range(3)
"""A run of digits and the one before it: one as they are read; close to each other; not so."""

PLAIN = r"\x00-\xb1\xb4-\xb8\xba\xbb\xbf-\x{65f}\x{2010}-\x{2027}\x{2030}-\x{205e}\x{20a0}-\x{20cf}"
"""RE2: characters that are no digits but those of ASCII, and that NFKC makes none of."""

_MAX_PIECES = 6
"""Runs of digits that a number is written in; one of more is the beginning or end of its chain.

So a list of digits holds few candidates, and a number may be written digit by digit.
"""

_GAP = 5
"""Characters between two close runs, none of them a letter."""

_RUN = re.compile(r"\d+", re.ASCII)

_ENOUGH = rf"(?:[0-9][^0-9]*){{{MIN_IDENTIFIER_LENGTH}}}"
"""RE2: digits enough for an identifier."""

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
        self, places: Array, columns: Sequence[Array | pa.Array], kind: pa.DataType, count: int
    ) -> pa.ListArray:
        """Makes a column of a list type, of `count` records, of what is in the texts at `places`.

        `columns` are the fields of its structs but for the first: the text's number among those of
        its record.
        """
        by_row, firsts = self._by_row(count)
        number = np.empty(len(by_row), np.int64)
        number[by_row] = np.arange(len(by_row)) - firsts[self.rows[by_row]]
        order = np.argsort(self.rows[places], kind="stable")
        arrays = [
            pa.array(values).take(pa.array(order)).cast(field.type)
            for values, field in zip((number[places], *columns), kind.value_type, strict=True)
        ]
        ends = np.searchsorted(self.rows[places][order], np.arange(count + 1)).astype(np.int32)
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
                arrays = [
                    made if field.name == part else items.field(field.name) for field in fields
                ]
                made = pa.StructArray.from_arrays(arrays, fields=fields)
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


class DigitForm(NamedTuple):
    """All digits of a text in one form, and the place of each in the text.

    `in_words`: words are read as digits.
    """

    text: int
    in_words: bool
    digits: str
    places: list[int]

    def without(self, spans: Collection[Span]) -> DigitForm:
        """Returns the digits that stand in no span."""
        if not spans:
            return self
        kept = [
            (digit, place)
            for digit, place in zip(self.digits, self.places, strict=True)
            if not any(start <= place < end for start, end in spans)
        ]
        digits = "".join(digit for digit, _ in kept)
        return self._replace(digits=digits, places=[place for _, place in kept])


def digit_forms(runs: DigitRuns) -> list[DigitForm]:
    """Returns the digits of runs, form by form."""
    forms: dict[int, tuple[list[str], list[int]]] = {}
    columns = runs.form.tolist(), runs.start.tolist(), runs.digits.to_pylist()
    for form, start, digits in zip(*columns, strict=True):
        parts, places = forms.setdefault(form, ([], []))
        parts.append(digits)
        places.extend(range(start, start + len(digits)))
    return [
        DigitForm(form // FORMS, form % FORMS > OPENED, "".join(parts), places)
        for form, (parts, places) in forms.items()
    ]


def digits_column(runs: DigitRuns, texts: RecordTexts, count: int) -> pa.ListArray:
    """Returns the runs in the texts of `count` records as a column of DIGITS."""
    columns = (runs.form % FORMS, runs.start, runs.digits, runs.joint)
    return texts.to_column(runs.form // FORMS, columns, DIGITS, count)


def digits_of_column(column: pa.ListArray, texts: RecordTexts) -> DigitRuns:
    """Returns the runs that a column of DIGITS has, of the same texts."""
    places, items = texts.of_column(column)
    form, start, joint = (
        pc.struct_field(items, name).to_numpy(zero_copy_only=False).astype(np.int64)
        for name in ("form", "start", "joint")
    )
    form += places * FORMS
    runs = DigitRuns(form, start, pc.struct_field(items, "digits"), joint)
    return runs.take(np.argsort(form, kind="stable"))


def find_digits(texts: pa.Array) -> DigitRuns:
    """Finds the runs of digits in strings or null; forms with too few for a number have none."""
    special = _rows_with(texts, _ODD_OR_WORDS)
    odd = special[_rows_with(texts.take(pa.array(special)), _ODD)]
    coded = _rows_with(texts, TOKEN_HINT)
    opened = [has_token(text) for text in texts.take(pa.array(coded)).to_pylist()]
    odd = np.union1d(odd, coded[np.array(opened, bool)])
    plain = np.setdiff1d(_rows_with(texts, _ENOUGH), odd)
    runs = [
        *_runs_of_forms(texts, plain, lambda text: [(0, Reading(text, range(len(text))))]),
        *_runs_of_forms(texts, odd, readings_of_digits),
        *_runs_of_words(texts, np.union1d(special, odd)),
    ]
    runs.sort(key=itemgetter(0))
    form, start, digits, joint = zip(*runs, strict=True) if runs else [()] * 4
    forms, starts, joints = (np.array(column, np.int64) for column in (form, start, joint))
    return DigitRuns(forms, starts, pa.array(digits, pa.string()), joints)


def candidate_digits(runs: DigitRuns) -> tuple[Array, pa.Array]:
    """Returns what may be a number: runs alone, and joined to those that closely follow.

    Of each the text, and its digits: `MIN_DIGITS` to `MAX_DIGITS`.
    """
    candidates: list[tuple[int, str]] = []
    form, pieces = -1, list[str]()
    rows = zip(runs.form.tolist(), runs.digits.to_pylist(), runs.joint.tolist(), strict=True)
    for number, digits, joint in (*rows, (-1, "", APART)):
        if joint == APART or number != form:
            candidates += ((form // FORMS, one) for one in _joined(pieces, form % FORMS > OPENED))
            form, pieces = number, [digits]
        elif joint == CLOSE:
            pieces.append(digits)
        else:
            pieces[-1] += digits
    texts, digits_ = zip(*candidates, strict=True) if candidates else ((), ())
    return np.array(texts, np.int64), pa.array(digits_, pa.string())


def _joined(pieces: Sequence[str], in_words: bool) -> Iterator[str]:
    """Yields the candidates of close runs; one of many pieces begins or ends with them."""
    beside = _MAX_BESIDE if in_words else 0
    for first in range(len(pieces)):
        digits = ""
        for last in range(first, len(pieces)):
            digits += pieces[last]
            if len(digits) > MAX_DIGITS:
                break
            few = last - first < _MAX_PIECES
            at_edge = first <= beside or last >= len(pieces) - 1 - beside
            if len(digits) >= MIN_DIGITS and (few or at_edge):
                yield digits


def _rows_with(texts: pa.Array, pattern: str) -> Array:
    """Returns the rows of strings or null in which a pattern (RE2) matches."""
    return np.flatnonzero(true_mask(pc.match_substring_regex(texts, pattern)))


_Run = tuple[int, int, str, int]
"""A row of `DigitRuns`."""


def _runs_of_forms(
    texts: pa.Array, rows: Array, read: Callable[[str], Iterable[tuple[int, Reading]]]
) -> Iterator[_Run]:
    """Yields the runs in the forms of some of the texts."""
    for row, text in zip(rows.tolist(), texts.take(pa.array(rows)).to_pylist(), strict=True):
        for form, reading in read(text):
            for run in _runs_of_form(*reading):
                yield row * FORMS + form, *run


def _runs_of_words(texts: pa.Array, rows: Array) -> Iterator[_Run]:
    """Yields the runs in some of the texts where words are read as digits."""
    for row, text in zip(rows.tolist(), texts.take(pa.array(rows)).to_pylist(), strict=True):
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
    """Yields the start, the digits and the joint of runs; one whose places part is several."""
    runs = list(_RUN.finditer(text))
    if sum(run.end() - run.start() for run in runs) < MIN_IDENTIFIER_LENGTH:
        return
    before = None
    in_place = isinstance(places, range)
    for run in runs:
        close = before is not None and _CLOSE.fullmatch(text, before, run.start())
        joint, first = CLOSE if close else APART, run.start()
        before = run.end()
        if in_place:
            yield first, run[0], joint
            continue
        for behind in range(first + 1, before + 1):
            if behind == before or places[behind] != places[behind - 1] + 1:
                yield places[first], text[first:behind], joint
                joint, first = TOUCHES, behind
