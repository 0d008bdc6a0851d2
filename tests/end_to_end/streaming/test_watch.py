"""`ringtrace stream --watch` end to end: the batch run's clusters, whatever came when."""

import json
import random
import time
from contextlib import nullcontext
from pathlib import Path
from threading import Event, Thread

import pyarrow.dataset as ds
import pytest

from pipelines.streaming import watch
from pipelines.streaming.__main__ import main
from pipelines.streaming.watch_sources import WatchedFolder
from schemas.enums import EntityKind
from schemas.manifest import SIMULATED_NAME
from schemas.tables import (
    CAMPAIGNS,
    CLUSTERS,
    DECISIONS,
    ENTITIES,
    LINEAGE,
    LINKS,
    MEMBERS,
    REJECTS,
    SUPPLIERS,
    Table,
)
from tests.support.run_pipeline import (
    callbacks,
    complaint,
    inbox,
    jsonl,
    manifest_of,
    refusal_of,
    run,
    simulated,
    watch_once,
)

SNAPSHOT = (ENTITIES, LINKS, CLUSTERS, MEMBERS, SUPPLIERS, CAMPAIGNS, LINEAGE, DECISIONS)

UNRANKED = [table for table in SNAPSHOT if table is not CLUSTERS]
"""Tables that do not depend on the clock."""

FOR_EVER = ["--retention", *(f"{kind}=36500" for kind in EntityKind)]


def files_of(folder: Path, *tables: Table) -> dict[str, bytes]:
    """The bytes of a snapshot's tables, or of the same tables of a run."""
    paths = [path for table in tables or SNAPSHOT for path in (folder / table.name).iterdir()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(paths)}


def batch_like(snapshot: Path, output: Path, *flags: object) -> dict[str, bytes]:
    """The tables of the batch run at the clock of a snapshot."""
    clock = manifest_of(snapshot)["clock"]
    run(output, *flags, "--now", clock, "--overwrite")
    return files_of(output)


@pytest.fixture
def watched(tmp_path):
    return inbox(tmp_path / "in")


def test_restarts_order_and_duplicates_do_not_show_in_the_snapshot(watched, tmp_path):
    inputs = simulated(tmp_path / "world", seed=5, complaints=40, operations=3)
    (tmp_path / "world" / SIMULATED_NAME).unlink()  # a stream does not know
    whole = tmp_path / "batch"
    chance = random.Random(2)
    for kind in ("complaints", "calls"):
        paths = sorted((tmp_path / "world" / kind).iterdir())
        rows = [json.loads(line) for path in paths for line in path.read_text().splitlines()]
        chance.shuffle(rows)
        half = len(rows) // 2
        jsonl(watched / kind / "first.jsonl", rows[:half])
        jsonl(tmp_path / f"{kind}.jsonl", rows[half - 5 :])  # five of them a second time
    watch_once(watched, tmp_path / "out", *FOR_EVER)
    for kind in ("complaints", "calls"):
        (watched / kind / "first.jsonl").unlink()  # what was picked up is not needed any more
        (tmp_path / f"{kind}.jsonl").rename(watched / kind / "second.jsonl")
    last = watch_once(watched, tmp_path / "out", *FOR_EVER)
    manifest = manifest_of(last)
    assert manifest["tallies"]["live"]["duplicates"] >= 10
    again = watch_once(watched, tmp_path / "out", *FOR_EVER)  # nothing came
    assert files_of(again) == batch_like(again, whole, *inputs)
    assert files_of(again, *UNRANKED) == files_of(last, *UNRANKED)
    left = sorted(path.name for path in (tmp_path / "out" / "state").iterdir())
    assert left == ["000000000002.whole.state", "000000000003.part.state"]


