"""The referral as PDF: the same blocks, fonts embedded, the same bytes for the same content.

A character that the fonts lack is spelled out as [U+05D0]; the HTML has it as it is.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from reports.referral.blocks import Section
from reports.referral.pdf_blocks import flowables, paragraph, shown
from reports.referral.pdf_fonts import BOLD, PROSE, register
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
        from reportlab.lib.pagesizes import A4  # noqa: PLC0415 - an extra
        from reportlab.pdfgen.canvas import Canvas  # noqa: PLC0415
        from reportlab.platypus import SimpleDocTemplate  # noqa: PLC0415

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
    from reportlab.platypus import PageBreak  # noqa: PLC0415

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
    from reportlab.platypus import Flowable  # noqa: PLC0415

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
