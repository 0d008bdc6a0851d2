"""Parts of files as a source: what a watched folder has that is new."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import TaggedOutput

from schemas.reject import Code
from transforms.read.formats import origin
from transforms.read.options import ReadOptions
from transforms.read.reader import CALLS, COMPLAINTS, REJECTS, read_shard
from transforms.read.records import Record
from transforms.read.rejects import reject, reject_rows
from transforms.read.shards import Shard


def _read(shard: Shard, options: ReadOptions) -> Iterator[TaggedOutput]:
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
        step = beam.FlatMap(_read, self.options).with_outputs(COMPLAINTS, CALLS, REJECTS)
        read = shards | "Read" >> step
        return {name: read[name] for name in (COMPLAINTS, CALLS, REJECTS)}
