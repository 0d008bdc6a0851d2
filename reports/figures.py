"""Figures of a cluster as plain data: its graph, and the lives of its members with handovers.

`graph_figure` puts suppliers, lines and labels to members at their positions (`graph_layout`);
`build_timeline` makes a row of each member. A referral draws both.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any, Literal, NamedTuple

from reports import text
from reports.cluster_data import DRAWN_SUPPLIERS, ClusterFacts
from reports.graph_layout import Point

Row = dict[str, Any]

Anchor = Literal["start", "end", "middle"]

WIDTH, HEIGHT = 1000, 620

MARGIN = 34

DRAWN_LINES = 2_500
"""Lines that are drawn, the best-evidenced first."""

LABEL_LIMIT = 60

LABEL_LENGTH = 26

LETTER = 5.6
"""Width of a letter of a label, in units of the figure (10 px sans serif)."""

Box = tuple[float, float, float, float]

ROW_LIMIT = 80

LABEL_WIDTH, TIMELINE_WIDTH, ROW_HEIGHT, AXIS_HEIGHT = 250, 1000, 17, 24
"""Widths of the label column and of the whole, heights of a row and of the axis, in px."""

CELL_LIMIT = 120

SHADES = 3

HANDOVER_DAYS = 21
"""Most days between the last record of an identifier and the first of its successor.

Callback numbers live for about two weeks; the next one is in place by then.
"""

OVERLAP_DAYS = 7


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

    `left_out` counts lines past `DRAWN_LINES`, `undrawn` members past `DRAWN_MEMBERS`.
    """

    nodes: list[Node]
    lines: list[Line]
    links: list[Row]
    labels: list[Label]
    left_out: int
    undrawn: int


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
        lines=[_line(one, at, weakest) for one in links[:DRAWN_LINES]],
        links=links[:DRAWN_LINES],
        labels=_labels([one for one in nodes if not one.supplier]),
        left_out=max(len(links) - DRAWN_LINES, 0),
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
class Life:
    """One identifier's row: from first to last seen.

    `shades` are stretches with readings, as (x, width), by how many there were: 1 to `SHADES`.
    """

    entity_id: str
    kind: str
    y: int
    x: float
    width: float
    shades: list[tuple[int, list[tuple[float, float]]]]
    about: str


@dataclass(frozen=True)
class Handover:
    """One identifier giving way to another of its kind that is linked with it."""

    before: str
    after: str
    last_seen: datetime
    first_seen: datetime
    start: tuple[float, int]
    end: tuple[float, int]


@dataclass(frozen=True)
class Timeline:
    """Rows by first record, ticks as (x, label), handovers, and the count of rows left out."""

    lives: list[Life]
    ticks: list[tuple[float, str]]
    handovers: list[Handover]
    height: int
    left_out: int


def build_timeline(facts: ClusterFacts) -> Timeline:
    """Makes rows of the members that most records name, the earliest first."""
    shown = facts.members[:ROW_LIMIT]
    shown = sorted(shown, key=lambda one: (one["first_seen"], one["entity_id"]))
    if not shown:  # all members are left out of this copy
        return Timeline([], [], [], AXIS_HEIGHT, 0)
    start = min(one["first_seen"] for one in shown).date()
    end = max(one["last_seen"] for one in shown).date() + timedelta(days=1)
    days = max((end - start).days, 1)
    grid = _Grid(start, (TIMELINE_WIDTH - LABEL_WIDTH) / days, math.ceil(days / CELL_LIMIT))
    place = {one["entity_id"]: AXIS_HEIGHT + n * ROW_HEIGHT for n, one in enumerate(shown)}
    lives = [_life(one, place[one["entity_id"]], grid, facts) for one in shown]
    return Timeline(
        lives=lives,
        ticks=_ticks(start, end, grid.scale),
        handovers=_handovers(facts, shown, place, grid),
        height=AXIS_HEIGHT + len(shown) * ROW_HEIGHT + 4,
        left_out=len(facts.members) - len(shown),
    )


@dataclass(frozen=True)
class _Grid:
    """Days from `start`, each `scale` wide; readings are counted in cells of `step` days."""

    start: date
    scale: float
    step: int

    def x(self, day: date, after: int = 0) -> float:
        """Returns where a day starts, or one so many days after it."""
        return LABEL_WIDTH + ((day - self.start).days + after) * self.scale

    @cached_property
    def cell(self) -> float:
        """Width of a cell."""
        return round(max(self.step * self.scale - 0.5, 1.5), 1)


