"""What the index page can find: identifiers and record ids, each with its clusters.

Identifiers that only a caller id or a mention names are not in it: a forged number may be an
innocent subscriber's.
"""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from reports import redaction, tables, text
from reports.tables import Run
from schemas.kinds import Status
from schemas.tables import COMPLAINTS, ENTITIES, MEMBERS, MENTIONS

ID_LIMIT = 120
SUPPRESSED_LIMIT = 20_000
RECORD_LIMIT = 500_000
"""Record ids in the page: about 3 MB of it, packed."""

_RECORD = pa.schema(
    [("source_org", pa.string()), ("record_id", pa.string()), ("cluster", pa.int32())]
)


def search_index(run: Run, cluster_ids: list[str], *, redact: bool) -> dict[str, object]:
    """Identifiers, record ids and reasons, as columns; a cluster is its place in `cluster_ids`.

    A complaint that names no member is there with no cluster, after the records that do.
    `more_records` counts what `RECORD_LIMIT` left out; `redact` leaves out all of them, and what
    analysts wrote.
    """
    members = tables.read(run, MEMBERS, ["entity_id", "cluster_id"])
    places = pc.index_in(members["cluster_id"], pa.array(cluster_ids, pa.string()))
    suppressed = tables.top(
        run,
        ENTITIES,
        (("complaints", "descending"), ("entity_id", "ascending")),
        SUPPRESSED_LIMIT,
        columns=("reason",),
        where=pc.field("status") == Status.SUPPRESSED,
    )
    entity_ids, at = members["entity_id"].combine_chunks(), places.combine_chunks()
    reasons = suppressed["reason"].to_pylist()
    if redact:
        reasons = [redaction.reason(one) for one in reasons]
    found = _records(run, entity_ids, at) if not redact else _RECORD.empty_table()
    return {
        "ids": [text.plain(one, ID_LIMIT) for one in members["entity_id"].to_pylist()],
        "clusters": places.to_pylist(),
        "suppressed": [text.plain(one, ID_LIMIT) for one in suppressed["entity_id"].to_pylist()],
        "reasons": [text.plain(one, 200) for one in reasons],
    } | _columns(found)


def _columns(records: pa.Table) -> dict[str, object]:
    shown = records.slice(0, RECORD_LIMIT)
    orgs = sorted(set(shown["source_org"].to_pylist()))
    return {
        "orgs": [text.plain(one, 60) for one in orgs],
        "record_orgs": pc.index_in(shown["source_org"], pa.array(orgs, pa.string())).to_pylist(),
        "records": [text.plain(one, ID_LIMIT) for one in shown["record_id"].to_pylist()],
        "record_clusters": shown["cluster"].to_pylist(),
        "more_records": records.num_rows - shown.num_rows,
    }


def _records(run: Run, entity_ids: pa.Array, places: pa.Array) -> pa.Table:
    """Each record that names a member, once for each of its clusters, then the other complaints."""
    parts = [_RECORD.empty_table()]
    for batch in tables.batches(run, MENTIONS, ["entity_id", "source_org", "record_id"]):
        clusters = places.take(pc.index_in(batch["entity_id"], entity_ids))
        part = pa.table([batch["source_org"], batch["record_id"], clusters], schema=_RECORD)
        named = part.filter(pc.field("cluster").is_valid())
        parts.append(named.group_by(_RECORD.names).aggregate([]))
    found = pa.concat_tables(parts).group_by(_RECORD.names).aggregate([])
    return pa.concat_tables([_sorted(found), _sorted(_unclustered(run, found))])


def _unclustered(run: Run, found: pa.Table) -> pa.Table:
    keys = ["source_org", "record_id"]
    complaints = tables.read(run, COMPLAINTS, ["source_org", "complaint_id"]).rename_columns(keys)
    others = complaints.join(found.select(keys), keys, join_type="left anti")
    return others.append_column("cluster", pa.nulls(others.num_rows, pa.int32())).cast(_RECORD)


def _sorted(records: pa.Table) -> pa.Table:
    return records.sort_by([(name, "ascending") for name in _RECORD.names])
