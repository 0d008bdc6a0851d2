"""The referral as PDF by reportlab; the same content gives the same bytes on every machine.

Fonts are embedded from packages, so that a machine's own fonts change nothing. Mukta (SIL Open Font
License) covers Latin and Devanagari; IBM Plex Mono (the same licence) keeps 0 and O apart in
identifiers. A script that they lack has a font beside them, which its language names, such as
Noto Sans SC (the same licence) of the extra `chinese`. A character that the fonts lack is spelled
out as [U+05D0]; the HTML has it as it is.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from contextvars import ContextVar
from functools import cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from reports.referral.blocks import (
    STYLES,
    Bar,
    Block,
    Chart,
    Disc,
    Document,
    Grid,
    Line,
    Notice,
    Points,
    Section,
    Text,
)
from reports.referral.language import Language
from reports.text import plain
from schemas.extras import install_command

PROSE, BOLD, MONO = "Mukta", "Mukta-SemiBold", "IBMPlexMono"

_FILES = {
    PROSE: ("fontpkg_mukta", "files/Mukta-Regular.ttf"),
    BOLD: ("fontpkg_mukta", "files/Mukta-SemiBold.ttf"),
    MONO: ("fontpkg_ibm_plex_mono", "files/IBMPlexMono-Regular.ttf"),
}

_script: ContextVar[Mapping[str, Any] | None] = ContextVar("script", default=None)
"""The font of the script of the document that is made: no other has it, installed or not."""

MARGIN = 54.0
"""Points; 0.75 inch, which fits A4 and Letter."""

TABLE_START = 90.0
"""The room, in points, without which a table goes to the next page with its caption."""

CLOSING = "，：；？！”’》」】"
"""Marks that begin no line where lines break between any letters; reportlab has the Japanese."""

LEGEND_LINE = 11.0
"""Points from one line of a chart's legend to the next."""

INSET = 6.0
"""The room that reportlab's frame keeps free inside the margin."""

QR_SIZE = 48.0
"""Points of the side of a QR code, 17 mm: each of its modules is 0.8 mm wide."""

WHOLE_ROWS = 9
"""Rows of a table up to which it is not cut between two pages."""

_INDIC = range(0x0900, 0x0E00)
"""Scripts whose letters join or move: shaped by HarfBuzz. Latin is not, for its ornaments."""


class MissingPdfError(RuntimeError):
    """A library or font for the PDF is not installed; the message says how to get it."""


def render_pdf(document: Document) -> bytes:
    """Renders the document on A4.

    Raises:
        MissingPdfError: without the extra `referral`, or that of the document's font.
    """
    try:
        from reportlab.lib.pagesizes import A4
        from reportlab.platypus import SimpleDocTemplate

        register_fonts()
    except ImportError as error:
        install = install_command("referral")
        raise MissingPdfError(f"the PDF needs {error.name}: {install}") from None
    _register_script(document)
    before = _script.set(document.font)
    try:
        return _laid_out(document, A4, SimpleDocTemplate)
    finally:
        _script.reset(before)


def _register_script(document: Document) -> None:
    font = document.font
    if font is not None:
        try:
            _register(_font_name(font), font["package"], font["file"])
        except ImportError as error:
            install = install_command(font["extra"])
            raise MissingPdfError(f"the PDF needs {error.name}: {install}") from None


def _font_name(font: Mapping[str, Any]) -> str:
    return Path(font["file"]).stem


def _laid_out(document: Document, size: tuple[float, float], template: Any) -> bytes:
    content = io.BytesIO()
    width = size[0] - 2 * (MARGIN + INSET)
    made = template(
        content,
        pagesize=size,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN + 10,
        bottomMargin=MARGIN,
        invariant=1,
        title=f"{document.kind}: {plain(document.title, 160)}",
        author=plain(document.authors, 200),
        subject=document.code,
        lang=document.language.code,
    )
    made.build(_story(document, width), canvasmaker=_page_maker(document))
    return content.getvalue()


def register_fonts() -> None:
    """Registers the fonts of every document with reportlab, and marks that begin no line, once.

    Raises:
        ImportError: if a package is missing.
    """
    from reportlab.lib.textsplit import ALL_CANNOT_START
    from reportlab.platypus import paragraph

    for name, (package, file) in _FILES.items():
        _register(name, package, file)
    paragraph.ALL_CANNOT_START = ALL_CANNOT_START + CLOSING


