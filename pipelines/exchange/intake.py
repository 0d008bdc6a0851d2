"""Offers and revocations at the door: each is taken whole, or refused by name."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pipelines import key_store
from pipelines.exchange import files, ledger
from pipelines.options import UsageError
from reports.exchange import read_offer
from reports.exchange.read_offer import OfferError
from schemas.offer import Offer, Revocation
from transforms.joint.offered import Taken

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
            before = ledger.past(one.found.sender)
            revoked = before.revoked | set(one.found.offers)
            ledger.keep(one.found.sender, replace(before, revoked=revoked))
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
    if one.sha256 in ledger.past(one.found.sender).revoked:
        return "revoked"
    if isinstance(one.found, Offer) and read_offer.expired(one.found, now):
        return f"expired at {one.found.expires_at}"
    return ""


def settle(offers: Sequence[Signed]) -> None:
    """Put down that the offers were taken, once the run that took them is whole."""
    for one in offers:
        before = ledger.past(one.found.sender)
        now = replace(before, issued_at=one.found.issued_at, sha256=one.sha256)
        ledger.keep(one.found.sender, now)


def taken(one: Signed) -> Taken:
    """An accepted offer as the evidence of a joint run."""
    if not isinstance(one.found, Offer):
        raise TypeError("a revocation is no evidence")
    return Taken(one.found, one.sha256)


def _by_sender(one: Signed) -> tuple[str, str]:
    return one.found.sender, one.path


def _read(given: str, trusted: dict[str, list[Ed25519PublicKey]], me: str, now: datetime) -> Signed:
    path, content, signature = files.read_signed(given, NAMES)
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
    before = ledger.past(sender)
    newer = (before.issued_at, before.sha256) if before.sha256 else ("", one.sha256)
    if one.found.issued_at < newer[0] or (
        one.found.issued_at == newer[0] and one.sha256 != newer[1]
    ):
        raise UsageError(
            f"{one.path}: is older than the offer of {before.issued_at} that was taken from "
            f"{sender} before; ask for the newest"
        )
