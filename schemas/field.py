"""One documented Arrow field: the building block of every contract."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pyarrow as pa

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


def field(
    name: str, kind: pa.DataType, doc: str, *, required: bool = False, values: Sequence[str] = ()
) -> pa.Field:
    """Makes a field whose documentation, and closed set of values if any, are in the schema."""
    metadata = {"doc": doc}
    if values:
        metadata["values"] = "|".join(values)
    return pa.field(name, kind, nullable=not required, metadata=metadata)


def field_doc(of: pa.Field) -> str:
    """Returns the documentation of a field made by `field`, or an empty string."""
    return (of.metadata or {}).get(b"doc", b"").decode()


def allowed_values(of: pa.Field) -> list[str]:
    """Returns the closed set of values of a field made by `field`; empty when it is open."""
    joined = (of.metadata or {}).get(b"values", b"").decode()
    return joined.split("|") if joined else []
