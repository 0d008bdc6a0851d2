"""Web addresses in fields and texts: their holders, and the data of a victim that they carry.

Ids are `domain:evil.example`; `domain:x.z13.web.core.windows.net` and
`url:sites.google.com/view/x` for tenants of platforms; `url:bit.ly/3xYz` for a short link;
`ip:198.51.100.7`. Addresses may be defanged, or lack a scheme.

Pop-ups of call centres carry the number to show in their address, under any key (`phone:`). It is
a callback if no private person can hold it, or if it is written for people to read. A bare run of
digits may be anything: it is only mentioned, and marked (`Carried`). A link may also carry the
victim's address, so that the page can greet the victim: such an address names no sender. The click
id of an ad platform belongs to one visitor.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import NamedTuple

import pyarrow as pa

from schemas.enums import Carried, EntityKind, Role
from transforms.decode import (
    HIDDEN_AT_WORDS,
    HIDDEN_DOT_WORDS,
    fold_text,
    load_reference_data,
    masks,
)
from transforms.decode.escapes import decode_link, decode_web_escapes, span_as_written
from transforms.decode.readings import tokens_with_address
from transforms.extract.kinds import domain, messenger
from transforms.extract.kinds.email import ESCAPED_AT
from transforms.extract.kinds.phone_link import MAX_URL, NON_GEOGRAPHIC, SCHEME, TRAILING
from transforms.extract.mention import Match, phone_match
from transforms.phone import normalize
from transforms.phone.find import find_numbers_in_text

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
"""A scheme as browsers accept it, with any number of slashes of either kind (WHATWG URL 4.4)."""

_IGNORED = str.maketrans("", "", "\t\n\r")
"""Characters that browsers remove from addresses."""

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
"""Signs before the host of an operator from which a phone loads an eSIM (GSMA SGP.22)."""

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
"""Words of a person who read, bought or reported somewhere, before a site of any suffix."""

_FOLLOWS = re.compile(
    r"\W{1,3}(?:website|web ?site|site|page|link|domain|seite|página|pagina|sitio|sito)\b",
    re.IGNORECASE,
)

_SURE_SUFFIXES = frozenset("com net org info biz xyz store cloud website vip icu".split())
"""Suffixes that two joined sentences cannot form; nor can a suffix of two labels, as co.uk."""

_WORDS = frozenset(
    "ai al am an as at be by de do es id in is it la le li lo ma me my ne no or pm se si so su to"
    " tu us va".split()
)
"""Country suffixes that are words in some language, and can begin a sentence."""

_LONG_NAME = 8
"""Fewest letters of a name before a suffix that is a word (support, online)."""

_CITED_NAME = 4
"""Fewest letters of a name before any suffix, after words of a person who read or bought there."""

_LONG_PHRASE = 10
"""Fewest letters of a name of several parts before a suffix in `_WORDS`: more than call-back."""

_PIECE = re.compile(r"[^/?#&;=|,!\\\s<>\"']+")
"""A part of a path, a name or a value."""

_DECODED_PIECE = re.compile(r"[^/?#&;=|\\]+")
"""A part of a decoded text, such as a link inside a forwarding link."""

_DIGITS = re.compile(r"(?:\d\D{0,6}?){7}")

_PLUS_FOR_SPACE = re.compile(r"(?<=[\d)])\+(?=[\d(])")

_BARE_OR_OTHER = re.compile(r"\d+|\d{5}-\d{4}|\d{1,3}\.\d{4,}")
"""Digits that are not written for people to call: bare, a ZIP code, a decimal (a latitude)."""

_KEY = re.compile(r"(?<![^\W_])([^\W_][\w.-]{0,40})(?:\[\])?[=:]\W{0,3}$")
"""The key before a number that is its value."""

_KEY_REACH = 80
"""Distance before a part of a link to search for its key, in characters."""

_TOLL_FREE_NANP = re.compile(r"\D{0,2}1\D{0,2}8(?:00|33|44|55|66|77|88)")

_LINK_AT = r"(?:@|＠|﹫|[\[({]at[\])}])"

_LINK_DOT = r"(?:\.|[\[({](?:\.|dot)[\])}])"

_BETWEEN = "[ _+-]"

_SAID_AT = rf"{_BETWEEN}(?:{HIDDEN_AT_WORDS}){_BETWEEN}"

_SAID_DOT = rf"{_BETWEEN}(?:{HIDDEN_DOT_WORDS}){_BETWEEN}"

_UNSEEN = "[\u00ad\u200b-\u200d\u2060\ufeff]*"
"""Characters that have no width."""

_TOKEN_HINT = r"(?:[^/]/|[^:]//+|[?#=&]|[/?#][^\s<>\"']*://)[^\s<>\"'/]*[A-Za-z0-9+_-]{10}"
"""RE2: without a match of this, no token follows a host."""

_CLICK = rf"(?:[?&;#/]|%(?:25)*(?:26|3f|23))(?:{domain.click_ids()})(?:=|%(?:25)*3d)"

_PERSON = (
    r"(?:(?:first|last|full|user|your|sur|middle|given|family|customer|victim|card|holder)[_-]?)*name"
    r"|[fl]name|(?:(?:street|home|mailing|billing|ip)[_-]?)?addr(?:ess)?[0-9]?|street|city|region|zip"
    r"|isp|ip|post(?:al)?[_-]?code|dob|birth[a-z_-]{0,8}|ssn|sin|nino|dni|nif|nie|imei|serial"
    r"|pass(?:wd|word|port)?|pwd|pin|otp|cv[cv]2?|cc(?:[_-]?num(?:ber)?)?|iban|routing|sort[_-]?code"
    r"|(?:card|acc(?:oun)?t|licen[cs]e)(?:[_-]?(?:no|num|nr|number|id))?"
)
"""Names of parameters that say who filled in a form, from which place and on which machine."""

_FILLED = rf"[?&;#](?:{_PERSON})(?:=|%3d)"

LINK_HINTS = (
    rf"(?i)[/?#][^\s<>\"']*(?:{_LINK_AT}|{ESCAPED_AT}|(?:[_+-]|%(?:25)*20)(?:"
    rf"{HIDDEN_AT_WORDS})(?:[_+-]|%(?:25)*20)|[0-9]{{7}})|{_TOKEN_HINT}|{_CLICK}|{_FILLED}",
)
"""RE2: without a match of this, a text holds no such address, id or number."""

LINK = re.compile(
    rf"(?://[^\s<>\"'/?#]{{1,{MAX_URL}}}|(?<![\w@.+%/-]){domain.HOST}(?::\d{{1,5}})?)"
    rf"(?P<rest>[/?#][^\s<>\"']{{1,{MAX_URL}}})",
    re.IGNORECASE,
)
"""A web address from its host, or from the slashes before the host, with a `rest`."""

_ADDRESS = re.compile(
    rf"(?<![\w.+-])[\w.+-]{{1,64}}{_UNSEEN}{_LINK_AT}{_UNSEEN}[\w-]{{1,63}}"
    rf"(?:{_LINK_DOT}[\w-]{{1,63}}){{1,5}}"
    rf"|(?<![\w.+-])[\w.+-]{{1,64}}?{_SAID_AT}(?:[\w-]{{1,63}}?(?:{_SAID_DOT}[\w-]{{1,63}}?){{1,3}}\b"
    r"|[\w-]{1,63}(?:\.[\w-]{1,63}){0,3}\.(?:com|net|org|edu|gov|info|[a-z]{2})(?![\w-]))",
    re.IGNORECASE,
)

_CLICK_ID = re.compile(rf"{_CLICK}(?P<id>[^\s<>\"'&#;]{{1,{MAX_URL}}})", re.IGNORECASE)

_FILLED_IN = re.compile(rf"{_FILLED}(?P<value>[^\s<>\"'&#;]{{1,{MAX_URL}}})", re.IGNORECASE)

_BEHIND_PATH = re.compile(r"[?#]")

_BARE_DIGITS = re.compile(
    r"(?:(?<![\d+%])|(?<=%[0-9A-F]{2}))(?<!%2B)(?!1?8(?:00|33|44|55|66|77|88)\d{7}(?!\d))\d{7,}",
    re.IGNORECASE,
)
"""Digits in a query that are neither a toll-free number nor written for people to read."""


class Click(NamedTuple):
    """A parameter that an ad platform added to a visitor's link, and the link's entity id."""

    platform: str
    key: str
    value: str
    entity_id: str


def clicks(text: str) -> Iterator[Click]:
    """Yields the parameters that ad platforms added to the links of a text."""
    platforms = {key.lower(): name for key, name in domain.click_platforms().items()}
    for link in find(text):
        if link.kind is EntityKind.PHONE:
            continue
        for part in re.split("[?&;#]", decode_link(text[link.start : link.end], 1))[1:]:
            key, _, value = part.partition("=")
            if value and (platform := platforms.get(key.lower())):
                yield Click(platform, key, value, link.entity_id)


def from_field(text: str, region: str | None = None) -> Iterator[Match]:
    """Yields the holder and the numbers of a field that should be one web address.

    The field is read as by a browser, without tabs and line breaks, and with slashes of any kind.
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


