"""Alerts as files, one a line of JSON: `cat alerts/*.jsonl` is JSON Lines.

The address of a webhook: where alerts may be sent.

An alert as one line of JSON.

Alerts into a queue: a Kafka topic, keyed by alert, or a Pub/Sub topic with its id beside it.

Alerts to a Kafka topic, keyed by their id, so that a compacted topic holds each once.

Alerts to a webhook: retried until it takes them, and never the same one as a new one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import apache_beam as beam
import orjson
import pyarrow as pa
import requests
from apache_beam.io.filesystems import FileSystems

from transforms.write.parquet_files import is_local

ALERTS_FOLDER = "alerts"


def write_alert(folder: str, alert_id: str, line: bytes) -> bool:
    """Write an alert's file unless it is there; whether it was new.

    A file is named after its alert's id, so a retry, a restart or another worker cannot double it,
    and it appears whole.
    """
    path = FileSystems.join(folder, f"{alert_id}.jsonl")
    if not is_local(folder):
        if FileSystems.exists(path):
            return False
        with FileSystems.create(path) as sink:
            sink.write(line)
        return True
    whole = Path(path)
    if whole.exists():
        return False
    aside = whole.with_name(f".{alert_id}.{os.getpid()}")
    whole.parent.mkdir(parents=True, exist_ok=True)
    with aside.open("wb") as sink:
        sink.write(line)
        sink.flush()
        os.fsync(sink.fileno())
    aside.rename(whole)
    return True


def _write(alerts: pa.RecordBatch, folder: str) -> Iterator[str]:
    for alert_id, line in lines(alerts):
        if write_alert(folder, alert_id, line):
            yield alert_id


@dataclass(eq=False)
class WriteAlerts(beam.PTransform):
    """ALERT batches to files below `output`/alerts; yields the ids of those that were new."""

    output: str

    def expand(self, alerts: beam.PCollection) -> Any:
        """One file an alert."""
        return alerts | beam.FlatMap(_write, FileSystems.join(self.output, ALERTS_FOLDER))


def check_url(url: str) -> str | None:
    """What is wrong with a webhook's address, if anything."""
    parts = urlsplit(url)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "is no http(s) address"
    if parts.scheme == "http" and not local:
        return "would send alerts in clear; give an https address"
    return None


def lines(alerts: pa.RecordBatch) -> Iterator[tuple[str, bytes]]:
    """ALERT rows as (alert_id, one line of JSON with sorted keys and its end)."""
    for row in alerts.to_pylist():
        told = {name: _plain(value) for name, value in row.items()}
        yield row["alert_id"], orjson.dumps(told, option=orjson.OPT_SORT_KEYS) + b"\n"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value


LABEL = "alert_id"
"""The Pub/Sub attribute that subscribers know an alert again by."""


def _keyed(alerts: pa.RecordBatch) -> Iterator[tuple[bytes, bytes]]:
    for alert_id, line in lines(alerts):
        yield alert_id.encode(), line.rstrip()


@dataclass(eq=False)
class ToKafka(beam.PTransform):
    """ALERT batches to a topic, keyed by the alert's id: a compacted topic has each once."""

    config: Mapping[str, str]
    topic: str
    expansion: str | None = None

    def expand(self, alerts: beam.PCollection) -> Any:
        """One message an alert."""
        from apache_beam.io.kafka import WriteToKafka

        keyed = alerts | "Keyed" >> beam.FlatMap(_keyed).with_output_types(tuple[bytes, bytes])
        config = dict(self.config)
        return keyed | WriteToKafka(config, self.topic, expansion_service=self.expansion)


def _messages(alerts: pa.RecordBatch) -> Iterator[Any]:
    from apache_beam.io.gcp.pubsub import PubsubMessage

    for alert_id, line in lines(alerts):
        yield PubsubMessage(line.rstrip(), {LABEL: alert_id})


@dataclass(eq=False)
class ToPubSub(beam.PTransform):
    """ALERT batches to a topic, `projects/P/topics/T`."""

    topic: str

    def expand(self, alerts: beam.PCollection) -> Any:
        """One message an alert."""
        from apache_beam.io.gcp.pubsub import WriteToPubSub

        messages = alerts | "Messages" >> beam.FlatMap(_messages)
        return messages | WriteToPubSub(self.topic, with_attributes=True)


SENT_FOLDER = "sent"
"""Below the output: a file for each alert that the broker has."""


SECONDS = 30
"""Longest wait for the broker to take an alert."""


