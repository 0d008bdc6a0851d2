"""The figure of a cluster's graph: positions and sizes of nodes, lines and labels.

`member_positions` lays members out, near where an earlier run's graph/nodes.parquet has them;
`graph_figure` adds suppliers, lines and labels, and `reports.figures.svg` draws the result.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds

from reports import tables, text
from reports.cluster_data import DRAWN_SUPPLIERS, ClusterFacts
from reports.figures.graph_layout import Point, layout_positions
from schemas.tables import Table
from transforms.extract.kinds.registry import BY_KIND

Row = dict[str, Any]

Anchor = Literal["start", "end", "middle"]

WIDTH, HEIGHT = 1000, 620

MARGIN = 34

DRAWN_MEMBERS = 1_000
"""Members that are drawn, most records first: of more, none could be made out."""

DRAWN_LINKS = 2_500
"""Lines that are drawn, the best-evidenced first."""

LABEL_LIMIT = 60

LABEL_LENGTH = 26

LETTER = 5.6
"""Width of a letter of a label, in units of the figure (10 px sans serif)."""

Box = tuple[float, float, float, float]

NODE_POSITIONS = Table(
    "places",
    pa.schema(
        [("id", pa.string()), ("cluster", pa.string()), ("x", pa.float64()), ("y", pa.float64())]
    ),
    ("id",),
)
"""The position of each entity, from 0 to 1, in the figure of which cluster."""


class Node(NamedTuple):
    """A member or a supplier."""

    entity_id: str
    kind: str
    x: float
    y: float
    radius: float
    bridge: bool
    supplier: bool
    about: str


class Line(NamedTuple):
    """A link between two nodes, by their places in `GraphFigure.nodes`."""

    a: int
    b: int
    width: float
    style: str


@dataclass(frozen=True)
class Label:
    """The value of a node, where it covers no other; `node` is its place in the figure."""

    node: int
    x: float
    y: float
    anchor: Anchor
    text: str


@dataclass(frozen=True)
class GraphFigure:
    """Everything that is drawn, `links` being the rows behind `lines`.

    `left_out` counts lines past `DRAWN_LINKS`, `undrawn` members past `DRAWN_MEMBERS`.
    """

    nodes: list[Node]
    lines: list[Line]
    links: list[Row]
    labels: list[Label]
    left_out: int
    undrawn: int


def member_positions(facts: ClusterFacts, before: Mapping[str, Point]) -> dict[str, Point]:
    """Lays the drawn members out by their accepted links, from (0, 0) to (1, 1).

    `before` has the positions of those that were in the last figure.
    """
    shown = [one["entity_id"] for one in facts.members[:DRAWN_MEMBERS]]
    drawn = set(shown)
    ends = ((one["entity_a"], one["entity_b"], one["weight"]) for one in _accepted(facts))
    return layout_positions(
        shown, [one for one in ends if one[0] in drawn and one[1] in drawn], before
    )


def _accepted(facts: ClusterFacts) -> Iterable[Row]:
    return (one for one in facts.inside if one["accepted"])


def graph_figure(facts: ClusterFacts, positions: Mapping[str, Point]) -> GraphFigure:
    """Makes the figure of a cluster: members at their positions, suppliers around them."""
    points = {
        one: (MARGIN + x * (WIDTH - 2 * MARGIN), MARGIN + y * (HEIGHT - 2 * MARGIN))
        for one, (x, y) in positions.items()
    }
    members = [one for one in facts.members if one["entity_id"] in points]
    most = max((one["complaints"] + one["calls"] for one in members), default=0)
    crowd = max(math.sqrt(60 / max(len(members), 60)), 0.45)
    nodes = [_member(one, points[one["entity_id"]], most, crowd) for one in members]
    suppliers = facts.suppliers[:DRAWN_SUPPLIERS]
    shown = {one["entity_id"] for one in suppliers}
    soft = [one for one in facts.soft if one["there"] in shown and one["here"] in points]
    for place, one in enumerate(suppliers):
        users = [points[link["here"]] for link in soft if link["there"] == one["entity_id"]]
        nodes.append(_supplier(one, place, len(suppliers), users))
    at = {one.entity_id: place for place, one in enumerate(nodes)}
    weakest = {(one["entity_a"], one["entity_b"]) for one in facts.row["weakest_bridges"] or []}
    inside = [one for one in facts.inside if one["entity_a"] in at and one["entity_b"] in at]
    every = [*inside, *soft]
    links = [one for one in every if one["accepted"]]
    links += [one for one in every if not one["accepted"]]
    return GraphFigure(
        nodes=nodes,
        lines=[_line(one, at, weakest) for one in links[:DRAWN_LINKS]],
        links=links[:DRAWN_LINKS],
        labels=_labels([one for one in nodes if not one.supplier]),
        left_out=max(len(links) - DRAWN_LINKS, 0),
        undrawn=len(facts.members) - len(members),
    )


def _member(row: Row, point: Point, most: int, crowd: float) -> Node:
    records = row["complaints"] + row["calls"]
    radius = (5 + 13 * math.sqrt(records / max(most, 1))) * crowd
    about = f"{row['role']}, {row['complaints']} complaints, {row['calls']} calls"
    return Node(
        entity_id=row["entity_id"],
        kind=row["kind"],
        x=round(point[0], 1),
        y=round(point[1], 1),
        radius=round(radius, 1),
        bridge=row["bridge"],
        supplier=False,
        about=about + (", bridge" if row["bridge"] else ""),
    )


def _supplier(row: Row, place: int, count: int, users: list[tuple[float, float]]) -> Node:
    """Places a supplier on the rim, in the order of records: soft links must not pull members."""
    angle = 2 * math.pi * (place + 0.5) / count
    middle = (WIDTH / 2, HEIGHT / 2)
    if users:
        mean = [sum(axis) / len(users) for axis in zip(*users, strict=True)]
        middle = (0.6 * middle[0] + 0.4 * mean[0], 0.6 * middle[1] + 0.4 * mean[1])
    reach = (WIDTH / 2 - 14, HEIGHT / 2 - 14)
    x = min(max(middle[0] + reach[0] * math.cos(angle), 14), WIDTH - 14)
    y = min(max(middle[1] + reach[1] * math.sin(angle), 14), HEIGHT - 14)
    return Node(
        entity_id=row["entity_id"],
        kind=row["kind"],
        x=round(x, 1),
        y=round(y, 1),
        radius=7,
        bridge=False,
        supplier=True,
        about=f"supplier, {row['records']} records here, serves {row['clusters']} clusters",
    )


def corners(kind: str, radius: float) -> list[Point]:
    """Returns the corners of a kind's shape, of the area of a circle of `radius`; none for one."""
    count, turn = BY_KIND[kind].shape if kind in BY_KIND else (0, 0)
    if not count:
        return []
    area = count * math.sin(2 * math.pi / count) / 2
    reach = radius * math.sqrt(math.pi / area)
    angles = [math.radians(turn) + 2 * math.pi * n / count for n in range(count)]
    return [(round(reach * math.cos(a), 1), round(reach * math.sin(a), 1)) for a in angles]


