"""Finds phone numbers in free text, with their offsets.

Candidates are runs of digit groups joined by telephone punctuation, found in linear time; a
candidate is a number if libphonenumber's strict matcher accepts it alone. A number is never cut out
of a longer run of joined digits: such a cut invents a subscriber. Plain numbers are found by whole
columns (`find_columns`), which changes nothing but the time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from string import ascii_letters, digits
from typing import NamedTuple

import numpy as np
import phonenumbers as pn
import pyarrow as pa
import pyarrow.compute as pc

from transforms.arrow_util import distinct_rows, repeat_for_duplicates
from transforms.phone import find_columns, normalize, normalize_columns, spoken
from transforms.phone.false_positives import blank_false_positives, is_labelled_id
from transforms.phone.normalize import VALID, Reading, ReadingMethod, confidence_of
from transforms.text_masking import SEARCH_LIMIT, cut_to_search_limit
from transforms.text_spans import FEW_TEXTS

MIN_DIGITS, MAX_DIGITS = 7, 24
"""Digits of a candidate: a short national number, to E.164's fifteen with IDD and extension."""

_FEW = 12
"""Up to so many candidates are read faster one by one than in columns."""

_MAX_CANDIDATES = 500
"""Candidates of one text, and pieces of one candidate, that are tried."""

_JOINS = " \\t\u00a0\u2000-\u200b\u202f\u2060\u3000.()\\[\\]/~\u2010-\u2015\u2212\uff0d-"

_GAP = f"[{_JOINS}]"

_OPENING = r"(?:[+＋] ?)?(?:[(（\[] ?[+＋]?)?"

_OPENING_END = re.compile(rf"{_OPENING}\Z")
"""The part of a chain before its first digit."""

_CHAIN_JOIN = rf"(?:[\r\n]?{_GAP}{{1,5}}|{_GAP}{{0,2}}[\r\n]{_GAP}{{0,2}})"

_CHAIN_JOIN_WHOLE = re.compile(_CHAIN_JOIN)
"""The separators between groups of digits of one chain."""

_CHAIN = re.compile(rf"{_OPENING}\d+(?:{_CHAIN_JOIN}\d+)*")

_JOIN = rf"[\r\n{_JOINS}]{{0,6}}"

STRETCH_JOIN = re.compile(_JOIN)
"""The separators between digits of one stretch."""

STRETCH = re.compile(rf"\d(?:{_JOIN}\d){{6,}}")
"""A stretch: the surroundings in which a chain with enough digits lies."""

_EXTENSION = r"(?:;ext=|[ ,;-]{0,3}(?:ext(?:ension|\.)?|xtn|x|#)[ .:]{0,2})\d{1,7}"

_EXTENSION_BEGINS = re.compile(_EXTENSION, re.IGNORECASE)

_EXTENSION_WHOLE = re.compile(rf"{_EXTENSION}(?!\d)", re.IGNORECASE)

_BREAK = re.compile(
    r"[\r\n]+|\s*[/~]\s+|\s+[/~]\s*|\s+[-\u2010-\u2015.]+\s+|\.\s+|/(?=[+＋(（])|\s{2,}|\s(?=[+＋(（])"
)

_MAY_BREAK = re.compile(r"[\s/~]")

_SPACE = re.compile(r"\s+")

_JOINED = re.compile(r"\d[^\d\s]+\d|[+＋]\d")

_STUCK_BEFORE = re.compile("[A-Za-z\u00c0-\u024f\u0300-\u036f\\d$€£¥₹%=&_]")

_STUCK_AFTER = re.compile("[A-Za-z\u00c0-\u024f\u0300-\u036f\\d$€£¥₹%@]")
"""A digit run that touches a Latin letter, money, a query string or another run is no number."""

_PLAIN_CANDIDATE = r"^\+?(?:[0-9]{1,3}[-. ]?)?(?:\([0-9]{1,5}\)[-. ]?)?[0-9](?:[-. /]{0,3}[0-9])*$"
"""RE2: a candidate that libphonenumber's strict matcher accepts if it is a valid number."""

