"""Which texts can hold an identifier: a look at whole columns before a look at characters.

Most texts hold none, and to go through one character by character costs a hundred times what it
costs to see that. What is passed over here surely holds nothing; the rest is for `haystack.spans`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from transforms.identify import encoded
from transforms.identify.haystack import mask, spans
from transforms.privacy.sought import Sought

_STRANGE = re.compile(r"[^\x00-\x7f]")


def may_hold(texts: pa.Array, wanted: Sequence[Sought]) -> list[int]:
    """The rows whose text may hold one of the identifiers that are wanted in that row.

    A number is its digits in their order, whatever stands between them; of a text with digits other
    than ASCII's or encoded ones, and of an identifier with letters, nothing is said.
    """
    searched = [row for row, needle in enumerate(wanted) if needle]
    if not searched:
        return []
    those = texts.take(pa.array(searched, pa.int64()))
    digits = pc.replace_substring_regex(those, "[^0-9]+", "")
    plain = pc.and_(
        pc.string_is_ascii(those), pc.invert(pc.match_substring_regex(those, encoded.HINT))
    )
    return [
        row
        for row, kept, as_written in zip(
            searched, digits.to_pylist(), plain.to_pylist(), strict=True
        )
        if kept is not None
        and (wanted[row].may_stand_in(kept) or not (as_written or _as_written(texts[row].as_py())))
    ]


def _as_written(text: str) -> bool:
    """Whether every digit of a text is one of ASCII's, and stands for itself."""
    return encoded.read(text) == text and not any(map(str.isdecimal, _STRANGE.findall(text)))


def holding(texts: pa.Array, wanted: Sequence[Sought]) -> dict[int, list[tuple[int, int]]]:
    """The rows whose text holds a wanted identifier, and where (see `haystack.spans`)."""
    found = {
        row: list(spans(texts[row].as_py(), wanted[row].needles)) for row in may_hold(texts, wanted)
    }
    return {row: places for row, places in found.items() if places}


def masked(texts: pa.Array, wanted: Sequence[Sought]) -> pa.Array:
    """The texts with each row's wanted identifiers masked in them."""
    found = holding(texts, wanted)
    if not found:
        return texts
    told = texts.to_pylist()
    for row, places in found.items():
        told[row] = mask(told[row], places)
    return pa.array(told, pa.string())
