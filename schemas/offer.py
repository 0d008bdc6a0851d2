"""The signed files that organisations send each other: offers, letters about them, lists of keys.

Each is canonical JSON with a detached signature, and names who sent it, when, and by which key
(`key_id`, its fingerprint; files of version 0.1 name none).

With an offer an organisation shows another only scammers: their identifiers, counts and weeks. It
has no field for a victim's id, number or words, nor for a record's id. It has no digest of them
either, since all numbers can be tried until a digest fits. Clusters are numbered within the offer,
because a run's cluster id comes from an identifier that the offer may lack.

With the three letters of an overlap two organisations count the victims they share, and learn no
more. Points and tags are base64 of all values in sorted order, joined. Their number is filled up to
a power of two with random values, so that each side learns the other's size only within a factor of
two.

A hub is an exchange of many organisations. Its charter, lists of members and heads are signed files
too. The lines of its log are canonical JSON, and its members' letters are sealed
(docs/exchange.md). A feed is an offer that a member makes from the log for itself, with the
contributor of each row.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, ClassVar

from msgspec import UNSET, Meta, UnsetType

from schemas.enums import COUNTRIES, CURRENCIES, RecordKind, Tier
from schemas.records import Check, Record, between, one_of
from schemas.signed_fields import (
    RISING,
    Day,
    Digest,
    HardRole,
    Id,
    IdOrNone,
    Ids,
    KeyBytes,
    Moment,
    Places,
    Reporters,
    Slug,
    SlugOrNone,
    Week,
    Whole,
    matching,
)

MAX_ENTITY_ID_LENGTH = 400
"""Characters of the longest entity id that is offered or taken."""

POINT_BYTES = 32
"""An element of ristretto255 (RFC 9496)."""

TAG_BYTES = 16
"""A tag: two of 4 million differ, but for a chance of 2 to the power of -84."""

MIN_SET_SIZE = 1_024
"""Least size of either side: below, a request could be a question about one person."""

MAX_SET_SIZE = 2**22

SetSize = Annotated[
    int,
    Check(
        frozenset(1 << bits for bits in range(10, 23)).__contains__,
        f"is not a power of two from {MIN_SET_SIZE} to {MAX_SET_SIZE}",
    ),
]

COMPARED_KINDS = ("phone", "email")

Compared = Annotated[str, one_of(COMPARED_KINDS)]

LEAST_FLOOR, MOST_FLOOR = 3, 1_000
"""Bounds of the count below which the victims that two share are not counted for them."""

Floor = Annotated[int, between(LEAST_FLOOR, MOST_FLOOR)]

BASES = ("analyst", "analyst_signed")

MAX_LINES = 2_000_000
"""Lines of a whole log."""

MAX_REASON = 200
"""Characters of the reason for which a token is opened."""

Reason = Annotated[str, Check(lambda text: text.isprintable() and 0 < len(text) <= MAX_REASON)]


class Tlp(StrEnum):
    """Traffic Light Protocol 2.0 labels (FIRST, August 2022): how far an offer may travel."""

    RED = "TLP:RED"
    AMBER_STRICT = "TLP:AMBER+STRICT"
    AMBER = "TLP:AMBER"
    GREEN = "TLP:GREEN"
    CLEAR = "TLP:CLEAR"


Label = Annotated[str, one_of(Tlp)]


class SignedLetter(Record, kw_only=True, tag_field="format"):
    """Fields of every signed file: the version of its format, and the fingerprint of its key."""

    VERSION: ClassVar[int] = 1
    version: Whole = VERSION
    key_id: Digest | UnsetType = UNSET


class Terms(Record):
    """The policy under which an offer was made, as far as its reader must know it.

    Shares are in hundredths, since canonical JSON holds whole numbers alone.
    """

    confidence_floor: Annotated[int, between(0, 100)]
    k: Annotated[int, between(1)]
    least_reports: Whole
    loss_unit: Whole


class OfferedEntity(Record):
    """An offender's identifier: its role, its cluster, and the confidence that it belongs there."""

    entity_id: str
    role: HardRole
    confidence: Whole
    cluster: Whole


