"""The ledger: what was issued to whom, so that it can be corrected when it proves wrong.

    issued.jsonl    beside the keys, or --ledger FILE; readable by its owner alone

One line of canonical JSON for each offer, package and correction, and for each offer of a partner
that a join took: what rests on it is found when its key proves void. Each names the SHA-256 of the
line before it, so that a line that was changed, added or taken out from between shows. What must
not be issued is held back here, too: files that name what a run withheld.
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
"""Stands for the digest of the line before the first."""

NOTHING_VOID: Mapping[str, str] = {}

ISSUE_ID = re.compile(r"(?:offer|package)-[0-9a-f]{16}")


class EntryKind(StrEnum):
    """The kinds of entries: three that go out, what takes their contents back, and what came in.

    A submission goes to a hub.
    """

    OFFER = "offer"
    PACKAGE = "package"
    SUBMISSION = "submission"
    CORRECTION = "correction"
    JOIN = "join"


ISSUED = (EntryKind.OFFER, EntryKind.PACKAGE, EntryKind.SUBMISSION)


LEDGER_FLAG = flag("--ledger", "LEDGER", "record of what was issued (default: beside the keys)")
"""The flag that names where what is issued is recorded."""


def signing_flags(when: str) -> Declaration:
    """Returns the flags of the key that signs, and of the time that the signed text gives."""
    key = flag("--key", "FILE", "private key to sign with (default: your own)")
    return all_of(key, flag("--now", "TIME", f"{when} (default: now)"))


SIGNING_FLAGS = signing_flags("when it is issued")


def own_org(dest: str) -> Declaration:
    """Returns the flag that names one's own organisation."""
    return flag("--from", "ORG", "your own slug (default: the run's organisation)", dest=dest)


OWN_ORG_FLAG = own_org("sender")


class LedgerError(FailedError):
    """A ledger that cannot be relied on; the message is one line."""


class Entry(Record):
    """One line: something issued, or the correction of it.

    Attributes:
        at: when, in UTC, to the second.
        kind: an `EntryKind`.
        recipient: slug of an organisation, or code of a recipient of referrals; of a join, whose
            offer it took.
        sha256: of the offer, or of the package's seal; of a correction, of what it corrects.
        run_id: of the run that it was made from; of a join, the joint run's.
        identifiers: those that left, as they left; of a correction, those that it takes back.
        reference: the package's own reference; of a join, its folder; nothing for an offer.
        files: of a package, its files that name each identifier, as places in `identifiers`.
        facts: of a package, what a superseding one is compared with, and `consents`, the SHA-256
            of partners' letters; of a reply, `joint`, the joint run that it answers from; of a
            join, when the offer was issued and by which key.
        supersedes: SHA-256 of the seal of the package that this one takes the place of.
        built_on: ids of the runs that it rests on: that one, and those on which analysts decided.
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
        """The runs and letters with which it stands: their joins' offers, and consents."""
        joint = self.facts.get("joint")
        return (self.run_id, *([str(joint)] if joint else ()), *self.facts.get("consents", ()))

    @property
    def issue_id(self) -> str:
        """The short name of what was issued, for people and for `--supersedes`."""
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
    """An issue, and those of its identifiers that were withdrawn since and not taken back yet.

    `why` says why all of it is taken back, where that is due to a partner's letter.
    """

    entry: Entry
    identifiers: tuple[str, ...]
    why: str = ""


def ledger_path(file: str | None) -> Path:
    """Returns the path of the ledger: `--ledger FILE`, or beside the keys."""
    return Path(file) if file is not None else key_store.home() / FILE_NAME


def read_ledger(file: str | None) -> tuple[Entry, ...]:
    """Reads the entries in their order; none where there is no ledger beside the keys yet.

    Raises:
        LedgerError: if a line does not follow from the one before it.
        UsageError: if the file cannot be read, or the one that was `file` does not exist.
    """
    path = ledger_path(file)
    with system_errors(path, "give the ledger that offers wrote"):
        if file is None and not path.exists():
            return ()
        content = read_bytes(path, MOST_KEPT_BYTES)
    return tuple(_entries(content, path))


def record(file: str | None, entries: Iterable[Entry]) -> None:
    """Adds entries to the ledger as `recorded` does, with nothing to wait for."""
    with recorded(file, entries):
        pass


@contextmanager
def recorded(file: str | None, entries: Iterable[Entry]) -> Iterator[None]:
    """Adds entries to the ledger, in one rename, before the block; takes them back if it fails.

    Raises:
        LedgerError: if a line there does not follow from the one before it: nothing is added.
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
            # A disk that is full half-way through a line would leave a ledger that looks changed.
            held.enter_context(replaced({path: content + lines}))
        yield


def void_joins(org: str | None = None) -> dict[str, str]:
    """Returns why joins are void, by the id of the joint run: the key of an offer in it is.

    Joins are recorded beside the keys; with `org`, those of its offers alone are returned.

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
    """Returns why something that rests on these runs is void, if one of them is; else nothing."""
    first = min((run_id for run_id in basis if run_id in void), default=None)
    return f"rests on the join {first}, which is void: {void[first]}" if first else ""


def revoked_basis(entry: Entry, revoked: Mapping[str, str]) -> str:
    """Returns why a partner's letter that an issue stands with was revoked; else nothing."""
    return next((revoked[each] for each in entry.rests_on_letters if each in revoked), "")


def _rests_on(entry: Entry, void: Mapping[str, str]) -> bool:
    return not {entry.run_id, *entry.built_on}.isdisjoint(void)


def outstanding(
    entries: Iterable[Entry],
    withdrawn: Iterable[str],
    void: Mapping[str, str] = NOTHING_VOID,
    revoked: Mapping[str, str] = NOTHING_VOID,
) -> list[Outstanding]:
    """Returns the issues that name a withdrawn identifier and were not corrected about it since.

    A correction takes back what was issued before it; what is issued again counts again. A package
    that supersedes another one takes back what it does not name itself. All that an issue names is
    withdrawn where it rests on a join that is void, was made of one whose offer was revoked or
    answers from it, or was made with a consent that was revoked; in the latter cases a superseding
    package takes the place of all.

    Args:
        entries: of the ledger, in their order.
        withdrawn: ids without epochs.
        void: why joins are void, by the id of the joint run.
        revoked: the same of joins with an offer that its sender took back, on which decisions hold,
            and of consents, by the SHA-256 of the letter.
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
    """Returns what a finished run withheld, by the flags of `REGISTER_FLAGS`.

    Raises:
        UsageError: for a secret or a register that cannot be used.
    """
    from transforms.custody import PrivateStore
    from transforms.write import withheld_by_run

    source = key_store.register_source(register_key, use=not no_register, runs=[run.folder])
    private = PrivateStore(key_store.private_key())
    return withheld_by_run(run.folder, run.manifest, source, private)


def hold_back(run: Run, folder: str, files: Mapping[str, bytes], values: WithheldValues) -> None:
    """Puts those of some files that name withheld values into the private folder of their run.

    Args:
        run: of which they were made.
        folder: they are: the name of a folder.
        files: by name.
        values: that the run withheld.

    Raises:
        UsageError: if there is one: nobody must give it out.
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
    """Yields the entries of a whole ledger, each once its place in the chain is checked."""
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
    """Parses a line that follows the one with the digest `previous`; None if it does not."""
    try:
        fields = parse_canonical_json(line)
        follows = fields.pop("previous", None) == previous
        return read_record(Entry, fields) if follows else None
    except (LetterError, RecordError, AttributeError, TypeError):
        return None
