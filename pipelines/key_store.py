"""The user's own keys and the partners' keys that they trust, as files in one folder.

    own.pem                    the private key that signs, readable by its owner alone
    register.key               the secret of the victim register, readable by its owner alone
    private.key                the secret that seals private/ of runs, if one is set, likewise
    erased.jsonl               the records that were erased, as hashes keyed with register.key
    trusted/ORG/KEY_ID.pem     a partner's public key

The folder is $RINGTRACE_HOME, or else `ringtrace` in the user's configuration folder.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from pipelines.options import UsageError
from reports import signing
from reports.signing import KeyFileError
from schemas.tables import VICTIMS

if TYPE_CHECKING:
    from transforms.erasure import ErasureList, Erasures, RegisterKey
    from transforms.private_files import PrivateKey
    from transforms.victim_register import RegisterSource

HOME_VARIABLE = "RINGTRACE_HOME"

TRUSTED = "trusted"
"""The folder of partners' keys."""

ORG = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
"""An organisation's slug, as source_org has it: as the name of a folder it leads nowhere else."""


def home() -> Path:
    """Returns the folder of the keys; it need not exist yet.

    Raises:
        UsageError: if others can write to it, or to that of the trusted keys.
    """
    named = os.environ.get(HOME_VARIABLE)
    found = (
        Path(named) if named else Path(platformdirs.user_config_dir("ringtrace", appauthor=False))
    )
    for folder in (found, found / TRUSTED):
        if folder.is_dir() and folder.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise UsageError(
                f"{folder}: others than its owner can write here, and put in a key of their own; "
                f"run chmod go-w {folder}"
            )
    return found


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
    """Writes a new private key unless another process was first; returns whether this one did.

    Raises:
        UsageError: if it cannot be written.
    """
    try:
        return _written_once(path, signing.private_pem(signing.make_signing_key()))
    except OSError as error:
        raise UsageError(
            f"{path}: {error.strerror}; set {HOME_VARIABLE} to a folder that can be written, or "
            "give --key FILE"
        ) from None


def _written_once(path: Path, content: bytes) -> bool:
    """Writes a secret for its owner alone unless the file is there; returns whether it did."""
    aside = path.with_name(f".{uuid.uuid4().hex}.new")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    try:
        # A hard link, unlike a rename, never replaces a key that is there already.
        path.hardlink_to(aside)
    except FileExistsError:
        return False
    finally:
        aside.unlink()
    return True


