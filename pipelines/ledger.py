"""The ledger: who was issued which identifiers, so that mistakes can be corrected.

    issued.jsonl    beside the keys, or --ledger FILE; readable only by its owner

The ledger has a line of canonical JSON for each offer, package and correction. It also has a line
for each partner's offer that a join took, to find what rests on the offer if its key proves void.
Each line has the SHA-256 of the line before it, so a changed, added or removed line shows. The
module also holds back files that name values that a run withheld.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import field, structs

from pipelines import key_store
from pipelines.options import (
    Declaration,
    FailedError,
    Json,
    UsageError,
    all_of,
    flag,
    system_errors,
)
from pipelines.safe_files import locked, replaced
from reports.signing import LetterError, canonical_json, digest_of, parse_canonical_json
from reports.text import quantity
from schemas.entity import without_epoch
from schemas.records import Record, RecordError, read_record
from transforms.gates import MOST_KEPT_BYTES, read_bytes

if TYPE_CHECKING:
    from reports.run import Run
    from transforms.write import WithheldValues

FILE_NAME = "issued.jsonl"

NO_LINE = "0" * 64
"""The previous digest of the first line."""

NOTHING_VOID: Mapping[str, str] = {}

ISSUE_ID = re.compile(r"(?:offer|package)-[0-9a-f]{16}")


class EntryKind(StrEnum):
    """The kinds of entries: three that go out, a correction, and a join of partners' offers.

    A submission goes to a hub.
    """

    OFFER = "offer"
    PACKAGE = "package"
    SUBMISSION = "submission"
    CORRECTION = "correction"
    JOIN = "join"


ISSUED = (EntryKind.OFFER, EntryKind.PACKAGE, EntryKind.SUBMISSION)


LEDGER_FLAG = flag("--ledger", "LEDGER", "record of what was issued (default: beside the keys)")
"""The flag that names the ledger's file."""


def signing_flags(when: str) -> Declaration:
    """Returns the flags of the signing key, and of the time in the signed text."""
    key = flag("--key", "FILE", "private key to sign with (default: your own)")
    return all_of(key, flag("--now", "TIME", f"{when} (default: now)"))


SIGNING_FLAGS = signing_flags("when it is issued")


def own_org(dest: str) -> Declaration:
    """Returns the flag that names the own organisation."""
    return flag("--from", "ORG", "your own slug (default: the run's organisation)", dest=dest)


OWN_ORG_FLAG = own_org("sender")


class LedgerError(FailedError):
    """An error of a ledger that cannot be trusted; the message is one line."""


class Entry(Record):
    """One line of the ledger: an issue, its correction, or a join.

    Attributes:
        at: time in UTC, to the second.
        kind: an `EntryKind`.
        recipient: slug of an organisation, or code of a recipient of referrals. For a join: the
            sender of the offer.
        sha256: digest of the offer, or of the package's seal. For a correction: the digest of the
            corrected offer or package.
        run_id: id of the run that it was made from. For a join: the joint run.
        identifiers: identifiers as they left. For a correction: the ones that it takes back.
        reference: the package's own reference. For a join: its folder. Empty for an offer.
        files: for a package, by file, the places in `identifiers` that the file names.
        facts: for a package, facts to compare a superseding package with, and `consents`, the
            SHA-256 of partners' letters. For a reply: `joint`, the joint run behind it. For a join:
            when the offer was issued, and by which key.
        supersedes: SHA-256 of the seal of the package that this package replaces.
        built_on: ids of the runs that it rests on: its own, and runs on which analysts decided.
    """

    at: str
    kind: EntryKind
    recipient: str
    sha256: str
    run_id: str
    identifiers: tuple[str, ...]
    reference: str = ""
    files: dict[str, list[int]] = field(default_factory=dict)
    facts: Json = field(default_factory=dict)
    supersedes: str = ""
    built_on: tuple[str, ...] = ()

    @property
    def rests_on_letters(self) -> tuple[str, ...]:
        """Runs and letters that it depends on: void if their offer or consent is revoked."""
        joint = self.facts.get("joint")
        return (self.run_id, *([str(joint)] if joint else ()), *self.facts.get("consents", ()))

    @property
    def issue_id(self) -> str:
        """The short name of an offer or package, for people and for `--supersedes`."""
        return f"{self.kind}-{self.sha256[:16]}"

    @property
    def bare(self) -> frozenset[str]:
        """The identifiers without their epochs."""
        return frozenset(map(without_epoch, self.identifiers))

    def files_naming(self, identifier: str) -> tuple[str, ...]:
        """Returns the files of a package that name one of `identifiers`."""
        place = self.identifiers.index(identifier)
        return tuple(sorted(path for path, places in self.files.items() if place in places))


