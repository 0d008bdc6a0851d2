"""Requests to the providers that keep records on the members, and until which day they do."""

from __future__ import annotations

import calendar
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

from jinja2 import Environment, StrictUndefined, Template
from schwifty import IBAN
from schwifty.exceptions import SchwiftyException

from reports.cluster_data import ClusterFacts
from reports.referral.blocks import format_utc
from reports.referral.case_records import CaseRecords
from reports.referral.reference import Reference
from reports.text import plain
from schemas.entity import without_epoch
from transforms.extract.kinds.hosting import platform_of
from transforms.extract.kinds.phone_link import MAX_URL
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


class Referred(Protocol):
    """The parts of a case that a request states."""

    @property
    def code(self) -> str:
        """The referral's own reference."""

    @property
    def tlp(self) -> str:
        """Its marking."""

    @property
    def records(self) -> CaseRecords:
        """Its records."""

    @property
    def reference(self) -> Reference:
        """The recipient's data."""

    @property
    def groups(self) -> list[ProviderGroup]:
        """Providers with the members there."""

    @property
    def number(self) -> dict[str, int]:
        """The row of each member in Exhibit 2."""


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


_RECORDS_ASKED_FOR = {
    "carrier": (
        "subscriber and billing records, and those of any reseller",
        "assignment and porting history of the number",
        "call detail records, in and out, with forwarding and SIP signalling and IP addresses",
        "for calls that only show the number: where they entered your network (traceback)",
    ),
    "bank": (
        "account opening and know-your-customer records",
        "statements, and credits and debits with counterparties",
        "log-in records with IP addresses and devices",
        "what is left in the account: please consider a freeze under your own law",
    ),
    "wallet": (
        "know-your-customer records of whom the address was assigned to, or paid out to",
        "deposits, withdrawals and log-in records",
    ),
    "remote-access": (
        "licence, account and payment records of the id",
        "connections from and to the id, with times and IP addresses",
        "installations and aliases of the same device",
    ),
    "registrar": (
        "registrant, account and payment records, also of the reseller",
        "log-in records with IP addresses; changes of name servers and contacts",
        "other names of the same account; hosting records and content, where you host",
    ),
    "mail": (
        "account records, recovery addresses and numbers",
        "log-in records with IP addresses",
        "message headers, and content as the law allows",
    ),
    "messenger": (
        "account records, the number behind the handle",
        "log-in records with IP addresses; changes of the handle",
    ),
}

_RECORDS_ASKED_FOR["payment-service"] = _RECORDS_ASKED_FOR["bank"]

_UNSAFE = re.compile(r"[^a-z0-9]+")


def request_drafts(case: Referred) -> dict[str, bytes]:
    """Drafts a request to each provider, by path in the package, the most urgent first."""
    return {
        f"data/requests/{number:02d}-{_slug(group.provider.kind, group.provider.name)}.txt": _draft(
            case, group
        )
        for number, group in enumerate(case.groups, 1)
    }


def ad_platform_drafts(case: Referred) -> dict[str, bytes]:
    """Drafts a request to each ad platform whose links led victims to a named member, by path.

    Such an id was given to one visitor: it is in the request to its platform, and nowhere else.
    """
    members = {without_epoch(one): number for one, number in reversed(case.number.items())}
    found: dict[str, list[dict[str, Any]]] = {}
    for record in case.records.in_order:
        for click in record.source.clicks:
            if click.entity_id in members:
                shown = {
                    "click": plain(f"{click.key}={click.value}", MAX_URL),
                    "entity_id": plain(click.entity_id, 300),
                    "number": members[click.entity_id],
                    "record": record.number,
                    "seen": format_utc(record.observed_at),
                }
                found.setdefault(click.platform, []).append(shown)
    return {
        f"data/requests/ad-platform-{_slug('', name)}.txt": _template("ad_request.txt")
        .render(
            platform=name,
            recipient=case.reference.recipient,
            code=plain(case.code, 200),
            tlp=case.tlp.upper(),
            clicks=clicks,
        )
        .encode()
        for name, clicks in sorted(found.items())
    }


def _slug(kind: str, name: str) -> str:
    words = _UNSAFE.sub("-", name.lower()).strip("-")[:48].strip("-") or "provider"
    return f"{kind}-{words}" if kind else words


def _draft(case: Referred, group: ProviderGroup) -> bytes:
    text = _template("request.txt").render(
        provider=_Plain(group.provider.name, group.provider.found_by),
        recipient=case.reference.recipient,
        code=plain(case.code, 200),
        tlp=case.tlp.upper(),
        clock=group.clock,
        wanted=_RECORDS_ASKED_FOR.get(group.provider.kind, _RECORDS_ASKED_FOR["carrier"]),
        members=[_member_fields(case, one) for one in group.members],
    )
    return text.encode()


class _Plain:
    """A provider's texts, made plain: a carrier's name comes from call records."""

    def __init__(self, name: str, found_by: str) -> None:
        self.name = plain(name, 200)
        self.found_by = plain(found_by, 200)


def _member_fields(case: Referred, retained: RetainedMember) -> dict[str, Any]:
    one = retained.member
    return {
        "entity_id": plain(one["entity_id"], 300),
        "number": case.number[one["entity_id"]],
        "role": one["role"],
        "first": format_utc(one["first_seen"]),
        "last": format_utc(one["last_seen"]),
        "people": one["reporters"],
        "complaints": one["complaints"],
        "calls": one["calls"],
        "first_until": _day(retained.first_until),
        "last_until": _day(retained.last_until),
    }


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else "not known, ask at once"


@cache
def _template(name: str) -> Template:
    source = files("reports.referral").joinpath("templates", name)
    # Plain text: nothing to escape for, and all that is filled in was made plain.
    environment = Environment(  # noqa: S701
        undefined=StrictUndefined, keep_trailing_newline=True, lstrip_blocks=True, trim_blocks=True
    )
    return environment.from_string(source.read_text(encoding="utf-8"))
