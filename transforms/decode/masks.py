"""Masks: what is found in texts is replaced by '#', at its length.

Spans are (start, end) in code points. Functions of columns look in full only at texts with a hint.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.field import TEXT
from transforms.decode.escapes import Span, plain_in_place
from transforms.decode.readings import has_token

Spans = Iterable[Span | tuple[int, int, str]]
"""Spans, perhaps with an id, which is ignored here."""

MASK = "#"

_CODE = "[A-Z0-9]{4,5}(?:[ -]?[A-Z0-9]{4,5}){2,4}"

_REST_BEHIND = re.compile(rf"[^\W_]{{9,99}}|[0-9]{{3}}(?:[ -]?[0-9]){{6,24}}|{_CODE}")

_REST_BEFORE = re.compile(rf"(?:[^\W_]{{9,99}}|(?:[0-9][ -]?){{6,24}}[0-9]{{3}}|{_CODE})$")
"""The shortest number of a card or person, and code, that may be stuck to an identifier."""

_LONGEST_REST = 100

_GUESSABLE = re.compile(
    rf"[0-9]+|[0-9a-fA-F]{{32}}|[0-9a-fA-F]{{40}}|[0-9a-fA-F]{{64}}|[\w-]{{22}}|[\w-]{{27}}|[\w-]{{43}}|.*{MASK}.*"
)
"""Digits, and the lengths of MD5, SHA-1 and SHA-256 in hex and Base64: a guess can be tried."""

_HASH_LENGTH = 16
"""Digits of a hash, as withheld ids have."""

Found = TypeVar("Found")


def mask_spans(text: str, spans: Spans) -> str:
    """Replaces the letters and digits of each span with '#'."""
    return _replace_spans(text, spans, _mask_alphanumerics)


def mask_spans_fully(text: str, spans: Spans) -> str:
    """Masks spans, those with letters with their blanks and signs: lengths of words tell digits."""
    every = list(spans)
    lettered = [span for span in every if any(map(str.isalpha, text[span[0] : span[1]]))]
    return _replace_spans(mask_spans(text, every), lettered, lambda part: MASK * len(part))


def hash_spans(text: str, spans: Spans) -> str:
    """Replaces each span with '#' and the start of its SHA-256, as long: one token has one hash.

    What a guess can be tried on has none: digits, a digest, and what has a number or mask in it.
    """
    return _replace_spans(text, spans, _hash_token)


def stuck_spans(text: str, spans: Spans) -> Iterator[Span]:
    """Yields what touches spans that end amid letters or digits, where it may be private itself.

    A number that is stuck to another is none to any finder; once one is masked the other shows.
    """
    for start, end, *_ in spans:
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
        hinted = pc.match_substring_regex(texts.take(rows), hint)
        rows = rows[np.flatnonzero(pc.fill_null(hinted, False))]
    searched = zip(rows.tolist(), texts.take(rows).to_pylist(), strict=True)
    return {row: spans for row, text in searched if (spans := list(find(text)))}


def mask_rows(
    texts: pa.Array, spans: Mapping[int, Spans], hide: Callable[[str, Spans], str] = mask_spans
) -> pa.Array:
    """Masks spans, by row, in strings or null."""
    if not spans:
        return texts
    rows = sorted(spans)
    some = texts.take(rows).to_pylist()
    masked = [hide(text, spans[row]) for text, row in zip(some, rows, strict=True)]
    changed = np.zeros(len(texts), bool)
    changed[rows] = True
    return pc.replace_with_mask(texts, pa.array(changed), pa.array(masked, TEXT))


def _replace_spans(text: str, spans: Spans, replace: Callable[[str], str]) -> str:
    """Replaces what is in spans with text of its length, where they overlap once."""
    pieces: list[str] = []
    done = 0
    for start, end, *_ in sorted(spans):
        first, last = max(start, done), min(end, len(text))
        if first < last:
            pieces += (text[done:first], replace(text[first:last]))
            done = last
    return "".join((*pieces, text[done:])) if pieces else text


def _hash_token(part: str) -> str:
    is_guessable = _GUESSABLE.fullmatch(part) or has_token(part)
    digest = "" if is_guessable else hashlib.sha256(part.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{MASK}{digest}".ljust(len(part), MASK)


def _mask_alphanumerics(part: str) -> str:
    if part.isascii():
        return "".join([MASK if c.isalnum() else c for c in part])
    pairs = zip(part, plain_in_place(part), strict=True)  # a letter in a circle, 'ⓙ', is a sign
    return "".join([MASK if c.isalnum() or read.isalnum() else c for c, read in pairs])
