"""`ringtrace verify DIR`: whether a referral package is what was sealed, and by whom."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cryptography.x509 import Certificate

from pipelines import key_store
from pipelines.options import UsageError
from reports.text import plain

SHOWN = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `ringtrace verify` on `parser`."""
    parser.add_argument("folder", metavar="DIR", help="a referral package")
    parser.add_argument(
        "--key",
        metavar="PUB",
        help="public key in PEM of whoever must have signed it (default: any key of "
        "`ringtrace keys show`)",
    )
    parser.add_argument(
        "--authority",
        metavar="PEM",
        help="root certificates by which the RFC 3161 time stamp in it must hold",
    )


def run(arguments: argparse.Namespace) -> int:
    """Say what was found; 0 when everything holds, 1 when anything does not.

    Raises:
        UsageError: if DIR or the key cannot be read.
    """
    from reports.referral import seal, verify

    folder = Path(arguments.folder)
    if not folder.is_dir():
        raise UsageError(f"{folder}: is no folder; give a referral package")
    keys = [key_store.public_key(arguments.key)] if arguments.key else key_store.known_keys()
    roots = _authorities(arguments.authority) if arguments.authority else []
    try:
        verdict = verify.verify(folder, keys, roots)
    except seal.NoStampLibraryError as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(f"{error.filename or folder}: {error.strerror}") from None
    if verdict.package:
        _say(f"package      {_told(verdict.package.get('reference'))}")
        _say(f"seen from    {_told(verdict.package.get('as_of'))}")
        _say(f"supersedes   {_told(verdict.package.get('supersedes') or 'nothing')}")
        _say(f"Merkle root  {verdict.package['merkle_root']}")
    _say(f"seal         {verdict.seal_sha256 or 'none'}")
    _say(f"signed by    {verdict.signer or 'no key that is trusted here'}")
    _say(f"time stamp   {_told(verdict.time_stamp.words) if verdict.time_stamp else 'none'}")
    for one in verdict.findings[:SHOWN]:
        _say(f"WRONG  {_told(one.path)}: {one.what}")
    if len(verdict.findings) > SHOWN:
        _say(f"WRONG  and {len(verdict.findings) - SHOWN} more")
    if verdict.holds:
        _say(f"holds: {verdict.files} files are as they were sealed")
        return 0
    _say("does not hold")
    return 1


def _authorities(path: str) -> list[Certificate]:
    from reports.referral import seal

    try:
        return seal.authorities(Path(path).read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; give certificates in PEM") from None
    except ValueError:
        raise UsageError(f"{path}: holds no certificate in PEM") from None


def _told(value: object) -> str:
    return plain(str(value), 300)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
