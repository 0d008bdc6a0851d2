"""The document's sections on identifiers, victims, links, times, and a defence's arguments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import chain, groupby, pairwise
from operator import itemgetter

from reports.figures import HANDOVER_DAYS, OVERLAP_DAYS
from reports.link_evidence import REASSIGNED_DAYS, SURE_CONFIDENCE
from reports.referral.blocking_checks import find_separating
from reports.referral.blocks import Block, Blocks, Grid, Points
from reports.referral.case import Case, Side
from reports.referral.case_records import convert, exact_sums
from reports.referral.charts import link_chart, month_chart, timeline_chart
from reports.referral.language import organisation_name
from reports.text import plain
from schemas.cluster import ClusterFlag
from schemas.enums import RecordKind
from schemas.facts import facts_of
from transforms.extract.kinds.registry import BY_KIND

MEMBER_LIMIT = 150
"""Members that the document lists; Exhibit 2 holds all."""

TABLE_LIMIT = 12
"""Rows of a table of points against the case; the exhibits have all."""


def infrastructure_section(case: Case) -> Blocks:
    """Lists the members, by role."""
    say, members = case.say, case.facts.members
    roles = Counter(member["role"] for member in members)
    shown = sorted(members, key=lambda member: (-roles[member["role"]], member["role"]))
    shown = shown[:MEMBER_LIMIT]
    grids = [
        case.table(
            "identifiers",
            [
                (
                    *case.named(member["entity_id"]),
                    case.number_of(member["entity_id"]),
                    member["reporters"],
                    member["complaints"],
                    member["calls"],
                    f"{member['first_seen']:%Y-%m-%d}",
                    f"{member['last_seen']:%Y-%m-%d}",
                    case.reference.likelihood_wording(member["confidence"]),
                )
                for member in same_role
            ],
            {
                "number": 0.042,
                "identifier": 0.253,
                "evidence_number": 0.146,
                "people": 0.055,
                "complaints": 0.092,
                "calls": 0.055,
                "first": 0.094,
                "last": 0.094,
                "likelihood": 0.169,
            },
            say(
                "identifiers_section.role",
                role=case.language.word("roles", role),
                count=roles[role],
            ),
        )
        for role, same_role in groupby(shown, itemgetter("role"))
    ]
    but = say("identifiers_section.but_included") if case.included else ""
    return [
        say("identifiers_section.about", but=but),
        case.weeks,
        _left_out(case),
        _included(case),
        *grids,
        case.say_any("identifiers_section.more", n=len(members) - len(shown)),
    ]


def _left_out(case: Case) -> str:
    """Counts the members that are not named, and says why."""
    rests = case.say_any("identifiers_section.rests_but", n=case.tied_by_left_out)
    left_out = case.say_any("identifiers_section.left_out", n=case.facts.left_out)
    return left_out and left_out + (rests or case.say("identifiers_section.rests"))


def _included(case: Case) -> Block | None:
    """Lists the members that a person answers for by name."""
    if not case.included:
        return None
    rows = [
        (*case.named(inclusion.entity_id), plain(inclusion.name), plain(inclusion.reason, 300))
        for inclusion in case.included
    ]
    columns = {"number": 0.06, "identifier": 0.34, "who": 0.2, "why": 0.4}
    return case.table("included", rows, columns, case.say("identifiers_section.included"))


def victims_section(case: Case) -> Blocks:
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
        say("victims_section.about", victims=case.victims, below=below, twice_below=2 * below),
        _more_victims(case),
        case.table(
            "victims", rows, {"country": 0.75, "victims": 0.25}, say("victims_section.by_country")
        ),
        case.table(
            "losses",
            _by_jurisdiction(case),
            {"jurisdiction": 0.55, "currency": 0.15, "amount": 0.3},
            say("victims_section.losses"),
        ),
        *_conversion(case),
        *_offered(case),
        *_shared(case),
    ]


def _more_victims(case: Case) -> str:
    """Explains more victims than complaints: call records can be of people who did not complain."""
    if case.victims_at_most <= case.row["complaints"]:
        return ""
    victims: dict[str, set[int | None]] = {kind: {None} for kind in RecordKind}
    offered = 0
    for record in case.records.in_order:
        kind, org, _ = record.key
        victims[kind].add(record.victim)
        if org in case.senders and kind == RecordKind.CALL:
            offered += record.people
    alone = len(victims[RecordKind.CALL] - victims[RecordKind.COMPLAINT])
    return case.say("victims_section.more_than_complaints", n=alone + offered)


def links_section(case: Case) -> Blocks:
    """Draws and lists the links between the members."""
    accepted = sorted(
        case.facts.accepted, key=lambda link: (-link["weight"], link["entity_a"], link["entity_b"])
    )
    about = case.say(
        "links_section.about",
        n=len(accepted),
        identifiers=case.language.count("identifier", len(case.number)),
        both=sum(1 for link in accepted if len(link["orgs"]) > 1),
    )
    rows = [
        (
            case.number[link["entity_a"]],
            case.number[link["entity_b"]],
            link["complaints"],
            link["calls"],
            link["reporters"],
            case.language.organisations(link["orgs"][:3]),
            case.language.iso_days(link["first_seen"], link["last_seen"]),
        )
        for link in accepted[:15]
    ]
    return [
        about + case.say_any("links_section.union", n=len(case.records.union_links)),
        link_chart(case),
        case.table(
            "links",
            rows,
            {
                "a": 0.07,
                "b": 0.07,
                "complaints": 0.12,
                "calls": 0.08,
                "people": 0.1,
                "seen_by": 0.26,
                "days": 0.3,
            },
            case.say("links_section.caption"),
        ),
    ]


def chronology_section(case: Case) -> Blocks:
    """Draws records by month and the life of each identifier, and lists handovers."""
    say, turns = case.say, case.handovers[:20]
    rows = [
        [
            *map(str, case.named(turn.before, 60)),
            f"{turn.last_seen:%Y-%m-%d}",
            *map(str, case.named(turn.after, 60)),
            f"{turn.first_seen:%Y-%m-%d}",
        ]
        for turn in turns
    ]
    caption = say("chronology_section.handovers", before=OVERLAP_DAYS, after=HANDOVER_DAYS)
    if len(turns) < len(case.handovers):
        caption += say("chronology_section.first", count=len(turns))
    handovers = Grid(
        caption,
        case.heads("handovers", ("number", "from", "last", "number", "to", "first")),
        rows,
        (0.06, 0.3, 0.14, 0.06, 0.3, 0.14),
        ids=(1, 4),
        numbers=(0, 3),
    )
    return [
        month_chart(case),
        timeline_chart(case),
        handovers if turns else None,
        f"{say('chronology_section.exhibit')} {case.weeks}".rstrip(),
    ]


def _by_jurisdiction(case: Case) -> list[tuple[str, str, str]]:
    """Returns losses of the shown countries, of the others together, and in total.

    If no country is shown there is only the total: "elsewhere" would equal it.
    """
    shown = [disclosed.country for disclosed in case.disclosed.countries]
    say, money = case.say, case.language.money
    rows = []
    for country in (*shown, None) if shown else ():  # None stands for all others
        sums = exact_sums(
            (currency, amount)
            for record, currency, amount in case.records.losses
            if country == (record.country if record.country in shown else None)
        )
        place = country or say("victims_section.elsewhere")
        rows += [(place, currency, money(amount)) for currency, amount in sums.items()]
    for currency, (amount, count) in case.totals.items():
        rows.append((say("victims_section.total", n=count), currency, money(amount)))
    return rows


def _conversion(case: Case) -> Blocks:
    say, money = case.say, case.language.money
    if not case.rates:
        return [say("conversion.none")]
    to = next(iter(case.rates.values())).to
    rows: list[Sequence[object]] = []
    sums = [(to, Decimal(0))]
    missing = []
    for currency, (amount, _) in case.totals.items():
        if currency == to:
            sums.append((to, amount))
            rows.append((currency, money(amount), 1, money(amount), ""))
        elif rate := case.rates.get(currency):
            converted = convert(amount, rate)
            sums.append((to, converted))
            dated = f"{rate.day}, {plain(rate.source, 80)}"
            rows.append((currency, money(amount), rate.rate, money(converted), dated))
        else:
            missing.append(currency)
    rows.append((say("conversion.total"), "", "", f"{to} {money(exact_sums(sums)[to])}", ""))
    columns = {"currency": 0.12, "amount": 0.2, "rate": 0.14, "converted": 0.24, "source": 0.3}
    return [
        case.table("conversion", rows, columns, to=to),
        say("conversion.about") + case.say_any("conversion.missing", names=", ".join(missing)),
    ]


def _offered(case: Case) -> Blocks:
    """Shows statements of other organisations beside the own records, with sums where possible."""
    if not case.joint:
        return []
    say, most = case.say, case.language.number(case.victims_at_most)
    rows = [
        (
            name,
            _victims_of(case, side),
            _listed(case, side.countries, bound=side.rounded),
            _listed(case, side.losses, bound=side.withheld)
            or say("general.withheld" if side.withheld else "general.none"),
        )
        for name, side in case.sides
    ]
    together = (
        say("joint.together"),
        say("general.at_most", what=most),
        _listed(case, case.countries_together, bound=True),
        "; ".join(case.losses_together) or say("general.none_stated"),
    )
    columns = {"organisation": 0.17, "victims": 0.16, "countries": 0.22, "losses": 0.45}
    but = say("joint.but_shared") if case.shared else ""
    return [
        case.table("joint", [*rows, together], columns),
        say("joint.about", own=case.whose, but=but),
    ]


def _victims_of(case: Case, side: Side) -> str:
    """Returns the number of an organisation's victims, or its bounds."""
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


