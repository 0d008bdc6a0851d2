"""Makes the plan of a stream: its source, its alerts and the steps of a tick.

All lists and settings are read and checked before anything starts.
"""

from __future__ import annotations

import csv
import io
import json
import logging
import tomllib
from argparse import ArgumentTypeError, Namespace
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems

from pipelines.batch.plan import find_previous, package_versions, read_options, recorded_options
from pipelines.key_store import erasures as read_erasures, register_source
from pipelines.options import Json, UsageError, moment
from pipelines.people import read_people
from pipelines.run_folder import check_private_output, private_store, run_signer
from pipelines.streaming.options import TIMESTAMPS
from pipelines.streaming.pipeline import AnalyzeTick, StreamPlan
from pipelines.user_files import (
    bind_to_previous,
    check_continues,
    check_no_row_lost,
    file_digest,
    read_decisions,
    read_known_legitimate,
    read_source_rules,
    read_text,
    read_weights,
)
from pipelines.wiring import RunPlan
from reports.tables import TableError
from schemas.decision import BOUND_DECISION
from schemas.enums import RecordKind
from schemas.extras import install_command
from schemas.mapping import FileFormat
from schemas.records import parse_toml
from schemas.tables import DECISIONS
from transforms.alerts import (
    ALERTS_FOLDER,
    SENT_FOLDER,
    AlertRules,
    DropRepeatedAlerts,
    SendAlertsToKafka,
    post_alerts,
    write_alert_files,
    write_alerts_to_kafka,
    write_alerts_to_pubsub,
)
from transforms.custody import AlteredRunError, Erasures, RunError
from transforms.decisions import BoundBy, Decision, DecisionsInForce, bound_rows, taken_over
from transforms.gates import open_bytes
from transforms.graph import cluster_number
from transforms.read import ReadOptions
from transforms.stream import (
    RETENTION_DAYS,
    Clock,
    Decoder,
    Encoding,
    KeepState,
    RunOnOneWorker,
    SnapshotOptions,
)
from transforms.write import is_local, parquet_bytes, write_output_file

BOUND_FILE = "state/decisions.parquet"
"""The private file, below a stream's output, of the bindings of its decisions."""

_log = logging.getLogger(__name__)

REFERRED_COLUMNS = ("cluster_id", "referred_at")
"""The columns of the file of `--referred`."""


def stream_read_options(options: Namespace) -> ReadOptions:
    """Returns the options on the format of records.

    Raises:
        UsageError: for a key or a map that cannot be used, or for a queue with a map not for JSON.
    """
    reading = read_options(options)
    for mapping in reading.maps:
        if options.source != "watch" and mapping.file.format is not FileFormat.JSONL:
            raise UsageError(f"{mapping.name}: a queue has records of JSON; use a map of jsonl")
    return reading


def retention_days(options: Namespace) -> dict[str, int]:
    """Returns the number of days that an identifier counts, by kind."""
    return {str(kind): options.retention.get(kind, life) for kind, life in RETENTION_DAYS.items()}


def watch_plan(
    options: Namespace,
    source: beam.PTransform,
    keep: beam.PTransform,
    analyze: AnalyzeTick,
    erasures: Erasures,
    raised: list[pa.RecordBatch] | None = None,
) -> StreamPlan:
    """Returns the plan of a tick on this machine, where the ledger of alerts is on disk.

    Args:
        options: options of the stream.
        source: source of the tick's records.
        keep: step that adds the records to the state.
        analyze: the steps of the tick.
        erasures: erased records, which are left out.
        raised: takes all alerts of the tick, also alerts sent before.

    Raises:
        UsageError: for a file that is missing or cannot be used.
    """
    rules = read_source_rules(options.sources)
    files, sinks = alert_sinks(options)
    if raised is not None:
        sinks["memory"] = beam.Map(raised.append)
    return StreamPlan(rules, source, keep, analyze, None, files, sinks, erasures)


