"""Graphs as GraphML 1.0 and GEXF 1.2, written column by column: the same bytes for the same rows.

networkx writes both too, but puts the day into a GEXF and holds the document as a tree. What is
written is valid by the schemas of both formats: in GraphML an id must be a name token, so that
nodes are numbered there and carry their entity id as `label`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from xml.sax.saxutils import escape

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from reports.export.graph_tables import (
    EDGE_ATTRIBUTES,
    GRAPH_ATTRIBUTES,
    NODE_ATTRIBUTES,
    Attributes,
    ClusterExport,
    GraphExport,
    left_out_note,
)
from reports.tables import IdIndex
from reports.text import plain

_STRING = pa.string()

_GRAPHML_NODE: Attributes = (("label", "string"), *NODE_ATTRIBUTES)

GEXF_NAMESPACE = "http://www.gexf.net/1.2draft"
"""Every Gephi reads this version, and its published schema describes it."""

ROWS_AT_A_TIME = 8_192
"""Rows that are written at a time."""

Numbers = NDArray[np.int64]

_GRAPHML_END = b"</graph>\n</graphml>\n"

_GEXF_EDGES = b"</nodes>\n<edges>\n"

_GEXF_END = b"</edges>\n</graph>\n</gexf>\n"

_GEXF_EDGE: Attributes = tuple(one for one in EDGE_ATTRIBUTES if one[0] != "weight")
"""Without the weight, which GEXF has as an attribute of the edge itself."""

_DATA = '<data key="%s">%s</data>'

_VALUE = '<attvalue for="%s" value="%s"/>'

VALUE_LIMIT = 1_000
"""Characters of a value that are written; the rest is counted."""

_PLAIN = f"^[ !#-%'-;=?-~]{{0,{VALUE_LIMIT}}}$"
"""Text that XML takes as it is: printable ASCII without &, <, > and the quote."""

_ODD = np.array([not re.fullmatch(_PLAIN, chr(one)) for one in range(256)])
"""For each byte, whether such text never has it."""


def graphml_document(
    nodes: Iterable[pa.Table], edges: Iterable[pa.Table], left_out: int = 0
) -> Iterator[bytes | memoryview]:
    """Yields a GraphML document (graphml.graphdrawing.org), in pieces; edges' ends must be nodes.

    `nodes` are as `NODE_SCHEMA`, `edges` as `EDGE_SCHEMA`; both may have more. `left_out` counts
    members that are not in it.
    """
    yield _graphml_head(left_out)
    ids = [pa.array([], _STRING)]
    before = 0
    for one in _batches(nodes):
        ids.append(one["id"])
        yield text_bytes(_graphml_nodes(one, np.arange(before, before := before + one.num_rows)))
    known = IdIndex(pa.concat_arrays(ids))
    numbers = pc.cast(pa.array(np.arange(before)), _STRING)
    for one in _batches(edges):
        yield text_bytes(_graphml_edges(one, known, numbers))
    yield _GRAPHML_END


def gexf_document(
    nodes: Iterable[pa.Table], edges: Iterable[pa.Table], left_out: int = 0
) -> Iterator[bytes | memoryview]:
    """Yields a GEXF document (gexf.net, 1.2), in pieces, with positions if nodes have them."""
    yield _gexf_head(left_out)
    for one in _batches(nodes):
        yield text_bytes(_gexf_nodes(one))
    yield _GEXF_EDGES
    before = 0
    for one in _batches(edges):
        yield text_bytes(_gexf_edges(one, np.arange(before, before := before + one.num_rows)))
    yield _GEXF_END


def graph_graphml(graph: GraphExport) -> Iterator[bytes | memoryview]:
    """Yields the GraphML document of a whole run, in pieces."""
    return graphml_document(graph.nodes(), graph.edges(), graph.left_out)


def graph_gexf(graph: GraphExport) -> Iterator[bytes | memoryview]:
    """Yields the GEXF document of a whole run, in pieces."""
    return gexf_document(graph.nodes(), graph.edges(), graph.left_out)


def cluster_graphml(export: ClusterExport) -> Iterator[list[bytes | memoryview]]:
    """Yields a GraphML document a cluster, in pieces.

    The text of all is made at once, since most clusters are small.
    """
    within = _numbered(export.node_counts)
    ids, numbers = IdIndex(export.nodes["id"]), pc.cast(pa.array(within), _STRING)
    nodes = [_graphml_nodes(one, within[rows]) for one, rows in _placed_batches(export.nodes)]
    edges = [_graphml_edges(one, ids, numbers) for one in _batches([export.edges])]
    for left_out, of_nodes, of_edges in zip(
        export.left_out,
        _cut(nodes, export.node_counts),
        _cut(edges, export.edge_counts),
        strict=True,
    ):
        yield [_graphml_head(left_out), *of_nodes, *of_edges, _GRAPHML_END]


def cluster_gexf(export: ClusterExport) -> Iterator[list[bytes | memoryview]]:
    """Yields a GEXF document a cluster, as `cluster_graphml`."""
    within = _numbered(export.edge_counts)
    nodes = [_gexf_nodes(one) for one in _batches([export.nodes])]
    edges = [_gexf_edges(one, within[rows]) for one, rows in _placed_batches(export.edges)]
    for left_out, of_nodes, of_edges in zip(
        export.left_out,
        _cut(nodes, export.node_counts),
        _cut(edges, export.edge_counts),
        strict=True,
    ):
        yield [_gexf_head(left_out), *of_nodes, _GEXF_EDGES, *of_edges, _GEXF_END]


def _placed_batches(table: pa.Table) -> Iterator[tuple[pa.RecordBatch, slice]]:
    """Yields the batches of a table, each with where its rows are."""
    start = 0
    for batch in _batches([table]):
        yield batch, slice(start, start := start + batch.num_rows)


def _numbered(sizes: list[int]) -> Numbers:
    """Returns 0, 1, 2 and so on, from the start for each graph."""
    ends = np.cumsum(sizes, dtype=np.int64)
    return np.arange(sum(sizes)) - np.repeat(ends - sizes, sizes)


def _cut(made: Sequence[pa.Array], sizes: list[int]) -> Iterator[list[memoryview]]:
    """Cuts rows of text into pieces of so many rows each, as they are in memory."""
    waiting = list(made)
    for size in sizes:
        pieces: list[memoryview] = []
        left = size
        while left:
            first = waiting[0]
            pieces.append(text_bytes(first.slice(0, left)))
            if len(first) > left:
                waiting[0] = first.slice(left)
            else:
                del waiting[0]
            left -= min(left, len(first))
        yield pieces


@lru_cache(maxsize=256)
def _graphml_head(left_out: int) -> bytes:
    about = GRAPH_ATTRIBUTES if left_out else ()
    keys = "".join(
        f'<key id="{scope}_{name}" for="{scope}" attr.name="{name}" attr.type="{kind}"/>\n'
        for scope, attributes in (
            ("graph", about),
            ("node", _GRAPHML_NODE),
            ("edge", EDGE_ATTRIBUTES),
        )
        for name, kind in attributes
    )
    values = "".join(
        _DATA % (f"graph_{name}", value) + "\n"
        for (name, _), value in zip(about, (left_out, left_out_note(left_out)), strict=False)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n'
        f'{keys}<graph edgedefault="undirected">\n{values}'
    ).encode()


def _graphml_nodes(batch: pa.RecordBatch, numbers: Numbers) -> pa.Array:
    columns = {"label": batch["id"], **_columns(batch)}
    attributes = _attribute_text(_DATA, "node", _GRAPHML_NODE, columns)
    number = pc.cast(pa.array(numbers), _STRING)
    return join_text('<node id="n', number, '">', *attributes, "</node>\n")


def _graphml_edges(batch: pa.RecordBatch, ids: IdIndex, numbers: pa.Array) -> pa.Array:
    """Writes edges between the nodes of these ids, which have these numbers."""
    source, target = (numbers.take(ids.indices(batch[end])) for end in ("source", "target"))
    attributes = _attribute_text(_DATA, "edge", EDGE_ATTRIBUTES, _columns(batch))
    return join_text(
        '<edge source="n', source, '" target="n', target, '">', *attributes, "</edge>\n"
    )


@lru_cache(maxsize=256)
def _gexf_head(left_out: int) -> bytes:
    attributes = "".join(
        f'<attributes class="{scope}" mode="static">\n'
        + "".join(
            f'<attribute id="{scope}_{name}" title="{name}" type="{kind}"/>\n'
            for name, kind in names
        )
        + "</attributes>\n"
        for scope, names in (("node", NODE_ATTRIBUTES), ("edge", _GEXF_EDGE))
    )
    about = f"<description>{left_out_note(left_out)}</description>" if left_out else ""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<gexf xmlns="{GEXF_NAMESPACE}" xmlns:viz="{GEXF_NAMESPACE}/viz" version="1.2">\n'
        f"<meta><creator>ringtrace</creator>{about}</meta>\n"
        '<graph defaultedgetype="undirected" mode="static">\n'
        f"{attributes}<nodes>\n"
    ).encode()


def _gexf_nodes(batch: pa.RecordBatch) -> pa.Array:
    name = xml_values(batch["id"])
    attributes = _attribute_text(_VALUE, "node", NODE_ATTRIBUTES, _columns(batch))
    start = ('<node id="', name, '" label="', name, '"><attvalues>')
    return join_text(*start, *attributes, "</attvalues>", _position(batch), "</node>\n")


def _gexf_edges(batch: pa.RecordBatch, numbers: Numbers) -> pa.Array:
    number = pc.cast(pa.array(numbers), _STRING)
    ends = ('" source="', xml_values(batch["source"]), '" target="', xml_values(batch["target"]))
    start = (
        '<edge id="',
        number,
        *ends,
        '" weight="',
        xml_values(batch["weight"]),
        '"><attvalues>',
    )
    attributes = _attribute_text(_VALUE, "edge", _GEXF_EDGE, _columns(batch))
    return join_text(*start, *attributes, "</attvalues></edge>\n")


def _batches(tables: Iterable[pa.Table]) -> Iterator[pa.RecordBatch]:
    for table in tables:
        for batch in table.to_batches(max_chunksize=ROWS_AT_A_TIME):
            if batch.num_rows:
                yield batch


def _columns(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    return dict(zip(batch.schema.names, batch.columns, strict=True))


def _attribute_text(
    form: str, scope: str, attributes: Attributes, columns: dict[str, pa.Array]
) -> Iterator[pa.Array | str]:
    """Yields the attributes of nodes or edges in `form`, without those that are null."""
    for name, _ in attributes:
        before, after = (form % (f"{scope}_{name}", "\0")).split("\0")
        text = xml_values(columns[name])
        if text.null_count:
            yield pc.fill_null(join_text(before, text, after), "")
        else:
            yield from (before, text, after)


def _position(nodes: pa.RecordBatch) -> pa.Array | str:
    """Writes the positions of nodes; nothing of those that have none."""
    if "x" not in nodes.schema.names:
        return ""
    x, y = xml_values(nodes["x"]), xml_values(nodes["y"])
    return pc.fill_null(join_text('<viz:position x="', x, '" y="', y, '" z="0.0"/>'), "")


def join_text(*pieces: pa.Array | str) -> pa.Array:
    """Joins pieces to rows of text, of which one is a column; null where a piece is."""
    merged: list[pa.Array | str] = []
    for one in pieces:
        if merged and isinstance(one, str) and isinstance(merged[-1], str):
            merged[-1] += one
        else:
            merged.append(one)
    return pc.binary_join_element_wise(*merged, "")


def text_bytes(rows: pa.Array) -> memoryview:
    """Returns rows of text, one after another, as they are in memory."""
    return memoryview(_letters(rows).data)


def _letters(rows: pa.Array) -> NDArray[np.uint8]:
    """Returns the bytes of all texts of a column."""
    _, offsets, content = rows.buffers()
    if content is None:
        return np.empty(0, np.uint8)
    first, last = np.frombuffer(offsets, np.int32)[[rows.offset, rows.offset + len(rows)]]
    return np.frombuffer(content, np.uint8)[first:last]


def xml_values(column: pa.Array) -> pa.Array:
    """Returns values as XML has them."""
    if pa.types.is_floating(column.type):  # shortest digits, as Python and XML Schema have them
        known = column.dictionary_encode()
        shown = [str(one) for one in known.dictionary.to_pylist()]
        return pa.array(shown, pa.string()).take(known.indices)
    if not pa.types.is_string(column.type):
        return pc.cast(column, pa.string())
    longest = pc.max(pc.binary_length(column)).as_py() or 0
    if longest <= VALUE_LIMIT and not _ODD[_letters(column)].any():
        return column
    odd = pc.fill_null(pc.invert(pc.match_substring_regex(column, _PLAIN)), False)
    escaped = [_escaped(one) for one in column.filter(odd).to_pylist()]
    return pc.replace_with_mask(column, odd, pa.array(escaped, pa.string()))


@lru_cache(maxsize=65_536)
def _escaped(value: str) -> str:
    """Escapes a text; `plain` spells out control characters, which XML 1.0 (2.2) cannot have."""
    return escape(plain(value, limit=VALUE_LIMIT), {'"': "&quot;"})
