"""Finds phone numbers in free text, with their offsets.

Candidates are runs of digit groups joined by telephone punctuation, found in linear time. A
candidate is a number if libphonenumber's strict matcher accepts it by itself. A number is never cut
out of a longer run of joined digits, since such a cut invents a subscriber.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice
from operator import itemgetter
from typing import NamedTuple

import phonenumbers as pn
import pyarrow as pa
import pyarrow.compute as pc

from transforms.decode import SEARCH_LIMIT
from transforms.phone import normalize, spoken
from transforms.phone.false_positives import blank_false_positives, is_labelled_id
from transforms.phone.normalize import Reading, ReadingMethod, confidence_of
from transforms.phone.numbering_plan import NANP
from transforms.phone.plain_number import SHARED_AREA, read_plain

MIN_DIGITS, MAX_DIGITS = 7, 24
"""Digits of a candidate: a short national number, to E.164's fifteen with IDD and extension."""

_MAX_CANDIDATES = 500
"""Most candidates of a text, and most pieces of a candidate, that are tried."""

_JOINS = " \\t\u00a0\u2000-\u200b\u202f\u2060\u3000.()\\[\\]/~\u2010-\u2015\u2212\uff0d-"

_GAP = f"[{_JOINS}]"

_OPENING = r"(?:[+＋] ?)?(?:[(（\[] ?[+＋]?)?"

_CHAIN_JOIN = rf"(?:[\r\n]?{_GAP}{{1,5}}|{_GAP}{{0,2}}[\r\n]{_GAP}{{0,2}})"

_CHAIN = re.compile(rf"{_OPENING}\d+(?:{_CHAIN_JOIN}\d+)*")

_STRETCH = re.compile(rf"\d(?:[\r\n{_JOINS}]{{0,6}}\d){{6,}}")
"""A stretch: the surroundings in which a chain with enough digits lies."""

_NUMBER_HINT = r"(?:[^\x00-/:-\x7f][^0-9A-Za-z]{0,6}){7}"
"""RE2: a text without a match has no stretch. Digits may be of any script."""

_EXTENSION = re.compile(
    r"(?:;ext=|[ ,;-]{0,3}(?:ext(?:ension|\.)?|xtn|x|#)[ .:]{0,2})\d{1,7}(?!\d)", re.IGNORECASE
)

_BREAK = re.compile(
    r"[\r\n]+|\s*[/~]\s+|\s+[/~]\s*|\s+[-\u2010-\u2015.]+\s+|\.\s+|/(?=[+＋(（])|\s{2,}|\s(?=[+＋(（])"
)

_MAY_BREAK = re.compile(r"[\s/~]")

_SPACE = re.compile(r"\s+")

_SLASH = re.compile("/")

_AREA = re.compile(r"^\D?0\d+\D+")
"""The area code that two numbers share, and the signs after it."""

_JOINED = re.compile(r"\d[^\d\s]+\d|[+＋]\d")

_STUCK_BEFORE = re.compile("[A-Za-z\u00c0-\u024f\u0300-\u036f\\d$€£¥₹%=&_]")

_STUCK_AFTER = re.compile("[A-Za-z\u00c0-\u024f\u0300-\u036f\\d$€£¥₹%@]")
"""A digit run that touches a Latin letter, money, a query string or another run is no number."""

_PLAIN_CANDIDATE = re.compile(
    r"\+?(?:[0-9]{1,3}[-. ]?)?(?:\([0-9]{1,5}\)[-. ]?)?[0-9](?:[-. /]{0,3}[0-9])*"
)
"""A candidate that libphonenumber's strict matcher accepts if it is a valid number."""

_JOURNAL_PAGE = re.compile(r"\d{1,5}-+\d{1,5}\s{0,4}\(\d{1,4}")

_SPOKEN_HINT = f"{spoken.SPOKEN_HINT}|{spoken.AREA_CODE_HINT}"
"""RE2: a text without a match has no digits in words."""


class Span(NamedTuple):
    """A stretch of text, in code points."""

    start: int
    end: int


def find_numbers(
    texts: pa.Array, regions: pa.Array
) -> list[tuple[int, list[tuple[Span, Reading]]]]:
    """Returns the rows of texts that may have phone numbers, and which they have.

    Args:
        texts: Strings.
        regions: ISO 3166-1 alpha-2; where it is null, only international numbers are found.
    """
    hints = (_NUMBER_HINT, _SPOKEN_HINT)
    hinted = (pc.match_substring_regex(texts, hint).to_pylist() for hint in hints)
    columns = zip(texts.to_pylist(), regions.to_pylist(), *hinted, strict=True)
    return [
        (row, _find(text[:SEARCH_LIMIT], region, may_be_spoken=any_words))
        for row, (text, region, any_digits, any_words) in enumerate(columns)
        if any_digits or any_words
    ]


def find_numbers_in_text(text: str, region: str | None) -> list[tuple[Span, Reading]]:
    """Finds the phone numbers in one text, of which `SEARCH_LIMIT` code points are searched."""
    return _find(text[:SEARCH_LIMIT], region, may_be_spoken=True)


