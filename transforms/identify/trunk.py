"""Which national numbers are written with a trunk prefix alone, by libphonenumber's formats."""

from __future__ import annotations

import re
from functools import cache

from phonenumbers.phonemetadata import NumberFormat

from transforms.identify.numbering import main_metadata


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
