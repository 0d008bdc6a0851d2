"""One complaint in the making: how an identifier gets into its fields and its narrative."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any

from pipelines.simulate import narratives, numbers
from pipelines.simulate.identifiers import Identifier
from pipelines.simulate.narratives import Phrases
from schemas.kinds import Role

CURRENCIES = {"US": "USD", "GB": "GBP", "CA": "CAD", "AU": "AUD", "DE": "EUR", "ES": "EUR"}
_OFFSETS = {"US": -5, "GB": 0, "CA": -4, "AU": 10, "DE": 1, "ES": 1}
_TOOLS = {"anydesk": ("AnyDesk", "anydesk", "Any Desk"), "teamviewer": ("TeamViewer", "teamviewer")}
_PATHS = ("", "/", "/refund", "/support/form?case=", "/login.html")


@dataclass(frozen=True)
class Victim:
    """Who reports: the organisation's pseudonym, the country and their own number in E.164."""

    victim_id: str
    country: str
    number: str
    language: str


@dataclass
class Draft:
    """A complaint before it is written down; `named` are the ids it states in hard roles."""

    victim: Victim
    phrases: Phrases
    channel: str = "phone_inbound"
    brand: str | None = None
    numbers: list[dict[str, str]] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    emails: list[str] = field(default_factory=list)
    remote: list[dict[str, str]] = field(default_factory=list)
    payments: list[dict[str, str]] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    loss: str | None = None


def state(rng: Random, draft: Draft, one: Identifier, typo: float = 0.0) -> None:
    """Put an identifier of a ring into `draft`: in its field, in the narrative, or in both.

    A number or a remote-access id that stands in the narrative alone has no certain role, so it is
    not counted as named; a web site or a mailbox is. `typo` is the chance of one wrong digit.
    """
    where = rng.random()
    field_too, text_too = where < 0.88, where > 0.6
    written = one.value
    if one.role is Role.CALLBACK:
        mistyped = rng.random() < typo
        number = numbers.mistype(rng, one.value) if mistyped else one.value
        written = numbers.write(rng, number, draft.victim.country)
        if field_too:
            draft.numbers.append({"raw": written, "role": "callback"})
        if mistyped:
            field_too = False
    elif one.role is Role.PAYEE:
        field_too = True
        draft.payments.append(_payment(rng, draft, one))
    elif one.role is Role.OPERATOR:
        written = _spaced(rng, one.value)
        if field_too:
            draft.remote.append({"tool": one.detail, "id": written})
    elif one.role is Role.LURE_SITE:
        written = url(rng, one.value)
        if field_too:
            draft.urls.append(written)
        field_too = True
    elif one.role is Role.SENDER:
        written = one.value.replace("@", "[at]") if rng.random() < 0.05 else one.value
        if field_too:
            draft.emails.append(one.value)
        field_too = field_too or written == one.value
    if text_too:
        draft.sentences.append(sentence(rng, draft, one, written))
    if field_too:
        draft.named.append(one.entity_id)


def sentence(rng: Random, draft: Draft, one: Identifier, written: str) -> str:
    """A sentence in the victim's language that states `one` as `written`."""
    variants: tuple[str, ...] = getattr(draft.phrases, one.role.value)
    tool = rng.choice(_TOOLS[one.detail]) if one.role is Role.OPERATOR else ""
    return rng.choice(variants).format(x=written, tool=tool)


def url(rng: Random, host: str) -> str:
    """A web address on `host` as victims paste it: whole, bare, or defanged."""
    style = rng.random()
    www = "www." if rng.random() < 0.3 and host.count(".") == 1 else ""
    path = rng.choice(_PATHS)
    if path.endswith("="):
        path += numbers.digits(rng, 6)
    if style < 0.15:
        return f"hxxps://{www}{host.replace('.', '[.]')}{path}"
    if style < 0.4:
        return f"{www}{host}{path}"
    return f"https://{www}{host}{path}"


def _spaced(rng: Random, number: str) -> str:
    if rng.random() < 0.5:
        return number
    head = len(number) % 3
    groups = [number[i : i + 3] for i in range(head, len(number), 3)]
    return " ".join([number[:head], *groups] if head else groups)


def _payment(rng: Random, draft: Draft, one: Identifier) -> dict[str, str]:
    payee = one.value
    if one.entity_id.startswith("account:iban:") and rng.random() < 0.5:
        payee = " ".join(payee[i : i + 4] for i in range(0, len(payee), 4))
    if one.detail == "crypto":
        coin = one.entity_id.split(":")[1].upper()
        amount, currency = f"{rng.uniform(0.005, 0.9):.6f}", coin
    else:
        amount, currency = price(rng), CURRENCIES[draft.victim.country]
        draft.loss = amount
    return {"method": one.detail, "payee": payee, "amount": amount, "currency": currency}


def price(rng: Random) -> str:
    """An amount of money: lognormal around 800, two decimals."""
    return f"{min(rng.lognormvariate(6.7, 1.1), 250_000):.2f}"


def finish(
    rng: Random, draft: Draft, complaint_id: str, source_org: str, received_at: datetime
) -> dict[str, Any]:
    """The complaint in the input contract (DESIGN.md section 3); absent fields are left out."""
    victim = draft.victim
    zone = timezone(timedelta(hours=_OFFSETS[victim.country]))
    local = received_at.astimezone(zone) if rng.random() < 0.5 else received_at
    occurred = local - timedelta(minutes=rng.randrange(5, 5_000))
    record: dict[str, Any] = {
        "complaint_id": complaint_id,
        "source_org": source_org,
        "received_at": local.isoformat(timespec="seconds"),
        "occurred_at": occurred.isoformat(timespec="seconds"),
        "victim_id": victim.victim_id,
        "victim_country": victim.country,
        "language": victim.language,
        "channel": draft.channel,
        "claimed_brand": draft.brand,
        "narrative": " ".join(filter(None, draft.sentences)),
        "phone_numbers": draft.numbers,
        "urls": draft.urls,
        "emails": draft.emails,
        "remote_access": draft.remote,
        "payments": draft.payments,
        "loss_amount": draft.loss,
        "loss_currency": CURRENCIES[victim.country] if draft.loss else None,
    }
    return {name: value for name, value in record.items() if value not in (None, [], "")}


def begin(rng: Random, victim: Victim, brand: str | None, script: int | None) -> Draft:
    """A draft that opens with who called and, mostly, what script they read out."""
    phrases = narratives.PHRASES[victim.language]
    draft = Draft(victim, phrases, brand=brand)
    if brand is None or script is None:
        draft.sentences.append(rng.choice(phrases.nuisance))
        return draft
    draft.sentences.append(rng.choice(phrases.opening).format(brand=brand))
    if rng.random() < 0.6:
        money = f"{price(rng)} {CURRENCIES[victim.country]}"
        draft.sentences.append(narratives.quote(rng, phrases.scripts[script], money))
    return draft
