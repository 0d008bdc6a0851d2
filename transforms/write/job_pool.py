"""Runs the jobs that write the files of a report: one after another, or in worker processes.

What a job writes does not depend on where it runs, so that any number of processes gives the same
bytes. Nothing here knows Beam: the workers do not load it. A worker reads pickled calls from its
input and writes pickled answers; it ends with its input, so that it outlives no run, however that
ends.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from traceback import extract_tb
from types import TracebackType
from typing import Any, BinaryIO, Protocol, TypeVar

from schemas.manifest import OutputFile
from transforms.gc_tuning import gc_tuned
from transforms.write.parquet_files import FileChunks, write_local_file

T = TypeVar("T")

PutFile = Callable[[str, FileChunks], None]
"""Writes one file, by its name within the run."""

Job = Callable[[PutFile], T]
"""Makes files; what it returns goes back to who asked for it. It travels as a pickle."""

WriteFile = Callable[[FileChunks, str], OutputFile]
"""Writes the chunks of a file of this name."""

MIN_CPU_SECONDS = 30.0
"""CPU seconds of all jobs from which on workers are started.

Each takes two to load its modules and templates, and as much memory as one job.
"""


class JobPool(Protocol):
    """Runs jobs. `scratch` is a folder on this machine that all of them can read."""

    scratch: str

    def run(self, jobs: Iterable[Job[T]], seconds: float) -> Iterator[T]:
        """Runs jobs that take about `seconds` of CPU in all; yields their results in order."""


@dataclass
class InlinePool:
    """Runs jobs in this process, in turn; `written` has a line for each file."""

    write: WriteFile
    scratch: str
    written: list[OutputFile] = field(default_factory=list)

    def run(self, jobs: Iterable[Job[T]], seconds: float) -> Iterator[T]:  # noqa: ARG002
        """Runs jobs as `JobPool` says."""
        for job in jobs:
            yield job(self._put)

    def _put(self, name: str, chunks: FileChunks) -> None:
        self.written.append(self.write(chunks, name))


@dataclass
class ProcessPool:
    """Shares jobs among `count` workers, which write below `folder`, a local one.

    Where no worker can be started, or the jobs would not pay for them, they run in this process.
    """

    folder: str
    scratch: str
    count: int
    min_cpu_seconds: float = MIN_CPU_SECONDS
    written: list[OutputFile] = field(default_factory=list)

    def run(self, jobs: Iterable[Job[T]], seconds: float) -> Iterator[T]:
        """Runs jobs as `JobPool` says.

        Raises:
            JobError: for what a job raised, or where a worker ended before its time.
        """
        pays = self.count > 1 and seconds >= self.min_cpu_seconds
        workers = _start_workers(self.count) if pays else []
        if not workers:
            inline = InlinePool(partial(_write_below, self.folder), self.scratch, self.written)
            yield from inline.run(jobs, seconds)
            return
        idle: SimpleQueue[_Worker] = SimpleQueue()
        for one in workers:
            idle.put(one)
        threads = ThreadPoolExecutor(len(workers))
        try:
            for result, files in threads.map(partial(_run_on_idle, idle, self.folder), jobs):
                self.written += files
                yield result
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            for one in workers:
                one.end()
            threads.shutdown(wait=True)


@contextmanager
def local_job_pool(folder: str, count: int | None = None) -> Iterator[ProcessPool]:
    """Opens a pool that writes below an existing `folder`; its scratch is in it, and goes again."""
    with tempfile.TemporaryDirectory(prefix=".scratch-", dir=folder) as scratch:
        yield ProcessPool(folder, scratch, available_cpus() if count is None else count)


def available_cpus() -> int:
    """Returns the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class JobError(Exception):
    """Failure of a job in a worker, or of the worker. It says where, and holds no data."""


@dataclass(frozen=True)
class JobFailure:
    """The exception of a job as text: an exception may hold data, or not be picklable."""

    kind: str
    where: str


def _write_below(folder: str, chunks: FileChunks, name: str) -> OutputFile:
    return write_local_file(chunks, folder, name)


def _run_on_idle(
    idle: SimpleQueue[_Worker], folder: str, job: Job[T]
) -> tuple[T, list[OutputFile]]:
    worker = idle.get()
    try:
        return worker.call(partial(_run_in_worker, folder, job))
    finally:
        idle.put(worker)


def _run_in_worker(folder: str, job: Job[T]) -> tuple[T, list[OutputFile]]:
    pool = InlinePool(partial(_write_below, folder), "")
    (result,) = pool.run([job], 0)
    return result, pool.written


def _start_workers(count: int) -> list[_Worker]:
    """Starts that many workers, each of which answers; none where they cannot be had."""
    workers: list[_Worker] = []
    try:
        while len(workers) < count:
            workers.append(_Worker())
        for one in workers:
            one.call(available_cpus)
    except (OSError, JobError):
        for one in workers:
            one.end()
        return []
    return workers


class _Worker:
    """Another Python that calls what is pickled to it, until its input ends.

    Not multiprocessing, which runs the caller's main module again in each process it spawns: that
    may be Beam's worker, or a script that would start a second run.
    """

    def __init__(self) -> None:
        path = os.pathsep.join(os.path.abspath(one) for one in sys.path)  # noqa: PTH100
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from transforms.write.job_pool import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": path},
        )

    def call(self, function: Callable[[], Any]) -> Any:
        """Returns what `function` returns there."""
        source, sink = self._process.stdout, self._process.stdin
        if source is None or sink is None:
            raise JobError("a process was started without pipes")
        try:
            pickle.dump(function, sink)
            sink.flush()
            answer = pickle.load(source)  # noqa: S301 - from our own process
        except (EOFError, BrokenPipeError, pickle.UnpicklingError, ValueError):
            raise JobError(
                "a process that wrote the report ended early; is there enough memory?"
            ) from None
        if isinstance(answer, JobFailure):
            raise JobError(f"{answer.kind} in {answer.where}")
        return answer

    def end(self) -> None:
        """Kills the worker, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what was left to send to a process that is gone
                    continue


def main() -> None:
    """Answers calls in a worker until its input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the run's, which then ends our input
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    with gc_tuned():
        _serve(answers)


def _serve(answers: BinaryIO) -> None:
    while True:
        try:
            function = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started us
        except EOFError:
            return
        try:
            answer = function()
        except Exception as error:
            answer = JobFailure(type(error).__name__, _where(error.__traceback__))
        try:
            pickle.dump(answer, answers)
            answers.flush()
        except BrokenPipeError:
            return


def _where(trace: TracebackType | None) -> str:
    last = extract_tb(trace)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"
