"""Rejected rows as they may be kept."""

from __future__ import annotations

import pyarrow as pa

from schemas.kinds import RecordKind
from transforms.rejected_text import mask_reject_raw


def mask_rejects(rejects: pa.RecordBatch) -> pa.RecordBatch:
    """REJECT rows with the victim's numbers masked, as far as a broken row lets them be seen."""
    raw = [
        None if text is None else mask_reject_raw(text, RecordKind(kind))
        for text, kind in zip(
            rejects["raw"].to_pylist(), rejects["record_kind"].to_pylist(), strict=True
        )
    ]
    at = rejects.schema.get_field_index("raw")
    return rejects.set_column(at, rejects.schema.field(at), pa.array(raw, pa.string()))
