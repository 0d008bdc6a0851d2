"""Where a victim's identifiers stand in a text, in any written form.

Whatever stands between the digits of a number is passed over. Finding too much costs little;
finding too little leaks.

What identifies a victim, as it is looked for in texts: digits, or letters and digits.

Digits are compared, not spellings, whatever prefix goes before them. `haystack` finds them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import phonenumbers as pn
from phonenumbers.phonemetadata import PhoneMetadata

from transforms import text_util
from transforms.text_masking import SEARCHED

WIDEST_GAP = 8
"""Characters between two digits of one written number: 'dash', a line break, brackets."""


WIDEST_GAP_IN_WORDS = 4
"""Characters between two letters of one written identifier: an IBAN's blanks, '[.]'."""


WIDEST_GAP_SAID = 16
"""The same where its signs are said or encoded, and gone: ' underscore ', '[ dot ]', '%5B.%5D'."""


APART = 4
"""Characters between a local number and the digits before or after it."""


_LONG = 1_000
"""Characters of a text from which on needles are looked for by columns."""


_SAID = re.compile(
    rf"(?<![^\W_])(?:{text_util.AT}|{text_util.DOT}|{text_util.DASH}|{text_util.UNDERSCORE})(?![^\W_])"
)
"""Words for the signs of an address, in lower case."""


_NO_DIGITS = bytes(c for c in range(256) if not chr(c).isdecimal() or c > 127)


_NO_WORDS = bytes(c for c in range(256) if not chr(c).isalnum() or c > 127)
"""Bytes that are no digits, and neither letters nor digits, of ASCII."""


def spans(text: str, wanted: Needles) -> Iterator[tuple[int, int]]:
    """Start and end, in code points, of every place where a wanted identifier stands."""
    if not wanted or (text.isascii() and not _may_hold(text, wanted)):
        return
    low = plain(text)
    numbers = [_Kept.of(one, str.isdecimal, WIDEST_GAP) for one in _as_read(low)]
    words: tuple[_Kept, ...] = ()
    for needle in wanted:
        if needle.text.isdigit():
            for digits in numbers:
                yield from digits.places(needle)
            continue
        words = words or tuple(_words(low))
        for kept in words:
            yield from kept.places(needle)


def _words(low: str) -> Iterator[_Kept]:
    """The letters and digits of a plain text, and those without the signs it says or encodes."""
    yield _Kept.of(low, str.isalnum, WIDEST_GAP_IN_WORDS)
    written = _SAID.sub(_blank, _as_read(low)[-1])
    if written != low:
        yield _Kept.of(written, str.isalnum, WIDEST_GAP_SAID)


def _as_read(low: str) -> tuple[str, ...]:
    """A plain text, and where it encodes characters, what it reads as, at the same length."""
    read = text_util.in_place(low)
    return (low,) if read == low else (low, read.lower())


def _blank(word: re.Match[str]) -> str:
    return " " * len(word[0])


def _may_hold(text: str, wanted: Needles) -> bool:
    """Whether the letters or digits of a wanted identifier follow each other in ASCII text."""
    texts = _as_read(text.lower())
    digits = [one.encode().translate(None, _NO_DIGITS) for one in texts]
    words: tuple[bytes, ...] = ()
    for needle in wanted:
        if needle.text.isdigit():
            if any(needle.text.encode() in one for one in digits):
                return True
            continue
        words = words or tuple(
            one.encode().translate(None, _NO_WORDS) for one in (texts[0], _SAID.sub("", texts[-1]))
        )
        if any(needle.text.encode() in one for one in words):
            return True
    return False


def holds(value: str, wanted: Needles) -> bool:
    """Whether a wanted identifier stands in another one's canonical value."""
    if value[:1] == "+" and value[1:].isdecimal():
        return any(needle.text in value and not needle.alone for needle in wanted)
    return any(spans(value, wanted))


@dataclass(frozen=True)
class _Kept:
    """The characters of a text that count, where they stand, and how far apart they may be."""

    text: str
    at: list[int]
    widest: int

    @classmethod
    def of(cls, low: str, counts: Callable[[str], bool], widest: int) -> _Kept:
        """The characters of a text, plain in the sense of `plain`, that count."""
        at = [i for i, c in enumerate(low) if counts(c)]
        return cls("".join([low[i] for i in at]), at, widest)

    def places(self, needle: Needle) -> Iterator[tuple[int, int]]:
        """Where a needle stands; places that overlap may come as one."""
        if len(self.text) > _LONG:
            yield from self._places(needle)
            return
        at = self.at
        first = self.text.find(needle.text)
        while first >= 0:
            last = first + len(needle.text) - 1
            close = all(at[i + 1] - at[i] <= self.widest + 1 for i in range(first, last))
            if close and (not needle.alone or _apart(at, first, last)):
                yield at[first], at[last] + 1
            first = self.text.find(needle.text, first + 1)

    def _places(self, needle: Needle) -> Iterator[tuple[int, int]]:
        """The same in a long text, of which every character may begin a needle."""
        code, at, wide = self._columns
        size = len(needle.text)
        count = max(0, len(code) - size + 1)
        here = np.ones(count, bool)
        for place, character in enumerate(needle.text):
            here &= code[place : place + count] == ord(character)
        first = np.flatnonzero(here)
        last = first + size - 1
        kept = wide[last] == wide[first]
        if needle.alone:
            far = np.diff(at, prepend=-APART - 1, append=at[-1] + APART + 1) > APART
            kept &= far[first] & far[last + 1]
        starts, ends = at[first[kept]], at[last[kept]] + 1
        apart = np.append(True, starts[1:] > ends[:-1])[: len(starts)]
        final = np.append(apart[1:], True)[: len(starts)]
        yield from zip(starts[apart].tolist(), ends[final].tolist(), strict=True)

    @cached_property
    def _columns(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Code points, where they stand, and how many gaps before each are too wide."""
        code = np.frombuffer(self.text.encode("utf-32-le"), np.uint32)
        at = np.array(self.at)
        return code, at, np.cumsum(np.diff(at, prepend=at[0]) > self.widest + 1)


def _apart(at: list[int], first: int, last: int) -> bool:
    """Whether a short number stands by itself and is no part of a longer one."""
    before = first == 0 or at[first] - at[first - 1] > APART
    after = last + 1 == len(at) or at[last + 1] - at[last] > APART
    return before and after


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
