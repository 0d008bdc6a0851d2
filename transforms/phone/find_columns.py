"""Finds plain phone numbers in texts by whole columns in C++.

The numbers are those that `find` finds text by text. A text with anything for which no rule is
implemented here is left to `find` as a whole.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms import text_spans
from transforms.arrow_util import Array, distinct_rows, distinct_values
from transforms.phone import normalize_columns
from transforms.phone.false_positives_columns import BlankedParts, blank_addresses, blank_stretches
from transforms.text_spans import (
    ByteRanges,
    CodePoints,
    Spans,
    ascii_table,
    slice_bytes,
    slice_spans,
    string_array,
    string_buffers,
)

_MANY = 100
"""Chains of one text; with more, it is undecided: `find` bounds their number."""

_OPENING = 5
"""Characters before a chain's first digit that may be of it; `find` looks at 4."""

_TAIL = 26
"""Characters after a chain that may contain an extension."""

_GROUPS = r"^\+?[0-9]{1,6}(?: [0-9]{1,6})+$"
"""RE2: groups that are no numbers by themselves, separated by nothing but a blank."""

_HIGH, _WIDE = 0x80, 0xEF
"""Bytes that are not ASCII; the first one of a full-width sign."""

_WIDEST = 11
"""Bytes before a chain's first digit in which a full-width sign may be of it."""

_SIGNS = " +(x"
"""Signs before a chain's first digit; the last one means any other."""

_SIGN = np.full(256, len(_SIGNS) - 1)
_SIGN[[ord(c) for c in " +(["]] = [0, 1, 2, 2]

_GAP, _OPENS, _EXTENDS = ascii_table(" ,;-"), ascii_table("+(["), ascii_table("eExX#")


class CandidateRules(NamedTuple):
    """The rules for candidates of `find`."""

    stretch: re.Pattern[str]
    """Separators between digits that may be of one number."""
    chain: re.Pattern[str]
    """Separators between groups of digits of a candidate."""
    opening: re.Pattern[str]
    """The part of a candidate before its first digit."""
    plain: str
    """RE2: a candidate that libphonenumber's matcher accepts or rejects as a whole."""
    publication: str
    """RE2: a candidate that it takes for a page of a journal."""
    extension: re.Pattern[str]
    stuck_before: str
    stuck_after: str
    """ASCII characters that a number does not touch."""
    shortest: int
    longest: int


class PlainFinds(NamedTuple):
    """The texts that could not be decided by columns, and the numbers in the others."""

    undecided: Array
    """True for each text that is left to `find`."""
    at: Spans
    """The places of the numbers in code points, by text and place."""
    raw: pa.Array
    e164: pa.Array
    region: pa.Array
    line_type: pa.Array
    national: Array


def find_plain_numbers(
    texts: pa.Array, regions: pa.Array, rules: CandidateRules, spoken_in: Array
) -> PlainFinds:
    """Finds the numbers in texts, without nulls, each under its region.

    `spoken_in`: texts that may have digits in words, which are left undecided.
    """
    offsets, data = string_buffers(texts)
    stretches, _ = text_spans.join_groups(
        data, text_spans.digit_groups(data, offsets), rules.stretch, rules.shortest
    )
    undecided = text_spans.have_non_ascii_digits(texts) | spoken_in
    stretches = stretches.select(~undecided[stretches.rows])
    points = CodePoints(texts)
    bare = blank_addresses(texts, points, np.unique(stretches.rows))
    parts = blank_stretches(bare, points, stretches, offsets[1:])
    chains, digits = _chains(parts, undecided, rules)
    long_enough = digits >= rules.shortest

    opens = _OPENS[parts.data[chains.starts]]
    before, after = _byte_at(parts, chains, chains.starts - 1), _byte_at(parts, chains, chains.ends)
    stuck = ~opens & ascii_table(rules.stuck_before)[before]
    unclear = (before >= _HIGH) & ~opens
    starts = chains.starts - parts.offsets[chains.rows] + parts.starts[chains.rows]
    ends = starts + chains.ends - chains.starts
    of_text = ByteRanges(parts.rows[chains.rows], starts, ends)
    extended = _have_extension(parts, chains, string_array(offsets, bare), of_text, rules)
    stuck_after = ascii_table(rules.stuck_after)[after]
    unclear |= extended | ((after >= _HIGH) & ~stuck)
    undecided[of_text.rows[unclear & ~stuck & (long_enough | extended)]] = True

    free = ~stuck & ~stuck_after & long_enough & ~undecided[of_text.rows]
    raw = slice_bytes(parts.data, chains.starts[free], chains.ends[free])
    of_text = of_text.select(free)
    region = regions.take(pa.array(of_text.rows))
    first, back = distinct_rows((raw, region))
    at = pa.array(first)
    candidates = _read_candidates(raw.take(at), region.take(at), digits[free], back, rules)
    undecided[of_text.rows[~candidates.decided[back]]] = True
    kept = np.flatnonzero((candidates.place[back] >= 0) & ~undecided[of_text.rows])
    rows, *ends_of = of_text.select(kept)
    begins = points.before(offsets[rows])
    place = candidates.place[back][kept]
    picked = pa.array(place)
    return PlainFinds(
        undecided,
        Spans(rows, *(points.before(end) - begins for end in ends_of)),
        raw.take(pa.array(kept)),
        candidates.readings.e164.take(picked),
        candidates.readings.region.take(picked),
        candidates.readings.line_type.take(picked),
        candidates.readings.national[place],
    )