def _secret_file(path: Path, most: int, remedy: str) -> bytes:
    """Reads a file that nobody but its owner may read.

    Raises:
        UsageError: if it cannot be read, or others can read it too.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(most + 1)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; {remedy}") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UsageError(f"{path}: others than its owner can read this key; run chmod 600 {path}")
    return content


def _private(path: Path) -> Ed25519PrivateKey:
    content = _secret_file(path, signing.MAX_SIGNATURE_BYTES, "see ringtrace keys make")
    try:
        return signing.read_private_key(content, str(path))
    except KeyFileError as error:
        raise UsageError(str(error)) from None


def _stored_secret(path: str, most: int) -> bytes:
    """Reads a secret from an object store, whose own rules say who may read it.

    Raises:
        UsageError: if it cannot be read.
    """
    from apache_beam.io.filesystems import FileSystems

    try:
        with FileSystems.open(path) as file:
            return bytes(file.read(most + 1))
    except (OSError, ValueError):
        raise UsageError(f"{path}: cannot be read; give a key that can be") from None


def private_path() -> Path:
    """Returns the path of the secret that seals private files."""
    return home() / "private.key"


def private_key() -> PrivateKey | None:
    """Returns the key of private files; None where none is set, and they are not sealed.

    Raises:
        UsageError: for a file that is no such key, or that others can read.
    """
    from transforms.private_files import SECRET_BYTES, PrivateKey

    path = private_path()
    if not path.exists():
        return None
    remedy = "restore it from your backup: what it sealed cannot be read without it"
    content = _secret_file(path, SECRET_BYTES, remedy)
    if len(content) != SECRET_BYTES:
        raise UsageError(f"{path}: is not a key of {SECRET_BYTES} bytes; {remedy}")
    return PrivateKey(content)


def make_private_key() -> PrivateKey:
    """Makes the key of private files.

    Raises:
        UsageError: where there is one, or it cannot be written.
    """
    from transforms.private_files import SECRET_BYTES

    path = private_path()
    try:
        made = _written_once(path, secrets.token_bytes(SECRET_BYTES))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; set {HOME_VARIABLE} to another") from None
    found = private_key()
    if not made or found is None:
        raise UsageError(f"{path}: exists already; private files that it sealed need it")
    return found


def register_path() -> Path:
    """Returns the path of the secret of the victim register."""
    return home() / "register.key"


def register_source(
    given: str | None,
    *,
    use: bool,
    runs: Sequence[str] = (),
    files: Sequence[str] = (),
    make: bool = False,
    follow: bool = False,
    erased: Erasures | None = None,
) -> RegisterSource | None:
    """Returns the registers that a command refuses by; None without a secret for any.

    Args:
        given: the file of the secret (`--register-key FILE`), or None for one's own.
        use: false for `--no-register`.
        runs: folders of finished runs whose registers count.
        files: more files of registers, or folders of such files.
        make: whether one's own secret is made where there is none yet; without, or where it cannot
            be written, there is no register.
        follow: whether the one of `runs` is read again while a stream runs.
        erased: records on which no entry rests any more.

    Raises:
        UsageError: for a secret or a register that cannot be used, or a register of another secret.
    """
    if not use:
        if given is not None or files:
            named = "--register-key" if given is not None else "--register"
            raise UsageError(f"--no-register: leave out {named}, which it would not use")
        return None
    from transforms.erasure import Erasures, RegisterKey
    from transforms.victim_register import RegisterSource

    of_runs = [one for folder in runs for one in _files_of_run(folder)]
    others = [one for path in files for one in _files_below(path)]
    key_ids = {path: _key_of_register(path, count) for path, count in of_runs + others}
    secret = _register_secret(given, make=make)
    key = RegisterKey(secret) if secret is not None else None
    here = "none is here" if key is None else f"here is {key.key_id}"
    for path, name in key_ids.items():
        if name is not None and (key is None or name != key.key_id):
            raise UsageError(
                f"{path}: is a victim register of the key {name}, {here}; give --register-key "
                "FILE, or --no-register"
            )
    if key is None:
        return None
    known = others if follow else of_runs + others
    folder = runs[0] if follow and runs else None
    paths = tuple(path for path, _ in known)
    return RegisterSource(key, paths, folder, private_key(), erased or Erasures())


def has_register_key(given: str | None) -> bool:
    """Returns whether there is a secret of the victim register, without making or reading it."""
    return given is not None or register_path().exists()


def _files_of_run(folder: str) -> list[tuple[str, int | None]]:
    """Returns the files of the register of a finished run, with their entries as it says.

    Raises:
        UsageError: if the folder is no finished run.
    """
    from reports.run import Run, RunError
    from transforms.private_files import private_files

    try:
        return list(private_files(folder, Run.open(folder).manifest, VICTIMS).items())
    except RunError as error:
        raise UsageError(f"{error}; name a finished run of this version") from None


def _files_below(given: str) -> list[tuple[str, int | None]]:
    """Returns a file of a register, or the files of a folder of one.

    Raises:
        UsageError: if the folder has none.
    """
    if "://" in given or not Path(given).is_dir():
        return [(given, None)]
    files: list[tuple[str, int | None]] = [
        (str(one), None) for one in sorted(Path(given).glob("*.parquet"))
    ]
    if not files:
        raise UsageError(
            f"{given}: has no file of a victim register; give private/victims of a run"
        )
    return files


def _key_of_register(path: str, rows: int | None) -> str | None:
    """Returns the key id of a file of a register, None if it is empty.

    Raises:
        UsageError: if it cannot be read, or has not as many `rows` as its run wrote.
    """
    from transforms.private_files import PrivateFileError
    from transforms.victim_register import RegisterError, check_register_file

    try:
        key_id, count = check_register_file(path, private_key())
    except (RegisterError, PrivateFileError) as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        why = error.strerror or "cannot be opened"
        raise UsageError(f"{path}: {why}; give a register that can be read") from None
    if rows is not None and count != rows:
        raise UsageError(
            f"{path}: has {count} entries, its manifest says {rows}; make the run again, or give "
            "--no-register"
        )
    return key_id


def _register_secret(given: str | None, *, make: bool) -> bytes | None:
    """Reads the secret of the file `given`, or one's own; None where there is none to be had."""
    from transforms.erasure import SECRET_BYTES

    remedy = f"make one: head -c {SECRET_BYTES} /dev/urandom > FILE && chmod 600 FILE"
    path = Path(given) if given is not None else register_path()
    if given is None and not path.exists():
        if not make:
            return None
        try:
            if _written_once(path, secrets.token_bytes(SECRET_BYTES)):
                sys.stderr.write(
                    f"ringtrace: made a key of the victim register in {path}; later runs need it\n"
                )
        except OSError as error:
            sys.stderr.write(
                f"ringtrace: {path}: {error.strerror}; the run keeps no victim register\n"
            )
            return None
    if given is not None and "://" in given:
        content = _stored_secret(given, SECRET_BYTES)
    else:
        content = _secret_file(path, SECRET_BYTES, remedy)
    if len(content) != SECRET_BYTES:
        raise UsageError(f"{given or path}: is not a key of {SECRET_BYTES} bytes; {remedy}")
    return content


