"""The document as plain blocks, which the HTML and the PDF both render, and its number formats.

Texts in a block can be hostile; the renderers escape them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from reports.referral.losses import format_amount
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


DRAFT_NOTICE = (
    "Statutes, periods and forms in this package are data with a public source and a day. They are "
    "drafts for counsel and never legal advice."
)


def draft_notice(recipient: Mapping[str, Any]) -> str:
    """Returns `DRAFT_NOTICE`, and the name in the recipient's checked_by."""
    name = plain(recipient.get("checked_by", ""), 120).strip()
    return f"{DRAFT_NOTICE} {f'Checked by {name}.' if name else 'No lawyer has checked them.'}"


def format_money(amount: Decimal) -> str:
    """Formats an amount, exact, with its digits in groups of three."""
    whole, _, cents = format_amount(amount).partition(".")
    return f"{int(whole):,}.{cents}"


def format_count(count: int, noun: str) -> str:
    """Returns a number with its noun, such as 3 complaints."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
