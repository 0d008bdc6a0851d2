"""Spans of patterns in whole columns of text, found in one pass in C++, and the text at them.

A span is a row and two byte offsets within its text; `CodePoints` converts them to code points.
Runs of digits are groups of them and what joins those: texts are mostly words, so that everything
there works on the few bytes that are digits.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.arrow_util import Array, concat_ranges, distinct_values

FEW_TEXTS = 24
"""Below so many texts, compiling a pattern for RE2 costs more than Python's cached one."""

_FEW_SHORT_TEXTS = 200
"""The same for texts of a few words, in `match_mask`."""

_BEGIN, _END = 0xFE, 0xFF
"""Bytes that no UTF-8 contains: they mark where a match begins and ends."""

_MARKED = bytes((_BEGIN, *b"\\0", _END))


class Spans(NamedTuple):
    """Matches in column order: the row of each, and its byte offsets within the row's text."""

    rows: Array
    starts: Array
    ends: Array

    def select(self, which: Array) -> Spans:
        """Returns the spans that a mask or an index selects."""
        return Spans(*(column[which] for column in self))


class CodePoints:
    """Converts byte offsets in a string column to code points, and back.

    `before` and `byte` count from the beginning of the column, the others from that of a row.
    """

    def __init__(self, texts: pa.Array) -> None:
        self._offsets, data = string_buffers(texts)
        self._more = np.flatnonzero((data & 0xC0) == 0x80)
        """The bytes that begin no character, of which most texts have few."""
        self._within = self._more - np.arange(1, len(self._more) + 1)
        """The character, counted over the column, that each of them belongs to."""

    def to_bytes(self, rows: Array, at: Array) -> Array:
        """Returns the bytes before a code point of a row."""
        start = self._offsets[rows]
        return self.byte(self.before(start) + at) - start

    def before(self, byte: Array) -> Array:
        """Returns the code points before a byte of the column."""
        return byte - np.searchsorted(self._more, byte) if len(self._more) else byte

    def byte(self, point: Array) -> Array:
        """Returns the bytes before a code point of the column."""
        return point + np.searchsorted(self._within, point) if len(self._more) else point


def find_spans(texts: pa.Array, pattern: str) -> Spans:
    """Finds the non-overlapping matches of a pattern in strings or null, leftmost first.

    RE2 and Python must read the pattern alike on these texts (where they are not ASCII, its classes
    must name their characters), and it must not match the empty string.
    """
    if len(texts) < FEW_TEXTS:
        return _find_spans_in_python(texts, pattern)
    marked = pc.replace_substring_regex(texts, pattern, _MARKED)
    offsets, data = string_buffers(marked)
    firsts = np.flatnonzero(data == _BEGIN)
    rows = np.searchsorted(offsets, firsts, side="right") - 1
    first_of_row = np.searchsorted(firsts, offsets[rows])
    marks = 2 * (np.arange(len(firsts)) - first_of_row)
    starts = firsts - offsets[rows] - marks
    ends = np.flatnonzero(data == _END) - offsets[rows] - marks - 1
    return Spans(rows, starts, ends)


def find_rare_spans(texts: pa.Array, pattern: str) -> Spans:
    """Finds what `find_spans` does, faster where few texts match: the others are only tested."""
    if len(texts) < FEW_TEXTS:
        return _find_spans_in_python(texts, pattern)
    rows = np.flatnonzero(pc.fill_null(pc.match_substring_regex(texts, pattern), False))
    spans = find_spans(texts.take(pa.array(rows)), pattern)
    return spans._replace(rows=rows[spans.rows])


def match_mask(texts: pa.Array, pattern: str) -> Array:
    """Tells for each text, all ASCII and without nulls, whether a pattern occurs in it."""
    if len(texts) < _FEW_SHORT_TEXTS:
        search = compile_ascii(pattern).search
        return np.array([search(text) is not None for text in texts.to_pylist()], bool)
    return pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)


@cache
def compile_ascii(pattern: str) -> re.Pattern[str]:
    """Compiles one of our own patterns for ASCII text in Python, once a process."""
    return re.compile(pattern, re.ASCII)


def string_buffers(texts: pa.Array) -> tuple[Array, Array]:
    """Returns the offsets (one more than rows, from 0) and the bytes of a string column."""
    _, at, data = texts.buffers()
    offsets = np.frombuffer(at, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    offsets = offsets.astype(np.int64)
    if data is None or not len(offsets):
        return np.zeros(len(texts) + 1, np.int64), np.zeros(0, np.uint8)
    return offsets - offsets[0], np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]


def string_array(offsets: Array, data: Array) -> pa.Array:
    """Makes a string column of its offsets (one more than rows) and its bytes, which it shares."""
    shared = pa.py_buffer(np.ascontiguousarray(data))
    at = pa.py_buffer(offsets.astype(np.int32))
    return pa.StringArray.from_buffers(len(offsets) - 1, at, shared)


def slice_spans(texts: pa.Array, at: Spans) -> pa.Array:
    """Returns the text at each span, clipped to its row and to whole characters."""
    offsets, data = string_buffers(texts)
    first = offsets[at.rows] + np.maximum(at.starts, 0)
    last = np.maximum(np.minimum(offsets[at.rows] + at.ends, offsets[at.rows + 1]), first)
    first, last = _to_character(first, data, 1), _to_character(last, data, -1)
    return slice_bytes(data, first, np.maximum(first, last))


def slice_bytes(data: Array, starts: Array, ends: Array) -> pa.Array:
    """Returns the strings between byte offsets at which characters begin."""
    bounds = np.append(0, np.cumsum(ends - starts))
    return string_array(bounds, data[concat_ranges(starts, ends - starts)])


