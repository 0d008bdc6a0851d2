"""Parts of `ringtrace serve` without HTTP: the files of runs, notes, alerts, the next run."""

from __future__ import annotations

import json
import os
import re
import stat
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from threading import Lock
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.ledger import values_withheld
from pipelines.options import Json, Row, UsageError, usage_errors
from pipelines.progress import printable
from reports.export import NODES_FILE
from reports.pieces import texts_of_data
from reports.run import Run
from reports.workbench import write_workbench
from schemas.cluster import ALERT
from schemas.manifest import MANIFEST_NAME
from schemas.tables import ALL_TABLES
from transforms.custody import RunError, current_time
from transforms.gates import read_bytes, read_json
from transforms.stream import SNAPSHOTS_FOLDER
from transforms.write import JobError, available_cpus, forking, local_job_pool

WORK_STATES = ("", "open", "waiting", "done")
"""States of an analyst's work on a cluster; an empty text removes the state."""

MOST_NAME, MOST_NOTE = 80, 2_000
"""Longest owner and longest note, in characters."""

MOST_LOG_BYTES = 32 * 1024 * 1024
"""Largest part of the next run's output that is read, in bytes."""

ALERTS_FOLDER = "alerts"

SHOWN_ALERTS, MOST_ALERT_BYTES = 500, 100_000
"""Number of alerts shown, newest first, and largest alert in bytes."""

RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,99}")
"""A folder name that can be part of an address unchanged."""

_CLUSTER = re.compile(r"[\w.-]{1,80}")

_ALERT_FILE = re.compile(r"(a-[0-9a-f]{32})\.jsonl")

_ALERT_FIELDS = {column.name: column.type for column in ALERT}

_PERCENT = re.compile(r"ringtrace: (\d+) %")


def note_of(body: Row) -> tuple[str, dict[str, str]]:
    """Returns the cluster that a call is about, and the changes to its notes.

    Args:
        body: `cluster`; and any of `status`, `owner`, `snoozed_until` (a date, or nothing) and
            `text`, a note to add.

    Raises:
        UsageError: for an invalid value.
    """
    cluster_id = body["cluster"]
    if not isinstance(cluster_id, str) or not _CLUSTER.fullmatch(cluster_id):
        raise UsageError("name a cluster of the run")
    changes: dict[str, str] = {}
    for name, most in (("status", 20), ("owner", MOST_NAME), ("text", MOST_NOTE)):
        value = body.get(name, "")
        if not isinstance(value, str) or len(value) > most:
            raise UsageError(f"{name}: give a text of at most {most} characters")
        if name in body:
            changes[name] = value.strip()
    if changes.get("status", "") not in WORK_STATES:
        raise UsageError(f"status: give one of {', '.join(WORK_STATES[1:])}")
    if "snoozed_until" in body:
        value = body["snoozed_until"] or ""
        with suppress(ValueError, TypeError):
            changes["snoozed_until"] = value and date.fromisoformat(value).isoformat()
        if "snoozed_until" not in changes:
            raise UsageError("snoozed_until: give a date, such as 2026-12-31")
    if not changes.get("text", "-"):
        del changes["text"]
    if not changes:
        raise UsageError("give a status, an owner, a date or a note")
    return cluster_id, changes


def alert_of(body: Row) -> str:
    """Returns the id of the alert that a call is about; raises UsageError for an invalid id."""
    alert_id = str(body["alert"])
    if not _ALERT_FILE.fullmatch(f"{alert_id}.jsonl"):
        raise UsageError("name an alert")
    return alert_id


def find_runs(folder: str | os.PathLike[str]) -> dict[str, Run]:
    """Returns the runs of a folder by name, newest first: the folder itself, or runs in it.

    A stream's folder has its snapshots. Folders without a finished run, or with a name that cannot
    be part of an address, are left out.

    Raises:
        RunError: if there is no run.
    """
    path = Path(folder)
    if (path / MANIFEST_NAME).exists():
        return {"run": Run.open(path)}
    snapshots = path / SNAPSHOTS_FOLDER
    inside = snapshots if snapshots.is_dir() else path
    runs: dict[str, Run] = {}
    with suppress(OSError):
        for entry in sorted(inside.iterdir()):
            if RUN_NAME.fullmatch(entry.name):
                with suppress(RunError):
                    runs[entry.name] = Run.open(entry)
    if not runs:
        raise RunError(f"{path}: is not a finished run, and has none in it")
    return dict(
        sorted(runs.items(), key=lambda named: (clock_of(named[1]), named[0]), reverse=True)
    )


def clock_of(run: Run) -> str:
    """Returns the time when a run was made, as ISO 8601; empty for an old run."""
    return str(run.manifest.get("clock") or "")


def read_alerts(folder: str | os.PathLike[str]) -> list[Json]:
    """Returns the newest alerts of a stream's folder, at most `SHOWN_ALERTS`, newest first.

    Files that are no alerts are left out, as are fields outside the contract.
    """
    files = []
    for path in Path(folder, ALERTS_FOLDER).glob("*.jsonl"):
        with suppress(FileNotFoundError):  # gone meanwhile
            status = path.lstat()
            if _ALERT_FILE.fullmatch(path.name) and stat.S_ISREG(status.st_mode):
                files.append((-status.st_mtime_ns, path))
    alerts = []
    for _, path in sorted(files)[:SHOWN_ALERTS]:
        with suppress(OSError, ValueError):
            row = read_json(read_bytes(path, MOST_ALERT_BYTES, follow=False))
            if isinstance(row, dict) and f"{row.get('alert_id')}.jsonl" == path.name:
                kept = {key: value for key, value in row.items() if _is_of_alert(key, value)}
                alerts.append(kept)
    return sorted(alerts, key=lambda alert: str(alert.get("observed_at")), reverse=True)


