"""What the tables say of some clusters: everything that their pages show, gathered in one pass."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reports import tables
from reports.evidence import Reading, readings
from reports.script_wordings import Wordings, wordings
from reports.tables import Run
from schemas import epoch
from schemas.kinds import Strength
from schemas.tables import CALLS, CLUSTERS, ENTITIES, LINEAGE, LINKS, MEMBERS, MENTIONS, SUPPLIERS

Row = dict[str, Any]

PHONE = "phone:"
DRAWN_SUPPLIERS = 6
"""Suppliers of a cluster, those of most records first, whose links are held and drawn."""
OTHERS_LIMIT = 6
"""Clusters that a shared supplier also serves, by name; all are counted."""


@dataclass(frozen=True)
class Facts:
    """One cluster: its row, and what other tables say of it.

    `members` are rows of members/ with those of entities/, most records first; `inside` the links
    between them; `near` hard links from a member to another cluster's that were not accepted, each
    with `here`, `there` and `cluster_id`; `soft` the links from members to the first suppliers.
    `suppliers` have the ids of other clusters that use them in `others`; `scripts` has the wordings
    told of those that are scripts.
    """

    row: Row
    lineage: list[Row]
    members: list[Row]
    inside: list[Row]
    near: list[Row]
    soft: list[Row]
    suppliers: list[Row]
    scripts: Wordings
    days: dict[str, Counter[date]]
    roles: dict[str, Counter[str]]
    carriers: dict[str, list[str]]
    readings: list[Reading]


def gather(run: Run, cluster_ids: Sequence[str], *, narratives: bool) -> list[Facts]:
    """Facts of the clusters, in the order given. Holds these clusters' rows, not the tables."""
    ids = pa.array(cluster_ids, pa.string())
    here = pc.field("cluster_id").isin(ids)
    rows = {row["cluster_id"]: row for row in tables.rows(tables.read(run, CLUSTERS, where=here))}
    members = _members(run, here)
    cluster_of = {one["entity_id"]: one["cluster_id"] for one in members}
    names = pa.array(sorted(cluster_of), pa.string())
    suppliers = _suppliers(run, here)
    inside, near, soft = _links(run, names, suppliers, cluster_of)
    days, roles = _sightings(run, names)
    carriers = _carriers(run, names)
    scripts = wordings(run, suppliers, cluster_of)
    found = _by(readings(run, names, narratives=narratives), lambda one: cluster_of[one.entity_id])
    lineage = _by_cluster(tables.rows(tables.read(run, LINEAGE, where=here)))
    of_members = _by_cluster(members)
    of_suppliers = _by_cluster(suppliers)
    return [
        Facts(
            row=rows[one],
            lineage=lineage.get(one, []),
            members=of_members.get(one, []),
            inside=inside.get(one, []),
            near=near.get(one, []),
            soft=soft.get(one, []),
            suppliers=of_suppliers.get(one, []),
            scripts=scripts.get(one, {}),
            days=days,
            roles=roles,
            carriers=carriers,
            readings=found.get(one, []),
        )
        for one in cluster_ids
    ]


def _members(run: Run, here: pc.Expression) -> list[Row]:
    """Members with their entities, those that most records name first."""
    members = tables.read(run, MEMBERS, where=here)
    named = pc.field("entity_id").isin(members["entity_id"].combine_chunks())
    entities = {
        one["entity_id"]: one for one in tables.rows(tables.read(run, ENTITIES, where=named))
    }
    joined = [entities[one["entity_id"]] | one for one in tables.rows(members)]
    return sorted(joined, key=lambda one: (-one["complaints"] - one["calls"], one["entity_id"]))


def _suppliers(run: Run, here: pc.Expression) -> list[Row]:
    """Suppliers of the clusters, those of most records first, with others that they serve."""
    rows = tables.rows(tables.read(run, SUPPLIERS, where=here))
    wanted = pa.array(sorted({one["entity_id"] for one in rows}), pa.string())
    every = tables.read(
        run, SUPPLIERS, ["entity_id", "cluster_id", "records"], pc.field("entity_id").isin(wanted)
    )
    order = [("records", "descending"), ("cluster_id", "ascending")]
    serves = _by(tables.rows(every.sort_by(order)), lambda one: one["entity_id"])
    for one in rows:
        ids = (other["cluster_id"] for other in serves[one["entity_id"]])
        one["others"] = [other for other in ids if other != one["cluster_id"]][:OTHERS_LIMIT]
    return sorted(rows, key=lambda one: (-one["records"], one["entity_id"]))


