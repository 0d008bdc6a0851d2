"""The formats for clusters and whole graphs in other tools, a row each.

A new format is one file with the function that writes it, and one row in `EXPORT_FORMATS`:
`ringtrace export --format` and the workbench's list of what it writes follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from reports import tables
from reports.cluster_data import gather_clusters
from reports.disclosure_control import (
    CORE,
    REVIEWED_CORE,
    keep_core,
    keep_leaving,
    redact_fact_reasons,
    thin_clusters,
)
from reports.export.case_uco import cluster_case, join_cases
from reports.export.graph_tables import ClusterExport, GraphExport, gexf_document, graphml_document
from reports.export.misp import cluster_misp, cluster_misp_feed, join_events, join_feed
from reports.export.stix import (
    DEFAULT_TLP,
    PATTERNS,
    cluster_sentinel,
    cluster_stix,
    join_bundles,
    join_requests,
)
from reports.export.tabular import (
    NODES_FILE,
    SIGNAL_TYPES,
    cluster_csv,
    cluster_signals,
    join_csv,
    join_signals,
)
from reports.partition import in_groups, read_positions
from reports.tables import RunFolder
from schemas.tables import MEMBERS
from transforms.write.parquet_files import FileChunks

MEMBERS_AT_A_TIME = 1_000
"""Members whose rows are in memory together while clusters are exported."""


@dataclass(frozen=True)
class ExportFormat:
    """A format: functions that write a file per cluster, and a file of all clusters.

    Attributes:
        code: its name on the command line.
        name: its name for people.
        description: words that follow the name in the workbench.
        suffix: ending of the names of its files, without the first dot.
        write_cluster: yields the file of a cluster, piece by piece.
        write_graph: yields the file of a run's whole graph, piece by piece.
        join_clusters: joins the files of several clusters into a single file.
        reviewed: it holds only reviewed core members, whatever the options say.
        kinds: the kinds of identifiers that it holds; None for all.
        unmarked: it goes to others, and cannot say how far it may travel.
    """

    code: str
    name: str
    description: str
    suffix: str
    write_cluster: Callable[[ClusterExport], FileChunks]
    write_graph: Callable[[GraphExport], FileChunks] | None = None
    join_clusters: Callable[[Iterable[bytes]], FileChunks] | None = None
    reviewed: bool = False
    kinds: tuple[str, ...] = ()
    unmarked: bool = False


EXPORT_FORMATS = (
    ExportFormat(
        code="graphml",
        name="GraphML",
        description="for networkx, yEd, Gephi",
        suffix="graphml",
        write_cluster=graphml_document,
        write_graph=graphml_document,
    ),
    ExportFormat(
        code="gexf",
        name="GEXF",
        description="for Gephi, with the positions of the graph",
        suffix="gexf",
        write_cluster=gexf_document,
        write_graph=gexf_document,
    ),
    ExportFormat(
        code="csv",
        name="CSV",
        description="of the identifiers, for a spreadsheet",
        suffix="csv",
        write_cluster=cluster_csv,
        join_clusters=join_csv,
    ),
    ExportFormat(
        code="stix",
        name="STIX 2.1",
        description="for OpenCTI or another threat-intelligence platform, TLP:AMBER",
        suffix="stix.json",
        write_cluster=cluster_stix,
        join_clusters=join_bundles,
        reviewed=True,
    ),
    ExportFormat(
        code="sentinel",
        name="Microsoft Sentinel",
        description="requests to its upload API, of sites and addresses",
        suffix="sentinel.jsonl",
        write_cluster=cluster_sentinel,
        join_clusters=join_requests,
        reviewed=True,
        kinds=tuple(PATTERNS),
    ),
    ExportFormat(
        code="misp",
        name="MISP",
        description="an event for MISP, tlp:amber",
        suffix="misp.json",
        write_cluster=cluster_misp,
        join_clusters=join_events,
        reviewed=True,
    ),
    ExportFormat(
        code="misp-feed",
        name="MISP feed",
        description="manifest, hashes and events in a zip archive, to unpack where MISP reads it",
        suffix="misp-feed.zip",
        write_cluster=cluster_misp_feed,
        join_clusters=join_feed,
        reviewed=True,
    ),
    ExportFormat(
        code="gse",
        name="Global Signal Exchange",
        description="signals, a payload of its API",
        suffix="gse.json",
        write_cluster=cluster_signals,
        join_clusters=join_signals,
        reviewed=True,
        kinds=tuple(SIGNAL_TYPES),
        unmarked=True,
    ),
    ExportFormat(
        code="case",
        name="CASE/UCO",
        description="JSON-LD for tools of digital forensics",
        suffix="case.jsonld",
        write_cluster=cluster_case,
        join_clusters=join_cases,
        reviewed=True,
    ),
)


def leaving_formats() -> dict[str, ExportFormat]:
    """Returns the formats of `ringtrace export`, by code."""
    return {export_format.code: export_format for export_format in EXPORT_FORMATS}


@dataclass(frozen=True)
class RunExport:
    """A finished run whose clusters are exported, each or all in one file.

    Attributes:
        run: its folder.
        run_id: its id.
        moment: when it was made, for formats that state it.
        include_verify: keeps all members, for one's own use; has no effect on `reviewed` formats.
        tlp: a level of TLP 2.0, for formats that state it.
    """

    run: RunFolder
    run_id: str
    moment: datetime
    include_verify: bool = False
    tlp: str = DEFAULT_TLP

    def cluster(self, cluster_id: str, form: ExportFormat) -> bytes:
        """Returns the file of one cluster."""
        return next(self._files([cluster_id], form))

    def whole(self, form: ExportFormat) -> FileChunks:
        """Returns the file of all clusters with a member to write, piece by piece."""
        if form.write_graph is not None:
            return form.write_graph(GraphExport(self.run, core_only=not self.include_verify))
        if form.join_clusters is None:
            raise TypeError(f"{form.code}: has no file of the graph, and joins none of clusters")
        rows = tables.read_table(self.run, MEMBERS, ["cluster_id"], self._leaving(form))
        counts = rows["cluster_id"].value_counts()
        ids, sizes = (counts.field(column).to_pylist() for column in (0, 1))
        groups = in_groups(sorted(zip(ids, sizes, strict=True)), MEMBERS_AT_A_TIME)
        return form.join_clusters(file for group in groups for file in self._files(group, form))

    def counts(self, form: ExportFormat, cluster_id: str | None = None) -> tuple[int, int]:
        """Counts the members of a cluster, or of all, that a file holds, and that it leaves out."""
        here = pc.scalar(True) if cluster_id is None else pc.field("cluster_id") == cluster_id
        every = tables.count_rows(self.run, MEMBERS, here)
        within = tables.count_rows(self.run, MEMBERS, here & self._leaving(form))
        return within, every - within

    def _leaving(self, form: ExportFormat) -> pc.Expression:
        named = pc.scalar(not form.kinds)
        for kind in form.kinds:
            named = named | pc.starts_with(pc.field("entity_id"), f"{kind}:")
        if form.reviewed:
            return named & REVIEWED_CORE & ~pc.field("cluster_id").isin(thin_clusters(self.run))
        return named if self.include_verify else named & CORE

    def _files(self, ids: list[str], form: ExportFormat) -> Iterator[bytes]:
        kept = redact_fact_reasons if self.include_verify else keep_core
        clusters = [kept(facts) for facts in gather_clusters(self.run, ids)]
        names = [member["entity_id"] for facts in clusters for member in facts.members]
        nodes = Path(self.run, NODES_FILE)
        before = str(nodes) if nodes.is_file() else None
        places = read_positions(str(self.run), before, pa.array(names, pa.string())).of_entity
        for facts in clusters:
            shown = keep_leaving(facts) if form.reviewed else facts
            export = ClusterExport(shown, places, self.moment, self.run_id, self.tlp)
            yield b"".join(form.write_cluster(export))
