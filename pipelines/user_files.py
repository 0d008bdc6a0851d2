"""Reads the files that a user names, such as lists and decisions, and checks folders to write to.

The module is long because all these files share errors, and all runs share checks of signers.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pipelines import key_store, ledger
from pipelines.key_store import own_public_keys, private_key, trusted_keys
from pipelines.options import Json, UsageError, add_notice, system_errors, usage_errors
from pipelines.safe_files import locked
from reports import signing, tables
from reports.run import Custody, Run, private_table
from schemas.decision import ACCUSING_DECISIONS, REVIEWING_DECISIONS, DecisionKind, members_digest
from schemas.enums import Tier
from schemas.extras import install_command
from schemas.mapping import MapError, RecordMap, parse_map
from schemas.records import Record, RecordError, between, one_of, read_toml_record
from schemas.tables import CONTESTED, DECISIONS, ENTITIES, MEMBERS
from transforms.custody import RunError, current_time, files_of
from transforms.extract import (
    KnownLegitimate,
    LegitimateListError,
    parse_allowlist,
    shipped_allowlist,
)
from transforms.gates import read_bytes
from transforms.graph import PriorityWeights, shipped_weights
from transforms.values import SourceRules, parse_source_rules, shipped_source_rules

if TYPE_CHECKING:
    from transforms.decisions import Decision, People
    from transforms.read import ReadOptions


MOST_TEXT_BYTES = 32 * 1024 * 1024
"""Largest list or settings file of a user, in bytes, as it is read whole."""

POLICY_FILE = "policy.toml"

LAST_ROWS_FILE = "decisions.json"
"""The file of the last row that was signed here in each decisions file."""


OVERRIDE = "override"


class CustodyPolicy(Record):
    """Rules of an organisation for its own people and its partners: policy.toml beside its keys.

    Attributes:
        two_people: Kinds of decisions that count only once two people made them, each with their
            own key; also `override`, of a referral.
        require_signed_decisions: Refuse a decision that was typed by hand.
        longest_offer_days: Refuse an offer that is valid for longer.
        least_shared_count: Answer no request that may show a smaller count of shared victims.
        overlap_answers_per_year: Most answers to one organisation in 365 days.
        most_people_of_sender: Most reporters that count for a link in a join, from one sender's
            offer or one contributor to a hub.
    """

    two_people: frozenset[Annotated[str, one_of((*ACCUSING_DECISIONS, OVERRIDE))]] = frozenset()
    require_signed_decisions: bool = False
    longest_offer_days: Annotated[int, between(1, 366)] = 366
    least_shared_count: Annotated[int, between(3, 1_000)] = 3
    overlap_answers_per_year: Annotated[int, between(1, 365)] = 26
    most_people_of_sender: Annotated[int, between(1, 1_000)] = 8


def custody_policy() -> CustodyPolicy:
    """Reads policy.toml beside the keys; without it, the default rules apply.

    Raises:
        UsageError: for a file that cannot be used, or that others can write.
    """
    path = key_store.home() / POLICY_FILE
    if not path.exists():
        return CustodyPolicy()
    key_store.check_closed(path)
    with usage_errors(RecordError):
        return read_toml_record(CustodyPolicy, read_text(str(path)), str(path))


def who_answers(name: str, second: str | None, key: str | None) -> str:
    """Returns the names that answer for an override: one person, or two with different keys.

    Raises:
        UsageError: if the policy asks for two people, or the second is the first or has no known
            key.
    """
    if second is None and key is None:
        if OVERRIDE in custody_policy().two_people:
            raise UsageError(
                "--override-by: your policy asks for two people; give --second NAME and "
                "--second-key FILE, too"
            )
        return name
    if second is None or key is None:
        raise UsageError("--second and --second-key go together: give a name, and their key")
    own, known = key_store.own_public_key(), key_store.own_public_keys()
    known += [each for keys in key_store.trusted_keys().values() for each in keys]
    theirs = signing.key_id(key_store.own_key(key).public_key())
    if theirs not in map(signing.key_id, known) or (own and theirs == signing.key_id(own)):
        raise UsageError(f"{key}: is no other key that you trust; see ringtrace keys trust")
    if not second.strip() or second.casefold().split() == name.casefold().split():
        raise UsageError("--second: give the name of another person than the author")
    return f"{name.strip()} and {second.strip()}"


UNSIGNED = "the digests of an unsigned run, as they were when it was opened"
"""For an unsigned run: the digests that its tables are compared with before a decision."""

MOST_RULES_BYTES, MOST_DECISIONS_BYTES = 1024 * 1024, 8 * 1024 * 1024
"""Largest file of source rules, which every process of a run keeps, and of decisions, in bytes."""


def free_folder(name: str | Path) -> Path:
    """Returns the path of a new or empty folder to write to; makes nothing.

    Raises:
        UsageError: if the folder has files, or cannot be made.
    """
    folder = Path(name)
    with system_errors(name, "name another folder"):
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(f"{name}: exists and is not an empty folder; name a new one")
        above = next(parent for parent in (folder, *folder.absolute().parents) if parent.exists())
        if not above.is_dir():
            raise UsageError(f"{name}: {above} is not a folder; name another one")
    return folder


def read_text(path: str, most: int = MOST_TEXT_BYTES) -> str:
    """Reads a UTF-8 file, local or in an object store.

    Raises:
        UsageError: if it cannot be read, or has more than `most` bytes.
    """
    try:
        with system_errors(path, "give a file that can be read"):
            if "://" in path:
                import apache_beam.io.filesystems  # noqa: F401 - the reader asks what is loaded
            content = read_bytes(path, most)
        return io.TextIOWrapper(io.BytesIO(content), "utf-8-sig").read()
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text; save it as UTF-8") from None
    except ValueError:
        # Beam has no file system for the scheme if the library for it is missing.
        raise UsageError(
            f"{path}: no access to such a store; for gs:// {install_command('gcp')}"
        ) from None


def read_passport_keys(paths: Iterable[str]) -> tuple[str, ...]:
    """Reads public keys in PEM; raises UsageError for a file without a key."""
    texts = []
    for path in paths:
        texts.append(read_text(path))
        _check_reading(path, passport_keys=(texts[-1],))
    return tuple(texts)


def read_maps(paths: Iterable[str]) -> tuple[RecordMap, ...]:
    """Reads maps of files; raises UsageError for an unusable map, or two maps of a kind."""
    maps: list[RecordMap] = []
    for path in paths:
        with usage_errors(MapError):
            maps.append(parse_map(read_text(path), path))
        _check_reading(path, maps=tuple(maps))
    return tuple(maps)


def _check_reading(path: str, **settings: Any) -> None:
    """Raises UsageError for unusable settings of reading; `path` is their file."""
    from transforms.read import InputError, ReadOptions, plan_input_files  # with Beam

    try:
        plan_input_files((), (), ReadOptions(**settings))
    except InputError as error:
        if "passport_keys" not in settings:
            raise UsageError(str(error)) from None
        raise UsageError(f"{path}: {error.problem}; {error.remedy}") from None


def recorded_reading(paths: Iterable[str], reading: ReadOptions) -> Json:
    """Returns the manifest's entries for maps and the victims' country; nothing without them.

    `assumed_utc` names the maps whose times may lack a zone, if no zone is given.
    """
    country = {"victim_country": reading.victim_country} if reading.victim_country else {}
    if not reading.maps:
        return country
    assumed = [Path(mapping.name).name for mapping in reading.maps if mapping.assumes_zone]
    return country | {
        "maps": [file_digest(path) for path in paths],
        "timezone": reading.timezone,
        "assumed_utc": [] if reading.timezone else assumed,
    }


def without_void_joins(decisions: Iterable[Decision]) -> tuple[Decision, ...]:
    """Returns decisions; accusing decisions that were made on a void join lose their effect.

    Protecting decisions stay in force.
    """
    void = _void_joins()
    return tuple(
        replace(decision, void=f"was made on a join that is void: {void[decision.run_id]}")
        if decision.void is None and decision.kind in ACCUSING_DECISIONS and decision.run_id in void
        else decision
        for decision in decisions
    )


def file_digest(path: str | None) -> dict[str, str] | None:
    """Returns the name and the SHA-256 of a file for the manifest, or None without a file."""
    if path is None:
        return None
    digest = hashlib.sha256(read_text(path).encode()).hexdigest()
    return {"name": Path(path).name, "sha256": digest}


def read_known_legitimate(paths: Iterable[str]) -> KnownLegitimate:
    """Reads the shipped list and the user's lists; raises UsageError for an unusable list."""
    known = shipped_allowlist()
    for path in paths:
        with usage_errors(LegitimateListError):
            known = known.merged(parse_allowlist(read_text(path), path))
    return known


