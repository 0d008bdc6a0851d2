"""From the options of a stream to its queue: Kafka's or Pub/Sub's, with ticks by the clock."""

# ruff: noqa: PLC0415 - Kafka needs Java and Pub/Sub an extra: each is loaded when it is asked for

from __future__ import annotations

import json
import tomllib
from datetime import datetime
from importlib import import_module
from typing import Any

import apache_beam as beam

from pipelines.options import UsageError
from pipelines.plan import read_text
from pipelines.queue_options import TIMESTAMPS
from pipelines.stream_options import StreamOptions
from schemas.kinds import RecordKind
from transforms.live.messages import Decoder, Encoding
from transforms.live.ticks import Clock
from transforms.read.options import ReadOptions


def queue(options: StreamOptions, reading: ReadOptions) -> beam.PTransform:
    """The source that the options name.

    Raises:
        UsageError: if a file of settings or a schema cannot be used, or an extra is not installed.
    """
    clock = Clock(options.every, options.snapshot_every)
    if options.source == "kafka":
        return _kafka(options, reading, clock)
    return _pubsub(options, reading, clock)


def _kafka(options: StreamOptions, reading: ReadOptions, clock: Clock) -> beam.PTransform:
    from transforms.live.kafka import FromKafka, Kafka

    start = None
    if options.kafka_start not in ("earliest", "latest"):
        start = int(datetime.fromisoformat(options.kafka_start).timestamp() * 1000)
    config = kafka_settings(options) | {
        "group.id": options.kafka_group,
        "auto.offset.reset": "earliest" if start is not None else options.kafka_start,
        "enable.auto.commit": "false",
    }
    topics = {
        RecordKind.COMPLAINT: options.kafka_complaints,
        RecordKind.CALL: options.kafka_calls,
    }
    kafka = Kafka(
        config=config,
        topics={kind: topic for kind, topic in topics.items() if topic},
        policy=TIMESTAMPS[options.kafka_timestamps],
        start=start,
        commit=_commits(options),
        expansion=options.kafka_expansion,
        decoder=_decoder(options),
    )
    return FromKafka(kafka, reading, clock)


def _commits(options: StreamOptions) -> bool:
    """Whether Beam commits offsets, for which it needs stable input.

    Prism does not have it, and Flink's portable runner not beside a source that it splits: 2.62.0
    fails at each checkpoint, "State backend must be locked when retrieving the current key".
    """
    if options.kafka_commit is None:
        return any("DataflowRunner" in flag for flag in options.beam)
    return options.kafka_commit == "yes"


def _pubsub(options: StreamOptions, reading: ReadOptions, clock: Clock) -> beam.PTransform:
    from transforms.live.pubsub import FromPubSub, PubSub

    try:
        import_module("google.cloud.pubsub")
    except ImportError:
        raise UsageError(
            "--pubsub-complaints: Pub/Sub is not installed; pip install 'ringtrace[gcp]'"
        ) from None
    names = {
        RecordKind.COMPLAINT: options.pubsub_complaints,
        RecordKind.CALL: options.pubsub_calls,
    }
    pubsub = PubSub(
        subscriptions={kind: name for kind, name in names.items() if name},
        id_label=options.pubsub_id_label,
        timestamp_attribute=options.pubsub_timestamp_attribute,
        decoder=_decoder(options),
    )
    return FromPubSub(pubsub, reading, clock)


def kafka_settings(options: StreamOptions) -> dict[str, str]:
    """Settings of Kafka's Java client: the brokers, and what `--kafka-config` adds.

    `security_protocol` and `"security.protocol"` are one name.

    Raises:
        UsageError: if it is no TOML of plain values, which are not said: one may be a password.
    """
    settings = {"bootstrap.servers": options.kafka_servers or ""}
    path = options.kafka_config
    try:
        given = tomllib.loads(read_text(path)) if path is not None else {}
    except tomllib.TOMLDecodeError:
        raise UsageError(f'{path}: is no TOML; write name = "value" lines') from None
    for name, value in given.items():
        if not isinstance(value, str | int | float):
            raise UsageError(f"{path}: {name}: is no plain value; give text, a number or true")
        plain = str(value).lower() if isinstance(value, bool) else str(value)
        settings[name.replace("_", ".")] = plain
    return settings


def client_settings(options: StreamOptions) -> dict[str, Any]:
    """The same for kafka-python, without the brokers: its names have `_`, its values types."""
    plain: dict[str, Any] = {"true": True, "false": False}
    return {
        name.replace(".", "_"): plain.get(value, int(value) if value.isdecimal() else value)
        for name, value in kafka_settings(options).items()
        if name != "bootstrap.servers"
    }


def _decoder(options: StreamOptions) -> Decoder:
    encoding = Encoding(options.encoding)
    if encoding is Encoding.JSON or options.avro_schema is None:
        return Decoder()
    import fastavro

    text = read_text(options.avro_schema)
    try:
        fastavro.parse_schema(json.loads(text))
    except (ValueError, fastavro.schema.SchemaParseException) as error:
        told = " ".join(str(error).split())[:200]
        raise UsageError(f"{options.avro_schema}: is no Avro schema: {told}") from None
    return Decoder(encoding, text)
