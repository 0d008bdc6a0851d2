"""One complaint in the making: how an identifier gets into its fields and its narrative.

Call records: spoofed calls in, call-backs out, over trunks that rings share.

What a complaint holds besides a ring's own identifiers: everything that must not mislead.

One report: which identifiers of which rings a victim names, and the calls behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any

from pipelines.simulate import narratives, phone_numbers
from pipelines.simulate.identifiers import Identifier
from pipelines.simulate.narratives import Phrases
from pipelines.simulate.world import COUNTRIES, RATES, Plan, Ring, World, chance
from schemas.enums import Channel, Role

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
        number = phone_numbers.mistype(rng, one.value) if mistyped else one.value
        written = phone_numbers.write(rng, number, draft.victim.country)
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
        path += phone_numbers.digits(rng, 6)
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


def finish_complaint(
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


_ATTESTATIONS = ("A", "B", "C", None)


_ATTESTATION_WEIGHTS = (25, 25, 25, 25)
"""Robocallers get A about as often as others: attestation is no proof (DESIGN.md section 6)."""


def inbound(rng: Random, plan: Plan, victim: Victim, ring: Ring) -> dict[str, Any]:
    """A call from `ring` under a forged caller id."""
    caller = spoofed(rng, plan, victim)
    return {**_ends(rng, victim, "inbound", caller), **_signalling(rng, victim, ring)}


def outbound(rng: Random, victim: Victim, number: str) -> dict[str, Any]:
    """A call from the victim to `number`, a ring's or anybody's."""
    return _ends(rng, victim, "outbound", number)


def nuisance_call(rng: Random, victim: Victim, caller: str) -> dict[str, Any]:
    """A telemarketer's call."""
    return _ends(rng, victim, "inbound", caller)


def finish_call(
    call: dict[str, Any],
    call_id: str,
    source_org: str,
    started_at: datetime,
    complaint_id: str | None,
) -> dict[str, Any]:
    """The call in the input contract (DESIGN.md section 3); absent fields are left out."""
    head = {
        "call_id": call_id,
        "source_org": source_org,
        "started_at": started_at.isoformat(timespec="seconds"),
    }
    record = {**head, **call, "complaint_id": complaint_id}
    return {name: value for name, value in record.items() if value is not None}


def before(rng: Random, received_at: datetime) -> datetime:
    """When a call took place that a complaint of `received_at` is about."""
    return received_at - timedelta(seconds=rng.randrange(600, 90_000))


def _ends(rng: Random, victim: Victim, direction: str, suspect: str) -> dict[str, Any]:
    raw = suspect if rng.random() < 0.7 else phone_numbers.write(rng, suspect, victim.country)
    calling, called = (raw, victim.number) if direction == "inbound" else (victim.number, raw)
    return {
        "duration_seconds": int(rng.expovariate(1 / 400)),
        "direction": direction,
        "calling_number": calling,
        "called_number": called,
        "victim_id": victim.victim_id,
        "victim_country": victim.country,
    }


def _signalling(rng: Random, victim: Victim, ring: Ring) -> dict[str, Any]:
    """What the network saw of an inbound call; SHAKEN exists in the US and Canada only."""
    shaken = victim.country in ("US", "CA")
    level = rng.choices(_ATTESTATIONS, _ATTESTATION_WEIGHTS)[0] if shaken else None
    trunk = rng.choice(ring.trunks)
    return {
        "attestation": level,
        "orig_id": rng.choice(ring.orig_ids) if level else None,
        "carrier": rng.choice(ring.carriers),
        "trunk": trunk if rng.random() < 0.6 else None,
        "source_ip": f"198.51.100.{int(trunk[-2:])}" if rng.random() < 0.2 else None,
    }


BRAND_LINES = {
    "Amazon": "+18882804331",
    "Microsoft": "+18006427676",
    "PayPal": "+18882211161",
    "Apple": "+18002752273",
}
"""Support lines that the brands publish; all are on the known-legitimate list."""


BANK_LINES = {
    "Chase": "+18009359935",
    "Bank of America": "+18004321000",
    "Wells Fargo": "+18008693557",
    "the IRS": "+18008291040",
}


BRAND_DOMAINS = ("amazon.com", "microsoft.com", "paypal.com", "anydesk.com", "teamviewer.com")


@dataclass(frozen=True)
class Bystanders:
    """Numbers of people who have nothing to do with any ring."""

    businesses: tuple[str, ...]
    telemarketers: tuple[str, ...]
    unlisted: tuple[str, ...]


