"""Files of a hub, which others send: its charter, lists of members, letters and heads.

Files are hostile until signature and every field are checked. This module seals and opens letters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from reports import signing
from reports.letters import (
    CLOCK_TOLERANCE,
    OFFERABLE_KINDS,
    OfferError,
    check_keys,
    is_entity_id,
    need,
    parse_file,
)
from schemas.offer import HubActor, HubCharter, HubEntry, HubLetter, HubMembers, HubTie, LoggedActor
from schemas.signed_fields import parse_moment, rising, week_start
from transforms.graph.link_weights import MAX_HARD_ENTITIES

HUB_LIVES = {
    "account": 180, "domain": 80, "email": 365, "handle": 180, "phone": 45, "remote": 90,
    "url": 80, "wallet": 365,
}  # fmt: skip
"""Days that an entry lives without renewal, by kind, unless the host sets others.

Phones, domains, addresses and handles have the days of transforms/data/lives.toml.
"""

_SUITE = hpke.Suite(hpke.KEM.X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.CHACHA20_POLY1305)

SIZES = (1 << 20, 1 << 22, 1 << 24)
"""Bytes of a padded letter, before it is sealed: only three sizes, so that a size says little."""

SEAL_BYTES = 48
"""Bytes that sealing adds: an X25519 key and a tag of 16 (RFC 9180)."""

SEALED_SIZES = tuple(size + SEAL_BYTES for size in SIZES)
"""Bytes that a sealed letter can have."""

MAX_ENTRIES, MAX_MEMBERS, MAX_OPEN_DISPUTES = 5_000, 500, 100
"""Entries of a letter, rows of a list of members, and open disputes of one member."""

MAX_DAY_BYTES, MAX_LINE_BYTES = 64 << 20, 1 << 20
"""Most bytes of a day of a log, and of a line."""


def _check_charter(charter: HubCharter) -> None:
    need(charter.host != charter.name, "host")
    need([life.kind for life in charter.lives] == sorted(OFFERABLE_KINDS), "lives")


def _check_members(after: HubMembers) -> None:
    rows = after.members
    need(1 <= len(rows) <= MAX_MEMBERS, "members")
    need(rising([(row.org, row.since) for row in rows]), "members")
    active = [row.org for row in rows if not row.ended]
    need(len(active) == len(set(active)), "members")
    need(len({row.key_id for row in rows}) == len(rows), "members")
    check_keys(rows, "members")
    for place, row in enumerate(rows):
        need((row.until is not None) == bool(row.ended), f"members[{place}].until")


def _check_letter(letter: HubLetter) -> None:
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
        # A week that has not begun would make the reader refuse the whole feed.
        last = max((week_start(tie.week) for tie in actor.ties), default=date.min + CLOCK_TOLERANCE)
        need(last - CLOCK_TOLERANCE <= parse_moment(letter.issued_at).date(), f"{where}.ties")
    for name in ("renewals", "withdrawals", "answers"):
        need(len(getattr(letter, name)) <= MAX_ENTRIES, name)
    need(len(letter.disputes) <= MAX_OPEN_DISPUTES, "disputes")
    need(rising([dispute.dispute for dispute in letter.disputes]), "disputes")


def _check_actor(actor: HubActor, where: str) -> None:
    entries = actor.entries
    need(entries and rising([entry.entity_id for entry in entries]), f"{where}.entries")
    for place, entry in enumerate(entries):
        check_entry(entry, f"{where}.entries[{place}]")
    check_ties(actor.ties, f"{where}.ties")
    known = {entry.entry for entry in entries}
    need(all(known.issuperset(tie.entries) for tie in actor.ties), f"{where}.ties")
    line = LoggedActor(actor.actor, "2000-01-01", actor.replaces, actor.ties, actor.actor)
    if len(signing.canonical_json(line)) > MAX_LINE_BYTES:
        raise OfferError(f"has more ties in {where} than {MAX_LINE_BYTES} bytes of a log hold")


def check_entry(entry: HubEntry, where: str) -> None:
    """Checks an entry beyond the form of its fields; raises OfferError naming the wrong field."""
    need(is_entity_id(entry.entity_id), f"{where}.entity_id")
    need(entry.first <= entry.last, f"{where}.last")


def check_ties(ties: Sequence[HubTie], where: str) -> None:
    """Checks ties beyond the form of their fields; raises OfferError naming the wrong field."""
    need(len(ties) <= MAX_ENTRIES and rising([(t.entries, t.week) for t in ties]), where)
    need(all(1 <= len(tie.entries) <= MAX_HARD_ENTITIES for tie in ties), where)


def seal_letter(content: bytes, signature: bytes, sealing_key: bytes, hub: str) -> bytes:
    """Pads a letter and its signature, and seals them to the host's key (HPKE, RFC 9180).

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
}


def parse_hub_file(content: bytes, signed_by: str, kind: type[Any]) -> Any:
    """Parses a file of a hub in signed bytes, as `parse_file` does, and checks every field.

    Raises:
        OfferError: naming the first field that is wrong.
    """
    letter = parse_file(content, signed_by, kind)
    if kind in _CHECKS:
        _CHECKS[kind](letter)
    return letter
