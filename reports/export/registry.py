"""The formats in which clusters and whole graphs go to other tools, one row each.

A new format is one file with the function that writes it, and one row in `EXPORT_FORMATS`: its
files, the links to them on the clusters' pages and `ringtrace export --format` follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import pyarrow.compute as pc

from reports import tables
from reports.cluster_data import gather_batch, page_name
from reports.disclosure_control import (
    CORE,
    REVIEWED_CORE,
    is_core,
    keep_batch_members,
    redact_member_reasons,
    thin_clusters,
)
from reports.export.graph_files import cluster_gexf, cluster_graphml, graph_gexf, graph_graphml
from reports.export.graph_tables import ClusterExport, GraphExport
from reports.export.stix import cluster_stix, join_bundles
from reports.export.tabular import NODES_FILE, cluster_csv, edges_parquet, join_csv
from reports.figures.graph_figure import read_positions
from reports.tables import RunFolder
from schemas.tables import MEMBERS
from transforms.write.job_pool import PutFile
from transforms.write.parquet_files import FileChunks

MEMBERS_AT_A_TIME = 1_000
"""Members whose rows are in memory together while clusters are exported."""


@dataclass(frozen=True)
class ExportFormat:
    """A format, with a function for one file a cluster, one for the whole graph, or both.

    Attributes:
        code: its name on the command line.
        name: what people call it.
        description: words that follow the name on a cluster's page.
        suffix: ending of the names of its files, without the first dot.
        media_type: for whoever serves the files.
        write_clusters: yields the file of each cluster of an export, in their order.
        write_graph: yields the file of a run's whole graph, piece by piece.
        graph_file: name of that file, below the run's folder.
        own: the file is a table of the run for its owner, with all members.
        join_clusters: makes one file of those of several clusters.
        reviewed: it holds reviewed core members alone, whatever else was asked for.
    """

    code: str
    name: str
    description: str
    suffix: str
    media_type: str
    write_clusters: Callable[[ClusterExport], Iterable[FileChunks]] | None = None
    write_graph: Callable[[GraphExport], FileChunks] | None = None
    graph_file: str = ""
    own: bool = False
    join_clusters: Callable[[Iterable[bytes]], FileChunks] | None = None
    reviewed: bool = False


EXPORT_FORMATS = (
    ExportFormat(
        code="graphml",
        name="GraphML",
        description="for networkx, yEd, Gephi",
        suffix="graphml",
        media_type="application/graphml+xml",
        write_clusters=cluster_graphml,
        write_graph=graph_graphml,
        graph_file="graph/graph.graphml",
    ),
    ExportFormat(
        code="gexf",
        name="GEXF",
        description="for Gephi, with the places in this picture",
        suffix="gexf",
        media_type="application/gexf+xml",
        write_clusters=cluster_gexf,
        write_graph=graph_gexf,
        graph_file="graph/graph.gexf",
    ),
    ExportFormat(
        code="csv",
        name="CSV",
        description="of the identifiers, for a spreadsheet",
        suffix="csv",
        media_type="text/csv",
        write_clusters=cluster_csv,
        join_clusters=join_csv,
    ),
    ExportFormat(
        code="stix",
        name="STIX 2.1",
        description="for OpenCTI or another threat-intelligence platform, TLP:AMBER",
        suffix="stix.json",
        media_type="application/stix+json;version=2.1",
        write_clusters=cluster_stix,
        join_clusters=join_bundles,
        reviewed=True,
    ),
    ExportFormat(
        code="parquet",
        name="Parquet",
        description="for a data frame",
        suffix="parquet",
        media_type="application/vnd.apache.parquet",
        write_graph=edges_parquet,
        graph_file="graph/edges.parquet",
        own=True,
    ),
)


def cluster_formats() -> list[ExportFormat]:
    """Returns the formats of a cluster's downloads."""
    return [one for one in EXPORT_FORMATS if one.write_clusters is not None]


