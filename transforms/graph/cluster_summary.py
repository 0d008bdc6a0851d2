"""The summary of each cluster: members, victims, losses, and its weakest points."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.cluster import CANDIDATE, CLUSTER, CONFIRMED, DISPUTED, MEMBER, ClusterFlag
from schemas.decision import DecisionKind
from schemas.entity import epoch_number, without_epoch, without_epochs
from schemas.enums import RecordKind, Review, Status, Tier
from schemas.field import FLAG, INTEGER, TEXT, Row
from schemas.mention import MENTIONS
from transforms.arrow import aggregate, each_once, explode, hash_text, table_of_rows, with_column
from transforms.decisions import NO_DECISIONS, DecisionsInForce
from transforms.engine import KeyedInput, PerPartition, batches_of, table_of, tagged_batches
from transforms.extract.impersonation import OTHER
from transforms.graph import cuts, priority
from transforms.graph.cluster_facts import (
    BURST_REPORTERS,
    CLUSTER_TOTAL,
    ClusterFacts,
    cluster_facts,
    rows_by_cluster,
)
from transforms.graph.final_status import CLUSTER_LINK, MEMBERSHIP
from transforms.graph.incidence import are_hard
from transforms.graph.link_weights import link_probability, reporter_hashes
from transforms.graph.robustness import CORE_ROBUSTNESS, standings
from transforms.graph.weak_points import find_weak_points
from transforms.values import NO_CHANNEL, NO_CROWDS, NO_SOURCES, Crowds, SourceRecord, SourceRecords

Graph = dict[str, dict[str, float]]
"""The weight of each edge, by both its nodes."""

MUST_LINK_WEIGHT = 5.0
"""Records' worth that a must_link decision counts for."""

EPOCH_WEIGHT = 1.0
"""Records' worth of the tie between an identifier's epoch and the epoch before."""

REPORTED_BRIDGES = 5
"""Bridges that a cluster reports."""

MAX_BRIDGE_LINKS = 20_000
"""Most links of a cluster whose bridges are searched: a larger cluster is an alarm, not a case."""

ROWS_AT_A_TIME = 20_000
"""Rows of whole clusters that are Python objects at a time; a large cluster can add more."""

MEMBERS = "members"

SOURCE_TRIAL = pa.schema(
    {"source_org": TEXT, "channel": TEXT, "reporter": INTEGER, "identifier": INTEGER, "wrong": FLAG}
)
"""A reporter of a source who shows an identifier in a hard role on which analysts decided.

`wrong` if they decided that it is not a suspect's.
"""


@dataclass(frozen=True)
class Cohesion:
    """Articulation points, weakest bridges, and the weight that ties each member to its cluster."""

    cut_vertices: frozenset[str]
    bridges: tuple[Row, ...]
    tie: Mapping[str, float]


def cluster_cohesion(members: Iterable[str], links: Sequence[Row]) -> Cohesion:
    """Finds the weak points and ties that the accepted links give a cluster."""
    graph: Graph = {member: {} for member in sorted(members)}
    for link in sorted(links, key=_ends):
        a, b = _ends(link)
        near, far = graph.setdefault(a, {}), graph.setdefault(b, {})
        near[b] = far[a] = near.get(b, 0) + link["weight"]
    tie = {node: math.fsum(weights.values()) for node, weights in graph.items()}
    if sum(map(len, graph.values())) > 2 * MAX_BRIDGE_LINKS:
        return Cohesion(frozenset(), (), tie)
    points, bridges = find_weak_points(graph, dict.fromkeys(graph, 1))
    weakest = sorted(
        (graph[a][b], min(a, b), max(a, b), min(sides)) for (a, b), sides in bridges.items()
    )
    names = ("weight", "entity_a", "entity_b", "smaller_side")
    rows = (dict(zip(names, bridge, strict=True)) for bridge in weakest[:REPORTED_BRIDGES])
    return Cohesion(frozenset(points), tuple(rows), tie)


