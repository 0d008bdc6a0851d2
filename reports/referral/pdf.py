"""The referral as PDF by reportlab; the same content gives the same bytes on every machine.

Fonts are embedded from packages, so that a machine's own fonts change nothing. Mukta (SIL Open Font
License) covers Latin and Devanagari; IBM Plex Mono (the same licence) keeps 0 and O apart in
identifiers. A character that the fonts lack is spelled out as [U+05D0]; the HTML has it as it is.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from typing import Any
from xml.sax.saxutils import escape

from reports.referral.blocks import Block, Chart, Grid, Notice, Points, Section, Text
from reports.text import plain
from transforms.extract.kinds.registry import BY_KIND

PROSE, BOLD, MONO = "Mukta", "Mukta-SemiBold", "IBMPlexMono"

_FILES = {
    PROSE: ("fontpkg_mukta", "Mukta-Regular.ttf"),
    BOLD: ("fontpkg_mukta", "Mukta-SemiBold.ttf"),
    MONO: ("fontpkg_ibm_plex_mono", "IBMPlexMono-Regular.ttf"),
}

MARGIN = 54.0
"""Points; 0.75 inch, which fits A4 and Letter."""

INSET = 6.0
"""The room that reportlab's frame keeps free inside the margin."""

_INDIC = range(0x0900, 0x0E00)
"""Scripts whose textss join or move: shaped by HarfBuzz. Latin is not, for its ornaments."""


class MissingPdfError(RuntimeError):
    """A library or font for the PDF is not installed; the message says how to get it."""


def render_pdf(sections: Sequence[Section], name: str, tlp: str, code: str) -> bytes:
    """Renders the document on A4.

    Raises:
        MissingPdfError: without the extra `referral`.
    """
    try:
        from reportlab.lib.pagesizes import A4
        from reportlab.pdfgen.canvas import Canvas
        from reportlab.platypus import SimpleDocTemplate

        register_fonts()
    except ImportError as error:
        raise MissingPdfError(f"the PDF needs {error.name}: pip install '.[referral]'") from None
    content = io.BytesIO()
    width = A4[0] - 2 * (MARGIN + INSET)
    document = SimpleDocTemplate(
        content,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN + 10,
        bottomMargin=MARGIN,
        invariant=1,
        title=f"Criminal referral: {plain(name, 80)}",
        author="ringtrace",
        subject=code,
        lang="en",
    )
    texts = _PageTexts(plain(name, 80), tlp.upper(), code)
    frame = _Frame(texts)
    maker = partial(Canvas, initialFontName=PROSE)
    document.build(
        _story(sections, texts, width), onFirstPage=frame, onLaterPages=frame, canvasmaker=maker
    )
    return content.getvalue()


def register_fonts() -> None:
    """Registers the fonts with reportlab, once.

    Raises:
        ImportError: if a package is missing.
    """
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    known = pdfmetrics.getRegisteredFontNames()
    for name, (package, file) in _FILES.items():
        if name not in known:
            path = files(package).joinpath("files", file)
            pdfmetrics.registerFont(TTFont(name, str(path), shapable=name == PROSE))


def paragraph_markup(words: str, font: str, limit: int = 4_000) -> str:
    """Escapes a text for reportlab's paragraphs, and spells out what the font lacks."""
    covered = _covered(font)
    spelled = "".join(c if ord(c) in covered else f"[U+{ord(c):04X}]" for c in plain(words, limit))
    return escape(spelled)


@dataclass(frozen=True)
class _PageTexts:
    """The texts of every page's header and footer."""

    title: str
    tlp: str
    code: str


@dataclass(frozen=True)
class _Frame:
    """TLP at the right of header and footer, 12 points (TLP 2.0), reference and page number."""

    texts: _PageTexts

    def __call__(self, canvas: Any, document: Any) -> None:
        canvas.setViewerPreference("DisplayDocTitle", "true")
        width, height = document.pagesize
        canvas.saveState()
        canvas.setFont(BOLD, 12)
        for y in (height - 40, 24):
            canvas.drawRightString(width - MARGIN - INSET, y, f"TLP:{self.texts.tlp}")
        canvas.setFont(PROSE, 8)
        canvas.drawString(MARGIN + INSET, height - 40, "Criminal referral. A lead, not proof.")
        canvas.drawString(MARGIN + INSET, 24, f"{self.texts.code[:90]}   page {document.page}")
        canvas.restoreState()


def _story(sections: Sequence[Section], texts: _PageTexts, width: float) -> list[Any]:
    from reportlab.platypus import PageBreak

    story: list[Any] = [
        _paragraph("Criminal referral", "title"),
        _paragraph(paragraph_markup(texts.title, PROSE), "body"),
    ]
    for section in sections:
        if section.number == 1:
            story.append(PageBreak())
        if section.number:
            title = f"{section.number}. {section.title}"
            story.append(_bookmark(section.anchor, title))
            story.append(_paragraph(paragraph_markup(title, BOLD), "heading"))
        for block in section.blocks:
            story.extend(_flowables(block, width))
        if not section.number:
            story.extend(_contents(sections))
    return story


def _bookmark(anchor: str, title: str) -> Any:
    """Returns a target for outline and contents that takes no room."""
    from reportlab.platypus import Flowable

    class Bookmark(Flowable):
        """Stays with the heading that follows."""

        keepWithNext = 1  # noqa: N815 - reportlab's name

        def wrap(self, *_: float) -> tuple[float, float]:
            return 0.0, 0.0

        def draw(self) -> None:
            self.canv.bookmarkHorizontal(anchor, 0, 20)
            self.canv.addOutlineEntry(title, anchor, 0)

    return Bookmark()


