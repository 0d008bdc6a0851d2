"""Sorted rows as Parquet files on this machine's disk, without Beam.

A table that does not fit in memory is sorted in parts on disk, which are merged a row group at a
time: what is in memory is one part while rows come, and a little of every part while they go out.
The row groups are those of a sort in memory; rows that are equal in all that is sorted by may
differ in lists alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.manifest import OutputFile
from schemas.tables import Table
from transforms.batch_codec import Piece, Place, packed, unpacked

Pieces = Iterable[bytes | memoryview]
"""A file's content, one piece after another."""


def is_local(path: str) -> bool:
    """Whether a path is on this machine rather than in an object store."""
    return "://" not in path


def write_local(pieces: Pieces, folder: str, name: str, rows: int = 0) -> OutputFile:
    """Write one output below `folder`, which is there; replaces what a failed try left.

    Raises:
        FileNotFoundError: where `folder` is gone, as that of a run that was given up is.
    """
    path = Path(folder, name)
    try:
        sink = path.open("wb")
    except FileNotFoundError:
        for parent in reversed(Path(name).parents[:-1]):
            with suppress(FileExistsError):
                Path(folder, parent).mkdir()
        sink = path.open("wb")
    with sink:
        return copied(pieces, sink, name, rows)


def copied(pieces: Pieces, sink: BinaryIO, name: str, rows: int) -> OutputFile:
    """Put pieces into an open file, counted and hashed on their way."""
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        sink.write(piece)
        digest.update(piece)
        size += len(piece)
    return OutputFile(name=name, bytes=size, sha256=digest.hexdigest(), rows=rows)


ROW_GROUP = 131_072
"""Rows a Parquet row group, fixed because it shows in the bytes."""


GROUP_BYTES = 256 << 20
"""Bytes of text of a row group, so that a column of long texts can be held and written."""


PART = 128 << 20
"""Bytes of rows, as Arrow holds them, that are sorted in memory."""


STEP, STEP_BYTES = 2_048, 2 << 20
"""Rows of a part that are read at a time, and bytes of them, about."""


HELD, HELD_BYTES = 2 * ROW_GROUP, 128 << 20
"""Rows of all parts together that are merged at a time, and bytes of them, about."""


def order_of(rows: pa.Table, table: Table) -> pa.Array:
    """Row numbers by the table's key, ties by every other column that can be sorted."""
    sortable = [one.name for one in table.schema if not pa.types.is_nested(one.type)]
    names = [*table.key, *(name for name in sortable if name not in table.key)]
    return pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in names])


def row_groups(rows: pa.Table, table: Table) -> Iterator[pa.Table]:
    """The rows in order, cut as `_room` says; one empty group if there are none."""
    order = order_of(rows, table)
    sizes = _text_bytes(rows)[order.to_numpy()]
    start = 0
    while True:
        count = _room(sizes[start:], 0, 0)
        yield rows.take(order.slice(start, count)).combine_chunks()
        start += count
        if start >= rows.num_rows:
            return


def _room(sizes: np.ndarray, count: int, size: int) -> int:
    """How many of the next rows go into a row group of so many rows and bytes of text.

    At most `ROW_GROUP` and `GROUP_BYTES`, but one row at least. It depends on the rows alone.
    """
    fits = int(np.searchsorted(np.cumsum(sizes), GROUP_BYTES - size, side="right"))
    return max(min(fits, ROW_GROUP - count), int(not count))


def _text_bytes(rows: pa.Table) -> np.ndarray:
    """Bytes of the texts of each row, lists apart."""
    found = np.zeros(rows.num_rows, np.int64)
    for column in rows.columns:
        if pa.types.is_string(column.type):
            found += pc.fill_null(pc.binary_length(column), 0).to_numpy()
    return found