def member_rows(
    members: Sequence[Row],
    cohesion: Cohesion,
    tie: Mapping[str, float],
    reviewed: Container[str],
    most: Mapping[str, int],
) -> list[Row]:
    """Converts one cluster's MEMBERSHIP rows to MEMBER rows.

    `tie` is the weight that ties each member to the others. `reviewed` are the ids of entities that
    analysts reviewed; a contested member counts as unreviewed. `most` bounds the reporters that
    some members rest on, since a burst with one text counts as one reporter. In a cluster of one
    member, confidence rests on the reporters who show it in a hard role.
    """
    standing = standings(members, most)
    rows: list[Row] = []
    for member in members:
        entity_id, how = member["entity_id"], standing[member["entity_id"]]
        sure = entity_id in reviewed and member["status"] != Status.CONTESTED
        weight = tie[entity_id] if len(members) > 1 else member["reporters"]
        copied = ("entity_id", "cluster_id", "role", "reporters", "first_used", "last_used")
        rows.append(
            {name: member[name] for name in copied}
            | {
                "confidence": link_probability(min(weight, most.get(entity_id, weight))),
                "bridge": entity_id in cohesion.cut_vertices,
                "robustness": how.robustness,
                "tier": how.tier,
                "review": Review.REVIEWED if sure else Review.UNREVIEWED,
                "near_miss_of": how.near_miss_of,
            }
        )
    return rows


def cluster_status(
    members: Sequence[Row], confirmed: Container[str], disputed: Container[str]
) -> str:
    """Returns the status of a cluster from its MEMBERSHIP rows.

    A dispute comes first if it covers a firm member, which at least two reporters tied to the
    cluster. Without firm members, a dispute on any member counts. A member can leave the core
    because it is contested, a near miss or tied to other clusters; decisions on it still count.

    Args:
        members: The MEMBERSHIP rows of the cluster.
        confirmed: Entity ids that a confirm covers.
        disputed: Ids without epochs that a dispute covers.
    """
    ids = [member["known_as"] for member in members]
    alone = len(members) == 1
    firm = [
        member["known_as"]
        for member in members
        if member["reporters"] >= CORE_ROBUSTNESS
        and (alone or member["tying_reporters"] >= CORE_ROBUSTNESS)
    ]
    if any(without_epoch(entity_id) in disputed for entity_id in firm or ids):
        return DISPUTED
    return CONFIRMED if any(entity_id in confirmed for entity_id in ids) else CANDIDATE


def cluster_row(members: Sequence[Row], records: ClusterFacts) -> dict[str, Any]:
    """Returns the columns of a CLUSTER row that follow from members and records."""
    counted = sorted(records.brands.items(), key=_most_first)
    brands = [brand for brand, _ in sorted(counted, key=lambda named: named[0] == OTHER)]
    copied = (
        "complaints", "calls", "victims", "reporters", "orgs", "first_seen", "last_seen"
    )  # fmt: skip
    return {name: getattr(records, name) for name in copied} | {
        "cluster_id": members[0]["cluster_id"],
        "name": _name(members, brands),
        "size": len(members),
        "countries": [
            {"country": country, "complaints": count}
            for country, count in sorted(records.countries.items(), key=_most_first)
        ],
        "brands": brands,
        "losses": [
            {"currency": currency, "amount": amount, "complaints": count}
            for currency, (amount, count) in sorted(records.losses.items())
        ],
    }


