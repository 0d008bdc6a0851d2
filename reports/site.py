"""Everything a run writes for people: the index, the clusters' pages and downloads, the graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from reports import cluster_page, index, spreadsheet, whole_graph
from reports.cluster_facts import Facts, gather
from reports.cluster_page import Context
from reports.cluster_table import cluster_table, page_name
from reports.graph_files import EDGE, NODE, gexf, graphml
from reports.layout import Point
from reports.picture import placed
from reports.tables import Run
from schemas.manifest import Manifest

Row = dict[str, Any]

PAGES = 100
"""Clusters that have a page of their own unless it is said otherwise, by priority."""
AT_A_TIME = 100
"""Clusters whose rows are held together; each such group costs one pass over mentions/."""
SUPPRESS_BELOW = 5
"""Counts of victims by country that a reader outside does not see are those below it.

Small cells could point at a person (Eurostat and UK ONS use thresholds from 3 to 10).
"""

_MEMBER_COLUMNS = (
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
)


def write(
    run: Run,
    manifest: Manifest,
    *,
    pages: int = PAGES,
    redact: bool = False,
    suppress_below: int = 0,
) -> Iterator[tuple[str, bytes]]:
    """Files by name within the run's folder, made one after another.

    `redact` leaves out narratives and record ids, for a reader outside.
    """
    table = cluster_table(run, pages)
    yield "report/index.html", index.render(run, manifest, table, redact=redact)
    ids = [row["cluster_id"] for row in table.rows[: table.pages]]
    context = Context(
        run_id=manifest["run_id"],
        pages={one: page_name(one) for one in ids},
        redact=redact,
        suppress_below=suppress_below,
    )
    for start in range(0, len(ids), AT_A_TIME):
        for facts in gather(run, ids[start : start + AT_A_TIME], narratives=not redact):
            stem = f"report/clusters/{page_name(facts.row['cluster_id'])}"
            places = placed(facts)
            yield f"{stem}.html", cluster_page.render(facts, places, context)
            yield from _downloads(stem, facts, places)
    yield from whole_graph.write(run)


def _downloads(stem: str, facts: Facts, places: Mapping[str, Point]) -> Iterator[tuple[str, bytes]]:
    nodes = [_node(one, places[one["entity_id"]]) for one in facts.members]
    edges = [_edge(one) for one in facts.inside]
    yield f"{stem}.graphml", "".join(graphml(nodes, edges)).encode()
    yield f"{stem}.gexf", "".join(gexf(nodes, edges)).encode()
    header = [*_MEMBER_COLUMNS, "orgs", "first_seen", "last_seen", "reason"]
    rows = [[_flat(one[name]) for name in header] for one in facts.members]
    yield f"{stem}.csv", spreadsheet.write(header, rows)


def _node(member: Row, place: Point) -> Row:
    flat = {name: _flat(member[name]) for name, _ in NODE if name in member}
    x, y = (round(1000 * axis, 1) for axis in place)
    # GEXF has y upwards, a page downwards.
    return flat | {"id": member["entity_id"], "cluster": member["cluster_id"], "x": x, "y": -y}


def _edge(link: Row) -> Row:
    flat = {name: _flat(link[name]) for name, _ in EDGE}
    return flat | {"source": link["entity_a"], "target": link["entity_b"]}


def _flat(value: object) -> object:
    if isinstance(value, list):
        return "; ".join(value)
    return f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else value
