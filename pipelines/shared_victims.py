"""Signed counts of shared victims, held against the cluster that a referral is of."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pipelines.exchange import files, overlap_state
from pipelines.exchange.overlap_moves import RESULT
from pipelines.options import UsageError
from reports.exchange import letters, read_offer
from reports.exchange.intersection import LetterError
from reports.exchange.read_offer import OfferError
from reports.referral.shared_victims import Shared
from schemas.manifest import Manifest
from schemas.overlap import Result

_NOT_COUNTED = "is no count that was made here; `ringtrace exchange overlap count` makes one"


def read(
    paths: Sequence[str], key: Ed25519PublicKey, manifest: Manifest, row: dict[str, Any],
    members: list[str],
) -> list[Shared]:  # fmt: skip
    """The counts in `paths`, by organisation; `row` and `members` are the cluster's.

    Raises:
        UsageError: for one that another key signed, that is not about this cluster and the offers
            of this run, or that is there twice.
    """
    found = [_read(path, key, manifest, row["cluster_id"], members) for path in paths]
    named = [one.organisation for one in found]
    for path, one in zip(paths, found, strict=True):
        if named.count(one.organisation) > 1:
            raise UsageError(f"{path}: counts {one.organisation} twice; give the newest alone")
    return sorted(found, key=_organisation)


def _organisation(one: Shared) -> str:
    return one.organisation


def _read(
    given: str, key: Ed25519PublicKey, manifest: Manifest, cluster_id: str, members: list[str]
) -> Shared:
    path, content, signature = files.read_signed(given, (RESULT,))
    try:
        _, signer = read_offer.signer_of(content, signature, {"own": [key]})
        result = letters.read(Result, content, read_offer.sender_of(content))
    except (OfferError, LetterError) as error:
        raise UsageError(f"{path}: {error}") from None
    offers: Any = manifest["options"].get("offers") or []
    taken = {(one["sender"], one["sha256"]) for one in offers}
    if result.about.offer is None:
        raise UsageError(f"{path}: is about all victims, not about {cluster_id}; ask with --run")
    if (result.recipient, result.about.offer) not in taken:
        raise UsageError(f"{path}: is about an offer that this run was not joined with")
    kept = overlap_state.kept(overlap_state.counted(result.session), path, _NOT_COUNTED)
    if kept.get("result") != hashlib.sha256(content).hexdigest():
        raise UsageError(f"{path}: {_NOT_COUNTED}")
    if kept.get("cluster_id") != cluster_id:
        raise UsageError(f"{path}: is about another cluster than {cluster_id}")
    if kept.get("members") != sorted(members):
        raise UsageError(f"{path}: {cluster_id} has other members since; ask anew")
    return Shared(
        organisation=result.recipient,
        by=result.by,
        shared=result.shared,
        floor=result.floor,
        day=result.issued_at,
        signer=signer,
        letter=content,
        signature=signature,
    )
