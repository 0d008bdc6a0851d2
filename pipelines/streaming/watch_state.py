"""The state of a local stream on disk: what is alive, and after it what each tick brought.

A tick adds a file of what came in it, so what it writes does not grow with what is alive. Now and
then a file has the whole, and those before it go. A file appears whole or not at all.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.options import UsageError
from pipelines.streaming.watch_sources import Picked, as_json, from_json
from transforms.stream.delta import SCHEMAS, Block, nothing
from transforms.stream.state import Alive, settle

VERSION = 4


SINCE = {3: 3, VERSION: len(SCHEMAS)}
"""Versions that are read, and how many of a block's tables each has: the rest is empty."""


FOLDER = "state"


FILES = 256
"""Files after which the whole is written again, however little came in them."""


_TOLD = b"ringtrace"
"""Where in a file's first schema the rest of the state is, as JSON."""


_WHOLE, _PART = ".whole.arrow", ".part.arrow"


_BROKEN = (OSError, ValueError, KeyError, TypeError, StopIteration, pa.ArrowException)
"""What reading a file that was not written so makes Arrow and JSON stumble on."""


class State:
    """Below the stream's output: a file a tick, readable by its owner alone."""

    def __init__(self, output: str, days: Mapping[str, int]) -> None:
        self._folder = Path(output, FOLDER)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for left in self._folder.glob(".next*"):
            left.unlink()
        self.tick = 0
        self.picked: dict[str, Picked] = {}
        self.alive = Alive()
        self._files, self._rows = 0, 0
        self._read(days)

    def commit(self, picked: Mapping[str, Picked]) -> None:
        """Make what is alive now, and how far was read, what counts after a restart."""
        self.picked = dict(picked)
        fresh, block = self.alive.fresh, self.alive.block
        self._files, self._rows = self._files + 1, self._rows + _rows(fresh)
        whole = self._files >= FILES or self._rows * 2 >= _rows(block)
        self.tick += 1
        name = f"{self.tick:012d}{_WHOLE if whole else _PART}"
        aside = self._folder / f".next-{name}"
        told = {
            "version": VERSION,
            "duplicates": self.alive.duplicates,
            "expired": self.alive.expired,
            "picked": as_json(picked),
        }
        _write(aside, block if whole else fresh, told)
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
            raise self._other()
        wholes = [path for path in paths if path.name.endswith(_WHOLE)]
        if not wholes:
            return
        parts = [path for path in paths if path > wholes[-1]]
        blocks = []
        for path in (wholes[-1], *parts):
            try:
                block, told = _read(path)
            except _BROKEN:
                raise UsageError(
                    f"{path}: cannot be read as the state of a stream; put a copy in its place, or "
                    "give a new --output, and the watched folder is read anew"
                ) from None
            if block is None:
                raise self._other()
            blocks.append(block)
        self._files, self._rows = len(parts), sum(map(_rows, blocks[1:]))
        self.tick = int(path.name.partition(".")[0])
        self.picked = from_json(told["picked"])
        self.alive.block = settle(blocks, days).block
        self.alive.duplicates, self.alive.expired = told["duplicates"], told["expired"]

    def _other(self) -> UsageError:
        return UsageError(
            f"{self._folder}: is of another version of ringtrace; give a new --output, "
            "and the watched folder is read anew"
        )


def _rows(block: Block) -> int:
    """Rows that stand for records: what was said of one is settled into few."""
    return sum(batch.num_rows for batch in block._replace(said=nothing().said))


def _write(path: Path, block: Block, told: Mapping[str, object]) -> None:
    """The tables of a block, each as one Arrow stream, one after the other."""
    text = json.dumps(told, sort_keys=True).encode()
    records = block.records.replace_schema_metadata({_TOLD: text})
    with path.open("wb") as file:
        for batch in _tables(block._replace(records=records)):
            with pa.ipc.new_stream(file, batch.schema) as writer:
                writer.write_batch(batch)
        file.flush()
        os.fsync(file.fileno())


def _tables(block: Block) -> tuple[pa.RecordBatch, ...]:
    return block


def _read(path: Path) -> tuple[Block | None, dict[str, Any]]:
    """A block, none if it is of a version that is not read, and the rest of the state."""
    told: dict[str, Any] = {}
    tables: list[pa.RecordBatch] = []
    with path.open("rb") as file:
        while not told or len(tables) < SINCE[told["version"]]:
            with pa.ipc.open_stream(file) as reader:
                if not told:
                    told = json.loads((reader.schema.metadata or {})[_TOLD])
                    if told["version"] not in SINCE:
                        return None, told
                columns = reader.read_next_batch().columns
                tables.append(pa.RecordBatch.from_arrays(columns, schema=SCHEMAS[len(tables)]))
                reader.read_all()
    return Block(*tables, *nothing()[len(tables) :]), told


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
