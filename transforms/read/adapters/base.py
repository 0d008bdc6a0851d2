"""The parts that every input adapter is made of: its description, and loose rows of the contract.

A module of this package makes one `Adapter`, which registry.py lists. Loose rows hold the
contract's fields as text, and the place in its source that each row came from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence, Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from schemas.call import CALL_LOOSE
from schemas.complaint import COMPLAINT_LOOSE
from schemas.enums import RecordKind
from schemas.field import INTEGER, TEXT, Row
from schemas.reject import Code
from transforms.arrow import fill_columns
from transforms.read.files import ReadOptions
from transforms.read.framing import (
    MAX_ROW_BYTES,
    BadRecordError,
    Origin,
    Record,
    parse_exact_json,
    require_object,
    split_cells,
)
from transforms.read.parquet_limits import plain_text
from transforms.read.rejects import Reject
from transforms.values import trim_text

T = TypeVar("T")

LOOSE_SCHEMAS = {RecordKind.COMPLAINT: COMPLAINT_LOOSE, RecordKind.CALL: CALL_LOOSE}

PHONE_NUMBERS_TYPE = COMPLAINT_LOOSE.field("phone_numbers").type

BOTH_KINDS = (RecordKind.COMPLAINT, RecordKind.CALL)

Parsed = tuple[pa.RecordBatch, list[Reject]]
"""Loose rows of the records that could be read, and a reject for every other one."""


class UnrecognizedError(Exception):
    """A file of no known format; the message says what is wrong, if that is known."""


class Layout(StrEnum):
    """The way the rows of a file lie in it."""

    LINES = "lines"
    CSV = "csv"
    ARRAY = "array"
    PARQUET = "parquet"
    SHEET = "sheet"
    MAIL = "mail"
    REJECTS = "rejects"
    EMPTY = "empty"


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """One input format: how its files are recognized, and how their records become loose rows.

    A CSV format needs `header`, `needed_columns` and `convert` or, by a map, `read`; a format of
    JSON objects or of lines of text needs `read` and one of the `detect_` hooks. Functions must
    raise nothing on hostile input: what cannot be read is a reject.

    Attributes:
        name: What options and outputs call the format.
        description: A plural, for messages: "it is DESCRIPTION, not NAME".
        kinds: The kinds of record that its files can hold; both where none is named.
        layout: The way rows lie in a file.
        in_array: Whether a file may also be one JSON array of such records.
        header: Its own column names, for CSV; those of files without a header row, too.
        needed_columns: Columns by which a header row is recognized: `convert` needs them all.
        rename_column: Gives a column of a header row that `header` does not name its own name.
        encoding: Of the cells of CSV; of other formats, utf-8 where text in another is recoded.
        convert: Loose rows and rejects of rows of cells, for CSV.
        read: Loose rows and rejects of records that are not CSV, or of CSV of no header known.
        row_objects: The rows of a Parquet batch as JSON objects, which `read` takes.
        detect_keys: Recognizes JSON objects by all the keys in the head of a file, and whether
            they lie in an array. May raise UnrecognizedError to say what is wrong with them.
        detect_head: Recognizes the first bytes of a file that is neither JSON nor a table.
        detect_line: Recognizes a line of text that is not JSON.
        detect_cells: Recognizes the cells of a CSV record of a file without a header row.
        detect_schema: Recognizes the schema of a Parquet file.
        check_options: Raises InputError for options that the format cannot be read with.
        needed_modules: Modules of the extra of its name, which reading needs.
    """

    name: str
    description: str
    layout: Layout
    kinds: tuple[RecordKind, ...] = BOTH_KINDS
    in_array: bool = False
    header: tuple[str, ...] = ()
    needed_columns: frozenset[str] = frozenset()
    rename_column: Callable[[str], str] = str
    encoding: str = "utf-8"
    convert: Callable[[TextRows, ReadOptions], Parsed] | None = None
    read: Callable[[Origin, Sequence[Record], ReadOptions], Parsed] | None = None
    row_objects: Callable[[pa.RecordBatch, RecordKind], Iterable[dict[str, Any]]] | None = None
    detect_keys: Callable[[AbstractSet[str], bool], bool] | None = None
    detect_head: Callable[[bytes], bool] | None = None
    detect_line: Callable[[bytes], bool] | None = None
    detect_cells: Callable[[Sequence[str]], bool] | None = None
    detect_schema: Callable[[pa.Schema], bool] | None = None
    check_options: Callable[[ReadOptions], None] | None = None
    needed_modules: tuple[str, ...] = ()


@dataclass(frozen=True)
class TextRows:
    """Rows of a source's own columns, all text, and the records they were read from."""

    origin: Origin
    records: Sequence[Record]
    cells: pa.RecordBatch

    def column(self, name: str) -> pa.Array:
        """Returns a column without surrounding blanks; an empty cell, or no column, is null."""
        if name not in self.cells.schema.names:
            return pa.nulls(len(self.records), TEXT)
        return trim_text(self.cells.column(name))


