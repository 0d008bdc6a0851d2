"""The referral as PDF: the same blocks, fonts embedded, the same bytes for the same content.

A character that the fonts lack is spelled out as [U+05D0]; the HTML has it as it is.

The link chart: the picture of the report's page, with the numbers of Exhibit 2 in it.

Blocks of the document as reportlab's flowables.

The link chart as a reportlab drawing.

The fonts of the PDF, embedded from packages: no machine's own fonts can change its bytes.

Mukta (SIL Open Font License) covers Latin and Devanagari; IBM Plex Mono (the same licence) keeps 0
and O apart in identifiers.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from typing import Any
from xml.sax.saxutils import escape

from reports.figures.graph_figure import HEIGHT, WIDTH, picture, placed
from reports.referral.blocks import Block, Chart, Grid, Notice, Points, Section, Text
from reports.referral.case import Case
from reports.text import plain

MARGIN = 54.0
"""Points; 0.75 inch, which fits A4 and Letter."""


INSET = 6.0
"""What reportlab's frame keeps free inside the margin."""


class MissingPdfError(RuntimeError):
    """A library or font for the PDF is not installed; the message says how to get it."""


@dataclass(frozen=True)
class _Letter:
    """What stands on every page."""

    title: str
    tlp: str
    code: str


def render(sections: Sequence[Section], name: str, tlp: str, code: str) -> bytes:
    """The document on A4.

    Raises:
        MissingPdfError: without the extra `referral`.
    """
    try:
        from reportlab.lib.pagesizes import A4
        from reportlab.pdfgen.canvas import Canvas
        from reportlab.platypus import SimpleDocTemplate

        register()
    except ImportError as error:
        raise MissingPdfError(
            f"the PDF needs {error.name}: pip install 'ringtrace[referral]'"
        ) from None
    held = io.BytesIO()
    width = A4[0] - 2 * (MARGIN + INSET)
    document = SimpleDocTemplate(
        held,
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
    letter = _Letter(plain(name, 80), tlp.upper(), code)
    frame = _Frame(letter)
    maker = partial(Canvas, initialFontName=PROSE)
    document.build(
        _story(sections, letter, width), onFirstPage=frame, onLaterPages=frame, canvasmaker=maker
    )
    return held.getvalue()


@dataclass(frozen=True)
class _Frame:
    """TLP at the right of header and footer, 12 points (TLP 2.0), reference and page number."""

    letter: _Letter

    def __call__(self, canvas: Any, document: Any) -> None:
        canvas.setViewerPreference("DisplayDocTitle", "true")
        width, height = document.pagesize
        canvas.saveState()
        canvas.setFont(BOLD, 12)
        for y in (height - 40, 24):
            canvas.drawRightString(width - MARGIN - INSET, y, f"TLP:{self.letter.tlp}")
        canvas.setFont(PROSE, 8)
        canvas.drawString(MARGIN + INSET, height - 40, "Criminal referral. A lead, not proof.")
        canvas.drawString(MARGIN + INSET, 24, f"{self.letter.code[:90]}   page {document.page}")
        canvas.restoreState()


def _story(sections: Sequence[Section], letter: _Letter, width: float) -> list[Any]:
    from reportlab.platypus import PageBreak

    story: list[Any] = [
        paragraph("Criminal referral", "title"),
        paragraph(shown(letter.title, PROSE), "body"),
    ]
    for section in sections:
        if section.number == 1:
            story.append(PageBreak())
        if section.number:
            title = f"{section.number}. {section.title}"
            story.append(_bookmark(section.anchor, title))
            story.append(paragraph(shown(title, BOLD), "heading"))
        for block in section.blocks:
            story.extend(flowables(block, width))
        if not section.number:
            story.extend(_contents(sections))
    return story


def _bookmark(anchor: str, title: str) -> Any:
    """A place that the outline and the contents lead to; it takes no room."""
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
        f'<a href="#{one.anchor}">{shown(f"{one.number}. {one.title}", PROSE)}</a>'
        for one in sections
        if one.number
    ]
    return [
        paragraph("Contents", "caption"),
        *(paragraph(line, "cell") for line in lines),
    ]


