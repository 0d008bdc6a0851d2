"""Pages of clusters: report/clusters/ID.html, and single-NNNN.html for single identifiers.

The rows of a page's long tables are made here and not in its template, which takes several times as
long for each. All text in them comes through functions of `reports.text`, which make it safe.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape

from reports import text
from reports.cluster_data import (
    WORDING_LIMIT,
    ClusterFacts,
    Reading,
    Row,
    Variant,
    cluster_sentence,
    compare_scripts,
    day_span,
    joined_words,
    page_name,
)
from reports.disclosure_control import is_core, suppress_small_counts
from reports.export.registry import cluster_formats
from reports.figures import svg
from reports.figures.graph_figure import GraphFigure, graph_figure
from reports.figures.graph_layout import Point
from reports.figures.svg import Handover, build_timeline
from reports.html.index_page import Joint
from reports.html.render import (
    cluster_link,
    embed_json,
    identifier,
    name_list,
    render_template,
    where_read,
)
from reports.link_evidence import (
    REVIEW_WORDS,
    TIER_WORDS,
    attestation_lines,
    entity_doubts,
    split_at_bridge,
)
from reports.text import NOT_KNOWN, fraction, number, safe, utc, visible
from schemas.entity import epoch_number, without_epoch
from schemas.enums import EntityKind

MEMBER_LIMIT = 1_000

READING_LIMIT = 150

NEAR_LIMIT = 40

LINK_LIMIT = 100

SUPPLIER_LIMIT = 20

EXPLAINING_LINKS = 3
"""Links in a member's explanation, the best-evidenced first."""

_DECIDED = re.compile(r"\bdecision \S{1,200} by ")
"""Start of what `Decision.describe` adds to a reason."""

RowView = Mapping[str, Any]

SINGLE_NEAR_LIMIT = 5

SINGLE_READING_LIMIT = 3


@dataclass(frozen=True)
class PageContext:
    """Inputs of all pages beside their own clusters.

    Attributes:
        run_id: the run.
        pages: the address of each cluster that is described.
        redact: whether members that are not core, record ids and what analysts wrote are left out.
        suppress_below: smallest count of victims by country that is shown.
        joint: what offers brought, in a joint run.
        include_verify: whether downloads hold all members.
        narratives: whether the run was made to show them to everybody who reads it.
    """

    run_id: str
    pages: dict[str, str]
    redact: bool
    suppress_below: int
    joint: Joint | None = None
    include_verify: bool = False
    narratives: bool = False


def render_cluster_page(
    facts: ClusterFacts, positions: Mapping[str, Point], context: PageContext
) -> bytes:
    """Renders the page of one cluster as UTF-8; `positions` are those of members in its figure."""
    drawn = graph_figure(facts, positions)
    shown = _by_member(facts)
    lives = build_timeline(facts)
    return render_template(
        "cluster.html",
        ["embedded_data.js", "graph.js", "cite.js"],
        facts=facts,
        row=facts.row,
        context=context,
        sentence=cluster_sentence(facts),
        picture=drawn,
        drawing=svg.graph_svg(drawn, facts.row["size"]),
        kinds=list(dict.fromkeys(one.kind for one in drawn.nodes if not one.supplier)),
        symbol=svg.kind_symbol,
        stroke=svg.line_sample,
        ring=svg.bridge_ring,
        share=svg.share_bar,
        timeline=lives,
        timeline_drawing=svg.timeline_svg(lives),
        members=(members := facts.members[:MEMBER_LIMIT]),
        member_rows=member_rows(
            members, explain_members(facts), facts.roles, facts.carriers, facts.row["size"]
        ),
        countries=(by_country := country_counts(facts.row, context.suppress_below)),
        most_country=max((count or 0 for _, count in by_country), default=0),
        bridges=cut_bridges(facts),
        decisions=decisions_shown(facts),
        handover_rows=handover_rows(lives.handovers),
        variants=variant_rows,
        near=(near := facts.near[:NEAR_LIMIT]),
        near_rows=near_rows(near, context.pages),
        links=(links := facts.inside[:LINK_LIMIT]),
        link_rows=link_rows(links, redact=context.redact),
        readings=(readings := shown[:READING_LIMIT]),
        reading_rows=reading_rows(readings),
        readings_more=max(len(shown) - READING_LIMIT, 0),
        call_scripts=[] if context.redact else compare_scripts(facts.suppliers, facts.scripts),
        suppliers=(
            suppliers := [one for one in facts.suppliers if one["kind"] != EntityKind.SCRIPT]
        ),
        suppliers_shown=suppliers[:SUPPLIER_LIMIT],
        supplier_rows=supplier_rows(suppliers[:SUPPLIER_LIMIT], context.pages),
        attested=attested_counts(facts),
        verify=verify_count(facts),
        formats=cluster_formats(),
        file=page_name(facts.row["cluster_id"]),
        data=embed_json("graph-data", _data(facts, drawn)),
    )


