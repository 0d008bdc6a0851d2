"""Cluster ids kept from run to run, and the events of each cluster.

A cluster of this run takes the id of the previous one with which it shares most members, pairs
with the greatest overlap first, each id once. No id changes without an event: born, grew, merged,
split, unchanged or ended.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems

from schemas.cluster import LINEAGE
from schemas.entity import id_epochs, without_epochs
from schemas.enums import LineageEvent
from transforms.arrow_util import hash_text, table_of_rows
from transforms.graph.assign import ASSIGNMENT, cluster_id, cluster_number
from transforms.graph.epochs import PREVIOUS
from transforms.graph.incidence import MICROSECONDS_A_DAY
from transforms.manifest import CounterValue
from transforms.shuffle import MAIN, batches_of, table_of

EVENTS, COUNTERS = "events", "counters"


@dataclass(frozen=True)
class Overlaps:
    """Pairs of a previous and a current cluster, and how many members they share (at least one)."""

    previous: np.ndarray
    current: np.ndarray
    shared: np.ndarray


_ClusterIndex = Mapping[int, list[int]]


def cluster_overlaps(previous: pa.Table, node: np.ndarray, cluster: np.ndarray) -> Overlaps:
    """Counts shared members of PREVIOUS rows and current (node, cluster) rows; nodes are unique."""
    _, before, now = np.intersect1d(
        previous["node"].to_numpy(), node, assume_unique=True, return_indices=True
    )
    pairs = np.stack([previous["cluster"].to_numpy()[before], cluster[now]])
    found, shared = np.unique(pairs, axis=1, return_counts=True)
    return Overlaps(found[0], found[1], shared)


def keep_ids(assignment: pa.RecordBatch, previous: pa.Table) -> pa.RecordBatch:
    """Renames the clusters of ASSIGNMENT rows after those of PREVIOUS rows.

    Of equal overlaps, the pair that leaves least over goes first, then the smaller ids. A cluster
    that follows none keeps its own id, unless a previous cluster had that: then it gets another.
    """
    node, cluster, member = _members(assignment)
    common = cluster_overlaps(previous, node[member], cluster[member])
    names = _match_ids(common, _sizes(previous["cluster"].to_numpy()), _sizes(cluster[member]))
    own = np.unique(cluster)
    taken = set(np.unique(previous["cluster"].to_numpy()).tolist())
    for one in own.tolist():
        if one not in names:
            names[one] = _unused_id(one, taken)
            taken.add(names[one])
    renamed = np.array([names[one] for one in own.tolist()], np.int64)
    at = assignment.schema.get_field_index("cluster")
    kept = renamed[np.searchsorted(own, cluster)]
    return assignment.set_column(at, ASSIGNMENT.field("cluster"), pa.array(kept))


def lineage_events(assignment: pa.RecordBatch, previous: pa.Table) -> pa.Table:
    """Returns LINEAGE rows of a run whose ASSIGNMENT has the ids that `keep_ids` gave.

    Every current cluster has `born` (no member was in a cluster before), `unchanged` or `grew` (all
    it shares is with one previous cluster, and that one with no other), or else `merged` (members
    of several previous clusters) or `split` (of one whose members went to several) or both. Every
    previous id that is no longer in use has `ended`, with the clusters that its members went to.
    A member that is in no cluster now, such as a hub, makes no event; `members_gone` counts it, so
    that a cluster that shrank differs from one that is unchanged.
    """
    node, cluster, member = _members(assignment)
    common = cluster_overlaps(previous, node[member], cluster[member])
    sources, targets, shared = _index_overlaps(common)
    now = _sizes(cluster[member])
    before = _sizes(previous["cluster"].to_numpy())
    same = common.previous == common.current
    stayed = dict(zip(common.current[same].tolist(), common.shared[same].tolist(), strict=True))
    rows = [
        row
        | {
            "members_new": size - shared.get(one, 0),
            "members_gone": before.get(one, 0) - stayed.get(one, 0),
        }
        for one, size in now.items()
        for row in _events(one, size, sources, targets, shared)
    ]
    rows.extend(
        _row(one, LineageEvent.ENDED, [one], targets.get(one, []))
        | {"members_new": 0, "members_gone": before[one]}
        for one in np.unique(previous["cluster"].to_numpy()).tolist()
        if one not in now
    )
    return table_of_rows(rows, LINEAGE)


def changes_since_previous(
    assignment: pa.RecordBatch, previous: pa.Table, events: pa.Table
) -> Iterator[CounterValue]:
    """Yields the changes since the previous run: events, ids kept, members new and gone."""
    group = "since_previous"
    for event in events["event"].to_pylist():
        yield (group, f"clusters_{event}"), 1
    node, cluster, member = _members(assignment)
    before = previous["cluster"].to_numpy()
    yield (group, "ids_kept"), len(np.intersect1d(before, cluster[member]))
    stayed = len(np.intersect1d(previous["node"].to_numpy(), node[member]))
    yield (group, "members_new"), int(member.sum()) - stayed
    yield (group, "members_gone"), previous.num_rows - stayed


@dataclass(eq=False)
class ReadPreviousMembers(beam.PTransform):
    """Reads the PREVIOUS batches of the `members` files, once a window."""

    members: tuple[str, ...]

    def expand(self, start: beam.PCollection) -> Any:
        """Reads every file for the one element of each window."""
        return start | beam.FlatMap(_read_member_files, self.members)


def read_previous_members(path: str) -> Iterator[pa.RecordBatch]:
    """Yields one file of a run's members/ as PREVIOUS rows."""
    with FileSystems.open(path) as file:
        whole = pq.ParquetFile(pa.BufferReader(file.read()))
    # Runs of before have no days of use: the numbers of their epochs are not kept.
    used = [name for name in ("first_used", "last_used") if name in whole.schema_arrow.names]
    rows = whole.read(columns=["entity_id", "cluster_id", *used])
    ids = rows["entity_id"].combine_chunks()
    never = pa.nulls(len(ids), pa.int64())
    yield from batches_of(
        pa.table(
            {
                "node": hash_text(ids),
                "cluster": [cluster_number(one) for one in rows["cluster_id"].to_pylist()],
                "entity_id": without_epochs(ids),
                "epoch": id_epochs(ids),
                "first_day": _days(rows["first_used"]) if used else never,
                "last_day": _days(rows["last_used"]) if used else never,
            },
            schema=PREVIOUS,
        )
    )