def _shared(case: Case) -> Blocks:
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
    columns = {"with": 0.16, "by": 0.13, "victims": 0.14, "day": 0.2, "key": 0.37}
    return [case.table("shared", rows, columns), case.say("shared.about")]


def exculpatory_section(case: Case) -> Blocks:
    """Returns the exculpatory section: a defence's arguments against the case."""
    kinds = dict.fromkeys(member["kind"] for member in case.facts.members)
    cautions = [case.say(f"cautions.{kind}") for kind in kinds if BY_KIND[kind].caution]
    return [
        _spoofing(case),
        case.say("exculpatory.owners"),
        Points(cautions),
        *_recycled(case),
        *_rejected(case),
        *_weak_points(case),
        _near_misses(case),
        _innocent(case),
    ]


def _spoofing(case: Case) -> str:
    say, roles = case.say, case.facts.roles
    phones = (entity_id for entity_id in case.number if entity_id.startswith("phone:"))
    both = [phone for phone in phones if "caller_id" in roles.get(phone, ())]
    seen = case.say_any("exculpatory.seen", n=len(both), numbers=case.numbered(both))
    alone = case.say_any("exculpatory.caller_ids", n=case.not_accused.caller_ids)
    return say("exculpatory.spoofing") + (seen or say("exculpatory.not_seen")) + alone


