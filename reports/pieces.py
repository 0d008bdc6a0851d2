"""Pieces of data about clusters, of which the workbench draws the page of each, and its search.

A piece is a script file of two lines of JSON: its texts, and its lists of small whole numbers, by
place. A table in it has columns: whole numbers, or texts as the distinct ones and the number of
each row's; the rows of one cluster follow those of another. So nothing is made for each row, here
or in the search of what leaves, which reads every text once. A text is cut, nothing is markup.
Shows what the tables of a run show to everybody who may read it, and nothing of private/. Long,
since a piece has all that its clusters' pages say.

The search finds identifiers, record ids and reasons, and the clusters that they lead to. It finds
none that only a caller id or a mention names: a forged number may be an innocent subscriber's.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from reports import disclosure_control, figures, tables, text
from reports.cluster_data import (
    DRAWN_SUPPLIERS,
    OTHERS_LIMIT,
    LinkTables,
    Pieces,
    Script,
    compare_scripts,
    count_wordings,
    link_tables,
    quoted_around,
    read_carriers,
    read_members,
)
from reports.link_evidence import Records, parts_by_org, raw_columns, read_records
from reports.partition import positions_table, read_positions
from reports.run_summary import Joint, OrgCounts, OrgRecords
from reports.tables import (
    ANY_LENGTH,
    BoolArray,
    Column,
    IntArray,
    Lists,
    Numbers,
    RunFolder,
    Texts,
    Times,
    Whole,
    first_of_groups,
    list_items,
    named,
    picked,
)
from schemas.enums import EntityKind
from schemas.facts import facts_of
from schemas.tables import CLUSTERS, COMPLAINTS, LINEAGE, MEMBERS, SUPPLIERS, Table
from transforms.arrow_util import concat_ranges, distinct_rows, group_offsets, stable_order
from transforms.file_texts import lines_of, texts_of_file
from transforms.graph.link_weights import link_probability
from transforms.text_spans import string_buffers
from transforms.write.parquet_files import ExternalSorter

Json = dict[str, Any]

Words = dict[tuple[str, str], tuple[int, Pieces]]
"""Words of scripts, by template and wording: the number in a piece, and what `Variant` has."""

READINGS_PER_ORG = 25
"""Records of each member and organisation that the page has; the newest, narratives first."""

LINK_LIMIT, NEAR_LIMIT, SOFT_LIMIT, SUPPLIER_LIMIT, LISTED_OFFERS = 4_000, 200, 600, 60, 200

_NO_TEMPLATE = ((b"`", rb"\u0060"), (b"${", rb"\u0024{"), (b"<", rb"\u003c"))
"""Signs that end a raw template of JavaScript, run in it or begin markup, and their escapes."""

_START = b'rt.piece("'

_JSON_SIGN = re.compile(rb"\\([^u])")

_MOST_SHORT = 7
"""Digits of a whole number that nothing withheld is as short as."""

_OF_LISTS = bytes(
    ord("0" if sign in b"0123456789" else "," if sign in b",[]" else "x") for sign in range(256)
)
"""For each byte: 0 for a digit, a comma for what stands between whole numbers, x for all else."""

_JSON = orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS

_NUMBERS = orjson.OPT_SERIALIZE_NUMPY

_OF_NEAR = tuple("weight complaints calls reporters reason".split())

_OF_INSIDE = (*_OF_NEAR, *"records record_ids orgs first_seen last_seen strength accepted".split())

_OF_SOFT = ("weight", "records")

_NOWHERE, ID_LIMIT = 99_999, 120

RECORD_LIMIT = 500_000
"""Record ids in the index: about 10 MB of it."""

_SEARCHED = pa.schema(
    [("source_org", pa.string()), ("record_id", pa.string()), ("cluster", pa.int32())]
)

_KEY = ("source_org", "record_id")

NAMING = pa.schema([(name, pa.string()) for name in (*_KEY, "cluster_id")])
"""Records that name a member, and its cluster."""

_FOUND = Table("found", _SEARCHED, tuple(_SEARCHED.names))


def encode_piece(name: str, value: Json, numbers: Numbers | None = None) -> bytes:
    """Returns a script file that hands a piece to the page: two lines of JSON in a raw template."""
    texts = orjson.dumps(value, option=_JSON)
    for sign, escaped in _NO_TEMPLATE:
        texts = texts.replace(sign, escaped)
    lists = orjson.dumps([] if numbers is None else numbers.lists, option=_NUMBERS)
    return b'rt.piece("%s",String.raw`%s\n%s`);\n' % (name.encode(), texts, lists)


def texts_of_data(content: bytes) -> list[pa.Array]:
    """Returns the texts of a file that leaves, of a piece without its lists of short numbers."""
    if not content.startswith(_START):
        return texts_of_file(content)
    head, lines, rest = content.split(b"`", 2)
    texts, _, numbers = lines.partition(b"\n")
    parts = [texts, head + b"\n" + rest]
    if b"\\" in texts:
        # The letter of an escape is no part of what follows, and another one may be within it.
        parts.append(_JSON_SIGN.sub(lambda sign: sign[1] if sign[1] in b'"\\/' else b"\n", texts))
    signs = numbers.translate(_OF_LISTS)
    if b"x" in signs or b"0" * (_MOST_SHORT + 1) in signs:
        parts.append(numbers)
    return list(map(lines_of, parts))


@dataclass(frozen=True)
class PartContext:
    """Inputs of all parts beside their own clusters.

    `suppliers` chooses those that are shown; `shared` has ids that several organisations saw, and
    how many there are.
    """

    redact: bool
    suppress_below: int
    narratives: bool
    suppliers: pc.Expression
    joint: Joint | None = None
    shared: tuple[Sequence[str], int] = ((), 0)


@dataclass(frozen=True)
class Job:
    """Clusters of one job: their ids, their facts by id, their tables, and what spans jobs.

    `positions` are of members, `naming` the records that name one, with the cluster; `union_only`
    has the clusters that no organisation links as a whole, `by_org` the records of shared members.
    """

    clusters: list[str]
    facts: Mapping[str, Json]
    tables: Mapping[str, Lists]
    positions: pa.Table
    naming: pa.Table
    union_only: list[str]
    by_org: dict[str, list[OrgRecords]]

    def piece(self, name: str, start: int, stop: int) -> bytes:
        """Returns the piece of the clusters from one place to another."""
        numbers, clusters, words = Numbers(), slice(start, stop), Words()
        value = {
            "clusters": self.clusters[clusters],
            "facts": [
                _put_facts(self.facts.get(cluster_id, {}), words)
                for cluster_id in self.clusters[clusters]
            ],
            "words": [pieces for _, pieces in words.values()],
            "tables": {name: table.put(clusters, numbers) for name, table in self.tables.items()},
        }
        return encode_piece(name, value, numbers)


def gather_job(
    source: str, clusters: Sequence[str], before: str | None, context: PartContext
) -> Job:
    """Returns all that is known of some clusters, and where their members are in their figures.

    Args:
        source: folder of the run, or of a part of it (`partition_run`).
        clusters: their ids.
        before: a graph/nodes.parquet whose node positions are kept.
        context: inputs of all parts.
    """
    ids = pa.array(clusters, pa.string())
    here = pc.field("cluster_id").isin(ids)
    every, cluster_of = read_members(source, here, ids)
    suppliers = _Suppliers.read(source, here & context.suppliers, ids)
    more = ("facts",) if context.redact else ()
    links = link_tables(
        source,
        every,
        cluster_of,
        suppliers.drawn,
        (*_OF_INSIDE, *more),
        (*_OF_NEAR, *more),
        _OF_SOFT,
    )
    starts = group_offsets(cluster_of, len(ids))
    earlier = read_positions(source, before, every["entity_id"].combine_chunks())
    points = figures.layout_clusters(every, starts, links.inside, earlier)
    kept = np.ones(len(cluster_of), bool)
    if context.redact:
        # A redacted copy leaves members out after the layout, so that the others stay in place.
        kept = disclosure_control.may_leave(every)
    members = every.filter(pa.array(kept)).combine_chunks()
    row_of = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1)
    mine = cluster_of[kept]
    cut = _Cut(len(ids), group_offsets(mine, len(ids)), row_of, kept, context.redact)
    names = members["entity_id"].combine_chunks()
    scripts = {} if context.redact else suppliers.scripts()
    of_scripts = sorted({row["entity_id"] for rows in scripts.values() for row in rows})
    per_org = 0 if context.redact else READINGS_PER_ORG
    seen = OrgCounts(np.asarray(pc.is_in(names, pa.array(context.shared[0], pa.string())), bool))
    read = read_records(source, names, per_org, of_scripts, seen.add)
    tables_of = {
        "members": Lists(cut.starts, _member_columns(source, members, read, points[kept], cut)),
        **_link_rows(links, cut),
        "suppliers": suppliers.rows(links.soft, cut),
        "readings": _reading_rows(source, read, members["value"].combine_chunks(), cut, context),
        **_cluster_rows(source, here, ids, names, cut),
    }
    facts = _facts(source, here, every, context)
    alone = {} if context.redact or context.joint else parts_by_org(links.inside, starts)
    union_only = [clusters[place] for place in alone]
    for place, by_org in alone.items():
        facts[clusters[place]]["alone"] = by_org
    naming = read.naming.append_column("of", pa.array(mine[read.naming_rows]))
    if scripts:
        asked = naming.filter(pc.is_in(naming["record_id"], read.wordings["record_id"].unique()))
        asked = asked.append_column("cluster_id", ids.take(asked["of"]))
        wordings = count_wordings(read.wordings, asked)
        for cluster_id, rows in scripts.items():
            facts[cluster_id]["scripts"] = compare_scripts(rows, wordings.get(cluster_id, {}))
    for place, left_out in enumerate(np.diff(starts) - np.diff(cut.starts)):
        if left_out:
            facts[clusters[place]]["left_out"] = int(left_out)
    positions = positions_table(members, points[kept])
    first, _ = distinct_rows([naming[name].combine_chunks() for name in (*_KEY, "of")])
    once = naming.take(first)
    pairs = pa.table([*once.select(_KEY), ids.take(once["of"])], schema=NAMING)
    by_orgs = {names[place].as_py(): rows for place, rows in seen.by_place().items()}
    return Job(list(clusters), facts, tables_of, positions, pairs, union_only, by_orgs)


@dataclass(frozen=True)
class _Cut:
    """Members of a job, as far as its pieces have them.

    Attributes:
        count: clusters.
        starts: the first kept member of each cluster, and the end.
        row_of: for each member its place among the kept ones, -1 if it is left out; -1 at the end.
        kept: for each member whether it is kept.
        redact: whether the copy leaves.
    """

    count: int
    starts: IntArray
    row_of: IntArray
    kept: BoolArray
    redact: bool

    def place(self, rows: IntArray, cluster_of: IntArray) -> IntArray:
        """Returns the places of kept members within their clusters."""
        return self.row_of[rows] - self.starts[cluster_of]

    def reasons(self, rows: pa.Table) -> Texts:
        """Returns reasons, without what analysts wrote where the copy leaves."""
        return Texts.of(disclosure_control.redact_reasons(rows) if self.redact else rows["reason"])

    def facts(self, rows: pa.Table, reasons: Texts) -> Texts:
        """Returns the facts of these reasons, each as its code and arguments."""
        _, first = np.unique(reasons.codes, return_index=True)
        read = disclosure_control.redact_facts if self.redact else facts_of
        values = [
            [[fact.code, *fact.arguments] for fact in read(value)]
            for value in rows["facts"].take(first).to_pylist()
        ]
        return Texts(pa.array(values, pa.list_(pa.list_(pa.string()))), reasons.codes)


def _member_columns(
    source: str, members: pa.Table, read: Records, points: figures.Array, cut: _Cut
) -> dict[str, Column]:
    texts = {
        "id": "entity_id",
        **{name: name for name in "kind role tier review status region".split()},
        "near": "near_miss_of",
        "line": "line_type",
        "host": "hosted_by",
    }
    whole = "reporters robustness bridge complaints calls".split()
    columns: dict[str, Column] = {
        name: Texts.of(members[column], ANY_LENGTH) for name, column in texts.items()
    }
    columns |= {name: Whole.of(members[name].cast(pa.int64())) for name in whole}
    reasons = cut.reasons(members)
    x, y = (np.rint(np.nan_to_num(axis * 1e4, nan=_NOWHERE)) for axis in points.T)
    return columns | {
        "orgs": Texts.of_lists(members["orgs"]),
        "first": Times.of(members["first_seen"]),
        "last": Times.of(members["last_seen"]),
        "confidence": Whole.of(members["confidence"], 1_000),
        "reason": reasons,
        "facts": cut.facts(members, reasons),
        "carriers": _carriers(source, members["entity_id"].combine_chunks(), cut),
        "roles": read.roles,
        "days": read.days,
        "x": Whole(x.astype(np.int64), 10_000, _NOWHERE),
        "y": Whole(y.astype(np.int64), 10_000, _NOWHERE),
    }


def _carriers(source: str, ids: pa.Array, cut: _Cut) -> Texts:
    """Returns up to twelve carriers, an organisation's own text, of each member, as a list."""
    carriers = {} if cut.redact else read_carriers(source, ids)
    rows = pc.index_in(pa.array(list(carriers), pa.string()), ids).to_numpy(zero_copy_only=False)
    first = [tuple(names[:12]) for names in carriers.values()]
    known = {names: number for number, names in enumerate(sorted({(), *first}), 1)}
    codes = np.ones(len(ids), np.int64)
    codes[rows.astype(np.int64)] = [known[names] for names in first]
    return Texts(pa.array(list(known), pa.list_(pa.string())), codes)


