"""Input files: the ones that patterns mean, the user's options for reading them, and their bytes.

All access goes through Beam FileSystems; bytes come decompressed, as far as they can be had.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import BinaryIO, NoReturn, cast

import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes, FileMetadata
from apache_beam.io.filesystems import FileSystems

from schemas import manifest
from schemas.enums import RecordKind
from schemas.mapping import DEFAULT_DELIMITER, FileForm, RecordMap
from schemas.reject import Code

BLOCK_BYTES = 1024 * 1024

_DECOMPRESS_BYTES = 64 * 1024
"""Decompressed at a time: a failing read drops so much, which is then read byte by byte."""

COMPRESSION_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
"""First bytes of the compressions that are read: RFC 1952 and RFC 8878."""

_READABLE = "give yourself access, or move it out of the folder"

_DAMAGE = ("zlib inflate failed", "ZSTD decompress failed")


@dataclass(frozen=True)
class ReadOptions:
    """Options for reading; picklable, so keys are PEM texts, not paths.

    A named format is not second-guessed. `source_org` is for sources that do not name
    theirs, `calls_direction` (inbound, outbound) for call records that do not say it. With
    `passport_keys` a PASSporT that none of them signed is rejected. `maps`, one a kind at most, are
    for files of no format known; `timezone` outweighs that of a map.
    """

    complaints_format: str | None = None
    calls_format: str | None = None
    source_org: str | None = None
    calls_direction: str | None = None
    passport_keys: tuple[str, ...] = ()
    maps: tuple[RecordMap, ...] = ()
    timezone: str | None = None

    def map_for(self, kind: RecordKind) -> RecordMap | None:
        """Returns the map of files of this kind, if one was given."""
        return next((one for one in self.maps if one.kind is kind), None)

    def format_for(self, kind: RecordKind) -> str | None:
        """Returns the format that the user named for files of this kind."""
        return self.complaints_format if kind == RecordKind.COMPLAINT else self.calls_format


class InputError(Exception):
    """An input that cannot be read as asked: no such file, unknown format, wrong kind.

    `str()` is one line, `path: problem; remedy`.
    """

    def __init__(self, path: str, problem: str, remedy: str) -> None:
        super().__init__(path, problem, remedy)
        self.path = path
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}; {self.remedy}"


@dataclass(frozen=True)
class InputFile:
    """One file of a run: its place, its name in outputs, and the format of what it holds.

    `header` is the column names of a CSV file, empty for other layouts; `has_header` says
    whether its first record is one, `in_array` whether its rows are elements of a JSON array. A
    file that is read by a map has its `form`.
    """

    path: str
    label: str
    kind: RecordKind
    format: str
    compression: str
    size: int
    header: tuple[str, ...] = ()
    has_header: bool = False
    in_array: bool = False
    form: FileForm | None = None

    @property
    def delimiter(self) -> str:
        """The character between the cells of CSV."""
        return self.form.delimiter if self.form else DEFAULT_DELIMITER


class DamagedStreamError(Exception):
    """A compressed stream that ends early (TRUNCATED_FILE) or is corrupt (UNREADABLE_FILE)."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code = code


def match_files(patterns: Sequence[str]) -> list[FileMetadata]:
    """Lists the files that globs, plain names and folders mean, each once, sorted by path.

    A folder means every file below it but hidden ones (a part that starts with '.' or '_')
    and manifest.json. Local paths come out absolute.

    Raises:
        InputError: for a pattern that means no file or that cannot be listed, and for what is there
            and cannot be read: nothing is passed over in silence.
    """
    found: list[FileMetadata] = []
    for pattern in patterns:
        if _is_local(pattern) and Path(pattern).is_dir():
            _check_folder(pattern.rstrip("/") or "/")
        try:
            files = _match_one(pattern)
        except Exception as error:  # each file system raises its own kinds
            problem = " ".join(f"cannot be listed ({error})".split())[:300]
            raise InputError(pattern, problem, "check the address and your access") from error
        if not files and _is_local(pattern) and Path(pattern).is_dir():
            raise InputError(pattern, "has no files to read", "put records in it, or name another")
        if not files:
            raise InputError(pattern, "no such file", "check the name, or quote the pattern")
        for one in files:
            if _is_local(one.path):
                _check_file(Path(one.path))
        found += [FileMetadata(_absolute(one.path), one.size_in_bytes) for one in files]
    distinct: dict[str, FileMetadata] = {}
    for one in sorted(found, key=attrgetter("path")):
        distinct.setdefault(_identity(one.path), one)
    return list(distinct.values())


def _check_folder(folder: str) -> None:
    """Raises InputError for the first entry below a folder that is there and cannot be read."""

    def refuse(error: OSError) -> NoReturn:
        raise InputError(str(error.filename), "cannot be listed", _READABLE) from error

    for place, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = sorted(one for one in folders if not _hidden(one, ""))
        for path in (Path(place, one) for one in folders):
            if path.is_symlink():
                remedy = "name that folder beside this one"
                raise InputError(str(path), "is a link to a folder", remedy)
        for path in (Path(place, one) for one in sorted(files)):
            if not _hidden(path.name, ""):
                _check_file(path)


