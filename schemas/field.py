"""One documented Arrow field: the building block of every contract."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

TIMESTAMP = pa.timestamp("us", tz="UTC")

AMOUNT = pa.decimal128(38, 18)
"""Exact money: 20 digits before the point, 18 after (the finest unit of ETH)."""


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
