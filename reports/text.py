"""Values as people read them: hostile text made harmless, numbers, money and times.

Every function but `plain`, `short_id` and `plain_day` returns HTML that is safe inside an element.
"""

from __future__ import annotations

import math
from datetime import datetime
from decimal import Decimal
from functools import lru_cache, partial

from markupsafe import Markup, escape

NARROW_SPACE = "\u202f"
"""Between groups of digits (ISO 80000-1 section 7.3.1: a small space, not a mark)."""

TEXT_LIMIT = 160
"""Characters of one text that are shown; the rest is counted."""

SHORT_LIMIT = 32
"""Characters of an id beside a drawing."""

safe = partial(str.__new__, Markup)
"""Marks markup of our own, around what was made safe, as safe; `Markup` takes twice as long."""

NOT_KNOWN = Markup('<span class="none">–</span>')

_CUT = Markup('<span class="cut">… {} more characters</span>')


@lru_cache(maxsize=65_536)
def visible(text: str | None, limit: int = TEXT_LIMIT) -> Markup:
    """Returns text from a complaint escaped, isolated, cut, invisible characters spelled out.

    Control, format and bidirectional characters (anything that `str.isprintable` denies: Unicode
    categories C and Z but the plain space) are shown as U+202E and the like, so that they can
    neither reorder what stands beside them nor hide (UTS 39, Unicode security mechanisms).
    `<bdi>` isolates the direction of the letters that remain.
    """
    return NOT_KNOWN if not text else visible_once(text, limit)


def visible_once(text: str, limit: int = TEXT_LIMIT) -> Markup:
    """Returns text as `visible` does, but does not cache it: for text that is shown once."""
    shown = text[:limit]
    if shown.isprintable():
        body = str(escape(shown))
    else:
        body = "".join(escape(c) if c.isprintable() else _code_point(c) for c in shown)
    rest = len(text) - len(shown)
    isolated = safe(f"<bdi>{body}</bdi>")
    return isolated + _CUT.format(number(rest)) if rest else isolated


def plain(text: str | None, limit: int = TEXT_LIMIT) -> str:
    """Returns text as `visible` does, without markup: for data, SVG titles and attributes."""
    shown = (text or "")[:limit]
    if not shown.isprintable():
        shown = "".join(c if c.isprintable() else f"[U+{ord(c):04X}]" for c in shown)
    rest = len(text or "") - limit
    return f"{shown}… {rest} more characters" if rest > 0 else shown


def short_id(entity_id: str, limit: int = SHORT_LIMIT) -> str:
    """Returns an entity id without its kind, cut in the middle: both ends distinguish ids."""
    value = plain(entity_id.partition(":")[2] or entity_id)
    half = limit // 2
    return value if len(value) <= limit else f"{value[:half]}…{value[half + 1 - limit :]}"


def _code_point(character: str) -> Markup:
    return Markup('<span class="ctl">U+{}</span>').format(f"{ord(character):04X}")


@lru_cache(maxsize=4_096)
def number(value: int | None) -> Markup:
    """Writes a whole number, digits in groups of three."""
    return NOT_KNOWN if value is None else _grouped(f"{value:,d}")


@lru_cache(maxsize=16_384)
def fraction(value: float | None, digits: int = 2) -> Markup:
    """Writes a number with fixed digits after the point; not known if it is not finite."""
    if value is None or not math.isfinite(value):
        return NOT_KNOWN
    return _grouped(f"{value:,.{digits}f}")


def money(amount: Decimal | None) -> Markup:
    """Writes an exact amount: two digits after the point, or as many as it has."""
    if amount is None:
        return NOT_KNOWN
    whole, _, cents = f"{amount:,f}".partition(".")
    return _grouped(f"{whole}.{cents.rstrip('0').ljust(2, '0')}")


@lru_cache(maxsize=65_536)
def utc(moment: datetime | None) -> Markup:
    """Writes a time in UTC to the second, ISO 8601."""
    if moment is None:
        return NOT_KNOWN
    stamp = moment.isoformat(timespec="seconds").replace("+00:00", "Z")
    return safe(f"<time>{stamp}</time>")


@lru_cache(maxsize=65_536)
def plain_day(moment: datetime) -> str:
    """Returns the date of a time, ISO 8601, as text; strftime takes four times as long."""
    return moment.isoformat()[:10]


def day(moment: datetime | None) -> Markup:
    """Writes the date of a time in UTC, ISO 8601."""
    return NOT_KNOWN if moment is None else Markup("<time>{}</time>").format(f"{moment:%Y-%m-%d}")


def _grouped(digits: str) -> Markup:
    return escape(digits.replace(",", NARROW_SPACE))
