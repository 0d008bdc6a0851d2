"""Victims whom two organisations share, as counted by private set intersection, in joint totals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.referral.words import counted


@dataclass(frozen=True)
class Shared:
    """One signed count; `shared` is None under the floor. The letter goes into the package.

    `by` is what was compared, `day` when it was counted, `signer` the id of the key that signed.
    """

    organisation: str
    by: str
    shared: int | None
    floor: int
    day: str
    signer: str
    letter: bytes
    signature: bytes

    @property
    def words(self) -> str:
        """The count in words."""
        return f"fewer than {self.floor}" if self.shared is None else str(self.shared)


def at_most(total: int, found: Sequence[Shared]) -> int:
    """Distinct victims at most, where `total` counts each organisation's for itself.

    Whoever is at two organisations whose overlap was counted is taken off once. What is under a
    floor, and whoever gave two organisations different numbers, is still counted twice.
    """
    return total - sum(one.shared or 0 for one in found)


def told(total: int, own: int, found: Sequence[Shared], *, joint: bool) -> str:
    """How many victims there are, in one sentence that doubles nobody without saying so."""
    if not joint:
        return f"{counted(total, 'distinct victim')}"
    sides = f"{own} of the records of this package's maker and {total - own} that offers count"
    if not found:
        return (
            f"{counted(total, 'victim')}, {sides}; whoever reported to both is counted twice, and "
            "how many did is not known"
        )
    both = ", ".join(f"{one.words} shared with {one.organisation}" for one in found)
    return f"At most {counted(at_most(total, found), 'distinct victim')}: {sides}, {both}"


def files(found: Sequence[Shared]) -> dict[str, bytes]:
    """The signed letters by path in the package."""
    made: dict[str, bytes] = {}
    for number, one in enumerate(found, 1):
        path = f"data/overlaps/{number:02d}-result.json"
        made |= {path: one.letter, f"{path}.sig": one.signature}
    return made
