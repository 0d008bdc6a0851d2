"""Numbering plans as tables of states: libphonenumber's metadata, ready for whole columns.

Every rule is one of `phonenumbers.phonenumberutil`, taken from the metadata that it ships. What is
not held here is read by that library itself.

Patterns of digits as tables of states: many patterns and a whole column in one pass of numpy.

The patterns of a numbering plan are finite and use few signs, so one table of some hundred states
decides for all of them at once, digit by digit. It is made of the positions of the patterns
(Glushkov 1961) and their subsets, in milliseconds, once in a process.

The digits of a column of numbers as one matrix.

Which national numbers are written with a trunk prefix alone, by libphonenumber's formats.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np
import phonenumbers as pn
import pyarrow as pa
from phonenumbers.phonemetadata import NumberFormat, PhoneMetadata, PhoneNumberDesc

from transforms.arrow_util import Array, buffers, ranges

NANP = "1"
"""Country code of the North American numbering plan."""


_TOLL_FREE_CODE = "8(?:00|33|44|55|66|77|88)"


_AREA_CODE = "[2-9][0-9]{2}"


NANP_TOLL_FREE = rf"(?:1[-. ]{{1,2}})?\(?{_TOLL_FREE_CODE}.*"
"""A number that begins as a toll-free one (47 CFR 52.101)."""


NANP_SURE = (
    rf"(?:1[-. ]{{1,2}}\(?{_AREA_CODE}\)?|\({_AREA_CODE}\))[-. ]{{0,2}}[0-9]{{3}}[-. ]?[0-9]{{4}}"
)
"""A number grouped as only North America groups it."""


NANP_SHAPED = rf"{NANP_SURE}|{_AREA_CODE}[-.][0-9]{{3}}[-.][0-9]{{4}}"
"""The same, and a grouping that North America is known for."""


FIXED, MOBILE, EITHER = "fixed_line", "mobile", "fixed_line_or_mobile"


BEFORE_FIXED = (
    "premium_rate",
    "toll_free",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
)
"""Line types in the order in which libphonenumber tries them, before fixed lines and mobiles."""


KINDS = ("", *BEFORE_FIXED, FIXED, MOBILE, EITHER)
"""Line types by their number; the first stands for none."""


LONGEST = 18
"""Digits of a number that a plan is asked for."""


@dataclass(frozen=True)
class Desc:
    """The numbers of one type: a pattern of the whole number, and its lengths, empty for any."""

    pattern: str
    lengths: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """How one region writes and numbers.

    `idd` and `trunk` match at the start of what is dialled: the international and the national
    prefix. `rewrites`: the trunk prefix is replaced by something rather than taken away.
    """

    region: str
    code: str
    idd: str
    trunk: str
    rewrites: bool
    general: Desc
    local_only: tuple[int, ...]
    types: tuple[tuple[str, Desc], ...]
    same: bool
    """Whether fixed lines and mobiles have one pattern."""

    def is_general(self, numbers: Digits) -> Array:
        """As the library asks it while it parses: by the pattern, whatever the length."""
        return (self._states.matched(numbers) & 1).astype(bool)

    @property
    def longest(self) -> int:
        """Digits of its longest numbers."""
        return max(self.general.lengths)

    def keeps(self, lengths: Array) -> Array:
        """The lengths that a number may have for its trunk prefix to be taken away."""
        whole = [n for n in self.general.lengths if n not in self.local_only]
        return np.isin(lengths, whole) | (lengths > self.longest)

    def kinds(self, numbers: Digits) -> Array:
        """The line type of each number, as a place in `KINDS`, by the library's order."""
        return self._kind_of[self._states.matched(numbers) & self._allowed[numbers.lengths]]

    @cached_property
    def _states(self) -> Automaton:
        return automaton([one.pattern for one in self._descs])

    @cached_property
    def _descs(self) -> tuple[Desc, ...]:
        return (self.general, *(desc for _, desc in self.types))

    @cached_property
    def _allowed(self) -> Array:
        """For each length, the patterns that may have it, as bits."""
        held = [
            sum(1 << i for i, one in enumerate(self._descs) if not one.lengths or n in one.lengths)
            for n in range(LONGEST + 1)
        ]
        return np.array(held, np.int64)

    @cached_property
    def _kind_of(self) -> Array:
        """For each set of patterns that match, as bits, the line type."""
        names = [kind for kind, _ in self.types]
        sets = (
            {names[i] for i in range(len(names)) if bits >> (i + 1) & 1} if bits & 1 else set()
            for bits in range(1 << (len(names) + 1))
        )
        return np.array([KINDS.index(self._kind(held)) for held in sets], np.int8)

    def _kind(self, held: set[str]) -> str:
        for kind in BEFORE_FIXED:
            if kind in held:
                return kind
        if FIXED in held:
            return EITHER if self.same or MOBILE in held else FIXED
        return MOBILE if MOBILE in held and not self.same else ""


