"""Documented Arrow fields and their types: the building blocks of every contract."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import chain
from typing import Any

import pyarrow as pa

TEXT, TEXTS = pa.string(), pa.list_(pa.string())

FLAG, NUMBER = pa.bool_(), pa.float64()

INTEGER, SMALL_INTEGER = pa.int64(), pa.int32()

TIMESTAMP = pa.timestamp("us", tz="UTC")

Column = pa.Array | pa.ChunkedArray
"""One column of a batch or of a table."""

Rows = pa.RecordBatch | pa.Table

Row = Mapping[str, Any]
"""One row, its values by column."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
"""The moment from which a TIMESTAMP counts microseconds."""

AMOUNT = pa.decimal128(38, 18)
"""Exact money: 20 digits before the point, 18 after (the finest unit of ETH)."""


def moment_of(microseconds: int) -> datetime:
    """Returns the moment that a TIMESTAMP stands for."""
    return EPOCH + timedelta(microseconds=int(microseconds))


def microseconds_of(moment: datetime) -> int:
    """Returns a moment as a TIMESTAMP has it."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def optional(kind: pa.DataType | Iterable[str] = TEXT, /, **meanings: str) -> list[pa.Field]:
    """Makes fields of one type, or of text of a closed set of values, by what each of them means.

    Meanings and values are in the schema.
    """
    values = {} if isinstance(kind, pa.DataType) else {"values": "|".join(kind)}
    return [
        pa.field(name, TEXT if values else kind, metadata={"doc": meaning, **values})
        for name, meaning in meanings.items()
    ]


def required(kind: pa.DataType | Iterable[str] = TEXT, /, **meanings: str) -> list[pa.Field]:
    """Makes the same fields without nulls."""
    return [field.with_nullable(False) for field in optional(kind, **meanings)]


def contract(*parts: Iterable[Any]) -> pa.Schema:
    """Makes a schema of fields, in their order."""
    return pa.schema([*chain(*parts)])


def list_of(*parts: Iterable[Any]) -> pa.DataType:
    """Returns the type of a list of records with these fields."""
    return pa.list_(pa.struct([*chain(*parts)]))


def field_doc(field: pa.Field) -> str:
    """Returns the documentation of a field, or an empty string."""
    return (field.metadata or {}).get(b"doc", b"").decode()


def allowed_values(field: pa.Field) -> list[str]:
    """Returns the closed set of values of a field; empty when it is open."""
    joined = (field.metadata or {}).get(b"values", b"").decode()
    return joined.split("|") if joined else []
