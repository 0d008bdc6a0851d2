"""The state of a local stream on disk: what was alive, and then what each tick added.

A tick adds a file of what is new, so what it writes does not grow with what is alive. Now and then
a file has the whole, and those before it are deleted. A file appears whole or not at all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.options import UsageError
from pipelines.streaming.watch_sources import ReadPosition, positions_from_json, positions_to_json
from transforms.stream import DELTA_SCHEMAS, Delta, LiveState, empty_delta, settle_deltas

VERSION = 4

TABLES_BY_VERSION = {3: 3, VERSION: len(DELTA_SCHEMAS)}
"""Versions that are read, and how many of a delta's tables each has: the rest is empty."""

STATE_FOLDER = "state"

MOST_FILES = 256
"""Files after which the whole is written again, however little is in them."""

_STATE_KEY = b"ringtrace"
"""The key in the metadata of a file's first schema that has the rest of the state, as JSON."""

_WHOLE, _PART = ".whole.arrow", ".part.arrow"

_BROKEN = (OSError, ValueError, KeyError, TypeError, StopIteration, pa.ArrowException)
"""Errors of Arrow and JSON over a file that was not written so."""


class StreamState:
    """The state below a stream's output: a file a tick, readable by its owner alone."""

    def __init__(self, output: str, days: Mapping[str, int]) -> None:
        self._folder = Path(output, STATE_FOLDER)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._folder.glob(".next*"):
            left.unlink()
        self.tick = 0
        self.positions: dict[str, ReadPosition] = {}
        self.alive = LiveState()
        self._files, self._rows = 0, 0
        self._read(days)

    def commit(self, positions: Mapping[str, ReadPosition]) -> None:
        """Writes what is alive now, and how far was read, for a restart to read."""
        self.positions = dict(positions)
        fresh, block = self.alive.fresh, self.alive.settled
        self._files, self._rows = self._files + 1, self._rows + _record_rows(fresh)
        whole = self._files >= MOST_FILES or self._rows * 2 >= _record_rows(block)
        self.tick += 1
        name = f"{self.tick:012d}{_WHOLE if whole else _PART}"
        aside = self._folder / f".next-{name}"
        header = {
            "version": VERSION,
            "duplicates": self.alive.duplicates,
            "expired": self.alive.expired,
            "picked": positions_to_json(positions),
        }
        _write(aside, block if whole else fresh, header)
        aside.rename(self._folder / name)
        _sync(self._folder)
        if whole:
            self._files, self._rows = 0, 0
            for path in sorted(self._folder.glob("*.arrow")):
                if path.name < name:
                    path.unlink()

    def _read(self, days: Mapping[str, int]) -> None:
        paths = sorted(self._folder.glob("[0-9]*"))
        if any(not path.name.endswith((_WHOLE, _PART)) for path in paths):
            raise self._version_error()
        wholes = [path for path in paths if path.name.endswith(_WHOLE)]
        if not wholes:
            return
        parts = [path for path in paths if path > wholes[-1]]
        blocks = []
        for path in (wholes[-1], *parts):
            try:
                block, header = _read_file(path)
            except _BROKEN:
                raise UsageError(
                    f"{path}: cannot be read as the state of a stream; put a copy in its place, or "
                    "give a new --output, and the watched folder is read anew"
                ) from None
            if block is None:
                raise self._version_error()
            blocks.append(block)
        self._files, self._rows = len(parts), sum(map(_record_rows, blocks[1:]))
        self.tick = int(path.name.partition(".")[0])
        self.positions = positions_from_json(header["picked"])
        self.alive.settled = settle_deltas(blocks, days).delta
        self.alive.duplicates, self.alive.expired = header["duplicates"], header["expired"]

    def _version_error(self) -> UsageError:
        return UsageError(
            f"{self._folder}: is of another version of ringtrace; give a new --output, "
            "and the watched folder is read anew"
        )


def _record_rows(block: Delta) -> int:
    """Counts the rows of a delta that grow with its records: phrase counts settle into few."""
    return sum(batch.num_rows for batch in block._replace(phrases=empty_delta().phrases))


def _write(path: Path, block: Delta, header: Mapping[str, object]) -> None:
    """Writes the tables of a delta, each as one Arrow stream, and the header in the first."""
    text = json.dumps(header, sort_keys=True).encode()
    records = block.records.replace_schema_metadata({_STATE_KEY: text})
    with path.open("wb") as file:
        for batch in block._replace(records=records):
            with pa.ipc.new_stream(file, batch.schema) as writer:
                writer.write_batch(batch)
        file.flush()
        os.fsync(file.fileno())


def _read_file(path: Path) -> tuple[Delta | None, dict[str, Any]]:
    """Reads a delta, None if it is of a version that is not read, and the header."""
    header: dict[str, Any] = {}
    tables: list[pa.RecordBatch] = []
    with path.open("rb") as file:
        while not header or len(tables) < TABLES_BY_VERSION[header["version"]]:
            with pa.ipc.open_stream(file) as reader:
                if not header:
                    header = json.loads((reader.schema.metadata or {})[_STATE_KEY])
                    if header["version"] not in TABLES_BY_VERSION:
                        return None, header
                columns = reader.read_next_batch().columns
                tables.append(
                    pa.RecordBatch.from_arrays(columns, schema=DELTA_SCHEMAS[len(tables)])
                )
                reader.read_all()
    return Delta(*tables, *empty_delta()[len(tables) :]), header


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
