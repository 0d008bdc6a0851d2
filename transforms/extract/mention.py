"""Identifiers found in records, as single matches and as columns of mention drafts.

A draft becomes a mention once `fields` adds what its record says (organisation, time, victim).
"""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import EntityKind, Role
from transforms.arrow_util import ListItems
from transforms.phone.normalize import Reading

MENTION_DRAFT = pa.schema(
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


class Match(NamedTuple):
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


PlacedMatch = tuple[int, str, str, Match, str, float, bool]
"""Row, field, text, the match in it, its role, confidence, and whether the role is stated."""


def phone_match(start: int, end: int, reading: Reading, role: Role) -> Match:
    """Returns the match of a phone number that was read."""
    return Match(
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


def drafts_from_matches(placed: Iterable[PlacedMatch]) -> pa.RecordBatch:
    """Turns matches into `MENTION_DRAFT` rows."""
    rows_of_matches = list(placed)
    if not rows_of_matches:
        return pa.RecordBatch.from_pylist([], MENTION_DRAFT)
    # To turn tuples with zip makes an iterator of each, which the garbage collector goes through.
    rows, fields, texts, matches, roles, confidence, stated = (
        list(map(itemgetter(at), rows_of_matches)) for at in range(len(rows_of_matches[0]))
    )
    columns: dict[str, object] = {
        name: list(map(itemgetter(at), matches)) for at, name in enumerate(Match._fields)
    }
    columns |= {
        "row": rows,
        "field": fields,
        "raw": [text[one.start : one.end] for text, one in zip(texts, matches, strict=True)],
        "role": roles,
        "stated": stated,
        "confidence": np.array(confidence) * np.array(columns.pop("plausibility")),
    }
    arrays = [pa.array(columns[one.name], one.type) for one in MENTION_DRAFT]
    return pa.RecordBatch.from_arrays(arrays, schema=MENTION_DRAFT)


def drafts_from_columns(count: int, columns: dict[str, pa.Array | object]) -> pa.RecordBatch:
    """Makes `MENTION_DRAFT` rows of columns, of which some are one value for all `count` rows.

    A column that is left out is null.
    """
    arrays = []
    for one in MENTION_DRAFT:
        given = columns.get(one.name)
        if not isinstance(given, pa.Array):
            given = pa.repeat(pa.scalar(given, one.type), count)
        arrays.append(given.cast(one.type))
    return pa.RecordBatch.from_arrays(arrays, schema=MENTION_DRAFT)


def drafts_from_numbers(
    rows: pa.Array,
    field: pa.Array | str,
    raw: pa.Array,
    readings: pa.StructArray,
    role: pa.Array,
    confidence: float,
) -> pa.RecordBatch:
    """Makes `MENTION_DRAFT` rows of columns of phone fields; a number that was not read has none.

    Args:
        rows: The row of each number; all arrays have one length.
        field: The field of each, or of all.
        raw: The numbers as written.
        readings: What `phone.normalize` made of them.
        role: The role of each.
        confidence: That of a field of this sort; a reading's own lowers it.
    """
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
    columns |= {"start": 0, "kind": EntityKind.PHONE.value, "stated": True}
    return drafts_from_columns(pc.sum(read).as_py() or 0, columns)


def item_field_names(column: str, items: ListItems) -> pa.Array:
    """Returns the field of each item of a list column, such as `urls[0]`."""
    distinct, back = np.unique(np.array(items.places, np.int64), return_inverse=True)
    names = pa.array([f"{column}[{place}]" for place in distinct.tolist()], pa.string())
    return names.take(pa.array(back))
