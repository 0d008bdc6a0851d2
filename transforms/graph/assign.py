"""The global step: every infrastructure entity to exactly one cluster, or marked as a hub.

It works on integer ids: 63-bit hashes of entity ids and of the evidence that names them.

Which cluster each entity is in: the one small table that the global step gives to the others.

must_link and cannot_link bind the communities, whatever the evidence says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import networkx as nx
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas import epoch
from schemas.component import ISLAND
from schemas.decision import DecisionKind
from schemas.enums import EntityKind, Status
from schemas.field import TIMESTAMP
from transforms.arrow_util import hash_text
from transforms.decisions import NO_DECISIONS, InForce
from transforms.graph.communities import Communities, communities
from transforms.graph.connected_components import components
from transforms.graph.incidence import (
    INCIDENCE,
    REACH,
    Incidence,
    Ties,
    countries_by_node,
    dialled_by_node,
    numbered,
    ties,
)
from transforms.graph.leiden import Island, Islands, Memo, known, smallest_members, told, worked
from transforms.graph.link_weights import MILLION
from transforms.graph.refinement import BUSINESS_LINES, Lines, epochs, victims_by_node
from transforms.graph.supplier_likelihood import SUPPLIED, Suppliers, supplied, suppliers_by_node
from transforms.shuffle import MAIN, batches_of, table_of

ISLANDS, TALLIES = "islands", "tallies"


NODE = pa.schema(
    [
        ("node", pa.int64()),
        ("bare", pa.int64()),
        ("first_seen", TIMESTAMP),
        ("held", pa.int64()),
        ("phone", pa.bool_()),
        ("private", pa.bool_()),
        ("told_by", pa.int64()),
    ]
)
"""An infrastructure entity.

