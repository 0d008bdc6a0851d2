"""Sources of a local stream: a watched folder or Kafka topics, read a tick at a time.

Files are put into the folder whole, or are JSON Lines that grow. Read positions of files and
partitions are part of the stream's state; Kafka's broker only shows the lag. A tick's state and
positions are committed together, so that no record is lost or counted twice if the stream is
killed.

The module is long because a folder and a queue share a contract.
"""

from __future__ import annotations

import logging
import math
import os
import shutil
import time
from argparse import Namespace
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
import xxhash

from pipelines.options import Json, Row, UsageError
from pipelines.streaming.plan import client_settings, stream_read_options
from schemas.enums import RecordKind
from schemas.extras import install_command
from schemas.manifest import EntryStatus, InputEntries, SkipReason
from schemas.reject import Code
from transforms.gates import open_bytes
from transforms.read import (
    REJECTS,
    SHARD_BYTES,
    Entry,
    InputError,
    InputFile,
    Layout,
    Origin,
    ReadOptions,
    ReadShards,
    Record,
    Reject,
    Shard,
    file_layout,
    folder_entries,
    raw_blocks,
    recognize_file,
    rejects_batch,
    scan_file,
    sheet_entries,
    skip_reason,
    summarize_entries,
)
from transforms.stream import TICKS, Tick

FOLDERS = {kind: f"{kind}s" for kind in RecordKind}
"""The watched folders below DIR."""

MESSAGES_FOLDER = "spool"
"""The folder below the state for the records of a tick, with a file for each run of offsets."""

SETTLED_SECONDS = 2.0
"""Seconds without a change before a file counts as whole."""

UNFINISHED_SECONDS = 10.0
"""Seconds without a change before a last line without an end counts as whole."""

RETRY_SECONDS = 30.0
"""Seconds before an unreadable entry is tried again, even if it is unchanged."""

BYTES_AT_ONCE = 256 * 1024 * 1024
"""Bytes of new files that a tick reads; the rest waits for the next tick. A file that cannot be
split at lines is read whole."""

MESSAGES_AT_ONCE = 50_000
"""Most records that a tick reads; the rest waits for the next tick."""

WAIT_MS, MORE_MS = 500, 100
"""Longest wait for the first records of a poll, and for further records, in milliseconds."""

CONNECT_MS = 10_000
"""Longest wait for a broker to answer at the start, in milliseconds."""

SKIP_REASONS = frozenset(SkipReason)
"""Possible texts of a position's `problem`, besides the problems of unreadable entries."""

_PREFIX = "kafka:"


@dataclass(frozen=True)
class ReadPosition:
    """The position up to which a file was read; a replaced file is read from its start.

    `mark` is a digest of the bytes before `offset`. A changed file counts as the same only if these
    bytes are unchanged. `problem` says why an entry could not be read; it is tried again.
    """

    inode: int
    size: int
    mtime_ns: int
    offset: int
    line: int
    mark: str = ""
    problem: str = ""
    ctime_ns: int = 0
    unread_sheets: tuple[str, ...] = ()

    @property
    def state(self) -> tuple[int, int, int, int]:
        """Values that change when a file is written or replaced."""
        return self.inode, self.size, self.mtime_ns, self.ctime_ns


@dataclass(frozen=True)
class NewRecords:
    """Parts of files to read, rejects of unreadable files, and the positions after them.

    `entries` accounts for every entry below a watched folder.
    """

    shards: tuple[Shard, ...]
    rejects: tuple[pa.RecordBatch, ...]
    positions: Mapping[str, ReadPosition]
    entries: InputEntries | None = field(default=None, compare=False)

    def __bool__(self) -> bool:
        return bool(self.shards or self.rejects)


def positions_to_json(positions: Mapping[str, ReadPosition]) -> dict[str, Json]:
    """Returns positions in the form of the state's header."""
    return {name: asdict(position) for name, position in sorted(positions.items())}


def positions_from_json(stored: Mapping[str, Row]) -> dict[str, ReadPosition]:
    """Returns positions that `positions_to_json` stored."""
    return {
        name: ReadPosition(
            **{**position, "unread_sheets": tuple(position.get("unread_sheets", ()))}
        )
        for name, position in stored.items()
    }


