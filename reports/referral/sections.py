"""The sections of the recipient's document on identifiers, victims, links and times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal

from reports.cluster_data import joined_words
from reports.figures import (
    HEIGHT,
    TIMELINE_WIDTH,
    WIDTH,
    build_timeline,
    graph_figure,
    member_positions,
)
from reports.referral.blocks import (
    Bar,
    Block,
    Chart,
    Disc,
    Grid,
    Label,
    Line,
    Shape,
    Text,
    format_count,
    format_money,
    identifier_words,
    organisation_name,
)
from reports.referral.case import Case
from reports.referral.case_records import convert, exact_sum
from reports.text import plain
from schemas.enums import RecordKind
from transforms.extract.kinds.registry import BY_KIND

TIMELINE_ROWS = 40
"""Identifiers in the timeline, those of most records: as many as a page takes."""

MONTHS_COUNTED = 14
"""Months up to which each bar has its count."""

LABEL_LETTERS = 33

MEMBER_LIMIT = 150
"""Members that the document lists; Exhibit 2 holds all."""

_ROLES = {
    "callback": "Numbers that victims were to call back",
    "caller_id": "Numbers that called",
    "mentioned": "Mentioned",
    "payee": "Accounts, wallets and handles to be paid",
    "operator": "Operators' remote-access ids",
    "lure_site": "Sites that victims were sent to",
    "sender": "Senders of messages",
    "signalling": "Signalling",
}


def infrastructure_section(case: Case) -> list[Block]:
    """Lists the members, by role."""
    facts = case.facts
    roles = Counter(one["role"] for one in facts.members)
    blocks: list[Block] = [
        Text(
            "Two people or more reported each of these identifiers independently, and an analyst "
            "reviewed it. The role is the part that it plays in most of its records. Exhibit 2 "
            'has them all, Exhibit 3 every place where one was read. "Holder 2" is one that was '
            "silent so long that it counts as another's from then on. People are distinct "
            "reporters, by each organisation's own pseudonyms: however often one person complains, "
            "they count once."
        ),
        *_left_out(case),
        *_included(case),
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
                    plain(identifier_words(one["entity_id"]), 80),
                    case.number_of(one["entity_id"]),
                    str(one["reporters"]),
                    str(one["complaints"]),
                    str(one["calls"]),
                    f"{one['first_seen']:%Y-%m-%d}",
                    f"{one['last_seen']:%Y-%m-%d}",
                    case.reference.likelihood_wording(one["confidence"]),
                )
            )
        if rows:
            blocks.append(
                Grid(
                    f"{_ROLES.get(role, role)}: {count}",
                    (
                        "No.",
                        "Identifier",
                        "Evidence number",
                        "People",
                        "Complaints",
                        "Calls",
                        "First",
                        "Last",
                        "Belongs here",
                    ),
                    rows,
                    (0.05, 0.25, 0.15, 0.08, 0.11, 0.07, 0.1, 0.1, 0.09),
                    ids=(1, 2),
                    numbers=(0, 3, 4, 5),
                )
            )
    if len(facts.members) > shown:
        blocks.append(Text(f"{len(facts.members) - shown:,} more are in Exhibit 2."))
    return blocks


def _left_out(case: Case) -> list[Block]:
    """Counts the members that are not named, and says why."""
    count = case.facts.left_out
    if not count:
        return []
    more = format_count(count, "more identifier")
    return [
        Text(
            f"Not named. The operation may use {more}, which this referral counts and does not "
            "name: fewer than two people reported each independently, or it can be a slip of the "
            f"pen of another, or no analyst has reviewed it.{_tied_by_left_out(case)}"
        )
    ]


def _tied_by_left_out(case: Case) -> str:
    if not case.tied_by_left_out:
        return " Nothing in this referral rests on them."
    named = format_count(case.tied_by_left_out, "identifier")
    return f" Nothing in this referral rests on them, but {named} that only they tie to the others."


def _included(case: Case) -> list[Block]:
    """Lists the members that somebody answers for by name."""
    if not case.included:
        return []
    rows = [
        (
            str(case.number[one.entity_id]),
            plain(identifier_words(one.entity_id), 80),
            plain(one.name),
            plain(one.reason, 300),
        )
        for one in case.included
    ]
    return [
        Grid(
            "Included by name, though fewer than two people reported each, or none reviewed it",
            ("No.", "Identifier", "Who answers for it", "Why"),
            rows,
            (0.06, 0.34, 0.2, 0.4),
            ids=(1,),
            numbers=(0,),
        )
    ]


def victims_section(case: Case) -> list[Block]:
    """Counts victims by country and losses by currency, which add up to the exhibits."""
    below, seen = case.reference.policy["suppress_below"], case.disclosed
    rows = [(one.country, f"{one.victims:,}") for one in seen.countries]
    if case.dominant is not None and seen.elsewhere:
        most = case.dominant.victims
        rows.append((case.dominant.country, f"at least {most:,}"))
        rows.append(("Elsewhere, or not known", f"at most {seen.elsewhere - most:,}"))
    elif seen.elsewhere:
        rows.append(("Elsewhere, or not known", f"{seen.elsewhere:,}"))
    if not rows:
        rows = [("Too few to be told by country", str(sum(case.records.victims.values())))]
    return [
        Text(
            f"{case.victims}, by each organisation's own pseudonyms. A country is told apart from "
            f"{below} victims on, and where one is not, neither is a larger one beside it, so that "
            f"none can be worked out by subtraction; the largest is then given as a lower bound, "
            f"rounded down to {2 * below}; of fewer than {2 * below} victims no country is told. "
            "No victim is named or numbered anywhere in this package; the organisations "
            "find them by the references of Exhibit 1. Single losses are in Exhibit 5 with their "
            "currency, since restitution needs them."
        ),
        *_more_victims(case),
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


def _more_victims(case: Case) -> list[Block]:
    """Explains victims above complaints: a call record can be of somebody who did not complain."""
    if case.row["victims"] <= case.row["complaints"]:
        return []
    own = [one for one in case.records.in_order if one.victim is not None]
    complained = {one.victim for one in own if one.key[0] == RecordKind.COMPLAINT}
    alone = len({one.victim for one in own} - complained)
    offered = sum(
        one.people
        for one in case.records.in_order
        if one.key[1] in case.senders and one.key[0] == RecordKind.CALL
    )
    known = alone + offered
    return [
        Text(
            f"There are more victims than complaints, since {known:,} of them "
            f"{'is' if known == 1 else 'are'} known from a call record alone: the call is to or "
            "from a number of this referral, and its victim did not complain."
        )
    ]


def links_section(case: Case) -> list[Block]:
    """Draws and lists the links between the members."""
    facts = case.facts
    accepted = sorted((one for one in facts.inside if one["accepted"]), key=_heaviest)
    both = sum(1 for one in accepted if len(one["orgs"]) > 1)
    rows = [
        (
            str(case.number[one["entity_a"]]),
            str(case.number[one["entity_b"]]),
            str(one["complaints"]),
            str(one["calls"]),
            str(one["reporters"]),
            joined_words([organisation_name(org) for org in one["orgs"][:3]]),
            f"{one['first_seen']:%Y-%m-%d} to {one['last_seen']:%Y-%m-%d}",
        )
        for one in accepted[:15]
    ]
    return [
        Text(
            f"{format_count(len(accepted), 'link')} {'joins' if len(accepted) == 1 else 'join'} "
            f"the {format_count(len(facts.members), 'identifier')}; more than one organisation saw "
            f"{both} of them. A link is two identifiers that the same records name, both in roles "
            f"that the scammer must really hold. {_union(case)}"
        ),
        _link_chart(case),
        Grid(
            "The links of most evidence (numbers of Exhibit 2)",
            ("A", "B", "Complaints", "Calls", "People", "Seen by", "From and to"),
            rows,
            (0.07, 0.07, 0.12, 0.08, 0.1, 0.26, 0.3),
            numbers=(0, 1, 2, 3, 4),
        ),
    ]


def chronology_section(case: Case) -> list[Block]:
    """Draws records by month and the life of each identifier, and lists handovers."""
    months: dict[str, Counter[str]] = {}
    for one in case.records.in_order:
        months.setdefault(f"{one.observed_at:%Y-%m}", Counter())[one.key[0]] += one.people
    new = Counter(f"{one['first_seen']:%Y-%m}" for one in case.facts.members)
    turns = [
        (
            f"{one.first_seen:%Y-%m-%d}",
            f"{case.number[one.before]}",
            plain(identifier_words(one.before), 60),
            f"{case.number[one.after]}",
            plain(identifier_words(one.after), 60),
        )
        for one in case.handovers[:20]
    ]
    blocks: list[Block] = [_month_chart(months, new), _timeline_chart(case)]
    if turns:
        blocks.append(
            Grid(
                "Handovers: one identifier falls silent, and another of its kind that is linked "
                "with it takes over"
                + ("" if len(turns) == len(case.handovers) else " (the first 20)"),
                ("Day", "No.", "From", "No.", "To"),
                turns,
                (0.14, 0.06, 0.37, 0.06, 0.37),
                ids=(2, 4),
                numbers=(1, 3),
            )
        )
    blocks.append(Text("Exhibit 9 has the first and last record of every identifier."))
    return blocks


def _month_chart(months: Mapping[str, Counter[str]], new: Mapping[str, int]) -> Chart:
    """Draws complaints, calls and new identifiers of each month as bars with their counts."""
    none: Counter[str] = Counter()
    first, last = min(months), max(months)
    every = [
        f"{at // 12:04d}-{at % 12 + 1:02d}"
        for at in range(_month_number(first), _month_number(last) + 1)
    ]
    width, height, left = 900.0, 190.0, 10.0
    step = min((width - 2 * left) / len(every), 160.0)
    counts = {
        month: (of["complaint"], of["call"], new.get(month, 0))
        for month in every
        for of in (months.get(month, none),)
    }
    most = max(count for of in counts.values() for count in of) or 1
    bar, floor = step * 0.26, height - 26
    shapes: list[Shape] = [Line(left, floor, left + step * len(every), floor, 1.0, "grid")]
    for at, (month, of) in enumerate(counts.items()):
        x = left + at * step
        for place, (style, count) in enumerate(zip(("complaint", "call", "new"), of, strict=True)):
            tall = round((floor - 20) * count / most, 1)
            start = round(x + step * 0.08 + place * bar, 1)
            shapes.append(Bar(start, round(floor - tall, 1), round(bar * 0.9, 1), tall, style))
            if count and len(every) <= MONTHS_COUNTED:
                middle = round(start + bar * 0.45, 1)
                shapes.append(Label(middle, round(floor - tall - 4, 1), str(count), "middle"))
        if at % -(-len(every) // 14) == 0:
            shapes.append(Label(round(x + step * 0.45, 1), height - 9, month, "middle"))
    return Chart(
        caption="Records by month, UTC, and identifiers by the month in which each was first seen.",
        width=width,
        height=height,
        shapes=shapes,
        legend=[("complaint", "complaints"), ("call", "call records"), ("new", "new identifiers")],
    )


def _month_number(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:]) - 1


def _timeline_chart(case: Case) -> Chart:
    """Draws each identifier from its first to its last record, and what took over from it."""
    shown = replace(case.facts, members=case.facts.members[:TIMELINE_ROWS])
    drawn = build_timeline(shown)
    shapes: list[Shape] = []
    for x, day in drawn.ticks:
        anchor = "end" if x > TIMELINE_WIDTH - 80 else "start"
        shapes += [Line(x, 16, x, drawn.height, 0.7, "grid"), Label(x, 12, day, anchor)]
    for life in drawn.lives:
        label = f"{case.number[life.entity_id]}. {identifier_words(life.entity_id)}"
        short = label if len(label) <= LABEL_LETTERS else f"{label[: LABEL_LETTERS - 1]}…"
        shapes.append(Label(4, life.y + 12, plain(short, 80)))
        shapes.append(Bar(life.x, life.y + 4, max(life.width, 3), 9, life.kind))
    shapes += [Line(*one, 1.6, "alone") for one in drawn.handovers]
    kinds = dict.fromkeys(one.kind for one in drawn.lives)
    left_out = len(case.facts.members) - len(drawn.lives)
    more = f" {left_out} more are in Exhibit 9." if left_out else ""
    return Chart(
        caption=(
            "Identifiers from first to last record. A dashed line leads from one that falls silent "
            f"to one of its kind that takes over.{more}"
        ),
        width=TIMELINE_WIDTH,
        height=drawn.height,
        shapes=shapes,
        legend=[*((kind, BY_KIND[kind].noun) for kind in kinds), ("alone", "handover")],
    )


def _most_first(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]


def _by_jurisdiction(case: Case) -> list[Sequence[str]]:
    """Returns losses of the shown countries, of the others together, and in total."""
    shown = [one.country for one in case.disclosed.countries]
    rest = [of for country, of in case.records.losses.items() if country not in shown]
    rows: list[Sequence[str]] = []
    for country in shown:
        for currency, amount in sorted(case.records.losses.get(country, {}).items()):
            rows.append((country, currency, format_money(amount)))
    for currency in case.totals:
        amounts = [of[currency] for of in rest if currency in of]
        if amounts:
            rows.append(("Elsewhere, or not known", currency, format_money(exact_sum(amounts))))
    for currency, (amount, count) in case.totals.items():
        rows.append((f"Total, {format_count(count, 'complaint')}", currency, format_money(amount)))
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
            rows.append((currency, format_money(amount), "1", format_money(amount), ""))
        elif currency in case.rates:
            rate = case.rates[currency]
            sums.append(convert(amount, rate))
            dated = f"{rate.day}, {plain(rate.source, 80)}"
            rows.append(
                (currency, format_money(amount), str(rate.rate), format_money(sums[-1]), dated)
            )
        else:
            missing.append(currency)
    rows.append(("Total", "", "", f"{to} {format_money(exact_sum(sums))}", ""))
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


def _offered(case: Case) -> list[Block]:
    """Puts what other organisations state beside the own records, and adds up what can be."""
    if not case.records.offered:
        return []
    own = joined_words(case.own_names)
    sides = [(own, case.own_side), *case.other_sides]
    rows = [
        (
            name,
            f"{side.victims:,}" if side.complete else f"at least {side.victims:,}",
            _listed(side.countries, bound=side.rounded),
            _listed(side.losses, bound=side.withheld) or ("withheld" if side.withheld else "none"),
        )
        for name, side in sides
    ]
    rows.append(
        (
            "Together",
            f"{case.row['victims']:,}",
            _listed(case.countries_together, bound=True),
            "; ".join(case.losses_together) or "none stated",
        )
    )
    return [
        Grid(
            "All organisations: victims and losses, as each states them of its own records",
            ("Organisation", "Victims", "Of them, by country", "Losses"),
            rows,
            (0.2, 0.12, 0.26, 0.42),
            numbers=(1,),
        ),
        Text(
            f"Figures of {own} are exact sums of its records, as in the tables above; small counts "
            "of countries are withheld. Others round their losses and withhold small counts, so "
            "that a total with one of theirs is a lower bound; a currency that one organisation "
            "alone states is marked. A person who reported to both is counted by both"
            f"{', but for those below' if case.shared else ''}. What others count stands in "
            "Exhibit 1 by their offer and the place in it; they hold the records."
        ),
    ]


def _listed(figures: Mapping[str, Decimal | int], *, bound: bool) -> str:
    """Returns counts by country or amounts by currency as a text."""
    words = [
        f"{name} {format_money(one) if isinstance(one, Decimal) else f'{one:,}'}"
        for name, one in sorted(figures.items())
    ]
    return f"{'at least ' if bound and words else ''}{', '.join(words)}"


def _shared(case: Case) -> list[Block]:
    """Lists signed counts of the victims whom two organisations share."""
    if not case.shared:
        return []
    rows = [
        (organisation_name(one.organisation), one.by, one.text, one.day, one.signer)
        for one in case.shared
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


def _union(case: Case) -> str:
    if not case.records.union_links:
        return ""
    return (
        f"{format_count(case.records.union_links, 'link')} only the organisations' evidence "
        "together reveals: none of them alone has both ends in one group. "
    )


def _heaviest(one: dict[str, object]) -> tuple[float, str, str]:
    return -float(str(one["weight"])), str(one["entity_a"]), str(one["entity_b"])


def _link_chart(case: Case) -> Chart:
    """Draws the members and the links between them, without suppliers and rejected links."""
    facts = case.facts
    drawn = graph_figure(facts, member_positions(facts, {}))
    weakest = {tuple(sorted((b.link["entity_a"], b.link["entity_b"]))) for b in case.bridges}
    shapes: list[Shape] = []
    for one in drawn.lines:
        a, b = drawn.nodes[one.a], drawn.nodes[one.b]
        alone = tuple(sorted((a.entity_id, b.entity_id))) in weakest
        shapes.append(Line(a.x, a.y, b.x, b.y, one.width, "alone" if alone else "link"))
    nodes = drawn.nodes
    for node in nodes:
        radius, number = max(node.radius, 8.5), str(case.number[node.entity_id])
        shapes.append(Disc(node.x, node.y, radius, node.kind))
        shapes.append(Label(node.x, node.y + 3.2, number, "middle", white=True))
    return Chart(
        caption=(
            f"Links between {len(nodes)} of {len(facts.members)} identifiers. Numbers are rows of "
            "Exhibit 2. Lines join identifiers that the same records name, thicker with more "
            "evidence; a dashed one alone ties an identifier, or a part, to the rest. Exhibit 4 "
            "has the same as a table."
        ),
        width=WIDTH,
        height=HEIGHT,
        shapes=shapes,
        legend=[(kind, BY_KIND[kind].noun) for kind in dict.fromkeys(one.kind for one in nodes)],
    )
