"""`ringtrace exchange overlap`: how many victims two organisations share, and nothing more."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines import key_store
from pipelines.exchange import files
from pipelines.options import UsageError, moment
from reports.exchange import canonical, intersection, letters, read_offer, victims
from reports.exchange.intersection import LetterError, NoLibraryError
from reports.exchange.read_offer import OfferError
from schemas.overlap import (
    COMPARED,
    LARGEST,
    POINT_BYTES,
    TAG_BYTES,
    Answer,
    Request,
    Result,
)

REST = timedelta(days=7)
"""Least time between two answers to one organisation: each tells it something of one's victims."""

REQUEST, ANSWER, RESULT = "request.json", "answer.json", "result.json"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the words of `ringtrace exchange overlap` on `parser`."""
    words = parser.add_subparsers(dest="move", metavar="MOVE", required=True)
    ask = words.add_parser(
        "ask", help="first letter: your victims, masked, for another to mask too"
    )
    ask.add_argument("victims", metavar="CSV", help="your victims: phone, email, country")
    ask.add_argument("--to", metavar="ORG", required=True, help="slug of the other organisation")
    ask.add_argument("--by", choices=COMPARED, required=True, help="what is compared")
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
    answer.add_argument("victims", metavar="CSV", help="your victims: phone, email, country")
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
    moves: dict[str, Callable[[argparse.Namespace, str, datetime], int]] = {
        "ask": _ask,
        "answer": _answer,
        "count": _count,
        "read": _read,
    }
    me = key_store.org_slug(arguments.me)
    now = (arguments.at or datetime.now(UTC)).replace(microsecond=0)
    try:
        intersection.group()
    except NoLibraryError as error:
        raise UsageError(str(error)) from None
    return moves[arguments.move](arguments, me, now)


def _ask(arguments: argparse.Namespace, me: str, now: datetime) -> int:
    if not letters.ABOUT.fullmatch(arguments.about):
        raise UsageError(f"--about: {arguments.about[:64]!r} is no slug")
    values = _values(arguments.victims, arguments.by)
    session, secret = secrets.token_bytes(32), intersection.new_secret()
    points = intersection.ask(secret, session, values)
    folder = files.new_folder(arguments.output)
    request = Request(
        about=arguments.about,
        by=arguments.by,
        floor=arguments.floor,
        issued_at=_time(now),
        points=intersection.joined(points),
        recipient=key_store.org_slug(arguments.to),
        sender=me,
        session=session.hex(),
        size=len(points),
    )
    content = canonical.write(request)
    state = {
        "floor": request.floor,
        "recipient": request.recipient,
        "request": hashlib.sha256(content).hexdigest(),
        "secret": secret.hex(),
        "size": request.size,
    }
    _keep(_state(request.session), state)
    path = files.write_signed(folder, REQUEST, content, key_store.own_key(arguments.key))
    return _say(
        f"{path}: {len(values)} distinct values, shown as {len(points)}; mail it and its .sig to "
        f"{request.recipient}"
    )


def _answer(arguments: argparse.Namespace, me: str, now: datetime) -> int:
    path, content, request = _letter(Request, arguments.letter, REQUEST, me, now)
    try:
        intersection.check_size(request.size, arguments.largest)
        points = intersection.parted(request.points, POINT_BYTES, request.size)
        values = _values(arguments.victims, request.by)
        _check_rest(request.sender, now, again=arguments.again)
        session, secret = bytes.fromhex(request.session), intersection.new_secret()
        again, tags = intersection.answer(secret, session, points, values)
    except LetterError as error:
        raise UsageError(f"{path}: {error}") from None
    folder = files.new_folder(arguments.output)
    told = Answer(
        issued_at=_time(now),
        points=intersection.joined(again),
        recipient=request.sender,
        request=hashlib.sha256(content).hexdigest(),
        sender=me,
        session=request.session,
        size=len(tags),
        tags=intersection.joined(tags),
    )
    letter = canonical.write(told)
    # The secret is not kept: whoever answers has no more to do with it.
    kept = {"answer": hashlib.sha256(letter).hexdigest(), "at": _time(now), "floor": request.floor}
    _keep(_answered(request.sender), kept)
    written = files.write_signed(folder, ANSWER, letter, key_store.own_key(arguments.key))
    return _say(
        f"{written}: {request.sender} asked by {request.by} about {request.about}, "
        f"{request.size} elements; you show {len(values)} as {len(tags)}; mail it and its .sig"
    )


def _count(arguments: argparse.Namespace, me: str, now: datetime) -> int:
    path, content, answer = _letter(Answer, arguments.letter, ANSWER, me, now)
    state = _kept(_state(answer.session), path)
    if (answer.request, answer.sender) != (state["request"], state["recipient"]):
        raise UsageError(f"{path}: answers another request than yours to {state['recipient']}")
    try:
        intersection.check_size(answer.size, arguments.largest)
        points = intersection.parted(answer.points, POINT_BYTES, state["size"])
        tags = intersection.parted(answer.tags, TAG_BYTES, answer.size)
        session, secret = bytes.fromhex(answer.session), bytes.fromhex(state["secret"])
        shared = intersection.count(secret, session, points, tags)
    except LetterError as error:
        raise UsageError(f"{path}: {error}") from None
    told = Result(
        answer=hashlib.sha256(content).hexdigest(),
        issued_at=_time(now),
        recipient=answer.sender,
        sender=me,
        session=answer.session,
        shared=shared if shared >= state["floor"] else None,
    )
    folder = files.new_folder(arguments.output)
    written = files.write_signed(
        folder, RESULT, canonical.write(told), key_store.own_key(arguments.key)
    )
    _state(answer.session).unlink()
    return _say(f"{_told(told.shared, state['floor'])}\n{written}: mail it and its .sig")


def _read(arguments: argparse.Namespace, me: str, now: datetime) -> int:
    path, _, result = _letter(Result, arguments.letter, RESULT, me, now)
    kept = _kept(_answered(result.sender), path)
    if result.answer != kept["answer"]:
        raise UsageError(f"{path}: counts another answer than your last to {result.sender}")
    return _say(f"{result.sender} says: {_told(result.shared, kept['floor'])}")


def _told(shared: int | None, floor: int) -> str:
    return f"shared victims: {f'fewer than {floor}' if shared is None else shared}"


def _letter(kind: type[Any], given: str, name: str, me: str, now: datetime) -> tuple[Any, ...]:
    """Path, bytes and content of a signed letter to `me`."""
    path, content, signature = files.read_signed(given, (name,))
    trusted = {org: key_store.trusted(org) for org in key_store.trusted_orgs()}
    try:
        org, _ = read_offer.signer_of(content, signature, trusted)
        return path, content, letters.read(kind, content, org, me, now)
    except (OfferError, LetterError) as error:
        raise UsageError(f"{path}: {error}") from None


def _values(path: str, by: str) -> frozenset[str]:
    try:
        found = victims.load(Path(path).read_text(encoding="utf-8-sig"), path)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}; give a CSV file") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8 text; save it as UTF-8") from None
    except victims.VictimsFileError as error:
        raise UsageError(str(error)) from None
    values = found.phones if by == "phone" else found.emails
    if not values:
        raise UsageError(f"{path}: holds no {by} that can be read")
    if found.unread:
        sys.stderr.write(f"ringtrace: {path}: {found.unread} cells could not be read, left out\n")
    return values


def _state(session: str) -> Path:
    return key_store.home() / "overlap" / f"asked-{session}.json"


def _answered(org: str) -> Path:
    return key_store.home() / "overlap" / f"answered-{org}.json"


def _keep(path: Path, value: dict[str, Any]) -> None:
    """A secret, for its owner's eyes alone."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            json.dump(value, file, sort_keys=True)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


def _kept(path: Path, letter: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UsageError(
            f"{letter}: answers no request of yours that is open; each is counted once"
        ) from None
    except (OSError, ValueError):
        raise UsageError(f"{path}: cannot be read; ask anew") from None


def _check_rest(org: str, now: datetime, *, again: bool) -> None:
    path = _answered(org)
    if again or not path.exists():
        return
    last = read_offer.moment(_kept(path, path)["at"])
    if now < last + REST:
        raise UsageError(
            f"{org} was answered at {_time(last)}; every answer tells it something of your "
            f"victims, so wait until {_time(last + REST)}, or give --again"
        )


def _time(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _say(text: str) -> int:
    sys.stdout.write(f"{text}\n")
    return 0