def _days(times: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.divide(times.cast(pa.int64()), MICROSECONDS_A_DAY)


@dataclass(eq=False)
class KeepIds(beam.PTransform):
    """Keeps the ids of one ASSIGNMENT; outputs MAIN (ASSIGNMENT), EVENTS (LINEAGE), COUNTERS.

    `previous` is the PREVIOUS batches of the run that this one follows, if it `follows` one;
    without it all clusters are born.
    """

    previous: beam.PCollection
    follows: bool

    def expand(self, assigned: beam.PCollection) -> Any:
        """Reads the previous members as a side input; see `keep_ids` and `lineage_events`."""
        step = beam.ParDo(_KeepIds(follows=self.follows), beam.pvalue.AsIter(self.previous))
        return assigned | step.with_outputs(EVENTS, COUNTERS, main=MAIN)


class _KeepIds(beam.DoFn):
    def __init__(self, *, follows: bool) -> None:
        self._follows = follows

    def process(
        self, assignment: pa.RecordBatch, members: Iterable[pa.RecordBatch]
    ) -> Iterator[Any]:
        previous = table_of(members, PREVIOUS)
        kept = keep_ids(assignment, previous)
        events = lineage_events(kept, previous)
        yield kept
        for batch in batches_of(events):
            yield beam.pvalue.TaggedOutput(EVENTS, batch)
        if self._follows:
            for counter in changes_since_previous(kept, previous, events):
                yield beam.pvalue.TaggedOutput(COUNTERS, counter)


def _read_member_files(_: object, paths: tuple[str, ...]) -> Iterator[pa.RecordBatch]:
    for path in paths:
        yield from read_previous_members(path)


def _members(assignment: pa.RecordBatch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns nodes, their clusters, and a mask of members: a hub is in no cluster."""
    hub = assignment["hub"].to_numpy(zero_copy_only=False)
    return assignment["node"].to_numpy(), assignment["cluster"].to_numpy(), ~hub


def _sizes(cluster: np.ndarray) -> dict[int, int]:
    ids, counts = np.unique(cluster, return_counts=True)
    return dict(zip(ids.tolist(), counts.tolist(), strict=True))


def _match_ids(
    common: Overlaps, before: Mapping[int, int], now: Mapping[int, int]
) -> dict[int, int]:
    """Returns current cluster to the previous one whose id it takes."""
    left_over = [
        before[p] + now[c]
        for p, c in zip(common.previous.tolist(), common.current.tolist(), strict=True)
    ]
    order = np.lexsort((common.current, common.previous, np.array(left_over), -common.shared))
    names: dict[int, int] = {}
    given: set[int] = set()
    for p, c in zip(common.previous[order].tolist(), common.current[order].tolist(), strict=True):
        if c not in names and p not in given:
            names[c] = p
            given.add(p)
    return names


def _unused_id(own: int, taken: set[int]) -> int:
    """Returns the id, or the first of those made from it that no cluster has had."""
    found, turn = own, 0
    while found in taken:
        turn += 1
        found = int(hash_text(pa.array([f"{cluster_id(own)}|{turn}"]))[0])
    return found


def _index_overlaps(common: Overlaps) -> tuple[_ClusterIndex, _ClusterIndex, Mapping[int, int]]:
    """Indexes sources and shared members by current cluster, targets by previous one."""
    sources: defaultdict[int, list[int]] = defaultdict(list)
    targets: defaultdict[int, list[int]] = defaultdict(list)
    shared: defaultdict[int, int] = defaultdict(int)
    columns = (common.previous.tolist(), common.current.tolist(), common.shared.tolist())
    for p, c, count in zip(*columns, strict=True):
        sources[c].append(p)
        targets[p].append(c)
        shared[c] += count
    return dict(sources), dict(targets), dict(shared)


def _events(
    one: int, size: int, sources: _ClusterIndex, targets: _ClusterIndex, shared: Mapping[int, int]
) -> Iterator[dict[str, Any]]:
    came = sources.get(one, [])
    torn = [p for p in came if len(targets[p]) > 1]
    if not came:
        yield _row(one, LineageEvent.BORN, [], [one])
    if len(came) > 1:
        yield _row(one, LineageEvent.MERGED, came, [one])
    if torn:
        yield _row(one, LineageEvent.SPLIT, torn, sorted({c for p in torn for c in targets[p]}))
    if len(came) == 1 and not torn:
        event = LineageEvent.GREW if size > shared[one] else LineageEvent.UNCHANGED
        yield _row(one, event, came, [one])


def _row(one: int, event: LineageEvent, before: list[int], now: list[int]) -> dict[str, Any]:
    return {
        "cluster_id": cluster_id(one),
        "event": str(event),
        "from_ids": sorted(cluster_id(p) for p in before),
        "to_ids": sorted(cluster_id(c) for c in now),
    }
