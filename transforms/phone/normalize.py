"""Phone numbers to E.164, or to nothing with a reason.

A wrong E.164 names an innocent subscriber, so a number is read only when it is valid in exactly one
plausible numbering plan; everything else is refused and says why.

Letters inside a phone number: a keypad's letters, or letters that look like digits.

One number as `phonenumbers` parses it.

What a text was read as: one phone number, or nothing with a reason.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
import phonenumbers as pn
import pyarrow as pa
import pyarrow.compute as pc
from phonenumbers import shortnumberinfo
from phonenumbers.phonemetadata import PhoneMetadata

from transforms.arrow_util import distinct_rows
from transforms.phone import normalize_columns, spoken
from transforms.phone.numbering_plan import NANP_SHAPED, NANP_SURE, NANP_TOLL_FREE, coded

MAX_LENGTH = 250
"""Longest text read as one number: libphonenumber's own limit, in code points."""


MAY_BE_SEVERAL = ("too_long", "not_a_number")
"""Reasons for which a field may hold several numbers, or one among words."""


CACHED = 1 << 16
"""Distinct numbers that a worker remembers: the next steps ask for the same ones again."""


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


_IDD = re.compile(r"[( ]{0,2}(?:0011|00)[-. )]{0,2}(?=[1-9])")
"""The international prefix of most countries and of Australia; no national number begins so.

North America's 011 is read at home alone: elsewhere it is a trunk zero and a city (Delhi).
"""


_LETTER = re.compile(r"[^\W\d_]")


_TOLL_FREE = re.compile(NANP_TOLL_FREE)


_SURE, _SHAPED, _CODED = map(re.compile, (NANP_SURE, NANP_SHAPED, coded()))


def normalise(raw: pa.Array, region: pa.Array) -> pa.StructArray:
    """Read every number under its region; both are string arrays of one length.

    Returns a `READING` struct array of that length, itself never null. `region` (ISO 3166-1
    alpha-2) may be null, then only international forms are read. Distinct pairs are read once,
    ordinary ones column by column.
    """
    texts, regions = (pc.fill_null(one.cast(pa.string()), "") for one in (raw, region))
    first, back = distinct_rows((texts, regions))
    read = _distinct(texts.take(pa.array(first)), regions.take(pa.array(first)))
    return pa.StructArray.from_arrays(
        [column.take(pa.array(back)) for column in read], fields=list(READING)
    )


def _distinct(raw: pa.Array, region: pa.Array) -> list[pa.Array]:
    """The columns of `READING` of distinct pairs: the ordinary ones, then each of the others."""
    read = normalize_columns.read(pc.utf8_trim_whitespace(raw), region)
    refused, reasons = _refused_alike(raw, region, read)
    done = np.concatenate([read.rows, refused])
    others = np.setdiff1d(np.arange(len(raw)), done, assume_unique=True)
    at = pa.array(others)
    slow = reasons + [
        read_one(text, where or None)
        for text, where in zip(raw.take(at).to_pylist(), region.take(at).to_pylist(), strict=True)
    ]
    count = len(read.rows)
    hows = np.where(read.national, How.NATIONAL.value, How.INTERNATIONAL.value)
    fast = {
        "e164": read.e164,
        "region": read.region,
        "line_type": read.line_type,
        "how": pa.array(hows, pa.string()),
        "validity": pa.array([VALID] * count, pa.string()),
        "confidence": pa.array(np.ones(count, np.float32)),
    }
    order = pa.array(np.argsort(np.concatenate([done, others]), kind="stable"))
    columns = []
    for i, one in enumerate(READING):
        ours = fast.get(one.name, pa.nulls(count, one.type))
        theirs = pa.array([reading[i] for reading in slow], one.type)
        columns.append(pa.concat_arrays([ours, theirs]).take(order))
    return columns


