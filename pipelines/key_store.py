"""The user's own keys and the partners' keys that they trust, as files in one folder.

    own.pem                    the private key that signs, perhaps encrypted; only the public key if
                               an agent holds the private key
    own/KEY_ID.pem             public keys that signed earlier; own/KEY_ID.json has their times
    register.key               the secret of the victim register
    private.key                the secret that encrypts private/ of runs, if one is set
    erased.jsonl               the records that were erased, as hashes keyed with register.key
    trusted/ORG/KEY_ID.pem     a partner's public key
    trusted/ORG/KEY_ID.json    when it may sign, and from when it is void

Only the owner can write these files, and only the owner can read the secrets. Each file is written
whole, in one rename. The folder is $RINGTRACE_HOME, else `ringtrace` in the user's configuration
folder. The module is long because it has all code on secrets.
"""

from __future__ import annotations

import os
import secrets
import stat
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import msgspec
import platformdirs
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec.structs import replace

from pipelines.options import UsageError, system_errors, usage_errors
from pipelines.private_keys import open_private_key, read_secret_file
from pipelines.safe_files import write_whole, written_once
from reports import signing
from reports.signing import KeyFileError, Validity
from schemas.records import AwareTime
from schemas.signed_fields import SLUG, Id
from schemas.tables import VICTIMS
from transforms.gates import MOST_KEPT_BYTES, read_bytes

if TYPE_CHECKING:
    from transforms.custody import ErasureList, Erasures, PrivateKey, RegisterKey
    from transforms.victims import RegisterSource

Kept = TypeVar("Kept")

HOME_VARIABLE = "RINGTRACE_HOME"

TRUSTED, OWN = "trusted", "own"
"""The folders of partners' keys, and of the own earlier keys."""

NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""The time from which a key is void that is no longer trusted at all."""


def home() -> Path:
    """Returns the folder of the keys; it need not exist yet.

    Raises:
        UsageError: if others can write to it, or to the folder of the trusted keys.
    """
    named = os.environ.get(HOME_VARIABLE)
    root = (
        Path(named) if named else Path(platformdirs.user_config_dir("ringtrace", appauthor=False))
    )
    for folder in (root, root / TRUSTED, root / OWN):
        check_closed(folder)
    return root


def check_closed(path: Path) -> None:
    """Checks that only the owner can write a file or a folder, if it exists.

    Raises:
        UsageError: if others can write it, or if another user owns it.
    """
    try:
        seen = path.stat()
    except OSError:
        return
    if seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise UsageError(
            f"{path}: others than its owner can write here, and put in a key of their own; "
            f"run chmod go-w {path}"
        )
    if seen.st_uid not in (0, os.geteuid()):
        raise UsageError(f"{path}: belongs to another user; run chown on it, or make it again")


def own_path() -> Path:
    """Returns the path of the user's own private key."""
    return home() / "own.pem"


def own_key(key_file: str | Path | None = None, *, make: bool = True) -> Ed25519PrivateKey:
    """Returns the private key of the file `key_file` (`--key FILE`), or the user's own key.

    If the user has none yet, it is made, and this is reported on stderr.

    Raises:
        UsageError: if the file cannot be used, if there is no key and `make` is false, or if it is
            the own key and has ended.
    """
    path = own_path() if key_file is None else Path(key_file)
    if key_file is None and make and not path.exists():
        remedy = f"set {HOME_VARIABLE} to a folder that can be written, or give --key FILE"
        with system_errors(path, remedy):
            made = written_once(path, signing.private_pem(signing.make_signing_key()))
        if made:
            public = signing.key_id(_private(path).public_key())
            sys.stderr.write(
                f"ringtrace: made a signing key in {path}\n"
                f"ringtrace: its fingerprint is {public}; partners need it: ringtrace keys export\n"
            )
    key = _private(path)
    if key_file is None and own_key_ended(key.public_key()):
        raise UsageError(
            f"{path}: has ended; run ringtrace keys make, and let partners trust the new key by "
            "its fingerprint"
        )
    return key


