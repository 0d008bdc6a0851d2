"""Phone numbers in one text, looked for with care: what decides where columns cannot.

Candidates are runs of digit groups joined by telephone punctuation, found in linear time; what is a
number is decided as libphonenumber's strict matcher decides it of the candidate alone. A number is
never cut out of a longer run of joined digits: such a cut invents a subscriber.

Phone numbers inside free text, with their offsets.

Plain ones are found and read by whole columns (`written`); the texts that need more are searched
one by one (`careful`). Which way a text goes changes nothing but the time that it takes.
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

from transforms.arrow_util import FEW, distinct_rows, given_to_all
from transforms.phone import find_columns, normalize, normalize_columns, spoken
from transforms.phone.false_positives import blank, is_labelled
from transforms.phone.normalize import VALID, How, Reading, worth
from transforms.text_masking import SEARCHED, searched

MAX_SCAN = SEARCHED
"""Code points of a text that are searched; the rest is left alone."""


MAX_CANDIDATES = 500
"""Candidates of one text, and pieces of one candidate, that are tried."""


_FEW = 12
"""Candidates that are read sooner one by one than in columns."""


SHORTEST, LONGEST = 7, 24
"""Digits of a candidate: a short national number, to E.164's fifteen with IDD and extension."""


_JOINS = " \\t\u00a0\u2000-\u200b\u202f\u2060\u3000.()\\[\\]/~\u2010-\u2015\u2212\uff0d-"


_GAP = f"[{_JOINS}]"


_OPENING = r"(?:[+＋] ?)?(?:[(（\[] ?[+＋]?)?"


OPENING = re.compile(rf"{_OPENING}\Z")
"""What is of a chain before its first digit."""


_CHAIN_JOIN = rf"(?:[\r\n]?{_GAP}{{1,5}}|{_GAP}{{0,2}}[\r\n]{_GAP}{{0,2}})"


CHAIN_JOIN = re.compile(_CHAIN_JOIN)
"""What joins the digits of a chain."""


CHAIN = re.compile(rf"{_OPENING}\d+(?:{_CHAIN_JOIN}\d+)*")


_JOIN = rf"[\r\n{_JOINS}]{{0,6}}"


JOIN = re.compile(_JOIN)
"""What joins the digits of a stretch."""


DIGITS_ENOUGH = re.compile(rf"\d(?:{_JOIN}\d){{6,}}")
"""A stretch: what a chain with enough digits lies in."""


_EXTENSION = r"(?:;ext=|[ ,;-]{0,3}(?:ext(?:ension|\.)?|xtn|x|#)[ .:]{0,2})\d{1,7}"


EXTENSION_BEGUN = re.compile(_EXTENSION, re.IGNORECASE)


EXTENSION = re.compile(rf"{_EXTENSION}(?!\d)", re.IGNORECASE)


_BREAK = re.compile(
    r"[\r\n]+|\s*[/~]\s+|\s+[/~]\s*|\s+[-\u2010-\u2015.]+\s+|\.\s+|/(?=[+＋(（])|\s{2,}|\s(?=[+＋(（])"
)


_MAY_BREAK = re.compile(r"[\s/~]")


_SPACE = re.compile(r"\s+")


_JOINED = re.compile(r"\d[^\d\s]+\d|[+＋]\d")


_STUCK_BEFORE = re.compile("[A-Za-z\u00c0-\u024f\u0300-\u036f\\d$€£¥₹%=&_]")


_STUCK_AFTER = re.compile("[A-Za-z\u00c0-\u024f\u0300-\u036f\\d$€£¥₹%@]")
"""A digit run that touches a Latin letter, money, a query string or another run is no number."""


PLAIN = r"^\+?(?:[0-9]{1,3}[-. ]?)?(?:\([0-9]{1,5}\)[-. ]?)?[0-9](?:[-. /]{0,3}[0-9])*$"
"""A candidate with nothing in it that makes libphonenumber's matcher look twice."""


PUBLICATION = re.compile(r"\d{1,5}-+\d{1,5}\s{0,4}\(\d{1,4}")


class Span(NamedTuple):
    """A stretch of text, in code points."""

    start: int
    end: int


Read = Callable[[str], Reading | None]


def find_number(text: str, region: str | None) -> list[tuple[Span, Reading]]:
    """The phone numbers in one text, with their offsets."""
    one = prepare([((text, region), True)])[0]
    return [(span, reading) for span, _, reading in one.hits(lambda raw: verified(raw, region))]


