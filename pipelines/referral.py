"""`ringtrace referral RUN`: one confirmed cluster as a sealed package for one recipient."""

from __future__ import annotations

import argparse
import shutil
import sys
import uuid
from dataclasses import replace
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipelines import finished, key_store, shared_victims
from pipelines import referral_inputs as given
from pipelines.options import (
    UsageError,
    add_formats,
    add_inputs,
    add_known_legitimate,
    many,
    moment,
)
from reports.referral import gate, losses, reference
from reports.referral.case import Case, Earlier, build

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
    manifest = finished.manifest(Path(arguments.run))
    override = given.override(arguments)
    try:
        chosen = reference.load(arguments.recipient, arguments.reference)
    except reference.ReferenceFileError as error:
        raise UsageError(str(error)) from None
    rates = given.rates(arguments.rates)
    known = given.known(arguments.known_legitimate)
    found = given.records(arguments, manifest)
    policy = chosen.policy
    stops = gate.obstacles(
        found.facts,
        known,
        policy["bridge_side"],
        policy["small_cluster"],
        found.offered,
        given.void_offers(found.offered, arguments.at or datetime.now(UTC)),
    )
    if stops and not (override and all(one.answerable for one in stops)):
        return _refuse(arguments.cluster, stops)
    key = key_store.own_key(arguments.key)
    shared = shared_victims.read(
        arguments.overlap, key.public_key(), manifest, arguments.cluster, found.member_ids
    )
    earlier_folder = Path(arguments.supersedes) if arguments.supersedes else None
    earlier = given.earlier(earlier_folder, arguments.cluster) if earlier_folder else None
    try:
        case = build(
            arguments.run,
            found,
            chosen,
            obstacles=stops,
            override=override if stops else None,
            confirmations=given.confirmations(arguments.decisions, manifest, found),
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


def _refuse(cluster_id: str, stops: list[gate.Obstacle]) -> int:
    sys.stderr.write(f"ringtrace referral: {cluster_id} is refused:\n")
    for one in stops:
        sys.stderr.write(f"  {one.code}: {one.text}\n")
    if all(one.answerable for one in stops):
        sys.stderr.write("  or answer for it: --override-by NAME --override-reason TEXT\n")
    return 1


def _superseding(case: Case, seal_sha256: str, before: dict[str, Any]) -> Case:
    from reports.referral import changes  # noqa: PLC0415

    found = changes.differences(before, changes.facts(case, {}))
    return replace(case, earlier=Earlier(seal_sha256, str(before.get("as_of")), found))


def _files(case: Case, key: Ed25519PrivateKey) -> dict[str, bytes]:
    from reports.referral import package, pdf  # noqa: PLC0415
    from reports.stix_check import MissingStixError  # noqa: PLC0415

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