def read_decisions(
    path: str | None,
    people: People | None = None,
    *,
    two_person: bool = False,
    as_of: datetime | None = None,
    with_journal: bool = True,
) -> tuple[Decision, ...]:
    """Reads the decisions of a file, if there is one, as `parse_decisions_text` does.

    With the journal, it adds a notice if decisions wait there because a user's server died.
    """
    from pipelines.journal import unrecorded  # with Beam, as below
    from transforms.decisions import WAITS

    if path is None:
        return ()
    # Read before the file, so that a row signed meanwhile does not seem to be missing.
    ends = last_rows()
    text = read_text(path, MOST_DECISIONS_BYTES)
    decisions = parse_decisions_text(text, path, people, two_person=two_person, as_of=as_of)
    check_last_row(decisions, path, ends)
    # A second person must not know which decisions wait.
    if waiting := sum(decision.void == WAITS for decision in decisions):
        sys.stderr.write(f"ringtrace: {path}: {waiting} of its decisions {WAITS}\n")
    void = (decision for decision in decisions if decision.void not in (None, WAITS))
    sys.stderr.writelines(
        f"ringtrace: {path}: {decision.decision_id} {decision.void}\n" for decision in void
    )
    if with_journal and (line := unrecorded(path)):
        sys.stderr.write(f"ringtrace: {line}\n")
    return decisions


