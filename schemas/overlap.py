"""The three letters by which two organisations count the victims they share, and nothing more.

Canonical JSON, each with a detached signature. Points and tags are base64 of all of them, one after
the other, in sorted order; sizes are powers of two, filled up with random ones, so that nobody
learns how many victims the other has to within a factor of two.
"""

from __future__ import annotations

from dataclasses import dataclass

REQUEST = "ringtrace-overlap-request"

ANSWER = "ringtrace-overlap-answer"

RESULT = "ringtrace-overlap-result"

VERSION = 2

POINT_BYTES = 32
"""An element of ristretto255 (RFC 9496)."""

TAG_BYTES = 16
"""A tag: two of 4 million differ, but for a chance of 2 to the power of -84."""

MIN_SET_SIZE = 1_024
"""Least size of either side: below, a request could be a question about one person."""

MAX_SET_SIZE = 2**22

COMPARED_KINDS = ("phone", "email")


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
    version: int = VERSION


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