def _link_rows(links: LinkTables, cut: _Cut) -> dict[str, Lists]:
    """Returns the first links of each cluster, the ends of all others, and rejected ones."""
    rows = links.inside
    a, b = (rows[name].to_numpy() for name in ("row_a", "row_b"))
    both = cut.kept[a] & cut.kept[b]
    if not both.all():
        rows, a, b = rows.filter(pa.array(both)), a[both], b[both]
    cluster_of = rows["of"].to_numpy()
    first = first_of_groups(cluster_of, cut.count, LINK_LIMIT)
    others = ~first
    ends = {"a": cut.place(a, cluster_of), "b": cut.place(b, cluster_of)}
    accepted = np.asarray(rows["accepted"], np.int64)
    shown = rows.filter(pa.array(first)) if others.any() else rows
    ids = shown["record_ids"].combine_chunks()
    firsts = {name: Whole(places[first]) for name, places in ends.items()}
    columns: dict[str, Column] = {
        **firsts,
        "accepted": Whole(accepted[first]),
        "weight": Whole.of(shown["weight"], 1_000),
        "confidence": Whole.of(pa.array(link_probability(shown["weight"].to_numpy())), 1_000_000),
        **{name: Whole.of(shown[name]) for name in "complaints calls reporters records".split()},
        "orgs": Texts.of_lists(shown["orgs"]),
        "first": Times.of(shown["first_seen"]),
        "last": Times.of(shown["last_seen"]),
        "strength": Texts.of(shown["strength"]),
        "reason": cut.reasons(shown),
    }
    if not cut.redact:
        starts = ids.offsets.to_numpy()
        named = Texts.of(pc.list_flatten(ids))
        cut_ids = pc.extract_regex(
            named.values, r"(?s)^(?P<org>(?:[^|]*\|)?(?:call\|)?)(?P<id>.*)$"
        )
        parts = {part: Texts.of(pc.struct_field(cut_ids, part)) for part in ("org", "id")}
        columns["ids"] = Lists(
            starts.astype(np.int64) - starts[0],
            {
                name: Texts(texts.values, texts.codes[named.codes - 1])
                for name, texts in parts.items()
            },
        )
    ties: dict[str, Column] = {name: Whole(places[others]) for name, places in ends.items()}
    ties["accepted"] = Whole(accepted[others])
    return {
        "links": Lists(group_offsets(cluster_of[first], cut.count), columns),
        "ties": Lists(group_offsets(cluster_of[others], cut.count), ties),
        **_near_rows(links.near, cut),
    }


