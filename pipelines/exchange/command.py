"""The words of `ringtrace exchange`, and what each of them takes."""

from __future__ import annotations

import argparse

from pipelines.exchange import join, offer, overlap, revoke, show

WORDS = {"offer": offer, "show": show, "join": join, "revoke": revoke, "overlap": overlap}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `ringtrace exchange` on `parser`."""
    words = parser.add_subparsers(dest="word", metavar="WORD", required=True)
    for name, module in WORDS.items():
        summary = (module.__doc__ or "").partition(": ")[2].partition("\n")[0]
        module.add_arguments(words.add_parser(name, help=summary, description=summary))


def run(arguments: argparse.Namespace) -> int:
    """Do what the word says; 0 when done.

    Raises:
        UsageError: for what the user must mend.
    """
    return WORDS[arguments.word].run(arguments)
