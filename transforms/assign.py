"""The global step: every infrastructure entity to exactly one cluster, or marked as a hub.

It works on integer ids: 63-bit hashes of entity ids, one row an entity and one row a hard link.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.field import TIMESTAMP
from schemas.kinds import Status, Strength
from transforms.assignment import ASSIGNMENT
from transforms.communities import communities
from transforms.shuffle import hash_text, table_of

NODE = pa.schema([("node", pa.int64()), ("first_seen", TIMESTAMP), ("held", pa.int64())])
"""An infrastructure entity; `held` counts the records that show it in a hard role."""

EDGE = pa.schema(
    [("a", pa.int64()), ("b", pa.int64()), ("weight", pa.float64()), ("victims", pa.int64())]
)
"""A hard link; `weight` in records' worth."""


def nodes_of(found: pa.RecordBatch) -> pa.RecordBatch:
    """FOUND rows to NODE rows of those that are infrastructure."""
    kept = found.filter(pc.equal(found["status"], Status.INFRASTRUCTURE))
    node = pa.array(hash_text(kept["entity_id"]))
    return pa.RecordBatch.from_arrays([node, kept["first_seen"], kept["held"]], schema=NODE)


def edges_of(links: pa.RecordBatch) -> pa.RecordBatch:
    """LINK rows to EDGE rows of those that are hard."""
    hard = links.filter(pc.equal(links["strength"], Strength.HARD))
    ends = [pa.array(hash_text(hard[name])) for name in ("entity_a", "entity_b")]
    return pa.RecordBatch.from_arrays([*ends, hard["weight"], hard["victims"]], schema=EDGE)


def assign(nodes: pa.Table, edges: pa.Table) -> pa.RecordBatch:
    """NODE and EDGE rows of the whole graph to ASSIGNMENT.

    A cluster is named after its anchor, the member seen first (ties: the smallest hash), so that
    its id outlives most changes. Edges to entities that are not nodes (suppressed ones) fall away.

    Raises:
        ValueError: if two entities hash alike; links between them cannot be told apart.
    """
    order = np.argsort(nodes["node"].to_numpy())
    node = nodes["node"].to_numpy()[order]
    if len(node) and (node[1:] == node[:-1]).any():
        raise ValueError("two entity ids share a 63-bit hash: the graph would confuse them")
    first_seen = nodes["first_seen"].cast(pa.int64()).to_numpy()[order]
    held = nodes["held"].to_numpy()[order]
    a, b, inside = _numbered(node, edges)
    weight = edges["weight"].to_numpy()[inside]
    found = communities(len(node), a, b, weight, held)
    anchor = _anchors(node, first_seen, found.label)
    return pa.RecordBatch.from_arrays(
        [pa.array(node), pa.array(anchor), pa.array(found.hub), pa.array(found.spread)],
        schema=ASSIGNMENT,
    )


def _numbered(node: np.ndarray, edges: pa.Table) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges as row numbers of `node`, in canonical order, and the rows of `edges` they are."""
    ends = np.stack([edges["a"].to_numpy(), edges["b"].to_numpy()])
    if not len(node):
        none = np.empty(0, np.int64)
        return none, none, none
    at = np.minimum(np.searchsorted(node, ends), len(node) - 1)
    inside = np.flatnonzero((node[at] == ends).all(axis=0))
    low, high = np.sort(at[:, inside], axis=0)
    canonical = np.lexsort((high, low))
    return low[canonical], high[canonical], inside[canonical]


def _anchors(node: np.ndarray, first_seen: np.ndarray, label: np.ndarray) -> np.ndarray:
    order = np.lexsort((node, first_seen, label))
    starts = np.concatenate([[True], label[order][1:] != label[order][:-1]]) if len(node) else []
    firsts = order[np.asarray(starts, bool)]
    anchor_of = dict(zip(label[firsts].tolist(), node[firsts].tolist(), strict=True))
    return np.array([anchor_of[one] for one in label.tolist()], np.int64)


def _graph(
    keyed: tuple[int, Mapping[str, Iterable[pa.RecordBatch]]],
) -> Iterator[pa.RecordBatch]:
    _, parts = keyed
    yield assign(table_of(parts["nodes"], NODE), table_of(parts["edges"], EDGE))


def _together(batch: pa.RecordBatch) -> tuple[int, pa.RecordBatch]:
    return 0, batch


@dataclass(eq=False)
class Assign(beam.PTransform):
    """A dict of FOUND batches (`entities`) and LINK batches (`links`) to one ASSIGNMENT batch."""

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> beam.PCollection:
        """Bring all nodes and edges to one place as integers, and cluster there."""
        parts = {
            "nodes": inputs["entities"] | "Nodes" >> beam.Map(nodes_of),
            "edges": inputs["links"] | "Edges" >> beam.Map(edges_of),
        }
        placed = {
            name: batches | f"One place for {name}" >> beam.Map(_together)
            for name, batches in parts.items()
        }
        # An empty run has an assignment too: the steps that look into it wait for one.
        nothing = pa.RecordBatch.from_pylist([], NODE)
        start = inputs["links"].pipeline | beam.Create([(0, nothing)], reshuffle=False)
        placed["nodes"] = (placed["nodes"], start) | beam.Flatten()
        return placed | beam.CoGroupByKey() | "Cluster" >> beam.FlatMap(_graph)
