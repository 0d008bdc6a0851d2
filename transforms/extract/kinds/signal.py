"""Signal usernames (`handle:signal:name.42`), where the text names Signal, and links of signal.me.

A username is a nickname, a dot and two digits or more (Signal support, "Phone Number Privacy
and Usernames", article 6712070553754). `signal.me/#eu/CODE` is an encrypted link to one: its id is
`handle:signal:eu/CODE`, the same person's until they reset it. `signal.me/#p/+E164` is a link to a
phone number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.enums import EntityKind, Role
from transforms.extract.mention import Match, phone_match
from transforms.phone import normalize

HINT = r"(?i)\bsignal\b"
"""RE2: without a match of this, a text holds no username and no link."""

_SIGNAL = (
    r"\bsignal\b(?! (?:strength|levels?|bars?|quality|boosters?|lights?|noise|process\w{0,5}|lost))"
)
"""The messenger, and not the signal of a phone or a railway."""

_NAME = re.compile(
    r"(?<![\w.@/-])(?P<name>[A-Za-z_]\w{2,31}\.(?:[1-9]\d{1,9}|0[1-9]))(?![\w@-]|\.\w)", re.ASCII
)

_BEFORE = re.compile(rf"{_SIGNAL}[^\n]{{0,40}}$", re.IGNORECASE)

_BEHIND = re.compile(rf"[\"')\]]?,? \(?(?:(?:on|via|over|in|at) )?{_SIGNAL}", re.IGNORECASE)

_REACH = 46
"""Characters before a name in which Signal is named."""

_LINK = re.compile(
    r"(?<![\w.-])(?:https?://|sgnl://)?signal\.me/#(?:eu/(?P<code>[A-Za-z0-9_-]{32,128})"
    r"|p/(?P<phone>\+[1-9]\d{6,14}))(?![\w-])"
)


def find(text: str) -> Iterator[Match]:
    """Yields the usernames, links and numbers of links in one text, as mentioned."""
    for match in _LINK.finditer(text):
        if match["code"]:
            value = f"signal:eu/{match['code']}"
            yield Match(*match.span(), EntityKind.HANDLE, value, Role.MENTIONED)
        elif (reading := normalize.normalize_number(match["phone"], None)).e164:
            yield phone_match(*match.span(), reading, Role.MENTIONED)
    for match in _NAME.finditer(text):
        before = text[max(0, match.start() - _REACH) : match.start()]
        if _BEFORE.search(before) or _BEHIND.match(text, match.end()):
            value = f"signal:{match['name'].lower()}"
            yield Match(*match.span(), EntityKind.HANDLE, value, Role.MENTIONED)
