"""Times as other systems write them: of a form that a map names, to UTC.

A time is read or refused, and never guessed at: a date that can be read in two orders, and the name
of a zone that is another elsewhere, say so.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from decimal import Decimal
from email.utils import parsedate_to_datetime
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from schemas.field import moment_of
from schemas.mapping import TimeForm
from transforms.values.casts import plain_number, plain_words, word_lists

_ZONE = (
    r"(?P<zone>(?i:Z|UTC|GMT|(?:UTC|GMT)?[+-]\d{1,2}(?::?\d{2})?)"
    r"|(?-i:[A-Z][a-z]+(?:/[A-Z][A-Za-z_-]+){1,2}|[A-Z]{2,5}))"
)
"""An offset, an IANA name or one of `zones` in columns.toml."""

_CLOCK = (
    r"(?:(?:,? -(?= )|[,:])?[ T]*(?<![0-9])(?:(?:at|um|om|as|à|às|alle|ore|a las|a la) )?"
    r"(?P<hour>\d{1,2})(?: ?[:.h] ?)(?P<minute>\d{2})(?:[:.](?P<second>\d{2})"
    r"(?:[.,](?P<fraction>\d{1,9}))?)?(?: ?(?P<half>[ap])(?:\.? ?m\b\.?|\b))?"
    r"(?: (?:uhr|hrs?|h)\b\.?)?"
    rf"(?: ?{_ZONE}(?: ?(?:UTC|GMT)| \(.{{0,60}}\)|\[.{{0,60}}\])?)?)?"
)

_COMPACT_DATE = re.compile(r"^(\d{4})(\d\d)(\d\d)(?:[ T]*(?=\d{6})|(?=[ T]|$))")

_COMPACT_CLOCK = re.compile(r"(?<=\d )(\d\d)(\d\d)(\d\d)(?!\d)")

_MILITARY = re.compile(r"(?<=\d )([01]\d|2[0-3])([0-5]\d) ?(?:hrs?|h)\b\.?", re.IGNORECASE)
"""A time of day as police and armies write it: 1015hrs."""

_HAN_DATE = re.compile(r"^(\d{4})年 ?(\d{1,2})月 ?(\d{1,2})日 ?")

_YEAR_FIRST = re.compile(
    rf"(?P<year>\d{{4}})[-/.](?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}}){_CLOCK}", re.IGNORECASE
)

YEAR_LAST = re.compile(
    rf"(?P<first>\d{{1,2}})[-/.](?P<other>\d{{1,2}})[-/.](?P<year>\d{{4}}|\d{{2}}){_CLOCK}",
    re.IGNORECASE,
)

_DAY, _MONTH = r"\d{1,2}(?:\.|er|ro|º|ª|st|nd|rd|th)?", r"[^\W\d_]{3,10}"

_NAMED_MONTH = re.compile(
    rf"(?:(?P<weekday>[^\W\d_]{{2,10}}(?:-feira)?)(?:\.,?|,)? )?(?:"
    rf"(?P<day>{_DAY})(?: (?:de |of )?|[-/])?(?P<name>{_MONTH})\.?"
    rf"|(?P<name2>{_MONTH})\.? (?P<day2>{_DAY})),?"
    rf"(?: (?:del? )?|[-/])(?P<year>\d{{4}}|\d{{2}}){_CLOCK}",
    re.IGNORECASE,
)

_UNIX_DATE = re.compile(r"([A-Z][a-z]{2} [A-Z][a-z]{2} +\d{1,2})( \d\d:\d\d:\d\d \S{2,9}) (\d{4})")
"""A time as `date` and Java write it, whose year is last: Sun Mar 01 10:00:00 EST 2026."""

_SERIAL = re.compile(r"(\d{5})(?:[.,](\d{1,17}))?")

_SERIAL_START = datetime(1899, 12, 30)
"""Day 0 of the dates of spreadsheets. Those of 1904, of old ones for Macintosh, are never meant."""


_SAYS_CLOCK = re.compile(r":|\d ?h ?\d|^\d{9,}$|^\d{5}[.,]\d")
"""A sign that a time is more than a day: a clock, an epoch, or a part of a day."""

_EPOCH_UNITS = {
    TimeForm.EPOCH_SECONDS: 1_000_000,
    TimeForm.EPOCH_MILLISECONDS: 1_000,
    TimeForm.EPOCH_MICROSECONDS: 1,
}
"""Microseconds of a unit."""

_LONGEST_TIME = 80

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2}):?(\d{2})?", re.IGNORECASE)


class TimeFormError(ValueError):
    """A time that is not of its form; the message holds nothing from it.

    `unclear` where it is of the form, and could be read in two ways.
    """

    def __init__(self, message: str, *, unclear: bool = False) -> None:
        super().__init__(message)
        self.unclear = unclear


def parse_zone(name: str) -> tzinfo:
    """Returns the zone of an IANA name, such as Europe/Madrid, or of an offset, such as +05:30.

    Raises ValueError if there is none.
    """
    if name.upper() in ("Z", "UTC", "GMT"):
        return UTC
    if offset := _OFFSET.fullmatch(name):
        minutes = int(offset[2]) * 60 + int(offset[3] or 0)
        return timezone(timedelta(minutes=minutes if offset[1] == "+" else -minutes))
    try:
        return ZoneInfo(name)
    except (KeyError, OSError):
        raise ValueError("no such zone") from None


def time_of_form(
    text: str, form: TimeForm, zone: tzinfo, country: str | None = None
) -> datetime | None:
    """Parses a time of a form, to UTC; `zone` is that of one which names none.

    The name of a zone that is another elsewhere, such as CST, is read as in `zone`, or else as in
    `country`. The 0 of an epoch is a time that was not set.

    Raises:
        TimeFormError: if the text is no such time.
    """
    if len(text) > _LONGEST_TIME:
        raise TimeFormError(f"not a time of the form {form}")
    try:
        if form in _EPOCH_UNITS:
            if text.startswith("+"):
                raise TimeFormError("a number with a plus, as a telephone has")
            return _epoch_time(text, _EPOCH_UNITS[form])
        if form is TimeForm.TIME_OF_DAY:
            raise TimeFormError("a time of day alone; a date must stand beside it")
        if form is TimeForm.RFC_5322:
            time = parsedate_to_datetime(text)
            if time.tzinfo is None and not text.endswith("-0000"):
                raise TimeFormError("a time that names no zone; write month-name in the map")
            return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
        if form is TimeForm.EXCEL_SERIAL:
            return _serial_time(text, zone)
        plain = unicodedata.normalize("NFC", " ".join(text.split()))
        plain = _MILITARY.sub(r"\1:\2", plain)
        return _calendar_time(plain, form, zone, country)
    except TimeFormError:
        raise
    except (ValueError, TypeError, IndexError, ArithmeticError):
        raise TimeFormError(f"not a time of the form {form}") from None


def time_or_error(
    text: str, form: TimeForm, zone: tzinfo, country: str | None = None
) -> datetime | TimeFormError | None:
    """Returns what `time_of_form` does, or the error that it raises."""
    try:
        return time_of_form(text, form, zone, country)
    except TimeFormError as error:
        return error


def time_or_day(time: str | None, texts: Sequence[str], zone: tzinfo) -> str | None:
    """Returns a time that texts give, or the day alone where they do: nobody pays at midnight."""
    if time is None or any(_SAYS_CLOCK.search(text.strip()) for text in texts):
        return time
    return datetime.fromisoformat(time).astimezone(zone).date().isoformat()


def _epoch_time(text: str, unit: int) -> datetime | None:
    count = Decimal(plain_number(text)) if len(text) <= 24 and text.isascii() else Decimal("NaN")
    if not count.is_finite():
        raise TimeFormError("not a number of seconds since 1970, or parts of them")
    return moment_of(int(count * unit)) if count else None


def _serial_time(text: str, zone: tzinfo) -> datetime:
    """Returns the time of a number of days and parts of one, to the second that it is next to."""
    serial = _SERIAL.fullmatch(text.strip())
    if serial is None:
        raise TimeFormError("not a number of days as spreadsheets keep dates")
    seconds = round(Decimal(f"{serial[1]}.{serial[2] or 0}") * 86_400)
    local = _SERIAL_START + timedelta(seconds=seconds)
    return local.replace(tzinfo=zone).astimezone(UTC)


def _calendar_time(text: str, form: TimeForm, zone: tzinfo, country: str | None) -> datetime:
    text = _COMPACT_CLOCK.sub(r"\1:\2:\3", _COMPACT_DATE.sub(r"\1-\2-\3 ", text, count=1).strip())
    text = _HAN_DATE.sub(r"\1-\2-\3 ", text).strip()
    if form in (TimeForm.ISO, TimeForm.ISO_LOCAL):
        date_read = _YEAR_FIRST.fullmatch(text)
        date = [int(date_read[name]) for name in ("year", "month", "day")] if date_read else []
    elif form is TimeForm.MONTH_NAME:
        if unix := _UNIX_DATE.fullmatch(text):
            text = f"{unix[1]} {unix[3]}{unix[2]}"
        date_read = _NAMED_MONTH.fullmatch(text)
        date = _named_date(date_read) if date_read else []
    else:
        date_read = YEAR_LAST.fullmatch(text)
        date = _ordered_date(date_read, form) if date_read else []
    if date_read is None:
        raise TimeFormError(f"not a time of the form {form}")
    own = date_read["zone"]
    if own is None and form is TimeForm.ISO:
        raise TimeFormError("a time that names no zone; write iso-local in the map")
    hour = int(date_read["hour"] or 0)
    if date_read["half"]:
        if not 1 <= hour <= 12:
            raise TimeFormError("an hour that no clock of 12 hours shows")
        hour = hour % 12 + (12 if date_read["half"] in "pP" else 0)
    micros = int((date_read["fraction"] or "")[:6].ljust(6, "0"))
    year, month, day = date
    minute, second = int(date_read["minute"] or 0), min(int(date_read["second"] or 0), 59)
    tz = _named_zone(own, zone, country) if own else zone
    local = datetime(year, month, day, hour, minute, second, micros, tz)
    return local.astimezone(UTC)


def _named_zone(name: str, zone: tzinfo, country: str | None) -> tzinfo:
    """Returns the zone that a time names: as in the zone of the map, or else in its country.

    Raises TimeFormError for a name that is no zone's, or that is another one's elsewhere.
    """
    meanings = [entry for entry in word_lists()["zones"] if name in entry["names"]]
    if not meanings:
        if not name.isalpha() or name.upper() in ("Z", "UTC", "GMT"):
            return parse_zone(name)
        raise TimeFormError("a time that names a zone which is not known; give its offset")
    here = [meaning for meaning in meanings if _uses_names(zone, meaning["names"])] or [
        meaning
        for meaning in meanings
        if not meaning["countries"] or country in meaning["countries"]
    ]
    if len(here) == 1:
        return parse_zone(here[0]["names"][name])
    raise TimeFormError(
        "a name of a zone that is another elsewhere, as CST in China; write timezone, such as "
        "America/New_York, in the map",
        unclear=True,
    )


@cache
def _zone_names(zone: tzinfo) -> frozenset[tuple[str | None, timedelta | None]]:
    """Returns the names that a zone has in winter and summer, with their offsets."""
    days = (datetime(2026, month, 1, tzinfo=zone) for month in (1, 7))
    return frozenset((day.tzname(), day.utcoffset()) for day in days)


def _uses_names(zone: tzinfo, names: dict[str, str]) -> bool:
    """Returns whether a zone's own name is among names, with the same offset."""
    return any(
        name in names and parse_zone(names[name]).utcoffset(None) == offset
        for name, offset in _zone_names(zone)
        if name is not None
    )


