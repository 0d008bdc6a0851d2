"""report/clusters/ID.html: one cluster, to be understood, doubted, decided on and cited."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from reports import drawings, page, rows, text
from reports.cluster_facts import Facts
from reports.cluster_table import page_name
from reports.doubts import entity_doubts
from reports.evidence import Reading
from reports.joint_page import Joint
from reports.layout import Point
from reports.paths import sides
from reports.picture import Picture, picture
from reports.rows import Why
from reports.script_wordings import scripts
from reports.small_counts import suppressed
from reports.timeline import timeline
from schemas import epoch
from schemas.kinds import EntityKind

Row = dict[str, Any]

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

_NOUNS = {
    "phone": ("phone number", "phone numbers"),
    "domain": ("domain", "domains"),
    "url": ("web address", "web addresses"),
    "email": ("e-mail address", "e-mail addresses"),
    "remote": ("remote-access id", "remote-access ids"),
    "account": ("bank or payment account", "bank or payment accounts"),
    "wallet": ("wallet", "wallets"),
    "handle": ("chat handle", "chat handles"),
}


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
    return page.render(
        "cluster.html",
        ["unpack.js", "graph.js", "cite.js"],
        facts=facts,
        row=facts.row,
        context=context,
        sentence=sentence(facts),
        picture=drawn,
        drawing=drawings.graph(drawn, facts.row["size"]),
        kinds=list(dict.fromkeys(one.kind for one in drawn.nodes if not one.supplier)),
        symbol=drawings.symbol,
        stroke=drawings.stroke,
        ring=drawings.ring,
        share=drawings.share,
        timeline=lives,
        timeline_drawing=drawings.timeline(lives),
        members=(members := facts.members[:MEMBER_LIMIT]),
        member_rows=rows.members(
            members, explanations(facts), facts.roles, facts.carriers, facts.row["size"]
        ),
        countries=(by_country := countries(facts.row, context.suppress_below)),
        most_country=max((count or 0 for _, count in by_country), default=0),
        bridges=bridges(facts),
        decisions=decisions(facts),
        handover_rows=rows.handovers(lives.handovers),
        variants=rows.variants,
        near=(near := facts.near[:NEAR_LIMIT]),
        near_rows=rows.near(near, context.pages),
        links=(links := facts.inside[:LINK_LIMIT]),
        link_rows=rows.links(links, redact=context.redact),
        readings=(readings := shown[:READING_LIMIT]),
        reading_rows=rows.readings(readings),
        readings_more=max(len(shown) - READING_LIMIT, 0),
        told=[] if context.redact else scripts(facts.suppliers, facts.scripts),
        suppliers=(
            suppliers := [one for one in facts.suppliers if one["kind"] != EntityKind.SCRIPT]
        ),
        suppliers_shown=suppliers[:SUPPLIER_LIMIT],
        supplier_rows=rows.suppliers(suppliers[:SUPPLIER_LIMIT], context.pages),
        file=page_name(facts.row["cluster_id"]),
        data=page.island("graph-data", _data(facts, drawn)),
    )


def countries(row: Row, floor: int) -> list[tuple[str, int | None]]:
    """Victims' countries with their complaints, None for a count too small to show."""
    found = row["countries"] or []
    counts = suppressed([one["complaints"] for one in found], floor)
    return [(one["country"], count) for one, count in zip(found, counts, strict=True)]


def sentence(facts: Facts) -> str:
    """What the cluster is, in one sentence, as text."""
    row = facts.row
    counted = Counter(one["kind"] for one in facts.members)
    parts = []
    for kind, count in counted.most_common():
        one, several = _NOUNS.get(kind, (kind, kind))
        parts.append(f"{count} {one if count == 1 else several}")
    brands = [text.plain(one, 40) for one in row["brands"][:3]]
    posing = f" used by callers who posed as {_listed(brands)}" if brands else ""
    orgs = _listed([text.plain(one, 40) for one in row["orgs"][:4]])
    joined = "held together by" if row["size"] > 1 else "named by"
    return (
        f"{_listed(parts).capitalize()}{posing}, {joined} "
        f"{_count(row['complaints'], 'complaint')} and {_count(row['calls'], 'call')} of {orgs} "
        f"from {_span(row)}."
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


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


def _span(row: Row) -> str:
    """From when to when, by day."""
    return f"{text.plain_day(row['first_seen'])} to {text.plain_day(row['last_seen'])}"


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
