"""Infrastructure that two or more organisations saw, with what each of them saw.

The finding that no organisation can make alone: each sees only its own victims.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from reports import tables
from reports.tables import Run
from schemas.field import TIMESTAMP
from schemas.kinds import RecordKind, Status
from schemas.tables import ENTITIES, MEMBERS, MENTIONS

_ORDER = (
    ("organisations", "descending"),
    ("complaints", "descending"),
    ("calls", "descending"),
    ("entity_id", "ascending"),
)
_RECORD = ["entity_id", "source_org", "record_kind", "role", "record_id"]
_SPANS = pa.schema(
    [
        *(pa.field(name, pa.string()) for name in _RECORD),
        pa.field("first_seen", TIMESTAMP),
        pa.field("last_seen", TIMESTAMP),
    ]
)


@dataclass(frozen=True)
class Sighting:
    """What one organisation's records say of one entity."""

    org: str
    complaints: int
    calls: int
    roles: list[str]
    first_seen: datetime
    last_seen: datetime


@dataclass(frozen=True)
class Shared:
    """An entity that several organisations saw, the cluster it is in, and their sightings."""

    entity_id: str
    cluster_id: str | None
    sightings: list[Sighting]


def shared_entities(run: Run, limit: int) -> tuple[list[Shared], int]:
    """Infrastructure seen by two or more organisations, most of them first; and the total."""
    where = (pc.field("status") == Status.INFRASTRUCTURE) & (
        pc.list_value_length(pc.field("orgs")) > 1
    )
    ids, total = _widest(run, where, limit)
    wanted = pc.field("entity_id").isin(pa.array(ids, pa.string()))
    clusters = tables.read(run, MEMBERS, ["entity_id", "cluster_id"], wanted)
    of = dict(zip(*(clusters[name].to_pylist() for name in clusters.column_names), strict=True))
    seen = _sightings(_records(run, wanted))
    return [Shared(one, of.get(one), seen.get(one, [])) for one in ids], total


def _widest(run: Run, where: pc.Expression, limit: int) -> tuple[list[str], int]:
    """Ids of the first `limit` entities in `_ORDER`, and how many match in all."""
    columns = ["entity_id", "complaints", "calls", "orgs"]
    best, total = None, 0
    for batch in tables.batches(run, ENTITIES, columns, where):
        total += batch.num_rows
        part = pa.Table.from_batches([batch]).drop_columns("orgs")
        part = part.append_column("organisations", pc.list_value_length(batch["orgs"]))
        pool = part if best is None else pa.concat_tables([best, part])
        best = tables.first(pool, _ORDER, limit)
    return [] if best is None else best["entity_id"].to_pylist(), total


def _sightings(records: pa.Table) -> dict[str, list[Sighting]]:
    """For each entity of `_records`, one sighting an organisation, sorted by its name."""
    by = ["entity_id", "source_org"]
    spans = [("first_seen", "min"), ("last_seen", "max"), ("role", "distinct")]
    grouped = records.group_by(by).aggregate(spans)
    numbers = _records_by_kind(records)
    found: dict[str, list[Sighting]] = defaultdict(list)
    for one in grouped.sort_by([(name, "ascending") for name in by]).to_pylist():
        entity_id, org = one["entity_id"], one["source_org"]
        sighting = Sighting(
            org=org,
            complaints=numbers.get((entity_id, org, RecordKind.COMPLAINT), 0),
            calls=numbers.get((entity_id, org, RecordKind.CALL), 0),
            roles=sorted(one["role_distinct"]),
            first_seen=one["first_seen_min"],
            last_seen=one["last_seen_max"],
        )
        found[entity_id].append(sighting)
    return found


def _records(run: Run, wanted: pc.Expression) -> pa.Table:
    """The records that name a wanted entity, one row for each role, with when they saw it.

    A record that names an entity at several places counts once, so the ids of these records are
    held; nothing else of mentions/ is.
    """
    records = _SPANS.empty_table()
    for batch in tables.batches(run, MENTIONS, [*_RECORD, "observed_at"], wanted):
        seen = batch["observed_at"]
        part = pa.table([*(batch[name] for name in _RECORD), seen, seen], schema=_SPANS)
        grouped = pa.concat_tables([records, part]).group_by(_RECORD)
        spans = grouped.aggregate([("first_seen", "min"), ("last_seen", "max")])
        records = spans.rename_columns(_SPANS.names).cast(_SPANS)
    return records


def _records_by_kind(records: pa.Table) -> dict[tuple[str, str, str], int]:
    """Distinct records by entity, organisation and record kind."""
    by = ["entity_id", "source_org", "record_kind"]
    counted = records.group_by(by).aggregate([("record_id", "count_distinct")]).to_pylist()
    return {tuple(one[name] for name in by): one["record_id_count_distinct"] for one in counted}
