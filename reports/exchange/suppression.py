"""Victims by country, so that no small count can be read off, nor subtracted from the rest.

Statistical disclosure control for one table with a total (Hundepool et al., Statistical
Disclosure Control, 2012, chapter 4): cells under k are not shown (primary suppression), and neither
is a larger one beside them (complementary), so that what is left over when the shown cells are
taken from the total says little of either.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from reports.exchange.policy import Policy
from schemas.offer import CountryCount, OfferedLoss

EURO = frozenset("AT BE BG CY DE EE ES FI FR GR HR IE IT LT LU LV MT NL PT SI SK".split())
"""Countries whose currency is the euro (ECB, January 2026)."""


@dataclass(frozen=True)
class Shown:
    """What is shown of a table of victims by country; `elsewhere` is None where nothing is."""

    countries: tuple[CountryCount, ...]
    elsewhere: int | None


NOTHING = Shown((), None)

SMALLEST_TABLE = 2
"""Times k that the victims of a table must be, for any of it to be shown."""


def shown(victims: Mapping[str | None, int], k: int) -> Shown:
    """What may be shown of victims by country (None: unknown) with the threshold `k`.

    Countries of k victims or more are shown with their exact count, the rest as one sum. If any
    country is not shown, neither is the smallest of those with more than k, and every other with
    as many. So whoever knows the rule and the total cannot tell which country of the rest is the
    large one: each can have had none, or more than k. Of fewer than 2k victims nothing is shown.
    """
    cells = {country: count for country, count in victims.items() if count > 0}
    total = sum(cells.values())
    unknown = cells.pop(None, 0)
    if total < SMALLEST_TABLE * k:
        return NOTHING
    named = {str(country): count for country, count in cells.items() if count >= k}
    if len(named) < len(cells) or 0 < unknown < k:
        hidden = min((count for count in named.values() if count > k), default=None)
        named = {c: n for c, n in named.items() if hidden is not None and n != hidden}
    counts = tuple(CountryCount(country, count) for country, count in sorted(named.items()))
    return Shown(counts, total - sum(named.values()))


def losses(
    by_victim: Mapping[str, Sequence[Decimal]], seen: Shown, policy: Policy
) -> tuple[OfferedLoss, ...]:
    """What may be shown of the losses by currency, each victim's own sum once.

    A currency says where somebody lives. It is shown where at least k victims state it, none of
    them has more than `loss_dominance` of the sum, and its country is among those that are shown.
    """
    countries = {one.country for one in seen.countries}
    found = []
    for currency, amounts in sorted(by_victim.items()):
        total = sum(amounts, Decimal(0))
        at_home = bool(countries & EURO) if currency == "EUR" else currency[:2] in countries
        if len(amounts) < policy.k or not at_home or total <= 0:
            continue
        if max(amounts) > total * Decimal(str(policy.loss_dominance)):
            continue
        units = int((total / policy.loss_unit).to_integral_value())
        if units:
            found.append(OfferedLoss(units * policy.loss_unit, currency))
    return tuple(found)
