"""A column of texts without what must not be kept: only texts with a hint are looked at in full.

How much of a text is searched for identifiers, and so how much of it may be kept.

What was not searched may hold a victim's number, so nothing of it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

MASK = "#"


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


Span = tuple[int, int]
"""Start and end, code points."""

Spans = Iterable[Span]


def without(
    texts: pa.Array,
    hints: tuple[str, ...],
    places: Callable[[str], Spans],
    hide: Callable[[str, Spans], str] = mask,
) -> pa.Array:
    """Strings or null, each at its length, with what `places` finds of them hidden.

    `hints` are RE2: without a match of each of them, a text holds no such place.
    """
    return hidden(texts, found(texts, hints, places), hide)


def found(
    texts: pa.Array, hints: tuple[str, ...], places: Callable[[str], Spans]
) -> dict[int, list[Span]]:
    """By row, ascending, what `places` finds in strings or null, where it finds anything."""
    rows = np.arange(len(texts))
    for hint in hints:
        hinted = pc.match_substring_regex(texts.take(pa.array(rows)), hint)
        rows = rows[np.flatnonzero(pc.fill_null(hinted, False))]
    held = zip(rows.tolist(), texts.take(pa.array(rows)).to_pylist(), strict=True)
    spans = ((row, list(places(text))) for row, text in held)
    return {row: those for row, those in spans if those}


def hidden(
    texts: pa.Array,
    places: Mapping[int, Spans],
    hide: Callable[[str, Spans], str] = mask,
) -> pa.Array:
    """Strings or null with what stands at places, by row and ascending, hidden."""
    if not places:
        return texts
    rows = np.fromiter(places, np.int64, len(places))
    told = texts.take(pa.array(rows)).to_pylist()
    shown = [hide(text, those) for text, those in zip(told, places.values(), strict=True)]
    changed = np.zeros(len(texts), bool)
    changed[rows] = True
    return pc.replace_with_mask(texts, pa.array(changed), pa.array(shown, pa.string()))


SEARCHED = 12_000
"""Code points of a text that are searched, about four pages."""

EDGE = 200
"""Code points before that end in which an identifier may begin whose end is not seen."""


def searched(texts: pa.Array) -> pa.Array:
    """What is searched of each text, strings or null."""
    return pc.utf8_slice_codeunits(texts, 0, SEARCHED) if _any_longer(texts) else texts


def shown(texts: pa.Array) -> pa.Array:
    """Texts without what is not searched, and the edge before it; each says how much went."""
    return pa.array(map(_shown, texts.to_pylist()), pa.string()) if _any_longer(texts) else texts


def _shown(text: str | None) -> str | None:
    if text is None or len(text) <= SEARCHED:
        return text
    kept = SEARCHED - EDGE
    return f"{text[:kept]} [{len(text) - kept} more characters, not read]"


def _any_longer(texts: pa.Array) -> bool:
    return (pc.max(pc.binary_length(texts)).as_py() or 0) > SEARCHED
