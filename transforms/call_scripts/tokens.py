"""Splits texts into words with their places, in a form that forgets what differs between victims.

`tokenize` is `tokenize_text` on a whole column at once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

import numpy as np
import pyarrow as pa
import xxhash

LONGEST = 20_000
"""Characters of a text that are compared; no script that is read out is longer."""

NUMBER = "#"
"""The word for every number: an amount, a date, a telephone number, "press one"."""

GAP = "\u2026"
"""Placeholder, in a wording that is shown, for words that too few share."""

APOSTROPHES = "'\u2019"
"""Characters that may stand inside a word."""

SPOKEN = frozenset("zero one two three four five six seven eight nine ten".split())
"""Transcripts write a digit either way."""

_WORD = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]"  # scripts without blanks: a character is a word
    rf"|[^\W\d_]+(?:[{APOSTROPHES}][^\W\d_]+)*"
    r"|\d[\d.,:/\-]*"
)

_TABLED = 0x2100
"""Code points whose class is looked up: Latin, Greek, Cyrillic, Arabic, Indic, and quotation marks.

A text with any other goes by itself through `tokenize_text`.
"""

_LETTER, _DIGIT, _INSIDE_NUMBER, _APOSTROPHE, _ELSEWHERE = 1, 2, 3, 4, 5
"""Classes of characters; 0 stands between words."""


@dataclass(frozen=True)
class Tokens:
    """The words of several texts, one text after the other.

    `word` is a place in `spellings`; `start` and `end` are places in the text, in code points; the
    words of text i are those from `bounds[i]` to below `bounds[i + 1]`.
    """

    spellings: pa.Array
    word: np.ndarray
    start: np.ndarray
    end: np.ndarray
    bounds: np.ndarray

    def hashes(self) -> np.ndarray:
        """xxh3-64 of each word, as uint64."""
        digest = xxhash.xxh3_64_intdigest
        known = [digest(one.encode()) for one in self.spellings.to_pylist()]
        return np.array(known, np.uint64)[self.word]


_TokenColumns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""Words: of which text, which, from where to where."""


def tokenize(texts: pa.Array) -> Tokens:
    """Returns the words of each text, as `tokenize_text` does; none of a null."""
    whole = pa.array(texts, pa.string()).fill_null("")
    points, bounds, first_byte = _code_points(whole)
    kinds = np.where(points < _TABLED, _classes()[np.minimum(points, _TABLED - 1)], _ELSEWHERE)
    text = np.repeat(np.arange(len(whole)), np.diff(bounds))
    alone = np.unique(text[kinds == _ELSEWHERE])
    kinds[np.isin(text, alone) if len(alone) else slice(0)] = 0
    within = np.arange(len(points)) - bounds[text]
    kinds[within >= LONGEST] = 0
    starts, ends = _word_spans(kinds, within == 0)
    spellings, word = _number_spellings(whole, first_byte[starts], first_byte[ends])
    found = [(text[starts], word, within[starts], within[starts] + ends - starts)]
    found += _tokenize_one_by_one(whole, alone.tolist(), spellings)
    return _merge(found, spellings, len(whole))


def tokenize_text(text: str) -> list[tuple[str, int, int]]:
    """Returns the words of one text, in lower case, with start and end; runs of numbers are one."""
    found: list[tuple[str, int, int]] = []
    for match in _WORD.finditer(text[:LONGEST]):
        word = normalize_word(match.group())
        if word == NUMBER and found and found[-1][0] == NUMBER:
            found[-1] = (NUMBER, found[-1][1], match.end())
        else:
            found.append((word, match.start(), match.end()))
    return found


def normalize_word(word: str) -> str:
    """Returns a word in lower case, `NUMBER` for a number."""
    lower = word.lower()
    return NUMBER if lower[0].isdigit() or lower in SPOKEN else lower


