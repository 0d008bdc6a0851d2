"""The folder that a run is written to: checked, locked for one run at a time, and summarized."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pyarrow.compute as pc
from apache_beam.io.filesystems import FileSystems

from pipelines.options import UsageError
from reports.run import Run, RunError
from schemas.enums import LineageEvent
from schemas.manifest import MANIFEST_NAME, Counts
from transforms.write import is_local, recover_output


def check_output(output: str, *, overwrite: bool) -> None:
    """Refuses an output that has a run, unless it may be overwritten, or anything else.

    Raises:
        UsageError: in both cases.
    """
    whole = FileSystems.exists(FileSystems.join(output.rstrip("/"), MANIFEST_NAME))
    if whole and not overwrite:
        raise UsageError(f"{output}: holds a run already; give --overwrite, or another --output")
    if is_local(output):
        folder = Path(output)
        if folder.exists() and not whole and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"{output}: exists and is not a run; give another --output")


@contextmanager
def lock_output(output: str) -> Iterator[None]:
    """Locks the output for this run alone, and removes what killed runs left beside it.

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
        _lock(file, lock, output)
        try:
            recover_output(output)
            yield
        finally:
            lock.unlink(missing_ok=True)


def _lock(file: TextIO, lock: Path, output: str) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A run that ended meanwhile took its lock file away: this would be a lock on nothing.
        ours = os.fstat(file.fileno()).st_ino == lock.stat().st_ino
    except (BlockingIOError, FileNotFoundError):
        ours = False
    if not ours:
        raise UsageError(f"{output}: another run is writing there; wait for it")


def discard_staging(staging: str) -> None:
    """Removes what a failed run wrote aside."""
    if is_local(staging):
        shutil.rmtree(staging, ignore_errors=True)


def has_unread_input(folder: str) -> bool:
    """Returns whether all complaints, or all calls, of the run in `folder` were rejected."""
    counts = Run.open(folder).manifest["counts"]
    return any(_is_all_rejected(rows) for rows in (counts["complaints"], counts["calls"]))


def summary_lines(folder: str) -> Iterator[str]:
    """Yields the summary of the run in `folder`: rows used, clusters, what to open, warnings."""
    try:
        run = Run.open(folder)
    except RunError as error:
        yield f"warning: {error}"
        return
    counts = run.manifest["counts"]
    for kind, rows in (("complaints", counts["complaints"]), ("calls", counts["calls"])):
        if rows["read"]:
            again = f"{rows['duplicates']:,} duplicate{'' if rows['duplicates'] == 1 else 's'}"
            used = f"{rows['accepted']:,} of {rows['read']:,} {kind} used"
            yield f"{used}, {again}, {rows['rejected']:,} rejected"
        if _is_all_rejected(rows):
            yield f"every row of the {kind} was rejected; `ringtrace rejects {folder}` exports them"
    clusters = run.table("clusters", ["size"], pc.field("size") > 1).num_rows
    changed = ""
    if run.manifest["options"].get("previous") is not None:
        moved = pc.field("event") != LineageEvent.UNCHANGED
        components = run.manifest["tallies"].get("islands", {})
        changed = (
            f", {run.table('lineage', ['event'], moved).num_rows:,} changed; "
            f"{components.get('clustered', 0):,} components clustered, "
            f"{components.get('taken_over', 0):,} taken over from the previous run"
        )
    yield f"{clusters:,} cluster{'' if clusters == 1 else 's'} of two or more{changed}"
    yield f"open {folder}/report/index.html"
    for alarm in run.manifest["alarms"]:
        if alarm["code"] == "islands_refused":
            yield f"warning: {alarm['message']}"


def _is_all_rejected(rows: Counts) -> bool:
    return 0 < rows["read"] == rows["rejected"]
