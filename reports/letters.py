"""Reader of signed letters from others, hostile until signature and every field are checked.

It reads offers, feeds, revocations, corrections, consents, key lists, and shared-victim counts.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import UNSET

from reports import signing
from reports.victim_counts import SMALLEST_TABLE
from schemas.entity import epoch_number, is_withheld, with_epoch, without_epoch
from schemas.enums import EntityKind
from schemas.offer import (
    MAX_ENTITY_ID_LENGTH,
    Correction,
    Feed,
    HubMember,
    KeyList,
    ListedKey,
    Offer,
    OfferedCluster,
    Request,
    Result,
    Revocation,
    Terms,
)
from schemas.records import format_of
from schemas.signed_fields import parse_moment, rising, week_start
from transforms.extract.kinds.domain import canonical_host
from transforms.extract.kinds.registry import BY_KIND
from transforms.graph.link_weights import MAX_HARD_ENTITIES

OFFERABLE_KINDS = tuple(str(kind) for kind in EntityKind if BY_KIND[kind].offered)
"""Kinds that a policy can name. Suppliers also serve honest customers, so no offer accuses them."""

MAX_OFFER_BYTES = 256 * 2**20
"""Longest file that is read."""

MAX_ROWS = 1_000_000
"""Identifiers that all rows of an offer's evidence may name together: about 30 MB."""

MAX_PEOPLE = 10_000_000
"""People whom an offer may count: more than report fraud to any organisation in a year.

The largest published collection, Consumer Sentinel of the United States' Federal Trade Commission,
has 6.5 million reports of all fraud for 2024.
"""

MAX_REVOKED = 10_000
"""Offers that a revocation may name: each is remembered, and every command looks them up."""

MAX_LISTED_KEYS = 100
"""Keys that one list may name."""

LONGEST_VALID = timedelta(days=366)
"""The longest that any policy lets an offer be valid."""

CLOCK_TOLERANCE = timedelta(days=1)
"""Longest time by which a sender's clock may be ahead of ours."""

_PHONE = re.compile(r"phone:\+[1-9]\d{6,14}(#([2-9]|[1-9]\d{1,3}))?", re.ASCII)

_LOWER = (
    "account:bank:", "account:upi:", "handle:cashapp:", "handle:paypal:", "handle:telegram:",
    "handle:venmo:", "handle:zelle:", "remote:", "wallet:eth:",
)  # fmt: skip
"""Starts of ids that have no capital letter."""

_NAMED = ("account", "handle", "remote", "wallet")
"""Kinds whose ids are a name within a scheme: a run has no blank or sign of markup in one."""

_NAME_OF_SCHEME = re.compile(r"""[^\s:<>"'`=|()\[\]{}\\]+:[^\s<>"'`=|()\[\]{}\\]+""")

_NAMED_KEY = re.compile(rb'"key_id":"([0-9a-f]{0,64})"')
"""The key that canonical JSON names: in a text of it no quotation mark stands bare."""

OfferError = signing.LetterError
"""An error in a file that was sent."""


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
    named = _NAMED_KEY.search(content)
    if named is not None and named[1].decode() != signer:
        raise OfferError("is signed by another key than it names")
    # A key belongs to one organisation. Our own key can also be listed under our slug.
    owners = (org for org, keys in trusted.items() for k in keys if signing.key_id(k) == signer)
    return min(owners), signer


def parse_file(content: bytes, signed_by: str, *kinds: type[Any]) -> Any:
    """Parses the letter in signed bytes, and checks every field.

    Args:
        content: canonical JSON, which says of what format it is.
        signed_by: the organisation that must be its sender; empty if the letter itself says.
        kinds: kinds of letters that it may be.

    Raises:
        OfferError: naming the first field that is wrong.
    """
    value = signing.parse_canonical_json(content)
    named = value.get("format") if isinstance(value, dict) else None
    kind = next((kind for kind in kinds if format_of(kind) == named), None)
    if kind is None:
        formats = " nor ".join(format_of(known) for known in kinds)
        raise OfferError(f"is {'neither' if len(kinds) > 1 else 'no'} {formats}")
    if repr(value.get("version")) != repr(kind.VERSION):
        raise OfferError(f"has another version; ask for version {kind.VERSION}")
    letter = signing.read_letter(kind, value)
    if signed_by and letter.sender != signed_by:
        raise OfferError(f"says that it is {letter.sender}'s, but {signed_by} signed it")
    if kind in _CHECKS:
        _CHECKS[kind](letter)
    return letter


