"""Reads lists of known-legitimate identifiers, which are always suppressed.

A wrong row hides a scammer. So every row of the shipped list names its public source, and a row of
a user's list must read as exactly one identifier. The list also names hosts at which anybody may
have a mailbox: a narrative names its writer's own mailbox as often as the scammer's.

A second, compiled list has the sites of organisations (`domain.known_sites`). It is loaded at the
first look-up.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from typing import Self

import phonenumbers
import pyarrow as pa
import pyarrow.compute as pc

from schemas.entity import is_withheld
from schemas.enums import EntityKind
from schemas.facts import Fact, fact
from schemas.field import TEXT
from transforms.arrow import map_distinct
from transforms.decode import read_reference_data
from transforms.extract.kinds import crypto_wallet, domain, email, iban, remote_access, url

SHIPPED = "known_legitimate.csv"

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
    "charity",
    "education",
    "health",
    "news",
    "utility",
)

ANYBODYS_MAIL = frozenset({"freemail", "carrier"})
"""Categories of domains at which anybody may have a mailbox."""

OWN_MAIL = frozenset(CATEGORIES) - ANYBODYS_MAIL - {"education"}
"""Categories of domains whose mail comes only from staff and machines, and is all legitimate.

A scammer can have a mailbox at a freemail host, a carrier or a university. But `no-reply@` a vendor
or a platform is nobody's: it would tie together everybody who ever got its mail.
"""

REGISTRY_PREFIX = "domain:*."
"""Prefix of a row for all domains of a registry, such as `domain:*.gov`."""

RESTRICTED = frozenset({"government", "bank", "brand", "education"})
"""Categories that may have a registry of their own, closed to everybody else."""

_DOMAIN = "domain:"


class LegitimateListError(ValueError):
    """A row of a known-legitimate list that cannot be used; the message is for its author."""


@dataclass(frozen=True)
class KnownLegitimate:
    """Reasons (`why`) by entity id, which is `domain:*.gov` for a registry.

    `mail_hosts` are the domains and registries at which every mailbox is legitimate. `with_sites`
    says whether the compiled list of organisations' sites counts too. `facts` has the facts of ids
    that an analyst decided to be legitimate, or that an earlier run knew.
    """

    why: Mapping[str, str]
    mail_hosts: frozenset[str] = frozenset()
    with_sites: bool = False
    facts: Mapping[str, Fact] = field(default_factory=dict)

    def merged(self, added: Self) -> KnownLegitimate:
        """Merges both lists; where both have an id, `added` gives the reason."""
        facts = {name: why for name, why in self.facts.items() if name not in added.why}
        return KnownLegitimate(
            {**self.why, **added.why},
            self.mail_hosts | added.mail_hosts,
            self.with_sites or added.with_sites,
            {**facts, **added.facts},
        )

    def fact(self, entity_id: str, reason: str) -> Fact:
        """Returns the fact that an entity is legitimate, for one of `reasons`."""
        return self.facts.get(entity_id) or fact("known_legitimate", reason)

    def reasons(self, entity_ids: pa.Array) -> pa.Array:
        """Returns the reason why each entity id is legitimate, or null if it is not listed."""
        place = pc.index_in(entity_ids, pa.array(list(self.why), TEXT))
        listed = pa.array(list(self.why.values()), TEXT).take(place)
        registries = {
            entity_id.removeprefix(REGISTRY_PREFIX): why
            for entity_id, why in self.why.items()
            if entity_id.startswith(REGISTRY_PREFIX)
        }

        def of_site(host: str) -> str | None:
            above = (registries[name] for name in _and_parents(host) if name in registries)
            site = self._site(host)
            return next(above, None) or (site.reason if site else None)

        def of_mailbox(host: str) -> str | None:
            own = (name for name in _and_parents(host) if self._has_only_own_mail(name))
            return next((f"mailbox at {name}" for name in own), None)

        return pc.coalesce(
            listed,
            _reasons_by_host(entity_ids, r"^domain:(?P<host>.+)$", of_site),
            _reasons_by_host(entity_ids, r"^email:[^@]*@(?P<host>[^@]+)$", of_mailbox),
        )

    def _site(self, host: str) -> domain.KnownSite | None:
        return domain.known_sites().get(host) if self.with_sites else None

    def _has_only_own_mail(self, host: str) -> bool:
        if host in self.mail_hosts:
            return True
        site = self._site(host)
        return site is not None and site.category in OWN_MAIL


@cache
def shipped_allowlist() -> KnownLegitimate:
    """Returns the list that ships with ringtrace; reads it once."""
    return replace(parse_allowlist(read_reference_data(SHIPPED), SHIPPED), with_sites=True)


def parse_allowlist(text: str, name: str) -> KnownLegitimate:
    """Parses a list in CSV with the columns `entity_id,reason` and, optionally, `category,source`.

    Instead of an entity id, a row may have a number in E.164 (`+1 800 829 1040`), a registrable
    domain, an e-mail address or a restricted registry (`*.gov`). Raises LegitimateListError, with
    `name` and the row, for anything else.
    """
    rows: dict[str, str] = {}
    mail_hosts = set()
    for line, row in _read_rows(text, name):
        try:
            entity_id = canonical_entity_id((row.get("entity_id") or "").strip())
            category = _parse_category(row)
            _check_registry(entity_id, category)
            _check_value(entity_id)
        except LegitimateListError as error:
            raise LegitimateListError(f"{name}, line {line}: {error}") from None
        rows[entity_id] = (row.get("reason") or "").strip() or "known legitimate"
        if category in OWN_MAIL and entity_id.startswith(_DOMAIN):
            mail_hosts.add(entity_id.removeprefix(_DOMAIN).removeprefix("*."))
    return KnownLegitimate(rows, frozenset(mail_hosts))


def canonical_entity_id(text: str, *, tenants: bool = False) -> str:
    """Returns the entity id of an id, an E.164 number, an e-mail address or a domain.

    For `*.gov`, all domains of a registry, it is `domain:*.gov`. With `tenants`, a host below a
    domain is accepted too, as in runs that found the domain to be shared.

    Raises LegitimateListError for any other text, or if the text is ambiguous.
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
    if is_withheld(text):
        raise LegitimateListError(
            f"{text!r} is a withheld id; give the identifier, or decide with ringtrace decide"
        )
    if kind == EntityKind.PHONE:
        return f"phone:{_canonical_phone(value)}"
    if kind == EntityKind.DOMAIN:
        return f"domain:{_canonical_domain(value, tenants=tenants and bool(colon))}"
    if kind == EntityKind.EMAIL:
        local, _, host = value.rpartition("@")
        canonical = domain.canonical_host(host)
        if not local or canonical is None or domain.registrable_domain(canonical) is None:
            raise LegitimateListError(f"{value!r} is not an e-mail address; write name@example.org")
        return f"email:{local.lower()}@{canonical}"
    read = _read_value(kind, value)
    return f"{kind}:{read}" if read else text


