"""False positives are blanked, and the tests that spare most texts the search miss none."""

from __future__ import annotations

import pytest
from hypothesis import example, given, strategies as st

from tests.support.examples import draws
from transforms.phone.false_positives import (
    LABEL_SUFFIXES,
    LABELS,
    RARE,
    blank_false_positives,
    is_labelled_id,
)

SIGNS = "0123456789 -./,:;#=$€%()+\n\tABGZabx°é"

CURRENCIES = (
    "USD EUR GBP INR AUD CAD CHF MXN Rs Rs. dollar dollars euro euros pounds rupees pesos "
    "francs bucks p pence ct cents c/min"
).split()

PIECES = st.one_of(
    st.text(st.sampled_from(SIGNS), max_size=6),
    st.text(st.sampled_from("0123456789"), min_size=1, max_size=9),
    st.sampled_from(CURRENCIES),
    st.sampled_from((" ", ". ", ": #", "12/31/2020", "1-2-2020", "2020-01-02", "12:30", "1,234.50",
    "GB29 NWBK 6016 1331 9268 19", "4111 1111 1111 1111", "4111-1111-1111-1111", "10.0.0.1",
    "112-1234567-1234567", "$ 5", "5 %", "A1B2C3D4E5", "Windows 10 ",
    "Norton 360 ", "McAfee 2024 (")),
)  # fmt: skip

JOINTS = st.text(st.sampled_from(" \t\n#:.=-"), min_size=1, max_size=4)


@pytest.mark.parametrize(("may_be", "pattern"), RARE, ids=["product", "bare", "mixed"])
@draws(800)
@given(st.lists(PIECES, max_size=8).map("".join))
@example("12345 rupees")
@example("2020.01.02")
@example("20-01-2020")
def test_every_rare_false_positive_passes_the_cheap_test(may_be, pattern, text):
    if any(match[0][0] not in "+＋" for match in pattern.finditer(text)):
        assert may_be.search(text)


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
