"""What is new in a watched folder: files dropped into it whole, and JSON Lines that grow.

One tick of a watched folder, or of topics, as the source of a bounded pipeline.

What is new in Kafka topics, as a watched folder has what is new in its files.

How far each partition has been read is part of the stream's state and not left to the broker: a
tick's state and its offsets become the ones that count together, so a record is neither lost nor
counted twice when the stream is killed. The consumer group only shows the lag.
"""

from __future__ import annotations

import logging
import math
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa

from pipelines.options import UsageError
from pipelines.streaming.options import StreamOptions
from pipelines.streaming.plan import client_settings
from schemas.enums import RecordKind
from schemas.reject import Code
from transforms.read.adapters.registry import Layout, layout
from transforms.read.detect import recognised
from transforms.read.files import InputFile
from transforms.read.framing import Origin, Record
from transforms.read.options import InputError, ReadOptions
from transforms.read.read_records import REJECTS, ReadShards
from transforms.read.rejects import reject, reject_rows
from transforms.read.shards import SHARD_BYTES, Shard, scan
from transforms.stream.state import TICKS, Tick

FOLDERS = {RecordKind.COMPLAINT: "complaints", RecordKind.CALL: "calls"}
"""The watched folders below DIR."""


QUIET = 2.0
"""Seconds for which a file must not have changed before it is taken for whole."""


UNFINISHED = 10.0
"""Seconds after which a last line without an end is taken for whole."""


BYTES_AT_ONCE = 256 * 1024 * 1024
"""Bytes of new files that one tick reads: what is left waits for the next one. One that has no
lines to be cut at is read whole."""


@dataclass(frozen=True)
class Picked:
    """How far a file has been read: it is read on from `offset`, or anew if it is another one."""

    inode: int
    size: int
    mtime_ns: int
    offset: int
    line: int


@dataclass(frozen=True)
class News:
    """Parts of files to be read, rejects of files that cannot be, and how far that goes."""

    shards: tuple[Shard, ...]
    rejects: tuple[pa.RecordBatch, ...]
    picked: Mapping[str, Picked]

    def __bool__(self) -> bool:
        return bool(self.shards or self.rejects)


class Folder:
    """A watched folder; what it holds is looked at anew at every call."""

    def __init__(
        self, path: str, options: ReadOptions, clock: Callable[[], float] = time.time
    ) -> None:
        self._path = Path(path)
        self._options = options
        self._clock = clock

    def look(self, picked: Mapping[str, Picked], *, final: bool = False) -> News:
        """What has come since `picked`, files in order of their names.

        A `final` look takes every file as it is for whole.
        """
        shards: list[Shard] = []
        rejects: list[pa.RecordBatch] = []
        now: dict[str, Picked] = {}
        left = BYTES_AT_ONCE
        for kind, name, path in self._files():
            if name in picked:
                now[name] = picked[name]
            try:
                seen = path.stat()
                before = picked.get(name)
                if before is not None and before.inode != seen.st_ino:
                    before = None  # another file of that name
                if before and (before.size, before.mtime_ns) == (seen.st_size, seen.st_mtime_ns):
                    continue
                if left <= 0:
                    continue
                start = Picked(seen.st_ino, seen.st_size, seen.st_mtime_ns, 0, 1)
                quiet = math.inf if final else self._clock() - seen.st_mtime
                found = self._read(kind, name, path, start, before, quiet, left)
            except OSError:
                continue  # gone, or not ours to read yet
            except InputError as error:
                rejects.append(_file_reject(kind, name, error))
                now[name] = start
                continue
            if found is not None:
                parts, now[name] = found
                shards += parts
                left -= now[name].offset - (before.offset if before else 0)
        return News(tuple(shards), tuple(rejects), now)

    def _files(self) -> Iterator[tuple[RecordKind, str, Path]]:
        for kind, folder in FOLDERS.items():
            base = self._path / folder
            for path in sorted(base.rglob("*")):
                below = path.relative_to(base).parts
                hidden = any(part.startswith((".", "_")) for part in below)
                if not hidden and path.suffix not in (".tmp", ".part") and path.is_file():
                    yield kind, f"{folder}/{'/'.join(below)}", path

    def _read(
        self,
        kind: RecordKind,
        name: str,
        path: Path,
        start: Picked,
        before: Picked | None,
        quiet: float,
        most: int,
    ) -> tuple[list[Shard], Picked] | None:
        """The parts to read of one file and how far they go; nothing if it is still being written.

        Of lines not many more than `most` bytes are read.

        Raises:
            InputError: if it has no format that is read.
            OSError: if it cannot be opened.
        """
        if start.size == 0:
            return None
        file = InputFile(str(path), name, kind, "", "none", start.size)
        if quiet < QUIET and (before is None or before.offset == 0) and not _has_line(path):
            return None
        file = recognised(file, self._options)
        if layout(file) == Layout.LINES and file.compression == "none":
            at = start
            if before is not None and 0 < before.offset < start.size:  # it has grown
                at = replace(start, offset=before.offset, line=before.line)
            return _lines(file, at, most, whole=quiet >= UNFINISHED)
        if quiet < QUIET:
            return None
        _, shards = scan(file)
        return shards, replace(start, offset=start.size)