def _find(text: str, region: str | None, *, may_be_spoken: bool) -> list[tuple[Span, Reading]]:
    """Returns the numbers of a text in order; numbers in words count unless digits overlap them."""
    stretches = [match.span() for match in _STRETCH.finditer(text)]
    blanked = blank_false_positives(text, stretches) if stretches else text
    chains = _chains(blanked, stretches)[:_MAX_CANDIDATES]
    numbers = [number for chain in chains for number in _read_chain(blanked, chain, region)]
    words = list(islice(_spoken_in(blanked), _MAX_CANDIDATES)) if may_be_spoken else ()
    for span, plain, how in words:
        overlaps = any(known.start < span.end and span.start < known.end for known, _ in numbers)
        reading = None if overlaps else _read(plain, region)
        if reading:
            confidence = confidence_of(how, reading.also_read_as)
            numbers.append((span, reading._replace(how=how, confidence=confidence)))
    return sorted(numbers, key=itemgetter(0))


def _spoken_in(blanked: str) -> Iterator[tuple[Span, str, ReadingMethod]]:
    """Yields numbers in words, digit by digit, and numbers apart from their area code."""
    for start, end, plain in spoken.find_numbers_with_area_code(blanked):
        yield Span(start, end), plain, ReadingMethod.REPAIRED
    for start, end, plain in spoken.find_spoken_numbers(blanked):
        if not is_labelled_id(blanked, start):
            yield Span(start, end), plain, ReadingMethod.SPELLED


def _chains(text: str, stretches: Sequence[tuple[int, int]]) -> list[Span]:
    """Returns runs of joined digit groups that touch no words, money or longer numbers."""
    chains = []
    done = 0
    for first, last in stretches:
        for match in _CHAIN.finditer(text, max(done, first - 4), last):
            start, end = match.span()
            done = end
            if end - start < MIN_DIGITS:
                continue
            if text[start] not in "+＋(（[" and start and _STUCK_BEFORE.match(text, start - 1):
                continue
            if extension := _EXTENSION.match(text, end):
                end = extension.end()
            if not _STUCK_AFTER.match(text, end):
                chains.append(Span(start, end))
    return chains


def _read_chain(text: str, chain: Span, region: str | None) -> list[tuple[Span, Reading]]:
    """Reads a whole chain as a number, else its parts, else the words of a part."""
    written = text[chain.start : chain.end]
    if reading := _read(written, region):
        return [(chain, reading)]
    numbers = []
    if SHARED_AREA.match(written):
        first, second = (number.strip() for number in written.rsplit("/", 1))
        area = _AREA.findall(written)[0]
        spans = (
            Span(chain.start, chain.start + len(first)),
            Span(chain.end - len(second), chain.end),
        )
        for span, plain in zip(spans, (first, area + second), strict=True):
            if reading := _read(plain, region):
                numbers.append((span, reading))
        return numbers
    for part, words in _parts(text, chain):
        if reading := _read(text[part.start : part.end], region):
            numbers.append((part, reading))
            continue
        for word in words:
            alone = len(words) <= 2 or _JOINED.search(text, word.start, word.end)
            if alone and (reading := _read(text[word.start : word.end], region)):
                numbers.append((word, reading))
    return numbers


def _parts(text: str, chain: Span) -> Iterator[tuple[Span, list[Span]]]:
    """Yields the parts of a chain that consists of several, each with its words."""
    if _MAY_BREAK.search(text, chain.start, chain.end):
        for part in _split(text, chain, _BREAK):
            pair = list(_split(text, part, _SLASH))
            digits = (sum(map(str.isdigit, text[start:end])) for start, end in pair)
            if len(pair) > 1 and min(digits) >= MIN_DIGITS:
                yield from ((number, []) for number in pair)
            else:
                yield part, list(_split(text, part, _SPACE))


def _split(text: str, span: Span, border: re.Pattern[str]) -> Iterator[Span]:
    start = span.start
    for match in islice(border.finditer(text, span.start, span.end), _MAX_CANDIDATES):
        if match.start() > start:
            yield Span(start, match.start())
        start = match.end()
    if start < span.end:
        yield Span(start, span.end)


@lru_cache(maxsize=1 << 13)
def _read(raw: str, region: str | None) -> Reading | None:
    """Returns the reading of a candidate that is a number from its first character to its last."""
    if not MIN_DIGITS <= sum(map(str.isdigit, raw)) <= MAX_DIGITS:
        return None
    plain = read_plain(raw, region)
    if plain and not plain.line_type and not raw.startswith("00"):
        return None
    if plain and plain.line_type:
        # The matcher takes some digits of an extension as the number's.
        unsure = plain.extension and plain.national and plain.code != NANP
        accepted = _PLAIN_CANDIDATE.fullmatch(plain.written)
        if accepted and not unsure and not _JOURNAL_PAGE.search(plain.written):
            return normalize.reading_of(plain) if plain.complete else None
    reading = normalize.normalize_number(raw, region)
    if reading.e164 is None or reading.how == ReadingMethod.FOREIGN:
        return reading if reading.e164 else None
    match = next(iter(pn.PhoneNumberMatcher(raw, region, leniency=pn.Leniency.VALID)), None)
    if match is None or (match.start, match.end) != (0, len(raw)):
        return None
    same = pn.format_number(match.number, pn.PhoneNumberFormat.E164) == reading.e164
    return reading if same else None
