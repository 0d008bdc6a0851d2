"""The words of fingerprints: what may be said of one, apart from the texts that hold it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.scripts.fingerprints import SHINGLE
from transforms.scripts.marked import flat, marks
from transforms.scripts.words import words

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
