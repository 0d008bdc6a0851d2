"""Everything that the pages and files of some clusters show, read from a run in one pass.

In: a run and cluster ids. Out: `ClusterFacts`, one a cluster: its members, its links, its suppliers
and the scripts that it reads out.
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
from schemas.field import TEXT
from schemas.tables import CALLS, CLUSTERS, ENTITIES, LINKS, MEMBERS, SUPPLIERS

Row = dict[str, Any]

PHONE_PREFIX = "phone:"

DRAWN_SUPPLIERS = 6
"""Suppliers of a cluster, those of most records first, whose links are read and drawn."""

OTHERS_LIMIT = 6
"""Largest number of other clusters that a shared supplier names; all are counted."""

_EPOCH_DAY = date(1970, 1, 1).toordinal()

_ENDS = ("entity_a", "entity_b")

_OF = "of"

_KNOWN = ["entity_id", "cluster_id"]


@dataclass(frozen=True)
class ClusterFacts:
    """A cluster: its row, and the rows of other tables about it.

    Attributes:
        members: rows of members/ joined with entities/, most records first.
        inside: links between members.
        left_out: how many members a copy that leaves counts and does not list.
        near: rejected hard links from a member to a member of another cluster, each with `here`,
            `there` and `cluster_id`.
        soft: links from members to the first suppliers.
        suppliers: rows of suppliers/, most records first.
        scripts: the wordings of the suppliers that are scripts.
        days: mentions of each identifier by UTC day (`date.toordinal`). `days`, `roles` and
            `carriers` also have identifiers of other clusters.
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

    @property
    def member_ids(self) -> list[str]:
        """Entity ids of the members."""
        return [member["entity_id"] for member in self.members]

    @property
    def accepted(self) -> list[Row]:
        """Accepted links between members."""
        return [link for link in self.inside if link["accepted"]]


def gather_facts(run: RunFolder, cluster_ids: Sequence[str]) -> list[ClusterFacts]:
    """Reads all facts of clusters, in the order given."""
    here = pc.field("cluster_id").isin(pa.array(cluster_ids, TEXT))
    rows = tables.read_table(run, SUPPLIERS, where=here).to_pylist()
    rows.sort(key=lambda supplier: (-supplier["records"], supplier["entity_id"]))
    suppliers: dict[str, list[Row]] = defaultdict(list)
    for supplier in rows:
        suppliers[supplier["cluster_id"]].append(supplier)
    first = (used[:DRAWN_SUPPLIERS] for used in suppliers.values())
    drawn = {supplier["entity_id"] for supplier in chain.from_iterable(first)}
    clusters, members, links = _gather(run, cluster_ids, pa.array(sorted(drawn), TEXT))
    names, clusters_of = (members[name].combine_chunks() for name in _KNOWN)
    carriers = read_carriers(run, names)
    of_scripts = {row["entity_id"] for row in rows if row["kind"] == EntityKind.SCRIPT}
    mentions = read_mentions(run, names, sorted(of_scripts), few=True)
    scripts = mentions.script_wordings(clusters_of)
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
        for place, (cluster_id, facts) in enumerate(zip(cluster_ids, clusters, strict=True))
    ]


def gather_clusters(run: RunFolder, cluster_ids: Sequence[str]) -> list[ClusterFacts]:
    """Reads clusters with their members and the links between these, for an export."""
    return _gather(run, cluster_ids, pa.array([], TEXT))[0]


def _gather(
    run: RunFolder, cluster_ids: Sequence[str], suppliers: pa.Array
) -> tuple[list[ClusterFacts], pa.Table, LinkTables]:
    ids = pa.array(cluster_ids, TEXT)
    here = pc.field("cluster_id").isin(ids)
    clusters = tables.read_table(run, CLUSTERS, where=here).to_pylist()
    rows = {row["cluster_id"]: row for row in clusters}
    members, cluster_of = read_members(run, here, ids)
    links = link_tables(run, members, cluster_of, suppliers)
    of_members = tables.dicts_by_group(members, cluster_of, len(ids))
    inside = _cut(links.inside, len(ids))
    facts = [
        ClusterFacts(row=rows[cluster_id], members=of_members[place], inside=inside[place])
        for place, cluster_id in enumerate(cluster_ids)
    ]
    return facts, members, links


