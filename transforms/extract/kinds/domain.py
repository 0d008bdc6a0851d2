"""Hosts and their holders: the registrable domain, the tenant, and the brand that it imitates.

Tenants share a domain of a hosting platform. The rules come from `data/hosting.toml` and the
private part of the Public Suffix List. A domain that rents out names is no identifier: it would
join two rings on one platform. For a link inside a mail filter, a search or an exit page, the link
that finally opens counts. Addresses are parsed like in a browser (WHATWG URL, by Ada).

A domain can look like a brand's by letters of other scripts, by digits, by a typing slip, or by the
brand's name among words that scam sites use.
"""

from __future__ import annotations

import base64
import binascii
import csv
import ipaddress
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, lru_cache
from itertools import chain, count, starmap, takewhile
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_to_bytes

import can_ada
import idna
import pyarrow as pa
import pyarrow.compute as pc
import tldextract

from schemas.enums import EntityKind
from schemas.field import TEXT
from transforms.decode import load_reference_data, read_reference_data
from transforms.decode.escapes import decode_link

REMEMBERED = 1 << 14
"""Distinct hosts that a worker remembers; most records name few brands and mail providers."""

LONGEST_HOST = 253
"""Characters of a host name (RFC 1035 section 2.3.4)."""

KNOWN_SITES = "known_sites.csv"
"""The compiled list of organisations' sites: the columns of known_legitimate.csv."""

DOT = r"(?:\.|\s?[\[({]\s?(?:\.|dot|punto|punkt|point)\s?[\])}]\s?|。|．)"
"""A dot, plain or defanged so that nobody follows the link."""

LABEL = r"[^\W_](?:[\w-]{0,61}[^\W_])?"

HOST = rf"{LABEL}(?:{DOT}{LABEL}){{1,10}}"

_DOT = re.compile(DOT, re.IGNORECASE)

_ASCII_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")

_UNROUTED = tuple(
    ipaddress.ip_network(block)
    for block in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "224.0.0.0/3",
        "::/127",
        "fc00::/7",
        "fe80::/10",
        "ff00::/8",
    )
)
"""Addresses inside everybody's own network (RFC 6890), which would tie strangers together."""


def refang(text: str) -> str:
    """Restores defanged dots, colons and schemes."""
    text = _DOT.sub(".", text).replace("[:]", ":").replace("[@]", "@").replace("[/]", "/")
    return re.sub(r"^\s*h[tx]{2}p(s?)\s?:\s?//", r"http\1://", text, flags=re.IGNORECASE)


@lru_cache(maxsize=REMEMBERED)
def canonical_host(host: str) -> str | None:
    """Returns the host in lower-case ASCII (IDNA 2008, RFC 5891), or None if it is no host."""
    host = refang(host).strip().rstrip(".").lower()
    if not host or len(host) > LONGEST_HOST:
        return None
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode()
        except (idna.IDNAError, UnicodeError):
            return None
    return host if all(map(_ASCII_LABEL.fullmatch, host.split("."))) else None


def registrable_domain(host: str) -> str | None:
    """Returns the registrable domain of a host by the Public Suffix List with its private section.

    None for a host without a known public suffix, and for a public suffix itself.
    """
    return _split_host(host).top_domain_under_public_suffix or None


def public_suffix(host: str) -> str:
    """Returns the public suffix of a host; empty if it has no known suffix."""
    return _split_host(host).suffix


@cache
def private_suffixes() -> frozenset[str]:
    """Returns the private part of the Public Suffix List, with its marks `*.` and `!`."""
    return frozenset(_suffixes().tlds) - public_suffixes()


@cache
def public_suffixes() -> frozenset[str]:
    """Returns the Public Suffix List without its private part, with its marks `*.` and `!`."""
    return frozenset(tldextract.TLDExtract(cache_dir=None, suffix_list_urls=()).tlds)


def is_on_hosting_platform(host: str) -> bool:
    """Checks whether a host belongs to a customer of a listed platform, such as web.app."""
    parts = _split_host(host)
    return parts.is_private and "." in parts.suffix and bool(parts.domain)


