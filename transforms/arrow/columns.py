"""Operations on whole Arrow columns and numpy arrays: rows, items, duplicates, hashes, groups."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence, Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from schemas.field import TEXT, Column, Row, Rows

Array = np.ndarray

_TEXT = TEXT

_AGGREGATE_SUFFIX = re.compile("_(min|max|sum|any|distinct|count_distinct)$")

_FEW_LOOKUPS = 4096
"""Least unsorted values for which a hash table of the keys is faster than binary search."""

_POSITIVE = (1 << 63) - 1
"""Mask of the 63 bits that Beam's integer coder holds."""


@dataclass(frozen=True)
class ListItems:
    """The items of a list column, each with its row and its position in the row's list."""

    rows: list[int]
    places: list[int]
    values: pa.Array

    def field(self, name: str) -> pa.Array:
        """Returns one field of items that are structs; null where the struct is."""
        return pc.struct_field(self.values, name)


def list_items(column: pa.Array) -> ListItems:
    """Flattens a list column of one batch; null lists have no items."""
    parents = pc.list_parent_indices(column).to_numpy(zero_copy_only=False)
    firsts = np.searchsorted(parents, parents, side="left")
    places = np.arange(len(parents)) - firsts
    return ListItems(parents.tolist(), places.tolist(), pc.list_flatten(column))


def list_rows(column: pa.Array, *parts: str) -> list[tuple[Any, ...]]:
    """Returns the row and the place of each item of a list column, and the item or its `parts`."""
    items = list_items(column)
    columns = [items.field(part) for part in parts] or [items.values]
    return list(zip(items.rows, items.places, *(c.to_pylist() for c in columns), strict=True))


def with_items(lists: pa.Array, values: pa.Array) -> pa.ListArray:
    """Makes a list column of other items, as many in each row as `lists` has; no list is null."""
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    return pa.ListArray.from_arrays(np.append(0, np.cumsum(lengths)), values)


def list_column(
    rows: Array, columns: Iterable[Array | pa.Array], kind: pa.ListType, count: int
) -> pa.ListArray:
    """Makes a column of `count` rows with lists of structs.

    `columns` are the fields of the structs, `rows` the row of each; a row's keep their order.
    """
    order = np.argsort(rows, kind="stable")
    arrays = [
        pa.array(values).take(order).cast(field.type)
        for values, field in zip(columns, kind.value_type, strict=True)
    ]
    values = pa.StructArray.from_arrays(arrays, fields=list(kind.value_type))
    return pa.ListArray.from_arrays(group_offsets(rows[order], count), values, type=kind)


def explode(rows: Rows, lists: str, names: Iterable[str] = ()) -> pa.RecordBatch:
    """Makes a row of each item of a column of lists of structs; no list is null.

    Its columns are the fields of the items, the `names` of columns of `rows`, and the number of the
    row that an item is in (`row`).
    """
    whole = one_batch(rows)
    items, parents = pc.list_flatten(whole[lists]), pc.list_parent_indices(whole[lists])
    columns = {field.name: items.field(field.name) for field in items.type}
    columns |= {name: whole[name].take(parents) for name in names}
    return pa.record_batch(columns | {"row": parents})


def implode(rows: Rows, lists: pa.Field, items: Rows) -> pa.RecordBatch:
    """Puts items back into lists, those of `rows` or new ones: the inverse of `explode`.

    Rows that no item is in are dropped.

    Args:
        rows: The rows.
        lists: The column of lists.
        items: The fields of the items, sorted by the number of the row that each is in (`row`). A
            field that is not there is null.
    """
    whole, parts = one_batch(rows), one_batch(items)
    row_of, fields = parts["row"].to_numpy(), list(lists.type.value_type)
    columns_given = dict(zip(parts.schema.names, parts.columns, strict=True))
    columns = fill_columns(len(row_of), columns_given, pa.schema(fields)).columns
    values = pa.StructArray.from_arrays(columns, fields=fields)
    offsets = group_offsets(row_of, whole.num_rows)
    column = pa.ListArray.from_arrays(offsets, values)
    place = whole.schema.get_field_index(lists.name)
    filled_rows = (
        whole.append_column(lists, column) if place < 0 else whole.set_column(place, lists, column)
    )
    filled = np.diff(offsets) > 0
    return filled_rows if filled.all() else filled_rows.filter(filled)


def one_batch(rows: Rows) -> pa.RecordBatch:
    """Returns all rows in one batch."""
    if isinstance(rows, pa.RecordBatch):
        return rows
    batches = rows.combine_chunks().to_batches()
    return batches[0] if batches else pa.RecordBatch.from_pylist([], rows.schema)


def one_table(batch: pa.RecordBatch) -> pa.Table:
    """Returns a batch as a table."""
    return pa.Table.from_batches([batch])