def parse_decisions_text(
    text: str,
    path: str,
    people: People | None = None,
    *,
    two_person: bool = False,
    as_of: datetime | None = None,
) -> tuple[Decision, ...]:
    """Parses a decisions file, and checks its signatures, its chain and the policy.

    Args:
        text: text of the file.
        path: path of the file, for errors.
        people: people with their keys and roles, if known.
        two_person: whether two people must make decisions that review members, besides the policy.
        as_of: time by which the second person must have decided.

    Raises:
        UsageError: for a row that cannot be used, that was edited, removed or moved after signing,
            or that the policy refuses.
    """
    from transforms.decisions import (  # with Beam, which not every command needs
        NOBODY,
        DecisionError,
        DecisionSigner,
        await_second_person,
        parse_decisions,
        signed_by_their_authors,
    )

    signers = {
        signing.key_id(key): DecisionSigner(
            partial(_holds, key), key_store.validity(org, signing.key_id(key)).revoked_since
        )
        for org, keys in [*key_store.trusted_keys().items(), (None, key_store.own_public_keys())]
        for key in keys
    }
    with usage_errors(DecisionError):
        rows = parse_decisions(text, path, signers)
    people = people or NOBODY
    rows = signed_by_their_authors(without_void_joins(rows), people)
    policy = custody_policy()
    typed = [row for row in rows if row.signature is None or row.signature.key_id not in signers]
    if policy.require_signed_decisions and typed:
        raise UsageError(
            f"{path}: {typed[0].decision_id} is signed by no key that is known here, and your "
            "policy takes no such row; make it with ringtrace decide"
        )
    rows = await_second_person(rows, policy.two_people, as_of=as_of)
    kinds = REVIEWING_DECISIONS if two_person else ()
    return await_second_person(rows, kinds, people, as_of)


def _holds(key: Ed25519PublicKey, signature: bytes, content: bytes) -> bool:
    try:
        key.verify(signature, content)
    except InvalidSignature:
        return False
    return True


class SignedEnds(Record):
    """Digests of the first and the last row that were signed here in a decisions file."""

    first: str
    last: str


def last_rows() -> dict[str, SignedEnds]:
    """Reads the first and last signed rows of each decisions file, by its path."""
    path = key_store.home() / LAST_ROWS_FILE
    return key_store.read_kept(path, dict[str, SignedEnds], "put a copy of it in its place") or {}


def check_last_row(
    decisions: Iterable[Decision], path: str, rows: Mapping[str, SignedEnds]
) -> None:
    """Checks that a decisions file has the last row that was signed here in it.

    An old copy of the file under another name is checked, too. The chain by itself does not show
    that its end was cut off.

    Args:
        decisions: The file's decisions, read after `rows` or while the file is locked.
        path: The file.
        rows: The result of `last_rows`.

    Raises:
        UsageError: if the row is missing.
    """
    digests = {
        decision.signature.digest for decision in decisions if decision.signature is not None
    }
    own = rows.get(os.path.realpath(path))
    wanted = [own] if own else [row for row in rows.values() if row.first in digests]
    if wanted and not any(row.last in digests for row in wanted):
        raise UsageError(
            f"{path}: the last row that you signed in it ({wanted[0].last[:16]}) was removed or "
            "edited; restore the file from a copy, or give another name to a new one"
        )


