"""Cuts a run into parts for groups of clusters, in one pass a table however many groups there are.

Each part is a folder that can be read like a run (`tables.PARTITION_SUFFIX`), with all that
`gather_job` reads for its group and little else. Rows pass a batch at a time. Memory holds the
members of the run, its suppliers, and which record names members of which group.
Positions of nodes in figures are read from a part, too, or from the graph of an earlier run.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from numpy.typing import NDArray

from reports import tables
from reports.cluster_data import DRAWN_SUPPLIERS, OTHERS_LIMIT, PHONE_PREFIX
from reports.member_mentions import EVIDENCE_COLUMNS
from reports.tables import IdIndex, RunFolder, first_of_groups
from schemas.entity import without_epoch
from schemas.enums import EntityKind, Strength
from schemas.field import NUMBER, TEXT
from schemas.tables import (
    CALLS,
    CLUSTERS,
    COMPLAINTS,
    ENTITIES,
    LINEAGE,
    LINKS,
    MEMBERS,
    MENTIONS,
    NARRATIVES,
    SUPPLIERS,
    Table,
)
from transforms.arrow import concat_ranges, one_batch

Groups = NDArray[np.int64]

GroupedRows = tuple[pa.RecordBatch, Groups]
"""Rows, and the group of each row; -1 for none."""

Point = tuple[float, float]

T = TypeVar("T")

NODE_POSITIONS = Table(
    "places", pa.schema([("id", TEXT), ("cluster", TEXT), ("x", NUMBER), ("y", NUMBER)]), ("id",)
)
"""The position of each entity, from 0 to 1, and the cluster whose figure it is in."""

_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")

_PAIR = pa.schema([("id", TEXT), ("group", pa.int64())])

_CARRIED = ("suspect_number", "carrier")


def in_groups(sizes: Iterable[tuple[T, int]], most: int) -> list[list[T]]:
    """Groups parts in order up to a total size of `most`; a larger part is a group of its own."""
    groups: list[list[T]] = []
    room = 0
    for part, size in sizes:
        if size > room:
            groups.append([])
            room = most
        groups[-1].append(part)
        room -= size
    return groups


def partition_run(
    run: RunFolder, groups: Sequence[Sequence[str]], folder: str, before: ds.Dataset | None = None
) -> list[str]:
    """Writes a folder below `folder` for each group of cluster ids; returns them in their order.

    `before` are the node positions of an earlier run; a part has those of its members.
    """
    clusters = _GroupOf(
        pa.array([cluster_id for group in groups for cluster_id in group], TEXT),
        np.repeat(np.arange(len(groups)), [len(group) for group in groups]),
    )
    cut = _Cut(
        [f"{folder}/group-{place:04d}{tables.PARTITION_SUFFIX}" for place in range(len(groups))]
    )
    everyone = one_batch(tables.read_table(run, MEMBERS))
    of_member = clusters.groups(everyone["cluster_id"])
    here = pa.array(of_member >= 0)
    members = _GroupOf(everyone["entity_id"].filter(here), of_member[of_member >= 0])
    for table in (CLUSTERS, LINEAGE):
        cut.write(table, _by(run, table, "cluster_id", clusters))
    cut.write(ENTITIES, _by(run, ENTITIES, "entity_id", members))
    suppliers = _Suppliers(run, clusters)
    cut.write(SUPPLIERS, suppliers.parts(run))
    links = _Links(run, members, suppliers.drawn, everyone)
    cut.write(LINKS, links.parts())
    cut.write(MEMBERS, [(everyone, of_member), links.ends()])
    naming: list[pa.Table] = []
    cut.write(MENTIONS, _mentions(run, members, suppliers.scripts, naming), EVIDENCE_COLUMNS)
    named, narrated = _GroupsOf.of(naming), pc.field("narrative").is_valid()
    complaints = tables.table_batches(run, COMPLAINTS, NARRATIVES.schema.names, narrated)
    parts = (named.parts(batch, "complaint_id") for batch in complaints)
    cut.write(COMPLAINTS, parts, NARRATIVES.schema.names)
    cut.write(CALLS, _carriers(run, members), _CARRIED)
    drawn, names = pc.field("x").is_valid(), NODE_POSITIONS.schema.names
    nodes = () if before is None else before.to_batches(columns=names, filter=drawn)
    cut.write(NODE_POSITIONS, ((batch, members.groups(batch["id"])) for batch in nodes))
    return cut.folders


@dataclass(frozen=True)
class _Cut:
    """The folders of the parts."""

    folders: list[str]

    def write(
        self, table: Table, parts: Iterable[GroupedRows], columns: Sequence[str] | None = None
    ) -> None:
        """Writes rows to a file in each folder."""
        schema = pa.schema([table.schema.field(column) for column in columns or table.schema.names])
        every = np.arange(len(self.folders) + 1)
        with ExitStack() as stack:
            writers = []
            for folder in self.folders:
                path = Path(folder, table.name)
                path.mkdir(parents=True)
                sink = pa.ipc.new_file(str(path / "rows.arrow"), schema, options=_OPTIONS)
                writers.append(stack.enter_context(sink))
            for batch, groups in parts:
                order = np.argsort(groups, kind="stable")
                bounds = np.searchsorted(groups[order], every)
                rows = batch.take(pa.array(order[bounds[0] :]))
                for group in np.flatnonzero(np.diff(bounds)):
                    start, end = bounds[group : group + 2] - bounds[0]
                    writers[group].write_batch(rows.slice(start, end - start))


class _GroupOf:
    """Ids, each with the single group that it belongs to."""

    def __init__(self, ids: pa.Array, groups: Groups) -> None:
        self.ids = ids
        self._known = IdIndex(ids)
        self._groups = np.append(groups, -1)

    def groups(self, column: pa.Array) -> Groups:
        """Returns the group of each id of a column, -1 if it is in none."""
        return self._groups[self._known.places(column)]


@dataclass(frozen=True)
class _GroupsOf:
    """Ids, each with the groups that want it: those from its start to the start of the next id."""

    ids: pa.Array
    starts: Groups
    wanted_by: Groups

    @cached_property
    def _known(self) -> IdIndex:
        return IdIndex(self.ids)

    @classmethod
    def of(cls, pairs: Iterable[pa.Table]) -> _GroupsOf:
        """Makes it from tables of `id` and `group`, in which pairs may repeat."""
        whole = pa.concat_tables([_PAIR.empty_table(), *pairs]).group_by(_PAIR.names).aggregate([])
        once = whole.sort_by([(name, "ascending") for name in _PAIR.names]).combine_chunks()
        ids = once["id"].combine_chunks().dictionary_encode()
        starts = np.searchsorted(ids.indices.to_numpy(), np.arange(len(ids.dictionary) + 1))
        return cls(ids.dictionary, starts, once["group"].to_numpy())

    def parts(self, batch: pa.RecordBatch, column: str) -> GroupedRows:
        """Returns the rows of a batch whose id is wanted, once for each group."""
        places = self._known.places(batch[column])
        rows = np.flatnonzero(places >= 0)
        id_places = places[rows]
        counts = np.diff(self.starts)[id_places]
        groups = self.wanted_by[concat_ranges(self.starts[id_places], counts)]
        return batch.take(pa.array(np.repeat(rows, counts))), groups

    def wanted(self, column: pa.Array, groups: Groups) -> NDArray[np.bool_]:
        """Returns whether each id is wanted by the group beside it."""
        size = int(self.wanted_by.max(initial=0)) + 2
        id_places = np.repeat(np.arange(len(self.ids)), np.diff(self.starts))
        places = self._known.places(column)
        return np.isin(places * size + groups, id_places * size + self.wanted_by) & (groups >= 0)


def _pairs(ids: pa.Array, groups: Groups) -> pa.Table:
    """Returns ids with the groups that want them, each once."""
    kept = groups >= 0
    pairs = pa.table([ids.filter(pa.array(kept)), groups[kept]], schema=_PAIR)
    return pairs.group_by(_PAIR.names).aggregate([])


def _by(run: RunFolder, table: Table, column: str, ids: _GroupOf) -> Iterator[GroupedRows]:
    for batch in tables.table_batches(run, table, table.schema.names):
        yield batch, ids.groups(batch[column])


class _Suppliers:
    """Suppliers with the groups that want them, and the scripts among them."""

    def __init__(self, run: RunFolder, clusters: _GroupOf) -> None:
        names = ["entity_id", "kind", "cluster_id", "records"]
        rows = tables.read_table(run, SUPPLIERS, names).combine_chunks()
        self._clusters = clusters
        groups = clusters.groups(rows["cluster_id"].combine_chunks())
        ids = rows["entity_id"].combine_chunks()
        self._used = _GroupsOf.of([_pairs(ids, groups)])
        script = pc.equal(rows["kind"], EntityKind.SCRIPT).combine_chunks()
        self.scripts = ids.filter(pc.and_(script, pa.array(groups >= 0))).unique()
        own = rows.filter(pa.array(groups >= 0))
        drawn = _firsts(own, "cluster_id", "entity_id", DRAWN_SUPPLIERS)
        drawn_groups = clusters.groups(drawn["cluster_id"].combine_chunks())
        self.drawn = _GroupsOf.of([_pairs(drawn["entity_id"].combine_chunks(), drawn_groups)])
        self._first = _firsts(rows, "entity_id", "cluster_id", OTHERS_LIMIT + 1)

    def parts(self, run: RunFolder) -> Iterator[GroupedRows]:
        """Yields each group's rows of suppliers/, and the first other clusters of each supplier."""
        yield from _by(run, SUPPLIERS, "cluster_id", self._clusters)
        for batch in self._first.combine_chunks().to_batches():
            rows, groups = self._used.parts(batch, "entity_id")
            mine = self._clusters.groups(rows["cluster_id"]) == groups
            columns = [
                rows[column.name]
                if column.name in rows.schema.names
                else pa.nulls(len(rows), column.type)
                for column in SUPPLIERS.schema
            ]
            whole = pa.RecordBatch.from_arrays(columns, schema=SUPPLIERS.schema)
            yield whole, np.where(mine, -1, groups)