def listed_key(key: ListedKey | HubMember) -> Ed25519PublicKey:
    """Returns the public key of an entry of a list, or of a member of a hub."""
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(key.public_key))


def check_offer_addressee(letter: Offer | Revocation, me: str, now: datetime) -> None:
    """Checks that an offer or revocation is for `me`, and issued by `now`.

    Raises:
        OfferError: if not.
    """
    if letter.recipient != me:
        raise OfferError(f"is for {letter.recipient}, not for {me}")
    if parse_moment(letter.issued_at) > now + CLOCK_TOLERANCE:
        raise OfferError(f"was issued in the future, at {letter.issued_at}")


def offer_expired(offer: Offer, now: datetime) -> bool:
    """Returns True if an offer is void at `now`, as it is from its last moment on."""
    return parse_moment(offer.expires_at) <= now


def need(holds: object, name: str) -> None:
    """Raises OfferError, which names a field, unless something holds."""
    if not holds:
        raise OfferError(f"field {name} is invalid")


def _check_revocation(letter: Revocation) -> None:
    need(0 < len(letter.offers) <= MAX_REVOKED, "offers")


def _check_correction(correction: Correction) -> None:
    need(correction.issues, "issues")
    for place, issue in enumerate(correction.issues):
        where = f"issues[{place}]"
        need(issue.issue_id == f"{issue.kind}-{issue.sha256[:16]}", f"{where}.issue_id")
        need(issue.strike, f"{where}.strike")


def _check_key_list(letter: KeyList) -> None:
    need(0 < len(letter.keys) <= MAX_LISTED_KEYS, "keys")
    need(rising([key.key_id for key in letter.keys]), "keys")
    check_keys(letter.keys, "keys")


def _check_request(letter: Request | Result) -> None:
    need((letter.about.offer is None) == (not letter.about.entities), "about.entities")


def _check_result(letter: Result) -> None:
    _check_request(letter)
    need(letter.shared is None or letter.shared >= letter.floor, "shared")


def check_keys(keys: Iterable[ListedKey | HubMember], where: str) -> None:
    """Raises OfferError unless each key has the id that it is listed with."""
    for place, key in enumerate(keys):
        need(signing.key_id(listed_key(key)) == key.key_id, f"{where}[{place}].key_id")


def _check_offer(offer: Offer) -> None:
    feed = isinstance(offer, Feed)
    valid = parse_moment(offer.expires_at) - parse_moment(offer.issued_at)
    need(timedelta(0) < valid <= LONGEST_VALID, "expires_at")
    for place, entity in enumerate(offer.entities):
        where = f"entities[{place}]"
        need(is_entity_id(entity.entity_id), f"{where}.entity_id")
        need(offer.terms.confidence_floor <= entity.confidence <= 100, f"{where}.confidence")
        need(1 <= entity.cluster <= len(offer.clusters), f"{where}.cluster")
    need(rising([entity.entity_id for entity in offer.entities]), "entities")
    if len(offer.entities) > MAX_ROWS:
        raise OfferError(f"has more than {MAX_ROWS} identifiers")
    if offer.called is not UNSET:
        phones = {
            place
            for place, entity in enumerate(offer.entities)
            if entity.entity_id.startswith("phone:")
        }
        need(offer.called and phones.issuperset(offer.called), "called")
    for place, row in enumerate(offer.evidence):
        where = f"evidence[{place}]"
        need(1 <= len(row.entities) <= MAX_HARD_ENTITIES, f"{where}.entities")
        need(row.entities[-1] < len(offer.entities), f"{where}.entities")
        begun = week_start(row.week) <= parse_moment(offer.issued_at).date()
        need(begun, f"{where}.week")
    order = attrgetter("week", "kind", "entities", *(["contributor"] if feed else []))
    need(rising([order(row) for row in offer.evidence]), "evidence")
    if sum(len(row.entities) for row in offer.evidence) > MAX_ROWS:
        raise OfferError(f"names more than {MAX_ROWS} identifiers in its evidence")
    people = sum(row.reports for row in offer.evidence)  # each is counted in one row at least
    if people > MAX_PEOPLE:
        raise OfferError(f"counts {people} reports, more than {MAX_PEOPLE}: not plausible")
    named: Counter[int] = Counter()
    for row in offer.evidence:
        named.update(dict.fromkeys(row.entities, row.reports))
    need(all(named[place] > 1 for place in offer.called or ()), "called")
    for place, cluster in enumerate(offer.clusters):
        _check_cluster(cluster, place + 1, offer.terms, f"clusters[{place}]")
        counted = (cluster.elsewhere or 0) + sum(country.victims for country in cluster.countries)
        if counted > people:
            raise OfferError(f"counts more victims in clusters[{place}] than reports in all")
    need(
        {entity.cluster for entity in offer.entities} == {c.number for c in offer.clusters},
        "clusters",
    )


