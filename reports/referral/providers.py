"""The providers that keep records on the members, and the last days on which they do."""

from __future__ import annotations

import calendar
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from schwifty import IBAN
from schwifty.exceptions import SchwiftyException

from reports.cluster_data import ClusterFacts, Row
from reports.referral.language import Language
from reports.referral.reference import Reference, english
from schemas.entity import without_epoch
from schemas.enums import Role
from transforms.extract.kinds.domain import platform_of, registrable_domain
from transforms.extract.kinds.email import is_freemail
from transforms.extract.kinds.registry import lookup_kind

NANP = ("US", "CA")
"""Regions whose toll-free numbers are assigned by responsible organisations (47 CFR 52.101)."""

_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Provider:
    """A provider: `kind` is a class of retention.toml, `country` ISO 3166-1 or None.

    Each `identifier` of an unknown institution has a provider of its own: two could be at two
    institutions, and no letter may show an institution the other's. `doubt` tells counsel why a
    register's name is not used. `file` is its English name, for the names of files.
    """

    name: str
    kind: str
    country: str | None
    found_by: str
    identifier: str = ""
    doubt: str = ""
    file: str = ""


@dataclass(frozen=True)
class RetainedMember:
    """A member at its provider, with the days until which it keeps the first and last records.

    Both days are None if no period is known, which means: ask at once.
    """

    member: Row
    first_until: datetime | None
    last_until: datetime | None


PRIORITIES = ("at_once", "soon", "in_turn", "may_be_too_late")
"""Priorities of a request: records end within `SOON_DAYS`, `IN_TURN_DAYS`, later, or ended."""

SOON_DAYS, IN_TURN_DAYS, MONEY_DAYS = 90, 365, 30


@dataclass(frozen=True)
class ProviderGroup:
    """A provider, its retention clock, and the members there, the first to expire first."""

    provider: Provider
    clock: Row
    members: list[RetainedMember]

    @property
    def confidence(self) -> float:
        """The highest confidence of its members that they belong to the cluster."""
        return max(float(retained.member["confidence"]) for retained in self.members)

    def priority(self, moment: datetime) -> str:
        """Returns one of `PRIORITIES`, by when the next remaining record may be gone.

        A provider of an account that was paid lately comes first: it may still hold the money.
        """
        if any(
            retained.member["role"] == Role.PAYEE
            and retained.member["last_seen"] > moment - timedelta(days=MONEY_DAYS)
            for retained in self.members
        ):
            return PRIORITIES[0]
        ends = [
            end for retained in self.members for end in (retained.first_until, retained.last_until)
        ]
        left = [end - moment for end in ends if end is not None and end > moment]
        if None in ends or (left and min(left) <= timedelta(days=SOON_DAYS)):
            return PRIORITIES[0]
        if not left:
            return PRIORITIES[3]
        return PRIORITIES[1 if min(left) <= timedelta(days=IN_TURN_DAYS) else 2]

    @property
    def next_expiry(self) -> datetime | None:
        """The day on which the first record is gone; None if no period is known."""
        ends = [
            retained.first_until for retained in self.members if retained.first_until is not None
        ]
        return min(ends, default=None)


def group_by_provider(
    facts: ClusterFacts, reference: Reference, moment: datetime
) -> list[ProviderGroup]:
    """Groups members by provider, sorted by priority, then confidence, then the next expiry."""
    by_provider: defaultdict[Provider, list[RetainedMember]] = defaultdict(list)
    clocks: dict[Provider, Row] = {}
    for member in facts.members:
        provider = provider_of(member, facts, reference)
        clock = clocks[provider] = reference.retention_clock(provider.kind, provider.country)
        ends = (retention_end(member[name], clock) for name in ("first_seen", "last_seen"))
        by_provider[provider].append(RetainedMember(member, *ends))
    groups = []
    for provider, members in by_provider.items():
        members.sort(key=lambda kept: (kept.first_until or _LONG_AGO, kept.member["entity_id"]))
        groups.append(ProviderGroup(provider, clocks[provider], members))

    def urgency(group: ProviderGroup) -> tuple[int, float, datetime, str, str]:
        priority = PRIORITIES.index(group.priority(moment))
        expiry, first = group.next_expiry or _LONG_AGO, group.members[0].member["entity_id"]
        return priority, -round(group.confidence, 2), expiry, group.provider.name, first

    return sorted(groups, key=urgency)


def provider_of(member: Row, facts: ClusterFacts, reference: Reference) -> Provider:
    """Returns the provider of a member's records, as far as the identifier and the run show it."""
    bare = without_epoch(member["entity_id"])
    kind, _, value = bare.partition(":")
    row = lookup_kind(kind, value)
    made = _Maker(reference.language, reference.providers)
    match row.provider if row else None:
        case "carrier":
            return _carrier(made, member, facts.carriers.get(bare, []))
        case "mail":
            domain = value.rpartition("@")[2]
            if listed := made.listed(kind, domain):
                return listed
            if is_freemail(value):
                return made("mail", "mail", None, "address", domain=domain)
            return _registrar(made, domain)
        case "registrar":
            host = re.split("[/?]", value, maxsplit=1)[0]
            return _host(made, host, platform_of(value)) or _registrar(made, host)
        case "bank":
            return _bank(made, value)
        case "wallet":
            chain = value.partition(":")[0].upper()
            return made("wallet", "wallet", None, "chain", identifier=bare, chain=chain)
        case "remote-access" | "messenger" as provider_class:
            service = value.partition(":")[0]
            unknown = made("host", provider_class, None, "service", domain=service)
            return made.listed(kind, service) or unknown
    return made("unknown", "carrier", None, "nothing", identifier=bare)