def engine_plan(options: Namespace, source: beam.PTransform) -> StreamPlan:
    """Returns the plan of a stream on an engine that keeps state.

    Raises:
        UsageError: for a file that is missing or cannot be used.
    """
    erasures = current_erasures(options)
    return StreamPlan(
        read_source_rules(options.sources),
        source,
        KeepState(retention_days(options)),
        RunOnOneWorker(tick_analysis(options, erasures=erasures)),
        DropRepeatedAlerts(),
        *alert_sinks(options),
        erasures,
    )


def current_erasures(options: Namespace) -> Erasures:
    """Reads the list of erased records.

    Raises:
        UsageError: if it cannot be used.
    """
    return Erasures(read_erasures(options.register_key))


class LiveDecisions:
    """The decisions of a stream; their file is read again at every tick.

    If the file cannot be used, the earlier decisions stay, and `problem` says why. Bindings and
    signed rows are kept below the stream's output, so that a later tick, also after a restart, does
    not bind decisions again. A file that lacks a signed row cannot be used. With a local output,
    the same holds for a missing file.

    Raises:
        UsageError: if the file cannot be used at the start.
    """

    def __init__(self, options: Namespace) -> None:
        self._path = options.decisions
        self._previous = options.previous
        self._people, self._two_person = read_people(options.people), options.two_person
        self._output = options.output.rstrip("/")
        looks = self._path is not None or is_local(self._output)  # else no network is needed
        self._bound = self._kept() if looks else BOUND_DECISION.empty_table()
        self._known: tuple[Decision, ...] = self._read_file()
        self._file = file_digest(self._path)
        self._seen: object = None
        self.problem: str | None = None

    def read(self) -> tuple[tuple[Decision, ...], Mapping[str, str] | None]:
        """Returns the decisions in the file now, with their earlier bindings, and the file."""
        if self._path is None:
            return (), None
        self._seen = file_stamp(self._path)
        try:
            known, file = self._read_file(), file_digest(self._path)
            known = taken_over(known, self._bound)
            self._known, self._file = bind_to_previous(known, self._previous), file
            self.problem = None
        except (UsageError, RunError, AlteredRunError, TableError, OSError) as error:
            self._known = taken_over(self._known, self._bound)
            self.problem = f"{error}; the decisions of before stay in force"
            _log.warning("%s", self.problem)
        return self._known, self._file

    def keep(self, decided: DecisionsInForce) -> None:
        """Writes this tick's new bindings, if any."""
        kept = set(self._bound["decision_id"].to_pylist())
        if not any(
            decision.bound_by in (BoundBy.PREVIOUS, BoundBy.HERE)
            or (decision.signed_by is not None and decision.decision_id not in kept)
            for decision in decided.every
        ):
            return
        self._bound = bound_rows(decided)
        content = parquet_bytes(self._bound, DECISIONS)
        write_output_file(content, self._output, BOUND_FILE, self._bound.num_rows)

    def changed(self) -> bool:
        """Tells if the file has changed since the last tick read it."""
        return self._path is not None and file_stamp(self._path) != self._seen

    def _read_file(self) -> tuple[Decision, ...]:
        decisions = read_decisions(self._path, self._people, two_person=self._two_person)
        check_continues(decisions, self._path, self._previous)
        check_no_row_lost(decisions, self._path, self._bound, self._output)
        return decisions

    def _kept(self) -> pa.Table:
        path = FileSystems.join(self._output, *BOUND_FILE.split("/"))
        if not FileSystems.exists(path):
            return BOUND_DECISION.empty_table()
        with open_bytes(path) as file:
            return pq.read_table(pa.BufferReader(file.read()), schema=BOUND_DECISION)


def file_stamp(path: str) -> tuple[int, int] | None:
    """Returns the time of a local file's last change and its size; None for any other file."""
    try:
        seen = Path(path).stat()
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_size


