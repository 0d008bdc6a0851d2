"""The workbench: a run as compact data, and one page that draws it in the browser.

In: a run, the run before it where there is one, and a job pool. Out: report/index.html with one
script and one style sheet, and report/data/, the pieces of data that the script loads when it needs
them: `run` (what became of the whole), `clusters` and `singles` (a row a cluster, with what changed
since the run before), `search-N` and `records-N` (what can be searched for), `part-N` (all that is
known of some clusters). A piece is a script file, so that the page works from a disk, without a
network; its content is JSON, compressed. The shapes of the pieces are the constants below.

Shows what the tables of a run show to everybody who may read it, and nothing of private/.

Long, since it has all that the page may show.
"""

from __future__ import annotations

import base64
import gzip
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import partial
from importlib.resources import files
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from reports import disclosure_control, run_summary, tables
from reports.cluster_data import OTHERS_LIMIT, ClusterFacts, compare_scripts, gather_batch
from reports.figures import graph_figure
from reports.figures.graph_figure import member_positions
from reports.figures.graph_layout import Point
from reports.figures.svg import build_timeline
from reports.html.index_page import ClusterTable, Joint, cluster_table, gather_joint, search_index
from reports.html.partition import partition_run
from reports.link_evidence import entity_doubts
from reports.run import Run, keeps_narratives
from reports.tables import RunFolder
from schemas.enums import EntityKind, LineageEvent, Status
from schemas.tables import CLUSTERS, DECISIONS, ENTITIES, LINEAGE, MEMBERS, SUPPLIERS
from transforms.write.job_pool import JobPool, PutFile

Row = dict[str, Any]

Json = dict[str, Any]

STATIC = ("index.html", "workbench.js", "workbench.css", "cytoscape.min.js")
"""Files of reports/assets that stand beside the data; the first is filled in."""