def _links(
    run: Run, members: pa.Array, suppliers: list[Row], cluster_of: dict[str, str]
) -> tuple[dict[str, list[Row]], dict[str, list[Row]], dict[str, list[Row]]]:
    """Links between members, hard ones that were not accepted, and soft ones to suppliers."""
    used = _by_cluster(suppliers).values()
    first = {one["entity_id"] for rows in used for one in rows[:DRAWN_SUPPLIERS]}
    supplying = pa.array(sorted(first), pa.string())
    a_in, b_in = (pc.field(name).isin(members) for name in ("entity_a", "entity_b"))
    a_soft, b_soft = (pc.field(name).isin(supplying) for name in ("entity_a", "entity_b"))
    hard = pc.field("strength") == Strength.HARD
    where = (a_in & b_in) | (hard & (a_in | b_in)) | (a_in & b_soft) | (b_in & a_soft)
    rows = tables.rows(tables.read(run, LINKS, where=where))
    ends = {end for one in rows for end in (one["entity_a"], one["entity_b"])}
    strangers = pa.array(sorted(ends - cluster_of.keys()), pa.string())
    elsewhere = tables.read(
        run, MEMBERS, ["entity_id", "cluster_id"], pc.field("entity_id").isin(strangers)
    )
    every = cluster_of | {one["entity_id"]: one["cluster_id"] for one in tables.rows(elsewhere)}
    inside, near, soft = (defaultdict[str, list[Row]](list) for _ in range(3))
    for one in rows:
        a, b = one["entity_a"], one["entity_b"]
        at_a, at_b = every.get(a), every.get(b)
        if at_a is not None and at_a == at_b:
            inside[at_a].append(one)
            continue
        for here, there, at, other in ((a, b, at_a, at_b), (b, a, at_b, at_a)):
            if here not in cluster_of or at is None:
                continue
            if one["strength"] == Strength.SOFT:
                if other is None:
                    soft[at].append(one | {"here": here, "there": there})
            elif other is not None:
                near[at].append(one | {"here": here, "there": there, "cluster_id": other})
    for found in (inside, near, soft):
        for links in found.values():
            links.sort(key=lambda one: (-one["weight"], one["entity_a"], one["entity_b"]))
    return inside, near, soft


_SIGHTED = ["entity_id", "role", "day"]


def _sightings(
    run: Run, members: pa.Array
) -> tuple[dict[str, Counter[date]], dict[str, Counter[str]]]:
    """Readings of each member by UTC day, and by role."""
    days: dict[str, Counter[date]] = defaultdict(Counter)
    roles: dict[str, Counter[str]] = defaultdict(Counter)
    where = pc.field("entity_id").isin(members)
    for batch in tables.batches(run, MENTIONS, ["entity_id", "role", "observed_at"], where):
        day = pc.cast(batch["observed_at"], pa.date32(), safe=False)
        table = pa.table({"entity_id": batch["entity_id"], "role": batch["role"], "day": day})
        grouped = table.group_by(_SIGHTED).aggregate([([], "count_all")])
        columns = [grouped[name].to_pylist() for name in (*_SIGHTED, "count_all")]
        for entity_id, role, at, count in zip(*columns, strict=True):
            days[entity_id][at] += count
            roles[entity_id][role] += count
    return days, roles


def _carriers(run: Run, members: pa.Array) -> dict[str, list[str]]:
    """Carriers that handed over the calls of each member number, whoever held it, sorted."""
    found: dict[str, set[str]] = defaultdict(set)
    holders: dict[str, list[str]] = defaultdict(list)
    for one in members.to_pylist():
        if one.startswith(PHONE):
            holders[epoch.bare(one).removeprefix(PHONE)].append(one)
    where = pc.field("suspect_number").isin(pa.array(sorted(holders), pa.string()))
    where &= pc.field("carrier").is_valid()
    columns = ["suspect_number", "carrier"]
    for batch in tables.batches(run, CALLS, columns, where):
        pairs = pa.Table.from_batches([batch]).group_by(columns).aggregate([])
        for one in tables.rows(pairs):
            for holder in holders[one["suspect_number"]]:
                found[holder].add(one["carrier"])
    return {number: sorted(carriers) for number, carriers in found.items()}


def _by_cluster(rows: Iterable[Row]) -> dict[str, list[Row]]:
    return _by(rows, lambda one: one["cluster_id"])


def _by(rows: Iterable[Any], key: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for one in rows:
        found[key(one)].append(one)
    return found
