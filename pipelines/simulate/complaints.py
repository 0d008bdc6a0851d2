"""Reports of a simulated world: complaints, the calls behind them, and what misleads in both.

A complaint names identifiers of one ring, sometimes of two, in its fields, its narrative or both;
besides them it has brands' real lines, the victim's own identifiers and forged caller ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from random import Random

from pipelines.options import Json
from pipelines.simulate import identifiers, narratives
from pipelines.simulate.identifiers import COUNTRIES, Identifier
from pipelines.simulate.narratives import Phrases
from pipelines.simulate.world import RATES, Ring, RingPlan, World, chance
from schemas.enums import Channel, Role

BRAND_LINES, BANK_LINES = identifiers.SITES["brand_lines"], identifiers.SITES["bank_lines"]
"""Support lines that brands and banks publish, by name."""

_TOOLS = {"anydesk": ("AnyDesk", "anydesk", "Any Desk"), "teamviewer": ("TeamViewer", "teamviewer")}

_PATHS = ("", "/", "/refund", "/support/form?case=", "/login.html")

_ARTICLES = ("", "", "/", "/news/phone-scams", "/search?q=refund+scam", "/orders")

_NUMBER_KEYS = ("bcda", "phone", "num", "tfn")
"""Parameters in which pop-ups carry the number that they show."""

_ATTESTATIONS = ("A", "B", "C", None)

_ATTESTATION_WEIGHTS = (25, 25, 25, 25)
"""Robocallers get A about as often as others: attestation is no proof."""

_ROLE_RATES = {
    Role.CALLBACK: 0.75,
    Role.PAYEE: 0.3,
    Role.OPERATOR: 0.35,
    Role.LURE_SITE: 0.3,
    Role.SENDER: 0.2,
}
"""The share of complaints that name an identifier of the ring, by role."""

_MOST_NAMED = 4

_QUOTED_RATE = 0.3
"""The share of numbers and sites in narratives that stand in the scammer's own words."""

_CARRIED_RATE = 0.2
"""The share of links to rented pages that carry the number to call."""

_REPLY_RATES = {True: 0.6, False: 0.3}
"""The share of senders that the victim was told to answer: at domains of their own, at others."""

_CALLER_ID_RATE = 0.45

_OUTBOUND_RATE = 0.45

_LINKED_RATE = 0.7


@dataclass(frozen=True)
class Victim:
    """A person who reports: the organisation's pseudonym, and their own number in E.164."""

    victim_id: str
    country: str
    number: str
    language: str


@dataclass
class Draft:
    """A complaint before it is written.

    `named` are the ids that it states in hard roles; `mistyped` the ids that wrong digits make of
    those it means, each with the right one.
    """

    victim: Victim
    phrases: Phrases
    channel: str = "phone_inbound"
    brand: str | None = None
    numbers: list[dict[str, str]] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    emails: list[dict[str, str]] = field(default_factory=list)
    remote: list[dict[str, str]] = field(default_factory=list)
    payments: list[dict[str, str]] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    mistyped: dict[str, str] = field(default_factory=dict)
    loss: str | None = None


@dataclass(frozen=True)
class Bystanders:
    """Numbers of people who have nothing to do with any ring."""

    businesses: tuple[str, ...]
    telemarketers: tuple[str, ...]
    unlisted: tuple[str, ...]


@dataclass(frozen=True)
class Scene:
    """The random numbers, the world and the people that every report is drawn from."""

    rng: Random
    world: World
    plan: RingPlan
    people: Bystanders

    def happens(self, rate: float) -> bool:
        """Draws whether something of a rate of `RATES` happens now."""
        return self.rng.random() < chance(self.world, rate)

    def rings_on(self, day: float) -> list[Ring]:
        """Returns the rings that work on `day`."""
        return [ring for ring in self.plan.rings if ring.start <= day < ring.end]


def bystanders(rng: Random, plan: RingPlan) -> Bystanders:
    """Draws innocent lines that malice names, telemarketers' caller ids, and unlisted lines.

    The last are a courier's and a local bank's: published, but on no known-legitimate list, and
    named as the number to call by victims of every ring.
    """
    lines = [stranger_number(rng, plan, rng.choice([*COUNTRIES])) for _ in range(63)]
    return Bystanders(tuple(lines[:20]), tuple(lines[20:60]), tuple(lines[60:]))


