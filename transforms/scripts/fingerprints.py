"""Which passages two texts share, by winnowed fingerprints.

Schleimer, Wilkerson and Aiken, "Winnowing: local algorithms for document fingerprinting", SIGMOD
2003: of every `WINDOW` shingles of `SHINGLE` words in a row the smallest hash is kept. Two texts
that share `SHINGLE + WINDOW - 1` words in a row share a fingerprint, wherever the words stand; and
the fingerprints of a shared passage overlap, so that they cover it without a gap.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from transforms.scripts.words import Words

SHINGLE = 4
"""Words of a shingle; docs/evidence.md."""

WINDOW = 2
"""Shingles of which one is kept; less than `SHINGLE`, so that fingerprints overlap."""

_POSITIVE = np.uint64((1 << 63) - 1)


@dataclass(frozen=True)
class Fingerprints:
    """The fingerprints of several texts, by text and place.

    Each has the number of its text, of its first word in `Words`, and its 63-bit `value`.
    """

    text: np.ndarray
    word: np.ndarray
    value: np.ndarray


def fingerprints(words: Words) -> Fingerprints:
    """Winnow the shingles of each text; a text shorter than a shingle has none."""
    sizes = np.maximum(np.diff(words.bounds) - SHINGLE + 1, 0)
    text = np.repeat(np.arange(len(sizes)), sizes)
    ends = np.cumsum(sizes)
    word = np.arange(len(text)) + np.repeat(words.bounds[:-1] - ends + sizes, sizes)
    value = _hashed(words.hashes(), word)
    is_kept = np.zeros(len(value), bool)
    is_kept[_winnowed(np.repeat(ends - sizes, sizes), np.repeat(ends, sizes) - 1, value)] = True
    kept = np.flatnonzero(is_kept)
    return Fingerprints(text[kept], word[kept], value[kept])


def _hashed(hashes: np.ndarray, word: np.ndarray) -> np.ndarray:
    """63 bits of the words from each place on, in their order."""
    mixed = np.zeros(len(word), np.uint64)
    for step in range(SHINGLE):
        # Odd constants keep the order of the words; the shifts let every bit count (splitmix64).
        mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + hashes[word + step]
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(31)
    return (mixed & _POSITIVE).astype(np.int64)


def _winnowed(first: np.ndarray, last: np.ndarray, value: np.ndarray) -> np.ndarray:
    """The place of the smallest of every window of one text, the last of equals.

    `first` and `last` are the places of the first and the last shingle of each one's text.
    """
    start = np.arange(len(value))
    # A text with fewer shingles than a window has one window.
    start = start[(start + WINDOW - 1 <= last) | (start == first)]
    best = start
    for step in range(1, WINDOW):
        at = np.minimum(start + step, last[start])
        best = np.where(value[at] <= value[best], at, best)
    return best
