"""Look at a tick at one place: a bounded pipeline of its own, inside the stream's.

The steps of the batch run hand small tables to each other as side inputs. On a stream these are
windowed, and not every engine waits for the window of a side input to be over. Here the outer
pipeline has none: what is alive at a tick comes together in one worker, which holds the graph as a
whole for clustering in any case, and runs the steps on it there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions

from transforms.live.keep import PRINTED, RECORDS, REJECTED, SAID, STATED, TALLIES, TICKS
from transforms.live.rerun import ALONE, Rerun
from transforms.shuffle import MAIN

NAMES = (MAIN, RECORDS, STATED, PRINTED, SAID, REJECTED, TALLIES, TICKS)


def _named(value: Any, name: str) -> tuple[int, tuple[str, Any]]:
    return 0, (name, value)


def _part(whole: Mapping[str, list[Any]], name: str) -> list[Any]:
    return whole[name]


class _Heard(beam.DoFn):
    """Keeps what the last steps of a `Rerun` gave."""

    def __init__(self) -> None:
        self.alerts: list[pa.RecordBatch] = []

    def process(self, alerts: pa.RecordBatch) -> None:
        self.alerts.append(alerts)


class _Steps:
    """The steps of `look` on all that one tick handed out."""

    def __init__(self, look: Any) -> None:
        pipeline = beam.Pipeline(options=PipelineOptions(list(ALONE)))
        whole = pipeline | "Whole" >> beam.Impulse()
        kept = {name: whole | f"Take {name}" >> beam.FlatMap(_part, name) for name in NAMES}
        self._heard = _Heard()
        _ = kept | "Look" >> look | "Hear" >> beam.ParDo(self._heard)
        self._steps = Rerun(pipeline)

    def run(self, whole: Mapping[str, list[Any]]) -> list[pa.RecordBatch]:
        """The alerts."""
        self._heard.alerts = []
        self._steps.run(whole)
        return self._heard.alerts


class _Look(beam.DoFn):
    """All that one tick handed out, to what `look` makes of it."""

    def __init__(self, look: Any) -> None:
        self._look = look
        self._steps: dict[bool, _Steps] = {}

    def process(self, keyed: tuple[int, Iterable[tuple[str, Any]]]) -> Iterator[pa.RecordBatch]:
        whole: dict[str, list[Any]] = {name: [] for name in NAMES}
        for name, value in keyed[1]:
            whole[name].append(value)
        snapshot = any(tick.snapshot for tick in whole[TICKS])
        if snapshot not in self._steps:
            # A transform that was applied once belongs to that pipeline.
            look = replace(self._look, **({} if snapshot else {"snapshots": None}))
            self._steps[snapshot] = _Steps(look)
        yield from self._steps[snapshot].run(whole)


@dataclass(eq=False)
class LookAtOnePlace(beam.PTransform):
    """As `look`, a dataclass, on the whole of each window at one worker."""

    look: Any

    def expand(self, kept: Mapping[str, beam.PCollection]) -> Any:
        """Bring each tick's whole together."""
        placed = tuple(
            kept[name] | f"Name {name}" >> beam.Map(_named, name).with_output_types(tuple[int, Any])
            for name in NAMES
        )
        return (
            placed
            | "All" >> beam.Flatten()
            | "One place" >> beam.GroupByKey()
            | "Look" >> beam.ParDo(_Look(self.look))
        )
