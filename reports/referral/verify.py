"""Verification of a package, offline, from the package and a public key alone."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.x509 import Certificate

from reports import signing
from reports.referral import seal
from reports.referral.seal import TimeStamp
from reports.signing import SignatureError

SEAL_BYTES_LIMIT = 256 * 1024 * 1024
"""Bytes of a seal that are read; it has 68 bytes for every 4,096 of the package."""

TOKEN_BYTES_LIMIT = 1024 * 1024


@dataclass(frozen=True)
class Finding:
    """One thing that is not as sealed."""

    path: str
    what: str


@dataclass
class VerificationResult:
    """The findings; `signer` is the id of a trusted key whose signature holds, or None."""

    findings: list[Finding] = field(default_factory=list)
    package: dict[str, Any] = field(default_factory=dict)
    seal_sha256: str = ""
    files: int = 0
    signer: str | None = None
    time_stamp: TimeStamp | None = None

    @property
    def holds(self) -> bool:
        """True if everything is as sealed, by a trusted key."""
        return not self.findings and self.signer is not None


def verify_package(
    folder: Path, trusted: Iterable[Ed25519PublicKey], roots: Sequence[Certificate] = ()
) -> VerificationResult:
    """Compares every byte of a package with its seal, and the seal with its signature.

    A time stamp is checked against the authorities `roots`, if there are any.

    Nothing outside `folder` is ever opened: no link is followed, and paths are those that are
    there, never those that the seal names.

    Raises:
        OSError: if the folder cannot be read.
        NoStampLibraryError: if a time stamp cannot be checked as asked.
    """
    result = VerificationResult()
    there: dict[str, Path] = {}
    for path, unread in _walk(folder, ""):
        if unread:
            result.findings.append(Finding(path, unread))
        else:
            there[path] = folder / path
    content = _read(there.get(seal.SEAL_FILE), SEAL_BYTES_LIMIT)
    if content is None:
        result.findings.append(Finding(seal.SEAL_FILE, "is missing: this is no referral package"))
        return result
    result.seal_sha256 = hashlib.sha256(content).hexdigest()
    _signature(
        result, content, _read(there.get(seal.SIGNATURE_FILE), signing.MAX_SIGNATURE_BYTES), trusted
    )
    try:
        result.package, entries = seal.parse_seal(content)
    except seal.SealError as error:
        result.findings.append(Finding(seal.SEAL_FILE, str(error)))
        return result
    result.files = len(entries)
    for one in entries:
        file = there.pop(one["path"], None)
        if file is None:
            result.findings.append(Finding(one["path"], f"is missing ({one['bytes']} bytes)"))
        else:
            result.findings.extend(_compared(file, one))
    _time_stamp(result, content, there, roots)
    for added in sorted(there.keys() - set(seal.UNSEALED)):
        size = there[added].lstat().st_size
        result.findings.append(Finding(added, f"was added ({size} bytes)"))
    return result


def _walk(folder: Path, inside: str) -> Iterator[tuple[str, str]]:
    """Yields paths below a folder, each with why it is not read, if so; follows no link."""
    with os.scandir(folder) as found:
        entries = sorted(found, key=_name)
    for one in entries:
        path = f"{inside}{one.name}"
        if one.is_symlink():
            yield path, "is a symbolic link, which no package has; it was not followed"
        elif one.is_dir(follow_symlinks=False):
            yield from _walk(Path(one.path), f"{path}/")
        elif stat.S_ISREG(one.stat(follow_symlinks=False).st_mode):
            yield path, ""
        else:
            yield path, "is no ordinary file; it was not read"


def _name(one: os.DirEntry[str]) -> str:
    return one.name


def _open(path: Path) -> int:
    return os.open(path, os.O_RDONLY | os.O_NOFOLLOW)


def _read(path: Path | None, limit: int) -> bytes | None:
    """Reads a file, if it is there; what is longer than `limit` is cut and so fails."""
    if path is None:
        return None
    with os.fdopen(_open(path), "rb") as file:
        return file.read(limit + 1)


def _signature(
    result: VerificationResult,
    content: bytes,
    signature: bytes | None,
    trusted: Iterable[Ed25519PublicKey],
) -> None:
    if signature is None:
        result.findings.append(Finding(seal.SIGNATURE_FILE, "is missing: nobody vouches for this"))
        return
    try:
        result.signer = signing.verify_detached(content, signature, trusted)
    except SignatureError as error:
        result.findings.append(Finding(seal.SEAL_FILE, str(error)))
        return
    if not _as_written(signature):
        result.findings.append(
            Finding(seal.SIGNATURE_FILE, "was altered, though its signature holds")
        )


def _as_written(signature: bytes) -> bool:
    """Returns True if a signature file is byte for byte as it is made, base64 included."""
    fields = json.loads(signature)
    raw = base64.b64decode(fields["signature"])
    again = fields | {"signature": base64.b64encode(raw).decode()}
    return (json.dumps(again, indent=2, sort_keys=True) + "\n").encode() == signature


def _compared(path: Path, one: seal.SealEntry) -> Iterator[Finding]:
    """Yields the differences of a file from its seal: ranges of bytes, and a wrong length."""
    name, whole = one["path"], hashlib.sha256()
    altered: list[list[int]] = []
    size = 0
    with os.fdopen(_open(path), "rb") as file:
        for number, digest in enumerate(one["chunks"]):
            chunk = file.read(seal.CHUNK)
            whole.update(chunk)
            start, size = number * seal.CHUNK, size + len(chunk)
            end = min(start + seal.CHUNK, one["bytes"])
            # A piece that is cut short cannot be checked; that it is cut is reported below.
            if len(chunk) < end - start or seal.merkle_leaf(chunk[: end - start]).hex() == digest:
                continue
            if altered and altered[-1][1] == start:
                altered[-1][1] = end
            else:
                altered.append([start, end])
        while chunk := file.read(1 << 20):
            whole.update(chunk)
            size += len(chunk)
    if whole.hexdigest() == one["sha256"] and size == one["bytes"]:
        return
    for start, end in altered:
        yield Finding(name, f"was altered somewhere in bytes {start} to {end - 1}")
    if size < one["bytes"]:
        yield Finding(name, f"ends {one['bytes'] - size} bytes early, at byte {size}")
    elif size > one["bytes"]:
        yield Finding(name, f"has {size - one['bytes']} bytes too many, from byte {one['bytes']}")


def _time_stamp(
    result: VerificationResult, content: bytes, there: dict[str, Path], roots: Sequence[Certificate]
) -> None:
    query = _read(there.get(seal.QUERY_FILE), TOKEN_BYTES_LIMIT)
    if query is None:
        result.findings.append(Finding(seal.QUERY_FILE, "is missing"))
    elif query != seal.time_stamp_query(content):
        result.findings.append(Finding(seal.QUERY_FILE, "does not ask about this seal"))
    token = _read(there.get(seal.TOKEN_FILE), TOKEN_BYTES_LIMIT)
    if token is None:
        if roots:
            result.findings.append(Finding(seal.TOKEN_FILE, "is missing: there is no time stamp"))
        return
    try:
        result.time_stamp = seal.read_time_stamp(token, content, roots)
    except seal.TimeStampError as error:
        result.findings.append(Finding(seal.TOKEN_FILE, str(error)))