@dataclass(frozen=True)
class Outstanding:
    """An issue, and its identifiers that were withdrawn since and not taken back yet.

    `why` says why all of it is taken back, if a partner's letter is the reason.
    """

    entry: Entry
    identifiers: tuple[str, ...]
    why: str = ""


def ledger_path(file: str | None) -> Path:
    """Returns the path of the ledger: `--ledger FILE`, or beside the keys."""
    return Path(file) if file is not None else key_store.home() / FILE_NAME


def read_ledger(file: str | None) -> tuple[Entry, ...]:
    """Reads the entries in their order; none if there is no ledger beside the keys yet.

    Raises:
        LedgerError: if a line does not follow from the line before it.
        UsageError: if the ledger cannot be read, or `file` does not exist.
    """
    path = ledger_path(file)
    with system_errors(path, "give the ledger that offers wrote"):
        if file is None and not path.exists():
            return ()
        content = read_bytes(path, MOST_KEPT_BYTES)
    return tuple(_entries(content, path))


def record(file: str | None, entries: Iterable[Entry]) -> None:
    """Adds entries to the ledger, as `recorded` with an empty block."""
    with recorded(file, entries):
        pass


@contextmanager
def recorded(file: str | None, entries: Iterable[Entry]) -> Iterator[None]:
    """Adds entries to the ledger, in one rename, before the block; removes them if it fails.

    Raises:
        LedgerError: if a line there does not follow from the line before it; nothing is added.
        UsageError: if the file cannot be written.
    """
    path = Path(os.path.realpath(ledger_path(file)))
    with ExitStack() as held:
        held.enter_context(locked(path))
        with system_errors(path, "give a --ledger that can be written", but_full_disk=True):
            content = read_bytes(path, MOST_KEPT_BYTES) if path.exists() else b""
            for _ in _entries(content, path):
                pass
            previous = digest_of(content.split(b"\n")[-2]) if content else NO_LINE
            lines = bytearray()
            for entry in entries:
                line = canonical_json(structs.asdict(entry) | {"previous": previous})
                previous = digest_of(line)
                lines += line + b"\n"
            # If the disk were full in the middle of a line, the ledger would look changed.
            held.enter_context(replaced({path: content + lines}))
        yield


def void_joins(org: str | None = None) -> dict[str, str]:
    """Returns why joins are void, by the id of the joint run: an offer's key is void.

    Joins are recorded beside the keys. With `org`, only joins of its offers are returned.

    Raises:
        LedgerError: if the ledger was changed.
    """
    reasons = {}
    for entry in read_ledger(None):
        if entry.kind == EntryKind.JOIN and org in (None, entry.recipient):
            key_id, issued_at = (str(entry.facts.get(name)) for name in ("key_id", "issued_at"))
            built = datetime.fromisoformat(max(entry.at, issued_at))
            if why := key_store.void_reason(entry.recipient, key_id, built):
                reasons[entry.run_id] = f"the offer of {entry.recipient} in it is {why}"
    return reasons


def void_basis(basis: Iterable[str], void: Mapping[str, str]) -> str:
    """Returns why something that rests on runs is void, if one of the runs is; else nothing."""
    first = min((run_id for run_id in basis if run_id in void), default=None)
    return f"rests on the join {first}, which is void: {void[first]}" if first else ""


def revoked_basis(entry: Entry, revoked: Mapping[str, str]) -> str:
    """Returns why a partner's letter that an issue depends on was revoked; else nothing."""
    return next((revoked[each] for each in entry.rests_on_letters if each in revoked), "")


def _rests_on(entry: Entry, void: Mapping[str, str]) -> bool:
    return not {entry.run_id, *entry.built_on}.isdisjoint(void)


