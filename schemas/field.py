"""One documented Arrow field: the building block of every contract."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

TIMESTAMP = pa.timestamp("us", tz="UTC")
AMOUNT = pa.decimal128(38, 18)
"""Exact money: 20 digits before the point, 18 after (the finest unit of ETH)."""


def field(
    name: str,
    kind: pa.DataType,
    doc: str,
    *,
    required: bool = False,
    values: Sequence[str] = (),
) -> pa.Field:
    """A field whose documentation, and closed set of values if any, travel with the schema."""
    metadata = {"doc": doc}
    if values:
        metadata["values"] = "|".join(values)
    return pa.field(name, kind, nullable=not required, metadata=metadata)


def doc(of: pa.Field) -> str:
    """The documentation of a field made by `field`, or an empty string."""
    return (of.metadata or {}).get(b"doc", b"").decode()


def values(of: pa.Field) -> list[str]:
    """The closed set of values of a field made by `field`; empty when it is open."""
    joined = (of.metadata or {}).get(b"values", b"").decode()
    return joined.split("|") if joined else []
