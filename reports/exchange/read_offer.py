"""Reader of signed files that others send, hostile until signature and every field are checked.

Offers, feeds, revocations, corrections, lists of keys, and the files of a hub: its charter, lists
of members, letters and heads. Letters of a hub are sealed and opened here, too.
Long, since all that comes from outside is checked by one set of rules.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from reports import signing
from reports.exchange.offer import OFFERABLE_KINDS, SMALLEST_TABLE
from reports.signing import NotCanonicalError
from schemas.entity import epoch_number, is_withheld, with_epoch, without_epoch
from schemas.enums import COUNTRIES, CURRENCIES, HARD_ROLES, RecordKind, Tier
from schemas.offer import (
    CORRECTION,
    FEED,
    FORMAT,
    HUB,
    HUB_HEAD,
    HUB_LETTER,
    HUB_MEMBERS,
    KEY_LIST,
    MAX_ENTITY_ID_LENGTH,
    REVOCATION,
    VERSION,
    Correction,
    Feed,
    FeedEvidence,
    HubActor,
    HubCharter,
    HubEntry,
    HubHead,
    HubLetter,
    HubMember,
    HubMembers,
    HubTie,
    KeyList,
    ListedKey,
    LoggedActor,
    Offer,
    OfferedCluster,
    OfferedEvidence,
    Revocation,
    Terms,
    Tlp,
)
from transforms.extract.kinds.domain import canonical_host
from transforms.graph.link_weights import MAX_HARD_ENTITIES

T = TypeVar("T")

MAX_OFFER_BYTES = 256 * 2**20
"""Longest file that is read."""

MAX_ROWS = 1_000_000
"""Identifiers that the rows of an offer's evidence may name in all: about 30 MB of them."""

MAX_PEOPLE = 10_000_000
"""People that one offer may count: more than report fraud to any organisation in a year.

The largest collection that is published, Consumer Sentinel of the United States' Federal Trade
Commission, has 6.5 million reports of 2024, of all fraud.
"""

MAX_REVOKED = 10_000
"""Offers that one revocation may name: all are remembered, and looked up by each command."""

MAX_LISTED_KEYS = 100
"""Keys that one list may name."""

LONGEST_VALID = timedelta(days=366)
"""The longest that any policy lets an offer be valid."""

CLOCK_TOLERANCE = timedelta(days=1)
"""The most that another's clock may be ahead of ours."""

ORG_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)

_WEEK = re.compile(r"(\d{4})-W(\d{2})", re.ASCII)

_PHONE = re.compile(r"phone:\+[1-9]\d{6,14}(#([2-9]|[1-9]\d{1,3}))?", re.ASCII)

_LOWER = (
    "account:bank:", "account:upi:", "handle:cashapp:", "handle:paypal:", "handle:telegram:",
    "handle:venmo:", "handle:zelle:", "remote:", "wallet:eth:",
)  # fmt: skip
"""Starts of ids that have no capital letter."""

_NAMED = ("account", "handle", "remote", "wallet")
"""Kinds whose ids are a name within a scheme: a run has no blank or sign of markup in one."""

_NAME_OF_SCHEME = re.compile(r"""[^\s:<>"'`=|()\[\]{}\\]+:[^\s<>"'`=|()\[\]{}\\]+""")

SHA256 = re.compile(r"[0-9a-f]{64}")

_NAMED_KEY = re.compile(rb'"key_id":"([0-9a-f]{0,64})"')
"""The key that canonical JSON names: in a text of it no quotation mark stands bare."""


HUB_LIVES = {
    "account": 180, "domain": 80, "email": 365, "handle": 180, "phone": 45, "remote": 90,
    "url": 80, "wallet": 365,
}  # fmt: skip
"""Days for which an entry lives without renewal, by kind, where the host says nothing else.

Of phones, domains, addresses and handles as transforms/data/lives.toml has them.
"""

_SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)

BASES = ("analyst", "analyst_signed")

SIZES = (1 << 20, 1 << 22, 1 << 24)
"""Bytes of a letter with its filling, before it is sealed: three, so that sizes say little."""

