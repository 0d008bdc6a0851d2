"""Everything that a run writes for people: the index, pages and files of clusters, the graph.

It is cut into jobs that need nothing of each other, so that processes can share them
(`transforms.write.job_pool`). A job names its tables by their folder, so that it is small to send.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

import pyarrow as pa

from reports import disclosure_control, tables
from reports.cluster_data import gather_batch
from reports.export import registry, tabular
from reports.export.graph_tables import ClusterExport, GraphExport
from reports.figures import graph_figure
from reports.figures.graph_figure import member_positions
from reports.figures.graph_layout import Point, solvers
from reports.html import cluster_page, index_page
from reports.html.cluster_page import PageContext
from reports.html.index_page import ClusterTable, Joint, PagePlan, cluster_table
from reports.html.partition import partition_run
from reports.html.render import compile_templates
from reports.run import Run, keeps_narratives
from schemas.tables import ENTITIES
from transforms.write.job_pool import JobPool, PutFile

PAGE_LIMIT = 10_000
"""Clusters of two or more with a page of their own by default, by priority; as many clusters of one
are described on shared pages.

`python -m benchmarks.report`: a page with its downloads takes about 8 ms and 100 kB.
"""

MEMBERS_AT_A_TIME = 1_000
"""Members whose rows are in a process's memory together; a larger cluster is there alone."""

MOST_GROUPS = 256
"""Groups of clusters: each has a file open while a table is partitioned."""

MEMBER_SECONDS, ENTITY_SECONDS = 7e-4, 2.5e-5
"""CPU seconds of the files of a cluster for each member, and of the index, the whole graph and the
cut into groups for each entity of the run, roughly: measured were 6.9 s where 7.5 follow (30,000
simulated complaints with calls), 14.4 s where 14.3 do (60,000) and 11.0 s where 10.8 do (100,000).
"""

Job = partial[pa.Table | None]
"""Writes files by the `PutFile` that it is given; those of clusters return node positions."""


def write_report_pages(
    run: Run,
    pool: JobPool,
    *,
    pages: int | None = PAGE_LIMIT,
    redact: bool = False,
    suppress_below: int = 0,
    include_verify: bool = False,
    before: str | None = None,
) -> None:
    """Writes report/ and graph/ of a run.

    Pages hold all members, each with its tier; files that are made to be passed on hold core
    members alone, and count the others.

    Args:
        run: the run; its tables must be written.
        pool: runs the jobs and keeps the files.
        pages: how many clusters are described, None for all.
        redact: leaves out all members but core ones, narratives, record ids and what analysts
            wrote, for a reader outside.
        suppress_below: smallest count of victims by country that is shown.
        include_verify: keeps all members in the files, for one's own use.
        before: graph/nodes.parquet of the run before, whose node positions are kept.
    """
    report = _Report(run, pages, redact, suppress_below, include_verify, before)
    table = cluster_table(run, pages, ())
    members = sum(table.sizes[one] for page in table.described for one in page.ids)
    seconds = members * MEMBER_SECONDS + tables.count_rows(run, ENTITIES) * ENTITY_SECONDS
    if members:  # what forks of this process share is loaded once
        compile_templates(("index.html", "cluster.html", "single.html"))
        solvers()
    results = pool.run(_jobs(report, table, pool.scratch), seconds)
    positions = [one for one in results if one is not None] or [graph_figure.positions_table({})]
    for _ in pool.run([partial(_nodes, run, pa.concat_tables(positions), redact=redact)], 0):
        continue


@dataclass(frozen=True)
class _Report:
    """The arguments of `write_report_pages`."""

    run: Run
    pages: int | None
    redact: bool
    suppress_below: int
    include_verify: bool
    before: str | None


