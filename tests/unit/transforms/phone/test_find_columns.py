"""Numbers found by whole columns are those found text by text."""

from __future__ import annotations

import csv
from random import Random

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from tests.support.phone_oracle import draw, examples
from tests.support.real_data import real
from tests.unit.transforms.extract.test_hostile_input import PIECES
from transforms import text_spans
from transforms.arrow_util import concat_ranges
from transforms.phone import false_positives, false_positives_columns, find, find_columns
from transforms.phone.normalize import Reading
from transforms.text_spans import FEW_TEXTS, CodePoints, string_buffers

KNOWN = examples()

REGIONS = ("US", "GB", "DE", "ES", "IN", "FR", None)

NUMBERS = (
    "(866) 212-7251", "1-888-555-0123", "+44 20 7946 0018", "931-28-77-34", "08007234567",
    "0341 5550 0123", "184 932 776", "00442079460018", "8662127251", "+1 (202) 456-1414",
)  # fmt: skip

AROUND = (
    *PIECES, " ", " ", " ", ", ", ". ", "$", "€ 5", "é", "ß ", "“", "” ", "’", "–", "\u00a0",
    "5 ", "12/3/2020 ", "12:30 ", "7:5:3", "$499.99 ", "1,299.00 USD", "order #", "id ",
    "case no. ", "GB29 NWBK 6016 1331 9268 19", "1234-5678-9012-3456", "1234 5678 9012 3456 ",
    "10.0.0.1",
    "x5 ", " ext. 12", "ext", "#4", "a1b2c3d4e5 ", "joe@x.com", "a@b@c.de ", "http://x.yz/1?p=",
    "https[:]//q ", "awww.x ", "www.a.b/c ", "[at]", "account is ", "número ", "n° ", "ſ", "K",
    "\x0b", "\x1c", "123 456 x5", "+ ( +1 202 456 1414", "12345678901234567890", "７８", "/ ", "~",
    "999-99", "20-20-2020", "3-12-20", "000-1234567-1234567 ", "555,5", "%", " dollars",
)  # fmt: skip


def alone(texts, regions):
    rows = []
    for row, (text, region) in enumerate(zip(texts, regions, strict=True)):
        for span, reading in find.find_numbers_in_text(text, region) if text else ():
            rows.append((row, *span, text[span.start : span.end], *reading))
    return rows


def found(texts, regions):
    hits = find.find_numbers(pa.array(texts, pa.string()), pa.array(regions, pa.string()))
    assert hits.schema.equals(find.FOUND_NUMBER)
    return [tuple(one.values()) for one in hits.to_pylist()]


def agree(texts, regions):
    ours, theirs = found(texts, regions), alone(texts, regions)
    assert [one[:-1] for one in ours] == [one[:-1] for one in theirs]
    assert [one[-1] for one in ours] == pytest.approx([one[-1] for one in theirs])


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**40))
def test_columns_find_what_each_text_contains(seed):
    rng = Random(seed)
    texts = []
    for _ in range(2 * FEW_TEXTS):
        parts = rng.choices(AROUND, k=rng.randint(0, 6))
        for _ in range(rng.randint(1, 3)):
            one = rng.choice(NUMBERS) if rng.random() < 0.6 else draw(rng, KNOWN)[0]
            parts.insert(rng.randint(0, len(parts)), one)
        texts.append((rng.choice(("", " "))).join(parts))
    agree(texts, rng.choices(REGIONS, k=len(texts)))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(st.sampled_from("0123456789 -.()/+xé@\n#$:,ab"), max_size=60), min_size=1))
def test_columns_find_the_same_in_any_text(texts):
    texts = [f"{text} call 866-212-7251 {i}" for i, text in enumerate(texts * FEW_TEXTS)]
    agree(texts, ["US"] * len(texts))


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**40))
def test_columns_blank_what_is_blanked_in_each_text(seed):
    rng = Random(seed)
    texts = [
        "".join(rng.choices((*AROUND, *NUMBERS), k=rng.randint(1, 9))) for _ in range(2 * FEW_TEXTS)
    ]
    column = pa.array(texts)
    offsets, data = string_buffers(column)
    stretches, _ = text_spans.join_groups(
        data, text_spans.digit_groups(data, offsets), find.STRETCH_JOIN, find.MIN_DIGITS
    )
    stretches = stretches.select(~text_spans.have_non_ascii_digits(column)[stretches.rows])
    points = CodePoints(column)
    bare = false_positives_columns.blank_addresses(column, points, np.unique(stretches.rows))
    parts = false_positives_columns.blank_stretches(bare, points, stretches, offsets[1:])
    blanked = bare.copy()
    sizes = np.diff(parts.offsets)
    blanked[concat_ranges(parts.starts, sizes)] = parts.data
    for row in np.unique(stretches.rows).tolist():
        spans = [m.span() for m in find.STRETCH.finditer(texts[row])]
        (one,) = false_positives.blank_false_positives([texts[row]], [spans])
        assert blanked[offsets[row] : offsets[row + 1]].tobytes() == in_bytes(texts[row], one)


def in_bytes(text, blanked):
    """A blanked character has the bytes that it had."""
    pairs = zip(text, blanked, strict=True)
    return b"".join(b.encode() if a == b else b"\0" * len(a.encode()) for a, b in pairs)


def test_most_texts_are_decided_by_columns():
    """Otherwise these tests would compare the search of each text with itself."""
    texts = pa.array(
        [f"They told me to call (866) 212-{i}. The bank knows." for i in range(7000, 7100)]
    )
    read = find_columns.find_plain_numbers(
        texts, pa.array(["US"] * 100), find.COLUMN_RULES, np.zeros(100, bool)
    )
    assert not read.undecided.any() and len(read.raw) == 100


def test_repeated_and_null_texts():
    text = "call 866-212-7251 or +44 20 7946 0018"
    hits = found([text, None, "nothing", text], ["US", "US", "US", None])
    assert [(one[0], one[4]) for one in hits] == [
        (0, "+18662127251"), (0, "+442079460018"), (3, "+442079460018")]  # fmt: skip
    assert found([None], [None]) == found([], []) == []


@pytest.mark.real
def test_columns_find_the_same_in_the_transcripts():
    path = real("robocall_transcripts/transcripts.csv")
    with path.open(newline="", encoding="utf-8") as file:
        texts = [row["transcript"] for row in csv.DictReader(file)]
    agree(texts, ["US"] * len(texts))
    agree([text.replace(".", "’") for text in texts], ["US"] * len(texts))


def test_the_fields_of_a_hit_are_those_of_a_reading():
    assert tuple(find.FOUND_NUMBER.names[4:]) == Reading._fields
