"""Everything a run writes for people: the index, the clusters' pages and downloads, the graph."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from itertools import islice
from typing import Any

from reports import (
    cluster_page,
    index,
    joint_page,
    redaction,
    single_page,
    spreadsheet,
    stix,
    whole_graph,
)
from reports.cluster_facts import Facts, gather, in_groups
from reports.cluster_page import Context
from reports.cluster_table import ClusterTable, cluster_table, page_name
from reports.graph_files import EDGE, NODE, gexf, graphml
from reports.layout import Point
from reports.picture import placed
from reports.places import Places
from reports.tables import Run
from schemas.manifest import Manifest

Row = dict[str, Any]

PAGES = 10_000
"""Clusters of two or more that have a page of their own unless it is said otherwise, by priority;
and as many clusters of one are described on the pages that they share.

`python -m benchmarks.report`: a page with its downloads takes about 8 ms and 100 kB.
"""
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
    run: Run,
    manifest: Manifest,
    *,
    pages: int | None = PAGES,
    redact: bool = False,
    suppress_below: int = 0,
    before: Places = Places(),  # noqa: B008 - it cannot be changed
) -> Iterator[tuple[str, bytes]]:
    """Files by name within the run's folder, made one after another.

    `pages` is how many clusters are described, None for all. `redact` leaves out narratives, record
    ids and what analysts wrote, for a reader outside; `before` has the places of the pictures of
    the run before.
    """
    table = cluster_table(run, pages)
    joint = joint_page.gather(run, manifest)
    yield (
        "report/index.html",
        index.render(run, manifest, table, joint, redact=redact, suppress_below=suppress_below),
    )
    moment = _moment(manifest, table)
    context = Context(
        run_id=manifest["run_id"],
        pages=table.pages,
        redact=redact,
        suppress_below=suppress_below,
        joint=joint,
    )
    places: dict[str, Point] = {}
    for facts in _facts(run, table, table.own, redact=redact):
        stood = placed(facts, before.of(one["entity_id"] for one in facts.members))
        places |= stood
        name = page_name(facts.row["cluster_id"])
        yield f"report/clusters/{name}.html", cluster_page.render(facts, stood, context)
        yield from _downloads(facts, stood, moment, manifest["run_id"])
    single = _facts(run, table, table.single, redact=redact)
    for name, ids in table.shared():
        content = list(islice(single, len(ids)))
        yield f"report/clusters/{name}.html", single_page.render(content, context)
        for facts in content:
            yield from _downloads(facts, {}, moment, manifest["run_id"])
    yield from whole_graph.write(run, places, redact=redact)


def _moment(manifest: Manifest, table: ClusterTable) -> datetime:
    """The run's --as-of, or else its newest record: when a bundle says that it was made."""
    as_of = manifest["options"].get("as_of")
    if isinstance(as_of, str):
        return datetime.fromisoformat(as_of)
    return table.newest or datetime.min.replace(tzinfo=UTC)


def _facts(run: Run, table: ClusterTable, ids: list[str], *, redact: bool) -> Iterator[Facts]:
    for group in in_groups(ids, table.sizes):
        for facts in gather(run, group, narratives=not redact):
            yield redaction.facts(facts) if redact else facts


def _downloads(
    facts: Facts, places: Mapping[str, Point], moment: datetime, run_id: str
) -> Iterator[tuple[str, bytes]]:
    """One cluster in every format that it can be taken along in."""
    stem = f"report/clusters/{page_name(facts.row['cluster_id'])}"
    nodes = [_node(one, places.get(one["entity_id"])) for one in facts.members]
    edges = [_edge(one) for one in facts.inside]
    yield f"{stem}.graphml", "".join(graphml(nodes, edges)).encode()
    yield f"{stem}.gexf", "".join(gexf(nodes, edges)).encode()
    yield f"{stem}.csv", _csv(facts.members)
    yield f"{stem}.stix.json", stix.bundle(facts, moment, run_id)


def _csv(members: list[Row]) -> bytes:
    return spreadsheet.write(_COLUMNS, [[_flat(one[name]) for name in _COLUMNS] for one in members])


def _node(member: Row, place: Point | None) -> Row:
    flat = {name: _flat(member[name]) for name, _ in NODE if name in member}
    flat |= {"id": member["entity_id"], "cluster": member["cluster_id"]}
    # GEXF has y upwards, a page downwards.
    at = {} if place is None else {"x": round(1600 * place[0], 1), "y": -round(1000 * place[1], 1)}
    return flat | at


def _edge(link: Row) -> Row:
    flat = {name: _flat(link[name]) for name, _ in EDGE}
    return flat | {"source": link["entity_a"], "target": link["entity_b"]}


def _flat(value: object) -> object:
    if isinstance(value, list):
        return "; ".join(value)
    return _moment_of(value) if isinstance(value, datetime) else value


@lru_cache(maxsize=65_536)
def _moment_of(value: datetime) -> str:
    return f"{value:%Y-%m-%dT%H:%M:%SZ}"
