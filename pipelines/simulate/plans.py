"""libphonenumber's answers for one number at a time, from its metadata without its generality.

A world asks for millions of numbers in E.164, of which only the digits differ; the library parses
each anew. The rules are those of `phonenumbers.phonenumberutil`, and a test holds both to the same.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import phonenumbers as pn
from phonenumbers.phonemetadata import NumberFormat, PhoneMetadata

from transforms.identify.numbering import BEFORE_FIXED, FIXED, MOBILE

_TYPES = (*BEFORE_FIXED, FIXED, MOBILE)
_FIRST_GROUP = r"\1"
_GROUP = re.compile(r"\\\d")


@dataclass(frozen=True)
class _Region:
    """What tells that a number is one region's: how it begins, if that says so, and its types."""

    start: re.Pattern[str] | None
    by_length: dict[int, re.Pattern[str]]

    def has(self, national: str) -> bool:
        pattern = self.by_length.get(len(national))
        return pattern is not None and pattern.match(national) is not None


@dataclass(frozen=True)
class Layout:
    """How numbers are written that begin like `start` and look like `whole`.

    `text` has a field for each group of `whole`.
    """

    start: re.Pattern[str] | None
    whole: re.Pattern[str]
    text: str

    def of(self, national: str) -> str | None:
        """The number so written, or None where the layout is another's."""
        if self.start is not None and not self.start.match(national):
            return None
        found = self.whole.fullmatch(national)
        return self.text.format(*found.groups()) if found else None


def is_valid(code: str, national: str) -> bool:
    """Whether a national number of a country code is in an assigned range."""
    for region in _regions(code):
        if region.start is None:
            if region.has(national):
                return True
        elif region.start.match(national):
            return region.has(national)
    return False


def written(code: str, national: str) -> tuple[str, str]:
    """A national number of a country code as its own country writes it, and as others do."""
    at_home, abroad = _layouts(code)
    return _laid_out(at_home, national), f"+{code} {_laid_out(abroad, national)}"


def _laid_out(layouts: tuple[Layout, ...], national: str) -> str:
    texts = (one.of(national) for one in layouts)
    return next((text for text in texts if text is not None), national)


@cache
def _regions(code: str) -> tuple[_Region, ...]:
    return tuple(map(_region, pn.COUNTRY_CODE_TO_REGION_CODE[int(code)]))


def _metadata(region: str) -> PhoneMetadata:
    metadata = PhoneMetadata.metadata_for_region(region, None)
    assert metadata is not None, region  # noqa: S101 - regions come from the library's own table
    return metadata


def _region(name: str) -> _Region:
    metadata = _metadata(name)
    general = metadata.general_desc
    assert general is not None, name  # noqa: S101 - every region has one
    descs = [getattr(metadata, kind) for kind in _TYPES]
    descs = [one for one in descs if one is not None and one.national_number_pattern]
    by_length = {}
    for length in general.possible_length:
        of = [
            one.national_number_pattern
            for one in descs
            if not one.possible_length or length in one.possible_length
        ]
        if of:
            whole = rf"(?=(?:{general.national_number_pattern})\Z)(?:{'|'.join(of)})\Z"
            by_length[length] = re.compile(whole)
    start = metadata.leading_digits
    return _Region(re.compile(start) if start else None, by_length)


@cache
def _layouts(code: str) -> tuple[tuple[Layout, ...], tuple[Layout, ...]]:
    """The layouts at home and abroad, in the order in which they are tried."""
    metadata = _metadata(pn.region_code_for_country_code(int(code)))
    at_home = tuple(_layout(one, at_home=True) for one in metadata.number_format)
    abroad = metadata.intl_number_format or metadata.number_format
    return at_home, tuple(_layout(one, at_home=False) for one in abroad)


def _layout(shape: NumberFormat, *, at_home: bool) -> Layout:
    text = str(shape.format)
    rule = shape.national_prefix_formatting_rule
    if at_home and rule:
        text = text.replace(_FIRST_GROUP, rule, 1)
    starts = shape.leading_digits_pattern
    start = re.compile(starts[-1]) if starts else None
    return Layout(start, re.compile(str(shape.pattern)), _GROUP.sub("{}", text))
