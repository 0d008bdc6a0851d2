"""Which cluster an analyst should look at first, with the parts that make it so.

Every part is a value from 0 to 1. Priority is their mean, weighted by the one file that analysts
can change (data/priority.toml, or `--weights FILE`), times 100.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib import resources
from typing import Any

import numpy as np
from numpy.typing import NDArray

from schemas.enums import EntityKind, Role

Row = Mapping[str, Any]


SHIPPED = "priority.toml"


PARTS = ("victims", "losses", "companies", "recency", "growth", "confidence", "jurisdiction")


SCALE = ("victims", "losses", "half_life_days", "growth_days")


DEFAULT = "default"
"""The key of [jurisdiction] for regions that are not in it."""


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


_MICROSECOND = timedelta(microseconds=1)


class WeightsError(ValueError):
    """A weights file that cannot be used; the message is for its author."""


@dataclass(frozen=True)
class Weights:
    """The tables of a weights file, checked; see data/priority.toml."""

    weights: Mapping[str, float]
    scale: Mapping[str, float]
    usd: Mapping[str, float]
    jurisdiction: Mapping[str, float]


def shipped() -> Weights:
    """The weights that ship with ringtrace."""
    text = resources.files("transforms").joinpath("data", SHIPPED).read_text(encoding="utf-8")
    return load(text, SHIPPED)


def load(text: str, name: str) -> Weights:
    """A weights file.

    Raises:
        WeightsError: naming the file, the table and the key, and what to do.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise WeightsError(f"{name}: not TOML: {error}") from None
    known = {"weights": PARTS, "scale": SCALE, "usd": None, "jurisdiction": None}
    for table in sorted(set(tables) - set(known)):
        raise WeightsError(f"{name}: no such table [{table}]; use {', '.join(known)}")
    read = {table: _numbers(tables.get(table), name, table, keys) for table, keys in known.items()}
    if not sum(read["weights"].values()):
        raise WeightsError(f"{name}: [weights]: all are 0; make one of them more")
    if not all(read["scale"].values()):
        raise WeightsError(f"{name}: [scale]: none may be 0")
    if DEFAULT not in read["jurisdiction"] or max(read["jurisdiction"].values()) > 1:
        raise WeightsError(f"{name}: [jurisdiction]: give a default, and no more than 1 anywhere")
    return Weights(**read)


def _numbers(
    table: object, name: str, title: str, keys: Sequence[str] | None
) -> Mapping[str, float]:
    if not isinstance(table, dict):
        raise WeightsError(f"{name}: there must be a table [{title}]; copy it from {SHIPPED}")
    for key in sorted(set(table) ^ set(keys)) if keys is not None else ():
        said = "no such key" if key in table else "is missing"
        raise WeightsError(f"{name}: [{title}] {key}: {said}; it has {', '.join(keys or ())}")
    for key, value in table.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise WeightsError(f"{name}: [{title}] {key}: not a number")
        if not 0 <= value < math.inf:
            raise WeightsError(f"{name}: [{title}] {key}: must be 0 or more")
    return {key: float(value) for key, value in table.items()}


def parts(
    cluster: Row,
    members: Iterable[Row],
    complained: NDArray[np.int64],
    when: datetime,
    by: Weights,
) -> list[Row]:
    """The parts of a cluster's priority, in the order of `PARTS`: part, value, weight, points.

    `cluster` has what a CLUSTER row says of victims, complaints, losses, orgs, last_seen and
    confidence; `members` are MEMBERSHIP rows, `complained` the moments of the complaints in
    microseconds since 1970; `when` is the moment that recency and growth are seen from. Points add
    up to the priority, 0 to 100.
    """
    scale = by.scale
    lost = sum(by.usd.get(one["currency"], 0.0) * float(one["amount"]) for one in cluster["losses"])
    age = max((when - cluster["last_seen"]) / timedelta(days=1), 0.0)
    values = {
        "victims": _log_share(max(cluster["victims"], cluster["complaints"]), scale["victims"]),
        "losses": _log_share(lost, scale["losses"]),
        "companies": float(len(cluster["orgs"]) > 1),
        "recency": 2 ** -(age / scale["half_life_days"]),
        "growth": _growth(complained, when, timedelta(days=scale["growth_days"])),
        "confidence": cluster["confidence"],
        "jurisdiction": _reach(members, by.jurisdiction),
    }
    whole = math.fsum(by.weights.values())
    return [
        {
            "part": part,
            "value": values[part],
            "weight": by.weights[part],
            "points": 100 * values[part] * by.weights[part] / whole,
        }
        for part in PARTS
    ]


def total(of: Iterable[Row]) -> float:
    """The priority that the parts make, 0 to 100."""
    return min(math.fsum(one["points"] for one in of), 100.0)


def _log_share(value: float, full: float) -> float:
    return min(math.log1p(value) / math.log1p(full), 1.0)


def _growth(complained: NDArray[np.int64], when: datetime, span: timedelta) -> float:
    """Complaints of the last span against those of it and the span before; 0 where there are none.

    One is added to the whole, so that a single complaint is not growth in full.
    """
    now, ago = (when - _EPOCH) // _MICROSECOND, span // _MICROSECOND
    late = int((complained > now - ago).sum())
    before = int(((complained > now - 2 * ago) & (complained <= now - ago)).sum())
    return late / (late + before + 1)


def _reach(members: Iterable[Row], jurisdiction: Mapping[str, float]) -> float:
    """The mean over callback numbers of how far legal process reaches where they are; else 0."""
    reached = [
        jurisdiction.get(one["region"] or DEFAULT, jurisdiction[DEFAULT])
        for one in members
        if one["kind"] == str(EntityKind.PHONE) and one["role"] == str(Role.CALLBACK)
    ]
    return math.fsum(reached) / len(reached) if reached else 0.0
