"""Which passages two texts share, by winnowed fingerprints.

Schleimer, Wilkerson and Aiken, "Winnowing: local algorithms for document fingerprinting", SIGMOD
2003: of every `WINDOW` shingles of `SHINGLE` words in a row the smallest hash is kept. Two texts
that share `SHINGLE + WINDOW - 1` words in a row share a fingerprint, wherever the words stand; and
the fingerprints of a shared passage overlap, so that they cover it without a gap.

Narratives with their fingerprints: what the passes over all texts read.

The words of fingerprints: what may be said of one, apart from the texts that hold it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.field import TIMESTAMP
from transforms.arrow_util import hash_columns, hash_text
from transforms.call_scripts.tokens import Words, words
from transforms.extract.fields import observed_at

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


MARKED = pa.schema(
    [
        ("source_org", pa.string()),
        ("complaint_id", pa.string()),
        ("observed_at", TIMESTAMP),
        ("victim_country", pa.string()),
        ("victim_id", pa.string()),
        ("victim", pa.int64()),
        ("teller", pa.int64()),
        ("values", pa.list_(pa.int64())),
        ("words", pa.list_(pa.int32())),
    ]
)
"""A complaint with the fingerprints of its narrative, in their order, and nothing that it says.

`words` is the number of a fingerprint's first word. `victim` tells victims apart, a record without
a pseudonym being a victim of its own; `teller` takes equal narratives without a pseudonym for one
person's.
"""


READ = pa.schema(
    [
        *MARKED,
        ("received_at", TIMESTAMP),
        ("narrative", pa.string()),
        ("starts", pa.list_(pa.int32())),
        ("ends", pa.list_(pa.int32())),
    ]
)
"""A MARKED row beside its narrative.

`starts` and `ends` are where a fingerprint's words stand in it, in code points.
"""


def marked(complaints: pa.RecordBatch) -> pa.RecordBatch:
    """COMPLAINT_ACCEPTED rows to READ rows, of those with a fingerprint."""
    spelt = words(complaints["narrative"])
    found = fingerprints(spelt)
    bounds = np.searchsorted(found.text, np.arange(complaints.num_rows + 1)).astype(np.int32)
    last = found.word + SHINGLE - 1
    within = (found.word - spelt.bounds[found.text]).astype(np.int32)
    places = {"starts": spelt.start[found.word], "ends": spelt.end[last]}
    lists = {"values": found.value, "words": within, **places}
    named = mask(complaints["victim_id"])
    key = hash_columns(complaints, ["source_org", "victim_id"])
    record = hash_columns(complaints, ["source_org", "complaint_id"])
    text = hash_text(complaints["narrative"])
    made = {
        "observed_at": observed_at(complaints),
        "victim": pa.array(np.where(named, key, record)),
        "teller": pa.array(np.where(named, key, text)),
    }
    for name, one in lists.items():
        made[name] = pa.ListArray.from_arrays(pa.array(bounds), pa.array(one))
    columns = [made[name] if name in made else complaints[name] for name in READ.names]
    rows = pa.RecordBatch.from_arrays(columns, schema=READ)
    return rows.filter(pa.array(np.diff(bounds) > 0))


def mask(column: pa.Array) -> np.ndarray:
    """Which values are there."""
    return pc.is_valid(column).to_numpy(zero_copy_only=False)


@dataclass(frozen=True)
class Marks:
    """The fingerprints of a MARKED batch, flat: the row and the value of each, by row and place."""

    row: np.ndarray
    value: np.ndarray


def marks(rows: pa.RecordBatch) -> Marks:
    """Take the lists of a MARKED batch apart."""
    row = pc.list_parent_indices(rows["values"]).to_numpy(zero_copy_only=False).astype(np.int64)
    return Marks(row, flat(rows, "values"))


def flat(rows: pa.RecordBatch, name: str) -> np.ndarray:
    """One of the lists of a MARKED batch, all rows' in a row."""
    return pc.list_flatten(rows[name]).to_numpy(zero_copy_only=False)


WORDED = pa.schema([("value", pa.int64()), ("words", pa.string())])
"""A fingerprint, sorted by value, each once, and its `SHINGLE` words with a blank between them."""


def worded(rows: pa.RecordBatch, which: np.ndarray) -> pa.RecordBatch:
    """The WORDED rows of some fingerprints of READ rows, by their numbers in `marks`."""
    found = marks(rows)
    value, first = np.unique(found.value[which], return_index=True)
    at = which[first]
    texts, text = np.unique(found.row[at], return_inverse=True)
    said = words(rows["narrative"].take(pa.array(texts)))
    begin = said.bounds[text] + flat(rows, "words")[at]
    each = [said.spellings.take(pa.array(said.word[begin + step])) for step in range(SHINGLE)]
    columns = [pa.array(value), pc.binary_join_element_wise(*each, " ")]
    return pa.RecordBatch.from_arrays(columns, schema=WORDED)
