"""The document's sections on identifiers, victims, links, times, and what a defence would say.

Long, since they share their figures, and each of them is a page of the same document.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise

from reports.figures import (
    HANDOVER_DAYS,
    HEIGHT,
    OVERLAP_DAYS,
    TIMELINE_WIDTH,
    WIDTH,
    build_timeline,
    graph_figure,
    member_positions,
)
from reports.link_evidence import REASSIGNED_DAYS, SURE_CONFIDENCE
from reports.referral.blocking_checks import find_separating
from reports.referral.blocks import Bar, Block, Chart, Disc, Grid, Label, Line, Points, Shape, Text
from reports.referral.case import Case, Side, victims_at_most
from reports.referral.case_records import convert, exact_sum
from reports.referral.language import organisation_name
from reports.text import most_first, plain
from schemas.enums import RecordKind
from schemas.facts import facts_of
from transforms.extract.kinds.registry import BY_KIND

TIMELINE_ROWS = 40
"""Identifiers in the timeline, those of most records: as many as a page takes."""

MONTHS_COUNTED = 14
"""Months up to which each bar has its count."""

LABEL_LETTERS = 33

DAY_WIDTH = 80.0
"""The room that the label of a day takes in the timeline."""

MEMBER_LIMIT = 150
"""Members that the document lists; Exhibit 2 holds all."""

TABLE_LIMIT = 12
"""Rows of a table of what speaks against the case; the exhibits have all."""


def infrastructure_section(case: Case) -> list[Block]:
    """Lists the members, by role."""
    facts = case.facts
    roles = Counter(member["role"] for member in facts.members)
    but = case.say("identifiers_section.but_included") if case.included else ""
    blocks: list[Block] = [
        Text(case.say("identifiers_section.about", but=but)),
        *([Text(case.weeks)] if case.joint else []),
        *_left_out(case),
        *_included(case),
    ]
    shown = 0
    for role, count in most_first(roles):
        rows = []
        for member in facts.members:
            if member["role"] != role or shown >= MEMBER_LIMIT:
                continue
            shown += 1
            rows.append(
                (
                    str(case.number[member["entity_id"]]),
                    plain(case.identifier(member["entity_id"]), 80),
                    case.number_of(member["entity_id"]),
                    str(member["reporters"]),
                    str(member["complaints"]),
                    str(member["calls"]),
                    f"{member['first_seen']:%Y-%m-%d}",
                    f"{member['last_seen']:%Y-%m-%d}",
                    case.reference.likelihood_wording(member["confidence"]),
                )
            )
        if rows:
            blocks.append(
                Grid(
                    case.say(
                        "identifiers_section.role",
                        role=case.language.word("roles", role),
                        count=count,
                    ),
                    case.heads(
                        "identifiers",
                        "number",
                        "identifier",
                        "evidence_number",
                        "people",
                        "complaints",
                        "calls",
                        "first",
                        "last",
                        "likelihood",
                    ),
                    rows,
                    (0.042, 0.253, 0.146, 0.055, 0.092, 0.055, 0.094, 0.094, 0.169),
                    ids=(1, 2),
                    numbers=(0, 3, 4, 5),
                )
            )
    if len(facts.members) > shown:
        left = len(facts.members) - shown
        blocks.append(Text(case.say("identifiers_section.more", n=left)))
    return blocks


def _left_out(case: Case) -> list[Block]:
    """Counts the members that are not named, and says why."""
    count, tied = case.facts.left_out, case.tied_by_left_out
    if not count:
        return []
    rests = (
        case.say("identifiers_section.rests_but", n=tied)
        if tied
        else case.say("identifiers_section.rests")
    )
    return [Text(f"{case.say('identifiers_section.left_out', n=count)}{rests}")]


def _included(case: Case) -> list[Block]:
    """Lists the members that somebody answers for by name."""
    if not case.included:
        return []
    rows = [
        (
            str(case.number[inclusion.entity_id]),
            plain(case.identifier(inclusion.entity_id), 80),
            plain(inclusion.name),
            plain(inclusion.reason, 300),
        )
        for inclusion in case.included
    ]
    return [
        Grid(
            case.say("identifiers_section.included"),
            case.heads("included", "number", "identifier", "who", "why"),
            rows,
            (0.06, 0.34, 0.2, 0.4),
            ids=(1,),
            numbers=(0,),
        )
    ]


def victims_section(case: Case) -> list[Block]:
    """Counts victims by country and losses by currency, which add up to the exhibits."""
    below, seen = case.reference.policy["suppress_below"], case.disclosed
    say, number = case.say, case.language.number
    rows = [(country.country, number(country.victims)) for country in seen.countries]
    elsewhere = say("victims_section.elsewhere")
    if case.dominant is not None and seen.elsewhere:
        most = case.dominant.victims
        rows.append((case.dominant.country, say("general.at_least", what=number(most))))
        rows.append((elsewhere, say("general.at_most", what=number(seen.elsewhere - most))))
    elif seen.elsewhere:
        rows.append((elsewhere, number(seen.elsewhere)))
    if not rows:
        rows = [(say("victims_section.too_few"), str(sum(case.records.victims.values())))]
    return [
        Text(
            say("victims_section.about", victims=case.victims, below=below, twice_below=2 * below)
        ),
        *_more_victims(case),
        Grid(
            say("victims_section.by_country"),
            case.heads("victims", "country", "victims"),
            rows,
            (0.75, 0.25),
            numbers=(1,),
        ),
        Grid(
            say("victims_section.losses"),
            case.heads("losses", "jurisdiction", "currency", "amount"),
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
    most = victims_at_most(case.row["victims"], case.cluster_victims, case.shared)
    if most <= case.row["complaints"]:
        return []
    own = [record for record in case.records.in_order if record.victim is not None]
    complained = {record.victim for record in own if record.key[0] == RecordKind.COMPLAINT}
    alone = len({record.victim for record in own} - complained)
    offered = sum(
        record.people
        for record in case.records.in_order
        if record.key[1] in case.senders and record.key[0] == RecordKind.CALL
    )
    return [Text(case.say("victims_section.more_than_complaints", n=alone + offered))]


def links_section(case: Case) -> list[Block]:
    """Draws and lists the links between the members."""
    facts = case.facts
    accepted = sorted((link for link in facts.inside if link["accepted"]), key=_heaviest)
    both = sum(1 for link in accepted if len(link["orgs"]) > 1)
    union = len(case.records.union_links)
    rows = [
        (
            str(case.number[link["entity_a"]]),
            str(case.number[link["entity_b"]]),
            str(link["complaints"]),
            str(link["calls"]),
            str(link["reporters"]),
            case.language.organisations(link["orgs"][:3]),
            case.language.iso_days(link["first_seen"], link["last_seen"]),
        )
        for link in accepted[:15]
    ]
    return [
        Text(
            case.say(
                "links_section.about",
                n=len(accepted),
                identifiers=case.language.count("identifier", len(facts.members)),
                both=both,
            )
            + (case.say("links_section.union", n=union) if union else "")
        ),
        _link_chart(case),
        Grid(
            case.say("links_section.caption"),
            case.heads("links", "a", "b", "complaints", "calls", "people", "seen_by", "days"),
            rows,
            (0.07, 0.07, 0.12, 0.08, 0.1, 0.26, 0.3),
            numbers=(0, 1, 2, 3, 4),
        ),
    ]


def chronology_section(case: Case) -> list[Block]:
    """Draws records by month and the life of each identifier, and lists handovers."""
    months: dict[str, Counter[str]] = {}
    for record in case.records.in_order:
        months.setdefault(f"{record.observed_at:%Y-%m}", Counter())[record.key[0]] += record.people
    new = Counter(f"{member['first_seen']:%Y-%m}" for member in case.facts.members)
    turns = [
        (
            f"{case.number[handover.before]}",
            plain(case.identifier(handover.before), 60),
            f"{handover.last_seen:%Y-%m-%d}",
            f"{case.number[handover.after]}",
            plain(case.identifier(handover.after), 60),
            f"{handover.first_seen:%Y-%m-%d}",
        )
        for handover in case.handovers[:20]
    ]
    blocks: list[Block] = [_month_chart(case, months, new), _timeline_chart(case)]
    if turns:
        handovers = case.say(
            "chronology_section.handovers", before=OVERLAP_DAYS, after=HANDOVER_DAYS
        )
        whole = len(turns) == len(case.handovers)
        more = "" if whole else case.say("chronology_section.first", count=len(turns))
        blocks.append(
            Grid(
                f"{handovers}{more}",
                case.heads("handovers", "number", "from", "last", "number", "to", "first"),
                turns,
                (0.06, 0.3, 0.14, 0.06, 0.3, 0.14),
                ids=(1, 4),
                numbers=(0, 3),
            )
        )
    weeks = f" {case.weeks}" if case.joint else ""
    blocks.append(Text(f"{case.say('chronology_section.exhibit')}{weeks}"))
    return blocks


def _month_chart(case: Case, months: Mapping[str, Counter[str]], new: Mapping[str, int]) -> Chart:
    """Draws complaints, calls and new identifiers of each month as bars with their counts."""
    none: Counter[str] = Counter()
    first, last = min(months), max(months)
    every = [
        f"{number // 12:04d}-{number % 12 + 1:02d}"
        for number in range(_month_number(first), _month_number(last) + 1)
    ]
    width, height, left = 900.0, 190.0, 10.0
    step = min((width - 2 * left) / len(every), 160.0)
    counts = {
        month: (bars["complaint"], bars["call"], new.get(month, 0))
        for month in every
        for bars in (months.get(month, none),)
    }
    most = max(count for bars in counts.values() for count in bars) or 1
    bar, floor = step * 0.26, height - 26
    shapes: list[Shape] = [Line(left, floor, left + step * len(every), floor, 1.0, "grid")]
    for column, (month, bars) in enumerate(counts.items()):
        x = left + column * step
        for place, (style, count) in enumerate(
            zip(("complaint", "call", "new"), bars, strict=True)
        ):
            tall = round((floor - 20) * count / most, 1)
            start = round(x + step * 0.08 + place * bar, 1)
            shapes.append(Bar(start, round(floor - tall, 1), round(bar * 0.9, 1), tall, style))
            if count and len(every) <= MONTHS_COUNTED:
                middle = round(start + bar * 0.45, 1)
                shapes.append(Label(middle, round(floor - tall - 4, 1), str(count), "middle"))
        if column % -(-len(every) // 14) == 0:
            shapes.append(Label(round(x + step * 0.45, 1), height - 9, month, "middle"))
    return Chart(
        caption=case.say("charts.months"),
        width=width,
        height=height,
        shapes=shapes,
        legend=[(name, case.say(f"charts.{name}")) for name in ("complaint", "call", "new")],
    )


def _month_number(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:]) - 1


def _timeline_chart(case: Case) -> Chart:
    """Draws each identifier from its first to its last record, and what took over from it."""
    drawn = build_timeline(case.facts, TIMELINE_ROWS)
    shapes: list[Shape] = []
    free = 0.0
    for x, day in drawn.ticks:
        anchor = "end" if x > TIMELINE_WIDTH - DAY_WIDTH else "start"
        shapes.append(Line(x, 16, x, drawn.height, 0.7, "grid"))
        if (start := x - DAY_WIDTH if anchor == "end" else x) >= free:
            shapes.append(Label(x, 14.5, day, anchor))
            free = start + DAY_WIDTH
    for life in drawn.lives:
        label = f"{case.number[life.entity_id]}. {case.identifier(life.entity_id)}"
        short = label if len(label) <= LABEL_LETTERS else f"{label[: LABEL_LETTERS - 1]}…"
        shapes.append(Label(4, life.y + 12, plain(short, 80)))
        shapes.append(Bar(life.x, life.y + 4, max(life.width, 3), 9, life.kind))
    shapes += [Line(*handover, 1.6, "alone") for handover in drawn.handovers]
    kinds = dict.fromkeys(live.kind for live in drawn.lives)
    left_out = len(case.facts.members) - len(drawn.lives)
    more = case.say("charts.timeline_more", n=left_out) if left_out else ""
    turn = [("alone", case.say("charts.handover"))] if drawn.handovers else []
    return Chart(
        caption=f"{case.say('charts.timeline')}{more}",
        width=TIMELINE_WIDTH,
        height=drawn.height,
        shapes=shapes,
        legend=[*_kind_legend(case, kinds), *turn],
    )


def _kind_legend(case: Case, kinds: Iterable[str]) -> list[tuple[str, str]]:
    return [(kind, case.say(f"kinds.{kind}")) for kind in kinds]


def _by_jurisdiction(case: Case) -> list[Sequence[str]]:
    """Returns losses of the shown countries, of the others together, and in total.

    Where no country is shown, "elsewhere" would be all of it, the largest country's too.
    """
    shown = [disclosed.country for disclosed in case.disclosed.countries]
    money, elsewhere = case.language.money, case.say("victims_section.elsewhere")
    rest = [losses for country, losses in case.records.losses.items() if country not in shown]
    rows: list[Sequence[str]] = []
    for country in shown:
        for currency, amount in sorted(case.records.losses.get(country, {}).items()):
            rows.append((country, currency, money(amount)))
    for currency in case.totals:
        amounts = [losses[currency] for losses in rest if currency in losses]
        if amounts and shown:
            rows.append((elsewhere, currency, money(exact_sum(amounts))))
    for currency, (amount, count) in case.totals.items():
        rows.append((case.say("victims_section.total", n=count), currency, money(amount)))
    return rows


def _conversion(case: Case) -> list[Block]:
    if not case.rates:
        return [Text(case.say("conversion.none"))]
    to = next(iter(case.rates.values())).to
    money = case.language.money
    rows: list[Sequence[str]] = []
    sums: list[Decimal] = []
    missing = []
    for currency, (amount, _) in case.totals.items():
        if currency == to:
            sums.append(amount)
            rows.append((currency, money(amount), "1", money(amount), ""))
        elif currency in case.rates:
            rate = case.rates[currency]
            sums.append(convert(amount, rate))
            dated = f"{rate.day}, {plain(rate.source, 80)}"
            rows.append((currency, money(amount), str(rate.rate), money(sums[-1]), dated))
        else:
            missing.append(currency)
    whole = f"{to} {money(exact_sum(sums))}"
    rows.append((case.say("conversion.total"), "", "", whole, ""))
    lacking = case.say("conversion.missing", names=", ".join(missing)) if missing else ""
    return [
        Grid(
            case.say("conversion.caption", to=to),
            (
                *case.heads("conversion", "currency", "amount", "rate"),
                case.say("heads.conversion.converted", to=to),
                *case.heads("conversion", "source"),
            ),
            rows,
            (0.12, 0.2, 0.14, 0.24, 0.3),
            numbers=(1, 2, 3),
        ),
        Text(f"{case.say('conversion.about')}{lacking}"),
    ]


def _offered(case: Case) -> list[Block]:
    """Puts what other organisations state beside the own records, and adds up what can be."""
    if not case.records.offered:
        return []
    say, number, row = case.say, case.language.number, case.row
    own = case.language.join(case.own_names)
    sides = [(own, case.own_side), *case.other_sides]
    rows = []
    for name, side in sides:
        losses = _listed(case, side.losses, bound=side.withheld)
        rows.append(
            (
                name,
                _victims_of(case, side),
                _listed(case, side.countries, bound=side.rounded),
                losses or say("general.withheld" if side.withheld else "general.none"),
            )
        )
    rows.append(
        (
            say("joint.together"),
            say(
                "general.at_most",
                what=number(victims_at_most(row["victims"], case.cluster_victims, case.shared)),
            ),
            _listed(case, case.countries_together, bound=True),
            "; ".join(case.losses_together) or say("general.none_stated"),
        )
    )
    return [
        Grid(
            say("joint.caption"),
            case.heads("joint", "organisation", "victims", "countries", "losses"),
            rows,
            (0.17, 0.16, 0.22, 0.45),
            numbers=(1,),
        ),
        Text(say("joint.about", own=own, but=say("joint.but_shared") if case.shared else "")),
    ]


def _victims_of(case: Case, side: Side) -> str:
    """Returns the victims of an organisation, or between which bounds they are."""
    number, say = case.language.number, case.say
    if side.most > side.victims:
        return say("general.between", least=number(side.victims), most=number(side.most))
    least = number(side.victims)
    return least if side.complete else say("general.at_least", what=least)


def _listed(case: Case, figures: Mapping[str, Decimal | int], *, bound: bool) -> str:
    """Returns counts by country or amounts by currency as a text."""
    language = case.language
    words = ", ".join(
        language.sum_of(name, figure)
        if isinstance(figure, Decimal)
        else f"{name} {language.number(figure)}"
        for name, figure in sorted(figures.items())
    )
    return case.say("general.at_least", what=words) if bound and words else words


def _shared(case: Case) -> list[Block]:
    """Lists signed counts of the victims whom two organisations share."""
    if not case.shared:
        return []
    rows = [
        (
            organisation_name(overlap.organisation),
            case.language.word("compared_by", overlap.by),
            overlap.words(case.language),
            overlap.day,
            overlap.signer,
        )
        for overlap in case.shared
    ]
    return [
        Grid(
            case.say("shared.caption"),
            case.heads("shared", "with", "by", "victims", "day", "key"),
            rows,
            (0.16, 0.13, 0.14, 0.2, 0.37),
            ids=(4,),
            numbers=(2,),
        ),
        Text(case.say("shared.about")),
    ]


def _heaviest(link: dict[str, object]) -> tuple[float, str, str]:
    return -float(str(link["weight"])), str(link["entity_a"]), str(link["entity_b"])


def _link_chart(case: Case) -> Chart:
    """Draws the members and the links between them, without suppliers and rejected links."""
    facts = case.facts
    drawn = graph_figure(facts, member_positions(facts, {}))
    weakest = {tuple(sorted((b.link["entity_a"], b.link["entity_b"]))) for b in case.bridges}
    shapes: list[Shape] = []
    for line in drawn.lines:
        a, b = drawn.nodes[line.a], drawn.nodes[line.b]
        alone = tuple(sorted((a.entity_id, b.entity_id))) in weakest
        shapes.append(Line(a.x, a.y, b.x, b.y, line.width, "alone" if alone else "link"))
    nodes = drawn.nodes
    for node in nodes:
        radius, number = max(node.radius, 12.0), str(case.number[node.entity_id])
        shapes.append(Disc(node.x, node.y, radius, node.kind))
        shapes.append(Label(node.x, node.y + 3.9, number, "middle", white=True))
    return Chart(
        caption=case.say("charts.links", drawn=len(nodes), n=len(facts.members)),
        width=WIDTH,
        height=HEIGHT,
        shapes=shapes,
        legend=_kind_legend(case, dict.fromkeys(node.kind for node in nodes)),
    )


def exculpatory_section(case: Case) -> list[Block]:
    """Returns the exculpatory section: what a defence would say against the case."""
    return [
        *_spoofing(case),
        *_owners(case),
        *_recycled(case),
        *_rejected(case),
        *_weak_points(case),
        *_near_misses(case),
        *_innocent(case),
    ]


def _spoofing(case: Case) -> list[Block]:
    roles = case.facts.roles
    numbers = [entity_id for entity_id in case.number if entity_id.startswith("phone:")]
    both = [number for number in numbers if "caller_id" in roles.get(number, ())]
    alone = case.not_accused.caller_ids
    seen = (
        case.say("exculpatory.seen", n=len(both), numbers=case.numbered(both))
        if both
        else case.say("exculpatory.not_seen")
    )
    others = case.say("exculpatory.caller_ids", n=alone) if alone else ""
    return [Text(f"{case.say('exculpatory.spoofing')}{seen}{others}")]


def _owners(case: Case) -> list[Block]:
    kinds = list(dict.fromkeys(member["kind"] for member in case.facts.members))
    points = [case.say(f"cautions.{kind}") for kind in kinds if BY_KIND[kind].caution]
    return [Text(case.say("exculpatory.owners")), Points(points)]


def _recycled(case: Case) -> list[Block]:
    rows = []
    for entity_id in case.number:
        days = sorted(case.facts.days.get(entity_id, {}))
        gap = max((b - a for a, b in pairwise(days)), default=0)
        if entity_id.startswith("phone:") and gap >= REASSIGNED_DAYS:
            silence = next((a, b) for a, b in pairwise(days) if b - a == gap)
            ends = (str(date.fromordinal(day)) for day in silence)
            rows.append((str(case.number[entity_id]), plain(entity_id), *ends, str(gap)))
    rule, silent = case.say("exculpatory.recycled"), case.silent_since
    many, numbers = len(silent), case.numbered(silent)
    last = Text(case.say("exculpatory.silent_since", n=many, numbers=numbers))
    if not rows:
        return [Text(f"{rule}{case.say('exculpatory.not_recycled')}"), *([last] if silent else [])]
    return [
        *([last] if silent else []),
        Text(f"{rule}{case.say('exculpatory.silent', n=len(rows))}"),
        Grid(
            case.say("exculpatory.silent_caption"),
            case.heads("recycled", "number", "phone", "last", "first", "days"),
            rows[:TABLE_LIMIT],
            (0.08, 0.42, 0.18, 0.18, 0.14),
            ids=(1,),
            numbers=(0, 4),
        ),
    ]


def _rejected(case: Case) -> list[Block]:
    near = case.facts.near
    if not near:
        return [Text(case.say("exculpatory.no_rejected"))]
    counted = Counter((link["here"], link["there_kind"], facts_of(link["facts"])) for link in near)
    rows = [
        (
            str(case.number[here]),
            plain(case.say("exculpatory.elsewhere", kind=case.say(f"kinds.{kind}")), 60),
            str(count),
            plain(case.language.reason(facts)),
        )
        for (here, kind, facts), count in counted.items()
    ]
    return [
        Text(case.say("exculpatory.rejected", n=len(near))),
        Grid(
            case.say("exculpatory.rejected_caption"),
            case.heads("rejected", "number", "outside", "links", "why"),
            rows[:TABLE_LIMIT],
            (0.07, 0.38, 0.08, 0.47),
            numbers=(0, 2),
        ),
    ]


def _weak_points(case: Case) -> list[Block]:
    """Lists what the case rests on alone, among identifiers that are established themselves."""
    say, numbered = case.say, case.numbered
    points = []
    wide = [bridge for bridge in case.bridges if len(bridge.side) > 1]
    ends = {bridge.link[end] for bridge in wide for end in ("entity_a", "entity_b")}
    for bridge in wide:
        a, b = (str(case.number[bridge.link[end]]) for end in ("entity_a", "entity_b"))
        points.append(
            say(
                "exculpatory.bridge",
                side=len(bridge.side),
                identifiers=case.language.count("identifier", len(case.number)),
                numbers=numbered(bridge.side),
                a=a,
                b=b,
                seen=case.language.records(bridge.link, "call"),
            )
        )
    points += [
        say("exculpatory.separating", number=str(case.number[entity_id]), n=count)
        for entity_id, count in find_separating(case.facts, case.number)
        if entity_id not in ends
    ]
    sure = {
        mention["entity_id"]
        for mention in case.records.mentions
        if mention["confidence"] >= SURE_CONFIDENCE and not mention["also_read_as"]
    }
    of_one = {
        "unlinked": case.unlinked,
        "ends_alone": [bridge.side[0] for bridge in case.bridges if len(bridge.side) == 1],
        "single_record": [
            member["entity_id"]
            for member in case.facts.members
            if member["complaints"] + member["calls"] < 2
        ],
        "misread": sorted({mention["entity_id"] for mention in case.records.mentions} - sure),
    }
    points += [
        say(f"exculpatory.{name}", n=len(ids), numbers=numbered(ids))
        for name, ids in of_one.items()
        if ids
    ]
    if not points:
        return [Text(say("exculpatory.no_weak_points"))]
    return [Text(say("exculpatory.weak_points")), Points(points)]


def _near_misses(case: Case) -> list[Block]:
    resembled = sorted({member["near_miss_of"] for member in case.left_out} & case.number.keys())
    if not resembled:
        return []
    count = sum(member["near_miss_of"] in case.number for member in case.left_out)
    return [Text(case.say("exculpatory.near_misses", n=count, numbers=case.numbered(resembled)))]


def _innocent(case: Case) -> list[Block]:
    left, others = len(case.not_accused.suppressed), case.not_accused.others
    parts = []
    if left:
        parts.append(case.say("exculpatory.legitimate", n=left))
    if others:
        parts.append(case.say("exculpatory.cleared", n=others))
    if not parts:
        return [Text(case.say("exculpatory.none_innocent"))]
    return [Text(case.say("exculpatory.innocent", what=case.language.join(parts)))]
