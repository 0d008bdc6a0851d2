"""`ringtrace exchange join`: clusters the evidence of a finished run together with offers.

Each offer or revocation is accepted whole, or refused by name. The result is a run like any other.
The module also reads signed counts of shared victims, for a join and for a referral. It is long
because it has all that a join takes, counts and prints of an offer.
"""

from __future__ import annotations

import sys
import uuid
from argparse import ArgumentParser, Namespace
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.compute as pc

from pipelines import key_store
from pipelines.ledger import own_org
from pipelines.letters import accepted_offers, own_victims, signed_files
from pipelines.letters.accepted_offers import Intake
from pipelines.letters.shared_counts import read_shared_count
from pipelines.letters.signed_files import SignedFile
from pipelines.options import (
    LOCAL_RUNNER,
    OTHER_REGISTERS_FLAG,
    PEOPLE_FLAG,
    PRIVATE_OUTPUT_FLAG,
    REGISTER_FLAGS,
    Json,
    Row,
    UsageError,
    all_of,
    flag,
    say,
    several,
    switch,
)
from pipelines.people import is_two_person, read_people, recorded_people
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
from reports.run import Run
from reports.text import quantity
from schemas.decision import members_digest
from schemas.entity import without_epoch
from schemas.enums import Status
from schemas.facts import EARLIER_VERSION, KNOWN_LEGITIMATE, facts_of
from schemas.joint import CONTRIBUTORS, UNION_LINKS
from schemas.manifest import MANIFEST_NAME
from schemas.offer import Feed
from schemas.records import format_of
from schemas.tables import COMPLAINTS, ENTITIES
from transforms.custody import files_of
from transforms.extract import KnownLegitimate, reads_as_itself
from transforms.graph import AcceptedOffer, people_that_count, sender_record
from transforms.values import precision_interval

if TYPE_CHECKING:
    from pipelines.batch.joint_pipeline import JointPlan, LiveEvidence
    from transforms.decisions import Decision
    from transforms.victims import RegisterSource


def shared_counts_for_join(
    paths: Sequence[str], key: str | None, offers: Sequence[tuple[str, str]]
) -> list[Json]:
    """Reads the counts in `paths`, in the form of a joint run's manifest, for its pages.

    Raises:
        UsageError: for an invalid count.
    """
    if not paths:
        return []
    public = key_store.own_key(key, make=False).public_key()
    counts = (
        {
            "by": read.content.by,
            "cluster_id": about.cluster_id,
            "counted_at": read.content.issued_at,
            "floor": read.content.floor,
            "members": members_digest(about.members),
            "organisation": read.content.recipient,
            "sha256": read.sha256,
            "shared": read.content.shared,
        }
        for read, about in (read_shared_count(path, public, offers) for path in paths)
    )
    return sorted(counts, key=itemgetter("cluster_id", "organisation", "sha256"))


TOKEN_DIGITS = 8
"""Number of digits shown of a contributor's token; `hub pull --without` accepts as many."""


JOIN_FLAGS = all_of(
    flag("run", "RUN", "folder of a finished run of your own"),
    flag(
        "offers",
        "OFFER",
        "folder of an offer or of a revocation; without any, what offers brought is out again",
        nargs="*",
    ),
    flag("--output", "DIR", "folder of the joint run", required=True),
    switch("--overwrite", "replace an earlier run there"),
    own_org("me"),
    flag("--previous", "RUN", "run whose cluster ids are kept (default: RUN)"),
    flag("--decisions", "FILE", "analysts' decisions, which bind"),
    PEOPLE_FLAG,
    several("--known-legitimate", "FILE", "identifiers never to name, as in batch"),
    flag("--priority-weights", "FILE", "TOML of what ranks clusters, as in batch"),
    flag(
        "--victims",
        "FILE",
        "CSV phone,email,country of your own victims: an offer is not believed about them",
    ),
    OTHER_REGISTERS_FLAG,
    REGISTER_FLAGS,
    PRIVATE_OUTPUT_FLAG,
    several(
        "--overlap",
        "RESULT",
        "counts of victims shared with others, of clusters of an earlier join",
    ),
    flag("--key", "FILE", "private key that signed the counts (default: your own)"),
    flag("--now", "TIME", "when offers must be in force (default: now)"),
    switch("--debug", "show tracebacks and Beam's own log"),
)
"""The flags of `ringtrace exchange join`."""


def joint_folder(run: str) -> str:
    """Returns the folder beside a run's folder, for the run's join with offers."""
    return f"{run.rstrip('/')}-joint"