def read_members(run: RunFolder, here: pc.Expression, ids: pa.Array) -> tuple[pa.Table, IntArray]:
    """Reads members with their entities, by cluster in the order of `ids`, most records first.

    Returns the members, and the place of each member's cluster.
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


def clusters_by_supplier(run: RunFolder, where: pc.Expression) -> pa.Table:
    """Returns the suppliers of the rows that match `where`, by id, each with its `cluster_ids`.

    The clusters of most records are first; `records` counts the records of all clusters.
    """
    columns = ["entity_id", "kind", "cluster_id", "records", "clusters"]
    order = [("entity_id", "ascending"), ("records", "descending"), ("cluster_id", "ascending")]
    rows = tables.read_table(run, SUPPLIERS, columns, where).sort_by(order)
    suppliers = rows.group_by("entity_id", use_threads=False).aggregate(
        [("kind", "first"), ("clusters", "first"), ("records", "sum"), ("cluster_id", "list")]
    )
    return suppliers.rename_columns(["entity_id", "kind", "clusters", "records", "cluster_ids"])


def read_carriers(run: RunFolder, members: pa.Array) -> dict[str, list[str]]:
    """Returns the carriers that handed over the calls of each member number, in any epoch of it."""
    phones = members.filter(pc.starts_with(members, PHONE_PREFIX))
    numbers = pc.utf8_slice_codeunits(without_epochs(phones), len(PHONE_PREFIX))
    where = pc.field("suspect_number").isin(numbers) & pc.field("carrier").is_valid()
    carriers: dict[str, list[str]] = defaultdict(list)
    for row in tables.count_by(run, CALLS, ["suspect_number", "carrier"], where).to_pylist():
        carriers[row["suspect_number"]].append(row["carrier"])
    both = zip(phones.to_pylist(), numbers.to_pylist(), strict=True)
    return {phone: carriers[number] for phone, number in both if number in carriers}


@dataclass(frozen=True)
class LinkTables:
    """Links of clusters by the place of their cluster (`of`), the best-evidenced first.

    `inside` has the rows of both members (`row_a`, `row_b`). The other tables have the row of the
    member (`row`) and the id of the other end (`there`); `near` adds the `cluster_id` of that end.
    """

    inside: pa.Table
    near: pa.Table
    soft: pa.Table


def link_tables(
    run: RunFolder,
    members: pa.Table,
    cluster_of: IntArray,
    suppliers: pa.Array,
    columns: Sequence[str] = tuple(LINKS.schema.names),
    soft_columns: Sequence[str] | None = None,
) -> LinkTables:
    """Reads the links of clusters.

    Args:
        run: the run.
        members: their members, with columns `entity_id` and `cluster_id`.
        cluster_of: the place of each member's cluster, from 0.
        suppliers: ids of suppliers. Their links to members are read as soft links.
        columns: columns of the links.
        soft_columns: columns of soft links, if fewer than `columns`; must include `weight`.
    """
    known, drawn = IdIndex(members["entity_id"]), IdIndex(suppliers)
    names = [name for name in LINKS.schema.names if name in {*_ENDS, "strength", *columns}]
    parts = [pa.schema([LINKS.schema.field(name) for name in names]).empty_table()]
    places = [np.empty((4, 0), np.int64)]
    for batch in tables.read_in_key_order(run, LINKS, names, tables.CODED[LINKS.name]):
        ends = np.array([index.places(batch[end]) for index in (known, drawn) for end in _ENDS])
        a, b, drawn_a, drawn_b = ends >= 0
        hard = _is_hard(batch)
        kept = (a & (hard | b | drawn_b)) | (b & (hard | drawn_a))
        parts.append(tables.decoded(batch.filter(pa.array(kept))))
        places.append(ends[:, kept])
    links = pa.concat_tables(parts).combine_chunks()
    row_a, row_b, drawn_a, drawn_b = np.concatenate(places, axis=1)
    a, b = (np.append(cluster_of, -1)[row] for row in (row_a, row_b))
    within = (a >= 0) & (a == b)
    link = np.flatnonzero(within)
    inside = _ranked(links, link, {"row_a": row_a[link], "row_b": row_b[link], _OF: a[link]})
    # A link across clusters can stand twice in succession: once for each end that is a member.
    row, of_row, there = (
        np.column_stack(pair).ravel() for pair in ((row_a, row_b), (a, b), (drawn_b, drawn_a))
    )
    across, hard = np.repeat(~within, 2) & (of_row >= 0), np.repeat(_is_hard(links), 2)

    def at_ends(wanted: NDArray[np.bool_], columns: Sequence[str]) -> pa.Table:
        entries = np.flatnonzero(across & wanted)
        link, end = np.divmod(entries, 2)
        ends = [links[name].combine_chunks().take(pa.array(link)) for name in _ENDS]
        is_first = pa.array(end == 0)
        more = {
            "here": pc.if_else(is_first, *ends),
            "there": pc.if_else(is_first, *ends[::-1]),
            "row": row[entries],
            _OF: of_row[entries],
        }
        return _ranked(links.select(columns), link, more)

    near = at_ends(hard, names)
    cluster_ids = _cluster_of(run, near["there"], members)
    near = near.append_column("cluster_id", cluster_ids).filter(pc.is_valid(cluster_ids))
    return LinkTables(inside, near, at_ends(~hard & (there >= 0), soft_columns or names))


def _is_hard(links: pa.Table) -> NDArray[np.bool_]:
    return ~np.asarray(pc.equal(links["strength"], Strength.SOFT), np.bool_)


def _ranked(links: pa.Table, places: IntArray, more: dict[str, Any]) -> pa.Table:
    """Returns the links at these places with more columns, by cluster, best-evidenced first."""
    order = np.lexsort((-links["weight"].to_numpy()[places], more[_OF]))
    rows = links.take(pa.array(places[order]))
    for name, column in more.items():
        rows = rows.append_column(name, pa.array(column).take(pa.array(order)))
    return rows.combine_chunks()


def _cluster_of(run: RunFolder, ids: pa.ChunkedArray, members: pa.Table) -> pa.ChunkedArray:
    """Returns the cluster of each id, whether or not it is in `members`; null without a cluster."""
    distinct = ids.unique()
    strangers = distinct.filter(pc.invert(pc.is_in(distinct, members["entity_id"])))
    others = tables.read_table(run, MEMBERS, _KNOWN, pc.field("entity_id").isin(strangers))
    every = pa.concat_tables([members.select(_KNOWN), others])
    return every["cluster_id"].take(pc.index_in(ids, every["entity_id"].combine_chunks()))


def _cut(rows: pa.Table, clusters: int) -> list[list[Row]]:
    places = {_OF, "row", "row_a", "row_b"}
    plain = rows.drop_columns([name for name in rows.column_names if name in places])
    return tables.dicts_by_group(plain, rows[_OF].to_numpy(), clusters)
