"""Count of the victims that two organisations share: the protocol and its letters.

Private set intersection cardinality reveals how many elements two sets share, and no element. The
protocol is by De Cristofaro, Gasti and Tsudik, "Fast and Private Computation of Cardinality of Set
Intersection and Union" (CANS 2012, figure 1), on ristretto255 (RFC 9496) by libsodium:

    asker                                 answerer
    secret a;  a H(x) for each x   --->
                                   <---   secret b;  b a H(x), shuffled;  tags T(b H(y))
    counts T(b H(x)) among the tags

The asker takes its own mask off each returned element, but cannot tell which of its elements it
was. The answerer sees elements masked with a secret. The protocol is secure against parties that
follow it and then try to learn more, under the one-more gap Diffie-Hellman assumption with H and T
as random oracles.

Letters carry points and tags between the organisations. They are hostile until every field is
checked. The file of victims stays with its organisation.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from types import ModuleType

from reports.letters import CLOCK_TOLERANCE, OfferError
from schemas.extras import install_command
from schemas.offer import MIN_SET_SIZE, TAG_BYTES, Letter
from schemas.signed_fields import parse_moment, rising

LETTER_VALIDITY = timedelta(days=14)
"""Longest time that a letter may be under way."""

_TO_GROUP = b"ringtrace overlap v1 element "

_TO_TAG = b"ringtrace overlap v1 tag "


class MissingOverlapLibraryError(ImportError):
    """The package with the group is not installed."""


def ristretto255() -> ModuleType:
    """Returns the ristretto255 functions of libsodium.

    Raises:
        MissingOverlapLibraryError: if they are not installed.
    """
    try:
        import rbcl
    except ImportError:
        raise MissingOverlapLibraryError(
            f"counting shared victims needs the package rbcl: {install_command('overlap')}"
        ) from None
    return rbcl


def padded_size(count: int) -> int:
    """Returns the size that a set of `count` elements is filled up to: a power of two."""
    return max(MIN_SET_SIZE, 1 << max(count - 1, 0).bit_length())


def new_secret() -> bytes:
    """Returns a random scalar."""
    return bytes(ristretto255().crypto_core_ristretto255_scalar_random())


def group_element(session: bytes, value: str) -> bytes:
    """Returns the group element of a value in one session; it is of no use in any other."""
    digest = hashlib.sha512(_TO_GROUP + session + value.encode()).digest()
    return bytes(ristretto255().crypto_core_ristretto255_from_hash(digest))


def mask_points(secret: bytes, points: Iterable[bytes]) -> list[bytes]:
    """Multiplies each point by the secret.

    Raises:
        OfferError: for a point that is not in the group, or is its identity.
    """
    multiply = ristretto255().crypto_scalarmult_ristretto255
    try:
        return [bytes(multiply(secret, point)) for point in points]
    except (RuntimeError, TypeError, ValueError):
        raise OfferError("contains a point that is not in the group") from None


def request_points(secret: bytes, session: bytes, values: Iterable[str]) -> list[bytes]:
    """Returns the asker's points: values masked, filled up with random ones, sorted."""
    points = mask_points(secret, (group_element(session, value) for value in sorted(set(values))))
    random = ristretto255().crypto_core_ristretto255_random
    return sorted(
        [*points, *(bytes(random()) for _ in range(padded_size(len(points)) - len(points)))]
    )


def answer_points(
    secret: bytes, session: bytes, points: Sequence[bytes], values: Iterable[str]
) -> tuple[list[bytes], list[bytes]]:
    """Returns the answerer's points and tags, sorted, so that the order of the request is lost."""
    again = sorted(mask_points(secret, points))
    own = mask_points(secret, (group_element(session, value) for value in sorted(set(values))))
    tags = {element_tag(session, point) for point in own}
    while len(tags) < padded_size(len(own)):
        tags.add(secrets.token_bytes(TAG_BYTES))
    return again, sorted(tags)


def element_tag(session: bytes, point: bytes) -> bytes:
    """Returns the tag of a value masked by the answerer."""
    return hashlib.sha256(_TO_TAG + session + point).digest()[:TAG_BYTES]


def count_shared(
    secret: bytes, session: bytes, points: Sequence[bytes], tags: Iterable[bytes]
) -> int:
    """Returns how many of the asker's values are among the answerer's."""
    inverse = bytes(ristretto255().crypto_core_ristretto255_scalar_invert(secret))
    there = set(tags)
    return sum(element_tag(session, point) in there for point in mask_points(inverse, points))


def encode_elements(parts: Sequence[bytes]) -> str:
    """Encodes points or tags as base64."""
    return base64.b64encode(b"".join(parts)).decode()


def decode_elements(text: str, each: int, size: int) -> list[bytes]:
    """Decodes `size` points or tags of `each` bytes from base64, sorted and all different.

    Raises:
        OfferError: if they are not.
    """
    try:
        whole = base64.b64decode(text, validate=True)
    except ValueError:
        raise OfferError("contains text that is not base64") from None
    if len(whole) != each * size:
        raise OfferError(f"declares {size} elements and contains {len(whole) / each:g}")
    parts = [whole[start : start + each] for start in range(0, len(whole), each)]
    if not rising(parts):
        raise OfferError("contains an element twice, or elements that are not sorted")
    return parts


def check_letter_addressee(letter: Letter, me: str, now: datetime) -> None:
    """Checks that a letter is for `me`, and was under way for no longer than it may be.

    Raises:
        OfferError: if not.
    """
    if letter.recipient != me:
        raise OfferError(f"is not for {me}")
    if not now - LETTER_VALIDITY <= parse_moment(letter.issued_at) <= now + CLOCK_TOLERANCE:
        raise OfferError(
            f"was issued at {letter.issued_at}; a letter is good for {LETTER_VALIDITY.days} days"
        )
