import re
from datetime import UTC, datetime
from decimal import Decimal
from html import unescape

import pytest
from hypothesis import given, strategies as st

from reports import text

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


@given(st.integers())
def test_numbers_read_back(value):
    assert int(text.number(value).replace(text.NARROW_SPACE, "")) == value


@given(st.decimals(min_value=0, max_value=10**20 - 1, places=18))
def test_money_is_exact_and_has_cents(amount):
    written = text.money(amount).replace(text.NARROW_SPACE, "")
    assert Decimal(str(written)) == amount
    assert len(written.partition(".")[2]) >= 2


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        (Decimal("1234567.5"), "1\u202f234\u202f567.50"),
        (Decimal("0.000000000000000001"), "0.000000000000000001"),
        (Decimal("2E+3"), "2\u202f000.00"),
        (Decimal("12.340000000000000000"), "12.34"),
    ],
)
def test_money_examples(amount, written):
    assert text.money(amount) == written


def test_times_are_utc_iso_8601():
    moment = datetime(987, 3, 1, 8, 30, 5, 999, tzinfo=UTC)
    assert text.utc(moment) == "<time>0987-03-01T08:30:05Z</time>"


@pytest.mark.parametrize("write", [text.visible, text.number, text.fraction, text.money, text.utc])
def test_unknown_is_a_dash(write):
    assert read_back(str(write(None))) == "–"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_not_finite_is_unknown(value):
    assert read_back(str(text.fraction(value))) == "–"
