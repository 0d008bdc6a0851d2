"""`ringtrace exchange join`: offers put together with a run of one's own, as a run.

Offers and revocations at the door: each is taken whole, or refused by name.

The pipeline of a joint run: a finished run's evidence with that of offers, clustered as one.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import uuid
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pipelines import key_store
from pipelines.exchange import shared_victims, signed_files
from pipelines.options import UsageError, moment
from reports import tables
from reports import tables as of_run
from reports.exchange import read_offer
from reports.exchange.read_offer import OfferError
from reports.html import site
from schemas import epoch
from schemas.enums import Status
from schemas.joint import CONTRIBUTORS, OFFERED_CLUSTERS, UNION_LINKS
from schemas.manifest import Manifest
from schemas.offer import Offer, Revocation
from schemas.tables import (
    CALLS,
    CLUSTERS,
    COMPLAINTS,
    ENTITIES,
    ISLANDS,
    LINEAGE,
    LINKS,
    MEMBERS,
    MENTIONS,
    REJECTS,
    SUPPLIERS,
    Table,
)
from transforms import joint
from transforms.counters import CountMembers
from transforms.decisions import CountDecisions, Decision, Decisions
from transforms.extract.allowlist import KnownLegitimate
from transforms.extract.evidence import brands_of
from transforms.graph.leiden import File, KnownIslands
from transforms.graph.lineage import PreviousMembers
from transforms.graph.priority import Weights
from transforms.graph.transform import find_clusters, summarise_clusters
from transforms.joint import Taken, call_records, complaint_records, evidence_of, evidence_of_offer
from transforms.manifest import Run, Tally, rows_of
from transforms.redact.records import mentions
from transforms.shuffle import MAIN, batches_of
from transforms.write.job_pool import Desk, Put
from transforms.write.publish import Finish
from transforms.write.tables import WriteTables, parquet_bytes

KNOWN = "known legitimate: "
"""How the reason of an entity begins that is on the list."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `ringtrace exchange join` on `parser`."""
    many: dict[str, Any] = {"nargs": "+", "action": "extend", "default": []}
    parser.add_argument("run", metavar="RUN", help="folder of a finished run of your own")
    parser.add_argument(
        "offers",
        metavar="OFFER",
        nargs="*",
        help="folder of an offer or of a revocation; without any, what offers brought is out again",
    )
    parser.add_argument("--output", metavar="DIR", required=True, help="folder of the joint run")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier run there")
    parser.add_argument(
        "--from", metavar="ORG", dest="me", help="your own slug (default: the run's one)"
    )
    parser.add_argument(
        "--previous", metavar="DIR", help="run whose cluster ids are kept (default: RUN)"
    )
    parser.add_argument("--decisions", metavar="FILE", help="analysts' decisions, which bind")
    parser.add_argument(
        "--known-legitimate", metavar="FILE", **many, help="identifiers never to name, as in batch"
    )
    parser.add_argument("--weights", metavar="FILE", help="what ranks clusters, as in batch")
    parser.add_argument(
        "--victims",
        metavar="CSV",
        help="your own victims' phone and email: an offer that names one is not believed there",
    )
    parser.add_argument(
        "--overlap",
        **{**many, "metavar": "RESULT"},
        help="counts of victims shared with others, of clusters of an earlier join",
    )
    parser.add_argument(
        "--key", metavar="PEM", help="private key that signed them (default: your own)"
    )
    parser.add_argument(
        "--at", type=moment, metavar="TIME", help="when offers must be in force (default: now)"
    )
    parser.add_argument("--debug", action="store_true", help="show tracebacks and Beam's own log")


def run(arguments: argparse.Namespace) -> int:
    """Join; 0 when done, 1 when it failed.

    Raises:
        UsageError: for a refused offer, or anything else that the user must mend.
    """
    folder = arguments.run
    manifest = signed_files.manifest_of(folder)
    if manifest["options"].get("offers"):
        raise UsageError(f"{folder}: is joined already; give your own run, and it as --previous")
    orgs = set(tables.tally(folder, COMPLAINTS, ["source_org"])["source_org"].to_pylist())
    me = signed_files.own_org(arguments.me, orgs, folder)
    _check_given_again(arguments, manifest["options"])
    now = arguments.at or datetime.now(UTC)
    taken_in = take(arguments.offers, me, orgs, now)
    offers = taken_in.offers
    for one, why in taken_in.void:
        sys.stderr.write(f"ringtrace: {one.path}: {why}; its evidence is left out\n")
    sent = [(one.found.sender, one.sha256) for one in offers]
    overlaps = shared_victims.for_join(arguments.overlap, arguments.key, sent)
    named = {one for offer in offers for one in _named(offer)}
    private = signed_files.among(named, arguments.victims)
    status = _carry_out(arguments, manifest, me, taken_in, private, overlaps)
    if status == 0:
        settle(offers)
        sys.stdout.write("\n".join(_summary(arguments.output, offers, private)) + "\n")
    return status