def prepare(keys: Sequence[tuple[tuple[str, str | None], bool]]) -> list[Text]:
    """Texts under their regions, ready to be read; each with whether digits may be said in it."""
    scanned = [text[:MAX_SCAN] for (text, _), _ in keys]
    stretches = [[m.span() for m in DIGITS_ENOUGH.finditer(text)] for text in scanned]
    return [
        Text(
            text,
            region,
            quiet,
            list(islice(_chains(quiet, spans), MAX_CANDIDATES)),
            list(islice(_said(quiet), MAX_CANDIDATES)) if said else [],
        )
        for text, quiet, spans, ((_, region), said) in zip(
            scanned, blank(scanned, stretches), stretches, keys, strict=True
        )
    ]


@dataclass(frozen=True)
class Text:
    """A text with its noise blanked, its chains, and what is said in words."""

    text: str
    region: str | None
    quiet: str
    chains: list[Span]
    said: list[tuple[Span, str, How]]

    def candidates(self) -> Iterator[str]:
        """Everything that `hits` may ask to be read."""
        for chain in self.chains:
            yield self.quiet[chain.start : chain.end]
            if not _MAY_BREAK.search(self.quiet, chain.start, chain.end):
                continue
            for part in _split(self.quiet, chain, _BREAK):
                yield self.quiet[part.start : part.end]
                for word in _split(self.quiet, part, _SPACE):
                    yield self.quiet[word.start : word.end]
        for _, plain, _ in self.said:
            yield plain

    def hits(self, read: Read) -> Iterator[tuple[Span, str, Reading]]:
        """The numbers, in order; digits in words only where no number was written there."""
        found = [hit for chain in self.chains for hit in _read_chain(self.quiet, chain, read)]
        for span, plain, how in self.said:
            overlaps = any(one.start < span.end and span.start < one.end for one, _ in found)
            reading = None if overlaps else read(plain)
            if reading:
                worthy = worth(how, reading.also_read_as)
                found.append((span, reading._replace(how=how, confidence=worthy)))
        for span, reading in sorted(found, key=_start) if self.said else found:
            yield span, self.text[span.start : span.end], reading


def _start(hit: tuple[Span, Reading]) -> int:
    return hit[0].start


def _said(quiet: str) -> Iterator[tuple[Span, str, How]]:
    """Numbers in words, one digit after the other, or apart from their area code."""
    for start, end, plain in spoken.with_area_codes(quiet):
        yield Span(start, end), plain, How.MENDED
    for run in spoken.runs(quiet):
        if not is_labelled(quiet, run.starts[0]):
            yield Span(run.starts[0], run.ends[-1]), run.plain, How.SPELLED


def reading_of(texts: Sequence[Text]) -> dict[str | None, Read]:
    """By region, how to read any candidate of the texts: ordinary ones are read in columns."""
    asked = dict.fromkeys(
        (raw, one.region)
        for one in texts
        for raw in one.candidates()
        if len(raw) >= SHORTEST and SHORTEST <= sum(map(str.isdigit, raw)) <= LONGEST
    )
    known: dict[str | None, dict[str, Reading | None]] = {one.region: {} for one in texts}
    if len(asked) > _FEW:
        pairs = list(asked)
        raws = pa.array([raw for raw, _ in pairs], pa.string())
        read = normalize_columns.read(raws, pa.array([region for _, region in pairs], pa.string()))
        plain = pc.match_substring_regex(raws.take(pa.array(read.rows)), PLAIN)
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
            if is_sure and not PUBLICATION.search(raw):
                how = How.NATIONAL if national else How.INTERNATIONAL
                reading = Reading(
                    e164, claimed, kind, how=how, validity=VALID, confidence=worth(how, None)
                )
                known[region][raw] = reading if complete else None
    return {region: _Known(region, held) for region, held in known.items()}


class _Known:
    """Reads candidates of one region: what was read in columns, else one by one."""

    def __init__(self, region: str | None, held: dict[str, Reading | None]) -> None:
        self._region = region
        self._held = held

    def __call__(self, raw: str) -> Reading | None:
        if raw in self._held:
            return self._held[raw]
        return verified(raw, self._region)


@lru_cache(maxsize=normalize.CACHED)
def verified(raw: str, region: str | None) -> Reading | None:
    """The reading of a candidate that is a number from its first character to its last."""
    if not SHORTEST <= sum(map(str.isdigit, raw)) <= LONGEST:
        return None
    reading = normalize.read_one(raw, region)
    if reading.e164 is None or reading.how == How.FOREIGN:
        return reading if reading.e164 else None
    match = next(iter(pn.PhoneNumberMatcher(raw, region, leniency=pn.Leniency.VALID)), None)
    if match is None or (match.start, match.end) != (0, len(raw)):
        return None
    same = pn.format_number(match.number, pn.PhoneNumberFormat.E164) == reading.e164
    return reading if same else None


