"""Cluster ids kept from run to run, and the events of each cluster.

A cluster of this run takes the id of the previous cluster with which it shares most members. Pairs
with the greatest overlap go first, and each id is used once. No id changes without an event: born,
grew, merged, split, unchanged or ended. An event says whether a single reporter put a member into
the cluster, and names the records.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from apache_beam.pvalue import AsIter

from schemas.cluster import LINEAGE
from schemas.entity import id_epochs, without_epochs
from schemas.enums import LineageEvent
from schemas.field import FLAG, INTEGER, TEXT, Rows
from schemas.mention import MENTIONS
from transforms.arrow import (
    column_of_keys,
    explode,
    hash_text,
    row_tuples,
    table_of_rows,
    with_column,
)
from transforms.custody import NOT_WRITTEN, REMEDY, AlteredRunError, CounterValue
from transforms.engine import batches_of, table_of, tagged, tagged_batches
from transforms.gates import open_bytes
from transforms.graph.assign import cluster_id, cluster_number
from transforms.graph.epochs import PREVIOUS
from transforms.graph.incidence import MICROSECONDS_A_DAY, are_hard
from transforms.graph.robustness import CORE_ROBUSTNESS
from transforms.read.parquet_limits import OverLimitError, check_decoded

CHANGE = pa.schema({"node": INTEGER, "alone": FLAG})
"""A member that the previous run had in another cluster or in none; rows are sorted by node.

`alone` marks the only member of its cluster.
"""

WEAK_CHANGE = pa.schema({"entity_id": TEXT, "cluster_id": TEXT, "shown_by_one": FLAG})
"""A changed member that a single reporter put into its cluster.

