"""Times as other systems write them: each form gives the instant, or says why it cannot."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from schemas.mapping import TimeForm
from transforms.casts import TimeFormError, country_code, parse_zone, time_of_form

ZONES = st.sampled_from(["UTC", "Europe/Madrid", "America/New_York", "Asia/Kolkata", "+05:30"])

MOMENTS = st.datetimes(datetime(1990, 1, 2), datetime(2099, 12, 30)).map(
    lambda one: one.replace(microsecond=0)
)


def in_zone(local, zone):
    return local.replace(tzinfo=parse_zone(zone)).astimezone(UTC)


WRITTEN = {
    TimeForm.ISO_LOCAL: [
        "%Y-%m-%d %H:%M:%S",
        "%Y-%m-%dT%H:%M:%S",
        "%Y/%m/%d %H:%M:%S",
        "%Y-%m-%d %H:%M:%S.00000000",
        "%Y%m%d %H:%M:%S",
        "%Y%m%d%H%M%S",
        "%Y%m%d %H%M%S",
        "%Y%m%dT%H%M%S",
        "%Y-%m-%d %H%M%S",
    ],
    TimeForm.MONTH_FIRST: ["%m/%d/%Y %H:%M:%S", "%m/%d/%Y, %I:%M:%S %p", "%m-%d-%Y %I:%M:%S%p"],
    TimeForm.DAY_FIRST: ["%d/%m/%Y %H:%M:%S", "%d.%m.%Y %H:%M:%S", "%d-%m-%Y, %H:%M:%S"],
    TimeForm.MONTH_NAME: ["%d %b %Y %H:%M:%S", "%b %d, %Y, %I:%M:%S %p", "%d-%B-%Y %H:%M:%S"],
}


@pytest.mark.parametrize("form", WRITTEN)
@given(moment=MOMENTS, zone=ZONES, data=st.data())
def test_a_local_time_is_read_in_its_zone(form, moment, zone, data):
    written = moment.strftime(data.draw(st.sampled_from(WRITTEN[form])))
    assert time_of_form(written, form, parse_zone(zone)) == in_zone(moment, zone)


@given(moment=MOMENTS, minutes=st.integers(-14 * 60, 14 * 60), zone=ZONES)
def test_a_time_that_names_its_zone_is_read_in_it(moment, minutes, zone):
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    other = parse_zone(zone)
    for form in (TimeForm.ISO, TimeForm.ISO_LOCAL):
        assert time_of_form(aware.isoformat(), form, other) == aware
    assert time_of_form(format_datetime(aware), TimeForm.RFC_5322, other) == aware


@given(moment=MOMENTS, zone=ZONES)
def test_an_epoch_has_no_zone(moment, zone):
    aware = moment.replace(tzinfo=UTC)
    seconds = int(aware.timestamp())
    if not seconds:
        return
    other = parse_zone(zone)
    assert time_of_form(str(seconds), TimeForm.EPOCH_SECONDS, other) == aware
    assert time_of_form(f"{seconds}000", TimeForm.EPOCH_MILLISECONDS, other) == aware
    assert time_of_form(f"{seconds}000000", TimeForm.EPOCH_MICROSECONDS, other) == aware


@given(moment=MOMENTS)
def test_a_date_that_can_be_read_both_ways_is_never_guessed_at(moment):
    written = moment.strftime("%m/%d/%Y")
    if moment.day > 12 or moment.day == moment.month:
        read = time_of_form(written, TimeForm.UNDECIDED, UTC)
        assert (read.month, read.day) == (moment.month, moment.day)
    else:
        with pytest.raises(TimeFormError, match="month-first or day-first"):
            time_of_form(written, TimeForm.UNDECIDED, UTC)


@given(text=st.text(max_size=90), form=st.sampled_from(TimeForm))
def test_any_text_is_a_time_or_an_error_without_it(text, form):
    try:
        time = time_of_form(text, form, ZoneInfo("Europe/Madrid"))
    except TimeFormError as error:
        assert len(text) < 6 or text not in str(error)
    else:
        assert time is None or time.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "form", "problem"),
    [
        ("2026-01-31 10:00", TimeForm.ISO, "names no zone"),
        ("2026-01-31", TimeForm.ISO, "names no zone"),
        ("31/01/2026", TimeForm.MONTH_FIRST, "over 12"),
        ("01/31/2026", TimeForm.DAY_FIRST, "over 12"),
        ("02/30/2026", TimeForm.MONTH_FIRST, "not a time"),
        ("13:30 PM", TimeForm.ISO_LOCAL, "not a time"),
        ("2026-01-31 13:30 PM", TimeForm.ISO_LOCAL, "clock of 12 hours"),
        ("yesterday", TimeForm.RFC_5322, "not a time"),
        ("NaN", TimeForm.EPOCH_SECONDS, "not a number"),
        ("9" * 24, TimeForm.EPOCH_SECONDS, "not a time"),
    ],
)
def test_an_error_says_what_is_wrong(text, form, problem):
    with pytest.raises(TimeFormError, match=problem):
        time_of_form(text, form, UTC)


def test_a_time_that_was_not_set_is_absent():
    assert time_of_form("0", TimeForm.EPOCH_SECONDS, UTC) is None


@pytest.mark.parametrize("name", ["Mars/Olympus", "../../etc/passwd", "", "+25:00", "/etc/passwd"])
def test_a_zone_that_is_none_is_an_error(name):
    with pytest.raises(ValueError, match=r"."):
        parse_zone(name)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("us", "US"),
        ("USA", "US"),
        ("Estados Unidos", "US"),
        ("Deutschland", "DE"),
        ("UK", "GB"),
        ("Royaume-Uni", "GB"),
        ("España", "ES"),
        ("Côte d’Ivoire", "CI"),
        ("Atlantis", None),
        ("x" * 500, None),
    ],
)
def test_names_of_countries_become_codes(name, code):
    assert country_code(name) == code
