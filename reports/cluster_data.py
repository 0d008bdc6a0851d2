"""Everything that the pages and files of some clusters show, read from a run in one pass.

In: a run and cluster ids. Out: `ClusterFacts`, one a cluster: its members, its links, its suppliers
and the scripts that it reads out. Long, since all of it is gathered in that one pass.
"""

from __future__ import annotations

import difflib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from functools import lru_cache
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from reports import tables
from reports.tables import IdIndex, IntArray, NarrativeReader, RunFolder
from schemas.entity import without_epochs
from schemas.enums import EntityKind, RecordKind, Strength
from schemas.tables import (
    CALLS,
    CLUSTERS,
    ENTITIES,
    LINKS,
    MEMBERS,
    MENTIONS,
    NARRATIVES,
    SUPPLIERS,
)
from transforms.arrow_util import concat_ranges, group_changes, row_numbers, sorted_unique
from transforms.reporters import people_counted

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

READINGS_PER_ORG = 2
"""Records of one identifier and organisation that are shown, narratives first."""

QUOTED_AROUND = 90
"""Characters of a narrative that are shown on either side of what was read."""

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
    ("in_narrative", "descending"),
    ("observed_at", "descending"),
    ("record_id", "ascending"),
    ("field", "ascending"),
    ("start", "ascending"),
]

RowView = Mapping[str, Any]

WordingCounts = dict[str, Counter[str]]
"""By script, records of each wording; a wording has only words that many victims share."""

Pieces = tuple[tuple[str, bool], ...]
VARIANT_LIMIT = 6

WORDING_LIMIT = 2_000
"""Characters of a wording that are compared."""

RECORD = ("source_org", "record_kind", "record_id")
"""Columns of mentions/ that name a record."""

_WORDED = [*RECORD, "entity_id", "raw"]


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
    days, roles = _mention_counts(run, names)
    carriers = read_carriers(run, names)
    scripts = script_wordings(run, rows, batch.members)
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


def _mention_counts(
    run: RunFolder, members: pa.Array
) -> tuple[dict[str, Counter[int]], dict[str, Counter[str]]]:
    """Counts the mentions of each member by UTC day, and by role; an offer's by people."""
    days: dict[str, Counter[int]] = defaultdict(Counter)
    roles: dict[str, Counter[str]] = defaultdict(Counter)
    where = pc.field("entity_id").isin(members)
    columns = ["entity_id", "role", "observed_at", "field", "record_id"]
    for batch in tables.table_batches(run, MENTIONS, columns, where):
        people = people_counted(batch)
        day = pc.cast(batch["observed_at"], pa.date32(), safe=False).cast(pa.int32())
        for counts, column in ((days, pc.add(day, _EPOCH_DAY)), (roles, batch["role"])):
            pairs = pa.table({"id": batch["entity_id"], "of": column, "people": people})
            counted = pairs.group_by(["id", "of"]).aggregate([("people", "sum")])
            for entity_id, value, count in zip(
                *(column.to_pylist() for column in counted), strict=True
            ):
                known = counts[entity_id]
                known[value] = known.get(value, 0) + count  # `+=` runs a function for each new one
    return days, roles


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