def own_key_ended(key: Ed25519PublicKey) -> bool:
    """Tells whether an own key may no longer sign."""
    ended = validity(None, signing.key_id(key)).not_after
    return ended is not None and ended < datetime.now(UTC)


def _read_own(path: Path) -> bytes:
    return read_secret_file(path, signing.MAX_SIGNATURE_BYTES, "see ringtrace keys make")


def _private(path: Path) -> Ed25519PrivateKey:
    return open_private_key(_read_own(path), str(path))


def own_public_key() -> Ed25519PublicKey | None:
    """Reads the own public key, which needs no passphrase; None if there is no key.

    Raises:
        UsageError: for a file that cannot be used.
    """
    path = own_path()
    if not path.exists():
        return None
    content = _read_own(path)
    with usage_errors(KeyFileError):
        if b"PUBLIC KEY" in content:
            return signing.public_part(content, str(path))
    return open_private_key(content, str(path)).public_key()


def _secret(path: str | Path, size: int, remedy: str) -> bytes:
    """Reads a secret of `size` bytes from a private file or an object store with its own rules.

    Raises:
        UsageError: if it cannot be read, has another length, or others can read it.
    """
    if "://" not in str(path):
        content = read_secret_file(Path(path), size, remedy)
    else:
        import apache_beam.io.filesystems  # noqa: F401 - the reader asks what is loaded

        try:
            content = read_bytes(path, size)
        except (OSError, ValueError):
            raise UsageError(f"{path}: cannot be read; give a key that can be") from None
    if len(content) != size:
        raise UsageError(f"{path}: is not a key of {size} bytes; {remedy}")
    return content


def private_path() -> Path:
    """Returns the path of the secret that encrypts private files."""
    return home() / "private.key"


def private_key() -> PrivateKey | None:
    """Returns the key of private files; None if none is set and they are not encrypted.

    Raises:
        UsageError: for a file that is no such key, or that others can read.
    """
    from transforms.custody import SECRET_BYTES, PrivateKey

    path = private_path()
    if not path.exists():
        return None
    remedy = "restore it from your backup: what it sealed cannot be read without it"
    return PrivateKey(_secret(path, SECRET_BYTES, remedy))


def make_private_key() -> PrivateKey:
    """Makes the key of private files.

    Raises:
        UsageError: if there is one, or it cannot be written.
    """
    from transforms.custody import SECRET_BYTES

    path = private_path()
    with system_errors(path, f"set {HOME_VARIABLE} to another"):
        made = written_once(path, secrets.token_bytes(SECRET_BYTES))
    key = private_key()
    if not made or key is None:
        raise UsageError(f"{path}: exists already; private files that it sealed need it")
    return key


def register_path() -> Path:
    """Returns the path of the secret of the victim register."""
    return home() / "register.key"


def register_source(
    key_file: str | None,
    *,
    use: bool,
    runs: Sequence[str] = (),
    files: Sequence[str] = (),
    make: bool = False,
    follow: bool = False,
    erased: Erasures | None = None,
) -> RegisterSource | None:
    """Returns the victim registers that a command uses; None without a secret.

    Args:
        key_file: the file of the secret (`--register-key FILE`), or None for the own secret.
        use: false for `--no-register`.
        runs: folders of finished runs whose registers count.
        files: more files of registers, or folders of such files.
        make: whether to make the own secret if there is none yet. If it is false, or the secret
            cannot be written, there is no register.
        follow: whether to read the register of `runs` again while a stream runs.
        erased: erased records, which no longer support an entry.

    Raises:
        UsageError: for a secret or a register that cannot be used, or a register of another secret.
    """
    if not use:
        if key_file is not None or files:
            named = "--register-key" if key_file is not None else "--register"
            raise UsageError(f"--no-register: leave out {named}, which it would not use")
        return None
    from transforms.custody import Erasures
    from transforms.victims import RegisterSource

    of_runs: dict[str, int | None] = {}
    for finished in runs:
        of_runs |= _files_of_run(finished)
    more = dict.fromkeys(file for path in files for file in _files_below(path))
    # A run's file must have the rows that its run says, also if `files` names it again.
    key_ids = {path: _key_of_register(path, rows) for path, rows in (more | of_runs).items()}
    key = _register_key(key_file, make=make)
    for path, key_id in key_ids.items():
        if key_id is not None and (key is None or key_id != key.key_id):
            raise UsageError(
                f"{path}: is a victim register of the key {key_id}, {_named(key)}; give "
                "--register-key FILE, or --no-register"
            )
    if key is None:
        return None
    paths = tuple(more if follow else of_runs | more)
    folder = runs[0] if follow and runs else None
    return RegisterSource(key, paths, folder, private_key(), erased or Erasures())


