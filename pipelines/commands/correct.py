"""`ringtrace correct RUN`: corrects offers and packages that name identifiers withdrawn since.

A decision (legitimate, dispute, victim_owned) can withdraw an identifier that has already left in
an offer or a package. A dispute withdraws all members that it covers. `ringtrace health` lists the
offers and packages concerned, from the ledger. This command signs a correction for each recipient
and records it in the ledger.
"""

from __future__ import annotations

from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipelines import key_store, ledger
from pipelines.batch.join import known_legitimate_of_run, orgs_of_run
from pipelines.ledger import LEDGER_FLAG, OWN_ORG_FLAG, SIGNING_FLAGS, Entry, EntryKind, Outstanding
from pipelines.letters import accepted_offers, own_victims, signed_files
from pipelines.letters.signed_files import CORRECTION, REVOCATION
from pipelines.options import REGISTER_FLAGS, Json, all_of, flag, say
from pipelines.user_files import (
    bind_to_previous,
    contested_values,
    free_folder,
    open_run,
    read_decisions,
)
from reports import signing, tables
from reports.run import Run
from reports.text import plain, quantity
from schemas.decision import REVIEWING_DECISIONS, DecisionKind
from schemas.entity import is_withheld, without_epoch
from schemas.enums import Status
from schemas.offer import CorrectedIssue, Correction, Revocation, StruckIdentifier
from schemas.tables import DECISIONS, ENTITIES
from transforms.extract import KnownLegitimate

if TYPE_CHECKING:
    from transforms.write import WithheldValues

LAST_MOMENT = "9999-12-31T00:00:00Z"
"""The time of a run whose manifest has none, as an early version wrote it."""

VOID_JOIN = "rests on a void join"
"""The reason for taking back everything that an offer or package names."""

CORRECTION_TEXT = "correction.txt"


@dataclass(frozen=True)
class Withdrawal:
    """A decision in force. A legitimate, dispute or victim_owned takes its identifier back.

    It does so in all epochs. A dispute also takes back the `members` that it covers.
    """

    kind: str
    entity_id: str
    decision_id: str
    members: Iterable[str] = ()


add_arguments = all_of(
    flag("run", "RUN", "folder of a finished run of your own"),
    flag("--decisions", "FILE", "the decisions that are in force now", required=True),
    flag("--output", "DIR", "new folder, with one for each recipient", required=True),
    OWN_ORG_FLAG,
    LEDGER_FLAG,
    REGISTER_FLAGS,
    SIGNING_FLAGS,
)
"""The flags of `ringtrace correct`."""


def run(arguments: Namespace) -> int:
    """Writes the corrections and records them; returns the exit status 0.

    Raises:
        UsageError: for a run, decisions or a folder that cannot be used.
        LedgerError: if the ledger was changed.
    """
    free_folder(arguments.output)
    finished = open_run(arguments.run, built_on=True)
    now = signed_files.time_of(arguments)
    sender = sender_of_run(arguments.sender, finished)
    issues, _ = issues_due(finished, arguments, now)
    if not issues:
        return say("nothing that was issued names what was withdrawn since, or is void")
    values = ledger.values_withheld(
        finished, arguments.register_key, no_register=arguments.no_register
    )
    issue_corrections(issues, sender, finished, values, arguments, now)
    return 0


def issues_due(
    finished: Run, arguments: Namespace, now: datetime
) -> tuple[list[Outstanding], dict[str, str]]:
    """Returns the issues to correct, and why identifiers were withdrawn.

    For what was issued after the run was made, only the decisions in force now count.

    Args:
        finished: the run.
        arguments: the flags `run`, `decisions`, `ledger` and `REGISTER_FLAGS`.
        now: when decisions must be in force.

    Raises:
        UsageError: for decisions, a ledger or a register that cannot be used.
        LedgerError: if the ledger was changed.
    """
    entries = ledger.read_ledger(arguments.ledger)
    void, revoked = ledger.void_joins(), accepted_offers.revoked_letters()
    made = datetime.fromisoformat(finished.manifest.get("clock", LAST_MOMENT))
    named = sorted({bare for entry in entries for bare in entry.bare})
    decided = decided_on(named, in_force(arguments.decisions, finished, now))
    reasons = withdrawn(named, finished, arguments) | decided
    issues = [
        issue
        for newer, wrong in ((False, reasons), (True, decided))
        for issue in ledger.outstanding(entries, wrong, void, revoked)
        if (datetime.fromisoformat(issue.entry.at) > made) == newer
    ]
    return issues, reasons


