"""The seal: every file of a package by digest, under one Merkle root and one signature.

seal.json        what is in the package, file by file and 4,096 bytes by 4,096 bytes
seal.json.sig    detached Ed25519 signature over it (reports.signing)
seal.json.tsq    request for an RFC 3161 time stamp over it, ready to be sent
seal.json.tsr    room for the answer; the only file that may be put in later
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography import x509

SEAL_FORMAT, SEAL_VERSION = "ringtrace-referral-seal", 1

SEAL_FILE, SIGNATURE_FILE, QUERY_FILE, TOKEN_FILE = (
    "seal.json",
    "seal.json.sig",
    "seal.json.tsq",
    "seal.json.tsr",
)

UNSEALED = (SEAL_FILE, SIGNATURE_FILE, QUERY_FILE, TOKEN_FILE)

CHUNK = 4_096
"""Bytes of a file that have a digest of their own, so that an altered place can be named."""

_PATH = re.compile(r"(?!\.)[A-Za-z0-9._-]+(/(?!\.)[A-Za-z0-9._-]+)*")

_HEX = re.compile(r"[0-9a-f]{64}")

SealEntry = dict[str, Any]


class SealError(ValueError):
    """A seal that is none, or that leads out of its package; the message is one line."""


def merkle_leaf(data: bytes) -> bytes:
    """Returns the hash of a leaf (RFC 6962 section 2.1)."""
    return hashlib.sha256(b"\0" + data).digest()


def merkle_tree_hash(leaves: Sequence[bytes]) -> bytes:
    """Returns the Merkle Tree Hash of leaf hashes (RFC 6962 section 2.1)."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    level = list(leaves)
    while len(level) > 1:
        # A level's odd end moves up as it is, which gives the same tree as RFC 6962's split at
        # the largest power of two.
        pairs = zip(level[0::2], level[1::2], strict=False)
        above = [hashlib.sha256(b"\1" + a + b).digest() for a, b in pairs]
        level = above + level[len(above) * 2 :]
    return level[0]


def seal_entry(path: str, content: bytes) -> SealEntry:
    """Returns the entry of one file in the seal."""
    chunks = [content[at : at + CHUNK] for at in range(0, len(content), CHUNK)]
    return {
        "path": path,
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "chunks": [merkle_leaf(one).hex() for one in chunks],
    }


def merkle_root(entries: Iterable[SealEntry]) -> str:
    """Returns the root over the lines `SHA-256 BYTES PATH` of the files, by path."""
    lines = sorted(
        (one["path"], f"{one['sha256']} {one['bytes']} {one['path']}\n") for one in entries
    )
    return merkle_tree_hash([merkle_leaf(line.encode()) for _, line in lines]).hex()


def make_seal(files: Mapping[str, bytes], package: Mapping[str, object]) -> bytes:
    """Writes the seal of a package's files; `package` are facts of it."""
    entries = [seal_entry(path, content) for path, content in sorted(files.items())]
    whole = {
        "format": SEAL_FORMAT,
        "version": SEAL_VERSION,
        "package": dict(package),
        "chunk_bytes": CHUNK,
        "merkle_root": merkle_root(entries),
        "files": entries,
    }
    return (json.dumps(whole, indent=1, sort_keys=True) + "\n").encode()


def parse_seal(content: bytes) -> tuple[dict[str, Any], list[SealEntry]]:
    """Parses a seal into the facts of its package, and its entries.

    Raises:
        SealError: if it is no seal, or names a path that could lead out of the package.
    """
    try:
        whole = json.loads(content)
    except (ValueError, RecursionError):
        raise SealError("is not JSON") from None
    if not isinstance(whole, dict) or whole.get("format") != SEAL_FORMAT:
        raise SealError("is no seal of a referral package")
    form = [repr(whole.get(name)) for name in ("version", "chunk_bytes")]  # True is 1, too
    if form != [repr(SEAL_VERSION), repr(CHUNK)]:
        raise SealError(f"is not of version {SEAL_VERSION}, which is all that is read here")
    entries, package = whole.get("files"), whole.get("package")
    if not isinstance(entries, list) or not isinstance(package, dict):
        raise SealError("does not list its files")
    for one in entries:
        _check(one)
    paths = [one["path"] for one in entries]
    if paths != sorted(set(paths)):
        raise SealError("lists its files twice or out of order")
    if whole.get("merkle_root") != merkle_root(entries):
        raise SealError("has a Merkle root that is not that of its files")
    return package | {"merkle_root": whole["merkle_root"]}, entries