def summarize(
    members: pa.Table,
    links: pa.Table,
    totals: pa.Table,
    decided: DecisionsInForce = NO_DECISIONS,
    weights: priority.PriorityWeights | None = None,
    ways: pa.Table | None = None,
    crowds: Crowds = NO_CROWDS,
    sources: SourceRecords = NO_SOURCES,
) -> tuple[pa.Table, pa.Table]:
    """Summarizes whole clusters of MEMBERSHIP, CLUSTER_LINK, CLUSTER_TOTAL and WAY rows.

    A must_link decision counts as `MUST_LINK_WEIGHT` records' worth of evidence, a pair of epochs
    of one identifier as `EPOCH_WEIGHT`. Without `weights`, the shipped weights rank. Recency counts
    from `decided.when`, or else from the last record. `sources` say how much reporters count in
    the rank.

    Returns:
        CLUSTER rows and MEMBER rows.
    """
    by = weights or priority.shipped_weights()
    by_cluster = rows_by_cluster(members)
    must = decided.pairs(DecisionKind.MUST_LINK)
    confirmed, disputed = decided.covered(DecisionKind.CONFIRM), decided.disputed()
    reviewed, seen_by_author = decided.reviewed(), decided.reviewed_as_shown()
    vouched = cuts.sets_by_member(cuts.vouched_sets(map(vars, decided.binding)))
    links_of, records_of = rows_by_cluster(links), cluster_facts(totals, crowds, sources)
    ids_of = {
        cluster_id: sorted(row["entity_id"] for row in rows)
        for cluster_id, rows in by_cluster.items()
    }
    named_of = cuts.members_named(cuts.WAY.empty_table() if ways is None else ways, ids_of)
    clusters: list[dict[str, Any]] = []
    all_members: list[Row] = []
    for cluster_id, mine in sorted(by_cluster.items()):
        ids, seen, named = ids_of[cluster_id], records_of[cluster_id], named_of[cluster_id]
        known = {member["known_as"]: member["entity_id"] for member in mine}
        beside = [*_must_links(must, known), *_epoch_links(ids)]
        cohesion = cluster_cohesion(ids, [*links_of.get(cluster_id, []), *beside])
        masks = cuts.reporter_masks(named, seen.counted_as, crowds)
        most = _bounds(ids, seen, seen.counted_as, masks)
        if seen.brief and not seen_by_author.isdisjoint(ids):
            alike = _bounds(ids, seen, seen.alike, cuts.reporter_masks(named, seen.alike, crowds))
            most = {
                entity_id: bounds[entity_id]
                for entity_id in ids
                for bounds in [alike if entity_id in seen_by_author else most]
                if entity_id in bounds
            }
        rows = member_rows(
            mine, cohesion, _bounded_ties(mine, cohesion.tie, beside), reviewed, most
        )
        cluster = cluster_row(mine, seen) | {
            "status": cluster_status(mine, confirmed, disputed),
            "confidence": math.fsum(row["confidence"] for row in rows) / len(rows),
            "weakest_bridges": list(cohesion.bridges),
        }
        parts = priority.priority_parts(
            cluster | seen.ranked_by, mine, seen.complaint_times, decided.when or seen.last_seen, by
        )
        cluster |= {"priority": priority.total_priority(parts), "priority_parts": parts}
        place = {entity_id: number for number, entity_id in enumerate(ids)}
        same = cuts.pairs_together(
            vouched, {known_as: place[entity_id] for known_as, entity_id in known.items()}
        )
        core = {row["entity_id"] for row in rows if row["tier"] is Tier.CORE}
        cluster |= _cut_columns(ids, [entity_id in core for entity_id in ids], masks, same)
        cluster["flags"] = sorted([*cluster["flags"], *_source_flags(seen)])
        clusters.append(cluster)
        all_members.extend(rows)
    return table_of_rows(clusters, CLUSTER), table_of_rows(all_members, MEMBER)


def source_trials(evidence: pa.RecordBatch, decided: DecisionsInForce) -> Iterator[pa.RecordBatch]:
    """Yields the distinct SOURCE_TRIAL rows of a CLASSIFIED batch's complaints."""
    suspects, others = decided.suspects_and_others()
    either, wrong = (pa.array(sorted(ids), TEXT) for ids in (suspects | others, others))
    if not len(either):
        return
    shown = explode(evidence, MENTIONS, ("source_org", "channel", "record_kind", "reporter_key"))
    shown = with_column(shown, "entity_id", without_epochs(shown["entity_id"]))
    complaint = pc.equal(shown["record_kind"], RecordKind.COMPLAINT)
    counts = pc.and_(complaint, pc.is_valid(shown["reporter_key"]))
    counts = pc.and_(counts, pc.is_in(shown["entity_id"], either))
    rows = shown.filter(pc.and_(counts, are_hard(shown["role"])))
    columns = {
        "source_org": rows["source_org"],
        "channel": pc.fill_null(rows["channel"], NO_CHANNEL),
        "reporter": reporter_hashes(rows["reporter_key"]),
        "identifier": hash_text(rows["entity_id"]),
        "wrong": pc.is_in(rows["entity_id"], wrong),
    }
    yield from batches_of(each_once(pa.table(columns, SOURCE_TRIAL), SOURCE_TRIAL))