def _firsts(rows: pa.Table, group_column: str, then: str, limit: int) -> pa.Table:
    """Returns the first `limit` rows of each `group_column`, by most records, then by `then`."""
    order = [(group_column, "ascending"), ("records", "descending"), (then, "ascending")]
    rows = rows.sort_by(order).combine_chunks()
    if not rows.num_rows:
        return rows
    places = rows[group_column].combine_chunks().dictionary_encode().indices.to_numpy()
    return rows.filter(pa.array(first_of_groups(places, places[-1] + 1, limit)))


class _Links:
    """Links for the groups that show them, and the memberships of ends outside the group."""

    def __init__(
        self, run: RunFolder, members: _GroupOf, drawn: _GroupsOf, everyone: pa.RecordBatch
    ) -> None:
        self._run, self._members, self._drawn = run, members, drawn
        self._everyone = everyone
        self._known = IdIndex(everyone["entity_id"])
        self._ends: list[Groups] = [np.empty((0, 2), np.int64)]

    def parts(self) -> Iterator[GroupedRows]:
        """Yields links between members, hard ones to any other, and those to drawn suppliers."""
        for rows in tables.read_in_key_order(self._run, LINKS, LINKS.schema.names):
            batch = one_batch(rows)
            a, b = batch["entity_a"], batch["entity_b"]
            of_a, of_b = self._members.groups(a), self._members.groups(b)
            hard = pc.equal(batch["strength"], Strength.HARD).to_numpy(zero_copy_only=False)
            by_a = (of_a >= 0) & (hard | (of_a == of_b) | self._drawn.wanted(b, of_a))
            by_b = (of_b >= 0) & (of_a != of_b) & (hard | self._drawn.wanted(a, of_b))
            positions = np.concatenate([np.flatnonzero(by_a), np.flatnonzero(by_b)])
            groups = np.concatenate([of_a[by_a], of_b[by_b]])
            order = np.argsort(positions, kind="stable")
            yield batch.take(pa.array(positions[order])), groups[order]
            for ends, of_ends, mine in (
                (b, of_b, np.where(by_a, of_a, -1)),
                (a, of_a, np.where(by_b, of_b, -1)),
            ):
                out = np.flatnonzero((mine >= 0) & (of_ends != mine))
                known = self._known.places(ends.take(pa.array(out)))
                pairs = np.column_stack([known, mine[out]])[known >= 0]
                self._ends.append(np.unique(pairs, axis=0))

    def ends(self) -> GroupedRows:
        """Returns the members that links lead to out of a group."""
        pairs = np.unique(np.concatenate(self._ends), axis=0)
        return self._everyone.take(pa.array(pairs[:, 0])), pairs[:, 1]


