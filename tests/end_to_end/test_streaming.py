"""The whole stream on a runner that streams: TestStream in, snapshots and alerts out."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import apache_beam as beam
import pyarrow.dataset as ds
from apache_beam.metrics import MetricsFilter
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner

from pipelines.streaming.options import parse
from pipelines.streaming.pipeline import build
from pipelines.streaming.plan import (
    current_erasures,
    engine_plan,
    retention_days,
    tick_analysis,
    watch_plan,
)
from pipelines.streaming.watch_sources import WatchedFolder
from schemas.enums import RecordKind
from tests.end_to_end.streaming.test_alerts import (
    CALLS,
    INNOCENT,
    KNOWN,
    NEW,
    OLD,
    alerts_in,
    kinds_of,
    report,
)
from tests.end_to_end.streaming.test_watch import batch_like, files_of
from tests.support.queue_events import QueueEvents
from tests.support.run_pipeline import jsonl, run
from tests.support.script_texts import SCRIPT, own
from transforms.engine import NAMESPACE
from transforms.read.files import ReadOptions
from transforms.read.read_records import ReadShards
from transforms.stream import RunOnOneWorker
from transforms.stream.state import TICKS, KeepStateInMemory, LiveState, Tick

SCRIPTED = [
    report(100 + n, OLD["AB"[n % 2]][0], day=2 + n, narrative=f"{own(n)} {SCRIPT}")
    for n in range(6)
]
"""Two rings whose victims report one script."""


NOON = int(datetime(2026, 6, 1, 12, tzinfo=UTC).timestamp())


def counters(result):
    """Counts that are not 0, by the name of the counter."""
    counted = result.metrics().query(MetricsFilter().with_namespace(NAMESPACE))["counters"]
    totals = Counter()
    for counter in counted:
        totals[counter.key.metric.name] += counter.result
    return {name: count for name, count in totals.items() if count}


def test_late_and_repeated_records_live_give_the_batch_runs_clusters_and_alerts_once(tmp_path):
    run(tmp_path / "known", "--complaints", jsonl(tmp_path / "known.jsonl", KNOWN))
    everything = jsonl(tmp_path / "all.jsonl", [*KNOWN, *NEW, *INNOCENT, *SCRIPTED])
    calls = jsonl(tmp_path / "calls.jsonl", CALLS)
    flags = ["--previous", tmp_path / "known"]
    complaint, call = RecordKind.COMPLAINT, RecordKind.CALL
    events = [
        (complaint, [*NEW[3:], *INNOCENT, *SCRIPTED[:3]]),
        (call, CALLS[5:]),
        Tick(NOON, snapshot=False),
        (complaint, [*KNOWN[::-1], *NEW[:5], {"complaint_id": 7}]),  # late, repeated, poison
        (complaint, [*SCRIPTED[2:]]),
        (call, CALLS),
        Tick(NOON + 10, snapshot=False),
        Tick(NOON + 20, snapshot=True),
    ]
    output = tmp_path / "live"
    words = ["--kafka-servers", "b:1", "--kafka-complaints", "t", "--output", output, *flags]
    options = parse([*map(str, words), "--runner=FlinkRunner"])
    pipeline = beam.Pipeline(runner=BundleBasedDirectRunner())
    build(pipeline, engine_plan(options, QueueEvents(events)))
    pipeline.run().wait_until_finish()
    (snapshot,) = (output / "snapshots").iterdir()
    assert snapshot.name == "2026-06-01T12-00-20Z"
    inputs = ["--complaints", everything, "--calls", calls]
    assert files_of(snapshot) == batch_like(snapshot, tmp_path / "batch", *inputs, *flags)
    templates = ds.dataset(snapshot / "suppliers").to_table()["template"].to_pylist()
    assert templates == [SCRIPT.replace("1", "#")] * 2
    assert kinds_of(alerts_in(output)) == {
        ("joined_cluster", "phone:+18665550105"),
        ("threshold", "phone:+18555550106"),
        ("several_orgs", "phone:+18445550107"),
    }
    assert len(list((output / "rejects").iterdir())) == 1


@dataclass(eq=False)
class Files(beam.PTransform):
    """The records of a folder, and one tick."""

    folder: str

    def expand(self, begin):
        news = WatchedFolder(self.folder, ReadOptions()).poll({}, final=True)
        shards = begin | "Shards" >> beam.Create(list(news.shards), reshuffle=False)
        tick = begin | "Tick" >> beam.Create([Tick(100, snapshot=True)], reshuffle=False)
        return (shards | ReadShards(ReadOptions())) | {TICKS: tick}


def test_an_engine_shows_what_comes_and_what_is_raised(tmp_path):
    for name in ("complaints", "calls"):
        (tmp_path / name).mkdir()
    rows = [*KNOWN, *NEW, *NEW[3:5], {"complaint_id": 7}, *INNOCENT]
    jsonl(tmp_path / "complaints" / "a.jsonl", rows)
    jsonl(tmp_path / "calls" / "a.jsonl", CALLS)
    options = parse(["--watch", str(tmp_path), "--output", str(tmp_path / "out")])
    pipeline = beam.Pipeline(runner="FnApiRunner")
    keep = KeepStateInMemory(retention_days(options), LiveState())
    erasures = current_erasures(options)
    plan = watch_plan(options, Files(str(tmp_path)), keep, tick_analysis(options), erasures)
    # The runner takes minutes to fuse the steps of a tick; engines run a tick in one step, too.
    build(pipeline, replace(plan, analyze=RunOnOneWorker(plan.analyze)))
    result = pipeline.run()
    result.wait_until_finish()
    assert counters(result) == {
        "ticks": 1,
        "alerts_written": len(alerts_in(tmp_path / "out")),
        "complaints_read": len(rows),
        "complaints_accepted": len(rows) - 1,
        "complaints_rejected": 1,
        "calls_read": len(CALLS),
        "calls_accepted": len(CALLS),
        "duplicates": 2,
    }
