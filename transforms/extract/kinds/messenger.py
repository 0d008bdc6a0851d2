"""Names on Signal and Telegram, and invitations to WhatsApp groups.

Their ids are `handle:signal:name.42`, `handle:telegram:name` and `handle:whatsapp:code`. They are
found in links; names are also found near the messenger's name. A person's handle on WhatsApp is a
phone number.

A username of Signal is a nickname, a dot and two digits or more (Signal support, "Phone Number
Privacy and Usernames", article 6712070553754). `signal.me/#eu/CODE` is an encrypted link to a
username: its id is `handle:signal:eu/CODE`, which stays the same until the person resets it.
`signal.me/#p/+E164` is a link to a phone number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.enums import EntityKind
from transforms.extract.mention import Match, phone_match
from transforms.phone import normalize

HINT = r"(?i)telegram|t\.me/|chat\.whatsapp|\bsignal\b"
"""RE2: without a match of this, a text holds no name and no invitation."""

INVITATION = re.compile(r"chat\.whatsapp\.com/(?:invite/)?(?P<code>[A-Za-z0-9]{20,24})\b")
"""An invitation to a group on WhatsApp."""

_LINK = re.compile(
    r"(?<![\w.])(?:https?://)?(?:www\.)?(?:t|telegram)\.me/(?:s/)?(?P<name>[A-Za-z]\w{3,31})\b",
    re.IGNORECASE,
)

_NAME = re.compile(
    r"\btelegram\b[^@\n]{0,40}(?<![\w.])@(?P<name>[A-Za-z]\w{4,31})\b(?![.@]\w)", re.IGNORECASE
)

_NOT_NAMES = frozenset(
    "joinchat share addstickers addemoji addlist addtheme proxy socks setlanguage confirmphone"
    " login invoice boost contact".split()
)
"""Paths of Telegram's own pages (core.telegram.org/api/links)."""


_SIGNAL = (
    r"\bsignal\b(?! (?:strength|levels?|bars?|quality|boosters?|lights?|noise|process\w{0,5}|lost))"
)
"""The messenger, not the signal of a phone or a railway."""

_USERNAME = re.compile(
    r"(?<![\w.@/-])(?P<name>[A-Za-z_]\w{2,31}\.(?:[1-9]\d{1,9}|0[1-9]))(?![\w@-]|\.\w)", re.ASCII
)

_BEFORE = re.compile(rf"{_SIGNAL}[^\n]{{0,40}}$", re.IGNORECASE)

_BEHIND = re.compile(rf"[\"')\]]?,? \(?(?:(?:on|via|over|in|at) )?{_SIGNAL}", re.IGNORECASE)

_REACH = 46
"""Distance before a name to search for the word Signal, in characters."""

_SIGNAL_LINK = re.compile(
    r"(?<![\w.-])(?:https?://|sgnl://)?signal\.me/#(?:eu/(?P<code>[A-Za-z0-9_-]{32,128})"
    r"|p/(?P<phone>\+[1-9]\d{6,14}))(?![\w-])"
)


def find(text: str) -> Iterator[Match]:
    """Yields the names, invitations and numbers in Signal links of one text, as mentioned.

    Signal comes first, then Telegram, then WhatsApp.
    """
    yield from _on_signal(text)
    for pattern in (_LINK, _NAME):
        for match in pattern.finditer(text):
            name = match["name"].lower()
            if name not in _NOT_NAMES:
                value = f"telegram:{name}"
                yield Match(*match.span("name"), EntityKind.HANDLE, value)
    for match in INVITATION.finditer(text):
        value = f"whatsapp:{match['code']}"
        yield Match(*match.span("code"), EntityKind.HANDLE, value)


def _on_signal(text: str) -> Iterator[Match]:
    """Yields the usernames, links and linked numbers of Signal in one text, as mentioned."""
    for match in _SIGNAL_LINK.finditer(text):
        if match["code"]:
            value = f"signal:eu/{match['code']}"
            yield Match(*match.span(), EntityKind.HANDLE, value)
        elif (reading := normalize.normalize_number(match["phone"], None)).e164:
            yield phone_match(*match.span(), reading)
    for match in _USERNAME.finditer(text):
        before = text[max(0, match.start() - _REACH) : match.start()]
        if _BEFORE.search(before) or _BEHIND.match(text, match.end()):
            value = f"signal:{match['name'].lower()}"
            yield Match(*match.span(), EntityKind.HANDLE, value)
