"""report/index.html: what one run found and what became of every row, on one page.

Of a joint run it has what offers brought, too: who saw what, and what only the union reveals
(`Joint`). The page is a function of the tables and the manifest alone: no clock, no machine, no
network. Its search finds identifiers and record ids, but none that only a caller id or a mention
names: a forged number may be an innocent subscriber's. Its table of all clusters, which it sorts
and filters, plans their pages, too.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from markupsafe import Markup

from reports import disclosure_control, run_summary, tables, text
from reports.cluster_data import page_name
from reports.disclosure_control import listed_brands
from reports.figures import svg
from reports.html.render import embed_compressed_json, render_template
from reports.link_evidence import REVIEW_WORDS, TIER_WORDS
from reports.run import Run
from reports.run_summary import complaint_breakdowns, record_trend, shared_entities
from reports.tables import IdIndex, RunFolder
from schemas.enums import LineageEvent, Status
from schemas.joint import CONTRIBUTORS, OFFERED_CLUSTERS, UNION_LINKS
from schemas.tables import CLUSTERS, COMPLAINTS, ENTITIES, LINEAGE, MEMBERS, MENTIONS, Table
from transforms.write.parquet_files import ExternalSorter

Row = dict[str, Any]

FIRST_ROWS = 50
"""Clusters in the page itself, for a reader without scripts; the script draws as many at once."""

SUPPRESSED_LIMIT = 50

SHARED_LIMIT = 200

SHARED_OPEN = 12
"""Shared entities that are shown at once; the rest unfold."""

REJECT_LIMIT = 50

BREAKDOWN_LIMIT = 8

MOVED_LIMIT = 50

_SUPPRESSED = (("complaints", "descending"), ("calls", "descending"), ("entity_id", "ascending"))

_STEPS = {1: "day", 7: "week"}

_SUPPRESSED_COLUMNS = ("kind", "orgs", "reason")

ID_LIMIT = 120

SEARCHED_SUPPRESSED_LIMIT = 20_000

RECORD_LIMIT = 500_000
"""Record ids in the page: about 3 MB of it, compressed."""

_RECORD = pa.schema(
    [("source_org", pa.string()), ("record_id", pa.string()), ("cluster", pa.int32())]
)

_KEY = ("source_org", "record_id")

_FOUND = Table("found", _RECORD, tuple(_RECORD.names))


@dataclass(frozen=True)
class JointCluster:
    """The part of offers in one cluster.

    Attributes:
        saw: each member with its contributors.
        links: rows of union_links/ that are links.
        shared: rows of union_links/ that are pairs of clusters in one.
        offered: rows of offered_clusters/ with members in it.
        overlaps: counts of shared victims that are about exactly these members.
    """

    saw: list[tuple[str, list[Row]]]
    links: list[Row]
    shared: list[Row]
    offered: list[Row]
    overlaps: list[Row]

    @property
    def both(self) -> int:
        """Number of victims that are known to be counted twice."""
        return sum(one["shared"] or 0 for one in self.overlaps)

    @property
    def several(self) -> int:
        """Number of members that more than one contributor saw."""
        return sum(1 for _, rows in self.saw if len(rows) > 1)


@dataclass(frozen=True)
class Joint:
    """The offers in a run, those that were left out, and what they brought to each cluster."""

    offers: list[Row]
    left_out: list[Row]
    parts: dict[str, JointCluster]

    @property
    def links(self) -> int:
        """Number of links that only the union reveals."""
        return sum(len(part.links) for part in self.parts.values())

    @property
    def merged(self) -> int:
        """Number of pairs of clusters of two contributors that are one."""
        return sum(len(part.shared) for part in self.parts.values())


def gather_joint(run: Run, *, core_only: bool = False) -> Joint | None:
    """Reads what offers brought to a run; None if it was never joined with any.

    `core_only` leaves out what names another than a core member, for a reader outside.
    """
    options: Any = run.manifest["options"]
    if "offers" not in options:
        return None
    offers, left_out = list(options["offers"]), list(options.get("offers_left_out") or [])
    kept = set(disclosure_control.core_ids(run).to_pylist()) if core_only else None
    return Joint(offers, left_out, _joint_parts(run, options, kept) if offers else {})


def render_index_page(
    run: Run,
    clusters: ClusterTable,
    joint: Joint | None = None,
    *,
    redact: bool = False,
    suppress_below: int = 0,
    scratch: str | None = None,
) -> bytes:
    """Renders the page of a run as UTF-8.

    Args:
        run: the run.
        clusters: its clusters.
        joint: what offers brought, in a joint run.
        redact: leaves out all identifiers but core ones, record ids and what analysts wrote.
        suppress_below: smallest count of victims by country that is shown.
        scratch: folder for what is sorted on disk.

    Raises:
        FileNotFoundError: if a table's folder is missing.
        KeyError: if the manifest is not complete.
    """
    shared, shared_total = shared_entities(run, SHARED_LIMIT, core_only=redact)
    rejects, rejects_more = run_summary.rejects_by_code(run, REJECT_LIMIT)
    suppressed = pc.field("status") == Status.SUPPRESSED
    over_time = [by_day := record_trend(run), *([record_trend(run, 7)] if by_day.earlier else [])]
    changes = _changes(run)
    ids = clusters.table["cluster_id"].to_pylist()
    hubs = _suppressed(run, redact=redact)
    return render_template(
        "index.html",
        ["embedded_data.js", "table.js", "search.js", "cite.js"],
        manifest=(manifest := run.manifest),
        joint=joint,
        redacted=redact,
        options={name: _json(value) for name, value in sorted(manifest["options"].items())},
        accounts=run_summary.check_accounting(run),
        erased=sum(manifest["counts"][kind].get("erased", 0) for kind in ("complaints", "calls")),
        kinds=run_summary.entities_by_kind(run),
        statuses=list(Status),
        rejects=rejects,
        rejects_more=rejects_more,
        losses=main_loss,
        first_rows=clusters.first(FIRST_ROWS),
        alarms=disclosure_control.redact_alarms(manifest["alarms"])
        if redact
        else manifest["alarms"],
        pages=clusters.pages,
        cluster_total=clusters.table.num_rows,
        linked_total=tables.count_rows(run, CLUSTERS, pc.field("size") > 1),
        newest=clusters.newest,
        events=[one for one in LineageEvent if one != LineageEvent.ENDED],
        changes=[(one, changes[one]) for one in LineageEvent if changes[one]],
        compared=any(one != LineageEvent.BORN for one in changes),
        moved=_moved(run),
        trends=[(one, svg.trend_svg(one, _STEPS[one.step])) for one in over_time],
        steps=_STEPS,
        share=svg.share_bar,
        breakdowns=complaint_breakdowns(run, BREAKDOWN_LIMIT, suppress_below, redact=redact),
        tiers=tables.count_by(run, MEMBERS, ["tier", "review"]).to_pylist(),
        tier_words=TIER_WORDS,
        review_words=REVIEW_WORDS,
        shared=shared,
        shared_open=SHARED_OPEN,
        shared_total=shared_total,
        suppressed=hubs,
        suppressed_total=tables.count_rows(run, ENTITIES, suppressed),
        data=Markup("\n").join(
            [
                embed_compressed_json("clusters-data", clusters.data()),
                embed_compressed_json(
                    "search-data", search_index(run, ids, redact=redact, scratch=scratch)
                ),
            ]
        ),
    )


def _suppressed(run: RunFolder, *, redact: bool) -> list[dict[str, Any]]:
    """Reads suppressed entities, most complaints first."""
    where = _suppressed_shown(redact=redact)
    more = _SUPPRESSED_COLUMNS
    found = tables.top_rows(run, ENTITIES, _SUPPRESSED, SUPPRESSED_LIMIT, columns=more, where=where)
    return found.to_pylist()


def _suppressed_shown(*, redact: bool) -> pc.Expression:
    """Chooses suppressed entities: outside only those that a list knows, and no decision names."""
    where = pc.field("status") == Status.SUPPRESSED
    if not redact:
        return where
    reason = pc.field("reason")
    listed = pc.starts_with(reason, disclosure_control.KNOWN_LEGITIMATE)
    return where & listed & ~pc.match_substring(reason, "decision ")


def _changes(run: RunFolder) -> Counter[str]:
    """Counts clusters by what happened to them since the run before."""
    rows = tables.count_by(run, LINEAGE, ["event"]).to_pylist()
    return Counter({one["event"]: one["rows"] for one in rows})


def _moved(run: RunFolder) -> list[dict[str, object]]:
    """Reads the first clusters that merged, split or ended, with where they went."""
    moved = pc.field("event").isin([LineageEvent.MERGED, LineageEvent.SPLIT, LineageEvent.ENDED])
    order = (("event", "ascending"), ("cluster_id", "ascending"))
    more = ("from_ids", "to_ids")
    return tables.top_rows(run, LINEAGE, order, MOVED_LIMIT, columns=more, where=moved).to_pylist()


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


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
        where=_suppressed_shown(redact=redact),
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


def _joint_parts(run: Run, options: Any, kept: set[str] | None) -> dict[str, JointCluster]:
    saw = _by_cluster(tables.read_table(run, CONTRIBUTORS).to_pylist())
    union = _by_cluster(_kept_links(tables.read_table(run, UNION_LINKS).to_pylist(), kept))
    offered: defaultdict[str, list[Row]] = defaultdict(list)
    for row in tables.read_table(run, OFFERED_CLUSTERS).to_pylist():
        for cluster_id in row["cluster_ids"]:
            offered[cluster_id].append(row)
    return {
        cluster_id: JointCluster(
            saw=[one for one in _by_member(rows) if kept is None or one[0] in kept],
            links=[one for one in union[cluster_id] if one["kind"] == "link"],
            shared=[one for one in union[cluster_id] if one["kind"] == "shared"],
            offered=offered[cluster_id],
            overlaps=_overlaps(options.get("overlaps") or [], cluster_id, rows),
        )
        for cluster_id, rows in saw.items()
    }


def _kept_links(rows: list[Row], kept: set[str] | None) -> list[Row]:
    """Returns rows of union_links/ that name members in `kept` alone; None keeps all."""
    if kept is None:
        return rows
    return [
        one | {"shared": [each for each in one["shared"] if each in kept]}
        for one in rows
        if one["kind"] != "link" or {one["entity_a"], one["entity_b"]} <= kept
    ]


def members_digest(members: Iterable[str]) -> str:
    """Returns SHA-256 of a cluster's members, which a count of shared victims names."""
    return hashlib.sha256("\n".join(sorted(members)).encode()).hexdigest()


