"""Parity: whatever came when, how often and beside what, the last snapshot is the batch run."""

import random
from datetime import UTC, datetime, timedelta

import apache_beam as beam
import pyarrow.dataset as ds
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.stream_options import parse
from pipelines.stream_plan import days, make_plan, next_tick, reading
from pipelines.streaming import build
from pipelines.watch.folder import Folder
from pipelines.watch.source import OneTick
from tests.pipelines.running import complaint, jsonl, run
from tests.pipelines.watch.test_alerts import CALLS, INNOCENT, KNOWN, NEW, report
from tests.pipelines.watch.test_watch import files_of
from transforms.live.expiry import DAYS, longest
from transforms.live.keep_on_disk import KeepOnDisk, read_state
from transforms.live.ticks import Tick

VERSIONS = [
    report(1, "(844) 555-0107", day=7),  # an older version of KNOWN's c1 and of NEW's c40 ...
    report(40, "(888) 555-0101", day=2),
    report(60, "(888) 555-0102", day=20),  # ... and a newer one of a caller id's
    complaint(90, received_at="never"),
]
START = datetime(2024, 1, 1, tzinfo=UTC)
MANY = 96
"""Records of a step: some for every partition."""
ROWS = [*KNOWN, *NEW, *INNOCENT, *VERSIONS]


def ticks_over(parts, output):
    """A tick of the watched stream over each part, and the folder of the last one's snapshot."""
    output.mkdir()
    options = parse(["--watch", str(output / "in"), "--output", str(output)])
    plan, before = None, str(output / "none")
    for second, (complaints, calls) in enumerate(parts, 1):
        watched, state = output / f"in{second}", output / f"state{second}"
        for folder in (watched / "complaints", watched / "calls", state):
            folder.mkdir(parents=True)
        jsonl(watched / "complaints" / "a.jsonl", complaints)
        jsonl(watched / "calls" / "a.jsonl", calls)
        news = Folder(str(watched), reading(options)).look({}, final=True)
        source = OneTick(news, reading(options), Tick(second, snapshot=second == len(parts)))
        keep = KeepOnDisk(days(options), before, str(state))
        plan = next_tick(plan, source, keep) if plan else make_plan(options, source, keep)
        pipeline = beam.Pipeline(runner="FnApiRunner")
        build(pipeline, plan)
        pipeline.run().wait_until_finish()
        before = str(state)
    (snapshot,) = (output / "snapshots").iterdir()
    return snapshot


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    """The files of the batch run."""
    folder = tmp_path_factory.mktemp("batch")
    complaints, calls = jsonl(folder / "c.jsonl", ROWS), jsonl(folder / "k.jsonl", CALLS)
    run(folder / "run", "--complaints", complaints, "--calls", calls)
    return files_of(folder / "run")


@settings(
    max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.randoms(use_true_random=False), st.integers(1, 3))
def test_any_order_lateness_duplication_and_batching_ends_in_the_batch_runs_clusters(
    batch, tmp_path_factory, chance: random.Random, count
):
    parts = [([], []) for _ in range(count)]
    for place, rows in enumerate((ROWS, CALLS)):
        coming = rows + chance.choices(rows, k=chance.randint(0, 10))
        chance.shuffle(coming)
        for row in coming:
            chance.choice(parts)[place].append(row)
    snapshot = ticks_over(parts, tmp_path_factory.mktemp("stream") / "out")
    assert files_of(snapshot) == batch


def test_what_is_older_than_its_life_is_in_no_snapshot_and_leaves_the_state(tmp_path):
    half = longest(DAYS) // 2
    steps = [[named_on(step * half, step, n) for n in range(MANY)] for step in range(5)]
    last = ticks_over([(rows, []) for rows in steps], tmp_path / "out")
    sizes = [
        sum(block.records.num_rows for _, (block, _) in read_state(str(path)))
        for path in sorted((tmp_path / "out").glob("state*"))
    ]
    assert sizes[:3] == [MANY, 2 * MANY, 3 * MANY]
    assert max(sizes) < 4 * MANY  # a partition forgets when something new comes to it
    named = ds.dataset(last / "entities").to_table()["entity_id"].to_pylist()
    assert {one[11:14] for one in named} == {"202", "203", "204"}


def named_on(day, step, number):
    """A complaint that names a number of its own."""
    return complaint(
        1000 * step + number,
        received_at=(START + timedelta(days=day)).isoformat(),
        phone_numbers=[{"raw": f"+188820{step}{number:04d}", "role": "callback"}],
    )
