"""A value contains a victim's identifier exactly if the search finds the identifier in it."""

from __future__ import annotations

import numpy as np
import phonenumbers as pn
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from tests.support.examples import draws
from transforms.victims.identifier_matcher import (
    NO_IDENTIFIERS,
    RowIdentifiers,
    RowPatterns,
    find_identifiers,
    find_in_words,
    identifier_patterns,
)

REGIONS = ("US", "GB", "AR", "MX", "IN", "DE", "BR", "IT")

NUMBERS = [
    pn.format_number(number, form)
    for number in map(pn.example_number, REGIONS)
    for form in (pn.PhoneNumberFormat.E164, pn.PhoneNumberFormat.NATIONAL)
]

VICTIMS = st.one_of(
    st.sampled_from(NUMBERS),
    st.from_regex(r"\+[0-9]{7,15}\Z"),
    st.sampled_from(
        (
            "anydesk:123456789",
            "uk:123456:12345678",
            "joe@x.com",
            "upi:joe@bank",
            "12",
            "+80012345678",
        )
    ),
)


def digits(text):
    return "".join(c for c in text if c.isdigit())


@st.composite
def cases(draw):
    victims = draw(st.lists(st.tuples(st.integers(0, 4), VICTIMS), max_size=6))
    hidden = [text for _, text in victims] or ["+1"]
    around = st.text(st.sampled_from("a1٣-.@:+"), max_size=4)
    part = st.sampled_from(hidden).flatmap(
        lambda text: st.sampled_from((text, digits(text), digits(text)[-7:], digits(text)[-10:]))
    )
    values = draw(
        st.lists(
            st.tuples(st.integers(0, 4), st.tuples(around, part, around).map("".join)), min_size=1
        )
    )
    return sorted(victims), values


@pytest.mark.slow
@draws(400)
@given(cases(), st.booleans())
def test_what_is_contained_is_what_is_found_in_each_value(case, as_written):
    victims, values = case
    own = RowIdentifiers(
        np.array([r for r, _ in victims], int), pa.array([v for _, v in victims], pa.string())
    )
    identifiers = RowIdentifiers(
        np.array([r for r, _ in values], int), pa.array([v for _, v in values], pa.string())
    )
    parts = (NO_IDENTIFIERS, own) if as_written else (own, NO_IDENTIFIERS)
    contained = RowPatterns(*parts).are_in(identifiers)
    for place, (row, value) in enumerate(values):
        theirs = [text for victim_row, text in victims if victim_row == row]
        wanted = identifier_patterns((), theirs) if as_written else identifier_patterns(theirs)
        if value[:1] == "+" and value[1:].isdecimal():
            alone = any(form.text in value and not form.alone for form in wanted)
        else:
            numbers = frozenset(form for form in wanted if form.text.isdecimal())
            alone = any(find_identifiers(value, wanted)) or any(find_in_words(value, numbers))
        assert contained[place] == alone


def test_other_peoples_numbers_are_not_contained():
    own = RowIdentifiers(np.array([0, 1]), pa.array(["+14156667777", "anydesk:123456789"]))
    identifiers = RowIdentifiers(
        np.array([0, 1, 2]), pa.array(["+18885550123", "+14156667777", "+14156667777"])
    )
    assert not RowPatterns(own, NO_IDENTIFIERS).are_in(identifiers).any()
