"""The charts of a referral: its links, its identifiers over time, and its records by month."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime, timedelta

from reports.figures import DRAWN_MEMBERS, find_handovers, first_rows, layout_positions
from reports.referral.blocks import Bar, Chart, Label, Line, Mark, Shape
from reports.referral.case import Case
from reports.text import plain

WIDTH, HEIGHT = 1000, 620

MARGIN = 34

DRAWN_LINES = 2_500
"""Lines that are drawn, the best-evidenced first."""

LABEL_WIDTH, TIMELINE_WIDTH, ROW_HEIGHT, AXIS_HEIGHT = 250, 1000, 17, 24
"""Widths of the label column and of the timeline, heights of a row and of the axis, in px."""

TIMELINE_ROWS = 40
"""Most identifiers in the timeline, most records first: as many as fit on a page."""

LABEL_LETTERS = 33

DAY_WIDTH = 80.0
"""The room that the label of a day takes in the timeline."""

MONTHS_COUNTED = 14
"""Most months for which bars show their counts."""


def link_chart(case: Case) -> Chart:
    """Draws the members and the links between them, without suppliers and rejected links."""
    members = case.facts.members[:DRAWN_MEMBERS]
    ids = [member["entity_id"] for member in members]
    drawn = set(ids)
    ends = [
        (link["entity_a"], link["entity_b"], link["weight"])
        for link in case.facts.accepted
        if {link["entity_a"], link["entity_b"]} <= drawn
    ]
    spots = {
        entity_id: (
            round(MARGIN + x * (WIDTH - 2 * MARGIN), 1),
            round(MARGIN + y * (HEIGHT - 2 * MARGIN), 1),
        )
        for entity_id, (x, y) in layout_positions(ids, [(a, b) for a, b, _ in ends]).items()
    }
    weakest = [{b.link["entity_a"], b.link["entity_b"]} for b in case.bridges]
    shapes: list[Shape] = []
    for a, b, weight in ends[:DRAWN_LINES]:
        width = round(1.4 + 1.4 * math.log1p(weight)) / 2
        shapes.append(Line(*spots[a], *spots[b], width, "alone" if {a, b} in weakest else "link"))
    most = max(member["complaints"] + member["calls"] for member in members)
    crowd = max(math.sqrt(60 / max(len(members), 60)), 0.45)
    for member in members:
        x, y = spots[member["entity_id"]]
        records = member["complaints"] + member["calls"]
        radius = round((5 + 13 * math.sqrt(records / max(most, 1))) * crowd, 1)
        shapes.append(Mark(x, y, max(radius, 12.0), member["kind"]))
        number = str(case.number[member["entity_id"]])
        shapes.append(Label(x, y + 3.9, number, "middle", white=True))
    caption = case.say("charts.links", drawn=len(members), n=len(case.facts.members))
    legend = _kind_legend(case, (member["kind"] for member in members))
    return Chart(caption, WIDTH, HEIGHT, shapes, legend)


def timeline_chart(case: Case) -> Chart:
    """Draws each identifier from its first to its last record, and handovers between them."""
    members = first_rows(case.facts.members, TIMELINE_ROWS)
    start = members[0]["first_seen"].date()
    end = max(member["last_seen"] for member in members).date() + timedelta(days=1)
    scale = (TIMELINE_WIDTH - LABEL_WIDTH) / max((end - start).days, 1)
    height = AXIS_HEIGHT + len(members) * ROW_HEIGHT + 4

    def x_of(day: date) -> float:
        return round(LABEL_WIDTH + (day - start).days * scale, 1)

    shapes: list[Shape] = []
    free = 0.0
    for day in _ticks(start, end):
        x = x_of(day)
        anchor = "end" if x > TIMELINE_WIDTH - DAY_WIDTH else "start"
        shapes.append(Line(x, 16, x, height, 0.7, "grid"))
        if (left := x - DAY_WIDTH if anchor == "end" else x) >= free:
            shapes.append(Label(x, 14.5, f"{day}", anchor))
            free = left + DAY_WIDTH
    rows = {}
    for place, member in enumerate(members):
        entity_id, first, last = member["entity_id"], member["first_seen"], member["last_seen"]
        rows[entity_id] = y = AXIS_HEIGHT + place * ROW_HEIGHT
        label = f"{case.number[entity_id]}. {case.identifier(entity_id)}"
        short = label if len(label) <= LABEL_LETTERS else f"{label[: LABEL_LETTERS - 1]}…"
        shapes.append(Label(4, y + 12, plain(short, 80)))
        days = (last.date() - first.date()).days + 1
        width = max(round(days * scale, 1), 3)
        shapes.append(Bar(x_of(first.date()), y + 4, width, 9, member["kind"]))
    turns = find_handovers(case.facts.members, case.facts.inside, TIMELINE_ROWS)
    middle = ROW_HEIGHT // 2
    for turn in turns:
        x, x2 = x_of(turn.last_seen.date() + timedelta(days=1)), x_of(turn.first_seen.date())
        y, y2 = (rows[entity_id] + middle for entity_id in (turn.before, turn.after))
        shapes.append(Line(x, y, x2, y2, 1.6, "alone"))
    left_out = len(case.facts.members) - len(members)
    caption = case.say("charts.timeline") + case.say_any("charts.timeline_more", n=left_out)
    legend = _kind_legend(case, (member["kind"] for member in members))
    if turns:
        legend.append(("alone", case.say("charts.handover")))
    return Chart(caption, TIMELINE_WIDTH, height, shapes, legend)


def _ticks(start: date, end: date) -> list[date]:
    """Returns first days of months, at most twelve, or of weeks for a short time."""
    if (end - start).days <= 62:
        days = [start + timedelta(days=n) for n in range(0, (end - start).days, 7)]
    else:
        months = range(start.year * 12 + start.month, end.year * 12 + end.month)
        days = [date(month // 12, month % 12 + 1, 1) for month in months]
    return days[:: math.ceil(len(days) / 12) or 1]


def month_chart(case: Case) -> Chart:
    """Draws complaints, calls and new identifiers of each month as bars with their counts."""
    records = case.records.in_order
    months = range(
        _month_number(records[0].observed_at), _month_number(records[-1].observed_at) + 1
    )
    styles = {style: Counter[int]() for style in ("complaint", "call", "new")}
    for record in records:
        styles[record.key[0]][_month_number(record.observed_at)] += record.people
    styles["new"].update(_month_number(member["first_seen"]) for member in case.facts.members)
    width, height, left = 900.0, 190.0, 10.0
    step = min((width - 2 * left) / len(months), 160.0)
    most = max(counts[month] for counts in styles.values() for month in months) or 1
    bar, floor = step * 0.26, height - 26
    shapes: list[Shape] = [Line(left, floor, left + step * len(months), floor, 1.0, "grid")]
    for column, month in enumerate(months):
        x = left + column * step
        for place, (style, counts) in enumerate(styles.items()):
            count = counts[month]
            tall = round((floor - 20) * count / most, 1)
            start = round(x + step * 0.08 + place * bar, 1)
            shapes.append(Bar(start, round(floor - tall, 1), round(bar * 0.9, 1), tall, style))
            if count and len(months) <= MONTHS_COUNTED:
                middle = round(start + bar * 0.45, 1)
                shapes.append(Label(middle, round(floor - tall - 4, 1), str(count), "middle"))
        if column % -(-len(months) // 14) == 0:
            name = f"{month // 12:04d}-{month % 12 + 1:02d}"
            shapes.append(Label(round(x + step * 0.45, 1), height - 9, name, "middle"))
    legend = [(style, case.say(f"charts.{style}")) for style in styles]
    return Chart(case.say("charts.months"), width, height, shapes, legend)


def _month_number(moment: datetime) -> int:
    return moment.year * 12 + moment.month - 1


def _kind_legend(case: Case, kinds: Iterable[str]) -> list[tuple[str, str]]:
    return [(kind, case.say(f"kinds.{kind}")) for kind in dict.fromkeys(kinds)]
