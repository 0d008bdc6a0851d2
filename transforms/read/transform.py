"""Reading as a Beam transform: files are scanned, cut into shards, and the shards read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import PBegin, PCollection, TaggedOutput

from transforms.read.files import InputFile
from transforms.read.options import ReadOptions
from transforms.read.reader import CALLS, COMPLAINTS, REJECTS, read_shard
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
