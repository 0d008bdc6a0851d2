"""Times as other systems write them: each form gives the instant, or says why it cannot."""

from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, strategies as st

from schemas.mapping import TimeForm
from transforms.values import TimeFormError, parse_zone, time_of_form, word_lists

ZONES = st.sampled_from(["UTC", "Europe/Madrid", "America/New_York", "Asia/Kolkata", "+05:30"])

MOMENTS = st.datetimes(datetime(1990, 1, 2), datetime(2099, 12, 30)).map(
    lambda moment: moment.replace(microsecond=0, fold=0)  # a text does not show the fold
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
    again = parse_zone(zone)
    for form in (TimeForm.ISO, TimeForm.ISO_LOCAL):
        assert time_of_form(aware.isoformat(), form, again) == aware
    assert time_of_form(format_datetime(aware), TimeForm.RFC_5322, again) == aware


@given(moment=MOMENTS, zone=ZONES)
def test_an_epoch_has_no_zone(moment, zone):
    aware = moment.replace(tzinfo=UTC)
    seconds = int(aware.timestamp())
    if not seconds:
        return
    zone_info = parse_zone(zone)
    assert time_of_form(str(seconds), TimeForm.EPOCH_SECONDS, zone_info) == aware
    assert time_of_form(f"{seconds}000", TimeForm.EPOCH_MILLISECONDS, zone_info) == aware
    assert time_of_form(f"{seconds}000000", TimeForm.EPOCH_MICROSECONDS, zone_info) == aware


MONTHS = [
    (month, name)
    for month, names in enumerate(word_lists()["dates"]["months"], 1)
    for name in names
]

AROUND = [
    ("{d} {m} {y}", ""),
    ("{d}. {m} {y}", " um {H}:{M} Uhr"),
    ("{d} de {m} de {y}", " a las {H}:{M}"),
    ("{d} de {m} del {y}", ", {H}:{M}"),
    ("{d} {m} {y}", " à {H}h{M}"),
    ("{d}-{m}-{y}", " - {H}:{M}"),
    ("{m} {d}, {y}", " at {H}:{M}"),
    ("{m} {d}th {y}", "\u202f{H}:{M}"),
    ("mar. {d} {m} {y}", " {H}.{M}"),
    ("Dienstag, {d}. {m} {y}", ", {H}:{M} Uhr"),
    ("segunda-feira, {d} de {m} de {y}", " às {H}:{M}"),
]


@given(
    moment=MOMENTS,
    named=st.sampled_from(MONTHS),
    around=st.sampled_from(AROUND),
    cut=st.none() | st.integers(3, 5),
)
def test_months_are_read_in_seven_languages(moment, named, around, cut):
    month, name = named
    moment = moment.replace(month=month, day=min(moment.day, 28), second=0)
    if len({month for month, month_name in MONTHS if month_name.startswith(name[:cut])}) > 1:
        cut = None  # juin and juillet
    for written in (
        name[:cut],
        name[:cut].title(),
        name.replace("marz", "März").replace("aout", "août"),
    ):
        date, clock = around
        text = (date + clock).format(
            d=moment.day, m=written, y=moment.year, H=f"{moment:%H}", M=f"{moment:%M}"
        )
        read = time_of_form(text, TimeForm.MONTH_NAME, parse_zone("Europe/Madrid"))
        expected = moment if clock else moment.replace(hour=0, minute=0)
        assert read == in_zone(expected, "Europe/Madrid"), text


NAMED_ZONES = [
    (country, name, meant)
    for zone in word_lists()["zones"]
    for country in zone["countries"] or [None, "US", "DE"]
    for name, meant in zone["names"].items()
]


@given(moment=MOMENTS, named=st.sampled_from(NAMED_ZONES))
def test_the_name_of_a_zone_is_read_by_its_country(moment, named):
    country, name, meant = named
    expected = in_zone(moment, meant)
    for form, shape in (
        (TimeForm.ISO, "%Y-%m-%d %H:%M:%S {}"),
        (TimeForm.MONTH_FIRST, "%m/%d/%Y %I:%M:%S %p {}"),
        (TimeForm.DAY_FIRST, "%d/%m/%Y %H:%M {}"),
        (TimeForm.MONTH_NAME, "%a %b %d %H:%M:%S {} %Y"),
    ):
        text = moment.strftime(shape).format(name)
        seconds = timedelta(seconds=0 if "%S" in shape else moment.second)
        assert time_of_form(text, form, UTC, country) == expected - seconds, text


@pytest.mark.parametrize("zone", [name for name in sorted(available_timezones()) if "/" in name])
def test_a_zone_reads_the_names_that_are_its_own(zone):
    """The table agrees with the tz database, whatever the country."""
    own = parse_zone(zone)
    for month in (1, 7):
        moment = datetime(2026, month, 10, 12, tzinfo=own)
        try:
            read = time_of_form(f"{moment:%Y-%m-%d %H:%M:%S %Z}", TimeForm.ISO, own, "US")
        except TimeFormError:
            continue
        assert read == moment


@pytest.mark.parametrize(
    ("name", "zone", "country", "hour"),
    [
        ("IST", "UTC", "IN", 4.5),
        ("IST", "Asia/Kolkata", "US", 4.5),
        ("IST", "Asia/Jerusalem", None, 8),
        ("CST", "America/New_York", None, 16),
        ("EST", "Australia/Sydney", None, None),
        ("CEST", "UTC", None, 8),
        ("XYZ", "UTC", "US", None),
    ],
)
def test_a_zone_that_is_another_elsewhere_is_refused(name, zone, country, hour):
    text = f"2026-06-01 10:00 {name}"
    if hour is None:
        with pytest.raises(TimeFormError, match=r"another elsewhere|not known"):
            time_of_form(text, TimeForm.ISO, parse_zone(zone), country)
    else:
        read = time_of_form(text, TimeForm.ISO, parse_zone(zone), country)
        assert read == datetime(2026, 6, 1, tzinfo=UTC) + timedelta(hours=hour)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("Sun Mar 01 2026 10:00:00 GMT-0500 (Eastern Standard Time)", TimeForm.MONTH_NAME),
        ("Sun Mar 01 15:00:00 GMT 2026", TimeForm.MONTH_NAME),
        ("01/Mar/2026:10:00:00 -0500", TimeForm.MONTH_NAME),
        ("2026-03-01T10:00:00-05:00[America/New_York]", TimeForm.ISO),
        ("2026-03-01 10:00 America/New_York", TimeForm.ISO),
        ("2026年3月1日 15:00Z", TimeForm.ISO),
        ("01/03/2026 1500hrs", TimeForm.DAY_FIRST),
        ("3/1/2026 3:00P", TimeForm.MONTH_FIRST),
    ],
)
def test_times_as_programs_and_police_write_them(text, form):
    assert time_of_form(text, form, UTC) == datetime(2026, 3, 1, 15, tzinfo=UTC)