def _check(one: Any) -> None:
    if not isinstance(one, dict) or set(one) != {"path", "bytes", "sha256", "chunks"}:
        raise SealError("has an entry that is none")
    path, size, chunks = one["path"], one["bytes"], one["chunks"]
    if not isinstance(path, str) or len(path) > 255 or not _PATH.fullmatch(path):
        raise SealError(f"names a path that is not allowed in a package: {str(path)[:80]!a}")
    if path in UNSEALED:
        raise SealError(f"lists {path}, which it cannot vouch for")
    sound = isinstance(size, int) and not isinstance(size, bool) and isinstance(chunks, list)
    if not sound or len(chunks) != -(-size // CHUNK):
        raise SealError(f"has an entry that does not add up: {path}")
    if not all(isinstance(one, str) and _HEX.fullmatch(one) for one in (one["sha256"], *chunks)):
        raise SealError(f"has an entry with a digest that is none: {path}")


def time_stamp_query(seal: bytes) -> bytes:
    """Writes a TimeStampReq in DER (RFC 3161 section 2.4.1), which asks for a certificate.

    It has no nonce: the same seal asks the same.
    """
    algorithm = bytes.fromhex("300d06096086480165030402010500")
    digest = hashlib.sha256(seal).digest()
    imprint = algorithm + b"\x04\x20" + digest
    body = b"\x02\x01\x01" + b"\x30" + bytes([len(imprint)]) + imprint + b"\x01\x01\xff"
    return b"\x30" + bytes([len(body)]) + body


class TimeStampError(ValueError):
    """A time stamp that does not hold; the words follow its file's name."""


class MissingTimeStampLibraryError(ImportError):
    """The package that reads time stamps is not installed."""


@dataclass(frozen=True)
class TimeStamp:
    """A time stamp of a seal; `checked` if the signature of a trusted authority holds.

    Without the package rfc3161-client nothing but the seal's digest was looked for, and `when` and
    `by` are None.
    """

    when: datetime | None
    by: str | None
    checked: bool

    @property
    def text(self) -> str:
        """The time, the signer, and what was checked, in words."""
        if self.when is None:
            return "present; its signature was not checked: pip install 'ringtrace[referral]'"
        stamped = f"{self.when:%Y-%m-%dT%H:%M:%SZ} by {self.by}"
        if self.checked:
            return f"{stamped}; its signature and certificates hold"
        return f"says {stamped}; its signature was not checked: give --authority PEM"


def load_authorities(content: bytes) -> list[x509.Certificate]:
    """Reads the root certificates in a PEM file.

    Raises:
        ValueError: if it holds none.
    """
    return x509.load_pem_x509_certificates(content)


def read_time_stamp(token: bytes, seal: bytes, roots: Sequence[x509.Certificate]) -> TimeStamp:
    """Reads a time stamp response over a seal's bytes, and checks it where `roots` are given.

    Checked are the CMS signature, the chain of certificates to one of `roots`, and that the
    signer's certificate is for time stamping (RFC 3161 section 2.3). No list of revoked
    certificates is read: that would need the network.

    Raises:
        StampError: if it is none of this seal, or does not hold.
        NoStampLibraryError: if `roots` are given and the package is missing.
    """
    try:
        import rfc3161_client as tsp
    except ImportError:
        if roots:
            raise MissingTimeStampLibraryError(
                "checking a time stamp needs rfc3161-client: pip install 'ringtrace[referral]'"
            ) from None
        if hashlib.sha256(seal).digest() not in token:
            raise TimeStampError("is no time stamp of this seal") from None
        return TimeStamp(None, None, checked=False)
    try:
        response = tsp.decode_timestamp_response(token)
        info = response.tst_info
        imprint = info.message_imprint.message
    except ValueError:
        raise TimeStampError(
            "cannot be read as an RFC 3161 time stamp in DER; see what openssl ts -verify says"
        ) from None
    if imprint != hashlib.sha256(seal).digest():
        raise TimeStampError("is no time stamp of this seal")
    if roots:
        _check_response(tsp, response, seal, roots)
    return TimeStamp(info.gen_time.astimezone(UTC), _signer(response), checked=bool(roots))


def _check_response(
    tsp: Any, response: Any, seal: bytes, roots: Sequence[x509.Certificate]
) -> None:
    builder = tsp.VerifierBuilder(roots=list(roots))
    try:
        builder.build().verify_message(response, seal)
    except (tsp.VerificationError, ValueError) as error:
        why = " ".join(str(error).split())[:160]
        raise TimeStampError(f"does not hold by the authority given: {why}") from None


def _signer(response: Any) -> str:
    """Returns the subject of the certificate that signed."""
    signers = {(one.issuer, one.serial_number) for one in response.signed_data.signer_infos}
    for der in response.signed_data.certificates:
        one = x509.load_der_x509_certificate(der)
        if (one.issuer, one.serial_number) in signers:
            return one.subject.rfc4514_string()[:200]
    return "a certificate that it does not hold"
