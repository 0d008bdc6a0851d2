"""Signed files in and out of a folder that can be mailed, and the run that they are about."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipelines import key_store
from pipelines.options import UsageError
from reports import signing
from reports.exchange.read_offer import MAX_BYTES
from schemas import CONTRACT_VERSION
from schemas.manifest import NAME


def new_folder(output: str) -> Path:
    """The folder to write to, which must be new or empty.

    Raises:
        UsageError: if it is neither, or cannot be made.
    """
    folder = Path(output)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise UsageError(f"{output}: is not empty; give another --output")
    except OSError as error:
        raise UsageError(f"{output}: {error.strerror}; give another --output") from None
    return folder


def write_signed(folder: Path, name: str, content: bytes, key: Ed25519PrivateKey) -> Path:
    """Write a file and its detached signature; the signature last."""
    path = folder / name
    try:
        path.write_bytes(content)
        path.with_name(name + signing.SUFFIX).write_bytes(signing.sign(content, key))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    return path


def read_signed(given: str, names: tuple[str, ...]) -> tuple[Path, bytes, bytes]:
    """The file at `given`, or the first of `names` in that folder, with its signature file.

    Raises:
        UsageError: if either is not there, or is too large to be what it should.
    """
    path = Path(given)
    if path.is_dir():
        path = next((path / name for name in names if (path / name).is_file()), path / names[0])
    return path, _content(path, MAX_BYTES), _signature(path)


def _signature(path: Path) -> bytes:
    beside = path.with_name(path.name + signing.SUFFIX)
    if not beside.is_file():
        raise UsageError(f"{path}: is not signed: there is no {beside.name} beside it")
    return _content(beside, signing.MAX_BYTES)


def _content(path: Path, most: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    if len(content) > most:
        raise UsageError(f"{path}: is larger than {most} bytes, which is all that is read")
    return content


def manifest_of(run: str) -> dict[str, Any]:
    """The manifest of a finished run on this machine.

    Raises:
        UsageError: if the folder is none.
    """
    try:
        manifest = json.loads((Path(run) / NAME).read_bytes())
        version = manifest["contract_version"]
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(f"{run}: is no finished run: it has no {NAME} that can be read") from None
    if version != CONTRACT_VERSION:
        raise UsageError(f"{run}: is of contract version {version}, this is {CONTRACT_VERSION}")
    return dict(manifest)


def own_org(given: str | None, orgs: set[str], run: str) -> str:
    """Who the user is: `--from ORG`, or the one organisation whose records the run holds.

    Raises:
        UsageError: if that is not one.
    """
    if given is not None:
        return key_store.org_slug(given)
    if len(orgs) != 1:
        raise UsageError(f"{run}: holds records of {len(orgs)} organisations; say --from ORG")
    return next(iter(orgs))
