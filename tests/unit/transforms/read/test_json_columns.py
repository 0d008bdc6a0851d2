"""The parser of whole columns takes plain rows, and gives what the parser of objects gives."""

import json

import pyarrow as pa
import pytest
from hypothesis import example, given, strategies as st

from schemas.enums import RecordKind
from transforms.read.adapters import contract_json
from transforms.read.files import ReadOptions
from transforms.read.framing import Origin, Record

TEXT = (
    st.none()
    | st.text(max_size=5)
    | st.sampled_from(("", "\u0000", "é\u2028", "\U0001f600", '"\\'))
)

NUMBER = st.sampled_from(
    ("0", "-0", "62", "-7", "007", "1.50", "1e3", "1E400", "NaN", '"12.5"', '"x"', "null",
     "9223372036854775807", "9223372036854775808", "true")
)  # fmt: skip

ODD = st.sampled_from(
    (
        b"",
        b"{}",
        b"[]",
        b"{",
        b'{"victim_id":"a"}{"victim_id":"b"}',
        b'{"victim_id":"a"',
        b'}{"victim_id":"b"}',
        b'{"victim_id":"a","victim_id":"b"}',
        b'{"victim_id":"\\ud800"}',
        b'{"victim_id":"\\udc00"}',
        b'{"victim_id":"\\ud83d\\ude00"}',
        b'{"victim_id":"\xff"}',
        b'{"victim_id":"\xed\xa0\x80"}',
        b'{"victim_id":"a\tb"}',
        b'{"victim_id":7}',
        b'{"victim_id":["a"]}',
        b'{"strange":1}',
        b'{"phone_numbers":[{"raw":"1","extra":2}]}',
        b'{"phone_numbers":[null,{"raw":null}],"urls":[null,"x"],"payments":[]}',
        b'{"phone_numbers":{"raw":"1"}}',
        b'{"narrative":' + b"[" * 70 + b"]" * 70 + b"}",
        b' {"victim_id":"a"} ',
        b'{"victim_id":"a"}\n{"victim_id":"b"}',
        b'{"victim_id" : "a" , "urls" : [ "b" ] }',
        b"{'victim_id':'a'}",
        b'{"victim_id":"a",}',
        b'{"victim_id":"a"}//',
        b'/*{*/{"victim_id":"a"}',
    )
)


@st.composite
def objects(draw):
    row = {}
    for name in draw(st.sets(st.sampled_from(("complaint_id", "narrative", "received_at")))):
        row[name] = draw(TEXT)
    if draw(st.booleans()):
        row["urls"] = draw(st.none() | st.lists(TEXT, max_size=3))
    if draw(st.booleans()):
        numbers = st.fixed_dictionaries({}, optional={"raw": TEXT, "role": TEXT})
        row["phone_numbers"] = draw(st.none() | st.lists(st.none() | numbers, max_size=3))
    text = json.dumps(row, ensure_ascii=draw(st.booleans()))
    if draw(st.booleans()):
        amount = draw(NUMBER)
        more = f'"loss_amount":{amount},"payments":[{{"amount":{amount},"method":"bank"}}]'
        text = text[:-1] + (", " if row else "") + more + "}"
    return text.encode("utf-8", "surrogatepass")


def origin(kind):
    return Origin("f.jsonl", "jsonl", kind)


def records(lines):
    return [Record(n, line, len(line)) for n, line in enumerate(lines, 1)]


def read_one_by_one(kind, rows):
    objects = [contract_json.parse_object(one.data) for one in rows]
    return contract_json.read_objects(origin(kind), rows, objects, ReadOptions())


@given(st.lists(objects() | objects() | objects() | ODD, max_size=4))
@example([b'{"victim_id":"a"}{"victim_id":"b"}', b'{"narrative":', b'"x"}'])
@example([b'{"victim_id":"a"}{"narrative":', b'{"raw":1}}'])
@example([b'{"loss_amount":1}', b'{"loss_amount":-0}'])
def test_both_parsers_agree_on_every_row(lines):
    rows = records(lines)
    batch, rejects = contract_json.read_records(origin(RecordKind.COMPLAINT), rows, ReadOptions())
    expected, refused = read_one_by_one(RecordKind.COMPLAINT, rows)
    assert rejects == refused
    assert batch.to_pylist() == expected.to_pylist()
    assert batch.schema == expected.schema
    batch.validate(full=True)


@pytest.mark.parametrize("amount", ["62", '"62"', "null"])
def test_plain_rows_do_take_the_fast_way(amount):
    line = f'{{"call_id":"c","started_at":"2026-01-01T00:00:00Z","duration_seconds":{amount}}}'
    found = contract_json.plain_columns(RecordKind.CALL, records([line.encode()] * 3))
    assert found is not None
    assert found["duration_seconds"].to_pylist() == [json.loads(amount) and "62"] * 3
    assert found["duration_seconds"].type == pa.string()


@pytest.mark.parametrize("line", [b'{"strange":1}', b'{"call_id":"\\ud800"}', b'{"call_id":1}'])
def test_one_row_that_is_not_plain_sends_all_to_the_parser_of_objects(line):
    rows = records([b'{"call_id":"c"}', line])
    assert contract_json.plain_columns(RecordKind.CALL, rows) is None
