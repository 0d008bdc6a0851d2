"""Reading as Beam transforms: files or parts of files to loose rows, rejects and digests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.pvalue import PBegin, PCollection, TaggedOutput

from schemas.enums import RecordKind
from schemas.reject import Code
from transforms.read import framing
from transforms.read.adapters import mapped
from transforms.read.adapters.base import Layout
from transforms.read.adapters.registry import file_layout, file_origin, parse_batch, parse_records
from transforms.read.dialects import describe, is_separator_line, plain_records, text_blocks
from transforms.read.files import InputFile, ReadOptions
from transforms.read.framing import Record, chunk_records, physical_lines
from transforms.read.rejects import Reject, make_reject, rejects_batch
from transforms.read.shards import SHARD_BYTES, Shard, scan_file

COMPLAINTS, CALLS, REJECTS = "complaints", "calls", "rejects"

TAGS = {RecordKind.COMPLAINT: COMPLAINTS, RecordKind.CALL: CALLS}

DIGESTS = "digests"

SHARDS = "shards"

SPREAD = 256
"""Groups that shards are spread over: more than a run has workers, few enough to be cheap."""


@dataclass(eq=False)  # not frozen: Beam sets attributes of a transform as it applies it
class ReadRecords(beam.PTransform):
    """Reads every row of the files into PCollections: complaints, calls, rejects, digests.

    The first three hold record batches (COMPLAINT_LOOSE, CALL_LOOSE, REJECT), the last one
    dict a file: label, kind, format, bytes, sha256.
    """

    files: tuple[InputFile, ...]
    options: ReadOptions
    shard_bytes: int = SHARD_BYTES

    def expand(self, pbegin: PBegin) -> dict[str, PCollection[Any]]:
        """Returns the four PCollections, by name."""
        scanned = (
            pbegin
            | "Files" >> beam.Create(list(enumerate(self.files)), reshuffle=False)
            | "Scan" >> beam.FlatMap(_scan, self.shard_bytes).with_outputs(DIGESTS, SHARDS)
        )
        read = (
            scanned[SHARDS]
            | "Spread" >> beam.GroupByKey()
            | "Shards" >> beam.FlatMap(itemgetter(1))
            | "Read"
            >> beam.FlatMap(_read_tagged, self.options).with_outputs(COMPLAINTS, CALLS, REJECTS)
        )
        read_names = (COMPLAINTS, CALLS, REJECTS)
        return {name: read[name] for name in read_names} | {DIGESTS: scanned[DIGESTS]}


@dataclass(eq=False)
class ReadShards(beam.PTransform):
    """Reads shards into PCollections by name: complaints, calls (loose batches) and rejects."""

    options: ReadOptions

    def expand(self, shards: beam.PCollection) -> dict[str, Any]:
        """Returns the three PCollections, by name."""
        step = beam.FlatMap(_read_or_reject, self.options).with_outputs(COMPLAINTS, CALLS, REJECTS)
        read = shards | "Read" >> step
        return {name: read[name] for name in (COMPLAINTS, CALLS, REJECTS)}


def read_shard(shard: Shard, options: ReadOptions) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Yields batches of COMPLAINT_LOOSE ("complaints"), CALL_LOOSE ("calls"), REJECT ("rejects").

    Every row that is not blank is in exactly one of them, once, whatever the shards' size;
    a compressed file that is cut or corrupt gives one reject more.
    """
    kind = file_layout(shard.file)
    if kind in (Layout.PARQUET, Layout.REJECTS):
        yield from _parquet(shard, options)
        return
    for chunk in chunk_records(plain_records(shard.file, _records(shard, kind))):
        yield from _tagged(shard.file.kind, *parse_records(file_origin(shard.file), chunk, options))


def _scan(indexed: tuple[int, InputFile], shard_bytes: int) -> Iterator[TaggedOutput]:
    index, file = indexed
    (sha256, size), shards = scan_file(file, shard_bytes)
    digest = {
        "label": file.label,
        "kind": str(file.kind),
        "format": file.format,
        "bytes": size,
        "sha256": sha256,
        "dialect": describe(file),
    }
    yield TaggedOutput(DIGESTS, digest)
    for number, shard in enumerate(shards):
        yield TaggedOutput(SHARDS, ((index + number) % SPREAD, shard))


def _read_tagged(shard: Shard, options: ReadOptions) -> Iterator[TaggedOutput]:
    for tag, batch in read_shard(shard, options):
        yield TaggedOutput(tag, batch)


def _read_or_reject(shard: Shard, options: ReadOptions) -> Iterator[TaggedOutput]:
    try:
        yield from _read_tagged(shard, options)
    except FileNotFoundError:
        message = "the file was removed before it was read from here on"
        record = Record(shard.first_line, b"", 0)
        gone = make_reject(file_origin(shard.file), record, Code.UNREADABLE_FILE, message)
        yield TaggedOutput(REJECTS, rejects_batch([gone]))


def _parquet(shard: Shard, options: ReadOptions) -> Iterator[tuple[str, pa.RecordBatch]]:
    file = shard.file
    position = shard.first_line
    try:
        for first, batch in framing.parquet_batches(file.path, shard.start, shard.end, position):
            position = first + (1 if batch is None else batch.num_rows)
            if batch is None:
                large = Record(first, b"", 0, Code.ROW_TOO_LARGE)
                yield from _tagged(file.kind, *parse_records(file_origin(file), [large], options))
                continue
            for rows, rejects in parse_batch(file, batch, first, options):
                yield from _tagged(file.kind, rows, rejects)
    except framing.DamagedParquetError as error:
        record = Record(position, b"", 0)
        damage = make_reject(file_origin(file), record, error.code, error.message)
        yield REJECTS, rejects_batch([damage])


def _records(shard: Shard, kind: Layout) -> Iterator[Record]:
    file = shard.file
    stream = text_blocks(file, shard.start, shard.end)
    if kind == Layout.ARRAY:
        whole = mapped.array_blocks(stream, file.form.rows if file.form else "")
        yield from framing.array_elements(whole)
        return
    if kind == Layout.LINES:
        physical = physical_lines(stream, shard.first_line)
        yield from (line for line in physical if line.fault or line.data.strip())
        return
    if kind == Layout.SHEET:
        rows = framing.sheet_records(file.path, file.form.sheet if file.form else "")
    else:
        rows = framing.delimited_records(stream, file.delimiter, shard.first_line)
    if shard.start == 0 and file.form:
        rows = islice(rows, file.has_header + file.form.skip, None)
    elif shard.start == 0 and file.has_header:
        first = next(rows, None)
        if first is not None and is_separator_line(first.data):
            next(rows, None)
    yield from rows


def _tagged(
    kind: RecordKind, rows: pa.RecordBatch, rejects: Sequence[Reject]
) -> Iterator[tuple[str, pa.RecordBatch]]:
    if rows.num_rows:
        yield TAGS[kind], rows
    if rejects:
        yield REJECTS, rejects_batch(rejects)
