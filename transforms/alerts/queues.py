"""Alerts into a queue: a Kafka topic, keyed by alert, or a Pub/Sub topic with its id beside it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
import pyarrow as pa

from transforms.alerts.lines import lines

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
        from apache_beam.io.kafka import WriteToKafka  # noqa: PLC0415 - needs Java

        keyed = alerts | "Keyed" >> beam.FlatMap(_keyed).with_output_types(tuple[bytes, bytes])
        config = dict(self.config)
        return keyed | WriteToKafka(config, self.topic, expansion_service=self.expansion)


def _messages(alerts: pa.RecordBatch) -> Iterator[Any]:
    from apache_beam.io.gcp.pubsub import PubsubMessage  # noqa: PLC0415 - an extra

    for alert_id, line in lines(alerts):
        yield PubsubMessage(line.rstrip(), {LABEL: alert_id})


@dataclass(eq=False)
class ToPubSub(beam.PTransform):
    """ALERT batches to a topic, `projects/P/topics/T`."""

    topic: str

    def expand(self, alerts: beam.PCollection) -> Any:
        """One message an alert."""
        from apache_beam.io.gcp.pubsub import WriteToPubSub  # noqa: PLC0415 - an extra

        messages = alerts | "Messages" >> beam.FlatMap(_messages)
        return messages | WriteToPubSub(self.topic, with_attributes=True)
