"""Sightings carry what their record says; mentions show nothing of the victim."""

import re
from decimal import Decimal

import numpy as np
import pytest

from schemas.enums import Role
from schemas.mention import CLASSIFIED, EVIDENCE, MENTION
from tests.support.made_up_evidence import PHONES, classified, listed, piece
from tests.support.made_up_records import calls, complaints, number
from tests.unit.transforms.redact.test_redact_records import OWN
from transforms.extract.evidence import call_evidence, complaint_evidence
from transforms.redact.records import redact_mentions

NOTHING = np.empty(0, np.int64)


def test_each_mention_has_the_brand_and_loss_of_its_own_record():
    record = {"phone_numbers": [number("+18882223344", "callback")], "claimed_brand": "Amazon"}
    rows = [
        record | {"loss_amount": Decimal("12.50"), "loss_currency": "USD"},
        {"claimed_brand": "Microsoft"},
        record | {"claimed_brand": "I.R.S.", "source_org": "ftc", "complaint_id": "c0"},
    ]
    mentions = complaint_evidence(complaints(*rows))
    assert mentions.schema.equals(EVIDENCE)
    scam = [
        (
            row["source_org"],
            row["record_id"],
            row["brand"],
            row["loss_amount"],
            row["loss_currency"],
        )
        for row in mentions.to_pylist()
    ]
    assert scam == [
        ("amazon", "c0", "amazon", Decimal("12.50"), "USD"),
        ("ftc", "c0", "irs", None, None),
    ]


@pytest.mark.parametrize(
    ("claim", "brand"),
    [
        ("called me on 202-456-1414", "other"),
        ("John Smith <jane77@home.example>", "other"),
        ("my neighbour Jane from 12 Elm St", "other"),
        ("Amazon, I am Jane Roe", "amazon"),
        ("Amazon <help@amzn-refund.support>", "amazon"),
        (None, None),
    ],
)
def test_a_claim_of_nobody_on_the_lists_is_counted_and_not_shown(claim, brand):
    row = {"phone_numbers": [number("+18882223344", "callback")], "claimed_brand": claim}
    assert complaint_evidence(complaints(row))["brand"].to_pylist() == [brand]


def test_a_call_says_nothing_of_brand_or_loss():
    mentions = call_evidence(calls({"direction": "inbound", "calling_number": "+18882223344"}))
    assert mentions.schema.equals(EVIDENCE)
    assert mentions.select(["brand", "loss_amount"]).to_pylist() == [
        {"brand": None, "loss_amount": None}
    ]


def shown(*rows, own=NOTHING):
    mentions = redact_mentions(listed(classified(list(rows)), CLASSIFIED), own)
    assert mentions.schema.equals(MENTION)
    return mentions.to_pylist()


def test_readings_as_the_victims_are_not_shown():
    rows = shown(piece(PHONES[0], Role.CALLBACK), piece(PHONES[0], Role.VICTIM, "c2"))
    assert [row["record_id"] for row in rows] == ["c1"]


@pytest.mark.parametrize(
    "path",
    [
        "2024561414",
        "202_456_1414",
        "u/202-456-1414",
        "202.456_1414",
        "2-0-2-4-5-6-1-4-1-4",
        "②⓪②④⑤⑥①④①④",
        "❷⓿❷❹❺❻❶❹❶❹",
    ],
)
def test_the_text_around_an_identifier_hides_victims_numbers(path):
    address = f"https://evil.support/{path}"
    row = piece("domain:evil.support", Role.LURE_SITE, raw=address)
    assert shown(row)[0]["raw"] == address
    (masked,) = shown(row, own=OWN)
    assert masked["raw"] == "https://evil.support/" + re.sub(r"[\d⓪-⓿①-⑨❶-❾]", "#", path)
    assert masked["entity_id"] == "domain:evil.support"


@pytest.mark.parametrize(
    "path", ["two-zero-two-four-five-six-one-four-one-four", "two_oh_two/456/fourteen-14"]
)
def test_the_text_around_an_identifier_hides_victims_numbers_in_words(path):
    row = piece("domain:evil.support", Role.LURE_SITE, raw=f"https://evil.support/{path}/x")
    assert shown(row)[0]["raw"] == f"https://evil.support/{path}/x"
    (masked,) = shown(row, own=OWN)
    assert masked["raw"] == f"https://evil.support/{'#' * len(path)}/x"


@pytest.mark.parametrize(
    "address",
    [
        *(f"jane77{sign}web.de" for sign in ["@", "%40", "＠", "﹫", "(at)", "[at]", "&commat;"]),
        "jane77[at]web[.]de",
        "jane77(at)web(dot)de",
        "jane77&#64;web&#46;de",
        "jane77\u200b@web.de",
        "jane77_at_web_dot_de",
        "jane77-at-web.de",
        "jane77%20at%20web.de",
        "jane77%20arobase%20web%20point%20de",
    ],
)
def test_the_text_around_an_identifier_hides_an_address(address):
    row = piece("domain:evil.support", Role.LURE_SITE, raw=f"https://evil.support/{address}/x")
    (masked,) = shown(row)
    assert not {"jane77", "web", "de"} & set(re.findall(r"\w+", masked["raw"].replace("_", " ")))
    assert masked["raw"].startswith("https://evil.support/")
    assert masked["raw"].endswith("/x")


def test_nothing_in_nothing_out():
    assert shown(own=OWN) == []
    assert complaint_evidence(complaints()).num_rows == 0
    assert call_evidence(calls()).num_rows == 0
