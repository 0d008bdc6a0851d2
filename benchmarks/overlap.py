"""Counting shared victims, 100,000 against 100,000: `python -m benchmarks.overlap [PEOPLE]`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from reports.exchange import victim_overlap


def timed(name: str, work: Callable[[], Any]) -> Any:
    """Do `work`, print how long it took, and give what it gave."""
    start = time.perf_counter()
    result = work()
    print(f"{name}\t{time.perf_counter() - start:.1f} s")
    return result


def main(people: int) -> None:
    """Two sets of `people` numbers, a tenth of them shared, through all three letters."""
    session, a, b = bytes(32), victim_overlap.new_secret(), victim_overlap.new_secret()
    asked = [f"+1202{n:07d}" for n in range(people)]
    answered = [f"+1202{n:07d}" for n in range(people - people // 10, 2 * people - people // 10)]
    points = timed("ask", lambda: victim_overlap.request_points(a, session, asked))
    again, tags = timed(
        "answer", lambda: victim_overlap.answer_points(b, session, points, answered)
    )
    shared = timed("count", lambda: victim_overlap.count_shared(a, session, again, tags))
    print(f"{people} against {people}, each letter of {len(points)} elements: {shared} shared")
    if shared != people // 10:
        sys.exit(f"{people // 10} are shared")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
