"""report/index.html: what one run found and what became of every row, on one page.

The page is a function of the tables and the manifest alone: no clock, no machine, no network.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import pyarrow.compute as pc
from markupsafe import Markup

from reports import accounting, drawings, page, redaction, tables
from reports.cluster_table import ClusterTable, losses
from reports.joint_page import Joint
from reports.search_index import search_index
from reports.several_sources import shared_entities
from reports.tables import Run
from reports.trends import breakdowns, trend
from schemas.kinds import LineageEvent, Status
from schemas.manifest import Manifest
from schemas.tables import CLUSTERS, ENTITIES, LINEAGE

FIRST_ROWS = 50
"""Clusters in the page itself, for a reader without scripts; the script draws as many at once."""
SUPPRESSED_LIMIT = 50
SHARED_LIMIT = 200
SHARED_OPEN = 12
"""Of those seen by several sources, how many stand open; the rest unfold."""
REJECT_LIMIT = 50
BREAKDOWN_LIMIT = 8
MOVED_LIMIT = 50

_SUPPRESSED = (
    ("complaints", "descending"),
    ("calls", "descending"),
    ("entity_id", "ascending"),
)
_STEPS = {1: "day", 7: "week"}
_SUPPRESSED_COLUMNS = ("kind", "orgs", "reason")


def render(
    run: Run,
    manifest: Manifest,
    clusters: ClusterTable,
    joint: Joint | None = None,
    *,
    redact: bool = False,
    suppress_below: int = 0,
    scratch: str | None = None,
) -> bytes:
    """The page, for a run's tables, its manifest and its clusters.

    `redact` leaves out record ids and what analysts wrote, `suppress_below` counts of victims by
    country that are smaller. `scratch` is a folder for what is sorted by way of the disk.

    Raises FileNotFoundError where a table's folder is missing, KeyError where the manifest is
    not whole.
    """
    shared, shared_total = shared_entities(run, SHARED_LIMIT)
    rejects, rejects_more = accounting.rejects_by_code(run, REJECT_LIMIT)
    suppressed = pc.field("status") == Status.SUPPRESSED
    over_time = [by_day := trend(run), *([trend(run, 7)] if by_day.earlier else [])]
    changes = _changes(run)
    ids = clusters.table["cluster_id"].to_pylist()
    hubs = _suppressed(run)
    if redact:
        hubs = [one | {"reason": redaction.reason(one["reason"])} for one in hubs]
    return page.render(
        "index.html",
        ["unpack.js", "table.js", "search.js", "cite.js"],
        manifest=manifest,
        joint=joint,
        redacted=redact,
        options={name: _json(value) for name, value in sorted(manifest["options"].items())},
        accounts=accounting.accounts(run, manifest),
        kinds=accounting.entities_by_kind(run),
        statuses=list(Status),
        rejects=rejects,
        rejects_more=rejects_more,
        losses=losses,
        first_rows=clusters.first(FIRST_ROWS),
        alarms=redaction.alarms(manifest["alarms"]) if redact else manifest["alarms"],
        pages=clusters.pages,
        cluster_total=clusters.table.num_rows,
        linked_total=tables.count(run, CLUSTERS, pc.field("size") > 1),
        newest=clusters.newest,
        events=[one for one in LineageEvent if one != LineageEvent.ENDED],
        changes=[(one, changes[one]) for one in LineageEvent if changes[one]],
        compared=any(one != LineageEvent.BORN for one in changes),
        moved=_moved(run),
        trends=[(one, drawings.trend(one, _STEPS[one.step])) for one in over_time],
        steps=_STEPS,
        share=drawings.share,
        breakdowns=breakdowns(run, BREAKDOWN_LIMIT, suppress_below),
        shared=shared,
        shared_open=SHARED_OPEN,
        shared_total=shared_total,
        suppressed=hubs,
        suppressed_total=tables.count(run, ENTITIES, suppressed),
        data=Markup("\n").join(
            [
                page.packed_island("clusters-data", clusters.data()),
                page.packed_island(
                    "search-data", search_index(run, ids, redact=redact, scratch=scratch)
                ),
            ]
        ),
    )


def _suppressed(run: Run) -> list[dict[str, Any]]:
    """Suppressed entities, those of most complaints first."""
    where = pc.field("status") == Status.SUPPRESSED
    more = _SUPPRESSED_COLUMNS
    found = tables.top(run, ENTITIES, _SUPPRESSED, SUPPRESSED_LIMIT, columns=more, where=where)
    return found.to_pylist()


def _changes(run: Run) -> Counter[str]:
    """Clusters by what happened to them since the run before."""
    rows = tables.tally(run, LINEAGE, ["event"]).to_pylist()
    return Counter({one["event"]: one["rows"] for one in rows})


def _moved(run: Run) -> list[dict[str, object]]:
    """The first clusters that merged, split or ended, with where they went."""
    moved = pc.field("event").isin([LineageEvent.MERGED, LineageEvent.SPLIT, LineageEvent.ENDED])
    order = (("event", "ascending"), ("cluster_id", "ascending"))
    more = ("from_ids", "to_ids")
    return tables.top(run, LINEAGE, order, MOVED_LIMIT, columns=more, where=moved).to_pylist()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