def _read_value(kind: str, value: str) -> str | None:
    """Returns an account, wallet, remote-access id or web address in the form of extraction.

    Returns None if extraction cannot read it, or reads another scheme.
    """
    scheme, _, rest = value.partition(":")
    if kind == EntityKind.URL:
        host, slash, path = value.removeprefix("https://").removeprefix("http://").partition("/")
        site = url.classify_host(host, slash + path)
        return site[1] if site and site[0] == kind else None
    if kind == EntityKind.ACCOUNT and scheme == "upi":
        return value.lower()
    if kind == EntityKind.ACCOUNT and scheme == "iban":
        return iban.canonical_iban(rest)
    if kind == EntityKind.WALLET and scheme == "sol":
        return value if crypto_wallet.is_solana_address(rest) else None
    if kind == EntityKind.WALLET:
        wallet = crypto_wallet.canonical_wallet(rest)
        return wallet if wallet and wallet.startswith(f"{scheme}:") else None
    if kind == EntityKind.REMOTE:
        session = remote_access.from_field(scheme, rest)
        return session.value if session else None
    return value


def reads_as_itself(entity_id: str) -> bool:
    """Checks whether a record could show a bare id: extraction must read its value as this id.

    A host that is no site of its own fails, and so does an account with wrong check digits. Kinds
    without a rule pass.
    """
    kind, _, value = entity_id.partition(":")
    if kind == EntityKind.PHONE:
        try:
            return _canonical_phone(value) == value
        except LegitimateListError:
            return False
    if kind == EntityKind.DOMAIN:
        site = url.classify_host(value)
        return site is not None and site[:2] == (kind, value)
    if kind == EntityKind.EMAIL:
        return domain.registrable_domain(value.rpartition("@")[2]) is not None
    return _read_value(kind, value) == value