def _has_line(path: Path) -> bool:
    with path.open("rb") as stream:
        return b"\n" in stream.read(1 << 20)


def _lines(
    file: InputFile, at: Picked, most: int, *, whole: bool
) -> tuple[list[Shard], Picked] | None:
    """Whole lines from where reading stopped; with `whole` also a last one that has no end."""
    shards: list[Shard] = []
    offset, line = at.offset, at.line
    with Path(file.path).open("rb") as stream:
        while offset < min(at.size, at.offset + most):
            stream.seek(offset)
            block = stream.read(min(SHARD_BYTES, at.size - offset))
            end = block.rfind(b"\n") + 1
            if not end:
                if not whole and len(block) < SHARD_BYTES:
                    break
                end = len(block)
            shards.append(Shard(file, offset, offset + end, line))
            line += block.count(b"\n", 0, end)
            offset += end
    if offset < at.size:  # the rest of a line is still to come, or of the file: look again
        at = replace(at, size=offset)
    return shards, replace(at, offset=offset, line=line)


def _file_reject(kind: RecordKind, name: str, error: InputError) -> pa.RecordBatch:
    """The reject of a whole file: one that is not read must not be lost without a word."""
    record = Record(0, b"", 0)
    message = f"the file is not read: {error.problem}; {error.remedy}"
    return reject_rows(
        [reject(Origin(name, "unknown", kind), record, Code.UNREADABLE_FILE, message)]
    )


def as_json(picked: Mapping[str, Picked]) -> dict[str, dict[str, int]]:
    """As it is stored."""
    return {name: asdict(one) for name, one in sorted(picked.items())}


def from_json(stored: Mapping[str, Mapping[str, int]]) -> dict[str, Picked]:
    """As `as_json` stored it."""
    return {name: Picked(**one) for name, one in stored.items()}


@dataclass(frozen=True)
class Due:
    """What is new in a folder, and the one tick at which it is looked at."""

    news: News
    tick: Tick


def _shards(due: Due) -> Iterator[Shard]:
    yield from due.news.shards


def _refused(due: Due) -> Iterator[pa.RecordBatch]:
    yield from due.news.rejects


def _tick(due: Due) -> Tick:
    return due.tick


@dataclass(eq=False)
class OneTick(beam.PTransform):
    """The Due that each run of the pipeline is given, read."""

    options: ReadOptions

    def expand(self, begin: beam.pvalue.PBegin) -> dict[str, Any]:
        """Loose batches, rejects and the tick."""
        due = begin | "Due" >> beam.Impulse()
        read = due | "Shards" >> beam.FlatMap(_shards) | ReadShards(self.options)
        refused = due | "Refused files" >> beam.FlatMap(_refused)
        read[REJECTS] = (read[REJECTS], refused) | "All" >> beam.Flatten()
        return read | {TICKS: due | "Tick" >> beam.Map(_tick)}


SPOOL = "spool"
"""Below the state: the records of one tick, a file a run of offsets."""


MESSAGES_AT_ONCE = 50_000
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
        left, wait = MESSAGES_AT_ONCE, WAIT_MS
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
        import kafka
        import kafka.errors
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
