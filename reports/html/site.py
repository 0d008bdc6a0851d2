"""Everything a run writes for people: the index, the clusters' pages and downloads, the graph.

It is cut into jobs that need nothing of each other, so that they can be shared among processes
(`transforms.write.job_pool`). A job names its tables by their folder and is small where it travels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial

import pyarrow as pa

from reports import disclosure_control
from reports.cluster_data import gathered
from reports.export import downloads, whole_graph
from reports.figures import graph_figure
from reports.figures.graph_figure import placed
from reports.figures.graph_layout import Point
from reports.html import cluster_page, index_page, joint_page
from reports.html.cluster_page import Context
from reports.html.cluster_table import ClusterTable, Page, cluster_table
from reports.html.joint_page import Joint
from reports.html.partition import spool
from reports.tables import Run
from schemas.manifest import Manifest
from transforms.write.job_pool import Desk, Put

PAGES = 10_000
"""Clusters of two or more that have a page of their own unless it is said otherwise, by priority;
and as many clusters of one are described on the pages that they share.

`python -m benchmarks.report`: a page with its downloads takes about 8 ms and 100 kB.
"""


AT_A_TIME = 1_000
"""Members whose rows a process holds together; a cluster of more is held whole."""


MOST_GROUPS = 256
"""Groups that clusters are cut into: each has a file open while a table is cut."""


MEMBER_SECONDS = 0.001
"""CPU that a member's part of its cluster's files takes, roughly."""


def write(
    run: Run,
    manifest: Manifest,
    desk: Desk,
    *,
    pages: int | None = PAGES,
    redact: bool = False,
    suppress_below: int = 0,
    before: str | None = None,
) -> None:
    """Write all files at `desk`.

    `pages` is how many clusters are described, None for all. `redact` leaves out narratives, record
    ids and what analysts wrote, for a reader outside; `before` is the graph/nodes.parquet of the
    run before, whose pictures' places are kept.
    """
    report = _Report(str(run), manifest, pages, redact, suppress_below, before)
    table = cluster_table(run, pages, ())
    members = sum(table.sizes[one] for page in table.described for one in page.ids)
    stood = list(desk.each(_jobs(report, table, desk.scratch), members * MEMBER_SECONDS))
    found = pa.concat_tables([one for one in stood if one is not None] or [graph_figure.table({})])
    for _ in desk.each([partial(_nodes, report.run, found)], 0):
        continue


@dataclass(frozen=True)
class _Report:
    """What is asked for."""

    run: str
    manifest: Manifest
    pages: int | None
    redact: bool
    suppress_below: int
    before: str | None


Job = partial[pa.Table | None]
"""Writes files by the `Put` that it is given; those of clusters return where members stand."""


def _jobs(report: _Report, table: ClusterTable, scratch: str) -> Iterator[Job]:
    """The long ones first, so that no process is left alone with one."""
    yield partial(_index, report, scratch)
    yield partial(_graph, report.run, redact=report.redact)
    joint = joint_page.gather(report.run, report.manifest)
    moment = _moment(report.manifest, table)
    groups = list(in_groups(table))
    sources, before = [report.run] * len(groups), report.before
    if len(groups) > 1:
        wanted = [[one for page in group for one in page.ids] for group in groups]
        stood = None if before is None else graph_figure.dataset(before)
        sources, before = spool(report.run, wanted, scratch, stood), None
    for group, source in zip(groups, sources, strict=True):
        ids = [one for page in group for one in page.ids]
        context = Context(
            run_id=report.manifest["run_id"],
            pages=table.pages,
            redact=report.redact,
            suppress_below=report.suppress_below,
            joint=None if joint is None else _of(joint, ids),
        )
        yield partial(_clusters, source, group, context, moment, before)


def in_groups(table: ClusterTable) -> Iterator[list[Page]]:
    """Pages cut into groups of about `AT_A_TIME` members, in their order."""
    sizes = [sum(table.sizes[one] for one in page.ids) for page in table.described]
    most = max(AT_A_TIME, sum(sizes) // MOST_GROUPS + 1)
    group: list[Page] = []
    held = 0
    for page, size in zip(table.described, sizes, strict=True):
        if group and held + size > most:
            yield group
            group, held = [], 0
        group.append(page)
        held += size
    if group:
        yield group


def _of(joint: Joint, ids: Sequence[str]) -> Joint:
    return replace(joint, parts={one: joint.parts[one] for one in ids if one in joint.parts})


def _index(report: _Report, scratch: str, put: Put) -> None:
    table = cluster_table(report.run, report.pages)
    joint = joint_page.gather(report.run, report.manifest)
    content = index_page.render(
        report.run,
        report.manifest,
        table,
        joint,
        redact=report.redact,
        suppress_below=report.suppress_below,
        scratch=scratch,
    )
    put("report/index.html", [content])


def _graph(run: str, put: Put, *, redact: bool) -> None:
    put("graph/graph.graphml", whole_graph.graphml_file(run))
    put("graph/graph.gexf", whole_graph.gexf_file(run))
    put("graph/edges.parquet", [whole_graph.edges_file(run, redact=redact)])


def _nodes(run: str, stood: pa.Table, put: Put) -> None:
    put(whole_graph.NODES_FILE, [whole_graph.nodes_file(run, stood)])


def _clusters(
    source: str,
    group: Sequence[Page],
    context: Context,
    moment: datetime,
    before: str | None,
    put: Put,
) -> pa.Table:
    """Pages and downloads of some clusters; returns where their members stand."""
    ids = [one for page in group for one in page.ids]
    whole = gathered(source, ids, narratives=not context.redact)
    if context.redact:
        whole = disclosure_control.gathered(whole)
    found = dict(zip(ids, whole.facts, strict=True))
    stood = graph_figure.of(source, before, whole.members["entity_id"].to_pylist())
    kept: dict[str, tuple[str, Point]] = {}
    for page in group:
        content = [found[one] for one in page.ids]
        if page.shared:
            put(
                f"report/clusters/{page.name}.html", [cluster_page.render_singles(content, context)]
            )
            continue
        (facts,) = content
        drawn = placed(facts, stood.of(one["entity_id"] for one in facts.members))
        kept |= {one: (facts.row["cluster_id"], point) for one, point in drawn.items()}
        put(f"report/clusters/{page.name}.html", [cluster_page.render(facts, drawn, context)])
    downloads.write(whole, kept, moment, context.run_id, put)
    return graph_figure.table(kept)


def _moment(manifest: Manifest, table: ClusterTable) -> datetime:
    """The run's --as-of, or else its newest record: when a bundle says that it was made."""
    as_of = manifest["options"].get("as_of")
    if isinstance(as_of, str):
        return datetime.fromisoformat(as_of)
    return table.newest or datetime.min.replace(tzinfo=UTC)
