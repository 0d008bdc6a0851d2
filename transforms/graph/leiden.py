"""Leiden communities, searched one connected component at a time and kept from run to run.

No community crosses a component. The resolution is per weight, not per share of all ties, so the
search of a component depends on nothing outside it. The resolution is rounded so coarsely that a
day's records mostly leave it unchanged. So a component that an earlier run searched, by its
fingerprint, is not searched again. Its communities come from that run's `islands` table, and are
used only if they have the quality that the table claims. Nodes and ties keep their order within a
component. So fingerprint, communities and quality are the same to the last bit, whatever else the
graph holds.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version
from typing import Any

import apache_beam as beam
import graspologic_native
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy.sparse import coo_array, csr_array

from schemas.cluster import COMPONENT
from transforms.arrow import Array, component_labels, group_offsets, stable_order
from transforms.custody import COMPONENT_FILES_REFUSED, COMPONENTS_REFUSED, CounterValue
from transforms.engine import MAIN, batches_of
from transforms.gates import open_bytes
from transforms.graph.incidence import Ties
from transforms.read.parquet_limits import OverLimitError, check_decoded

LEIDEN_SEED = 1

LEIDEN_ITERATIONS = 2
"""One iteration under-converges."""

RESOLUTION_STEPS = 4
"""Steps of the resolution's grid for each doubling."""

_ENGINE = "graspologic-native"

SEARCH_METHOD = f"1 {LEIDEN_SEED} {LEIDEN_ITERATIONS} {_ENGINE} {version(_ENGINE)}".encode()
"""The part of every fingerprint that changes with the method, so that older ones never match."""

FINGERPRINT_BYTES = 16
"""Bytes of a fingerprint: two components share one by chance once in 2^64 components."""

COUNTERS = "counters"

FileDigest = tuple[str, str]
"""The path of a file and the SHA-256 that the manifest of its run gives it, in hex."""


def find_communities(graph: Ties, nodes: int, resolution: float) -> Array:
    """Labels each node with the smallest member of its community, by modularity.

    Traag, Waltman and van Eck, Scientific Reports 9, 5233 (2019). The same graph always gives the
    same labels: the seed is fixed and the ties are sorted. A node without ties is alone.
    """
    label = np.arange(nodes)
    if len(graph.a):
        matrix = _matrix(graph.a, graph.b, graph.weight, nodes)
        label = find_csr_communities(matrix.indptr, matrix.indices, matrix.data, resolution)
    return smallest_members(label)


def find_csr_communities(
    pointers: Array, columns: Array, weight: Array, resolution: float
) -> Array:
    """Returns a community number for each row of a symmetric matrix of ties in CSR form."""
    nodes = len(pointers) - 1
    _, communities = graspologic_native.leiden_csr(
        pointers.astype(np.int64, copy=False),
        columns.astype(np.int32, copy=False),
        weight.astype(np.float64, copy=False),
        nodes,
        resolution=resolution,
        iterations=LEIDEN_ITERATIONS,
        seed=LEIDEN_SEED,
    )
    label = np.arange(nodes)
    label[np.fromiter(communities.keys(), np.int64)] = nodes + np.fromiter(
        communities.values(), np.int64
    )
    return label


def _matrix(a: Array, b: Array, weight: Array, size: int) -> csr_array:
    ends = np.concatenate([a, b]), np.concatenate([b, a])
    return coo_array((np.tile(weight, 2), ends), shape=(size, size)).tocsr()


def smallest_members(label: Array) -> Array:
    """Relabels each part of a partition with its smallest member."""
    _, first, part = np.unique(label, return_index=True, return_inverse=True)
    return first[part]


