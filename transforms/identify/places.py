"""Every place of a pattern in a whole column of texts, found in one pass in C++."""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

FEW = 24
"""Texts for which compiling a pattern for RE2 costs more than Python's own, kept compiled."""

_FEW_SHORT = 200
"""The same, of texts of a few words that a pattern is asked of."""
_FIRST, _LAST = 0xFE, 0xFF
"""Bytes that stand in no UTF-8: they mark where a match begins and ends."""
_MARKED = bytes((_FIRST, *b"\\0", _LAST))

Array = np.ndarray


class Places(NamedTuple):
    """Matches in the order of the column: the row of each, and its bytes within the row's text."""

    rows: Array
    starts: Array
    ends: Array

    def only(self, which: Array) -> Places:
        """Those that a mask or an index picks."""
        return Places(*(column[which] for column in self))


def places(texts: pa.Array, pattern: str) -> Places:
    """The non-overlapping matches of a pattern in strings, leftmost first; null holds none.

    The pattern is one that RE2 and Python read alike on these texts, and matches nothing empty.
    Where texts are not ASCII, that asks for classes that name their characters.
    """
    if len(texts) < FEW:
        return _by_python(texts, pattern)
    marked = pc.replace_substring_regex(texts, pattern, _MARKED)
    offsets, data = buffers(marked)
    firsts = np.flatnonzero(data == _FIRST)
    rows = np.searchsorted(offsets, firsts, side="right") - 1
    held = np.searchsorted(firsts, offsets[rows])
    marks = 2 * (np.arange(len(firsts)) - held)
    starts = firsts - offsets[rows] - marks
    ends = np.flatnonzero(data == _LAST) - offsets[rows] - marks - 1
    return Places(rows, starts, ends)


def seldom(texts: pa.Array, pattern: str) -> Places:
    """As `places`, of a pattern that few of the texts hold: to see that one does not is cheaper."""
    if len(texts) < FEW:
        return _by_python(texts, pattern)
    rows = np.flatnonzero(pc.fill_null(pc.match_substring_regex(texts, pattern), False))
    found = places(texts.take(pa.array(rows)), pattern)
    return found._replace(rows=rows[found.rows])


def _by_python(texts: pa.Array, pattern: str) -> Places:
    find = compiled(pattern).finditer
    found = [
        (row, *match.span())
        for row, text in enumerate(texts.to_pylist())
        if text
        for match in find(text)
    ]
    rows, starts, ends = np.array(found, np.int64).reshape(-1, 3).T
    points = Points(texts)
    starts, ends = points.to_bytes(rows, starts), points.to_bytes(rows, ends)
    return Places(rows, starts, ends)


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A pattern of ours on ASCII, by Python."""
    return re.compile(pattern, re.ASCII)


def matches(texts: pa.Array, pattern: str) -> Array:
    """Whether a pattern occurs in each text, all ASCII and without nulls."""
    if len(texts) < _FEW_SHORT:
        search = compiled(pattern).search
        return np.array([search(text) is not None for text in texts.to_pylist()], bool)
    return pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)


def buffers(texts: pa.Array) -> tuple[Array, Array]:
    """Offsets, one more than rows, and bytes of a string column, as views; offsets from 0."""
    _, at, data = texts.buffers()
    offsets = np.frombuffer(at, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    offsets = offsets.astype(np.int64)
    if data is None or not len(offsets):
        return np.zeros(len(texts) + 1, np.int64), np.zeros(0, np.uint8)
    held = np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]
    return offsets - offsets[0], held


class Points:
    """Places in bytes of a string column as places in code points, and back.

    `before` and `byte` count from where the column begins, the others from where a row does.
    """

    def __init__(self, texts: pa.Array) -> None:
        self._offsets, data = buffers(texts)
        self._more = np.flatnonzero((data & 0xC0) == 0x80)
        """The bytes that begin no character, of which most texts have few."""
        self._within = self._more - np.arange(1, len(self._more) + 1)
        """The character, of all of the column, that each of them belongs to."""

    def of_bytes(self, rows: Array, at: Array) -> Array:
        """Code points before a byte of a row, which begins a character or ends the row."""
        return self.before(self._offsets[rows] + at) - self.before(self._offsets[rows])

    def to_bytes(self, rows: Array, at: Array) -> Array:
        """Bytes before a code point of a row."""
        start = self._offsets[rows]
        return self.byte(self.before(start) + at) - start

    def before(self, byte: Array) -> Array:
        """Code points before a byte."""
        return byte - np.searchsorted(self._more, byte) if len(self._more) else byte

    def byte(self, point: Array) -> Array:
        """Bytes before a code point."""
        return point + np.searchsorted(self._within, point) if len(self._more) else point


def cut(texts: pa.Array, at: Places) -> pa.Array:
    """The text at each place, without what reaches over an end of it or halves a character."""
    offsets, data = buffers(texts)
    first = offsets[at.rows] + np.maximum(at.starts, 0)
    last = np.maximum(np.minimum(offsets[at.rows] + at.ends, offsets[at.rows + 1]), first)
    first, last = _whole(first, data, 1), _whole(last, data, -1)
    return strings(data, first, np.maximum(first, last))


def strings(data: Array, starts: Array, ends: Array) -> pa.Array:
    """The strings between places in bytes, which halve no character."""
    return of_buffers(np.append(0, np.cumsum(ends - starts)), data[ranges(starts, ends - starts)])


def of_buffers(offsets: Array, data: Array) -> pa.Array:
    """A string column of its offsets, one more than rows, and its bytes; the bytes are shared."""
    held = pa.py_buffer(np.ascontiguousarray(data))
    at = pa.py_buffer(offsets.astype(np.int32))
    return pa.StringArray.from_buffers(len(offsets) - 1, at, held)


def ranges(starts: Array, lengths: Array) -> Array:
    """All the numbers from each start on, as many as its length."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + lengths, lengths)


def _whole(at: Array, data: Array, step: int) -> Array:
    """Places in bytes moved to the next one at which a character begins, or the data ends."""
    for _ in range(3):
        inside = at < len(data)
        within = inside & ((data[np.where(inside, at, 0)] & 0xC0) == 0x80)
        if not within.any():
            break
        at = at + step * within
    return at


def distinct(texts: pa.Array) -> tuple[list[str], Array]:
    """The distinct values of strings without nulls, and which of them each is."""
    encoded = texts.dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy()
