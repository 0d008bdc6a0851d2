"""Tenants of hosting platforms: who of many that share a domain a link is of.

The rules are those of `data/hosting.toml`, and the private part of the Public Suffix List. A domain
under which others rent names nobody, and is no identifier: two rings on one platform would become
one. Nor does a filter of mail, a search or an exit page that wraps a link: what it opens counts.
Addresses are read as browsers read them (WHATWG URL, by Ada).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import chain, count, starmap, takewhile
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_to_bytes

import can_ada
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import EntityKind
from schemas.field import TEXT
from transforms.decode import load_reference_data
from transforms.decode.escapes import decode_link
from transforms.extract.kinds import domain

_SAFE = "!$'()*+,;=:@~-._"
"""Signs that stay as they are in a part of a path (RFC 3986, pchar without `&`)."""

_RULE = re.compile(r"(?P<host>[^/?]+)(?:/(?P<path>[^?]+))?(?:\?(?P<key>\w+)=(?P<argument>.+))?")

_CAPTURE = re.compile(r"\{(?P<name>\w+)(?P<more>\+?)(?::(?P<shape>\w+))?\}")

_REST = "rest"
"""The name of what `{...}` captures."""

_NOBODYS = r"(?:(?:www|m)\.)?"
"""Labels before a host that are nobody's."""

_BELOW = r"(?:.+\.)?"

_DEEPEST = 4
"""Wrappers around one link that are taken off: a mail filter's, of a search, of an exit page."""

PAGE_DEPTH = 2
"""Parts of a path in which tenants of a platform that no rule knows can be told apart."""

_LONGEST_PAGE = 300

_PERSONAL_DIGITS = 7
"""Digits of a part of a path that may be a number of a person: a phone's without an area code."""

_WRAPPED = re.compile(r"(?:https?:/*)?(?P<host>[^/?#\s]+)(?P<rest>\S*)", re.IGNORECASE)


class Link(NamedTuple):
    """An address as a browser reads it; its path in one spelling, without slashes at its ends."""

    host: str
    path: str = ""
    query: str = ""


class Tenant(NamedTuple):
    """The holder of a link: a host, or a host with the path or parameter that tells of them.

    `platform` is whom they rent from; `name` the part of a host that they chose.
    """

    value: str
    platform: str | None = None
    name: str | None = None

    @property
    def is_host(self) -> bool:
        """Tells whether it is a host as a whole."""
        return "/" not in self.value and "?" not in self.value


class _Rule(NamedTuple):
    """A rule of the file.

    `parents` matches the hosts under which its platform rents out names. `around` matches the hosts
    below them, too. `made` is the identifier that its captures form. `code` is how a link holds
    the one that it wraps.
    """

    platform: str
    code: str | None
    own: frozenset[str]
    host: re.Pattern[str]
    parents: re.Pattern[str]
    around: re.Pattern[str]
    path: re.Pattern[str] | None
    key: str | None
    argument: re.Pattern[str]
    made: str
    rank: tuple[int, ...]


@lru_cache(maxsize=domain.REMEMBERED)
def parse_link(host: str, rest: str = "") -> Link | None:
    """Reads a host, and the rest of its address, as a browser does; None if that opens nothing.

    A port and a fragment, which say nothing of the holder, are left out.
    """
    try:
        url = can_ada.parse(f"http://{host}{rest}")
    except (ValueError, TypeError, UnicodeError):
        return None
    path = "/".join(filter(None, map(_in_one_spelling, url.pathname.split("/"))))
    return Link(url.hostname, path, url.search.removeprefix("?"))


@lru_cache(maxsize=domain.REMEMBERED)
def opened_link(link: Link) -> Link:
    """Returns the link that opens in the end, without the wrappers that tell of it."""
    for _ in range(_DEEPEST):
        targets = (_wrapped_by(rule, link) for rule in _rules_for(link.host, "redirect"))
        inner = next(filter(None, targets), None)
        if inner is None:
            break
        link = inner
    return link


