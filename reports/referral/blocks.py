"""A document as plain blocks, which the HTML and the PDF render.

Texts in a block can be hostile; the renderers escape them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import cos, pi, sin, sqrt
from typing import Any, NamedTuple

from reports.referral.language import Language
from schemas.enums import EntityKind
from transforms.extract.kinds.registry import BY_KIND

Files = dict[str, bytes]
"""Files by their path in a folder."""


_CORNERS = {
    "triangle": (3, 0.0),
    "rectangle": (4, 0.5),
    "diamond": (4, 0.0),
    "pentagon": (5, 0.0),
    "hexagon": (6, 0.5),
}
"""For each shape, its number of corners, and the turn of the first from the top, in steps."""


class Points(NamedTuple):
    """A list, numbered if its order matters."""

    points: Sequence[str]
    numbered: bool = False


class Notice(NamedTuple):
    """A paragraph that must not be missed, with the word that it starts with."""

    word: str
    text: str


class Grid(NamedTuple):
    """A table. `ids` and `numbers` are places of columns: identifiers, and right-aligned numbers.

    `widths` are shares of the page's width, one a column.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    widths: Sequence[float]
    ids: Sequence[int] = ()
    numbers: Sequence[int] = ()


class Line(NamedTuple):
    """A line of a chart."""

    x: float
    y: float
    x2: float
    y2: float
    width: float
    style: str


class Mark(NamedTuple):
    """A disc; if its style is a kind, the shape of the kind with the same area."""

    x: float
    y: float
    radius: float
    style: str

    @property
    def corners(self) -> list[tuple[float, float]]:
        """The corners of the shape; a disc has none."""
        shape = BY_KIND[EntityKind(self.style)].shape if self.style in BY_KIND else "ellipse"
        count, turned = _CORNERS.get(shape, (0, 0.0))
        steps = [2 * pi * (corner + turned) / count for corner in range(count)]
        reach = self.radius * sqrt(2 * pi / (count * sin(2 * pi / count))) if count else 0.0
        return [
            (round(self.x + reach * sin(step), 1), round(self.y - reach * cos(step), 1))
            for step in steps
        ]


class Bar(NamedTuple):
    """A filled rectangle from its upper left corner."""

    x: float
    y: float
    width: float
    height: float
    style: str


class Label(NamedTuple):
    """A text in a chart; `anchor` is start, middle or end, `white` where it lies on a mark."""

    x: float
    y: float
    text: str
    anchor: str = "start"
    white: bool = False


Shape = Line | Mark | Bar | Label


class Chart(NamedTuple):
    """A chart: shapes in a picture of some size, and its legend, as (style, meaning)."""

    caption: str
    width: float
    height: float
    shapes: Sequence[Shape]
    legend: Sequence[tuple[str, str]]


STYLES = {
    **{str(kind): row.colour for kind, row in BY_KIND.items()},
    "link": "#7b838c",
    "alone": "#b8460b",
    "grid": "#c9cdd3",
    "complaint": "#1f6fc2",
    "call": "#a8620a",
    "new": "#157f5b",
}
"""Colours by style; a line of style `alone` is dashed."""

BLANK = "____________________"
"""A line to be filled in."""

Block = str | Points | Notice | Grid | Chart
"""A part of a document; a text is a paragraph."""

Blocks = Sequence[Block | None]
"""Blocks of a section; empty blocks are left out."""


class Section(NamedTuple):
    """A numbered part of the document; number 0 is the cover."""

    number: int
    title: str
    blocks: list[Block]

    @property
    def anchor(self) -> str:
        """Its place in the page."""
        return f"section-{self.number}"

    @property
    def heading(self) -> str:
        """Its title with its number."""
        return f"{self.number}. {self.title}"


@dataclass(frozen=True)
class Document:
    """A document: `kind` says what it is on every page, `authors` who sends it.

    `number` is its evidence number, of the cluster or the letter; its frame is in `language`.
    `font`, from a language.toml, has the letters that Latin fonts lack. `made` is the date that a
    PDF states, so that the same package has the same bytes.
    """

    kind: str
    title: str
    authors: str
    code: str
    tlp: str
    sections: Sequence[Section]
    language: Language
    made: datetime
    number: str = ""
    font: Mapping[str, Any] | None = None


class MissingPdfError(RuntimeError):
    """A library or font for the PDF is not installed; the message says how to get it."""


def numbered_sections(parts: Iterable[tuple[str, Blocks]]) -> list[Section]:
    """Numbers the parts of a document that are not empty; the first is the cover."""
    filled = ((title, [block for block in blocks if block]) for title, blocks in parts)
    kept = ((title, blocks) for title, blocks in filled if blocks)
    return [Section(number, title, blocks) for number, (title, blocks) in enumerate(kept)]