def concat_ranges(starts: Array, lengths: Array) -> Array:
    """Concatenates the ranges of whole numbers that begin at `starts`, of these lengths."""
    ends = np.cumsum(lengths)
    return np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + lengths, lengths)


def map_distinct(
    texts: Column, function: Callable[[str], object], kind: pa.DataType = _TEXT
) -> pa.Array:
    """Applies a function once to each distinct text of a column; null stays null."""
    whole = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    encoded = whole.dictionary_encode()
    values = [function(text) for text in encoded.dictionary.to_pylist()]
    return pa.array(values, kind).take(encoded.indices)


def is_among(column: Any, values: Iterable[str]) -> Any:
    """Returns a mask of a column's texts that are among `values`; null is not."""
    return pc.is_in(column, pa.array(list(values), TEXT))


def true_mask(condition: Column) -> Array:
    """Converts a boolean column to numpy, null as false."""
    return pc.fill_null(condition, False).to_numpy(zero_copy_only=False)


def text_codes(texts: pa.DictionaryArray) -> Array:
    """Returns the place of each text in its dictionary, -1 for null."""
    return pc.fill_null(texts.indices, -1).to_numpy().astype(np.int64)


def rank_texts(texts: pa.Array) -> tuple[Array, pa.Array]:
    """Returns the rank of each text among the sorted distinct texts, null last; and these texts."""
    encoded = texts.dictionary_encode()
    order = pc.sort_indices(encoded.dictionary)
    rank = np.full(len(order) + 1, len(order))
    rank[order.to_numpy()] = np.arange(len(order))
    return rank[text_codes(encoded)], encoded.dictionary.take(order)


def distinct_rows(columns: Sequence[pa.Array]) -> tuple[Array, Array]:
    """Returns the first row of each distinct combination of values, and each row's combination.

    Null is a value like any other. Combinations are numbered in the order in which they appear.
    """
    keys = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        encoded = column.dictionary_encode()
        values = pc.fill_null(encoded.indices, len(encoded.dictionary))
        keys = keys * (len(encoded.dictionary) + 1) + values.to_numpy(zero_copy_only=False)
    back = pa.array(keys).dictionary_encode().indices.to_numpy()
    first = np.zeros(int(back.max(initial=-1)) + 1, np.int64)
    first[back[::-1]] = np.arange(len(back))[::-1]
    return first, back


def repeat_for_duplicates(found_in: Array, back: Array, count: int) -> tuple[Array, Array]:
    """Repeats the finds in distinct rows for all rows that are equal to them.

    Args:
        found_in: The distinct row, ascending, of each find.
        back: The distinct row that each row is equal to, as `distinct_rows` returns it.
        count: How many distinct rows there are.

    Returns:
        Rows, and for each the index of a find, ordered by both.
    """
    firsts = np.searchsorted(found_in, np.arange(count + 1))
    counts = np.diff(firsts)[back] if count else np.zeros(len(back), np.int64)
    starts = np.cumsum(counts) - counts
    finds = np.repeat(firsts[back] - starts, counts) + np.arange(counts.sum())
    return np.repeat(np.arange(len(back)), counts), finds


def string_buffers(texts: pa.Array) -> tuple[Array, Array]:
    """Returns the offsets (one more than rows, from 0) and the bytes of a string column."""
    _, places, data = texts.buffers()
    offsets = np.frombuffer(places, np.int32)[texts.offset : texts.offset + len(texts) + 1]
    offsets = offsets.astype(np.int64)
    if data is None or not len(offsets):
        return np.zeros(len(texts) + 1, np.int64), np.zeros(0, np.uint8)
    return offsets - offsets[0], np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]


def string_array(offsets: Array, data: Array) -> pa.Array:
    """Makes a string column of its offsets (one more than rows) and its bytes, which it shares."""
    shared = pa.py_buffer(np.ascontiguousarray(data))
    places = pa.py_buffer(offsets.astype(np.int32))
    return pa.StringArray.from_buffers(len(offsets) - 1, places, shared)


def hash_text(values: Column) -> Array:
    """Returns the xxh3-64 of each text, cut to the 63 bits of Beam's integer coder; null is 0."""
    texts = pc.fill_null(pc.cast(values, pa.binary()), b"").to_pylist()
    hashed = np.fromiter(map(xxhash.xxh3_64_intdigest, texts), np.uint64, len(texts))
    hashed = (hashed & np.uint64(_POSITIVE)).astype(np.int64)
    if values.null_count:
        hashed[true_mask(pc.is_null(values))] = 0
    return hashed


