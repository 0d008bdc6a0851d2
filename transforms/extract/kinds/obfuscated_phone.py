"""Phone numbers in a text with letters for digits: '8OO-555-O1l9', to pass a filter for numbers.

In a field the whole text is one number (`phones`); in a narrative anything may look like one, so it
must be grouped as in North America, or international, and valid. It begins with a digit, as the
codes of parts and models do not, and no word before it says that it is an order's or a case's.

Toll-free numbers of North America whose last seven digits are spelled: '1-800-AMAZON1'.

In a field the whole text is one number (`phones`); in a narrative a word in capitals could be
anything, so only a word of exactly seven keys counts, joined to its code as numbers are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.enums import Role
from transforms.extract import mention
from transforms.extract.mention import Found
from transforms.phone import false_positives, normalize
from transforms.phone.normalize import LOOK_ALIKES, VALID

_ANY = f"[0-9{LOOK_ALIKES}]"


LOOK_ALIKE_HINT = rf"[0-9][{LOOK_ALIKES}]|\b[{LOOK_ALIKES}]{{1,3}}[0-9]"
"""RE2: without a match of this, a text holds no such number."""


_INTERNATIONAL = rf"\+[1-9][0-9]{{0,2}}(?:[-. ]\(?{_ANY}{{2,6}}\)?){{2,6}}"


_AREA = f"[2-9]{_ANY}{{2}}"


_NANP = rf"(?:\+?1[-. ]{{1,2}})?(?:\({_AREA}\)[-. ]?|{_AREA}[-. ]){_ANY}{{3}}[-. ]{_ANY}{{4}}"


_NUMBER = re.compile(
    rf"(?<![\w$€£#%@&=/.,+-])(?:(?P<international>{_INTERNATIONAL})|{_NANP})(?![\w%@-])"
)


_LETTER = re.compile(r"[A-Za-z|]")


def look_alike_numbers(text: str) -> Iterator[Found]:
    """The numbers of which a letter stands for a digit, as mentioned."""
    for match in _NUMBER.finditer(text):
        if not _LETTER.search(match[0]) or false_positives.is_labelled(text, match.start()):
            continue
        reading = normalize.read_one(match[0], None if match["international"] else "US")
        if reading.e164 and reading.validity == VALID:
            yield mention.found(match.start(), match.end(), reading, Role.MENTIONED)


_CODE = r"8(?:00|33|44|55|66|77|88)"


VANITY_HINT = rf"\b{_CODE}\)?[-. ]{{1,3}}[A-Z0-9]{{0,6}}-?[A-Z]{{2}}"
"""RE2: without a match of this, a text holds no such number."""


_WRITTEN = re.compile(
    rf"(?<![\w+$€£.,-])(?:\+?1[-. ]{{0,2}})?\(?{_CODE}(?:[-.]|\)[-. ]?)"
    r"(?P<word>[A-Z0-9](?:-?[A-Z0-9]){6})(?![\w-])"
)


_SPELLED = re.compile(r"[A-Z]{3}")
"""Letters in a row of a word: with fewer it may be an order's code."""


_NO_NAME = frozenset({"NUMBERS"})
"""Words of seven keys that speak of such numbers."""


def vanity_numbers(text: str) -> Iterator[Found]:
    """The numbers in one text, as mentioned; keys are those of ITU-T E.161."""
    for match in _WRITTEN.finditer(text):
        word = match["word"].replace("-", "")
        if not _SPELLED.search(word) or word in _NO_NAME:
            continue
        reading = normalize.read_one(match[0], "US")
        if reading.e164:
            yield mention.found(match.start(), match.end(), reading, Role.MENTIONED)
