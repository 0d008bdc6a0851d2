"""The lies that each harm costs: `python -m benchmarks.poisoning [--full]`, in Markdown.

The first table, of `benchmarks.poisoning.kinds`, has what naming a stranger costs, by kind of
identifier. The second has all other harms, on fresh simulated worlds of twelve rings and 300
complaints. On each, an analyst confirms two clusters, declares one number legitimate and disputes
another (both for a month), from a run that the next one follows. Then liars add complaints, and
`ringtrace batch` runs again, whole, over the world with these. A liar is one reporter of one
company, with a pseudonym, days and words of their own unless the attack says otherwise, and knows
everything: the identifiers of every cluster and how many reporters show each.

Every attack is tried with more and more liars, each with one complaint and with ten; the table says
the least that did the harm in any of the tries, and in how many. Attacks are written to do harm:
where the table says that none succeeded, none of these did. One world and few numbers of liars take
under six minutes on two cores; `--full` takes three worlds and more numbers.
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
