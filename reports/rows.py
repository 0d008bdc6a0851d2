"""Rows of the long tables of a cluster's page, as markup.

A page has hundreds of them, and the template engine takes several times as long for each. All text
comes through `text` and `phrases`, which make it safe inside an element.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from markupsafe import Markup, escape

from reports.evidence import Reading
from reports.phrases import cluster_link, identifier, names, where_read
from reports.script_wordings import SHOWN, Variant
from reports.text import NOT_KNOWN, fraction, number, utc, visible
from reports.timeline import Handover

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Why:
    """Why a member is in: its own evidence, the links that hold it, and what could mislead.

    `more` counts the links past those of `held_by`, each of which has the other end beside it.
    """

    reason: str
    held_by: Sequence[tuple[str, Row]]
    more: int
    doubts: list[str]


def members(
    rows: Sequence[Row],
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


def links(rows: Iterable[Row], *, redact: bool) -> Markup:
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


def near(rows: Iterable[Row], pages: Mapping[str, str]) -> Markup:
    """Links to other clusters that were not accepted."""
    return _safe(
        f'<tr><th scope="row">{identifier(one["here"])}</th><td>{identifier(one["there"])}</td>'
        f"<td>{cluster_link(one['cluster_id'], pages)}</td>"
        f'<td class="num">{fraction(one["weight"])}</td>'
        f'<td class="num">{number(one["complaints"])}</td>'
        f"<td>{visible(one['reason'], 300)}</td></tr>"
        for one in rows
    )


def suppliers(rows: Iterable[Row], pages: Mapping[str, str]) -> Markup:
    """Suppliers, each with other clusters that it serves."""
    return _safe(
        f'<tr><th scope="row">{identifier(one["entity_id"])}</th><td>{_word(one["kind"])}</td>'
        f'<td class="num">{number(one["records"])}</td><td class="num">{number(one["clusters"])}'
        f"</td><td>{', '.join(cluster_link(other, pages) for other in one['others']) or NOT_KNOWN}"
        "</td></tr>"
        for one in rows
    )


def readings(rows: Iterable[Reading]) -> Markup:
    """Where identifiers were read."""
    return _safe(
        f'<tr><th scope="row">{identifier(one.entity_id)}</th>'
        f'<td>{visible(one.source_org, 40)}<span class="sub">{_word(one.record_kind)} '
        f'{identifier(one.record_id)}</span></td><td class="time">{utc(one.observed_at)}</td>'
        f'<td>{_word(one.role)}</td>\n<td class="told">{where_read(one)}</td></tr>\n'
        for one in rows
    )


def handovers(rows: Iterable[Handover]) -> Markup:
    """Identifiers that gave way to others."""
    return _safe(
        f'<tr><th scope="row">{identifier(one.before)}</th><td class="time">{utc(one.last_seen)}'
        f'</td><td>{identifier(one.after)}</td><td class="time">{utc(one.first_seen)}</td></tr>'
        for one in rows
    )


def variants(rows: Iterable[Variant]) -> Markup:
    """Wordings of a script, marked where the template has other words."""
    return _safe(
        f'<tr><th scope="row">{"".join(map(_piece, one.pieces))}</th>'
        f'<td class="num">{number(one.told)}</td></tr>'
        for one in rows
    )


def _piece(piece: tuple[str, bool]) -> str:
    words, differs = piece
    shown = visible(words, SHOWN)
    return f"<mark>{shown}</mark> " if differs else f"{shown} "


@lru_cache(maxsize=4_096)
def _word(word: str) -> Markup:
    """One of the few words that a column has."""
    return escape(word)


def _sub(inner: str) -> str:
    return f'<span class="sub">{inner}</span>'


def _safe(rows: Iterable[str]) -> Markup:
    return Markup("".join(rows))  # noqa: S704 - our own markup, around what was made safe
