"""Writes a table of the output contract: sorted Parquet files, the same bytes for the same rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems

from schemas.manifest import OutputFile
from schemas.tables import NAMED, Table
from transforms.batch_codec import Piece, packed, unpacked
from transforms.manifest import Run
from transforms.shuffle import split
from transforms.write.parquet_files import (
    ROW_GROUP,
    Pieces,
    Sorted,
    copied,
    is_local,
    order_of,
    row_groups,
    write_local,
)

COPIED = 1 << 20
"""Bytes of a file that are held while it is copied to where it belongs."""


def in_order(rows: pa.Table, table: Table) -> pa.Table:
    """Rows sorted by the table's key, ties by every other column that can be sorted."""
    return rows.take(order_of(rows, table)).combine_chunks()


def parquet_bytes(rows: pa.Table, table: Table) -> pa.Buffer:
    """One Parquet file of sorted rows, zstd, contract documentation in its schema.

    Beside the rows it holds one row group of them in order.
    """
    sink = pa.BufferOutputStream()
    write_groups(sink, row_groups(rows, table), table)
    return sink.getvalue()


def write_groups(sink: IO[bytes] | pa.NativeFile, groups: Iterable[pa.Table], table: Table) -> None:
    """Row groups as one Parquet file."""
    options = {"compression": "zstd", "write_page_index": True}
    with pq.ParquetWriter(sink, table.schema, **options) as writer:
        for group in groups:
            writer.write_table(group.cast(table.schema), row_group_size=ROW_GROUP)


def write_file(content: bytes | pa.Buffer, folder: str, name: str, rows: int) -> OutputFile:
    """Write one output below `folder`, replacing what a failed try left there."""
    return _write([memoryview(content)], folder, name, rows)


def _write(pieces: Pieces, folder: str, name: str, rows: int) -> OutputFile:
    if is_local(folder):
        Path(folder).mkdir(parents=True, exist_ok=True)
        return write_local(pieces, folder, name, rows)
    return write_object(pieces, folder, name, rows)


def write_sorted(rows: Sorted, table: Table, folder: str, name: str) -> OutputFile:
    """Write rows as one Parquet file below `folder`, by way of a file without a name."""
    with TemporaryFile(dir=scratch(folder)) as file:
        write_groups(file, rows.groups(), table)
        file.seek(0)
        return _write(iter(partial(file.read, COPIED), b""), folder, name, rows.count)


def scratch(folder: str) -> str | None:
    """Where files without a name may lie while `folder` is written: its own disk, if it has one."""
    if not is_local(folder):
        return None
    Path(folder).mkdir(parents=True, exist_ok=True)
    return folder


def write_object(pieces: Pieces, folder: str, name: str, rows: int = 0) -> OutputFile:
    """As `parquet_files.write_local`, through Beam: below a folder of an object store."""
    with FileSystems.create(FileSystems.join(folder, *name.split("/"))) as sink:
        return copied(pieces, sink, name, rows)


_Shard = tuple[str, int]
"""The name of a table, and which of its files."""


class _Place(beam.DoFn):
    def __init__(self, table: Table, shards: int) -> None:
        self._table = table
        self._shards = shards

    def process(self, batch: pa.RecordBatch) -> Iterator[tuple[_Shard, Piece]]:
        for shard, piece in split(batch, self._table.key, self._shards):
            yield (self._table.name, shard), packed(piece, self._table.schema)


class _Write(beam.DoFn):
    def __init__(self, shards: int) -> None:
        self._shards = shards

    def process(self, keyed: tuple[_Shard, Iterable[Piece | Run]]) -> Iterator[OutputFile]:
        (name, shard), placed = keyed
        table = NAMED[name]
        pieces: list[Piece] = []
        run: Run | None = None
        for one in placed:
            if isinstance(one, Run):
                run = one
            else:
                pieces.append(one)
        if run is None:  # nobody asked for the tables of this window
            return
        path = f"{name}/part-{shard:05d}-of-{self._shards:05d}.parquet"
        with TemporaryFile(dir=scratch(run.staging)) as file:
            rows = Sorted(table, file)
            while pieces:
                rows.add(unpacked(pieces.pop(), table.schema))
            yield write_sorted(rows, table, run.staging, path)


def _every_shard(run: Run, names: Iterable[str], shards: int) -> Iterator[tuple[_Shard, Run]]:
    for name in names:
        for shard in range(shards):
            yield (name, shard), run


@dataclass(eq=False)
class WriteTables(beam.PTransform):
    """RecordBatches of tables to `shards` sorted files of each, below the run's staging folder.

    Input: a dict of PCollections by the name of their table. `runs` has the one Run of a window; a
    window without one is not written. A shard without rows is: a reader then finds the schema of
    an empty table. Yields OutputFile.
    """

    runs: beam.PCollection
    shards: int

    def expand(self, batches: Mapping[str, beam.PCollection]) -> Any:
        """Place rows by hash of the whole key, so that no hot identifier fills one shard; write."""
        placed = [
            rows | f"Place {name}" >> beam.ParDo(_Place(NAMED[name], self.shards))
            for name, rows in batches.items()
        ]
        every = beam.FlatMap(_every_shard, list(batches), self.shards)
        wanted = self.runs | "Every shard" >> every
        return (
            (*placed, wanted)
            | beam.Flatten()
            | beam.GroupByKey()
            | "Write" >> beam.ParDo(_Write(self.shards))
        )
