"""The summary of each cluster: members, victims, losses, and where it is weakest.

The records of clusters are added up before they travel: however many calls a cluster has, what its
owner brings together is a row for each organisation and partition of the records, with the hash of
each reporter once; a complaint keeps a row of its own.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from functools import partial
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from schemas.cluster import CLUSTER, MEMBER
from schemas.decision import DecisionKind
from schemas.entity import epoch_number, without_epoch
from schemas.enums import RecordKind, Review, Status, Tier
from schemas.field import AMOUNT, TIMESTAMP
from transforms.arrow_util import group_offsets, group_starts, table_of_columns, table_of_rows
from transforms.decisions import NO_DECISIONS, DecisionsInForce
from transforms.graph import priority
from transforms.graph.final_status import CLUSTER_LINK, MEMBERSHIP
from transforms.graph.link_weights import reporter_hashes
from transforms.graph.robustness import near_miss_members, tier_of
from transforms.shuffle import KeyedInput, PerPartition, batches_of

if TYPE_CHECKING:
    import networkx as nx

Row = Mapping[str, Any]

CANDIDATE, CONFIRMED, DISPUTED = "candidate", "confirmed", "disputed"
"""Status of a cluster: what analysts' decisions say of its members; a dispute comes first."""

MUST_LINK_WEIGHT = 5.0
"""Records' worth that a must_link decision counts for."""

EPOCH_WEIGHT = 1.0
"""Records' worth that ties an identifier that came back to its epoch before."""

REPORTED_BRIDGES = 5
"""Bridges that a cluster reports."""

MAX_BRIDGE_LINKS = 20_000
"""Links above which bridges are not looked for: a cluster that large is an alarm, not a case."""

ROWS_AT_A_TIME = 20_000
"""Rows of whole clusters that are Python objects at a time, beside those of one more."""

CLUSTER_TOTAL = pa.schema(
    [
        ("cluster_id", pa.string()),
        ("record_kind", pa.string()),
        ("source_org", pa.string()),
        ("brand", pa.string()),
        ("records", pa.int64()),
        ("first_seen", TIMESTAMP),
        ("last_seen", TIMESTAMP),
        ("reporters", pa.list_(pa.int64())),
        ("victim_country", pa.string()),
        ("loss_amount", AMOUNT),
        ("loss_currency", pa.string()),
    ]
)
"""A complaint that names a member of a cluster, or all calls of one share of the records that do.

`reporters` are hashes, each once, odd where a pseudonym names a person. The last three are null for
calls.
"""

MEMBERS = "members"

_CALLS_KEY = ["cluster_id", "record_kind", "source_org", "brand"]

_EXACT_SUM = pa.decimal256(76, AMOUNT.scale)
"""A type that holds the sum of any number of losses to the last decimal."""


@dataclass(frozen=True)
class Cohesion:
    """Articulation points, weakest bridges, and the weight that ties each member to its cluster."""

    cut_vertices: frozenset[str]
    bridges: tuple[Row, ...]
    tie: Mapping[str, float]


@dataclass
class ClusterFacts:
    """The records of one cluster added up.

    `countries` counts complaints, `brands` all records; `losses` has by currency the sum and how
    many state it. `complaint_times` are those of each reporter's first complaint, in microseconds
    since 1970, in no order.
    """

    first_seen: datetime
    last_seen: datetime
    orgs: list[str]
    complaints: int = 0
    calls: int = 0
    victims: int = 0
    reporters: int = 0
    countries: dict[str, int] = field(default_factory=dict)
    brands: dict[str, int] = field(default_factory=dict)
    losses: dict[str, tuple[Decimal, int]] = field(default_factory=dict)
    complaint_times: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))


