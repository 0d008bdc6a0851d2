"""Signed counts of shared victims that were computed here, for a referral and a joint run."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pipelines import key_store
from pipelines.exchange import overlap, signed_files
from pipelines.exchange.overlap import RESULT
from pipelines.options import UsageError
from reports.exchange import LetterError, OfferError, read_letter, sender_of, signer_of
from reports.referral import SharedVictims
from reports.run_summary import members_digest
from schemas.manifest import Manifest
from schemas.offer import Result

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
    except (OfferError, LetterError) as error:
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
    return sorted(
        (_manifest_entry(read_shared_count(path, public, offers)) for path in paths), key=_sort_key
    )


def _sort_key(one: dict[str, Any]) -> tuple[str, str, str]:
    return one["cluster_id"], one["organisation"], one["sha256"]


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
