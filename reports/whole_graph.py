"""graph/: the graph of a whole run, as GraphML, GEXF and Parquet.

Nodes are the members of clusters and the suppliers they share. Identifiers that only a caller id
or a mention names are not in it, nor a victim's.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reports import redaction, tables
from reports.graph_files import EDGE, NODE, gexf, graphml
from reports.layout import Point
from reports.tables import Run
from schemas.tables import ENTITIES, LINKS, MEMBERS, SUPPLIERS

Row = dict[str, Any]

NODES_FILE = "graph/nodes.parquet"

_TYPES = {"string": pa.string(), "long": pa.int64(), "double": pa.float64(), "boolean": pa.bool_()}
NODES = pa.schema([("id", pa.string()), *((name, _TYPES[kind]) for name, kind in NODE)])
"""What is known of a node in every format."""
PLACED = pa.schema([*NODES, ("x", pa.float64()), ("y", pa.float64())])
"""graph/nodes.parquet: `x` and `y` are the place in the picture of the cluster, from 0 to 1."""
EDGES = pa.schema(
    [
        ("source", pa.string()),
        ("target", pa.string()),
        *((name, _TYPES[kind]) for name, kind in EDGE),
        ("reason", pa.string()),
    ]
)
"""graph/edges.parquet."""


def write(
    run: Run, places: Mapping[str, Point], *, redact: bool = False
) -> Iterator[tuple[str, bytes]]:
    """The four files, by name. Holds the graph's rows as Arrow, and one file at a time.

    `redact` leaves out of reasons what analysts wrote.
    """
    node_table, edge_table = nodes(run), edges(run)
    if redact:
        at = edge_table.schema.get_field_index("reason")
        edge_table = edge_table.set_column(at, "reason", redaction.reasons(edge_table["reason"]))
    yield "graph/graph.graphml", _joined(graphml(_rows(node_table), _rows(edge_table)))
    yield "graph/graph.gexf", _joined(gexf(_rows(node_table), _rows(edge_table)))
    yield NODES_FILE, _parquet(_placed(node_table, places))
    yield "graph/edges.parquet", _parquet(edge_table)


def _placed(node_table: pa.Table, places: Mapping[str, Point]) -> pa.Table:
    found = [places.get(one, (None, None)) for one in node_table["id"].to_pylist()]
    axes = [pa.array([point[axis] for point in found], pa.float64()) for axis in (0, 1)]
    return pa.table([*node_table.columns, *axes], schema=PLACED)


def nodes(run: Run) -> pa.Table:
    """Every node, in the order of ids, as `NODES`."""
    members = tables.read(run, MEMBERS)
    entities = tables.read(run, ENTITIES, where=pc.field("entity_id").isin(_ids(run)))
    at = pc.index_in(entities["entity_id"], members["entity_id"].combine_chunks())
    found = {name: members[name].take(at) for name in ("cluster_id", "role", "confidence")}
    supplier = pa.scalar("supplier", pa.string())
    columns = {
        "id": entities["entity_id"],
        "cluster": found["cluster_id"],
        "role": pc.fill_null(found["role"], supplier),
        "confidence": found["confidence"],
    }
    return _table(NODES, columns, entities)


def edges(run: Run) -> pa.Table:
    """Every edge, in the order of its ends, as `EDGES`."""
    ids = _ids(run)
    where = pc.field("entity_a").isin(ids) & pc.field("entity_b").isin(ids)
    links = tables.read(run, LINKS, where=where)
    return _table(EDGES, {"source": links["entity_a"], "target": links["entity_b"]}, links)


def _table(schema: pa.Schema, columns: dict[str, pa.ChunkedArray], rows: pa.Table) -> pa.Table:
    """Columns made and taken over: organisations joined, times as ISO 8601 text."""
    made = dict(columns)
    for one in schema:
        if one.name in made:
            continue
        column = rows[one.name]
        if pa.types.is_list(column.type):
            column = pc.binary_join(column, "; ")
        elif pa.types.is_timestamp(column.type):
            column = pc.strftime(column, "%Y-%m-%dT%H:%M:%SZ")
        made[one.name] = column
    return pa.table([made[name] for name in schema.names], schema=schema)


def _rows(table: pa.Table) -> Iterator[Row]:
    for batch in table.to_batches(max_chunksize=10_000):
        yield from batch.to_pylist()


def _joined(pieces: Iterator[str]) -> bytes:
    held = io.BytesIO()
    for piece in pieces:
        held.write(piece.encode())
    return held.getvalue()


def _ids(run: Run) -> pa.Array:
    """Ids of members and of suppliers, those of suppliers once."""
    members = tables.read(run, MEMBERS, ["entity_id"])["entity_id"]
    suppliers = tables.read(run, SUPPLIERS, ["entity_id"])["entity_id"].unique()
    return pa.concat_arrays([*members.chunks, suppliers])


def _parquet(table: pa.Table) -> bytes:
    held = io.BytesIO()
    pq.write_table(table, held, compression="zstd")
    return held.getvalue()
