"""`ringtrace referral RUN`: one confirmed cluster as a sealed package for one recipient."""

from __future__ import annotations

import errno
import shutil
import sys
import uuid
from argparse import Namespace
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from pipelines import key_store, ledger
from pipelines.batch.join import orgs_of_run
from pipelines.ledger import LEDGER_FLAG, hold_back, own_org, signing_flags, values_withheld
from pipelines.letters import signed_files
from pipelines.letters.accepted_offers import void_offers
from pipelines.letters.consents import read_consents
from pipelines.letters.shared_counts import read_shared_count
from pipelines.options import (
    FORMAT_FLAGS,
    INPUT_FLAGS,
    KNOWN_LEGITIMATE_FLAG,
    REGISTER_FLAGS,
    Json,
    Row,
    UsageError,
    all_of,
    flag,
    group,
    say,
    several,
    switch,
    usage_errors,
)
from pipelines.user_files import (
    check_basis,
    file_digest,
    free_folder,
    open_run,
    read_decisions,
    read_known_legitimate,
    read_maps,
    read_text,
    rests_on,
    run_decisions,
    who_answers,
)
from reports import tables
from reports.disclosure_control import is_reviewed_core
from reports.referral import (
    Case,
    CaseFile,
    CaseRecords,
    Confirmation,
    EarlierReferral,
    Files,
    Filing,
    Inclusion,
    Obstacle,
    Override,
    PartnerEvidence,
    ReferenceFileError,
    Release,
    SharedVictims,
    UnknownClusterError,
    UnreconciledError,
    build_case,
    collect_case_records,
    find_obstacles,
    load_case_file,
    load_exchange_rates,
    load_reference,
    member_record_keys,
    members_to_name,
    recipient_codes,
)
from reports.run import NO_NARRATIVES, Run, narrative_reader
from reports.signing import digest_of
from schemas.decision import DecisionKind
from schemas.entity import without_epoch
from schemas.enums import Status
from schemas.joint import CONTRIBUTORS
from schemas.manifest import Manifest
from schemas.records import RecordError
from schemas.tables import MEMBERS
from transforms.extract import mask_contacts
from transforms.gates import read_bytes, read_json

DEPENDED_ON = (
    "ringtrace",
    "reportlab",
    "uharfbuzz",
    "fontpkg-mukta",
    "fontpkg-ibm-plex-mono",
    "stix2",
)
"""Python packages whose version can change a byte of a referral package."""


add_arguments = all_of(
    flag("run", "RUN", "folder of a finished run"),
    flag("--cluster", "ID", "its id in clusters/", required=True),
    flag(
        "--recipient",
        "CODE",
        f"one of {', '.join(recipient_codes())}, or of your own --reference",
        required=True,
    ),
    flag("--output", "DIR", "the package, a new folder", required=True),
    group(
        "Records",
        INPUT_FLAGS,
        FORMAT_FLAGS,
        KNOWN_LEGITIMATE_FLAG,
        flag("--decisions", "FILE", "decisions file that the run was given, to name who confirmed"),
    ),
    group(
        "Case",
        flag("--case", "FILE", "TOML of legal names, contacts, signatories, case numbers"),
        flag("--rates", "FILE", "CSV date,from,to,rate,source to convert by"),
        flag("--as-of", "TIME", "date of the package (default: the run's)"),
        several(
            "--overlap", "RESULT", "signed counts of victims shared with others, about this cluster"
        ),
        several(
            "--consent",
            "RESULT",
            "a partner's signed consent, for the identifiers that it lists; or its revocation",
        ),
        flag(
            "--supersedes",
            "PACKAGE",
            "an earlier package of this cluster: its folder, or its id in the ledger",
        ),
        switch("--excerpts", "quote narratives, with victims' data masked"),
        switch(
            "--quote-scripts",
            "quote what callers read out, once you have read it in the run's report",
        ),
        flag("--reference", "DIR", "your recipients and rules, in place of shipped ones"),
    ),
    group(
        "Seal and record",
        signing_flags(
            "when it is sealed; the time that an earlier seal has makes the same package again, to "
            "the byte"
        ),
        own_org("issuer"),
        LEDGER_FLAG,
        REGISTER_FLAGS,
    ),
    group(
        "Answer for what is refused",
        several(
            "--include",
            "ENTITY=REASON",
            "name a member that is not core or not reviewed, and why; needs --override-by",
        ),
        flag("--override-by", "NAME", "who answers for a refused cluster, or an --include"),
        flag(
            "--override-reason", "TEXT", "why --override-by answers for it; the package prints both"
        ),
        flag("--second", "NAME", "a second person who answers, if policy.toml asks for it"),
        flag("--second-key", "FILE", "private key of --second"),
    ),
)
"""The flags of `ringtrace referral` on `parser`."""


