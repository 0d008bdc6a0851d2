"""Runs every benchmark that needs no input and prints one table: `make bench`."""

from __future__ import annotations

import subprocess
import sys

from benchmarks import clusters, exchange, numbers, report, transcripts


def main() -> None:
    """Runs them one after the other, the largest last; exits with 2 where it is given a word."""
    if sys.argv[1:]:
        sys.stderr.write(f"python -m benchmarks: takes no {sys.argv[1]!r}; give it no argument\n")
        sys.exit(2)
    for module in (clusters, transcripts, report):
        module.main()
    numbers.speed()
    exchange.print_overlap(100_000)
    for words in (["benchmarks.peers"], ["benchmarks.batch", "--by-module"]):
        subprocess.run([sys.executable, "-m", *words], check=True)


if __name__ == "__main__":
    main()
