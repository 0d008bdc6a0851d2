"""The flags of `ringtrace stream`: one source, and one line where its needs are not met."""

import json

import pytest
from apache_beam.options.pipeline_options import PortableOptions

from pipelines.options import UsageError
from pipelines.streaming.__main__ import main
from pipelines.streaming.options import parse
from pipelines.streaming.plan import kafka_settings, queue_source
from transforms.read.files import ReadOptions
from transforms.stream.sources import Encoding

KAFKA = ["--kafka-servers", "b1:9092,b2:9092", "--kafka-complaints", "complaints"]

OUT = ["--output", "out", "--runner=FlinkRunner"]


def queue_of(options):
    """The one queue that options name."""
    (queue,) = queue_source(options, ReadOptions()).queues.values()
    return queue


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (OUT, "give one source"),
        (["--watch", "in", *KAFKA, *OUT], "give one source"),
        (["--kafka-complaints", "t", *OUT], "give --kafka-servers"),
        (
            ["--pubsub-calls", "projects/made-up/subscriptions/calls", "--output", "o"],
            "give --runner",
        ),
        ([*KAFKA, "--output", "o", "--encoding", "avro", "--avro-schema", "x"], "json alone"),
        (KAFKA, "give --output"),
        ([*KAFKA, *OUT, "--stop-after-idle", "3"], "drain the job instead"),
        ([*KAFKA, *OUT, "--encoding", "avro"], "give --avro-schema"),
        ([*KAFKA, *OUT, "--kafka-start", "yesterday"], "not an ISO 8601 time"),
        (["--kafka-servers", "b", "--kafka-calls", "t", *OUT], "is not HOST:PORT"),
        ([*KAFKA[:2], "--kafka-calls", "a topic", *OUT], "is not a topic's name"),
        (["--pubsub-complaints", "complaints", *OUT], "projects/PROJECT/subscriptions/NAME"),
        (["--watch", "in", "--output", "o", "--kafka-alerts", "a", *KAFKA[:2]], "--webhook alone"),
        ([*KAFKA, *OUT, "--webhook", "http://hooks.example/"], "in clear"),
    ],
)
def test_wrong_usage_is_one_line(words, told):
    with pytest.raises(UsageError) as error:
        parse(words)
    assert told in str(error.value)
    assert "\n" not in str(error.value)


def test_a_config_file_and_the_command_line(tmp_path):
    path = tmp_path / "stream.toml"
    path.write_text(
        'kafka-servers = "b:9092"\nkafka_calls = "calls"\n'
        'retention = ["phone=30"]\ntick-interval = 60\n'
    )
    options = parse(["--config", str(path), "--tick-interval", "5", *OUT])
    assert (options.source, options.kafka_calls, options.tick_interval) == ("kafka", ("calls",), 5)
    assert options.retention == {"phone": 30}
    assert options.beam == ("--runner=FlinkRunner",)


def test_where_kafka_is_read_from(tmp_path):
    config = tmp_path / "kafka.toml"
    config.write_text('security_protocol = "SASL_SSL"\n"sasl.password" = "a=b"\n')
    words = [*KAFKA, *OUT, "--kafka-config", str(config), "--kafka-timestamps", "create"]
    options = parse([*words, "--kafka-start", "2026-03-01T00:00:00Z", "--kafka-group", "g"])
    source = queue_of(options)
    assert source.config == {
        "bootstrap.servers": "b1:9092,b2:9092",
        "security.protocol": "SASL_SSL",
        "sasl.password": "a=b",
        "group.id": "g",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": "false",
    }
    assert source.start == 1772323200000
    assert source.policy == "CreateTime"
    assert source.topics == ("complaints",)
    assert queue_of(parse([*words, "--kafka-start", "latest"])).start is None


@pytest.mark.parametrize(
    ("flags", "commits"),
    [
        ([], False),
        (["--runner=FlinkRunner"], False),
        (["--runner=DataflowRunner"], True),
        (["--runner=DataflowRunner", "--kafka-commit", "no"], False),
        (["--kafka-commit", "yes"], True),
    ],
)
def test_offsets_are_committed_where_the_engine_can(flags, commits):
    assert queue_of(parse([*KAFKA, *OUT, *flags])).commit is commits


@pytest.mark.parametrize("content", ["hunter2", "sasl_password = ['hunter2']"])
def test_settings_that_are_none_do_not_tell_their_value(content, tmp_path):
    config = tmp_path / "kafka.toml"
    config.write_text(content)
    with pytest.raises(UsageError, match=r"kafka\.toml") as error:
        kafka_settings(parse([*KAFKA, *OUT, "--kafka-config", str(config)]))
    assert "hunter2" not in str(error.value)


def test_a_job_server_that_is_not_there_is_one_line(capsys):
    portable = ["--output", "out", "--runner=PortableRunner", "--kafka-expansion", "127.0.0.1:1"]
    for endpoint in ("127.0.0.1:1", "nowhere", "127.0.0.1:99999999"):
        assert main([*KAFKA, *portable, f"--job_endpoint={endpoint}"]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith(f"--job_endpoint {endpoint}: no job server answers there")


def test_a_job_is_followed_for_longer_than_beam_would(monkeypatch):
    seen = []

    def refused(options, **_):
        seen.append(options.view_as(PortableOptions).job_server_timeout)
        raise ValueError("seen enough")

    monkeypatch.setattr("apache_beam.Pipeline", refused)
    for more in ([], ["--job_server_timeout=7"]):
        assert main([*KAFKA, *OUT, "--kafka-expansion", "127.0.0.1:1", *more]) == 2
    assert seen == [31_536_000, 7]


def test_an_avro_schema_is_checked_first(tmp_path):
    path = tmp_path / "complaint.avsc"
    path.write_text(json.dumps({"type": "record", "name": "C", "fields": []}))
    words = [*KAFKA, *OUT, "--encoding", "avro-confluent", "--avro-schema", str(path)]
    assert queue_source(parse(words), ReadOptions()).decoder.encoding is Encoding.AVRO_CONFLUENT
    for content in ("no json", '{"type": "nonsense"}'):
        path.write_text(content)
        with pytest.raises(UsageError, match="is not an Avro schema"):
            queue_source(parse(words), ReadOptions())
