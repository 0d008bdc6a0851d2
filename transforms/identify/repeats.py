"""Rows that hold the same: read once, and what was found in one given to all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

Array = np.ndarray


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
