"""Figures of a cluster as plain data: where its members stand, and which give way to others.

Both are the workbench's and the referral's. Positions are the same for the same graph every time.

A cluster keeps its shape from day to day: where a run follows another, members that were in the
figure before stay near their places, and new ones are put beside what they are linked with. A first
layout starts from the classical scaling of the graph's distances, turned so that each member points
where its id says. `partition.read_positions` reads those of an earlier run. Long, since graphs are
laid out together and one by one by the same functions.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from reports.cluster_data import ClusterFacts
from reports.partition import NodePositions, Point
from transforms.arrow import concat_ranges, group_offsets

Row = dict[str, Any]

Array = NDArray[np.floating[Any]]

WIDE = 1.6
"""Width of the figure for a height of 1; places are shares of its width and height."""

POWERS, ITERATIONS, RELAXED, SETTLED = 20, 20, 1.9, 1e-3
"""Products for the plane, turns, steps of each but the last (de Leeuw and Heiser 1980: stress falls
below 2), and the lengths of a link that it ends at. Of one step, 40 turns leave as much stress."""

HOLD = 1.0
"""Pull of a member to its old place, in shares of its pull to all others.

On ten clusters that changed between two days of a simulated world, the median member moved by
5 % of the figure's height at 0.3, 2 % at 1 and 1 % at 3; without the old places, by 26 %.
"""

LEAST_KNOWN = 0.5
"""Share of members with an old place below which a layout starts anew."""

ROW_LIMIT = 80
"""Members among which handovers are sought, those of most records."""

HANDOVER_DAYS = 21
"""Most days between the last record of an identifier and the first of its successor.

