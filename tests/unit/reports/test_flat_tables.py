"""Columns of plain values: as strftime and joining by hand have them."""

from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from reports.tables import flat, flat_to_seconds
from schemas.field import TIMESTAMP

MOMENTS = [
    datetime(2024, 2, 29, 23, 59, 59, 999_999, UTC),
    None,
    datetime(1969, 12, 31, 23, 59, 59, 1, UTC),
    datetime(2025, 1, 1, tzinfo=UTC),
]


def test_times_are_iso_8601():
    column = pa.chunked_array([MOMENTS[:1], MOMENTS[1:]], TIMESTAMP)
    assert flat(column).equals(pc.strftime(column, "%Y-%m-%dT%H:%M:%SZ"))
    seconds = [None if one is None else f"{one:%Y-%m-%dT%H:%M:%SZ}" for one in MOMENTS]
    assert flat_to_seconds(column).to_pylist() == seconds


def test_lists_are_joined_and_others_stay():
    lists = pa.chunked_array([[["a", "b"], [], None, ["c"]]], pa.list_(pa.string()))
    numbers = pa.chunked_array([[1.5, None]])
    for one in (flat, flat_to_seconds):
        assert one(lists).to_pylist() == ["a; b", "", None, "c"]
        assert one(numbers) is numbers
