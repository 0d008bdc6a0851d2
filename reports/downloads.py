"""Clusters in every format that they can be taken along in: GraphML, GEXF, CSV and STIX."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import pyarrow as pa

from reports import graph_files, spreadsheet, stix
from reports.cluster_facts import Facts
from reports.cluster_table import page_name
from reports.graph_files import EDGE, EDGES, NODE, PLACED
from reports.layout import Point
from transforms.output.desk import Put

Row = dict[str, Any]

_COLUMNS = (
    "cluster_id",
    "entity_id",
    "kind",
    "role",
    "status",
    "confidence",
    "bridge",
    "complaints",
    "calls",
    "victims",
    "region",
    "line_type",
    "orgs",
    "first_seen",
    "last_seen",
    "reason",
)


def write(
    clusters: Sequence[Facts],
    places: Mapping[str, tuple[str, Point]],
    moment: datetime,
    run_id: str,
    put: Put,
) -> None:
    """Four files a cluster; `places` are those of members in its picture."""
    sizes = [(len(one.members), len(one.inside)) for one in clusters]
    members = [row for one in clusters for row in one.members]
    links = [row for one in clusters for row in one.inside]
    graphs = graph_files.several(_nodes(members, places), _edges(links), sizes)
    for facts, (graphml, gexf) in zip(clusters, graphs, strict=True):
        stem = f"report/clusters/{page_name(facts.row['cluster_id'])}"
        put(f"{stem}.graphml", graphml)
        put(f"{stem}.gexf", gexf)
        put(f"{stem}.csv", [_csv(facts.members)])
        put(f"{stem}.stix.json", [stix.bundle(facts, moment, run_id)])


def _csv(members: list[Row]) -> bytes:
    return spreadsheet.write(_COLUMNS, [[_flat(one[name]) for name in _COLUMNS] for one in members])


def _nodes(members: Sequence[Row], places: Mapping[str, tuple[str, Point]]) -> pa.Table:
    at = [places.get(one["entity_id"]) for one in members]
    columns = [
        [one["entity_id"] for one in members],
        *(_column(members, "cluster_id" if name == "cluster" else name) for name, _ in NODE),
        # GEXF has y upwards, a page downwards.
        [None if one is None else round(1600 * one[1][0], 1) for one in at],
        [None if one is None else -round(1000 * one[1][1], 1) for one in at],
    ]
    return _table(columns, PLACED)


def _edges(links: Sequence[Row]) -> pa.Table:
    ends = ([one[end] for one in links] for end in ("entity_a", "entity_b"))
    return _table([*ends, *(_column(links, name) for name, _ in EDGE)], EDGES)


def _table(columns: Iterable[list[object]], schema: pa.Schema) -> pa.Table:
    arrays = [pa.array(one, kind.type) for one, kind in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)


def _column(rows: Sequence[Row], name: str) -> list[object]:
    return [_flat(one[name]) for one in rows]


def _flat(value: object) -> object:
    if isinstance(value, list):
        return "; ".join(value)
    return _moment_of(value) if isinstance(value, datetime) else value


@lru_cache(maxsize=65_536)
def _moment_of(value: datetime) -> str:
    return f"{value:%Y-%m-%dT%H:%M:%SZ}"
