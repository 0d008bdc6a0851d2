"""The signed files that organisations send each other: offers, letters about them, lists of keys.

Each is canonical JSON with a detached signature, and names who sent it, when, and by which key
(`key_id`, its fingerprint; files of version 0.1 name none).

An offer is what one organisation shows another of the scammers it saw, and of nobody else: counts,
weeks and the offenders' own identifiers. It has no field for a victim's id, number or words, nor
for a record's id, and no digest of one: all numbers can be tried until a digest fits. A cluster is
a number within the offer, since the id of a run's cluster is made from an identifier that need not
be in the offer.

By the three letters of an overlap two organisations count the victims they share, and nothing more.
Points and tags are base64 of all of them, one after the other, in sorted order; sizes are powers of
two, filled up with random ones, so that nobody learns how many victims the other has to within a
factor of two.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

FORMAT = "ringtrace-offer"

REVOCATION = "ringtrace-revocation"

CORRECTION = "ringtrace-correction"

KEY_LIST = "ringtrace-keys"

REQUEST = "ringtrace-overlap-request"

ANSWER = "ringtrace-overlap-answer"

RESULT = "ringtrace-overlap-result"
CONSENT = "ringtrace-consent"

VERSION = 1

OVERLAP_VERSION = 2

MAX_INTEGER = 2**53 - 1
"""The largest number that every JSON reader holds exactly (RFC 7493 section 2.2)."""

MAX_ENTITY_ID_LENGTH = 400
"""Characters of the longest entity id that is offered or taken."""

POINT_BYTES = 32
"""An element of ristretto255 (RFC 9496)."""

TAG_BYTES = 16
"""A tag: two of 4 million differ, but for a chance of 2 to the power of -84."""

MIN_SET_SIZE = 1_024
"""Least size of either side: below, a request could be a question about one person."""

MAX_SET_SIZE = 2**22

COMPARED_KINDS = ("phone", "email")


class Tlp(StrEnum):
    """Traffic Light Protocol 2.0 labels (FIRST, August 2022): how far an offer may travel."""

    RED = "TLP:RED"
    AMBER_STRICT = "TLP:AMBER+STRICT"
    AMBER = "TLP:AMBER"
    GREEN = "TLP:GREEN"
    CLEAR = "TLP:CLEAR"


@dataclass(frozen=True)
class Terms:
    """The policy under which an offer was made, as far as its reader must know it.

    Shares are in hundredths, since canonical JSON holds whole numbers alone.
    """

    confidence_floor: int
    k: int
    least_reports: int
    loss_unit: int


@dataclass(frozen=True)
class OfferedEntity:
    """An offender's identifier: its role, its cluster, and the confidence that it belongs there."""

    entity_id: str
    role: str
    confidence: int
    cluster: int


@dataclass(frozen=True)
class OfferedEvidence:
    """The number of people who reported exactly these identifiers together in one week.

    `entities` are places in the offer's list of them, rising. `kind` is complaint (with the calls
    that belong to it) or call. `week` is an ISO 8601 week such as 2026-W09. A person counts once
    for each of the sender's clusters, by the report that names most.
    """

    entities: tuple[int, ...]
    kind: str
    reports: int
    week: str


@dataclass(frozen=True)
class CountryCount:
    """Victims of one country (ISO 3166-1 alpha-2), at least k."""

    country: str
    victims: int


@dataclass(frozen=True)
class OfferedLoss:
    """The loss that at least k victims of a cluster report, in whole units, rounded."""

    amount: int
    currency: str


@dataclass(frozen=True)
class OfferedCluster:
    """One of the sender's clusters. `elsewhere` are the victims of all other countries.

    Both are absent where no table can be shown without showing a small cell.
    """

    countries: tuple[CountryCount, ...]
    elsewhere: int | None
    losses: tuple[OfferedLoss, ...]
    number: int


