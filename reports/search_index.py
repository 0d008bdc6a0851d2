"""The search index of a run: identifiers, record ids and reasons, and the clusters they lead to.

It finds none that only a caller id or a mention names: a forged number may be an innocent
subscriber's.
"""

from __future__ import annotations

from tempfile import TemporaryFile

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reports import disclosure_control, tables, text
from reports.tables import IdIndex, RunFolder
from schemas.enums import Status
from schemas.tables import COMPLAINTS, ENTITIES, MEMBERS, MENTIONS, Table
from transforms.write.parquet_files import ExternalSorter

ID_LIMIT = 120

SEARCHED_SUPPRESSED_LIMIT = 20_000

RECORD_LIMIT = 500_000
"""Record ids in the index: about 3 MB of it, compressed."""

_RECORD = pa.schema(
    [("source_org", pa.string()), ("record_id", pa.string()), ("cluster", pa.int32())]
)

_KEY = ("source_org", "record_id")

_FOUND = Table("found", _RECORD, tuple(_RECORD.names))


def search_index(
    run: RunFolder, cluster_ids: list[str], *, redact: bool, scratch: str | None = None
) -> dict[str, object]:
    """Returns identifiers, record ids and reasons as columns; clusters by place in `cluster_ids`.

    Complaints that name no member have no cluster and come last; `more_records` counts the records
    past `RECORD_LIMIT`. `redact` leaves out all records, and all identifiers but core members and
    those of the known-legitimate lists. Many records are sorted in files in `scratch`.
    """
    kept = disclosure_control.CORE if redact else None
    members = tables.read_table(run, MEMBERS, ["entity_id", "cluster_id"], kept)
    places = pc.index_in(members["cluster_id"], pa.array(cluster_ids, pa.string()))
    suppressed = tables.top_rows(
        run,
        ENTITIES,
        (("complaints", "descending"), ("entity_id", "ascending")),
        SEARCHED_SUPPRESSED_LIMIT,
        columns=("reason",),
        where=suppressed_shown(redact=redact),
    )
    entity_ids, at = members["entity_id"].combine_chunks(), places.combine_chunks()
    reasons = suppressed["reason"].to_pylist()
    found = (
        _record_clusters(run, entity_ids, at, scratch) if not redact else (_RECORD.empty_table(), 0)
    )
    return {
        "ids": [text.plain(one, ID_LIMIT) for one in members["entity_id"].to_pylist()],
        "clusters": places.to_pylist(),
        "suppressed": [text.plain(one, ID_LIMIT) for one in suppressed["entity_id"].to_pylist()],
        "reasons": [text.plain(one, 200) for one in reasons],
    } | _columns(*found)


def suppressed_shown(*, redact: bool) -> pc.Expression:
    """Chooses suppressed entities: outside only those that a list knows, and no decision names."""
    where = pc.field("status") == Status.SUPPRESSED
    if not redact:
        return where
    reason = pc.field("reason")
    listed = pc.starts_with(reason, disclosure_control.KNOWN_LEGITIMATE)
    return where & listed & ~pc.match_substring(reason, "decision ")


def _columns(shown: pa.Table, total: int) -> dict[str, object]:
    orgs = sorted(set(shown["source_org"].to_pylist()))
    return {
        "orgs": [text.plain(one, 60) for one in orgs],
        "record_orgs": pc.index_in(shown["source_org"], pa.array(orgs, pa.string())).to_pylist(),
        "records": [text.plain(one, ID_LIMIT) for one in shown["record_id"].to_pylist()],
        "record_clusters": shown["cluster"].to_pylist(),
        "more_records": total - shown.num_rows,
    }


def _record_clusters(
    run: RunFolder, entity_ids: pa.Array, places: pa.Array, scratch: str | None
) -> tuple[pa.Table, int]:
    """Returns records by cluster, then complaints of no cluster: the first, and how many there are.

    A record that names members of several clusters is there once for each.
    """
    known = IdIndex(entity_ids)
    with TemporaryFile(dir=scratch) as file:
        rows = ExternalSorter(_FOUND, file)
        for batch in tables.table_batches(run, MENTIONS, ["entity_id", *_KEY]):
            clusters = places.take(known.indices(batch["entity_id"]))
            part = pa.table([batch["source_org"], batch["record_id"], clusters], schema=_RECORD)
            named = part.filter(pc.field("cluster").is_valid())
            for once in named.group_by(_RECORD.names).aggregate([]).to_batches():
                rows.add(once)
        for batch in tables.table_batches(run, COMPLAINTS, ["source_org", "complaint_id"]):
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
    """Returns which sorted rows are the first of a record and cluster, and which of no cluster.

    A complaint's own row has no cluster and is the last of its record. The first `before` rows are
    there for comparison alone.
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
    """The first `RECORD_LIMIT` of rows that come in order, and the number of all."""

    def __init__(self) -> None:
        self.rows = _RECORD.empty_table()
        self.total = 0

    def add(self, more: pa.Table) -> None:
        """Adds rows that come after those before."""
        kept = more.slice(0, max(RECORD_LIMIT - self.total, 0))
        self.rows = pa.concat_tables([self.rows, kept])
        self.total += more.num_rows
