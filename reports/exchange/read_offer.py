"""Reader of signed files that others send, hostile until signature and every field are checked.

Offers, feeds, revocations, corrections, lists of keys, and the files of a hub: its charter, lists
of members, letters and heads. Letters of a hub are sealed and opened here, too.
Long, since all that comes from outside is checked by one set of rules.
"""

from __future__ import annotations

import base64
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
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
    MAX_ENTITY_ID_LENGTH,
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

SEALED_SIZES = tuple(size + SEAL_BYTES for size in SIZES)
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
    owners = (org for org, keys in trusted.items() for k in keys if signing.key_id(k) == signer)
    return min(owners), signer


def parse_letter(content: bytes, kinds: Iterable[type[Any]], otherwise: str) -> Any:
    """Parses canonical JSON as what its format says it is; fields are not checked yet.

    Raises:
        OfferError: `otherwise` for a format that is none of `kinds`, or why else it cannot be read.
    """
    try:
        value = signing.parse_canonical_json(content)
        named = value.get("format") if isinstance(value, dict) else None
        kind = next((kind for kind in kinds if kind.format == named), None)
        if kind is None:
            raise OfferError(otherwise)
        if repr(value.get("version")) != repr(kind.version):
            raise OfferError(f"has another version; ask for version {kind.version}")
        return signing.dataclass_from_json(kind, value)
    except NotCanonicalError as error:
        raise OfferError(str(error)) from None


def parse_offer(content: bytes, signed_by: str) -> Offer | Revocation:
    """Parses the offer, feed or revocation in signed bytes, and checks every field.

    Raises:
        OfferError: naming the first field that is wrong.
    """
    letter: Offer | Revocation = parse_letter(
        content, (Offer, Feed, Revocation), "is neither an offer nor a revocation"
    )
    _check_parties(letter, signed_by)
    need(letter.key_id is None or SHA256.fullmatch(letter.key_id), "key_id")
    if isinstance(letter, Offer):
        _check_offer(letter)
        if isinstance(letter, Feed):
            _check_feed(letter)
    else:
        need(0 < len(letter.offers) <= MAX_REVOKED, "offers")
        need(all(map(SHA256.fullmatch, letter.offers)), "offers")
    return letter


def parse_correction(content: bytes, signed_by: str) -> Correction:
    """Parses the correction in signed bytes, and checks every field.

    Raises:
        OfferError: naming the first field that is wrong.
    """
    correction: Correction = parse_letter(content, [Correction], "is not a correction")
    _check_parties(correction, signed_by)
    need(correction.issues, "issues")
    for place, issue in enumerate(correction.issues):
        where = f"issues[{place}]"
        need(issue.kind in ("offer", "package"), f"{where}.kind")
        need(SHA256.fullmatch(issue.sha256), f"{where}.sha256")
        need(issue.issue_id == f"{issue.kind}-{issue.sha256[:16]}", f"{where}.issue_id")
        need(_TIME.fullmatch(issue.issued_at), f"{where}.issued_at")
        need(issue.strike, f"{where}.strike")
    return correction


def parse_key_list(content: bytes, signed_by: str) -> KeyList:
    """Parses the list of keys in signed bytes, and checks every field.

    Raises:
        OfferError: naming the first field that is wrong.
    """
    letter: KeyList = parse_letter(content, [KeyList], "is not a list of keys")
    _check_parties(letter, signed_by)
    need(0 < len(letter.keys) <= MAX_LISTED_KEYS, "keys")
    need(rising([key.key_id for key in letter.keys]), "keys")
    for place, key in enumerate(letter.keys):
        where = f"keys[{place}]"
        need(parses(listed_key, key), f"{where}.public_key")
        need(signing.key_id(listed_key(key)) == key.key_id, f"{where}.key_id")
        for name in ("not_before", "not_after", "revoked_since"):
            _need_time(getattr(key, name), f"{where}.{name}")
    return letter


def listed_key(key: ListedKey | HubMember) -> Ed25519PublicKey:
    """Returns the public key of an entry of a list, or of a member of a hub.

    Raises:
        ValueError: if it has none.
    """
    return Ed25519PublicKey.from_public_bytes(base64.b64decode(key.public_key, validate=True))


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


def parses(parse: Callable[[Any], object], value: Any) -> bool:
    """Returns whether a parser takes a value, and raises no ValueError."""
    try:
        parse(value)
    except ValueError:
        return False
    return True


