"""Reports of a simulated world: complaints, their calls, and misleading content in both.

A complaint names identifiers of one ring, sometimes two, in its fields, its narrative or both. It
also has brands' real lines, the victim's own identifiers and forged caller ids.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from random import Random

from pipelines.options import Json
from pipelines.simulate import identifiers, narratives
from pipelines.simulate.identifiers import COUNTRIES, Identifier
from pipelines.simulate.world import RATES, Ring, RingPlan, World, chance
from schemas.enums import Channel, Role

BRAND_LINES, BANK_LINES = identifiers.SITES["brand_lines"], identifiers.SITES["bank_lines"]
"""Support lines that brands and banks publish, by name."""

_TOOLS = {"anydesk": ("AnyDesk", "anydesk", "Any Desk"), "teamviewer": ("TeamViewer", "teamviewer")}

_PATHS = ("", "/", "/refund", "/support/form?case=", "/login.html")

_ARTICLES = ("", "", "/", "/news/phone-scams", "/search?q=refund+scam", "/orders")

_NUMBER_KEYS = ("bcda", "phone", "num", "tfn")
"""URL parameters of pop-ups with the number that they show."""

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
"""The share of numbers and sites in narratives that are in the scammer's own words."""

_CARRIED_RATE = 0.2
"""The share of links to rented pages that contain the number to call."""

_REPLY_RATES = {True: 0.6, False: 0.3}
"""The share of senders that the victim was told to answer, by whether the domain is the ring's."""

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
        """Draws whether an event with a rate of `RATES` happens now."""
        return self.rng.random() < chance(self.world, rate)

    def rings_on(self, day: float) -> list[Ring]:
        """Returns the rings that work on `day`."""
        return [ring for ring in self.plan.rings if ring.start <= day < ring.end]

    def spoofed_number(self, victim: Victim) -> str:
        """Draws a forged caller id: a neighbour, a random subscriber, or a brand's line."""
        style = self.rng.random()
        if style < 0.1:
            return self.rng.choice(list(BRAND_LINES.values()))
        if style < 0.5:
            return identifiers.neighbour(self.rng, victim.number)
        return self.plan.stranger(self.rng, victim.country if style < 0.9 else "US")


def bystanders(rng: Random, plan: RingPlan) -> Bystanders:
    """Draws innocent lines that malice names, telemarketers' caller ids, and unlisted lines.

    Unlisted lines are a courier's and a local bank's. They are published, but on no
    known-legitimate list, and victims of every ring name them as the number to call.
    """
    lines = [plan.stranger(rng, rng.choice([*COUNTRIES])) for _ in range(63)]
    return Bystanders(tuple(lines[:20]), tuple(lines[20:60]), tuple(lines[60:]))


