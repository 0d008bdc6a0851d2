"""Raises the alerts of a tick and delivers them. Each alert is raised and delivered only once.

Alerts go to files first, then to a webhook, a Kafka topic or a Pub/Sub topic. A file has a single
line of JSON, so `cat alerts/*.jsonl` is JSON Lines. A webhook gets a request for each alert,
retried until it accepts. It leads outside the organisation, so it names only core identifiers. A
topic gets a message for each alert, keyed by the alert's id, so a compacted topic has each alert
once.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import apache_beam as beam
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import requests
from apache_beam.coders import PickleCoder
from apache_beam.io.filesystems import FileSystems
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec
from apache_beam.transforms.window import GlobalWindows

from schemas.cluster import ALERT, ALONE, LINEAGE, ClusterFlag
from schemas.field import FLAG
from transforms.alerts.rules import (
    HARD_MENTION,
    TIE,
    Alert,
    AlertRules,
    KnownClusters,
    attested_ties,
    hard_mentions,
    identifier_alerts,
    identifier_histories,
    merge_alerts,
)
from transforms.arrow import batch_of_rows, is_among
from transforms.engine import (
    KeyedInput,
    PerPartition,
    Pure,
    increment_engine_counter,
    split_by_key,
    table_of,
)
from transforms.gates import OneServer
from transforms.graph.final_status import CLUSTER_LINK, MEMBERSHIP
from transforms.victims import RegisterSource, changed_lookup
from transforms.write import WithheldValues, count_withheld, set_aside
from transforms.write.parquet_files import is_local

_log = logging.getLogger(__name__)

ALERTS_FOLDER = "alerts"
"""Folder in the output with a file for each alert."""

SENT_FOLDER = "sent"
"""Folder in the output with a file for each alert that the broker has."""

DELIVERED_FOLDER = "delivered"
"""Folder in the output with a file for each alert that the webhook accepted."""

ID_ATTRIBUTE = "alert_id"
"""The Pub/Sub attribute by which subscribers recognize a repeated alert."""

BROKER_TIMEOUT_SECONDS = 30
"""Longest wait until the broker has an alert."""

WEBHOOK_TIMEOUT_SECONDS = 10

WEBHOOK_TRIES = 6

FIRST_PAUSE_SECONDS = 0.5
"""Seconds before the second try. Each pause is twice the pause before, 16 seconds in all."""

_LINE = orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE

_TRY_AGAIN = {408, 425, 429}
"""Client errors after which a client may try again (RFC 9110, 8470, 6585)."""


_OF_THE_ALERT = {400, 409, 413, 422}
"""Client errors that refuse only this alert; the next may be accepted."""


class WebhookError(Exception):
    """The webhook refuses all alerts, or only this alert (`of_the_alert`); the text names none."""

    def __init__(self, problem: str, *, of_the_alert: bool) -> None:
        super().__init__(f"the webhook did not accept an alert: {problem}")
        self.of_the_alert = of_the_alert


def hold_back_alerts(
    alerts: pa.RecordBatch, changes: Iterable[pa.RecordBatch], register: RegisterSource, output: str
) -> Iterator[pa.RecordBatch]:
    """Yields the ALERT rows that name nothing withheld; puts others into `output`/private/held.

    Args:
        alerts: The alerts of a tick.
        changes: The tick's changes of the victim register, as REGISTER_CHANGE batches.
        register: The registers of earlier runs, and the key.
        output: The stream's folder.
    """
    if not alerts.num_rows:
        return
    values = WithheldValues(register.key, changed_lookup(register, changes))
    lines = dict(alert_lines(alerts))
    counts = count_withheld(lines.items(), values)
    for alert_id in counts:
        place = set_aside(output, f"{ALERTS_FOLDER}/{alert_id}.jsonl", lines[alert_id])
        _log.warning(
            "an alert names a withheld identifier; it was not sent, and waits in %s", place
        )
    yield alerts.filter(pc.invert(is_among(alerts["alert_id"], counts)))


def write_alerts_to_kafka(
    config: Mapping[str, str], topic: str, expansion: str | None = None
) -> beam.PTransform:
    """Returns a transform that writes ALERT batches to a Kafka topic, keyed by the alert's id."""
    from apache_beam.io.kafka import WriteToKafka

    keyed = beam.FlatMap(
        lambda alerts: [(name.encode(), line.rstrip()) for name, line in alert_lines(alerts)]
    ).with_output_types(tuple[bytes, bytes])
    return "Keyed" >> keyed | WriteToKafka(dict(config), topic, expansion_service=expansion)


