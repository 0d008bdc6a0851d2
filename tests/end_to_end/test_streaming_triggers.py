"""Triggers of each alert, live: nothing one record short, raised at the next tick, and once."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.runners.direct.direct_runner import BundleBasedDirectRunner

from pipelines.streaming.options import parse
from pipelines.streaming.pipeline import build
from pipelines.streaming.plan import engine_plan
from schemas.enums import RecordKind
from tests.end_to_end.streaming.test_alerts import KNOWN, OLD, moment, report
from tests.support.queue_events import QueueEvents
from tests.support.run_pipeline import cluster_by_entity, jsonl, run
from transforms.stream.state import Tick

COMPLAINT = RecordKind.COMPLAINT

A, B = OLD["A"][0], OLD["B"][0]

NEW, OTHER = "(855) 555-0106", "(866) 555-0199"

SHARED, BURSTING, JOINING = "(844) 555-0108", "(833) 555-0109", "(866) 555-0110"

ENTITY = "phone:+18555550106"


@dataclass(eq=False)
class WriteRaised(beam.PTransform):
    """Writes down when which alert was raised."""

    path: str

    def expand(self, alerts):
        return alerts | beam.Map(write, self.path)


def write(alerts, path, timestamp=beam.DoFn.TimestampParam):
    with Path(path).open("a") as file:
        for row in alerts.to_pylist():
            second = timestamp.micros // 1_000_000
            file.write(json.dumps([second, row["kind"], row["entity_id"]]) + "\n")


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A batch run that knows two clusters."""
    folder = tmp_path_factory.mktemp("known")
    run(folder / "run", "--complaints", jsonl(folder / "known.jsonl", KNOWN))
    return folder / "run"


def raised_at(tmp_path, events, *flags):
    """(second of the tick, kind, identifier) of what a stream with its own state tells."""
    words = ["--kafka-servers", "b:1", "--kafka-complaints", "t", "--output", tmp_path / "out"]
    options = parse([*map(str, [*words, *flags]), "--runner=FlinkRunner"])
    path = tmp_path / "raised.jsonl"
    path.touch()
    plan = engine_plan(options, QueueEvents(list(events)))
    pipeline = beam.Pipeline(runner=BundleBasedDirectRunner())
    build(pipeline, replace(plan, sinks={**plan.sinks, "test": WriteRaised(str(path))}))
    pipeline.run().wait_until_finish()
    return [tuple(json.loads(line)) for line in path.read_text().splitlines()]


def ticks(*parts):
    """A tick after each part."""
    for number, rows in enumerate(parts, 1):
        yield COMPLAINT, rows
        yield Tick(10 * number, snapshot=False)


def raised_of_kind(kind, raised):
    return [(second, entity) for second, raised_kind, entity in raised if raised_kind == kind]


def numbered(first, callbacks, days, org="amazon"):
    return [report(first + n, *callbacks, day=day, org=org) for n, day in enumerate(days)]


RECORDS = {
    "threshold": numbered(100, [NEW], [9] * 5),
    "several_orgs": [*numbered(200, [SHARED], [9]), *numbered(300, [SHARED], [9], "microsoft")],
    "burst": [*numbered(400, [BURSTING], [1, 5]), *numbered(500, [BURSTING], [12] * 12)],
    "joined_cluster": numbered(600, [A, JOINING], [8] * 3),
}

LAST = {"threshold": 1, "several_orgs": 1, "burst": 9, "joined_cluster": 3}
"""Records of each kind that come with the second tick."""


def test_a_number_is_raised_at_the_tick_after_its_last_record_and_at_no_other(known, tmp_path):
    before = [row for kind, rows in RECORDS.items() for row in rows[: -LAST[kind]]]
    whole = [row for rows in RECORDS.values() for row in rows]
    raised = raised_at(tmp_path, ticks([*KNOWN, *before], whole, whole), "--previous", known)
    assert sorted(raised_of_kind("threshold", raised)) == [(20, "phone:+18335550109"), (20, ENTITY)]
    assert raised_of_kind("several_orgs", raised) == [(20, "phone:+18445550108")]
    assert raised_of_kind("burst", raised) == [(20, "phone:+18335550109")]
    assert raised_of_kind("joined_cluster", raised) == [(20, "phone:+18665550110")]
    assert len(set(raised)) == len(raised)


def test_clusters_that_merge_and_a_referred_one_that_wakes_are_raised_once(known, tmp_path):
    before = cluster_by_entity(known)
    (tmp_path / "referred.csv").write_text(
        f"cluster_id,referred_at\n{before['phone:+18885550101']},{moment(7)}\n"
    )
    across = numbered(100, [*OLD["A"], *OLD["B"]], [8] * 12)
    flags = ["--previous", known, "--referred", tmp_path / "referred.csv"]
    raised = raised_at(tmp_path, ticks(KNOWN, across, across), *flags)
    assert [second for second, _ in raised_of_kind("clusters_merge", raised)] == [20]
    assert [second for second, _ in raised_of_kind("referred_awake", raised)] == [20]


def test_late_records_count_by_their_own_time(tmp_path):
    newer = numbered(300, ["(844) 555-0107"], [20])
    in_time, too_old = numbered(100, [NEW], [9] * 5), numbered(400, [OTHER], [2] * 5)
    raised = raised_at(tmp_path, ticks([*newer, *in_time[:4]], [in_time[4]], too_old))
    assert raised_of_kind("threshold", raised) == [
        (20, ENTITY)
    ]  # OTHER was over when it came: no news
