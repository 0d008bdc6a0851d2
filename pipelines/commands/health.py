"""`ringtrace health RUN`: checks a finished run against thresholds, for a scheduler's alarm."""

from __future__ import annotations

import stat
from argparse import Namespace
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pipelines.commands import correct
from pipelines.ledger import LEDGER_FLAG, LedgerError
from pipelines.letters.accepted_offers import void_offers
from pipelines.letters.signed_files import time_of
from pipelines.options import PEOPLE_FLAG, REGISTER_FLAGS, SHARE, Row, add_notice, all_of, flag, say
from pipelines.people import read_people
from pipelines.user_files import known_keys, open_run, read_decisions, signer_problem, void_run
from reports.run import Custody, Run
from reports.text import quantity
from schemas.decision import ACCUSING_DECISIONS
from schemas.enums import RecordKind
from schemas.manifest import EntryStatus
from schemas.reject import Code
from schemas.tables import HELD_FOLDER, VICTIMS
from transforms.custody import (
    NOT_WRITTEN,
    REPLACED_IDENTIFIERS,
    AlteredRunError,
    PrivateFileError,
    check_private,
    faulty_rows,
    find_added,
    find_altered,
    private_root,
)
from transforms.decisions import cohens_kappa, judged_by_two

REJECTED_SHARE = 0.01
"""Share of rejected rows above which a source has likely changed its format."""

DAMAGES = (Code.TRUNCATED_FILE, Code.UNREADABLE_FILE, Code.OVER_LIMIT)
"""Codes of rejects that stand for the rest of a file, or the whole file."""

MOST_ENTRIES = 20
"""Largest number of entries of a kind that get a line each."""

FALLEN_TO = 0.5
"""Share of the previous run's rows below which a delivery is likely missing."""


add_arguments = all_of(
    flag("run", "RUN", "folder of a finished run"),
    flag("--previous", "RUN", "an earlier run, to compare with"),
    flag(
        "--rejected-share",
        "SHARE",
        "largest share of rejected rows that passes (default: %(default)s)",
        type=SHARE,
        default=REJECTED_SHARE,
    ),
    flag(
        "--fallen-to",
        "SHARE",
        "smallest share of the previous run's rows that passes (default: %(default)s)",
        type=SHARE,
        default=FALLEN_TO,
    ),
    flag("--decisions", "FILE", "decisions in force now, beside those of the run"),
    PEOPLE_FLAG,
    LEDGER_FLAG,
    REGISTER_FLAGS,
    flag("--now", "TIME", "when decisions must be in force (default: now)"),
)
"""The flags of `ringtrace health`."""


def run(arguments: Namespace) -> int:
    """Prints a line for each problem of a run; returns 0 if there is none, else 1.

    Two kinds of lines are no problems: entries skipped below the inputs, and identifiers in
    replaced versions of records. The signer of the run, if any, is printed on stderr.
    """
    before = Run.open(arguments.previous, known_keys).manifest if arguments.previous else None
    finished = open_run(arguments.run)
    problems = [
        *find_changed_files(finished),
        *find_problems(
            finished.manifest,
            before,
            rejected_share=arguments.rejected_share,
            fallen_to=arguments.fallen_to,
        ),
        *find_private_problems(finished),
        *_void_offers(finished, time_of(arguments)),
        *_confirmed_and_gone(finished),
        *_corrections_due(finished, arguments),
    ]
    entries = finished.manifest.get("entries")
    if skipped := dict(entries["skipped"]) if entries else {}:
        reasons = ", ".join(f"{number} {reason}" for reason, number in skipped.items())
        say(f"skipped: {reasons}")
    replaced = finished.manifest["tallies"].get(REPLACED_IDENTIFIERS, {})
    for org, number in replaced.items():
        named = quantity(number, "identifier")
        say(f"{REPLACED_IDENTIFIERS}: {org}: {named} gone with replaced versions of records")
    say(*_agreement(arguments))
    custody = finished.custody or Custody()
    if custody.org == "":
        add_notice(f"{finished.folder}: is signed with your own key {custody.key_id}")
    say(*problems or ["well"])
    return 1 if problems else 0


def find_problems(
    manifest: Row,
    before: Row | None = None,
    rejected_share: float = REJECTED_SHARE,
    fallen_to: float = FALLEN_TO,
) -> Iterator[str]:
    """Yields the problems of a run that a person should look at.

    Args:
        manifest: the run's manifest.
        before: the manifest of the previous run.
        rejected_share: largest acceptable share of rejected rows.
        fallen_to: smallest acceptable share of the rows of `before`.
    """
    if not any(count["read"] for count in manifest["counts"].values()):
        yield "empty: no row was read; did the delivery come?"
    for kind, count in manifest["counts"].items():
        faulty = faulty_rows(manifest, kind)
        if faulty > rejected_share * count["read"]:
            share = f"{faulty / count['read']:.1%}"
            yield f"rejected: {faulty} of {count['read']} {kind} ({share}); see rejects/"
        earlier = before["counts"][kind]["read"] if before else 0
        if count["read"] < fallen_to * earlier:
            yield f"fallen: {count['read']} {kind}, {earlier} in the run before"
    yield from _input_problems(manifest)
    if before and _keeps_register(before) and not _keeps_register(manifest):
        yield "register: the run before kept a victim register, this one keeps none"
    for alarm in manifest["alarms"]:
        yield f"{alarm['code']}: {alarm['message']}"


