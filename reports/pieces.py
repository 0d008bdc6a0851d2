"""Pieces of data from which the workbench draws the pages of clusters, and its search.

A piece is a script file of two lines of JSON: its texts, and its lists of small whole numbers, by
place. A table in it is a set of columns, cluster after cluster. A column has whole numbers, or its
distinct texts and the number of each row's text. So no object is made for each row, and the search
of what leaves reads every text once. Texts are cut, and none is markup. Pieces show the tables of a
run that all its readers may see, and nothing of private/.

The search finds identifiers, record ids and reasons, and the clusters that they lead to. It leaves
out identifiers seen only as a caller id or a mention: a forged number may be an innocent person's.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
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
    clusters_by_supplier,
    link_tables,
    read_carriers,
    read_members,
)
from reports.link_evidence import parts_by_org
from reports.member_mentions import (
    MemberMentions,
    Script,
    compare_scripts,
    compare_words,
    quoted_around,
    read_mentions,
)
from reports.partition import positions_table, read_positions
from reports.run_summary import Joint, records_by_org
from reports.tables import (
    ANY_LENGTH,
    BoolArray,
    Column,
    IntArray,
    Lists,
    Numbers,
    RunFolder,
    Texts,
    Whole,
    columns_of,
    first_of_groups,
    list_items,
    picked,
)
from schemas.enums import EntityKind
from schemas.facts import facts_of
from schemas.field import SMALL_INTEGER, TEXT, TEXTS
from schemas.tables import CLUSTERS, COMPLAINTS, LINEAGE, MEMBERS, SUPPLIERS
from transforms.arrow import each_once, group_changes, group_offsets, rank_texts, with_column
from transforms.gates import lines_of, texts_of_file
from transforms.graph.link_weights import link_probability

Json = dict[str, Any]

Words = dict[tuple[str, str], int]
"""Words of scripts, a template and a wording, with their number in a piece."""

READINGS_PER_ORG = 25
"""Records on the page for each member and organisation: narratives first, then the newest."""

LINK_LIMIT, NEAR_LIMIT, SOFT_LIMIT, SUPPLIER_LIMIT = 4_000, 200, 600, 60

_NO_TEMPLATE = ((b"`", rb"\u0060"), (b"${", rb"\u0024{"), (b"<", rb"\u003c"))
"""Signs that end a raw template of JavaScript, run in it or begin markup, and their escapes."""

_START = b'rt.piece("'

_JSON_SIGN = re.compile(rb"\\([^u])")

_MOST_SHORT = 7
"""Most digits of a whole number that is too short to be a withheld value."""

_OF_LISTS = bytes(
    ord("0" if sign in b"0123456789" else "," if sign in b",[]" else "x") for sign in range(256)
)
"""For each byte: 0 for a digit, a comma for a sign between whole numbers, x for any other."""

_JSON = orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z | orjson.OPT_OMIT_MICROSECONDS

_NUMBERS = orjson.OPT_SERIALIZE_NUMPY

_LINK_COLUMNS = (
    "weight complaints calls reporters reason records record_ids orgs first_seen last_seen "
    "strength accepted"
).split()

_OF_MEMBERS = (
    "id=entity_id kind role tier review status region near=near_miss_of line=line_type "
    "host=hosted_by reporters robustness bridge complaints calls orgs first=first_seen "
    "last=last_seen confidence"
)

_OF_LINKS = (
    "accepted weight complaints calls reporters records orgs first=first_seen last=last_seen "
    "strength"
)

_OF_READINGS = (
    "org=source_org kind=record_kind id=record_id role country=victim_country field raw "
    "at=observed_at confidence"
)

_NOWHERE, ID_LIMIT = 99_999, 120

RECORD_LIMIT = 500_000
"""Record ids in the index: about 10 MB of it."""

_SEARCHED = pa.schema([("source_org", TEXT), ("record_id", TEXT), ("cluster", SMALL_INTEGER)])

_KEY = ("source_org", "record_id")

NAMING = pa.schema([(name, TEXT) for name in (*_KEY, "cluster_id")])
"""Records that name a member, and its cluster."""


def encode_piece(name: str, value: Json, numbers: Numbers | None = None) -> bytes:
    """Returns a script file that hands a piece to the page: two lines of JSON in a raw template."""
    texts = orjson.dumps(value, option=_JSON)
    for sign, escaped in _NO_TEMPLATE:
        texts = texts.replace(sign, escaped)
    lists = orjson.dumps([] if numbers is None else numbers.lists, option=_NUMBERS)
    return b'rt.piece("%s",String.raw`%s\n%s`);\n' % (name.encode(), texts, lists)


def texts_of_data(content: bytes) -> list[pa.Array]:
    """Returns the texts of a file that leaves; lists of short numbers of a piece are left out."""
    if not content.startswith(_START):
        return texts_of_file(content)
    head, lines, rest = content.split(b"`", 2)
    texts, _, numbers = lines.partition(b"\n")
    parts = [texts, head + b"\n" + rest]
    if b"\\" in texts:
        # Without its escapes: an escape's letter is no part of the word after it.
        parts.append(_JSON_SIGN.sub(lambda sign: sign[1] if sign[1] in b'"\\/' else b"\n", texts))
    signs = numbers.translate(_OF_LISTS)
    if b"x" in signs or b"0" * (_MOST_SHORT + 1) in signs:
        parts.append(numbers)
    return list(map(lines_of, parts))


@dataclass(frozen=True)
class PartContext:
    """Inputs that all parts share.

    `suppliers` chooses the suppliers to show; `shared` has ids that several organisations saw, and
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
    """Clusters of a job: their ids, facts by id and tables, and its rows for lists across jobs.

    `positions` are of members; `naming` has the records that name members, with the cluster;
    `union_only` the clusters that no organisation links as a whole; `by_org` the records of shared
    members.
    """

    clusters: list[str]
    facts: Mapping[str, Json]
    tables: Mapping[str, Lists]
    positions: pa.Table
    naming: pa.Table
    union_only: list[str]
    by_org: dict[str, list[Json]]

    def piece(self, name: str, start: int, stop: int) -> bytes:
        """Returns the piece of the clusters from one place to another."""
        numbers, clusters, words = Numbers(), slice(start, stop), Words()
        value = {
            "clusters": self.clusters[clusters],
            "facts": [
                _put_facts(self.facts.get(cluster_id, {}), words)
                for cluster_id in self.clusters[clusters]
            ],
            "words": [compare_words(*pair) for pair in words],
            "tables": {name: table.put(clusters, numbers) for name, table in self.tables.items()},
        }
        return encode_piece(name, value, numbers)


