"""Ids found in columns of a table's batches, without a table of all ids for every batch."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash
from numpy.typing import NDArray

AT_A_TIME = 65_536
"""Ids that are hashed at a time: they are Python's meanwhile."""


class Lookup:
    """Distinct ids, and the place of each.

    Tables are sorted, so that the ids of a batch often lie close together among all ids, and only
    those from its least to its greatest are looked through. Where they do not, they are found by
    their hashes, which are sorted once.
    """

    def __init__(self, ids: pa.Array | pa.ChunkedArray) -> None:
        column = _whole(ids)
        order = pc.sort_indices(column)
        self._sorted = column.take(order)
        self._places = np.append(order.to_numpy().astype(np.int64), -1)

    def places(self, column: pa.Array | pa.ChunkedArray) -> NDArray[np.int64]:
        """Where among the ids each value of a column is; -1 for one that is not, or is null."""
        ends = pc.min_max(column)
        if not ends["min"].is_valid or not len(self):
            return np.full(len(column), -1, np.int64)
        start = bisect_left(self, ends["min"].as_py())
        stop = bisect_right(self, ends["max"].as_py(), start)
        if stop - start <= 2 * len(column):
            return self._places[self._in_order(_whole(column), start, stop)]
        return self._places[self._by_hash(_whole(column))]

    def indices(self, column: pa.Array | pa.ChunkedArray) -> pa.Array:
        """The same as a column to take by, null for a value that is not among the ids."""
        places = self.places(column)
        return pa.array(places, mask=places < 0)

    def _in_order(self, column: pa.Array, start: int, stop: int) -> NDArray[np.int64]:
        """Where each value is in the order of ids, if at all between these."""
        found = pc.index_in(column, self._sorted.slice(start, stop - start))
        return pc.fill_null(pc.add(found.cast(pa.int64()), start), -1).to_numpy()

    def _by_hash(self, column: pa.Array) -> NDArray[np.int64]:
        encoded = column.dictionary_encode()
        values, (hashes, at) = encoded.dictionary, self._hashes
        wanted = _hashed(values)
        near = np.minimum(np.searchsorted(hashes, wanted), len(hashes) - 1)
        found = np.where(hashes[near] == wanted, at[near], -1)
        known = np.flatnonzero(found >= 0)
        same = pc.equal(values.take(pa.array(known)), self._sorted.take(pa.array(found[known])))
        # Two texts can have one hash.
        other = known[~same.to_numpy(zero_copy_only=False)]
        if len(other):
            found[other] = self._in_order(values.take(pa.array(other)), 0, len(self))
        indices = pc.fill_null(encoded.indices, len(values)).to_numpy()
        return np.append(found, -1)[indices]

    @cached_property
    def _hashes(self) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        hashes = _hashed(self._sorted)
        order = np.argsort(hashes)
        return hashes[order], order

    def __len__(self) -> int:
        return len(self._sorted)

    def __getitem__(self, place: int) -> str:
        """An id by its place in the order of ids."""
        return str(self._sorted[place])


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _hashed(values: pa.Array) -> NDArray[np.uint64]:
    hashes = np.empty(len(values), np.uint64)
    for start in range(0, len(values), AT_A_TIME):
        texts = values.slice(start, AT_A_TIME).cast(pa.binary()).to_pylist()
        hashes[start : start + len(texts)] = [xxhash.xxh3_64_intdigest(one) for one in texts]
    return hashes
