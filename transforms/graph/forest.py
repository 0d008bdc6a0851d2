"""Connected components past one worker's edges: a spanning forest that is merged in a tree.

What is known of the edges seen so far is a star forest: each node and its component's smallest
node, 16 bytes a node however many edges there were. Forests and blocks of edges merge in any order
to the same forest, so this is a CombineFn, which every runner spreads.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import apache_beam as beam
import numpy as np
import pyarrow as pa

from transforms.graph.components import components

EDGE = pa.schema([("a", pa.int64()), ("b", pa.int64())])
"""One edge between two nodes, 63-bit hashes; loops and repeated edges are allowed."""

LABEL = pa.schema([("node", pa.int64()), ("label", pa.int64())])
"""A node and the smallest node of its component."""

BUFFERED = 4_000_000
"""Edges that are gathered, at least, before they are folded into the forest."""

BLOCK = 1_000_000
"""Rows of a batch that comes out: one element of a shuffle stays far below 2 GiB."""

BUDGET = 40_000_000
"""Nodes of a forest that one worker is trusted with: 13 GB at the 330 bytes a node of its peak."""


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


def labels(forest: Forest) -> Iterator[pa.RecordBatch]:
    """LABEL batches of a forest."""
    yield from forest.labels()
