"""Evidence numbers: one of a thing and its issuer, and no wrong one is taken for another."""

import pytest
from hypothesis import given, strategies as st

from reports.evidence_number import (
    ALPHABET,
    EvidenceNumberError,
    evidence_number,
    parse_evidence_number,
)

WRITTEN = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

NAMES = st.text(min_size=1, max_size=40)


@given(NAMES, NAMES)
def test_a_number_is_read_as_it_is_printed_said_or_typed(issuer, subject):
    number = evidence_number(issuer, subject)
    assert number == evidence_number(issuer, subject) and set(number[3:]) <= {*ALPHABET, "-"}
    for typed in (number, number.lower(), f" {number} ", number.replace("-", "")):
        assert parse_evidence_number(typed) == number
    assert (
        evidence_number(f"{issuer}x", subject) != number != evidence_number(issuer, f"{subject}x")
    )


@given(NAMES, st.data())
def test_a_wrong_character_or_two_swapped_are_refused(subject, data):
    number = evidence_number("amazon", subject)
    letters = number.replace("-", "")[2:]
    position = data.draw(st.integers(0, 9))
    wrong_sign = data.draw(st.sampled_from([sign for sign in WRITTEN if sign != letters[position]]))
    wrong = [
        letters[:position] + wrong_sign + letters[position + 1 :],
        letters[:position] + letters[position + 1 :],
    ]
    swapped = [
        letters[:n] + letters[n + 1] + letters[n] + letters[n + 2 :]
        for n in range(9)
        if letters[n] != letters[n + 1]
    ]
    for typed in (*wrong, *swapped):
        with pytest.raises(EvidenceNumberError, match="check characters"):
            parse_evidence_number(f"RT-{typed[:4]}-{typed[4:8]}-{typed[8:]}")


@pytest.mark.parametrize("text", ["", "5003x00002AbCdE", "case 12", "+18885550123", "RTX-4090"])
def test_what_is_no_number_is_somebody_elses(text):
    assert parse_evidence_number(text) is None


def test_a_printed_number_stays_what_it_is():
    assert evidence_number("amazon", "phone:+18885550123") == "RT-MC55-B7NH-68"