@given(moment=MOMENTS, zone=ZONES, digits=st.integers(9, 14), comma=st.booleans())
def test_dates_of_spreadsheets_are_days_since_1900(moment, zone, digits, comma):
    days = (moment - datetime(1899, 12, 30)) / timedelta(days=1)
    text = f"{days:.{digits}f}".replace(".", "," if comma else ".")
    read = time_of_form(text, TimeForm.EXCEL_SERIAL, parse_zone(zone))
    assert read == in_zone(moment, zone)


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
        short = len(text) < 6 or text in f"not a time of the form {form}"
        assert short or text not in str(error)
    else:
        assert time is None or time.tzinfo is UTC


@pytest.mark.parametrize(
    ("text", "form", "problem"),
    [
        ("2026-01-31 10:00", TimeForm.ISO, "names no zone"),
        ("31/01/2026", TimeForm.MONTH_FIRST, "over 12"),
        ("02/30/2026", TimeForm.MONTH_FIRST, "not a time"),
        ("13:30 PM", TimeForm.ISO_LOCAL, "not a time"),
        ("2026-01-31 13:30 PM", TimeForm.ISO_LOCAL, "clock of 12 hours"),
        ("yesterday", TimeForm.RFC_5322, "not a time"),
        ("NaN", TimeForm.EPOCH_SECONDS, "not a number"),
        ("9" * 24, TimeForm.EPOCH_SECONDS, "not a time"),
        ("3 jui 2026", TimeForm.MONTH_NAME, "not known"),
        ("before 3 March 2026", TimeForm.MONTH_NAME, "not known"),
        ("31 febrero 2026", TimeForm.MONTH_NAME, "not a time"),
        ("4.6E4", TimeForm.EXCEL_SERIAL, "spreadsheets"),
        ("460821", TimeForm.EXCEL_SERIAL, "spreadsheets"),
    ],
)
def test_an_error_says_what_is_wrong(text, form, problem):
    with pytest.raises(TimeFormError, match=problem):
        time_of_form(text, form, UTC)


@pytest.mark.parametrize("name", ["Mars/Olympus", "../../etc/passwd", "", "+25:00", "/etc/passwd"])
def test_a_zone_that_is_none_is_an_error(name):
    with pytest.raises(ValueError, match=r"."):
        parse_zone(name)