def _line(row: Row, at: dict[str, int], weakest: set[tuple[str, str]]) -> Line:
    pair = (row["entity_a"], row["entity_b"])
    if not row["accepted"]:
        style = "soft" if row["strength"] == "soft" else "doubted"
    else:
        style = "weakest" if pair in weakest or pair[::-1] in weakest else "hard"
    return Line(at[pair[0]], at[pair[1]], _width(row["weight"]), style)


@lru_cache(maxsize=4_096)
def _width(weight: float) -> float:
    """Returns a width in halves, so that lines of a width can be drawn together."""
    return round(1.4 + 1.4 * math.log1p(weight)) / 2


def _labels(nodes: Iterable[Node]) -> list[Label]:
    """Puts labels right, left, below or above their nodes; none where all four are taken."""
    nodes = list(nodes)
    taken = [
        (one.x - one.radius, one.y - one.radius, one.x + one.radius, one.y + one.radius)
        for one in nodes
    ]
    labels: list[Label] = []
    for place, one in enumerate(nodes):
        if len(labels) == LABEL_LIMIT:
            break
        short = text.short_id(one.entity_id, LABEL_LENGTH)
        wide, gap = len(short) * LETTER, one.radius + 3
        spots: tuple[tuple[Anchor, float, float, float], ...] = (
            ("start", one.x + gap, one.y + 3.5, one.x + gap),
            ("end", one.x - gap, one.y + 3.5, one.x - gap - wide),
            ("middle", one.x, one.y + gap + 8, one.x - wide / 2),
            ("middle", one.x, one.y - gap, one.x - wide / 2),
        )
        for anchor, x, y, left in spots:
            box = (left, y - 9, left + wide, y + 2)
            if box[0] < 0 or box[2] > WIDTH or _covers(box, taken):
                continue
            taken.append(box)
            labels.append(Label(place, round(x, 1), round(y, 1), anchor, short))
            break
    return labels