def _near_rows(near: pa.Table, cut: _Cut) -> dict[str, Lists]:
    """Returns links to other clusters, and how many there are; outside the end there is hidden."""
    rows = near.filter(pa.array(cut.kept[near["row"].to_numpy()]))
    cluster_of = rows["of"].to_numpy()
    first = first_of_groups(cluster_of, cut.count, NEAR_LIMIT)
    shown = rows.filter(pa.array(first))
    there = shown["there"]
    if cut.redact:
        hidden = [disclosure_control.hide_other_end(end) for end in there.to_pylist()]
        there = pa.array(hidden, pa.string())
    columns: dict[str, Column] = {
        "a": Whole(cut.place(shown["row"].to_numpy(), shown["of"].to_numpy())),
        "there": Texts.of(there),
        "cluster": Texts.of(shown["cluster_id"]),
        "weight": Whole.of(shown["weight"], 1_000),
        **{name: Whole.of(shown[name]) for name in "complaints calls reporters".split()},
        "reason": cut.reasons(shown),
    }
    each, total = np.arange(cut.count + 1), np.diff(group_offsets(cluster_of, cut.count))
    counts: dict[str, Column] = {"near": Whole(total)}
    return {
        "near": Lists(group_offsets(cluster_of[first], cut.count), columns),
        "counts": Lists(each, counts),
    }


