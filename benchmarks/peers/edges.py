"""The graph of a run's mentions for programs that know components only: records and identifiers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq

from schemas.enums import HARD_ROLES
from transforms.arrow_util import hash_text
from transforms.clustering_metrics import compare_clusterings
from transforms.graph.links import record_keys


def write_edges(run: Path, target: Path) -> int:
    """Mentions in a role that the scammer must really hold, as `a` (record) and `b` (identifier).

    Returns how many there are, each pair once.
    """
    hard = pc.is_in(pc.field("role"), pa.array([str(role) for role in HARD_ROLES]))
    columns = ["entity_id", "record_kind", "source_org", "record_id"]
    mentions = ds.dataset(run / "mentions").to_table(columns=columns, filter=hard)
    named = pa.table({"a": hash_text(record_keys(mentions)), "b": hash_text(mentions["entity_id"])})
    pairs = named.group_by(["a", "b"], use_threads=False).aggregate([])
    pq.write_table(pairs.sort_by([("a", "ascending"), ("b", "ascending")]), target)
    return pairs.num_rows


def same_partition(one: Path, other: Path) -> bool:
    """Returns whether two files of `node` and `label` part the same nodes in the same way."""
    first, second = (_labels(path) for path in (one, other))
    if not np.array_equal(first[0], second[0]):
        return False
    pairs = np.unique(np.stack([first[1], second[1]]), axis=1)
    return all(len(np.unique(side)) == pairs.shape[1] for side in pairs)


def _labels(path: Path) -> tuple[np.ndarray, np.ndarray]:
    table = ds.dataset(path).to_table()
    names = table.column_names
    node = "node" if "node" in names else names[0]
    label = next(name for name in names if name in ("label", "cluster_id"))
    order = np.argsort(table[node].to_numpy())
    return table[node].to_numpy()[order], table[label].to_numpy()[order]


def bcubed(entities: list[str], clusters: list[str], truth: dict[str, str]) -> float:
    """B-cubed F1 of a clustering against the truth; what is in no cluster is a cluster of one."""
    found = dict(zip(entities, clusters, strict=True))
    ids = sorted(truth)
    told = np.array([found.get(one, f"alone {one}") for one in ids])
    return compare_clusterings(np.array([truth[one] for one in ids]), told).bcubed.f1
