"""Requests to the providers that keep records on the members, and until which day they do."""

from __future__ import annotations

import calendar
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any, Protocol

from jinja2 import Environment, StrictUndefined, Template
from schwifty import IBAN
from schwifty.exceptions import SchwiftyException

from reports.cluster_data import ClusterFacts
from reports.evidence_number import letter_thing
from reports.referral.blocks import format_count, format_money, format_utc, identifier_words
from reports.referral.case_records import CaseRecords, exact_sum
from reports.referral.reference import Reference
from reports.text import plain
from schemas.entity import without_epoch
from schemas.enums import Role
from transforms.extract.allowlist import is_freemail
from transforms.extract.kinds.domain import registrable_domain
from transforms.extract.kinds.hosting import platform_of
from transforms.extract.kinds.phone_link import MAX_URL
from transforms.extract.kinds.registry import lookup_kind

Row = dict[str, Any]

NANP = ("US", "CA")
"""Regions whose toll-free numbers are assigned by responsible organisations (47 CFR 52.101)."""

_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Provider:
    """A provider: `kind` is a class of retention.toml, `country` ISO 3166-1 or None.

    Where the institution is not known, it is one for each identifier, `of`: two could be at two
    institutions, and a letter must show none another's. `doubt` says why a register's name for it
    is not taken, for counsel.
    """

    name: str
    kind: str
    country: str | None
    found_by: str
    of: str = ""
    doubt: str = ""


@dataclass(frozen=True)
class RetainedMember:
    """A member at its provider: records of its first and last day are kept until then.

    Both ends are None where no period is known, which means: ask at once.
    """

    member: Row
    first_until: datetime | None
    last_until: datetime | None


PRIORITIES = ("at once", "soon", "in turn", "may be too late")
"""Priorities of a request by its clock: within `SOON_DAYS`, `IN_TURN_DAYS`, later, run out."""

SOON_DAYS, IN_TURN_DAYS, MONEY_DAYS = 90, 365, 30


@dataclass(frozen=True)
class ProviderGroup:
    """A provider, its retention clock, and the members there, the first to expire first."""

    provider: Provider
    clock: Row
    members: list[RetainedMember]

    @property
    def confidence(self) -> float:
        """The surest of its members: that it belongs to the cluster."""
        return max(float(one.member["confidence"]) for one in self.members)

    def priority(self, moment: datetime) -> str:
        """Returns one of `PRIORITIES`: by when the next record that is left may be gone.

        An account that was paid of late may still hold the money, whatever the records' clock.
        """
        paid = max(
            (one.member["last_seen"] for one in self.members if _is_payee(one)), default=None
        )
        if paid is not None and paid > moment - timedelta(days=MONEY_DAYS):
            return PRIORITIES[0]
        ends = [end for one in self.members for end in (one.first_until, one.last_until)]
        left = [end for end in ends if end is not None and end > moment]
        if None in ends or (left and min(left) <= moment + timedelta(days=SOON_DAYS)):
            return PRIORITIES[0]
        if not left:
            return PRIORITIES[3]
        return PRIORITIES[1 if min(left) <= moment + timedelta(days=IN_TURN_DAYS) else 2]

    @property
    def next_expiry(self) -> datetime | None:
        """The day on which the first of the records is gone; None where no period is known."""
        ends = [one.first_until for one in self.members if one.first_until is not None]
        return min(ends, default=None)


def _is_payee(one: RetainedMember) -> bool:
    return str(one.member["role"]) == Role.PAYEE


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

    def number_of(self, thing: str) -> str:
        """Returns the evidence number of a thing."""


def group_by_provider(
    facts: ClusterFacts, reference: Reference, moment: datetime
) -> list[ProviderGroup]:
    """Groups the members by provider: by priority, then the surest, then what runs out first."""
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

    def urgency(one: ProviderGroup) -> tuple[int, float, datetime, str, str]:
        priority = PRIORITIES.index(one.priority(moment))
        expiry, first = one.next_expiry or _LONG_AGO, one.members[0].member["entity_id"]
        return priority, -round(one.confidence, 2), expiry, one.provider.name, first

    return sorted(found, key=urgency)