def sum_cluster_records(records: pa.Table) -> pa.Table:
    """Converts CLUSTER_RECORD rows, each record once, to CLUSTER_TOTAL rows."""
    keys = records["reporter_key"].combine_chunks()
    reporter = pa.array(
        reporter_hashes(pc.fill_null(keys, "")), mask=pc.is_null(keys).to_numpy(False)
    )
    rows = records.append_column("reporter", reporter)
    complaint = pc.equal(rows["record_kind"], RecordKind.COMPLAINT)
    calls = rows.filter(pc.invert(complaint)).group_by(_CALLS_KEY, use_threads=False)
    added = calls.aggregate(
        [
            ([], "count_all"),
            ("observed_at", "min"),
            ("observed_at", "max"),
            ("reporter", "distinct", pc.CountOptions(mode="only_valid")),
        ]
    )
    parts = [_complaint_totals(rows.filter(complaint))]
    if added.num_rows:
        named = {name: added[name] for name in _CALLS_KEY}
        named |= {
            "records": added["count_all"],
            "first_seen": added["observed_at_min"],
            "last_seen": added["observed_at_max"],
            "reporters": added["reporter_distinct"],
        }
        for name in ("victim_country", "loss_amount", "loss_currency"):
            named[name] = pa.nulls(added.num_rows, CLUSTER_TOTAL.field(name).type)
        parts.append(pa.table(named).select(CLUSTER_TOTAL.names).cast(CLUSTER_TOTAL))
    return pa.concat_tables(parts)


def cluster_facts(totals: pa.Table) -> Mapping[str, ClusterFacts]:
    """Converts CLUSTER_TOTAL rows of whole clusters to the facts of each."""
    if not totals.num_rows:
        return {}
    by_cluster = totals.group_by("cluster_id", use_threads=False)
    spans = by_cluster.aggregate(
        [("first_seen", "min"), ("last_seen", "max"), ("source_org", "distinct")]
    )
    found = {
        one["cluster_id"]: ClusterFacts(
            one["first_seen_min"], one["last_seen_max"], sorted(one["source_org_distinct"])
        )
        for one in spans.to_pylist()
    }
    complaints = totals.filter(pc.equal(totals["record_kind"], RecordKind.COMPLAINT))
    calls = totals.filter(pc.not_equal(totals["record_kind"], RecordKind.COMPLAINT))
    for cluster, _, count in _records_by_value(complaints, "record_kind"):
        found[cluster].complaints = count
    for cluster, _, count in _records_by_value(calls, "record_kind"):
        found[cluster].calls += count
    for cluster, country, count in _records_by_value(complaints, "victim_country"):
        found[cluster].countries[country] = count
    for cluster, brand, count in _records_by_value(totals, "brand"):
        found[cluster].brands[brand] = count
    for cluster, count, victims in _reporters_by_cluster(totals):
        found[cluster].reporters, found[cluster].victims = count, victims
    for cluster, currency, amount, count in _losses_by_cluster(complaints):
        found[cluster].losses[currency] = amount, count
    for cluster, moments in _complaint_times(complaints):
        found[cluster].complaint_times = moments
    return found


def cluster_cohesion(members: Iterable[str], links: Sequence[Row]) -> Cohesion:
    """Measures how the accepted links hold a cluster together."""
    import networkx as nx

    graph = nx.Graph()
    graph.add_nodes_from(sorted(members))
    for link in sorted(links, key=_ends):
        a, b = _ends(link)
        before = graph[a][b]["weight"] if graph.has_edge(a, b) else 0
        graph.add_edge(a, b, weight=before + link["weight"])
    tie = {node: math.fsum(edge["weight"] for edge in graph[node].values()) for node in graph}
    if graph.number_of_edges() > MAX_BRIDGE_LINKS:
        return Cohesion(frozenset(), (), tie)
    found = sorted(
        (
            {"entity_a": min(a, b), "entity_b": max(a, b), "weight": graph[a][b]["weight"]}
            for a, b in nx.bridges(graph)
        ),
        key=_weakest_first,
    )
    weakest = tuple(
        bridge | {"smaller_side": _smaller_side(graph, bridge)}
        for bridge in found[:REPORTED_BRIDGES]
    )
    return Cohesion(frozenset(nx.articulation_points(graph)), weakest, tie)


