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
VERSION = 1

POINT_BYTES = 32
"""An element of ristretto255 (RFC 9496)."""
TAG_BYTES = 16
"""A tag: two of 4 million differ, but for a chance of 2 to the power of -84."""

SMALLEST = 1_024
"""Least size of either side: below, a request could be a question about one person."""
LARGEST = 2**22

COMPARED = ("phone", "email")


@dataclass(frozen=True)
class Request:
    """The first letter: the asker's victims, each masked with the asker's secret."""

    about: str
    by: str
    floor: int
    issued_at: str
    points: str
    recipient: str
    sender: str
    session: str
    size: int
    format: str = REQUEST
    version: int = VERSION


@dataclass(frozen=True)
class Answer:
    """The second: those masked once more and shuffled, and tags of the answerer's own victims.

    `request` is the SHA-256 of the first letter.
    """

    issued_at: str
    points: str
    recipient: str
    request: str
    sender: str
    session: str
    size: int
    tags: str
    format: str = ANSWER
    version: int = VERSION


@dataclass(frozen=True)
class Result:
    """The third: how many are on both sides; None where they are fewer than the agreed floor.

    `answer` is the SHA-256 of the second letter.
    """

    answer: str
    issued_at: str
    recipient: str
    sender: str
    session: str
    shared: int | None
    format: str = RESULT
    version: int = VERSION