def gather_job(
    source: str, clusters: Sequence[str], before: str | None, context: PartContext
) -> Job:
    """Returns all data on some clusters, with the positions of their members in figures.

    Args:
        source: folder of the run, or of a part of it (`partition_run`).
        clusters: their ids.
        before: a graph/nodes.parquet whose node positions are kept.
        context: inputs of all parts.
    """
    ids = pa.array(clusters, TEXT)
    here = pc.field("cluster_id").isin(ids)
    every, cluster_of = read_members(source, here, ids)
    suppliers = _Suppliers.read(source, here & context.suppliers, ids)
    columns = [*_LINK_COLUMNS, *(("facts",) if context.redact else ())]
    drawn = suppliers.drawn
    links = link_tables(source, every, cluster_of, drawn, columns, ("weight", "records"))
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
    mentions = read_mentions(source, names, of_scripts)
    seen = np.asarray(pc.is_in(names, pa.array(context.shared[0], TEXT)), bool)
    by_orgs = {names[place].as_py(): rows for place, rows in records_by_org(mentions, seen).items()}
    tables_of = {
        "members": Lists(cut.starts, _member_columns(source, members, mentions, points[kept], cut)),
        **_link_rows(links, cut),
        "handovers": _handover_rows(members, links.inside, cut),
        "suppliers": suppliers.rows(links.soft, cut),
        "readings": _reading_rows(source, mentions, cut, context),
        **_cluster_rows(source, here, ids, names),
    }
    facts = _facts(source, here, names, context)
    alone = {} if context.redact or context.joint else parts_by_org(links.inside, starts)
    union_only = [clusters[place] for place in alone]
    for place, by_org in alone.items():
        facts[clusters[place]]["alone"] = by_org
    if scripts:
        wordings = mentions.script_wordings(members["cluster_id"].combine_chunks())
        for cluster_id, rows in scripts.items():
            facts[cluster_id]["scripts"] = compare_scripts(rows, wordings.get(cluster_id, {}))
    for place, left_out in enumerate(np.diff(starts) - np.diff(cut.starts)):
        if left_out:
            facts[clusters[place]]["left_out"] = int(left_out)
    positions = positions_table(members, points[kept])
    naming = _naming(mentions, members, cut)
    return Job(list(clusters), facts, tables_of, positions, naming, union_only, by_orgs)


