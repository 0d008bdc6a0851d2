"""The four moves of an overlap count: ask, answer, count, read; each letter is a signed file."""

from __future__ import annotations

import argparse
import hashlib
import secrets
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines import key_store
from pipelines.exchange import compared, files, overlap_state
from pipelines.options import UsageError
from reports.exchange import canonical, intersection, letters, read_offer
from reports.exchange.intersection import LetterError
from reports.exchange.read_offer import OfferError
from schemas.overlap import POINT_BYTES, TAG_BYTES, Answer, Request, Result

REST = timedelta(days=7)
"""Least time between two answers to one organisation: each tells it something of one's victims."""

REQUEST, ANSWER, RESULT = "request.json", "answer.json", "result.json"

_NOT_OPEN = "answers no request of yours that is open; each is counted once"
_NOT_ANSWERED = "counts no answer of yours"


def ask(arguments: argparse.Namespace, me: str, now: datetime) -> int:
    """Write the first letter."""
    if not letters.ABOUT.fullmatch(arguments.about):
        raise UsageError(f"--about: {arguments.about[:64]!r} is no slug")
    asked = compared.asked(arguments, me)
    session, secret = secrets.token_bytes(32), intersection.new_secret()
    points = intersection.ask(secret, session, asked.values)
    folder = files.new_folder(arguments.output)
    request = Request(
        about=asked.about,
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
        "recipient": request.recipient,
        "request": _digest(content),
        "secret": secret.hex(),
        "subject": asked.subject,
        "told": _told_of(request),
        "size": request.size,
    }
    overlap_state.keep(overlap_state.asked(request.session), state)
    path = files.write_signed(folder, REQUEST, content, key_store.own_key(arguments.key))
    return _say(
        f"{path}: {len(asked.values)} distinct values, shown as {len(points)}; mail it and its "
        f".sig to {request.recipient}"
    )


def answer(arguments: argparse.Namespace, me: str, now: datetime) -> int:
    """Write the second letter."""
    path, content, request = _letter(Request, arguments.letter, REQUEST, me, now)
    try:
        intersection.check_size(request.size, arguments.largest)
        points = intersection.parted(request.points, POINT_BYTES, request.size)
        _check_rest(request.sender, now, again=arguments.again)
        values = compared.answered(arguments, request, me)
        session, secret = bytes.fromhex(request.session), intersection.new_secret()
        again, tags = intersection.answer(secret, session, points, values)
    except LetterError as error:
        raise UsageError(f"{path}: {error}") from None
    folder = files.new_folder(arguments.output)
    told = Answer(
        issued_at=_time(now),
        points=intersection.joined(again),
        recipient=request.sender,
        request=_digest(content),
        sender=me,
        session=request.session,
        size=len(tags),
        tags=intersection.joined(tags),
    )
    letter = canonical.write(told)
    # The secret is not kept: whoever answers has no more to do with it.
    kept = {"answer": _digest(letter), "at": _time(now), "told": _told_of(request)}
    overlap_state.keep(overlap_state.answered(request.sender), kept)
    written = files.write_signed(folder, ANSWER, letter, key_store.own_key(arguments.key))
    return _say(
        f"{written}: {request.sender} asked by {request.by} about {_about(request)}, "
        f"{request.size} elements; you show {len(values)} as {len(tags)}; mail it and its .sig"
    )


def count(arguments: argparse.Namespace, me: str, now: datetime) -> int:
    """Write the third letter."""
    path, content, found = _letter(Answer, arguments.letter, ANSWER, me, now)
    state = overlap_state.kept(overlap_state.asked(found.session), path, _NOT_OPEN)
    if (found.request, found.sender) != (state["request"], state["recipient"]):
        raise UsageError(f"{path}: answers another request than yours to {state['recipient']}")
    try:
        intersection.check_size(found.size, arguments.largest)
        points = intersection.parted(found.points, POINT_BYTES, state["size"])
        tags = intersection.parted(found.tags, TAG_BYTES, found.size)
        session, secret = bytes.fromhex(found.session), bytes.fromhex(state["secret"])
        shared = intersection.count(secret, session, points, tags)
    except LetterError as error:
        raise UsageError(f"{path}: {error}") from None
    told = canonical.into(
        Result,
        state["told"]
        | {
            "answer": _digest(content),
            "format": Result.format,
            "issued_at": _time(now),
            "recipient": found.sender,
            "sender": me,
            "session": found.session,
            "shared": shared if shared >= state["told"]["floor"] else None,
            "version": Result.version,
        },
    )
    letter = canonical.write(told)
    folder = files.new_folder(arguments.output)
    written = files.write_signed(folder, RESULT, letter, key_store.own_key(arguments.key))
    kept = state["subject"] | {"result": _digest(letter)}
    overlap_state.keep(overlap_state.counted(found.session), kept)
    overlap_state.asked(found.session).unlink()
    return _say(f"{told_shared(told)}\n{written}: mail it and its .sig")


def read(arguments: argparse.Namespace, me: str, now: datetime) -> int:
    """Say what the third letter says."""
    path, _, result = _letter(Result, arguments.letter, RESULT, me, now)
    kept = overlap_state.kept(overlap_state.answered(result.sender), path, _NOT_ANSWERED)
    if result.answer != kept["answer"]:
        raise UsageError(f"{path}: counts another answer than your last to {result.sender}")
    if _told_of(result) != kept["told"]:
        raise UsageError(f"{path}: is about something else than {result.sender} asked for")
    return _say(f"{result.sender} says: {told_shared(result)}")


def told_shared(result: Result) -> str:
    """The count in words."""
    told = f"fewer than {result.floor}" if result.shared is None else result.shared
    return f"shared victims: {told}"


def _told_of(letter: Request | Result) -> dict[str, Any]:
    """What is compared, as all letters and what is kept say it."""
    about = letter.about
    return {
        "about": {
            "agreed": about.agreed,
            "entities": list(about.entities),
            "offer": about.offer,
        },
        "by": letter.by,
        "floor": letter.floor,
    }


def _about(request: Request) -> str:
    about = request.about
    if about.offer is None:
        return about.agreed
    return f"{len(about.entities)} identifiers of your offer {about.offer[:12]}"


def _letter(kind: type[Any], given: str, name: str, me: str, now: datetime) -> tuple[Any, ...]:
    """Path, bytes and content of a signed letter to `me`."""
    path, content, signature = files.read_signed(given, (name,))
    try:
        org, _ = read_offer.signer_of(content, signature, key_store.trusted_keys())
        found = letters.read(kind, content, org)
        letters.check_for(found, me, now)
    except (OfferError, LetterError) as error:
        raise UsageError(f"{path}: {error}") from None
    return path, content, found


def _check_rest(org: str, now: datetime, *, again: bool) -> None:
    path = overlap_state.answered(org)
    if again or not path.exists():
        return
    last = read_offer.moment(overlap_state.kept(path, path, "is gone")["at"])
    if now < last + REST:
        raise UsageError(
            f"{org} was answered at {_time(last)}; every answer tells it something of your "
            f"victims, so wait until {_time(last + REST)}, or give --again"
        )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _time(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _say(text: str) -> int:
    sys.stdout.write(f"{text}\n")
    return 0
