"""Normalizes phone numbers to E.164, or refuses them with a reason.

A wrong E.164 names an innocent subscriber, so a number is read only when it is valid in exactly one
plausible numbering plan.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

import phonenumbers as pn
import pyarrow as pa
import pyarrow.compute as pc
from phonenumbers import shortnumberinfo

from schemas.field import TEXT
from transforms.arrow import distinct_rows
from transforms.phone import spoken
from transforms.phone.numbering_plan import (
    NANP_SHAPED,
    NANP_SURE,
    NANP_TOLL_FREE,
    country_code_pattern,
)
from transforms.phone.plain_number import SHARED_AREA, PlainNumber, read_plain

_CACHE_SIZE = 1 << 13
"""Numbers that a worker caches, 4 MB at 0.5 KB each: about the numbers of a batch.

A larger cache would not help: most numbers occur once, or again only after all others.
"""

MAY_BE_TEXT_REASONS = ("too_long", "not_a_number")
"""Reasons of refusal for which a field may contain several numbers, or one among words."""

VALID, POSSIBLE = "valid", "possible"
"""Validity: of an assigned pattern, or only of a length that its plan knows."""

LOOK_ALIKES = "OoIl|SBZ"
"""Latin letters that look like digits; lower-case s, b and z do not."""

TWO_READINGS_FACTOR = 0.8
"""A further factor if the text also reads as a second, less plausible valid number."""

_MAX_LENGTH = 250
"""Longest text read as one number: libphonenumber's own limit, in code points."""

_LEAST_DIGITS = 5
"""Least plain digits of a number with look-alikes; with fewer it may be a word."""

_VANITY_DIGITS = 8
"""Most digits of a vanity number; with more it would have too few letters."""

_REASONS_BY_ERROR = {
    pn.NumberParseException.NOT_A_NUMBER: "not_a_number",
    pn.NumberParseException.TOO_SHORT_AFTER_IDD: "too_short",
    pn.NumberParseException.TOO_SHORT_NSN: "too_short",
    pn.NumberParseException.TOO_LONG: "too_long",
}

_REASONS_BY_LENGTH = {
    pn.ValidationResult.TOO_SHORT: "too_short",
    pn.ValidationResult.TOO_LONG: "too_long",
    pn.ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "too_short",
}

_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]")

_SCIENTIFIC = re.compile(r"[+-]?\d{1,20}(?:[.,]\d{0,20})?[eE][+-]?\d{1,3}")

_EXACT_FLOAT = re.compile(r"([1-9])[.,](\d{6,14})[eE]\+?(\d{1,2})")
"""A float that lost no digit if it has as many decimals as its exponent says."""

_SPREADSHEET_FLOAT = re.compile(r"(\d{7,15})\.0")

_MASKED = re.compile(r"[*•●■█▪?…]|\.{2,}\s*$|[xX#_]{3,}|[xX#_]{2,}\s*$|\d[xX]{2,}\d")

_SIP = re.compile(r"\s*sips?:([^@;?]{0,250})", re.IGNORECASE)

_IDD = re.compile(r"[( ]{0,2}(?:0011|00)[-. )]{0,2}(?=[1-9])")
"""The international prefix of most countries and of Australia; no national number begins so.

North America's 011 is read only in its regions: elsewhere it is a trunk zero and a city (Delhi).
"""


_LETTER = re.compile(r"[^\W\d_]")

_SCRIPT_LETTER = re.compile(r"[^\W\d_ー]")

_LETTERS = re.compile(r"[^\W\d_ー]+")

_EXTENSION = re.compile(
    r"[\s,;.(-]{0,6}(?:;ext=|e?xt(?:n|ensi[oó]n?)?|int|доб|anexo|x|#)[\s.:,]{0,6}\d{1,20}#?\)?\s*$",
    re.IGNORECASE,
)

_LOOKS_LIKE = str.maketrans(LOOK_ALIKES, "00111582")

_LOOK_ALIKES = frozenset(LOOK_ALIKES)

_NUMBER_OF_LOOK_ALIKES = re.compile(
    rf"[+(]{{0,2}}[\d{LOOK_ALIKES}](?:[-. ()/]{{0,3}}[\d{LOOK_ALIKES}]){{6,17}}"
)

_START = re.compile(rf"[\d+]|(?<![^\W\d_])[{LOOK_ALIKES}]{{1,3}}(?=[-. ()]{{0,2}}\d)")