def attested_counts(facts: ClusterFacts) -> list[tuple[str, int]]:
    """Counts members by tier and review, in the words of `link_evidence`."""
    counted = Counter((one["tier"], one["review"]) for one in facts.members)
    return [
        (f"{tier_words}; {review_words}", counted[tier, review])
        for tier, tier_words in TIER_WORDS.items()
        for review, review_words in REVIEW_WORDS.items()
        if counted[tier, review]
    ]


def verify_count(facts: ClusterFacts) -> int:
    """Counts the members that files for others leave out."""
    return facts.left_out + sum(1 for one in facts.members if not is_core(one))


def country_counts(row: Row, floor: int) -> list[tuple[str, int | None]]:
    """Counts complaints by victims' country, None for a count too small to show."""
    found = row["countries"] or []
    counts = suppress_small_counts([one["complaints"] for one in found], floor)
    return [(one["country"], count) for one, count in zip(found, counts, strict=True)]


def explain_members(facts: ClusterFacts) -> dict[str, MemberExplanation]:
    """Explains each member: its reason, its accepted links, what could mislead."""
    links: dict[str, list[tuple[str, Row]]] = defaultdict(list)
    for one in facts.inside:
        if one["accepted"]:
            links[one["entity_a"]].append((one["entity_b"], one))
            links[one["entity_b"]].append((one["entity_a"], one))
    return {
        one["entity_id"]: MemberExplanation(
            reason=one["reason"],
            attested=attestation_lines(one),
            links=links[one["entity_id"]][:EXPLAINING_LINKS],
            more=max(len(links[one["entity_id"]]) - EXPLAINING_LINKS, 0),
            doubts=[
                *_earlier_holder(one["entity_id"]),
                *entity_doubts(
                    one | {"member": one, "roles": facts.roles.get(one["entity_id"], {})},
                    [link for _, link in links[one["entity_id"]]],
                ),
            ],
        )
        for one in facts.members
    }


def _earlier_holder(entity_id: str) -> list[str]:
    if epoch_number(entity_id) == 1:
        return []
    return [f"{without_epoch(entity_id)} was in use before a long gap, maybe of another holder"]


def decisions_shown(facts: ClusterFacts) -> list[tuple[str, str]]:
    """Returns the analysts' decisions in reasons: what each is about, and the reason."""
    links = [*facts.inside, *facts.near]
    about = (("{entity_id}", facts.members), ("{entity_a} with {entity_b}", links))
    return [
        (what.format_map(one), one["reason"])
        for what, rows in about
        for one in rows
        if _DECIDED.search(one["reason"])
    ]


@dataclass(frozen=True)
class BridgeCut:
    """A weakest bridge, and the members that removing it would cut off."""

    bridge: Row
    freed: list[str]


def cut_bridges(facts: ClusterFacts) -> list[BridgeCut]:
    """Returns the weakest bridges; `freed` is empty if the links show another path."""
    members = [one["entity_id"] for one in facts.members]
    accepted = [one for one in facts.inside if one["accepted"]]
    ends = {(one["entity_a"], one["entity_b"]) for one in accepted}
    return [
        BridgeCut(
            one,
            _freed(members, accepted, one) if (one["entity_a"], one["entity_b"]) in ends else [],
        )
        for one in facts.row["weakest_bridges"] or []
    ]


def _freed(members: list[str], accepted: list[Row], bridge: Row) -> list[str]:
    parts = split_at_bridge(members, accepted, bridge)
    return [] if parts is None else min(parts, key=lambda part: (len(part), part))


def _by_member(facts: ClusterFacts) -> list[Reading]:
    """Returns the readings in the order of the members that they name."""
    order = {one["entity_id"]: place for place, one in enumerate(facts.members)}
    return sorted(facts.readings, key=lambda one: order[one.entity_id])


def _data(facts: ClusterFacts, drawn: GraphFigure) -> dict[str, object]:
    """Returns what `graph.js` reads: nodes, and links with their evidence as text."""
    at = {one.entity_id: place for place, one in enumerate(drawn.nodes)}
    members = {one["entity_id"]: one for one in facts.members}
    return {
        "nodes": [
            [text.plain(one.entity_id), one.about, _seen_by(members.get(one.entity_id))]
            for one in drawn.nodes
        ],
        "links": [
            [at[one["entity_a"]], at[one["entity_b"]], _evidence(one), _decision(one)]
            for one in drawn.links
        ],
    }


def _seen_by(row: Row | None) -> str:
    if row is None:
        return ""
    orgs = joined_words([text.plain(one, 40) for one in row["orgs"][:4]])
    return f"seen by {orgs}, {day_span(row)}; {TIER_WORDS[row['tier']]}"


