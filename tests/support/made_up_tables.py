"""Rows of any output table, made from its schema."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from schemas.field import allowed_values
from schemas.tables import Table


def _value(field: pa.Field, kind: pa.DataType) -> st.SearchStrategy[Any]:
    if pa.types.is_list(kind):
        return st.lists(_value(kind.value_field, kind.value_type), max_size=2)
    if pa.types.is_struct(kind):
        return st.fixed_dictionaries({each.name: _value(each, each.type) for each in kind})
    if pa.types.is_timestamp(kind):
        return st.integers(0, 9).map(lambda days: datetime(2024, 3, 1 + days, tzinfo=UTC))
    if pa.types.is_boolean(kind):
        return st.booleans()
    if pa.types.is_integer(kind):
        return st.integers(0, 9)
    if pa.types.is_floating(kind):
        return st.integers(0, 8).map(lambda n: n / 8)
    if pa.types.is_decimal(kind):
        return st.decimals(0, 1000, places=18)
    return st.sampled_from(allowed_values(field) or ("", "a", "b", "ü"))


def rows_of(table: Table, least: int = 0) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Rows of a table, no two of one key."""
    fields = {
        column.name: _value(column, column.type)
        if not column.nullable
        else st.none() | _value(column, column.type)
        for column in table.schema
    }

    def key(row: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(row[name] for name in table.key)

    return st.lists(st.fixed_dictionaries(fields), unique_by=key, min_size=least, max_size=8)