def hash_numbers(values: pa.Array) -> Array:
    """Returns a 63-bit mix of each whole number (the finaliser of SplitMix64); null is 0."""
    mixed = pc.fill_null(values, 0).to_numpy().astype(np.uint64)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed >> np.uint64(shift))) * np.uint64(factor)
    return ((mixed ^ (mixed >> np.uint64(31))) & np.uint64(_POSITIVE)).astype(np.int64)


def mix_hashes(first: Array, second: Array) -> Array:
    """Combines two 63-bit hashes into one; their order matters."""
    total = first.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + second.astype(np.uint64)
    total = (total ^ (total >> np.uint64(32))) * np.uint64(0x94D049BB133111EB)
    return ((total ^ (total >> np.uint64(29))) & np.uint64(_POSITIVE)).astype(np.int64)


def hash_columns(batch: Rows, names: Sequence[str]) -> Array:
    """Returns a 63-bit hash of each row over several columns of text or whole numbers."""
    total = np.zeros(batch.num_rows, np.uint64)
    for name in names:
        column = batch[name]
        hashes = hash_numbers(column) if pa.types.is_integer(column.type) else hash_text(column)
        # Multiplying by an odd constant between columns makes the order of the columns matter.
        total = total * np.uint64(0x9E3779B97F4A7C15) + hashes.astype(np.uint64)
    return (total & np.uint64(_POSITIVE)).astype(np.int64)


