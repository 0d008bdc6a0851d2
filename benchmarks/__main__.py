"""Runs every benchmark that needs no input, one after the other: `make bench`."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.measured import Parser

COMMANDS = {
    "batch": "memory and CPU of a run by step, or CPU by module; what a record costs",
    "campaigns": "calibration of campaigns, and the models that fit simulated worlds",
    "clusters": "quality of clusters and tiers, and harm in them, on simulated worlds",
    "unlisted": "platforms and organisations that no list has, welded, named or kept whole",
    "cuts": "CPU that weakest cuts take of a run, on small rings and on large ones",
    "exchange": "what an offer between two companies is worth; the time to count shared victims",
    "hostile": "CPU and memory that hostile files cost each command",
    "mutants": "small changes of the code that the unit tests notice",
    "numbers": "outcomes of the numbers of real sources, and speed of reading",
    "peers": "runs beside a script, a floor, and programs that find components",
    "poisoning": "how many lies of how many people each harm costs",
    "readings": "scores on what is labelled by hand: roles, names, scripts, brands",
    "report": "time and size of a report, and its share of a run",
    "stream": "latency, CPU and memory of a stream, from a folder, Kafka, Prism or Flink",
}
"""Each command, and what it measures: `python -m benchmarks.NAME --help` says how."""

RUNS = (
    "clusters",
    "readings",
    "readings --transcripts",
    "report",
    "numbers speed",
    "exchange --overlap 100000",
    "peers",
    "batch --by-module",
)
"""The commands that need no input but the public records, the longest last."""


def main(words: list[str] | None = None) -> None:
    """Runs them; exits with 1 where one failed, after the others."""
    width = max(map(len, COMMANDS))
    listed = "\n".join(
        f"benchmarks.{name:{width}}  {purpose}" for name, purpose in COMMANDS.items()
    )
    about = f"With no argument, runs: {', '.join(RUNS)}."
    Parser("benchmarks", about, epilog=listed).parse_args(words)
    failed = []
    for run in RUNS:
        print(f"\npython -m benchmarks.{run}\n", flush=True)
        name, *options = run.split()
        command = [sys.executable, "-m", f"benchmarks.{name}", *options]
        if subprocess.run(command, check=False).returncode:
            failed.append(run)
    if failed:
        sys.exit(f"python -m benchmarks: failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
