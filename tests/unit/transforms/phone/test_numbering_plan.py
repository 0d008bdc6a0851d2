"""Tables of states against Python's patterns."""

from __future__ import annotations

import re

import phonenumbers as pn
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from transforms.phone import numbering_plan
from transforms.phone.numbering_plan import build_automaton, digit_matrix

PATTERNS = (
    "", "1", r"\d", "[2-9]", "[13-57]{2}", r"(?:1|2(?:3|4[5-7])?)\d{1,3}", r"0?1\d?", "12{0,2}3",
    r"(?:1|11)(?:1|2)", r"(?:\d{2}|3){2}", "5|6|", r"(?:800|9[0-46-9]\d)\d{4,6}", "[59]47(?:1|)",
)  # fmt: skip

DIGITS = st.lists(st.text(st.sampled_from("0123456789"), max_size=9), min_size=1, max_size=30)


@given(DIGITS)
def test_matches_as_the_patterns_do(texts):
    made = build_automaton(PATTERNS)
    numbers = digit_matrix(pa.array(texts))
    whole, begun = made.match_whole(numbers).tolist(), made.match_start(numbers).tolist()
    for text, bits, starts in zip(texts, whole, begun, strict=True):
        for i, pattern in enumerate(PATTERNS):
            assert bool(bits >> i & 1) == bool(re.fullmatch(pattern, text)), (pattern, text)
            assert bool(starts >> i & 1) == bool(re.match(pattern, text)), (pattern, text)


@pytest.mark.parametrize("pattern", ["a", "1*", "(1)", "1)", "^1", "(?=1)1", "1+"])
def test_any_other_sign_is_an_error(pattern):
    with pytest.raises(ValueError):
        build_automaton([pattern])


def test_every_plan_that_the_library_has_is_one():
    for region in pn.SUPPORTED_REGIONS:
        plan = numbering_plan.plan_of_region(region)
        example = pn.national_significant_number(pn.example_number(region))
        numbers = digit_matrix(pa.array([example, example + "12345678"]))
        assert plan.is_general(numbers).tolist() == [True, False]
        assert plan.line_types(numbers).tolist()[1] == 0
        claims = numbering_plan.claims_of_code(plan.code)
        assert plan in claims.plans
        claims.match_start(numbers)


@given(st.lists(st.text(st.sampled_from("+0123456789 -é٣"), max_size=12), min_size=1))
def test_digits_of_texts_and_back(texts):
    numbers = digit_matrix(pa.array(texts))
    plain = ["".join(re.findall("[0-9]", text)) for text in texts]
    assert numbers.to_strings().to_pylist() == plain
    assert numbers.drop_leading(2).to_strings().to_pylist() == [text[2:] for text in plain]
    assert numbers.start_with("12").tolist() == [text.startswith("12") for text in plain]