@lru_cache(maxsize=domain.REMEMBERED)
def tenant_of(link: Link) -> Tenant | None:
    """Returns the holder of a link whose host is a name, or None where it tells of nobody.

    That is a public suffix, a domain under which others rent, and a page of a platform's own.
    """
    host = domain.canonical_host(link.host)
    if host is None:
        return None
    registered = domain.registrable_domain(host)
    rules = _rules_for(host, "platform")
    is_covered = False
    for rule in rules:
        tenant = _apply(rule, link._replace(host=host))
        if tenant and registered and registered.endswith(f".{tenant.value}"):
            tenant = tenant._replace(value=registered)  # never less exact than the list
        if tenant and not _is_parent(tenant.value, rules):
            return tenant
        is_covered = is_covered or any(map(rule.around.fullmatch, (host, registered or host)))
    bare = re.sub(rf"^{_NOBODYS}", "", host)
    if is_covered or registered is None or bare in _parents():
        return None
    if registered in _parents():
        # Others rent below it: a host that no rule knows is one of them, or its own.
        return None if registered in domain.legitimate_domains() else Tenant(bare)
    suffix = domain.public_suffix(host)
    platform = _platform_of_suffix(suffix) if domain.is_on_hosting_platform(host) else None
    return Tenant(registered, platform, registered[: -len(suffix) - 1])


def page_below(link: Link, site: str) -> str | None:
    """Returns the host and `PAGE_DEPTH` parts of the path of a link to a domain, `site`.

    Ends before what may be a person's number. None where it says no more than the domain.
    """
    host = re.sub(rf"^{_NOBODYS}", "", domain.canonical_host(link.host) or site)
    path = takewhile(_is_public, filter(None, link.path.split("/")[:PAGE_DEPTH]))
    page = "/".join((host, *path))
    return page if page != site and len(page) <= _LONGEST_PAGE else None


def _is_public(part: str) -> bool:
    """Tells that a part of a path holds no number that may be a person's or a card's."""
    return sum(map(str.isdigit, part)) < _PERSONAL_DIGITS


def platforms_of(kinds: pa.Array, values: pa.Array) -> pa.Array:
    """Returns the platform of each domain and web address, by kind and value; else null."""
    sites = pc.is_in(kinds, pa.array([EntityKind.DOMAIN, EntityKind.URL]))
    hosted = pc.and_(sites, pc.is_valid(values))
    platforms = pa.array(map(platform_of, values.filter(hosted).to_pylist()), TEXT)
    return pc.replace_with_mask(pa.nulls(len(values), TEXT), hosted, platforms)


@lru_cache(maxsize=domain.REMEMBERED)
def platform_of(value: str) -> str | None:
    """Returns the platform that hosts a domain or web address, given as in its id; None if none."""
    host = re.split("[/?]", value, maxsplit=1)[0]
    link = parse_link(host, value[len(host) :])
    tenant = tenant_of(link) if link else None
    return tenant.platform if tenant else None


def _apply(rule: _Rule, link: Link) -> Tenant | None:
    """Returns the holder of a link if a rule reads one in it."""
    captured = _captures(rule, link)
    if captured is None:
        return None
    for name, text in captured.items():
        kept = (
            text
            if name.isupper() or name == _REST
            else _in_one_spelling(decode_link(text, 1).lower())
        )
        captured[name] = _click_id().sub("", kept)
    chosen = captured.get("t") or captured.get("T") or captured.get(_REST, "").partition("/")[0]
    if not chosen or chosen.lower() in rule.own:
        return None
    tenant = Tenant(rule.made.format_map(captured), rule.platform, chosen)
    is_one = not tenant.is_host or domain.canonical_host(tenant.value) == tenant.value
    return tenant if is_one else None


