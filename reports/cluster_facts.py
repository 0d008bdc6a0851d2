"""What the tables say of some clusters: everything that their pages show, gathered in one pass."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reports import tables
from reports.cluster_links import links
from reports.evidence import Reading, readings
from reports.script_wordings import Wordings, wordings
from reports.tables import Numbers, Run
from schemas import epoch
from schemas.tables import CALLS, CLUSTERS, ENTITIES, LINEAGE, MEMBERS, MENTIONS, SUPPLIERS

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


@dataclass(frozen=True)
class Gathered:
    """Clusters, and the rows of all their `members` and `inside` as tables, in their order."""

    facts: list[Facts]
    members: pa.Table
    inside: pa.Table


def gather(run: Run, cluster_ids: Sequence[str], *, narratives: bool) -> list[Facts]:
    """Facts of the clusters, in the order given. Holds these clusters' rows, not the tables."""
    return gathered(run, cluster_ids, narratives=narratives).facts


def gathered(run: Run, cluster_ids: Sequence[str], *, narratives: bool) -> Gathered:
    """As `gather`, with tables."""
    ids = pa.array(cluster_ids, pa.string())
    here = pc.field("cluster_id").isin(ids)
    rows = {row["cluster_id"]: row for row in tables.rows(tables.read(run, CLUSTERS, where=here))}
    members, of = _members(run, here, ids)
    names = members["entity_id"].combine_chunks()
    cluster_of = dict(zip(names.to_pylist(), members["cluster_id"].to_pylist(), strict=True))
    suppliers = _by_cluster(_suppliers(run, here))
    drawn = {one["entity_id"] for used in suppliers.values() for one in used[:DRAWN_SUPPLIERS]}
    found = links(run, members, of, sorted(drawn), len(ids))
    days, roles = _sightings(run, names)
    carriers = _carriers(run, names)
    scripts = wordings(run, chain.from_iterable(suppliers.values()), members)
    read = _by(readings(run, names, narratives=narratives), lambda one: cluster_of[one.entity_id])
    lineage = _by_cluster(tables.rows(tables.read(run, LINEAGE, where=here)))
    of_members = tables.lists(members, of, len(ids))
    facts = [
        Facts(
            row=rows[one],
            lineage=lineage.get(one, []),
            members=of_members[place],
            inside=found.inside[place],
            near=found.near[place],
            soft=found.soft[place],
            suppliers=suppliers.get(one, []),
            scripts=scripts.get(one, {}),
            days=days,
            roles=roles,
            carriers=carriers,
            readings=read.get(one, []),
        )
        for place, one in enumerate(cluster_ids)
    ]
    return Gathered(facts, members, found.table)


def _members(run: Run, here: pc.Expression, ids: pa.Array) -> tuple[pa.Table, Numbers]:
    """Members with their entities, by cluster, those that most records name first.

    With each, the place of its cluster.
    """
    members = tables.read(run, MEMBERS, where=here)
    named = members["entity_id"].combine_chunks()
    entities = tables.read(run, ENTITIES, where=pc.field("entity_id").isin(named))
    joined = entities.take(pc.index_in(named, entities["entity_id"].combine_chunks()))
    for one in MEMBERS.schema:
        if one.name not in joined.schema.names:
            joined = joined.append_column(one, members[one.name])
    sorting = {
        "of": pc.index_in(members["cluster_id"], ids),
        "records": pc.add(joined["complaints"], joined["calls"]),
        "id": members["entity_id"],
    }
    keys = [("of", "ascending"), ("records", "descending"), ("id", "ascending")]
    order = pc.sort_indices(pa.table(sorting), sort_keys=keys)
    return joined.take(order), sorting["of"].take(order).to_numpy().astype(np.int64)


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
