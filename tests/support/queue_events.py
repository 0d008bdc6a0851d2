"""A queue of made-up events, for runners that stream truly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms.window import TimestampedValue

from schemas.enums import RecordKind
from transforms.read.files import ReadOptions
from transforms.stream.sources import Decoder, Message, read_queues
from transforms.stream.state import TICKS, Tick

Event = Tick | tuple[RecordKind, list[dict[str, Any]]]


@dataclass(eq=False)
class QueueEvents(beam.PTransform):
    """A TestStream of (kind, rows) and of ticks, read as a queue is.

    Rows are late: a queue's watermark has passed their time as soon as there was a tick.
    """

    events: list[Event]

    def expand(self, begin: beam.pvalue.PBegin) -> dict[str, Any]:
        """Complaints, calls, rejects and ticks."""
        stream = TestStream()
        for place, event in enumerate(self.events):
            if isinstance(event, Tick):
                stream.advance_watermark_to(event.second)
                stream.add_elements([TimestampedValue(event, event.second)])
                stream.advance_watermark_to(event.second + 1)
            else:
                kind, rows = event
                lines = [json.dumps(row).encode() for row in rows]
                places = range(place * 1000, place * 1000 + len(rows))
                stream.add_elements(
                    TimestampedValue((kind, Message("queue", *message)), 0)
                    for message in zip(places, lines, strict=True)
                )
        events = begin | stream.advance_watermark_to_infinity()
        read = read_queues(
            events,
            {kind: beam.FlatMap(of_kind, kind) for kind in RecordKind},
            Decoder(),
            ReadOptions(),
        )
        return read | {TICKS: events | "Ticks" >> beam.Filter(isinstance, Tick)}


def of_kind(event: Any, kind: RecordKind) -> Iterator[Message]:
    """The messages of one kind."""
    if not isinstance(event, Tick) and event[0] == kind:
        yield event[1]
