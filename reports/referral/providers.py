"""The providers that keep records on the members, and the days until which they keep them."""

from __future__ import annotations

import calendar
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from schwifty import IBAN
from schwifty.exceptions import SchwiftyException

from reports.cluster_data import ClusterFacts
from reports.referral.reference import Reference
from schemas.entity import without_epoch
from transforms.extract.kinds.hosting import platform_of
from transforms.extract.kinds.registry import lookup_kind

Row = dict[str, Any]

NANP = ("US", "CA")
"""Regions whose toll-free numbers are assigned by responsible organisations (47 CFR 52.101)."""

_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Provider:
    """A provider: `kind` is a class of retention.toml, `country` ISO 3166-1 or None."""

    name: str
    kind: str
    country: str | None
    found_by: str


@dataclass(frozen=True)
class RetainedMember:
    """A member at its provider: records of its first and last day are kept until then.

    Both ends are None where no period is known, which means: ask at once.
    """

    member: Row
    first_until: datetime | None
    last_until: datetime | None


@dataclass(frozen=True)
class ProviderGroup:
    """A provider, its retention clock, and the members there, the first to expire first."""

    provider: Provider
    clock: Row
    members: list[RetainedMember]

    @property
    def next_expiry(self) -> datetime | None:
        """The day on which the first of the records is gone; None where no period is known."""
        ends = [one.first_until for one in self.members if one.first_until is not None]
        return min(ends, default=None)


def group_by_provider(facts: ClusterFacts, reference: Reference) -> list[ProviderGroup]:
    """Groups the members by provider; unknown clocks first, then those that run out first."""
    by_provider: dict[Provider, list[Row]] = defaultdict(list)
    for member in facts.members:
        by_provider[provider_of(member, facts, reference)].append(member)
    found = []
    for provider, members in by_provider.items():
        clock = reference.retention_clock(provider.kind, provider.country)
        retained = [
            RetainedMember(
                one, retention_end(one["first_seen"], clock), retention_end(one["last_seen"], clock)
            )
            for one in members
        ]
        found.append(ProviderGroup(provider, clock, sorted(retained, key=_soonest)))
    return sorted(found, key=_most_urgent)


def provider_of(member: Row, facts: ClusterFacts, reference: Reference) -> Provider:
    """Returns who keeps the records on a member, as far as the identifier and the run show."""
    bare = without_epoch(member["entity_id"])
    kind, _, value = bare.partition(":")
    row = lookup_kind(kind, value)
    match row.provider if row else None:
        case "carrier":
            return _carrier(member, facts.carriers.get(bare, []))
        case "mail":
            return _listed(kind, value.rpartition("@")[2], reference) or _registrar(
                value.rpartition("@")[2]
            )
        case "registrar":
            if platform := platform_of(value):
                return Provider(f"{platform}, whose customer it is", "host", None, "its address")
            return _registrar(re.split("[/?]", value, maxsplit=1)[0])
        case "bank":
            return _bank(value)
        case "wallet":
            chain = value.partition(":")[0]
            return Provider(f"Exchange to be traced ({chain})", "wallet", None, "the chain")
        case "remote-access" | "messenger" as provider_class:
            service = value.partition(":")[0]
            unknown = Provider(
                f"Operator of {service}", provider_class, None, "the name of the service"
            )
            return _listed(kind, service, reference) or unknown
    return Provider("Provider to be found", "carrier", None, "nothing")


def retention_end(moment: datetime, clock: Row) -> datetime | None:
    """Returns the end of a clock that starts at `moment`; months by the calendar, cut to length."""
    if "days" in clock:
        return moment + timedelta(days=clock["days"])
    if "months" not in clock:
        return None
    month = moment.month - 1 + clock["months"]
    year, month = moment.year + month // 12, month % 12 + 1
    day = min(moment.day, calendar.monthrange(year, month)[1])
    return moment.replace(year=year, month=month, day=day)


def _soonest(one: RetainedMember) -> tuple[datetime, str]:
    return one.first_until or _LONG_AGO, one.member["entity_id"]


def _most_urgent(one: ProviderGroup) -> tuple[datetime, str, str]:
    return one.next_expiry or _LONG_AGO, one.provider.kind, one.provider.name


def _listed(kind: str, match: str, reference: Reference) -> Provider | None:
    for one in reference.providers:
        if one["kind"] == kind and one["match"] == match:
            return Provider(one["name"], one["class"], one["country"], one["source"])
    return None


def _carrier(member: Row, carriers: Iterable[str]) -> Provider:
    region = member["region"]
    named = sorted(carriers)
    if member["line_type"] == "toll_free":
        who = "Responsible organisation (RespOrg)" if region in NANP else "Operator"
        label = f"{who} of toll-free numbers, {region or 'region not known'}"
        return Provider(label, "carrier", region, "the number plan")
    if named:
        label = f"{', '.join(named)} (as the call records name it), {region or 'region not known'}"
        return Provider(label, "carrier", region, "call records of the run; check portability")
    voip = "VoIP provider" if member["line_type"] == "voip" else "Carrier"
    where = region or "region not known"
    return Provider(
        f"{voip} of the number, to be found by a portability look-up, {where}",
        "carrier",
        region,
        "the number plan",
    )


def _registrar(host: str) -> Provider:
    ending = host.rpartition(".")[2]
    return Provider(
        f"Registrar and host of names under .{ending}, to be found by RDAP",
        "registrar",
        None,
        "RDAP (RFC 9082)",
    )


def _bank(value: str) -> Provider:
    scheme, _, rest = value.partition(":")
    if scheme == "iban":
        try:
            iban = IBAN(rest)
            name = iban.bank_name or f"bank with code {iban.bank_code}"
        except SchwiftyException:
            return Provider("Bank of the account", "bank", rest[:2], "the IBAN")
        return Provider(str(name), "bank", str(iban.country_code), "the IBAN")
    if scheme == "upi":
        handle = rest.rpartition("@")[2]
        return Provider(
            f"Payment service provider of UPI handle @{handle}",
            "payment-service",
            "IN",
            "the UPI handle (NPCI publishes the list of handles)",
        )
    return Provider(f"Payment service ({scheme})", "bank", None, "the account")
