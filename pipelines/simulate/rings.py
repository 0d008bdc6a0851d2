"""The plan of every ring: what it holds, from when to when, and whom it shares with others."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import accumulate
from math import exp, log1p
from random import Random

from pipelines.simulate import identifiers, numbers
from pipelines.simulate.identifiers import Identifier
from pipelines.simulate.world import COUNTRIES, COUNTRY_WEIGHTS, RATES, World, chance
from schemas.kinds import Role

MEDIAN_LIFE = {
    Role.CALLBACK: 14.0,
    Role.PAYEE: 25.0,
    Role.OPERATOR: 45.0,
    Role.LURE_SITE: 21.0,
    Role.SENDER: 40.0,
}
"""Median days that a ring uses one identifier; callback numbers burn in two weeks (DESIGN.md 1)."""

_MAKERS = {
    Role.PAYEE: identifiers.payee,
    Role.OPERATOR: identifiers.operator,
    Role.LURE_SITE: identifiers.lure_site,
    Role.SENDER: identifiers.sender,
}
_BRANDS = ("Amazon", "Microsoft", "PayPal", "Norton")
_LIFE_SPREAD = 0.5
_RETIREMENT = 30.0
"""Days that a burnt number rests at least; US carriers age them 45 to 90 (47 CFR 52.15(f)),
wholesalers less."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place that one identifier fills at a time: the i-th from day `starts[i]` on."""

    starts: tuple[float, ...]
    held: tuple[Identifier, ...]

    def at(self, day: float) -> Identifier:
        """The identifier that fills it on `day`."""
        return self.held[max(bisect_right(self.starts, day) - 1, 0)]


@dataclass(frozen=True, slots=True)
class Ring:
    """One operation: when it works, where, under whose name, and with what."""

    name: str
    start: float
    end: float
    brands: tuple[str, ...]
    countries: tuple[str, ...]
    scripts: tuple[int, ...]
    carriers: tuple[str, ...]
    trunks: tuple[str, ...]
    orig_ids: tuple[str, ...]
    slots: dict[Role, tuple[Slot, ...]]
    popularity: dict[Role, tuple[float, ...]]

    def pick(self, rng: Random, role: Role, day: float) -> Identifier | None:
        """One identifier in `role` that is alive on `day`, if the ring has any."""
        slots = self.slots[role]
        if not slots:
            return None
        return rng.choices(slots, cum_weights=self.popularity[role])[0].at(day)


@dataclass(frozen=True)
class Plan:
    """All rings with their shares of the complaints, and what belongs to no single one."""

    rings: tuple[Ring, ...]
    shares: tuple[float, ...]
    owners: dict[str, str]
    shared: frozenset[str]


@dataclass
class _Market:
    """What rings buy and sell: fresh identifiers, mules, numbers that others have burnt."""

    rng: Random
    world: World
    owners: dict[str, str] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)
    mules: list[Identifier] = field(default_factory=list)
    burnt: list[tuple[float, Identifier]] = field(default_factory=list)

    def supply(self, ring: str, role: Role, day: float, lease: Iterator[str]) -> Identifier:
        """One identifier for `ring` from `day` on: now and then a mule's or a recycled one."""
        used: list[Identifier] = []
        if role is Role.PAYEE and self.rng.random() < chance(self.world, RATES.mule):
            used = self.mules
        elif role is Role.CALLBACK and self.rng.random() < chance(self.world, RATES.recycled):
            used = [one for end, one in self.burnt if end + _RETIREMENT < day]
        others = [one for one in used if self.owners[one.entity_id] != ring]
        if others:
            one = self.rng.choice(others)
            self.shared.add(one.entity_id)
            return one
        one = self._fresh(ring, role, lease)
        if role is Role.PAYEE:
            self.mules.append(one)
        return one

    def _fresh(self, ring: str, role: Role, lease: Iterator[str]) -> Identifier:
        while True:
            if role is Role.CALLBACK:
                one = identifiers.callback(next(lease))
            else:
                one = _MAKERS[role](self.rng)
            if self.owners.setdefault(one.entity_id, ring) == ring:
                return one


def _leased(rng: Random, countries: list[str]) -> Iterator[str]:
    """Numbers as a ring leases them, without end: three in ten from consecutive blocks."""
    while True:
        first = numbers.draw(rng, rng.choice(countries), "service")
        yield from numbers.following(first, 12 if rng.random() < 0.035 else 1)


def _lives(rng: Random, role: Role, start: float, end: float) -> list[float]:
    """Days on which a slot is refilled: lognormal lives around the role's median."""
    days = [start]
    life = MEDIAN_LIFE[role]
    now = start - rng.random() * life
    while True:
        now += life * exp(rng.gauss(0, _LIFE_SPREAD))
        if now >= end:
            return days
        if now > start:
            days.append(now)


