"""Runs of digits in a whole column of texts: where groups of digits stand, and what joins them.

Texts are words for the most part, so everything goes by the few bytes that are digits.
"""

from __future__ import annotations

import re
import sys
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.arrow_util import Array, buffers, distinct, strings

_ZERO, _TEN = ord("0"), 10


_HIGH = 0x80


_WIDEST = 18
"""Bytes of the widest gap that may join: six characters of three bytes."""


class Runs(NamedTuple):
    """Stretches of a column in its order: the row of each, and its bytes, of all of the column."""

    rows: Array
    starts: Array
    ends: Array

    def only(self, which: Array) -> Runs:
        """Those that a mask or an index picks."""
        return Runs(*(column[which] for column in self))


def groups(data: Array, offsets: Array) -> Runs:
    """The digits of ASCII that touch, of the bytes of a column, whose rows begin at `offsets`."""
    digits = np.flatnonzero(data - _ZERO < _TEN)
    begins = np.ones(len(digits), bool)
    begins[1:] = np.diff(digits) > 1
    of_row = np.searchsorted(digits, offsets)
    begins[of_row[of_row < len(digits)]] = True
    first = np.flatnonzero(begins)
    counts = np.diff(np.searchsorted(first, of_row))
    rows = np.repeat(np.arange(len(counts)), counts)
    ends = np.append(digits[first[1:] - 1], digits[-1:]) + 1
    return Runs(rows, digits[first], ends)


def runs(data: Array, found: Runs, join: re.Pattern[str], least: int) -> tuple[Runs, Array]:
    """Groups as far as a pattern joins them, those with so many digits at least; and how many.

    The pattern is one of what stands between two groups, six characters at most, all of them
    signs or blanks.
    """
    begins = np.ones(len(found.rows), bool)
    begins[1:] = ~_joined(data, found, join)
    first = np.flatnonzero(begins)
    if not len(first):
        return found, first
    digits = np.add.reduceat(found.ends - found.starts, first)
    held = digits >= least
    last = np.append(first[1:], len(begins))[held] - 1
    first = first[held]
    return Runs(found.rows[first], found.starts[first], found.ends[last]), digits[held]


def _joined(data: Array, found: Runs, join: re.Pattern[str]) -> Array:
    """Whether each group but the first is joined to the one before it."""
    before, after = found.ends[:-1], found.starts[1:]
    width = after - before
    single = _single(join)
    same = (np.diff(found.rows) == 0) & (width <= _WIDEST)
    joins = same & (width == 1)
    joins[joins] = single[data[before[joins]]]
    wide = np.flatnonzero(
        same & (width > 1) & _may_begin()[data[np.minimum(before, len(data) - 1)]]
    )
    gaps, which = distinct(strings(data, before[wide], after[wide]))
    held = np.array([join.fullmatch(gap) is not None for gap in gaps], bool)
    joins[wide] = held[which] if len(gaps) else False
    return joins


@cache
def _single(join: re.Pattern[str]) -> Array:
    """The bytes that join two groups by themselves."""
    return np.array([b < _HIGH and join.fullmatch(chr(b)) is not None for b in range(256)], bool)


@cache
def _may_begin() -> Array:
    """The bytes with which a gap of signs and blanks may begin."""
    return np.array([b >= _HIGH or not chr(b).isalnum() for b in range(256)], bool)


def hold_foreign_digits(texts: pa.Array) -> Array:
    """Which texts, without nulls, hold a decimal digit that is not ASCII."""
    offsets, data = buffers(texts)
    high = np.flatnonzero(data >= _HIGH)
    maybe = high[_foreign_begin()[data[high]]]
    rows = np.unique(np.searchsorted(offsets, maybe, side="right") - 1)
    found = np.zeros(len(texts), bool)
    if len(rows):
        match = pc.match_substring_regex(texts.take(pa.array(rows)), f"[{''.join(_foreign())}]")
        found[rows] = match.to_numpy(zero_copy_only=False)
    return found


@cache
def _foreign() -> tuple[str, ...]:
    """Every such digit; the Unicode of Python decides, whose patterns read these texts."""
    return tuple(re.findall(r"\d", "".join(map(chr, range(_HIGH, sys.maxunicode + 1)))))


@cache
def _foreign_begin() -> Array:
    """The bytes with which such a digit begins."""
    begin = {one.encode()[0] for one in _foreign()}
    return np.array([b in begin for b in range(256)], bool)
