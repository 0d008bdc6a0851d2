"""From a topic through an engine to alerts in a topic: Beam's own Kafka source and sink, live."""

import io
import json
import time
from datetime import datetime

import apache_beam as beam
import fastavro
import pyarrow.dataset as ds
import pytest
from apache_beam.options.pipeline_options import PipelineOptions

from pipelines.streaming.options import parse
from pipelines.streaming.pipeline import build
from pipelines.streaming.plan import engine_plan, queue_source, read_options
from schemas.reject import Code
from tests.end_to_end.streaming.test_alerts import CALLS, INNOCENT, KNOWN, NEW, kinds_of
from tests.engines.batch import stream_flags
from tests.engines.topics import read_all, send

pytestmark = pytest.mark.kafka

LONGEST = 240
"""Seconds until a stream must have raised what there is."""


def line(row, org=None):
    """A record as a message: the key spreads, and the header stands in for an organisation."""
    if org is None:
        return b"k", json.dumps(row).encode()
    bare = {name: value for name, value in row.items() if name != "source_org"}
    return b"k", json.dumps(bare).encode(), [("source_org", org.encode())]


SCHEMA = {
    "type": "record",
    "name": "Complaint",
    "fields": [
        {"name": "complaint_id", "type": "string"},
        {"name": "source_org", "type": ["null", "string"], "default": None},
        {"name": "received_at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "victim_country", "type": "string"},
        {"name": "victim_id", "type": ["null", "string"], "default": None},
        {"name": "narrative", "type": ["null", "string"], "default": None},
        {
            "name": "phone_numbers",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Number",
                    "fields": [
                        {"name": "raw", "type": "string"},
                        {"name": "role", "type": "string"},
                    ],
                },
            },
        },
    ],
}


def avro(row):
    """A record in the frame of a schema registry, with the organisation in a header."""
    bare = row | {"source_org": None, "received_at": datetime.fromisoformat(row["received_at"])}
    stream = io.BytesIO(b"\0\0\0\0\7")
    stream.seek(0, io.SEEK_END)
    fastavro.schemaless_writer(stream, fastavro.parse_schema(SCHEMA), bare)
    return b"k", stream.getvalue(), [("source_org", row["source_org"].encode())]


def alerts_sent(kafka, topic):
    """Alerts in a topic, by their key."""
    return {key.decode(): json.loads(value) for key, value in read_all(kafka, topic)}


RAISED = {("threshold", "phone:+18555550106"), ("several_orgs", "phone:+18445550107")}
"""The alerts of the records of the tests."""


def live(kafka, beam_kafka, topic, folder):
    """The words of a stream from a topic, whose alerts go to a topic."""
    return [
        *("--kafka-servers", kafka, "--kafka-complaints", topic, "--tick-interval", 5),
        *("--kafka-alerts", f"{topic}-alerts", "--kafka-expansion", beam_kafka),
        *("--output", folder / "out"),
    ]


def streamed(words, engine, enough):
    """Run a stream on an engine until it has raised enough."""
    flags = stream_flags(engine)
    options = parse([*map(str, words), *flags])
    pipeline = beam.Pipeline(options=PipelineOptions(flags))
    build(pipeline, engine_plan(options, queue_source(options, read_options(options))))
    result = pipeline.run()
    try:
        end = time.monotonic() + LONGEST
        while time.monotonic() < end and not enough():
            time.sleep(1)
    finally:
        result.cancel()
    assert enough()


def test_alerts_of_a_topic_are_in_a_topic_once(kafka, beam_kafka, engine, topic, tmp_path):
    rows = [*KNOWN, *NEW, *NEW, *INNOCENT]
    send(kafka, f"{topic}-calls", [line(row) for row in CALLS])
    send(kafka, topic, [line(row, row["source_org"]) for row in rows])
    words = [*live(kafka, beam_kafka, topic, tmp_path), "--kafka-calls", f"{topic}-calls"]
    streamed(words, engine, lambda: len(read_all(kafka, f"{topic}-alerts")) >= len(RAISED))
    sent = alerts_sent(kafka, f"{topic}-alerts")
    assert kinds_of(sent) == RAISED
    assert all(key == alert["alert_id"] for key, alert in sent.items())
    assert len(read_all(kafka, f"{topic}-alerts")) == len(sent)


def test_avro_values_of_a_topic_raise_the_same_alerts_and_what_is_none_is_rejected(
    kafka, beam_kafka, engine, topic, tmp_path
):
    (tmp_path / "complaint.avsc").write_text(json.dumps(SCHEMA))
    send(kafka, topic, [(b"k", b"\0no Avro"), *map(avro, [*KNOWN, *NEW, *INNOCENT])])
    words = [
        *live(kafka, beam_kafka, topic, tmp_path),
        *("--encoding", "avro-confluent", "--avro-schema", tmp_path / "complaint.avsc"),
    ]

    def enough():
        rejects = list((tmp_path / "out" / "rejects").glob("*.parquet"))
        return rejects and len(read_all(kafka, f"{topic}-alerts")) >= 2

    streamed(words, engine, enough)
    assert kinds_of(alerts_sent(kafka, f"{topic}-alerts")) == RAISED
    (reject,) = ds.dataset(tmp_path / "out" / "rejects").to_table().to_pylist()
    assert reject["source"].startswith(f"kafka:{topic}:")
    assert reject["code"] == Code.BAD_ENCODING
