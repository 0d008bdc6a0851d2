"""Tables in files: clusters as CSV, opened as text by spreadsheets, a run's graph as Parquet.

Hostile text must not become a formula. The graph has a file of edges, and one of nodes with their
positions.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reports.export.graph_tables import (
    POSITIONED_SCHEMA,
    REASONED_SCHEMA,
    ClusterExport,
    GraphExport,
    left_out_note,
)
from reports.tables import flatten_column_to_seconds
from reports.text import plain
from schemas.enums import Tier

EDGES_FILE = "graph/edges.parquet"

NODES_FILE = "graph/nodes.parquet"
"""Written last, since it has the positions in all figures; the next run starts from them."""

_ROW_GROUP_ROWS = 131_072
"""Fixed, because it shows in the bytes."""

TEXT_LIMIT = 1_000

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")
"""First characters that spreadsheets take for a formula (OWASP, CSV Injection)."""

_MEMBER_COLUMNS = (
    "cluster_id",
    "entity_id",
    "kind",
    "role",
    "status",
    "confidence",
    "bridge",
    "tier",
    "review",
    "reporters",
    "robustness",
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


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Returns a table as RFC 4180 has it, in UTF-8 with the mark by which spreadsheets know it."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(
        [_harmless(one) if isinstance(one, str) else one for one in row] for row in rows
    )
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def cluster_csv(export: ClusterExport) -> Iterator[list[bytes]]:
    """Yields a table of the members of each cluster.

    Where members were left out the last row has no `entity_id`: it counts them in `reason`.
    """
    members = export.batch.members
    columns = (flatten_column_to_seconds(members[name]).to_pylist() for name in _MEMBER_COLUMNS)
    rows = zip(*columns, strict=True)
    for facts in export.batch.facts:
        counted = {
            "cluster_id": facts.row["cluster_id"],
            "tier": str(Tier.VERIFY),
            "reason": left_out_note(facts.left_out),
        }
        last = [[counted.get(name, "") for name in _MEMBER_COLUMNS]] if facts.left_out else []
        yield [csv_bytes(_MEMBER_COLUMNS, chain(islice(rows, len(facts.members)), last))]


def join_csv(files: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the table of all rows of several, under one header."""
    head = csv_bytes(_MEMBER_COLUMNS, ())
    yield head
    for one in files:
        yield one[len(head) :]


def edges_parquet(graph: GraphExport) -> Iterator[memoryview]:
    """Yields graph/edges.parquet."""
    yield _parquet(graph.edges(), REASONED_SCHEMA)


def nodes_parquet(graph: GraphExport, positions: pa.Table) -> Iterator[memoryview]:
    """Yields graph/nodes.parquet, with `positions` as `figures.NODE_POSITIONS` has them."""
    ids = positions["id"].combine_chunks()

    def positioned(nodes: pa.Table) -> pa.Table:
        at = pc.index_in(nodes["id"], ids)
        axes = [positions[axis].take(at) for axis in ("x", "y")]
        return pa.table([*nodes.columns, *axes], schema=POSITIONED_SCHEMA)

    yield _parquet(map(positioned, graph.nodes()), POSITIONED_SCHEMA)


@lru_cache(maxsize=16_384)
def _harmless(value: str) -> str:
    text = plain(value, TEXT_LIMIT)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) else text


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
