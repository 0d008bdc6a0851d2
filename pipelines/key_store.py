"""The user's own signing key and the partners' keys that they trust, as files in one folder.

    own.pem                    the private key, readable by its owner alone
    trusted/ORG/KEY_ID.pem     a partner's public key

The folder is $RINGTRACE_HOME, or else `ringtrace` in the user's configuration folder.
"""

from __future__ import annotations

import os
import re
import stat
import sys
import uuid
from pathlib import Path

import platformdirs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from pipelines.options import UsageError
from reports import signing
from reports.signing import KeyFileError

HOME_VARIABLE = "RINGTRACE_HOME"

ORG = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""An organisation's slug, as source_org has it: as the name of a folder it leads nowhere else."""


def home() -> Path:
    """Returns the folder of the keys; it need not exist yet."""
    named = os.environ.get(HOME_VARIABLE)
    return (
        Path(named) if named else Path(platformdirs.user_config_dir("ringtrace", appauthor=False))
    )


def own_path() -> Path:
    """Returns the path of the user's own private key."""
    return home() / "own.pem"


def own_key(given: str | Path | None = None, *, make: bool = True) -> Ed25519PrivateKey:
    """Returns the private key of the file `given` (`--key FILE`), or the user's own.

    Their own is made where there is none yet, which is reported on stderr.

    Raises:
        UsageError: if the file cannot be used, or there is none and `make` is false.
    """
    path = Path(given) if given is not None else own_path()
    if given is None and make and not path.exists() and _made(path):
        public = signing.key_id(_private(path).public_key())
        sys.stderr.write(
            f"ringtrace: made a signing key in {path}\n"
            f"ringtrace: its fingerprint is {public}; partners need it: ringtrace keys export\n"
        )
    return _private(path)


def _made(path: Path) -> bool:
    """Writes a new private key unless another process was first; returns whether this one did."""
    pem = signing.private_pem(signing.make_signing_key())
    aside = path.with_name(f".{uuid.uuid4().hex}.pem")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(pem)
            file.flush()
            os.fsync(file.fileno())
        try:
            # A hard link, unlike a rename, never replaces a key that is there already.
            path.hardlink_to(aside)
        except FileExistsError:
            return False
        finally:
            aside.unlink()
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror}; set {HOME_VARIABLE} to a folder that can be written, or "
            "give --key FILE"
        ) from None
    return True


def _private(path: Path) -> Ed25519PrivateKey:
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(signing.MAX_SIGNATURE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; see ringtrace keys make") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"{path}: others than its owner can read this key; run chmod 600 {path}")
    try:
        return signing.read_private_key(content, str(path))
    except KeyFileError as error:
        raise UsageError(str(error)) from None


def public_key(path: str | Path) -> Ed25519PublicKey:
    """Reads the public key of a PEM file.

    Raises:
        UsageError: if the file cannot be used.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(signing.MAX_SIGNATURE_BYTES + 1)
        return signing.read_public_key(content, str(path))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; give a partner's public key in PEM") from None
    except KeyFileError as error:
        raise UsageError(str(error)) from None


def org_slug(text: str) -> str:
    """Returns an organisation's slug as it is.

    Raises:
        UsageError: for any other text.
    """
    if not ORG.fullmatch(text):
        raise UsageError(
            f"{text[:64]!r} is not a slug of an organisation; use lower-case letters, digits, '.', "
            "'_' and '-', 64 at most"
        )
    return text


def trusted(org: str) -> list[Ed25519PublicKey]:
    """Reads the trusted keys of an organisation, in order of their ids; none if it has none."""
    folder = home() / "trusted" / org_slug(org)
    return [public_key(path) for path in sorted(folder.glob("*.pem"))]


def trusted_orgs() -> list[str]:
    """Returns the organisations of which a key is trusted, sorted."""
    folder = home() / "trusted"
    names = (path.name for path in folder.glob("*") if any(path.glob("*.pem")))
    return sorted(name for name in names if ORG.fullmatch(name))


def trusted_keys() -> dict[str, list[Ed25519PublicKey]]:
    """Reads the trusted keys by organisation."""
    return {org: trusted(org) for org in trusted_orgs()}


def known_keys() -> list[Ed25519PublicKey]:
    """Reads every key whose signature counts here: the own one, if made, and the trusted."""
    own = [_private(own_path()).public_key()] if own_path().exists() else []
    return own + [key for org in trusted_orgs() for key in trusted(org)]


def trust(org: str, key: Ed25519PublicKey) -> bool:
    """Trusts a key as the organisation's; returns False if it was trusted already.

    Raises:
        UsageError: if the key is another organisation's already, or cannot be written.
    """
    signer = signing.key_id(key)
    org_slug(org)
    for other in trusted_orgs():
        if other != org and signer in map(signing.key_id, trusted(other)):
            raise UsageError(f"the key {signer} is trusted as {other}'s; one key is one's alone")
    path = home() / "trusted" / org / f"{signer}.pem"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        there = path.exists()
        path.write_bytes(signing.public_pem(key))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None
    return not there


def distrust(org: str, signer: str | None) -> list[str]:
    """Trusts the organisation's key `signer` no longer, or all of its keys; returns their ids.

    Raises:
        UsageError: if no such key is trusted.
    """
    folder = home() / "trusted" / org_slug(org)
    gone = [path for path in sorted(folder.glob("*.pem")) if signer in (None, path.stem)]
    if not gone:
        named = f"the key {signer} of {org}" if signer else f"a key of {org}"
        raise UsageError(f"{named} is not trusted; see ringtrace keys show")
    for path in gone:
        path.unlink()
    return [path.stem for path in gone]
