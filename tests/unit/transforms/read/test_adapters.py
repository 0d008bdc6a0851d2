"""Adapters: what the real files do not show."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, strategies as st

from schemas.complaint import COMPLAINT_INPUT
from tests.support.read_files import FOIA_HEADER_WITH_EXTENSION, read_file
from transforms.read.adapters import fcc_complaints, ftc_sentinel
from transforms.read.framing import join_cells
from transforms.read.rejects import decode_raw, encode_raw


@pytest.mark.parametrize(
    ("date", "time", "wanted"),
    [
        ("2021-08-12T00:00:00.000", "1:17 p.m.", "2021-08-12T13:17:00Z"),
        ("08/12/2021", "None", "2021-08-12T00:00:00Z"),
        ("08/12/2021 05:01:02 PM +0000", None, "2021-08-12T17:01:02Z"),
        ("08/12/2021 05:01:02 PM", "", "2021-08-12T17:01:02Z"),
        ("2021-08-12", "14:05 p.m.", "2021-08-12T14:05:00Z"),
        ("2021-08-12", "0:30 am", "2021-08-12T00:30:00Z"),
        ("soon", "1:17 pm", "soon"),
        (None, "1:17 pm", None),
    ],
)
def test_fcc_moments(date, time, wanted):
    assert fcc_complaints.parse_moment(date, time) == wanted


def test_both_exports_of_the_fcc_give_the_same_records(written):
    ticket = {
        "id": "1",
        "ticket_created": "2021-08-13T17:01:02.000",
        "issue_date": "2021-08-12T00:00:00.000",
        "issue_time": "6:53 pm",
        "type_of_call_or_messge": "Text Message",
        "caller_id_number": "203-760-1637",
        "location_1": {"latitude": "41.4", "longitude": "-73.2"},
    }
    cells = {fcc_complaints.FIELDS[name]: value for name, value in ticket.items()} | {
        "Ticket Created": "08/13/2021 05:01:02 PM +0000",
        "Date of Issue": "08/12/2021",
        "Location (Center point of the Zip Code)": "SOUTHBURY, CT 06712\n(41.4, -73.2)",
    }
    header = sorted(fcc_complaints.HEADER)
    lines = [header, [cells.get(name, "None") for name in header]]
    table = read_file(written("\ufeff" + "\r\n".join(map(join_cells, lines))))
    objects = read_file(written(json.dumps([ticket]), "a.json"))
    own = {"raw": None, "source": None, "format": None, "position": None}
    (row,), (again,) = ([row | own for row in read["complaints"]] for read in (table, objects))
    assert row == again
    assert (row["received_at"], row["channel"]) == ("2021-08-13T17:01:02Z", "sms")
    assert row["occurred_at"] == "2021-08-12T18:53:00Z"
    assert row["phone_numbers"] == [{"raw": "203-760-1637", "role": "caller_id"}]
    assert row["victim_region"] is None


@pytest.mark.parametrize(
    ("area", "number", "extension", "wanted"),
    [
        ("876|", "3866740|", None, ["8763866740"]),
        ("202|469", "5068435", None, ["2025068435", "469"]),
        ("202", "5068435", "12|", ["2025068435 ext. 12"]),
        (None, None, "7", []),
    ],
)
def test_foia_numbers_are_zipped(area, number, extension, wanted):
    assert ftc_sentinel.company_numbers(area, number, extension) == wanted


def test_foia_with_an_extension_column(written):
    header = [f" {name}" for name in FOIA_HEADER_WITH_EXTENSION]
    row = ["1", "05/28/2014", "A", "ID", "Caf\u00e9", "989", "9414313", "5", "Phone", "9043"]
    text = join_cells(header) + "\n" + join_cells(row)
    tables = read_file(written(text.encode("mac_roman")))
    (complaint,) = tables["complaints"]
    assert complaint["phone_numbers"] == [{"raw": "9899414313 ext. 5", "role": "caller_id"}]
    assert complaint["claimed_brand"] == "Caf\u00e9"


def test_contract_csv(written):
    header = "complaint_id,source_org,received_at,loss_amount,phone_numbers,urls,note\n"
    numbers = '"[{""raw"":""1"",""role"":""callback""}]"'
    text = (
        header
        + f"1,x,t,0.10,{numbers},,n\n"
        + '2,x,t,,"[] , ""complaint_id"":""9""",,\n'
        + "3,x,t,,,[1],\n"
        + "4,x,t\n"
        + "5,x,t,,,,\xff\n"
        + "6,x,\0,,,,\n"
    )
    tables = read_file(written(text.encode("latin-1")))
    (row,) = tables["complaints"]
    assert row["phone_numbers"] == [{"raw": "1", "role": "callback"}]
    assert (row["loss_amount"], row["urls"], row["unknown"]) == ("0.10", None, ["note"])
    assert [
        (reject["position"], reject["code"], reject["field"]) for reject in tables["rejects"]
    ] == [
        (3, "broken_json", "phone_numbers"),
        (4, "wrong_type", "urls"),
        (5, "broken_csv", None),
        (6, "bad_encoding", None),
        (7, "broken_csv", None),
    ]
    latin = tables["rejects"][3]
    assert decode_raw(latin["raw"], latin["raw_encoding"]) == b"5,x,t,,,,\xff"


