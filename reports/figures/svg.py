"""Figures as SVG: the graph of a cluster, lives over time, bars.

Drawn beforehand, so that they print, scale and are read out without a script; the page's style
colours them by their classes. What is drawn a thousand times is written once, with "%s" for what
differs. Text is written as it is, so that everything that can come from a complaint goes through
`_escaped`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache
from itertools import chain

from markupsafe import Markup, escape

from reports import text
from reports.figures.graph_figure import HEIGHT, WIDTH, Anchor, GraphFigure, Node, corners
from reports.figures.timeline import LABEL_WIDTH, TIMELINE_WIDTH, Handover, Life, Timeline

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
    rows = map(_life, drawn.lives)
    handovers = map(_handover, drawn.handovers)
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


def _life(one: Life) -> str:
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


def _handover(given: Handover) -> str:
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
