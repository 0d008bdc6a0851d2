"""What the tables say of some clusters: everything that their pages show, gathered in one pass.

The links that pages of clusters show: between members, to other clusters, to suppliers.

Where identifiers were read: a few readings of each, with the words around them.

How the scripts that a cluster reads out were worded, and what differs between the wordings.
"""

from __future__ import annotations

import difflib
import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from reports import tables, text
from reports.tables import Numbers, Run
from schemas import epoch
from schemas.enums import EntityKind, RecordKind, Strength
from schemas.tables import (
    CALLS,
    CLUSTERS,
    COMPLAINTS,
    ENTITIES,
    LINEAGE,
    LINKS,
    MEMBERS,
    MENTIONS,
    SUPPLIERS,
)

Row = dict[str, Any]


PHONE = "phone:"


DRAWN_SUPPLIERS = 6
"""Suppliers of a cluster, those of most records first, whose links are held and drawn."""


OTHERS_LIMIT = 6
"""Clusters that a shared supplier also serves, by name; all are counted."""


@dataclass(frozen=True)
class Facts:
    """One cluster: its row, and what other tables say of it.

    `members` are rows of members/ with those of entities/, most records first; `inside` the links
    between them; `near` hard links from a member to another cluster's that were not accepted, each
    with `here`, `there` and `cluster_id`; `soft` the links from members to the first suppliers.
    `suppliers` have the ids of other clusters that use them in `others`; `scripts` has the wordings
    told of those that are scripts.
    """

    row: Row
    lineage: list[Row]
    members: list[Row]
    inside: list[Row]
    near: list[Row]
    soft: list[Row]
    suppliers: list[Row]
    scripts: Wordings
    days: dict[str, Counter[date]]
    roles: dict[str, Counter[str]]
    carriers: dict[str, list[str]]
    readings: list[Reading]


@dataclass(frozen=True)
class Gathered:
    """Clusters, and the rows of all their `members` and `inside` as tables, in their order."""

    facts: list[Facts]
    members: pa.Table
    inside: pa.Table


def gather(run: Run, cluster_ids: Sequence[str], *, narratives: bool) -> list[Facts]:
    """Facts of the clusters, in the order given. Holds these clusters' rows, not the tables."""
    return gathered(run, cluster_ids, narratives=narratives).facts


def gathered(run: Run, cluster_ids: Sequence[str], *, narratives: bool) -> Gathered:
    """As `gather`, with tables."""
    ids = pa.array(cluster_ids, pa.string())
    here = pc.field("cluster_id").isin(ids)
    rows = {row["cluster_id"]: row for row in tables.rows(tables.read(run, CLUSTERS, where=here))}
    members, of = _members(run, here, ids)
    names = members["entity_id"].combine_chunks()
    cluster_of = dict(zip(names.to_pylist(), members["cluster_id"].to_pylist(), strict=True))
    suppliers = _by_cluster(_suppliers(run, here))
    drawn = {one["entity_id"] for used in suppliers.values() for one in used[:DRAWN_SUPPLIERS]}
    found = links(run, members, of, sorted(drawn), len(ids))
    days, roles = _sightings(run, names)
    carriers = _carriers(run, names)
    scripts = wordings(run, chain.from_iterable(suppliers.values()), members)
    read = _by(readings(run, names, narratives=narratives), lambda one: cluster_of[one.entity_id])
    lineage = _by_cluster(tables.rows(tables.read(run, LINEAGE, where=here)))
    of_members = tables.lists(members, of, len(ids))
    facts = [
        Facts(
            row=rows[one],
            lineage=lineage.get(one, []),
            members=of_members[place],
            inside=found.inside[place],
            near=found.near[place],
            soft=found.soft[place],
            suppliers=suppliers.get(one, []),
            scripts=scripts.get(one, {}),
            days=days,
            roles=roles,
            carriers=carriers,
            readings=read.get(one, []),
        )
        for place, one in enumerate(cluster_ids)
    ]
    return Gathered(facts, members, found.table)


