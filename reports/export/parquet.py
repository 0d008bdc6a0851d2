"""The graph of a whole run as Parquet: one file of edges, one of nodes with their positions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reports.export.graph_tables import POSITIONED_SCHEMA, REASONED_SCHEMA, GraphExport

NODES_FILE = "graph/nodes.parquet"
"""Written last, since it has the positions in all figures; the next run starts from them."""

_ROW_GROUP_ROWS = 131_072
"""Fixed, because it shows in the bytes."""


def edges_parquet(graph: GraphExport) -> Iterator[memoryview]:
    """Yields graph/edges.parquet."""
    yield _parquet(graph.edges(), REASONED_SCHEMA)


def nodes_parquet(graph: GraphExport, positions: pa.Table) -> Iterator[memoryview]:
    """Yields graph/nodes.parquet, with `positions` as `graph_figure.NODE_POSITIONS` has them."""
    ids = positions["id"].combine_chunks()

    def positioned(nodes: pa.Table) -> pa.Table:
        at = pc.index_in(nodes["id"], ids)
        axes = [positions[axis].take(at) for axis in ("x", "y")]
        return pa.table([*nodes.columns, *axes], schema=POSITIONED_SCHEMA)

    yield _parquet(map(positioned, graph.nodes()), POSITIONED_SCHEMA)


def _parquet(pieces: Iterable[pa.Table], schema: pa.Schema) -> memoryview:
    """Returns one file, in row groups of `_ROW_GROUP_ROWS` however the rows come."""
    sink = pa.BufferOutputStream()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        waiting = schema.empty_table()
        for piece in pieces:
            waiting = pa.concat_tables([waiting, piece])
            while waiting.num_rows >= _ROW_GROUP_ROWS:
                writer.write_table(waiting.slice(0, _ROW_GROUP_ROWS).combine_chunks())
                waiting = waiting.slice(_ROW_GROUP_ROWS)
        if waiting.num_rows:
            writer.write_table(waiting.combine_chunks())
    return memoryview(sink.getvalue())
