"""A record: the bytes of one row, cut out of a file but not yet understood."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from schemas.kinds import RecordKind
from schemas.reject import RAW_LIMIT, Code

MAX_ROW_BYTES = 8 * 1024 * 1024
"""A longer row is refused unread: no complaint is that long, and it would fill the memory."""

HELD_BYTES = RAW_LIMIT
"""How much of a row that is too long is kept for its reject."""

BATCH_ROWS = 8_192
BATCH_BYTES = 16 * 1024 * 1024


class Record(NamedTuple):
    """One row as it lies in the file.

    `position` is its 1-based physical line (Parquet row, array element), `size` its true length in
    bytes (`data` may be cut), and `fault` says why it cannot be a row, if it cannot.
    `offset` is where in the stream of bytes it starts, where that is known.
    """

    position: int
    data: bytes
    size: int
    fault: Code | None = None
    offset: int = 0


@dataclass(frozen=True)
class Origin:
    """Where a block of records lies: what its rows and rejects say of their source.

    `format` is the adapter; for a CSV file whose header is not the adapter's own, the
    header follows after a colon, so that a reject can be read again without its file.
    """

    source: str
    format: str
    kind: RecordKind


def chunks(records: Iterable[Record]) -> Iterator[list[Record]]:
    """Runs of up to `BATCH_ROWS` records and about `BATCH_BYTES` bytes."""
    chunk: list[Record] = []
    held = 0
    for record in records:
        if chunk and (len(chunk) >= BATCH_ROWS or held + len(record.data) > BATCH_BYTES):
            yield chunk
            chunk, held = [], 0
        chunk.append(record)
        held += len(record.data)
    if chunk:
        yield chunk
