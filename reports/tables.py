"""Reading the tables of a finished run, a batch at a time where a table can be large.

A run is a local folder or an object-store URL that pyarrow knows; its folders are those of
`schemas.tables`. Every function gives the same answer however a table is cut into files.

Columns of a run's tables as columns of plain values: for formats that know no lists.

Ids found in columns of a table's batches, without a table of all ids for every batch.
"""

from __future__ import annotations

import errno
import os
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise, repeat
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import xxhash
from numpy.typing import NDArray

from schemas.field import TIMESTAMP
from schemas.tables import Table

Run = str | os.PathLike[str]


Numbers = NDArray[np.int64]


Order = Sequence[tuple[str, str]]
"""Columns to sort by, each `ascending` or `descending`; the last must make rows unique."""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


SPOOLED = ".spooled"
"""How a folder is called that holds some rows of a run for a moment, as Arrow's own files."""


_PARQUET = ds.ParquetFileFormat(
    default_fragment_scan_options=ds.ParquetFragmentScanOptions(
        pre_buffer=False, use_buffered_stream=True
    )
)


ENOUGH = 8_192
"""Rows of a batch that need no others beside them: what is done with a batch has its own cost."""


_ONE_BY_ONE = {"batch_readahead": 1, "fragment_readahead": 1, "batch_size": 32_768}
"""Reading far ahead takes twice the memory and no less time."""


def dataset(run: Run, table: Table) -> ds.Dataset:
    """The files of one table of a run; raises FileNotFoundError where its folder is missing."""
    whole = os.fspath(run).rstrip("/")
    form = ds.IpcFileFormat() if whole.endswith(SPOOLED) else _PARQUET
    try:
        return ds.dataset(f"{whole}/{table.name}", schema=table.schema, format=form)
    except FileNotFoundError:
        why = f"has no {table.name}/; a stream's snapshot keeps no records, so give a batch run"
        raise FileNotFoundError(errno.ENOENT, why, whole) from None


def batches(
    run: Run, table: Table, columns: Sequence[str], where: pc.Expression | None = None
) -> Iterator[pa.RecordBatch]:
    """The non-empty batches of the chosen columns, of the rows that `where` wants.

    Where it wants few, those of several batches come together.
    """
    found = dataset(run, table)
    waiting: list[pa.RecordBatch] = []
    for batch in found.to_batches(columns=list(columns), filter=where, **_ONE_BY_ONE):
        if batch.num_rows:
            waiting.append(batch)
        if sum(one.num_rows for one in waiting) >= ENOUGH:
            yield _joined(waiting)
            waiting = []
    if waiting:
        yield _joined(waiting)


def _joined(found: list[pa.RecordBatch]) -> pa.RecordBatch:
    return pa.concat_batches(found) if len(found) > 1 else found[0]


def read(
    run: Run,
    table: Table,
    columns: Sequence[str] | None = None,
    where: pc.Expression | None = None,
) -> pa.Table:
    """The rows that `where` wants, sorted by those of the table's key columns that are read."""
    names = list(table.schema.names if columns is None else columns)
    order = [(name, "ascending") for name in table.key if name in names]
    found = dataset(run, table).to_table(columns=names, filter=where, **_ONE_BY_ONE)
    return found.sort_by(order) if order else found


def rows(table: pa.Table | pa.RecordBatch) -> list[dict[str, Any]]:
    """Rows as dicts. As Arrow's to_pylist, which takes four times as long."""
    names = table.schema.names
    columns = [values(table[name]) for name in names]
    named = map(zip, repeat(names), zip(*columns, strict=True))
    return [dict(row) for row in named]


def values(column: pa.Array | pa.ChunkedArray) -> list[Any]:
    """The values of a column; of times, most of what that takes, each is made once."""
    if column.type != TIMESTAMP:
        return column.to_pylist()
    known = column.unique()
    since = known.cast(pa.int64()).cast(pa.duration("us"))
    found = since.to_numpy(zero_copy_only=False).tolist()
    moments = [None if one is None else _EPOCH + one for one in found]
    return [moments[place] for place in pc.index_in(column, known).to_pylist()]


def lists(table: pa.Table, of: Numbers, count: int) -> list[list[dict[str, Any]]]:
    """Rows as dicts, in a list for each number from 0 to `count`; `of` has theirs, ascending."""
    found = rows(table)
    bounds = np.searchsorted(of, np.arange(count + 1)).tolist()
    return [found[start:end] for start, end in pairwise(bounds)]


