"""The tables of a run, read a batch at a time where a table can be large.

Every function takes a `reports.run.Run`, or the path of a folder with the tables of
`schemas.tables`: local, or an object-store URL that pyarrow knows. Its answer does not depend on
how a table is cut into files. `IdIndex` finds the ids of a batch among all ids of a table. A
`Column` is a column as pieces of the report have it: whole numbers, or distinct texts.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from typing import Any, Protocol, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from numpy.typing import NDArray

from reports.text import plain
from schemas.field import INTEGER, TEXT
from schemas.tables import ADDED_LATER, COMPLAINTS, ENTITIES, LINKS, NARRATIVES, Table
from transforms.arrow import group_offsets, hash_text, sorted_lookup
from transforms.custody import MAGIC, NOT_WRITTEN, REMEDY, AlteredRunError
from transforms.gates import open_bytes
from transforms.read.parquet_limits import OverLimitError, check_decoded


class TableError(ValueError):
    """A table of a run that cannot be read; the message is one line for its user."""


RunFolder = str | os.PathLike[str]
"""A `Run`, whose tables are compared with its manifest, or the path of the folder they are in."""

NarrativeReader = Callable[[pa.Array], Iterator[pa.RecordBatch]]
"""Reads the narratives of complaints by their ids: `source_org`, `complaint_id`, `narrative`."""

Rows = TypeVar("Rows", pa.Table, pa.RecordBatch)

IntArray = NDArray[np.int64]

BoolArray = NDArray[np.bool_]

PARTITION_SUFFIX = ".partition"
"""Suffix of a temporary folder with part of a run's rows, as Arrow IPC files."""

_PARQUET = ds.ParquetFileFormat(
    default_fragment_scan_options=ds.ParquetFragmentScanOptions(
        pre_buffer=False, use_buffered_stream=True
    )
)

LEAST_BATCH_ROWS = 8_192
"""Batches with fewer rows are joined: handling a batch has a cost of its own."""

_ONE_BY_ONE = {"batch_readahead": 1, "fragment_readahead": 1, "batch_size": 131_072}
"""Reading far ahead takes twice the memory and no less time."""

CODED = {
    ENTITIES.name: ("kind", "region", "line_type", "status", "hosted_by"),
    LINKS.name: ("entity_a", "entity_b", "strength", "reason"),
}
"""Columns of tables whose values repeat, to read as dictionaries."""

TEXT_LIMIT, ANY_LENGTH = 20_000, 1 << 31
"""Most characters of a text in a piece, and of an id. The page shows fewer until asked for all."""

LONG_NUMBER = 10_000_000
"""Whole numbers from here on, and below 0, stand among the texts of a piece, so that the search of
what leaves reads them."""

SECONDS_A_DAY = 86_400


def table_dataset(run: RunFolder, table: Table, coded: Sequence[str] = ()) -> ds.Dataset:
    """Opens the files of a table; Parquet files give `coded` columns as dictionaries.

    Raises:
        AlteredRunError: if a file is not what the run wrote.
        FileNotFoundError: if the run has no folder of that table.
    """
    if (check := getattr(run, "check", None)) is not None:
        check(table)
    whole = os.fspath(run).rstrip("/")
    form, schema = _PARQUET, table.schema
    if whole.endswith(PARTITION_SUFFIX):
        form = ds.IpcFileFormat()
    elif coded:
        options = ds.ParquetReadOptions(dictionary_columns=set(coded))
        form = ds.ParquetFileFormat(options, _PARQUET.default_fragment_scan_options)
        for name in coded:
            field = schema.field(name)
            kind = pa.dictionary(pa.int32(), field.type)
            schema = schema.set(schema.get_field_index(name), field.with_type(kind))
    try:
        return ds.dataset(f"{whole}/{table.name}", schema=schema, format=form)
    except FileNotFoundError:
        why = f"has no {table.name}/; a stream's snapshot keeps no records, so give a batch run"
        raise FileNotFoundError(errno.ENOENT, why, whole) from None


