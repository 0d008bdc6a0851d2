"""Pieces of data about clusters, of which the workbench draws the page of each.

A piece has rows in the order of the columns below; a time is ISO 8601, a text is cut, nothing is
markup. Shows what the tables of a run show to everybody who may read it, and nothing of private/.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial
from operator import attrgetter, itemgetter
from typing import Any

from reports import disclosure_control, tables
from reports.cluster_data import DRAWN_SUPPLIERS, ClusterFacts, compare_scripts, gather_batch
from reports.figures import Point, find_handovers, member_positions, read_positions
from reports.link_evidence import entity_doubts
from reports.run_summary import Joint
from schemas.entity import epoch_number, without_epoch
from schemas.enums import EntityKind

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
    "a org kind role at country field start confidence id raw before after".split()
)
"""One record that names the member at `a`, and the words around it where the run keeps them."""

_MEMBER = itemgetter(
    *"tier review reporters robustness near_miss_of bridge status complaints calls orgs".split(),
    *"region line_type hosted_by first_seen last_seen".split(),
)

_LINK = itemgetter(
    *"complaints calls reporters orgs first_seen last_seen strength accepted".split()
)

_READING = attrgetter(*"source_org record_kind role observed_at victim_country field start".split())

_EPOCH_DAY = date(1970, 1, 1).toordinal()


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
                [] if context.redact else list(map(_cut, one["record_ids"])),
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
            (
                place[one.entity_id],
                *_READING(one),
                round(one.confidence, 3),
                *map(_cut, (one.record_id, one.raw, one.before, one.after)),
            )
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


def _cut(text: str | None) -> str | None:
    return text if text is None or len(text) <= TEXT_LIMIT else text[:TEXT_LIMIT]
