"""Reads the messages of a queue, Kafka or Pub/Sub, as loose rows: one record a message.

A value is JSON or Avro. Kafka is read by Beam's ReadFromKafka, which needs Java on the machine that
starts the job. Pub/Sub is read by ReadFromPubSub, on Dataflow.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from typing import Any, NamedTuple

import apache_beam as beam
import fastavro
import orjson
import pyarrow as pa
import xxhash
from apache_beam.io.kafka import ReadFromKafka
from apache_beam.pvalue import PBegin, TaggedOutput
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from schemas.enums import RecordKind
from schemas.reject import Code
from transforms.read.adapters import input_contract, mapped
from transforms.read.files import ReadOptions
from transforms.read.framing import MAX_ROW_BYTES, Origin, Record
from transforms.read.read_records import REJECTS, TAGS
from transforms.read.rejects import Reject, rejects_batch
from transforms.stream.state import TICKS, Clock

BATCH_MESSAGES = 4_096
"""Most messages of a bundle that are read together."""

CONFLUENT_PREFIX_BYTES = 5
"""Bytes before the value in the format of Confluent's schema registry: 0 and the schema's id."""

ORG_HEADER = "source_org"
"""The header or attribute that names the organisation if the value does not."""

_POSITIVE = (1 << 63) - 1
"""Mask of the bits of a position, and the largest position."""


class Encoding(StrEnum):
    """Encoding of a message's value."""

    JSON = "json"
    AVRO = "avro"
    AVRO_CONFLUENT = "avro-confluent"


class Message(NamedTuple):
    """A message: its place in its queue, its value, and its organisation if a header names it."""

    source: str
    position: int
    data: bytes
    org: str | None = None


@dataclass(frozen=True)
class Decoder:
    """Decodes values to JSON. `schema` is an Avro schema in JSON, for both Avro encodings.

    An Avro object container file (Avro 1.12, "Object Container Files") contains its own schema.
    """

    encoding: Encoding = Encoding.JSON
    schema: str | None = None

    @cached_property
    def _parsed(self) -> Any:
        return fastavro.parse_schema(orjson.loads(self.schema or "null"))

    def json(self, data: bytes) -> bytes:
        """Returns the value as JSON.

        Raises ValueError unless the data are exactly one Avro value of the schema.
        """
        if self.encoding is Encoding.JSON:
            return data
        try:
            return orjson.dumps(_as_contract_value(self._value(data)))
        except Exception as error:  # fastavro raises many types of errors on broken values
            raise ValueError("not an Avro value of the schema") from error

    def _value(self, data: bytes) -> Any:
        if data.startswith(b"Obj\x01"):
            (only,) = fastavro.reader(io.BytesIO(data))
            return only
        start = CONFLUENT_PREFIX_BYTES if self.encoding is Encoding.AVRO_CONFLUENT else 0
        if start and data[:1] != b"\0":
            raise ValueError("no schema id")
        stream = io.BytesIO(data[start:])
        value = fastavro.schemaless_reader(stream, self._parsed)
        if stream.read(1):
            raise ValueError("more than one value")
        return value


def read_messages(
    messages: Sequence[Message], kind: RecordKind, decoder: Decoder, options: ReadOptions
) -> Iterator[tuple[str, pa.RecordBatch]]:
    """Converts messages to batches of COMPLAINT_LOOSE or CALL_LOOSE (by their tag), or of REJECT.

    Every message is in exactly one batch. A message without a value, as in a compacted topic, is
    rejected because it names no record.
    """
    by_map = options.map_for(kind) is not None
    read = mapped.read if by_map else input_contract.read_records
    groups: dict[tuple[str, str | None], list[Message]] = {}
    for message in messages:
        groups.setdefault((message.source, message.org), []).append(message)
    for (source, org), group in groups.items():
        origin = Origin(source, mapped.JSON_ADAPTER.name if by_map else "jsonl", kind)
        records: list[Record] = []
        refused: list[Reject] = []
        for message in group:
            record, code = _record(message, decoder)
            if code is None:
                records.append(record)
            else:
                why = "the message holds no value that is read"
                refused.append(Reject(origin, record, code, why))
        named = replace(options, source_org=org or options.source_org)
        rows, rejects = read(origin, records, named)
        if rows.num_rows:
            yield TAGS[kind], rows
        if refused or rejects:
            yield REJECTS, rejects_batch([*refused, *rejects])


def read_queues(
    begin: PBegin,
    read_queue: Mapping[RecordKind, beam.PTransform],
    decoder: Decoder,
    options: ReadOptions,
) -> dict[str, Any]:
    """Reads queues to PCollections complaints, calls and rejects; a missing queue has no rows.

    `read_queue` gives Messages in the global window. The messages of a bundle are read together.
    """
    outputs: dict[str, Any] = {}
    rejects = []
    for kind, tag in TAGS.items():
        if kind in read_queue:
            step = beam.ParDo(_Read(kind, decoder, options)).with_outputs(tag, REJECTS)
            rows = begin | f"Queue of {tag}" >> read_queue[kind] | f"Read {tag}" >> step
            outputs[tag] = rows[tag]
            rejects.append(rows[REJECTS])
        else:
            outputs[tag] = begin | f"No {tag}" >> beam.Create([], reshuffle=False)
    return outputs | {REJECTS: tuple(rejects) | "Unread" >> beam.Flatten()}


