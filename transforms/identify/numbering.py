"""Numbering plans as patterns for RE2: libphonenumber's metadata, ready for whole columns.

Every rule is one of `phonenumbers.phonenumberutil`, taken from the metadata that it ships. What is
not held here is read by that library itself.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import phonenumbers as pn
from phonenumbers.phonemetadata import NumberFormat, PhoneMetadata, PhoneNumberDesc

COMMON = tuple(
    """
    US CA GB DE ES IN AU FR IT NL BE AT CH IE PT PL SE DK GR CZ RO HU NZ ZA NG PK BD PH SG MY HK
    JP KR CN TH VN ID AE SA IL TR UA PE CO CL
    """.split()
)
"""Regions whose plans are held: those of victims, of operators, and of large populations."""

_TOLL_FREE_CODE = "8(?:00|33|44|55|66|77|88)"
NANP_TOLL_FREE_SURE = (
    rf"(?:1[-. ]{{1,2}}\(?{_TOLL_FREE_CODE}\)?|\({_TOLL_FREE_CODE}\))"
    r"[-. ]{0,2}\d{3}[-. ]?\d{4}"
)
"""A toll-free number (47 CFR 52.101), grouped as only North America groups it."""
NANP_TOLL_FREE = rf"{NANP_TOLL_FREE_SURE}|{_TOLL_FREE_CODE}[-.]\d{{3}}[-.]\d{{4}}"
"""The same, and a grouping that North America is known for."""

FIXED, MOBILE, EITHER = "fixed_line", "mobile", "fixed_line_or_mobile"
_BEFORE_FIXED = (
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
    alone: bool
    """Whether what is not in `general` is no number of this country code at all."""


@dataclass(frozen=True)
class Claim:
    """A region that claims a number of its country code, unless `earlier` matches its start."""

    plan: Plan
    earlier: str


@cache
def plan(region: str) -> Plan | None:
    """The plan of a region, or None where it is not held."""
    return _plan(_metadata(region)) if region in COMMON else None


@cache
def claims() -> dict[str, tuple[Claim, ...]]:
    """The regions that claim a number of each held country code by its pattern, in order."""
    codes = dict.fromkeys(pn.country_code_for_region(region) for region in COMMON)
    return {str(code): tuple(_claims(code)) for code in codes}


@cache
def others(code: str) -> Desc | None:
    """Numbers that regions of a country code may claim by how they begin; None if none does."""
    known = [_metadata(region) for region in pn.COUNTRY_CODE_TO_REGION_CODE[int(code)]]
    known = [one for one in known if one.leading_digits]
    if not known:
        return None
    plans = [_plan(one) for one in known]
    lengths = {length for one in plans for length in one.general.lengths}
    starts = "|".join(str(one.leading_digits) for one in known)
    return Desc(rf"(?:{starts})\d*", tuple(sorted(lengths)))


def asks_for_trunk(code: str, significant: str) -> bool:
    """Whether a national number of a country code is written with its trunk prefix alone.

    As `phonenumbers.phonenumbermatcher` asks it: by the first format that fits the number.
    """
    return next((asks for fits, asks in _formats(code) if fits.match(significant)), False)


@cache
def _formats(code: str) -> tuple[tuple[re.Pattern[str], bool], ...]:
    """The formats of a country code, and whether a number in each needs the trunk prefix."""
    formats = _metadata(pn.region_code_for_country_code(int(code))).number_format
    return tuple((_fitting(one), _asks(one)) for one in formats)


def _fitting(one: NumberFormat) -> re.Pattern[str]:
    leading = rf"(?={one.leading_digits_pattern[-1]})" if one.leading_digits_pattern else ""
    return re.compile(rf"{leading}(?:{one.pattern})\Z")


def _asks(one: NumberFormat) -> bool:
    rule = one.national_prefix_formatting_rule
    first_group_only = rule is None or re.fullmatch(r"\(?\\1\)?", rule)
    return not (first_group_only or one.national_prefix_optional_when_formatting)


def _claims(code: int) -> list[Claim]:
    found: list[Claim] = []
    earlier: list[str] = []
    for region in pn.COUNTRY_CODE_TO_REGION_CODE[code]:
        metadata = _metadata(region)
        if metadata.leading_digits is not None:
            earlier.append(metadata.leading_digits)
        else:
            found.append(Claim(_plan(metadata), "|".join(earlier)))
    return found


@cache
def main_plan(code: str) -> Plan:
    """The plan by which the library parses what follows a country code."""
    region = pn.region_code_for_country_code(int(code))
    return _plan(_metadata(region))


def _metadata(region: str) -> PhoneMetadata:
    """The metadata of a region that the library supports."""
    metadata = PhoneMetadata.metadata_for_region(region, None)
    assert metadata is not None, region  # noqa: S101 - regions come from the library's own table
    return metadata


def _plan(metadata: PhoneMetadata) -> Plan:
    general = metadata.general_desc
    code = pn.country_code_for_region(metadata.id)
    types = ((kind, _desc(getattr(metadata, kind))) for kind in (*_BEFORE_FIXED, FIXED, MOBILE))
    return Plan(
        metadata.id,
        str(code),
        metadata.international_prefix or "",
        metadata.national_prefix_for_parsing or "",
        bool(metadata.national_prefix_transform_rule),
        _desc(general) or Desc("", ()),
        tuple(general.possible_length_local_only) if general else (),
        tuple((kind, desc) for kind, desc in types if desc),
        bool(metadata.same_mobile_and_fixed_line_pattern),
        _is_alone(code),
    )


def _is_alone(code: int) -> bool:
    """One region has the code; or it is North America's, whose regions share one shape."""
    return code == 1 or len(pn.COUNTRY_CODE_TO_REGION_CODE[code]) == 1


def _desc(desc: PhoneNumberDesc | None) -> Desc | None:
    if desc is None or not desc.national_number_pattern:
        return None
    return Desc(desc.national_number_pattern, tuple(desc.possible_length))
