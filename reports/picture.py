"""The picture of a cluster: what stands where, how large, and which lines join it.

Drawn as SVG by the page's template, so that it prints, scales and is read out without a script.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from reports import text
from reports.cluster_facts import Facts
from reports.layout import Point, positions

Row = dict[str, Any]

WIDTH, HEIGHT = 1000, 620
MARGIN = 34
SUPPLIER_LIMIT = 6
LINK_LIMIT = 2_500
"""Lines that are drawn, the best-evidenced first."""
LABEL_LIMIT = 60
LABEL_LENGTH = 26
LETTER = 5.6
"""Width of a letter of a label, in units of the picture (10 px sans serif)."""


@dataclass(frozen=True)
class Node:
    """A member or a supplier; `shape` is an SVG path around (0, 0)."""

    entity_id: str
    kind: str
    x: float
    y: float
    radius: float
    shape: str
    bridge: bool
    supplier: bool
    about: str


@dataclass(frozen=True)
class Line:
    """A link between two nodes, as places in `Picture.nodes`."""

    a: int
    b: int
    width: float
    style: str
    about: str


@dataclass(frozen=True)
class Label:
    """The value of a node, written where it covers no other."""

    x: float
    y: float
    anchor: str
    text: str


@dataclass(frozen=True)
class Picture:
    """Everything that is drawn; `left_out` counts lines past `LINK_LIMIT`."""

    nodes: list[Node]
    lines: list[Line]
    labels: list[Label]
    left_out: int


def placed(facts: Facts) -> dict[str, Point]:
    """Where the members stand, from (0, 0) to (1, 1), by their accepted links."""
    held = [one for one in facts.inside if one["accepted"]]
    links = [(one["entity_a"], one["entity_b"], one["weight"]) for one in held]
    return positions([one["entity_id"] for one in facts.members], links)


def picture(facts: Facts, places: Mapping[str, Point]) -> Picture:
    """The picture of a cluster: members at their places, suppliers around them."""
    points = {
        one: (MARGIN + x * (WIDTH - 2 * MARGIN), MARGIN + y * (HEIGHT - 2 * MARGIN))
        for one, (x, y) in places.items()
    }
    nodes = [_member(one, points[one["entity_id"]], facts) for one in facts.members]
    suppliers = facts.suppliers[:SUPPLIER_LIMIT]
    shown = {one["entity_id"] for one in suppliers}
    soft = [one for one in facts.soft if one["there"] in shown]
    for place, one in enumerate(suppliers):
        users = [points[link["here"]] for link in soft if link["there"] == one["entity_id"]]
        nodes.append(_supplier(one, place, len(suppliers), users))
    at = {one.entity_id: place for place, one in enumerate(nodes)}
    weakest = {(one["entity_a"], one["entity_b"]) for one in facts.row["weakest_bridges"] or []}
    links = sorted([*facts.inside, *soft], key=lambda one: not one["accepted"])
    lines = [_line(one, at, weakest) for one in links[:LINK_LIMIT]]
    labels = _labels([one for one in nodes if not one.supplier])
    return Picture(nodes, lines, labels, max(len(links) - LINK_LIMIT, 0))


def _member(row: Row, point: tuple[float, float], facts: Facts) -> Node:
    most = max(one["complaints"] + one["calls"] for one in facts.members)
    crowd = 1.0 if len(facts.members) <= 60 else math.sqrt(60 / len(facts.members))
    records = row["complaints"] + row["calls"]
    radius = (5 + 13 * math.sqrt(records / max(most, 1))) * max(crowd, 0.45)
    about = f"{row['role']}, {row['complaints']} complaints, {row['calls']} calls"
    return Node(
        entity_id=row["entity_id"],
        kind=row["kind"],
        x=round(point[0], 1),
        y=round(point[1], 1),
        radius=round(radius, 1),
        shape=shape(row["kind"], radius),
        bridge=row["bridge"],
        supplier=False,
        about=about + (", bridge" if row["bridge"] else ""),
    )


def _supplier(row: Row, place: int, count: int, users: list[tuple[float, float]]) -> Node:
    """On the rim, in the order of records: soft links must not pull members together."""
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
        shape="M-7-7L7 7M-7 7L7-7",
        bridge=False,
        supplier=True,
        about=f"supplier, {row['records']} records here, serves {row['clusters']} clusters",
    )


_CORNERS = {"domain": (4, 45), "url": (4, 45), "email": (4, 0), "remote": (3, -90)}
_CORNERS |= {"account": (6, 0), "wallet": (6, 0), "handle": (5, -90)}
"""Shapes of the same area for each kind: number of corners, and where the first one points."""


def shape(kind: str, radius: float) -> str:
    """The outline of a kind as an SVG path, of the area of a circle of this radius."""
    corners, turn = _CORNERS.get(kind, (0, 0))
    if not corners:
        r = f"{radius:.1f}"
        return f"M{r} 0A{r} {r} 0 1 1 -{r} 0A{r} {r} 0 1 1 {r} 0Z"
    area = corners * math.sin(2 * math.pi / corners) / 2
    reach = radius * math.sqrt(math.pi / area)
    angles = [math.radians(turn) + 2 * math.pi * n / corners for n in range(corners)]
    points = [f"{reach * math.cos(a):.1f} {reach * math.sin(a):.1f}" for a in angles]
    return f"M{'L'.join(points)}Z"


def _line(row: Row, at: dict[str, int], weakest: set[tuple[str, str]]) -> Line:
    pair = (row["entity_a"], row["entity_b"])
    if not row["accepted"]:
        style = "soft" if row["strength"] == "soft" else "doubted"
    else:
        style = "weakest" if pair in weakest or pair[::-1] in weakest else "hard"
    return Line(
        a=at[row["entity_a"]],
        b=at[row["entity_b"]],
        width=round(0.7 + 0.7 * math.log1p(row["weight"]), 2),
        style=style,
        about=f"{row['complaints']} complaints, {row['calls']} calls, weight {row['weight']:.2f}",
    )


def _labels(nodes: Iterable[Node]) -> list[Label]:
    """Labels beside their nodes, right, left, below or above, left out where all are taken."""
    nodes = list(nodes)
    taken = [
        (one.x - one.radius, one.y - one.radius, one.x + one.radius, one.y + one.radius)
        for one in nodes
    ]
    labels: list[Label] = []
    for one in nodes:
        if len(labels) == LABEL_LIMIT:
            break
        short = text.short(one.entity_id, LABEL_LENGTH)
        wide, gap = len(short) * LETTER, one.radius + 3
        for anchor, x, y, left in (
            ("start", one.x + gap, one.y + 3.5, one.x + gap),
            ("end", one.x - gap, one.y + 3.5, one.x - gap - wide),
            ("middle", one.x, one.y + gap + 8, one.x - wide / 2),
            ("middle", one.x, one.y - gap, one.x - wide / 2),
        ):
            box = (left, y - 9, left + wide, y + 2)
            if box[0] < 0 or box[2] > WIDTH or any(_overlap(box, other) for other in taken):
                continue
            taken.append(box)
            labels.append(Label(round(x, 1), round(y, 1), anchor, short))
            break
    return labels


Box = tuple[float, float, float, float]


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