def plan_join(options: Namespace) -> Namespace:
    """Checks the offers of a batch; returns the arguments for joining the run later.

    The joint run follows the joint run beside `--previous`, if there is one.

    Raises:
        UsageError: for a refused offer, or a folder that cannot be written.
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
        me=accepted_offers.recipient_of_offers(options.offer, now),
    )
    check_output(made.output, overwrite=options.overwrite)
    return made


def join_arguments(options: Namespace, run: str, **own: Any) -> Namespace:
    """Returns the arguments for joining a run that was made with a batch's or stream's options.

    `own` are the arguments of the join itself.
    """
    parser = ArgumentParser()
    JOIN_FLAGS(parser)
    made = vars(parser.parse_args([run, "--output", own["output"]]))
    same = ("decisions", "people", "priority_weights", "register_key", "no_register", "debug")
    made |= {name: getattr(options, name) for name in same}
    lists = {"offers": [*options.offer], "known_legitimate": [*options.known_legitimate]}
    return Namespace(**made | lists | own)


def join_run(arguments: Namespace, live: LiveEvidence | None = None) -> int:
    """Joins a run with offers by `join_arguments`; returns the exit status.

    For a snapshot, `live` is the evidence.

    Raises:
        UsageError: for a refused offer, or an offer for an organisation without records in the run.
    """
    if arguments.me not in orgs_of_run(Run.open(arguments.run)):
        raise UsageError(
            f"{arguments.offers[0]}: is for {arguments.me}, of whom {arguments.run} has no records"
        )
    return join_offers(arguments, live)


def orgs_of_run(run: Run) -> set[str]:
    """Returns the organisations whose records are in a run."""
    if not files_of(run.manifest, COMPLAINTS):  # a snapshot has no records
        seen = tables.read_table(run, ENTITIES, ["orgs"])["orgs"].to_pylist()
        return {org for orgs in seen for org in orgs}
    return set(tables.count_by(run, COMPLAINTS, ["source_org"])["source_org"].to_pylist())


def join_offers(arguments: Namespace, live: LiveEvidence | None = None) -> int:
    """Joins; returns the exit status: 0 done, 1 failed.

    Raises:
        UsageError: for a refused offer, or another mistake of the user.
    """
    folder = arguments.run
    own = open_run(folder, built_on=True)
    manifest = own.manifest
    if own.offers:
        raise UsageError(f"{folder}: is joined already; give your own run, and it as --previous")
    orgs = orgs_of_run(own)
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
    intake = accepted_offers.accept_offers(arguments.offers, me, orgs, now)
    for offer, why in intake.void:
        sys.stderr.write(f"ringtrace: {offer.path}: {why}; its evidence is left out\n")
    named = {entity_id for offer in intake.offers for entity_id in _offered_ids(offer)}
    victims = own_victims.ids_of_victims(named, arguments.victims)
    victims |= own_victims.ids_in_register(named, register)
    contested = own_victims.contested_ids(named, own_runs) - victims
    misread = frozenset(entity_id for entity_id in named if not reads_as_itself(entity_id))
    sent = [(offer.org, offer.sha256) for offer in intake.offers]
    plan = _joint_plan(
        arguments,
        own,
        intake,
        shared_counts_for_join(arguments.overlap, arguments.key, sent),
        me=me,
        others=frozenset(orgs - {me}),
        private=victims | contested | misread,
        victims_named=len(victims),
        register=register,
        live=live,
    )
    _run_joint(arguments, plan)
    if live is not None:
        return 0
    from pipelines.run_folder import withheld_files

    say(*_summary(arguments.output, intake.offers, victims, contested, misread))
    # The run is complete; the exit status tells a scheduler of files that were held back.
    return int(bool(withheld_files(Run.open(arguments.output).manifest)))


def known_legitimate_of_run(run: Run) -> KnownLegitimate:
    """Returns the known-legitimate identifiers that a finished run saw; they stay legitimate."""
    where = pc.field("status") == str(Status.SUPPRESSED)
    rows = tables.read_table(run, ENTITIES, ["entity_id", "facts"], where).to_pylist()
    known = {
        without_epoch(row["entity_id"]): fact
        for row in rows
        for fact in facts_of(row["facts"])
        if fact.code in (*KNOWN_LEGITIMATE, EARLIER_VERSION)
    }
    why = {entity_id: fact.sentence() for entity_id, fact in known.items()}
    return KnownLegitimate(why, facts=known)


def _check_given_again(arguments: Namespace, options: Json) -> None:
    """Raises UsageError if a list or decisions of the run are not given again.

    Without a forgotten list, the join would name innocent people.
    """
    names = {Path(path).name for path in arguments.known_legitimate}
    for name in options.get("known_legitimate") or []:
        if name not in names:
            raise UsageError(
                f"{arguments.run}: was made with --known-legitimate {name}; give it again"
            )
    made_with = options.get("decisions")
    if made_with and not arguments.decisions:
        raise UsageError(
            f"{arguments.run}: was made with --decisions {made_with['name']}; give it, or a newer "
            "one, again"
        )


def _run_joint(arguments: Namespace, plan: JointPlan) -> None:
    """Runs the joint pipeline."""
    from pipelines import run_folder, runner
    from pipelines.batch.joint_pipeline import build_joint_pipeline
    from pipelines.progress import Progress
    from transforms.local import UNCHECKED, local_executor, quick_building

    flags = [f"--runner={LOCAL_RUNNER}", UNCHECKED]
    if not arguments.debug:
        flags += runner.suppress_logs(flags)
    output = arguments.output
    with run_folder.lock_output(output):
        run_folder.check_output(output, overwrite=arguments.overwrite)
        run_folder.check_private_output(plan.run.private, overwrite=arguments.overwrite)
        if plan.live is not None:
            with closing(local_executor(partial(build_joint_pipeline, plan=plan))) as steps:
                steps.run(None)
            return
        pipeline = runner.make_pipeline(flags)
        progress = Progress(sys.stderr)
        progress.say(*run_folder.opening_lines(plan.run.private))
        progress.say(f"joining {quantity(len(plan.offers), 'offer')}")
        with quick_building():
            build_joint_pipeline(pipeline, plan)
        runner.run_pipeline(pipeline, plan.run, progress, debug=arguments.debug)
    lines = run_folder.summary_lines(output)
    runner.report_success(pipeline.options, progress, output, wait=True, lines=lines)


def _joint_plan(
    arguments: Namespace,
    own: Run,
    intake: Intake,
    overlaps: list[Json],
    register: RegisterSource | None,
    **facts: Any,
) -> JointPlan:
    """Reads the decisions and lists of a join; returns its plan, with `facts` as its fields."""
    from pipelines.batch.joint_pipeline import JointPlan
    from pipelines.batch.plan import find_previous, package_versions
    from pipelines.run_folder import private_store, run_signer
    from transforms.custody import RunSettings, current_time
    from transforms.write import staging_folder

    offers: list[Any] = intake.offers
    manifest, output = own.manifest, arguments.output
    previous = find_previous(arguments.previous or own)
    known = read_known_legitimate(arguments.known_legitimate)
    # Decisions are bound to an earlier joint run that analysts saw; the own run also has bindings.
    two_person = is_two_person(own)
    people = read_people(arguments.people)
    decisions = read_decisions(arguments.decisions, people, two_person=two_person)
    for folder in (arguments.previous, arguments.run):
        check_continues(decisions, arguments.decisions, folder)
        decisions = keep_bindings(decisions, folder)
    decisions = bind_to_previous(decisions, arguments.previous)
    clock, token = arguments.now or current_time(), uuid.uuid4().hex[:12]
    private = private_store(output, arguments.private_output, token)
    # A revocation is not among them, since it is no evidence.
    accepted = tuple(AcceptedOffer(offer.content, offer.sha256) for offer in offers)
    records = _records_of_claims(accepted, decisions)
    options = {
        "decisions": file_digest(arguments.decisions),
        **recorded_people(Namespace(two_person=two_person, people=arguments.people)),
        "known_legitimate": [Path(path).name for path in arguments.known_legitimate],
        "offers": [_offer_entry(offer) for offer in offers],
        "offers_left_out": [_offer_entry(offer) | {"why": why} for offer, why in intake.void],
        "overlaps": overlaps,
        "senders": _senders(accepted, records),
        "own_run": manifest["run_id"],
        "previous": previous.run_id,
        "priority_weights": file_digest(arguments.priority_weights),
        "register": register is not None,
    }
    return JointPlan(
        **facts,
        own=own,
        register=register,
        offers=accepted,
        most_people={claimant: record["most_people"] for claimant, record in records.items()},
        offer_files=tuple(
            {
                # An own label: the sender chose the file's name, which may contain anything.
                "label": f"offer-{offer.content.sender}-{offer.sha256[:12]}.json",
                "kind": "offer",
                "format": format_of(type(offer.content)),
                "bytes": len(offer.letter),
                "sha256": offer.sha256,
                "rows": len(offer.content.evidence),
            }
            for offer in offers
        ),
        known=known.merged(known_legitimate_of_run(own)),
        previous=previous,
        private_key=private.key,
        decisions=decisions,
        weights=read_weights(arguments.priority_weights),
        record=partial(accepted_offers.accepted, offers=offers, output=output, made=clock),
        sign=run_signer(),
        run=RunSettings(
            entries=manifest.get("entries"),
            staging=staging_folder(output, token),
            output=output,
            versions=package_versions(),
            options=manifest["options"] | options,
            clock=clock,
            private=private,
        ),
    )


def _records_of_claims(
    offers: Iterable[AcceptedOffer], decisions: Sequence[Decision]
) -> dict[str, dict[str, int]]:
    """Returns, by claimant, the decisions on claims, and how many people count for a link.

    The claimants are the names of `AcceptedOffer.claims`.
    """
    most, records = custody_policy().most_people_of_sender, {}
    for accepted in offers:
        people: Counter[str] = Counter()
        for row in accepted.offer.evidence:
            people[accepted.claimant(row)] += row.reports
        for claimant, claimed in accepted.claims().items():
            right, wrong = sender_record(claimed, decisions)
            records[claimant] = {
                "most_people": people_that_count(most, right, wrong),
                "people": people[claimant],
                "right": right,
                "wrong": wrong,
            }
    return records


def _senders(
    offers: Iterable[AcceptedOffer], records: Mapping[str, dict[str, int]]
) -> dict[str, Json]:
    """Returns the records of claims by sender; for a feed, also by the contributor's token."""
    senders: dict[str, Json] = {}
    for accepted in offers:
        sender = accepted.offer.sender
        if not isinstance(accepted.offer, Feed):
            senders[sender] = records[sender]
            continue
        shown = {
            claimant.removeprefix(f"{sender}|")[:TOKEN_DIGITS]: records[claimant]
            for claimant in accepted.claims()
        }
        people = sum(record["people"] for record in shown.values())
        senders[sender] = {"contributors": shown, "people": people}
    return senders