class OfferedEvidence(Record):
    """The number of people who reported exactly these identifiers together in one week.

    `entities` are places in the offer's list of them, rising. `kind` is complaint (with the calls
    that belong to it) or call. `week` is an ISO 8601 week such as 2026-W09. A person counts once
    for each of the sender's clusters, by all that their reports name there in one week.
    """

    entities: Places
    kind: Annotated[str, one_of(RecordKind)]
    reports: Annotated[int, between(1)]
    week: Week


class CountryCount(Record):
    """Victims of one country (ISO 3166-1 alpha-2), at least k."""

    country: Annotated[str, one_of(COUNTRIES)]
    victims: Whole


class OfferedLoss(Record):
    """The loss that at least k victims of a cluster report, in whole units, rounded."""

    amount: Whole
    currency: Annotated[str, one_of(CURRENCIES)]


class OfferedCluster(Record):
    """One of the sender's clusters. `elsewhere` are the victims of all other countries.

    Both are absent where no table can be shown without showing a small cell.
    """

    countries: tuple[CountryCount, ...]
    elsewhere: Whole | None
    losses: tuple[OfferedLoss, ...]
    number: Whole


class Offer(SignedLetter, tag="ringtrace-offer"):
    """A complete offer; the sender's next offer replaces it.

    `called` are the places, ascending, of numbers that a victim called by a call record of the
    sender. Numbers with a single reporter are left out. Without any number, as in files of version
    0.1, `called` is absent.
    """

    sender: Slug
    recipient: Slug
    issued_at: Moment
    expires_at: Moment
    tlp: Label
    terms: Terms
    entities: tuple[OfferedEntity, ...]
    evidence: tuple[OfferedEvidence, ...]
    clusters: tuple[OfferedCluster, ...]
    called: Places | UnsetType = UNSET


class FeedEvidence(OfferedEvidence):
    """A row of a feed, of one contributor, by its place in the list of them."""

    contributor: Whole


class FeedContributor(Record):
    """A contributor to a feed: the oldest of its tokens, and places of what it names, rising."""

    entities: Places
    token: Id


class Feed(Offer, kw_only=True, tag="ringtrace-feed"):
    """The entries in force of a hub, as an offer that a member makes for itself.

    No two contributors that have evidence of the same two identifiers can be one. `members` are
    all organisations of the hub's list but the recipient: each can be a contributor.
    """

    contributors: tuple[FeedContributor, ...]
    evidence: tuple[FeedEvidence, ...]
    members: Annotated[tuple[Slug, ...], RISING]


class Consent(SignedLetter, tag="ringtrace-consent"):
    """A sender's consent that the recipient names identifiers to one authority, in a referral.

    It covers `members` alone, which `digest` binds, until it expires.
    """

    sender: Slug
    recipient: Slug
    authority: str
    issued_at: Moment
    expires_at: Moment
    members: tuple[str, ...]
    digest: str


class Revocation(SignedLetter, tag="ringtrace-revocation"):
    """The sender takes offers or consents back, named by the SHA-256 of their bytes."""

    sender: Slug
    recipient: Slug
    issued_at: Moment
    offers: tuple[Digest, ...]


class StruckIdentifier(Record):
    """An identifier that must no longer be used, and the files of a package that name it.

    Why is not said: that it is a victim's own would be one more thing that leaves about them.
    """

    entity_id: str
    files: tuple[str, ...]


class CorrectedIssue(Record):
    """An offer, or a package by the SHA-256 of its seal, and what is to be struck from it.

    An offer is revoked as a whole: the revocation beside the correction says so to `join`.
    """

    kind: Annotated[str, one_of(("offer", "package"))]
    issue_id: str
    sha256: Digest
    reference: str
    issued_at: Moment
    strike: tuple[StruckIdentifier, ...]


class Correction(SignedLetter, tag="ringtrace-correction"):
    """The sender corrects what it issued: what was true for its recipient is so no longer."""

    sender: Slug
    recipient: Slug
    issued_at: Moment
    issues: tuple[CorrectedIssue, ...]