def _members(run: Run, here: pc.Expression, ids: pa.Array) -> tuple[pa.Table, Numbers]:
    """Members with their entities, by cluster, those that most records name first.

    With each, the place of its cluster.
    """
    members = tables.read(run, MEMBERS, where=here)
    named = members["entity_id"].combine_chunks()
    entities = tables.read(run, ENTITIES, where=pc.field("entity_id").isin(named))
    joined = entities.take(pc.index_in(named, entities["entity_id"].combine_chunks()))
    for one in MEMBERS.schema:
        if one.name not in joined.schema.names:
            joined = joined.append_column(one, members[one.name])
    sorting = {
        "of": pc.index_in(members["cluster_id"], ids),
        "records": pc.add(joined["complaints"], joined["calls"]),
        "id": members["entity_id"],
    }
    keys = [("of", "ascending"), ("records", "descending"), ("id", "ascending")]
    order = pc.sort_indices(pa.table(sorting), sort_keys=keys)
    return joined.take(order), sorting["of"].take(order).to_numpy().astype(np.int64)


def _suppliers(run: Run, here: pc.Expression) -> list[Row]:
    """Suppliers of the clusters, those of most records first, with others that they serve."""
    rows = tables.rows(tables.read(run, SUPPLIERS, where=here))
    wanted = pa.array(sorted({one["entity_id"] for one in rows}), pa.string())
    every = tables.read(
        run, SUPPLIERS, ["entity_id", "cluster_id", "records"], pc.field("entity_id").isin(wanted)
    )
    order = [("records", "descending"), ("cluster_id", "ascending")]
    serves = _by(tables.rows(every.sort_by(order)), lambda one: one["entity_id"])
    for one in rows:
        ids = (other["cluster_id"] for other in serves[one["entity_id"]])
        one["others"] = [other for other in ids if other != one["cluster_id"]][:OTHERS_LIMIT]
    return sorted(rows, key=lambda one: (-one["records"], one["entity_id"]))


_SIGHTED = ["entity_id", "role", "day"]


def _sightings(
    run: Run, members: pa.Array
) -> tuple[dict[str, Counter[date]], dict[str, Counter[str]]]:
    """Readings of each member by UTC day, and by role."""
    days: dict[str, Counter[date]] = defaultdict(Counter)
    roles: dict[str, Counter[str]] = defaultdict(Counter)
    where = pc.field("entity_id").isin(members)
    for batch in tables.batches(run, MENTIONS, ["entity_id", "role", "observed_at"], where):
        day = pc.cast(batch["observed_at"], pa.date32(), safe=False)
        table = pa.table({"entity_id": batch["entity_id"], "role": batch["role"], "day": day})
        grouped = table.group_by(_SIGHTED).aggregate([([], "count_all")])
        columns = [grouped[name].to_pylist() for name in (*_SIGHTED, "count_all")]
        for entity_id, role, at, count in zip(*columns, strict=True):
            days[entity_id][at] += count
            roles[entity_id][role] += count
    return days, roles


def _carriers(run: Run, members: pa.Array) -> dict[str, list[str]]:
    """Carriers that handed over the calls of each member number, whoever held it, sorted."""
    found: dict[str, set[str]] = defaultdict(set)
    holders: dict[str, list[str]] = defaultdict(list)
    for one in members.to_pylist():
        if one.startswith(PHONE):
            holders[epoch.bare(one).removeprefix(PHONE)].append(one)
    where = pc.field("suspect_number").isin(pa.array(sorted(holders), pa.string()))
    where &= pc.field("carrier").is_valid()
    columns = ["suspect_number", "carrier"]
    for batch in tables.batches(run, CALLS, columns, where):
        pairs = pa.Table.from_batches([batch]).group_by(columns).aggregate([])
        for one in tables.rows(pairs):
            for holder in holders[one["suspect_number"]]:
                found[holder].add(one["carrier"])
    return {number: sorted(carriers) for number, carriers in found.items()}