def issue_corrections(
    taken_back: Iterable[Outstanding],
    sender: str,
    finished: Run,
    values: WithheldValues,
    arguments: Namespace,
    now: datetime,
) -> None:
    """Signs, prints and records a correction for each recipient.

    Args:
        taken_back: the issues to correct.
        sender: slug of the organisation that issued them.
        finished: the run whose decisions and lists withdraw the identifiers.
        values: values that this run withheld. A correction may name only those that it takes back,
            since its recipient has them.
        arguments: the flags `output` (a new folder), `key` and `ledger`.
        now: when the corrections are issued.

    Raises:
        UsageError: for a key, a ledger or a folder that cannot be used, and for a correction that
            names a value that must not leave.
    """
    from transforms.write import without_ids

    output, when = free_folder(arguments.output), signed_files.utc_text(now)
    key = key_store.own_key(arguments.key)
    by_recipient: defaultdict[str, list[Outstanding]] = defaultdict(list)
    struck: set[str] = set()
    of_hubs: list[str] = []
    for issue in taken_back:
        recipient = issue.entry.recipient
        if issue.entry.kind == EntryKind.SUBMISSION:
            of_hubs.append(
                f"{issue.entry.issue_id}: the hub {recipient} alone can take it back; run "
                "ringtrace exchange hub withdraw"
            )
            continue
        by_recipient[recipient].append(issue)
        struck.update(map(without_epoch, issue.identifiers))
    made = {
        recipient: _files((sender, recipient, when), issues, key)
        for recipient, issues in sorted(by_recipient.items())
    }
    for recipient, files in made.items():
        ledger.hold_back(finished, f"correction/{recipient}", files, without_ids(values, struck))
    for recipient, files in made.items():
        for name, content in files.items():
            signed_files.write_signed(output / recipient, name, content, key)
        say(*_summary(output / recipient, by_recipient[recipient]))
    entries = [
        Entry(
            at=when,
            kind=EntryKind.CORRECTION,
            recipient=issue.entry.recipient,
            sha256=issue.entry.sha256,
            run_id=finished.run_id,
            identifiers=issue.identifiers,
        )
        for issues in by_recipient.values()
        for issue in issues
    ]
    ledger.record(arguments.ledger, entries)
    say(*of_hubs)


def in_force(path: str | None, finished: Run, now: datetime) -> list[Withdrawal]:
    """Returns the withdrawals by decisions of a file that were made by `now` and have not expired.

    A decision that is not bound covers what the finished run shows.

    Raises:
        UsageError: for a file or a run that cannot be used.
    """
    return [
        Withdrawal(decision.kind, decision.entity_a, decision.decision_id, decision.members or ())
        for decision in bind_to_previous(read_decisions(path), finished.folder)
        if decision.decided_at <= now and (decision.expires_at is None or decision.expires_at > now)
    ]


def withdrawn(left: list[str], finished: Run, arguments: Namespace) -> dict[str, str]:
    """Returns why identifiers that have left must no longer be used, by id without epoch.

    Args:
        left: identifiers that have left.
        finished: a run. Its known-legitimate list and the decisions in force in it withdraw.
        arguments: `REGISTER_FLAGS` of the run's victim register, which has its `victim_owned`.
    """
    if not left and arguments.register_key is None:
        return {}
    register = key_store.register_source(
        arguments.register_key, use=not arguments.no_register, runs=[arguments.run]
    )
    reasons = dict.fromkeys(_listed(left, known_legitimate_of_run(finished)), "known legitimate")
    reasons |= dict.fromkeys(own_victims.ids_in_register(left, register), "in the victim register")
    return reasons | decided_on(left, _decided_in_run(finished))


def decided_on(left: list[str], decisions: Iterable[Withdrawal]) -> dict[str, str]:
    """Returns the decision that withdraws an identifier, by identifier."""
    return {
        each: f"{decision.kind} {decision.decision_id}"
        for decision in decisions
        for each in _covered(left, decision)
    }


def issue_lines(issues: Iterable[Outstanding], reasons: Mapping[str, str]) -> Iterator[str]:
    """Yields a line for each issue to correct, without identifiers: they can be a victim's."""
    for issue in issues:
        whole = issue.why or VOID_JOIN
        why = sorted({reasons.get(without_epoch(each), whole) for each in issue.identifiers})
        named = quantity(len(issue.identifiers), "identifier")
        to_hub = issue.entry.kind == EntryKind.SUBMISSION
        command = "exchange hub withdraw" if to_hub else "correct"
        yield (
            f"correction: {issue.entry.issue_id} of {issue.entry.at} to {issue.entry.recipient} "
            f"names {named} withdrawn since ({', '.join(why)}); run ringtrace {command}"
        )


def _covered(left: list[str], decision: Withdrawal) -> Iterable[str]:
    """Returns the identifiers, without epochs, that a decision takes back."""
    entity_id = without_epoch(decision.entity_id)
    if decision.kind == DecisionKind.LEGITIMATE:
        return _listed(left, KnownLegitimate({entity_id: ""}))
    if decision.kind == DecisionKind.DISPUTE:
        members = set(map(without_epoch, decision.members))
        return [each for each in left if each == entity_id or each in members]
    if decision.kind == DecisionKind.VICTIM_OWNED:
        scheme, _, number = entity_id.partition(":")
        phones = [number] if scheme == "phone" else []
        return own_victims.ids_naming(left, phones, [entity_id])
    return []


