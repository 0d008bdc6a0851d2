"""report/clusters/ID.html: one cluster, to be understood, doubted, decided on and cited.

Rows of the long tables of a cluster's page, as markup.

A page has hundreds of them, and the template engine takes several times as long for each. All text
comes through `text` and `phrases`, which make it safe inside an element.

report/clusters/single-NNNN.html: clusters of one, many to a page.

Each is an identifier that nothing holds to another yet: it has no graph, and what is to be said of
it is said in a few lines.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape

from reports import text
from reports.cluster_data import (
    WORDING_LIMIT,
    Facts,
    Reading,
    Row,
    Variant,
    _listed,
    _span,
    page_name,
    scripts,
    sentence,
)
from reports.disclosure_control import suppressed
from reports.figures import svg
from reports.figures.graph_figure import Picture, picture
from reports.figures.graph_layout import Point
from reports.figures.timeline import Handover, timeline
from reports.html.joint_page import Joint
from reports.html.render import cluster_link, identifier, island, names, render_template, where_read
from reports.link_evidence import entity_doubts, sides
from reports.text import NOT_KNOWN, fraction, number, utc, visible
from schemas import epoch
from schemas.enums import EntityKind

MEMBER_LIMIT = 1_000


READING_LIMIT = 150


NEAR_LIMIT = 40


LINK_LIMIT = 100


SUPPLIER_LIMIT = 20


CUT_LIMIT = 8
"""Members that a cut would free, by name; all are counted."""


HELD_BY = 3
"""Links that a member's explanation names, the best-evidenced first."""


_DECIDED = re.compile(r"\bdecision \S{1,200} by ")
"""How a reason names the decision behind it (`Decision.told`)."""


@dataclass(frozen=True)
class Context:
    """What a page needs beside its own cluster.

    `pages` gives the address of each cluster that is described; `suppress_below` hides counts of
    victims by country that are smaller.
    """

    run_id: str
    pages: dict[str, str]
    redact: bool
    suppress_below: int
    joint: Joint | None = None


def render(facts: Facts, places: Mapping[str, Point], context: Context) -> bytes:
    """The page of one cluster, whose members stand at `places` of its picture, as UTF-8."""
    drawn = picture(facts, places)
    shown = _by_member(facts)
    lives = timeline(facts)
    return render_template(
        "cluster.html",
        ["unpack.js", "graph.js", "cite.js"],
        facts=facts,
        row=facts.row,
        context=context,
        sentence=sentence(facts),
        picture=drawn,
        drawing=svg.graph(drawn, facts.row["size"]),
        kinds=list(dict.fromkeys(one.kind for one in drawn.nodes if not one.supplier)),
        symbol=svg.symbol,
        stroke=svg.stroke,
        ring=svg.ring,
        share=svg.share,
        timeline=lives,
        timeline_drawing=svg.timeline(lives),
        members=(members := facts.members[:MEMBER_LIMIT]),
        member_rows=member_rows(
            members, explanations(facts), facts.roles, facts.carriers, facts.row["size"]
        ),
        countries=(by_country := countries(facts.row, context.suppress_below)),
        most_country=max((count or 0 for _, count in by_country), default=0),
        bridges=bridges(facts),
        decisions=decisions(facts),
        handover_rows=handover_rows(lives.handovers),
        variants=variant_rows,
        near=(near := facts.near[:NEAR_LIMIT]),
        near_rows=near_rows(near, context.pages),
        links=(links := facts.inside[:LINK_LIMIT]),
        link_rows=link_rows(links, redact=context.redact),
        readings=(readings := shown[:READING_LIMIT]),
        reading_rows=reading_rows(readings),
        readings_more=max(len(shown) - READING_LIMIT, 0),
        told=[] if context.redact else scripts(facts.suppliers, facts.scripts),
        suppliers=(
            suppliers := [one for one in facts.suppliers if one["kind"] != EntityKind.SCRIPT]
        ),
        suppliers_shown=suppliers[:SUPPLIER_LIMIT],
        supplier_rows=supplier_rows(suppliers[:SUPPLIER_LIMIT], context.pages),
        file=page_name(facts.row["cluster_id"]),
        data=island("graph-data", _data(facts, drawn)),
    )