class ListedKey(Record):
    """A key of the sender's: its 32 bytes in base64, and from when until when it may sign.

    A key that is `revoked_since` a moment may be in other hands from then on.
    """

    key_id: Digest
    not_after: Moment | None
    not_before: Moment | None
    public_key: KeyBytes
    revoked_since: Moment | None


class KeyList(SignedLetter, tag="ringtrace-keys"):
    """The sender's keys, as one of them says: announces a new one, ends or revokes an old one."""

    sender: Slug
    issued_at: Moment
    keys: tuple[ListedKey, ...]


class About(Record):
    """The victims that are compared, in words that both sides can check.

    With `offer`, the SHA-256 of an offer of the answerer's, `entities` are places in its list of
    identifiers: the answerer's set are its victims that the offer counts for any of them, and the
    asker's are its own of the joint cluster that holds them. Without, both sets are whatever was
    agreed under the name `agreed`.
    """

    agreed: Slug
    entities: Places
    offer: Digest | None


class Letter(SignedLetter, kw_only=True):
    """Fields of every letter. `session` is 32 random bytes in hex, the requester's."""

    VERSION: ClassVar[int] = 2
    issued_at: Moment
    recipient: Slug
    sender: Slug
    session: Digest
    version: Whole = VERSION


class Request(Letter, kw_only=True, tag="ringtrace-overlap-request"):
    """The first letter: the requester's victims, each masked with the requester's secret."""

    about: About
    by: Compared
    floor: Floor
    points: str
    size: SetSize


class Answer(Letter, kw_only=True, tag="ringtrace-overlap-answer"):
    """The second: those masked again and shuffled, and tags of the responder's own victims.

    `request` is the SHA-256 of the first letter.
    """

    points: str
    request: Digest
    size: SetSize
    tags: str


class Result(Letter, kw_only=True, tag="ringtrace-overlap-result"):
    """The third: how many are on both sides; None if fewer than the agreed minimum.

    `answer` is the SHA-256 of the second letter. What was compared is repeated, so that this
    letter can be read on its own later.
    """

    about: About
    answer: Digest
    by: Compared
    floor: Floor
    shared: Whole | None


class KindLife(Record):
    """The days after which an entry of a kind of identifier is out unless it is renewed."""

    kind: str
    days: Annotated[int, between(1, 366)]


class HubCharter(SignedLetter, tag="ringtrace-hub"):
    """The terms of a hub, by its host: the first file of all, by whose digest the others name it.

    `sealing_key` is the host's X25519 key in base64. A token of a contributor is of one epoch of
    `epoch_days`. A dispute is answered within `answer_days`, or its entry is out. A feed is void
    after `feed_days`. Counts of fewer than `k` people are not shown.
    """

    name: Annotated[str, matching(r"[a-z0-9][a-z0-9-]{0,39}")]
    host: Slug
    issued_at: Moment
    sealing_key: KeyBytes
    epoch_days: Annotated[int, between(1, 366)]
    answer_days: Annotated[int, between(1, 90)]
    feed_days: Annotated[int, between(1, 31)]
    k: Annotated[int, between(3, 1000)]
    tlp: Label
    lives: tuple[KindLife, ...]


class HubMember(Record):
    """A member: its key (32 bytes in base64), and from when until when it takes part.

    `ended` is empty, `left`, or `expelled`: then all that it contributed is out.
    """

    org: Slug
    key_id: Digest
    public_key: KeyBytes
    since: Moment
    until: Moment | None
    ended: Annotated[str, one_of(("", "left", "expelled"))]


class HubMembers(SignedLetter, tag="ringtrace-hub-members"):
    """The whole list of members, with the SHA-256 of the list before (of the charter at first).

    `key_id` is of who wrote it; those who agree sign it as well.
    """

    hub: Digest
    number: Annotated[int, between(1, 99_999)]
    previous: Digest
    issued_at: Moment
    members: tuple[HubMember, ...]


