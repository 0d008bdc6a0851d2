"""From the options of a stream to its plan: lists read and checked before anything starts.

From the options of a stream to its queue: Kafka's or Pub/Sub's, with ticks by the clock.

The file that names the clusters that were referred, and when.
"""

from __future__ import annotations

import csv
import io
import json
import tomllib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import apache_beam as beam

from pipelines.batch import plan
from pipelines.batch.plan import read_text
from pipelines.options import UsageError
from pipelines.streaming.options import TIMESTAMPS, StreamOptions
from pipelines.streaming.pipeline import Look, StreamPlan
from schemas.enums import RecordKind
from transforms.alerts.raise_alerts import Once
from transforms.alerts.rules import Rules
from transforms.alerts.sinks import PostAlerts, SendAlerts, ToKafka, ToPubSub, WriteAlerts
from transforms.graph.assign import cluster_number
from transforms.read.options import ReadOptions
from transforms.stream.in_process import LookAtOnePlace
from transforms.stream.snapshots import Snapshots
from transforms.stream.sources import Decoder, Encoding
from transforms.stream.state import DAYS, Clock, Keep


def reading(options: StreamOptions) -> ReadOptions:
    """What the user says about the inputs."""
    return ReadOptions(
        complaints_format=options.complaints_format,
        calls_format=options.calls_format,
        source_org=options.source_org,
        calls_direction=options.calls_direction,
        passport_keys=tuple(plan.read_text(path) for path in options.passport_keys),
    )


def days(options: StreamOptions) -> dict[str, int]:
    """For how long each kind of identifier counts."""
    return {str(kind): options.keep.get(kind, life) for kind, life in DAYS.items()}


def make_plan(
    options: StreamOptions, source: beam.PTransform, keep: beam.PTransform, *, snapshot: bool
) -> StreamPlan:
    """The plan of ticks on this machine, with or without one; the ledger of alerts is on its disk.

    Raises:
        UsageError: for a file that is missing or cannot be used.
    """
    whole = look(options)
    shown = whole if snapshot else replace(whole, snapshots=None)
    return StreamPlan(source, keep, shown, once=None, tell=sinks(options))


def engine_plan(options: StreamOptions, source: beam.PTransform) -> StreamPlan:
    """The plan of a stream on an engine that keeps state.

    Raises:
        UsageError: for a file that is missing or cannot be used.
    """
    return StreamPlan(
        source, Keep(days(options)), LookAtOnePlace(look(options)), Once(), sinks(options)
    )


def look(options: StreamOptions) -> Look:
    """Look at every list before the stream starts.

    Raises:
        UsageError: for a file that is missing or cannot be used.
    """
    plan.find(options.previous)
    told = {
        "alert_hours": options.alert_hours,
        "alert_records": options.alert_records,
        "calls_direction": options.calls_direction,
        "decisions": plan.told(options.decisions),
        "keep": days(options),
        "known_legitimate": [Path(path).name for path in options.known_legitimate],
        "referred": plan.told(options.referred),
        "source_org": options.source_org,
        "weights": plan.told(options.weights),
    }
    output = options.output.rstrip("/")
    return Look(
        output=output,
        known=plan.known_legitimate(options.known_legitimate),
        previous=options.previous,
        decisions=plan.decisions_in(options.decisions),
        weights=plan.weights_in(options.weights),
        days=days(options),
        shards=options.shards,
        snapshots=Snapshots(output, plan.versions(), told),
        rules=Rules(
            records=options.alert_records,
            within=timedelta(hours=options.alert_hours),
            referred=read_referred(options.referred),
        ),
    )


def sinks(options: StreamOptions) -> dict[str, beam.PTransform]:
    """Who is told of alerts: files always, and what the options name."""
    output = options.output.rstrip("/")
    told: dict[str, beam.PTransform] = {"files": WriteAlerts(output)}
    if options.webhook:
        told["webhook"] = PostAlerts(options.webhook, output, owe=options.local)
    if options.kafka_alerts and options.local:
        told["Kafka"] = SendAlerts(
            options.kafka_servers or "", options.kafka_alerts, output, client_settings(options)
        )
    elif options.kafka_alerts:
        told["Kafka"] = ToKafka(
            kafka_settings(options), options.kafka_alerts, options.kafka_expansion
        )
    if options.pubsub_alerts:
        told["Pub/Sub"] = ToPubSub(options.pubsub_alerts)
    return told


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
    from transforms.stream.sources import FromKafka, Kafka

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
    from transforms.stream.sources import FromPubSub, PubSub

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


COLUMNS = ("cluster_id", "referred_at")


def read_referred(path: str | None) -> dict[str, datetime]:
    """Cluster id to the time of its last referral; nothing without a file.

    Raises:
        UsageError: naming the file, the row, the field and what to do.
    """
    if path is None:
        return {}
    reader = csv.DictReader(io.StringIO(read_text(path)))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise UsageError(f"{path}: the first line must be {','.join(COLUMNS)}")
    found: dict[str, datetime] = {}
    for row in reader:
        place = f"{path}, row {reader.line_num}"
        name = (row["cluster_id"] or "").strip()
        try:
            cluster_number(name)
        except ValueError:
            raise UsageError(
                f"{place}, cluster_id: {name[:40]!r} is no cluster id; copy it from the report"
            ) from None
        when = _moment(row["referred_at"], place)
        found[name] = max(when, found.get(name, when))
    return found


def _moment(text: str | None, place: str) -> datetime:
    try:
        when = datetime.fromisoformat((text or "").strip())
    except ValueError:
        when = None
    if when is None or when.tzinfo is None:
        raise UsageError(
            f"{place}, referred_at: is not an ISO 8601 time with a zone, such as "
            "2026-03-01T00:00:00Z"
        )
    return when.astimezone(UTC)
