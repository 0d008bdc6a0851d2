"""One organisation's run and what others offer it, as one body of evidence.

Who contributed what to a joint cluster, and what nobody could have seen alone.

An offer's counts as pieces of evidence: as many as the offer counts, and no other.

Each report that an offer counts is one person's, and names what it names; so each becomes one
piece of evidence of a victim of its own. Nothing is made up to get there: what a count does not
tell (day, country, loss, words, who it was) stays unknown, and where one person reported more than
once the offer has counted them once already.

The evidence of a finished run, made again from its tables: what mentions/ and records say.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from itertools import combinations
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from schemas import epoch
from schemas.enums import EntityKind, RecordKind
from schemas.joint import CONTRIBUTOR, TAKEN, UNION_LINK
from schemas.mention import EVIDENCE
from schemas.offer import Offer
from transforms.phone import normalize

Row = Mapping[str, Any]


SHOWN = 10
"""Shared members that are named, smallest first."""


@dataclass(frozen=True)
class View:
    """How one contributor alone clusters the identifiers that it shows."""

    contributor: str
    part_of: Mapping[str, str]
    confidence: Mapping[str, float]

    def placed(self, orgs: Mapping[str, Sequence[str]]) -> View:
        """The view in the joint run's ids, of what the contributor saw itself (`orgs` by id).

        A gap that one side saw can be filled by the other, so that epochs are counted otherwise:
        where the contributor knows a single epoch of an identifier, that is meant.
        """
        epochs: defaultdict[str, list[str]] = defaultdict(list)
        for entity_id in self.part_of:
            epochs[epoch.bare(entity_id)].append(entity_id)
        of: dict[str, str] = {}
        for entity_id, those in orgs.items():
            known = epochs.get(epoch.bare(entity_id), [])
            if self.contributor in those and known:
                only = known[0] if len(known) == 1 else entity_id
                if only in self.part_of:
                    of[entity_id] = only
        return View(
            self.contributor,
            {one: self.part_of[other] for one, other in of.items()},
            {one: self.confidence[other] for one, other in of.items()},
        )


def own_view(contributor: str, members: pa.Table) -> View:
    """The view of one's own run, from its MEMBER rows."""
    rows = members.select(["entity_id", "cluster_id", "confidence"]).to_pylist()
    return View(
        contributor,
        {row["entity_id"]: row["cluster_id"] for row in rows},
        {row["entity_id"]: row["confidence"] for row in rows},
    )


def offered_view(taken: Taken) -> View:
    """The view of an offer's sender."""
    entities = taken.offer.entities
    return View(
        taken.offer.sender,
        {one.entity_id: str(one.cluster) for one in entities},
        {one.entity_id: one.confidence / 100 for one in entities},
    )


def contributors(
    members: pa.Table, orgs: Mapping[str, Sequence[str]], views: Sequence[View]
) -> pa.Table:
    """MEMBER rows of the joint run, with who saw each entity, to CONTRIBUTOR rows."""
    by_name = {view.contributor: view for view in views}
    rows = [
        {
            "entity_id": row["entity_id"],
            "cluster_id": row["cluster_id"],
            "contributor": org,
            "part": by_name[org].part_of.get(row["entity_id"]) if org in by_name else None,
            "confidence": by_name[org].confidence.get(row["entity_id"]) if org in by_name else None,
        }
        for row in members.to_pylist()
        for org in sorted(orgs[row["entity_id"]])
    ]
    return pa.Table.from_pylist(rows, CONTRIBUTOR)


def union_links(members: pa.Table, accepted: pa.Table, views: Sequence[View]) -> pa.Table:
    """MEMBER rows and accepted LINK rows of the joint run to UNION_LINK rows."""
    cluster_of = dict(
        zip(members["entity_id"].to_pylist(), members["cluster_id"].to_pylist(), strict=True)
    )
    rows = [*_links(accepted, cluster_of, views), *_shared(cluster_of, views)]
    return pa.Table.from_pylist(rows, UNION_LINK)


def _links(
    accepted: pa.Table, cluster_of: Mapping[str, str], views: Sequence[View]
) -> Iterator[Row]:
    """Accepted links whose ends no contributor has in one cluster."""
    for a, b in zip(
        accepted["entity_a"].to_pylist(), accepted["entity_b"].to_pylist(), strict=True
    ):
        parts = [(view.part_of.get(a), view.part_of.get(b)) for view in views]
        if not any(one is not None and one == other for one, other in parts):
            yield {
                "cluster_id": cluster_of[a],
                "kind": "link",
                "entity_a": a,
                "entity_b": b,
                "shared": [],
                "shared_in_all": 0,
            }


