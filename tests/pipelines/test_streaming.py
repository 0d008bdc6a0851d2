"""The whole stream on a runner that streams: TestStream in, snapshots and alerts out."""

import json
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms.window import TimestampedValue

from pipelines.stream_options import parse
from pipelines.stream_plan import engine_plan
from pipelines.streaming import build
from schemas.kinds import RecordKind
from tests.pipelines.running import jsonl, run
from tests.pipelines.watch.test_alerts import CALLS, INNOCENT, KNOWN, NEW, alerts_in, told
from tests.pipelines.watch.test_watch import files_of
from transforms.live.keep import TICKS
from transforms.live.messages import Decoder, Message, queues
from transforms.live.ticks import Tick
from transforms.read.options import ReadOptions


@dataclass(eq=False)
class Live(beam.PTransform):
    """A TestStream of (kind, rows) and of ticks, read as a queue is."""

    events: list[Any]

    def expand(self, begin):
        stream = TestStream()
        for place, one in enumerate(self.events):
            if isinstance(one, Tick):
                stream.advance_watermark_to(one.second)
                stream.add_elements([TimestampedValue(one, one.second)])
                stream.advance_watermark_to(one.second + 1)
            else:
                kind, rows = one
                values = [
                    (kind, Message("queue", place * 1000 + n, json.dumps(row).encode()))
                    for n, row in enumerate(rows)
                ]
                stream.add_elements(values)
        events = begin | stream.advance_watermark_to_infinity()
        read = queues(
            events,
            {kind: beam.FlatMap(of_kind, kind) for kind in RecordKind},
            Decoder(),
            ReadOptions(),
        )
        return read | {TICKS: events | "Ticks" >> beam.Filter(isinstance, Tick)}


def of_kind(event, kind):
    if not isinstance(event, Tick) and event[0] == kind:
        yield event[1]


def test_late_and_repeated_records_live_give_the_batch_runs_clusters_and_alerts_once(tmp_path):
    run(tmp_path / "known", "--complaints", jsonl(tmp_path / "known.jsonl", KNOWN))
    everything = jsonl(tmp_path / "all.jsonl", [*KNOWN, *NEW, *INNOCENT])
    calls = jsonl(tmp_path / "calls.jsonl", CALLS)
    flags = ["--previous", tmp_path / "known"]
    run(tmp_path / "batch", "--complaints", everything, "--calls", calls, *flags)
    complaint, call = RecordKind.COMPLAINT, RecordKind.CALL
    events = [
        (complaint, [*NEW[3:], *INNOCENT]),
        (call, CALLS[5:]),
        Tick(100, snapshot=False),
        (complaint, [*KNOWN[::-1], *NEW[:5], {"complaint_id": 7}]),  # late, repeated, poison
        (call, CALLS),
        Tick(110, snapshot=False),
        Tick(120, snapshot=True),
    ]
    output = tmp_path / "live"
    words = ["--kafka-servers", "b:1", "--kafka-complaints", "t", "--output", output, *flags]
    options = parse([*map(str, words), "--runner=FlinkRunner"])
    pipeline = beam.Pipeline(runner=BundleBasedDirectRunner())
    build(pipeline, engine_plan(options, Live(events)))
    pipeline.run().wait_until_finish()
    (snapshot,) = (output / "snapshots").iterdir()
    assert snapshot.name == "1970-01-01T00-02-00Z"
    assert files_of(snapshot) == files_of(tmp_path / "batch")
    assert told(alerts_in(output)) == {
        ("joined_cluster", "phone:+18665550105"),
        ("threshold", "phone:+18555550106"),
        ("several_orgs", "phone:+18445550107"),
    }
    assert len(list((output / "rejects").iterdir())) == 1