def _mentions(
    run: RunFolder, members: _GroupOf, scripts: pa.Array, naming: list[pa.Table]
) -> Iterator[GroupedRows]:
    """Yields mentions of members, and of scripts in the records that name one.

    Adds to `naming` which records name members of which groups.
    """
    for rows in tables.read_in_key_order(run, MENTIONS, EVIDENCE_COLUMNS):
        batch = one_batch(rows)
        groups = members.groups(batch["entity_id"])
        naming.append(_pairs(batch["record_id"], groups))
        yield batch, groups
    if len(scripts):
        groups_of_record = _GroupsOf.of(naming)
        of_scripts = pc.field("entity_id").isin(scripts)
        for batch in tables.table_batches(run, MENTIONS, EVIDENCE_COLUMNS, of_scripts):
            yield groups_of_record.parts(batch, "record_id")


def _carriers(run: RunFolder, members: _GroupOf) -> Iterator[GroupedRows]:
    """Yields the carriers that handed over calls of members' numbers, each once."""
    phones = members.ids.filter(pc.starts_with(members.ids, PHONE_PREFIX))
    numbers = [without_epoch(phone).removeprefix(PHONE_PREFIX) for phone in phones.to_pylist()]
    wanted = _GroupsOf.of([_pairs(pa.array(numbers, TEXT), members.groups(phones))])
    carried = pc.field("suspect_number").isin(wanted.ids) & pc.field("carrier").is_valid()
    for batch in tables.count_by(run, CALLS, _CARRIED, carried).select(_CARRIED).to_batches():
        yield wanted.parts(batch, "suspect_number")


