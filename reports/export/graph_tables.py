"""Graphs of a run or a cluster: nodes and edges as tables, and as GraphML 1.0 and GEXF 1.2.

`GraphExport` has the tables of a whole run, a batch at a time; `ClusterExport` has the tables of a
cluster. Neither has a victim's identifiers, or identifiers seen only as a caller id or a mention.
Files that leave hold only core members, and count the members left out; each row says its tier.

Files are written column by column: the same bytes for the same rows. networkx writes both formats
too, but puts the day into a GEXF and holds the document as a tree. Files are valid by the formats'
schemas. A GraphML id must be a name token, so nodes are numbered there, with the entity id as
`label`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from reports import disclosure_control, tables
from reports.cluster_data import ClusterFacts
from reports.disclosure_control import CORE
from reports.partition import Point
from reports.tables import IdIndex, RunFolder, flatten_column
from reports.text import plain, quantity
from schemas.field import FLAG, INTEGER, NUMBER, TEXT, TIMESTAMP
from schemas.tables import ENTITIES, LINKS, MEMBERS, SUPPLIERS
from transforms.arrow import map_distinct

Attributes = tuple[tuple[str, str], ...]
"""Names and types: string, long, double or boolean, which GraphML and GEXF both know."""

_KINDS = {
    **dict.fromkeys(("confidence", "weight"), "double"),
    **dict.fromkeys(("reporters", "robustness", "complaints", "calls", "victims"), "long"),
    "members_left_out": "long",
    "accepted": "boolean",
}
"""Types of attributes that are no strings."""


def _attributes(names: str) -> Attributes:
    return tuple((name, _KINDS.get(name, "string")) for name in names.split())


NODE_ATTRIBUTES = _attributes(
    "kind status cluster role confidence tier review reporters robustness complaints calls victims "
    "orgs region line_type first_seen last_seen"
)

EDGE_ATTRIBUTES = _attributes(
    "weight strength accepted reporters complaints calls victims orgs first_seen last_seen"
)

GRAPH_ATTRIBUTES = _attributes("members_left_out note")
"""Attributes of a graph itself, if members were left out."""

_TYPES = {"string": TEXT, "long": INTEGER, "double": NUMBER, "boolean": FLAG}

NODE_SCHEMA = pa.schema([("id", TEXT), *((name, _TYPES[kind]) for name, kind in NODE_ATTRIBUTES)])
"""A node in every format."""

POSITIONED_SCHEMA = pa.schema([*NODE_SCHEMA, ("x", NUMBER), ("y", NUMBER)])
"""Nodes with their positions in a figure, null where they have none."""

EDGE_SCHEMA = pa.schema(
    [("source", TEXT), ("target", TEXT), *((name, _TYPES[kind]) for name, kind in EDGE_ATTRIBUTES)]
)
"""An edge in every format."""

REASONED_SCHEMA = pa.schema([*EDGE_SCHEMA, ("reason", TEXT)])
"""Edges of the whole graph, with the reason why each was accepted or not."""

TIMES = ("first_seen", "last_seen")
"""Attributes that are times, or text if a format has no times."""


def with_times(schema: pa.Schema) -> pa.Schema:
    """Returns the schema of nodes or edges with `TIMES` as times, not text."""
    for name in TIMES:
        schema = schema.set(schema.get_field_index(name), pa.field(name, TIMESTAMP))
    return schema


_OF_MEMBERS = ("cluster_id", "role", "confidence", "tier", "review", "robustness")


def left_out_note(count: int) -> str:
    """Says how many members a file leaves out, and why; an empty text for none."""
    if not count:
        return ""
    subject = f"{quantity(count, 'identifier')} {'is' if count == 1 else 'are'}"
    they, each, be = ("it", "it", "is") if count == 1 else ("they", "each", "are")
    few = f"fewer than two people reported or tied {each} independently"
    return (
        f"{subject} left out: to be verified before use, since {few}, or {they} {be} nearly another"
    )


@dataclass(frozen=True)
class GraphExport:
    """The graph of a whole run.

    `redact` leaves analysts' words out of reasons, and `core_only` members that must not leave.
    With `timed`, nodes and edges have times (`with_times`); else times are text.
    """

    run: RunFolder
    redact: bool = False
    core_only: bool = False
    timed: bool = False

    def nodes(self) -> Iterator[pa.Table]:
        """Yields members and the suppliers they share, by id, in pieces, as `NODE_SCHEMA`."""
        members = self._members(["entity_id", *_OF_MEMBERS]).combine_chunks()
        member_index = IdIndex(members["entity_id"])
        known = self._known()
        supplier = pa.scalar("supplier", TEXT)
        names = [name for name in NODE_SCHEMA.names if name in ENTITIES.schema.names]
        for every in tables.read_in_key_order(
            self.run, ENTITIES, ["entity_id", *names], coded=tables.CODED[ENTITIES.name]
        ):
            within = known.places(every["entity_id"]) >= 0
            entities = tables.decoded(every.filter(pa.array(within)))
            member_rows = member_index.indices(entities["entity_id"])
            columns = {name: members[name].take(member_rows) for name in _OF_MEMBERS} | {
                "id": entities["entity_id"],
                "cluster": members["cluster_id"].take(member_rows),
                "role": pc.fill_null(members["role"].take(member_rows), supplier),
            }
            yield self._with_flat_columns(NODE_SCHEMA, columns, entities)

    def edges(self) -> Iterator[pa.Table]:
        """Yields the links between nodes, by their ends, in pieces, as `REASONED_SCHEMA`."""
        known = self._known()
        names = ["entity_a", "entity_b", *REASONED_SCHEMA.names[2:]]
        names += ["facts"] if self.redact else []
        for every in tables.read_in_key_order(
            self.run, LINKS, names, coded=tables.CODED[LINKS.name]
        ):
            within = (known.places(every["entity_a"]) >= 0) & (known.places(every["entity_b"]) >= 0)
            links = tables.decoded(every.filter(pa.array(within)))
            columns = {"source": links["entity_a"], "target": links["entity_b"]}
            if self.redact:
                columns["reason"] = disclosure_control.redact_reasons(links)
            yield self._with_flat_columns(REASONED_SCHEMA, columns, links)

    @cached_property
    def left_out(self) -> int:
        """Number of members that are not in it."""
        return tables.count_rows(self.run, MEMBERS, ~CORE) if self.core_only else 0

    def _members(self, columns: list[str]) -> pa.Table:
        return tables.read_table(self.run, MEMBERS, columns, CORE if self.core_only else None)

    def _known(self) -> IdIndex:
        """Finds members, and suppliers once each."""
        members = self._members(["entity_id"])["entity_id"]
        shown = disclosure_control.suppliers_shown(self.run, redact=self.core_only)
        every = tables.read_table(self.run, SUPPLIERS, ["entity_id"], shown)
        suppliers = every["entity_id"].unique()
        return IdIndex(pa.concat_arrays([*members.chunks, suppliers]))

    def _with_flat_columns(
        self, schema: pa.Schema, columns: dict[str, pa.ChunkedArray], rows: pa.Table
    ) -> pa.Table:
        """Returns a table of `schema`: `columns` as they are, other columns of `rows` flattened."""
        if self.timed:
            columns |= {name: rows[name] for name in TIMES}
            schema = with_times(schema)
        flat = {
            name: columns[name] if name in columns else flatten_column(rows[name])
            for name in schema.names
        }
        return pa.table(flat, schema=schema)


@dataclass(frozen=True)
class ClusterExport:
    """A cluster for export: its graph has its members and the links between them.

    Attributes:
        facts: the cluster.
        positions: for each member in a figure, the figure's cluster and its place from 0 to 1.
        moment: time of the run, for formats that state it.
        run_id: the run.
        tlp: a level of TLP 2.0, for formats that state it.
    """

    facts: ClusterFacts
    positions: Mapping[str, tuple[str, Point]]
    moment: datetime
    run_id: str
    tlp: str

    def nodes(self) -> Iterator[pa.Table]:
        """Yields the members, as `POSITIONED_SCHEMA`."""
        rows = []
        for member in self.facts.members:
            _, point = self.positions.get(member["entity_id"], ("", None))
            # In GEXF y goes up, on a page it goes down.
            x, y = (
                (round(1600 * point[0], 1), -round(1000 * point[1], 1)) if point else (None, None)
            )
            own = {"id": member["entity_id"], "cluster": member["cluster_id"], "x": x, "y": y}
            rows.append({name: flat_value(member.get(name)) for name in NODE_SCHEMA.names} | own)
        yield pa.Table.from_pylist(rows, POSITIONED_SCHEMA)

    def edges(self) -> Iterator[pa.Table]:
        """Yields the links, as `EDGE_SCHEMA`."""
        rows = [
            {name: flat_value(link.get(name)) for name in EDGE_SCHEMA.names}
            | {"source": link["entity_a"], "target": link["entity_b"]}
            for link in self.facts.inside
        ]
        yield pa.Table.from_pylist(rows, EDGE_SCHEMA)

    @property
    def left_out(self) -> int:
        """Number of members that are not in it."""
        return self.facts.left_out


def flat_value(value: Any) -> Any:
    """Returns a list of texts joined, and a time as ISO 8601 to the second; the rest as it is."""
    if isinstance(value, list):
        return "; ".join(value)
    return f"{value:%Y-%m-%dT%H:%M:%SZ}" if isinstance(value, datetime) else value


_STRING = TEXT

_GRAPHML_NODE: Attributes = (("label", "string"), *NODE_ATTRIBUTES)

GEXF_NAMESPACE = "http://www.gexf.net/1.2draft"
"""Every Gephi reads this version, and its published schema describes it."""

ROWS_AT_A_TIME = 8_192
"""Rows that are written at a time."""

Numbers = NDArray[np.int64]

_GRAPHML_END = b"</graph>\n</graphml>\n"

_GEXF_EDGES = b"</nodes>\n<edges>\n"

_GEXF_END = b"</edges>\n</graph>\n</gexf>\n"

_GEXF_EDGE: Attributes = tuple(
    attribute for attribute in EDGE_ATTRIBUTES if attribute[0] != "weight"
)
"""Attributes of edges but the weight, which is an attribute of the edge itself in GEXF."""

_DATA = '<data key="%s">%s</data>'

_VALUE = '<attvalue for="%s" value="%s"/>'

VALUE_LIMIT = 1_000
"""Characters of a value that are written; the rest is counted."""


def graphml_document(graph: GraphExport | ClusterExport) -> Iterator[bytes]:
    """Yields a GraphML document (graphml.graphdrawing.org), in pieces."""
    yield _graphml_head(graph.left_out)
    ids = [pa.array([], _STRING)]
    before = 0
    for batch in _batches(graph.nodes()):
        ids.append(batch["id"])
        yield text_bytes(
            _graphml_nodes(batch, np.arange(before, before := before + batch.num_rows))
        )
    known = IdIndex(pa.concat_arrays(ids))
    numbers = pc.cast(pa.array(np.arange(before)), _STRING)
    for batch in _batches(graph.edges()):
        yield text_bytes(_graphml_edges(batch, known, numbers))
    yield _GRAPHML_END


def gexf_document(graph: GraphExport | ClusterExport) -> Iterator[bytes]:
    """Yields a GEXF document (gexf.net, 1.2), in pieces, with positions if nodes have them."""
    yield _gexf_head(graph.left_out)
    for batch in _batches(graph.nodes()):
        yield text_bytes(_gexf_nodes(batch))
    yield _GEXF_EDGES
    before = 0
    for batch in _batches(graph.edges()):
        yield text_bytes(_gexf_edges(batch, np.arange(before, before := before + batch.num_rows)))
    yield _GEXF_END


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
    """Writes edges between nodes, which it names by their `numbers`."""
    source, target = (numbers.take(ids.indices(batch[end])) for end in ("source", "target"))
    attributes = _attribute_text(_DATA, "edge", EDGE_ATTRIBUTES, _columns(batch))
    return join_text(
        '<edge source="n', source, '" target="n', target, '">', *attributes, "</edge>\n"
    )


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
) -> Iterator[pa.Array]:
    """Yields the attributes of nodes or edges in `form`; leaves null attributes out."""
    for name, _ in attributes:
        before, after = (form % (f"{scope}_{name}", "\0")).split("\0")
        yield pc.fill_null(join_text(before, xml_values(columns[name]), after), "")


def _position(nodes: pa.RecordBatch) -> pa.Array | str:
    """Writes the positions of nodes; an empty text for a node without a position."""
    if "x" not in nodes.schema.names:
        return ""
    x, y = xml_values(nodes["x"]), xml_values(nodes["y"])
    return pc.fill_null(join_text('<viz:position x="', x, '" y="', y, '" z="0.0"/>'), "")


def join_text(*pieces: pa.Array | str) -> pa.Array:
    """Joins pieces to rows of text, null if a piece is null. At least one piece is a column."""
    return pc.binary_join_element_wise(*pieces, "")


def text_bytes(rows: pa.Array) -> bytes:
    """Returns rows of text, one after another."""
    return "".join(rows.to_pylist()).encode()


def xml_values(column: pa.Array) -> pa.Array:
    """Returns values as XML has them."""
    if pa.types.is_string(column.type):
        return map_distinct(column, _escaped)
    if pa.types.is_floating(column.type):  # shortest digits, as Python and XML Schema have them
        return map_distinct(column, str)
    return pc.cast(column, TEXT)


def _escaped(value: str) -> str:
    """Escapes a text; `plain` spells out control characters, which XML 1.0 (2.2) cannot have."""
    return escape(plain(value, limit=VALUE_LIMIT), {'"': "&quot;"})
