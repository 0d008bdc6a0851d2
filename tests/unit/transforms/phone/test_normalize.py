"""Phone numbers to E.164, with libphonenumber as the oracle."""

from __future__ import annotations

import csv
import json

import phonenumbers as pn
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, strategies as st

from tests.support.real_data import real
from transforms.phone import normalize
from transforms.phone.normalize import ReadingMethod, normalize_number

EXAMPLES = [
    (region, number)
    for region in sorted(pn.SUPPORTED_REGIONS)
    for kind in (pn.PhoneNumberType.FIXED_LINE, pn.PhoneNumberType.MOBILE)
    if (number := pn.example_number_for_type(region, kind)) and pn.is_valid_number(number)
]

FORMATS = (
    pn.PhoneNumberFormat.E164,
    pn.PhoneNumberFormat.INTERNATIONAL,
    pn.PhoneNumberFormat.NATIONAL,
    pn.PhoneNumberFormat.RFC3966,
)

OURS_IS_BETTER = {
    "0900 332 6005a": "a letter after a whole number is no vanity digit",
    "0900 332 600a5": "one letter amid a whole number is a slip, not a vanity digit",
    "0900 332 600A5": "one letter amid a whole number is a slip, not a vanity digit",
    "0900 a332 600A5": "letters amid a whole number are a slip, not vanity digits",
    "(0xx) 1187654321": "xx stands for digits that are not given",
}


@given(st.sampled_from(EXAMPLES), st.sampled_from(FORMATS))
def test_reads_every_regions_examples_in_every_format(example, form):
    region, number = example
    read = normalize_number(pn.format_number(number, form), region)
    assert read.e164 == pn.format_number(number, pn.PhoneNumberFormat.E164)
    assert read.reason is None
    assert read.how in (ReadingMethod.NATIONAL, ReadingMethod.INTERNATIONAL)


@given(st.sampled_from(EXAMPLES))
def test_an_extension_is_no_part_of_the_number(example):
    region, number = example
    written = pn.format_number(number, pn.PhoneNumberFormat.INTERNATIONAL)
    assert (
        normalize_number(f"{written} ext. 45", region).e164
        == normalize_number(written, region).e164
    )


@given(st.text(max_size=300), st.sampled_from(["US", "DE", "IN", "GB", None]))
def test_any_text_gives_a_valid_number_or_a_reason(text, region):
    read = normalize_number(text, region)
    assert (read.e164 is None) != (read.reason is None)
    if read.e164:
        assert pn.is_valid_number(pn.parse(read.e164))


@pytest.mark.parametrize(
    ("raw", "region", "reason"),
    [
        ("", "US", "empty"),
        ("5550123", "US", "too_short"),
        ("0000000000", "US", "invalid"),
        ("1-800-MICROSFT", "US", "too_long"),
        ("911", "US", "emergency"),
        ("8885551 John", "US", "not_a_number"),
        ("72345", "US", "short_code"),
        ("781558****", "US", "masked"),
        ("4.48E+11", "US", "scientific"),
        ("8885550123", None, "no_region"),
        ("+99912345678", "US", "invalid"),
    ],
)
def test_refuses_with_a_reason(raw, region, reason):
    read = normalize_number(raw, region)
    assert (read.e164, read.reason, read.confidence) == (None, reason, 0)