def _refused_alike(
    raw: pa.Array, region: pa.Array, read: normalize_columns.Ordinary
) -> tuple[np.ndarray, list[Reading]]:
    """Rows that are refused, and why: that depends on nothing but region, code and length.

    Left out is what may be a short code, or reads otherwise with another prefix.
    """
    candidates = raw.take(pa.array(read.invalid))
    plain = pc.match_substring_regex(candidates, r"^\s*[(]?[1-9]")
    at = np.flatnonzero(plain.to_numpy(zero_copy_only=False))
    rows = read.invalid[at].tolist()
    regions = region.take(pa.array(rows, pa.int64())).to_pylist()
    kinds = zip(regions, read.code[at].tolist(), read.length[at].tolist(), strict=True)
    known: dict[tuple[str, int, int], Reading] = {}
    refused: list[int] = []
    reasons: list[Reading] = []
    for row, kind in zip(rows, kinds, strict=True):
        where, _, length = kind
        if _may_be_short(where, length):
            continue
        if kind not in known:
            known[kind] = read_one(raw[row].as_py(), where or None)
        refused.append(row)
        reasons.append(known[kind])
    return np.array(refused, np.int64), reasons


@cache
def _may_be_short(region: str, length: int) -> bool:
    """Whether short codes of a region may have so many digits."""
    if region not in pn.SUPPORTED_SHORT_REGIONS:
        return False
    plan = PhoneMetadata.short_metadata_for_region(region, None)
    return bool(plan and plan.general_desc and length in plan.general_desc.possible_length)


def read_one(raw: str, region: str | None) -> Reading:
    """Read one number under a region, or refuse it; never raises."""
    if len(raw) > 4 * MAX_LENGTH:
        return Reading(reason="too_long")
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
    if whole := _SPREADSHEET_FLOAT.fullmatch(text):
        return _choose(whole[1], region, How.MENDED)
    plain = unicodedata.normalize("NFKC", text).removeprefix("tel:")
    said = next(spoken.runs(plain), None) if _LETTER.search(plain) else None
    if said and plain[said.starts[0] : said.ends[-1]] == plain.strip(" .,()"):
        return _choose(said.plain, region, How.SPELLED)
    if has_letters(plain):
        return _disguised(text, plain, region)
    return _choose(text, region, None)


def _disguised(text: str, plain: str, region: str | None) -> Reading:
    """A number with letters in it: letters for digits, or a keypad's letters."""
    if looks := look_alike(plain):
        reading = _choose(looks, region, How.LOOK_ALIKE)
        if not reading.e164 or not may_be_vanity(plain):
            return reading
        other = _choose(text, region, How.VANITY)
        if not other.e164:
            return reading
        return Reading(reason="ambiguous", also_read_as=f"{reading.e164} {other.e164}")
    if not may_be_vanity(plain):
        return Reading(reason="not_a_number")
    return _choose(text, region, How.VANITY)


def _choose(text: str, region: str | None, how: How | None) -> Reading:
    """The most plausible of the region's plan, North America's, and an international prefix."""
    home = parse(text, region)
    if region and not is_valid(home) and (prefix := _IDD.match(text)):
        abroad = parse(f"+{text[prefix.end() :]}", None)
        if is_valid(abroad):
            return _judge(abroad, region, How.MENDED)
    if region is None or pn.country_code_for_region(region) in (0, 1):
        return _judge(home, region, how)
    return _as_elsewhere(text, home) or _judge(home, region, how)


def _as_elsewhere(text: str, home: Parsed | str) -> Reading | None:
    """The reading of a number that is shaped as one of another plan than its region's.

    Where the region's plan writes it otherwise, the shape decides: what only North America groups
    so is its number; what both may have written is refused, and so is a country's number without
    the plus that would tell it. None: the shape speaks for no other plan.
    """
    valid = not isinstance(home, str) and home.valid
    bare = not isinstance(home, str) and valid and lacks_trunk_zero(home.number, text)
    toll_free = _TOLL_FREE.match(text) is not None
    if (toll_free or bare) and _SHAPED.fullmatch(text) and is_valid(other := parse(text, "US")):
        if not valid:
            return _judge(other, "US", How.FOREIGN)
        if bare and _SURE.fullmatch(text):
            return _judge(other, "US", How.FOREIGN, also=e164_of(home))
        return _ambiguous(other, home)
    if bare and _CODED.match(text) and is_valid(abroad := parse(f"+{text.lstrip('(')}", None)):
        return _ambiguous(abroad, home)
    return None