def _sender_lines(senders: Mapping[str, Row]) -> Iterator[str]:
    for org, record in senders.items():
        if "contributors" not in record:
            yield f"  {org}: {_record_text(record)}"
            continue
        people = quantity(record["people"], "person", "people")
        yield f"  {org}: counts {people}, by {quantity(len(record['contributors']), 'contributor')}"
        for token, contributor in record["contributors"].items():
            yield f"    {token}: {_record_text(contributor)}"


def _record_text(record: Mapping[str, int]) -> str:
    right, decided = record["right"], record["right"] + record["wrong"]
    low, high = precision_interval(right, record["wrong"])
    known = f"of {quantity(decided, 'decided identifier')} {right} are a suspect's"
    return (
        f"counts {quantity(record['people'], 'person', 'people')}, at most {record['most_people']} "
        f"of them for one link; {known if decided else 'none of its identifiers is decided'} "
        f"(precision {low:.2f} to {high:.2f})"
    )


def _summary(
    output: str,
    offers: list[SignedFile],
    victims: frozenset[str],
    contested: frozenset[str],
    misread: frozenset[str],
) -> Iterator[str]:
    """Yields a few lines on the result."""
    senders: Any = Run.open(output).manifest["options"]["senders"]
    rows = tables.read_table(output, CONTRIBUTORS, ["cluster_id", "contributor"])
    by_cluster: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows.to_pylist():
        by_cluster[row["cluster_id"]].add(row["contributor"])
    joint = sum(len(contributors) > 1 for contributors in by_cluster.values())
    kinds = Counter(tables.read_table(output, UNION_LINKS, ["kind"])["kind"].to_pylist())
    yield (
        f"{output}: {quantity(len(by_cluster), 'cluster')}, single identifiers among them; "
        f"{joint} seen by several organisations"
    )
    yield (
        f"  only the union reveals {quantity(kinds['link'], 'link')}, and that "
        f"{quantity(kinds['shared'], 'pair')} of clusters are one (union_links/)"
    )
    yield from _sender_lines(senders)
    left_out = (
        (victims, "of your own victims: left out; tell them"),
        (contested, "contested in your run: left out; decide who holds them"),
        (misread, "in a form that your own records would not have: left out"),
    )
    for offer in offers:
        sender = offer.org
        for refused, why in left_out:
            if number := len(_offered_ids(offer) & refused):
                yield f"  {sender} names {quantity(number, 'identifier')} {why}"
        yield f"  {sender}: {getattr(offer.content, 'tlp', '')} binds this run too"


def _offer_entry(offer: SignedFile) -> dict[str, str]:
    return {
        "issued_at": offer.content.issued_at,
        "key_id": offer.key_id,
        "sender": offer.org,
        "sha256": offer.sha256,
        "tlp": offer.content.tlp,
    }


def _offered_ids(offer: SignedFile) -> frozenset[str]:
    """Returns the identifiers of an offer, without epochs."""
    return frozenset(without_epoch(entity.entity_id) for entity in offer.content.entities)
