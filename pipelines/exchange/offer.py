"""`ringtrace exchange offer`, `show` and `revoke`: makes, prints and revokes a signed offer."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from pipelines import key_store, ledger
from pipelines.commands.correct import correction_lines
from pipelines.ledger import LEDGER_FLAG, OWN_ORG_FLAG, SIGNING_FLAGS, hold_back, values_withheld
from pipelines.letters import accepted_offers, consents, own_victims, signed_files
from pipelines.letters.signed_files import (
    OFFER,
    REVOCATION,
    read_known,
    read_letter_file,
    time_of,
    utc_text,
)
from pipelines.options import (
    NEW_FOLDER,
    OTHER_REGISTERS_FLAG,
    OWN_SLUG,
    REGISTER_FLAGS,
    UsageError,
    all_of,
    flag,
    say,
    subcommand,
    usage_errors,
)
from pipelines.user_files import check_basis, free_folder, open_run, read_text, rests_on
from reports import signing, tables
from reports.disclosure_control import thin_sides
from reports.exchange import (
    OfferPolicy,
    OfferSource,
    OwnWords,
    Registrations,
    Withheld,
    make_offer,
    offer_lines,
    own_words,
    parse_registrations,
    shipped_policy,
)
from reports.run import NO_NARRATIVES, Run, narrative_reader
from reports.signing import digest_of
from reports.text import quantity
from schemas.cluster import DISPUTED
from schemas.enums import EntityKind, RecordKind, Review, Tier
from schemas.joint import CONTRIBUTORS
from schemas.offer import MAX_ENTITY_ID_LENGTH, Consent, Correction, Feed, Offer, Revocation
from schemas.records import RecordError, read_toml_record
from schemas.signed_fields import parse_moment
from schemas.tables import (
    CALLS,
    CLUSTERS,
    COMPLAINTS,
    DECISIONS,
    ENTITIES,
    MEMBERS,
    MENTIONS,
    NARRATIVES,
)
from transforms.custody import files_of
from transforms.graph import call_records, complaint_records, evidence_from_tables

SOURCE_FLAGS = all_of(
    flag("--policy", "FILE", "TOML of what may leave (default: the shipped policy.toml)"),
    flag("--victims", "FILE", "CSV phone,email,country of your own victims: none of them leaves"),
    flag(
        "--registered",
        "FILE",
        "CSV domain,registered: a site that was young at its first report may leave unreviewed",
    ),
    OTHER_REGISTERS_FLAG,
    REGISTER_FLAGS,
)
"""The flags that limit what may leave, for `offer_source` and `offer_policy`."""


@subcommand(
    "offer",
    "sign what may leave of a run, as one file for one organisation",
    flag("run", "RUN", "folder of a finished run"),
    flag("--to", "ORG", "slug of the recipient", required=True),
    OWN_ORG_FLAG,
    SOURCE_FLAGS,
    flag(
        "--joint",
        "RUN",
        "this run joined with the recipient's offer: what they named leaves too, with your "
        "counts of it, if it is core there and an analyst of yours reviewed it there",
    ),
    NEW_FOLDER,
    SIGNING_FLAGS,
    LEDGER_FLAG,
)
def write_offer(arguments: Namespace) -> int:
    """Writes the offer and its signature; returns the exit status 0.

    Raises:
        UsageError: for a run, a policy or a folder that cannot be used.
    """
    folder, output = arguments.run, free_folder(arguments.output)
    run = open_run(folder, built_on=True)
    check_basis(run)
    manifest = run.manifest
    if run.offers:
        raise UsageError(f"{folder}: is joined with others' offers; offer from your own run alone")
    policy = offer_policy(arguments.policy)
    evidence = evidence_of_run(run)
    sender = signed_files.own_org(arguments.sender, set(evidence["source_org"].to_pylist()), folder)
    recipient = key_store.org_slug(arguments.to)
    if sender == recipient:
        raise UsageError(f"{sender} is both --from and --to; name the other organisation in --to")
    issued = time_of(arguments)
    joint = open_run(arguments.joint, built_on=True, name="--joint ") if arguments.joint else None
    members = tables.read_table(run, MEMBERS)
    from transforms.graph import parts_of_thin_clusters  # with Beam, which --help must not load

    there = files_of(run.manifest, DECISIONS)
    decisions = tables.read_table(run, DECISIONS).to_pylist() if there else []
    parts = parts_of_thin_clusters(thin_sides(run), members, evidence, decisions)
    evidence = evidence.filter(pc.equal(evidence["source_org"], sender))
    source = replace(
        offer_source(run, arguments, members, evidence),
        words={} if policy.confirmed_only else words_of_run(run, members, evidence),
        returned=returned_members(joint, manifest["run_id"], recipient, issued),
        parts=parts,
    )
    offer, left = make_offer(source, policy, sender, recipient, issued)
    if not offer.entities:
        raise UsageError(
            f"{folder}: nothing in it may leave under this policy: {reasons_text(left)}"
        )
    key = key_store.own_key(arguments.key)
    content = signing.letter_bytes(offer, key)
    values = values_withheld(run, arguments.register_key, no_register=arguments.no_register)
    hold_back(run, f"offer/{recipient}", {OFFER: content}, values)
    entry = ledger.Entry(
        at=offer.issued_at,
        kind=ledger.EntryKind.OFFER,
        recipient=recipient,
        sha256=digest_of(content),
        run_id=manifest["run_id"],
        identifiers=tuple(entity.entity_id for entity in offer.entities),
        facts={"joint": joint.run_id} if joint else {},
        built_on=tuple(sorted({*rests_on(run), *(rests_on(joint) if joint else ())})),
    )
    # Recorded first: an offer that the ledger does not know could never be corrected.
    with ledger.recorded(arguments.ledger, [entry]):
        path = signed_files.write_signed(output, OFFER, content, key)
    return say(
        *offer_summary(path, offer, left),
        *(f"  made of a run that {note}" for note in run.notes),
        f"  recorded as {entry.issue_id}",
    )


def offer_source(
    run: Run, arguments: Namespace, members: pa.Table, evidence: pa.Table
) -> OfferSource:
    """Reads the source of an offer of a run's `members`, including the own victims' identifiers.

    Raises:
        UsageError: for a file or a victim register that cannot be used.
    """
    register = key_store.register_source(
        arguments.register_key,
        use=not arguments.no_register,
        runs=[arguments.run],
        files=arguments.register,
    )
    ids = members["entity_id"].to_pylist()
    return OfferSource(
        members=members,
        entities=tables.read_table(run, ENTITIES, ["entity_id", "status", "first_seen"]),
        clusters=tables.read_table(run, CLUSTERS, ["cluster_id", "status"]),
        evidence=evidence,
        private=own_victims.ids_of_victims(ids, arguments.victims)
        | own_victims.ids_in_register(ids, register),
        registered=_registrations(arguments.registered),
    )


@subcommand(
    "show",
    "print all that an offer says, and who signed it",
    flag("offer", "OFFER", "folder of an offer or a correction, yours or another's"),
    flag("--key", "FILE", "the private key that signed it, if not yours"),
)
def show_offer(arguments: Namespace) -> int:
    """Prints an offer or a correction as text; returns the exit status 0.

    Raises:
        UsageError: if no trusted key signed it, or it is no offer or correction.
    """
    read = read_known(arguments.offer, arguments.key)
    letter, org, key_id = read.content, read.org, read.key_id
    owner = f"a key of {org}'s that you trust" if org else "your own key"
    valid = key_store.validity(org or None, key_id)
    problem = valid.problem(parse_moment(letter.issued_at), datetime.now(UTC))
    lines = correction_lines(letter) if isinstance(letter, Correction) else offer_lines(letter)
    feed = _feed_lines(letter) if isinstance(letter, Feed) else ()
    say(*lines, *feed, "", f"signed by {key_id}, {owner}")
    return say(f"VOID: it {problem}") if problem else 0


def _feed_lines(feed: Feed) -> Iterator[str]:
    """Yields each contributor's part of a feed, by token."""
    people: Counter[int] = Counter()
    for row in feed.evidence:
        people[row.contributor] += row.reports
    yield ""
    yield f"contributors, of the members {', '.join(feed.members) or 'none'}:"
    for place, contributor in enumerate(feed.contributors):
        named = quantity(len(contributor.entities), "identifier")
        yield f"  {contributor.token}: {named}, {quantity(people[place], 'report')}"


