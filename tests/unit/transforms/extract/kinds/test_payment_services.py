"""Payees that a service names by number, address or tag; merchants as statements name them."""

import tomllib
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from tests.support.made_up_records import complaints, number
from tests.support.real_data import ROOT
from transforms.extract.fields import complaint_mentions
from transforms.extract.kinds import merchant, payment_account
from transforms.extract.kinds.registry import lookup_kind

DATA = Path(ROOT) / "transforms/data"

SERVICES = tomllib.loads((DATA / "payment_services.toml").read_text("utf-8"))["service"]

PROCESSORS = tomllib.loads((DATA / "merchants.toml").read_text("utf-8"))["processor"]

MOBILES = {
    "US": "+14156667777", "CA": "+14165550199", "ES": "+34612345678", "AU": "+61412345678",
    "DE": "+4915123456789", "PL": "+48512345678", "BR": "+5511987654321", "SE": "+46701234567",
    "DK": "+4520123456", "CH": "+41791234567", "IN": "+919876543210",
}  # fmt: skip

HIS, HERS = "415-666-7777", "415-666-7778"


def seen(**record):
    rows = complaint_mentions(complaints({"victim_country": "US", **record})).to_pylist()
    return [(row["entity_id"], row["role"]) for row in rows]


def paid(method, payee, **record):
    return seen(payments=[{"method": method, "payee": payee}], **record)


def test_every_row_says_where_and_when_it_was_found():
    for row in (*SERVICES, *PROCESSORS):
        assert row["source"].removeprefix("[R] ").startswith("https://")
        assert date.fromisoformat(row["day"])


@pytest.mark.parametrize("row", SERVICES, ids=lambda row: row["name"])
def test_a_payee_by_alias_is_that_number_or_address(row):
    mobile = MOBILES[row.get("countries", ["US"])[0]]
    for name in (*row["written"], row["name"].upper(), f"{row['written'][0]} (transfer)"):
        for method in (name, name.replace(" ", "_"), name.replace(" ", "")):
            assert paid(method, mobile) == [(f"phone:{mobile}", "payee")]
            assert paid(method, " Pay@Evil.support ") == [("email:pay@evil.support", "payee")]


@pytest.mark.parametrize(
    ("method", "payee", "expected"),
    [
        ("bizum", "612 345 678", "phone:+34612345678"),
        ("PayID", "0412 345 678", "phone:+61412345678"),
        (None, "Apple Cash +1 888-555-0123", "phone:+18885550123"),
        ("venmo", "Refund-Desk", "handle:venmo:refund-desk"),
        ("paypal", "paypal-refund", "handle:paypal:paypal-refund"),
        ("bank", "Wise Ltd 12345678", "account:bank:wise-ltd-12345678"),
        ("pix", "11987654321", "phone:+5511987654321"),
        ("pix", "52998224725", "account:bank:52998224725"),
        ("pix", "123e4567-e89b-12d3-a456-426614174000",
         "account:bank:123e4567-e89b-12d3-a456-426614174000"),
        ("upi", "9876543210@ybl", "account:upi:9876543210@ybl"),
        ("bank", "8885550123", "account:bank:8885550123"),
    ],
)  # fmt: skip
def test_aliases_are_read_where_the_service_pays(method, payee, expected):
    assert paid(method, payee) == [(expected, "payee")]


@pytest.mark.parametrize(
    "text",
    [
        "He claimed he had sent $900 by Zelle to {} by mistake.",
        "The bank credited the claim by Zelle to {}",
        "I pay the cleaner by Zelle to {}",
        "Me hicieron un Bizum al {}",
        "Die Bank versprach die Rückzahlung per PayPal an {}",
        "O comprador fez um Pix para {}",
        "He asked what phone I use for Zelle, {}",
    ],
)
def test_a_text_names_no_payee_by_a_service(text):
    """The service does not tell who pays: the number may be the writer's own."""
    assert "payee" not in {role for _, role in seen(narrative=text.format(HIS))}


def test_a_victims_number_is_theirs_though_it_was_paid():
    own = [number(HIS, "victim")]
    assert {role for _, role in paid("Apple Cash", HIS, phone_numbers=own)} == {"victim"}
    told = seen(narrative=f"Send it by Zelle to {HIS}", phone_numbers=own)
    assert {role for _, role in told} == {"victim"}
    assert paid("zelle", f"my phone {HERS}") == [("phone:+14156667778", "victim")]
    assert paid("zelle", f"Jane Roe (me) {HERS}") == [("phone:+14156667778", "victim")]


