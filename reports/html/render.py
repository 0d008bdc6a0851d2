"""One self-contained HTML page, under a policy that forbids everything it does not hold.

The policy lets through this page's own style and scripts by their digests and no request at all,
so that hostile text that slipped through escaping could neither run nor call out.

Pieces of markup that the templates repeat, as filters: all is safe inside an element.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import cache, lru_cache, partial
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from reports import text
from reports.cluster_data import Reading


def render_template(name: str, scripts: Sequence[str] = (), **values: object) -> bytes:
    """The page of `templates/NAME`, with `page.css` and `assets/` scripts inline, as UTF-8.

    A template ends its body with `scripts`, so that what they look for is there.
    """
    return _template(name).render(**_own(tuple(scripts)), **values).encode()


@cache
def _own(scripts: tuple[str, ...]) -> dict[str, Markup]:
    """What a page holds of ours: its style, its scripts, and the policy that lets in no other."""
    style = _source("templates", "page.css")
    code = [_source("assets", one) for one in scripts]
    policy = "; ".join(
        [
            "default-src 'none'",
            f"style-src {_digest(style)}",
            f"script-src {' '.join(map(_digest, code)) or _NONE}",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    inline = Markup("\n").join(Markup("<script>{}</script>").format(Markup(c)) for c in code)  # noqa: S704 - our own files, not data
    return {
        "style": Markup(style),  # noqa: S704 - our own file, not data
        "policy": Markup(policy),  # noqa: S704 - digests and keywords
        "scripts": inline,
    }


_NONE = "'none'"


def island(identifier: str, value: object) -> Markup:
    """Data for a script as an inert JSON block; no character in it can end the block."""
    return _block(identifier, "application/json", _json(value).replace("<", "\\u003c"))


def packed_island(identifier: str, value: object) -> Markup:
    """As `island`, but gzip in base64: for data that would make the page large."""
    # Level 6: the level that costs least for its size on such data. No name, no time.
    packed = gzip.compress(_json(value).encode(), compresslevel=6, mtime=0)
    return _block(identifier, "text/plain", base64.b64encode(packed).decode())


def _block(identifier: str, kind: str, body: str) -> Markup:
    start = Markup('<script type="{}" id="{}">').format(kind, identifier)
    return start + Markup(body) + Markup("</script>")  # noqa: S704 - base64, or JSON without "<"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


class _Rows(Environment):
    """An environment where a dotted name is a key of a row first: rows are most of what is read."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """As Jinja's, which tries attributes first and pays for an exception a key."""
        if type(obj) is dict and attribute in obj:
            return obj[attribute]
        return super().getattr(obj, attribute)


@cache
def _environment() -> Environment:
    environment = _Rows(
        autoescape=True,
        loader=FunctionLoader(partial(_source, "templates")),
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "visible": text.visible,
        "plain": text.plain,
        "short": text.short,
        "n": text.number,
        "fraction": text.fraction,
        "money": text.money,
        "utc": text.utc,
        "day": text.day,
        "id": identifier,
        "names": names,
        "linked": cluster_link,
        "where_read": where_read,
    }
    environment.globals |= {"shown_of": shown_of, "cited": cited}
    return environment


@cache
def _template(name: str) -> Template:
    return _environment().get_template(name)


@cache
def _source(folder: str, name: str) -> str:
    return files("reports").joinpath(folder, name).read_text(encoding="utf-8")


def _digest(source: str) -> str:
    """The source expression that lets one inline block through (CSP Level 3, section 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


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