@dataclass(frozen=True)
class Offer:
    """One complete offer: a later one from the same sender replaces it."""

    sender: str
    recipient: str
    issued_at: str
    expires_at: str
    tlp: str
    terms: Terms
    entities: tuple[OfferedEntity, ...]
    evidence: tuple[OfferedEvidence, ...]
    clusters: tuple[OfferedCluster, ...]
    format: str = FORMAT
    version: int = VERSION
    key_id: str | None = None


@dataclass(frozen=True)
class Consent:
    """A sender's consent that the recipient names identifiers to one authority, in a referral.

    It covers `members` alone, which `digest` binds, until it expires.
    """

    sender: str
    recipient: str
    authority: str
    issued_at: str
    expires_at: str
    members: tuple[str, ...]
    digest: str
    format: str = CONSENT
    version: int = VERSION
    key_id: str | None = None


@dataclass(frozen=True)
class Revocation:
    """The sender takes offers back, named by the SHA-256 of their bytes."""

    sender: str
    recipient: str
    issued_at: str
    offers: tuple[str, ...]
    format: str = REVOCATION
    version: int = VERSION
    key_id: str | None = None


@dataclass(frozen=True)
class StruckIdentifier:
    """An identifier that must no longer be used, and the files of a package that name it.

    Why is not said: that it is a victim's own would be one more thing that leaves about them.
    """

    entity_id: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class CorrectedIssue:
    """An offer, or a package by the SHA-256 of its seal, and what is to be struck from it.

    An offer is revoked as a whole: the revocation beside the correction says so to `join`.
    """

    kind: str
    issue_id: str
    sha256: str
    reference: str
    issued_at: str
    strike: tuple[StruckIdentifier, ...]


@dataclass(frozen=True)
class Correction:
    """The sender corrects what it issued: what was true for its recipient is so no longer."""

    sender: str
    recipient: str
    issued_at: str
    issues: tuple[CorrectedIssue, ...]
    format: str = CORRECTION
    version: int = VERSION
    key_id: str | None = None


@dataclass(frozen=True)
class ListedKey:
    """A key of the sender's: its 32 bytes in base64, and from when until when it may sign.

    A key that is `revoked_since` a moment may be in other hands from then on.
    """

    key_id: str
    not_after: str | None
    not_before: str | None
    public_key: str
    revoked_since: str | None


@dataclass(frozen=True)
class KeyList:
    """The sender's keys, as one of them says: announces a new one, ends or revokes an old one."""

    sender: str
    issued_at: str
    keys: tuple[ListedKey, ...]
    format: str = KEY_LIST
    version: int = VERSION
    key_id: str | None = None


@dataclass(frozen=True)
class About:
    """The victims that are compared, in words that both sides can check.

    With `offer`, the SHA-256 of an offer of the answerer's, `entities` are places in its list of
    identifiers: the answerer's set are its victims that the offer counts for any of them, and the
    asker's are its own of the joint cluster that holds them. Without, both sets are whatever was
    agreed under the name `agreed`.
    """

    agreed: str
    entities: tuple[int, ...]
    offer: str | None


@dataclass(frozen=True, kw_only=True)
class Letter:
    """Fields of every letter. `session` is 32 random bytes in hex, the requester's."""

    issued_at: str
    recipient: str
    sender: str
    session: str
    version: int = OVERLAP_VERSION
    key_id: str | None = None


@dataclass(frozen=True, kw_only=True)
class Request(Letter):
    """The first letter: the requester's victims, each masked with the requester's secret."""

    about: About
    by: str
    floor: int
    points: str
    size: int
    format: str = REQUEST


@dataclass(frozen=True, kw_only=True)
class Answer(Letter):
    """The second: those masked again and shuffled, and tags of the responder's own victims.

    `request` is the SHA-256 of the first letter.
    """

    points: str
    request: str
    size: int
    tags: str
    format: str = ANSWER


@dataclass(frozen=True, kw_only=True)
class Result(Letter):
    """The third: how many are on both sides; None if fewer than the agreed minimum.

    `answer` is the SHA-256 of the second letter. What was compared is repeated, so that this
    letter can be read on its own later.
    """

    about: About
    answer: str
    by: str
    floor: int
    shared: int | None
    format: str = RESULT
