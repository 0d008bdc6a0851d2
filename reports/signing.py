"""Ed25519 keys and detached signatures (RFC 8032), and the canonical JSON that is signed.

A signature is over the file's own bytes, so that anybody can check it without ringtrace:

    openssl pkeyutl -verify -pubin -inkey theirs.pem -rawin -in FILE -sigfile RAW

where RAW is `signature` of the signature file, decoded from base64. A signed file must therefore
say itself what it is; every format of ringtrace does, in its first lines.

Canonical JSON follows RFC 8785, with whole numbers as its only numbers. A reader writes the value
again and compares the bytes. It refuses blanks, a key twice, NaN, a fraction, and any other second
way to write a value, so all readers see the same in a signed file.

A signature over many pieces signs the root of their Merkle tree (RFC 6962).
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterable
from datetime import datetime
from functools import reduce
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import structs

from schemas.records import AnyRecord, AwareTime, Record, RecordError, read_record
from schemas.signed_fields import Base64, Digest

ALGORITHM = "Ed25519"

SIGNATURE_SUFFIX = ".sig"
"""Added to the name of a file to name its signature file."""

MAX_SIGNATURE_BYTES = 4_096
"""Longest signature or key file that is read."""


class SignatureFile(Record):
    """The content of a signature file."""

    key_id: Digest
    signature: Base64
    algorithm: str
    format: str
    version: int


_FORM = (ALGORITHM, "ringtrace-signature", 1)
"""The algorithm, the format and the version of a signature file."""


class KeyFileError(ValueError):
    """A key file that cannot be used; the message is one line for its user."""


class LockedKeyError(KeyFileError):
    """A key file whose passphrase is wrong, or was not given."""


class Validity(Record, omit_defaults=True):
    """The time in which a key may sign; from `revoked_since` on, others may have the key."""

    not_before: AwareTime | None = None
    not_after: AwareTime | None = None
    revoked_since: AwareTime | None = None

    def problem(self, when: datetime, seen: datetime | None = None) -> str | None:
        """Returns why the key cannot have signed at `when`; None where it can.

        Whoever steals a key can backdate signatures. So a signature that was first seen after the
        key became void does not hold either.
        """
        if self.revoked_since is not None and max(when, seen or when) >= self.revoked_since:
            return f"was signed by a key that is void from {self.revoked_since:%Y-%m-%dT%H:%MZ} on"
        if self.not_before is not None and when < self.not_before:
            return f"was signed before its key was valid, from {self.not_before:%Y-%m-%dT%H:%MZ} on"
        if self.not_after is not None and when > self.not_after:
            return f"was signed after its key had ended, on {self.not_after:%Y-%m-%dT%H:%MZ}"
        return None


class LetterError(ValueError):
    """An error in a file that was sent; the message follows the file's name."""


class SignatureError(LetterError):
    """A signature that cannot be accepted; the message says why, after a file's name."""


class BrokenSignatureError(SignatureError):
    """The signature file is not one."""


class UnknownKeyError(SignatureError):
    """The signature is by a key that is not among those trusted; `key_id` says which."""

    def __init__(self, key_id: str) -> None:
        super().__init__(f"is signed by the key {key_id}, which is not trusted")
        self.key_id = key_id


class WrongSignatureError(SignatureError):
    """The signature does not fit the content: one of the two was altered."""


def make_signing_key() -> Ed25519PrivateKey:
    """Makes a key pair from the operating system's randomness."""
    return Ed25519PrivateKey.generate()


def key_id(key: Ed25519PublicKey) -> str:
    """Returns the fingerprint: SHA-256 of SubjectPublicKeyInfo (RFC 8410), 64 hex digits.

    The same as `openssl pkey -pubin -in KEY -outform DER | sha256sum`.
    """
    der = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return digest_of(der)


def private_pem(key: Ed25519PrivateKey, passphrase: bytes | None = None) -> bytes:
    """Returns the private key as PKCS 8 PEM.

    With a passphrase it is encrypted (PBES2 with AES-256-CBC), and the public key stands before it,
    so that signatures can be checked without the passphrase.
    """
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    if passphrase is None:
        return key.private_bytes(*form, serialization.NoEncryption())
    locked = key.private_bytes(*form, serialization.BestAvailableEncryption(passphrase))
    return public_pem(key.public_key()) + locked


def public_pem(key: Ed25519PublicKey) -> bytes:
    """Returns the public key as SubjectPublicKeyInfo PEM."""
    return key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def is_locked(content: bytes) -> bool:
    """Returns True for a key file that a passphrase opens."""
    return b"ENCRYPTED PRIVATE KEY" in content


def read_private_key(
    content: bytes, name: str, passphrase: Callable[[], bytes] | None = None
) -> Ed25519PrivateKey:
    """Reads the private key of a PEM file called `name`; asks for a passphrase where it needs one.

    Raises:
        LockedKeyError: if the passphrase is wrong, or there is none.
        KeyFileError: if it holds none that can be used.
    """
    _check_size(content, name)
    locked = is_locked(content)
    if locked and passphrase is None:
        raise LockedKeyError(f"{name}: is encrypted; give it without a passphrase")
    try:
        secret = passphrase() if locked and passphrase is not None else None
        key = serialization.load_pem_private_key(content, password=secret)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        if locked:
            raise LockedKeyError(f"{name}: has another passphrase; give the right one") from None
        raise KeyFileError(
            f"{name}: contains no private key in PEM (PKCS 8); give one of `ringtrace keys make`"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileError(f"{name}: is not an {ALGORITHM} key; make one with ringtrace keys make")
    return key


def read_public_key(content: bytes, name: str) -> Ed25519PublicKey:
    """Reads the public key of a PEM file called `name`.

    Raises:
        KeyFileError: if it holds none that can be used.
    """
    if b"PRIVATE KEY" in content:
        raise KeyFileError(
            f"{name}: is a private key, which must not be shared; ask for the public one"
        )
    return public_part(content, name)


def public_part(content: bytes, name: str) -> Ed25519PublicKey:
    """Reads the public key of a PEM file called `name`, which may have a locked private one, too.

    Raises:
        KeyFileError: if it holds none that can be used.
    """
    _check_size(content, name)
    try:
        key = serialization.load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm):
        raise KeyFileError(
            f"{name}: contains no public key in PEM; give one of `ringtrace keys export`"
        ) from None
    if not isinstance(key, Ed25519PublicKey):
        raise KeyFileError(
            f"{name}: is not an {ALGORITHM} key; give one of `ringtrace keys export`"
        )
    return key


