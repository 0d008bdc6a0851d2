"""A local run is shared among forks: the same comes out, and failures are those of one process."""

import os
import signal
import threading
import time
from ast import literal_eval
from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.utils.thread_pool_executor import UnboundedThreadPoolExecutor

from pipelines import runner
from pipelines.batch.options import parse
from pipelines.batch.pipeline import build
from pipelines.batch.plan import make_plan
from pipelines.options import LOCAL_RUNNER, UsageError
from tests.support.run_pipeline import complaint, jsonl
from transforms.local import executor, forks

pytestmark = pytest.mark.slow

COUNT = 64


class Written(beam.DoFn):
    """Writes lines to a new file."""

    def __init__(self, path):
        self.path = path

    def setup(self):
        Path(self.path).write_text("")

    def process(self, line):
        with Path(self.path).open("a") as file:
            file.write(f"{line}\n")


@pytest.fixture(autouse=True)
def share_all(monkeypatch):
    """Shares all work, whatever threads a test before left waiting in this process."""
    monkeypatch.setattr(executor, "LEAST_SECONDS", 0)
    every, before = threading.enumerate, set(threading.enumerate())
    monkeypatch.setattr(
        threading, "enumerate", lambda: [process for process in every() if process not in before]
    )


def run(tmp_path, work, processes=3):
    """Runs `work` on numbers that were grouped; returns what came out, a line each."""
    flags = ["--runner=FnApiRunner", f"--direct_num_workers={processes}"]
    with runner.make_pipeline(flags) as pipeline:
        weight = beam.pvalue.AsSingleton(pipeline | "Weight" >> beam.Create([2]))
        _ = (
            pipeline
            | beam.Create([(number % 32, number) for number in range(COUNT)], reshuffle=False)
            | beam.GroupByKey()
            | "Work" >> beam.FlatMap(work, weight)
            | "Together" >> beam.GroupByKey()
            | beam.Map(lambda keyed: f"{keyed[0]} {sorted(keyed[1])}")
            | beam.ParDo(Written(str(tmp_path / "found")))
        )
    return sorted((tmp_path / "found").read_text().splitlines())


def weighed(keyed, weight):
    key, numbers = keyed
    yield from ((key % 4, weight * number) for number in numbers)


def by_process(keyed, weight):
    yield os.getpid(), keyed[0]


def children():
    return {int(pid) for pid in open("/proc/thread-self/children").read().split()}  # noqa: PTH123


def test_what_comes_out_does_not_depend_on_the_forks(tmp_path):
    before = children()
    results = [run(tmp_path, weighed, processes) for processes in (1, 2, 3)]
    assert results[0] == results[1] == results[2]
    assert len(results[0]) == 4
    assert children() == before


def test_each_process_does_a_share(tmp_path):
    lines = run(tmp_path, by_process)
    done = {int(line.split()[0]): line.count(",") + 1 for line in lines}
    assert len(done) == 3
    assert done.pop(os.getpid()) in range(10, 16)  # the first part, and a share
    assert sum(done.values()) in range(16, 23)
    assert run(tmp_path, by_process, 1) == [f"{os.getpid()} {list(range(32))}"]


def test_a_count_below_none_is_refused():
    with pytest.raises(UsageError, match="--direct_num_workers -3: give 1 or more"):
        runner.make_pipeline(
            [
                f"--runner={LOCAL_RUNNER}",
                "--direct_running_mode=in_memory",
                "--direct_num_workers=-3",
            ]
        )


def test_little_work_is_not_shared(tmp_path, monkeypatch):
    monkeypatch.setattr(executor, "LEAST_SECONDS", 60)
    (line,) = run(tmp_path, by_process)
    assert line.startswith(f"{os.getpid()} ")


def test_nothing_forks_beside_threads_of_a_grpc_server(tmp_path):
    pool = UnboundedThreadPoolExecutor()
    pool.submit(int).result()
    (line,) = run(tmp_path, by_process)
    pool.shutdown()
    assert line.startswith(f"{os.getpid()} ")
    assert len(run(tmp_path, by_process)) == 3


def test_what_fails_in_a_fork_fails_here(tmp_path):
    here, before = os.getpid(), children()

    def failing(keyed, weight):
        if keyed[0] == 31:
            raise ValueError(f"in {os.getpid()}")
        yield keyed[0] % 4, 1

    with pytest.raises(ValueError, match=f"in {here}"):
        run(tmp_path, failing)
    assert children() == before


def test_the_share_of_a_fork_that_is_killed_is_done_here(tmp_path):
    here = os.getpid()

    def killed(keyed, weight):
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        yield from weighed(keyed, weight)

    assert run(tmp_path, killed) == run(tmp_path, weighed, 1)


def test_the_share_of_a_fork_that_hangs_is_done_here(tmp_path, monkeypatch):
    monkeypatch.setattr(forks, "LEAST_PATIENCE", 1.0)
    monkeypatch.setattr(forks, "PATIENCE", 0.0)
    here, before = os.getpid(), children()

    def hanging(keyed, weight):
        if os.getpid() != here:
            signal.pause()
        yield from weighed(keyed, weight)

    assert run(tmp_path, hanging) == run(tmp_path, weighed, 1)
    assert children() == before


def test_no_fork_outlives_a_run_that_fails(tmp_path):
    here, before = os.getpid(), children()

    def slow(keyed, weight):
        if os.getpid() != here:
            time.sleep(60)
        elif keyed[0] not in (0, 1, 2):
            raise ValueError("here")
        yield keyed[0], 1

    begun = time.monotonic()
    with pytest.raises(ValueError, match="here"):
        run(tmp_path, slow)
    assert time.monotonic() - begun < 30
    assert children() == before


