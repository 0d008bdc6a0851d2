"""E-mail addresses and hosts in words: 'help.desk at gmail dot com', 'visit refunds dot com'.

Victims write them so because forms refuse addresses, and transcripts spell them out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.enums import EntityKind
from transforms.decode import text_util
from transforms.extract.kinds import domain, url
from transforms.extract.kinds.email import MAX_LOCAL, read_address
from transforms.extract.mention import Match

HINT = rf"(?i)\s(?:{text_util.DOT_WORDS})\s\pL"
"""RE2: without a match of this, a text holds no such address."""

_DOT = rf"\s(?:{text_util.DOT_WORDS})\s"

_DASH = rf"\s(?:{text_util.DASH_WORDS})\s"

_UNDERSCORE = rf"\s{text_util.UNDERSCORE_WORDS}\s"

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"

_NAME = rf"{_LABEL}(?:{_DASH}{_LABEL}){{0,3}}"

_HOST = rf"{_NAME}(?:(?:{_DOT}|\.){_NAME}){{0,3}}{_DOT}[a-z]{{2,18}}"

_LOCAL = rf"[a-z0-9_](?:[a-z0-9._+-]|{_DOT}|{_DASH}|{_UNDERSCORE}){{0,62}}"

_WORD_AT = rf"\s(?:{text_util.AT_WORDS})\s"

_AT = rf"(?P<sign>@|\s?[\[({{]\s?(?:@|at)\s?[\])}}]\s?|{_WORD_AT})"

_MAIL = re.compile(
    rf"(?<![\w.%+@-])(?P<local>{_LOCAL}){_AT}(?P<host>{_HOST})(?![\w@-])", re.IGNORECASE
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
"""Distance before an address to search for a word such as 'site', in characters."""

_WORD_SIGN = re.compile(_WORD_AT, re.IGNORECASE)


def find(text: str) -> Iterator[Match]:
    """Yields the e-mail addresses and hosts whose last dot, at least, is a word.

    A plain 'at' makes an address only if the name before it is no mere word, or the text speaks of
    mail right before. A host alone counts after a word such as 'site' or 'visit', or with 'www'.
    Values are as in `email.find` and `url.find`.
    """
    done = 0
    for match in _MAIL.finditer(text):
        if (mail := _mail(text, match)) is not None:
            yield from _sites(text, done, match.start())
            done = match.end()
            yield mail
    yield from _sites(text, done, len(text))


def _sites(text: str, start: int, end: int) -> Iterator[Match]:
    """Yields the hosts, without addresses, between two places."""
    for match in _SITE.finditer(text, start, end):
        if (site := _site(text, match)) is not None:
            yield site


def _mail(text: str, match: re.Match[str]) -> Match | None:
    local = _to_signs(match["local"]).strip(".")
    before = text[max(0, match.start() - _BEFORE) : match.start()]
    named = any(not sign.isalpha() for sign in local) or _MAIL_WORDS.search(before)
    if _WORD_SIGN.fullmatch(match["sign"]) and not named:
        return None
    address = read_address(local, _to_signs(match["host"])) if len(local) <= MAX_LOCAL else None
    return Match(match.start(), match.end(), EntityKind.EMAIL, *address) if address else None


def _site(text: str, match: re.Match[str]) -> Match | None:
    host = _host(match["host"])
    before = text[max(0, match.start() - _BEFORE) : match.start()]
    if host is None or not (host.startswith("www.") or _SITE_WORDS.search(before)):
        return None
    if (named := url.classify_host(host)) is None:
        return None
    return named.match(match.start(), match.end())


def _host(spelled: str) -> str | None:
    """Returns the canonical host if it has a registrable domain, or None."""
    host = domain.canonical_host(_to_signs(spelled))
    return host if host and domain.registrable_domain(host) else None


def _to_signs(spelled: str) -> str:
    """Replaces words for signs by the signs."""
    text = re.sub(_DOT, ".", spelled, flags=re.IGNORECASE)
    text = re.sub(_DASH, "-", text, flags=re.IGNORECASE)
    return re.sub(_UNDERSCORE, "_", text, flags=re.IGNORECASE)
