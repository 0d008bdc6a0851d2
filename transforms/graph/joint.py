"""Joint clustering: one organisation's run and the offers it accepted, as one body of evidence.

`evidence_from_tables` rebuilds the evidence of a finished run from its tables.
`evidence_of_offer` turns an offer's counts into pieces of evidence. Each report that an offer
counts comes from a different person. People who report the same identifiers in one week become one
piece of evidence and one reporter, who stands for all of them (`crowds_of_offers`). So an offer
costs its reader by its bytes, not by the numbers that it claims. Nothing is made up: facts that a
count does not state (day, country, loss, words, person) stay unknown.

From the joint clusters follow two tables: who contributed which members, and which links no
contributor could have found alone.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from itertools import combinations
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from schemas.decision import OTHERS_DECISIONS, SUSPECTS_DECISIONS
from schemas.entity import without_epoch
from schemas.enums import EntityKind, RecordKind
from schemas.field import FLAG, TEXT, TIMESTAMP
from schemas.joint import CONTRIBUTOR, OFFERED_CLUSTER, UNION_LINK
from schemas.mention import EVIDENCE, EVIDENCE_MENTION, MENTIONS, ROW
from schemas.offer import Feed, FeedEvidence, Offer, OfferedEvidence
from schemas.records import MAX_INTEGER
from schemas.signed_fields import week_start
from transforms.arrow import (
    batch_of_rows,
    distinct_rows,
    implode,
    one_table,
    row_tuples,
    table_of_rows,
)
from transforms.custody import RECORD_KEY, record_keys
from transforms.phone import normalize
from transforms.values import reporters

if TYPE_CHECKING:
    from transforms.decisions import Decision

NAMED_MEMBERS = 10
"""Largest number of shared members that a row names, smallest ids first."""

RECORD = pa.schema(
    {
        "record_kind": TEXT,
        "source_org": TEXT,
        "record_id": TEXT,
        "victim_id": TEXT,
        "reporter_key": TEXT,
        "complaint_id": TEXT,
        "channel": TEXT,
        "filed_at": TIMESTAMP,
        "wordless": FLAG,
        "brand": TEXT,
        "loss_amount": EVIDENCE.field("loss_amount").type,
        "loss_currency": TEXT,
    }
)
"""The fields of a complaint or call without its identifiers; only calls have `complaint_id`."""


View = Mapping[str, tuple[str, float]]
"""The cluster and confidence that one contributor alone gives each identifier."""


@dataclass(frozen=True)
class AcceptedOffer:
    """An offer that was accepted: its content, and the SHA-256 of its bytes."""

    offer: Offer
    sha256: str

    @cached_property
    def ids(self) -> list[str]:
        """The identifiers without epochs: the joint run finds epochs again."""
        return [without_epoch(entity.entity_id) for entity in self.offer.entities]

    def records(self) -> Iterator[tuple[OfferedEvidence, str, str]]:
        """Yields each row of the evidence, its record id, and the key of its reporter."""
        for row, counted in enumerate(self.offer.evidence, 1):
            people = "1" if counted.reports == 1 else f"1..{counted.reports}"
            record = f"offer-{self.sha256[:12]}-{row}-{people}"
            alone = ["call"] if counted.kind == RecordKind.CALL else []
            yield counted, record, "|".join([self.offer.sender, *alone, record])

    def rows_with_ties(self) -> Iterator[tuple[OfferedEvidence, list[reporters.Tie], str]]:
        """Yields each row of the evidence, what it ties, and the key of its reporter."""
        for row, _, key in self.records():
            yield row, reporters.ties_of(self.ids[place] for place in row.entities), key

    def claims(self) -> dict[str, frozenset[str]]:
        """Returns the ids, without epochs, that each claimant claims.

        The claimant of an offer is its sender; of a feed, each contributor, as `sender|token`.
        """
        if not isinstance(self.offer, Feed):
            return {self.offer.sender: frozenset(self.ids)}
        return {
            f"{self.offer.sender}|{contributor.token}": frozenset(
                self.ids[place] for place in contributor.entities
            )
            for contributor in self.offer.contributors
        }

    def claimant(self, row: OfferedEvidence) -> str:
        """Returns the claimant of a row of evidence, as named in `claims`."""
        if isinstance(self.offer, Feed) and isinstance(row, FeedEvidence):
            return f"{self.offer.sender}|{self.offer.contributors[row.contributor].token}"
        return self.offer.sender


def own_view(members: pa.Table) -> View:
    """Returns the view of the organisation's own run, from its MEMBER rows."""
    rows = members.select(["entity_id", "cluster_id", "confidence"]).to_pylist()
    return {row["entity_id"]: (row["cluster_id"], row["confidence"]) for row in rows}


