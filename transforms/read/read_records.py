"""Reading as a Beam transform: files are scanned, cut into shards, and the shards read.

One shard read: every row of it as one loose row or one reject.

Parts of files as a source: what a watched folder has that is new.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.pvalue import PBegin, PCollection, TaggedOutput

from schemas.enums import RecordKind
from schemas.reject import Code
from transforms.read import framing, rejects
from transforms.read.adapters import contract_parquet
from transforms.read.adapters.contract_parquet import DamagedParquetError
from transforms.read.adapters.registry import Layout, layout, origin, parse
from transforms.read.files import InputFile, blocks
from transforms.read.framing import Record, chunks, lines
from transforms.read.options import ReadOptions
from transforms.read.rejects import Reject, reject, reject_rows
from transforms.read.shards import SHARD_BYTES, Shard, scan

DIGESTS = "digests"


SHARDS = "shards"


SPREAD = 256
"""Groups that shards are spread over: more than a run has workers, few enough to be cheap."""


def _scan(indexed: tuple[int, InputFile], shard_bytes: int) -> Iterator[TaggedOutput]:
    index, file = indexed
    (sha256, size), shards = scan(file, shard_bytes)
    digest = {
        "label": file.label,
        "kind": str(file.kind),
        "format": file.format,
        "bytes": size,
        "sha256": sha256,
    }
    yield TaggedOutput(DIGESTS, digest)
    for number, shard in enumerate(shards):
        yield TaggedOutput(SHARDS, ((index + number) % SPREAD, shard))


def _shards(group: tuple[int, Iterable[Shard]]) -> Iterable[Shard]:
    return group[1]


def _read(shard: Shard, options: ReadOptions) -> Iterator[TaggedOutput]:
    for tag, batch in read_shard(shard, options):
        yield TaggedOutput(tag, batch)


@dataclass(eq=False)  # not frozen: Beam sets attributes of a transform as it applies it
class ReadRecords(beam.PTransform):
    """Every row of the files, as PCollections by name: complaints, calls, rejects, digests.

    The first three hold record batches (COMPLAINT_LOOSE, CALL_LOOSE, REJECT), the last one
    dict a file: label, kind, format, bytes, sha256.
    """

    files: tuple[InputFile, ...]
    options: ReadOptions
    shard_bytes: int = SHARD_BYTES

    def expand(self, pbegin: PBegin) -> dict[str, PCollection[Any]]:
        """The four PCollections, by their names."""
        scanned = (
            pbegin
            | "Files" >> beam.Create(list(enumerate(self.files)), reshuffle=False)
            | "Scan" >> beam.FlatMap(_scan, self.shard_bytes).with_outputs(DIGESTS, SHARDS)
        )
        read = (
            scanned[SHARDS]
            | "Spread" >> beam.GroupByKey()
            | "Shards" >> beam.FlatMap(_shards)
            | "Read" >> beam.FlatMap(_read, self.options).with_outputs(COMPLAINTS, CALLS, REJECTS)
        )
        return {
            COMPLAINTS: read[COMPLAINTS],
            CALLS: read[CALLS],
            REJECTS: read[REJECTS],
            DIGESTS: scanned[DIGESTS],
        }


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
        yield from framing.elements(stream)
        return
    physical = lines(stream, shard.first_line)
    if kind == Layout.LINES:
        yield from (line for line in physical if line.fault or line.data.strip())
        return
    rows = framing.records(physical)
    if shard.start == 0 and file.has_header:
        next(rows, None)
    yield from rows


def _parquet(shard: Shard, options: ReadOptions) -> Iterator[tuple[str, pa.RecordBatch]]:
    file = shard.file
    position = shard.first_line
    try:
        for first, batch in contract_parquet.batches(file.path, shard.start, shard.end, position):
            position = first + batch.num_rows
            if layout(file) == Layout.PARQUET:
                parsed = contract_parquet.convert(origin(file), batch, first, options.source_org)
                yield from _tagged(file.kind, *parsed)
                continue
            for one, records in rejects.blocks(file.label, file.kind, batch, first):
                yield from _tagged(file.kind, *parse(one, records, options))
    except DamagedParquetError:
        message = "the Parquet file is corrupt from this row on"
        record = Record(position, b"", 0)
        yield REJECTS, reject_rows([reject(origin(file), record, Code.UNREADABLE_FILE, message)])


def _read_or_reject(shard: Shard, options: ReadOptions) -> Iterator[TaggedOutput]:
    try:
        for tag, batch in read_shard(shard, options):
            yield TaggedOutput(tag, batch)
    except FileNotFoundError:
        message = "the file was removed before it was read from here on"
        record = Record(shard.first_line, b"", 0)
        gone = reject(origin(shard.file), record, Code.UNREADABLE_FILE, message)
        yield TaggedOutput(REJECTS, reject_rows([gone]))


@dataclass(eq=False)
class ReadShards(beam.PTransform):
    """Shards to PCollections by name: complaints, calls (loose batches) and rejects."""

    options: ReadOptions

    def expand(self, shards: beam.PCollection) -> dict[str, Any]:
        """Each shard read by whichever worker gets it."""
        step = beam.FlatMap(_read_or_reject, self.options).with_outputs(COMPLAINTS, CALLS, REJECTS)
        read = shards | "Read" >> step
        return {name: read[name] for name in (COMPLAINTS, CALLS, REJECTS)}
