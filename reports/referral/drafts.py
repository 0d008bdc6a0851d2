"""Drafts that others sign: requests to providers, and certificates with their hash report."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from functools import cache
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, StrictUndefined, Template

from reports.export import tabular
from reports.referral.case import Case
from reports.referral.exhibits import format_utc
from reports.referral.providers import ProviderGroup, RetainedMember
from reports.text import plain
from schemas.entity import without_epoch
from transforms.extract.kinds.phone_link import MAX_URL

IST = timezone(timedelta(hours=5, minutes=30), "IST")
"""Indian Standard Time, which has no summer time."""

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


def request_drafts(case: Case) -> dict[str, bytes]:
    """Drafts a request to each provider, by path in the package, the most urgent first."""
    return {
        f"data/requests/{number:02d}-{_slug(group.provider.kind, group.provider.name)}.txt": _draft(
            case, group
        )
        for number, group in enumerate(case.groups, 1)
    }


def ad_platform_drafts(case: Case) -> dict[str, bytes]:
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


def certificate_drafts(case: Case, records: Mapping[str, bytes], version: str) -> dict[str, bytes]:
    """Drafts the recipient's certificates, and the hash report of `records`, by path."""
    moment = case.moment
    made = {"data/certificates/hash-report.csv": _hash_report(records, moment)}
    zone = ZoneInfo(case.reference.recipient["time_zone"])
    for name, template in case.reference.certificates.items():
        text = template.render(
            code=plain(case.code, 200),
            version=version,
            files=len(records),
            local_time=f"{moment.astimezone(zone):%d/%m/%Y %H:%M:%S}",
        )
        made[f"data/certificates/{name}.txt"] = text.encode()
    return made


def _slug(kind: str, name: str) -> str:
    words = _UNSAFE.sub("-", name.lower()).strip("-")[:48].strip("-") or "provider"
    return f"{kind}-{words}" if kind else words


def _draft(case: Case, group: ProviderGroup) -> bytes:
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


def _member_fields(case: Case, retained: RetainedMember) -> dict[str, Any]:
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


def _hash_report(records: Mapping[str, bytes], moment: datetime) -> bytes:
    header = ("file", "bytes", "algorithm", "hash", "as_of_utc", "as_of_ist")
    times = (f"{moment:%Y-%m-%dT%H:%M:%SZ}", f"{moment.astimezone(IST):%d/%m/%Y %H:%M:%S}")
    rows = (
        (path, len(content), "SHA-256", hashlib.sha256(content).hexdigest(), *times)
        for path, content in sorted(records.items())
    )
    return tabular.csv_bytes(header, rows)