def _need_time(text: str | None, name: str) -> None:
    if text is not None and not parses(parse_moment, text):
        raise OfferError(f"field {name} is not a time")


def _check_parties(letter: Offer | Revocation | Correction | KeyList, signed_by: str) -> None:
    need(ORG_SLUG.fullmatch(letter.sender), "sender")
    need(isinstance(letter, KeyList) or ORG_SLUG.fullmatch(letter.recipient), "recipient")
    if letter.sender != signed_by:
        raise OfferError(f"says that it is {letter.sender}'s, but {signed_by} signed it")
    for name in ("issued_at", "expires_at"):
        _need_time(getattr(letter, name, None), name)


def _check_offer(offer: Offer) -> None:
    valid = parse_moment(offer.expires_at) - parse_moment(offer.issued_at)
    need(timedelta(0) < valid <= LONGEST_VALID, "expires_at")
    need(offer.tlp in tuple(Tlp), "tlp")
    need(offer.terms.k >= 1 and offer.terms.confidence_floor <= 100, "terms")
    for place, entity in enumerate(offer.entities):
        where = f"entities[{place}]"
        need(_is_id(entity.entity_id), f"{where}.entity_id")
        need(entity.role in HARD_ROLES, f"{where}.role")
        need(offer.terms.confidence_floor <= entity.confidence <= 100, f"{where}.confidence")
        need(1 <= entity.cluster <= len(offer.clusters), f"{where}.cluster")
    need(rising([entity.entity_id for entity in offer.entities]), "entities")
    if len(offer.entities) > MAX_ROWS:
        raise OfferError(f"has more than {MAX_ROWS} identifiers")
    if offer.called is not None:
        phones = {
            place
            for place, entity in enumerate(offer.entities)
            if entity.entity_id.startswith("phone:")
        }
        need(offer.called and rising(offer.called) and phones.issuperset(offer.called), "called")
    for place, evidence in enumerate(offer.evidence):
        _check_evidence(evidence, len(offer.entities), offer.issued_at, f"evidence[{place}]")
    need(rising([_evidence_order(row) for row in offer.evidence]), "evidence")
    if sum(len(row.entities) for row in offer.evidence) > MAX_ROWS:
        raise OfferError(f"names more than {MAX_ROWS} identifiers in its evidence")
    people = sum(row.reports for row in offer.evidence)  # each is counted in one row at least
    if people > MAX_PEOPLE:
        raise OfferError(f"counts {people} reports, more than {MAX_PEOPLE}: not plausible")
    named: Counter[int] = Counter()
    for evidence in offer.evidence:
        named.update(dict.fromkeys(evidence.entities, evidence.reports))
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


def _evidence_order(row: OfferedEvidence) -> tuple[Any, ...]:
    contributor = (row.contributor,) if isinstance(row, FeedEvidence) else ()
    return row.week, row.kind, row.entities, *contributor


def _check_feed(feed: Feed) -> None:
    need(feed.called is None, "called")  # a hub's entries say nothing of calls
    need(rising(feed.members) and all(map(ORG_SLUG.fullmatch, feed.members)), "members")
    need(feed.recipient not in feed.members, "members")
    need(rising([contributor.token for contributor in feed.contributors]), "contributors")
    named: list[frozenset[int]] = []
    for place, contributor in enumerate(feed.contributors):
        where, entities = f"contributors[{place}]", contributor.entities
        need(ENTRY_ID.fullmatch(contributor.token), f"{where}.token")
        need(entities and rising(entities), f"{where}.entities")
        named.append(frozenset(entities))
    need(frozenset().union(*named) == set(range(len(feed.entities))), "contributors")
    for place, row in enumerate(feed.evidence):
        known = row.contributor < len(named) and named[row.contributor].issuperset(row.entities)
        need(known, f"evidence[{place}].contributor")


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


def rising(values: Sequence[Any]) -> bool:
    """Returns whether values are in order, each once."""
    return all(a < b for a, b in pairwise(values))


def _check_evidence(row: OfferedEvidence, entities: int, issued_at: str, where: str) -> None:
    need(1 <= len(row.entities) <= MAX_HARD_ENTITIES and rising(row.entities), f"{where}.entities")
    need(row.entities[-1] < entities, f"{where}.entities")
    need(row.kind in tuple(RecordKind), f"{where}.kind")
    need(row.reports >= 1, f"{where}.reports")
    begun = is_week(row.week) and week_start(row.week) <= parse_moment(issued_at).date()
    need(begun, f"{where}.week")