def _counts(rng: Random, size: float) -> dict[Role, int]:
    """Slots by role for a ring of `size` expected complaints: larger rings hold more at once."""
    more = int(log1p(size) / 2)
    return {
        Role.CALLBACK: min(rng.randint(1, 1 + more), 4),
        Role.PAYEE: rng.randint(1, 1 + more),
        Role.OPERATOR: rng.randint(1, 1 + more),
        Role.LURE_SITE: rng.randint(0, 2),
        Role.SENDER: rng.randint(0, 2),
    }


def _slots(
    market: _Market, ring: str, span: tuple[float, float], size: float, lease: Iterator[str]
) -> dict[Role, tuple[Slot, ...]]:
    """A ring's slots by role over the days of `span`.

    A pooled ring has more of them, each filled once and for all.
    """
    rng = market.rng
    chained = market.world.profile == "chained"
    slots: dict[Role, tuple[Slot, ...]] = {}
    for role, count in _counts(rng, size).items():
        made = []
        for _ in range(count if chained else count * rng.randint(2, 4)):
            starts = _lives(rng, role, *span) if chained else [span[0]]
            held = [market.supply(ring, role, day, lease) for day in starts]
            if role is Role.CALLBACK:
                market.burnt.extend(zip([*starts[1:], span[1]], held, strict=True))
            made.append(Slot(tuple(starts), tuple(held)))
        slots[role] = tuple(made)
    return slots


def _suppliers(rng: Random) -> tuple[list[str], list[str], list[str]]:
    """Carriers, trunks and SHAKEN origination ids (UUIDs, RFC 8588) that all rings buy from."""
    carriers = [f"carrier-{n:02}" for n in range(10)]
    trunks = [f"TG{rng.randrange(1000, 9999)}-{n:02}" for n in range(24)]
    tokens = (rng.randbytes(16).hex() for _ in range(30))
    return carriers, trunks, [f"{t[:8]}-{t[8:12]}-4{t[13:16]}-a{t[17:20]}-{t[20:]}" for t in tokens]


def _shares(rng: Random, world: World) -> list[float]:
    """Heavy-tailed sizes: a shifted Zipf law over the rank, the dominant ring on top."""
    raw = [1 / (rank + 3) ** 0.9 for rank in range(world.operations)]
    rng.shuffle(raw)
    if world.dominant and world.operations > 1:
        top = max(range(len(raw)), key=raw.__getitem__)
        rest = sum(raw) - raw[top]
        raw[top] = rest * world.dominant / (1 - world.dominant)
    total = sum(raw)
    return [one / total for one in raw]


def plan(rng: Random, world: World, scripts: int) -> Plan:
    """All rings of `world`; `scripts` is how many call scripts there are to share."""
    market = _Market(rng, world)
    suppliers = _suppliers(rng)
    shares = _shares(rng, world)
    rings = [
        _ring(market, f"ring-{number:03}", share * world.complaints, scripts, suppliers)
        for number, share in enumerate(shares, 1)
    ]
    return Plan(tuple(rings), tuple(shares), market.owners, frozenset(market.shared))


def _ring(
    market: _Market, name: str, size: float, scripts: int, suppliers: tuple[list[str], ...]
) -> Ring:
    """One ring of `size` expected complaints; small ones do not last all days."""
    rng, world = market.rng, market.world
    pooled = world.profile == "pooled"
    length = world.days * (1.0 if pooled else min(1.0, 0.25 + log1p(size) / 8))
    start = rng.random() * (world.days - length)
    countries = rng.choices(COUNTRIES, COUNTRY_WEIGHTS, k=rng.randint(1, 3))
    countries = list(dict.fromkeys(countries))
    lease = _leased(rng, countries)
    slots = _slots(market, name, (start, start + length), size, lease)
    carriers, trunks, orig_ids = suppliers
    return Ring(
        name=name,
        start=start,
        end=start + length,
        brands=tuple(rng.sample(_BRANDS, k=rng.randint(1, 2))),
        countries=tuple(countries),
        scripts=tuple(rng.sample(range(scripts), k=rng.randint(1, 3))),
        carriers=tuple(rng.sample(carriers, k=2)),
        trunks=tuple(rng.sample(trunks, k=2)),
        orig_ids=tuple(rng.sample(orig_ids, k=3)),
        slots=slots,
        popularity={
            role: tuple(accumulate(1 / (1 + i) if pooled else 1.0 for i in range(len(of))))
            for role, of in slots.items()
        },
    )
