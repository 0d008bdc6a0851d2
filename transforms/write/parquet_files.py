"""Writes files on this machine's disk, and sorts rows for them, without Beam.

A table that does not fit in memory is sorted in parts on disk, which are merged a row group at a
time. So memory has a single part while rows come in, and a little of each part while they go out.
The row groups are as after a sort in memory. Rows with equal sort keys may differ only in lists.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.manifest import OutputFile
from schemas.tables import Table
from transforms.arrow import Array, one_batch, one_table
from transforms.engine import EncodedBatch, SpillRef, decode_batch, encode_batch

FileChunks = Iterable[bytes | memoryview]
"""A file's content, one part after another."""

ROW_GROUP_ROWS = 131_072
"""Rows a Parquet row group, fixed because it shows in the bytes."""

ROW_GROUP_TEXT_BYTES = 256 << 20
"""Bytes of text of a row group, so that a column of long texts can be read and written."""

SORT_PART_BYTES = 128 << 20
"""Bytes of rows, as Arrow holds them, that are sorted in memory."""

READ_ROWS, READ_BYTES = 2_048, 2 << 20
"""Rows of a part that are read at a time, and bytes of them, about."""

MERGE_ROWS, MERGE_BYTES = 2 * ROW_GROUP_ROWS, 128 << 20
"""Rows of all parts together that are merged at a time, and bytes of them, about."""


def is_local(path: str) -> bool:
    """Returns whether a path is on this machine rather than in an object store."""
    return "://" not in path


def write_local_file(folder: str, name: str, chunks: FileChunks, rows: int = 0) -> OutputFile:
    """Writes one output below an existing `folder`; replaces what a failed try left.

    None but its owner can read it, or list its folder.

    Raises:
        FileNotFoundError: where `folder` is gone, as that of a run that was given up is.
    """
    path = Path(folder, name)
    try:
        sink = _create(path)
    except FileNotFoundError:
        for parent in reversed(Path(name).parents[:-1]):
            with suppress(FileExistsError):
                Path(folder, parent).mkdir(mode=0o700)
        sink = _create(path)
    with sink:
        return copy_with_digest(chunks, sink, name, rows)