_JOURNAL_PAGE = re.compile(r"\d{1,5}-+\d{1,5}\s{0,4}\(\d{1,4}")

_SPOKEN_HINT = f"{spoken.SPOKEN_HINT}|{spoken.AREA_CODE_HINT}"
"""RE2: without a match of this, a text has no digits in words."""

COLUMN_RULES = find_columns.CandidateRules(
    stretch=STRETCH_JOIN,
    chain=_CHAIN_JOIN_WHOLE,
    opening=_OPENING_END,
    plain=_PLAIN_CANDIDATE,
    publication=_JOURNAL_PAGE.pattern,
    extension=_EXTENSION_BEGINS,
    stuck_before=f"{ascii_letters}{digits}$%=&_",
    stuck_after=f"{ascii_letters}{digits}$%@",
    shortest=MIN_DIGITS,
    longest=MAX_DIGITS,
)

FOUND_NUMBER = pa.schema(
    [
        pa.field("row", pa.int32(), nullable=False),
        pa.field("start", pa.int32(), nullable=False),
        pa.field("end", pa.int32(), nullable=False),
        pa.field("raw", pa.string(), nullable=False),
        *normalize.READING_TYPE,
    ]
)
"""A number in a text: row of the text, code-point offsets, the slice, and its reading."""


class Span(NamedTuple):
    """A stretch of text, in code points."""

    start: int
    end: int


def find_numbers(text: pa.Array, region: pa.Array) -> pa.RecordBatch:
    """Finds every phone number in a column of texts; distinct (text, region) pairs are read once.

    Args:
        text: Strings or null, of which `SEARCH_LIMIT` code points are searched.
        region: ISO 3166-1 alpha-2; where it is null, only international numbers are found.

    Returns:
        A batch of `FOUND_NUMBER`, ordered by row and start.
    """
    first, back = distinct_rows((text, region))
    at = pa.array(first)
    found = _find_in_distinct(text.take(at), region.take(at))
    rows, finds = repeat_for_duplicates(found["row"].to_numpy(), back, len(first))
    return found.take(pa.array(finds)).set_column(
        0, FOUND_NUMBER.field("row"), pa.array(rows, pa.int32())
    )


def find_numbers_in_text(text: str, region: str | None) -> list[tuple[Span, Reading]]:
    """Finds the phone numbers in one text, with their offsets in code points."""
    prepared = _prepare_texts([((text, region), True)])[0]
    numbers = prepared.find(lambda raw: _read_verified(raw, region))
    return [(span, reading) for span, _, reading in numbers]


def _find_in_distinct(texts: pa.Array, regions: pa.Array) -> pa.RecordBatch:
    """Finds numbers by whole columns, and one by one in the texts that these leave undecided."""
    texts = pc.fill_null(cut_to_search_limit(texts), "")
    spoken_in = pc.match_substring_regex(texts, _SPOKEN_HINT).to_numpy(zero_copy_only=False)
    undecided = np.ones(len(texts), bool)
    parts: list[list[pa.Array]] = []
    if len(texts) >= FEW_TEXTS:
        plain = find_columns.find_plain_numbers(texts, regions, COLUMN_RULES, spoken_in)
        undecided = plain.undecided
        parts.append(_to_columns(plain))
    rows = np.flatnonzero(undecided)
    some = texts.take(pa.array(rows)).to_pylist(), regions.take(pa.array(rows)).to_pylist()
    keys = list(zip(*some, strict=True))
    prepared = _prepare_texts(list(zip(keys, spoken_in[rows].tolist(), strict=True)))
    read = _candidate_readers(prepared)
    others = [
        (row, *span, raw, *reading)
        for row, one in zip(rows.tolist(), prepared, strict=True)
        for span, raw, reading in one.find(read[one.region])
    ]
    columns = list(zip(*others, strict=True)) or [()] * len(FOUND_NUMBER)
    parts.append([pa.array(c, f.type) for c, f in zip(columns, FOUND_NUMBER, strict=True)])
    both = [pa.concat_arrays(pair) for pair in zip(*parts, strict=True)]
    order = np.lexsort((both[1].to_numpy(), both[0].to_numpy()))
    return pa.RecordBatch.from_arrays(both, schema=FOUND_NUMBER).take(pa.array(order))


