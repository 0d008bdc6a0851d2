"""Whom an entity reached: where its victims live, and whether they were seen to dial it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import csr_array

from schemas.kinds import HARD_ROLES, RecordKind, Status
from transforms.shuffle import hash_text

REACH = pa.schema(
    [
        ("node", pa.int64()),
        ("country", pa.int64()),
        ("records", pa.int64()),
        ("dialled", pa.int64()),
    ]
)
"""Pieces of evidence that show an entity held, by the victim's country; both ids are 63-bit hashes.

`country` is null where it is not known. `dialled` counts those with a call record that does.
"""


def reaches(evidence: pa.Table) -> pa.Table:
    """CLASSIFIED rows of whole groups to REACH rows, of infrastructure in hard roles."""
    held = pc.and_(
        pc.equal(evidence["status"], Status.INFRASTRUCTURE),
        pc.is_in(evidence["role"], pa.array([str(role) for role in HARD_ROLES])),
    )
    rows = evidence.filter(held)
    called = pc.equal(rows["record_kind"], RecordKind.CALL)
    rows = rows.select(["group_id", "entity_id", "victim_country"]).append_column("called", called)
    once = rows.group_by(["group_id", "entity_id"], use_threads=False).aggregate(
        [("victim_country", "min"), ("called", "any")]
    )
    counted = (
        once.append_column("dialled", pc.cast(once["called_any"], pa.int64()))
        .group_by(["entity_id", "victim_country_min"], use_threads=False)
        .aggregate([([], "count_all"), ("dialled", "sum")])
    )
    country = counted["victim_country_min"]
    known = pc.is_valid(country).combine_chunks()
    named = pa.array(hash_text(pc.fill_null(country, "")))
    return pa.table(
        {
            "node": hash_text(counted["entity_id"]),
            "country": pc.if_else(known, named, pa.scalar(None, pa.int64())),
            "records": counted["count_all"],
            "dialled": counted["dialled_sum"],
        },
        schema=REACH,
    )


def countries_by_node(rows: pa.Table, node: np.ndarray) -> csr_array:
    """REACH rows over the sorted hashes `node`: records by node and country; others fall away."""
    rows = rows.filter(pc.is_valid(rows["country"]))
    at, known = _places(rows, node)
    names, column = np.unique(rows["country"].to_numpy()[known], return_inverse=True)
    counts = rows["records"].to_numpy()[known].astype(np.float64)
    return csr_array((counts, (at[known], column)), shape=(len(node), len(names)))


def dialled_by_node(rows: pa.Table, node: np.ndarray) -> np.ndarray:
    """REACH rows over the sorted hashes `node`: how often each was seen to be dialled."""
    at, known = _places(rows, node)
    counts = rows["dialled"].to_numpy()[known]
    return np.bincount(at[known], counts, len(node)).astype(np.int64)


def _places(rows: pa.Table, node: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each row's node stands in `node`, and whether it does."""
    hashes = rows["node"].to_numpy()
    if not len(node):
        return np.zeros(len(hashes), np.int64), np.zeros(len(hashes), bool)
    at = np.minimum(np.searchsorted(node, hashes), len(node) - 1)
    return at, node[at] == hashes
