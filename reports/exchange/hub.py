"""The files of a hub: every field of what an outsider sends is checked here, and letters sealed.

Nothing in a log names who contributed it: a token stands there, which the host alone can compute
(`contributor_token`).
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable, Sequence
from datetime import date
from itertools import pairwise
from typing import Any, TypeVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from reports import signing
from reports.exchange.offer import OFFERABLE_KINDS
from reports.exchange.read_offer import parse_moment, week_start
from reports.signing import NotCanonicalError
from schemas.enums import HARD_ROLES, Tier
from schemas.offer import (
    HUB,
    HUB_HEAD,
    HUB_LETTER,
    HUB_MEMBERS,
    MAX_ENTITY_ID_LENGTH,
    VERSION,
    HubActor,
    HubCharter,
    HubEntry,
    HubHead,
    HubLetter,
    HubMember,
    HubMembers,
    HubTie,
    Tlp,
)
from transforms.graph.link_weights import MAX_HARD_ENTITIES

T = TypeVar("T")

HUB_LIVES = {
    "account": 180, "domain": 80, "email": 365, "handle": 180, "phone": 45, "remote": 90,
    "url": 80, "wallet": 365,
}  # fmt: skip
"""Days for which an entry lives without renewal, by kind, where the host says nothing else.

Of phones, domains, addresses and handles as transforms/data/lives.toml has them.
"""

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

_SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)

ORG_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")

ENTRY_ID = re.compile(r"[0-9a-f]{32}")

SHA256 = re.compile(r"[0-9a-f]{64}")

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")

_PHONE = re.compile(r"phone:\+[1-9]\d{6,14}(#\d{1,4})?")

_FORMATS: dict[type[Any], str] = {
    HubCharter: HUB, HubMembers: HUB_MEMBERS, HubLetter: HUB_LETTER, HubHead: HUB_HEAD,
}  # fmt: skip


class HubError(ValueError):
    """An error in a file of a hub; the message follows the file's name."""


def need(holds: object, name: str) -> None:
    """Raises HubError, which names a field, unless something holds."""
    if not holds:
        raise HubError(f"field {name} is invalid")


def rising(values: Sequence[Any]) -> bool:
    """Returns whether values are in order, each once."""
    return all(a < b for a, b in pairwise(values))


def parse_hub_file(kind: type[T], content: bytes) -> T:
    """Parses a charter, a list of members, a letter or a head, and checks every field.

    Raises:
        HubError: naming the first field that is wrong.
    """
    try:
        value = signing.parse_canonical_json(content)
        if not isinstance(value, dict) or value.get("format") != _FORMATS[kind]:
            raise HubError(f"is no file of the format {_FORMATS[kind]}")
        if repr(value.get("version")) != repr(VERSION):
            raise HubError(f"has another version; ask for version {VERSION}")
        found = signing.dataclass_from_json(kind, value)
    except NotCanonicalError as error:
        raise HubError(str(error)) from None
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
    need(is_day(one.day), "day")
    need(one.size <= MAX_LINES, "size")


def _check_letter(one: HubLetter) -> None:
    need(SHA256.fullmatch(one.hub), "hub")
    need(ORG_SLUG.fullmatch(one.sender), "sender")
    need(_is_moment(one.issued_at), "issued_at")
    entries = [entry for actor in one.actors for entry in actor.entries]
    if len(entries) > MAX_ENTRIES:
        raise HubError(f"has {len(entries)} entries, more than {MAX_ENTRIES}")
    ids = [entry.entry for entry in entries]
    need(len(set(ids)) == len(ids), "entries")
    names = [entry.entity_id for entry in entries]
    twice = len(set(names)) != len(names)
    if twice:
        raise HubError("claims an identifier twice")
    need(rising([actor.actor for actor in one.actors]), "actors")
    for at, actor in enumerate(one.actors):
        _check_actor(actor, f"actors[{at}]")
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


def check_entry(one: HubEntry, where: str) -> None:
    """Checks every field of an entry; raises HubError for the first that is wrong."""
    need(ENTRY_ID.fullmatch(one.entry), f"{where}.entry")
    need(_is_id(one.entity_id), f"{where}.entity_id")
    need(one.role in HARD_ROLES, f"{where}.role")
    need(one.tier == Tier.CORE, f"{where}.tier")
    need(one.basis in BASES, f"{where}.basis")
    need(one.confidence <= 100 and one.confidence % 10 == 0, f"{where}.confidence")
    need(LEAST <= one.reporters <= MAX_REPORTERS, f"{where}.reporters")
    need(is_week(one.first) and is_week(one.last), f"{where}.first")
    need(one.first <= one.last, f"{where}.last")


