"""The case of one referral: the cluster's records, and what is derived from them once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reports import tables
from reports.cluster_data import ClusterFacts, Reading, sample_readings
from reports.exchange.offer import DisclosedCounts, disclose_counts
from reports.export.stix import TLP_LEVELS
from reports.figures.timeline import Handover, build_timeline
from reports.referral.blocking_checks import Bridge, Obstacle, Override, find_bridges, tlp_level
from reports.referral.blocks import format_count
from reports.referral.case_records import CaseRecords, record_key
from reports.referral.losses import ExchangeRate, reconciled_totals
from reports.referral.providers import ProviderGroup, group_by_provider
from reports.referral.reference import Reference
from reports.tables import RunFolder
from schemas.enums import Status
from schemas.manifest import Manifest
from schemas.tables import ENTITIES, MENTIONS

Row = dict[str, Any]


@dataclass(frozen=True)
class NotAccused:
    """Identifiers that the cluster's records name and the package does not accuse, by status.

    `suppressed` are known-legitimate identifiers and hubs, with their reason. `caller_ids` counts
    numbers that are only a caller id, which the package does not name.
    """

    suppressed: list[Row]
    caller_ids: int


@dataclass(frozen=True)
class EarlierReferral:
    """The referral that this one takes the place of: its seal's SHA-256, and what changed."""

    seal_sha256: str
    date: str
    changes: list[tuple[str, str, str]]


@dataclass(frozen=True)
class SharedVictims:
    """A signed count of the victims whom two organisations share, by private set intersection.

    `by` is what was compared (phone or email), `shared` is None under the `floor`, `day` is when it
    was counted, `signer` the id of the key that signed. `letter` goes into the package.
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
    def text(self) -> str:
        """The count in words."""
        return f"fewer than {self.floor}" if self.shared is None else str(self.shared)


@dataclass(frozen=True)
class Case:
    """A referral: the cluster's records, and everything that its documents are written from.

    `totals` are amount and number of complaints by currency, `disclosed` the victims by country as
    far as they may be shown, `number` each member's row of Exhibit 2.
    """

    records: CaseRecords
    reference: Reference
    totals: dict[str, tuple[Decimal, int]]
    rates: dict[str, ExchangeRate]
    disclosed: DisclosedCounts
    not_accused: NotAccused
    bridges: list[Bridge]
    groups: list[ProviderGroup]
    handovers: list[Handover]
    number: dict[str, int]
    obstacles: list[Obstacle]
    override: Override | None
    confirmations: list[str]
    excerpts: list[Reading]
    earlier: EarlierReferral | None
    shared: list[SharedVictims]
    tlp: str

    @property
    def facts(self) -> ClusterFacts:
        """The cluster's rows."""
        return self.records.facts

    @property
    def manifest(self) -> Manifest:
        """The manifest of the run."""
        return self.records.manifest

    @property
    def moment(self) -> datetime:
        """The time that the referral is seen from, UTC."""
        return self.records.moment

    @property
    def row(self) -> Row:
        """The cluster's row of clusters/."""
        return self.facts.row

    @property
    def joint(self) -> bool:
        """True if others' offers are in it."""
        return bool(self.records.offered)

    @property
    def victims(self) -> str:
        """The number of victims in words, which say where one can be counted twice."""
        own = sum(self.records.victims.values())
        return victims_sentence(self.row["victims"], own, self.shared, joint=self.joint)

    @property
    def date(self) -> str:
        """The day that the referral is seen from, UTC."""
        return f"{self.moment:%Y-%m-%d}"

    @property
    def countries(self) -> str:
        """The countries of victims, as far as they may be shown."""
        named = ", ".join(one.country for one in self.disclosed.countries)
        if not self.disclosed.elsewhere:
            return named or "countries that are not told"
        return f"{named} and elsewhere" if named else "countries that are not told"

    @property
    def code(self) -> str:
        """The referral's own reference: recipient, cluster, day."""
        return f"{self.reference.recipient['code']}/{self.row['cluster_id']}/{self.date}"