def countries(row: Row, floor: int) -> list[tuple[str, int | None]]:
    """Victims' countries with their complaints, None for a count too small to show."""
    found = row["countries"] or []
    counts = suppressed([one["complaints"] for one in found], floor)
    return [(one["country"], count) for one, count in zip(found, counts, strict=True)]


def explanations(facts: Facts) -> dict[str, Why]:
    """For each member, its status's reason and its accepted links."""
    links: dict[str, list[tuple[str, Row]]] = defaultdict(list)
    for one in facts.inside:
        if one["accepted"]:
            links[one["entity_a"]].append((one["entity_b"], one))
            links[one["entity_b"]].append((one["entity_a"], one))
    return {
        one["entity_id"]: Why(
            reason=one["reason"],
            held_by=links[one["entity_id"]][:HELD_BY],
            more=max(len(links[one["entity_id"]]) - HELD_BY, 0),
            doubts=[
                *_passed_on(one["entity_id"]),
                *entity_doubts(
                    one | {"member": one, "roles": facts.roles.get(one["entity_id"], {})},
                    [link for _, link in links[one["entity_id"]]],
                ),
            ],
        )
        for one in facts.members
    }


def _passed_on(entity_id: str) -> list[str]:
    if epoch.number(entity_id) == 1:
        return []
    return [f"{epoch.bare(entity_id)} was in use before a long gap, maybe of another holder"]


def decisions(facts: Facts) -> list[tuple[str, str]]:
    """Analysts' decisions that the tables name here: what each binds, and what it says."""
    about = [(one["entity_id"], one["reason"]) for one in facts.members]
    about += [
        (f"{one['entity_a']} with {one['entity_b']}", one["reason"])
        for one in [*facts.inside, *facts.near]
    ]
    return [(what, reason) for what, reason in about if _DECIDED.search(reason)]


@dataclass(frozen=True)
class Cut:
    """A weakest bridge, and the members that cutting it would free, as far as they are named."""

    bridge: Row
    freed: list[str]


def bridges(facts: Facts) -> list[Cut]:
    """The cluster's weakest bridges; `freed` is empty where the links show another way round."""
    members = [one["entity_id"] for one in facts.members]
    held = [one for one in facts.inside if one["accepted"]]
    ends = {(one["entity_a"], one["entity_b"]) for one in held}
    return [
        Cut(one, _freed(members, held, one) if (one["entity_a"], one["entity_b"]) in ends else [])
        for one in facts.row["weakest_bridges"] or []
    ]


def _freed(members: list[str], held: list[Row], bridge: Row) -> list[str]:
    parts = sides(members, held, bridge)
    return [] if parts is None else min(parts, key=lambda part: (len(part), part))


def _by_member(facts: Facts) -> list[Reading]:
    """Readings in the order of the members that they name."""
    order = {one["entity_id"]: place for place, one in enumerate(facts.members)}
    return sorted(facts.readings, key=lambda one: order[one.entity_id])


def _data(facts: Facts, drawn: Picture) -> dict[str, object]:
    """What the graph's script reads: nodes, and links with their evidence as text."""
    at = {one.entity_id: place for place, one in enumerate(drawn.nodes)}
    members = {one["entity_id"]: one for one in facts.members}
    return {
        "nodes": [
            [text.plain(one.entity_id), one.about, _sighted(members.get(one.entity_id))]
            for one in drawn.nodes
        ],
        "links": [
            [at[one["entity_a"]], at[one["entity_b"]], _evidence(one), _verdict(one)]
            for one in drawn.links
        ],
    }


def _sighted(row: Row | None) -> str:
    if row is None:
        return ""
    orgs = _listed([text.plain(one, 40) for one in row["orgs"][:4]])
    return f"seen by {orgs}, {_span(row)}"


def _evidence(row: Row) -> str:
    return (
        f"{row['complaints']} complaints, {row['calls']} calls, {row['victims']} victims; "
        f"{_first_orgs(tuple(row['orgs'][:4]))}; {_span(row)}; weight {row['weight']:.2f}"
    )


@lru_cache(maxsize=4_096)
def _first_orgs(orgs: tuple[str, ...]) -> str:
    return ", ".join(text.plain(one, 40) for one in orgs)