def confidence_of_weight(tie: float) -> float:
    """Returns 1 - 2^-tie: 0 for no evidence, and half the doubt with each record's worth."""
    return 1 - 2**-tie


def member_rows(
    cluster_id: str,
    members: Sequence[Row],
    cohesion: Cohesion,
    reviewed: Container[str] = frozenset(),
) -> list[Row]:
    """Returns MEMBER rows of one cluster's MEMBERSHIP rows.

    `reviewed` are the ids of entities that analysts reviewed. The confidence in a cluster of one,
    and its robustness, is that of the reporters who show its member in a hard role. A contested
    member always needs a check.
    """
    alone = len(members) == 1
    like = near_miss_members(members)
    rows: list[Row] = []
    for one in members:
        entity_id, reporters = one["entity_id"], one["reporters"]
        robustness = reporters if alone else min(reporters, one["link_reporters"])
        contested = one["status"] == Status.CONTESTED
        tier = Tier.VERIFY if contested else tier_of(robustness, like.get(entity_id))
        sure = entity_id in reviewed and not contested
        rows.append(
            {
                "entity_id": entity_id,
                "cluster_id": cluster_id,
                "role": one["role"],
                "confidence": confidence_of_weight(reporters if alone else cohesion.tie[entity_id]),
                "bridge": entity_id in cohesion.cut_vertices,
                "reporters": reporters,
                "robustness": robustness,
                "tier": tier,
                "review": Review.REVIEWED if sure else Review.UNREVIEWED,
                "near_miss_of": like.get(entity_id),
                "first_used": one.get("first_used"),
                "last_used": one.get("last_used"),
            }
        )
    return rows


