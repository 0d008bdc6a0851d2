"""Connected components of a graph that one worker cannot hold: contracted first, exact whatever K.

A round gives every node the smallest node within two steps, and puts the nodes of one name together
(Lacki, Mirrokni and Wlodarczyk, arXiv:1807.10727). Names only ever join what is connected, so the
components of the smaller graph are those of the larger one: rounds save memory and change nothing.
The number of rounds is fixed when the pipeline is built, since a Beam graph has no loops; what is
left goes to `forest.SpanningForest`, which refuses more than its budget.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from transforms.graph import forest
from transforms.graph.forest import BUDGET, EDGE, LABEL, SpanningForest
from transforms.shuffle import MAIN, Keyed, PerPartition, batches_of

SHRINKS = 2.5
"""Times that a round makes the worst of our graphs smaller: chains of numbers, each met with the
next. In a random order a third of the values are the least of some five in a row, in later rounds a
little more; that the nodes are hashes is what makes the order random. How other graphs shrink:
benchmarks/components.py.
"""

_HEARD = pa.schema([("node", pa.int64()), ("other", pa.int64()), ("least", pa.int64())])
"""What a node hears from a neighbour `other`: the smallest of that one's neighbourhood."""


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
            | "Labels" >> beam.FlatMap(forest.labels)
        )
        if members is None:
            return left
        return {"members": members, "labels": left} | "Follow" >> PerPartition(keyed, _follow)
