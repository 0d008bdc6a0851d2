"""Victims' numbers are found wherever their digits are, in every dial format."""

import re
import unicodedata

import numpy as np
import phonenumbers as pn
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from tests.support.examples import draws
from transforms.decode import mask_spans
from transforms.decode.escapes import decode_web_escapes
from transforms.graph.entities import WITHHELD
from transforms.victims import number_index, record_texts
from transforms.victims.identifier_matcher import find_identifiers, identifier_patterns
from transforms.victims.number_index import UnionOfHashes, find_victim_digits, hash_dial_formats

NUMBERS = ("+12025550143", "+442079460018", "+5491123456789", "+919876543210", "+61491570006")

FORMATS = (
    pn.PhoneNumberFormat.E164,
    pn.PhoneNumberFormat.INTERNATIONAL,
    pn.PhoneNumberFormat.NATIONAL,
    pn.PhoneNumberFormat.RFC3966,
)


def forms_of(*numbers):
    rows = [
        {"source_org": "o", "record_kind": "call", "record_id": "1", "entity_id": f"phone:{number}"}
        for number in numbers
    ]
    return hash_dial_formats(pa.RecordBatch.from_pylist(rows, WITHHELD))


def found(text, own):
    return find_victim_digits(pa.array([text]), own).identifiers.to_pylist()


def ways(number):
    parsed = pn.parse(number)
    national = pn.national_significant_number(parsed)
    yield from (pn.format_number(parsed, form) for form in FORMATS)
    yield from (national, f"0{national}", f"00{number[1:]}", f"011 {number[1:]}", f"+{number[1:]}")
    yield from (
        f"https://evil.example/?phone={number[1:]}&x=1",
        f"{national}@sms.example",
        f"tel:{number}",
        number.translate({48 + n: 0xFF10 + n for n in range(10)}),
    )


@pytest.mark.parametrize("number", NUMBERS)
def test_every_way_of_writing_is_found_and_masked(number):
    own = forms_of(number)
    national = pn.national_significant_number(pn.parse(number))
    for text in ways(number):
        digits = found(f"before 12, {text}; after 2024", own)
        assert digits, text
        masked = mask_spans(text, find_identifiers(text, identifier_patterns(digits)))
        assert national not in "".join(c for c in masked if c.isdigit())


@given(st.text(max_size=60), st.sampled_from(NUMBERS))
def test_nothing_else_is_found(text, number):
    if not any(c.isdigit() for c in text):
        assert found(text, forms_of(number)) == []


def test_other_numbers_and_parts_of_longer_ones_are_left_alone():
    own = forms_of("+12025550143")
    for text in ("+1 202 555 0144", "order 920255501431", "202 555", "20255501430000000000000"):
        assert found(text, own) == []


def test_without_victims_and_without_text():
    texts = pa.array([None, "+12025550143"])
    assert not len(find_victim_digits(texts, forms_of()).rows)
    assert not len(find_victim_digits(texts.slice(0, 0), forms_of(*NUMBERS)).rows)
    assert set(find_victim_digits(texts, forms_of(*NUMBERS)).rows) == {1}


def test_other_kinds_of_identifier_have_no_dial_formats():
    rows = [
        {"source_org": "o", "record_kind": "call", "record_id": "1", "entity_id": entity_id}
        for entity_id in ("domain:2025550143.example", "remote:anydesk:123456789")
    ]
    assert len(hash_dial_formats(pa.RecordBatch.from_pylist(rows, WITHHELD))) == 0


@pytest.mark.parametrize("written", ["+0 201-655-8123", "+99912345678", "+", "+x"])
def test_an_unread_number_with_a_plus_is_only_itself(written):
    """A record may give it as the victim's own; until now it ended the run."""
    assert number_index.dial_formats(written) == [written]


TEXTS = st.text(st.sampled_from("0123456789 -+().ab４²é\n"), max_size=40)


CODED = st.lists(
    st.sampled_from(["%20", "&#45;", "_", "..", "x", "\x1c", *"0123456789 -é"]), max_size=60
)