def cluster_status(
    rows: Sequence[Row],
    confirmed: Container[str],
    disputed: Container[str],
    contested: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """Returns the status of a cluster from its MEMBER rows.

    A dispute that covers a core member comes first: one that covers a verify member alone, which a
    single reporter may have put there, leaves the rest free. Without a core any member counts. That
    a member is contested, which takes it out of the core, takes no decision on it away.

    Args:
        rows: Its MEMBER rows.
        confirmed: Entity ids that a confirm covers.
        disputed: Ids without epochs that a dispute covers.
        contested: The own id of each contested member, by the id that is shown.
    """
    ids = [contested.get(one["entity_id"], one["entity_id"]) for one in rows]
    core = [
        entity_id
        for entity_id, one in zip(ids, rows, strict=True)
        if one["tier"] == Tier.CORE
        or (
            one["entity_id"] in contested
            and tier_of(one["robustness"], one["near_miss_of"]) is Tier.CORE
        )
    ]
    if any(without_epoch(one) in disputed for one in core or ids):
        return DISPUTED
    return CONFIRMED if any(one in confirmed for one in ids) else CANDIDATE


def cluster_row(
    cluster_id: str,
    members: Sequence[Row],
    records: ClusterFacts,
    cohesion: Cohesion,
    certainty: Sequence[float],
    status: str = CANDIDATE,
) -> dict[str, Any]:
    """Returns a CLUSTER row without its priority; `certainty` is the confidence of each member."""
    brands = [brand for brand, _ in sorted(records.brands.items(), key=_most_first)]
    sure = math.fsum(certainty) / len(certainty)
    return {
        "cluster_id": cluster_id,
        "name": _name(members, brands),
        "size": len(members),
        "complaints": records.complaints,
        "calls": records.calls,
        "victims": records.victims,
        "reporters": records.reporters,
        "countries": [
            {"country": country, "complaints": count}
            for country, count in sorted(records.countries.items(), key=_most_first)
        ],
        "orgs": records.orgs,
        "brands": brands,
        "losses": [
            {"currency": currency, "amount": amount, "complaints": count}
            for currency, (amount, count) in sorted(records.losses.items())
        ],
        "first_seen": records.first_seen,
        "last_seen": records.last_seen,
        "status": status,
        "confidence": sure,
        "weakest_bridges": list(cohesion.bridges),
    }


def summarize(
    members: pa.Table,
    links: pa.Table,
    totals: pa.Table,
    decided: DecisionsInForce = NO_DECISIONS,
    weights: priority.PriorityWeights | None = None,
) -> tuple[pa.Table, pa.Table]:
    """Summarizes whole clusters of MEMBERSHIP, CLUSTER_LINK and CLUSTER_TOTAL rows.

    A must_link decision counts for `MUST_LINK_WEIGHT` records' worth of evidence, two epochs of one
    identifier for `EPOCH_WEIGHT`. Without `weights` the shipped ones rank; recency counts from
    `decided.when`, or from the last record.

    Returns:
        CLUSTER rows and MEMBER rows.
    """
    by = weights or priority.shipped_weights()
    by_cluster = _rows_by_cluster(members)
    must = decided.pairs(DecisionKind.MUST_LINK)
    confirmed, disputed = decided.covered(DecisionKind.CONFIRM), decided.disputed()
    reviewed = decided.reviewed()
    links_of, records_of = _rows_by_cluster(links), cluster_facts(totals)
    clusters: list[Row] = []
    all_members: list[Row] = []
    for cluster_id, those in sorted(by_cluster.items()):
        ids = [one["entity_id"] for one in those]
        known = {one["known_as"]: one["entity_id"] for one in those}
        beside = [*_must_links(must, known), *_epoch_links(ids)]
        cohesion = cluster_cohesion(ids, [*links_of.get(cluster_id, []), *beside])
        cohesion = replace(cohesion, tie=_bounded_ties(those, cohesion.tie, beside))
        rows = member_rows(cluster_id, those, cohesion, reviewed)
        contested = {shown: own for own, shown in known.items() if shown != own}
        status = cluster_status(rows, confirmed, disputed, contested)
        certainty = [one["confidence"] for one in rows]
        seen = records_of[cluster_id]
        cluster = cluster_row(cluster_id, those, seen, cohesion, certainty, status)
        when = decided.when or seen.last_seen
        parts = priority.priority_parts(cluster, those, seen.complaint_times, when, by)
        ranked = {"priority": priority.total_priority(parts), "priority_parts": parts}
        clusters.append(cluster | ranked)
        all_members.extend(rows)
    return table_of_rows(clusters, CLUSTER), table_of_rows(all_members, MEMBER)


def _bounded_ties(
    members: Sequence[Row], tie: Mapping[str, float], beside: Sequence[Row]
) -> dict[str, float]:
    """Bounds what ties each member by its reporters: each is worth a record, whatever he files.

    What analysts and epochs give (`beside`) is added.
    """
    given: dict[str, list[float]] = defaultdict(list)
    for link in beside:
        for end in _ends(link):
            given[end].append(link["weight"])
    added = {one["entity_id"]: math.fsum(given[one["entity_id"]]) for one in members}
    return {
        one["entity_id"]: min(
            tie[one["entity_id"]] - added[one["entity_id"]], float(one["reporters"])
        )
        + added[one["entity_id"]]
        for one in members
    }


def split_by_cluster(
    tables: Sequence[pa.Table], rows: int = ROWS_AT_A_TIME
) -> Iterator[list[pa.Table]]:
    """Yields parts of the tables, each of the same whole clusters and of about `rows` rows."""
    ids = pa.concat_arrays([one["cluster_id"].combine_chunks() for one in tables]).unique()
    at = [pc.index_in(one["cluster_id"], ids).to_numpy() for one in tables]
    ends = np.cumsum(sum(np.bincount(one, minlength=len(ids)) for one in at))
    part = (ends - 1) // rows
    orders = [np.argsort(one, kind="stable") for one in at]
    parts = [part[one[order]] for one, order in zip(at, orders, strict=True)]
    for number in np.unique(part):
        bounds = [np.searchsorted(one, [number, number + 1]) for one in parts]
        yield [
            table.take(pa.array(order[start:end]))
            for table, order, (start, end) in zip(tables, orders, bounds, strict=True)
        ]


@dataclass(eq=False)
class SummarizeClusters(beam.PTransform):
    """Summarizes clusters; outputs MAIN (CLUSTER) and MEMBERS (MEMBER).

    Input: a dict of MEMBERSHIP (`members`), CLUSTER_LINK (`links`) and CLUSTER_TOTAL (`records`)
    batches. `decided` is the one DecisionsInForce.
    """

    decided: beam.pvalue.AsSingleton
    weights: priority.PriorityWeights

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> Any:
        """Brings all of a cluster together; see `summarize`."""
        key = ("cluster_id",)
        keyed = {
            "members": KeyedInput(MEMBERSHIP, key),
            "links": KeyedInput(CLUSTER_LINK, key),
            "records": KeyedInput(CLUSTER_TOTAL, key),
        }
        return inputs | PerPartition(
            keyed, partial(_summaries, weights=self.weights), (MEMBERS,), self.decided
        )


def _complaint_totals(rows: pa.Table) -> pa.Table:
    reporter = rows["reporter"].combine_chunks()
    offsets = np.concatenate([[0], np.cumsum(reporter.is_valid().to_numpy(zero_copy_only=False))])
    columns = {name: rows[name] for name in CLUSTER_TOTAL.names if name in rows.column_names}
    columns |= {
        "records": np.ones(rows.num_rows, np.int64),
        "first_seen": rows["observed_at"],
        "last_seen": rows["observed_at"],
        "reporters": pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), reporter.drop_null()),
    }
    return table_of_columns(columns, CLUSTER_TOTAL)