def find(text: str, region: str | None = None) -> list[Match]:
    """Finds the web addresses in a text, with a scheme or bare if they are plausible.

    A bare name, without a path and not defanged, is only `mentioned` until context says that the
    victim was sent there. After each link come the numbers that it carries.
    """
    matches: list[Match] = []
    done = 0
    if "//" in text or "[/]" in text or "\\" in text:
        for match in _FULL.finditer(text):
            matches += _without_scheme(text, done, match.start(), region)
            done = match.end()
            matches += _named_by(text, match, region)
    matches += _without_scheme(text, done, len(text), region)
    return matches


class Site(NamedTuple):
    """The holder of a host: kind and value of its id.

    `how` is `look_alike:BRAND` if it imitates a brand. `page` is the page below the domain to which
    the link leads (`domain.page_below`).
    """

    kind: EntityKind
    value: str
    how: str | None = None
    page: str | None = None

    def match(self, start: int, end: int) -> Match:
        """Returns a match of the site, as a lure site."""
        return Match(
            start, end, self.kind, self.value, Role.LURE_SITE, how=self.how, page=self.page
        )


@lru_cache(maxsize=1 << 14)
def classify_host(written: str, rest: str = "") -> Site | None:
    """Returns the holder of a host and the `rest` of its address, or None if it names nobody."""
    link = domain.parse_link(domain.refang(written), domain.refang(rest))
    if link is None:
        return None
    link = domain.opened_link(link)
    if address := domain.canonical_ip(link.host):
        return Site(EntityKind.IP, address)
    tenant = domain.tenant_of(link)
    if tenant is None:
        return None
    if not tenant.is_host:
        # A link that holds a victim's address was made for that victim alone.
        return None if _is_personal(tenant.value) else Site(EntityKind.URL, tenant.value)
    brand = domain.impersonated_brand(tenant.value, tenant.name)
    how = f"look_alike:{brand}" if brand else None
    may_be_platform = tenant.platform is None and not domain.is_known_site(tenant.value)
    page = domain.page_below(link, tenant.value) if may_be_platform else None
    page = None if page and _is_personal(page) else page
    return Site(EntityKind.DOMAIN, tenant.value, how, page)