def _check_feed(feed: Feed) -> None:
    _check_offer(feed)
    need(feed.called is UNSET, "called")  # a hub's entries say nothing of calls
    need(feed.recipient not in feed.members, "members")
    need(rising([contributor.token for contributor in feed.contributors]), "contributors")
    named: list[frozenset[int]] = []
    for place, contributor in enumerate(feed.contributors):
        where, entities = f"contributors[{place}]", contributor.entities
        need(entities, f"{where}.entities")
        named.append(frozenset(entities))
    need(frozenset().union(*named) == set(range(len(feed.entities))), "contributors")
    for place, row in enumerate(feed.evidence):
        known = row.contributor < len(named) and named[row.contributor].issuperset(row.entities)
        need(known, f"evidence[{place}].contributor")


def is_entity_id(entity_id: str) -> bool:
    """Tells whether a received id is of a kind that leaves, and spelled as a run spells it."""
    kind, _, value = entity_id.partition(":")
    if kind not in OFFERABLE_KINDS or not value or len(entity_id) > MAX_ENTITY_ID_LENGTH:
        return False
    if kind == "phone":
        return _PHONE.fullmatch(entity_id) is not None
    if not entity_id.isprintable() or entity_id != entity_id.strip():
        return False
    bare = without_epoch(entity_id)
    return with_epoch(bare, epoch_number(entity_id)) == entity_id and _is_canonical(bare)


def _is_canonical(entity_id: str) -> bool:
    """Tells whether an id is spelled as in a run: lists and registers know only that spelling."""
    kind, _, value = entity_id.partition(":")
    if kind in ("domain", "email"):
        local, sign, host = value.rpartition("@")
        if sign != ("@" if kind == "email" else "") or canonical_host(host) != host:
            return False
        return not sign or (local != "" and local.isascii() and local == local.lower())
    if kind in _NAMED and not _NAME_OF_SCHEME.fullmatch(value):
        return False
    if entity_id.startswith("account:iban:"):
        return value[5:] == value[5:].upper()
    return not is_withheld(entity_id) and (
        entity_id == entity_id.lower() or not entity_id.startswith(_LOWER)
    )


def _check_cluster(cluster: OfferedCluster, number: int, terms: Terms, where: str) -> None:
    countries, losses = cluster.countries, cluster.losses
    need(cluster.number == number, f"{where}.number")
    need(rising([counted.country for counted in countries]), f"{where}.countries")
    need(all(counted.victims >= terms.k for counted in countries), f"{where}.country")
    need(rising([loss.currency for loss in losses]), f"{where}.losses")
    # A table of countries needs the sum of the rest. A loss needs a shown country of its currency;
    # a single currency may instead stand beside many victims whose countries are not shown.
    need(not countries or cluster.elsewhere is not None, f"{where}.elsewhere")
    crowd = (cluster.elsewhere or 0) > SMALLEST_TABLE * terms.k + terms.k
    need(not losses or countries or (crowd and len(losses) == 1), f"{where}.losses")
    unit = max(terms.loss_unit, 1)
    need(all(loss.amount % unit == 0 for loss in losses), f"{where}.amount")


_CHECKS: dict[type[Any], Callable[[Any], None]] = {
    Offer: _check_offer,
    Feed: _check_feed,
    Revocation: _check_revocation,
    Correction: _check_correction,
    KeyList: _check_key_list,
    Request: _check_request,
    Result: _check_result,
}
