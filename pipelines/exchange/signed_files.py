"""The files of an exchange: signed ones, offers accepted before, and one's own victims.

Long, since a letter of each kind is read, checked and taken back by the same rules.
"""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec.structs import replace

from pipelines import key_store
from pipelines.ledger import Entry, EntryKind, read_ledger, recorded
from pipelines.options import UsageError, system_errors, usage_errors
from pipelines.private_keys import open_private_key, read_secret_file
from pipelines.safe_files import replaced
from pipelines.user_files import custody_policy, read_text
from reports import signing, tables
from reports.exchange import (
    MAX_OFFER_BYTES,
    OfferError,
    Victims,
    VictimsFileError,
    check_offer_addressee,
    load_victim_file,
    offer_expired,
    parse_file,
    signer_of,
)
from reports.run import Run, private_batches
from reports.signing import digest_of
from schemas.entity import without_epoch
from schemas.field import TEXT
from schemas.joint import OFFERED_CLUSTERS
from schemas.offer import Consent, Feed, Offer, Revocation
from schemas.records import Record, format_of
from schemas.signed_fields import MOMENT, parse_moment
from schemas.tables import CONTESTED
from transforms.custody import private_files
from transforms.gates import read_bytes

if TYPE_CHECKING:
    from transforms.victims import RegisterSource


OFFER_FILES = ("offer.json", "revocation.json")


@dataclass(frozen=True)
class SignedFile:
    """A letter whose signature and fields were checked.

    Attributes:
        path: of the file.
        content: of the letter.
        letter: the same as its bytes.
        signature: the signature file.
        org: whose key signed it, as the keys that were tried name it.
        key_id: of the key.
    """

    path: Path
    content: Any
    letter: bytes
    signature: bytes
    org: str
    key_id: str

    @cached_property
    def sha256(self) -> str:
        """The digest by which other letters and the ledger name it."""
        return digest_of(self.letter)


@dataclass(frozen=True)
class Intake:
    """The offers in force, in order of their senders, and the void ones, each with the reason."""

    offers: list[SignedFile]
    void: list[tuple[SignedFile, str]]


def signature_path(path: Path) -> Path:
    """Returns the path of the detached signature of a file."""
    return path.with_name(path.name + signing.SIGNATURE_SUFFIX)


def with_signature(path: Path, content: bytes, key: Ed25519PrivateKey) -> dict[Path, bytes]:
    """Returns a file and its detached signature by path, the file last: it counts then."""
    return {signature_path(path): signing.sign_detached(content, key), path: content}


def write_signed(folder: Path, name: str, content: bytes, key: Ed25519PrivateKey) -> Path:
    """Writes a file and its detached signature, both or neither; returns the path of the file.

    Raises:
        UsageError: if the folder cannot be made or written.
    """
    path = folder / name
    files = with_signature(path, content, key)
    with system_errors(path, "give another --output"), replaced(files):
        return path


def read_signed(path_or_folder: str, names: tuple[str, ...]) -> tuple[Path, bytes, bytes]:
    """Reads the file at a path, or the first of `names` in that folder, with its signature.

    Returns the path, the content and the signature.

    Raises:
        UsageError: if either is not there, or is too large to be what it should.
    """
    path = Path(path_or_folder)
    if path.is_dir():
        path = next((path / name for name in names if (path / name).is_file()), path / names[0])
    return path, _content(path, MAX_OFFER_BYTES), _signature(path)


def _signature(path: Path) -> bytes:
    beside = signature_path(path)
    if not beside.is_file():
        raise UsageError(f"{path}: is not signed: put its {beside.name} beside it")
    return _content(beside, signing.MAX_SIGNATURE_BYTES)


def read_letter_file(
    path_or_folder: str,
    names: tuple[str, ...],
    kinds: tuple[type[Any], ...],
    keys: Mapping[str, Sequence[Ed25519PublicKey]] | None = None,
) -> SignedFile:
    """Reads a signed letter: the file at a path, or the first of `names` in that folder.

    Args:
        path_or_folder: the letter, or its folder.
        names: of the file in a folder.
        kinds: of letters that it may be.
        keys: keys by owner; one of them must have signed the letter. Without keys, those of trusted
            partners count. An owner without a name is whoever the letter says sent it.

    Raises:
        UsageError: for a file that cannot be read, that none of the keys signed or that is wrong.
    """
    path, letter, signature = read_signed(path_or_folder, names)
    with refusing(path):
        org, signer = signer_of(letter, signature, keys) if keys else _partner(letter, signature)
        return SignedFile(path, parse_file(letter, org, *kinds), letter, signature, org, signer)


