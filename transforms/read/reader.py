"""One shard read: every row of it as one loose row or one reject."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from schemas.kinds import RecordKind
from schemas.reject import Code
from transforms.read import csv_rows, json_array, parquet, rejects_file
from transforms.read.formats import Layout, layout, origin, parse
from transforms.read.lines import lines
from transforms.read.options import ReadOptions
from transforms.read.parquet import DamagedParquetError
from transforms.read.records import Record, chunks
from transforms.read.rejects import Reject, reject, reject_rows
from transforms.read.shards import Shard
from transforms.read.streams import blocks

COMPLAINTS, CALLS, REJECTS = "complaints", "calls", "rejects"
TAGS = {RecordKind.COMPLAINT: COMPLAINTS, RecordKind.CALL: CALLS}


def read_shard(shard: Shard, options: ReadOptions) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Batches of COMPLAINT_LOOSE ("complaints"), CALL_LOOSE ("calls") or REJECT ("rejects").

    Every row that is not blank is in exactly one of them, once, whatever the shards' size;
    a compressed file that is cut or corrupt gives one reject more.
    """
    kind = layout(shard.file)
    if kind in (Layout.PARQUET, Layout.REJECTS):
        yield from _parquet(shard, options)
        return
    for chunk in chunks(_records(shard, kind)):
        yield from _tagged(shard.file.kind, *parse(origin(shard.file), chunk, options))


def _tagged(
    kind: RecordKind, rows: pa.RecordBatch, rejects: Sequence[Reject]
) -> Iterator[tuple[str, pa.RecordBatch]]:
    if rows.num_rows:
        yield TAGS[kind], rows
    if rejects:
        yield REJECTS, reject_rows(rejects)


def _records(shard: Shard, kind: Layout) -> Iterator[Record]:
    file = shard.file
    stream = blocks(file.path, file.compression, shard.start, shard.end)
    if kind == Layout.ARRAY:
        yield from json_array.elements(stream)
        return
    physical = lines(stream, shard.first_line)
    if kind == Layout.LINES:
        yield from (line for line in physical if line.fault or line.data.strip())
        return
    rows = csv_rows.records(physical)
    if shard.start == 0 and file.has_header:
        next(rows, None)
    yield from rows


def _parquet(shard: Shard, options: ReadOptions) -> Iterator[tuple[str, pa.RecordBatch]]:
    file = shard.file
    position = shard.first_line
    try:
        for first, batch in parquet.batches(file.path, shard.start, shard.end, position):
            position = first + batch.num_rows
            if layout(file) == Layout.PARQUET:
                parsed = parquet.convert(origin(file), batch, first, options.source_org)
                yield from _tagged(file.kind, *parsed)
                continue
            for one, records in rejects_file.blocks(file.label, file.kind, batch, first):
                yield from _tagged(file.kind, *parse(one, records, options))
    except DamagedParquetError:
        message = "the Parquet file is corrupt from this row on"
        record = Record(position, b"", 0)
        yield REJECTS, reject_rows([reject(origin(file), record, Code.UNREADABLE_FILE, message)])
