"""`ringtrace keys`: the key that signs what leaves, and the partners' keys that are trusted."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipelines import key_store
from pipelines.options import UsageError
from reports import signing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `ringtrace keys` on `parser`."""
    parser.description = (
        "Keys are kept in $RINGTRACE_HOME, or else in the user's configuration folder. "
        "Without a word it does the same as show."
    )
    words = parser.add_subparsers(dest="word", metavar="WORD")
    words.add_parser("make", help="make a key pair, once")
    words.add_parser("show", help="fingerprints of the own key and of the trusted ones")
    export = words.add_parser("export", help="the own public key in PEM, for partners")
    export.add_argument("--output", metavar="FILE", help="a file to write (default: print it)")
    trust = words.add_parser("trust", help="trust a partner's public key")
    trust.add_argument("org", metavar="ORG", help="the partner's slug, as their offers name them")
    trust.add_argument("file", metavar="FILE", help="their public key in PEM")
    trust.add_argument(
        "--fingerprint",
        metavar="HEX",
        required=True,
        help="what they read out to you on a line that you know is theirs",
    )
    distrust = words.add_parser("distrust", help="trust a partner's key no longer")
    distrust.add_argument("org", metavar="ORG", help="the partner's slug")
    distrust.add_argument("fingerprint", metavar="HEX", nargs="?", help="that key alone")


def run(arguments: argparse.Namespace) -> int:
    """Do what the word says; 0 when done.

    Raises:
        UsageError: for a file that cannot be used, or a fingerprint that is another key's.
    """
    match arguments.word:
        case "make":
            _make()
        case "export":
            _export(arguments.output)
        case "trust":
            _trust(arguments.org, arguments.file, arguments.fingerprint)
        case "distrust":
            for one in key_store.distrust(arguments.org, arguments.fingerprint):
                _say(f"the key {one} of {arguments.org} is trusted no longer")
        case _:
            _show()
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


def _make() -> None:
    path = key_store.own_path()
    there = path.exists()
    signer = signing.key_id(key_store.own_key().public_key())
    if there:
        raise UsageError(f"{path}: is there already ({signer}); move it away to make another")


def _show() -> None:
    path = key_store.own_path()
    if path.exists():
        _say(f"own      {signing.key_id(key_store.own_key().public_key())}  {path}")
    else:
        _say(f"own      none yet; it will be made in {path} when something is first signed")
    for org in key_store.trusted_orgs():
        for key in key_store.trusted(org):
            _say(f"trusted  {signing.key_id(key)}  {org}")


def _export(output: str | None) -> None:
    pem = signing.public_pem(key_store.own_key().public_key())
    if output is None:
        sys.stdout.write(pem.decode())
        return
    try:
        with Path(output).open("xb") as file:
            file.write(pem)
    except OSError as error:
        raise UsageError(f"{output}: {error.strerror}; give a new file") from None


def _trust(org: str, file: str, fingerprint: str) -> None:
    key = key_store.public_key(file)
    signer = signing.key_id(key)
    told = fingerprint.replace(":", "").replace(" ", "").lower()
    if told != signer:
        raise UsageError(f"{file}: its fingerprint is {signer}, not the one given; do not trust it")
    new = key_store.trust(org, key)
    _say(f"{'trusted' if new else 'was trusted already'}: {signer} as {org}'s")