@dataclass(eq=False)
class FromQueues(beam.PTransform):
    """Reads queues of complaints and calls, and makes ticks by the clock."""

    queues: Mapping[RecordKind, beam.PTransform]
    decoder: Decoder
    options: ReadOptions
    clock: Clock

    def expand(self, begin: PBegin) -> dict[str, Any]:
        """Returns PCollections complaints, calls (loose batches), rejects and ticks."""
        read = read_queues(begin, self.queues, self.decoder, self.options)
        return read | {TICKS: begin | "Clock" >> self.clock}


@dataclass(eq=False)
class KafkaQueue(beam.PTransform):
    """Reads Messages from Kafka topics.

    `config` is the consumer's configuration, `start` a time in milliseconds. `expansion` is the
    address of a running expansion service; without it Beam starts a service.
    """

    config: Mapping[str, str]
    topics: tuple[str, ...]
    policy: str = ReadFromKafka.processing_time_policy
    start: int | None = None
    commit: bool = False
    expansion: str | None = None

    def expand(self, begin: PBegin) -> Any:
        """Reads records with their topic, partition and offset."""
        read = ReadFromKafka(
            dict(self.config),
            list(self.topics),
            start_read_time=self.start,
            commit_offset_in_finalize=self.commit,
            timestamp_policy=self.policy,
            with_metadata=True,
            expansion_service=self.expansion,
        )
        return begin | read | "Message" >> beam.Map(kafka_message)


def kafka_message(record: Any) -> Message:
    """Converts a Kafka record with its metadata; its place is topic, partition and offset."""
    headers = {header.key: header.value for header in record.headers or ()}
    org = headers.get(ORG_HEADER)
    return Message(
        source=f"kafka:{record.topic}:{record.partition}",
        position=record.offset,
        data=record.value or b"",
        org=org.decode("utf-8", "replace") if org else None,
    )


@dataclass(eq=False)
class PubSubQueue(beam.PTransform):
    """Reads Messages from a subscription, `projects/P/subscriptions/S`.

    `id_label` and `timestamp_attribute` name the attributes with a message's id and time.
    """

    subscription: str
    id_label: str | None = None
    timestamp_attribute: str | None = None

    def expand(self, begin: PBegin) -> Any:
        """Reads messages with their ids."""
        from apache_beam.io.gcp.pubsub import ReadFromPubSub

        read = ReadFromPubSub(
            subscription=self.subscription,
            id_label=self.id_label,
            with_attributes=True,
            timestamp_attribute=self.timestamp_attribute,
        )
        return begin | read | "Message" >> beam.Map(pubsub_message, self.subscription)


def pubsub_message(message: Any, subscription: str) -> Message:
    """Converts a PubsubMessage; its position is its numeric id, or a hash of its id or data."""
    name = message.message_id or ""
    plain = name.isdecimal() and int(name) <= _POSITIVE
    content = name.encode() or message.data or b""
    return Message(
        source=f"pubsub:{subscription.rpartition('/')[2]}",
        position=int(name) if plain else xxhash.xxh3_64_intdigest(content) & _POSITIVE,
        data=message.data or b"",
        org=(message.attributes or {}).get(ORG_HEADER),
    )


def _as_contract_value(value: Any) -> Any:
    """Converts an Avro value to the input contract: times in ISO 8601, decimals as digits."""
    if isinstance(value, dict):
        return {name: _as_contract_value(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_as_contract_value(part) for part in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    return format(value, "f") if isinstance(value, Decimal) else value


def _record(message: Message, decoder: Decoder) -> tuple[Record, Code | None]:
    whole = Record(message.position, message.data, len(message.data))
    if len(message.data) > MAX_ROW_BYTES:
        return whole, Code.ROW_TOO_LARGE
    if not message.data.strip():
        return whole, Code.NOT_AN_OBJECT
    try:
        return whole._replace(data=decoder.json(message.data)), None
    except ValueError:
        return whole, Code.BAD_ENCODING


class _Read(beam.DoFn):
    """Collects the messages of a bundle, and reads up to `BATCH_MESSAGES` at once."""

    def __init__(self, kind: RecordKind, decoder: Decoder, options: ReadOptions) -> None:
        self._kind, self._decoder, self._options = kind, decoder, options
        self._messages: list[Message] = []
        self._since: Any = None

    def start_bundle(self) -> None:
        self._messages, self._since = [], None

    def process(self, message: Message, timestamp: Any = beam.DoFn.TimestampParam) -> Iterator[Any]:
        self._messages.append(message)
        self._since = timestamp if self._since is None else min(self._since, timestamp)
        if len(self._messages) >= BATCH_MESSAGES:
            for tag, batch in self._flush():
                yield TaggedOutput(tag, batch)

    def finish_bundle(self) -> Iterator[Any]:
        since = self._since
        for tag, batch in self._flush():
            value = WindowedValue(batch, since, (GlobalWindow(),))
            yield TaggedOutput(tag, value)

    def _flush(self) -> list[tuple[str, pa.RecordBatch]]:
        messages, self._messages = self._messages, []
        return list(read_messages(messages, self._kind, self._decoder, self._options))
