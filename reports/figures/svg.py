"""Figures as SVG: the graph of a cluster, lives over time with handovers, bars.

Drawn beforehand, so that they print, scale and are read out without a script; the page's style
colours them by their classes. What is drawn a thousand times is written once, with "%s" for what
differs. Text is written as it is, so that everything that can come from a complaint goes through
`_escaped`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, cached_property, lru_cache
from itertools import chain
from typing import Any

from markupsafe import Markup, escape

from reports import text
from reports.cluster_data import ClusterFacts
from reports.figures.graph_figure import HEIGHT, WIDTH, Anchor, GraphFigure, Node, corners

PER_BAR = 8
"""Width of a bar of the trend with its gap, in units of its figure."""

_SLOT = "%s"
"""A place that is filled in later."""

_XMLNS = "http://www.w3.org/2000/svg"

_HIDDEN = {"aria-hidden": "true"}
"""For what repeats a table in colour and form."""

_STRETCHED = "none meet"

_Value = str | float
"""The value of an attribute."""


def graph_svg(drawn: GraphFigure, size: int) -> Markup:
    """Draws the graph of a cluster of `size` members; `graph.js` finds its elements by class."""
    label = f"Graph of {size} identifiers; the tables below hold the same"
    whole = _element(
        "svg",
        _element("g", *_lines(drawn), class_="lines"),
        _element("g", _labels(drawn), class_="labels", **_HIDDEN),
        _element("g", "".join(map(_node, drawn.nodes)), class_="nodes"),
        id="picture",
        xmlns=_XMLNS,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="group",
        aria_label=label,
    )
    return text.safe(whole)  # numbers, our words, and what `_escaped` escaped


def _element(name: str, *content: str, **attributes: _Value) -> str:
    """Writes an element; in the names of attributes "_" is "-", and one at the end is dropped."""
    named = (f'{one.rstrip("_").replace("_", "-")}="{value}"' for one, value in attributes.items())
    start = " ".join([f"<{name}", *named])
    return f"{start}>{''.join(content)}</{name}>" if content else f"{start}/>"


def _drawing(box: str, *content: str, **attributes: _Value) -> Markup:
    """Writes a whole figure, in the coordinates of a box."""
    whole = _element("svg", *content, xmlns=_XMLNS, viewBox=box, **attributes)
    return text.safe(whole)  # numbers, our words, and what `_escaped` escaped


def _lines(drawn: GraphFigure) -> Iterable[str]:
    """Draws all lines of a style and width as one path; `graph.js` draws selected ones again."""
    traced: dict[tuple[str, bool, float], list[str]] = {}
    at = [f"{one.x} {one.y}" for one in drawn.nodes]
    supplier = [one.supplier for one in drawn.nodes]
    for a, b, width, style in drawn.lines:
        like = (style, supplier[a] or supplier[b], width)
        traced.setdefault(like, []).append(f"M{at[a]}L{at[b]}")
    for (style, to_supplier, width), steps in traced.items():
        classes = f"{style} to-supplier" if to_supplier else style
        yield _element("path", stroke_width=width, class_=classes, d="".join(steps))


def _labels(drawn: GraphFigure) -> str:
    return "".join(
        _label(one.anchor) % (one.x, one.y, one.node, _escaped(one.text)) for one in drawn.labels
    )


@cache
def _label(anchor: Anchor) -> str:
    return _element("text", _SLOT, text_anchor=anchor, x=_SLOT, y=_SLOT, data_node=_SLOT)


def _node(node: Node) -> str:
    label = _escaped(f"{text.plain(node.entity_id)}: {node.about}")
    form = _node_form(node.kind, node.radius, bridge=node.bridge, supplier=node.supplier)
    return form % (node.x, node.y, label)


@lru_cache(maxsize=4_096)
def _node_form(kind: str, radius: float, *, bridge: bool, supplier: bool) -> str:
    classes = ["node", f"k-{_word(kind)}"]
    shapes = [_shape(kind, radius, supplier=supplier)]
    if bridge:
        classes.append("bridge")
        shapes.append(_element("circle", class_="ring", r=round(radius + 4, 1)))
    if supplier:
        classes.append("supplier")
    return _element(
        "g",
        *shapes,
        transform="translate(%s %s)",
        class_=" ".join(classes),
        role="img",
        aria_label=_SLOT,
    )


def _shape(kind: str, radius: float, *, supplier: bool = False) -> str:
    """Draws a kind's outline around (0, 0), of the area of a circle of `radius`, or a cross."""
    if supplier:
        a, b = -radius, radius
        return _element("path", d=f"M {a} {a} L {b} {b} M {a} {b} L {b} {a}")
    points = corners(kind, radius)
    if not points:
        return _element("circle", r=radius)
    return _element("polygon", points=" ".join(f"{x},{y}" for x, y in points))


@lru_cache(maxsize=1_024)
def kind_symbol(kind: str, *, supplier: bool = False) -> Markup:
    """Draws a kind, or a supplier, for the legend."""
    shape = _shape(kind, 7, supplier=supplier)
    node = _element("g", shape, class_=f"node {'supplier' if supplier else f'k-{_word(kind)}'}")
    return _drawing("-9 -9 18 18", node, **_HIDDEN)


@lru_cache(maxsize=1_024)
def line_sample(style: str) -> Markup:
    """Draws a line of a style for the legend."""
    line = _element("line", stroke_width=2, class_=style, x2=30)
    return _drawing("0 -9 30 18", line, **_HIDDEN)


