"""CSV records and cells against Python's csv module, and lone quotes."""

import csv
import time

from hypothesis import given, strategies as st

from schemas.reject import Code
from transforms.read import framing
from transforms.read.framing import (
    csv_records,
    join_cells,
    locate_cells,
    physical_lines,
    split_cells,
)

text = st.text(alphabet='ab,"\n', max_size=24)


def cut(data):
    return list(csv_records(physical_lines([data.encode()])))


@given(st.lists(st.text(alphabet='ab," \n', max_size=6), min_size=1, max_size=5))
def test_what_is_joined_splits_again(cells):
    if cells == [""]:
        return
    joined = join_cells(cells)
    assert split_cells(joined) == cells
    if joined.strip():
        assert [record.data.decode() for record in cut(joined)] == [joined.removesuffix("\n")]


@given(text)
def test_cells_are_those_of_the_csv_module(line):
    for record in cut(line):
        if record.fault is None:
            row = record.data.decode()
            assert [split_cells(row)] == list(csv.reader([row], strict=True))


@given(text)
def test_a_line_that_the_strict_csv_module_reads_alone_is_a_record(line):
    row = line.replace("\n", "")
    try:
        cells = list(csv.reader([row], strict=True))
    except csv.Error:
        cells = []
    if cells and row.strip():
        (record,) = cut(row)
        assert record.fault is None
        assert [split_cells(row)] == cells


@given(st.lists(st.text("ab ,", min_size=1, max_size=5), min_size=1, max_size=5), st.data())
def test_a_stray_quote_costs_its_own_row(values, data):
    """Good rows before and behind it are read, whatever cell of it the quote stands in."""
    good = [f'{n},"{value}",US' for n, value in enumerate(values)]
    broken_line = data.draw(st.integers(0, len(good)))
    cells = ["bad", "text", "US"]
    place = data.draw(st.integers(0, 2))
    cells[place] = data.draw(st.sampled_from(['"', '"x', '"x"y', '"x" ', '"""']))
    rows = [*good[:broken_line], ",".join(cells), *good[broken_line:]]
    records = cut("\n".join(rows) + "\n")
    kept = [record.data.decode() for record in records if record.fault is None]
    assert kept == good
    assert [record.position for record in records if record.fault == Code.BROKEN_CSV] == [
        broken_line + 1
    ]


@given(text)
def test_a_cell_stands_at_its_place_and_only_quotes_and_commas_between(row):
    done = 0
    for start, end, cell in locate_cells(row):
        assert not set(row[done:start]) - set('",')
        assert row[start:end].replace('"', "") == cell.replace('"', "")
        done = end
    assert not set(row[done:]) - {'"'}


@given(text)
def test_every_line_is_in_one_record(data):
    records = cut(data)
    lengths = [1 + record.data.count(b"\n") for record in records]
    starts = [record.position for record in records]
    for start, length, following in zip(starts, lengths, starts[1:], strict=False):
        assert start + length <= following
    kept = [line for record in records for line in record.data.split(b"\n")]
    given_lines = [line for line in data.encode().split(b"\n") if line.strip()]
    assert [line for line in kept if line.strip()] == given_lines


def test_a_quoted_cell_may_hold_lines_up_to_the_limit():
    inner = "\n" * (framing.MAX_OPEN_LINES - 1)
    (whole,) = cut(f'"{inner}",b\n')
    assert split_cells(whole.data.decode()) == [inner, "b"]
    assert cut(f'"{inner}\n",b\n')[0].fault == Code.BROKEN_CSV


def test_quotes_that_never_close_cost_linear_time():
    started = time.perf_counter()
    records = cut('a","\n' * 20_000)
    assert all(record.fault == Code.BROKEN_CSV for record in records)
    assert len(records) == 20_000
    assert time.perf_counter() - started < 5
