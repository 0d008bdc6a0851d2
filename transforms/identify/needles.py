"""What identifies a victim, as it is looked for in texts: digits, or letters and digits.

Digits are compared, not spellings, whatever prefix goes before them. `haystack` finds them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import NamedTuple

import phonenumbers as pn
from phonenumbers.phonemetadata import PhoneMetadata

from transforms.identify.searched import SEARCHED

SHORTEST = 6
"""Characters of the shortest identifier that is looked for outside its own field."""
LONGEST_SPELLED = 40
"""Characters of a number that is spelled, '1-800-FLOWERS', looked for as it was written."""
LOCAL = 7
"""Digits of a North American subscriber number written without its area code."""
NANP = "1"
"""Country code of the North American numbering plan."""

_SPELLED = re.compile(r"\d{3}.*[^\W\d_]{3}")
_FOREIGN_DIGIT = re.compile(r"(?![0-9])\d")
_FINAL = "\u03a3"
"""The letter whose lower case depends on where it stands."""


class Needle(NamedTuple):
    """Digits, or lower-case letters and digits; `alone`: not as a part of a longer number."""

    text: str
    alone: bool = False


Needles = frozenset[Needle]


def needles(identifiers: Iterable[str], as_written: Iterable[str] = ()) -> Needles:
    """What to look for, from E.164 numbers or entity ids, and from numbers that were not read."""
    wanted: set[Needle] = set()
    for identifier in identifiers:
        value = identifier.rpartition(":")[2]
        wanted.update(_of_number(value) if value.startswith("+") else [Needle(_compact(value))])
    for text in as_written:
        wanted.update(_of_number(text[:SEARCHED]))
        if _SPELLED.search(text[:LONGEST_SPELLED]):
            wanted.add(Needle(_compact(text[:LONGEST_SPELLED])))
    return frozenset(needle for needle in wanted if len(needle.text) >= SHORTEST)


@lru_cache(maxsize=1 << 16)
def _of_number(written: str) -> tuple[Needle, ...]:
    return tuple(_forms(written))


def _forms(written: str) -> Iterator[Needle]:
    """The digits by which a number is recognised, whatever prefix goes before them.

    The national significant number; the national form, which in some plans has digits of its own
    (Argentine mobiles); a North American number also without its area code. Where it is not
    international, its digits but leading zeros.
    """
    if written[:1] == "+" and written[1:].isdecimal() and (code := plain_code(written)):
        national = written[1 + len(code) :]
        yield Needle(national)
    else:
        try:
            number = pn.parse(written)
        except pn.NumberParseException:
            digits = _digits(written).lstrip("0")
            yield Needle(digits, alone=len(digits) <= LOCAL)
            return
        code, national = str(number.country_code), pn.national_significant_number(number)
        yield Needle(national)
        form = pn.format_number(number, pn.PhoneNumberFormat.NATIONAL)
        yield Needle(_digits(form).lstrip("0"))
    if code == NANP:
        yield Needle(national[-LOCAL:], alone=True)


def plain_code(e164: str) -> str | None:
    """The country code of an E.164 number whose national form adds no digits but a prefix."""
    for length in (1, 2, 3):
        code = e164[1 : 1 + length]
        if code in plain_codes():
            return code
    return None


@cache
def plain_codes() -> frozenset[str]:
    """Country codes in whose formats stand no digits of their own, as Argentina's 15 does."""
    codes = set()
    for code, regions in pn.COUNTRY_CODE_TO_REGION_CODE.items():
        plans = [PhoneMetadata.metadata_for_region_or_calling_code(code, r) for r in regions]
        formats = [one.format for plan in plans if plan for one in plan.number_format if one.format]
        if not any(re.search(r"\d", re.sub(r"\\\d", "", text)) for text in formats):
            codes.add(str(code))
    return frozenset(codes)


def plain(text: str) -> str:
    """Lower case, and every decimal digit of Unicode as the ASCII one; same length."""
    if text.isascii():
        return text.lower()
    low = text.lower()
    if len(low) != len(text) or _FINAL in text:
        low = "".join([c.lower() if len(c.lower()) == 1 else c for c in text])
    return _FOREIGN_DIGIT.sub(_as_ascii, low)


def _as_ascii(digit: re.Match[str]) -> str:
    return str(unicodedata.digit(digit[0]))


def _digits(text: str) -> str:
    return "".join(c for c in plain(text) if "0" <= c <= "9")


def _compact(text: str) -> str:
    return "".join(c for c in plain(text) if c.isalnum())
