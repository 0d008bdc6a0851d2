"""The time in which each identifier was in use, and where one took over from another."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any

from reports.cluster_data import ClusterFacts
from reports.text import plain_day

Row = dict[str, Any]

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
        about=f"{plain_day(one['first_seen'])} to {plain_day(one['last_seen'])}, {lasted} days",
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
