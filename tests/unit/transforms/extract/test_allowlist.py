"""The known-legitimate list: what ships, what a user may add, what it covers."""

import csv
import re
from datetime import date
from importlib import resources

import phonenumbers
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from tests.support.real_data import real
from transforms.extract import allowlist
from transforms.extract.allowlist import (
    LegitimateListError,
    parse_allowlist,
    reads_as_itself,
    shipped_allowlist,
)
from transforms.extract.kinds import domain, email

ROWS = list(
    csv.DictReader(
        resources.files("transforms").joinpath("data/known_legitimate.csv").read_text().splitlines()
    )
)

KNOWN = shipped_allowlist()


def reasons(known, *entity_ids):
    return known.reasons(pa.array(entity_ids, pa.string())).to_pylist()


def test_shipped_rows_are_sorted_unique_and_sourced():
    ids = [row["entity_id"] for row in ROWS]
    assert ids == sorted(set(ids))
    for row in ROWS:
        assert row["source"].startswith("https://"), row
        assert row["reason"], row
        assert row["category"] in allowlist.CATEGORIES, row
        assert re.fullmatch(r"(?:[A-Z]{2})?", row["country"]), row
        assert date.fromisoformat(row["day"]), row


def test_shipped_numbers_are_valid():
    for row in ROWS:
        kind, _, value = row["entity_id"].partition(":")
        if kind == "phone":
            number = phonenumbers.parse(value)
            assert phonenumbers.is_valid_number(number), row
            assert phonenumbers.format_number(number, 0) == value, row


def test_shipped_domains_are_registrable_and_no_suffix_of_customers():
    for row in ROWS:
        kind, _, value = row["entity_id"].partition(":")
        if kind == "domain" and not value.startswith("*."):
            assert domain.registrable_domain(value) == value, row


@pytest.mark.parametrize(
    "entity_id",
    [
        "phone:+18008291040",
        "phone:+18002752273",
        "phone:+443001232040",
        "phone:+18884958501",
        "domain:anydesk.com",
        "domain:gmail.com",
        "domain:bit.ly",
        "domain:wa.me",
        "email:someone@amazon.com",
        "email:no-reply@mail.irs.gov",
        "email:no-reply@anydesk.com",
        "email:dse@eumail.docusign.net",
        "domain:support.me",
        "domain:zelle.com",
        "domain:unitedhealthcare.com",
        "email:care@bunq.com",
        "domain:fema.gov",
        "domain:cityofboston.gov",
        "domain:leeds.gov.uk",
        "domain:www.gov.uk",
        "domain:refund.amazon",
        "email:clerk@court.state.gov",
        "email:someone@met.police.uk",
    ],
)
def test_known(entity_id):
    assert reasons(KNOWN, entity_id) != [None]


@pytest.mark.parametrize(
    "entity_id",
    [
        "email:refunds@gmail.com",
        "email:x@zoho.com",
        "email:x@jio.com",
        "email:x@tenant.onmicrosoft.com",
        "email:x@att.com.evil.example",
        "email:x@notamazon.com",
        "domain:azurewebsites.net",
        "domain:amazon.com.evil.support",
        "domain:gov.support",
        "domain:irs-gov.com",
        "domain:fema.gov.example",
        "domain:zq.urldefense.example",
        "wallet:eth:0xde0b295669a9fd93d5f28d9ec85e40f4cb697bae",
        "phone:+18885550123",
        "remote:anydesk:123456789",
    ],
)
def test_not_known(entity_id):
    assert reasons(KNOWN, entity_id) == [None]


def test_every_listed_id_is_found_in_place_and_nulls_stay():
    ids = [*KNOWN.why, None, "phone:+18885550123"]
    assert reasons(KNOWN, *ids) == [*KNOWN.why.values(), None, None]
    assert reasons(KNOWN) == []


@pytest.mark.parametrize(
    ("text", "entity_id"),
    [
        ("+1 (800) 829-1040", "phone:+18008291040"),
        ("Example.ORG", "domain:example.org"),
        ("domain:example.co.uk", "domain:example.co.uk"),
        ("account:iban:de89 3704 0044 0532 0130 00", "account:iban:DE89370400440532013000"),
        ("account:upi:Name@SBI", "account:upi:name@sbi"),
        (
            "wallet:eth:0xdAC17F958D2ee523a2206206994597C13D831ec7",
            "wallet:eth:0xdac17f958d2ee523a2206206994597c13d831ec7",
        ),
        ("remote:AnyDesk:123 456 789", "remote:anydesk:123456789"),
        ("url:https://sites.google.com/view/X/", "url:sites.google.com/view/x"),
        ("Help@Example.org", "email:help@example.org"),
    ],
)
def test_bare_values_become_ids(text, entity_id):
    known = parse_allowlist(f"entity_id,reason\n{text},ours\n", "mine.csv")
    assert known.why == {entity_id: "ours"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("8008291040", "has no country"),
        ("+1234567", "not a possible phone number"),
        ("+", "not a phone number"),
        ("www.example.org", "give 'example.org'"),
        ("azurewebsites.net", "not a registrable domain"),
        ("me@localhost", "not an e-mail address"),
        ("email:withheld-0123456789abcdef", "a withheld id"),
        ("@example.org", "not an e-mail address"),
        ("fax:+18008291040", "'fax' is not a kind of identifier"),
        (" ", "entity_id is empty"),
        ("account:iban:DE00370400440532013000", "is read as no account"),
        ("wallet:btc:1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb", "is read as no wallet"),
        ("url:evil.example/x", "is read as no url"),
    ],
)
def test_what_cannot_be_read_is_refused_by_row(text, message):
    with pytest.raises(LegitimateListError, match=r"^mine\.csv, line 3: ") as error:
        parse_allowlist(f"entity_id,reason\n+18008291040,IRS\n{text},x\n", "mine.csv")
    assert message in str(error.value)
    assert "\n" not in str(error.value)


