"""Contract objects: exact numbers, hostile JSON, wrong types."""

import json
from decimal import Decimal

import pytest
from hypothesis import given, strategies as st

from schemas.enums import RecordKind
from transforms.read.adapters import input_contract
from transforms.read.files import ReadOptions
from transforms.read.framing import (
    MAX_DEPTH,
    BadRecordError,
    Origin,
    Record,
    parse_exact_json,
    parse_json,
)


def read(*lines, kind=RecordKind.COMPLAINT, **options):
    origin = Origin("a.jsonl", "jsonl", kind)
    records = [Record(n, line, len(line)) for n, line in enumerate(lines, 1)]
    batch, rejects = input_contract.read_records(origin, records, ReadOptions(**options))
    batch.validate(full=True)
    return batch.to_pylist(), rejects


def only(line):
    rows, rejects = read(line)
    assert len(rows) + len(rejects) == 1
    return rows[0] if rows else (str(rejects[0].code), rejects[0].field)


@pytest.mark.parametrize(
    "number",
    ["0.1", "0.10", "-0", "1e3", "1E400", "NaN", "-Infinity", "0", "12345678901234567890123",
     "0.1000000000000000055511151231257827", "9" * 5000],
)  # fmt: skip
def test_amounts_keep_their_text(number):
    row = only(f'{{"complaint_id":"1","loss_amount":{number}}}'.encode())
    assert row["loss_amount"] == number or Decimal(row["loss_amount"]) == Decimal(number)
    if "." in number:
        assert row["loss_amount"] == number


@given(
    st.decimals(allow_nan=False, allow_infinity=False),
    st.decimals(allow_nan=False, allow_infinity=False),
)
def test_every_decimal_survives(loss, paid):
    text = f'{{"loss_amount":{str(loss).lower()},"payments":[{{"amount":{str(paid).lower()}}}]}}'
    if "e+" in text or "e-" in text or "e" not in text.replace("payee", ""):
        row = only(text.encode())
        assert Decimal(row["loss_amount"]) == loss
        assert Decimal(row["payments"][0]["amount"]) == paid


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        (b'{"complaint_id":1}', ("wrong_type", "complaint_id")),
        (b'{"complaint_id":1.0,"loss_amount":0.5}', ("wrong_type", "complaint_id")),
        (b'{"loss_amount":true}', ("wrong_type", "loss_amount")),
        (b'{"urls":"x"}', ("wrong_type", "urls")),
        (b'{"phone_numbers":["1"]}', ("wrong_type", "phone_numbers")),
        (b'{"phone_numbers":[{"raw":1}]}', ("wrong_type", "phone_numbers.raw")),
        (b'{"payments":[{"amount":{}}]}', ("wrong_type", "payments.amount")),
        (b"[1]", ("not_an_object", None)),
        (b"{", ("broken_json", None)),
        (b'{"complaint_id":"a\0b"}', ("broken_json", None)),
        (b'{"a":"\\ud800"}', ("bad_encoding", None)),
        (b'{"\\udfff":NaN}', ("bad_encoding", None)),
        (b"[" * 100_000, ("broken_json", None)),
        (b'{"a":' * 900 + b"NaN" + b"}" * 900, ("broken_json", None)),
    ],
)
def test_what_breaks_the_contract_is_one_reject(line, wanted):
    assert only(line) == wanted


@pytest.mark.parametrize("number", [b"1", b"NaN"])
def test_nesting_counts_alike_in_both_parsers(number):
    def nested(depth):
        return b'{"a":' * depth + number + b"}" * depth

    parse_json(nested(MAX_DEPTH))
    with pytest.raises(BadRecordError):
        parse_json(nested(MAX_DEPTH + 1))


def test_null_is_absent_and_the_last_duplicate_wins():
    row = only(b'{"complaint_id":"1","complaint_id":"2","urls":null,"emails":[null]}')
    assert (row["complaint_id"], row["urls"], row["emails"]) == ("2", None, [None])


def test_unknown_names_are_bounded():
    line = {"complaint_id": "1", "é": 1, "x" * 65: 1, "foo": None, "jane_202-555-0143": 1}
    line["phone_numbers"] = [{"raw": "1", "note": 1}]
    row = only(json.dumps(line).encode())
    assert row["unknown"] == ["foo", "other", "phone_numbers.note"]


def test_what_a_payment_states_is_read():
    stated = {
        "paid_at": "2026-05-01",
        "reference": 4711,
        "beneficiary_name": "Jane Doe",
        "beneficiary_bank": "Example Bank",
        "status": "pending",
    }
    row = only(json.dumps({"payments": [{"payee": "x", "note": 1} | stated]}).encode())
    assert row["unknown"] == ["payments.note"]
    expected = stated | {"payee": "x", "reference": "4711", "method": None}
    assert row["payments"] == [expected | {"amount": None, "currency": None}]


def test_source_org_is_for_rows_that_name_none():
    rows, _ = read(b'{"source_org":"x"}', b"{}", source_org="mine")
    assert [row["source_org"] for row in rows] == ["x", "mine"]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["raw", "role", "amount", "urls", "payments", "narrative"])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(values)
def test_the_fast_parser_agrees_with_the_exact_one(value):
    text = json.dumps(value)

    def plain(value):
        if isinstance(value, dict):
            return {key: plain(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [plain(inner) for inner in value]
        return (
            value
            if value is None or isinstance(value, bool) or type(value) is str
            else float(value)
        )

    assert repr(plain(parse_json(text.encode()))) == repr(plain(parse_exact_json(text.encode())))
