"""A case: the material of one referral, with everything that was worked out from it once.

Victims whom two organisations share, as counted by private set intersection, in joint totals.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reports import tables
from reports.cluster_data import Reading, readings
from reports.exchange.offer import Shown
from reports.exchange.offer import shown as small_counts
from reports.export.stix import TLP_LEVELS
from reports.figures.timeline import Handover, timeline
from reports.referral import losses
from reports.referral.blocking_checks import Bridge, Obstacle, Override, bridges, level
from reports.referral.blocks import counted
from reports.referral.losses import Rate
from reports.referral.material import Material
from reports.referral.providers import Group, groups
from reports.referral.reference import Reference
from reports.tables import Run
from schemas.enums import Status
from schemas.tables import ENTITIES, MENTIONS

Row = dict[str, Any]


@dataclass(frozen=True)
class LeftOut:
    """What the cluster's records name and the package does not accuse, by status.

    `suppressed` are known-legitimate identifiers and hubs, with their reason; `caller_ids` counts
    numbers that only a caller id names, which are told nowhere.
    """

    suppressed: list[Row]
    caller_ids: int


@dataclass(frozen=True)
class Earlier:
    """The referral that this one takes the place of: its seal's SHA-256, and what changed."""

    seal_sha256: str
    date: str
    changes: list[tuple[str, str, str]]


@dataclass(frozen=True)
class Case:
    """One referral. `number` names each member's row of Exhibit 2."""

    material: Material
    reference: Reference
    totals: dict[str, tuple[Decimal, int]]
    rates: dict[str, Rate]
    cells: Shown
    left_out: LeftOut
    bridges: list[Bridge]
    groups: list[Group]
    handovers: list[Handover]
    number: dict[str, int]
    obstacles: list[Obstacle]
    override: Override | None
    confirmations: list[str]
    excerpts: list[Reading]
    earlier: Earlier | None
    shared: list[Shared]
    tlp: str

    @property
    def row(self) -> Row:
        """The cluster's row of clusters/."""
        return self.material.facts.row

    @property
    def joint(self) -> bool:
        """Whether others' offers are in it."""
        return bool(self.material.offered)

    @property
    def victims(self) -> str:
        """How many victims there are, in words that double nobody without saying so."""
        own = sum(self.material.victims.values())
        return told(self.row["victims"], own, self.shared, joint=self.joint)

    @property
    def date(self) -> str:
        """The day that the referral is seen from, UTC."""
        return f"{self.material.moment:%Y-%m-%d}"

    @property
    def countries(self) -> str:
        """Where victims are, as far as that may be told."""
        named = ", ".join(one.country for one in self.cells.countries)
        if not self.cells.elsewhere:
            return named or "countries that are not told"
        return f"{named} and elsewhere" if named else "countries that are not told"

    @property
    def code(self) -> str:
        """The referral's own reference: recipient, cluster, day."""
        return f"{self.reference.recipient['code']}/{self.row['cluster_id']}/{self.date}"


def build(
    run: Run,
    material: Material,
    reference: Reference,
    *,
    obstacles: list[Obstacle],
    override: Override | None,
    confirmations: list[str],
    rates: Mapping[str, Rate],
    excerpts: bool,
    earlier: Earlier | None,
    shared: list[Shared],
) -> Case:
    """Work a case out.

    Raises:
        UnreconciledError: if losses do not add up.
    """
    facts = material.facts
    members = pa.array([one["entity_id"] for one in facts.members], pa.string())
    return Case(
        material=material,
        reference=reference,
        totals=losses.totals(material),
        rates=dict(rates),
        cells=small_counts(material.victims, reference.policy["suppress_below"]),
        left_out=_left_out(run, material),
        bridges=bridges(facts),
        groups=groups(facts, reference),
        handovers=timeline(facts).handovers,
        number={one["entity_id"]: at for at, one in enumerate(facts.members, 1)},
        obstacles=obstacles,
        override=override,
        confirmations=confirmations,
        excerpts=_told(readings(run, members, narratives=True)) if excerpts else [],
        earlier=earlier,
        shared=shared,
        tlp=_strictest([reference.policy["tlp"], *(one["tlp"] for one in material.offered)]),
    )


def _strictest(markings: list[str]) -> str:
    return max((level(one) for one in markings), key=TLP_LEVELS.index)


def _told(found: list[Reading]) -> list[Reading]:
    return [one for one in found if one.before is not None or one.after is not None]


def _left_out(run: Run, material: Material) -> LeftOut:
    records = pa.array(sorted({record for _, _, record in material.records}), pa.string())
    members = {one["entity_id"] for one in material.facts.members}
    columns = ["entity_id", "source_org", "record_kind", "record_id"]
    named: Counter[str] = Counter()
    for batch in tables.batches(run, MENTIONS, columns, pc.field("record_id").isin(records)):
        for one in batch.to_pylist():
            key = (one["record_kind"], one["source_org"], one["record_id"])
            if key in material.records and one["entity_id"] not in members:
                named[one["entity_id"]] += 1
    ids = pa.array(sorted(named), pa.string())
    rows = tables.read(run, ENTITIES, where=pc.field("entity_id").isin(ids)).to_pylist()
    legitimate = [
        one | {"named": named[one["entity_id"]]}
        for one in rows
        if one["status"] == Status.SUPPRESSED
    ]
    phones = [
        one for one in rows if one["status"] == Status.UNCORROBORATED and one["kind"] == "phone"
    ]
    return LeftOut(sorted(legitimate, key=_most_named), len(phones))


def _most_named(one: Row) -> tuple[int, str]:
    return -one["named"], one["entity_id"]


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
