"""Figures as SVG, by svg.py: the graph of a cluster, lives over time, bars.

Drawn beforehand, so that they print, scale and are read out without a script; the page's style
colours them by their classes. svg.py writes text and attributes as they are, so that everything
that can come from a complaint goes through `_escaped`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, lru_cache
from itertools import chain

import svg
from markupsafe import Markup, escape

from reports import text
from reports.figures.graph_figure import HEIGHT, WIDTH, Anchor, GraphFigure, Node, corners
from reports.figures.timeline import LABEL_WIDTH, TIMELINE_WIDTH, Handover, Life, Timeline

PER_BAR = 8
"""Width of a bar of the trend with its gap, in units of its figure."""

_TEXT = "%s"
"""As `_N`, for text that `_escaped` returned."""

_HIDDEN = {"aria-hidden": "true"}
"""For what repeats a table in colour and form."""

_STRETCHED = svg.PreserveAspectRatio("none")


def graph_svg(drawn: GraphFigure, size: int) -> Markup:
    """Draws the graph of a cluster of `size` members; `graph.js` finds its elements by class."""
    label = f"Graph of {size} identifiers; the tables below hold the same"
    return _whole(
        svg.SVG(
            id="picture",
            viewBox=svg.ViewBoxSpec(0, 0, WIDTH, HEIGHT),
            extra={"role": "group", "aria-label": label},
            elements=[
                svg.G(class_=["lines"], elements=list(_lines(drawn))),
                svg.G(class_=["labels"], elements=[_Written(markup=_labels(drawn))], extra=_HIDDEN),
                svg.G(
                    class_=["nodes"], elements=[_Written(markup="".join(map(_node, drawn.nodes)))]
                ),
            ],
        )
    )


@dataclass
class _Traced(svg.PathData):
    """Many steps of a path at once: svg.py takes 10 us to write one."""

    command = ""
    steps: str

    def __str__(self) -> str:
        return self.steps


class _Slot(float):
    """A number that is filled in later: what is drawn a thousand times is written once."""

    def __str__(self) -> str:
        return "%s"

    def __format__(self, _: str) -> str:
        return "%s"


_N = _Slot()


@dataclass
class _Written(svg.Element):
    """Elements that are text already."""

    element_name = ""
    markup: str = ""

    def as_str(self) -> str:
        """Returns the text."""
        return self.markup


def _lines(drawn: GraphFigure) -> Iterable[svg.Element]:
    """Draws all lines of a style and width as one path; `graph.js` draws selected ones again."""
    traced: dict[tuple[str, bool, float], list[str]] = {}
    at = [f"{one.x} {one.y}" for one in drawn.nodes]
    supplier = [one.supplier for one in drawn.nodes]
    for a, b, width, style in drawn.lines:
        like = (style, supplier[a] or supplier[b], width)
        traced.setdefault(like, []).append(f"M{at[a]}L{at[b]}")
    for (style, to_supplier, width), steps in traced.items():
        classes = [style, *(["to-supplier"] if to_supplier else [])]
        yield svg.Path(class_=classes, stroke_width=width, d=[_Traced("".join(steps))])


def _labels(drawn: GraphFigure) -> str:
    return "".join(
        _label(one.anchor) % (one.x, one.y, one.node, _escaped(one.text)) for one in drawn.labels
    )


@cache
def _label(anchor: Anchor) -> str:
    return str(svg.Text(x=_N, y=_N, text_anchor=anchor, text=_TEXT, data={"node": _TEXT}))


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
        shapes.append(svg.Circle(class_=["ring"], r=round(radius + 4, 1)))
    if supplier:
        classes.append("supplier")
    return str(
        svg.G(
            class_=classes,
            transform=[svg.Translate(_N, _N)],
            elements=shapes,
            extra={"role": "img", "aria-label": _TEXT},
        )
    )


def _shape(kind: str, radius: float, *, supplier: bool = False) -> svg.Element:
    """Draws a kind's outline around (0, 0), of the area of a circle of `radius`, or a cross."""
    if supplier:
        a, b = -radius, radius
        return svg.Path(d=[svg.M(a, a), svg.L(b, b), svg.M(a, b), svg.L(b, a)])
    points = corners(kind, radius)
    if not points:
        return svg.Circle(r=radius)
    return svg.Polygon(points=[svg.Point(x, y) for x, y in points])


@lru_cache(maxsize=1_024)
def kind_symbol(kind: str, *, supplier: bool = False) -> Markup:
    """Draws a kind, or a supplier, for the legend."""
    classes = ["node", "supplier" if supplier else f"k-{_word(kind)}"]
    node = svg.G(class_=classes, elements=[_shape(kind, 7, supplier=supplier)])
    return _whole(svg.SVG(viewBox=svg.ViewBoxSpec(-9, -9, 18, 18), elements=[node], extra=_HIDDEN))


@lru_cache(maxsize=1_024)
def line_sample(style: str) -> Markup:
    """Draws a line of a style for the legend."""
    line = svg.Line(class_=[style], x2=30, stroke_width=2)
    return _whole(svg.SVG(viewBox=svg.ViewBoxSpec(0, -9, 30, 18), elements=[line], extra=_HIDDEN))


@lru_cache(maxsize=1_024)
def bridge_ring() -> Markup:
    """Draws the ring of a bridge for the legend."""
    found = svg.Circle(class_=["ring"], r=10)
    box = svg.ViewBoxSpec(-13, -13, 26, 26)
    return _whole(svg.SVG(viewBox=box, elements=[found], extra=_HIDDEN))


