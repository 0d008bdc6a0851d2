"""Where identifiers were read: a few readings of each, with the words around them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reports import tables
from reports.tables import Run
from schemas.kinds import RecordKind
from schemas.tables import COMPLAINTS, MENTIONS

PER_ORG = 2
"""Readings of one identifier that are shown for each organisation, narratives first."""
AROUND = 90
"""Characters of a narrative on either side of what was read."""
RAW_LIMIT = 200
NARRATIVE = "narrative"

SHOWN = (
    "entity_id",
    "source_org",
    "record_kind",
    "record_id",
    "role",
    "observed_at",
    "victim_country",
    "field",
    "start",
    "end",
    "raw",
    "confidence",
)
_ORDER = [
    ("entity_id", "ascending"),
    ("source_org", "ascending"),
    ("told", "descending"),
    ("observed_at", "descending"),
    ("record_id", "ascending"),
    ("field", "ascending"),
    ("start", "ascending"),
]


class Reading(NamedTuple):
    """A row of mentions/: an identifier read in one place of one record.

    `before` and `after` are the words around it in the narrative, masked as complaints/ is; both
    are None where the record has no narrative or the reader may not see it.
    """

    entity_id: str
    source_org: str
    record_kind: str
    record_id: str
    role: str
    observed_at: datetime
    victim_country: str | None
    field: str | None
    start: int | None
    end: int | None
    raw: str | None
    confidence: float
    before: str | None = None
    after: str | None = None


def readings(run: Run, entity_ids: pa.Array, *, narratives: bool) -> list[Reading]:
    """`PER_ORG` readings of each identifier and organisation, by identifier.

    The newest are taken, those in a narrative first; without `narratives` none is quoted.
    """
    found = _sample(run, pc.field("entity_id").isin(entity_ids))
    columns = [tables.values(found[name]) for name in SHOWN]
    read = [Reading(*row) for row in zip(*columns, strict=True)]
    told = _narratives(run, read) if narratives else {}
    return [_quoted(one, told) for one in read]


def _sample(run: Run, where: pc.Expression) -> pa.Table:
    schema = pa.schema([*(MENTIONS.schema.field(name) for name in SHOWN), ("told", pa.int8())])
    best = schema.empty_table()
    for batch in tables.batches(run, MENTIONS, SHOWN, where):
        told = pc.cast(pc.fill_null(pc.equal(batch["field"], NARRATIVE), False), pa.int8())
        part = pa.Table.from_batches([batch]).append_column("told", told)
        pool = pa.concat_tables([best, part]).combine_chunks()
        best = pool.take(_first_records(pool))
    return best


def _first_records(pool: pa.Table) -> pa.Array:
    """The rows of the first `PER_ORG` records of each identifier and organisation, in order."""
    order = pc.sort_indices(pool, sort_keys=_ORDER)
    names = ["entity_id", "source_org", "record_id"]
    rows = pool.select(names).take(order).append_column("at", pa.array(np.arange(len(order))))
    records = rows.group_by(names).aggregate([("at", "min")]).sort_by("at_min").combine_chunks()
    new = np.arange(len(records)) == 0
    for name in names[:2]:
        column = records[name].combine_chunks()
        new[1:] |= np.asarray(pc.not_equal(column.slice(1), column.slice(0, len(column) - 1)))
    numbers = np.arange(len(new))
    starts = numbers[new]
    first = numbers - starts[np.cumsum(new) - 1] < PER_ORG
    return order.take(records["at_min"].filter(pa.array(first)))


def _narratives(run: Run, read: Iterable[Reading]) -> dict[tuple[str, str], str]:
    """Narratives of the complaints in which something was read there, by organisation and id."""
    wanted = {
        (one.source_org, one.record_id)
        for one in read
        if one.field == NARRATIVE and one.record_kind == RecordKind.COMPLAINT
    }
    ids = pa.array(sorted({record_id for _, record_id in wanted}), pa.string())
    where = pc.field("complaint_id").isin(ids) & pc.field("narrative").is_valid()
    told = {}
    names = ["source_org", "complaint_id", "narrative"]
    for batch in tables.batches(run, COMPLAINTS, names, where):
        columns = (batch[name].to_pylist() for name in names)
        for org, complaint_id, narrative in zip(*columns, strict=True):
            if (org, complaint_id) in wanted:
                told[org, complaint_id] = narrative
    return told


def _quoted(one: Reading, told: Mapping[tuple[str, str], str]) -> Reading:
    """A reading with the words around it; without where no narrative holds it at that place."""
    if one.field != NARRATIVE or one.start is None or one.end is None:
        return one
    narrative = told.get((one.source_org, one.record_id))
    if narrative is None or narrative[one.start : one.end] != one.raw:
        return one
    before = narrative[max(one.start - AROUND, 0) : one.start]
    return one._replace(before=before, after=narrative[one.end : one.end + AROUND])