@cache
def bridge_ring() -> Markup:
    """Draws the ring of a bridge for the legend."""
    found = _element("circle", class_="ring", r=10)
    return _drawing("-13 -13 26 26", found, **_HIDDEN)


def timeline_svg(drawn: Timeline) -> Markup:
    """Draws lives as rows, days as columns, handovers as curves."""
    label = (
        f"Lives of {len(drawn.lives)} identifiers with {len(drawn.handovers)} handovers; "
        "the dates are in the table of identifiers"
    )
    ticks = (_tick_form() % (x, x, drawn.height, x + 3, day) for x, day in drawn.ticks)
    rows = map(_life_svg, drawn.lives)
    handovers = map(_handover_svg, drawn.handovers)
    return _drawing(
        f"0 0 {TIMELINE_WIDTH} {drawn.height}",
        "".join(chain(ticks, rows, handovers)),
        width=TIMELINE_WIDTH,
        class_="timeline",
        role="img",
        aria_label=label,
    )


@cache
def _tick_form() -> str:
    """Returns the form of a line at the start of a day, and the day."""
    line = _element("line", class_="tick", x1=_SLOT, y1=16, x2=_SLOT, y2=_SLOT)
    return line + _element("text", _SLOT, class_="day", x=_SLOT, y=12)


def _life_svg(one: Life) -> str:
    form = _life_form(one.kind, tuple(shade for shade, _ in one.shades))
    top = one.y + 3
    cells = [
        "".join(f"M{(left := str(x))} {top}h{width}v11H{left}z" for x, width in boxes)
        for _, boxes in one.shades
    ]
    title = _escaped(f"{text.plain(one.entity_id)}: {one.about}")
    label = (one.y + 12, _escaped(text.short_id(one.entity_id)))
    return form % (title, *label, one.x, one.y + 7, one.width, *cells)


@lru_cache(maxsize=1_024)
def _life_form(kind: str, shades: tuple[int, ...]) -> str:
    return _element(
        "g",
        _element("title", _SLOT),
        _element("text", _SLOT, text_anchor="end", x=LABEL_WIDTH - 8, y=_SLOT),
        _element("rect", class_="span", x=_SLOT, y=_SLOT, width=_SLOT, height=3),
        *(_element("path", class_=f"cell s{one}", d=_SLOT) for one in shades),
        class_=f"life k-{_word(kind)}",
    )


def _handover_svg(given: Handover) -> str:
    (x1, y1), (x2, y2) = given.start, given.end
    names = f"{text.plain(given.before)} gives way to {text.plain(given.after)}"
    return _handover_form() % (x1, y1, x1 + 12, y1, x2 - 12, y2, x2, y2, _escaped(names))


@cache
def _handover_form() -> str:
    curve = "M %s %s C %s %s %s %s %s %s"
    return _element("path", _element("title", _SLOT), class_="handover", d=curve)


def trend_svg(shown: Trend, step: str) -> Markup:
    """Draws records by `step` (day, week): complaints, with calls on top of them."""
    most = max((one.complaints + one.calls for one in shown.bars), default=0) or 1
    bars: list[str] = []
    for place, one in enumerate(shown.bars):
        x, high = place * PER_BAR, round(one.complaints * 100 / most, 2)
        more = round(one.calls * 100 / most, 2)
        label = f"{one.start}: {one.complaints} complaints, {one.calls} calls"
        top, above = round(100 - high, 2), round(100 - high - more, 2)
        bars.append(
            _element(
                "g",
                _element("title", label),
                _element("rect", class_="hit", x=x, width=PER_BAR, height=100),
                _element("rect", class_="bar-a", x=x + 1, y=top, width=PER_BAR - 2, height=high),
                _element("rect", class_="bar-b", x=x + 1, y=above, width=PER_BAR - 2, height=more),
            )
        )
    label = (
        f"Records by {step}, {shown.bars[0].start} to {shown.end}; the most in one is {most}"
        if shown.bars
        else "No records"
    )
    return _drawing(
        f"0 0 {max(len(shown.bars), 1) * PER_BAR} 100",
        *bars,
        preserveAspectRatio=_STRETCHED,
        class_="trend",
        role="img",
        aria_label=label,
    )


@lru_cache(maxsize=1_024)
def share_bar(count: int, most: int) -> Markup:
    """Draws a bar as long as a count's share of the largest one."""
    width = round(count * 100 / max(most, 1), 1)
    return _drawing(
        "0 0 100 8",
        _element("rect", class_="bar-a", width=width, height=8),
        preserveAspectRatio=_STRETCHED,
        class_="share",
        **_HIDDEN,
    )


def _escaped(words: str) -> str:
    return str(escape(words))


def _word(kind: str) -> str:
    """Returns a kind as part of a class name, `other` for what is no plain word."""
    return kind if kind.isidentifier() and kind.isascii() else "other"


@dataclass(frozen=True)
class Bar:
    """One step of the trend: its first day, and the records that fall in it."""

    start: date
    complaints: int
    calls: int


@dataclass(frozen=True)
class Trend:
    """Bars of `step` days each, oldest first, and the records before the first bar."""

    step: int
    bars: list[Bar]
    earlier: int

    @property
    def end(self) -> date:
        """The last day of the last bar."""
        return self.bars[-1].start + timedelta(days=self.step - 1)


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