@dataclass(frozen=True)
class Claims:
    """The regions of a country code in the order in which they claim its numbers.

    A region claims a number by its start, if it has one, else by having a type for it.
    """

    plans: tuple[Plan, ...]
    starts: tuple[int, ...]
    """The bit of each region's start in `begun`, 0 where it has none."""
    _begin: Automaton | None

    def begun(self, numbers: Digits) -> Array:
        """The starts, as bits, that each number begins with."""
        if self._begin is None:
            return np.zeros(len(numbers), np.int64)
        return self._begin.begun(numbers)


@cache
def plan(region: str | None) -> Plan | None:
    """The plan of a region, or None where it is not held."""
    return _plan(_metadata(region)) if region in pn.SUPPORTED_REGIONS else None


@cache
def codes() -> Array:
    """The held country code that three digits begin with, 0 for none."""
    held = np.zeros(1000, np.intp)
    for code, regions in pn.COUNTRY_CODE_TO_REGION_CODE.items():
        if regions[0] != pn.REGION_CODE_FOR_NON_GEO_ENTITY:
            width = 10 ** (3 - len(str(code)))
            held[code * width : (code + 1) * width] = code
    return held


@cache
def coded() -> str:
    """RE2 and Python: digits of which the first group is a country code, with no sign of one."""
    return rf"^\(?(?:{'|'.join(map(str, sorted(pn.COUNTRY_CODE_TO_REGION_CODE)))})\)?[-. ]"


@cache
def claims(code: str) -> Claims:
    """The regions of a country code."""
    regions = [_metadata(one) for one in pn.COUNTRY_CODE_TO_REGION_CODE[int(code)]]
    starts = [one.leading_digits for one in regions if one.leading_digits]
    bits = iter(range(len(starts)))
    return Claims(
        tuple(map(_plan, regions)),
        tuple(1 << next(bits) if one.leading_digits else 0 for one in regions),
        automaton(starts) if starts else None,
    )


@cache
def main_plan(code: str) -> Plan:
    """The plan by which the library parses what follows a country code."""
    return _plan(main_metadata(code))


def main_metadata(code: str) -> PhoneMetadata:
    """The library's own of the main region of a country code."""
    return _metadata(pn.region_code_for_country_code(int(code)))


def _metadata(region: str) -> PhoneMetadata:
    """The metadata of a region that the library supports."""
    metadata = PhoneMetadata.metadata_for_region(region, None)
    assert metadata is not None, region  # noqa: S101 - regions come from the library's own table
    return metadata


def _plan(metadata: PhoneMetadata) -> Plan:
    general = metadata.general_desc
    types = ((kind, _desc(getattr(metadata, kind))) for kind in (*BEFORE_FIXED, FIXED, MOBILE))
    return Plan(
        metadata.id,
        str(pn.country_code_for_region(metadata.id)),
        metadata.international_prefix or "",
        metadata.national_prefix_for_parsing or "",
        bool(metadata.national_prefix_transform_rule),
        _desc(general) or Desc("", ()),
        tuple(general.possible_length_local_only) if general else (),
        tuple((kind, desc) for kind, desc in types if desc),
        bool(metadata.same_mobile_and_fixed_line_pattern),
    )


def _desc(desc: PhoneNumberDesc | None) -> Desc | None:
    if desc is None or not desc.national_number_pattern:
        return None
    return Desc(desc.national_number_pattern, tuple(desc.possible_length))


ENDED = 10
"""Stands behind the last digit of a number."""


SIGNS = ENDED + 1
"""What may stand at a place of a number: a digit, or that it has ended."""


_ANY = (1 << ENDED) - 1


