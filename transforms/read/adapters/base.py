"""Loose rows: the contract's fields as text, with where each row came from.

CSV records into columns of text, under the names of a header.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.call import CALL_LOOSE
from schemas.complaint import COMPLAINT_LOOSE
from schemas.enums import RecordKind
from schemas.reject import Code
from transforms.read.framing import Origin, Record, split_cells
from transforms.read.rejects import Reject, reject

SCHEMAS = {RecordKind.COMPLAINT: COMPLAINT_LOOSE, RecordKind.CALL: CALL_LOOSE}


NUMBERS = COMPLAINT_LOOSE.field("phone_numbers").type


@dataclass(frozen=True)
class TextRows:
    """Rows of a source's own columns, all text, and the records they were read from."""

    origin: Origin
    records: Sequence[Record]
    cells: pa.RecordBatch

    def column(self, name: str) -> pa.Array:
        """A column without surrounding white space; an empty cell, or no column, is null."""
        if name not in self.cells.schema.names:
            return pa.nulls(len(self.records), pa.string())
        trimmed = pc.utf8_trim_whitespace(self.cells.column(name))
        return pc.if_else(pc.equal(trimmed, ""), None, trimmed)


def constant(value: str | None, rows: int) -> pa.Array:
    """The same text in every row."""
    return pa.repeat(pa.scalar(value, pa.string()), rows)


def build(
    origin: Origin, records: Sequence[Record], columns: Mapping[str, pa.Array]
) -> pa.RecordBatch:
    """A batch of the kind's loose schema; fields that `columns` does not name are null."""
    schema = SCHEMAS[origin.kind]
    rows = len(records)
    known: dict[str, pa.Array] = {
        "source": constant(origin.source, rows),
        "position": pa.array([one.position for one in records], pa.int64()),
        "format": constant(origin.format, rows),
        "raw": pa.array([one.data for one in records], pa.binary()),
        **columns,
    }
    arrays = [known[f.name] if f.name in known else pa.nulls(rows, f.type) for f in schema]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def numbers(columns: Sequence[tuple[pa.Array, str]]) -> pa.Array:
    """`phone_numbers` out of columns of one number each, with their role; nulls are left out."""
    rows = len(columns[0][0])
    present = np.column_stack([raw.is_valid().to_numpy(zero_copy_only=False) for raw, _ in columns])
    order = np.arange(rows * len(columns)).reshape(len(columns), rows).T[present]
    raw = pa.concat_arrays([raw for raw, _ in columns])
    role = pa.concat_arrays([constant(role, rows) for _, role in columns])
    offsets = np.concatenate([[0], np.cumsum(present.sum(axis=1))]).astype(np.int32)
    values = pa.StructArray.from_arrays(
        [raw.take(pa.array(order)), role.take(pa.array(order))], fields=list(NUMBERS.value_type)
    )
    return pa.ListArray.from_arrays(pa.array(offsets), values, type=NUMBERS)


def join_cells(cells: Sequence[str]) -> str:
    """One CSV record of these cells, quoted where it must be."""
    return ",".join(
        '"' + cell.replace('"', '""') + '"' if set(cell) & set('",\n\r') else cell for cell in cells
    )


def text_rows(
    origin: Origin, records: Sequence[Record], header: Sequence[str], encoding: str = "utf-8"
) -> tuple[TextRows, list[Reject]]:
    """Rows with one cell a column, and a reject for each record that is not such a row."""
    good: list[Record] = []
    rows: list[list[str]] = []
    rejects: list[Reject] = []
    width = len(header)
    for record in records:
        if b"\0" in record.data:
            rejects.append(reject(origin, record, Code.BROKEN_CSV, "a NUL byte in the row"))
            continue
        try:
            cells = split_cells(record.data.decode(encoding))
        except UnicodeDecodeError:
            rejects.append(reject(origin, record, Code.BAD_ENCODING, "not valid UTF-8"))
            continue
        if len(cells) != width:
            message = f"{len(cells)} cells where the header has {width}"
            rejects.append(reject(origin, record, Code.BROKEN_CSV, message))
            continue
        good.append(record)
        rows.append(cells)
    columns = zip(*rows, strict=True) if rows else ([] for _ in header)
    cells_of = {
        name: pa.array(column, pa.string()) for name, column in zip(header, columns, strict=True)
    }
    return TextRows(origin, good, pa.RecordBatch.from_pydict(cells_of)), rejects