@dataclass(frozen=True)
class _Suppliers:
    """Suppliers of clusters, most records first, with the first clusters that each serves.

    `cluster_of` has the place of the cluster of each row. Scripts are among them.
    """

    table: pa.Table
    cluster_of: IntArray
    served: Texts

    @classmethod
    def read(cls, source: str, here: pc.Expression, ids: pa.Array) -> _Suppliers:
        table = tables.read_table(source, SUPPLIERS, where=here)
        cluster_of = pc.index_in(table["cluster_id"], ids).to_numpy().astype(np.int64)
        # Rows come by id, which decides among equals.
        order = np.lexsort((-table["records"].to_numpy(), cluster_of))
        rows, cluster_of = table.take(order).combine_chunks(), cluster_of[order]
        named = rows["entity_id"].combine_chunks().dictionary_encode()
        wanted = pc.field("entity_id").isin(named.dictionary)
        columns = ["entity_id", "cluster_id", "records"]
        every = tables.read_table(source, SUPPLIERS, columns, wanted)
        supplier_of = pc.index_in(every["entity_id"], named.dictionary).to_numpy().astype(np.int64)
        order = np.lexsort((-every["records"].to_numpy(), supplier_of))
        supplier_of = supplier_of[order]
        first = first_of_groups(supplier_of, len(named.dictionary), OTHERS_LIMIT + 1)
        starts = group_offsets(supplier_of[first], len(named.dictionary))
        serves = every["cluster_id"].combine_chunks().take(order[first])
        lists = pa.ListArray.from_arrays(pa.array(starts, pa.int32()), serves)
        return cls(rows, cluster_of, Texts(lists, named.indices.to_numpy().astype(np.int64) + 1))

    @property
    def drawn(self) -> pa.Array:
        """Returns the ids of those whose links are drawn."""
        first = first_of_groups(
            self.cluster_of, int(self.cluster_of.max(initial=-1)) + 1, DRAWN_SUPPLIERS
        )
        return self.table["entity_id"].filter(pa.array(first)).combine_chunks().unique()

    def scripts(self) -> Mapping[str, list[Json]]:
        """Returns the rows of those that are scripts, by cluster."""
        scripts: defaultdict[str, list[Json]] = defaultdict(list)
        chosen = self.table.filter(pc.equal(self.table["kind"], EntityKind.SCRIPT))
        for row in tables.to_dicts(chosen):
            scripts[row["cluster_id"]].append(row)
        return scripts

    def rows(self, soft: pa.Table, cut: _Cut) -> Lists:
        """Returns the first of each cluster, of the most used ones also the links to members."""
        plain = np.asarray(pc.not_equal(self.table["kind"], EntityKind.SCRIPT), np.bool_)
        drawn = first_of_groups(self.cluster_of, cut.count, DRAWN_SUPPLIERS)
        positions, cluster_of = np.flatnonzero(plain), self.cluster_of[plain]
        first = first_of_groups(cluster_of, cut.count, SUPPLIER_LIMIT)
        chosen = positions[first]
        table, mine = self.table.take(chosen), self.cluster_of[chosen]
        more = np.bincount(cluster_of[~first], minlength=cut.count)
        starts = group_offsets(mine, cut.count)
        last = np.zeros(len(chosen), np.int64)
        last[starts[1:][np.diff(starts) > 0] - 1] = more[np.diff(starts) > 0]
        pairs = _soft_pairs(soft, cut)
        keys = _keys(table["entity_id"], mine, pairs.ids)
        order = stable_order(pairs.keys)
        low, high = (np.searchsorted(pairs.keys[order], keys, side) for side in ("left", "right"))
        counts = np.where(drawn[chosen] & (keys >= 0), high - low, 0)
        taken = order[concat_ranges(low, counts)]
        links = Lists(
            np.append(0, np.cumsum(counts)),
            {"a": Whole(pairs.places[taken]), "records": Whole(pairs.records[taken])},
        )
        return Lists(
            starts,
            {
                "id": Texts.of(table["entity_id"]),
                "kind": Texts.of(table["kind"]),
                "records": Whole.of(table["records"]),
                "clusters": Whole.of(table["clusters"]),
                "serves": Texts(self.served.values, self.served.codes[chosen]),
                "links": links,
                "more": Whole(last),
            },
        )


