"""Masks spans of text, at its length, and limits how much of a text is searched and so kept.

Spans are (start, end) in code points. Functions of columns look in full only at texts with a hint.
Text beyond the search limit may contain a victim's number, so none of it is kept.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MASK = "#"

SEARCH_LIMIT = 12_000
"""Code points of a text that are searched, about four pages."""

SEARCH_EDGE = 200
"""Code points before that limit in which an identifier may begin whose end is not seen."""

_CODE = "[A-Z0-9]{4,5}(?:[ -]?[A-Z0-9]{4,5}){2,4}"

_REST_BEHIND = re.compile(rf"[^\W_]{{9,99}}|[0-9]{{3}}(?:[ -]?[0-9]){{6,24}}|{_CODE}")

_REST_BEFORE = re.compile(rf"(?:[^\W_]{{9,99}}|(?:[0-9][ -]?){{6,24}}[0-9]{{3}}|{_CODE})$")
"""The shortest number of a card or person, and code, that may be stuck to an identifier."""

_LONGEST_REST = 100

Span = tuple[int, int]
"""Start and end, code points."""

Spans = Iterable[Span]

Found = TypeVar("Found")


def mask_spans(text: str, spans: Spans) -> str:
    """Replaces the letters and digits of each span with '#'."""
    return _replace_spans(text, spans, _mask_alphanumerics)


def mask_spans_fully(text: str, spans: Spans) -> str:
    """Masks spans, those with letters with their blanks and signs: lengths of words tell digits."""
    every = list(spans)
    lettered = [(start, end) for start, end in every if any(map(str.isalpha, text[start:end]))]
    return _replace_spans(mask_spans(text, every), lettered, _mask_all)


def stuck_spans(text: str, spans: Spans) -> Iterator[Span]:
    """Yields what touches spans that end amid letters or digits, where it may be private itself.

    A number that is stuck to another is none to any finder; once one is masked the other shows.
    """
    for start, end in spans:
        if text[max(0, start - 1) : start + 1].isalnum() and start:
            low = max(0, start - _LONGEST_REST)
            if before := _REST_BEFORE.search(text[low:start]):
                yield low + before.start(), start
        if text[end - 1 : end].isalnum() and (behind := _REST_BEHIND.match(text, end)):
            yield behind.span()


def mask_found(texts: pa.Array, hints: tuple[str, ...], find: Callable[[str], Spans]) -> pa.Array:
    """Masks what `find` finds in strings or null; see `find_by_row`."""
    return mask_rows(texts, find_by_row(texts, hints, find))


def find_by_row(
    texts: pa.Array, hints: tuple[str, ...], find: Callable[[str], Iterable[Found]]
) -> dict[int, list[Found]]:
    """Returns what `find` finds in strings or null, by row, ascending, where it finds anything.

    Each of `hints` (RE2) matches every text in which `find` finds anything.
    """
    rows = np.arange(len(texts))
    for hint in hints:
        hinted = pc.match_substring_regex(texts.take(pa.array(rows)), hint)
        rows = rows[np.flatnonzero(pc.fill_null(hinted, False))]
    searched = zip(rows.tolist(), texts.take(pa.array(rows)).to_pylist(), strict=True)
    found = ((row, list(find(text))) for row, text in searched)
    return {row: those for row, those in found if those}


def mask_rows(
    texts: pa.Array, spans: Mapping[int, Spans], hide: Callable[[str, Spans], str] = mask_spans
) -> pa.Array:
    """Masks spans, by row, in strings or null."""
    if not spans:
        return texts
    rows = sorted(spans)
    some = texts.take(pa.array(rows)).to_pylist()
    masked = [hide(text, spans[row]) for text, row in zip(some, rows, strict=True)]
    changed = np.zeros(len(texts), bool)
    changed[rows] = True
    return pc.replace_with_mask(texts, pa.array(changed), pa.array(masked, pa.string()))


def cut_to_search_limit(texts: pa.Array) -> pa.Array:
    """Returns the part of each text, or null, that is searched."""
    limited = _any_beyond_limit(texts)
    return pc.utf8_slice_codeunits(texts, 0, SEARCH_LIMIT) if limited else texts


def truncate_unsearched(texts: pa.Array) -> pa.Array:
    """Cuts what is not searched, and the edge before it, off texts; each says how much went."""
    limited = _any_beyond_limit(texts)
    return pa.array(map(_truncate, texts.to_pylist()), pa.string()) if limited else texts


def _replace_spans(text: str, spans: Spans, replace: Callable[[str], str]) -> str:
    """Replaces what is in spans with text of its length, where they overlap once."""
    pieces: list[str] = []
    done = 0
    for start, end in sorted(spans):
        first, last = max(start, done), min(end, len(text))
        if first < last:
            pieces += (text[done:first], replace(text[first:last]))
            done = last
    return "".join((*pieces, text[done:])) if pieces else text


def _mask_alphanumerics(part: str) -> str:
    return "".join([MASK if c.isalnum() else c for c in part])


def _mask_all(part: str) -> str:
    return MASK * len(part)


def _truncate(text: str | None) -> str | None:
    if text is None or len(text) <= SEARCH_LIMIT:
        return text
    kept = SEARCH_LIMIT - SEARCH_EDGE
    return f"{text[:kept]} [{len(text) - kept} more characters, not read]"


def _any_beyond_limit(texts: pa.Array) -> bool:
    return (pc.max(pc.binary_length(texts)).as_py() or 0) > SEARCH_LIMIT
