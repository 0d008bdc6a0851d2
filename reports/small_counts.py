"""Counts of victims that are too small to show: with them, a person could be pointed at."""

from __future__ import annotations

from collections.abc import Sequence

SUPPRESS_BELOW = 5
"""Counts that a reader outside does not see are those below it.

Eurostat and UK ONS use thresholds from 3 to 10.
"""


def suppressed(counts: Sequence[int], floor: int) -> list[int | None]:
    """Counts of exclusive groups, None for those that stay hidden.

    Those below `floor` are hidden, but for 0. One alone could be had back from the sum of all, so
    that the next larger one is then hidden too (secondary suppression: Willenborg and de Waal,
    Elements of Statistical Disclosure Control, 2001).
    """
    hidden = {place for place, count in enumerate(counts) if 0 < count < floor}
    if len(hidden) == 1:
        others = [place for place, count in enumerate(counts) if place not in hidden and count]
        hidden |= {min(others, key=lambda place: (counts[place], place))} if others else set()
    return [None if place in hidden else count for place, count in enumerate(counts)]