def _check_cluster(cluster: OfferedCluster, number: int, terms: Terms, where: str) -> None:
    countries, losses = cluster.countries, cluster.losses
    need(cluster.number == number, f"{where}.number")
    need(rising([counted.country for counted in countries]), f"{where}.countries")
    shown = all(
        counted.country in COUNTRIES and counted.victims >= terms.k for counted in countries
    )
    need(shown, f"{where}.country")
    need(rising([loss.currency for loss in losses]), f"{where}.losses")
    need(all(loss.currency in CURRENCIES for loss in losses), f"{where}.currency")
    # A table is shown with the sum of the rest, and losses beside countries that state them, or, of
    # one currency, beside many victims whose countries are not shown.
    need(not countries or cluster.elsewhere is not None, f"{where}.elsewhere")
    crowd = (cluster.elsewhere or 0) > SMALLEST_TABLE * terms.k + terms.k
    need(not losses or countries or (crowd and len(losses) == 1), f"{where}.losses")
    unit = max(terms.loss_unit, 1)
    need(all(loss.amount % unit == 0 for loss in losses), f"{where}.amount")


def parse_hub_file(kind: type[T], content: bytes) -> T:
    """Parses a charter, a list of members, a letter or a head, and checks every field.

    Raises:
        OfferError: naming the first field that is wrong.
    """
    named: str = kind.format  # type: ignore[attr-defined]
    letter: T = parse_letter(content, [kind], f"is no file of the format {named}")
    _CHECKS[kind](letter)
    return letter


def day_of(text: str) -> date:
    """Returns a day such as 2026-06-01.

    Raises:
        ValueError: for any other text.
    """
    if not _DAY.fullmatch(text):
        raise ValueError("no day")
    return date.fromisoformat(text)


def is_week(text: str) -> bool:
    """Returns whether a text is an ISO 8601 week of this century."""
    return parses(week_start, text) and date(2000, 1, 1) <= week_start(text)


def _check_charter(charter: HubCharter) -> None:
    need(_NAME.fullmatch(charter.name), "name")
    need(ORG_SLUG.fullmatch(charter.host) and charter.host != charter.name, "host")
    need(parses(parse_moment, charter.issued_at), "issued_at")
    sealing_key = partial(base64.b64decode, validate=True)
    raw = parses(sealing_key, charter.sealing_key) and sealing_key(charter.sealing_key)
    need(raw and len(raw) == 32, "sealing_key")
    need(1 <= charter.epoch_days <= 366, "epoch_days")
    need(1 <= charter.answer_days <= 90, "answer_days")
    need(1 <= charter.feed_days <= 31, "feed_days")
    need(3 <= charter.k <= 1000, "k")
    need(charter.tlp in tuple(Tlp), "tlp")
    need([life.kind for life in charter.lives] == sorted(OFFERABLE_KINDS), "lives")
    need(all(1 <= life.days <= 366 for life in charter.lives), "lives")


def _check_members(after: HubMembers) -> None:
    rows = after.members
    need(SHA256.fullmatch(after.hub), "hub")
    need(SHA256.fullmatch(after.previous), "previous")
    need(1 <= after.number <= 99_999, "number")
    need(parses(parse_moment, after.issued_at), "issued_at")
    need(1 <= len(rows) <= MAX_MEMBERS, "members")
    need(rising([(row.org, row.since) for row in rows]), "members")
    active = [row.org for row in rows if not row.ended]
    need(len(active) == len(set(active)), "members")
    need(len({row.key_id for row in rows}) == len(rows), "members")
    for place, row in enumerate(rows):
        where = f"members[{place}]"
        need(ORG_SLUG.fullmatch(row.org), f"{where}.org")
        need(parses(listed_key, row), f"{where}.public_key")
        need(signing.key_id(listed_key(row)) == row.key_id, f"{where}.key_id")
        need(parses(parse_moment, row.since), f"{where}.since")
        need(row.ended in ("", "left", "expelled"), f"{where}.ended")
        ends = parses(parse_moment, row.until or "") if row.ended else row.until is None
        need(ends, f"{where}.until")


def _check_head(head: HubHead) -> None:
    for name in ("hub", "root", "members", "previous"):
        need(SHA256.fullmatch(getattr(head, name)), name)
    # Later dates are computed from it, and must exist.
    need(parses(day_of, head.day) and head.day < "3000", "day")
    need(head.size <= MAX_LINES, "size")


