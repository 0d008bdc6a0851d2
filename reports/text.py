"""Hostile text made harmless, regions recognized in it, and counts and times as people read them.

`visible` returns HTML that is safe inside an element, the others text.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping
from datetime import datetime
from functools import cache, lru_cache, partial
from importlib.resources import files
from typing import Any

from markupsafe import Markup, escape

NARROW_SPACE = "\u202f"
"""Between groups of digits (ISO 80000-1 section 7.3.1: a small space, not a mark)."""

TEXT_LIMIT = 160
"""Characters of one text that are shown; the rest is counted."""

safe = partial(str.__new__, Markup)
"""Marks our own markup around safe text as safe; `Markup` takes twice as long."""

NOT_KNOWN = Markup('<span class="none">–</span>')

_CUT = Markup('<span class="cut">… {} more characters</span>')


@lru_cache(maxsize=65_536)
def visible(text: str | None, limit: int = TEXT_LIMIT) -> Markup:
    """Returns text from a complaint escaped, isolated, cut, invisible characters spelled out.

    Control, format and bidirectional characters are shown as U+202E and the like, so that they can
    neither hide nor reorder their neighbours (UTS 39, Unicode security mechanisms). They are all
    characters that `str.isprintable` denies: Unicode categories C and Z, except the plain space.
    `<bdi>` isolates the direction of the letters that remain.
    """
    if not text:
        return NOT_KNOWN
    shown = text[:limit]
    if shown.isprintable():
        body = str(escape(shown))
    else:
        body = "".join(
            escape(c) if c.isprintable() else f'<span class="ctl">U+{ord(c):04X}</span>'
            for c in shown
        )
    rest = len(text) - len(shown)
    isolated = safe(f"<bdi>{body}</bdi>")
    return isolated + _CUT.format(f"{rest:,d}".replace(",", NARROW_SPACE)) if rest else isolated


def plain(text: str | None, limit: int = TEXT_LIMIT) -> str:
    """Returns text as `visible` does, without markup: for data, SVG titles and attributes."""
    shown = (text or "")[:limit]
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() else f"[U+{ord(c):04X}]" for c in shown)
    rest = len(text or "") - limit
    return f"{shown}… {rest} more characters" if rest > 0 else shown


def quantity(count: int, noun: str, nouns: str | None = None) -> str:
    """Returns a number of things: "1 call", "5,020 calls"; `nouns` if the plural adds no "s"."""
    return f"{count:,} {noun if count == 1 else nouns or f'{noun}s'}"


def readable_time(when: datetime) -> str:
    """Returns a time of UTC to the minute: "29 Jun 2025, 17:03 UTC"."""
    return f"{when.day} {when:%b %Y, %H:%M} UTC"


@cache
def region_atlas() -> dict[str, Any]:
    """Reads the regions that the map knows (tools/world_outline.py)."""
    text = files("reports").joinpath("assets", "regions.json").read_text(encoding="utf-8")
    atlas: dict[str, Any] = json.loads(text)
    return atlas


def most_first(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Returns counts with their names, the largest first, equal ones by name."""
    return sorted(counts.items(), key=lambda counted: (-counted[1], counted[0]))


REGION_LENGTH = 60
"""Most characters of a text that is compared with names of regions."""


def region_key(text: str) -> str:
    """Returns the letters and digits of a name of a region, without case and accents."""
    folded = unicodedata.normalize("NFKD", text if len(text) <= REGION_LENGTH else "").casefold()
    return "".join(character for character in folded if character.isalnum())


def recognize_region(country: str, text: str) -> str | None:
    """Returns the code of a region by its name or code, as organisations write them."""
    code: str | None = region_atlas()["keys"].get(country, {}).get(region_key(text))
    return code
