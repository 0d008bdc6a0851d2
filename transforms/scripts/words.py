"""Texts to words with their places, in a form that forgets what differs from victim to victim."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xxhash

LONGEST = 20_000
"""Characters of a text that are compared; no script that is read out is longer."""

NUMBER = "#"
"""What every number becomes: an amount, a date, a telephone number, "press one"."""

GAP = "\u2026"
"""What stands, in a wording that is shown, for words that too few share."""

_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"  # scripts without blanks: a character is a word
    r"|[^\W\d_]+(?:['\u2019][^\W\d_]+)*"
    r"|\d[\d.,:/\-]*"
)
_SPOKEN = frozenset("zero one two three four five six seven eight nine ten".split())
"""Transcripts write a digit either way."""


@dataclass(frozen=True)
class Words:
    """The words of several texts, one text after the other.

    `hashes` (uint64), `start` and `end` (places in the text, in code points) are per word;
    the words of text i are those from `bounds[i]` to below `bounds[i + 1]`.
    """

    hashes: np.ndarray
    start: np.ndarray
    end: np.ndarray
    bounds: np.ndarray


def spelt(text: str) -> list[tuple[str, int, int]]:
    """The words of one text: lower case, every run of numbers as one `NUMBER`; start and end."""
    found: list[tuple[str, int, int]] = []
    for match in _WORD.finditer(text[:LONGEST]):
        word = match.group().lower()
        if word[0].isdigit() or word in _SPOKEN:
            word = NUMBER
            if found and found[-1][0] == NUMBER:
                found[-1] = (NUMBER, found[-1][1], match.end())
                continue
        found.append((word, match.start(), match.end()))
    return found


def words(texts: Sequence[str | None]) -> Words:
    """The words of each text; none of a null."""
    known: dict[str, int] = {}
    hashes: list[int] = []
    start: list[int] = []
    end: list[int] = []
    bounds = [0]
    for text in texts:
        for word, first, last in spelt(text or ""):
            number = known.get(word)
            if number is None:
                number = known[word] = xxhash.xxh3_64_intdigest(word.encode("utf-8", "replace"))
            hashes.append(number)
            start.append(first)
            end.append(last)
        bounds.append(len(hashes))
    return Words(
        np.array(hashes, np.uint64),
        np.array(start, np.int32),
        np.array(end, np.int32),
        np.array(bounds, np.int64),
    )
