"""The journal of a user's servers: accepted decisions, notes, and views of narratives.

A decision is accepted once it is on the disk. When its author's time to undo it has passed, the
first server to come records it, once; so another server can finish the work of one that died. Runs
read the decisions file, not the journal.

A refused decision stays until its author removes it, and its id is never used again. If the disk is
full, recording is tried again.

Notes have no effect on runs. A note is about a cluster, whose id stays from run to run, or says who
has seen an alert. Notes and views are never dropped; beyond the limits new ones are refused.
"""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from pipelines.options import BusyError, Json, UsageError, system_errors
from pipelines.safe_files import LONGEST_WAIT, locked
from reports.text import quantity
from transforms.custody import RunError, current_time
from transforms.decisions import Decision, parse_decisions, with_decision_added
from transforms.gates import read_bytes

MOST_NOTES, MOST_NOTED = 200, 16_000_000
"""Most notes of a cluster; most characters of all notes, counting `_ROW` extra for each row."""

_ROW = 100

_MOST_OLD_BYTES = 64 * 1024 * 1024
"""Largest notes file of an older version, in bytes; that version allowed half as much."""

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
CREATE TABLE IF NOT EXISTS noted (
    about TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    noted_at TEXT NOT NULL,
    author TEXT NOT NULL
);
CREATE UNIQUE INDEX IF NOT EXISTS latest ON noted (about, name)
WHERE name NOT IN ('text', 'acknowledged');
CREATE TABLE IF NOT EXISTS viewed (
    viewed_at TEXT NOT NULL,
    person TEXT NOT NULL,
    org TEXT NOT NULL,
    record TEXT NOT NULL,
    run TEXT NOT NULL
);
"""
"""States of a decision: pending, recording, then recorded or refused, with why.

A pending decision becomes undone if its author undoes it, a refused one if its author removes it.
"""

_OLD_NOTES = """
INSERT INTO noted
SELECT cluster.key, 'text', json_extract(note.value, '$.text'),
       json_extract(note.value, '$.at'), json_extract(note.value, '$.by')
FROM json_each(:old, '$.clusters') AS cluster, json_each(cluster.value, '$.notes') AS note
UNION ALL
SELECT cluster.key, field.key, field.value,
       json_extract(cluster.value, '$.at'), json_extract(cluster.value, '$.by')
FROM json_each(:old, '$.clusters') AS cluster, json_each(cluster.value) AS field
WHERE field.key IN ('status', 'owner', 'snoozed_until')
UNION ALL
SELECT key, 'acknowledged', '', json_extract(value, '$.at'), json_extract(value, '$.by')
FROM json_each(:old, '$.acknowledged')
"""
"""Takes over the notes that an older version kept in JSON."""

_REMOTE = frozenset("nfs nfs4 cifs smb3 smbfs 9p ceph glusterfs lustre afs fuse.sshfs".split())
"""Types of file systems on other machines, where SQLite's log cannot be shared."""


@dataclass(frozen=True)
class Accepted:
    """A waiting decision, the run that it was made on, and the server that accepted it.

    `due` is the time to record it, in seconds since 1970.
    """

    number: int
    decision: Decision
    run: str
    server: str
    due: float


@dataclass(frozen=True)
class View:
    """A person's view of the narrative of a run's record, with its time in UTC as ISO 8601."""

    when: str
    person: str
    org: str
    record: str
    run: str