def _naming(mentions: MemberMentions, members: pa.Table, cut: _Cut) -> pa.Table:
    """Returns the records that name members, once per cluster; none in a copy that leaves."""
    if cut.redact:
        return NAMING.empty_table()
    first = mentions.begins_record
    rows = tables.decoded(mentions.rows.select(_KEY).filter(pa.array(first)))
    clusters = members["cluster_id"].take(pa.array(mentions.member[first]))
    return each_once(rows.append_column("cluster_id", clusters), NAMING)


@dataclass(frozen=True)
class _Cut:
    """The members of a job that its pieces keep.

    Attributes:
        count: clusters.
        starts: the first kept member of each cluster, and the end.
        row_of: for each member its place among the kept members, else -1; a final -1 for no member.
        kept: for each member, whether it is kept.
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
        """Returns reasons; in a copy that leaves, without what analysts wrote."""
        return Texts.of(disclosure_control.redact_reasons(rows) if self.redact else rows["reason"])

    def facts(self, rows: pa.Table, reasons: Texts) -> Texts:
        """Returns the facts of these reasons, each as its code and arguments."""
        _, first = np.unique(reasons.codes, return_index=True)
        read = disclosure_control.redact_facts if self.redact else facts_of
        values = [
            [[fact.code, *fact.arguments] for fact in read(value)]
            for value in rows["facts"].take(first).to_pylist()
        ]
        return Texts(pa.array(values, pa.list_(TEXTS)), reasons.codes)


def _member_columns(
    source: str, members: pa.Table, mentions: MemberMentions, points: figures.Array, cut: _Cut
) -> dict[str, Column]:
    reasons = cut.reasons(members)
    x, y = (np.rint(np.nan_to_num(axis * 1e4, nan=_NOWHERE)) for axis in points.T)
    return columns_of(members, _OF_MEMBERS, ANY_LENGTH) | {
        "reason": reasons,
        "facts": cut.facts(members, reasons),
        "carriers": _carriers(source, members["entity_id"].combine_chunks(), cut),
        **_people_columns(mentions),
        "x": Whole(x.astype(np.int64), 10_000, _NOWHERE),
        "y": Whole(y.astype(np.int64), 10_000, _NOWHERE),
    }


def _people_columns(mentions: MemberMentions) -> dict[str, Column]:
    """Returns how many people name each member in each role and on each day."""
    by_day, by_role = map(mentions.people_by, (mentions.days, mentions.roles))
    member, day = (by_day[name].to_numpy() for name in ("member", "value"))
    # A day is stored as its distance from the day before: a small number.
    steps = np.where(group_changes(member), day, np.diff(day, prepend=0))
    rank, roles = rank_texts(by_role["value"].combine_chunks())
    columns: dict[str, Column] = {}
    for name, people, of_value in (
        ("roles", by_role, {"role": Texts(roles, rank + 1)}),
        ("days", by_day, {"day": Whole(steps)}),
    ):
        starts = group_offsets(people["member"].to_numpy(), mentions.count)
        columns[name] = Lists(starts, {**of_value, "count": Whole.of(people["people"])})
    return columns


def _carriers(source: str, ids: pa.Array, cut: _Cut) -> Texts:
    """Returns up to twelve carriers of each member; none in a copy that leaves: free text."""
    carriers = {} if cut.redact else read_carriers(source, ids)
    rows = [tuple(carriers.get(entity_id, ())[:12]) for entity_id in ids.to_pylist()]
    known = {names: number for number, names in enumerate(sorted({(), *rows}), 1)}
    codes = np.array([known[names] for names in rows], np.int64)
    return Texts(pa.array(list(known), TEXTS), codes)


def _link_rows(links: LinkTables, cut: _Cut) -> dict[str, Lists]:
    """Returns the first links of each cluster, the ends of all others, and rejected ones."""
    rows = links.inside
    a, b = (rows[name].to_numpy() for name in ("row_a", "row_b"))
    both = cut.kept[a] & cut.kept[b]
    rows, a, b = rows.filter(pa.array(both)), a[both], b[both]
    cluster_of = rows["of"].to_numpy()
    first = first_of_groups(cluster_of, cut.count, LINK_LIMIT)
    others = ~first
    ends = {"a": cut.place(a, cluster_of), "b": cut.place(b, cluster_of)}
    shown = rows.filter(pa.array(first))
    ids = shown["record_ids"].combine_chunks()
    columns: dict[str, Column] = {name: Whole(places[first]) for name, places in ends.items()}
    columns |= columns_of(shown, _OF_LINKS)
    probabilities = pa.array(link_probability(shown["weight"].to_numpy()))
    columns["confidence"] = Whole.of(probabilities, 1_000_000)
    columns["reason"] = cut.reasons(shown)
    if not cut.redact:
        starts = ids.offsets.to_numpy().astype(np.int64)
        columns["ids"] = Lists(starts - starts[0], {"id": Texts.of(pc.list_flatten(ids))})
    ties: dict[str, Column] = {name: Whole(places[others]) for name, places in ends.items()}
    ties |= columns_of(rows.filter(pa.array(others)), "accepted")
    return {
        "links": Lists(group_offsets(cluster_of[first], cut.count), columns),
        "ties": Lists(group_offsets(cluster_of[others], cut.count), ties),
        **_near_rows(links.near, cut),
    }


def _handover_rows(members: pa.Table, inside: pa.Table, cut: _Cut) -> Lists:
    """Returns the places of members that give way to others, and of their successors."""
    sizes = np.diff(cut.starts)
    times = members.select(["entity_id", "kind", "first_seen", "last_seen"])
    of_members = tables.dicts_by_group(times, np.repeat(np.arange(cut.count), sizes), cut.count)
    kept = inside.filter(pa.array(cut.kept[inside["row_a"]] & cut.kept[inside["row_b"]]))
    ends = kept.select(["entity_a", "entity_b"])
    of_links = tables.dicts_by_group(ends, kept["of"].to_numpy(), cut.count)
    turns: list[tuple[int, int, int]] = []
    for cluster, rows in enumerate(of_members):
        places = {row["entity_id"]: place for place, row in enumerate(rows)}
        handovers = figures.find_handovers(rows, of_links[cluster])
        turns += [(cluster, places[turn.before], places[turn.after]) for turn in handovers]
    cluster_of, before, after = np.array(turns, np.int64).reshape(-1, 3).T
    starts = group_offsets(cluster_of, cut.count)
    return Lists(starts, {"before": Whole(before), "after": Whole(after)})


def _near_rows(near: pa.Table, cut: _Cut) -> dict[str, Lists]:
    """Returns links to other clusters, and their number; a copy that leaves hides the other end."""
    rows = near.filter(pa.array(cut.kept[near["row"].to_numpy()]))
    cluster_of = rows["of"].to_numpy()
    first = first_of_groups(cluster_of, cut.count, NEAR_LIMIT)
    shown = rows.filter(pa.array(first))
    if cut.redact:
        hidden = map(disclosure_control.hide_other_end, shown["there"].to_pylist())
        shown = with_column(shown, "there", pa.array(hidden, TEXT))
    columns: dict[str, Column] = {
        "a": Whole(cut.place(shown["row"].to_numpy(), shown["of"].to_numpy())),
        **columns_of(shown, "there cluster=cluster_id weight reporters"),
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
        # Rows come sorted by id, which breaks ties.
        order = np.lexsort((-table["records"].to_numpy(), cluster_of))
        rows, cluster_of = table.take(order).combine_chunks(), cluster_of[order]
        named = rows["entity_id"].combine_chunks().dictionary_encode()
        served = clusters_by_supplier(source, pc.field("entity_id").isin(named.dictionary))
        places = pc.index_in(named.dictionary, served["entity_id"])
        lists = served["cluster_ids"].take(places).combine_chunks()
        lists = pc.list_slice(lists, 0, OTHERS_LIMIT + 1)
        return cls(rows, cluster_of, Texts(lists, named.indices.to_numpy().astype(np.int64) + 1))

    @property
    def drawn(self) -> pa.Array:
        """Returns the ids of suppliers whose links are drawn."""
        first = first_of_groups(
            self.cluster_of, int(self.cluster_of.max(initial=-1)) + 1, DRAWN_SUPPLIERS
        )
        return self.table["entity_id"].filter(pa.array(first)).combine_chunks().unique()

    def scripts(self) -> Mapping[str, list[Json]]:
        """Returns the rows of scripts, by cluster."""
        scripts: defaultdict[str, list[Json]] = defaultdict(list)
        chosen = self.table.filter(pc.equal(self.table["kind"], EntityKind.SCRIPT))
        for row in chosen.to_pylist():
            scripts[row["cluster_id"]].append(row)
        return scripts

    def rows(self, soft: pa.Table, cut: _Cut) -> Lists:
        """Returns the first suppliers of each cluster, the most used with links to members."""
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
        number = np.arange(len(chosen))
        asked = pa.table({"of": mine, "there": table["entity_id"], "supplier": number})
        asked = asked.filter(pa.array(drawn[chosen]))
        links = _soft_links(soft, cut).join(asked, ["of", "there"], join_type="inner")
        links = links.sort_by([("supplier", "ascending"), ("nth", "ascending")])
        tied = group_offsets(links["supplier"].to_numpy(), len(chosen))
        return Lists(
            starts,
            {
                **columns_of(table, "id=entity_id kind records clusters"),
                "serves": Texts(self.served.values, self.served.codes[chosen]),
                "links": Lists(tied, columns_of(links, "a records")),
                "more": Whole(last),
            },
        )


def _soft_links(soft: pa.Table, cut: _Cut) -> pa.Table:
    """Returns the first soft links of kept members, and their number in order."""
    rows = soft.filter(pa.array(cut.kept[soft["row"].to_numpy()]))
    rows = rows.filter(pa.array(first_of_groups(rows["of"].to_numpy(), cut.count, SOFT_LIMIT)))
    places = cut.place(rows["row"].to_numpy(), rows["of"].to_numpy())
    columns = rows.select(["of", "there", "records"])
    return columns.append_column("a", pa.array(places)).append_column(
        "nth", pa.array(np.arange(len(rows)))
    )


def _reading_rows(source: str, mentions: MemberMentions, cut: _Cut, context: PartContext) -> Lists:
    """Returns the sample of records, and the words around each where the run keeps them."""
    sample = mentions.sample(0 if cut.redact else READINGS_PER_ORG)
    chosen = sample[np.lexsort((sample, mentions.member[sample]))]
    rows, member = mentions.rows.take(chosen), mentions.member[chosen]
    cluster_of = np.searchsorted(cut.starts, member, "right") - 1
    columns: dict[str, Column] = {
        "a": Whole(member - cut.starts[cluster_of]),
        **columns_of(rows, _OF_READINGS),
    }
    if context.narratives and rows.num_rows:
        around = quoted_around(rows, partial(tables.kept_narratives, source))
        before, after = (pa.array(words, TEXT) for words in zip(*around, strict=True))
        columns |= {"before": Texts.of(before), "after": Texts.of(after)}
    return Lists(group_offsets(cluster_of, cut.count), columns)


def _cluster_rows(
    source: str, here: pc.Expression, ids: pa.Array, names: pa.Array
) -> dict[str, Lists]:
    """Returns the parts of each cluster's priority, and its weakest bridges."""
    columns = ["cluster_id", "priority_parts", "weakest_bridges"]
    table = tables.read_table(source, CLUSTERS, columns, here)
    rows = table.take(pc.index_in(ids, table["cluster_id"].combine_chunks()))
    starts, parts = list_items(rows["priority_parts"])
    bounds, bridges = list_items(rows["weakest_bridges"])
    ends = (pc.is_in(bridges[end], names) for end in ("entity_a", "entity_b"))
    both = pc.and_(*ends)
    bounds = np.append(0, np.cumsum(np.asarray(both, np.bool_)))[bounds]
    priority = columns_of(parts, "part value points", scale=10_000)
    weak = columns_of(bridges.filter(both), "a=entity_a b=entity_b weight side=smaller_side")
    return {"parts": Lists(starts, priority), "bridges": Lists(bounds, weak)}


