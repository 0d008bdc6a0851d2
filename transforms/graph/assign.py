"""The global step: every infrastructure entity to exactly one cluster, or marked as a hub.

It runs in one place, on integers: 63-bit hashes of entity ids and of the evidence that names them.
Analysts' must_link and cannot_link decisions constrain the communities, against any evidence.
What comes out is the assignment, the one small table that all later steps look clusters up in.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.cluster import COMPONENT
from schemas.decision import DecisionKind
from schemas.entity import without_epoch, without_epochs
from schemas.enums import EntityKind
from schemas.field import FLAG, INTEGER, NUMBER, TEXT, TIMESTAMP
from transforms.arrow import (
    Array,
    component_labels,
    first_rows,
    hash_text,
    is_among,
    map_distinct,
    sorted_lookup,
    true_mask,
    with_column,
)
from transforms.decisions import NO_DECISIONS, DecisionsInForce
from transforms.engine import MAIN, table_of, tagged, tagged_batches
from transforms.extract.allowlist import may_be_an_organisations
from transforms.graph import incidence, leiden
from transforms.graph.communities import CommunityResult, detect_communities
from transforms.graph.link_weights import MILLION
from transforms.graph.refinement import BUSINESS_LINES, PhoneLines, epoch_pairs, reporters_by_node
from transforms.graph.robustness import NO_SITE, beside_others, inside_reporters, link_reporters
from transforms.graph.supplier_likelihood import (
    SUPPLIER_USE,
    SupplierCounts,
    supplier_counts_by_node,
    supplier_use,
)
from transforms.values import NO_CROWDS, Crowds

COMPONENTS, COUNTERS, CACHE_COUNTERS = "islands", "counters", "cache_counters"

NODE = pa.schema(
    {
        "node": INTEGER,
        "known": INTEGER,
        "bare": INTEGER,
        "first_seen": TIMESTAMP,
        "reporters": INTEGER,
        "phone": FLAG,
        "private": FLAG,
        "reported_by": INTEGER,
        "site": FLAG,
    }
)
"""An infrastructure entity, contested or not.

`node` is the hash of the id that it is shown under, `known` of its own, which a contested one is
not shown under, and `bare` of its own without its epoch. Nothing that is made of `known` or `bare`
may be written, since it could be reversed. `reporters` counts those who show it in a hard role,
`reported_by` those who do so in no copied list; `private` marks a phone that a
private person may hold, by its line type; `site` a site, or an address at one, that imitates
nobody: it may be an organisation's.
"""

ASSIGNMENT = pa.schema(
    {
        "node": INTEGER,
        "cluster": INTEGER,
        "hub": FLAG,
        "spread": NUMBER,
        "doubted": FLAG,
        "returned": FLAG,
        "link_reporters": INTEGER,
        "tying_reporters": INTEGER,
        "elsewhere": INTEGER,
    }
)
"""Rows sorted by node, the 63-bit hash of an entity id.

