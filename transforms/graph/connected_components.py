"""Connected components of a graph that one worker cannot hold: contracted first, exact whatever K.

A round gives every node the smallest node within two steps, and puts the nodes of one name together
(Lacki, Mirrokni and Wlodarczyk, arXiv:1807.10727). Names only ever join what is connected, so the
components of the smaller graph are those of the larger one: rounds save memory and change nothing.
The number of rounds is fixed when the pipeline is built, since a Beam graph has no loops; what is
left goes to `connected_components.SpanningForest`, which refuses more than its budget.

Connected components of an undirected graph, as arrays.

Connected components past one worker's edges: a spanning forest that is merged in a tree.

What is known of the edges seen so far is a star forest: each node and its component's smallest
node, 16 bytes a node however many edges there were. Forests and blocks of edges merge in any order
to the same forest, so this is a CombineFn, which every runner spreads.

How much of the graph hangs together before any tie is doubted: for the alarm of a giant cluster.

In complaints 4 to 7 % of the links mislead, which welds nine tenths of everything into one
component (GRAPH.md). Clusters are far smaller where the clustering did its work.
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
from scipy.sparse.csgraph import connected_components

from transforms.manifest import Tally
from transforms.shuffle import MAIN, Keyed, PerPartition, batches_of

SHRINKS = 2.5
"""Times that a round makes the worst of our graphs smaller: chains of numbers, each met with the
next. In a random order a third of the values are the least of some five in a row, in later rounds a
little more; that the nodes are hashes is what makes the order random. How other graphs shrink:
benchmarks/components.py.
"""


_HEARD = pa.schema([("node", pa.int64()), ("other", pa.int64()), ("least", pa.int64())])
"""What a node hears from a neighbour `other`: the smallest of that one's neighbourhood."""


BUDGET = 40_000_000
"""Nodes of a forest that one worker is trusted with: 13 GB at the 330 bytes a node of its peak."""


def rounds_for(edges: int, budget: int = BUDGET) -> int:
    """Rounds after which what is left of `edges` edges is within `budget`, by `SHRINKS` a round."""
    if edges <= budget:
        return 0
    return math.ceil(math.log(edges / budget, SHRINKS))


