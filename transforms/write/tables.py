"""Writes the tables of the output contract: sorted Parquet, the same bytes for the same rows."""

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
from schemas.tables import PRIVATE_TABLES, WRITTEN_TABLES, Table
from transforms.batch_codec import EncodedBatch, decode_batch, encode_batch
from transforms.manifest import RunSettings
from transforms.private_files import PrivateKey, seal
from transforms.shuffle import split_by_key
from transforms.write.parquet_files import (
    ROW_GROUP_ROWS,
    ExternalSorter,
    FileChunks,
    copy_with_digest,
    is_local,
    sort_order,
    sorted_row_groups,
    write_local_file,
)

COPY_CHUNK_BYTES = 1 << 20
"""Bytes in memory while a file is copied to its place."""

_ShardKey = tuple[str, int]
"""The name of a table, and which of its files."""


@dataclass(eq=False)
class WriteTables(beam.PTransform):
    """Writes RecordBatches of tables to `shards` sorted files of each, in the staging folder.

    Input: a dict of PCollections by the name of their table. `runs` has the one RunSettings of a
    window; a window without one is not written. A shard without rows is: a reader then finds the
    schema of an empty table. Yields OutputFile.
    """

    runs: beam.PCollection
    shards: int

    def expand(self, batches: Mapping[str, beam.PCollection]) -> Any:
        """Shards rows by hash of the whole key, so that no hot identifier fills one; writes."""
        sharded = [
            rows | f"Place {name}" >> beam.FlatMap(_place, WRITTEN_TABLES[name], self.shards)
            for name, rows in batches.items()
        ]
        every = beam.FlatMap(_every_shard, list(batches), self.shards)
        due = self.runs | "Every shard" >> every
        return (
            (*sharded, due)
            | beam.Flatten()
            | beam.GroupByKey()
            | "Write" >> beam.FlatMap(_write_shard, self.shards)
        )


def sort_rows(rows: pa.Table, table: Table) -> pa.Table:
    """Sorts rows by the table's key, ties by every other column that can be sorted."""
    return rows.take(sort_order(rows, table)).combine_chunks()


def parquet_bytes(rows: pa.Table, table: Table) -> pa.Buffer:
    """Makes one Parquet file of sorted rows, zstd, contract documentation in its schema.

    Memory holds the rows, and one row group of them in order.
    """
    sink = pa.BufferOutputStream()
    write_row_groups(sink, sorted_row_groups(rows, table), table)
    return sink.getvalue()


def write_row_groups(
    sink: IO[bytes] | pa.NativeFile, groups: Iterable[pa.Table], table: Table
) -> None:
    """Writes row groups as one Parquet file."""
    options = {"compression": "zstd", "write_page_index": True}
    with pq.ParquetWriter(sink, table.schema, **options) as writer:
        for group in groups:
            writer.write_table(group.cast(table.schema), row_group_size=ROW_GROUP_ROWS)


def write_output_file(content: bytes | pa.Buffer, folder: str, name: str, rows: int) -> OutputFile:
    """Writes one output below `folder`, replacing what a failed try left there."""
    return _write([memoryview(content)], folder, name, rows)


def write_sorted_parquet(
    rows: ExternalSorter, table: Table, folder: str, name: str, key: PrivateKey | None = None
) -> OutputFile:
    """Writes rows as one Parquet file below `folder`, by way of a file without a name.

    With a `key` it is sealed.
    """
    with TemporaryFile(dir=scratch_folder(folder)) as file:
        write_row_groups(file, rows.groups(), table)
        file.seek(0)
        chunks = iter(partial(file.read, COPY_CHUNK_BYTES), b"")
        return _write(seal(chunks, table, key) if key else chunks, folder, name, rows.count)


def scratch_folder(folder: str) -> str | None:
    """Returns where temporary files may lie while `folder` is written: on its disk, if it is local.

    A local folder is made if it is not there.
    """
    if not is_local(folder):
        return None
    Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def write_object(folder: str, name: str, chunks: FileChunks, rows: int = 0) -> OutputFile:
    """Writes one output through Beam, below a folder of an object store."""
    with FileSystems.create(FileSystems.join(folder, *name.split("/"))) as sink:
        return copy_with_digest(chunks, sink, name, rows)


def _write(chunks: FileChunks, folder: str, name: str, rows: int) -> OutputFile:
    write = write_object if scratch_folder(folder) is None else write_local_file
    return write(folder, name, chunks, rows)


def _place(
    batch: pa.RecordBatch, table: Table, shards: int
) -> Iterator[tuple[_ShardKey, EncodedBatch]]:
    for shard, rows in split_by_key(batch, table.key, shards):
        yield (table.name, shard), encode_batch(rows, table.schema)


def _write_shard(
    keyed: tuple[_ShardKey, Iterable[EncodedBatch | RunSettings]], shards: int
) -> Iterator[OutputFile]:
    (name, shard), values = keyed
    table = WRITTEN_TABLES[name]
    batches: list[EncodedBatch] = []
    run: RunSettings | None = None
    for one in values:
        if isinstance(one, RunSettings):
            run = one
        else:
            batches.append(one)
    if run is None:  # nobody asked for the tables of this window
        return
    folder, key = run.staging, None
    if table in PRIVATE_TABLES:
        if not run.private.kept:
            return
        folder, key = run.private.staging or folder, run.private.key
    path = f"{name}/part-{shard:05d}-of-{shards:05d}.parquet"
    with TemporaryFile(dir=scratch_folder(folder)) as file:
        rows = ExternalSorter(table, file)
        while batches:
            rows.add(decode_batch(batches.pop(), table.schema))
        yield write_sorted_parquet(rows, table, folder, path, key)


def _every_shard(
    run: RunSettings, names: Iterable[str], shards: int
) -> Iterator[tuple[_ShardKey, RunSettings]]:
    for name in names:
        for shard in range(shards):
            yield (name, shard), run
