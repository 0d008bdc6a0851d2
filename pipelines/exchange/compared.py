"""Whose victims go into an overlap count: all of a file, or those of one cluster."""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pipelines import key_store
from pipelines.exchange import files, own_victims
from pipelines.exchange.offer import OFFER, evidence_of_run
from pipelines.options import UsageError
from reports import tables
from reports.exchange import make_offer, read_offer
from reports.exchange.read_offer import OfferError
from reports.exchange.victims import VictimsFileError
from schemas import epoch
from schemas.joint import CONTRIBUTORS
from schemas.offer import Offer
from schemas.overlap import About, Request
from schemas.tables import CALLS, COMPLAINTS, MEMBERS, MENTIONS


@dataclass(frozen=True)
class Asked:
    """What is asked about, the asker's values, and what it must remember of its cluster."""

    about: About
    values: frozenset[str]
    subject: dict[str, Any] = field(default_factory=dict)


def asked(arguments: argparse.Namespace, me: str) -> Asked:
    """The asker's side, by the flags of `ringtrace exchange overlap ask`.

    Raises:
        UsageError: for flags, a run, an offer or a file that cannot be used.
    """
    given = [arguments.run, arguments.cluster, arguments.offer]
    if not any(given):
        values = _values(arguments.victims, arguments.by, None)
        return Asked(About(agreed=arguments.about, entities=(), offer=None), values)
    if not all(given):
        raise UsageError("--run, --cluster, --offer: give all three, or none to compare all")
    org = key_store.org_slug(arguments.to)
    offer, sha256 = _offer(arguments.offer, org, me, key_store.trusted_keys())
    members = _members(arguments.run, arguments.cluster)
    taken = files.manifest_of(arguments.run)["options"].get("offers") or []
    if sha256 not in {one["sha256"] for one in taken}:
        raise UsageError(f"{arguments.run}: was not joined with {arguments.offer}")
    here = pc.field("cluster_id") == arguments.cluster
    seen = tables.read(arguments.run, CONTRIBUTORS, where=here & (pc.field("contributor") == org))
    theirs = {(epoch.bare(row["entity_id"]), row["part"]) for row in seen.to_pylist()}
    places = tuple(
        at
        for at, one in enumerate(offer.entities)
        if (epoch.bare(one.entity_id), str(one.cluster)) in theirs
    )
    if not places:
        raise UsageError(f"{arguments.run}: {org} has no part in {arguments.cluster}")
    about = About(agreed=arguments.about, entities=places, offer=sha256)
    values = _values(arguments.victims, arguments.by, victims_of(arguments.run, members, me))
    return Asked(about, values, {"cluster_id": arguments.cluster, "members": members})


def answered(arguments: argparse.Namespace, request: Request, me: str) -> frozenset[str]:
    """The answerer's values: of what its offer counts, or of the whole file.

    Raises:
        UsageError: for a run, an offer or a file that cannot be used.
    """
    about = request.about
    if about.offer is None:
        return _values(arguments.victims, request.by, None)
    if arguments.run is None or arguments.offer is None:
        raise UsageError(
            f"{request.sender} asks about {len(about.entities)} identifiers of your offer "
            f"{about.offer[:12]}: give --offer, and --run that it was made from"
        )
    key = key_store.own_key(arguments.key, make=False).public_key()
    offer, sha256 = _offer(arguments.offer, me, request.sender, {me: [key]})
    if sha256 != about.offer:
        raise UsageError(f"{arguments.offer}: is not the offer {about.offer[:12]} that is asked of")
    if about.entities[-1] >= len(offer.entities):
        raise UsageError(f"{arguments.letter}: asks about identifiers that your offer has not")
    ids = {offer.entities[at].entity_id for at in about.entities}
    return _values(arguments.victims, request.by, _counted(arguments.run, me, offer, ids))


def victims_of(run: tables.Run, members: Collection[str], org: str) -> set[str]:
    """Pseudonyms of the victims of an organisation's own records that name a member."""
    own = pc.field("source_org") == org
    named = pc.field("entity_id").isin(pa.array(sorted(members), pa.string()))
    found = tables.read(run, MENTIONS, ["record_kind", "record_id"], own & named)
    people: set[str] = set()
    for kind, table, key in (("complaint", COMPLAINTS, "complaint_id"), ("call", CALLS, "call_id")):
        ids = found.filter(pc.equal(found["record_kind"], kind))["record_id"].combine_chunks()
        rows = tables.read(run, table, [key, "victim_id"], own & pc.field(key).isin(ids))
        people |= set(rows["victim_id"].to_pylist())
    return people - {None}


def _counted(run: str, me: str, offer: Offer, ids: set[str]) -> set[str]:
    """Pseudonyms of the people whom the offer counts for any of the identifiers `ids`."""
    evidence = evidence_of_run(run)
    offered = pa.array([one.entity_id for one in offer.entities], pa.string())
    held = evidence.filter(
        pc.and_(
            pc.equal(evidence["source_org"], me),
            pc.and_(
                pc.is_in(evidence["role"], pa.array(sorted(make_offer.HARD))),
                pc.is_in(evidence["entity_id"], offered),
            ),
        )
    )
    return {
        one.who.partition("|")[2]
        for one in make_offer.reports(held)
        if not ids.isdisjoint(one.named)
    }


def _members(run: str, cluster_id: str) -> list[str]:
    where = pc.field("cluster_id") == cluster_id
    try:
        found: list[str] = tables.read(run, MEMBERS, ["entity_id"], where)["entity_id"].to_pylist()
    except FileNotFoundError:
        raise UsageError(f"{run}: is no finished run") from None
    if not found:
        raise UsageError(f"{run}: has no cluster {cluster_id[:80]!r}; see its clusters/")
    return sorted(found)


def _offer(
    given: str, sender: str, to: str, trusted: dict[str, list[Ed25519PublicKey]]
) -> tuple[Offer, str]:
    """A signed offer of `sender` to `to`, and its SHA-256; whether it is in force is not asked."""
    path, content, signature = files.read_signed(given, (OFFER,))
    try:
        org, _ = read_offer.signer_of(content, signature, trusted)
        found = read_offer.parse(content, org)
    except OfferError as error:
        raise UsageError(f"{path}: {error}") from None
    if not isinstance(found, Offer) or (found.sender, found.recipient) != (sender, to):
        raise UsageError(f"{path}: is no offer of {sender} to {to}")
    return found, hashlib.sha256(content).hexdigest()


def _values(path: str, by: str, people: set[str] | None) -> frozenset[str]:
    """Values of the file: all, or one of each of `people`."""
    found = own_victims.load(path)
    if people is None:
        values = found.phones if by == "phone" else found.emails
    else:
        try:
            values = found.of(people, by)
        except VictimsFileError as error:
            raise UsageError(f"{path}: {error}") from None
        sys.stderr.write(
            f"ringtrace: {path}: of {len(people)} victims, {len(values)} {by} values are compared\n"
        )
    if not values:
        raise UsageError(f"{path}: holds no {by} that can be read, of those who are asked about")
    if found.unread:
        sys.stderr.write(f"ringtrace: {path}: {found.unread} cells could not be read, left out\n")
    return values
