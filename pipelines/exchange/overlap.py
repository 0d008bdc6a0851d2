"""`ringtrace exchange overlap`: counts how many victims two organisations share, by signed letters.

The letters are request, answer and result. None contains an identifier in clear, and each is
checked against the letter before. An organisation keeps beside its keys:

overlap/asked-SESSION.json     the secret of an open request
overlap/counted-SESSION.json   the cluster that a count is about, for a referral that prints it
overlap/answered-ORG.json      the last answer to an organisation, and the times of earlier answers
"""

from __future__ import annotations

import secrets
import sys
from argparse import Namespace
from collections.abc import Collection
from datetime import datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import structs

from pipelines import key_store
from pipelines.exchange.offer import evidence_of_run
from pipelines.letters import accepted_offers, own_victims, signed_files
from pipelines.letters.shared_counts import RESULT, Counted, recalled, state_path
from pipelines.letters.signed_files import (
    OFFER,
    SignedFile,
    read_letter_file,
    refusing,
    time_of,
    utc_text,
)
from pipelines.options import (
    NEW_FOLDER,
    TIME_NOW,
    UsageError,
    WholeNumber,
    flag,
    say,
    subcommand,
    switch,
    usage_errors,
)
from pipelines.safe_files import locked
from pipelines.user_files import check_basis, custody_policy, free_folder, open_run
from reports import signing, tables
from reports.exchange import (
    MissingOverlapLibraryError,
    answer_points,
    check_letter_addressee,
    count_shared,
    decode_elements,
    encode_elements,
    evidence_reports,
    new_secret,
    request_points,
    ristretto255,
)
from reports.letters import OfferError
from reports.run import Run
from reports.signing import digest_of
from reports.text import quantity
from schemas.entity import without_epoch
from schemas.enums import HARD_ROLES
from schemas.field import TEXT
from schemas.joint import CONTRIBUTORS
from schemas.offer import (
    COMPARED_KINDS,
    LEAST_FLOOR,
    MAX_SET_SIZE,
    MOST_FLOOR,
    POINT_BYTES,
    TAG_BYTES,
    About,
    Answer,
    Feed,
    Letter,
    Offer,
    Request,
    Result,
)
from schemas.records import AwareTime, Record
from schemas.signed_fields import SLUG
from schemas.tables import CALLS, COMPLAINTS, MEMBERS, MENTIONS

COOLDOWN = timedelta(days=7)
"""Least time between two answers to an organisation: each reveals something on the own victims."""

YEAR = timedelta(days=365)

REQUEST, ANSWER = "request.json", "answer.json"

_NOT_OPEN = "answers no request of yours that is open; each is counted once"

_NOT_ANSWERED = "counts no answer of yours"


VICTIMS = flag(
    "victims",
    "FILE",
    "CSV phone,email,country of your victims; and victim_id, to choose those of a cluster",
)

PARTY = (flag("--from", "ORG", "your own slug", dest="me", required=True), TIME_NOW)

OUTPUT = (*PARTY, NEW_FOLDER, flag("--key", "FILE", "private key to sign with (default: your own)"))

LARGEST = flag(
    "--largest",
    "N",
    "refuse more elements than they can have victims: a dictionary is large (default: %(default)s)",
    type=WholeNumber(1, MAX_SET_SIZE),
    default=MAX_SET_SIZE,
)

FLOOR = WholeNumber(LEAST_FLOOR, MOST_FLOOR)


class Comparison(Record):
    """The terms of a comparison, the same in all its letters."""

    about: About
    by: str
    floor: int


class Asked(Record):
    """An open request: its recipient, its SHA-256, its secret and the comparison."""

    recipient: str
    request: str
    secret: str
    subject: Counted
    told: Comparison
    size: int


class PastAnswer(Record, rename={"when": "at"}):
    """The time when a request was answered, and the request's SHA-256."""

    when: AwareTime
    request: str


class Answered(Record, rename={"when": "at"}):
    """The last answer to an organisation: its SHA-256, time and comparison; and all answers."""

    answer: str
    when: AwareTime
    told: Comparison
    before: tuple[PastAnswer, ...]