class Journal:
    """The journal beside a decisions file. Each user has their own.

    Its folder is closed to other users, because SQLite opens further files there by name.

    `problem` says why the last decision was refused, if it was.

    Raises:
        UsageError: from every method, for a file that is no journal, or cannot be written.
    """

    def __init__(self, decisions: str) -> None:
        self.path = _path(decisions)
        self._old_notes = Path(f"{os.path.realpath(decisions)}.workbench.json")
        if (kind := _file_system(self.path)) in _REMOTE:
            raise UsageError(f"{self.path}: is on {kind}; keep decisions on a disk of this machine")
        self.problem: str | None = None
        self._is_made = False

    def accept(self, decision: Decision, run: str, server: str, due: float) -> None:
        """Keeps a decision, once. It is on the disk when this returns."""
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
        """Drops a waiting or a refused decision.

        Raises:
            UsageError: for a decision in another state, or of another author.
        """
        ask = (
            "SELECT number, author FROM accepted "
            "WHERE decision_id = ? AND state IN ('pending', 'refused')"
        )
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
        """Returns the waiting decisions, in the order of their acceptance."""
        with self._changed() as rows:
            return [
                Accepted(number, _parsed(row), *rest)
                for number, row, *rest in rows.execute(
                    "SELECT number, row, run, server, due FROM waiting"
                )
            ]

    def refused(self, author: str) -> list[tuple[Decision, str]]:
        """Returns the refused decisions of an author, and why each was refused."""
        ask = "SELECT row, why FROM accepted WHERE state = 'refused' AND author = ? ORDER BY number"
        with self._changed() as rows:
            return [(_parsed(row), why) for row, why in rows.execute(ask, (author,))]

    def ids(self) -> set[str]:
        """Returns the ids of all decisions that were ever accepted here."""
        with self._changed() as rows:
            return {name for (name,) in rows.execute("SELECT decision_id FROM accepted")}

    def settle(
        self, is_due: Callable[[Accepted], bool], record: Callable[[Accepted], None]
    ) -> None:
        """Records the decisions that are due, in their order, or refuses them for good.

        A decision that another process or the system prevents from being recorded keeps waiting.
        `record` must do nothing for a decision that the file already has: a server may have died
        after writing the file and before updating the journal.

        Raises:
            BusyError: if another process prevents recording, or the disk is full.
        """
        self._make_folder()
        with locked(self.path):
            for accepted in filter(is_due, self.waiting()):
                if not self._moved(accepted, "recording"):
                    continue  # undone meanwhile
                try:
                    record(accepted)
                except (BusyError, OSError) as error:
                    self._moved(accepted, "pending")
                    raise BusyError(str(error)) from None
                except (UsageError, RunError, ValueError) as error:
                    self._moved(accepted, "refused", str(error))
                    self.problem = f"{accepted.decision.decision_id}: not recorded: {error}"
                else:
                    self._moved(accepted, "recorded")
                    self.problem = None

    def notes(self) -> Json:
        """Returns the notes by cluster, and by alert who acknowledged it and when."""
        with self._noted() as rows:
            return _folded(rows)

    def note(self, about: str, changes: Mapping[str, str], author: str) -> Json:
        """Changes the notes on a cluster or an alert, and returns all notes.

        Args:
            about: The id of the cluster or alert.
            changes: Values by name. A `text` is added to earlier texts. The first person who
                `acknowledged` an alert stays. Any other value replaces the earlier value.
            author: The person who changes them.

        Raises:
            UsageError: beyond the limits; nothing is changed.
        """
        mark = _now(), author
        with self._noted() as rows:
            rows.executemany(
                "INSERT OR REPLACE INTO noted VALUES (?, ?, ?, ?, ?)",
                [(about, name, value, *mark) for name, value in changes.items()],
            )
            ask = "SELECT count(*) FROM noted WHERE about = ? AND name = 'text'"
            if rows.execute(ask, (about,)).fetchone()[0] > MOST_NOTES:
                raise UsageError(
                    f"{about}: has {MOST_NOTES} notes, the most; keep more in a file of your own"
                )
            ask = "SELECT total(length(value) + ?) FROM noted"
            if rows.execute(ask, (_ROW,)).fetchone()[0] > MOST_NOTED:
                raise UsageError(
                    f"{self.path}: is full of notes; serve a copy of the decisions file under "
                    "another name, which begins without any"
                )
            return _folded(rows)

    def keep_view(self, person: str, org: str, record: str, run: str) -> None:
        """Writes down a view of a narrative. It is on the disk when this returns."""
        with self._changed() as rows:
            values = _now(), person, org, record, run
            rows.execute("INSERT INTO viewed VALUES (?, ?, ?, ?, ?)", values)

    def views(self) -> list[View]:
        """Returns all views of narratives, oldest first."""
        with self._changed() as rows:
            return [View(*row) for row in rows.execute("SELECT * FROM viewed ORDER BY rowid")]

    @contextmanager
    def _noted(self) -> Iterator[sqlite3.Connection]:
        """Yields a connection as `_changed`, after taking over an older version's notes, if any."""
        old = self._old_notes
        with self._changed() as rows:
            is_new = rows.execute("SELECT 1 FROM noted").fetchone() is None
            if is_new and os.access(old, os.R_OK):
                try:
                    content = read_bytes(old, _MOST_OLD_BYTES)
                    rows.execute(_OLD_NOTES, {"old": content.decode()})
                except (OSError, ValueError, sqlite3.Error):
                    raise UsageError(f"{old}: is no file of notes; move it away") from None
            yield rows

    def _moved(self, accepted: Accepted, state: str, why: str | None = None) -> bool:
        """Changes the state of a waiting decision; returns False if it no longer waits."""
        with self._changed() as rows:
            done = rows.execute(
                "UPDATE accepted SET state = ?, why = ? "
                "WHERE number = ? AND state IN ('pending', 'recording')",
                (state, why, accepted.number),
            )
            return done.rowcount == 1

    @contextmanager
    def _changed(self) -> Iterator[sqlite3.Connection]:
        """Yields a connection for one transaction, which is on the disk after the block."""
        self._make_folder()
        try:
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
        except sqlite3.Error as error:
            raise UsageError(f"{self.path}: {error}; let its owner write it, or move it") from None

    def _make_folder(self) -> None:
        folder = self.path.parent
        with system_errors(folder, "let its owner write it, or move it"):
            with suppress(FileExistsError):
                folder.mkdir(0o700)
            status = folder.lstat()
        # Its decisions will be signed, so nobody else must be able to add any.
        if (
            not stat.S_ISDIR(status.st_mode)
            or status.st_uid != os.geteuid()
            or status.st_mode & 0o077
        ):
            raise UsageError(f"{folder}: is no folder of yours alone (mode 700); move it away")


