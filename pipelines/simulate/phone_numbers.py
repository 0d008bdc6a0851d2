"""Phone numbers of six countries: drawn valid, and written as people write them.

A world asks for millions of numbers in E.164, of which only the digits differ, and libphonenumber
parses each anew. The rules here are those of `phonenumbers.phonenumberutil`, one number at a time
and from the same metadata; a test holds both equal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from random import Random
from typing import Literal

import phonenumbers as pn
from phonenumbers.phonemetadata import NumberFormat, PhoneMetadata

from transforms.phone import FIXED, MOBILE, SPECIAL_LINE_TYPES

Line = Literal["service", "geographic"]

CALLING_CODES = {"US": "1", "CA": "1", "GB": "44", "AU": "61", "DE": "49", "ES": "34"}

PREFIXES: dict[tuple[str, Line], tuple[tuple[str, int], ...]] = {
    ("US", "service"): tuple((p, 7) for p in ("800", "833", "844", "855", "866", "877", "888")),
    ("US", "geographic"): tuple(
        (p, 7) for p in "202 212 213 305 312 404 415 503 617 702 713 786 805 818 917 972".split()
    ),
    ("CA", "service"): tuple((p, 7) for p in ("833", "844", "855", "866", "877", "888")),
    ("CA", "geographic"): tuple((p, 7) for p in "204 403 416 418 506 514 604 613 647 902".split()),
    ("GB", "service"): (("800", 7), ("808", 7), ("330", 7), ("20", 8)),
    ("GB", "geographic"): (("20", 8), ("121", 7), ("161", 7), ("131", 7), ("7400", 6), ("7911", 6)),
    ("AU", "service"): (("1800", 6), ("2", 8), ("3", 8)),
    ("AU", "geographic"): (("2", 8), ("3", 8), ("7", 8), ("4", 8)),
    ("DE", "service"): (("800", 7), ("30", 8), ("69", 8)),
    ("DE", "geographic"): (("30", 8), ("69", 8), ("89", 8), ("40", 8), ("1512", 7), ("1601", 7)),
    ("ES", "service"): (("900", 6), ("91", 7), ("93", 7)),
    ("ES", "geographic"): (("91", 7), ("93", 7), ("95", 7), ("6", 8)),
}
"""National prefixes (without trunk prefix) and the digits that follow, by country and line."""


def digits(rng: Random, count: int) -> str:
    """Draws `count` random decimal digits."""
    return str(rng.randrange(10**count)).zfill(count)


def is_valid(number: str) -> bool:
    """Returns whether an E.164 number is in an assigned range of libphonenumber's metadata."""
    return is_assigned(*_parts(number))


def _parts(number: str) -> tuple[str, str]:
    """Returns the country code and the national number of an E.164 number of the six countries."""
    width = 2 if number[1] == "1" else 3
    return number[1:width], number[width:]


def draw_number(rng: Random, country: str, line: Line) -> str:
    """Draws a valid number of `country` in E.164; it may by chance be a real one."""
    while True:
        prefix, rest = rng.choice(PREFIXES[country, line])
        number = f"+{CALLING_CODES[country]}{prefix}{digits(rng, rest)}"
        if is_valid(number):
            return number


def following(number: str, count: int) -> list[str]:
    """Returns up to `count` valid consecutive numbers from `number` on: a leased block."""
    block = (f"+{int(number[1:]) + step}" for step in range(count))
    return [one for one in block if is_valid(one)]


def neighbour(rng: Random, number: str) -> str:
    """Draws a number that differs in the last four digits: of the same area and exchange."""
    while True:
        other = number[:-4] + digits(rng, 4)
        if other != number and is_valid(other):
            return other


def mistype(rng: Random, number: str) -> str:
    """Returns `number` with one of its last seven digits wrong; it may be valid, or not."""
    place = len(number) - rng.randint(1, 7)
    wrong = str((int(number[place]) + rng.randint(1, 9)) % 10)
    return number[:place] + wrong + number[place + 1 :]


@lru_cache(maxsize=50_000)
def _formats(number: str) -> tuple[str, str]:
    return national_and_international(*_parts(number))


def write_number(rng: Random, number: str, country: str) -> str:
    """Returns `number` as somebody in `country` writes it, national where it is of that country.

    Punctuation varies; the digits always lead back to `number` with `country` as the region.
    """
    national, international = _formats(number)
    code = CALLING_CODES[country]
    home = number.startswith(f"+{code}")
    style = rng.random()
    if not home or style < 0.12:
        return rng.choice((number, international, international.replace(" ", "-")))
    if style < 0.55:
        return national
    bare = "".join(c if c.isdigit() else " " for c in national).split()
    if style < 0.7:
        return "-".join(bare)
    if style < 0.8:
        return ".".join(bare)
    if style < 0.9 or code != "1":
        return "".join(bare)
    return "1-" + "-".join(bare)


_TYPES = (*SPECIAL_LINE_TYPES, FIXED, MOBILE)

_FIRST_GROUP = r"\1"

_GROUP = re.compile(r"\\\d")


@dataclass(frozen=True)
class _Region:
    """The patterns of one region's numbers: of their start, if that decides, and by length."""

    start: re.Pattern[str] | None
    by_length: dict[int, re.Pattern[str]]

    def has(self, national: str) -> bool:
        pattern = self.by_length.get(len(national))
        return pattern is not None and pattern.match(national) is not None


@dataclass(frozen=True)
class Layout:
    """A layout of numbers that begin like `start` and look like `whole`.

    `text` has a field for each group of `whole`.
    """

    start: re.Pattern[str] | None
    whole: re.Pattern[str]
    text: str

    def of(self, national: str) -> str | None:
        """Returns the number in this layout, or None where the layout is another's."""
        if self.start is not None and not self.start.match(national):
            return None
        found = self.whole.fullmatch(national)
        return self.text.format(*found.groups()) if found else None


def is_assigned(code: str, national: str) -> bool:
    """Returns whether a national number of a country code is in an assigned range."""
    for region in _regions(code):
        if region.start is None:
            if region.has(national):
                return True
        elif region.start.match(national):
            return region.has(national)
    return False


def national_and_international(code: str, national: str) -> tuple[str, str]:
    """Returns a national number as the country of the code writes it, and as others do."""
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
    """Returns the layouts at home and abroad, in the order in which they are tried."""
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
