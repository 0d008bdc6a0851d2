"""Graphs as GraphML 1.0 and GEXF 1.2, written row by row: the same bytes for the same rows.

networkx writes both too, but puts the day into a GEXF and holds the document as a tree. What is
written is valid by the schemas of both formats: in GraphML an id must be a name token, so that
nodes are numbered there and carry their entity id as `label`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from xml.sax.saxutils import escape

from reports.text import plain

Value = str | int | float | bool | None
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

_GRAPHML_NODE: Attributes = (("label", "string"), *NODE)

GEXF = "http://www.gexf.net/1.2draft"
"""The version that every Gephi reads, and that its published schema describes."""

Row = Mapping[str, Value]
"""A node has `id` and, for GEXF, may have `x` and `y`; an edge has `source` and `target`."""


def graphml(nodes: Iterable[Row], edges: Iterable[Row]) -> Iterator[str]:
    """A GraphML document (graphml.graphdrawing.org), in pieces; an edge's ends must be nodes."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield '<graphml xmlns="http://graphml.graphdrawing.org/xmlns">\n'
    numbers: dict[Value, str] = {}
    for scope, attributes in (("node", _GRAPHML_NODE), ("edge", EDGE)):
        for name, kind in attributes:
            key = f'id="{scope}_{name}" for="{scope}" attr.name="{name}" attr.type="{kind}"'
            yield f"<key {key}/>\n"
    yield '<graph edgedefault="undirected">\n'
    for number, one in enumerate(nodes):
        numbers[one["id"]] = f"n{number}"
        told = _told(_DATA, "node", _GRAPHML_NODE, {"label": one["id"], **one})
        yield f'<node id="n{number}">{told}</node>\n'
    for one in edges:
        ends = f'source="{numbers[one["source"]]}" target="{numbers[one["target"]]}"'
        yield f"<edge {ends}>{_told(_DATA, 'edge', EDGE, one)}</edge>\n"
    yield "</graph>\n</graphml>\n"


def _told(form: str, scope: str, attributes: Attributes, row: Row) -> str:
    """What is known of a node or an edge, `form` for each attribute."""
    names, whole = _whole(form, scope, attributes)
    values = [row.get(name) for name in names]
    if None not in values:
        return whole % tuple(map(_text, values))
    told = zip(names, values, strict=True)
    return "".join(form % (f"{scope}_{name}", _text(v)) for name, v in told if v is not None)


@cache
def _whole(form: str, scope: str, attributes: Attributes) -> tuple[list[str], str]:
    """The names of attributes, and `form` for all of them: most rows have every one."""
    names = [name for name, _ in attributes]
    return names, "".join(form % (f"{scope}_{name}", "%s") for name in names)


def gexf(nodes: Iterable[Row], edges: Iterable[Row]) -> Iterator[str]:
    """A GEXF document (gexf.net, 1.2), in pieces, with places where nodes have them."""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f'<gexf xmlns="{GEXF}" xmlns:viz="{GEXF}/viz" version="1.2">\n'
    yield "<meta><creator>ringtrace</creator></meta>\n"
    yield '<graph defaultedgetype="undirected" mode="static">\n'
    for scope, attributes in (("node", NODE), ("edge", _GEXF_EDGE)):
        yield f'<attributes class="{scope}" mode="static">\n'
        for name, kind in attributes:
            yield f'<attribute id="{scope}_{name}" title="{name}" type="{kind}"/>\n'
        yield "</attributes>\n"
    yield "<nodes>\n"
    for one in nodes:
        place = ""
        if one.get("x") is not None:
            place = f'<viz:position x="{one["x"]}" y="{one["y"]}" z="0.0"/>'
        name = _quoted(one["id"])
        told = f"<attvalues>{_told(_VALUE, 'node', NODE, one)}</attvalues>"
        yield f"<node id={name} label={name}>{told}{place}</node>\n"
    yield "</nodes>\n<edges>\n"
    for number, one in enumerate(edges):
        ends = f"source={_quoted(one['source'])} target={_quoted(one['target'])}"
        weight = f'weight="{one["weight"]}"'
        told = f"<attvalues>{_told(_VALUE, 'edge', _GEXF_EDGE, one)}</attvalues>"
        yield f'<edge id="{number}" {ends} {weight}>{told}</edge>\n'
    yield "</edges>\n</graph>\n</gexf>\n"


_GEXF_EDGE: Attributes = tuple(one for one in EDGE if one[0] != "weight")
"""GEXF has the weight as an attribute of the edge itself."""


_DATA = '<data key="%s">%s</data>'
_VALUE = '<attvalue for="%s" value="%s"/>'


def _text(value: Value) -> str:
    if isinstance(value, str):
        return _escaped(value)
    return str(value).lower() if isinstance(value, bool) else str(value)


@lru_cache(maxsize=65_536)
def _escaped(value: str) -> str:
    """XML 1.0 (section 2.2) cannot write most control characters, so `plain` spells them out."""
    return escape(plain(value, limit=1_000), {'"': "&quot;"})


def _quoted(value: Value) -> str:
    return f'"{_text(value)}"'
