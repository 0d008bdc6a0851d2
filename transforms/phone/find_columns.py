"""Phone numbers that stand plainly in texts, found and read by whole columns in C++.

What is found here is what `numbers_in_text` finds text by text. Where anything in a text takes a
turn that is not stated here, the text is left to it: nothing is decided by halves.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.arrow_util import (
    Places,
    Points,
    buffers,
    cut,
    distinct,
    distinct_rows,
    of_buffers,
    strings,
)
from transforms.phone import digit_runs, normalize_columns
from transforms.phone.digit_runs import Runs
from transforms.phone.false_positives_columns import Quiet, quiet, without_addresses

Array = np.ndarray


class Rules(NamedTuple):
    """What `numbers_in_text` goes by."""

    stretch: re.Pattern[str]
    """What stands between digits that may be of one number."""
    chain: re.Pattern[str]
    """What joins digit groups as a number's are."""
    opening: re.Pattern[str]
    """What of a number stands before its first digit, up to there."""
    plain: str
    """RE2: a candidate that libphonenumber's matcher takes or leaves as a whole."""
    publication: str
    """RE2: a candidate that it takes for a page of a journal."""
    extension: re.Pattern[str]
    stuck_before: str
    stuck_after: str
    """ASCII characters beside which no number stands."""
    shortest: int
    longest: int


class Found(NamedTuple):
    """What `read` decided: the texts that it leaves alone, and the numbers of the others."""

    left: Array
    """Whether a text is left, for each text."""
    at: Places
    """In code points, by text and place."""
    raw: pa.Array
    e164: pa.Array
    region: pa.Array
    line_type: pa.Array
    national: Array


_MANY = 100
"""Chains of one text from which on it is left: the careful way bounds them."""


_OPENING = 5
"""Characters before a chain's first digit that may be of it; the careful way looks at 4."""


_TAIL = 26
"""Characters behind a chain in which an extension stands."""


_GROUPS = r"^\+?[0-9]{1,6}(?: [0-9]{1,6})+$"
"""RE2: groups that are no numbers by themselves, which nothing but a blank parts."""


_HIGH, _WIDE = 0x80, 0xEF
"""Bytes that are not ASCII; the first one of a full-width sign."""


_WIDEST = 11
"""Bytes before a chain's first digit in which a full-width sign may be of it."""


_SIGNS = " +(x"
"""Signs before a chain's first digit; the last one stands for any other."""


_SIGN = np.full(256, len(_SIGNS) - 1)
_SIGN[[ord(c) for c in " +(["]] = [0, 1, 2, 2]


_GAP = np.zeros(256, bool)
_GAP[[ord(c) for c in " ,;-"]] = True


_OPENS = np.zeros(256, bool)
_OPENS[[ord(c) for c in "+(["]] = True


_EXTENDS = np.zeros(256, bool)
_EXTENDS[[ord(c) for c in "eExX#"]] = True


def read(texts: pa.Array, regions: pa.Array, rules: Rules, said: Array) -> Found:
    """Find the numbers in texts, without nulls, each under its region.

    `said`: texts in which digits may be said in words, which are left.
    """
    offsets, data = buffers(texts)
    stretches, _ = digit_runs.runs(
        data, digit_runs.groups(data, offsets), rules.stretch, rules.shortest
    )
    left = digit_runs.hold_foreign_digits(texts) | said
    stretches = stretches.only(~left[stretches.rows])
    points = Points(texts)
    bare = without_addresses(texts, points, np.unique(stretches.rows))
    parts = quiet(bare, points, stretches, offsets[1:])
    chains, digits = _chains(parts, left, rules)
    long_enough = digits >= rules.shortest

    opens = _OPENS[parts.data[chains.starts]]
    before, after = _byte(parts, chains, chains.starts - 1), _byte(parts, chains, chains.ends)
    stuck = ~opens & _of(rules.stuck_before)[before]
    unclear = (before >= _HIGH) & ~opens
    starts = chains.starts - parts.offsets[chains.rows] + parts.starts[chains.rows]
    ends = starts + chains.ends - chains.starts
    of_text = Runs(parts.rows[chains.rows], starts, ends)
    extended = _extended(parts, chains, of_buffers(offsets, bare), of_text, rules)
    stuck_after = _of(rules.stuck_after)[after]
    unclear |= extended | ((after >= _HIGH) & ~stuck)
    left[of_text.rows[unclear & ~stuck & (long_enough | extended)]] = True

    free = ~stuck & ~stuck_after & long_enough & ~left[of_text.rows]
    raw = strings(parts.data, chains.starts[free], chains.ends[free])
    of_text = of_text.only(free)
    asked, back = _pairs(raw, regions.take(pa.array(of_text.rows)))
    answer = _answers(*asked, digits[free], back, rules)
    left[of_text.rows[~answer.decided[back]]] = True
    kept = np.flatnonzero((answer.place[back] >= 0) & ~left[of_text.rows])
    rows, *ends_of = of_text.only(kept)
    begins = points.before(offsets[rows])
    place = answer.place[back][kept]
    picked = pa.array(place)
    return Found(
        left,
        Places(rows, *(points.before(end) - begins for end in ends_of)),
        raw.take(pa.array(kept)),
        answer.read.e164.take(picked),
        answer.read.region.take(picked),
        answer.read.line_type.take(picked),
        answer.read.national[place],
    )