@cache
def check_size(path: str, version: str) -> None:  # noqa: ARG001
    """Refuses a file of a table that decodes to more than its size allows.

    Each `version` of a file is checked once. A sealed file has a key, so it is not checked.

    Raises:
        AlteredRunError: if it decodes to more.
    """
    try:
        with open_bytes(path) as file:
            if file.read(len(MAGIC)) != MAGIC:
                check_decoded(file)
    except (OSError, OverLimitError, pa.ArrowException) as error:
        why = plain(str(error).partition("\n")[0][:200])
        raise AlteredRunError(f"{path}: {NOT_WRITTEN}: {why}; {REMEDY}") from None


def table_batches(
    run: RunFolder, table: Table, columns: Sequence[str], where: pc.Expression | None = None
) -> Iterator[pa.RecordBatch]:
    """Yields the chosen columns of the rows that match `where`, in non-empty batches.

    Batches that are left with few rows are joined.

    Raises:
        TableError: for a file that is no Parquet of this contract.
    """
    dataset = table_dataset(run, table, CODED.get(table.name, ()))
    waiting: list[pa.RecordBatch] = []
    with readable(run, table):
        for batch in dataset.to_batches(columns=list(columns), filter=where, **_ONE_BY_ONE):
            if batch.num_rows:
                waiting.append(_filled(decoded(batch)))
            if sum(part.num_rows for part in waiting) >= LEAST_BATCH_ROWS:
                yield _joined(waiting)
                waiting = []
    if waiting:
        yield _joined(waiting)


@contextmanager
def readable(run: RunFolder, table: Table) -> Iterator[None]:
    """Raises a TableError in place of Arrow's, for a file that is no Parquet of the contract."""
    try:
        yield
    except (pa.ArrowException, UnicodeDecodeError) as error:
        where, why = f"{os.fspath(run)}/{table.name}", str(error).partition("\n")[0][:200]
        raise TableError(f"{where}: cannot be read, make the run again: {plain(why)}") from None


def _filled(rows: Rows) -> Rows:
    """Returns rows with the least value of required columns that later versions added, for null."""
    for position, column in enumerate(rows.schema):
        if column.name in ADDED_LATER and rows.num_rows and rows.column(position).null_count:
            least = pa.array([ADDED_LATER[column.name]] * rows.num_rows, column.type)
            rows = rows.set_column(position, column, least)
    return rows


def _joined(batches: list[pa.RecordBatch]) -> pa.RecordBatch:
    return pa.concat_batches(batches) if len(batches) > 1 else batches[0]


def read_table(
    run: RunFolder,
    table: Table,
    columns: Sequence[str] | None = None,
    where: pc.Expression | None = None,
) -> pa.Table:
    """Reads the rows that match `where`, sorted by the columns of the table's key in `columns`.

    Raises:
        TableError: for a file that is no Parquet of this contract, or text that is not UTF-8.
    """
    names = list(table.schema.names if columns is None else columns)
    order = [(name, "ascending") for name in table.key if name in names]
    dataset = table_dataset(run, table, CODED.get(table.name, ()))
    with readable(run, table):
        rows = decoded(dataset.to_table(columns=names, filter=where, **_ONE_BY_ONE))
        rows.validate(full=True)  # Parquet says UTF-8, and nobody checks it on reading
    rows = _filled(rows)
    return rows.sort_by(order) if order else rows


def among(column: str, values: Iterable[str]) -> pc.Expression:
    """Chooses the rows whose column has one of these values."""
    return pc.field(column).isin(pa.array(sorted(set(values)), TEXT))


def kept_narratives(run: RunFolder, ids: pa.Array) -> Iterator[pa.RecordBatch]:
    """Yields the narratives in complaints/; a `NarrativeReader` of the run."""
    where = pc.field("complaint_id").isin(ids) & pc.field("narrative").is_valid()
    return table_batches(run, COMPLAINTS, NARRATIVES.schema.names, where)


def dicts_by_group(table: pa.Table, group_of: IntArray, count: int) -> list[list[dict[str, Any]]]:
    """Returns rows as dicts, a list for each of `count` groups; `group_of` has them, ascending."""
    rows = table.to_pylist()
    bounds = group_offsets(group_of, count).tolist()
    return [rows[start:end] for start, end in pairwise(bounds)]


