"""Web addresses to registrable domains: in fields, in text, defanged or without a scheme."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib import resources

from schemas.enums import EntityKind, Role
from transforms.extract.kinds import domain
from transforms.extract.kinds.domain import (
    canonical_host,
    canonical_ip,
    imitated,
    refang,
    registrable,
)
from transforms.extract.mention import Found

MAX_URL = 2_048
"""Characters of a web address that are read."""


_SCHEME = r"h(?:tt|xx|Xx|XX|TT|tx|xt)ps?\s?(?:\[:\]|:)\s?(?:\[/\]|/){2}"


_IP = r"\d{1,3}(?:(?:\.|\[\.\])\d{1,3}){3}"


_FULL = re.compile(
    rf"(?:{_SCHEME})(?:[^\s/@<>\"'?#]{{1,200}}@)?(?P<host>\[[0-9A-Fa-f:.]{{2,45}}\]"
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


HINT = (
    r"(?i)//|\[/\]|[\pL\pN_-](?:\.|\s?[\[({]\s?(?:\.|dot|punto|punkt|point)\s?[\])}]\s?|。|．)\pL"
)
"""RE2: without a match of this, a text holds no web address by name."""


_WHATSAPP = (
    rf"(?:{_SCHEME})?(?:wa\.me/|(?:api|web)\.whatsapp\.com/send/?\?phone=)"
    r"(?:\+|%2B)?(?P<whatsapp>\d{7,15})"
)


_CHAT = re.compile(rf"(?<![\w.-]){_WHATSAPP}(?!\d)[^\s<>\"']{{0,{MAX_URL}}}", re.IGNORECASE)


CHAT_HINT = r"(?i)wa\.me/|whatsapp\.com/send"
"""RE2: without a match of this, a text holds no link to a chat."""


_TO_PHONE = re.compile(
    rf"(?:tel|callto|sms):(?://)?(?P<uri>\+?[\d().\s-]{{7,30}})|{_WHATSAPP}", re.IGNORECASE
)


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


_TRAILING = ".,;:!?)]}>'\"*"


def from_field(text: str) -> Iterator[Found]:
    """What a field that should be one web address names: its domain or address."""
    body = text[:MAX_URL].strip()
    offset = text.find(body)
    match = _FULL.match(body) or _BARE.match(body)
    if match and (found := _found(match, offset, len(body))):
        yield found


def in_text(text: str) -> Iterator[Found]:
    """The web addresses in a text: with a scheme, or bare where nothing else is plausible.

    A bare name, without a path and not defanged, is only `mentioned` until context says that the
    victim was sent there.
    """
    done = 0
    if "//" in text or "[/]" in text:
        for match in _FULL.finditer(text):
            yield from _bare(text, done, match.start())
            done = match.end()
            if found := _found(match, 0, None):
                yield found
    yield from _bare(text, done, len(text))


def _bare(text: str, start: int, end: int) -> Iterator[Found]:
    """Web addresses without a scheme that begin between two places."""
    for dot in _DOTTED.finditer(text, start, end):
        if dot.start() < start:
            continue
        match = _BARE.search(text, max(start, _token(text, dot.start())), end)
        if match is None:
            return
        start = match.end()
        if _plausible(text, match) and (found := _found(match, 0, None)):
            link = match["rest"] or domain.refang(match["host"]) != match["host"]
            yield found if link else found._replace(role=Role.MENTIONED)


def _token(text: str, dot: int) -> int:
    """Where the word before a dot begins."""
    at = dot
    while (
        at > 0
        and dot - at < domain.LONGEST_HOST
        and (text[at - 1].isalnum() or text[at - 1] in "-_.@+%")
    ):
        at -= 1
    return at


def phone_of(text: str) -> str | None:
    """The number of a link that calls or writes to a phone (RFC 3966, WhatsApp), or None."""
    match = _TO_PHONE.match(text.strip()[:MAX_URL])
    if match is None:
        return None
    return match["uri"] or f"+{match['whatsapp']}"


def chats(text: str) -> Iterator[tuple[int, int, str]]:
    """Links in a text that open a chat with a phone: start, end, and the number with its plus."""
    for match in _CHAT.finditer(text):
        end = match.start() + len(match[0].rstrip(_TRAILING))
        yield match.start(), end, f"+{match['whatsapp']}"


def _found(match: re.Match[str], offset: int, whole: int | None) -> Found | None:
    named = of_host(match["host"])
    if named is None:
        return None
    kind, value, how = named
    if kind is EntityKind.DOMAIN and value in _shorteners():
        path = domain.refang(match["rest"]).partition("?")[0].partition("#")[0].rstrip(_TRAILING)
        if len(path) > 1:
            kind, value = EntityKind.URL, f"{value}{path}"
    end = whole if whole is not None else match.start() + len(match[0].rstrip(_TRAILING))
    start = match.start() + offset
    return Found(start, end + offset, kind, value, Role.LURE_SITE, how=how)


@lru_cache(maxsize=1 << 14)
def of_host(written: str) -> tuple[EntityKind, str, str | None] | None:
    """What a host names, and `look_alike:BRAND` where it imitates one."""
    host = refang(written)
    if address := canonical_ip(host):
        return EntityKind.IP, address, None
    name = canonical_host(host)
    domain = registrable(name) if name else None
    if domain is None:
        return None
    brand = imitated(domain)
    return EntityKind.DOMAIN, domain, f"look_alike:{brand}" if brand else None


@cache
def _shorteners() -> frozenset[str]:
    """Hosts of short links, of the known-legitimate list: only a whole link is somebody's."""
    text = resources.files("transforms").joinpath("data/known_legitimate.csv").read_text("utf-8")
    return frozenset(
        row["entity_id"].removeprefix("domain:")
        for row in csv.DictReader(text.splitlines())
        if row["category"] == "shortener"
    )


def _plausible(text: str, match: re.Match[str]) -> bool:
    """Whether dotted words are meant as an address and not as the joint of two sentences."""
    host = domain.canonical_host(match["host"])
    ending = domain.suffix(host) if host else ""
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
    if domain.hosted(host):
        return True
    if ending not in _PLAIN_SUFFIXES:
        return False
    name = host[: -len(ending) - 1]
    return ending not in _WORDLIKE or len(name) > 7 or not name.isalpha()
