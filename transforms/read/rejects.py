"""Rejects: the refused row, the reason, and enough of it to mend and feed back in.

rejects/ read again: each row with the adapter that first read it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from schemas.enums import RecordKind, Stage
from schemas.reject import RAW_LIMIT, REJECT, Code
from transforms.read.framing import Origin, Record


@dataclass(frozen=True, slots=True)
class Reject:
    """One refused row; `message` is for people and holds nothing from the row.

    `size` is the row's true length in bytes where `raw` is already cut.
    """

    source: str
    position: int
    format: str
    record_kind: RecordKind
    raw: bytes
    code: Code
    message: str
    field: str | None = None
    stage: Stage = Stage.READ
    size: int | None = None


def reject(
    origin: Origin, record: Record, code: Code, message: str, field: str | None = None
) -> Reject:
    """The reject of a record that reading refused."""
    return Reject(
        source=origin.source,
        position=record.position,
        format=origin.format,
        record_kind=origin.kind,
        raw=record.data,
        code=code,
        message=message,
        field=field,
        size=record.size,
    )


def encode_raw(raw: bytes) -> tuple[str, str]:
    """The first `RAW_LIMIT` bytes as text, and the encoding that gives the bytes back.

    A cut in the middle of a UTF-8 character drops that character.
    """
    cut = raw[:RAW_LIMIT]
    try:
        return cut.decode(), "utf-8"
    except UnicodeDecodeError as error:
        if len(raw) > RAW_LIMIT and error.start >= RAW_LIMIT - 3:
            return cut[: error.start].decode(), "utf-8"
        return cut.decode("latin-1"), "latin-1"


def decode_raw(raw: str, raw_encoding: str) -> bytes:
    """The bytes that `encode_raw` was given, up to the cut."""
    return raw.encode(raw_encoding)


def reject_rows(rejects: Sequence[Reject]) -> pa.RecordBatch:
    """A batch of `schemas.reject.REJECT`, in the order given."""
    texts = [encode_raw(one.raw) for one in rejects]
    columns = {
        "source": [one.source for one in rejects],
        "position": [one.position for one in rejects],
        "format": [one.format for one in rejects],
        "record_kind": [one.record_kind for one in rejects],
        "raw": [text for text, _ in texts],
        "raw_encoding": [encoding for _, encoding in texts],
        "raw_bytes": [len(one.raw) if one.size is None else one.size for one in rejects],
        "stage": [one.stage for one in rejects],
        "code": [one.code for one in rejects],
        "field": [one.field for one in rejects],
        "message": [one.message for one in rejects],
    }
    return pa.RecordBatch.from_pydict(columns, schema=REJECT)


NAME = "rejects"


NEEDED = ("record_kind", "format", "raw", "raw_encoding", "raw_bytes")
"""The columns of a reject that reading it again needs."""


def is_rejects(schema: pa.Schema) -> bool:
    """Whether a Parquet file is one of rejects/."""
    return {"code", "stage", *NEEDED} <= set(schema.names) <= set(REJECT.names)


def _record(position: int, row: dict[str, object]) -> Record:
    try:
        data = decode_raw(str(row["raw"] or ""), str(row["raw_encoding"]))
    except (LookupError, UnicodeEncodeError):
        return Record(position, b"", 0, Code.BAD_ENCODING)
    size = row["raw_bytes"]
    if len(data) > RAW_LIMIT - 4 and isinstance(size, int) and size > len(data):
        return Record(position, data, size, Code.ROW_TOO_LARGE)
    return Record(position, data, len(data))


def blocks(
    source: str, kind: RecordKind, batch: pa.RecordBatch, first: int
) -> Iterator[tuple[Origin, list[Record]]]:
    """The rows of one record kind, grouped by format; `first` is the batch's first row.

    Rows of the other kind are left out: they are read when the file is given for that
    kind. A row of which only the head was kept stays ROW_TOO_LARGE.
    """
    by_format: dict[str, list[Record]] = {}
    for position, row in enumerate(batch.select(NEEDED).to_pylist(), first):
        if row["record_kind"] == kind:
            by_format.setdefault(str(row["format"]), []).append(_record(position, row))
    for name, records in by_format.items():
        yield Origin(source, name, kind), records
