"""Accounts with payment apps (`handle:venmo:name`): links to them, and tags near an app's name.

Tags of Cash App begin with $, tags of Venmo and Zelle with @.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.enums import EntityKind
from transforms.extract.mention import Match

HINT = r"\$[A-Za-z]|(?i)venmo|zelle|paypal\.me|paypalme"
"""RE2: without a match of this, a text holds no tag."""

_CASHTAG = re.compile(r"(?<![\w$])\$(?P<name>[A-Za-z][A-Za-z0-9_-]{1,19})\b")

_CASH_APP = re.compile(r"\bcash ?(?:app|\.app|\.me)\b|\bcash\.(?:app|me)/", re.IGNORECASE)

_LINKS = {
    "venmo": re.compile(
        r"(?<![\w.])(?:https?://)?(?:\w{1,10}\.)?venmo\.com/(?:u/)?(?P<name>[A-Za-z0-9_-]{5,30})\b(?!/)",
        re.IGNORECASE,
    ),
    "paypal": re.compile(
        r"(?<![\w.])(?:https?://)?(?:www\.)?(?:paypal\.me|paypal\.com/paypalme)/"
        r"(?P<name>[A-Za-z0-9]{1,20})\b",
        re.IGNORECASE,
    ),
}

_TAG = r"(?<![\w.@])@(?P<name>[A-Za-z][A-Za-z0-9_-]{2,29})\b(?![.@]\w)"

_APP = r"\b(?P<app>venmo|zelle)\b"

_BY = "on|via|through|by|using|with|en|por|per|über|par|su|tramite"

_TAGS = (
    re.compile(rf"{_APP}[^@\n]{{0,40}}{_TAG}", re.IGNORECASE),
    re.compile(rf"{_TAG}[^@\n]{{0,12}}\b(?:{_BY}) {_APP}", re.IGNORECASE),
)

_NOT_NAMES = frozenset("about account business code help legal login signup support".split())
"""Paths of the apps' own pages."""


def find(text: str) -> Iterator[Match]:
    """Yields the tags in one text, as mentioned."""
    if _CASH_APP.search(text):
        for match in _CASHTAG.finditer(text):
            yield _mentioned("cashapp", match, f"${match['name']}")
    for app, pattern in _LINKS.items():
        for match in pattern.finditer(text):
            if match["name"].lower() not in _NOT_NAMES:
                yield _mentioned(app, match, match["name"])
    for pattern in _TAGS:
        for match in pattern.finditer(text):
            yield _mentioned(match["app"].lower(), match, match["name"])


def _mentioned(app: str, match: re.Match[str], name: str) -> Match:
    start, end = match.span("name")
    value = f"{app}:{name.lower()}"
    return Match(start - 1, end, EntityKind.HANDLE, value)
