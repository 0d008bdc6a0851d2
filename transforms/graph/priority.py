"""The priority of a cluster for analysts, and the parts that it is made of.

Every part is a value from 0 to 1. Priority is their mean, weighted by the one file that analysts
can change (data/priority.toml, or `--priority-weights FILE`), times 100.

Decisions in force say how often the reporters of an organisation and channel were right. Those of
a source that mostly was not count less in the part `victims`, and nowhere else.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from schemas.enums import EntityKind, Role
from schemas.field import Row, microseconds_of
from schemas.mapping import parse_toml
from transforms.text_util import read_reference_data

WEIGHTS_FILE = "priority.toml"

PRIORITY_PARTS = (
    "victims",
    "losses",
    "companies",
    "recency",
    "growth",
    "confidence",
    "jurisdiction",
)

SCALES = ("victims", "losses", "half_life_days", "growth_days")

DEFAULT_REGION = "default"
"""The key of [jurisdiction] for regions that are not in it."""


class PriorityWeightsError(ValueError):
    """A weights file that cannot be used; the message is for its author."""


@dataclass(frozen=True)
class PriorityWeights:
    """The tables of a weights file, checked; see data/priority.toml."""

    weights: Mapping[str, float]
    scale: Mapping[str, float]
    usd: Mapping[str, float]
    jurisdiction: Mapping[str, float]


def shipped_weights() -> PriorityWeights:
    """Returns the weights that ship with ringtrace."""
    return parse_weights(read_reference_data(WEIGHTS_FILE), WEIGHTS_FILE)


def parse_weights(text: str, name: str) -> PriorityWeights:
    """Returns a weights file.

    Raises:
        PriorityWeightsError: naming the file, the table and the key, and what to do.
    """
    try:
        tables = parse_toml(text)
    except tomllib.TOMLDecodeError as error:
        raise PriorityWeightsError(f"{name}: not TOML: {error}") from None
    known = {"weights": PRIORITY_PARTS, "scale": SCALES, "usd": None, "jurisdiction": None}
    for table in sorted(set(tables) - set(known)):
        raise PriorityWeightsError(f"{name}: [{table}]: no such table; use {', '.join(known)}")
    read = {
        table: _check_table(tables.get(table), name, table, keys) for table, keys in known.items()
    }
    if not sum(read["weights"].values()):
        raise PriorityWeightsError(f"{name}: [weights]: all are 0; give at least one above 0")
    if not all(read["scale"].values()):
        raise PriorityWeightsError(f"{name}: [scale]: a value is 0; give values above 0")
    if DEFAULT_REGION not in read["jurisdiction"] or max(read["jurisdiction"].values()) > 1:
        raise PriorityWeightsError(f"{name}: [jurisdiction]: give a default, and no value above 1")
    return PriorityWeights(**read)


def priority_parts(
    cluster: Row,
    members: Iterable[Row],
    complaint_times: Mapping[int, int],
    when: datetime,
    by: PriorityWeights,
) -> list[Row]:
    """Returns the parts of a cluster's priority, in the order of `PRIORITY_PARTS`.

    `cluster` has reporters and confidence, and losses, orgs and last_seen as no reporter alone
    moves them (`ranked_by` of a summary's facts). `members` are MEMBERSHIP rows, `complaint_times`
    counts people by the time of their first complaint, in microseconds since 1970. Recency and
    growth count whole days, in UTC, back from the day of `when`. A part is a dict of part, value,
    weight and points; points add up to the priority, 0 to 100.
    """
    scale = by.scale
    lost = math.fsum(
        by.usd.get(loss["currency"], 0.0) * float(loss["amount"]) for loss in cluster["losses"]
    )
    age = max((when.date() - cluster["last_seen"].date()).days, 0)
    values = {
        "victims": _log_share(cluster["reporters"], scale["victims"]),
        "losses": _log_share(lost, scale["losses"]),
        "companies": float(len(cluster["orgs"]) > 1),
        "recency": 2 ** -(age / scale["half_life_days"]),
        "growth": _growth(complaint_times, when, timedelta(days=scale["growth_days"])),
        "confidence": cluster["confidence"],
        "jurisdiction": _jurisdiction_share(members, by.jurisdiction),
    }
    whole = math.fsum(by.weights.values())
    return [
        {
            "part": part,
            "value": values[part],
            "weight": by.weights[part],
            "points": 100 * values[part] * by.weights[part] / whole,
        }
        for part in PRIORITY_PARTS
    ]


def total_priority(parts: Iterable[Row]) -> float:
    """Returns the priority that the parts make, 0 to 100."""
    return min(math.fsum(part["points"] for part in parts), 100.0)


def _check_table(
    table: object, name: str, title: str, keys: Sequence[str] | None
) -> Mapping[str, float]:
    if not isinstance(table, dict):
        raise PriorityWeightsError(
            f"{name}: [{title}]: the table is missing; copy it from {WEIGHTS_FILE}"
        )
    for key in sorted(set(table) ^ set(keys)) if keys is not None else ():
        problem = "no such key" if key in table else "is missing"
        raise PriorityWeightsError(
            f"{name}: [{title}] {key}: {problem}; the keys are {', '.join(keys or ())}"
        )
    for key, value in table.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise PriorityWeightsError(f"{name}: [{title}] {key}: not a number; give one")
        if not 0 <= value < math.inf:
            raise PriorityWeightsError(f"{name}: [{title}] {key}: out of range; give 0 or more")
    return {key: float(value) for key, value in table.items()}


def _log_share(value: float, full: float) -> float:
    return min(math.log1p(value) / math.log1p(full), 1.0)


def _growth(complaint_times: Mapping[int, int], when: datetime, span: timedelta) -> float:
    """Complaints of the last span against those of it and the span before; 0 where there are none.

    One is added to the whole, so that a single complaint is not growth in full.
    """
    midnight = datetime.combine(when.date() + timedelta(days=1), time(), UTC)
    late, both = (
        sum(people for moment, people in complaint_times.items() if moment >= start)
        for start in (microseconds_of(midnight - span), microseconds_of(midnight - 2 * span))
    )
    return late / (both + 1)


def _jurisdiction_share(members: Iterable[Row], jurisdiction: Mapping[str, float]) -> float:
    """Returns the mean, over callback numbers, of how far legal process reaches there; else 0."""
    reached = [
        jurisdiction.get(member["region"] or DEFAULT_REGION, jurisdiction[DEFAULT_REGION])
        for member in members
        if member["kind"] == EntityKind.PHONE and member["role"] == Role.CALLBACK
    ]
    return math.fsum(reached) / len(reached) if reached else 0.0
