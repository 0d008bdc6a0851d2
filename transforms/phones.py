"""Phone numbers to E.164, or to nothing with a reason.

A wrong E.164 names an innocent subscriber, so a number is read only when it is valid in exactly one
plausible numbering plan; everything else is refused and says why.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import phonenumbers as pn
import pyarrow as pa
import pyarrow.compute as pc
from phonenumbers import shortnumberinfo

from schemas.kinds import EntityKind, Role
from transforms.found import Found

MAX_LENGTH = 250
"""Longest text read as one number: libphonenumber's own limit, in code points."""

MAY_BE_SEVERAL = ("too_long", "not_a_number")
"""Reasons for which a field may hold several numbers, or one among words."""
CACHED = 1 << 16
"""Distinct numbers that a worker remembers: the next steps ask for the same ones again."""

REFUSED_BY_LIBRARY = {
    pn.NumberParseException.NOT_A_NUMBER: "not_a_number",
    pn.NumberParseException.TOO_SHORT_AFTER_IDD: "too_short",
    pn.NumberParseException.TOO_SHORT_NSN: "too_short",
    pn.NumberParseException.TOO_LONG: "too_long",
}
REFUSED_BY_LENGTH = {
    pn.ValidationResult.TOO_SHORT: "too_short",
    pn.ValidationResult.TOO_LONG: "too_long",
    pn.ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "too_short",
}

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")
_SCIENTIFIC = re.compile(r"[+-]?\d{1,20}(?:[.,]\d{0,20})?[eE][+-]?\d{1,3}")
_SPREADSHEET_FLOAT = re.compile(r"(\d{7,15})\.0")
_MASKED = re.compile(r"[*•●■█▪?…]|\.{2,}\s*$|[xX#_]{3,}|[xX#_]{2,}\s*$|\d[xX]{2,}\d")
_SIP = re.compile(r"\s*sips?:([^@;?]{0,250})", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_ー]")
_EXTENSION = re.compile(
    r"[\s,;.(-]{0,6}(?:;ext=|e?xt(?:n|ensi[oó]n?)?|int|доб|anexo|x|#)[\s.:,]{0,6}\d{1,20}#?\)?\s*$",
    re.IGNORECASE,
)
_NANP_TOLL_FREE = re.compile(
    r"\s*(?:1[-. ]{1,2}\(?8(?:00|33|44|55|66|77|88)\)?|\(8(?:00|33|44|55|66|77|88)\))"
    r"[-. ]{0,2}\d{3}[-. ]?\d{4}\s*"
)
"""A North American toll-free number (47 CFR 52.101), grouped as only North America groups it."""

_VANITY_DIGITS = 8
"""A vanity number spells at least its last letters: more digits than this leave it no letters."""


class How(StrEnum):
    """How a number was read; what a reading is worth depends on it."""

    INTERNATIONAL = "international"
    NATIONAL = "national"
    VANITY = "vanity"
    MENDED = "mended"
    FOREIGN = "foreign"


PLAUSIBILITY = {
    How.INTERNATIONAL: 1.0,
    How.NATIONAL: 1.0,
    How.VANITY: 0.9,
    How.MENDED: 0.9,
    How.FOREIGN: 0.6,
}
"""What a way of reading is worth, as a factor of confidence: a judgement, not a measurement."""


class Reading(NamedTuple):
    """One number as read: `e164` is null exactly when `reason` is set."""

    e164: str | None = None
    region: str | None = None
    line_type: str | None = None
    reason: str | None = None
    how: str | None = None


READING = pa.struct([(name, pa.string()) for name in Reading._fields])
"""Arrow type of a reading: e164, region, line_type, reason, how."""


def normalise(raw: pa.Array, region: pa.Array) -> pa.StructArray:
    """Read every number under its region; both are string arrays of one length.

    Returns a `READING` struct array of that length, itself never null. `region` (ISO 3166-1
    alpha-2) may be null, then only international forms are read. Distinct pairs are read once.
    """
    pairs = pc.binary_join_element_wise(
        pc.fill_null(region.cast(pa.string()), ""), pc.fill_null(raw.cast(pa.string()), ""), "\x1f"
    ).dictionary_encode()
    distinct = []
    for pair in pairs.dictionary.to_pylist():
        where, _, text = pair.partition("\x1f")
        distinct.append(read_one(text, where or None))
    columns = [
        pa.array([reading[i] for reading in distinct], pa.string()).take(pairs.indices)
        for i in range(len(Reading._fields))
    ]
    return pa.StructArray.from_arrays(columns, fields=list(READING))


