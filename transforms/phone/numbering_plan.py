"""Numbering plans for whole columns of numbers, from the metadata that `phonenumbers` ships.

Every rule is one of `phonenumbers.phonenumberutil`. What is not covered here is left to that
library. Columns of numbers are matrices of digits, and the patterns of plans are automata.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, NamedTuple

import numpy as np
import phonenumbers as pn
import pyarrow as pa
from phonenumbers.phonemetadata import NumberFormat, PhoneMetadata, PhoneNumberDesc

from transforms.arrow_util import Array, concat_ranges
from transforms.text_spans import string_buffers

NANP = "1"
"""Country code of the North American numbering plan."""

_AREA_CODE = "[2-9][0-9]{2}"

_TOLL_FREE_CODE = "8(?:00|33|44|55|66|77|88)"
"""A toll-free code (47 CFR 52.101)."""

NANP_SURE = (
    rf"(?:1[-. ]{{1,2}}\(?{_AREA_CODE}\)?|\({_AREA_CODE}\))[-. ]{{0,2}}[0-9]{{3}}[-. ]?[0-9]{{4}}"
)
"""A number grouped as only North America groups numbers."""

NANP_SHAPED = rf"{NANP_SURE}|{_AREA_CODE}[-.][0-9]{{3}}[-.][0-9]{{4}}"
"""The same, and a grouping that North America is known for."""

NANP_TOLL_FREE = NANP_SHAPED.replace(_AREA_CODE, _TOLL_FREE_CODE)
"""Such a number with a toll-free code."""

FIXED, MOBILE, FIXED_OR_MOBILE = "fixed_line", "mobile", "fixed_line_or_mobile"

SPECIAL_LINE_TYPES = (
    "premium_rate",
    "toll_free",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
)
"""Line types that libphonenumber tries, in this order, before fixed lines and mobiles."""

LINE_TYPES = ("", *SPECIAL_LINE_TYPES, FIXED, MOBILE, FIXED_OR_MOBILE)
"""Line types by index; the first means none."""

END = 10
"""The symbol after the last digit of a number."""

SYMBOLS = END + 1
"""Symbols of the automata: ten digits, and the end of a number."""

_LONGEST = 18
"""Digits of the longest number that a plan is asked about."""

_ANY = (1 << END) - 1


@dataclass(frozen=True)
class NumberPattern:
    """A pattern of whole national numbers of one line type, and their lengths, empty for any."""

    pattern: str
    lengths: tuple[int, ...]


@dataclass(frozen=True)
class Plan:
    """The numbering plan of one region.

    `idd` and `trunk` match the international and the national prefix at the start of what is
    dialed. `rewrites`: the trunk prefix is replaced by other digits rather than removed.
    """

    region: str
    code: str
    idd: str
    trunk: str
    rewrites: bool
    general: NumberPattern
    local_only: tuple[int, ...]
    types: tuple[tuple[str, NumberPattern], ...]
    same: bool
    """True if fixed lines and mobiles have one pattern."""

    def is_general(self, numbers: DigitMatrix) -> Array:
        """Tells which numbers match the general pattern, whatever their length."""
        return (self._states.match_whole(numbers) & 1).astype(bool)

    @property
    def longest(self) -> int:
        """The number of digits of its longest numbers."""
        return max(self.general.lengths)

    def has_complete_length(self, lengths: Array) -> Array:
        """Tells for which lengths of a number its trunk prefix is removed."""
        return self._complete[lengths]

    def line_types(self, numbers: DigitMatrix) -> Array:
        """Returns the line type of each number, as an index into `LINE_TYPES`."""
        return self._kind_of[self._states.match_whole(numbers) & self._allowed[numbers.lengths]]

    @cached_property
    def _complete(self) -> Array:
        whole = set(self.general.lengths) - set(self.local_only)
        return np.array([n in whole or n > self.longest for n in range(_LONGEST + 1)])

    @cached_property
    def _states(self) -> Automaton:
        return build_automaton([one.pattern for one in self._descs])

    @cached_property
    def _descs(self) -> tuple[NumberPattern, ...]:
        return (self.general, *(desc for _, desc in self.types))

    @cached_property
    def _allowed(self) -> Array:
        """The patterns that may have each length, as bits."""
        bits = [
            sum(1 << i for i, one in enumerate(self._descs) if not one.lengths or n in one.lengths)
            for n in range(_LONGEST + 1)
        ]
        return np.array(bits, np.int64)

    @cached_property
    def _kind_of(self) -> Array:
        """The line type for each set of patterns that match, as bits."""
        names = [kind for kind, _ in self.types]
        sets = (
            {names[i] for i in range(len(names)) if bits >> (i + 1) & 1} if bits & 1 else set()
            for bits in range(1 << (len(names) + 1))
        )
        return np.array([LINE_TYPES.index(self._kind(one)) for one in sets], np.int8)

    def _kind(self, matched: set[str]) -> str:
        for kind in SPECIAL_LINE_TYPES:
            if kind in matched:
                return kind
        if FIXED in matched:
            return FIXED_OR_MOBILE if self.same or MOBILE in matched else FIXED
        return MOBILE if MOBILE in matched and not self.same else ""


@dataclass(frozen=True)
class Claims:
    """The regions of a country code in the order in which they claim its numbers.

    A region claims a number by its start, if it has one, else by having a type for it.
    """

    plans: tuple[Plan, ...]
    starts: tuple[int, ...]
    """The bit of each region's leading digits in `match_start`, 0 where it has none."""
    _begin: Automaton | None

    def match_start(self, numbers: DigitMatrix) -> Array:
        """Returns the regions' leading digits, as bits, that each number begins with."""
        if self._begin is None:
            return np.zeros(len(numbers), np.int64)
        return self._begin.match_start(numbers)


