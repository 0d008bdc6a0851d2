"""Typed columns against Python's own datetime and Decimal, value by value."""

import re
import time
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation, localcontext

import pyarrow as pa
import pytest
from hypothesis import example, given, strategies as st

from schemas.enums import COUNTRIES
from tests.support.made_up_loose import texts
from transforms.values import casts

CUT = re.compile(r"(\.\d{6})\d+")


def text_array(values):
    return pa.array(values, pa.string())


def offsets():
    minutes = st.integers(-23 * 60 - 59, 23 * 60 + 59)
    return minutes.map(lambda m: timezone(timedelta(minutes=m)))


@st.composite
def times(draw):
    """ISO 8601 as Python, Java, .NET and SQL write it, and the moment that it means."""
    moment = draw(st.datetimes(datetime(1900, 1, 2), datetime(2199, 12, 30), timezones=offsets()))
    digits = draw(st.integers(0, 9))
    fraction = f"{moment.microsecond:06d}000"[:digits] if digits else ""
    moment = moment.replace(microsecond=int((fraction + "000000")[:6]))
    zone = moment.strftime("%z")
    zone = draw(st.sampled_from([zone, f"{zone[:3]}:{zone[3:]}"]))
    if not moment.utcoffset():
        zone = draw(st.sampled_from([zone, "Z"]))
    joint = draw(st.sampled_from("T "))
    blanks = draw(st.sampled_from(["", " ", "\t"]))
    written = moment.strftime(f"%Y-%m-%d{joint}%H:%M:%S") + (f".{fraction}" if digits else "")
    return blanks + written + zone + blanks, moment


@given(st.lists(times(), min_size=1, max_size=6))
def test_times_are_what_python_reads(pairs):
    typed, bad = casts.parse_timestamps(text_array([written for written, _ in pairs]))
    assert not bad.any()
    assert typed.to_pylist() == [moment.astimezone(UTC) for _, moment in pairs]


@given(st.lists(st.one_of(texts(), times().map(lambda pair: pair[0])), max_size=6))
@example(["0000-01-01T00:00:00Z", "nonsense"])
@example(["0001-01-01T00:00:00+23:59", None])
def test_a_time_is_read_the_same_whatever_stands_beside_it(values):
    typed, bad = casts.parse_timestamps(text_array(values))
    for row, value in enumerate(values):
        alone, bad_alone = casts.parse_timestamps(text_array([value]))
        assert typed[row : row + 1].cast(pa.int64()) == alone.cast(pa.int64())
        assert bad[row] == bad_alone[0]
        if typed[row].is_valid and typed[row].value >= -62135596800000000:
            python = datetime.fromisoformat(CUT.sub(r"\1", value.strip()))
            assert python.tzinfo is not None
            assert typed[row].as_py() == python
        assert not (bad[row] and typed[row].is_valid)
        assert bad[row] or typed[row].is_valid or not (value or "").strip()


@pytest.mark.parametrize(
    "written",
    [
        "2024-03-01T09:30:00",
        "2024-03-01",
        "2023-02-29T00:00:00Z",
        "2024-03-01T25:00:00Z",
        "2024-03-01T09:30:00+99:00",
        "1709285400",
        "yesterday",
        "2024-03-01T09:30:00ZZ",
    ],
)
def test_what_is_no_moment_is_bad(written):
    typed, bad = casts.parse_timestamps(text_array([written, "2024-03-01T09:30:00Z"]))
    assert bad.tolist() == [True, False]
    assert typed.to_pylist()[0] is None


def amount_of(written):
    """The amount that the contract lets a text mean; None where it is refused."""
    try:
        amount = Decimal(written.strip())
    except InvalidOperation:
        return None
    if not amount.is_finite() or not 0 <= amount < 10**13 or "_" in written:
        return None
    with localcontext(prec=100):  # of fewer digits `normalize` would round
        exponent = amount.normalize().as_tuple().exponent
    return amount if exponent >= -18 else None


AMOUNTS = st.one_of(
    texts().filter(lambda text: text is not None and text.strip()),
    st.decimals(allow_nan=False, allow_infinity=False).map(str),
    st.decimals(0, 10**14, places=2).map(str),
    st.decimals(0, 1, places=20).map(str),
    st.integers(-(10**15), 10**30).map(str),
)


@given(st.lists(AMOUNTS, min_size=1, max_size=6))
@example(["1837128916.3015379968155746296"])
def test_amounts_are_what_decimal_reads(values):
    typed, bad = casts.parse_amounts(text_array([*values, None, " "]))
    expected = [amount_of(value) for value in values]
    assert typed.to_pylist() == [*expected, None, None]
    assert bad.tolist() == [value is None for value in expected] + [False, False]


@given(st.lists(texts() | st.sampled_from(sorted(COUNTRIES)), max_size=6))
def test_codes_are_upper_case_and_of_the_list(values):
    typed, bad = casts.parse_codes(text_array(values), COUNTRIES)
    for value, code, wrong in zip(values, typed.to_pylist(), bad, strict=True):
        wanted = None if value is None else value.strip()
        known = wanted and wanted.isascii() and wanted.upper() in COUNTRIES  # ß is not SS
        assert wrong == bool(wanted and not known)
        assert wrong or code == (wanted.upper() if wanted else None)


@given(seconds=st.integers(0, 7 * 86_400), shape=st.integers(0, 4))
def test_lengths_are_read_in_seconds(seconds, shape):
    hours, minutes, rest = seconds // 3600, seconds // 60 % 60, seconds % 60
    written = [
        f"{hours}:{minutes:02}:{rest:02}",
        f"PT{hours}H{minutes}M{rest}S",
        f"{hours} h {minutes} min {rest} sec",
        f"{seconds // 60} minutes {rest} seconds",
        str(seconds),
    ]
    assert casts.plain_duration(written[shape], ".") == str(seconds)


@pytest.mark.parametrize(
    "text", ["5:23", "5 m", "1.5 min", "P1D", "PT", "", "N/A", "$5 a min", "1e3"]
)
def test_a_length_that_is_not_clear_is_left_as_it_is(text):
    assert casts.plain_duration(text, ".") == text


@pytest.mark.parametrize(("decimal", "read"), [(".", "1234"), (",", "1.234")])
def test_a_length_has_the_decimals_of_the_map(decimal, read):
    assert casts.plain_duration("1,234", decimal) == read


@pytest.mark.parametrize("text", ["1" + " " * 200_000 + "x", "1" * 200_000, "1, " * 70_000])
def test_long_cells_are_judged_in_linear_time(text):
    start = time.process_time()
    assert not casts.is_phone_shaped(text)
    assert not casts.is_phone_number(text, "US")
    assert not casts.says_unknown(text)
    assert time.process_time() - start < 1
