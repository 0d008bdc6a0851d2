"""Splits narratives into words, and winnows them to fingerprints that equal passages share.

Schleimer, Wilkerson and Aiken, "Winnowing: local algorithms for document fingerprinting", SIGMOD
2003: the smallest hash of every `WINDOW` shingles of `SHINGLE` words in a row is kept. Two texts
with `SHINGLE + WINDOW - 1` equal words in a row share a fingerprint, wherever the words are. The
fingerprints of a shared passage overlap, so that they cover it without a gap. Words are normalized,
so that numbers that differ between victims do not matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from schemas.field import INTEGER, SMALL_INTEGER, TEXT, TEXTS, TIMESTAMP
from transforms.arrow import (
    Array,
    find_spans,
    group_starts,
    hash_columns,
    hash_text,
    slice_bytes,
    stable_order,
    string_buffers,
    true_mask,
)

LONGEST = 20_000
"""Characters of a text that are compared; no spoken script is longer."""

NUMBER = "#"
"""The word for every number: an amount, a date, a telephone number, "press one"."""

GAP = "\u2026"
"""Placeholder in a shown wording for words that too few tellers share."""

SPOKEN = frozenset("zero one two three four five six seven eight nine ten".split())
"""Words that count as numbers, since transcripts write digits either way."""

_LETTER = r"[\pL\p{Nl}\p{No}]"

_WORD = (
    r"[\x{3040}-\x{30ff}\x{3400}-\x{9fff}\x{ac00}-\x{d7af}]"  # no blanks: a sign is a word
    rf"|{_LETTER}+(?:['\x{{2019}}]{_LETTER}+)*"  # an apostrophe may stand inside
    r"|\p{Nd}[\p{Nd}.,:/\-]*"
)
"""RE2 of a word."""

SHINGLE = 4
"""Words of a shingle; docs/evidence.md."""

WINDOW = 2
"""Shingles in a window, which keeps one; less than `SHINGLE`, so that fingerprints overlap."""

MIN_WORDS = 12
"""Fewest words that a text must share with a script; fewer are everybody's phrases."""

_POSITIVE = np.uint64((1 << 63) - 1)

FINGERPRINT_ROW = pa.schema(
    [
        ("source_org", TEXT),
        ("complaint_id", TEXT),
        ("observed_at", TIMESTAMP),
        ("victim_country", TEXT),
        ("victim_id", TEXT),
        ("victim", INTEGER),
        ("teller", INTEGER),
        ("values", pa.list_(INTEGER)),
        ("words", pa.list_(SMALL_INTEGER)),
    ]
)
"""A complaint with the fingerprints of its narrative, in their order, without its words.

`words` has the number of each fingerprint's first word. `victim` identifies victims; each record
without a pseudonym is a separate victim. `teller` counts equal narratives without a pseudonym as
one person's.
"""

FINGERPRINT_ROW_WITH_WORDS = pa.schema(
    [
        *FINGERPRINT_ROW,
        ("received_at", TIMESTAMP),
        ("spellings", TEXTS),
        ("starts", pa.list_(SMALL_INTEGER)),
        ("ends", pa.list_(SMALL_INTEGER)),
    ]
)
"""A FINGERPRINT_ROW with all words of its narrative, as spelled by `tokenize`.

`starts` and `ends` are the places of a fingerprint's words in the narrative, in code points.
"""

PHRASE = pa.schema([("value", INTEGER), ("words", TEXT)])
"""A distinct fingerprint and its `SHINGLE` words, separated by blanks; sorted by value."""


@dataclass(frozen=True)
class Tokens:
    """The words of several texts, one text after the other.

    `word` is a place in `spellings`. `start` and `end` are places in the text, in code points. Text
    i has the words from `bounds[i]` to below `bounds[i + 1]`.
    """

    spellings: pa.Array
    word: Array
    start: Array
    end: Array
    bounds: Array

    def hashes(self) -> Array:
        """xxh3-64 of each word, as uint64."""
        digest = xxhash.xxh3_64_intdigest
        known = [digest(spelling.encode()) for spelling in self.spellings.to_pylist()]
        return np.array(known, np.uint64)[self.word]