@dataclass(frozen=True)
class NodePositions:
    """The position of each entity, and the cluster in whose figure it was."""

    of_entity: Mapping[str, tuple[str, Point]] = field(default_factory=dict)

    def of(self, entity_ids: Iterable[str]) -> dict[str, Point]:
        """Returns the positions in one figure: after a merge, the figure with most of the ids."""
        pictures: dict[str, dict[str, Point]] = defaultdict(dict)
        for entity_id in entity_ids:
            if entity_id in self.of_entity:
                cluster_id, place = self.of_entity[entity_id]
                pictures[cluster_id][entity_id] = place
        return min(
            pictures.items(), key=lambda picture: (-len(picture[1]), picture[0]), default=("", {})
        )[1]


def positions_dataset(path: str) -> ds.Dataset | None:
    """Opens a graph/nodes.parquet; None if it is too old to have positions.

    Raises:
        AlteredRunError: if it decodes to more than any file of its size should.
    """
    tables.check_size(path, "")
    nodes = ds.dataset(path, format="parquet")
    return nodes if set(NODE_POSITIONS.schema.names) <= set(nodes.schema.names) else None


def read_positions(source: str, before: str | None, entity_ids: pa.Array) -> NodePositions:
    """Reads positions of entities from a part of a run (`partition_run`), or else from `before`.

    `before` is a graph/nodes.parquet.
    """
    if source.endswith(tables.PARTITION_SUFFIX):
        nodes = tables.table_dataset(source, NODE_POSITIONS)
    elif before is None or (nodes := positions_dataset(before)) is None:
        return NodePositions()
    where = pc.field("x").is_valid() & pc.field("id").isin(entity_ids)
    rows = nodes.to_table(columns=NODE_POSITIONS.schema.names, filter=where)
    ids, clusters, xs, ys = (rows[name].to_pylist() for name in NODE_POSITIONS.schema.names)
    points = zip(xs, ys, strict=True)
    return NodePositions(dict(zip(ids, zip(clusters, points, strict=True), strict=True)))


def positions_table(members: pa.Table, points: NDArray[Any]) -> pa.Table:
    """Returns the positions of the members that have one, as `NODE_POSITIONS`."""
    there = np.isfinite(points[:, 0])
    rows = members.filter(pa.array(there))
    columns = [rows["entity_id"], rows["cluster_id"], *points[there].T]
    return pa.table(columns, schema=NODE_POSITIONS.schema)