def link_chart(case: Case) -> Chart:
    """The members and what holds them together; suppliers and rejected links are not drawn."""
    facts = case.material.facts
    drawn = picture(facts, placed(facts, {}))
    weakest = {tuple(sorted((b.link["entity_a"], b.link["entity_b"]))) for b in case.bridges}
    lines = []
    for one in drawn.lines:
        a, b = drawn.nodes[one.a], drawn.nodes[one.b]
        if a.supplier or b.supplier or one.style not in ("hard", "weakest"):
            continue
        alone = tuple(sorted((a.entity_id, b.entity_id))) in weakest
        lines.append((a.x, a.y, b.x, b.y, one.width, alone))
    nodes = [
        (one.x, one.y, max(one.radius, 8.5), one.kind, str(case.number[one.entity_id]), one.bridge)
        for one in drawn.nodes
        if not one.supplier
    ]
    return Chart(
        caption=(
            f"Link chart of {len(nodes)} of {len(facts.members)} members. Numbers are rows of "
            "Exhibit 2. Lines join members that the same records name, thicker with more "
            "evidence; a dashed line holds a member, or a part, alone. A ring marks a member "
            "without which the cluster falls apart. Exhibit 4 holds the same as a table."
        ),
        width=WIDTH,
        height=HEIGHT,
        lines=lines,
        nodes=nodes,
        kinds=list(dict.fromkeys(one[3] for one in nodes)),
    )


def shown(words: str, font: str, limit: int = 4_000) -> str:
    """Text as markup of reportlab's paragraphs: escaped, what the font lacks spelled out."""
    covered = _covered(font)
    spelled = "".join(c if ord(c) in covered else f"[U+{ord(c):04X}]" for c in plain(words, limit))
    return escape(spelled)


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


_INDIC = range(0x0900, 0x0E00)
"""Scripts whose letters join or move: shaped by HarfBuzz. Latin is not, for its ornaments."""


def paragraph(markup: str, style: str) -> Any:
    """A paragraph of one of `_styles`, shaped where its script needs that."""
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.platypus import Paragraph

    chosen = _styles()[style]
    if any(ord(c) in _INDIC for c in markup):
        chosen = ParagraphStyle(f"{style}-shaped", parent=chosen, fontName=PROSE, shaping=1)
    return Paragraph(markup, chosen)


def flowables(block: Block, width: float) -> list[Any]:
    """A block as what reportlab lays out, `width` points wide."""
    from reportlab.platypus import ListFlowable, ListItem

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
    from reportlab.lib.colors import HexColor
    from reportlab.platypus import LongTable

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


_COLOURS = {
    "phone": "#1f6fc2",
    "domain": "#7a4bb5",
    "url": "#7a4bb5",
    "email": "#b0407f",
    "remote": "#157f5b",
    "account": "#a8620a",
    "wallet": "#7a6a00",
}


def chart(block: Chart, width: float) -> Any:
    """The chart, `width` points wide, with a legend of kinds below it."""
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
        colour = HexColor(_COLOURS.get(kind, "#4f5762"))
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
        drawing.add(
            Circle(at_x, 5, 3, fillColor=HexColor(_COLOURS.get(kind, "#4f5762")), strokeColor=None)
        )
        drawing.add(String(at_x + 6, 2.5, kind, fontName=PROSE, fontSize=7.5))
        at_x += 62
    return drawing


PROSE, BOLD, MONO = "Mukta", "Mukta-SemiBold", "IBMPlexMono"


_FILES = {
    PROSE: ("fontpkg_mukta", "Mukta-Regular.ttf"),
    BOLD: ("fontpkg_mukta", "Mukta-SemiBold.ttf"),
    MONO: ("fontpkg_ibm_plex_mono", "IBMPlexMono-Regular.ttf"),
}


def register() -> None:
    """Make them known to reportlab, once; raises ImportError where a package is missing."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    known = pdfmetrics.getRegisteredFontNames()
    for name, (package, file) in _FILES.items():
        if name not in known:
            path = files(package).joinpath("files", file)
            pdfmetrics.registerFont(TTFont(name, str(path), shapable=name == PROSE))