@dataclass
class Draft:
    """A complaint before it is written.

    `named` has the ids that it states in hard roles; `mistyped`, by an id with a wrong digit, the
    right id; `planted`, by an id of the victim, its meaning.
    """

    scene: Scene
    victim: Victim
    brand: str | None = None
    channel: str = "phone_inbound"
    numbers: list[Json] = field(default_factory=list)
    urls: list[str] = field(default_factory=list)
    emails: list[Json] = field(default_factory=list)
    remote: list[Json] = field(default_factory=list)
    payments: list[Json] = field(default_factory=list)
    sentences: list[str] = field(default_factory=list)
    named: list[str] = field(default_factory=list)
    mistyped: dict[str, str] = field(default_factory=dict)
    planted: dict[str, str] = field(default_factory=dict)
    loss: str | None = None

    def __post_init__(self) -> None:
        self.rng, self.phrases = self.scene.rng, narratives.PHRASES[self.victim.language]

    def say(self, kind: str, **words: str) -> None:
        """Adds a sentence of a kind, with the given words."""
        self.sentences.append(self.rng.choice(self.phrases[kind]).format(**words))

    def begin(self, script: int) -> None:
        """Starts with the caller and, mostly, the script that they read out."""
        self.say("opening", brand=str(self.brand))
        if self.rng.random() < 0.6:
            money = f"{draw_price(self.rng)} {self._currency}"
            quoted = narratives.quote(self.rng, self.phrases["scripts"][script], money)
            self.sentences.append(quoted)

    def add_number(self, number: str, role: Role) -> None:
        """Adds a number to phone_numbers, as the victim writes it."""
        self.numbers.append({"raw": self.write_number(number), "role": role.value})

    def write_number(self, number: str) -> str:
        """Returns a number as the victim writes it."""
        return identifiers.write_number(self.rng, number, self.victim.country)

    def add_email(self, address: str, role: str) -> None:
        """Adds an address to emails."""
        self.emails.append({"address": address, "role": role})

    def state(
        self, identifier: Identifier, shown: Identifier | None = None, typo: float = 0.0
    ) -> None:
        """Adds an identifier of a ring: to its field, to the narrative, or to both.

        A number or a remote-access id only in the narrative has no certain role. It counts as named
        only if it is in the scammer's own words. A web site or a freemail mailbox always counts. A
        mailbox at the ring's domain counts only if the victim was to answer it, since a mere sender
        could be forged. `typo` is the chance of a wrong digit, `shown` the number on a page.
        """
        rng, role, where = self.rng, identifier.role, self.rng.random()
        field_too, text_too = where < 0.88, where > 0.6
        quoted = text_too and rng.random() < _QUOTED_RATE
        named, written, sentences, tool = field_too, identifier.value, role.value, ""
        if role is Role.CALLBACK:
            right, written = self._callback(identifier, typo, in_field=field_too)
            named, sentences = right and (named or quoted), "quoted" if quoted else sentences
        elif role is Role.PAYEE:
            named = True
            self.payments.append(self._payment(identifier))
        elif role is Role.OPERATOR:
            written = _spaced(rng, identifier.value)
            if field_too:
                self.remote.append({"tool": identifier.detail, "id": written})
            if text_too:
                tool = rng.choice(_TOOLS[identifier.detail])
        elif role is Role.LURE_SITE:
            named, sentences = True, "quoted_site" if quoted else sentences
            written = self._page(identifier, shown)
            if field_too:
                self.urls.append(written)
        elif role is Role.SENDER:
            named, sentences, written = self._sender(identifier, in_field=field_too)
        if text_too:
            self.say(sentences, x=written, tool=tool)
        if named:
            self.named.append(identifier.entity_id)

    def _callback(self, identifier: Identifier, typo: float, *, in_field: bool) -> tuple[bool, str]:
        """Adds a number, if `in_field`; returns whether it is right, and its written form."""
        mistyped = self.rng.random() < typo
        number = identifiers.mistype(self.rng, identifier.value) if mistyped else identifier.value
        written = self.write_number(number)
        if in_field:
            self.numbers.append({"raw": written, "role": "callback"})
        if mistyped:
            self.mistyped[f"phone:{number}"] = identifier.entity_id
        return not mistyped, written

    def _sender(self, identifier: Identifier, *, in_field: bool) -> tuple[bool, str, str]:
        """Adds a mailbox to emails, if `in_field`.

        Returns whether it counts as named, the kind of its sentence, and its written form.
        """
        address = identifier.value
        written = address.replace("@", "[at]") if self.rng.random() < 0.05 else address
        own = not address.endswith(identifiers.FREEMAIL)
        answered = self.rng.random() < _REPLY_RATES[own]
        role = "reply_to" if answered else "sender"
        if in_field:
            self.add_email(address, role)
        return (in_field or written == address) and (answered or not own), role, written

    def state_some(self, ring: Ring, day: float, most: int) -> None:
        """Adds one to `most` of the identifiers that `ring` uses on `day`."""
        rng = self.rng
        roles = [role for role, rate in _ROLE_RATES.items() if rng.random() < rate]
        rng.shuffle(roles)
        picked = [ring.pick(rng, role, day) for role in (roles or [Role.CALLBACK])[:most]]
        if rng.random() < 0.1:
            picked.append(ring.pick(rng, Role.CALLBACK, day))
        for identifier in dict.fromkeys(picked):
            if identifier is not None:
                hosted = identifier.detail == "hosted"
                shown = ring.pick(rng, Role.CALLBACK, day) if hosted else None
                self.state(identifier, shown, chance(self.scene.world, RATES.mistyped))

    def add_copied_list(self, rings: list[Ring], day: float) -> None:
        """Adds ten and more numbers of several rings, as copied from a list on the web."""
        for _ in range(self.rng.randint(10, 16)):
            identifier = self.rng.choice(rings).pick(self.rng, Role.CALLBACK, day)
            if identifier is not None:
                role = self.rng.choice((Role.CALLBACK, Role.MENTIONED))
                self.add_number(identifier.value, role)

    def add_misleading(self) -> None:
        """Adds real lines, domains and the victim's own identifiers."""
        rng, happens = self.rng, self.scene.happens
        brand_lines = list(BRAND_LINES.values())
        if happens(RATES.brand_as_callback):
            self.add_number(rng.choice(brand_lines), Role.CALLBACK)
        if happens(RATES.brand_mentioned):
            self.add_number(rng.choice(brand_lines), Role.MENTIONED)
        if happens(RATES.legitimate_call_back):
            who, line = rng.choice(list({**BRAND_LINES, **BANK_LINES}.items()))
            written = self.write_number(line)
            self.say("called_bank", who=who, x=written)
            if rng.random() < 0.5:
                self.numbers.append({"raw": written, "role": "mentioned"})
        if happens(RATES.brand_domain):
            domain = rng.choice(identifiers.SITES["hosts"]["brands"])
            self.urls.append(write_url(rng, domain))
            if rng.random() < 0.3:
                self.add_email(f"no-reply@{domain}", rng.choice(("sender", "mentioned")))
        sites = self.phrases["sites"]
        if happens(RATES.cited_site):
            # The victim visited it without being told: its sentence is anywhere after the first.
            written = write_url(rng, rng.choice(sites), _ARTICLES)
            self.say("cited", x=written)
            sentence = self.sentences.pop()
            self.sentences.insert(rng.randint(1, len(self.sentences)), sentence)
            if rng.random() < 0.3:
                self.urls.append(written)
        if happens(RATES.forged_sender):
            self.add_email(f"alerts@{rng.choice(sites)}", "sender")
        self._add_victims_own()

    def _add_victims_own(self) -> None:
        rng, number = self.rng, self.victim.number
        rate = chance(self.scene.world, RATES.victim_named)
        if rng.random() < min(3 * rate, 0.8):
            self.add_number(number, Role.VICTIM)
            self.plant(f"phone:{number}", "number")
        if rng.random() < rate:
            self.say("victim_number", x=self.write_number(number))
            self.plant(f"phone:{number}", "number")
        if rng.random() < rate / 2:
            tool, shown = rng.choice((("anydesk", "AnyDesk"), ("teamviewer", "TeamViewer")))
            own = str(rng.randrange(100_000_000, 2_000_000_000))
            self.say("victim_remote", x=own, tool=shown)
            self.plant(f"remote:{tool}:{own}", "remote-access id")
        if rng.random() < rate / 2:
            own = f"{rng.choice(('anna', 'john', 'maria', 'lee'))}.{rng.randrange(10**7)}@gmail.com"
            if rng.random() < 0.5:
                self.say("victim_email", x=own)
            else:
                self.add_email(own, "victim")
            self.plant(f"email:{own}", "address")

    def plant(self, entity_id: str, name: str) -> None:
        """Notes that an identifier is the victim's own."""
        self.planted[entity_id] = f"victim's own {name}"

    def _page(self, identifier: Identifier, shown: Identifier | None) -> str:
        """Returns an address of a page; a hosted page sometimes has the number `shown` in it."""
        written = write_url(self.rng, self.rng.choice((identifier.value, *identifier.others)))
        may_carry = identifier.detail == "hosted" and "?" not in written
        if shown is None or not may_carry or self.rng.random() >= _CARRIED_RATE:
            return written
        self.named.append(shown.entity_id)
        number = identifiers.write_in_link(shown.value)
        return f"{written}?{self.rng.choice(_NUMBER_KEYS)}={number}"

    def _payment(self, identifier: Identifier) -> Json:
        payee = identifier.value
        if identifier.entity_id.startswith("account:iban:") and self.rng.random() < 0.5:
            payee = " ".join(payee[i : i + 4] for i in range(0, len(payee), 4))
        if identifier.detail == "crypto":
            coin = identifier.entity_id.split(":")[1].upper()
            amount, currency = f"{self.rng.uniform(0.005, 0.9):.6f}", coin
        else:
            amount, currency = draw_price(self.rng), self._currency
            self.loss = amount
        return {"method": identifier.detail, "payee": payee, "amount": amount, "currency": currency}

    @property
    def _currency(self) -> str:
        return str(COUNTRIES[self.victim.country]["currency"])

    def finish(self, complaint_id: str, source_org: str, received_at: datetime) -> Json:
        """Returns the complaint in the input contract, without absent fields."""
        victim, rng = self.victim, self.rng
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
            "channel": self.channel,
            "claimed_brand": self.brand,
            "narrative": " ".join(filter(None, self.sentences)),
            "phone_numbers": self.numbers,
            "urls": self.urls,
            "emails": self.emails,
            "remote_access": self.remote,
            "payments": self.payments,
            "loss_amount": self.loss,
            "loss_currency": self._currency if self.loss else None,
        }
        return {name: value for name, value in record.items() if value not in (None, [], "")}