def _find_spans_in_python(texts: pa.Array, pattern: str) -> Spans:
    find = compile_ascii(pattern).finditer
    matches = [
        (row, *match.span())
        for row, text in enumerate(texts.to_pylist())
        if text
        for match in find(text)
    ]
    rows, starts, ends = np.array(matches, np.int64).reshape(-1, 3).T
    points = CodePoints(texts)
    return Spans(rows, points.to_bytes(rows, starts), points.to_bytes(rows, ends))


def _to_character(at: Array, data: Array, step: int) -> Array:
    """Moves byte offsets by steps to where a character begins, or the data ends."""
    for _ in range(3):
        inside = at < len(data)
        within = inside & ((data[np.where(inside, at, 0)] & 0xC0) == 0x80)
        if not within.any():
            break
        at = at + step * within
    return at


_ZERO, _TEN = ord("0"), 10

_HIGH = 0x80

_WIDEST = 18
"""Bytes of the widest gap that may join: six characters of three bytes."""


class ByteRanges(NamedTuple):
    """Ranges of a column in its order: the row of each, and its byte offsets in the column."""

    rows: Array
    starts: Array
    ends: Array

    def select(self, which: Array) -> ByteRanges:
        """Returns the ranges that a mask or an index selects."""
        return ByteRanges(*(column[which] for column in self))


def digit_groups(data: Array, offsets: Array) -> ByteRanges:
    """Returns the groups of touching ASCII digits in the bytes of a column with row `offsets`."""
    digits = np.flatnonzero(data - _ZERO < _TEN)
    begins = np.ones(len(digits), bool)
    begins[1:] = np.diff(digits) > 1
    of_row = np.searchsorted(digits, offsets)
    begins[of_row[of_row < len(digits)]] = True
    first = np.flatnonzero(begins)
    counts = np.diff(np.searchsorted(first, of_row))
    rows = np.repeat(np.arange(len(counts)), counts)
    ends = np.append(digits[first[1:] - 1], digits[-1:]) + 1
    return ByteRanges(rows, digits[first], ends)


def join_groups(
    data: Array, found: ByteRanges, join: re.Pattern[str], least: int
) -> tuple[ByteRanges, Array]:
    """Joins groups of digits into runs of at least so many digits; returns also how many each has.

    The pattern `join` matches what may be between two groups: at most six signs or blanks.
    """
    begins = np.ones(len(found.rows), bool)
    begins[1:] = ~_are_joined(data, found, join)
    first = np.flatnonzero(begins)
    if not len(first):
        return found, first
    digits = np.add.reduceat(found.ends - found.starts, first)
    kept = digits >= least
    last = np.append(first[1:], len(begins))[kept] - 1
    first = first[kept]
    return ByteRanges(found.rows[first], found.starts[first], found.ends[last]), digits[kept]


def have_non_ascii_digits(texts: pa.Array) -> Array:
    """Tells which texts, without nulls, contain a decimal digit that is not ASCII."""
    offsets, data = string_buffers(texts)
    high = np.flatnonzero(data >= _HIGH)
    maybe = high[_first_bytes_of_digits()[data[high]]]
    rows = np.unique(np.searchsorted(offsets, maybe, side="right") - 1)
    found = np.zeros(len(texts), bool)
    if len(rows):
        match = pc.match_substring_regex(
            texts.take(pa.array(rows)), f"[{''.join(_non_ascii_digits())}]"
        )
        found[rows] = match.to_numpy(zero_copy_only=False)
    return found


def ascii_table(characters: str) -> Array:
    """Returns a table of all 256 bytes that is true at some ASCII characters."""
    table = np.zeros(256, bool)
    table[[ord(c) for c in characters]] = True
    return table


def _are_joined(data: Array, found: ByteRanges, join: re.Pattern[str]) -> Array:
    """Tells whether each group but the first is joined to the one before it."""
    before, after = found.ends[:-1], found.starts[1:]
    width = after - before
    single = _single(join)
    same = (np.diff(found.rows) == 0) & (width <= _WIDEST)
    joins = same & (width == 1)
    joins[joins] = single[data[before[joins]]]
    wide = np.flatnonzero(
        same & (width > 1) & _may_begin()[data[np.minimum(before, len(data) - 1)]]
    )
    gaps, which = distinct_values(slice_bytes(data, before[wide], after[wide]))
    matched = np.array([join.fullmatch(gap) is not None for gap in gaps], bool)
    joins[wide] = matched[which] if len(gaps) else False
    return joins


@cache
def _single(join: re.Pattern[str]) -> Array:
    """Returns a table of the bytes that join two groups by themselves."""
    return np.array([b < _HIGH and join.fullmatch(chr(b)) is not None for b in range(256)], bool)


@cache
def _may_begin() -> Array:
    """Returns a table of the bytes with which a gap of signs and blanks may begin."""
    return np.array([b >= _HIGH or not chr(b).isalnum() for b in range(256)], bool)


@cache
def _non_ascii_digits() -> tuple[str, ...]:
    """Returns every such digit of Python's Unicode, whose patterns read these texts."""
    return tuple(re.findall(r"\d", "".join(map(chr, range(_HIGH, sys.maxunicode + 1)))))


@cache
def _first_bytes_of_digits() -> Array:
    """Returns a table of the bytes with which such a digit begins."""
    begin = {one.encode()[0] for one in _non_ascii_digits()}
    return np.array([b in begin for b in range(256)], bool)