def _shared(cluster_of: Mapping[str, str], views: Sequence[View]) -> Iterator[Row]:
    """Pairs of clusters of two contributors that are one for the members they share."""
    for one, other in combinations(views, 2):
        first, second = _parts(one, cluster_of), _parts(other, cluster_of)
        both: defaultdict[tuple[str, str, str], list[str]] = defaultdict(list)
        for entity_id in sorted(one.part_of.keys() & other.part_of.keys() & cluster_of.keys()):
            cluster = cluster_of[entity_id]
            both[cluster, one.part_of[entity_id], other.part_of[entity_id]].append(entity_id)
        for (cluster, a, b), shared in sorted(both.items()):
            if first[cluster, a] > len(shared) < second[cluster, b]:
                yield {
                    "cluster_id": cluster,
                    "kind": "shared",
                    "contributor_a": one.contributor,
                    "part_a": a,
                    "contributor_b": other.contributor,
                    "part_b": b,
                    "shared": shared[:SHOWN],
                    "shared_in_all": len(shared),
                }


def _parts(view: View, cluster_of: Mapping[str, str]) -> Mapping[tuple[str, str], int]:
    """Members of each of a contributor's clusters inside each joint one."""
    counts: defaultdict[tuple[str, str], int] = defaultdict(int)
    for entity_id, part in view.part_of.items():
        if entity_id in cluster_of:
            counts[cluster_of[entity_id], part] += 1
    return counts


def offered_clusters(
    members: pa.Table, offers: Iterable[Taken], views: Mapping[str, View]
) -> pa.Table:
    """MEMBER rows of the joint run and the offers in it, with their placed views, to TAKEN rows."""
    cluster_of = dict(
        zip(members["entity_id"].to_pylist(), members["cluster_id"].to_pylist(), strict=True)
    )
    rows = []
    for taken in offers:
        sizes = Counter(entity.cluster for entity in taken.offer.entities)
        within: defaultdict[str, set[str]] = defaultdict(set)
        for entity_id, part in views[taken.offer.sender].part_of.items():
            if entity_id in cluster_of:
                within[part].add(cluster_of[entity_id])
        for one in taken.offer.clusters:
            counts = [{"country": c.country, "victims": c.victims} for c in one.countries]
            rows.append(
                {
                    "contributor": taken.offer.sender,
                    "part": str(one.number),
                    "cluster_ids": sorted(within[str(one.number)]),
                    "members": sizes[one.number],
                    "victims_known": None
                    if one.elsewhere is None
                    else one.elsewhere + sum(c.victims for c in one.countries),
                    "countries": counts,
                    "losses": [{"currency": x.currency, "amount": x.amount} for x in one.losses],
                    "tlp": taken.offer.tlp,
                    "expires_at": datetime.fromisoformat(taken.offer.expires_at),
                    "offer": taken.sha256,
                }
            )
    return pa.Table.from_pylist(rows, TAKEN)


FIELD = "offer"
"""Where the mentions of an offer's evidence say that they were read."""


_MIDDLE = 4
"""Thursday: no day of an ISO week is further from it than three, and its year is the week's."""


@dataclass(frozen=True)
class Taken:
    """An offer that was accepted: its content, and the SHA-256 of its bytes."""

    offer: Offer
    sha256: str

    def record_id(self, row: int, count: int) -> str:
        """What stands for a record's id in the evidence of the offer; both are from 1."""
        return f"offer-{self.sha256[:12]}-{row}-{count}"


def middle_of(week: str) -> datetime:
    """The middle of an ISO 8601 week such as 2026-W09, in UTC."""
    year, number = (int(part) for part in week.split("-W"))
    return datetime.combine(date.fromisocalendar(year, number, _MIDDLE), time(12), UTC)


def evidence_of_offer(taken: Taken, rows: int = 65_536) -> Iterator[pa.RecordBatch]:
    """An accepted offer to EVIDENCE batches of about `rows` rows."""
    offer = taken.offer
    # Epochs are told apart anew, in what both sides saw.
    ids = [epoch.bare(one.entity_id) for one in offer.entities]
    regions = _regions(ids)
    held: list[dict[str, object]] = []
    for row, counted in enumerate(offer.evidence, 1):
        for count in range(1, counted.reports + 1):
            record = taken.record_id(row, count)
            alone = counted.kind == str(RecordKind.CALL)
            piece = "|".join([offer.sender, *(["call"] if alone else []), record])
            held.extend(
                {
                    "entity_id": ids[at],
                    "kind": ids[at].partition(":")[0],
                    "role": offer.entities[at].role,
                    "source_org": offer.sender,
                    "record_kind": counted.kind,
                    "record_id": record,
                    "observed_at": middle_of(counted.week),
                    "field": FIELD,
                    "confidence": offer.entities[at].confidence / 100,
                    "group_id": piece,
                    "victim_key": piece,
                    "region": regions[at][0],
                    "line_type": regions[at][1],
                }
                for at in counted.entities
            )
            if len(held) >= rows:
                yield pa.RecordBatch.from_pylist(held, EVIDENCE)
                held = []
    if held:
        yield pa.RecordBatch.from_pylist(held, EVIDENCE)