def test_a_stream_goes_on_from_tick_to_tick(watched, tmp_path):
    number = {"raw": "(888) 555-0123", "role": "callback"}
    rows = [complaint(n, victim_id=f"v{n}", phone_numbers=[number]) for n in range(9)]
    output = tmp_path / "out"

    def feed():
        for part in range(3):
            while part and not list((output / "state").glob(f"{part:012d}.*")):
                time.sleep(0.05)
            jsonl(watched / "complaints" / f"{part}.jsonl", rows[3 * part : 3 * part + 3])

    feeding = Thread(target=feed)
    feeding.start()
    last = watch_once(watched, output, "--stop-after-idle", 5, "--snapshot-interval", 1)
    feeding.join()
    everything = jsonl(tmp_path / "all.jsonl", rows)
    assert len(list((output / "snapshots").iterdir())) >= 3
    assert files_of(last) == batch_like(last, tmp_path / "batch", "--complaints", everything)
    assert {path.name[:2] for path in (output / "alerts").iterdir()} == {"a-"}


def test_a_folder_that_takes_long_to_look_at_is_looked_at_less_often(
    watched, tmp_path, monkeypatch
):
    waits, poll = [], WatchedFolder.poll

    class Stopping(Event):
        def wait(self, timeout=None):
            waits.append(timeout)
            self.set()
            return True

    def slow(*words, **named):
        until = time.thread_time() + 0.3
        while time.thread_time() < until:
            pass
        return poll(*words, **named)

    monkeypatch.setattr(WatchedFolder, "poll", slow)
    monkeypatch.setattr(watch, "stop_on_signals", lambda: nullcontext(Stopping()))
    assert main(["--watch", str(watched), "--output", str(tmp_path / "out")]) == 0
    assert waits[0] >= 4 * 0.3


def test_a_folder_that_goes_away_is_said_and_read_on_when_it_is_back(watched, tmp_path, capsys):
    rows = [complaint(n) for n in range(4)]
    away, output = watched.with_name("away"), tmp_path / "out"

    def feed():
        jsonl(watched / "complaints" / "a.jsonl", rows[:2])
        while not list((output / "state").glob("000000000001.*")):
            time.sleep(0.05)
        watched.rename(away)
        jsonl(away / "complaints" / "b.jsonl", rows[2:])
        time.sleep(2)
        away.rename(watched)

    feeding = Thread(target=feed)
    feeding.start()
    last = watch_once(watched, output, "--stop-after-idle", 5)
    feeding.join()
    counts = manifest_of(last)["counts"]["complaints"]
    assert (counts["accepted"], counts["rejected"]) == (4, 0)
    printed = [line for line in capsys.readouterr().err.splitlines() if f"{watched}: is" in line]
    assert [line.partition(": is ")[2] for line in printed] == [
        "gone; nothing is read until it is back",
        "there again",
    ]


def test_poison_goes_to_rejects_once_and_the_rest_goes_on(watched, tmp_path):
    good = complaint(1, phone_numbers=callbacks("(888) 555-0123"))
    victim = complaint(2, phone_numbers=[{"raw": "+12025550147", "role": "victim"}])
    late = complaint(3, received_at="2079-01-01T00:00:00Z")
    path = jsonl(watched / "complaints" / "a.jsonl", [good, victim, late])
    with path.open("ab") as file:
        file.write(b'{"complaint_id": \xff}\n{"narrative": "call 202-555-0147", "x": \n')
    output = tmp_path / "out"
    last = watch_once(watched, output)
    rows = ds.dataset(output / "rejects", schema=REJECTS.schema).to_table().to_pylist()
    codes = {(row["position"], row["code"]) for row in rows}
    assert codes == {(3, "in_future"), (4, "bad_encoding"), (5, "broken_json")}
    assert "555-0147" not in repr(rows)  # another record says whose it is
    assert ds.dataset(last / "members").to_table()["entity_id"].to_pylist() == [
        "phone:+18885550123"
    ]
    (watched / "complaints" / "a.jsonl").touch()  # read again: nothing is there twice
    again = watch_once(watched, output)
    assert ds.dataset(output / "rejects").to_table().num_rows == 3
    assert files_of(again, *UNRANKED) == files_of(last, *UNRANKED)


def test_wrong_usage_is_one_line(watched, tmp_path):
    for words, message in (
        (["--watch", tmp_path, "--output", tmp_path / "o"], "has no folder complaints or calls"),
        (["--watch", watched, "--output", "gs://bucket/o"], "writes to a disk"),
    ):
        error = refusal_of(main, [*map(str, words)])
        assert message in error
