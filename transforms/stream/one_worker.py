"""Runs the steps of a tick on a single worker of an engine.

The steps of a batch run exchange small tables as side inputs. In a stream side inputs are windowed,
and not every engine waits for the end of their window. So a tick's live evidence is gathered on a
single worker. Clustering needs the whole graph there in any case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from operator import itemgetter
from typing import Any

import apache_beam as beam
import pyarrow as pa

from transforms.local import LocalExecutor, local_executor
from transforms.stream.state import STATE_OUTPUTS, TICKS


@dataclass(eq=False)
class RunOnOneWorker(beam.PTransform):
    """Applies `analyze`, a dataclass, to each whole window on a single worker."""

    analyze: Any

    def expand(self, kept: Mapping[str, beam.PCollection]) -> Any:
        """Gathers all outputs of a tick, and analyzes them."""
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
    """Applies `analyze` to all outputs of a tick, in a local pipeline."""

    def __init__(self, analyze: Any) -> None:
        self._analyze = analyze
        self._alerts: list[pa.RecordBatch] = []
        self._steps: dict[bool, LocalExecutor] = {}

    def process(self, keyed: tuple[int, Iterable[tuple[str, Any]]]) -> Iterator[pa.RecordBatch]:
        whole: dict[str, list[Any]] = {name: [] for name in STATE_OUTPUTS}
        for name, value in keyed[1]:
            whole[name].append(value)
        snapshot = any(tick.snapshot for tick in whole[TICKS])
        if snapshot not in self._steps:
            self._steps[snapshot] = local_executor(partial(self._build, snapshot=snapshot))
        self._alerts.clear()
        self._steps[snapshot].run(whole)
        yield from [*self._alerts]

    def _build(self, pipeline: beam.Pipeline, *, snapshot: bool) -> None:
        # A transform belongs to the pipeline that it was applied to, so it is copied.
        analyze = replace(self._analyze, **({} if snapshot else {"snapshots": None}))
        whole = pipeline | "Whole" >> beam.Impulse()
        kept = {
            name: whole | f"Take {name}" >> beam.FlatMap(itemgetter(name)) for name in STATE_OUTPUTS
        }
        _ = kept | "Look" >> analyze | "Collect" >> beam.Map(self._alerts.append)
