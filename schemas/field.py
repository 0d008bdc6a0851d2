"""Documented Arrow fields and their types: the building blocks of every contract."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pyarrow as pa

TEXT, TEXTS = pa.string(), pa.list_(pa.string())

FLAG, INTEGER, NUMBER = pa.bool_(), pa.int64(), pa.float64()

TIMESTAMP = pa.timestamp("us", tz="UTC")

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


def optional(
    name: str, doc: str, kind: pa.DataType = TEXT, *, values: Iterable[str] = ()
) -> pa.Field:
    """Makes a field whose documentation, and closed set of values if any, are in the schema."""
    metadata = {"doc": doc}
    if values:
        metadata["values"] = "|".join(values)
    return pa.field(name, kind, metadata=metadata)


def required(
    name: str, doc: str, kind: pa.DataType = TEXT, *, values: Iterable[str] = ()
) -> pa.Field:
    """Makes the same field without nulls."""
    return optional(name, doc, kind, values=values).with_nullable(False)


def list_of(*fields: pa.Field | tuple[str, pa.DataType]) -> pa.DataType:
    """Returns the type of a list of records with these fields."""
    return pa.list_(pa.struct(list(fields)))


def field_doc(field: pa.Field) -> str:
    """Returns the documentation of a field, or an empty string."""
    return (field.metadata or {}).get(b"doc", b"").decode()


def allowed_values(field: pa.Field) -> list[str]:
    """Returns the closed set of values of a field; empty when it is open."""
    joined = (field.metadata or {}).get(b"values", b"").decode()
    return joined.split("|") if joined else []
