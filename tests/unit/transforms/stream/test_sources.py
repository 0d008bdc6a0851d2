"""Messages of a queue: every one a loose row or a reject, whatever its encoding."""

import io
import json
from datetime import UTC, datetime
from decimal import Decimal
from types import SimpleNamespace

import fastavro
import pytest
from hypothesis import given, strategies as st

from schemas.enums import RecordKind
from schemas.mapping import parse_map
from schemas.reject import Code
from tests.support.run_pipeline import complaint
from transforms.read.files import ReadOptions
from transforms.stream import sources
from transforms.stream.sources import Decoder, Encoding, Message, read_messages

SCHEMA = {
    "type": "record",
    "name": "Complaint",
    "fields": [
        {"name": "complaint_id", "type": "string"},
        {"name": "source_org", "type": ["null", "string"], "default": None},
        {"name": "received_at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {
            "name": "loss_amount",
            "type": [
                "null",
                {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 2},
            ],
            "default": None,
        },
        {"name": "urls", "type": {"type": "array", "items": "string"}, "default": []},
    ],
}

AVRO = Decoder(Encoding.AVRO, json.dumps(SCHEMA))

CONFLUENT = Decoder(Encoding.AVRO_CONFLUENT, json.dumps(SCHEMA))

ROW = {
    "complaint_id": "c1",
    "source_org": "amazon",
    "received_at": datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
    "loss_amount": Decimal("499.10"),
    "urls": ["hxxps://amzn-refund.example"],
}


def avro(row=ROW):
    stream = io.BytesIO()
    fastavro.schemaless_writer(stream, fastavro.parse_schema(SCHEMA), row)
    return stream.getvalue()


def rows(messages, decoder=Decoder(), kind=RecordKind.COMPLAINT, **options):  # noqa: B008
    """Loose rows, and (position, code) of rejects."""
    good, bad = [], []
    for tag, batch in read_messages(messages, kind, decoder, ReadOptions(**options)):
        if tag == "rejects":
            bad += [(row["position"], row["code"]) for row in batch.to_pylist()]
        else:
            good += batch.to_pylist()
    return good, bad


def test_json_values_keep_their_place_and_take_the_organisation_of_their_header():
    bare = complaint(1)
    del bare["source_org"]
    messages = [
        Message("kafka:t:0", 7, json.dumps(bare).encode(), "microsoft"),
        Message("kafka:t:1", 9, json.dumps(complaint(2)).encode(), "microsoft"),
    ]
    good, bad = rows(messages)
    assert not bad
    places = [
        (row["complaint_id"], row["source_org"], row["source"], row["position"]) for row in good
    ]
    assert places == [("c1", "microsoft", "kafka:t:0", 7), ("c2", "amazon", "kafka:t:1", 9)]


def container():
    """An object container file, which has its schema."""
    stream = io.BytesIO()
    fastavro.writer(stream, fastavro.parse_schema(SCHEMA), [ROW])
    return stream.getvalue()


@pytest.mark.parametrize(
    ("decoder", "data"),
    [(AVRO, avro()), (AVRO, container()), (CONFLUENT, b"\0\0\0\0\x07" + avro())],
    ids=["record", "container", "confluent"],
)
def test_avro_values_read_as_the_contract_writes_them(decoder, data):
    (row,), bad = rows([Message("t", 1, data)], decoder)
    assert not bad
    assert row["received_at"] == "2026-03-01T09:30:00+00:00"
    assert row["loss_amount"] == "499.10"
    assert row["urls"] == ROW["urls"]
    assert json.loads(row["raw"])["complaint_id"] == "c1"  # what can be mended


def test_poison_is_rejected_with_its_place_and_the_rest_is_read():
    messages = [
        Message("t", 1, b""),
        Message("t", 2, b"\xff\xfe"),
        Message("t", 3, b"[1]"),
        Message("t", 4, json.dumps(complaint(4)).encode()),
        Message("t", 5, b" " * (9 * 1024 * 1024)),
    ]
    good, bad = rows(messages)
    assert [row["complaint_id"] for row in good] == ["c4"]
    assert sorted(bad) == [
        (1, Code.NOT_AN_OBJECT),
        (2, Code.BAD_ENCODING),
        (3, Code.NOT_AN_OBJECT),
        (5, Code.ROW_TOO_LARGE),
    ]
    for data in (b"", avro()[:-3], avro() + b"x", b"\0\0\0\0\x07" + avro()):
        good, bad = rows([Message("t", 1, data)], AVRO)
        assert not good
        assert len(bad) == 1
    assert rows([Message("t", 1, avro())], CONFLUENT)[1] == [(1, Code.BAD_ENCODING)]


@given(st.lists(st.binary(max_size=60), max_size=5), st.sampled_from([Decoder(), AVRO, CONFLUENT]))
def test_whatever_comes_is_one_row_or_one_reject(values, decoder):
    good, bad = rows([Message("t", n, data) for n, data in enumerate(values)], decoder)
    assert len(good) + len(bad) == len(values)


def test_a_kafka_record_and_a_pubsub_message_as_messages():
    header = SimpleNamespace(key="source_org", value=b"amazon")
    record = SimpleNamespace(topic="t", partition=3, offset=42, value=b"{}", headers=[header])
    assert sources.kafka_message(record) == Message("kafka:t:3", 42, b"{}", "amazon")
    record = SimpleNamespace(topic="t", partition=3, offset=43, value=None, headers=None)
    assert sources.kafka_message(record) == Message("kafka:t:3", 43, b"")
    name = "projects/p/subscriptions/s"
    message = SimpleNamespace(message_id="123", data=b"{}", attributes={"source_org": "ftc"})
    assert sources.pubsub_message(message, name) == Message("pubsub:s", 123, b"{}", "ftc")
    nameless = SimpleNamespace(message_id="", data=b"{}", attributes=None)
    assert 0 <= sources.pubsub_message(nameless, name).position < 1 << 63


def test_values_of_another_form_are_read_by_a_map():
    by = parse_map(
        'version = 1\nkind = "complaint"\n[file]\nformat = "jsonl"\n[columns]\n'
        '"ticket.id" = "complaint_id"\nat = "received_at"\n',
        "m",
    )
    value = {"ticket": {"id": 7}, "at": "2026-06-01T00:00:00Z"}
    messages = [Message("kafka:t:0", 3, json.dumps(value).encode(), "microsoft")]
    messages.append(Message("kafka:t:0", 4, b'{"at": "soon"}', None))
    (row,), bad = rows(messages, maps=(by,))
    assert (row["complaint_id"], row["source_org"], row["position"]) == ("7", "microsoft", 3)
    assert bad == [(4, "bad_timestamp")]