def canonical_ip(text: str) -> str | None:
    """Returns the address in canonical form (RFC 5952), or None if it is invalid or not routed."""
    try:
        address = ipaddress.ip_address(text.strip().strip("[]").partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if any(address in block for block in _UNROUTED):
        return None
    return address.compressed


@cache
def legitimate_domains() -> dict[str, str]:
    """Returns the domains of the shipped known-legitimate list, with their categories."""
    rows = csv.DictReader(read_reference_data("known_legitimate.csv").splitlines())
    listed = ((row["entity_id"].partition(":"), row) for row in rows)
    return {value: row["category"] for (kind, _, value), row in listed if kind == "domain"}


class KnownSite(NamedTuple):
    """The holder of a site on the compiled list, and its category."""

    reason: str
    category: str


@cache
def known_sites() -> Mapping[str, KnownSite]:
    """Returns the compiled list of organisations' sites by registrable domain.

    Tests check each row of the file, so it is read without checks.
    """
    rows = csv.reader(read_reference_data(KNOWN_SITES).splitlines()[1:])
    return {row[0].removeprefix("domain:"): KnownSite(row[1], row[2]) for row in rows}


def is_known_site(name: str) -> bool:
    """Checks whether a registrable domain is on a shipped list, by hand or compiled."""
    return name in legitimate_domains() or name in known_sites()


@cache
def click_platforms() -> dict[str, str]:
    """Returns the ad platforms, by the parameters that they add to a visitor's link."""
    rows = load_reference_data("hosting.toml")["click_id"]
    return {key: row["platform"] for row in rows for key in row["keys"]}


@cache
def click_ids() -> str:
    """Returns a pattern for the parameters of `click_platforms`."""
    return "|".join(sorted(map(re.escape, click_platforms())))


@lru_cache(maxsize=REMEMBERED)
def _split_host(host: str) -> tldextract.ExtractResult:
    return _suffixes()(host)


@cache
def _suffixes() -> tldextract.TLDExtract:
    """Returns the list that ships with tldextract; uses no cache folder and no network."""
    return tldextract.TLDExtract(
        cache_dir=None, suffix_list_urls=(), include_psl_private_domains=True
    )


_SAFE = "!$'()*+,;=:@~-._"
"""Signs that stay unescaped in a part of a path (RFC 3986, pchar without `&`)."""

_RULE = re.compile(r"(?P<host>[^/?]+)(?:/(?P<path>[^?]+))?(?:\?(?P<key>\w+)=(?P<argument>.+))?")

_CAPTURE = re.compile(r"\{(?P<name>\w+)(?P<more>\+?)(?::(?P<shape>\w+))?\}")

_REST = "rest"
"""The name of the group for `{...}`."""

_NOBODYS = r"(?:(?:www|m)\.)?"
"""Labels before a host that say nothing about its holder."""

_BELOW = r"(?:.+\.)?"

_DEEPEST = 4
"""Most wrappers around a link that are removed: of mail filters, searches and exit pages."""

PAGE_DEPTH = 2
"""Parts of a path that can tell tenants apart on a platform without a rule."""

_LONGEST_PAGE = 300

_PERSONAL_DIGITS = 7
"""Digits in a part of a path that may be a person's number, like a phone without its area code."""

_WRAPPED = re.compile(r"(?:https?:/*)?(?P<host>[^/?#\s]+)(?P<rest>\S*)", re.IGNORECASE)


class Link(NamedTuple):
    """An address as a browser reads it; the path has one spelling, and no slashes at its ends."""

    host: str
    path: str = ""
    query: str = ""


class Tenant(NamedTuple):
    """The holder of a link: a host, or a host with the path or parameter that names the holder.

    `platform` is the platform that they rent from, `name` the part of the host that they chose.
    """

    value: str
    platform: str | None = None
    name: str | None = None

    @property
    def is_host(self) -> bool:
        """Tells whether the value is a whole host."""
        return "/" not in self.value and "?" not in self.value


class _Rule(NamedTuple):
    """A rule of the file.

    `parents` matches the hosts below which its platform rents out names; `around` matches the hosts
    below them too. `made` is the template of the identifier that its captures form. `code` is the
    encoding of a wrapped link.
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


@lru_cache(maxsize=REMEMBERED)
def parse_link(host: str, rest: str = "") -> Link | None:
    """Reads a host and the rest of its address like a browser; None if that opens nothing.

    The port and the fragment are left out, since they say nothing about the holder.
    """
    try:
        url = can_ada.parse(f"http://{host}{rest}")
    except (ValueError, TypeError, UnicodeError):
        return None
    path = "/".join(filter(None, map(_in_one_spelling, url.pathname.split("/"))))
    return Link(url.hostname, path, url.search.removeprefix("?"))


@lru_cache(maxsize=REMEMBERED)
def opened_link(link: Link) -> Link:
    """Returns the link that finally opens, without its wrappers."""
    for _ in range(_DEEPEST):
        targets = (_wrapped_by(rule, link) for rule in _rules_for(link.host, "redirect"))
        inner = next(filter(None, targets), None)
        if inner is None:
            break
        link = inner
    return link


@lru_cache(maxsize=REMEMBERED)
def tenant_of(link: Link) -> Tenant | None:
    """Returns the holder of a link whose host is a name, or None if it names no holder.

    A public suffix, a domain that rents out names and a platform's own page name no holder.
    """
    host = canonical_host(link.host)
    if host is None:
        return None
    registered = registrable_domain(host)
    rules = _rules_for(host, "platform")
    is_covered = False
    for rule in rules:
        tenant = _apply(rule, link._replace(host=host))
        if tenant and registered and registered.endswith(f".{tenant.value}"):
            tenant = tenant._replace(value=registered)  # at least as exact as the list
        if tenant and not _is_parent(tenant.value, rules):
            return tenant
        is_covered = is_covered or any(map(rule.around.fullmatch, (host, registered or host)))
    bare = re.sub(rf"^{_NOBODYS}", "", host)
    if is_covered or registered is None or bare in _parents():
        return None
    if registered in _parents():
        # The domain rents out names: an unknown host is a tenant's, or its own if it is listed.
        return None if registered in legitimate_domains() else Tenant(bare)
    suffix = public_suffix(host)
    platform = _platform_of_suffix(suffix) if is_on_hosting_platform(host) else None
    return Tenant(registered, platform, registered[: -len(suffix) - 1])


def page_below(link: Link, site: str) -> str | None:
    """Returns the host and up to `PAGE_DEPTH` parts of the path of a link to the domain `site`.

    The page ends before a part that may be a person's number. None if only the domain is left.
    """
    host = re.sub(rf"^{_NOBODYS}", "", canonical_host(link.host) or site)
    path = takewhile(_is_public, filter(None, link.path.split("/")[:PAGE_DEPTH]))
    page = "/".join((host, *path))
    return page if page != site and len(page) <= _LONGEST_PAGE else None


def _is_public(part: str) -> bool:
    """Tells whether a part of a path has too few digits for a person's number or a card."""
    return sum(map(str.isdigit, part)) < _PERSONAL_DIGITS


def platforms_of(kinds: pa.Array, values: pa.Array) -> pa.Array:
    """Returns the platform of each domain and web address, by kind and value; else null."""
    sites = pc.is_in(kinds, pa.array([EntityKind.DOMAIN, EntityKind.URL]))
    hosted = pc.and_(sites, pc.is_valid(values))
    platforms = pa.array(map(platform_of, values.filter(hosted).to_pylist()), TEXT)
    return pc.replace_with_mask(pa.nulls(len(values), TEXT), hosted, platforms)


@lru_cache(maxsize=REMEMBERED)
def platform_of(value: str) -> str | None:
    """Returns the platform that hosts a domain or web address (the value of an id), or None."""
    host = re.split("[/?]", value, maxsplit=1)[0]
    link = parse_link(host, value[len(host) :])
    tenant = tenant_of(link) if link else None
    return tenant.platform if tenant else None


def _apply(rule: _Rule, link: Link) -> Tenant | None:
    """Returns the holder that a rule reads in a link, or None."""
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
    is_one = not tenant.is_host or canonical_host(tenant.value) == tenant.value
    return tenant if is_one else None


def _captures(rule: _Rule, link: Link) -> dict[str, str] | None:
    """Returns the groups that a rule captures from a link, by name; None without a match."""
    captured: dict[str, str] = {}
    for match in _matches(rule, link):
        if match is None:
            return None
        captured |= match.groupdict()
    return captured


def _matches(rule: _Rule, link: Link) -> Iterator[re.Match[str] | None]:
    """Yields the match, or None, for each part of a link that the rule is about."""
    yield rule.host.fullmatch(link.host)
    if rule.path:
        yield rule.path.fullmatch(link.path)
    if rule.key:
        yield rule.argument.fullmatch(_argument(link.query, rule.key))


def _wrapped_by(rule: _Rule, link: Link) -> Link | None:
    """Returns the link that a rule reads inside another link, or None."""
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
    """Tells whether a host rents out names, by the list or by a rule."""
    listed = host in private_suffixes() or host in _parents()
    return listed or any(rule.parents.fullmatch(host) for rule in rules)


def _argument(query: str, key: str) -> str:
    """Returns the first query parameter called `key`, in one spelling; empty without one."""
    pairs = (pair.partition("=") for pair in query.split("&"))
    values = (value for name, _, value in pairs if decode_link(name, 1).lower() == key)
    return _in_one_spelling(next(values, ""))


def _in_one_spelling(part: str) -> str:
    """Escapes only the signs that a part of a path must escape."""
    return quote(unquote_to_bytes(part), safe=_SAFE)


@cache
def _click_id() -> re.Pattern[str]:
    return re.compile(rf"(?:[;&?]|%3F|%26)(?:{click_ids()})(?:=|%3D).*", re.IGNORECASE)


def _rules_for(host: str, table: str) -> Sequence[_Rule]:
    """Returns the rules of a table that can match a host, the most specific first."""
    end = _last_two_labels(host)
    return _compiled_rules(end if end in _rules_as_written(table) else "", table)


def _last_two_labels(host: str) -> str:
    return ".".join(host.split(".")[-2:])


@cache
def _compiled_rules(end: str, table: str) -> Sequence[_Rule]:
    """Compiles the rules for hosts with these last two labels, and the rules for any host."""
    by_end = _rules_as_written(table)
    written = chain.from_iterable(by_end.get(key, ()) for key in dict.fromkeys((end, "")))
    return sorted(starmap(_compile_rule, written), key=lambda rule: rule.rank, reverse=True)


@cache
def _rules_as_written(table: str) -> Mapping[str, Sequence[tuple[str, Mapping[str, Any]]]]:
    """Returns links and their rows in the file, by the last two labels of the host.

    Links for any host are under "". A known link shortener without a rule gets one here.
    """
    by_end: dict[str, list[tuple[str, Mapping[str, Any]]]] = defaultdict(list)
    for row in load_reference_data("hosting.toml")[table]:
        for written in row.get("links", ()):
            end = _last_two_labels(re.split("[/? ]", written, maxsplit=1)[0])
            by_end["" if "{" in end else end].append((written, row))
    for host, category in legitimate_domains().items():
        if table == "platform" and category == "shortener" and host not in by_end:
            by_end[host].append((f"{host}/{{...}}", {"name": host}))
    return by_end


def _compile_rule(written: str, row: Mapping[str, Any]) -> _Rule:
    """Compiles a link of a row of the file; each `*` in it becomes a named group."""
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
    """Returns the pattern of a label, a part of a path or an argument; `sign` is its class."""
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
    """Returns the platform of a private suffix, or the suffix itself if the file names none."""
    outer = (suffix.split(".", n)[-1] for n in range(suffix.count(".") + 1))
    named = (_platforms_of_suffixes().get(name) for name in outer)
    return next(filter(None, named), suffix)


@cache
def _parents() -> frozenset[str]:
    """Returns the domains above private suffixes that are not public suffixes themselves."""
    labels = [suffix.lstrip("!").split(".") for suffix in private_suffixes()]
    above = {".".join(parts[n:]) for parts in labels for n in range(1, len(parts) - 1)}
    return frozenset(above - public_suffixes())


_PAIRS = (("rn", "m"), ("vv", "w"), ("cl", "d"))

_OWN_SUFFIX = re.compile(r"com|net|org|[a-z]{2}|com?\.[a-z]{2}")
"""Suffixes under which a brand's exact name is the brand's own."""

_PARTS = re.compile(r"[-_.]")

_SHORT = 5
"""Names of at most so many letters count only as a whole word: `apple`, but not `pineapple`."""

_SURE = 7
"""Names of at least so many letters are no other word by accident when one letter is off."""


@lru_cache(maxsize=1 << 14)
def impersonated_brand(domain: str, chosen: str | None = None) -> str | None:
    """Returns the brand that a registrable domain (ASCII, lower case) imitates, if any.

    `chosen` is the part that its holder chose; by default all but its public suffix.

    A false flag names an innocent. So a brand's name among other words counts only if scam sites
    use all of these words (`nortonrose.com` is a law firm). A homoglyph of the name, in letters of
    another script or digits, always counts. Domains that are known to be somebody else's, or
    known to be legitimate, never count.
    """
    if domain in _innocent() or is_known_site(domain):
        return None
    ending = domain[len(chosen) + 1 :] if chosen else public_suffix(domain)
    name = domain[: -len(ending) - 1] if ending else domain
    shown = _decode_punycode(name)
    skeletons = _skeletons(shown)
    # The rules below only find names that occur in these forms; most names occur in none.
    forms = (name, shown, *skeletons)
    anywhere = "\n".join((*forms, *(form.replace("-", "") for form in forms)))
    for look, brand in _looks():
        if look not in anywhere:
            continue
        if name == look and _OWN_SUFFIX.fullmatch(ending):
            return None
        if _is_brand_and_lures(shown, look) or any(
            _is_homoglyph(skeleton, shown, look) for skeleton in skeletons
        ):
            return brand
    return _typosquatted_brand(shown)


def _typosquatted_brand(shown: str) -> str | None:
    """Returns the brand that one word misspells by one slip, if all other words are lures."""
    words = _PARTS.split(shown)
    for word in words:
        if len(word) <= _SHORT:
            continue
        others = [beside for beside in words if beside != word]
        if not all(map(_is_lure, others)):
            continue
        for look, brand in _looks():
            if len(look) <= _SHORT or word == look or not _is_one_letter_off(word, look):
                continue
            if others or len(look) >= _SURE or _is_typo(word, look):
                return brand
    return None


def _is_brand_and_lures(shown: str, look: str) -> bool:
    """Checks whether the name is the brand's with only words of lures, separated or not."""
    words = _PARTS.split(shown)
    if look in words:
        return all(_is_lure(word) for word in words if word != look)
    if len(look) <= _SHORT:
        return False
    before, name, after = shown.replace("-", "").partition(look)
    return bool(name) and _is_lure(before) and _is_lure(after)


def _is_homoglyph(skeleton: str, shown: str, look: str) -> bool:
    """Checks whether a name only looks like the brand's, as a word or, if long, anywhere."""
    if look in shown:
        return False
    if look in _PARTS.split(skeleton):
        return True
    return len(look) > _SHORT and look in skeleton.replace("-", "")


def _is_lure(text: str) -> bool:
    """Checks whether a text is empty, or made of digits and words that scam sites use."""
    return _lures().fullmatch(text) is not None


@cache
def _confusable() -> dict[int, str]:
    groups = load_reference_data("look_alikes.toml")["confusable"]
    return {ord(sign): letter for letter, *signs in groups for sign in signs}


@cache
def _lures() -> re.Pattern[str]:
    words = load_reference_data("look_alikes.toml")["lures"]
    return re.compile(rf"(?:{'|'.join(sorted(words, key=len, reverse=True))}|\d)*")


@cache
def _innocent() -> frozenset[str]:
    """Returns innocent domains that these rules would flag."""
    return frozenset(row["domain"] for row in load_reference_data("look_alikes.toml")["innocent"])


def _is_typo(word: str, look: str) -> bool:
    """Checks whether a letter is doubled or letters changed places, as in no other word."""
    if len(word) == len(look):
        return sorted(word) == sorted(look)
    doubled = re.sub(r"(.)\1+", r"\1", word)
    return len(word) > len(look) and doubled == re.sub(r"(.)\1+", r"\1", look)


def _is_one_letter_off(word: str, look: str) -> bool:
    """Checks whether a word is a name with one letter lost, added or changed, or two swapped."""
    if word[0] != look[0] or abs(len(word) - len(look)) > 1:
        return False
    same = 0
    while same < min(len(word), len(look)) and word[same] == look[same]:
        same += 1
    rest, wanted = word[same:], look[same:]
    swapped = len(rest) > 1 and rest[1::-1] + rest[2:] == wanted
    return rest[1:] == wanted[1:] or rest[1:] == wanted or rest == wanted[1:] or swapped


def _skeletons(shown: str) -> set[str]:
    """Returns the forms of a name in Latin letters that look alike, with and without `_PAIRS`."""
    plain = unicodedata.normalize("NFKD", shown.lower())
    plain = "".join(c for c in plain if not unicodedata.combining(c)).translate(_confusable())
    skeletons = {plain, plain.replace("l", "i"), plain.replace("i", "l")}
    for pair, letter in _PAIRS:
        skeletons |= {skeleton.replace(pair, letter) for skeleton in list(skeletons)}
    return skeletons | {shown}


def _decode_punycode(name: str) -> str:
    """Decodes the punycode labels (RFC 3492) of a name."""
    if "xn--" not in name:
        return name
    try:
        return idna.decode(name)
    except (idna.IDNAError, UnicodeError):
        return name


@cache
def _looks() -> tuple[tuple[str, str], ...]:
    """Returns names in domains and their brands, the longest first."""
    pairs = [
        (look, b["name"])
        for b in load_reference_data("brands.toml")["brand"]
        for look in b.get("look", ())
    ]
    return tuple(sorted(pairs, key=lambda pair: (-len(pair[0]), pair[0])))
