"""E-mail addresses, plain or defanged, to one canonical form.

E-mail addresses within web addresses: of whom a link was sent to, as far as anybody can tell.

A link of a scam carries its victim's address, so that its page greets them: it names no sender.

Addresses written as they are said: 'help.desk at gmail dot com', 'visit refunds dot com'.

Victims write them so to keep a form from refusing them, and transcripts have them so.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator

import pyarrow as pa

from schemas.enums import EntityKind, Role
from transforms import text_masking, text_util
from transforms.extract.kinds import domain, url
from transforms.extract.mention import Found

_AT = r"(?:@|\s?[\[({]\s?(?:@|at)\s?[\])}]\s?|＠)"


_LONGEST_LOCAL = 64
"""Characters before the sign (RFC 5321 section 4.5.3.1.1)."""


_LOCAL = rf"[A-Za-z0-9_][A-Za-z0-9._%+'&=-]{{0,{_LONGEST_LOCAL - 1}}}"


_SIGN = re.compile(_AT, re.IGNORECASE)


_MAIL = re.compile(
    rf"(?<![\w.%+@-])(?P<local>{_LOCAL}){_AT}(?P<host>{domain.HOST})(?![\w@])", re.IGNORECASE
)


HINT = r"(?i)@|＠|[\[({]\s?at\s?[\])}]"
"""RE2: without a match of this, a text holds no address."""


def in_text(text: str) -> Iterator[Found]:
    """The addresses in a text, a field that holds one included.

    The value is `local@domain` in lower case, the domain in ASCII (IDNA). A UPI address, whose bank
    handle has no dot, is not an e-mail address, nor is what stands in a web address: its user's
    name is a trick to hide the host (RFC 3986), and what follows the host is whom it was sent to.
    The role is the sender's until context says more.
    """
    for match in _addresses(text):
        if inside(text, match.start()):
            continue
        host = domain.canonical_host(match["host"])
        if host is None or domain.registrable(host) is None:
            continue
        local = match["local"].strip(".").lower()
        if local:
            value = f"{local}@{host}"
            yield Found(match.start(), match.end(), EntityKind.EMAIL, value, Role.SENDER)


def _addresses(text: str) -> Iterator[re.Match[str]]:
    """What `_MAIL` matches, looked for around its sign alone."""
    done = 0
    for sign in _SIGN.finditer(text):
        if sign.start() < done:
            continue
        match = _MAIL.search(text, max(done, sign.start() - _LONGEST_LOCAL))
        if match is None:
            return
        done = match.end()
        yield match


_LONGEST = 2_048
"""Characters of a web address that are read."""


_BREAKS = " \t\r\n<>\"'"
"""What ends a web address."""


_LINK_AT = r"(?:@|%40|&#64;|&#x40;|&commat;)"


_PACKED = r"[/?#=&][A-Za-z0-9+/_-]{12,}"


_HINT = rf"(?i)[/?#][^\s<>\"']*{_LINK_AT}|{_PACKED}"
"""RE2: without a match of this, a text holds no such address."""


_REST = re.compile(
    rf"(?://[^\s<>\"'/?#]{{1,{_LONGEST}}}|(?<![\w@.+%/-]){domain.HOST}(?::\d{{1,5}})?)"
    rf"(?P<rest>[/?#][^\s<>\"']{{1,{_LONGEST}}})",
    re.IGNORECASE,
)


_ADDRESS = re.compile(
    rf"(?<![\w.+-])[\w.+-]{{1,64}}{_LINK_AT}[\w-]{{1,63}}(?:\.[\w-]{{1,63}}){{1,5}}", re.IGNORECASE
)


_TOKEN = re.compile(r"(?<=[/?#=&])[A-Za-z0-9+_-]{12,512}(?:=|%3D){0,2}", re.IGNORECASE)


_ADDRESS_IN_BYTES = re.compile(rb"[\w.+-]@[\w-]+\.\w")


_BARE = re.compile(rf"[(\[]{{0,2}}{domain.HOST}(?::\d{{1,5}})?[/?][^@]*", re.IGNORECASE)


def inside(text: str, place: int) -> bool:
    """Whether a place of a text is within a web address, with or without its scheme."""
    low = max(0, place - _LONGEST)
    begin = max(low, *(text.rfind(sign, low, place) + 1 for sign in _BREAKS))
    before = text[begin:place]
    return "//" in before or _BARE.fullmatch(before) is not None


def without(texts: pa.Array) -> pa.Array:
    """Strings or null with '#' for the addresses in their links, at the same length."""
    return text_masking.without(texts, (_HINT,), _spans)


def _spans(text: str) -> Iterator[tuple[int, int]]:
    for link in _REST.finditer(text):
        for address in _ADDRESS.finditer(text, *link.span("rest")):
            yield address.span()
        for token in _TOKEN.finditer(text, *link.span("rest")):
            if _ADDRESS_IN_BYTES.search(_unpacked(token[0])):
                yield token.span()


def _unpacked(token: str) -> bytes:
    """What a token says in Base64, its end apart (RFC 4648, both alphabets)."""
    letters = token.partition("=")[0].partition("%")[0].replace("-", "+").replace("_", "/")
    return base64.b64decode(letters[: len(letters) - len(letters) % 4])


SPELLED_OUT_HINT = rf"(?i)\s(?:{text_util.DOT})\s\pL"
"""RE2: without a match of this, a text holds no such address."""


_DOT = rf"\s(?:{text_util.DOT})\s"


_DASH = rf"\s(?:{text_util.DASH})\s"


_UNDERSCORE = rf"\s{text_util.UNDERSCORE}\s"


_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"


_NAME = rf"{_LABEL}(?:{_DASH}{_LABEL}){{0,3}}"


_HOST = rf"{_NAME}(?:(?:{_DOT}|\.){_NAME}){{0,3}}{_DOT}[a-z]{{2,18}}"


_SPELLED_LOCAL = rf"[a-z0-9_](?:[a-z0-9._+-]|{_DOT}|{_DASH}|{_UNDERSCORE}){{0,62}}"


_SAID_AT = rf"\s(?:{text_util.AT})\s"


_SPELLED_AT = rf"(?P<sign>@|\s?[\[({{]\s?(?:@|at)\s?[\])}}]\s?|{_SAID_AT})"


_SPELLED_MAIL = re.compile(
    rf"(?<![\w.%+@-])(?P<local>{_SPELLED_LOCAL}){_SPELLED_AT}(?P<host>{_HOST})(?![\w@-])",
    re.IGNORECASE,
)


_SITE = re.compile(rf"(?<![\w@.+%-])(?P<host>{_HOST})(?![\w@-])", re.IGNORECASE)


_MAIL_WORDS = re.compile(r"\b(?:e-?mail|mail|correo|address|wrote|write|paypal|zelle)\b", re.I)


_SITE_WORDS = re.compile(
    r"\b(?:web ?sites?|site|url|link|page|visit(?:ed)?|go(?:ing)? to|went to"
    r"|log(?:ged)? (?:in|on)to|open(?:ed)?|browse[dr]?|download(?:ed)?"
    r"|web|p[aá]gina|sitio|enlace|(?:web)?seite)\b"
    r"(?:\s(?:called|named|is|was|at|to|it|the|a|on|from|es|de|ist)){0,2}\W{1,3}$",
    re.IGNORECASE,
)


_BEFORE = 40
"""Characters before an address in which a word says what it is."""


_LONGEST_SPELLED_LOCAL = 64
"""Characters (RFC 5321 section 4.5.3.1.1)."""


_WORD_SIGN = re.compile(_SAID_AT, re.IGNORECASE)


def spelled_out_addresses(text: str) -> Iterator[Found]:
    """E-mail addresses and hosts of which at least the last dot is said.

    A sign in brackets, or a name that no word is, makes an address; where 'at' is a mere word, so
    does only a text that speaks of mail right before. A host alone counts after a word such as
    'site' or 'visit', or with its 'www'. Values are those of `emails` and `urls`.
    """
    done = 0
    for match in _SPELLED_MAIL.finditer(text):
        if (mail := _mail(text, match)) is not None:
            yield from _sites(text, done, match.start())
            done = match.end()
            yield mail
    yield from _sites(text, done, len(text))


def _sites(text: str, start: int, end: int) -> Iterator[Found]:
    """The hosts alone that stand between two places."""
    for match in _SITE.finditer(text, start, end):
        if (site := _site(text, match)) is not None:
            yield site


def _mail(text: str, match: re.Match[str]) -> Found | None:
    local = _written(match["local"]).strip(".").lower()
    before = text[max(0, match.start() - _BEFORE) : match.start()]
    named = any(not one.isalpha() for one in local) or _MAIL_WORDS.search(before)
    if _WORD_SIGN.fullmatch(match["sign"]) and not named:
        return None
    host = _host(match["host"])
    if host is None or not 0 < len(local) <= _LONGEST_SPELLED_LOCAL:
        return None
    value = f"{local}@{host}"
    return Found(match.start(), match.end(), EntityKind.EMAIL, value, Role.SENDER)


def _site(text: str, match: re.Match[str]) -> Found | None:
    host = _host(match["host"])
    before = text[max(0, match.start() - _BEFORE) : match.start()]
    if host is None or not (host.startswith("www.") or _SITE_WORDS.search(before)):
        return None
    if (named := url.of_host(host)) is None:
        return None
    kind, value, how = named
    return Found(match.start(), match.end(), kind, value, Role.LURE_SITE, how=how)


def _host(said: str) -> str | None:
    """A host that has a registrable domain, or None."""
    host = domain.canonical_host(_written(said))
    return host if host and domain.registrable(host) else None


def _written(said: str) -> str:
    """What was said, in signs."""
    text = re.sub(_DOT, ".", said, flags=re.IGNORECASE)
    text = re.sub(_DASH, "-", text, flags=re.IGNORECASE)
    return re.sub(_UNDERSCORE, "_", text, flags=re.IGNORECASE)
