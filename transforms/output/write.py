"""Write a table of the output contract: sorted Parquet files, the same bytes for the same rows."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems

from schemas.manifest import OutputFile
from schemas.tables import Table
from transforms.shuffle import split, table_of

ROW_GROUP = 131_072
"""Rows a Parquet row group, fixed because it shows in the bytes."""


def in_order(rows: pa.Table, table: Table) -> pa.Table:
    """Rows sorted by the table's key, ties by every other column that can be sorted."""
    sortable = [one.name for one in table.schema if not pa.types.is_nested(one.type)]
    names = [*table.key, *(name for name in sortable if name not in table.key)]
    order = pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in names])
    return rows.take(order).combine_chunks()


def parquet_bytes(rows: pa.Table, table: Table) -> pa.Buffer:
    """One Parquet file of sorted rows, zstd, contract documentation in its schema."""
    sink = pa.BufferOutputStream()
    pq.write_table(
        in_order(rows, table).cast(table.schema),
        sink,
        compression="zstd",
        row_group_size=ROW_GROUP,
        write_page_index=True,
    )
    return sink.getvalue()


def write_file(content: bytes | pa.Buffer, folder: str, name: str, rows: int) -> OutputFile:
    """Write one output below `folder`, replacing what a failed try left there."""
    path = FileSystems.join(folder, *name.split("/"))
    view = memoryview(content)
    with FileSystems.create(path) as sink:
        sink.write(view)
    return OutputFile(
        name=name, bytes=len(view), sha256=hashlib.sha256(view).hexdigest(), rows=rows
    )


class _Place(beam.DoFn):
    def __init__(self, table: Table, shards: int) -> None:
        self._table = table
        self._shards = shards

    def process(self, batch: pa.RecordBatch) -> Iterator[tuple[int, pa.RecordBatch]]:
        yield from split(batch, self._table.key[:1], self._shards)


class _Write(beam.DoFn):
    def __init__(self, table: Table, folder: str, shards: int) -> None:
        self._table = table
        self._folder = folder
        self._shards = shards

    def process(self, keyed: tuple[int, Iterable[pa.RecordBatch | None]]) -> Iterator[OutputFile]:
        shard, batches = keyed
        rows = table_of((one for one in batches if one is not None), self._table.schema)
        name = f"{self._table.name}/part-{shard:05d}-of-{self._shards:05d}.parquet"
        yield write_file(parquet_bytes(rows, self._table), self._folder, name, rows.num_rows)


@dataclass(eq=False)
class WriteTable(beam.PTransform):
    """RecordBatches of `table` to `shards` sorted files below `folder`; yields OutputFile.

    A shard without rows is written too: a reader then finds the schema of an empty table.
    """

    table: Table
    folder: str
    shards: int

    def expand(self, batches: beam.PCollection) -> Any:
        """Place rows by hash of the key's first column, group, write."""
        every_shard = [(shard, None) for shard in range(self.shards)]
        placed = batches | "Place" >> beam.ParDo(_Place(self.table, self.shards))
        empty = batches.pipeline | f"{self.table.name} shards" >> beam.Create(
            every_shard, reshuffle=False
        )
        return (
            (placed, empty)
            | beam.Flatten()
            | beam.GroupByKey()
            | "Write" >> beam.ParDo(_Write(self.table, self.folder, self.shards))
        )
