"""The clusters an analyst should look at first, with their members and shared suppliers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reports import tables
from reports.tables import Run
from schemas.tables import CLUSTERS, ENTITIES, MEMBERS, SUPPLIERS

Row = dict[str, Any]

_PRIORITY = (
    ("priority", "descending"),
    ("complaints", "descending"),
    ("cluster_id", "ascending"),
)
_OF_MEMBER = (
    "entity_id",
    "region",
    "line_type",
    "complaints",
    "calls",
    "orgs",
    "first_seen",
    "last_seen",
)


@dataclass(frozen=True)
class ShownCluster:
    """A row of clusters/, its best-evidenced members, and suppliers other clusters use too."""

    row: Row
    members: list[Row]
    suppliers: list[Row]


def top_clusters(run: Run, limit: int, member_limit: int) -> list[ShownCluster]:
    """The first `limit` clusters by priority, each with up to `member_limit` members."""
    ids = tables.top(run, CLUSTERS, _PRIORITY, limit)["cluster_id"]
    wanted = pc.field("cluster_id").isin(ids.combine_chunks())
    rows = {row["cluster_id"]: row for row in tables.read(run, CLUSTERS, where=wanted).to_pylist()}
    members = _members(run, wanted, member_limit)
    suppliers = _shared_suppliers(run, wanted)
    return [
        ShownCluster(rows[one], members.get(one, []), suppliers.get(one, []))
        for one in ids.to_pylist()
    ]


def _members(run: Run, wanted: pc.Expression, limit: int) -> dict[str, list[Row]]:
    """Members by cluster, those named by most records first, `limit` of each cluster."""
    members = tables.read(run, MEMBERS, where=wanted)
    named = pc.field("entity_id").isin(members["entity_id"].combine_chunks())
    entities = tables.read(run, ENTITIES, _OF_MEMBER, named)
    places = pc.index_in(members["entity_id"], entities["entity_id"].combine_chunks())
    records = pc.add(entities["complaints"], entities["calls"]).take(places)
    ranked = members.append_column("records", records).append_column("place", places)
    ranked = ranked.sort_by(
        [("cluster_id", "ascending"), ("records", "descending"), ("entity_id", "ascending")]
    )
    first = ranked.take(_first_of_each(ranked["cluster_id"], limit))
    details = entities.take(first["place"]).drop_columns("entity_id").to_pylist()
    rows = first.drop_columns(["records", "place"]).to_pylist()
    return _by_cluster({**row, **detail} for row, detail in zip(rows, details, strict=True))


def _first_of_each(sorted_ids: pa.ChunkedArray, limit: int) -> pa.Array:
    """Positions of the first `limit` rows of each run of equal ids."""
    runs = pc.run_end_encode(sorted_ids.combine_chunks())
    positions: list[int] = []
    start = 0
    for end in runs.run_ends.to_pylist():
        positions.extend(range(start, min(end, start + limit)))
        start = end
    return pa.array(positions, pa.int64())


def _shared_suppliers(run: Run, wanted: pc.Expression) -> dict[str, list[Row]]:
    """Suppliers by cluster that serve a second one too, most clusters first."""
    shared = tables.read(run, SUPPLIERS, where=wanted & (pc.field("clusters") > 1))
    order = [("clusters", "descending"), ("records", "descending"), ("entity_id", "ascending")]
    return _by_cluster(shared.sort_by(order).to_pylist())


def _by_cluster(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows by cluster, in their order."""
    grouped: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row["cluster_id"]].append(row)
    return grouped
