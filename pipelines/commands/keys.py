"""`ringtrace keys`: manages the key that signs what leaves, and the partners' trusted keys."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from pipelines import key_store
from pipelines.options import Subcommand, UsageError, add_subcommands, run_subcommand
from reports import signing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommands of `ringtrace keys`."""
    parser.description = (
        "Keys are kept in $RINGTRACE_HOME, or else in the user's configuration folder. "
        "Without a word it does the same as show."
    )
    add_subcommands(parser, SUBCOMMANDS, required=False)


def run(arguments: argparse.Namespace) -> int:
    """Runs the chosen subcommand, or `show`; returns the exit status 0.

    Raises:
        UsageError: for a file that cannot be used, or a fingerprint that is another key's.
    """
    return run_subcommand(arguments, default=SHOW)


def make_key(arguments: argparse.Namespace) -> int:
    """Makes the own key pair, or the key of private files; returns the exit status 0."""
    if arguments.private:
        key = key_store.make_private_key()
        _print(
            f"private  {key.key_id}  {key_store.private_path()}\n"
            "private/ of runs is sealed with it from now on; keep a copy of it elsewhere: without "
            "it nobody can read them"
        )
        return 0
    path = key_store.own_path()
    there = path.exists()
    signer = signing.key_id(key_store.own_key().public_key())
    if there:
        raise UsageError(f"{path}: exists already ({signer}); move it away to make another")
    return 0


def show_keys(_arguments: argparse.Namespace) -> int:
    """Prints the fingerprints of the own and of the trusted keys; returns the exit status 0."""
    path = key_store.own_path()
    if path.exists():
        _print(f"own      {signing.key_id(key_store.own_key().public_key())}  {path}")
    else:
        _print(f"own      none yet; it will be made in {path} when something is first signed")
    if sealing := key_store.private_key():
        _print(f"private  {sealing.key_id}  {key_store.private_path()}")
    else:
        _print("private  none: private/ of runs is not sealed; see ringtrace keys make --private")
    for org in key_store.trusted_orgs():
        for key in key_store.trusted(org):
            _print(f"trusted  {signing.key_id(key)}  {org}")
    return 0


def export_key(arguments: argparse.Namespace) -> int:
    """Writes or prints the own public key; returns the exit status 0."""
    pem = signing.public_pem(key_store.own_key().public_key())
    if arguments.output is None:
        sys.stdout.write(pem.decode())
        return 0
    try:
        with Path(arguments.output).open("xb") as file:
            file.write(pem)
    except OSError as error:
        raise UsageError(f"{arguments.output}: {error.strerror}; give a new file") from None
    return 0


def trust_key(arguments: argparse.Namespace) -> int:
    """Trusts a partner's key whose fingerprint is the one given; returns the exit status 0."""
    org, file = arguments.org, arguments.file
    key = key_store.public_key(file)
    signer = signing.key_id(key)
    if arguments.fingerprint.replace(":", "").replace(" ", "").lower() != signer:
        raise UsageError(f"{file}: its fingerprint is {signer}, not the one given; do not trust it")
    new = key_store.trust(org, key)
    _print(f"{'trusted' if new else 'was trusted already'}: {signer} as {org}'s")
    return 0


def distrust_keys(arguments: argparse.Namespace) -> int:
    """Trusts one or all keys of a partner no longer; returns the exit status 0."""
    for one in key_store.distrust(arguments.org, arguments.fingerprint):
        _print(f"the key {one} of {arguments.org} is trusted no longer")
    return 0


def _add_nothing(_parser: argparse.ArgumentParser) -> None:
    pass


def _add_make_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--private",
        action="store_true",
        help="make the key that private/ of later runs is sealed with, instead of a key pair",
    )


def _add_export_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", metavar="FILE", help="a file to write (default: print it)")


def _add_trust_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("org", metavar="ORG", help="the partner's slug, as their offers name them")
    parser.add_argument("file", metavar="FILE", help="their public key in PEM")
    parser.add_argument(
        "--fingerprint",
        metavar="HEX",
        required=True,
        help="what they read out to you on a line that you know is theirs",
    )


def _add_distrust_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("org", metavar="ORG", help="the partner's slug")
    parser.add_argument("fingerprint", metavar="HEX", nargs="?", help="that key alone")


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")


SHOW = Subcommand(
    "show", "fingerprints of the own key and of the trusted ones", _add_nothing, show_keys
)

SUBCOMMANDS = (
    Subcommand("make", "make a key pair, once", _add_make_arguments, make_key),
    SHOW,
    Subcommand(
        "export", "the own public key in PEM, for partners", _add_export_arguments, export_key
    ),
    Subcommand("trust", "trust a partner's public key", _add_trust_arguments, trust_key),
    Subcommand(
        "distrust", "trust a partner's key no longer", _add_distrust_arguments, distrust_keys
    ),
)
"""The words behind `ringtrace keys`."""
