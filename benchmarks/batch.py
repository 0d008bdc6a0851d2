"""How long a whole batch run takes, and how well it clusters: `python -m benchmarks.batch [N ...]`.

Each size is a simulated two-company world of N complaints (default 2,000 and 20,000) with 1.25
calls a complaint, run by `ringtrace batch` in a process of its own.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZES = (2_000, 20_000)


def measure(complaints: int, folder: Path) -> dict[str, float]:
    """Wall seconds, CPU seconds, peak memory in MiB and B-cubed F1 of one batch run."""
    world, run = folder / "world", folder / "run"
    ring = [sys.executable, "-m", "pipelines.cli"]
    size = ["--complaints", str(complaints), "--operations", str(max(2, complaints // 165))]
    _run([*ring, "simulate", str(world), *size])
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    inputs = ["--complaints", f"{world}/complaints", "--calls", f"{world}/calls"]
    _run([*ring, "batch", *inputs, "--output", str(run)])
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    scores = json.loads(_run([*ring, "evaluate", str(run), f"{world}/truth.csv", "--json"]))
    return {
        "wall_s": wall,
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "peak_mib": after.ru_maxrss / 1024,
        "bcubed_f1": scores["agreement"]["bcubed"]["f1"],
    }


def _run(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main() -> None:
    """Print the machine and one line a size."""
    sizes = [int(word) for word in sys.argv[1:]] or SIZES
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    print(f"ringtrace batch on {machine}")
    print(f"{'complaints':>12} {'wall s':>8} {'CPU s':>8} {'peak MiB':>9} {'B-cubed F1':>11}")
    for size in sizes:
        with tempfile.TemporaryDirectory() as folder:
            found = measure(size, Path(folder))
        print(
            f"{size:>12,} {found['wall_s']:>8.1f} {found['cpu_s']:>8.1f} "
            f"{found['peak_mib']:>9.0f} {found['bcubed_f1']:>11.3f}"
        )


if __name__ == "__main__":
    main()