def _facts(
    source: str, here: pc.Expression, names: pa.Array, context: PartContext
) -> defaultdict[str, Json]:
    """Returns facts that few clusters have: lineage, weak cuts, partners."""
    by_cluster: defaultdict[str, Json] = defaultdict(dict)
    kept = set(names.to_pylist())
    columns = ["cluster_id", "weakest_side", "thin_side"]
    thin = pc.field("weakest_cut").is_valid() | pc.field("thin_side").is_valid()
    for row in tables.read_table(source, CLUSTERS, columns, here & thin).to_pylist():
        by_cluster[row["cluster_id"]]["cut"] = {
            name: [entity_id for entity_id in row[name] or [] if entity_id in kept]
            for name in columns[1:]
        }
    changes = "event from_ids to_ids members_new members_gone on_one_reporter"
    for row in tables.read_table(source, LINEAGE, where=here).to_pylist():
        facts = by_cluster[row["cluster_id"]]
        facts.setdefault("lineage", []).append(picked(row, changes))
        if row["rests_on"] and not context.redact:
            facts.setdefault("rests_on", []).extend(row["rests_on"])
    for cluster_id, part in context.joint.parts.items() if context.joint else ():
        by_cluster[cluster_id]["joint"] = part
    return by_cluster


def _put_facts(facts: Json, words: Words) -> Json:
    """Returns facts of a cluster for a piece, with wordings of scripts as places in `words`."""

    def put(script: Script, wording: str) -> int:
        return words.setdefault((script.template, wording), len(words))

    scripts = [
        script._asdict()
        | {
            "template": put(script, script.template),
            "variants": [[put(script, wording), count] for wording, count in script.variants],
        }
        for script in facts.get("scripts", [])
    ]
    return facts | {"scripts": scripts} if scripts else facts


