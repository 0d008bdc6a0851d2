"""The plan of a simulated world: its size and noise, its rings and identifiers, and the truth.

The truth says which identifiers belong to one operation, as far as the evidence shows it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import accumulate
from math import exp, log1p
from random import Random
from types import SimpleNamespace
from typing import Any, Literal

from networkx.utils import UnionFind

from pipelines.data_files import read_data
from pipelines.simulate import identifiers
from pipelines.simulate.identifiers import COUNTRIES, Identifier
from schemas.enums import Role

Profile = Literal["chained", "pooled"]
"""The ways in which a ring uses its identifiers.

`chained`: each is alive for a while, then the next replaces it, so that only neighbours in time are
named together. `pooled`: all are alive throughout, and few of them are popular.
"""

START = datetime(2025, 1, 1, tzinfo=UTC)
"""Day 0 of every world."""


@dataclass(frozen=True)
class World:
    """The settings of a world; equal worlds give equal bytes.

    `noise` multiplies every rate of data/noise.toml. `calls_per_complaint` is a mean. `dominant` is
    the largest ring's share of all scam complaints; 0 lets its rank decide. `liars` is the number
    of malicious complaints, as a share of all others.
    """

    seed: int = 1
    complaints: int = 20_000
    operations: int = 120
    days: int = 180
    noise: float = 1.0
    calls_per_complaint: float = 1.25
    organisations: tuple[str, ...] = ("amazon", "microsoft")
    profile: Profile = "chained"
    dominant: float = 0.0
    liars: float = 0.0


RATES = SimpleNamespace(**read_data("noise", "pipelines.simulate"))
"""Rates of misleading events, by name."""


def country_weights() -> list[int]:
    """Returns the weights by which `COUNTRIES` are drawn."""
    return [country["weight"] for country in COUNTRIES.values()]


def chance(world: World, rate: float) -> float:
    """Returns a rate of `RATES`, adjusted to `world`, at most one half."""
    return min(rate * world.noise, 0.5)


MEDIAN_LIFE = {
    Role.CALLBACK: 14.0,
    Role.PAYEE: 25.0,
    Role.OPERATOR: 45.0,
    Role.LURE_SITE: 21.0,
    Role.SENDER: 40.0,
}
"""Median days that a ring uses one identifier; callback numbers burn in two weeks."""

_MAKERS = {
    Role.PAYEE: identifiers.payee,
    Role.OPERATOR: identifiers.operator,
    Role.LURE_SITE: identifiers.lure_site,
    Role.SENDER: identifiers.sender,
}

_BRANDS = ("Amazon", "Microsoft", "PayPal", "Norton")

_LIFE_SPREAD = 0.5

_RETIREMENT = 30.0
"""Fewest days before a burnt number is reused. US carriers wait 45 to 90 (47 CFR 52.15(f)),
wholesalers less."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for one identifier at a time: the i-th fills it from day `starts[i]` on."""

    starts: tuple[float, ...]
    identifiers: tuple[Identifier, ...]

    def at(self, day: float) -> Identifier:
        """Returns the identifier that fills it on `day`."""
        return self.identifiers[max(bisect_right(self.starts, day) - 1, 0)]


@dataclass(frozen=True, slots=True)
class Ring:
    """One operation: its time, countries, brands, suppliers and identifiers."""

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
        """Draws one identifier in `role` that is alive on `day`, if the ring has any."""
        slots = self.slots[role]
        if not slots:
            return None
        return rng.choices(slots, cum_weights=self.popularity[role])[0].at(day)


@dataclass(frozen=True)
class RingPlan:
    """All rings with their shares of the complaints, and identifiers of no single ring."""

    rings: tuple[Ring, ...]
    shares: tuple[float, ...]
    owners: dict[str, str]
    shared: frozenset[str]

    def stranger(self, rng: Random, country: str) -> str:
        """Draws a number in `country` that no ring uses."""
        while True:
            number = identifiers.draw_number(rng, country, "geographic")
            if f"phone:{number}" not in self.owners:
                return number