def read_in_key_order(
    run: RunFolder,
    table: Table,
    columns: Sequence[str],
    coded: Sequence[str] = (),
    where: pc.Expression | None = None,
) -> Iterator[pa.Table]:
    """Yields the rows that match `where` in the order of the table's key, which `columns` has.

    Each file is sorted by the key. A merge holds little more than a batch of each file: rows before
    the least of the batches' last rows are complete. `coded` columns may be dictionaries.
    """
    with readable(run, table):
        dataset = table_dataset(run, table, coded)
        readers = [
            file.to_batches(dataset.schema, columns=list(columns), filter=where, **_ONE_BY_ONE)
            for file in dataset.get_fragments()
        ]
        yield from merged(readers, table, columns)


def merged(
    readers: Sequence[Iterator[pa.RecordBatch]], table: Table, columns: Sequence[str]
) -> Iterator[pa.Table]:
    """Yields the rows of sorted files as one, see `read_in_key_order`."""
    if len(readers) == 1:
        yield from (
            pa.Table.from_batches([_filled(batch)]) for batch in readers[0] if batch.num_rows
        )
        return
    order = [(name, "ascending") for name in table.key]
    waiting = pa.schema([table.schema.field(name) for name in columns]).empty_table()
    ends = dict.fromkeys(range(len(readers)), "")
    while ends:
        least = min(ends.values())
        for place in [reader for reader, end in ends.items() if end == least]:
            batch = next((part for part in readers[place] if part.num_rows), None)
            if batch is None:
                del ends[place]
                continue
            ends[place] = batch[table.key[0]][-1].as_py()
            more = pa.Table.from_batches([_filled(decoded(batch))])
            waiting = pa.concat_tables([waiting, more])
        whole = pc.less(waiting[table.key[0]], min(ends.values())) if ends else None
        ready = waiting if whole is None else waiting.filter(whole)
        waiting = waiting.slice(0, 0) if whole is None else waiting.filter(pc.invert(whole))
        if ready.num_rows:
            yield ready.sort_by(order)


def decoded(rows: Rows) -> Rows:
    """Returns rows with the dictionaries of `coded` columns as plain values."""
    for position, column in enumerate(rows.schema):
        if pa.types.is_dictionary(column.type):
            plain = column.type.value_type
            rows = rows.set_column(
                position, column.with_type(plain), rows.column(position).cast(plain)
            )
    return rows


def count_rows(run: RunFolder, table: Table, where: pc.Expression | None = None) -> int:
    """Counts the rows that match `where`; without it all rows, from the footers of the files."""
    dataset = table_dataset(run, table)
    with readable(run, table):
        return int(dataset.count_rows(filter=where))


def count_by(
    run: RunFolder, table: Table, by: Sequence[str], where: pc.Expression | None = None
) -> pa.Table:
    """Counts rows by each combination of `by`, in a column `rows`; sorted by `by`."""
    keys = list(by)
    schema = pa.schema([*(table.schema.field(name) for name in keys), pa.field("rows", INTEGER)])
    total = schema.empty_table()
    for batch in table_batches(run, table, keys, where):
        part = pa.Table.from_batches([batch]).group_by(keys).aggregate([([], "count_all")])
        both = pa.concat_tables([total, part.rename_columns([*keys, "rows"]).cast(schema)])
        summed = both.group_by(keys).aggregate([("rows", "sum")])
        total = summed.rename_columns([*keys, "rows"]).cast(schema)
    return total.sort_by([(name, "ascending") for name in keys])