@dataclass(frozen=True)
class _SoftPairs:
    """Soft links by a key of supplier and cluster, which `_keys` makes of places in `ids`."""

    ids: pa.Array
    keys: IntArray
    places: IntArray
    records: IntArray


def _soft_pairs(soft: pa.Table, cut: _Cut) -> _SoftPairs:
    rows = soft.filter(pa.array(cut.kept[soft["row"].to_numpy()]))
    first = first_of_groups(rows["of"].to_numpy(), cut.count, SOFT_LIMIT)
    rows = rows.filter(pa.array(first))
    cluster_of = rows["of"].to_numpy()
    ids = rows["there"].combine_chunks().unique()
    places = cut.place(rows["row"].to_numpy(), cluster_of)
    return _SoftPairs(
        ids, _keys(rows["there"], cluster_of, ids), places, rows["records"].to_numpy()
    )


def _keys(names: pa.ChunkedArray, cluster_of: IntArray, ids: pa.Array) -> IntArray:
    """Returns a number for each pair of a supplier and a cluster, -1 for one not in `ids`."""
    places = pc.fill_null(pc.index_in(names, ids), -1).to_numpy().astype(np.int64)
    return np.where(places >= 0, cluster_of * max(len(ids), 1) + places, -1)


def _reading_rows(
    source: str, read: Records, values: pa.Array, cut: _Cut, context: PartContext
) -> Lists:
    """Returns the sample of records, and the words around each where the run keeps them."""
    rows = read.sample
    cluster_of = np.searchsorted(cut.starts, read.rows, "right") - 1
    columns: dict[str, Column] = raw_columns(rows["raw"], read.rows, values) | {
        "a": Whole(read.rows - cut.starts[cluster_of]),
        **{
            name: Texts.of(rows[column])
            for name, column in {
                "org": "source_org",
                "kind": "record_kind",
                "id": "record_id",
                "role": "role",
                "country": "victim_country",
                "field": "field",
            }.items()
        },
        "at": Times.of(rows["observed_at"]),
        "confidence": Whole.of(rows["confidence"], 1_000),
    }
    if context.narratives and rows.num_rows:
        before, after = quoted_around(rows, partial(tables.kept_narratives, source))
        columns |= {"before": Texts.of(before), "after": Texts.of(after)}
    return Lists(group_offsets(cluster_of, cut.count), columns)


