"""A run from outside: wrong usage is one line, failures tell no data, kills leave no half run."""

import fcntl
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from pipelines import run_folder
from pipelines.batch.__main__ import main
from pipelines.options import UsageError
from tests.support.examples import some
from tests.support.real_data import ROOT
from tests.support.run_pipeline import (
    checked_manifest,
    complaint,
    jsonl,
    refusal_naming,
    refusal_of,
    run,
)

SECRET = "+12024561414"


@pytest.fixture
def reports(tmp_path):
    numbers = [{"raw": "+18882223344", "role": "callback"}, {"raw": SECRET, "role": "victim"}]
    rows = [complaint(n, phone_numbers=numbers, narrative=f"my secret {n}") for n in range(3)]
    return jsonl(tmp_path / "reports.jsonl", rows)


def test_wrong_usage_is_one_line_and_writes_nothing(tmp_path, reports):
    words = ["--complaints", reports, "--output", tmp_path / "run"]
    refusal_naming(["batch", *words, "--runner=DataflowRunner"], "Beam options")
    assert [path.name for path in tmp_path.iterdir()] == ["reports.jsonl"]


@pytest.mark.parametrize("option", ["--output", "--private-output"])
def test_a_store_that_cannot_be_reached_is_one_line(tmp_path, reports, option, monkeypatch):
    def refuse(_):
        raise ValueError("Must provide one of client or options")

    monkeypatch.setattr(run_folder.FileSystems, "exists", refuse)
    words = ["--complaints", reports, "--output", tmp_path / "run", option, "s3://bucket/run"]
    printed = refusal_of(main, [str(word) for word in words])
    assert "cannot be looked at (Must provide" in printed
    assert not (tmp_path / "run").exists()


def test_an_output_that_holds_something_is_kept(tmp_path, reports):
    output = tmp_path / "run"
    output.mkdir()
    (output / "thesis.txt").write_text("mine")
    for flags in ([], ["--overwrite"]):
        refusal_naming(
            ["batch", "--complaints", reports, "--output", output, *flags], "is not a run"
        )
    assert [path.name for path in output.iterdir()] == ["thesis.txt"]


def test_a_run_is_replaced_only_with_overwrite(tmp_path, reports):
    output = tmp_path / "run"
    first = run(output, "--complaints", reports)
    refusal_naming(["batch", "--complaints", reports, "--output", output], "--overwrite")
    assert checked_manifest(output) == first
    more = jsonl(tmp_path / "more.jsonl", [complaint(9)])
    second = run(output, "--complaints", reports, more, "--overwrite")
    assert (first["counts"]["complaints"]["read"], second["counts"]["complaints"]["read"]) == (3, 4)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "more.jsonl",
        "reports.jsonl",
        "run",
    ]


def test_an_empty_folder_and_nothing_to_read_make_a_whole_run(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "empty.jsonl").touch()
    manifest = run(tmp_path / "run", "--complaints", tmp_path / "empty.jsonl")
    assert manifest["counts"]["complaints"] == dict.fromkeys(
        ("accepted", "duplicates", "read", "rejected"), 0
    )
    assert all(line["rows"] == 0 for line in manifest["outputs"])