def _check_given_again(arguments: argparse.Namespace, options: dict[str, Any]) -> None:
    """What binds the run binds the joint one: a list that is forgotten would name an innocent."""
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


def _carry_out(
    arguments: argparse.Namespace,
    manifest: dict[str, Any],
    me: str,
    taken_in: Intake,
    private: frozenset[str],
    overlaps: list[dict[str, Any]],
) -> int:
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    from pipelines import run_folder
    from pipelines.batch import plan
    from pipelines.batch.__main__ import carry_out
    from pipelines.options import LOCAL_RUNNER
    from pipelines.progress import Progress
    from pipelines.runner import quieten
    from transforms.manifest import Run
    from transforms.write.publish import staging_folder

    flags = [f"--runner={LOCAL_RUNNER}"]
    if not arguments.debug:
        flags += quieten(flags)
    output, offers = arguments.output, taken_in.offers
    follows = plan.find(arguments.previous or arguments.run)
    known = plan.known_legitimate(tuple(arguments.known_legitimate))
    decisions, weights = plan.decisions_in(arguments.decisions), plan.weights_in(arguments.weights)
    with run_folder.held(output):
        run_folder.check(output, overwrite=arguments.overwrite)
        joint = JointPlan(
            own=arguments.run,
            me=me,
            manifest=manifest,  # type: ignore[arg-type]
            offers=tuple(taken(one) for one in offers),
            offer_files=tuple(_file(one) for one in offers),
            known=known.merged(carried(arguments.run)),
            private=private,
            previous_members=follows.members,
            previous_islands=follows.islands,
            decisions=decisions,
            weights=weights,
            run=Run(
                staging=staging_folder(output, uuid.uuid4().hex[:12]),
                output=output,
                versions=plan.versions(),
                options=manifest["options"]
                | {
                    "decisions": plan.told(arguments.decisions),
                    "known_legitimate": [Path(one).name for one in arguments.known_legitimate],
                    "offers": [_told(one) for one in offers],
                    "offers_left_out": [_told(one) | {"why": why} for one, why in taken_in.void],
                    "overlaps": overlaps,
                    "own_run": manifest["run_id"],
                    "previous": follows.run_id,
                    "weights": plan.told(arguments.weights),
                },
            ),
        )
        pipeline = beam.Pipeline(options=PipelineOptions(flags))
        progress = Progress(sys.stderr)
        progress.say(f"joining {len(offers)} offer{'' if len(offers) == 1 else 's'}")
        build(pipeline, joint)
        status = carry_out(pipeline, joint.run, progress, debug=arguments.debug)
    if status == 0:
        for line in run_folder.lines(output):
            progress.say(line)
        progress.done(output)
    return status


def carried(folder: str) -> KnownLegitimate:
    """What a finished run knew to be legitimate, of what it saw: it stays so."""
    where = pc.field("status") == str(Status.SUPPRESSED)
    rows = tables.read(folder, ENTITIES, ["entity_id", "reason"], where).to_pylist()
    listed = [one for one in rows if one["reason"].startswith(KNOWN)]
    why = {epoch.bare(one["entity_id"]): one["reason"].removeprefix(KNOWN) for one in listed}
    ids = tuple(sorted(why))
    return KnownLegitimate(ids, tuple(why[one] for one in ids), frozenset())


def _label(one: Signed) -> str:
    """A name of our own making: that of the file is the sender's."""
    return f"offer-{one.found.sender}-{one.sha256[:12]}.json"


def _file(one: Signed) -> dict[str, Any]:
    return {
        "label": _label(one),
        "kind": "offer",
        "format": one.found.format,
        "bytes": one.bytes,
        "sha256": one.sha256,
        "rows": len(getattr(one.found, "evidence", ())),
    }


