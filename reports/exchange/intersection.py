"""Private set intersection cardinality: how many elements two sets share, and nothing else.

The protocol of De Cristofaro, Gasti and Tsudik, "Fast and Private Computation of Cardinality of Set
Intersection and Union" (CANS 2012, figure 1), on ristretto255 (RFC 9496) by libsodium:

    asker                                 answerer
    secret a;  a H(x) for each x   --->
                                   <---   secret b;  b a H(x), shuffled;  tags T(b H(y))
    counts T(b H(x)) among the tags

The asker takes its own mask off each returned element, but cannot tell which of its elements it
was; the answerer sees elements masked with a secret. Secure against parties that follow the
protocol and then try to learn more, under the one-more gap Diffie-Hellman assumption with H and T
as random oracles.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterable, Sequence
from itertools import pairwise
from types import ModuleType

from schemas.overlap import LARGEST, SMALLEST, TAG_BYTES

_TO_GROUP = b"ringtrace overlap v1 element "
_TO_TAG = b"ringtrace overlap v1 tag "


class LetterError(ValueError):
    """Points or tags that are not what was declared; the words follow a file's name."""


class NoLibraryError(ImportError):
    """The package with the group is not installed."""


def group() -> ModuleType:
    """The ristretto255 functions of libsodium.

    Raises:
        NoLibraryError: if they are not installed.
    """
    try:
        import rbcl  # noqa: PLC0415 - an extra, needed for this alone
    except ImportError:
        raise NoLibraryError(
            "counting shared victims needs the package rbcl: pip install 'ringtrace[overlap]'"
        ) from None
    return rbcl


def padded_size(count: int) -> int:
    """The size that a set of `count` elements is filled up to: a power of two."""
    return max(SMALLEST, 1 << max(count - 1, 0).bit_length())


def check_size(size: int, largest: int = LARGEST) -> None:
    """Raise LetterError unless `size` is one that a set can be filled up to, and no larger."""
    if size < SMALLEST or size & (size - 1):
        raise LetterError(f"has a size that is not a power of two from {SMALLEST}")
    if size > min(largest, LARGEST):
        raise LetterError(f"is of {size} elements; more than {largest} are not compared here")


def new_secret() -> bytes:
    """A random scalar."""
    return bytes(group().crypto_core_ristretto255_scalar_random())


def element(session: bytes, value: str) -> bytes:
    """The group element of a value in one session: of no use in any other."""
    digest = hashlib.sha512(_TO_GROUP + session + value.encode()).digest()
    return bytes(group().crypto_core_ristretto255_from_hash(digest))


def masked(secret: bytes, points: Iterable[bytes]) -> list[bytes]:
    """Each point times the secret.

    Raises:
        LetterError: for what is no element of the group, or its identity.
    """
    multiply = group().crypto_scalarmult_ristretto255
    try:
        return [bytes(multiply(secret, point)) for point in points]
    except (RuntimeError, TypeError, ValueError):
        raise LetterError("holds a point that is none of the group") from None


def ask(secret: bytes, session: bytes, values: Iterable[str]) -> list[bytes]:
    """The asker's points: values masked, filled up with random ones, sorted."""
    points = masked(secret, (element(session, value) for value in sorted(set(values))))
    random = group().crypto_core_ristretto255_random
    return sorted(
        [*points, *(bytes(random()) for _ in range(padded_size(len(points)) - len(points)))]
    )


def answer(
    secret: bytes, session: bytes, points: Sequence[bytes], values: Iterable[str]
) -> tuple[list[bytes], list[bytes]]:
    """The answerer's points and tags, sorted: the order of what was asked is gone."""
    again = sorted(masked(secret, points))
    own = masked(secret, (element(session, value) for value in sorted(set(values))))
    tags = {tag(session, point) for point in own}
    while len(tags) < padded_size(len(own)):
        tags.add(random_tag())
    return again, sorted(tags)


def tag(session: bytes, point: bytes) -> bytes:
    """The tag of a value masked by the answerer."""
    return hashlib.sha256(_TO_TAG + session + point).digest()[:TAG_BYTES]


def random_tag() -> bytes:
    """A tag of nobody."""
    return bytes(group().crypto_core_ristretto255_random())[:TAG_BYTES]


def count(secret: bytes, session: bytes, points: Sequence[bytes], tags: Iterable[bytes]) -> int:
    """How many of the asker's values are among the answerer's."""
    inverse = bytes(group().crypto_core_ristretto255_scalar_invert(secret))
    there = set(tags)
    return sum(tag(session, point) in there for point in masked(inverse, points))


def joined(parts: Sequence[bytes]) -> str:
    """Points or tags as base64."""
    return base64.b64encode(b"".join(parts)).decode()


def parted(text: str, each: int, size: int) -> list[bytes]:
    """Points or tags of `each` bytes from base64: `size` of them, sorted and all different.

    Raises:
        LetterError: for any other.
    """
    try:
        whole = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise LetterError("holds what is not base64") from None
    if len(whole) != each * size:
        raise LetterError(f"declares {size} elements and holds {len(whole) / each:g}")
    parts = [whole[at : at + each] for at in range(0, len(whole), each)]
    if any(a >= b for a, b in pairwise(parts)):
        raise LetterError("holds an element twice, or elements that are not sorted")
    return parts
