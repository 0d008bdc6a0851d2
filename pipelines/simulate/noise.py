"""What a complaint holds besides a ring's own identifiers: everything that must not mislead."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from pipelines.simulate import numbers
from pipelines.simulate.drafts import Draft, Victim, url
from pipelines.simulate.rings import Plan, Ring
from pipelines.simulate.world import COUNTRIES, RATES, World, chance
from schemas.kinds import Role

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
        number = numbers.draw(rng, country, "geographic")
        if f"phone:{number}" not in plan.owners:
            return number


def spoofed(rng: Random, plan: Plan, victim: Victim) -> str:
    """A forged caller id: the victim's neighbour, a random subscriber, or a brand's own line."""
    style = rng.random()
    if style < 0.1:
        return rng.choice(list(BRAND_LINES.values()))
    if style < 0.5:
        return numbers.neighbour(rng, victim.number)
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
        written = numbers.write(rng, line, country)
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
    raw = numbers.write(rng, number, draft.victim.country)
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
        written = numbers.write(rng, victim.number, victim.country)
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
