"""The spread of a batch run's time over its stages: `python -m benchmarks.progress [N ...]`.

Each N is a simulated world of that many complaints, with 1.25 calls each (`benchmarks.worlds`).
Printed are the rows of `pipelines.progress.BATCH_STEPS`, the mean over the worlds, and what each
run would have shown, with the rows that are there now, when a quarter, half and three quarters of
its time had passed.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from benchmarks import measured
from benchmarks.worlds import inputs, world
from pipelines import progress
from pipelines.batch import __main__
from pipelines.progress import BATCH_STEPS, BUNDLE_LOGGER, WorkDone, about, step_of_record

Stages = list[tuple[float, str]]
"""Seconds from the start of a run, and the step whose stage begins then; the last is its end."""

SIZES = (20_000, 100_000)

MOMENTS = (0.25, 0.5, 0.75)


def measure(complaints: int) -> Stages:
    """Runs a world of that many complaints; returns its stages."""
    made = world(complaints)
    with tempfile.TemporaryDirectory(dir=made.parent) as scratch:
        notes = Path(scratch, "notes")
        command = measured.python("benchmarks.progress", "--one", made, Path(scratch, "run"), notes)
        measured.run(command)
        lines = [line.split("\t") for line in notes.read_text().splitlines()]
    first = float(lines[0][0])
    return [(round(float(clock) - first, 2), step) for clock, step in lines]


def one_run(folder: Path, output: Path, notes: Path) -> int:
    """Runs a batch in this process that notes when each of its stages begins; its exit status."""
    begun: list[str] = []

    class Noted(progress.Progress):
        """Progress that notes every stage."""

        @contextmanager
        def following(self, steps: Sequence[str]) -> Iterator[None]:
            """Notes the local runner's stages while this lasts."""

            class Noting(logging.Handler):
                """Notes the step of each stage that begins."""

                def emit(self, record: logging.LogRecord) -> None:
                    """Notes one stage, unless it makes a constant."""
                    if step := step_of_record(steps, record):
                        begun.append(f"{time.monotonic()}\t{steps[step - 1]}\n")

            handler, logger = Noting(logging.DEBUG), logging.getLogger(BUNDLE_LOGGER)
            logger.addHandler(handler)
            with super().following(steps):
                yield
            logger.removeHandler(handler)
            begun.append(f"{time.monotonic()}\tend\n")

    progress.Progress = Noted  # type: ignore[misc]
    status = __main__.main([*inputs(folder), "--output", str(output)])
    notes.write_text("".join(begun))
    return status


def shares(stages: Stages) -> dict[tuple[str, int], float]:
    """Returns the share of a run's time that each stage of each step takes."""
    begun: Counter[str] = Counter()
    found: dict[tuple[str, int], float] = {}
    for (since, step), (until, _) in pairwise(stages):
        found[step, begun[step]] = (until - since) / stages[-1][0]
        begun[step] += 1
    return found


def rows(runs: Sequence[Stages]) -> Iterator[str]:
    """Yields a row for each step: its stages in thousandths, the mean over the runs."""
    measured_shares = [shares(stages) for stages in runs]
    by_step: dict[str, list[int]] = {}
    for step, number in measured_shares[0]:
        mean = sum(one.get((step, number), 0.0) for one in measured_shares) / len(runs)
        by_step.setdefault(step, []).append(round(mean * 1000))
    for step, stages in by_step.items():
        doing = BATCH_STEPS[step].doing if step in BATCH_STEPS else "?"
        yield f"    {json.dumps(step)}: StepCost({json.dumps(doing)}, {tuple(stages)}),"


def shown(stages: Stages, moment: float) -> str:
    """Returns what a run showed when this share of its time had passed, and what was true."""
    work, end = WorkDone(BATCH_STEPS), stages[-1][0]
    for since, step in stages:
        if since <= moment * end < stages[-1][0]:
            work.begin(step, since)
    return f"{work.line(moment * end)} (true: {moment:.0%}, {about((1 - moment) * end)})"


def main() -> None:
    """Measures each world and prints the rows, and how far off the present ones were."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.progress", description=__doc__)
    parser.add_argument("sizes", metavar="N", type=int, nargs="*", default=SIZES)
    parser.add_argument("--log", type=Path, help="a file for the stages of every run, as JSON")
    parser.add_argument("--one", nargs=3, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        sys.exit(one_run(*given.one))
    runs = {size: measure(size) for size in given.sizes}
    if given.log:
        given.log.write_text(json.dumps(runs))
    print("\n".join(rows(list(runs.values()))))
    for size, stages in runs.items():
        print(f"{size:,} complaints, {stages[-1][0]:.0f} s")
        for moment in MOMENTS:
            print(f"  {shown(stages, moment)}")


if __name__ == "__main__":
    main()
