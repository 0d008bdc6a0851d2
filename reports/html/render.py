"""Self-contained HTML pages from the templates, and the markup that these repeat.

A page's policy (CSP) lets through its own style and scripts by their digests and no request at all,
so that hostile text that slipped through escaping could neither run nor call out. Filters return
markup that is safe inside an element.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, lru_cache, partial
from importlib.resources import files
from typing import Any

import orjson
from jinja2 import Environment, FunctionLoader, StrictUndefined, Template
from markupsafe import Markup, escape

from reports import text
from reports.cluster_data import Reading

_NONE = "'none'"

NAME_LIMIT = 60

LINK_LIMIT = 80


def render_template(name: str, scripts: Sequence[str] = (), **values: object) -> bytes:
    """Renders `templates/NAME` with `page.css` and `assets/` scripts inline, as UTF-8.

    A template ends its body with `scripts`, so that the elements they look for exist.
    """
    # Most pieces are ASCII, which a text with one other character in it is no longer.
    pieces = _template(name).generate(**_own(tuple(scripts)), **values)
    return b"".join(map(str.encode, pieces))


@cache
def _own(scripts: tuple[str, ...]) -> dict[str, Markup]:
    """Returns the page's style, its scripts, and the policy that allows no others."""
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


def embed_json(identifier: str, value: object) -> Markup:
    """Returns data for a script as an inert JSON block; no character in it can end the block."""
    body = _json(value).replace(b"<", b"\\u003c")
    return _block(identifier, "application/json", body.decode())


def embed_compressed_json(identifier: str, value: object) -> Markup:
    """Returns data as `embed_json`, but gzip in base64, for data that would make the page large."""
    # Level 6: the level that costs least for its size on such data. No name, no time.
    compressed = gzip.compress(_json(value), compresslevel=6, mtime=0)
    return _block(identifier, "text/plain", base64.b64encode(compressed).decode())


def _block(identifier: str, kind: str, body: str) -> Markup:
    start = Markup('<script type="{}" id="{}">').format(kind, identifier)
    return start + Markup(body) + Markup("</script>")  # noqa: S704 - base64, or JSON without "<"


def _json(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


class _Rows(Environment):
    """An environment where a dotted name is a row's key first: most of what it reads are rows."""

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Looks a name up; Jinja tries attributes first, at the cost of an exception a key."""
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
        "short": text.short_id,
        "n": text.number,
        "fraction": text.fraction,
        "money": text.money,
        "utc": text.utc,
        "day": text.day,
        "id": identifier,
        "names": name_list,
        "linked": cluster_link,
        "where_read": where_read,
    }
    environment.globals |= {"shown_of": shown_of_total, "cited": citation_start}
    return environment


def compile_templates(names: Iterable[str]) -> None:
    """Compiles templates before processes are forked, each of which would do so again."""
    for name in names:
        _template(name)


@cache
def _template(name: str) -> Template:
    return _environment().get_template(name)


@cache
def _source(folder: str, name: str) -> str:
    return files("reports").joinpath(folder, name).read_text(encoding="utf-8")


def _digest(source: str) -> str:
    """Returns the expression that allows one inline block (CSP Level 3, section 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}'"


@lru_cache(maxsize=16_384)
def identifier(value: str | None) -> Markup:
    """Renders an identifier or another id, in letters of one width."""
    shown = text.visible_once(value) if value else text.NOT_KNOWN
    return text.safe(f'<span class="id">{shown!s}</span>')


def name_list(values: Sequence[str], limit: int = 6) -> Markup:
    """Renders the first `limit` of a list, and how many more there are."""
    return _names(tuple(values[:limit]), max(len(values) - limit, 0))


@lru_cache(maxsize=16_384)
def _names(values: tuple[str, ...], more: int) -> Markup:
    if not values:
        return text.NOT_KNOWN
    shown = ", ".join(
        [str(text.visible_once(one, NAME_LIMIT) if one else text.NOT_KNOWN) for one in values]
    )
    rest = f' <span class="cut">and {text.number(more)} more</span>' if more else ""
    return text.safe(shown + rest)


def shown_of_total(shown: int, total: int, what: str) -> str:
    """Says how many of how many are shown."""
    if total > shown:
        return f"The first {text.number(shown)} of {text.number(total)} {what}."
    return f"{text.number(total)} {what}."


def cluster_link(
    cluster_id: str, pages: Mapping[str, str], folder: str = "", name: str | None = None
) -> Markup:
    """Renders a cluster's id, or `name`, as a link if it is described."""
    shown = text.visible(name or cluster_id, LINK_LIMIT)
    page = pages.get(cluster_id)
    return (
        shown if page is None else text.safe(f'<a href="{escape(folder + page)!s}">{shown!s}</a>')
    )


def citation_start(run_id: str, cluster_id: str | None = None) -> str:
    """Returns the start of a citation as text; `assets/cite.js` adds the rest."""
    whose = "" if cluster_id is None else f", cluster {text.plain(cluster_id)}"
    return f"ringtrace {text.plain(run_id)}{whose}: "


def where_read(one: Reading) -> Markup:
    """Renders what was read, the words around it, and where."""
    raw = f"<mark>{text.visible(one.raw, 200)!s}</mark>"
    if one.before is not None:
        before = f"… {text.visible_once(one.before, 200)!s}" if one.before else ""
        after = f"{text.visible_once(one.after, 200)!s} …" if one.after else ""
        raw = f"<q>{before}{raw}{after}</q>"
    span = "" if one.start is None else f" {one.start} to {one.end}"
    return text.safe(f'{raw}<span class="sub">{text.visible(one.field, 60)!s}{span}</span>')