def bystanders(rng: Random, plan: Plan) -> Bystanders:
    """Innocent business lines that malice names, telemarketers' caller ids, and unlisted lines.

    The last are a courier's and a local bank's: published, but on no known-legitimate list, and
    named as the number to call by victims of every ring.
    """
    lines = [stranger(rng, plan, rng.choice(COUNTRIES)) for _ in range(63)]
    return Bystanders(tuple(lines[:20]), tuple(lines[20:60]), tuple(lines[60:]))


def stranger(rng: Random, plan: Plan, country: str) -> str:
    """A number in `country` that no ring holds."""
    while True:
        number = phone_numbers.draw(rng, country, "geographic")
        if f"phone:{number}" not in plan.owners:
            return number


def spoofed(rng: Random, plan: Plan, victim: Victim) -> str:
    """A forged caller id: the victim's neighbour, a random subscriber, or a brand's own line."""
    style = rng.random()
    if style < 0.1:
        return rng.choice(list(BRAND_LINES.values()))
    if style < 0.5:
        return phone_numbers.neighbour(rng, victim.number)
    return stranger(rng, plan, victim.country if style < 0.9 else "US")


def confuse(rng: Random, world: World, draft: Draft) -> dict[str, str]:
    """Add real lines, domains and the victim's own identifiers to `draft`.

    Returns the victim-side entity ids that were planted, each with the reason.
    """
    country = draft.victim.country
    if rng.random() < chance(world, RATES.brand_as_callback):
        add_number(rng, draft, rng.choice(list(BRAND_LINES.values())), Role.CALLBACK)
    if rng.random() < chance(world, RATES.brand_mentioned):
        add_number(rng, draft, rng.choice(list(BRAND_LINES.values())), Role.MENTIONED)
    if rng.random() < chance(world, RATES.legitimate_call_back):
        who, line = rng.choice(list({**BRAND_LINES, **BANK_LINES}.items()))
        written = phone_numbers.write(rng, line, country)
        draft.sentences.append(rng.choice(draft.phrases.called_bank).format(who=who, x=written))
        if rng.random() < 0.5:
            draft.numbers.append({"raw": written, "role": Role.MENTIONED.value})
    if rng.random() < chance(world, RATES.brand_domain):
        domain = rng.choice(BRAND_DOMAINS)
        draft.urls.append(url(rng, domain))
        if rng.random() < 0.3:
            draft.emails.append(f"no-reply@{domain}")
    return _name_victim(rng, world, draft)


def add_number(rng: Random, draft: Draft, number: str, role: Role) -> None:
    """Put `number` into the phone_numbers of `draft`, as the victim writes it."""
    raw = phone_numbers.write(rng, number, draft.victim.country)
    draft.numbers.append({"raw": raw, "role": role.value})


def _name_victim(rng: Random, world: World, draft: Draft) -> dict[str, str]:
    victim, phrases = draft.victim, draft.phrases
    rate = chance(world, RATES.victim_named)
    planted: dict[str, str] = {}
    number = f"phone:{victim.number}"
    if rng.random() < min(3 * rate, 0.8):
        add_number(rng, draft, victim.number, Role.VICTIM)
        planted[number] = "victim's own number"
    if rng.random() < rate:
        written = phone_numbers.write(rng, victim.number, victim.country)
        draft.sentences.append(rng.choice(phrases.victim_number).format(x=written))
        planted[number] = "victim's own number"
    if rng.random() < rate / 2:
        tool, shown = rng.choice((("anydesk", "AnyDesk"), ("teamviewer", "TeamViewer")))
        own = str(rng.randrange(100_000_000, 2_000_000_000))
        draft.sentences.append(rng.choice(phrases.victim_remote).format(x=own, tool=shown))
        planted[f"remote:{tool}:{own}"] = "victim's own remote-access id"
    if rng.random() < rate / 4:
        own = f"{rng.choice(('anna', 'john', 'maria', 'lee'))}.{rng.randrange(10**7)}@gmail.com"
        draft.sentences.append(rng.choice(phrases.victim_email).format(x=own))
        planted[f"email:{own}"] = "victim's own address"
    return planted


def copy_list(rng: Random, draft: Draft, rings: list[Ring], day: float) -> None:
    """Ten and more numbers of several rings, as copied from a list on the web."""
    for _ in range(rng.randint(10, 16)):
        one = rng.choice(rings).pick(rng, Role.CALLBACK, day)
        if one is not None:
            add_number(rng, draft, one.value, rng.choice((Role.CALLBACK, Role.MENTIONED)))


def name_unlisted(rng: Random, draft: Draft, people: Bystanders) -> None:
    """Name a line as the number to call back that is nobody's scam."""
    add_number(rng, draft, rng.choice(people.unlisted), Role.CALLBACK)


def accuse(rng: Random, draft: Draft, people: Bystanders) -> None:
    """Name an innocent business as the number to call back."""
    add_number(rng, draft, rng.choice(people.businesses), Role.CALLBACK)


