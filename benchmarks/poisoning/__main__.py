"""The lies that each harm costs: `python -m benchmarks.poisoning [--full]`, in Markdown.

The first table (`benchmarks.poisoning.kinds`) has the cost of naming a stranger, by kind of
identifier. The second has all other harms, on new simulated worlds of twelve rings and 300
complaints. After a first run an analyst confirms two clusters, declares a number legitimate and
disputes another (both for a month). Then liars add complaints, and `ringtrace batch` runs over the
whole world again.

A liar is a reporter of a company, with a pseudonym, days and words of their own unless the attack
says otherwise. A liar knows everything: the identifiers of every cluster, and how many reporters
show each.

Every attack is tried with more and more liars, with one complaint each and with ten. The table has
the fewest that did the harm in any try, and the number of such tries. A table without success only
says that these attacks failed. A world with few liars takes under six minutes on two cores;
`--full` takes three worlds and more budgets.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from benchmarks import measured
from benchmarks.poisoning import harms, kinds


def main(words: list[str] | None = None) -> None:
    """Prints both tables."""
    parser = measured.Parser("benchmarks.poisoning", __doc__)
    parser.add_argument("--full", action="store_true", help="more worlds, and numbers of liars")
    full = parser.parse_args(words).full
    with (
        tempfile.TemporaryDirectory() as folder,
        ProcessPoolExecutor(2, get_context("spawn")) as pool,
    ):
        kinds.print_cells(kinds.measure(pool, Path(folder) / "kinds", full=full), full=full)
        outcomes = harms.measure(pool, Path(folder) / "harms", full=full)
    print()
    print("\n".join(harms.table_lines(outcomes, full=full)))


if __name__ == "__main__":
    main()
