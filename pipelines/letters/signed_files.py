"""Writes, reads and checks signed letters to and from partners."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from pipelines import key_store
from pipelines.options import UsageError, system_errors, usage_errors
from pipelines.safe_files import replaced
from reports import signing
from reports.letters import MAX_OFFER_BYTES, OfferError, parse_file, signer_of
from reports.signing import digest_of
from reports.victim_file import VictimsFileError
from schemas.offer import Correction, Feed, Offer, Revocation
from schemas.signed_fields import MOMENT, parse_moment
from transforms.custody import current_time
from transforms.gates import read_bytes

OFFER, REVOCATION, CORRECTION = "offer.json", "revocation.json", "correction.json"
"""Names of letters in their folders."""


@dataclass(frozen=True)
class SignedFile:
    """A letter whose signature and fields were checked.

    Attributes:
        path: path of the file.
        content: content of the letter.
        letter: the letter's bytes.
        signature: the signature file.
        org: owner of the key that signed it, as named among the keys tried.
        key_id: id of the key.
    """

    path: Path
    content: Any
    letter: bytes
    signature: bytes
    org: str
    key_id: str

    @cached_property
    def sha256(self) -> str:
        """The letter's digest, by which other letters and the ledger name it."""
        return digest_of(self.letter)


def signature_path(path: Path) -> Path:
    """Returns the path of the detached signature of a file."""
    return path.with_name(path.name + signing.SIGNATURE_SUFFIX)


def with_signature(path: Path, content: bytes, key: Ed25519PrivateKey) -> dict[Path, bytes]:
    """Returns a file and its detached signature by path; the file is last, as it counts then."""
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
        UsageError: if either is missing or too large.
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
        names: possible names of the file in a folder.
        kinds: kinds of letters that it may be.
        keys: keys by owner; one of them must have signed the letter. Without keys, the trusted
            partners' keys count. An owner without a name stands for the letter's sender.

    Raises:
        UsageError: for a wrong or unreadable file, or a file that none of the keys signed.
    """
    path, letter, signature = read_signed(path_or_folder, names)
    with refusing(path):
        org, signer = signer_of(letter, signature, keys) if keys else _partner(letter, signature)
        return SignedFile(path, parse_file(letter, org, *kinds), letter, signature, org, signer)


def read_known(path_or_folder: str, key: str | None = None) -> SignedFile:
    """Reads an offer or a correction that a trusted or an own key signed.

    Raises:
        UsageError: if no such key signed it, or it is no offer or correction.
    """
    trusted = key_store.trusted_keys()
    # An empty owner stands for the own keys, as no slug is empty; the letter names its sender.
    own = [key_store.own_key(key, make=False).public_key()] if key else key_store.own_public_keys()
    names, kinds = (OFFER, CORRECTION), (Offer, Feed, Revocation, Correction)
    read = read_letter_file(path_or_folder, names, kinds, trusted | {"": own})
    if isinstance(read.content, Revocation):
        raise UsageError(f"{read.path}: is a revocation, not an offer")
    return read


def _content(path: Path, most: int) -> bytes:
    with system_errors(path, "give a signed file, or its folder"):
        content = read_bytes(path, most)
    if not content:
        raise UsageError(f"{path}: is empty; ask for it again")
    return content


def check_key(path: Path, org: str, signer: str, issued_at: str, now: datetime) -> None:
    """Checks that the key of a signed file was valid at the file's stated time of issue.

    Args:
        path: path of the file.
        org: owner of the key; empty for an own key.
        signer: the id of the key.
        issued_at: the stated time of issue.
        now: the present time.

    Raises:
        UsageError: if not.
    """
    problem = key_store.validity(org or None, signer).problem(parse_moment(issued_at), now)
    if problem is not None:
        raise UsageError(f"{path}: {problem}; ask for one that is signed with a valid key")


def refusing(place: object, then: str = "") -> AbstractContextManager[None]:
    """Turns an error in a letter into a UsageError that starts with its place."""
    return usage_errors(OfferError, VictimsFileError, before=f"{place}: ", after=then)


def time_of(arguments: Namespace) -> datetime:
    """Returns the time of a command, to the second."""
    time: datetime = arguments.now or current_time()
    return time.replace(microsecond=0)


def utc_text(when: datetime) -> str:
    """Returns a time in the form of signed files: UTC, with seconds."""
    return when.astimezone(UTC).strftime(MOMENT)


def own_org(slug: str | None, orgs: set[str], run: str) -> str:
    """Returns the user's organisation: `--from ORG`, or the run's only organisation.

    Raises:
        UsageError: for a run of several or none, without `--from`.
    """
    if slug is not None:
        return key_store.org_slug(slug)
    if len(orgs) != 1:
        raise UsageError(f"{run}: contains records of {len(orgs)} organisations; give --from ORG")
    return next(iter(orgs))


def _partner(content: bytes, signature: bytes) -> tuple[str, str]:
    """Returns the partner whose trusted key signed `content`, and the key's id.

    Raises:
        OfferError: if none did; the error says if an own key signed it.
    """
    try:
        return signer_of(content, signature, key_store.trusted_keys())
    except OfferError as error:
        try:
            signer_of(content, signature, {"own": key_store.own_public_keys()})
        except OfferError:
            raise error from None
        raise OfferError("is signed with your own key; give what the other side sent") from None
