"""Kafka as a source, through Beam's ReadFromKafka, which needs Java where the job starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import apache_beam as beam
from apache_beam.io.kafka import ReadFromKafka

from schemas.kinds import RecordKind
from transforms.live.keep import TICKS
from transforms.live.messages import ORG, Decoder, Message, queues
from transforms.live.ticks import Clock
from transforms.read.options import ReadOptions


@dataclass(frozen=True)
class Kafka:
    """Where a Kafka is and how it is read: `config` is the consumer's, `start` in milliseconds.

    `expansion` is the address of a running expansion service, where Beam is not to start its own.
    """

    config: Mapping[str, str]
    topics: Mapping[RecordKind, tuple[str, ...]]
    policy: str = ReadFromKafka.processing_time_policy
    start: int | None = None
    commit: bool = False
    expansion: str | None = None
    decoder: Decoder = field(default_factory=Decoder)


def message_of(record: Any) -> Message:
    """A Kafka record with its metadata: the place is topic, partition and offset, which are one."""
    headers = {one.key: one.value for one in record.headers or ()}
    org = headers.get(ORG)
    return Message(
        source=f"kafka:{record.topic}:{record.partition}",
        position=record.offset,
        data=record.value or b"",
        org=org.decode("utf-8", "replace") if org else None,
    )


@dataclass(eq=False)
class _Topics(beam.PTransform):
    kafka: Kafka
    topics: tuple[str, ...]

    def expand(self, begin: beam.pvalue.PBegin) -> Any:
        return (
            begin
            | ReadFromKafka(
                dict(self.kafka.config),
                list(self.topics),
                start_read_time=self.kafka.start,
                commit_offset_in_finalize=self.kafka.commit,
                timestamp_policy=self.kafka.policy,
                with_metadata=True,
                expansion_service=self.kafka.expansion,
            )
            | "Message" >> beam.Map(message_of)
        )


@dataclass(eq=False)
class FromKafka(beam.PTransform):
    """Topics of complaints and of calls, and ticks by the clock."""

    kafka: Kafka
    options: ReadOptions
    clock: Clock

    def expand(self, begin: beam.pvalue.PBegin) -> dict[str, Any]:
        """PCollections complaints, calls (loose batches), rejects and ticks."""
        topics = {kind: _Topics(self.kafka, names) for kind, names in self.kafka.topics.items()}
        read = queues(begin, topics, self.kafka.decoder, self.options)
        return read | {TICKS: begin | "Clock" >> self.clock}
