"""Drafts to each provider: preserve, and say later by legal process who held what."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template

from reports.referral.case import Case
from reports.referral.exhibit import utc
from reports.referral.providers import Group, Held
from reports.text import plain

_WANTED = {
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
_WANTED["payment-service"] = _WANTED["bank"]

_UNSAFE = re.compile(r"[^a-z0-9]+")


def drafts(case: Case) -> dict[str, bytes]:
    """A text file a provider, by path in the package, the most urgent first."""
    return {
        f"data/requests/{number:02d}-{_slug(group)}.txt": _draft(case, group)
        for number, group in enumerate(case.groups, 1)
    }


def _slug(group: Group) -> str:
    words = _UNSAFE.sub("-", group.provider.name.lower()).strip("-")[:48].strip("-")
    return f"{group.provider.kind}-{words or 'provider'}"


def _draft(case: Case, group: Group) -> bytes:
    text = _template().render(
        provider=_Plain(group.provider.name, group.provider.found_by),
        recipient=case.reference.recipient,
        code=plain(case.code, 200),
        tlp=case.tlp.upper(),
        clock=group.clock,
        wanted=_WANTED.get(group.provider.kind, _WANTED["carrier"]),
        held=[_held(case, one) for one in group.held],
    )
    return text.encode()


class _Plain:
    """A provider's texts, made plain: a carrier's name comes from call records."""

    def __init__(self, name: str, found_by: str) -> None:
        self.name = plain(name, 200)
        self.found_by = plain(found_by, 200)


def _held(case: Case, held: Held) -> dict[str, Any]:
    one = held.member
    return {
        "entity_id": plain(one["entity_id"], 300),
        "number": case.number[one["entity_id"]],
        "role": one["role"],
        "first": utc(one["first_seen"]),
        "last": utc(one["last_seen"]),
        "complaints": one["complaints"],
        "calls": one["calls"],
        "first_until": _day(held.first_until),
        "last_until": _day(held.last_until),
    }


def _day(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d}" if moment else "not known, ask at once"


@cache
def _template() -> Template:
    source = files("reports.referral").joinpath("templates", "request.txt")
    # Plain text: nothing to escape for, and all that is filled in was made plain.
    environment = Environment(  # noqa: S701
        undefined=StrictUndefined, keep_trailing_newline=True, lstrip_blocks=True, trim_blocks=True
    )
    return environment.from_string(source.read_text(encoding="utf-8"))
