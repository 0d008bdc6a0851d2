"""Sections of the evidence: infrastructure, links, chronology."""

from __future__ import annotations

from collections import Counter

from reports.referral.blocks import Block, Grid, Text
from reports.referral.case import Case
from reports.referral.chart import link_chart
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
