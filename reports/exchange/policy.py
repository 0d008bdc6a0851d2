"""The policy file: what may leave in an offer."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import Any

from schemas.kinds import SUPPLIER_KINDS, EntityKind
from schemas.offer import Tlp

SHIPPED = "policy.toml"

MAY_LEAVE = tuple(str(kind) for kind in EntityKind if kind not in SUPPLIER_KINDS)
"""Kinds that a policy can name: suppliers serve others too, and are nobody's to denounce."""

SMALLEST_K = 3
"""The least that any statistical office uses as a threshold for counts of people."""


class PolicyError(ValueError):
    """A policy that cannot be used; the message is for its author."""


@dataclass(frozen=True)
class Policy:
    """The keys of a policy file, checked; see policy.toml."""

    k: int
    confidence_floor: float
    least_reports: int
    kinds: tuple[str, ...]
    confirmed_only: bool
    tlp: Tlp
    days_valid: int
    loss_unit: int
    loss_dominance: float


def shipped() -> Policy:
    """The policy that ships with ringtrace."""
    text = resources.files("reports.exchange").joinpath(SHIPPED).read_text(encoding="utf-8")
    return load(text, SHIPPED)


def load(text: str, name: str) -> Policy:
    """A policy in TOML; every key must be there, so that nothing leaves by oversight.

    Raises:
        PolicyError: naming the file, the key and what it takes.
    """
    try:
        keys = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(f"{name}: not TOML: {error}") from None
    for key in sorted(set(keys) ^ set(_CHECKS)):
        said = "no such key" if key in keys else "is missing"
        raise PolicyError(f"{name}: {key[:40]!r} {said}; a policy has {', '.join(_CHECKS)}")
    checked = {}
    for key, (check, wanted) in _CHECKS.items():
        try:
            checked[key] = check(keys[key])
        except (TypeError, ValueError):
            raise PolicyError(f"{name}: {key}: not {wanted}") from None
    return Policy(**checked)


def _whole(low: int, high: int) -> tuple[Callable[[Any], int], str]:
    def check(value: Any) -> int:
        if type(value) is not int or not low <= value <= high:
            raise ValueError
        return value

    return check, f"a whole number from {low} to {high}"


def _share(low: float, high: float) -> tuple[Callable[[Any], float], str]:
    def check(value: Any) -> float:
        if type(value) not in (int, float) or not low <= value <= high:
            raise ValueError
        return float(value)

    return check, f"a number from {low} to {high}"


def _kinds(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not set(value) <= set(MAY_LEAVE):
        raise ValueError
    return tuple(sorted(set(value)))


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


_CHECKS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "k": _whole(SMALLEST_K, 1000),
    "confidence_floor": _share(0.5, 0.99),
    "least_reports": _whole(1, 1000),
    "kinds": (_kinds, f"a list of {', '.join(MAY_LEAVE)}"),
    "confirmed_only": (_flag, "true or false"),
    "tlp": (Tlp, f"one of {', '.join(Tlp)}"),
    "days_valid": _whole(1, 366),
    "loss_unit": _whole(1, 1_000_000),
    "loss_dominance": _share(0.1, 1.0),
}