@cache
def plan_of_region(region: str | None) -> Plan | None:
    """Returns the plan of a region, or None where the library has none."""
    return _to_plan(_metadata(region)) if region in pn.SUPPORTED_REGIONS else None


@cache
def main_plan_of_code(code: str) -> Plan:
    """Returns the plan by which the library parses what follows a country code."""
    return _to_plan(_main_metadata(code))


@cache
def claims_of_code(code: str) -> Claims:
    """Returns how the regions of a country code claim its numbers."""
    regions = [_metadata(one) for one in pn.COUNTRY_CODE_TO_REGION_CODE[int(code)]]
    starts = [one.leading_digits for one in regions if one.leading_digits]
    bits = iter(range(len(starts)))
    return Claims(
        tuple(map(_to_plan, regions)),
        tuple(1 << next(bits) if one.leading_digits else 0 for one in regions),
        build_automaton(starts) if starts else None,
    )


@cache
def country_code_table() -> Array:
    """Returns the country code that each number of three digits begins with, 0 for none."""
    table = np.zeros(1000, np.intp)
    for code, regions in pn.COUNTRY_CODE_TO_REGION_CODE.items():
        if regions[0] != pn.REGION_CODE_FOR_NON_GEO_ENTITY:
            width = 10 ** (3 - len(str(code)))
            table[code * width : (code + 1) * width] = code
    return table


@cache
def country_code_pattern() -> str:
    """Returns a pattern (RE2 and Python) of numbers that begin with a country code without plus."""
    return rf"^\(?(?:{'|'.join(map(str, sorted(pn.COUNTRY_CODE_TO_REGION_CODE)))})\)?[-. ]"


def requires_trunk_prefix(code: str, significant: str) -> bool:
    """Tells whether a national number of a country code is always written with its trunk prefix.

    Decides by the first format that fits the number, as `phonenumbers.phonenumbermatcher` does.
    """
    return next((asks for fits, asks in _formats(code) if fits.match(significant)), False)