def outstanding(
    entries: Iterable[Entry],
    withdrawn: Iterable[str],
    void: Mapping[str, str] = NOTHING_VOID,
    revoked: Mapping[str, str] = NOTHING_VOID,
) -> list[Outstanding]:
    """Returns the issues that name a withdrawn identifier and have not been corrected since.

    A correction takes back identifiers issued before it; an identifier issued again counts again. A
    superseding package takes back the identifiers of the earlier package that it does not name.
    All identifiers of an issue are withdrawn if it rests on a void join, uses a join with a revoked
    offer, or was made with a revoked consent. In the last two cases, a superseding package replaces
    the whole issue.

    Args:
        entries: the ledger's entries, in their order.
        withdrawn: ids without epochs.
        void: why joins are void, by the id of the joint run.
        revoked: why letters are revoked: by the id of the joint run for an offer that its sender
            took back (decisions on that run hold), by the SHA-256 of the letter for a consent.
    """
    wrong = frozenset(withdrawn)
    issued: dict[tuple[str, str], Entry] = {}
    left: dict[tuple[str, str], frozenset[str]] = {}
    for entry in entries:
        if entry.kind == EntryKind.CORRECTION:
            _take_back(left, entry.sha256, entry.recipient, entry.bare)
        if entry.kind not in ISSUED:
            continue
        if entry.supersedes:
            before = issued.get((entry.supersedes, entry.recipient))
            gone = before.bare - entry.bare if before else frozenset()
            if before and revoked_basis(before, revoked) and not _rests_on(before, void):
                gone |= before.bare - wrong
            _take_back(left, entry.supersedes, entry.recipient, gone)
        key = entry.sha256, entry.recipient
        gone_with = _rests_on(entry, void) or revoked_basis(entry, revoked)
        issued[key], left[key] = entry, entry.bare if gone_with else entry.bare & wrong
    return [
        Outstanding(
            entry,
            tuple(each for each in entry.identifiers if without_epoch(each) in left[key]),
            "" if _rests_on(entry, void) else revoked_basis(entry, revoked),
        )
        for key, entry in issued.items()
        if left[key]
    ]


def find_package(entries: Iterable[Entry], name: str) -> Entry | None:
    """Returns the newest entry of the package with this `issue_id`, if there is one."""
    packages = [
        entry for entry in entries if entry.kind == EntryKind.PACKAGE and entry.issue_id == name
    ]
    return packages[-1] if packages else None


def values_withheld(run: Run, register_key: str | None, *, no_register: bool) -> WithheldValues:
    """Returns the values that a finished run withheld, by the flags of `REGISTER_FLAGS`.

    Raises:
        UsageError: for a secret or a register that cannot be used.
    """
    from transforms.custody import PrivateStore
    from transforms.write import withheld_by_run

    source = key_store.register_source(register_key, use=not no_register, runs=[run.folder])
    private = PrivateStore(key_store.private_key())
    return withheld_by_run(run.folder, run.manifest, source, private)


def hold_back(run: Run, folder: str, files: Mapping[str, bytes], values: WithheldValues) -> None:
    """Moves files that name withheld values into the private folder of their run.

    Args:
        run: the run that the files were made from.
        folder: name of the folder of the files.
        files: content by file name.
        values: values that the run withheld.

    Raises:
        UsageError: if there is such a file: it must not leave.
    """
    from reports.pieces import texts_of_data
    from transforms.write import count_withheld, set_aside

    counts = count_withheld(files.items(), values, texts_of_data)
    if not counts:
        return
    root = str(run.manifest.get("private_output") or run.folder)
    places = [set_aside(root, f"{folder}/{name}", files[name]) for name in counts]
    named = ", ".join(
        f"{name} names {quantity(number, 'withheld value')}" for name, number in counts.items()
    )
    raise UsageError(f"held back, nothing withheld may leave: {named}; see {places[0]}")


def _take_back(
    left: dict[tuple[str, str], frozenset[str]], sha256: str, recipient: str, gone: frozenset[str]
) -> None:
    if (key := (sha256, recipient)) in left:
        left[key] -= gone


def _entries(content: bytes, path: Path) -> Iterator[Entry]:
    """Yields the entries of a whole ledger, after checking each one's place in the chain."""
    *lines, rest = content.split(b"\n")
    previous = NO_LINE
    for number, line in enumerate([*lines, rest] if rest else lines, 1):
        entry = _entry(line, previous) if number <= len(lines) else None
        if entry is None:
            raise LedgerError(
                f"{path}, line {number}: does not follow from the line before it: the ledger was "
                "changed; restore it from a copy, and find out who changed it"
            )
        previous = digest_of(line)
        yield entry


def _entry(line: bytes, previous: str) -> Entry | None:
    """Parses a line; None if it does not follow the line with the digest `previous`."""
    try:
        fields = parse_canonical_json(line)
        follows = fields.pop("previous", None) == previous
        return read_record(Entry, fields) if follows else None
    except (LetterError, RecordError, AttributeError, TypeError):
        return None
