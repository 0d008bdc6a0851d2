"""The seal: every file of a package by digest, under one Merkle root and one signature.

seal.json        digests of the package, by file and by 4,096 bytes
seal.json.sig    detached Ed25519 signature over it (reports.signing)
seal.json.tsq    request for an RFC 3161 time stamp over it, ready to be sent
seal.json.tsr    the answer; the only file that may be added later

A package is verified offline, from the package and a public key alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import starmap
from operator import attrgetter
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, NamedTuple

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.x509 import Certificate
from msgspec import Meta, structs

from reports import signing
from reports.referral.blocks import Files
from reports.signing import (
    SignatureError,
    UnknownKeyError,
    digest_of,
    key_id,
    merkle_leaf,
    merkle_tree_hash,
)
from schemas.extras import install_command
from schemas.records import Record
from schemas.signed_fields import Digest, Whole, rising
from transforms.gates import open_bytes, read_json

UNSEALED = ("seal.json", "seal.json.sig", "seal.json.tsq", "seal.json.tsr")
"""Files of a package that a seal cannot cover."""

SEAL_FILE, SIGNATURE_FILE, QUERY_FILE, TOKEN_FILE = UNSEALED

CHUNK: Final = 4_096
"""Bytes of a file with a digest of their own, so that verification can name an altered place."""

_PATH = re.compile(r"(?!\.)[A-Za-z0-9._-]+(/(?!\.)[A-Za-z0-9._-]+)*")

OPENSSL_CHECK = r"""
    openssl pkey -pubin -in PUBLIC_KEY -outform DER | sha256sum
    sed -n 's/.*"signature": "\(.*\)".*/\1/p' seal.json.sig | openssl base64 -d -A > ../seal.raw
    openssl pkeyutl -verify -pubin -inkey PUBLIC_KEY -rawin -in seal.json -sigfile ../seal.raw
    grep -c "$(sha256sum < tagmanifest-sha256.txt | cut -c -64)" seal.json
    sha256sum --quiet -c tagmanifest-sha256.txt manifest-sha256.txt
""".strip("\n")
"""Commands that check a package without ringtrace; README.txt says what each prints."""

KeysByOrganisation = Mapping[str, Sequence[Ed25519PublicKey]]


class Finding(NamedTuple):
    """A difference from the seal."""

    path: str
    problem: str


class SealError(ValueError):
    """A file that is no seal, or leads out of its package; the message is one line."""


class SealEntry(Record):
    """A file of a package: its path there, its length, and digests of it and of its chunks."""

    path: Annotated[str, Meta(max_length=255)]
    bytes: Whole
    sha256: Digest
    chunks: tuple[Digest, ...]


class Seal(Record, tag_field="format", tag="ringtrace-referral-seal"):
    """A seal: facts of its package, and the entries of all files under one Merkle root."""

    version: Literal[1]
    package: dict[str, Any]
    chunk_bytes: Literal[4096]
    merkle_root: str
    files: tuple[SealEntry, ...]


def seal_entry(path: str, content: bytes) -> SealEntry:
    """Returns the entry of one file in the seal."""
    chunks = [content[start : start + CHUNK] for start in range(0, len(content), CHUNK)]
    leaves = tuple(merkle_leaf(chunk).hex() for chunk in chunks)
    return SealEntry(path, len(content), digest_of(content), leaves)


def merkle_root(entries: Iterable[SealEntry]) -> str:
    """Returns the root over the lines `SHA-256 BYTES PATH` of the files, by path."""
    ordered = sorted(entries, key=attrgetter("path"))
    lines = (f"{entry.sha256} {entry.bytes} {entry.path}\n" for entry in ordered)
    return merkle_tree_hash([merkle_leaf(line.encode()) for line in lines]).hex()


def json_bytes(value: object) -> bytes:
    """Writes a value of a package as JSON, keys sorted."""
    plain = msgspec.to_builtins(value)
    return (json.dumps(plain, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def make_seal(files: Files, package: Mapping[str, object]) -> bytes:
    """Writes the seal of a package's files; `package` are facts of it."""
    entries = tuple(seal_entry(path, content) for path, content in sorted(files.items()))
    return json_bytes(Seal(1, dict(package), CHUNK, merkle_root(entries), entries))


