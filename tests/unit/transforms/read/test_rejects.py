"""Rejects, fed back in."""

import pyarrow as pa
import pyarrow.parquet as pq

from schemas.enums import RecordKind
from schemas.reject import RAW_LIMIT, REJECT, Code
from tests.support.read_files import FOIA_HEADER_WITH_EXTENSION, read_file
from transforms.read.adapters import asterisk_cdr
from transforms.read.framing import Origin, Record, join_cells
from transforms.read.rejects import Reject, rejects_batch


def one(position, format_, raw, kind=RecordKind.COMPLAINT, size=None):
    record = Record(position, raw, size or len(raw))
    return Reject(Origin("f", format_, kind), record, Code.BAD_VALUE, "m")


def fed_back(tmp_path, rejects, **how):
    path = tmp_path / "rejects.parquet"
    pq.write_table(pa.Table.from_batches([rejects_batch(rejects)]), path)
    return read_file(path, **how)


def test_each_row_is_read_by_its_own_adapter(tmp_path):
    foia = join_cells(FOIA_HEADER_WITH_EXTENSION)
    rejects = [
        one(1, "jsonl", b'{"complaint_id":"1"}'),
        one(2, "ftc-dnc", b"1,a,b,c,d,e,f,Y"),
        one(3, f"ftc-foia:{foia}", b"1,05/28/2014,A,ID,Caf\x8e,989,9414313,5,Phone,9043"),
        one(4, "csv:received_at,complaint_id", b"t,9"),
        one(5, "fcc", b'{"id":"7"}'),
        one(6, "asterisk", b",".join([b"x"] * len(asterisk_cdr.HEADER)), RecordKind.CALL),
        one(7, "nonsense", b"x"),
        one(8, "asterisk", b"x"),
        one(9, "jsonl", b'{"complaint_id":"' + b"x" * (RAW_LIMIT - 17), size=70_017),
        one(10, "csv:a,a", b"1,2"),
        one(11, "parquet", b'{"complaint_id":"p"}'),
        one(12, "", b"x"),
    ]
    tables = fed_back(tmp_path, rejects)
    rows = {row["position"]: row for row in tables["complaints"]}
    assert set(rows) == {1, 2, 3, 4, 5, 11}
    assert rows[3]["claimed_brand"] == "Caf\u00e9"
    assert (rows[4]["complaint_id"], rows[4]["received_at"]) == ("9", "t")
    assert rows[5]["complaint_id"] == "7"
    assert {row["position"]: row["code"] for row in tables["rejects"]} == {
        7: "bad_value",
        8: "bad_value",
        9: "row_too_large",
        10: "bad_value",
        12: "bad_value",
    }
    assert [row["position"] for row in fed_back(tmp_path, rejects, calls=True)["calls"]] == [6]


def test_rows_that_reading_rejects_can_be_fixed_and_read(tmp_path, written):
    path = written('received_at,complaint_id,source_org\nt,1,x\nt,"2,x\nt,3\n')
    first = read_file(path)
    assert [row["position"] for row in first["rejects"]] == [3, 4]
    fixed = [row | {"raw": f"t,{n},x"} for n, row in enumerate(first["rejects"], 2)]
    table = pa.Table.from_pylist(fixed, schema=REJECT)
    again = tmp_path / "fixed.parquet"
    pq.write_table(table, again)
    second = read_file(again)
    assert [row["complaint_id"] for row in second["complaints"]] == ["2", "3"]
    assert not second["rejects"]


def test_messages_hold_nothing_from_the_row(written):
    path = written(
        '{"complaint_id":"1"}\n{"complaint_id":["secret"]}\n{"secret\n["secret"]\n', "a.jsonl"
    )
    tables = read_file(path)
    assert len(tables["rejects"]) == 3
    assert not any("secret" in row["message"] for row in tables["rejects"])
