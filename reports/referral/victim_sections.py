"""The section of victims and losses: by jurisdiction, converted, offered, and shared."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from reports.referral.blocks import Block, Grid, Text
from reports.referral.case import Case
from reports.referral.losses import added, converted
from reports.referral.words import counted, money
from reports.text import plain


def victims(case: Case) -> list[Block]:
    """Victims by country and losses by currency, which add up to the exhibits."""
    below, seen = case.reference.policy["suppress_below"], case.cells
    rows = [(one.country, str(one.victims)) for one in seen.countries]
    if seen.elsewhere:
        rows.append(("Elsewhere, or not known", str(seen.elsewhere)))
    if not rows:
        rows = [("Too few to be told by country", str(sum(case.material.victims.values())))]
    return [
        Text(
            f"{case.victims}, by each organisation's own pseudonyms. A country is told apart from "
            f"{below} victims on, and where one is not, neither is a larger one beside it, so that "
            f"none can be worked out by subtraction; of fewer than {2 * below} victims no country "
            "is told. No victim is named or numbered anywhere in this package; the organisations "
            "find them by the references of Exhibit 1. Single losses are in Exhibit 5 with their "
            "currency, since restitution needs them."
        ),
        Grid("Victims by country", ("Country", "Victims"), rows, (0.75, 0.25), numbers=(1,)),
        Grid(
            "Losses by jurisdiction and currency, as the complaints of Exhibit 5 state them",
            ("Jurisdiction", "Currency", "Amount"),
            _by_jurisdiction(case),
            (0.55, 0.15, 0.3),
            numbers=(2,),
        ),
        *_conversion(case),
        *_offered(case),
        *_shared(case),
    ]


def _shared(case: Case) -> list[Block]:
    """Signed counts of the victims whom two organisations share."""
    if not case.shared:
        return []
    rows = [
        (plain(one.organisation, 40), one.by, one.words, one.day, one.signer) for one in case.shared
    ]
    return [
        Grid(
            "Victims on both sides, counted by private set intersection; signed letters in "
            "overlaps/",
            ("Shared with", "Compared by", "Victims", "Counted at", "Key that signed"),
            rows,
            (0.16, 0.13, 0.14, 0.2, 0.37),
            ids=(4,),
            numbers=(2,),
        ),
        Text(
            "Each side learned the count and not who they are. Whoever gave the two organisations "
            "different numbers, or none, is not found and is still counted twice: hence at most. "
            "What a side puts in cannot be seen by the other; docs/exchange.md says what must be "
            "agreed on paper."
        ),
    ]


def _offered(case: Case) -> list[Block]:
    """What other organisations' offers say of their own victims and losses."""
    if not case.material.offered:
        return []
    rows = []
    for one in case.material.offered:
        countries = [f"{each['country']} {each['victims']}" for each in one["countries"] or []]
        losses = [f"{each['currency']} {each['amount']:,}" for each in one["losses"] or []]
        rows.append(
            (
                plain(one["contributor"], 40),
                str(one["members"]),
                "not told" if one["victims_known"] is None else str(one["victims_known"]),
                ", ".join(countries) or "not told",
                ", ".join(losses) or "not told",
            )
        )
    return [
        Grid(
            "What offers of other organisations say, suppressed and rounded by them; not in the "
            "tables above",
            ("Organisation", "Members", "Victims", "Of them, by country", "Losses, rounded"),
            rows,
            (0.2, 0.12, 0.14, 0.27, 0.27),
            numbers=(1, 2),
        ),
        Text(
            "The tables above are of the records of the organisation that made this package. A "
            "person who reported to both is counted by both"
            f"{', but for those below' if case.shared else ''}. What an offer counts "
            "stands in Exhibit 1 by the offer and the place in it; the organisation that sent it "
            "holds the records."
        ),
    ]


def _by_jurisdiction(case: Case) -> list[Sequence[str]]:
    """Losses of the shown countries, the others together, and the total, which all add up."""
    shown = [one.country for one in case.cells.countries]
    rest = [of for country, of in case.material.losses.items() if country not in shown]
    rows: list[Sequence[str]] = []
    for country in shown:
        for currency, amount in sorted(case.material.losses.get(country, {}).items()):
            rows.append((country, currency, money(amount)))
    for currency in case.totals:
        amounts = [of[currency] for of in rest if currency in of]
        if amounts:
            rows.append(("Elsewhere, or not known", currency, money(added(amounts))))
    for currency, (amount, count) in case.totals.items():
        rows.append((f"Total, {counted(count, 'complaint')}", currency, money(amount)))
    return rows


def _conversion(case: Case) -> list[Block]:
    if not case.rates:
        return [Text("Not converted: no rates were given.")]
    to = next(iter(case.rates.values())).to
    rows: list[Sequence[str]] = []
    sums: list[Decimal] = []
    missing = []
    for currency, (amount, _) in case.totals.items():
        if currency == to:
            sums.append(amount)
            rows.append((currency, money(amount), "1", money(amount), ""))
        elif currency in case.rates:
            rate = case.rates[currency]
            sums.append(converted(amount, rate))
            told = f"{rate.day}, {plain(rate.source, 80)}"
            rows.append((currency, money(amount), str(rate.rate), money(sums[-1]), told))
        else:
            missing.append(currency)
    rows.append(("Total", "", "", f"{to} {money(added(sums))}", ""))
    lacking = f" Without a rate, and not in it: {', '.join(missing)}." if missing else ""
    return [
        Grid(
            f"Converted to {to}, each currency once, to the cent, half to even",
            ("Currency", "Amount", "Rate", f"In {to}", "Day and source of the rate"),
            rows,
            (0.12, 0.2, 0.14, 0.24, 0.3),
            numbers=(1, 2, 3),
        ),
        Text(f"A conversion is for orientation; the amounts above count.{lacking}"),
    ]