_AT_SITES = (EntityKind.DOMAIN, EntityKind.URL, EntityKind.EMAIL)


@lru_cache(maxsize=domain.REMEMBERED)
def may_be_an_organisations(entity_id: str) -> bool:
    """Tells whether a bare id is a site, a page or an address at a site that imitates nobody.

    A mailbox at a freemail host is a person's own, and a page of a listed platform is a tenant's.
    """
    kind, _, value = entity_id.partition(":")
    if kind not in _AT_SITES or email.is_freemail(value):
        return False
    if kind == EntityKind.URL and domain.platform_of(value):
        return False
    host = value.rpartition("@")[2].partition("/")[0]
    site = url.classify_host(host)
    if site is None or site.how is not None:
        return False
    # A domain can be known as shared only by its use: then check the name of the tenant.
    tenant = host[: -len(site.value) - 1] if host.endswith(f".{site.value}") else None
    return tenant is None or domain.impersonated_brand(host, tenant) is None


def _reasons_by_host(
    entity_ids: pa.Array, pattern: str, find: Callable[[str], str | None]
) -> pa.Array:
    """Applies `find` to the hosts that a pattern reads in ids; returns the reasons."""
    return map_distinct(pc.struct_field(pc.extract_regex(entity_ids, pattern), "host"), find)


def _and_parents(host: str) -> Iterator[str]:
    labels = host.split(".")
    return (".".join(labels[start:]) for start in range(len(labels)))


def _check_registry(entity_id: str, category: str | None) -> None:
    if entity_id.startswith(REGISTRY_PREFIX) and category not in RESTRICTED:
        wanted = ", ".join(sorted(RESTRICTED))
        raise LegitimateListError(f"a whole registry needs a category; use {wanted}")


def _check_value(entity_id: str) -> None:
    """Refuses an id that no record could show: its row would protect nobody."""
    kind, _, value = entity_id.partition(":")
    if kind not in (EntityKind.PHONE, EntityKind.DOMAIN) and not reads_as_itself(entity_id):
        raise LegitimateListError(f"{value!r} is read as no {kind}; check its characters")


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


def _canonical_domain(text: str, *, tenants: bool = False) -> str:
    if text.startswith("*."):
        registry = domain.canonical_host(text.removeprefix("*."))
        if registry is None or domain.public_suffix(f"x.{registry}") != registry:
            raise LegitimateListError(
                f"{text!r} is not the suffix of a registry; give one such as *.gov"
            )
        return f"*.{registry}"
    host = domain.canonical_host(text)
    registrable = domain.registrable_domain(host) if host else None
    tenant = domain.tenant_of(domain.Link(host)) if host else None
    if host and tenant and tenant.value == host:
        return host
    if registrable is None:
        raise LegitimateListError(
            f"{text!r} is not a registrable domain; give one such as example.org"
        )
    if registrable != host and not (tenants and host):
        raise LegitimateListError(f"{text!r} is not a registrable domain; give {registrable!r}")
    return host or registrable