def _captures(rule: _Rule, link: Link) -> dict[str, str] | None:
    """Returns what a rule captures of a link, by name; None where it does not read it."""
    captured: dict[str, str] = {}
    for match in _matches(rule, link):
        if match is None:
            return None
        captured |= match.groupdict()
    return captured


def _matches(rule: _Rule, link: Link) -> Iterator[re.Match[str] | None]:
    """Yields how a rule matches each part of a link that it is about."""
    yield rule.host.fullmatch(link.host)
    if rule.path:
        yield rule.path.fullmatch(link.path)
    if rule.key:
        yield rule.argument.fullmatch(_argument(link.query, rule.key))


def _wrapped_by(rule: _Rule, link: Link) -> Link | None:
    """Returns the link that another one tells of, if a rule reads one in it."""
    captured = _captures(rule, link)
    if captured is None:
        return None
    written = captured[_REST]
    if rule.code == "translate-goog":
        labels = written.removeprefix("0-").removesuffix("-0").split("--")
        written = f"{'-'.join(label.replace('-', '.') for label in labels)}/{link.path}"
    if rule.key is None and link.query:
        written = f"{written}?{link.query}"
    if rule.key or not re.match("https?:/", written):
        written = decode_link(written, 1)
    if rule.code == "proofpoint-2":
        written = decode_link(written.translate({ord("-"): "%", ord("_"): "/"}), 1)
    elif rule.code == "proofpoint-3":
        written = written.rpartition("__;")[0]
    elif rule.code == "base64":
        try:
            padded = f"{written}{'=' * (-len(written) % 4)}"
            written = base64.urlsafe_b64decode(padded).decode()
        except (binascii.Error, ValueError):
            return None
    target = _WRAPPED.match(written)
    return parse_link(target["host"], target["rest"]) if target else None


def _is_parent(host: str, rules: Sequence[_Rule]) -> bool:
    """Tells whether others rent below a host, by the list or by a rule."""
    listed = host in domain.private_suffixes() or host in _parents()
    return listed or any(rule.parents.fullmatch(host) for rule in rules)


def _argument(query: str, key: str) -> str:
    """Returns the first parameter of a name, in one spelling; empty without one."""
    pairs = (pair.partition("=") for pair in query.split("&"))
    values = (value for name, _, value in pairs if decode_link(name, 1).lower() == key)
    return _in_one_spelling(next(values, ""))


def _in_one_spelling(part: str) -> str:
    """Encodes what must be in a part of a path, and nothing else."""
    return quote(unquote_to_bytes(part), safe=_SAFE)


@cache
def _click_id() -> re.Pattern[str]:
    return re.compile(rf"(?:[;&?]|%3F|%26)(?:{domain.click_ids()})(?:=|%3D).*", re.IGNORECASE)


def _rules_for(host: str, table: str) -> Sequence[_Rule]:
    """Returns the rules of a table that may be of a host, those that say most first."""
    end = _last_two_labels(host)
    return _compiled_rules(end if end in _rules_as_written(table) else "", table)


def _last_two_labels(host: str) -> str:
    return ".".join(host.split(".")[-2:])


@cache
def _compiled_rules(end: str, table: str) -> Sequence[_Rule]:
    """Compiles the rules for hosts with these last two labels, and those for any."""
    by_end = _rules_as_written(table)
    written = chain.from_iterable(by_end.get(key, ()) for key in dict.fromkeys((end, "")))
    return sorted(starmap(_compile_rule, written), key=lambda rule: rule.rank, reverse=True)


@cache
def _rules_as_written(table: str) -> Mapping[str, Sequence[tuple[str, Mapping[str, Any]]]]:
    """Returns links and the rows of the file that they are of, by the last two labels of hosts.

    Those for any are under "". A known service of short links without a rule has one here.
    """
    by_end: dict[str, list[tuple[str, Mapping[str, Any]]]] = defaultdict(list)
    for row in load_reference_data("hosting.toml")[table]:
        for written in row.get("links", ()):
            end = _last_two_labels(re.split("[/? ]", written, maxsplit=1)[0])
            by_end["" if "{" in end else end].append((written, row))
    for host, category in domain.legitimate_domains().items():
        if table == "platform" and category == "shortener" and host not in by_end:
            by_end[host].append((f"{host}/{{...}}", {"name": host}))
    return by_end