class Reading(NamedTuple):
    """A row of mentions/: an identifier read in one place of one record.

    `before` and `after` are the words around it, masked as the run keeps them; None where it was
    not read in a narrative, or narratives are withheld.
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


def sample_readings(
    run: RunFolder,
    entity_ids: pa.Array,
    narratives: NarrativeReader | None,
    per_org: int = READINGS_PER_ORG,
) -> list[Reading]:
    """Reads `per_org` records of each identifier and organisation, by identifier.

    The newest are taken, those in a narrative first; without `narratives` none is quoted.
    """
    sampled = _sample(run, pc.field("entity_id").isin(entity_ids), per_org)
    columns = [tables.column_values(sampled[name]) for name in EVIDENCE_COLUMNS]
    read = [Reading(*row) for row in zip(*columns, strict=True)]
    if narratives is None:
        return read
    texts = _narratives(narratives, read)
    return [_quoted(reading, texts) for reading in read]


def _sample(run: RunFolder, where: pc.Expression, per_org: int) -> pa.Table:
    schema = pa.schema(
        [*(MENTIONS.schema.field(name) for name in EVIDENCE_COLUMNS), ("in_narrative", pa.int8())]
    )
    best = schema.empty_table()
    for batch in tables.table_batches(run, MENTIONS, EVIDENCE_COLUMNS, where):
        in_narrative = pc.cast(pc.fill_null(pc.equal(batch["field"], NARRATIVE), False), pa.int8())
        part = pa.Table.from_batches([batch]).append_column("in_narrative", in_narrative)
        pool = pa.concat_tables([best, part]).combine_chunks()
        best = pool.take(_first_records(pool, per_org))
    return best


def _first_records(pool: pa.Table, per_org: int) -> pa.Array:
    """Returns the rows of the first records of each identifier and organisation, in order."""
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
    first = numbers - starts[np.cumsum(new) - 1] < per_org
    return order.take(records["at_min"].filter(pa.array(first)))


def _narratives(narratives: NarrativeReader, read: Iterable[Reading]) -> dict[tuple[str, str], str]:
    """Reads the narratives in which something was read, by organisation and complaint id."""
    wanted = {
        (reading.source_org, reading.record_id)
        for reading in read
        if reading.field == NARRATIVE and reading.record_kind == RecordKind.COMPLAINT
    }
    ids = pa.array(sorted({record_id for _, record_id in wanted}), pa.string())
    texts = {}
    for batch in narratives(ids):
        columns = (batch[name].to_pylist() for name in NARRATIVES.schema.names)
        for org, complaint_id, narrative in zip(*columns, strict=True):
            if (org, complaint_id) in wanted:
                texts[org, complaint_id] = narrative
    return texts


def _quoted(reading: Reading, narratives: Mapping[tuple[str, str], str]) -> Reading:
    """Returns a reading with the words around it, if a narrative has it at that place."""
    if reading.field != NARRATIVE or reading.start is None or reading.end is None:
        return reading
    narrative = narratives.get((reading.source_org, reading.record_id))
    if narrative is None or narrative[reading.start : reading.end] != reading.raw:
        return reading
    before = narrative[max(reading.start - QUOTED_AROUND, 0) : reading.start]
    after = narrative[reading.end : reading.end + QUOTED_AROUND]
    return Reading._make((*reading[: len(EVIDENCE_COLUMNS)], before, after))


def quoted_around(rows: pa.Table, narratives: NarrativeReader) -> tuple[pa.Array, pa.Array]:
    """Returns the words before and behind each reading, given with `EVIDENCE_COLUMNS`."""
    read = [
        Reading(*row)
        for row in zip(*(rows[name].to_pylist() for name in EVIDENCE_COLUMNS), strict=True)
    ]
    texts = _narratives(narratives, read)
    quoted = [_quoted(reading, texts) for reading in read]
    before, after = ([getattr(reading, name) for reading in quoted] for name in ("before", "after"))
    return pa.array(before, pa.string()), pa.array(after, pa.string())


class Variant(NamedTuple):
    """One wording: pieces as (text, whether it differs from the template), and records of it."""

    pieces: Pieces
    records: int
    wording: str


class Script(NamedTuple):
    """A script that a cluster reads out: its template, and its commonest wordings there.

    `more` counts the wordings past `variants`.
    """

    entity_id: str
    template: str
    records: int
    clusters: int
    variants: list[Variant]
    more: int


def script_wordings(
    run: RunFolder, suppliers: Iterable[RowView], members: pa.Table
) -> dict[str, WordingCounts]:
    """Counts, for each cluster, the wordings in records that name one of its members.

    `members` are those of the clusters, with columns `entity_id` and `cluster_id`.
    """
    ids = {supplier["entity_id"] for supplier in suppliers if supplier["kind"] == EntityKind.SCRIPT}
    mentions = script_mentions(run, ids)
    if not mentions.num_rows:
        return {}
    names = members["entity_id"].combine_chunks()
    where = pc.field("entity_id").isin(names)
    where &= pc.field("record_id").isin(mentions["record_id"].unique())
    batches = tables.table_batches(run, MENTIONS, [*RECORD, "entity_id"], where)
    schema = pa.schema([MENTIONS.schema.field(name) for name in (*RECORD, "entity_id")])
    naming = pa.Table.from_batches(batches, schema)
    clusters = members["cluster_id"].take(pc.index_in(naming["entity_id"], names))
    return count_wordings(mentions, naming.select(RECORD).append_column("cluster_id", clusters))


def script_mentions(run: RunFolder, scripts: Iterable[str]) -> pa.Table:
    """Reads the mentions of these scripts, wordings cut to `WORDING_LIMIT`."""
    ids = pa.array(sorted(scripts), pa.string())
    if not len(ids):
        return with_words([])
    where = pc.field("entity_id").isin(ids)
    batches = tables.table_batches(run, MENTIONS, _WORDED, where)
    return with_words([pa.Table.from_batches([batch]) for batch in batches])


def with_words(parts: Sequence[pa.Table]) -> pa.Table:
    """Returns mentions of scripts that have words, these cut to `WORDING_LIMIT`."""
    none = pa.schema([MENTIONS.schema.field(name) for name in _WORDED]).empty_table()
    rows = pa.concat_tables([none, *(part.select(_WORDED) for part in parts)])
    rows = rows.filter(pc.greater(pc.binary_length(rows["raw"]), 0))
    if (pc.max(pc.binary_length(rows["raw"])).as_py() or 0) > WORDING_LIMIT:
        shown = pc.utf8_slice_codeunits(rows["raw"], 0, WORDING_LIMIT)
        rows = rows.set_column(_WORDED.index("raw"), "raw", shown)
    return rows


def count_wordings(mentions: pa.Table, naming: pa.Table) -> dict[str, WordingCounts]:
    """Counts wordings by cluster.

    Args:
        mentions: of scripts, as of `script_mentions`.
        naming: the `RECORD` of mentions of members, and the `cluster_id` of each.
    """
    whole = pa.concat_tables([mentions.select(RECORD), naming.select(RECORD)])
    known, records = np.split(row_numbers(whole.columns), [mentions.num_rows])
    clusters, scripts, raws = (
        column.combine_chunks().dictionary_encode()
        for column in (naming["cluster_id"], mentions["entity_id"], mentions["raw"])
    )
    pairs = sorted_unique(records * len(clusters.dictionary) + clusters.indices.to_numpy())
    records, cluster = np.divmod(pairs, max(len(clusters.dictionary), 1))
    order = np.argsort(known, kind="stable")
    low, high = (np.searchsorted(known[order], records, side) for side in ("left", "right"))
    positions = order[concat_ranges(low, high - low)]
    sizes = [max(len(column.dictionary), 1) for column in (scripts, raws)]
    keys = np.repeat(cluster, high - low) * sizes[0] + scripts.indices.to_numpy()[positions]
    keys = np.sort(keys * sizes[1] + raws.indices.to_numpy()[positions])
    starts = np.flatnonzero(group_changes(keys))
    counts = np.diff(np.append(starts, len(keys)))
    rest, of_raw = np.divmod(keys[starts], sizes[1])
    counted = [*np.divmod(rest, sizes[0]), of_raw]
    names = [column.dictionary.to_pylist() for column in (clusters, scripts, raws)]
    wordings: dict[str, WordingCounts] = defaultdict(lambda: defaultdict(Counter))
    for cluster_id, script, raw, count in np.column_stack([*counted, counts]).tolist():
        wordings[names[0][cluster_id]][names[1][script]][names[2][raw]] = count
    return wordings


def compare_scripts(suppliers: Iterable[RowView], wordings: WordingCounts) -> list[Script]:
    """Returns the scripts among suppliers, their wordings compared with the template."""
    scripts = []
    for supplier in suppliers:
        if supplier["kind"] != EntityKind.SCRIPT:
            continue
        counted: Mapping[str, int] = wordings.get(supplier["entity_id"]) or {}
        order = sorted(counted.items(), key=lambda wording: (-wording[1], wording[0]))
        template = (supplier["template"] or (order[0][0] if order else ""))[:WORDING_LIMIT]
        variants = [
            Variant(_compared(template, raw), count, raw) for raw, count in order[:VARIANT_LIMIT]
        ]
        scripts.append(
            Script(
                entity_id=supplier["entity_id"],
                template=template,
                records=supplier["records"],
                clusters=supplier["clusters"],
                variants=variants,
                more=max(len(order) - VARIANT_LIMIT, 0),
            )
        )
    return scripts


@lru_cache(maxsize=1_024)
def _compared(template: str, wording: str) -> Pieces:
    """Splits a wording by whether the template has it; cached, since clusters share scripts."""
    words, others = wording.split(), template.split()
    least = min(len(words), len(others))
    pairs = zip(words, others, strict=False)
    start = next(
        (position for position, (word, template_word) in enumerate(pairs) if word != template_word),
        least,
    )
    pairs = zip(reversed(words[start:]), reversed(others[start:]), strict=False)
    end = next(
        (position for position, (word, template_word) in enumerate(pairs) if word != template_word),
        least - start,
    )
    # Most wordings differ in one place alone: what surrounds it needs no alignment.
    middle, rest = words[start : len(words) - end], others[start : len(others) - end]
    pieces = [(words[:start], False)]
    if middle and rest:
        opcodes = difflib.SequenceMatcher(None, rest, middle, autojunk=False).get_opcodes()
        pieces += [(middle[a:b], tag != "equal") for tag, _, _, a, b in opcodes]
    else:
        pieces.append((middle, True))
    pieces.append((words[len(words) - end :], False))
    return tuple((" ".join(piece), differs) for piece, differs in pieces if piece)
