"""Runs every benchmark that needs no input, one after the other: `make bench`."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.measured import Parser, python

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
    about = f"Runs: {', '.join(RUNS)}. docs/benchmarks.md lists every benchmark."
    Parser("benchmarks", about).parse_args(words)
    failed = []
    for run in RUNS:
        print(f"\npython -m benchmarks.{run}\n", flush=True)
        name, *options = run.split()
        if subprocess.run(python(f"benchmarks.{name}", *options), check=False).returncode:
            failed.append(run)
    if failed:
        sys.exit(f"python -m benchmarks: failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
