"""The journal of decisions: what a server accepted, until each stands in the decisions file.

A decision is accepted once it is on the disk. It is recorded when its author's time to undo it has
passed, by whichever server comes first, and once: a server that died is followed by another. The
decisions file stays the record that runs read.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines.options import BusyError, UsageError
from pipelines.safe_files import LONGEST_WAIT, locked
from transforms.decisions import Decision
from transforms.decisions_file import parse_decisions, with_decision_added
from transforms.manifest import RunError

SUFFIX = ".journal"

_TABLES = """
CREATE TABLE IF NOT EXISTS accepted (
    number INTEGER PRIMARY KEY,
    decision_id TEXT NOT NULL,
    author TEXT NOT NULL,
    server TEXT NOT NULL,
    run TEXT NOT NULL,
    row TEXT NOT NULL,
    due REAL NOT NULL,
    state TEXT NOT NULL DEFAULT 'pending',
    why TEXT
);
CREATE VIEW IF NOT EXISTS waiting AS
SELECT * FROM accepted WHERE state IN ('pending', 'recording') ORDER BY number;
"""
"""A decision is pending, or undone; then recording, and at last recorded, or refused and why."""

_REMOTE = frozenset("nfs nfs4 cifs smb3 smbfs 9p ceph glusterfs lustre afs fuse.sshfs".split())
"""Types of file systems on other machines, where SQLite's log cannot be shared."""


@dataclass(frozen=True)
class Accepted:
    """A decision that waits, the run that it was made on, and the server that accepted it.

    `due` is when it is recorded, in seconds since 1970.
    """

    number: int
    decision: Decision
    run: str
    server: str
    due: float


class Journal:
    """The journal beside a decisions file.

    `problem` says why the decision that it settled last was refused, if it was.

    Raises:
        UsageError: from every method, for a file that is no journal, or cannot be written.
    """

    def __init__(self, decisions: str) -> None:
        self.path = Path(f"{os.path.realpath(decisions)}{SUFFIX}")
        if (kind := _file_system(self.path)) in _REMOTE:
            raise UsageError(f"{self.path}: is on {kind}; keep decisions on a disk of this machine")
        self.problem: str | None = None
        self._is_made = False

    def accept(self, decision: Decision, run: str, server: str, due: float) -> None:
        """Keeps a decision, once; it is on the disk when this returns."""
        row = with_decision_added("", decision)
        values = decision.decision_id, decision.author, server, run, row, due
        with self._changed() as rows:
            known = rows.execute("SELECT row FROM waiting").fetchall()
            if not any(is_same(_parsed(before), decision) for (before,) in known):
                rows.execute(
                    "INSERT INTO accepted (decision_id, author, server, run, row, due) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    values,
                )

    def undo(self, decision_id: str, author: str) -> None:
        """Drops a decision that waits.

        Raises:
            UsageError: for another one, or somebody else's.
        """
        ask = "SELECT number, author FROM accepted WHERE decision_id = ? AND state = 'pending'"
        with self._changed() as rows:
            numbers = {name: number for number, name in rows.execute(ask, (decision_id,))}
            if not numbers:
                raise UsageError(
                    f"{decision_id[:80]}: is recorded already; record another decision that "
                    "outweighs it"
                )
            if author not in numbers:
                raise UsageError("another person's decision is theirs to undo")
            change = "UPDATE accepted SET state = 'undone' WHERE number = ?"
            rows.execute(change, (numbers[author],))

    def waiting(self) -> list[Accepted]:
        """Returns the decisions that wait, in the order in which they were accepted."""
        with self._changed() as rows:
            return [
                Accepted(number, _parsed(row), *rest)
                for number, row, *rest in rows.execute(
                    "SELECT number, row, run, server, due FROM waiting"
                )
            ]

    def settle(
        self, is_due: Callable[[Accepted], bool], record: Callable[[Accepted], None]
    ) -> None:
        """Records decisions that are due, in their order; each is recorded, or refused for good.

        What another process keeps from being recorded waits on. `record` must do nothing for a
        decision that the file has: its server may have died before it wrote that down here.

        Raises:
            BusyError: if another process keeps one.
        """
        with locked(self.path):
            for accepted in filter(is_due, self.waiting()):
                if not self._moved(accepted, "recording"):
                    continue  # undone meanwhile
                try:
                    record(accepted)
                except BusyError:
                    self._moved(accepted, "pending")
                    raise
                except (UsageError, RunError, ValueError, OSError) as error:
                    self._moved(accepted, "refused", str(error))
                    self.problem = f"{accepted.decision.decision_id}: not recorded: {error}"
                else:
                    self._moved(accepted, "recorded")
                    self.problem = None

    def _moved(self, accepted: Accepted, state: str, why: str | None = None) -> bool:
        """Gives a decision that waits another state; returns whether it still waited."""
        with self._changed() as rows:
            done = rows.execute(
                "UPDATE accepted SET state = ?, why = ? "
                "WHERE number = ? AND state IN ('pending', 'recording')",
                (state, why, accepted.number),
            )
            return done.rowcount == 1

    @contextmanager
    def _changed(self) -> Iterator[sqlite3.Connection]:
        """Gives a connection for one transaction, which is on the disk after the block."""
        try:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            owner = os.fstat(file).st_uid
            os.close(file)
            # What stands in it is signed: nobody else must have put it there.
            if owner != os.geteuid():
                raise PermissionError("is another user's")
            with closing(
                sqlite3.connect(self.path, timeout=LONGEST_WAIT, isolation_level=None)
            ) as rows:
                rows.execute("PRAGMA synchronous = FULL")
                if not self._is_made:
                    rows.execute("PRAGMA journal_mode = WAL")
                    rows.executescript(_TABLES)
                    self._is_made = True
                rows.execute("BEGIN IMMEDIATE")
                yield rows
                rows.execute("COMMIT")
        except sqlite3.OperationalError as error:
            raise BusyError(f"{self.path}: {error}") from None
        except (OSError, sqlite3.Error) as error:
            raise UsageError(f"{self.path}: {error}; let its owner write it, or move it") from None


def is_same(decision: Decision, second: Decision) -> bool:
    """Tells whether two decisions are one that its author made once, whatever their ids."""
    return all(
        getattr(decision, name) == getattr(second, name)
        for name in ("kind", "entities", "author", "reason", "decided_at")
    )


def _parsed(row: str) -> Decision:
    (decision,) = parse_decisions(row, "the journal")
    return decision


def _file_system(path: Path) -> str:
    """Returns the type of the file system that a file is on, as Linux names it; else nothing."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    folders = (line.split()[1:3] for line in mounts.splitlines())
    above = ((folder, kind) for folder, kind in folders if path.is_relative_to(folder))
    return max(above, key=lambda mount: len(mount[0]), default=("", ""))[1]
