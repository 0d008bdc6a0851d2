"""`ringtrace exchange show`: all that an offer says, as text, and who signed it."""

from __future__ import annotations

import argparse
import sys

from pipelines import key_store
from pipelines.exchange import files
from pipelines.options import UsageError
from reports.exchange import offer_text, read_offer
from reports.exchange.read_offer import OfferError
from schemas.offer import Offer


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of `ringtrace exchange show` on `parser`."""
    parser.add_argument("offer", metavar="OFFER", help="folder of an offer, yours or another's")
    parser.add_argument("--key", metavar="PEM", help="the private key that signed it, if not yours")


def run(arguments: argparse.Namespace) -> int:
    """Print it; 0 when done.

    Raises:
        UsageError: if nobody that is trusted signed it, or it is no offer.
    """
    path, content, signature = files.read_signed(arguments.offer, ("offer.json",))
    trusted = key_store.trusted_keys()
    own = arguments.key is not None or key_store.own_path().exists()
    # An offer of one's own says itself who made it; a slug cannot be the empty text.
    mine = {"": [key_store.own_key(arguments.key, make=False).public_key()]} if own else {}
    try:
        org, key_id = read_offer.signer_of(content, signature, trusted | mine)
        found = read_offer.parse(content, org or read_offer.sender_of(content))
    except OfferError as error:
        raise UsageError(f"{path}: {error}") from None
    if not isinstance(found, Offer):
        raise UsageError(f"{path}: is a revocation, not an offer")
    sys.stdout.write("\n".join([*offer_text.lines(found), "", f"signed by {key_id}"]) + "\n")
    return 0
