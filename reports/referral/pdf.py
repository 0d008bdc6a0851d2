"""The referral as PDF by reportlab; the same content gives the same bytes on every machine.

Fonts are embedded from packages, so that a machine's own fonts change nothing. Mukta (SIL Open Font
License) covers Latin and Devanagari; IBM Plex Mono (the same licence) keeps 0 and O apart in
identifiers. For another script, its language names a further font, such as Noto Sans SC (the same
licence) of the extra `chinese`. A character that all fonts lack is spelled out as [U+05D0]; the
HTML shows it.
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
    Document,
    Grid,
    Line,
    Mark,
    MissingPdfError,
    Notice,
    Points,
    Section,
)
from reports.referral.language import Language
from reports.text import plain
from schemas.extras import install_command

try:
    from reportlab.graphics.barcode.qr import QrCodeWidget
    from reportlab.graphics.shapes import Circle, Drawing, Line as Stroke, Polygon, Rect, String
    from reportlab.lib.colors import HexColor, white
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.lib.textsplit import ALL_CANNOT_START
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.pdfgen.canvas import Canvas
    from reportlab.platypus import (
        CondPageBreak,
        Flowable,
        KeepTogether,
        ListFlowable,
        ListItem,
        LongTable,
        PageBreak,
        Paragraph,
        SimpleDocTemplate,
        Spacer,
        paragraph,
    )
except ImportError as error:
    raise MissingPdfError(f"the PDF needs {error.name}: {install_command('referral')}") from None

PROSE, BOLD, MONO = "Mukta", "Mukta-SemiBold", "IBMPlexMono"

_FILES = {
    PROSE: ("fontpkg_mukta", "files/Mukta-Regular.ttf"),
    BOLD: ("fontpkg_mukta", "files/Mukta-SemiBold.ttf"),
    MONO: ("fontpkg_ibm_plex_mono", "files/IBMPlexMono-Regular.ttf"),
}

_script: ContextVar[Mapping[str, Any] | None] = ContextVar("script", default=None)
"""The script font of the current document; other documents do not use it, even if installed."""

MARGIN = 54.0
"""Points; 0.75 inch, which fits A4 and Letter."""

TABLE_START = 90.0
"""Least room, in points, to start a table on a page; else table and caption go to the next page."""

CLOSING = "，：；？！”’》」】"
"""Marks that begin no line in scripts with breaks between any letters, beside reportlab's own."""

LEGEND_LINE = 11.0
"""Points from one line of a chart's legend to the next."""

INSET = 6.0
"""The room that reportlab's frame keeps free inside the margin."""

WIDTH = A4[0] - 2 * (MARGIN + INSET)
"""Points from margin to margin."""

QR_SIZE = 48.0
"""Points of the side of a QR code, 17 mm: each of its modules is 0.8 mm wide."""

WHOLE_ROWS = 9
"""Most rows of a table that is not cut between two pages."""

_INDIC = range(0x0900, 0x0E00)
"""Scripts whose letters join or move: HarfBuzz shapes them. In Latin it would add ornaments."""

_BODY = ParagraphStyle(
    "body",
    fontName=PROSE,
    fontSize=9.5,
    leading=13,
    spaceAfter=6,
    splitLongWords=1,
    allowWidows=0,
    allowOrphans=0,
)

_CELL = ParagraphStyle("cell", parent=_BODY, fontSize=8, leading=10, spaceAfter=0)

_BOLD = ParagraphStyle("bold", parent=_BODY, fontName=BOLD)

_HEAD = ParagraphStyle("head", parent=_CELL, fontName=BOLD, splitLongWords=0)

