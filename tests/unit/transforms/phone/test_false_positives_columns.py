"""The cheap test of the bytes beside digits misses no false positive."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings, strategies as st

from transforms.phone import false_positives, false_positives_columns
from transforms.text_spans import digit_groups, string_buffers

SIGNS = "0123456789 -./,:;#=$%()+\n\tABGZabx°é"

WORDS = (
    *false_positives.LABELS,
    *false_positives.LABEL_SUFFIXES,
    *(one.strip("?") for one in false_positives.CURRENCIES),
)

PIECES = st.one_of(
    st.text(st.sampled_from(SIGNS), max_size=6),
    st.text(st.sampled_from("0123456789"), min_size=1, max_size=9),
    st.sampled_from([*WORDS, *map(str.upper, WORDS), *map(str.title, WORDS)]),
    st.sampled_from((" ", ". ", ": #", "12/31/2020", "1-2-2020", "2020-01-02", "12:30", "1,234.50",
    "GB29 NWBK 6016 1331 9268 19", "4111 1111 1111 1111", "4111-1111-1111-1111", "10.0.0.1",
    "112-1234567-1234567", "$ 5", "ref. :# 123-4567")),
)  # fmt: skip

KINDS = (
    (false_positives_columns.may_be_bare, false_positives.blank_bare),
    (false_positives_columns.may_be_mixed, false_positives.blank_mixed),
    (false_positives_columns.may_be_labelled, false_positives.blank_labelled),
)


@pytest.mark.parametrize(("may_be", "blanked"), KINDS)
@settings(deadline=None, max_examples=500)
@given(st.lists(PIECES, max_size=8).map("".join))
@example("ref.  #:123-4567")
@example("12345 rupees")
def test_every_group_that_is_blanked_passes_the_cheap_test(may_be, blanked, text):
    offsets, data = string_buffers(pa.array([text]))
    if blanked(text) != text:
        assert np.any(may_be(data, digit_groups(data, offsets)))


def test_plain_numbers_do_not_pass_the_cheap_test():
    """Otherwise the test would save nothing."""
    for text in ("call (866) 212-7251 now", "at +44 20 7946 0018. The", "from 866-212-7251, and"):
        offsets, data = string_buffers(pa.array([text]))
        for may_be, _ in KINDS:
            assert not np.any(may_be(data, digit_groups(data, offsets)))
