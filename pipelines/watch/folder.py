"""What is new in a watched folder: files dropped into it whole, and JSON Lines that grow."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import pyarrow as pa

from schemas.kinds import RecordKind
from schemas.reject import Code
from transforms.read.errors import InputError
from transforms.read.files import InputFile
from transforms.read.formats import Layout, layout
from transforms.read.options import ReadOptions
from transforms.read.recognise import recognised
from transforms.read.records import Origin, Record
from transforms.read.rejects import reject, reject_rows
from transforms.read.shards import SHARD_BYTES, Shard, scan

FOLDERS = {RecordKind.COMPLAINT: "complaints", RecordKind.CALL: "calls"}
"""The watched folders below DIR."""

QUIET = 2.0
"""Seconds for which a file must not have changed before it is taken for whole."""

UNFINISHED = 10.0
"""Seconds after which a last line without an end is taken for whole."""

AT_ONCE = 256 * 1024 * 1024
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
        left = AT_ONCE
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
                rejects.append(_refused(kind, name, error))
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


def _refused(kind: RecordKind, name: str, error: InputError) -> pa.RecordBatch:
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
