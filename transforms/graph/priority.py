"""The priority of a cluster for analysts, and its parts.

Every part is a value from 0 to 1. Priority is 100 times their weighted mean. Analysts can change
the weights (data/priority.toml, or `--priority-weights FILE`).

Decisions in force show how often the reporters of an organisation and channel were right. The
reporters of a source that was mostly wrong count less in the part `victims`, and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Annotated

from msgspec import Meta, structs

from schemas.enums import EntityKind, Role
from schemas.field import Row, microseconds_of
from schemas.records import MAX_INTEGER, Check, Record, between, read_toml_record
from transforms.decode import read_reference_data

WEIGHTS_FILE = "priority.toml"

DEFAULT_REGION = "default"
"""The key of [jurisdiction] for regions without a key of their own."""


NotNegative = Annotated[float, between(0)]

Positive = Annotated[float, Meta(gt=0, le=MAX_INTEGER)]


class PartWeights(Record):
    """The weight of each part of a priority, in the order of the parts."""

    victims: NotNegative
    losses: NotNegative
    companies: NotNegative
    recency: NotNegative
    growth: NotNegative
    confidence: NotNegative
    jurisdiction: NotNegative


PRIORITY_PARTS = PartWeights.__struct_fields__


class Scale(Record):
    """The values that count in full, on a log scale, and spans in days."""

    victims: Positive
    losses: Positive
    half_life_days: Positive
    growth_days: Positive


_SOME_WEIGHT = Check(lambda weights: any(structs.astuple(weights)), "are all 0; raise one")

_HAS_DEFAULT = Check(lambda regions: DEFAULT_REGION in regions, "has no default; give one")


class PriorityWeights(Record):
    """The tables of a weights file, checked; see data/priority.toml."""

    weights: Annotated[PartWeights, _SOME_WEIGHT]
    scale: Scale
    usd: dict[str, NotNegative]
    jurisdiction: Annotated[dict[str, Annotated[float, between(0, 1)]], _HAS_DEFAULT]


def shipped_weights() -> PriorityWeights:
    """Returns the weights that ship with ringtrace."""
    return read_toml_record(PriorityWeights, read_reference_data(WEIGHTS_FILE), WEIGHTS_FILE)


def priority_parts(
    cluster: Row,
    members: Iterable[Row],
    complaint_times: Mapping[int, int],
    when: datetime,
    by: PriorityWeights,
) -> list[Row]:
    """Returns the parts of a cluster's priority, in the order of `PRIORITY_PARTS`.

    `cluster` has confidence, and the reporters, losses, orgs and last_seen of
    `ClusterFacts.ranked_by`. `members` are MEMBERSHIP rows. `complaint_times` counts people by the
    time of their first complaint, in microseconds since 1970. Recency and growth count whole UTC
    days back from the day of `when`. A part is a dict of part, value, weight and points; points add
    up to the priority, 0 to 100.
    """
    scale, weights = by.scale, structs.asdict(by.weights)
    lost = math.fsum(
        by.usd.get(loss["currency"], 0.0) * float(loss["amount"]) for loss in cluster["losses"]
    )
    age = max((when.date() - cluster["last_seen"].date()).days, 0)
    values = {
        "victims": _log_share(cluster["reporters"], scale.victims),
        "losses": _log_share(lost, scale.losses),
        "companies": float(len(cluster["orgs"]) > 1),
        "recency": 2 ** -(age / scale.half_life_days),
        "growth": _growth(complaint_times, when, timedelta(days=scale.growth_days)),
        "confidence": cluster["confidence"],
        "jurisdiction": _jurisdiction_share(members, by.jurisdiction),
    }
    whole = math.fsum(weights.values())
    return [
        {
            "part": part,
            "value": values[part],
            "weight": weights[part],
            "points": 100 * values[part] * weights[part] / whole,
        }
        for part in PRIORITY_PARTS
    ]


def total_priority(parts: Iterable[Row]) -> float:
    """Adds up the points of the parts, 0 to 100."""
    return min(math.fsum(part["points"] for part in parts), 100.0)


def _log_share(value: float, full: float) -> float:
    return min(math.log1p(value) / math.log1p(full), 1.0)


def _growth(complaint_times: Mapping[int, int], when: datetime, span: timedelta) -> float:
    """Returns the complaints of the last span as a share of the last two spans; 0 without any.

    One is added to the whole, so that a single complaint does not count as full growth.
    """
    midnight = datetime.combine(when.date() + timedelta(days=1), time(), UTC)
    late, both = (
        sum(people for moment, people in complaint_times.items() if moment >= start)
        for start in (microseconds_of(midnight - span), microseconds_of(midnight - 2 * span))
    )
    return late / (both + 1)


def _jurisdiction_share(members: Iterable[Row], jurisdiction: Mapping[str, float]) -> float:
    """Returns the mean reach of legal process over callback numbers; 0 without any."""
    reached = [
        jurisdiction.get(member["region"] or DEFAULT_REGION, jurisdiction[DEFAULT_REGION])
        for member in members
        if member["kind"] == EntityKind.PHONE and member["role"] == Role.CALLBACK
    ]
    return math.fsum(reached) / len(reached) if reached else 0.0
