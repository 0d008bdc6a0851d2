"""Pieces of data about clusters, of which the workbench draws the page of each, and its search.

A piece has rows in the order of the columns below; a time is ISO 8601, a text is cut, nothing is
markup. Shows what the tables of a run show to everybody who may read it, and nothing of private/.

The search finds identifiers, record ids and reasons, and the clusters that they lead to. It finds
none that only a caller id or a mention names: a forged number may be an innocent subscriber's.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from operator import itemgetter
from tempfile import TemporaryFile
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reports import disclosure_control, tables, text
from reports.cluster_data import (
    DRAWN_SUPPLIERS,
    ClusterFacts,
    Reading,
    compare_scripts,
    gather_batch,
)
from reports.figures import Point, find_handovers, member_positions, read_positions
from reports.link_evidence import entity_doubts
from reports.run_summary import Joint
from reports.tables import IdIndex, RunFolder
from schemas.entity import epoch_number, without_epoch
from schemas.enums import EntityKind, Status
from schemas.tables import COMPLAINTS, ENTITIES, MEMBERS, MENTIONS, Table
from transforms.write.parquet_files import ExternalSorter

Row = dict[str, Any]

Json = dict[str, Any]

READINGS_PER_ORG = 25
"""Records of each member and organisation that the page has; the newest, narratives first."""

TEXT_LIMIT = 20_000
"""Characters of one text but an id; the page shows fewer, and all of these when asked."""

LINK_LIMIT, NEAR_LIMIT, SOFT_LIMIT, SUPPLIER_LIMIT, LISTED_OFFERS = 4_000, 200, 600, 60, 200

MEMBER_COLUMNS = tuple(
    "id kind role roles tier review reporters robustness near bridge status complaints calls orgs "
    "region line host first last confidence reason carriers days at doubts".split()
)
"""`days` are the mentions by UTC day: the first since 1970, then pairs of a step and a count."""

LINK_COLUMNS = tuple(
    "a b weight complaints calls reporters orgs first last strength accepted reason records "
    "ids".split()
)
"""`a` and `b` are places in the members; `ids` are up to ten of the records."""

NEAR_COLUMNS = tuple("a there cluster weight complaints calls reporters reason".split())

SUPPLIER_COLUMNS = tuple("id kind records clusters others links".split())
"""`links` are pairs of a member's place and the records of its soft link."""

READING_COLUMNS = tuple(
    "a org kind id role at country field start end raw confidence before after".split()
)
"""One record that names the member at `a`, and the words around it where the run keeps them.

In the order of `cluster_data.Reading`: of all that a piece has, most are these.
"""

_MEMBER = itemgetter(
    *"tier review reporters robustness near_miss_of bridge status complaints calls orgs".split(),
    *"region line_type hosted_by first_seen last_seen".split(),
)

_LINK = itemgetter(
    *"complaints calls reporters orgs first_seen last_seen strength accepted".split()
)

_EPOCH_DAY = date(1970, 1, 1).toordinal()


ID_LIMIT = 120

SEARCHED_SUPPRESSED_LIMIT = 20_000

RECORD_LIMIT = 500_000
"""Record ids in the index: about 3 MB of it, compressed."""

_SEARCHED = pa.schema(
    [("source_org", pa.string()), ("record_id", pa.string()), ("cluster", pa.int32())]
)

_KEY = ("source_org", "record_id")

_FOUND = Table("found", _SEARCHED, tuple(_SEARCHED.names))


@dataclass(frozen=True)
class PartContext:
    """Inputs of all parts beside their own clusters."""

    redact: bool
    suppress_below: int
    narratives: bool
    joint: Joint | None = None


def gather_pieces(
    source: str, group: Sequence[str], before: str | None, context: PartContext
) -> tuple[Json, dict[str, tuple[str, Point]]]:
    """Returns all that is known of some clusters, and where their members are in their figures.

    Args:
        source: folder of the run, or of a part of it (`partition_run`).
        group: ids of the clusters.
        before: a graph/nodes.parquet whose node positions are kept.
        context: inputs of all parts.
    """
    narratives = partial(tables.kept_narratives, source) if context.narratives else None
    run = gather_batch(source, group, narratives, READINGS_PER_ORG)
    whole = disclosure_control.redact_batch(run) if context.redact else run
    earlier = read_positions(source, before, run.members["entity_id"].to_pylist())
    found: Json = {}
    positions: dict[str, tuple[str, Point]] = {}
    for facts, of_run in zip(whole.facts, run.facts, strict=True):
        # A copy keeps the places of the run's figure, whoever is left out of it.
        names = [one["entity_id"] for one in of_run.members]
        places = member_positions(of_run, earlier.of(names)) if len(names) > 1 else {}
        cluster_id = facts.row["cluster_id"]
        kept = {one["entity_id"] for one in facts.members}
        positions |= {one: (cluster_id, at) for one, at in places.items() if one in kept}
        found[cluster_id] = cluster_piece(facts, places, context)
    columns = {
        "members": MEMBER_COLUMNS,
        "links": LINK_COLUMNS,
        "near": NEAR_COLUMNS,
        "suppliers": SUPPLIER_COLUMNS,
        "readings": READING_COLUMNS,
    }
    return {"columns": columns, "clusters": found}, positions


