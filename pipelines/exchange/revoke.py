"""`ringtrace exchange revoke`: take an offer back; who is sent this takes its evidence out."""

from __future__ import annotations

import argparse
import hashlib
import sys
from datetime import UTC, datetime

from pipelines import key_store
from pipelines.exchange import files
from pipelines.options import UsageError, moment
from reports.exchange import canonical, read_offer
from reports.exchange.read_offer import OfferError
from schemas.offer import Revocation

REVOCATION = "revocation.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `ringtrace exchange revoke` on `parser`."""
    parser.add_argument("offer", metavar="OFFER", help="folder of an offer that you made")
    parser.add_argument("--output", metavar="DIR", required=True, help="new folder to write")
    parser.add_argument("--key", metavar="PEM", help="private key to sign with (default: your own)")
    parser.add_argument(
        "--issued-at", type=moment, metavar="TIME", help="when it is issued (default: now)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Write the revocation and its signature; 0 when done.

    Raises:
        UsageError: for an offer that is not one's own, or a folder that cannot be used.
    """
    key = key_store.own_key(arguments.key, make=False)
    path, content, signature = files.read_signed(arguments.offer, ("offer.json",))
    try:
        # Whoever holds the key may revoke what it signed: the offer itself says for whom.
        read_offer.signer_of(content, signature, {"own": [key.public_key()]})
        offer = read_offer.parse(content, read_offer.sender_of(content))
    except OfferError as error:
        raise UsageError(f"{path}: {error}") from None
    issued = (arguments.issued_at or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")
    revoked = (hashlib.sha256(content).hexdigest(),)
    told = Revocation(offer.sender, offer.recipient, issued, revoked)
    folder = files.new_folder(arguments.output)
    written = files.write_signed(folder, REVOCATION, canonical.write(told), key)
    sys.stdout.write(
        f"{written}: revokes the offer of {offer.issued_at} to {offer.recipient}; mail it and "
        f"{written.name}.sig to them\n"
    )
    return 0
