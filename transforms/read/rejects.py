"""Rejects: a refused row, the reason, and enough of the row to fix it and feed it back in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa

from schemas.enums import Stage
from schemas.reject import RAW_LIMIT, REJECT, Code
from transforms.arrow import batch_of_columns
from transforms.read.framing import Origin, Record


class Reject(NamedTuple):
    """One refused row; `message` is for people and holds nothing from the row."""

    origin: Origin
    record: Record
    code: Code
    message: str
    field: str | None = None
    stage: Stage = Stage.READ


def encode_raw(raw: bytes) -> tuple[str, str]:
    """Returns the first `RAW_LIMIT` bytes as text, and the encoding that gives the bytes back.

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
    """Returns the bytes that `encode_raw` was given, up to the cut."""
    return raw.encode(raw_encoding)


def rejects_batch(rejects: Sequence[Reject]) -> pa.RecordBatch:
    """Builds a batch of `schemas.reject.REJECT`, in the order given."""
    names = ("stage", "code", "field", "message")
    texts = [encode_raw(reject.record.data) for reject in rejects]
    columns = {name: [getattr(reject, name) for reject in rejects] for name in names} | {
        "source": [reject.origin.source for reject in rejects],
        "position": [reject.record.position for reject in rejects],
        "format": [reject.origin.format_of(reject.record) for reject in rejects],
        "record_kind": [reject.origin.kind for reject in rejects],
        "raw": [text for text, _ in texts],
        "raw_encoding": [encoding for _, encoding in texts],
        "raw_bytes": [reject.record.size for reject in rejects],
    }
    return batch_of_columns(columns, REJECT)
