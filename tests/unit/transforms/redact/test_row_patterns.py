"""Texts that the cheap test rules out contain no identifier."""

import numpy as np
import phonenumbers as pn
import pyarrow as pa
from hypothesis import given, strategies as st

from tests.support.made_up_records import victims
from transforms.redact.records import RowPatterns, find_wanted, mask_wanted, may_contain_wanted
from transforms.text_masking import mask_spans
from transforms.victims.identifier_matcher import (
    MIN_IDENTIFIER_LENGTH,
    find_identifiers,
    identifier_patterns,
)

NUMBERS = ("+12125550123", "+442079460958", "+5491123456789", "+34935779397")

WANTED = st.tuples(
    st.lists(
        st.sampled_from(
            (
                *NUMBERS,
                "email:jo@example.org",
                "account:iban:GB29NWBK",
                "2125550123",
                "bank:5550123",
            )
        ),
        max_size=2,
    ),
    st.lists(
        st.sampled_from(("(212) 555-0123", "020 7946 0958", "5550123", "00000123", "+12125550123")),
        max_size=1,
    ),
)

PIECES = st.sampled_from(
    (
        "212",
        "555",
        "0123",
        "-",
        " ",
        "２",
        "٣",
        "020 7946 0958",
        "+44",
        "jo@example.org",
        "call",
        "%20",
        "&#50;",
        "jo%40example.org",
        "é",
    )
)

TEXTS = st.none() | st.lists(PIECES, max_size=8).map("".join) | st.text(max_size=12)


def row_patterns(rows):
    return RowPatterns(len(rows), *(victims([row[part] for row in rows]) for part in (0, 1)))


@given(st.lists(st.tuples(TEXTS, WANTED), max_size=8))
def test_masks_what_a_search_of_every_text_finds(rows):
    texts = pa.array([text for text, _ in rows], pa.string())
    wanted = row_patterns([those for _, those in rows])
    every = {
        row: list(find_identifiers(text, identifier_patterns(*those)))
        for row, (text, those) in enumerate(rows)
        if text
    }
    whose = np.arange(len(rows))
    assert find_wanted(texts, wanted, whose) == {
        row: found for row, found in every.items() if found
    }
    backwards = find_wanted(texts.take(pa.array(whose[::-1])), wanted, whose[::-1])
    assert backwards == {len(rows) - 1 - row: found for row, found in every.items() if found}
    assert mask_wanted(texts, wanted).to_pylist() == [
        mask_spans(text, every.get(row, ())) if text else text for row, (text, _) in enumerate(rows)
    ]


def test_a_text_without_the_digits_is_ruled_out():
    wanted = row_patterns([([NUMBERS[0]], [])] * 4)
    texts = pa.array(["trunk-07", "212 555 0123 called", None, "(212) 555-0124"])
    assert may_contain_wanted(texts, wanted, np.arange(4)) == [1]


def test_every_form_of_a_number_has_its_last_digits_last():
    kinds = (pn.PhoneNumberType.FIXED_LINE, pn.PhoneNumberType.MOBILE, pn.PhoneNumberType.TOLL_FREE)
    examples = [pn.example_number_for_type(r, k) for r in pn.SUPPORTED_REGIONS for k in kinds]
    for number in filter(None, examples):
        e164 = pn.format_number(number, pn.PhoneNumberFormat.E164)
        assert not row_patterns([([f"phone:{e164}"], [e164])]).odd_in.any()
        end = e164[1:][-MIN_IDENTIFIER_LENGTH:]
        assert all(one.text.endswith(end) for one in identifier_patterns([e164], [e164]))