@dataclass(frozen=True)
class Automaton:
    """`after[state + digit]` is the next state; `ends[state // SIGNS]`: a bit for each pattern."""

    after: Array
    ends: Array

    def matched(self, numbers: Digits) -> Array:
        """The patterns, as bits, that each number is from its first to its last digit."""
        state = np.full(len(numbers), SIGNS)
        for digit in numbers.held:
            state = self.after[state + digit]
        return self.ends[state // SIGNS]

    def begun(self, numbers: Digits) -> Array:
        """The patterns, as bits, that each number begins with."""
        state = np.full(len(numbers), SIGNS)
        found = self.ends[state // SIGNS]
        for digit in numbers.held:
            state = self.after[state + digit]
            found |= self.ends[state // SIGNS]
        return found


def automaton(patterns: Sequence[str]) -> Automaton:
    """The table of at most 63 patterns of digits, classes, groups, choices and counts.

    Raises ValueError for a pattern with any other sign.
    """
    made = _Positions(patterns)
    known: dict[frozenset[int], int] = {frozenset(): 0, made.first: 1}
    states = [frozenset[int](), made.first]
    after: list[list[int]] = []
    for state in states:
        moved = [made.next(state, digit) for digit in range(ENDED)]
        for one in moved:
            if one not in known:
                known[one] = len(states)
                states.append(one)
        after.append([*(known[one] for one in moved), known[state]])
    ends = np.array([made.ends(state) for state in states], np.int64)
    return Automaton(np.array(after).reshape(-1) * SIGNS, ends)


@dataclass(frozen=True)
class _Part:
    """The positions that a part of a pattern begins and ends with, and whether it may be empty."""

    first: frozenset[int] = frozenset()
    last: frozenset[int] = frozenset()
    empty: bool = True


@dataclass
class _Positions:
    """The digits of patterns, each at its position: what it may be, and what may follow it."""

    patterns: Sequence[str]
    digits: list[int] = field(default_factory=list)
    """Digits as bits; at the end of a pattern, the pattern's number below zero."""
    follow: list[set[int]] = field(default_factory=list)
    first: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        for number, pattern in enumerate(self.patterns):
            whole, rest = self._choice(pattern, 0)
            if rest != len(pattern):
                raise ValueError(f"not a pattern of digits: {pattern!r}")
            whole = self._joined(whole, self._place(-1 - number))
            self.first |= whole.first

    def next(self, state: frozenset[int], digit: int) -> frozenset[int]:
        """The positions that may come after one of a state, read as a digit."""
        found: set[int] = set()
        for one in state:
            if self.digits[one] >= 0 and self.digits[one] >> digit & 1:
                found |= self.follow[one]
        return frozenset(found)

    def ends(self, state: frozenset[int]) -> int:
        """A bit for each pattern that may end here."""
        return sum(1 << (-1 - self.digits[one]) for one in state if self.digits[one] < 0)

    def _choice(self, text: str, at: int) -> tuple[_Part, int]:
        whole, at = self._sequence(text, at)
        while text[at : at + 1] == "|":
            other, at = self._sequence(text, at + 1)
            empty = whole.empty or other.empty
            whole = _Part(whole.first | other.first, whole.last | other.last, empty)
        return whole, at

    def _sequence(self, text: str, at: int) -> tuple[_Part, int]:
        whole = _Part()
        while at < len(text) and text[at] not in "|)":
            least, most, end = _count(text, _end(text, at))
            for time in range(most):
                part = self._atom(text, at)
                if time >= least:
                    part = _Part(part.first, part.last, True)
                whole = self._joined(whole, part)
            at = end
        return whole, at

    def _atom(self, text: str, at: int) -> _Part:
        if text[at] == "(":
            return self._choice(text, at + len("(?:"))[0]
        return self._place(_digits(text[at : _end(text, at)]))

    def _joined(self, one: _Part, other: _Part) -> _Part:
        for place in one.last:
            self.follow[place] |= other.first
        first = one.first | other.first if one.empty else one.first
        last = one.last | other.last if other.empty else other.last
        return _Part(first, last, one.empty and other.empty)

    def _place(self, digits: int) -> _Part:
        self.digits.append(digits)
        self.follow.append(set())
        place = frozenset({len(self.digits) - 1})
        return _Part(place, place, False)


def _end(text: str, at: int) -> int:
    """Where the sign, class or group ends that begins at a place of a pattern."""
    if text[at] == "[":
        return text.index("]", at) + 1
    if not text.startswith("(?:", at):
        return at + (2 if text[at] == "\\" else 1)
    depth, at = 1, at + 3
    while depth:
        depth += {"(": 1, ")": -1}.get(text[at : at + 1], 0)
        at += 1
    return at


def _digits(sign: str) -> int:
    """The digits that a sign or a class stands for, as bits."""
    if sign == r"\d":
        return _ANY
    inside = sign[1:-1] if sign[0] == "[" else sign
    held = 0
    for place, one in enumerate(inside):
        if one == "-":
            for digit in range(int(inside[place - 1]), int(inside[place + 1])):
                held |= 1 << digit
        else:
            held |= 1 << int(one)
    return held


def _count(text: str, at: int) -> tuple[int, int, int]:
    """How often the part before a place may stand, at least and at most, and where it goes on."""
    if text[at : at + 1] == "?":
        return 0, 1, at + 1
    if text[at : at + 1] != "{":
        return 1, 1, at
    end = text.index("}", at)
    least, _, most = text[at + 1 : end].partition(",")
    return int(least), int(most or least), end + 1


class Digits(NamedTuple):
    """A number a column, its digits downwards, and then `ENDED`; and how many digits it has."""

    held: Array
    lengths: Array

    def __len__(self) -> int:
        return len(self.lengths)

    def only(self, which: Array) -> Digits:
        """The numbers that a mask or an index picks."""
        return Digits(self.held[:, which], self.lengths[which])

    def behind(self, count: Array | int) -> Digits:
        """The numbers without so many of their first digits."""
        lengths = np.maximum(self.lengths - count, 0)
        if isinstance(count, int):
            return Digits(self.held[count:], lengths)
        held = self.held
        for one in np.unique(count[count > 0]).tolist():
            at = np.flatnonzero(count == one)
            held = held.copy() if held is self.held else held
            held[:-one, at] = self.held[one:, at]
            held[-one:, at] = ENDED
        return Digits(held, lengths)

    def begin_with(self, digits: str) -> Array:
        """Which numbers begin with the given digits."""
        if len(digits) > len(self.held):
            return np.zeros(len(self), bool)
        same = np.ones(len(self), bool)
        for held, digit in zip(self.held, digits, strict=False):
            same &= held == int(digit)
        return same

    def begin(self, count: int) -> Array:
        """The first digits of each number as a number; 0 where it has fewer."""
        found = np.zeros(len(self), np.int64)
        for held in self.held[:count]:
            found = found * 10 + held
        return np.where(self.lengths >= count, found, 0)

    def texts(self, before: str = "") -> pa.Array:
        """The numbers in writing, each with something before it."""
        width = len(before) + len(self.held)
        signs = np.empty((len(self), width), np.uint8)
        signs[:, : len(before)] = np.frombuffer(before.encode(), np.uint8)
        signs[:, len(before) :] = self.held.T + ord("0")
        ends = np.concatenate([[0], np.cumsum(self.lengths + len(before))]).astype(np.int32)
        inside = np.arange(width) < (self.lengths + len(before))[:, None]
        data = pa.py_buffer(signs[inside])
        return pa.StringArray.from_buffers(len(self), pa.py_buffer(ends), data)


def digits_of(texts: pa.Array) -> Digits:
    """The ASCII digits of strings without nulls, whatever else is in them."""
    offsets, data = buffers(texts)
    value = data - ord("0")
    at = np.flatnonzero(value < ENDED)
    lengths = np.diff(np.searchsorted(at, offsets))
    width = int(lengths.max(initial=1))
    held = np.full((len(texts), width), ENDED, np.uint8)
    places = ranges(np.arange(len(texts)) * width, lengths)
    held.reshape(-1)[places] = value[at]
    return Digits(np.ascontiguousarray(held.T), lengths)


def together(parts: Sequence[Digits]) -> Digits:
    """The numbers of all the parts."""
    width = max(len(part.held) for part in parts)
    lengths = np.concatenate([part.lengths for part in parts])
    held = np.full((width, len(lengths)), ENDED, np.uint8)
    done = 0
    for part in parts:
        held[: len(part.held), done : done + len(part)] = part.held
        done += len(part)
    return Digits(held, lengths)


def asks_for_trunk(code: str, significant: str) -> bool:
    """Whether a national number of a country code is written with its trunk prefix alone.

    As `phonenumbers.phonenumbermatcher` asks it: by the first format that fits the number.
    """
    return next((asks for fits, asks in _formats(code) if fits.match(significant)), False)


@cache
def _formats(code: str) -> tuple[tuple[re.Pattern[str], bool], ...]:
    """The formats of a country code, and whether a number in each needs the trunk prefix."""
    formats = main_metadata(code).number_format
    return tuple((_fitting(one), _asks(one)) for one in formats)


def _fitting(one: NumberFormat) -> re.Pattern[str]:
    leading = rf"(?={one.leading_digits_pattern[-1]})" if one.leading_digits_pattern else ""
    return re.compile(rf"{leading}(?:{one.pattern})\Z")


def _asks(one: NumberFormat) -> bool:
    rule = one.national_prefix_formatting_rule
    first_group_only = rule is None or re.fullmatch(r"\(?\\1\)?", rule)
    return not (first_group_only or one.national_prefix_optional_when_formatting)