@subcommand(
    "revoke",
    "take an offer or a consent back, so that the partner uses it no more",
    flag("offer", "OFFER", "folder of an offer or a consent that you made"),
    NEW_FOLDER,
    SIGNING_FLAGS,
    LEDGER_FLAG,
)
def revoke_letter(arguments: Namespace) -> int:
    """Writes the revocation and its signature; returns the exit status 0.

    Raises:
        UsageError: for a letter of another organisation, or a folder that cannot be used.
    """
    folder = free_folder(arguments.output)
    key = key_store.own_key(arguments.key, make=False)
    # The holder of a key may revoke what it signed; the letter itself names the sender.
    read = read_letter_file(
        arguments.offer,
        (OFFER, consents.CONSENT_FILE),
        (Offer, Feed, Consent, Revocation),
        {"": [key.public_key(), *key_store.own_public_keys()]},
    )
    letter = read.content
    if isinstance(letter, Revocation):
        raise UsageError(f"{read.path}: is a revocation; give the letter that is to be revoked")
    issued = utc_text(time_of(arguments))
    revocation = Revocation(letter.sender, letter.recipient, issued, (read.sha256,))
    signed = signing.letter_bytes(revocation, key)
    written = signed_files.write_signed(folder, REVOCATION, signed, key)
    if isinstance(letter, Offer):
        entry = ledger.Entry(
            at=issued,
            kind=ledger.EntryKind.CORRECTION,
            recipient=letter.recipient,
            sha256=read.sha256,
            run_id="",
            identifiers=tuple(entity.entity_id for entity in letter.entities),
        )
        ledger.record(arguments.ledger, [entry])
    noun = "offer" if isinstance(letter, Offer) else "consent"
    return say(
        f"{written}: revokes the {noun} of {letter.issued_at} to {letter.recipient}; mail it and "
        f"{written.name}.sig to them"
    )