def _register(name: str, package: str, file: str) -> None:
    """Registers a font, whose package is looked for and not imported: only its file is needed."""
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    if name not in pdfmetrics.getRegisteredFontNames():
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(name=package)
        path = Path(spec.origin).parent / file
        pdfmetrics.registerFont(TTFont(name, str(path), shapable=name == PROSE))


def paragraph_markup(words: str, font: str, limit: int = 4_000) -> str:
    """Escapes a text for reportlab's paragraphs, and spells out what the fonts lack."""
    markup = escape(paragraph_words(words, font, limit))
    script = _script.get()
    if script is None:
        return markup
    covered = _covered(font)
    pieces = groupby(markup, lambda c: ord(c) in covered)
    return "".join(
        text if known else f'<font name="{_font_name(script)}">{text}</font>'
        for known, letters in pieces
        for text in ["".join(letters)]
    )


def paragraph_words(words: str, font: str, limit: int = 4_000) -> str:
    """Spells out what the fonts lack."""
    script = _script.get()
    covered = _covered(font) | (_covered(_font_name(script)) if script else frozenset())
    # A percent sign stays with its number.
    whole = re.sub(r"(?<=\d) %", "\N{NO-BREAK SPACE}%", plain(words, limit))
    return "".join(c if ord(c) in covered else f"[U+{ord(c):04X}]" for c in whole)


def _page_maker(document: Document) -> Any:
    """Returns reportlab's canvas with the header and footer of each page, once all are known.

    They say the kind of document and its reference, "page n of N", and the TLP marking at the
    right, in 12 points (TLP 2.0).
    """
    from reportlab.pdfgen.canvas import Canvas

    class Pages(Canvas):
        """Keeps each page until the last one is there."""

        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **named | {"initialFontName": PROSE})
            self.setViewerPreference("DisplayDocTitle", "true")
            self._doc._timeStamp.YMDhms = document.made.timetuple()[:6]  # else the year 2000
            self.pages: list[dict[str, Any]] = []

        def showPage(self) -> None:  # noqa: N802 - reportlab's name
            self.pages.append(dict(self.__dict__))
            self._startPage()

        def save(self) -> None:
            count = len(self.pages)
            for number, state in enumerate(self.pages, 1):
                self.__dict__.update(state)
                _draw_frame(
                    self, document, document.language.say("frame.page", page=number, pages=count)
                )
                super().showPage()
            super().save()

    return Pages


def _draw_frame(canvas: Any, document: Document, number: str) -> None:
    width, height = canvas._pagesize
    canvas.setFont(BOLD, 12)
    for y in (height - 40, 24):
        canvas.drawRightString(width - MARGIN - INSET, y, f"TLP:{document.tlp.upper()}")
    named = "   ".join(part for part in (document.code[:90], document.number, number) if part)
    for y, words in ((height - 40, document.kind), (24, named)):
        canvas.setFont(_font_of(words), 8)
        canvas.drawString(MARGIN + INSET, y, words)


def _font_of(words: str) -> str:
    """Returns a font for words of one line: that of the script, where ours lacks a letter."""
    script = _script.get()
    return PROSE if script is None or _covers(PROSE, words) else _font_name(script)


def _covers(font: str, words: str) -> bool:
    return _covered(font).issuperset(map(ord, filter(str.isprintable, words)))


def _story(document: Document, width: float) -> list[Any]:
    from reportlab.platypus import CondPageBreak, PageBreak

    title = _paragraph(paragraph_markup(document.title, BOLD, 300), "title")
    story: list[Any] = [_paragraph(paragraph_markup(document.kind, BOLD), "kind"), title]
    if document.number:
        title.style = title.style.clone("title-beside-code", rightIndent=QR_SIZE + 12)
        story.append(_qr_code(document.number))
    for section in document.sections:
        if section.number == 1:
            story.append(PageBreak())
        if section.number:
            title = f"{section.number}. {section.title}"
            story.append(CondPageBreak(_room_with_first_table(section)))
            story.append(_bookmark(section.anchor, title))
            story.append(_paragraph(paragraph_markup(title, BOLD), "heading"))
        for block in section.blocks:
            story.extend(_flowables(block, width, document.language))
        if not section.number and len(document.sections) > 1:
            story.extend(_contents(document))
    return story