@pytest.mark.parametrize(
    ("raw", "region", "e164", "how"),
    [
        ("17244428039", "US", "+17244428039", ReadingMethod.INTERNATIONAL),
        ("011 44 20 7946 0958", "US", "+442079460958", ReadingMethod.INTERNATIONAL),
        ("+44 (0)20 7946 0958", "US", "+442079460958", ReadingMethod.INTERNATIONAL),
        (
            "sip:+18885550123@gw.example.com;user=phone",
            "US",
            "+18885550123",
            ReadingMethod.INTERNATIONAL,
        ),
        ("tel:+1-888-555-0123", "DE", "+18885550123", ReadingMethod.INTERNATIONAL),
        ("８８８５５５０１２３", "US", "+18885550123", ReadingMethod.NATIONAL),
        ("8885550123.0", "US", "+18885550123", ReadingMethod.REPAIRED),
        ("1.8885550123E10", "US", "+18885550123", ReadingMethod.REPAIRED),
        ("1-800-FLOWERS", "US", "+18003569377", ReadingMethod.VANITY),
        ("0012122441805", "US", "+12122441805", ReadingMethod.REPAIRED),
        ("0011 44 20 7946 0958", "AU", "+442079460958", ReadingMethod.INTERNATIONAL),
        ("0011 44 20 7946 0958", "GB", "+442079460958", ReadingMethod.REPAIRED),
        ("8O0-6S2-l234", "US", "+18006521234", ReadingMethod.LOOK_ALIKE),
        (
            "eight five five, five five five, oh one two three",
            "US",
            "+18555550123",
            ReadingMethod.SPELLED,
        ),
        (
            "plus one 855 triple five zero one double two",
            "IN",
            "+18555550122",
            ReadingMethod.SPELLED,
        ),
        ("+4930\u00a0123\u200b4567", None, "+49301234567", ReadingMethod.INTERNATIONAL),
        ("Tel. 888-555-0123", "US", "+18885550123", ReadingMethod.NATIONAL),
        ("0800-723-4567", "DE", "+498007234567", ReadingMethod.NATIONAL),
        ("1800 642 7676", "IN", "+9118006427676", ReadingMethod.NATIONAL),
    ],
)
def test_reads(raw, region, e164, how):
    read = normalize_number(raw, region)
    assert (read.e164, read.how) == (e164, how)


def test_extension_validity_line_type_and_confidence():
    read = normalize_number("+1 (888) 555-0123 ext. 45", "DE")
    assert (read.extension, read.validity, read.line_type) == ("45", "valid", "toll_free")
    assert normalize_number("+1 555 555 0123", None).validity == "possible"
    assert normalize_number("1-800-FLOWERS", "US").confidence < 1


@pytest.mark.real
def test_agrees_with_libphonenumbers_own_cases():
    for line in real("libphonenumber/parse_cases.jsonl").read_text("utf-8").splitlines():
        case = json.loads(line)
        if not case["same_in_both"] or case["input"] in OURS_IS_BETTER:
            continue
        expected = case["expected_real_metadata"]
        region = None if case["region"] in ("ZZ", None) else case["region"]
        wanted = expected.get("e164") if expected.get("valid") else None
        assert normalize_number(case["input"] or "", region).e164 == wanted, case


@pytest.mark.real
def test_the_ftc_file_gives_thirteen_thousand_numbers():
    path = real("ftc_dnc/dnc_complaint_numbers_2019-12-16.csv")
    with path.open(newline="", encoding="utf-8") as file:
        raw = [row["Company_Phone_Number"] for row in csv.DictReader(file)]
    read = normalize.normalize_numbers(pa.array(raw), pa.array(["US"] * len(raw)))
    numbers = pc.struct_field(read, "e164")
    assert pc.count_distinct(numbers).as_py() >= 13_000
    reasons = set(pc.struct_field(read, "reason").to_pylist())
    assert {"empty", "invalid", "too_short", "too_long"} <= reasons


@pytest.mark.parametrize(
    ("text", "region", "expected", "also"),
    [
        ("(202) 456-1414", "DE", "+12024561414", "+492024561414"),
        ("1-800-642-7676", "IN", "ambiguous", "+18006427676 +9118006427676"),
        ("1-800-SOS-0123", "US", "ambiguous", "+18005050123 +18007670123"),
        ("202-456-1414", "DE", "ambiguous", "+12024561414 +492024561414"),
        ("91 98765 43210", "DE", "ambiguous", "+919876543210 +49919876543210"),
        ("(0202) 456 1414", "DE", "+492024561414", None),
        ("2024561414", "DE", "+492024561414", None),
        ("(415) 666-7777", "MX", "+524156667777", None),
        ("315-232-8257", "IT", "+393152328257", None),
        ("44 20 7946 0018", "GB", "+442079460018", None),
    ],
)
def test_a_national_number_of_another_plan_names_no_subscriber_at_home(
    text, region, expected, also
):
    reading = normalize_number(text, region)
    assert (reading.e164 or reading.reason, reading.also_read_as) == (expected, also)
    assert reading.confidence < 0.5 or also is None
