"""Letters for digits in a text make a number only where nothing else can be meant."""

import re

import pytest
from hypothesis import given, strategies as st

from transforms.extract.kinds import obfuscated_phone

READ = [
    ("call 8OO-555-O1l9 now", "+18005550119", "8OO-555-O1l9"),
    ("call (8OO) 555-O1l9.", "+18005550119", "(8OO) 555-O1l9"),
    ("call +1 8OO 555 O1l9", "+18005550119", "+1 8OO 555 O1l9"),
    ("ring +44 2O 7946 O958 I said", "+442079460958", "+44 2O 7946 O958"),
    ("my number is 2O2-456-I4I4. They", "+12024561414", "2O2-456-I4I4"),
    ("855.2I2.B8Z4", "+18552128824", "855.2I2.B8Z4"),
]


@pytest.mark.parametrize(("text", "number", "raw"), READ)
def test_numbers_with_letters_for_digits(text, number, raw):
    (match,) = obfuscated_phone.look_alike_numbers(text)
    assert (match.value, text[match.start : match.end], match.how) == (number, raw, "look_alike")


@pytest.mark.parametrize(
    "text",
    [
        "call 800-555-0119",
        "order 8OO-555-O1l9-22",
        "case #8OO-555-O1l9",
        "order no 8OO-555-O1l9",
        "my case number is 8O0-555-0119",
        "serial: 2O2.456.I4I4",
        "model SB2-555-0119",
        "apt B02-456-1414",
        "I Bo SOS 123 4567",
        "111-2O2-456-I4I4",
        "Zoll SOLO BOSS",
        "SBZ-OIl-SBZO",
        "1O2-056-I4I4",
        "https://x.example/8OO-555-O1l9",
        "8OO-555-O1l9@x.example",
    ],
)
def test_what_may_be_something_else_is_none(text):
    assert list(obfuscated_phone.look_alike_numbers(text)) == []


@given(st.text(st.sampled_from("+1(8OoIl|SBZ) -.a#@0259"), max_size=60))
def test_what_is_found_stands_in_the_text_and_is_hinted_at(text):
    for match in obfuscated_phone.look_alike_numbers(text):
        assert 0 <= match.start < match.end <= len(text)
        assert match.value.startswith("+")
        assert re.search(obfuscated_phone.LOOK_ALIKE_HINT, text)
