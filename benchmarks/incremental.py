"""What a run need not cluster again: `python -m benchmarks.incremental [SEED]`.

A world is run as it was known on one day (`--as-of`), and again with what came on the next day,
following the first run, and following it where it has no islands/. Both write the same tables.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import measured
from benchmarks.survival import DAYS, SEED, WORLD
from schemas.manifest import NAME
from schemas.tables import ALL, ISLANDS


def one(arguments: Sequence[str]) -> None:
    """A batch run in this process; the CPU seconds of its global step, and of it all, as JSON."""
    from pipelines.batch.__main__ import main as batch
    from transforms.graph import assign as step

    whole, spent = step.assign, [0.0]

    def timed(*given: Any) -> Any:
        started = time.thread_time()
        found = whole(*given)
        spent[0] += time.thread_time() - started
        return found

    step.assign = timed
    if status := batch(arguments):
        sys.exit(status)
    print(json.dumps({"assign": spent[0], "run": time.process_time()}))


def of_day(world: Path, day: str, output: Path, *follows: str) -> tuple[float, float]:
    """CPU seconds of the global step and of the run."""
    inputs = ["--complaints", f"{world}/complaints", "--calls", f"{world}/calls"]
    made = ["--output", str(output), "--as-of", f"{day}T00:00:00Z", *follows]
    told = measured.run(measured.python("benchmarks.incremental", "--one", *inputs, *made)).output
    found = json.loads(told.splitlines()[-1])
    return found["assign"], found["run"]


def without_islands(run: Path, copy: Path) -> Path:
    """The run as an earlier version would have written it."""
    shutil.copytree(run, copy)
    shutil.rmtree(copy / ISLANDS.name)
    manifest = json.loads((copy / NAME).read_bytes())
    folder = f"{ISLANDS.name}/"
    manifest["outputs"] = [
        line for line in manifest["outputs"] if not line["name"].startswith(folder)
    ]
    (copy / NAME).write_text(json.dumps(manifest))
    return copy


def digest(run: Path) -> str:
    """Of every table of a run."""
    found = hashlib.sha256()
    for table in ALL:
        for path in sorted((run / table.name).iterdir()):
            found.update(path.read_bytes())
    return found.hexdigest()


def main() -> None:
    """Print two lines a pair of days."""
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2:])
        return
    seed = sys.argv[1] if len(sys.argv) > 1 else str(SEED)
    print("8,000 complaints of 60 rings in 180 days; CPU seconds of a day's run")
    heads = f"{'clustered':>10}{'taken over':>11}{'global step':>12}{'run':>7}"
    print(f"{'day':<12}{'islands':<9}{heads}")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        world = folder / "world"
        simulated = measured.python("pipelines.cli", "simulate", world, *WORLD, seed)
        subprocess.run(simulated, check=True, capture_output=True)
        for first, second in DAYS:
            before = folder / first
            of_day(world, first, before)
            runs = {
                "none": without_islands(before, folder / f"{first}-none"),
                "known": before,
            }
            seen = set()
            for islands, previous in runs.items():
                run = folder / f"{second}-{islands}"
                step, whole = of_day(world, second, run, "--previous", str(previous))
                told = json.loads((run / NAME).read_bytes())["tallies"]["islands"]
                counts = told.get("clustered", 0), told.get("taken_over", 0)
                numbers = f"{counts[0]:>10}{counts[1]:>11}{step:>12.2f}{whole:>7.1f}"
                print(f"{second:<12}{islands:<9}{numbers}", flush=True)
                seen.add(digest(run))
            if len(seen) != 1:
                sys.exit("the tables differ")


if __name__ == "__main__":
    main()