def cluster_piece(
    facts: ClusterFacts, positions: Mapping[str, Point], context: PartContext
) -> Json:
    """Returns all that is known of one cluster, in rows of the columns above."""
    place = {one["entity_id"]: at for at, one in enumerate(facts.members)}
    accepted: defaultdict[str, list[Row]] = defaultdict(list)
    for one in facts.inside:
        if one["accepted"]:
            accepted[one["entity_a"]].append(one)
            accepted[one["entity_b"]].append(one)
    suppliers = [one for one in facts.suppliers if one["kind"] != EntityKind.SCRIPT]
    scripts = [] if context.redact else compare_scripts(facts.suppliers, facts.scripts)
    told = "event from_ids to_ids members_new members_gone on_one_reporter"
    return {
        "left_out": facts.left_out,
        "parts": facts.row["priority_parts"],
        "bridges": [
            picked(one, "entity_a entity_b weight smaller_side")
            for one in facts.row["weakest_bridges"] or []
        ],
        "cut": named(facts.row, "flags weakest_cut weakest_side thin_side"),
        "lineage": [named(one, told) for one in facts.lineage],
        "rests_on": []
        if context.redact
        else [each for one in facts.lineage for each in one["rests_on"] or []],
        "members": [
            _member(one, facts, positions.get(one["entity_id"]), accepted[one["entity_id"]])
            for one in facts.members
        ],
        "links": [
            (
                place[one["entity_a"]],
                place[one["entity_b"]],
                round(one["weight"], 3),
                *_LINK(one),
                _cut(one["reason"]),
                one["records"],
                [] if context.redact else _all_cut(one["record_ids"]),
            )
            for one in facts.inside[:LINK_LIMIT]
        ],
        "more_links": max(len(facts.inside) - LINK_LIMIT, 0),
        "near": [
            [
                place[one["here"]],
                *picked(one, "there cluster_id weight complaints calls reporters reason"),
            ]
            for one in facts.near[:NEAR_LIMIT]
        ],
        "more_near": max(len(facts.near) - NEAR_LIMIT, 0),
        "suppliers": _suppliers(suppliers, facts, place),
        "more_suppliers": max(len(suppliers) - SUPPLIER_LIMIT, 0),
        "scripts": [
            named(vars(one), "entity_id template records clusters more")
            | {"variants": [[each.pieces, each.records] for each in one.variants]}
            for one in scripts
        ],
        "readings": [
            (place[one[0]], *(one if _is_short(one) else [plain_value(each) for each in one])[1:])
            for one in facts.readings
        ],
        "handovers": [
            [place[one.before], place[one.after], one.last_seen, one.first_seen]
            for one in find_handovers(facts)
        ],
        "joint": _joint(context.joint, facts.row["cluster_id"]),
    }


def _member(one: Row, facts: ClusterFacts, at: Point | None, accepted: Sequence[Row]) -> list[Any]:
    entity_id = one["entity_id"]
    roles: Mapping[str, int] = facts.roles.get(entity_id, {})
    return [
        entity_id,
        one["kind"],
        one["role"],
        roles,
        *_MEMBER(one),
        round(one["confidence"], 3),
        _cut(one["reason"]),
        facts.carriers.get(entity_id, [])[:12],
        _days(facts.days.get(entity_id, {})),
        None if at is None else [round(at[0], 4), round(at[1], 4)],
        [
            *_earlier_holder(entity_id),
            *entity_doubts(one | {"member": one, "roles": roles}, accepted),
        ],
    ]


def _earlier_holder(entity_id: str) -> list[str]:
    if epoch_number(entity_id) == 1:
        return []
    return [f"{without_epoch(entity_id)} was in use before a long gap, maybe of another holder"]


def _days(counts: Mapping[int, int]) -> list[int]:
    """Returns counts by day (`date.toordinal`): the first day since 1970, then steps and counts."""
    if not counts:
        return []
    days = sorted(counts)
    found = [days[0] - _EPOCH_DAY]
    last = days[0]
    for one in days:
        found += (one - last, counts[one])
        last = one
    return found


