"""Parity: in any order and with any repeats of records, the last snapshot equals the batch run."""

import json
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from typing import Any

import apache_beam as beam
import pyarrow.dataset as ds
import pytest

from pipelines.progress import Progress
from pipelines.streaming.options import parse
from pipelines.streaming.state_folder import StreamState
from pipelines.streaming.watch import Watch
from pipelines.streaming.watch_sources import WatchedFolder
from schemas.manifest import SIMULATED_NAME
from tests.end_to_end.streaming.test_alerts import CALLS, INNOCENT, KNOWN, NEW, report
from tests.end_to_end.streaming.test_watch import FOR_EVER, files_of
from tests.support.examples import LONG, some
from tests.support.run_pipeline import NOW, callbacks, complaint, inbox, jsonl, run, simulated
from transforms.read.files import ReadOptions
from transforms.stream.state import RETENTION_DAYS, longest_retention
from transforms.values import shipped_source_rules

VERSIONS = [
    report(1, "(844) 555-0107", day=7),  # an older version of KNOWN's c1 and of NEW's c40 ...
    report(40, "(888) 555-0101", day=2),
    report(60, "(888) 555-0102", day=20),  # ... and a newer one of a caller id's
    complaint(90, received_at="never"),
]

START = datetime(2024, 1, 1, tzinfo=UTC)

MANY = 6
"""Records of a step: more than a generation of the state has."""

ROWS = [*KNOWN, *NEW, *INNOCENT, *VERSIONS]


def ticks_over(parts, output, *flags, restarts=2):
    """A tick of a stream over each part: the last one's snapshot, and the records alive at each.

    Each so many ticks it `restarts`. The last is at `NOW`, the clock of the batch runs.
    """
    last = datetime.fromisoformat(NOW).timestamp()
    watched = inbox(output / "in")
    options = parse(["--watch", str(watched), "--output", str(output / "out"), *flags])
    positions, sizes, stream, now = {}, [], None, [last]
    for number, (complaints, calls) in enumerate(parts, 1):
        jsonl(watched / "complaints" / f"{number}.jsonl", complaints)
        jsonl(watched / "calls" / f"{number}.jsonl", calls)
        if (number - 1) % restarts == 0:
            stream = Watch(options, Progress(StringIO()), clock=lambda: now[0])
        now[0] = last - len(parts) + number
        news = WatchedFolder(str(watched), ReadOptions()).poll(positions, final=True)
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("transforms.stream.state.GENERATION_RECORDS", 5)
            stream.tick(news, snapshot=number == len(parts))
        positions = news.positions
        state = StreamState(str(output / "out"), RETENTION_DAYS, shipped_source_rules())
        sizes.append(state.alive.settled(RETENTION_DAYS).records.num_rows)
    (snapshot,) = (output / "out" / "snapshots").iterdir()
    return snapshot, sizes


@pytest.fixture(scope="module")
def batch(tmp_path_factory):
    """The files of the batch run."""
    folder = tmp_path_factory.mktemp("batch")
    complaints, calls = jsonl(folder / "c.jsonl", ROWS), jsonl(folder / "k.jsonl", CALLS)
    run(folder / "run", "--complaints", complaints, "--calls", calls)
    return files_of(folder / "run")


CASES = [(0, 4), *([(1, 6), (2, 6), (3, 2), (4, 3)] if LONG else [])]
"""Seeds, each with the number of ticks."""


def scattered(chance, kinds, count, again):
    """Complaints and calls of each of `count` ticks: in any order, `again` of each kind twice."""
    parts = [([], []) for _ in range(count)]
    for place, rows in enumerate(kinds):
        coming = rows + chance.choices(rows, k=again)
        chance.shuffle(coming)
        for row in coming:
            chance.choice(parts)[place].append(row)
    return parts


@pytest.mark.parametrize(("seed", "count"), CASES)
def test_any_order_duplication_batching_and_restarts_end_in_the_batch_run_and_the_same_alerts(
    batch, tmp_path, seed, count
):
    parts, raised = scattered(random.Random(seed), (ROWS, CALLS), count, again=6), []
    for restarts in (1, count):
        output = tmp_path / str(restarts)
        snapshot, _ = ticks_over(parts, output, restarts=restarts)
        assert files_of(snapshot) == batch
        raised.append({path.name: path.read_bytes() for path in (output / "out/alerts").iterdir()})
    assert len(raised[0]) > 1
    assert raised[0] == raised[1]


@dataclass(eq=False)
class NoScripts(beam.PTransform):
    """In place of `Scripts`: nothing is compared."""

    start: Any

    def expand(self, complaints):
        return complaints | beam.FlatMap(lambda _: ())


TIPPED = some([5, 7])
"""Seeds of worlds in which scripts tip ties."""


@pytest.fixture(scope="module", params=TIPPED)
def tipped(request, tmp_path_factory):
    """The rows of a world, and its batch run's files: others than those without scripts."""
    folder = tmp_path_factory.mktemp("tipped")
    flags = simulated(folder / "world", seed=request.param, complaints=110, operations=4)
    (folder / "world" / SIMULATED_NAME).unlink()  # a stream does not know
    paths = [folder / "world" / kind for kind in ("complaints", "calls")]
    run(folder / "run", *flags)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("pipelines.wiring.Scripts", NoScripts)
        run(folder / "without", *flags)
    whole, without = (files_of(folder / name) for name in ("run", "without"))
    named = [name for name in whole if name.startswith(("members/", "clusters/"))]
    assert all(whole[name] != without.get(name) for name in named)
    templates = ds.dataset(folder / "run" / "suppliers").to_table()["template"]
    assert templates.null_count < len(templates)
    assert ds.dataset(folder / "run" / "campaigns").count_rows()
    rows = [
        [json.loads(line) for path in path.iterdir() for line in path.read_bytes().splitlines()]
        for path in paths
    ]
    return rows, whole


@pytest.mark.parametrize(("seed", "count"), [(0, 3), *([(1, 2), (2, 4)] if LONG else [])])
def test_where_scripts_tip_ties_any_order_duplication_and_batching_is_the_batch_run(
    tipped, tmp_path, seed, count
):
    chance, ((complaints, calls), whole) = random.Random(seed), tipped
    older = [older_version(row) for row in chance.choices(complaints, k=3)]
    parts = scattered(chance, (complaints + older, calls), count, again=10)
    snapshot, _ = ticks_over(parts, tmp_path, *FOR_EVER)
    assert files_of(snapshot) == whole


def older_version(row):
    """The same complaint as it was before it was mended, with more of a script."""
    before = datetime.fromisoformat(row["received_at"]) - timedelta(seconds=1)
    return row | {"received_at": before.isoformat(), "narrative": 2 * (row.get("narrative") or "")}


def test_what_is_older_than_its_life_is_in_no_snapshot_and_leaves_the_state(tmp_path):
    half = longest_retention(RETENTION_DAYS) // 2
    steps = [[named_on(step * half, step, n) for n in range(MANY)] for step in range(4)]
    last, sizes = ticks_over([(rows, []) for rows in steps], tmp_path)
    assert sizes == [MANY, 2 * MANY, 3 * MANY, 3 * MANY]
    named = ds.dataset(last / "entities").to_table()["entity_id"].to_pylist()
    assert {name[11:14] for name in named} == {"201", "202", "203"}


def named_on(day, step, number):
    """A complaint that names a number of its own."""
    return complaint(
        1000 * step + number,
        received_at=(START + timedelta(days=day)).isoformat(),
        phone_numbers=callbacks(f"+188820{step}{number:04d}"),
    )