def _told(one: Signed) -> dict[str, str]:
    return {
        "issued_at": one.found.issued_at,
        "key_id": one.key_id,
        "sender": one.found.sender,
        "sha256": one.sha256,
        "tlp": getattr(one.found, "tlp", ""),
    }


def _named(one: Signed) -> frozenset[str]:
    """The identifiers of an offer, without epochs."""
    return frozenset(epoch.bare(entity.entity_id) for entity in getattr(one.found, "entities", ()))


def _summary(output: str, offers: list[Signed], private: frozenset[str]) -> list[str]:
    """What came of it, in a few lines."""
    who = tables.read(output, CONTRIBUTORS, ["cluster_id", "contributor"]).to_pylist()
    of: dict[str, set[str]] = {}
    for row in who:
        of.setdefault(row["cluster_id"], set()).add(row["contributor"])
    joint = sum(1 for those in of.values() if len(those) > 1)
    kinds = Counter(tables.read(output, UNION_LINKS, ["kind"])["kind"].to_pylist())
    lines = [
        f"{output}: {len(of)} clusters, {joint} of them seen by several organisations",
        f"  only the union reveals {kinds['link']} links, and that {kinds['shared']} pairs of "
        "clusters are one (union_links/)",
    ]
    for one in offers:
        if ours := len(_named(one) & private):
            lines.append(
                f"  {one.found.sender} names {ours} identifiers of your own victims: left out; "
                "tell them"
            )
        lines.append(f"  {one.found.sender}: {getattr(one.found, 'tlp', '')} binds this run too")
    return lines


NAMES = ("offer.json", "revocation.json")


@dataclass(frozen=True)
class Signed:
    """A file that was sent, its signature held and every field of it checked."""

    path: str
    found: Offer | Revocation
    sha256: str
    key_id: str
    bytes: int


@dataclass(frozen=True)
class Intake:
    """The offers in force, by sender, and those that are void, each with the reason."""

    offers: list[Signed]
    void: list[tuple[Signed, str]]


def take(paths: Sequence[str], me: str, own: set[str], now: datetime) -> Intake:
    """The offers among `paths`; revocations are put down and hold at once.

    `own` are the organisations whose records the run holds itself. An offer that expired or was
    revoked is set aside: a join that is made again every day takes its evidence out by itself.

    Raises:
        UsageError: naming the first file that is refused, and why.
    """
    trusted = key_store.trusted_keys()
    read = [_read(path, trusted, me, now) for path in paths]
    for one in read:
        if isinstance(one.found, Revocation):
            before = signed_files.past(one.found.sender)
            revoked = before.revoked | set(one.found.offers)
            signed_files.keep(one.found.sender, replace(before, revoked=revoked))
    offers = sorted((one for one in read if isinstance(one.found, Offer)), key=_by_sender)
    void = [(one, why) for one in offers if (why := _void(one, now))]
    held = [one for one in offers if not _void(one, now)]
    senders: dict[str, str] = {}
    for one in held:
        _check(one, own)
        other = senders.setdefault(one.found.sender, one.path)
        if other != one.path:
            raise UsageError(
                f"{one.path}: is {one.found.sender}'s, as {other} is; give the newest alone"
            )
    return Intake(held, void)


def _void(one: Signed, now: datetime) -> str:
    """Why an offer is void at `now`; nothing where it is in force."""
    if one.sha256 in signed_files.past(one.found.sender).revoked:
        return "revoked"
    if isinstance(one.found, Offer) and read_offer.expired(one.found, now):
        return f"expired at {one.found.expires_at}"
    return ""


def settle(offers: Sequence[Signed]) -> None:
    """Put down that the offers were taken, once the run that took them is whole."""
    for one in offers:
        before = signed_files.past(one.found.sender)
        now = replace(before, issued_at=one.found.issued_at, sha256=one.sha256)
        signed_files.keep(one.found.sender, now)


def taken(one: Signed) -> Taken:
    """An accepted offer as the evidence of a joint run."""
    if not isinstance(one.found, Offer):
        raise TypeError("a revocation is no evidence")
    return Taken(one.found, one.sha256)


def _by_sender(one: Signed) -> tuple[str, str]:
    return one.found.sender, one.path


