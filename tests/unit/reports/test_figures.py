import itertools
import math
import random
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from reports.figures import find_handovers, layout_clusters, layout_positions
from reports.partition import NodePositions
from tests.support.examples import draws

NODES = [f"phone:+1888555{n:04d}" for n in range(12)]


@draws(25)
@given(
    st.lists(st.tuples(st.sampled_from(NODES), st.sampled_from(NODES)), max_size=30), st.randoms()
)
def test_places_are_inside_and_do_not_depend_on_order(pairs, chance):
    edges = sorted({(min(a, b), max(a, b)) for a, b in pairs if a != b})
    placed = layout_positions(NODES, edges)
    assert set(placed) == set(NODES)
    assert all(0 <= axis <= 1 for point in placed.values() for axis in point)
    nodes, mixed = list(NODES), list(edges)
    chance.shuffle(nodes)
    chance.shuffle(mixed)
    assert layout_positions(nodes, mixed) == placed


def moved(old, new):
    return {
        node: max(abs(a - b) for a, b in zip(old[node], new[node], strict=True)) for node in old
    }


def ring(nodes):
    return [(a, b) for a, b in zip(nodes, [*nodes[1:], nodes[0]], strict=True)]


def test_places_stay_where_members_only_go():
    before = layout_positions(NODES, ring(NODES))
    after = layout_positions(NODES[:9], ring(NODES[:9]), before)
    assert after == {node: before[node] for node in NODES[:9]}


def test_a_newcomer_stands_by_its_neighbour_and_moves_the_others_little():
    before = layout_positions(NODES[:10], ring(NODES[:10]))
    edges = [*ring(NODES[:10]), (NODES[3], NODES[10])]
    after = layout_positions(NODES[:11], edges, before)
    assert max(moved(before, {node: after[node] for node in before}).values()) < 0.1
    apart = {node: math.dist(after[node], after[NODES[10]]) for node in NODES[:10]}
    assert min(apart, key=apart.get) == NODES[3]
    assert all(0 <= axis <= 1 for point in after.values() for axis in point)
    assert after == layout_positions(NODES[:11], edges[::-1], dict(reversed(before.items())))


def test_a_picture_of_mostly_new_members_is_made_anew():
    before = layout_positions(NODES[:5], ring(NODES[:5]))
    assert layout_positions(NODES, ring(NODES), before) == layout_positions(NODES, ring(NODES))


def test_of_two_pictures_that_merge_the_larger_is_kept():
    known = {node: ("c-a" if n < 5 else "c-b", (n / 9, 0.5)) for n, node in enumerate(NODES[:9])}
    assert set(NodePositions(known).of(NODES)) == set(NODES[:5])
    assert NodePositions().of(NODES) == {}


def test_parts_stand_beside_each_other():
    placed = layout_positions(NODES, [*ring(NODES[:6]), *ring(NODES[6:11])])
    boxes = [
        [(min(axis), max(axis)) for axis in zip(*(placed[node] for node in part), strict=True)]
        for part in (NODES[:6], NODES[6:11], NODES[11:])
    ]
    for a, b in itertools.combinations(boxes, 2):
        assert any(
            first[1] < second[0] or second[1] < first[0] for first, second in zip(a, b, strict=True)
        )


def test_clusters_lie_together_as_each_does_alone():
    chance = random.Random(3)
    members, links, starts = [], [], [0]
    for size in (1, 2, 9, 15, 16, 23, 40, 7):
        first = len(members)
        members += [f"phone:+1{size:03d}{n:07d}" for n in range(size)]
        starts.append(len(members))
        pairs = [(n, chance.randrange(n)) for n in range(1, size) if (size, n) != (7, 4)]
        cluster = len(starts) - 2
        links += [(cluster, first + a, first + b, True) for a, b in pairs]
    names = ("of", "row_a", "row_b", "accepted")
    columns = dict(zip(names, map(pa.array, zip(*links, strict=True)), strict=True))
    table = pa.table({"entity_id": members})
    positions = layout_clusters(table, np.array(starts), pa.table(columns), NodePositions())
    for cluster, (start, end) in enumerate(itertools.pairwise(starts)):
        edges = [(members[a], members[b]) for owner, a, b, _ in links if owner == cluster]
        alone = layout_positions(members[start:end], edges)
        if end - start == 1:
            assert np.isnan(positions[start]).all()
        else:
            assert [tuple(place) for place in positions[start:end]] == list(alone.values())


DAY = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("kind", "first", "last", "follows"),
    [
        ("phone", 11, 20, True),
        ("phone", 5, 12, True),
        ("phone", 2, 12, False),
        ("phone", 60, 70, False),
        ("email", 11, 20, False),
    ],
)
def test_a_number_gives_way_to_the_next_of_its_kind_that_is_linked_with_it(
    kind, first, last, follows
):
    rows = [("phone:a", "phone", 0, 10), ("b", kind, first, last), ("c", "url", 0, 70)]
    columns = ("entity_id", "kind", "first_seen", "last_seen")
    members = [
        dict(zip(columns, (*row[:2], *(DAY + timedelta(days) for days in row[2:])), strict=True))
        for row in rows
    ]
    direct = [{"entity_a": "b", "entity_b": "phone:a"}]
    by_another = [{"entity_a": end, "entity_b": "c"} for end in ("b", "phone:a")]
    for links in (direct, by_another):
        turns = find_handovers(members, links)
        assert [(turn.before, turn.after) for turn in turns] == [("phone:a", "b")] * follows
    assert find_handovers(members, []) == []
