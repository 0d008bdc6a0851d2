"""`ringtrace exchange overlap`: how many victims two organisations share, and nothing more.

Whose victims go into an overlap count: all of a file, or those of one cluster.

The four moves of an overlap count: ask, answer, count, read; each letter is a signed file.

What an organisation remembers of the overlaps that it asked for and answered, beside its keys.

overlap/asked-SESSION.json     the secret of a request that is open
overlap/counted-SESSION.json   what a count was about, for a referral that prints it
overlap/answered-ORG.json      the last answer to an organisation
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from pipelines import key_store
from pipelines.exchange import signed_files
from pipelines.exchange.offer import OFFER, evidence_of_run
from pipelines.options import UsageError, moment
from reports import signing, tables
from reports.exchange import read_offer, victim_overlap
from reports.exchange.offer import HARD, reports
from reports.exchange.read_offer import OfferError
from reports.exchange.victim_overlap import LetterError, NoLibraryError, VictimsFileError
from schemas import epoch
from schemas.joint import CONTRIBUTORS
from schemas.offer import Offer
from schemas.overlap import (
    COMPARED,
    LARGEST,
    POINT_BYTES,
    TAG_BYTES,
    About,
    Answer,
    Request,
    Result,
)
from schemas.tables import CALLS, COMPLAINTS, MEMBERS, MENTIONS


@dataclass(frozen=True)
class RequesterValues:
    """What is asked about, the asker's values, and what it must remember of its cluster."""

    about: About
    values: frozenset[str]
    subject: dict[str, Any] = field(default_factory=dict)


def requester_values(arguments: argparse.Namespace, me: str) -> RequesterValues:
    """The asker's side, by the flags of `ringtrace exchange overlap ask`.

    Raises:
        UsageError: for flags, a run, an offer or a file that cannot be used.
    """
    given = [arguments.run, arguments.cluster, arguments.offer]
    if not any(given):
        values = _values(arguments.victims, arguments.by, None)
        return RequesterValues(About(agreed=arguments.about, entities=(), offer=None), values)
    if not all(given):
        raise UsageError("--run, --cluster, --offer: give all three, or none to compare all")
    org = key_store.org_slug(arguments.to)
    offer, sha256 = _offer(arguments.offer, org, me, key_store.trusted_keys())
    members = _members(arguments.run, arguments.cluster)
    taken = signed_files.manifest_of(arguments.run)["options"].get("offers") or []
    if sha256 not in {one["sha256"] for one in taken}:
        raise UsageError(f"{arguments.run}: was not joined with {arguments.offer}")
    here = pc.field("cluster_id") == arguments.cluster
    seen = tables.read(arguments.run, CONTRIBUTORS, where=here & (pc.field("contributor") == org))
    theirs = {(epoch.bare(row["entity_id"]), row["part"]) for row in seen.to_pylist()}
    places = tuple(
        at
        for at, one in enumerate(offer.entities)
        if (epoch.bare(one.entity_id), str(one.cluster)) in theirs
    )
    if not places:
        raise UsageError(f"{arguments.run}: {org} has no part in {arguments.cluster}")
    about = About(agreed=arguments.about, entities=places, offer=sha256)
    values = _values(arguments.victims, arguments.by, victims_of(arguments.run, members, me))
    return RequesterValues(about, values, {"cluster_id": arguments.cluster, "members": members})


def responder_values(arguments: argparse.Namespace, request: Request, me: str) -> frozenset[str]:
    """The answerer's values: of what its offer counts, or of the whole file.

    Raises:
        UsageError: for a run, an offer or a file that cannot be used.
    """
    about = request.about
    if about.offer is None:
        return _values(arguments.victims, request.by, None)
    if arguments.run is None or arguments.offer is None:
        raise UsageError(
            f"{request.sender} asks about {len(about.entities)} identifiers of your offer "
            f"{about.offer[:12]}: give --offer, and --run that it was made from"
        )
    key = key_store.own_key(arguments.key, make=False).public_key()
    offer, sha256 = _offer(arguments.offer, me, request.sender, {me: [key]})
    if sha256 != about.offer:
        raise UsageError(f"{arguments.offer}: is not the offer {about.offer[:12]} that is asked of")
    if about.entities[-1] >= len(offer.entities):
        raise UsageError(f"{arguments.letter}: asks about identifiers that your offer has not")
    ids = {offer.entities[at].entity_id for at in about.entities}
    return _values(arguments.victims, request.by, _counted(arguments.run, me, offer, ids))


def victims_of(run: tables.Run, members: Collection[str], org: str) -> set[str]:
    """Pseudonyms of the victims of an organisation's own records that name a member."""
    own = pc.field("source_org") == org
    named = pc.field("entity_id").isin(pa.array(sorted(members), pa.string()))
    found = tables.read(run, MENTIONS, ["record_kind", "record_id"], own & named)
    people: set[str] = set()
    for kind, table, key in (("complaint", COMPLAINTS, "complaint_id"), ("call", CALLS, "call_id")):
        ids = found.filter(pc.equal(found["record_kind"], kind))["record_id"].combine_chunks()
        rows = tables.read(run, table, [key, "victim_id"], own & pc.field(key).isin(ids))
        people |= set(rows["victim_id"].to_pylist())
    return people - {None}