def sorted_lookup(keys: Array, wanted: Array) -> tuple[Array, Array]:
    """Finds each wanted value among sorted distinct keys.

    Returns its place among the keys and whether it is there; where it is not, the place is that of
    some other key (0 where there are none).
    """
    if not len(keys):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), bool)
    many = len(wanted) > max(len(keys) // 2, _FEW_LOOKUPS)
    if many and (wanted[1:] < wanted[:-1]).any():
        places_found = pc.index_in(pa.array(wanted), value_set=pa.array(keys))
        known = true_mask(pc.is_valid(places_found))
        return pc.fill_null(places_found, 0).to_numpy().astype(np.int64), known
    places = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
    return places, keys[places] == wanted


def sorted_unique(values: Array) -> Array:
    """Sorts numbers and drops repeats; np.unique does so by a hash table, 20 times slower."""
    ordered = np.sort(values)
    return ordered[group_changes(ordered)]


def row_numbers(columns: Iterable[pa.ChunkedArray]) -> Array:
    """Returns a number for each row of columns without nulls, the same for equal rows."""
    numbers: Array = np.zeros((), np.int64)
    for column in columns:
        coded = column.combine_chunks().dictionary_encode()
        numbers = numbers * max(len(coded.dictionary), 1) + coded.indices.to_numpy()
    return numbers


def stable_order(*columns: Array) -> Array:
    """Returns the order of rows by whole numbers, the first column first; equal rows keep theirs.

    What `np.lexsort` returns for the same columns reversed, three to ten times as fast: numbers are
    sorted, in as few parts of their bits as hold the row besides, and not rows by numbers. In each
    column the largest is less than 2^63 above the smallest.
    """
    rows = np.arange(len(columns[0]))
    bits = len(rows).bit_length()
    width, order = 63 - bits, None
    for column in reversed(columns):
        key = column.astype(np.int64) - (column.min() if len(rows) else 0)
        for low in range(0, int(key.max(initial=1)).bit_length(), width):
            part = ((key if order is None else key[order]) >> low) & ((1 << width) - 1)
            place = np.sort((part << bits) | rows) & ((1 << bits) - 1)
            order = place if order is None else order[place]
    return rows if order is None else order


def group_changes(*columns: Array) -> Array:
    """Returns a mask of the rows that differ from the row before; the first row does."""
    changed = np.zeros(len(columns[0]), bool)
    changed[:1] = True
    for column in columns:
        changed[1:] |= column[1:] != column[:-1]
    return changed


def group_starts(*columns: Array) -> Array:
    """Returns the rows at which a new combination of values begins, in columns sorted by it."""
    return np.flatnonzero(group_changes(*columns))


def first_rows(group: Array, *ranks: Array) -> Array:
    """Returns the row of each group that comes first by some ranks; of equal ones the first."""
    order = np.lexsort((*reversed(ranks), group))
    return order[group_starts(group[order])]


def group_offsets(group: Array, count: int) -> Array:
    """Returns the row at which each of `count` groups begins in sorted numbers, then the end."""
    return np.searchsorted(group, np.arange(count + 1))


def aggregate(
    rows: pa.Table, keys: str | Sequence[str], sums: Iterable[tuple[Any, ...]] = ()
) -> pa.Table:
    """Aggregates rows by key as Arrow does, under the names of the columns that went in.

    `day_min` is `day` again, so that no column can be in it twice. Without `sums` each combination
    of keys is left once.
    """
    aggregated = rows.group_by(keys, use_threads=False).aggregate(list(sums))
    return aggregated.rename_columns(
        [_AGGREGATE_SUFFIX.sub("", name) for name in aggregated.column_names]
    )


def each_once(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Returns the distinct rows of the columns of a schema."""
    return aggregate(rows, schema.names).select(schema.names).cast(schema)


def column_of_keys(keys: Any, rows: pa.Table, key: str, name: str) -> Any:
    """Returns the value of a column in the first row of each key, null where there is none."""
    return rows[name].combine_chunks().take(pc.index_in(keys, rows[key]))


def pairs_within_groups(starts: Array, sizes: Array) -> tuple[Array, Array, Array]:
    """Returns the rows of all pairs inside each group of rows, and the group of each pair."""
    parts = [(np.empty(0, np.int64),) * 3]
    for size in np.unique(sizes[sizes > 1]):
        groups = np.flatnonzero(sizes == size)
        left, right = np.triu_indices(size, 1)
        rows = starts[groups][:, None]
        parts.append(((rows + left).ravel(), (rows + right).ravel(), groups.repeat(len(left))))
    first, second, group = (np.concatenate(column) for column in zip(*parts, strict=True))
    return first, second, group


def component_labels(nodes: int, a: Array, b: Array) -> Array:
    """Labels each of `nodes` (numbered from 0) with the smallest node of its component.

    The edges are a[i]-b[i]; the labels do not depend on their order.
    """
    if not len(a):
        return np.arange(nodes)
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(nodes, nodes))
    count, label = connected_components(graph, directed=False)
    smallest = np.full(count, nodes, np.int64)
    np.minimum.at(smallest, label, np.arange(nodes))
    return smallest[label]


def with_column(rows: Any, name: str, values: Any) -> Any:
    """Returns a table or a batch with new values in a column; its type stays."""
    place = rows.schema.get_field_index(name)
    return rows.set_column(place, rows.schema.field(place), values)


def sum_by_group(group: Array, values: Array, count: int) -> Array:
    """Adds up whole numbers by group, of `count` groups; exact while a sum is below 2^53."""
    return np.bincount(group, values, minlength=count).astype(np.int64)


def table_of_columns(columns: Mapping[str, Any], schema: pa.Schema) -> pa.Table:
    """Makes a table of exactly the columns of a schema, in the schema's order.

    Arrow itself leaves out a column that the schema does not name.

    Raises:
        ValueError: naming columns that are missing or unknown, or required and have nulls.
    """
    _check_names(columns.keys(), schema)
    rows = pa.table(dict(columns), schema)
    empty = [
        field.name
        for field, column in zip(schema, rows.columns, strict=True)
        if not field.nullable and column.null_count
    ]
    if empty:
        raise ValueError(f"required columns with nulls: {empty}")
    return rows


def fill_columns(count: int, columns: Mapping[str, Any], schema: pa.Schema) -> pa.RecordBatch:
    """Makes a batch of `count` rows of some columns of a schema; one that is left out is null.

    What is not an array is the value of all rows.
    """
    arrays = []
    for field in schema:
        column = columns.get(field.name)
        if not isinstance(column, pa.Array):
            column = pa.repeat(pa.scalar(column, field.type), count)
        arrays.append(column.cast(field.type))
    return pa.record_batch(arrays, schema)


def batch_of_columns(columns: Mapping[str, Any], schema: pa.Schema) -> pa.RecordBatch:
    """Makes a batch as `table_of_columns` makes a table."""
    return one_batch(table_of_columns(columns, schema))


def table_of_rows(rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
    """Makes a table of rows, each of exactly the columns of a schema.

    Arrow itself fills a column that a row does not name with nulls, a required one too.

    Raises:
        ValueError: naming columns that are missing or unknown, or required and have nulls.
    """
    names = set(schema.names)
    for row in rows:
        if row.keys() != names:
            _check_names(row.keys(), schema)
    return table_of_columns({name: [row[name] for row in rows] for name in names}, schema)


def batch_of_rows(rows: Sequence[Row], schema: pa.Schema) -> pa.RecordBatch:
    """Makes a batch as `table_of_rows` makes a table."""
    return one_batch(table_of_rows(rows, schema))


def _check_names(names: AbstractSet[str], schema: pa.Schema) -> None:
    """Raises ValueError unless names are those of a schema."""
    missing, unknown = set(schema.names) - names, names - set(schema.names)
    if missing or unknown:
        raise ValueError(f"columns missing: {sorted(missing)}; unknown: {sorted(unknown)}")


def row_tuples(rows: Rows, *names: str) -> list[tuple[Any, ...]]:
    """Returns the rows of these columns, or of all."""
    columns = (rows[name].to_pylist() for name in names or rows.schema.names)
    return list(zip(*columns, strict=True))
