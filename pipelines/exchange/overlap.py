"""`ringtrace exchange overlap`: how many victims two organisations share, and nothing more."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import UTC, datetime

from pipelines import key_store
from pipelines.exchange import overlap_moves as moves
from pipelines.options import UsageError, moment
from reports.exchange import intersection, letters
from reports.exchange.intersection import NoLibraryError
from schemas.overlap import COMPARED, LARGEST

MOVES: dict[str, Callable[[argparse.Namespace, str, datetime], int]] = {
    "ask": moves.ask,
    "answer": moves.answer,
    "count": moves.count,
    "read": moves.read,
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `ringtrace exchange overlap` on `parser`."""
    words = parser.add_subparsers(dest="move", metavar="MOVE", required=True)
    ask = words.add_parser(
        "ask", help="first letter: your victims, masked, for another to mask too"
    )
    _victims(ask)
    ask.add_argument("--to", metavar="ORG", required=True, help="slug of the other organisation")
    ask.add_argument("--by", choices=COMPARED, required=True, help="what is compared")
    ask.add_argument("--run", metavar="RUN", help="joint run: compare the victims of one cluster")
    ask.add_argument("--cluster", metavar="ID", help="that cluster, as the joint run names it")
    ask.add_argument("--offer", metavar="OFFER", help="their offer, which the joint run took")
    ask.add_argument(
        "--about", metavar="SLUG", default="all", help="whose victims, as agreed (default: all)"
    )
    ask.add_argument(
        "--floor", type=_floor, default=5, metavar="K", help="fewer are not told (default: 5)"
    )
    answer = words.add_parser(
        "answer", help="second letter: theirs masked again, and tags of yours"
    )
    answer.add_argument("letter", metavar="REQUEST", help="folder of their request")
    _victims(answer)
    answer.add_argument("--run", metavar="RUN", help="your run, if they ask about an offer of it")
    answer.add_argument("--offer", metavar="OFFER", help="that offer, as you mailed it")
    answer.add_argument(
        "--again", action="store_true", help="answer although a week has not passed"
    )
    count = words.add_parser("count", help="third letter: the count, for you and for them")
    count.add_argument("letter", metavar="ANSWER", help="folder of their answer")
    read = words.add_parser("read", help="what the third letter says")
    read.add_argument("letter", metavar="RESULT", help="folder of their result")
    for one in (ask, answer, count, read):
        one.add_argument("--from", metavar="ORG", dest="me", required=True, help="your own slug")
        one.add_argument("--at", type=moment, metavar="TIME", help="the time (default: now)")
    for one in (ask, answer, count):
        one.add_argument("--output", metavar="DIR", required=True, help="new folder to write")
        one.add_argument(
            "--key", metavar="PEM", help="private key to sign with (default: your own)"
        )
    for one in (answer, count):
        one.add_argument(
            "--largest",
            type=int,
            default=LARGEST,
            metavar="N",
            help="refuse more elements than they can have victims: a dictionary is large",
        )


def _victims(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "victims",
        metavar="CSV",
        help="your victims: phone, email, country; and victim_id, to choose those of a cluster",
    )


def _floor(text: str) -> int:
    low, high = letters.LEAST_FLOOR, letters.MOST_FLOOR
    if not text.isdecimal() or not low <= int(text) <= high:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from {low} to {high}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Make the move; 0 when done.

    Raises:
        UsageError: for a letter that is refused, or anything else that the user must mend.
    """
    me = key_store.org_slug(arguments.me)
    now = (arguments.at or datetime.now(UTC)).replace(microsecond=0)
    try:
        intersection.group()
    except NoLibraryError as error:
        raise UsageError(str(error)) from None
    return MOVES[arguments.move](arguments, me, now)
