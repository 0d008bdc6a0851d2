"""Where every row went: read, accepted, duplicate or rejected, and whether that adds up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pyarrow.compute as pc

from reports import tables
from reports.tables import Run
from schemas.kinds import EntityKind, RecordKind, Status
from schemas.manifest import Counts, Manifest
from schemas.tables import CALLS, COMPLAINTS, ENTITIES, REJECTS, Table


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