def test_two_runs_do_not_write_to_one_output(tmp_path, reports):
    output = tmp_path / "run"
    with (tmp_path / ".run.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        words = ["batch", "--complaints", reports, "--output", output]
        refusal_naming(words, "another process is writing there; wait for it, or end it")
    assert not output.exists()


def test_a_lock_that_was_taken_away_is_no_lock(tmp_path, monkeypatch):
    lock = tmp_path / ".run.lock"
    flock = fcntl.flock

    def late(file, how):
        lock.unlink()
        flock(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with (
        pytest.raises(UsageError, match="is writing there"),
        run_folder.lock_output(str(tmp_path / "run")),
    ):
        pass


POISON = """
import sys
from pipelines import cli
from pipelines.batch import pipeline

def poisoned(rows):
    raise ValueError(f"cannot read {rows.to_pylist()}")

pipeline.redact_mentions = lambda rows, own: poisoned(rows)
sys.exit(cli.main(["batch", *sys.argv[1:]]))
"""


SLOW = """
import signal, sys, time
signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup ignores it
from pipelines import cli
from transforms.write import publish

sign = publish.build_private_manifest
publish.build_private_manifest = lambda *words: [time.sleep(60), sign(*words)][1]
sys.exit(cli.main(["batch", *sys.argv[1:]]))
"""


@pytest.mark.parametrize(
    "flags",
    [
        (),
        pytest.param(
            ("--direct_num_workers=2", "--direct_running_mode=multi_processing"),
            marks=pytest.mark.long,
        ),
    ],
)
def test_a_failure_tells_where_and_no_data(tmp_path, reports, flags):
    words = ["--complaints", reports, "--output", tmp_path / "run", *flags]
    done = subprocess.run(
        [sys.executable, "-c", POISON, *map(str, words)],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    printed = done.stdout + done.stderr
    assert "ringtrace: failed: " in printed
    assert not any(word in printed for word in ("8882223344", "2024561414", "secret", "Traceback"))
    assert [path.name for path in tmp_path.iterdir()] == ["reports.jsonl"]


def killed_at(seconds, output, *flags):
    words = [sys.executable, "-m", "pipelines.cli", "batch", "--output", output, *flags]
    process = subprocess.Popen(
        list(map(str, words)), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()


@pytest.mark.parametrize("how", some([signal.SIGTERM, signal.SIGHUP]))
def test_a_run_that_a_scheduler_stops_leaves_nothing(tmp_path, reports, how):
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, "--complaints", reports, "--output", tmp_path / "run"],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not any(tmp_path.glob(".run.staging-*/complaints/*")) and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(how)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == 1
    assert printed.splitlines()[-1] == "ringtrace: stopped"
    assert [path.name for path in tmp_path.iterdir()] == ["reports.jsonl"]


def test_a_run_removes_what_a_killed_one_to_another_output_left(tmp_path, reports):
    for name in ("killed", "running", "foreign"):
        (tmp_path / f".{name}.staging-1" / "private").mkdir(parents=True)
    (tmp_path / ".killed.lock").touch()
    with (tmp_path / ".running.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run(tmp_path / "run", "--complaints", reports)
    left = {path.name for path in tmp_path.iterdir()} - {"reports.jsonl", "run"}
    assert left == {".running.staging-1", ".running.lock", ".foreign.staging-1"}


def test_what_others_put_beside_an_output_changes_nothing_and_holds_nothing_up(tmp_path, reports):
    odd = ("", ".", "..", "linked", "pipe")
    for name in odd:
        (tmp_path / f".{name}.staging-1").mkdir()
    for name in odd[:3]:
        (tmp_path / f".{name}.lock").touch()
    (tmp_path / "kept").write_text("not of ringtrace")
    (tmp_path / ".linked.lock").symlink_to("kept")
    os.mkfifo(tmp_path / ".pipe.lock")
    before = {path.name for path in tmp_path.iterdir()}
    run(tmp_path / "run", "--complaints", reports)
    assert {path.name for path in tmp_path.iterdir()} == before | {"run"}
    assert (tmp_path / "kept").read_text() == "not of ringtrace"


def test_kill_9_at_any_moment_leaves_a_whole_run_or_none(tmp_path, reports):
    output = tmp_path / "run"
    flags = ["--complaints", reports]
    moments = random.Random()
    for _ in range(2):
        killed_at(moments.uniform(0.8, 2.6), output, *flags)
        if output.exists():
            checked_manifest(output)
    first = run(output, *flags, "--overwrite")
    names = ["reports.jsonl", "run"]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    for _ in range(2):
        killed_at(moments.uniform(0.8, 2.6), output, *flags, "--overwrite", "--shards", "2")
        assert checked_manifest(output)["run_id"]
    assert run(output, *flags, "--overwrite") == first
    assert sorted(path.name for path in tmp_path.iterdir()) == names