def record_last_row(decisions: Iterable[Decision], path: Path) -> None:
    """Remembers the last signed row of a decisions file.

    Raises:
        UsageError: if that cannot be written.
    """
    signed = [decision.signature for decision in decisions if decision.signature is not None]
    first = next(signature.digest for signature in signed if not signature.previous)
    followed = {signature.previous for signature in signed}
    last = next(signature.digest for signature in signed if signature.digest not in followed)
    note = key_store.home() / LAST_ROWS_FILE
    with locked(note):
        key_store.write_kept(note, last_rows() | {str(path): SignedEnds(first, last)})


def check_continues(decisions: Iterable[Decision], path: str | None, folder: str | None) -> None:
    """Checks that decisions include all signed decisions of the finished run in `folder`, if any.

    Raises:
        UsageError: for the first missing decision.
    """
    if folder is None:
        return
    before = run_decisions(Run.open(folder))
    if before is not None:
        check_no_row_lost(decisions, path, before, folder)


def check_no_row_lost(
    decisions: Iterable[Decision], path: str | None, before: pa.Table, where: str
) -> None:
    """Checks that decisions include the signed BOUND_DECISION rows of `before`, from `where`.

    Raises:
        UsageError: for the first missing decision.
    """
    from transforms.decisions import lost_rows

    if lost := lost_rows(decisions, before):
        row = lost[0]
        raise UsageError(
            f"{path or '--decisions'}: lacks {row['decision_id']} ({row['kind']} by "
            f"{row['author']}), which {where} has and somebody signed: give the file with all its "
            "rows; to begin a new one, start without what knows the old one"
        )


def bind_to_previous(decisions: tuple[Decision, ...], folder: str | None) -> tuple[Decision, ...]:
    """Binds decisions to the evidence of the finished run in `folder`, if any.

    A decision that is bound in the run's decisions/ keeps that binding.
    """
    from transforms.decisions import BoundBy, bind, named_to_bind

    known = keep_bindings(decisions, folder)
    named = named_to_bind(known)
    if folder is None or not len(named):
        return known
    run = Run.open(folder)
    shown, interval = shown_entities(run, named)
    return bind(known, shown, interval, run.run_id, BoundBy.PREVIOUS)


def keep_bindings(decisions: tuple[Decision, ...], folder: str | None) -> tuple[Decision, ...]:
    """Returns decisions with their bindings in the finished run in `folder`, if any."""
    from transforms.decisions import taken_over

    if folder is None or all(decision.members is not None for decision in decisions):
        return decisions
    run = Run.open(folder)
    before = run_decisions(run)
    return taken_over(decisions, before, contested_values(run)) if before is not None else decisions


def open_run(folder: str | os.PathLike[str], *, built_on: bool = False, name: str = "") -> Run:
    """Opens a finished run; says once, on stderr, what it lacks or that it is void.

    Args:
        folder: folder of the run, or its object-store URL.
        built_on: whether something new will rest on the run. Its tables and private files are then
            compared with their digests, and its signature, if any, must be by a known key.
        name: text before the folder in errors, such as `--previous `.

    Raises:
        RunError: if it is no finished run.
        AlteredRunError: if a file was changed; names the first.
        UsageError: with `built_on`, if it is a trial, or an unknown key signed it.
    """
    run = Run.open(folder, known_keys)
    if built_on:
        if run.manifest["options"].get("trial"):
            raise UsageError(
                f"{name}{run.folder}: is a trial, and nothing is built on it; run without --trial"
            )
        check_signers(run, name)
        run.check_all()
    for note in (void_run(run), *run.notes):
        if note:
            add_notice(f"{name}{run.folder}: {note}")
    return run


def check_unchanged(run: Run) -> str:
    """Checks that an opened run is still unchanged in its folder.

    Returns:
        The digests that its tables were compared with, in words.

    Raises:
        AlteredRunError: if a file was changed; names the first.
        UsageError: if another run is there, or an unknown or void key signed it.
    """
    now = Run.open(run.folder, known_keys)
    check_signers(now)
    if (now.manifest, now.custody) != (run.manifest, run.custody):
        raise UsageError(
            f"{run.folder}: another run stands there than the one that was opened; open or serve "
            "it again, and read its evidence"
        )
    now.check_all()
    return "the signed manifest" if now.is_signed else UNSIGNED


