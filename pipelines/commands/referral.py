"""`ringtrace referral RUN`: one confirmed cluster as a sealed package for one recipient.

What `ringtrace referral` is given beside the run: records, decisions, lists, rates.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipelines import key_store, run_folder
from pipelines.exchange import shared_victims, signed_files
from pipelines.options import (
    UsageError,
    add_formats,
    add_inputs,
    add_known_legitimate,
    many,
    moment,
)
from reports.referral import blocking_checks, losses, material, reference
from reports.referral.case import Case, Earlier, build
from schemas.decision import DecisionKind
from schemas.manifest import Manifest
from transforms.decisions import DecisionError, load
from transforms.extract import allowlist

if TYPE_CHECKING:
    from reports.referral.material import Material


DEPENDED_ON = (
    "ringtrace",
    "reportlab",
    "uharfbuzz",
    "fontpkg-mukta",
    "fontpkg-ibm-plex-mono",
    "stix2",
)
"""Packages whose version can change a byte of a package."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `ringtrace referral` on `parser`."""
    parser.add_argument("run", metavar="RUN", help="folder of a finished run")
    parser.add_argument("--cluster", metavar="ID", required=True, help="its id in clusters/")
    parser.add_argument(
        "--recipient",
        metavar="CODE",
        required=True,
        help=f"one of {', '.join(reference.recipients())}, or of your own --reference",
    )
    parser.add_argument("--output", metavar="DIR", required=True, help="the package, a new folder")
    add_inputs(parser)
    add_formats(parser)
    add_known_legitimate(parser)
    parser.add_argument("--decisions", metavar="FILE", help="the run's, to name who confirmed")
    parser.add_argument(
        "--rates", metavar="FILE", help="CSV date,from,to,rate,source to convert by"
    )
    parser.add_argument(
        "--as-of", type=moment, metavar="TIME", help="date of the package (default: the run's)"
    )
    parser.add_argument(
        "--at", type=moment, metavar="TIME", help="when offers must be in force (default: now)"
    )
    parser.add_argument(
        "--overlap",
        **many("RESULT"),
        help="signed counts of victims shared with others, about this cluster",
    )
    parser.add_argument("--supersedes", metavar="DIR", help="an earlier package of this cluster")
    parser.add_argument("--excerpts", action="store_true", help="quote narratives, as masked")
    parser.add_argument("--reference", metavar="DIR", help="TOML files in place of shipped ones")
    parser.add_argument("--key", metavar="FILE", help="private key to sign with (default: own)")
    parser.add_argument("--override-by", metavar="NAME", help="who answers for a refused cluster")
    parser.add_argument("--override-reason", metavar="TEXT", help="and why; both are printed in it")


def run(arguments: argparse.Namespace) -> int:
    """Write the package; 0 when done, 1 when the cluster is refused.

    Raises:
        UsageError: for anything that the user must mend.
    """
    out = Path(arguments.output)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise UsageError(f"{out}: exists and is not an empty folder; name a new one")
    manifest = run_folder.manifest(Path(arguments.run))
    override = override_from(arguments)
    try:
        chosen = reference.load(arguments.recipient, arguments.reference)
    except reference.ReferenceFileError as error:
        raise UsageError(str(error)) from None
    rates = exchange_rates_from(arguments.rates)
    known = known_legitimate_from(arguments.known_legitimate)
    found = case_records(arguments, manifest)
    policy = chosen.policy
    stops = blocking_checks.obstacles(
        found.facts,
        known,
        policy["bridge_side"],
        policy["small_cluster"],
        found.offered,
        void_offers(found.offered, arguments.at or datetime.now(UTC)),
    )
    if stops and not (override and all(one.answerable for one in stops)):
        return _refuse(arguments.cluster, stops)
    key = key_store.own_key(arguments.key)
    shared = shared_victims.read(
        arguments.overlap, key.public_key(), manifest, arguments.cluster, found.member_ids
    )
    earlier_folder = Path(arguments.supersedes) if arguments.supersedes else None
    earlier = earlier_package(earlier_folder, arguments.cluster) if earlier_folder else None
    try:
        case = build(
            arguments.run,
            found,
            chosen,
            obstacles=stops,
            override=override if stops else None,
            confirmations=confirmations_from(arguments.decisions, manifest, found),
            rates=rates,
            excerpts=arguments.excerpts,
            earlier=None,
            shared=shared,
        )
        if earlier is not None:
            case = _superseding(case, *earlier)
    except losses.UnreconciledError as error:
        raise UsageError(f"{arguments.run}: {error}; run it again") from None
    _publish(_files(case, key), out)
    sys.stdout.write(f"{out}\n")
    return 0


def _refuse(cluster_id: str, stops: list[blocking_checks.Obstacle]) -> int:
    sys.stderr.write(f"ringtrace referral: {cluster_id} is refused:\n")
    for one in stops:
        sys.stderr.write(f"  {one.code}: {one.text}\n")
    if all(one.answerable for one in stops):
        sys.stderr.write("  or answer for it: --override-by NAME --override-reason TEXT\n")
    return 1


def _superseding(case: Case, seal_sha256: str, before: dict[str, Any]) -> Case:
    from reports.referral import package

    found = package.differences(before, package.package_facts(case, {}))
    return replace(case, earlier=Earlier(seal_sha256, str(before.get("as_of")), found))