def in_order(
    run: Run, table: Table, columns: Sequence[str], where: pc.Expression | None = None
) -> Iterator[pa.Table]:
    """The rows that `where` wants by the table's key, which `columns` has, in pieces.

    Each file of a run is sorted. Of several, what lies before the least of their last rows is
    brought together, so that little more is held than a batch of each.
    """
    readers = [
        one.to_batches(schema=table.schema, columns=list(columns), filter=where, **_ONE_BY_ONE)
        for one in dataset(run, table).get_fragments()
    ]
    if len(readers) == 1:
        yield from (pa.Table.from_batches([one]) for one in readers[0] if one.num_rows)
        return
    order = [(name, "ascending") for name in table.key]
    waiting = pa.schema([table.schema.field(name) for name in columns]).empty_table()
    ends = dict.fromkeys(range(len(readers)), "")
    while ends:
        least = min(ends.values())
        for place in [one for one, end in ends.items() if end == least]:
            batch = next((one for one in readers[place] if one.num_rows), None)
            if batch is None:
                del ends[place]
                continue
            ends[place] = batch[table.key[0]][-1].as_py()
            waiting = pa.concat_tables([waiting, pa.Table.from_batches([batch])])
        whole = pc.less(waiting[table.key[0]], min(ends.values())) if ends else None
        ready = waiting if whole is None else waiting.filter(whole)
        waiting = waiting.slice(0, 0) if whole is None else waiting.filter(pc.invert(whole))
        if ready.num_rows:
            yield ready.sort_by(order)


def count(run: Run, table: Table, where: pc.Expression | None = None) -> int:
    """How many rows `where` wants; all, from the files' footers, where it is not given."""
    return int(dataset(run, table).count_rows(filter=where))


def top(
    run: Run,
    table: Table,
    order: Order,
    limit: int,
    *,
    columns: Sequence[str] = (),
    where: pc.Expression | None = None,
) -> pa.Table:
    """The first `limit` rows in `order`, with its columns and `columns`.

    Holds no more than `limit` rows and a batch.
    """
    names = list(dict.fromkeys([*(name for name, _ in order), *columns]))
    best = pa.schema([table.schema.field(name) for name in names]).empty_table()
    for batch in batches(run, table, names, where):
        pool = pa.concat_tables([best, pa.Table.from_batches([batch])])
        best = first(pool, order, limit)
    return best


def first(rows: pa.Table, order: Order, limit: int) -> pa.Table:
    """The first `limit` rows in `order`, sorted."""
    keys = list(order)
    return rows.take(pc.select_k_unstable(rows, k=limit, sort_keys=keys)).sort_by(keys)


def tally(
    run: Run, table: Table, by: Sequence[str], where: pc.Expression | None = None
) -> pa.Table:
    """Rows for each combination of `by`, in a column `rows`; sorted by `by`."""
    keys = list(by)
    schema = pa.schema([*(table.schema.field(name) for name in keys), pa.field("rows", pa.int64())])
    total = schema.empty_table()
    for batch in batches(run, table, keys, where):
        part = pa.Table.from_batches([batch]).group_by(keys).aggregate([([], "count_all")])
        both = pa.concat_tables([total, part.rename_columns([*keys, "rows"]).cast(schema)])
        summed = both.group_by(keys).aggregate([("rows", "sum")])
        total = summed.rename_columns([*keys, "rows"]).cast(schema)
    return total.sort_by([(name, "ascending") for name in keys])


def flat(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Lists of texts joined, times as ISO 8601 text to the microsecond; others as they are."""
    if pa.types.is_list(column.type):
        return pc.binary_join(column, "; ")
    if pa.types.is_timestamp(column.type):
        return pc.binary_join_element_wise(_stamp(column), "Z", "")
    return column


def flat_to_seconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """As `flat`, but times to the second."""
    if pa.types.is_timestamp(column.type):
        return pc.binary_replace_slice(_stamp(column), 19, 26, "Z")
    return flat(column)


def _stamp(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times in UTC without their zone: those with it are written in five times as long."""
    text = pc.cast(column.cast(pa.timestamp("us")), pa.string())
    return pc.binary_replace_slice(text, 10, 11, "T")


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