def scam_complaint(scene: Scene, ring: Ring, victim: Victim, org: str, day: float) -> Draft:
    """Returns a complaint about `ring` on `day`, with misleading content."""
    rng = scene.rng
    draft = Draft(scene, victim, org.title() if rng.random() < 0.75 else rng.choice(ring.brands))
    draft.begin(rng.choice(ring.scripts))
    draft.channel = rng.choices(tuple(Channel), (50, 15, 12, 10, 6, 5, 2))[0].value
    draft.state_some(ring, day, _MOST_NAMED)
    if rng.random() < _CALLER_ID_RATE:
        draft.add_number(scene.spoofed_number(victim), Role.CALLER_ID)
    if scene.happens(RATES.two_rings):
        draft.say("second_ring")
        draft.state_some(rng.choice(scene.rings_on(day) or [ring]), day, 2)
    if scene.happens(RATES.copied_list):
        draft.add_copied_list(scene.rings_on(day) or [ring], day)
    if scene.happens(RATES.malicious):
        draft.add_number(rng.choice(scene.people.businesses), Role.CALLBACK)
    if scene.happens(RATES.unlisted_line):
        draft.add_number(rng.choice(scene.people.unlisted), Role.CALLBACK)
    draft.say("ending")
    return draft


def nuisance_complaint(scene: Scene, victim: Victim) -> Draft:
    """Returns a complaint about telemarketing: a caller id, no brand."""
    draft = Draft(scene, victim)
    draft.say("nuisance")
    draft.add_number(scene.rng.choice(scene.people.telemarketers), Role.CALLER_ID)
    return draft


