"""The case of one referral: the cluster's records, and what is derived from them once."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from reports import tables
from reports.cluster_data import NARRATIVE, ClusterFacts, Reading, sample_readings
from reports.disclosure_control import KNOWN_LEGITIMATE
from reports.exchange.offer import DisclosedCounts, disclose_counts
from reports.export.stix import TLP_LEVELS
from reports.figures.timeline import Handover, build_timeline
from reports.referral.blocking_checks import (
    Bridge,
    Inclusion,
    Obstacle,
    Override,
    find_bridges,
    members_to_name,
    tied_by_left_out,
    tlp_level,
)
from reports.referral.blocks import format_count
from reports.referral.case_records import CaseRecords, RecordKey, keep_case_members, record_key
from reports.referral.losses import ExchangeRate, reconciled_totals, stated_totals
from reports.referral.providers import ProviderGroup, group_by_provider
from reports.referral.reference import Reference
from reports.run import Run
from reports.tables import NarrativeReader, RunFolder
from schemas.enums import EntityKind, Status
from schemas.manifest import Manifest
from schemas.tables import ENTITIES, MENTIONS
from transforms.text_masking import MASK

Row = dict[str, Any]

_RECORD = ("source_org", "record_kind", "record_id")


@dataclass(frozen=True)
class NotAccused:
    """Identifiers that the cluster's records name and the package does not accuse, by status.

    `suppressed` are identifiers of the known-legitimate lists, with their reason; `others` counts
    hubs and those that a decision names. `caller_ids` counts numbers that are only a caller id. The
    package names neither.
    """

    suppressed: list[Row]
    others: int
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
    far as they may be shown, `number` each member's row of Exhibit 2. All of it is of the members
    that may be named: reviewed core ones, and those of `included`; `tied_by_left_out` counts those
    that only ones that are left out tie to the others. `cluster_victims` alone counts the victims
    of the whole cluster, which counts of shared victims are about. `run_key_id` is of the key that
    signed the run, None where it is unsigned.
    """

    records: CaseRecords
    included: list[Inclusion]
    tied_by_left_out: int
    cluster_victims: int
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
    run_key_id: str | None = None

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
        return victims_sentence(
            self.row["victims"], own, self.cluster_victims, self.shared, joint=self.joint
        )

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
    excerpts: NarrativeReader | None,
    earlier: EarlierReferral | None,
    shared: list[SharedVictims],
    included: Sequence[Inclusion] = (),
) -> Case:
    """Builds the case of a cluster's records, of the members that may be named.

    Raises:
        UnreconciledError: if losses do not add up.
    """
    reconciled_totals(records)
    whole = records.facts
    records = keep_case_members(records, members_to_name(whole, included))
    facts = records.facts
    members = pa.array(records.member_ids, pa.string())
    return Case(
        records=records,
        included=list(included),
        tied_by_left_out=tied_by_left_out(whole, facts),
        cluster_victims=whole.row["victims"],
        reference=reference,
        totals=stated_totals(records),
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
        excerpts=_excerpts(run, members, excerpts) if excerpts else [],
        earlier=earlier,
        shared=shared,
        tlp=_strictest([reference.policy["tlp"], *(one["tlp"] for one in records.offered)]),
        run_key_id=run.custody.key_id if isinstance(run, Run) and run.custody else None,
    )


def victims_at_most(total: int, of_cluster: int, shared: Sequence[SharedVictims]) -> int:
    """Returns an upper bound of distinct victims; `total` counts each organisation's for itself.

    The counts are about all victims of the cluster, `of_cluster`: of these, whoever is at two
    organisations whose overlap was counted is taken off once. Those of the named members are no
    more. What is under a floor, and whoever gave two organisations different numbers, is still
    counted twice.
    """
    return min(total, of_cluster - sum(one.shared or 0 for one in shared))


def victims_sentence(
    total: int, own: int, of_cluster: int, shared: Sequence[SharedVictims], *, joint: bool
) -> str:
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
    if of_cluster != total:
        both = f"{both}, of the {of_cluster} of the whole cluster, named here or not"
    most = victims_at_most(total, of_cluster, shared)
    return f"At most {format_count(most, 'distinct victim')}: {sides}; {both}"


def overlap_files(shared: Sequence[SharedVictims]) -> dict[str, bytes]:
    """Returns the signed letters by path in the package."""
    made: dict[str, bytes] = {}
    for number, one in enumerate(shared, 1):
        path = f"data/overlaps/{number:02d}-result.json"
        made |= {path: one.letter, f"{path}.sig": one.signature}
    return made