def _verdict(row: Row) -> str:
    decision = "accepted" if row["accepted"] else "not accepted"
    return f"{row['strength']}, {decision}: {text.plain(row['reason'])}"


RowView = Mapping[str, Any]


@dataclass(frozen=True)
class Why:
    """Why a member is in: its own evidence, the links that hold it, and what could mislead.

    `more` counts the links past those of `held_by`, each of which has the other end beside it.
    """

    reason: str
    held_by: Sequence[tuple[str, RowView]]
    more: int
    doubts: list[str]


def member_rows(
    rows: Sequence[RowView],
    why: Mapping[str, Why],
    roles: Mapping[str, Mapping[str, int]],
    carriers: Mapping[str, Sequence[str]],
    size: int,
) -> Markup:
    """Members of a cluster of `size`, each with why it is in."""
    found = []
    for place, one in enumerate(rows):
        entity_id = one["entity_id"]
        bridge = ' <span class="tag">bridge</span>' if one["bridge"] else ""
        line = f", {visible(one['line_type'], 30)}" if one["line_type"] else ""
        known = carriers.get(entity_id)
        found.append(
            f'<tr id="m{place}">\n<th scope="row">{identifier(entity_id)}{bridge}</th>\n'
            f"<td>{visible(one['role'], 30)}{_also(one['role'], roles.get(entity_id, {}))}</td>\n"
            f'<td class="why">{visible(one["status"], 30)}: {_why(why[entity_id], size)}</td>\n'
            f"<td>{visible(one['region'], 12)}{line}{_sub(names(known, 3)) if known else ''}</td>\n"
            f'<td class="num">{number(one["complaints"])}</td>\n'
            f'<td class="num">{number(one["calls"])}</td>\n'
            f"<td>{names(one['orgs'], 4)}</td>\n"
            f'<td class="time">{utc(one["first_seen"])}<br>{utc(one["last_seen"])}</td>\n'
            f'<td class="num">{fraction(one["confidence"])}</td>\n</tr>\n'
        )
    return _safe(found)


def _also(role: str, roles: Mapping[str, int]) -> str:
    """The roles that it was read in but for its own."""
    if len(roles) < 2:
        return ""
    others = sorted((one, count) for one, count in roles.items() if one != role)
    told = (f"{visible(one, 20)} {number(count)}" for one, count in others)
    return _sub(f"also {', '.join(told)}")


def _why(why: Why, size: int) -> str:
    held = [
        f"{number(link['complaints'])} complaints, {number(link['calls'])} calls with "
        f'{identifier(other)} <span class="quiet">({fraction(link["weight"])})</span>'
        for other, link in why.held_by
    ]
    more = [f"and {number(why.more)} more links"] if why.more else []
    alone = ["no accepted link of its own"] if size > 1 and not why.held_by else []
    doubts = (
        f'<span class="sub doubt">Doubt: {visible(one, 300)}</span>' for one in why.doubts[:2]
    )
    return (
        f"{visible(why.reason)}\n{''.join(map(_sub, held + more))}{''.join(doubts)}"
        f"{''.join(map(_sub, alone))}"
    )


def link_rows(rows: Iterable[RowView], *, redact: bool) -> Markup:
    """Links between members; a reader outside does not see the ids of their records."""
    return _safe(
        f'<tr><th scope="row">{identifier(one["entity_a"])}<br>{identifier(one["entity_b"])}</th>'
        f"<td>{_word(one['strength'])}</td>"
        f'<td class="num">{fraction(one["weight"])}</td>'
        f'<td class="num">{number(one["complaints"])}</td>'
        f'<td class="num">{number(one["calls"])}</td>'
        f'<td class="num">{number(one["victims"])}</td>'
        f"<td>{names(one['orgs'], 4)}</td>"
        f'<td class="num">{number(one["records"])}'
        f"{'' if redact else _sub(names(one['record_ids'], 2))}</td>"
        f"<td>{'accepted' if one['accepted'] else 'not accepted'}: {visible(one['reason'])}</td>"
        "</tr>"
        for one in rows
    )


