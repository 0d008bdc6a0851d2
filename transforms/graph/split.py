"""Ties cut into islands, the connected components, each of which can be searched by itself.

What is said of an island here, its fingerprint, communities and quality, is the same to the last
bit whatever else the graph holds: nodes and ties keep their order within it.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from transforms.graph.incidence import Ties
from transforms.graph.modularity import ITERATIONS, SEED, search, smallest_members

METHOD = f"1 {SEED} {ITERATIONS} graspologic-native {version('graspologic-native')}".encode()
"""What else decides which communities an island has; under another one no fingerprint is known."""

DIGEST = 16
"""Bytes of a fingerprint: two islands share one by chance once in 2^64 islands."""


@dataclass(frozen=True)
class Split:
    """Islands one after the other; a place is a position in `node`, the nodes that have ties.

    Island i has the places `first[i]` to `first[i + 1]`, its nodes in ascending order, and the ties
    `first_tie[i]` to `first_tie[i + 1]`, between the places `a` < `b`, in sorted order.
    """

    node: np.ndarray
    first: np.ndarray
    a: np.ndarray
    b: np.ndarray
    weight: np.ndarray
    first_tie: np.ndarray

    @classmethod
    def of(cls, graph: Ties) -> Split:
        """Cut the ties, of which there must be one at least."""
        tied, ends = np.unique(np.concatenate([graph.a, graph.b]), return_inverse=True)
        a, b = np.split(ends, 2)
        count, island = connected_components(
            coo_array((np.ones(len(a)), (a, b)), shape=(len(tied), len(tied))), directed=False
        )
        order = np.argsort(island, kind="stable")
        place = np.empty(len(tied), np.int64)
        place[order] = np.arange(len(tied))
        by_island = np.argsort(island[a], kind="stable")
        starts = np.arange(count + 1)
        return cls(
            node=tied[order],
            first=np.searchsorted(island[order], starts),
            a=place[a][by_island],
            b=place[b][by_island],
            weight=graph.weight[by_island],
            first_tie=np.searchsorted(island[a][by_island], starts),
        )

    def places(self, island: int) -> slice:
        """The places of one island."""
        return slice(int(self.first[island]), int(self.first[island + 1]))

    def pairs(self, density: float) -> np.ndarray:
        """Per place the first of its community, of islands of one tie; of others, itself.

        Two nodes, which name nobody else, are together where modularity is better for it.
        """
        part = np.arange(len(self.node))
        tie = self.first_tie[:-1][np.diff(self.first_tie) == 1]
        together = tie[density * self.weight[tie] < 2]
        part[self.b[together]] = self.a[together]
        return part

    def fingerprints(self, hashes: np.ndarray, density: float) -> Iterator[tuple[int, str]]:
        """Each island of several ties, and what it shares only with one of the same communities.

        `hashes` are the nodes', in ascending order, by which they are known in other graphs too.
        """
        start = np.repeat(self.first[:-1], np.diff(self.first_tie))
        ends = np.stack([self.a - start, self.b - start], axis=1)
        members, tied, weight = (
            memoryview(column.astype(kind).tobytes())
            for column, kind in ((hashes[self.node], "<i8"), (ends, "<i4"), (self.weight, "<f8"))
        )
        bounds = zip(
            self.first[:-1].tolist(),
            self.first[1:].tolist(),
            self.first_tie[:-1].tolist(),
            self.first_tie[1:].tolist(),
            strict=True,
        )
        for island, (one, end, tie, last) in enumerate(bounds):
            if last - tie > 1:
                found = hashlib.blake2b(digest_size=DIGEST)
                found.update(struct.pack("<qqd", end - one, last - tie, density))
                found.update(METHOD)
                found.update(members[8 * one : 8 * end])
                found.update(tied[8 * tie : 8 * last])
                found.update(weight[8 * tie : 8 * last])
                yield island, found.hexdigest()

    def search(self, islands: Iterable[int], density: float, part: np.ndarray) -> None:
        """Write the first of its community into the `part` of each place of these islands."""
        chosen = np.fromiter(islands, np.int64)
        if not len(chosen):
            return
        mask = np.zeros(len(self.first) - 1, bool)
        mask[chosen] = True
        ties = np.repeat(mask, np.diff(self.first_tie))
        a, b, weight = self.a[ties], self.b[ties], self.weight[ties]
        both = np.concatenate([a, b]), np.concatenate([b, a])
        size = len(self.node)
        matrix = coo_array((np.tile(weight, 2), both), shape=(size, size)).tocsr()
        pointers, columns = matrix.indptr.astype(np.int64), matrix.indices
        for island in chosen.tolist():
            at, tied = (
                self.places(island),
                slice(self.first_tie[island], self.first_tie[island + 1]),
            )
            rows = pointers[at.start : at.stop + 1]
            inside = slice(rows[0], rows[-1])
            label = search(
                rows - rows[0],
                columns[inside] - at.start,
                matrix.data[inside],
                density * float(self.weight[tied].sum()),
            )
            part[at] = at.start + smallest_members(label)

    def quality(self, part: np.ndarray, density: float) -> np.ndarray:
        """Per island, the modularity of its communities times the weight of all ties.

        Newman and Girvan, Phys. Rev. E 69, 026113 (2004), with a resolution.
        """
        islands, size = len(self.first) - 1, len(self.node)
        of_tie = np.repeat(np.arange(islands), np.diff(self.first_tie))
        of_place = np.repeat(np.arange(islands), np.diff(self.first))
        inside = np.bincount(of_tie, self.weight * (part[self.a] == part[self.b]), islands)
        degree = np.bincount(self.a, self.weight, size) + np.bincount(self.b, self.weight, size)
        chance = np.bincount(of_place, np.bincount(part, degree, size) ** 2, islands)
        return inside - density / 4 * chance
