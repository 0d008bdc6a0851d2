"""The run over time and by where it came from: days, countries, brands, organisations, channels.

Where every row went: read, accepted, duplicate or rejected, and whether that adds up.

Infrastructure that two or more organisations saw, with what each of them saw.

The finding that no organisation can make alone: each sees only its own victims.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reports import tables
from reports.disclosure_control import suppressed
from reports.tables import Run
from schemas.enums import EntityKind, RecordKind, Status
from schemas.field import TIMESTAMP
from schemas.manifest import Counts, Manifest
from schemas.tables import CALLS, COMPLAINTS, ENTITIES, MEMBERS, MENTIONS, REJECTS, Table

COUNTRY = "victim_country"


BAR_LIMIT = 400
"""Bars of a trend; of a longer period the last days are drawn, and the whole by weeks."""


@dataclass(frozen=True)
class Bar:
    """One step of the trend: its first day, and the records that fall in it."""

    start: date
    complaints: int
    calls: int


@dataclass(frozen=True)
class Trend:
    """Bars of `step` days each, oldest first, and the records before the first bar."""

    step: int
    bars: list[Bar]
    earlier: int

    @property
    def end(self) -> date:
        """The last day of the last bar."""
        return self.bars[-1].start + timedelta(days=self.step - 1)


def trend(run: Run, step: int = 1) -> Trend:
    """Accepted records by UTC day of received_at and started_at, `step` days a bar.

    The bars end with the newest record; where they are more than `BAR_LIMIT`, the oldest are only
    counted: one mistyped year must not flatten the rest.
    """
    complaints = _days(run, COMPLAINTS, "received_at")
    calls = _days(run, CALLS, "started_at")
    if not (days := sorted(complaints.keys() | calls.keys())):
        return Trend(step, [], 0)
    last = days[-1]
    bars = min((last - days[0]).days // step + 1, BAR_LIMIT)
    start = last - timedelta(days=bars * step - 1)
    summed: tuple[Counter[int], Counter[int]] = (Counter(), Counter())
    earlier = 0
    for total, counted in zip(summed, (complaints, calls), strict=True):
        for one, rows in counted.items():
            if one < start:
                earlier += rows
            else:
                total[(one - start).days // step] += rows
    at = [start + timedelta(days=n * step) for n in range(bars)]
    return Trend(step, [Bar(at[n], summed[0][n], summed[1][n]) for n in range(bars)], earlier)


def _days(run: Run, table: Table, column: str) -> Counter[date]:
    found: Counter[date] = Counter()
    for batch in tables.batches(run, table, [column]):
        days = pc.cast(batch[column], pa.date32(), safe=False)
        for one in days.drop_null().value_counts().to_pylist():
            found[one["values"]] += one["counts"]
    return found


@dataclass(frozen=True)
class Breakdown:
    """Complaints by the values of one field, most first, the rest summed up.

    A count that is too small to show is None, as are the sums that would tell it.
    """

    title: str
    rows: list[tuple[str, int | None]]
    others: int | None
    unknown: int

    @property
    def most(self) -> int:
        """The largest count that is shown."""
        return max((count or 0 for _, count in self.rows), default=0)


_FIELDS = (
    ("source_org", "Organisations"),
    (COUNTRY, "Victims’ countries"),
    ("channel", "How it arrived"),
)


_TOLD = (("brand", "Brands posed as"), ("lure", "Lures"))
"""What complaints tell of the impersonation; one complaint can tell of several."""


def breakdowns(run: Run, limit: int, suppress_below: int = 0) -> list[Breakdown]:
    """Complaints by organisation, country, channel, brand and lure, `limit` values of each.

    Counts by country below `suppress_below` are hidden.
    """
    told = _told(run)
    by_field = [
        _by_field(run, column, title, limit, suppress_below if column == COUNTRY else 0)
        for column, title in _FIELDS
    ]
    return by_field + [_breakdown(title, told[what], limit) for what, title in _TOLD]


def _by_field(run: Run, column: str, title: str, limit: int, floor: int) -> Breakdown:
    rows = tables.tally(run, COMPLAINTS, [column]).to_pylist()
    return _breakdown(title, {one[column]: one["rows"] for one in rows}, limit, floor)


def _breakdown(
    title: str, counts: Mapping[str | None, int], limit: int, floor: int = 0
) -> Breakdown:
    known = sorted(
        ((value, count) for value, count in counts.items() if value),
        key=lambda one: (-one[1], one[0]),
    )
    rest = [count for _, count in known[limit:]]
    shown = suppressed([*(count for _, count in known[:limit]), sum(rest)], floor)
    return Breakdown(
        title=title,
        rows=[(value, count) for (value, _), count in zip(known, shown[:-1], strict=False)],
        others=shown[-1],
        unknown=sum(count for value, count in counts.items() if not value),
    )


def _told(run: Run) -> dict[str, Counter[str | None]]:
    """Complaints by what they tell of: a name counts once a complaint."""
    found: dict[str, Counter[str | None]] = {what: Counter() for what, _ in _TOLD}
    for batch in tables.batches(run, COMPLAINTS, ["impersonation"]):
        told = batch["impersonation"]
        flat = pc.list_flatten(told)
        columns = [pc.list_parent_indices(told), *(flat.field(name) for name in ("what", "name"))]
        pairs = pa.table(columns, names=["row", "what", "name"])
        once = pairs.group_by(["row", "what", "name"]).aggregate([])
        counted = once.group_by(["what", "name"]).aggregate([([], "count_all")])
        for one in counted.to_pylist():
            if one["what"] in found:
                found[one["what"]][one["name"]] += one["count_all"]
    return found


@dataclass(frozen=True)
class Account:
    """The accounting of one record kind, and what does not add up in it."""

    kind: str
    counts: Counts
    problems: list[str]


def accounts(run: Run, manifest: Manifest) -> list[Account]:
    """The manifest's counts, checked against themselves and against the tables."""
    counts = manifest["counts"]
    return [
        _account(run, RecordKind.COMPLAINT, COMPLAINTS, counts["complaints"]),
        _account(run, RecordKind.CALL, CALLS, counts["calls"]),
    ]