class DigitMatrix(NamedTuple):
    """Numbers as a matrix, a column each: digits downwards, then `END`; and how many digits."""

    digits: Array
    lengths: Array

    def __len__(self) -> int:
        return len(self.lengths)

    def select(self, which: Array) -> DigitMatrix:
        """Returns the numbers that a mask or an index selects."""
        return DigitMatrix(self.digits[:, which], self.lengths[which])

    def drop_leading(self, count: Array | int) -> DigitMatrix:
        """Returns the numbers without so many of their first digits."""
        lengths = np.maximum(self.lengths - count, 0)
        if isinstance(count, int):
            return DigitMatrix(self.digits[count:], lengths)
        digits = self.digits
        for one in np.unique(count[count > 0]).tolist():
            at = np.flatnonzero(count == one)
            digits = digits.copy() if digits is self.digits else digits
            digits[:-one, at] = self.digits[one:, at]
            digits[-one:, at] = END
        return DigitMatrix(digits, lengths)

    def start_with(self, digits: str) -> Array:
        """Tells which numbers begin with the given digits."""
        if len(digits) > len(self.digits):
            return np.zeros(len(self), bool)
        same = np.ones(len(self), bool)
        for row, digit in zip(self.digits, digits, strict=False):
            same &= row == int(digit)
        return same

    def leading_number(self, count: int) -> Array:
        """Returns the first `count` digits of each number as a number; 0 where it has fewer."""
        number = np.zeros(len(self), np.int64)
        for row in self.digits[:count]:
            number = number * 10 + row
        return np.where(self.lengths >= count, number, 0)

    def to_strings(self) -> pa.Array:
        """Returns the numbers as strings."""
        inside = np.arange(len(self.digits)) < self.lengths[:, None]
        data = pa.py_buffer((self.digits.T + ord("0"))[inside])
        ends = np.concatenate([[0], np.cumsum(self.lengths)]).astype(np.int32)
        return pa.StringArray.from_buffers(len(self), pa.py_buffer(ends), data)


def digit_matrix(texts: pa.Array) -> DigitMatrix:
    """Makes a matrix of the ASCII digits of strings without nulls, whatever else they contain."""
    offsets, data = string_buffers(texts)
    value = data - ord("0")
    at = np.flatnonzero(value < END)
    lengths = np.diff(np.searchsorted(at, offsets))
    width = int(lengths.max(initial=1))
    digits = np.full((len(texts), width), END, np.uint8)
    digits.reshape(-1)[concat_ranges(np.arange(len(texts)) * width, lengths)] = value[at]
    return DigitMatrix(np.ascontiguousarray(digits.T), lengths)


