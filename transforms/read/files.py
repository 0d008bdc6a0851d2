"""Input files: what is known of each, the user's options for reading them, and their bytes.

All access goes through Beam FileSystems; bytes come decompressed, as far as they can be had.
"""

from __future__ import annotations

import os
import re
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

import pyarrow as pa

from schemas.enums import RecordKind
from schemas.mapping import FileForm, RecordMap
from schemas.reject import Code
from transforms.gates import open_bytes

BLOCK_BYTES = 1024 * 1024

_DECOMPRESS_BYTES = 64 * 1024
"""Decompressed at a time: a failing read drops so much, which is then read byte by byte."""

NUL_RUN = re.compile(rb"\0{8,}")

_MOST_BLOCKS = 1_024
"""Blocks in which the start of a text is looked for behind NULs: a gibibyte, or 64 MiB unpacked."""

FREE_DECODED, DECODED_RATIO = 4 << 20, 24
"""A file may decode to so many bytes, and so many times its size: complaints have ratios of 4 to
11, call records up to 23."""

_FREE_WORK, _LEAST_WORK, _WORK_A_BYTE = 10_000_000, 2_000_000, 24
"""Microseconds of CPU that the rows of any packed file may cost, or else so many and more for each
of its bytes, by `work_of`: about 20 seconds a megabyte. Honest ones would take 4 to 15, and packed
best (zstd -19) up to 24; few alike in a small file, such as 400 mails of one ring in 5 kB, more."""

TOO_MUCH = (
    f"unpacked it is over {DECODED_RATIO} times its size, or has more rows and identifiers than "
    "packed records of its size have; if that is right, unpack it"
)
"""The problem of a file of more than that."""

_NAMED = re.compile(
    rb"\d{4}-\d\d-\d\d[T ][0-9:.+-]*"
    rb"|((?:\d[ ().-]{0,2}){7,15}|://|@|\w\.[a-z]|\b[13b][0-9A-Za-z]{25,}| dot |[%&][#0-9])"
)
"""A time, which names nothing; or a sign of an identifier: of a number, a site, a mailbox, a
wallet, or of what hides one."""

_FREE_ROWS, _BYTES_A_ROW = 65_536, 4
"""A Parquet file may have so many rows, and one more for each four bytes: rows of records have 20
to 150, and fewer cannot tell rows apart."""

_SALVAGE_BYTES = 4_096
"""Compressed at a time, where a stream is damaged: those at fault are halved, to the one byte."""

COMPRESSION_MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
"""First bytes of the compressions that are read: RFC 1952 and RFC 8878."""

_UNPACK = "unpack it, or use gzip or zstd"

_FOREIGN: Mapping[bytes, tuple[str, str]] = {
    b"BZh": ("bzip2", _UNPACK),
    b"\xfd7zXZ\0": ("xz", _UNPACK),
    b"7z\xbc\xaf\x27\x1c": ("7z", _UNPACK),
    b"Rar!\x1a\x07": ("rar", _UNPACK),
    b"PK\x03\x04": ("zip", _UNPACK),
    b"PK\x05\x06": ("an empty zip", _UNPACK),
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": ("an old or a locked Office file", "save it as xlsx"),
    b"Obj\x01": ("Avro in a file", "convert it to Parquet or JSON Lines"),
    b"ORC": ("ORC", "convert it to Parquet"),
    b"%PDF-": ("PDF", "give the table that it was made of"),
    b"SQLite format 3\0": ("SQLite", "export its tables as CSV"),
    b"<?xml": ("XML", "convert it to CSV or JSON Lines"),
    b"BEGIN:VCARD": ("vCard", "convert it to CSV"),
}
"""First bytes of what is no text and no Parquet, by what to do with it."""

_DAMAGE = ("zlib inflate failed", "ZSTD decompress failed")


@dataclass(frozen=True)
class ReadOptions:
    """Options for reading; picklable, so keys are PEM texts, not paths.

    A named format is not second-guessed. `source_org` is for sources that do not name
    theirs, `calls_direction` (inbound, outbound) for call records that do not say it. With
    `passport_keys` a PASSporT that none of them signed is rejected. `maps`, one a kind at most, are
    for files of no format known; `timezone` outweighs that of a map.
    `victim_country` is that of the victims of records which cannot name it: mail.
    """

    complaints_format: str | None = None
    calls_format: str | None = None
    source_org: str | None = None
    calls_direction: str | None = None
    passport_keys: tuple[str, ...] = ()
    maps: tuple[RecordMap, ...] = ()
    timezone: str | None = None
    victim_country: str | None = None

    def map_for(self, kind: RecordKind) -> RecordMap | None:
        """Returns the map of files of this kind, if one was given."""
        return next((by for by in self.maps if by.kind is kind), None)

    def format_for(self, kind: RecordKind) -> str | None:
        """Returns the format that the user named for files of this kind."""
        return self.complaints_format if kind == RecordKind.COMPLAINT else self.calls_format


class InputError(Exception):
    """An input that cannot be read as asked: no such file, unknown format, wrong kind.

    `str()` is one line, `path: problem; remedy`. `entries` counts the entries of the inputs that
    cannot be read, where reading can go on without them.
    """

    def __init__(self, path: str, problem: str, remedy: str, entries: int = 0) -> None:
        super().__init__(path, problem, remedy, entries)
        self.path = path
        self.problem = problem
        self.remedy = remedy
        self.entries = entries

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}; {self.remedy}"


