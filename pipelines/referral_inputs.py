"""What `ringtrace referral` is given beside the run: records, decisions, lists, rates."""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines import key_store
from pipelines.exchange import ledger
from pipelines.options import UsageError
from reports.referral import gate, losses, material
from schemas.decision import DecisionKind
from schemas.manifest import Manifest
from transforms.decisions import decision_file
from transforms.identify import legitimate

if TYPE_CHECKING:
    from reports.referral.material import Material


def override(arguments: argparse.Namespace) -> gate.Override | None:
    """Who answers for a refused cluster, and why; None where nobody does."""
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


def rates(path: str | None) -> dict[str, losses.Rate]:
    """The rates to convert by."""
    try:
        return losses.load_rates(_text(path), path) if path is not None else {}
    except losses.RatesError as error:
        raise UsageError(str(error)) from None


def known(paths: list[str]) -> legitimate.KnownLegitimate:
    """The shipped list of the known legitimate, with the files given."""
    known = legitimate.shipped()
    for path in paths:
        try:
            known = known.merged(legitimate.load(_text(path), path))
        except legitimate.LegitimateListError as error:
            raise UsageError(str(error)) from None
    return known


def records(arguments: argparse.Namespace, manifest: Manifest) -> Material:
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


def confirmations(path: str | None, manifest: Manifest, found: Material) -> list[str]:
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


def void_offers(offered: Sequence[dict[str, Any]], now: datetime) -> dict[str, str]:
    """Why offers, by their SHA-256, are not in force at `now`: those of `offered_clusters/`."""
    found = {}
    for one in offered:
        if one["offer"] in ledger.past(one["contributor"]).revoked:
            found[one["offer"]] = "revoked"
        elif one["expires_at"] <= now:
            found[one["offer"]] = f"expired at {one['expires_at']:%Y-%m-%dT%H:%M:%SZ}"
    return found


def earlier(folder: Path, cluster_id: str) -> tuple[str, dict[str, Any]]:
    """SHA-256 of the seal of an earlier package that is whole, and its facts."""
    from reports.referral import changes, verify  # noqa: PLC0415

    verdict = verify.verify(folder, key_store.known_keys())
    if not verdict.holds:
        raise UsageError(f"{folder}: is no package that holds; see ringtrace verify {folder}")
    facts = json.loads((folder / changes.FACTS).read_bytes())
    if facts.get("cluster_id") != cluster_id:
        raise UsageError(f"{folder}: is of the cluster {facts.get('cluster_id')}, not {cluster_id}")
    return verdict.seal_sha256, facts
