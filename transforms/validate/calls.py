"""Calls held against the input contract."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.call import CALL_ACCEPTED
from schemas.kinds import SUSPECTS, Attestation, Direction, RecordKind
from schemas.reject import Code
from transforms import columns
from transforms.validate.checking import Checking
from transforms.validate.fields import timestamp, victim
from transforms.validate.ids import ids, own_id


def validate_calls(
    rows: pa.RecordBatch, as_of: datetime | None = None
) -> tuple[pa.RecordBatch, pa.RecordBatch, Counter[str]]:
    """CALL_LOOSE to (CALL_ACCEPTED, REJECT, words coerced by field)."""
    batch = Checking(rows)
    ids(batch, "call_id")
    timestamp(batch, "started_at", as_of, required=True)
    victim(batch)
    batch.keep(
        "duration_seconds",
        columns.durations(rows["duration_seconds"]),
        Code.BAD_VALUE,
        "not seconds between 0 and a week",
    )
    batch.coerce("direction", tuple(Direction), None)
    own_id(batch, "call_id", _own_numbers(batch))
    batch.coerce("attestation", tuple(Attestation), None)
    for name in ("orig_id", "carrier", "trunk", "source_ip", "complaint_id", "caller_name"):
        batch.typed[name] = columns.text(rows[name])
    return batch.finish(CALL_ACCEPTED, RecordKind.CALL)


def _own_numbers(batch: Checking) -> Iterator[tuple[np.ndarray, pa.Array]]:
    for name, suspects in SUSPECTS.items():
        theirs = ~columns.mask(pc.equal(batch.typed["direction"], suspects.value))
        rows = np.flatnonzero(theirs)
        yield rows, batch.rows[name].take(pa.array(rows))