def _decided_in_run(finished: Run) -> list[Withdrawal]:
    """Returns the decisions in force in a run, except those on withheld victims' identifiers.

    A decision on an identifier that became contested since stays in force.
    """
    own = contested_values(finished)
    withdrawals = (
        Withdrawal(row["kind"], entity_id, row["decision_id"], members)
        for row in _rows_in_force(finished)
        for entity_id, *members in [[own.get(e, e) for e in (row["entity_a"], *row["members"])]]
    )
    return [decision for decision in withdrawals if not is_withheld(decision.entity_id)]


def _rows_in_force(finished: Run) -> list[Json]:
    try:
        return tables.read_table(finished, DECISIONS, where=pc.field("in_force")).to_pylist()
    except FileNotFoundError:  # a run older than bound decisions, or a stream's snapshot
        return []


def confirmed_but_suppressed(finished: Run) -> list[str]:
    """Returns identifiers that decisions in force accuse, but a list or a count suppresses.

    A list names no author. A `legitimate` decision names its author, and clears its identifiers.
    An unsigned `legitimate` decision does not outweigh a signed accusing decision.
    """
    rows = _rows_in_force(finished)
    accusing = [row for row in rows if row["kind"] in REVIEWING_DECISIONS]
    accused = sorted({member for row in accusing for member in row["members"]})
    if not accused:
        return []
    # The known-legitimate list covers all epochs of a number: it has one row, without an epoch.
    ids = tables.among("entity_id", {*accused, *map(without_epoch, accused)})
    entities = tables.read_table(finished, ENTITIES, ["entity_id", "status"], ids).to_pylist()
    status = {entity["entity_id"]: entity["status"] for entity in entities}
    gone = {
        entity_id: bare
        for entity_id in accused
        for bare in [without_epoch(entity_id)]
        if status.get(entity_id, status.get(bare)) == Status.SUPPRESSED
    }
    signed = {member for row in accusing if row["signed_by"] for member in row["members"]}
    for row in rows:
        if row["kind"] == DecisionKind.LEGITIMATE:
            decision = Withdrawal(DecisionKind.LEGITIMATE, row["entity_a"], "")
            cleared = set(_covered(list(gone.values()), decision))
            gone = {
                entity_id: bare
                for entity_id, bare in gone.items()
                if bare not in cleared or (entity_id in signed and not row["signed_by"])
            }
    return list(gone)


def _listed(left: list[str], known: KnownLegitimate) -> list[str]:
    reasons = known.reasons(pa.array(left, pa.string())).to_pylist()
    return [entity_id for entity_id, why in zip(left, reasons, strict=True) if why is not None]


def sender_of_run(org: str | None, finished: Run) -> str:
    """Returns the own slug: `--from ORG`, or the run's only organisation."""
    if org is not None:
        return key_store.org_slug(org)
    return signed_files.own_org(None, orgs_of_run(finished), finished.folder)


def _files(
    parties: tuple[str, str, str], issues: list[Outstanding], key: Ed25519PrivateKey
) -> dict[str, bytes]:
    """Returns the correction for a recipient, and the revocation of its offers, by file name."""
    corrected = (
        CorrectedIssue(
            kind=entry.kind,
            issue_id=entry.issue_id,
            sha256=entry.sha256,
            reference=entry.reference,
            issued_at=entry.at,
            strike=tuple(
                StruckIdentifier(each, entry.files_naming(each))
                for each in sorted(issue.identifiers)
            ),
        )
        for issue in issues
        for entry in [issue.entry]
    )
    correction = Correction(*parties, tuple(corrected))
    text = "\n".join(correction_lines(correction)) + "\n"
    files = {CORRECTION: signing.letter_bytes(correction, key), CORRECTION_TEXT: text.encode()}
    if offers := _offers(issues):
        files[REVOCATION] = signing.letter_bytes(Revocation(*parties, offers), key)
    return files


def correction_lines(correction: Correction) -> Iterator[str]:
    """Yields a correction as lines, with hostile text made harmless."""
    yield f"correction by {correction.sender} for {correction.recipient}"
    yield f"issued {correction.issued_at}"
    for issue in correction.issues:
        yield ""
        yield f"{issue.issue_id}, issued {issue.issued_at} {plain(issue.reference, 200)}".rstrip()
        yield f"  SHA-256 {issue.sha256}"
        if issue.kind == "offer":
            yield "  is revoked: use nothing of it"
        yield "  strike, and do not act on:"
        for struck in issue.strike:
            yield f"    {plain(struck.entity_id, 400)}"
            if struck.files:
                yield f"      in {plain(', '.join(struck.files), 2000)}"


def _offers(issues: Iterable[Outstanding]) -> tuple[str, ...]:
    return tuple(
        sorted(issue.entry.sha256 for issue in issues if issue.entry.kind == EntryKind.OFFER)
    )


def _summary(folder: Path, issues: list[Outstanding]) -> Iterator[str]:
    named = ", ".join(issue.entry.issue_id for issue in issues)
    yield f"{folder}: corrects {named}; send all of it"
    if _offers(issues):
        yield f"  {REVOCATION}: the recipient gives it to ringtrace exchange join"
    for issue in issues:
        if issue.entry.kind == EntryKind.PACKAGE:
            yield f"  then ringtrace referral ... --supersedes {issue.entry.issue_id}"
