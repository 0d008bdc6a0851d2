"""Cash App tags (`handle:cashapp:$name`), where the text names Cash App."""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.enums import EntityKind, Role
from transforms.extract.mention import Match

HINT = r"\$[A-Za-z]"
"""RE2: without a match of this, a text holds no tag."""

_CASHTAG = re.compile(r"(?<![\w$])\$[A-Za-z][A-Za-z0-9_-]{1,19}\b")

_CASH_APP = re.compile(r"\bcash ?app\b", re.IGNORECASE)


def find(text: str) -> Iterator[Match]:
    """Yields the tags in one text, as mentioned."""
    if not _CASH_APP.search(text):
        return
    for match in _CASHTAG.finditer(text):
        value = f"cashapp:{match[0].lower()}"
        yield Match(*match.span(), EntityKind.HANDLE, value, Role.MENTIONED)