@subcommand(
    "request",
    "write the first letter: your victims, masked, for the other side to mask too",
    VICTIMS,
    flag("--to", "ORG", "slug of the other organisation", required=True),
    flag("--by", None, "what is compared", choices=COMPARED_KINDS, required=True),
    flag("--run", "RUN", "joint run: compare the victims of one cluster"),
    flag("--cluster", "ID", "that cluster, as the joint run names it"),
    flag("--offer", "OFFER", "their offer, which the joint run took"),
    flag("--about", "NAME", "whose victims, as agreed (default: %(default)s)", default="all"),
    flag(
        "--min-count",
        "N",
        "smaller counts are withheld (default: %(default)s)",
        type=FLOOR,
        default=5,
    ),
    *OUTPUT,
)
def write_request(arguments: Namespace) -> int:
    """Writes the first letter; returns the exit status 0.

    Raises:
        UsageError: for a mistake of the user.
    """
    me, now = _party_and_time(arguments)
    folder = free_folder(arguments.output)
    if not SLUG.fullmatch(arguments.about):
        raise UsageError(
            f"--about: {arguments.about[:64]!r} is not a slug; use a-z, 0-9, '-' and '_'"
        )
    about, values, subject = requester_values(arguments, me)
    session, secret = secrets.token_bytes(32), new_secret()
    points = request_points(secret, session, values)
    key = key_store.own_key(arguments.key)
    request = Request(
        about=about,
        by=arguments.by,
        floor=arguments.min_count,
        issued_at=utc_text(now),
        points=encode_elements(points),
        recipient=key_store.org_slug(arguments.to),
        sender=me,
        session=session.hex(),
        size=len(points),
    )
    content = signing.letter_bytes(request, key)
    state = Asked(
        recipient=request.recipient,
        request=digest_of(content),
        secret=secret.hex(),
        subject=subject,
        told=_comparison(request),
        size=request.size,
    )
    key_store.write_kept(state_path(f"asked-{request.session}"), state)
    path = signed_files.write_signed(folder, REQUEST, content, key)
    return say(
        f"{path}: {len(values)} distinct values, shown as {len(points)}; mail it and its "
        f".sig to {request.recipient}"
    )


@subcommand(
    "respond",
    "write the second letter: their victims masked again, and tags of yours",
    flag("letter", "REQUEST", "folder of their request"),
    VICTIMS,
    flag("--run", "RUN", "your run, if they ask about an offer of it"),
    flag("--offer", "OFFER", "that offer, as you mailed it"),
    switch("--ignore-cooldown", "respond although a week has not passed"),
    flag(
        "--min-count",
        "N",
        "refuse a request that may show a smaller count (default: your policy's, or 3)",
        type=FLOOR,
    ),
    *OUTPUT,
    LARGEST,
)
def write_answer(arguments: Namespace) -> int:
    """Writes the second letter; returns the exit status 0.

    Raises:
        UsageError: for a refused letter, or a mistake of the user.
    """
    folder = free_folder(arguments.output)
    read, me, now = _received(Request, REQUEST, arguments)
    path, request = read.path, read.content
    with locked(state_path(f"answered-{request.sender}")):
        policy = custody_policy()
        floor = arguments.min_count or policy.least_shared_count
        if request.floor < floor:
            raise UsageError(
                f"{path}: may show a count of {request.floor}, and your least is {floor}; ask "
                f"for a request with --min-count {floor}"
            )
        with refusing(path):
            _check_size(request.size, arguments.largest)
            points = decode_elements(request.points, POINT_BYTES, request.size)
            before = _answers_before(request.sender)
            most = None if arguments.ignore_cooldown else policy.overlap_answers_per_year
            _check_answers(before, read, now, most)
            values = responder_values(arguments, request, me)
            if len(values) < request.floor:
                # So small a count must not be shown, but the requester may run another program.
                values = frozenset()
            session, secret = bytes.fromhex(request.session), new_secret()
            masked_again, tags = answer_points(secret, session, points, values)
        key = key_store.own_key(arguments.key)
        answer = Answer(
            issued_at=utc_text(now),
            points=encode_elements(masked_again),
            recipient=request.sender,
            request=read.sha256,
            sender=me,
            session=request.session,
            size=len(tags),
            tags=encode_elements(tags),
        )
        letter = signing.letter_bytes(answer, key)
        # The secret is not kept: the responder does not need it again.
        last = PastAnswer(now, read.sha256)
        kept = Answered(digest_of(letter), now, _comparison(request), (*before, last))
        # Recorded first: an answer without a record could be requested again.
        key_store.write_kept(state_path(f"answered-{request.sender}"), kept)
        written = signed_files.write_signed(folder, ANSWER, letter, key)
        shown = len(values) or f"none of yours, which are fewer than {request.floor},"
        return say(
            f"{written}: {request.sender} asked by {request.by} about {_about(request)}, "
            f"{request.size} elements; you show {shown} as {len(tags)}; mail it and its .sig"
        )


