"""Columns of a run's tables as columns of plain values: for formats that know no lists."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc


def flat(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Lists of texts joined, times as ISO 8601 text to the microsecond; others as they are."""
    if pa.types.is_list(column.type):
        return pc.binary_join(column, "; ")
    if pa.types.is_timestamp(column.type):
        return pc.binary_join_element_wise(_stamp(column), "Z", "")
    return column


def flat_to_seconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """As `flat`, but times to the second."""
    if pa.types.is_timestamp(column.type):
        return pc.binary_replace_slice(_stamp(column), 19, 26, "Z")
    return flat(column)


def _stamp(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Times in UTC without their zone: those with it are written in five times as long."""
    text = pc.cast(column.cast(pa.timestamp("us")), pa.string())
    return pc.binary_replace_slice(text, 10, 11, "T")
