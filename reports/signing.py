"""Ed25519 keys and detached signatures (RFC 8032), and the canonical JSON that is signed.

A signature is over the file's own bytes, so that anybody can check it without ringtrace:

    openssl pkeyutl -verify -pubin -inkey theirs.pem -rawin -in FILE -sigfile RAW

where RAW is `signature` of the signature file, decoded from base64. A signed file must therefore
say itself what it is; every format of ringtrace does, in its first lines.

Canonical JSON is as RFC 8785 orders and writes it, with whole numbers alone. A reader compares a
file with what it would itself have written, so that blanks, a key twice, NaN, a fraction and every
other second way to write a value are refused: no two readers see two things in one signed file.

Of many pieces the root of a Merkle tree is signed (RFC 6962).
"""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, reduce
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from schemas.records import AwareTime, Record
from schemas.signed_fields import MAX_INTEGER, Base64, Digest

ALGORITHM = "Ed25519"

SIGNATURE_SUFFIX = ".sig"
"""Added to the name of a file to name its signature file."""

MAX_SIGNATURE_BYTES = 4_096
"""Longest signature or key file that is read."""

T = TypeVar("T")


@dataclass(frozen=True)
class SignatureFile:
    """The content of a signature file."""

    key_id: Digest
    signature: Base64
    algorithm: str = ALGORITHM
    format: str = "ringtrace-signature"
    version: int = 1


class KeyFileError(ValueError):
    """A key file that cannot be used; the message is one line for its user."""


class LockedKeyError(KeyFileError):
    """A key file whose passphrase is wrong, or was not given."""


class Validity(Record, omit_defaults=True):
    """The time in which a key may sign; from `revoked_since` on others may have it."""

    not_before: AwareTime | None = None
    not_after: AwareTime | None = None
    revoked_since: AwareTime | None = None

    def problem(self, when: datetime, seen: datetime | None = None) -> str | None:
        """Returns why the key cannot have signed at `when`; None where it can.

        Whoever has another's key can date back what he signs. So what was first seen once the key
        was void does not hold either.
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
    file = SignatureFile(key_id(key.public_key()), signature)
    return (json.dumps(vars(file), indent=2, sort_keys=True) + "\n").encode()


def verify_detached(content: bytes, signature: bytes, trusted: Iterable[Ed25519PublicKey]) -> str:
    """Returns the id of the trusted key whose `signature` file fits `content`.

    Raises:
        BrokenSignatureError: if it is no signature file.
        UnknownKeyError: if it is by none of the `trusted` keys.
        WrongSignatureError: if the content or the signature was altered.
    """
    file = _signature_file(signature)
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


def _signature_file(content: bytes) -> SignatureFile:
    broken = BrokenSignatureError("has a signature file that ringtrace did not write")
    if len(content) > MAX_SIGNATURE_BYTES:
        raise broken
    try:
        file = dataclass_from_json(SignatureFile, json.loads(content))
    except (ValueError, RecursionError):
        raise broken from None
    if file != SignatureFile(file.key_id, file.signature):
        raise BrokenSignatureError(
            f"is not signed by {ALGORITHM} in version {SignatureFile.version}, "
            "which is all that is read here"
        )
    return file


def canonical_json(value: Any) -> bytes:
    """Returns the canonical bytes of a dataclass or of plain JSON values.

    A field of a dataclass that is None by default is left out where it is None.
    """
    whole = dataclasses.is_dataclass(value) and not isinstance(value, type)
    plain = dataclasses.asdict(value) if whole else value
    for field in dataclasses.fields(value) if whole else ():
        if field.default is None and plain[field.name] is None:
            del plain[field.name]
    return json.dumps(
        plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    ).encode()


def letter_bytes(letter: Any, key: Ed25519PrivateKey) -> bytes:
    """Returns the canonical bytes of a file to sign, a dataclass, which names the key."""
    return canonical_json(dataclasses.replace(letter, key_id=key_id(key.public_key())))


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


def dataclass_from_json(kind: type[T], value: Any, where: str = "") -> T:
    """Makes a dataclass from plain values: every field there, no other, each of its type.

    A field that is None by default may be absent, and is not null.

    Raises:
        LetterError: naming the first field that is wrong.
    """
    if not isinstance(value, Mapping):
        raise LetterError(f"{where or 'it'} is not an object")
    hints = _hints(kind)  # type: ignore[arg-type]
    optional = {field.name for field in dataclasses.fields(kind) if field.default is None}  # type: ignore[arg-type]
    for name in sorted((set(value) ^ set(hints)) - (optional - set(value))):
        # The name of an unknown field is hostile text: it is not repeated.
        problem = "has an unknown field" if name in value else f"has no {name}"
        raise LetterError(f"{where or 'it'} {problem}")
    return kind(
        **{
            name: _typed(
                get_args(hint)[0] if name in optional else hint,
                value[name],
                f"{where}.{name}".lstrip("."),
            )
            for name, hint in hints.items()
            if name in value
        }
    )


@cache
def _hints(kind: type[Any]) -> Mapping[str, Any]:
    """Returns the types of the fields of a dataclass, which take long to find out."""
    return get_type_hints(kind, include_extras=True)


def _typed(hint: Any, value: Any, where: str) -> Any:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        value = _typed(inner[0], value, where)
        for check in hint.__metadata__:
            if not check.holds(value):
                raise LetterError(f"field {where} {check.problem}")
        return value
    if origin is tuple:
        if not isinstance(value, list):
            raise LetterError(f"{where} is not a list")
        return tuple(
            _typed(inner[0], member, f"{where}[{position}]")
            for position, member in enumerate(value)
        )
    if origin in (Union, UnionType):
        return None if value is None else _typed(inner[0], value, where)
    if dataclasses.is_dataclass(hint):
        return dataclass_from_json(hint, value, where)  # type: ignore[arg-type]
    if hint is int:
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MAX_INTEGER:
            raise LetterError(f"{where} is not a whole number from 0 to {MAX_INTEGER}")
    elif not isinstance(value, str):
        raise LetterError(f"{where} is not a text")
    return value


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