def _regions(entity_ids: list[str]) -> list[tuple[str | None, str | None]]:
    """Region and line type of the phone numbers among entity ids; of others, neither."""
    kind = f"{EntityKind.PHONE}:"
    raw = pa.array([one[len(kind) :] if one.startswith(kind) else None
                    for one in entity_ids], pa.string())  # fmt: skip
    readings = normalize.normalise(raw, pa.nulls(len(raw), pa.string()))
    columns = (pc.struct_field(readings, name).to_pylist() for name in ("region", "line_type"))
    return list(zip(*columns, strict=True))


RECORD = pa.schema(
    [
        ("record_kind", pa.string()),
        ("source_org", pa.string()),
        ("record_id", pa.string()),
        ("victim_id", pa.string()),
        ("complaint_id", pa.string()),
        ("brand", pa.string()),
        ("loss_amount", EVIDENCE.field("loss_amount").type),
        ("loss_currency", pa.string()),
    ]
)
"""What a complaint or a call says beside its identifiers; `complaint_id` is a call's complaint."""


def complaint_records(complaints: pa.Table, brands: pa.Array | None = None) -> pa.Table:
    """COMPLAINT rows, with the canonical brand of each if wanted, to RECORD rows."""
    nothing = pa.nulls(complaints.num_rows, pa.string())
    columns = [
        pa.repeat(pa.scalar(str(RecordKind.COMPLAINT)), complaints.num_rows),
        complaints["source_org"],
        complaints["complaint_id"],
        complaints["victim_id"],
        nothing,
        nothing if brands is None else brands,
        complaints["loss_amount"],
        complaints["loss_currency"],
    ]
    return pa.table(dict(zip(RECORD.names, columns, strict=True)), schema=RECORD)


def call_records(calls: pa.Table) -> pa.Table:
    """CALL rows to RECORD rows."""
    columns = [
        pa.repeat(pa.scalar(str(RecordKind.CALL)), calls.num_rows),
        calls["source_org"],
        calls["call_id"],
        calls["victim_id"],
        calls["complaint_id"],
        *(pa.nulls(calls.num_rows, RECORD.field(name).type) for name in RECORD.names[5:]),
    ]
    return pa.table(dict(zip(RECORD.names, columns, strict=True)), schema=RECORD)


def evidence_of(mentions: pa.Table, records: pa.Table, entities: pa.Table) -> pa.Table:
    """MENTION rows with the RECORD rows they are of and the ENTITY rows they name, to EVIDENCE.

    The pieces of evidence and the victims' keys are those of `schemas.mention.SIGHTING`. What a run
    withholds is in none of its tables, so no victim's own identifier comes back.

    Raises:
        ValueError: if a mention is of a record that is not there.
    """
    at = pc.index_in(_keys(mentions), _keys(records).combine_chunks())
    if at.null_count:
        raise ValueError("mentions/ names records that complaints/ and calls/ lack")
    of = records.take(at)
    named = pc.index_in(mentions["entity_id"], entities["entity_id"].combine_chunks())
    org = mentions["source_org"]
    complaint = pc.equal(mentions["record_kind"], str(RecordKind.COMPLAINT))
    alone = pc.if_else(
        complaint,
        pc.binary_join_element_wise(org, mentions["record_id"], "|"),
        pc.binary_join_element_wise(org, "call", mentions["record_id"], "|"),
    )
    columns = {name: mentions[name] for name in mentions.column_names} | {
        "group_id": pc.coalesce(pc.binary_join_element_wise(org, of["complaint_id"], "|"), alone),
        "victim_key": pc.binary_join_element_wise(org, of["victim_id"], "|"),
        "region": entities["region"].take(named),
        "line_type": entities["line_type"].take(named),
        "brand": of["brand"],
        "loss_amount": of["loss_amount"],
        "loss_currency": of["loss_currency"],
    }
    return pa.table({name: columns[name] for name in EVIDENCE.names}, schema=EVIDENCE)


def _keys(rows: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(
        rows["record_kind"], rows["source_org"], rows["record_id"], "|"
    )
