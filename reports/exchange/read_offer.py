"""Reader of offers and revocations, hostile until signature and every field are checked."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from reports import signing
from reports.exchange.offer import OFFERABLE_KINDS, SMALLEST_TABLE
from reports.signing import NotCanonicalError
from schemas.enums import COUNTRIES, CURRENCIES, HARD_ROLES, RecordKind
from schemas.offer import (
    CORRECTION,
    FORMAT,
    KEY_LIST,
    MAX_ENTITY_ID_LENGTH,
    REVOCATION,
    VERSION,
    Correction,
    KeyList,
    ListedKey,
    Offer,
    OfferedCluster,
    OfferedEvidence,
    Revocation,
    Terms,
    Tlp,
)
from transforms.graph.link_weights import MAX_HARD_ENTITIES

MAX_OFFER_BYTES = 256 * 2**20
"""Longest file that is read."""

MAX_ROWS = 1_000_000
"""Identifiers that the rows of an offer's evidence may name in all: about 30 MB of them."""

MAX_PEOPLE = 10_000_000
"""People that one offer may count: more than report fraud to any organisation in a year.

The largest collection that is published, Consumer Sentinel of the United States' Federal Trade
Commission, has 6.5 million reports of 2024, of all fraud.
"""

MAX_LISTED_KEYS = 100
"""Keys that one list may name."""

LONGEST_VALID = timedelta(days=366)
"""The longest that any policy lets an offer be valid."""

CLOCK_TOLERANCE = timedelta(days=1)
"""The most that another's clock may be ahead of ours."""

_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")

_WEEK = re.compile(r"(\d{4})-W(\d{2})")

_PHONE = re.compile(r"phone:\+[1-9]\d{6,14}(#\d{1,4})?")

_DIGEST = re.compile(r"[0-9a-f]{64}")

_NAMED_KEY = re.compile(rb'"key_id":"([0-9a-f]{0,64})"')
"""The key that canonical JSON names: in a text of it no quotation mark stands bare."""


class OfferError(ValueError):
    """An error in a file that was sent; the message follows the file's name."""


def signer_of(
    content: bytes, signature: bytes, trusted: Mapping[str, Sequence[Ed25519PublicKey]]
) -> tuple[str, str]:
    """Returns the organisation whose trusted key signed `content`, and the key's id.

    Raises:
        OfferError: if none did, or another than `content` names.
    """
    try:
        signer = signing.verify_detached(
            content, signature, [k for keys in trusted.values() for k in keys]
        )
    except signing.UnknownKeyError as error:
        raise OfferError(f"{error}; see ringtrace keys trust") from None
    except signing.SignatureError as error:
        raise OfferError(str(error)) from None
    named = _NAMED_KEY.search(content)
    if named is not None and named[1].decode() != signer:
        raise OfferError("is signed by another key than it names")
    # A key is one organisation's alone; one's own can be trusted as that of one's own slug, too.
    whose = (org for org, keys in trusted.items() for k in keys if signing.key_id(k) == signer)
    return min(whose), signer


def parse_offer(content: bytes, signed_by: str) -> Offer | Revocation:
    """Parses the offer or revocation in signed bytes, and checks every field.

    Raises:
        OfferError: naming the first field that is wrong.
    """
    try:
        value = signing.parse_canonical_json(content)
        if not isinstance(value, dict) or value.get("format") not in (FORMAT, REVOCATION):
            raise OfferError("is neither an offer nor a revocation")
        if repr(value.get("version")) != repr(VERSION):
            raise OfferError(f"has another version; ask for version {VERSION}")
        kind: type[Any] = Offer if value["format"] == FORMAT else Revocation
        found: Offer | Revocation = signing.dataclass_from_json(kind, value)
    except NotCanonicalError as error:
        raise OfferError(str(error)) from None
    _check_parties(found, signed_by)
    _need(found.key_id is None or _DIGEST.fullmatch(found.key_id), "key_id")
    if isinstance(found, Offer):
        _check_offer(found)
    else:
        _need(bool(found.offers) and all(map(_DIGEST.fullmatch, found.offers)), "offers")
    return found