def _life(one: Row, y: int, grid: _Grid, facts: ClusterFacts) -> Life:
    first, last = one["first_seen"].date(), one["last_seen"].date()
    counts: dict[int, int] = {}
    start = grid.start.toordinal()
    for day, count in facts.days.get(one["entity_id"], {}).items():
        at = (day - start) // grid.step
        counts[at] = counts.get(at, 0) + count
    most = max(counts.values(), default=1)
    lasted = (last - first).days + 1
    boxes: dict[int, list[tuple[float, float]]] = {}
    for at, count in sorted(counts.items()):
        box = (round(LABEL_WIDTH + at * grid.step * grid.scale, 1), grid.cell)
        boxes.setdefault(math.ceil(SHADES * count / most), []).append(box)
    return Life(
        entity_id=one["entity_id"],
        kind=one["kind"],
        y=y,
        x=round(grid.x(first), 1),
        width=round(max(lasted * grid.scale, 2), 1),
        shades=sorted(boxes.items()),
        about=f"{text.plain_day(one['first_seen'])} to {text.plain_day(one['last_seen'])}, "
        f"{lasted} days",
    )


def _ticks(start: date, end: date, scale: float) -> list[tuple[float, str]]:
    """Returns first days of months, at most twelve, or of weeks for a short time."""
    if (end - start).days <= 62:
        days = [start + timedelta(days=n) for n in range(0, (end - start).days, 7)]
    else:
        months = range(start.year * 12 + start.month, end.year * 12 + end.month)
        days = [date(month // 12, month % 12 + 1, 1) for month in months]
    step = math.ceil(len(days) / 12) or 1
    return [(round(LABEL_WIDTH + (day - start).days * scale, 1), f"{day}") for day in days[::step]]


def _handovers(
    facts: ClusterFacts, shown: list[Row], place: dict[str, int], grid: _Grid
) -> list[Handover]:
    """Pairs members of one kind, linked or with a neighbour in common, if one follows the other.

    Each gives way to one and follows one at most; the shortest gaps are paired first. `shown` are
    the members by first record.
    """
    linked: dict[str, set[str]] = {one["entity_id"]: set() for one in facts.members}
    for one in facts.inside:
        linked[one["entity_a"]].add(one["entity_b"])
        linked[one["entity_b"]].add(one["entity_a"])
    pairs = []
    earlier: dict[str, list[Row]] = {}
    for after in shown:
        near, of_kind = linked[after["entity_id"]], earlier.setdefault(after["kind"], [])
        for before in of_kind:
            if not _follows(before, after):
                continue
            direct = before["entity_id"] in near
            if direct or near & linked[before["entity_id"]]:
                gap = abs(after["first_seen"] - before["last_seen"])
                order = (not direct, gap, before["entity_id"], after["entity_id"])
                pairs.append((order, before, after))
        of_kind.append(after)
    gave: set[str] = set()
    took: set[str] = set()
    found = []
    for _, before, after in sorted(pairs, key=lambda pair: pair[0]):
        if before["entity_id"] in gave or after["entity_id"] in took:
            continue
        gave.add(before["entity_id"])
        took.add(after["entity_id"])
        found.append(_handover(before, after, place, grid))
    return sorted(found, key=lambda one: (one.first_seen, one.after))


def _follows(before: Row, after: Row) -> bool:
    if before["first_seen"] >= after["first_seen"] or before["last_seen"] >= after["last_seen"]:
        return False
    gap = after["first_seen"] - before["last_seen"]
    return -OVERLAP_DAYS <= gap.days <= HANDOVER_DAYS


def _handover(before: Row, after: Row, place: dict[str, int], grid: _Grid) -> Handover:
    y1, y2 = (place[one["entity_id"]] + ROW_HEIGHT // 2 for one in (before, after))
    return Handover(
        before=before["entity_id"],
        after=after["entity_id"],
        last_seen=before["last_seen"],
        first_seen=after["first_seen"],
        start=(round(grid.x(before["last_seen"].date(), 1), 1), y1),
        end=(round(grid.x(after["first_seen"].date()), 1), y2),
    )
