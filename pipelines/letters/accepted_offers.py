"""Partners' offers: accepted, void and revoked ones.

The record of a partner's accepted offers is kept beside the keys, in offers/ORG.json.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from msgspec.structs import replace

from pipelines import key_store
from pipelines.ledger import Entry, EntryKind, read_ledger, recorded
from pipelines.letters.signed_files import (
    OFFER,
    REVOCATION,
    SignedFile,
    read_letter_file,
    refusing,
    utc_text,
)
from pipelines.options import UsageError
from pipelines.private_keys import open_private_key, read_secret_file
from pipelines.safe_files import replaced
from pipelines.user_files import custody_policy
from reports import signing, tables
from reports.letters import check_offer_addressee, offer_expired
from reports.run import Run
from schemas.joint import OFFERED_CLUSTERS
from schemas.offer import Feed, Offer, Revocation
from schemas.records import Record
from schemas.signed_fields import parse_moment

OFFER_FILES = (OFFER, REVOCATION)


@dataclass(frozen=True)
class Intake:
    """The offers in force, in order of their senders, and the void offers with their reasons."""

    offers: list[SignedFile]
    void: list[tuple[SignedFile, str]]


class AcceptedOffers(Record):
    """The newest offer accepted from an organisation, and the SHA-256 of letters that it revoked.

    The revoked letters are offers and consents.
    """

    issued_at: str
    sha256: str
    revoked: frozenset[str]


NOTHING_ACCEPTED = AcceptedOffers("", "", frozenset())


def accepted_before(org: str) -> AcceptedOffers:
    """Reads the record of an organisation's accepted offers; empty for a new organisation.

    Raises:
        UsageError: if the file was damaged; it must not count as empty.
    """
    remedy = "it says which offers were taken before"
    return key_store.read_kept(_path(org), AcceptedOffers, remedy) or NOTHING_ACCEPTED


def save_accepted(org: str, now: AcceptedOffers) -> None:
    """Writes the record of an organisation's accepted offers, in one rename."""
    key_store.write_kept(_path(org), now)


def _path(org: str) -> Path:
    return key_store.home() / "offers" / f"{key_store.org_slug(org)}.json"


def accept_offers(paths: Sequence[str], me: str, own: set[str], now: datetime) -> Intake:
    """Reads offers and revocations; revocations are recorded and hold at once.

    An expired or revoked offer is void, so a join that is repeated every day drops its evidence by
    itself.

    Args:
        paths: letters, or their folders.
        me: the organisation that they must be for.
        own: organisations whose records are in the run itself.
        now: when offers must be in force.

    Raises:
        UsageError: if a file is refused; names the first, and why.
    """
    read = [read_offer_file(path, OFFER_FILES, me, now) for path in paths]
    for file in read:
        if isinstance(file.content, Revocation):
            take_revocation(file.content)
    offers = sorted(
        (file for file in read if isinstance(file.content, Offer)),
        key=lambda file: (file.org, file.path),
    )
    void = [(offer, why) for offer in offers if (why := _void(offer, now))]
    in_force = [offer for offer in offers if not _void(offer, now)]
    senders: dict[str, Path] = {}
    for file in in_force:
        _check(file, own)
        first_path = senders.setdefault(file.org, file.path)
        if first_path != file.path:
            raise UsageError(
                f"{file.path}: is {file.org}'s, as {first_path} is; give the newest alone"
            )
    return Intake(in_force, void)


def take_revocation(revocation: Revocation) -> None:
    """Records that a partner revoked letters, with immediate effect."""
    before = accepted_before(revocation.sender)
    save_accepted(
        revocation.sender, replace(before, revoked=before.revoked | set(revocation.offers))
    )


def recipient_of_offers(paths: Sequence[str], now: datetime) -> str:
    """Returns the organisation that offers and revocations are for; records nothing.

    Raises:
        UsageError: if a file is refused or is for another organisation; names the first, and why.
    """
    read = [read_offer_file(path, OFFER_FILES, None, now) for path in paths]
    me = read[0].content.recipient
    for file in read:
        if file.content.recipient != me:
            raise UsageError(
                f"{file.path}: is for {file.content.recipient}, but {read[0].path} is for {me}; "
                "give one organisation's"
            )
        if isinstance(file.content, Offer) and not _void(file, now):
            _check(file, set())
    return str(me)


def void_offers(joint: Run, now: datetime) -> dict[str, str]:
    """Returns why offers in a joint run are not in force at `now`, by their SHA-256."""
    if not joint.offers:
        return {}
    made = datetime.fromisoformat(joint.manifest["clock"])
    until = tables.read_table(joint.folder, OFFERED_CLUSTERS, ["offer", "expires_at"])
    ends = dict(zip(until["offer"].to_pylist(), until["expires_at"].to_pylist(), strict=True))
    void = {}
    for offer in joint.offers:
        sender, sha256 = offer["sender"], offer["sha256"]
        if sha256 in accepted_before(sender).revoked:
            void[sha256] = "revoked"
        elif why := key_store.void_reason(
            sender, offer["key_id"], max(made, parse_moment(offer["issued_at"]))
        ):
            void[sha256] = why
        elif sha256 in ends and ends[sha256] <= now:
            void[sha256] = f"expired at {utc_text(ends[sha256])}"
    return void