def _account(run: Run, kind: RecordKind, table: Table, counts: Counts) -> Account:
    problems = []
    if counts["read"] != counts["accepted"] + counts["duplicates"] + counts["rejected"]:
        problems.append("read is not accepted + duplicates + rejected")
    if (rows := tables.count(run, table)) != counts["accepted"]:
        problems.append(f"{table.name}/ holds {rows} rows")
    if (rows := tables.count(run, REJECTS, pc.field("record_kind") == kind)) != counts["rejected"]:
        problems.append(f"rejects/ holds {rows} rows")
    return Account(table.name, counts, problems)


def rejects_by_code(run: Run, limit: int) -> tuple[list[dict[str, Any]], int]:
    """Rejects by kind, stage, code and field, most first; and how many more groups there are."""
    by = ("record_kind", "stage", "code", "field")
    found = tables.tally(run, REJECTS, by)
    order = [("rows", "descending"), *((name, "ascending") for name in by)]
    groups = found.sort_by(order).to_pylist()
    return groups[:limit], max(len(groups) - limit, 0)


@dataclass(frozen=True)
class KindCount:
    """Entities of one kind: a number for each status, in the order of `Status`."""

    kind: str
    by_status: list[int]

    @property
    def total(self) -> int:
        """Entities of the kind, whatever their status."""
        return sum(self.by_status)


def entities_by_kind(run: Run) -> list[KindCount]:
    """Entities by kind and status, for the kinds that occur, in the order of `EntityKind`."""
    found = tables.tally(run, ENTITIES, ("kind", "status")).to_pylist()
    rows = {(one["kind"], one["status"]): one["rows"] for one in found}
    counts = [KindCount(kind, [rows.get((kind, s), 0) for s in Status]) for kind in EntityKind]
    return [one for one in counts if one.total]


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