def _full_year(text: str) -> int:
    return int(text) + (2000 if len(text) == 2 else 0)


def _named_date(date_read: re.Match[str]) -> list[int]:
    month = month_number(date_read["name"] or date_read["name2"])
    weekday = plain_words(date_read["weekday"] or "").split(" ")[0]
    if not month or not any(name.startswith(weekday) for name in word_lists()["dates"]["days"]):
        raise TimeFormError("a name of a month or day that is not known")
    day = re.sub(r"\D", "", date_read["day"] or date_read["day2"])
    return [_full_year(date_read["year"]), month, int(day)]


@lru_cache(maxsize=1024)
def month_number(name: str) -> int:
    """Returns the month that alone has names which begin with a word; 0 of none or several."""
    plain = plain_words(name)
    months = word_lists()["dates"]["months"]
    numbers = [
        number
        for number, names in enumerate(months, 1)
        if any(name.startswith(plain) for name in names)
    ]
    return numbers[0] if len(numbers) == 1 and len(plain) >= 3 else 0


def _ordered_date(date_read: re.Match[str], form: TimeForm) -> list[int]:
    first, second = int(date_read["first"]), int(date_read["other"])
    if form is TimeForm.UNDECIDED:
        if first <= 12 and second <= 12 and first != second:
            raise TimeFormError(
                "a date of which the month may be first or second; write month-first or day-first "
                "in the map",
                unclear=True,
            )
        if may_begin_with_year(date_read):
            raise TimeFormError(
                "a date of which the year may be first or last; write day-first or month-first in "
                "the map, or export years of four digits",
                unclear=True,
            )
        month, day = (first, second) if first <= 12 else (second, first)
    else:
        month, day = (first, second) if form is TimeForm.MONTH_FIRST else (second, first)
    if month > 12:
        raise TimeFormError(f"a date whose month is over 12, which is not {form}")
    return [_full_year(date_read["year"]), month, day]


def may_begin_with_year(date_read: re.Match[str]) -> bool:
    """Returns whether a date of `YEAR_LAST` can be read with its year first, as 26/11/15."""
    return (
        len(date_read["year"]) == 2
        and int(date_read["other"]) <= 12
        and 1 <= int(date_read["year"]) <= 31
    )
