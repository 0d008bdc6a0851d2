"""The folder of a run: fit to be written, and held for one run at a time."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from apache_beam.io.filesystems import FileSystems

from pipelines.options import UsageError
from schemas.manifest import NAME
from transforms.output.files import is_local
from transforms.output.publish import recover


def check(output: str, *, overwrite: bool) -> None:
    """Refuse an output that holds a run, unless it may be overwritten, or anything else.

    Raises:
        UsageError: in both cases.
    """
    whole = FileSystems.exists(FileSystems.join(output.rstrip("/"), NAME))
    if whole and not overwrite:
        raise UsageError(f"{output}: holds a run already; give --overwrite, or another --output")
    if is_local(output):
        folder = Path(output)
        if folder.exists() and not whole and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"{output}: exists and is not a run; give another --output")


@contextmanager
def held(output: str) -> Iterator[None]:
    """Hold the output for this run alone, and clear away what killed runs left beside it.

    Raises:
        UsageError: if another run holds it, or its parent folder cannot be made or written.
    """
    if not is_local(output):
        yield
        return
    whole = Path(output).resolve()
    lock = whole.with_name(f".{whole.name}.lock")
    try:
        whole.parent.mkdir(parents=True, exist_ok=True)
        file = lock.open("w")
    except OSError as error:
        raise UsageError(f"{output}: {error.strerror}; give a folder that can be made") from None
    with file:
        _take(file, lock, output)
        try:
            recover(output)
            yield
        finally:
            lock.unlink(missing_ok=True)


def _take(file: TextIO, lock: Path, output: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A run that ended meanwhile took its lock file away: this would be a lock on nothing.
        ours = os.fstat(file.fileno()).st_ino == lock.stat().st_ino
    except (BlockingIOError, FileNotFoundError):
        ours = False
    if not ours:
        raise UsageError(f"{output}: another run is writing there; wait for it")


def discard(staging: str) -> None:
    """Remove what a failed run wrote aside."""
    if is_local(staging):
        shutil.rmtree(staging, ignore_errors=True)
