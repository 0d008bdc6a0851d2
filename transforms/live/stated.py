"""Victims' numbers that any row of a stream has stated, remembered as long as its records.

A number that one row states as a victim's is withheld in all of them, also where that row was
refused or replaced and shows nothing else; so it is kept apart from the evidence.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc

from schemas.field import TIMESTAMP
from schemas.kinds import RecordKind
from transforms.decisions.rulings import InForce
from transforms.identify.stated import STATED, stated_by_row
from transforms.privacy.rejected import stated_in_rejects
from transforms.shuffle import table_of

STATED_AT = pa.schema([*STATED, pa.field("stated_at", TIMESTAMP, nullable=False)])
"""A victim's number, and when a row last stated it."""


def stated_at(accepted: pa.RecordBatch, kind: RecordKind) -> pa.RecordBatch:
    """What COMPLAINT_ACCEPTED or CALL_ACCEPTED rows state, by the time of each row."""
    when = accepted["started_at" if kind is RecordKind.CALL else "received_at"]
    pairs = [(row, one) for row, one in stated_by_row(accepted, kind) if one.startswith("+")]
    ids = pa.array([f"phone:{number}" for _, number in pairs], pa.string())
    times = when.take(pa.array([row for row, _ in pairs], pa.int64()))
    return latest([pa.RecordBatch.from_arrays([ids, times.cast(TIMESTAMP)], schema=STATED_AT)])


def stated_in_refused(rejects: pa.RecordBatch, now: datetime) -> pa.RecordBatch:
    """What REJECT rows, not masked yet, state: `now`, since a refused row may tell no time."""
    ids = stated_in_rejects(rejects)["entity_id"]
    times = pa.repeat(pa.scalar(now, TIMESTAMP), len(ids))
    return pa.RecordBatch.from_arrays([ids, times], schema=STATED_AT)


def latest(stated: Iterable[pa.RecordBatch]) -> pa.RecordBatch:
    """STATED_AT rows, each number once, by the last time that it was stated."""
    once = table_of(stated, STATED_AT).group_by(["entity_id"], use_threads=False)
    rows = once.aggregate([("stated_at", "max")]).sort_by("entity_id").combine_chunks()
    columns = [rows[name].combine_chunks() for name in ("entity_id", "stated_at_max")]
    return pa.RecordBatch.from_arrays(columns, schema=STATED_AT)


def since(stated: pa.RecordBatch, newest: datetime | None, days: int) -> pa.RecordBatch:
    """STATED_AT rows that are at most `days` older than the newest record, if there is one."""
    if newest is None:
        return stated
    oldest = pa.scalar(newest - timedelta(days=days), TIMESTAMP)
    return stated.filter(pc.greater_equal(stated["stated_at"], oldest))


def still_stated(stated: pa.RecordBatch, decided: InForce, days: int) -> pa.RecordBatch:
    """STATED_AT rows to STATED rows, those that have not expired by `decided.when`."""
    return since(stated, decided.when, days).select(STATED.names)