def _qr_code(number: str) -> Any:
    """Draws an evidence number as a QR code, at the right of the title, with no room of its own."""
    from reportlab.graphics.barcode.qr import QrCodeWidget
    from reportlab.graphics.shapes import Drawing
    from reportlab.platypus import Flowable

    class Code(Flowable):
        """Stands beside the words above it."""

        def wrap(self, width: float, _: float) -> tuple[float, float]:
            self.right = width
            return 0.0, 0.0

        def draw(self) -> None:
            drawing = Drawing(QR_SIZE, QR_SIZE)
            drawing.add(QrCodeWidget(number, barWidth=QR_SIZE, barHeight=QR_SIZE, barBorder=0))
            drawing.drawOn(self.canv, self.right - QR_SIZE, 6)

    return Code()


def _room_with_first_table(section: Section) -> float:
    """Returns the room that a heading needs, with the texts below it and a table's start."""
    room = 40.0
    for block in section.blocks:
        match block:
            case Text():
                room += 19 + 13 * (len(block.text) // 115)
            case Points():
                room += sum(19 + 13 * (len(point) // 110) for point in block.points)
            case Notice():
                room += 40 + 13 * (len(block.text) // 110)
            case Chart():
                return min(room + 60 + 500 * block.height / block.width, 600.0)
            case Grid():
                return min(room + TABLE_START, 400.0)
    return min(room, 100.0)


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


def _contents(document: Document) -> list[Any]:
    lines = [
        f'<a href="#{section.anchor}">{paragraph_markup(title, PROSE)}</a>'
        for section in document.sections
        if section.number
        for title in [f"{section.number}. {section.title}"]
    ]
    title = paragraph_markup(document.language.say("frame.contents"), BOLD)
    return [_paragraph(title, "caption"), *(_paragraph(line, "cell") for line in lines)]


def can_print(document: Document, words: str) -> bool:
    """Returns whether there is a font for the letters of a document, of whose words some are."""
    register_fonts()
    return document.font is not None or _covers(PROSE, words)


@cache
def _covered(font: str) -> frozenset[int]:
    from reportlab.pdfbase import pdfmetrics

    return frozenset(pdfmetrics.getFont(font).face.charToGlyph)


@cache
def _styles() -> dict[str, Any]:
    from reportlab.lib.colors import HexColor
    from reportlab.lib.styles import ParagraphStyle

    body = ParagraphStyle(
        "body",
        fontName=PROSE,
        fontSize=9.5,
        leading=13,
        spaceAfter=6,
        splitLongWords=1,
        allowWidows=0,
        allowOrphans=0,
    )
    cell = ParagraphStyle("cell", parent=body, fontSize=8, leading=10, spaceAfter=0)
    return {
        "body": body,
        "cell": cell,
        "kind": ParagraphStyle("kind", parent=body, fontName=BOLD, fontSize=11, leading=14),
        "title": ParagraphStyle(
            "title", parent=body, fontName=BOLD, fontSize=18, leading=23, spaceAfter=10
        ),
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
    elif (_script.get() or {}).get("breaks_anywhere"):
        chosen = ParagraphStyle(f"{style}-anywhere", parent=chosen, wordWrap="CJK")
    return Paragraph(markup, chosen)


def _flowables(block: Block, width: float, language: Language) -> list[Any]:
    """Returns a block as what reportlab lays out, `width` points wide."""
    from reportlab.platypus import KeepTogether, ListFlowable, ListItem, Spacer

    match block:
        case Text():
            return [_paragraph(paragraph_markup(block.text, PROSE), "body")]
        case Points():
            items = [
                ListItem(_paragraph(paragraph_markup(point, PROSE), "body"), leftIndent=14)
                for point in block.points
            ]
            return [
                ListFlowable(
                    items,
                    bulletType="1" if block.numbered else "bullet",
                    start=1 if block.numbered else "•",
                    bulletFormat="%s." if block.numbered else None,
                    bulletFontName=PROSE,
                    bulletFontSize=9.5,
                    leftIndent=18 if block.numbered else 14,
                )
            ]
        case Notice():
            word = f'<font name="{BOLD}">{paragraph_markup(block.word, BOLD)}</font>'
            return [_paragraph(f"{word} {paragraph_markup(block.text, PROSE)}", "notice")]
        case Grid():
            return _grid(block, width, language)
        case Chart():
            caption = _paragraph(paragraph_markup(block.caption, PROSE), "cell")
            return [KeepTogether([_chart_drawing(block, width), caption]), Spacer(0, 8)]


def _grid(block: Grid, width: float, language: Language) -> list[Any]:
    from reportlab.lib.colors import HexColor
    from reportlab.platypus import CondPageBreak, KeepTogether, LongTable

    headed = bool(block.header[0])
    rows: list[list[Any]] = []
    if headed:
        rows.append(
            [
                _paragraph(
                    paragraph_markup(cell, BOLD), "right" if column in block.numbers else "head"
                )
                for column, cell in enumerate(block.header)
            ]
        )
    rows.extend(
        [_cell(block, column, cell, headed=headed) for column, cell in enumerate(row)]
        for row in block.rows
    )
    if not block.rows:
        none = _paragraph(paragraph_markup(language.say("general.none"), PROSE), "cell")
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
    caption = _paragraph(paragraph_markup(block.caption, BOLD, 600), "caption")
    if len(rows) <= WHOLE_ROWS:
        return [KeepTogether([caption, table])]
    return [CondPageBreak(TABLE_START), caption, table]


def _cell(block: Grid, column: int, cell: str, *, headed: bool) -> Any:
    if not headed and column == 0:
        return _paragraph(paragraph_markup(cell, BOLD), "head")
    if column in block.ids:
        return _paragraph(paragraph_markup(cell, MONO, 1_200), "id")
    style = "number" if column in block.numbers else "cell"
    return _paragraph(paragraph_markup(cell, PROSE, 1_200), style)


def _chart_drawing(block: Chart, width: float) -> Any:
    """Draws the chart `width` points wide, with its legend below it."""
    from reportlab.graphics.shapes import Circle, Drawing, Line as Stroke, Rect, String
    from reportlab.lib.colors import HexColor, white

    legends = _legend_lines(block, width)
    scale, legend = width / block.width, 5.0 + LEGEND_LINE * len(legends)
    top = block.height * scale + legend
    drawing = Drawing(width, top)
    edge = {"fillColor": white, "strokeColor": HexColor("#c9cdd3"), "strokeWidth": 0.5}
    drawing.add(Rect(0, legend, width, block.height * scale, **edge))
    for shape in block.shapes:
        x = (shape.x1 if isinstance(shape, Line) else shape.x) * scale
        y = top - (shape.y1 if isinstance(shape, Line) else shape.y) * scale
        match shape:
            case Line():
                line = Stroke(x, y, shape.x2 * scale, top - shape.y2 * scale)
                line.strokeWidth = max(shape.width * scale, 0.3)
                line.strokeColor = HexColor(STYLES[shape.style])
                line.strokeDashArray = (3, 2) if shape.style == "alone" else None
                drawing.add(line)
            case Disc():
                size, colour = max(shape.radius * scale, 3.0), HexColor(STYLES[shape.style])
                drawing.add(Circle(x, y, size, fillColor=colour, strokeColor=white))
            case Bar():
                high, colour = shape.height * scale, HexColor(STYLES[shape.style])
                bar = Rect(x, y - high, shape.width * scale, high)
                bar.fillColor, bar.strokeColor = colour, None
                drawing.add(bar)
            case _:
                text = String(x, y, paragraph_words(shape.text, BOLD if shape.white else PROSE))
                text.fontName, text.fontSize = (
                    (BOLD, 7) if shape.white else (_font_of(shape.text), 7)
                )
                text.fillColor = white if shape.white else HexColor("#16181c")
                text.textAnchor = shape.anchor
                drawing.add(text)
    for line, entries in enumerate(reversed(legends)):
        y = 6 + LEGEND_LINE * line
        for left, style, words, font in entries:
            drawing.add(Circle(left, y, 3, fillColor=HexColor(STYLES[style]), strokeColor=None))
            drawing.add(String(left + 6, y - 2.5, words, fontName=font, fontSize=7.5))
    return drawing


def _legend_lines(block: Chart, width: float) -> list[list[tuple[float, str, str, str]]]:
    """Breaks a legend into lines of a width: place, style, words and font of each entry."""
    from reportlab.pdfbase.pdfmetrics import stringWidth

    lines: list[list[tuple[float, str, str, str]]] = [[]]
    left = 4.0
    for style, meaning in block.legend:
        words, font = paragraph_words(meaning, PROSE), _font_of(meaning)
        room = 15 + stringWidth(words, font, 7.5)
        if lines[-1] and left + room > width:
            lines.append([])
            left = 4.0
        lines[-1].append((left, style, words, font))
        left += room
    return lines