def offered_view(offer: Offer) -> View:
    """Returns the view of an offer's sender."""
    return {
        entity.entity_id: (str(entity.cluster), entity.confidence / 100)
        for entity in offer.entities
    }


def view_in_joint_ids(view: View, contributor: str, orgs: Mapping[str, Sequence[str]]) -> View:
    """Converts a view to the joint run's ids, for entities that the contributor saw (`orgs`).

    One side's records can fill a gap in the other's, which changes the numbers of epochs. So if
    the contributor knows a single epoch of an identifier, it stands for every joint epoch.
    """
    epochs = defaultdict[str, list[str]](list)
    for entity_id in view:
        epochs[without_epoch(entity_id)].append(entity_id)
    in_joint_ids = {}
    for entity_id, seen_by in orgs.items():
        known = epochs.get(without_epoch(entity_id), [])
        own_id = known[0] if len(known) == 1 else entity_id
        if contributor in seen_by and own_id in view:
            in_joint_ids[entity_id] = view[own_id]
    return in_joint_ids


def contributor_rows(
    members: pa.Table, orgs: Mapping[str, Sequence[str]], views: Mapping[str, View]
) -> pa.Table:
    """Converts MEMBER rows of the joint run to CONTRIBUTOR rows; `orgs` says who saw an entity."""
    rows = []
    for row in members.select(["entity_id", "cluster_id"]).to_pylist():
        for org in sorted(orgs[row["entity_id"]]):
            part, confidence = views.get(org, {}).get(row["entity_id"], (None, None))
            rows.append(row | {"contributor": org, "part": part, "confidence": confidence})
    return table_of_rows(rows, CONTRIBUTOR)


def union_link_rows(members: pa.Table, accepted: pa.Table, views: Mapping[str, View]) -> pa.Table:
    """Converts MEMBER rows and accepted LINK rows of the joint run to UNION_LINK rows."""
    cluster_of = dict(row_tuples(members, "entity_id", "cluster_id"))
    rows = [*_new_links(accepted, cluster_of, views), *_shared_clusters(cluster_of, views)]
    return table_of_rows([dict.fromkeys(UNION_LINK.names) | row for row in rows], UNION_LINK)


def offered_cluster_rows(
    members: pa.Table, offers: Iterable[AcceptedOffer], views: Mapping[str, View]
) -> pa.Table:
    """Converts MEMBER rows of the joint run and its offers, with views, to OFFERED_CLUSTER rows."""
    cluster_of = dict(row_tuples(members, "entity_id", "cluster_id"))
    rows = []
    for taken in offers:
        offer = taken.offer
        sizes = Counter(entity.cluster for entity in offer.entities)
        joint_of = defaultdict[str, list[str]](list)
        for joint, part in sorted(_parts(views[offer.sender], cluster_of)):
            joint_of[part].append(joint)
        for cluster in offer.clusters:
            part, known = str(cluster.number), cluster.elsewhere
            if known is not None:
                known += sum(counted.victims for counted in cluster.countries)
            rows.append(
                {
                    "contributor": offer.sender,
                    "part": part,
                    "cluster_ids": joint_of[part],
                    "members": sizes[cluster.number],
                    "victims_known": known,
                    "countries": msgspec.to_builtins(cluster.countries),
                    "losses": msgspec.to_builtins(cluster.losses),
                    "tlp": offer.tlp,
                    "expires_at": datetime.fromisoformat(offer.expires_at),
                    "offer": taken.sha256,
                }
            )
    return table_of_rows(rows, OFFERED_CLUSTER)


def middle_of_week(week: str) -> datetime:
    """Returns the middle of an ISO 8601 week such as 2026-W09, in UTC."""
    thursday = week_start(week) + timedelta(days=3)  # no day of the week is further from it
    return datetime.combine(thursday, time(12), UTC)