class WatchedFolder:
    """A watched folder; every poll lists its files again."""

    def __init__(
        self,
        path: str,
        options: ReadOptions,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = Path(path)
        self._options = options
        self._clock = clock
        self._steady = steady
        self._tried: dict[str, float] = {}
        self._ahead: dict[str, tuple[tuple[int, int, int, int], float]] = {}
        """By name of a file with a time in the future, its state, and since when it was seen."""

    def poll(self, positions: Mapping[str, ReadPosition], *, final: bool = False) -> NewRecords:
        """Returns the records that arrived since `positions`, files in order of their names.

        A `final` poll takes every file as whole.
        """
        shards: list[Shard] = []
        rejects: list[pa.RecordBatch] = []
        now: dict[str, ReadPosition] = {}
        skipped: list[Entry] = []
        left = BYTES_AT_ONCE
        for kind, name, path, reason in self._entries():
            if isinstance(reason, SkipReason):
                skipped.append(Entry(name, kind, EntryStatus.SKIPPED, reason))
                continue
            before = positions.get(name)
            if before is not None:
                now[name] = before
            start = ReadPosition(0, 0, 0, 0, 1)
            try:
                if reason is not None:
                    raise reason
                seen = path.stat()
                start = ReadPosition(
                    seen.st_ino, seen.st_size, seen.st_mtime_ns, 0, 1, ctime_ns=seen.st_ctime_ns
                )
                same = before is not None and before.state == start.state
                tried = self._steady() - self._tried.get(name, -math.inf)
                due = final or tried >= RETRY_SECONDS
                if same and not (due and before is not None and before.problem):
                    continue
                age = math.inf if final else self._unchanged_for(name, start)
                read = self._read(kind, name, path, start, before, age, left) if left > 0 else None
            except (OSError, InputError) as error:
                now.pop(name, None)
                if os.path.lexists(path):
                    now[name], reject = self._refuse(kind, name, path, start, error)
                    if now[name] != positions.get(name):
                        rejects += reject
                continue
            if read is not None:
                parts, now[name], size = read
                shards += parts
                left -= size
            elif before is None:
                now.pop(name, None)
                skipped.append(Entry(name, kind, EntryStatus.SKIPPED, SkipReason.UNFINISHED))
        return NewRecords(tuple(shards), tuple(rejects), now, self._account(now, skipped))

    def _unchanged_for(self, name: str, start: ReadPosition) -> float:
        """Returns the seconds since a file's last change, as far as clocks agree."""
        age = self._clock() - start.mtime_ns / 1e9
        if age >= 0:
            self._ahead.pop(name, None)
            return age
        # The file's time is in the future: another clock wrote it, or ours was set back. Its age
        # counts from when it was first seen in this state.
        state, since = self._ahead.get(name, (None, 0.0))
        if state != start.state:
            since = self._steady()
            self._ahead[name] = start.state, since
        return self._steady() - since

    def _refuse(
        self,
        kind: RecordKind,
        name: str,
        path: Path,
        start: ReadPosition,
        error: OSError | InputError,
    ) -> tuple[ReadPosition, list[pa.RecordBatch]]:
        """Returns the position of an unreadable entry, and its reject, if it needs one."""
        self._tried[name] = self._steady()
        if start.size and (idle := skip_reason(path)):
            return replace(start, problem=idle), []
        refused = error
        if isinstance(refused, OSError):
            problem = refused.strerror or "cannot be read"
            refused = InputError(str(path), problem, "see that it can be read")
        reject = _file_reject(kind, name, refused)
        return replace(start, problem=refused.problem), [reject]

    def _account(self, now: Mapping[str, ReadPosition], skipped: Iterable[Entry]) -> InputEntries:
        left_out = [
            Entry(
                name,
                _kind_of(name),
                EntryStatus.SKIPPED if position.problem in SKIP_REASONS else EntryStatus.UNREADABLE,
                position.problem,
            )
            for name, position in now.items()
            if position.problem
        ]
        sheets = [
            sheet
            for name, position in now.items()
            for sheet in sheet_entries(name, _kind_of(name), position.unread_sheets)
        ]
        return summarize_entries(len(now) - len(left_out), [*skipped, *left_out, *sheets])

    def _entries(self) -> Iterator[tuple[RecordKind, str, Path, SkipReason | InputError | None]]:
        """Yields every entry by name, and why it is not read, if that is already known."""
        for kind, folder in FOLDERS.items():
            base = self._path / folder
            if not base.is_dir():
                continue
            try:
                below = sorted(folder_entries(str(base)), key=lambda entry: entry[0].split("/"))
            except InputError as error:
                yield kind, folder, base, error
                continue
            for location, name, info in below:
                path = Path(location)
                reason: SkipReason | InputError | None
                if isinstance(info, SkipReason | InputError):
                    reason = info
                elif path.suffix in (".tmp", ".part"):
                    reason = SkipReason.UNFINISHED
                else:
                    reason = SkipReason.EMPTY if info.size_in_bytes == 0 else None
                yield kind, f"{folder}/{name}", path, reason

    def _read(
        self,
        kind: RecordKind,
        name: str,
        path: Path,
        start: ReadPosition,
        before: ReadPosition | None,
        unchanged_for: float,
        most: int,
    ) -> tuple[list[Shard], ReadPosition, int] | None:
        """Returns the parts of a file to read, the position after them, and their bytes.

        Returns None if the file is being written. `start` is the file's state with nothing read,
        `before` its position after the last tick. It last changed `unchanged_for` seconds ago. At
        most about `most` bytes are read.

        Raises:
            InputError: if its format is unknown.
            OSError: if it cannot be opened.
        """
        if start.size == 0:
            return None
        file = InputFile(str(path), name, kind, "", "none", start.size)
        if (
            unchanged_for < SETTLED_SECONDS
            and (before is None or before.offset == 0)
            and not _has_line(path)
        ):
            return None
        file = recognize_file(file, self._options)
        if file_layout(file) == Layout.LINES and file.can_be_cut:
            begin, digest = start, xxhash.xxh3_128()
            if before is not None and 0 < before.offset <= start.size:
                for block in raw_blocks(str(path), 0, before.offset):
                    digest.update(block)
                if digest.hexdigest() == before.mark:  # it has grown
                    begin = replace(start, offset=before.offset, line=before.line)
                else:
                    digest.reset()
            whole = unchanged_for >= UNFINISHED_SECONDS
            shards, end = _line_shards(file, begin, most, digest, whole=whole)
            return shards, replace(end, mark=digest.hexdigest()), end.offset - begin.offset
        # A truncated row could be read as another number, and might outlast its full version.
        plain = file_layout(file) == Layout.CSV and file.compression == "none"
        cut = plain and not _ends_a_line(path)
        if unchanged_for < (UNFINISHED_SECONDS if cut else SETTLED_SECONDS):
            return None
        (mark, size), shards = scan_file(file)
        if before is not None and before.mark == mark and not before.problem:
            shards = []  # it was only touched
        end = replace(start, offset=start.size, mark=mark, unread_sheets=file.unread_sheets)
        return shards, end, size


class TopicFeed:
    """The topics that the options name; every poll continues at the positions of the state.

    Raises:
        UsageError: if the file of settings cannot be read, or a topic does not exist.
    """

    def __init__(self, options: Namespace, state: str) -> None:
        self._options = options
        self._kinds = dict.fromkeys(options.kafka_complaints, RecordKind.COMPLAINT)
        self._kinds |= dict.fromkeys(options.kafka_calls, RecordKind.CALL)
        self._by_map = {mapping.kind for mapping in stream_read_options(options).maps}
        self._messages = Path(state, MESSAGES_FOLDER)
        self._consumer = _connect(options, self._kinds)
        self._done: Mapping[str, ReadPosition] = {}

    def _format(self, kind: RecordKind) -> str:
        """Returns the format of the records of a kind: as given, or JSON."""
        options = self._options
        is_call = kind is RecordKind.CALL
        known: str | None = options.calls_format if is_call else options.complaints_format
        return known or ("map-json" if kind in self._by_map else "jsonl")

    def poll(self, positions: Mapping[str, ReadPosition], *, final: bool = False) -> NewRecords:
        """Returns the records that arrived since `positions`; `final` changes nothing."""
        del final
        if positions != self._done:
            self._confirm(positions)
        shutil.rmtree(self._messages, ignore_errors=True)
        self._messages.mkdir(mode=0o700, parents=True)
        now = dict(positions)
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
            shards += self._write_shards(partition, records)
            now[_position_name(partition)] = _offset_position(records[-1].offset + 1)
        return NewRecords(tuple(shards), tuple(rejects), now)

    def _assign(self, now: dict[str, ReadPosition]) -> list[Any]:
        """Seeks in every partition, also new ones; returns rejects for records that are gone.

        Adds the position of each partition to `now`.
        """
        kafka = _kafka_library()
        wanted = [
            kafka.TopicPartition(topic, number)
            for topic in self._kinds
            for number in sorted(self._consumer.partitions_for_topic(topic) or ())
        ]
        self._consumer.assign(wanted)
        first = self._consumer.beginning_offsets(wanted)
        begun = self._first_offsets(wanted, first)
        rejects = []
        for partition in wanted:
            name = _position_name(partition)
            if name not in now:
                now[name] = _offset_position(begun[partition])
            if now[name].offset < first[partition]:
                rejects.append(self._gone(partition, now[name].offset, first[partition]))
                now[name] = _offset_position(first[partition])
            self._consumer.seek(partition, now[name].offset)
        return rejects

    def _first_offsets(self, wanted: list[Any], first: Mapping[Any, int]) -> Mapping[Any, int]:
        """Returns the start offsets of partitions that the stream has not read yet."""
        if self._options.kafka_start == "earliest":
            return first
        last: Mapping[Any, int] = self._consumer.end_offsets(wanted)
        if self._options.kafka_start == "latest":
            return last
        since = dict.fromkeys(wanted, self._options.kafka_start)
        offsets = self._consumer.offsets_for_times(since)
        return {
            partition: offsets[partition].offset if offsets.get(partition) else last[partition]
            for partition in wanted
        }

    def _gone(self, partition: Any, left: int, first: int) -> Any:
        """Returns a reject in place of records that the broker deleted before they were read."""
        message = f"{first - left} records were deleted by the broker before they were read"
        origin = Origin(_partition_label(partition), "unknown", self._kinds[partition.topic])
        record = Record(left + 1, b"", 0)
        return rejects_batch([Reject(origin, record, Code.UNREADABLE_FILE, message)])

    def _write_shards(self, partition: Any, records: Iterable[Any]) -> list[Shard]:
        """Writes records as lines, a file for each run of offsets; line numbers give offsets."""
        kind = self._kinds[partition.topic]
        runs: list[tuple[int, list[bytes]]] = []
        expected = -1
        for record in records:
            if record.value is None:  # a tombstone: its key is gone
                continue
            if record.offset != expected:
                runs.append((record.offset, []))
            runs[-1][1].append(value_as_line(record.value))
            expected = record.offset + 1
        shards = []
        for first, lines in runs:
            path = self._messages / f"{partition.topic}-{partition.partition}-{first:020d}"
            content = b"".join(lines)
            path.write_bytes(content)
            form = self._format(kind)
            file = InputFile(
                str(path), _partition_label(partition), kind, form, "none", len(content)
            )
            shards.append(Shard(file, 0, None, first + 1))
        return shards

    def _confirm(self, positions: Mapping[str, ReadPosition]) -> None:
        """Commits the state's offsets to the broker, only to be shown."""
        kafka = _kafka_library()
        offsets = {
            partition: kafka.OffsetAndMetadata(positions[_position_name(partition)].offset, "", -1)
            for partition in self._consumer.assignment()
            if _position_name(partition) in positions
        }
        self._done = dict(positions)
        if offsets and self._options.kafka_commit == "yes":
            try:
                self._consumer.commit_async(offsets)
            except kafka.errors.KafkaError:
                logging.getLogger(__name__).debug("offsets not shown", exc_info=True)


def value_as_line(value: bytes) -> bytes:
    """Returns a value as one line: JSON ignores line breaks, and an empty value is no record."""
    line = value.replace(b"\r", b" ").replace(b"\n", b" ")
    return (line if line.strip() else b'""') + b"\n"


@dataclass(frozen=True)
class DueTick:
    """New records, and the tick that reads them."""

    news: NewRecords
    tick: Tick


@dataclass(eq=False)
class OneTick(beam.PTransform):
    """Reads the `DueTick` given to each run of the pipeline."""

    options: ReadOptions

    def expand(self, begin: beam.pvalue.PBegin) -> Json:
        """Returns loose batches, rejects and the tick."""
        due = begin | "Due" >> beam.Impulse()
        read = due | "Shards" >> beam.FlatMap(attrgetter("news.shards")) | ReadShards(self.options)
        refused = due | "Refused files" >> beam.FlatMap(attrgetter("news.rejects"))
        read[REJECTS] = (read[REJECTS], refused) | "All" >> beam.Flatten()
        return read | {TICKS: due | "Tick" >> beam.Map(attrgetter("tick"))}


def _has_line(path: Path) -> bool:
    with open_bytes(path) as stream:
        return b"\n" in stream.read(1 << 20)


def _ends_a_line(path: Path) -> bool:
    with open_bytes(path) as stream:
        stream.seek(-min(4, path.stat().st_size), os.SEEK_END)
        return stream.read().rstrip(b"\0")[-1:] in (b"\n", b"\r")  # also in UTF-16


def _line_shards(
    file: InputFile, position: ReadPosition, most: int, digest: Any, *, whole: bool
) -> tuple[list[Shard], ReadPosition]:
    """Cuts shards of whole lines from `position` on, and adds them to a running hash.

    With `whole`, this includes a last line without an end.
    """
    shards: list[Shard] = []
    offset, line = position.offset, position.line
    with open_bytes(file.path) as stream:
        while offset < min(position.size, position.offset + most):
            stream.seek(offset)
            block = stream.read(min(SHARD_BYTES, position.size - offset))
            end = block.rfind(b"\n") + 1
            if not end and len(block) < SHARD_BYTES:
                if not whole:
                    break
                # If the rest of the line comes later, the line is read again with it.
                shards.append(Shard(file, offset, position.size, line))
                return shards, replace(position, offset=offset, line=line)
            end = end or len(block)
            shards.append(Shard(file, offset, offset + end, line))
            line += block.count(b"\n", 0, end)
            digest.update(memoryview(block)[:end])
            offset += end
    if offset < position.size:  # the rest of a line or of the file is still to come: read again
        position = replace(position, size=offset)
    return shards, replace(position, offset=offset, line=line)


def _kind_of(name: str) -> RecordKind:
    return RecordKind(name.partition("/")[0].removesuffix("s"))


def _file_reject(kind: RecordKind, name: str, error: InputError) -> pa.RecordBatch:
    """Returns the reject of a whole file, so that unread files are accounted for."""
    record = Record(0, b"", 0)
    message = f"the file is not read: {error.problem}; {error.remedy}"
    return rejects_batch(
        [Reject(Origin(name, "unknown", kind), record, Code.UNREADABLE_FILE, message)]
    )


def _connect(options: Namespace, topics: Iterable[str]) -> Any:
    kafka, servers = _kafka_library(), options.kafka_servers or ""
    settings = {"bootstrap_timeout_ms": CONNECT_MS, **client_settings(options)}
    try:
        consumer = kafka.KafkaConsumer(
            bootstrap_servers=servers.split(","),
            group_id=options.kafka_group,
            enable_auto_commit=False,
            auto_offset_reset="none",
            **settings,
        )
        there = consumer.topics()
    except (kafka.errors.KafkaError, AssertionError, TypeError, ValueError) as error:
        raise UsageError(
            f"--kafka-servers {servers}: {type(error).__name__}; check the address and "
            "--kafka-config"
        ) from None
    for topic in topics:
        if topic not in there:
            consumer.close()
            raise UsageError(f"{topic}: no such topic at {servers}")
    return consumer


def _kafka_library() -> Any:
    try:
        import kafka
        import kafka.errors
    except ImportError:
        raise UsageError(
            f"--kafka-servers: needs the package kafka-python: {install_command('kafka')}"
        ) from None
    return kafka


def _offset_position(offset: int) -> ReadPosition:
    return ReadPosition(0, 0, 0, offset, 0)


def _partition_label(partition: Any) -> str:
    return f"{partition.topic}/{partition.partition}"


def _position_name(partition: Any) -> str:
    return _PREFIX + _partition_label(partition)