def _is_personal(address: str) -> bool:
    return any(addresses_carried(address, 0, len(address)))


def _without_scheme(text: str, start: int, end: int, region: str | None) -> list[Match]:
    """Finds the web addresses without a scheme that begin between two places."""
    matches: list[Match] = []
    for sign in _DOT_SIGN.finditer(text, start, end):
        place = sign.start()
        dot = place - text[place - 1 : place].isspace()
        if dot < start or not _DOTTED.match(text, dot, end):
            continue
        match = _BARE.search(text, max(start, _word_start(text, dot)), end)
        if match is None:
            break
        start = match.end()
        if not _plausible(text, match):
            continue
        link = match["rest"] or domain.refang(match["host"]) != match["host"]
        matches += (
            named if link or named.kind is EntityKind.PHONE else named._replace(role=Role.MENTIONED)
            for named in _named_by(text, match, region)
        )
    return matches


def _named_by(text: str, match: re.Match[str], region: str | None) -> list[Match]:
    """Returns the holder of a link, and the numbers that it carries."""
    rest = match["rest"].rstrip(TRAILING)
    end = match.start() + len(match[0].rstrip(TRAILING))
    named = classify_host(match["host"], rest)
    numbers = _numbers_carried(text, match.start("rest"), end, region)
    if numbers and (named is None or domain.is_known_site(named.value)):
        # A page on a known site that is about a number does not ask anybody to call it.
        numbers = [number._replace(role=Role.MENTIONED, carried=Carried.BARE) for number in numbers]
    return [named.match(match.start(), end), *numbers] if named else numbers


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
    """Checks whether dotted words are an address, and not two sentences without a space."""
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
    # "He called.It was": the second word begins a sentence.
    if last[0].isupper() and not written.isupper() and not sure:
        return False
    if _LEADS.search(text, max(0, match.start() - 40), match.start()):
        return True
    if _FOLLOWS.match(text, match.end()) or domain.platform_of(host):
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


