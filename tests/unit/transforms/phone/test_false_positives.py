"""Digits that only look like a phone number are blanked, and no number that is grouped as one."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from transforms.phone.false_positives import (
    LABEL_SUFFIXES,
    LABELS,
    blank_false_positives,
    is_labelled_id,
)

JOINTS = st.text(st.sampled_from(" \t\n#:.=-"), min_size=1, max_size=4)


@given(
    st.sampled_from(LABELS),
    st.lists(st.tuples(st.sampled_from(LABEL_SUFFIXES), JOINTS), max_size=3),
    st.text(st.sampled_from(" #:"), min_size=1, max_size=4),
    st.sampled_from((str, str.upper, str.title)),
)
def test_an_id_behind_its_label_is_none_of_the_numbers(label, suffixes, joints, case):
    words = case(label) + joints + "".join(case(word) + joint for word, joint in suffixes)
    text = f"my {words}8885550123."
    assert is_labelled_id(text, text.index("8"))
    blanked = text.replace("8885550123", "\0" * 10)
    assert blank_false_positives(text, [(0, len(text))]) == blanked
    grouped = text.replace("8885550123", "888-555-0123")
    assert blank_false_positives(grouped, [(0, len(grouped))]) == grouped


@pytest.mark.parametrize(
    "words", ["my border ", "my number is ", "it is ", "order by phone ", "id     "]
)
def test_other_words_are_no_label(words):
    assert not is_labelled_id(words, len(words))
