"""`ringtrace exchange join`: offers put together with a run of one's own, as a run."""

from __future__ import annotations

import argparse
import sys
import uuid
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from pipelines import shared_victims
from pipelines.exchange import files, intake, own_victims
from pipelines.options import UsageError, moment
from reports import tables
from schemas import epoch
from schemas.joint import CONTRIBUTORS, UNION_LINKS
from schemas.kinds import Status
from schemas.tables import COMPLAINTS, ENTITIES
from transforms.identify.legitimate import KnownLegitimate

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
    manifest = files.manifest_of(folder)
    if manifest["options"].get("offers"):
        raise UsageError(f"{folder}: is joined already; give your own run, and it as --previous")
    orgs = set(tables.tally(folder, COMPLAINTS, ["source_org"])["source_org"].to_pylist())
    me = files.own_org(arguments.me, orgs, folder)
    _check_given_again(arguments, manifest["options"])
    now = arguments.at or datetime.now(UTC)
    taken_in = intake.take(arguments.offers, me, orgs, now)
    offers = taken_in.offers
    for one, why in taken_in.void:
        sys.stderr.write(f"ringtrace: {one.path}: {why}; its evidence is left out\n")
    sent = [(one.found.sender, one.sha256) for one in offers]
    overlaps = shared_victims.for_join(arguments.overlap, arguments.key, sent)
    named = {one for offer in offers for one in _named(offer)}
    private = own_victims.among(named, arguments.victims)
    status = _carry_out(arguments, manifest, me, taken_in, private, overlaps)
    if status == 0:
        intake.settle(offers)
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
    taken_in: intake.Intake,
    private: frozenset[str],
    overlaps: list[dict[str, Any]],
) -> int:
    import apache_beam as beam  # noqa: PLC0415 - a refusal must not wait for Beam
    from apache_beam.options.pipeline_options import PipelineOptions  # noqa: PLC0415

    from pipelines import output_folder, plan, previous, searched  # noqa: PLC0415
    from pipelines.exchange.joint import JointPlan, build  # noqa: PLC0415
    from pipelines.options import LOCAL_RUNNER  # noqa: PLC0415
    from pipelines.progress import Progress  # noqa: PLC0415
    from pipelines.quiet import quieten  # noqa: PLC0415
    from pipelines.run_batch import carry_out  # noqa: PLC0415
    from transforms.accounting import Run  # noqa: PLC0415
    from transforms.output.publish import staging_folder  # noqa: PLC0415

    flags = [f"--runner={LOCAL_RUNNER}"]
    if not arguments.debug:
        flags += quieten(flags)
    output, offers = arguments.output, taken_in.offers
    follows = previous.find(arguments.previous or arguments.run)
    known = plan.known_legitimate(tuple(arguments.known_legitimate))
    decisions, weights = plan.decisions_in(arguments.decisions), plan.weights_in(arguments.weights)
    with output_folder.held(output):
        output_folder.check(output, overwrite=arguments.overwrite)
        joint = JointPlan(
            own=arguments.run,
            me=me,
            manifest=manifest,  # type: ignore[arg-type]
            offers=tuple(intake.taken(one) for one in offers),
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
        for line in searched.lines(output):
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


def _label(one: intake.Signed) -> str:
    """A name of our own making: that of the file is the sender's."""
    return f"offer-{one.found.sender}-{one.sha256[:12]}.json"


def _file(one: intake.Signed) -> dict[str, Any]:
    return {
        "label": _label(one),
        "kind": "offer",
        "format": one.found.format,
        "bytes": one.bytes,
        "sha256": one.sha256,
        "rows": len(getattr(one.found, "evidence", ())),
    }


def _told(one: intake.Signed) -> dict[str, str]:
    return {
        "issued_at": one.found.issued_at,
        "key_id": one.key_id,
        "sender": one.found.sender,
        "sha256": one.sha256,
        "tlp": getattr(one.found, "tlp", ""),
    }


def _named(one: intake.Signed) -> frozenset[str]:
    """The identifiers of an offer, without epochs."""
    return frozenset(epoch.bare(entity.entity_id) for entity in getattr(one.found, "entities", ()))


def _summary(output: str, offers: list[intake.Signed], private: frozenset[str]) -> list[str]:
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
