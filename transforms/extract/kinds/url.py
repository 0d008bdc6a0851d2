"""Web addresses to their holders: in fields, in texts, defanged or without a scheme.

Values are `domain:evil.example`, `domain:x.z13.web.core.windows.net` and
`url:sites.google.com/view/x` for the tenants of platforms, `url:bit.ly/3xYz` for a link that tells
of none, `ip:198.51.100.7`. The numbers that links carry are `phone:`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from schemas.enums import EntityKind, Role
from transforms.extract.kinds import domain, email, hosting, phone_link, signal, telegram, whatsapp
from transforms.extract.kinds.phone_link import MAX_URL, SCHEME, TRAILING
from transforms.extract.mention import Match

HINT = (
    r"(?i)//|\[/\]|[\pL\pN_-](?:\.|\s?[\[({]\s?(?:\.|dot|punto|punkt|point)\s?[\])}]\s?|。|．)\pL"
)
"""RE2: without a match of this, a text holds no web address by name."""

_IP = r"\d{1,3}(?:(?:\.|\[\.\])\d{1,3}){3}"

_FULL = re.compile(
    rf"(?:{SCHEME}|(?<![\w:/\\])//)(?:[^\s/\\<>\"'?#]{{0,{MAX_URL}}}@)?"
    rf"(?P<host>\[[0-9A-Fa-f:.]{{2,45}}\]|{_IP}(?![\w%@-]|\.\w)|{domain.HOST}(?![\w%@]|\.\w)"
    rf"|[^\s/\\<>\"'?#@:]{{1,{domain.LONGEST_HOST}}}(?![^\s/\\<>\"'?#:]))"
    rf"(?:\.(?=[:/\\?#]))?(?P<port>:\d{{0,5}})?(?P<rest>(?:[/\\?#][^\s<>\"']{{0,{MAX_URL}}})?)",
    re.IGNORECASE,
)

_BARE = re.compile(
    rf"(?<![\w@.+%-])(?P<host>{domain.HOST})(?![\w@-]|\.\w)(?:\.(?=/))?(?P<port>:\d{{1,5}})?"
    rf"(?P<rest>(?:/[^\s<>\"']{{0,{MAX_URL}}}|\?[\w.-]{{1,40}}=[^\s<>\"']{{0,{MAX_URL}}})?)",
    re.IGNORECASE,
)

_LAX_SCHEME = re.compile(
    r"^[\x00-\x20]*(h[tx]{2}ps?\s?(?:\[:\]|:))[/\\]{0,8}(?=[^/\\])", re.IGNORECASE
)
"""A scheme as browsers take it, with any number of slashes of either kind (WHATWG URL 4.4)."""

_IGNORED = str.maketrans("", "", "\t\n\r")
"""Characters that browsers take out of addresses."""

_MESSENGERS = {
    "t.me": telegram.find,
    "telegram.me": telegram.find,
    "chat.whatsapp.com": whatsapp.find,
    "signal.me": signal.find,
}
"""Hosts whose links name a handle, and its finder."""

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


def from_field(text: str, region: str | None = None) -> Iterator[Match]:
    """Yields what a field that should be one web address names: its holder, and the numbers in it.

    It is read as a browser reads it, without tabs and line breaks, and with slashes of any kind.
    """
    body = text[:MAX_URL].strip()
    plain = _LAX_SCHEME.sub(r"\1//", body.translate(_IGNORED))
    match = _FULL.match(plain) or _BARE.match(plain)
    if match:
        find_handles = _MESSENGERS.get(match["host"].lower().removeprefix("www."))
        handles = [*find_handles(plain)][:1] if find_handles else []
        start = text.find(body)
        for one in handles or _named_by(plain, match, region):
            yield one._replace(start=start, end=start + len(body))


def find(text: str, region: str | None = None) -> Iterator[Match]:
    """Yields the web addresses in a text: with a scheme, or bare where nothing else is plausible.

    A bare name, without a path and not defanged, is only `mentioned` until context says that the
    victim was sent there. The numbers that a link carries follow it.
    """
    done = 0
    if "//" in text or "[/]" in text or "\\" in text:
        for match in _FULL.finditer(text):
            yield from _without_scheme(text, done, match.start(), region)
            done = match.end()
            yield from _named_by(text, match, region)
    yield from _without_scheme(text, done, len(text), region)


@lru_cache(maxsize=1 << 14)
def classify_host(written: str, rest: str = "") -> tuple[EntityKind, str, str | None] | None:
    """Returns kind and value of whose a host is, and `look_alike:BRAND` where it imitates one.

    Where the host alone does not tell, `rest` of its address does, if it can be told at all.
    """
    link = hosting.parse_link(domain.refang(written), domain.refang(rest))
    if link is None:
        return None
    if address := domain.canonical_ip(link.host):
        return EntityKind.IP, address, None
    tenant = hosting.tenant_of(link)
    if tenant is None:
        return None
    if not tenant.is_host:
        # One that was made for a victim, whose address it holds, is of nobody else.
        is_personal = any(email.addresses_carried(tenant.value, 0, len(tenant.value)))
        return None if is_personal else (EntityKind.URL, tenant.value, None)
    brand = domain.impersonated_brand(tenant.value, tenant.name)
    return EntityKind.DOMAIN, tenant.value, f"look_alike:{brand}" if brand else None


def _without_scheme(text: str, start: int, end: int, region: str | None) -> Iterator[Match]:
    """Yields the web addresses without a scheme that begin between two places."""
    for dot in _DOTTED.finditer(text, start, end):
        if dot.start() < start:
            continue
        match = _BARE.search(text, max(start, _word_start(text, dot.start())), end)
        if match is None:
            return
        start = match.end()
        if not _plausible(text, match):
            continue
        link = match["rest"] or domain.refang(match["host"]) != match["host"]
        for found in _named_by(text, match, region):
            is_site = found.kind is not EntityKind.PHONE
            yield found if link or not is_site else found._replace(role=Role.MENTIONED)


def _named_by(text: str, match: re.Match[str], region: str | None) -> Iterator[Match]:
    """Yields whose a link is, and the numbers that it carries."""
    rest = match["rest"].rstrip(TRAILING)
    end = match.start() + len(match[0].rstrip(TRAILING))
    named = classify_host(match["host"], rest)
    if named:
        kind, value, how = named
        yield Match(match.start(), end, kind, value, Role.LURE_SITE, how=how)
    # A page about a number, on a site that is known, does not want it called.
    is_known = named is None or named[1] in domain.legitimate_domains()
    for number in phone_link.numbers_carried(text, match.start("rest"), end, region):
        yield number._replace(role=Role.MENTIONED) if is_known else number


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


def _plausible(text: str, match: re.Match[str]) -> bool:
    """Checks whether dotted words are meant as an address and not as the joint of two sentences."""
    host = domain.canonical_host(match["host"])
    ending = domain.public_suffix(host) if host else ""
    if not host or not ending or host == ending:
        return False
    written = domain.refang(match["host"])
    defanged = written != match["host"]
    if defanged or host.startswith("www.") or match["rest"]:
        return True
    if written not in (written.lower(), written.upper()) and not written[1:].islower():
        return False
    if _LEADS.search(text, max(0, match.start() - 40), match.start()):
        return True
    if hosting.platform_of(host):
        return True
    if ending not in _PLAIN_SUFFIXES:
        return False
    name = host[: -len(ending) - 1]
    return ending not in _WORDLIKE or len(name) > 7 or not name.isalpha()