def _content(path: Path, most: int) -> bytes:
    with system_errors(path, "give a signed file, or its folder"):
        content = read_bytes(path, most)
    if not content:
        raise UsageError(f"{path}: is empty; ask for it again")
    return content


def check_key(path: Path, org: str, signer: str, issued_at: str, now: datetime) -> None:
    """Checks that the key of a signed file could sign when the file says that it was issued.

    Args:
        path: of the file.
        org: whose key it is, nothing for one's own.
        signer: the id of the key.
        issued_at: when the file says that it was issued.
        now: when it is read.

    Raises:
        UsageError: if not.
    """
    problem = key_store.validity(org or None, signer).problem(parse_moment(issued_at), now)
    if problem is not None:
        raise UsageError(f"{path}: {problem}; ask for one that is signed with a valid key")


def refusing(place: object, then: str = "") -> AbstractContextManager[None]:
    """Says what is wrong with a file that was sent as wrong usage, behind its place."""
    return usage_errors(OfferError, VictimsFileError, before=f"{place}: ", after=then)


def time_of(arguments: Namespace) -> datetime:
    """Returns the time of a command, to the second."""
    time: datetime = arguments.now or datetime.now(UTC)
    return time.replace(microsecond=0)


def utc_text(when: datetime) -> str:
    """Returns a time as signed files have it: in UTC, with seconds."""
    return when.astimezone(UTC).strftime(MOMENT)


def own_org(slug: str | None, orgs: set[str], run: str) -> str:
    """Returns the user's organisation: `--from ORG`, or the one whose records are in the run.

    Raises:
        UsageError: if that is not one.
    """
    if slug is not None:
        return key_store.org_slug(slug)
    if len(orgs) != 1:
        raise UsageError(f"{run}: contains records of {len(orgs)} organisations; give --from ORG")
    return next(iter(orgs))


class AcceptedOffers(Record):
    """The newest offer accepted from an organisation, and the SHA-256 of letters that it revoked.

    Those are offers and consents.
    """

    issued_at: str
    sha256: str
    revoked: frozenset[str]


NOTHING_ACCEPTED = AcceptedOffers("", "", frozenset())


def accepted_before(org: str) -> AcceptedOffers:
    """Reads what was accepted from an organisation before; from a stranger, nothing.

    Raises:
        UsageError: if the file was damaged: it must not be read as if nothing had been taken.
    """
    remedy = "it says which offers were taken before"
    return key_store.read_kept(_path(org), AcceptedOffers, remedy) or NOTHING_ACCEPTED


def save_accepted(org: str, now: AcceptedOffers) -> None:
    """Records what was accepted from an organisation, in one rename."""
    key_store.write_kept(_path(org), now)


def _path(org: str) -> Path:
    return key_store.home() / "offers" / f"{key_store.org_slug(org)}.json"


def accept_offers(paths: Sequence[str], me: str, own: set[str], now: datetime) -> Intake:
    """Reads offers and revocations; revocations are recorded and hold at once.

    An offer that expired or was revoked is void: a join that is made again every day takes its
    evidence out by itself.

    Args:
        paths: files, or folders that contain one.
        me: the organisation that they must be for.
        own: organisations whose records are in the run itself.
        now: when offers must be in force.

    Raises:
        UsageError: naming the first file that is refused, and why.
    """
    read = [_read(path, OFFER_FILES, me, now) for path in paths]
    for file in read:
        if isinstance(file.content, Revocation):
            _take_revocation(file.content)
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


def _take_revocation(revocation: Revocation) -> None:
    before = accepted_before(revocation.sender)
    save_accepted(
        revocation.sender, replace(before, revoked=before.revoked | set(revocation.offers))
    )