def evidence_of_offer(taken: AcceptedOffer, rows: int = 65_536) -> Iterator[pa.RecordBatch]:
    """Yields an accepted offer as EVIDENCE_MENTION batches of about `rows` rows."""
    offer, ids = taken.offer, taken.ids
    regions = _phone_regions(ids)
    absent: dict[str, object] = dict.fromkeys(EVIDENCE_MENTION.names)
    pending: list[dict[str, object]] = []
    called = frozenset(offer.called or ())
    for counted, record, piece in taken.records():
        # A record names an identifier once: of two epochs, keep the called one.
        last_is_left = sorted(counted.entities, key=lambda place: (place in called, -place))
        named = sorted({ids[place]: place for place in last_is_left}.values())
        pending.extend(
            absent
            | {
                "entity_id": ids[place],
                "kind": ids[place].partition(":")[0],
                "role": offer.entities[place].role,
                "source_org": offer.sender,
                "record_kind": counted.kind,
                "record_id": record,
                "observed_at": middle_of_week(counted.week),
                "field": reporters.OFFERED_CALLED if place in called else reporters.OFFER_FIELD,
                "confidence": offer.entities[place].confidence / 100,
                "group_id": piece,
                "victim_key": piece,
                "reporter_key": piece,
                "region": regions[place][0],
                "line_type": regions[place][1],
            }
            for place in named
        )
        if len(pending) >= rows:
            yield batch_of_rows(pending, EVIDENCE_MENTION)
            pending = []
    if pending:
        yield batch_of_rows(pending, EVIDENCE_MENTION)


def crowds_of_offers(
    offers: Sequence[AcceptedOffer],
    most: Mapping[str, int] | None = None,
    own: Collection[str] = (),
) -> reporters.Crowds:
    """Returns the reporters of `evidence_of_offer`, and how many people each stands for.

    Nobody outside can check a sender's counts. So `most` limits how many people of a sender bear
    a tie, which is two identifiers together or a single one. Each contributor to a feed is a sender
    of its own. If a contributor may be counted elsewhere too, only its extra people bear the tie.

    Args:
        offers: Offers in force.
        most: Largest number of people that bear a tie, by the names of `AcceptedOffer.claims`;
            a name that is missing has no limit.
        own: Organisations with records in the run, except the organisation that joins.
    """
    people: dict[str, int] = {}
    bearing: dict[str, int] = {}
    left = _not_counted_yet(offers, most or {}, own)
    for taken in offers:
        used = defaultdict[str, Counter[reporters.Tie]](Counter)
        for row, ties, key in taken.rows_with_ties():
            who = taken.claimant(row)
            # The fullest tie decides: else rows with an invented third id would add to a full tie.
            limit = (most or {}).get(who, MAX_INTEGER)
            free = min(left.get((who, tie), limit) - used[who][tie] for tie in ties)
            people[key], bearing[key] = row.reports, max(min(row.reports, free), 0)
            for tie in ties:
                used[who][tie] += bearing[key]
    return reporters.Crowds.of(people, bearing)


def _not_counted_yet(
    offers: Sequence[AcceptedOffer], most: Mapping[str, int], own: Collection[str]
) -> dict[tuple[str, reporters.Tie], int]:
    """Returns how many people of each feed contributor bear a tie that others may also count.

    Nobody knows which member of a hub a token stands for. Suppose n members also count people by
    their own offer, by records in the run or by the feed of another hub. Then the n contributors
    with most people on the tie may be these members, largest paired with largest. Each such
    contributor keeps only the people beyond its pair's count.
    """
    feeds = [offer.offer for offer in offers if isinstance(offer.offer, Feed)]
    if not feeds or (len(offers) == 1 and not own):
        return {}
    claimed = defaultdict[reporters.Tie, dict[str, Counter[str]]](dict)
    # Feeds first: for other offers, only ties of feeds matter.
    for taken in sorted(offers, key=lambda offer: not isinstance(offer.offer, Feed)):
        known = None if isinstance(taken.offer, Feed) else claimed.keys()
        for row, ties, _ in taken.rows_with_ties():
            for tie in ties if known is None else known & set(ties):
                counts = claimed[tie].setdefault(taken.offer.sender, Counter())
                counts[taken.claimant(row)] += row.reports
    left: dict[tuple[str, reporters.Tie], int] = {}
    for number, feed in enumerate(feeds):
        members = set(feed.members)
        both = {
            feed_before.sender: len(members.intersection(feed_before.members))
            for feed_before in feeds[:number]
        }
        for tie, by in claimed.items():
            bearing = {
                sender: {who: min(count, most.get(who, MAX_INTEGER)) for who, count in its.items()}
                for sender, its in by.items()
            }
            mine = bearing.get(feed.sender, {})
            beside = [MAX_INTEGER] * len(members.intersection(own))
            beside += [sum(bearing[sender].values()) for sender in members.intersection(by)]
            for hub, count in both.items():
                beside += sorted(bearing.get(hub, {}).values(), reverse=True)[:count]
            order = sorted(mine, key=lambda who: (-mine[who], who))
            # This pairing leaves the fewest people.
            for who, others in zip(order, sorted(beside, reverse=True), strict=False):
                left[who, tie] = max(mine[who] - others, 0)
    return left


