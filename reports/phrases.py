"""Pieces of markup that the templates repeat, as filters: all is safe inside an element."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from markupsafe import Markup, escape

from reports import text
from reports.evidence import Reading

NAME_LIMIT = 60
LINK_LIMIT = 80


@lru_cache(maxsize=16_384)
def identifier(value: str | None) -> Markup:
    """An identifier or another id, in letters of one width."""
    return _safe(f'<span class="id">{text.visible(value)!s}</span>')


def names(values: Sequence[str], limit: int = 6) -> Markup:
    """A list in words, the first `limit` of it."""
    return _names(tuple(values[:limit]), max(len(values) - limit, 0))


@lru_cache(maxsize=16_384)
def _names(values: tuple[str, ...], more: int) -> Markup:
    if not values:
        return text.NOT_KNOWN
    shown = ", ".join(str(text.visible(one, NAME_LIMIT)) for one in values)
    rest = f' <span class="cut">and {text.number(more)} more</span>' if more else ""
    return _safe(shown + rest)


def shown_of(shown: int, total: int, what: str) -> str:
    """How many of how many are shown."""
    if total > shown:
        return f"The first {text.number(shown)} of {text.number(total)} {what}."
    return f"{text.number(total)} {what}."


def cluster_link(
    cluster_id: str, pages: Mapping[str, str], folder: str = "", name: str | None = None
) -> Markup:
    """A cluster by its id, or `name`, as a link where it is described."""
    shown = text.visible(name or cluster_id, LINK_LIMIT)
    page = pages.get(cluster_id)
    return shown if page is None else _safe(f'<a href="{escape(folder + page)}">{shown!s}</a>')


def cited(run_id: str, cluster_id: str | None = None) -> str:
    """How a citation starts, as text; `assets/cite.js` adds the rest."""
    whose = "" if cluster_id is None else f", cluster {text.plain(cluster_id)}"
    return f"ringtrace {text.plain(run_id)}{whose}: "


def where_read(one: Reading) -> Markup:
    """What was read, in the words around it, and where."""
    raw = f"<mark>{text.visible(one.raw, 200)!s}</mark>"
    if one.before is not None:
        before = f"… {text.visible_once(one.before, 200)!s}" if one.before else ""
        after = f"{text.visible_once(one.after, 200)!s} …" if one.after else ""
        raw = f"<q>{before}{raw}{after}</q>"
    span = "" if one.start is None else f" {one.start} to {one.end}"
    return _safe(f'{raw}<span class="sub">{text.visible(one.field, 60)!s}{span}</span>')


def _safe(markup: str) -> Markup:
    return Markup(markup)  # noqa: S704 - our own markup, around what `visible` escaped
