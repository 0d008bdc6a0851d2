"""Numbers found in text, against libphonenumber's matcher."""

from __future__ import annotations

import csv
import json
import time
from random import Random

import phonenumbers as pn
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from tests.support.examples import draws
from tests.support.phone_oracle import draw, examples
from tests.support.real_data import real
from tests.unit.transforms.extract.test_hostile_input import PIECES
from tests.unit.transforms.phone.test_normalize import EXAMPLES
from transforms.phone.find import find_numbers, find_numbers_in_text
from transforms.phone.normalize import MAY_BE_TEXT_REASONS, normalize_number


def numbers(text: str, region: str | None = "US") -> list[str | None]:
    return [reading.e164 for _, reading in find_numbers_in_text(text, region)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7/18/2023 7/17/2023 17244428039", ["+17244428039"]),
        ("800-833-304-1447", []),
        ("order 112-1234567-1234567 for $1,888,555.01", []),
        ("http://x.com/8885550123 a8885550123@x.com", []),
        ("on 2012-01-02 08:00 from 192.168.100.200", []),
        ("ref 888-555-0123 888-555-0199", ["+18885550123", "+18885550199"]),
        ("(888) 555-0123/(888)555-0124", ["+18885550123", "+18885550124"]),
        ("+1888-555-0123+1888-555-0124", ["+18885550123", "+18885550124"]),
        ("on 2/3/2023 888 555 0124", ["+18885550124"]),
        ("wa.me/18885550123", ["+18885550123"]),
        ("Call +1 (888) 555-0123 ext 45 now", ["+18885550123"]),
        ("8885550123/8885550124/8885550125", ["+18885550123", "+18885550124", "+18885550125"]),
        ("112/888-555-0123", []),
        ("888-555-0123/04", []),
        ("888-555-0123x1234 and 8885550124ext12", ["+18885550123", "+18885550124"]),
        ("call 888 555 0123 dollars 500 he said", ["+18885550123"]),
        ("USD 8885550123, Rs. 8885550123, EUR 888.555.012", []),
        ("Windows 10 Pro 888 555 0123", ["+18885550123"]),
    ],
)
def test_traps(text, expected):
    assert numbers(text) == expected


@pytest.mark.parametrize(
    ("text", "number", "raw"),
    [
        ("from area code 315, 232-8257 again", "+13152328257", "315, 232-8257"),
        ("area code 844 then 275-7201", "+18442757201", "844 then 275-7201"),
        ("call 888 dash 555 dash 0123 now", "+18885550123", "888 dash 555 dash 0123"),
        ("8 8 8, 5 5 5, 0 1 2 3. I repeat", "+18885550123", "8 8 8, 5 5 5, 0 1 2 3"),
        (
            "number is one eight hundred five five five oh one double two thanks",
            "+18005550122",
            "one eight hundred five five five oh one double two",
        ),
        ("on 7/18/2023 7/17/2023 17244428039 rang", "+17244428039", "17244428039"),
    ],
)
def test_finds_what_the_matcher_misses(text, number, raw):
    assert not list(pn.PhoneNumberMatcher(text, "US"))
    ((span, reading),) = find_numbers_in_text(text, "US")
    assert (reading.e164, text[span.start : span.end]) == (number, raw)


@pytest.mark.parametrize(
    "text",
    [
        "030/901820/901821",
        "Tel. 030 901820/901821 rufen",
        "(030) 901820 / 901821",
        "030-901820/901821",
    ],
)
def test_two_numbers_that_share_their_area_code(text):
    read = find_numbers_in_text(text, "DE")
    assert [number.e164 for _, number in read] == ["+4930901820", "+4930901821"]
    assert [text[span.start : span.end] for span, _ in read][1] == "901821"
    field = "030/901820/901821"
    assert normalize_number(field, "DE").reason in MAY_BE_TEXT_REASONS


@pytest.mark.parametrize(
    ("text", "region", "expected"),
    [
        ("call 0906 123 4567 (10p/min)", "GB", ["+449061234567"]),
        ("call 0844 123 4567 10p per minute plus", "GB", ["+448441234567"]),
        ("0900 1234567 (1,99 ct/min)", "DE", ["+499001234567"]),
        ("pagué 600.250.000 euros", "ES", []),
        ("llame al 600 250 000 o pierde 500 euros", "ES", ["+34600250000"]),
        ("mi número directo es 934.47.15.53, llame", "ES", ["+34934471553"]),
        ("desde 93.47.15.53", "ES", []),
    ],
)
def test_prices_amounts_and_addresses(text, region, expected):
    """Amounts are not read as numbers: such a number would name an uninvolved person."""
    assert [number.e164 for _, number in find_numbers_in_text(text, region)] == expected


