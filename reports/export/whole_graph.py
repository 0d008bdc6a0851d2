"""graph/: the graph of a whole run, as GraphML, GEXF and Parquet.

Nodes are the members of clusters and the suppliers they share. Identifiers that only a caller id
or a mention names are not in it, nor a victim's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reports import disclosure_control, tables
from reports.export.graph_files import EDGES, NODES, PLACED, gexf, graphml
from reports.tables import Lookup, Run, flat
from schemas.tables import ENTITIES, LINKS, MEMBERS, SUPPLIERS

NODES_FILE = "graph/nodes.parquet"


REASONED = pa.schema([*EDGES, ("reason", pa.string())])
"""graph/edges.parquet."""


ROW_GROUP = 131_072
"""Rows of a row group, which shows in the bytes."""


def graphml_file(run: Run) -> Iterator[bytes | memoryview]:
    """graph/graph.graphml, in pieces."""
    return graphml(nodes(run), edges(run))


def gexf_file(run: Run) -> Iterator[bytes | memoryview]:
    """graph/graph.gexf, in pieces."""
    return gexf(nodes(run), edges(run))


def edges_file(run: Run, *, redact: bool = False) -> memoryview:
    """graph/edges.parquet; `redact` leaves out of reasons what analysts wrote."""
    found = edges(run)
    return _parquet((_redacted(one) for one in found) if redact else found, REASONED)


def nodes_file(run: Run, places: pa.Table) -> memoryview:
    """graph/nodes.parquet, with the positions of those in `places` (`graph_figure.PLACES`)."""
    return _parquet((_placed(one, places) for one in nodes(run)), PLACED)


def _redacted(edge_table: pa.Table) -> pa.Table:
    at = edge_table.schema.get_field_index("reason")
    return edge_table.set_column(at, "reason", disclosure_control.reasons(edge_table["reason"]))


def _placed(node_table: pa.Table, places: pa.Table) -> pa.Table:
    at = pc.index_in(node_table["id"], places["id"].combine_chunks())
    axes = [places[axis].take(at) for axis in ("x", "y")]
    return pa.table([*node_table.columns, *axes], schema=PLACED)


def nodes(run: Run) -> Iterator[pa.Table]:
    """Every node, in the order of ids, as `NODES`, in pieces."""
    members = tables.read(run, MEMBERS, ["entity_id", "cluster_id", "role", "confidence"])
    members = members.combine_chunks()
    known = Lookup(members["entity_id"])
    wanted = pc.field("entity_id").isin(_ids(run))
    supplier = pa.scalar("supplier", pa.string())
    names = ["entity_id", *(one for one in NODES.names if one in ENTITIES.schema.names)]
    for entities in tables.in_order(run, ENTITIES, names, wanted):
        at = known.indices(entities["entity_id"])
        found = {name: members[name].take(at) for name in ("cluster_id", "role", "confidence")}
        columns = {
            "id": entities["entity_id"],
            "cluster": found["cluster_id"],
            "role": pc.fill_null(found["role"], supplier),
            "confidence": found["confidence"],
        }
        yield _table(NODES, columns, entities)


def edges(run: Run) -> Iterator[pa.Table]:
    """Every edge, in the order of its ends, as `REASONED`, in pieces."""
    ids = _ids(run)
    where = pc.field("entity_a").isin(ids) & pc.field("entity_b").isin(ids)
    names = ["entity_a", "entity_b", *REASONED.names[2:]]
    for links in tables.in_order(run, LINKS, names, where):
        ends = {"source": links["entity_a"], "target": links["entity_b"]}
        yield _table(REASONED, ends, links)


def _table(schema: pa.Schema, columns: dict[str, pa.ChunkedArray], rows: pa.Table) -> pa.Table:
    """Columns made and taken over: organisations joined, times as ISO 8601 text."""
    made = {one: columns[one] if one in columns else flat(rows[one]) for one in schema.names}
    return pa.table(made, schema=schema)


def _ids(run: Run) -> pa.Array:
    """Ids of members and of suppliers, those of suppliers once."""
    members = tables.read(run, MEMBERS, ["entity_id"])["entity_id"]
    suppliers = tables.read(run, SUPPLIERS, ["entity_id"])["entity_id"].unique()
    return pa.concat_arrays([*members.chunks, suppliers])


def _parquet(pieces: Iterable[pa.Table], schema: pa.Schema) -> memoryview:
    """One file, in row groups of `ROW_GROUP` however the rows come."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        waiting = schema.empty_table()
        for one in pieces:
            waiting = pa.concat_tables([waiting, one])
            while waiting.num_rows >= ROW_GROUP:
                writer.write_table(waiting.slice(0, ROW_GROUP).combine_chunks())
                waiting = waiting.slice(ROW_GROUP)
        if waiting.num_rows:
            writer.write_table(waiting.combine_chunks())
    return memoryview(sink.getvalue())
