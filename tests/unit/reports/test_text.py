import re
from datetime import UTC, datetime
from html import unescape

from hypothesis import given, strategies as st

from reports import text
from reports.text import quantity, readable_time

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


def test_unknown_is_a_dash():
    assert read_back(str(text.visible(None))) == "–"


def test_counts_and_times_are_written_as_people_say_them():
    assert [quantity(one, "call") for one in (0, 1, 5020)] == ["0 calls", "1 call", "5,020 calls"]
    assert [quantity(one, "person", "people") for one in (1, 2)] == ["1 person", "2 people"]
    assert readable_time(datetime(2025, 6, 9, 7, 3, 59, tzinfo=UTC)) == "9 Jun 2025, 07:03 UTC"
