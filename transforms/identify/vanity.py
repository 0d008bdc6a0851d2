"""Toll-free numbers of North America whose last seven digits are spelled: '1-800-AMAZON1'.

In a field the whole text is one number (`phones`); in a narrative a word in capitals could be
anything, so only a word of exactly seven keys counts, joined to its code as numbers are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.kinds import Role
from transforms.identify import phones
from transforms.identify.found import Found

_CODE = r"8(?:00|33|44|55|66|77|88)"
HINT = rf"\b{_CODE}\)?[-. ]{{1,3}}[A-Z0-9]{{0,6}}-?[A-Z]{{2}}"
"""RE2: without a match of this, a text holds no such number."""
_WRITTEN = re.compile(
    rf"(?<![\w+$€£.,-])(?:\+?1[-. ]{{0,2}})?\(?{_CODE}(?:[-.]|\)[-. ]?)"
    r"(?P<word>[A-Z0-9](?:-?[A-Z0-9]){6})(?![\w-])"
)
_SPELLED = re.compile(r"[A-Z]{3}")
"""Letters in a row of a word: with fewer it may be an order's code."""
_NO_NAME = frozenset({"NUMBERS"})
"""Words of seven keys that speak of such numbers."""


def in_text(text: str) -> Iterator[Found]:
    """The numbers in one text, as mentioned; keys are those of ITU-T E.161."""
    for match in _WRITTEN.finditer(text):
        word = match["word"].replace("-", "")
        if not _SPELLED.search(word) or word in _NO_NAME:
            continue
        reading = phones.read_one(match[0], "US")
        if reading.e164:
            yield phones.found(match.start(), match.end(), reading, Role.MENTIONED)