def previous_run(folder: str | None, finished: Run) -> Run | None:
    """Opens the previous run: `folder`, or a folder beside the run with the previous run's id."""
    if folder is not None:
        return Run.open(folder)
    wanted = finished.manifest["options"].get("previous")
    beside = Path(finished.folder).resolve().parent
    with suppress(OSError):
        for path in sorted(beside.iterdir()) if wanted else ():
            with suppress(RunError):
                candidate = Run.open(path)
                if candidate.run_id == wanted:
                    return candidate
    return None


def rests_on(run: Run) -> tuple[str, ...]:
    """Returns the ids of the runs that a run rests on: itself, and runs that analysts saw.

    Analysts saw the runs on which they made the accusing decisions in force.
    """
    rows = run_decisions(run)
    if rows is None:
        return (run.run_id,)
    accuse = pa.array([str(kind) for kind in ACCUSING_DECISIONS])
    rows = rows.filter(pc.and_(rows["in_force"], pc.is_in(rows["kind"], accuse)))
    return tuple(sorted({run.run_id, *rows["run_id"].to_pylist()}))


def void_run(run: Run) -> str:
    """Returns why a run rests on a void join, if it does; else nothing."""
    for offer in run.offers:
        built = max(map(datetime.fromisoformat, (run.manifest["clock"], offer["issued_at"])))
        if why := key_store.void_reason(offer["sender"], offer["key_id"], built):
            return f"the offer of {offer['sender']} in it is {why}; join without it"
    void = _void_joins()
    why = ledger.void_basis(rests_on(run), void) if void else ""
    return f"{why}; make the run again without what was decided there" if why else ""


def check_basis(run: Run, name: str = "") -> None:
    """Raises UsageError if a run rests on a void join: nothing of it may leave."""
    if why := void_run(run):
        raise UsageError(f"{name}{run.folder}: {why}")


def _void_joins() -> dict[str, str]:
    try:
        return ledger.void_joins()
    except ledger.LedgerError as error:
        add_notice(f"{error}; what rests on void joins is not known")
        return {}


def signer_problem(run: Run) -> str | None:
    """Returns why a key that signed a run is not valid; None if all are, or the run is unsigned.

    A signer can choose the time of a signature, so a void key never counts.
    """
    custody = run.custody or Custody()
    for key_id, org in (
        (custody.key_id, custody.org),
        (custody.private_key_id, custody.private_org),
    ):
        if key_id is None:
            continue
        signed = f"is signed by the key {key_id}, which is"
        if org is None:
            return (
                f"{signed} neither yours nor trusted; ask whose it is, and see ringtrace keys trust"
            )
        void = key_store.validity(org or None, key_id).revoked_since
        if void is not None and void <= current_time():
            return (
                f"{signed} void from {void:%Y-%m-%dT%H:%MZ} on: anybody may have it; make the run "
                "again"
            )
    return None


def check_signers(run: Run, name: str = "") -> None:
    """Raises UsageError if an invalid key signed a run."""
    if problem := signer_problem(run):
        raise UsageError(f"{name}{run.folder}: {problem}")


def known_keys() -> dict[str, list[Ed25519PublicKey]]:
    """Returns the trusted public keys by organisation, and the own keys under an empty name."""
    return {"": own_public_keys(), **trusted_keys()}


def run_decisions(run: Run) -> pa.Table | None:
    """Reads the bound decisions of a run; None for a run older than bound decisions.

    Decisions that were bound to this run itself have its id.

    Raises:
        AlteredRunError: if they were changed: they would be bound again.
    """
    if not files_of(run.manifest, DECISIONS):
        return None
    rows = _confirmed_as_shown(run, tables.read_table(run, DECISIONS))
    here = pc.fill_null(rows["run_id"], run.run_id)
    return rows.set_column(rows.schema.get_field_index("run_id"), "run_id", here)