def write_alerts_to_pubsub(topic: str) -> beam.PTransform:
    """Returns a transform that writes ALERT batches to a Pub/Sub topic, `projects/P/topics/T`."""
    from apache_beam.io.gcp.pubsub import PubsubMessage, WriteToPubSub

    messages = beam.FlatMap(
        lambda alerts: [
            PubsubMessage(line.rstrip(), {ID_ATTRIBUTE: name}) for name, line in alert_lines(alerts)
        ]
    ).with_output_types(PubsubMessage)
    return "Messages" >> messages | WriteToPubSub(topic, with_attributes=True)


def alert_lines(alerts: pa.RecordBatch) -> Iterator[tuple[str, bytes]]:
    """Yields ALERT rows as (alert_id, line of JSON with sorted keys and a line break)."""
    for row in alerts.to_pylist():
        yield row["alert_id"], orjson.dumps(row, option=_LINE)


def webhook_lines(alerts: pa.RecordBatch) -> Iterator[tuple[str, bytes]]:
    """Yields ALERT rows as `alert_lines` does, but names only core identifiers.

    `left_out` counts the others. If the alert has the flag of a burst, or its identifier has no
    link, only reviewed identifiers are named. Otherwise honest reports of a bank's own line, which
    is on no list yet, would reveal it. The alert's file, found by its id, names all.
    """
    for row in alerts.to_pylist():
        doubtful = {ClusterFlag.BURST, ALONE} & set(row["flags"])
        core = set(row["reviewed"] if doubtful else row["core"])
        tied = [entity_id for entity_id in row["tied_to"] if entity_id in core]
        hidden = row["entity_id"] is not None and row["entity_id"] not in core
        shown = row | {
            "entity_id": None if hidden else row["entity_id"],
            "tied_to": tied,
            "core": sorted(core),
            "left_out": int(hidden) + len(row["tied_to"]) - len(tied),
        }
        yield row["alert_id"], orjson.dumps(shown, option=_LINE)


def without_files(alerts: pa.RecordBatch, output: str, folders: Iterable[str]) -> pa.RecordBatch:
    """Returns the ALERT rows whose id lacks a file in any folder, since a tick raises all again."""
    there = os.path.exists if is_local(output) else FileSystems.exists
    paths = [f"{output.rstrip('/')}/{folder}" for folder in folders]
    ids = alerts["alert_id"].to_pylist()
    whole = [all(there(_alert_path(path, alert_id)) for path in paths) for alert_id in ids]
    return alerts.filter(pc.invert(pa.array(whole, FLAG)))


def write_alert_file(folder: str, alert_id: str, line: bytes) -> None:
    """Writes an alert's file, or replaces it.

    The file is named after the alert's id, so a retry, a restart or another worker cannot repeat
    it. It never appears half-written.
    """
    path = _alert_path(folder, alert_id)
    if not is_local(folder):
        with FileSystems.create(path) as sink:
            sink.write(line)
        return
    whole = Path(path)
    aside = whole.with_name(f".{alert_id}.{os.getpid()}")
    whole.parent.mkdir(parents=True, exist_ok=True)
    try:
        with aside.open("wb") as sink:
            sink.write(line)
            sink.flush()
            os.fsync(sink.fileno())
        aside.rename(whole)
    finally:
        aside.unlink(missing_ok=True)


def write_alert_files(
    alerts: pa.RecordBatch, output: str, until: str | None = ALERTS_FOLDER
) -> pa.RecordBatch:
    """Writes a file below `output`/alerts for each ALERT row; returns the rows.

    After a crash, an alert that the broker lacks is raised again, with later records. Its file must
    say the same as the message. So the file is written again until `until`, a folder of the output,
    has the alert's id too. With None the file is always written: the engine drops repeated alerts.
    """
    folder = f"{output.rstrip('/')}/{ALERTS_FOLDER}"
    new = alerts if until is None else without_files(alerts, output, {ALERTS_FOLDER, until})
    for alert_id, line in alert_lines(new):
        write_alert_file(folder, alert_id, line)
    return alerts


def webhook_url_problem(url: str) -> str | None:
    """Returns the problem of a webhook's address, or None."""
    parts = urlsplit(url)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "is not an http(s) address"
    if parts.scheme == "http" and not local:
        return "would send alerts in clear; give an https address"
    return None


