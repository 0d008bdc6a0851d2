"""Whether clusters keep their ids when a day's complaints come: `python -m benchmarks.survival`.

A world is run as it was known on one day (`--as-of`), and again with what came on the next day,
following the first run. An id survives where the main cluster of an operation has one id in both.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

WORLD = ("--complaints", "8000", "--operations", "60", "--days", "180", "--seed")
DAYS = (("2025-04-30", "2025-05-01"), ("2025-06-14", "2025-06-15"))
SEED = 1003


def survived(world: Path, days: tuple[str, str], folder: Path) -> tuple[int, int]:
    """Operations that two runs show, and those whose main cluster kept its id."""
    ring = [sys.executable, "-m", "pipelines.cli"]
    inputs = ["--complaints", f"{world}/complaints", "--calls", f"{world}/calls"]
    runs = [folder / day for day in days]
    follows: list[str] = []
    for day, run in zip(days, runs, strict=True):
        made = ["--output", str(run), "--as-of", f"{day}T00:00:00Z", *follows]
        _run([*ring, "batch", *inputs, *made])
        follows = ["--previous", str(run)]
    told = _run(
        [
            *ring,
            "evaluate",
            str(runs[1]),
            f"{world}/truth.csv",
            "--previous",
            str(runs[0]),
            "--json",
        ]
    )
    found = json.loads(told)["survival"]
    return found["operations"], found["kept"]


def _run(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main() -> None:
    """Print one line a pair of days."""
    seed = sys.argv[1] if len(sys.argv) > 1 else str(SEED)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _run([sys.executable, "-m", "pipelines.cli", "simulate", f"{name}/world", *WORLD, seed])
        print("8,000 complaints of 60 rings in 180 days; ids of operations' main clusters")
        print(f"{'from':<12}{'to':<12}{'operations':>11}{'kept':>6}{'share':>8}")
        for days in DAYS:
            both, kept = survived(folder / "world", days, folder)
            print(f"{days[0]:<12}{days[1]:<12}{both:>11}{kept:>6}{kept / both:>8.3f}", flush=True)


if __name__ == "__main__":
    main()
