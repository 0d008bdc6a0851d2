"""Pub/Sub as a source, through Beam's ReadFromPubSub, on Dataflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import apache_beam as beam
import xxhash

from schemas.kinds import RecordKind
from transforms.live.keep import TICKS
from transforms.live.messages import ORG, Decoder, Message, queues
from transforms.live.ticks import Clock
from transforms.read.options import ReadOptions

_POSITIVE = (1 << 63) - 1


@dataclass(frozen=True)
class PubSub:
    """Subscriptions, `projects/P/subscriptions/S`, and the attributes that Beam reads by."""

    subscriptions: Mapping[RecordKind, str]
    id_label: str | None = None
    timestamp_attribute: str | None = None
    decoder: Decoder = field(default_factory=Decoder)


def message_of(message: Any, subscription: str) -> Message:
    """A PubsubMessage; its place is its id, a number, or a hash of it."""
    name = message.message_id or ""
    plain = name.isdecimal() and int(name) <= _POSITIVE
    content = name.encode() or message.data or b""
    return Message(
        source=f"pubsub:{subscription.rpartition('/')[2]}",
        position=int(name) if plain else xxhash.xxh3_64_intdigest(content) & _POSITIVE,
        data=message.data or b"",
        org=(message.attributes or {}).get(ORG),
    )


@dataclass(eq=False)
class _Subscription(beam.PTransform):
    pubsub: PubSub
    subscription: str

    def expand(self, begin: beam.pvalue.PBegin) -> Any:
        from apache_beam.io.gcp.pubsub import ReadFromPubSub  # noqa: PLC0415 - an extra

        return (
            begin
            | ReadFromPubSub(
                subscription=self.subscription,
                id_label=self.pubsub.id_label,
                with_attributes=True,
                timestamp_attribute=self.pubsub.timestamp_attribute,
            )
            | "Message" >> beam.Map(partial(message_of, subscription=self.subscription))
        )


@dataclass(eq=False)
class FromPubSub(beam.PTransform):
    """Subscriptions of complaints and of calls, and ticks by the clock."""

    pubsub: PubSub
    options: ReadOptions
    clock: Clock

    def expand(self, begin: beam.pvalue.PBegin) -> dict[str, Any]:
        """PCollections complaints, calls (loose batches), rejects and ticks."""
        names = self.pubsub.subscriptions
        read_queue = {kind: _Subscription(self.pubsub, name) for kind, name in names.items()}
        read = queues(begin, read_queue, self.pubsub.decoder, self.options)
        return read | {TICKS: begin | "Clock" >> self.clock}
