"""Clusters in every format that they can be taken along in: GraphML, GEXF, CSV and STIX."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import islice

import pyarrow as pa

from reports.cluster_data import Gathered, page_name
from reports.export import graph_files, spreadsheet, stix
from reports.export.graph_files import EDGES, NODES, PLACED
from reports.figures.graph_layout import Point
from reports.tables import flat_to_seconds
from transforms.write.job_pool import Put

_OF = {"id": "entity_id", "cluster": "cluster_id"}
"""Attributes of a node that a member's row calls otherwise."""


_NOWHERE = ("", (None, None))


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
    clusters: Gathered,
    places: Mapping[str, tuple[str, Point]],
    moment: datetime,
    run_id: str,
    put: Put,
) -> None:
    """Four files a cluster; `places` are those of members in its picture."""
    sizes = [(len(one.members), len(one.inside)) for one in clusters.facts]
    nodes, edges = _nodes(clusters.members, places), _edges(clusters.inside)
    graphs = graph_files.several(nodes, edges, sizes)
    rows = _rows(clusters.members)
    for facts, (graphml, gexf) in zip(clusters.facts, graphs, strict=True):
        stem = f"report/clusters/{page_name(facts.row['cluster_id'])}"
        put(f"{stem}.graphml", graphml)
        put(f"{stem}.gexf", gexf)
        put(f"{stem}.csv", [spreadsheet.write(_COLUMNS, islice(rows, len(facts.members)))])
        put(f"{stem}.stix.json", [stix.bundle(facts, moment, run_id)])


def _rows(members: pa.Table) -> Iterator[tuple[object, ...]]:
    """Rows of the spreadsheets, those of one cluster after those of another."""
    columns = (flat_to_seconds(members[name]).to_pylist() for name in _COLUMNS)
    return zip(*columns, strict=True)


def _nodes(members: pa.Table, places: Mapping[str, tuple[str, Point]]) -> pa.Table:
    points = [places.get(one, _NOWHERE)[1] for one in members["entity_id"].to_pylist()]
    columns = {name: flat_to_seconds(members[_OF.get(name, name)]) for name in NODES.names}
    # GEXF has y upwards, a page downwards.
    columns["x"] = _axis(None if x is None else round(1600 * x, 1) for x, _ in points)
    columns["y"] = _axis(None if y is None else -round(1000 * y, 1) for _, y in points)
    return pa.table(columns, schema=PLACED)


def _edges(links: pa.Table) -> pa.Table:
    names = {"source": "entity_a", "target": "entity_b"}
    columns = {name: flat_to_seconds(links[names.get(name, name)]) for name in EDGES.names}
    return pa.table(columns, schema=EDGES)


def _axis(values: Iterable[float | None]) -> pa.Array:
    return pa.array(values, pa.float64())
