"""Helpers of arrow_util, compared with plain Python."""

from __future__ import annotations

from itertools import groupby, pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from transforms.arrow_util import (
    batch_of_columns,
    batch_of_rows,
    distinct_rows,
    group_offsets,
    group_starts,
    repeat_for_duplicates,
    sorted_lookup,
    stable_order,
    sum_by_group,
    table_of_columns,
    table_of_rows,
)

SMALL = st.integers(-5, 5)


@given(st.sets(SMALL), st.lists(SMALL), st.sampled_from((1, 5_000)))
def test_a_look_up_finds_what_is_there_and_nothing_else(keys, wanted, times):
    wanted *= times
    ordered = np.array(sorted(keys), np.int64)
    places, found = sorted_lookup(ordered, np.array(wanted, np.int64))
    assert np.array_equal(found, np.isin(wanted, ordered))
    assert np.array_equal(ordered[places[found]], np.array(wanted, np.int64)[found])


@given(st.lists(st.tuples(SMALL, SMALL)))
def test_a_group_starts_where_a_combination_does(rows):
    rows.sort()
    first, second = np.array(rows, np.int64).reshape(-1, 2).T
    lengths = [len(list(group)) for _, group in groupby(rows)]
    assert group_starts(first, second).tolist() == [sum(lengths[:i]) for i in range(len(lengths))]


@given(st.lists(st.integers(0, 4)))
def test_group_offsets_bound_each_group(numbers):
    numbers.sort()
    offsets = group_offsets(np.array(numbers, np.int64), 5).tolist()
    parts = [numbers[start:end] for start, end in pairwise(offsets)]
    assert parts == [[one] * numbers.count(one) for one in range(5)]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2**40))))
def test_sums_by_group_are_exact(rows):
    group, values = np.array(rows, np.int64).reshape(-1, 2).T
    expected = [sum(value for one, value in rows if one == number) for number in range(5)]
    assert sum_by_group(group, values, 5).tolist() == expected


CELLS = st.one_of(st.none(), st.sampled_from("ab"))


@given(st.lists(st.tuples(CELLS, CELLS)))
def test_finds_are_repeated_for_equal_rows(rows):
    columns = [pa.array([row[i] for row in rows], pa.string()) for i in (0, 1)]
    first, back = distinct_rows(columns)
    assert [rows[first[which]] for which in back] == rows
    assert len(first) == len(set(rows))
    finds = [[(at, n) for n in range(len(str(rows[at])) % 3)] for at in first.tolist()]
    found_in = pa.array([at for at, some in enumerate(finds) for _ in some], pa.int64()).to_numpy()
    flat = [one for some in finds for one in some]
    everywhere, which = repeat_for_duplicates(found_in, back, len(first))
    wanted = [(row, one) for row, at in enumerate(back.tolist()) for one in finds[at]]
    found = [(row, flat[at]) for row, at in zip(everywhere.tolist(), which.tolist(), strict=True)]
    assert found == wanted


SCHEMA = pa.schema([pa.field("id", pa.string(), nullable=False), ("size", pa.int64())])
ROW = {"id": "a", "size": 1}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"id": "a", "sise": 1}, r"missing: \['size'\]; unknown: \['sise'\]"),
        ({"id": "a"}, r"missing: \['size'\]"),
        ({"idd": "a", "size": 1}, r"missing: \['id'\]"),
        (ROW | {"more": 1}, r"unknown: \['more'\]"),
        (ROW | {"id": None}, r"nulls: \['id'\]"),
    ],
)
def test_a_misspelt_column_fails_loudly(row, message):
    for rows in ([row], [ROW, row]):
        for make in (table_of_rows, batch_of_rows):
            with pytest.raises(ValueError, match=message):
                make(rows, SCHEMA)
    columns = {name: [value] for name, value in row.items()}
    for make in (table_of_columns, batch_of_columns):
        with pytest.raises(ValueError, match=message):
            make(columns, SCHEMA)


@given(st.lists(st.tuples(st.text(), st.none() | SMALL)))
def test_rows_and_columns_make_the_tables_that_arrow_makes(values):
    rows = [{"size": size, "id": text} for text, size in values]
    expected = pa.Table.from_pylist(rows, SCHEMA)
    assert table_of_rows(rows, SCHEMA).equals(expected, check_metadata=True)
    assert pa.Table.from_batches([batch_of_rows(rows, SCHEMA)]).equals(expected)
    columns = {"size": [size for _, size in values], "id": [text for text, _ in values]}
    assert table_of_columns(columns, SCHEMA).equals(expected)
    assert pa.Table.from_batches([batch_of_columns(columns, SCHEMA)]).equals(expected)


@given(st.lists(st.tuples(SMALL, st.integers(0, 2**63 - 1), st.booleans())))
def test_an_order_is_that_of_tuples_and_keeps_equal_rows(rows):
    columns = [np.array([row[at] for row in rows], kind) for at, kind in enumerate("iq?")]
    order = stable_order(*columns)
    assert order.tolist() == sorted(range(len(rows)), key=rows.__getitem__)