def _recycled(case: Case) -> Blocks:
    say, rows = case.say, []
    for entity_id in case.number:
        days = sorted(case.facts.days.get(entity_id, {}))
        ends = max(pairwise(days), key=lambda ends: ends[1] - ends[0], default=(0, 0))
        gap = ends[1] - ends[0]
        if entity_id.startswith("phone:") and gap >= REASSIGNED_DAYS:
            silence = map(date.fromordinal, ends)
            rows.append((case.number[entity_id], plain(entity_id), *silence, gap))
    silent, rule = case.silent_since, say("exculpatory.recycled")
    since = case.say_any("exculpatory.silent_since", n=len(silent), numbers=case.numbered(silent))
    if not rows:
        return [rule + say("exculpatory.not_recycled"), since]
    columns = {"number": 0.08, "phone": 0.42, "last": 0.18, "first": 0.18, "days": 0.14}
    return [
        since,
        rule + say("exculpatory.silent", n=len(rows)),
        case.table("recycled", rows[:TABLE_LIMIT], columns, say("exculpatory.silent_caption")),
    ]


def _rejected(case: Case) -> Blocks:
    say, near = case.say, case.facts.near
    if not near:
        return [say("exculpatory.no_rejected")]
    counted = Counter((link["here"], link["there_kind"], facts_of(link["facts"])) for link in near)
    rows = [
        (
            case.number[here],
            plain(say("exculpatory.elsewhere", kind=say(f"kinds.{kind}")), 60),
            count,
            plain(case.language.reason(facts)),
        )
        for (here, kind, facts), count in counted.items()
    ]
    columns = {"number": 0.07, "outside": 0.38, "links": 0.08, "why": 0.47}
    return [
        say("exculpatory.rejected", n=len(near)),
        case.table("rejected", rows[:TABLE_LIMIT], columns, say("exculpatory.rejected_caption")),
    ]


