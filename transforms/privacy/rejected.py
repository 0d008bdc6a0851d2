"""Rejected rows as they may be kept."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from schemas.kinds import RecordKind
from transforms.identify.needles import mask, needles, spans
from transforms.identify.stated import of_numbers
from transforms.identify.strays import strays
from transforms.privacy.rejected_text import mask_reject_raw, stated_numbers


def stated_in_rejects(rejects: pa.RecordBatch) -> pa.RecordBatch:
    """The victims' numbers that REJECT rows state, as far as they can be read, as `STATED`."""
    rows = zip(rejects["raw"].to_pylist(), rejects["record_kind"].to_pylist(), strict=True)
    return of_numbers(one for text, kind in rows if text for one in stated_numbers(text, kind))


def mask_rejects(rejects: pa.RecordBatch, own: np.ndarray) -> pa.RecordBatch:
    """REJECT rows with victims' numbers masked, as far as a broken row lets them be seen.

    `own` holds the numbers that accepted records state as a victim's (`strays.written_forms`).
    """
    raw = [
        None if text is None else mask_reject_raw(text, RecordKind(kind))
        for text, kind in zip(
            rejects["raw"].to_pylist(), rejects["record_kind"].to_pylist(), strict=True
        )
    ]
    known = strays(pa.array(raw, pa.string()), own)
    raw = [
        text if text is None or not digits else mask(text, spans(text, needles(digits)))
        for text, digits in zip(raw, known, strict=True)
    ]
    at = rejects.schema.get_field_index("raw")
    return rejects.set_column(at, rejects.schema.field(at), pa.array(raw, pa.string()))