def _contents(sections: Sequence[Section]) -> list[Any]:
    lines = [
        f'<a href="#{one.anchor}">{paragraph_markup(f"{one.number}. {one.title}", PROSE)}</a>'
        for one in sections
        if one.number
    ]
    return [_paragraph("Contents", "caption"), *(_paragraph(line, "cell") for line in lines)]


@cache
def _covered(font: str) -> frozenset[int]:
    from reportlab.pdfbase import pdfmetrics

    return frozenset(pdfmetrics.getFont(font).face.charToGlyph)


@cache
def _styles() -> dict[str, Any]:
    from reportlab.lib.colors import HexColor
    from reportlab.lib.styles import ParagraphStyle

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


def _paragraph(markup: str, style: str) -> Any:
    """Returns a paragraph of one of `_styles`, shaped where its script needs that."""
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph

    chosen = _styles()[style]
    if any(ord(c) in _INDIC for c in markup):
        chosen = ParagraphStyle(f"{style}-shaped", parent=chosen, fontName=PROSE, shaping=1)
    return Paragraph(markup, chosen)


def _flowables(block: Block, width: float) -> list[Any]:
    """Returns a block as what reportlab lays out, `width` points wide."""
    from reportlab.platypus import ListFlowable, ListItem

    match block:
        case Text():
            return [_paragraph(paragraph_markup(block.text, PROSE), "body")]
        case Points():
            items = [
                ListItem(_paragraph(paragraph_markup(one, PROSE), "body"), leftIndent=14)
                for one in block.points
            ]
            return [
                ListFlowable(
                    items, bulletType="bullet", start="•", bulletFontName=PROSE, leftIndent=14
                )
            ]
        case Notice():
            word = f'<font name="{BOLD}">{paragraph_markup(block.word, BOLD)}</font>'
            return [_paragraph(f"{word} {paragraph_markup(block.text, PROSE)}", "notice")]
        case Grid():
            return _grid(block, width)
        case Chart():
            drawing = _chart_drawing(block, width)
            return [drawing, _paragraph(paragraph_markup(block.caption, PROSE), "cell")]


def _grid(block: Grid, width: float) -> list[Any]:
    from reportlab.lib.colors import HexColor
    from reportlab.platypus import LongTable

    headed = bool(block.header[0])
    rows: list[list[Any]] = []
    if headed:
        rows.append(
            [
                _paragraph(paragraph_markup(cell, BOLD), "right" if at in block.numbers else "head")
                for at, cell in enumerate(block.header)
            ]
        )
    rows.extend(
        [_cell(block, at, cell, headed=headed) for at, cell in enumerate(row)] for row in block.rows
    )
    if not block.rows:
        none = _paragraph("none", "cell")
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
    return [_paragraph(paragraph_markup(block.caption, BOLD, 600), "caption"), table]


def _cell(block: Grid, at: int, cell: str, *, headed: bool) -> Any:
    if not headed and at == 0:
        return _paragraph(paragraph_markup(cell, BOLD), "head")
    if at in block.ids:
        return _paragraph(paragraph_markup(cell, MONO, 1_200), "id")
    style = "number" if at in block.numbers else "cell"
    return _paragraph(paragraph_markup(cell, PROSE, 1_200), style)


def _chart_drawing(block: Chart, width: float) -> Any:
    """Draws the chart `width` points wide, with a legend of kinds below it."""
    from reportlab.graphics.shapes import Circle, Drawing, Line, Rect, String
    from reportlab.lib.colors import HexColor, white

    scale = width / block.width
    drawing = Drawing(width, block.height * scale + 14)
    top = block.height * scale + 14
    drawing.add(
        Rect(
            0,
            14,
            width,
            block.height * scale,
            fillColor=white,
            strokeColor=HexColor("#c9cdd3"),
            strokeWidth=0.5,
        )
    )
    for x1, y1, x2, y2, thick, alone in block.lines:
        drawing.add(
            Line(
                x1 * scale,
                top - y1 * scale,
                x2 * scale,
                top - y2 * scale,
                strokeWidth=max(thick * scale, 0.3),
                strokeColor=HexColor("#b8460b" if alone else "#7b838c"),
                strokeDashArray=(3, 2) if alone else None,
            )
        )
    for x, y, radius, kind, label, bridge in block.nodes:
        at = (x * scale, top - y * scale)
        size = max(radius * scale, 5.5)
        colour = HexColor(BY_KIND[kind].colour)
        if bridge:
            drawing.add(
                Circle(
                    *at, size + 2, fillColor=None, strokeColor=HexColor("#b8460b"), strokeWidth=1
                )
            )
        drawing.add(Circle(*at, size, fillColor=colour, strokeColor=white, strokeWidth=0.4))
        drawing.add(
            String(
                at[0],
                at[1] - 2,
                label,
                fontName=BOLD,
                fontSize=5.8,
                fillColor=white,
                textAnchor="middle",
            )
        )
    at_x = 4.0
    for kind in block.kinds:
        drawing.add(Circle(at_x, 5, 3, fillColor=HexColor(BY_KIND[kind].colour), strokeColor=None))
        drawing.add(String(at_x + 6, 2.5, kind, fontName=PROSE, fontSize=7.5))
        at_x += 62
    return drawing
