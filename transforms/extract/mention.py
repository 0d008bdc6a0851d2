"""Identifiers found in texts: a match in one text, and a match in one field of a record."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from schemas.enums import Carried, EntityKind, Role
from transforms.phone.normalize import Reading

NARRATIVE = "narrative"
"""The name of the narrative; readings of all other fields take precedence over its readings."""


class Match(NamedTuple):
    """One identifier in one text; `start` and `end` count code points of that text."""

    start: int
    end: int
    kind: EntityKind
    value: str
    role: Role = Role.MENTIONED
    region: str | None = None
    line_type: str | None = None
    plausibility: float = 1.0
    how: str | None = None
    also_read_as: str | None = None
    extension: str | None = None
    carried: Carried | None = None
    page: str | None = None

    @property
    def entity_id(self) -> str:
        """The canonical id: namespace and value."""
        return f"{self.kind}:{self.value}"


class PlacedMatch(NamedTuple):
    """A match in the text of one field of one row, with its role there."""

    row: int
    field: str
    text: str
    match: Match
    role: Role
    confidence: float
    stated: bool
    """True if the record states the role."""


def phone_match(start: int, end: int, reading: Reading, role: Role = Role.MENTIONED) -> Match:
    """Returns the match of a reading of a phone number."""
    return Match(
        start,
        end,
        EntityKind.PHONE,
        reading.e164 or "",
        role,
        reading.region,
        reading.line_type,
        reading.confidence,
        reading.how,
        reading.also_read_as,
        reading.extension,
    )


def phone_matches(numbers: Iterable[tuple[tuple[int, int], Reading]]) -> list[Match]:
    """Returns the matches of numbers read in a text, as mentioned."""
    return [phone_match(start, end, reading) for (start, end), reading in numbers]
