"""`ringtrace exchange join`: clusters the evidence of a finished run together with that of offers.

Each offer or revocation is accepted whole, or refused by name; the result is a run like any other.
Signed counts of shared victims, which were computed here, are read for it and for a referral.
Long, since what a join takes, counts and prints of an offer is read in one place.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow.compute as pc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pipelines import key_store
from pipelines.exchange import overlap, signed_files
from pipelines.exchange.overlap import RESULT
from pipelines.exchange.signed_files import Intake, SignedFile
from pipelines.ledger import add_own_org
from pipelines.options import (
    LOCAL_RUNNER,
    UsageError,
    add_other_registers,
    add_private_output,
    add_register_options,
    moment,
    repeatable,
)
from pipelines.user_files import (
    bind_to_previous,
    check_continues,
    custody_policy,
    file_digest,
    keep_bindings,
    open_run,
    read_decisions,
    read_known_legitimate,
    read_weights,
)
from reports import tables
from reports.exchange import OfferError, read_letter, sender_of, signer_of
from reports.referral import SharedVictims
from reports.run import Run
from reports.text import quantity
from schemas.decision import members_digest
from schemas.entity import KNOWN_LEGITIMATE, without_epoch
from schemas.enums import Status
from schemas.joint import CONTRIBUTORS, UNION_LINKS
from schemas.manifest import MANIFEST_NAME, Manifest
from schemas.offer import Feed, Offer, Result
from schemas.tables import COMPLAINTS, ENTITIES, HELD_FOLDER
from transforms.extract import KnownLegitimate, reads_as_itself
from transforms.joint import AcceptedOffer, people_that_count, sender_record
from transforms.manifest import files_of
from transforms.reporters import precision_interval

if TYPE_CHECKING:
    from pipelines.batch.joint_pipeline import JointPlan, LiveEvidence
    from pipelines.batch.options import BatchOptions, RunOptions
    from transforms.decisions import Decision
    from transforms.private_files import PrivateStore
    from transforms.victim_register import RegisterSource

_NOT_COUNTED = "is not a count made here; `ringtrace exchange overlap compute` makes one"


@dataclass(frozen=True)
class SharedCount:
    """A count that was made here: the letter, and the cluster that it is about."""

    path: Path
    result: Result
    signer: str
    letter: bytes
    signature: bytes
    cluster_id: str
    members: list[str]


def read_shared_count(
    given: str, key: Ed25519PublicKey, offers: Sequence[tuple[str, str]]
) -> SharedCount:
    """Reads a signed count.

    Args:
        given: the letter, or its folder.
        key: that must have signed it, or an own one of before.
        offers: senders and SHA-256 of those that the run is joined with.

    Raises:
        UsageError: for one that another key signed, that is about no cluster or another offer, or
            that was not made here.
    """
    path, content, signature = signed_files.read_signed(given, (RESULT,))
    try:
        _, signer = signer_of(content, signature, {"own": [key, *key_store.own_public_keys()]})
        result = read_letter(Result, content, sender_of(content))
    except OfferError as error:
        raise UsageError(f"{path}: {error}") from None
    if result.about.offer is None:
        raise UsageError(f"{path}: is about all victims, not about a cluster; ask with --run")
    if (result.recipient, result.about.offer) not in offers:
        raise UsageError(f"{path}: is about an offer that this run was not joined with")
    kept = overlap.read_state(overlap.result_state_path(result.session), path, _NOT_COUNTED)
    if kept.get("result") != hashlib.sha256(content).hexdigest():
        raise UsageError(f"{path}: {_NOT_COUNTED}")
    return SharedCount(
        path, result, signer, content, signature, kept["cluster_id"], kept["members"]
    )


def shared_counts_for_referral(
    paths: Sequence[str],
    key: Ed25519PublicKey,
    manifest: Manifest,
    cluster_id: str,
    members: list[str],
) -> list[SharedVictims]:
    """Reads the counts in `paths` for a referral of one cluster, in order of organisations.

    Raises:
        UsageError: for one that does not hold, is not about this cluster, or is there twice.
    """
    offers: Any = manifest["options"].get("offers") or []
    taken = [(one["sender"], one["sha256"]) for one in offers]
    found: dict[str, SharedVictims] = {}
    for one in (read_shared_count(path, key, taken) for path in paths):
        if one.cluster_id != cluster_id:
            raise UsageError(f"{one.path}: is about another cluster than {cluster_id}")
        if one.members != sorted(members):
            raise UsageError(f"{one.path}: {cluster_id} has other members now; make a new request")
        org = one.result.recipient
        if org in found:
            raise UsageError(f"{one.path}: counts {org} twice; give the newest alone")
        found[org] = SharedVictims(
            organisation=org,
            by=one.result.by,
            shared=one.result.shared,
            floor=one.result.floor,
            day=one.result.issued_at,
            signer=one.signer,
            letter=one.letter,
            signature=one.signature,
        )
    return [found[org] for org in sorted(found)]


def shared_counts_for_join(
    paths: Sequence[str], key: str | None, offers: Sequence[tuple[str, str]]
) -> list[dict[str, Any]]:
    """Reads the counts in `paths` as the manifest of a joint run has them, for its pages.

    Raises:
        UsageError: for one that does not hold.
    """
    if not paths:
        return []
    public = key_store.own_key(key, make=False).public_key()
    found = (_manifest_entry(read_shared_count(path, public, offers)) for path in paths)
    return sorted(found, key=itemgetter("cluster_id", "organisation", "sha256"))


def _manifest_entry(one: SharedCount) -> dict[str, Any]:
    return {
        "by": one.result.by,
        "cluster_id": one.cluster_id,
        "counted_at": one.result.issued_at,
        "floor": one.result.floor,
        "members": members_digest(one.members),
        "organisation": one.result.recipient,
        "sha256": hashlib.sha256(one.letter).hexdigest(),
        "shared": one.result.shared,
    }


TOKEN_DIGITS = 8
"""Digits by which a contributor's token is shown; `hub pull --without` takes as many."""


