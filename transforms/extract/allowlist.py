"""Reads lists of identifiers that are known to be legitimate: they are suppressed, always.

A wrong row hides a scammer, so every row of the shipped list names its public source, and a row of
a user's list that cannot be read as exactly one identifier is refused. The list also says at which
hosts anybody may have a mailbox: a narrative names its writer's own as often as the scammer's.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Self

import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc

from schemas.enums import EntityKind
from transforms.extract.kinds import domain, hosting

SHIPPED = "known_legitimate.csv"

COLUMNS = ("entity_id", "reason", "category", "source")

CATEGORIES = (
    "brand",
    "bank",
    "government",
    "carrier",
    "remote_access",
    "freemail",
    "shortener",
    "messenger",
    "platform",
)

OWN_MAIL = frozenset(CATEGORIES) - {"freemail", "carrier"}
"""Categories whose domains only staff and machines send from, so that all mail there is legitimate.

A mailbox at a freemail host or a carrier can be a scammer's, and `no-reply@` a vendor or a platform
is nobody's: left in, it would weld everybody who ever got its mail.
"""

REGISTRY_PREFIX = "domain:*."
"""Prefix of a row for all domains of a registry, such as `domain:*.gov`."""

RESTRICTED = frozenset({"government", "bank", "brand"})
"""Categories that may have a registry of their own, in which nobody else can register."""

_DOMAIN = "domain:"


class LegitimateListError(ValueError):
    """A row of a known-legitimate list that cannot be used; the message is for its author."""


@dataclass(frozen=True)
class KnownLegitimate:
    """Sorted entity ids, and `domain:*.gov` for registries, with, in parallel, the reason for each.

    `mail_hosts` are the domains at which every mailbox is legitimate.
    """

    entity_ids: tuple[str, ...]
    why: tuple[str, ...]
    mail_hosts: frozenset[str]

    def merged(self, other: Self) -> KnownLegitimate:
        """Merges both lists; where both have an id, `other` gives the reason."""
        rows = dict(zip(self.entity_ids, self.why, strict=True))
        rows |= dict(zip(other.entity_ids, other.why, strict=True))
        return _make_list(rows, self.mail_hosts | other.mail_hosts)

    def reasons(self, entity_ids: pa.Array) -> pa.Array:
        """Returns why each entity id is legitimate, as string; null where it is not known to be."""
        listed = pc.take(
            pa.array(self.why, pa.string()),
            pc.index_in(entity_ids, value_set=pa.array(self.entity_ids, pa.string())),
        )
        registries = {
            one.removeprefix(REGISTRY_PREFIX): why
            for one, why in zip(self.entity_ids, self.why, strict=True)
            if one.startswith(REGISTRY_PREFIX)
        }
        mail = {host: f"mailbox at {host}" for host in (*registries, *self.mail_hosts)}
        return pc.coalesce(
            listed,
            _reasons_by_host(entity_ids, r"^domain:(?P<host>.+)$", registries),
            _reasons_by_host(entity_ids, r"^email:[^@]*@(?P<host>[^@]+)$", mail),
        )


def shipped_allowlist() -> KnownLegitimate:
    """Returns the list that ships with ringtrace."""
    return parse_allowlist(_shipped_text(), SHIPPED)


def parse_allowlist(text: str, name: str) -> KnownLegitimate:
    """Parses a list in CSV with the columns `entity_id,reason` and, optionally, `category,source`.

    Instead of an entity id, a number in E.164 (`+1 800 829 1040`), a registrable domain, an e-mail
    address or a restricted registry (`*.gov`) will do. Raises LegitimateListError, with `name` and
    the row, for anything else.
    """
    rows: dict[str, str] = {}
    mail_hosts = set()
    for line, row in _read_rows(text, name):
        try:
            entity_id = canonical_entity_id((row.get("entity_id") or "").strip())
            category = _parse_category(row)
            whole = _is_registry(entity_id, category)
        except LegitimateListError as error:
            raise LegitimateListError(f"{name}, line {line}: {error}") from None
        rows[entity_id] = (row.get("reason") or "").strip() or "known legitimate"
        if category in OWN_MAIL and entity_id.startswith("domain:") and not whole:
            mail_hosts.add(entity_id.removeprefix("domain:"))
    return _make_list(rows, mail_hosts)


def canonical_entity_id(text: str) -> str:
    """Returns the entity id of an id, an E.164 number, an e-mail address or a domain.

    For `*.gov`, all domains of a registry, it is `domain:*.gov`.

    Raises LegitimateListError where it is none of these, or could be more than one thing.
    """
    kind, colon, value = text.partition(":")
    if not text:
        raise LegitimateListError("entity_id is empty; give an identifier, or leave the row out")
    if not colon:
        kind, value = _infer_kind(text), text
    elif kind not in tuple(EntityKind):
        raise LegitimateListError(
            f"{kind!r} is not a kind of identifier; use {', '.join(EntityKind)}"
        )
    if kind == EntityKind.PHONE:
        return f"phone:{_canonical_phone(value)}"
    if kind == EntityKind.DOMAIN:
        return f"domain:{_canonical_domain(value)}"
    if kind == EntityKind.EMAIL:
        local, _, host = value.rpartition("@")
        at = domain.canonical_host(host)
        if not local or at is None or domain.registrable_domain(at) is None:
            raise LegitimateListError(f"{value!r} is not an e-mail address; write name@example.org")
        return f"email:{local.lower()}@{at}"
    return text


def is_freemail(address: str) -> bool:
    """Checks whether a canonical address, `local@host`, is at one of `freemail_hosts`."""
    host = address.rpartition("@")[2]
    return host in freemail_hosts() or domain.registrable_domain(host) in freemail_hosts()


@cache
def freemail_hosts() -> frozenset[str]:
    """Returns the registrable domains of the shipped list at which anybody may have a mailbox.

    A carrier's own domain is among them only where its subscribers get addresses there.
    """
    rows = (row for _, row in _read_rows(_shipped_text(), SHIPPED))
    listed = {row["entity_id"] or "" for row in rows if row["category"] == "freemail"}
    return frozenset(one.removeprefix(_DOMAIN) for one in listed if one.startswith(_DOMAIN))


def _shipped_text() -> str:
    return resources.files("transforms").joinpath("data", SHIPPED).read_text(encoding="utf-8")


def _reasons_by_host(entity_ids: pa.Array, pattern: str, owners: Mapping[str, str]) -> pa.Array:
    """Returns reasons for ids whose host is, or is anywhere below, one of `owners`."""
    hosts = pc.struct_field(pc.extract_regex(entity_ids, pattern), "host")
    distinct = pc.unique(hosts)
    reasons = pa.array(
        [_reason_of_host(host, owners) for host in distinct.to_pylist()], pa.string()
    )
    return pc.take(reasons, pc.index_in(hosts, value_set=distinct))


def _reason_of_host(host: str | None, owners: Mapping[str, str]) -> str | None:
    labels = (host or "").split(".")
    parents = (".".join(labels[start:]) for start in range(len(labels)))
    return next((owners[parent] for parent in parents if parent in owners), None)


def _is_registry(entity_id: str, category: str | None) -> bool:
    if not entity_id.startswith(REGISTRY_PREFIX):
        return False
    if category not in RESTRICTED:
        wanted = ", ".join(sorted(RESTRICTED))
        raise LegitimateListError(f"a whole registry needs a category; use {wanted}")
    return True


def _make_list(rows: dict[str, str], mail_hosts: Iterable[str]) -> KnownLegitimate:
    ordered = sorted(rows.items())
    return KnownLegitimate(
        tuple(entity_id for entity_id, _ in ordered),
        tuple(reason for _, reason in ordered),
        frozenset(mail_hosts),
    )


def _read_rows(text: str, name: str) -> Iterator[tuple[int, dict[str, str | None]]]:
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")), strict=True)
    try:
        if "entity_id" not in (reader.fieldnames or ()):
            raise LegitimateListError(
                f"{name}: the first line must be entity_id,reason; add it above the rows"
            )
        for row in reader:
            yield reader.line_num, row
    except csv.Error as error:
        raise LegitimateListError(f"{name}, line {max(reader.line_num, 1)}: {error}") from None


def _parse_category(row: dict[str, str | None]) -> str | None:
    category = (row.get("category") or "").strip() or None
    if category is not None and category not in CATEGORIES:
        raise LegitimateListError(f"no such category {category!r}; use {', '.join(CATEGORIES)}")
    return category


def _infer_kind(text: str) -> str:
    if "@" in text:
        return EntityKind.EMAIL
    if any(c.isalpha() for c in text):
        return EntityKind.DOMAIN
    return EntityKind.PHONE


def _canonical_phone(text: str) -> str:
    if not text.strip().startswith("+"):
        raise LegitimateListError(
            f"{text!r} has no country code; write it in full, such as +18008291040"
        )
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        raise LegitimateListError(
            f"{text!r} is not a phone number; write it in full, such as +18008291040"
        ) from None
    if not phonenumbers.is_possible_number(number):
        raise LegitimateListError(f"{text!r} is not a possible phone number; check its digits")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _canonical_domain(text: str) -> str:
    if text.startswith("*."):
        registry = domain.canonical_host(text.removeprefix("*."))
        if registry is None or domain.public_suffix(f"x.{registry}") != registry:
            raise LegitimateListError(
                f"{text!r} is not the suffix of a registry; give one such as *.gov"
            )
        return f"*.{registry}"
    host = domain.canonical_host(text)
    registrable = domain.registrable_domain(host) if host else None
    tenant = hosting.tenant_of(hosting.Link(host)) if host else None
    if host and tenant and tenant.value == host:
        return host
    if registrable is None:
        raise LegitimateListError(
            f"{text!r} is not a registrable domain; give one such as example.org"
        )
    if registrable != host:
        raise LegitimateListError(f"{text!r} is not a registrable domain; give {registrable!r}")
    return registrable
