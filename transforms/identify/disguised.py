"""Phone numbers in a text with letters for digits: '8OO-555-O1l9', to pass a filter for numbers.

In a field the whole text is one number (`phones`); in a narrative anything may look like one, so it
must be grouped as in North America, or international, and valid. It begins with a digit, as the
codes of parts and models do not, and no word before it says that it is an order's or a case's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from schemas.kinds import Role
from transforms.identify import noise, phones
from transforms.identify.disguises import LOOK_ALIKES
from transforms.identify.found import Found
from transforms.identify.reading import VALID

_ANY = f"[0-9{LOOK_ALIKES}]"
HINT = rf"[0-9][{LOOK_ALIKES}]|\b[{LOOK_ALIKES}]{{1,3}}[0-9]"
"""RE2: without a match of this, a text holds no such number."""
_INTERNATIONAL = rf"\+[1-9][0-9]{{0,2}}(?:[-. ]\(?{_ANY}{{2,6}}\)?){{2,6}}"
_AREA = f"[2-9]{_ANY}{{2}}"
_NANP = rf"(?:\+?1[-. ]{{1,2}})?(?:\({_AREA}\)[-. ]?|{_AREA}[-. ]){_ANY}{{3}}[-. ]{_ANY}{{4}}"
_NUMBER = re.compile(
    rf"(?<![\w$€£#%@&=/.,+-])(?:(?P<international>{_INTERNATIONAL})|{_NANP})(?![\w%@-])"
)
_LETTER = re.compile(r"[A-Za-z|]")


def in_text(text: str) -> Iterator[Found]:
    """The numbers of which a letter stands for a digit, as mentioned."""
    for match in _NUMBER.finditer(text):
        if not _LETTER.search(match[0]) or noise.is_labelled(text, match.start()):
            continue
        reading = phones.read_one(match[0], None if match["international"] else "US")
        if reading.e164 and reading.validity == VALID:
            yield phones.found(match.start(), match.end(), reading, Role.MENTIONED)
