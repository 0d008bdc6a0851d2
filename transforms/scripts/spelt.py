"""One text to words with their places, in a form that forgets what differs between victims."""

from __future__ import annotations

import re

LONGEST = 20_000
"""Characters of a text that are compared; no script that is read out is longer."""

NUMBER = "#"
"""What every number becomes: an amount, a date, a telephone number, "press one"."""

GAP = "\u2026"
"""What stands, in a wording that is shown, for words that too few share."""

APOSTROPHES = "'\u2019"
"""What may stand inside a word."""

SPOKEN = frozenset("zero one two three four five six seven eight nine ten".split())
"""Transcripts write a digit either way."""

_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"  # scripts without blanks: a character is a word
    rf"|[^\W\d_]+(?:[{APOSTROPHES}][^\W\d_]+)*"
    r"|\d[\d.,:/\-]*"
)


def spelt(text: str) -> list[tuple[str, int, int]]:
    """The words of one text: lower case, every run of numbers as one `NUMBER`; start and end."""
    found: list[tuple[str, int, int]] = []
    for match in _WORD.finditer(text[:LONGEST]):
        word = normal(match.group())
        if word == NUMBER and found and found[-1][0] == NUMBER:
            found[-1] = (NUMBER, found[-1][1], match.end())
        else:
            found.append((word, match.start(), match.end()))
    return found


def normal(word: str) -> str:
    """A word in lower case, `NUMBER` for a number."""
    lower = word.lower()
    return NUMBER if lower[0].isdigit() or lower in SPOKEN else lower
