"""Signed files in and out of a folder that can be mailed, and the run that they are about.

What was taken from whom before: an older offer, or a revoked one, is not taken again.

One small JSON file for each organisation, in the folder of the keys.

The file of one's own victims, and which identifiers are theirs or hold one's number.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from pipelines import key_store
from pipelines.options import UsageError
from reports import signing
from reports.exchange import victim_overlap
from reports.exchange.read_offer import MAX_BYTES
from schemas import CONTRACT_VERSION, epoch
from schemas.enums import Role
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


@dataclass(frozen=True)
class Past:
    """The newest offer taken from an organisation, and the digests of those that it revoked."""

    issued_at: str = ""
    sha256: str = ""
    revoked: frozenset[str] = field(default_factory=frozenset)


def past(org: str) -> Past:
    """What is known of an organisation's offers; of a stranger's, nothing.

    Raises:
        UsageError: if the file was damaged: it must not be read as if nothing had been taken.
    """
    path = _path(org)
    try:
        value: Any = json.loads(path.read_bytes())
        return Past(value["issued_at"], value["sha256"], frozenset(value["revoked"]))
    except FileNotFoundError:
        return Past()
    except (OSError, ValueError, KeyError, TypeError):
        raise UsageError(
            f"{path}: cannot be read; it says which offers were taken before"
        ) from None


def keep(org: str, now: Past) -> None:
    """Put down what is now known of an organisation's offers, in one rename."""
    path = _path(org)
    value = {"issued_at": now.issued_at, "revoked": sorted(now.revoked), "sha256": now.sha256}
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = path.with_name(f".{path.name}.{os.getpid()}")
        aside.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


def _path(org: str) -> Path:
    return key_store.home() / "offers" / f"{key_store.org_slug(org)}.json"


def among(entity_ids: Iterable[str], path: str | None) -> frozenset[str]:
    """Those of `entity_ids`, without epochs, that are of a victim in the file, if there is one.

    A number in any form in which its country writes it, also inside an address, a name or a site.

    Raises:
        UsageError: for a file that cannot be used.
    """
    if path is None:
        return frozenset()
    from transforms.victims.number_index import written_forms
    from transforms.victims.stated_numbers import without_victims

    known = load(path)
    ids = pa.array(sorted({epoch.bare(one) for one in entity_ids}), pa.string())
    numbers = pa.array(sorted(f"phone:{one}" for one in known.phones), pa.string())
    forms = written_forms(pa.RecordBatch.from_pydict({"entity_id": numbers}))
    rows = pa.RecordBatch.from_pydict(
        {
            "entity_id": ids,
            "kind": [one.partition(":")[0] for one in ids.to_pylist()],
            "role": pa.repeat(pa.scalar(str(Role.CALLBACK)), len(ids)),
        }
    )
    told = without_victims(rows, forms)
    holds = pc.equal(told["role"], str(Role.VICTIM)).to_numpy(zero_copy_only=False)
    listed = pc.is_in(ids, pa.array(sorted(known.entity_ids()), pa.string()))
    theirs = np.logical_or(holds, listed.to_numpy(zero_copy_only=False))
    return frozenset(ids.filter(pa.array(theirs)).to_pylist())


def load(path: str) -> victim_overlap.Victims:
    """The victims of the file `path`.

    Raises:
        UsageError: for a file that cannot be used.
    """
    try:
        return victim_overlap.load(Path(path).read_text(encoding="utf-8-sig"), path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; give a CSV file") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text; save it as UTF-8") from None
    except victim_overlap.VictimsFileError as error:
        raise UsageError(str(error)) from None