def _confirmed_as_shown(run: Run, rows: pa.Table) -> pa.Table:
    """Removes doubtful members from the `confirm` decisions that were bound to this run itself.

    Doubtful are `verify` members: a burst of reporters may have added them, which counts as one
    reporter when clusters are summarized. In a cluster with a thin join, all members but the named
    one are doubtful, since the author did not see the join.
    """
    decided = rows.to_pylist()
    here = [row for row in decided if row["run_id"] is None and row["kind"] == DecisionKind.CONFIRM]
    if not here:
        return rows
    from reports.disclosure_control import thin_clusters

    doubted = pc.field("tier") == str(Tier.VERIFY)
    doubted |= pc.field("cluster_id").isin(thin_clusters(run))
    doubtful = set(tables.read_table(run, MEMBERS, ["entity_id"], doubted)["entity_id"].to_pylist())
    for row in here:
        pairs = zip(row["members"], row["used"] or [""] * len(row["members"]), strict=True)
        kept = [pair for pair in pairs if pair[0] not in doubtful or pair[0] == row["entity_a"]]
        row["members"], row["used"] = ([pair[place] for pair in kept] for place in (0, 1))
        row["members_digest"] = members_digest(row["members"])
    return pa.Table.from_pylist(decided, rows.schema)


def contested_values(run: Run, where: pc.Expression | None = None) -> dict[str, str]:
    """Returns the ids, with epochs, of contested identifiers, by their withheld ids.

    `where` selects some of them. A copy of a run without its private/ has none.
    """
    from transforms.decisions import own_id

    columns = ["entity_id", "kind", "value"]
    rows = private_table(run, CONTESTED, columns, private_key(), where).to_pylist()
    if any(None in row.values() for row in rows):
        raise UsageError(
            f"{run.folder}: {CONTESTED.name} is not what the run wrote; restore it, or make the "
            "run again"
        )
    return {row["entity_id"]: own_id(row) for row in rows}


def lone_mailboxes(run: Run) -> dict[str, str]:
    """Returns the ids, with epochs, of mailboxes with only one reporter, by withheld id."""
    return contested_values(run, pc.field("victim_reporters") == 0)


def shown_entities(run: Run, named: pa.Array) -> tuple[pa.Table, tuple[datetime, datetime] | None]:
    """Reads a run's rows of these entities and of all members of their clusters.

    The run shows contested entities under withheld ids, which its owner can look up.

    Returns:
        SHOWN rows, and the times of the first and the last record of the run.
    """
    from transforms.decisions import SHOWN

    contested = contested_values(run)
    asked = set(named.to_pylist())
    standing = {value: stands for stands, value in contested.items() if value in asked}
    asked.update(standing.values())
    of_asked = tables.among("entity_id", asked)
    clusters = tables.read_table(run, MEMBERS, ["cluster_id"], of_asked)["cluster_id"].unique()
    beside = pc.field("cluster_id").isin(clusters)
    members = tables.read_table(run, MEMBERS, ["entity_id", "cluster_id", "tier"], beside)
    member_of = {row["entity_id"]: row for row in members.to_pylist()}
    columns = ["entity_id", "first_seen", "first_used", "last_used", "last_seen"]
    entities = tables.read_table(run, ENTITIES, columns)
    wanted = pa.array([*asked, *member_of], pa.string())
    rows = entities.filter(pc.is_in(entities["entity_id"], wanted)).to_pylist()
    for row in rows:
        member = member_of.get(row["entity_id"], {})
        row |= {"cluster_id": member.get("cluster_id"), "core": member.get("tier") == Tier.CORE}
    by_id = {row["entity_id"]: row for row in rows}
    for value, stands in standing.items():
        rows += [by_id[stands] | {"entity_id": value}] if stands in by_id else []
    shown = pa.Table.from_pylist(rows, SHOWN)
    if not entities.num_rows:
        return shown, None
    return shown, (pc.min(entities["first_seen"]).as_py(), pc.max(entities["last_seen"]).as_py())


def read_source_rules(path: str | None) -> SourceRules:
    """Reads the shipped rules and a file's rules; raises UsageError if the file cannot be used."""
    with usage_errors(RecordError):
        rules = (
            parse_source_rules(read_text(path, MOST_RULES_BYTES), path) if path is not None else {}
        )
    return dict(sorted({**shipped_source_rules(), **rules}.items()))


def read_weights(path: str | None) -> PriorityWeights:
    """Reads a file's weights, or the shipped weights; raises UsageError if it cannot be used."""
    if path is None:
        return shipped_weights()
    with usage_errors(RecordError, after="; copy transforms/data/priority.toml, and change it"):
        return read_toml_record(PriorityWeights, read_text(path), path)