def near_rows(rows: Iterable[RowView], pages: Mapping[str, str]) -> Markup:
    """Links to other clusters that were not accepted."""
    return _safe(
        f'<tr><th scope="row">{identifier(one["here"])}</th><td>{identifier(one["there"])}</td>'
        f"<td>{cluster_link(one['cluster_id'], pages)}</td>"
        f'<td class="num">{fraction(one["weight"])}</td>'
        f'<td class="num">{number(one["complaints"])}</td>'
        f"<td>{visible(one['reason'], 300)}</td></tr>"
        for one in rows
    )


def supplier_rows(rows: Iterable[RowView], pages: Mapping[str, str]) -> Markup:
    """Suppliers, each with other clusters that it serves."""
    return _safe(
        f'<tr><th scope="row">{identifier(one["entity_id"])}</th><td>{_word(one["kind"])}</td>'
        f'<td class="num">{number(one["records"])}</td><td class="num">{number(one["clusters"])}'
        f"</td><td>{', '.join(cluster_link(other, pages) for other in one['others']) or NOT_KNOWN}"
        "</td></tr>"
        for one in rows
    )


def reading_rows(rows: Iterable[Reading]) -> Markup:
    """Where identifiers were read."""
    return _safe(
        f'<tr><th scope="row">{identifier(one.entity_id)}</th>'
        f'<td>{visible(one.source_org, 40)}<span class="sub">{_word(one.record_kind)} '
        f'{identifier(one.record_id)}</span></td><td class="time">{utc(one.observed_at)}</td>'
        f'<td>{_word(one.role)}</td>\n<td class="told">{where_read(one)}</td></tr>\n'
        for one in rows
    )


def handover_rows(rows: Iterable[Handover]) -> Markup:
    """Identifiers that gave way to others."""
    return _safe(
        f'<tr><th scope="row">{identifier(one.before)}</th><td class="time">{utc(one.last_seen)}'
        f'</td><td>{identifier(one.after)}</td><td class="time">{utc(one.first_seen)}</td></tr>'
        for one in rows
    )


def variant_rows(rows: Iterable[Variant]) -> Markup:
    """Wordings of a script, marked where the template has other words."""
    return _safe(
        f'<tr><th scope="row">{"".join(map(_piece, one.pieces))}</th>'
        f'<td class="num">{number(one.told)}</td></tr>'
        for one in rows
    )


def _piece(piece: tuple[str, bool]) -> str:
    words, differs = piece
    shown = visible(words, WORDING_LIMIT)
    return f"<mark>{shown}</mark> " if differs else f"{shown} "


@lru_cache(maxsize=4_096)
def _word(word: str) -> Markup:
    """One of the few words that a column has."""
    return escape(word)


def _sub(inner: str) -> str:
    return f'<span class="sub">{inner}</span>'


def _safe(rows: Iterable[str]) -> Markup:
    return Markup("".join(rows))  # noqa: S704 - our own markup, around what was made safe


SINGLE_NEAR_LIMIT = 5


SINGLE_READING_LIMIT = 3


FORMATS = (("graphml", "GraphML"), ("gexf", "GEXF"), ("csv", "CSV"), ("stix.json", "STIX 2.1"))
"""The files beside the pages that hold one cluster: endings and names."""


def render_singles(clusters: Sequence[Facts], context: Context) -> bytes:
    """The page of these clusters, in their order, as UTF-8."""
    return render_template(
        "single.html",
        ["unpack.js", "cite.js"],
        context=context,
        formats=FORMATS,
        clusters=[
            {
                "anchor": context.pages[one.row["cluster_id"]].partition("#")[2],
                "row": one.row,
                "member": one.members[0],
                "why": explanations(one)[one.members[0]["entity_id"]],
                "roles": one.roles.get(one.members[0]["entity_id"], {}),
                "carriers": one.carriers.get(one.members[0]["entity_id"], []),
                "sentence": sentence(one),
                "near": one.near[:SINGLE_NEAR_LIMIT],
                "near_more": max(len(one.near) - SINGLE_NEAR_LIMIT, 0),
                "suppliers": one.suppliers,
                "readings": one.readings[:SINGLE_READING_LIMIT],
                "lineage": one.lineage,
                "decisions": decisions(one),
            }
            for one in clusters
        ],
    )