`cluster` is the hash of the cluster's anchor, or of that of the previous run's cluster that it
follows. `hub` marks an entity that was seen with so many clusters that it ties none; `spread` is
the share of its evidence outside its main cluster. `doubted` marks a line that may be a private
person's and is alone since too few reporters tie it, `returned` what is in its cluster for
the sake of its other epoch. `tying_reporters` counts those who tie it to the rest of its cluster,
a hub to anything, `link_reporters` those of them that its robustness counts, and `elsewhere` those
who tie a site to other clusters alone, where it may be an organisation's for their sake, else 0
(`transforms.graph.robustness`).
"""

NO_CLUSTER = -1
"""Stands for the cluster of a node that is in none."""

NodePairs = Collection[tuple[int, int]]


def entity_nodes(entities: pa.RecordBatch) -> pa.RecordBatch:
    """Converts CLASSIFIED_ENTITY rows to NODE rows of those that are in the graph."""
    kept = entities.filter(pc.is_in(entities["status"], incidence.IN_GRAPH))
    business = is_among(kept["line"], BUSINESS_LINES)
    phone = pc.equal(kept["kind"], EntityKind.PHONE)
    columns = [
        hash_text(kept["entity_id"]),
        hash_text(kept["known_as"]),
        hash_text(without_epochs(kept["known_as"])),
        kept["first_seen"],
        kept["reporters"],
        phone,
        pc.and_(phone, pc.invert(business)),
        kept["reported_by"],
        _may_be_organisations(kept),
    ]
    return pa.record_batch(columns, NODE)


def _may_be_organisations(entities: pa.RecordBatch) -> pa.Array:
    """Masks the sites, and the addresses at sites, that imitate nobody."""
    named = is_among(entities["kind"], (EntityKind.DOMAIN, EntityKind.URL, EntityKind.EMAIL))
    ids = without_epochs(entities["known_as"].filter(named))
    sites = map_distinct(ids, may_be_an_organisations, FLAG)
    return pc.replace_with_mask(pa.repeat(pa.scalar(value=False), len(named)), named, sites)


def assign_clusters(
    nodes: pa.Table,
    named: pa.Table,
    supplies: pa.Table,
    reached: pa.Table,
    decided: DecisionsInForce = NO_DECISIONS,
    cache: leiden.ComponentCache | None = None,
    crowds: Crowds = NO_CROWDS,
) -> pa.RecordBatch:
    """Clusters the whole graph and returns its ASSIGNMENT.

    A cluster is named after its anchor, the member seen first (ties: the smallest hash), so that
    its id outlives most changes. Evidence on entities that are not nodes is dropped. That an
    entity is contested changes no cluster: nodes are in the order of what they are known as.

    Args:
        nodes: NODE rows, in any order.
        named: INCIDENCE rows.
        supplies: SUPPLIER_USE rows.
        reached: VICTIM_REACH rows.
        decided: The decisions whose links constrain the clusters.
        cache: Communities by component, which need not be searched again.
        crowds: The reporters that stand for several people.

    Raises:
        ValueError: if two entities hash alike; their evidence cannot be separated.
    """
    nodes = nodes.take(pc.sort_indices(nodes["known"]))
    node, shown, bare = (nodes[name].to_numpy() for name in ("known", "node", "bare"))
    if len(np.unique(node)) < len(node) or len(np.unique(shown)) < len(shown):
        raise ValueError("two entity ids share a 63-bit hash: the graph would confuse them")
    named, supplies, reached = (_as_known(rows, shown, node) for rows in (named, supplies, reached))
    first_seen = nodes["first_seen"].cast(INTEGER).to_numpy()
    reporters = nodes["reporters"].to_numpy()
    named, copied = incidence.bound_bursts(named)
    evidence = incidence.incidence_from_rows(named, node, crowds)
    tying = reporters_by_node(evidence)
    _, place = incidence.rows_of_nodes(named, node, copied)
    copies = np.bincount(place, minlength=len(node))
    alone = nodes["reported_by"].to_numpy() - tying - copies
    lines = PhoneLines(
        nodes["phone"].to_numpy(),
        nodes["private"].to_numpy() & ~incidence.call_confirmed_by_node(reached, node),
        np.maximum(alone, 0),
    )
    kinds = supplier_counts_by_node(supplies, node).kinds
    suppliers = SupplierCounts((*kinds, incidence.countries_by_node(reached, node)))
    pairs = epoch_pairs(bare, first_seen, reporters)
    search = leiden.ComponentSearch(shown, cache or leiden.ComponentCache())
    held = pa.array(sorted(each.entity_a for each in decided.of(DecisionKind.SUSPECT_HELD)), TEXT)
    free = ~np.isin(node, hash_text(held))
    sites = true_mask(nodes["site"]) & free
    result = detect_communities(evidence, suppliers, tying, lines, pairs, search, sites)
    must = _node_pairs(decided.pairs(DecisionKind.MUST_LINK), node)
    cannot = _epoch_pairs(decided.pairs(DecisionKind.CANNOT_LINK), node, bare)
    result = replace(result, hub=result.hub & free)
    result = apply_constraints(result, evidence, must, cannot)
    anchor = _anchors(shown, first_seen, result.label)
    left = evidence.without(result.hub)
    inside = inside_reporters(left, result.label)
    site = np.where(sites, bare, NO_SITE)
    ringless = result.hub | result.doubted
    elsewhere = beside_others(evidence, result.label, inside, ringless, site)
    counted = link_reporters(left, suppliers, result.label, inside, lines.private, elsewhere)
    tied = counted, np.where(result.hub, tying, inside), elsewhere
    columns = (shown, anchor, result.hub, result.spread, result.doubted, result.returned, *tied)
    by_node = np.argsort(shown)
    return pa.record_batch([rows[by_node] for rows in columns], ASSIGNMENT)


def apply_constraints(
    communities: CommunityResult, evidence: incidence.Incidence, must: NodePairs, cannot: NodePairs
) -> CommunityResult:
    """Joins every pair of node numbers of `must`, and separates every pair of `cannot`.

    Communities that must be one are merged; a hub that must be linked is no hub. Two nodes that
    cannot be in one are separated by a minimum cut of the ties between them (Ford and Fulkerson
    1956), in whole millionths, so that the weakest links are cut; of equal cuts, the one that puts
    least on the second node's side. What must be linked is never cut: `must` and `cannot` must not
    contradict each other.
    """
    if not must and not cannot:
        return communities
    hub = communities.hub.copy()
    ends = np.array([*must], np.int64).reshape(-1, 2)
    hub[ends] = False
    label = component_labels(
        len(communities.label), communities.label[ends[:, 0]], communities.label[ends[:, 1]]
    )
    label = leiden.smallest_members(label[communities.label])
    graph = evidence.without(hub).ties
    fresh = itertools.count(int(label.max(initial=0)) + 1)
    for a, b in sorted(cannot):
        if label[a] == label[b]:
            away = _cut_side(graph, label, must, a, b)
            label[away] = next(fresh)
    alone = np.bincount(label, minlength=len(label))[label] == 1
    label = leiden.smallest_members(label)
    return CommunityResult(
        label, hub, communities.spread, communities.doubted & alone, communities.returned & ~alone
    )


def cluster_id(number: int) -> str:
    """Returns the id of a cluster's number, as it is shown."""
    return f"c-{number:016x}"


