"""The link chart: the picture of the report's page, with the numbers of Exhibit 2 in it."""

from __future__ import annotations

from reports.picture import HEIGHT, WIDTH, picture, placed
from reports.referral.blocks import Chart
from reports.referral.case import Case


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