@pytest.mark.parametrize(
    ("method", "payee", "expected"),
    [
        ("card", "PAYPAL *TECHHELP 4029357733",
         [("phone:+14029357733", "mentioned"), ("account:merchant:techhelp", "mentioned")]),
        ("credit_card", "SQ *TECH SUPPORT 888-555-0123 WA",
         [("phone:+18885550123", "mentioned"), ("account:merchant:tech-support", "mentioned")]),
        ("card", "GEEKTECH SOLUTIONS 888-555-0123 TX",
         [("phone:+18885550123", "mentioned"),
          ("account:merchant:geektech-solutions", "mentioned")]),
        ("card", "UBER *TRIP 800-592-8996 CA",
         [("phone:+18005928996", "mentioned"), ("account:merchant:uber-trip", "mentioned")]),
        (None, "Jane Roe 415-666-7777 CA",
         [("account:bank:jane-roe-415-666-7777-ca", "payee")]),
        ("credit card", "cardholder Jane Roe, phone 415-666-7777", []),
        ("paypal", "PayPal *ZQDesk", [("account:merchant:zqdesk", "mentioned")]),
        ("card", "AMZN MKTP 888-555-0123 WA", [("phone:+18885550123", "mentioned")]),
        ("debit", "WALMART SUPERCENTER 888-555-0123 AR", [("phone:+18885550123", "mentioned")]),
        ("card", "AMZN MKTP US*2X4RT1234567", []),
        ("bank", "Acme LLC, 1234567", [("account:bank:acme-llc-1234567", "payee")]),
        ("bank", "MyBank 8885550123", [("account:bank:mybank-8885550123", "payee")]),
        ("wire", "JANE ROE 888-555-0123", [("account:bank:jane-roe-888-555-0123", "payee")]),
        ("bank", "Chase account 888-555-0123",
         [("account:bank:chase-account-888-555-0123", "payee")]),
    ],
)  # fmt: skip
def test_a_merchants_descriptor_is_a_number_and_a_name(method, payee, expected):
    assert paid(method, payee) == expected


def test_a_merchants_name_alone_is_nobodys():
    kind = lookup_kind("account", "merchant:tech-support")
    assert kind.hard_role is None
    for text in ("They charged me as SQ *TECHFIX {}", "I paid money to SQ *TECHFIX {}"):
        assert ("account:merchant:techfix", "mentioned") in seen(narrative=text.format(HERS))
    assert not list(merchant.find("PAYPAL *AMAZON"))
    assert not list(merchant.find("3 PM * 4 and a list in * of things"))


@pytest.mark.parametrize("method", [None, "card", "bank", "zelle", "cash app", "upi", "crypto"])
@pytest.mark.parametrize("card", ["4111111111111111", "4111 1111 1111 1111", "4111-1111-1111-1111"])
@pytest.mark.parametrize("payee", ["{}", "Visa {}", "SQ *ZQ {}"])
def test_a_card_that_paid_is_nobodys_account(method, card, payee):
    assert {role for _, role in paid(method, payee.format(card))} <= {"victim", "mentioned"}
    shown = [entity_id for entity_id, role in paid(method, payee.format(card)) if role != "victim"]
    assert not any("1111" in entity_id for entity_id in shown)


@given(
    st.sampled_from(["zelle", "Apple Cash", "card", "pix", "bank", "", "SQ"]),
    st.text("0123456789 +-().*@$aZ\u0661/&'", max_size=40),
    st.sampled_from(["", "SQ *", "PAYPAL *", "Zelle ", "TON:", "$"]),
)
def test_no_payee_breaks_the_reading_and_each_match_is_in_it(method, payee, lead):
    written = lead + payee
    for match in payment_account.from_field(method, written, "US"):
        assert 0 <= match.start < match.end <= len(written)
        assert match.value


@pytest.mark.parametrize(
    "payee",
    [
        "EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDt",  # its checksum is wrong
        "eqcxe6mutqjkfngfarotkot1lzbdiix1kcixrv7nw2id_sds",
    ],
)
def test_what_is_no_wallet_of_ton_is_not_read_as_one(payee):
    assert not [entity_id for entity_id, _ in paid("ton", payee) if "wallet" in entity_id]


def test_a_wallet_keeps_its_case_whatever_the_method():
    wallet = "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU"
    for method in (None, "wallet", "usdt", "solana", "crypto"):
        assert paid(method, wallet) == [(f"wallet:sol:{wallet}", "payee")]
    token = f"{wallet[:-2]}zz"
    assert paid("usdt", token) in (
        [(f"account:bank:{token}", "payee")], [(f"wallet:sol:{token}", "payee")],
    )  # fmt: skip


@pytest.mark.parametrize(
    "text",
    [
        "he made me scan LPA:1$rsp.zqphone.com$QRF-BETTER-PMRDGIR2",
        "They sent me to LPA:1$sm-dp.zqphone.com$TN2018, it said",
        "SM-DP+ Address: rsp.zqphone.com, activation code QRF-1",
    ],
)
def test_an_esims_host_is_no_site_of_a_scam(text):
    assert seen(narrative=text) == []