def _check_file(path: Path) -> None:
    """Raises InputError unless a path is of an ordinary file that can be read."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        problem = "leads nowhere" if path.is_symlink() else error.strerror or "cannot be read"
        raise InputError(str(path), problem, "mend the link, or take it out") from error
    if not stat.S_ISREG(mode):
        raise InputError(str(path), "is not an ordinary file", "give files with records alone")
    if not os.access(path, os.R_OK):
        raise InputError(str(path), "cannot be read", _READABLE)


def _match_one(pattern: str) -> list[FileMetadata]:
    folder = pattern.rstrip("/")
    if FileSystems.exists(pattern):
        if below := _files_below(folder):
            return below
        if _is_local(pattern) and Path(pattern).is_dir():
            return []
        return _list_pattern(_escape(pattern))
    if _is_local(pattern) and not pattern.startswith("/"):
        pattern = f"./{pattern}"  # Beam lists no files for a glob in the first part of a path
    fixed = re.split(r"[*?\[]", pattern)[0].rpartition("/")[0]
    asked = pattern.rpartition("/")[2].startswith((".", "_"))
    found = [one for one in _list_pattern(pattern) if asked or not _hidden(one.path, fixed)]
    return found or _files_below(folder)


def _files_below(folder: str) -> list[FileMetadata]:
    return [one for one in _list_pattern(f"{_escape(folder)}/**") if not _hidden(one.path, folder)]


def _list_pattern(pattern: str) -> list[FileMetadata]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # Beam builds a regex with '[[]' in it
        return list(FileSystems.match([pattern])[0].metadata_list)


def _is_local(path: str) -> bool:
    return FileSystems.get_scheme(path) is None


def _hidden(path: str, folder: str) -> bool:
    below = path[len(folder) :].strip("/").split("/")
    return any(part.startswith((".", "_")) for part in below) or below[-1] == manifest.MANIFEST_NAME


def _escape(path: str) -> str:
    return re.sub(r"([*?\[])", r"[\1]", path)


def _absolute(path: str) -> str:
    """Returns the path from the root, its folder without links; a linked file keeps its name."""
    return str(Path(path).parent.resolve() / Path(path).name) if _is_local(path) else path


def _identity(path: str) -> str:
    return str(Path(path).resolve()) if _is_local(path) else path


def shortest_labels(paths: Sequence[str]) -> dict[str, str]:
    """Finds the shortest trailing part of each distinct path that no other one ends with.

    Outputs name files by it, so that they do not tell the folders of the machine.
    """
    parts = {path: path.split("/") for path in set(paths)}
    named: dict[str, str] = {}
    waiting, length = set(parts), 1
    while waiting:
        tails: dict[str, list[str]] = {}
        for path in parts:
            tails.setdefault("/".join(parts[path][-length:]), []).append(path)
        done = {
            path: tail
            for tail, (path, *others) in tails.items()
            if path in waiting and (not others or length >= len(parts[path]))
        }
        named |= done
        waiting -= set(done)
        length += 1
    return named


def detect_compression(head: bytes) -> str:
    """Returns none, gzip or zstd, by a file's first bytes."""
    return next(
        (name for magic, name in COMPRESSION_MAGIC.items() if head.startswith(magic)), "none"
    )


def read_head(path: str, compressed: str, size: int) -> tuple[bytes, bool]:
    """Returns the first `size` bytes, decompressed, and whether the stream is damaged in them."""
    head = b""
    try:
        for block in decompressed_blocks(
            path, compressed, 0, size if compressed == "none" else None
        ):
            head += block
            if len(head) >= size:
                break
    except DamagedStreamError:
        return head[:size], True
    return head[:size], False


def open_raw(path: str) -> BinaryIO:
    """Opens the stored bytes of a file, seekable."""
    opened = FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    return cast(BinaryIO, opened)


def raw_blocks(path: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """Yields the stored bytes from `start` to before `end`, up to `BLOCK_BYTES` at a time."""
    with open_raw(path) as stream:
        if start:
            stream.seek(start)
        left = end - start if end is not None else sys.maxsize
        while block := stream.read(min(BLOCK_BYTES, left)):
            yield block
            left -= len(block)


def decompressed_blocks(
    path: str, compression: str, start: int = 0, end: int | None = None
) -> Iterator[bytes]:
    """Yields the bytes of a file, decompressed; `start` and `end` are for uncompressed files.

    Several gzip members or zstd frames are one stream.

    Raises:
        DamagedStreamError: after the last byte that can be had.
    """
    if compression == "none":
        yield from raw_blocks(path, start, end)
        return
    served = 0
    try:
        for block in _decompressed(path, compression):
            yield block
            served += len(block)
    except OSError as error:
        code = _damage(error)
    else:
        return
    # A read that fails drops what it had decompressed; byte by byte it comes out.
    yield from _salvaged(path, compression, served)
    raise DamagedStreamError(code)


def _decompressed(path: str, compression: str) -> Iterator[bytes]:
    with _decompressor(path, compression) as stream:
        while block := stream.read(_DECOMPRESS_BYTES):
            yield block


def _salvaged(path: str, compression: str, skip: int) -> Iterator[bytes]:
    with _decompressor(path, compression) as stream:
        while skip:
            skip -= len(stream.read(min(skip, BLOCK_BYTES)))
        saved = bytearray()
        try:
            while byte := stream.read(1):
                saved += byte
        except OSError:
            pass
    if saved:
        yield bytes(saved)


def _decompressor(path: str, compression: str) -> pa.CompressedInputStream:
    return pa.CompressedInputStream(pa.PythonFile(open_raw(path), mode="r"), compression)


def _damage(error: OSError) -> Code:
    """Returns whether the stream is cut or corrupt; raises any other failure again."""
    message = str(error)
    if "Truncated compressed stream" in message:
        return Code.TRUNCATED_FILE
    if any(sign in message for sign in _DAMAGE):
        return Code.UNREADABLE_FILE
    raise error
