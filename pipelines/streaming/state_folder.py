"""The state/ of a stream on this machine: written tick by tick, read in this and earlier versions.

A first file has the evidence that was alive. Each tick adds a file with only its new evidence, so
its size does not grow with the state. From time to time a file has the whole state, and the earlier
files are deleted. A file appears whole or not at all. A state of an earlier version is converted
version by version, and written as a whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import xxhash

from pipelines.options import Json, UsageError
from pipelines.streaming.watch_sources import ReadPosition, positions_from_json, positions_to_json
from transforms.custody import ErasureList
from transforms.gates import open_bytes
from transforms.read import raw_blocks
from transforms.stream import DELTA_SCHEMAS, Delta, LiveState, empty_delta
from transforms.values import NO_RULES, SourceRules
from transforms.write import sync_path

STATE_FOLDER = "state"

MOST_FILES = 256
"""Number of files after which the whole state is written again, however small they are."""

VERSION = 10
"""The version written: since 9, a file ends with a digest of its content."""

_HEADER_KEY = b"ringtrace"
"""The key of the file's header, as JSON, in the metadata of its first schema."""

_NAME = re.compile(r"[0-9]{12}\.(whole|part)\.(state|arrow)")

_UNSEALED = ".arrow"
"""The suffix of a file of version 8, which has no digest."""

_DIGEST_BYTES = 16
"""Bytes of the XXH3 at the end of a file: without it, Arrow would read a flipped bit as other
evidence, or end the process."""

_BROKEN = (OSError, ValueError, KeyError, TypeError, StopIteration, pa.ArrowException)
"""Errors of Arrow and JSON on a damaged file."""


class StateFile(NamedTuple):
    """The content of a file: its header, and the tables of a delta in the file's version."""

    header: Json
    tables: list[pa.RecordBatch]


def _with_nothing_gone(file: StateFile) -> StateFile:
    records, *others = file.tables
    gone = pa.array([[]] * len(records), DELTA_SCHEMAS[0].field("gone").type)
    return file._replace(tables=[records.append_column("gone", gone), *others])


STEPS: dict[int, Callable[[StateFile], StateFile]] = {8: lambda file: file, 9: _with_nothing_gone}
"""By version, the step that converts a file to the next version; 9 added only the digest.

A change of the header or of a table of `DELTA_SCHEMAS` raises `VERSION` and adds a step.
"""


class StreamState:
    """The state below a stream's output: a file for each tick, readable only by its owner.

    Its evidence names reporters by the `rules` of --sources, so a stream must keep the same rules.
    With `migrate`, a state of an earlier version, `migrated_from`, is written again in this one.
    """

    def __init__(
        self,
        output: str,
        days: Mapping[str, int],
        rules: SourceRules = NO_RULES,
        *,
        migrate: bool = False,
    ) -> None:
        self._rules = {org: str(rule) for org, rule in sorted(rules.items())}
        self._folder = Path(output, STATE_FOLDER)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._folder.glob(".next*"):
            left.unlink()
        self.tick = 0
        self.positions: dict[str, ReadPosition] = {}
        self.alive = LiveState()
        self.erasures: str | None = None
        self.migrated_from: int | None = None
        self._rewrite = False
        self._files, self._rows = 0, 0
        self._days = days
        self._read(migrate=migrate)
        if self.migrated_from is not None:
            # The files of the earlier version stay until the whole state is written in this one.
            self._rewrite = True
            self.commit(self.positions)

    def erase(self, known: ErasureList | None) -> None:
        """Removes the records of a list; the next commit writes the whole state without them."""
        if known is not None:
            self.alive.erase(known, self._days)
        self.erasures = known.digest if known else None
        self._rewrite = True

    def commit(self, positions: Mapping[str, ReadPosition]) -> None:
        """Writes the evidence that is alive and the read positions, for a restart."""
        self.positions = dict(positions)
        fresh = self.alive.fresh
        self._files, self._rows = self._files + 1, self._rows + _record_rows(fresh)
        rows = sum(map(_record_rows, self.alive.deltas()))
        whole = self._files >= MOST_FILES or self._rows * 2 >= rows
        whole, self._rewrite = whole or self._rewrite, False
        self.tick += 1
        name = f"{_stem(self.tick, whole=whole)}.state"
        aside = self._folder / f".next-{name}"
        header = {
            "version": VERSION,
            "duplicates": self.alive.duplicates,
            "expired": self.alive.expired,
            "erased": self.alive.erased,
            "erasures": self.erasures,
            "picked": positions_to_json(positions),
            "sources": self._rules,
        }
        _write_file(aside, self.alive.settled(self._days) if whole else fresh, header)
        aside.rename(self._folder / name)
        sync_path(self._folder)
        if whole:
            self._files, self._rows = 0, 0
            for path in sorted(self._folder.glob("[0-9]*")):
                if path.name < name:
                    path.unlink()

    def _read(self, *, migrate: bool) -> None:
        paths = sorted(self._folder.glob("[0-9]*"))
        if not paths:
            return
        if not all(_NAME.fullmatch(path.name) for path in paths):
            raise self._version_error(0)
        first = max((path for path in paths if ".whole." in path.name), default=paths[0])
        parts = [path for path in paths if path > first]
        blocks: list[Delta] = []
        for number, path in enumerate((first, *parts), _number(first)):
            stem = _stem(number, whole=not blocks)
            if path.stem != stem:
                raise _unreadable(self._folder / f"{stem}{path.suffix}", "is missing")
            try:
                file = _read_file(path)
                if (version := int(file.header["version"])) != VERSION:
                    if not (migrate and version in STEPS):
                        raise self._version_error(version)
                    self.migrated_from = version
                for step in range(version, VERSION):
                    file = STEPS[step](file)
                header = file.header
                blocks.append(_typed(file.tables))
                self.positions = positions_from_json(header["picked"])
            except _BROKEN:
                problem = "cannot be read as the state of a stream"
                raise _unreadable(path, problem) from None
            if header["sources"] != self._rules:
                raise UsageError(
                    f"{self._folder}: counts reporters by other --sources; give the same, or a new "
                    "--output, and the watched folder is read again"
                )
        self._files, self._rows = len(parts), sum(map(_record_rows, blocks[1:]))
        self.tick = _number(path)
        self.alive.restore(blocks, self._days)
        self.alive.duplicates, self.alive.expired = header["duplicates"], header["expired"]
        self.alive.erased, self.erasures = header.get("erased", 0), header.get("erasures")

    def _version_error(self, version: int) -> UsageError:
        if version in STEPS:
            return UsageError(
                f"{self._folder}: is of version {version}, this ringtrace writes {VERSION}; run "
                "the same command with --migrate-state, and the stream goes on from it"
            )
        written = f"version {version}" if version else "an early version"
        return UsageError(
            f"{self._folder}: is of {written}, and this ringtrace reads {min(STEPS)} to {VERSION}; "
            "run the ringtrace that wrote it, or give a new --output, and what the watched folder "
            "still has is read again"
        )


