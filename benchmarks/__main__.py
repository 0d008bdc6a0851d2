"""Runs every benchmark that needs no input and prints one table: `make bench`."""

from __future__ import annotations

import subprocess
import sys

from benchmarks import clusters, impersonation, overlap, phones, report, scripts


def main() -> None:
    """Runs them one after the other, the largest last."""
    for module in (clusters, phones, impersonation, scripts, report):
        module.main()
    overlap.main(100_000)
    for name in ("benchmarks.peers", "benchmarks.flame"):
        subprocess.run([sys.executable, "-m", name], check=True)


if __name__ == "__main__":
    main()
