"""Contacts that victims call their own are masked even where no finder reads them."""

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, strategies as st

from tests.support.made_up_records import withheld_from
from transforms.extract import sensitive_text

OWN = [
    ("my email is ", "jane at gmail com", " and"),
    ("my email is ", "jane doe @ gmail . com", ""),
    ("my e-mail: ", "jane&#64;home.org", " ok"),
    ("my email is ", "ｊａｎｅ＠ｈｏｍｅ．ｏｒｇ", ""),
    ("my email address is ", "jane@\nhome.org", ""),
    ("mon adresse est ", "jane arobase orange point fr", ""),
    ("mi correo es ", "jane (arroba) gmail (punto) com", ""),
    ("my number is ", "two oh two four five six twenty one oh seven", ", they"),
    ("my number is ", "two-oh-two, 456, twenty-one thirty-three", ". They"),
    ("mi página web es ", "jane-doe.es", ", la copiaron"),
    ("meine Webseite ist ", "https://jane-doe.de/kontakt", ""),
    ("mon site web est ", "jane-doe.fr", ""),
    ("my venmo is ", "@jane-doe", " and"),
    ("my paypal is ", "paypal.me/jane", ""),
    ("my ethereum address ", "0x8617E340B3D1B0E2bE5A5Bd1f7B1d5F3a2D4C5e6", ""),
    ("mon numéro est ", "zéro six douze trente-quatre cinquante-six soixante-dix-huit", ""),
    ("mi número es ", "seis doce treinta y cuatro cincuenta y seis setenta y ocho", "."),
    ("meine Handynummer ist ", "null eins sieben einundzwanzig dreiundvierzig fünf sechs", "."),
]
"""Text before, text that is masked whole, and text after."""


@pytest.mark.parametrize(("before", "own", "behind"), OWN)
def test_numbers_and_addresses_in_words_are_masked_whole(before, own, behind):
    shown = sensitive_text.mask_self_identified(pa.array([before + own + behind, None])).to_pylist()
    assert shown == [f"{before}{'#' * len(own)}{behind}", None]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("my number is ²⁰²-⁴⁵⁶-²¹²⁷ ok", "my number is ###-###-#### ok"),
        ("my number is 202_456_2131", "my number is ###_###_####"),
        ("my SSN is 078-05-1120.", "my SSN is ###-##-####."),
        ("my bank account 021000021 / 77889944", "my bank account ######### / ########"),
    ],
)
def test_digits_are_masked_without_their_signs(text, shown):
    assert sensitive_text.mask_self_identified(pa.array([text])).to_pylist() == [shown]


@pytest.mark.parametrize(
    "text",
    [
        "my email is blocked at work",
        "my email was hacked by someone at amazon support",
        "my website was cloned by them",
        "my paypal. evil.example took it",
        "my facebook account was used to write",
        "my phone is one of two that rang",
        "my account was charged 500 dollars",
        "They called my phone and said call 888-222-3344",
        "my phone. 888-222-3344 called me",
        "they called my cell from 888-222-3344",
        "please call our number two oh two four five six twenty one oh seven",
        "it said visit our website jane-doe.es",
        "their number is two oh two four five six twenty one oh seven",
    ],
)
def test_other_text_stays(text):
    assert sensitive_text.mask_self_identified(pa.array([text])).to_pylist() == [text]


@pytest.mark.parametrize(
    ("token", "masked"),
    [
        ("amFuZUBob21lLm9yZw==", "##################=="),
        (b"jane@home.org".hex(), "#" * 26),
        ("eyJhbGciOiJIUzI1NiJ9.amFuZUBob21lLm9yZw", "eyJhbGciOiJIUzI1NiJ9.##################"),
        ("bm8gYWRkcmVzcyBoZXJl", "bm8gYWRkcmVzcyBoZXJl"),
    ],
)
def test_an_address_within_a_token_is_masked_in_every_narrative(token, masked):
    kept = withheld_from({"narrative": f"The page showed {token} to me"})
    assert kept["narrative"].to_pylist() == [f"The page showed {masked} to me"]


def test_in_a_transcript_the_number_is_the_callers():
    narrative = "my number is two oh two four five six twenty one oh seven"
    rows = [{"narrative": narrative, "narrative_by": by} for by in ("victim", "suspect")]
    kept = withheld_from(*rows)
    hidden, shown = kept["narrative"].to_pylist()
    assert (hidden, shown) == (f"my number is {'#' * 44}", narrative)
    assert kept["numbers_withheld"].to_pylist() == [1, 0]


@pytest.mark.parametrize(
    ("before", "hidden"),
    [
        ("The voicemail said: ", False),
        ('She said "', False),
        ("The voicemail said: call me. I told them ", True),
        ('I said "', True),
        ("", True),
    ],
)
def test_what_a_victim_quotes_of_the_caller_stays(before, hidden):
    narrative = f"{before}my number is two oh two four five six twenty one oh seven"
    kept = withheld_from({"narrative": narrative})
    assert (kept["narrative"][0].as_py() != narrative) == hidden


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("as in case 4711, Mrs Jones (212) 555-0188", "as in case 4711, Mrs Jones (###) ###-####"),
        ("she wrote from jane@home.org.", "she wrote from #############."),
        ("+44 20 7946 0958 on 2026-05-01", "+## ## #### #### on 2026-05-01"),
        ("calls 888 555 0123 again, as +18885550123", "calls 888 555 0123 again, as +18885550123"),
        ("both name refunds@amzn-desk.com", "both name refunds@amzn-desk.com"),
        ("seen in 12 complaints", "seen in 12 complaints"),
    ],
)
def test_words_of_an_analyst_show_no_other_contact(text, masked):
    shown = ["phone:+18885550123", "email:refunds@amzn-desk.com"]
    assert sensitive_text.mask_contacts(text, shown) == masked


@given(st.text(st.sampled_from("my number email is 0twone@.#\n"), max_size=80))
def test_every_place_is_within_its_text(text):
    for start, end, _ in sensitive_text.self_identified(text):
        assert 0 <= start < end <= len(text)


WORDS = (
    "my our mein unsere mon own home cell phone account number no is was: mail gmail e-mail address"
    " correo electrónico Kontonummer nummer número de d'appel page web site telegram name handle"
    " wallet IBAN ist = ( “ - , 5550123 555-0123 jane@home.org jane.es @jane at gmail com xylophone"
).split()


@given(st.lists(st.sampled_from(WORDS), max_size=9).map(" ".join))
def test_the_hint_matches_every_text_with_a_contact(text):
    (hint,) = sensitive_text.SELF_IDENTIFIED_HINTS
    hinted = pc.match_substring_regex(pa.array([text]), hint)[0].as_py()
    assert hinted or not any(sensitive_text.self_identified(text))