def run(arguments: Namespace) -> int:
    """Writes the package; returns 0 when done, 1 if the cluster is refused.

    Raises:
        UsageError: for a mistake of the user.
    """
    out = free_folder(arguments.output)
    memo = free_folder(out.with_name(f"{out.name}-counsel"))
    finished = open_run(arguments.run, built_on=True)
    manifest = finished.manifest
    override, now = _override_from(arguments), arguments.now or datetime.now(UTC)
    with usage_errors(ReferenceFileError, RecordError):
        chosen = load_reference(arguments.recipient, arguments.reference)
        path = arguments.rates
        rates = load_exchange_rates(read_text(path), path) if path is not None else {}
    superseded = _superseded(arguments, finished) if arguments.supersedes else None
    narratives = narrative_reader(finished, key_store.private_key()) if arguments.excerpts else None
    if arguments.excerpts and narratives is None:
        raise UsageError(f"{arguments.run}: --excerpts: {NO_NARRATIVES}; leave --excerpts out")
    known = read_known_legitimate(arguments.known_legitimate)
    records = _read_case_records(arguments, finished)
    included = _inclusions_from(arguments, records)
    named = members_to_name(records.facts, included)
    case_file = _case_file_from(arguments.case, records, named)
    releases, uncovered, unasked = _releases_from(arguments, records, named, now)
    partners = PartnerEvidence(records.offered, void_offers(finished, now), uncovered)
    # A run older than kept decisions has none.
    decided = run_decisions(finished)
    in_force = decided.filter(decided["in_force"]).to_pylist() if decided is not None else ()
    stops = find_obstacles(records.facts, known, chosen.policy, partners, included, in_force)
    if stops and not (override and all(stop.answerable for stop in stops)):
        return _refuse(arguments.cluster, stops, unasked)
    check_basis(finished)
    issuer = _issuer(arguments.issuer, finished)
    values = values_withheld(finished, arguments.register_key, no_register=arguments.no_register)
    key = key_store.own_key(arguments.key)
    shared = _shared_counts(
        arguments.overlap, key.public_key(), finished, arguments.cluster, records.facts.member_ids
    )
    filing = Filing(
        override=override if stops else None,
        confirmations=_confirmations_from(
            arguments.decisions, manifest, records, named, {row["decision_id"] for row in in_force}
        ),
        included=included,
        rates=rates,
        shared=shared,
        releases=releases,
        file=case_file,
        issuer=issuer or "",
        quote_scripts=arguments.quote_scripts,
    )
    with usage_errors(UnreconciledError, before=f"{arguments.run}: ", after="; run it again"):
        case = build_case(finished, records, chosen, filing, stops, narratives)
    if superseded is not None:
        case = _superseding(case, *superseded)
    files, of_counsel = _files(case, key, issuer, now)
    hold_back(finished, f"referral/{case.code}", files, values)
    hold_back(finished, f"counsel/{case.code}", of_counsel, values)
    entry = _ledger_entry(case, files, now, rests_on(finished))
    _publish({memo: of_counsel, out: files}, arguments.ledger, entry)
    return say(f"{out}\n{memo}: for counsel, not to be sent\n{entry.issue_id}")


def _override_from(arguments: Namespace) -> Override | None:
    """Returns the person who answers for a refused cluster, and the reason, if there is one."""
    name, reason = arguments.override_by, arguments.override_reason
    if arguments.include and name is None:
        raise UsageError("--include needs --override-by NAME: name who answers for it")
    if (name is None) != (reason is None) and not arguments.include:
        raise UsageError("--override-by and --override-reason go together: give a name, and why")
    if name is None:
        return None
    if not name.strip() or (reason is not None and not reason.strip()):
        raise UsageError("--override-by, --override-reason: must not be empty")
    name = arguments.override_by = who_answers(name, arguments.second, arguments.second_key)
    return None if reason is None else Override(name.strip(), mask_contacts(reason.strip()))


