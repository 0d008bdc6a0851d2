"""What a batch run holds, step by step: `python -m benchmarks.memory N [N ...]`.

Each N is a simulated world of that many complaints, with 1.25 calls each (`benchmarks.worlds`). The
run is a process of its own, and all its processes are looked at every tenth of a second; the run
itself says which step each stage of Beam's local runner belongs to. Memory is what is resident and
not shared, MiB; CPU is without the report's processes, but in the last line.
"""

from __future__ import annotations

import argparse
import logging
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from benchmarks import measured
from benchmarks.worlds import inputs, world
from pipelines import progress
from pipelines.batch import __main__
from pipelines.progress import BUNDLE_LOGGER, Progress, step_number

REPORT = "Finish"
"""The step that writes the report."""


@dataclass
class Step:
    """Of one step: its peak in bytes, and its seconds of CPU, without the report's processes."""

    name: str
    peak: int = 0
    cpu: float = 0.0


class _Noting(logging.Handler):
    """Writes down when each stage of the local runner begins, and of which step it is."""

    def __init__(self, steps: Sequence[str], notes: Path) -> None:
        super().__init__(logging.DEBUG)
        self._steps = steps
        self._notes = notes.open("w", buffering=1)

    def emit(self, record: logging.LogRecord) -> None:
        """One line: clock, CPU seconds until then, step. A stage of no step makes a constant."""
        if step := step_number(self._steps, str(record.args)):
            name = self._steps[step - 1]
            self._notes.write(f"{time.monotonic()}\t{time.process_time()}\t{name}\n")


def one_run(folder: Path, output: Path, notes: Path) -> int:
    """A batch run in this process that notes its stages; its exit status."""

    class Noted(Progress):
        """Progress that writes down every stage."""

        @contextmanager
        def following(self, steps: Sequence[str]) -> Iterator[None]:
            """While this lasts, the local runner's stages are noted."""
            logger = logging.getLogger(BUNDLE_LOGGER)
            handler = _Noting(steps, notes)
            logger.addHandler(handler)
            logger.setLevel(logging.DEBUG)
            logger.propagate = False
            yield
            logger.removeHandler(handler)

    progress.Progress = Noted  # type: ignore[misc]
    status = __main__.main([*inputs(folder), "--output", str(output), "--overwrite"])
    with notes.open("a") as file:
        file.write(f"{time.monotonic()}\t{time.process_time()}\tend\n")
    return status


def steps(notes: Path, samples: Sequence[tuple[float, int]]) -> list[Step]:
    """The steps of a run in the order in which they began, each with the peak of its samples."""
    lines = [line.split("\t") for line in notes.read_text().splitlines()]
    begun = [(float(clock), float(cpu), name) for clock, cpu, name in lines]
    found: dict[str, Step] = {}
    for (clock, cpu, name), (until, cpu_then, _) in pairwise(begun):
        step = found.setdefault(name, Step(name))
        step.cpu += cpu_then - cpu
        held = (held for when, held in samples if clock <= when < until)
        step.peak = max(step.peak, max(held, default=0))
    return list(found.values())


def measure(complaints: int, keep: Path | None = None) -> tuple[measured.Measured, list[Step]]:
    """A run of a world of that many complaints; it is left at `keep`, if that is given."""
    made = world(complaints)
    with tempfile.TemporaryDirectory(dir=made.parent) as scratch:
        notes, output = Path(scratch, "notes"), keep or Path(scratch, "run")
        command = measured.python("benchmarks.memory", "--one", made, output, notes)
        samples: list[tuple[float, int]] = []
        found = measured.run(command, samples)
        return found, steps(notes, samples)


def table(found: dict[int, tuple[measured.Measured, list[Step]]]) -> Iterator[str]:
    """Lines of Markdown: MiB at the peak of each step, and CPU seconds."""
    sizes = list(found)
    yield "| step | " + " | ".join(f"{n:,}: MiB | CPU s" for n in sizes) + " |"
    yield "|---" * (1 + 2 * len(sizes)) + "|"
    by_name = {n: {one.name: one for one in of} for n, (_, of) in found.items()}
    for name in dict.fromkeys(one.name for _, of in found.values() for one in of):
        cells = [by_name[n].get(name, Step(name)) for n in sizes]
        told = " | ".join(f"{one.peak / 2**20:,.0f} | {one.cpu:,.1f}" for one in cells)
        yield f"| {name} | {told} |"
    before = [max(one.peak for one in of if one.name != REPORT) for _, of in found.values()]
    yield "| before the report | " + " | ".join(f"{one / 2**20:,.0f} | " for one in before) + " |"
    whole = [f"{one.peak:,.0f} | {one.cpu:,.1f}" for one, _ in found.values()]
    yield "| all, the report's processes too | " + " | ".join(whole) + " |"


def main() -> None:
    """Measure each world and print the table, and what a complaint more takes."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("sizes", metavar="N", type=int, nargs="*")
    parser.add_argument("--keep", metavar="RUN", type=Path, help="where the last run is left")
    parser.add_argument("--one", nargs=3, type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        sys.exit(one_run(*asked.one))
    found: dict[int, tuple[measured.Measured, list[Step]]] = {}
    for size in asked.sizes:
        last = asked.keep if size == asked.sizes[-1] else None
        if last is not None:
            shutil.rmtree(last, ignore_errors=True)
        found[size] = measure(size, last)
        print(f"{size:,}: {found[size][0].wall:,.0f} s, {found[size][0].peak:,.0f} MiB", flush=True)
    for line in table(found):
        print(line)
    for less, more in pairwise(asked.sizes):
        slope = (found[more][0].peak - found[less][0].peak) * 2**20 / (more - less)
        print(f"from {less:,} to {more:,}: {slope:,.0f} bytes a complaint")


if __name__ == "__main__":
    main()
