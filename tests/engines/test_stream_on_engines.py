"""The stream on an engine: its state, ticks by the clock, and a look at each in one place."""

import json
import time
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.streaming.options import parse
from pipelines.streaming.pipeline import build
from pipelines.streaming.plan import engine_plan
from schemas.enums import RecordKind
from tests.end_to_end.streaming.test_alerts import CALLS, INNOCENT, KNOWN, NEW, alerts_in, kinds_of
from tests.engines.batch import stream_flags
from transforms.read.files import ReadOptions
from transforms.stream.sources import Decoder, Message, read_queues
from transforms.stream.state import TICKS, Clock

LONGEST = 150
"""Seconds until a tick must have raised what there is."""


@dataclass(eq=False)
class Rows(beam.PTransform):
    """Rows as messages that are there from the start."""

    rows: list

    def expand(self, begin):
        lines = [Message("q", n, json.dumps(row).encode()) for n, row in enumerate(self.rows)]
        return begin | beam.Create(lines, reshuffle=False)


@dataclass(eq=False)
class Source(beam.PTransform):
    """Complaints and calls, and ticks every five seconds."""

    def expand(self, begin):
        rows = {
            RecordKind.COMPLAINT: Rows([*KNOWN, *NEW, *NEW, *INNOCENT]),
            RecordKind.CALL: Rows(CALLS),
        }
        read = read_queues(begin, rows, Decoder(), ReadOptions())
        return read | {TICKS: begin | "Clock" >> Clock(5, 10)}


def enough(output):
    """Returns whether all alerts were raised, and snapshots have come by the clock."""
    return len(alerts_in(output)) >= 2 and len(list((output / "snapshots").glob("2*"))) >= 2


def test_alerts_are_told_once_and_snapshots_come_by_the_clock(engine, tmp_path):
    output = tmp_path / "live"
    words = ["--kafka-servers", "b:1", "--kafka-complaints", "t", "--output", str(output)]
    options = parse([*words, "--runner=PortableRunner"])
    pipeline = beam.Pipeline(options=PipelineOptions(stream_flags(engine)))
    build(pipeline, engine_plan(options, Source()))
    result = pipeline.run()
    try:
        end = time.monotonic() + LONGEST
        while time.monotonic() < end and not enough(output):
            time.sleep(1)
    finally:
        result.cancel()
    assert kinds_of(alerts_in(output)) == {
        ("threshold", "phone:+18555550106"),
        ("several_orgs", "phone:+18445550107"),
    }
    assert enough(output)
