"""One record an id, against the contract applied row by row."""

from collections import defaultdict
from datetime import timedelta

import pyarrow as pa
import xxhash
from hypothesis import given, strategies as st

from schemas.call import CALL_ACCEPTED
from schemas.complaint import COMPLAINT_ACCEPTED, ORIGIN
from schemas.enums import RecordKind
from tests.support.made_up_records import RECEIVED, calls, complaints, number
from transforms.validate import unique_records

ORIGINS = {field.name for field in ORIGIN}


@st.composite
def complaint_rows(draw):
    return {
        "complaint_id": draw(st.sampled_from(("c1", "c2", "c3"))),
        "source_org": draw(st.sampled_from(("amazon", "microsoft"))),
        "received_at": RECEIVED + timedelta(days=draw(st.integers(0, 2))),
        "narrative": draw(st.sampled_from((None, "x", "y"))),
        "phone_numbers": draw(st.sampled_from(([], [number("1")], [number("2", "callback")]))),
        "source": draw(st.sampled_from(("f", "g"))),
        "position": draw(st.integers(1, 3)),
    }


def content(row):
    values = [value for name, value in row.items() if name not in ORIGINS]
    return xxhash.xxh3_128_hexdigest(repr(values).encode())


def expected(table, id_field, rank):
    groups = defaultdict(list)
    for row in table.to_pylist():
        groups[row["source_org"], row[id_field]].append(row)
    best = [
        min(rows, key=lambda row: (*rank(row), content(row), row["source"], row["position"]))
        for rows in groups.values()
    ]
    return sorted(best, key=repr)


@given(st.lists(complaint_rows(), max_size=12), st.randoms())
def test_the_latest_complaint_then_the_smallest_content(rows, random):
    table = pa.Table.from_batches([complaints(*rows)], COMPLAINT_ACCEPTED)
    kept, replaced = unique_records(table, RecordKind.COMPLAINT)
    rows_kept = sorted(kept.to_pylist(), key=repr)
    assert rows_kept == expected(
        table, "complaint_id", lambda row: (-row["received_at"].timestamp(),)
    )
    assert sorted([*rows_kept, *replaced.to_pylist()], key=repr) == sorted(
        table.to_pylist(), key=repr
    )
    random.shuffle(rows)
    shuffled = pa.Table.from_batches([complaints(*rows)], COMPLAINT_ACCEPTED)
    assert (
        sorted(unique_records(shuffled, RecordKind.COMPLAINT)[0].to_pylist(), key=repr) == rows_kept
    )


@st.composite
def call_rows(draw):
    return {
        "call_id": draw(st.sampled_from(("k1", "k2"))),
        "started_at": RECEIVED + timedelta(hours=draw(st.integers(0, 1))),
        "duration_seconds": draw(st.sampled_from((None, 0.0, 12.5))),
        "calling_number": draw(st.sampled_from(("1", "2"))),
        "position": draw(st.integers(1, 3)),
    }


@given(st.lists(call_rows(), max_size=12))
def test_of_the_legs_of_a_call_the_latest_and_longest(rows):
    table = pa.Table.from_batches([calls(*rows)], CALL_ACCEPTED)
    kept, replaced = unique_records(table, RecordKind.CALL)

    def rank(row):
        seconds = row["duration_seconds"]
        return (-row["started_at"].timestamp(), seconds is None, -(seconds or 0))

    assert sorted(kept.to_pylist(), key=repr) == expected(table, "call_id", rank)
    assert replaced.num_rows == len(rows) - kept.num_rows


def test_the_same_id_of_two_organisations_is_two_records():
    batch = complaints(
        {"complaint_id": "c", "source_org": "amazon"},
        {"complaint_id": "c"} | {"source_org": "microsoft"},
    )
    kept, replaced = unique_records(pa.Table.from_batches([batch]), RecordKind.COMPLAINT)
    assert (kept.num_rows, replaced.num_rows) == (2, 0)


def test_nothing_in_nothing_out():
    kept, replaced = unique_records(COMPLAINT_ACCEPTED.empty_table(), RecordKind.COMPLAINT)
    assert (kept.num_rows, replaced.num_rows) == (0, 0)
