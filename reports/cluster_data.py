"""Everything that the pages and files of some clusters show, read from a run in one pass.

In: a run and cluster ids. Out: `ClusterFacts`, one a cluster: its members, its links, its suppliers
and the scripts that it reads out. Long, since all of it is gathered in that one pass.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import chain
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from reports import tables
from reports.member_mentions import WordingCounts, read_mentions
from reports.tables import IdIndex, IntArray, RunFolder
from schemas.entity import without_epochs
from schemas.enums import EntityKind, Strength
from schemas.tables import CALLS, CLUSTERS, ENTITIES, LINKS, MEMBERS, SUPPLIERS

Row = dict[str, Any]

PHONE_PREFIX = "phone:"

DRAWN_SUPPLIERS = 6
"""Suppliers of a cluster, those of most records first, whose links are read and drawn."""

OTHERS_LIMIT = 6
"""Other clusters of a shared supplier that are named; all are counted."""

_EPOCH_DAY = date(1970, 1, 1).toordinal()

_ENDS = ("entity_a", "entity_b")

_OF = "of"

_NTH = "nth"

_ROWS = ("row", "row_a", "row_b", _NTH)

_KNOWN = ["entity_id", "cluster_id"]


@dataclass(frozen=True)
class ClusterFacts:
    """One cluster: its row, and the rows of other tables that are about it.

    Attributes:
        members: rows of members/ with those of entities/, most records first.
        inside: links between them.
        left_out: members that are counted here and in no list, in a copy that leaves.
        near: hard links from a member to one of another cluster, which were not accepted, each with
            `here`, `there` and `cluster_id`.
        soft: links from members to the first suppliers.
        suppliers: rows of suppliers/, most records first.
        scripts: the wordings of those suppliers that are scripts.
        days: mentions of each identifier by UTC day (`date.toordinal`); of other clusters too, as
            `roles`, `carriers`.
        roles: mentions of each identifier by role.
        carriers: carriers that handed over the calls of each number, sorted.
    """

    row: Row
    members: list[Row]
    inside: list[Row]
    left_out: int = 0
    near: list[Row] = field(default_factory=list)
    soft: list[Row] = field(default_factory=list)
    suppliers: list[Row] = field(default_factory=list)
    scripts: WordingCounts = field(default_factory=dict)
    days: dict[str, Counter[int]] = field(default_factory=dict)
    roles: dict[str, Counter[str]] = field(default_factory=dict)
    carriers: dict[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class ClusterBatch:
    """Clusters, and all rows of `members` and `inside` as tables, in the order of the clusters."""

    facts: list[ClusterFacts]
    members: pa.Table
    inside: pa.Table


def gather_facts(run: RunFolder, cluster_ids: Sequence[str]) -> list[ClusterFacts]:
    """Reads all facts of clusters, in the order given."""
    here = pc.field("cluster_id").isin(pa.array(cluster_ids, pa.string()))
    rows = tables.to_dicts(tables.read_table(run, SUPPLIERS, where=here))
    rows.sort(key=lambda supplier: (-supplier["records"], supplier["entity_id"]))
    suppliers: dict[str, list[Row]] = defaultdict(list)
    for supplier in rows:
        suppliers[supplier["cluster_id"]].append(supplier)
    first = (used[:DRAWN_SUPPLIERS] for used in suppliers.values())
    drawn = {supplier["entity_id"] for supplier in chain.from_iterable(first)}
    batch, links = _gather(run, cluster_ids, pa.array(sorted(drawn), pa.string()))
    names = batch.members["entity_id"].combine_chunks()
    carriers = read_carriers(run, names)
    of_scripts = {row["entity_id"] for row in rows if row["kind"] == EntityKind.SCRIPT}
    mentions = read_mentions(run, names, sorted(of_scripts), few=True)
    scripts = mentions.script_wordings(batch.members["cluster_id"].combine_chunks())
    days = _people(names, mentions.people_by(mentions.days + _EPOCH_DAY))
    roles = _people(names, mentions.people_by(mentions.roles))
    near, soft = (_cut(table, len(cluster_ids)) for table in (links.near, links.soft))
    return [
        replace(
            facts,
            near=near[place],
            soft=soft[place],
            suppliers=suppliers[cluster_id],
            scripts=scripts.get(cluster_id, {}),
            days=days,
            roles=roles,
            carriers=carriers,
        )
        for place, (cluster_id, facts) in enumerate(zip(cluster_ids, batch.facts, strict=True))
    ]


def gather_batch(run: RunFolder, cluster_ids: Sequence[str]) -> ClusterBatch:
    """Reads clusters with their members and the links between these, for an export."""
    return _gather(run, cluster_ids, pa.array([], pa.string()))[0]


def _gather(
    run: RunFolder, cluster_ids: Sequence[str], suppliers: pa.Array
) -> tuple[ClusterBatch, LinkTables]:
    ids = pa.array(cluster_ids, pa.string())
    here = pc.field("cluster_id").isin(ids)
    clusters = tables.to_dicts(tables.read_table(run, CLUSTERS, where=here))
    rows = {row["cluster_id"]: row for row in clusters}
    members, cluster_of = read_members(run, here, ids)
    links = link_tables(run, members, cluster_of, suppliers)
    of_members = tables.dicts_by_group(members, cluster_of, len(ids))
    inside = _cut(links.inside, len(ids))
    facts = [
        ClusterFacts(row=rows[cluster_id], members=of_members[place], inside=inside[place])
        for place, cluster_id in enumerate(cluster_ids)
    ]
    return ClusterBatch(facts, members, links.inside), links


def read_members(run: RunFolder, here: pc.Expression, ids: pa.Array) -> tuple[pa.Table, IntArray]:
    """Reads members with their entities, by cluster in the order of `ids`, most records first.

    Returns them, and the place of each one's cluster.
    """
    members = tables.read_table(run, MEMBERS, where=here)
    named = members["entity_id"].combine_chunks()
    entities = tables.read_table(run, ENTITIES, where=pc.field("entity_id").isin(named))
    joined = entities.take(pc.index_in(named, entities["entity_id"].combine_chunks()))
    for column in MEMBERS.schema:
        if column.name not in joined.schema.names:
            joined = joined.append_column(column, members[column.name])
    sorting = {
        "of": pc.index_in(members["cluster_id"], ids),
        "records": pc.add(joined["complaints"], joined["calls"]),
        "id": members["entity_id"],
    }
    keys = [("of", "ascending"), ("records", "descending"), ("id", "ascending")]
    order = pc.sort_indices(pa.table(sorting), sort_keys=keys)
    return joined.take(order), sorting["of"].take(order).to_numpy().astype(np.int64)


def _people(names: pa.Array, people: pa.Table) -> dict[str, Counter[Any]]:
    """Returns what `MemberMentions.people_by` counts, by the ids of members."""
    counts: dict[str, Counter[Any]] = defaultdict(Counter)
    for row in people.to_pylist():
        counts[names[row["member"]].as_py()][row["value"]] = row["people"]
    return counts


def read_carriers(run: RunFolder, members: pa.Array) -> dict[str, list[str]]:
    """Returns the carriers that handed over the calls of each member number, in any epoch of it."""
    phones = members.filter(pc.starts_with(members, PHONE_PREFIX))
    numbers = pc.utf8_slice_codeunits(without_epochs(phones), len(PHONE_PREFIX))
    where = pc.field("suspect_number").isin(numbers) & pc.field("carrier").is_valid()
    columns = ["suspect_number", "carrier"]
    carriers: dict[str, set[str]] = defaultdict(set)
    for batch in tables.table_batches(run, CALLS, columns, where):
        pairs = pa.Table.from_batches([batch]).group_by(columns).aggregate([])
        for number, carrier in zip(*(column.to_pylist() for column in pairs.columns), strict=True):
            carriers[number].add(carrier)
    both = zip(phones.to_pylist(), numbers.to_pylist(), strict=True)
    return {phone: sorted(carriers[number]) for phone, number in both if number in carriers}


@dataclass(frozen=True)
class LinkTables:
    """Links of clusters by the place of each one's cluster (`of`), the best-evidenced first.

    `inside` has the rows of both members (`row_a`, `row_b`), the others the row of the one that
    is `here`, in `row`, and `there`; `near` also the `cluster_id` of the other end.
    """

    inside: pa.Table
    near: pa.Table
    soft: pa.Table


def link_tables(
    run: RunFolder,
    members: pa.Table,
    cluster_of: IntArray,
    suppliers: pa.Array,
    of_inside: Sequence[str] = tuple(LINKS.schema.names),
    of_near: Sequence[str] = tuple(LINKS.schema.names),
    of_soft: Sequence[str] = tuple(LINKS.schema.names),
) -> LinkTables:
    """Reads the links of clusters.

    Args:
        run: the run.
        members: their members, with columns `entity_id` and `cluster_id`.
        cluster_of: the place of each member's cluster, from 0.
        suppliers: ids of those whose links to members are read as soft links.
        of_inside: columns of links between members.
        of_near: columns of links to other clusters.
        of_soft: columns of links to suppliers.
    """
    known, drawn = IdIndex(members["entity_id"].combine_chunks()), IdIndex(suppliers)
    places = np.append(cluster_of, -1)
    inside = [_no_links(of_inside, ("row_a", "row_b", _OF), ())]
    near, soft = (
        [_no_links(names, (_OF, "row", _NTH), ("here", "there"))] for names in (of_near, of_soft)
    )
    wanted = {*_ENDS, "strength", *of_inside, *of_near, *of_soft}
    columns = [name for name in LINKS.schema.names if name in wanted]
    coded = [name for name in tables.CODED[LINKS.name] if name in wanted]
    before = 0
    for batch in tables.read_in_key_order(run, LINKS, columns, coded=coded):
        nth = np.arange(before, before := before + batch.num_rows)
        ends = {end: batch[end].combine_chunks() for end in _ENDS}
        rows = {"entity_a": known.places_of_runs(ends["entity_a"])}
        rows["entity_b"] = known.places(ends["entity_b"])
        a, b = (places[rows[end]] for end in _ENDS)
        within = (a >= 0) & (a == b)
        own = _chosen(batch.select(of_inside), within, {})
        for name, column in (("row_a", rows["entity_a"]), ("row_b", rows["entity_b"]), (_OF, a)):
            own = own.append_column(name, pa.array(column[within]))
        inside.append(own)
        across = ((a >= 0) | (b >= 0)) & ~within
        if not across.any():
            continue
        hard = ~np.asarray(pc.equal(batch["strength"], Strength.SOFT), np.bool_)
        for here, there, mine in (("entity_a", "entity_b", a), ("entity_b", "entity_a", b)):
            outside = across & (mine >= 0)
            to_supplier = outside & ~hard
            if to_supplier.any():
                positions = np.flatnonzero(to_supplier)
                to_supplier[positions] = drawn.places(ends[there].take(pa.array(positions))) >= 0
            for links, chosen, names in (
                (near, outside & hard, of_near),
                (soft, to_supplier, of_soft),
            ):
                more = {"here": ends[here], "there": ends[there], _OF: pa.array(mine)}
                more |= {"row": pa.array(rows[here]), _NTH: pa.array(nth)}
                links.append(_chosen(batch.select(names), chosen, more))
    crossing = pa.concat_tables(near)
    cluster_ids = _cluster_of(run, crossing["there"], members)
    crossing = crossing.append_column("cluster_id", cluster_ids)
    return LinkTables(
        _ranked(pa.concat_tables(inside)),
        _ranked(crossing.filter(pc.is_valid(cluster_ids))),
        _ranked(pa.concat_tables(soft)),
    )


def _no_links(names: Sequence[str], places: Sequence[str], ids: Sequence[str]) -> pa.Table:
    more = [*((end, pa.string()) for end in ids), *((place, pa.int64()) for place in places)]
    return pa.schema([*(LINKS.schema.field(name) for name in names), *more]).empty_table()


def _ranked(rows: pa.Table) -> pa.Table:
    """Sorts links by cluster, the best-evidenced first; equal ones keep their order."""
    keys = [-rows["weight"].to_numpy(), rows[_OF].to_numpy()]
    if _NTH in rows.column_names:
        keys.insert(0, rows[_NTH].to_numpy())
    return rows.take(np.lexsort(keys)).combine_chunks()


def _cluster_of(run: RunFolder, ids: pa.ChunkedArray, members: pa.Table) -> pa.ChunkedArray:
    """Returns the clusters of ids, of these members or others; null of one in none."""
    distinct = ids.unique()
    strangers = distinct.filter(pc.invert(pc.is_in(distinct, members["entity_id"])))
    others = tables.read_table(run, MEMBERS, _KNOWN, pc.field("entity_id").isin(strangers))
    every = pa.concat_tables([members.select(_KNOWN), others])
    return every["cluster_id"].take(pc.index_in(ids, every["entity_id"].combine_chunks()))


def _chosen(rows: pa.Table, wanted: NDArray[np.bool_], more: dict[str, pa.Array]) -> pa.Table:
    """Returns the wanted rows, with more columns."""
    positions = pa.array(np.flatnonzero(wanted))
    chosen = rows.take(positions)
    for name, column in more.items():
        chosen = chosen.append_column(name, column.take(positions))
    return tables.decoded(chosen)


def _cut(rows: pa.Table, clusters: int) -> list[list[Row]]:
    plain = rows.drop_columns([name for name in (_OF, *_ROWS) if name in rows.column_names])
    return tables.dicts_by_group(plain, rows[_OF].to_numpy(), clusters)