def sender_record(claimed: Collection[str], decisions: Iterable[Decision]) -> tuple[int, int]:
    """Counts the claimed identifiers that analysts decided are a suspect's, and are not.

    A dispute, `legitimate` or `victim_owned` decision outweighs any decision for a suspect.
    """
    right: set[str] = set()
    wrong: set[str] = set()
    for decision in decisions:
        members = map(without_epoch, decision.members or decision.entities)
        if decision.void is None and decision.kind in SUSPECTS_DECISIONS:
            right.update(members)
        elif decision.void is None and decision.kind in OTHERS_DECISIONS:
            wrong.update(members)
    return len((right - wrong).intersection(claimed)), len(wrong.intersection(claimed))


def people_that_count(most: int, right: int, wrong: int) -> int:
    """Returns the largest number of people of a sender that may bear a tie, by its record.

    This is `most` times the upper end of the sender's precision interval, and at least 1. A sender
    without decided identifiers counts in full.
    """
    return max(math.ceil(most * reporters.precision_interval(right, wrong)[1]), 1)


def complaint_records(
    complaints: pa.Table,
    rules: reporters.SourceRules,
    brands: pa.Array | None = None,
    wordless: pa.Array | None = None,
) -> pa.Table:
    """Converts COMPLAINT rows to RECORD rows.

    `brands` (canonical) and `wordless` fill their columns, if given. `rules` are the rules by which
    the run counted reporters.
    """
    org, victim, received = (
        complaints[name] for name in ("source_org", "victim_id", "received_at")
    )
    return _record_rows(
        complaints,
        RecordKind.COMPLAINT,
        "complaint_id",
        reporter_key=reporters.reporter_keys(
            org, victim, received, complaints["complaint_id"], rules
        ),
        channel=complaints["channel"] if "channel" in complaints.column_names else None,
        filed_at=received,
        wordless=wordless,
        brand=brands,
        loss_amount=complaints["loss_amount"],
        loss_currency=complaints["loss_currency"],
    )


def call_records(calls: pa.Table) -> pa.Table:
    """Converts CALL rows to RECORD rows."""
    return _record_rows(
        calls,
        RecordKind.CALL,
        "call_id",
        reporter_key=reporters.call_reporter_keys(calls),
        complaint_id=calls["complaint_id"],
    )


def _record_rows(rows: pa.Table, kind: RecordKind, record_id: str, **columns: Any) -> pa.Table:
    """Makes RECORD rows; a column that is not given is null."""
    columns |= {
        "record_kind": pa.repeat(kind, rows.num_rows),
        "source_org": rows["source_org"],
        "record_id": rows[record_id],
        "victim_id": rows["victim_id"],
    }
    nothing = {field.name: pa.nulls(rows.num_rows, field.type) for field in RECORD}
    known = {name: column for name, column in columns.items() if column is not None}
    return pa.table(nothing | known, schema=RECORD)