def text_rows(
    origin: Origin, records: Sequence[Record], header: Sequence[str], encoding: str = "utf-8"
) -> tuple[TextRows, list[Reject]]:
    """Splits CSV records into columns of text; a record of another width becomes a reject."""

    def split(record: Record) -> list[str]:
        return checked_cells(record, split_cells(record.data.decode(encoding)), len(header))

    good, rows, rejects = read_each(origin, records, split)
    columns = [pa.array([row[place] for row in rows], TEXT) for place in range(len(header))]
    return TextRows(origin, good, pa.record_batch(columns, list(header))), rejects


def checked_cells(record: Record, cells: list[str], width: int) -> list[str]:
    """Returns the cells of a record. Raises BadRecordError for another number, or a NUL."""
    if b"\0" in record.data:
        raise BadRecordError(Code.BROKEN_CSV, "a NUL byte in the row")
    if len(cells) != width:
        raise BadRecordError(Code.BROKEN_CSV, f"{len(cells)} cells where the header has {width}")
    return cells


def refuse_all(origin: Origin, records: Sequence[Record], message: str) -> Parsed:
    """Returns a reject for each record: nothing reads its format."""
    rejects = [Reject(origin, record, Code.BAD_VALUE, message, "format") for record in records]
    return pa.RecordBatch.from_pylist([], schema=LOOSE_SCHEMAS[origin.kind]), rejects


def read_each(
    origin: Origin, records: Sequence[Record], read: Callable[..., T], *beside: Iterable[Any]
) -> tuple[list[Record], list[T], list[Reject]]:
    """Applies `read` to each record and the values beside it.

    Returns:
        The records that it reads, their values, and a reject for every record that it raises
        BadRecordError for, or that is not UTF-8.
    """
    good: list[Record] = []
    values: list[T] = []
    rejects: list[Reject] = []
    for record, *rest in zip(records, *beside, strict=True):
        try:
            values.append(read(record, *rest))
        except BadRecordError as bad:
            rejects.append(Reject(origin, record, *bad.args))
        except UnicodeDecodeError:
            rejects.append(Reject(origin, record, Code.BAD_ENCODING, "not valid UTF-8"))
        else:
            good.append(record)
    return good, values, rejects


def batch_records(
    batch: pa.RecordBatch, first: int, objects: Callable[[pa.RecordBatch], Iterable[dict[str, Any]]]
) -> list[Record]:
    """Returns the rows of a Parquet batch, which begins at row `first`, as records of JSON."""
    bad = bad_text_rows(batch)
    records = [Record(first + row, b"", 0, Code.BAD_ENCODING) for row in bad]
    rows = sorted({*range(batch.num_rows)}.difference(bad))
    kept = batch.take(pa.array(rows, INTEGER)) if bad else batch
    for row, values in zip(rows, objects(kept), strict=True):
        data = orjson.dumps(values, default=plain_text)
        if len(data) > MAX_ROW_BYTES:
            records.append(Record(first + row, b"", len(data), Code.ROW_TOO_LARGE))
        else:
            records.append(Record(first + row, data, len(data)))
    return records