def erased_path() -> Path:
    """Returns the path of the list of records that were erased."""
    return home() / "erased.jsonl"


def erasures_stamp() -> object:
    """Returns what tells another list of erased records from the one that was read."""
    try:
        found = erased_path().stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def erasures(given: str | None) -> ErasureList | None:
    """Reads the list of records that were erased; None where none ever was.

    Args:
        given: the file of the secret of the victim register, or None for one's own.

    Raises:
        UsageError: for a list that cannot be read, or without the secret that it was made under.
    """
    from transforms.erasure import RECORD_MAC_BYTES, ErasureList, RegisterKey

    path = erased_path()
    if not path.exists():
        return None
    known: set[bytes] = set()
    names: set[str] = set()
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; let its owner read it") from None
    for number, line in enumerate(lines[:-1] if not lines[-1] else lines, 1):
        try:
            entry = json.loads(line)
            names.add(str(entry["key_id"]))
            macs = [bytes.fromhex(one) for one in entry["macs"]]
        except (ValueError, KeyError, TypeError):
            macs = []
        if not macs or {len(one) for one in macs} != {RECORD_MAC_BYTES}:
            raise UsageError(
                f"{path}, line {number}: was changed; put a copy of the list in its place"
            )
        known.update(macs)
    if not known:
        return None
    secret = _register_secret(given, make=False)
    key = RegisterKey(secret) if secret is not None else None
    if key is None or names - {key.key_id}:
        here = "none is here" if key is None else f"here is {key.key_id}"
        raise UsageError(
            f"{path}: names erased records under the key {min(names)}, {here}; give "
            "--register-key FILE"
        )
    return ErasureList(key, frozenset(known))


def register_key(given: str | None) -> RegisterKey:
    """Returns the secret of the victim register; one's own is made where there is none yet.

    Raises:
        UsageError: if there is none to be had.
    """
    from transforms.erasure import RegisterKey

    secret = _register_secret(given, make=True)
    if secret is None:
        raise UsageError(f"{register_path()}: cannot be made; give --register-key FILE")
    return RegisterKey(secret)


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
    folder = home() / TRUSTED / org_slug(org)
    return [public_key(path) for path in sorted(folder.glob("*.pem"))]


def trusted_orgs() -> list[str]:
    """Returns the organisations of which a key is trusted, sorted."""
    folder = home() / TRUSTED
    names = (path.name for path in folder.glob("*") if any(path.glob("*.pem")))
    return sorted(name for name in names if ORG.fullmatch(name))


def trusted_keys() -> dict[str, list[Ed25519PublicKey]]:
    """Reads the trusted keys by organisation."""
    return {org: trusted(org) for org in trusted_orgs()}


def own_public_keys() -> list[Ed25519PublicKey]:
    """Reads the own public key; none is made where there is none."""
    return [_private(own_path()).public_key()] if own_path().exists() else []


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
    path = home() / TRUSTED / org / f"{signer}.pem"
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
    folder = home() / TRUSTED / org_slug(org)
    gone = [path for path in sorted(folder.glob("*.pem")) if signer in (None, path.stem)]
    if not gone:
        named = f"the key {signer} of {org}" if signer else f"a key of {org}"
        raise UsageError(f"{named} is not trusted; see ringtrace keys show")
    for path in gone:
        path.unlink()
    return [path.stem for path in gone]
