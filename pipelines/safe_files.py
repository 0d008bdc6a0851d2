"""Changes files so that a crash, a full disk or another process leaves each whole.

Files are for their owner alone, appear in one rename, and are on the disk before it.
"""

from __future__ import annotations

import fcntl
import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pipelines.options import system_errors


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file: it is there whole, or as it was before.

    Raises:
        UsageError: if it cannot be written.
    """
    with system_errors(path, "let its owner write it"):
        with replaced({path: content}):
            pass
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def written_once(path: Path, content: bytes) -> bool:
    """Writes a secret unless the file is there; returns whether it did.

    Raises:
        OSError: if it cannot be written.
    """
    aside = path.with_name(f".{uuid.uuid4().hex}.new")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_new(aside, content)
    try:
        # A hard link, unlike a rename, never replaces a key that is there already.
        path.hardlink_to(aside)
    except FileExistsError:
        return False
    finally:
        aside.unlink()
    return True


@contextmanager
def replaced(files: Mapping[Path, bytes]) -> Iterator[None]:
    """Puts files in place of others before the block, and puts the others back if it fails.

    Folders that are missing are made. All is on the disk before the first rename, and what was
    there keeps a second name until the block has ended, so that nothing needs room from then on.

    Raises:
        OSError: if one cannot be written: all are as they were.
    """
    mark = uuid.uuid4().hex
    second = {path: path.with_name(f".{mark}.{path.name}.before") for path in files}
    aside = {path: path.with_name(f".{mark}.{path.name}.new") for path in files}
    put: list[Path] = []
    try:
        for path, content in files.items():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                _write_new(aside[path], content)
            except OSError as error:
                error.filename = str(path)  # the one aside has a name of no meaning
                raise
            if path.exists():
                second[path].hardlink_to(path)
        for path in files:
            aside[path].replace(path)
            put.append(path)
        yield
    except BaseException:
        for path in put:
            if second[path].exists():
                second[path].replace(path)
            else:
                path.unlink()
        raise
    finally:
        for path in filter(os.path.lexists, (*aside.values(), *second.values())):
            path.unlink()


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lets one process at a time change a file.

    Raises:
        UsageError: if the lock cannot be made.
    """
    beside = path.with_name(f".{path.name}.lock")
    while True:
        with system_errors(beside, "let its owner write it", but_full_disk=True):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Who held it took the file away as it ended: this would be a lock on nothing.
            try:
                ours = os.path.samestat(os.fstat(descriptor), beside.stat())
            except FileNotFoundError:
                ours = False
            if ours:
                try:
                    yield
                finally:
                    beside.unlink(missing_ok=True)
                return
        finally:
            os.close(descriptor)


def _write_new(path: Path, content: bytes) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