def _check_size(content: bytes, name: str) -> None:
    if len(content) > MAX_SIGNATURE_BYTES:
        raise KeyFileError(f"{name}: is too large for a key")


def sign_detached(content: bytes, key: Ed25519PrivateKey) -> bytes:
    """Returns the signature file of `content`: JSON, the same for the same content and key."""
    signature = base64.b64encode(key.sign(content)).decode()
    return signature_bytes(SignatureFile(key_id(key.public_key()), signature, *_FORM))


def signature_bytes(file: SignatureFile) -> bytes:
    """Returns the bytes of a signature file."""
    return (json.dumps(structs.asdict(file), indent=2, sort_keys=True) + "\n").encode()


def verify_detached(content: bytes, signature: bytes, trusted: Iterable[Ed25519PublicKey]) -> str:
    """Returns the id of the trusted key whose `signature` file fits `content`.

    Raises:
        BrokenSignatureError: if it is no signature file.
        UnknownKeyError: if it is by none of the `trusted` keys.
        WrongSignatureError: if the content or the signature was altered.
    """
    file = parse_signature(signature)
    signer, raw = file.key_id, base64.b64decode(file.signature)
    key = {key_id(trusted_key): trusted_key for trusted_key in trusted}.get(signer)
    if key is None:
        raise UnknownKeyError(signer)
    try:
        key.verify(raw, content)
    except InvalidSignature:
        raise WrongSignatureError(
            f"was altered after it was signed, or its signature was (key {signer})"
        ) from None
    return signer


def parse_signature(content: bytes) -> SignatureFile:
    """Parses a signature file; raises BrokenSignatureError if it is none."""
    broken = BrokenSignatureError("has a signature file that ringtrace did not write")
    if len(content) > MAX_SIGNATURE_BYTES:
        raise broken
    try:
        file = read_record(SignatureFile, json.loads(content))
    except (ValueError, RecursionError):
        raise broken from None
    if (file.algorithm, file.format, file.version) != _FORM:
        raise BrokenSignatureError(
            f"is not signed by {ALGORITHM} in version {_FORM[-1]}, which is all that is read here"
        )
    return file


def canonical_json(value: Any) -> bytes:
    """Returns the canonical bytes of a dataclass or of plain JSON values."""
    return json.dumps(
        msgspec.to_builtins(value),
        sort_keys=True,
        separators=(",", ":"),
        ensure_ascii=False,
        allow_nan=False,
    ).encode()


def letter_bytes(letter: Any, key: Ed25519PrivateKey) -> bytes:
    """Returns the canonical bytes of a file to sign, which names the key."""
    return canonical_json(structs.replace(letter, key_id=key_id(key.public_key())))


def parse_canonical_json(content: bytes) -> Any:
    """Returns the value of canonical bytes.

    Raises:
        LetterError: if `canonical_json` would write it otherwise.
    """
    try:
        value = json.loads(content)
        same = canonical_json(value) == content
    except (ValueError, RecursionError):
        raise LetterError("is not JSON") from None
    if not same:
        raise LetterError("is not canonical JSON: a key twice, a blank or an odd number")
    return value


def read_letter(kind: type[AnyRecord], value: Any) -> AnyRecord:
    """Returns plain values as a record that was sent.

    Raises:
        LetterError: naming the first field that is wrong.
    """
    try:
        return read_record(kind, value)
    except RecordError as error:
        # The sender's text may be hostile, so the message does not repeat it.
        problem = re.sub("(unknown field|regex|value) .*", r"\1", str(error))
        raise LetterError(problem) from None


def digest_of(content: bytes) -> str:
    """Returns SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def merkle_leaf(data: bytes) -> bytes:
    """Returns the hash of a leaf (RFC 6962 section 2.1)."""
    return hashlib.sha256(b"\0" + data).digest()


class MerkleTree:
    """A Merkle tree of RFC 6962 that grows leaf by leaf, and knows its root at every size."""

    def __init__(self) -> None:
        self.size = 0
        self._whole: list[bytes] = []  # roots of complete subtrees, the largest first

    def add(self, leaf: bytes) -> None:
        """Adds the hash of a leaf."""
        node, count = leaf, self.size
        while count & 1:
            node = _node(self._whole.pop(), node)
            count >>= 1
        self._whole.append(node)
        self.size += 1

    def root(self) -> bytes:
        """Returns the Merkle Tree Hash (RFC 6962 section 2.1)."""
        if not self._whole:
            return hashlib.sha256(b"").digest()
        return reduce(lambda right, left: _node(left, right), reversed(self._whole))


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def merkle_tree_hash(leaves: Iterable[bytes]) -> bytes:
    """Returns the Merkle Tree Hash of leaf hashes."""
    tree = MerkleTree()
    for leaf in leaves:
        tree.add(leaf)
    return tree.root()
