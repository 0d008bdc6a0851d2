"""What a cluster amounts to: its members, victims, losses, and where it is weakest."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import Any

import apache_beam as beam
import networkx as nx
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas import epoch
from schemas.cluster import CLUSTER, MEMBER
from schemas.decision import DecisionKind
from transforms.decisions.rulings import NO_DECISIONS, InForce
from transforms.graph import priority
from transforms.graph.cluster_totals import CLUSTER_TOTAL, Facts, facts
from transforms.graph.decide import CLUSTER_LINK, MEMBERSHIP
from transforms.shuffle import Keyed, PerPartition, batches_of

Row = Mapping[str, Any]

CANDIDATE, CONFIRMED, DISPUTED = "candidate", "confirmed", "disputed"
"""Status of a cluster: as analysts decided on any of its members; a dispute outweighs."""

DECIDED = 5.0
"""Records' worth that a must_link decision ties its ends with."""

RETURNED = 1.0
"""Records' worth by which an identifier that came back holds together with what it was before."""

WEAKEST = 5
"""Bridges that a cluster reports."""

ROWS = 20_000
"""Rows of clusters that are Python's at a time, beside those of one more; each comes whole."""

EXACT_BRIDGES = 20_000
"""Links above which bridges are not looked for: a cluster that large is an alarm, not a case."""


@dataclass(frozen=True)
class Shape:
    """How the accepted links hold a cluster together."""

    cut_vertices: frozenset[str]
    bridges: tuple[Row, ...]
    tie: Mapping[str, float]


def shape(members: Iterable[str], links: Sequence[Row]) -> Shape:
    """Articulation points, the weakest bridges, and the weight that ties each member in."""
    graph = nx.Graph()
    graph.add_nodes_from(sorted(members))
    for link in sorted(links, key=_ends):
        a, b = _ends(link)
        before = graph[a][b]["weight"] if graph.has_edge(a, b) else 0
        graph.add_edge(a, b, weight=before + link["weight"])
    tie = {node: math.fsum(edge["weight"] for edge in graph[node].values()) for node in graph}
    if graph.number_of_edges() > EXACT_BRIDGES:
        return Shape(frozenset(), (), tie)
    found = sorted(
        (
            {"entity_a": min(a, b), "entity_b": max(a, b), "weight": graph[a][b]["weight"]}
            for a, b in nx.bridges(graph)
        ),
        key=_weakest_first,
    )
    weakest = tuple(
        bridge | {"smaller_side": _smaller_side(graph, bridge)} for bridge in found[:WEAKEST]
    )
    return Shape(frozenset(nx.articulation_points(graph)), weakest, tie)


def _ends(link: Row) -> tuple[str, str]:
    return link["entity_a"], link["entity_b"]


def _weakest_first(bridge: Row) -> tuple[float, str, str]:
    return bridge["weight"], bridge["entity_a"], bridge["entity_b"]


def _smaller_side(graph: nx.Graph, bridge: Row) -> int:
    cut = nx.restricted_view(graph, [], [(bridge["entity_a"], bridge["entity_b"])])
    whole = len(nx.node_connected_component(graph, bridge["entity_a"]))
    side = len(nx.node_connected_component(cut, bridge["entity_a"]))
    return min(side, whole - side)


def confidence(tie: float) -> float:
    """0 for no evidence, halving the doubt with each record's worth: 1 - 2^-tie."""
    return 1 - 2**-tie


def member_rows(cluster_id: str, members: Sequence[Row], held_together: Shape) -> list[Row]:
    """MEMBER rows. A cluster of one is as sure as the records that show its one member held."""
    alone = len(members) == 1
    return [
        {
            "entity_id": one["entity_id"],
            "cluster_id": cluster_id,
            "role": one["role"],
            "confidence": confidence(one["held"] if alone else held_together.tie[one["entity_id"]]),
            "bridge": one["entity_id"] in held_together.cut_vertices,
        }
        for one in members
    ]


def cluster_row(
    cluster_id: str,
    members: Sequence[Row],
    records: Facts,
    held_together: Shape,
    certainty: Sequence[float],
    status: str = CANDIDATE,
) -> dict[str, Any]:
    """A CLUSTER row, not yet ranked, of a cluster's MEMBERSHIP rows, records and certainty."""
    brands = [brand for brand, _ in sorted(records.brands.items(), key=_most_first)]
    sure = math.fsum(certainty) / len(certainty)
    return {
        "cluster_id": cluster_id,
        "name": _name(members, brands),
        "size": len(members),
        "complaints": records.complaints,
        "calls": records.calls,
        "victims": records.victims,
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
        "weakest_bridges": list(held_together.bridges),
    }


def _most_first(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]


def _seniority(member: Row) -> tuple[int, datetime, str]:
    return -member["complaints"], member["first_seen"], member["entity_id"]