@pytest.mark.parametrize(
    ("text", "region", "number"),
    [
        ("mi número es seis uno dos tres cuatro cinco seis siete ocho", "ES", "+34612345678"),
        ("null drei null eins zwei drei vier fünf sechs sieben", "DE", "+49301234567"),
        ("zéro six un deux trois quatre cinq six sept huit", "FR", "+33612345678"),
        ("nau aath saat chhe paanch char teen do ek shunya par call karo", "IN", "+919876543210"),
    ],
)
def test_digits_in_words_of_other_languages(text, region, number):
    ((_, reading),) = find_numbers_in_text(text, region)
    assert (reading.e164, reading.how) == (number, "spelled")
    assert reading.confidence < 1


NOISE = (
    "order 112-1234567-1234567", "order number 8885550123", "case #415-666-7777-1",
    "invoice no. 4156667777", "tracking 1Z999AA10123456784", "USPS 9400 1000 0000 0000 0000 00",
    "on 2023-07-18 10:30", "paid $2,125,551,234", "2125551234 dollars",
    "GB29 NWBK 6016 1331 9268 19",
    "DE89 3704 0044 0532 0130 00", "card 4111 1111 1111 1111", "account number 2125551234",
    "routing 021000021 account 2125551234", "IP 212.555.123.4", "AnyDesk 123 456 789",
    "reference 2125551234", "badge number 2125551234", "ticket: 4156667777", "SSN 212-55-1234",
    "txn 2125551234", "Bestellnummer 2125551234", "Konto-Nr 2125551234", "pedido 2125551234",
    "zip 10001-2345", "policy 415 666 7777", "IMEI 490154203237518", "model A2125551234",
    "https://x.com/p/2125551234", "mail 2125551234@x.com",
)  # fmt: skip


def test_fewer_false_numbers_than_the_matcher():
    ours = {text for text in NOISE if numbers(text)}
    theirs = {text for text in NOISE if list(pn.PhoneNumberMatcher(text, "US"))}
    assert len(theirs) >= 12
    assert ours <= {"policy 415 666 7777"}


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
    read = find_numbers_in_text(text, region)
    assert [tuple(span) for span, _ in read] == oracle
    assert all(r.e164 == pn.format_number(number, pn.PhoneNumberFormat.E164) for _, r in read)


@given(st.text(alphabet="0123456789+-(). /x,\n#ab", max_size=80))
def test_offsets_slice_the_text_and_hits_do_not_overlap(text):
    last = 0
    for span, reading in find_numbers_in_text(text, "US"):
        assert last <= span.start < span.end <= len(text)
        assert reading.e164
        last = span.end


@pytest.mark.parametrize(
    "evil",
    ["1" * 10**6, "1 " * 500_000, "a." * 500_000, "(" * 10**6, "+1 " * 300_000, "order " * 160_000],
    ids=["digits", "spaced", "dots", "brackets", "pluses", "labels"],
)
def test_a_megabyte_takes_linear_time(evil):
    def seconds(text: str) -> float:
        start = time.perf_counter()
        find_numbers_in_text(text, "US")
        return time.perf_counter() - start

    assert seconds(evil) < 100 * max(seconds(evil[: len(evil) // 8]), 0.05)


@pytest.mark.real
def test_agrees_with_libphonenumbers_own_cases():
    for line in real("libphonenumber/matcher_cases_small.jsonl").read_text("utf-8").splitlines():
        case = json.loads(line)
        if case["leniency"] != "VALID" or not case["same_in_both"]:
            continue
        region = None if case["region"] in ("ZZ", None) else case["region"]
        read = [(s.start, s.end, r.e164) for s, r in find_numbers_in_text(case["text"], region)]
        wanted = [(m["start"], m["end"], m["e164"]) for m in case["expected_real_metadata"]]
        assert read == wanted, case["text"]


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


KNOWN = examples()

AROUND = (*PIECES, " ", ", ", "\n", "$", "é", "７８", "order #", " ext. 12", "double five ")

REGIONS = ("US", "GB", "DE", "ES", "IN", "FR", None)


@draws(40)
@given(st.integers(0, 2**40))
def test_columns_find_what_each_text_contains(seed):
    rng = Random(seed)
    texts = []
    for _ in range(40):
        parts = [*rng.choices(AROUND, k=rng.randint(0, 6)), draw(rng, KNOWN)[0]]
        rng.shuffle(parts)
        texts.append(rng.choice(("", " ")).join(parts))
    regions = rng.choices(REGIONS, k=len(texts))
    rows = dict(find_numbers(pa.array(texts), pa.array(regions, pa.string())))
    for row, (text, region) in enumerate(zip(texts, regions, strict=True)):
        assert rows.get(row, []) == find_numbers_in_text(text, region)