def stranger_number(rng: Random, plan: RingPlan, country: str) -> str:
    """Draws a number in `country` that no ring uses."""
    while True:
        number = identifiers.draw_number(rng, country, "geographic")
        if f"phone:{number}" not in plan.owners:
            return number


def spoofed_number(rng: Random, plan: RingPlan, victim: Victim) -> str:
    """Draws a forged caller id: the victim's neighbour, a random subscriber, or a brand's line."""
    style = rng.random()
    if style < 0.1:
        return rng.choice(list(BRAND_LINES.values()))
    if style < 0.5:
        return identifiers.neighbour(rng, victim.number)
    return stranger_number(rng, plan, victim.country if style < 0.9 else "US")


def scam_complaint(scene: Scene, ring: Ring, victim: Victim, org: str, day: float) -> Draft:
    """Returns a complaint about `ring` on `day`, with whatever misleads in it."""
    rng, plan = scene.rng, scene.plan
    brand = org.title() if rng.random() < 0.75 else rng.choice(ring.brands)
    draft = begin_complaint(rng, victim, brand, rng.choice(ring.scripts))
    draft.channel = rng.choices(tuple(Channel), (50, 15, 12, 10, 6, 5, 2))[0].value
    _state_identifiers(scene, draft, ring, day, _MOST_NAMED)
    if rng.random() < _CALLER_ID_RATE:
        add_number(rng, draft, spoofed_number(rng, plan, victim), Role.CALLER_ID)
    if scene.happens(RATES.two_rings):
        draft.sentences.append(rng.choice(draft.phrases.second_ring))
        _state_identifiers(scene, draft, rng.choice(scene.rings_on(day) or [ring]), day, 2)
    if scene.happens(RATES.copied_list):
        add_copied_list(rng, draft, scene.rings_on(day) or [ring], day)
    if scene.happens(RATES.malicious):
        add_number(rng, draft, rng.choice(scene.people.businesses), Role.CALLBACK)
    if scene.happens(RATES.unlisted_line):
        add_number(rng, draft, rng.choice(scene.people.unlisted), Role.CALLBACK)
    draft.sentences.append(rng.choice(draft.phrases.ending))
    return draft


def nuisance_complaint(scene: Scene, victim: Victim) -> Draft:
    """Returns a complaint about telemarketing: a caller id, no brand."""
    draft = begin_complaint(scene.rng, victim, None, None)
    caller = scene.rng.choice(scene.people.telemarketers)
    add_number(scene.rng, draft, caller, Role.CALLER_ID)
    return draft


def calls_about(
    scene: Scene, draft: Draft, ring: Ring | None, day: float
) -> Iterator[tuple[Json, list[str], bool]]:
    """Yields the calls behind a report.

    Each comes with the ids that it names in a hard role, and whether its complaint is known.
    """
    rng, victim = scene.rng, draft.victim
    mean = scene.world.calls_per_complaint
    for _ in range(int(mean) + (rng.random() < mean % 1)):
        linked = rng.random() < _LINKED_RATE
        if ring is None:
            caller = rng.choice(scene.people.telemarketers)
            yield _ends(rng, victim, "inbound", caller), [], linked
        elif rng.random() >= _OUTBOUND_RATE:
            forged = spoofed_number(rng, scene.plan, victim)
            call = _ends(rng, victim, "inbound", forged) | _signalling(rng, victim, ring)
            yield call, [], linked
        elif scene.happens(RATES.legitimate_call_back):
            line = rng.choice([*BRAND_LINES.values(), *BANK_LINES.values()])
            yield _ends(rng, victim, "outbound", line), [], linked
        else:
            named = [entity_id for entity_id in draft.named if entity_id.startswith("phone:")]
            alive = None if named else ring.pick(rng, Role.CALLBACK, day)
            # The complaint names the number that was called; else it is one that is alive.
            for called in [*named[:1], *([alive.entity_id] if alive else [])]:
                call = _ends(rng, victim, "outbound", called.removeprefix("phone:"))
                yield call, [called], linked