def _by_cluster(rows: Iterable[Row]) -> dict[str, list[Row]]:
    return _by(rows, lambda one: one["cluster_id"])


def _by(rows: Iterable[Any], key: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = defaultdict(list)
    for one in rows:
        found[key(one)].append(one)
    return found


_ENDS = ("entity_a", "entity_b")


_OF = "of"


@dataclass(frozen=True)
class Links:
    """Lists of links, one list a cluster, the best-evidenced first; `Facts` says what each is.

    `table` are the rows of `inside`, those of one cluster after those of another.
    """

    inside: list[list[Row]]
    near: list[list[Row]]
    soft: list[list[Row]]
    table: pa.Table


def links(
    run: Run, members: pa.Table, of: Numbers, suppliers: Sequence[str], clusters: int
) -> Links:
    """The links of so many clusters.

    `members` are their members with columns `entity_id` and `cluster_id`, and `of` has the place
    of each one's cluster, from 0. Soft links are those to any of `suppliers`.
    """
    rows = _read(run, members["entity_id"].combine_chunks(), pa.array(suppliers, pa.string()))
    every = pa.concat_tables([members.select(_KNOWN), _elsewhere(run, rows, members)])
    known = every["entity_id"].combine_chunks()
    places = np.full(every.num_rows + 1, -1)
    places[: len(of)] = of
    at = [pc.index_in(rows[end], known) for end in _ENDS]
    of_a, of_b = (places[pc.fill_null(one, len(known)).to_numpy()] for one in at)
    cluster_a, cluster_b = (every["cluster_id"].take(one) for one in at)
    within = (of_a >= 0) & (of_a == of_b)
    is_soft = _mask(pc.equal(rows["strength"], Strength.SOFT))
    near, soft = [], []
    for here, there, mine, other in (
        (*_ENDS, of_a, cluster_b),
        (*reversed(_ENDS), of_b, cluster_a),
    ):
        own = (mine >= 0) & ~within
        clustered = _mask(pc.is_valid(other))
        ends = {"here": rows[here], "there": rows[there], _OF: pa.array(mine)}
        near.append(_chosen(rows, own & clustered & ~is_soft, ends | {"cluster_id": other}))
        soft.append(_chosen(rows, own & ~clustered & is_soft, ends))
    inside = _ranked(_chosen(rows, within, {_OF: pa.array(of_a)}))
    return Links(
        inside=_cut(inside, clusters),
        near=_cut(_ranked(pa.concat_tables(near)), clusters),
        soft=_cut(_ranked(pa.concat_tables(soft)), clusters),
        table=inside,
    )


_KNOWN = ["entity_id", "cluster_id"]


def _read(run: Run, members: pa.Array, suppliers: pa.Array) -> pa.Table:
    """Links between members, hard ones to any other, and those to suppliers."""
    a_in, b_in = (pc.field(end).isin(members) for end in _ENDS)
    a_soft, b_soft = (pc.field(end).isin(suppliers) for end in _ENDS)
    hard = pc.field("strength") == Strength.HARD
    where = (a_in & b_in) | (hard & (a_in | b_in)) | (a_in & b_soft) | (b_in & a_soft)
    found = tables.batches(run, LINKS, LINKS.schema.names, where)
    return pa.Table.from_batches(found, LINKS.schema)


def _elsewhere(run: Run, rows: pa.Table, members: pa.Table) -> pa.Table:
    """The ends of links that are members of other clusters."""
    ends = pa.concat_arrays([rows[end].combine_chunks() for end in _ENDS]).unique()
    strangers = ends.filter(pc.invert(pc.is_in(ends, members["entity_id"].combine_chunks())))
    return tables.read(run, MEMBERS, _KNOWN, pc.field("entity_id").isin(strangers))


def _mask(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(column, np.bool_)


def _chosen(rows: pa.Table, wanted: NDArray[np.bool_], more: dict[str, pa.Array]) -> pa.Table:
    """The wanted rows, with more columns."""
    for name, column in more.items():
        rows = rows.append_column(name, column)
    return rows.filter(pa.array(wanted))


def _ranked(rows: pa.Table) -> pa.Table:
    """By cluster, the best-evidenced first."""
    order = [(_OF, "ascending"), ("weight", "descending"), *((one, "ascending") for one in _ENDS)]
    return rows.sort_by(order)


def _cut(rows: pa.Table, clusters: int) -> list[list[Row]]:
    return tables.lists(rows.drop_columns(_OF), rows[_OF].to_numpy(), clusters)


PER_ORG = 2
"""Readings of one identifier that are shown for each organisation, narratives first."""


AROUND = 90
"""Characters of a narrative on either side of what was read."""


RAW_LIMIT = 200


NARRATIVE = "narrative"


EVIDENCE_COLUMNS = (
    "entity_id",
    "source_org",
    "record_kind",
    "record_id",
    "role",
    "observed_at",
    "victim_country",
    "field",
    "start",
    "end",
    "raw",
    "confidence",
)


_ORDER = [
    ("entity_id", "ascending"),
    ("source_org", "ascending"),
    ("told", "descending"),
    ("observed_at", "descending"),
    ("record_id", "ascending"),
    ("field", "ascending"),
    ("start", "ascending"),
]


class Reading(NamedTuple):
    """A row of mentions/: an identifier read in one place of one record.

    `before` and `after` are the words around it in the narrative, masked as complaints/ is; both
    are None where the record has no narrative or the reader may not see it.
    """

    entity_id: str
    source_org: str
    record_kind: str
    record_id: str
    role: str
    observed_at: datetime
    victim_country: str | None
    field: str | None
    start: int | None
    end: int | None
    raw: str | None
    confidence: float
    before: str | None = None
    after: str | None = None


def readings(run: Run, entity_ids: pa.Array, *, narratives: bool) -> list[Reading]:
    """`PER_ORG` readings of each identifier and organisation, by identifier.

    The newest are taken, those in a narrative first; without `narratives` none is quoted.
    """
    found = _sample(run, pc.field("entity_id").isin(entity_ids))
    columns = [tables.values(found[name]) for name in EVIDENCE_COLUMNS]
    read = [Reading(*row) for row in zip(*columns, strict=True)]
    told = _narratives(run, read) if narratives else {}
    return [_quoted(one, told) for one in read]


def _sample(run: Run, where: pc.Expression) -> pa.Table:
    schema = pa.schema(
        [*(MENTIONS.schema.field(name) for name in EVIDENCE_COLUMNS), ("told", pa.int8())]
    )
    best = schema.empty_table()
    for batch in tables.batches(run, MENTIONS, EVIDENCE_COLUMNS, where):
        told = pc.cast(pc.fill_null(pc.equal(batch["field"], NARRATIVE), False), pa.int8())
        part = pa.Table.from_batches([batch]).append_column("told", told)
        pool = pa.concat_tables([best, part]).combine_chunks()
        best = pool.take(_first_records(pool))
    return best


def _first_records(pool: pa.Table) -> pa.Array:
    """The rows of the first `PER_ORG` records of each identifier and organisation, in order."""
    order = pc.sort_indices(pool, sort_keys=_ORDER)
    names = ["entity_id", "source_org", "record_id"]
    rows = pool.select(names).take(order).append_column("at", pa.array(np.arange(len(order))))
    records = rows.group_by(names).aggregate([("at", "min")]).sort_by("at_min").combine_chunks()
    new = np.arange(len(records)) == 0
    for name in names[:2]:
        column = records[name].combine_chunks()
        new[1:] |= np.asarray(pc.not_equal(column.slice(1), column.slice(0, len(column) - 1)))
    numbers = np.arange(len(new))
    starts = numbers[new]
    first = numbers - starts[np.cumsum(new) - 1] < PER_ORG
    return order.take(records["at_min"].filter(pa.array(first)))


def _narratives(run: Run, read: Iterable[Reading]) -> dict[tuple[str, str], str]:
    """Narratives of the complaints in which something was read there, by organisation and id."""
    wanted = {
        (one.source_org, one.record_id)
        for one in read
        if one.field == NARRATIVE and one.record_kind == RecordKind.COMPLAINT
    }
    ids = pa.array(sorted({record_id for _, record_id in wanted}), pa.string())
    where = pc.field("complaint_id").isin(ids) & pc.field("narrative").is_valid()
    told = {}
    names = ["source_org", "complaint_id", "narrative"]
    for batch in tables.batches(run, COMPLAINTS, names, where):
        columns = (batch[name].to_pylist() for name in names)
        for org, complaint_id, narrative in zip(*columns, strict=True):
            if (org, complaint_id) in wanted:
                told[org, complaint_id] = narrative
    return told


def _quoted(one: Reading, told: Mapping[tuple[str, str], str]) -> Reading:
    """A reading with the words around it; without where no narrative holds it at that place."""
    if one.field != NARRATIVE or one.start is None or one.end is None:
        return one
    narrative = told.get((one.source_org, one.record_id))
    if narrative is None or narrative[one.start : one.end] != one.raw:
        return one
    before = narrative[max(one.start - AROUND, 0) : one.start]
    return one._replace(before=before, after=narrative[one.end : one.end + AROUND])


RowView = Mapping[str, Any]


Wordings = dict[str, Counter[str]]
"""By script, how often each wording was told; a wording has only words that many victims share."""


VARIANTS = 6


WORDING_LIMIT = 2_000
"""Characters of a wording that are compared."""


@dataclass(frozen=True)
class Variant:
    """One wording: pieces as (text, whether the template has them otherwise)."""

    pieces: tuple[tuple[str, bool], ...]
    told: int


@dataclass(frozen=True)
class Script:
    """A script that a cluster shares: its template, and the commonest wordings told here."""

    entity_id: str
    template: str
    records: int
    clusters: int
    variants: list[Variant]
    more: int


def wordings(run: Run, suppliers: Iterable[RowView], members: pa.Table) -> dict[str, Wordings]:
    """For each cluster the wordings told in records that name one of its members.

    `members` are those of the clusters, with columns `entity_id` and `cluster_id`.
    """
    ids = {one["entity_id"] for one in suppliers if one["kind"] == EntityKind.SCRIPT}
    if not ids:
        return {}
    told = _told(run, pa.array(sorted(ids), pa.string()))
    naming = _naming(run, told["record_id"].unique(), members.select(["entity_id", "cluster_id"]))
    both = told.join(naming, keys=_RECORD, join_type="inner")
    counted = both.group_by(["cluster_id", "entity_id", "raw"]).aggregate([([], "count_all")])
    found: dict[str, Wordings] = defaultdict(lambda: defaultdict(Counter))
    columns = (counted[name].to_pylist() for name in counted.column_names)
    for cluster_id, script, raw, count in zip(*columns, strict=True):
        found[cluster_id][script][raw] = count
    return found


_RECORD = ["source_org", "record_kind", "record_id"]


def _told(run: Run, scripts: pa.Array) -> pa.Table:
    """Where these scripts were read, and as far as it is compared, what was told there."""
    where = pc.field("entity_id").isin(scripts) & (pc.binary_length(pc.field("raw")) > 0)
    names = [*_RECORD, "entity_id", "raw"]
    found = tables.batches(run, MENTIONS, names, where)
    schema = pa.schema([MENTIONS.schema.field(one) for one in names])
    rows = pa.Table.from_batches(found, schema)
    shown = pc.utf8_slice_codeunits(rows["raw"], 0, WORDING_LIMIT)
    return rows.set_column(names.index("raw"), "raw", shown)


def _naming(run: Run, records: pa.Array, members: pa.Table) -> pa.Table:
    """Which of these records name members of which clusters, each once."""
    ids = members["entity_id"].combine_chunks()
    where = pc.field("record_id").isin(records) & pc.field("entity_id").isin(ids)
    names = [*_RECORD, "cluster_id"]
    schema = pa.schema([(one, pa.string()) for one in names])
    found = schema.empty_table()
    for batch in tables.batches(run, MENTIONS, [*_RECORD, "entity_id"], where):
        of = members["cluster_id"].take(pc.index_in(batch["entity_id"], ids))
        part = pa.table([*(batch[one] for one in _RECORD), of], schema=schema)
        found = pa.concat_tables([found, part.group_by(names).aggregate([])])
    return found.group_by(names).aggregate([])


def scripts(suppliers: Iterable[RowView], told: Wordings) -> list[Script]:
    """The scripts among a cluster's suppliers, with what was told of each."""
    found = []
    for one in suppliers:
        if one["kind"] != EntityKind.SCRIPT:
            continue
        counted = told.get(one["entity_id"], Counter())
        order = sorted(counted.items(), key=lambda wording: (-wording[1], wording[0]))
        template = (one["template"] or (order[0][0] if order else ""))[:WORDING_LIMIT]
        variants = [Variant(_compared(template, raw), count) for raw, count in order[:VARIANTS]]
        found.append(
            Script(
                entity_id=one["entity_id"],
                template=template,
                records=one["records"],
                clusters=one["clusters"],
                variants=variants,
                more=max(len(order) - VARIANTS, 0),
            )
        )
    return found


@lru_cache(maxsize=1_024)
def _compared(template: str, wording: str) -> tuple[tuple[str, bool], ...]:
    """A script is read out for many clusters: most wordings come again."""
    words = wording.split()
    matcher = difflib.SequenceMatcher(None, template.split(), words, autojunk=False)
    return tuple(
        (" ".join(words[start:end]), tag != "equal")
        for tag, _, _, start, end in matcher.get_opcodes()
        if end > start
    )


_NOUNS = {
    "phone": ("phone number", "phone numbers"),
    "domain": ("domain", "domains"),
    "url": ("web address", "web addresses"),
    "email": ("e-mail address", "e-mail addresses"),
    "remote": ("remote-access id", "remote-access ids"),
    "account": ("bank or payment account", "bank or payment accounts"),
    "wallet": ("wallet", "wallets"),
    "handle": ("chat handle", "chat handles"),
}


def sentence(facts: Facts) -> str:
    """What the cluster is, in one sentence, as text."""
    row = facts.row
    counted = Counter(one["kind"] for one in facts.members)
    parts = []
    for kind, count in counted.most_common():
        one, several = _NOUNS.get(kind, (kind, kind))
        parts.append(f"{count} {one if count == 1 else several}")
    brands = [text.plain(one, 40) for one in row["brands"][:3]]
    posing = f" used by callers who posed as {_listed(brands)}" if brands else ""
    orgs = _listed([text.plain(one, 40) for one in row["orgs"][:4]])
    joined = "held together by" if row["size"] > 1 else "named by"
    return (
        f"{_listed(parts).capitalize()}{posing}, {joined} "
        f"{_count(row['complaints'], 'complaint')} and {_count(row['calls'], 'call')} of {orgs} "
        f"from {_span(row)}."
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def _span(row: Row) -> str:
    """From when to when, by day."""
    return f"{text.plain_day(row['first_seen'])} to {text.plain_day(row['last_seen'])}"


_PLAIN_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def page_name(cluster_id: str) -> str:
    """File name, without its ending, of a cluster's page: its id, or a digest of a strange one."""
    if _PLAIN_ID.fullmatch(cluster_id):
        return cluster_id
    return "x-" + hashlib.sha256(cluster_id.encode("utf-8", "replace")).hexdigest()[:24]
