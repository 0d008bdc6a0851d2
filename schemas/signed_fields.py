"""Forms of the fields of signed files: what a value must be beyond its type, as its annotation.

`schemas.records.read_record` checks them, and names the first field that is wrong.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Sequence
from datetime import date, datetime
from functools import partial
from itertools import pairwise
from typing import Annotated, Any

from msgspec import Meta

from schemas.enums import HARD_ROLES
from schemas.records import Check, between, one_of

LEAST = 2
"""People who report a core member at least, which is shown where fewer than k do."""

MAX_REPORTERS = 1_000_000

SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""An organisation's, as source_org has it: as the name of a folder it leads nowhere else."""

MOMENT = "%Y-%m-%dT%H:%M:%SZ"
"""The form of a time, which is in UTC."""

_WEEK = re.compile(r"(\d{4})-W(\d{2})", re.ASCII)


def parses(parse: Callable[[Any], object], value: Any) -> bool:
    """Returns whether a parser takes a value, and raises no ValueError."""
    try:
        parse(value)
    except ValueError:
        return False
    return True


def parse_moment(text: str) -> datetime:
    """Parses a time of a signed file.

    Raises:
        ValueError: if it is not written as YYYY-MM-DDTHH:MM:SSZ, or there is no such time.
    """
    moment = datetime.fromisoformat(text)
    if f"{moment:{MOMENT}}" != text:
        raise ValueError("not a time in UTC to the second")
    return moment


def day_of(text: str) -> date:
    """Returns a day such as 2026-06-01.

    Raises:
        ValueError: for any other text.
    """
    day = date.fromisoformat(text)
    if day.isoformat() != text:
        raise ValueError("no day")
    return day


def week_start(week: str) -> date:
    """Returns the first day of an ISO 8601 week.

    Raises:
        ValueError: if there is no such week.
    """
    match = _WEEK.fullmatch(week)
    if not match:
        raise ValueError("no ISO week")
    return date.fromisocalendar(int(match[1]), int(match[2]), 1)


def rising(values: Sequence[Any]) -> bool:
    """Returns whether values are in order, each once."""
    return all(a < b for a, b in pairwise(values))


def _is_week(text: str) -> bool:
    return parses(week_start, text) and week_start(text) >= date(2000, 1, 1)


_decode = partial(base64.b64decode, validate=True)


RISING = Check(rising)
"""In order, each once."""


def matching(pattern: str) -> Meta:
    """Returns the annotation of a text that is wholly of a pattern, also by JSON Schema's rules."""
    return Meta(pattern=rf"^({pattern})$(?!\n)")


Whole = Annotated[int, between(0)]

Slug = Annotated[str, matching(SLUG.pattern)]

SlugOrNone = Annotated[str, matching(f"({SLUG.pattern})?")]
"""A slug, or an empty text."""

Digest = Annotated[str, matching(r"[0-9a-f]{64}")]
"""SHA-256 in hex."""

Id = Annotated[str, matching(r"[0-9a-f]{32}")]
"""Of an entry, an actor or a dispute of a hub, or a contributor's token: 16 bytes in hex."""

IdOrNone = Annotated[str, matching(r"([0-9a-f]{32})?")]

Ids = Annotated[tuple[Id, ...], RISING]

Places = Annotated[tuple[Whole, ...], RISING]
"""Places in a list, in order."""

Moment = Annotated[
    str,
    matching(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z"),
    Check(partial(parses, parse_moment), "is not a time"),
]

Day = Annotated[str, Check(lambda text: text < "3000" and parses(day_of, text))]
"""A day from which later ones can be computed."""

Week = Annotated[str, matching(_WEEK.pattern), Check(_is_week)]
"""An ISO 8601 week of this century."""

Base64 = Annotated[str, Check(partial(parses, _decode))]

KeyBytes = Annotated[Base64, Check(lambda text: len(_decode(text)) == 32)]
"""The 32 bytes of a public key in base64."""

HardRole = Annotated[str, one_of(HARD_ROLES)]

Reporters = Annotated[int, between(LEAST, MAX_REPORTERS)]
