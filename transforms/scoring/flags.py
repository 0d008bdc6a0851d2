"""Whether what is called a hub is one: precision and recall of the flags."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

SEVERAL, MANY = 2, 3
"""Operations that an identifier must serve to be rightly called a hub, and not to be missed.

What serves two alone may belong to one of them for the most part.
"""


@dataclass(frozen=True)
class Flags:
    """Flagged identifiers, those of them that are right, what should be flagged, and what was."""

    flagged: int
    right: int
    wanted: int
    found: int

    @property
    def precision(self) -> float:
        """Of the flagged, how many serve several operations; 1 where none is flagged."""
        return self.right / self.flagged if self.flagged else 1.0

    @property
    def recall(self) -> float:
        """Of what serves many and was seen often enough, how much is flagged; 1 of nothing."""
        return self.found / self.wanted if self.wanted else 1.0


def flags(flagged: Collection[str], holders: Mapping[str, int], seen: Collection[str]) -> Flags:
    """Compare `flagged` with how many operations each identifier serves.

    `seen` are the identifiers with as many records as a hub must have: no other is missed.
    """
    wanted = {one for one, count in holders.items() if count >= MANY and one in set(seen)}
    return Flags(
        flagged=len(flagged),
        right=sum(holders.get(one, 0) >= SEVERAL for one in flagged),
        wanted=len(wanted),
        found=len(wanted & set(flagged)),
    )
