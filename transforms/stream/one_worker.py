"""Runs the steps of a tick on one worker of an engine.

The steps of the batch run hand small tables to each other as side inputs; on a stream these are
windowed, and not every engine waits for the window of a side input to be over. So what is alive at
a tick comes together on one worker, which holds the graph as a whole for clustering in any case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from operator import itemgetter
from typing import Any

import apache_beam as beam
import pyarrow as pa

from transforms.local import local_executor
from transforms.stream.state import STATE_OUTPUTS, TICKS


@dataclass(eq=False)
class RunOnOneWorker(beam.PTransform):
    """Applies `analyze`, a dataclass, to the whole of each window on one worker."""

    analyze: Any

    def expand(self, kept: Mapping[str, beam.PCollection]) -> Any:
        """Brings each tick's whole together."""
        named = tuple(
            kept[name] | f"Name {name}" >> beam.Map(_named, name).with_output_types(tuple[int, Any])
            for name in STATE_OUTPUTS
        )
        return (
            named
            | "All" >> beam.Flatten()
            | "One place" >> beam.GroupByKey()
            | "Look" >> beam.ParDo(_RunOnOneWorker(self.analyze))
        )


def _named(value: Any, name: str) -> tuple[int, tuple[str, Any]]:
    return 0, (name, value)


class _RunOnOneWorker(beam.DoFn):
    """Applies `analyze` to all that one tick handed out."""

    def __init__(self, analyze: Any) -> None:
        self._analyze = analyze
        self._pipelines: dict[bool, _TickPipeline] = {}

    def process(self, keyed: tuple[int, Iterable[tuple[str, Any]]]) -> Iterator[pa.RecordBatch]:
        whole: dict[str, list[Any]] = {name: [] for name in STATE_OUTPUTS}
        for name, value in keyed[1]:
            whole[name].append(value)
        snapshot = any(tick.snapshot for tick in whole[TICKS])
        if snapshot not in self._pipelines:
            # A transform that was applied once belongs to that pipeline.
            analyze = replace(self._analyze, **({} if snapshot else {"snapshots": None}))
            self._pipelines[snapshot] = _TickPipeline(analyze)
        yield from self._pipelines[snapshot].run(whole)


class _TickPipeline:
    """Runs `analyze` on all that one tick handed out."""

    def __init__(self, analyze: Any) -> None:
        self._analyze = analyze
        self._alerts: list[pa.RecordBatch] = []
        self._executor = local_executor(self._build)

    def _build(self, pipeline: beam.Pipeline) -> None:
        whole = pipeline | "Whole" >> beam.Impulse()
        kept = {
            name: whole | f"Take {name}" >> beam.FlatMap(itemgetter(name)) for name in STATE_OUTPUTS
        }
        _ = kept | "Look" >> self._analyze | "Collect" >> beam.Map(self._alerts.append)

    def run(self, whole: Mapping[str, list[Any]]) -> list[pa.RecordBatch]:
        """Returns the alerts."""
        self._alerts.clear()
        self._executor.run(whole)
        return [*self._alerts]
