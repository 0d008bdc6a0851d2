"""Leiden island by island, so that an island that did not change need not be searched again.

No community crosses islands, and at a resolution by weight, rather than by share of all ties, the
search of each depends on nothing else. That resolution is rounded so coarsely that a day's records
mostly leave it as it was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from transforms.graph.incidence import Ties
from transforms.graph.modularity import smallest_members
from transforms.graph.split import Split

STEPS = 4
"""Steps of the resolution's grid in which it doubles."""


@dataclass(frozen=True)
class Island:
    """What was found for one island: per node, by hash, the place of the first of its community.

    `quality` is its modularity times the weight of all ties.
    """

    part: np.ndarray
    quality: float


@dataclass
class Memo:
    """What a run need not search, and what it did.

    `known` is what was found before, by fingerprint; `met` is what this run needed of it, and what
    it found itself. `taken_over` and `clustered` count these. What is known and is no partition of
    its island, or not of the quality that it claims, is `refused` and searched anew.
    """

    known: Mapping[str, Island] = field(default_factory=dict)
    met: dict[str, Island] = field(default_factory=dict)
    clustered: int = 0
    taken_over: int = 0
    refused: int = 0

    def of(self, key: str) -> Island | None:
        """What was found for the island with this fingerprint, by this run or before it."""
        return self.met.get(key) or self.known.get(key)

    def meet(self, key: str, found: Island, *, again: bool) -> None:
        """Note what was found for an island, and whether it was known; the first time counts."""
        if key not in self.met:
            self.met[key] = found
            self.taken_over += again
            self.clustered += not again
            self.refused += not again and key in self.known


@dataclass(frozen=True)
class Islands:
    """Searches graphs over the nodes with these ascending hashes, each island once."""

    node: np.ndarray
    memo: Memo = field(default_factory=Memo)

    def leiden(self, graph: Ties, density: float) -> np.ndarray:
        """Community of each node (its smallest member's number) by modularity."""
        label = np.arange(len(self.node))
        if not len(graph.a):
            return label
        split = Split.of(graph)
        part = split.pairs(density)
        keys = dict(split.fingerprints(self.node, density))
        sound = self._taken_over(split, keys, density, part)
        split.search([at for at in keys if at not in sound], density, part)
        quality = split.quality(part, density)
        for at, key in keys.items():
            places = split.places(at)
            found = Island(part[places] - places.start, float(quality[at]))
            self.memo.meet(key, found, again=at in sound)
        label[split.node] = split.node[part]
        return smallest_members(label)

    def _taken_over(
        self, split: Split, keys: Mapping[int, str], density: float, part: np.ndarray
    ) -> set[int]:
        """Write what is known into `part`; the islands for which it holds."""
        known = {}
        for at, key in keys.items():
            found = self.memo.of(key)
            places = split.places(at)
            if found is not None and len(found.part) == places.stop - places.start:
                part[places] = places.start + found.part
                known[at] = found.quality
        quality = split.quality(part, density)
        return {at for at, claimed in known.items() if claimed == quality[at]}


def density(graph: Ties, resolution: float) -> float:
    """The resolution as a share of the weight of all ties, to the nearest step of the grid."""
    whole = float(graph.weight.sum())
    return float(2.0 ** (np.round(STEPS * np.log2(resolution / whole)) / STEPS)) if whole else 0.0
