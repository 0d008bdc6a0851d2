"""Connected components: of a graph in memory, and of one that is larger than a worker's edges.

Within one worker, scipy labels arrays (`component_labels`). Beyond, a CombineFn merges star
forests: each node with the smallest node of its component so far, 16 bytes a node however many
edges there were, merged in any order to the same forest. A graph whose nodes alone are too many is
contracted first: a round gives every node the smallest node within two steps and merges the nodes
that share one (Lacki, Mirrokni and Wlodarczyk, arXiv:1807.10727). Only connected nodes are merged,
so the result is exact for any number of rounds. The number is fixed when the pipeline is built,
because a Beam graph has no loops.

A run uses this for one alarm: the largest component before any link is doubted. 4 to 7 % of the
links in complaints mislead, which joins nine tenths of everything into one component.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
from apache_beam.options.pipeline_options import PipelineOptions
from scipy.sparse import coo_array

from transforms.arrow_util import sorted_lookup
from transforms.manifest import CounterValue
from transforms.shuffle import MAIN, KeyedInput, PerPartition, batches_of

EDGE = pa.schema([("a", pa.int64()), ("b", pa.int64())])
"""An edge between two nodes, 63-bit hashes; loops and repeated edges are allowed."""

LABEL = pa.schema([("node", pa.int64()), ("label", pa.int64())])
"""A node and the smallest node of its component."""

NEIGHBOR_MINIMUM = pa.schema([("node", pa.int64()), ("other", pa.int64()), ("least", pa.int64())])
"""A node, a neighbor `other`, and the smallest node among that neighbor and its own neighbors."""

NODE_BUDGET = 40_000_000
"""Nodes of a forest that one worker may hold: 13 GB at the 330 bytes a node of its peak."""

MIN_BUFFERED_EDGES = 4_000_000
"""Edges that are buffered, at least, before they are folded into the forest."""

BLOCK_ROWS = 1_000_000
"""Rows of an output batch: an element of a shuffle stays far below Beam's 2 GiB."""

SHRINK_FACTOR = 2.5
"""Factor by which a round shrinks the worst of our graphs: chains of numbers, each seen with the
next. In a random order a third of the values are the least of some five in a row, in later rounds a
little more; that the nodes are hashes is what makes the order random.
"""

MAX_ROUNDS = 16
"""Rounds after which hardly anything can be left: each leaves a third or less."""

_RECORD_BIT = np.int64(1 << 62)
"""The bit that marks a piece of evidence; it is cleared in the hash of an entity."""

LABELS = "labels"

ComponentSizes = tuple[int, int, int]
"""Entities that evidence ties to others, their components, and the entities of the largest one."""


class OverBudgetError(Exception):
    """More nodes than one worker may hold; the message says what to do."""


