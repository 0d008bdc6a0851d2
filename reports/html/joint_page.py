"""The offers on the pages of a joint run: who saw what, and what only the union reveals."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reports import tables
from reports.disclosure_control import core_ids
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


def gather_joint(run: Run, *, core_only: bool = False) -> Joint | None:
    """Reads what offers brought to a run; None if it was never joined with any.

    `core_only` leaves out what names another than a core member, for a reader outside.
    """
    options: Any = run.manifest["options"]
    if "offers" not in options:
        return None
    offers, left_out = list(options["offers"]), list(options.get("offers_left_out") or [])
    kept = set(core_ids(run).to_pylist()) if core_only else None
    return Joint(offers, left_out, _parts(run, options, kept) if offers else {})


def _parts(run: Run, options: Any, kept: set[str] | None) -> dict[str, JointCluster]:
    saw = _grouped(tables.read_table(run, CONTRIBUTORS).to_pylist())
    union = _grouped(_kept_links(tables.read_table(run, UNION_LINKS).to_pylist(), kept))
    offered: defaultdict[str, list[Row]] = defaultdict(list)
    for row in tables.read_table(run, OFFERED_CLUSTERS).to_pylist():
        for cluster_id in row["cluster_ids"]:
            offered[cluster_id].append(row)
    return {
        cluster_id: JointCluster(
            saw=[one for one in _members(rows) if kept is None or one[0] in kept],
            links=[one for one in union[cluster_id] if one["kind"] == "link"],
            shared=[one for one in union[cluster_id] if one["kind"] == "shared"],
            offered=offered[cluster_id],
            overlaps=_overlaps(options.get("overlaps") or [], cluster_id, rows),
        )
        for cluster_id, rows in saw.items()
    }


def _kept_links(rows: list[Row], kept: set[str] | None) -> list[Row]:
    """Returns rows of union_links/ that name members in `kept` alone; None keeps all."""
    if kept is None:
        return rows
    return [
        one | {"shared": [each for each in one["shared"] if each in kept]}
        for one in rows
        if one["kind"] != "link" or {one["entity_a"], one["entity_b"]} <= kept
    ]


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