def build_case(
    run: RunFolder,
    records: CaseRecords,
    reference: Reference,
    *,
    obstacles: list[Obstacle],
    override: Override | None,
    confirmations: list[str],
    rates: Mapping[str, ExchangeRate],
    excerpts: bool,
    earlier: EarlierReferral | None,
    shared: list[SharedVictims],
) -> Case:
    """Builds the case of a cluster's records.

    Raises:
        UnreconciledError: if losses do not add up.
    """
    facts = records.facts
    members = pa.array(records.member_ids, pa.string())
    return Case(
        records=records,
        reference=reference,
        totals=reconciled_totals(records),
        rates=dict(rates),
        disclosed=disclose_counts(records.victims, reference.policy["suppress_below"]),
        not_accused=_not_accused(run, records),
        bridges=find_bridges(facts),
        groups=group_by_provider(facts, reference),
        handovers=build_timeline(facts).handovers,
        number={entity_id: at for at, entity_id in enumerate(records.member_ids, 1)},
        obstacles=obstacles,
        override=override,
        confirmations=confirmations,
        excerpts=[
            one
            for one in (sample_readings(run, members, narratives=True) if excerpts else [])
            if one.before is not None or one.after is not None
        ],
        earlier=earlier,
        shared=shared,
        tlp=_strictest([reference.policy["tlp"], *(one["tlp"] for one in records.offered)]),
    )


def victims_at_most(total: int, shared: Sequence[SharedVictims]) -> int:
    """Returns an upper bound of distinct victims; `total` counts each organisation's for itself.

    Whoever is at two organisations whose overlap was counted is taken off once. What is under a
    floor, and whoever gave two organisations different numbers, is still counted twice.
    """
    return total - sum(one.shared or 0 for one in shared)


def victims_sentence(total: int, own: int, shared: Sequence[SharedVictims], *, joint: bool) -> str:
    """Returns the number of victims in words, which say where one can be counted twice."""
    if not joint:
        return f"{format_count(total, 'distinct victim')}"
    sides = f"{own} of the records of this package's maker and {total - own} that offers count"
    if not shared:
        return (
            f"{format_count(total, 'victim')}, {sides}; whoever reported to both is counted twice, "
            "and how many did is not known"
        )
    both = ", ".join(f"{one.text} shared with {one.organisation}" for one in shared)
    most = format_count(victims_at_most(total, shared), "distinct victim")
    return f"At most {most}: {sides}, {both}"


def overlap_files(shared: Sequence[SharedVictims]) -> dict[str, bytes]:
    """Returns the signed letters by path in the package."""
    made: dict[str, bytes] = {}
    for number, one in enumerate(shared, 1):
        path = f"data/overlaps/{number:02d}-result.json"
        made |= {path: one.letter, f"{path}.sig": one.signature}
    return made


def _strictest(markings: list[str]) -> str:
    return max((tlp_level(one) for one in markings), key=TLP_LEVELS.index)


def _not_accused(run: RunFolder, records: CaseRecords) -> NotAccused:
    ids = pa.array(sorted({record for _, _, record in records.by_key}), pa.string())
    members = set(records.member_ids)
    columns = ["entity_id", "source_org", "record_kind", "record_id"]
    named: Counter[str] = Counter()
    for batch in tables.table_batches(run, MENTIONS, columns, pc.field("record_id").isin(ids)):
        for one in batch.to_pylist():
            if record_key(one) in records.by_key and one["entity_id"] not in members:
                named[one["entity_id"]] += 1
    others = pa.array(sorted(named), pa.string())
    rows = tables.read_table(run, ENTITIES, where=pc.field("entity_id").isin(others)).to_pylist()
    legitimate = [
        one | {"named": named[one["entity_id"]]}
        for one in rows
        if one["status"] == Status.SUPPRESSED
    ]
    phones = [
        one for one in rows if one["status"] == Status.UNCORROBORATED and one["kind"] == "phone"
    ]
    return NotAccused(sorted(legitimate, key=_most_named), len(phones))


def _most_named(one: Row) -> tuple[int, str]:
    return -one["named"], one["entity_id"]