def _chains(parts: Quiet, left: Array, rules: Rules) -> tuple[Runs, Array]:
    """The chains that may be numbers, with their digits; texts that are too strange are left.

    Their rows are parts, and their bytes those of the parts.
    """
    found = digit_runs.groups(parts.data, parts.offsets)
    chains, digits = digit_runs.runs(parts.data, found, rules.chain, 1)
    ahead = _opening(parts, chains, rules)
    chains = chains._replace(starts=chains.starts - ahead)
    wide = chains.ends - chains.starts >= rules.shortest
    chains, digits = chains.only(wide), digits[wide]
    high = np.flatnonzero(parts.data >= _HIGH)
    strange = np.searchsorted(high, chains.ends) > np.searchsorted(high, chains.starts)
    full = np.flatnonzero(parts.data == _WIDE)
    strange |= np.searchsorted(full, chains.ends) > np.searchsorted(full, chains.starts - _WIDEST)
    strange |= ahead[wide] == _OPENING
    left[parts.rows[chains.rows[strange]]] = True
    left |= np.bincount(parts.rows[chains.rows], minlength=len(left)) > _MANY
    return chains, digits


def _opening(parts: Quiet, chains: Runs, rules: Rules) -> Array:
    """How many characters before the first digit of each chain are of it."""
    code = np.zeros(len(chains.rows), np.int64)
    for place in range(_OPENING, 0, -1):
        code = code * len(_SIGNS) + _SIGN[_byte(parts, chains, chains.starts - place)]
    return _openings(rules.opening)[code]


@cache
def _openings(opening: re.Pattern[str]) -> Array:
    """How much a pattern takes of the end of every row of `_OPENING` signs."""
    rows = map("".join, product(_SIGNS, repeat=_OPENING))
    found = (opening.search(row) for row in rows)
    return np.array([_OPENING - one.start() if one else 0 for one in found], np.int64)


def _byte(parts: Quiet, chains: Runs, at: Array) -> Array:
    """A byte of each chain's part; 0 where it ends before."""
    inside = (at >= parts.offsets[chains.rows]) & (at < parts.offsets[chains.rows + 1])
    return np.where(inside, parts.data[np.clip(at, 0, max(0, len(parts.data) - 1))], 0)


def _extended(parts: Quiet, chains: Runs, texts: pa.Array, of_text: Runs, rules: Rules) -> Array:
    """Which chains an extension may follow, that stands in the text that they are of."""
    maybe = np.zeros(len(chains.rows), bool)
    open_ = np.ones(len(chains.rows), bool)
    for place in range(4):
        byte = _byte(parts, chains, chains.ends + place)
        maybe |= open_ & _EXTENDS[byte]
        open_ &= _GAP[byte]
    at = np.flatnonzero(maybe)
    offsets, _ = buffers(texts)
    rows = of_text.rows[at]
    ends = of_text.ends[at] - offsets[rows]
    tails, which = distinct(cut(texts, Places(rows, ends, ends + _TAIL)))
    held = np.array([rules.extension.match(tail) is not None for tail in tails], bool)
    if len(at):
        maybe[at] = held[which]
    return maybe


def _of(characters: str) -> Array:
    """A table of the bytes of ASCII characters."""
    table = np.zeros(256, bool)
    table[[ord(c) for c in characters]] = True
    return table


def _pairs(raw: pa.Array, regions: pa.Array) -> tuple[tuple[pa.Array, pa.Array], Array]:
    """The distinct pairs of candidate and region, and which of them each is."""
    first, back = distinct_rows((raw, regions))
    at = pa.array(first)
    return (raw.take(at), regions.take(at)), back


class _Answers(NamedTuple):
    """What became of distinct candidates."""

    read: normalize_columns.Ordinary
    place: Array
    """The place of each in `read`, -1 where it is no number."""
    decided: Array


def _answers(
    raw: pa.Array, regions: pa.Array, digits: Array, back: Array, rules: Rules
) -> _Answers:
    """Read distinct candidates as far as columns can."""
    found = normalize_columns.read(raw, regions)
    plain = pc.match_substring_regex(raw.take(pa.array(found.rows)), rules.plain)
    sure = plain.to_numpy(zero_copy_only=False)
    groups = pc.match_substring_regex(raw, _GROUPS).to_numpy(zero_copy_only=False)
    parted = pc.match_substring_regex(raw, r"[\s/~]").to_numpy(zero_copy_only=False)
    abroad = pc.starts_with(raw, "00").to_numpy(zero_copy_only=False)
    journal = pc.match_substring_regex(raw, rules.publication).to_numpy(zero_copy_only=False)
    place = np.full(len(raw), -1)
    place[found.rows[sure & found.complete]] = np.flatnonzero(sure & found.complete)
    decided = (place >= 0) & ~journal
    refused = np.zeros(len(raw), bool)
    refused[found.invalid] = True
    refused &= ~abroad
    refused[found.rows[sure & ~found.complete]] = True
    count = np.zeros(len(raw), np.int64)
    count[back] = digits
    refused |= count > rules.longest
    decided |= refused & ~journal & (~parted | groups)
    place[~decided | (count > rules.longest)] = -1
    return _Answers(found, place, decided)
