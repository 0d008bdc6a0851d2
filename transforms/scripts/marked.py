"""Narratives with their fingerprints: what the passes over all texts read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.field import TIMESTAMP
from transforms.identify.sightings import observed_at
from transforms.scripts.fingerprints import SHINGLE, fingerprints
from transforms.scripts.words import words
from transforms.shuffle import hash_columns, hash_text

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