@subcommand(
    "consent",
    "sign that a partner may name identifiers of yours to one authority",
    flag("members", "FILE", "ids that may be named, one a line, or a package.json"),
    flag("--to", "ORG", "slug of who refers the case", required=True),
    OWN_SLUG,
    flag("--recipient", "CODE", "the authority that it is referred to", required=True),
    flag("--expires", "TIME", "when it ends", required=True),
    NEW_FOLDER,
    SIGNING_FLAGS,
)
def write_consent(arguments: Namespace) -> int:
    """Writes a signed consent to a referral; returns the exit status 0.

    Raises:
        UsageError: for a file of members or a folder that cannot be used, or an end in the past.
    """
    folder = free_folder(arguments.output)
    sender, recipient = key_store.org_slug(arguments.sender), key_store.org_slug(arguments.to)
    if sender == recipient:
        raise UsageError(f"{sender} is both --from and --to; name the other organisation in --to")
    members = _members_from(arguments.members)
    issued, ends = utc_text(time_of(arguments)), utc_text(arguments.expires)
    if ends <= issued:
        raise UsageError(f"--expires {ends}: is not after {issued}; name a later time")
    consent = Consent(
        sender=sender,
        recipient=recipient,
        authority=arguments.recipient,
        issued_at=issued,
        expires_at=ends,
        members=members,
        digest=consents.members_text_digest(members),
    )
    key = key_store.own_key(arguments.key)
    written = signed_files.write_signed(
        folder, consents.CONSENT_FILE, signing.letter_bytes(consent, key), key
    )
    return say(
        f"{written}: {sender} consents that {recipient} names "
        f"{quantity(len(members), 'identifier')} to {arguments.recipient} until {ends}; mail it "
        f"and {written.name}.sig to them"
    )


def _members_from(path: str) -> tuple[str, ...]:
    """Returns the ids of a file: an id in each line, or the members of a package.json."""
    text = read_text(path)
    try:
        lines = [*msgspec.json.decode(text, type=_Members).members]
    except (msgspec.MsgspecError, RecursionError):
        lines = [line.strip() for line in text.splitlines() if line.strip()]
    kinds = tuple(f"{kind}:" for kind in EntityKind)
    for line in lines:
        # A consent has an id in each line.
        if not line.startswith(kinds) or not line.isprintable() or len(line) > MAX_ENTITY_ID_LENGTH:
            raise UsageError(f"{path}: {line[:60]!r} is not an id; {_GIVE_IDS}")
    if not lines:
        raise UsageError(f"{path}: names no id; {_GIVE_IDS}")
    return tuple(sorted(set(lines)))


class _Members(msgspec.Struct):
    """The members in a package.json."""

    members: dict[str, Any] | list[str]


_GIVE_IDS = "give ids such as phone:+18885550123, one a line, or a package.json"


def evidence_of_run(run: Run) -> pa.Table:
    """Returns the EVIDENCE_MENTION rows of a finished run, without brands."""
    complaints = tables.read_table(
        run,
        COMPLAINTS,
        ["source_org", "complaint_id", "victim_id", "received_at", "loss_amount", "loss_currency"],
    )
    calls = tables.read_table(
        run, CALLS, ["source_org", "call_id", "victim_id", "started_at", "complaint_id"]
    )
    return evidence_from_tables(
        tables.read_table(run, MENTIONS),
        pa.concat_tables([complaint_records(complaints, run.source_rules), call_records(calls)]),
        tables.read_table(run, ENTITIES, ["entity_id", "region", "line_type"]),
    )