def _input_problems(manifest: Row) -> Iterator[str]:
    """Yields the inputs that were read in part, not at all, or without result."""
    entries = manifest.get("entries") or {"unreadable": 0, "listed": []}
    shown = [entry for entry in entries["listed"] if entry["status"] == EntryStatus.UNREADABLE]
    for entry in shown[:MOST_ENTRIES]:
        yield f"unreadable: {entry['name']!a} {entry['reason']}; its records are in no cluster"
    if entries["unreadable"] > MOST_ENTRIES:
        yield f"unreadable: {entries['unreadable'] - MOST_ENTRIES} more entries below the inputs"
    vain = [file for file in manifest["inputs"] if 0 < file["rows"] == file.get("rejected")]
    for entry in vain[:MOST_ENTRIES]:
        yield f"in_vain: every row of {entry['name']!a} was rejected; see rejects/"
    if len(vain) > MOST_ENTRIES:
        yield f"in_vain: every row of {len(vain) - MOST_ENTRIES} more inputs was rejected"
    for kind in RecordKind:
        codes = manifest["tallies"].get(f"{kind}_rejects", {})
        if damaged := sum(codes.get(code, 0) for code in DAMAGES):
            yield f"damaged: {damaged} {kind} files or parts are cut off or corrupt; see rejects/"


def find_changed_files(run: Run) -> Iterator[str]:
    """Yields the files that changed since the run wrote them, by all their digests."""
    manifest = run.manifest
    listed = [file for file in manifest["outputs"] if not file["name"].startswith("private/")]
    changed = [*find_altered(run.folder, listed), *find_added(run.folder, manifest)]
    for name, why in changed[:MOST_ENTRIES]:
        yield f"altered: {ascii(name)[1:-1]} {NOT_WRITTEN}: {why}"
    if len(changed) > MOST_ENTRIES:
        yield f"altered: {len(changed) - MOST_ENTRIES} more files"
    if problem := signer_problem(run):
        yield f"unknown_key: {problem}"


def find_private_problems(run: Run) -> Iterator[str]:
    """Yields held-back files, and private files that are gone, changed, or readable by others."""
    folder, manifest = run.folder, run.manifest
    root = private_root(folder, manifest)
    for name in _withheld_files(root, manifest):
        yield f"held: {ascii(name)[1:-1]} names what the run withheld; see docs/operations.md"
    if "://" in root:
        return  # an object store has its own access rules
    try:
        check_private(folder, manifest)
    except (AlteredRunError, PrivateFileError) as error:
        yield f"altered: {error}"
    for file in manifest.get("private", ()):
        path = Path(root, file["name"])
        if not path.is_file():
            yield f"private: {file['name']} is gone; make the run again"
        elif path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            yield f"private: others can read {file['name']}; run chmod -R go-rwx {root}/private"


def _withheld_files(folder: str, manifest: Row) -> list[str]:
    """Returns the files that the run, or a later command on it, held back."""
    listed = {str(file["name"]) for file in manifest.get("private", ())}
    paths = Path(folder, HELD_FOLDER).rglob("*") if "://" not in folder else ()
    there = {str(path.relative_to(folder)) for path in paths if path.is_file()}
    return sorted({name for name in listed if name.startswith(f"{HELD_FOLDER}/")} | there)


def _keeps_register(manifest: Row) -> bool:
    return any(file["name"].startswith(f"{VICTIMS.name}/") for file in manifest.get("private", ()))


def _agreement(arguments: Namespace) -> Iterator[str]:
    """Yields how far two people who judged the same evidence agreed, and each disagreement."""
    people = read_people(arguments.people)
    decisions = read_decisions(arguments.decisions, people, with_journal=False)
    pairs = judged_by_two(decisions, people)
    verdicts = [tuple(each.kind in ACCUSING_DECISIONS for each in pair) for pair in pairs]
    if pairs:
        kappa = cohens_kappa(verdicts)
        agreed = "undefined: all verdicts are alike" if kappa is None else f"{kappa:.2f}"
        yield f"agreement: {len(pairs)} judged by two people; Cohen's kappa {agreed}"
    for (first, second), verdict in zip(pairs, verdicts, strict=True):
        if len({*verdict}) > 1:
            yield f"disagreement: {first.decision_id} and {second.decision_id}"


def _void_offers(finished: Run, now: datetime) -> Iterator[str]:
    """Yields the offers in a joint run that are no longer in force."""
    if finished.offers:
        void = void_offers(finished, now)
        for offer in finished.offers:
            if why := void.get(offer["sha256"]):
                yield f"void_offer: the offer of {offer['sender']} is {why}; join without it"
    elif why := void_run(finished):
        yield f"void_join: it {why}"


def _confirmed_and_gone(finished: Run) -> Iterator[str]:
    """Yields the number of confirmed identifiers that are suppressed without an analyst's word."""
    if gone := correct.confirmed_but_suppressed(finished):
        yield (
            f"confirmed_suppressed: {quantity(len(gone), 'identifier')} that analysts confirmed or "
            "reviewed, suppressed by a list, a count or an unsigned decision; see "
            "entities.reason, and decide legitimate where it is right"
        )


def _corrections_due(finished: Run, arguments: Namespace) -> Iterator[str]:
    """Yields offers and packages that name an identifier withdrawn since."""
    if finished.manifest["options"].get("trial"):
        add_notice(f"{finished.folder}: is a trial: it does not check what was issued")
        return
    try:
        issues, reasons = correct.issues_due(finished, arguments, time_of(arguments))
    except LedgerError as error:
        yield f"ledger: {error}"
        return
    yield from correct.issue_lines(issues, reasons)
