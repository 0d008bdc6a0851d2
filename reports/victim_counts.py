"""Counts of victims by country that may be shown to a reader outside.

They follow statistical disclosure control for one table with a total (Hundepool et al.,
Statistical Disclosure Control, 2012, chapter 4). Cells under k are hidden (primary suppression).
A larger cell is hidden with them (complementary suppression): else the total less the shown cells
would reveal the small ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.offer import CountryCount

SMALLEST_TABLE = 2
"""Least victims of a table for any of it to be shown, as a multiple of k."""


@dataclass(frozen=True)
class DisclosedCounts:
    """The shown part of a table of victims by country; `elsewhere` is None if nothing is shown."""

    countries: tuple[CountryCount, ...]
    elsewhere: int | None


NOTHING_DISCLOSED = DisclosedCounts((), None)


def disclose_counts(victims: Mapping[str | None, int], k: int) -> DisclosedCounts:
    """Returns what may be shown of victims by country (None: unknown) with the threshold `k`.

    Countries of k victims or more are shown with their count, the rest as one sum. If any country
    is hidden, so is the smallest with more than k victims, and every other with as many. So whoever
    knows the rule and the total cannot tell which hidden country is the large one: each can have
    had none, or more than k. A table of fewer than 2k victims is not shown.
    """
    cells = {country: count for country, count in victims.items() if count > 0}
    total = sum(cells.values())
    unknown = cells.pop(None, 0)
    if total < SMALLEST_TABLE * k:
        return NOTHING_DISCLOSED
    named = {str(country): count for country, count in cells.items() if count >= k}
    if len(named) < len(cells) or 0 < unknown < k:
        hidden = min((count for count in named.values() if count > k), default=None)
        named = {c: n for c, n in named.items() if hidden is not None and n != hidden}
    counts = tuple(CountryCount(country, count) for country, count in sorted(named.items()))
    return DisclosedCounts(counts, total - sum(named.values()))