FILE_POLICY = (
    "default-src 'none'; script-src 'self' file:; style-src 'self' file:; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)
"""The policy of a page that is opened from a disk: what lies beside it, nothing by network."""

MEMBERS_OF_PART = 600
"""Members of the clusters of one piece, about: some hundred kilobytes, and less than 0.1 s."""

MOST_PARTS = 160

SEARCHED_OF_PIECE = 100_000

READINGS_PER_ORG = 25
"""Records of each member and organisation that the page has; the newest, narratives first."""

TEXT_LIMIT = 20_000
"""Characters of one text but an id; the page shows fewer, and all of these when asked."""

LINK_LIMIT, NEAR_LIMIT, SOFT_LIMIT, SUPPLIER_LIMIT = 4_000, 200, 600, 60

LISTED_LIMIT = 2_000
"""Rows of a list of the whole run: what several organisations saw, contested, suppressed."""

MEMBER_SECONDS, ENTITY_SECONDS = 4e-4, 1.5e-5
"""CPU seconds of the pieces for each member, and of the lists for each entity, about."""

CLUSTER_COLUMNS = tuple(
    "id name priority size core unreviewed contested complaints calls reporters losses countries "
    "orgs brands first last confidence status event from gained lost lone before part".split()
)
"""A row of `clusters` and `singles`.

`core` and `unreviewed` count members: in the tier core, and those of them that nobody reviewed.
`gained` and `lost` are members since the run before, `lone` says that one reporter alone put one
there, `before` has reporters, complaints, losses, members and statuses of the clusters in `from`.
"""

MEMBER_COLUMNS = tuple(
    "id kind role roles tier review reporters robustness near confidence bridge status reason "
    "complaints calls orgs region line carriers host first last days at doubts".split()
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
    "a org kind id role at country field start raw confidence before after".split()
)
"""One record that names the member at `a`, and the words around it where the run keeps them."""

SHARED_COLUMNS = tuple("id cluster orgs".split())

DECISION_COLUMNS = tuple(
    "decision_id kind entity_a entity_b author reason decided_at expires_at in_force".split()
)


@dataclass(frozen=True)
class PartContext:
    """Inputs of all parts beside their own clusters."""

    redact: bool
    suppress_below: int
    narratives: bool
    joint: Joint | None = None


def write_workbench(
    run: Run,
    pool: JobPool,
    *,
    previous: RunFolder | None = None,
    redact: bool = False,
    suppress_below: int = 0,
    before: str | None = None,
) -> None:
    """Writes report/ of a run.

    Args:
        run: the run; its tables must be written.
        pool: runs the jobs and keeps the files.
        previous: the run that it follows, for what changed since.
        redact: leaves out all members but core ones, narratives, record ids and what analysts
            wrote, for a reader outside.
        suppress_below: smallest count of victims by country that is shown.
        before: a graph/nodes.parquet whose node positions are kept.
    """
    table = cluster_table(run, None, ())
    groups = group_clusters(table)
    part_of = {one: place for place, group in enumerate(groups) for one in group}
    members = sum(table.sizes.values())
    seconds = members * MEMBER_SECONDS + tables.count_rows(run, ENTITIES) * ENTITY_SECONDS
    joint = gather_joint(run, core_only=redact)
    context = PartContext(redact, suppress_below, not redact and keeps_narratives(run), joint)
    jobs = _jobs(run, pool.scratch, groups, part_of, context, previous, before)
    for _ in pool.run(jobs, seconds):
        continue


def group_clusters(table: ClusterTable) -> list[list[str]]:
    """Returns clusters, those of two or more first, in groups of about `MEMBERS_OF_PART` members.

    A larger cluster is alone in its group.
    """
    most = max(MEMBERS_OF_PART, sum(table.sizes.values()) // MOST_PARTS + 1)
    groups: list[list[str]] = []
    room = 0
    for one in (*table.own, *table.single):
        size = table.sizes[one]
        if size > room:
            groups.append([])
            room = most
        groups[-1].append(one)
        room -= size
    return groups


def encode_piece(name: str, value: Json) -> bytes:
    """Returns a script file that hands a piece to the page: JSON, gzip, base64."""
    packed = gzip.compress(orjson.dumps(value, option=orjson.OPT_SORT_KEYS), 6, mtime=0)
    return b'rt.piece("%s","%s");\n' % (name.encode(), base64.b64encode(packed))


def static_files(policy: str = FILE_POLICY, token: str = "") -> dict[str, bytes]:
    """Returns the page, its script and its style sheet, by name.

    Args:
        policy: the page's CSP.
        token: what the page of a server sends along with what it asks; none from a disk.
    """
    folder = files("reports").joinpath("assets")
    found = {name: folder.joinpath(name).read_bytes() for name in STATIC}
    page = found["index.html"].replace(b"POLICY", policy.encode(), 1)
    return found | {"index.html": page.replace(b"TOKEN", token.encode(), 1)}


def _jobs(
    run: Run,
    scratch: str,
    groups: list[list[str]],
    part_of: Mapping[str, int],
    context: PartContext,
    previous: RunFolder | None,
    before: str | None,
) -> Iterator[partial[None]]:
    yield partial(_search, run, scratch, redact=context.redact)
    yield partial(_lists, run, previous, part_of, len(groups), context)
    sources = [run.folder] * len(groups)
    if len(groups) > 1:
        positions = None if before is None else graph_figure.positions_dataset(before)
        sources, before = partition_run(run.folder, groups, scratch, positions), None
    joint = context.joint
    for place, (group, source) in enumerate(zip(groups, sources, strict=True)):
        # What travels to a worker is about its own clusters alone.
        parts = {one: joint.parts[one] for one in group if one in joint.parts} if joint else {}
        mine = replace(context, joint=joint and replace(joint, parts=parts))
        yield partial(_part, source, place, group, before, mine)


def _put_piece(put: PutFile, name: str, value: Json) -> None:
    put(f"report/data/{name}.js", [encode_piece(name, value)])


def _lists(
    run: Run,
    previous: RunFolder | None,
    part_of: Mapping[str, int],
    parts: int,
    context: PartContext,
    put: PutFile,
) -> None:
    for name, content in static_files().items():
        put(f"report/{name}", [content])
    rows = list(cluster_rows(run, previous, part_of, context))
    size = CLUSTER_COLUMNS.index("size")
    _put_piece(put, "run", run_piece(run, rows, parts, context, previous))
    for name, chosen in (
        ("clusters", [row for row in rows if row[size] > 1]),
        ("singles", [row for row in rows if row[size] <= 1]),
    ):
        _put_piece(put, name, {"columns": CLUSTER_COLUMNS, "rows": chosen})


def _search(run: Run, scratch: str, put: PutFile, *, redact: bool) -> None:
    ids = tables.read_table(run, CLUSTERS, ["cluster_id"])["cluster_id"].to_pylist()
    found: Any = search_index(run, ids, redact=redact, scratch=scratch)
    whole = (
        ("search", ("ids", "clusters")),
        ("records", ("record_orgs", "records", "record_clusters")),
    )
    counts = {}
    for name, columns in whole:
        starts = range(0, len(found[columns[0]]), SEARCHED_OF_PIECE)
        counts[name] = len(starts)
        for place, start in enumerate(starts):
            part = {one: found[one][start : start + SEARCHED_OF_PIECE] for one in columns}
            _put_piece(put, f"{name}-{place}", part)
    names = ("suppressed", "reasons", "orgs", "more_records")
    _put_piece(put, "found", {name: found[name] for name in names} | counts | {"of": ids})


def cluster_rows(
    run: RunFolder, previous: RunFolder | None, part_of: Mapping[str, int], context: PartContext
) -> Iterator[list[Any]]:
    """Yields the rows of `CLUSTER_COLUMNS`, by priority."""
    order = [("priority", "descending"), ("complaints", "descending"), ("cluster_id", "ascending")]
    attested = _attested(run)
    lineage = {
        one["cluster_id"]: one
        for one in tables.to_dicts(tables.read_table(run, LINEAGE))
        if one["event"] != LineageEvent.ENDED
    }
    earlier = _earlier(previous)
    names = disclosure_control.core_names(run) if context.redact else {}
    for row in tables.to_dicts(tables.read_table(run, CLUSTERS).sort_by(order)):
        cluster_id = row["cluster_id"]
        counts, event = attested[cluster_id], lineage.get(cluster_id) or {}
        came_from = event.get("from_ids") or []
        brands = row["brands"]
        if context.redact:
            brands = disclosure_control.listed_brands(brands)
        yield [
            cluster_id,
            _plain(names.get(cluster_id, row["name"])),
            round(row["priority"], 1),
            row["size"],
            *(counts[name] for name in ("core", "unreviewed", "contested")),
            *_picked(row, "complaints calls"),
            _reporters(row),
            _losses(row),
            _countries(row, context.suppress_below),
            row["orgs"],
            [_plain(one) for one in brands[:12]],
            *_picked(row, "first_seen last_seen confidence status"),
            event.get("event", ""),
            came_from,
            *(event.get(name) or 0 for name in ("members_new", "members_gone")),
            bool(event.get("on_one_reporter")),
            [earlier[one] for one in came_from if one in earlier],
            part_of.get(cluster_id, -1),
        ]


def _attested(run: RunFolder) -> defaultdict[str, Counter[str]]:
    """Counts the members of each cluster that are core, core and unreviewed, and contested."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    by = ["cluster_id", "tier", "review"]
    for one in tables.count_by(run, MEMBERS, by).to_pylist():
        if one["tier"] == "core":
            found[one["cluster_id"]]["core"] += one["rows"]
            if one["review"] == "unreviewed":
                found[one["cluster_id"]]["unreviewed"] += one["rows"]
    contested = _contested(run, ["entity_id"])["entity_id"].combine_chunks()
    where = pc.field("entity_id").isin(contested)
    for one in tables.count_by(run, MEMBERS, ["cluster_id"], where).to_pylist():
        found[one["cluster_id"]]["contested"] += one["rows"]
    return found


def _contested(run: RunFolder, columns: Sequence[str]) -> pa.Table:
    return tables.read_table(run, ENTITIES, columns, pc.field("status") == Status.CONTESTED)


def _earlier(previous: RunFolder | None) -> dict[str, Json]:
    """Reads the numbers of the clusters of the run before."""
    if previous is None:
        return {}
    rows = tables.to_dicts(tables.read_table(previous, CLUSTERS))
    return {
        one["cluster_id"]: _named(one, "cluster_id complaints size status")
        | {"losses": _losses(one), "reporters": _reporters(one)}
        for one in rows
    }


def run_piece(
    run: Run,
    rows: Sequence[Sequence[Any]],
    parts: int,
    context: PartContext,
    previous: RunFolder | None,
) -> Json:
    """Returns what is said of the whole run: its accounting, and the lists that span clusters."""
    manifest, redact = run.manifest, context.redact
    alarms = manifest["alarms"]
    event, size = CLUSTER_COLUMNS.index("event"), CLUSTER_COLUMNS.index("size")
    rejects, more_rejects = run_summary.rejects_by_code(run, 100)
    joint = context.joint
    lists = {} if redact else {"decisions": _decisions(run), "contested": _contested_rows(run)}
    trend = run_summary.record_trend(run)
    return {
        "run": run.run_id,
        "clock": manifest.get("clock"),
        "versions": dict(manifest["versions"]),
        "options": {name: str(one)[:500] for name, one in manifest["options"].items()},
        "redacted": redact,
        "suppress_below": context.suppress_below,
        "previous": None if previous is None else _run_id(previous),
        "compared": any(row[event] not in ("", LineageEvent.BORN) for row in rows),
        "clusters": sum(1 for row in rows if row[size] > 1),
        "singles": sum(1 for row in rows if row[size] <= 1),
        "parts": parts,
        "narratives": context.narratives,
        "alarms": disclosure_control.redact_alarms(alarms) if redact else alarms,
        "accounts": [
            {"kind": one.kind, "counts": dict(one.counts), "problems": one.problems}
            for one in run_summary.check_accounting(run)
        ],
        "inputs": [
            {name: one.get(name) for name in ("name", "kind", "format", "rows", "rejected")}
            for one in manifest["inputs"][:LISTED_LIMIT]
        ],
        "rejects": rejects,
        "more_rejects": more_rejects,
        "kinds": [
            {"kind": one.kind, "by_status": one.by_status}
            for one in run_summary.entities_by_kind(run)
        ],
        "statuses": list(Status),
        "tiers": tables.count_by(run, MEMBERS, ["tier", "review"]).to_pylist(),
        "trend": {
            "start": trend.bars[0].start.isoformat() if trend.bars else None,
            "complaints": [one.complaints for one in trend.bars],
            "calls": [one.calls for one in trend.bars],
            "earlier": trend.earlier,
        },
        "breakdowns": [
            {"title": one.title, "rows": one.rows, "others": one.others, "unknown": one.unknown}
            for one in run_summary.complaint_breakdowns(
                run, 12, context.suppress_below, redact=redact
            )
        ],
        "shared": _shared(run, redact=redact),
        "moved": _moved(run),
        "suppliers": _all_suppliers(run),
        "joint": None if joint is None else _joint_run(joint),
    } | lists


def _joint_run(joint: Joint) -> Json:
    return {
        "offers": [_named(one, "sender tlp expires_at") for one in joint.offers],
        "left_out": len(joint.left_out),
        "links": joint.links,
        "merged": joint.merged,
    }


def _run_id(previous: RunFolder) -> str:
    return previous.run_id if isinstance(previous, Run) else Run.open(previous).run_id


def _shared(run: RunFolder, *, redact: bool) -> Json:
    found, total = run_summary.shared_entities(run, LISTED_LIMIT, core_only=redact)
    seen = "org complaints calls roles first_seen last_seen"
    rows = [
        [one.entity_id, one.cluster_id, [_picked(vars(each), seen) for each in one.by_org]]
        for one in found
    ]
    return {"columns": SHARED_COLUMNS, "rows": rows, "total": total}


def _moved(run: RunFolder) -> list[Row]:
    """Reads clusters of the run before that are no longer there, with where they went."""
    order = (("event", "ascending"), ("cluster_id", "ascending"))
    gone = pc.field("event") == LineageEvent.ENDED
    more = ("from_ids", "to_ids")
    rows = tables.top_rows(run, LINEAGE, order, LISTED_LIMIT, columns=more, where=gone)
    return tables.to_dicts(rows)


def _all_suppliers(run: RunFolder) -> Json:
    """Returns the suppliers of most clusters: id, kind, clusters, records, and first clusters."""
    rows = tables.to_dicts(tables.read_table(run, SUPPLIERS))
    found: dict[str, list[Any]] = {}
    for one in sorted(rows, key=lambda row: (-row["records"], row["cluster_id"])):
        known = found.setdefault(
            one["entity_id"], [*_picked(one, "entity_id kind clusters"), 0, []]
        )
        known[3] += one["records"]
        if len(known[4]) < OTHERS_LIMIT:
            known[4].append(one["cluster_id"])
    order = sorted(found.values(), key=lambda one: (-one[2], -one[3], one[0]))
    return {"rows": order[:LISTED_LIMIT], "total": len(order)}


def _contested_rows(run: RunFolder) -> Json:
    """Returns contested identifiers, by their withheld ids."""
    columns = "entity_id reason complaints calls first_seen last_seen"
    found = _contested(run, columns.split())
    where = pc.field("entity_id").isin(found["entity_id"].combine_chunks())
    members = tables.read_table(run, MEMBERS, ["entity_id", "cluster_id"], where)
    of = dict(zip(*(column.to_pylist() for column in members.columns), strict=True))
    rows = [
        [of.get(one["entity_id"]), *_picked(one, columns)]
        for one in tables.to_dicts(found.slice(0, LISTED_LIMIT))
    ]
    return {"rows": rows, "total": found.num_rows}


def _decisions(run: Run) -> list[Row]:
    """Reads the decisions of a run, in force or not; none of a run from before there were any."""
    if not any(one["name"].startswith(f"{DECISIONS.name}/") for one in run.manifest["outputs"]):
        return []
    rows = tables.to_dicts(tables.read_table(run, DECISIONS, DECISION_COLUMNS))
    return [_named(one, " ".join(DECISION_COLUMNS)) for one in rows]


def _part(
    source: str,
    place: int,
    group: Sequence[str],
    before: str | None,
    context: PartContext,
    put: PutFile,
) -> None:
    """Writes all that is known of some clusters."""
    narratives = partial(tables.kept_narratives, source) if context.narratives else None
    run = gather_batch(source, group, narratives, READINGS_PER_ORG)
    whole = disclosure_control.redact_batch(run) if context.redact else run
    earlier = graph_figure.read_positions(source, before, run.members["entity_id"].to_pylist())
    found = {}
    for facts, of_run in zip(whole.facts, run.facts, strict=True):
        # A copy keeps the places of the run's figure, whoever is left out of it.
        names = [one["entity_id"] for one in of_run.members]
        places = member_positions(of_run, earlier.of(names)) if len(names) > 1 else {}
        found[facts.row["cluster_id"]] = cluster_piece(facts, places, context)
    columns = {
        "members": MEMBER_COLUMNS,
        "links": LINK_COLUMNS,
        "near": NEAR_COLUMNS,
        "suppliers": SUPPLIER_COLUMNS,
        "readings": READING_COLUMNS,
    }
    _put_piece(put, f"part-{place}", {"columns": columns, "clusters": found})


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
            _picked(one, "entity_a entity_b weight smaller_side")
            for one in facts.row["weakest_bridges"] or []
        ],
        "cut": _named(facts.row, "flags weakest_cut weakest_side thin_side"),
        "lineage": [_named(one, told) for one in facts.lineage],
        "rests_on": []
        if context.redact
        else [each for one in facts.lineage for each in one["rests_on"] or []],
        "members": [
            _member(one, facts, positions.get(one["entity_id"]), accepted[one["entity_id"]])
            for one in facts.members
        ],
        "links": [
            [
                place[one["entity_a"]],
                place[one["entity_b"]],
                *_picked(one, "weight complaints calls reporters orgs first_seen last_seen"),
                *_picked(one, "strength accepted reason records"),
                [] if context.redact else [_plain(each) for each in one["record_ids"]],
            ]
            for one in facts.inside[:LINK_LIMIT]
        ],
        "more_links": max(len(facts.inside) - LINK_LIMIT, 0),
        "near": [
            [
                place[one["here"]],
                *_picked(one, "there cluster_id weight complaints calls reporters reason"),
            ]
            for one in facts.near[:NEAR_LIMIT]
        ],
        "more_near": max(len(facts.near) - NEAR_LIMIT, 0),
        "suppliers": _suppliers(suppliers, facts.soft, place),
        "more_suppliers": max(len(suppliers) - SUPPLIER_LIMIT, 0),
        "scripts": [
            _named(vars(one), "entity_id template records clusters more")
            | {"variants": [[each.pieces, each.records] for each in one.variants]}
            for one in scripts
        ],
        "readings": [
            [
                place[one.entity_id],
                *_picked(one._asdict(), "source_org record_kind record_id role observed_at"),
                *_picked(one._asdict(), "victim_country field start raw confidence before after"),
            ]
            for one in facts.readings
        ],
        "handovers": [
            [place[one.before], place[one.after], _plain(one.last_seen), _plain(one.first_seen)]
            for one in build_timeline(facts).handovers
        ],
        "joint": _joint(context.joint, facts.row["cluster_id"]),
    }


def _member(one: Row, facts: ClusterFacts, at: Point | None, accepted: Sequence[Row]) -> list[Any]:
    entity_id = one["entity_id"]
    roles: Mapping[str, int] = facts.roles.get(entity_id, {})
    return [
        entity_id,
        *_picked(one, "kind role"),
        roles,
        *_picked(one, "tier review reporters robustness near_miss_of confidence bridge status"),
        *_picked(one, "reason complaints calls orgs region line_type"),
        facts.carriers.get(entity_id, [])[:12],
        *_picked(one, "hosted_by first_seen last_seen"),
        _days(facts.days.get(entity_id, {})),
        None if at is None else [round(at[0], 4), round(at[1], 4)],
        entity_doubts(one | {"member": one, "roles": roles}, accepted),
    ]


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
    suppliers: Sequence[Row], soft: Sequence[Row], place: Mapping[str, int]
) -> list[list[Any]]:
    links: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for one in soft[:SOFT_LIMIT]:
        links[one["there"]].append((place[one["here"]], one["records"]))
    return [
        [*_picked(one, "entity_id kind records clusters others"), links[one["entity_id"]]]
        for one in suppliers[:SUPPLIER_LIMIT]
    ]


def _joint(joint: Joint | None, cluster_id: str) -> Json | None:
    part = joint.parts.get(cluster_id) if joint else None
    if part is None:
        return None
    both = "contributor_a part_a contributor_b part_b shared shared_in_all"
    return {
        "saw": [[entity_id, [one["contributor"] for one in rows]] for entity_id, rows in part.saw],
        "links": [_picked(one, "entity_a entity_b") for one in part.links],
        "shared": [_named(one, both) for one in part.shared],
        "both": part.both,
    }


def _reporters(row: Row) -> int:
    """Returns the reporters of a cluster; of a run from before there were any, its victims."""
    return int(row["victims"] if row["reporters"] is None else row["reporters"])


def _losses(row: Row) -> list[tuple[str, str, int]]:
    found = sorted(row["losses"] or [], key=lambda one: (-one["complaints"], one["currency"]))
    return [(one["currency"], f"{one['amount'] or 0:.2f}", one["complaints"]) for one in found]


def _countries(row: Row, floor: int) -> list[tuple[str, int | None]]:
    found = row["countries"] or []
    counts = disclosure_control.suppress_small_counts([one["complaints"] for one in found], floor)
    return [(one["country"], count) for one, count in zip(found, counts, strict=True)]


def _picked(row: Mapping[str, Any], names: str) -> list[Any]:
    """Returns the values of some columns, as pieces have them."""
    return [_plain(row.get(name)) for name in names.split()]


def _named(row: Mapping[str, Any], names: str) -> Json:
    return dict(zip(names.split(), _picked(row, names), strict=True))


def _plain(value: Any) -> Any:
    """Returns a text cut, a time to the second, and a number with three digits.

    Times are ISO 8601: as plain numbers they would be telephone numbers to `transforms.exit_scan`.
    """
    if isinstance(value, str):
        return value[:TEXT_LIMIT]
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%dT%H:%M:%SZ}"
    return round(value, 3) if isinstance(value, float) else value


_EPOCH_DAY = date(1970, 1, 1).toordinal()