def parse_seal(content: bytes) -> tuple[dict[str, Any], tuple[SealEntry, ...]]:
    """Parses a seal into the facts of its package, and its entries.

    Raises:
        SealError: if it is no seal, or names a path that could lead out of the package.
    """
    try:
        sealed = signing.read_letter(Seal, read_json(content))
    except signing.LetterError as error:
        raise SealError(f"is not a seal of a referral package in version 1: {error}") from None
    except ValueError:
        raise SealError("is not JSON") from None
    for entry in sealed.files:
        if not _PATH.fullmatch(entry.path) or entry.path in UNSEALED:
            raise SealError(f"names a path that is not allowed in a package: {entry.path[:80]!a}")
        if len(entry.chunks) != -(-entry.bytes // CHUNK):
            raise SealError(f"has an entry that does not add up: {entry.path}")
    paths = [entry.path for entry in sealed.files]
    if not rising(paths):
        raise SealError("lists its files twice or out of order")
    if sealed.merkle_root != merkle_root(sealed.files):
        raise SealError("has a Merkle root that is not that of its files")
    return sealed.package | {"merkle_root": sealed.merkle_root}, sealed.files


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

    Without the package rfc3161-client only the seal's digest was checked, and `when` and `by` are
    None.
    """

    when: datetime | None
    by: str | None
    checked: bool

    @property
    def text(self) -> str:
        """The time, the signer, and what was checked, in words."""
        if self.when is None:
            return f"present; its signature was not checked: {install_command('referral')}"
        stamped = f"{self.when:%Y-%m-%dT%H:%M:%SZ} by {self.by}"
        if self.checked:
            return f"{stamped}; its signature and certificates hold"
        return f"says {stamped}; its signature was not checked: give --authority PEM"


def read_time_stamp(token: bytes, seal: bytes, roots: Sequence[x509.Certificate]) -> TimeStamp:
    """Reads a time stamp response over a seal's bytes, and checks it where `roots` are given.

    Checked are the CMS signature, the chain of certificates to one of `roots`, and that the
    signer's certificate is for time stamping (RFC 3161 section 2.3). No list of revoked
    certificates is read: that would need the network.

    Raises:
        TimeStampError: if it is for another seal, or does not hold.
        MissingTimeStampLibraryError: if `roots` are given and the package is missing.
    """
    try:
        import rfc3161_client as tsp
    except ImportError:
        if roots:
            raise MissingTimeStampLibraryError(
                f"checking a time stamp needs rfc3161-client: {install_command('referral')}"
            ) from None
        if hashlib.sha256(seal).digest() not in token:
            raise TimeStampError("is not a time stamp of this seal") from None
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
        raise TimeStampError("is not a time stamp of this seal")
    if roots:
        try:
            tsp.VerifierBuilder(roots=list(roots)).build().verify_message(response, seal)
        except (tsp.VerificationError, ValueError) as error:
            why = " ".join(str(error).split())[:160]
            raise TimeStampError(f"is not valid by the given authority: {why}") from None
    return TimeStamp(info.gen_time.astimezone(UTC), _signer(response), checked=bool(roots))


def _signer(response: Any) -> str:
    """Returns the subject of the certificate that signed."""
    signers = {
        (signer.issuer, signer.serial_number) for signer in response.signed_data.signer_infos
    }
    for der in response.signed_data.certificates:
        certificate = x509.load_der_x509_certificate(der)
        if (certificate.issuer, certificate.serial_number) in signers:
            return certificate.subject.rfc4514_string()[:200]
    return "a certificate that it does not hold"


SEAL_BYTES_LIMIT = 256 * 1024 * 1024
"""Most bytes of a seal; it has 68 bytes for every 4,096 of the package."""

TOKEN_BYTES_LIMIT = 1024 * 1024

MOST_FILES, DEEPEST = 100_000, 32
"""Most files and folders of a package, and most levels of folders."""


@dataclass
class VerificationResult:
    """The findings; `signer` is the id of a trusted key whose signature holds, or None.

    `signed_for` is the organisation of that key, empty for a key that is trusted by itself.
    """

    findings: list[Finding] = field(default_factory=list)
    package: dict[str, Any] = field(default_factory=dict)
    seal_sha256: str = ""
    files: int = 0
    signer: str | None = None
    signed_for: str = ""
    time_stamp: TimeStamp | None = None

    @property
    def holds(self) -> bool:
        """True if everything is as sealed, by a trusted key."""
        return not self.findings and self.signer is not None


def verify_package(
    folder: Path,
    keys: Iterable[Ed25519PublicKey],
    roots: Sequence[Certificate] = (),
    by_organisation: KeysByOrganisation = MappingProxyType({}),
) -> VerificationResult:
    """Compares every byte of a package with its seal, and the seal with its signature.

    Any of `keys` may have signed it. Keys in `by_organisation` may sign only a package whose issuer
    is their organisation. A time stamp is checked against the authorities `roots`, if any.

    No file outside `folder` is opened: links are not followed, and paths come from the folder, not
    from the seal.

    Raises:
        OSError: if the folder cannot be read.
        MissingTimeStampLibraryError: if a time stamp cannot be checked as asked.
    """
    result = VerificationResult()
    problems = _problems(result, folder, keys, roots, by_organisation)
    result.findings.extend(starmap(Finding, problems))
    return result


def _problems(
    result: VerificationResult,
    folder: Path,
    keys: Iterable[Ed25519PublicKey],
    roots: Sequence[Certificate],
    by_organisation: KeysByOrganisation,
) -> Iterator[tuple[str, str]]:
    """Yields each path with its problem; fills the other fields of the result."""
    there: dict[str, Path] = {}
    for path, unread in _walk(folder):
        if unread:
            yield path, unread
        else:
            there[path] = folder / path
    content = _read(there.get(SEAL_FILE), SEAL_BYTES_LIMIT)
    if not content:
        why = "is missing: this is not" if content is None else "is empty: this is no longer"
        yield SEAL_FILE, f"{why} a referral package"
        return
    if len(content) > SEAL_BYTES_LIMIT:
        yield SEAL_FILE, f"is larger than {SEAL_BYTES_LIMIT} bytes"
        return
    result.seal_sha256 = digest_of(content)
    entries: tuple[SealEntry, ...] = ()
    unsound = ""
    try:
        result.package, entries = parse_seal(content)
    except SealError as error:
        unsound = str(error)
    signature = _read(there.get(SIGNATURE_FILE), signing.MAX_SIGNATURE_BYTES)
    yield from _signature(result, content, signature, keys, by_organisation)
    if unsound:
        yield SEAL_FILE, unsound
        return
    result.files = len(entries)
    for entry in entries:
        file = there.pop(entry.path, None)
        problems = _compared(file, entry) if file else [f"is missing ({entry.bytes} bytes)"]
        yield from ((entry.path, problem) for problem in problems)
    yield from _time_stamp(result, content, there, roots)
    for added in sorted(there.keys() - set(UNSEALED)):
        yield added, f"was added ({there[added].lstat().st_size} bytes)"


def _walk(folder: Path) -> Iterator[tuple[str, str]]:
    """Yields paths below a folder, each with the reason why it is not read, or an empty text."""
    waiting, seen = [""], 0
    while waiting:
        inside = waiting.pop()
        with os.scandir(folder / inside) as scan:
            entries = sorted(scan, key=attrgetter("name"))
        if inside and not entries:
            yield inside.rstrip("/"), "is an empty folder, which no package has"
        for entry in entries:
            path, seen, why = f"{inside}{entry.name}", seen + 1, ""
            if seen > MOST_FILES:
                yield path, f"is one of more than {MOST_FILES} files, which no package has"
                return
            if entry.is_symlink():
                why = "is a symbolic link, which no package has; it was not followed"
            elif entry.is_dir(follow_symlinks=False):
                if path.count("/") < DEEPEST:
                    waiting.append(f"{path}/")
                    continue
                why = "is a folder deeper than any of a package; it was not read"
            elif not stat.S_ISREG(entry.stat(follow_symlinks=False).st_mode):
                why = "is not a regular file; it was not read"
            yield path, why


def _read(path: Path | None, limit: int) -> bytes | None:
    """Reads a file, if it is there; a file longer than `limit` is cut, so that its check fails."""
    if path is None:
        return None
    with open_bytes(path, follow=False) as file:
        return file.read(min(os.fstat(file.fileno()).st_size, limit) + 1)


def _signature(
    result: VerificationResult,
    content: bytes,
    signature: bytes | None,
    keys: Iterable[Ed25519PublicKey],
    by_organisation: KeysByOrganisation,
) -> Iterator[tuple[str, str]]:
    if not signature:
        gone = "is missing" if signature is None else "is empty"
        yield SIGNATURE_FILE, f"{gone}: the package is not signed"
        return
    issuer, named = result.package.get("issuer"), result.package.get("key_id")
    of_issuer = by_organisation.get(issuer, ()) if isinstance(issuer, str) else ()
    try:
        signer = signing.verify_detached(content, signature, [*keys, *of_issuer])
    except UnknownKeyError as error:
        yield SEAL_FILE, _who_signed(content, signature, error, by_organisation)
    except SignatureError as error:
        yield SEAL_FILE, str(error)
    else:
        if named not in (None, signer):
            yield SEAL_FILE, "is signed by another key than it names"
            return
        result.signer = signer
        if isinstance(issuer, str) and signer in map(key_id, of_issuer):
            result.signed_for = issuer
        if not _as_written(signature):
            yield SIGNATURE_FILE, "was altered, though its signature holds"


def _who_signed(
    content: bytes, signature: bytes, error: UnknownKeyError, by_organisation: KeysByOrganisation
) -> str:
    """Says which key signed without permission; an altered seal may have lost its issuer."""
    for org, keys in by_organisation.items():
        if error.key_id in map(key_id, keys):
            try:
                signing.verify_detached(content, signature, keys)
            except SignatureError as altered:
                return str(altered)
            return f"is signed by {org}, which it does not name as its issuer"
    return str(error)


def _as_written(signature: bytes) -> bool:
    """Returns True if a signature file has exactly the bytes that ringtrace writes."""
    file = signing.parse_signature(signature)
    again = base64.b64encode(base64.b64decode(file.signature)).decode()
    return signing.signature_bytes(structs.replace(file, signature=again)) == signature


def _compared(path: Path, entry: SealEntry) -> Iterator[str]:
    """Yields the differences of a file from its seal: ranges of bytes, and a wrong length.

    It reads no more bytes than were sealed.
    """
    sealed, whole = entry.bytes, hashlib.sha256()
    altered: list[list[int]] = []
    size = 0
    with open_bytes(path, follow=False) as file:
        there = os.fstat(file.fileno()).st_size
        if sealed and not there:
            yield f"is empty: all of its {sealed} bytes are gone"
            return
        for start, digest in zip(range(0, sealed, CHUNK), entry.chunks, strict=True):
            end = min(start + CHUNK, sealed)
            chunk = file.read(end - start)
            whole.update(chunk)
            size += len(chunk)
            # A piece that is cut short cannot be checked; the wrong length is reported below.
            if len(chunk) < end - start or merkle_leaf(chunk).hex() == digest:
                continue
            if altered and altered[-1][1] == start:
                altered[-1][1] = end
            else:
                altered.append([start, end])
    if whole.hexdigest() == entry.sha256 and there == sealed:
        return
    for start, end in altered:
        yield f"was altered somewhere in bytes {start} to {end - 1}"
    if size < sealed:
        yield f"ends {sealed - size} bytes early, at byte {size}"
    elif there > sealed:
        yield f"has {there - sealed} bytes too many, from byte {sealed}"
    elif not altered:
        yield "was altered: the seal has two digests of it that differ"


def _time_stamp(
    result: VerificationResult, content: bytes, there: dict[str, Path], roots: Sequence[Certificate]
) -> Iterator[tuple[str, str]]:
    query = _read(there.get(QUERY_FILE), TOKEN_BYTES_LIMIT)
    if not query:
        yield QUERY_FILE, "is missing" if query is None else "is empty: it asks for no time stamp"
    elif query != time_stamp_query(content):
        yield QUERY_FILE, "does not ask about this seal"
    token = _read(there.get(TOKEN_FILE), TOKEN_BYTES_LIMIT)
    if token:
        try:
            result.time_stamp = read_time_stamp(token, content, roots)
        except TimeStampError as error:
            yield TOKEN_FILE, str(error)
    elif token is not None:
        yield TOKEN_FILE, "is empty: there is no time stamp in it"
    elif roots:
        yield TOKEN_FILE, "is missing: there is no time stamp"