def both_ways(edges: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """EDGE rows seen from either end, loops left out."""
    a, b = edges["a"].to_numpy(), edges["b"].to_numpy()
    kept = a != b
    ends = np.concatenate([a[kept], b[kept]]), np.concatenate([b[kept], a[kept]])
    yield pa.RecordBatch.from_arrays([pa.array(one) for one in ends], schema=EDGE)


def tell(edges: pa.Table) -> pa.Table:
    """EDGE rows of whole nodes `a`, to _HEARD rows: each tells its neighbours its least one."""
    once = edges.group_by(["a", "b"], use_threads=False).aggregate([])
    node, other = once["a"].to_numpy(), once["b"].to_numpy()
    least = _least(node, other)
    return pa.table([other, node, least], schema=_HEARD)


def name(heard: pa.Table) -> tuple[pa.Table, pa.Table]:
    """_HEARD rows of whole nodes to LABEL rows, and EDGE rows of which `b` has its name already.

    A node's name is the least within two steps. Each edge comes out once, from its smaller end.
    """
    node, other = heard["node"].to_numpy(), heard["other"].to_numpy()
    own = _least(node, np.minimum(other, heard["least"].to_numpy()))
    names, first = np.unique(node, return_index=True)  # return_index: sorted, not hashed
    labels = pa.table([names, own[first]], schema=LABEL)
    once = node < other
    return labels, pa.table([other[once], own[once]], schema=EDGE)


def relabel(edges: pa.Table, labels: pa.Table) -> pa.Table:
    """EDGE rows whose `a` has a LABEL row, with its name in its place; loops and repeats go."""
    a = _renamed(edges["a"].to_numpy(), labels)
    b = edges["b"].to_numpy()
    kept = a != b
    named = pa.table([np.minimum(a, b)[kept], np.maximum(a, b)[kept]], schema=EDGE)
    return named.group_by(["a", "b"], use_threads=False).aggregate([]).cast(EDGE)


def follow(members: pa.Table, labels: pa.Table) -> pa.Table:
    """LABEL rows with the newer name of their label, where it has one."""
    newer = _renamed(members["label"].to_numpy(), labels)
    return pa.table([members["node"].to_numpy(), newer], schema=LABEL)


def _least(node: np.ndarray, value: np.ndarray) -> np.ndarray:
    """The smallest of a node and the values in its rows, in each of its rows."""
    names, at = np.unique(node, return_inverse=True)
    least = names.copy()
    np.minimum.at(least, at, value)
    return least[at]


def _renamed(names: np.ndarray, labels: pa.Table) -> np.ndarray:
    """Each name's label, or itself where it has none."""
    if not labels.num_rows:
        return names
    known = labels["node"].to_numpy()
    order = np.argsort(known)
    known, label = known[order], labels["label"].to_numpy()[order]
    at = np.minimum(np.searchsorted(known, names), len(known) - 1)
    return np.where(known[at] == names, label[at], names)


NAMES = "names"


def _tell(edges: pa.Table) -> Iterator[pa.RecordBatch]:
    yield from batches_of(tell(edges))


def _name(heard: pa.Table) -> Iterator[Any]:
    labels, edges = name(heard)
    yield from batches_of(edges)
    for batch in batches_of(labels):
        yield beam.pvalue.TaggedOutput(NAMES, batch)


def _relabel(edges: pa.Table, labels: pa.Table) -> Iterator[pa.RecordBatch]:
    yield from batches_of(relabel(edges, labels))


def _follow(members: pa.Table, labels: pa.Table) -> Iterator[pa.RecordBatch]:
    yield from batches_of(follow(members, labels))


@dataclass(eq=False)
class Contract(beam.PTransform):
    """EDGE batches to a dict of fewer EDGE batches (`edges`) and LABEL batches (`labels`)."""

    def expand(self, edges: beam.PCollection) -> dict[str, beam.PCollection]:
        """One round: three shuffles, of 16 to 24 bytes an edge and direction."""
        told = {"edges": edges | "Both ways" >> beam.FlatMap(both_ways)} | "Tell" >> PerPartition(
            {"edges": Keyed(EDGE, ("a",))}, _tell
        )
        named = {"heard": told} | "Name" >> PerPartition(
            {"heard": Keyed(_HEARD, ("node",))}, _name, (NAMES,)
        )
        halves = {"edges": named[MAIN], "labels": named[NAMES]}
        keyed = {"edges": Keyed(EDGE, ("a",)), "labels": Keyed(LABEL, ("node",))}
        fewer = halves | "Relabel" >> PerPartition(keyed, _relabel)
        return {"edges": fewer, "labels": named[NAMES]}


@dataclass(eq=False)
class Components(beam.PTransform):
    """EDGE batches to LABEL batches, every node that has an edge to another once.

    `rounds` of contraction come first; see `rounds_for`. The run fails where more than `budget`
    nodes are left for one worker.
    """

    rounds: int = 0
    budget: int = BUDGET

    def expand(self, edges: beam.PCollection) -> beam.PCollection:
        """Contract, label what is left, and bring the names of all rounds together."""
        members: beam.PCollection | None = None
        keyed = {"members": Keyed(LABEL, ("label",)), "labels": Keyed(LABEL, ("node",))}
        for number in range(1, self.rounds + 1):
            contracted = edges | f"Round {number}" >> Contract()
            edges, labels = contracted["edges"], contracted["labels"]
            if members is None:
                members = labels
                continue
            both = {"members": members, "labels": labels}
            members = both | f"Follow {number}" >> PerPartition(keyed, _follow)
        left = (
            edges
            | "Forest" >> beam.CombineGlobally(SpanningForest(self.budget))
            | "Labels" >> beam.FlatMap(forest_labels)
        )
        if members is None:
            return left
        return {"members": members, "labels": left} | "Follow" >> PerPartition(keyed, _follow)


def components(nodes: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Label of each of `nodes` (numbered from 0) under edges a[i]-b[i]: its component's minimum.

    The minimum makes the labels the same whatever the order of the edges.
    """
    ones = np.ones(len(a), np.int8)
    graph = coo_array((ones, (a, b)), shape=(nodes, nodes))
    count, label = connected_components(graph, directed=False)
    smallest = np.full(count, nodes, np.int64)
    np.minimum.at(smallest, label, np.arange(nodes))
    return smallest[label]


EDGE = pa.schema([("a", pa.int64()), ("b", pa.int64())])
"""One edge between two nodes, 63-bit hashes; loops and repeated edges are allowed."""


LABEL = pa.schema([("node", pa.int64()), ("label", pa.int64())])
"""A node and the smallest node of its component."""


BUFFERED = 4_000_000
"""Edges that are gathered, at least, before they are folded into the forest."""


BLOCK = 1_000_000
"""Rows of a batch that comes out: one element of a shuffle stays far below 2 GiB."""


class OverBudgetError(Exception):
    """A graph with more nodes than one worker may hold; says what to do."""


@dataclass
class Forest:
    """`node` in ascending order and, for each, `root`, the smallest of its component so far.

    `waiting` are blocks of edges that are not folded in yet.
    """

    node: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    root: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    waiting: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)

    def add(self, a: np.ndarray, b: np.ndarray, budget: int = BUDGET) -> None:
        """Take edges in, folding when as many wait as are worth it.

        The limit grows with the forest: with a fixed one, folding is quadratic in the nodes.

        Raises:
            OverBudgetError: if the forest outgrows `budget` nodes.
        """
        self.waiting.append((a, b))
        if sum(len(one) for one, _ in self.waiting) > max(BUFFERED, 2 * len(self.node)):
            self.fold(budget)

    def fold(self, budget: int = BUDGET) -> None:
        """Take everything that waits into the forest; raises as `add`."""
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
                f"a graph of more than {budget} nodes for one worker: "
                "ask for more contraction rounds"
            )
        self.root = self.node[components(len(self.node), at[: len(a)], at[len(a) :])]

    def labels(self) -> Iterator[pa.RecordBatch]:
        """LABEL batches of every node, in ascending order."""
        self.fold()
        for start in range(0, len(self.node), BLOCK):
            columns = [pa.array(one[start : start + BLOCK]) for one in (self.node, self.root)]
            yield pa.RecordBatch.from_arrays(columns, schema=LABEL)


class SpanningForest(beam.CombineFn):
    """EDGE batches to one `Forest`; fails loudly where it outgrows `budget` nodes."""

    def __init__(self, budget: int = BUDGET) -> None:
        self._budget = budget

    def create_accumulator(self) -> Forest:
        """No node yet."""
        return Forest()

    def add_input(self, forest: Forest, edges: pa.RecordBatch) -> Forest:
        """Take one batch in."""
        forest.add(edges["a"].to_numpy(), edges["b"].to_numpy(), self._budget)
        return forest

    def merge_accumulators(self, forests: Iterable[Forest]) -> Forest:
        """One forest of all: the others are edges to the largest, which is not folded again."""
        whole = Forest()
        for one in forests:
            if len(one.node) > len(whole.node):
                whole, one = one, whole  # noqa: PLW2901 - the two change places
            for a, b in ((one.node, one.root), *one.waiting):
                if len(a):
                    whole.add(a, b, self._budget)
        return whole

    def compact(self, forest: Forest) -> Forest:
        """Fold before the forest travels: 16 bytes a node are all that does."""
        forest.fold(self._budget)
        return forest

    def extract_output(self, forest: Forest) -> Forest:
        """The whole forest."""
        forest.fold(self._budget)
        return forest


def forest_labels(forest: Forest) -> Iterator[pa.RecordBatch]:
    """LABEL batches of a forest."""
    yield from forest.labels()


_RECORD = np.int64(1 << 62)
"""The bit that tells a piece of evidence from an entity; it is taken from both hashes."""


MOST_ROUNDS = 16
"""Rounds after which hardly anything can be left: each leaves a third or less."""


def record_edges(named: pa.RecordBatch) -> pa.RecordBatch:
    """INCIDENCE rows as EDGE rows between a piece of evidence and an entity that it names."""
    group = named["group"].to_numpy() | _RECORD
    node = named["node"].to_numpy() & ~_RECORD
    return pa.RecordBatch.from_arrays([pa.array(group), pa.array(node)], schema=EDGE)


Sizes = tuple[int, int, int]
"""Entities that some evidence ties to others, their components, and the largest one's."""


def sizes(node: np.ndarray, component: np.ndarray) -> Sizes:
    """What the nodes of whole components amount to."""
    _, counts = np.unique(component[node & _RECORD == 0], return_counts=True)
    return int(counts.sum()), len(counts), int(counts.max(initial=0))


def _of_forest(forest: Forest) -> Iterator[Sizes]:
    forest.fold()
    yield sizes(forest.node, forest.root)


def _of_labels(labels: pa.Table) -> Iterator[Sizes]:
    yield sizes(labels["node"].to_numpy(), labels["label"].to_numpy())


def _together(parts: Iterable[Sizes]) -> Sizes:
    held = list(parts)
    return (
        sum(n for n, _, _ in held),
        sum(n for _, n, _ in held),
        max((n for *_, n in held), default=0),
    )


def tallies(found: Sizes) -> Iterator[Tally]:
    """The three numbers under their names in the manifest."""
    for name, count in zip(("entities", "components", "largest"), found, strict=True):
        yield ("components", name), count


class ContractionOptions(PipelineOptions):
    """A Beam option: how far the graph is contracted before one worker holds what is left."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        parser.add_argument(
            "--contraction-rounds",
            type=_rounds,
            default=0,
            help="rounds of contraction before one worker holds the graph's forest, 0 to 16; no "
            "result depends on it (batch: chosen from the size of the input unless given)",
        )


def _rounds(text: str) -> int:
    if not text.isdecimal() or int(text) > MOST_ROUNDS:
        problem = f"'{text}' is not a whole number from 0 to {MOST_ROUNDS}"
        raise argparse.ArgumentTypeError(problem)
    return int(text)


@dataclass(eq=False)
class LargestComponent(beam.PTransform):
    """INCIDENCE batches to tallies of `Sizes`. Fails where a forest outgrows `budget`.

    The pipeline's `ContractionOptions` say how many rounds of contraction come first.
    """

    budget: int = BUDGET

    def expand(self, named: beam.PCollection) -> beam.PCollection:
        """One forest a window, of 16 bytes a node where it travels; or labels, by component."""
        rounds = named.pipeline.options.view_as(ContractionOptions).contraction_rounds
        edges = named | "Edges" >> beam.Map(record_edges)
        if rounds:
            labels = {"labels": edges | "Components" >> Components(rounds, self.budget)}
            counted = labels | "Count" >> PerPartition(
                {"labels": Keyed(LABEL, ("label",))}, _of_labels
            )
            found = counted | "Add up" >> beam.CombineGlobally(_together).without_defaults()
        else:
            forest = beam.CombineGlobally(SpanningForest(self.budget)).without_defaults()
            found = edges | "Forest" >> forest | "Count" >> beam.FlatMap(_of_forest)
        return found | "Tallies" >> beam.FlatMap(tallies)
