"""Texts that the cheap test rules out contain no identifier."""

import numpy as np
import phonenumbers as pn
import pyarrow as pa
from hypothesis import given, strategies as st

from tests.support.made_up_records import victims
from transforms.redact import records
from transforms.redact.records import find_wanted
from transforms.victims.identifier_matcher import (
    MIN_IDENTIFIER_LENGTH,
    RowPatterns,
    find_identifiers,
    identifier_patterns,
)
from transforms.victims.record_texts import RecordTexts, digit_forms, find_digits

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
    return RowPatterns(*(victims([row[part] for row in rows]) for part in (0, 1)))


def found(texts, wanted, rows):
    """The places that are found in each text."""
    column = pa.array(texts, pa.string())
    of_rows = RecordTexts(np.array(rows, np.int64), column, [("text", None, len(texts))])
    spans = find_wanted(of_rows, digit_forms(find_digits(column)), wanted)
    return [places(spans.get(row, ())) for row in range(len(texts))]


def places(spans):
    return {place for start, end in spans for place in range(start, end)}


@given(st.lists(st.tuples(TEXTS, WANTED), max_size=8))
def test_finds_what_a_search_of_every_text_finds(rows):
    texts = [text for text, _ in rows]
    wanted = row_patterns([identifiers for _, identifiers in rows])
    every = [
        places(find_identifiers(text, identifier_patterns(*identifiers)) if text else ())
        for text, identifiers in rows
    ]
    forwards = found(texts, wanted, range(len(rows)))
    assert all(map(set.issubset, every, forwards))
    for text, by_text, by_row in zip(texts, every, forwards, strict=True):
        # Digits that only NFKC makes of other characters are found besides.
        assert by_text == by_row or not text.isascii()
    assert found(texts[::-1], wanted, range(len(rows))[::-1]) == forwards[::-1]


def test_a_text_without_the_digits_is_ruled_out(monkeypatch):
    looked = []
    search = records.find_in_digits
    monkeypatch.setattr(
        records, "find_in_digits", lambda *form: looked.append(form[0]) or search(*form)
    )
    wanted = row_patterns([([NUMBERS[0]], [])] * 4)
    texts = ["trunk-07", "212 555 0123 called", None, "(212) 555-0124"]
    assert found(texts, wanted, range(4)) == [set(), set(range(12)), set(), set()]
    assert looked == ["2125550123"]


def test_a_number_beside_what_is_masked_stands_alone():
    wanted = row_patterns([(["+12125550123"], [])])
    texts = RecordTexts(np.zeros(1, np.int64), pa.array(["87 5550123"]), [("text", None, 1)])
    forms = digit_forms(find_digits(texts.texts))
    assert find_wanted(texts, forms, wanted) == {}
    forms = [form.without([(0, 2)]) for form in forms]
    assert find_wanted(texts, forms, wanted) == {0: [(3, 10)]}


def test_every_form_of_a_number_has_its_last_digits_last():
    kinds = (pn.PhoneNumberType.FIXED_LINE, pn.PhoneNumberType.MOBILE, pn.PhoneNumberType.TOLL_FREE)
    examples = [pn.example_number_for_type(r, k) for r in pn.SUPPORTED_REGIONS for k in kinds]
    for number in filter(None, examples):
        e164 = pn.format_number(number, pn.PhoneNumberFormat.E164)
        end = e164[1:][-MIN_IDENTIFIER_LENGTH:]
        assert all(pattern.text.endswith(end) for pattern in identifier_patterns([e164], [e164]))