def read_one(raw: str, region: str | None) -> Reading:
    """Read one number under a region, or refuse it; never raises."""
    text = _INVISIBLE.sub("", raw).strip()
    if len(text) > MAX_LENGTH:
        return Reading(reason="too_long")
    return _read(text, region) if text else Reading(reason="empty")


@lru_cache(maxsize=CACHED)
def _read(text: str, region: str | None) -> Reading:
    if sip := _SIP.match(text):
        text = sip[1]
    if _SCIENTIFIC.fullmatch(text):
        return Reading(reason="scientific")
    if _MASKED.search(text):
        return Reading(reason="masked")
    if "@" in text:
        return Reading(reason="not_a_number")
    how = None
    if whole := _SPREADSHEET_FLOAT.fullmatch(text):
        text, how = whole[1], How.MENDED
    elif _spells_letters(text):
        how = How.VANITY
        if sum(map(str.isdigit, text)) > _VANITY_DIGITS:
            return Reading(reason="not_a_number")
    return _choose(text, region, how)


def _spells_letters(text: str) -> bool:
    plain = unicodedata.normalize("NFKC", text).removeprefix("tel:")
    body = _EXTENSION.sub("", plain).partition(";")[0]
    first = re.search(r"[\d+＋]", body)
    return first is not None and _LETTER.search(body, first.start()) is not None


def _choose(text: str, region: str | None, how: How | None) -> Reading:
    """The more plausible of the region's plan and, for its unmistakable shape, North America's."""
    home = _parse(text, region)
    abroad = region is not None and pn.country_code_for_region(region) not in (0, 1)
    if not (abroad and _NANP_TOLL_FREE.fullmatch(text)):
        return _judge(home, region, how)
    foreign = _parse(text, "US")
    if isinstance(foreign, str) or not pn.is_valid_number(foreign):
        return _judge(home, region, how)
    if not isinstance(home, str) and pn.is_valid_number(home) and not _lacks_trunk_zero(home, text):
        return Reading(reason="ambiguous")
    return _judge(foreign, "US", How.FOREIGN)


def _parse(text: str, region: str | None) -> pn.PhoneNumber | str:
    """The parsed number, or the reason why there is none."""
    try:
        return pn.parse(text, region, keep_raw_input=True)
    except pn.NumberParseException as error:
        if error.error_type == pn.NumberParseException.INVALID_COUNTRY_CODE:
            return "invalid" if text.lstrip()[:1] in "+＋" else "no_region"
        return REFUSED_BY_LIBRARY[error.error_type]


def _lacks_trunk_zero(number: pn.PhoneNumber, text: str) -> bool:
    """Whether the plan writes this number with a trunk prefix that the text does not have."""
    written = pn.normalize_digits_only(pn.format_number(number, pn.PhoneNumberFormat.NATIONAL))
    return len(pn.normalize_digits_only(text)) < len(written)


def _judge(number: pn.PhoneNumber | str, region: str | None, how: How | None) -> Reading:
    """A reading of a valid number; otherwise the reason why it is none."""
    if isinstance(number, str):
        return Reading(reason=number)
    if not pn.is_valid_number(number):
        if region is not None and shortnumberinfo.is_possible_short_number_for_region(
            number, region
        ):
            return Reading(reason="short_code")
        possible = pn.is_possible_number_with_reason(number)
        return Reading(reason=REFUSED_BY_LENGTH.get(possible, "invalid"))
    if how is None:
        national = number.country_code_source == pn.CountryCodeSource.FROM_DEFAULT_COUNTRY
        how = How.NATIONAL if national else How.INTERNATIONAL
    home = pn.region_code_for_number(number)
    return Reading(
        e164=pn.format_number(number, pn.PhoneNumberFormat.E164),
        region=None if home in (None, pn.REGION_CODE_FOR_NON_GEO_ENTITY) else home,
        line_type=pn.PhoneNumberType.to_string(pn.number_type(number)).lower(),
        how=how,
    )


def found(start: int, end: int, reading: Reading, role: Role) -> Found:
    """The entity of a number that was read."""
    return Found(
        start,
        end,
        EntityKind.PHONE,
        reading.e164 or "",
        role,
        reading.region,
        reading.line_type,
        PLAUSIBILITY[How(reading.how)] if reading.how else 1.0,
    )