def _stem(number: int, *, whole: bool) -> str:
    return f"{number:012d}.{'whole' if whole else 'part'}"


def _number(path: Path) -> int:
    return int(path.name.partition(".")[0])


def _unreadable(path: Path, problem: str) -> UsageError:
    return UsageError(
        f"{path}: {problem}; put a copy in its place, or give a new --output, and what the watched "
        "folder still has is read again"
    )


def _record_rows(block: Delta) -> int:
    """Counts the rows of a delta that grow with its records; the few phrase counts do not."""
    return sum(batch.num_rows for batch in block._replace(phrases=empty_delta().phrases))


def _write_file(path: Path, block: Delta, header: Mapping[str, object]) -> None:
    """Writes a delta's tables, each as an Arrow stream, with the header in the first; a digest."""
    text = json.dumps(header, sort_keys=True).encode()
    records = block.records.replace_schema_metadata({_HEADER_KEY: text})
    with path.open("w+b") as file:
        for batch in block._replace(records=records):
            with pa.ipc.new_stream(file, batch.schema) as writer:
                writer.write_batch(batch)
        file.seek(0)
        file.write(hashlib.file_digest(file, xxhash.xxh3_128).digest())
        file.flush()
        os.fsync(file.fileno())


def _read_file(path: Path) -> StateFile:
    """Reads a file of any version; raises an error of `_BROKEN` for a damaged file."""
    sealed = path.suffix != _UNSEALED
    end = path.stat().st_size - sealed * _DIGEST_BYTES
    if sealed:
        _check_digest(path, max(end, 0))
    header: Json = {}
    tables: list[pa.RecordBatch] = []
    with open_bytes(path) as file:
        while file.tell() < end:
            with pa.ipc.open_stream(file) as reader:
                header = header or json.loads((reader.schema.metadata or {})[_HEADER_KEY])
                tables.append(reader.read_next_batch())
                reader.read_all()
            if not sealed:
                tables[-1].validate(full=True)
    return StateFile(header, tables)


def _check_digest(path: Path, end: int) -> None:
    digest = xxhash.xxh3_128()
    for part in raw_blocks(str(path), 0, end):
        digest.update(part)
    with open_bytes(path) as file:
        file.seek(end)
        if file.read() != digest.digest():
            raise ValueError("is not what was written")


def _typed(tables: list[pa.RecordBatch]) -> Delta:
    if [rows.schema.names for rows in tables] != [schema.names for schema in DELTA_SCHEMAS]:
        raise ValueError("has other tables or columns")
    pairs = zip(tables, DELTA_SCHEMAS, strict=True)
    return Delta(*(pa.RecordBatch.from_arrays(rows.columns, schema=to) for rows, to in pairs))