def _named(key: RegisterKey | None) -> str:
    return "none is here" if key is None else f"here is {key.key_id}"


def has_register_key(key_file: str | None) -> bool:
    """Tells whether there is a secret of the victim register, without making or reading it."""
    return key_file is not None or register_path().exists()


def _files_of_run(folder: str) -> dict[str, int]:
    """Returns the register's files in a finished run, with the number of entries that it states.

    Raises:
        UsageError: if the folder is no finished run.
    """
    from reports.run import Run
    from transforms.custody import RunError, private_files

    with usage_errors(RunError, after="; name a finished run of this version"):
        return private_files(folder, Run.open(folder).manifest, VICTIMS)


def _files_below(name: str) -> list[str]:
    """Returns a register's file, or the register's files in a folder.

    Raises:
        UsageError: if the folder has none.
    """
    if "://" in name or not Path(name).is_dir():
        return [name]
    if not (paths := sorted(Path(name).glob("*.parquet"))):
        raise UsageError(f"{name}: has no file of a victim register; give private/victims of a run")
    return [*map(str, paths)]


def _key_of_register(path: str, rows: int | None) -> str | None:
    """Returns the key id of a register's file, None if it is empty.

    Raises:
        UsageError: if it cannot be read, or does not have the `rows` that its run wrote.
    """
    from transforms.custody import PrivateFileError
    from transforms.victims import RegisterError, check_register_file

    remedy = "give a register that can be read"
    with usage_errors(RegisterError, PrivateFileError), system_errors(path, remedy):
        key_id, count = check_register_file(path, private_key())
    if rows is not None and count != rows:
        raise UsageError(
            f"{path}: has {count} entries, its manifest says {rows}; make the run again, or give "
            "--no-register"
        )
    return key_id


def _register_key(key_file: str | None, *, make: bool) -> RegisterKey | None:
    """Reads the secret of the file `key_file`, or the own secret; None if there is none."""
    from transforms.custody import SECRET_BYTES, RegisterKey

    remedy = f"make one: head -c {SECRET_BYTES} /dev/urandom > FILE && chmod 600 FILE"
    path = register_path() if key_file is None else Path(key_file)
    if key_file is None and not path.exists():
        if not make:
            return None
        try:
            if written_once(path, secrets.token_bytes(SECRET_BYTES)):
                sys.stderr.write(
                    f"ringtrace: made a key of the victim register in {path}; later runs need it\n"
                )
        except OSError as error:
            sys.stderr.write(
                f"ringtrace: {path}: {error.strerror}; the run keeps no victim register\n"
            )
            return None
    return RegisterKey(_secret(path if key_file is None else key_file, SECRET_BYTES, remedy))


def erased_path() -> Path:
    """Returns the path of the list of records that were erased."""
    return home() / "erased.jsonl"


def erasures_stamp() -> object:
    """Returns a value that changes when the list of erased records changes."""
    try:
        seen = erased_path().stat()
    except OSError:
        return None
    return seen.st_mtime_ns, seen.st_size, seen.st_ino


class _ErasedLine(msgspec.Struct):
    """The fields read from a line of the erasure list: hashes of a record, and their key's id."""

    key_id: str
    macs: Annotated[list[Id], msgspec.Meta(min_length=1)]


