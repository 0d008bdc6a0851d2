"""List columns taken apart: every item with its row and its place in the list.

Every place of a pattern in a whole column of texts, found in one pass in C++.

Rows that hold the same: read once, and what was found in one given to all of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash


@dataclass(frozen=True)
class Items:
    """The items of a list column; `rows` and `places` are as long as `values`."""

    rows: list[int]
    places: list[int]
    values: pa.Array

    def field(self, name: str) -> pa.Array:
        """One field of items that are structs; null where the struct is."""
        return pc.struct_field(self.values, name)


def items(column: pa.Array) -> Items:
    """The items of a list column of one batch; null lists have none."""
    parents = pc.list_parent_indices(column).to_numpy(zero_copy_only=False)
    firsts = np.searchsorted(parents, parents, side="left")
    places = np.arange(len(parents)) - firsts
    return Items(parents.tolist(), places.tolist(), pc.list_flatten(column))


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


def distinct_rows(columns: Sequence[pa.Array]) -> tuple[Array, Array]:
    """The first row of each distinct combination of values, null among them, and which each has."""
    keys = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        encoded = column.dictionary_encode()
        values = pc.fill_null(encoded.indices, len(encoded.dictionary))
        keys = keys * (len(encoded.dictionary) + 1) + values.to_numpy(zero_copy_only=False)
    back = pa.array(keys).dictionary_encode().indices.to_numpy()
    first = np.zeros(int(back.max(initial=-1)) + 1, np.int64)
    first[back[::-1]] = np.arange(len(back))[::-1]
    return first, back


def given_to_all(held: Array, back: Array, count: int) -> tuple[Array, Array]:
    """What was found in each of `count` distinct rows, for every row.

    `held` says, ascending, in which distinct row each find was made. Returns, by row and find, the
    rows and the finds.
    """
    firsts = np.searchsorted(held, np.arange(count + 1))
    counts = np.diff(firsts)[back] if count else np.zeros(len(back), np.int64)
    starts = np.cumsum(counts) - counts
    finds = np.repeat(firsts[back] - starts, counts) + np.arange(counts.sum())
    return np.repeat(np.arange(len(back)), counts), finds


_POSITIVE = (1 << 63) - 1
"""Mask of the 63 bits that Beam's integer coder holds."""


def hash_text(values: pa.Array) -> np.ndarray:
    """xxh3-64 of each text, cut to the 63 bits that Beam's integer coder holds; null is 0."""
    encoded = pc.dictionary_encode(pc.cast(values, pa.binary()))
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.combine_chunks()
    digest = xxhash.xxh3_64_intdigest
    hashed = [digest(value) & _POSITIVE for value in encoded.dictionary.to_pylist()]
    indices = pc.fill_null(encoded.indices, len(hashed)).to_numpy(zero_copy_only=False)
    return np.array([*hashed, 0], np.int64)[indices]


def hash_numbers(values: pa.Array) -> np.ndarray:
    """The 63-bit mix of each whole number (the finaliser of SplitMix64); null is 0."""
    mixed = pc.fill_null(values, 0).to_numpy().astype(np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return ((mixed ^ (mixed >> np.uint64(31))) & np.uint64(_POSITIVE)).astype(np.int64)


def mix_hashes(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """One 63-bit hash of two such hashes, in their order."""
    total = first.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + second.astype(np.uint64)
    total = (total ^ (total >> np.uint64(32))) * np.uint64(0x94D049BB133111EB)
    return ((total ^ (total >> np.uint64(29))) & np.uint64(_POSITIVE)).astype(np.int64)


def hash_columns(batch: pa.RecordBatch | pa.Table, names: Sequence[str]) -> np.ndarray:
    """One 63-bit hash a row over several columns of text or whole numbers."""
    total = np.zeros(batch.num_rows, np.uint64)
    for name in names:
        column = batch[name]
        one = hash_numbers(column) if pa.types.is_integer(column.type) else hash_text(column)
        # Multiplying by an odd constant between columns makes the order of the columns matter.
        total = total * np.uint64(0x9E3779B97F4A7C15) + one.astype(np.uint64)
    return (total & np.uint64(_POSITIVE)).astype(np.int64)


def sorted_lookup(keys: Array, wanted: Array) -> tuple[Array, Array]:
    """Finds each wanted value among sorted distinct keys.

    Returns its place among the keys and whether it is there; where it is not, the place is that of
    some other key (0 where there are none).
    """
    if not len(keys):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), bool)
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return places, keys[places] == wanted


def group_starts(*columns: Array) -> Array:
    """The rows at which a new combination of values begins, in columns sorted by it."""
    count = len(columns[0])
    changed = np.zeros(count, bool)
    changed[:1] = True
    for column in columns:
        changed[1:] |= column[1:] != column[:-1]
    return np.flatnonzero(changed)


def sum_by_group(group: Array, values: Array, count: int) -> Array:
    """Whole numbers added up by group, of `count` groups; exact while a sum is below 2^53."""
    return np.bincount(group, values, minlength=count).astype(np.int64)