def _cluster_rows(
    source: str, here: pc.Expression, ids: pa.Array, names: pa.Array, cut: _Cut
) -> dict[str, Lists]:
    """Returns what the priority of each cluster is made of, and its weakest bridges."""
    columns = ["cluster_id", "priority_parts", "weakest_bridges"]
    table = tables.read_table(source, CLUSTERS, columns, here)
    rows = table.take(pc.index_in(ids, table["cluster_id"].combine_chunks()))
    starts, parts = list_items(rows["priority_parts"])
    priority: dict[str, Column] = {
        "part": Texts.of(pc.struct_field(parts, "part")),
        **{
            name: Whole.of(pc.struct_field(parts, name), 10_000)
            for name in ("value", "weight", "points")
        },
    }
    bounds, bridges = list_items(rows["weakest_bridges"])
    ends = [pc.struct_field(bridges, name) for name in ("entity_a", "entity_b")]
    if cut.redact:
        both = np.asarray(pc.and_(*(pc.is_in(end, names) for end in ends)), np.bool_)
        bounds = np.append(0, np.cumsum(both))[bounds]
        bridges = bridges.filter(pa.array(both))
        ends = [end.filter(pa.array(both)) for end in ends]
    weak: dict[str, Column] = {
        "a": Texts.of(ends[0]),
        "b": Texts.of(ends[1]),
        "weight": Whole.of(pc.struct_field(bridges, "weight"), 1_000),
        "side": Whole.of(pc.struct_field(bridges, "smaller_side")),
    }
    return {"parts": Lists(starts, priority), "bridges": Lists(bounds, weak)}


