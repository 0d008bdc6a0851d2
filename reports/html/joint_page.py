"""What a joint run's pages say of its offers: who saw what, and what only the union reveals."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from reports import tables
from reports.tables import Run
from schemas.joint import CONTRIBUTORS, OFFERED_CLUSTERS, UNION_LINKS
from schemas.manifest import Manifest

Row = dict[str, Any]


SHOWN = 200
"""Rows of a table on one cluster's page; all are in the run's tables."""


@dataclass(frozen=True)
class Part:
    """What offers brought to one cluster.

    `saw` has each member's contributors, `links` and `shared` the rows of union_links/ of either
    kind, `offered` those of offered_clusters/ whose members it holds, `overlaps` counts of victims
    shared with another organisation that are about these very members.
    """

    saw: list[tuple[str, list[Row]]]
    links: list[Row]
    shared: list[Row]
    offered: list[Row]
    overlaps: list[Row]

    @property
    def both(self) -> int:
        """Victims that are known to be counted twice."""
        return sum(one["shared"] or 0 for one in self.overlaps)

    @property
    def several(self) -> int:
        """Members that more than one contributor saw."""
        return sum(1 for _, rows in self.saw if len(rows) > 1)


@dataclass(frozen=True)
class Joint:
    """The offers in a run, those that were left out, and what they brought to each cluster."""

    offers: list[Row]
    left_out: list[Row]
    parts: dict[str, Part]

    @property
    def links(self) -> int:
        """Links that only the union reveals."""
        return sum(len(part.links) for part in self.parts.values())

    @property
    def merged(self) -> int:
        """Pairs of clusters of two contributors that are one."""
        return sum(len(part.shared) for part in self.parts.values())


def gather(run: Run, manifest: Manifest) -> Joint | None:
    """What offers brought to a run; None where it was never joined with any."""
    options: Any = manifest["options"]
    if "offers" not in options:
        return None
    offers, left_out = list(options["offers"]), list(options.get("offers_left_out") or [])
    return Joint(offers, left_out, _parts(run, options) if offers else {})


def _parts(run: Run, options: Any) -> dict[str, Part]:
    saw = _grouped(tables.read(run, CONTRIBUTORS).to_pylist())
    union = _grouped(tables.read(run, UNION_LINKS).to_pylist())
    offered: defaultdict[str, list[Row]] = defaultdict(list)
    for row in tables.read(run, OFFERED_CLUSTERS).to_pylist():
        for cluster_id in row["cluster_ids"]:
            offered[cluster_id].append(row)
    return {
        cluster_id: Part(
            saw=_members(rows),
            links=[one for one in union[cluster_id] if one["kind"] == "link"],
            shared=[one for one in union[cluster_id] if one["kind"] == "shared"],
            offered=offered[cluster_id],
            overlaps=_overlaps(options.get("overlaps") or [], cluster_id, rows),
        )
        for cluster_id, rows in saw.items()
    }


def digest(members: Iterable[str]) -> str:
    """SHA-256 of a cluster's members, by which a count is known to be about them."""
    return hashlib.sha256("\n".join(sorted(members)).encode()).hexdigest()


def _overlaps(counts: list[Row], cluster_id: str, members: list[Row]) -> list[Row]:
    here = digest({row["entity_id"] for row in members})
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