def _to_columns(found: find_columns.PlainFinds) -> list[pa.Array]:
    """Returns the columns of `FOUND_NUMBER` of what was found by columns."""
    places = [pa.array(column, pa.int32()) for column in found.at]
    columns = normalize.plain_reading_columns(
        found.e164, found.region, found.line_type, found.national
    )
    return [*places, found.raw, *columns.values()]


_Reader = Callable[[str], Reading | None]


@dataclass(frozen=True)
class _PreparedText:
    """A text, also with its false positives blanked, its chains, and its numbers in words."""

    text: str
    region: str | None
    blanked: str
    chains: list[Span]
    spoken: list[tuple[Span, str, ReadingMethod]]

    def candidates(self) -> Iterator[str]:
        """Yields everything that `find` may ask to be read."""
        for chain in self.chains:
            yield self.blanked[chain.start : chain.end]
            if not _MAY_BREAK.search(self.blanked, chain.start, chain.end):
                continue
            for part in _split(self.blanked, chain, _BREAK):
                yield self.blanked[part.start : part.end]
                for word in _split(self.blanked, part, _SPACE):
                    yield self.blanked[word.start : word.end]
        for _, plain, _ in self.spoken:
            yield plain

    def find(self, read: _Reader) -> Iterator[tuple[Span, str, Reading]]:
        """Yields the numbers in order; those in words only where there is none in digits."""
        found = [hit for chain in self.chains for hit in _read_chain(self.blanked, chain, read)]
        for span, plain, how in self.spoken:
            overlaps = any(one.start < span.end and span.start < one.end for one, _ in found)
            reading = None if overlaps else read(plain)
            if reading:
                confidence = confidence_of(how, reading.also_read_as)
                found.append((span, reading._replace(how=how, confidence=confidence)))
        for span, reading in sorted(found, key=_start) if self.spoken else found:
            yield span, self.text[span.start : span.end], reading


def _prepare_texts(keys: Sequence[tuple[tuple[str, str | None], bool]]) -> list[_PreparedText]:
    """Prepares (text, region) pairs, each with whether the text may have digits in words."""
    scanned = [text[:SEARCH_LIMIT] for (text, _), _ in keys]
    stretches = [[m.span() for m in STRETCH.finditer(text)] for text in scanned]
    return [
        _PreparedText(
            text,
            region,
            blanked,
            list(islice(_chains(blanked, spans), _MAX_CANDIDATES)),
            list(islice(_spoken_in(blanked), _MAX_CANDIDATES)) if may_be_spoken else [],
        )
        for text, blanked, spans, ((_, region), may_be_spoken) in zip(
            scanned, blank_false_positives(scanned, stretches), stretches, keys, strict=True
        )
    ]


def _start(hit: tuple[Span, Reading]) -> int:
    return hit[0].start


def _spoken_in(blanked: str) -> Iterator[tuple[Span, str, ReadingMethod]]:
    """Yields numbers in words, digit by digit, and numbers apart from their area code."""
    for start, end, plain in spoken.find_numbers_with_area_code(blanked):
        yield Span(start, end), plain, ReadingMethod.REPAIRED
    for run in spoken.find_spoken_numbers(blanked):
        if not is_labelled_id(blanked, run.starts[0]):
            yield Span(run.starts[0], run.ends[-1]), run.plain, ReadingMethod.SPELLED


def _chains(text: str, stretches: Sequence[tuple[int, int]]) -> Iterator[Span]:
    """Yields runs of joined digit groups that touch no words, money or longer numbers."""
    done = 0
    for first, last in stretches:
        for match in _CHAIN.finditer(text, max(done, first - 4), last):
            start, end = match.span()
            done = end
            if end - start < MIN_DIGITS:
                continue
            if text[start] not in "+＋(（[" and start and _STUCK_BEFORE.match(text, start - 1):
                continue
            if extension := _EXTENSION_WHOLE.match(text, end):
                end = extension.end()
            if not _STUCK_AFTER.match(text, end):
                yield Span(start, end)


