"""Reading the tables of a finished run, a batch at a time where a table can be large.

A run is a local folder or an object-store URL that pyarrow knows; its folders are those of
`schemas.tables`. Every function gives the same answer however a table is cut into files.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import pairwise, repeat
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
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
