"""Law, custom and policy as data: complete, sourced, dated, and read strictly."""

import re

import pytest

from reports.referral import drafts, reference
from reports.referral.sections import holdings
from tests.support.made_up_case import case_of, rows

CODES = "in-cbi us-fbi-ic3 uk-report-fraud ca-rcmp au-reportcyber de-bka es-policia".split()


def test_there_are_seven_recipients():
    assert reference.recipients() == CODES


@pytest.mark.parametrize("code", CODES)
def test_every_recipient_has_offences_asks_and_known_certificates(code):
    one = reference.load(code)
    assert one.offences and one.recipient["asks"]
    assert set(one.recipient["certificates"]) <= set(drafts.KNOWN)
    assert set(one.digests) == {f"{name}.toml" for name in reference.FILES}


@pytest.mark.parametrize("code", CODES)
def test_every_row_has_a_public_source_and_a_day(code):
    one = reference.load(code)
    for row in [one.recipient, *one.offences, *one.clocks, *one.providers, one.scale]:
        assert re.fullmatch(r"https://\S+", row["source"])
        assert re.fullmatch(r"20\d\d-\d\d-\d\d", row["date"])


def test_every_element_is_one_that_the_package_can_speak_to(tmp_path):
    held = holdings(case_of(tmp_path / "run", rows()))
    for code in CODES:
        for offence in reference.load(code).offences:
            assert {element["holds"] for element in offence["elements"]} <= set(held)


@pytest.mark.parametrize(
    ("share", "word"),
    [
        (0.0, "almost no chance"),
        (0.05, "almost no chance"),
        (0.5, "roughly even chance"),
        (0.79, "likely"),
        (0.91, "very likely"),
        (1.0, "almost certain"),
    ],
)
def test_words_of_icd_203(share, word):
    assert reference.load("us-fbi-ic3").word(share).startswith(f"{word} (")


@pytest.mark.parametrize(
    ("share", "word"),
    [
        (0.03, "remote chance"),
        (0.92, "highly likely"),
        (0.93, "almost certain"),
        (0.52, "realistic"),
    ],
)
def test_words_of_the_phia_yardstick_and_its_gaps(share, word):
    assert reference.load("uk-report-fraud").word(share).startswith(word)


def test_the_clock_of_a_country_goes_before_the_general_one():
    one = reference.load("us-fbi-ic3")
    assert one.clock("carrier", "US")["months"] == 18
    assert one.clock("carrier", "FR")["country"] == "*"
    assert one.clock("no such class", "US")["preserve"] == "ask at once"


def test_ones_own_file_takes_the_place_of_the_shipped(tmp_path):
    shipped = reference.load("us-fbi-ic3")
    (tmp_path / "policy.toml").write_text(
        'tlp = "red"\nsuppress_below = 10\nbridge_side = 2\nsmall_cluster = 3\n'
        'source = "https://example.org"\ndate = "2026-01-01"\n'
    )
    own = reference.load("us-fbi-ic3", str(tmp_path))
    assert own.policy["tlp"] == "red" and own.clocks == shipped.clocks
    assert own.digests["policy.toml"] != shipped.digests["policy.toml"]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("policy", "tlp = ", "policy.toml: not TOML"),
        ("policy", 'tlp = "red"', "policy.toml, the file: has no suppress_below"),
        ("elements", '[[offence]]\nrecipient = "x"', "elements.toml, row 1: has no statute"),
        ("scales", '[x]\nname = "x"', "scales.toml, x: has no words"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path, name, text, told):
    (tmp_path / f"{name}.toml").write_text(text)
    with pytest.raises(reference.ReferenceFileError, match=told):
        reference.load("us-fbi-ic3", str(tmp_path))


def test_an_unknown_recipient_is_told_the_known_ones():
    with pytest.raises(reference.ReferenceFileError, match="us-fbi-ic3"):
        reference.load("nobody")
