"""The link chart as a reportlab drawing."""

from __future__ import annotations

from typing import Any

from reports.referral.blocks import Chart
from reports.referral.pdf_fonts import BOLD, PROSE

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
    from reportlab.graphics.shapes import Circle, Drawing, Line, Rect, String  # noqa: PLC0415
    from reportlab.lib.colors import HexColor, white  # noqa: PLC0415

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
