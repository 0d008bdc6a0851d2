"""One tick of a watched folder as the source of a bounded pipeline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from pipelines.watch.folder import News
from transforms.live.keep import TICKS
from transforms.live.ticks import Tick
from transforms.read.options import ReadOptions
from transforms.read.reader import REJECTS
from transforms.read.some import ReadShards


@dataclass(eq=False)
class OneTick(beam.PTransform):
    """What is new in a folder, and the one tick at which it is looked at."""

    news: News
    options: ReadOptions
    tick: Tick

    def expand(self, begin: beam.pvalue.PBegin) -> dict[str, Any]:
        """Loose batches, rejects and the tick."""
        read = begin | ReadShards(self.news.shards, self.options)
        refused = begin | "Refused files" >> beam.Create(list(self.news.rejects), reshuffle=False)
        read[REJECTS] = (read[REJECTS], refused) | "All" >> beam.Flatten()
        return read | {TICKS: begin | "Tick" >> beam.Create([self.tick], reshuffle=False)}
