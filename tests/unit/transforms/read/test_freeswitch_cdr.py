"""FreeSWITCH records: both shapes of callflow, encoded values, and hostile input."""

import json
from urllib.parse import quote

import pytest

from schemas.enums import RecordKind
from tests.support.read_files import COMPRESS, read_file
from transforms.read.adapters.freeswitch_cdr import read_legs
from transforms.read.files import ReadOptions
from transforms.read.framing import Origin, Record
from transforms.redact.rejects import mask_rejected_text

ORIGIN = Origin("a", "freeswitch", RecordKind.CALL)

VARIABLES = {
    "direction": "inbound",
    "uuid": "e3133bf7-dcde-4daf-9663-9a79ffcef5ad",
    "sip_from_user": "+18885550123",
    "sip_to_user": "+12025550143",
    "sip_full_from": '"Amazon" <sip:+18885550123@203.0.113.7>;tag=YwuG8U3r',
    "sip_network_ip": "203.0.113.7",
    "sip_gateway": "carrier-1",
    "start_stamp": "2015-07-07 16:52:08",
    "start_epoch": "1436280728",
    "start_uepoch": "1436280728471153",
    "billsec": "65",
    "duration": "66",
}

PROFILE = {
    "caller_id_number": "+18885550123",
    "network_addr": "198.51.100.9",
    "destination_number": "+12025550143",
    "uuid": VARIABLES["uuid"],
}


def leg(variables=VARIABLES, callflow=None, encoded=True):
    """A record as mod_json_cdr writes it, some of its parts left out."""
    values = {k: quote(v, safe="") if encoded else v for k, v in variables.items()}
    flow = [{"caller_profile": PROFILE}] if callflow is None else callflow
    return {"core-uuid": "651a8db2", "variables": values, "callflow": flow}


def parse(value, **options):
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    batch, rejects = read_legs(ORIGIN, [Record(1, data, len(data))], ReadOptions(**options))
    batch.validate(full=True)
    assert batch.num_rows + len(rejects) == 1
    return batch.to_pylist()[0] if batch.num_rows else rejects[0]


@pytest.mark.parametrize("encoded", [True, False])
@pytest.mark.parametrize(
    "callflow",
    [[{"caller_profile": PROFILE}, {"caller_profile": {}}], {"caller_profile": PROFILE}, []],
)
def test_a_leg_is_a_call(encoded, callflow):
    row = parse(leg(callflow=callflow, encoded=encoded), calls_direction="inbound")
    wanted = {
        "call_id": VARIABLES["uuid"],
        "source_org": "freeswitch",
        "started_at": "2015-07-07T14:52:08.471153+00:00",
        "duration_seconds": "65",
        "direction": "inbound",
        "calling_number": "+18885550123",
        "called_number": "+12025550143",
        "trunk": "carrier-1",
        "source_ip": "203.0.113.7",
    }
    assert {name: row[name] for name in wanted} == wanted
    assert row["complaint_id"] is None


def test_the_direction_of_a_leg_is_not_that_of_the_call():
    assert parse(leg())["direction"] is None
    assert parse(leg(), calls_direction="outbound", source_org="acme")["direction"] == "outbound"
    assert parse(leg(), source_org="acme")["source_org"] == "acme"


@pytest.mark.parametrize(
    ("times", "wanted"),
    [
        ({"start_epoch": "1436280728"}, "2015-07-07T14:52:08+00:00"),
        ({"start_uepoch": "0", "start_epoch": "1436280728"}, "2015-07-07T14:52:08+00:00"),
        ({"start_uepoch": 1436280728471153}, "2015-07-07T14:52:08.471153+00:00"),
        ({"start_stamp": "2015-07-07%2016%3A52%3A08"}, "2015-07-07T16:52:08+00:00"),
        ({"start_stamp": "noon"}, "noon"),
        ({}, None),
    ],
)
def test_start_times(times, wanted):
    value = {"variables": {"uuid": "1"} | times, "callflow": []}
    row = parse(value)
    assert row["started_at"] == wanted


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (b"{", "broken_json"),
        (b'{"variables":{"uuid":"\\ud800"}}', "bad_encoding"),
        (b"[1]", "not_an_object"),
        ({"variables": [], "callflow": []}, "wrong_type"),
    ],
)
def test_other_records_are_one_reject(value, code):
    assert parse(value).code == code


def test_an_escape_breaks_no_json():
    """A quote, a backslash and a percent sign stay encoded; what is decoded is decoded once."""
    row = parse(leg(VARIABLES | {"uuid": 'a"\\%2B\n'}))
    assert row["call_id"] == "a%22%5C%252B%0A"


def test_a_reject_shows_no_number():
    parsed = parse({"variables": [leg()["variables"]], "callflow": []})
    assert parsed.record.size == len(parsed.record.data)
    assert json.loads(parsed.record.data)
    shown = mask_rejected_text(parsed.record.data.decode(), "call")
    assert "2025550143" not in shown
    assert "8885550123" not in shown


@pytest.mark.parametrize("pack", [bytes, *COMPRESS.values()])
@pytest.mark.parametrize("joint", [b"\n".join, lambda rows: b"[" + b",\n".join(rows) + b"]"])
@pytest.mark.parametrize("count", [1, 3])
def test_files_of_one_object_of_lines_and_of_an_array(written, pack, joint, count):
    rows = [json.dumps(leg(VARIABLES | {"uuid": str(n)})).encode() for n in range(count)]
    path = written(pack(joint(rows)), "a.cdr.json")
    tables = read_file(path, calls=True)
    assert [row["call_id"] for row in tables["calls"]] == [str(n) for n in range(count)]
    assert {row["format"] for row in tables["calls"]} == {"freeswitch"}
    assert tables["rejects"] == []
    named = read_file(path, calls=True, calls_format="freeswitch", shard_bytes=50)
    assert named == tables