def candidates_of(text):
    """The runs of digits in one text, alone and joined to those that follow closely."""
    plain = unicodedata.normalize("NFKC", text)
    for form in (plain, decode_web_escapes(plain)[0]):
        for close in re.findall(r"\d+(?:[\W_]{1,5}\d+)*", form, re.ASCII):
            runs = re.findall(r"\d+", close, re.ASCII)
            for first in range(len(runs)):
                for last in range(first + 1, len(runs) + 1):
                    if last - first > 6 and first and last < len(runs):
                        continue  # a number of more pieces begins or ends what is close
                    digits = "".join(runs[first:last])
                    if record_texts.MIN_DIGITS <= len(digits) <= record_texts.MAX_DIGITS:
                        yield digits


def test_a_list_of_digits_has_few_candidates():
    """A hostile text of digits with a blank between any two costs no more than its length."""
    text = " ".join("1234567890" * 500)
    rows, _ = record_texts.candidate_digits(record_texts.find_digits(pa.array([text])))
    assert 0 < len(rows) <= 2 * record_texts.MAX_DIGITS


@given(st.lists(st.none() | TEXTS | CODED.map("".join)))
def test_columns_have_the_candidates_of_their_texts(texts):
    rows, digits = record_texts.candidate_digits(
        record_texts.find_digits(pa.array(["", *texts], pa.string()).slice(1))
    )
    candidates = set(zip(rows.tolist(), digits.to_pylist(), strict=True))
    every = {
        (row, candidate)
        for row, text in enumerate(texts)
        for candidate in candidates_of(text or "")
    }
    assert every <= candidates
    # As it is written a text may have others where NFKC makes digits of other characters.
    assert all((texts[row] or "").isascii() is False for row, _ in candidates - every)


@given(st.lists(st.lists(st.none() | TEXTS | CODED.map("".join), max_size=3), max_size=6))
def test_digits_that_travel_with_their_records_are_those_of_their_texts(lists):
    schema = pa.schema([("urls", pa.list_(pa.string())), ("language", pa.string())])
    rows = [{"urls": urls, "language": "1234567"} for urls in lists]
    batch = pa.RecordBatch.from_pylist(rows, schema)
    texts = record_texts.record_texts(batch, ("language", "urls"))
    digits = record_texts.find_digits(texts.texts)
    column = record_texts.digits_column(digits, texts, len(lists))
    back = record_texts.digits_of_column(column, texts)
    assert all(map(np.array_equal, digits[:2], back[:2]))
    assert (digits.digits, digits.joint.tolist()) == (back.digits, back.joint.tolist())
    written = texts.texts.to_pylist()
    for form in record_texts.digit_forms(back):
        assert len(form.digits) == len(form.places) and form.places == sorted(form.places)
        assert all(0 <= place < len(written[form.text]) for place in form.places)
    kept = record_texts.columns_with_texts(batch, texts)
    assert kept["urls"].to_pylist() == lists and kept["language"] == batch["language"]


@pytest.mark.parametrize("text", ["?t=%2B1%20202%20555%200123", "202&#45;555&#45;0123"])
def test_a_web_encoded_number_is_found(text):
    own = forms_of("+12025550123")
    assert "2025550123" in {digits[-10:] for digits in found(text, own)}


@draws(50)
@given(st.lists(st.lists(st.integers(0, 200), max_size=90), max_size=8))
def test_the_union_has_each_hash_once(parts):
    union = UnionOfHashes(few=40)
    arrays = [np.array(part, np.int64) for part in parts]
    halves = [union.create_accumulator(), union.create_accumulator()]
    for place, array in enumerate(arrays):
        halves[place % 2] = union.add_input(halves[place % 2], array)
    merged = union.extract_output(union.merge_accumulators(halves))
    assert merged.tolist() == sorted({form for part in parts for form in part})
    assert union.extract_output(halves[0]).tolist() == sorted(
        {form for part in parts[::2] for form in part}
    )


class _Measured(np.ndarray):
    """Counts how often the size of an array is asked for."""

    asked = 0

    @property
    def shape(self):
        _Measured.asked += 1
        return np.ndarray.shape.__get__(self)


def test_the_union_measures_each_array_a_few_times_however_many_wait():
    union, batches = UnionOfHashes(), 300
    accumulator = union.create_accumulator()
    for number in range(batches):
        batch = np.array([number], np.int64).view(_Measured)
        accumulator = union.add_input(accumulator, batch)
    assert _Measured.asked < 10 * batches