def evidence_from_tables(mentions: pa.Table, records: pa.Table, entities: pa.Table) -> pa.Table:
    """Rebuilds EVIDENCE_MENTION rows from MENTION rows and the RECORD and ENTITY rows they name.

    Groups and victim keys are as in `schemas.mention.EVIDENCE`. The tables of a run lack whatever
    it withheld, so no victim's own identifier comes back.

    Raises:
        ValueError: if a mention names a record that is missing.
    """
    place = pc.index_in(record_keys(mentions), record_keys(records))
    if place.null_count:
        raise ValueError("mentions/ names records that are not in complaints/ and calls/")
    record = records.take(place)
    named = pc.index_in(mentions["entity_id"], entities["entity_id"])
    org = mentions["source_org"]
    complaint = pc.equal(mentions["record_kind"], RecordKind.COMPLAINT)
    alone = pc.if_else(
        complaint,
        pc.binary_join_element_wise(org, mentions["record_id"], "|"),
        pc.binary_join_element_wise(org, "call", mentions["record_id"], "|"),
    )
    columns = {name: mentions[name] for name in mentions.column_names} | {
        "group_id": pc.coalesce(
            pc.binary_join_element_wise(org, record["complaint_id"], "|"), alone
        ),
        "victim_key": pc.binary_join_element_wise(org, record["victim_id"], "|"),
        "reporter_key": record["reporter_key"],
        "region": entities["region"].take(named),
        "line_type": entities["line_type"].take(named),
        "carried": pa.nulls(mentions.num_rows, TEXT),  # its role is settled
        "page": pa.nulls(mentions.num_rows, TEXT),  # the owner of the page is settled
        "channel": record["channel"],
        "filed_at": record["filed_at"],
        "wordless": record["wordless"],
        "brand": record["brand"],
        "loss_amount": record["loss_amount"],
        "loss_currency": record["loss_currency"],
    }
    rows = {name: columns[name] for name in EVIDENCE_MENTION.names}
    return reporters.with_reporters_of_complaints(pa.table(rows, schema=EVIDENCE_MENTION))


def by_record(mentions: pa.Table) -> pa.Table:
    """Groups EVIDENCE_MENTION rows of whole records into EVIDENCE rows, one a record."""
    first, record_of = distinct_rows([mentions[name].combine_chunks() for name in RECORD_KEY])
    order = pa.array(np.argsort(record_of, kind="stable"))
    records = mentions.select([name for name in EVIDENCE.names if name != MENTIONS])
    items = mentions.append_column(ROW, pa.array(record_of)).take(order)
    rows = implode(records.take(first), EVIDENCE.field(MENTIONS), items)
    return one_table(rows)


def _new_links(
    accepted: pa.Table, cluster_of: Mapping[str, str], views: Mapping[str, View]
) -> Iterator[dict[str, Any]]:
    """Yields accepted links whose two ends are in one cluster for no contributor."""
    for link in accepted.select(["entity_a", "entity_b"]).to_pylist():
        a, b = link["entity_a"], link["entity_b"]
        if not any(a in view and b in view and view[a][0] == view[b][0] for view in views.values()):
            yield link | {
                "cluster_id": cluster_of[a], "kind": "link", "shared": [], "shared_in_all": 0,
            }  # fmt: skip


def _shared_clusters(
    cluster_of: Mapping[str, str], views: Mapping[str, View]
) -> Iterator[dict[str, Any]]:
    """Yields pairs of two contributors' clusters that are joined by members they share."""
    for (org_a, view_a), (org_b, view_b) in combinations(views.items(), 2):
        sizes_a, sizes_b = _parts(view_a, cluster_of), _parts(view_b, cluster_of)
        both = defaultdict[tuple[str, str, str], list[str]](list)
        for entity_id in sorted(view_a.keys() & view_b.keys() & cluster_of.keys()):
            parts = view_a[entity_id][0], view_b[entity_id][0]
            both[cluster_of[entity_id], *parts].append(entity_id)
        for (cluster, a, b), shared in sorted(both.items()):
            if sizes_a[cluster, a] > len(shared) < sizes_b[cluster, b]:
                yield {
                    "cluster_id": cluster,
                    "kind": "shared",
                    "contributor_a": org_a,
                    "part_a": a,
                    "contributor_b": org_b,
                    "part_b": b,
                    "shared": shared[:NAMED_MEMBERS],
                    "shared_in_all": len(shared),
                }


def _parts(view: View, cluster_of: Mapping[str, str]) -> Counter[tuple[str, str]]:
    """Counts the members of each contributor's cluster inside each joint cluster."""
    return Counter(
        (cluster_of[entity_id], part)
        for entity_id, (part, _) in view.items()
        if entity_id in cluster_of
    )


def _phone_regions(entity_ids: list[str]) -> list[tuple[str | None, str | None]]:
    """Returns the region and line type of each id; both are None if it is no phone number."""
    kind = f"{EntityKind.PHONE}:"
    raw = pa.array([entity_id[len(kind) :] if entity_id.startswith(kind) else None
                    for entity_id in entity_ids], TEXT)  # fmt: skip
    readings = normalize.normalize_numbers(raw, pa.nulls(len(raw), TEXT))
    columns = (pc.struct_field(readings, name).to_pylist() for name in ("region", "line_type"))
    return list(zip(*columns, strict=True))