_WORD_APART = re.compile(r"\d[^\S\n]+(?P<word>[^\W\d_]{1,30})\W{0,2}$")

_TOLL_FREE_WORD = re.compile(r"\W{0,2}(?:\+?1\W{0,3})?8\d\d\W{1,3}[A-Za-z][A-Za-z -]{5,15}")

_SURE, _SHAPED, _TOLL_FREE = map(re.compile, (NANP_SURE, NANP_SHAPED, NANP_TOLL_FREE))


class ReadingMethod(StrEnum):
    """The way a number was read, on which the confidence of its reading depends."""

    INTERNATIONAL = "international"
    """Literally, with its country code."""
    NATIONAL = "national"
    """Literally, under the region of its record."""
    VANITY = "vanity"
    """From letters of the telephone keypad (ITU-T E.161)."""
    SPELLED = "spelled"
    """From digits that were written or transcribed as words."""
    LOOK_ALIKE = "look_alike"
    """From letters that look like digits, such as O for 0."""
    REPAIRED = "mended"
    """After a float's `.0` or exponent, or an international prefix of elsewhere, was removed."""
    FOREIGN = "foreign"
    """Under another plan than its record's region, which its shape gives away."""


_PLAUSIBILITY = {
    ReadingMethod.INTERNATIONAL: 1.0,
    ReadingMethod.NATIONAL: 1.0,
    ReadingMethod.VANITY: 0.9,
    ReadingMethod.SPELLED: 0.85,
    ReadingMethod.LOOK_ALIKE: 0.7,
    ReadingMethod.REPAIRED: 0.9,
    ReadingMethod.FOREIGN: 0.6,
}
"""Factors of confidence: a judgement, not a measurement."""


class Reading(NamedTuple):
    """One number as read: `e164` is null exactly when `reason` is set.

    `how` is a `ReadingMethod`. `also_read_as` is the E.164 of a less plausible reading. If no
    reading is the most plausible (reason `ambiguous`), it has all, separated by blanks.
    `confidence` is 0 without a reading. A number that is only possible has no E.164: it would name
    a wrong subscriber or none.
    """

    e164: str | None = None
    region: str | None = None
    line_type: str | None = None
    reason: str | None = None
    how: str | None = None
    validity: str | None = None
    extension: str | None = None
    also_read_as: str | None = None
    confidence: float = 0.0


READING_TYPE = pa.struct(
    [(name, pa.float32() if name == "confidence" else TEXT) for name in Reading._fields]
)
"""Arrow type of a reading, field by field as `Reading`."""


def normalize_numbers(raw: pa.Array, region: pa.Array) -> pa.StructArray:
    """Normalizes columns of phone numbers; distinct pairs are read once.

    Args:
        raw: Strings or null, as written.
        region: ISO 3166-1 alpha-2; where it is null, only international forms are read.

    Returns:
        A `READING_TYPE` struct array of the same length, itself never null.
    """
    texts, regions = (pc.fill_null(column.cast(TEXT), "") for column in (raw, region))
    first, back = distinct_rows((texts, regions))
    distinct = (column.take(pa.array(first)).to_pylist() for column in (texts, regions))
    readings = [
        normalize_number(text, where or None) for text, where in zip(*distinct, strict=True)
    ]
    fields = zip(*readings, strict=True) if readings else [()] * len(Reading._fields)
    columns = [
        pa.array(values, kind.type).take(pa.array(back))
        for values, kind in zip(fields, READING_TYPE, strict=True)
    ]
    return pa.StructArray.from_arrays(columns, fields=list(READING_TYPE))


def normalize_number(raw: str, region: str | None) -> Reading:
    """Normalizes one number under a region (ISO 3166-1 alpha-2), or refuses it; never raises."""
    if len(raw) > 4 * _MAX_LENGTH:
        return Reading(reason="too_long")
    text = (raw if raw.isascii() else _INVISIBLE.sub("", raw)).strip()
    if len(text) > _MAX_LENGTH:
        return Reading(reason="too_long")
    return _normalize_cached(text, region) if text else Reading(reason="empty")


def confidence_of(how: ReadingMethod, also: str | None) -> float:
    """Returns the confidence of a reading, lower if the text has a second valid one (`also`)."""
    return _PLAUSIBILITY[how] * (TWO_READINGS_FACTOR if also else 1.0)