def erasures(key_file: str | None) -> ErasureList | None:
    """Reads the list of erased records; None if there is none.

    Args:
        key_file: the file of the secret of the victim register, or None for the own secret.

    Raises:
        UsageError: for a list that cannot be read, or if the secret that made it is missing.
    """
    from transforms.custody import ErasureList

    path = erased_path()
    if not path.exists():
        return None
    known: set[bytes] = set()
    names: set[str] = set()
    with system_errors(path, "let its owner read it"):
        lines = read_bytes(path, MOST_KEPT_BYTES).split(b"\n")
    for number, line in enumerate(lines[:-1] if not lines[-1] else lines, 1):
        try:
            entry = msgspec.json.decode(line, type=_ErasedLine)
        except (ValueError, RecursionError):
            raise UsageError(
                f"{path}, line {number}: was changed; put a copy of the list in its place"
            ) from None
        names.add(entry.key_id)
        known.update(map(bytes.fromhex, entry.macs))
    if not known:
        return None
    key = _register_key(key_file, make=False)
    if key is None or names - {key.key_id}:
        raise UsageError(
            f"{path}: names erased records under the key {min(names)}, {_named(key)}; give "
            "--register-key FILE"
        )
    return ErasureList(key, frozenset(known))


def register_key(key_file: str | None) -> RegisterKey:
    """Returns the secret of the victim register; makes the own secret if there is none yet.

    Raises:
        UsageError: if it can neither be read nor made.
    """
    key = _register_key(key_file, make=True)
    if key is None:
        raise UsageError(f"{register_path()}: cannot be made; give --register-key FILE")
    return key


def read_kept(path: Path, kind: type[Kept], remedy: str) -> Kept | None:
    """Returns the content of a JSON file beside the keys; None without a file.

    Raises:
        UsageError: for a damaged file; it must not count as missing.
    """
    try:
        return msgspec.json.decode(read_bytes(path), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError):
        raise UsageError(f"{path}: cannot be read; {remedy}") from None


def write_kept(path: Path, state: object) -> None:
    """Writes a file that `read_kept` reads; raises UsageError if it cannot."""
    write_whole(path, kept_bytes(state))


def kept_bytes(state: object) -> bytes:
    """Returns the content of a file that `read_kept` reads."""
    return msgspec.json.encode(state, order="sorted") + b"\n"


def public_key(path: str | Path) -> Ed25519PublicKey:
    """Reads the public key of a PEM file.

    Raises:
        UsageError: if the file cannot be used.
    """
    with system_errors(path, "give a partner's public key in PEM"):
        content = read_bytes(path, signing.MAX_SIGNATURE_BYTES)
    with usage_errors(KeyFileError):
        return signing.read_public_key(content, str(path))


def org_slug(text: str) -> str:
    """Returns an organisation's slug unchanged.

    Raises:
        UsageError: for a text that is no slug.
    """
    if not SLUG.fullmatch(text):
        raise UsageError(
            f"{text[:64]!r} is not a slug of an organisation; use lower-case letters, digits, '.', "
            "'_' and '-', 64 at most"
        )
    return text


def trusted(org: str) -> list[Ed25519PublicKey]:
    """Reads the trusted keys of an organisation, in order of their ids.

    They include keys that are void from some moment on; see `validity`.

    Raises:
        UsageError: for a key that cannot be used, or that others can write.
    """
    folder = home() / TRUSTED / org_slug(org)
    check_closed(folder)
    return [_closed_key(path) for path in sorted(folder.glob("*.pem"))]


def _closed_key(path: Path) -> Ed25519PublicKey:
    check_closed(path)
    key = public_key(path)
    if signing.key_id(key) != path.stem:
        raise UsageError(f"{path}: is another key than its name says; ask for the right one")
    return key


def trusted_orgs() -> list[str]:
    """Returns the organisations with a trusted key, sorted."""
    folder = home() / TRUSTED
    names = (path.name for path in folder.glob("*") if any(path.glob("*.pem")))
    return sorted(name for name in names if SLUG.fullmatch(name))


def trusted_keys() -> dict[str, list[Ed25519PublicKey]]:
    """Reads the trusted keys by organisation."""
    return {org: trusted(org) for org in trusted_orgs()}