@dataclass(frozen=True)
class Automaton:
    """Many patterns of digits as one table of states, run over a whole column by numpy.

    `after[state + digit]` is the next state, `ends[state // SYMBOLS]` the patterns that end in it,
    as bits. The patterns of a numbering plan are finite and use few signs, so some hundred states
    decide for all of them at once. The states are sets of what may follow in the patterns (their
    partial derivatives, Antimirov 1996), made in milliseconds, once in a process.
    """

    after: Array
    ends: Array

    def match_whole(self, numbers: DigitMatrix) -> Array:
        """Returns the patterns, as bits, that match each whole number."""
        state = np.full(len(numbers), SYMBOLS)
        for digit in numbers.digits:
            state = self.after[state + digit]
        return self.ends[state // SYMBOLS]

    def match_start(self, numbers: DigitMatrix) -> Array:
        """Returns the patterns, as bits, that match the start of each number."""
        state = np.full(len(numbers), SYMBOLS)
        matched = self.ends[state // SYMBOLS]
        for digit in numbers.digits:
            state = self.after[state + digit]
            matched |= self.ends[state // SYMBOLS]
        return matched


def build_automaton(patterns: Sequence[str]) -> Automaton:
    """Builds the automaton of at most 63 patterns of digits, classes, groups, choices and counts.

    Raises:
        ValueError: A pattern has any other sign.
    """
    whole = frozenset((i, one) for i, text in enumerate(patterns) for one in _parse(text))
    known: dict[frozenset[tuple[int, _Items]], int] = {frozenset(): 0, whole: 1}
    states = list(known)
    after: list[int] = []
    for state in states:
        steps = [(digits, (i, rest)) for i, items in state for digits, rest in _steps(items)]
        for digit in range(END):
            moved = frozenset(rest for digits, rest in steps if digits >> digit & 1)
            if moved not in known:
                known[moved] = len(states)
                states.append(moved)
            after.append(known[moved])
        after.append(known[state])
    ends = [sum({1 << i for i, items in state if _may_be_empty(items)}) for state in states]
    return Automaton(np.array(after) * SYMBOLS, np.array(ends, np.int64))


def _metadata(region: str) -> PhoneMetadata:
    """Returns the metadata of a region that the library supports."""
    metadata = PhoneMetadata.metadata_for_region(region, None)
    assert metadata is not None, region  # noqa: S101 - regions come from the library's own table
    return metadata


def _main_metadata(code: str) -> PhoneMetadata:
    """Returns the library's metadata of the main region of a country code."""
    return _metadata(pn.region_code_for_country_code(int(code)))


def _to_plan(metadata: PhoneMetadata) -> Plan:
    general = metadata.general_desc
    types = (
        (kind, _to_pattern(getattr(metadata, kind)))
        for kind in (*SPECIAL_LINE_TYPES, FIXED, MOBILE)
    )
    return Plan(
        metadata.id,
        str(pn.country_code_for_region(metadata.id)),
        metadata.international_prefix or "",
        metadata.national_prefix_for_parsing or "",
        bool(metadata.national_prefix_transform_rule),
        _to_pattern(general) or NumberPattern("", ()),
        tuple(general.possible_length_local_only) if general else (),
        tuple((kind, desc) for kind, desc in types if desc),
        bool(metadata.same_mobile_and_fixed_line_pattern),
    )


def _to_pattern(desc: PhoneNumberDesc | None) -> NumberPattern | None:
    if desc is None or not desc.national_number_pattern:
        return None
    return NumberPattern(desc.national_number_pattern, tuple(desc.possible_length))


@cache
def _formats(code: str) -> tuple[tuple[re.Pattern[str], bool], ...]:
    """Returns the formats of a country code, each with whether it requires the trunk prefix."""
    formats = _main_metadata(code).number_format
    return tuple((_fitting(one), _requires_prefix(one)) for one in formats)


def _fitting(one: NumberFormat) -> re.Pattern[str]:
    leading = rf"(?={one.leading_digits_pattern[-1]})" if one.leading_digits_pattern else ""
    return re.compile(rf"{leading}(?:{one.pattern})\Z")


def _requires_prefix(one: NumberFormat) -> bool:
    rule = one.national_prefix_formatting_rule
    first_group_only = rule is None or re.fullmatch(r"\(?\\1\)?", rule)
    return not (first_group_only or one.national_prefix_optional_when_formatting)


_Items = tuple[tuple[Any, int, int], ...]
"""A part of a pattern: digits as bits, or choices of `_Items`, and how often, least and most."""

_ITEM = re.compile(r"\\d|\[[0-9-]+\]|[0-9]|\(\?:|\|")

_COUNT = re.compile(r"\?|\{(\d+)(?:,(\d+))?\}")


def _parse(pattern: str) -> tuple[_Items, ...]:
    """Returns the choices of a pattern."""
    choices, end = _parse_choices(pattern, 0)
    if end != len(pattern):
        raise ValueError(f"not a pattern of digits: {pattern!r}")
    return choices


def _parse_choices(text: str, at: int) -> tuple[tuple[_Items, ...], int]:
    """Returns the choices that begin at a place of a pattern, and where they end."""
    choices: list[_Items] = [()]
    while item := _ITEM.match(text, at):
        at = item.end()
        if item[0] == "|":
            choices.append(())
            continue
        part: Any = _digits(item[0])
        if item[0] == "(?:":
            part, at = _parse_choices(text, at)
            at = text.index(")", at, at + 1) + 1
        least, most = "1", None
        if count := _COUNT.match(text, at):
            at = count.end()
            least, most = ("0", "1") if count[0] == "?" else count.groups()
        choices[-1] += ((part, int(least), int(most or least)),)
    return tuple(choices), at


def _steps(items: _Items) -> Iterator[tuple[int, _Items]]:
    """Yields the digits, as bits, that items may begin with, each with what follows them."""
    if not items:
        return
    (part, least, most), rest = items[0], items[1:]
    more = ((part, max(least - 1, 0), most - 1), *rest) if most > 1 else rest
    if isinstance(part, int):
        yield part, more
    else:
        for choice in part:
            yield from _steps(choice + more)
    if not least:
        yield from _steps(rest)


def _may_be_empty(items: _Items) -> bool:
    """Tells whether items match the empty text."""
    return all(
        least == 0 or (not isinstance(part, int) and any(map(_may_be_empty, part)))
        for part, least, _ in items
    )


def _digits(sign: str) -> int:
    """Returns the digits that a sign or a class means, as bits."""
    if sign == r"\d":
        return _ANY
    bits = 0
    for first, last in re.findall(r"(\d)(?:-(\d))?", sign):
        for digit in range(int(first), int(last or first) + 1):
            bits |= 1 << digit
    return bits