def _ambiguous(one: Parsed | str, other: Parsed | str) -> Reading:
    return Reading(reason="ambiguous", also_read_as=f"{e164_of(one)} {e164_of(other)}")


def _judge(
    parsed: Parsed | str, region: str | None, how: How | None, also: str | None = None
) -> Reading:
    """A reading of a valid number; otherwise the reason why it is none."""
    if isinstance(parsed, str):
        return Reading(reason=parsed)
    number = parsed.number
    if not parsed.valid:
        return _refused(number, region)
    if how is None:
        national = number.country_code_source == pn.CountryCodeSource.FROM_DEFAULT_COUNTRY
        how = How.NATIONAL if national else How.INTERNATIONAL
    return Reading(
        e164=pn.format_number(number, pn.PhoneNumberFormat.E164),
        region=None if parsed.region == pn.REGION_CODE_FOR_NON_GEO_ENTITY else parsed.region,
        line_type=pn.PhoneNumberType.to_string(pn.number_type(number)).lower(),
        how=how,
        validity=VALID,
        extension=number.extension,
        also_read_as=also,
        confidence=worth(how, also),
    )


def _refused(number: pn.PhoneNumber, region: str | None) -> Reading:
    """Why a parsed number is not valid: a short code, a wrong length, or no number of its plan."""
    possible = pn.is_possible_number_with_reason(number)
    validity = POSSIBLE if possible == pn.ValidationResult.IS_POSSIBLE else None
    if region is not None and shortnumberinfo.is_possible_short_number_for_region(number, region):
        dialled = pn.national_significant_number(number)
        emergency = shortnumberinfo.is_emergency_number(dialled, region)
        return Reading(reason="emergency" if emergency else "short_code")
    return Reading(reason=REFUSED_BY_LENGTH.get(possible, "invalid"), validity=validity)


_SCRIPT_LETTER = re.compile(r"[^\W\d_ー]")


_LETTERS = re.compile(r"[^\W\d_ー]+")


_EXTENSION = re.compile(
    r"[\s,;.(-]{0,6}(?:;ext=|e?xt(?:n|ensi[oó]n?)?|int|доб|anexo|x|#)[\s.:,]{0,6}\d{1,20}#?\)?\s*$",
    re.IGNORECASE,
)


LOOK_ALIKES = "OoIl|SBZ"
"""Latin letters that look like digits; lower-case s, b and z do not."""


_LOOKS_LIKE = str.maketrans(LOOK_ALIKES, "00111582")


_LOOK_ALIKES = frozenset(LOOK_ALIKES)


_NUMBER_OF_LOOK_ALIKES = re.compile(
    rf"[+(]{{0,2}}[\d{LOOK_ALIKES}](?:[-. ()/]{{0,3}}[\d{LOOK_ALIKES}]){{6,17}}"
)


_START = re.compile(rf"[\d+]|(?<![^\W\d_])[{LOOK_ALIKES}]{{1,3}}(?=[-. ()]{{0,2}}\d)")


_LEAST_DIGITS = 5
"""Plain digits of a number with look-alikes in it: with fewer it may be a word."""


_VANITY_DIGITS = 8
"""A vanity number spells at least its last letters: more digits than this leave it no letters."""


_WORD_APART = re.compile(r"\d[^\S\n]+(?P<word>[^\W\d_]{1,30})\W{0,2}$")


_TOLL_FREE_WORD = re.compile(r"\W{0,2}(?:\+?1\W{0,3})?8\d\d\W{1,3}[A-Za-z][A-Za-z -]{5,15}")


def has_letters(plain: str) -> bool:
    """Whether letters stand in a number after its first digit or plus, its extension apart.

    `plain` is in NFKC and begins with no scheme.
    """
    body = _body(plain)
    return _SCRIPT_LETTER.search(body) is not None or "|" in body


def look_alike(plain: str) -> str | None:
    """The digits that the text shows, where its letters are look-alikes alone; else None."""
    body = plain.strip()
    if not _NUMBER_OF_LOOK_ALIKES.fullmatch(body) or sum(map(str.isdigit, body)) < _LEAST_DIGITS:
        return None
    return body.translate(_LOOKS_LIKE)


