"""Whole real files: every row accounted for, and the traps of the data README."""

import csv
import re
from collections import Counter
from pathlib import Path

import pytest

from tests.support.read_files import read_file, shards_of
from tests.support.real_data import real

pytestmark = pytest.mark.real


def one_number(row):
    return [number["raw"] for number in row["phone_numbers"]]


@pytest.mark.slow
@pytest.mark.parametrize("shard_bytes", [16 << 20, 50_000])
def test_do_not_call(shard_bytes):
    path = real("ftc_dnc/dnc_complaint_numbers_2019-12-16.csv")
    tables = read_file(path, shard_bytes=shard_bytes)
    rows = tables["complaints"]
    assert len(rows) == 20_532
    assert not tables["rejects"]
    assert [row["position"] for row in rows] == list(range(2, 20_534))
    assert sum(not row["phone_numbers"] for row in rows) == 861
    assert len(rows) - len({row["complaint_id"] for row in rows}) == 24
    assert sum(row["occurred_at"] > row["received_at"] for row in rows) == 138
    assert all(re.fullmatch(r"2019-12-\d\dT\d\d:\d\d:\d\dZ", row["received_at"]) for row in rows)
    assert {n["role"] for row in rows for n in row["phone_numbers"]} == {"caller_id"}
    assert (len(shards_of(path, shard_bytes=shard_bytes)) > 1) == (shard_bytes < 10**6)
    with Path(path).open(newline="", encoding="utf-8") as file:
        raw = [line["Company_Phone_Number"] for line in csv.DictReader(file)]
    assert [one_number(row) for row in rows] == [[number] if number else [] for number in raw]


def test_foia():
    tables = read_file(real("ftc_foia/FTC_5114-71014.csv"))
    rows = tables["complaints"]
    assert len(rows) == 7_982
    assert not tables["rejects"]
    by_id = {row["complaint_id"]: row for row in rows}
    assert len(by_id) == 7_982
    assert one_number(by_id["46230729"]) == ["8763866740", "5096719014"]
    assert one_number(by_id["46230350"]) == ["2027384482"]
    assert one_number(by_id["46232850"]) == ["9122174239", "2062599918"]
    assert by_id["46224949"]["victim_region"] == "AZ"
    assert by_id["46230350"]["claimed_brand"] == "IRS; Federal Reserve Bank"
    assert by_id["46224518"]["received_at"] == "2014-05-28T00:00:00Z"
    assert sum("8008291040" in one_number(row) for row in rows) > 0
    assert any("’" in (row["claimed_brand"] or "") for row in rows)


def test_fcc():
    tables = read_file(real("fcc/fcc_unwanted_calls_2rows.json"))
    first, second = tables["complaints"]
    assert first["received_at"] == "2021-08-12T13:17:00Z"
    assert second["occurred_at"] == "2022-03-25T18:53:00Z"
    assert first["phone_numbers"] == [
        {"raw": "203-760-1637", "role": "caller_id"},
        {"raw": "203-760-1637", "role": "mentioned"},
    ]
    assert second["phone_numbers"] == []
    assert (first["position"], second["position"]) == (1, 2)


def test_transcripts():
    tables = read_file(real("robocall_transcripts/transcripts.csv"))
    rows = tables["complaints"]
    assert len(rows) == len({row["complaint_id"] for row in rows}) == 568
    assert not tables["rejects"]
    assert sum(row["unknown"] == ["campaign_id"] for row in rows) == 301
    assert Counter(row["language"] for row in rows) == {"en": 563, "zh": 5}


def test_call_records():
    tables = read_file(real("cdr/cdr.csv"), calls=True, calls_direction="inbound")
    rows = tables["calls"]
    assert len(rows) == 218
    assert len({row["call_id"] for row in rows}) == 174
    assert {row["direction"] for row in rows} == {"inbound"}
    assert {row["trunk"] for row in rows} == {None}
    assert rows[1]["duration_seconds"] == "514"


def test_passports():
    tables = read_file(real("passports/passports_decoded.jsonl"), calls=True)
    assert len(tables["calls"]) + len(tables["rejects"]) == 16
    assert {row["code"] for row in tables["rejects"]} == {"broken_token"}
    assert len(tables["rejects"]) == 4  # spc-tokens
    numbers = [row["calling_number"] for row in tables["calls"]]
    assert "+16841333538" in numbers  # orig.tn as a list
    assert "01256789999" in numbers  # orig as a string of JSON, a national number
    assert "Bob" in numbers
    ids = Counter(row["call_id"] for row in tables["calls"])
    assert sorted(ids.values())[-1] == 2  # one token with and without parameters
