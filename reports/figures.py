"""Figures of a cluster as plain data: where its members stand, and which give way to others.

The workbench and the referral show both. The same graph always has the same positions.

A cluster keeps its shape from day to day: members that were in the figure before stay where they
were, and new ones find their places among them. `partition.read_positions` reads those of an
earlier run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import rustworkx as rx
from numpy.typing import NDArray

from reports.partition import NodePositions, Point
from transforms.arrow import group_offsets

Row = dict[str, Any]

Array = NDArray[np.floating[Any]]

WIDE = 1.6
"""Width of the figure for a height of 1; places are shares of its width and height."""

ITERATIONS = 50
"""Steps of a layout. With 20, half as many links again cross; 100 gain little."""

DECIMALS = 4
"""Decimals of a place: the page has no more, and an old place stays the same through any sums."""

LEAST_KNOWN = 0.5
"""Least share of members with an old place for a layout to keep the old places."""

MARGIN = 0.05
"""Share by which a figure shrinks at most on each side for new nodes.

Without it, four times as many members stood too close to another, in 50 simulated clusters that
tripled by 3 % at a time.
"""

ROW_LIMIT = 80
"""Members among which handovers are sought, those of most records."""

HANDOVER_DAYS = 21
"""Most days between the last record of an identifier and the first of its successor.

Callback numbers live for about two weeks; the next one is in place by then.
"""

OVERLAP_DAYS = 7

_POINT = 1e-6
"""Extent below which a figure is a point."""

DRAWN_MEMBERS = 1_000
"""Members that are drawn, most records first: among more, a reader could make out none."""


def layout_positions(
    nodes: Iterable[str],
    edges: Iterable[tuple[str, str]],
    before: Mapping[str, Point] | None = None,
) -> dict[str, Point]:
    """Lays `nodes` out from (0, 0) to (1, 1): linked ones attract, and all repel each other.

    By the springs of Fruchterman and Reingold (1991). At worst there are `ITERATIONS` times the
    square of the nodes forces to add: 50 million for `DRAWN_MEMBERS`, half a second.

    Args:
        nodes: to lay out, in any order.
        edges: between two nodes, in any order.
        before: places in the last figure, of these and any other nodes. They stay, apart from a
            `MARGIN` that new nodes outside may need. If most nodes are new, the layout starts over.
    """
    graph: rx.PyGraph[str, None] = rx.PyGraph()
    index_of = {name: graph.add_node(name) for name in sorted(nodes)}
    if not index_of:
        return {}
    graph.add_edges_from_no_data(sorted((index_of[a], index_of[b]) for a, b in edges))
    # Parts would drive each other away without end, so a spring holds each to the largest.
    largest, *others = sorted(map(sorted, rx.connected_components(graph)), key=len, reverse=True)
    graph.add_edges_from_no_data([(largest[0], part[0]) for part in others])
    known = {
        index: (before[name][0] * WIDE, before[name][1])
        for name, index in index_of.items()
        if before and name in before
    }
    if len(known) < LEAST_KNOWN * len(index_of):
        known = {}
    spots = rx.spring_layout(
        graph,
        pos=known,
        fixed=set(known),
        k=(WIDE / len(index_of)) ** 0.5,
        adaptive_cooling=False,
        num_iter=ITERATIONS,
        seed=0,
    )
    places = np.array(list(spots.values()))
    if not known:  # turned so that its longest extent lies along the width
        turned = places @ (1, 1j)
        turned -= turned.mean()
        turned *= np.exp(-0.5j * np.angle((turned**2).sum()))
        places = np.column_stack([turned.real, turned.imag])
    places /= (WIDE, 1)
    least, most = places.min(0), places.max(0)
    if known:
        least, most = np.clip(least, -MARGIN, 0), np.clip(most, 1, 1 + MARGIN)
    span = most - least
    shares = np.where(span > _POINT, (places - least) / np.maximum(span, _POINT), 0.5)
    # Mirrored at an edge: cut off, nodes would stand in a line.
    inside = 1 - np.abs(shares % 2 - 1)
    return dict(zip(index_of, map(tuple, inside.round(DECIMALS).tolist()), strict=True))


def layout_clusters(
    members: pa.Table, starts: NDArray[np.int64], inside: pa.Table, before: NodePositions
) -> Array:
    """Lays out the drawn members of clusters of two or more; the others are nowhere.

    Args:
        members: of the clusters, cluster after cluster.
        starts: the first member of each cluster, and the end.
        inside: their links (`cluster_data.LinkTables`).
        before: the positions in the last figure.
    """
    ids = members["entity_id"].to_pylist()
    points = np.full((len(ids), 2), np.nan)
    ends = starts[:-1] + np.minimum(np.diff(starts), DRAWN_MEMBERS)
    cluster_of = inside["of"].to_numpy()
    rows = np.column_stack([inside["row_a"], inside["row_b"]])
    drawn = np.asarray(inside["accepted"], np.bool_) & (rows < ends[cluster_of, None]).all(1)
    pairs = rows[drawn].tolist()
    bounds = group_offsets(cluster_of[drawn], len(ends)).tolist()
    for place, (start, end) in enumerate(zip(starts[:-1].tolist(), ends.tolist(), strict=True)):
        if end - start > 1:
            names = ids[start:end]
            links = [(ids[a], ids[b]) for a, b in pairs[bounds[place] : bounds[place + 1]]]
            laid = layout_positions(names, links, before.of(names))
            points[start:end] = [laid[name] for name in names]
    return points


class Handover(NamedTuple):
    """One identifier giving way to another of its kind that is linked with it."""

    before: str
    after: str
    last_seen: datetime
    first_seen: datetime


def find_handovers(
    members: Sequence[Row], inside: Iterable[Row], most: int = ROW_LIMIT
) -> list[Handover]:
    """Pairs members of one kind, linked or with a neighbour in common, if one follows the other.

    A member gives way to at most one, and follows at most one; the shortest gaps are paired first.
    Only the `most` members with most records are paired: the rows of a timeline.

    Args:
        members: of a cluster, most records first.
        inside: the links between them.
        most: members that are paired.
    """
    linked: dict[str, set[str]] = {member["entity_id"]: set() for member in members}
    for link in inside:
        linked[link["entity_a"]].add(link["entity_b"])
        linked[link["entity_b"]].add(link["entity_a"])
    pairs = []
    earlier: dict[str, list[Row]] = {}
    for after in first_rows(members, most):
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


def first_rows(members: Sequence[Row], most: int) -> list[Row]:
    """Returns the `most` members that most records name, by first record."""
    return sorted(members[:most], key=lambda member: (member["first_seen"], member["entity_id"]))
