"""Counts of victims by country that may be shown to a reader outside.

They are under statistical disclosure control for one table with a total (Hundepool et al.,
Statistical Disclosure Control, 2012, chapter 4): cells under k are not shown (primary suppression),
and neither is a larger one beside them (complementary), so that what is left over when the shown
cells are taken from the total says little of either.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.offer import CountryCount

SMALLEST_TABLE = 2
"""Times k that the victims of a table must be, for any of it to be shown."""


@dataclass(frozen=True)
class DisclosedCounts:
    """The shown part of a table of victims by country; `elsewhere` is None where nothing is."""

    countries: tuple[CountryCount, ...]
    elsewhere: int | None


NOTHING_DISCLOSED = DisclosedCounts((), None)


def disclose_counts(victims: Mapping[str | None, int], k: int) -> DisclosedCounts:
    """Returns what may be shown of victims by country (None: unknown) with the threshold `k`.

    Countries of k victims or more are shown with their count, the rest as one sum. If any is not
    shown, neither is the smallest of those with more than k, and every other with as many. So
    whoever knows the rule and the total cannot tell which country of the rest is the large one:
    each can have had none, or more than k. A table of fewer than 2k victims is not shown.
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
