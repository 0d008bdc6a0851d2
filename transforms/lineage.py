"""What became of each cluster since the previous run."""

from __future__ import annotations

import pyarrow as pa

from schemas.cluster import LINEAGE
from schemas.kinds import LineageEvent


def first_lineage(clusters: pa.RecordBatch) -> pa.RecordBatch:
    """CLUSTER rows to LINEAGE rows of a run that follows no other: every cluster is born."""
    ids = clusters["cluster_id"].to_pylist()
    rows = [
        {"cluster_id": one, "event": str(LineageEvent.BORN), "from_ids": [], "to_ids": [one]}
        for one in ids
    ]
    return pa.RecordBatch.from_pylist(rows, LINEAGE)