_STYLES = {
    style.name: style
    for style in (
        _BODY,
        _CELL,
        _HEAD,
        ParagraphStyle("kind", parent=_BOLD, fontSize=11, leading=14),
        ParagraphStyle("title", parent=_BOLD, fontSize=18, leading=23, spaceAfter=10),
        ParagraphStyle(
            "heading",
            parent=_BOLD,
            fontSize=13,
            leading=17,
            spaceBefore=14,
            spaceAfter=5,
            keepWithNext=1,
        ),
        ParagraphStyle(
            "caption", parent=_BOLD, fontSize=8.5, leading=11, spaceBefore=5, spaceAfter=3
        ),
        ParagraphStyle(
            "notice",
            parent=_BODY,
            backColor=HexColor("#fdf3e1"),
            borderPadding=(4, 6, 4, 6),
            leftIndent=6,
            rightIndent=6,
            spaceBefore=7,
            spaceAfter=10,
        ),
        ParagraphStyle("id", parent=_CELL, fontName=MONO, fontSize=7, leading=9.5, wordWrap="CJK"),
        ParagraphStyle("number", parent=_CELL, alignment=2),
        ParagraphStyle("right", parent=_HEAD, alignment=2),
    )
}


def render_pdf(document: Document) -> bytes:
    """Renders the document on A4.

    Raises:
        MissingPdfError: without the extra of the document's font.
    """
    register_fonts()
    font = document.font
    if font is not None:
        _register(_font_name(font), font["package"], font["file"], font["extra"])
    before = _script.set(font)
    content = io.BytesIO()
    template = SimpleDocTemplate(
        content,
        pagesize=A4,
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
    try:
        template.build(_story(document), canvasmaker=_page_maker(document))
    finally:
        _script.reset(before)
    return content.getvalue()


def _font_name(font: Mapping[str, Any]) -> str:
    return Path(font["file"]).stem


def register_fonts() -> None:
    """Registers the fonts of every document with reportlab, and marks that begin no line, once.

    Raises:
        MissingPdfError: if a package is missing.
    """
    for name, (package, file) in _FILES.items():
        _register(name, package, file, "referral")
    paragraph.ALL_CANNOT_START = ALL_CANNOT_START + CLOSING


def _register(name: str, package: str, file: str, extra: str) -> None:
    """Registers a font from a file of its package, without importing the package."""
    if name not in pdfmetrics.getRegisteredFontNames():
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise MissingPdfError(f"the PDF needs {package}: {install_command(extra)}")
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
    """Returns a canvas of reportlab that writes headers and footers once it knows all pages.

    They say the kind of document and its reference, "page n of N", and the TLP marking at the
    right, in 12 points (TLP 2.0).
    """

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
                place = document.language.say("frame.page", page=number, pages=count)
                _draw_frame(self, document, place)
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
    """Returns a font for words on a line: the script's font if ours lacks a letter."""
    script = _script.get()
    return PROSE if script is None or _covers(PROSE, words) else _font_name(script)


def _covers(font: str, words: str) -> bool:
    return _covered(font).issuperset(map(ord, filter(str.isprintable, words)))


def _story(document: Document) -> list[Any]:
    title = _words(document.title, "title", 300)
    story: list[Any] = [_words(document.kind, "kind"), title]
    if document.number:
        title.style = title.style.clone("title-beside-code", rightIndent=QR_SIZE + 12)
        story.append(_qr_code(document.number))
    for section in document.sections:
        if section.number == 1:
            story.append(PageBreak())
        if section.number:
            story.append(CondPageBreak(_room_with_first_table(section)))
            story.append(_bookmark(section))
            story.append(_words(section.heading, "heading"))
        for block in section.blocks:
            story.extend(_flowables(block, document.language))
        if not section.number and len(document.sections) > 1:
            story.extend(_contents(document))
    return story


def _qr_code(number: str) -> Any:
    """Draws an evidence number as a QR code, at the right of the title, without taking up room."""

    class Code(Flowable):
        """Stands beside the words above it."""

        def draw(self) -> None:
            drawing = Drawing(QR_SIZE, QR_SIZE)
            drawing.add(QrCodeWidget(number, barWidth=QR_SIZE, barHeight=QR_SIZE, barBorder=0))
            drawing.drawOn(self.canv, WIDTH - QR_SIZE, 6)

    return Code()


def _room_with_first_table(section: Section) -> float:
    """Returns the room for a heading, the texts below it, and the start of a table."""
    room = 40.0
    for block in section.blocks:
        match block:
            case str():
                room += 19 + 13 * (len(block) // 115)
            case Points():
                room += sum(19 + 13 * (len(point) // 110) for point in block.points)
            case Notice():
                room += 40 + 13 * (len(block.text) // 110)
            case Chart():
                return min(room + 60 + 500 * block.height / block.width, 600.0)
            case Grid():
                return min(room + TABLE_START, 400.0)
    return min(room, 100.0)


def _bookmark(section: Section) -> Any:
    """Returns a target for outline and contents that takes no room."""

    class Bookmark(Flowable):
        """Stays with the heading that follows."""

        keepWithNext = 1  # noqa: N815 - reportlab's name

        def draw(self) -> None:
            self.canv.bookmarkHorizontal(section.anchor, 0, 20)
            self.canv.addOutlineEntry(section.heading, section.anchor, 0)

    return Bookmark()


def _contents(document: Document) -> list[Any]:
    lines = [
        f'<a href="#{section.anchor}">{paragraph_markup(section.heading, PROSE)}</a>'
        for section in document.sections
        if section.number
    ]
    title = document.language.say("frame.contents")
    return [_words(title, "caption"), *(_paragraph(line, "cell") for line in lines)]


def can_print(document: Document, words: str) -> bool:
    """Returns whether there is a font for the letters of a document, given some of its words."""
    register_fonts()
    return document.font is not None or _covers(PROSE, words)


@cache
def _covered(font: str) -> frozenset[int]:
    return frozenset(pdfmetrics.getFont(font).face.charToGlyph)


def _paragraph(markup: str, style: str) -> Any:
    """Returns a paragraph of one of `_STYLES`, shaped if its script needs that."""
    chosen = _STYLES[style]
    if any(ord(c) in _INDIC for c in markup):
        chosen = ParagraphStyle(f"{style}-shaped", parent=chosen, fontName=PROSE, shaping=1)
    elif (_script.get() or {}).get("breaks_anywhere"):
        chosen = ParagraphStyle(f"{style}-anywhere", parent=chosen, wordWrap="CJK")
    return Paragraph(markup, chosen)


def _words(words: str, style: str, limit: int = 4_000) -> Any:
    """Returns words as a paragraph in the font of a style."""
    return _paragraph(paragraph_markup(words, _STYLES[style].fontName, limit), style)


def _flowables(block: Block, language: Language) -> list[Any]:
    """Returns a block as flowables of reportlab."""
    match block:
        case str():
            return [_words(block, "body")]
        case Points():
            return [
                ListFlowable(
                    [ListItem(_words(point, "body"), leftIndent=14) for point in block.points],
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
            return _grid(block, language)
        case Chart():
            return [
                KeepTogether([_chart_drawing(block), _words(block.caption, "cell")]),
                Spacer(0, 8),
            ]


def _grid(block: Grid, language: Language) -> list[Any]:
    headed = bool(block.header[0])
    rows = [
        [_words(cell, _cell_style(block, column), 1_200) for column, cell in enumerate(row)]
        for row in block.rows
    ]
    if not rows:
        none = _words(language.say("general.none"), "cell")
        rows.append([none, *("" for _ in block.header[1:])])
    every = (0, 0), (-1, -1)
    style = [
        ("VALIGN", *every, "TOP"),
        ("LINEBELOW", *every, 0.4, HexColor(STYLES["grid"])),
        ("TOPPADDING", *every, 2),
        ("BOTTOMPADDING", *every, 2.5),
        ("LEFTPADDING", *every, 3),
        ("RIGHTPADDING", *every, 3),
    ]
    if headed:
        style.append(("BACKGROUND", (0, 0), (-1, 0), HexColor("#f0f1f3")))
        head = [
            _words(cell, "right" if column in block.numbers else "head")
            for column, cell in enumerate(block.header)
        ]
        rows.insert(0, head)
    table = LongTable(
        rows,
        colWidths=[share * WIDTH for share in block.widths],
        repeatRows=1 if headed else 0,
        style=style,
        spaceAfter=8,
        hAlign="LEFT",
    )
    caption = _words(block.caption, "caption", 600)
    if len(rows) <= WHOLE_ROWS:
        return [KeepTogether([caption, table])]
    return [CondPageBreak(TABLE_START), caption, table]


def _cell_style(block: Grid, column: int) -> str:
    if column == 0 and not block.header[0]:
        return "head"
    return "id" if column in block.ids else "number" if column in block.numbers else "cell"


def _chart_drawing(block: Chart) -> Any:
    """Draws the chart over the whole width, with its legend below it."""
    legends = _legend_lines(block)
    scale, legend = WIDTH / block.width, 5.0 + LEGEND_LINE * len(legends)
    top = block.height * scale + legend
    drawing = Drawing(WIDTH, top)
    edge = {"fillColor": white, "strokeColor": _colour("grid"), "strokeWidth": 0.5}
    drawing.add(Rect(0, legend, WIDTH, block.height * scale, **edge))
    for shape in block.shapes:
        x, y = shape.x * scale, top - shape.y * scale
        match shape:
            case Line():
                line = Stroke(
                    x,
                    y,
                    shape.x2 * scale,
                    top - shape.y2 * scale,
                    strokeWidth=max(shape.width * scale, 0.3),
                    strokeColor=_colour(shape.style),
                    strokeDashArray=(3, 2) if shape.style == "alone" else None,
                )
                drawing.add(line)
            case Mark():
                size = max(shape.radius * scale, 3.0)
                drawing.add(_mark(Mark(x, y, size, shape.style), white))
            case Bar():
                high, colour = shape.height * scale, _colour(shape.style)
                wide = shape.width * scale
                drawing.add(Rect(x, y - high, wide, high, fillColor=colour, strokeColor=None))
            case _:
                text = String(
                    x,
                    y,
                    paragraph_words(shape.text, BOLD if shape.white else PROSE),
                    fontName=BOLD if shape.white else _font_of(shape.text),
                    fontSize=7,
                    fillColor=white if shape.white else HexColor("#16181c"),
                    textAnchor=shape.anchor,
                )
                drawing.add(text)
    for line, entries in enumerate(reversed(legends)):
        y = 6 + LEGEND_LINE * line
        for left, style, words, font in entries:
            drawing.add(_mark(Mark(left, y, 3, style), None))
            drawing.add(String(left + 6, y - 2.5, words, fontName=font, fontSize=7.5))
    return drawing


def _mark(mark: Mark, edge: Any) -> Any:
    """Draws a mark; its place is in points from the bottom."""
    look = {"fillColor": _colour(mark.style), "strokeColor": edge}
    corners = [place for x, y in mark.corners for place in (x, 2 * mark.y - y)]
    return Polygon(corners, **look) if corners else Circle(mark.x, mark.y, mark.radius, **look)


def _colour(style: str) -> Any:
    return HexColor(STYLES[style])


def _legend_lines(block: Chart) -> list[list[tuple[float, str, str, str]]]:
    """Breaks a legend into lines: place, style, words and font of each entry."""
    lines: list[list[tuple[float, str, str, str]]] = [[]]
    left = 4.0
    for style, meaning in block.legend:
        words, font = paragraph_words(meaning, PROSE), _font_of(meaning)
        room = 15 + pdfmetrics.stringWidth(words, font, 7.5)
        if lines[-1] and left + room > WIDTH:
            lines.append([])
            left = 4.0
        lines[-1].append((left, style, words, font))
        left += room
    return lines
