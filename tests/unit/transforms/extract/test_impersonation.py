"""Brands, lures and gift cards, in five languages."""

from __future__ import annotations

import pyarrow as pa
import pytest

from benchmarks import readings
from schemas.complaint import IMPERSONATION
from tests.support.made_up_records import withheld_from
from tests.support.real_data import real
from transforms.extract import impersonation


def impersonation_in(text: str, claimed: str | None = None) -> list[tuple[str, str, str]]:
    """The brands that are found, with the words that say so."""
    spans = impersonation.find_impersonation(pa.array([claimed], pa.string()), pa.array([text]))
    assert spans.type == IMPERSONATION
    return [
        (span["what"], span["name"], (text if span["field"] == "narrative" else claimed or "")[
            span["start"] : span["end"]])
        for span in spans.to_pylist()[0]
    ]  # fmt: skip


def _brand_in(text: str) -> str | None:
    nothing = pa.nulls(1, pa.string())
    told = impersonation.find_impersonation(nothing, pa.array([text]), (impersonation.BRAND,))
    return impersonation.infer_brands(told).to_pylist()[0]


@pytest.mark.parametrize(
    ("text", "brand", "lure"),
    [
        ("A man from Amazon said an order was placed on my account", "amazon",
         "unauthorised_order"),
        ("Microsoft impersonation_in me that my computer is infected with a virus", "microsoft",
         "infected_computer"),
        ("he was with Geek Squad, my subscription was renewed", "geek_squad",
         "subscription_renewal"),
        ("this is the IRS, there is a warrant for your arrest", "irs", "arrest"),
        ("from PayPal: your account has been suspended", "paypal", "account_suspended"),
        ("Publishers said I won a prize", None, "prize"),
        ("llamó alguien de Amazon por un pedido no autorizado", "amazon", "unauthorised_order"),
        ("era de Microsoft, mi ordenador está infectado", "microsoft", "infected_computer"),
        ("la Agencia Tributaria, una orden de arresto", "hacienda", "arrest"),
        ("Anruf von Microsoft, mein Computer sei infiziert", "microsoft", "infected_computer"),
        ("Europol sagte, es gebe einen Haftbefehl", "police", "arrest"),
        ("das Konto bei PayPal wurde gesperrt", "paypal", "account_suspended"),
        ("un appel de Microsoft, mon ordinateur est infecté", "microsoft", "infected_computer"),
        ("votre abonnement Norton sera renouvelé", "norton", "subscription_renewal"),
        ("Amazon se call aaya, order cancel karna hai", "amazon", "unauthorised_order"),
        ("Microsoft se bol raha tha, computer mein virus hai", "microsoft", "infected_computer"),
    ],
)  # fmt: skip
def test_five_languages(text, brand, lure):
    named = _brand_in(text)
    assert named == brand
    assert lure in {name for kind, name, _ in impersonation_in(text) if kind == impersonation.LURE}


def test_the_matched_words_are_the_reason():
    text = "Hello, this is Amazon. Your order of $999 has been placed for an Apple iPhone."
    assert impersonation_in(text)[0] == ("brand", "amazon", "Amazon")
    assert ("brand", "apple", "Apple") not in impersonation_in(text)
    assert all(words for _, _, words in impersonation_in(text))


def test_a_brand_that_the_victim_called_comes_last():
    text = "I called Amazon about it. The caller said he was from Microsoft."
    assert [name for kind, name, _ in impersonation_in(text) if kind == "brand"] == [
        "microsoft",
        "amazon",
    ]


def test_a_gift_card_is_found_without_its_code():
    text = "read me the codes of two Google Play cards, XKCD-1234-5678"
    cards = [words for kind, _, words in impersonation_in(text) if kind == impersonation.GIFT_CARD]
    assert cards == ["Google Play cards"]


def test_a_gift_cards_code_is_not_kept():
    text = (
        "wanted Google Play cards: XKCD-1234-5678-ABCD and 1234 5678 9012 3456, call 888-555-0123"
    )
    payment = {"method": "gift_card", "payee": "AQ12 3456 7890", "amount": None, "currency": None}
    kept = withheld_from({"narrative": text, "payments": [payment]}, {})
    masked = kept["narrative"].to_pylist()[0]
    assert masked == text.translate(str.maketrans("XKCDAB", "######")).replace(
        "1234", "####"
    ).replace("5678", "####").replace("9012", "####").replace("3456", "####")
    assert kept["payments"].to_pylist()[0] == [payment | {"payee": None}]


def test_an_unknown_claim_is_nobodys_brand():
    assert impersonation_in("", "John Smith 415-666-7777")[0][:2] == ("brand", "other")
    assert impersonation_in("", "Amazon Prime") == [("brand", "amazon", "Amazon Prime")]


def test_it_is_kept_with_the_complaint():
    kept = withheld_from(
        {"narrative": "Amazon called from 888-555-0123", "claimed_brand": "Apple"}
    )["impersonation"].to_pylist()[0]
    assert [(span["name"], span["field"], span["start"]) for span in kept] == [
        ("apple", "claimed_brand", 0),
        ("amazon", "narrative", 0),
    ]


@pytest.mark.real
def test_precision_and_recall_on_the_transcripts():
    real("robocall_transcripts/transcripts.csv")
    scores = readings.impersonation_scores()
    brand, lure = scores["brand", "all"], scores["lure", "all"]
    assert brand.precision >= 0.93 and brand.recall >= 0.87
    assert lure.precision >= 0.80 and lure.recall >= 0.88
    assert scores["brand", "amazon"].recall >= 0.95