def _chains(
    parts: BlankedParts, undecided: Array, rules: CandidateRules
) -> tuple[ByteRanges, Array]:
    """Returns the chains that may be numbers, with their digits; marks odd texts as undecided.

    Rows of the chains are parts, and bytes those of the parts.
    """
    found = text_spans.digit_groups(parts.data, parts.offsets)
    chains, digits = text_spans.join_groups(parts.data, found, rules.chain, 1)
    ahead = _opening_lengths(parts, chains, rules)
    chains = chains._replace(starts=chains.starts - ahead)
    wide = chains.ends - chains.starts >= rules.shortest
    chains, digits = chains.select(wide), digits[wide]
    high = np.flatnonzero(parts.data >= _HIGH)
    odd = np.searchsorted(high, chains.ends) > np.searchsorted(high, chains.starts)
    full = np.flatnonzero(parts.data == _WIDE)
    odd |= np.searchsorted(full, chains.ends) > np.searchsorted(full, chains.starts - _WIDEST)
    odd |= ahead[wide] == _OPENING
    undecided[parts.rows[chains.rows[odd]]] = True
    undecided |= np.bincount(parts.rows[chains.rows], minlength=len(undecided)) > _MANY
    return chains, digits


def _opening_lengths(parts: BlankedParts, chains: ByteRanges, rules: CandidateRules) -> Array:
    """Returns how many characters before the first digit of each chain belong to it."""
    code = np.zeros(len(chains.rows), np.int64)
    for place in range(_OPENING, 0, -1):
        code = code * len(_SIGNS) + _SIGN[_byte_at(parts, chains, chains.starts - place)]
    return _opening_table(rules.opening)[code]


@cache
def _opening_table(opening: re.Pattern[str]) -> Array:
    """Returns how many signs a pattern matches at the end of every sequence of `_OPENING` signs."""
    rows = map("".join, product(_SIGNS, repeat=_OPENING))
    found = (opening.search(row) for row in rows)
    return np.array([_OPENING - one.start() if one else 0 for one in found], np.int64)


def _have_extension(
    parts: BlankedParts,
    chains: ByteRanges,
    texts: pa.Array,
    of_text: ByteRanges,
    rules: CandidateRules,
) -> Array:
    """Tells which chains are followed by an extension in their text."""
    maybe = np.zeros(len(chains.rows), bool)
    open_ = np.ones(len(chains.rows), bool)
    for place in range(4):
        byte = _byte_at(parts, chains, chains.ends + place)
        maybe |= open_ & _EXTENDS[byte]
        open_ &= _GAP[byte]
    at = np.flatnonzero(maybe)
    offsets, _ = string_buffers(texts)
    rows = of_text.rows[at]
    ends = of_text.ends[at] - offsets[rows]
    tails, which = distinct_values(slice_spans(texts, Spans(rows, ends, ends + _TAIL)))
    extended = np.array([rules.extension.match(tail) is not None for tail in tails], bool)
    if len(at):
        maybe[at] = extended[which]
    return maybe


def _byte_at(parts: BlankedParts, chains: ByteRanges, at: Array) -> Array:
    """Returns a byte of each chain's part; 0 outside of it."""
    inside = (at >= parts.offsets[chains.rows]) & (at < parts.offsets[chains.rows + 1])
    return np.where(inside, parts.data[np.clip(at, 0, max(0, len(parts.data) - 1))], 0)


class _CandidateReadings(NamedTuple):
    """Distinct candidates as far as columns can read them."""

    readings: normalize_columns.PlainReadings
    place: Array
    """The index of each in `readings`, -1 where it is no number."""
    decided: Array


def _read_candidates(
    raw: pa.Array, regions: pa.Array, digits: Array, back: Array, rules: CandidateRules
) -> _CandidateReadings:
    """Reads distinct candidates as far as columns can."""
    readings = normalize_columns.normalize_plain(raw, regions)
    plain = pc.match_substring_regex(raw.take(pa.array(readings.rows)), rules.plain)
    sure = plain.to_numpy(zero_copy_only=False)
    groups = pc.match_substring_regex(raw, _GROUPS).to_numpy(zero_copy_only=False)
    parted = pc.match_substring_regex(raw, r"[\s/~]").to_numpy(zero_copy_only=False)
    abroad = pc.starts_with(raw, "00").to_numpy(zero_copy_only=False)
    journal = pc.match_substring_regex(raw, rules.publication).to_numpy(zero_copy_only=False)
    place = np.full(len(raw), -1)
    place[readings.rows[sure & readings.complete]] = np.flatnonzero(sure & readings.complete)
    decided = (place >= 0) & ~journal
    refused = np.zeros(len(raw), bool)
    refused[readings.invalid] = True
    refused &= ~abroad
    refused[readings.rows[sure & ~readings.complete]] = True
    count = np.zeros(len(raw), np.int64)
    count[back] = digits
    refused |= count > rules.longest
    decided |= refused & ~journal & (~parted | groups)
    place[~decided | (count > rules.longest)] = -1
    return _CandidateReadings(readings, place, decided)
