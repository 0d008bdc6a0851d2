"""The bytes of a file, through Beam FileSystems, decompressed as far as they can be had."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, cast

import pyarrow as pa
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems

from schemas.reject import Code

BLOCK_BYTES = 1024 * 1024

_UNPACK_BYTES = 64 * 1024
"""Decompressed at a time: a failing read drops so much, which is then read byte by byte."""

MAGIC = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
"""First bytes of the compressions that are read: RFC 1952 and RFC 8878."""

_DAMAGE = ("zlib inflate failed", "ZSTD decompress failed")


class DamagedStreamError(Exception):
    """A compressed stream that ends early (TRUNCATED_FILE) or is corrupt (UNREADABLE_FILE)."""

    def __init__(self, code: Code) -> None:
        super().__init__(code)
        self.code = code


def compression(head: bytes) -> str:
    """none, gzip or zstd, by a file's first bytes."""
    return next((name for magic, name in MAGIC.items() if head.startswith(magic)), "none")


def head(path: str, compressed: str, size: int) -> tuple[bytes, bool]:
    """The first `size` bytes, decompressed, and whether the stream is damaged within them."""
    held = b""
    try:
        for block in blocks(path, compressed, 0, size if compressed == "none" else None):
            held += block
            if len(held) >= size:
                break
    except DamagedStreamError:
        return held[:size], True
    return held[:size], False


def open_raw(path: str) -> BinaryIO:
    """The stored bytes of a file, seekable."""
    opened = FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED)
    return cast(BinaryIO, opened)


def raw_blocks(path: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """The stored bytes from `start` to before `end`, in blocks of up to `BLOCK_BYTES`."""
    with open_raw(path) as stream:
        if start:
            stream.seek(start)
        left = end - start if end is not None else None
        while block := stream.read(BLOCK_BYTES if left is None else min(BLOCK_BYTES, left)):
            yield block
            left = left - len(block) if left is not None else None


def blocks(path: str, compression: str, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """The bytes of a file, decompressed; `start` and `end` are for uncompressed files.

    Several gzip members or zstd frames are one stream. Raises DamagedStreamError after the
    last byte that can be had.
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


def _decompressed(path: str, compression: str) -> Iterator[bytes]:
    with _decompressor(path, compression) as stream:
        while block := stream.read(_UNPACK_BYTES):
            yield block


def _damage(error: OSError) -> Code:
    """Whether the stream is cut or corrupt; any other failure is raised again."""
    message = str(error)
    if "Truncated compressed stream" in message:
        return Code.TRUNCATED_FILE
    if any(sign in message for sign in _DAMAGE):
        return Code.UNREADABLE_FILE
    raise error