_ROLE_RATES = {
    Role.CALLBACK: 0.75,
    Role.PAYEE: 0.3,
    Role.OPERATOR: 0.35,
    Role.LURE_SITE: 0.3,
    Role.SENDER: 0.2,
}
"""How often a complaint names what the ring holds, by role."""


_MOST_NAMED = 4


_CALLER_ID_RATE = 0.45


_OUTBOUND_RATE = 0.45


_LINKED_RATE = 0.7


@dataclass(frozen=True)
class Scene:
    """What every report is drawn from."""

    rng: Random
    world: World
    plan: Plan
    people: Bystanders

    def happens(self, rate: float) -> bool:
        """Whether something of a rate of `RATES` happens now."""
        return self.rng.random() < chance(self.world, rate)

    def rings_on(self, day: float) -> list[Ring]:
        """Rings that work on `day`."""
        return [ring for ring in self.plan.rings if ring.start <= day < ring.end]


def nuisance_complaint(scene: Scene, victim: Victim) -> Draft:
    """A complaint about telemarketing: a caller id, no brand."""
    draft = begin(scene.rng, victim, None, None)
    caller = scene.rng.choice(scene.people.telemarketers)
    add_number(scene.rng, draft, caller, Role.CALLER_ID)
    return draft


def scam(scene: Scene, ring: Ring, victim: Victim, org: str, day: float) -> Draft:
    """A complaint about `ring` on `day`, with whatever misleads in it."""
    rng, plan = scene.rng, scene.plan
    brand = org.title() if rng.random() < 0.75 else rng.choice(ring.brands)
    draft = begin(rng, victim, brand, rng.choice(ring.scripts))
    draft.channel = rng.choices(tuple(Channel), (50, 15, 12, 10, 6, 5, 2))[0].value
    _name(scene, draft, ring, day, _MOST_NAMED)
    if rng.random() < _CALLER_ID_RATE:
        add_number(rng, draft, spoofed(rng, plan, victim), Role.CALLER_ID)
    if scene.happens(RATES.two_rings):
        draft.sentences.append(rng.choice(draft.phrases.second_ring))
        _name(scene, draft, rng.choice(scene.rings_on(day) or [ring]), day, 2)
    if scene.happens(RATES.copied_list):
        copy_list(rng, draft, scene.rings_on(day) or [ring], day)
    if scene.happens(RATES.malicious):
        accuse(rng, draft, scene.people)
    if scene.happens(RATES.unlisted_line):
        name_unlisted(rng, draft, scene.people)
    draft.sentences.append(rng.choice(draft.phrases.ending))
    return draft


def _name(scene: Scene, draft: Draft, ring: Ring, day: float, most: int) -> None:
    """State one to `most` of the identifiers that `ring` holds on `day`."""
    rng = scene.rng
    roles = [role for role, rate in _ROLE_RATES.items() if rng.random() < rate]
    rng.shuffle(roles)
    picked = [ring.pick(rng, role, day) for role in (roles or [Role.CALLBACK])[:most]]
    if rng.random() < 0.1:
        picked.append(ring.pick(rng, Role.CALLBACK, day))
    for one in dict.fromkeys(picked):
        if one is not None:
            state(rng, draft, one, chance(scene.world, RATES.mistyped))


def calls_about(
    scene: Scene, draft: Draft, ring: Ring | None, day: float
) -> Iterator[tuple[dict[str, Any], list[str], bool]]:
    """The calls behind a report.

    Each with the ids that it names in a hard role, and whether the company knows its complaint.
    """
    rng, victim = scene.rng, draft.victim
    mean = scene.world.calls_per_complaint
    for _ in range(int(mean) + (rng.random() < mean % 1)):
        linked = rng.random() < _LINKED_RATE
        if ring is None:
            caller = rng.choice(scene.people.telemarketers)
            yield nuisance_call(rng, victim, caller), [], linked
        elif rng.random() >= _OUTBOUND_RATE:
            yield inbound(rng, scene.plan, victim, ring), [], linked
        elif scene.happens(RATES.legitimate_call_back):
            line = rng.choice([*BRAND_LINES.values(), *BANK_LINES.values()])
            yield outbound(rng, victim, line), [], linked
        else:
            one = _called(scene, draft, ring, day)
            if one is not None:
                number = one.removeprefix("phone:")
                yield outbound(rng, victim, number), [one], linked


def _called(scene: Scene, draft: Draft, ring: Ring, day: float) -> str | None:
    """The call-back number of a call: one that the complaint names, else one alive."""
    named = [one for one in draft.named if one.startswith("phone:")]
    if named:
        return named[0]
    one = ring.pick(scene.rng, Role.CALLBACK, day)
    return one.entity_id if one else None