def test_header_and_category_are_checked():
    with pytest.raises(LegitimateListError, match="the first line must be entity_id,reason"):
        parse_allowlist("+18008291040,IRS\n", "mine.csv")
    with pytest.raises(LegitimateListError, match="no such category 'bnak'"):
        parse_allowlist("entity_id,reason,category\nexample.org,x,bnak\n", "mine.csv")
    with pytest.raises(LegitimateListError, match=r"^mine\.csv, line 1: "):
        parse_allowlist('entity_id,reason\n"broken,x\n', "mine.csv")


def test_a_whole_registry_only_where_nobody_else_can_register():
    text = "entity_id,reason,category\n*.gov.br,ours,government\n"
    known = parse_allowlist(text, "mine.csv")
    assert list(known.why) == ["domain:*.gov.br"]
    assert reasons(known, "domain:receita.gov.br", "email:x@y.gov.br", "domain:gov.com") == [
        "ours",
        "mailbox at gov.br",
        None,
    ]
    with pytest.raises(LegitimateListError, match="a whole registry needs a category"):
        parse_allowlist("entity_id,reason\n*.com,x\n", "mine.csv")
    with pytest.raises(LegitimateListError, match="not the suffix of a registry"):
        parse_allowlist("entity_id,reason,category\n*.example.com,x,brand\n", "mine.csv")


def test_mailboxes_only_where_the_category_says_so():
    text = "entity_id,reason,category\nexample.org,x,bank\nexample.net,x,\n"
    known = parse_allowlist(text, "mine.csv")
    assert reasons(known, "email:a@sub.example.org", "email:a@example.net") == [
        "mailbox at example.org",
        None,
    ]


def test_merged_keeps_both_and_the_users_reason():
    mine = parse_allowlist(
        "entity_id,reason\n+18008291040,my reason\nexample.org,ours\n", "mine.csv"
    )
    both = KNOWN.merged(mine)
    assert reasons(both, "phone:+18008291040", "domain:example.org", "domain:gmail.com") == [
        "my reason",
        "ours",
        "freemail",
    ]
    assert both.mail_hosts == KNOWN.mail_hosts


@pytest.mark.parametrize(
    ("host", "is_free"),
    [
        ("gmail.com", True),
        ("comcast.net", True),
        ("o2online.de", True),
        ("t-mobile.com", False),
        ("verizon.com", False),
        ("amazon.com", False),
    ],
)
def test_a_carriers_domain_is_freemail_only_where_its_subscribers_have_addresses(host, is_free):
    assert email.is_freemail(f"someone@{host}") == is_free


@given(st.text(max_size=40))
def test_any_text_is_an_id_or_one_clear_line(text):
    try:
        entity_id = allowlist.canonical_entity_id(text)
    except LegitimateListError as error:
        assert str(error)
    else:
        assert allowlist.canonical_entity_id(entity_id) == entity_id


@pytest.mark.real
def test_real_lines_that_are_spoofed_in_real_complaints_are_known():
    foia = real("ftc_foia/FTC_5114-71014.csv").read_text(encoding="mac_roman")
    digits = re.sub(r"[^0-9|,\n]", "", foia)
    for line in ("8008291040", "2023243000", "8003664484"):
        area, rest = line[:3], line[3:]
        assert line in digits or (area in digits and rest in digits)
        assert reasons(KNOWN, f"phone:+1{line}") != [None]
    dnc = real("ftc_dnc/dnc_complaint_numbers_2019-12-16.csv").read_text()
    for line in ("8002752273", "8006927753", "8009452000", "8004321000", "8009505114"):
        assert f"\n{line}," in dnc
        assert reasons(KNOWN, f"phone:+1{line}") != [None]


@pytest.mark.parametrize(
    "entity_id",
    [
        "phone:+18885550123",
        "domain:amzn-refund.support",
        "domain:oops1x.z13.web.core.windows.net",
        "domain:evil.web.app",
        "url:sites.google.com/view/refund-desk",
        "email:refund.desk@gmail.com",
        "remote:anydesk:123456789",
        "account:iban:GB29NWBK60161331926819",
        "account:upi:name@bank",
        "handle:telegram:refunds",
    ],
)
def test_what_a_record_shows_is_read_as_itself(entity_id):
    assert reads_as_itself(entity_id)


@pytest.mark.parametrize(
    "entity_id",
    [
        "domain:login.amazon.com",
        "domain:co.uk",
        "domain:web.app",
        "domain:s3.amazonaws.com",
        "domain:127.0.0.1",
        "url:amazon.com/x",
        "url:www.amazon.com/",
        "url:docs.google.com/forms",
        "email:a@b",
        "email:support@co.uk",
        "remote:anydesk:1",
        "account:iban:GB00NWBK60161331926819",
        "phone:+1000",
    ],
)
def test_what_no_record_shows_is_not(entity_id):
    assert not reads_as_itself(entity_id)