@subcommand(
    "compute",
    "write the third letter: the count, for you and for them",
    flag("letter", "ANSWER", "folder of their answer"),
    *OUTPUT,
    LARGEST,
)
def write_result(arguments: Namespace) -> int:
    """Writes the third letter; returns the exit status 0.

    Raises:
        UsageError: for a refused letter, or a mistake of the user.
    """
    folder = free_folder(arguments.output)
    read, me, now = _received(Answer, ANSWER, arguments)
    path, answer = read.path, read.content
    asked = f"asked-{answer.session}"
    state = recalled(asked, Asked, path, _NOT_OPEN)
    if (answer.request, answer.sender) != (state.request, state.recipient):
        raise UsageError(f"{path}: answers another request than yours to {state.recipient}")
    with refusing(path):
        _check_size(answer.size, arguments.largest)
        points = decode_elements(answer.points, POINT_BYTES, state.size)
        tags = decode_elements(answer.tags, TAG_BYTES, answer.size)
        session, secret = bytes.fromhex(answer.session), bytes.fromhex(state.secret)
        shared = count_shared(secret, session, points, tags)
    told = state.told
    result = Result(
        **structs.asdict(told),
        answer=read.sha256,
        issued_at=utc_text(now),
        recipient=answer.sender,
        sender=me,
        session=answer.session,
        shared=shared if shared >= told.floor else None,
    )
    key = key_store.own_key(arguments.key)
    letter = signing.letter_bytes(result, key)
    written = signed_files.write_signed(folder, RESULT, letter, key)
    kept = structs.replace(state.subject, result=digest_of(letter))
    key_store.write_kept(state_path(f"counted-{answer.session}"), kept)
    state_path(asked).unlink()
    return say(f"{shared_count_text(result)}\n{written}: mail it and its .sig")


@subcommand(
    "show",
    "print what the third letter says",
    flag("letter", "RESULT", "folder of their result"),
    *PARTY,
)
def show_result(arguments: Namespace) -> int:
    """Prints the count of the third letter; returns the exit status 0.

    Raises:
        UsageError: for a refused letter.
    """
    read, _, _ = _received(Result, RESULT, arguments)
    path, result = read.path, read.content
    kept = recalled(f"answered-{result.sender}", Answered, path, _NOT_ANSWERED)
    if result.answer != kept.answer:
        raise UsageError(f"{path}: counts another answer than your last to {result.sender}")
    if _comparison(result) != kept.told:
        raise UsageError(f"{path}: is about something else than {result.sender} asked for")
    return say(f"{result.sender} says: {shared_count_text(result)}")