def _read(given: str, trusted: dict[str, list[Ed25519PublicKey]], me: str, now: datetime) -> Signed:
    path, content, signature = signed_files.read_signed(given, NAMES)
    try:
        org, key_id = read_offer.signer_of(content, signature, trusted)
        found = read_offer.parse(content, org)
        read_offer.check_for(found, me, now)
    except OfferError as error:
        raise UsageError(f"{path}: {error}") from None
    return Signed(str(path), found, hashlib.sha256(content).hexdigest(), key_id, len(content))


def _check(one: Signed, own: set[str]) -> None:
    sender = one.found.sender
    if sender in own:
        raise UsageError(
            f"{one.path}: is {sender}'s, whose records the run holds already; its evidence would "
            "count twice"
        )
    before = signed_files.past(sender)
    newer = (before.issued_at, before.sha256) if before.sha256 else ("", one.sha256)
    if one.found.issued_at < newer[0] or (
        one.found.issued_at == newer[0] and one.sha256 != newer[1]
    ):
        raise UsageError(
            f"{one.path}: is older than the offer of {before.issued_at} that was taken from "
            f"{sender} before; ask for the newest"
        )


@dataclass(frozen=True)
class JointPlan:
    """Everything that one joint run needs to know; `own` is the folder of the finished run."""

    own: str
    me: str
    manifest: Manifest
    offers: tuple[Taken, ...]
    offer_files: tuple[Mapping[str, Any], ...]
    known: KnownLegitimate
    private: frozenset[str]
    previous_members: tuple[str, ...]
    previous_islands: tuple[File, ...]
    decisions: tuple[Decision, ...]
    weights: Weights
    run: Run


def own_evidence(folder: str) -> Iterator[pa.RecordBatch]:
    """The EVIDENCE batches of a finished run."""
    complaints = of_run.read(folder, COMPLAINTS).combine_chunks()
    brands = brands_of(complaints.to_batches()[0]) if complaints.num_rows else None
    records = [
        complaint_records(complaints, brands),
        call_records(of_run.read(folder, CALLS)),
    ]
    found = evidence_of(
        of_run.read(folder, MENTIONS),
        pa.concat_tables(records),
        of_run.read(folder, ENTITIES, ["entity_id", "region", "line_type"]),
    )
    # Epochs are told apart anew: what the other side saw can fill a gap.
    bare = epoch.bare_ids(found["entity_id"])
    yield from batches_of(found.set_column(0, found.schema.field(0), bare).combine_chunks())


def offered_evidence(taken: Taken, private: frozenset[str]) -> Iterator[pa.RecordBatch]:
    """The EVIDENCE batches of an offer, without what is our own victims'."""
    ours = pa.array(sorted(private), pa.string())
    for batch in evidence_of_offer(taken):
        kept = batch.filter(pc.invert(pc.is_in(batch["entity_id"], ours)))
        if kept.num_rows:
            yield kept


def rows_of_run(folder: str, table: Table) -> Iterator[pa.RecordBatch]:
    """All rows of one table of a finished run."""
    yield from of_run.batches(folder, table, table.schema.names)


def withheld(folder: str) -> Iterator[pa.RecordBatch]:
    """The ENTITY rows of a finished run that are a victim's own: no evidence names them again."""
    where = pc.field("status") == str(Status.VICTIM_SIDE)
    yield from of_run.batches(folder, ENTITIES, ENTITIES.schema.names, where)


def tallies_of(manifest: Manifest) -> Iterator[Tally]:
    """What the finished run counted of the records that it read."""
    for kind, counts in manifest["counts"].items():
        for name, count in counts.items():  # type: ignore[attr-defined]
            yield (kind, name), count
    for one in manifest["inputs"]:
        yield (rows_of(one["kind"]), one["name"]), one["rows"]
    for group, named in manifest["tallies"].items():
        if group.startswith(("complaint_", "call_")):
            for name, count in named.items():
                yield (group, name), count


def digests_of(manifest: Manifest) -> list[Mapping[str, Any]]:
    """The inputs of the finished run, as `Finish` takes them."""
    return [
        {"label": one["name"], **{k: one[k] for k in ("kind", "format", "bytes", "sha256")}}
        for one in manifest["inputs"]
    ]


