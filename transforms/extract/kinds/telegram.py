"""Telegram names (`handle:telegram:name`): links, and names beside the word Telegram."""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.enums import EntityKind, Role
from transforms.extract.mention import Match

HINT = r"(?i)telegram|t\.me/"
"""RE2: without a match of this, a text holds no name."""

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


def find(text: str) -> Iterator[Match]:
    """Yields the names in one text, as mentioned: those of links first."""
    for pattern in (_LINK, _NAME):
        for match in pattern.finditer(text):
            name = match["name"].lower()
            if name not in _NOT_NAMES:
                value = f"telegram:{name}"
                yield Match(*match.span("name"), EntityKind.HANDLE, value, Role.MENTIONED)
