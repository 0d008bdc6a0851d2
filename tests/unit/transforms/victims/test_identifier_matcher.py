"""Identifiers of a victim are found in long texts as in short ones."""

from __future__ import annotations

from hypothesis import given, strategies as st

from transforms.masks import mask_spans
from transforms.victims import identifier_matcher
from transforms.victims.identifier_matcher import Pattern, find_identifiers

TEXTS = st.text(st.sampled_from("111123a٣ -.xé"), max_size=60)

WANTED = st.frozensets(
    st.builds(
        Pattern,
        st.text(st.sampled_from("1123"), min_size=1, max_size=8)
        | st.sampled_from(("a1", "éx", "a")),
        st.booleans(),
    ),
    max_size=4,
)


@given(TEXTS, WANTED)
def test_long_texts_are_searched_like_short_ones(text, wanted):
    one_by_one = list(find_identifiers(text, wanted))
    shortest = identifier_matcher.LONG_TEXT
    try:
        identifier_matcher.LONG_TEXT = 0
        by_columns = list(find_identifiers(text, wanted))
    finally:
        identifier_matcher.LONG_TEXT = shortest
    assert mask_spans(text, by_columns) == mask_spans(text, one_by_one)
    assert bool(by_columns) == bool(one_by_one)


@given(
    st.text(max_size=20), st.lists(st.tuples(st.integers(-3, 25), st.integers(-3, 25)), max_size=4)
)
def test_only_letters_and_digits_of_spans_are_masked(text, places):
    masked = mask_spans(text, places)
    assert len(masked) == len(text)
    for at, (before, after) in enumerate(zip(text, masked, strict=True)):
        inside = any(start <= at < end for start, end in places)
        assert after == ("#" if inside and before.isalnum() else before)
