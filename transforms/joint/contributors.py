"""Who contributed what to a joint cluster, and what nobody could have seen alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import combinations
from typing import Any

import pyarrow as pa

from schemas import epoch
from schemas.joint import CONTRIBUTOR, TAKEN, UNION_LINK
from transforms.joint.offered import Taken

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