def returned_members(
    joint: Run | None, run_id: str, recipient: str, now: datetime
) -> frozenset[str]:
    """Returns the reviewed core members of a joint run that `recipient` named in its offer.

    Args:
        joint: the joint run; without it, returns nothing.
        run_id: id of the own run in the joint run.
        recipient: the organisation.
        now: when its offer must be in force.

    Raises:
        UsageError: for another run, or an offer that is no longer in force.
    """
    if joint is None:
        return frozenset()
    path = joint.folder
    if not joint.offers:
        raise UsageError(f"{path}: is joined with no offer; give what `exchange join` wrote")
    if joint.manifest["options"]["own_run"] != run_id:
        raise UsageError(f"{path}: joins another run of yours; join this one, and give that")
    if all(offer["sender"] != recipient for offer in joint.offers):
        raise UsageError(f"{path}: holds no offer of {recipient}; join one with it")
    accepted_offers.check_offers(joint, now)
    check_basis(joint, "--joint ")
    where = (pc.field("tier") == Tier.CORE) & (pc.field("review") == Review.REVIEWED)
    members = tables.read_table(joint, MEMBERS, ["entity_id", "cluster_id"], where)
    disputed = tables.read_table(joint, CLUSTERS, ["cluster_id"], pc.field("status") == DISPUTED)
    reviewed = members.filter(pc.invert(pc.is_in(members["cluster_id"], disputed["cluster_id"])))
    named = tables.read_table(
        joint, CONTRIBUTORS, ["entity_id"], pc.field("contributor") == recipient
    )
    return frozenset(reviewed["entity_id"].to_pylist()) & set(named["entity_id"].to_pylist())


def words_of_run(run: Run, members: pa.Table, evidence: pa.Table) -> OwnWords:
    """Returns the reporters' own words on core members that no analyst reviewed, by complaint.

    A run without narratives has none; this is reported on stderr.
    """
    reader = narrative_reader(run, key_store.private_key())
    if reader is None:
        sys.stderr.write(
            f"ringtrace: {run.folder}: {NO_NARRATIVES}; what no analyst reviewed leaves by its "
            "call records alone\n"
        )
        return {}
    asked = members.filter(pc.equal(members["review"], Review.UNREVIEWED))
    asked = asked.filter(pc.equal(asked["tier"], Tier.CORE))
    named = evidence.filter(pc.is_in(evidence["entity_id"], asked["entity_id"].combine_chunks()))
    complaints = named.filter(pc.equal(named["record_kind"], RecordKind.COMPLAINT))
    ids = complaints["record_id"].unique()
    narratives = pa.Table.from_batches(reader(ids), NARRATIVES.schema)
    mentions = tables.read_table(run, MENTIONS, where=pc.field("record_id").isin(ids))
    return own_words(narratives, mentions)


def offer_summary(path: Path, offer: Offer, left: Withheld) -> list[str]:
    """Returns a few lines on what leaves and what stays, for the person responsible."""
    reports = sum(row.reports for row in offer.evidence)
    shown = sum(1 for cluster in offer.clusters if cluster.countries)
    return [
        f"{path}: for {offer.recipient}, {offer.tlp}, until {offer.expires_at}",
        f"  leaves: {quantity(len(offer.entities), 'identifier')} of "
        f"{quantity(len(offer.clusters), 'cluster')}; {quantity(reports, 'report')} as "
        f"{quantity(len(offer.evidence), 'count')} by kind and week",
        f"  victims by country: of {quantity(shown, 'cluster')}, counts of {offer.terms.k} and "
        "more alone",
        f"  stays: {reasons_text(left)}",
        f"  of {quantity(left.clusters, 'cluster')} nothing leaves",
        f"  mail {path.name} and {path.name}.sig together",
    ]


def reasons_text(left: Withheld) -> str:
    """Returns the number of identifiers that stay, by reason."""
    return ", ".join(f"{count} {why}" for why, count in left.reasons.items()) or "nothing"


def offer_policy(path: str | None) -> OfferPolicy:
    """Reads a policy, or the shipped policy.

    Raises:
        UsageError: for a file that cannot be used.
    """
    if path is None:
        return shipped_policy()
    with usage_errors(RecordError):
        return read_toml_record(OfferPolicy, read_text(path), path)


def _registrations(path: str | None) -> Registrations:
    """Reads the registration dates of domains; raises UsageError for an unusable file."""
    with usage_errors(RecordError):
        return parse_registrations(read_text(path), path) if path is not None else {}
