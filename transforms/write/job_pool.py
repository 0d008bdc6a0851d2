"""Runs the jobs that write the files of a report: one after another, or in forks of this process.

What a job writes does not depend on where it runs, so that any number of processes gives the same
bytes. No fork outlives the run, however that ends.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from traceback import extract_tb
from typing import Any, TypeVar

from schemas.manifest import OutputFile
from transforms.engine import gc_paused
from transforms.write.parquet_files import FileChunks, write_local_file

T = TypeVar("T")

PutFile = Callable[[str, FileChunks], None]
"""Writes one file, by its name within the run."""

Job = Callable[[PutFile], T]
"""Makes files; the caller gets its result. It is sent to a fork as a pickle."""

WriteFile = Callable[[str, FileChunks], OutputFile]
"""Writes the chunks of a file of this name."""

MIN_CPU_SECONDS = 1.0
"""Least CPU seconds of all jobs to fork; a fork takes some hundredths."""

ANSWER_SECONDS = 3600.0
"""Seconds within which a job must end: none takes as long, and a run must not hang."""

_SET_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of prctl(2), Linux."""

_forks = 0
"""Most processes at a time if this process may fork, else 0."""


class JobError(Exception):
    """Failure of a job in a fork, or of the fork. It says where, and holds no data."""


@dataclass
class JobPool:
    """Runs jobs in this process, in turn, or `count` at a time in forks of it.

    `scratch` is a folder on this machine that all of them can read; `written` has a line for each
    file that they wrote.
    """

    write: WriteFile
    scratch: str
    count: int = 1
    written: list[OutputFile] = field(default_factory=list)

    def run(self, jobs: Iterable[Job[T]], seconds: float) -> Iterator[T]:
        """Runs jobs that take about `seconds` of CPU in all; yields their results in order.

        Raises:
            JobError: for what a job raised in a fork, or a fork that ended before its time.
        """
        if self.count == 1 or seconds < MIN_CPU_SECONDS:
            for job in jobs:
                with gc_paused():  # a job makes many objects and no cycles of them
                    result = job(self._put)
                yield result
            return
        arguments = (self.count, get_context("fork"), end_with_parent, (os.getpid(),))
        with ProcessPoolExecutor(*arguments) as forks:
            try:
                for answer in [forks.submit(_run_in_fork, self.write, job) for job in jobs]:
                    result, written = _taken(answer)
                    self.written += written
                    yield result
            except BaseException:
                for process in list(forks._processes.values()):
                    process.kill()
                raise

    def _put(self, name: str, chunks: FileChunks) -> None:
        self.written.append(self.write(name, chunks))


def _run_in_fork(write: WriteFile, job: Job[T]) -> tuple[T, list[OutputFile]] | str:
    """Returns a job's result and files, or where it failed: an exception may hold data."""
    pool = JobPool(write, "")
    try:
        (result,) = pool.run([job], 0)
    except Exception as error:
        last = extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} in {Path(last.filename).name}:{last.lineno}"
    return result, pool.written


def _taken(answer: Future[Any]) -> Any:
    try:
        result = answer.result(ANSWER_SECONDS)
    except TimeoutError:
        raise JobError("a process that wrote the report hangs; run again") from None
    except BrokenProcessPool:
        raise JobError(
            "a process that wrote the report ended early; is there enough memory?"
        ) from None
    if isinstance(result, str):
        raise JobError(result)
    return result


@contextmanager
def local_job_pool(folder: str, count: int | None = None) -> Iterator[JobPool]:
    """Opens a pool that writes below an existing `folder`; its scratch is in it, and goes again.

    Without `count` as many jobs run at a time as `forking` says.
    """
    with tempfile.TemporaryDirectory(prefix=".scratch-", dir=folder) as scratch:
        yield JobPool(partial(write_local_file, folder), scratch, count or max(_forks, 1))


@contextmanager
def forking(processes: int) -> Iterator[None]:
    """Lets this process fork until the block ends, so that up to `processes` work at a time.

    For a process whose other threads hold no lock that a fork needs, as those of a gRPC server may.
    Other systems than Linux have libraries that fail in a fork: there nothing changes.
    """
    global _forks  # noqa: PLW0603 - of the process, as forks are
    before = _forks
    _forks = processes if sys.platform == "linux" else 0
    try:
        yield
    finally:
        _forks = before


def may_fork() -> int:
    """Returns the most processes at a time; 0 if this process may not fork."""
    return _forks


def end_with_parent(parent: int) -> None:
    """Prepares a fork of the process `parent`: it is killed when the thread that forked it ends."""
    ctypes.CDLL(None).prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the run's, which then ends us
    gc.freeze()  # a search of what the two share would copy it


def available_cpus() -> int:
    """Returns the number of processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
