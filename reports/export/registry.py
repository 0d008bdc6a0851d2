"""The formats that a report offers its clusters and its graph in, one row each.

A new format is one file with the function that writes it, and one row in `EXPORT_FORMATS`: its
files and the links to them on the clusters' pages follow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from reports.cluster_data import page_name
from reports.disclosure_control import is_core, keep_batch_members, redact_member_reasons
from reports.export.graph_files import cluster_gexf, cluster_graphml, graph_gexf, graph_graphml
from reports.export.graph_tables import ClusterExport, GraphExport
from reports.export.stix import cluster_stix
from reports.export.tabular import cluster_csv, edges_parquet
from transforms.write.job_pool import PutFile
from transforms.write.parquet_files import FileChunks


@dataclass(frozen=True)
class ExportFormat:
    """A format, with a function for one file a cluster, one for the whole graph, or both.

    Attributes:
        name: what people call it.
        description: words that follow the name on a cluster's page.
        suffix: ending of the names of its files, without the first dot.
        media_type: for whoever serves the files.
        write_clusters: yields the file of each cluster of an export, in their order.
        write_graph: yields the file of a run's whole graph, piece by piece.
        graph_file: name of that file, below the run's folder.
        own: the file is a table of the run for its owner, with all members.
    """

    name: str
    description: str
    suffix: str
    media_type: str
    write_clusters: Callable[[ClusterExport], Iterable[FileChunks]] | None = None
    write_graph: Callable[[GraphExport], FileChunks] | None = None
    graph_file: str = ""
    own: bool = False


EXPORT_FORMATS = (
    ExportFormat(
        name="GraphML",
        description="for networkx, yEd, Gephi",
        suffix="graphml",
        media_type="application/graphml+xml",
        write_clusters=cluster_graphml,
        write_graph=graph_graphml,
        graph_file="graph/graph.graphml",
    ),
    ExportFormat(
        name="GEXF",
        description="for Gephi, with the places in this picture",
        suffix="gexf",
        media_type="application/gexf+xml",
        write_clusters=cluster_gexf,
        write_graph=graph_gexf,
        graph_file="graph/graph.gexf",
    ),
    ExportFormat(
        name="CSV",
        description="of the identifiers, for a spreadsheet",
        suffix="csv",
        media_type="text/csv",
        write_clusters=cluster_csv,
    ),
    ExportFormat(
        name="STIX 2.1",
        description="for OpenCTI or another threat-intelligence platform, TLP:AMBER",
        suffix="stix.json",
        media_type="application/stix+json;version=2.1",
        write_clusters=cluster_stix,
    ),
    ExportFormat(
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
