"""Numbering plans as tables of states: libphonenumber's metadata, ready for whole columns.

Every rule is one of `phonenumbers.phonenumberutil`, taken from the metadata that it ships. What is
not held here is read by that library itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import phonenumbers as pn
from phonenumbers.phonemetadata import PhoneMetadata, PhoneNumberDesc

from transforms.identify.automata import Automaton, automaton
from transforms.identify.digits import Array, Digits

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