def recipient_of_offers(paths: Sequence[str], now: datetime) -> str:
    """Returns for whom offers and revocations are, which are checked; records nothing.

    Raises:
        UsageError: naming the first file that is refused, and why, or that is for another.
    """
    read = [_read(path, OFFER_FILES, None, now) for path in paths]
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
    """Returns why offers that a joint run holds are not in force at `now`, by their SHA-256."""
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
    """Returns why what was made of joint runs, or with consents, must be taken back.

    By the id of the joint run, of which the sender of an offer took that back; what analysts
    decided there holds. By the SHA-256 of a consent that was taken back.

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
    """Raises UsageError if a joint run holds an offer that is not in force: nothing may leave."""
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
    """Records before the block that the offers were accepted, and takes that back if it fails.

    To do so again changes nothing: a join that is killed can be made again with the same offers.
    The ledger beside the keys gets a line of each offer, which says who joined it to what.

    Args:
        run_id: of the joint run.
        offers: that are in it.
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


def _partner(content: bytes, signature: bytes) -> tuple[str, str]:
    """Returns the partner whose trusted key signed `content`, and the key's id.

    Raises:
        OfferError: if none did; of what one signed oneself it says so.
    """
    try:
        return signer_of(content, signature, key_store.trusted_keys())
    except OfferError as error:
        try:
            signer_of(content, signature, {"own": key_store.own_public_keys()})
        except OfferError:
            raise error from None
        raise OfferError("is signed with your own key; give what the other side sent") from None


def _read(path_or_folder: str, names: tuple[str, ...], me: str | None, now: datetime) -> SignedFile:
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
    """Returns the path of what is kept of a hub beside the keys.

    HUB.pem signs the feeds that are made here.
    """
    return key_store.home() / "hubs" / name


def feed_key_id(hub: str) -> str | None:
    """Returns the id of that key; None without it.

    What another signs says nothing of contributors: a partner could say that it is many.
    """
    path = hub_file(f"{key_store.org_slug(hub)}.pem")
    if not path.is_file():
        return None
    content = read_secret_file(path, signing.MAX_SIGNATURE_BYTES, "restore it from a copy")
    return signing.key_id(open_private_key(content, str(path)).public_key())


def _void(file: SignedFile, now: datetime) -> str:
    """Returns why an offer is void at `now`; an empty text where it is in force."""
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


def ids_of_victims(entity_ids: Iterable[str], path: str | None) -> frozenset[str]:
    """Returns those of `entity_ids`, without epochs, that are of a victim in the file, if any.

    A number counts in any form in which its country writes it, also inside an address or a site.

    Raises:
        UsageError: for a file that cannot be used.
    """
    if path is None:
        return frozenset()
    known = load_victims(path)
    return ids_naming(entity_ids, known.distinct("phone"), known.entity_ids())


def ids_naming(
    entity_ids: Iterable[str], phones: Iterable[str], listed: Iterable[str]
) -> frozenset[str]:
    """Returns those of `entity_ids`, without epochs, that are `listed` or contain a number.

    Args:
        entity_ids: ids, with epochs or without.
        phones: numbers in E.164, each in any form in which its country writes it.
        listed: ids without epochs.
    """
    from transforms.victims import contain_victims_number, hash_dial_formats

    ids = pa.array(sorted({without_epoch(entity_id) for entity_id in entity_ids}), TEXT)
    numbers = pa.array(sorted(f"phone:{phone}" for phone in phones), TEXT)
    forms = hash_dial_formats(pa.RecordBatch.from_pydict({"entity_id": numbers}))
    holds = contain_victims_number(ids, forms)
    named = pc.is_in(ids, pa.array(sorted(listed), TEXT))
    theirs = np.logical_or(holds, named.to_numpy(zero_copy_only=False))
    return frozenset(ids.filter(pa.array(theirs)).to_pylist())


def ids_in_register(entity_ids: Iterable[str], register: RegisterSource | None) -> frozenset[str]:
    """Returns those of `entity_ids`, without epochs, that are in a victim register, if any.

    So is an address, a name or a site with a number of the register in it.
    """
    if register is None:
        return frozenset()
    from transforms.victims import read_lookup

    ids = pa.array(sorted({without_epoch(entity_id) for entity_id in entity_ids}), TEXT)
    return frozenset(read_lookup(register).find(ids, register.key)["entity_id"].to_pylist())