def provider_of(member: Row, facts: ClusterFacts, reference: Reference) -> Provider:
    """Returns who keeps the records on a member, as far as the identifier and the run show."""
    bare = without_epoch(member["entity_id"])
    kind, _, value = bare.partition(":")
    row = lookup_kind(kind, value)
    match row.provider if row else None:
        case "carrier":
            return _carrier(member, facts.carriers.get(bare, []))
        case "mail":
            domain = value.rpartition("@")[2]
            return _listed(kind, domain, reference) or _mail(domain, value)
        case "registrar":
            host = re.split("[/?]", value, maxsplit=1)[0]
            return _host(host, platform_of(value), reference) or _registrar(host)
        case "bank":
            return _bank(value)
        case "wallet":
            chain = value.partition(":")[0].upper()
            name = f"Exchange to be found by tracing ({chain})"
            return Provider(name, "wallet", None, "the chain", of=bare)
        case "remote-access" | "messenger" as provider_class:
            service = value.partition(":")[0]
            unknown = Provider(
                f"Operator of {service}", provider_class, None, "the name of the service"
            )
            return _listed(kind, service, reference) or unknown
    return Provider("Provider to be found", "carrier", None, "nothing", of=bare)


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


def _listed(kind: str, match: str, reference: Reference) -> Provider | None:
    for one in reference.providers:
        if one["kind"] == kind and one["match"] == match:
            return Provider(one["name"], one["class"], one["country"], one["source"])
    return None


def _carrier(member: Row, carriers: Sequence[str]) -> Provider:
    """Returns the carrier that call records name, if they agree; or else one to be found."""
    region, bare = member["region"], without_epoch(member["entity_id"])
    where = region or "region not known"
    if member["line_type"] == "toll_free":
        who = "Responsible organisation (RespOrg)" if region in NANP else "Operator"
        name = f"{who} of a toll-free number, {where}"
        return Provider(name, "carrier", region, "the number plan", of=bare)
    if len(carriers) == 1:
        name = f"{carriers[0]} (as the call records name it), {where}"
        return Provider(name, "carrier", region, "call records; check portability")
    voip = "VoIP provider" if member["line_type"] == "voip" else "Carrier"
    name = f"{voip} of a number, to be found by a portability look-up, {where}"
    return Provider(name, "carrier", region, "the number plan", of=bare)


def _mail(domain: str, address: str) -> Provider:
    if is_freemail(address):
        return Provider(f"Mail service at {domain}", "mail", None, "the address")
    return _registrar(domain)


def _host(host: str, platform: str | None, reference: Reference) -> Provider | None:
    """Returns who hosts a page on a platform; of several firms' platforms, by the host's domain."""
    if platform is None:
        return None
    if listed := _listed("platform", platform, reference):
        return listed
    domain = registrable_domain(host) or host
    if domain == host and host.count(".") > 1:  # a tenant's name below a suffix of the platform
        domain = host.partition(".")[2]
    return Provider(f"Operator of {domain}", "host", None, "the address of the page")


def _registrar(host: str) -> Provider:
    domain = registrable_domain(host) or host
    return Provider(
        f"Registrar of {domain}, and its host, to be found by RDAP",
        "registrar",
        None,
        "RDAP (RFC 9082)",
    )


_NO_ACCOUNTS = re.compile(
    r"(?i)leasing|factoring|affacturage|assuranc|versicher|insurance|securities|bauspar|clearing"
)
"""Words in a register's name of an institution that keeps no accounts for payments."""


def _bank(value: str) -> Provider:
    """Returns the institution of an account, named only where its code and digits bear it out."""
    scheme, _, rest = value.partition(":")
    code, _, _ = rest.partition(":")
    match scheme:
        case "iban":
            return _bank_of_iban(rest)
        case "us":
            return Provider(f"Bank with ABA routing number {code}", "bank", "US", "the ABA number")
        case "uk":
            return Provider(f"Bank with sort code {code}", "bank", "GB", "the sort code")
        case "ifsc":
            name = f"Bank with IFSC prefix {code[:4]}"
            return Provider(name, "bank", "IN", "the IFSC, whose first four letters are the bank")
        case "upi":
            handle = rest.rpartition("@")[2]
            return Provider(
                f"Payment service provider of UPI handle @{handle}",
                "payment-service",
                "IN",
                "the UPI handle (NPCI publishes the list of handles)",
            )
    return Provider(f"Payment service ({scheme})", "bank", None, "the account")


