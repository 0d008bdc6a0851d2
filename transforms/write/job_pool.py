"""Jobs that write the files of a report: one after another, or shared among processes.

What a job writes does not depend on where it is done, so that any number of processes gives the
same bytes. Nothing here knows Beam: the processes do not load it.

A process that does jobs for another one: pickled calls come in, answers go out.

It ends with its input, so that it outlives no run, however that ends.
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
from transforms.gc_tuning import working
from transforms.write.parquet_files import Pieces, write_local

T = TypeVar("T")


Put = Callable[[str, Pieces], None]
"""Writes one file, by its name within the run."""


Job = Callable[[Put], T]
"""Makes files; what it returns goes back to who asked for it. It travels as a pickle."""


Write = Callable[[Pieces, str], OutputFile]
"""Writes the pieces of a file of this name."""


WORTH = 30.0
"""CPU seconds of all jobs from which on processes are started.

Each takes two to load its modules and templates, and as much memory as one job.
"""


class Desk(Protocol):
    """Where jobs are done. `scratch` is a folder on this machine that all of them can read."""

    scratch: str

    def each(self, jobs: Iterable[Job[T]], seconds: float) -> Iterator[T]:
        """Do jobs that take about `seconds` of CPU in all; what they return, in their order."""


@dataclass
class OneProcess:
    """Does jobs here, in turn; `written` has a line for each file."""

    write: Write
    scratch: str
    written: list[OutputFile] = field(default_factory=list)

    def each(self, jobs: Iterable[Job[T]], seconds: float) -> Iterator[T]:  # noqa: ARG002
        """As `Desk`."""
        for job in jobs:
            yield job(self._put)

    def _put(self, name: str, pieces: Pieces) -> None:
        self.written.append(self.write(pieces, name))


@dataclass
class Processes:
    """Shares jobs among `count` processes, which write below `folder`, a local one.

    Where no process can be had, or the jobs would not pay for them, they are done here.
    """

    folder: str
    scratch: str
    count: int
    worth: float = WORTH
    written: list[OutputFile] = field(default_factory=list)

    def each(self, jobs: Iterable[Job[T]], seconds: float) -> Iterator[T]:
        """As `Desk`.

        Raises:
            JobError: for what a job raised, or where a process ended before its time.
        """
        started = _started(self.count) if self.count > 1 and seconds >= self.worth else []
        if not started:
            here = OneProcess(partial(_written, self.folder), self.scratch, self.written)
            yield from here.each(jobs, seconds)
            return
        idle: SimpleQueue[_Process] = SimpleQueue()
        for one in started:
            idle.put(one)
        threads = ThreadPoolExecutor(len(started))
        try:
            for result, files in threads.map(partial(_done, idle, self.folder), jobs):
                self.written += files
                yield result
        finally:
            threads.shutdown(wait=False, cancel_futures=True)
            for one in started:
                one.end()
            threads.shutdown(wait=True)


def processors() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def local_desk(folder: str, count: int | None = None) -> Iterator[Processes]:
    """A desk that writes below `folder`, which is there; its scratch is in it, and goes again."""
    with tempfile.TemporaryDirectory(prefix=".scratch-", dir=folder) as scratch:
        yield Processes(folder, scratch, processors() if count is None else count)


class JobError(Exception):
    """A job failed in another process, or the process did. It says where, and holds no data."""


@dataclass(frozen=True)
class Failed:
    """What a job raised, as text: an exception may hold data, or not be one that travels."""

    kind: str
    where: str


def _written(folder: str, pieces: Pieces, name: str) -> OutputFile:
    return write_local(pieces, folder, name)


def _done(idle: SimpleQueue[_Process], folder: str, job: Job[T]) -> tuple[T, list[OutputFile]]:
    process = idle.get()
    try:
        return process.do(partial(_kept, folder, job))
    finally:
        idle.put(process)


def _kept(folder: str, job: Job[T]) -> tuple[T, list[OutputFile]]:
    """Done in the other process."""
    desk = OneProcess(partial(_written, folder), "")
    (result,) = desk.each([job], 0)
    return result, desk.written


class _Process:
    """Another Python that does what is pickled to it, until its input ends.

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

    def do(self, call: Callable[[], Any]) -> Any:
        """What `call` returns there."""
        source, sink = self._process.stdout, self._process.stdin
        if source is None or sink is None:
            raise JobError("a process without pipes")
        try:
            pickle.dump(call, sink)
            sink.flush()
            answer = pickle.load(source)  # noqa: S301 - from our own process
        except (EOFError, BrokenPipeError, pickle.UnpicklingError, ValueError):
            raise JobError("a process that wrote the report ended before its time") from None
        if isinstance(answer, Failed):
            raise JobError(f"{answer.kind} in {answer.where}")
        return answer

    def end(self) -> None:
        """Let it go, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:  # what was left to send to a process that is gone
                    continue


def _started(count: int) -> list[_Process]:
    """That many processes, each of which answers; none where they cannot be had."""
    found: list[_Process] = []
    try:
        while len(found) < count:
            found.append(_Process())
        for one in found:
            one.do(processors)
    except (OSError, JobError):
        for one in found:
            one.end()
        return []
    return found


def main() -> None:
    """Answer calls until there are no more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C is the run's, which then ends our input
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    with working():
        _answer(answers)


def _answer(answers: BinaryIO) -> None:
    while True:
        try:
            call = pickle.load(sys.stdin.buffer)  # noqa: S301 - from the process that started us
        except EOFError:
            return
        try:
            answer = call()
        except Exception as error:
            answer = Failed(type(error).__name__, _where(error.__traceback__))
        try:
            pickle.dump(answer, answers)
            answers.flush()
        except BrokenPipeError:
            return


def _where(trace: TracebackType | None) -> str:
    last = extract_tb(trace)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"
