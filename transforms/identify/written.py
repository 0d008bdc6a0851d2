"""Phone numbers that stand plainly in texts, found and read by whole columns in C++.

What is found here is what `numbers_in_text` finds text by text. Where anything in a text takes a
turn that is not stated here, the text is left to it: nothing is decided by halves.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.identify import ordinary
from transforms.identify.places import Places, Points, buffers, cut, distinct, places, ranges
from transforms.identify.quiet import quiet_texts
from transforms.identify.repeats import distinct_rows

Array = np.ndarray


class Rules(NamedTuple):
    """What `numbers_in_text` goes by."""

    stretch: str
    """RE2: digits enough for a number, and what joins them."""
    chain: str
    """RE2: digit groups joined as a number's are."""
    ascii_stretch: str
    ascii_chain: str
    """The same two for columns of ASCII."""
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
_PREFIX = 4
"""Characters before a chain's first digit that the careful way looks at."""
_TAIL = 26
"""Characters behind a chain in which an extension stands."""
_GROUPS = r"^\+?[0-9]{1,6}(?: [0-9]{1,6})+$"
"""RE2: groups that are no numbers by themselves, which nothing but a blank parts."""
_GAP = np.zeros(256, bool)
_GAP[[ord(c) for c in " ,;-"]] = True
_DIGIT = np.zeros(256, np.int64)
_DIGIT[ord("0") : ord("9") + 1] = 1
_IS_DIGIT = _DIGIT.astype(bool)
_OPENS = np.zeros(256, bool)
_OPENS[[ord(c) for c in "+(["]] = True
_EXTENDS = np.zeros(256, bool)
_EXTENDS[[ord(c) for c in "eExX#"]] = True
_HIGH = 0x80


def read(texts: pa.Array, regions: pa.Array, rules: Rules) -> Found:
    """Find the numbers in distinct texts that hold digits enough, each under its region."""
    plain = pc.all(pc.string_is_ascii(texts)).as_py()
    stretch = rules.ascii_stretch if plain else rules.stretch
    quiet = quiet_texts(texts, places(texts, stretch))
    offsets, data = buffers(quiet)
    left = np.zeros(len(texts), bool)
    chain = rules.ascii_chain if plain else rules.chain
    chains, digits = _chains(places(quiet, chain), data, offsets, left, rules)
    first, last = offsets[chains.rows] + chains.starts, offsets[chains.rows] + chains.ends
    around = _Around(data, offsets, chains, first, last)
    long_enough = digits >= rules.shortest

    opens = _OPENS[around.at(0)]
    before, after = around.at(-1), around.behind(0)
    stuck = ~opens & _of(rules.stuck_before)[before]
    unclear = (before >= _HIGH) & ~opens
    extended = _extended(quiet, around, rules)
    stuck_after = _of(rules.stuck_after)[after]
    unclear |= extended | ((after >= _HIGH) & ~stuck)
    left[chains.rows[unclear & ~stuck & (long_enough | extended)]] = True

    free = ~stuck & ~stuck_after & long_enough & ~left[chains.rows]
    chains = chains.only(free)
    raw = cut(quiet, chains)
    asked, back = _pairs(raw, regions.take(pa.array(chains.rows)))
    answer = _answers(*asked, digits[free], back, rules)
    left[chains.rows[~answer.decided[back]]] = True
    kept = np.flatnonzero((answer.place[back] >= 0) & ~left[chains.rows])
    points = Points(quiet)
    held = chains.only(kept)
    place = answer.place[back][kept]
    picked = pa.array(place)
    return Found(
        left,
        Places(
            held.rows,
            points.of_bytes(held.rows, held.starts),
            points.of_bytes(held.rows, held.ends),
        ),
        raw.take(pa.array(kept)),
        answer.read.e164.take(picked),
        answer.read.region.take(picked),
        answer.read.line_type.take(picked),
        answer.read.national[place],
    )


def _chains(
    chains: Places, data: Array, offsets: Array, left: Array, rules: Rules
) -> tuple[Places, Array]:
    """The chains that may be numbers, with their digits; texts that are too strange are left."""
    first, last = offsets[chains.rows] + chains.starts, offsets[chains.rows] + chains.ends
    wide = last - first >= rules.shortest
    chains, first, last = chains.only(wide), first[wide], last[wide]
    held = data[ranges(first, last - first)]
    ends = np.concatenate([[0], np.cumsum(last - first)])
    digits = np.concatenate([[0], np.cumsum(_DIGIT[held])])[ends]
    strange = np.diff(np.concatenate([[0], np.cumsum(held >= _HIGH)])[ends]) > 0
    opening = np.flatnonzero(~_IS_DIGIT[data[first]])
    for place in range(1, _PREFIX + 1):
        opening = opening[~_IS_DIGIT[data[first[opening] + place]]]
    strange[opening] = True
    left[chains.rows[strange]] = True
    left |= np.bincount(chains.rows, minlength=len(left)) > _MANY
    return chains, np.diff(digits)


class _Around(NamedTuple):
    """Bytes in and beside chains; 0 where their text has none."""

    data: Array
    offsets: Array
    chains: Places
    first: Array
    last: Array

    def at(self, place: int) -> Array:
        """The byte at a place counted from where each chain begins."""
        return self._byte(self.first + place)

    def behind(self, place: int) -> Array:
        """The byte at a place counted from where each chain ends."""
        return self._byte(self.last + place)

    def _byte(self, at: Array) -> Array:
        inside = (at >= self.offsets[self.chains.rows]) & (at < self.offsets[self.chains.rows + 1])
        return np.where(inside, self.data[np.clip(at, 0, max(0, len(self.data) - 1))], 0)


def _extended(quiet: pa.Array, around: _Around, rules: Rules) -> Array:
    """Which chains an extension follows."""
    maybe = np.zeros(len(around.first), bool)
    open_ = np.ones(len(around.first), bool)
    for place in range(4):
        byte = around.behind(place)
        maybe |= open_ & _EXTENDS[byte]
        open_ &= _GAP[byte]
    at = np.flatnonzero(maybe)
    ends = around.chains.ends[at]
    tails, which = distinct(cut(quiet, Places(around.chains.rows[at], ends, ends + _TAIL)))
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

    read: ordinary.Ordinary
    place: Array
    """The place of each in `read`, -1 where it is no number."""
    decided: Array


def _answers(
    raw: pa.Array, regions: pa.Array, digits: Array, back: Array, rules: Rules
) -> _Answers:
    """Read distinct candidates as far as columns can."""
    found = ordinary.read(raw, regions)
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