@dataclass(frozen=True)
class Fingerprints:
    """The fingerprints of several texts, by text and place.

    Each has the number of its text, the number of its first word in `Tokens`, and its 63-bit value.
    """

    text: Array
    word: Array
    value: Array


@dataclass(frozen=True)
class FlatFingerprints:
    """The fingerprints of a FINGERPRINT_ROW batch: the row and value of each, by row and place."""

    row: Array
    value: Array


def fingerprints(words: Tokens) -> Fingerprints:
    """Winnows the shingles of each text; a text shorter than a shingle has none."""
    sizes = np.maximum(np.diff(words.bounds) - SHINGLE + 1, 0)
    text = np.repeat(np.arange(len(sizes)), sizes)
    ends = np.cumsum(sizes)
    word = np.arange(len(text)) + np.repeat(words.bounds[:-1] - ends + sizes, sizes)
    value = _hash_shingles(words.hashes(), word)
    is_kept = np.zeros(len(value), bool)
    first, last = np.repeat(ends - sizes, sizes), np.repeat(ends, sizes) - 1
    is_kept[_smallest_of_windows(first, last, value)] = True
    kept = np.flatnonzero(is_kept)
    return Fingerprints(text[kept], word[kept], value[kept])


def fingerprint_rows(complaints: pa.RecordBatch) -> pa.RecordBatch:
    """Converts COMPLAINT_ACCEPTED rows with a fingerprint to FINGERPRINT_ROW_WITH_WORDS rows."""
    tokens = tokenize(complaints["narrative"])
    winnowed = fingerprints(tokens)
    bounds = np.searchsorted(winnowed.text, np.arange(complaints.num_rows + 1)).astype(np.int32)
    last = winnowed.word + SHINGLE - 1
    within = (winnowed.word - tokens.bounds[winnowed.text]).astype(np.int32)
    places = {"starts": tokens.start[winnowed.word], "ends": tokens.end[last]}
    lists = {"values": winnowed.value, "words": within, **places}
    named = true_mask(pc.is_valid(complaints["victim_id"]))
    key = hash_columns(complaints, ["source_org", "victim_id"])
    record = hash_columns(complaints, ["source_org", "complaint_id"])
    text = hash_text(complaints["narrative"])
    made = {
        "observed_at": observation_times(complaints),
        "victim": pa.array(np.where(named, key, record)),
        "teller": pa.array(np.where(named, key, text)),
    }
    for name, values in lists.items():
        made[name] = pa.ListArray.from_arrays(pa.array(bounds), pa.array(values))
    spellings = tokens.spellings.take(pa.array(tokens.word))
    made["spellings"] = pa.ListArray.from_arrays(pa.array(tokens.bounds), spellings)
    names = FINGERPRINT_ROW_WITH_WORDS.names
    columns = [made[name] if name in made else complaints[name] for name in names]
    rows = pa.RecordBatch.from_arrays(columns, schema=FINGERPRINT_ROW_WITH_WORDS)
    return rows.filter(pa.array(np.diff(bounds) > 0))


def observation_times(batch: pa.RecordBatch) -> pa.Array:
    """Returns the stated time of each scam if not later than its report, else the report's time."""
    stated = pc.fill_null(pc.less_equal(batch["occurred_at"], batch["received_at"]), False)
    return pc.if_else(stated, batch["occurred_at"], batch["received_at"])


def flatten_fingerprints(rows: pa.RecordBatch) -> FlatFingerprints:
    """Flattens the fingerprints of a FINGERPRINT_ROW batch."""
    row = pc.list_parent_indices(rows["values"]).to_numpy(zero_copy_only=False).astype(np.int64)
    return FlatFingerprints(row, flatten_list(rows, "values"))


def flatten_list(rows: pa.RecordBatch, name: str) -> Array:
    """Flattens one of the lists of a FINGERPRINT_ROW batch."""
    return pc.list_flatten(rows[name]).to_numpy(zero_copy_only=False)


