"""Phone numbers of six countries: drawn valid, and written as people write them."""

from __future__ import annotations

from functools import lru_cache
from random import Random
from typing import Literal

from pipelines.simulate import plans

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
    """`count` random decimal digits."""
    return str(rng.randrange(10**count)).zfill(count)


def is_valid(number: str) -> bool:
    """Whether an E.164 number is in an assigned range of libphonenumber's metadata."""
    return plans.is_valid(*_parts(number))


def _parts(number: str) -> tuple[str, str]:
    """The country code and the national number of an E.164 number of the six countries."""
    width = 2 if number[1] == "1" else 3
    return number[1:width], number[width:]


def draw(rng: Random, country: str, line: Line) -> str:
    """A valid number of `country` in E.164. Whose it really is, nobody knows: it is chance."""
    while True:
        prefix, rest = rng.choice(PREFIXES[country, line])
        number = f"+{CALLING_CODES[country]}{prefix}{digits(rng, rest)}"
        if is_valid(number):
            return number


def following(number: str, count: int) -> list[str]:
    """Up to `count` valid numbers from `number` on, one after the other: a leased block."""
    block = (f"+{int(number[1:]) + step}" for step in range(count))
    return [one for one in block if is_valid(one)]


def neighbour(rng: Random, number: str) -> str:
    """A number that shares all but the last four digits: the victim's own area and exchange."""
    while True:
        other = number[:-4] + digits(rng, 4)
        if other != number and is_valid(other):
            return other


def mistype(rng: Random, number: str) -> str:
    """`number` with one of its last seven digits wrong; it may be valid, or not."""
    place = len(number) - rng.randint(1, 7)
    wrong = str((int(number[place]) + rng.randint(1, 9)) % 10)
    return number[:place] + wrong + number[place + 1 :]


@lru_cache(maxsize=50_000)
def _formats(number: str) -> tuple[str, str]:
    return plans.written(*_parts(number))


def write(rng: Random, number: str, country: str) -> str:
    """`number` as somebody in `country` writes it, national where it is of that country.

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
