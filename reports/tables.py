"""Reading the tables of a finished run, a batch at a time where a table can be large.

A run is a local folder or an object-store URL that pyarrow knows; its folders are those of
`schemas.tables`. Every function gives the same answer however a table is cut into files.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from schemas.tables import Table

Run = str | os.PathLike[str]
Order = Sequence[tuple[str, str]]
"""Columns to sort by, each `ascending` or `descending`; the last must make rows unique."""


def dataset(run: Run, table: Table) -> ds.Dataset:
    """The files of one table of a run; raises FileNotFoundError where its folder is missing."""
    whole = os.fspath(run).rstrip("/")
    try:
        return ds.dataset(f"{whole}/{table.name}", schema=table.schema, format="parquet")
    except FileNotFoundError:
        why = f"has no {table.name}/; a stream's snapshot keeps no records, so give a batch run"
        raise FileNotFoundError(errno.ENOENT, why, whole) from None


def batches(
    run: Run, table: Table, columns: Sequence[str], where: pc.Expression | None = None
) -> Iterator[pa.RecordBatch]:
    """The non-empty batches of the chosen columns, of the rows that `where` wants."""
    for batch in dataset(run, table).to_batches(columns=list(columns), filter=where):
        if batch.num_rows:
            yield batch


def read(
    run: Run,
    table: Table,
    columns: Sequence[str] | None = None,
    where: pc.Expression | None = None,
) -> pa.Table:
    """The rows that `where` wants, sorted by those of the table's key columns that are read."""
    names = list(table.schema.names if columns is None else columns)
    order = [(name, "ascending") for name in table.key if name in names]
    found = dataset(run, table).to_table(columns=names, filter=where)
    return found.sort_by(order) if order else found


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