def mask_link_addresses(texts: pa.Array) -> pa.Array:
    """Masks the spans of `link_address_spans` in strings or null; keeps the length."""
    return masks.mask_found(texts, LINK_HINTS, link_address_spans)


def link_address_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yields start and end of every address and click id in the links of a text.

    Also yields bare digits in a query or fragment, and values whose names say that they are a
    person's: a form can put its user's phone, card or account into the address.
    """
    for link in LINK.finditer(text):
        start, end = link.span("rest")
        yield from addresses_carried(text, start, end)
        for click in _CLICK_ID.finditer(text, start, end):
            yield click.span("id")
        for filled in _FILLED_IN.finditer(text, start, end):
            yield filled.span("value")
        if behind := _BEHIND_PATH.search(text, start, end):
            for digits in _BARE_DIGITS.finditer(text, behind.start(), end):
                yield digits.span()


def addresses_carried(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yields start and end of every address in the path, query and fragment of a link."""
    link = text[start:end]
    read = decode_web_escapes(link)
    for address in _ADDRESS.finditer(read.text):
        first, last = span_as_written(link, read, *address.span())
        yield start + first, start + last
    yield from tokens_with_address(text, start, end)


def _numbers_carried(text: str, start: int, end: int, region: str | None) -> list[Match]:
    """Returns the numbers in the path, query and fragment of a link between two places of a text.

    A link with somebody's e-mail address was made for that person, and may carry their number too.
    In such a link, only a number that no private person can hold counts as a callback.
    """
    matches: list[Match] = []
    if not _DIGITS.search(text, start, end):
        return matches
    is_personal = any(addresses_carried(text, start, end))
    for piece in _PIECE.finditer(text, start, end):
        if len(piece[0]) > 6:
            for reading, is_shown, lead in _numbers_in(piece[0], region):
                before = text[max(start, piece.start() - _KEY_REACH) : piece.start()]
                key = _key(f"{decode_link(before)}{lead}")
                is_other, is_free = _is_of_other(key), reading.line_type in NON_GEOGRAPHIC
                is_sure = is_shown and not (is_personal or is_other)
                if is_sure or (is_free and (is_shown or not is_other)):
                    match = phone_match(*piece.span(), reading, Role.CALLBACK)
                    way = Carried.FREE if is_free else Carried.WRITTEN
                    matches.append(match._replace(carried=way))
                    continue
                is_named = key in _keys()["phone"] and not (is_shown or is_personal)
                match = phone_match(*piece.span(), reading)
                way = Carried.NAMED if is_named else Carried.BARE
                matches.append(match._replace(carried=way))
    return matches


def _key(before: str) -> str:
    """Returns the key at the end of a text, without case, accents and signs; else empty."""
    match = _KEY.search(before)
    return re.sub(r"[\W_]", "", fold_text(match[1])) if match else ""


@cache
def _keys() -> dict[str, frozenset[str]]:
    return {
        holder: frozenset(keys) for holder, keys in load_reference_data("link_keys.toml").items()
    }


def _is_of_other(key: str) -> bool:
    """Checks whether a key names a number that is no phone number."""
    return key.endswith("id") or key in _keys()["other"] or key in domain.click_platforms()


@lru_cache(maxsize=1 << 14)
def _numbers_in(piece: str, region: str | None) -> tuple[tuple[normalize.Reading, bool, str], ...]:
    """Returns the numbers in a part of a link, if written for people to read, and their lead."""
    whole = decode_link(piece)
    return tuple(
        (reading, is_shown, f"{whole[: part.start()]}{lead}")
        for part in _DECODED_PIECE.finditer(whole)
        for reading, is_shown, lead in _numbers_in_part(part[0], region)
    )


def _numbers_in_part(
    part: str, region: str | None
) -> Iterator[tuple[normalize.Reading, bool, str]]:
    plain = _PLUS_FOR_SPACE.sub(" ", part).replace("_", " ")
    if not _DIGITS.search(plain):
        return
    numbers = find_numbers_in_text(plain, region)
    if not numbers and _TOLL_FREE_NANP.search(plain):
        numbers = [
            number
            for number in find_numbers_in_text(plain, "US")
            if number[1].line_type == "toll_free"
        ]
    for span, reading in numbers:
        written = plain[span.start : span.end]
        yield reading, not _BARE_OR_OTHER.fullmatch(written), plain[: span.start]