def post_alert(
    url: str,
    alert_id: str,
    line: bytes,
    send: Callable[..., requests.Response] | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Posts an alert as JSON, with its id as the Idempotency-Key, until the webhook accepts it.

    Redirects are not followed, since nobody agreed to send alerts to another address.

    Raises:
        WebhookError: The webhook refuses, or has not accepted after `WEBHOOK_TRIES` tries.
    """
    headers = {"Content-Type": "application/json", "Idempotency-Key": alert_id}
    problem, refused = "", False
    send = send or OneServer(url, 0, WEBHOOK_TIMEOUT_SECONDS).post
    for turn in range(WEBHOOK_TRIES):
        if turn:
            pause(FIRST_PAUSE_SECONDS * 2 ** (turn - 1))
        try:
            answer = send(url, data=line, headers=headers, stream=True)
        except requests.RequestException as error:
            problem = type(error).__name__
            continue
        answer.close()  # its body is not read: it may have no end
        if answer.ok and not answer.is_redirect:
            return
        problem = f"status {answer.status_code}"
        if answer.status_code < 500 and answer.status_code not in _TRY_AGAIN:
            refused = answer.status_code in _OF_THE_ALERT
            break
    raise WebhookError(problem, of_the_alert=refused)


def post_alerts(alerts: pa.RecordBatch, url: str, output: str, *, owe: bool) -> Iterator[str]:
    """Posts ALERT rows to a webhook; yields the ids of the alerts accepted now.

    An alert counts as delivered when `output`/delivered has a file of its id. A crash before that
    file is written sends the alert again, with the same Idempotency-Key. If the webhook fails, the
    step fails, and the runner tries again. With `owe` the step ends instead, and the next tick
    raises the owed alerts again. A refusal of a single alert does not stop the others.
    """
    for alert_id, line in webhook_lines(without_files(alerts, output, {DELIVERED_FOLDER})):
        try:
            post_alert(url, alert_id, line)
        except WebhookError as error:
            if error.of_the_alert:
                increment_engine_counter((("alerts", "refused"), 1))
                continue
            if owe:
                return  # the webhook would not accept the others either
            raise
        write_alert_file(f"{output.rstrip('/')}/{DELIVERED_FOLDER}", alert_id, b"")
        yield alert_id


def _alert_path(folder: str, alert_id: str) -> str:
    return f"{folder.rstrip('/')}/{alert_id}.jsonl"


class SendAlertsToKafka(beam.DoFn):
    """Sends ALERT batches to a Kafka topic from this process; yields the ids sent now.

    A message's key is the alert's id, its value the alert's line. An alert counts as sent when
    `output`/sent has a file of its id. A crash before that file is written sends the alert again
    under the same key. The step fails if the broker does not accept an alert.
    """

    def __init__(self, servers: str, topic: str, output: str, settings: Mapping[str, Any]) -> None:
        self._servers = servers
        self._topic = topic
        self._settings = dict(settings)
        self._output = output
        self._producer: Any = None

    def setup(self) -> None:
        """Connects to the brokers."""
        from kafka import KafkaProducer

        self._producer = KafkaProducer(
            bootstrap_servers=self._servers.split(","), acks="all", **self._settings
        )

    def process(self, alerts: pa.RecordBatch) -> Iterator[str]:
        """Sends a message for each alert, and waits until the broker has all."""
        waiting = [
            (alert_id, self._producer.send(self._topic, key=alert_id.encode(), value=line))
            for alert_id, line in alert_lines(without_files(alerts, self._output, {SENT_FOLDER}))
        ]
        for alert_id, taken in waiting:
            taken.get(timeout=BROKER_TIMEOUT_SECONDS)
            write_alert_file(f"{self._output.rstrip('/')}/{SENT_FOLDER}", alert_id, b"")
            yield alert_id

    def teardown(self) -> None:
        """Closes the connection."""
        if self._producer is not None:
            self._producer.close()


REMEMBERED_SECONDS = 90 * 86_400
"""Seconds after its last raising for which an alert is remembered.

Evidence of most kinds has expired by then.
"""

_SCHEMAS = {
    "members": MEMBERSHIP,
    "evidence": HARD_MENTION,
    "ties": TIE,
    "links": CLUSTER_LINK,
    "events": LINEAGE,
}


@dataclass(eq=False)
class RaiseAlerts(beam.PTransform):
    """Converts the clusters of a tick to ALERT batches.

    The input is a dict of `members` (MEMBERSHIP), `evidence` (CLASSIFIED), `links` (CLUSTER_LINK)
    and `events` (LINEAGE) batches. Only members can raise an alert: they are infrastructure,
    neither suppressed nor a victim's. `known` is a `KnownClusters`.
    """

    rules: AlertRules
    known: beam.pvalue.AsSingleton

    def expand(self, inputs: Mapping[str, beam.PCollection]) -> Any:
        """Groups rows by identifier and by cluster, and applies the rules."""
        mentions = inputs["evidence"] | "By mention" >> beam.ParDo(Pure(hard_mentions))
        by_name = {**inputs, "evidence": mentions}
        by_name["ties"] = self._apply(attested_ties, "cluster_id", ("members", "links"), by_name)
        by_entity = self._apply(_of_entities, "entity_id", ("members", "evidence", "ties"), by_name)
        by_cluster = self._apply(
            _of_clusters, "cluster_id", ("events", "members", "links"), by_name
        )
        return (by_entity, by_cluster) | "All" >> beam.Flatten()

    def _apply(
        self,
        work: Callable[..., Iterator[pa.RecordBatch]],
        key: str,
        names: tuple[str, ...],
        by_name: Mapping[str, beam.PCollection],
    ) -> beam.PCollection:
        """Applies `work` to the rows of some inputs, grouped by key."""
        keyed = {name: KeyedInput(_SCHEMAS[name], (key,)) for name in names}
        step = PerPartition(keyed, partial(work, rules=self.rules), side=self.known)
        return {name: by_name[name] for name in names} | work.__name__ >> step


@dataclass(eq=False)
class DropRepeatedAlerts(beam.PTransform):
    """Passes on the alerts of a tick that no earlier tick raised, in the global window."""

    def expand(self, alerts: beam.PCollection) -> Any:
        """Groups a tick's alerts by id, then compares them with state."""
        return (
            alerts
            | "By id" >> beam.FlatMap(split_by_key, ("alert_id",))
            | "Of a tick" >> beam.GroupByKey()
            | "As a list"
            >> beam.MapTuple(lambda partition, parts: (partition, list(parts))).with_output_types(
                tuple[int, Any]
            )
            | "For ever" >> beam.WindowInto(GlobalWindows())
            | "Once" >> beam.ParDo(_DropRepeated())
        )


def alerts_to_batch(alerts: list[Alert]) -> pa.RecordBatch:
    """Makes ALERT rows with distinct ids: of equal ids the earliest, then the first identifier."""
    once: dict[str, Alert] = {}
    for alert in sorted(
        alerts, key=lambda a: (a["observed_at"], a["entity_id"] or "", a["reason"])
    ):
        once.setdefault(alert["alert_id"], alert)
    return batch_of_rows(list(once.values()), ALERT)


def _of_entities(
    members: pa.Table,
    evidence: pa.Table,
    ties: pa.Table,
    known: KnownClusters,
    *,
    rules: AlertRules,
) -> Iterator[pa.RecordBatch]:
    histories = identifier_histories(members, evidence, ties, known, rules)
    since = known.since(rules)
    yield alerts_to_batch(
        [alert for history in histories for alert in identifier_alerts(history, rules, since)]
    )


def _of_clusters(
    events: pa.Table, members: pa.Table, links: pa.Table, known: KnownClusters, *, rules: AlertRules
) -> Iterator[pa.RecordBatch]:
    yield alerts_to_batch(list(merge_alerts(events, members, links, known, known.since(rules))))


class _DropRepeated(beam.DoFn):
    """State of a partition: the ids of raised alerts, and the last time of each."""

    RAISED = ReadModifyWriteStateSpec("raised", PickleCoder())

    def process(
        self,
        keyed: tuple[int, list[pa.RecordBatch]],
        timestamp: Any = beam.DoFn.TimestampParam,
        state: Any = beam.DoFn.StateParam(RAISED),  # noqa: B008 - how Beam declares state
    ) -> Iterator[pa.RecordBatch]:
        now = int(timestamp.micros // 1_000_000)
        raised: dict[str, int] = state.read() or {}
        rows = alerts_to_batch(table_of(keyed[1], ALERT).to_pylist())
        ids = rows["alert_id"].to_pylist()
        new = [row for row, alert_id in enumerate(ids) if alert_id not in raised]
        raised = {
            alert_id: then for alert_id, then in raised.items() if now - then <= REMEMBERED_SECONDS
        }
        state.write(raised | dict.fromkeys(ids, now))
        if new:
            yield rows.take(new)
