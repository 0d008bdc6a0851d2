"""Limits of Parquet files, held before Arrow decodes them: 3 kB of it can decode to terabytes.

The footer and the headers of pages are read here (Thrift's compact protocol, parquet.thrift), since
Arrow decodes a page whole and repeats a dictionary's value for as many rows as a run length says.
Row groups are then read in batches of a size, whose values Python may lack.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.enums import RecordKind
from schemas.field import TEXT
from schemas.reject import Code
from transforms.gates import texts_of_column
from transforms.read.files import (
    TOO_MUCH,
    InputError,
    most_decoded,
    most_rows,
    most_work,
    open_raw,
    work_of,
)

BATCH_ROWS = 8_192

BATCH_BYTES = 16 * 1024 * 1024

MAX_FOOTER_BYTES = 4 << 20

MAX_COLUMNS = 4_096

MAX_SCHEMA_DEPTH = 32

MAX_PAGES_BYTES = 384 << 20
"""The largest pages of a row group's columns together, decompressed: they are in memory at once."""

BATCH_BUDGET = 64 << 20
"""Bytes that the rows of one batch may decode to, by their longest values."""

FREE_TABLE, TABLE_RATIO = 64 << 20, 64
"""A file of a run's table may decode to so many bytes, and so many times its size: own ones have up
to 15."""

FREE_DICTIONARY, DICTIONARY_RATIO = 1 << 16, 64
"""A dictionary is looked through that decompresses to so many bytes, and so many times its own."""

FREE_VALUES, VALUES_A_ROW = 1 << 20, 16
"""The same of the values in one list column of a row group, by its rows."""

_PLAIN, _PLAIN_DICTIONARY, _DELTA_BYTE_ARRAY, _RLE_DICTIONARY = 0, 2, 7, 8

_DICTIONARY_PAGE = 2

_HEADER_BYTES = (4_096, 1 << 20)
"""Bytes read for a page header; the second where statistics make it long."""

_DEEPEST = 12
"""Nesting of Thrift structs in a header or a schema element."""


class OverLimitError(Exception):
    """A file that would take more memory or time than any real one; says what there is too much of.

    The message holds nothing from the file.
    """


class BrokenThriftError(Exception):
    """Bytes that are no Thrift struct, or the first part of one."""


@dataclass
class _Thrift:
    """Reads Thrift's compact protocol from `data` on from `position`."""

    data: bytes
    position: int = 0

    def byte(self) -> int:
        if self.position >= len(self.data):
            raise BrokenThriftError
        self.position += 1
        return self.data[self.position - 1]

    def varint(self) -> int:
        value = shift = 0
        while shift < 70:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
        raise BrokenThriftError

    def integer(self) -> int:
        value = self.varint()
        return (value >> 1) ^ -(value & 1)

    def fields(self, depth: int = 0) -> Iterator[tuple[int, int]]:
        """Yields the number and the type of each field; the caller reads its value."""
        if depth > _DEEPEST:
            raise BrokenThriftError
        number = 0
        while head := self.byte():
            number = number + (head >> 4) if head >> 4 else self.integer()
            yield number, head & 0x0F

    def struct(self, depth: int = 0) -> dict[int, Any]:
        """Reads the integers and the structs of a struct, by field number."""
        return {number: self.value(kind, depth) for number, kind in self.fields(depth)}

    def value(self, kind: int, depth: int) -> Any:
        """Reads a value; of lists, maps and bytes None comes back, once they are passed over."""
        if kind in (1, 2):
            return kind
        if kind == 3:
            return self.byte()
        if kind in (4, 5, 6):
            return self.integer()
        if kind == 12:
            return self.struct(depth + 1)
        if kind == 7:
            self.skip(8)
        elif kind == 8:
            self.skip(self.varint())
        elif kind in (9, 10):
            count, element = self.list_header()
            for _ in range(count):
                self.byte() if element in (1, 2) else self.value(element, depth + 1)
        else:
            raise BrokenThriftError
        return None

    def list_header(self) -> tuple[int, int]:
        head = self.byte()
        count = head >> 4
        if count == 15:
            count = self.varint()
        if count > len(self.data):
            raise BrokenThriftError
        return count, head & 0x0F

    def skip(self, count: int) -> None:
        self.position += count
        if self.position > len(self.data):
            raise BrokenThriftError