def _counted(run: str, me: str, offer: Offer, ids: set[str]) -> set[str]:
    """Pseudonyms of the people whom the offer counts for any of the identifiers `ids`."""
    evidence = evidence_of_run(run)
    offered = pa.array([one.entity_id for one in offer.entities], pa.string())
    held = evidence.filter(
        pc.and_(
            pc.equal(evidence["source_org"], me),
            pc.and_(
                pc.is_in(evidence["role"], pa.array(sorted(HARD))),
                pc.is_in(evidence["entity_id"], offered),
            ),
        )
    )
    return {one.who.partition("|")[2] for one in reports(held) if not ids.isdisjoint(one.named)}


def _members(run: str, cluster_id: str) -> list[str]:
    where = pc.field("cluster_id") == cluster_id
    try:
        found: list[str] = tables.read(run, MEMBERS, ["entity_id"], where)["entity_id"].to_pylist()
    except FileNotFoundError:
        raise UsageError(f"{run}: is no finished run") from None
    if not found:
        raise UsageError(f"{run}: has no cluster {cluster_id[:80]!r}; see its clusters/")
    return sorted(found)


def _offer(
    given: str, sender: str, to: str, trusted: dict[str, list[Ed25519PublicKey]]
) -> tuple[Offer, str]:
    """A signed offer of `sender` to `to`, and its SHA-256; whether it is in force is not asked."""
    path, content, signature = signed_files.read_signed(given, (OFFER,))
    try:
        org, _ = read_offer.signer_of(content, signature, trusted)
        found = read_offer.parse(content, org)
    except OfferError as error:
        raise UsageError(f"{path}: {error}") from None
    if not isinstance(found, Offer) or (found.sender, found.recipient) != (sender, to):
        raise UsageError(f"{path}: is no offer of {sender} to {to}")
    return found, hashlib.sha256(content).hexdigest()


def _values(path: str, by: str, people: set[str] | None) -> frozenset[str]:
    """Values of the file: all, or one of each of `people`."""
    found = signed_files.load(path)
    if people is None:
        values = found.phones if by == "phone" else found.emails
    else:
        try:
            values = found.of(people, by)
        except VictimsFileError as error:
            raise UsageError(f"{path}: {error}") from None
        sys.stderr.write(
            f"ringtrace: {path}: of {len(people)} victims, {len(values)} {by} values are compared\n"
        )
    if not values:
        raise UsageError(f"{path}: holds no {by} that can be read, of those who are asked about")
    if found.unread:
        sys.stderr.write(f"ringtrace: {path}: {found.unread} cells could not be read, left out\n")
    return values


REST = timedelta(days=7)
"""Least time between two answers to one organisation: each tells it something of one's victims."""


REQUEST, ANSWER, RESULT = "request.json", "answer.json", "result.json"


_NOT_OPEN = "answers no request of yours that is open; each is counted once"


_NOT_ANSWERED = "counts no answer of yours"


def write_request(arguments: argparse.Namespace, me: str, now: datetime) -> int:
    """Write the first letter."""
    if not victim_overlap.ABOUT.fullmatch(arguments.about):
        raise UsageError(f"--about: {arguments.about[:64]!r} is no slug")
    asked = requester_values(arguments, me)
    session, secret = secrets.token_bytes(32), victim_overlap.new_secret()
    points = victim_overlap.ask(secret, session, asked.values)
    folder = signed_files.new_folder(arguments.output)
    request = Request(
        about=asked.about,
        by=arguments.by,
        floor=arguments.floor,
        issued_at=_time(now),
        points=victim_overlap.joined(points),
        recipient=key_store.org_slug(arguments.to),
        sender=me,
        session=session.hex(),
        size=len(points),
    )
    content = signing.write(request)
    state = {
        "recipient": request.recipient,
        "request": _digest(content),
        "secret": secret.hex(),
        "subject": asked.subject,
        "told": _told_of(request),
        "size": request.size,
    }
    write_state(request_state_path(request.session), state)
    path = signed_files.write_signed(folder, REQUEST, content, key_store.own_key(arguments.key))
    return _say(
        f"{path}: {len(asked.values)} distinct values, shown as {len(points)}; mail it and its "
        f".sig to {request.recipient}"
    )