def tick_analysis(
    options: Namespace, decisions: LiveDecisions | None = None, erasures: Erasures | None = None
) -> AnalyzeTick:
    """Reads every list that the options name; returns the steps of a tick.

    `decisions` and `erasures` are the stream's, if ticks of several plans share them.

    Raises:
        UsageError: for a file that is missing or cannot be used.
    """
    previous = find_previous(options.previous)
    rules, reading = read_source_rules(options.sources), stream_read_options(options)
    recorded: dict[str, object] = recorded_options(options, rules, reading) | {
        "alert_hours": options.alert_hours,
        "alert_records": options.alert_records,
        "referred": file_digest(options.referred),
        "retention": retention_days(options),
    }
    output = options.output.rstrip("/")
    private = private_store(output, options.private_output, "stream")
    check_private_output(private, snapshots=True)
    plan = RunPlan(
        known=read_known_legitimate(options.known_legitimate),
        decisions=decisions or LiveDecisions(options),
        weights=read_weights(options.priority_weights),
        previous=previous,
        private_key=private.key,
        sign=run_signer(),
    )
    alert_rules = AlertRules(
        reporters=options.alert_records,
        within=timedelta(hours=options.alert_hours),
        referred=read_referred(options.referred),
    )
    # Last, as it may make the key: wrong usage must not make one.
    register = register_source(
        options.register_key,
        use=not options.no_register,
        runs=[options.previous] if options.previous else [],
        make=options.local and is_local(output),
        follow=True,
        erased=erasures or current_erasures(options),
    )
    recorded["register"] = register is not None
    snapshots = SnapshotOptions(output, package_versions(), recorded, private)
    return AnalyzeTick(
        replace(plan, register=register),
        output,
        retention_days(options),
        options.shards,
        snapshots,
        alert_rules,
    )


def alert_sinks(options: Namespace) -> tuple[beam.PTransform, dict[str, beam.PTransform]]:
    """Returns the step that writes the files of alerts, and the other recipients by name."""
    output = options.output.rstrip("/")
    until = None if not options.local else SENT_FOLDER if options.kafka_alerts else ALERTS_FOLDER
    sinks: dict[str, beam.PTransform] = {}
    if options.webhook:
        sinks["webhook"] = beam.FlatMap(post_alerts, options.webhook, output, owe=options.local)
    if options.kafka_alerts and options.local:
        servers, settings = options.kafka_servers or "", client_settings(options)
        send = SendAlertsToKafka(servers, options.kafka_alerts, output, settings)
        sinks["Kafka"] = beam.ParDo(send)
    elif options.kafka_alerts:
        sinks["Kafka"] = write_alerts_to_kafka(
            kafka_settings(options), options.kafka_alerts, options.kafka_expansion
        )
    if options.pubsub_alerts:
        sinks["Pub/Sub"] = write_alerts_to_pubsub(options.pubsub_alerts)
    return beam.Map(write_alert_files, output, until), sinks


def queue_source(options: Namespace, reading: ReadOptions) -> beam.PTransform:
    """Returns the source that the options name: Kafka or Pub/Sub, with ticks by the clock.

    Raises:
        UsageError: if a file of settings or a schema cannot be used, or an extra is not installed.
    """
    from transforms.stream import FromQueues

    queues = (_kafka if options.source == "kafka" else _pubsub)(options)
    clock = Clock(options.tick_interval, options.snapshot_interval)
    return FromQueues(queues, _decoder(options), reading, clock)


def _kafka(options: Namespace) -> dict[RecordKind, Any]:
    from transforms.stream import KafkaQueue

    start = options.kafka_start if isinstance(options.kafka_start, int) else None
    config = kafka_settings(options) | {
        "group.id": options.kafka_group,
        "auto.offset.reset": "earliest" if start is not None else options.kafka_start,
        "enable.auto.commit": "false",
    }
    topics = {RecordKind.COMPLAINT: options.kafka_complaints, RecordKind.CALL: options.kafka_calls}
    return {
        kind: KafkaQueue(
            config=config,
            topics=names,
            policy=TIMESTAMPS[options.kafka_timestamps],
            start=start,
            commit=_commits(options),
            expansion=options.kafka_expansion,
        )
        for kind, names in topics.items()
        if names
    }


