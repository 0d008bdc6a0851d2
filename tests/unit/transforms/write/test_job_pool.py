"""A report's files are the same wherever its jobs are done, and a failed job fails the run."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from transforms.write import job_pool
from transforms.write.job_pool import JobError, local_job_pool


def job(name, size, put):
    put(f"a/{name}", [b"x" * size, memoryview(b"y")])
    put(f"b/c/{name}", [])
    return name, os.getpid()


def failing(put):
    put("half", [b"victim"])
    raise ValueError("a victim's words")


def ending(put):
    os._exit(1)


def hanging(put):
    time.sleep(600)


def jobs(count):
    return [partial(job, f"file-{n}", n * 1_000) for n in range(count)]


def done(folder, count, wanted):
    folder.mkdir(exist_ok=True)
    with local_job_pool(str(folder), count) as pool:
        answers = list(pool.run(wanted, 99.0))
    return answers, pool.written


def below(folder):
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_any_number_of_processes_writes_the_same_in_the_same_order(tmp_path):
    results = []
    for count in (1, 3):
        answers, written = done(tmp_path / str(count), count, jobs(7))
        assert [name for name, _ in answers] == [f"file-{n}" for n in range(7)]
        used = {process for _, process in answers}
        assert (used == {os.getpid()}) == (count == 1)
        assert len(used) <= count
        results.append((written, below(tmp_path / str(count))))
    assert results[0] == results[1]
    assert len(results[0][0]) == len(results[0][1]) == 14


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (failing, r"ValueError in test_job_pool\.py:\d+"),
        (ending, "ended early"),
        (hanging, "hangs"),
    ],
)
def test_a_job_that_fails_fails_the_run_and_says_nothing_of_its_data(
    tmp_path, monkeypatch, wanted, message
):
    monkeypatch.setattr(job_pool, "ANSWER_SECONDS", 3.0)
    with pytest.raises(JobError, match=message) as raised:
        done(tmp_path / "r", 2, [*jobs(2), wanted, *jobs(50)])
    assert "victim" not in str(raised.value)
    assert not multiprocessing.active_children()


def test_jobs_that_cannot_be_made_leave_no_process(tmp_path):
    def broken():
        yield from jobs(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        done(tmp_path / "r", 2, broken())
    assert not multiprocessing.active_children()
    assert not list((tmp_path / "r").glob(".scratch-*"))


def test_nothing_is_written_for_a_run_that_was_given_up(tmp_path):
    with local_job_pool(str(tmp_path), 1) as pool:
        gone = tmp_path / "gone"
        pool.write = partial(pool.write.func, str(gone))
        with pytest.raises(FileNotFoundError):
            list(pool.run(jobs(1), 0))
    assert not gone.exists()


SLEEPER = """
import signal, sys
from transforms.write.job_pool import local_job_pool
from tests.unit.transforms.write.test_job_pool import waiting
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
with local_job_pool(sys.argv[1], 2) as pool:
    for _ in pool.run([waiting] * 9, 99):
        pass
"""


def waiting(put):
    put(f"waits-{os.getpid()}", [b""])
    time.sleep(0.5)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_the_run(tmp_path, how):
    run = subprocess.Popen(
        [sys.executable, "-c", SLEEPER, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
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