def cluster_number(text: str) -> int:
    """Returns the number of a cluster id.

    Raises:
        ValueError: if the text is no cluster id.
    """
    number = int(text.removeprefix("c-"), 16)
    if cluster_id(number) != text or number >> 63:
        raise ValueError("no cluster id")
    return number


def cluster_ids(clusters: Array) -> pa.Array:
    """Returns the ids of clusters, null for NO_CLUSTER."""
    distinct, number = np.unique(clusters, return_inverse=True)
    ids = [cluster_id(cluster) if cluster != NO_CLUSTER else None for cluster in distinct.tolist()]
    return pa.array(ids, TEXT).take(number)


def assigned_rows(assignment: pa.RecordBatch, nodes: Array) -> pa.RecordBatch:
    """Returns the ASSIGNMENT row of each node, null where it is not assigned."""
    place, known = sorted_lookup(assignment["node"].to_numpy(), nodes)
    return assignment.take(pa.array(place, mask=~known))


def clusters_of(assigned: pa.RecordBatch) -> Array:
    """Returns the cluster of each of `assigned_rows`, NO_CLUSTER where it is in none."""
    inside = pc.if_else(assigned["hub"], NO_CLUSTER, assigned["cluster"])
    return pc.fill_null(inside, NO_CLUSTER).to_numpy()


@dataclass(eq=False)
class AssignClusters(beam.PTransform):
    """Assigns clusters to the entities of a whole window, in one place.

    Input: a dict of CLASSIFIED_ENTITY (`entities`), INCIDENCE (`named`), VICTIM_REACH (`reached`),
    LINK (`links`) and COMPONENT (`known`, of an earlier run) batches. Outputs: MAIN (one
    ASSIGNMENT), COMPONENTS (COMPONENT), COUNTERS and, of what was cached, CACHE_COUNTERS. `decided`
    is the one DecisionsInForce, `start` has one element a window.
    """

    decided: beam.pvalue.AsSingleton
    start: beam.PCollection
    crowds: Crowds = NO_CROWDS

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> Any:
        """Brings the whole graph to one place as integers, and clusters there."""
        parts = {
            "nodes": inputs["entities"] | "Nodes" >> beam.Map(entity_nodes),
            "named": inputs["named"],
            "reached": inputs["reached"],
            "known": inputs["known"],
            "supplies": inputs["links"] | "Supplies" >> beam.Map(supplier_use),
        }
        placed = {
            # Of an empty run the start alone, since later steps wait for its assignment.
            name: batches | f"One place for {name}" >> beam.Map(lambda batch: (0, batch))
            for name, batches in (parts | {"start": self.start}).items()
        }
        step = beam.ParDo(_AssignClusters(self.crowds), self.decided).with_outputs(
            COMPONENTS, COUNTERS, CACHE_COUNTERS, main=MAIN
        )
        return placed | beam.CoGroupByKey() | "Cluster" >> step


