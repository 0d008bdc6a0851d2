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
        assert [one.data.decode() for one in cut(joined)] == [joined.removesuffix("\n")]


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
        (found,) = cut(row)
        assert found.fault is None
        assert [split_cells(row)] == cells


@given(st.lists(st.text("ab ,", min_size=1, max_size=5), min_size=1, max_size=5), st.data())
def test_a_stray_quote_costs_its_own_row(values, data):
    """Good rows before and behind it are read, whatever cell of it the quote stands in."""
    good = [f'{n},"{value}",US' for n, value in enumerate(values)]
    at = data.draw(st.integers(0, len(good)))
    cells = ["bad", "text", "US"]
    place = data.draw(st.integers(0, 2))
    cells[place] = data.draw(st.sampled_from(['"', '"x', '"x"y', '"x" ', '"""']))
    rows = [*good[:at], ",".join(cells), *good[at:]]
    found = cut("\n".join(rows) + "\n")
    kept = [one.data.decode() for one in found if one.fault is None]
    assert kept == good
    assert [one.position for one in found if one.fault == Code.BROKEN_CSV] == [at + 1]


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
    found = cut(data)
    lengths = [1 + one.data.count(b"\n") for one in found]
    starts = [one.position for one in found]
    for start, length, following in zip(starts, lengths, starts[1:], strict=False):
        assert start + length <= following
    kept = [line for one in found for line in one.data.split(b"\n")]
    given_lines = [line for line in data.encode().split(b"\n") if line.strip()]
    assert [line for line in kept if line.strip()] == given_lines


def test_a_quoted_cell_may_hold_lines_up_to_the_limit():
    inner = "\n" * (framing.MAX_OPEN_LINES - 1)
    (whole,) = cut(f'"{inner}",b\n')
    assert split_cells(whole.data.decode()) == [inner, "b"]
    assert cut(f'"{inner}\n",b\n')[0].fault == Code.BROKEN_CSV


def test_quotes_that_never_close_cost_linear_time():
    started = time.perf_counter()
    found = cut('a","\n' * 20_000)
    assert all(one.fault == Code.BROKEN_CSV for one in found)
    assert len(found) == 20_000
    assert time.perf_counter() - started < 5