def flatten_column(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Joins lists of texts, writes times as ISO 8601 to the microsecond, leaves other values."""
    if pa.types.is_list(column.type):
        return pc.binary_join(column, "; ")
    if pa.types.is_timestamp(column.type):
        # Without the zone: Arrow takes five times as long to write it.
        text = pc.cast(column.cast(pa.timestamp("us")), TEXT)
        return pc.binary_join_element_wise(pc.binary_replace_slice(text, 10, 11, "T"), "Z", "")
    return column


def changes(column: pa.Array | pa.ChunkedArray) -> BoolArray:
    """Tells for each row whether it differs from the row before; the first row does."""
    whole = _whole(column)
    if pa.types.is_dictionary(whole.type):
        known = whole.dictionary
        whole = whole.indices if len(known.unique()) == len(known) else whole.cast(known.type)
    changed = np.ones(len(whole), bool)
    differs = pc.not_equal(whole[1:], whole[:-1])
    changed[1:] = differs.to_numpy(zero_copy_only=False)
    return changed


def first_of_groups(group: IntArray, count: int, limit: int) -> BoolArray:
    """Tells which rows are the first `limit` of their group, given the groups in order."""
    within = np.arange(len(group)) - group_offsets(group, count)[group]
    return within < limit


def list_items(column: pa.ChunkedArray) -> tuple[IntArray, pa.Table]:
    """Returns the structs in lists as a table, and the start of each row's; null has none."""
    whole = column.combine_chunks()
    lengths = pc.fill_null(pc.list_value_length(whole), 0).to_numpy().astype(np.int64)
    items = pa.RecordBatch.from_struct_array(pc.list_flatten(whole))
    return np.append(0, np.cumsum(lengths)), pa.Table.from_batches([items])


class IdIndex:
    """Finds ids among distinct ids, such as the ids of a batch among all ids of a run.

    It finds them by their hashes, which it sorts once.
    """

    def __init__(self, ids: pa.Array | pa.ChunkedArray) -> None:
        self._ids = _whole(ids)
        hashes = hash_text(self._ids)
        self._order = np.argsort(hashes)
        self._hashes = hashes[self._order]

    def places(self, column: pa.Array | pa.ChunkedArray) -> IntArray:
        """Returns the place of each value among the ids; -1 for null or an unknown one."""
        whole = _whole(column)
        coded = whole if pa.types.is_dictionary(whole.type) else whole.dictionary_encode()
        values = coded.dictionary
        near, known = sorted_lookup(self._hashes, hash_text(values))
        known = np.flatnonzero(known)
        places = np.full(len(values) + 1, -1)
        places[known] = self._order[near[known]]
        same = pc.equal(values.take(pa.array(known)), self._ids.take(pa.array(places[known])))
        # Two texts can have one hash.
        others = known[~same.to_numpy(zero_copy_only=False)]
        if len(others):
            positions = pc.index_in(values.take(pa.array(others)), self._ids)
            places[others] = pc.fill_null(positions, -1).to_numpy()
        return places[pc.fill_null(coded.indices, len(values)).to_numpy()]

    def indices(self, column: pa.Array | pa.ChunkedArray) -> pa.Array:
        """Returns the places as a column to take by, null for null or an unknown value."""
        places = self.places(column)
        return pa.array(places, mask=places < 0)


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


@dataclass(frozen=True)
class Numbers:
    """The second line of a piece: lists of whole numbers, which its tables name by place."""

    lists: list[IntArray] = field(default_factory=list)

    def put(self, values: IntArray) -> dict[str, Any]:
        """Adds a list; returns how a table names it. Lists with long numbers stay in the table."""
        if len(values) and not 0 <= int(values.min()) <= int(values.max()) < LONG_NUMBER:
            return {"v": values.tolist()}
        self.lists.append(np.ascontiguousarray(values))
        return {"n": len(self.lists) - 1}


class Column(Protocol):
    """A column of a job's tables; each piece has some of its rows."""

    def put(self, rows: slice, numbers: Numbers) -> dict[str, Any]:
        """Returns some rows as a piece has them."""


@dataclass(frozen=True)
class Whole:
    """Whole numbers, in units of 1/`scale`; the number `null` stands for null."""

    values: IntArray
    scale: int = 1
    null: int | None = None

    @classmethod
    def of(cls, column: pa.Array | pa.ChunkedArray, scale: int = 1) -> Whole:
        """Makes it of numbers, rounded to 1/`scale`; null becomes 0."""
        values = np.asarray(pc.fill_null(column, 0))
        return cls(np.rint(values * scale).astype(np.int64) if scale != 1 else values, scale)

    def put(self, rows: slice, numbers: Numbers) -> dict[str, Any]:
        """Returns some rows as `Column` says."""
        more = {"scale": self.scale} if self.scale != 1 else {}
        more |= {} if self.null is None else {"null": self.null}
        return numbers.put(self.values[rows]) | more


@dataclass(frozen=True)
class Texts:
    """Distinct values, and for each row the number of its value from 1 on, 0 for null."""

    values: pa.Array
    codes: IntArray

    @classmethod
    def of(cls, column: pa.Array | pa.ChunkedArray, limit: int = TEXT_LIMIT) -> Texts:
        """Makes it of a column of texts, cut to `limit` characters."""
        whole = _whole(column)
        known = pa.types.is_dictionary(whole.type)
        coded = (whole.indices if known else whole).dictionary_encode()
        codes = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False) + 1
        values = whole.dictionary.take(coded.dictionary) if known else coded.dictionary
        if (pc.max(pc.binary_length(values)).as_py() or 0) > limit:
            values = pc.utf8_slice_codeunits(values, 0, limit)
        return cls(values, codes)

    @classmethod
    def of_lists(cls, column: pa.ChunkedArray) -> Texts:
        """Makes it of lists of slugs, each distinct list once."""
        joined = cls.of(pc.binary_join(column, "\n"))
        split = pc.split_pattern(joined.values, "\n")
        empty = pc.equal(joined.values, "")
        none = pa.array([[]] * len(split), split.type)
        return cls(pc.if_else(empty, none, split), joined.codes)

    def put(self, rows: slice, numbers: Numbers) -> dict[str, Any]:
        """Returns some rows as `Column` says, with only the values of these rows."""
        known, numbered = np.unique(np.append(0, self.codes[rows]), return_inverse=True)
        values = self.values.take(pa.array(known[1:] - 1)).to_pylist()
        return numbers.put(numbered[1:]) | {"t": values}