def fitted_resolution(graph: Ties, label: Array) -> float | None:
    """Returns the resolution at which modularity is the likelihood of a partition, or None.

    Newman, Phys. Rev. E 94, 052315 (2016), equation 15: (in - between) / (ln in - ln between), for
    the rates of ties inside and between communities against chance. It grows with the number of
    communities, so that many small call centers are separated as well as few large ones. Returns
    None if no such resolution exists.
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


def rounded_density(graph: Ties, resolution: float) -> float:
    """Returns the resolution per weight of all ties, rounded to the nearest step of the grid."""
    whole = float(graph.weight.sum())
    return (
        float(2.0 ** (np.round(RESOLUTION_STEPS * np.log2(resolution / whole)) / RESOLUTION_STEPS))
        if whole
        else 0.0
    )


@dataclass(frozen=True)
class ComponentCommunities:
    """The communities of one component: for each node, the place of its community's first node.

    `quality` is the modularity times the weight of all ties.
    """

    part: Array
    quality: float


@dataclass
class ComponentCache:
    """Communities by component fingerprint, from earlier runs and from this run.

    `known` comes from earlier runs. `used` has the entries that this run took over from it and
    those it found itself, counted by `taken_over` and `clustered`. An entry is `refused`, and the
    component searched, if it does not fit the component or lacks the quality that it claims.
    """

    known: Mapping[str, ComponentCommunities] = field(default_factory=dict)
    used: dict[str, ComponentCommunities] = field(default_factory=dict)
    clustered: int = 0
    taken_over: int = 0
    refused: int = 0

    def add(self, key: str, communities: ComponentCommunities, *, taken_over: bool) -> None:
        """Stores the communities of a component, and counts it the first time."""
        if key not in self.used:
            self.used[key] = communities
            self.taken_over += taken_over
            self.clustered += not taken_over
            self.refused += not taken_over and key in self.known


@dataclass(frozen=True)
class ComponentSearch:
    """Finds communities in graphs over nodes with these ascending hashes, each component once."""

    node: Array
    cache: ComponentCache = field(default_factory=ComponentCache)

    def find_communities(self, graph: Ties, density: float) -> Array:
        """Labels each node with the smallest member of its community, by modularity."""
        label = np.arange(len(self.node))
        if not len(graph.a):
            return label
        split = ComponentSplit.from_ties(graph)
        part = split.pair_communities(density)
        keys = dict(split.fingerprints(self.node, density))
        claimed = {}
        for component, key in keys.items():
            known = self.cache.used.get(key) or self.cache.known.get(key)
            places = split.places(component)
            if known is not None and len(known.part) == places.stop - places.start:
                part[places] = places.start + known.part
                claimed[component] = known.quality
        quality = split.quality(part, density)
        searched = {component for component in keys if claimed.get(component) != quality[component]}
        for component in searched:
            part[split.places(component)] = split.search(component, density)
        part = smallest_members(part)
        quality = split.quality(part, density)
        for component, key in keys.items():
            places = split.places(component)
            communities = ComponentCommunities(
                part[places] - places.start, float(quality[component])
            )
            self.cache.add(key, communities, taken_over=component not in searched)
        label[split.node] = split.node[part]
        return smallest_members(label)


@dataclass(frozen=True)
class ComponentSplit:
    """The components of a graph, one after the other.

    A place is a position in `node`, which has the nodes with ties. Component i has the places
    `first[i]` to `first[i + 1]`, with its nodes in ascending order. Its ties are `first_tie[i]` to
    `first_tie[i + 1]`, between places `a` < `b`, sorted.
    """

    node: Array
    first: Array
    a: Array
    b: Array
    weight: Array
    first_tie: Array

    @classmethod
    def from_ties(cls, graph: Ties) -> ComponentSplit:
        """Splits the ties, at least one, by component."""
        tied, ends = np.unique(np.concatenate([graph.a, graph.b]), return_inverse=True)
        a, b = np.split(ends, 2)
        _, component = np.unique(component_labels(len(tied), a, b), return_inverse=True)
        count = int(component.max()) + 1
        order = stable_order(component)
        place = np.empty(len(tied), np.int64)
        place[order] = np.arange(len(tied))
        of_tie = component[a]
        by_component = stable_order(of_tie)
        return cls(
            node=tied[order],
            first=group_offsets(component[order], count),
            a=place[a][by_component],
            b=place[b][by_component],
            weight=graph.weight[by_component],
            first_tie=group_offsets(of_tie[by_component], count),
        )

    def places(self, component: int) -> slice:
        """Returns the places of one component."""
        return slice(int(self.first[component]), int(self.first[component + 1]))

    def ties(self, component: int) -> slice:
        """Returns the ties of one component."""
        return slice(int(self.first_tie[component]), int(self.first_tie[component + 1]))

    @cached_property
    def matrix(self) -> csr_array:
        """The weight of ties between places, in both directions."""
        return _matrix(self.a, self.b, self.weight, len(self.node))

    def pair_communities(self, density: float) -> Array:
        """Returns the first place of each place's community in components of one tie.

        The two nodes of such a component are together if that raises modularity. Any other place is
        its own community.
        """
        part = np.arange(len(self.node))
        tie = self.first_tie[:-1][np.diff(self.first_tie) == 1]
        together = tie[density * self.weight[tie] < 2]
        part[self.b[together]] = self.a[together]
        return part

    def fingerprints(self, hashes: Array, density: float) -> Iterator[tuple[int, str]]:
        """Yields each component of several ties with its fingerprint.

        Components with the same fingerprint have the same communities. `hashes` are the ascending
        hashes of all nodes, which identify them in other graphs too.
        """
        start = np.repeat(self.first[:-1], np.diff(self.first_tie))
        members, weight = hashes[self.node].astype("<i8"), self.weight.astype("<f8")
        ends = np.stack([self.a - start, self.b - start], axis=1).astype("<i4")
        for component in np.flatnonzero(np.diff(self.first_tie) > 1).tolist():
            places, ties = self.places(component), self.ties(component)
            sizes = places.stop - places.start, ties.stop - ties.start
            head = struct.pack("<qqd", *sizes, density)
            digest = hashlib.blake2b(head, digest_size=FINGERPRINT_BYTES)
            digest.update(SEARCH_METHOD)
            for column, rows in ((members, places), (ends, ties), (weight, ties)):
                digest.update(column[rows].tobytes())
            yield component, digest.hexdigest()

    def search(self, component: int, density: float) -> Array:
        """Returns a unique community number for each place of one component."""
        places = self.places(component)
        rows = self.matrix.indptr[places.start : places.stop + 1].astype(np.int64)
        inside = slice(rows[0], rows[-1])
        label = find_csr_communities(
            rows - rows[0],
            self.matrix.indices[inside] - places.start,
            self.matrix.data[inside],
            density * float(self.weight[self.ties(component)].sum()),
        )
        return len(self.node) + 2 * places.start + label

    def quality(self, part: Array, density: float) -> Array:
        """Returns each component's modularity times the weight of all ties.

        Newman and Girvan, Phys. Rev. E 69, 026113 (2004), with a resolution.
        """
        count, size = len(self.first) - 1, len(self.node)
        of_tie = np.repeat(np.arange(count), np.diff(self.first_tie))
        of_place = np.repeat(np.arange(count), np.diff(self.first))
        inside = np.bincount(of_tie, self.weight * (part[self.a] == part[self.b]), count)
        degree = np.bincount(self.a, self.weight, size) + np.bincount(self.b, self.weight, size)
        chance = np.bincount(of_place, np.bincount(part, degree, size) ** 2, count)
        return inside - density / 4 * chance


def cache_rows(used: Mapping[str, ComponentCommunities]) -> pa.Table:
    """Converts the cache entries that a run used to COMPONENT rows."""
    rows = [
        {"fingerprint": key, "parts": known.part.tolist(), "quality": known.quality}
        for key, known in used.items()
    ]
    return pa.Table.from_pylist(rows, COMPONENT)


def cache_entries(rows: pa.Table) -> dict[str, ComponentCommunities]:
    """Reads COMPONENT rows; skips rows whose `parts` are not places of first members."""
    entries = {}
    for row in rows.to_pylist():
        part = np.array(row["parts"], np.int64)
        places = (part >= 0) & (part <= np.arange(len(part)))
        if places.all() and (part[part] == part).all():
            entries[row["fingerprint"]] = ComponentCommunities(part, row["quality"])
    return entries


def cache_counters(cache: ComponentCache) -> Iterator[CounterValue]:
    """Yields how many components were searched, taken over and refused."""
    yield ("islands", "clustered"), cache.clustered
    yield ("islands", "taken_over"), cache.taken_over
    yield COMPONENTS_REFUSED, cache.refused


@dataclass(eq=False)
class ReadComponentCache(beam.PTransform):
    """Reads `files` once a window: MAIN has COMPONENT batches, COUNTERS the refused files."""

    files: tuple[FileDigest, ...]

    def expand(self, start: beam.PCollection) -> Any:
        """Reads every file for the single element of each window."""
        step = beam.FlatMap(_read_component_files, self.files)
        return start | step.with_outputs(COUNTERS, main=MAIN)


def read_component_file(path: str, digest: str) -> pa.Table | None:
    """Reads the COMPONENT rows of a file; None if it is missing, altered or far too large."""
    try:
        with open_bytes(path) as file:
            whole = hashlib.sha256()
            while block := file.read(1 << 20):
                whole.update(block)
            if whole.hexdigest() != digest:
                return None
            check_decoded(file)
            rows = pq.read_table(file, schema=COMPONENT).combine_chunks()
    except (OSError, OverLimitError, pa.ArrowException):
        return None
    is_whole = all(
        not column.null_count for column in (*rows.columns, pc.list_flatten(rows["parts"]))
    )
    return rows if is_whole else None


def _read_component_files(_: object, files: tuple[FileDigest, ...]) -> Iterator[Any]:
    for path, digest in files:
        rows = read_component_file(path, digest)
        if rows is None:
            yield beam.pvalue.TaggedOutput(COUNTERS, (COMPONENT_FILES_REFUSED, 1))
        else:
            yield from batches_of(rows)