class _AssignClusters(beam.DoFn):
    """Keeps the communities of the window before, so that a stream's ticks search no more again."""

    def __init__(self, crowds: Crowds) -> None:
        self._crowds = crowds
        self._before: Mapping[str, leiden.ComponentCommunities] = {}

    def process(
        self, keyed: tuple[int, Mapping[str, Iterable[pa.RecordBatch]]], decided: DecisionsInForce
    ) -> Iterator[Any]:
        _, parts = keyed
        cache = leiden.ComponentCache(
            {**leiden.cache_entries(table_of(parts["known"], COMPONENT)), **self._before}
        )
        named = table_of(parts["named"], incidence.INCIDENCE)
        yield assign_clusters(
            table_of(parts["nodes"], NODE),
            named,
            table_of(parts["supplies"], SUPPLIER_USE),
            table_of(parts["reached"], incidence.VICTIM_REACH),
            decided,
            cache,
            self._crowds,
        )
        self._before = cache.used
        yield from tagged_batches(COMPONENTS, leiden.cache_rows(cache.used))
        yield from tagged(COUNTERS, incidence.component_counters(named))
        yield from tagged(CACHE_COUNTERS, leiden.cache_counters(cache))


def _node_pairs(pairs: Iterable[tuple[str, str]], node: Array) -> set[tuple[int, int]]:
    """Converts pairs of ids to all places of their hashes in `node`; drops unknown ones."""
    ends = hash_text(pa.array([end for pair in pairs for end in pair], TEXT))
    order = np.argsort(node)
    bounds = (np.searchsorted(node, ends, side, order) for side in ("left", "right"))
    places = [order[first:last].tolist() for first, last in zip(*bounds, strict=True)]
    sides = zip(places[::2], places[1::2], strict=True)
    return {pair for near, far in sides for pair in product(near, far)}


def _epoch_pairs(
    pairs: Iterable[tuple[str, str]], node: Array, bare: Array
) -> set[tuple[int, int]]:
    """Converts pairs of entity ids to places of all their epochs; `bare` hashes ids without one.

    Of two epochs of one identifier these two alone are meant.
    """
    bare_of = {pair: (without_epoch(pair[0]), without_epoch(pair[1])) for pair in pairs}
    epochs = [pair for pair, (near, far) in bare_of.items() if near == far]
    return _node_pairs(epochs, node) | _node_pairs(
        (ends for ends in bare_of.values() if ends[0] != ends[1]), bare
    )


def _as_known(rows: pa.Table, shown: Array, known: Array) -> pa.Table:
    """Returns rows with the hash that each `node` is known as; `shown` are their hashes so far."""
    contested = np.flatnonzero(shown != known)
    if not len(contested):
        return rows
    contested = contested[np.argsort(shown[contested])]
    node = rows["node"].to_numpy().copy()
    place, is_shown = sorted_lookup(shown[contested], node)
    node[is_shown] = known[contested][place[is_shown]]
    return with_column(rows, "node", pa.array(node))


def _anchors(node: Array, first_seen: Array, label: Array) -> Array:
    """Returns, per node, the hash of its cluster's anchor; of those seen first, the first node."""
    firsts = first_rows(label, first_seen)
    anchor_of = np.empty(len(node), np.int64)
    anchor_of[label[firsts]] = node[firsts]
    return anchor_of[label]


def _cut_side(graph: incidence.Ties, label: Array, must: NodePairs, a: int, b: int) -> list[int]:
    """Returns the nodes that go with b when it is cut from a."""
    import networkx as nx

    inside = (label[graph.a] == label[a]) & (label[graph.b] == label[a])
    network = nx.Graph()
    network.add_nodes_from((a, b))
    edges = zip(graph.a[inside].tolist(), graph.b[inside].tolist(), strict=True)
    for (near, far), weight in zip(edges, graph.weight[inside].tolist(), strict=True):
        network.add_edge(near, far, capacity=round(weight * MILLION))
    for near, far in must:
        if label[near] == label[a]:
            network.add_edge(near, far, capacity=float("inf"))
    _, (_, side) = nx.minimum_cut(network, a, b)
    return sorted(side)
