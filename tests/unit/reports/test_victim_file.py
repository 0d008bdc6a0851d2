"""Two organisations that write the same person differently come to the same value."""

import pytest
from hypothesis import given, strategies as st

from reports.victim_file import VictimsFileError, load_victim_file


@pytest.mark.parametrize(
    ("written", "country"),
    [
        ("(202) 555-0123", "US"),
        ("202.555.0123", "us"),
        ("+1 202 555 0123", ""),
        ("001 202 555 0123", "DE"),
        ("1-202-555-0123", "CA"),
    ],
)
def test_numbers(written, country):
    assert load_victim_file(f"phone,country\n{written},{country}\n", "v").distinct("phone") == {
        "+12025550123"
    }


@pytest.mark.parametrize(
    "written",
    [
        "Ann.Lee@Example.COM",
        "  ann.lee@example.com ",
        "ａnn.lee@example.com",
        "ann.lee@example.com.",
    ],
)
def test_addresses(written):
    assert load_victim_file(f"email\n{written}\n", "v").distinct("email") == {"ann.lee@example.com"}


def test_nothing_is_guessed():
    read = load_victim_file("email\nann+shop@bücher.example\nann@xn--bcher-kva.example\n", "v")
    assert read.distinct("email") == {"ann+shop@xn--bcher-kva.example", "ann@xn--bcher-kva.example"}


def test_what_cannot_be_read_is_counted_and_not_repeated():
    read = load_victim_file("phone,email\n12,nobody\n,\n+12025550123,a@b.example\n", "v")
    assert (read.distinct("phone"), read.distinct("email"), read.unread) == (
        {"+12025550123"},
        {"a@b.example"},
        2,
    )
    assert read.entity_ids() == {"phone:+12025550123", "email:a@b.example"}


@pytest.mark.parametrize(
    "text", ["", "name\nAnn\n", "phone,phone\n1,2\n", "phone,country\n+12025550123\n"]
)
def test_files_that_are_none(text):
    with pytest.raises(VictimsFileError) as error:
        load_victim_file(text, "victims.csv")
    assert str(error.value).startswith("victims.csv")
    assert "2025550123" not in str(error.value)


@given(st.text(max_size=80))
def test_any_text_is_read_or_refused(text):
    for head in ("phone\n", "email,country\n", ""):
        try:
            load_victim_file(head + text, "v")
        except VictimsFileError as error:
            assert "\n" not in str(error)
