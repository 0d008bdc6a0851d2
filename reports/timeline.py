"""When each identifier was in use, and where one took over from another."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from reports.cluster_facts import Facts

Row = dict[str, Any]

ROW_LIMIT = 80
LABELS, WIDTH, ROW, TOP = 250, 1000, 17, 24
"""Widths of the label column and of the whole, heights of a row and of the axis, in px."""
STEPS = 120
SHADES = 3
HANDOVER_DAYS = 21
"""A successor appears at most this long after the last sight of its predecessor.

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
    """Rows by first sight, ticks as (x, label), handovers, and the rows left out."""

    lives: list[Life]
    ticks: list[tuple[float, str]]
    handovers: list[Handover]
    height: int
    left_out: int


def timeline(facts: Facts) -> Timeline:
    """The lives of the members that most records name, the earliest first."""
    shown = facts.members[:ROW_LIMIT]
    shown = sorted(shown, key=lambda one: (one["first_seen"], one["entity_id"]))
    start = min(one["first_seen"] for one in shown).date()
    end = max(one["last_seen"] for one in shown).date() + timedelta(days=1)
    days = max((end - start).days, 1)
    scale = (WIDTH - LABELS) / days
    place = {one["entity_id"]: TOP + n * ROW for n, one in enumerate(shown)}
    lives = [_life(one, place[one["entity_id"]], start, scale, days, facts) for one in shown]
    return Timeline(
        lives=lives,
        ticks=_ticks(start, end, scale),
        handovers=_handovers(facts, shown, place, start, scale),
        height=TOP + len(shown) * ROW + 4,
        left_out=len(facts.members) - len(shown),
    )


def _life(one: Row, y: int, start: date, scale: float, days: int, facts: Facts) -> Life:
    step = math.ceil(days / STEPS)
    cells: Counter[int] = Counter()
    for day, count in facts.days.get(one["entity_id"], Counter()).items():
        cells[(day - start).days // step] += count
    most = max(cells.values(), default=1)
    x = LABELS + (one["first_seen"].date() - start).days * scale
    lasted = (one["last_seen"].date() - one["first_seen"].date()).days + 1
    boxes: dict[int, list[tuple[float, float]]] = {}
    for at, count in sorted(cells.items()):
        box = (round(LABELS + at * step * scale, 1), round(max(step * scale - 0.5, 1.5), 1))
        boxes.setdefault(math.ceil(SHADES * count / most), []).append(box)
    return Life(
        entity_id=one["entity_id"],
        kind=one["kind"],
        y=y,
        x=round(x, 1),
        width=round(max(lasted * scale, 2), 1),
        shades=sorted(boxes.items()),
        about=f"{one['first_seen']:%Y-%m-%d} to {one['last_seen']:%Y-%m-%d}, {lasted} days",
    )


def _ticks(start: date, end: date, scale: float) -> list[tuple[float, str]]:
    """First days of months, thinned to at most twelve; weeks of a short life."""
    if (end - start).days <= 62:
        days = [start + timedelta(days=n) for n in range(0, (end - start).days, 7)]
    else:
        months = range(start.year * 12 + start.month, end.year * 12 + end.month)
        days = [date(month // 12, month % 12 + 1, 1) for month in months]
    step = math.ceil(len(days) / 12) or 1
    return [(round(LABELS + (day - start).days * scale, 1), f"{day}") for day in days[::step]]


def _handovers(
    facts: Facts, shown: list[Row], place: dict[str, int], start: date, scale: float
) -> list[Handover]:
    """Pairs of one kind, linked or with a neighbour in common, of which one follows the other.

    Each gives way to one and follows one at most; the shortest gaps are paired first.
    """
    linked: dict[str, set[str]] = {one["entity_id"]: set() for one in facts.members}
    for one in facts.inside:
        linked[one["entity_a"]].add(one["entity_b"])
        linked[one["entity_b"]].add(one["entity_a"])
    pairs = []
    for after in shown:
        near = linked[after["entity_id"]]
        for before in shown:
            gap = after["first_seen"] - before["last_seen"]
            follows = before["first_seen"] < after["first_seen"]
            follows = follows and before["last_seen"] < after["last_seen"]
            follows = follows and before["kind"] == after["kind"]
            if not follows or not -OVERLAP_DAYS <= gap.days <= HANDOVER_DAYS:
                continue
            direct = before["entity_id"] in near
            if direct or near & linked[before["entity_id"]]:
                order = (not direct, abs(gap), before["entity_id"], after["entity_id"])
                pairs.append((order, before, after))
    gave: set[str] = set()
    took: set[str] = set()
    found = []
    for _, before, after in sorted(pairs, key=lambda pair: pair[0]):
        if before["entity_id"] in gave or after["entity_id"] in took:
            continue
        gave.add(before["entity_id"])
        took.add(after["entity_id"])
        found.append(_handover(before, after, place, start, scale))
    return sorted(found, key=lambda one: (one.first_seen, one.after))


def _handover(
    before: Row, after: Row, place: dict[str, int], start: date, scale: float
) -> Handover:
    x1 = LABELS + ((before["last_seen"].date() - start).days + 1) * scale
    x2 = LABELS + (after["first_seen"].date() - start).days * scale
    y1, y2 = (place[one["entity_id"]] + ROW // 2 for one in (before, after))
    return Handover(
        before=before["entity_id"],
        after=after["entity_id"],
        last_seen=before["last_seen"],
        first_seen=after["first_seen"],
        start=(round(x1, 1), y1),
        end=(round(x2, 1), y2),
    )