def requester_values(arguments: Namespace, me: str) -> tuple[About, frozenset[str], Counted]:
    """Returns the subject of a request, its sender's values, and the cluster to remember.

    Raises:
        UsageError: for flags, a run, an offer or a file that cannot be used.
    """
    choices = [arguments.run, arguments.cluster, arguments.offer]
    if not any(choices):
        values = _values(arguments.victims, arguments.by, None)
        return About(agreed=arguments.about, entities=(), offer=None), values, Counted()
    if not all(choices):
        raise UsageError("--run, --cluster, --offer: give all three, or none to compare all")
    joined = open_run(arguments.run, built_on=True)
    check_basis(joined)
    accepted_offers.check_offers(joined, time_of(arguments))
    org = key_store.org_slug(arguments.to)
    offer = _offer(arguments.offer, org, me, key_store.trusted_keys())
    members = _members(arguments.run, arguments.cluster)
    if offer.sha256 not in {taken["sha256"] for taken in joined.offers}:
        raise UsageError(
            f"{arguments.run}: was not joined with {arguments.offer}; give the run that was"
        )
    here = pc.field("cluster_id") == arguments.cluster
    seen = tables.read_table(
        arguments.run, CONTRIBUTORS, where=here & (pc.field("contributor") == org)
    )
    theirs = {(without_epoch(row["entity_id"]), row["part"]) for row in seen.to_pylist()}
    places = tuple(
        place
        for place, entity in enumerate(offer.content.entities)
        if (without_epoch(entity.entity_id), str(entity.cluster)) in theirs
    )
    if not places:
        raise UsageError(f"{arguments.run}: {org} has no part in {arguments.cluster}")
    about = About(agreed=arguments.about, entities=places, offer=offer.sha256)
    values = _values(
        arguments.victims, arguments.by, victims_of_members(arguments.run, members, me)
    )
    return about, values, Counted(arguments.cluster, tuple(members))


def responder_values(arguments: Namespace, request: Request, me: str) -> frozenset[str]:
    """Returns the responder's values: of the victims that its offer counts, or of the whole file.

    Raises:
        UsageError: for a run, an offer or a file that cannot be used.
    """
    about = request.about
    if about.offer is None:
        if arguments.run is not None or arguments.offer is not None:
            raise UsageError(
                f"{arguments.letter}: asks about all victims; leave --run and --offer out"
            )
        return _values(arguments.victims, request.by, None)
    if arguments.run is None or arguments.offer is None:
        raise UsageError(
            f"{request.sender} asks about {quantity(len(about.entities), 'identifier')} of your "
            f"offer {about.offer[:12]}: give --offer, and --run that it was made from"
        )
    run = open_run(arguments.run, built_on=True)
    keys = [key_store.own_key(arguments.key, make=False).public_key(), *key_store.own_public_keys()]
    read = _offer(arguments.offer, me, request.sender, {me: keys})
    offer: Offer = read.content
    if read.sha256 != about.offer:
        raise UsageError(f"{arguments.offer}: is not the offer {about.offer[:12]} that is asked of")
    if about.entities[-1] >= len(offer.entities):
        raise UsageError(
            f"{arguments.letter}: asks about identifiers that are not in your offer; give the "
            "offer that you sent"
        )
    ids = {offer.entities[place].entity_id for place in about.entities}
    return _values(arguments.victims, request.by, _offered_victims(run, me, offer, ids))


def victims_of_members(run: tables.RunFolder, members: Collection[str], org: str) -> set[str]:
    """Returns the victims' pseudonyms in an organisation's records that name a member."""
    own = pc.field("source_org") == org
    named = pc.field("entity_id").isin(pa.array(sorted(members), TEXT))
    mentions = tables.read_table(run, MENTIONS, ["record_kind", "record_id"], own & named)
    people: set[str] = set()
    for kind, table, key in (("complaint", COMPLAINTS, "complaint_id"), ("call", CALLS, "call_id")):
        ids = mentions.filter(pc.equal(mentions["record_kind"], kind))["record_id"].combine_chunks()
        rows = tables.read_table(run, table, [key, "victim_id"], own & pc.field(key).isin(ids))
        people |= set(rows["victim_id"].to_pylist())
    return people - {None}


def shared_count_text(result: Result) -> str:
    """Returns the shared count in words."""
    count = f"fewer than {result.floor}" if result.shared is None else result.shared
    return f"shared victims: {count}"


def _party_and_time(arguments: Namespace) -> tuple[str, datetime]:
    """Returns the user's organisation and the time of the letter.

    Raises:
        UsageError: for a text that is no slug, or without the library for the masks.
    """
    me = key_store.org_slug(arguments.me)
    with usage_errors(MissingOverlapLibraryError):
        ristretto255()
    return me, time_of(arguments)


