"""Sections of the evidence: infrastructure, victims and losses, links, chronology."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from decimal import Decimal

from reports.referral.blocks import Block, Grid, Text
from reports.referral.case import Case
from reports.referral.chart import link_chart
from reports.referral.losses import added, converted
from reports.referral.words import counted, money
from reports.text import plain

MEMBER_LIMIT = 150
"""Members that the document lists; Exhibit 2 holds all."""


def infrastructure(case: Case) -> list[Block]:
    """The members, by role."""
    facts = case.material.facts
    roles = Counter(one["role"] for one in facts.members)
    blocks: list[Block] = [
        Text(
            "No person is a subject of this referral yet. These identifiers are; the role is the "
            "part that each plays in most of its records. Exhibit 2 holds them all, Exhibit 3 "
            "every place where one was read. One that ends in #2 was silent so long that it counts "
            "as another holder's from then on."
        )
    ]
    shown = 0
    for role, count in sorted(roles.items(), key=_most_first):
        rows = []
        for one in facts.members:
            if one["role"] != role or shown >= MEMBER_LIMIT:
                continue
            shown += 1
            rows.append(
                (
                    str(case.number[one["entity_id"]]),
                    plain(one["entity_id"], 80),
                    str(one["complaints"]),
                    str(one["calls"]),
                    f"{one['first_seen']:%Y-%m-%d}",
                    f"{one['last_seen']:%Y-%m-%d}",
                    case.reference.word(one["confidence"]),
                )
            )
        if rows:
            blocks.append(
                Grid(
                    f"{_ROLES.get(role, role)}: {count}",
                    ("No.", "Identifier", "Complaints", "Calls", "First", "Last", "Belongs here"),
                    rows,
                    (0.06, 0.35, 0.11, 0.07, 0.11, 0.11, 0.19),
                    ids=(1,),
                    numbers=(0, 2, 3),
                )
            )
    if len(facts.members) > shown:
        blocks.append(Text(f"{len(facts.members) - shown} more are in Exhibit 2."))
    return blocks


_ROLES = {
    "callback": "Numbers that victims were to call back",
    "caller_id": "Numbers that also called",
    "mentioned": "Mentioned in calls",
    "payee": "Accounts, wallets and handles to be paid",
    "operator": "Operators' remote-access ids",
    "lure_site": "Sites that victims were sent to",
    "sender": "Senders of messages",
    "signalling": "Signalling",
}


def _most_first(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]


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


def links(case: Case) -> list[Block]:
    """What holds the members together, drawn and listed."""
    facts = case.material.facts
    accepted = sorted((one for one in facts.inside if one["accepted"]), key=_heaviest)
    both = sum(1 for one in accepted if len(one["orgs"]) > 1)
    rows = [
        (
            str(case.number[one["entity_a"]]),
            str(case.number[one["entity_b"]]),
            str(one["complaints"]),
            str(one["calls"]),
            str(one["victims"]),
            ", ".join(plain(org, 24) for org in one["orgs"][:3]),
            f"{one['first_seen']:%Y-%m-%d} to {one['last_seen']:%Y-%m-%d}",
        )
        for one in accepted[:15]
    ]
    held = [one for one in case.bridges if len(one.side) > 1]
    loose = len(case.bridges) - len(held)
    return [
        Text(
            f"{len(accepted)} links hold the {len(facts.members)} members together; {both} of them "
            "were seen by more than one organisation. A link is two identifiers that the same "
            "records name, both in roles that the scammer must really hold. "
            f"{_union(case)}"
            f"{loose} members hang on one link alone; {len(held)} links hold a larger part alone."
        ),
        link_chart(case),
        Grid(
            "The links of most evidence (numbers of Exhibit 2)",
            ("A", "B", "Complaints", "Calls", "Victims", "Seen by", "From and to"),
            rows,
            (0.07, 0.07, 0.12, 0.08, 0.1, 0.26, 0.3),
            numbers=(0, 1, 2, 3, 4),
        ),
    ]


def _union(case: Case) -> str:
    if not case.material.union_links:
        return ""
    return (
        f"{case.material.union_links} links only the union of the organisations' evidence "
        "reveals: none of them has both ends in one cluster of its own. "
    )


def _heaviest(one: dict[str, object]) -> tuple[float, str, str]:
    return -float(str(one["weight"])), str(one["entity_a"]), str(one["entity_b"])


def chronology(case: Case) -> list[Block]:
    """What happened when."""
    months: dict[str, Counter[str]] = {}
    for one in case.material.in_order:
        months.setdefault(f"{one.observed_at:%Y-%m}", Counter())[one.key[0]] += 1
    born = Counter(f"{one['first_seen']:%Y-%m}" for one in case.material.facts.members)
    rows = [
        (month, str(of["complaint"]), str(of["call"]), str(born[month]))
        for month, of in sorted(months.items())
    ]
    turns = [
        (
            f"{one.first_seen:%Y-%m-%d}",
            f"{case.number[one.before]}",
            plain(one.before, 60),
            f"{case.number[one.after]}",
            plain(one.after, 60),
        )
        for one in case.handovers[:20]
    ]
    blocks: list[Block] = [
        Grid(
            "Records by month, UTC",
            ("Month", "Complaints", "Calls", "Members first seen"),
            rows,
            (0.25, 0.25, 0.25, 0.25),
            numbers=(1, 2, 3),
        )
    ]
    if turns:
        blocks.append(
            Grid(
                "Handovers: one identifier falls silent, another of its kind that is linked with "
                "it takes over" + ("" if len(turns) == len(case.handovers) else " (the first 20)"),
                ("Day", "No.", "From", "No.", "To"),
                turns,
                (0.14, 0.06, 0.37, 0.06, 0.37),
                ids=(2, 4),
                numbers=(1, 3),
            )
        )
    blocks.append(Text("Exhibit 9 has the first and last sight of every member."))
    return blocks
