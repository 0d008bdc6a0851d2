"""Sums of losses that leave tell of no one victim; a policy is read strictly."""

from decimal import Decimal
from importlib.resources import files

import pytest

from reports.exchange import offer
from reports.victim_counts import NOTHING_DISCLOSED, DisclosedCounts, disclose_counts
from schemas.records import RecordError, read_toml_record

RULES = offer.shipped_policy()

WIDE = disclose_counts({"US": 30, "CA": 20}, 5)


def amounts(*texts):
    return [Decimal(text) for text in texts]


def test_losses_are_rounded_and_want_k_victims():
    stated = {"USD": amounts("1000.55", "900", "800", "700", "600"), "CAD": amounts("9000") * 4}
    (loss,) = offer.disclose_losses(stated, WIDE, RULES)
    assert (loss.currency, loss.amount) == ("USD", 4000)


def test_a_sum_that_is_one_victims_is_not_shown():
    assert offer.disclose_losses({"USD": amounts("90000", *["1"] * 9)}, WIDE, RULES) == ()


def test_a_currency_does_not_betray_a_hidden_country():
    hidden = disclose_counts({"US": 30, "CA": 8, "DE": 2}, 5)
    stated = {"USD": amounts("900") * 9, "CAD": amounts("900") * 8, "EUR": amounts("900") * 8}
    assert [loss.currency for loss in offer.disclose_losses(stated, hidden, RULES)] == ["USD"]
    assert offer.disclose_losses(stated, NOTHING_DISCLOSED, RULES) == ()


@pytest.mark.parametrize(
    ("elsewhere", "stated", "shown"),
    [(30, 12, ["USD"]), (16, 12, ["USD"]), (15, 12, []), (30, 9, [])],
)
def test_a_total_is_shown_where_the_split_is_withheld_and_enough_are_left(elsewhere, stated, shown):
    hidden = DisclosedCounts((), elsewhere)
    by = {"USD": amounts("900") * stated, "CAD": amounts("900") * (stated - 1)}
    assert [loss.currency for loss in offer.disclose_losses(by, hidden, RULES)] == shown


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (("k = 5", "k = 2"), "field k: Expected `int` >= 3 (it is 2); give k, "),
        (("k = 5", "k = true"), "k: Expected `int`, got `bool`"),
        (("k = 5", ""), "missing required field `k`"),
        (("k = 5", "k = 5\nmore = 1"), "unknown field `more`"),
        (("floor = 0.75", "floor = nan"), "confidence_floor: Expected `float` >= 0.5"),
        (('"phone", ', '"phone", "carrier", '), "kinds[5]: Expected one of account, domain, email"),
        (("TLP:AMBER+STRICT", "TLP:PINK"), "TLP:GREEN, TLP:RED (it is 'TLP:PINK'); give"),
    ],
)
def test_a_policy_is_refused_by_key(change, word):
    text = files("reports.exchange").joinpath("policy.toml").read_text()
    assert change[0] in text
    with pytest.raises(RecordError) as error:
        read_toml_record(offer.OfferPolicy, text.replace(*change), "p.toml")
    assert str(error.value).startswith("p.toml: ")
    assert word in str(error.value)
