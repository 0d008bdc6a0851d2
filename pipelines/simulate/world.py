"""What a simulated world is made of: its size, its seed and how much of it is noise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

Profile = Literal["chained", "pooled"]
"""How a ring holds its identifiers.

`chained`: each is alive for a while and hands over to the next, so that only neighbours in time
are ever named together. `pooled`: a stable pool, few of it popular, all alive throughout.
"""

START = datetime(2025, 1, 1, tzinfo=UTC)
"""Day 0 of every world."""

COUNTRIES = ("US", "GB", "CA", "AU", "DE", "ES")
"""The six countries of the first joint referral (DESIGN.md section 1)."""
COUNTRY_WEIGHTS = (50, 15, 10, 8, 10, 7)


@dataclass(frozen=True)
class World:
    """One world; equal worlds give equal bytes.

    `noise` multiplies every rate of `Noise`; `calls_per_complaint` is a mean; `dominant` is the
    share of all scam complaints that the largest ring has, 0 to let its rank decide.
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


@dataclass(frozen=True)
class Noise:
    """Rates a complaint (or, where said, an identifier): what misleads a clustering.

    At noise 1 about 7 % of the weight of hard links runs between rings, at noise 2 about twice
    that: 4 to 7 % were enough to weld 90 % of complaints into one component (GRAPH.md).
    """

    two_rings: float = 0.02
    mistyped: float = 0.005
    copied_list: float = 0.001
    malicious: float = 0.0015
    telemarketing: float = 0.08
    legitimate_call_back: float = 0.04
    brand_as_callback: float = 0.02
    brand_mentioned: float = 0.05
    brand_domain: float = 0.06
    victim_named: float = 0.08
    unlisted_line: float = 0.01
    duplicate: float = 0.01
    copycat: float = 0.003
    second_report: float = 0.02
    mule: float = 0.02
    recycled: float = 0.007


RATES = Noise()


def chance(world: World, rate: float) -> float:
    """A rate of `RATES` as it applies in `world`, at most one half."""
    return min(rate * world.noise, 0.5)
