"""How much of the graph hangs together before any tie is doubted: for the alarm of a giant cluster.

In complaints 4 to 7 % of the links mislead, which welds nine tenths of everything into one
component (GRAPH.md). Clusters are far smaller where the clustering did its work.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa

from transforms.accounting import Tally
from transforms.graph.forest import BUDGET, EDGE, Forest, SpanningForest

_RECORD = np.int64(1 << 62)
"""The bit that tells a piece of evidence from an entity; it is taken from both hashes."""


def record_edges(named: pa.RecordBatch) -> pa.RecordBatch:
    """INCIDENCE rows as EDGE rows between a piece of evidence and an entity that it names."""
    group = named["group"].to_numpy() | _RECORD
    node = named["node"].to_numpy() & ~_RECORD
    return pa.RecordBatch.from_arrays([pa.array(group), pa.array(node)], schema=EDGE)


def tallies(forest: Forest) -> Iterator[Tally]:
    """Entities that some evidence ties to others, their components, and the largest one's."""
    forest.fold()
    root = forest.root[forest.node & _RECORD == 0]
    _, sizes = np.unique(root, return_counts=True)
    yield ("components", "entities"), len(root)
    yield ("components", "components"), len(sizes)
    yield ("components", "largest"), int(sizes.max(initial=0))


@dataclass(eq=False)
class LargestComponent(beam.PTransform):
    """INCIDENCE batches to tallies; see `tallies`. Fails where a forest outgrows `budget`."""

    budget: int = BUDGET

    def expand(self, named: beam.PCollection) -> beam.PCollection:
        """One forest a window, of 16 bytes a node where it travels."""
        return (
            named
            | "Edges" >> beam.Map(record_edges)
            | "Forest" >> beam.CombineGlobally(SpanningForest(self.budget)).without_defaults()
            | "Tallies" >> beam.FlatMap(tallies)
        )