def parse_correction(content: bytes, signed_by: str) -> Correction:
    """Parses the correction in signed bytes, and checks every field.

    Raises:
        OfferError: naming the first field that is wrong.
    """
    try:
        value = signing.parse_canonical_json(content)
        if not isinstance(value, dict) or value.get("format") != CORRECTION:
            raise OfferError("is not a correction")
        if repr(value.get("version")) != repr(VERSION):
            raise OfferError(f"has another version; ask for version {VERSION}")
        found = signing.dataclass_from_json(Correction, value)
    except NotCanonicalError as error:
        raise OfferError(str(error)) from None
    _check_parties(found, signed_by)
    _need(found.issues, "issues")
    for at, one in enumerate(found.issues):
        _need(one.kind in ("offer", "package"), f"issues[{at}].kind")
        _need(_DIGEST.fullmatch(one.sha256), f"issues[{at}].sha256")
        _need(one.issue_id == f"{one.kind}-{one.sha256[:16]}", f"issues[{at}].issue_id")
        _need(_TIME.fullmatch(one.issued_at), f"issues[{at}].issued_at")
        _need(one.strike, f"issues[{at}].strike")
    return found


def parse_key_list(content: bytes, signed_by: str) -> KeyList:
    """Parses the list of keys in signed bytes, and checks every field.

    Raises:
        OfferError: naming the first field that is wrong.
    """
    try:
        value = signing.parse_canonical_json(content)
        if not isinstance(value, dict) or value.get("format") != KEY_LIST:
            raise OfferError("is not a list of keys")
        if repr(value.get("version")) != repr(VERSION):
            raise OfferError(f"has another version; ask for version {VERSION}")
        found = signing.dataclass_from_json(KeyList, value)
    except NotCanonicalError as error:
        raise OfferError(str(error)) from None
    _check_parties(found, signed_by)
    _need(0 < len(found.keys) <= MAX_LISTED_KEYS, "keys")
    _need(_rising([one.key_id for one in found.keys]), "keys")
    for at, one in enumerate(found.keys):
        try:
            key = listed_key(one)
        except ValueError:
            raise OfferError(f"field keys[{at}].public_key is invalid") from None
        _need(signing.key_id(key) == one.key_id, f"keys[{at}].key_id")
        for name in ("not_before", "not_after", "revoked_since"):
            text = getattr(one, name)
            try:
                _ = text is None or parse_moment(text)
            except ValueError:
                raise OfferError(f"field keys[{at}].{name} is not a time") from None
    return found


def listed_key(one: ListedKey) -> Ed25519PublicKey:
    """Returns the public key of an entry of a list.

    Raises:
        ValueError: if it has none.
    """
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(one.public_key, validate=True))


def sender_of(content: bytes) -> str:
    """Returns the sender that an offer names, for one that was signed here.

    Raises:
        OfferError: if it says nothing.
    """
    try:
        value = signing.parse_canonical_json(content)
    except NotCanonicalError as error:
        raise OfferError(str(error)) from None
    if not isinstance(value, dict) or not isinstance(value.get("sender"), str):
        raise OfferError("names no sender")
    return str(value["sender"])


def check_offer_addressee(found: Offer | Revocation, me: str, now: datetime) -> None:
    """Checks that an offer or revocation is for `me`, and issued by `now`.

    Raises:
        OfferError: if not.
    """
    if found.recipient != me:
        raise OfferError(f"is for {found.recipient}, not for {me}")
    if parse_moment(found.issued_at) > now + CLOCK_TOLERANCE:
        raise OfferError(f"was issued in the future, at {found.issued_at}")


def offer_expired(offer: Offer, now: datetime) -> bool:
    """Returns True if an offer is void at `now`, as it is from its last moment on."""
    return parse_moment(offer.expires_at) <= now


def parse_moment(text: str) -> datetime:
    """Parses a time of an offer.

    Raises:
        ValueError: if it is not written as YYYY-MM-DDTHH:MM:SSZ, or there is no such time.
    """
    if not _TIME.fullmatch(text):
        raise ValueError("not a time in UTC to the second")
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def week_start(week: str) -> date:
    """Returns the first day of an ISO 8601 week.

    Raises:
        ValueError: if there is no such week.
    """
    match = _WEEK.fullmatch(week)
    if not match:
        raise ValueError("no ISO week")
    return date.fromisocalendar(int(match[1]), int(match[2]), 1)


def _need(holds: object, field: str) -> None:
    if not holds:
        raise OfferError(f"field {field} is invalid")


def _check_parties(found: Offer | Revocation | Correction | KeyList, signed_by: str) -> None:
    _need(_SLUG.fullmatch(found.sender), "sender")
    _need(isinstance(found, KeyList) or _SLUG.fullmatch(found.recipient), "recipient")
    if found.sender != signed_by:
        raise OfferError(f"says that it is {found.sender}'s, but {signed_by} signed it")
    times = [found.issued_at, *([found.expires_at] if isinstance(found, Offer) else [])]
    for name, text in zip(("issued_at", "expires_at"), times, strict=False):
        try:
            parse_moment(text)
        except ValueError:
            raise OfferError(f"field {name} is not a time") from None