def _inclusions_from(arguments: Namespace, records: CaseRecords) -> list[Inclusion]:
    """Returns the members named by override, each with the person responsible and the reason."""
    members = {member["entity_id"]: member for member in records.facts.members}
    inclusions: dict[str, Inclusion] = {}
    for text in arguments.include:
        entity_id, reason = _included_member(text, members)
        member = members[entity_id]
        if not reason:
            raise UsageError(f"--include {text[:80]!r}: give a reason, as ENTITY=REASON")
        if member["status"] != Status.INFRASTRUCTURE:
            raise UsageError(
                f"--include {entity_id}: is {member['status']}, which never leaves; decide on it "
                "first"
            )
        if not is_reviewed_core(member):
            said = mask_contacts(reason, [entity_id])
            inclusions[entity_id] = Inclusion(entity_id, arguments.override_by.strip(), said)
    return [inclusions[entity_id] for entity_id in sorted(inclusions)]


def _case_file_from(path: str | None, records: CaseRecords, named: Collection[str]) -> CaseFile:
    """Loads the case file; masks contacts in its texts, except named members."""
    if path is None:
        return CaseFile()
    with usage_errors(ReferenceFileError):
        case_file = load_case_file(read_text(path), path, records.facts.row["orgs"])
    masked = {
        name: "\n".join(mask_contacts(line, named) for line in case_file.values[name].splitlines())
        for name in ("operation", "narrative")
        if name in case_file.values
    }
    return CaseFile(case_file.values | masked)


def _releases_from(
    arguments: Namespace, records: CaseRecords, named: Collection[str], now: datetime
) -> tuple[list[Release], dict[str, int], dict[str, list[str]]]:
    """Reads partners' consents, and counts for each the named members that it does not cover.

    The last result lists, for each partner, the named members that the partner saw and that its
    consents, if any, do not cover.
    """
    senders = records.senders
    own = set(records.facts.row["orgs"]) - senders
    signed = read_consents(arguments.consent, own, arguments.recipient, now)
    if strangers := sorted(signed.keys() - senders):
        raise UsageError(f"--consent: {strangers[0]} has no part in this cluster; leave it out")
    releases, unasked = [], {}
    for org in sorted(senders):
        where = tables.among("entity_id", named) & (pc.field("contributor") == org)
        rows = tables.read_table(arguments.run, CONTRIBUTORS, ["entity_id"], where)
        left = set(map(without_epoch, rows["entity_id"].to_pylist()))
        if consent := signed.get(org):
            covered = set(map(without_epoch, consent.content.members))
            left -= covered
            if not left:
                count = len(covered.intersection(map(without_epoch, named)))
                period = (consent.content.issued_at, consent.content.expires_at)
                releases.append(Release(org, *period, count, consent.letter, consent.signature))
        unasked[org] = sorted(left)
    return releases, {org: len(unasked[org]) for org in signed}, unasked


def _shared_counts(
    paths: Sequence[str], key: Ed25519PublicKey, finished: Run, cluster_id: str, members: list[str]
) -> list[SharedVictims]:
    """Reads the counts in `paths` for a referral of one cluster, in order of organisations.

    Raises:
        UsageError: for a count that is invalid, about another cluster, or given twice.
    """
    joined = [(offer["sender"], offer["sha256"]) for offer in finished.offers]
    counts: dict[str, SharedVictims] = {}
    for name in paths:
        read, about = read_shared_count(name, key, joined)
        path, result, org = read.path, read.content, read.content.recipient
        if about.cluster_id != cluster_id:
            raise UsageError(f"{path}: is about another cluster than {cluster_id}")
        if about.members != tuple(sorted(members)):
            raise UsageError(f"{path}: {cluster_id} has other members now; make a new request")
        if org in counts:
            raise UsageError(f"{path}: counts {org} twice; give the newest alone")
        counts[org] = SharedVictims(
            organisation=org,
            by=result.by,
            shared=result.shared,
            floor=result.floor,
            day=result.issued_at,
            signer=read.key_id,
            letter=read.letter,
            signature=read.signature,
        )
    return [counts[org] for org in sorted(counts)]


