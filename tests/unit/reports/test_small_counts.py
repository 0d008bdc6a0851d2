from hypothesis import given
from hypothesis import strategies as st

from reports.disclosure_control import suppressed

COUNTS = st.lists(st.integers(0, 30), max_size=8)


@given(COUNTS, st.integers(0, 12))
def test_no_small_count_is_shown_or_can_be_had_from_the_sum(counts, floor):
    shown = suppressed(counts, floor)
    assert all(a in (b, None) for a, b in zip(shown, counts, strict=True))
    assert not [one for one in shown if one is not None and 0 < one < floor]
    hidden = [count for count, seen in zip(counts, shown, strict=True) if seen is None]
    if len(hidden) == 1:
        assert not [one for one in counts if one and one >= floor]


def test_examples():
    assert suppressed([9, 3, 2], 5) == [9, None, None]
    assert suppressed([9, 7, 2], 5) == [9, None, None]
    assert suppressed([9, 7, 0], 5) == [9, 7, 0]
    assert suppressed([2], 5) == [None]
    assert suppressed([9, 2], 0) == [9, 2]
