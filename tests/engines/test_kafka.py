"""The broker keeps what it is given, and Beam's own source reads it live on an engine."""

import json
import threading
import time

import apache_beam as beam
import pytest
from apache_beam.io.kafka import ReadFromKafka
from apache_beam.options.pipeline_options import PipelineOptions

from tests.engines import servers
from tests.engines.batch import stream_flags
from tests.engines.topics import read_all, send

pytestmark = pytest.mark.kafka


def test_a_broker_that_comes_back_has_what_was_sent(kafka, tmp_path):
    with servers.kafka(tmp_path) as first:
        send(first, "kept", [(b"a", b"1"), (b"b", b"2")])
    with servers.kafka(tmp_path) as second:
        send(second, "kept", [(b"c", b"3")])
        assert sorted(read_all(second, "kept")) == [(b"a", b"1"), (b"b", b"2"), (b"c", b"3")]


def _append(pair, path):
    with open(path, "a", encoding="utf-8") as file:  # noqa: PTH123 - in a worker
        file.write(json.dumps([part.decode() for part in pair]) + "\n")


def test_an_engine_reads_a_topic_as_it_grows(kafka, beam_kafka, engine, topic, tmp_path):
    seen = tmp_path / "seen.jsonl"
    seen.touch()

    def read():
        return sorted(json.loads(line) for line in seen.read_text().splitlines())

    def sent(numbers):
        return [(f"k{number}".encode(), f"v{number}".encode()) for number in numbers]

    send(kafka, topic, sent(range(50)))
    pipeline = beam.Pipeline(options=PipelineOptions(stream_flags(engine)))
    settings = {"bootstrap.servers": kafka, "auto.offset.reset": "earliest", "group.id": topic}
    (
        pipeline
        | ReadFromKafka(settings, [topic], expansion_service=beam_kafka)
        | beam.Map(_append, str(seen))
    )
    result = pipeline.run()
    try:
        for total in (50, 80):
            _until(lambda total=total: len(read()) >= total, 90)
            if total == 50:
                send(kafka, topic, sent(range(50, 80)))
    finally:
        result.cancel()
    assert read() == sorted([f"k{number}", f"v{number}"] for number in range(80))


def _until(holds, seconds):
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, "not in time"
        threading.Event().wait(0.2)
