"""Links that call or text one phone: `tel:`, `sms:`, SIP, WhatsApp, Telegram and the like."""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.enums import Role
from transforms.decode.escapes import decode_link
from transforms.extract.mention import Match, phone_match
from transforms.phone import normalize

HINT = (
    r"(?i)sips?:\+?\d|wa\.me/|whatsapp\.com/send|whatsapp://|t(?:elegram)?\.me/(?:\+|%2b)|viber://"
)
"""RE2: without a match of this, a text holds no link to a chat."""

MAX_URL = 2_048
"""Characters of a web address that are read."""

SCHEME = r"h(?:tt|xx|Xx|XX|TT|tx|xt)ps?\s?(?:\[:\]|:)\s?(?:\[/\]|[/\\]){2,8}"

TRAILING = ".,;:!?)]}>'\"*"

_CHAT = (
    rf"(?:(?:{SCHEME})?(?:www\.)?(?:wa\.me/|(?:api|web|www)?\.?whatsapp\.com/send/?\?"
    r"(?:[^\s<>\"'#]{0,200}&)?phone=|t(?:elegram)?\.me/(?=\+|%2b))"
    r"|(?:whatsapp://send/?\?(?:[^\s<>\"'#]{0,200}&)?phone|viber://\w+\?number)=)"
    r"(?P<chat>(?:\+|%2B|%20){0,2}[1-9]\d{6,14})(?![\w-])"
)

_SIP = re.compile(r"\bsips?:(?P<number>\+?\d{7,15})(?:;[^\s@<>\"']{1,100})?@[\w\[]", re.IGNORECASE)
"""The address of a phone on a server (RFC 3261 section 19.1.6)."""

_TO_CHAT = re.compile(rf"(?<![\w.-]){_CHAT}[^\s<>\"']{{0,{MAX_URL}}}", re.IGNORECASE)

_TO_PHONE = re.compile(
    rf"(?:tel|callto|sms|smsto|facetime|facetime-audio|skype):(?://)?(?P<uri>\+?[\d().\s-]{{7,30}})"
    rf"|{_CHAT}",
    re.IGNORECASE,
)

NON_GEOGRAPHIC = frozenset({"toll_free", "premium_rate", "shared_cost", "uan", "voip"})
"""Types of lines that no private person has at home."""


def find(text: str, region: str | None = None) -> Iterator[Match]:
    """Yields the phones in chat links and SIP addresses of one text."""
    for match in _SIP.finditer(text):
        number = match["number"]
        reading = normalize.normalize_number(number, region)
        if reading.e164 is None:
            reading = normalize.normalize_number(f"+{number.lstrip('+')}", None)
        if reading.e164:
            yield phone_match(*match.span("number"), reading)
    for match in _TO_CHAT.finditer(text):
        written = decode_link(match["chat"]).strip()
        reading = normalize.normalize_number(f"+{written.lstrip('+ ')}", None)
        if reading.e164:
            end = match.start() + len(match[0].rstrip(TRAILING))
            shown = written.startswith("+") or reading.line_type in NON_GEOGRAPHIC
            role = Role.CALLBACK if shown else Role.MENTIONED
            yield phone_match(match.start(), end, reading, role)


def phone_of_link(text: str) -> str | None:
    """Returns the number of a link that calls or texts a phone (RFC 3966, WhatsApp), or None."""
    link = text.strip()[:MAX_URL]
    match = _TO_PHONE.match(link) or _TO_PHONE.match(decode_link(link))
    if match is None:
        return None
    return match["uri"] or f"+{decode_link(match['chat']).strip(' +')}"