def test_parquet_of_the_contract_itself(tmp_path, written):
    rows = [
        {
            "complaint_id": "1",
            "source_org": "x",
            "received_at": 0,
            "narrative": "\u00e9",
            "phone_numbers": [{"raw": "1", "role": "callback"}],
            "payments": [{"method": "bank", "payee": None, "amount": None, "currency": None}],
            "loss_amount": Decimal("12.5"),
        },
        {"complaint_id": "2", "source_org": "x", "received_at": 1_500_000},
    ]
    table = pa.Table.from_pylist(rows, schema=COMPLAINT_INPUT)
    table = table.append_column("extra", pa.array([1, 2]))
    path = tmp_path / "a.parquet"
    pq.write_table(table, path)
    first, second = read_file(path)["complaints"]
    assert first["received_at"].startswith("1970-01-01T00:00:00")
    assert second["received_at"].startswith("1970-01-01T00:00:01.5")
    assert float(first["loss_amount"]) == 12.5
    assert first["phone_numbers"] == [{"raw": "1", "role": "callback"}]
    assert first["payments"][0]["method"] == "bank"
    assert (first["unknown"], first["format"], second["position"]) == (["extra"], "parquet", 2)
    again = written(first["raw"], "again.jsonl")
    (same,) = read_file(again)["complaints"]
    ours = {"source", "format", "raw", "unknown"}
    assert {k: v for k, v in same.items() if k not in ours} == {
        k: v for k, v in first.items() if k not in ours
    }


def test_parquet_states_times_and_days_of_payments(tmp_path):
    path = tmp_path / "a.parquet"
    rows = [{"complaint_id": "1", "source_org": "x", "received_at": "2026-05-02T00:00:00Z"}]
    for when, shown in (
        (datetime(2026, 5, 1, 9, 30, tzinfo=UTC), "2026-05-01 09:30:00+00:00"),
        (date(2026, 5, 1), "2026-05-01"),
    ):
        paid = {"payee": "y", "paid_at": when, "reference": 4711}
        pq.write_table(pa.Table.from_pylist([rows[0] | {"payments": [paid]}]), path)
        (row,) = read_file(path)["complaints"]
        (payment,) = row["payments"]
        assert (payment["paid_at"], payment["reference"]) == (shown, "4711")
        # What is not stated is not in the row that a reject would keep.
        assert "beneficiary_name" not in row["raw"].decode()


def test_parquet_text_that_is_not_utf8_is_one_reject(tmp_path):
    bad = pa.array([b"1", b"\xff", b"3"], pa.binary()).view(pa.string())
    fine = ["1", "2", "3"]
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"complaint_id": bad, "source_org": fine, "received_at": fine}), path)
    tables = read_file(path)
    assert [row["complaint_id"] for row in tables["complaints"]] == ["1", "3"]
    assert [(reject["position"], reject["code"]) for reject in tables["rejects"]] == [
        (2, "bad_encoding")
    ]


@pytest.mark.parametrize("number", ["NaN", "0.1", "1e300"])
def test_parquet_floats_are_not_lost(tmp_path, number):
    path = tmp_path / "a.parquet"
    columns = {name: ["1"] for name in ("call_id", "source_org", "started_at")}
    pq.write_table(pa.table(columns | {"duration_seconds": [float(number)]}), path)
    (row,) = read_file(path, calls=True)["calls"]
    assert repr(float(row["duration_seconds"])) == repr(float(number))


@given(st.binary(max_size=100))
def test_raw_comes_back(raw):
    assert decode_raw(*encode_raw(raw)) == raw


def test_a_cut_between_bytes_of_a_character_stays_utf8():
    text, encoding = encode_raw("\u00e9".encode() * 40_000 + b"x")
    assert encoding == "utf-8"
    text, encoding = encode_raw(b"x" + "\u00e9".encode() * 40_000)
    assert (encoding, len(text.encode())) == ("utf-8", 65_535)
