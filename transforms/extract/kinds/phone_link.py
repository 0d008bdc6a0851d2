"""Links that call or write to a phone: `tel:`, `sms:`, WhatsApp (`phone:+18885550123`)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.enums import Role
from transforms.extract.kinds.url import MAX_URL, SCHEME, TRAILING
from transforms.extract.mention import Match, phone_match
from transforms.phone import normalize

HINT = r"(?i)wa\.me/|whatsapp\.com/send"
"""RE2: without a match of this, a text holds no link to a chat."""

_WHATSAPP = (
    rf"(?:{SCHEME})?(?:wa\.me/|(?:api|web)\.whatsapp\.com/send/?\?phone=)"
    r"(?:\+|%2B)?(?P<whatsapp>\d{7,15})"
)

_CHAT = re.compile(rf"(?<![\w.-]){_WHATSAPP}(?!\d)[^\s<>\"']{{0,{MAX_URL}}}", re.IGNORECASE)

_TO_PHONE = re.compile(
    rf"(?:tel|callto|sms):(?://)?(?P<uri>\+?[\d().\s-]{{7,30}})|{_WHATSAPP}", re.IGNORECASE
)


def find(text: str) -> Iterator[Match]:
    """Yields the phones that links in one text open a chat with, as mentioned."""
    for match in _CHAT.finditer(text):
        reading = normalize.normalize_number(f"+{match['whatsapp']}", None)
        if reading.e164:
            end = match.start() + len(match[0].rstrip(TRAILING))
            yield phone_match(match.start(), end, reading, Role.MENTIONED)


def phone_of_link(text: str) -> str | None:
    """Returns the number of a link that calls or texts a phone (RFC 3966, WhatsApp), or None."""
    match = _TO_PHONE.match(text.strip()[:MAX_URL])
    if match is None:
        return None
    return match["uri"] or f"+{match['whatsapp']}"