def source_records(_: object, trials: Iterable[pa.RecordBatch]) -> SourceRecords:
    """Sums the SOURCE_TRIAL rows of a window by source; the first argument is its single element.

    A reporter is right unless more of the identifiers that they name are wrong than a suspect's.
    """
    once = each_once(table_of(trials, SOURCE_TRIAL), SOURCE_TRIAL)
    signs = once.append_column("sign", pc.if_else(once["wrong"], 1, -1))
    people = aggregate(signs, SOURCE_TRIAL.names[:3], [("sign", "sum")])
    counts: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in people.to_pylist():
        counts[row["source_org"], row["channel"]][row["sign"] > 0] += 1
    return {source: SourceRecord(*signs_of) for source, signs_of in sorted(counts.items())}


def _bounds(
    ids: Sequence[str], records: ClusterFacts, counted_as: Mapping[int, int], masks: Sequence[int]
) -> dict[str, int]:
    """Returns the largest number of reporters that each member of a cluster with a burst rests on.

    A single identifier is also bounded if an offer counts people who do not all bear it.
    """
    if not counted_as and (len(ids) > 1 or records.bearing == records.reporters):
        return {}
    if len(ids) == 1:
        bounded = records.bearing - len(counted_as) + len(set(counted_as.values()))
        return dict.fromkeys(ids, max(bounded, 1))
    return {
        member: max(sum(mask >> place & 1 for mask in masks), 1) for place, member in enumerate(ids)
    }


def _source_flags(records: ClusterFacts) -> Iterator[ClusterFlag]:
    """Yields the flags that say how few the sources of a cluster are."""
    one_off = records.burst >= BURST_REPORTERS and 2 * records.burst > records.reporters
    if one_off or records.brief:
        yield ClusterFlag.BURST
    if max(Counter(records.alike.values()).values(), default=0) >= BURST_REPORTERS:
        yield ClusterFlag.SAME_TEXT
    if len(records.orgs) == 1:
        yield ClusterFlag.ONE_SOURCE
    if records.reporters == 1:
        yield ClusterFlag.ONE_REPORTER


def _cut_columns(
    ids: Sequence[str], core: Sequence[bool], masks: Sequence[int], same: Sequence[tuple[int, int]]
) -> dict[str, Any]:
    """Returns the columns of the weakest cut of a cluster and of its thin join, if any.

    Args:
        ids: The members.
        core: Whether each member is core.
        masks: The members that each reporter names.
        same: Pairs of members that analysts vouch for.
    """
    cut = thin = None
    if sum(core) >= 2 * cuts.PAIR_SIDE:
        cut = cuts.weakest_cut(masks, core)
        thin = cuts.thin_join(cut, masks, core, same)
    at_least = cut is not None and not cut.exact
    flags = (ClusterFlag.CUT_AT_LEAST, at_least), (ClusterFlag.THIN, thin is not None)
    return {
        "flags": [flag for flag, holds in flags if holds],
        "weakest_cut": cut.reporters if cut else None,
        "weakest_side": cut.members(ids) if cut else None,
        "thin_side": thin.members(ids) if thin else None,
    }


def _bounded_ties(
    members: Sequence[Row], tie: Mapping[str, float], beside: Sequence[Row]
) -> dict[str, float]:
    """Bounds the tie of each member by its reporters, who are worth one record each.

    The weights of decisions and epochs (`beside`) are added.
    """
    added = defaultdict[str, float](float)
    for link in beside:
        for end in _ends(link):
            added[end] += link["weight"]
    reporters = {member["entity_id"]: float(member["reporters"]) for member in members}
    return {
        entity_id: min(tie[entity_id] - added[entity_id], most) + added[entity_id]
        for entity_id, most in reporters.items()
    }


