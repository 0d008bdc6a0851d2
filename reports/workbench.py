"""The report of a run: its data in pieces, and one page that draws it in the browser.

In: a run, the run before it if there is one, and a job pool. Out: report/index.html with one script
and one style sheet; report/data/, the pieces of data that the script loads when it needs them; and
graph/, nodes with positions and edges as Parquet, which the next run starts from.

The pieces are:

- `run`: the accounting, and lists that span clusters.
- `places`: victims, numbers, calls and money by country.
- `clusters` and `singles`: a row a cluster, with its changes since the run before.
- `union`: the clusters that no organisation links as a whole.
- `shared`, `suppressed` and `campaigns`: the first rows of each list.
- `search-N` and `records-N`: the search.
- `part-N`: all data on some clusters (`reports.pieces`).

A piece is a script file with JSON in it, so that the page works from a disk, without a network.
The work is cut into independent jobs, which processes share. The report shows the tables of a run
that all its readers may see, and nothing of private/.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from html import escape
from importlib.resources import files
from itertools import chain
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reports import disclosure_control, run_summary, tables
from reports.cluster_data import OTHERS_LIMIT, clusters_by_supplier
from reports.export import tabular
from reports.export.graph_tables import GraphExport
from reports.export.registry import EXPORT_FORMATS
from reports.page_script import joined_script
from reports.partition import NODE_POSITIONS, in_groups, partition_run, positions_dataset
from reports.pieces import NAMING, Job, PartContext, encode_piece, gather_job, search_index
from reports.run import Run, keeps_narratives
from reports.run_summary import SHARED_COLUMNS, Joint, gather_joint
from reports.tables import RunFolder, named, picked, plain_value
from schemas.decision import BINDING, CLUSTER_DECISIONS, DECISION, REVIEWING_DECISIONS
from schemas.enums import LineageEvent, Status
from schemas.facts import FACTS
from schemas.tables import CAMPAIGNS, CLUSTERS, DECISIONS, ENTITIES, LINEAGE, MEMBERS, Table
from transforms.engine import release_memory
from transforms.extract import mask_file_name
from transforms.extract.kinds.registry import BY_KIND
from transforms.write.job_pool import JobPool, PutFile

Json = dict[str, Any]

STATIC = ("index.html", "workbench.css", "cytoscape.min.js", "world.js")
"""Files of reports/assets that stand beside the data; the first is filled in."""

STATIC_FILES = frozenset(f"report/{name}" for name in (*STATIC, "workbench.js"))
"""Names of files in a run that hold none of its data."""

FILE_POLICY = (
    "default-src 'none'; script-src 'self' file:; style-src 'self' file:; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)
"""The policy of a page that is opened from a disk: only files beside it, no network."""

MEMBERS_OF_PART = 1_200
"""Members of the clusters of a piece, about: a megabyte."""

MOST_PARTS = 160

MEMBERS_AT_ONCE, MEMBERS_OF_JOB = 40_000, 5_000
"""Most members of a run that a single job writes, and about the members of a job of larger runs.

A job's rows are in memory, some 10 kB a member, and more with many links. Several jobs are first
cut out of the tables, which costs as much as writing their pieces.
"""

SEARCHED_OF_PIECE = 100_000

LISTED_LIMIT, SUPPRESSED_LIMIT = 2_000, 20_000
"""Rows of a list of the whole run, and of the searchable list of suppressed identifiers."""

MEMBER_SECONDS, ENTITY_SECONDS = 5e-5, 4e-6
"""CPU seconds of the pieces for each member, and of the lists for each entity, about."""

CLUSTER_COLUMNS = tuple(
    "id name brand priority size core unreviewed contested complaints calls reporters losses "
    "countries orgs brands first last confidence status event from gained lost lone before flags "
    "cut part".split()
)
"""A row of `clusters` and `singles`.

