"""Measures that several commands print: what a process took, and how right its clusters are.

A command runs in a process of its own: how long it took, how much CPU and how much memory. All
benchmarks read their words with `Parser`.
"""

from __future__ import annotations

import argparse
import csv
import os
import shlex
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np
import pyarrow.dataset as ds

SECONDS_A_SAMPLE = 0.1


class Parser(argparse.ArgumentParser):
    """Shows a module's docstring as its help, and refuses wrong words in one line."""

    def __init__(self, module: str, about: str | None) -> None:
        """Reads the words of `python -m MODULE`."""
        shape = argparse.RawDescriptionHelpFormatter
        super().__init__(prog=f"python -m {module}", description=about, formatter_class=shape)

    def error(self, message: str) -> NoReturn:
        """Exits with 2."""
        self.exit(2, f"{self.prog}: {message}\n")


@dataclass(frozen=True)
class Measured:
    """Seconds of wall clock and of CPU (user and system, children too), peak MiB, and output.

    The peak is the most that the process and its descendants had in memory at one time, sampled.
    `error` is the last line of what it wrote to standard error.
    """

    wall: float
    cpu: float
    peak: float
    output: str
    status: int = 0
    error: str = ""


class CommandFailedError(Exception):
    """A measured command that did not end with 0; says the last that it wrote."""


def run(
    command: Sequence[str],
    samples: list[tuple[float, int]] | None = None,
    *,
    one_processor: bool = False,
    seconds: float | None = None,
) -> Measured:
    """Runs a command to its end, on all processors or on one.

    Args:
        command: Its words.
        samples: Gets what it had in memory: (monotonic clock, bytes).
        one_processor: Whether it runs on the first processor alone.
        seconds: When to kill a command that may fail, by wall clock.

    Raises:
        CommandFailedError: if a command that may not fail does not end with 0.
    """
    # As where it is installed, modules are compiled once, and not by each process.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    env.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")  # as `ringtrace` does
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        if one_processor:
            command = ["taskset", "--cpu-list", str(min(os.sched_getaffinity(0))), *command]
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=out, stderr=err, env=env, start_new_session=seconds is not None
        )
        killer = threading.Timer(seconds or threading.TIMEOUT_MAX, os.killpg, (process.pid, 9))
        killer.daemon = True
        killer.start()
        over, sizes = threading.Event(), [] if samples is None else samples

        def sample() -> None:
            while not over.wait(SECONDS_A_SAMPLE):
                size = sum(map(_resident, _tree(process.pid)))
                sizes.append((time.monotonic(), size))

        sampler = threading.Thread(target=sample, daemon=True)
        sampler.start()
        _, status, used = os.wait4(process.pid, 0)
        wall = time.perf_counter() - started
        killer.cancel()
        over.set()
        sampler.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0), err.seek(0)
        last = err.read()[-2000:].decode(errors="replace")
        if process.returncode and seconds is None:
            raise CommandFailedError(f"{' '.join(command[:6])}: {process.returncode}\n{last}")
        output = out.read().decode(errors="replace")
    # Not ru_maxrss: Linux counts in it what this process had when it started the other.
    cpu = used.ru_utime + used.ru_stime
    peak = max((size for _, size in sizes), default=0) / 2**20
    error = last.strip().rpartition("\n")[2]
    return Measured(wall, cpu, peak, output, process.returncode, error)


def children() -> dict[int, list[int]]:
    """Returns the processes that each process has started; needs Linux."""
    started: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        started.setdefault(int(fields[1]), []).append(int(folder.name))
    return started


def _tree(root: int) -> list[int]:
    """A process and all its descendants."""
    processes, started = [root], children()
    for process in processes:
        processes.extend(started.get(process, ()))
    return processes


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


def print_table(heads: Iterable[object], rows: Iterable[Iterable[object]]) -> None:
    """Prints a table in Markdown, each row as soon as it is measured."""
    columns = [*heads]
    print(f"| {' | '.join(map(str, columns))} |")
    print("|---" * len(columns) + "|", flush=True)
    for cells in rows:
        print(f"| {' | '.join(map(str, cells))} |", flush=True)


def words_of(command: str, **places: object) -> list[str]:
    """Splits a command as it would be typed; a place is `{name}` in it, and may have blanks."""
    return [word.format(**places) for word in shlex.split(command)]


def ringtrace(command: str, *, seconds: float | None = None, **places: object) -> Measured:
    """Runs a command of ringtrace that is written as in `words_of`."""
    return run(python("pipelines.cli", *words_of(command, **places)), seconds=seconds)


def simulate(world: Path, options: str) -> Path:
    """Simulates a world with these options in a folder; returns the folder."""
    ringtrace(f"simulate {{world}} {options}", world=world)
    return world


def run_world(world: Path, output: Path) -> Path:
    """Runs the batch pipeline on a simulated world; returns the run."""
    batch = "batch --complaints {world}/complaints --calls {world}/calls --output {output}"
    ringtrace(batch, world=world, output=output)
    return output


def read_pairs(path: Path) -> dict[str, str]:
    """Returns the second column of a CSV file by its first."""
    with path.open(newline="", encoding="utf-8") as rows:
        return {row[0]: row[1] for row in list(csv.reader(rows))[1:]}


def cluster_by_entity(run: Path) -> dict[str, str]:
    """Returns the cluster of each member of a run."""
    from transforms.arrow import row_tuples

    rows = ds.dataset(run / "members").to_table(columns=["entity_id", "cluster_id"])
    return dict(row_tuples(rows))


def bcubed_f1(clusters: Mapping[str, str], truth: Mapping[str, str]) -> float:
    """Returns the B-cubed F1 of clusters by entity; what is in none is a cluster of its own."""
    from transforms.graph import compare_clusterings  # loads Beam

    ids = sorted(truth)
    labels = np.array([clusters.get(entity_id, f"alone {entity_id}") for entity_id in ids])
    return compare_clusterings(np.array([truth[entity_id] for entity_id in ids]), labels).bcubed.f1