def _suppliers(
    suppliers: Sequence[Row], facts: ClusterFacts, place: Mapping[str, int]
) -> list[list[Any]]:
    """Returns suppliers, the first ones with their links: of others a part of a run has none."""
    links: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    drawn = {one["entity_id"] for one in facts.suppliers[:DRAWN_SUPPLIERS]}
    for one in facts.soft[:SOFT_LIMIT]:
        if one["there"] in drawn:
            links[one["there"]].append((place[one["here"]], one["records"]))
    return [
        [*picked(one, "entity_id kind records clusters others"), links[one["entity_id"]]]
        for one in suppliers[:SUPPLIER_LIMIT]
    ]


def _joint(joint: Joint | None, cluster_id: str) -> Json | None:
    part = joint.parts.get(cluster_id) if joint else None
    if part is None:
        return None
    both = "contributor_a part_a contributor_b part_b shared shared_in_all"
    own = "contributor part members victims_known countries losses tlp expires_at"
    return {
        "saw": [
            [entity_id, [picked(one, "contributor part confidence") for one in rows]]
            for entity_id, rows in part.saw
        ],
        "links": [picked(one, "entity_a entity_b") for one in part.links],
        "shared": [named(one, both) for one in part.shared],
        "offered": [named(one, own) for one in part.offered[:LISTED_OFFERS]],
        "overlaps": [
            named(one, "organisation shared floor by counted_at") for one in part.overlaps
        ],
        "both": part.both,
        "several": part.several,
    }


def picked(row: Mapping[str, Any], names: str) -> list[Any]:
    """Returns the values of some columns, as pieces have them."""
    return [plain_value(row.get(name)) for name in names.split()]


def named(row: Mapping[str, Any], names: str) -> Json:
    """Returns the values of some columns by their names, as pieces have them."""
    return dict(zip(names.split(), picked(row, names), strict=True))


def plain_value(value: Any) -> Any:
    """Returns a text cut, and a number with three digits."""
    if isinstance(value, str):
        return value[:TEXT_LIMIT]
    return round(value, 3) if isinstance(value, float) else value


def _is_short(one: Reading) -> bool:
    texts = (one.record_id, one.raw, one.before, one.after)
    return all(each is None or len(each) <= TEXT_LIMIT for each in texts)


def _all_cut(values: list[str]) -> list[str | None]:
    """Returns texts cut; the same list where none is, as of nearly every link."""
    long = max(map(len, values), default=0) > TEXT_LIMIT
    return [_cut(one) for one in values] if long else [*values]


def _cut(value: str | None) -> str | None:
    return value if value is None or len(value) <= TEXT_LIMIT else value[:TEXT_LIMIT]


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
        where=suppressed_shown(redact=redact),
    )
    entity_ids, at = members["entity_id"].combine_chunks(), places.combine_chunks()
    found = (
        _record_clusters(run, entity_ids, at, scratch)
        if not redact
        else (_SEARCHED.empty_table(), 0)
    )
    return {
        "ids": _plain(members["entity_id"], ID_LIMIT),
        "clusters": places.to_pylist(),
        "suppressed": _plain(suppressed["entity_id"], ID_LIMIT),
        "reasons": _plain(suppressed["reason"], 200),
    } | _search_columns(*found)


def _plain(column: pa.ChunkedArray, limit: int) -> list[str]:
    """Returns texts as `text.plain` does, which most of them need not pass."""
    usual = pc.match_substring_regex(column, f"^[ -~]{{0,{limit}}}$")
    if pc.all(usual, min_count=0).as_py():
        return list(column.to_pylist())
    return [text.plain(one, limit) for one in column.to_pylist()]


def suppressed_shown(*, redact: bool) -> pc.Expression:
    """Chooses suppressed entities: outside only those that a list knows, and no decision names."""
    where = pc.field("status") == Status.SUPPRESSED
    if not redact:
        return where
    reason = pc.field("reason")
    listed = pc.starts_with(reason, disclosure_control.KNOWN_LEGITIMATE)
    return where & listed & ~pc.match_substring(reason, "decision ")


def _search_columns(shown: pa.Table, total: int) -> dict[str, object]:
    orgs = sorted(set(shown["source_org"].to_pylist()))
    return {
        "orgs": [text.plain(one, 60) for one in orgs],
        "record_orgs": pc.index_in(shown["source_org"], pa.array(orgs, pa.string())).to_pylist(),
        "records": _plain(shown["record_id"], ID_LIMIT),
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
            part = pa.table([batch["source_org"], batch["record_id"], clusters], schema=_SEARCHED)
            named = part.filter(pc.field("cluster").is_valid())
            for once in named.group_by(_SEARCHED.names).aggregate([]).to_batches():
                rows.add(once)
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