def _included_member(text: str, members: Row) -> tuple[str, str]:
    """Splits ENTITY=REASON after the longest member id, since an address may contain `=`."""
    marks = [place for place, letter in enumerate(text) if letter == "="]
    for place in reversed(marks):
        if text[:place].strip() in members:
            return text[:place].strip(), text[place + 1 :].strip()
    raise UsageError(
        f"--include {text[:80]!r}: names no member of the cluster; give its id in members/, as "
        "ENTITY=REASON"
    )


def _read_case_records(arguments: Namespace, run: Run) -> CaseRecords:
    """Reads the cluster's records, and finds each record in the inputs."""
    manifest = run.manifest
    options: Any = manifest["options"]
    # Reading the inputs loads Beam; an error of usage must come before that.
    from pipelines.referral.source_records import locate_records
    from transforms.read import ReadOptions

    if not arguments.complaints and not arguments.calls:
        raise UsageError(
            "--complaints, --calls: give the files that the run read; exhibits point into them"
        )
    try:
        wanted = member_record_keys(run, arguments.cluster)
    except UnknownClusterError as error:
        raise UsageError(f"{arguments.run}: {error}") from None
    except FileNotFoundError:
        raise UsageError(
            f"{arguments.run}: a table of the run is missing; make the run again"
        ) from None
    reading = ReadOptions(
        complaints_format=arguments.complaints_format,
        calls_format=arguments.calls_format,
        source_org=arguments.source_org,
        calls_direction=options.get("calls_direction"),
        maps=read_maps(arguments.map),
        timezone=arguments.timezone,
        victim_country=options.get("victim_country"),
    )
    sources = locate_records(manifest, arguments.complaints, arguments.calls, wanted, reading)
    when = arguments.as_of or run.moment
    return collect_case_records(run, manifest, arguments.cluster, sources, when)


def _confirmations_from(
    path: str | None,
    manifest: Manifest,
    records: CaseRecords,
    named: Collection[str],
    in_force: Collection[str],
) -> list[Confirmation]:
    """Returns the people who confirmed, from the decisions file that the run was given."""
    if path is None:
        return []
    of_run, own = manifest["options"].get("decisions"), file_digest(path)
    if own is None or not isinstance(of_run, dict) or of_run.get("sha256") != own["sha256"]:
        raise UsageError(f"{path}: is not the decisions file of the run; give that one")
    members = {*records.facts.member_ids}
    return [
        Confirmation(
            decision.author,
            decision.decided_at.date(),
            mask_contacts(decision.reason, named),
            decision.decision_id,
            decision.entity_a,
            decision.signed_by,
            mask_contacts(decision.opened, named) if decision.opened else None,
            decision.compared_with,
        )
        for decision in read_decisions(path)
        if decision.kind is DecisionKind.CONFIRM
        and decision.entity_a in members
        and decision.decision_id in in_force
    ]


def _superseded(arguments: Namespace, finished: Run) -> tuple[str, Json]:
    """Returns the seal's SHA-256 and the facts of the package that `--supersedes` names.

    A folder is verified. An id is looked up in the ledger, whose chain is verified. Withdrawals can
    change a cluster's id, so the earlier package only needs to share a member with the cluster.
    """
    from reports.referral import FACTS_FILE, verify_package

    name = arguments.supersedes
    if ledger.ISSUE_ID.fullmatch(name):
        entry = ledger.find_package(ledger.read_ledger(arguments.ledger), name)
        if entry is None:
            raise UsageError(f"{name}: is not in the ledger; give the folder of the package")
        seal_sha256, facts = entry.sha256, dict(entry.facts)
    else:
        folder = Path(name)
        if not folder.is_dir():
            raise UsageError(f"{folder}: is not a folder; give the earlier package to --supersedes")
        keys = key_store.own_public_keys()
        if arguments.key is not None:
            keys.append(key_store.own_key(arguments.key).public_key())
        result = verify_package(folder, keys)
        if not result.holds:
            raise UsageError(
                f"{folder}: is not a valid package of yours; see ringtrace verify {folder}"
            )
        seal_sha256 = result.seal_sha256
        facts = read_json(read_bytes(folder / FACTS_FILE))
    cluster = facts.get("cluster_id")
    if cluster != arguments.cluster:
        here = pc.field("cluster_id") == arguments.cluster
        members = tables.read_table(finished, MEMBERS, ["entity_id"], here)["entity_id"]
        if len(members) and facts.get("members", {}).keys().isdisjoint(members.to_pylist()):
            raise UsageError(
                f"{name}: is of the cluster {cluster}; give one of {arguments.cluster}"
            )
    return seal_sha256, facts