def _compile_rule(written: str, row: Mapping[str, Any]) -> _Rule:
    """Compiles a link of a row of the file; what it calls `*` gets a name, as captures have."""
    blank = count()
    left, _, right = written.replace("{...}", f"{{{_REST}}}").partition(" => ")
    left = re.sub(r"\*", lambda _: f"{{_{next(blank)}}}", left)
    parts = _RULE.fullmatch(left)
    if parts is None:
        raise ValueError(f"hosting.toml: {written!r} is no link")
    labels = parts["host"].split(".")
    hosts = [_pattern(label, "[^.]") for label in labels]
    holder = next((n for n, label in enumerate(labels) if re.search(r"\{t\W", label)), None)
    before = "" if "{t+}" in left else _NOBODYS if holder is None else _BELOW
    host = before + r"\.".join(hosts)
    outer = [r"\.".join(hosts[n:]) for n in range((holder or 0) + 1, len(labels) - 1)]
    around = [host] if holder is None else [_BELOW + outer[0], *outer[1:]]
    parents = [] if holder is None else [parent for parent in outer if "[^.]" not in parent]
    path = parts["path"] and "/".join(_pattern(part, "[^/]") for part in parts["path"].split("/"))
    return _Rule(
        row["name"],
        row.get("code"),
        frozenset(("www", *row.get("own", ()))),
        host=re.compile(host),
        parents=re.compile(re.sub(r"\?P<\w+>", "?:", "|".join(parents))),
        around=re.compile(re.sub(r"\?P<\w+>", "?:", "|".join(around))),
        path=re.compile(f"{path}(?:/.*)?") if path else None,
        key=parts["key"].lower() if parts["key"] else None,
        argument=re.compile(_pattern(parts["argument"] or "", ".")),
        made=_CAPTURE.sub(r"{\g<name>}", right or left),
        rank=(len(labels), left.count("/") + left.count("?"), len(_CAPTURE.sub("", left))),
    )


def _pattern(written: str, sign: str) -> str:
    """Returns the pattern of a label, a part of a path or an argument, made of such signs."""
    pieces: list[str] = []
    done = 0
    for piece in _CAPTURE.finditer(written):
        name, more, shape = piece.groups()
        if shape:
            form = f"(?i:{load_reference_data('hosting.toml')['shapes'][shape]})"
        elif more or name == _REST:
            form = ".+"
        else:
            form = f"{sign}+" if name.startswith("_") else f"{sign}+?"
        pieces += (re.escape(written[done : piece.start()]), f"(?P<{name}>{form})")
        done = piece.end()
    return f"(?i:{''.join(pieces)}{re.escape(written[done:])})"


@cache
def _platforms_of_suffixes() -> Mapping[str, str]:
    rows = load_reference_data("hosting.toml")["platform"]
    return {suffix: row["name"] for row in rows for suffix in row.get("psl", ())}


def _platform_of_suffix(suffix: str) -> str:
    """Returns the platform of a private suffix; the suffix itself where the file names none."""
    outer = (suffix.split(".", n)[-1] for n in range(suffix.count(".") + 1))
    named = (_platforms_of_suffixes().get(name) for name in outer)
    return next(filter(None, named), suffix)


@cache
def _parents() -> frozenset[str]:
    """Returns the domains that have a private suffix below them, and are none themselves."""
    labels = [suffix.lstrip("!").split(".") for suffix in domain.private_suffixes()]
    above = {".".join(parts[n:]) for parts in labels for n in range(1, len(parts) - 1)}
    return frozenset(above - domain.public_suffixes())
