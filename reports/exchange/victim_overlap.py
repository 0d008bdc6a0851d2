"""Count of the victims that two organisations share: their victims, the protocol, its letters.

Private set intersection cardinality says how many elements two sets share, and nothing else. The
protocol is that of De Cristofaro, Gasti and Tsudik, "Fast and Private Computation of Cardinality of
Set Intersection and Union" (CANS 2012, figure 1), on ristretto255 (RFC 9496) by libsodium:

    asker                                 answerer
    secret a;  a H(x) for each x   --->
                                   <---   secret b;  b a H(x), shuffled;  tags T(b H(y))
    counts T(b H(x)) among the tags

The asker takes its own mask off each returned element, but cannot tell which of its elements it
was; the answerer sees elements masked with a secret. Secure against parties that follow the
protocol and then try to learn more, under the one-more gap Diffie-Hellman assumption with H and T
as random oracles.

Letters carry points and tags between the organisations. They are hostile until every field of them
is checked. The file of victims stays with the organisation.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import secrets
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import ModuleType

import pyarrow as pa
import pyarrow.compute as pc

from reports.exchange.read_offer import CLOCK_TOLERANCE, OfferError
from schemas.extras import install_command
from schemas.field import TEXT
from schemas.offer import MIN_SET_SIZE, TAG_BYTES, Letter
from schemas.signed_fields import parse_moment, rising
from transforms.extract.kinds import domain
from transforms.phone import normalize

LETTER_VALIDITY = timedelta(days=14)
"""The longest that a letter may be under way."""

_TO_GROUP = b"ringtrace overlap v1 element "

_TO_TAG = b"ringtrace overlap v1 tag "


class MissingOverlapLibraryError(ImportError):
    """The package with the group is not installed."""


class VictimsFileError(ValueError):
    """A file of victims that cannot be used; the message repeats nothing from its rows."""


@dataclass(frozen=True)
class Victims:
    """The rows of the file.

    Attributes:
        ids: the pseudonyms; None without a column of them.
        values: a number in E.164 and an address each, under `phone` and `email`; None without one.
        unread: how many cells could not be read.
    """

    ids: tuple[str, ...] | None
    values: Mapping[str, tuple[str | None, ...]]
    unread: int

    def distinct(self, by: str) -> frozenset[str]:
        """Returns the distinct values under a name."""
        return frozenset(value for value in self.values[by] if value)

    def entity_ids(self) -> frozenset[str]:
        """Returns numbers and addresses as entity ids, which must be in nobody's cluster."""
        return frozenset(f"{by}:{value}" for by in self.values for value in self.distinct(by))

    def of(self, people: Collection[str], by: str) -> frozenset[str]:
        """Returns one value of each of `people` that has any, the smallest: nobody counts twice.

        Raises:
            VictimsFileError: if the file has no pseudonyms.
        """
        if self.ids is None:
            raise VictimsFileError("needs a column victim_id, by which victims are chosen")
        least: dict[str, str] = {}
        for person, value in zip(self.ids, self.values[by], strict=True):
            if value and person in people:
                least[person] = min(value, least.get(person, value))
        return frozenset(least.values())


def load_victim_file(text: str, name: str) -> Victims:
    """Loads the victims in a CSV text called `name`, written so that two organisations agree.

    The header has `phone`, `email`, or both; `country` (ISO 3166-1 alpha-2) for numbers without a
    country code; `victim_id`, the pseudonym of the organisation's records, where victims are chosen
    by what they reported.

    - A number is read as ringtrace reads every number, and written as E.164: `(201) 555-0123` of a
      US victim is `+12015550123`.
    - An address is NFKC, without blanks at its ends, in lower case, its domain in ASCII (IDNA
      2008). Nothing is guessed: dots and `+tags` before the `@` stay, since not every host ignores
      them.

    Raises:
        VictimsFileError: if it has no column `phone` or `email`, or a row of another length.
    """
    reader = csv.reader(io.StringIO(text, newline=""))
    header = [name.strip().lower() for name in next(reader, [])]
    if not {"phone", "email"} & set(header) or len(set(header)) != len(header):
        raise VictimsFileError(
            f"{name}: give it a header with phone or email, and country if known"
        )
    columns: dict[str, list[str]] = {name: [] for name in header}
    try:
        for row in reader:
            if row and len(row) != len(header):
                raise VictimsFileError(
                    f"{name}, line {reader.line_num}: has another number of cells"
                )
            for title, cell in zip(header, row, strict=False):
                columns[title].append(cell.strip())
    except csv.Error:
        raise VictimsFileError(f"{name}, line {reader.line_num}: is not CSV") from None
    rows = len(columns[header[0]])
    blank = [""] * rows
    numbers, bad_numbers = _numbers(columns.get("phone", blank), columns.get("country", blank))
    addresses, bad_addresses = _addresses(columns.get("email", blank))
    ids = tuple(columns["victim_id"]) if "victim_id" in columns else None
    return Victims(ids, {"phone": numbers, "email": addresses}, bad_numbers + bad_addresses)


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
        OfferError: for what is no element of the group, or its identity.
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
        OfferError: for any other.
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


def _numbers(cells: list[str], countries: list[str]) -> tuple[tuple[str | None, ...], int]:
    raw = pa.array([cell or None for cell in cells], TEXT)
    where = pa.array([country.upper() or None for country in countries], TEXT)
    read = pc.struct_field(normalize.normalize_numbers(raw, where), "e164")
    return tuple(read.to_pylist()), read.null_count - raw.null_count


def _addresses(cells: list[str]) -> tuple[tuple[str | None, ...], int]:
    read = tuple(_address(cell) if cell else None for cell in cells)
    return read, read.count(None) - cells.count("")


def _address(cell: str) -> str | None:
    local, _, host = unicodedata.normalize("NFKC", cell).strip().rpartition("@")
    canonical = domain.canonical_host(host) if local.strip() else None
    if canonical is None or any(character.isspace() for character in local):
        return None
    return f"{local.lower()}@{canonical}"
