"""Phone numbers inside free text, with their offsets.

Plain ones are found and read by whole columns (`written`); the texts that need more are searched
one by one (`careful`). Which way a text goes changes nothing but the time that it takes.
"""

from __future__ import annotations

from string import ascii_letters, digits

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from transforms.identify import careful, phones, spoken, written
from transforms.identify.careful import MAX_SCAN, find_one
from transforms.identify.places import FEW
from transforms.identify.reading import VALID, How
from transforms.identify.repeats import distinct_rows, given_to_all
from transforms.identify.searched import searched

__all__ = ["HIT", "MAX_SCAN", "find", "find_one"]

HIT = pa.schema(
    [
        pa.field("row", pa.int32(), nullable=False),
        pa.field("start", pa.int32(), nullable=False),
        pa.field("end", pa.int32(), nullable=False),
        pa.field("raw", pa.string(), nullable=False),
        *phones.READING,
    ]
)
"""A number in a text: row of the text, code-point offsets, the slice, and its reading."""

_RULES = written.Rules(
    stretch=careful.JOIN,
    chain=careful.CHAIN_JOIN,
    opening=careful.OPENING,
    plain=careful.PLAIN,
    publication=careful.PUBLICATION.pattern,
    extension=careful.EXTENSION_BEGUN,
    stuck_before=f"{ascii_letters}{digits}$%=&_",
    stuck_after=f"{ascii_letters}{digits}$%@",
    shortest=careful.SHORTEST,
    longest=careful.LONGEST,
)
_SAID = f"{spoken.HINT}|{spoken.AREA_HINT}"
"""RE2: without a match of this, no digit is said in a text."""


def find(text: pa.Array, region: pa.Array) -> pa.RecordBatch:
    """Every phone number in every text, under the region of its row; string arrays of one length.

    Returns a batch of `HIT`, ordered by row and start. Distinct (text, region) pairs are searched
    once: what is plain by columns (`written`), the others text by text.
    """
    first, back = distinct_rows((text, region))
    at = pa.array(first)
    found = _search(text.take(at), region.take(at))
    rows, finds = given_to_all(found["row"].to_numpy(), back, len(first))
    return found.take(pa.array(finds)).set_column(0, HIT.field("row"), pa.array(rows, pa.int32()))


def _search(texts: pa.Array, regions: pa.Array) -> pa.RecordBatch:
    """As `find`, of distinct pairs."""
    texts = pc.fill_null(searched(texts), "")
    said = pc.match_substring_regex(texts, _SAID).to_numpy(zero_copy_only=False)
    slow = np.ones(len(texts), bool)
    parts: list[list[pa.Array]] = []
    if len(texts) >= FEW:
        found = written.read(texts, regions, _RULES, said)
        slow = found.left
        parts.append(_plain(found))
    rows = np.flatnonzero(slow)
    some = texts.take(pa.array(rows)).to_pylist(), regions.take(pa.array(rows)).to_pylist()
    keys = list(zip(*some, strict=True))
    prepared = careful.prepared(list(zip(keys, said[rows].tolist(), strict=True)))
    read = careful.reading_of(prepared)
    others = [
        (row, *span, raw, *reading)
        for row, one in zip(rows.tolist(), prepared, strict=True)
        for span, raw, reading in one.hits(read[one.region])
    ]
    columns = list(zip(*others, strict=True)) or [()] * len(HIT)
    parts.append([pa.array(c, f.type) for c, f in zip(columns, HIT, strict=True)])
    both = [pa.concat_arrays(pair) for pair in zip(*parts, strict=True)]
    order = np.lexsort((both[1].to_numpy(), both[0].to_numpy()))
    return pa.RecordBatch.from_arrays(both, schema=HIT).take(pa.array(order))


def _plain(found: written.Found) -> list[pa.Array]:
    """The columns of `HIT` of what was found by columns."""
    count = len(found.at.rows)
    hows = np.where(found.national, How.NATIONAL.value, How.INTERNATIONAL.value)
    given = {
        "row": pa.array(found.at.rows, pa.int32()),
        "start": pa.array(found.at.starts, pa.int32()),
        "end": pa.array(found.at.ends, pa.int32()),
        "raw": found.raw,
        "e164": found.e164,
        "region": found.region,
        "line_type": found.line_type,
        "how": pa.array(hows, pa.string()),
        "validity": pa.array([VALID] * count, pa.string()),
        "confidence": pa.array(np.ones(count, np.float32)),
    }
    return [given.get(one.name, pa.nulls(count, one.type)) for one in HIT]
