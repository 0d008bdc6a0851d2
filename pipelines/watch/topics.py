"""What is new in Kafka topics, as a watched folder has what is new in its files.

How far each partition has been read is part of the stream's state and not left to the broker: a
tick's state and its offsets become the ones that count together, so a record is neither lost nor
counted twice when the stream is killed. The consumer group only shows the lag.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipelines.options import UsageError
from pipelines.queue_source import client_settings
from pipelines.stream_options import StreamOptions
from pipelines.watch.folder import News, Picked
from schemas.kinds import RecordKind
from schemas.reject import Code
from transforms.read.files import InputFile
from transforms.read.records import Origin, Record
from transforms.read.rejects import reject, reject_rows
from transforms.read.shards import Shard

SPOOL = "spool"
"""Below the state: the records of one tick, a file a run of offsets."""

AT_ONCE = 50_000
"""Records that one tick reads at most: what is left waits for the next one."""

WAIT_MS, MORE_MS = 500, 100
"""Longest wait for the first records of a look, and for those after them."""

CONNECT_MS = 10_000
"""Longest wait for a broker to answer at the start."""

_PREFIX = "kafka:"


@dataclass(frozen=True)
class Topics:
    """Which topics a stream reads, from where, and as what."""

    servers: str
    group: str
    commit: bool
    start: str
    kinds: Mapping[str, RecordKind]
    formats: Mapping[RecordKind, str]
    settings: Mapping[str, Any]


class TopicFeed:
    """The topics of one stream; what they hold is looked at anew at every call."""

    def __init__(self, topics: Topics, state: str) -> None:
        self._topics = topics
        self._spool = Path(state, SPOOL)
        self._consumer = _connected(topics)
        self._done: Mapping[str, Picked] = {}

    def look(self, picked: Mapping[str, Picked], *, final: bool = False) -> News:
        """What has come since `picked`; a `final` look is no other."""
        del final
        if picked != self._done:
            self._confirm(picked)
        shutil.rmtree(self._spool, ignore_errors=True)
        self._spool.mkdir(mode=0o700, parents=True)
        now = dict(picked)
        rejects = self._assign(now)
        left, wait = AT_ONCE, WAIT_MS
        arrived: dict[Any, list[Any]] = {}
        while left > 0:
            polled = self._consumer.poll(timeout_ms=wait, max_records=left)
            if not polled:
                break
            wait = MORE_MS
            for partition, records in polled.items():
                arrived.setdefault(partition, []).extend(records)
                left -= len(records)
        shards: list[Shard] = []
        for partition, records in sorted(arrived.items()):
            shards += self._spooled(partition, records)
            now[_name(partition)] = _at(records[-1].offset + 1)
        return News(tuple(shards), tuple(rejects), now)

    def _assign(self, now: dict[str, Picked]) -> list[Any]:
        """Take every partition, new ones too, from where it was left; rejects of what is gone."""
        kafka = _library()
        wanted = [
            kafka.TopicPartition(topic, number)
            for topic in self._topics.kinds
            for number in sorted(self._consumer.partitions_for_topic(topic) or ())
        ]
        self._consumer.assign(wanted)
        first = self._consumer.beginning_offsets(wanted)
        begun = self._begun(wanted, first)
        rejects = []
        for partition in wanted:
            name = _name(partition)
            if name not in now:
                now[name] = _at(begun[partition])
            if now[name].offset < first[partition]:
                rejects.append(self._gone(partition, now[name].offset, first[partition]))
                now[name] = _at(first[partition])
            self._consumer.seek(partition, now[name].offset)
        return rejects

    def _begun(self, wanted: list[Any], first: Mapping[Any, int]) -> Mapping[Any, int]:
        """The offset at which a partition is begun that the stream has not read yet."""
        if self._topics.start == "earliest":
            return first
        last: Mapping[Any, int] = self._consumer.end_offsets(wanted)
        if self._topics.start == "latest":
            return last
        since = int(datetime.fromisoformat(self._topics.start).timestamp() * 1000)
        found = self._consumer.offsets_for_times(dict.fromkeys(wanted, since))
        return {one: found[one].offset if found.get(one) else last[one] for one in wanted}

    def _gone(self, partition: Any, left: int, first: int) -> Any:
        """A reject in place of records that the broker deleted before they were read."""
        message = f"{first - left} records were deleted by the broker before they were read"
        origin = Origin(_label(partition), "unknown", self._topics.kinds[partition.topic])
        record = Record(left + 1, b"", 0)
        return reject_rows([reject(origin, record, Code.UNREADABLE_FILE, message)])

    def _spooled(self, partition: Any, records: Iterable[Any]) -> list[Shard]:
        """Records as lines; a file holds a run of offsets, so that a line tells its own."""
        kind = self._topics.kinds[partition.topic]
        runs: list[tuple[int, list[bytes]]] = []
        expected = -1
        for record in records:
            if record.value is None:  # a tombstone: it says that a key is gone
                continue
            if record.offset != expected:
                runs.append((record.offset, []))
            runs[-1][1].append(_line(record.value))
            expected = record.offset + 1
        shards = []
        for first, lines in runs:
            path = self._spool / f"{partition.topic}-{partition.partition}-{first:020d}"
            content = b"".join(lines)
            path.write_bytes(content)
            form = self._topics.formats[kind]
            file = InputFile(str(path), _label(partition), kind, form, "none", len(content))
            shards.append(Shard(file, 0, None, first + 1))
        return shards

    def _confirm(self, picked: Mapping[str, Picked]) -> None:
        """Show the broker how far the state that counts goes; nothing depends on it."""
        kafka = _library()
        offsets = {
            partition: kafka.OffsetAndMetadata(picked[_name(partition)].offset, "", -1)
            for partition in self._consumer.assignment()
            if _name(partition) in picked
        }
        self._done = dict(picked)
        if offsets and self._topics.commit:
            try:
                self._consumer.commit_async(offsets)
            except kafka.errors.KafkaError:
                logging.getLogger(__name__).debug("offsets not shown", exc_info=True)


def _line(value: bytes) -> bytes:
    """A value as one line. A line break has no meaning in JSON, and an empty value is no record."""
    one = value.replace(b"\r", b" ").replace(b"\n", b" ")
    return (one if one.strip() else b'""') + b"\n"


def _at(offset: int) -> Picked:
    return Picked(0, 0, 0, offset, 0)


def _label(partition: Any) -> str:
    return f"{partition.topic}/{partition.partition}"


def _name(partition: Any) -> str:
    return _PREFIX + _label(partition)


def _library() -> Any:
    try:
        import kafka  # noqa: PLC0415 - an extra
        import kafka.errors  # noqa: PLC0415
    except ImportError:
        raise UsageError(
            "--kafka-servers: needs the extra 'kafka': pip install 'ringtrace[kafka]'"
        ) from None
    return kafka


def topics_of(options: StreamOptions) -> Topics:
    """What the options say of Kafka.

    Raises:
        UsageError: if the file of settings cannot be read.
    """
    kinds = dict.fromkeys(options.kafka_complaints, RecordKind.COMPLAINT)
    kinds |= dict.fromkeys(options.kafka_calls, RecordKind.CALL)
    return Topics(
        servers=options.kafka_servers or "",
        group=options.kafka_group,
        commit=options.kafka_commit == "yes",
        start=options.kafka_start,
        kinds=kinds,
        formats={
            RecordKind.COMPLAINT: options.complaints_format or "jsonl",
            RecordKind.CALL: options.calls_format or "jsonl",
        },
        settings=client_settings(options),
    )


def _connected(topics: Topics) -> Any:
    kafka = _library()
    try:
        consumer = kafka.KafkaConsumer(
            bootstrap_servers=topics.servers.split(","),
            group_id=topics.group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            **{"bootstrap_timeout_ms": CONNECT_MS, **topics.settings},
        )
        there = consumer.topics()
    except (kafka.errors.KafkaError, AssertionError, TypeError, ValueError) as error:
        raise UsageError(
            f"--kafka-servers {topics.servers}: {type(error).__name__}; check the address and "
            "--kafka-config"
        ) from None
    for topic in topics.kinds:
        if topic not in there:
            consumer.close()
            raise UsageError(f"{topic}: no such topic at {topics.servers}")
    return consumer