`bare` is the hash of the id without its epoch; `held` counts the records that show it in a hard
role, `told_by` the victims who suffered those that are no copied lists; `private` is a phone that a
private person may hold, by its type.
"""


def nodes_of(found: pa.RecordBatch) -> pa.RecordBatch:
    """FOUND rows to NODE rows of those that are infrastructure."""
    kept = found.filter(pc.equal(found["status"], Status.INFRASTRUCTURE))
    business = pc.is_in(kept["line_type"], pa.array(BUSINESS_LINES))
    phone = pc.equal(kept["kind"], str(EntityKind.PHONE))
    ids = kept["entity_id"]
    columns = [
        pa.array(hash_text(ids)),
        pa.array(hash_text(epoch.bare_ids(ids))),
        kept["first_seen"],
        kept["held"],
        phone,
        pc.and_(phone, pc.invert(business)),
        kept["told_by"],
    ]
    return pa.RecordBatch.from_arrays(columns, schema=NODE)


def assign(
    nodes: pa.Table,
    named: pa.Table,
    supplies: pa.Table,
    reached: pa.Table,
    decided: InForce = NO_DECISIONS,
    memo: Memo | None = None,
) -> pa.RecordBatch:
    """NODE, INCIDENCE, SUPPLIED and REACH rows of the whole graph to ASSIGNMENT.

    Decisions bind it; `memo` saves it the search of islands that are known.

    A cluster is named after its anchor, the member seen first (ties: the smallest hash), so that
    its id outlives most changes. Evidence on entities that are not nodes falls away.

    Raises:
        ValueError: if two entities hash alike; their evidence cannot be told apart.
    """
    order = np.argsort(nodes["node"].to_numpy())
    node = nodes["node"].to_numpy()[order]
    if (node[1:] == node[:-1]).any():
        raise ValueError("two entity ids share a 63-bit hash: the graph would confuse them")
    first_seen = nodes["first_seen"].cast(pa.int64()).to_numpy()[order]
    held = nodes["held"].to_numpy()[order]
    evidence = numbered(named, node)
    phone, private = (
        nodes[name].to_numpy(zero_copy_only=False)[order] for name in ("phone", "private")
    )
    alone = nodes["told_by"].to_numpy()[order] - victims_by_node(evidence)
    lines = Lines(phone, private & (dialled_by_node(reached, node) == 0), np.maximum(alone, 0))
    kinds = suppliers_by_node(supplies, node).kinds
    witnesses = Suppliers((*kinds, countries_by_node(reached, node)))
    pairs = epochs(nodes["bare"].to_numpy()[order], first_seen)
    islands = Islands(node, memo or Memo())
    found = communities(evidence, witnesses, held, lines, pairs, islands)
    must, cannot = (
        _numbers(decided.pairs(kind), node)
        for kind in (DecisionKind.MUST_LINK, DecisionKind.CANNOT_LINK)
    )
    found = bind(found, evidence, must, cannot)
    anchor = _anchors(node, first_seen, found.label)
    columns = (node, anchor, found.hub, found.spread, found.doubted, found.returned)
    return pa.RecordBatch.from_arrays([pa.array(one) for one in columns], schema=ASSIGNMENT)


def _numbers(pairs: Sequence[tuple[str, str]], node: np.ndarray) -> list[tuple[int, int]]:
    """Pairs of entity ids as places in the sorted hashes `node`; those with others fall away."""
    ends = hash_text(pa.array([one for pair in pairs for one in pair], pa.string()))
    at = np.searchsorted(node, ends)
    known = np.append(node, -1)[at] == ends
    return [(int(at[i]), int(at[i + 1])) for i in range(0, len(at), 2) if known[i] and known[i + 1]]


def _anchors(node: np.ndarray, first_seen: np.ndarray, label: np.ndarray) -> np.ndarray:
    order = np.lexsort((node, first_seen, label))
    sorted_labels = label[order]
    firsts = order[np.append(True, sorted_labels[1:] != sorted_labels[:-1])[: len(node)]]
    anchor_of = dict(zip(label[firsts].tolist(), node[firsts].tolist(), strict=True))
    return np.array([anchor_of[one] for one in label.tolist()], np.int64)


class _Cluster(beam.DoFn):
    """Knows the islands of the window before, so that the ticks of a stream need them once."""

    def __init__(self) -> None:
        self._before: Mapping[str, Island] = {}

    def process(
        self, keyed: tuple[int, Mapping[str, Iterable[pa.RecordBatch]]], decided: InForce
    ) -> Iterator[Any]:
        _, parts = keyed
        memo = Memo({**known(table_of(parts["known"], ISLAND)), **self._before})
        yield assign(
            table_of(parts["nodes"], NODE),
            table_of(parts["named"], INCIDENCE),
            table_of(parts["supplies"], SUPPLIED),
            table_of(parts["reached"], REACH),
            decided,
            memo,
        )
        self._before = memo.met
        for batch in batches_of(told(memo.met)):
            yield beam.pvalue.TaggedOutput(ISLANDS, batch)
        for tally in worked(memo):
            yield beam.pvalue.TaggedOutput(TALLIES, tally)


def _started(_: object) -> tuple[int, None]:
    return 0, None


def _together(batch: pa.RecordBatch) -> tuple[int, pa.RecordBatch]:
    return 0, batch


@dataclass(eq=False)
class Assign(beam.PTransform):
    """FOUND (`entities`), INCIDENCE (`named`), REACH (`reached`), LINK (`links`), ISLAND (`known`).

    To outputs MAIN (one ASSIGNMENT), ISLANDS (ISLAND) and TALLIES. `decided` is the one InForce,
    `start` has one element a window; `known` are the islands of an earlier run.
    """

    decided: beam.pvalue.AsSingleton
    start: beam.PCollection

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> Any:
        """Bring the whole graph to one place as integers, and cluster there."""
        parts = {
            "nodes": inputs["entities"] | "Nodes" >> beam.Map(nodes_of),
            "named": inputs["named"],
            "reached": inputs["reached"],
            "known": inputs["known"],
            "supplies": inputs["links"] | "Supplies" >> beam.Map(supplied),
        }
        placed = {
            name: batches | f"One place for {name}" >> beam.Map(_together)
            for name, batches in parts.items()
        }
        # An empty run has an assignment too: the steps that look into it wait for one.
        placed["start"] = self.start | "One place to start" >> beam.Map(_started)
        step = beam.ParDo(_Cluster(), self.decided).with_outputs(ISLANDS, TALLIES, main=MAIN)
        return placed | beam.CoGroupByKey() | "Cluster" >> step


ASSIGNMENT = pa.schema(
    [
        ("node", pa.int64()),
        ("cluster", pa.int64()),
        ("hub", pa.bool_()),
        ("spread", pa.float64()),
        ("doubted", pa.bool_()),
        ("returned", pa.bool_()),
    ]
)
"""Rows sorted by node, the 63-bit hash of an entity id.