def _overlaps(counts: list[Row], cluster_id: str, members: list[Row]) -> list[Row]:
    here = members_digest({row["entity_id"] for row in members})
    return [one for one in counts if (one["cluster_id"], one["members"]) == (cluster_id, here)]


def _by_cluster(rows: Iterable[Row]) -> defaultdict[str, list[Row]]:
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["cluster_id"]].append(row)
    return found


def _by_member(rows: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["entity_id"]].append(row)
    return sorted(found.items())


NAME_LIMIT = 80

PRIORITY = (("priority", "descending"), ("complaints", "descending"), ("cluster_id", "ascending"))

COLUMNS = (
    "name",
    "size",
    "complaints",
    "calls",
    "victims",
    "countries",
    "orgs",
    "brands",
    "losses",
    "first_seen",
    "last_seen",
    "status",
    "confidence",
)
"""Columns of clusters/ that the index page shows."""

SINGLES_PER_PAGE = 100
"""Clusters of one on a page."""


@dataclass(frozen=True)
class PagePlan:
    """A page below report/clusters/ and its clusters: one, or several of one member (`shared`)."""

    name: str
    ids: list[str]
    shared: bool


@dataclass(frozen=True)
class ClusterTable:
    """All clusters by priority with their lineage events, and where each is described.

    Attributes:
        table: the columns that were asked for; rows as dicts would take ten times its memory.
        events: lineage event by cluster id.
        own: clusters with a page of their own.
        single: clusters of one that share pages.
    """

    table: pa.Table
    events: dict[str, str]
    own: list[str]
    single: list[str]

    @cached_property
    def pages(self) -> dict[str, str]:
        """Address of each described cluster, from the folder of their pages."""
        return {
            one: f"{page.name}.html#{page_name(one)}" if page.shared else f"{page.name}.html"
            for page in self.described
            for one in page.ids
        }

    @cached_property
    def described(self) -> list[PagePlan]:
        """Pages in their order: of one cluster first, then shared ones."""
        own = [PagePlan(page_name(one), [one], shared=False) for one in self.own]
        starts = range(0, len(self.single), SINGLES_PER_PAGE)
        return own + [
            PagePlan(
                f"single-{at // SINGLES_PER_PAGE + 1:04d}",
                self.single[at : at + SINGLES_PER_PAGE],
                shared=True,
            )
            for at in starts
        ]

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Members by cluster id."""
        sizes = self.table["size"].to_pylist()
        return dict(zip(self.table["cluster_id"].to_pylist(), sizes, strict=True))

    @property
    def newest(self) -> datetime | None:
        """Time of the newest record of any cluster."""
        return max(self.table["last_seen"].to_pylist(), default=None)

    def renamed(self, names: Mapping[str, str]) -> ClusterTable:
        """Returns the table with other names of clusters, and the brands of the shipped list."""
        ids = self.table["cluster_id"].to_pylist()
        named = {"name": pa.array([names[one] for one in ids], pa.string())}
        brands = [listed_brands(one) for one in self.table["brands"].to_pylist()]
        named["brands"] = pa.array(brands, pa.list_(pa.string()))
        table = self.table
        for name, column in named.items():
            table = table.set_column(table.schema.get_field_index(name), name, column)
        return replace(self, table=table)

    def first(self, limit: int) -> list[Row]:
        """Returns the first clusters as rows."""
        return tables.to_dicts(self.table.slice(0, limit))

    def data(self) -> dict[str, object]:
        """Returns what `table.js` reads: lists of texts, and rows that point into them."""
        orgs, brands = _Words(), _Words()
        countries, statuses, events = _Words(), _Words(), _Words()
        rows = [
            [
                self.pages.get(one["cluster_id"], ""),
                text.plain(one["cluster_id"], NAME_LIMIT),
                text.plain(one["name"], NAME_LIMIT),
                round(one["priority"], 1),
                one["size"],
                one["complaints"],
                one["calls"],
                one["victims"],
                main_loss(one),
                _day(one["first_seen"]),
                _day(one["last_seen"]),
                round(one["confidence"], 2),
                orgs.all(one["orgs"]),
                brands.all(one["brands"]),
                countries.all([country["country"] for country in one["countries"] or []]),
                statuses.place(one["status"]),
                events.place(self.events.get(one["cluster_id"], "")),
            ]
            for batch in self.table.to_batches(max_chunksize=1_000)
            for one in tables.to_dicts(batch)
        ]
        words = {"orgs": orgs, "brands": brands, "countries": countries}
        words |= {"statuses": statuses, "events": events}
        return {"rows": rows} | {name: list(one.places) for name, one in words.items()}


class _Words:
    """Texts, each stored once and known by its place."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}

    def place(self, word: str | None) -> int:
        return self.places.setdefault(text.plain(word, NAME_LIMIT), len(self.places))

    def all(self, words: list[str] | None) -> list[int]:
        return [self.place(word) for word in words or []]


