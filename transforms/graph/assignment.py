"""Which cluster each entity is in: the one small table that the global step gives to the others."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

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