def _facts(
    source: str, here: pc.Expression, members: pa.Table, context: PartContext
) -> defaultdict[str, Json]:
    """Returns what few clusters have, or one of each: lineage, weak cuts, partners."""
    by_cluster: defaultdict[str, Json] = defaultdict(dict)
    redact = context.redact
    kept = set()
    if redact:
        leaves = pa.array(disclosure_control.may_leave(members))
        kept = set(members["entity_id"].filter(leaves).to_pylist())
    columns = ["cluster_id", "flags", "weakest_cut", "weakest_side", "thin_side"]
    thin = pc.field("weakest_cut").is_valid() | pc.field("thin_side").is_valid()
    for row in tables.to_dicts(tables.read_table(source, CLUSTERS, columns, here & thin)):
        sides = {
            name: [each for each in row[name] or [] if not redact or each in kept]
            for name in ("weakest_side", "thin_side")
        }
        by_cluster[row["cluster_id"]]["cut"] = named(row, "flags weakest_cut") | sides
    changes = "event from_ids to_ids members_new members_gone on_one_reporter"
    for row in tables.to_dicts(tables.read_table(source, LINEAGE, where=here)):
        facts = by_cluster[row["cluster_id"]]
        facts.setdefault("lineage", []).append(picked(row, changes))
        if row["rests_on"] and not redact:
            facts.setdefault("rests_on", []).extend(row["rests_on"])
    for cluster_id in context.joint.parts if context.joint else ():
        by_cluster[cluster_id]["joint"] = _joint(context.joint, cluster_id)
    return by_cluster


def _put_facts(facts: Json, words: Words) -> Json:
    """Returns facts of a cluster for a piece: what scripts say by its place in `words`, once."""

    def put(script: Script, wording: str, pieces: Pieces) -> int:
        return words.setdefault((script.template, wording), (len(words), pieces))[0]

    scripts = [
        {
            "entity_id": script.entity_id,
            "records": script.records,
            "clusters": script.clusters,
            "more": script.more,
            "template": put(script, script.template, ((script.template, False),)),
            "variants": [
                [put(script, variant.wording, variant.pieces), variant.records]
                for variant in script.variants
            ],
        }
        for script in facts.get("scripts", [])
    ]
    return facts | ({"scripts": scripts} if scripts else {})


