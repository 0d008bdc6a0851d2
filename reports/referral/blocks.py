"""The document as plain blocks: one content, of which the HTML and the PDF are two renderings.

Every text in a block is text, hostile or not; the renderers escape it.

How the document words sums and counts, and the sentence that every draft carries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from reports.referral.losses import written
from reports.text import plain


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Points:
    """A list without order."""

    points: Sequence[str]


@dataclass(frozen=True)
class Notice:
    """A paragraph that must not be missed, with the word that it starts with."""

    word: str
    text: str


@dataclass(frozen=True)
class Grid:
    """A table. `ids` and `numbers` are places of columns: identifiers, and right-aligned numbers.

    `widths` are shares of the page's width, one a column.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    widths: Sequence[float]
    ids: Sequence[int] = ()
    numbers: Sequence[int] = ()


@dataclass(frozen=True)
class Chart:
    """The link chart: `labels` are (x, y, number) in the picture's units."""

    caption: str
    width: float
    height: float
    lines: list[tuple[float, float, float, float, float, bool]]
    nodes: list[tuple[float, float, float, str, str, bool]]
    kinds: list[str] = field(default_factory=list)


Block = Text | Points | Notice | Grid | Chart


@dataclass(frozen=True)
class Section:
    """A numbered part of the document; number 0 is the cover."""

    number: int
    title: str
    blocks: list[Block]

    @property
    def anchor(self) -> str:
        """Its place in the page."""
        return f"section-{self.number}"


DRAFT = (
    "Statutes, periods and forms in this package are data with a public source and a day. They are "
    "drafts for counsel and never legal advice."
)


def draft(recipient: Mapping[str, Any]) -> str:
    """`DRAFT`, and who has checked a recipient's rows, as counsel wrote into them."""
    name = plain(recipient.get("checked_by", ""), 120).strip()
    return f"{DRAFT} {f'Checked by {name}.' if name else 'No lawyer has checked them.'}"


def money(amount: Decimal) -> str:
    """Digits in groups of three, as law reports print sums; exact."""
    whole, _, cents = written(amount).partition(".")
    return f"{int(whole):,}.{cents}"


def counted(count: int, noun: str) -> str:
    """A number with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