def contested_ids(entity_ids: Iterable[str], runs: Iterable[str]) -> frozenset[str]:
    """Returns those of `entity_ids`, without epochs, that are contested in one of some runs.

    They have withheld ids there, and may be a victim's. An address or a link with a contested
    number in it is among them.

    Raises:
        UsageError: for a run that did not keep what is contested in it.
    """
    contested: set[str] = set()
    for folder in runs:
        claimed, columns = pc.field("victim_reporters") > 0, ["kind", "value"]
        key, run = key_store.private_key(), Run.open(folder)
        counted = run.manifest["tallies"].get("contested")
        if counted and not private_files(run.folder, run.manifest, CONTESTED):
            raise UsageError(
                f"{folder}: has contested identifiers and was made without private/contested, by "
                "which offers of them are refused; make it again with --private-output DIR"
            )
        for rows in private_batches(run, CONTESTED, columns, key, claimed):
            contested.update(f"{row['kind']}:{row['value']}" for row in rows.to_pylist())
    phones = [
        entity_id.partition(":")[2] for entity_id in contested if entity_id.startswith("phone:")
    ]
    return ids_naming(entity_ids, phones, contested) if contested else frozenset()


def load_victims(path: str) -> Victims:
    """Reads the victims of the file `path`.

    Raises:
        UsageError: for a file that cannot be used.
    """
    with usage_errors(VictimsFileError):
        return load_victim_file(read_text(path), path)


CONSENT_FILE = "consent.json"


def members_text_digest(members: Iterable[str]) -> str:
    """Returns SHA-256 of ids of members, one a line, sorted."""
    return digest_of("".join(f"{member}\n" for member in sorted(members)).encode())


def read_consents(
    paths: Sequence[str], recipients: set[str], authority: str, now: datetime
) -> dict[str, SignedFile]:
    """Reads the consents to a referral by the organisation that gives each.

    Revocations among them are recorded and hold at once, also where the referral is refused.

    Args:
        paths: letters, or their folders.
        recipients: organisations that may make the referral.
        authority: code of the referral's recipient.
        now: when they must be in force.

    Raises:
        UsageError: for one that no trusted key of its sender signed, that is about another
            referral, was altered, is not in force, or is there twice.
    """
    consents_of: dict[str, SignedFile] = {}
    names = CONSENT_FILE, OFFER_FILES[1]
    consents = []
    for place in paths:
        path, letter, _ = read_signed(place, names)
        if f'"format":"{format_of(Revocation)}"'.encode() not in letter:
            consents.append(place)
            continue
        taken = _read(place, names, None, now).content
        if not isinstance(taken, Revocation) or taken.recipient not in recipients:
            raise UsageError(f"{path}: is for {taken.recipient}, who does not make this referral")
        _take_revocation(taken)
    for place in consents:
        file = read_letter_file(place, names, (Consent,))
        org = file.org
        wrong = _wrong_in_consent(file.content, recipients, authority, utc_text(now))
        if wrong or org in consents_of:
            wrong = wrong or f"{org} consents twice; give the newest alone"
        elif file.key_id == feed_key_id(org):
            wrong = (
                f"is signed with your own key for the feeds of {org}, whose contributors nobody "
                "can answer for; refer the cluster of your own run"
            )
        elif file.sha256 in accepted_before(org).revoked:
            wrong = f"was revoked by {org}; ask for a new one, or leave it out"
        if wrong:
            raise UsageError(f"{file.path}: {wrong}")
        check_key(file.path, org, file.key_id, file.content.issued_at, now)
        consents_of[org] = file
    return dict(sorted(consents_of.items()))


def _wrong_in_consent(consent: Consent, recipients: set[str], authority: str, now: str) -> str:
    if consent.digest != members_text_digest(consent.members):
        return "lists other members than it was given for"
    if consent.recipient not in recipients:
        return f"is given to {consent.recipient}, who does not make this referral"
    if consent.authority != authority:
        return f"is for a referral to {consent.authority}, not to {authority}"
    if not consent.issued_at <= now < consent.expires_at:
        return f"is in force from {consent.issued_at} to {consent.expires_at}"
    return ""