def open_parquet(stream: BinaryIO) -> pq.ParquetFile:
    """Opens a Parquet file whose footer is within the limits.

    Raises:
        OverLimitError: if it is not, or promises more rows than its size can hold.
        OSError, pa.ArrowException: if it is damaged.
    """
    size = stream.seek(0, 2)
    stream.seek(max(0, size - 8))
    tail = stream.read(8)
    length = int.from_bytes(tail[:4], "little")
    if tail[4:] == b"PAR1" and 8 <= length + 8 <= size:
        if length > MAX_FOOTER_BYTES:
            raise OverLimitError("a Parquet footer of over 4 MiB")
        stream.seek(size - 8 - length)
        try:
            _check_schema(stream.read(length))
        except BrokenThriftError:
            raise pa.ArrowInvalid("no Parquet footer") from None
    stream.seek(0)
    file = pq.ParquetFile(stream, pre_buffer=False)
    rows = [file.metadata.num_rows, sum(_rows_of(file.metadata))]
    if not 0 <= min(rows) <= max(rows) <= most_rows(size):
        raise OverLimitError("more rows than a Parquet file of its size can hold")
    return file


def parquet_schema(path: str) -> pa.Schema:
    """Returns the schema of a Parquet file.

    Raises:
        InputError: if it is damaged, or beyond the limits.
    """
    try:
        with open_raw(path) as stream:
            schema: pa.Schema = open_parquet(stream).schema_arrow
    except OverLimitError as error:
        remedy = "export the file again, in parts"
        raise InputError(path, f"not read: {error}", remedy) from None
    except (OSError, pa.ArrowException):
        raise InputError(path, "damaged Parquet", "export the file again") from None
    return schema


def _rows_of(metadata: pq.FileMetaData) -> list[int]:
    """Returns the rows of each row group, whose own word it is; none has fewer than none."""
    return [
        max(0, metadata.row_group(number).num_rows) for number in range(metadata.num_row_groups)
    ]


def _check_schema(footer: bytes) -> None:
    """Raises OverLimitError for a schema too wide or too deep; Arrow's own code recurses in it."""
    thrift = _Thrift(footer)
    for number, kind in thrift.fields():
        if number != 2 or kind != 9:
            thrift.value(kind, 0)
            continue
        count, _ = thrift.list_header()
        if count > 8 * MAX_COLUMNS:
            raise OverLimitError(f"more than {MAX_COLUMNS:,} columns")
        leaves, open_groups = 0, [1]
        for _ in range(count):
            children = thrift.struct().get(5) or 0
            while open_groups and not open_groups[-1]:
                open_groups.pop()
            if open_groups:
                open_groups[-1] -= 1
            leaves += not children
            if children:
                open_groups.append(children)
            if leaves > MAX_COLUMNS:
                raise OverLimitError(f"more than {MAX_COLUMNS:,} columns")
            if len(open_groups) > MAX_SCHEMA_DEPTH:
                raise OverLimitError(f"columns nested deeper than {MAX_SCHEMA_DEPTH} levels")
        return


def check_decoded(stream: BinaryIO) -> None:
    """Reads a file of a run's table as far as shows that it decodes to what its size can hold.

    Raises:
        OverLimitError: if it does not.
        OSError, pa.ArrowException: if it is damaged.
    """
    file = open_parquet(stream)
    groups, left = list(range(file.num_row_groups)), FREE_TABLE
    left += TABLE_RATIO * stream.seek(0, os.SEEK_END)
    rows, most = batch_rows(stream, file, groups, BATCH_ROWS)
    # By the longest value of each column no file of many texts shows it.
    for batch in file.iter_batches(rows) if most > left else ():
        left -= without_dictionaries(batch).nbytes
        if left < 0:
            raise OverLimitError("unpacked it is far larger than a table of its size")


