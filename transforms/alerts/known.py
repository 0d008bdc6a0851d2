"""What a tick's alerts are seen against: the known clusters, and the newest record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa

from transforms.decisions.rulings import InForce
from transforms.graph.assignment import ABSENT
from transforms.graph.lineage import PREVIOUS
from transforms.shuffle import hash_text, table_of


@dataclass(frozen=True)
class Known:
    """Members of the known run, by ascending hash, with their clusters; and the newest record."""

    node: np.ndarray
    cluster: np.ndarray
    newest: datetime | None

    def clusters_of(self, entity_ids: pa.Array) -> np.ndarray:
        """The known cluster of each identifier, `ABSENT` where it is new."""
        nodes = hash_text(entity_ids)
        if not len(self.node):
            return np.full(len(nodes), ABSENT)
        at = np.minimum(np.searchsorted(self.node, nodes), len(self.node) - 1)
        return np.where(self.node[at] == nodes, self.cluster[at], ABSENT)

    def is_cluster(self, numbers: np.ndarray) -> np.ndarray:
        """Whether each number is that of a known cluster."""
        return np.isin(numbers, np.unique(self.cluster))


def known_of(previous: Iterable[pa.RecordBatch], newest: datetime | None) -> Known:
    """PREVIOUS batches as a `Known`."""
    rows = table_of(previous, PREVIOUS)
    order = np.argsort(rows["node"].to_numpy())
    return Known(rows["node"].to_numpy()[order], rows["cluster"].to_numpy()[order], newest)


def _known(_: object, previous: Iterable[pa.RecordBatch], decided: InForce) -> Known:
    return known_of(previous, decided.when)


@dataclass(eq=False)
class SeenAgainst(beam.PTransform):
    """One element a window to one `Known`, from PREVIOUS batches and the one InForce."""

    previous: beam.PCollection
    decided: beam.pvalue.AsSingleton

    def expand(self, start: beam.PCollection) -> Any:
        """Once a window."""
        return start | beam.Map(_known, beam.pvalue.AsIter(self.previous), self.decided)