def write_answer(arguments: argparse.Namespace, me: str, now: datetime) -> int:
    """Write the second letter."""
    path, content, request = _letter(Request, arguments.letter, REQUEST, me, now)
    try:
        victim_overlap.check_size(request.size, arguments.largest)
        points = victim_overlap.parted(request.points, POINT_BYTES, request.size)
        _check_rest(request.sender, now, again=arguments.again)
        values = responder_values(arguments, request, me)
        session, secret = bytes.fromhex(request.session), victim_overlap.new_secret()
        again, tags = victim_overlap.answer(secret, session, points, values)
    except LetterError as error:
        raise UsageError(f"{path}: {error}") from None
    folder = signed_files.new_folder(arguments.output)
    told = Answer(
        issued_at=_time(now),
        points=victim_overlap.joined(again),
        recipient=request.sender,
        request=_digest(content),
        sender=me,
        session=request.session,
        size=len(tags),
        tags=victim_overlap.joined(tags),
    )
    letter = signing.write(told)
    # The secret is not kept: whoever answers has no more to do with it.
    kept = {"answer": _digest(letter), "at": _time(now), "told": _told_of(request)}
    write_state(answer_state_path(request.sender), kept)
    written = signed_files.write_signed(folder, ANSWER, letter, key_store.own_key(arguments.key))
    return _say(
        f"{written}: {request.sender} asked by {request.by} about {_about(request)}, "
        f"{request.size} elements; you show {len(values)} as {len(tags)}; mail it and its .sig"
    )


def write_result(arguments: argparse.Namespace, me: str, now: datetime) -> int:
    """Write the third letter."""
    path, content, found = _letter(Answer, arguments.letter, ANSWER, me, now)
    state = read_state(request_state_path(found.session), path, _NOT_OPEN)
    if (found.request, found.sender) != (state["request"], state["recipient"]):
        raise UsageError(f"{path}: answers another request than yours to {state['recipient']}")
    try:
        victim_overlap.check_size(found.size, arguments.largest)
        points = victim_overlap.parted(found.points, POINT_BYTES, state["size"])
        tags = victim_overlap.parted(found.tags, TAG_BYTES, found.size)
        session, secret = bytes.fromhex(found.session), bytes.fromhex(state["secret"])
        shared = victim_overlap.count(secret, session, points, tags)
    except LetterError as error:
        raise UsageError(f"{path}: {error}") from None
    told = signing.into(
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
    letter = signing.write(told)
    folder = signed_files.new_folder(arguments.output)
    written = signed_files.write_signed(folder, RESULT, letter, key_store.own_key(arguments.key))
    kept = state["subject"] | {"result": _digest(letter)}
    write_state(result_state_path(found.session), kept)
    request_state_path(found.session).unlink()
    return _say(f"{told_shared(told)}\n{written}: mail it and its .sig")


def show_result(arguments: argparse.Namespace, me: str, now: datetime) -> int:
    """Say what the third letter says."""
    path, _, result = _letter(Result, arguments.letter, RESULT, me, now)
    kept = read_state(answer_state_path(result.sender), path, _NOT_ANSWERED)
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
    path, content, signature = signed_files.read_signed(given, (name,))
    try:
        org, _ = read_offer.signer_of(content, signature, key_store.trusted_keys())
        found = victim_overlap.read(kind, content, org)
        victim_overlap.check_for(found, me, now)
    except (OfferError, LetterError) as error:
        raise UsageError(f"{path}: {error}") from None
    return path, content, found


def _check_rest(org: str, now: datetime, *, again: bool) -> None:
    path = answer_state_path(org)
    if again or not path.exists():
        return
    last = read_offer.moment(read_state(path, path, "is gone")["at"])
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


def request_state_path(session: str) -> Path:
    """Where an open request's secret is."""
    return key_store.home() / "overlap" / f"asked-{session}.json"


def result_state_path(session: str) -> Path:
    """Where it is kept what a count was about."""
    return key_store.home() / "overlap" / f"counted-{session}.json"


def answer_state_path(org: str) -> Path:
    """Where the last answer to an organisation is kept."""
    return key_store.home() / "overlap" / f"answered-{org}.json"


def write_state(path: Path, value: dict[str, Any]) -> None:
    """Write it for its owner's eyes alone.

    Raises:
        UsageError: if it cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
            json.dump(value, file, sort_keys=True)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from None


def read_state(path: Path, letter: Path, missing: str) -> Any:
    """What was kept; `missing` says of `letter` what it means where nothing was.

    Raises:
        UsageError: if nothing was, or it cannot be read.
    """
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        raise UsageError(f"{letter}: {missing}") from None
    except (OSError, ValueError):
        raise UsageError(f"{path}: cannot be read; ask anew") from None


MOVES: dict[str, Callable[[argparse.Namespace, str, datetime], int]] = {
    "ask": write_request,
    "answer": write_answer,
    "count": write_result,
    "read": show_result,
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
    low, high = victim_overlap.LEAST_FLOOR, victim_overlap.MOST_FLOOR
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
        victim_overlap.group()
    except NoLibraryError as error:
        raise UsageError(str(error)) from None
    return MOVES[arguments.move](arguments, me, now)