def reading_of(number: PlainNumber) -> Reading:
    """Returns the reading of a plain number that a region claims."""
    how = ReadingMethod.NATIONAL if number.national else ReadingMethod.INTERNATIONAL
    e164 = f"+{number.code}{number.significant}"
    return Reading(
        e164, number.region, number.line_type, None, how, VALID, number.extension, None, 1.0
    )


@lru_cache(maxsize=_CACHE_SIZE)
def _normalize_cached(text: str, region: str | None) -> Reading:
    plain = read_plain(text, region)
    return reading_of(plain) if plain and plain.line_type else _normalize_any(text, region)


def _normalize_any(text: str, region: str | None) -> Reading:
    if sip := _SIP.match(text):
        text = sip[1]
    if _SCIENTIFIC.fullmatch(text):
        whole = _EXACT_FLOAT.fullmatch(text)
        if whole is None or len(whole[2]) != int(whole[3]):
            return Reading(reason="scientific")
        return _most_plausible(whole[1] + whole[2], region, ReadingMethod.REPAIRED)
    if _MASKED.search(text):
        return Reading(reason="masked")
    if "@" in text:
        return Reading(reason="not_a_number")
    if SHARED_AREA.match(text):
        return Reading(reason="too_long")
    if whole := _SPREADSHEET_FLOAT.fullmatch(text):
        return _most_plausible(whole[1], region, ReadingMethod.REPAIRED)
    plain = unicodedata.normalize("NFKC", text).removeprefix("tel:")
    words = spoken.find_spoken_numbers(plain) if _LETTER.search(plain) else ()
    for start, end, digits in islice(words, 1):
        if plain[start:end] == plain.strip(" .,()"):
            return _most_plausible(digits, region, ReadingMethod.SPELLED)
    if _has_letters(plain):
        return _normalize_lettered(text, plain, region)
    return _most_plausible(text, region, None)


def _normalize_lettered(text: str, plain: str, region: str | None) -> Reading:
    """Reads a number with letters in it: letters for digits, or a keypad's letters."""
    if looks := _look_alike_digits(plain):
        reading = _most_plausible(looks, region, ReadingMethod.LOOK_ALIKE)
        if not reading.e164 or not _may_be_vanity(plain):
            return reading
        spelled = _most_plausible(text, region, ReadingMethod.VANITY)
        return _ambiguous(reading, spelled) if spelled.e164 else reading
    if not _may_be_vanity(plain):
        return Reading(reason="not_a_number")
    return _most_plausible(text, region, ReadingMethod.VANITY)


def _most_plausible(text: str, region: str | None, how: ReadingMethod | None) -> Reading:
    """Reads a number by its region's plan, North America's, or after an international prefix."""
    home = _parse(text, region)
    if region and not home.valid and (prefix := _IDD.match(text)):
        abroad = _parse(f"+{text[prefix.end() :]}", None)
        if abroad.valid:
            return _to_reading(abroad, region, ReadingMethod.REPAIRED)
    if region is None or pn.country_code_for_region(region) in (0, 1):
        return _to_reading(home, region, how)
    return _under_another_plan(text, home) or _to_reading(home, region, how)


def _under_another_plan(text: str, home: _Parsed) -> Reading | None:
    """Reads a number whose shape belongs to another plan than its region's.

    The shape decides if the region's plan writes the number otherwise. A grouping used only in
    North America makes it a North American number. If both plans may have written it, it is
    refused. So is a number that begins with a country code without the plus. Returns None if the
    shape suggests no other plan.
    """
    bare = home.valid and _lacks_trunk_prefix(home.number, text)
    toll_free = _TOLL_FREE.fullmatch(text) is not None
    if (toll_free or bare) and _SHAPED.fullmatch(text) and (american := _parse(text, "US")).valid:
        if not home.valid:
            return _to_reading(american, "US", ReadingMethod.FOREIGN)
        if bare and _SURE.fullmatch(text):
            return _to_reading(american, "US", ReadingMethod.FOREIGN, also=home.e164)
        return _ambiguous(american, home)
    if bare and country_code_pattern().match(text):
        abroad = _parse(f"+{text.lstrip('(')}", None)
        return _ambiguous(abroad, home) if abroad.valid else None
    return None


def _ambiguous(first: _Parsed | Reading, second: _Parsed | Reading) -> Reading:
    return Reading(reason="ambiguous", also_read_as=f"{first.e164} {second.e164}")


