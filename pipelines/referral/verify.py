"""`ringtrace verify DIR`: compares a referral package with its seal, and names who signed it."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.x509 import Certificate, load_pem_x509_certificates

from pipelines import key_store, ledger
from pipelines.ledger import LEDGER_FLAG
from pipelines.options import UsageError, add_notice, all_of, flag, say, system_errors, usage_errors
from reports.letters import CLOCK_TOLERANCE
from reports.text import plain
from transforms.gates import read_bytes

if TYPE_CHECKING:
    from reports.referral import VerificationResult

FINDINGS_LIMIT = 200

PACKAGE_LINES = (
    ("package", "reference", None),
    ("compiled as of", "as_of", None),
    ("supersedes", "supersedes", "nothing"),
    ("Merkle root", "merkle_root", None),
    ("issuer", "issuer", "not named"),
    ("recipient", "recipient", "not named"),
    ("key named", "key_id", "none"),
    ("sealed at", "sealed_at", "not named"),
)
"""Lines printed about a package: label, key in its seal, and words if the key is missing."""


add_arguments = all_of(
    flag("folder", "DIR", "a referral package"),
    flag(
        "--key",
        "FILE",
        "public key in PEM of whoever must have signed it (default: your own, or a trusted "
        "one of the organisation that it names as its issuer)",
    ),
    flag(
        "--authority",
        "FILE",
        "root certificates in PEM by which the RFC 3161 time stamp in it must hold",
    ),
    LEDGER_FLAG,
)
"""The flags of `ringtrace verify` on `parser`."""


def run(arguments: Namespace) -> int:
    """Prints the findings; returns 0 if everything holds, else 1.

    Raises:
        UsageError: if DIR or the key cannot be read.
    """
    from reports.referral import SEAL_FILE, Finding, MissingTimeStampLibraryError, verify_package

    folder = Path(arguments.folder)
    if not folder.is_dir():
        raise UsageError(f"{folder}: is not a folder; give a referral package")
    is_given = arguments.key is not None
    keys = [key_store.public_key(arguments.key)] if is_given else key_store.own_public_keys()
    partners = {} if is_given else key_store.trusted_keys()
    roots = _authorities(arguments.authority) if arguments.authority else []
    try:
        with usage_errors(MissingTimeStampLibraryError):
            result = verify_package(folder, keys, roots, partners)
    except OSError as error:
        where = error.filename or folder
        raise UsageError(f"{where}: {error.strerror}; give a package that can be read") from None
    signer = None if is_given else result.signer
    problems = [*(_wrong_times(result, signer) if signer else ()), *_void_basis(result, arguments)]
    result.findings.extend(Finding(SEAL_FILE, problem) for problem in problems)
    for label, name, absent in PACKAGE_LINES if result.package else ():
        say(f"{label:13}{_printable(result.package.get(name) or absent)}")
    say(f"seal         {result.seal_sha256 or 'none'}")
    owner = f"{result.signed_for}, whose key you trust" if result.signed_for else "your own key"
    by = f"{result.signer}, {'the key given' if is_given else owner}" if result.signer else None
    say(f"signed by    {by or 'no key that counts here'}")
    say(f"time stamp   {_printable(result.time_stamp.text) if result.time_stamp else 'none'}")
    for finding in result.findings[:FINDINGS_LIMIT]:
        say(f"WRONG  {_printable(finding.path)}: {finding.problem}")
    if len(result.findings) > FINDINGS_LIMIT:
        say(f"WRONG  and {len(result.findings) - FINDINGS_LIMIT} more")
    if result.holds:
        return say(f"holds: {result.files} files are as they were sealed")
    say("does not hold")
    return 1


def _wrong_times(result: VerificationResult, signer: str) -> Iterator[str]:
    """Yields why the key was not valid at the time of the package, or is void since."""
    valid = key_store.validity(result.signed_for or None, signer)
    since = valid.revoked_since
    stamp = result.time_stamp
    stamped = stamp.when if stamp is not None and stamp.checked else None
    if since is not None and (stamped is None or stamped >= since):
        yield (
            f"is signed by a key that is void from {since:%Y-%m-%dT%H:%MZ} on, and no checked "
            "time stamp shows that it was signed before"
        )
    try:
        when = datetime.fromisoformat(str(result.package.get("sealed_at"))).astimezone(UTC)
        last = max(when, stamped or when)
    except (ValueError, OverflowError):
        yield "names no time at which it was sealed"
        return
    if stamped is not None and when > stamped + CLOCK_TOLERANCE:
        yield f"names {when}, which is after its time stamp"
    if valid.not_after is not None and last > valid.not_after:
        yield f"was signed after its key had ended, on {valid.not_after}"
    if valid.not_before is not None and when < valid.not_before:
        yield f"was signed before its key was valid, from {valid.not_before} on"


def _void_basis(result: VerificationResult, arguments: Namespace) -> Iterator[str]:
    """Yields why a join that the package rests on is void, by the own ledger."""
    from pipelines.letters.accepted_offers import revoked_letters

    try:
        entries = ledger.read_ledger(arguments.ledger)
        void, revoked = ledger.void_joins(), revoked_letters()
    except ledger.LedgerError as error:
        add_notice(str(error))
        return
    for entry in entries:
        if entry.kind == ledger.EntryKind.PACKAGE and entry.sha256 == result.seal_sha256:
            why = ledger.void_basis((entry.run_id, *entry.built_on), void)
            if why := why or ledger.revoked_basis(entry, revoked):
                yield f"{why}; see ringtrace correct"
            return


def _authorities(path: str) -> list[Certificate]:
    try:
        with system_errors(path, "give certificates in PEM"):
            return load_pem_x509_certificates(read_bytes(path))
    except ValueError:
        raise UsageError(
            f"{path}: contains no certificate in PEM; give root certificates"
        ) from None


def _printable(value: object) -> str:
    return plain(str(value), 300)
