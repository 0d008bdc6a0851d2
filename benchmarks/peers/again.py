"""The report's bytes, written again: `python -m benchmarks.peers.again RUN OUT`.

What a run writes beside the tables (pages, pictures, downloads, the graph's files), each file read
and then written below OUT, as if to compose it took no time. Reading is not part of it, so its
own time is printed: CPU seconds and wall seconds, as JSON.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

FOLDERS = ("report", "graph")


def again(run: Path, out: Path) -> tuple[float, float]:
    """Write the files; CPU and wall seconds of that."""
    cpu = wall = 0.0
    for name in FOLDERS:
        for source in sorted(one for one in (run / name).rglob("*") if one.is_file()):
            content = source.read_bytes()
            begun, started = time.process_time(), time.perf_counter()
            target = out / source.relative_to(run)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
            cpu += time.process_time() - begun
            wall += time.perf_counter() - started
    return cpu, wall


def main() -> None:
    """Print the time."""
    cpu, wall = again(*map(Path, sys.argv[1:]))
    print(json.dumps({"cpu": cpu, "wall": wall}))


if __name__ == "__main__":
    main()
