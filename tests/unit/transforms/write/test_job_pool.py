"""A report's files are the same wherever its jobs are done, and a failed job fails the run."""

import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import pytest

from tests.support.examples import LONG
from transforms.write import job_pool as module
from transforms.write.job_pool import JobError, ProcessPool, forking, local_job_pool
from transforms.write.parquet_files import write_local_file

pytestmark = pytest.mark.slow


def job(name, size, put):
    put(f"a/{name}", [b"x" * size, memoryview(b"y")])
    put(f"b/c/{name}", [])
    return name, os.getpid()


def failing(put):
    put("half", [b"victim"])
    raise ValueError("a victim's words")


def ending(put):
    os._exit(1)


def loaded(put):
    sys.stdout.write("what a library prints is no answer")
    return sorted({name.partition(".")[0] for name in sys.modules})


def jobs(count):
    return [partial(job, f"file-{n}", n * 1_000) for n in range(count)]


def done(folder, count, wanted, seconds=99.0):
    folder.mkdir(exist_ok=True)
    with local_job_pool(str(folder), count) as pool:
        answers = list(pool.run(wanted, seconds))
    return answers, pool.written


def below(folder):
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.fixture(params=[0, 2], ids=["another Python", "forks"])
def forks(request):
    """Workers are other Pythons, or as many forks."""
    with forking(request.param) if request.param else nullcontext():
        yield request.param


def test_any_number_of_processes_writes_the_same_in_the_same_order(tmp_path, forks):
    counts = (1, 2, 3) if forks or LONG else (1, 2)
    results = {}
    for count in counts:
        answers, written = done(tmp_path / str(count), count, jobs(7))
        assert [name for name, _ in answers] == [f"file-{n}" for n in range(7)]
        used = {process for _, process in answers}
        assert (used == {os.getpid()}) == (count == 1)
        assert len(used) <= count
        results[count] = written, below(tmp_path / str(count))
    assert all(results[count] == results[1] for count in counts)
    assert len(results[1][0]) == len(results[1][1]) == 14


def test_a_process_loads_no_beam_and_may_print(tmp_path):
    (answer,), _ = done(tmp_path / "r", 2, [loaded])
    assert "transforms" in answer
    assert "apache_beam" not in answer


FAILURES = [
    (failing, r"ValueError in test_job_pool\.py:\d+", 0),
    (failing, r"ValueError in test_job_pool\.py:\d+", 2),
    (ending, "ended early", 2),
    (ending, "ended early", 0),
]
"""A job, the error of the run, and how many forks there are; without, other Pythons."""


@pytest.mark.parametrize(("wanted", "message", "forks"), FAILURES if LONG else FAILURES[:3])
def test_a_job_that_fails_fails_the_run_and_says_nothing_of_its_data(
    tmp_path, wanted, message, forks
):
    others = children()  # a browser of other tests, for one
    with (
        forking(forks) if forks else nullcontext(),
        pytest.raises(JobError, match=message) as raised,
    ):
        done(tmp_path / "r", 2, [*jobs(2), wanted, *jobs(50)])
    assert "victim" not in str(raised.value)
    assert children() <= others


@pytest.mark.usefixtures("forks")
def test_jobs_that_cannot_be_made_leave_no_process(tmp_path):
    def broken():
        yield from jobs(2)
        raise KeyboardInterrupt

    others = children()
    with pytest.raises(KeyboardInterrupt):
        done(tmp_path / "r", 2, broken())
    assert children() <= others
    assert not list((tmp_path / "r").glob(".scratch-*"))


def test_where_no_process_can_be_had_jobs_are_done_here(tmp_path, monkeypatch):
    for python in ("/nowhere/python", "/bin/false"):
        monkeypatch.setattr(module.sys, "executable", python)
        answers, written = done(tmp_path / Path(python).name, 2, jobs(3))
        assert {process for _, process in answers} == {os.getpid()}
        assert len(written) == 6


def test_nothing_is_written_for_a_run_that_was_given_up(tmp_path):
    (tmp_path / "gone").mkdir()
    pool = ProcessPool(str(tmp_path / "gone"), "", 1)
    (tmp_path / "gone").rmdir()
    with pytest.raises(FileNotFoundError):
        list(pool.run(jobs(1), 0))
    assert not (tmp_path / "gone").exists()
    with pytest.raises(FileNotFoundError):
        write_local_file(str(tmp_path / "gone"), "a/b/c", [b"1"])
    assert not (tmp_path / "gone").exists()


SLEEPER = """
import signal, sys
from contextlib import nullcontext
from transforms.write.job_pool import forking, local_job_pool
from tests.unit.transforms.write.test_job_pool import waiting
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
forks = int(sys.argv[2])
with forking(forks) if forks else nullcontext(), local_job_pool(sys.argv[1], 2) as pool:
    for _ in pool.run([waiting] * 9, 99):
        pass
"""


def waiting(put):
    put(f"waits-{os.getpid()}", [b""])
    time.sleep(0.5)


ENDS = [
    (signal.SIGINT, 0),
    (signal.SIGKILL, 0),
    (signal.SIGINT, 2),
    (signal.SIGTERM, 2),
    (signal.SIGTERM, 0),
    (signal.SIGKILL, 2),
]
"""The ends of a run and its forks. Nothing catches a SIGTERM, so it acts as a SIGKILL."""


@pytest.mark.parametrize(("how", "forks"), ENDS if LONG else ENDS[:4])
def test_no_process_outlives_the_run(tmp_path, how, forks):
    path = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    run = subprocess.Popen(
        [sys.executable, "-c", SLEEPER, str(tmp_path), str(forks)],
        env=path,
        start_new_session=True,
        stderr=subprocess.DEVNULL,
    )
    soon = time.monotonic() + 60
    while len(list(tmp_path.glob("waits-*"))) < 2 and time.monotonic() < soon:
        time.sleep(0.05)
    workers = [int(path.name.removeprefix("waits-")) for path in tmp_path.glob("waits-*")]
    assert len(workers) == 2
    if how == signal.SIGINT:  # a Ctrl-C goes to all of them
        os.killpg(run.pid, how)
    else:
        run.send_signal(how)
    assert run.wait(30) != 0
    soon = time.monotonic() + 30
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < soon:
        time.sleep(0.05)
    assert not [pid for pid in workers if Path(f"/proc/{pid}").exists()]


def children():
    names = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == os.getpid() and fields[0] != "Z":
            names.add(stat.parent.name)
    return names