`name` is without the `brand` at its end. `core` counts core members, `unreviewed` the core members
that nobody reviewed. `gained` and `lost` count members since the run before; `lone` is true if a
single reporter put a new member there. `before` has reporters, losses, members and statuses
of the clusters in `from`. `cut` is the fewest reporters without whom it falls into two.
"""

_EARLIER = "cluster_id size victims reporters losses status".split()
"""Columns of clusters/ that are also read from the run before."""

_LISTED = [
    *_EARLIER,
    *"name priority complaints calls countries orgs brands first_seen last_seen".split(),
    *"confidence flags weakest_cut".split(),
]
"""Columns of clusters/ for its rows in lists."""

_DECISION_COLUMNS = "decision_id kind entity_a entity_b author reason decided_at in_force signed_by"


def write_workbench(
    run: Run,
    pool: JobPool,
    *,
    previous: RunFolder | None = None,
    redact: bool = False,
    suppress_below: int = 0,
    before: str | None = None,
    graph: bool = True,
) -> None:
    """Writes report/ of a run, and graph/.

    Args:
        run: the run; its tables must be written.
        pool: runs the jobs and keeps the files.
        previous: the run that it follows, to show changes.
        redact: leaves out all members but core ones, narratives, record ids and what analysts
            wrote, for a reader outside.
        suppress_below: smallest count of victims by country that is shown.
        before: a graph/nodes.parquet whose node positions are kept.
        graph: whether graph/ is written.
    """
    sizes = _cluster_sizes(run)
    members = sum(sizes.values())
    groups = in_groups(sizes.items(), max(MEMBERS_OF_PART, members // MOST_PARTS + 1))
    seconds = members * MEMBER_SECONDS + tables.count_rows(run, ENTITIES) * ENTITY_SECONDS
    joint = gather_joint(run, core_only=redact)
    entities = run_summary.listed_entities(run, facts=redact)
    shared = run_summary.shared_ids(run, entities, LISTED_LIMIT, core_only=redact)
    narratives = not redact and keeps_narratives(run)
    suppliers = disclosure_control.suppliers_shown(run, redact=redact)
    context = PartContext(redact, suppress_below, narratives, suppliers, joint, shared)
    part_of = {cluster_id: place for place, group in enumerate(groups) for cluster_id in group}
    first: list[partial[Any]] = [partial(_lists, run, entities, previous, part_of, context)]
    if graph:
        first.append(partial(_edges, run, redact=redact))
    jobs = chain(first, _cluster_jobs(run, pool.scratch, groups, sizes, context, before))
    parts = [part for part in pool.run(jobs, seconds) if part is not None]
    none = NODE_POSITIONS.schema.empty_table()
    positions = pa.concat_tables([none, *(part.positions for part in parts)])
    naming = pa.concat_tables([NAMING.empty_table(), *(part.naming for part in parts)])
    union_only = [cluster_id for each in parts for cluster_id in each.union_only]
    by_org = {name: rows for each in parts for name, rows in each.by_org.items()}
    rows = run_summary.shared_entities(run, shared[0], by_org)
    last: list[partial[None]] = [
        partial(_search, run, None if redact else naming),
        partial(_put_piece, "union", {"clusters": union_only}),
        partial(_put_piece, "shared", {"columns": SHARED_COLUMNS, "rows": rows}),
    ]
    if graph:
        last.append(partial(_nodes, run, positions, redact=redact))
    for _ in pool.run(last, 0):
        continue


def _cluster_sizes(run: RunFolder) -> dict[str, int]:
    """Reads the members of each cluster, those of two or more first, by priority."""
    order = [("priority", "descending"), ("complaints", "descending"), ("cluster_id", "ascending")]
    rows = tables.read_table(run, CLUSTERS, ["cluster_id", "size", "priority", "complaints"])
    ids, sizes = (rows.sort_by(order)[name].to_pylist() for name in ("cluster_id", "size"))
    size_of = dict(zip(ids, sizes, strict=True))
    return dict(sorted(size_of.items(), key=lambda cluster: cluster[1] == 1))


def static_files(policy: str = FILE_POLICY, token: str = "") -> dict[str, bytes]:
    """Returns the page, its script and its style sheet, by name.

    Colours, shapes and nouns of kinds, and the sentences of facts, come from their registries,
    names and terms from words.toml.

    Args:
        policy: the page's CSP.
        token: sent by a server's page with each request; none from a disk.
    """
    folder = files("reports").joinpath("assets")
    contents = {name: folder.joinpath(name).read_bytes() for name in STATIC}
    kinds = {
        str(row.kind): [row.noun, row.nouns, row.colour, row.shape] for row in BY_KIND.values()
    }
    words = tomllib.loads(folder.joinpath("words.toml").read_text(encoding="utf-8"))
    sentences = {code: form.sentence for code, form in FACTS.items()}
    columns = [*DECISION.names, *BINDING.names, "opened"]
    style = folder.joinpath("graph.css").read_text(encoding="utf-8")
    words |= {"kinds": kinds, "facts": sentences, "decision": columns, "graph": style}
    page = contents["index.html"]
    for name, value in {"POLICY": policy, "TOKEN": token, "WORDS": json.dumps(words)}.items():
        page = page.replace(name.encode(), escape(value).encode(), 1)
    return contents | {
        "index.html": page,
        "workbench.js": joined_script().encode(),
        "workbench.css": contents["workbench.css"] + _kind_styles(),
    }


def _kind_styles() -> bytes:
    marked = [(kind, row) for kind, row in BY_KIND.items() if row.on_dark]
    light = "".join(f".k-{kind} {{ --k: {row.colour}; }}\n" for kind, row in marked)
    dark = "".join(f"  .k-{kind} {{ --k: {row.on_dark}; }}\n" for kind, row in marked)
    return f"{light}@media (prefers-color-scheme: dark) {{\n{dark}}}\n".encode()


def _cluster_jobs(
    run: Run,
    scratch: str,
    groups: list[list[str]],
    sizes: Mapping[str, int],
    context: PartContext,
    before: str | None,
) -> Iterator[partial[Job]]:
    """Yields the jobs that write the pieces of clusters."""
    members = [sum(sizes[cluster_id] for cluster_id in group) for group in groups]
    most = MEMBERS_OF_JOB if sum(members) > MEMBERS_AT_ONCE else MEMBERS_AT_ONCE
    batches = in_groups(zip(groups, members, strict=True), most)
    sources = [run.folder] * len(batches)
    if len(batches) > 1:
        positions = None if before is None else positions_dataset(before)
        clusters = [[cluster_id for group in parts for cluster_id in group] for parts in batches]
        sources, before = partition_run(run.folder, clusters, scratch, positions), None
        release_memory()
    joint, place = context.joint, 0
    for parts, source in zip(batches, sources, strict=True):
        # A worker gets the data of its own clusters, and no other.
        own = (cluster_id for group in parts for cluster_id in group)
        mine = (
            {cluster_id: joint.parts[cluster_id] for cluster_id in own if cluster_id in joint.parts}
            if joint
            else {}
        )
        own_context = replace(context, joint=joint and replace(joint, parts=mine))
        yield partial(_parts, source, place, parts, before, own_context)
        place += len(parts)


def _parts(
    source: str,
    place: int,
    groups: Sequence[Sequence[str]],
    before: str | None,
    context: PartContext,
    put: PutFile,
) -> Job:
    """Writes all data on some clusters, a piece for each group, numbered from `place` on.

    Returns the job without the data of the pieces.
    """
    job = gather_job(
        source, [cluster_id for group in groups for cluster_id in group], before, context
    )
    start = 0
    for number, group in enumerate(groups, place):
        name = f"part-{number}"
        put(f"report/data/{name}.js", [job.piece(name, start, start + len(group))])
        start += len(group)
    return replace(job, clusters=[], facts={}, tables={})


def _edges(run: Run, put: PutFile, *, redact: bool) -> None:
    graph = GraphExport(run, redact, core_only=redact, timed=True)
    put(tabular.EDGES_FILE, tabular.edges_parquet(graph))


def _nodes(run: Run, positions: pa.Table, put: PutFile, *, redact: bool) -> None:
    graph = GraphExport(run, core_only=redact, timed=True)
    put(tabular.NODES_FILE, tabular.nodes_parquet(graph, positions))


def _put_piece(name: str, value: Json, put: PutFile) -> None:
    put(f"report/data/{name}.js", [encode_piece(name, value)])


def _lists(
    run: Run,
    entities: pa.Table,
    previous: RunFolder | None,
    part_of: Mapping[str, int],
    context: PartContext,
    put: PutFile,
) -> None:
    for name, content in static_files().items():
        put(f"report/{name}", [content])
    redact = context.redact
    contested = entities.filter(pc.field("status") == Status.CONTESTED)
    rows = list(cluster_rows(run, previous, part_of, context, contested))
    size = CLUSTER_COLUMNS.index("size")
    _put_piece("run", run_piece(run, rows, context, previous, contested), put)
    places = run_summary.places_and_flows(run, entities, context.suppress_below, redact=redact)
    _put_piece("places", places, put)
    _put_piece("suppressed", _suppressed(entities, redact=redact), put)
    if not redact:
        _put_piece("campaigns", _campaigns(run), put)
    for name, chosen in (
        ("clusters", [row for row in rows if row[size] > 1]),
        ("singles", [row for row in rows if row[size] <= 1]),
    ):
        _put_piece(name, {"columns": CLUSTER_COLUMNS, "rows": chosen}, put)


def _search(run: Run, naming: pa.Table | None, put: PutFile) -> None:
    ids = tables.read_table(run, CLUSTERS, ["cluster_id"])["cluster_id"].to_pylist()
    index: Any = search_index(run, ids, naming)
    whole = (
        ("search", ("ids", "clusters")),
        ("records", ("record_orgs", "records", "record_clusters")),
    )
    counts = {}
    for name, columns in whole:
        starts = range(0, len(index[columns[0]]), SEARCHED_OF_PIECE)
        counts[name] = len(starts)
        for place, start in enumerate(starts):
            part = {column: index[column][start : start + SEARCHED_OF_PIECE] for column in columns}
            _put_piece(f"{name}-{place}", part, put)
    _put_piece("found", {"orgs": index["orgs"], "of": ids} | counts, put)


def cluster_rows(
    run: RunFolder,
    previous: RunFolder | None,
    part_of: Mapping[str, int],
    context: PartContext,
    contested: pa.Table,
) -> Iterator[list[Any]]:
    """Yields the rows of `CLUSTER_COLUMNS`, by priority."""
    order = [("priority", "descending"), ("complaints", "descending"), ("cluster_id", "ascending")]
    attested = _attested(run, contested["entity_id"].combine_chunks())
    lineage: defaultdict[str, list[Json]] = defaultdict(list)
    for change in tables.read_table(run, LINEAGE).sort_by("event").to_pylist():
        if change["event"] != LineageEvent.ENDED:
            lineage[change["cluster_id"]].append(change)
    earlier = _earlier(previous)
    names = disclosure_control.core_names(run) if context.redact else {}
    for row in tables.read_table(run, CLUSTERS, _LISTED).sort_by(order).to_pylist():
        cluster_id = row["cluster_id"]
        counts, events = attested[cluster_id], lineage[cluster_id]
        event: Json = events[0] if events else {}  # a merge names what was split, too
        came_from = event.get("from_ids") or []
        brands = row["brands"]
        if context.redact:
            brands = disclosure_control.listed_brands(brands)
        whole = names.get(cluster_id, row["name"])
        name = whole.removesuffix(f" ({brands[0]})") if brands else whole
        yield [
            cluster_id,
            plain_value(name),
            "" if name == whole else plain_value(brands[0]),
            round(row["priority"], 1),
            row["size"],
            *(counts[name] for name in ("core", "unreviewed", "contested")),
            *picked(row, "complaints calls"),
            _reporters(row),
            _losses(row),
            _countries(row, context.suppress_below),
            row["orgs"],
            [plain_value(brand) for brand in brands[:12]],
            *picked(row, "first_seen last_seen confidence status"),
            " ".join(event["event"] for event in events),
            came_from,
            *(event.get(name) or 0 for name in ("members_new", "members_gone")),
            bool(event.get("on_one_reporter")),
            [earlier[cluster_id] for cluster_id in came_from if cluster_id in earlier],
            row["flags"] or [],
            row["weakest_cut"],
            part_of.get(cluster_id, -1),
        ]


def _attested(run: RunFolder, contested: pa.Array) -> defaultdict[str, Counter[str]]:
    """Counts the members of each cluster that are core, core and unreviewed, and contested."""
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    by = ["cluster_id", "tier", "review"]
    for row in tables.count_by(run, MEMBERS, by).to_pylist():
        if row["tier"] == "core":
            counts[row["cluster_id"]]["core"] += row["rows"]
            if row["review"] == "unreviewed":
                counts[row["cluster_id"]]["unreviewed"] += row["rows"]
    where = pc.field("entity_id").isin(contested)
    for row in tables.count_by(run, MEMBERS, ["cluster_id"], where).to_pylist():
        counts[row["cluster_id"]]["contested"] += row["rows"]
    return counts


def _earlier(previous: RunFolder | None) -> dict[str, Json]:
    """Reads the numbers of the clusters of the run before."""
    if previous is None:
        return {}
    rows = tables.read_table(previous, CLUSTERS, _EARLIER).to_pylist()
    return {
        row["cluster_id"]: named(row, "size status")
        | {"losses": _losses(row), "reporters": _reporters(row)}
        for row in rows
    }


def run_piece(
    run: Run,
    rows: Sequence[Sequence[Any]],
    context: PartContext,
    previous: RunFolder | None,
    contested: pa.Table,
) -> Json:
    """Returns the data on the whole run: its accounting, and the lists that span clusters."""
    manifest, redact = run.manifest, context.redact
    alarms = manifest["alarms"]
    event, size = CLUSTER_COLUMNS.index("event"), CLUSTER_COLUMNS.index("size")
    rejects, more_rejects = run_summary.rejects_by_code(run, 100)
    joint = context.joint
    lists = {}
    if not redact:
        lists = {"decisions": _decisions(run), "contested": _contested_rows(run, contested)}
    options, counters = manifest["options"], manifest["tallies"]
    if redact:
        options = disclosure_control.redact_options(options)
        counters = disclosure_control.redact_counters(counters)
    by_day = run_summary.record_trend(run)
    earlier = previous if previous is None or isinstance(previous, Run) else Run.open(previous)
    trends = [by_day, *([run_summary.record_trend(run, 7)] if by_day["earlier"] else [])]
    return {
        "run": run.run_id,
        "clock": manifest.get("clock"),
        "contract": manifest["contract_version"],
        "versions": dict(manifest["versions"]),
        "options": {name: str(value)[:500] for name, value in options.items()},
        "redacted": redact,
        "suppress_below": context.suppress_below,
        "previous": earlier and earlier.run_id,
        "previous_clock": earlier and earlier.manifest.get("clock"),
        "compared": any(row[event] not in ("", LineageEvent.BORN) for row in rows),
        "snapshot": "snapshot" in manifest["options"],
        "singles": sum(1 for row in rows if row[size] <= 1),
        "narratives": context.narratives,
        "alarms": disclosure_control.redact_alarms(alarms) if redact else alarms,
        "accounts": run_summary.check_accounting(run),
        "inputs": [
            {name: input_file.get(name) for name in ("kind", "format", "rows", "bytes", "sha256")}
            | {"name": f"file {number}" if redact else mask_file_name(input_file["name"])}
            for number, input_file in enumerate(manifest["inputs"][:LISTED_LIMIT], 1)
        ],
        "rejects": rejects,
        "more_rejects": more_rejects,
        "kinds": run_summary.entities_by_kind(run),
        "statuses": list(Status),
        "tiers": tables.count_by(run, MEMBERS, ["tier", "review"]).to_pylist(),
        "tallies": {
            str(group): {str(name): number for name, number in counts.items()}
            for group, counts in counters.items()
        },
        "trends": trends,
        "breakdowns": run_summary.complaint_breakdowns(run, 12, redact=redact),
        "shared": context.shared[1],
        "moved": _moved(run),
        "suppliers": _all_suppliers(run, context.suppliers),
        "formats": [named(vars(form), "code name description") for form in EXPORT_FORMATS],
        "joint": None if joint is None else _joint_run(joint),
    } | lists


def _suppressed(entities: pa.Table, *, redact: bool) -> Json:
    """Returns suppressed identifiers, those of most complaints first, and how many there are."""
    order = [("complaints", "descending"), ("calls", "descending"), ("entity_id", "ascending")]
    shown = disclosure_control.suppressed_shown(entities, redact=redact)
    rows = shown.sort_by(order).slice(0, SUPPRESSED_LIMIT)
    columns = "entity_id kind complaints calls orgs reason"
    return {
        "columns": "id kind complaints calls orgs reason".split(),
        "rows": [picked(row, columns) for row in rows.to_pylist()],
        "total": entities.filter(pc.field("status") == Status.SUPPRESSED).num_rows,
    }


def _joint_run(joint: Joint) -> Json:
    about = "sender issued_at tlp sha256 why"
    return {
        "offers": [named(offer, about) for offer in [*joint.offers, *joint.left_out]],
        "links": sum(len(part["links"]) for part in joint.parts.values()),
        "merged": sum(len(part["shared"]) for part in joint.parts.values()),
    }


def _moved(run: RunFolder) -> list[Json]:
    """Reads clusters of the run before that are gone, with the clusters that they went to."""
    gone = pc.field("event") == LineageEvent.ENDED
    rows = tables.read_table(run, LINEAGE, ["cluster_id", "to_ids"], gone)
    return list(rows.slice(0, LISTED_LIMIT).to_pylist())


def _all_suppliers(run: RunFolder, shown: pc.Expression) -> Json:
    """Returns the suppliers of most clusters: id, kind, clusters, records, and first clusters."""
    order = [("clusters", "descending"), ("records", "descending"), ("entity_id", "ascending")]
    suppliers = clusters_by_supplier(run, shown).sort_by(order)
    listed = [
        [*picked(row, "entity_id kind clusters records"), row["cluster_ids"][:OTHERS_LIMIT]]
        for row in suppliers.slice(0, LISTED_LIMIT).to_pylist()
    ]
    columns = "id kind clusters records serves".split()
    return {"columns": columns, "rows": listed, "total": suppliers.num_rows}


def _campaigns(run: RunFolder) -> Json:
    """Returns the first leads; none for a run older than leads."""
    columns = "campaign_id rank probability reporters last_seen"
    rows = _rows_if_there(run, CAMPAIGNS)
    first = sorted(rows, key=lambda row: row["rank"])[:LISTED_LIMIT]
    listed = [
        [
            *picked(campaign, columns),
            [picked(member, "cluster_id entity_ids reporters") for member in campaign["members"]],
            [picked(shared, "thing members") for shared in campaign["shared"][:OTHERS_LIMIT]],
        ]
        for campaign in first
    ]
    shown = "id rank probability reporters last members shared".split()
    return {"columns": shown, "rows": listed, "total": len(rows)}


def _contested_rows(run: RunFolder, contested: pa.Table) -> Json:
    """Returns contested identifiers, by their withheld ids."""
    columns = "entity_id reason complaints calls first_seen last_seen"
    where = pc.field("entity_id").isin(contested["entity_id"].combine_chunks())
    members = tables.read_table(run, MEMBERS, ["entity_id", "cluster_id"], where)
    cluster_of = dict(zip(*(column.to_pylist() for column in members.columns), strict=True))
    rows = [
        [cluster_of.get(row["entity_id"]), *picked(row, columns)]
        for row in contested.slice(0, LISTED_LIMIT).to_pylist()
    ]
    shown = "cluster id reason complaints calls first last".split()
    return {"columns": shown, "rows": rows, "total": contested.num_rows}


def _decisions(run: Run) -> list[Json]:
    """Reads the decisions of a run, in force or not; none for a run older than decisions.

    A person who judges second must not see the first person's verdict.
    """
    rows = _rows_if_there(run, DECISIONS)
    if run.manifest["options"].get("two_person"):
        judged = (*REVIEWING_DECISIONS, *CLUSTER_DECISIONS)
        signed = {
            (row["entity_a"], row["author"])
            for row in rows
            if row["kind"] in judged and row["signed_by"]
        }
        judges = Counter(entity for entity, _ in signed)
        rows = [
            row
            for row in rows
            if row["kind"] not in judged
            or judges[row["entity_a"]] > 1
            or (row["in_force"] and row["kind"] in REVIEWING_DECISIONS)
        ]
    return [named(row, _DECISION_COLUMNS) for row in rows]


def _rows_if_there(run: RunFolder, table: Table) -> list[Json]:
    try:
        return list(tables.read_table(run, table).to_pylist())
    except FileNotFoundError:
        return []


def _reporters(row: Json) -> int:
    """Returns the reporters of a cluster; its victims, for a run older than reporters."""
    return int(row["victims"] if row["reporters"] is None else row["reporters"])


def _losses(row: Json) -> list[tuple[str, str, int]]:
    losses = sorted(row["losses"] or [], key=lambda loss: (-loss["complaints"], loss["currency"]))
    return [(loss["currency"], f"{loss['amount'] or 0:.2f}", loss["complaints"]) for loss in losses]


def _countries(row: Json, floor: int) -> list[tuple[str, int | None]]:
    countries = row["countries"] or []
    counts = disclosure_control.suppress_small_counts(
        [country["complaints"] for country in countries], floor
    )
    return [(country["country"], count) for country, count in zip(countries, counts, strict=True)]
