"""Changes files so that a crash, a full disk or another process leaves each whole.

Only their owner can access the files. A file is on the disk before one rename makes it visible.
"""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import stat
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from pipelines.options import BusyError, system_errors

LONGEST_WAIT = 10.0
"""Longest wait for another process that changes a file, in seconds."""

_BETWEEN_TRIES = 0.01
"""Seconds between two tries to take a lock."""


def write_whole(path: Path, content: bytes, like: os.stat_result | None = None) -> None:
    """Writes a file whole or leaves it unchanged; it gets the mode and group of `like`.

    Raises:
        UsageError: if it cannot be written.
    """
    with system_errors(path, "let its owner write it"):
        with replaced({path: content}, like):
            pass
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def written_once(path: Path, content: bytes) -> bool:
    """Writes a secret unless the file exists; returns whether it wrote.

    Raises:
        OSError: if it cannot be written.
    """
    aside = path.with_name(f".{uuid.uuid4().hex}.new")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_new(aside, content)
    try:
        # A hard link, unlike a rename, never replaces an existing key.
        path.hardlink_to(aside)
    except FileExistsError:
        return False
    finally:
        aside.unlink()
    return True


@contextmanager
def replaced(files: Mapping[Path, bytes], like: os.stat_result | None = None) -> Iterator[None]:
    """Replaces files before the block, and restores the old files if the block fails.

    Missing folders are made. All new files are on the disk before the first rename. The old files
    keep a second name until the block has ended, so restoring them needs no space.

    Raises:
        OSError: if a file cannot be written; all files are then unchanged.
    """
    mark = uuid.uuid4().hex
    second = {path: path.with_name(f".{mark}.{path.name}.before") for path in files}
    aside = {path: path.with_name(f".{mark}.{path.name}.new") for path in files}
    put: list[Path] = []
    try:
        for path, content in files.items():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                _write_new(aside[path], content, like)
            except OSError as error:
                error.filename = str(path)  # the temporary file's name would mean nothing
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
def locked(
    path: Path, wait: float = LONGEST_WAIT, remedy: str = "let its owner write it"
) -> Iterator[None]:
    """Lets one process at a time change a file or a folder.

    The lock is a file beside it that names its holder. A user who may only read there cannot lock.

    Args:
        path: The file or folder.
        wait: Seconds to wait for another process.
        remedy: The advice to a user who may not write there.

    Raises:
        UsageError: if the lock cannot be made.
        BusyError: if another process keeps the lock; names the process.
    """
    beside = path.with_name(f".{path.name}.lock")
    end = time.monotonic() + wait
    while True:
        with system_errors(beside, remedy, but_full_disk=True):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Another user who may write there could have made a link, a device or a pipe. The
            # flags keep a link's target unchanged, and a pipe from blocking.
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY
            descriptor = os.open(beside, flags, 0o600)
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                os.close(descriptor)
                raise OSError(errno.EINVAL, "is no regular file")
        with os.fdopen(descriptor, "r+", encoding="utf-8", errors="replace") as lock:
            if _is_ours(lock, beside):
                try:
                    _sign(lock, shared=bool(path.parent.stat().st_mode & stat.S_IWGRP))
                    yield
                finally:
                    beside.unlink(missing_ok=True)
                return
            holder = lock.read(200).strip()
        if time.monotonic() >= end:
            who = holder if holder.isprintable() and holder else "another process"
            raise BusyError(f"{path}: {who} is writing there; wait for it, or end it")
        time.sleep(_BETWEEN_TRIES)


def _is_ours(lock: TextIO, path: Path) -> bool:
    """Takes a lock unless another process has it; returns whether it did."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The last holder may have removed the file at its end; then this locks nothing.
        return os.path.samestat(os.fstat(lock.fileno()), path.stat())
    except (BlockingIOError, FileNotFoundError):
        return False


def _sign(lock: TextIO, *, shared: bool) -> None:
    """Writes a lock's holder, for waiting processes; `shared` lets the folder's group read it."""
    if shared:
        with suppress(PermissionError):  # another user of the group made it
            os.fchmod(lock.fileno(), 0o660)
    lock.truncate()
    process = f"process {os.getpid()} on {platform.node()}"
    lock.write(f"{process}, since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC,")
    lock.flush()


def _write_new(path: Path, content: bytes, like: os.stat_result | None = None) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        if like is not None:
            mode = like.st_mode & 0o777
            try:
                os.fchown(file.fileno(), -1, like.st_gid)
            except PermissionError:  # not a member of that group: no other group gets access
                mode &= ~0o070
            os.fchmod(file.fileno(), mode)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
