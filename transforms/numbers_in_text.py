"""Phone numbers inside free text, with their offsets.

Candidates are runs of digit groups joined by telephone punctuation, found in linear time; what is a
number is decided by libphonenumber's strict matcher on the candidate alone. A number is never cut
out of a longer run of joined digits: such a cut invents a subscriber.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

import phonenumbers as pn
import pyarrow as pa

from transforms import phones
from transforms.noise import blank

MAX_SCAN = 1 << 20
"""Code points of a text that are searched; the rest of a longer text is left alone."""
MAX_CANDIDATES = 2_000
"""Candidates of one text that are tried."""
SHORTEST, LONGEST = 7, 24
"""Digits of a candidate: a short national number, to E.164's fifteen with IDD and extension."""

HIT = pa.schema(
    [
        pa.field("row", pa.int32(), nullable=False),
        pa.field("start", pa.int32(), nullable=False),
        pa.field("end", pa.int32(), nullable=False),
        pa.field("raw", pa.string(), nullable=False),
        *phones.READING,
    ]
)
"""A number in a text: row of the text, code-point offsets, the slice, and its reading."""

_GAP = "[ \\t\u00a0\u2000-\u200b\u202f\u2060\u3000.()\\[\\]/~\u2010-\u2015\u2212\uff0d-]"
_CHAIN = re.compile(
    r"(?:[+＋] ?)?(?:[(（\[] ?[+＋]?)?"
    rf"\d+(?:[\r\n]?{_GAP}{{1,5}}\d+|{_GAP}{{0,2}}[\r\n]{_GAP}{{0,2}}\d+)*"
)
_EXTENSION = re.compile(
    r"(?:;ext=|[ ,;-]{0,3}(?:ext(?:ension|\.)?|xtn|x|#)[ .:]{0,2})\d{1,7}(?!\d)", re.IGNORECASE
)
_BREAK = re.compile(
    r"[\r\n]+|\s*[/~]\s+|\s+[/~]\s*|\s+[-\u2010-\u2015.]+\s+|\.\s+|/(?=[+＋(（])|\s{2,}|\s(?=[+＋(（])"
)
_SPACE = re.compile(r"\s+")
_JOINED = re.compile(r"\d[^\d\s]+\d|[+＋]\d")
_STUCK_BEFORE = re.compile("[A-Za-z\u00c0-\u024f\u0300-\u036f\\d$€£¥₹%=&_]")
_STUCK_AFTER = re.compile("[A-Za-z\u00c0-\u024f\u0300-\u036f\\d$€£¥₹%@]")
"""A digit run that touches a Latin letter, money, a query string or another run is no number."""
_ENOUGH = re.compile(r"(?:\d\D{0,7}){7}")


class Span(NamedTuple):
    """A stretch of text, in code points."""

    start: int
    end: int


def find(text: pa.Array, region: pa.Array) -> pa.RecordBatch:
    """Every phone number in every text, under the region of its row; string arrays of one length.

    Returns a batch of `HIT`, ordered by row and start. Distinct (text, region) pairs are searched
    once, distinct candidates read once.
    """
    found: dict[tuple[str, str | None], list[tuple[Span, str, phones.Reading]]] = {}
    rows: list[tuple[object, ...]] = []
    for row, key in enumerate(zip(text.to_pylist(), region.to_pylist(), strict=True)):
        if key[0] is None:
            continue
        if key not in found:
            found[key] = list(_search(*key))
        rows.extend((row, *span, raw, *reading) for span, raw, reading in found[key])
    columns = list(zip(*rows, strict=True)) or [()] * len(HIT)
    arrays = [pa.array(c, f.type) for c, f in zip(columns, HIT, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=HIT)


def find_one(text: str, region: str | None) -> list[tuple[Span, phones.Reading]]:
    """The phone numbers in one text, with their offsets."""
    return [(span, reading) for span, _, reading in _search(text, region)]


def _search(text: str, region: str | None) -> Iterator[tuple[Span, str, phones.Reading]]:
    if not _ENOUGH.search(text, 0, MAX_SCAN):
        return
    quiet = blank(text[:MAX_SCAN])

    def read(span: Span) -> phones.Reading | None:
        raw = quiet[span.start : span.end]
        if not SHORTEST <= sum(map(str.isdigit, raw)) <= LONGEST:
            return None
        return _verified(raw, region)

    for chain in islice(_chains(quiet), MAX_CANDIDATES):
        for span, reading in _read_chain(quiet, chain, read):
            yield span, text[span.start : span.end], reading


@lru_cache(maxsize=phones.CACHED)
def _verified(raw: str, region: str | None) -> phones.Reading | None:
    """The reading of a candidate that is a number from its first character to its last."""
    reading = phones.read_one(raw, region)
    if reading.e164 is None or reading.how == phones.How.FOREIGN:
        return reading if reading.e164 else None
    match = next(iter(pn.PhoneNumberMatcher(raw, region, leniency=pn.Leniency.VALID)), None)
    if match is None or (match.start, match.end) != (0, len(raw)):
        return None
    same = pn.format_number(match.number, pn.PhoneNumberFormat.E164) == reading.e164
    return reading if same else None


def _chains(text: str) -> Iterator[Span]:
    """Runs of joined digit groups that stand free of words, money and longer numbers."""
    for match in _CHAIN.finditer(text):
        start, end = match.span()
        if end - start < SHORTEST:
            continue
        if match[0][0] not in "+＋(（[" and start and _STUCK_BEFORE.match(text, start - 1):
            continue
        if extension := _EXTENSION.match(text, end):
            end = extension.end()
        if not _STUCK_AFTER.match(text, end):
            yield Span(start, end)


def _read_chain(
    text: str, chain: Span, read: Callable[[Span], phones.Reading | None]
) -> Iterator[tuple[Span, phones.Reading]]:
    """Read all of a chain as one number, else its parts, else the joined words of a part."""
    if reading := read(chain):
        yield chain, reading
        return
    for part in _split(text, chain, _BREAK):
        if reading := read(part):
            yield part, reading
            continue
        words = list(_split(text, part, _SPACE))
        for word in words:
            alone = len(words) <= 2 or _JOINED.search(text, word.start, word.end)
            if alone and (reading := read(word)):
                yield word, reading


def _split(text: str, span: Span, at: re.Pattern[str]) -> Iterator[Span]:
    start = span.start
    for match in at.finditer(text, span.start, span.end):
        if match.start() > start:
            yield Span(start, match.start())
        start = match.end()
    if start < span.end:
        yield Span(start, span.end)