def component_labels(nodes: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Labels each of `nodes` (numbered from 0) with the smallest node of its component.

    The edges are a[i]-b[i]; the labels do not depend on their order.
    """
    if not len(a):
        return np.arange(nodes)
    from scipy.sparse.csgraph import connected_components

    ones = np.ones(len(a), np.int8)
    graph = coo_array((ones, (a, b)), shape=(nodes, nodes))
    count, label = connected_components(graph, directed=False)
    smallest = np.full(count, nodes, np.int64)
    np.minimum.at(smallest, label, np.arange(nodes))
    return smallest[label]


@dataclass
class StarForest:
    """Nodes in ascending order, each with its `root`, the smallest of its component so far.

    `waiting` are blocks of edges that are not folded in yet.
    """

    node: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    root: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    waiting: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    def add(self, a: np.ndarray, b: np.ndarray, budget: int = NODE_BUDGET) -> None:
        """Buffers edges, and folds them in when there are many.

        The limit grows with the forest: with a fixed one, folding is quadratic in the nodes.

        Raises:
            OverBudgetError: if the forest outgrows `budget` nodes.
        """
        self.waiting.append((a, b))
        if sum(len(one) for one, _ in self.waiting) > max(MIN_BUFFERED_EDGES, 2 * len(self.node)):
            self.fold(budget)

    def fold(self, budget: int = NODE_BUDGET) -> None:
        """Merges the buffered edges into the forest; raises as `add`."""
        if not self.waiting:
            return
        a = np.concatenate([self.node, *(one for one, _ in self.waiting)])
        b = np.concatenate([self.root, *(one for _, one in self.waiting)])
        self.waiting.clear()
        # The places come of the same sort: to look them up afterwards takes four times as long, and
        # without them numpy hashes, which takes sixteen times as long as to sort.
        self.node, at = np.unique(np.concatenate([a, b]), return_inverse=True)
        if len(self.node) > budget:
            raise OverBudgetError(
                f"the graph has more than {budget} nodes, too many for one worker: "
                "ask for more contraction rounds with --contraction-rounds"
            )
        self.root = self.node[component_labels(len(self.node), at[: len(a)], at[len(a) :])]

    def labels(self) -> Iterator[pa.RecordBatch]:
        """Yields LABEL batches of every node, in ascending order."""
        self.fold()
        for start in range(0, len(self.node), BLOCK_ROWS):
            columns = [pa.array(one[start : start + BLOCK_ROWS]) for one in (self.node, self.root)]
            yield pa.RecordBatch.from_arrays(columns, schema=LABEL)


class MergeStarForests(beam.CombineFn):
    """Combines EDGE batches into one `StarForest`; fails where it outgrows `budget` nodes."""

    def __init__(self, budget: int = NODE_BUDGET) -> None:
        self._budget = budget

    def create_accumulator(self) -> StarForest:
        """Returns an empty forest."""
        return StarForest()

    def add_input(self, forest: StarForest, edges: pa.RecordBatch) -> StarForest:
        """Adds one batch."""
        forest.add(edges["a"].to_numpy(), edges["b"].to_numpy(), self._budget)
        return forest

    def merge_accumulators(self, forests: Iterable[StarForest]) -> StarForest:
        """Merges all into the largest, which takes the others as edges and is not folded again."""
        whole = StarForest()
        for one in forests:
            if len(one.node) > len(whole.node):
                whole, one = one, whole  # noqa: PLW2901 - the two change places
            for a, b in ((one.node, one.root), *one.waiting):
                if len(a):
                    whole.add(a, b, self._budget)
        return whole

    def compact(self, forest: StarForest) -> StarForest:
        """Folds the forest before it travels, at 16 bytes a node."""
        forest.fold(self._budget)
        return forest

    def extract_output(self, forest: StarForest) -> StarForest:
        """Returns the folded forest."""
        forest.fold(self._budget)
        return forest


def rounds_for(edges: int, budget: int = NODE_BUDGET) -> int:
    """Returns the rounds after which `edges` edges, by `SHRINK_FACTOR` fewer each, fit `budget`."""
    if edges <= budget:
        return 0
    return math.ceil(math.log(edges / budget, SHRINK_FACTOR))


def both_directions(edges: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Yields EDGE rows in both directions, without loops."""
    a, b = edges["a"].to_numpy(), edges["b"].to_numpy()
    kept = a != b
    ends = np.concatenate([a[kept], b[kept]]), np.concatenate([b[kept], a[kept]])
    yield pa.RecordBatch.from_arrays([pa.array(one) for one in ends], schema=EDGE)


def neighbor_minimums(edges: pa.Table) -> pa.Table:
    """Sends the smallest node around each `a`, of whole EDGE groups, to its neighbors.

    Returns:
        NEIGHBOR_MINIMUM rows.
    """
    once = edges.group_by(["a", "b"], use_threads=False).aggregate([])
    node, other = once["a"].to_numpy(), once["b"].to_numpy()
    least = _group_minimum(node, other)
    return pa.table([other, node, least], schema=NEIGHBOR_MINIMUM)


def two_hop_labels(minimums: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Labels each node of NEIGHBOR_MINIMUM rows with the smallest node within two steps.

    Returns:
        LABEL rows, and EDGE rows, each edge once, whose `b` is its smaller end's label.
    """
    node, other = minimums["node"].to_numpy(), minimums["other"].to_numpy()
    own = _group_minimum(node, np.minimum(other, minimums["least"].to_numpy()))
    nodes, first = np.unique(node, return_index=True)  # return_index: sorted, not hashed
    labels = pa.table([nodes, own[first]], schema=LABEL)
    once = node < other
    return labels, pa.table([other[once], own[once]], schema=EDGE)


def relabel_edges(edges: pa.Table, labels: pa.Table) -> pa.Table:
    """Replaces `a` of EDGE rows by its label; loops and repeats are dropped."""
    a = _newer_labels(edges["a"].to_numpy(), labels)
    b = edges["b"].to_numpy()
    kept = a != b
    renamed = pa.table([np.minimum(a, b)[kept], np.maximum(a, b)[kept]], schema=EDGE)
    return renamed.group_by(["a", "b"], use_threads=False).aggregate([]).cast(EDGE)


def relabel_members(members: pa.Table, labels: pa.Table) -> pa.Table:
    """Replaces the label of LABEL rows by its newer label, where it has one."""
    newer = _newer_labels(members["label"].to_numpy(), labels)
    return pa.table([members["node"].to_numpy(), newer], schema=LABEL)


@dataclass(eq=False)
class ContractionRound(beam.PTransform):
    """Contracts EDGE batches to a dict: EDGE batches, fewer (`edges`), and LABEL (`labels`)."""

    def expand(self, edges: beam.PCollection) -> dict[str, beam.PCollection]:
        """Runs three shuffles, of 16 to 24 bytes an edge and direction."""
        directed = edges | "Both directions" >> beam.FlatMap(both_directions)
        minimums = {"edges": directed} | "Neighbor minimums" >> PerPartition(
            {"edges": KeyedInput(EDGE, ("a",))}, _neighbor_minimums
        )
        named = {"minimums": minimums} | "Label" >> PerPartition(
            {"minimums": KeyedInput(NEIGHBOR_MINIMUM, ("node",))}, _two_hop_labels, (LABELS,)
        )
        halves = {"edges": named[MAIN], "labels": named[LABELS]}
        keyed = {"edges": KeyedInput(EDGE, ("a",)), "labels": KeyedInput(LABEL, ("node",))}
        fewer = halves | "Relabel" >> PerPartition(keyed, _relabel_edges)
        return {"edges": fewer, "labels": named[LABELS]}


@dataclass(eq=False)
class ConnectedComponents(beam.PTransform):
    """Labels EDGE batches: LABEL batches, each node that has an edge to another once.

    `rounds` of contraction come first; see `rounds_for`. Fails where more than `budget` nodes are
    left for one worker.
    """

    rounds: int = 0
    budget: int = NODE_BUDGET

    def expand(self, edges: beam.PCollection) -> beam.PCollection:
        """Contracts, labels what is left, and carries the labels of all rounds forward."""
        members: beam.PCollection | None = None
        keyed = {"members": KeyedInput(LABEL, ("label",)), "labels": KeyedInput(LABEL, ("node",))}
        for number in range(1, self.rounds + 1):
            contracted = edges | f"Round {number}" >> ContractionRound()
            edges, labels = contracted["edges"], contracted["labels"]
            if members is None:
                members = labels
                continue
            both = {"members": members, "labels": labels}
            members = both | f"Follow {number}" >> PerPartition(keyed, _relabel_members)
        left = (
            edges
            | "Forest" >> beam.CombineGlobally(MergeStarForests(self.budget))
            | "Labels" >> beam.FlatMap(StarForest.labels)
        )
        if members is None:
            return left
        return {"members": members, "labels": left} | "Follow" >> PerPartition(
            keyed, _relabel_members
        )


def record_edges(named: pa.RecordBatch) -> pa.RecordBatch:
    """Converts INCIDENCE rows to EDGE rows between a piece of evidence and an entity it names."""
    group = named["group"].to_numpy() | _RECORD_BIT
    node = named["node"].to_numpy() & ~_RECORD_BIT
    return pa.RecordBatch.from_arrays([pa.array(group), pa.array(node)], schema=EDGE)


def component_sizes(node: np.ndarray, component: np.ndarray) -> ComponentSizes:
    """Counts the entities among the nodes of whole components."""
    _, counts = np.unique(component[node & _RECORD_BIT == 0], return_counts=True)
    return int(counts.sum()), len(counts), int(counts.max(initial=0))


def size_counters(sizes: ComponentSizes) -> Iterator[CounterValue]:
    """Yields the three numbers under their names in the manifest."""
    for name, count in zip(("entities", "components", "largest"), sizes, strict=True):
        yield ("components", name), count


class ContractionOptions(PipelineOptions):
    """Beam option for how far the graph is contracted before one worker holds what is left.

    No result depends on the rounds, 0 to `MAX_ROUNDS`. `pipelines.batch.options` checks what a user
    gives.
    """

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--contraction-rounds", type=int, default=0)


@dataclass(eq=False)
class LargestComponent(beam.PTransform):
    """Counts `ComponentSizes` of INCIDENCE batches. Fails where a forest outgrows `budget`.

    The pipeline's `ContractionOptions` give the rounds of contraction that come first.
    """

    budget: int = NODE_BUDGET

    def expand(self, named: beam.PCollection) -> beam.PCollection:
        """Builds one forest a window; after rounds, labels that are counted in parallel."""
        rounds = named.pipeline.options.view_as(ContractionOptions).contraction_rounds
        edges = named | "Edges" >> beam.Map(record_edges)
        if rounds:
            labels = {"labels": edges | "Components" >> ConnectedComponents(rounds, self.budget)}
            counted = labels | "Count" >> PerPartition(
                {"labels": KeyedInput(LABEL, ("label",))}, _label_sizes
            )
            found = counted | "Add up" >> beam.CombineGlobally(_add_sizes).without_defaults()
        else:
            forest = beam.CombineGlobally(MergeStarForests(self.budget)).without_defaults()
            found = edges | "Forest" >> forest | "Count" >> beam.FlatMap(_forest_sizes)
        return found | "Counters" >> beam.FlatMap(size_counters)


def _group_minimum(node: np.ndarray, value: np.ndarray) -> np.ndarray:
    """Returns, row by row, the smallest of the node and of the values in all rows of that node."""
    names, at = np.unique(node, return_inverse=True)
    least = names.copy()
    np.minimum.at(least, at, value)
    return least[at]


def _newer_labels(nodes: np.ndarray, labels: pa.Table) -> np.ndarray:
    """Returns each node's label, or the node where it has none."""
    if not labels.num_rows:
        return nodes
    order = np.argsort(labels["node"].to_numpy())
    known, label = labels["node"].to_numpy()[order], labels["label"].to_numpy()[order]
    at, labelled = sorted_lookup(known, nodes)
    return np.where(labelled, label[at], nodes)


def _neighbor_minimums(edges: pa.Table) -> Iterator[pa.RecordBatch]:
    yield from batches_of(neighbor_minimums(edges))


def _two_hop_labels(minimums: pa.Table) -> Iterator[Any]:
    labels, edges = two_hop_labels(minimums)
    yield from batches_of(edges)
    for batch in batches_of(labels):
        yield beam.pvalue.TaggedOutput(LABELS, batch)


def _relabel_edges(edges: pa.Table, labels: pa.Table) -> Iterator[pa.RecordBatch]:
    yield from batches_of(relabel_edges(edges, labels))


def _relabel_members(members: pa.Table, labels: pa.Table) -> Iterator[pa.RecordBatch]:
    yield from batches_of(relabel_members(members, labels))


def _forest_sizes(forest: StarForest) -> Iterator[ComponentSizes]:
    forest.fold()
    yield component_sizes(forest.node, forest.root)


def _label_sizes(labels: pa.Table) -> Iterator[ComponentSizes]:
    yield component_sizes(labels["node"].to_numpy(), labels["label"].to_numpy())


def _add_sizes(parts: Iterable[ComponentSizes]) -> ComponentSizes:
    sizes = list(parts)
    return (
        sum(entities for entities, _, _ in sizes),
        sum(components for _, components, _ in sizes),
        max((largest for *_, largest in sizes), default=0),
    )