def _read_chain(text: str, chain: Span, read: _Reader) -> Iterator[tuple[Span, Reading]]:
    """Reads all of a chain as one number, else its parts, else the joined words of a part."""
    if reading := read(text[chain.start : chain.end]):
        yield chain, reading
        return
    if not _MAY_BREAK.search(text, chain.start, chain.end):
        return
    for part in _split(text, chain, _BREAK):
        if reading := read(text[part.start : part.end]):
            yield part, reading
            continue
        words = list(_split(text, part, _SPACE))
        for word in words:
            alone = len(words) <= 2 or _JOINED.search(text, word.start, word.end)
            if alone and (reading := read(text[word.start : word.end])):
                yield word, reading


def _split(text: str, span: Span, at: re.Pattern[str]) -> Iterator[Span]:
    start = span.start
    for match in islice(at.finditer(text, span.start, span.end), _MAX_CANDIDATES):
        if match.start() > start:
            yield Span(start, match.start())
        start = match.end()
    if start < span.end:
        yield Span(start, span.end)


def _candidate_readers(texts: Sequence[_PreparedText]) -> dict[str | None, _Reader]:
    """Returns a reader of the texts' candidates by region; plain ones are read in columns now."""
    asked = dict.fromkeys(
        (raw, one.region)
        for one in texts
        for raw in one.candidates()
        if len(raw) >= MIN_DIGITS and MIN_DIGITS <= sum(map(str.isdigit, raw)) <= MAX_DIGITS
    )
    known: dict[str | None, dict[str, Reading | None]] = {one.region: {} for one in texts}
    if len(asked) > _FEW:
        pairs = list(asked)
        raws = pa.array([raw for raw, _ in pairs], pa.string())
        read = normalize_columns.normalize_plain(
            raws, pa.array([region for _, region in pairs], pa.string())
        )
        plain = pc.match_substring_regex(raws.take(pa.array(read.rows)), _PLAIN_CANDIDATE)
        sure = plain.to_numpy(zero_copy_only=False)
        for row in read.invalid.tolist():
            raw, region = pairs[row]
            if not raw.startswith("00"):
                known[region][raw] = None
        columns = (read.e164, read.region, read.line_type)
        for is_sure, complete, row, national, e164, claimed, kind in zip(
            sure.tolist(),
            read.complete.tolist(),
            read.rows.tolist(),
            read.national.tolist(),
            *(column.to_pylist() for column in columns),
            strict=True,
        ):
            raw, region = pairs[row]
            if is_sure and not _JOURNAL_PAGE.search(raw):
                how = ReadingMethod.NATIONAL if national else ReadingMethod.INTERNATIONAL
                reading = Reading(
                    e164,
                    claimed,
                    kind,
                    how=how,
                    validity=VALID,
                    confidence=confidence_of(how, None),
                )
                known[region][raw] = reading if complete else None
    return {region: _CachedReader(region, readings) for region, readings in known.items()}


class _CachedReader:
    """Reads candidates of one region: those not read in columns one by one."""

    def __init__(self, region: str | None, readings: dict[str, Reading | None]) -> None:
        self._region = region
        self._readings = readings

    def __call__(self, raw: str) -> Reading | None:
        if raw in self._readings:
            return self._readings[raw]
        return _read_verified(raw, self._region)


@lru_cache(maxsize=normalize.CACHE_SIZE)
def _read_verified(raw: str, region: str | None) -> Reading | None:
    """Returns the reading of a candidate that is a number from its first character to its last."""
    if not MIN_DIGITS <= sum(map(str.isdigit, raw)) <= MAX_DIGITS:
        return None
    reading = normalize.normalize_number(raw, region)
    if reading.e164 is None or reading.how == ReadingMethod.FOREIGN:
        return reading if reading.e164 else None
    match = next(iter(pn.PhoneNumberMatcher(raw, region, leniency=pn.Leniency.VALID)), None)
    if match is None or (match.start, match.end) != (0, len(raw)):
        return None
    same = pn.format_number(match.number, pn.PhoneNumberFormat.E164) == reading.e164
    return reading if same else None