def _code_points(texts: pa.Array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the code points of all texts, where each text begins, and where each one's bytes do.

    The second and the third have the end too.
    """
    offsets = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset :][: len(texts) + 1]
    data = texts.buffers()[2]
    content = memoryview(data)[offsets[0] : offsets[-1]] if data is not None else b""
    points = np.frombuffer(str(content, "utf-8").encode("utf-32-le"), np.uint32)
    sizes = 1 + (points >= 0x80).astype(np.int64) + (points >= 0x800) + (points >= 0x10000)
    first_byte = offsets[0] + np.concatenate([[0], np.cumsum(sizes)])
    return points, np.searchsorted(first_byte, offsets), first_byte


@cache
def _classes() -> np.ndarray:
    """Returns the class of each code point below `_TABLED`, by the regexes of `tokenize_text`."""
    every = "".join(map(chr, range(_TABLED)))
    classes = np.zeros(_TABLED, np.uint8)
    for kind, expression in (
        (_INSIDE_NUMBER, r"[.,:/\-]"),
        (_APOSTROPHE, f"[{APOSTROPHES}]"),
        (_DIGIT, r"\d"),
        (_LETTER, r"[^\W\d_]"),
    ):
        classes[[match.start() for match in re.finditer(expression, every)]] = kind
    return classes


def _word_spans(kinds: np.ndarray, begins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the starts and ends of words; `begins` marks the first character of each text."""
    letter = kinds == _LETTER
    inside = np.flatnonzero(kinds[1:-1] == _APOSTROPHE) + 1
    kept = letter[inside - 1] & letter[inside + 1] & ~begins[inside] & ~begins[inside + 1]
    letter[inside[kept]] = True
    digit = kinds == _DIGIT
    first, last = _stretches(letter, begins)
    run_first, run_last = _stretches(digit | (kinds == _INSIDE_NUMBER), begins)
    # A number begins with the first digit of its stretch.
    digits = np.append(np.flatnonzero(digit), len(kinds))
    at = digits[np.searchsorted(digits[:-1], run_first)]
    numbers = at < run_last
    starts = np.concatenate([first, at[numbers]])
    order = np.argsort(starts, kind="stable")
    return starts[order], np.concatenate([last, run_last[numbers]])[order]


def _stretches(mask: np.ndarray, begins: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the starts and ends of the stretches of one text in which `mask` holds."""
    before = np.append(False, mask[:-1]) & ~begins
    first = np.flatnonzero(mask & ~before)
    after = np.append(mask[1:] & ~begins[1:], False)[: len(mask)]
    return first, np.flatnonzero(mask & ~after) + 1


def _number_spellings(
    texts: pa.Array, start: np.ndarray, end: np.ndarray
) -> tuple[dict[str, int], np.ndarray]:
    """Returns spellings with their numbers, and the number of each word of these bytes."""
    # Every other string of this array is a word, the rest what stands between.
    cuts = np.empty(2 * len(start) + 1, np.int32)
    cuts[:-1:2], cuts[1::2] = start, end
    cuts[-1] = end[-1] if len(end) else 0
    pieces = pa.StringArray.from_buffers(len(cuts) - 1, pa.py_buffer(cuts), texts.buffers()[2])
    written = pieces.take(pa.array(np.arange(0, len(cuts) - 1, 2))).dictionary_encode()
    spellings: dict[str, int] = {}
    number = [
        spellings.setdefault(normalize_word(one), len(spellings))
        for one in written.dictionary.to_pylist()
    ]
    return spellings, np.array(number, np.int64)[written.indices.to_numpy()]


def _tokenize_one_by_one(
    texts: pa.Array, rows: list[int], spellings: dict[str, int]
) -> list[_TokenColumns]:
    """Tokenizes texts that go one by one; new spellings are added."""
    found: list[_TokenColumns] = []
    for row in rows:
        tokens = tokenize_text(texts[row].as_py())
        numbers = [spellings.setdefault(word, len(spellings)) for word, _, _ in tokens]
        start, end = ([one[at] for one in tokens] for at in (1, 2))
        columns = ([row] * len(tokens), numbers, start, end)
        found.append(tuple(np.array(one, np.int64) for one in columns))  # type: ignore[arg-type]
    return found


def _merge(found: list[_TokenColumns], spellings: dict[str, int], count: int) -> Tokens:
    """Returns the words by text, with every run of numbers as one."""
    text, word, start, end = (np.concatenate(column) for column in zip(*found, strict=True))
    if len(found) > 1:
        order = np.argsort(text, kind="stable")
        text, word, start, end = (one[order] for one in (text, word, start, end))
    number = word == spellings.get(NUMBER, -1)
    again = np.append(False, number[1:] & number[:-1] & (text[1:] == text[:-1]))[: len(word)]
    ends = np.append(~again[1:], True)[: len(word)]
    kept = ~again
    return Tokens(
        spellings=pa.array(spellings, pa.string()),
        word=word[kept],
        start=start[kept].astype(np.int32),
        end=end[ends].astype(np.int32),
        bounds=np.searchsorted(text[kept], np.arange(count + 1)),
    )
