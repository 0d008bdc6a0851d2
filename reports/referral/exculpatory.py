"""The exculpatory section: what a defence would say against the case."""

from __future__ import annotations

from datetime import date
from itertools import pairwise

from reports.link_evidence import REASSIGNED_DAYS, SURE_CONFIDENCE, entity_doubts
from reports.referral.blocks import Block, Grid, Points, Text, format_count
from reports.referral.case import Case
from reports.text import plain
from transforms.extract.kinds.registry import BY_KIND

TABLE_LIMIT = 12
"""Rows of a table here; the exhibits hold all."""


def exculpatory_section(case: Case) -> list[Block]:
    """Returns the exculpatory section."""
    return [
        *_spoofing(case),
        *_owners(case),
        *_recycled(case),
        *_rejected(case),
        *_thin(case),
        *_innocent(case),
    ]


def _spoofing(case: Case) -> list[Block]:
    roles = case.facts.roles
    both = [one for one in case.number if "caller_id" in roles.get(one, ())]
    return [
        Text(
            "Spoofing. A caller id can be forged, whatever its attestation. No identifier is in "
            "this referral because it was a caller id. "
            f"{len(both)} of the {len(case.number)} members were seen as a caller id too "
            f"({_numbered(case, both)}): calls that show them may not be from their holder. "
            f"The same records name {case.not_accused.caller_ids} numbers as caller ids alone; "
            "they are named nowhere here, since their subscribers may be innocent."
        )
    ]


def _owners(case: Case) -> list[Block]:
    kinds = list(dict.fromkeys(one["kind"] for one in case.facts.members))
    points = [BY_KIND[kind].caution for kind in kinds if BY_KIND[kind].caution]
    return [
        Text("Innocent holders. Nothing here says who holds an identifier. For each kind:"),
        Points(points),
    ]


def _day(ordinal: int) -> str:
    return str(date.fromordinal(ordinal))


def _recycled(case: Case) -> list[Block]:
    rows = []
    for entity_id in case.number:
        days = sorted(case.facts.days.get(entity_id, {}))
        gap = max((b - a for a, b in pairwise(days)), default=0)
        if entity_id.startswith("phone:") and gap >= REASSIGNED_DAYS:
            at = next((a, b) for a, b in pairwise(days) if b - a == gap)
            rows.append((str(case.number[entity_id]), plain(entity_id), *map(_day, at), str(gap)))
    rule = (
        "Recycled numbers. A US number can go to another subscriber 45 days after it is given up "
        "(47 CFR § 52.15(f)(1)(ii)). "
    )
    if not rows:
        return [Text(f"{rule}No member number was silent for that long between two records.")]
    return [
        Text(
            f"{rule}{len(rows)} member numbers were silent for that long; the later records may "
            "be of another holder."
        ),
        Grid(
            "Numbers with a silence of 45 days or more",
            ("No.", "Number", "Last before", "First after", "Days"),
            rows[:TABLE_LIMIT],
            (0.08, 0.42, 0.18, 0.18, 0.14),
            ids=(1,),
            numbers=(0, 4),
        ),
    ]


def _rejected(case: Case) -> list[Block]:
    near = case.facts.near
    if not near:
        return [Text("Rejected links. No link to an identifier outside the cluster was rejected.")]
    rows = [
        (
            plain(one["here"], 60),
            plain(one["there"], 60),
            str(one["complaints"]),
            plain(one["reason"]),
        )
        for one in near[:TABLE_LIMIT]
    ]
    return [
        Text(
            f"Rejected links. {len(near)} links from a member to an identifier outside were seen "
            "and not believed. They show that the same records can name strangers (Exhibit 7)."
        ),
        Grid(
            "Links that were not believed, those of most evidence first",
            ("Member", "Outside", "Complaints", "Why not"),
            rows,
            (0.26, 0.26, 0.12, 0.36),
            ids=(0, 1),
            numbers=(2,),
        ),
    ]


def _thin(case: Case) -> list[Block]:
    roles = case.facts.roles
    rows = []
    for one in case.facts.members:
        entity_id = one["entity_id"]
        links = [
            link
            for link in case.facts.inside
            if link["accepted"] and entity_id in (link["entity_a"], link["entity_b"])
        ]
        asked = one | {"member": one, "roles": roles.get(entity_id, {})}
        doubts = entity_doubts(asked, links)
        if doubts:
            rows.append(
                (str(case.number[entity_id]), plain(entity_id, 60), plain("; ".join(doubts), 400))
            )
    unsure = sorted(
        {
            one["entity_id"]
            for one in case.records.mentions
            if one["confidence"] < SURE_CONFIDENCE or one["also_read_as"]
        }
    )
    best = {
        one["entity_id"]
        for one in case.records.mentions
        if one["confidence"] >= SURE_CONFIDENCE and not one["also_read_as"]
    }
    misread = [one for one in unsure if one not in best]
    blocks: list[Block] = [
        Text(
            f"Thin evidence. {len(rows)} members have a weakness of their own, listed below. "
            f"{len(misread)} members were only ever read with doubt ({_numbered(case, misread)})."
        )
    ]
    if rows:
        blocks.append(
            Grid(
                "Members and what would have to be wrong for their membership to be wrong",
                ("No.", "Member", "Doubt"),
                rows,
                (0.07, 0.33, 0.6),
                ids=(1,),
                numbers=(0,),
            )
        )
    return blocks


def _innocent(case: Case) -> list[Block]:
    left, others = case.not_accused.suppressed, case.not_accused.others
    not_named = (
        f" {format_count(others, 'more identifier')} that an analyst's decision or the number of "
        "records clears are left out too, and not named."
        if others
        else ""
    )
    if not left:
        none = "Left out. The records name no identifier that is known to be legitimate."
        return [Text(f"{none}{not_named}")]
    rows = [
        (plain(one["entity_id"], 60), str(one["named"]), plain(one["reason"]))
        for one in left[:TABLE_LIMIT]
    ]
    return [
        Text(
            f"Left out. The same records name {len(left)} identifiers that are known to be "
            f"legitimate. They are not accused.{not_named}"
        ),
        Grid(
            "Identifiers in the same records that are not accused",
            ("Identifier", "Readings", "Why it is left out"),
            rows,
            (0.36, 0.12, 0.52),
            ids=(0,),
            numbers=(1,),
        ),
    ]


def _numbered(case: Case, ids: list[str]) -> str:
    """Returns the numbers of members in Exhibit 2, 40 at most."""
    if not ids:
        return "none"
    numbers = sorted(case.number[one] for one in ids)
    shown = ", ".join(map(str, numbers[:40]))
    more = f" and {len(numbers) - 40} more" if len(numbers) > 40 else ""
    return f"No. {shown}{more} of Exhibit 2"