def _jobs(report: _Report, table: ClusterTable, scratch: str) -> Iterator[Job]:
    """Yields the jobs, long ones first, so that none is left over at the end."""
    yield partial(_index, report, scratch)
    yield partial(_graph, report.run, redact=report.redact, include_verify=report.include_verify)
    joint = index_page.gather_joint(report.run, core_only=report.redact)
    moment = report.run.moment
    groups = list(group_pages(table))
    sources, before = [report.run.folder] * len(groups), report.before
    if len(groups) > 1:
        wanted = [[one for page in group for one in page.ids] for group in groups]
        positions = None if before is None else graph_figure.positions_dataset(before)
        sources, before = partition_run(report.run, wanted, scratch, positions), None
    for group, source in zip(groups, sources, strict=True):
        ids = [one for page in group for one in page.ids]
        context = PageContext(
            run_id=report.run.run_id,
            pages=table.pages,
            redact=report.redact,
            suppress_below=report.suppress_below,
            joint=None if joint is None else _of(joint, ids),
            include_verify=report.include_verify,
            narratives=not report.redact and keeps_narratives(report.run),
        )
        yield partial(_clusters, source, group, context, moment, before)


def group_pages(table: ClusterTable) -> Iterator[list[PagePlan]]:
    """Yields pages in groups of about `MEMBERS_AT_A_TIME` members, in their order."""
    sizes = [sum(table.sizes[one] for one in page.ids) for page in table.described]
    most = max(MEMBERS_AT_A_TIME, sum(sizes) // MOST_GROUPS + 1)
    group: list[PagePlan] = []
    members = 0
    for page, size in zip(table.described, sizes, strict=True):
        if group and members + size > most:
            yield group
            group, members = [], 0
        group.append(page)
        members += size
    if group:
        yield group


def _of(joint: Joint, ids: Sequence[str]) -> Joint:
    return replace(joint, parts={one: joint.parts[one] for one in ids if one in joint.parts})


def _index(report: _Report, scratch: str, put: PutFile) -> None:
    table = cluster_table(report.run, report.pages)
    if report.redact:
        table = table.renamed(disclosure_control.core_names(report.run))
    joint = index_page.gather_joint(report.run, core_only=report.redact)
    content = index_page.render_index_page(
        report.run,
        table,
        joint,
        redact=report.redact,
        suppress_below=report.suppress_below,
        scratch=scratch,
    )
    put("report/index.html", [content])


def _graph(run: Run, put: PutFile, *, redact: bool, include_verify: bool) -> None:
    graph = GraphExport(run, redact, core_only=redact)
    registry.write_graph_files(graph, put, include_verify=include_verify)


def _nodes(run: Run, positions: pa.Table, put: PutFile, *, redact: bool) -> None:
    graph = GraphExport(run, core_only=redact)
    put(tabular.NODES_FILE, tabular.nodes_parquet(graph, positions))


def _clusters(
    source: str,
    group: Sequence[PagePlan],
    context: PageContext,
    moment: datetime,
    before: str | None,
    put: PutFile,
) -> pa.Table:
    """Writes pages and downloads of some clusters; returns the positions of their members."""
    ids = [one for page in group for one in page.ids]
    narratives = partial(tables.kept_narratives, source) if context.narratives else None
    run = gather_batch(source, ids, narratives)
    whole = disclosure_control.redact_batch(run) if context.redact else run
    found = dict(zip(ids, zip(whole.facts, run.facts, strict=True), strict=True))
    earlier = graph_figure.read_positions(source, before, run.members["entity_id"].to_pylist())
    positions: dict[str, tuple[str, Point]] = {}
    for page in group:
        if page.shared:
            content = [found[one][0] for one in page.ids]
            html = cluster_page.render_singles_page(content, context)
        else:
            facts, of_run = found[page.ids[0]]
            # A copy keeps the places of the run's figure, whoever is left out of it.
            names = (one["entity_id"] for one in of_run.members)
            places = member_positions(of_run, earlier.of(names))
            kept = {one["entity_id"] for one in facts.members}
            drawn = {one: point for one, point in places.items() if one in kept}
            positions |= {one: (facts.row["cluster_id"], point) for one, point in drawn.items()}
            html = cluster_page.render_cluster_page(facts, drawn, context)
        put(f"report/clusters/{page.name}.html", [html])
    export = ClusterExport(whole, positions, moment, context.run_id)
    registry.write_cluster_files(export, put, include_verify=context.include_verify)
    return graph_figure.positions_table(positions)
