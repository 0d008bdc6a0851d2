"""report/index.html: what one run found and what became of every row, on one page.

The page is a function of the tables and the manifest alone: no clock, no machine, no network.

What the index page can find: identifiers and record ids, each with its clusters.

Identifiers that only a caller id or a mention names are not in it: a forged number may be an
innocent subscriber's.
"""

from __future__ import annotations

import json
from collections import Counter
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from reports import disclosure_control, run_summary, tables, text
from reports.figures import svg
from reports.html.cluster_table import ClusterTable, losses
from reports.html.joint_page import Joint
from reports.html.render import packed_island, render_template
from reports.run_summary import breakdowns, shared_entities, trend
from reports.tables import Lookup, Run
from schemas.enums import LineageEvent, Status
from schemas.manifest import Manifest
from schemas.tables import CLUSTERS, COMPLAINTS, ENTITIES, LINEAGE, MEMBERS, MENTIONS, Table
from transforms.write.parquet_files import Sorted

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
    rejects, rejects_more = run_summary.rejects_by_code(run, REJECT_LIMIT)
    suppressed = pc.field("status") == Status.SUPPRESSED
    over_time = [by_day := trend(run), *([trend(run, 7)] if by_day.earlier else [])]
    changes = _changes(run)
    ids = clusters.table["cluster_id"].to_pylist()
    hubs = _suppressed(run)
    if redact:
        hubs = [one | {"reason": disclosure_control.reason(one["reason"])} for one in hubs]
    return render_template(
        "index.html",
        ["unpack.js", "table.js", "search.js", "cite.js"],
        manifest=manifest,
        joint=joint,
        redacted=redact,
        options={name: _json(value) for name, value in sorted(manifest["options"].items())},
        accounts=run_summary.accounts(run, manifest),
        kinds=run_summary.entities_by_kind(run),
        statuses=list(Status),
        rejects=rejects,
        rejects_more=rejects_more,
        losses=losses,
        first_rows=clusters.first(FIRST_ROWS),
        alarms=disclosure_control.alarms(manifest["alarms"]) if redact else manifest["alarms"],
        pages=clusters.pages,
        cluster_total=clusters.table.num_rows,
        linked_total=tables.count(run, CLUSTERS, pc.field("size") > 1),
        newest=clusters.newest,
        events=[one for one in LineageEvent if one != LineageEvent.ENDED],
        changes=[(one, changes[one]) for one in LineageEvent if changes[one]],
        compared=any(one != LineageEvent.BORN for one in changes),
        moved=_moved(run),
        trends=[(one, svg.trend(one, _STEPS[one.step])) for one in over_time],
        steps=_STEPS,
        share=svg.share,
        breakdowns=breakdowns(run, BREAKDOWN_LIMIT, suppress_below),
        shared=shared,
        shared_open=SHARED_OPEN,
        shared_total=shared_total,
        suppressed=hubs,
        suppressed_total=tables.count(run, ENTITIES, suppressed),
        data=Markup("\n").join(
            [
                packed_island("clusters-data", clusters.data()),
                packed_island(
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


ID_LIMIT = 120


SEARCHED_SUPPRESSED_LIMIT = 20_000


RECORD_LIMIT = 500_000
"""Record ids in the page: about 3 MB of it, packed."""


_RECORD = pa.schema(
    [("source_org", pa.string()), ("record_id", pa.string()), ("cluster", pa.int32())]
)


_KEY = ("source_org", "record_id")


_FOUND = Table("found", _RECORD, tuple(_RECORD.names))


def search_index(
    run: Run, cluster_ids: list[str], *, redact: bool, scratch: str | None = None
) -> dict[str, object]:
    """Identifiers, record ids and reasons, as columns; a cluster is its place in `cluster_ids`.

    A complaint that names no member is there with no cluster, after the records that do.
    `more_records` counts what `RECORD_LIMIT` left out; `redact` leaves out all of them, and what
    analysts wrote. Of many records, rows lie in `scratch` for a while.
    """
    members = tables.read(run, MEMBERS, ["entity_id", "cluster_id"])
    places = pc.index_in(members["cluster_id"], pa.array(cluster_ids, pa.string()))
    suppressed = tables.top(
        run,
        ENTITIES,
        (("complaints", "descending"), ("entity_id", "ascending")),
        SEARCHED_SUPPRESSED_LIMIT,
        columns=("reason",),
        where=pc.field("status") == Status.SUPPRESSED,
    )
    entity_ids, at = members["entity_id"].combine_chunks(), places.combine_chunks()
    reasons = suppressed["reason"].to_pylist()
    if redact:
        reasons = [disclosure_control.reason(one) for one in reasons]
    found = _records(run, entity_ids, at, scratch) if not redact else (_RECORD.empty_table(), 0)
    return {
        "ids": [text.plain(one, ID_LIMIT) for one in members["entity_id"].to_pylist()],
        "clusters": places.to_pylist(),
        "suppressed": [text.plain(one, ID_LIMIT) for one in suppressed["entity_id"].to_pylist()],
        "reasons": [text.plain(one, 200) for one in reasons],
    } | _columns(*found)


def _columns(shown: pa.Table, total: int) -> dict[str, object]:
    orgs = sorted(set(shown["source_org"].to_pylist()))
    return {
        "orgs": [text.plain(one, 60) for one in orgs],
        "record_orgs": pc.index_in(shown["source_org"], pa.array(orgs, pa.string())).to_pylist(),
        "records": [text.plain(one, ID_LIMIT) for one in shown["record_id"].to_pylist()],
        "record_clusters": shown["cluster"].to_pylist(),
        "more_records": total - shown.num_rows,
    }


def _records(
    run: Run, entity_ids: pa.Array, places: pa.Array, scratch: str | None
) -> tuple[pa.Table, int]:
    """Each record that names a member, once for each of its clusters, then the other complaints.

    The first `RECORD_LIMIT` of them, and how many there are.
    """
    known = Lookup(entity_ids)
    with TemporaryFile(dir=scratch) as file:
        rows = Sorted(_FOUND, file)
        for batch in tables.batches(run, MENTIONS, ["entity_id", *_KEY]):
            clusters = places.take(known.indices(batch["entity_id"]))
            part = pa.table([batch["source_org"], batch["record_id"], clusters], schema=_RECORD)
            named = part.filter(pc.field("cluster").is_valid())
            for once in named.group_by(_RECORD.names).aggregate([]).to_batches():
                rows.add(once)
        for batch in tables.batches(run, COMPLAINTS, ["source_org", "complaint_id"]):
            nowhere = pa.nulls(batch.num_rows, pa.int32())
            rows.add(pa.RecordBatch.from_arrays([*batch.columns, nowhere], schema=_RECORD))
        named, others = _First(), _First()
        last = _RECORD.empty_table()
        for group in rows.groups() if rows.count else ():
            whole = pa.concat_tables([last, group]).combine_chunks()
            clustered, alone = _once(whole, before=last.num_rows)
            named.add(whole.filter(clustered))
            others.add(whole.filter(alone))
            last = whole.slice(whole.num_rows - 1)
    shown = pa.concat_tables([named.rows, others.rows]).slice(0, RECORD_LIMIT)
    return shown, named.total + others.total


def _once(rows: pa.Table, before: int) -> tuple[pa.Array, pa.Array]:
    """Which sorted rows are the first of their record and cluster, and which of no cluster.

    A complaint's own row has no cluster and is the last of its record. The first `before` rows are
    only there to be compared with.
    """
    new_record, new_cluster = np.ones((2, rows.num_rows), bool)
    for name in _KEY:
        column = rows[name].combine_chunks()
        same = pc.equal(column.slice(1), column.slice(0, len(column) - 1))
        new_record[1:] &= same.to_numpy(zero_copy_only=False)
    new_record[1:] = ~new_record[1:]
    cluster = pc.fill_null(rows["cluster"], -1).to_numpy()
    new_cluster[1:] = cluster[1:] != cluster[:-1]
    new_record[:before] = new_cluster[:before] = False
    named = cluster >= 0
    return pa.array((new_record | new_cluster) & named), pa.array(new_record & ~named)


class _First:
    """The first `RECORD_LIMIT` of rows that come in order, and how many came."""

    def __init__(self) -> None:
        self.rows = _RECORD.empty_table()
        self.total = 0

    def add(self, more: pa.Table) -> None:
        """Take rows that come after those that were taken."""
        kept = more.slice(0, max(RECORD_LIMIT - self.total, 0))
        self.rows = pa.concat_tables([self.rows, kept])
        self.total += more.num_rows
