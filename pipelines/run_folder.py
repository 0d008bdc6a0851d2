"""The folder of a run: fit to be written, and held for one run at a time.

What a finished run says of itself, for the commands that are given one.

What a run that has ended says of the islands of its graph: searched, or known from another.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from apache_beam.io.filesystems import FileSystems

from pipelines.options import UsageError
from schemas.manifest import NAME, Manifest
from transforms.write.parquet_files import is_local
from transforms.write.publish import recover


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


def manifest(source: Path) -> Manifest:
    """The manifest of the run in the folder `source`.

    Raises:
        UsageError: if the folder holds no finished run.
    """
    try:
        found: Manifest = json.loads((source / NAME).read_bytes())
    except OSError:
        raise UsageError(f"{source}: is no finished run: it has no {NAME}") from None
    except ValueError:
        raise UsageError(f"{source / NAME}: is not JSON; was it edited?") from None
    return found


def lines(folder: str) -> Iterator[str]:
    """One line of the run in `folder`, and one more where islands of the previous were refused."""
    with FileSystems.open(FileSystems.join(folder.rstrip("/"), NAME)) as file:
        manifest = json.loads(file.read())
    told = manifest["tallies"].get("islands", {})
    follows = manifest["options"].get("previous") is not None
    known = f", {told.get('taken_over', 0)} taken over from the previous run"
    yield f"{told.get('clustered', 0)} islands clustered{known if follows else ''}"
    for alarm in manifest["alarms"]:
        if alarm["code"] == "islands_refused":
            yield f"warning: {alarm['message']}"