def _name(members: Sequence[Row], brands: Sequence[str]) -> str:
    """The best-attested identifier and the brand most often claimed: a name for people."""
    best = min(members, key=_seniority)
    return f"{best['value']} ({brands[0]})" if brands else best["value"]


def summarise(
    members: pa.Table,
    links: pa.Table,
    totals: pa.Table,
    decided: InForce = NO_DECISIONS,
    weights: priority.Weights | None = None,
) -> tuple[pa.Table, pa.Table]:
    """MEMBERSHIP, accepted LINK and CLUSTER_TOTAL rows of whole clusters to CLUSTER and MEMBER.

    What analysts decided must be linked holds like `DECIDED` records' worth of evidence, and two
    epochs of one identifier like `RETURNED`. Without
    `weights` the shipped ones rank; recency counts from `decided.when`, or from the last record.
    """
    by = weights or priority.shipped()
    by_cluster = _rows_by_cluster(members)
    must = decided.pairs(DecisionKind.MUST_LINK)
    confirmed, disputed = (
        {one.entity_a for one in decided.of(kind)}
        for kind in (DecisionKind.CONFIRM, DecisionKind.DISPUTE)
    )
    links_of, records_of = _rows_by_cluster(links), facts(totals)
    clusters: list[Row] = []
    all_members: list[Row] = []
    for cluster_id, those in sorted(by_cluster.items()):
        ids = [one["entity_id"] for one in those]
        beside = [*_decided(must, set(ids)), *_epochs(ids)]
        held_together = shape(ids, [*links_of.get(cluster_id, []), *beside])
        status = DISPUTED if disputed.intersection(ids) else CANDIDATE
        if status == CANDIDATE and confirmed.intersection(ids):
            status = CONFIRMED
        rows = member_rows(cluster_id, those, held_together)
        certainty = [one["confidence"] for one in rows]
        seen = records_of[cluster_id]
        cluster = cluster_row(cluster_id, those, seen, held_together, certainty, status)
        when = decided.when or seen.last_seen
        parts = priority.parts(cluster, those, seen.complained, when, by)
        ranked = {"priority": priority.total(parts), "priority_parts": parts}
        clusters.append(cluster | ranked)
        all_members.extend(rows)
    return pa.Table.from_pylist(clusters, CLUSTER), pa.Table.from_pylist(all_members, MEMBER)


def _decided(must: Sequence[tuple[str, str]], members: set[str]) -> list[Row]:
    """The must_link decisions inside a cluster, as links."""
    return [
        {"entity_a": a, "entity_b": b, "weight": DECIDED}
        for a, b in must
        if a in members and b in members
    ]


def _epochs(members: Sequence[str]) -> list[Row]:
    """The epochs of one identifier inside a cluster, each tied to the next as if by a link."""
    if not any("#" in one for one in members):
        return []
    held = sorted((epoch.bare(one), epoch.number(one), one) for one in members)
    return [
        {"entity_a": one, "entity_b": other, "weight": RETURNED}
        for (bare, _, one), (same, _, other) in pairwise(held)
        if bare == same
    ]


def _rows_by_cluster(table: pa.Table) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {}
    for row in table.to_pylist():
        rows.setdefault(row["cluster_id"], []).append(row)
    return rows


MEMBERS = "members"


def _summaries(
    members: pa.Table,
    links: pa.Table,
    totals: pa.Table,
    decided: InForce,
    *,
    weights: priority.Weights,
) -> Iterator[Any]:
    for those, tied, added in in_turn((members, links, totals)):
        clusters, all_members = summarise(those, tied, added, decided, weights)
        yield from batches_of(clusters)
        for batch in batches_of(all_members):
            yield beam.pvalue.TaggedOutput(MEMBERS, batch)


def in_turn(tables: Sequence[pa.Table], rows: int = ROWS) -> Iterator[list[pa.Table]]:
    """Tables cut alike by `cluster_id` into whole clusters, so many at a time that have `rows`."""
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
class Summarise(beam.PTransform):
    """MEMBERSHIP, CLUSTER_LINK and CLUSTER_TOTAL batches to MAIN (CLUSTER) and MEMBERS (MEMBER).

    Input: a dict of PCollections named `members`, `links` and `records`. `decided` is the
    one InForce.
    """

    decided: beam.pvalue.AsSingleton
    weights: priority.Weights

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> Any:
        """Bring all of a cluster together; see `summarise`."""
        key = ("cluster_id",)
        keyed = {
            "members": Keyed(MEMBERSHIP, key),
            "links": Keyed(CLUSTER_LINK, key),
            "records": Keyed(CLUSTER_TOTAL, key),
        }
        return inputs | PerPartition(
            keyed, partial(_summaries, weights=self.weights), (MEMBERS,), self.decided
        )
