"""Numbers found in text, against libphonenumber's matcher."""

from __future__ import annotations

import csv
import json
import time

import phonenumbers as pn
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.transforms.real_data import real
from tests.transforms.test_phones import EXAMPLES
from transforms.numbers_in_text import HIT, find, find_one


def numbers(text: str, region: str | None = "US") -> list[str | None]:
    return [reading.e164 for _, reading in find_one(text, region)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7/18/2023 7/17/2023 17244428039", ["+17244428039"]),
        ("800-833-304-1447", []),
        ("833-304-143 04-1447", []),
        ("order 112-1234567-1234567 for $1,888,555.01", []),
        ("case number 8885550123", []),
        ("Bestellnummer: 8885550123", []),
        ("card 4111 1111 1111 1111", []),
        ("UPS 1Z999AA10123456784", []),
        ("GB29 NWBK 6016 1331 9268 19", []),
        ("http://x.com/8885550123 a8885550123@x.com", []),
        ("on 2012-01-02 08:00 from 192.168.100.200", []),
        ("I paid 8885550123 dollars", []),
        ("ref 888-555-0123 888-555-0199", ["+18885550123", "+18885550199"]),
        ("(888) 555-0123/(888)555-0124", ["+18885550123", "+18885550124"]),
        ("+1888-555-0123+1888-555-0124", ["+18885550123", "+18885550124"]),
        ("on 2/3/2023 888 555 0124", ["+18885550124"]),
        ("call 888-555-0123\n888-555-0124", ["+18885550123", "+18885550124"]),
        ("wa.me/18885550123", ["+18885550123"]),
        ("Call +1 (888) 555-0123 ext 45 now", ["+18885550123"]),
    ],
)
def test_traps(text, expected):
    assert numbers(text) == expected


WORDS = st.lists(
    st.sampled_from("they said to call me now please at noon é 我".split()), max_size=6
)


@given(
    st.sampled_from(EXAMPLES),
    st.sampled_from([pn.PhoneNumberFormat.E164, pn.PhoneNumberFormat.INTERNATIONAL]),
    WORDS,
    WORDS,
)
def test_finds_what_the_matcher_finds_at_the_same_place(example, form, before, after):
    region, number = example
    text = " ".join([*before, pn.format_number(number, form), *after])
    oracle = [(m.start, m.end) for m in pn.PhoneNumberMatcher(text, region)]
    found = find_one(text, region)
    assert [tuple(span) for span, _ in found] == oracle
    assert all(r.e164 == pn.format_number(number, pn.PhoneNumberFormat.E164) for _, r in found)


@given(st.text(alphabet="0123456789+-(). /x,\n#ab", max_size=80))
def test_offsets_slice_the_text_and_hits_do_not_overlap(text):
    last = 0
    for span, reading in find_one(text, "US"):
        assert last <= span.start < span.end <= len(text)
        assert reading.e164
        last = span.end


def test_a_column_has_a_row_for_every_hit():
    text = pa.array([None, "call 888-555-0123 or +44 20 7946 0958", "", "call 888-555-0123"])
    region = pa.array(["US", "US", "US", None])
    hits = find(text, region)
    assert hits.schema == HIT
    assert hits["row"].to_pylist() == [1, 1]
    assert hits["e164"].to_pylist() == ["+18885550123", "+442079460958"]
    assert hits["raw"].to_pylist() == ["888-555-0123", "+44 20 7946 0958"]


@pytest.mark.parametrize(
    "evil",
    ["1" * 10**6, "1 " * 500_000, "a." * 500_000, "(" * 10**6, "+1 " * 300_000, "order " * 160_000],
    ids=["digits", "spaced", "dots", "brackets", "pluses", "labels"],
)
def test_a_megabyte_takes_linear_time(evil):
    def seconds(text: str) -> float:
        start = time.perf_counter()
        find_one(text, "US")
        return time.perf_counter() - start

    assert seconds(evil) < 100 * max(seconds(evil[: len(evil) // 8]), 0.05)


@pytest.mark.real
def test_agrees_with_libphonenumbers_own_cases():
    for line in real("libphonenumber/matcher_cases_small.jsonl").read_text("utf-8").splitlines():
        case = json.loads(line)
        if case["leniency"] != "VALID" or not case["same_in_both"]:
            continue
        region = None if case["region"] in ("ZZ", None) else case["region"]
        found = [(s.start, s.end, r.e164) for s, r in find_one(case["text"], region)]
        wanted = [(m["start"], m["end"], m["e164"]) for m in case["expected_real_metadata"]]
        assert found == wanted, case["text"]


@pytest.mark.real
def test_finds_the_matchers_numbers_in_the_transcripts():
    with real("robocall_transcripts/transcripts.csv").open(newline="", encoding="utf-8") as file:
        texts = [row["transcript"] for row in csv.DictReader(file)]
    ours = {number for text in texts for number in numbers(text)}
    oracle = {
        pn.format_number(match.number, pn.PhoneNumberFormat.E164)
        for text in texts
        for match in pn.PhoneNumberMatcher(text, "US")
    }
    assert len(oracle) == 24
    assert ours == oracle