def _check_letter(letter: HubLetter) -> None:
    need(SHA256.fullmatch(letter.hub), "hub")
    need(ORG_SLUG.fullmatch(letter.sender), "sender")
    need(parses(parse_moment, letter.issued_at), "issued_at")
    entries = [entry for actor in letter.actors for entry in actor.entries]
    if len(entries) > MAX_ENTRIES:
        raise OfferError(f"has {len(entries)} entries, more than {MAX_ENTRIES}")
    ids = [entry.entry for entry in entries]
    need(len(set(ids)) == len(ids), "entries")
    if len({entry.entity_id for entry in entries}) != len(entries):
        raise OfferError("claims an identifier twice")
    need(rising([actor.actor for actor in letter.actors]), "actors")
    ids += [actor.actor for actor in letter.actors] + [each.dispute for each in letter.disputes]
    need(len(set(ids)) == len(ids), "actors")
    for place, actor in enumerate(letter.actors):
        where = f"actors[{place}]"
        _check_actor(actor, where)
        # A feed of a week that has not begun would be refused as a whole.
        last = max((week_start(tie.week) for tie in actor.ties), default=date(2000, 1, 1))
        need(last - CLOCK_TOLERANCE <= parse_moment(letter.issued_at).date(), f"{where}.ties")
    for name in ("renewals", "withdrawals", "answers"):
        need(are_ids(getattr(letter, name)) and len(getattr(letter, name)) <= MAX_ENTRIES, name)
    need(len(letter.disputes) <= MAX_OPEN_DISPUTES, "disputes")
    need(rising([dispute.dispute for dispute in letter.disputes]), "disputes")
    for dispute in letter.disputes:
        need(ENTRY_ID.fullmatch(dispute.dispute) and ENTRY_ID.fullmatch(dispute.entry), "disputes")
        need(not dispute.appeal or ORG_SLUG.fullmatch(dispute.appeal), "disputes.appeal")


def are_ids(values: Sequence[str]) -> bool:
    """Returns whether values are ids of a hub in order, each once."""
    return rising(values) and all(map(ENTRY_ID.fullmatch, values))


def _check_actor(actor: HubActor, where: str) -> None:
    entries = actor.entries
    need(ENTRY_ID.fullmatch(actor.actor), f"{where}.actor")
    need(entries and rising([entry.entity_id for entry in entries]), f"{where}.entries")
    need(are_ids(actor.replaces), f"{where}.replaces")
    for place, entry in enumerate(entries):
        check_entry(entry, f"{where}.entries[{place}]")
    check_ties(actor.ties, f"{where}.ties")
    known = {entry.entry for entry in entries}
    need(all(known.issuperset(tie.entries) for tie in actor.ties), f"{where}.ties")
    line = LoggedActor(actor.actor, "2000-01-01", actor.replaces, actor.ties, actor.actor)
    if len(signing.canonical_json(line)) > MAX_LINE_BYTES:
        raise OfferError(f"has more ties in {where} than {MAX_LINE_BYTES} bytes of a log hold")


def check_entry(entry: HubEntry, where: str) -> None:
    """Checks every field of an entry; raises OfferError for the first that is wrong."""
    need(ENTRY_ID.fullmatch(entry.entry), f"{where}.entry")
    need(_is_id(entry.entity_id), f"{where}.entity_id")
    need(entry.role in HARD_ROLES, f"{where}.role")
    need(entry.tier == Tier.CORE, f"{where}.tier")
    need(entry.basis in BASES, f"{where}.basis")
    need(entry.confidence <= 100 and entry.confidence % 10 == 0, f"{where}.confidence")
    need(LEAST <= entry.reporters <= MAX_REPORTERS, f"{where}.reporters")
    need(is_week(entry.first) and is_week(entry.last), f"{where}.first")
    need(entry.first <= entry.last, f"{where}.last")


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
    size = next((size for size in SIZES if len(plain) <= size), None)
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
    middle = 8 + int.from_bytes(plain[:4], "big")
    end = middle + int.from_bytes(plain[4:8], "big")
    if end > len(plain) or plain[end:].strip(b"\0"):
        raise OfferError("is sealed, and is no letter")
    return plain[8:middle], plain[middle:end]


def _purpose(hub: str) -> bytes:
    return b"ringtrace hub letter " + hub.encode()


_CHECKS: dict[type[Any], Callable[[Any], None]] = {
    HubCharter: _check_charter,
    HubMembers: _check_members,
    HubLetter: _check_letter,
    HubHead: _check_head,
}