def add_misleading(rng: Random, world: World, draft: Draft) -> dict[str, str]:
    """Adds real lines, domains and the victim's own identifiers to `draft`.

    Returns the victim-side entity ids that were planted, each with the reason.
    """
    country = draft.victim.country
    if rng.random() < chance(world, RATES.brand_as_callback):
        add_number(rng, draft, rng.choice(list(BRAND_LINES.values())), Role.CALLBACK)
    if rng.random() < chance(world, RATES.brand_mentioned):
        add_number(rng, draft, rng.choice(list(BRAND_LINES.values())), Role.MENTIONED)
    if rng.random() < chance(world, RATES.legitimate_call_back):
        who, line = rng.choice(list({**BRAND_LINES, **BANK_LINES}.items()))
        written = identifiers.write_number(rng, line, country)
        draft.sentences.append(rng.choice(draft.phrases.called_bank).format(who=who, x=written))
        if rng.random() < 0.5:
            draft.numbers.append({"raw": written, "role": Role.MENTIONED.value})
    if rng.random() < chance(world, RATES.brand_domain):
        domain = rng.choice(identifiers.SITES["hosts"]["brands"])
        draft.urls.append(write_url(rng, domain))
        if rng.random() < 0.3:
            add_email(draft, f"no-reply@{domain}", rng.choice(("sender", "mentioned")))
    sites = draft.phrases.sites
    if rng.random() < chance(world, RATES.cited_site):
        # The victim looked at it of their own accord: it stands anywhere behind the opening.
        written = write_url(rng, rng.choice(sites), _ARTICLES)
        sentence = rng.choice(draft.phrases.cited).format(x=written)
        draft.sentences.insert(rng.randint(1, len(draft.sentences)), sentence)
        if rng.random() < 0.3:
            draft.urls.append(written)
    if rng.random() < chance(world, RATES.forged_sender):
        add_email(draft, f"alerts@{rng.choice(sites)}", "sender")
    return _add_victim_identifiers(rng, world, draft)


def finish_complaint(
    rng: Random, draft: Draft, complaint_id: str, source_org: str, received_at: datetime
) -> Json:
    """Returns the complaint in the input contract, without absent fields."""
    victim = draft.victim
    zone = timezone(timedelta(hours=COUNTRIES[victim.country]["utc_offset"]))
    local = received_at.astimezone(zone) if rng.random() < 0.5 else received_at
    occurred = local - timedelta(minutes=rng.randrange(5, 5_000))
    record: Json = {
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
        "loss_currency": COUNTRIES[victim.country]["currency"] if draft.loss else None,
    }
    return {name: value for name, value in record.items() if value not in (None, [], "")}


def finish_call(
    call: Json, call_id: str, source_org: str, started_at: datetime, complaint_id: str | None
) -> Json:
    """Returns the call in the input contract, without absent fields."""
    head = {
        "call_id": call_id,
        "source_org": source_org,
        "started_at": started_at.isoformat(timespec="seconds"),
    }
    record = {**head, **call, "complaint_id": complaint_id}
    return {name: value for name, value in record.items() if value is not None}


def begin_complaint(rng: Random, victim: Victim, brand: str | None, script: int | None) -> Draft:
    """Returns a draft that opens with the caller and, mostly, the script that they read out."""
    phrases = narratives.PHRASES[victim.language]
    draft = Draft(victim, phrases, brand=brand)
    if brand is None or script is None:
        draft.sentences.append(rng.choice(phrases.nuisance))
        return draft
    draft.sentences.append(rng.choice(phrases.opening).format(brand=brand))
    if rng.random() < 0.6:
        money = f"{draw_price(rng)} {COUNTRIES[victim.country]['currency']}"
        draft.sentences.append(narratives.quote(rng, phrases.scripts[script], money))
    return draft