def waiting_decisions(decisions: str) -> tuple[list[Decision], set[str]]:
    """Returns the decisions waiting in this user's journal, if there is one, and all its ids.

    Raises:
        UsageError: as a journal.
    """
    if not os.path.lexists(_path(decisions).parent):
        return [], set()
    journal = Journal(decisions)
    return [each.decision for each in journal.waiting()], journal.ids()


def unrecorded(decisions: str) -> str | None:
    """Returns a line if decisions wait in this user's journal, else None."""
    try:
        path, number = _path(decisions), len(waiting_decisions(decisions)[0])
    except (UsageError, ValueError) as error:
        return str(error)
    if not number:
        return None
    return (
        f"{decisions}: lacks {quantity(number, 'accepted decision')} in {path}; "
        "if no ringtrace serve is running, start one to record what waits, and do this again"
    )


def is_same(decision: Decision, second: Decision, beside: str = "decided_at") -> bool:
    """Tells whether two decisions are the same act of an author, whatever their ids.

    `beside` is the field that they share beside kind, entities, author and reason.
    """
    return all(
        getattr(decision, name) == getattr(second, name)
        for name in ("kind", "entities", "author", "reason", beside)
    )


def _parsed(row: str) -> Decision:
    (decision,) = parse_decisions(row, "the journal")
    return decision


def _path(decisions: str) -> Path:
    try:
        return Path(f"{os.path.realpath(decisions)}.{os.geteuid()}.journal", "journal.sqlite")
    except ValueError:  # a NUL in it
        raise UsageError(f"{decisions!a}: no file can have this name; give another") from None


def _now() -> str:
    return f"{current_time():%Y-%m-%dT%H:%M:%SZ}"


def _folded(rows: sqlite3.Connection) -> Json:
    """Returns notes as the page needs them: by cluster, with the last author and time."""
    clusters: dict[str, Json] = {}
    acknowledged: Json = {}
    for about, name, value, when, author in rows.execute("SELECT * FROM noted ORDER BY rowid"):
        mark = {"at": when, "by": author}
        if name == "acknowledged":
            acknowledged.setdefault(about, mark)
            continue
        known = clusters.setdefault(about, {"notes": []})
        if name == "text":
            known["notes"].append(mark | {"text": value})
        else:
            known[name] = value
        known |= mark
    return {"version": 1, "clusters": clusters, "acknowledged": acknowledged}


def _file_system(path: Path) -> str:
    """Returns Linux's name of the type of a file's file system; empty if unknown."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    folders = (line.split()[1:3] for line in mounts.splitlines())
    above = ((folder, kind) for folder, kind in folders if path.is_relative_to(folder))
    return max(above, key=lambda mount: len(mount[0]), default=("", ""))[1]
