"""Numbering plans of regions, compiled once a process from the metadata that `phonenumbers` ships.

Every rule is one of `phonenumbers.phonenumberutil`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, cached_property
from typing import NamedTuple

import phonenumbers as pn
from phonenumbers.phonemetadata import NumberFormat, PhoneMetadata, PhoneNumberDesc

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

_NEVER = re.compile(r"(?!)")


class NumberPattern(NamedTuple):
    """A pattern of whole national numbers of one line type, and their lengths, empty for any."""

    pattern: re.Pattern[str] = _NEVER
    lengths: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Plan:
    """The numbering plan of one region.

    `idd` and `trunk` match the international and the national prefix at the start of what is
    dialed. `rewrites`: the trunk prefix is replaced by other digits rather than removed. `start`
    matches the leading digits by which the region claims a number of its country code.
    """

    region: str
    code: str
    idd: re.Pattern[str]
    trunk: re.Pattern[str]
    has_trunk: bool
    rewrites: bool
    start: re.Pattern[str] | None
    general: NumberPattern
    local_only: frozenset[int]
    types: dict[str, NumberPattern]
    same: bool
    """True if fixed lines and mobiles have one pattern."""

    def is_general(self, digits: str) -> bool:
        """Tells whether a number matches the general pattern, whatever its length."""
        return self.general.pattern.fullmatch(digits) is not None

    @property
    def longest(self) -> int:
        """The number of digits of its longest numbers."""
        return max(self.general.lengths)

    def has_complete_length(self, length: int) -> bool:
        """Tells whether a trunk prefix is removed from a number that then has this length."""
        whole = length in self.general.lengths and length not in self.local_only
        return whole or length > self.longest

    def line_type(self, digits: str) -> str:
        """Returns the line type of a number, empty for none."""
        size = len(digits)
        if size not in self._kinds:
            self._kinds[size] = self._kinds_of_length(size)
        match = self._kinds[size].match(digits)
        if match is None:
            return ""
        kind = str(match.lastgroup)
        if kind == FIXED and (self.same or self._is_mobile(digits)):
            return FIXED_OR_MOBILE
        return kind

    @cached_property
    def _kinds(self) -> dict[int, re.Pattern[str]]:
        return {}

    def _kinds_of_length(self, size: int) -> re.Pattern[str]:
        """Returns a pattern of general numbers with a group for each line type, in their order."""
        rows = [("", self.general), *self.types.items()]
        fits = {kind for kind, row in rows if not row.lengths or size in row.lengths}
        groups = (f"(?P<{kind}>{row.pattern.pattern})" for kind, row in rows[1:] if kind in fits)
        general = rf"(?=(?:{self.general.pattern.pattern})\Z)"
        return _compiled(rf"{general}(?:{'|'.join(groups)})\Z" if "" in fits else None)

    def _is_mobile(self, digits: str) -> bool:
        pattern, lengths = self.types[MOBILE]
        return len(digits) in lengths and pattern.fullmatch(digits) is not None


@cache
def plan_of_region(region: str | None) -> Plan | None:
    """Returns the plan of a region, or None where the library has none."""
    return _to_plan(_metadata(region)) if region in pn.SUPPORTED_REGIONS else None


@cache
def main_plan_of_code(code: str) -> Plan:
    """Returns the plan by which the library parses what follows a country code."""
    return _to_plan(_main_metadata(code))


@cache
def plans_of_code(code: str) -> tuple[Plan, ...]:
    """Returns the plans of a country code's regions, in the order in which these claim numbers."""
    return tuple(
        _to_plan(_metadata(region)) for region in pn.COUNTRY_CODE_TO_REGION_CODE[int(code)]
    )


@cache
def country_codes() -> frozenset[str]:
    """Returns the country codes of regions."""
    nobodys = pn.REGION_CODE_FOR_NON_GEO_ENTITY
    codes = pn.COUNTRY_CODE_TO_REGION_CODE.items()
    return frozenset(str(code) for code, regions in codes if regions[0] != nobodys)


@cache
def country_code_pattern() -> re.Pattern[str]:
    """Returns a pattern of numbers that begin with a country code without plus."""
    codes = "|".join(map(str, sorted(pn.COUNTRY_CODE_TO_REGION_CODE)))
    return re.compile(rf"\(?(?:{codes})\)?[-. ]")


def requires_trunk_prefix(code: str, significant: str) -> bool:
    """Tells whether a national number of a country code is always written with its trunk prefix.

    Decides by the first format that fits the number, as `phonenumbers.phonenumbermatcher` does.
    """
    return next((asks for fits, asks in _formats(code) if fits.match(significant)), False)


def _metadata(region: str) -> PhoneMetadata:
    """Returns the metadata of a region that the library supports."""
    metadata = PhoneMetadata.metadata_for_region(region, None)
    assert metadata is not None, region  # noqa: S101 - regions come from the library's own table
    return metadata


def _main_metadata(code: str) -> PhoneMetadata:
    """Returns the library's metadata of the main region of a country code."""
    return _metadata(pn.region_code_for_country_code(int(code)))


def _to_plan(metadata: PhoneMetadata) -> Plan:
    kinds = [*SPECIAL_LINE_TYPES, FIXED, MOBILE]
    if metadata.same_mobile_and_fixed_line_pattern:
        kinds.remove(MOBILE)
    general = metadata.general_desc
    return Plan(
        region=metadata.id,
        code=str(pn.country_code_for_region(metadata.id)),
        idd=_compiled(metadata.international_prefix),
        trunk=_compiled(metadata.national_prefix_for_parsing),
        has_trunk=bool(metadata.national_prefix_for_parsing),
        rewrites=bool(metadata.national_prefix_transform_rule),
        start=_compiled(metadata.leading_digits) if metadata.leading_digits else None,
        general=_to_pattern(general),
        local_only=frozenset(general.possible_length_local_only if general else ()),
        types={kind: _to_pattern(getattr(metadata, kind)) for kind in kinds},
        same=bool(metadata.same_mobile_and_fixed_line_pattern),
    )


def _to_pattern(desc: PhoneNumberDesc | None) -> NumberPattern:
    if desc is None or not desc.national_number_pattern:
        return NumberPattern()
    return NumberPattern(_compiled(desc.national_number_pattern), frozenset(desc.possible_length))


def _compiled(pattern: str | None) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII) if pattern else _NEVER


@cache
def _formats(code: str) -> tuple[tuple[re.Pattern[str], bool], ...]:
    """Returns the formats of a country code, each with whether it requires the trunk prefix."""
    formats = _main_metadata(code).number_format
    return tuple((_fitting(form), _requires_prefix(form)) for form in formats)


def _fitting(form: NumberFormat) -> re.Pattern[str]:
    leading = rf"(?={form.leading_digits_pattern[-1]})" if form.leading_digits_pattern else ""
    return re.compile(rf"{leading}(?:{form.pattern})\Z")


def _requires_prefix(form: NumberFormat) -> bool:
    rule = form.national_prefix_formatting_rule
    first_group_only = rule is None or re.fullmatch(r"\(?\\1\)?", rule)
    return not (first_group_only or form.national_prefix_optional_when_formatting)
