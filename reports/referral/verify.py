"""Whether a package is what was sealed: offline, from the package and a public key alone."""

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
from reports.referral.seal import Stamp
from reports.signing import SignatureError

SEAL_LIMIT = 256 * 1024 * 1024
"""Bytes of a seal that are read; it has 68 bytes for every 4,096 of the package."""


TOKEN_LIMIT = 1024 * 1024


@dataclass(frozen=True)
class Finding:
    """One thing that is not as sealed."""

    path: str
    what: str


@dataclass
class Verdict:
    """What was found. `signer` is the key id of a trusted key whose signature holds, or None."""

    findings: list[Finding] = field(default_factory=list)
    package: dict[str, Any] = field(default_factory=dict)
    seal_sha256: str = ""
    files: int = 0
    signer: str | None = None
    time_stamp: Stamp | None = None

    @property
    def holds(self) -> bool:
        """Whether everything is as sealed, by a trusted key."""
        return not self.findings and self.signer is not None


def verify(
    folder: Path, trusted: Iterable[Ed25519PublicKey], roots: Sequence[Certificate] = ()
) -> Verdict:
    """Compare every byte of a package with its seal, and the seal with its signature.

    A time stamp is held against the authorities `roots`, if there are any.

    Nothing outside `folder` is ever opened: no link is followed, and paths are those that are
    there, never those that the seal names.

    Raises:
        OSError: if the folder cannot be read.
        NoStampLibraryError: if a time stamp cannot be checked as asked.
    """
    verdict = Verdict()
    there: dict[str, Path] = {}
    for path, odd in _walk(folder, ""):
        if odd:
            verdict.findings.append(Finding(path, odd))
        else:
            there[path] = folder / path
    content = _read(there.get(seal.SEAL), SEAL_LIMIT)
    if content is None:
        verdict.findings.append(Finding(seal.SEAL, "is missing: this is no referral package"))
        return verdict
    verdict.seal_sha256 = hashlib.sha256(content).hexdigest()
    _signature(verdict, content, _read(there.get(seal.SIGNATURE), signing.MAX_BYTES), trusted)
    try:
        verdict.package, entries = seal.parse(content)
    except seal.SealError as error:
        verdict.findings.append(Finding(seal.SEAL, str(error)))
        return verdict
    verdict.files = len(entries)
    for one in entries:
        file = there.pop(one["path"], None)
        if file is None:
            verdict.findings.append(Finding(one["path"], f"is missing ({one['bytes']} bytes)"))
        else:
            verdict.findings.extend(_compared(file, one))
    _time_stamp(verdict, content, there, roots)
    for added in sorted(there.keys() - set(seal.UNSEALED)):
        size = there[added].lstat().st_size
        verdict.findings.append(Finding(added, f"was added ({size} bytes)"))
    return verdict


def _walk(folder: Path, inside: str) -> Iterator[tuple[str, str]]:
    """Paths below a folder, each with what is odd about it; links are not followed."""
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
    """The file, or None where there is none; what is longer than `limit` is cut and so fails."""
    if path is None:
        return None
    with os.fdopen(_open(path), "rb") as file:
        return file.read(limit + 1)


def _signature(
    verdict: Verdict,
    content: bytes,
    signature: bytes | None,
    trusted: Iterable[Ed25519PublicKey],
) -> None:
    if signature is None:
        verdict.findings.append(Finding(seal.SIGNATURE, "is missing: nobody vouches for this"))
        return
    try:
        verdict.signer = signing.verify(content, signature, trusted)
    except SignatureError as error:
        verdict.findings.append(Finding(seal.SEAL, str(error)))
        return
    if not _as_written(signature):
        verdict.findings.append(Finding(seal.SIGNATURE, "was altered, though its signature holds"))


def _as_written(signature: bytes) -> bool:
    """Whether a signature file is byte for byte as it is made, base64 included."""
    fields = json.loads(signature)
    raw = base64.b64decode(fields["signature"])
    again = fields | {"signature": base64.b64encode(raw).decode()}
    return (json.dumps(again, indent=2, sort_keys=True) + "\n").encode() == signature


def _compared(path: Path, one: seal.Entry) -> Iterator[Finding]:
    """Where a file is not as sealed: ranges of bytes, what is missing at its end or too much."""
    name, whole = one["path"], hashlib.sha256()
    altered: list[list[int]] = []
    size = 0
    with os.fdopen(_open(path), "rb") as file:
        for number, digest in enumerate(one["chunks"]):
            chunk = file.read(seal.CHUNK)
            whole.update(chunk)
            start, size = number * seal.CHUNK, size + len(chunk)
            end = min(start + seal.CHUNK, one["bytes"])
            # A piece that is cut short cannot be checked; that it is cut is told below.
            if len(chunk) < end - start or seal.leaf(chunk[: end - start]).hex() == digest:
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
    verdict: Verdict, content: bytes, there: dict[str, Path], roots: Sequence[Certificate]
) -> None:
    query = _read(there.get(seal.QUERY), TOKEN_LIMIT)
    if query is None:
        verdict.findings.append(Finding(seal.QUERY, "is missing"))
    elif query != seal.time_stamp_query(content):
        verdict.findings.append(Finding(seal.QUERY, "does not ask about this seal"))
    token = _read(there.get(seal.TOKEN), TOKEN_LIMIT)
    if token is None:
        if roots:
            verdict.findings.append(Finding(seal.TOKEN, "is missing: there is no time stamp"))
        return
    try:
        verdict.time_stamp = seal.read(token, content, roots)
    except seal.StampError as error:
        verdict.findings.append(Finding(seal.TOKEN, str(error)))