def _evidence(row: Row) -> str:
    return (
        f"{row['complaints']} complaints, {row['calls']} calls, {row['reporters']} people; "
        f"{_first_orgs(tuple(row['orgs'][:4]))}; {day_span(row)}; weight {row['weight']:.2f}"
    )


@lru_cache(maxsize=4_096)
def _first_orgs(orgs: tuple[str, ...]) -> str:
    return ", ".join(text.plain(one, 40) for one in orgs)


def _decision(row: Row) -> str:
    return _decided(row["strength"], row["accepted"], row["reason"])


@lru_cache(maxsize=4_096)
def _decided(strength: str, accepted: bool, reason: str) -> str:
    return f"{strength}, {'accepted' if accepted else 'not accepted'}: {text.plain(reason)}"


@dataclass(frozen=True)
class MemberExplanation:
    """Explanation of why a member is in its cluster.

    Attributes:
        reason: that of its status.
        attested: how well it is attested, in sentences.
        links: its best-evidenced accepted links, each with the other end before it.
        more: accepted links past these.
        doubts: what would have to be wrong.
    """

    reason: str
    attested: list[str]
    links: Sequence[tuple[str, RowView]]
    more: int
    doubts: list[str]


def member_rows(
    rows: Sequence[RowView],
    why: Mapping[str, MemberExplanation],
    roles: Mapping[str, Mapping[str, int]],
    carriers: Mapping[str, Sequence[str]],
    size: int,
) -> Markup:
    """Renders members of a cluster of `size`, each with why it is in."""
    found = []
    for place, one in enumerate(rows):
        entity_id = one["entity_id"]
        bridge = ' <span class="tag">bridge</span>' if one["bridge"] else ""
        line = f", {visible(one['line_type'], 30)!s}" if one["line_type"] else ""
        known = carriers.get(entity_id)
        carried_by = _sub(name_list(known, 3)) if known else ""
        found.append(
            f'<tr id="m{place}">\n<th scope="row">{identifier(entity_id)!s}{bridge}</th>\n'
            f"<td>{visible(one['role'], 30)!s}{_also(one['role'], roles.get(entity_id, {}))}</td>\n"
            f'<td class="why">{visible(one["status"], 30)!s}: {_why(why[entity_id], size)}</td>\n'
            f"<td>{visible(one['region'], 12)!s}{line}{carried_by}</td>\n"
            f'<td class="num">{number(one["complaints"])!s}</td>\n'
            f'<td class="num">{number(one["calls"])!s}</td>\n'
            f"<td>{name_list(one['orgs'], 4)!s}</td>\n"
            f'<td class="time">{utc(one["first_seen"])!s}<br>{utc(one["last_seen"])!s}</td>\n'
            f'<td class="num">{fraction(one["confidence"])!s}</td>\n</tr>\n'
        )
    return _safe(found)


def _also(role: str, roles: Mapping[str, int]) -> str:
    """Renders the roles that a member was read in but for its own."""
    if len(roles) < 2:
        return ""
    others = sorted((one, count) for one, count in roles.items() if one != role)
    counts = (f"{visible(one, 20)!s} {number(count)!s}" for one, count in others)
    return _sub(f"also {', '.join(counts)}")


def _why(why: MemberExplanation, size: int) -> str:
    links = [
        f"{number(link['complaints'])!s} complaints, {number(link['calls'])!s} calls with "
        f'{identifier(other)!s} <span class="quiet">({fraction(link["weight"])!s})</span>'
        for other, link in why.links
    ]
    more = [f"and {number(why.more)!s} more links"] if why.more else []
    alone = ["no accepted link of its own"] if size > 1 and not why.links else []
    doubts = (
        f'<span class="sub doubt">Doubt: {visible(one, 300)!s}</span>' for one in why.doubts[:2]
    )
    attested = (_sub(str(visible(one, 300))) for one in why.attested)
    return (
        f"{visible(why.reason)!s}\n{''.join(attested)}{''.join(map(_sub, links + more))}"
        f"{''.join(doubts)}"
        f"{''.join(map(_sub, alone))}"
    )


def link_rows(rows: Iterable[RowView], *, redact: bool) -> Markup:
    """Renders links between members, with the ids of their records unless `redact`."""
    return _safe(
        f'<tr><th scope="row">{identifier(one["entity_a"])!s}<br>'
        f"{identifier(one['entity_b'])!s}</th><td>{_word(one['strength'])!s}</td>"
        f'<td class="num">{fraction(one["weight"])!s}</td>'
        f'<td class="num">{number(one["complaints"])!s}</td>'
        f'<td class="num">{number(one["calls"])!s}</td>'
        f'<td class="num">{number(one["victims"])!s}</td>'
        f"<td>{name_list(one['orgs'], 4)!s}</td>"
        f'<td class="num">{number(one["records"])!s}'
        f"{'' if redact else _sub(name_list(one['record_ids'], 2))}</td>"
        f"<td>{'accepted' if one['accepted'] else 'not accepted'}: {visible(one['reason'])!s}</td>"
        "</tr>"
        for one in rows
    )