def phrases(rows: pa.RecordBatch, which: Array) -> pa.RecordBatch:
    """Returns the PHRASE rows of some fingerprints of FINGERPRINT_ROW_WITH_WORDS rows.

    `which` are their numbers in `flatten_fingerprints`.
    """
    flat = flatten_fingerprints(rows)
    firsts = which[stable_order(flat.value[which])]
    firsts = firsts[group_starts(flat.value[firsts])]
    spellings = pc.list_flatten(rows["spellings"])
    bounds = np.append(0, np.cumsum(pc.list_value_length(rows["spellings"])))
    begin = bounds[flat.row[firsts]] + flatten_list(rows, "words")[firsts]
    each = [spellings.take(pa.array(begin + step)) for step in range(SHINGLE)]
    columns = [pa.array(flat.value[firsts]), pc.binary_join_element_wise(*each, " ")]
    return pa.RecordBatch.from_arrays(columns, schema=PHRASE)


def tokenize(texts: pa.Array) -> Tokens:
    """Returns the words of each text in lower case; runs of numbers are one, a null has none."""
    texts = pc.utf8_slice_codeunits(texts, 0, LONGEST)
    rows, starts, ends = find_spans(texts, _WORD)
    offsets, data = string_buffers(texts)
    begins = offsets[rows]
    written = slice_bytes(data, begins + starts, begins + ends).dictionary_encode()
    spellings = {NUMBER: 0}
    known = [
        spellings.setdefault(normalize_word(word), len(spellings))
        for word in written.dictionary.to_pylist()
    ]
    words = np.array(known, np.int32)[written.indices.to_numpy()]
    first = group_starts(rows, np.where(words, np.arange(len(words)), -1))
    last = np.append(first[1:], len(words))[: len(first)] - 1
    characters = np.append(0, np.cumsum((data & 0xC0) != 0x80))
    start, end = (
        characters[begins[which] + places[which]] - characters[begins[which]]
        for which, places in ((first, starts), (last, ends))
    )
    bounds = np.searchsorted(rows[first], np.arange(len(texts) + 1))
    columns = (column.astype(np.int32) for column in (words[first], start, end, bounds))
    return Tokens(pa.array(spellings, TEXT), *columns)


def words_with_places(texts: pa.Array) -> Iterator[list[tuple[str, int, int]]]:
    """Yields the words of each text, except numbers, with start and end; a null has none."""
    tokens = tokenize(texts)
    for begin, end in pairwise(tokens.bounds.tolist()):
        words = tokens.spellings.take(pa.array(tokens.word[begin:end])).to_pylist()
        places = tokens.start[begin:end].tolist(), tokens.end[begin:end].tolist()
        yield [word for word in zip(words, *places, strict=True) if word[0] != NUMBER]


def normalize_word(word: str) -> str:
    """Returns a word in lower case, `NUMBER` for a number."""
    lower = word.lower()
    return NUMBER if lower[0].isdigit() or lower in SPOKEN else lower


def _hash_shingles(hashes: Array, word: Array) -> Array:
    """Hashes the `SHINGLE` words from each place on to 63 bits; their order counts."""
    mixed = np.zeros(len(word), np.uint64)
    for step in range(SHINGLE):
        # Odd constants keep the order of the words; the shifts let every bit count (splitmix64).
        mixed = mixed * np.uint64(0x9E3779B97F4A7C15) + hashes[word + step]
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(31)
    return (mixed & _POSITIVE).astype(np.int64)


def _smallest_of_windows(first: Array, last: Array, value: Array) -> Array:
    """Returns the place of the smallest value in each window of a text; of equals, the last.

    `first` and `last` are the places of the first and the last shingle of each shingle's text.
    """
    start = np.arange(len(value))
    # A text with fewer shingles than a window has one window.
    start = start[(start + WINDOW - 1 <= last) | (start == first)]
    best = start
    for step in range(1, WINDOW):
        place = np.minimum(start + step, last[start])
        best = np.where(value[place] <= value[best], place, best)
    return best
