"""Runs the jobs that write the files of a report: one after another, or in worker processes.

What a job writes does not depend on where it runs, so that any number of processes gives the same
bytes. A worker gets calls and sends answers through a connection. It is a fork of this process
where `forking` allows one, and elsewhere another Python, which loads no Beam. None outlives the
run, however that ends: another Python ends with its connection, a fork is killed with its parent.
"""

from __future__ import annotations

import ctypes
import gc
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from traceback import extract_tb
from types import TracebackType
from typing import Any, TypeAlias, TypeVar

from schemas.manifest import OutputFile
from transforms.engine import gc_paused, gc_tuned
from transforms.write.parquet_files import FileChunks, write_local_file

T = TypeVar("T")

PutFile = Callable[[str, FileChunks], None]
"""Writes one file, by its name within the run."""

Job = Callable[[PutFile], T]
"""Makes files; the caller gets its result. It is sent to a worker as a pickle."""

WriteFile = Callable[[str, FileChunks], OutputFile]
"""Writes the chunks of a file of this name."""

MIN_CPU_SECONDS, MIN_FORKED_CPU_SECONDS = 10.0, 1.0
"""Least CPU seconds of all jobs to start workers, and to fork them.

A new Python takes one or two seconds to load its modules and templates, a fork some hundredths.
"""

ANSWER_SECONDS = 3600.0
"""Seconds within which a worker must answer: no job takes as long, and a run must not hang."""

_LIBC = ctypes.CDLL(None)

_SET_DEATH_SIGNAL = 1
"""PR_SET_PDEATHSIG of prctl(2), Linux."""

_forks = 0
"""Most processes at a time if this process may fork, else 0."""


@dataclass
class InlinePool:
    """Runs jobs in this process, in turn.

    `scratch` is a folder on this machine that all of them can read; `written` has a line for each
    file that they wrote; `count` jobs run at a time. A job makes many objects and no cycles of
    them: to look for some took a fortieth of its time.
    """

    write: WriteFile
    scratch: str
    written: list[OutputFile] = field(default_factory=list)
    count: int = 1

    def run(self, jobs: Iterable[Job[T]], seconds: float) -> Iterator[T]:  # noqa: ARG002
        """Runs jobs that take about `seconds` of CPU in all; yields their results in order."""
        for job in jobs:
            with gc_paused():
                result = job(self._put)
            yield result

    def _put(self, name: str, chunks: FileChunks) -> None:
        self.written.append(self.write(name, chunks))


@dataclass
class ProcessPool:
    """Shares jobs among `count` workers, which write below `folder`, a local one.

    Where no worker can be started, or the jobs would not pay for them, they run in this process.
    """

    folder: str
    scratch: str
    count: int
    written: list[OutputFile] = field(default_factory=list)

    def run(self, jobs: Iterable[Job[T]], seconds: float) -> Iterator[T]:
        """Runs jobs as `InlinePool` does.

        Raises JobError for what a job raised, or where a worker ended before its time.
        """
        least = MIN_FORKED_CPU_SECONDS if _forks else MIN_CPU_SECONDS
        pays = self.count > 1 and seconds >= least
        workers = _start_workers(self.count) if pays else []
        if not workers:
            inline = InlinePool(partial(write_local_file, self.folder), self.scratch, self.written)
            yield from inline.run(jobs, seconds)
            return
        idle: SimpleQueue[_Worker] = SimpleQueue()
        for worker in workers:
            idle.put(worker)
        threads = ThreadPoolExecutor(len(workers))
        try:
            for result, files in threads.map(partial(_run_on_idle, idle, self.folder), jobs):
                self.written += files
                yield result
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            for worker in workers:
                worker.end()
            threads.shutdown(wait=True)


JobPool: TypeAlias = InlinePool | ProcessPool


@contextmanager
def local_job_pool(folder: str, count: int | None = None) -> Iterator[ProcessPool]:
    """Opens a pool that writes below an existing `folder`; its scratch is in it, and goes again.

    Without `count` there are as many workers as `forking` says, or else one a processor.
    """
    with tempfile.TemporaryDirectory(prefix=".scratch-", dir=folder) as scratch:
        yield ProcessPool(folder, scratch, count or _forks or available_cpus())


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