def write_cluster_files(
    export: ClusterExport, put: PutFile, *, include_verify: bool = False
) -> None:
    """Writes a file a cluster and format, beside the clusters' pages.

    They hold core members alone, those of `include_verify` all: each row says which a member is.
    """
    if not include_verify:
        core = redact_member_reasons(keep_batch_members(export.batch, is_core))
        export = replace(export, batch=core)
    files = {
        one.suffix: iter(one.write_clusters(export)) for one in EXPORT_FORMATS if one.write_clusters
    }
    for facts in export.batch.facts:
        for suffix, contents in files.items():
            put(f"report/clusters/{page_name(facts.row['cluster_id'])}.{suffix}", next(contents))


def write_graph_files(graph: GraphExport, put: PutFile, *, include_verify: bool = False) -> None:
    """Writes the whole graph in every format that has it, core members alone in what may leave."""
    leaving = graph if include_verify else replace(graph, core_only=True)
    for one in EXPORT_FORMATS:
        if one.write_graph is not None:
            put(one.graph_file, one.write_graph(graph if one.own else leaving))


def leaving_formats() -> dict[str, ExportFormat]:
    """Returns the formats of `ringtrace export`, by code."""
    return {one.code: one for one in EXPORT_FORMATS if one.write_clusters is not None}


@dataclass(frozen=True)
class RunExport:
    """A finished run whose clusters are exported, each or all in one file.

    Attributes:
        run: its folder.
        run_id: its id.
        moment: when it was made, for formats that state it.
        include_verify: keeps all members, for one's own use; of a `reviewed` format it does not.
    """

    run: RunFolder
    run_id: str
    moment: datetime
    include_verify: bool = False

    def cluster(self, cluster_id: str, form: ExportFormat) -> bytes:
        """Returns the file of one cluster."""
        return next(self._files([cluster_id], form))

    def whole(self, form: ExportFormat) -> FileChunks:
        """Returns the file of all clusters that have a member in it, piece by piece."""
        if form.write_graph is not None:
            return form.write_graph(GraphExport(self.run, core_only=not self.include_verify))
        if form.join_clusters is None:
            raise TypeError(f"{form.code}: has no file of the graph, and joins none of clusters")
        rows = tables.read_table(self.run, MEMBERS, ["cluster_id"], self._leaving(form))
        counts = rows["cluster_id"].value_counts()
        ids, sizes = (counts.field(at).to_pylist() for at in (0, 1))
        groups = _groups(sorted(zip(ids, sizes, strict=True)))
        return form.join_clusters(one for group in groups for one in self._files(group, form))

    def counts(self, form: ExportFormat, cluster_id: str | None = None) -> tuple[int, int]:
        """Counts the members of one cluster, or of all, that are in a file, and the others."""
        here = pc.scalar(True) if cluster_id is None else pc.field("cluster_id") == cluster_id
        every = tables.count_rows(self.run, MEMBERS, here)
        within = tables.count_rows(self.run, MEMBERS, here & self._leaving(form))
        return within, every - within

    def _leaving(self, form: ExportFormat) -> pc.Expression:
        if form.reviewed:
            return REVIEWED_CORE & ~pc.field("cluster_id").isin(thin_clusters(self.run))
        return pc.scalar(True) if self.include_verify else CORE

    def _files(self, ids: list[str], form: ExportFormat) -> Iterator[bytes]:
        if form.write_clusters is None:
            raise TypeError(f"{form.code}: has no file a cluster")
        batch = gather_batch(self.run, ids)
        if not self.include_verify:
            batch = redact_member_reasons(keep_batch_members(batch, is_core))
        names = batch.members["entity_id"].to_pylist()
        nodes = Path(self.run, NODES_FILE)
        places = read_positions(str(self.run), str(nodes) if nodes.is_file() else None, names)
        export = ClusterExport(batch, places.of_entity, self.moment, self.run_id)
        for chunks in form.write_clusters(export):
            yield b"".join(chunks)


def _groups(sizes: Iterable[tuple[str, int]]) -> Iterator[list[str]]:
    """Yields ids in groups of about `MEMBERS_AT_A_TIME` members, in their order."""
    group: list[str] = []
    members = 0
    for one, size in sizes:
        if group and members + size > MEMBERS_AT_A_TIME:
            yield group
            group, members = [], 0
        group.append(one)
        members += size
    if group:
        yield group
