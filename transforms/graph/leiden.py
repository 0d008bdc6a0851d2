"""Leiden communities, at the resolution that the data itself asks for.

Leiden island by island, so that an island that did not change need not be searched again.

No community crosses islands, and at a resolution by weight, rather than by share of all ties, the
search of each depends on nothing else. That resolution is rounded so coarsely that a day's records
mostly leave it as it was.

The islands of an earlier run: read, refused where they are not what it wrote, and told again.

Ties cut into islands, the connected components, each of which can be searched by itself.

What is said of an island here, its fingerprint, communities and quality, is the same to the last
bit whatever else the graph holds: nodes and ties keep their order within it.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import apache_beam as beam
import graspologic_native
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from apache_beam.io.filesystems import FileSystems
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from schemas.component import ISLAND
from transforms.graph.incidence import Ties
from transforms.manifest import FILES_REFUSED, ISLANDS_REFUSED, Tally
from transforms.shuffle import MAIN, batches_of

SEED = 1


ITERATIONS = 2
"""One iteration under-converges."""


def leiden(graph: Ties, nodes: int, resolution: float) -> np.ndarray:
    """Community of each node (its smallest member's number) by modularity.

    Traag, Waltman and van Eck, Scientific Reports 9, 5233 (2019). The same for the same graph: the
    seed is fixed and the ties come sorted. A node without ties is alone.
    """
    label = np.arange(nodes)
    if len(graph.a):
        ends = np.concatenate([graph.a, graph.b]), np.concatenate([graph.b, graph.a])
        weight = np.concatenate([graph.weight, graph.weight])
        matrix = coo_array((weight, ends), shape=(nodes, nodes)).tocsr()
        label = find_communities(matrix.indptr, matrix.indices, matrix.data, resolution)
    return smallest_members(label)


def find_communities(
    pointers: np.ndarray, columns: np.ndarray, weight: np.ndarray, resolution: float
) -> np.ndarray:
    """A community number per row of a symmetric matrix of ties in CSR form."""
    nodes = len(pointers) - 1
    _, found = graspologic_native.leiden_csr(
        pointers.astype(np.int64, copy=False),
        columns.astype(np.int32, copy=False),
        weight.astype(np.float64, copy=False),
        nodes,
        resolution=resolution,
        iterations=ITERATIONS,
        seed=SEED,
    )
    label = np.arange(nodes)
    label[np.fromiter(found.keys(), np.int64)] = nodes + np.fromiter(found.values(), np.int64)
    return label


def smallest_members(label: np.ndarray) -> np.ndarray:
    """The same partition, each part labelled with its smallest member."""
    _, first, part = np.unique(label, return_index=True, return_inverse=True)
    return first[part]


def fitted_resolution(graph: Ties, label: np.ndarray) -> float | None:
    """The resolution at which modularity is the likelihood of this partition; None if degenerate.

    Newman, Phys. Rev. E 94, 052315 (2016), equation 15: with the rates of ties inside and between
    communities against chance, (in - between) / (ln in - ln between). It grows with the number of
    communities, so that many small call centers are told apart as well as few large ones.
    """
    weight = graph.weight
    degree = np.bincount(graph.a, weight, len(label)) + np.bincount(graph.b, weight, len(label))
    whole = degree.sum()
    inside = 2 * weight[label[graph.a] == label[graph.b]].sum()
    by_chance = (np.bincount(label, degree) ** 2).sum() / whole if whole else 0.0
    if not 0 < by_chance < whole:
        return None
    rate_in, rate_between = inside / by_chance, (whole - inside) / (whole - by_chance)
    if not 0 < rate_between < rate_in:
        return None
    return float((rate_in - rate_between) / (np.log(rate_in) - np.log(rate_between)))


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


TALLIES = "tallies"


File = tuple[str, str]
"""The path of a file and the SHA-256 that the manifest of its run has of it, in hex."""


def told(met: Mapping[str, Island]) -> pa.Table:
    """ISLAND rows of what a run met."""
    parts = [one.part for one in met.values()]
    ends = np.cumsum([0, *(len(one) for one in parts)])
    joined = np.concatenate([np.empty(0, np.int64), *parts])
    columns = [
        pa.array(list(met), pa.string()),
        pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(joined, pa.int32())),
        pa.array([one.quality for one in met.values()], pa.float64()),
    ]
    return pa.table(columns, schema=ISLAND)


def known(rows: pa.Table) -> dict[str, Island]:
    """What ISLAND rows tell; without those whose `parts` are no places of first members."""
    found = {}
    columns = (rows["fingerprint"].to_pylist(), rows["parts"], rows["quality"].to_pylist())
    for key, parts, quality in zip(*columns, strict=True):
        part = parts.values.to_numpy(zero_copy_only=False).astype(np.int64)
        place = np.arange(len(part))
        if (part >= 0).all() and (part <= place).all() and (part[part] == part).all():
            found[key] = Island(part, quality)
    return found


def worked(memo: Memo) -> Iterator[Tally]:
    """How many islands were searched, and how many were known."""
    yield ("islands", "clustered"), memo.clustered
    yield ("islands", "taken_over"), memo.taken_over
    yield ISLANDS_REFUSED, memo.refused


@dataclass(eq=False)
class KnownIslands(beam.PTransform):
    """One element a window to MAIN, the ISLAND batches of `files`, and TALLIES of those refused."""

    files: tuple[File, ...]

    def expand(self, start: beam.PCollection) -> Any:
        """Read every file."""
        step = beam.FlatMap(_all_islands, self.files)
        return start | step.with_outputs(TALLIES, main=MAIN)


def _all_islands(_: object, files: tuple[File, ...]) -> Iterator[Any]:
    for path, digest in files:
        rows = read_islands(path, digest)
        if rows is None:
            yield beam.pvalue.TaggedOutput(TALLIES, (FILES_REFUSED, 1))
        else:
            yield from batches_of(rows)


def read_islands(path: str, digest: str) -> pa.Table | None:
    """The ISLAND rows of a file; None if it is gone or not the one with this digest."""
    try:
        with FileSystems.open(path) as file:
            content = file.read()
        if hashlib.sha256(content).hexdigest() != digest:
            return None
        rows = pq.read_table(pa.BufferReader(content), schema=ISLAND).combine_chunks()
    except (OSError, pa.ArrowException):
        return None
    whole = all(not one.null_count for one in (*rows.columns, pc.list_flatten(rows["parts"])))
    return rows if whole else None


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
            label = find_communities(
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
