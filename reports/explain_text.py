"""An explanation as lines for a terminal; hostile text can neither colour nor reorder them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Row = Mapping[str, Any]

RAW = 80
"""Characters of a record's own text that are shown."""

RECORDS = 10
"""Records of a link that are shown."""


def lines(told: Row) -> Iterator[str]:
    """The explanation, one line after the other."""
    yield from _entity(told["entity"])
    if told["held_by"]:
        yield ""
        yield "Why it is there: its strongest links in the cluster"
        for link in told["held_by"]:
            yield from _link(link, told["entity"]["entity_id"])
    yield from _doubts(told["doubts"], "")
    if "path" in told:
        yield from _path(told)
    if told["rejected"]:
        yield ""
        shown = len(told["rejected"])
        yield f"Not accepted: {shown} of {told['rejected_in_all']} links nearby"
        for link in told["rejected"]:
            where = f"in {link['other_cluster']}" if link["other_cluster"] else "in no cluster"
            yield (
                f"  {_safe(link['other'])} ({where}): {link['strength']}, weight "
                f"{link['weight']:.2f}, {link['records']} records: {_safe(link['reason'], 300)}"
            )
    if told["cluster"]:
        yield from _cluster(told["cluster"])


def _entity(entity: Row) -> Iterator[str]:
    yield _safe(entity["entity_id"], 300)
    yield f"  {entity['status']}: {_safe(entity['reason'], 500)}"
    place = ", ".join(one for one in (entity["region"], entity["line_type"]) if one)
    yield (
        f"  {entity['complaints']} complaints, {entity['calls']} calls, {entity['victims']} known "
        f"victims, seen by {', '.join(entity['orgs'])}" + (f"; {place}" if place else "")
    )
    yield f"  from {entity['first_seen']} to {entity['last_seen']}"
    if entity["epochs"]:
        others = ", ".join(_safe(one, 300) for one in entity["epochs"])
        yield f"  held apart from {others}: the same identifier, maybe of another holder"
    if entity["roles"]:
        roles = ", ".join(f"{role} {count}" for role, count in entity["roles"].items())
        yield f"  read as {roles}"
    member = entity["member"]
    if member:
        yield (
            f"  in cluster {member['cluster_id']} as {member['role']}, confidence "
            f"{member['confidence']:.3f}" + (", a bridge" if member["bridge"] else "")
        )
    else:
        yield "  in no cluster"


def _path(told: Row) -> Iterator[str]:
    yield ""
    yield "The other end"
    yield from _entity(told["other"])
    yield ""
    path = told["path"]
    if not path["links"]:
        yield "No evidence path between the two"
        return
    sort = "accepted" if path["accepted"] else "holds no cluster together: not all accepted"
    yield (
        f"Strongest evidence path: {len(path['links'])} links, likelihood "
        f"{path['likelihood']:.3f} ({sort})"
    )
    at = told["entity"]["entity_id"]
    for link in path["links"]:
        yield from _link(link, at)
        at = link["entity_b"] if link["entity_a"] == at else link["entity_a"]


def _link(link: Row, near: str) -> Iterator[str]:
    far = link["entity_b"] if link["entity_a"] == near else link["entity_a"]
    counted = [part for part in link["parts"] if part["counted"]]
    sum_of = " + ".join(f"1/{part['identifiers'] - 1}" for part in counted[:RECORDS])
    more = " + ..." if len(counted) > RECORDS else ""
    yield f"  {_safe(near)} - {_safe(far)}"
    yield (
        f"    {link['strength']}, weight {link['weight']:.3f}"
        + (f" = {sum_of}{more}" if sum_of else "")
        + f"; {link['victims']} known victims, {', '.join(link['orgs'])}; "
        + f"{link['first_seen']} to {link['last_seen']}; {_safe(link['reason'], 300)}"
    )
    for part in link["parts"][:RECORDS]:
        yield (
            f"    record {_safe(part['record'])} ({part['observed_at']}), victim {part['victim']}: "
            f"names {part['identifiers']}"
            + ("" if part["counted"] else "; not counted, the same victim says as much elsewhere")
        )
        for row in part["read"]:
            yield f"      {_reading(row)}"
    if len(link["parts"]) > RECORDS:
        yield f"    and {len(link['parts']) - RECORDS} more records; --json has all"
    yield from _doubts(link["doubts"], "    ")


def _reading(row: Row) -> str:
    record = (
        "" if row["record_kind"] == "complaint" else f"{row['record_kind']} {row['record_id']} "
    )
    offsets = "" if row["start"] is None else f" {row['start']}-{row['end']}"
    place = f"{record}{row['field'] or 'record'}{offsets}"
    also = f", or {row['also_read_as']}" if row["also_read_as"] else ""
    return (
        f"{_safe(row['entity_id'])} as {row['role']} in {_safe(place)}: "
        f'"{_safe(row["raw"] or "")}" ({row["confidence"]:.2f}{also})'
    )


def _doubts(doubts: list[str], indent: str) -> Iterator[str]:
    if doubts:
        yield f"{indent}To be wrong:"
        yield from (f"{indent}  - {_safe(one, 300)}" for one in doubts)


def _cluster(cluster: Row) -> Iterator[str]:
    yield ""
    yield (
        f"Cluster {cluster['cluster_id']}, {_safe(cluster['name'])}: {cluster['size']} members, "
        f"{cluster['complaints']} complaints, {cluster['victims']} known victims, "
        f"{', '.join(cluster['orgs'])}; {cluster['status']}, priority {cluster['priority']:.0f}, "
        f"confidence {cluster['confidence']:.2f}"
    )
    if cluster["priority_parts"]:
        points = (f"{one['part']} {one['points']:.1f}" for one in cluster["priority_parts"])
        yield f"  priority is {' + '.join(points)}"
    if cluster["weakest_bridges"]:
        yield "Weakest bridges"
    for bridge in cluster["weakest_bridges"]:
        ends = f"{_safe(bridge['entity_a'])} - {_safe(bridge['entity_b'])}"
        yield f"  {ends}, weight {bridge['weight']:.2f}"
        parts = [
            f"{one['size']} ({', '.join(_safe(name) for name in one['best_known'])}"
            + (", ...)" if one["size"] > len(one["best_known"]) else ")")
            for one in bridge["falls_into"]
        ]
        if parts:
            yield f"    cut here and it falls into {' and '.join(parts)}"


def _safe(text: str, limit: int = RAW) -> str:
    """The text cut, with what a terminal would obey or hide spelled out (UTS 39)."""
    shown = "".join(one if one.isprintable() else f"<U+{ord(one):04X}>" for one in text[:limit])
    return shown if len(text) <= limit else f"{shown}..."
