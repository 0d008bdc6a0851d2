"""The private files of a run, for its owner only: their places, sealing and opening.

With a key each file is cut into chunks, and each chunk is sealed with AES-256-GCM under a key of
the file's own (HKDF-SHA256 of the secret, a random salt and the table's name). The nonce of a chunk
is its number and a mark of the last one, so that no chunk can be changed, moved, left out or taken
from another table (STREAM of Hoang, Reyhanitabar, Rogaway and Vizár, CRYPTO 2015).

A file is RTPRIV01, 8 bytes of the key id, 32 of salt, then the chunks, each with a tag of 16 bytes.
"""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa
from pyarrow import fs

from schemas.manifest import PRIVATE_MANIFEST, PrivateManifest
from schemas.records import converted
from schemas.tables import Table
from transforms.gates import beam_stores, read_bytes, read_json

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

SECRET_BYTES = 32
"""Bytes of a secret: as many as a key of AES-256, or a hash of SHA-256, has (NIST SP 800-107)."""

MAGIC = b"RTPRIV01"

CHUNK_BYTES, TAG_BYTES, SALT_BYTES = 1 << 20, 16, 32

_KEY_ID = slice(len(MAGIC), len(MAGIC) + 8)

_SALT = slice(_KEY_ID.stop, _KEY_ID.stop + SALT_BYTES)


class PrivateFileError(ValueError):
    """A private file cannot be opened. The message is a line with the remedy, without content."""


@dataclass(frozen=True)
class PrivateKey:
    """The secret that seals private files; `repr` does not show it."""

    secret: bytes = field(repr=False)

    @property
    def key_id(self) -> str:
        """The name of the secret, which says nothing of it: 16 hexadecimal digits."""
        return hmac.digest(self.secret, b"ringtrace private", "sha256").hex()[:16]


@dataclass(frozen=True)
class PrivateStore:
    """The place of a run's private files.

    Attributes:
        key: seals them; without one they are as plain as their folder is closed.
        output: a folder in place of the run's own.
        staging: where those of `output` are written before the run appears.
        kept: whether there are any: not where everybody who reads the run would read them.
    """

    key: PrivateKey | None = None
    output: str | None = None
    staging: str | None = None
    kept: bool = True


def private_files(folder: str, manifest: Mapping[str, Any], table: Table) -> dict[str, int]:
    """Returns the paths of a private table of a run, with their rows; none if it kept none.

    Numbers of rows come from the private manifest if there is one: the run's manifest does not know
    of later erasures.

    Raises:
        PrivateFileError: The private manifest is not what the run wrote.
    """
    root = private_root(folder, manifest)
    part = re.compile(re.escape(table.name) + r"/part-\d+-of-\d+\.parquet")
    listed = {str(file["name"]): int(file["rows"]) for file in manifest.get("private") or ()}
    names = sorted(name for name in listed if part.fullmatch(name))
    if names and (now := read_private_manifest(root)):
        listed |= {file["name"]: file["rows"] for file in now["files"]}
    return {f"{root}/{name}": listed[name] for name in names}


def private_root(folder: str, manifest: Mapping[str, Any]) -> str:
    """Returns the folder that has private/ of a run."""
    return str(manifest.get("private_output") or folder).rstrip("/")


def read_private_manifest(root: str) -> PrivateManifest | None:
    """Reads the manifest of the private files in `root`; None where there is none.

    Raises:
        PrivateFileError: if it is something else.
    """
    path = f"{root}/{PRIVATE_MANIFEST}"
    try:
        content = read_bytes(path)
    except (OSError, ValueError):  # ValueError: no library for this store is installed
        return None
    try:
        return converted(PrivateManifest, read_json(content))
    except ValueError as error:
        raise PrivateFileError(
            f"{path}: is not what the run wrote: {error}; restore it, or make the run again"
        ) from None


def list_objects(folder: str) -> list[str]:
    """Returns the paths of the objects below a folder of a store."""
    if (beam := beam_stores(folder)) is not None:
        (matched,) = beam.match([f"{folder.rstrip('/')}/*"])
        return [file.path for file in matched.metadata_list]
    store, inside = fs.FileSystem.from_uri(folder)
    files = store.get_file_info(fs.FileSelector(inside, allow_not_found=True))
    return [folder.rstrip("/") + file.path.removeprefix(inside.rstrip("/")) for file in files]


def seal(chunks: Iterable[bytes | memoryview], table: Table, key: PrivateKey) -> Iterator[bytes]:
    """Yields the sealed file of a table."""
    header = MAGIC + bytes.fromhex(key.key_id) + os.urandom(SALT_BYTES)
    cipher = _cipher(key, header, table)
    yield header
    waiting = bytearray()
    number = 0
    for chunk in chunks:
        waiting += chunk
        while len(waiting) > CHUNK_BYTES:  # the last chunk is known as such when all has come
            yield cipher.encrypt(_nonce(number, last=False), bytes(waiting[:CHUNK_BYTES]), None)
            del waiting[:CHUNK_BYTES]
            number += 1
    yield cipher.encrypt(_nonce(number, last=True), bytes(waiting), None)


def open_private(
    file: BinaryIO, path: str, table: Table, key: PrivateKey | None
) -> BinaryIO | pa.BufferReader:
    """Returns the content of an open private file, sealed or not, as a file.

    A sealed one is in memory then.

    Raises:
        PrivateFileError: without its key, or where it is not what was sealed.
    """
    header = file.read(_SALT.stop)
    if not header.startswith(MAGIC):
        file.seek(0)
        return file
    named = header[_KEY_ID].hex()
    if key is None or key.key_id != named:
        here = "there is none" if key is None else f"the one there is {key.key_id}"
        raise PrivateFileError(
            f"{path}: is sealed with the key {named} of private files; put it into private.key of "
            f"your key store ({here}; see ringtrace keys show)"
        )
    return pa.BufferReader(b"".join(_opened(file, header, path, table, key)))


def _opened(
    file: BinaryIO, header: bytes, path: str, table: Table, key: PrivateKey
) -> Iterator[bytes]:
    from cryptography.exceptions import InvalidTag

    cipher = _cipher(key, header, table)
    number, chunk = 0, file.read(CHUNK_BYTES + TAG_BYTES)
    try:
        while True:
            after = file.read(CHUNK_BYTES + TAG_BYTES)
            yield cipher.decrypt(_nonce(number, last=not after), chunk, None)
            if not after:
                return
            number, chunk = number + 1, after
    except (InvalidTag, ValueError):
        raise PrivateFileError(
            f"{path}: is not what the run wrote; restore it, or make the run again"
        ) from None


def _cipher(key: PrivateKey, header: bytes, table: Table) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    about = b"ringtrace " + table.name.encode()
    own = HKDF(algorithm=SHA256(), length=SECRET_BYTES, salt=header[_SALT], info=about)
    return AESGCM(own.derive(key.secret))


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])
