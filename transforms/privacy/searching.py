"""Which texts can hold an identifier: a look at whole columns before a look at characters.

Most texts hold none, and to go through one character by character costs a hundred times what it
costs to see that. What is passed over here surely holds nothing; the rest is for `haystack.spans`.
"""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.identify import encoded
from transforms.identify.haystack import spans
from transforms.identify.hiding import hidden
from transforms.identify.needles import SHORTEST
from transforms.privacy.sought import Sought

Array = np.ndarray

_STRANGE = re.compile(r"[^\x00-\x7f]")


def may_hold(texts: pa.Array, wanted: Sought, rows: Array) -> list[int]:
    """The places of texts that may hold one of the identifiers that are wanted in their row.

    A number is its digits in their order, whatever stands between them; of a text with digits other
    than ASCII's or encoded ones, and of an identifier with letters, nothing is said. `rows` says
    whose text each is.
    """
    # No identifier is shorter, and no text has more characters than bytes.
    long = pc.fill_null(pc.greater_equal(pc.binary_length(texts), SHORTEST), False)
    at = np.flatnonzero(wanted.any_in[rows] & long.to_numpy(zero_copy_only=False))
    if not len(at):
        return []
    those, rows = texts.take(pa.array(at)), rows[at]
    maybe = wanted.odd_in[rows] | wanted.ending_in(those, rows)
    plain = pc.and_(
        pc.string_is_ascii(those), pc.invert(pc.match_substring_regex(those, encoded.HINT))
    )
    strange = np.flatnonzero(~maybe & ~plain.to_numpy(zero_copy_only=False))
    told = those.take(pa.array(strange)).to_pylist()
    maybe[strange] = [not _as_written(text) for text in told]
    found: list[int] = at[maybe].tolist()
    return found


def _as_written(text: str) -> bool:
    """Whether every digit of a text is one of ASCII's, and stands for itself."""
    return encoded.read(text) == text and not any(map(str.isdecimal, _STRANGE.findall(text)))


def holding(texts: pa.Array, wanted: Sought, rows: Array) -> dict[int, list[tuple[int, int]]]:
    """The texts that hold an identifier wanted in their row, and where (see `haystack.spans`)."""
    maybe = may_hold(texts, wanted, rows)
    told = texts.take(pa.array(maybe, pa.int64())).to_pylist()
    found = {
        at: list(spans(text, wanted.needles(row)))
        for at, text, row in zip(maybe, told, rows[maybe].tolist(), strict=True)
    }
    return {at: places for at, places in found.items() if places}


def masked(texts: pa.Array, wanted: Sought, rows: Array | None = None) -> pa.Array:
    """The texts with the identifiers masked in them that are wanted in their row.

    Without `rows` there is one text for each row.
    """
    whose = np.arange(len(texts)) if rows is None else rows
    return hidden(texts, holding(texts, wanted, whose))
