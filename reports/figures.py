"""Figures of a cluster as plain data: its graph, and the lives of its members with handovers.

`graph_figure` puts lines to members at their positions (`graph_layout`), `build_timeline` makes a
row of each member: a referral draws both. `find_handovers` is the workbench's, too.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from reports.cluster_data import ClusterFacts
from reports.graph_layout import Point

Row = dict[str, Any]

WIDTH, HEIGHT = 1000, 620

MARGIN = 34

DRAWN_LINES = 2_500
"""Lines that are drawn, the best-evidenced first."""

ROW_LIMIT = 80

LABEL_WIDTH, TIMELINE_WIDTH, ROW_HEIGHT, AXIS_HEIGHT = 250, 1000, 17, 24
"""Widths of the label column and of the whole, heights of a row and of the axis, in px."""

HANDOVER_DAYS = 21
"""Most days between the last record of an identifier and the first of its successor.

Callback numbers live for about two weeks; the next one is in place by then.
"""

OVERLAP_DAYS = 7


class Node(NamedTuple):
    """A member."""

    entity_id: str
    kind: str
    x: float
    y: float
    radius: float


class Line(NamedTuple):
    """An accepted link between two members, by their places in `GraphFigure.nodes`."""

    a: int
    b: int
    width: float


@dataclass(frozen=True)
class GraphFigure:
    """Everything that is drawn."""

    nodes: list[Node]
    lines: list[Line]


def graph_figure(facts: ClusterFacts, positions: Mapping[str, Point]) -> GraphFigure:
    """Makes the figure of a cluster: members at their positions, and their accepted links."""
    members = [one for one in facts.members if one["entity_id"] in positions]
    most = max((one["complaints"] + one["calls"] for one in members), default=0)
    crowd = max(math.sqrt(60 / max(len(members), 60)), 0.45)
    nodes = [_member(one, positions[one["entity_id"]], most, crowd) for one in members]
    at = {one.entity_id: place for place, one in enumerate(nodes)}
    links = [
        one
        for one in facts.inside
        if one["accepted"] and one["entity_a"] in at and one["entity_b"] in at
    ]
    lines = [
        Line(at[one["entity_a"]], at[one["entity_b"]], _width(one["weight"]))
        for one in links[:DRAWN_LINES]
    ]
    return GraphFigure(nodes, lines)


def _member(row: Row, point: Point, most: int, crowd: float) -> Node:
    records = row["complaints"] + row["calls"]
    radius = (5 + 13 * math.sqrt(records / max(most, 1))) * crowd
    return Node(
        entity_id=row["entity_id"],
        kind=row["kind"],
        x=round(MARGIN + point[0] * (WIDTH - 2 * MARGIN), 1),
        y=round(MARGIN + point[1] * (HEIGHT - 2 * MARGIN), 1),
        radius=round(radius, 1),
    )


@lru_cache(maxsize=4_096)
def _width(weight: float) -> float:
    """Returns a width in halves."""
    return round(1.4 + 1.4 * math.log1p(weight)) / 2


class Life(NamedTuple):
    """One identifier's row: from first to last seen."""

    entity_id: str
    kind: str
    y: int
    x: float
    width: float


class Handover(NamedTuple):
    """One identifier giving way to another of its kind that is linked with it."""

    before: str
    after: str
    last_seen: datetime
    first_seen: datetime


@dataclass(frozen=True)
class Timeline:
    """Rows by first record, ticks as (x, label), and a line (x1, y1, x2, y2) for each handover."""

    lives: list[Life]
    ticks: list[tuple[float, str]]
    handovers: list[tuple[float, float, float, float]]
    height: int


def build_timeline(facts: ClusterFacts) -> Timeline:
    """Makes rows of the members that most records name, the earliest first."""
    shown = _first_rows(facts)
    if not shown:  # all members are left out of this copy
        return Timeline([], [], [], AXIS_HEIGHT)
    start = min(one["first_seen"] for one in shown).date()
    end = max(one["last_seen"] for one in shown).date() + timedelta(days=1)
    scale = (TIMELINE_WIDTH - LABEL_WIDTH) / max((end - start).days, 1)

    def x(moment: datetime, after: int = 0) -> float:
        return round(LABEL_WIDTH + ((moment.date() - start).days + after) * scale, 1)

    place = {one["entity_id"]: AXIS_HEIGHT + n * ROW_HEIGHT for n, one in enumerate(shown)}
    middle = ROW_HEIGHT // 2
    return Timeline(
        lives=[_life(one, place[one["entity_id"]], x(one["first_seen"]), scale) for one in shown],
        ticks=_ticks(start, end, scale),
        handovers=[
            (
                x(one.last_seen, 1),
                place[one.before] + middle,
                x(one.first_seen),
                place[one.after] + middle,
            )
            for one in find_handovers(facts)
        ],
        height=AXIS_HEIGHT + len(shown) * ROW_HEIGHT + 4,
    )


def _life(one: Row, y: int, x: float, scale: float) -> Life:
    lasted = (one["last_seen"].date() - one["first_seen"].date()).days + 1
    return Life(one["entity_id"], one["kind"], y, x, round(max(lasted * scale, 2), 1))


def _ticks(start: date, end: date, scale: float) -> list[tuple[float, str]]:
    """Returns first days of months, at most twelve, or of weeks for a short time."""
    if (end - start).days <= 62:
        days = [start + timedelta(days=n) for n in range(0, (end - start).days, 7)]
    else:
        months = range(start.year * 12 + start.month, end.year * 12 + end.month)
        days = [date(month // 12, month % 12 + 1, 1) for month in months]
    step = math.ceil(len(days) / 12) or 1
    return [(round(LABEL_WIDTH + (day - start).days * scale, 1), f"{day}") for day in days[::step]]


def find_handovers(facts: ClusterFacts) -> list[Handover]:
    """Pairs members of one kind, linked or with a neighbour in common, if one follows the other.

    Each gives way to one and follows one at most; the shortest gaps are paired first. Only those in
    the timeline are paired.
    """
    shown = _first_rows(facts)
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
        ends = before["entity_id"], after["entity_id"]
        found.append(Handover(*ends, before["last_seen"], after["first_seen"]))
    return sorted(found, key=lambda one: (one.first_seen, one.after))


def _follows(before: Row, after: Row) -> bool:
    if before["first_seen"] >= after["first_seen"] or before["last_seen"] >= after["last_seen"]:
        return False
    gap = after["first_seen"] - before["last_seen"]
    return -OVERLAP_DAYS <= gap.days <= HANDOVER_DAYS


def _first_rows(facts: ClusterFacts) -> list[Row]:
    """Returns the members that most records name, by first record."""
    shown = facts.members[:ROW_LIMIT]
    return sorted(shown, key=lambda one: (one["first_seen"], one["entity_id"]))
