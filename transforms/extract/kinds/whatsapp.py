"""Invitations to WhatsApp groups (`handle:whatsapp:code`)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.enums import EntityKind, Role
from transforms.extract.mention import Match

HINT = r"(?i)chat\.whatsapp"
"""RE2: without a match of this, a text holds no invitation."""

INVITATION = re.compile(r"chat\.whatsapp\.com/(?:invite/)?(?P<code>[A-Za-z0-9]{20,24})\b")
"""An invitation to a group; a person's handle on WhatsApp is a phone number."""


def find(text: str) -> Iterator[Match]:
    """Yields the invitations in one text, as mentioned."""
    for match in INVITATION.finditer(text):
        value = f"whatsapp:{match['code']}"
        yield Match(*match.span("code"), EntityKind.HANDLE, value, Role.MENTIONED)
