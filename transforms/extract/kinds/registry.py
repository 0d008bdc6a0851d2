"""The kinds of identifier: one row for each, with all facts that other packages need.

A row is for a kind, or for one scheme of a kind: ids are `kind:value` or `kind:scheme:value`. A
scheme without a row uses the row of its kind. Texts are searched in the order of the rows. This
module imports only the enums, so that any module may import it.

Facts with sources stay in data files that name kinds: how long a holder keeps an identifier
(transforms/data/lives.toml), and who keeps the records of a service (reports/referral/data). For a
kind without such facts, the holder never changes, and only the service names the provider.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from schemas.enums import EntityKind, Role


@dataclass(frozen=True)
class Finder:
    """A module of this package: `HINT`, RE2 without whose match a text holds nothing, and `find`.

    `rare`: few texts have its hint, which is searched together with all other rare hints.
    `leftover`: it may match parts of other finders' matches; only matches outside them count.
    `regional`: it reads numbers, and takes the region of a text.
    """

    module: str
    rare: bool = False
    leftover: bool = False
    regional: bool = False


@dataclass(frozen=True)
class IdentifierKind:
    """Facts about a kind of identifier, or one of its schemes.

    Attributes:
        kind: The namespace of its ids.
        noun: Its name in reports, in the singular.
        hard_role: Its role if the nearby words say that the scammer wants it used, or None if only
            its finder gives the role.
        personal: Whether a private person, such as a victim, can hold it. If it is only mentioned,
            it then has a withheld id. Sites are not personal: anybody may look up their holder.
        retention_days: How long a stream counts a mention, in days before its newest record.
        caution: Why its holder may be innocent, for the exculpatory section; empty for suppliers,
            who are not accused.
        offered: Whether a policy may let it leave in an exchange.
        provider: The class of provider that keeps its records (reports/referral retention.toml).
        stix: The type of its STIX observable; `ip-addr` stands for ipv4-addr and ipv6-addr.
        misp: Type and category of its MISP attribute; a type `other` keeps the scheme in its value.
        shape: Its shape in a graph, by its name in Cytoscape.
        colour: Its colour in figures, on paper and on a light page.
        on_dark: Its colour on a dark page, or None if it has no mark there.
        finders: The modules that find it in texts.
        scheme: The second part of its ids, if the row is for one scheme.
    """

    kind: EntityKind
    noun: str
    hard_role: Role | None
    personal: bool
    caution: str
    retention_days: int = 365
    offered: bool = True
    provider: str | None = None
    stix: str = "user-account"
    misp: tuple[str, str] = ("other", "Other")
    shape: str = "ellipse"
    colour: str = "#4f5762"
    on_dark: str | None = None
    finders: tuple[Finder, ...] = ()
    scheme: str | None = None

    @property
    def nouns(self) -> str:
        """Its name in the plural."""
        return f"{self.noun}{'es' if self.noun.endswith('s') else 's'}"


_EMAIL = IdentifierKind(
    EntityKind.EMAIL,
    "e-mail address",
    hard_role=Role.SENDER,
    personal=True,
    caution="A mailbox can be broken into, and a sender's address can be forged.",
    provider="mail",
    stix="email-addr",
    misp=("email", "Network activity"),
    shape="rectangle",
    colour="#b0407f",
    on_dark="#ee8fc3",
    finders=(Finder("email"), Finder("spelled_out", rare=True)),
)

_PHONE = IdentifierKind(
    EntityKind.PHONE,
    "phone number",
    hard_role=Role.CALLBACK,
    personal=True,
    caution="A number can be leased by the day, forwarded, or taken over by malware; its "
    "subscriber can be a reseller's customer who knows nothing.",
    provider="carrier",
    stix="phone-number",
    misp=("phone-number", "Other"),
    colour="#1f6fc2",
    on_dark="#6aaef2",
    finders=(Finder("obfuscated_phone", rare=True), Finder("phone_link", rare=True, regional=True)),
)
"""Numbers in their usual form are found by `phone.find`, a column at a time."""

_REMOTE = IdentifierKind(
    EntityKind.REMOTE,
    "remote-access id",
    hard_role=Role.OPERATOR,
    personal=True,
    caution="A remote-access id is of a machine, which can be hired or broken into.",
    provider="remote-access",
    shape="triangle",
    colour="#157f5b",
    on_dark="#5ac9a0",
    finders=(Finder("remote_access"),),
)

_ACCOUNT = IdentifierKind(
    EntityKind.ACCOUNT,
    "bank or payment account",
    hard_role=Role.PAYEE,
    personal=True,
    caution="An account can be a money mule's, who can be a victim, or be opened in a stolen name.",
    provider="bank",
    misp=("bank-account-nr", "Financial fraud"),
    shape="hexagon",
    colour="#a8620a",
    on_dark="#e9a54e",
    finders=(Finder("bank_account"),),
)

_WALLET = IdentifierKind(
    EntityKind.WALLET,
    "wallet",
    hard_role=Role.PAYEE,
    personal=True,
    caution="A wallet address can be an exchange's or a payment processor's own.",
    provider="wallet",
    stix="cryptocurrency-wallet",
    misp=("other", "Financial fraud"),
    shape="hexagon",
    colour="#7a6a00",
    on_dark="#cdbb4a",
    finders=(Finder("crypto_wallet"),),
)

_HANDLE = IdentifierKind(
    EntityKind.HANDLE,
    "chat handle",
    hard_role=Role.PAYEE,
    personal=True,
    caution="A chat handle can be given up and taken by somebody else.",
    provider="messenger",
    shape="pentagon",
    colour="#b0407f",
    on_dark="#ee8fc3",
    finders=(Finder("payment_tag", rare=True),),
)

_DOMAIN = IdentifierKind(
    EntityKind.DOMAIN,
    "domain",
    hard_role=Role.LURE_SITE,
    personal=False,
    caution="A site can be hacked, or its name registered in a stolen identity.",
    provider="registrar",
    stix="domain-name",
    misp=("domain", "Network activity"),
    shape="diamond",
    colour="#7a4bb5",
    on_dark="#b896ea",
    finders=(Finder("url", leftover=True, regional=True),),
)

_SUPPLIER = IdentifierKind(
    EntityKind.SCRIPT,
    "script",
    hard_role=None,
    personal=False,
    retention_days=90,
    caution="",
    offered=False,
)


def _scheme(row: IdentifierKind, scheme: str, *finders: Finder, **facts: Any) -> IdentifierKind:
    """Returns the row of a scheme: the row of its kind with other finders and some other facts."""
    return replace(row, scheme=scheme, finders=finders, **facts)


KINDS = (
    _EMAIL,
    _PHONE,
    _REMOTE,
    _scheme(
        _ACCOUNT, "iban", Finder("iban"), stix="bank-account", misp=("iban", "Financial fraud")
    ),
    _scheme(_ACCOUNT, "upi", Finder("upi")),
    _scheme(_ACCOUNT, "merchant", Finder("merchant", rare=True), hard_role=None, personal=False),
    _ACCOUNT,
    _WALLET,
    *(_scheme(_WALLET, coin, misp=(coin, "Financial fraud")) for coin in ("btc", "dash", "xmr")),
    _HANDLE,
    _scheme(_HANDLE, "signal", Finder("messenger", rare=True), hard_role=Role.OPERATOR),
    _scheme(_HANDLE, "telegram"),  # found by the finder of Signal
    _scheme(_HANDLE, "whatsapp"),
    _scheme(_HANDLE, "agent", Finder("agent_id", rare=True), hard_role=None, personal=False),
    _DOMAIN,
    replace(
        _DOMAIN,
        kind=EntityKind.URL,
        noun="web address",
        caution="A page can stand on a hacked site.",
        stix="url",
        misp=("url", "Network activity"),
        finders=(),
    ),
    replace(
        _SUPPLIER, kind=EntityKind.IP, noun="IP address", hard_role=Role.LURE_SITE, stix="ip-addr"
    ),
    _SUPPLIER,
    replace(_SUPPLIER, kind=EntityKind.ORIG_ID, noun="origination id"),
    replace(_SUPPLIER, kind=EntityKind.TRUNK, noun="trunk"),
    replace(_SUPPLIER, kind=EntityKind.CARRIER, noun="carrier"),
)
"""Every kind; `url` finds domains, web addresses and IP addresses."""

BY_KIND: Mapping[str, IdentifierKind] = {row.kind: row for row in KINDS if row.scheme is None}
"""The row of each kind, by its namespace."""

_BY_SCHEME: Mapping[tuple[str, str], IdentifierKind] = {
    (row.kind, row.scheme): row for row in KINDS if row.scheme is not None
}

if missing := [str(kind) for kind in EntityKind if kind not in BY_KIND]:
    raise TypeError(f"KINDS has no row for {', '.join(missing)}: add one to {__name__}")
if len(BY_KIND) + len(_BY_SCHEME) != len(KINDS):
    raise TypeError(f"KINDS has two rows for one kind and scheme: take one out of {__name__}")


def lookup_kind(kind: str, value: str) -> IdentifierKind | None:
    """Returns the row of an identifier's scheme, or else of its kind, or None."""
    return _BY_SCHEME.get((kind, value.partition(":")[0])) or BY_KIND.get(kind)
