"""A column of texts without what must not be kept: only texts with a hint are looked at in full."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.identify.haystack import mask

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