class Sorted:
    """Rows of a table that come in any order and go in order.

    `file` is an open one, in which parts are put down; rows of less than `part` bytes never are.
    """

    def __init__(self, table: Table, file: BinaryIO, part: int = PART) -> None:
        self.count = 0
        self._table = table
        self._part = part
        self._file = file
        self._end = 0
        self._waiting: list[pa.RecordBatch] = []
        self._bytes = 0
        self._parts: list[list[Piece]] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Take rows.

        Raises:
            OSError: if the file cannot be written.
        """
        self.count += batch.num_rows
        self._waiting.append(batch)
        self._bytes += batch.nbytes
        if self._bytes >= self._part:
            self._put_down()

    def groups(self) -> Iterator[pa.Table]:
        """All rows in order, as `row_groups` has them. Once."""
        if not self._parts:
            yield from row_groups(self._taken(), self._table)
            return
        if self._waiting:
            self._put_down()
        yield from _grouped(_merged(self._parts, self._table))

    def _taken(self) -> pa.Table:
        rows = pa.Table.from_batches(self._waiting, self._table.schema).combine_chunks()
        self._waiting.clear()
        self._bytes = 0
        return rows

    def _put_down(self) -> None:
        """Sort what waits and put it on disk as one part."""
        rows = self._taken()
        order = order_of(rows, self._table)
        part = []
        step = max(1, min(STEP, rows.num_rows * STEP_BYTES // max(1, rows.nbytes)))
        for start in range(0, rows.num_rows, step):
            (batch,) = rows.take(order.slice(start, step)).combine_chunks().to_batches()
            content = packed(batch, self._table.schema).read()
            self._file.write(content)
            part.append(Piece(Place(self._file.fileno(), self._end, len(content))))
            self._end += len(content)
        self._file.flush()
        self._parts.append(part)


def _merged(parts: list[list[Piece]], table: Table) -> Iterator[pa.Table]:
    """The rows of sorted parts in order, in tables of whatever size."""
    hold, weight = max(STEP, HELD // len(parts)), HELD_BYTES // len(parts)
    left = [iter(part) for part in parts]
    held = [table.schema.empty_table() for _ in parts]
    whole = [False] * len(parts)
    while True:
        for n, pieces in enumerate(left):
            while _wants(held[n], hold, weight) and not whole[n]:
                piece = next(pieces, None)
                whole[n] = piece is None
                if piece is not None:
                    more = pa.Table.from_batches([unpacked(piece, table.schema)])
                    held[n] = pa.concat_tables([held[n], more])
        rows = pa.concat_tables(held).combine_chunks()
        if not rows.num_rows:
            return
        ends = np.cumsum([one.num_rows for one in held])
        order = order_of(rows, table)
        # What is behind the last row held of a part may come after rows that are not yet read.
        last = [end - 1 for end, all_read in zip(ends, whole, strict=True) if not all_read]
        known = np.flatnonzero(np.isin(order.to_numpy(), last))
        sure = order.slice(0, known[0] + 1) if len(known) else order
        yield rows.take(sure)
        of = np.searchsorted(ends, sure.to_numpy(), side="right")
        gone = np.bincount(of, minlength=len(parts))
        held = [one.slice(count) for one, count in zip(held, gone, strict=True)]


def _wants(held: pa.Table, rows: int, size: int) -> bool:
    """Whether more of a part is to be read; one row is held at least."""
    return held.num_rows < rows and (not held.num_rows or held.nbytes < size)


def _grouped(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Rows in order, in tables of whatever size, to row groups."""
    waiting: list[pa.Table] = []
    count = size = 0
    for one in tables:
        sizes = _text_bytes(one)
        start = 0
        while start < one.num_rows:
            room = min(_room(sizes[start:], count, size), one.num_rows - start)
            if room:
                waiting.append(one.slice(start, room))
            count += room
            size += int(sizes[start : start + room].sum())
            start += room
            if start < one.num_rows or count == ROW_GROUP:
                yield pa.concat_tables(waiting).combine_chunks()
                waiting, count, size = [], 0, 0
    if count:
        yield pa.concat_tables(waiting).combine_chunks()
