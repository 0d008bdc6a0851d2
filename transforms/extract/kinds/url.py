"""Web addresses to their holders: in fields, in texts, defanged or without a scheme.

Values are `domain:evil.example`, `domain:x.z13.web.core.windows.net` and
`url:sites.google.com/view/x` for the tenants of platforms, `url:bit.ly/3xYz` for a link that tells
of none, `ip:198.51.100.7`. The numbers that links carry are `phone:`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from schemas.enums import Carried, EntityKind, Role
from transforms.decode.escapes import decode_link
from transforms.extract.kinds import domain, email, hosting, messenger, phone_link
from transforms.extract.kinds.phone_link import MAX_URL, SCHEME, TRAILING
from transforms.extract.mention import Match

HINT = (
    r"(?i)//|\[/\]|[\pL\pN_-](?:\.|\s?[\[({]\s?(?:\.|dot|punto|punkt|point)\s?[\])}]\s?|。|．)\pL"
)
"""RE2: without a match of this, a text holds no web address by name."""

_IP = r"\d{1,3}(?:(?:\.|\[\.\])\d{1,3}){3}"

_FULL = re.compile(
    rf"(?:{SCHEME}|(?<![\w:/\\])//)(?:[^\s/\\<>\"'?#]{{0,{MAX_URL}}}@)?"
    rf"(?P<host>\[[0-9A-Fa-f:.]{{2,45}}\]|{_IP}(?![\w%@-]|{domain.DOT}\w)|{domain.HOST}(?![\w%@]|\.\w)"
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
    "t.me": messenger.find,
    "telegram.me": messenger.find,
    "chat.whatsapp.com": messenger.find,
    "signal.me": messenger.find,
}
"""Hosts whose links name a handle, and its finder."""

_DOTTED = re.compile(rf"(?<=[^\W_]){domain.DOT}(?=[^\W_])", re.IGNORECASE)
"""The first dot of what may be a host."""

_DOT_SIGN = re.compile(r"[.。．\[({]")
"""A sign that every dot has, found faster than a dot."""

_OF_ESIM = re.compile(r"(?:\blpa:1\$|\bsm-?dp\+?(?: ?address)?\W{0,3})$", re.IGNORECASE)
"""Signs before the host that a phone loads an eSIM from, which is an operator's (GSMA SGP.22)."""

_LEADS = re.compile(
    r"\b(?:website|web ?site|site|url|link|page|domain|address|visit(?:ed)?|go(?:ing)? to|went to"
    r"|log(?:ged)? (?:in|on)to|open(?:ed)?|browse[dr]?|download(?:ed)?(?: from)?|typed?(?: in)?|web"
    r"|página|pagina|sitio|enlace|dirección|entrar? en|entré en|visit(?:ar|e|é)|abr(?:ir|í|a)"
    r"|seite|webseite|adresse|auf|unter|besuch(?:t|en|te)|öffne[tn]?|aufgerufen"
    r"|lien|site internet|aller sur|allé sur|visit(?:er|ez)|ouvrir|sito|andare su|vai su|link[eo]?"
    r"|endereço|acessar|acesse|entrar no|ga naar|ging naar|bezocht)"
    r"(?:\s(?:called|named|is|was|at|to|it|the|a|on|era|es|web|de|war|ist|était|est|è))?\W{1,3}$",
    re.IGNORECASE,
)

_CITES = re.compile(
    r"\b(?:(?:bought|ordered|read|saw|found|looked|checked|reported)(?: \w+){0,3} (?:on|at|from)"
    r"|(?:compr|ped|le|mir|busc|busqu|denunci|consult)\w{0,4}[éío](?: \w+){0,2} en|bei"
    r"|(?:lu|vu|cherché|acheté|commandé|signalé)(?: \w+){0,3} (?:sur|chez))\s$",
    re.IGNORECASE,
)
"""Words of who read, bought or reported somewhere, before a site of any suffix."""

_FOLLOWS = re.compile(
    r"\W{1,3}(?:website|web ?site|site|page|link|domain|seite|página|pagina|sitio|sito)\b",
    re.IGNORECASE,
)

_SURE_SUFFIXES = frozenset("com net org info biz xyz store cloud website vip icu".split())
"""Suffixes that the joint of two sentences does not form; nor does one of two labels, as co.uk."""

_WORDS = frozenset(
    "ai al am an as at be by de do es id in is it la le li lo ma me my ne no or pm se si so su to"
    " tu us va".split()
)
"""Country suffixes that are words in some language, so that a sentence can begin with them."""

_LONG_NAME = 8
"""Letters of a name before a suffix that is a word (support, online): longer than most words."""

_CITED_NAME = 4
"""Letters of a name before any suffix, behind words of who read or bought there."""

_LONG_PHRASE = 10
"""Letters of a name of several parts before one of `_WORDS`: longer than follow-up or call-back."""


class Click(NamedTuple):
    """A parameter that an ad platform added to one visitor's link, and whom the link names."""

    platform: str
    key: str
    value: str
    entity_id: str


