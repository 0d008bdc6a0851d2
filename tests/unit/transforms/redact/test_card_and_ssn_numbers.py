"""Numbers of cards and of social security are masked in every text."""

import re

import pytest
from hypothesis import given, strategies as st

from tests.support.made_up_records import withheld_from
from transforms.extract.sensitive_text import card_and_ssn_spans

CARD_AND_SSN_NUMBERS = [
    "visa 4111 1111 1111 1111 it",
    "visa 4111-1111-1111-1111.",
    "it was 5555555555554444, ok",
    "amex 3782 822463 10005",
    "amex 378282246310005",
    "it is 123-45-6789 I said",
    "my SSN is 123 45 6789",
    "my social: 123456789",
    "Social Security number was 123-45-6789",
    "my SIN 046 454 286",
    "my national insurance number is QQ 12 34 56 C",
]

OTHERS = [
    "call 888-555-0123 or +1 888 555 0123",
    "order 4111 1111 1111 1112",
    "order 9111 1111 1111 1119",
    "on 2024-11-2605",
    "IBAN DE89 3704 0044 0532 0130 00",
    "case 123-45-67890",
    "id 987-65-4321",
    "since 2024 1234567890",
    "on social media 612 345 678",
    "sin contestar al 612 345 678",
]


def shown(*texts):
    return withheld_from(*({"narrative": text} for text in texts))["narrative"].to_pylist()


@pytest.mark.parametrize("text", CARD_AND_SSN_NUMBERS)
def test_card_and_ssn_numbers_are_masked(text):
    (kept,) = shown(text)
    assert not re.search(r"\d", kept) and len(kept) == len(text)


@pytest.mark.parametrize("text", OTHERS)
def test_other_numbers_stay(text):
    assert shown(text, None) == [text, None]


@pytest.mark.slow
@given(st.text(st.sampled_from("0123456789 -ssnSINninoQC\n"), max_size=60))
def test_the_hint_matches_every_text_with_a_number(text):
    spans = list(card_and_ssn_spans(text))
    assert all(0 <= start < end <= len(text) for start, end in spans)
    (kept,) = shown(text)
    assert all(not sign.isdigit() for start, end in spans for sign in kept[start:end])


STUCK = ["4111111111111111", "4111 1111 1111 1111", "078-05-1120", "378282246310005"]


@pytest.mark.parametrize("number", STUCK)
@pytest.mark.parametrize("form", ["4156667777{}", "{}4156667777"])
def test_what_is_stuck_to_a_victims_number_is_masked_with_it(form, number):
    (kept,) = withheld_from(
        {"narrative": f"it is {form.format(number)}, 12 ok"}, own=[("+14156667777",)]
    )["narrative"].to_pylist()
    assert re.sub(r"[ #-]", "", kept) == "itis,12ok"
