"""The offers on the pages of a joint run: who saw what, and what only the union reveals."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reports import tables
from reports.run import Run
from schemas.joint import CONTRIBUTORS, OFFERED_CLUSTERS, UNION_LINKS

Row = dict[str, Any]


@dataclass(frozen=True)
class JointCluster:
    """The part of offers in one cluster.

    Attributes:
        saw: each member with its contributors.
        links: rows of union_links/ that are links.
        shared: rows of union_links/ that are pairs of clusters in one.
        offered: rows of offered_clusters/ with members in it.
        overlaps: counts of shared victims that are about exactly these members.
    """

    saw: list[tuple[str, list[Row]]]
    links: list[Row]
    shared: list[Row]
    offered: list[Row]
    overlaps: list[Row]

    @property
    def both(self) -> int:
        """Number of victims that are known to be counted twice."""
        return sum(one["shared"] or 0 for one in self.overlaps)

    @property
    def several(self) -> int:
        """Number of members that more than one contributor saw."""
        return sum(1 for _, rows in self.saw if len(rows) > 1)


@dataclass(frozen=True)
class Joint:
    """The offers in a run, those that were left out, and what they brought to each cluster."""

    offers: list[Row]
    left_out: list[Row]
    parts: dict[str, JointCluster]

    @property
    def links(self) -> int:
        """Number of links that only the union reveals."""
        return sum(len(part.links) for part in self.parts.values())

    @property
    def merged(self) -> int:
        """Number of pairs of clusters of two contributors that are one."""
        return sum(len(part.shared) for part in self.parts.values())


def gather_joint(run: Run) -> Joint | None:
    """Reads what offers brought to a run; None if it was never joined with any."""
    options: Any = run.manifest["options"]
    if "offers" not in options:
        return None
    offers, left_out = list(options["offers"]), list(options.get("offers_left_out") or [])
    return Joint(offers, left_out, _parts(run, options) if offers else {})


def _parts(run: Run, options: Any) -> dict[str, JointCluster]:
    saw = _grouped(tables.read_table(run, CONTRIBUTORS).to_pylist())
    union = _grouped(tables.read_table(run, UNION_LINKS).to_pylist())
    offered: defaultdict[str, list[Row]] = defaultdict(list)
    for row in tables.read_table(run, OFFERED_CLUSTERS).to_pylist():
        for cluster_id in row["cluster_ids"]:
            offered[cluster_id].append(row)
    return {
        cluster_id: JointCluster(
            saw=_members(rows),
            links=[one for one in union[cluster_id] if one["kind"] == "link"],
            shared=[one for one in union[cluster_id] if one["kind"] == "shared"],
            offered=offered[cluster_id],
            overlaps=_overlaps(options.get("overlaps") or [], cluster_id, rows),
        )
        for cluster_id, rows in saw.items()
    }


def members_digest(members: Iterable[str]) -> str:
    """Returns SHA-256 of a cluster's members, which a count of shared victims names."""
    return hashlib.sha256("\n".join(sorted(members)).encode()).hexdigest()


def _overlaps(counts: list[Row], cluster_id: str, members: list[Row]) -> list[Row]:
    here = members_digest({row["entity_id"] for row in members})
    return [one for one in counts if (one["cluster_id"], one["members"]) == (cluster_id, here)]


def _grouped(rows: Iterable[Row]) -> defaultdict[str, list[Row]]:
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["cluster_id"]].append(row)
    return found


def _members(rows: Iterable[Row]) -> list[tuple[str, list[Row]]]:
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row["entity_id"]].append(row)
    return sorted(found.items())