@dataclass
class _Market:
    """The market of rings: fresh identifiers, mules, and other rings' burnt numbers."""

    rng: Random
    world: World
    owners: dict[str, str] = field(default_factory=dict)
    shared: set[str] = field(default_factory=set)
    mules: list[Identifier] = field(default_factory=list)
    burnt: list[tuple[float, Identifier]] = field(default_factory=list)

    def supply(self, ring: str, role: Role, day: float, lease: Iterator[str]) -> Identifier:
        """Draws an identifier for `ring` from `day` on, sometimes a mule's or a recycled one."""
        used: list[Identifier] = []
        if role is Role.PAYEE and self.rng.random() < chance(self.world, RATES.mule):
            used = self.mules
        elif role is Role.CALLBACK and self.rng.random() < chance(self.world, RATES.recycled):
            used = [identifier for end, identifier in self.burnt if end + _RETIREMENT < day]
        others = [identifier for identifier in used if self.owners[identifier.entity_id] != ring]
        if others:
            identifier = self.rng.choice(others)
            self.shared.add(identifier.entity_id)
            return identifier
        identifier = self._fresh(ring, role, lease)
        if role is Role.PAYEE:
            self.mules.append(identifier)
        return identifier

    def _fresh(self, ring: str, role: Role, lease: Iterator[str]) -> Identifier:
        while True:
            if role is Role.CALLBACK:
                identifier = identifiers.callback(next(lease))
            else:
                identifier = _MAKERS[role](self.rng)
            if self.owners.setdefault(identifier.entity_id, ring) == ring:
                return identifier


def _leased(rng: Random, countries: list[str]) -> Iterator[str]:
    """Yields a ring's leased numbers without end; three in ten are from consecutive blocks."""
    while True:
        first = identifiers.draw_number(rng, rng.choice(countries), "service")
        yield from identifiers.following(first, 12 if rng.random() < 0.035 else 1)


def _lives(rng: Random, role: Role, start: float, end: float) -> list[float]:
    """Draws the days on which a slot is refilled: lives are lognormal around the role's median."""
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
    """Draws the slots by role for a ring of `size` expected complaints: larger rings use more."""
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
    """Draws a ring's slots by role over the days of `span`.

    A pooled ring has more slots, each filled once.
    """
    rng = market.rng
    chained = market.world.profile == "chained"
    slots: dict[Role, tuple[Slot, ...]] = {}
    for role, count in _counts(rng, size).items():
        made = []
        for _ in range(count if chained else count * rng.randint(2, 4)):
            starts = _lives(rng, role, *span) if chained else [span[0]]
            filled = [market.supply(ring, role, day, lease) for day in starts]
            if role is Role.CALLBACK:
                market.burnt.extend(zip([*starts[1:], span[1]], filled, strict=True))
            made.append(Slot(tuple(starts), tuple(filled)))
        slots[role] = tuple(made)
    return slots


def _suppliers(rng: Random) -> tuple[list[str], list[str], list[str]]:
    """Draws carriers, trunks and SHAKEN origination ids (UUIDs, RFC 8588) that all rings use."""
    carriers = [f"carrier-{n:02}" for n in range(10)]
    trunks = [f"TG{rng.randrange(1000, 9999)}-{n:02}" for n in range(24)]
    tokens = (rng.randbytes(16).hex() for _ in range(30))
    return carriers, trunks, [f"{t[:8]}-{t[8:12]}-4{t[13:16]}-a{t[17:20]}-{t[20:]}" for t in tokens]


def _shares(rng: Random, world: World) -> list[float]:
    """Draws heavy-tailed sizes: a shifted Zipf law over the rank, the dominant ring on top."""
    raw = [1 / (rank + 3) ** 0.9 for rank in range(world.operations)]
    rng.shuffle(raw)
    if world.dominant and world.operations > 1:
        top = max(range(len(raw)), key=raw.__getitem__)
        rest = sum(raw) - raw[top]
        raw[top] = rest * world.dominant / (1 - world.dominant)
    total = sum(raw)
    return [share / total for share in raw]