SEAL_BYTES = 48
"""Bytes that sealing adds: an X25519 key and a tag of 16 (RFC 9180)."""

SEALED_SIZES = tuple(one + SEAL_BYTES for one in SIZES)
"""Bytes that a sealed letter can have."""

MAX_ENTRIES, MAX_MEMBERS, MAX_OPEN_DISPUTES = 5_000, 500, 100
"""Entries of a letter, rows of a list of members, and open disputes of one member."""

MAX_REPORTERS = 1_000_000

MAX_DAY_BYTES, MAX_LINES, MAX_LINE_BYTES = 64 << 20, 2_000_000, 1 << 20
"""Bytes of a day of a log, lines of a whole log, and bytes of one of them."""

LEAST = 2
"""People who report a core member at least, which is shown where fewer than k do."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")

ENTRY_ID = re.compile(r"[0-9a-f]{32}")

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)

_FORMATS: dict[type[Any], str] = {
    HubCharter: HUB, HubMembers: HUB_MEMBERS, HubLetter: HUB_LETTER, HubHead: HUB_HEAD,
}  # fmt: skip


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


def _parsed(content: bytes, kinds: Mapping[str, type[Any]], otherwise: str) -> Any:
    """Parses canonical JSON as what its format says it is; fields are not checked yet.

    Raises:
        OfferError: `otherwise` for a format that is none of `kinds`, or why else it cannot be read.
    """
    try:
        value = signing.parse_canonical_json(content)
        kind = kinds.get(str(value.get("format"))) if isinstance(value, dict) else None
        if kind is None:
            raise OfferError(otherwise)
        if repr(value.get("version")) != repr(VERSION):
            raise OfferError(f"has another version; ask for version {VERSION}")
        return signing.dataclass_from_json(kind, value)
    except NotCanonicalError as error:
        raise OfferError(str(error)) from None


def parse_offer(content: bytes, signed_by: str) -> Offer | Revocation:
    """Parses the offer, feed or revocation in signed bytes, and checks every field.

    Raises:
        OfferError: naming the first field that is wrong.
    """
    kinds = {FORMAT: Offer, FEED: Feed, REVOCATION: Revocation}
    found: Offer | Revocation = _parsed(content, kinds, "is neither an offer nor a revocation")
    _check_parties(found, signed_by)
    need(found.key_id is None or SHA256.fullmatch(found.key_id), "key_id")
    if isinstance(found, Offer):
        _check_offer(found)
        if isinstance(found, Feed):
            _check_feed(found)
    else:
        need(0 < len(found.offers) <= MAX_REVOKED, "offers")
        need(all(map(SHA256.fullmatch, found.offers)), "offers")
    return found


def parse_correction(content: bytes, signed_by: str) -> Correction:
    """Parses the correction in signed bytes, and checks every field.

    Raises:
        OfferError: naming the first field that is wrong.
    """
    found: Correction = _parsed(content, {CORRECTION: Correction}, "is not a correction")
    _check_parties(found, signed_by)
    need(found.issues, "issues")
    for at, one in enumerate(found.issues):
        need(one.kind in ("offer", "package"), f"issues[{at}].kind")
        need(SHA256.fullmatch(one.sha256), f"issues[{at}].sha256")
        need(one.issue_id == f"{one.kind}-{one.sha256[:16]}", f"issues[{at}].issue_id")
        need(_TIME.fullmatch(one.issued_at), f"issues[{at}].issued_at")
        need(one.strike, f"issues[{at}].strike")
    return found


def parse_key_list(content: bytes, signed_by: str) -> KeyList:
    """Parses the list of keys in signed bytes, and checks every field.

    Raises:
        OfferError: naming the first field that is wrong.
    """
    found: KeyList = _parsed(content, {KEY_LIST: KeyList}, "is not a list of keys")
    _check_parties(found, signed_by)
    need(0 < len(found.keys) <= MAX_LISTED_KEYS, "keys")
    need(rising([one.key_id for one in found.keys]), "keys")
    for at, one in enumerate(found.keys):
        try:
            key = listed_key(one)
        except ValueError:
            raise OfferError(f"field keys[{at}].public_key is invalid") from None
        need(signing.key_id(key) == one.key_id, f"keys[{at}].key_id")
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


def need(holds: object, name: str) -> None:
    """Raises OfferError, which names a field, unless something holds."""
    if not holds:
        raise OfferError(f"field {name} is invalid")


def _check_parties(found: Offer | Revocation | Correction | KeyList, signed_by: str) -> None:
    need(ORG_SLUG.fullmatch(found.sender), "sender")
    need(isinstance(found, KeyList) or ORG_SLUG.fullmatch(found.recipient), "recipient")
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
    need(timedelta(0) < valid <= LONGEST_VALID, "expires_at")
    need(offer.tlp in tuple(Tlp), "tlp")
    need(offer.terms.k >= 1 and offer.terms.confidence_floor <= 100, "terms")
    for at, one in enumerate(offer.entities):
        need(_is_id(one.entity_id), f"entities[{at}].entity_id")
        need(one.role in HARD_ROLES, f"entities[{at}].role")
        need(offer.terms.confidence_floor <= one.confidence <= 100, f"entities[{at}].confidence")
        need(1 <= one.cluster <= len(offer.clusters), f"entities[{at}].cluster")
    need(rising([one.entity_id for one in offer.entities]), "entities")
    if len(offer.entities) > MAX_ROWS:
        raise OfferError(f"has more than {MAX_ROWS} identifiers")
    if offer.called is not None:
        phones = {at for at, one in enumerate(offer.entities) if one.entity_id.startswith("phone:")}
        need(offer.called and rising(offer.called) and phones.issuperset(offer.called), "called")
    for at, evidence in enumerate(offer.evidence):
        _check_evidence(evidence, len(offer.entities), offer.issued_at, f"evidence[{at}]")
    need(rising([_evidence_order(one) for one in offer.evidence]), "evidence")
    if sum(len(one.entities) for one in offer.evidence) > MAX_ROWS:
        raise OfferError(f"names more than {MAX_ROWS} identifiers in its evidence")
    people = sum(one.reports for one in offer.evidence)  # each is counted in one row at least
    if people > MAX_PEOPLE:
        raise OfferError(f"counts {people} reports, more than {MAX_PEOPLE}: not plausible")
    named: Counter[int] = Counter()
    for evidence in offer.evidence:
        named.update(dict.fromkeys(evidence.entities, evidence.reports))
    need(all(named[one] > 1 for one in offer.called or ()), "called")
    for at, cluster in enumerate(offer.clusters):
        _check_cluster(cluster, at + 1, offer.terms, f"clusters[{at}]")
        counted = (cluster.elsewhere or 0) + sum(one.victims for one in cluster.countries)
        if counted > people:
            raise OfferError(f"counts more victims in clusters[{at}] than reports in all")
    need({one.cluster for one in offer.entities} == {c.number for c in offer.clusters}, "clusters")


def _evidence_order(one: OfferedEvidence) -> tuple[Any, ...]:
    whose = (one.contributor,) if isinstance(one, FeedEvidence) else ()
    return one.week, one.kind, one.entities, *whose


def _check_feed(feed: Feed) -> None:
    need(feed.called is None, "called")  # a hub's entries say nothing of calls
    need(rising(feed.members) and all(map(ORG_SLUG.fullmatch, feed.members)), "members")
    need(feed.recipient not in feed.members, "members")
    need(rising([one.token for one in feed.contributors]), "contributors")
    named: list[frozenset[int]] = []
    for at, one in enumerate(feed.contributors):
        need(ENTRY_ID.fullmatch(one.token), f"contributors[{at}].token")
        need(one.entities and rising(one.entities), f"contributors[{at}].entities")
        named.append(frozenset(one.entities))
    need(frozenset().union(*named) == set(range(len(feed.entities))), "contributors")
    for at, row in enumerate(feed.evidence):
        known = row.contributor < len(named) and named[row.contributor].issuperset(row.entities)
        need(known, f"evidence[{at}].contributor")


def _is_id(entity_id: str) -> bool:
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
    """Tells whether an id is as a run has it: lists and registers know it in no other spelling."""
    kind, _, value = entity_id.partition(":")
    if kind in ("domain", "email"):
        local, at, host = value.rpartition("@")
        if at != ("@" if kind == "email" else "") or canonical_host(host) != host:
            return False
        return not at or (local != "" and local.isascii() and local == local.lower())
    if kind in _NAMED and not _NAME_OF_SCHEME.fullmatch(value):
        return False
    if entity_id.startswith("account:iban:"):
        return value[5:] == value[5:].upper()
    return not is_withheld(entity_id) and (
        entity_id == entity_id.lower() or not entity_id.startswith(_LOWER)
    )


def rising(values: Sequence[Any]) -> bool:
    """Returns whether values are in order, each once."""
    return all(a < b for a, b in pairwise(values))


def _check_evidence(one: OfferedEvidence, entities: int, issued_at: str, where: str) -> None:
    need(1 <= len(one.entities) <= MAX_HARD_ENTITIES and rising(one.entities), f"{where}.entities")
    need(one.entities[-1] < entities, f"{where}.entities")
    need(one.kind in tuple(RecordKind), f"{where}.kind")
    need(one.reports >= 1, f"{where}.reports")
    try:
        need(
            date(2000, 1, 1) <= week_start(one.week) <= parse_moment(issued_at).date(),
            f"{where}.week",
        )
    except ValueError as error:
        if isinstance(error, OfferError):
            raise
        raise OfferError(f"field {where}.week is not an ISO week") from None


def _check_cluster(one: OfferedCluster, number: int, terms: Terms, where: str) -> None:
    need(one.number == number, f"{where}.number")
    need(rising([c.country for c in one.countries]), f"{where}.countries")
    shown = all(c.country in COUNTRIES and c.victims >= terms.k for c in one.countries)
    need(shown, f"{where}.country")
    need(rising([loss.currency for loss in one.losses]), f"{where}.losses")
    need(all(loss.currency in CURRENCIES for loss in one.losses), f"{where}.currency")
    # A table is shown with the sum of the rest, and losses beside countries that state them, or, of
    # one currency, beside many victims whose countries are not shown.
    need(not one.countries or one.elsewhere is not None, f"{where}.elsewhere")
    crowd = (one.elsewhere or 0) > SMALLEST_TABLE * terms.k + terms.k
    need(not one.losses or one.countries or (crowd and len(one.losses) == 1), f"{where}.losses")
    unit = max(terms.loss_unit, 1)
    need(all(loss.amount % unit == 0 for loss in one.losses), f"{where}.amount")


def parse_hub_file(kind: type[T], content: bytes) -> T:
    """Parses a charter, a list of members, a letter or a head, and checks every field.

    Raises:
        OfferError: naming the first field that is wrong.
    """
    found: T = _parsed(
        content, {_FORMATS[kind]: kind}, f"is no file of the format {_FORMATS[kind]}"
    )
    _CHECKS[kind](found)
    return found


def _is_moment(text: str) -> bool:
    try:
        return bool(parse_moment(text))
    except ValueError:
        return False


def day_of(text: str) -> date:
    """Returns a day such as 2026-06-01.

    Raises:
        ValueError: for any other text.
    """
    if not _DAY.fullmatch(text):
        raise ValueError("no day")
    return date.fromisoformat(text)


def is_day(text: str) -> bool:
    """Returns whether a text is a day."""
    try:
        return bool(day_of(text))
    except ValueError:
        return False


def is_week(text: str) -> bool:
    """Returns whether a text is an ISO 8601 week."""
    try:
        return date(2000, 1, 1) <= week_start(text)
    except ValueError:
        return False


def _check_charter(one: HubCharter) -> None:
    need(_NAME.fullmatch(one.name), "name")
    need(ORG_SLUG.fullmatch(one.host) and one.host != one.name, "host")
    need(_is_moment(one.issued_at), "issued_at")
    need(len(_raw(one.sealing_key)) == 32, "sealing_key")
    need(1 <= one.epoch_days <= 366, "epoch_days")
    need(1 <= one.answer_days <= 90, "answer_days")
    need(1 <= one.feed_days <= 31, "feed_days")
    need(3 <= one.k <= 1000, "k")
    need(one.tlp in tuple(Tlp), "tlp")
    need([life.kind for life in one.lives] == sorted(OFFERABLE_KINDS), "lives")
    need(all(1 <= life.days <= 366 for life in one.lives), "lives")


def _raw(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def _check_members(one: HubMembers) -> None:
    need(SHA256.fullmatch(one.hub), "hub")
    need(SHA256.fullmatch(one.previous), "previous")
    need(1 <= one.number <= 99_999, "number")
    need(_is_moment(one.issued_at), "issued_at")
    need(1 <= len(one.members) <= MAX_MEMBERS, "members")
    need(rising([(row.org, row.since) for row in one.members]), "members")
    active = [row.org for row in one.members if not row.ended]
    need(len(active) == len(set(active)), "members")
    need(len({row.key_id for row in one.members}) == len(one.members), "members")
    for at, row in enumerate(one.members):
        where = f"members[{at}]"
        need(ORG_SLUG.fullmatch(row.org), f"{where}.org")
        need(len(_raw(row.public_key)) == 32, f"{where}.public_key")
        need(signing.key_id(member_key(row)) == row.key_id, f"{where}.key_id")
        need(_is_moment(row.since), f"{where}.since")
        need(row.ended in ("", "left", "expelled"), f"{where}.ended")
        need(row.until is None if not row.ended else _is_moment(row.until or ""), f"{where}.until")


def member_key(one: HubMember) -> Ed25519PublicKey:
    """Returns the public key of a member."""
    return Ed25519PublicKey.from_public_bytes(_raw(one.public_key))


def _check_head(one: HubHead) -> None:
    for name in ("hub", "root", "members", "previous"):
        need(SHA256.fullmatch(getattr(one, name)), name)
    need(
        is_day(one.day) and one.day < "3000", "day"
    )  # later dates are computed from it, and must exist
    need(one.size <= MAX_LINES, "size")


def _check_letter(one: HubLetter) -> None:
    need(SHA256.fullmatch(one.hub), "hub")
    need(ORG_SLUG.fullmatch(one.sender), "sender")
    need(_is_moment(one.issued_at), "issued_at")
    entries = [entry for actor in one.actors for entry in actor.entries]
    if len(entries) > MAX_ENTRIES:
        raise OfferError(f"has {len(entries)} entries, more than {MAX_ENTRIES}")
    ids = [entry.entry for entry in entries]
    need(len(set(ids)) == len(ids), "entries")
    names = [entry.entity_id for entry in entries]
    twice = len(set(names)) != len(names)
    if twice:
        raise OfferError("claims an identifier twice")
    need(rising([actor.actor for actor in one.actors]), "actors")
    ids += [actor.actor for actor in one.actors] + [each.dispute for each in one.disputes]
    need(len(set(ids)) == len(ids), "actors")
    for at, actor in enumerate(one.actors):
        _check_actor(actor, f"actors[{at}]")
        # A feed of a week that has not begun would be refused as a whole.
        last = max((week_start(tie.week) for tie in actor.ties), default=date(2000, 1, 1))
        need(last - CLOCK_TOLERANCE <= parse_moment(one.issued_at).date(), f"actors[{at}].ties")
    for name in ("renewals", "withdrawals", "answers"):
        those = getattr(one, name)
        need(rising(those) and all(map(ENTRY_ID.fullmatch, those)), name)
        need(len(those) <= MAX_ENTRIES, name)
    need(len(one.disputes) <= MAX_OPEN_DISPUTES, "disputes")
    need(rising([dispute.dispute for dispute in one.disputes]), "disputes")
    for dispute in one.disputes:
        need(ENTRY_ID.fullmatch(dispute.dispute) and ENTRY_ID.fullmatch(dispute.entry), "disputes")
        need(not dispute.appeal or ORG_SLUG.fullmatch(dispute.appeal), "disputes.appeal")


def _check_actor(one: HubActor, where: str) -> None:
    need(ENTRY_ID.fullmatch(one.actor), f"{where}.actor")
    need(one.entries, f"{where}.entries")
    need(rising([entry.entity_id for entry in one.entries]), f"{where}.entries")
    need(rising(one.replaces) and all(map(ENTRY_ID.fullmatch, one.replaces)), f"{where}.replaces")
    for at, entry in enumerate(one.entries):
        check_entry(entry, f"{where}.entries[{at}]")
    check_ties(one.ties, f"{where}.ties")
    known = {entry.entry for entry in one.entries}
    need(all(known.issuperset(tie.entries) for tie in one.ties), f"{where}.ties")
    line = LoggedActor(one.actor, "2000-01-01", one.replaces, one.ties, one.actor)
    if len(signing.canonical_json(line)) > MAX_LINE_BYTES:
        raise OfferError(f"has more ties in {where} than {MAX_LINE_BYTES} bytes of a log hold")


def check_entry(one: HubEntry, where: str) -> None:
    """Checks every field of an entry; raises OfferError for the first that is wrong."""
    need(ENTRY_ID.fullmatch(one.entry), f"{where}.entry")
    need(_is_id(one.entity_id), f"{where}.entity_id")
    need(one.role in HARD_ROLES, f"{where}.role")
    need(one.tier == Tier.CORE, f"{where}.tier")
    need(one.basis in BASES, f"{where}.basis")
    need(one.confidence <= 100 and one.confidence % 10 == 0, f"{where}.confidence")
    need(LEAST <= one.reporters <= MAX_REPORTERS, f"{where}.reporters")
    need(is_week(one.first) and is_week(one.last), f"{where}.first")
    need(one.first <= one.last, f"{where}.last")


def check_ties(ties: Sequence[HubTie], where: str) -> None:
    """Checks ties; raises OfferError for the first that is wrong."""
    need(len(ties) <= MAX_ENTRIES and rising([(t.entries, t.week) for t in ties]), where)
    for tie in ties:
        need(1 <= len(tie.entries) <= MAX_HARD_ENTITIES and rising(tie.entries), where)
        need(all(map(ENTRY_ID.fullmatch, tie.entries)) and is_week(tie.week), where)
        need(LEAST <= tie.reporters <= MAX_REPORTERS, where)


def seal_letter(content: bytes, signature: bytes, sealing_key: bytes, hub: str) -> bytes:
    """Seals a letter and its signature to the host's key (HPKE, RFC 9180), filled up in size.

    Raises:
        OfferError: if it is too large.
    """
    lengths = len(content).to_bytes(4, "big") + len(signature).to_bytes(4, "big")
    plain = lengths + content + signature
    size = next((one for one in SIZES if len(plain) <= one), None)
    if size is None:
        raise OfferError(f"is larger than {SIZES[-1]} bytes")
    public = X25519PublicKey.from_public_bytes(sealing_key)
    try:
        return _SUITE.encrypt(plain.ljust(size, b"\0"), public, _purpose(hub))
    except ValueError:  # a point of low order
        raise OfferError("cannot be sealed to the key of the hub") from None


def open_letter(sealed: bytes, secret: bytes, hub: str) -> tuple[bytes, bytes]:
    """Opens a sealed letter; returns it and its signature file.

    Raises:
        OfferError: if it is not sealed to this key for this hub.
    """
    problem = OfferError("is not sealed to this hub's key, or was altered")
    if len(sealed) not in SEALED_SIZES:
        raise problem
    try:
        plain = _SUITE.decrypt(sealed, X25519PrivateKey.from_private_bytes(secret), _purpose(hub))
    except (InvalidTag, ValueError):
        raise problem from None
    first, second = (int.from_bytes(plain[at : at + 4], "big") for at in (0, 4))
    if 8 + first + second > len(plain) or plain[8 + first + second :].strip(b"\0"):
        raise OfferError("is sealed, and is no letter")
    return plain[8 : 8 + first], plain[8 + first : 8 + first + second]


def _purpose(hub: str) -> bytes:
    return b"ringtrace hub letter " + hub.encode()


_CHECKS: dict[type[Any], Callable[[Any], None]] = {
    HubCharter: _check_charter,
    HubMembers: _check_members,
    HubLetter: _check_letter,
    HubHead: _check_head,
}
