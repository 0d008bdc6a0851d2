"""Graphs as GraphML 1.0 and GEXF 1.2, written column by column: the same bytes for the same rows.

networkx writes both too, but puts the day into a GEXF and holds the document as a tree. What is
written is valid by the schemas of both formats: in GraphML an id must be a name token, so that
nodes are numbered there and carry their entity id as `label`.

Columns of values as XML has them, and rows of markup made of them, without a loop over rows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from xml.sax.saxutils import escape

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from reports.tables import Lookup
from reports.text import plain

Attributes = tuple[tuple[str, str], ...]
"""Names and types: string, long, double or boolean, which both formats know."""


NODE: Attributes = (
    ("kind", "string"),
    ("status", "string"),
    ("cluster", "string"),
    ("role", "string"),
    ("confidence", "double"),
    ("complaints", "long"),
    ("calls", "long"),
    ("victims", "long"),
    ("orgs", "string"),
    ("region", "string"),
    ("line_type", "string"),
    ("first_seen", "string"),
    ("last_seen", "string"),
)


EDGE: Attributes = (
    ("weight", "double"),
    ("strength", "string"),
    ("accepted", "boolean"),
    ("complaints", "long"),
    ("calls", "long"),
    ("victims", "long"),
    ("orgs", "string"),
    ("first_seen", "string"),
    ("last_seen", "string"),
)


_STRING = pa.string()


_TYPES = {"string": _STRING, "long": pa.int64(), "double": pa.float64(), "boolean": pa.bool_()}


NODES = pa.schema([("id", pa.string()), *((name, _TYPES[kind]) for name, kind in NODE)])
"""What is known of a node in every format."""


PLACED = pa.schema([*NODES, ("x", pa.float64()), ("y", pa.float64())])
"""Nodes with their places in a picture, or without."""


EDGES = pa.schema(
    [
        ("source", pa.string()),
        ("target", pa.string()),
        *((name, _TYPES[kind]) for name, kind in EDGE),
    ]
)
"""What is known of an edge in every format."""


_GRAPHML_NODE: Attributes = (("label", "string"), *NODE)


GEXF = "http://www.gexf.net/1.2draft"
"""The version that every Gephi reads, and that its published schema describes."""


AT_A_TIME = 8_192
"""Rows whose text is made at once."""


Numbers = NDArray[np.int64]


def graphml(nodes: Iterable[pa.Table], edges: Iterable[pa.Table]) -> Iterator[bytes | memoryview]:
    """A GraphML document (graphml.graphdrawing.org), in pieces; an edge's ends must be nodes.

    `nodes` are as `NODES`, `edges` as `EDGES`; both may have more.
    """
    yield _graphml_head()
    ids = [pa.array([], _STRING)]
    before = 0
    for one in _batches(nodes):
        ids.append(one["id"])
        yield content(_graphml_nodes(one, np.arange(before, before := before + one.num_rows)))
    known = Lookup(pa.concat_arrays(ids))
    numbers = pc.cast(pa.array(np.arange(before)), _STRING)
    for one in _batches(edges):
        yield content(_graphml_edges(one, known, numbers))
    yield _GRAPHML_END


def gexf(nodes: Iterable[pa.Table], edges: Iterable[pa.Table]) -> Iterator[bytes | memoryview]:
    """A GEXF document (gexf.net, 1.2), in pieces, with places where nodes have `x` and `y`."""
    yield _gexf_head()
    for one in _batches(nodes):
        yield content(_gexf_nodes(one))
    yield _GEXF_EDGES
    before = 0
    for one in _batches(edges):
        yield content(_gexf_edges(one, np.arange(before, before := before + one.num_rows)))
    yield _GEXF_END


def several(
    nodes: pa.Table, edges: pa.Table, sizes: Sequence[tuple[int, int]]
) -> Iterator[tuple[list[bytes | memoryview], list[bytes | memoryview]]]:
    """GraphML and GEXF of several graphs with no node in common, each in pieces.

    Their rows follow each other, as many of each table as `sizes` says: the text of all is made
    at once, since most graphs are small.
    """
    of_nodes, of_edges = (np.array([one[at] for one in sizes], np.int64) for at in (0, 1))
    within, counted = _numbered(of_nodes), _numbered(of_edges)
    ids = Lookup(nodes["id"])
    numbers = pc.cast(pa.array(within), _STRING)
    made: list[list[pa.Array]] = [[], [], [], []]
    before = 0
    for one in _batches([nodes]):
        made[0].append(_graphml_nodes(one, within[before : before + one.num_rows]))
        made[1].append(_gexf_nodes(one))
        before += one.num_rows
    before = 0
    for one in _batches([edges]):
        made[2].append(_graphml_edges(one, ids, numbers))
        made[3].append(_gexf_edges(one, counted[before : before + one.num_rows]))
        before += one.num_rows
    counts = (of_nodes, of_nodes, of_edges, of_edges)
    cut = [_cut(rows, of) for rows, of in zip(made, counts, strict=True)]
    for graphml_nodes, gexf_nodes, graphml_edges, gexf_edges in zip(*cut, strict=True):
        yield (
            [_graphml_head(), *graphml_nodes, *graphml_edges, _GRAPHML_END],
            [_gexf_head(), *gexf_nodes, _GEXF_EDGES, *gexf_edges, _GEXF_END],
        )


def _numbered(sizes: Numbers) -> Numbers:
    """0, 1, 2 and so on, from the start for each graph."""
    return np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)


def _cut(made: Sequence[pa.Array], sizes: Numbers) -> Iterator[list[memoryview]]:
    """Rows of text in pieces of so many rows each, as they lie in memory."""
    waiting = list(made)
    for size in sizes.tolist():
        pieces: list[memoryview] = []
        left = size
        while left:
            first = waiting[0]
            pieces.append(content(first.slice(0, left)))
            if len(first) > left:
                waiting[0] = first.slice(left)
            else:
                del waiting[0]
            left -= min(left, len(first))
        yield pieces


@cache
def _graphml_head() -> bytes:
    keys = "".join(
        f'<key id="{scope}_{name}" for="{scope}" attr.name="{name}" attr.type="{kind}"/>\n'
        for scope, attributes in (("node", _GRAPHML_NODE), ("edge", EDGE))
        for name, kind in attributes
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n'
        f'{keys}<graph edgedefault="undirected">\n'
    ).encode()


_GRAPHML_END = b"</graph>\n</graphml>\n"


def _graphml_nodes(batch: pa.RecordBatch, numbers: Numbers) -> pa.Array:
    columns = {"label": batch["id"], **_columns(batch)}
    told = _told(_DATA, "node", _GRAPHML_NODE, columns)
    number = pc.cast(pa.array(numbers), _STRING)
    return joined('<node id="n', number, '">', *told, "</node>\n")


def _graphml_edges(batch: pa.RecordBatch, ids: Lookup, numbers: pa.Array) -> pa.Array:
    """Edges between the nodes of these ids, which have these numbers."""
    source, target = (numbers.take(ids.indices(batch[end])) for end in ("source", "target"))
    told = _told(_DATA, "edge", EDGE, _columns(batch))
    return joined('<edge source="n', source, '" target="n', target, '">', *told, "</edge>\n")


@cache
def _gexf_head() -> bytes:
    attributes = "".join(
        f'<attributes class="{scope}" mode="static">\n'
        + "".join(
            f'<attribute id="{scope}_{name}" title="{name}" type="{kind}"/>\n'
            for name, kind in names
        )
        + "</attributes>\n"
        for scope, names in (("node", NODE), ("edge", _GEXF_EDGE))
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<gexf xmlns="{GEXF}" xmlns:viz="{GEXF}/viz" version="1.2">\n'
        "<meta><creator>ringtrace</creator></meta>\n"
        '<graph defaultedgetype="undirected" mode="static">\n'
        f"{attributes}<nodes>\n"
    ).encode()


_GEXF_EDGES = b"</nodes>\n<edges>\n"


_GEXF_END = b"</edges>\n</graph>\n</gexf>\n"


def _gexf_nodes(batch: pa.RecordBatch) -> pa.Array:
    name = values(batch["id"])
    told = _told(_VALUE, "node", NODE, _columns(batch))
    start = ('<node id="', name, '" label="', name, '"><attvalues>')
    return joined(*start, *told, "</attvalues>", _place(batch), "</node>\n")


def _gexf_edges(batch: pa.RecordBatch, numbers: Numbers) -> pa.Array:
    number = pc.cast(pa.array(numbers), _STRING)
    ends = ('" source="', values(batch["source"]), '" target="', values(batch["target"]))
    start = ('<edge id="', number, *ends, '" weight="', values(batch["weight"]), '"><attvalues>')
    told = _told(_VALUE, "edge", _GEXF_EDGE, _columns(batch))
    return joined(*start, *told, "</attvalues></edge>\n")


_GEXF_EDGE: Attributes = tuple(one for one in EDGE if one[0] != "weight")
"""GEXF has the weight as an attribute of the edge itself."""


_DATA = '<data key="%s">%s</data>'


_VALUE = '<attvalue for="%s" value="%s"/>'


def _batches(tables: Iterable[pa.Table]) -> Iterator[pa.RecordBatch]:
    for table in tables:
        for batch in table.to_batches(max_chunksize=AT_A_TIME):
            if batch.num_rows:
                yield batch


def _columns(batch: pa.RecordBatch) -> dict[str, pa.Array]:
    return dict(zip(batch.schema.names, batch.columns, strict=True))


def _told(
    form: str, scope: str, attributes: Attributes, columns: dict[str, pa.Array]
) -> Iterator[pa.Array | str]:
    """What is known of nodes or edges, `form` for each attribute that is."""
    for name, _ in attributes:
        before, after = (form % (f"{scope}_{name}", "\0")).split("\0")
        text = values(columns[name])
        if text.null_count:
            yield pc.fill_null(joined(before, text, after), "")
        else:
            yield from (before, text, after)


def _place(nodes: pa.RecordBatch) -> pa.Array | str:
    """Where nodes stand; nothing of those that stand nowhere."""
    if "x" not in nodes.schema.names:
        return ""
    x, y = values(nodes["x"]), values(nodes["y"])
    return pc.fill_null(joined('<viz:position x="', x, '" y="', y, '" z="0.0"/>'), "")


def joined(*pieces: pa.Array | str) -> pa.Array:
    """Rows of text from their pieces, of which one is a column; null where a piece is."""
    merged: list[pa.Array | str] = []
    for one in pieces:
        if merged and isinstance(one, str) and isinstance(merged[-1], str):
            merged[-1] += one
        else:
            merged.append(one)
    return pc.binary_join_element_wise(*merged, "")


def content(rows: pa.Array) -> memoryview:
    """Rows of text, one after another, as they lie in memory."""
    return memoryview(_letters(rows).data)


def _letters(rows: pa.Array) -> NDArray[np.uint8]:
    """The bytes of all texts of a column."""
    _, offsets, content = rows.buffers()
    if content is None:
        return np.empty(0, np.uint8)
    first, last = np.frombuffer(offsets, np.int32)[[rows.offset, rows.offset + len(rows)]]
    return np.frombuffer(content, np.uint8)[first:last]


LONGEST = 1_000
"""Characters of a value; what follows is counted."""


_PLAIN = f"^[ !#-%'-;=?-~]{{0,{LONGEST}}}$"
"""Text that XML takes as it is: printable ASCII, of which &, <, > and the quote are written out."""


_ODD = np.array([not re.fullmatch(_PLAIN, chr(one)) for one in range(256)])
"""Which bytes such text never has."""


def values(column: pa.Array) -> pa.Array:
    """Values as XML has them."""
    if pa.types.is_floating(column.type):  # shortest digits, as Python and XML Schema have them
        known = column.dictionary_encode()
        shown = [str(one) for one in known.dictionary.to_pylist()]
        return pa.array(shown, pa.string()).take(known.indices)
    if not pa.types.is_string(column.type):
        return pc.cast(column, pa.string())
    longest = pc.max(pc.binary_length(column)).as_py() or 0
    if longest <= LONGEST and not _ODD[_letters(column)].any():
        return column
    odd = pc.fill_null(pc.invert(pc.match_substring_regex(column, _PLAIN)), False)
    mended = [_escaped(one) for one in column.filter(odd).to_pylist()]
    return pc.replace_with_mask(column, odd, pa.array(mended, pa.string()))


@lru_cache(maxsize=65_536)
def _escaped(value: str) -> str:
    """XML 1.0 (section 2.2) cannot write most control characters, so `plain` spells them out."""
    return escape(plain(value, limit=LONGEST), {'"': "&quot;"})