def own_public_keys() -> list[Ed25519PublicKey]:
    """Reads the own public keys, present and earlier; makes none."""
    own = own_public_key()
    before = [_closed_key(path) for path in sorted((home() / OWN).glob("*.pem"))]
    known = {signing.key_id(key): key for key in (*([own] if own else []), *before)}
    return list(known.values())


def trust(org: str, key: Ed25519PublicKey) -> bool:
    """Trusts a key as the organisation's; returns False if it was already trusted.

    Raises:
        UsageError: if the key is already another organisation's, or cannot be written.
    """
    signer = signing.key_id(key)
    org_slug(org)
    for owner in trusted_orgs():
        if owner != org and signer in map(signing.key_id, trusted(owner)):
            raise UsageError(f"the key {signer} is trusted as {owner}'s; one key is one's alone")
    path = home() / TRUSTED / org / f"{signer}.pem"
    there = path.exists()
    write_whole(path, signing.public_pem(key))
    if not there:
        path.with_suffix(".json").unlink(missing_ok=True)
    return not there


def distrust(org: str, signer: str | None, since: datetime | None = None) -> list[str]:
    """Stops trusting the organisation's key `signer`, or all its keys; returns their ids.

    Args:
        org: the organisation.
        signer: the key's id; None for all keys.
        since: the time from which the key is void; joins made before stay valid. Without it, all
            are void.

    Raises:
        UsageError: if no such key is trusted.
    """
    folder = home() / TRUSTED / org_slug(org)
    gone = [path for path in sorted(folder.glob("*.pem")) if signer in (None, path.stem)]
    if not gone:
        named = f"the key {signer} of {org}" if signer else f"a key of {org}"
        raise UsageError(f"{named} is not trusted; see ringtrace keys show")
    for path in gone:
        # The note outlives the key, so that no list of the partner can bring the key back.
        note = read_note(org, path.stem)
        revoked = min(filter(None, (note.revoked_since, since or NEVER)))
        write_note(org, path.stem, replace(note, revoked_since=revoked))
        if since is None:
            path.unlink()
    return [path.stem for path in gone]


def void_reason(org: str, signer: str, when: datetime) -> str:
    """Returns why a run built at `when` on content that the key signed is void; else nothing."""
    if signer not in map(signing.key_id, trusted(org)):
        return "signed by a key that is no longer trusted"
    since = validity(org, signer).revoked_since
    void = since is not None and when >= since
    return f"signed by a key that is void from {since:%Y-%m-%dT%H:%M:%SZ} on" if void else ""


class KeyNote(Validity):
    """The times of a key; if a signed list announced it, also the list's key and time."""

    vouched_by: str | None = None
    vouched_at: AwareTime | None = None


def _note_path(org: str | None, signer: str) -> Path:
    folder = home() / OWN if org is None else home() / TRUSTED / org_slug(org)
    return folder / f"{signer}.json"


def read_note(org: str | None, signer: str) -> KeyNote:
    """Reads the note on an organisation's key, or on an own key if `org` is None.

    Raises:
        UsageError: for a damaged note; it must not count as missing.
    """
    path = _note_path(org, signer)
    check_closed(path)
    return read_kept(path, KeyNote, "restore it, or trust the key again") or KeyNote()


def write_note(org: str | None, signer: str, note: KeyNote) -> None:
    """Writes the note on a key; raises UsageError if it cannot."""
    write_kept(_note_path(org, signer), note)


def validity(org: str | None, signer: str) -> Validity:
    """Returns the times in which a key may sign; of an own key if `org` is None.

    If a key was announced by a key that was void by then, it is void from its announcement: the
    holder of a stolen key can announce a key of their own.

    Raises:
        UsageError: for a damaged note.
    """
    note = read_note(org, signer)
    revoked, seen, above = note.revoked_since, {signer}, note
    while above.vouched_by is not None and above.vouched_at and above.vouched_by not in seen:
        seen.add(above.vouched_by)
        vouched_at, above = above.vouched_at, read_note(org, above.vouched_by)
        if above.revoked_since is not None and above.revoked_since <= vouched_at:
            revoked = min(filter(None, (revoked, note.vouched_at)))
    return replace(note, revoked_since=revoked)
