"""`ringtrace exchange`: its subcommands, a row each in `SUBCOMMANDS`."""

from __future__ import annotations

import argparse

from pipelines.commands import resolve
from pipelines.exchange import join, offer, overlap
from pipelines.options import Subcommand, add_subcommands, run_subcommand

SUBCOMMANDS = (
    Subcommand(
        "offer",
        "what may leave of a run, as one signed file for one organisation.",
        offer.add_offer_arguments,
        offer.write_offer,
    ),
    Subcommand(
        "show",
        "all that an offer says, as text, and who signed it.",
        offer.add_show_arguments,
        offer.show_offer,
    ),
    Subcommand(
        "join",
        "offers put together with a run of one's own, as a run.",
        join.add_join_arguments,
        join.join_offers,
    ),
    Subcommand(
        "revoke",
        "take an offer back; a partner who gets this removes its evidence.",
        offer.add_revoke_arguments,
        offer.revoke_offer,
    ),
    Subcommand(
        "consent",
        "consent, signed, that a partner names identifiers of yours to one authority.",
        offer.add_consent_arguments,
        offer.write_consent,
    ),
    Subcommand(
        "schedule",
        "what two packages or offers both name, with the numbers that each has for it.",
        resolve.add_schedule_arguments,
        resolve.write_schedule,
    ),
    Subcommand(
        "overlap",
        "how many victims two organisations share, and nothing more.",
        overlap.add_overlap_arguments,
        run_subcommand,
    ),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the subcommands of `ringtrace exchange`."""
    add_subcommands(parser, SUBCOMMANDS)


def run(arguments: argparse.Namespace) -> int:
    """Runs the chosen subcommand; returns the exit status.

    Raises:
        UsageError: for what the user must correct.
    """
    return run_subcommand(arguments)
