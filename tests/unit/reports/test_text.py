import re
from collections import Counter
from datetime import UTC, datetime
from html import unescape

import pytest
from hypothesis import given, strategies as st

from reports import text
from reports.text import quantity, readable_time, recognize_region, region_atlas

TAG = re.compile(r"<[^>]*>")


def read_back(html: str) -> str:
    return unescape(TAG.sub("", html))


@given(st.text(min_size=1, max_size=80))
def test_visible_text_is_the_text_with_invisible_characters_spelled_out(given_text):
    expected = "".join(c if c.isprintable() else f"U+{ord(c):04X}" for c in given_text)
    shown = str(text.visible(given_text))
    assert shown.isprintable()
    assert read_back(shown) == expected


@given(st.text(alphabet="<>&\"'=/ax", max_size=40))
def test_visible_text_makes_no_element_of_its_own(given_text):
    tags = TAG.findall(str(text.visible(given_text)))
    assert set(tags) <= {"<bdi>", "</bdi>", '<span class="none">', "</span>"}


def test_direction_overrides_are_shown_not_obeyed():
    assert "\u202e" not in text.visible("pay\u202egnp.exe")
    assert '<span class="ctl">U+202E</span>' in text.visible("pay\u202egnp.exe")


def test_long_text_is_cut_and_the_rest_counted():
    shown = text.visible("x" * 1_000_000, limit=10)
    assert shown.count("x") == 10
    assert "999\u202f990 more characters" in shown


def test_unknown_is_a_dash():
    assert read_back(str(text.visible(None))) == "–"


def test_counts_and_times_are_written_as_people_say_them():
    assert [quantity(number, "call") for number in (0, 1, 5020)] == [
        "0 calls",
        "1 call",
        "5,020 calls",
    ]
    assert [quantity(number, "person", "people") for number in (1, 2)] == ["1 person", "2 people"]
    assert readable_time(datetime(2025, 6, 9, 7, 3, 59, tzinfo=UTC)) == "9 Jun 2025, 07:03 UTC"


@pytest.mark.parametrize(
    ("country", "written", "code"),
    [
        *(("US", name, "TX") for name in ("tx", "texas ", "US-TX", "Tex.", "ＴＥＸＡＳ")),
        *(("US", name, "DC") for name in ("D.C.", "Washington, D.C.")),
        *(("US", name, None) for name in ("Bayern", "US", "", " - ", "Tx x")),
        ("US", "Washington", "WA"),
        ("CA", "CA", None),
        ("CA", "QUEBEC", "QC"),
        ("AU", "N.S.W.", "NSW"),
        ("DE", "Bavaria", "BY"),
        *(("DE", name, "TH") for name in ("Thüringen", "Thu\u0308ringen", "THUERINGEN")),
        *(("ES", name, "CT") for name in ("CATALUNA", "Barcelona")),
        ("GB", "Greater London", "LDN"),
        ("GB", "Kent", "SE"),
        # Areas of postcodes, in another part of England than the region that is abbreviated so.
        ("GB", "SE", None),
        ("GB", "NW", None),
        ("FR", "Bretagne", None),
        ("__proto__", "constructor", None),
        ("US", "__proto__", None),
    ],
)
def test_a_region_is_recognized_by_what_organisations_write(country, written, code):
    assert recognize_region(country, written) == code


def test_a_text_of_a_million_characters_is_no_region():
    assert recognize_region("US", "x" * 1_000_000) is None
    assert (
        recognize_region("US", "Texas" + "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 50)
        is None
    )
    assert text.region_key("Te" * 1_000_000) == ""


@given(st.sampled_from(["US", "CA", "AU", "GB", "DE", "ES", "FR", ""]), st.text(max_size=90))
def test_any_text_is_a_region_of_its_country_or_none(country, written):
    known = {region[1] for region in region_atlas()["regions"] if region[0] == country}
    assert recognize_region(country, written) in known | {None}


def test_each_region_is_known_by_its_name():
    regions = region_atlas()["regions"]
    counts = Counter(region[0] for region in regions)
    assert counts == {"US": 56, "CA": 13, "AU": 8, "GB": 13, "DE": 16, "ES": 19}
    for country, code, name, *_ in regions:
        assert recognize_region(country, name) == code