@dataclass(frozen=True)
class InputFile:
    """One file of a run: its place, its name in outputs, and the format of what it holds.

    `header` is the column names of a CSV file, empty for other layouts; `has_header` says
    whether its first record is one, `in_array` whether its rows are elements of a JSON array. A
    file that is read by a map has its `form`. `line_end` is a CR where that alone ends its lines.
    `unread_sheets` are the other tables of a workbook.
    """

    path: str
    label: str
    kind: RecordKind
    format: str = ""
    compression: str = "none"
    size: int = 0
    header: tuple[str, ...] = ()
    has_header: bool = False
    in_array: bool = False
    separator: str = ","
    encoding: str = "utf-8"
    line_end: str = "\n"
    form: FileForm | None = None
    unread_sheets: tuple[str, ...] = ()

    @property
    def delimiter(self) -> str:
        """The character between the cells of CSV."""
        return self.form.delimiter if self.form else self.separator

    @property
    def wide(self) -> bool:
        """True for text of two bytes a character."""
        return self.encoding.startswith("utf-16")

    @property
    def can_be_cut(self) -> bool:
        """True where the stored bytes can be cut at line ends."""
        return self.compression == "none" and not self.wide and self.line_end == "\n"


class DamagedStreamError(Exception):
    """A compressed stream that ends early (TRUNCATED_FILE), is corrupt or a bomb (OVER_LIMIT)."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code = code


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


def refuse_foreign(path: str, data: bytes, misfit: str) -> None:
    """Raises InputError for the first bytes of a file of a form that is not read."""
    if data[30:].startswith(b"mimetypeapplication/vnd.oasis"):
        raise InputError(path, f"OpenDocument is not supported{misfit}", "save it as xlsx or CSV")
    for magic, (name, remedy) in _FOREIGN.items():
        if data.startswith(magic):
            raise InputError(path, f"{name} is not supported{misfit}", remedy)


def read_head(path: str, compressed: str, size: int) -> tuple[bytes, bool]:
    """Returns the first `size` bytes, decompressed, and whether the stream is damaged in them.

    Runs of NULs are left out: they are space that a crash left unwritten, before or among text.
    """
    head = b""
    if compressed == "none":
        first = b"".join(raw_blocks(path, 0, size))
        if first.startswith(b"PAR1") or not NUL_RUN.search(first):
            return first, False
    try:
        for block in islice(decompressed_blocks(path, compressed), _MOST_BLOCKS):
            head += block if head.startswith(b"PAR1") else NUL_RUN.sub(b"", block)
            if len(head) >= size:
                break
    except DamagedStreamError:
        return head[:size], True
    return head[:size], False


def open_raw(path: str) -> BinaryIO:
    """Opens the stored bytes of a file, seekable."""
    return open_bytes(path)


def most_decoded(size: int) -> int:
    """Returns the bytes that a file of a size may decode to."""
    return FREE_DECODED + DECODED_RATIO * size


def most_rows(size: int) -> int:
    """Returns the rows that a Parquet file of a size may have."""
    return _FREE_ROWS + size // _BYTES_A_ROW


def most_work(size: int) -> float:
    """Returns the microseconds of CPU that the rows of a packed file of a size may cost."""
    return max(_FREE_WORK, _LEAST_WORK + _WORK_A_BYTE * size)


def work_of(data: bytes, kind: RecordKind, rows: int = 1) -> float:
    """Estimates the microseconds of CPU that rows cost a run, from their bytes alone.

    It is high rather than low, so that hostile rows cost no more (benchmarks/hostile.py): of a
    complaint each identifier counts, and more with many beside it, up to 20 of which are linked; a
    call has two.
    """
    if kind == RecordKind.CALL:
        return 120 * rows + 0.3 * len(data)
    named = sum(map(bool, _NAMED.findall(data)))
    beside = max(0, min(named / rows, 20) - 6)
    return len(data) + 40 * rows + named * (80 + 2.6 * beside**2)


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
    with open_raw(path) as stream:
        most = most_decoded(stream.seek(0, os.SEEK_END))
    try:
        for block in _decompressed(path, compression):
            yield block
            served += len(block)
            if served > most:
                raise DamagedStreamError(Code.OVER_LIMIT)
    except OSError as error:
        code = _damage(error)
    else:
        return
    # A read that fails drops what it had decompressed; byte by byte it comes out.
    salvage = _salvaged_gzip if compression == "gzip" else _salvaged_zstd
    yield from salvage(path, served)
    raise DamagedStreamError(code)


def _decompressed(path: str, compression: str) -> Iterator[bytes]:
    with _decompressor(path, compression) as stream:
        while block := stream.read(_DECOMPRESS_BYTES):
            yield block


def _salvaged_zstd(path: str, skip: int) -> Iterator[bytes]:
    with _decompressor(path, "zstd") as stream:
        while skip:
            skip -= len(stream.read(min(skip, BLOCK_BYTES)))
        saved = bytearray()
        with suppress(OSError):
            while byte := stream.read(1):
                saved += byte
    if saved:
        yield bytes(saved)


def _salvaged_gzip(path: str, skip: int) -> Iterator[bytes]:
    """Yields what a damaged gzip stream holds behind `skip` bytes, to the byte that is wrong."""
    stream = zlib.decompressobj(wbits=31)

    def inflate(data: bytes) -> Iterator[bytes]:
        nonlocal stream
        before = stream.copy()
        try:
            plain, rest = stream.decompress(data), stream.unused_data
        except zlib.error:
            if len(data) == 1:
                raise
            stream, half = before, len(data) // 2
            yield from inflate(data[:half])
            yield from inflate(data[half:])
            return
        yield plain
        if stream.eof:
            stream = zlib.decompressobj(wbits=31)
            yield from inflate(rest)

    with suppress(zlib.error):
        for block in raw_blocks(path):
            for start in range(0, len(block), _SALVAGE_BYTES):
                for saved in inflate(block[start : start + _SALVAGE_BYTES]):
                    yield saved[skip:]
                    skip = max(0, skip - len(saved))


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
