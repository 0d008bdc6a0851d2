"""Which values may hold a victim's number, by its last digits: a cheap test for whole columns."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.identify import numbering
from transforms.identify.digits import digits_of
from transforms.identify.needles import SHORTEST, plain_codes
from transforms.identify.own import Own
from transforms.identify.places import ranges

Array = np.ndarray

_LAST = 4
"""Digits that are compared, of the `SHORTEST` or more of every needle."""
_NUMBER = r"^\+[0-9]{7,15}$"
_ID = rf"(?:^|:)[0-9]{{{SHORTEST},}}$"
"""RE2: an identifier of which nothing but its last digits is looked for."""


def may_hold(values: Own, wanted: Own) -> Array:
    """Which values may hold, as `haystack.holds` has it, what is wanted in their row.

    Nothing slips. Digits, and a number whose plan adds no digits of its own, are found by the last
    ones in values of ASCII; all else may be held.
    """
    plain = _are_plain(wanted.numbers)
    count = 1 + max(int(values.rows.max(initial=-1)), int(wanted.rows.max(initial=-1)))
    odd_rows = np.zeros(count, bool)
    odd_rows[wanted.rows[~plain]] = True
    found: Array = odd_rows[values.rows]
    sought = np.zeros(count, bool)
    sought[wanted.rows] = True
    ascii_ = pc.string_is_ascii(values.numbers).to_numpy(zero_copy_only=False)
    found |= sought[values.rows] & ~ascii_

    at = np.flatnonzero(plain)
    order = at[np.argsort(wanted.rows[at], kind="stable")]
    rows = wanted.rows[order]
    last = _last(wanted.numbers.take(pa.array(order)))
    open_ = np.flatnonzero(sought[values.rows] & ~found)
    first, end = (np.searchsorted(rows, values.rows[open_], side=s) for s in ("left", "right"))
    pairs = np.repeat(np.arange(len(open_)), end - first)
    against = last[ranges(first, end - first)]
    numbers = digits_of(values.numbers.take(pa.array(open_)))
    same = np.zeros(len(pairs), bool)
    for place in range(len(numbers.held) - _LAST + 1):
        window = _as_number(numbers.held[place : place + _LAST])
        inside = numbers.lengths >= place + _LAST
        same |= (window[pairs] == against) & inside[pairs]
    found[open_[pairs[same]]] = True
    return found


def _are_plain(numbers: pa.Array) -> Array:
    """Which are digits, or E.164 numbers of plans that write no digits of their own."""
    plain = pc.match_substring_regex(numbers, _ID).to_numpy(zero_copy_only=False).copy()
    shaped = pc.match_substring_regex(numbers, _NUMBER).to_numpy(zero_copy_only=False)
    at = np.flatnonzero(shaped)
    codes = numbering.codes()[digits_of(numbers.take(pa.array(at))).begin(3)]
    plain[at] = np.isin(codes, [int(code) for code in plain_codes()])
    return plain


def _last(numbers: pa.Array) -> Array:
    """The last digits of each, as a number."""
    digits = digits_of(numbers)
    return _as_number(
        [
            digits.held[digits.lengths - place, np.arange(len(numbers))]
            for place in range(_LAST, 0, -1)
        ]
    )


def _as_number(digits: Array | list[Array]) -> Array:
    found = np.zeros(len(digits[0]), np.int64)
    for one in digits:
        found = found * 10 + one
    return found