def _weak_points(case: Case) -> Blocks:
    """Lists single points of failure of the case: identifiers and links that it depends on."""
    say, number = case.say, case.number
    wide = [bridge for bridge in case.bridges if len(bridge.side) > 1]
    ends = [(bridge.link["entity_a"], bridge.link["entity_b"]) for bridge in wide]
    points = [
        say(
            "exculpatory.bridge",
            side=len(bridge.side),
            identifiers=case.language.count("identifier", len(number)),
            numbers=case.numbered(bridge.side),
            a=str(number[a]),
            b=str(number[b]),
            seen=case.language.records(bridge.link, "call"),
        )
        for bridge, (a, b) in zip(wide, ends, strict=True)
    ]
    points += [
        say("exculpatory.separating", number=str(number[entity_id]), n=count)
        for entity_id, count in find_separating(case.facts, number)
        if entity_id not in chain(*ends)
    ]
    row = case.facts.row
    if row["weakest_cut"] is not None:
        side = len(row["weakest_side"])
        sides = {"n": row["weakest_cut"], "side": side, "rest": row["size"] - side}
        at_least = ClusterFlag.CUT_AT_LEAST in (row["flags"] or ())
        points.append(say("exculpatory.cut_at_least" if at_least else "exculpatory.cut", **sides))
    mentions = case.records.mentions
    sure = {
        mention["entity_id"]
        for mention in mentions
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
        "misread": sorted({mention["entity_id"] for mention in mentions} - sure),
    }
    points += [
        say(f"exculpatory.{name}", n=len(ids), numbers=case.numbered(ids))
        for name, ids in of_one.items()
        if ids
    ]
    if not points:
        return [say("exculpatory.no_weak_points")]
    return [say("exculpatory.weak_points"), Points(points)]


def _near_misses(case: Case) -> str:
    resembled = [
        near for member in case.left_out if (near := member["near_miss_of"]) in case.number
    ]
    numbers = case.numbered(sorted(set(resembled)))
    return case.say_any("exculpatory.near_misses", n=len(resembled), numbers=numbers)


def _innocent(case: Case) -> str:
    legitimate = case.say_any("exculpatory.legitimate", n=len(case.not_accused.suppressed))
    cleared = case.say_any("exculpatory.cleared", n=case.not_accused.others)
    parts = case.language.join([part for part in (legitimate, cleared) if part])
    return case.say_any("exculpatory.innocent", what=parts) or case.say("exculpatory.none_innocent")
