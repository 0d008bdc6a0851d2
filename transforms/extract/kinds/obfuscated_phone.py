"""Phone numbers in texts with letters for digits, by keypad or by likeness.

In a field the whole text is one number (`phone.normalize`). In a narrative anything may look like a
number. So '1-800-AMAZON1' counts only if it is toll-free, with a word of exactly seven keys in
capitals that is joined to its code. '8OO-555-O1l9' (written to pass a filter for numbers) counts
only if it is international or grouped as in North America, is valid, and begins with a digit,
unlike codes of parts and models. No word before it may say that it is an order's or a case's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from transforms.extract.mention import Match, phone_match
from transforms.phone import false_positives, normalize
from transforms.phone.normalize import LOOK_ALIKES, VALID

_CODE = r"8(?:00|33|44|55|66|77|88)"

HINT = (
    rf"\b{_CODE}\)?[-. ]{{1,3}}[A-Z0-9]{{0,6}}-?[A-Z]{{2}}"
    rf"|[0-9][{LOOK_ALIKES}]|\b[{LOOK_ALIKES}]{{1,3}}[0-9]"
)
"""RE2: without a match of this, a text holds no such number."""

_VANITY = re.compile(
    rf"(?<![\w+$€£.,-])(?:\+?1[-. ]{{0,2}})?\(?{_CODE}(?:[-.]|\)[-. ]?)"
    r"(?P<word>[A-Z0-9](?:-?[A-Z0-9]){6})(?![\w-])"
)

_LETTERS = re.compile(r"[A-Z]{3}")
"""Letters in a row that a word must have: with fewer it may be an order's code."""

_NO_NAMES = frozenset({"NUMBERS"})
"""Words of seven keys that are not part of a number."""

_ANY = f"[0-9{LOOK_ALIKES}]"

_INTERNATIONAL = rf"\+[1-9][0-9]{{0,2}}(?:[-. ]\(?{_ANY}{{2,6}}\)?){{2,6}}"

_AREA = f"[2-9]{_ANY}{{2}}"

_NANP = rf"(?:\+?1[-. ]{{1,2}})?(?:\({_AREA}\)[-. ]?|{_AREA}[-. ]){_ANY}{{3}}[-. ]{_ANY}{{4}}"

_LOOK_ALIKE = re.compile(
    rf"(?<![\w$€£#%@&=/.,+-])(?:(?P<international>{_INTERNATIONAL})|{_NANP})(?![\w%@-])"
)

_LETTER = re.compile(r"[A-Za-z|]")


def find(text: str) -> Iterator[Match]:
    """Yields the numbers in one text, as mentioned."""
    yield from vanity_numbers(text)
    yield from look_alike_numbers(text)


def vanity_numbers(text: str) -> Iterator[Match]:
    """Yields toll-free numbers whose last seven digits are letters of a keypad (ITU-T E.161)."""
    for match in _VANITY.finditer(text):
        word = match["word"].replace("-", "")
        if not _LETTERS.search(word) or word in _NO_NAMES:
            continue
        reading = normalize.normalize_number(match[0], "US")
        if reading.e164:
            yield phone_match(match.start(), match.end(), reading)


def look_alike_numbers(text: str) -> Iterator[Match]:
    """Yields the numbers with letters that look like the digits that they replace."""
    for match in _LOOK_ALIKE.finditer(text):
        if not _LETTER.search(match[0]) or false_positives.is_labelled_id(text, match.start()):
            continue
        reading = normalize.normalize_number(match[0], None if match["international"] else "US")
        if reading.e164 and reading.validity == VALID:
            yield phone_match(match.start(), match.end(), reading)
