"""Drafts of requests to the providers that keep records on the members, and to ad platforms."""

from __future__ import annotations

import re
from typing import Any

from reports.evidence_number import letter_thing
from reports.referral.blocks import Files
from reports.referral.case import Case
from reports.referral.case_records import time_paid
from reports.referral.language import format_utc
from reports.referral.providers import ProviderGroup, RetainedMember
from reports.text import plain
from schemas.entity import without_epoch
from transforms.extract.kinds.phone_link import MAX_URL

_ASKED_OF = {"payment-service": "bank"}
"""Classes of providers that get the request of another class."""

_UNSAFE = re.compile(r"[^a-z0-9]+")


def request_drafts(case: Case) -> Files:
    """Drafts a request to each provider, by path in the package, in the order of priority."""
    drafts = {}
    for number, group in enumerate(case.groups, 1):
        path = f"requests/{number:02d}-{group.provider.kind}-{_slug(group.provider.file)}.txt"
        drafts[f"data/{path}"] = _draft(case, group, _letter_number(case, path))
    return drafts


def _letter_number(case: Case, path: str) -> str:
    return case.number_of(letter_thing(case.row["cluster_id"], path))


def ad_platform_drafts(case: Case) -> Files:
    """Drafts a request to each ad platform whose links led victims to a named member, by path.

    A click id belongs to a single visitor, so only the request to its platform has it.
    """
    members = {
        without_epoch(entity_id): number for entity_id, number in reversed(case.number.items())
    }
    clicks_of: dict[str, list[dict[str, Any]]] = {}
    for record in case.records.in_order:
        for click in record.source.clicks:
            if click.entity_id in members:
                shown = {
                    "click": plain(f"{click.key}={click.value}", MAX_URL),
                    "words": plain(case.language.identifier(click.entity_id), 300),
                    "number": members[click.entity_id],
                    "evidence_number": case.number_of(click.entity_id),
                    "record": record.number,
                    "seen": format_utc(record.observed_at),
                }
                clicks_of.setdefault(click.platform, []).append(shown)
    made = {}
    for name, clicks in sorted(clicks_of.items()):
        path = f"requests/ad-platform-{_slug(name)}.txt"
        text = case.language.templates["ad_request.txt"].render(
            platform=name,
            recipient=case.reference.recipient,
            code=case.code,
            number=_letter_number(case, path),
            tlp=case.tlp.upper(),
            clicks=clicks,
        )
        made[f"data/{path}"] = text.encode()
    return made


def _slug(name: str) -> str:
    return _UNSAFE.sub("-", name.lower()).strip("-")[:48].strip("-") or "provider"


def _draft(case: Case, group: ProviderGroup, number: str) -> bytes:
    language, provider = case.language, group.provider
    asked = _ASKED_OF.get(provider.kind, provider.kind)
    text = language.templates["request.txt"].render(
        number=number,
        # A carrier's name comes from call records.
        provider={name: plain(getattr(provider, name), 200) for name in ("name", "found_by")},
        recipient=case.reference.recipient,
        code=case.code,
        tlp=case.tlp.upper(),
        clock=group.clock,
        priority=language.say(f"priorities.{group.priority(case.clock)}"),
        wanted=language.points(f"asked.{asked}") or language.points("asked.carrier"),
        members=[_member_fields(case, member) for member in group.members],
        # Times may stand for weeks; no institution may learn whose records these are.
        weeks=language.say("letters.weeks")
        if any(case.senders.intersection(kept.member["orgs"]) for kept in group.members)
        else "",
    )
    return text.encode()


def _member_fields(case: Case, retained: RetainedMember) -> dict[str, Any]:
    member, language = retained.member, case.language
    return {
        "words": plain(language.identifier(member["entity_id"]), 300),
        "number": case.number[member["entity_id"]],
        "evidence_number": case.number_of(member["entity_id"]),
        "role": language.say(f"role_words.{member['role']}"),
        "first": format_utc(member["first_seen"]),
        "last": format_utc(member["last_seen"]),
        "people": language.count("person", member["reporters"]),
        "records": language.records(member),
        "paid": _paid(case, member["entity_id"]),
        "first_until": case.end_of_clock(retained.first_until),
        "last_until": case.end_of_clock(retained.last_until),
    }


def _paid(case: Case, payee: str) -> str:
    """Sums up the payments to a member that complaints itemize; an empty text if there are none."""
    say, payments = case.say, case.payments_to(payee)
    sums = case.sums_paid(payments)
    if not sums:
        return ""
    times = [record.observed_at for record, _ in payments]
    stated = (time_paid(record, payment) for record, payment in payments)
    days = sorted(paid[0][:10] for paid in stated if paid)
    words = say(
        "letters.paid",
        payments=case.language.count("payment_short", len(payments)),
        sums=sums,
        first=format_utc(min(times)),
        last=format_utc(max(times)),
    )
    if not days:
        return words
    return words + say("letters.paid_on", days=case.language.span(days[0], days[-1]))