def _records_by_value(totals: pa.Table, name: str) -> list[tuple[str, str, int]]:
    """Returns (cluster, value, records) of each value of a column that is not null."""
    rows = totals.select(["cluster_id", name, "records"]).filter(pc.is_valid(totals[name]))
    added = rows.group_by(["cluster_id", name], use_threads=False).aggregate([("records", "sum")])
    return _rows(added, "cluster_id", name, "records_sum")


def _rows(table: pa.Table, *names: str) -> list[Any]:
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))


def _reporters_by_cluster(totals: pa.Table) -> list[tuple[str, int, int]]:
    """Returns each cluster with its reporters, and those of them who have a pseudonym."""
    lists = totals["reporters"].combine_chunks()
    cluster = totals["cluster_id"].combine_chunks().dictionary_encode()
    of = cluster.indices.take(lists.value_parent_indices())
    each = pa.table({"cluster": of, "reporter": lists.flatten()})
    once = each.group_by(["cluster", "reporter"], use_threads=False).aggregate([])
    named = pc.bit_wise_and(once["reporter"], 1)
    counted = (
        once.append_column("named", named)
        .group_by("cluster", use_threads=False)
        .aggregate([([], "count_all"), ("named", "sum")])
    )
    names = cluster.dictionary.take(counted["cluster"].combine_chunks()).to_pylist()
    counts = (counted[name].to_pylist() for name in ("count_all", "named_sum"))
    return list(zip(names, *counts, strict=True))


def _losses_by_cluster(complaints: pa.Table) -> list[tuple[str, str, Decimal, int]]:
    currency = complaints["loss_currency"]
    stated = pc.and_(
        pc.is_valid(complaints["loss_amount"]), pc.fill_null(pc.not_equal(currency, ""), False)
    )
    rows = complaints.select(["cluster_id", "loss_currency", "loss_amount"]).filter(stated)
    rows = rows.set_column(2, "loss_amount", rows["loss_amount"].cast(_EXACT_SUM))
    added = rows.group_by(["cluster_id", "loss_currency"], use_threads=False).aggregate(
        [("loss_amount", "sum"), ("loss_amount", "count")]
    )
    names = ("cluster_id", "loss_currency", "loss_amount_sum", "loss_amount_count")
    return _rows(added, *names)


