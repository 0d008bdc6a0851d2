"""Files of a run on this machine's disk, written without Beam."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from schemas.manifest import OutputFile

Pieces = Iterable[bytes | memoryview]
"""A file's content, one piece after another."""


def is_local(path: str) -> bool:
    """Whether a path is on this machine rather than in an object store."""
    return "://" not in path


def write_local(pieces: Pieces, folder: str, name: str, rows: int = 0) -> OutputFile:
    """Write one output below `folder`, which is there; replaces what a failed try left.

    Raises:
        FileNotFoundError: where `folder` is gone, as that of a run that was given up is.
    """
    path = Path(folder, name)
    try:
        sink = path.open("wb")
    except FileNotFoundError:
        for parent in reversed(Path(name).parents[:-1]):
            with suppress(FileExistsError):
                Path(folder, parent).mkdir()
        sink = path.open("wb")
    with sink:
        return copied(pieces, sink, name, rows)


def copied(pieces: Pieces, sink: BinaryIO, name: str, rows: int) -> OutputFile:
    """Put pieces into an open file, counted and hashed on their way."""
    digest, size = hashlib.sha256(), 0
    for piece in pieces:
        sink.write(piece)
        digest.update(piece)
        size += len(piece)
    return OutputFile(name=name, bytes=size, sha256=digest.hexdigest(), rows=rows)