@dataclass(frozen=True)
class _Maker:
    """Makes providers in a language, and finds providers in the reference data."""

    language: Language
    providers: Sequence[Row]

    def __call__(
        self,
        name: str,
        kind: str,
        country: str | None,
        found_by: str,
        *,
        identifier: str = "",
        doubt: str = "",
        **values: str,
    ) -> Provider:
        """Returns a provider by the names of its messages."""
        words, file = (
            language.say(f"providers.{name}", **values) for language in (self.language, english())
        )
        return Provider(
            words, kind, country, self.language.say(f"found_by.{found_by}"), identifier, doubt, file
        )

    def listed(self, kind: str, match: str) -> Provider | None:
        for row in self.providers:
            if (row["kind"], row["match"]) == (kind, match):
                name = row["name"]
                return Provider(name, row["class"], row["country"], row["source"], file=name)
        return None


def retention_end(moment: datetime, clock: Row) -> datetime | None:
    """Returns the end of a clock from `moment`: calendar months, cut to the month's last day."""
    if "days" in clock:
        return moment + timedelta(days=clock["days"])
    if "months" not in clock:
        return None
    month = moment.month - 1 + clock["months"]
    year, month = moment.year + month // 12, month % 12 + 1
    day = min(moment.day, calendar.monthrange(year, month)[1])
    return moment.replace(year=year, month=month, day=day)


def _carrier(made: _Maker, member: Row, carriers: Sequence[str]) -> Provider:
    """Returns the carrier that call records name, if they agree; else an unknown carrier."""
    region, bare, line = member["region"], without_epoch(member["entity_id"]), member["line_type"]
    where = region or made.language.say("providers.region_not_known")
    if line != "toll_free" and len(carriers) == 1:
        name = carriers[0]
        return made("named", "carrier", region, "call_records", carrier=name, region=where)
    who = "voip" if line == "voip" else "carrier"
    if line == "toll_free":
        who = "resp_org" if region in NANP else "toll_free"
    return made(who, "carrier", region, "number_plan", identifier=bare, region=where)


def _host(made: _Maker, host: str, platform: str | None) -> Provider | None:
    """Returns the host of a page on a platform; platforms of several firms go by the domain."""
    if platform is None:
        return None
    if listed := made.listed("platform", platform):
        return listed
    domain = registrable_domain(host) or host
    if domain == host and host.count(".") > 1:  # a tenant's name below a suffix of the platform
        domain = host.partition(".")[2]
    return made("host", "host", None, "page_address", domain=domain)


def _registrar(made: _Maker, host: str) -> Provider:
    domain = registrable_domain(host) or host
    return made("registrar", "registrar", None, "rdap", domain=domain)


_NO_ACCOUNTS = re.compile(
    r"(?i)leasing|factoring|affacturage|assuranc|versicher|insurance|securities|bauspar|clearing"
)
"""Words in a register's name of an institution that keeps no accounts for payments."""


_SCHEMES = {
    "us": ("aba", "bank", "US", "aba"),
    "uk": ("sort_code", "bank", "GB", "sort_code"),
    "ifsc": ("ifsc", "bank", "IN", "ifsc"),
    "upi": ("upi", "payment-service", "IN", "upi"),
}
"""The institution of an account by its scheme, as `_Maker` makes it."""


def _bank(made: _Maker, value: str) -> Provider:
    """Returns the institution of an account, named only if its code and digits confirm it."""
    scheme, _, rest = value.partition(":")
    if scheme == "iban":
        return _bank_of_iban(made, rest)
    code = rest.partition(":")[0]
    return made(
        *_SCHEMES.get(scheme, ("payment", "bank", None, "account")),
        code=code[:4] if scheme == "ifsc" else code,
        handle=rest.rpartition("@")[2],
        scheme=scheme,
    )


def _bank_of_iban(made: _Maker, text: str) -> Provider:
    country = text[:2]
    try:
        iban = IBAN(text)
    except SchwiftyException:
        why = "its check digits do not match: it may be misread"
        return made("iban", "bank", country, "iban", identifier=text, doubt=why, place=country)
    name = iban.bank_name or ""
    doubt = "" if name else "its code is in no register at hand"
    if _NO_ACCOUNTS.search(name):
        doubt = f"the register calls it {name}, which keeps no accounts for payments by its name"
    else:
        try:
            iban.validate(validate_bban=True)
        except SchwiftyException:
            doubt = f"the register calls it {name}; its national check digits do not match"
    if doubt:
        code = iban.bank_code
        return made("iban_code", "bank", country, "iban", doubt=doubt, code=code, place=country)
    return Provider(name, "bank", country, made.language.say("found_by.iban"), file=name)