def _joint(joint: Joint | None, cluster_id: str) -> Json | None:
    part = joint.parts.get(cluster_id) if joint else None
    if part is None:
        return None
    both = "contributor_a part_a contributor_b part_b shared shared_in_all"
    own = "contributor part members victims_known countries losses tlp expires_at"
    return {
        "saw": [
            [entity_id, [picked(row, "contributor part confidence") for row in rows]]
            for entity_id, rows in part.saw
        ],
        "links": [picked(link, "entity_a entity_b") for link in part.links],
        "shared": [named(pair, both) for pair in part.shared],
        "offered": [named(offer, own) for offer in part.offered[:LISTED_OFFERS]],
        "overlaps": [
            named(overlap, "organisation shared floor by counted_at") for overlap in part.overlaps
        ],
        "both": part.both,
        "several": part.several,
    }


def search_index(
    run: RunFolder, cluster_ids: list[str], naming: pa.Table | None, scratch: str | None = None
) -> dict[str, object]:
    """Returns identifiers and record ids as columns; clusters by place in `cluster_ids`.

    `naming` has the records that name members (`Job.naming`); without it, for a copy that leaves,
    all records are left out, and all identifiers but core members. Complaints that name no member
    have no cluster and come last; `more_records` counts the records past `RECORD_LIMIT`. Many
    records are sorted in files in `scratch`.
    """
    kept = disclosure_control.CORE if naming is None else None
    members = tables.read_table(run, MEMBERS, ["entity_id", "cluster_id"], kept)
    ids = pa.array(cluster_ids, pa.string())
    none = (_SEARCHED.empty_table(), 0)
    searched = none if naming is None else _record_clusters(run, naming, ids, scratch)
    return {
        "ids": _plain(members["entity_id"], ID_LIMIT),
        "clusters": pc.index_in(members["cluster_id"], ids).to_pylist(),
    } | _search_columns(*searched)


def _plain(column: pa.ChunkedArray, limit: int) -> list[str]:
    """Returns texts as `text.plain` does, which most of them need not pass."""
    offsets, signs = string_buffers(column.combine_chunks())
    if np.diff(offsets).max(initial=0) <= limit and ((signs >= 32) & (signs < 127)).all():
        return list(column.to_pylist())
    return [text.plain(value, limit) for value in column.to_pylist()]


def _search_columns(shown: pa.Table, total: int) -> dict[str, object]:
    orgs = sorted(shown["source_org"].unique().to_pylist())
    return {
        "orgs": [text.plain(org, 60) for org in orgs],
        "record_orgs": pc.index_in(shown["source_org"], pa.array(orgs, pa.string())).to_pylist(),
        "records": _plain(shown["record_id"], ID_LIMIT),
        "record_clusters": shown["cluster"].to_pylist(),
        "more_records": total - shown.num_rows,
    }


def _record_clusters(
    run: RunFolder, naming: pa.Table, ids: pa.Array, scratch: str | None
) -> tuple[pa.Table, int]:
    """Returns records by cluster, then complaints of no cluster: the first, and how many there are.

    A record that names members of several clusters is there once for each.
    """
    with TemporaryFile(dir=scratch) as file:
        rows = ExternalSorter(_FOUND, file)
        clusters = pc.index_in(naming["cluster_id"], ids)
        known = pa.table([*(naming[name] for name in _KEY), clusters], schema=_SEARCHED)
        for batch in known.to_batches():
            rows.add(batch)
        for batch in tables.table_batches(run, COMPLAINTS, ["source_org", "complaint_id"]):
            nowhere = pa.nulls(batch.num_rows, pa.int32())
            rows.add(pa.RecordBatch.from_arrays([*batch.columns, nowhere], schema=_SEARCHED))
        named, others = _First(), _First()
        last = _SEARCHED.empty_table()
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
        self.rows = _SEARCHED.empty_table()
        self.total = 0

    def add(self, more: pa.Table) -> None:
        """Adds rows that come after those before."""
        kept = more.slice(0, max(RECORD_LIMIT - self.total, 0))
        self.rows = pa.concat_tables([self.rows, kept])
        self.total += more.num_rows
