"""Columns of values as XML has them, and rows of markup made of them, without a loop over rows."""

from __future__ import annotations

import re
from functools import lru_cache
from xml.sax.saxutils import escape

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from reports.text import plain


def joined(*pieces: pa.Array | str) -> pa.Array:
    """Rows of text from their pieces, of which one is a column; null where a piece is."""
    merged: list[pa.Array | str] = []
    for one in pieces:
        if merged and isinstance(one, str) and isinstance(merged[-1], str):
            merged[-1] += one
        else:
            merged.append(one)
    return pc.binary_join_element_wise(*merged, "")


def content(rows: pa.Array) -> memoryview:
    """Rows of text, one after another, as they lie in memory."""
    return memoryview(_letters(rows).data)


def _letters(rows: pa.Array) -> NDArray[np.uint8]:
    """The bytes of all texts of a column."""
    _, offsets, content = rows.buffers()
    if content is None:
        return np.empty(0, np.uint8)
    first, last = np.frombuffer(offsets, np.int32)[[rows.offset, rows.offset + len(rows)]]
    return np.frombuffer(content, np.uint8)[first:last]


LONGEST = 1_000
"""Characters of a value; what follows is counted."""
_PLAIN = f"^[ !#-%'-;=?-~]{{0,{LONGEST}}}$"
"""Text that XML takes as it is: printable ASCII, of which &, <, > and the quote are written out."""
_ODD = np.array([not re.fullmatch(_PLAIN, chr(one)) for one in range(256)])
"""Which bytes such text never has."""


def values(column: pa.Array) -> pa.Array:
    """Values as XML has them."""
    if pa.types.is_floating(column.type):  # shortest digits, as Python and XML Schema have them
        known = column.dictionary_encode()
        shown = [str(one) for one in known.dictionary.to_pylist()]
        return pa.array(shown, pa.string()).take(known.indices)
    if not pa.types.is_string(column.type):
        return pc.cast(column, pa.string())
    longest = pc.max(pc.binary_length(column)).as_py() or 0
    if longest <= LONGEST and not _ODD[_letters(column)].any():
        return column
    odd = pc.fill_null(pc.invert(pc.match_substring_regex(column, _PLAIN)), False)
    mended = [_escaped(one) for one in column.filter(odd).to_pylist()]
    return pc.replace_with_mask(column, odd, pa.array(mended, pa.string()))


@lru_cache(maxsize=65_536)
def _escaped(value: str) -> str:
    """XML 1.0 (section 2.2) cannot write most control characters, so `plain` spells them out."""
    return escape(plain(value, limit=LONGEST), {'"': "&quot;"})