def _to_reading(
    parsed: _Parsed, region: str | None, how: ReadingMethod | None, also: str | None = None
) -> Reading:
    """Returns the reading of a valid number, else a refusal with its reason."""
    if parsed.reason:
        return Reading(reason=parsed.reason)
    number = parsed.number
    if not parsed.valid:
        return _to_refusal(number, region)
    if how is None:
        national = number.country_code_source == pn.CountryCodeSource.FROM_DEFAULT_COUNTRY
        how = ReadingMethod.NATIONAL if national else ReadingMethod.INTERNATIONAL
    return Reading(
        e164=parsed.e164,
        region=None if parsed.region == pn.REGION_CODE_FOR_NON_GEO_ENTITY else parsed.region,
        line_type=pn.PhoneNumberType.to_string(pn.number_type(number)).lower(),
        how=how,
        validity=VALID,
        extension=number.extension,
        also_read_as=also,
        confidence=confidence_of(how, also),
    )


def _to_refusal(number: pn.PhoneNumber, region: str | None) -> Reading:
    """Refuses a parsed number: a short code, of a wrong length, or not in its plan."""
    possible = pn.is_possible_number_with_reason(number)
    validity = POSSIBLE if possible == pn.ValidationResult.IS_POSSIBLE else None
    if region is not None and shortnumberinfo.is_possible_short_number_for_region(number, region):
        short = pn.national_significant_number(number)
        emergency = shortnumberinfo.is_emergency_number(short, region)
        return Reading(reason="emergency" if emergency else "short_code")
    return Reading(reason=_REASONS_BY_LENGTH.get(possible, "invalid"), validity=validity)


class _Parsed(NamedTuple):
    """A parsed number, the region that claims it and its validity there; or a reason of refusal."""

    number: pn.PhoneNumber
    region: str | None = None
    valid: bool = False
    reason: str | None = None

    @property
    def e164(self) -> str:
        """The number in E.164."""
        return pn.format_number(self.number, pn.PhoneNumberFormat.E164)


def _parse(text: str, region: str | None) -> _Parsed:
    """Parses a number."""
    try:
        number = pn.parse(text, region, keep_raw_input=True)
    except pn.NumberParseException as error:
        reason = _REASONS_BY_ERROR.get(error.error_type, "no_region")
        invalid = reason == "no_region" and text.lstrip()[:1] in "+＋"
        return _Parsed(pn.PhoneNumber(), reason="invalid" if invalid else reason)
    claimed = pn.region_code_for_number(number)
    valid = claimed is not None and pn.is_valid_number_for_region(number, claimed)
    return _Parsed(number, claimed, valid)


def _lacks_trunk_prefix(number: pn.PhoneNumber, text: str) -> bool:
    """Tells whether the plan writes this number with a trunk prefix that the text lacks."""
    written = pn.normalize_digits_only(pn.format_number(number, pn.PhoneNumberFormat.NATIONAL))
    return len(pn.normalize_digits_only(text)) < len(written)


def _has_letters(plain: str) -> bool:
    """Tells whether a number has letters after its first digit or plus, except its extension.

    `plain` is in NFKC and begins with no scheme.
    """
    body = _body(plain)
    return _SCRIPT_LETTER.search(body) is not None or "|" in body


def _look_alike_digits(plain: str) -> str | None:
    """Returns the digits that a text imitates, if all of its letters are look-alikes; else None."""
    body = plain.strip()
    if not _NUMBER_OF_LOOK_ALIKES.fullmatch(body) or sum(map(str.isdigit, body)) < _LEAST_DIGITS:
        return None
    return body.translate(_LOOKS_LIKE)


def _may_be_vanity(plain: str) -> bool:
    """Tells whether the letters may be keypad letters (ITU-T E.161), not a name or a slip.

    A word that a blank separates from the digits must be in capitals, or follow a toll-free code.
    """
    body = _body(plain)
    if sum(map(str.isdigit, plain)) > _VANITY_DIGITS:
        return False
    runs = _LETTERS.findall(body)
    if set(body) & _LOOK_ALIKES == set("".join(runs)) and all(len(set(run)) == 1 for run in runs):
        return max(map(len, runs), default=0) >= 4
    apart = _WORD_APART.search(body)
    return apart is None or apart["word"].isupper() or bool(_TOLL_FREE_WORD.fullmatch(body))


def _body(plain: str) -> str:
    """Returns the text from the first digit, plus or look-alike before one, to an extension."""
    first = _START.search(plain)
    return _EXTENSION.sub("", plain[first.start() :]).partition(";")[0] if first else ""