def clicks(text: str) -> Iterator[Click]:
    """Yields what ad platforms added to the links of a text, as whoever clicked was given it."""
    platforms = {key.lower(): name for key, name in domain.click_platforms().items()}
    for link in find(text):
        if link.kind is EntityKind.PHONE:
            continue
        for part in re.split("[?&;#]", decode_link(text[link.start : link.end], 1))[1:]:
            key, _, value = part.partition("=")
            if value and (platform := platforms.get(key.lower())):
                yield Click(platform, key, value, link.entity_id)


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
        for handle in handles or _named_by(plain, match, region):
            yield handle._replace(start=start, end=start + len(body))


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


class Site(NamedTuple):
    """The holder of a host: kind and value of its id.

    `how` is `look_alike:BRAND` where it imitates one; `page` is where below a domain the link leads
    (`hosting.page_below`).
    """

    kind: EntityKind
    value: str
    how: str | None = None
    page: str | None = None

    def match(self, start: int, end: int) -> Match:
        """Returns it as a site that a victim was sent to."""
        return Match(
            start, end, self.kind, self.value, Role.LURE_SITE, how=self.how, page=self.page
        )


@lru_cache(maxsize=1 << 14)
def classify_host(written: str, rest: str = "") -> Site | None:
    """Returns whose a host is; where that alone does not tell, `rest` of its address does."""
    link = hosting.parse_link(domain.refang(written), domain.refang(rest))
    if link is None:
        return None
    link = hosting.opened_link(link)
    if address := domain.canonical_ip(link.host):
        return Site(EntityKind.IP, address)
    tenant = hosting.tenant_of(link)
    if tenant is None:
        return None
    if not tenant.is_host:
        # One that was made for a victim, whose address it holds, is of nobody else.
        return None if _is_personal(tenant.value) else Site(EntityKind.URL, tenant.value)
    brand = domain.impersonated_brand(tenant.value, tenant.name)
    how = f"look_alike:{brand}" if brand else None
    may_be_platform = tenant.platform is None and not domain.is_known_site(tenant.value)
    page = hosting.page_below(link, tenant.value) if may_be_platform else None
    page = None if page and _is_personal(page) else page
    return Site(EntityKind.DOMAIN, tenant.value, how, page)


def _is_personal(address: str) -> bool:
    return any(email.addresses_carried(address, 0, len(address)))


def _without_scheme(text: str, start: int, end: int, region: str | None) -> Iterator[Match]:
    """Yields the web addresses without a scheme that begin between two places."""
    for sign in _DOT_SIGN.finditer(text, start, end):
        place = sign.start()
        dot = place - text[place - 1 : place].isspace()
        if dot < start or not _DOTTED.match(text, dot, end):
            continue
        match = _BARE.search(text, max(start, _word_start(text, dot)), end)
        if match is None:
            return
        start = match.end()
        if not _plausible(text, match):
            continue
        link = match["rest"] or domain.refang(match["host"]) != match["host"]
        for named in _named_by(text, match, region):
            is_site = named.kind is not EntityKind.PHONE
            yield named if link or not is_site else named._replace(role=Role.MENTIONED)


def _named_by(text: str, match: re.Match[str], region: str | None) -> Iterator[Match]:
    """Yields whose a link is, and the numbers that it carries."""
    rest = match["rest"].rstrip(TRAILING)
    end = match.start() + len(match[0].rstrip(TRAILING))
    named = classify_host(match["host"], rest)
    if named:
        yield named.match(match.start(), end)
    # A page about a number, on a site that is known, does not want it called.
    is_known = named is None or domain.is_known_site(named.value)
    for number in phone_link.numbers_carried(text, match.start("rest"), end, region):
        cited = number._replace(role=Role.MENTIONED, carried=Carried.BARE)
        yield cited if is_known else number


def _word_start(text: str, dot: int) -> int:
    """Returns the start of the word before a dot."""
    start = dot
    while (
        start > 0
        and dot - start < domain.LONGEST_HOST
        and (text[start - 1].isalnum() or text[start - 1] in "-_.@+%")
    ):
        start -= 1
    return start


def _plausible(text: str, match: re.Match[str]) -> bool:
    """Checks whether dotted words are meant as an address and not as the joint of two sentences."""
    host = domain.canonical_host(match["host"])
    ending = domain.public_suffix(host) if host else ""
    if not host or not ending or (host == ending and not match["rest"]):
        return False
    if _OF_ESIM.search(text, max(0, match.start() - 24), match.start()):
        return False
    written = domain.refang(match["host"])
    defanged = written != match["host"]
    if defanged or host.startswith("www.") or match["rest"]:
        return True
    sure = ending in _SURE_SUFFIXES or "." in ending
    name, last = host[: -len(ending) - 1], written[-len(ending) :]
    # "He called.It was": where the second word begins a sentence.
    if last[0].isupper() and not written.isupper() and not sure:
        return False
    if _LEADS.search(text, max(0, match.start() - 40), match.start()):
        return True
    if _FOLLOWS.match(text, match.end()) or hosting.platform_of(host):
        return True
    if sure or domain.impersonated_brand(host):
        return True
    if not name.isalpha():
        letters = sum(map(str.isalpha, name))
        return letters >= (_LONG_PHRASE if ending in _WORDS else 3)
    if (len(ending) > 2 or ending == "us") and len(name) >= _LONG_NAME:
        return True
    cited = _CITES.search(text, max(0, match.start() - 40), match.start())
    return cited is not None and len(name) >= _CITED_NAME