def _files(case: Case, key: Ed25519PrivateKey) -> dict[str, bytes]:
    from reports.export.stix import MissingStixError
    from reports.referral import package, pdf

    versions = {}
    for name in DEPENDED_ON:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    try:
        return package.files(case, key, versions)
    except (MissingStixError, pdf.MissingPdfError) as error:
        raise UsageError(str(error)) from None


def _publish(files: dict[str, bytes], out: Path) -> None:
    """Write aside, then rename: the package is there whole or not at all."""
    aside = out.with_name(f".{out.name}.{uuid.uuid4().hex[:12]}")
    try:
        for path, content in files.items():
            target = aside / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        if out.exists():
            out.rmdir()
        aside.rename(out)
    except OSError as error:
        raise UsageError(f"{error.filename or out}: {error.strerror}") from None
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def override_from(arguments: argparse.Namespace) -> blocking_checks.Override | None:
    """Who answers for a refused cluster, and why; None where nobody does."""
    name, reason = arguments.override_by, arguments.override_reason
    if (name is None) != (reason is None):
        raise UsageError("--override-by and --override-reason go together: a name, and why")
    if name is None:
        return None
    if not name.strip() or not reason.strip():
        raise UsageError("--override-by, --override-reason: must not be empty")
    return blocking_checks.Override(name.strip(), reason.strip())


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; give a file that can be read") from None


def exchange_rates_from(path: str | None) -> dict[str, losses.Rate]:
    """The rates to convert by."""
    try:
        return losses.load_rates(_text(path), path) if path is not None else {}
    except losses.RatesError as error:
        raise UsageError(str(error)) from None


def known_legitimate_from(paths: list[str]) -> allowlist.KnownLegitimate:
    """The shipped list of the known legitimate, with the files given."""
    known = allowlist.shipped()
    for path in paths:
        try:
            known = known.merged(allowlist.load(_text(path), path))
        except allowlist.LegitimateListError as error:
            raise UsageError(str(error)) from None
    return known


def case_records(arguments: argparse.Namespace, manifest: Manifest) -> Material:
    """The cluster's material, its records found in the inputs."""
    # Reading the inputs loads Beam, which wrong usage must not wait for.
    from pipelines.source_records import locate
    from transforms.read.options import ReadOptions

    if not arguments.complaints and not arguments.calls:
        raise UsageError(
            "--complaints, --calls: give the files that the run read; exhibits point into them"
        )
    try:
        wanted = material.wanted(arguments.run, arguments.cluster)
    except material.UnknownClusterError as error:
        raise UsageError(f"{arguments.run}: {error}") from None
    except FileNotFoundError:
        raise UsageError(f"{arguments.run}: lacks a table of a finished run") from None
    reading = ReadOptions(
        complaints_format=arguments.complaints_format,
        calls_format=arguments.calls_format,
        source_org=arguments.source_org,
        calls_direction=_told(manifest, "calls_direction"),
    )
    places = locate(manifest, arguments.complaints, arguments.calls, wanted, reading)
    when = arguments.as_of or material.run_moment(arguments.run, manifest)
    return material.collect(arguments.run, manifest, arguments.cluster, places, when)


def _told(manifest: Manifest, option: str) -> str | None:
    found = manifest["options"].get(option)
    return found if isinstance(found, str) else None


def confirmations_from(path: str | None, manifest: Manifest, found: Material) -> list[str]:
    """Who confirmed, from the very decisions file that the run was given."""
    if path is None:
        return []
    text = _text(path)
    given = manifest["options"].get("decisions")
    digest = hashlib.sha256(text.encode()).hexdigest()
    if not isinstance(given, dict) or given.get("sha256") != digest:
        raise UsageError(f"{path}: is not the decisions file of the run; give that one")
    members = {one["entity_id"] for one in found.facts.members}
    try:
        decisions = load(text, path)
    except DecisionError as error:
        raise UsageError(str(error)) from None
    return [
        f"{one.author}, {one.decided_at:%Y-%m-%d}, {one.reason} ({one.decision_id}, on "
        f"{one.entity_a})"
        for one in decisions
        if one.kind is DecisionKind.CONFIRM and one.entity_a in members
    ]


def void_offers(offered: Sequence[dict[str, Any]], now: datetime) -> dict[str, str]:
    """Why offers, by their SHA-256, are not in force at `now`: those of `offered_clusters/`."""
    found = {}
    for one in offered:
        if one["offer"] in signed_files.past(one["contributor"]).revoked:
            found[one["offer"]] = "revoked"
        elif one["expires_at"] <= now:
            found[one["offer"]] = f"expired at {one['expires_at']:%Y-%m-%dT%H:%M:%SZ}"
    return found


def earlier_package(folder: Path, cluster_id: str) -> tuple[str, dict[str, Any]]:
    """SHA-256 of the seal of an earlier package that is whole, and its facts."""
    from reports.referral import package, verify

    verdict = verify.verify(folder, key_store.known_keys())
    if not verdict.holds:
        raise UsageError(f"{folder}: is no package that holds; see ringtrace verify {folder}")
    facts = json.loads((folder / package.FACTS).read_bytes())
    if facts.get("cluster_id") != cluster_id:
        raise UsageError(f"{folder}: is of the cluster {facts.get('cluster_id')}, not {cluster_id}")
    return verdict.seal_sha256, facts
