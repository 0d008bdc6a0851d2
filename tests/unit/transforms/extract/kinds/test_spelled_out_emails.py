"""Addresses in words, and toll-free numbers as they are spelled, in narratives."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from schemas.enums import Role
from tests.support.role_words import in_narrative, named_in
from transforms.extract.kinds import email, obfuscated_phone, spelled_out, url


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("mail help.desk (at) gmail dot com.", [("email", "help.desk@gmail.com")]),
        ("mail help&#46;desk%40gmail.com.", [("email", "help.desk@gmail.com")]),
        ("email help desk at gmail dot com", [("email", "desk@gmail.com")]),
        ("his e-mail is jane dot doe at gmail dot com", [("email", "jane.doe@gmail.com")]),
        ("ms_help7 at outlook dot com wrote", [("email", "ms_help7@outlook.com")]),
        ("escriba a soporte99 arroba correo punto es", [("email", "soporte99@correo.es")]),
        ("go to refund dash help dot com now", [("domain", "refund-help.com")]),
        ("www dot evil dash shop dot co dot uk", [("domain", "evil-shop.co.uk")]),
        (
            "The site is refunds dot com, mail jane dot doe at gmail dot com or visit evil dot top",
            [("domain", "refunds.com"), ("email", "jane.doe@gmail.com"), ("domain", "evil.top")],
        ),
        ("I look at bargains dot com every day", []),
        ("it was a dot com company", []),
        ("dial 855 dot 555 dot 0123", [("phone", "+18555550123")]),
        ("press the dot at the end", []),
    ],
)  # fmt: skip
def test_what_is_spelled_out(text, wanted):
    assert named_in(text) == wanted


def test_a_victims_address_in_words_is_the_victims_own():
    for text in ("My email is jane at gmail dot com.", "My email is jane@gmail.com."):
        (mention,) = in_narrative(text)
        assert (mention.match.value, mention.role) == ("jane@gmail.com", Role.VICTIM)


def test_a_victims_site_in_words_before_an_address_is_the_victims_own():
    text = "My website is janes-bakery dot com, his email is ms_help7 at outlook dot com."
    roles = {mention.match.value: mention.role for mention in in_narrative(text)}
    assert roles["janes-bakery.com"] is Role.VICTIM
    assert roles["ms_help7@outlook.com"] is not Role.VICTIM


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("call 1-800-AMAZON1 now", [("phone", "+18002629661")]),
        ("call 1 (888) GET-HELP.", [("phone", "+18884384357")]),
        ("855-4-AMAZON said so", [("phone", "+18554262966")]),
        ("call 1-800-MICROSOFT", []),
        ("they have 1-800-NUMBERS", []),
        ("PAY 800 DOLLARS OR", []),
        ("order 800-12345AB", []),
        ("I paid $800-DOLLARS", []),
    ],
)
def test_what_is_spelled(text, wanted):
    assert named_in(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("then amzn-secure.web.app opened", [("domain", "amzn-secure.web.app")]),
        ("it was help.pages.dev again", [("domain", "help.pages.dev")]),
        ("I called web.app about it", []),
    ],
)
def test_a_customer_of_a_platform_is_no_joint_of_sentences(text, wanted):
    assert named_in(text) == wanted


PIECES = st.sampled_from(
    [
        "jane",
        "a1",
        " at ",
        " (at) ",
        "@",
        " dot ",
        ".",
        " dash ",
        "gmail",
        "com",
        "co",
        "uk",
        "site ",
    ]
)


@given(st.lists(PIECES, max_size=14).map("".join))
def test_what_is_found_reads_as_if_it_were_written_in_signs(text):
    for match in spelled_out.find(text):
        assert 0 <= match.start < match.end <= len(text)
        again = email.find(match.value) if match.kind == "email" else url.from_field(match.value)
        assert [reread.value for reread in again] == [match.value]


@given(st.text("180-. ()ABC", max_size=24))
def test_a_spelled_number_is_one_of_its_code(text):
    for match in obfuscated_phone.vanity_numbers(text):
        assert match.value.startswith("+18")
        assert len(match.value) == 12
