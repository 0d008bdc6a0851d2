"""`ringtrace exchange`: its subcommands, a row each in `SUBCOMMANDS`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NamedTuple

from pipelines.exchange import join, offer, overlap


class Subcommand(NamedTuple):
    """A word behind `ringtrace exchange`, its line in --help, its flags, and what it does."""

    name: str
    summary: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


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
        join.add_arguments,
        join.run,
    ),
    Subcommand(
        "revoke",
        "take an offer back; who is sent this takes its evidence out.",
        offer.add_revoke_arguments,
        offer.revoke_offer,
    ),
    Subcommand(
        "overlap",
        "how many victims two organisations share, and nothing more.",
        overlap.add_arguments,
        overlap.run,
    ),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands of `ringtrace exchange` on `parser`."""
    subparsers = parser.add_subparsers(metavar="WORD", required=True)
    for one in SUBCOMMANDS:
        below = subparsers.add_parser(one.name, help=one.summary, description=one.summary)
        one.add_arguments(below)
        below.set_defaults(subcommand=one)


def run(arguments: argparse.Namespace) -> int:
    """Carry out the chosen subcommand; returns the exit status.

    Raises:
        UsageError: for what the user must mend.
    """
    return int(arguments.subcommand.run(arguments))
