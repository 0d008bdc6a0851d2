"""What would have to be wrong for a link, or a membership, to be wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from reports.weight_parts import Part
from schemas.kinds import EntityKind, Role

Row = Mapping[str, Any]

SURE = 0.9
"""Confidence of a reading below which the reading itself is a doubt."""

REASSIGNED_DAYS = 45
"""Least days before a US number is given to another subscriber (47 CFR 52.15(f)(1)(ii))."""


def link_doubts(link: Row, parts: Sequence[Part]) -> list[str]:
    """The ways in which a link could mislead, the one that needs least first."""
    counted = [part for part in parts if part.counted]
    found: list[str] = []
    if len(counted) == 1:
        found.append(
            f"one victim in record {counted[0].record} would have to be mistaken, malicious, or a "
            "victim of two call centers"
        )
    elif counted:
        found.append(f"{len(counted)} victims would all have to be mistaken, malicious, or misread")
    if len(link["orgs"]) == 1:
        found.append(f"no organisation but {link['orgs'][0]} has seen both")
    if parts and all(part.k > 2 for part in parts):
        fewest = min(part.k for part in parts)
        found.append(
            f"no record names just these two: each names {fewest} identifiers or more, and one of "
            "the others may be what they share"
        )
    if link["strength"] == "soft":
        found.append("one end can be forged or is shared: the link is never accepted by itself")
    found.extend(_readings(counted))
    gap = _longest_gap([part.observed_at for part in parts])
    phones = [link[end] for end in ("entity_a", "entity_b") if link[end].startswith("phone:")]
    if phones and gap >= REASSIGNED_DAYS:
        found.append(
            f"no record for {gap} days: {' or '.join(phones)} may have been reassigned meanwhile"
        )
    return found


def _readings(parts: Sequence[Part]) -> list[str]:
    """Ends that were only ever read with doubt."""
    best: dict[str, Row] = {}
    for part in parts:
        for row in part.mentions:
            known = best.get(row["entity_id"])
            if known is None or row["confidence"] > known["confidence"]:
                best[row["entity_id"]] = row
    found = []
    for entity_id, row in sorted(best.items()):
        other = f", which may also be {row['also_read_as']}" if row["also_read_as"] else ""
        if row["confidence"] < SURE or other:
            found.append(
                f"the reading of {entity_id} (confidence {row['confidence']:.2f}{other}) would "
                "have to be wrong"
            )
    return found


def _longest_gap(moments: Sequence[datetime]) -> int:
    """Whole days of the longest time without a record."""
    order = sorted(one.astimezone(UTC) for one in moments)
    return max((int((b - a).days) for a, b in pairwise(order)), default=0)


def entity_doubts(entity: Row, held: Sequence[Row]) -> list[str]:
    """The ways in which a membership could mislead."""
    found: list[str] = []
    member = entity["member"]
    if member is None:
        return found
    roles = set(entity["roles"])
    if entity["kind"] == EntityKind.PHONE and str(Role.CALLER_ID) in roles:
        found.append("it was a caller id too: some of its records may be of calls that forged it")
    if entity["complaints"] + entity["calls"] == 1:
        found.append("one record names it: one mistyped character would make it a stranger's")
    if len(held) == 1:
        far = {held[0]["entity_a"], held[0]["entity_b"]} - {entity["entity_id"]}
        found.append(f"it hangs on one link alone, to {far.pop()}")
    if member["bridge"]:
        found.append("the cluster falls apart without it: it may serve two call centers (a mule)")
    return found
