"""A flag accuses: what merely holds a brand's name, or is near to it, is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from transforms.decode import load_reference_data
from transforms.extract.kinds.domain import impersonated_brand


@pytest.mark.parametrize(
    "domain",
    [
        "nortonrose.com", "nortonrosefulbright.com", "nortonhealthcare.com", "norton.org",
        "amazonwatch.org", "amazonconservation.org", "amazonteam.org", "amazonas.gov.br",
        "pineapple.com", "applebys.com", "apple-orchard.org", "chasecenter.com",
        "chase-manor.co.uk",
        "payal.com", "paypay.ne.jp", "goole.co.uk", "goggle.com", "barclayscenter.com",
        "ebay-kleinanzeigen.de", "amazon.de", "amazonaws.com", "paypalobjects.com",
        "microsoftonline.com", "newton.com", "balance.com", "finance.com", "walmartmuseum.com",
        "dhlaw.com", "hsbcad.com", "lloyds.com", "facebookmail.com", "icloud.com",
    ],
)  # fmt: skip
def test_innocent(domain):
    assert impersonated_brand(domain) is None


@pytest.mark.parametrize(
    ("domain", "brand"),
    [
        ("amzn-refund.support", "amazon"), ("amazon-help-desk.com", "amazon"),
        ("amazonsupport247.com", "amazon"), ("my-amazon.xyz", "amazon"),
        ("amazon.support", "amazon"),
        ("paypa1.com", "paypal"), ("paypal-secure-login.net", "paypal"), ("paypall.com", "paypal"),
        ("rnicrosoft.com", "microsoft"), ("micros0ft-rescue.net", "microsoft"),
        ("mircosoft.com", "microsoft"), ("microsft.com", "microsoft"),
        ("norton-renewal.com", "norton"),
        ("nortonn.com", "norton"), ("xn--mazon-3ve.com", "amazon"), ("amaz0n-gift.top", "amazon"),
        ("amazom-support.com", "amazon"), ("geeksquadrefund.com", "geek_squad"),
        ("dhl-tracking.online", "dhl"), ("chase-verify.info", "chase"), ("applesupport.id", None),
        ("apple-support.id", "apple"), ("netfllx.com", "netflix"), ("gooogle.com", "google"),
    ],
)  # fmt: skip
def test_imitations(domain, brand):
    assert impersonated_brand(domain) == brand


def test_every_innocent_domain_has_a_source():
    assert all(row["source"] for row in load_reference_data("look_alikes.toml")["innocent"])


@given(st.sampled_from(["amazon", "norton", "paypal"]), st.text("abcdefghijk", min_size=4))
def test_a_name_within_a_word_that_is_no_lure_is_no_imitation(look, rest):
    if not any(word in rest for word in load_reference_data("look_alikes.toml")["lures"]):
        assert impersonated_brand(f"{look}{rest}.com") is None