def may_be_vanity(plain: str) -> bool:
    """Whether the letters may be those of a keypad (ITU-T E.161), rather than a name or a slip.

    A word that a blank parts from the digits is one in capitals, or all of a toll-free number but
    its code.
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
    """From the first digit or plus, or a look-alike right before it, to an extension."""
    first = _START.search(plain)
    return _EXTENSION.sub("", plain[first.start() :]).partition(";")[0] if first else ""


REFUSED_BY_LIBRARY = {
    pn.NumberParseException.NOT_A_NUMBER: "not_a_number",
    pn.NumberParseException.TOO_SHORT_AFTER_IDD: "too_short",
    pn.NumberParseException.TOO_SHORT_NSN: "too_short",
    pn.NumberParseException.TOO_LONG: "too_long",
}


class Parsed(NamedTuple):
    """A parsed number, the region that claims it, and whether it is valid there."""

    number: pn.PhoneNumber
    region: str | None
    valid: bool


def parse(text: str, region: str | None) -> Parsed | str:
    """The parsed number, or the reason why there is none."""
    try:
        number = pn.parse(text, region, keep_raw_input=True)
    except pn.NumberParseException as error:
        if error.error_type == pn.NumberParseException.INVALID_COUNTRY_CODE:
            return "invalid" if text.lstrip()[:1] in "+＋" else "no_region"
        return REFUSED_BY_LIBRARY[error.error_type]
    claimed = pn.region_code_for_number(number)
    valid = claimed is not None and pn.is_valid_number_for_region(number, claimed)
    return Parsed(number, claimed, valid)


def is_valid(parsed: Parsed | str) -> bool:
    """Whether there is a number, of an assigned pattern."""
    return not isinstance(parsed, str) and parsed.valid


def e164_of(parsed: Parsed | str) -> str:
    """The parsed number in E.164."""
    number = pn.PhoneNumber() if isinstance(parsed, str) else parsed.number
    return pn.format_number(number, pn.PhoneNumberFormat.E164)


def lacks_trunk_zero(number: pn.PhoneNumber, text: str) -> bool:
    """Whether the plan writes this number with a trunk prefix that the text does not have."""
    written = pn.normalize_digits_only(pn.format_number(number, pn.PhoneNumberFormat.NATIONAL))
    return len(pn.normalize_digits_only(text)) < len(written)


class How(StrEnum):
    """How a number was read; what a reading is worth depends on it."""

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
    MENDED = "mended"
    """After a spreadsheet's `.0`, or an international prefix of elsewhere, was taken away."""
    FOREIGN = "foreign"
    """Under another plan than its record's region, which its shape gives away."""


PLAUSIBILITY = {
    How.INTERNATIONAL: 1.0,
    How.NATIONAL: 1.0,
    How.VANITY: 0.9,
    How.SPELLED: 0.85,
    How.LOOK_ALIKE: 0.7,
    How.MENDED: 0.9,
    How.FOREIGN: 0.6,
}
"""What a way of reading is worth, as a factor of confidence: a judgement, not a measurement."""


TWO_WAYS = 0.8
"""A further factor where the text reads as a second valid number, less plausibly."""


VALID, POSSIBLE = "valid", "possible"
"""Validity: of an assigned pattern, or only of a length that its plan knows."""


class Reading(NamedTuple):
    """One number as read: `e164` is null exactly when `reason` is set.

    `also_read_as` holds the E.164 of less plausible readings; of all of them where none is the
    most plausible (reason `ambiguous`), with blanks between. `confidence` is 0 where nothing was
    read. A number that is only possible has no E.164: it would name nobody, or somebody else.
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


READING = pa.struct(
    [(name, pa.float32() if name == "confidence" else pa.string()) for name in Reading._fields]
)
"""Arrow type of a reading, field by field as `Reading`."""


def worth(how: How, also: str | None) -> float:
    """The confidence of a reading by its way and whether there is a second one."""
    return PLAUSIBILITY[how] * (TWO_WAYS if also else 1.0)