def near_rows(rows: Iterable[RowView], pages: Mapping[str, str]) -> Markup:
    """Renders links to other clusters that were not accepted."""
    return _safe(
        f'<tr><th scope="row">{identifier(one["here"])!s}</th><td>{identifier(one["there"])!s}</td>'
        f"<td>{cluster_link(one['cluster_id'], pages)!s}</td>"
        f'<td class="num">{fraction(one["weight"])!s}</td>'
        f'<td class="num">{number(one["complaints"])!s}</td>'
        f"<td>{visible(one['reason'], 300)!s}</td></tr>"
        for one in rows
    )


def supplier_rows(rows: Iterable[RowView], pages: Mapping[str, str]) -> Markup:
    """Renders suppliers, each with other clusters that it serves."""
    return _safe(
        f'<tr><th scope="row">{identifier(one["entity_id"])!s}</th><td>{_word(one["kind"])!s}</td>'
        f'<td class="num">{number(one["records"])!s}</td>'
        f'<td class="num">{number(one["clusters"])!s}</td>'
        f"<td>{', '.join(cluster_link(other, pages) for other in one['others']) or NOT_KNOWN}"
        "</td></tr>"
        for one in rows
    )


def reading_rows(rows: Iterable[Reading]) -> Markup:
    """Renders where identifiers were read."""
    return _safe(
        f'<tr><th scope="row">{identifier(one.entity_id)!s}</th>'
        f'<td>{visible(one.source_org, 40)!s}<span class="sub">{_word(one.record_kind)!s} '
        f'{identifier(one.record_id)!s}</span></td><td class="time">{utc(one.observed_at)!s}</td>'
        f'<td>{_word(one.role)!s}</td>\n<td class="told">{where_read(one)!s}</td></tr>\n'
        for one in rows
    )


def handover_rows(rows: Iterable[Handover]) -> Markup:
    """Renders identifiers that gave way to others."""
    return _safe(
        f'<tr><th scope="row">{identifier(one.before)!s}</th>'
        f'<td class="time">{utc(one.last_seen)!s}</td><td>{identifier(one.after)!s}</td>'
        f'<td class="time">{utc(one.first_seen)!s}</td></tr>'
        for one in rows
    )


def variant_rows(rows: Iterable[Variant]) -> Markup:
    """Renders wordings of a script, marked where the template has other words."""
    return _safe(
        f'<tr><th scope="row">{"".join(map(_piece, one.pieces))}</th>'
        f'<td class="num">{number(one.records)!s}</td></tr>'
        for one in rows
    )


def _piece(piece: tuple[str, bool]) -> str:
    words, differs = piece
    shown = visible(words, WORDING_LIMIT)
    return f"<mark>{shown}</mark> " if differs else f"{shown} "


@lru_cache(maxsize=4_096)
def _word(word: str) -> Markup:
    """Escapes one of the few words that a column has."""
    return escape(word)


def _sub(inner: str) -> str:
    return f'<span class="sub">{inner}</span>'


def _safe(rows: Iterable[str]) -> Markup:
    return safe("".join(rows))


def render_singles_page(clusters: Sequence[ClusterFacts], context: PageContext) -> bytes:
    """Renders the page of clusters of one, in their order, as UTF-8."""
    return render_template(
        "single.html",
        ["embedded_data.js", "cite.js"],
        context=context,
        formats=cluster_formats(),
        clusters=[
            {
                "anchor": context.pages[one.row["cluster_id"]].partition("#")[2],
                "row": one.row,
                **_only_member(one),
                "left_out": one.left_out,
                "sentence": cluster_sentence(one),
                "near": one.near[:SINGLE_NEAR_LIMIT],
                "near_more": max(len(one.near) - SINGLE_NEAR_LIMIT, 0),
                "suppliers": one.suppliers,
                "readings": one.readings[:SINGLE_READING_LIMIT],
                "lineage": one.lineage,
                "decisions": decisions_shown(one),
            }
            for one in clusters
        ],
    )


def _only_member(facts: ClusterFacts) -> dict[str, object]:
    """Returns the one member and what is known of it; None where it is left out."""
    if not facts.members:
        return {"member": None, "why": None, "roles": {}, "carriers": []}
    (member,) = facts.members
    return {
        "member": member,
        "why": explain_members(facts)[member["entity_id"]],
        "roles": facts.roles.get(member["entity_id"], {}),
        "carriers": facts.carriers.get(member["entity_id"], []),
    }