def _bank_of_iban(text: str) -> Provider:
    country = text[:2]
    try:
        iban = IBAN(text)
    except SchwiftyException:
        why = "its check digits do not match: it may be misread"
        name = f"Bank of an account in {country}, to be found"
        return Provider(name, "bank", country, "the IBAN", of=text, doubt=why)
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
        name = f"Bank with code {iban.bank_code} in {country}, to be confirmed"
    return Provider(name, "bank", country, "the IBAN", doubt=doubt)


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
    "host": (
        "account, payment and log-in records, with IP addresses, of the customer who made the page",
        "content, versions and settings of the page, and other pages of the same account",
        "access logs of the page; forms and files sent in through it",
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
    """Drafts a request to each provider, by path in the package, in the order of priority."""
    found = {}
    for at, group in enumerate(case.groups, 1):
        path = f"requests/{at:02d}-{_slug(group.provider.kind, group.provider.name)}.txt"
        found[f"data/{path}"] = _draft(case, group, _letter_number(case, path))
    return found


def _letter_number(case: Referred, path: str) -> str:
    return case.number_of(letter_thing(case.records.facts.row["cluster_id"], path))


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
                    "words": plain(identifier_words(click.entity_id), 300),
                    "number": members[click.entity_id],
                    "evidence_number": case.number_of(click.entity_id),
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
            number=_letter_number(case, f"requests/ad-platform-{_slug('', name)}.txt"),
            tlp=case.tlp.upper(),
            clicks=clicks,
        )
        .encode()
        for name, clicks in sorted(found.items())
    }


def _slug(kind: str, name: str) -> str:
    words = _UNSAFE.sub("-", name.lower()).strip("-")[:48].strip("-") or "provider"
    return f"{kind}-{words}" if kind else words


def _draft(case: Referred, group: ProviderGroup, number: str) -> bytes:
    text = _template("request.txt").render(
        number=number,
        provider=_Plain(group.provider.name, group.provider.found_by),
        recipient=case.reference.recipient,
        code=plain(case.code, 200),
        tlp=case.tlp.upper(),
        clock=group.clock,
        priority=group.priority(case.records.moment),
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
        "words": plain(identifier_words(one["entity_id"]), 300),
        "number": case.number[one["entity_id"]],
        "evidence_number": case.number_of(one["entity_id"]),
        "role": one["role"].replace("_", " "),
        "first": format_utc(one["first_seen"]),
        "last": format_utc(one["last_seen"]),
        "people": format_count(one["reporters"], "person", "people"),
        "records": " and ".join(
            format_count(one[name], noun)
            for name, noun in (("complaints", "complaint"), ("calls", "call record"))
            if one[name]
        ),
        "paid": _paid(case, one["entity_id"]),
        "first_until": _day(retained.first_until),
        "last_until": _day(retained.last_until),
    }


def _paid(case: Referred, payee: str) -> str:
    """Sums up the payments to a member that complaints itemize; nothing where there are none."""
    found = [
        (record, each)
        for record in case.records.in_order
        for each in record.payments
        if each["payee"] == payee
    ]
    amounts: dict[str, list[Decimal]] = defaultdict(list)
    for _, each in found:
        if each["amount"] is not None and each["currency"]:
            amounts[plain(each["currency"], 8)].append(each["amount"])
    if not amounts:
        return ""
    sums = "; ".join(f"{one} {format_money(exact_sum(of))}" for one, of in sorted(amounts.items()))
    times = [record.observed_at for record, _ in found]
    return (
        f"{format_count(len(found), 'payment')}, paid or demanded: {sums}; in complaints received "
        f"from {format_utc(min(times))} to {format_utc(max(times))}"
    )


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