def build(pipeline: beam.Pipeline, plan: JointPlan) -> None:
    """Add the whole joint run to a pipeline. Elements are Arrow RecordBatches unless said."""
    own = pipeline | "Own run" >> beam.Create([plan.own], reshuffle=False)
    start = pipeline | "Start" >> beam.Create([plan.run], reshuffle=False)  # one Run
    kept = {
        table.name: own | f"Own {table.name}" >> beam.FlatMap(rows_of_run, table)
        for table in (COMPLAINTS, CALLS, REJECTS)
    }
    evidence = (
        own | "Own evidence" >> beam.FlatMap(own_evidence),
        pipeline
        | "Offers" >> beam.Create(list(plan.offers), reshuffle=False)
        | "Offered evidence" >> beam.FlatMap(offered_evidence, plan.private),
    ) | "All evidence" >> beam.Flatten()  # EVIDENCE
    in_force = (kept[COMPLAINTS.name], kept[CALLS.name]) | "Decisions" >> Decisions(
        plan.decisions, None, start
    )  # one InForce
    previous = start | "Previous members" >> PreviousMembers(plan.previous_members)  # PREVIOUS
    islands = start | "Previous islands" >> KnownIslands(plan.previous_islands)  # ISLAND, tallies
    found = find_clusters(
        evidence, start, in_force, previous, islands[MAIN], plan.known, follows=True
    )
    told = summarise_clusters(found, in_force, plan.weights)
    nobody = np.empty(0, np.int64)
    outputs: Mapping[str, beam.PCollection[pa.RecordBatch]] = {
        **kept,
        MENTIONS.name: found.classified | "Mentions" >> beam.Map(mentions, nobody),
        ENTITIES.name: (found.entities, own | "Withheld" >> beam.FlatMap(withheld))
        | "All entities" >> beam.Flatten(),
        LINKS.name: found.links,
        CLUSTERS.name: told.clusters,
        MEMBERS.name: told.members,
        SUPPLIERS.name: told.suppliers,
        LINEAGE.name: found.lineage,
        ISLANDS.name: found.islands,
    }
    written = outputs | "Write tables" >> WriteTables(start, 1)  # OutputFile
    counted = [
        *tallies_of(plan.manifest),
        *(((rows_of("offer"), str(one["label"])), int(one["rows"])) for one in plan.offer_files),
    ]
    tallies = (
        pipeline | "Counted before" >> beam.Create(counted, reshuffle=False),
        *found.tallies,
        found.searched,
        islands["tallies"],
        in_force | "Count decisions" >> CountDecisions(),
        told.clusters | "Count members" >> CountMembers(),
    ) | "All tallies" >> beam.Flatten()  # ((group, name), count)
    digests = pipeline | "Digests" >> beam.Create(
        [*digests_of(plan.manifest), *plan.offer_files], reshuffle=False
    )
    gathered = {"digests": digests, "tallies": tallies, "outputs": written}
    report = partial(report_of, own=plan.own, me=plan.me, offers=plan.offers)
    _ = gathered | "Finish" >> Finish(start, report)  # Manifest


def report_of(
    folder: str, manifest: Manifest, desk: Desk, *, own: str, me: str, offers: tuple[Taken, ...]
) -> None:
    """Write who contributed what, and what people read of a run whose tables are in `folder`."""
    members = of_run.read(folder, MEMBERS)
    links = of_run.read(folder, LINKS, ["entity_a", "entity_b"], pc.field("accepted"))
    seen = of_run.read(folder, ENTITIES, ["entity_id", "orgs"])
    orgs = dict(zip(seen["entity_id"].to_pylist(), seen["orgs"].to_pylist(), strict=True))
    views = [
        joint.own_view(me, of_run.read(own, MEMBERS)),
        *(joint.offered_view(one) for one in offers),
    ]
    views = [view.placed(orgs) for view in views]
    by_name = {view.contributor: view for view in views}
    made = (
        (CONTRIBUTORS, joint.contributors(members, orgs, views)),
        (UNION_LINKS, joint.union_links(members, links, views)),
        (OFFERED_CLUSTERS, joint.offered_clusters(members, offers, by_name)),
    )
    for _ in desk.each([partial(_tables, made)], 0):
        continue
    site.write(folder, manifest, desk)


def _tables(made: Iterable[tuple[Table, pa.Table]], put: Put) -> None:
    for table, rows in made:
        name = f"{table.name}/part-00000-of-00001.parquet"
        put(name, [memoryview(parquet_bytes(rows.combine_chunks(), table))])
