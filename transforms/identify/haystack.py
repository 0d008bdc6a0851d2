"""Where a victim's identifiers stand in a text, in any written form.

Whatever stands between the digits of a number is passed over. Finding too much costs little;
finding too little leaks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from transforms.identify import encoded, signs
from transforms.identify.needles import Needle, Needles, plain

WIDEST_GAP = 8
"""Characters between two digits of one written number: 'dash', a line break, brackets."""
WIDEST_GAP_IN_WORDS = 4
"""Characters between two letters of one written identifier: an IBAN's blanks, '[.]'."""
WIDEST_GAP_SAID = 16
"""The same where its signs are said or encoded, and gone: ' underscore ', '[ dot ]', '%5B.%5D'."""
APART = 4
"""Characters between a local number and the digits before or after it."""

MASK = "#"
_LONG = 1_000
"""Characters of a text from which on needles are looked for by columns."""

_SAID = re.compile(
    rf"(?<![^\W_])(?:{signs.AT}|{signs.DOT}|{signs.DASH}|{signs.UNDERSCORE})(?![^\W_])"
)
"""Words for the signs of an address, in lower case."""

_NO_DIGITS = bytes(c for c in range(256) if not chr(c).isdecimal() or c > 127)
_NO_WORDS = bytes(c for c in range(256) if not chr(c).isalnum() or c > 127)
"""Bytes that are no digits, and neither letters nor digits, of ASCII."""


def mask(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text with the letters and digits of each span (code points) replaced by '#'."""
    return _replaced(text, spans, _masked)


def blot(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """As `mask`, but a span with letters in it goes whole: lengths of words tell digits."""
    held = list(spans)
    lettered = [(start, end) for start, end in held if any(map(str.isalpha, text[start:end]))]
    return _replaced(mask(text, held), lettered, _blotted)


def _replaced(text: str, spans: Iterable[tuple[int, int]], instead: Callable[[str], str]) -> str:
    """The text with something, as long, instead of what stands in the spans, each place once."""
    pieces: list[str] = []
    done = 0
    for start, end in sorted(spans):
        first, last = max(start, done), min(end, len(text))
        if first < last:
            pieces += (text[done:first], instead(text[first:last]))
            done = last
    return "".join((*pieces, text[done:])) if pieces else text


def _masked(part: str) -> str:
    return "".join([MASK if c.isalnum() else c for c in part])


def _blotted(part: str) -> str:
    return MASK * len(part)


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
    read = encoded.in_place(low)
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
        """The characters of a text, plain in the sense of `needles.plain`, that count."""
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