def _commits(options: Namespace) -> bool:
    """Tells whether Beam commits offsets, for which it needs stable input.

    Prism lacks stable input. Flink's portable runner lacks it beside a source that it splits:
    2.62.0 fails at each checkpoint, "State backend must be locked when retrieving the current key".
    """
    if options.kafka_commit is None:
        return any("DataflowRunner" in flag for flag in options.beam)
    return options.kafka_commit == "yes"


def _pubsub(options: Namespace) -> dict[RecordKind, Any]:
    from transforms.stream import PubSubQueue

    try:
        import_module("google.cloud.pubsub")
    except ImportError:
        raise UsageError(
            f"--pubsub-complaints: Pub/Sub is not installed; {install_command('gcp')}"
        ) from None
    names = {RecordKind.COMPLAINT: options.pubsub_complaints, RecordKind.CALL: options.pubsub_calls}
    return {
        kind: PubSubQueue(name, options.pubsub_id_label, options.pubsub_timestamp_attribute)
        for kind, name in names.items()
        if name
    }


def kafka_settings(options: Namespace) -> dict[str, str]:
    """Returns the settings of Kafka's Java client: the brokers and the file of `--kafka-config`.

    `security_protocol` and `"security.protocol"` are the same name.

    Raises:
        UsageError: if the file is no TOML of plain values; names no value, as it may be a password.
    """
    settings = {"bootstrap.servers": options.kafka_servers or ""}
    path = options.kafka_config
    try:
        values = parse_toml(read_text(path)) if path is not None else {}
    except tomllib.TOMLDecodeError:
        raise UsageError(f'{path}: is not TOML; write name = "value" lines') from None
    for name, value in values.items():
        if not isinstance(value, str | int | float):
            raise UsageError(f"{path}: {name}: is not text, a number or true; give one of these")
        plain = str(value).lower() if isinstance(value, bool) else str(value)
        settings[name.replace("_", ".")] = plain
    return settings


def client_settings(options: Namespace) -> Json:
    """Returns `kafka_settings` for kafka-python: its names have `_` and its values types."""
    plain: Json = {"true": True, "false": False}
    return {
        name.replace(".", "_"): plain.get(value, int(value) if value.isdecimal() else value)
        for name, value in kafka_settings(options).items()
        if name != "bootstrap.servers"
    }


def _decoder(options: Namespace) -> Decoder:
    encoding = Encoding(options.encoding)
    if encoding is Encoding.JSON or options.avro_schema is None:
        return Decoder()
    import fastavro

    text = read_text(options.avro_schema)
    try:
        fastavro.parse_schema(json.loads(text))
    except (ValueError, fastavro.schema.SchemaParseException) as error:
        why = " ".join(str(error).split())[:200]
        raise UsageError(
            f"{options.avro_schema}: is not an Avro schema; give one in JSON: {why}"
        ) from None
    return Decoder(encoding, text)


def read_referred(path: str | None) -> dict[str, datetime]:
    """Reads the time of the last referral by cluster id; returns nothing without a file.

    Raises:
        UsageError: for a wrong file; names the row, the field and the remedy.
    """
    if path is None:
        return {}
    reader = csv.DictReader(io.StringIO(read_text(path)))
    if tuple(reader.fieldnames or ()) != REFERRED_COLUMNS:
        raise UsageError(f"{path}: the first line must be {','.join(REFERRED_COLUMNS)}")
    referred: dict[str, datetime] = {}
    for row in reader:
        place = f"{path}, row {reader.line_num}"
        name = (row["cluster_id"] or "").strip()
        try:
            cluster_number(name)
        except ValueError:
            raise UsageError(
                f"{place}, cluster_id: {name[:40]!r} is not a cluster id; copy it from the report"
            ) from None
        try:
            when = moment((row["referred_at"] or "").strip())
        except ArgumentTypeError:
            raise UsageError(
                f"{place}, referred_at: is not an ISO 8601 time with a zone, such as "
                "2026-03-01T00:00:00Z"
            ) from None
        referred[name] = max(when, referred.get(name, when))
    return referred