def cluster_table(
    run: RunFolder, pages: int | None, columns: Sequence[str] = COLUMNS
) -> ClusterTable:
    """Reads all clusters; the first `pages` of two or more, and as many of one, are described."""
    limit = max(tables.count_rows(run, CLUSTERS), 1)
    more = (*columns, "size", "last_seen")
    table = tables.top_rows(run, CLUSTERS, PRIORITY, limit, columns=more)
    ids, sizes = table["cluster_id"].to_pylist(), table["size"].to_pylist()
    several = [one for one, size in zip(ids, sizes, strict=True) if size > 1]
    single = [one for one, size in zip(ids, sizes, strict=True) if size == 1]
    return ClusterTable(table, lineage_events(run), several[:pages], single[:pages])


def lineage_events(run: RunFolder) -> dict[str, str]:
    """Reads the lineage event of each cluster; ended ones are of the run before and left out."""
    here = pc.field("event") != LineageEvent.ENDED
    found = tables.read_table(run, LINEAGE, ["cluster_id", "event"], here)
    return dict(zip(found["cluster_id"].to_pylist(), found["event"].to_pylist(), strict=True))


def main_loss(row: Row) -> str:
    """Returns the loss that most complaints state, in whole units, and the other currencies' count.

    Currencies are not added up: a rate of exchange would be a guess.
    """
    found = sorted(row["losses"] or [], key=lambda one: (-one["complaints"], one["currency"]))
    if not found:
        return ""
    whole = f"{int(found[0]['amount'] or 0):,d}".replace(",", text.NARROW_SPACE)
    more = f" +{len(found) - 1}" if len(found) > 1 else ""
    return f"{text.plain(found[0]['currency'], 12)} {whole}{more}"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