def _complaint_times(complaints: pa.Table) -> list[tuple[str, NDArray[np.int64]]]:
    """Returns, by cluster, the time of the first complaint of each reporter."""
    lists = complaints["reporters"].combine_chunks()
    rows = complaints.take(lists.value_parent_indices())
    cluster = rows["cluster_id"].combine_chunks().dictionary_encode()
    of, reporter = cluster.indices.to_numpy(), lists.flatten().to_numpy()
    moments = rows["first_seen"].cast(pa.int64()).to_numpy()
    order = np.lexsort((moments, reporter, of))
    order = order[group_starts(of[order], reporter[order])]
    moments = moments[order]
    starts = group_offsets(of[order], len(cluster.dictionary))
    pieces = [moments[start:end] for start, end in pairwise(starts)]
    return list(zip(cluster.dictionary.to_pylist(), pieces, strict=True))


def _ends(link: Row) -> tuple[str, str]:
    return link["entity_a"], link["entity_b"]


def _weakest_first(bridge: Row) -> tuple[float, str, str]:
    return bridge["weight"], bridge["entity_a"], bridge["entity_b"]


def _smaller_side(graph: nx.Graph, bridge: Row) -> int:
    import networkx as nx

    cut = nx.restricted_view(graph, [], [(bridge["entity_a"], bridge["entity_b"])])
    whole = len(nx.node_connected_component(graph, bridge["entity_a"]))
    side = len(nx.node_connected_component(cut, bridge["entity_a"]))
    return min(side, whole - side)


def _most_first(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]


def _seniority(member: Row) -> tuple[int, datetime, str]:
    return -member["reporters"], member["first_seen"], member["entity_id"]


def _name(members: Sequence[Row], brands: Sequence[str]) -> str:
    """Names a cluster after its best-attested identifier and the brand most often claimed."""
    named = [one for one in members if one["value"] is not None]
    best = str(min(named, key=_seniority)["value"]) if named else "contested"
    return f"{best} ({brands[0]})" if brands else best


def _must_links(must: Sequence[tuple[str, str]], members: Mapping[str, str]) -> list[Row]:
    """Returns the must_link decisions inside a cluster, as links of the ids that are shown."""
    return [
        {"entity_a": members[a], "entity_b": members[b], "weight": MUST_LINK_WEIGHT}
        for a, b in must
        if a in members and b in members
    ]


def _epoch_links(members: Sequence[str]) -> list[Row]:
    """Returns the epochs of one identifier inside a cluster, each linked to the next."""
    if not any("#" in one for one in members):
        return []
    ordered = sorted((without_epoch(one), epoch_number(one), one) for one in members)
    return [
        {"entity_a": one, "entity_b": other, "weight": EPOCH_WEIGHT}
        for (bare, _, one), (same, _, other) in pairwise(ordered)
        if bare == same
    ]


def _rows_by_cluster(table: pa.Table) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {}
    for row in table.to_pylist():
        rows.setdefault(row["cluster_id"], []).append(row)
    return rows


def _summaries(
    members: pa.Table,
    links: pa.Table,
    totals: pa.Table,
    decided: DecisionsInForce,
    *,
    weights: priority.PriorityWeights,
) -> Iterator[Any]:
    for those, tied, added in split_by_cluster((members, links, totals)):
        clusters, all_members = summarize(those, tied, added, decided, weights)
        yield from batches_of(clusters)
        for batch in batches_of(all_members):
            yield beam.pvalue.TaggedOutput(MEMBERS, batch)
