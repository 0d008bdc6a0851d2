"""Look-ups, groups and sums of arrow_util, held to plain Python."""

from itertools import groupby

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from transforms.arrow_util import group_starts, sorted_lookup, sum_by_group

SMALL = st.integers(-5, 5)


@given(st.sets(SMALL), st.lists(SMALL))
def test_a_look_up_finds_what_is_there_and_nothing_else(keys, wanted):
    ordered = np.array(sorted(keys), np.int64)
    places, found = sorted_lookup(ordered, np.array(wanted, np.int64))
    assert found.tolist() == [one in keys for one in wanted]
    assert all(
        ordered[place] == one
        for place, one, there in zip(places, wanted, found, strict=True)
        if there
    )


@given(st.lists(st.tuples(SMALL, SMALL)))
def test_a_group_starts_where_a_combination_does(rows):
    rows.sort()
    first, second = np.array(rows, np.int64).reshape(-1, 2).T
    lengths = [len(list(group)) for _, group in groupby(rows)]
    assert group_starts(first, second).tolist() == [sum(lengths[:i]) for i in range(len(lengths))]


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 2**40))))
def test_sums_by_group_are_exact(rows):
    group, values = np.array(rows, np.int64).reshape(-1, 2).T
    expected = [sum(value for one, value in rows if one == number) for number in range(5)]
    assert sum_by_group(group, values, 5).tolist() == expected
