"""What one record says of one identifier in several places, made to agree."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter

from schemas.kinds import Role
from transforms.found import Found
from transforms.needles import needles, spans

NARRATIVE = "narrative"
"""The field whose readings give way to those of the fields that an organisation filled in."""


@dataclass(frozen=True)
class Sighting:
    """One identifier in one field of one row of a batch."""

    row: int
    field: str
    text: str
    found: Found
    confidence: float
    stated: bool = True
    """Whether the record states the role; otherwise it is a default."""


def settle(sightings: Iterable[Sighting], own: Sequence[Sequence[str]]) -> list[Sighting]:
    """The sightings in the order of their rows, each record at one with itself.

    The victim's own anywhere is the victim's own everywhere, and so is what has a victim's number
    in it (`own`: each row's, as written), such as an account that is named by it. A reading of the
    narrative takes the role that a field gives; without one, what the narrative says of it.
    """
    by_entity: dict[tuple[int, str], list[Sighting]] = defaultdict(list)
    victims: dict[int, list[str]] = {row: [] for row, numbers in enumerate(own) if numbers}
    for sighting in sightings:
        found = sighting.found
        by_entity[sighting.row, found.entity_id].append(sighting)
        if found.role is Role.VICTIM:
            victims.setdefault(sighting.row, []).append(found.entity_id)
    wanted = {row: needles(ids, own[row]) for row, ids in victims.items()}
    settled: list[Sighting] = []
    for (row, _), same in by_entity.items():
        if row in wanted and any(spans(same[0].found.value, wanted[row])):
            settled.extend(_with_role(s, Role.VICTIM) for s in same)
        else:
            settled.extend(_agreed(same))
    return sorted(settled, key=attrgetter("row"))


def _agreed(same: list[Sighting]) -> list[Sighting]:
    if any(s.found.role is Role.VICTIM for s in same):
        return [_with_role(s, Role.VICTIM) for s in same]
    read = [s for s in same if s.field != NARRATIVE]
    stated = {s.found.role for s in same if s.stated}
    if read:
        role = read[0].found.role
    elif not stated:
        role = same[0].found.role
    elif Role.MENTIONED in stated:
        role = Role.MENTIONED
    else:
        role = min(stated - {Role.CALLER_ID}, default=Role.CALLER_ID)
    return [_with_role(s, role) if s.field == NARRATIVE else s for s in same]


def _with_role(sighting: Sighting, role: Role) -> Sighting:
    return replace(sighting, found=sighting.found._replace(role=role))
