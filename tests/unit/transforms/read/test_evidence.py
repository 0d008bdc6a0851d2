"""Evidence for a guess: what a text of a column looks like."""

import time

import pytest

from transforms.read import evidence


@pytest.mark.parametrize("text", ["0:05:23", "PT5M23S", "5 min 23 s", "323", "5.5"])
def test_a_length_of_clear_seconds_is_a_duration(text):
    assert evidence.is_duration(text)
    assert not evidence.is_duration("5:23")


@pytest.mark.parametrize("text", ["1" + " " * 200_000 + "x", "1" * 200_000, "1, " * 70_000])
def test_long_cells_are_judged_in_linear_time(text):
    start = time.process_time()
    assert not evidence.holds_phone(text)
    assert not evidence.is_duration(text)
    assert time.process_time() - start < 1