def _received(
    kind: type[Letter], name: str, arguments: Namespace
) -> tuple[SignedFile, str, datetime]:
    """Reads a signed letter to the user; returns it, with the user's organisation and the time."""
    me, now = _party_and_time(arguments)
    read = read_letter_file(arguments.letter, (name,), (kind,))
    with refusing(read.path):
        check_letter_addressee(read.content, me, now)
    signed_files.check_key(read.path, read.org, read.key_id, read.content.issued_at, now)
    return read, me, now


def _check_size(size: int, largest: int) -> None:
    if size > largest:
        raise OfferError(f"is of {size} elements; more than {largest} are not compared here")


def _answers_before(org: str) -> tuple[PastAnswer, ...]:
    """Returns the answers to an organisation: their times, and the SHA-256 of each request."""
    remedy = "put a copy of it in its place"
    kept = key_store.read_kept(state_path(f"answered-{org}"), Answered, remedy)
    return kept.before if kept else ()


def _check_answers(
    before: tuple[PastAnswer, ...], request: SignedFile, now: datetime, most: int | None
) -> None:
    """Raises an error for a request too soon, a repeated one, and more than `most` in a year."""
    times = [answer.when for answer in before]
    if most is None or not times:
        return
    org, last = request.org, max(times)
    if now < last + COOLDOWN:
        raise UsageError(
            f"{org} was answered at {utc_text(last)}; every answer tells it something of your "
            f"victims, so wait until {utc_text(last + COOLDOWN)}, or give --ignore-cooldown"
        )
    if request.sha256 in {answer.request for answer in before}:
        raise UsageError(f"{request.path}: was answered already; ask for a new request")
    recent = [time for time in times if time > now - YEAR]
    if len(recent) >= most:
        raise UsageError(
            f"{org} was answered {len(recent)} times in a year, and your policy allows {most}; "
            f"wait until {utc_text(min(recent) + YEAR)}, or give --ignore-cooldown"
        )


def _comparison(letter: Request | Result) -> Comparison:
    return Comparison(letter.about, letter.by, letter.floor)


def _about(request: Request) -> str:
    about = request.about
    if about.offer is None:
        return about.agreed
    return f"{quantity(len(about.entities), 'identifier')} of your offer {about.offer[:12]}"


def _members(run: str, cluster_id: str) -> list[str]:
    where = pc.field("cluster_id") == cluster_id
    members = tables.read_table(run, MEMBERS, ["entity_id"], where)["entity_id"].to_pylist()
    if not members:
        raise UsageError(f"{run}: has no cluster {cluster_id[:80]!r}; see its clusters/")
    return sorted(members)


def _offer(
    path_or_folder: str, sender: str, to: str, trusted: dict[str, list[Ed25519PublicKey]]
) -> SignedFile:
    """Reads a signed offer of `sender` to `to`, also if it is void."""
    read = read_letter_file(path_or_folder, (OFFER,), (Offer, Feed), trusted)
    if (read.content.sender, read.content.recipient) != (sender, to):
        raise UsageError(f"{read.path}: is not an offer of {sender} to {to}; give one")
    return read


def _offered_victims(run: Run, me: str, offer: Offer, ids: set[str]) -> set[str]:
    """Returns the pseudonyms of the people that the offer counts for identifiers in `ids`."""
    evidence = evidence_of_run(run)
    offered = pa.array([entity.entity_id for entity in offer.entities], TEXT)
    own = (pc.field("source_org") == me) & pc.field("role").isin(sorted(HARD_ROLES))
    held = evidence.filter(own & pc.field("entity_id").isin(offered))
    return {
        report.who.partition("|")[2]
        for report in evidence_reports(held)
        if not ids.isdisjoint(report.named)
    }


def _values(path: str, by: str, people: set[str] | None) -> frozenset[str]:
    """Reads the file's values: all, or the values of `people`."""
    victims = own_victims.load_victims(path)
    if people is None:
        values = victims.distinct(by)
    else:
        with refusing(path):
            values = victims.of(people, by)
        sys.stderr.write(
            f"ringtrace: {path}: of {len(people)} victims, {len(values)} {by} values are compared\n"
        )
    if not values:
        raise UsageError(
            f"{path}: contains no readable {by} of the victims asked about; add their rows"
        )
    if victims.unread:
        sys.stderr.write(f"ringtrace: {path}: {victims.unread} cells could not be read, left out\n")
    return values
