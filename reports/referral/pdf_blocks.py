"""Blocks of the document as reportlab's flowables."""

from __future__ import annotations

from functools import cache
from typing import Any
from xml.sax.saxutils import escape

from reports.referral.blocks import Block, Chart, Grid, Notice, Points, Text
from reports.referral.pdf_chart import chart
from reports.referral.pdf_fonts import BOLD, MONO, PROSE
from reports.text import plain


def shown(words: str, font: str, limit: int = 4_000) -> str:
    """Text as markup of reportlab's paragraphs: escaped, what the font lacks spelled out."""
    covered = _covered(font)
    spelled = "".join(c if ord(c) in covered else f"[U+{ord(c):04X}]" for c in plain(words, limit))
    return escape(spelled)


@cache
def _covered(font: str) -> frozenset[int]:
    from reportlab.pdfbase import pdfmetrics  # noqa: PLC0415

    return frozenset(pdfmetrics.getFont(font).face.charToGlyph)


@cache
def _styles() -> dict[str, Any]:
    from reportlab.lib.colors import HexColor  # noqa: PLC0415
    from reportlab.lib.styles import ParagraphStyle  # noqa: PLC0415

    body = ParagraphStyle(
        "body", fontName=PROSE, fontSize=9.5, leading=13, spaceAfter=6, splitLongWords=1
    )
    cell = ParagraphStyle("cell", parent=body, fontSize=8, leading=10, spaceAfter=0)
    return {
        "body": body,
        "cell": cell,
        "title": ParagraphStyle("title", parent=body, fontName=BOLD, fontSize=22, leading=27),
        "heading": ParagraphStyle(
            "heading",
            parent=body,
            fontName=BOLD,
            fontSize=13,
            leading=17,
            spaceBefore=14,
            spaceAfter=5,
            keepWithNext=1,
        ),
        "caption": ParagraphStyle(
            "caption",
            parent=body,
            fontName=BOLD,
            fontSize=8.5,
            leading=11,
            spaceBefore=5,
            spaceAfter=3,
            keepWithNext=1,
        ),
        "notice": ParagraphStyle(
            "notice",
            parent=body,
            backColor=HexColor("#fdf3e1"),
            borderPadding=(4, 6, 4, 6),
            leftIndent=6,
            rightIndent=6,
            spaceBefore=7,
            spaceAfter=10,
        ),
        "head": ParagraphStyle("head", parent=cell, fontName=BOLD, splitLongWords=0),
        "id": ParagraphStyle(
            "id", parent=cell, fontName=MONO, fontSize=7, leading=9.5, wordWrap="CJK"
        ),
        "number": ParagraphStyle("number", parent=cell, alignment=2),
        "right": ParagraphStyle("right", parent=cell, fontName=BOLD, alignment=2, splitLongWords=0),
    }


_INDIC = range(0x0900, 0x0E00)
"""Scripts whose letters join or move: shaped by HarfBuzz. Latin is not, for its ornaments."""


def paragraph(markup: str, style: str) -> Any:
    """A paragraph of one of `_styles`, shaped where its script needs that."""
    from reportlab.lib.styles import ParagraphStyle  # noqa: PLC0415
    from reportlab.platypus import Paragraph  # noqa: PLC0415

    chosen = _styles()[style]
    if any(ord(c) in _INDIC for c in markup):
        chosen = ParagraphStyle(f"{style}-shaped", parent=chosen, fontName=PROSE, shaping=1)
    return Paragraph(markup, chosen)


def flowables(block: Block, width: float) -> list[Any]:
    """A block as what reportlab lays out, `width` points wide."""
    from reportlab.platypus import ListFlowable, ListItem  # noqa: PLC0415

    _styles()
    match block:
        case Text():
            return [paragraph(shown(block.text, PROSE), "body")]
        case Points():
            items = [
                ListItem(paragraph(shown(one, PROSE), "body"), leftIndent=14)
                for one in block.points
            ]
            return [
                ListFlowable(
                    items, bulletType="bullet", start="•", bulletFontName=PROSE, leftIndent=14
                )
            ]
        case Notice():
            words = (
                f'<font name="{BOLD}">{shown(block.word, BOLD)}</font> {shown(block.text, PROSE)}'
            )
            return [paragraph(words, "notice")]
        case Grid():
            return _grid(block, width)
        case Chart():
            drawing = chart(block, width)
            return [drawing, paragraph(shown(block.caption, PROSE), "cell")]


def _grid(block: Grid, width: float) -> list[Any]:
    from reportlab.lib.colors import HexColor  # noqa: PLC0415
    from reportlab.platypus import LongTable  # noqa: PLC0415

    _styles()
    headed = bool(block.header[0])
    rows: list[list[Any]] = []
    if headed:
        rows.append(
            [
                paragraph(shown(cell, BOLD), "right" if at in block.numbers else "head")
                for at, cell in enumerate(block.header)
            ]
        )
    rows.extend(
        [_cell(block, at, cell, headed=headed) for at, cell in enumerate(row)] for row in block.rows
    )
    if not block.rows:
        none = paragraph("none", "cell")
        rows.append([none, *("" for _ in block.header[1:])])
    rule = HexColor("#c9cdd3")
    style = [
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, rule),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 2.5),
        ("LEFTPADDING", (0, 0), (-1, -1), 3),
        ("RIGHTPADDING", (0, 0), (-1, -1), 3),
    ]
    if headed:
        style.append(("BACKGROUND", (0, 0), (-1, 0), HexColor("#f0f1f3")))
    table = LongTable(
        rows,
        colWidths=[share * width for share in block.widths],
        repeatRows=1 if headed else 0,
        style=style,
        spaceAfter=8,
        hAlign="LEFT",
    )
    return [paragraph(shown(block.caption, BOLD, 600), "caption"), table]


def _cell(block: Grid, at: int, cell: str, *, headed: bool) -> Any:

    _styles()
    if not headed and at == 0:
        return paragraph(shown(cell, BOLD), "head")
    if at in block.ids:
        return paragraph(shown(cell, MONO, 1_200), "id")
    style = "number" if at in block.numbers else "cell"
    return paragraph(shown(cell, PROSE, 1_200), style)
