"""E-mail addresses (`email:local@domain`), plain or defanged, and what tells of a victim in links.

A link of a scam carries the address that it was sent to, so that its page greets the victim: such
an address names no sender. The id that an ad platform gives to a click is of one visitor, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pyarrow as pa

from schemas.enums import EntityKind, Role
from transforms.decode import masks, text_util
from transforms.decode.escapes import decode_web_escapes, span_as_written
from transforms.decode.readings import is_bounce_address, tokens_with_address
from transforms.extract.kinds import domain
from transforms.extract.mention import Match

_ESCAPED_AT = r"%(?:25)*40|&(?:amp;)*(?:#0*64|#x0*40|commat)\b|\\(?:u00|x)40"

HINT = rf"(?i)@|＠|[\[({{]\s?at\s?[\])}}]|{_ESCAPED_AT}"
"""RE2: without a match of this, a text holds no e-mail address."""

MAX_LOCAL = 64
"""Characters before the sign (RFC 5321 section 4.5.3.1.1)."""

_AT = r"(?:@|\s?[\[({]\s?(?:@|at)\s?[\])}]\s?|＠)"

_LOCAL = rf"[A-Za-z0-9_][A-Za-z0-9._%+'&=-]{{0,{MAX_LOCAL - 1}}}"

_SIGN = re.compile(_AT, re.IGNORECASE)

_MAIL = re.compile(
    rf"(?<![\w.%+@-])(?P<local>{_LOCAL}){_AT}(?P<host>{domain.HOST})(?![\w@])", re.IGNORECASE
)

_MAX_URL = 2_048
"""Characters of a web address that are read."""

_BREAKS = " \t\r\n<>\"'"
"""Characters that end a web address."""

_LINK_AT = r"(?:@|＠|﹫|[\[({]at[\])}])"

_LINK_DOT = r"(?:\.|[\[({](?:\.|dot)[\])}])"

_BETWEEN = "[ _+-]"

_SAID_AT = rf"{_BETWEEN}(?:{text_util.HIDDEN_AT_WORDS}){_BETWEEN}"

_SAID_DOT = rf"{_BETWEEN}(?:{text_util.HIDDEN_DOT_WORDS}){_BETWEEN}"

_UNSEEN = "[\u00ad\u200b-\u200d\u2060\ufeff]*"
"""Characters that have no width."""

_TOKEN_HINT = r"(?:[^/]/|[^:]//+|[?#=&]|[/?#][^\s<>\"']*://)[^\s<>\"'/]*[A-Za-z0-9+_-]{10}"
"""RE2: without a match of this, no token stands behind a host."""

_CLICK = rf"(?:[?&;#/]|%(?:25)*(?:26|3f|23))(?:{domain.click_ids()})(?:=|%(?:25)*3d)"

_PERSON = (
    r"(?:(?:first|last|full|user|your|sur|middle|given|family|customer|victim|card|holder)[_-]?)*name"
    r"|[fl]name|(?:(?:street|home|mailing|billing|ip)[_-]?)?addr(?:ess)?[0-9]?|street|city|region|zip"
    r"|isp|ip|post(?:al)?[_-]?code|dob|birth[a-z_-]{0,8}|ssn|sin|nino|dni|nif|nie|imei|serial"
    r"|pass(?:wd|word|port)?|pwd|pin|otp|cv[cv]2?|cc(?:[_-]?num(?:ber)?)?|iban|routing|sort[_-]?code"
    r"|(?:card|acc(?:oun)?t|licen[cs]e)(?:[_-]?(?:no|num|nr|number|id))?"
)
"""Names of parameters that say who filled in a form, or where and on what machine they sit."""

_FILLED = rf"[?&;#](?:{_PERSON})(?:=|%3d)"

LINK_HINTS = (
    rf"(?i)[/?#][^\s<>\"']*(?:{_LINK_AT}|{_ESCAPED_AT}|(?:[_+-]|%(?:25)*20)(?:"
    rf"{text_util.HIDDEN_AT_WORDS})(?:[_+-]|%(?:25)*20)|[0-9]{{7}})|{_TOKEN_HINT}|{_CLICK}|{_FILLED}",
)
"""RE2: without a match of this, a text holds no such address, id or number."""

LINK = re.compile(
    rf"(?://[^\s<>\"'/?#]{{1,{_MAX_URL}}}|(?<![\w@.+%/-]){domain.HOST}(?::\d{{1,5}})?)"
    rf"(?P<rest>[/?#][^\s<>\"']{{1,{_MAX_URL}}})",
    re.IGNORECASE,
)
"""A web address from its host or the slashes before it, with a `rest`."""

_ADDRESS = re.compile(
    rf"(?<![\w.+-])[\w.+-]{{1,64}}{_UNSEEN}{_LINK_AT}{_UNSEEN}[\w-]{{1,63}}"
    rf"(?:{_LINK_DOT}[\w-]{{1,63}}){{1,5}}"
    rf"|(?<![\w.+-])[\w.+-]{{1,64}}?{_SAID_AT}(?:[\w-]{{1,63}}?(?:{_SAID_DOT}[\w-]{{1,63}}?){{1,3}}\b"
    r"|[\w-]{1,63}(?:\.[\w-]{1,63}){0,3}\.(?:com|net|org|edu|gov|info|[a-z]{2})(?![\w-]))",
    re.IGNORECASE,
)

_CLICK_ID = re.compile(rf"{_CLICK}(?P<id>[^\s<>\"'&#;]{{1,{_MAX_URL}}})", re.IGNORECASE)

_FILLED_IN = re.compile(rf"{_FILLED}(?P<value>[^\s<>\"'&#;]{{1,{_MAX_URL}}})", re.IGNORECASE)

_BEHIND_PATH = re.compile(r"[?#]")

_BARE_DIGITS = re.compile(
    r"(?:(?<![\d+%])|(?<=%[0-9A-F]{2}))(?<!%2B)(?!1?8(?:00|33|44|55|66|77|88)\d{7}(?!\d))\d{7,}",
    re.IGNORECASE,
)
"""Digits in a query that are no toll-free number, and not written for people to read."""

_SIP = re.compile(r"\bsips?:[^\s@<>\"']{0,100}\Z", re.IGNORECASE)
"""The start of a phone's address (RFC 3261 section 19.1.1)."""