class HubEntry(Record):
    """An identifier of a confirmed actor; `entry` is its id, 16 random bytes in hex.

    `reporters` is a lower bound: 2, or a multiple of k. `first` and `last` are ISO 8601 weeks.
    `confidence` is in tenths of a hundred. `basis` says who confirmed it: `analyst`, or
    `analyst_signed` where a key signed the decision.
    """

    entry: Id
    entity_id: str
    role: HardRole
    tier: Annotated[str, one_of((Tier.CORE,))]
    confidence: Annotated[int, Meta(ge=0, le=100, multiple_of=10)]
    reporters: Reporters
    first: Week
    last: Week
    basis: Annotated[str, one_of(BASES)]


class HubTie(Record):
    """The least number of people who named these entries together, last in that week.

    A person is counted in one tie of an actor.
    """

    entries: Ids
    reporters: Reporters
    week: Week


class HubActor(Record):
    """A confirmed cluster, with new entries, and the actors of the same contributor it replaces."""

    actor: Id
    entries: tuple[HubEntry, ...]
    ties: tuple[HubTie, ...]
    replaces: Ids


class HubDispute(Record):
    """A dispute of an entry, which it freezes.

    `appeal` is the reference of somebody outside who appeals, empty where a member disputes.
    """

    dispute: Id
    entry: Id
    appeal: SlugOrNone


class HubLetter(SignedLetter, tag="ringtrace-hub-letter"):
    """A member's letter to the host, which comes sealed: whatever it says looks the same.

    It has new actors, the ids of own entries that are renewed or withdrawn, disputes of entries of
    others, and the ids of disputes that are answered: the own entry stands.
    """

    hub: Digest
    sender: Slug
    issued_at: Moment
    actors: tuple[HubActor, ...]
    renewals: Ids
    withdrawals: Ids
    disputes: tuple[HubDispute, ...]
    answers: Ids


class LoggedLine(Record, tag_field="what"):
    """A line of the log of a hub."""


class LoggedEntry(LoggedLine, tag="entry"):
    """A line of the log: an entry of a contributor, who has a token for its name.

    Once it is out, the digest of its leaf alone is kept; 16 random bytes of `salt` keep anybody
    from trying identifiers until it fits.
    """

    actor: Id
    day: str
    entry: HubEntry
    salt: Id
    token: Id


class LoggedActor(LoggedLine, tag="actor"):
    """A line of the log: the ties between the entries of an actor."""

    actor: Id
    day: str
    replaces: tuple[Id, ...]
    ties: tuple[HubTie, ...]
    token: Id


class LoggedRenewal(LoggedLine, tag="renewal"):
    """A line of the log: entries that live on, of one actor."""

    day: str
    entries: Ids


class LoggedEnd(LoggedLine, tag="end"):
    """A line of the log: an entry is out, and its line, the leaf of that number, is erased."""

    day: str
    entry: Id
    leaf: Whole


class LoggedDispute(LoggedLine, tag="dispute"):
    """A line of the log: an entry is frozen until it is answered, and out after `answer_by`."""

    answer_by: Day
    appeal: SlugOrNone
    day: str
    dispute: Id
    entry: Id
    token: IdOrNone


class LoggedAnswer(LoggedLine, tag="answer"):
    """A line of the log: the contributor of a disputed entry stands by it."""

    day: str
    dispute: Id


class LoggedOpening(LoggedLine, tag="opening"):
    """A line of the log: the host looked up whose a token is."""

    day: str
    reason: Reason
    token: Id


class ErasedLine(Record):
    """The rest of an erased line of the log: the digest of its leaf."""

    erased: Digest


class HubHead(SignedLetter, tag="ringtrace-hub-head"):
    """The state of a hub after one day: the Merkle root of its log and the list of members.

    `previous` is the SHA-256 of the head before, or of the charter.
    """

    hub: Digest
    day: Day
    size: Annotated[int, between(0, MAX_LINES)]
    root: Digest
    members: Digest
    previous: Digest