def batch_rows(
    stream: BinaryIO, file: pq.ParquetFile, groups: list[int], most: int
) -> tuple[int, int]:
    """Returns how many rows of these row groups may be decoded at once, at most `most`.

    And the bytes that all of them decode to, at most.

    Raises:
        OverLimitError: if not even one may, or a page or list is beyond the limits.
    """
    rows, whole = most, 0
    for number in groups:
        group = file.metadata.row_group(number)
        pages = cost = 0
        for index in range(group.num_columns):
            largest, longest = _column_cost(stream, file, group, index)
            pages += largest
            cost += longest
            whole += longest * max(group.column(index).num_values, group.num_rows)
        if pages > MAX_PAGES_BYTES:
            raise OverLimitError("pages that decompress to over 384 MiB")
        if cost > 4 * BATCH_BUDGET:
            raise OverLimitError("a row that may decode to over 256 MiB")
        rows = min(rows, max(1, BATCH_BUDGET // max(cost, 1)))
    return rows, whole


def _column_cost(
    stream: BinaryIO, file: pq.ParquetFile, group: pq.RowGroupMetaData, index: int
) -> tuple[int, int]:
    """Returns the bytes of a column's largest page, and those that one value may decode to."""
    column = group.column(index)
    leaf = file.schema.column(index)
    fixed = {"BYTE_ARRAY": 0, "FIXED_LEN_BYTE_ARRAY": leaf.length}.get(leaf.physical_type, 12)
    largest, longest = 0, fixed
    for kind, encoding, values, size, start, stored in _pages(stream, column):
        if not 0 <= size <= MAX_PAGES_BYTES:
            raise OverLimitError("a page that decompresses to over 384 MiB")
        largest = max(largest, size)
        if fixed:
            continue
        if kind == _DICTIONARY_PAGE:
            packed = _read(stream, start, stored)
            longest = max(longest, _longest_value(packed, size, column.compression))
        elif encoding == _DELTA_BYTE_ARRAY:
            longest = max(longest, size)
        elif encoding not in (_PLAIN_DICTIONARY, _RLE_DICTIONARY):
            longest = max(longest, -(-size // max(values, 1)))
    if leaf.max_repetition_level:
        count = column.num_values
        if count > FREE_VALUES + VALUES_A_ROW * group.num_rows:
            raise OverLimitError("lists of more values than rows of such a number can have")
        if count * longest > 8 * BATCH_BUDGET + 64 * column.total_compressed_size:
            raise OverLimitError("lists that may decode to over 512 MiB")
    return largest, longest


def _pages(
    stream: BinaryIO, column: pq.ColumnChunkMetaData
) -> Iterator[tuple[int, int, int, int, int, int]]:
    """Yields of each page its type, encoding, values, decompressed size, place and stored size."""
    position = column.data_page_offset
    first = column.dictionary_page_offset
    if column.has_dictionary_page and first is not None and 0 < first < position:
        position = first
    end, left = position + column.total_compressed_size, column.num_values
    while position < end and left > 0:
        header, length = _page_header(stream, position)
        about = header.get(5) or header.get(8) or header.get(7) or {}
        # Version 2 has the number of nulls and of rows before the encoding.
        encoding = about.get(4 if 8 in header else 2, _PLAIN)
        kind, values, stored = header.get(1, 0), about.get(1, 0), header.get(3, 0)
        if stored < 0 or values < 0:
            raise pa.ArrowInvalid("no Parquet page")
        yield kind, encoding, values, header.get(2, 0), position + length, stored
        position += length + stored
        left -= 0 if kind == _DICTIONARY_PAGE else values


def _page_header(stream: BinaryIO, position: int) -> tuple[dict[int, Any], int]:
    for size in _HEADER_BYTES:
        thrift = _Thrift(_read(stream, position, size))
        try:
            return thrift.struct(), thrift.position
        except BrokenThriftError:
            continue
    raise pa.ArrowInvalid("no Parquet page header")


def _read(stream: BinaryIO, position: int, size: int) -> bytes:
    stream.seek(position)
    return stream.read(size)


def _longest_value(packed: bytes, size: int, compression: str) -> int:
    """Returns the length of the longest value of a dictionary page, which is plain, at most."""
    if size > FREE_DICTIONARY + DICTIONARY_RATIO * len(packed):
        return size  # looking through a bomb of short values takes minutes
    if compression != "UNCOMPRESSED":
        try:
            codec = pa.Codec("lz4_raw" if compression == "LZ4" else compression.lower())
            packed = codec.decompress(packed, size, asbytes=True)
        except (OSError, ValueError, pa.ArrowException):
            return size
    longest = position = 0
    while position + 4 <= len(packed):
        length = int.from_bytes(packed[position : position + 4], "little")
        longest = max(longest, length)
        position += 4 + length
    return min(longest, size)


def without_dictionaries(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Decodes dictionaries, so that a batch shows the size that its rows really have.

    Views, of which Arrow can take no rows, become plain texts and bytes.
    """
    columns = [
        column.dictionary_decode()
        if pa.types.is_dictionary(column.type)
        else column.cast(_without_views(column.type))
        for column in batch.columns
    ]
    return pa.record_batch(columns, batch.schema.names)


def _without_views(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        inner = _without_views(kind.value_type)
        if inner == kind.value_type:
            return kind
        return pa.list_(inner) if pa.types.is_list(kind) else pa.large_list(inner)
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_without_views(field.type)) for field in kind])
    if pa.types.is_string_view(kind):
        return TEXT
    return pa.binary() if pa.types.is_binary_view(kind) else kind


def batch_work(batch: pa.RecordBatch, kind: RecordKind) -> float:
    """Estimates the microseconds of CPU that the rows of a batch cost, as `work_of` does.

    A text that comes again is read once.
    """
    texts = (text for column in batch.columns for text in texts_of_column(column))
    # As bytes: a hostile text may be no UTF-8.
    lists = (text.cast(pa.large_binary()).to_pylist() for text in texts)
    distinct = b"\n".join(chain.from_iterable(lists))
    return 0.3 * batch.nbytes + work_of(distinct, kind, max(1, batch.num_rows))


class DamagedParquetError(Exception):
    """A Parquet file whose pages cannot, or may not, be decoded: from which row on, and why."""


def parquet_batches(
    path: str, kind: RecordKind, start: int, end: int | None, first: int
) -> Iterator[tuple[int, pa.RecordBatch | None]]:
    """Reads the row groups from `start` to before `end` in batches, each with its first row.

    None stands for one row that is too large.

    Raises:
        DamagedParquetError: where a page cannot be decoded, or would decode to more than is read.
    """
    with open_raw(path) as stream:
        try:
            file = open_parquet(stream)
            groups = list(range(start, file.num_row_groups if end is None else end))
            rows, _ = batch_rows(stream, file, groups, BATCH_ROWS)
            size, counts = stream.seek(0, os.SEEK_END), _rows_of(file.metadata)
            # A part of a file has as much of its limits.
            share = sum(counts[number] for number in groups) / max(1, sum(counts))
            left, work = share * most_decoded(size), share * most_work(size)
            for encoded in file.iter_batches(rows, row_groups=groups):
                batch = without_dictionaries(encoded)
                left -= batch.nbytes
                work -= batch_work(batch, kind)
                if min(left, work) < 0:
                    raise OverLimitError(TOO_MUCH)
                for part in _bounded(batch):
                    yield first, part if part.nbytes <= BATCH_BYTES else None
                    first += part.num_rows
        except OverLimitError as error:
            message = f"the Parquet file is not read from this row on: {error}"
            raise DamagedParquetError(first, Code.OVER_LIMIT, message) from error
        except (OSError, pa.ArrowException) as error:
            if getattr(error, "errno", None) is not None:
                raise
            message = "the Parquet file is corrupt from this row on"
            raise DamagedParquetError(first, Code.UNREADABLE_FILE, message) from error


def _bounded(batch: pa.RecordBatch) -> Iterator[pa.RecordBatch]:
    """Cuts a batch into parts of at most `BATCH_BYTES` bytes, or one row."""
    if batch.nbytes <= BATCH_BYTES or batch.num_rows <= 1:
        yield batch
        return
    half = batch.num_rows // 2
    yield from _bounded(batch.slice(0, half))
    yield from _bounded(batch.slice(half))


def plain_values(column: pa.Array) -> list[Any]:
    """Returns the values of a column, times in microseconds.

    One that Python does not have, such as a time in the year 20000, is a text that is no value;
    a time of a zone that is not known is in UTC.
    """
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    with suppress(*_NO_VALUE):
        return list(column.to_pylist())
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        column = column.cast(pa.timestamp("us", "UTC"))
    return [_value_or_text(value) for value in column]


def _value_or_text(value: pa.Scalar) -> Any:
    try:
        return value.as_py()
    except _NO_VALUE:
        return f"a {value.type} out of range"


_NO_VALUE = (ArithmeticError, LookupError, ValueError, pa.ArrowException)


def plain_text(value: Any) -> str | None:
    """Returns the text of a value that JSON has not; bytes are text where they are UTF-8."""
    if not isinstance(value, bytes):
        return str(value)
    try:
        return value.decode()
    except UnicodeDecodeError:
        return None
