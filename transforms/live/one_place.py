"""Look at a tick at one place: a bounded pipeline of its own, inside the stream's.

The steps of the batch run hand small tables to each other as side inputs. On a stream these are
windowed, and not every engine waits for the window of a side input to be over. Here the outer
pipeline has none: what is alive at a tick comes together in one worker, which holds the graph as a
whole for clustering in any case, and Beam's in-process runner does there what it does for a batch.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import apache_beam as beam
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions

from transforms.live.keep import RECORDS, REJECTED, STATED, TALLIES, TICKS
from transforms.shuffle import MAIN

NAMES = (MAIN, RECORDS, STATED, REJECTED, TALLIES, TICKS)


def _named(value: Any, name: str) -> tuple[int, tuple[str, Any]]:
    return 0, (name, value)


def _stored(path: str) -> Iterator[Any]:
    with Path(path).open("rb") as file:
        while file.peek(1):
            yield pickle.load(file)  # noqa: S301 - written by this process just now


def _store(alerts: pa.RecordBatch, folder: str) -> None:
    Path(folder, uuid4().hex).write_bytes(pickle.dumps(alerts))


class _Look(beam.DoFn):
    """All that one tick handed out, to what `look` makes of it."""

    def __init__(self, look: Any) -> None:
        self._look = look

    def process(self, keyed: tuple[int, Iterable[tuple[str, Any]]]) -> Iterator[pa.RecordBatch]:
        with TemporaryDirectory() as folder:
            self._spool(keyed[1], folder)
            out = Path(folder, "out")
            out.mkdir()
            options = PipelineOptions([], runner="FnApiRunner")
            with beam.Pipeline(options=options) as pipeline:
                kept = {
                    name: pipeline
                    | f"Stored {name}" >> beam.Create([str(Path(folder, name))], reshuffle=False)
                    | f"Read {name}" >> beam.FlatMap(_stored)
                    for name in NAMES
                }
                # A transform that was applied once belongs to that pipeline.
                alerts = kept | "Look" >> replace(self._look)
                _ = alerts | "Store" >> beam.Map(partial(_store, folder=str(out)))
            for path in sorted(out.iterdir()):
                yield from _stored(str(path))

    @staticmethod
    def _spool(values: Iterable[tuple[str, Any]], folder: str) -> None:
        with ExitStack() as opened:
            files = {name: opened.enter_context(Path(folder, name).open("wb")) for name in NAMES}
            for name, value in values:
                pickle.dump(value, files[name])


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