def add_join_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the flags of `ringtrace exchange join`."""
    parser.add_argument("run", metavar="RUN", help="folder of a finished run of your own")
    parser.add_argument(
        "offers",
        metavar="OFFER",
        nargs="*",
        help="folder of an offer or of a revocation; without any, what offers brought is out again",
    )
    parser.add_argument("--output", metavar="DIR", required=True, help="folder of the joint run")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier run there")
    add_own_org(parser, "me")
    parser.add_argument(
        "--previous", metavar="RUN", help="run whose cluster ids are kept (default: RUN)"
    )
    parser.add_argument("--decisions", metavar="FILE", help="analysts' decisions, which bind")
    parser.add_argument(
        "--known-legitimate", **repeatable("FILE"), help="identifiers never to name, as in batch"
    )
    parser.add_argument(
        "--priority-weights", metavar="FILE", help="TOML of what ranks clusters, as in batch"
    )
    parser.add_argument(
        "--victims",
        metavar="FILE",
        help="CSV phone,email,country of your own victims: an offer is not believed about them",
    )
    add_other_registers(parser)
    add_register_options(parser)
    add_private_output(parser)
    parser.add_argument(
        "--overlap",
        **repeatable("RESULT"),
        help="counts of victims shared with others, of clusters of an earlier join",
    )
    parser.add_argument(
        "--key", metavar="FILE", help="private key that signed the counts (default: your own)"
    )
    parser.add_argument(
        "--now", type=moment, metavar="TIME", help="when offers must be in force (default: now)"
    )
    parser.add_argument("--debug", action="store_true", help="show tracebacks and Beam's own log")


def joint_folder(run: str) -> str:
    """Returns the folder beside that of a run into which a batch joins it with offers."""
    return f"{run.rstrip('/')}-joint"


def plan_join(options: BatchOptions) -> argparse.Namespace:
    """Checks the offers of a batch; returns the arguments with which the run is joined then.

    The joint run follows the one beside `--previous`, where there is one.

    Raises:
        UsageError: for an offer that is refused, or a folder that cannot be written to.
    """
    from pipelines.run_folder import check_output

    now = options.now or datetime.now(UTC)
    before = joint_folder(options.previous) if options.previous else ""
    private = options.private_output
    made = join_arguments(
        options,
        options.output,
        output=joint_folder(options.output),
        overwrite=options.overwrite,
        private_output=joint_folder(private) if private else None,
        previous=before if before and Path(before, MANIFEST_NAME).is_file() else None,
        now=options.now,
        me=signed_files.recipient_of_offers(options.offer, now),
    )
    check_output(made.output, overwrite=options.overwrite)
    return made


def join_arguments(options: RunOptions, run: str, **others: Any) -> argparse.Namespace:
    """Returns the arguments of a join of a run that was made with the options of a batch or stream.

    `others` are those of the join itself.
    """
    parser = argparse.ArgumentParser()
    add_join_arguments(parser)
    made = vars(parser.parse_args([run, "--output", others["output"]]))
    same = ("decisions", "priority_weights", "register_key", "no_register", "debug")
    made |= {name: getattr(options, name) for name in same}
    lists = {"offers": [*options.offer], "known_legitimate": [*options.known_legitimate]}
    return argparse.Namespace(**made | lists | others)


def join_run(arguments: argparse.Namespace, live: LiveEvidence | None = None) -> int:
    """Joins a run with offers by `join_arguments`; returns the exit status.

    Of a snapshot, the evidence is given as `live`.

    Raises:
        UsageError: for a refused offer, or one for an organisation without records in the run.
    """
    if arguments.me not in _orgs_of(Run.open(arguments.run)):
        raise UsageError(
            f"{arguments.offers[0]}: is for {arguments.me}, of whom {arguments.run} has no records"
        )
    return join_offers(arguments, live)


def _orgs_of(run: Run) -> set[str]:
    if not files_of(run.manifest, COMPLAINTS):  # of a snapshot, which has no records
        seen = tables.read_table(run, ENTITIES, ["orgs"])["orgs"].to_pylist()
        return {org for orgs in seen for org in orgs}
    return set(tables.count_by(run, COMPLAINTS, ["source_org"])["source_org"].to_pylist())


def join_offers(arguments: argparse.Namespace, live: LiveEvidence | None = None) -> int:
    """Joins; returns the exit status: 0 done, 1 failed.

    Raises:
        UsageError: for a refused offer, or anything else that the user must correct.
    """
    folder = arguments.run
    own = open_run(folder, built_on=True)
    manifest = own.manifest
    if manifest["options"].get("offers"):
        raise UsageError(f"{folder}: is joined already; give your own run, and it as --previous")
    orgs = _orgs_of(own)
    me = signed_files.own_org(arguments.me, orgs, folder)
    _check_given_again(arguments, manifest["options"])
    if arguments.key is not None and not arguments.overlap:
        raise UsageError(f"--key {arguments.key}: is for counts; give --overlap, or leave it out")
    own_runs = list(dict.fromkeys([folder, arguments.previous or folder]))
    register = key_store.register_source(
        arguments.register_key,
        use=not arguments.no_register,
        runs=own_runs,
        files=arguments.register,
    )
    now = arguments.now or datetime.now(UTC)
    intake = signed_files.accept_offers(arguments.offers, me, orgs, now)
    offers = intake.offers
    for one, why in intake.void:
        sys.stderr.write(f"ringtrace: {one.path}: {why}; its evidence is left out\n")
    sent = [(one.content.sender, one.sha256) for one in offers]
    overlaps = shared_counts_for_join(arguments.overlap, arguments.key, sent)
    named = {one for offer in offers for one in _offered_ids(offer)}
    private = signed_files.ids_of_victims(named, arguments.victims)
    private |= signed_files.ids_in_register(named, register)
    contested = signed_files.contested_ids(named, own_runs) - private
    misread = frozenset(one for one in named if not reads_as_itself(one))
    refused = private | contested | misread
    checked = CheckedJoin(own, me, intake, refused, len(private), register, overlaps)
    status = _run_joint(arguments, checked, live)
    if status == 0 and live is None:
        lines = _summary(arguments.output, offers, private, contested, misread)
        sys.stdout.write("\n".join(lines) + "\n")
        # The run is complete, but its exit status tells a scheduler of files that were held back.
        names = (one["name"] for one in Run.open(arguments.output).manifest.get("private", []))
        status = int(any(one.startswith(f"{HELD_FOLDER}/") for one in names))
    return status


class CheckedJoin(NamedTuple):
    """A run of one's own and the offers to join with it, checked.

    Attributes:
        own: The run.
        me: The organisation whose run it is.
        intake: The offers.
        refused: Identifiers that no offer may name.
        victims_named: How many of those that offers name are our own victims'.
        register: Victim registers of our own.
        overlaps: Counts of shared victims, as the manifest has them.
    """

    own: Run
    me: str
    intake: Intake
    refused: frozenset[str]
    victims_named: int
    register: RegisterSource | None
    overlaps: list[dict[str, Any]]


def as_evidence(one: SignedFile) -> AcceptedOffer:
    """Returns an accepted offer as the evidence of a joint run."""
    if not isinstance(one.content, Offer):
        raise TypeError("a revocation is not evidence")
    return AcceptedOffer(one.content, one.sha256)


def known_legitimate_of_run(run: Run) -> KnownLegitimate:
    """Returns what a finished run saw and knew to be legitimate: it stays so."""
    where = pc.field("status") == str(Status.SUPPRESSED)
    rows = tables.read_table(run, ENTITIES, ["entity_id", "reason"], where).to_pylist()
    listed = [one for one in rows if one["reason"].startswith(KNOWN_LEGITIMATE)]
    why = {
        without_epoch(one["entity_id"]): one["reason"].removeprefix(KNOWN_LEGITIMATE)
        for one in listed
    }
    ids = tuple(sorted(why))
    return KnownLegitimate(ids, tuple(why[one] for one in ids), frozenset())


def _check_given_again(arguments: argparse.Namespace, options: dict[str, Any]) -> None:
    """Raises UsageError if a list or decisions of the run are not given again.

    A list that is forgotten would name an innocent.
    """
    given = {Path(path).name for path in arguments.known_legitimate}
    for name in options.get("known_legitimate") or []:
        if name not in given:
            raise UsageError(
                f"{arguments.run}: was made with --known-legitimate {name}; give it again"
            )
    made_with = options.get("decisions")
    if made_with and not arguments.decisions:
        raise UsageError(
            f"{arguments.run}: was made with --decisions {made_with['name']}; give it, or a newer "
            "one, again"
        )


def _run_joint(
    arguments: argparse.Namespace, checked: CheckedJoin, live: LiveEvidence | None
) -> int:
    """Plans and runs the joint pipeline; returns the exit status."""
    from pipelines import run_folder, runner
    from pipelines.batch.joint_pipeline import build_joint_pipeline, live_pipeline
    from pipelines.progress import Progress
    from transforms.local import UNCHECKED, LocalExecutor
    from transforms.write import staging_folder

    flags = [f"--runner={LOCAL_RUNNER}", UNCHECKED]
    if not arguments.debug:
        flags += runner.suppress_logs(flags)
    output = arguments.output
    with run_folder.lock_output(output):
        run_folder.check_output(output, overwrite=arguments.overwrite)
        token = uuid.uuid4().hex[:12]
        private = run_folder.private_store(output, arguments.private_output, token)
        run_folder.check_private_output(private, overwrite=arguments.overwrite)
        plan = _joint_plan(arguments, checked, staging_folder(output, token), private, live)
        if live is not None:
            steps = LocalExecutor(live_pipeline(plan))
            try:
                steps.run(None)
            finally:
                steps.close()
            return 0
        pipeline = runner.make_pipeline(flags)
        progress = Progress(sys.stderr)
        for line in run_folder.opening_lines(private):
            progress.say(line)
        progress.say(f"joining {quantity(len(plan.offers), 'offer')}")
        build_joint_pipeline(pipeline, plan)
        status = runner.run_pipeline(pipeline, plan.run, progress, debug=arguments.debug)
    if status == 0:
        lines = run_folder.summary_lines(output)
        runner.report_success(pipeline.options, progress, output, wait=True, lines=lines)
    return status


def _joint_plan(
    arguments: argparse.Namespace,
    checked: CheckedJoin,
    staging: str,
    private: PrivateStore,
    live: LiveEvidence | None,
) -> JointPlan:
    """Reads the decisions and lists of a join; returns its plan."""
    from pipelines.batch.joint_pipeline import JointPlan
    from pipelines.batch.plan import find_previous, package_versions
    from pipelines.run_folder import run_signer
    from transforms.manifest import RunSettings, current_time

    own, intake = checked.own, checked.intake
    offers, manifest = intake.offers, own.manifest
    previous = find_previous(arguments.previous or own)
    known = read_known_legitimate(arguments.known_legitimate)
    # A joint run is bound to an earlier one that its analysts saw; one's own has bindings too.
    decisions = read_decisions(arguments.decisions)
    for one in (arguments.previous, arguments.run):
        check_continues(decisions, arguments.decisions, one)
        decisions = keep_bindings(decisions, one)
    decisions = bind_to_previous(decisions, arguments.previous)
    clock = arguments.now or current_time()
    taken = tuple(as_evidence(one) for one in offers)
    records = _records_of_claims(taken, decisions)
    options = {
        "decisions": file_digest(arguments.decisions),
        "known_legitimate": [Path(one).name for one in arguments.known_legitimate],
        "offers": [_offer_entry(one) for one in offers],
        "offers_left_out": [_offer_entry(one) | {"why": why} for one, why in intake.void],
        "overlaps": checked.overlaps,
        "senders": _senders(taken, records),
        "own_run": manifest["run_id"],
        "previous": previous.run_id,
        "priority_weights": file_digest(arguments.priority_weights),
        "register": checked.register is not None,
    }
    return JointPlan(
        live=live,
        own=own,
        me=checked.me,
        offers=taken,
        most_people={who: one["most_people"] for who, one in records.items()},
        others=frozenset(_orgs_of(own) - {checked.me}),
        offer_files=tuple(_input_entry(one) for one in offers),
        known=known.merged(known_legitimate_of_run(own)),
        private=checked.refused,
        victims_named=checked.victims_named,
        register=checked.register,
        previous_members=previous.members,
        previous_components=previous.components,
        decisions=decisions,
        weights=read_weights(arguments.priority_weights),
        record=partial(signed_files.accepted, offers=offers, output=arguments.output, made=clock),
        sign=run_signer(),
        run=RunSettings(
            entries=manifest.get("entries"),
            staging=staging,
            output=arguments.output,
            versions=package_versions(),
            options=manifest["options"] | options,
            clock=clock,
            private=private,
        ),
    )


def _records_of_claims(
    offers: Iterable[AcceptedOffer], decisions: Sequence[Decision]
) -> dict[str, dict[str, int]]:
    """Returns how claims were decided on, and how many people of whose they are bear a tie.

    They are by the names of `AcceptedOffer.claims`.
    """
    most, found = custody_policy().most_people_of_sender, {}
    for taken in offers:
        people: Counter[str] = Counter()
        for row in taken.offer.evidence:
            people[taken.claimant(row)] += row.reports
        for who, claimed in taken.claims().items():
            right, wrong = sender_record(claimed, decisions)
            found[who] = {
                "most_people": people_that_count(most, right, wrong),
                "people": people[who],
                "right": right,
                "wrong": wrong,
            }
    return found


def _senders(
    offers: Iterable[AcceptedOffer], records: Mapping[str, dict[str, int]]
) -> dict[str, dict[str, Any]]:
    """Returns the records of claims by sender; those of a feed by token of the contributor."""
    found: dict[str, dict[str, Any]] = {}
    for taken in offers:
        sender, claims = taken.offer.sender, list(taken.claims())
        if not isinstance(taken.offer, Feed):
            found[sender] = records[sender]
            continue
        shown = {one.removeprefix(f"{sender}|")[:TOKEN_DIGITS]: records[one] for one in claims}
        people = sum(one["people"] for one in shown.values())
        found[sender] = {"contributors": shown, "people": people}
    return found


def _sender_lines(senders: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for org, one in senders.items():
        if "contributors" not in one:
            yield f"  {org}: {_record_text(one)}"
            continue
        people = quantity(one["people"], "person", "people")
        yield f"  {org}: counts {people}, by {quantity(len(one['contributors']), 'contributor')}"
        for token, record in one["contributors"].items():
            yield f"    {token}: {_record_text(record)}"


def _record_text(one: Mapping[str, int]) -> str:
    decided = one["right"] + one["wrong"]
    low, high = precision_interval(one["right"], one["wrong"])
    record = f"of {quantity(decided, 'decided identifier')} {one['right']} are a suspect's"
    return (
        f"counts {quantity(one['people'], 'person', 'people')}, of whom {one['most_people']} at "
        f"most bear a tie; {record if decided else 'none of its identifiers is decided'} "
        f"(precision {low:.2f} to {high:.2f})"
    )


def _summary(
    output: str,
    offers: list[SignedFile],
    private: frozenset[str],
    contested: frozenset[str],
    misread: frozenset[str],
) -> list[str]:
    """Returns the result in a few lines."""
    senders: Any = Run.open(output).manifest["options"]["senders"]
    who = tables.read_table(output, CONTRIBUTORS, ["cluster_id", "contributor"]).to_pylist()
    of: dict[str, set[str]] = {}
    for row in who:
        of.setdefault(row["cluster_id"], set()).add(row["contributor"])
    joint = sum(1 for those in of.values() if len(those) > 1)
    kinds = Counter(tables.read_table(output, UNION_LINKS, ["kind"])["kind"].to_pylist())
    lines = [
        f"{output}: {quantity(len(of), 'cluster')}, single identifiers among them; "
        f"{joint} seen by several organisations",
        f"  only the union reveals {quantity(kinds['link'], 'link')}, and that "
        f"{quantity(kinds['shared'], 'pair')} of clusters are one (union_links/)",
    ]
    lines += _sender_lines(senders)
    for one in offers:
        if ours := len(_offered_ids(one) & private):
            lines.append(
                f"  {one.content.sender} names {quantity(ours, 'identifier')} of your own "
                "victims: left out; tell them"
            )
        if unsettled := len(_offered_ids(one) & contested):
            lines.append(
                f"  {one.content.sender} names {quantity(unsettled, 'identifier')} contested in "
                "your run: left out; decide who holds them"
            )
        if unread := len(_offered_ids(one) & misread):
            lines.append(
                f"  {one.content.sender} names {quantity(unread, 'identifier')} as no record of "
                "yours would be read, by which no list knows them: left out"
            )
        lines.append(
            f"  {one.content.sender}: {getattr(one.content, 'tlp', '')} binds this run too"
        )
    return lines


def _input_entry(one: SignedFile) -> dict[str, Any]:
    return {
        # A label of our own: the file's name is the sender's, who may have put anything into it.
        "label": f"offer-{one.content.sender}-{one.sha256[:12]}.json",
        "kind": "offer",
        "format": one.content.format,
        "bytes": one.bytes,
        "sha256": one.sha256,
        "rows": len(getattr(one.content, "evidence", ())),
    }


def _offer_entry(one: SignedFile) -> dict[str, str]:
    return {
        "issued_at": one.content.issued_at,
        "key_id": one.key_id,
        "sender": one.content.sender,
        "sha256": one.sha256,
        "tlp": getattr(one.content, "tlp", ""),
    }


def _offered_ids(one: SignedFile) -> frozenset[str]:
    """Returns the identifiers of an offer, without epochs."""
    return frozenset(
        without_epoch(entity.entity_id) for entity in getattr(one.content, "entities", ())
    )