class _Send(beam.DoFn):
    def __init__(self, servers: str, topic: str, settings: Mapping[str, Any], folder: str) -> None:
        self._servers = servers
        self._topic = topic
        self._settings = dict(settings)
        self._folder = folder
        self._producer: Any = None

    def setup(self) -> None:
        from kafka import KafkaProducer

        self._producer = KafkaProducer(
            bootstrap_servers=self._servers.split(","), acks="all", **self._settings
        )

    def process(self, alerts: pa.RecordBatch) -> Iterator[str]:
        waiting = [
            (alert_id, self._producer.send(self._topic, key=alert_id.encode(), value=line))
            for alert_id, line in lines(alerts)
            if not FileSystems.exists(FileSystems.join(self._folder, f"{alert_id}.jsonl"))
        ]
        for alert_id, taken in waiting:
            taken.get(timeout=SECONDS)
            write_alert(self._folder, alert_id, b"")
            yield alert_id

    def teardown(self) -> None:
        if self._producer is not None:
            self._producer.close()


@dataclass(eq=False)
class SendAlerts(beam.PTransform):
    """ALERT batches to a topic: key the alert's id, value its line; yields the ids sent now.

    An alert counts as sent when a file of its id is below `output`/sent. A crash between the two
    sends it a second time under the same key. A broker that does not take one fails the step.
    """

    servers: str
    topic: str
    output: str
    settings: Mapping[str, Any]

    def expand(self, alerts: beam.PCollection) -> Any:
        """One message an alert."""
        folder = FileSystems.join(self.output, SENT_FOLDER)
        return alerts | beam.ParDo(_Send(self.servers, self.topic, self.settings, folder))


DELIVERED_FOLDER = "delivered"
"""Below the output: a file for each alert that the webhook took."""


TIMEOUT = 10


TRIES = 6


FIRST_PAUSE = 0.5
"""Seconds before the second try; each pause is twice the one before: 16 seconds in all."""


_LATER = {408, 425, 429}
"""Client errors that mean try again (RFC 9110, 8470, 6585)."""


class WebhookError(Exception):
    """A webhook that does not take alerts; the text names no alert."""


def post(
    url: str,
    alert_id: str,
    line: bytes,
    send: Callable[..., requests.Response] = requests.post,
    pause: Callable[[float], None] = time.sleep,
) -> None:
    """Post one alert as JSON, with its id as the Idempotency-Key, until the webhook takes it.

    Redirects are not followed: they could lead where nobody agreed to send alerts.

    Raises:
        WebhookError: if it refuses the alert, or has not taken it after `TRIES` tries.
    """
    headers = {"Content-Type": "application/json", "Idempotency-Key": alert_id}
    problem = ""
    for turn in range(TRIES):
        if turn:
            pause(FIRST_PAUSE * 2 ** (turn - 1))
        try:
            answer = send(url, data=line, headers=headers, timeout=TIMEOUT, allow_redirects=False)
        except requests.RequestException as error:
            problem = type(error).__name__
            continue
        if answer.ok and not answer.is_redirect:
            return
        problem = f"status {answer.status_code}"
        if answer.status_code < 500 and answer.status_code not in _LATER:
            break
    raise WebhookError(f"the webhook did not take an alert: {problem}")


def _post(alerts: pa.RecordBatch, url: str, folder: str, *, owe: bool) -> Iterator[str]:
    for alert_id, line in lines(alerts):
        if FileSystems.exists(FileSystems.join(folder, f"{alert_id}.jsonl")):
            continue
        try:
            post(url, alert_id, line)
        except WebhookError:
            if owe:
                return  # nor would it take the others now
            raise
        write_alert(folder, alert_id, b"")
        yield alert_id


@dataclass(eq=False)
class PostAlerts(beam.PTransform):
    """ALERT batches to a webhook; yields the ids of those that it took now.

    An alert counts as delivered when a file of its id is below `output`/delivered. A crash between
    the two sends it a second time, with the same Idempotency-Key. When the webhook does not take
    one the step fails, and is tried again by its runner; with `owe` it goes on, and what is owed is
    for the next tick, which raises it again.
    """

    url: str
    output: str
    owe: bool = False

    def expand(self, alerts: beam.PCollection) -> Any:
        """One request an alert."""
        folder = FileSystems.join(self.output, DELIVERED_FOLDER)
        return alerts | beam.FlatMap(_post, self.url, folder, owe=self.owe)