def state_identifier(
    rng: Random,
    draft: Draft,
    identifier: Identifier,
    shown: Identifier | None = None,
    typo: float = 0.0,
) -> None:
    """Adds an identifier of a ring to `draft`: to its field, to the narrative, or to both.

    A number or a remote-access id that stands in the narrative alone has no certain role, so it is
    not counted as named, unless the scammer's own words give it; a web site or a mailbox at a
    freemail host is. An address at a domain of the ring's own is named where the victim was to
    answer there: as a mere sender's it could be forged. `typo` is the chance of one wrong digit,
    and `shown` the number that a page shows.
    """
    where = rng.random()
    field_too, text_too = where < 0.88, where > 0.6
    quoted = text_too and rng.random() < _QUOTED_RATE
    named, written = field_too, identifier.value
    sentences: tuple[str, ...] = getattr(draft.phrases, identifier.role.value)
    if identifier.role is Role.CALLBACK:
        if quoted:
            named, sentences = True, draft.phrases.quoted
        mistyped = rng.random() < typo
        number = identifiers.mistype(rng, identifier.value) if mistyped else identifier.value
        written = identifiers.write_number(rng, number, draft.victim.country)
        if field_too:
            draft.numbers.append({"raw": written, "role": "callback"})
        if mistyped:
            named = False
            draft.mistyped[f"phone:{number}"] = identifier.entity_id
    elif identifier.role is Role.PAYEE:
        named = True
        draft.payments.append(_payment(rng, draft, identifier))
    elif identifier.role is Role.OPERATOR:
        written = _spaced(rng, identifier.value)
        if field_too:
            draft.remote.append({"tool": identifier.detail, "id": written})
    elif identifier.role is Role.LURE_SITE:
        named = True
        sentences = draft.phrases.quoted_site if quoted else sentences
        written = write_page(rng, draft, identifier, shown)
        if field_too:
            draft.urls.append(written)
    elif identifier.role is Role.SENDER:
        named, sentences, written = _sender(rng, draft, identifier, in_field=field_too)
    if text_too:
        tool = rng.choice(_TOOLS[identifier.detail]) if identifier.role is Role.OPERATOR else ""
        draft.sentences.append(rng.choice(sentences).format(x=written, tool=tool))
    if named:
        draft.named.append(identifier.entity_id)


def _sender(
    rng: Random, draft: Draft, identifier: Identifier, *, in_field: bool
) -> tuple[bool, tuple[str, ...], str]:
    """Adds a mailbox to the emails of `draft`, if it is to be there.

    Returns whether that or the narrative names it, the sentences for it, and how it is written.
    """
    written = identifier.value.replace("@", "[at]") if rng.random() < 0.05 else identifier.value
    own = not identifier.value.endswith(identifiers.FREEMAIL)
    answered = rng.random() < _REPLY_RATES[own]
    if in_field:
        add_email(draft, identifier.value, "reply_to" if answered else "sender")
    named = (in_field or written == identifier.value) and (answered or not own)
    return named, draft.phrases.reply_to if answered else draft.phrases.sender, written


def write_url(rng: Random, address: str, paths: tuple[str, ...] = _PATHS) -> str:
    """Returns an address as victims paste it: whole, bare, or defanged.

    One that is a host alone is given one of `paths`.
    """
    style = rng.random()
    host, slash, rest = address.partition("/")
    www = "www." if rng.random() < 0.3 and host.count(".") == 1 else ""
    path = f"{slash}{rest}" if slash else rng.choice(paths)
    if path.endswith("="):
        path += identifiers.digits(rng, 6)
    if style < 0.15:
        return f"hxxps://{www}{host.replace('.', '[.]')}{path}"
    if style < 0.4:
        return f"{www}{host}{path}"
    return f"https://{www}{host}{path}"


def write_page(rng: Random, draft: Draft, identifier: Identifier, shown: Identifier | None) -> str:
    """Returns an address of a page, now and then with the number `shown` on it, if it is hosted."""
    written = write_url(rng, rng.choice((identifier.value, *identifier.others)))
    may_carry = shown is not None and identifier.detail == "hosted" and "?" not in written
    if shown is None or not may_carry or rng.random() >= _CARRIED_RATE:
        return written
    draft.named.append(shown.entity_id)
    return f"{written}?{rng.choice(_NUMBER_KEYS)}={identifiers.write_in_link(shown.value)}"


def add_email(draft: Draft, address: str, role: str) -> None:
    """Adds an address to the emails of `draft`."""
    draft.emails.append({"address": address, "role": role})


def draw_price(rng: Random) -> str:
    """Draws an amount of money: lognormal around 800, two decimals."""
    return f"{min(rng.lognormvariate(6.7, 1.1), 250_000):.2f}"


def add_number(rng: Random, draft: Draft, number: str, role: Role) -> None:
    """Adds `number` to the phone_numbers of `draft`, as the victim writes it."""
    raw = identifiers.write_number(rng, number, draft.victim.country)
    draft.numbers.append({"raw": raw, "role": role.value})


