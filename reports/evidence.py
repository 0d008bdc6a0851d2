"""Where identifiers were read: a few readings of each, with the words around them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

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


@dataclass(frozen=True)
class Reading:
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
    rows = tables.rows(found.select(SHOWN))
    told = _narratives(run, rows) if narratives else {}
    return [replace(Reading(**row), **_around(row, told)) for row in rows]


def _sample(run: Run, where: pc.Expression) -> pa.Table:
    schema = pa.schema([*(MENTIONS.schema.field(name) for name in SHOWN), ("told", pa.int8())])
    best = schema.empty_table()
    for batch in tables.batches(run, MENTIONS, SHOWN, where):
        told = pc.cast(pc.fill_null(pc.equal(batch["field"], NARRATIVE), False), pa.int8())
        part = pa.Table.from_batches([batch]).append_column("told", told)
        pool = pa.concat_tables([best, part]).sort_by(_ORDER)
        best = pool.take(_first_records(pool))
    return best


def _first_records(ordered: pa.Table) -> pa.Array:
    """Positions of the first `PER_ORG` records of each identifier and organisation."""
    names = ("entity_id", "source_org", "record_id")
    columns = [ordered[name].to_pylist() for name in names]
    kept: list[int] = []
    group, seen = (None, None), set[str]()
    for place, (entity_id, org, record_id) in enumerate(zip(*columns, strict=True)):
        if group != (entity_id, org):
            group, seen = (entity_id, org), set()
        if len(seen) < PER_ORG and record_id not in seen:
            seen.add(record_id)
            kept.append(place)
    return pa.array(kept, pa.int64())


def _narratives(run: Run, rows: list[dict[str, object]]) -> dict[tuple[object, object], str]:
    """Narratives of the complaints in which something was read there, by organisation and id."""
    wanted = {
        (one["source_org"], one["record_id"])
        for one in rows
        if one["field"] == NARRATIVE and one["record_kind"] == RecordKind.COMPLAINT
    }
    ids = pa.array(sorted({str(record_id) for _, record_id in wanted}), pa.string())
    where = pc.field("complaint_id").isin(ids) & pc.field("narrative").is_valid()
    told = {}
    for batch in tables.batches(
        run, COMPLAINTS, ["source_org", "complaint_id", "narrative"], where
    ):
        for one in tables.rows(batch):
            if (key := (one["source_org"], one["complaint_id"])) in wanted:
                told[key] = one["narrative"]
    return told


def _around(row: Mapping[str, object], told: Mapping[tuple[object, object], str]) -> dict[str, Any]:
    """The words around a reading; none where the narrative does not hold it at that place."""
    narrative = told.get((row["source_org"], row["record_id"]))
    start, end = row["start"], row["end"]
    if row["field"] != NARRATIVE or narrative is None:
        return {}
    if not isinstance(start, int) or not isinstance(end, int):
        return {}
    if narrative[start:end] != row["raw"]:
        return {}
    return {
        "before": narrative[max(start - AROUND, 0) : start],
        "after": narrative[end : end + AROUND],
    }