def bad_text_rows(batch: pa.RecordBatch) -> list[int]:
    """Finds the rows that hold text which is not UTF-8."""
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid:
        if batch.num_rows == 1:
            return [0]
        half = batch.num_rows // 2
        # Taken anew: a slice is validated with all that it was cut from.
        first, second = (
            bad_text_rows(batch.take(pa.array(part, INTEGER)))
            for part in (range(half), range(half, batch.num_rows))
        )
        return first + [half + row for row in second]
    return []


def build_loose_batch(
    origin: Origin, records: Sequence[Record], columns: Mapping[str, pa.Array | str | None]
) -> pa.RecordBatch:
    """Builds a batch of the kind's loose schema; fields that `columns` does not name are null.

    Text, instead of a column, is the value of all rows.

    Raises:
        ValueError: if `columns` names a field that the schema has not: the adapter is wrong.
    """
    schema = LOOSE_SCHEMAS[origin.kind]
    if unknown := sorted(columns.keys() - set(schema.names)):
        raise ValueError(f"no fields of a {origin.kind}: {', '.join(unknown)}")
    known: dict[str, pa.Array | str | None] = {
        "source": origin.source,
        "position": pa.array([record.position for record in records], INTEGER),
        "format": pa.array([origin.format_of(record) for record in records], TEXT),
        "raw": pa.array([record.data for record in records], pa.binary()),
        **columns,
    }
    return fill_columns(len(records), known, schema)


def build_from_rows(
    origin: Origin,
    records: Sequence[Record],
    rows: Sequence[Row],
    names: Iterable[str] | None = None,
) -> pa.RecordBatch:
    """Builds a batch of the kind's loose schema from rows; a field that one lacks is null.

    Without `names` all rows have the fields of the first.
    """
    known = names if names is not None else next(iter(rows), ())
    fields = [LOOSE_SCHEMAS[origin.kind].field(name) for name in known]
    whole = pa.array(rows, pa.struct(fields))
    columns = dict(zip(known, whole.flatten(), strict=True))
    return build_loose_batch(origin, records, columns)


def parse_objects(
    origin: Origin, records: Sequence[Record]
) -> tuple[list[Record], list[dict[str, Any]], list[Reject]]:
    """Parses one JSON object a record, its numbers as text; other records become rejects."""
    return read_each(origin, records, parse_object)


def parse_object(record: Record) -> dict[str, Any]:
    """Parses the JSON object of a record, its numbers as text; raises BadRecordError for others."""
    return require_object(parse_exact_json(record.data))


def phone_numbers_column(columns: Sequence[tuple[pa.Array, str]]) -> pa.Array:
    """Builds `phone_numbers` of columns of one number each, with their roles, without nulls."""
    roles = [role for _, role in columns]
    rows = zip(*(numbers.to_pylist() for numbers, _ in columns), strict=True)
    lists = [
        [
            {"raw": raw, "role": role}
            for raw, role in zip(row, roles, strict=True)
            if raw is not None
        ]
        for row in rows
    ]
    return pa.array(lists, PHONE_NUMBERS_TYPE)


def utc_timestamps(times: pa.Array) -> pa.Array:
    """Rewrites `2019-12-13 00:00:06` as `2019-12-13T00:00:06Z`, and nothing else."""
    shape = r"^(\d{4}-\d{2}-\d{2})[ T](\d{2}:\d{2}:\d{2})$"
    return pc.replace_substring_regex(times, pattern=shape, replacement=r"\1T\2Z")


def content_ids(cells: pa.RecordBatch, prefix: str) -> pa.Array:
    """Makes an id of each row's cells, so that exact copies are duplicates of each other."""
    joined = pc.binary_join_element_wise(*cells.columns, "\x1f")
    ids = [prefix + xxhash.xxh3_128_hexdigest(row.encode())[:16] for row in joined.to_pylist()]
    return pa.array(ids, TEXT)