def add_copied_list(rng: Random, draft: Draft, rings: list[Ring], day: float) -> None:
    """Adds ten and more numbers of several rings, as copied from a list on the web."""
    for _ in range(rng.randint(10, 16)):
        identifier = rng.choice(rings).pick(rng, Role.CALLBACK, day)
        if identifier is not None:
            add_number(rng, draft, identifier.value, rng.choice((Role.CALLBACK, Role.MENTIONED)))


def _state_identifiers(scene: Scene, draft: Draft, ring: Ring, day: float, most: int) -> None:
    """Adds one to `most` of the identifiers that `ring` uses on `day`."""
    rng = scene.rng
    roles = [role for role, rate in _ROLE_RATES.items() if rng.random() < rate]
    rng.shuffle(roles)
    picked = [ring.pick(rng, role, day) for role in (roles or [Role.CALLBACK])[:most]]
    if rng.random() < 0.1:
        picked.append(ring.pick(rng, Role.CALLBACK, day))
    for identifier in dict.fromkeys(picked):
        if identifier is not None:
            shown = ring.pick(rng, Role.CALLBACK, day) if identifier.detail == "hosted" else None
            state_identifier(rng, draft, identifier, shown, chance(scene.world, RATES.mistyped))


def _add_victim_identifiers(rng: Random, world: World, draft: Draft) -> dict[str, str]:
    victim, phrases = draft.victim, draft.phrases
    rate = chance(world, RATES.victim_named)
    planted: dict[str, str] = {}
    number = f"phone:{victim.number}"
    if rng.random() < min(3 * rate, 0.8):
        add_number(rng, draft, victim.number, Role.VICTIM)
        planted[number] = "victim's own number"
    if rng.random() < rate:
        written = identifiers.write_number(rng, victim.number, victim.country)
        draft.sentences.append(rng.choice(phrases.victim_number).format(x=written))
        planted[number] = "victim's own number"
    if rng.random() < rate / 2:
        tool, shown = rng.choice((("anydesk", "AnyDesk"), ("teamviewer", "TeamViewer")))
        own = str(rng.randrange(100_000_000, 2_000_000_000))
        draft.sentences.append(rng.choice(phrases.victim_remote).format(x=own, tool=shown))
        planted[f"remote:{tool}:{own}"] = "victim's own remote-access id"
    if rng.random() < rate / 2:
        own = f"{rng.choice(('anna', 'john', 'maria', 'lee'))}.{rng.randrange(10**7)}@gmail.com"
        if rng.random() < 0.5:
            draft.sentences.append(rng.choice(phrases.victim_email).format(x=own))
        else:
            add_email(draft, own, "victim")
        planted[f"email:{own}"] = "victim's own address"
    return planted


def _spaced(rng: Random, number: str) -> str:
    if rng.random() < 0.5:
        return number
    head = len(number) % 3
    groups = [number[i : i + 3] for i in range(head, len(number), 3)]
    return " ".join([number[:head], *groups] if head else groups)


def _payment(rng: Random, draft: Draft, identifier: Identifier) -> dict[str, str]:
    payee = identifier.value
    if identifier.entity_id.startswith("account:iban:") and rng.random() < 0.5:
        payee = " ".join(payee[i : i + 4] for i in range(0, len(payee), 4))
    if identifier.detail == "crypto":
        coin = identifier.entity_id.split(":")[1].upper()
        amount, currency = f"{rng.uniform(0.005, 0.9):.6f}", coin
    else:
        amount, currency = draw_price(rng), COUNTRIES[draft.victim.country]["currency"]
        draft.loss = amount
    return {"method": identifier.detail, "payee": payee, "amount": amount, "currency": currency}


def _ends(rng: Random, victim: Victim, direction: str, suspect: str) -> Json:
    raw = suspect if rng.random() < 0.7 else identifiers.write_number(rng, suspect, victim.country)
    calling, called = (raw, victim.number) if direction == "inbound" else (victim.number, raw)
    return {
        "duration_seconds": int(rng.expovariate(1 / 400)),
        "direction": direction,
        "calling_number": calling,
        "called_number": called,
        "victim_id": victim.victim_id,
        "victim_country": victim.country,
    }


def _signalling(rng: Random, victim: Victim, ring: Ring) -> Json:
    """Returns the network fields of an inbound call; SHAKEN exists in the US and Canada only."""
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