def calls_about(draft: Draft, ring: Ring | None, day: float) -> Iterator[tuple[Json, str, bool]]:
    """Yields the calls behind a report.

    Each call comes with its id in a hard role, if any, and whether its complaint is known.
    """
    scene, rng, victim = draft.scene, draft.rng, draft.victim
    mean = scene.world.calls_per_complaint
    for _ in range(int(mean) + (rng.random() < mean % 1)):
        linked = rng.random() < _LINKED_RATE
        if ring is None:
            caller = rng.choice(scene.people.telemarketers)
            yield _ends(draft, "inbound", caller), "", linked
        elif rng.random() >= _OUTBOUND_RATE:
            forged = scene.spoofed_number(victim)
            call = _ends(draft, "inbound", forged) | _signalling(rng, victim, ring)
            yield call, "", linked
        elif scene.happens(RATES.legitimate_call_back):
            line = rng.choice([*BRAND_LINES.values(), *BANK_LINES.values()])
            yield _ends(draft, "outbound", line), "", linked
        else:
            named = [entity_id for entity_id in draft.named if entity_id.startswith("phone:")]
            alive = None if named else ring.pick(rng, Role.CALLBACK, day)
            # The called number is in the complaint; else it is a number alive on that day.
            for called in [*named[:1], *([alive.entity_id] if alive else [])]:
                yield _ends(draft, "outbound", called.removeprefix("phone:")), called, linked


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


def write_url(rng: Random, address: str, paths: tuple[str, ...] = _PATHS) -> str:
    """Returns an address as victims paste it: whole, bare, or defanged.

    An address that is only a host gets one of `paths`.
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


def draw_price(rng: Random) -> str:
    """Draws an amount of money: lognormal around 800, two decimals."""
    return f"{min(rng.lognormvariate(6.7, 1.1), 250_000):.2f}"


def _spaced(rng: Random, number: str) -> str:
    if rng.random() < 0.5:
        return number
    head = len(number) % 3
    groups = [number[i : i + 3] for i in range(head, len(number), 3)]
    return " ".join([number[:head], *groups] if head else groups)


def _ends(draft: Draft, direction: str, suspect: str) -> Json:
    victim = draft.victim
    raw = suspect if draft.rng.random() < 0.7 else draft.write_number(suspect)
    calling, called = (raw, victim.number) if direction == "inbound" else (victim.number, raw)
    return {
        "duration_seconds": int(draft.rng.expovariate(1 / 400)),
        "direction": direction,
        "calling_number": calling,
        "called_number": called,
        "victim_id": victim.victim_id,
        "victim_country": victim.country,
    }


def _signalling(rng: Random, victim: Victim, ring: Ring) -> Json:
    """Returns the network fields of an inbound call; SHAKEN exists in the US and Canada only."""
    shaken = victim.country in ("US", "CA")
    # Robocallers get attestation A about as often as others, so it proves nothing.
    level = rng.choices(("A", "B", "C", None), (25,) * 4)[0] if shaken else None
    trunk = rng.choice(ring.trunks)
    return {
        "attestation": level,
        "orig_id": rng.choice(ring.orig_ids) if level else None,
        "carrier": rng.choice(ring.carriers),
        "trunk": trunk if rng.random() < 0.6 else None,
        "source_ip": f"198.51.100.{int(trunk[-2:])}" if rng.random() < 0.2 else None,
    }