`shown_by_one` marks a member that only one reporter shows; any other has ties by one reporter.
"""

CHANGE_RECORD = pa.schema({"cluster_id": TEXT, "record_id": TEXT})
"""A record that a weak change of a cluster rests on, `org|record_id`."""

RECORDS_NAMED = 10
"""Most records that an event names."""

EVENTS, COUNTERS, CHANGES = "events", "counters", "changes"


def keep_ids(assignment: pa.RecordBatch, previous: pa.Table) -> pa.RecordBatch:
    """Renames the clusters of ASSIGNMENT rows after those of PREVIOUS rows.

    Among equal overlaps, the pair with the fewest other members goes first, then smaller ids. A
    cluster that follows none keeps its own id, or gets a new id if a previous cluster had it.
    """
    before, now = _cluster_of(previous), _cluster_of(assignment)
    sizes_before, sizes = Counter(before.values()), Counter(now.values())
    common = _overlaps(before, now)
    names: dict[int, int] = {}
    taken_over: set[int] = set()
    for *_, p, c in sorted((-shared, sizes_before[p] + sizes[c], p, c) for p, c, shared in common):
        if c not in names and p not in taken_over:
            names[c] = p
            taken_over.add(p)
    clusters, taken = assignment["cluster"].to_pylist(), set(sizes_before)
    for number in sorted(set(clusters).difference(names)):
        names[number] = _unused_id(number, taken)
        taken.add(names[number])
    renamed = pa.array([names[number] for number in clusters], INTEGER)
    return with_column(assignment, "cluster", renamed)


def lineage_events(assignment: pa.RecordBatch, previous: pa.Table) -> pa.Table:
    """Returns LINEAGE rows of a run whose ASSIGNMENT has the ids from `keep_ids`.

    Each current cluster has one of these events, or both `merged` and `split`:

    - `born`: no member was in a cluster before;
    - `unchanged`, `grew`: it shares members with one previous cluster only, and vice versa;
    - `merged`: its members come from several previous clusters;
    - `split`: its members come from a previous cluster whose members went to several.

    A previous id that is no longer used has `ended`, with the clusters of its former members. A
    member without a cluster now, such as a hub, makes no event, but `members_gone` counts it.
    """
    cluster_before, cluster_now = _cluster_of(previous), _cluster_of(assignment)
    before, now = Counter(cluster_before.values()), Counter(cluster_now.values())
    sources = defaultdict[int, list[int]](list)
    targets = defaultdict[int, list[int]](list)
    shared, stayed = Counter[int](), Counter[int]()
    for p, c, count in _overlaps(cluster_before, cluster_now):
        sources[c].append(p)
        targets[p].append(c)
        shared[c] += count
        stayed[c] += count if p == c else 0
    events: list[tuple[int, LineageEvent, list[int], list[int]]] = []
    for cluster, size in sorted(now.items()):
        came = sources[cluster]
        torn = [p for p in came if len(targets[p]) > 1]
        if not came:
            events.append((cluster, LineageEvent.BORN, [], [cluster]))
        if len(came) > 1:
            events.append((cluster, LineageEvent.MERGED, came, [cluster]))
        if torn:
            went = sorted({c for p in torn for c in targets[p]})
            events.append((cluster, LineageEvent.SPLIT, torn, went))
        if len(came) == 1 and not torn:
            event = LineageEvent.GREW if size > shared[cluster] else LineageEvent.UNCHANGED
            events.append((cluster, event, came, [cluster]))
    gone = sorted(before.keys() - now)
    events += [(cluster, LineageEvent.ENDED, [cluster], targets[cluster]) for cluster in gone]
    rows = [
        {
            "cluster_id": cluster_id(cluster),
            "event": event,
            "from_ids": sorted(map(cluster_id, came)),
            "to_ids": sorted(map(cluster_id, went)),
            "members_new": now[cluster] - shared[cluster],
            "members_gone": before[cluster] - stayed[cluster],
            "on_one_reporter": False,
            "rests_on": [],
        }
        for cluster, event, came, went in events
    ]
    return table_of_rows(rows, LINEAGE)


def changed_members(assignment: pa.RecordBatch, previous: pa.Table) -> pa.Table:
    """Returns CHANGE rows of a run whose ASSIGNMENT has the ids from `keep_ids`."""
    before, now = _cluster_of(previous), _cluster_of(assignment)
    sizes = Counter(now.values())
    rows = [
        {"node": node, "alone": sizes[cluster] == 1}
        for node, cluster in sorted(now.items())
        if before.get(node) != cluster
    ]
    return pa.Table.from_pylist(rows, CHANGE)


def weak_changes(members: pa.RecordBatch, changed: pa.Table) -> pa.Table:
    """Returns WEAK_CHANGE rows of the MEMBERSHIP rows that are in CHANGE rows."""
    # Null for members that did not change.
    alone = column_of_keys(hash_text(members["entity_id"]), changed, "node", "alone")
    reporters = members["reporters"]
    tied = pc.if_else(alone, reporters, members["link_reporters"])
    weak = pc.less(pc.min_element_wise(reporters, tied, skip_nulls=False), CORE_ROBUSTNESS)
    shown_by_one = pc.less(reporters, CORE_ROBUSTNESS)
    columns = [members["entity_id"], members["cluster_id"], shown_by_one]
    return pa.table(columns, schema=WEAK_CHANGE).filter(weak)


def records_that_show(mentions: pa.RecordBatch, weak: pa.Table) -> pa.Table:
    """Returns CHANGE_RECORD rows of the CLASSIFIED rows that show members `shown_by_one`."""
    mentions = explode(mentions, MENTIONS, ["group_id"])
    shown = weak.filter(weak["shown_by_one"])
    clusters = column_of_keys(mentions["entity_id"], shown, "entity_id", "cluster_id")
    rows = pc.and_(pc.is_valid(clusters), are_hard(mentions["role"]))
    columns = [clusters.filter(rows), mentions["group_id"].filter(rows)]
    return pa.table(columns, schema=CHANGE_RECORD)


def records_that_tie(links: pa.RecordBatch, weak: pa.Table) -> pa.Table:
    """Returns CHANGE_RECORD rows of accepted LINK rows of one reporter that tie other members."""
    tied = weak.filter(pc.invert(weak["shown_by_one"]))
    alone = pc.and_(links["accepted"], pc.less(links["reporters"], CORE_ROBUSTNESS))
    parts = []
    for end in ("entity_a", "entity_b"):
        clusters = column_of_keys(links[end], tied, "entity_id", "cluster_id")
        rows = pc.and_(pc.is_valid(clusters), alone)
        records = links["record_ids"].filter(rows)
        clusters = clusters.filter(rows).take(pc.list_parent_indices(records))
        parts.append(pa.table([clusters, pc.list_flatten(records)], schema=CHANGE_RECORD))
    return pa.concat_tables(parts)


def name_records(events: pa.RecordBatch, weak: pa.Table, records: pa.Table) -> pa.Table:
    """Marks LINEAGE rows that rest on one reporter, and names the records.

    `weak` are WEAK_CHANGE rows, `records` CHANGE_RECORD rows.
    """
    by_cluster = defaultdict[str, set[str]](set)
    for row in records.to_pylist():
        by_cluster[row["cluster_id"]].add(row["record_id"])
    alone = set(weak["cluster_id"].to_pylist())
    rows = []
    for row in events.to_pylist():
        cluster = row["cluster_id"]
        if cluster in alone and row["event"] != LineageEvent.ENDED:
            named = sorted(by_cluster.get(cluster, ()))[:RECORDS_NAMED]
            row |= {"on_one_reporter": True, "rests_on": named}
        rows.append(row)
    return table_of_rows(rows, LINEAGE)


def changes_since_previous(
    assignment: pa.RecordBatch, previous: pa.Table, events: pa.Table
) -> Iterator[CounterValue]:
    """Yields the changes since the previous run: events, ids kept, members new and gone."""
    group = "since_previous"
    for event in events["event"].to_pylist():
        yield (group, f"clusters_{event}"), 1
    before, now = _cluster_of(previous), _cluster_of(assignment)
    stayed = len(before.keys() & now)
    yield (group, "ids_kept"), len(set(before.values()).intersection(now.values()))
    yield (group, "members_new"), len(now) - stayed
    yield (group, "members_gone"), len(before) - stayed


@dataclass(eq=False)
class ReadPreviousMembers(beam.PTransform):
    """Reads the PREVIOUS batches of the `members` files, once a window."""

    members: tuple[str, ...]

    def expand(self, start: beam.PCollection) -> Any:
        """Reads every file for the single element of each window."""
        members = self.members
        return (
            start | "Files" >> beam.FlatMap(lambda _: members) | beam.FlatMap(read_previous_members)
        )


def read_previous_members(path: str) -> Iterator[pa.RecordBatch]:
    """Yields one file of a run's members/ as PREVIOUS rows.

    Raises:
        AlteredRunError: if it decodes to more than a file of its size can hold.
    """
    with open_bytes(path) as file:
        try:
            check_decoded(file)
        except OverLimitError as error:
            raise AlteredRunError(f"{path}: {NOT_WRITTEN}: {error}; {REMEDY}") from None
        file.seek(0)
        whole = pq.ParquetFile(pa.BufferReader(file.read()))
    # Older runs have no days of use, so their epochs do not keep their numbers.
    used = [name for name in ("first_used", "last_used") if name in whole.schema_arrow.names]
    rows = whole.read(columns=["entity_id", "cluster_id", *used])
    ids = rows["entity_id"].combine_chunks()
    never = pa.nulls(len(ids), INTEGER)
    yield from batches_of(
        pa.table(
            {
                "node": hash_text(ids),
                "cluster": [cluster_number(text) for text in rows["cluster_id"].to_pylist()],
                "entity_id": without_epochs(ids),
                "epoch": id_epochs(ids),
                "first_day": _days(rows["first_used"]) if used else never,
                "last_day": _days(rows["last_used"]) if used else never,
            },
            schema=PREVIOUS,
        )
    )


def _days(times: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.divide(times.cast(INTEGER), MICROSECONDS_A_DAY)


def follow_previous(
    assignment: pa.RecordBatch, members: Iterable[pa.RecordBatch], follows: bool
) -> Iterator[Any]:
    """Yields the ASSIGNMENT with the ids of the previous run, and the changes since.

    `members` are the PREVIOUS batches of the previous run. Without one (`follows` is false), all
    clusters are born. Tags EVENTS (LINEAGE), CHANGES (CHANGE) and COUNTERS.
    """
    previous = table_of(members, PREVIOUS)
    kept = keep_ids(assignment, previous)
    events = lineage_events(kept, previous)
    yield kept
    yield from tagged_batches(EVENTS, events)
    if follows:
        yield from tagged_batches(CHANGES, changed_members(kept, previous))
        yield from tagged(COUNTERS, changes_since_previous(kept, previous, events))


@dataclass(eq=False)
class NameRecords(beam.PTransform):
    """Names in LINEAGE batches the records of changes that rest on one reporter.

    Input: a dict of `events` (LINEAGE), `changes` (CHANGE), `members` (MEMBERSHIP), `mentions`
    (CLASSIFIED) and `links` (LINK) batches.
    """

    def expand(self, parts: Mapping[str, beam.PCollection]) -> Any:
        """Finds the members that a single reporter put there, then the records of that reporter."""
        changed = AsIter(parts["changes"])
        weak = parts["members"] | "Weak" >> beam.FlatMap(_rows, weak_changes, [CHANGE], changed)
        named = AsIter(weak)
        records = (
            parts["mentions"]
            | "Show" >> beam.FlatMap(_rows, records_that_show, [WEAK_CHANGE], named),
            parts["links"] | "Tie" >> beam.FlatMap(_rows, records_that_tie, [WEAK_CHANGE], named),
        ) | beam.Flatten()
        return parts["events"] | beam.FlatMap(
            _rows, name_records, [WEAK_CHANGE, CHANGE_RECORD], named, AsIter(records)
        )


def _rows(
    batch: pa.RecordBatch,
    work: Callable[..., pa.Table],
    schemas: Sequence[pa.Schema],
    *sides: Iterable[pa.RecordBatch],
) -> Iterator[pa.RecordBatch]:
    """Applies `work` to a batch and its side inputs, each as a table of its schema."""
    tables = (table_of(side, schema) for side, schema in zip(sides, schemas, strict=True))
    yield from batches_of(work(batch, *tables))


def _cluster_of(rows: Rows) -> dict[int, int]:
    """Returns the cluster of each member of PREVIOUS or ASSIGNMENT rows, without hubs."""
    if "hub" in rows.schema.names:
        rows = rows.filter(pc.invert(rows["hub"]))
    return dict(row_tuples(rows, "node", "cluster"))


def _overlaps(before: Mapping[int, int], now: Mapping[int, int]) -> list[tuple[int, int, int]]:
    """Returns each pair of a previous and a current cluster that share members, and how many.

    Pairs are sorted.
    """
    shared = Counter((before[node], cluster) for node, cluster in now.items() if node in before)
    return [(p, c, count) for (p, c), count in sorted(shared.items())]


def _unused_id(own: int, taken: set[int]) -> int:
    """Returns the id itself, or the first id derived from it that is not taken."""
    unused, turn = own, 0
    while unused in taken:
        turn += 1
        unused = int(hash_text(pa.array([f"{cluster_id(own)}|{turn}"]))[0])
    return unused