def _covers(box: Box, taken: Iterable[Box]) -> bool:
    """Returns whether a box overlaps any that is taken."""
    left, top, right, bottom = box
    for a, b, c, d in taken:  # noqa: SIM110 - any() of a generator takes twice as long
        if left < c and a < right and top < d and b < bottom:
            return True
    return False


@dataclass(frozen=True)
class NodePositions:
    """The position of each entity, and the cluster in whose figure it was."""

    of_entity: Mapping[str, tuple[str, Point]] = field(default_factory=dict)

    def of(self, entity_ids: Iterable[str]) -> dict[str, Point]:
        """Returns the positions in one figure: if several merge, in that with most of them."""
        pictures: dict[str, dict[str, Point]] = defaultdict(dict)
        for one in entity_ids:
            if one in self.of_entity:
                cluster_id, place = self.of_entity[one]
                pictures[cluster_id][one] = place
        return min(pictures.items(), key=lambda one: (-len(one[1]), one[0]), default=("", {}))[1]


def positions_dataset(path: str) -> ds.Dataset | None:
    """Opens a graph/nodes.parquet; None if it is from before it had positions."""
    nodes = ds.dataset(path, format="parquet")
    return nodes if set(NODE_POSITIONS.schema.names) <= set(nodes.schema.names) else None


def read_positions(source: str, before: str | None, entity_ids: Sequence[str]) -> NodePositions:
    """Reads positions of entities from a part of a run (`partition_run`), or else from `before`.

    `before` is a graph/nodes.parquet.
    """
    if source.endswith(tables.PARTITION_SUFFIX):
        nodes = tables.table_dataset(source, NODE_POSITIONS)
    elif before is None or (nodes := positions_dataset(before)) is None:
        return NodePositions()
    wanted = pc.field("id").isin(pa.array(entity_ids, pa.string()))
    where = pc.field("x").is_valid() & wanted
    rows = nodes.to_table(columns=NODE_POSITIONS.schema.names, filter=where)
    ids, clusters, xs, ys = (rows[name].to_pylist() for name in NODE_POSITIONS.schema.names)
    points = zip(xs, ys, strict=True)
    return NodePositions(dict(zip(ids, zip(clusters, points, strict=True), strict=True)))


def positions_table(positions: Mapping[str, tuple[str, Point]]) -> pa.Table:
    """Returns positions as `NODE_POSITIONS`."""
    points = [point for _, point in positions.values()]
    columns = [
        list(positions),
        [cluster_id for cluster_id, _ in positions.values()],
        [x for x, _ in points],
        [y for _, y in points],
    ]
    schema = NODE_POSITIONS.schema
    arrays = [pa.array(one, kind.type) for one, kind in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)