_SIP_REACH = 106

_WITHOUT_SCHEME = re.compile(rf"[(\[]{{0,2}}{domain.HOST}(?::\d{{1,5}})?[/?][^@]*", re.IGNORECASE)


def find(text: str) -> Iterator[Match]:
    """Yields the addresses in a text, a field that holds one included.

    The value is `local@domain` in lower case, the domain in ASCII (IDNA). A UPI address, whose bank
    handle has no dot, is not an e-mail address, nor is what stands in a web address: its user's
    name is a trick to hide the host (RFC 3986), and what follows the host is whom it was sent to.
    The role is the sender's until context says more.
    """
    read = decode_web_escapes(text)
    for match in _addresses(read.text):
        start, end = span_as_written(text, read, *match.span())
        if is_in_url(text, start) or _SIP.search(text[max(0, start - _SIP_REACH) : start]):
            continue
        host = domain.canonical_host(match["host"])
        if host is None or domain.registrable_domain(host) is None:
            continue
        local = match["local"].strip(".").lower()
        if local:
            # Whom a bounce address names is whom the mail was sent to.
            role = Role.VICTIM if is_bounce_address(local) else Role.SENDER
            yield Match(start, end, EntityKind.EMAIL, f"{local}@{host}", role)


def is_in_url(text: str, place: int) -> bool:
    """Checks whether a place of a text is within a web address, with or without its scheme."""
    low = max(0, place - _MAX_URL)
    begin = max(low, *(text.rfind(sign, low, place) + 1 for sign in _BREAKS))
    before = text[begin:place]
    return "//" in before or _WITHOUT_SCHEME.fullmatch(before) is not None


def mask_link_addresses(texts: pa.Array) -> pa.Array:
    """Masks what `link_address_spans` finds in strings or null, at the same length."""
    return masks.mask_found(texts, LINK_HINTS, link_address_spans)


def _addresses(text: str) -> Iterator[re.Match[str]]:
    """Yields what `_MAIL` matches, looked for around its sign alone."""
    done = 0
    for sign in _SIGN.finditer(text):
        if sign.start() < done:
            continue
        match = _MAIL.search(text, max(done, sign.start() - MAX_LOCAL))
        if match is None:
            return
        done = match.end()
        yield match


def link_address_spans(text: str) -> Iterator[tuple[int, int]]:
    """Yields start and end of every address and click id in the links of a text.

    And of the bare digits of a query or fragment, and of what its names say is a person's: whoever
    filled in a form stands in its address, with a phone, a card or an account.
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
