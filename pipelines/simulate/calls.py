"""Call records: spoofed calls in, call-backs out, over trunks that rings share."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Any

from pipelines.simulate import noise, numbers
from pipelines.simulate.drafts import Victim
from pipelines.simulate.rings import Plan, Ring

_ATTESTATIONS = ("A", "B", "C", None)
_ATTESTATION_WEIGHTS = (25, 25, 25, 25)
"""Robocallers get A about as often as others: attestation is no proof (DESIGN.md section 6)."""


def inbound(rng: Random, plan: Plan, victim: Victim, ring: Ring) -> dict[str, Any]:
    """A call from `ring` under a forged caller id."""
    caller = noise.spoofed(rng, plan, victim)
    return {**_ends(rng, victim, "inbound", caller), **_signalling(rng, victim, ring)}


def outbound(rng: Random, victim: Victim, number: str) -> dict[str, Any]:
    """A call from the victim to `number`, a ring's or anybody's."""
    return _ends(rng, victim, "outbound", number)


def nuisance(rng: Random, victim: Victim, caller: str) -> dict[str, Any]:
    """A telemarketer's call."""
    return _ends(rng, victim, "inbound", caller)


def finish(
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
    raw = suspect if rng.random() < 0.7 else numbers.write(rng, suspect, victim.country)
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
