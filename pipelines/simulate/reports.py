"""One report: which identifiers of which rings a victim names, and the calls behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

from pipelines.simulate import calls, drafts, noise
from pipelines.simulate.drafts import Draft, Victim
from pipelines.simulate.noise import BANK_LINES, BRAND_LINES, Bystanders
from pipelines.simulate.rings import Plan, Ring
from pipelines.simulate.world import RATES, World, chance
from schemas.kinds import Channel, Role

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


def nuisance(scene: Scene, victim: Victim) -> Draft:
    """A complaint about telemarketing: a caller id, no brand."""
    draft = drafts.begin(scene.rng, victim, None, None)
    caller = scene.rng.choice(scene.people.telemarketers)
    noise.add_number(scene.rng, draft, caller, Role.CALLER_ID)
    return draft


def scam(scene: Scene, ring: Ring, victim: Victim, org: str, day: float) -> Draft:
    """A complaint about `ring` on `day`, with whatever misleads in it."""
    rng, plan = scene.rng, scene.plan
    brand = org.title() if rng.random() < 0.75 else rng.choice(ring.brands)
    draft = drafts.begin(rng, victim, brand, rng.choice(ring.scripts))
    draft.channel = rng.choices(tuple(Channel), (50, 15, 12, 10, 6, 5, 2))[0].value
    _name(scene, draft, ring, day, _MOST_NAMED)
    if rng.random() < _CALLER_ID_RATE:
        noise.add_number(rng, draft, noise.spoofed(rng, plan, victim), Role.CALLER_ID)
    if scene.happens(RATES.two_rings):
        draft.sentences.append(rng.choice(draft.phrases.second_ring))
        _name(scene, draft, rng.choice(scene.rings_on(day) or [ring]), day, 2)
    if scene.happens(RATES.copied_list):
        noise.copy_list(rng, draft, scene.rings_on(day) or [ring], day)
    if scene.happens(RATES.malicious):
        noise.accuse(rng, draft, scene.people)
    if scene.happens(RATES.unlisted_line):
        noise.name_unlisted(rng, draft, scene.people)
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
            drafts.state(rng, draft, one, chance(scene.world, RATES.mistyped))


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
            yield calls.nuisance(rng, victim, caller), [], linked
        elif rng.random() >= _OUTBOUND_RATE:
            yield calls.inbound(rng, scene.plan, victim, ring), [], linked
        elif scene.happens(RATES.legitimate_call_back):
            line = rng.choice([*BRAND_LINES.values(), *BANK_LINES.values()])
            yield calls.outbound(rng, victim, line), [], linked
        else:
            one = _called(scene, draft, ring, day)
            if one is not None:
                number = one.removeprefix("phone:")
                yield calls.outbound(rng, victim, number), [one], linked


def _called(scene: Scene, draft: Draft, ring: Ring, day: float) -> str | None:
    """The call-back number of a call: one that the complaint names, else one alive."""
    named = [one for one in draft.named if one.startswith("phone:")]
    if named:
        return named[0]
    one = ring.pick(scene.rng, Role.CALLBACK, day)
    return one.entity_id if one else None