def plan_rings(rng: Random, world: World, scripts: int) -> RingPlan:
    """Draws all rings of `world`; `scripts` is how many call scripts there are to share."""
    market = _Market(rng, world)
    suppliers = _suppliers(rng)
    shares = _shares(rng, world)
    rings = [
        _ring(market, f"ring-{number:03}", share * world.complaints, scripts, suppliers)
        for number, share in enumerate(shares, 1)
    ]
    return RingPlan(tuple(rings), tuple(shares), market.owners, frozenset(market.shared))


def _ring(
    market: _Market, name: str, size: float, scripts: int, suppliers: tuple[list[str], ...]
) -> Ring:
    """Draws a ring of `size` expected complaints; small rings do not last all days."""
    rng, world = market.rng, market.world
    pooled = world.profile == "pooled"
    length = world.days * (1.0 if pooled else min(1.0, 0.25 + log1p(size) / 8))
    start = rng.random() * (world.days - length)
    countries = rng.choices([*COUNTRIES], country_weights(), k=rng.randint(1, 3))
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
            role: tuple(accumulate(1 / (1 + i) if pooled else 1.0 for i in range(len(filled))))
            for role, filled in slots.items()
        },
    )


def rings_served(plan: RingPlan) -> dict[str, int]:
    """Counts the rings that a mule or recycled identifier serves, if two or more."""
    rings: dict[str, set[str]] = {}
    for ring in plan.rings:
        for slots in ring.slots.values():
            for slot in slots:
                for identifier in slot.identifiers:
                    if identifier.entity_id in plan.shared:
                        rings.setdefault(identifier.entity_id, set()).add(ring.name)
    return {entity_id: len(names) for entity_id, names in sorted(rings.items()) if len(names) > 1}


@dataclass
class Ties:
    """The ties of the records so far: a union-find forest over each ring's own identifiers.

    Identifiers that serve two rings are in no ring's truth and tie nothing. An identifier is left
    out if all records that tie it to its ring also name another ring's identifiers: the evidence
    does not tell to which ring it belongs. A record that names only this identifier ties nothing.
    """

    plan: RingPlan
    tied: Any = field(default_factory=UnionFind)
    sure: set[str] = field(default_factory=set)

    def add(self, entity_ids: Iterable[str]) -> None:
        """Adds a record (with its calls), by its identifiers in hard roles."""
        owners, shared = self.plan.owners, self.plan.shared
        owned = [
            entity_id for entity_id in entity_ids if entity_id in owners and entity_id not in shared
        ]
        first: dict[str, str] = {}
        for entity_id in owned:
            self.tied.union(first.setdefault(owners[entity_id], entity_id), entity_id)
        if len(first) == 1 and len(set(owned)) > 1:
            self.sure.update(owned)

    def rows(self) -> Iterator[tuple[str, str]]:
        """Yields `(entity_id, operation)`, sorted by id.

        If a ring's records fall into untied parts, only the largest part is in the truth: the
        evidence does not tell to whom the other parts belong.
        """
        roots: dict[str, str] = {entity_id: self.tied[entity_id] for entity_id in self.tied}
        judged = sorted(self.sure)
        sizes = Counter(roots[entity_id] for entity_id in judged)
        least: dict[str, str] = {}
        for entity_id in judged:
            least.setdefault(roots[entity_id], entity_id)
        main: dict[str, str] = {}
        for root in sorted(sizes, key=lambda root: (-sizes[root], least[root])):
            main.setdefault(self.plan.owners[root], root)
        for entity_id in judged:
            ring = self.plan.owners[entity_id]
            if roots[entity_id] == main[ring]:
                yield entity_id, ring