@dataclass(frozen=True)
class Times:
    """Times to the second, as days since 1970 and seconds of the day."""

    seconds: IntArray

    @classmethod
    def of(cls, column: pa.Array | pa.ChunkedArray) -> Times:
        """Makes it of a column of timestamps without nulls."""
        return cls(np.asarray(column.cast(INTEGER)) // 1_000_000)

    def put(self, rows: slice, numbers: Numbers) -> dict[str, Any]:
        """Returns some rows as `Column` says."""
        days, seconds = np.divmod(self.seconds[rows], SECONDS_A_DAY)
        return {"days": numbers.put(days), "seconds": numbers.put(seconds)}


@dataclass(frozen=True)
class Lists:
    """Lists of rows of other columns: `starts` has the start of each list, and the end."""

    starts: IntArray
    columns: Mapping[str, Column]

    def put(self, rows: slice, numbers: Numbers) -> dict[str, Any]:
        """Returns some rows as `Column` says."""
        starts = self.starts[rows.start : rows.stop + 1]
        inner = slice(int(starts[0]), int(starts[-1]))
        columns = {name: column.put(inner, numbers) for name, column in self.columns.items()}
        return {"counts": numbers.put(np.diff(starts)), "of": columns}


def columns_of(
    rows: pa.Table, names: str, limit: int = TEXT_LIMIT, scale: int = 1_000
) -> dict[str, Column]:
    """Returns columns of rows as pieces have them, by their names there.

    Args:
        rows: the rows.
        names: of the columns, in order; `=` stands before the name in `rows`, if it is another.
        limit: most characters of a text.
        scale: factor of fractions.
    """
    pairs = (name.partition("=") for name in names.split())
    return {name: _column(rows[source or name], limit, scale) for name, _, source in pairs}


def _column(column: pa.ChunkedArray, limit: int, scale: int) -> Column:
    kind = column.type
    if pa.types.is_timestamp(kind):
        return Times.of(column)
    if pa.types.is_list(kind):
        return Texts.of_lists(column)
    if pa.types.is_floating(kind):
        return Whole.of(column, scale)
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return Whole.of(column.cast(INTEGER))
    return Texts.of(column, limit)


def picked(row: Mapping[str, Any], names: str) -> list[Any]:
    """Returns the values of some columns, as pieces have them."""
    return [plain_value(row.get(name)) for name in names.split()]


def named(row: Mapping[str, Any], names: str) -> dict[str, Any]:
    """Returns the values of some columns by their names, as pieces have them."""
    return dict(zip(names.split(), picked(row, names), strict=True))


def plain_value(value: Any) -> Any:
    """Returns a text cut, and a number with three digits."""
    if isinstance(value, str):
        return value[:TEXT_LIMIT]
    return round(value, 3) if isinstance(value, float) else value
