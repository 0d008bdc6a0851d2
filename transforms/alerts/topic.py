"""Alerts to a Kafka topic, keyed by their id, so that a compacted topic holds each once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.io.filesystems import FileSystems

from transforms.alerts.files import write_alert
from transforms.alerts.lines import lines

FOLDER = "sent"
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
        from kafka import KafkaProducer  # noqa: PLC0415 - an extra

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
        folder = FileSystems.join(self.output, FOLDER)
        return alerts | beam.ParDo(_Send(self.servers, self.topic, self.settings, folder))
