"""What is looked for in the texts of each record: cheap to make, since most of it is never found.

Nearly all of it are phone numbers, which end in the same digits in every form. So a column of texts
is passed over where none of these stand.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.identify.needles import SHORTEST, Needles, needles
from transforms.identify.own import Own
from transforms.identify.places import buffers

Array = np.ndarray

_NUMBER = r"^(?:phone:)?\+[0-9]{7,15}$"
"""RE2: an E.164 number; in every form of it its last digits are the last ones."""
_ID = rf"(?:^|:)[0-9]{{{SHORTEST},}}$"
_WRITTEN = rf"^[0-9]{{{SHORTEST},}}$"
"""RE2: an identifier, or a number as it was written, of which nothing but its digits is looked for.

Zeros before them may be left out, and the last ones stay.
"""
_ENDINGS = 10**SHORTEST


class Sought:
    """By row of `count`, victims' identifiers, E.164 or entity ids, and numbers as written."""

    def __init__(self, count: int, identifiers: Own, written: Own) -> None:
        self._parts = (identifiers, written)
        self._needles: dict[int, Needles] = {}
        self.any_in = np.zeros(count, bool)
        """The rows in which anything is looked for."""
        self.odd_in = np.zeros(count, bool)
        """Those in which anything is of which no digits are known that stand in every form."""
        endings = []
        for part, plain in ((identifiers, _ID), (written, _WRITTEN)):
            known = _matching(part.numbers, f"{_NUMBER}|{plain}")
            self.any_in[part.rows] = True
            self.odd_in[part.rows[~known]] = True
            last = pc.utf8_slice_codeunits(part.numbers.filter(pa.array(known)), -SHORTEST, None)
            endings.append(part.rows[known] * _ENDINGS + last.cast(pa.int64()).to_numpy())
        self._endings = np.unique(np.concatenate(endings))

    def needles(self, row: int) -> Needles:
        """Every form of what is looked for in a row."""
        if row not in self._needles:
            self._needles[row] = needles(*(_of_row(part, row) for part in self._parts))
        return self._needles[row]

    def ending_in(self, texts: pa.Array, rows: Array) -> Array:
        """Which texts, each of its row, have the last digits of what is looked for in their row.

        Whatever stands between the digits of a text; those of ASCII alone are digits here.
        """
        found = np.zeros(len(texts), bool)
        if not len(self._endings):
            return found
        text, endings = _endings(texts)
        wanted = rows[text] * _ENDINGS + endings
        at = np.minimum(np.searchsorted(self._endings, wanted), len(self._endings) - 1)
        found[text[self._endings[at] == wanted]] = True
        return found


def _endings(texts: pa.Array) -> tuple[Array, Array]:
    """Every `SHORTEST` digits in a row of strings without nulls: of which text, and as a number."""
    offsets, data = buffers(texts)
    value = data - ord("0")
    at = np.flatnonzero(value < len("0123456789"))
    text = np.repeat(np.arange(len(texts)), np.diff(np.searchsorted(at, offsets)))
    digits = value[at].astype(np.int64)
    count = max(0, len(at) - SHORTEST + 1)
    number = np.zeros(count, np.int64)
    for place in range(SHORTEST):
        number = number * 10 + digits[place : place + count]
    whole = text[:count] == text[len(text) - count :]
    return text[:count][whole], number[whole]


def _matching(texts: pa.Array, pattern: str) -> Array:
    return pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)


def _of_row(part: Own, row: int) -> list[str]:
    first, end = np.searchsorted(part.rows, (row, row + 1)).tolist()
    held: list[str] = part.numbers[first:end].to_pylist()
    return held
