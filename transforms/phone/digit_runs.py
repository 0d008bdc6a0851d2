"""Finds runs of digits in a whole column of texts: groups of digits and what joins them.

Texts are mostly words, so everything works on the few bytes that are digits.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.arrow_util import Array, distinct_values
from transforms.text_spans import slice_bytes, string_buffers

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