def _create(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def copy_with_digest(chunks: FileChunks, sink: BinaryIO, name: str, rows: int) -> OutputFile:
    """Writes chunks to an open file; returns its line, with the size and the SHA-256."""
    digest, size = hashlib.sha256(), 0
    for chunk in chunks:
        sink.write(chunk)
        digest.update(chunk)
        size += len(chunk)
    return OutputFile(name=name, bytes=size, sha256=digest.hexdigest(), rows=rows)


def sort_order(rows: pa.Table, table: Table) -> pa.Array:
    """Returns row numbers by the table's key, ties by every other column that can be sorted."""
    sortable = [field.name for field in table.schema if not pa.types.is_nested(field.type)]
    names = [*table.key, *(name for name in sortable if name not in table.key)]
    return pc.sort_indices(rows, sort_keys=[(name, "ascending") for name in names])


def sorted_row_groups(rows: pa.Table, table: Table) -> Iterator[pa.Table]:
    """Yields the rows in order, cut into row groups; one empty group if there are none."""
    if not rows.num_rows:
        yield rows
    order, starts = sort_order(rows, table), range(0, rows.num_rows, ROW_GROUP_ROWS)
    yield from _regroup(rows.take(order.slice(start, ROW_GROUP_ROWS)) for start in starts)


class ExternalSorter:
    """Sorts the rows of a table that come in any order; `count` says how many have.

    `file` is an open file for the sorted parts; rows of less than `part` bytes never reach it.
    """

    def __init__(self, table: Table, file: BinaryIO, part: int = SORT_PART_BYTES) -> None:
        self.count = 0
        self._table = table
        self._part = part
        self._file = file
        self._end = 0
        self._waiting: list[pa.RecordBatch] = []
        self._bytes = 0
        self._parts: list[list[EncodedBatch]] = []

    def add(self, batch: pa.RecordBatch) -> None:
        """Takes rows. Raises OSError if the file cannot be written."""
        self.count += batch.num_rows
        self._waiting.append(batch)
        self._bytes += batch.nbytes
        if self._bytes >= self._part:
            self._write_part()

    def groups(self) -> Iterator[pa.Table]:
        """Yields all rows in order, as `sorted_row_groups` does. Once."""
        if not self._parts:
            yield from sorted_row_groups(self._take_waiting(), self._table)
            return
        if self._waiting:
            self._write_part()
        yield from _regroup(_merge_parts(self._parts, self._table))

    def _take_waiting(self) -> pa.Table:
        rows = pa.Table.from_batches(self._waiting, self._table.schema).combine_chunks()
        self._waiting.clear()
        self._bytes = 0
        return rows

    def _write_part(self) -> None:
        """Sorts the waiting rows and writes them to the file as one part."""
        rows = self._take_waiting()
        order = sort_order(rows, self._table)
        part = []
        step = max(1, min(READ_ROWS, rows.num_rows * READ_BYTES // max(1, rows.nbytes)))
        for start in range(0, rows.num_rows, step):
            batch = one_batch(rows.take(order.slice(start, step)))
            encoded = encode_batch(batch, self._table.schema)
            size = self._file.write(encoded.read())
            encoded.content = SpillRef(self._file.fileno(), self._end, size)
            part.append(encoded)
            self._end += size
        self._file.flush()
        self._parts.append(part)


def _rows_that_fit(sizes: Array, count: int, size: int) -> int:
    """Returns how many of the next rows fit into a row group of `count` rows and `size` bytes.

    At most `ROW_GROUP_ROWS` and `ROW_GROUP_TEXT_BYTES`, but one row at least. It depends on the
    rows alone; `sizes` are their bytes of text.
    """
    fits = int(np.searchsorted(np.cumsum(sizes), ROW_GROUP_TEXT_BYTES - size, side="right"))
    return max(min(fits, ROW_GROUP_ROWS - count), int(not count))


def _text_bytes(rows: pa.Table) -> Array:
    """Returns the bytes of the texts of each row, lists apart."""
    total = np.zeros(rows.num_rows, np.int64)
    for column in rows.columns:
        if pa.types.is_string(column.type):
            total += pc.fill_null(pc.binary_length(column), 0).to_numpy()
    return total


def _merge_parts(parts: list[list[EncodedBatch]], table: Table) -> Iterator[pa.Table]:
    """Yields the rows of sorted parts in order, in tables of any size."""
    most_rows = max(READ_ROWS, MERGE_ROWS // len(parts))
    most_bytes = MERGE_BYTES // len(parts)
    unread = [iter(part) for part in parts]
    loaded = [table.schema.empty_table() for _ in parts]
    all_read = [False] * len(parts)
    while True:
        for n, batches in enumerate(unread):
            while not all_read[n] and _needs_more(loaded[n], most_rows, most_bytes):
                encoded = next(batches, None)
                all_read[n] = encoded is None
                if encoded is not None:
                    more = one_table(decode_batch(encoded, table.schema))
                    loaded[n] = pa.concat_tables([loaded[n], more])
        rows = pa.concat_tables(loaded).combine_chunks()
        if not rows.num_rows:
            return
        ends = np.cumsum([part.num_rows for part in loaded])
        order = sort_order(rows, table)
        # Only rows up to the first part's last loaded row are certain: unread rows come later.
        last = [end - 1 for end, done in zip(ends, all_read, strict=True) if not done]
        known = np.flatnonzero(np.isin(order.to_numpy(), last))
        certain = order.slice(0, known[0] + 1) if len(known) else order
        yield rows.take(certain)
        part_of = np.searchsorted(ends, certain.to_numpy(), side="right")
        emitted = np.bincount(part_of, minlength=len(parts))
        loaded = [part.slice(count) for part, count in zip(loaded, emitted, strict=True)]


def _needs_more(loaded: pa.Table, rows: int, size: int) -> bool:
    """Returns whether to read more of a part; at least a row is loaded."""
    return loaded.num_rows < rows and (not loaded.num_rows or loaded.nbytes < size)


def _regroup(tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Cuts ordered rows, in tables of any size, into row groups."""
    waiting: list[pa.Table] = []
    count = size = 0
    for table in tables:
        sizes = _text_bytes(table)
        start = 0
        while start < table.num_rows:
            room = min(_rows_that_fit(sizes[start:], count, size), table.num_rows - start)
            waiting.append(table.slice(start, room))
            count += room
            size += int(sizes[start : start + room].sum())
            start += room
            if start < table.num_rows or count == ROW_GROUP_ROWS:
                yield pa.concat_tables(waiting).combine_chunks()
                waiting, count, size = [], 0, 0
    if count:
        yield pa.concat_tables(waiting).combine_chunks()