def _superseding(case: Case, seal_sha256: str, facts: Json) -> Case:
    """Returns a case that supersedes an earlier package."""
    from reports.referral import fact_differences, package_facts

    changes = fact_differences(facts, package_facts(case, {}), case.language)
    return replace(case, earlier=EarlierReferral(seal_sha256, str(facts.get("as_of")), changes))


def _ledger_entry(
    case: Case, files: Files, now: datetime, built_on: tuple[str, ...]
) -> ledger.Entry:
    """Returns the ledger's entry on a package."""
    from reports.referral import SEAL_FILE, compared_facts, package_facts, package_identifiers

    named = package_identifiers(case, files)
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, paths in enumerate(named.values()):
        for path in paths:
            places[path].append(place)
    consents = [digest_of(release.letter) for release in case.releases]
    return ledger.Entry(
        at=signed_files.utc_text(now),
        kind=ledger.EntryKind.PACKAGE,
        recipient=case.reference.recipient["code"],
        sha256=digest_of(files[SEAL_FILE]),
        run_id=case.manifest["run_id"],
        identifiers=tuple(named),
        reference=case.code,
        files=dict(sorted(places.items())),
        facts=compared_facts(package_facts(case, {})) | {"consents": consents},
        supersedes=case.earlier.seal_sha256 if case.earlier else "",
        built_on=built_on,
    )


def _refuse(cluster_id: str, stops: list[Obstacle], unasked: Mapping[str, Sequence[str]]) -> int:
    """Prints the obstacles, and the members that consents must list; returns the exit status."""
    sys.stderr.write(f"ringtrace referral: {cluster_id} is refused:\n")
    for stop in stops:
        sys.stderr.write(f"  {stop.code}: {stop.text}\n")
    if any(stop.code == "handling" for stop in stops):
        for org, ids in unasked.items():
            sys.stderr.write(f"  a consent of {org} must list what it saw of those to name:\n")
            sys.stderr.writelines(f"    {entity_id}\n" for entity_id in ids)
    if all(stop.answerable for stop in stops):
        sys.stderr.write("  or answer for it: --override-by NAME --override-reason TEXT\n")
    return 1


def _issuer(org: str | None, run: Run) -> str | None:
    """Returns `--from ORG`, or the run's only organisation; None if it has several."""
    if org is not None:
        return key_store.org_slug(org)
    orgs = orgs_of_run(run)
    return orgs.pop() if len(orgs) == 1 else None


def _files(
    case: Case, key: Ed25519PrivateKey, issuer: str | None, now: datetime
) -> tuple[Files, Files]:
    """Returns the files of the package, and the files of counsel's memo."""
    from reports.export import MissingStixError
    from reports.referral import MissingPdfError, Sealer, counsel_files, package_files

    versions = {}
    font = case.language.form.get("font")
    for name in (*DEPENDED_ON, *([font["package"]] if font else [])):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    with usage_errors(MissingStixError, MissingPdfError):
        sealer = Sealer(key, issuer, signed_files.utc_text(now))
        files = package_files(case, versions, sealer)
        return files, counsel_files(case, versions, sealer, files)


def _publish(bags: Mapping[Path, Files], ledger_file: str | None, entry: ledger.Entry) -> None:
    """Writes aside, records, then renames, so that every package is in the ledger.

    The last of the bags is the package that leaves. If it cannot be renamed, the other bags and the
    ledger's entry are removed.
    """
    from transforms.write import folder_replaced  # with Beam; errors of usage come before

    mark = uuid.uuid4().hex[:12]
    asides = {out: out.with_name(f".{out.name}.{mark}") for out in bags}
    out = next(iter(bags))
    try:
        for out, files in bags.items():
            for path, content in files.items():
                target = asides[out] / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
        with ledger.recorded(ledger_file, [entry]), ExitStack() as appeared:
            for out, aside in asides.items():
                if out.exists():
                    out.rmdir()  # fails if the folder has files by now
                appeared.enter_context(folder_replaced(aside, out))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise UsageError(f"{out}: {error.strerror}; name a folder that can be made") from None
    finally:
        for aside in asides.values():
            shutil.rmtree(aside, ignore_errors=True)
