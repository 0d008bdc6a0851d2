"""A document as plain blocks, which the HTML and the PDF both render, and its number formats.

Texts in a block can be hostile; the renderers escape them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from reports.referral.case_records import format_amount
from reports.text import plain
from schemas.entity import without_epoch
from transforms.extract.kinds.registry import BY_KIND


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str


@dataclass(frozen=True)
class Points:
    """A list, numbered where its order matters."""

    points: Sequence[str]
    numbered: bool = False


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
class Line:
    """A line of a chart."""

    x1: float
    y1: float
    x2: float
    y2: float
    width: float
    style: str


@dataclass(frozen=True)
class Disc:
    """A disc, with a ring around it where `ring`."""

    x: float
    y: float
    radius: float
    style: str
    ring: bool = False


@dataclass(frozen=True)
class Bar:
    """A filled rectangle from its upper left corner."""

    x: float
    y: float
    width: float
    height: float
    style: str


@dataclass(frozen=True)
class Label:
    """A text in a chart; `anchor` is start, middle or end, `white` where it lies on a disc."""

    x: float
    y: float
    text: str
    anchor: str = "start"
    white: bool = False


Shape = Line | Disc | Bar | Label


@dataclass(frozen=True)
class Chart:
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
"""Colours by style; `alone` is dashed where it is of a line."""

BLANK = "____________________"
"""A line to be filled in."""

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


@dataclass(frozen=True)
class Document:
    """A document: `kind` says what it is on every page, `authors` who sends it.

    `number` is its evidence number, of the cluster or the letter.
    """

    kind: str
    title: str
    authors: str
    code: str
    tlp: str
    sections: list[Section]
    language: str = "en"
    number: str = ""


def numbered_sections(parts: Sequence[tuple[str, list[Block]]]) -> list[Section]:
    """Numbers the parts of a document that have anything in them; the first is the cover."""
    kept = [one for one in parts if one[1]]
    return [Section(number, title, blocks) for number, (title, blocks) in enumerate(kept)]


def format_money(amount: Decimal) -> str:
    """Formats an amount, exact, with its digits in groups of three."""
    whole, _, cents = format_amount(amount).partition(".")
    return f"{int(whole):,}.{cents}"


def format_count(count: int, noun: str, nouns: str | None = None) -> str:
    """Returns a number with its noun, such as 1 call, 3,120 complaints."""
    return f"{count:,} {noun if count == 1 else nouns or f'{noun}s'}"


def format_day(moment: date) -> str:
    """Returns a day as people write it, such as 9 June 2025."""
    return f"{moment.day} {moment:%B %Y}"


def format_days(first: datetime, last: datetime) -> str:
    """Returns a span of days, both ends included."""
    one, other = format_day(first), format_day(last)
    return one if one == other else f"{one} to {other}"


def format_time(moment: datetime) -> str:
    """Returns a time as people write it, to the minute, UTC."""
    return f"{format_day(moment)}, {moment:%H:%M} UTC"


def format_utc(moment: datetime) -> str:
    """Formats a time in UTC, ISO 8601, to the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def organisation_name(slug: str) -> str:
    """Returns an organisation's slug as its name; up to three letters are an abbreviation."""
    words = plain(slug, 60).replace("_", " ").replace("-", " ").split()
    return " ".join(one.upper() if len(one) <= 3 else one[:1].upper() + one[1:] for one in words)


_BANK_CODES = {"us": "ABA", "uk": "sort code", "ifsc": "IFSC"}

_SERVICES = {
    "anydesk": "AnyDesk",
    "teamviewer": "TeamViewer",
    "ultraviewer": "UltraViewer",
    "screenconnect": "ScreenConnect",
    "whatsapp": "WhatsApp",
    "paypal": "PayPal",
}


def identifier_words(entity_id: str) -> str:
    """Returns an identifier in the words of whoever keeps its records.

    Such as "ABA 026010090, account 62022802552" for `account:us:026010090:62022802552`.
    """
    bare = without_epoch(entity_id)
    kind, _, value = bare.partition(":")
    scheme, _, rest = value.partition(":")
    match kind:
        case "account" if scheme in _BANK_CODES and ":" in rest:
            code, _, account = rest.partition(":")
            words = f"{_BANK_CODES[scheme]} {code}, account {account}"
        case "account" if scheme in ("iban", "upi"):
            words = f"{'IBAN' if scheme == 'iban' else 'UPI id'} {rest}"
        case "wallet" if rest:
            words = f"{scheme.upper()} address {rest}"
        case "remote" if rest:
            words = f"{_SERVICES.get(scheme, scheme.capitalize())} id {rest}"
        case "account" | "handle" if rest:
            words = f"{_SERVICES.get(scheme, scheme.capitalize())} {rest}"
        case _:
            words = value or bare
    return words + entity_id[len(bare) :].replace("#", ", holder ")
