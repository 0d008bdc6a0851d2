"""Columns of a run's tables as columns of plain values: for formats that know no lists."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


def flat(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Lists of texts joined, times as ISO 8601 text to the microsecond; others as they are."""
    if pa.types.is_list(column.type):
        return pc.binary_join(column, "; ")
    if pa.types.is_timestamp(column.type):
        # As strftime would have it, in a tenth of its time.
        return pc.binary_replace_slice(pc.cast(column, pa.string()), 10, 11, "T")
    return column


def flat_to_seconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """As `flat`, but times to the second."""
    found = flat(column)
    if pa.types.is_timestamp(column.type):
        return pc.binary_replace_slice(found, 19, 26, "")
    return found
