"""Identifiers of a victim are found in texts of any length."""

from __future__ import annotations

import time

from hypothesis import given, strategies as st

from transforms.decode import mask_spans
from transforms.decode.escapes import plain_in_place
from transforms.victims.identifier_matcher import Pattern, find_identifiers


def test_a_hostile_text_is_searched_in_linear_time():
    patterns = frozenset({Pattern("1111111"), Pattern("11111111", alone=True)})
    begin = time.process_time()
    for text in ("1" * 12_000, "1 " * 6_000, "1111111a" * 1_500, "%31" * 4_000):
        spans = list(find_identifiers(text, patterns))
        assert "1111111" not in mask_spans(text, spans)
    assert time.process_time() - begin < 5


@given(
    st.text(max_size=20), st.lists(st.tuples(st.integers(-3, 25), st.integers(-3, 25)), max_size=4)
)
def test_only_letters_and_digits_of_spans_are_masked(text, places):
    masked = mask_spans(text, places)
    assert len(masked) == len(text)
    for position, (before, after) in enumerate(zip(text, masked, strict=True)):
        is_letter_or_digit = plain_in_place(before).isalnum()
        inside = any(start <= position < end for start, end in places)
        assert after == ("#" if inside and is_letter_or_digit else before)