def fork(work: Callable[[], object]) -> int:
    """Forks; returns the id of the fork, which does `work` and exits, with 0 only on success.

    It is killed when the thread that forked it ends.
    """
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        _LIBC.prctl(_SET_DEATH_SIGNAL, signal.SIGKILL)
        if os.getppid() == parent:
            gc.freeze()  # a search of what the two share would copy it
            work()
            status = 0
    finally:
        os._exit(status)


def end_fork(pid: int) -> None:
    """Kills a fork, whatever it is doing."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


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


def _run_on_idle(
    idle: SimpleQueue[_Worker], folder: str, job: Job[T]
) -> tuple[T, list[OutputFile]]:
    worker = idle.get()
    try:
        return worker.call(partial(_run_in_worker, folder, job))
    finally:
        idle.put(worker)


def _run_in_worker(folder: str, job: Job[T]) -> tuple[T, list[OutputFile]]:
    pool = InlinePool(partial(write_local_file, folder), "")
    (result,) = pool.run([job], 0)
    return result, pool.written


def _start_workers(count: int) -> list[_Worker]:
    """Starts `count` workers and waits for their answers; starts none if any fails."""
    workers: list[_Worker] = []
    start = _Worker.forked if _forks else _Worker.started
    try:
        while len(workers) < count:
            workers.append(start())
        for worker in workers:
            worker.call(available_cpus)
    except (OSError, JobError):
        for worker in workers:
            worker.end()
        return []
    return workers


class _Worker:
    """A process that calls what is sent to it, until the connection ends or `kill` is called."""

    def __init__(self, connection: Connection, kill: Callable[[], None]) -> None:
        self._connection, self._kill = connection, kill

    @classmethod
    def started(cls) -> _Worker:
        """Starts another Python.

        Not multiprocessing, which runs the caller's main module again in each process it spawns:
        that may be Beam's worker, or a script that would start a second run.
        """
        ours, theirs = Pipe()
        call = f"from transforms.write.job_pool import main; main({theirs.fileno()})"
        path = os.pathsep.join(map(os.path.abspath, sys.path))
        process = subprocess.Popen(
            [sys.executable, "-c", call],
            stdin=subprocess.DEVNULL,
            stdout=2,  # what a library prints is no output of the run
            pass_fds=[theirs.fileno()],
            env={**os.environ, "PYTHONPATH": path},
        )
        theirs.close()

        def kill() -> None:
            process.kill()
            process.wait()

        return cls(ours, kill)

    @classmethod
    def forked(cls) -> _Worker:
        """Forks this process."""
        ours, theirs = Pipe()

        def serve() -> None:
            ours.close()
            _serve(theirs)

        pid = fork(serve)
        theirs.close()
        return cls(ours, partial(end_fork, pid))

    def call(self, function: Callable[[], Any]) -> Any:
        """Returns the result of `function` in the worker."""
        try:
            self._connection.send(function)
            if not self._connection.poll(ANSWER_SECONDS):
                raise JobError("a process that wrote the report hangs; run again")
            answer = self._connection.recv()
        except (EOFError, OSError):
            raise JobError(
                "a process that wrote the report ended early; is there enough memory?"
            ) from None
        if isinstance(answer, JobFailure):
            raise JobError(f"{answer.kind} in {answer.where}")
        return answer

    def end(self) -> None:
        """Kills the worker, whatever it is doing."""
        self._kill()
        self._connection.close()


def main(handle: int) -> None:
    """Answers calls in a worker until its connection ends."""
    with gc_tuned():
        _serve(Connection(handle))


def _serve(connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the run's, which then ends us
    with suppress(EOFError, OSError):
        while True:
            connection.send(_answer(connection.recv()))


def _answer(function: Callable[[], Any]) -> Any:
    try:
        return function()
    except Exception as error:
        return JobFailure(type(error).__name__, _where(error.__traceback__))


def _where(trace: TracebackType | None) -> str:
    last = extract_tb(trace)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"
