"""Rows in files: members as CSV or as signals in JSON, a run's graph as Parquet.

Spreadsheets open CSV files, so hostile text must not become a formula. Signals are for the Global
Signal Exchange (globalsignalexchange.org/docs, sending signals; read on 2026-11-28). The graph has
a file of edges, and a file of nodes with their positions.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC
from functools import lru_cache
from itertools import chain
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from reports.export.graph_tables import (
    POSITIONED_SCHEMA,
    REASONED_SCHEMA,
    ClusterExport,
    GraphExport,
    flat_value,
    left_out_note,
    with_times,
)
from reports.export.stix import percent
from reports.text import plain
from schemas.entity import without_epoch
from schemas.enums import Tier
from transforms.decode import without_formula

SIGNAL_TYPES = {
    "domain": "domain name", "url": "url", "phone": "", "email": "", "account": "", "wallet": "",
}  # fmt: skip
"""Kinds that are signals, with the documented `signal_type`; if empty, the Exchange detects it.

A remote-access id or a handle is no signal: without its service it has no meaning.
"""

ABUSE_TYPE = "impersonation"
"""The documented `abuse_type` for impersonation."""

EDGES_FILE = "graph/edges.parquet"

NODES_FILE = "graph/nodes.parquet"
"""Written last, since it has the positions in all figures; the next run starts from them."""

_ROW_GROUP_ROWS = 131_072
"""Rows of a group in Parquet: fixed, because the bytes depend on it."""

TEXT_LIMIT = 1_000

_MEMBER_COLUMNS = tuple(
    "cluster_id entity_id kind role status confidence bridge tier review reporters robustness "
    "complaints calls victims region line_type orgs first_seen last_seen reason".split()
)


def csv_bytes(header: Sequence[str], rows: Iterable[Sequence[object]]) -> bytes:
    """Returns a table as RFC 4180 CSV, in UTF-8 with the byte order mark that spreadsheets need."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(header)
    writer.writerows(
        [harmless(cell) if isinstance(cell, str) else cell for cell in row] for row in rows
    )
    return b"\xef\xbb\xbf" + text.getvalue().encode()


def cluster_csv(export: ClusterExport) -> list[bytes]:
    """Returns a table of the members of a cluster.

    If members were left out, a last row without `entity_id` counts them in `reason`.
    """
    facts = export.facts
    rows = [[flat_value(member[name]) for name in _MEMBER_COLUMNS] for member in facts.members]
    if facts.left_out:
        counted = {
            "cluster_id": facts.row["cluster_id"],
            "tier": str(Tier.VERIFY),
            "reason": left_out_note(facts.left_out),
        }
        rows.append([counted.get(name, "") for name in _MEMBER_COLUMNS])
    return [csv_bytes(_MEMBER_COLUMNS, rows)]


def join_csv(files: Iterable[bytes]) -> Iterator[bytes]:
    """Yields a table with the rows of several files, under a single header."""
    head = csv_bytes(_MEMBER_COLUMNS, ())
    yield head
    for file in files:
        yield file[len(head) :]


def cluster_signals(export: ClusterExport) -> list[bytes]:
    """Returns the signals of a cluster: its reviewed core members, without ids of ours.

    A file is a payload of `POST /report/signal`.
    """
    rows = map(_signal, export.facts.members)
    return [_array([orjson.dumps(row, option=orjson.OPT_SORT_KEYS) for row in rows if row])]


def join_signals(files: Iterable[bytes]) -> Iterator[bytes]:
    """Yields the signals of several files as one file; epochs of a number make a single signal."""
    signals: dict[bytes, dict[str, Any]] = {}
    for signal in chain.from_iterable(map(orjson.loads, files)):
        key = orjson.dumps((signal["extra_data"]["kind"], signal["signal"]))
        known = signals.get(key)
        if known is None or signal["report_date"] > known["report_date"]:
            signals[key] = signal
    yield _array([orjson.dumps(signal, option=orjson.OPT_SORT_KEYS) for signal in signals.values()])


def _array(rows: Sequence[bytes]) -> bytes:
    return b"[\n" + b",\n".join(rows) + b"\n]\n"


def _signal(member: dict[str, Any]) -> dict[str, Any]:
    """Returns a member as a signal; empty for a kind without signals."""
    kind, _, value = without_epoch(member["entity_id"]).partition(":")
    if kind not in SIGNAL_TYPES:
        return {}
    if kind == "url":
        value = f"https://{value}"  # an id of ours has no scheme
    scheme, colon, rest = value.partition(":")
    extra = {"kind": kind, "role": member["role"], "reviewed_by_analyst": True}
    if kind in ("account", "wallet") and colon:
        value, extra["scheme"] = rest, scheme
    made = {
        "signal": value,
        "report_date": f"{member['last_seen'].astimezone(UTC):%Y-%m-%d %H:%M:%S}",
        "abuse_type": ABUSE_TYPE,
        "predictive": False,
        "confidence_score": percent(member["confidence"]),
        "extra_data": extra,
    }
    return made | ({"signal_type": SIGNAL_TYPES[kind]} if SIGNAL_TYPES[kind] else {})


def edges_parquet(graph: GraphExport) -> Iterator[memoryview]:
    """Yields graph/edges.parquet, of a graph that is `timed`."""
    yield _parquet(graph.edges(), with_times(REASONED_SCHEMA))


def nodes_parquet(graph: GraphExport, positions: pa.Table) -> Iterator[memoryview]:
    """Yields graph/nodes.parquet, of a graph that is `timed`.

    It has `positions` as `partition.NODE_POSITIONS` has them.
    """
    ids, schema = positions["id"].combine_chunks(), with_times(POSITIONED_SCHEMA)

    def positioned(nodes: pa.Table) -> pa.Table:
        rows = pc.index_in(nodes["id"], ids)
        axes = [positions[axis].take(rows) for axis in ("x", "y")]
        return pa.table([*nodes.columns, *axes], schema=schema)

    yield _parquet(map(positioned, graph.nodes()), schema)


@lru_cache(maxsize=16_384)
def harmless(value: str) -> str:
    """Returns text on a single line that no spreadsheet takes for a formula."""
    return without_formula(plain(value, TEXT_LIMIT))


def _parquet(pieces: Iterable[pa.Table], schema: pa.Schema) -> memoryview:
    """Returns one file, in row groups of `_ROW_GROUP_ROWS` however the rows come."""
    sink = pa.BufferOutputStream()
    least = schema.names[:1]  # the order of rows: statistics of other columns help little
    with pq.ParquetWriter(sink, schema, compression="zstd", write_statistics=least) as writer:
        waiting = schema.empty_table()
        for piece in pieces:
            waiting = pa.concat_tables([waiting, piece])
            while waiting.num_rows >= _ROW_GROUP_ROWS:
                writer.write_table(waiting.slice(0, _ROW_GROUP_ROWS).combine_chunks())
                waiting = waiting.slice(_ROW_GROUP_ROWS)
        if waiting.num_rows:
            writer.write_table(waiting.combine_chunks())
    return memoryview(sink.getvalue())