`cluster` is the hash of the cluster's anchor, or of that of the previous run's cluster that it
follows. `hub` marks an entity that was seen with so many clusters that it ties none; `spread` is
the share of its evidence outside its main cluster. `doubted` marks a line that may be a private
person's and is alone since one victim's word is not enough, `returned` what is in its cluster for
its other epoch's sake.
"""


ABSENT = -1


def cluster_id(number: int) -> str:
    """A cluster's number as the id that people see."""
    return f"c-{number:016x}"


def cluster_number(text: str) -> int:
    """The number of a cluster id.

    Raises:
        ValueError: if the text is no cluster id.
    """
    number = int(text.removeprefix("c-"), 16)
    if cluster_id(number) != text or number >> 63:
        raise ValueError("no cluster id")
    return number


def cluster_ids(clusters: np.ndarray) -> pa.Array:
    """Cluster ids as text, null where a row has no cluster."""
    return pa.array(
        [cluster_id(one) if one >= 0 else None for one in clusters.tolist()], pa.string()
    )


def look_up(assignment: pa.RecordBatch, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(cluster or ABSENT, hub) of each node; a node that was not clustered is ABSENT."""
    known = assignment["node"].to_numpy()
    if not len(known):
        return np.full(len(nodes), ABSENT), np.zeros(len(nodes), bool)
    at = np.minimum(np.searchsorted(known, nodes), len(known) - 1)
    found = known[at] == nodes
    hub = marked(assignment, nodes, "hub")
    cluster = np.where(found & ~hub, assignment["cluster"].to_numpy()[at], ABSENT)
    return cluster, hub


def marked(assignment: pa.RecordBatch, nodes: np.ndarray, mark: str) -> np.ndarray:
    """Whether each node has a mark, a boolean column; a node that was not clustered has none."""
    known = assignment["node"].to_numpy()
    if not len(known):
        return np.zeros(len(nodes), bool)
    at = np.minimum(np.searchsorted(known, nodes), len(known) - 1)
    return assignment[mark].to_numpy(zero_copy_only=False)[at] & (known[at] == nodes)


Pairs = Sequence[tuple[int, int]]


def bind(found: Communities, evidence: Incidence, must: Pairs, cannot: Pairs) -> Communities:
    """The communities with every pair of node numbers of `must` in one, and of `cannot` in two.

    Communities that must be one are merged; a hub that must be linked is no hub. Two nodes that
    cannot be in one are kept apart by a minimum cut of the ties between them (Ford and Fulkerson
    1956), in whole millionths, so that the weakest links give way; of equal cuts, the one that
    takes least to the second node's side. What must be linked is never cut: `must` and `cannot`
    must not contradict each other.
    """
    if not must and not cannot:
        return found
    hub = found.hub.copy()
    ends = np.array(must, np.int64).reshape(-1, 2)
    hub[ends] = False
    label = components(len(found.label), found.label[ends[:, 0]], found.label[ends[:, 1]])
    label = smallest_members(label[found.label])
    graph = ties(evidence.without(hub), np.arange(evidence.nodes)) if cannot else None
    for a, b in sorted(cannot):
        if graph is not None and label[a] == label[b]:
            away = _side(graph, label, must, a, b)
            label[away] = label.max() + 1
    alone = np.bincount(label, minlength=len(label))[label] == 1
    label = smallest_members(label)
    return Communities(label, hub, found.spread, found.doubted & alone, found.returned & ~alone)


def _side(graph: Ties, label: np.ndarray, must: Pairs, a: int, b: int) -> list[int]:
    """The nodes that go with b when it is cut from a."""
    inside = (label[graph.a] == label[a]) & (label[graph.b] == label[a])
    network = nx.Graph()
    network.add_nodes_from((a, b))
    edges = zip(graph.a[inside].tolist(), graph.b[inside].tolist(), strict=True)
    for (one, other), weight in zip(edges, graph.weight[inside].tolist(), strict=True):
        network.add_edge(one, other, capacity=round(weight * MILLION))
    for one, other in must:
        if label[one] == label[a]:
            network.add_edge(one, other, capacity=float("inf"))
    _, (_, side) = nx.minimum_cut(network, a, b)
    return sorted(side)
