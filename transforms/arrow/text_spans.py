"""Spans of patterns in whole columns of text, found in one pass in C++, and the text at them.

A span is a row and two byte offsets within its text.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.arrow.columns import Array, concat_ranges, string_array, string_buffers, true_mask

ALPHANUMERIC_BYTES = np.array([byte < 128 and chr(byte).isalnum() for byte in range(256)])
"""Bytes that are ASCII letters or digits; an underscore parts the digits of a number in a link."""

_BEGIN, _END = 0xFE, 0xFF
"""Bytes that no UTF-8 contains: they mark where a match begins and ends."""

_MARKED = bytes((_BEGIN, *b"\\0", _END))


class Spans(NamedTuple):
    """Matches in column order: the row of each, and its byte offsets within the row's text."""

    rows: Array
    starts: Array
    ends: Array

    def select(self, which: Array) -> Spans:
        """Returns the spans that a mask or an index selects."""
        return Spans(*(column[which] for column in self))


def find_spans(texts: pa.Array, pattern: str) -> Spans:
    """Finds the non-overlapping matches of a pattern in strings or null, leftmost first.

    The pattern is RE2, and must not match the empty string.
    """
    marked = pc.replace_substring_regex(texts, pattern, _MARKED)
    offsets, data = string_buffers(marked)
    marks = np.flatnonzero(data >= _BEGIN).reshape(-1, 2)
    firsts = np.searchsorted(marks[:, 0], offsets)
    rows = np.repeat(np.arange(len(texts)), np.diff(firsts))
    begins = offsets[rows] + 2 * (np.arange(len(rows)) - firsts[rows])
    return Spans(rows, marks[:, 0] - begins, marks[:, 1] - begins - 1)


def find_rare_spans(texts: pa.Array, pattern: str) -> Spans:
    """Finds what `find_spans` does, faster where few texts match: the others are only tested."""
    rows = np.flatnonzero(true_mask(pc.match_substring_regex(texts, pattern)))
    spans = find_spans(texts.take(rows), pattern)
    return spans._replace(rows=rows[spans.rows])


def slice_spans(texts: pa.Array, spans: Spans) -> pa.Array:
    """Returns the text at each span, clipped to its row and to whole characters."""
    offsets, data = string_buffers(texts)
    begin, end = offsets[spans.rows], offsets[spans.rows + 1]
    first = begin + np.maximum(spans.starts, 0)
    last = np.maximum(np.minimum(begin + spans.ends, end), first)
    first, last = _to_character(first, data, 1), _to_character(last, data, -1)
    return slice_bytes(data, first, np.maximum(first, last))


def slice_bytes(data: Array, starts: Array, ends: Array) -> pa.Array:
    """Returns the strings between byte offsets at which characters begin."""
    bounds = np.append(0, np.cumsum(ends - starts))
    return string_array(bounds, data[concat_ranges(starts, ends - starts)])


def _to_character(places: Array, data: Array, step: int) -> Array:
    """Moves byte offsets by steps to where a character begins, or the data ends."""
    for _ in range(3):
        inside = places < len(data)
        within = inside & ((data[np.where(inside, places, 0)] & 0xC0) == 0x80)
        if not within.any():
            break
        places = places + step * within
    return places
