"""What identifies a victim, and where it stands in a text, in any written form.

Digits are compared, not spellings: whatever stands between the digits of a number, and whatever
prefix goes before them. Finding too much costs little; finding too little leaks.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import phonenumbers as pn

WIDEST_GAP = 8
"""Characters between two digits of one written number: 'dash', a line break, brackets."""
WIDEST_GAP_IN_WORDS = 4
"""Characters between two letters of one written identifier: an IBAN's blanks, '[.]'."""
SHORTEST = 6
"""Characters of the shortest identifier that is looked for outside its own field."""
LOCAL = 7
"""Digits of a North American subscriber number written without its area code."""
NANP = 1
"""Country code of the North American numbering plan."""
APART = 4
"""Characters between a local number and the digits before or after it."""

MASK = "#"


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
        wanted.update(_of_number(text))
    return frozenset(needle for needle in wanted if len(needle.text) >= SHORTEST)


def mask(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text with the letters and digits of each span (code points) replaced by '#'."""
    characters = list(text)
    for start, end in spans:
        for i in range(max(0, start), min(end, len(characters))):
            if characters[i].isalnum():
                characters[i] = MASK
    return "".join(characters)


def spans(text: str, wanted: Needles) -> Iterator[tuple[int, int]]:
    """Start and end, in code points, of every place where a wanted identifier stands."""
    if not wanted:
        return
    plain = _plain(text)
    digits = [i for i, c in enumerate(plain) if "0" <= c <= "9"]
    words = [i for i, c in enumerate(plain) if c.isalnum()]
    for needle in wanted:
        if needle.text.isdigit():
            yield from _places(plain, digits, needle, WIDEST_GAP)
        else:
            yield from _places(plain, words, needle, WIDEST_GAP_IN_WORDS)


def _places(text: str, at: list[int], needle: Needle, widest: int) -> Iterator[tuple[int, int]]:
    kept = "".join(text[i] for i in at)
    first = kept.find(needle.text)
    while first >= 0:
        last = first + len(needle.text) - 1
        close = all(at[i + 1] - at[i] <= widest + 1 for i in range(first, last))
        if close and (not needle.alone or _apart(at, first, last)):
            yield at[first], at[last] + 1
        first = kept.find(needle.text, first + 1)


def _apart(at: list[int], first: int, last: int) -> bool:
    """Whether a short number stands by itself and is no part of a longer one."""
    before = first == 0 or at[first] - at[first - 1] > APART
    after = last + 1 == len(at) or at[last + 1] - at[last] > APART
    return before and after


def _of_number(written: str) -> Iterator[Needle]:
    """The digits by which a number is recognised, whatever prefix goes before them.

    The national significant number; the national form, which in some plans has digits of its own
    (Argentine mobiles); a North American number also without its area code. Where it is not
    international, its digits but leading zeros.
    """
    try:
        number = pn.parse(written)
    except pn.NumberParseException:
        digits = _digits(written).lstrip("0")
        yield Needle(digits, alone=len(digits) <= LOCAL)
        return
    national = pn.national_significant_number(number)
    yield Needle(national)
    form = pn.format_number(number, pn.PhoneNumberFormat.NATIONAL)
    yield Needle(_digits(form).lstrip("0"))
    if number.country_code == NANP:
        yield Needle(national[-LOCAL:], alone=True)


def _plain(text: str) -> str:
    """Lower case, and every decimal digit of Unicode as the ASCII one; same length."""
    if text.isascii():
        return text.lower()
    return "".join(
        str(unicodedata.digit(c)) if c.isdecimal() else c.lower() if len(c.lower()) == 1 else c
        for c in text
    )


def _digits(text: str) -> str:
    return "".join(c for c in _plain(text) if "0" <= c <= "9")


def _compact(text: str) -> str:
    return "".join(c for c in _plain(text) if c.isalnum())