_PERHAPS_PRIVATE = re.compile(
    r"\S*\s?@\s?\S*(?:\s?\.\s?\w+)*"
    r"|\S+\s+(?:at|ät|arroba|arobase|chiocciola|apenstaartje)\s+\S+"
    r"(?:\s+(?:dot|punto|punkt|point|ponto|punt)\s+\S+)+"
    r"|\S*(?:\d|&#|&\w+;|%[0-9A-Fa-f]{2})\S*",
    re.IGNORECASE,
)
"""An address, as signs or words have it, or a word with a digit or an escape."""

_AMOUNT = re.compile(r"\(?[$€£₹]\d{1,3}(?:[.,]?\d{3}){0,2}(?:[.,]\d{1,2})?[).,;:!?]*")


def permitted_words(text: str) -> str:
    """Masks all in the words of a narrative that may be a number or an address, but amounts.

    So nothing rests on a mask that knew what it looked for. The identifier that the words are
    about is not among them.
    """
    return _PERHAPS_PRIVATE.sub(
        lambda one: one[0] if _AMOUNT.fullmatch(one[0]) else re.sub(r"\w", MASK, one[0]), text
    )


def _excerpts(run: RunFolder, members: pa.Array, narratives: NarrativeReader) -> list[Reading]:
    """Reads the words around members, without any other identifier that is or may be in them."""
    found = [
        one
        for one in sample_readings(run, members, narratives)
        if one.before is not None or one.after is not None
    ]
    ids = pa.array(sorted({one.record_id for one in found}), pa.string())
    where = pc.field("record_id").isin(ids) & (pc.field("field") == NARRATIVE)
    where &= ~pc.field("entity_id").isin(members) & (pc.field("kind") != EntityKind.SCRIPT)
    spans: dict[RecordKey, list[tuple[int, int]]] = defaultdict(list)
    for batch in tables.table_batches(run, MENTIONS, [*_RECORD, "start", "end"], where):
        for one in batch.to_pylist():
            if one["start"] is not None:
                spans[record_key(one)].append((one["start"], one["end"]))
    return [
        _without_spans(one, spans[one.record_kind, one.source_org, one.record_id]) for one in found
    ]


def _without_spans(one: Reading, spans: Sequence[tuple[int, int]]) -> Reading:
    before, after = one.before or "", one.after or ""
    start, end = one.start or 0, one.end or 0
    return one._replace(
        before=permitted_words(_masked(before, start - len(before), spans)),
        after=permitted_words(_masked(after, end, spans)),
    )


def _masked(words: str, start: int, spans: Sequence[tuple[int, int]]) -> str:
    """Masks the characters of spans in words that begin at `start` of the narrative."""
    letters = list(words)
    for first, last in spans:
        for at in range(max(first - start, 0), min(last - start, len(letters))):
            letters[at] = MASK
    return "".join(letters)


def _strictest(markings: list[str]) -> str:
    return max((tlp_level(one) for one in markings), key=TLP_LEVELS.index)


def _not_accused(run: RunFolder, records: CaseRecords) -> NotAccused:
    ids = pa.array(sorted({record for _, _, record in records.by_key}), pa.string())
    members = set(records.member_ids)
    columns = ["entity_id", *_RECORD]
    named: Counter[str] = Counter()
    for batch in tables.table_batches(run, MENTIONS, columns, pc.field("record_id").isin(ids)):
        for one in batch.to_pylist():
            if record_key(one) in records.by_key and one["entity_id"] not in members:
                named[one["entity_id"]] += 1
    ids = pa.array(sorted(named), pa.string())
    rows = tables.read_table(run, ENTITIES, where=pc.field("entity_id").isin(ids)).to_pylist()
    suppressed = [
        one | {"named": named[one["entity_id"]]}
        for one in rows
        if one["status"] == Status.SUPPRESSED
    ]
    listed = [
        one
        for one in suppressed
        if one["reason"].startswith(KNOWN_LEGITIMATE) and "decision " not in one["reason"]
    ]
    phones = [
        one for one in rows if one["status"] == Status.UNCORROBORATED and one["kind"] == "phone"
    ]
    others = len(suppressed) - len(listed)
    return NotAccused(sorted(listed, key=_most_named), others, len(phones))


def _most_named(one: Row) -> tuple[int, str]:
    return -one["named"], one["entity_id"]
