"""A command in a process of its own: how long it took, how much CPU and how much memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SECONDS_A_SAMPLE = 0.1


@dataclass(frozen=True)
class Measured:
    """Seconds of wall clock and of CPU (user and system, children too), peak MiB, and output.

    The peak is the most that the process and its descendants held together at one time, sampled.
    """

    wall: float
    cpu: float
    peak: float
    output: str


class CommandFailedError(Exception):
    """A measured command that did not end with 0; says the last that it wrote."""


def run(command: Sequence[str], samples: list[tuple[float, int]] | None = None) -> Measured:
    """Run a command to its end; `samples` gets what it held: (monotonic clock, bytes).

    Raises:
        CommandFailedError: if it does not end with 0.
    """
    # As where it is installed, modules are compiled once, and not by each process.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err, env=env)
        sampler = _Peak(process.pid, samples)
        sampler.start()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        sampler.over.set()
        sampler.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        if process.returncode:
            last = err.read()[-2000:].decode(errors="replace")
            raise CommandFailedError(f"{' '.join(command[:6])}: {process.returncode}\n{last}")
        output = out.read().decode()
    # Not ru_maxrss: Linux counts in it what this process held when it started the other.
    return Measured(wall, used.ru_utime + used.ru_stime, sampler.bytes / 2**20, output)


class _Peak(threading.Thread):
    """Adds up what a process and its descendants hold, until `over`."""

    def __init__(self, root: int, samples: list[tuple[float, int]] | None) -> None:
        super().__init__(daemon=True)
        self.over = threading.Event()
        self.bytes = 0
        self._root = root
        self._samples = samples

    def run(self) -> None:
        while not self.over.wait(SECONDS_A_SAMPLE):
            held = held_by(self._root)
            self.bytes = max(self.bytes, held)
            if self._samples is not None:
                self._samples.append((time.monotonic(), held))


def held_by(root: int) -> int:
    """Bytes that a process and all its descendants hold together."""
    return sum(map(_resident, _tree(root)))


def _tree(root: int) -> list[int]:
    """A process and all its descendants; needs Linux."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(folder.name))
    found = [root]
    for one in found:
        found.extend(children.get(one, ()))
    return found


def _resident(pid: int) -> int:
    """Bytes that are resident and of no file; what forks share counts once among them."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss_Anon:"))


def python(module: str, *arguments: object) -> list[str]:
    """The command that runs a module with this Python."""
    return [sys.executable, "-m", module, *map(str, arguments)]
