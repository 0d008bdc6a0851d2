"""Sightings inside one batch of records, as columns, before they are tied to their records.

What every finder yields: an identifier at a place.
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import EntityKind, Role
from transforms.arrow_util import Items
from transforms.phone.normalize import Reading


def found(start: int, end: int, reading: Reading, role: Role) -> Found:
    """The entity of a number that was read."""
    return Found(
        start,
        end,
        EntityKind.PHONE,
        reading.e164 or "",
        role,
        reading.region,
        reading.line_type,
        reading.confidence,
        reading.how,
        reading.also_read_as,
        reading.extension,
    )


SIGHTED = pa.schema(
    [
        ("row", pa.int32()),
        ("field", pa.string()),
        ("start", pa.int32()),
        ("end", pa.int32()),
        ("raw", pa.string()),
        ("kind", pa.string()),
        ("value", pa.string()),
        ("role", pa.string()),
        ("stated", pa.bool_()),
        ("confidence", pa.float32()),
        ("region", pa.string()),
        ("line_type", pa.string()),
        ("how", pa.string()),
        ("also_read_as", pa.string()),
        ("extension", pa.string()),
    ]
)
"""One identifier in one field of one row. `stated`: the record says which role it has."""


class Found(NamedTuple):
    """One identifier in one text; `start` and `end` count code points of that text."""

    start: int
    end: int
    kind: EntityKind
    value: str
    role: Role
    region: str | None = None
    line_type: str | None = None
    plausibility: float = 1.0
    how: str | None = None
    also_read_as: str | None = None
    extension: str | None = None

    @property
    def entity_id(self) -> str:
        """The canonical id: namespace and value."""
        return f"{self.kind}:{self.value}"


One = tuple[int, str, str, Found, str, float, bool]
"""Row, field, text, what was found in it, its role, confidence, and whether the role is stated."""


def of_found(sightings: Iterable[One]) -> pa.RecordBatch:
    """Sightings one by one as columns."""
    held = list(sightings)
    if not held:
        return pa.RecordBatch.from_pylist([], SIGHTED)
    # To turn tuples with zip makes an iterator of each, which the garbage collector goes through.
    rows, fields, texts, found, roles, confidence, stated = (
        list(map(itemgetter(at), held)) for at in range(len(held[0]))
    )
    columns: dict[str, object] = {
        name: list(map(itemgetter(at), found)) for at, name in enumerate(Found._fields)
    }
    worth = np.array(confidence) * np.array(columns.pop("plausibility"))
    columns |= {
        "row": rows,
        "field": fields,
        "raw": [text[one.start : one.end] for text, one in zip(texts, found, strict=True)],
        "role": roles,
        "stated": stated,
        "confidence": worth,
    }
    arrays = [pa.array(columns[one.name], one.type) for one in SIGHTED]
    return pa.RecordBatch.from_arrays(arrays, schema=SIGHTED)


def of_columns(count: int, columns: dict[str, pa.Array | object]) -> pa.RecordBatch:
    """Columns, some of them one value for all `count` rows or left out, as a batch."""
    arrays = []
    for one in SIGHTED:
        given = columns.get(one.name)
        if not isinstance(given, pa.Array):
            given = pa.repeat(pa.scalar(given, one.type), count)
        arrays.append(given.cast(one.type))
    return pa.RecordBatch.from_arrays(arrays, schema=SIGHTED)


def of_numbers(
    rows: pa.Array,
    field: pa.Array | str,
    raw: pa.Array,
    readings: pa.StructArray,
    role: pa.Array,
    confidence: float,
) -> pa.RecordBatch:
    """The numbers that were read, of columns of whole fields; all of one length."""
    read = pc.is_valid(pc.struct_field(readings, "e164"))
    given = {
        "row": rows, "raw": raw, "role": role,
        "end": pc.utf8_length(raw),
        "value": pc.struct_field(readings, "e164"),
        "confidence": pc.multiply(
            pc.struct_field(readings, "confidence"), pa.scalar(confidence, pa.float32())
        ),
        **{
            name: pc.struct_field(readings, name)
            for name in ("region", "line_type", "how", "also_read_as", "extension")
        },
    }  # fmt: skip
    columns: dict[str, pa.Array | object] = {n: column.filter(read) for n, column in given.items()}
    columns["field"] = field.filter(read) if isinstance(field, pa.Array) else field
    columns |= {"start": 0, "kind": "phone", "stated": True}
    return of_columns(pc.sum(read).as_py() or 0, columns)


def places(column: str, items: Items) -> pa.Array:
    """The field of each item of a list column, such as `urls[0]`."""
    distinct, back = np.unique(np.array(items.places, np.int64), return_inverse=True)
    names = pa.array([f"{column}[{place}]" for place in distinct.tolist()], pa.string())
    return names.take(pa.array(back))
