"""IBANs (`account:iban:GB29NWBK...`, ISO 13616)."""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.enums import EntityKind
from transforms.extract.mention import Match

HINT = r"[A-Za-z]{2}[0-9]{2}[ -]?[A-Za-z0-9]{4}"
"""RE2: without a match of this, a text holds no IBAN."""

PATTERN = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]{4}){2,7}"
    r"(?:[ -]?[A-Za-z0-9]{1,3})?(?![A-Za-z0-9])"
)
"""The shape of an IBAN, in groups or in one piece."""


def find(text: str) -> Iterator[Match]:
    """Yields the valid IBANs in one text, as mentioned."""
    for match in PATTERN.finditer(text):
        for written in _without_last_groups(match[0]):
            if value := canonical_iban(written):
                end = match.start() + len(written)
                yield Match(match.start(), end, EntityKind.ACCOUNT, value)
                break


def canonical_iban(text: str) -> str | None:
    """Returns `iban:` and an IBAN whose country, length, structure and check digits are valid."""
    compact = re.sub(r"^IBAN[\s:]*|[\s-]", "", text, flags=re.IGNORECASE).upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", compact):
        return None
    from schwifty import IBAN
    from schwifty.exceptions import SchwiftyException

    try:
        return f"iban:{IBAN(compact).compact}"
    except SchwiftyException:
        return None


def _without_last_groups(text: str) -> Iterator[str]:
    """Yields the text, then the text without its last groups, which may be words."""
    yield text
    for i in range(len(text) - 1, 0, -1):
        if text[i] in " -":
            yield text[:i]
