"""Web addresses to registrable domains: in fields, in texts, defanged or without a scheme.

Values are `domain:evil.example`, `url:bit.ly/3xYz` for a short link, `ip:198.51.100.7`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from schemas.enums import EntityKind, Role
from transforms.extract.kinds import domain
from transforms.extract.mention import Match

HINT = (
    r"(?i)//|\[/\]|[\pL\pN_-](?:\.|\s?[\[({]\s?(?:\.|dot|punto|punkt|point)\s?[\])}]\s?|。|．)\pL"
)
"""RE2: without a match of this, a text holds no web address by name."""

MAX_URL = 2_048
"""Characters of a web address that are read."""

SCHEME = r"h(?:tt|xx|Xx|XX|TT|tx|xt)ps?\s?(?:\[:\]|:)\s?(?:\[/\]|/){2}"

TRAILING = ".,;:!?)]}>'\"*"

_IP = r"\d{1,3}(?:(?:\.|\[\.\])\d{1,3}){3}"

_FULL = re.compile(
    rf"(?:{SCHEME})(?:[^\s/@<>\"'?#]{{1,200}}@)?(?P<host>\[[0-9A-Fa-f:.]{{2,45}}\]"
    rf"|{_IP}|{domain.HOST})"
    rf"(?P<rest>(?::\d{{1,5}})?(?:[/?#][^\s<>\"']{{0,{MAX_URL}}})?)",
    re.IGNORECASE,
)

_BARE = re.compile(
    rf"(?<![\w@.+%-])(?P<host>{domain.HOST})(?![\w@-])(?P<rest>(?::\d{{1,5}})?"
    rf"(?:/[^\s<>\"']{{0,{MAX_URL}}})?)",
    re.IGNORECASE,
)

_DOTTED = re.compile(rf"(?<=[^\W_]){domain.DOT}(?=[^\W_])", re.IGNORECASE)
"""The first dot of what may be a host."""

_LEADS = re.compile(
    r"(?:website|web ?site|site|url|link|page|domain|visit(?:ed)?|go(?:ing)? to|went to|log"
    r"(?:ged)? (?:in|on)to"
    r"|open(?:ed)?|browse[dr]?|download(?:ed)?(?: from)?|web|página|sitio|enlace|seite|webseite"
    r"|lien|adresse)"
    r"(?:\s(?:called|named|is|was|at|to|it|the|a|on))?\W{1,3}$",
    re.IGNORECASE,
)

_PLAIN_SUFFIXES = frozenset(
    """
    com net org info biz co.uk org.uk com.au co.in net.in org.in com.br com.mx us xyz online site
    top club shop store support tech app cloud website space live pro vip icu click link
    """.split()
)
"""Suffixes that text seldom forms by accident, when the name before it is no plain short word."""

_WORDLIKE = frozenset(
    "us online site top club shop store support tech app live pro click link space".split()
)


def from_field(text: str) -> Iterator[Match]:
    """Yields the domain or address of a field that should be one web address."""
    body = text[:MAX_URL].strip()
    offset = text.find(body)
    match = _FULL.match(body) or _BARE.match(body)
    if match and (found := _match_of(match, offset, len(body))):
        yield found


def find(text: str) -> Iterator[Match]:
    """Yields the web addresses in a text: with a scheme, or bare where nothing else is plausible.

    A bare name, without a path and not defanged, is only `mentioned` until context says that the
    victim was sent there.
    """
    done = 0
    if "//" in text or "[/]" in text:
        for match in _FULL.finditer(text):
            yield from _without_scheme(text, done, match.start())
            done = match.end()
            if found := _match_of(match, 0, None):
                yield found
    yield from _without_scheme(text, done, len(text))


@lru_cache(maxsize=1 << 14)
def classify_host(written: str) -> tuple[EntityKind, str, str | None] | None:
    """Returns kind and value of a host, and `look_alike:BRAND` where it imitates one."""
    host = domain.refang(written)
    if address := domain.canonical_ip(host):
        return EntityKind.IP, address, None
    name = domain.canonical_host(host)
    registered = domain.registrable_domain(name) if name else None
    if registered is None:
        return None
    brand = domain.impersonated_brand(registered)
    return EntityKind.DOMAIN, registered, f"look_alike:{brand}" if brand else None


def _without_scheme(text: str, start: int, end: int) -> Iterator[Match]:
    """Yields the web addresses without a scheme that begin between two places."""
    for dot in _DOTTED.finditer(text, start, end):
        if dot.start() < start:
            continue
        match = _BARE.search(text, max(start, _word_start(text, dot.start())), end)
        if match is None:
            return
        start = match.end()
        if _plausible(text, match) and (found := _match_of(match, 0, None)):
            link = match["rest"] or domain.refang(match["host"]) != match["host"]
            yield found if link else found._replace(role=Role.MENTIONED)


def _word_start(text: str, dot: int) -> int:
    """Returns the start of the word before a dot."""
    at = dot
    while (
        at > 0
        and dot - at < domain.LONGEST_HOST
        and (text[at - 1].isalnum() or text[at - 1] in "-_.@+%")
    ):
        at -= 1
    return at


def _match_of(match: re.Match[str], offset: int, whole: int | None) -> Match | None:
    named = classify_host(match["host"])
    if named is None:
        return None
    kind, value, how = named
    # Of a host of short links, only a whole link is somebody's.
    if kind is EntityKind.DOMAIN and domain.legitimate_domains().get(value) == "shortener":
        path = domain.refang(match["rest"]).partition("?")[0].partition("#")[0].rstrip(TRAILING)
        if len(path) > 1:
            kind, value = EntityKind.URL, f"{value}{path}"
    end = whole if whole is not None else match.start() + len(match[0].rstrip(TRAILING))
    start = match.start() + offset
    return Match(start, end + offset, kind, value, Role.LURE_SITE, how=how)


def _plausible(text: str, match: re.Match[str]) -> bool:
    """Checks whether dotted words are meant as an address and not as the joint of two sentences."""
    host = domain.canonical_host(match["host"])
    ending = domain.public_suffix(host) if host else ""
    if not host or not ending or host == ending:
        return False
    written = domain.refang(match["host"])
    defanged = written != match["host"]
    if defanged or host.startswith("www.") or match["rest"].startswith("/"):
        return True
    if written not in (written.lower(), written.upper()) and not written[1:].islower():
        return False
    if _LEADS.search(text, max(0, match.start() - 40), match.start()):
        return True
    if domain.is_on_hosting_platform(host):
        return True
    if ending not in _PLAIN_SUFFIXES:
        return False
    name = host[: -len(ending) - 1]
    return ending not in _WORDLIKE or len(name) > 7 or not name.isalpha()
