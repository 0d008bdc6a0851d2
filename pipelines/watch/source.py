"""One tick of a watched folder, or of topics, as the source of a bounded pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa

from pipelines.watch.folder import News
from transforms.live.keep import TICKS
from transforms.live.ticks import Tick
from transforms.read.options import ReadOptions
from transforms.read.reader import REJECTS
from transforms.read.shards import Shard
from transforms.read.some import ReadShards


@dataclass(frozen=True)
class Due:
    """What is new in a folder, and the one tick at which it is looked at."""

    news: News
    tick: Tick


def _shards(due: Due) -> Iterator[Shard]:
    yield from due.news.shards


def _refused(due: Due) -> Iterator[pa.RecordBatch]:
    yield from due.news.rejects


def _tick(due: Due) -> Tick:
    return due.tick


@dataclass(eq=False)
class OneTick(beam.PTransform):
    """The Due that each run of the pipeline is given, read."""

    options: ReadOptions

    def expand(self, begin: beam.pvalue.PBegin) -> dict[str, Any]:
        """Loose batches, rejects and the tick."""
        due = begin | "Due" >> beam.Impulse()
        read = due | "Shards" >> beam.FlatMap(_shards) | ReadShards(self.options)
        refused = due | "Refused files" >> beam.FlatMap(_refused)
        read[REJECTS] = (read[REJECTS], refused) | "All" >> beam.Flatten()
        return read | {TICKS: due | "Tick" >> beam.Map(_tick)}