def revoked_letters() -> dict[str, str]:
    """Returns why issues made from joint runs, or with consents, must be taken back.

    The keys are the ids of joint runs with a revoked offer, and the SHA-256 of revoked letters.
    Analysts' decisions on such a run hold.

    Raises:
        LedgerError: if the ledger was changed.
    """
    reasons: dict[str, str] = {}
    for path in sorted((key_store.home() / "offers").glob("*.json")):
        reason = f"was made with a consent of {path.stem}, which revoked it"
        reasons |= dict.fromkeys(accepted_before(path.stem).revoked, reason)
    for entry in read_ledger(None):
        if (
            entry.kind == EntryKind.JOIN
            and entry.sha256 in accepted_before(entry.recipient).revoked
        ):
            reasons[entry.run_id] = (
                f"was made of the join {entry.run_id}, whose offer {entry.recipient} revoked"
            )
    return reasons


def check_offers(joint: Run, now: datetime) -> None:
    """Raises UsageError if a joint run has an offer that is not in force: nothing may leave."""
    void = void_offers(joint, now)
    for offer in joint.offers:
        if why := void.get(offer["sha256"]):
            raise UsageError(
                f"{joint.folder}: the offer of {offer['sender']} in it is void ({why}); join "
                "without it"
            )


@contextmanager
def accepted(
    run_id: str, *, offers: Sequence[SignedFile], output: str, made: datetime
) -> Iterator[None]:
    """Records before the block that the offers were accepted; removes that if the block fails.

    A repetition changes nothing: a killed join can be made again with the same offers. The ledger
    beside the keys gets a line for each offer and its join.

    Args:
        run_id: id of the joint run.
        offers: the offers in it.
        output: folder of the joint run.
        made: the time of the join.
    """
    joins = [
        Entry(
            at=utc_text(made),
            kind=EntryKind.JOIN,
            recipient=offer.content.sender,
            sha256=offer.sha256,
            run_id=run_id,
            identifiers=(),
            reference=output,
            facts={"issued_at": offer.content.issued_at, "key_id": offer.key_id},
        )
        for offer in offers
    ]
    files = {}
    for offer in offers:
        before = accepted_before(offer.content.sender)
        now = replace(before, issued_at=offer.content.issued_at, sha256=offer.sha256)
        path = _path(offer.content.sender)
        files[path] = key_store.kept_bytes(now)
    with replaced(files), recorded(None, joins):
        yield


def read_offer_file(
    path_or_folder: str, names: tuple[str, ...], me: str | None, now: datetime
) -> SignedFile:
    """Reads an offer, an own feed or a revocation.

    Args:
        path_or_folder: the letter, or its folder.
        names: possible names of the file in a folder.
        me: the organisation that it must be for; None for any.
        now: when it must be in force.

    Raises:
        UsageError: for a refused letter.
    """
    file = read_letter_file(path_or_folder, names, (Offer, Feed, Revocation))
    path, letter, org = file.path, file.content, file.org
    with refusing(path):
        check_offer_addressee(letter, me or letter.recipient, now)
    if isinstance(letter, Feed) and file.key_id != feed_key_id(org):
        raise UsageError(
            f"{path}: is a feed of {org} that was not made with your keys; pull it from the hub: "
            "ringtrace exchange hub pull"
        )
    if isinstance(letter, Offer):
        issued, ends = map(parse_moment, (letter.issued_at, letter.expires_at))
        most = timedelta(days=custody_policy().longest_offer_days)
        if ends - issued > most:
            raise UsageError(
                f"{path}: is valid for {(ends - issued).days} days, and your policy takes "
                f"{most.days} at most; ask for a shorter one"
            )
        valid = replace(key_store.validity(org, file.key_id), revoked_since=None)
        if problem := valid.problem(issued):
            raise UsageError(f"{path}: {problem}; ask for one that is signed with a valid key")
    return file


def hub_file(name: str) -> Path:
    """Returns the path of a file about a hub, beside the keys.

    HUB.pem is the key that signs the feeds made here.
    """
    return key_store.home() / "hubs" / name


def feed_key_id(hub: str) -> str | None:
    """Returns the id of the key that signs a hub's feeds here; None without it.

    Contributors in letters of other signers do not count: a partner could claim to be many.
    """
    path = hub_file(f"{key_store.org_slug(hub)}.pem")
    if not path.is_file():
        return None
    content = read_secret_file(path, signing.MAX_SIGNATURE_BYTES, "restore it from a copy")
    return signing.key_id(open_private_key(content, str(path)).public_key())


def _void(file: SignedFile, now: datetime) -> str:
    """Returns why an offer is void at `now`; empty if it is in force."""
    if file.sha256 in accepted_before(file.org).revoked:
        return "revoked"
    if offer_expired(file.content, now):
        return f"expired at {file.content.expires_at}"
    return key_store.void_reason(file.org, file.key_id, now)


def _check(file: SignedFile, own: set[str]) -> None:
    sender = file.org
    if sender in own:
        raise UsageError(
            f"{file.path}: is from {sender}, whose records are in the run already; its evidence "
            "would count twice"
        )
    before = accepted_before(sender)
    issued, newest = file.content.issued_at, before.issued_at
    if issued < newest or (issued == newest and file.sha256 != before.sha256):
        raise UsageError(
            f"{file.path}: is older than the offer of {before.issued_at} that was taken from "
            f"{sender} before; ask for the newest"
        )
