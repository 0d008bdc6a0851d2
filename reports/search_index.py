"""What the index page can find: identifiers and record ids, each with its clusters.

Identifiers that only a caller id or a mention names are not in it: a forged number may be an
innocent subscriber's.
"""

from __future__ import annotations

from tempfile import TemporaryFile

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reports import redaction, tables, text
from reports.lookup import Lookup
from reports.tables import Run
from schemas.kinds import Status
from schemas.tables import COMPLAINTS, ENTITIES, MEMBERS, MENTIONS, Table
from transforms.output.sorting import Sorted

ID_LIMIT = 120
SUPPRESSED_LIMIT = 20_000
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
        SUPPRESSED_LIMIT,
        columns=("reason",),
        where=pc.field("status") == Status.SUPPRESSED,
    )
    entity_ids, at = members["entity_id"].combine_chunks(), places.combine_chunks()
    reasons = suppressed["reason"].to_pylist()
    if redact:
        reasons = [redaction.reason(one) for one in reasons]
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