def _check_offer(offer: Offer) -> None:
    valid = parse_moment(offer.expires_at) - parse_moment(offer.issued_at)
    _need(timedelta(0) < valid <= LONGEST_VALID, "expires_at")
    _need(offer.tlp in tuple(Tlp), "tlp")
    _need(offer.terms.k >= 1 and offer.terms.confidence_floor <= 100, "terms")
    for at, one in enumerate(offer.entities):
        _need(_is_id(one.entity_id), f"entities[{at}].entity_id")
        _need(one.role in HARD_ROLES, f"entities[{at}].role")
        _need(offer.terms.confidence_floor <= one.confidence <= 100, f"entities[{at}].confidence")
        _need(1 <= one.cluster <= len(offer.clusters), f"entities[{at}].cluster")
    _need(_rising([one.entity_id for one in offer.entities]), "entities")
    for at, evidence in enumerate(offer.evidence):
        _check_evidence(evidence, len(offer.entities), offer.issued_at, f"evidence[{at}]")
    _need(_rising([(one.week, one.kind, one.entities) for one in offer.evidence]), "evidence")
    if sum(len(one.entities) for one in offer.evidence) > MAX_ROWS:
        raise OfferError(f"names more than {MAX_ROWS} identifiers in its evidence")
    people = sum(one.reports for one in offer.evidence)  # each is counted in one row at least
    if people > MAX_PEOPLE:
        raise OfferError(f"counts {people} reports, more than {MAX_PEOPLE}: not plausible")
    for at, cluster in enumerate(offer.clusters):
        _check_cluster(cluster, at + 1, offer.terms, f"clusters[{at}]")
        told = (cluster.elsewhere or 0) + sum(one.victims for one in cluster.countries)
        if told > people:
            raise OfferError(f"counts more victims in clusters[{at}] than reports in all")
    _need({one.cluster for one in offer.entities} == {c.number for c in offer.clusters}, "clusters")


def _is_id(entity_id: str) -> bool:
    kind, _, value = entity_id.partition(":")
    if kind not in OFFERABLE_KINDS or not value or len(entity_id) > MAX_ENTITY_ID_LENGTH:
        return False
    if kind == "phone":
        return _PHONE.fullmatch(entity_id) is not None
    return entity_id.isprintable() and entity_id == entity_id.strip()


def _rising(values: Sequence[Any]) -> bool:
    return all(a < b for a, b in pairwise(values))


def _check_evidence(one: OfferedEvidence, entities: int, issued_at: str, where: str) -> None:
    _need(
        1 <= len(one.entities) <= MAX_HARD_ENTITIES and _rising(one.entities), f"{where}.entities"
    )
    _need(one.entities[-1] < entities, f"{where}.entities")
    _need(one.kind in tuple(RecordKind), f"{where}.kind")
    _need(one.reports >= 1, f"{where}.reports")
    try:
        _need(
            date(2000, 1, 1) <= week_start(one.week) <= parse_moment(issued_at).date(),
            f"{where}.week",
        )
    except ValueError as error:
        if isinstance(error, OfferError):
            raise
        raise OfferError(f"field {where}.week is not an ISO week") from None


def _check_cluster(one: OfferedCluster, number: int, terms: Terms, where: str) -> None:
    _need(one.number == number, f"{where}.number")
    _need(_rising([c.country for c in one.countries]), f"{where}.countries")
    shown = all(c.country in COUNTRIES and c.victims >= terms.k for c in one.countries)
    _need(shown, f"{where}.country")
    _need(_rising([loss.currency for loss in one.losses]), f"{where}.losses")
    _need(all(loss.currency in CURRENCIES for loss in one.losses), f"{where}.currency")
    # A table is shown with the sum of the rest, and losses beside countries that state them, or, of
    # one currency, beside many victims whose countries are not shown.
    _need(not one.countries or one.elsewhere is not None, f"{where}.elsewhere")
    crowd = (one.elsewhere or 0) > SMALLEST_TABLE * terms.k + terms.k
    _need(not one.losses or one.countries or (crowd and len(one.losses) == 1), f"{where}.losses")
    unit = max(terms.loss_unit, 1)
    _need(all(loss.amount % unit == 0 for loss in one.losses), f"{where}.amount")