def timeline_svg(drawn: Timeline) -> Markup:
    """Draws lives as rows, days as columns, handovers as curves."""
    label = (
        f"Lives of {len(drawn.lives)} identifiers with {len(drawn.handovers)} handovers; "
        "the dates are in the table of identifiers"
    )
    ticks = (_tick_form() % (x, x, drawn.height, x + 3, day) for x, day in drawn.ticks)
    rows = map(_life, drawn.lives)
    handovers = map(_handover, drawn.handovers)
    return _whole(
        svg.SVG(
            class_=["timeline"],
            viewBox=svg.ViewBoxSpec(0, 0, TIMELINE_WIDTH, drawn.height),
            width=TIMELINE_WIDTH,
            elements=[_Written(markup="".join(chain(ticks, rows, handovers)))],
            extra={"role": "img", "aria-label": label},
        )
    )


@cache
def _tick_form() -> str:
    """Returns the form of a line at the start of a day, and the day."""
    line = svg.Line(class_=["tick"], x1=_N, x2=_N, y1=16, y2=_N)
    return f"{line}{svg.Text(class_=['day'], x=_N, y=12, text=_TEXT)}"


def _life(one: Life) -> str:
    form = _life_form(one.kind, tuple(shade for shade, _ in one.shades))
    top = one.y + 3
    cells = [
        "".join(f"M{x} {top}h{width}v11H{x}z" for x, width in boxes) for _, boxes in one.shades
    ]
    title = _escaped(f"{text.plain(one.entity_id)}: {one.about}")
    label = (one.y + 12, _escaped(text.short_id(one.entity_id)))
    return form % (title, *label, one.x, one.y + 7, one.width, *cells)


@lru_cache(maxsize=1_024)
def _life_form(kind: str, shades: tuple[int, ...]) -> str:
    row: list[svg.Element] = [
        svg.Title(text=_TEXT),
        svg.Text(x=LABEL_WIDTH - 8, y=_N, text_anchor="end", text=_TEXT),
        svg.Rect(class_=["span"], x=_N, y=_N, width=_N, height=3),
        *(svg.Path(class_=["cell", f"s{one}"], d=[_Traced(_TEXT)]) for one in shades),
    ]
    return str(svg.G(class_=["life", f"k-{_word(kind)}"], elements=row))


def _handover(given: Handover) -> str:
    (x1, y1), (x2, y2) = given.start, given.end
    names = f"{text.plain(given.before)} gives way to {text.plain(given.after)}"
    return _handover_form() % (x1, y1, x1 + 12, y1, x2 - 12, y2, x2, y2, _escaped(names))


@cache
def _handover_form() -> str:
    curve: list[svg.PathData] = [svg.M(_N, _N), svg.C(_N, _N, _N, _N, _N, _N)]
    return str(svg.Path(class_=["handover"], d=curve, elements=[svg.Title(text=_TEXT)]))


def trend_svg(shown: Trend, step: str) -> Markup:
    """Draws records by `step` (day, week): complaints, with calls on top of them."""
    most = max((one.complaints + one.calls for one in shown.bars), default=0) or 1
    bars: list[svg.Element] = []
    for place, one in enumerate(shown.bars):
        x, high = place * PER_BAR, round(one.complaints * 100 / most, 2)
        more = round(one.calls * 100 / most, 2)
        label = f"{one.start}: {one.complaints} complaints, {one.calls} calls"
        top, above = round(100 - high, 2), round(100 - high - more, 2)
        bars.append(
            svg.G(
                elements=[
                    svg.Title(text=label),
                    svg.Rect(class_=["hit"], x=x, width=PER_BAR, height=100),
                    svg.Rect(class_=["bar-a"], x=x + 1, y=top, width=PER_BAR - 2, height=high),
                    svg.Rect(class_=["bar-b"], x=x + 1, y=above, width=PER_BAR - 2, height=more),
                ]
            )
        )
    label = (
        f"Records by {step}, {shown.bars[0].start} to {shown.end}; the most in one is {most}"
        if shown.bars
        else "No records"
    )
    return _whole(
        svg.SVG(
            class_=["trend"],
            viewBox=svg.ViewBoxSpec(0, 0, max(len(shown.bars), 1) * PER_BAR, 100),
            preserveAspectRatio=_STRETCHED,
            elements=bars,
            extra={"role": "img", "aria-label": label},
        )
    )


@lru_cache(maxsize=1_024)
def share_bar(count: int, most: int) -> Markup:
    """Draws a bar as long as a count's share of the largest one."""
    bar = svg.Rect(class_=["bar-a"], width=round(count * 100 / max(most, 1), 1), height=8)
    return _whole(
        svg.SVG(
            class_=["share"],
            viewBox=svg.ViewBoxSpec(0, 0, 100, 8),
            preserveAspectRatio=_STRETCHED,
            elements=[bar],
            extra=_HIDDEN,
        )
    )


def _escaped(words: str) -> str:
    return str(escape(words))


def _word(kind: str) -> str:
    """Returns a kind as part of a class name, `other` for what is no plain word."""
    return kind if kind.isidentifier() and kind.isascii() else "other"


def _whole(drawing: svg.SVG) -> Markup:
    return Markup(str(drawing))  # noqa: S704 - numbers, our words, and what `_escaped` escaped


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
