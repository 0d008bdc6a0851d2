"""What is found once in rows that hold the same is given to each of them."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from transforms.arrow_util import distinct_rows, given_to_all

CELLS = st.one_of(st.none(), st.sampled_from("ab"))


@given(st.lists(st.tuples(CELLS, CELLS)))
def test_as_row_by_row(rows):
    columns = [pa.array([row[i] for row in rows], pa.string()) for i in (0, 1)]
    first, back = distinct_rows(columns)
    assert [rows[first[which]] for which in back] == rows
    assert len(first) == len(set(rows))
    finds = [[(at, n) for n in range(len(str(rows[at])) % 3)] for at in first.tolist()]
    held = pa.array([at for at, some in enumerate(finds) for _ in some], pa.int64()).to_numpy()
    flat = [one for some in finds for one in some]
    everywhere, which = given_to_all(held, back, len(first))
    wanted = [(row, one) for row, at in enumerate(back.tolist()) for one in finds[at]]
    found = [(row, flat[at]) for row, at in zip(everywhere.tolist(), which.tolist(), strict=True)]
    assert found == wanted