def _chains(text: str, stretches: Sequence[tuple[int, int]]) -> Iterator[Span]:
    """Runs of joined digit groups that stand free of words, money and longer numbers."""
    done = 0
    for first, last in stretches:
        for match in CHAIN.finditer(text, max(done, first - 4), last):
            start, end = match.span()
            done = end
            if end - start < SHORTEST:
                continue
            if text[start] not in "+＋(（[" and start and _STUCK_BEFORE.match(text, start - 1):
                continue
            if extension := EXTENSION.match(text, end):
                end = extension.end()
            if not _STUCK_AFTER.match(text, end):
                yield Span(start, end)


def _read_chain(text: str, chain: Span, read: Read) -> Iterator[tuple[Span, Reading]]:
    """Read all of a chain as one number, else its parts, else the joined words of a part."""
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
    for match in islice(at.finditer(text, span.start, span.end), MAX_CANDIDATES):
        if match.start() > start:
            yield Span(start, match.start())
        start = match.end()
    if start < span.end:
        yield Span(start, span.end)


HIT = pa.schema(
    [
        pa.field("row", pa.int32(), nullable=False),
        pa.field("start", pa.int32(), nullable=False),
        pa.field("end", pa.int32(), nullable=False),
        pa.field("raw", pa.string(), nullable=False),
        *normalize.READING,
    ]
)
"""A number in a text: row of the text, code-point offsets, the slice, and its reading."""


_RULES = find_columns.Rules(
    stretch=JOIN,
    chain=CHAIN_JOIN,
    opening=OPENING,
    plain=PLAIN,
    publication=PUBLICATION.pattern,
    extension=EXTENSION_BEGUN,
    stuck_before=f"{ascii_letters}{digits}$%=&_",
    stuck_after=f"{ascii_letters}{digits}$%@",
    shortest=SHORTEST,
    longest=LONGEST,
)


_SAID = f"{spoken.HINT}|{spoken.AREA_HINT}"
"""RE2: without a match of this, no digit is said in a text."""


def find_numbers(text: pa.Array, region: pa.Array) -> pa.RecordBatch:
    """Every phone number in every text, under the region of its row; string arrays of one length.

    Returns a batch of `HIT`, ordered by row and start. Distinct (text, region) pairs are searched
    once: what is plain by columns (`written`), the others text by text.
    """
    first, back = distinct_rows((text, region))
    at = pa.array(first)
    found = _search(text.take(at), region.take(at))
    rows, finds = given_to_all(found["row"].to_numpy(), back, len(first))
    return found.take(pa.array(finds)).set_column(0, HIT.field("row"), pa.array(rows, pa.int32()))


def _search(texts: pa.Array, regions: pa.Array) -> pa.RecordBatch:
    """As `find`, of distinct pairs."""
    texts = pc.fill_null(searched(texts), "")
    said = pc.match_substring_regex(texts, _SAID).to_numpy(zero_copy_only=False)
    slow = np.ones(len(texts), bool)
    parts: list[list[pa.Array]] = []
    if len(texts) >= FEW:
        found = find_columns.read(texts, regions, _RULES, said)
        slow = found.left
        parts.append(_plain(found))
    rows = np.flatnonzero(slow)
    some = texts.take(pa.array(rows)).to_pylist(), regions.take(pa.array(rows)).to_pylist()
    keys = list(zip(*some, strict=True))
    prepared = prepare(list(zip(keys, said[rows].tolist(), strict=True)))
    read = reading_of(prepared)
    others = [
        (row, *span, raw, *reading)
        for row, one in zip(rows.tolist(), prepared, strict=True)
        for span, raw, reading in one.hits(read[one.region])
    ]
    columns = list(zip(*others, strict=True)) or [()] * len(HIT)
    parts.append([pa.array(c, f.type) for c, f in zip(columns, HIT, strict=True)])
    both = [pa.concat_arrays(pair) for pair in zip(*parts, strict=True)]
    order = np.lexsort((both[1].to_numpy(), both[0].to_numpy()))
    return pa.RecordBatch.from_arrays(both, schema=HIT).take(pa.array(order))


def _plain(found: find_columns.Found) -> list[pa.Array]:
    """The columns of `HIT` of what was found by columns."""
    count = len(found.at.rows)
    hows = np.where(found.national, How.NATIONAL.value, How.INTERNATIONAL.value)
    given = {
        "row": pa.array(found.at.rows, pa.int32()),
        "start": pa.array(found.at.starts, pa.int32()),
        "end": pa.array(found.at.ends, pa.int32()),
        "raw": found.raw,
        "e164": found.e164,
        "region": found.region,
        "line_type": found.line_type,
        "how": pa.array(hows, pa.string()),
        "validity": pa.array([VALID] * count, pa.string()),
        "confidence": pa.array(np.ones(count, np.float32)),
    }
    return [given.get(one.name, pa.nulls(count, one.type)) for one in HIT]
