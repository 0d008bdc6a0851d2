"""`ringtrace referral RUN`: one confirmed cluster as a sealed package for one recipient."""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import uuid
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import finished, key_store
from pipelines.options import UsageError, moment
from reports.referral import gate, losses, material, reference
from reports.referral.case import Case, Earlier, build
from schemas.decision import DecisionKind
from schemas.manifest import Manifest
from transforms.decisions import decision_file
from transforms.identify import legitimate

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
    many: dict[str, Any] = {"nargs": "+", "action": "extend", "default": [], "metavar": "GLOB"}
    parser.add_argument("run", metavar="RUN", help="folder of a finished run")
    parser.add_argument("--cluster", metavar="ID", required=True, help="its id in clusters/")
    parser.add_argument(
        "--recipient",
        metavar="CODE",
        required=True,
        help=f"one of {', '.join(reference.recipients())}, or of your own --reference",
    )
    parser.add_argument("--output", metavar="DIR", required=True, help="the package, a new folder")
    parser.add_argument("--complaints", **many, help="the complaint files that the run read")
    parser.add_argument("--calls", **many, help="the call record files that the run read")
    parser.add_argument("--complaints-format", metavar="NAME", help="as the run was given")
    parser.add_argument("--calls-format", metavar="NAME", help="as the run was given")
    parser.add_argument("--source-org", metavar="SLUG", help="as the run was given")
    parser.add_argument("--decisions", metavar="FILE", help="the run's, to name who confirmed")
    parser.add_argument(
        "--known-legitimate",
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="lists that members must not be on, beside the shipped one",
    )
    parser.add_argument(
        "--rates", metavar="FILE", help="CSV date,from,to,rate,source to convert by"
    )
    parser.add_argument(
        "--as-of", type=moment, metavar="TIME", help="date of the package (default: the run's)"
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
    manifest = finished.manifest(Path(arguments.run))
    override = _override(arguments)
    try:
        chosen = reference.load(arguments.recipient, arguments.reference)
    except reference.ReferenceFileError as error:
        raise UsageError(str(error)) from None
    rates = _rates(arguments.rates)
    known = _known(arguments.known_legitimate)
    found = _material(arguments, manifest)
    policy = chosen.policy
    stops = gate.obstacles(
        found.facts, known, policy["bridge_side"], policy["small_cluster"], found.offered
    )
    if stops and not (override and all(one.answerable for one in stops)):
        return _refuse(arguments.cluster, stops)
    earlier_folder = Path(arguments.supersedes) if arguments.supersedes else None
    earlier = _earlier(earlier_folder, arguments.cluster) if earlier_folder else None
    try:
        case = build(
            arguments.run,
            found,
            chosen,
            obstacles=stops,
            override=override if stops else None,
            confirmations=_confirmations(arguments.decisions, manifest, found),
            rates=rates,
            excerpts=arguments.excerpts,
            earlier=None,
        )
        if earlier is not None:
            case = _superseding(case, *earlier)
    except losses.UnreconciledError as error:
        raise UsageError(f"{arguments.run}: {error}; run it again") from None
    _publish(_files(case, arguments.key), out)
    sys.stdout.write(f"{out}\n")
    return 0


def _refuse(cluster_id: str, stops: list[gate.Obstacle]) -> int:
    sys.stderr.write(f"ringtrace referral: {cluster_id} is refused:\n")
    for one in stops:
        sys.stderr.write(f"  {one.code}: {one.text}\n")
    if all(one.answerable for one in stops):
        sys.stderr.write("  or answer for it: --override-by NAME --override-reason TEXT\n")
    return 1


def _override(arguments: argparse.Namespace) -> gate.Override | None:
    name, reason = arguments.override_by, arguments.override_reason
    if (name is None) != (reason is None):
        raise UsageError("--override-by and --override-reason go together: a name, and why")
    if name is None:
        return None
    if not name.strip() or not reason.strip():
        raise UsageError("--override-by, --override-reason: must not be empty")
    return gate.Override(name.strip(), reason.strip())


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; give a file that can be read") from None


def _rates(path: str | None) -> dict[str, losses.Rate]:
    try:
        return losses.load_rates(_text(path), path) if path is not None else {}
    except losses.RatesError as error:
        raise UsageError(str(error)) from None


def _known(paths: list[str]) -> legitimate.KnownLegitimate:
    known = legitimate.shipped()
    for path in paths:
        try:
            known = known.merged(legitimate.load(_text(path), path))
        except legitimate.LegitimateListError as error:
            raise UsageError(str(error)) from None
    return known


def _material(arguments: argparse.Namespace, manifest: Manifest) -> Material:
    """The cluster's material, its records found in the inputs."""
    # Reading the inputs loads Beam, which wrong usage must not wait for.
    from pipelines.source_records import locate  # noqa: PLC0415
    from transforms.read.options import ReadOptions  # noqa: PLC0415

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


def _confirmations(path: str | None, manifest: Manifest, found: Material) -> list[str]:
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
        decisions = decision_file.load(text, path)
    except decision_file.DecisionError as error:
        raise UsageError(str(error)) from None
    return [
        f"{one.author}, {one.decided_at:%Y-%m-%d}, {one.reason} ({one.decision_id}, on "
        f"{one.entity_a})"
        for one in decisions
        if one.kind is DecisionKind.CONFIRM and one.entity_a in members
    ]


def _earlier(folder: Path, cluster_id: str) -> tuple[str, dict[str, Any]]:
    """SHA-256 of the seal of an earlier package that is whole, and its facts."""
    from reports.referral import changes, verify  # noqa: PLC0415

    verdict = verify.verify(folder, key_store.known_keys())
    if not verdict.holds:
        raise UsageError(f"{folder}: is no package that holds; see ringtrace verify {folder}")
    facts = json.loads((folder / changes.FACTS).read_bytes())
    if facts.get("cluster_id") != cluster_id:
        raise UsageError(f"{folder}: is of the cluster {facts.get('cluster_id')}, not {cluster_id}")
    return verdict.seal_sha256, facts


def _superseding(case: Case, seal_sha256: str, before: dict[str, Any]) -> Case:
    from dataclasses import replace  # noqa: PLC0415

    from reports.referral import changes  # noqa: PLC0415

    found = changes.differences(before, changes.facts(case, {}))
    return replace(case, earlier=Earlier(seal_sha256, str(before.get("as_of")), found))


def _files(case: Case, key: str | None) -> dict[str, bytes]:
    from reports.referral import package, pdf  # noqa: PLC0415
    from reports.stix import MissingStixError  # noqa: PLC0415

    versions = {}
    for name in DEPENDED_ON:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed"
    try:
        return package.files(case, key_store.own_key(key), versions)
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