def workbench_files(
    finished: Run, previous: Run | None, arguments: Namespace, *, may_fork: bool
) -> dict[str, bytes]:
    """Makes the files of the workbench, except files with a value that the run withheld.

    A process that serves has threads, and must not fork.
    """
    from transforms.write import count_withheld

    nodes = Path(finished, NODES_FILE)
    register = arguments.register_key
    values = values_withheld(finished, register, no_register=arguments.no_register)
    with (
        tempfile.TemporaryDirectory(prefix="ringtrace-") as folder,
        forking(available_cpus() if may_fork else 0),
        local_job_pool(folder) as pool,
    ):
        before = str(nodes) if nodes.is_file() else None
        shown = _with_all_tables(finished, Path(folder, "snapshot"))
        with usage_errors(JobError, before=f"{finished.folder}: "):
            write_workbench(shown, pool, previous=previous, before=before, graph=False)
        names = [file["name"] for file in pool.written]
        files = {name.removeprefix("report/"): Path(folder, name).read_bytes() for name in names}
    data = ((name, content) for name, content in files.items() if name.startswith("data/"))
    for name, number in count_withheld(data, values, texts_of_data).items():
        sys.stderr.write(f"held back: {name} names {number} of what the run withheld\n")
        del files[name]
    return files


def _with_all_tables(finished: Run, folder: Path) -> Run:
    """Returns a batch run unchanged, and a snapshot with empty tables of records.

    A stream keeps no records, so pages about records are empty.
    """
    if "snapshot" not in finished.manifest["options"]:
        return finished
    for table in ALL_TABLES:
        own = Path(finished, table.name)
        if own.is_dir():
            folder.mkdir(exist_ok=True)
            (folder / table.name).symlink_to(own.resolve())
        else:
            (folder / table.name).mkdir(parents=True)
            pq.write_table(table.schema.empty_table(), folder / table.name / "part.parquet")
    return Run(str(folder), finished.manifest)


def _is_of_alert(name: str, value: Any) -> bool:
    """Tells whether a value fits the contract of alerts, as the page requires."""
    kind = _ALERT_FIELDS.get(name)
    if kind is None:
        return False
    if pa.types.is_list(kind):
        return isinstance(value, list) and all(isinstance(text, str) for text in value)
    return isinstance(value, int if pa.types.is_integer(kind) else str)


@dataclass(eq=False)
class NextRun:
    """A batch run that a button of the workbench starts, with the present decisions.

    None of its options come from a request or from a run. They are in `config`, which the person
    who started the server named.

    Attributes:
        config: The file that `ringtrace batch --config` reads.
        decisions: The decisions file.
        more: The server's flags of the victim register.
    """

    config: str
    decisions: str
    more: Sequence[str] = ()
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    _output: Path | None = None
    _log: IO[bytes] = field(default_factory=tempfile.TemporaryFile, repr=False)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def start(self, previous: str, more: Sequence[str] = ()) -> None:
        """Starts a run that follows `previous`, in a folder beside it, with `more` flags.

        Raises:
            UsageError: if another run is under way.
        """
        with self._lock:
            if self._process is not None and self._process.poll() is None:
                raise UsageError("a run is under way; wait for its end")
            beside = Path(previous).resolve().parent
            self._output = beside / f"run-{current_time():%Y%m%dT%H%M%SZ}"
            self._log.seek(0)
            self._log.truncate()
            words = [sys.executable, "-P", "-m", "pipelines.cli", "batch", "--config", self.config]
            words += ["--decisions", self.decisions, "--previous", previous]
            words += ["--output", str(self._output), *self.more, *more]
            self._process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self._log
            )

    def status(self) -> Json:
        """Returns whether it runs, its progress and output, and its `name` once it is done."""
        process = self._process
        if process is None:
            return {"state": "none"}
        code = process.poll()
        state = "running" if code is None else "failed" if code else "done"
        # The run writes at the file's own position, so this reads without moving it.
        content = os.pread(self._log.fileno(), MOST_LOG_BYTES, 0).decode(errors="replace")
        lines = content.splitlines() or [""]
        shares = [int(share[1]) for line in lines if (share := _PERCENT.match(line))]
        last = printable(lines[-1].strip())[:300].removeprefix("ringtrace: ")
        name = self._output.name if state == "done" and self._output else None
        return {"state": state, "percent": max(shares, default=0), "line": last, "name": name}

    @property
    def output(self) -> Path | None:
        """The folder of the last run that was done."""
        return self._output if self.status()["state"] == "done" else None

    def end(self) -> None:
        """Stops the run; an unfinished run leaves nothing."""
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(30)


def without_withheld(alerts: Iterable[Json], values: Any) -> tuple[list[Json], int]:
    """Returns the alerts without values that a run withheld, and the number of other alerts."""
    from transforms.write import count_withheld

    whole = list(alerts)
    data = ((str(number), json.dumps(alert).encode()) for number, alert in enumerate(whole))
    bad = count_withheld(data, values, texts_of_data)
    return [alert for number, alert in enumerate(whole) if str(number) not in bad], len(bad)
