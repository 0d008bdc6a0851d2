"""Reading as Beam transforms: files or parts of files to loose rows, rejects and digests.

A shard is a part of a file that is read by itself; the digest is of the whole file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from operator import itemgetter
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.pvalue import PBegin, PCollection, TaggedOutput

from schemas.enums import RecordKind
from schemas.reject import Code
from transforms.read import framing, sheets
from transforms.read.adapters import mail
from transforms.read.adapters.base import Layout
from transforms.read.adapters.registry import file_layout, file_origin, group_rows, parse_records
from transforms.read.dialects import (
    array_blocks,
    describe,
    is_separator_line,
    plain_records,
    text_blocks,
)
from transforms.read.files import InputFile, ReadOptions, most_work, open_raw, raw_blocks, work_of
from transforms.read.framing import Origin, Record, chunk_records, physical_lines
from transforms.read.parquet_limits import DamagedParquetError, open_parquet, parquet_batches
from transforms.read.rejects import Reject, rejects_batch

SHARD_BYTES = 16 * 1024 * 1024

COMPLAINTS, CALLS, REJECTS = "complaints", "calls", "rejects"

TAGS = {RecordKind.COMPLAINT: COMPLAINTS, RecordKind.CALL: CALLS}

DIGESTS = "digests"

SHARDS = "shards"

SPREAD = 256
"""Groups that shards are spread over: more than a run has workers, few enough to be cheap."""


@dataclass(frozen=True)
class Shard:
    """Bytes `start` to before `end` of a file (row groups, for Parquet); null is its end.

    `first_line` is the physical line, or Parquet row, at `start`, counted from 1.
    """

    file: InputFile
    start: int
    end: int | None
    first_line: int


def scan_file(
    file: InputFile, shard_bytes: int = SHARD_BYTES
) -> tuple[tuple[str, int], list[Shard]]:
    """Scans the stored bytes once: returns (SHA-256 in hex, length), and the file's shards.

    Lines and CSV are cut where a record starts, each shard `shard_bytes` or a little more;
    Parquet between row groups; compressed files, JSON arrays and mail not at all. Together the
    shards hold every row, each once.
    """
    digest, size = hashlib.sha256(), 0

    def digested() -> Iterator[bytes]:
        nonlocal size
        for block in raw_blocks(file.path):
            digest.update(block)
            size += len(block)
            yield block

    blocks = digested()
    kind = file_layout(file)
    starts: list[tuple[int, int]] = []
    if file.can_be_cut and kind == Layout.LINES:
        starts = list(_record_starts(physical_lines(blocks), shard_bytes))
    elif file.can_be_cut and kind == Layout.CSV:
        records = framing.delimited_records(blocks, file.delimiter)
        starts = list(_record_starts(records, shard_bytes))
    elif kind in (Layout.PARQUET, Layout.REJECTS):
        starts = _row_group_starts(file, shard_bytes)
    elif kind != Layout.EMPTY:
        starts = [(0, 1)]
    for _ in blocks:
        pass  # to the end of the file, for the digest
    ends = [*(start for start, _ in starts[1:]), None] if starts else []
    shards = [
        Shard(file, start, end, line) for (start, line), end in zip(starts, ends, strict=True)
    ]
    return (digest.hexdigest(), size), shards


def _record_starts(records: Iterable[Record], shard_bytes: int) -> Iterator[tuple[int, int]]:
    """Yields offset and line of the first record, and of the first after each `shard_bytes`."""
    yield 0, 1
    wanted = shard_bytes
    for record in records:
        if record.offset >= wanted:
            yield record.offset, record.position
            wanted = record.offset + shard_bytes


def _row_group_starts(file: InputFile, shard_bytes: int) -> list[tuple[int, int]]:
    """Lists the row group and row at which each shard starts; empty without any row group."""
    with open_raw(file.path) as stream:
        metadata = open_parquet(stream).metadata
        groups = [metadata.row_group(i) for i in range(metadata.num_row_groups)]
    starts: list[tuple[int, int]] = []
    pending, row = 0, 1
    for number, group in enumerate(groups):
        if not starts or pending >= shard_bytes:
            starts.append((number, row))
            pending = 0
        pending += group.total_byte_size
        row += group.num_rows
    return starts


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
    try:
        for origin, records in shard_records(shard):
            rows, rejects = parse_records(origin, records, options)
            if rows.num_rows:
                yield TAGS[shard.file.kind], rows
            if rejects:
                yield REJECTS, rejects_batch(rejects)
    except DamagedParquetError as error:
        row, code, message = error.args
        damage = Reject(file_origin(shard.file), Record(row, b"", 0), code, message)
        yield REJECTS, rejects_batch([damage])


def shard_records(shard: Shard) -> Iterator[tuple[Origin, list[Record]]]:
    """Yields the records of a shard in bounded groups, each of one origin.

    Raises:
        DamagedParquetError: where the pages of a Parquet file cannot, or may not, be decoded.
    """
    file, kind = shard.file, file_layout(shard.file)
    if kind in (Layout.PARQUET, Layout.REJECTS):
        ends = (shard.start, shard.end)
        for first, batch in parquet_batches(file.path, file.kind, *ends, shard.first_line):
            yield from group_rows(file, batch, first)
        return
    records = _records(shard, kind)
    if file.compression != "none" or kind == Layout.SHEET:
        records = _limited(records, file)
    for chunk in chunk_records(plain_records(file, records)):
        yield file_origin(file), chunk


def _limited(records: Iterator[Record], file: InputFile) -> Iterator[Record]:
    """Yields the records that cost no more than a file of its size may; a fault for the others."""
    left = most_work(file.size)
    for record in records:
        left -= work_of(record.data, file.kind)
        if left < 0:
            yield Record(record.position, b"", 0, Code.OVER_LIMIT)
            return
        yield record


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
        gone = Reject(file_origin(shard.file), record, Code.UNREADABLE_FILE, message)
        yield TaggedOutput(REJECTS, rejects_batch([gone]))


def _records(shard: Shard, kind: Layout) -> Iterator[Record]:
    file = shard.file
    stream = text_blocks(file, shard.start, shard.end)
    if kind == Layout.ARRAY:
        whole = array_blocks(stream, file.form.rows if file.form else "")
        yield from framing.array_elements(whole)
        return
    if kind == Layout.MAIL:
        yield from mail.mail_records(stream)
        return
    if kind == Layout.LINES:
        physical = physical_lines(stream, shard.first_line)
        yield from (line for line in physical if line.fault or line.data.strip())
        return
    if kind == Layout.SHEET:
        rows = sheets.sheet_records(file.path, file.form.sheet if file.form else "")
    else:
        rows = framing.delimited_records(stream, file.delimiter, shard.first_line)
    if shard.start == 0 and file.form:
        rows = islice(rows, file.has_header + file.form.skip, None)
    elif shard.start == 0 and file.has_header:
        first = next(rows, None)
        if first is not None and is_separator_line(first.data):
            next(rows, None)
    yield from rows