Callback numbers live for about two weeks; the next one is in place by then.
"""

OVERLAP_DAYS = 7

FEW_MEMBERS = 150
"""Members up to which the shortest paths of a cluster are found without SciPy."""

_SIZE_STEP, _CELLS_AT_ONCE = 8, 1 << 17
"""Members by which the size of graphs that are laid out together differs, and pairs of all."""

_LEAST_SQUARE, _STILL_MOVING = 1e-6, 0.75
"""Least square of a distance, and share of graphs that move below which settled ones are left."""

_POINT = 1e-6
"""Extent below which a figure is a point."""

DRAWN_MEMBERS = 1_000
"""Members that are drawn, most records first: of more, none could be made out."""


def layout_positions(
    nodes: Sequence[str],
    edges: Iterable[tuple[str, str, float]],
    before: Mapping[str, Point] | None = None,
) -> dict[str, Point]:
    """Lays `nodes` out from (0, 0) to (1, 1), for edges (a, b, weight).

    `before` has the places in the last figure, of these and any other nodes. Without it, each
    connected part is laid out by itself, the parts beside each other, the largest first.
    """
    names = sorted(nodes)
    if not names:
        return {}
    distances, parts = _distances(names, sorted(edges))
    known = {name: before[name] for name in names if name in before} if before else {}
    if len(known) > 1 and len(known) >= LEAST_KNOWN * len(names):
        places = _relaid(names, distances, known)
    else:
        order = sorted(parts, key=lambda part: (-len(part), part[0]))
        places = _in_rows([(part, _first(names, distances, part)) for part in order], len(names))
    return dict(zip(names, map(tuple, places.tolist()), strict=True))


@cache
def use_one_thread() -> None:
    """Gives linear algebra one thread from now on.

    Small matrices gain nothing from more (100 members took 94 ms of two busy cores, and 6 ms of
    one), and how a sum is cut among threads changes its last bits, so the bytes of the report.
    Nothing else in this process needs more.
    """
    threadpool_limits(1)  # of libraries that are loaded by now


def _distances(
    names: list[str], edges: list[tuple[str, str, float]]
) -> tuple[Array, list[list[int]]]:
    """Returns shortest path lengths, infinite between parts, and the parts as sorted indices."""
    use_one_thread()
    place_of = {name: place for place, name in enumerate(names)}
    weights = {(place_of[a], place_of[b]): weight for a, b, weight in edges}
    ends = np.array(list(weights) or np.empty((0, 2)), dtype=np.int32).T
    distances = _shortest_paths(len(names), ends, _lengths(np.array(list(weights.values()))))
    parts: list[list[int]] = []
    left = np.ones(len(names), np.bool_)
    while left.any():
        part = np.isfinite(distances[left.argmax()])
        parts.append(np.flatnonzero(part).tolist())
        left &= ~part
    return distances, parts


def _shortest_paths(size: int, ends: NDArray[np.int32], lengths: Array) -> Array:
    """Returns the lengths of the shortest paths, infinite where there is none.

    Of few members by Floyd and Warshall, whose cube is small: SciPy takes a tenth of a second to
    load. Of many by SciPy.
    """
    if size > FEW_MEMBERS:
        from scipy.sparse import csr_array
        from scipy.sparse.csgraph import shortest_path

        rows, columns = ends
        starts = np.searchsorted(rows, np.arange(size + 1))
        graph = csr_array((lengths, columns, starts), shape=(size, size))
        return np.asarray(shortest_path(graph, directed=False))
    distances = np.full((1, size, size), np.inf)
    distances[0, ends[0], ends[1]] = distances[0, ends[1], ends[0]] = lengths
    return np.asarray(_shorten(distances)[0])


def _shorten(distances: Array) -> Array:
    """Turns the lengths of edges of graphs into those of the shortest paths, in place."""
    each = np.arange(distances.shape[1])
    distances[:, each, each] = 0
    for middle in each:
        through = distances[:, :, middle, None] + distances[:, middle, None]
        np.minimum(distances, through, out=distances)
    return distances


def _lengths(weights: Array) -> Array:
    """Returns the lengths of links: well-evidenced ones are shorter, at most by half."""
    return 0.5 + 0.5 / (1 + np.log1p(np.maximum(weights, 0)))


def _first(names: list[str], distances: Array, part: list[int]) -> Array:
    """Lays out a connected part by itself, in units of links."""
    if len(part) == 1:
        return np.zeros((1, 2))
    wanted = distances[np.ix_(part, part)]
    pulls = _pulls([names[member] for member in part])
    return _laid_out(wanted[None], pulls[None], np.array([len(part)]))[0]


def _laid_out(distances: Array, pulls: Array, sizes: NDArray[np.int64]) -> Array:
    """Lays out connected graphs, each with `sizes` members and up to the common size nothing.

    Args:
        distances: between the members of each graph, 0 where there is none.
        pulls: as of `_pulls`, of each member.
        sizes: members of each graph.
    """
    start = _scaled(distances, pulls, sizes)
    # Adding 1 lifts the kernel of the Laplacian, the constant vectors, and leaves them in place.
    there = np.arange(distances.shape[1]) < sizes[:, None]
    hold = (there[:, :, None] & there[:, None, :]) / sizes[:, None, None]
    hold += ~there[:, :, None] * np.eye(distances.shape[1])
    return _settled(start, distances, hold, None)


def _settled(
    start: Array, wanted: Array, hold: Array, anchor: Array | None, unit: float = 1.0
) -> Array:
    """Moves places of graphs by stress majorization, so that their distances follow the graphs'.

    Gansner, Koren and North (2004), with their weights d^-2, of which an infinite distance has
    none. `hold` is added to the Laplacian, and pulls to `anchor`: a diagonal of it keeps places.
    Many small graphs at once take a quarter of the time of one by one.
    """
    weights = _weights(wanted)
    laplacian = hold - weights
    diagonal = np.arange(wanted.shape[1])
    laplacian[:, diagonal, diagonal] += weights.sum(2)
    solve = np.linalg.inv(laplacian).astype(np.float32)
    drawn = (weights * np.where(np.isfinite(wanted), wanted, 0)).astype(np.float32)
    back = None if anchor is None else (hold @ anchor).astype(np.float32)
    places, settled = start.astype(np.float32), np.empty(start.shape)
    left, moving = np.arange(len(start)), np.ones(len(start), np.bool_)
    pulls = np.empty_like(drawn)
    for turn in range(ITERATIONS):
        pull = _pulled(drawn, places, pulls[: len(left)])
        sums = pull @ np.concatenate([places, np.ones_like(places[:, :, :1])], 2)
        forces = sums[:, :, 2:] * places - sums[:, :, :2]
        moved = solve @ (forces if back is None else forces + back)
        steps = np.abs(moved - places).max((1, 2))
        last = turn == ITERATIONS - 1
        places = moved if last else places + RELAXED * (moved - places)
        ends = moving & ((steps < SETTLED * unit) | last)
        settled[left[ends]] = moved[ends]
        moving &= ~ends
        if moving.mean() < _STILL_MOVING:
            places, solve, drawn = (array[moving] for array in (places, solve, drawn))
            back = None if back is None else back[moving]
            left, moving = left[moving], moving[moving]
            if not len(left):
                break
    return settled


def _pulled(drawn: Array, places: Array, room: Array) -> Array:
    """Returns what is `drawn` over the distances of places, in `room`.

    |a|^2 + |b|^2 - 2ab is wrong by some 1e-6 of the figure, and takes half the time of (a - b)^2.
    """
    squares = (places * places).sum(2, keepdims=True)
    ones = np.ones_like(squares)
    ends = np.concatenate([-2 * places, ones, squares], 2).swapaxes(1, 2).copy()
    np.matmul(np.concatenate([places, squares, ones], 2), ends, out=room)
    np.sqrt(np.maximum(room, _LEAST_SQUARE, out=room), out=room)
    return np.divide(drawn, room, out=room)


def _apart(points: Array, others: Array) -> Array:
    """Returns distances; scipy.spatial is slow to load."""
    return np.asarray(np.linalg.norm(points[:, None] - others, axis=-1))


def _weights(wanted: Array) -> Array:
    weights = np.zeros_like(wanted)
    np.divide(1, wanted * wanted, out=weights, where=wanted > 0)
    return weights


def _scaled(distances: Array, pulls: Array, sizes: NDArray[np.int64]) -> Array:
    """Scales distances to the plane (Torgerson 1952), turned and mirrored as the ids say.

    Each id has a direction and a weight, both from its digest. The weights fall off so steeply
    that a few members decide, and a member that comes or goes is seldom one of them.
    """
    squared, count = distances**2, sizes[:, None]
    there = np.arange(distances.shape[1]) < count
    rows = squared.sum(2) / count * there
    whole = (rows.sum(1) / sizes)[:, None, None] * (there[:, :, None] & there[:, None, :])
    across = rows[:, :, None] * there[:, None, :]
    products = (across + across.swapaxes(1, 2) - squared - whole) / 2
    base: Array = pulls
    for power in range(1, POWERS + 1):  # all eigenvectors would take four times as long
        base = np.linalg.qr(products @ base)[0] if power % 5 == 0 else products @ base
    values, vectors = np.linalg.eigh(base.swapaxes(1, 2) @ products @ base)
    plane = base @ vectors * np.sqrt(np.maximum(values[:, None], 1e-9))
    # The rotation that brings members nearest to where their ids say (orthogonal Procrustes).
    turn, _, right = np.linalg.svd(plane.swapaxes(1, 2) @ pulls)
    return np.asarray(plane @ (turn @ right))


def _pulls(entity_ids: Iterable[str]) -> Array:
    """Returns the direction of each id, times a heavy-tailed weight."""
    sha256 = hashlib.sha256
    digests = [
        sha256(entity_id.encode("utf-8", "replace")).digest()[:8] for entity_id in entity_ids
    ]
    angle, share = np.frombuffer(b"".join(digests), ">u4").reshape(-1, 2).T / 2**32
    weight = (share + 2**-20) ** -2
    return np.column_stack([weight * np.cos(2 * np.pi * angle), weight * np.sin(2 * np.pi * angle)])


def _relaid(names: list[str], distances: Array, known: Mapping[str, Point]) -> Array:
    """Keeps old members near their places and puts new ones beside their neighbours."""
    old = np.array([name in known for name in names])
    places = np.full((len(names), 2), np.nan)
    places[old] = [known[name] for name in names if name in known]
    if old.all():
        return places
    places[:, 0] *= WIDE
    unit = _unit(places[old], distances[np.ix_(old, old)])
    for member in np.flatnonzero(~old):
        places[member] = _beside(places, distances[member], unit, _pulls([names[member]])[0])
    wanted = distances * unit
    hold = np.diag(np.where(old, HOLD * np.maximum(_weights(wanted).sum(1), 1e-9), 0))
    # A new part without a path to an old member would drift, so it is held where it begins.
    loose = ~old & ~np.isfinite(distances[:, old]).any(1)
    hold[loose, loose] = 1
    places = _settled(places[None], wanted[None], hold[None], places[None], unit)[0]
    return _folded(places / (WIDE, 1))


def _folded(places: Array) -> Array:
    """Mirrors places past an edge: cut off, they would stand in a line on it."""
    return np.asarray(1 - np.abs(places % 2 - 1))


def _unit(places: Array, distances: Array) -> float:
    """Returns the length of a link of 1 in the old figure, of least stress for its members."""
    apart, wanted = _apart(places, places), np.where(np.isfinite(distances), distances, 0)
    weights = _weights(wanted)
    most = (weights * wanted**2).sum()
    return max(float((weights * wanted * apart).sum() / most), 1e-3) if most else 0.1


def _beside(places: Array, distances: Array, unit: float, towards: Array) -> Array:
    """Returns the place of a new member: by its neighbours, or where the figure is emptiest."""
    placed = ~np.isnan(places[:, 0])
    there = placed & np.isfinite(distances)
    if there.any():
        nearest = distances[there].min()
        middle = places[there & (distances <= nearest + 1e-9)].mean(0)
        return np.asarray(middle + towards / math.hypot(*towards) * unit * nearest / 2)
    x, y = np.meshgrid(np.linspace(0.04, 0.96, 13) * WIDE, np.linspace(0.06, 0.94, 9))
    spots = np.column_stack([x.ravel(), y.ravel()])
    return np.asarray(spots[_apart(spots, places[placed]).min(1).argmax()])


def _in_rows(parts: Sequence[tuple[list[int], Array]], size: int) -> Array:
    """Lays parts in rows as words are, each in a box as large as its members need."""
    places = np.empty((size, 2))
    if len(parts) == 1:
        part, layout = parts[0]
        places[part] = _fitted(layout, WIDE, 1.0, 0.0) / (WIDE, 1)
        return places
    sides = [math.sqrt(len(part)) + 1 if len(part) > 1 else 1.0 for part, _ in parts]
    corners, width, height = min(
        (_shelves(sides, width) for width in np.linspace(max(sides), sum(sides), 40)),
        key=lambda shelving: max(shelving[1] / WIDE, shelving[2]),
    )
    scale = max(width / WIDE, height)
    shift = ((scale * WIDE - width) / 2, (scale - height) / 2)
    for (part, layout), side, corner in zip(parts, sides, corners, strict=True):
        places[part] = (_fitted(layout, side, side, 0.5) + corner + shift) / (scale * WIDE, scale)
    return places


def _shelves(sides: list[float], width: float) -> tuple[list[Point], float, float]:
    """Returns corners of square boxes in rows of at most `width`, and their width and height."""
    corners: list[Point] = []
    x = y = height = widest = 0.0
    for side in sides:
        if x and x + side > width + 1e-9:
            x, y, height = 0.0, y + height, 0.0
        corners.append((x, y))
        x, height = x + side, max(height, side)
        widest = max(widest, x)
    return corners, widest, y + height


def _fitted(places: Array, width: float, height: float, margin: float) -> Array:
    """Stretches places to a box from (0, 0) with a margin; a single one goes to its middle."""
    least, span = places.min(0), np.ptp(places, axis=0)
    inner = np.array([width - 2 * margin, height - 2 * margin])
    share = np.where(span > 1e-9, (places - least) / np.maximum(span, 1e-9), 0.5)
    return np.asarray(share * inner + margin)


def layout_clusters(
    members: pa.Table, starts: NDArray[np.int64], inside: pa.Table, before: NodePositions
) -> Array:
    """Lays out the drawn members of clusters, as `layout_positions` does; the others are nowhere.

    Small clusters that were in no figure are laid out together.

    Args:
        members: of the clusters, those of one after those of another.
        starts: the first member of each cluster, and the end.
        inside: their links (`cluster_data.LinkTables`).
        before: the positions in the last figure.
    """
    use_one_thread()
    ids = members["entity_id"].to_pylist()
    graphs = _Graphs.of(ids, starts, inside)
    points = np.full((len(ids), 2), np.nan)
    together: dict[int, list[int]] = defaultdict(list)
    alone: list[int] = []
    for place, size in enumerate(graphs.sizes.tolist()):
        known = before.of(graphs.names(place)) if before.of_entity else {}
        if size > FEW_MEMBERS or (size > 1 and known):
            alone.append(place)
        elif size > 1:
            together[-(-size // _SIZE_STEP) * _SIZE_STEP].append(place)
    for size, places in together.items():
        room = max(_CELLS_AT_ONCE // size**2, 1)
        for start in range(0, len(places), room):
            alone += graphs.lay_out(np.array(places[start : start + room]), size, points)
    for place in sorted(alone):
        laid = layout_positions(
            graphs.names(place), graphs.edges(place), before.of(graphs.names(place))
        )
        first = graphs.starts[place]
        points[first : first + len(laid)] = [laid[name] for name in graphs.names(place)]
    return points


@dataclass(frozen=True)
class _Graphs:
    """The graphs of the drawn members of clusters.

    Attributes:
        ids: of all members.
        starts: the first member of each cluster.
        sizes: drawn members of each.
        bounds: the first edge of each, and the end.
        ends: of edges, as places in their clusters.
        weights: of edges.
    """

    ids: list[str]
    starts: NDArray[np.int64]
    sizes: NDArray[np.int64]
    bounds: NDArray[np.int64]
    ends: NDArray[np.int64]
    weights: Array

    @classmethod
    def of(cls, ids: list[str], starts: NDArray[np.int64], inside: pa.Table) -> _Graphs:
        sizes = np.minimum(np.diff(starts), DRAWN_MEMBERS)
        cluster_of = inside["of"].to_numpy()
        ends = np.column_stack(
            [inside[name].to_numpy() - starts[cluster_of] for name in ("row_a", "row_b")]
        )
        drawn = np.asarray(inside["accepted"], np.bool_) & (ends < sizes[cluster_of, None]).all(1)
        bounds = group_offsets(cluster_of[drawn], len(sizes))
        weights = inside["weight"].to_numpy()[drawn]
        return cls(ids, starts[:-1], sizes, bounds, ends[drawn], weights)

    def names(self, place: int) -> list[str]:
        """Returns the ids of the members of a graph."""
        first = self.starts[place]
        return self.ids[first : first + self.sizes[place]]

    def edges(self, place: int) -> list[tuple[str, str, float]]:
        """Returns the edges of a graph."""
        names, mine = self.names(place), slice(*self.bounds[place : place + 2].tolist())
        pairs = zip(self.ends[mine].tolist(), self.weights[mine].tolist(), strict=True)
        return [(names[a], names[b], weight) for (a, b), weight in pairs]

    def lay_out(self, which: NDArray[np.int64], room: int, points: Array) -> list[int]:
        """Lays out graphs of up to `room` members; returns those that are not connected."""
        counts = np.diff(self.bounds)[which]
        edges = concat_ranges(self.bounds[which], counts)
        graph = np.repeat(np.arange(len(which)), counts)
        distances = np.full((len(which), room, room), np.inf)
        first, second = self.ends[edges].T
        lengths = _lengths(self.weights[edges])
        distances[graph, first, second] = distances[graph, second, first] = lengths
        there = np.arange(room) < self.sizes[which][:, None]
        distances = np.where(there[:, :, None] & there[:, None, :], _shorten(distances), 0)
        whole = np.isfinite(distances).all((1, 2))
        left = which[~whole].tolist()
        which, there = which[whole], there[whole]
        if len(which):
            rows = concat_ranges(self.starts[which], self.sizes[which])
            pulls = np.zeros((len(which), room, 2))
            pulls[there] = _pulls([self.ids[row] for row in rows.tolist()])
            laid = _laid_out(distances[whole], pulls, self.sizes[which])
            least = np.where(there[:, :, None], laid, np.inf).min(1, keepdims=True)
            span = np.where(there[:, :, None], laid, -np.inf).max(1, keepdims=True) - least
            share = np.where(span > _POINT, (laid - least) / np.maximum(span, _POINT), 0.5)
            points[rows] = share[there]
        return left


class Handover(NamedTuple):
    """One identifier giving way to another of its kind that is linked with it."""

    before: str
    after: str
    last_seen: datetime
    first_seen: datetime


def find_handovers(facts: ClusterFacts, most: int = ROW_LIMIT) -> list[Handover]:
    """Pairs members of one kind, linked or with a neighbour in common, if one follows the other.

    Each gives way to one and follows one at most; the shortest gaps are paired first. Only the
    `most` members that most records name are paired, which a timeline shows.
    """
    shown = first_rows(facts, most)
    linked: dict[str, set[str]] = {member["entity_id"]: set() for member in facts.members}
    for link in facts.inside:
        linked[link["entity_a"]].add(link["entity_b"])
        linked[link["entity_b"]].add(link["entity_a"])
    pairs = []
    earlier: dict[str, list[Row]] = {}
    for after in shown:
        near, of_kind = linked[after["entity_id"]], earlier.setdefault(after["kind"], [])
        for before in of_kind:
            if not _follows(before, after):
                continue
            direct = before["entity_id"] in near
            if direct or near & linked[before["entity_id"]]:
                gap = abs(after["first_seen"] - before["last_seen"])
                order = (not direct, gap, before["entity_id"], after["entity_id"])
                pairs.append((order, before, after))
        of_kind.append(after)
    gave: set[str] = set()
    took: set[str] = set()
    handovers = []
    for _, before, after in sorted(pairs, key=lambda pair: pair[0]):
        if before["entity_id"] in gave or after["entity_id"] in took:
            continue
        gave.add(before["entity_id"])
        took.add(after["entity_id"])
        ends = before["entity_id"], after["entity_id"]
        handovers.append(Handover(*ends, before["last_seen"], after["first_seen"]))
    return sorted(handovers, key=lambda handover: (handover.first_seen, handover.after))


def _follows(before: Row, after: Row) -> bool:
    if before["first_seen"] >= after["first_seen"] or before["last_seen"] >= after["last_seen"]:
        return False
    gap = after["first_seen"] - before["last_seen"]
    return -OVERLAP_DAYS <= gap.days <= HANDOVER_DAYS


def first_rows(facts: ClusterFacts, most: int) -> list[Row]:
    """Returns the `most` members that most records name, by first record."""
    return sorted(
        facts.members[:most], key=lambda member: (member["first_seen"], member["entity_id"])
    )