def split_by_cluster(
    tables: Sequence[pa.Table], rows: int = ROWS_AT_A_TIME
) -> Iterator[list[pa.Table]]:
    """Splits the tables into parts of about `rows` rows; each part has the same whole clusters."""
    ids = pa.concat_arrays([table["cluster_id"].combine_chunks() for table in tables]).unique()
    numbers_of = [pc.index_in(table["cluster_id"], ids).to_numpy() for table in tables]
    ends = np.cumsum(sum(np.bincount(numbers, minlength=len(ids)) for numbers in numbers_of))
    part_of = (ends - 1) // rows
    orders = [np.argsort(numbers, kind="stable") for numbers in numbers_of]
    parts = [part_of[numbers[order]] for numbers, order in zip(numbers_of, orders, strict=True)]
    for part in np.unique(part_of):
        bounds = [np.searchsorted(sorted_parts, [part, part + 1]) for sorted_parts in parts]
        yield [
            table.take(order[start:end])
            for table, order, (start, end) in zip(tables, orders, bounds, strict=True)
        ]


def summaries(
    decided: beam.pvalue.AsSingleton,
    sources: beam.pvalue.AsSingleton,
    weights: priority.PriorityWeights,
    crowds: Crowds = NO_CROWDS,
) -> PerPartition:
    """Returns the step that brings the rows of each cluster together and summarizes it.

    Input: a dict of MEMBERSHIP (`members`), CLUSTER_LINK (`links`), CLUSTER_TOTAL (`records`) and
    WAY (`ways`) batches. Output: MAIN (CLUSTER) and MEMBERS (MEMBER). `decided` is a
    DecisionsInForce, `sources` a SourceRecords.
    """
    schemas = {
        "members": MEMBERSHIP, "links": CLUSTER_LINK, "records": CLUSTER_TOTAL, "ways": cuts.WAY
    }  # fmt: skip
    keyed = {name: KeyedInput(schema, ("cluster_id",)) for name, schema in schemas.items()}
    work = partial(_summaries, weights=weights, crowds=crowds)
    return PerPartition(keyed, work, (MEMBERS,), (decided, sources))


def _ends(link: Row) -> tuple[str, str]:
    return link["entity_a"], link["entity_b"]


def _most_first(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]


def _name(members: Sequence[Row], brands: Sequence[str]) -> str:
    """Names a cluster after its best-attested identifier and its most claimed brand."""
    named = [
        (-member["reporters"], member["first_seen"], member["entity_id"], str(member["value"]))
        for member in members
        if member["value"] is not None
    ]
    best = min(named)[-1] if named else "contested"
    return f"{best} ({brands[0]})" if brands and brands[0] != OTHER else best


def _must_links(must: Sequence[tuple[str, str]], members: Mapping[str, str]) -> list[Row]:
    """Returns the must_link decisions inside a cluster as links between the shown ids."""
    return [
        {"entity_a": members[a], "entity_b": members[b], "weight": MUST_LINK_WEIGHT}
        for a, b in must
        if a in members and b in members
    ]


def _epoch_links(members: Sequence[str]) -> list[Row]:
    """Returns the epochs of one identifier inside a cluster, each linked to the next."""
    ordered = sorted((without_epoch(near), epoch_number(near), near) for near in members)
    return [
        {"entity_a": near, "entity_b": far, "weight": EPOCH_WEIGHT}
        for (bare, _, near), (same, _, far) in pairwise(ordered)
        if bare == same
    ]


def _summaries(
    members: pa.Table,
    links: pa.Table,
    totals: pa.Table,
    ways: pa.Table,
    decided: DecisionsInForce,
    sources: SourceRecords,
    *,
    weights: priority.PriorityWeights,
    crowds: Crowds,
) -> Iterator[Any]:
    for rows, tied, added, named in split_by_cluster((members, links, totals, ways)):
        clusters, all_members = summarize(
            rows, tied, added, decided, weights, named, crowds, sources
        )
        yield from batches_of(clusters)
        yield from tagged_batches(MEMBERS, all_members)
