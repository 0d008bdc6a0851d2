"""A column of texts without what must not be kept: only texts with a hint are looked at in full."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.identify.haystack import mask

Spans = Iterable[tuple[int, int]]
"""Start and end, code points."""


def without(
    texts: pa.Array,
    hint: str,
    places: Callable[[str], Spans],
    hide: Callable[[str, Spans], str] = mask,
) -> pa.Array:
    """Strings or null, each at its length, with what `places` finds of them hidden.

    `hint` is RE2: without a match of it, a text holds no such place.
    """
    rows = np.flatnonzero(pc.fill_null(pc.match_substring_regex(texts, hint), False))
    if not len(rows):
        return texts
    told = texts.to_pylist()
    for row in rows.tolist():
        told[row] = hide(told[row], places(told[row]))
    return pa.array(told, pa.string())
