"""What identifies a victim is found in long texts as in short ones."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from transforms.text_masking import mask
from transforms.victims import identifier_matcher
from transforms.victims.identifier_matcher import Needle, spans

TEXTS = st.text(st.sampled_from("111123a٣ -.xé"), max_size=60)


WANTED = st.frozensets(
    st.builds(
        Needle,
        st.text(st.sampled_from("1123"), min_size=1, max_size=8)
        | st.sampled_from(("a1", "éx", "a")),
        st.booleans(),
    ),
    max_size=4,
)


@given(TEXTS, WANTED)
def test_by_columns_as_one_by_one(text, wanted):
    one_by_one = list(spans(text, wanted))
    shortest = identifier_matcher._LONG
    try:
        identifier_matcher._LONG = 0
        by_columns = list(spans(text, wanted))
    finally:
        identifier_matcher._LONG = shortest
    assert mask(text, by_columns) == mask(text, one_by_one)
    assert bool(by_columns) == bool(one_by_one)


@given(
    st.text(max_size=20), st.lists(st.tuples(st.integers(-3, 25), st.integers(-3, 25)), max_size=4)
)
def test_only_letters_and_digits_of_spans_are_masked(text, places):
    masked = mask(text, places)
    assert len(masked) == len(text)
    for at, (before, after) in enumerate(zip(text, masked, strict=True)):
        inside = any(start <= at < end for start, end in places)
        assert after == ("#" if inside and before.isalnum() else before)