def search_index(
    run: RunFolder, cluster_ids: list[str], naming: pa.Table | None
) -> dict[str, object]:
    """Returns identifiers and record ids as columns; clusters by place in `cluster_ids`.

    `naming` has the records that name members (`Job.naming`); without it, for a copy that leaves,
    all records are left out, and all identifiers but core members. Complaints that name no member
    have no cluster and come last. There are at most `RECORD_LIMIT` records.
    """
    kept = disclosure_control.CORE if naming is None else None
    members = tables.read_table(run, MEMBERS, ["entity_id", "cluster_id"], kept)
    ids = pa.array(cluster_ids, TEXT)
    records = _SEARCHED.empty_table() if naming is None else _record_clusters(run, naming, ids)
    shown = records.slice(0, RECORD_LIMIT)
    orgs = sorted(shown["source_org"].unique().to_pylist())
    return {
        "ids": _plain(members["entity_id"]),
        "clusters": pc.index_in(members["cluster_id"], ids).to_pylist(),
        "orgs": [text.plain(org, 60) for org in orgs],
        "record_orgs": pc.index_in(shown["source_org"], pa.array(orgs, TEXT)).to_pylist(),
        "records": _plain(shown["record_id"]),
        "record_clusters": shown["cluster"].to_pylist(),
    }


def _plain(column: pa.ChunkedArray) -> list[str]:
    """Returns ids as `text.plain` does, which changes few ids."""
    names: list[str] = column.to_pylist()
    short = pc.less_equal(pc.binary_length(column), ID_LIMIT)
    if pc.all(pc.and_(short, pc.ascii_is_printable(column))).as_py():
        return names
    return [text.plain(name, ID_LIMIT) for name in names]


def _record_clusters(run: RunFolder, naming: pa.Table, ids: pa.Array) -> pa.Table:
    """Returns records that name members, with a cluster each, then complaints of no cluster.

    A record that names members of several clusters has a row for each cluster.
    """
    clusters = pc.index_in(naming["cluster_id"], ids)
    named = pa.table([*(naming[name] for name in _KEY), clusters], schema=_SEARCHED)
    complaints = tables.read_table(run, COMPLAINTS, ["source_org", "complaint_id"])
    others = complaints.rename_columns(_KEY).join(named, list(_KEY), join_type="left anti")
    others = others.append_column("cluster", pa.nulls(len(others), SMALL_INTEGER))
    order = [(name, "ascending") for name in _SEARCHED.names]
    return pa.concat_tables([rows.sort_by(order) for rows in (named, others.cast(_SEARCHED))])