def _is_id(entity_id: str) -> bool:
    kind, _, value = entity_id.partition(":")
    if kind not in OFFERABLE_KINDS or not value or len(entity_id) > MAX_ENTITY_ID_LENGTH:
        return False
    if kind == "phone":
        return _PHONE.fullmatch(entity_id) is not None
    return entity_id.isprintable() and entity_id == entity_id.strip()


def check_ties(ties: Sequence[HubTie], where: str) -> None:
    """Checks ties; raises HubError for the first that is wrong."""
    need(len(ties) <= MAX_ENTRIES and rising([(t.entries, t.week) for t in ties]), where)
    for tie in ties:
        need(1 <= len(tie.entries) <= MAX_HARD_ENTITIES and rising(tie.entries), where)
        need(all(map(ENTRY_ID.fullmatch, tie.entries)) and is_week(tie.week), where)
        need(LEAST <= tie.reporters <= MAX_REPORTERS, where)


_CHECKS: dict[type[Any], Callable[[Any], None]] = {
    HubCharter: _check_charter,
    HubMembers: _check_members,
    HubLetter: _check_letter,
    HubHead: _check_head,
}


def check_succession(
    before: HubMembers | None,
    before_digest: str,
    after: HubMembers,
    signers: set[str],
    charter: HubCharter,
    host_keys: set[str],
) -> None:
    """Checks that a list of members follows from the one before, by who may change it.

    While there are fewer than two members, these and the host sign; then two members.

    Args:
        before: the list before; None for the first one.
        before_digest: SHA-256 of it, or of the charter.
        after: the list.
        signers: ids of keys whose signatures of it hold.
        charter: of the hub.
        host_keys: ids of the host's keys.

    Raises:
        HubError: if it does not.
    """
    if after.previous != before_digest or after.number != (before.number if before else 0) + 1:
        raise HubError("does not follow from the list of members in force")
    if charter.host in {row.org for row in after.members}:
        raise HubError(f"names the host {charter.host} as a member, which knows who contributes")
    rows = {(row.org, row.since): row for row in after.members}
    for row in before.members if before else ():
        now = rows.get((row.org, row.since))
        same = now is not None and now.key_id == row.key_id
        if not same or (row.ended and now != row):
            raise HubError(f"leaves out or changes the row of {row.org} since {row.since}")
    active = {row.org: row.key_id for row in before.members if not row.ended} if before else {}
    agree = sorted(org for org, key in active.items() if key in signers)
    missing = min(2, len(active)) - len(agree)
    if missing > 0:
        raise HubError(
            f"needs the signatures of {min(2, len(active))} members and has "
            f"{' and '.join(agree) or 'none'}; let another sign it: exchange hub members --sign"
        )
    if len(active) < 2 and not host_keys & signers:
        raise HubError(f"needs the signature of the host {charter.host}: there are no two members")


def seal_letter(content: bytes, signature: bytes, sealing_key: bytes, hub: str) -> bytes:
    """Seals a letter and its signature to the host's key (HPKE, RFC 9180), filled up in size.

    Raises:
        HubError: if it is too large.
    """
    lengths = len(content).to_bytes(4, "big") + len(signature).to_bytes(4, "big")
    plain = lengths + content + signature
    size = next((one for one in SIZES if len(plain) <= one), None)
    if size is None:
        raise HubError(f"is larger than {SIZES[-1]} bytes")
    public = X25519PublicKey.from_public_bytes(sealing_key)
    return _SUITE.encrypt(plain.ljust(size, b"\0"), public, _purpose(hub))


def open_letter(sealed: bytes, secret: bytes, hub: str) -> tuple[bytes, bytes]:
    """Opens a sealed letter; returns it and its signature file.

    Raises:
        HubError: if it is not sealed to this key for this hub.
    """
    problem = HubError("is not sealed to this hub's key, or was altered")
    if len(sealed) not in SEALED_SIZES:
        raise problem
    try:
        plain = _SUITE.decrypt(sealed, X25519PrivateKey.from_private_bytes(secret), _purpose(hub))
    except (InvalidTag, ValueError):
        raise problem from None
    first, second = (int.from_bytes(plain[at : at + 4], "big") for at in (0, 4))
    if 8 + first + second > len(plain) or plain[8 + first + second :].strip(b"\0"):
        raise HubError("is sealed, and is no letter")
    return plain[8 : 8 + first], plain[8 + first : 8 + first + second]


def _purpose(hub: str) -> bytes:
    return b"ringtrace hub letter " + hub.encode()


def epoch_of(charter: HubCharter, day: date) -> int:
    """Returns the number of the epoch of a day."""
    return (day - parse_moment(charter.issued_at).date()).days // charter.epoch_days


def contributor_token(secret: bytes, charter: HubCharter, org: str, day: date) -> str:
    """Returns what stands for an organisation in the log, in the epoch of a day."""
    text = f"ringtrace hub token|{charter.name}|{epoch_of(charter, day)}|{org}"
    return hmac.digest(secret, text.encode(), "sha256").hex()[:32]