def two_groups(pipeline, rows):
    """Groups of rows by their first value, twice: for here, and for a step beside it."""
    return [
        pipeline
        | f"Make {name}" >> beam.Create(rows, reshuffle=False)
        | f"Group {name}" >> beam.GroupByKey()
        for name in ("here", "apart")
    ]


def run_beside(tmp_path, apart, monkeypatch, own=lambda _: ("here", os.getpid())):
    """Runs `apart` on groups, in a fork, while `own` works on others; returns what came out."""
    monkeypatch.setattr(executor, "LEAST_SECONDS", 60)
    monkeypatch.setattr(runner, "BESIDE_OTHERS", ("Apart",))
    monkeypatch.setattr(executor, "BESIDE_SECONDS", 0)
    with runner.make_pipeline(["--runner=FnApiRunner", "--direct_num_workers=2"]) as pipeline:
        here, there = two_groups(pipeline, [("apart", number) for number in range(4)])
        done = here | "Here" >> beam.Map(own), there | "Apart" >> beam.Map(apart)
        _ = done | beam.Flatten() | beam.Map(str) | beam.ParDo(Written(str(tmp_path / "found")))
    return sorted((tmp_path / "found").read_text().splitlines())


def test_a_step_that_waits_for_no_other_runs_in_a_fork(tmp_path, monkeypatch):
    here, before = os.getpid(), children()
    apart, own = run_beside(tmp_path, lambda keyed: (keyed[0], os.getpid()), monkeypatch)
    assert own == str(("here", here))
    assert apart != str(("apart", here))
    assert children() == before


def test_what_a_fork_fails_on_beside_others_is_done_here(tmp_path, monkeypatch):
    here, before = os.getpid(), children()

    def killed(keyed):
        if os.getpid() != here:
            os.kill(os.getpid(), signal.SIGKILL)
        return keyed[0], sorted(keyed[1])

    assert run_beside(tmp_path, killed, monkeypatch)[0] == str(("apart", [0, 1, 2, 3]))

    def failing(keyed):
        raise ValueError(f"in {os.getpid()}")

    with pytest.raises(ValueError, match=f"in {here}"):
        run_beside(tmp_path, failing, monkeypatch)
    assert children() == before


def test_what_a_fork_made_that_is_killed_in_its_answer_is_made_here(tmp_path, monkeypatch):
    """As where memory runs out: the answer is more than a pipe takes, and breaks off."""
    here, before = os.getpid(), children()

    def kill(keyed):
        time.sleep(1)  # until the fork waits for somebody to read on
        for fork in children() - before:
            os.kill(fork, signal.SIGKILL)
        return "here", here

    def made(keyed):
        return keyed[0], "x" * (1 if os.getpid() == here else 1 << 20)

    assert run_beside(tmp_path, made, monkeypatch, kill)[0] == str(("apart", "x"))
    assert children() == before


def test_a_fork_that_is_busy_leaves_its_processor_to_nobody_else(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "BESIDE_OTHERS", ("Apart",))
    monkeypatch.setattr(executor, "BESIDE_SECONDS", 0)

    def pids(seconds):
        with runner.make_pipeline(["--runner=FnApiRunner", "--direct_num_workers=2"]) as pipeline:
            here, apart = two_groups(pipeline, [(number, number) for number in range(32)])
            _ = (
                here
                | "Here" >> beam.Map(lambda _: str(os.getpid()))
                | beam.ParDo(Written(str(tmp_path / "pids")))
            )
            _ = apart | "Apart" >> beam.Map(
                lambda keyed: time.sleep(seconds if not keyed[0] else 0)
            )
        return set((tmp_path / "pids").read_text().split())

    assert pids(3) == {str(os.getpid())}
    monkeypatch.setattr(executor, "BESIDE_SECONDS", 1e9)
    assert len(pids(0)) == 2


def test_what_a_fork_makes_is_taken_when_nothing_else_is_ready(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "BESIDE_OTHERS", ("Apart",))
    monkeypatch.setattr(executor, "BESIDE_SECONDS", 0)

    def ended(name, keyed, seconds):
        time.sleep(seconds)
        return name, time.monotonic()

    with runner.make_pipeline(["--runner=FnApiRunner", "--direct_num_workers=2"]) as pipeline:
        here, apart = two_groups(pipeline, [(0, 0)])
        later = (
            here
            | "Here" >> beam.Map(lambda keyed: (keyed[0], 0))
            | "Group again" >> beam.GroupByKey()
            | "Later" >> beam.Map(lambda keyed: ended("later", keyed, 0))
        )
        done = later, apart | "Apart" >> beam.Map(lambda keyed: ended("apart", keyed, 2))
        _ = done | beam.Flatten() | beam.Map(str) | beam.ParDo(Written(str(tmp_path / "found")))
    ends = dict(map(literal_eval, (tmp_path / "found").read_text().splitlines()))
    assert ends["later"] < ends["apart"]


def test_the_steps_that_run_beside_others_are_of_the_batch_pipeline(tmp_path):
    rows = jsonl(tmp_path / "c.jsonl", [complaint(1)])
    options = parse([f"--complaints={rows}", f"--output={tmp_path / 'run'}"])
    pipeline = beam.Pipeline()
    build(pipeline, make_plan(options, "token"))
    names = set()

    class Names(beam.pipeline.PipelineVisitor):
        def visit_transform(self, node):
            names.add(node.full_label)

    pipeline.visit(Names())
    for beginning in runner.BESIDE_OTHERS:
        assert any(name.startswith(beginning) for name in names), beginning
