"""What every finder yields: an identifier at a place."""

from __future__ import annotations

from typing import NamedTuple

from schemas.kinds import EntityKind, Role


class Found(NamedTuple):
    """One identifier in one text; `start` and `end` count code points of that text."""

    start: int
    end: int
    kind: EntityKind
    value: str
    role: Role
    region: str | None = None
    line_type: str | None = None
    plausibility: float = 1.0
    how: str | None = None
    also_read_as: str | None = None
    extension: str | None = None

    @property
    def entity_id(self) -> str:
        """The canonical id: namespace and value."""
        return f"{self.kind}:{self.value}"
