"""The one reader: opens files that others wrote, and bounds what reading them costs.

A file is a regular one, or an object of a store.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import closing
from typing import Any, BinaryIO

import orjson

MOST_BYTES = 64 << 20
"""The bytes of a file of settings, facts or digests: a manifest of 200,000 inputs has these."""

MOST_KEPT_BYTES = 1 << 28
"""The same of a file that grows a line at a time: the ledger, and the list of erased records."""

MOST_VALUES = 4_000_000
"""The values in such a file: read, they take up to 300 MB."""

MAX_DEPTH = 64
"""Deepest nesting that is read; the contract needs three levels."""


class RefusedFileError(OSError):
    """A file that is there and is not read; `strerror` says why, behind its name."""


def open_bytes(path: str | os.PathLike[str], *, follow: bool = True) -> BinaryIO:
    """Opens a regular file, or an object of a store, to be read; seekable.

    Stores are Beam's where Beam is loaded, as it knows how to get there, and Arrow's elsewhere:
    reports load no Beam.

    Raises:
        OSError: if it cannot be opened; without `follow`, if it is a link.
        RefusedFileError: if it is a pipe or a device.
        ValueError: for a store whose library is not installed.
    """
    name = os.fspath(path)
    if "://" in name:
        if (beam := beam_stores(name)) is not None:
            return beam.open(name, compression_type="uncompressed")
        from pyarrow import fs  # not every command needs Arrow

        store, inside = fs.FileSystem.from_uri(name)
        return store.open_input_file(inside)
    # Without waiting: a pipe that somebody put into a shared folder would never end.
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | (0 if follow else os.O_NOFOLLOW)
    file = open(name, "rb", opener=lambda path, _: os.open(path, flags))  # noqa: SIM115
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise RefusedFileError(errno.EINVAL, "is no regular file", name)
    return file


def beam_stores(path: str) -> Any:
    """Returns Beam's file systems, if it is loaded and has one for a path."""
    if (module := sys.modules.get("apache_beam.io.filesystems")) is None:
        return None
    try:
        module.FileSystems.get_filesystem(path)
    except ValueError:
        return None
    return module.FileSystems


def read_bytes(
    path: str | os.PathLike[str], most: int = MOST_BYTES, *, follow: bool = True
) -> bytes:
    """Reads a file of at most so many bytes, opened as by `open_bytes`.

    Raises:
        OSError: as `open_bytes`.
        RefusedFileError: as `open_bytes`, or if it is larger.
    """
    with closing(open_bytes(path, follow=follow)) as file:
        content = bytes(file.read(most + 1))
    if len(content) > most:
        raise RefusedFileError(errno.EFBIG, f"is larger than {most} bytes", os.fspath(path))
    return content


def read_json(content: bytes) -> Any:
    """Parses JSON of no more values and levels than files of ringtrace have.

    Raises:
        ValueError: for any other.
    """
    if sum(map(content.count, (b",", b"[", b"{"))) > MOST_VALUES:
        raise ValueError(f"more than {MOST_VALUES} values")
    value = orjson.loads(content)
    if is_too_deep(value, content):
        raise ValueError(f"nested deeper than {MAX_DEPTH} levels")
    return value


def is_too_deep(value: Any, content: bytes) -> bool:
    """Returns whether a parsed value is nested deeper than `MAX_DEPTH` levels."""
    if content.count(b"[") + content.count(b"{") <= MAX_DEPTH:
        return False
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [child for parent in level for child in _children(parent)]
    return bool(level)


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []
