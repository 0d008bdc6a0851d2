"""The rejects/ of a run, given as input: each row is read by the adapter that first read it."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa

from schemas.enums import RecordKind
from schemas.reject import RAW_LIMIT, REJECT, Code
from transforms.read.adapters.base import BOTH_KINDS, Adapter, Layout
from transforms.read.framing import Origin, Record
from transforms.read.rejects import decode_raw

NEEDED_COLUMNS = ("record_kind", "format", "raw", "raw_encoding", "raw_bytes")


def is_rejects_schema(schema: pa.Schema) -> bool:
    """Returns whether a Parquet file is one of rejects/."""
    return {"code", "stage", *NEEDED_COLUMNS} <= set(schema.names) <= set(REJECT.names)


def rejected_records(
    source: str, kind: RecordKind, batch: pa.RecordBatch, first: int
) -> Iterator[tuple[Origin, list[Record]]]:
    """Groups the rows of one record kind by format; `first` is the batch's first row.

    Rows of the other kind are left out: they are read when the file is given for that
    kind. A row of which only the head was kept stays ROW_TOO_LARGE.
    """
    by_format: dict[str, list[Record]] = {}
    for position, row in enumerate(batch.select(NEEDED_COLUMNS).to_pylist(), first):
        if row["record_kind"] == kind:
            by_format.setdefault(str(row["format"]), []).append(_record(position, row))
    for name, records in by_format.items():
        yield Origin(source, name, kind), records


def _record(position: int, row: dict[str, object]) -> Record:
    try:
        data = decode_raw(str(row["raw"] or ""), str(row["raw_encoding"]))
    except (LookupError, UnicodeEncodeError):
        return Record(position, b"", 0, Code.BAD_ENCODING)
    size = row["raw_bytes"]
    if len(data) > RAW_LIMIT - 4 and isinstance(size, int) and size > len(data):
        return Record(position, data, size, Code.ROW_TOO_LARGE)
    return Record(position, data, len(data))


ADAPTER = Adapter(
    name="rejects",
    description="the rejects/ of a run, to be read again",
    kinds=BOTH_KINDS,
    layout=Layout.REJECTS,
    detect_schema=is_rejects_schema,
)
