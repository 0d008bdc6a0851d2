"""The weakest cut of a cluster, against every way to part its core members."""

import time
from itertools import combinations
from random import Random
from unittest import mock

import networkx as nx
import numpy as np
import pyarrow as pa
from hypothesis import given, strategies as st

from tests.support.examples import draws
from transforms.arrow import hash_text
from transforms.graph import cuts, robustness
from transforms.graph.cuts import (
    CUT_SIDE,
    PAIR_SIDE,
    THIN_REPORTERS,
    WAY,
    Cut,
    members_named,
    reporter_masks,
    thin_join,
    thin_parts,
    weakest_cut,
)

MEMBERS = 8


@st.composite
def clusters(draw):
    """Whom each reporter names of a few members, as masks, and which members are core."""
    core = draw(st.lists(st.booleans(), min_size=6, max_size=MEMBERS))
    core = [True] * draw(st.integers(4, 6)) + core[:2]
    members = st.integers(0, len(core) - 1)
    near = members.map(lambda member: {member, (member + 1) % len(core)})
    hub = members.map(lambda member: {0, member})
    free = st.sets(members, min_size=2, max_size=4)
    kind = draw(st.sampled_from([near, hub, free, near | free, hub | near]))
    named = draw(st.lists(kind, min_size=1, max_size=24))
    return [sum(1 << member for member in group) for group in named], core


def crossing(named, side):
    return sum(1 for mask in named if mask & side and mask & ~side)


def least_by_networkx(named, core, same=()):
    """The smallest of the minimum cuts between all pairs of sides of core members."""
    graph = nx.DiGraph()
    for reporter, mask in enumerate(named):
        graph.add_edge(("in", reporter), ("out", reporter), capacity=1)
        for member in range(len(core)):
            if mask >> member & 1:
                graph.add_edge(member, ("in", reporter))
                graph.add_edge(("out", reporter), member)
    for a, b in same:
        graph.add_edge(a, b)
        graph.add_edge(b, a)
    every = [member for member, is_core in enumerate(core) if is_core]
    best = None
    for size in range(CUT_SIDE, len(every) - CUT_SIDE + 1):
        for side in combinations(every, size):
            whole = graph.copy()
            whole.add_edges_from(("source", member) for member in side)
            whole.add_edges_from((member, "sink") for member in every if member not in side)
            try:
                value = nx.maximum_flow_value(whole, "source", "sink")
            except nx.NetworkXUnbounded:
                continue
            best = value if best is None else min(best, value)
    return best


@draws(40)
@given(clusters(), st.data())
def test_a_cut_is_the_smallest_of_all_that_leave_core_members_on_both_sides(cluster, data):
    named, core = cluster
    cut = weakest_cut(named, core)
    least = least_by_networkx(named, core)
    assert (cut and cut.reporters) == least
    if cut is None:
        return
    assert cut.exact
    assert crossing(named, cut.side) == least
    on_side = sum(core[member] for member in range(len(core)) if cut.side >> member & 1)
    assert CUT_SIDE <= on_side <= sum(core) - on_side
    pair = data.draw(st.lists(st.integers(0, len(core) - 1), min_size=2, max_size=2, unique=True))
    left = weakest_cut(named, core, [pair])
    assert (left and left.reporters) == least_by_networkx(named, core, [pair])


@draws(60)
@given(clusters())
def test_merging_alone_gives_a_bound_that_no_cut_of_core_members_is_below(cluster):
    named, core = cluster
    steps = dict.fromkeys(("MOST_CUT_STEPS", "MOST_COMPARED_MEMBERS", "MOST_PROVEN_MEMBERS"), 0)
    with mock.patch.multiple(cuts, **steps):
        bound = weakest_cut(named, core, core_a_side=1)
    every = sum(is_core << member for member, is_core in enumerate(core))
    sides = (side for side in range(1 << len(core)) if side & every and every & ~side)
    assert not bound.exact and bound.reporters <= min(crossing(named, side) for side in sides)


@draws(60)
@given(clusters(), st.integers(0, 400))
def test_comparing_few_sides_proves_the_smallest_cut_or_nothing(cluster, most):
    named, core = cluster
    named = named * 4  # so that each member has the reporters that a proof needs
    steps = dict.fromkeys(("MOST_CUT_STEPS", "MOST_COMPARED_MEMBERS"), 0)
    with mock.patch.multiple(cuts, **steps, MOST_COMPARED_SIDES=most):
        cut = weakest_cut(named, core)
    if cut is not None and cut.exact:
        assert crossing(named, cut.side) == cut.reporters
        every = sum(is_core << member for member, is_core in enumerate(core))
        sides = (
            side
            for side in range(1 << len(core))
            if min((side & every).bit_count(), (every & ~side).bit_count()) >= CUT_SIDE
        )
        assert cut.reporters == min(crossing(named, side) for side in sides)


@draws(30)
@given(clusters(), st.randoms())
def test_a_cut_does_not_depend_on_the_order_of_reporters(cluster, random):
    named, core = cluster
    shuffled = list(named)
    random.shuffle(shuffled)
    assert weakest_cut(sorted(shuffled), core) == weakest_cut(sorted(named), core)


@draws(60)
@given(clusters())
def test_a_search_that_takes_too_long_gives_a_lower_bound(cluster):
    named, core = cluster
    cut = weakest_cut(named, core)
    with mock.patch.multiple(cuts, MOST_CUT_STEPS=12, MOST_COMPARED_MEMBERS=0):
        bound = weakest_cut(named, core)
    if cut is None or bound is None:
        assert bound is None or not bound.exact
        return
    assert bound.reporters <= cut.reporters
    assert bound.exact is False or bound == cut


def rings(records, welders, each=4):
    """Two rings whose records name two members each, and reporters who name one of both."""
    pairs = list(combinations(range(each), 2))
    named = [
        sum(1 << ring * each + member for member in pairs[number % len(pairs)])
        for ring in (0, 1)
        for number in range(records)
    ]
    named += [1 << number % each | 1 << each + (number + 1) % each for number in range(welders)]
    return sorted(named), [True] * 2 * each


def test_a_weld_is_thin_up_to_seven_reporters_and_to_half_of_the_smaller_side():
    for welders, records, thin in ((7, 24, True), (8, 24, True), (40, 24, False), (7, 60, True)):
        named, core = rings(records, welders)
        cut = weakest_cut(named, core)
        assert cut.reporters == min(welders, cut.reporters)
        if cut.reporters == welders:
            assert cut.side in (0b1111, 0b11110000)
            assert cut.thin is thin
    assert Cut(THIN_REPORTERS, 0, 2 * THIN_REPORTERS, True).thin is False
    assert Cut(THIN_REPORTERS, 0, 2 * THIN_REPORTERS + 1, True).thin is True
    assert Cut(THIN_REPORTERS - 1, 0, 0, True).thin is True


def test_two_rings_that_one_member_alone_joins_are_parted_however_many_name_it():
    """All victims of two rings paid one mule: ten reporters a side bear a join of one account."""
    mule = 1 << 6
    first = [mule | 1 << victim % 3 | 1 << (victim + 1) % 3 for victim in range(10)]
    second = [mule | 1 << 3 + victim % 3 | 1 << 3 + (victim + 1) % 3 for victim in range(10)]
    named, core = [*first, *second], [True] * 7
    cut = weakest_cut(named, core)
    assert cut is not None and cut.reporters == 10 and not cut.thin
    join = thin_join(cut, named, core, [])
    assert join is not None and join.side in (0b111, 0b111000) and join.reporters == 10
    parts = thin_parts(named, core)
    assert len(set(parts[:3])) == len(set(parts[3:6])) == 1 and parts[0] != parts[3]
    # People who name both rings without the mule, or an analyst, make them one.
    both = [0b1001, 0b10010, 0b100100]
    assert thin_join(cut, [*named, *both], core, []) is None
    assert thin_join(cut, named, core, [(0, 3)]) is None
    # Two members of a side are no ring.
    assert thin_join(cut, named, [True] * 5 + [False, True], []) is None


@given(
    st.tuples(*(st.integers(0, position) for position in range(8))),
    st.lists(st.sets(st.integers(0, 8), min_size=2, max_size=3), max_size=6),
)
def test_one_member_joins_where_the_cluster_falls_apart_without_it(tree, more):
    each = [*({place + 1, beside} for place, beside in enumerate(tree)), *more]
    graph = nx.Graph((member, -1 - row) for row, group in enumerate(each) for member in group)

    def second_largest(without):
        rest = nx.connected_components(graph.subgraph(set(graph) - {without}))
        return sorted([0, *(sum(node >= 0 for node in side) for side in rest)])[-2]

    named = [sum(1 << member for member in group) for group in each]
    with mock.patch.object(cuts, "weakest_cut", lambda *_: None):
        join = thin_join(None, named, [True] * 9, [])
    assert (join is not None) == any(second_largest(member) >= CUT_SIDE for member in range(9))


def test_each_of_three_welded_pairs_is_a_part_of_its_own():
    """Of two joins of two a side the run shows one; an offer must not name the other two as one."""
    pairs = [0b11, 0b1100, 0b110000]
    named = [pair for pair in pairs for _ in range(10)] + [0b101] * 2 + [0b10100] * 2
    core = [True] * 6
    join = thin_join(weakest_cut(named, core), named, core, [])
    assert join is not None and join.side in pairs
    for side in (join.side, 0):
        first, second, third = (thin_parts(named, core, [], side)[member] for member in (0, 2, 4))
        assert len({first, second, third}) == 3
    # What an analyst vouches for stays together.
    assert len(set(thin_parts(named, core, [(0, 2)]))) == 2


def test_two_small_rings_that_a_single_reporter_welds_are_two_parts():
    """Four reporters a ring are too few for a join of pairs, and no member alone makes this one."""
    rings_named, core = rings(4, 0, each=3)
    welded = [*rings_named, 0b110110]
    assert thin_parts(welded, core) in ([0, 0, 0, 1, 1, 1], [1, 1, 1, 0, 0, 0])


def test_a_large_cluster_has_a_lower_bound_in_little_time():
    members = robustness.MOST_EXACT_MEMBERS + 100
    row = [1 << member | 1 << member + 1 for member in range(members - 1) for _ in range(5)]
    cut = weakest_cut(sorted(row), [True] * members)
    assert (cut.reporters, cut.exact, cut.thin) == (5, False, True)


@st.composite
def dense_clusters(draw):
    """Clusters that people name evenly, or two such that a few people tie."""
    members = draw(st.integers(8, 11))
    half = draw(st.sampled_from([members, members // 2]))
    sides = [range(half), range(half, members)] if half < members else [range(members)]
    random = draw(st.randoms(use_true_random=False))
    reporters = draw(st.integers(30, 90))
    each = [random.choice([side for side in sides if len(side) > 3]) for _ in range(reporters)]
    named = [random.sample(side, random.randint(2, 4)) for side in each]
    named += [random.sample(range(members), 2) for _ in range(draw(st.integers(0, 12)))]
    core = [random.random() < 0.9 or member < 6 for member in range(members)]
    return [sum(1 << member for member in members) for members in named], core


@draws(60)
@given(dense_clusters(), st.sampled_from([CUT_SIDE, PAIR_SIDE]))
def test_the_cut_of_a_cluster_that_is_named_evenly_is_the_smallest_of_all(cluster, a_side):
    named, core = cluster
    cut = weakest_cut(named, core, core_a_side=a_side)
    size = [
        sum(core[member] for member in range(len(core)) if side >> member & 1)
        for side in range(1 << len(core))
    ]
    every = (1 << len(core)) - 1
    both = [side for side in range(every) if min(size[side], size[every & ~side]) >= a_side]
    least = min((crossing(named, side) for side in both), default=None)
    assert (cut and cut.reporters) == least
    assert cut is None or (cut.exact and crossing(named, cut.side) == least)


def test_a_ring_with_many_reporters_has_an_exact_cut_and_is_proven_so():
    random = Random(1)
    named = [
        sum(1 << member for member in random.sample(range(46), random.randint(2, 5)))
        for _ in range(500)
    ]
    with mock.patch.object(cuts, "_CutSearch", side_effect=AssertionError("not proven")):
        cut = weakest_cut(named, [True] * 46)
    assert cut.exact and crossing(named, cut.side) == cut.reporters


def test_a_cluster_of_500_members_and_5000_reporters_has_a_bound_in_little_time():
    """It takes 0.07 s on a busy machine; without the bound on steps, seconds."""
    random = Random(1)
    named = [
        sum(1 << member for member in random.sample(range(500), random.randint(2, 5)))
        for _ in range(5000)
    ]
    begun = time.process_time()
    cut = weakest_cut(named, [True] * 500)
    assert time.process_time() - begun < 1
    degree = min(sum(mask >> member & 1 for mask in named) for member in range(500))
    assert not cut.exact and degree // 2 <= cut.reporters


def test_reporters_who_name_everything_cost_little():
    members = 4 * robustness.MOST_EXACT_MEMBERS
    everything = [(1 << members) - 1] * 9
    cut = weakest_cut(everything, [True] * members)
    assert cut.reporters <= 9 and not cut.exact
    few = robustness.MOST_EXACT_MEMBERS // 4
    assert weakest_cut([(1 << few) - 1] * 9, [True] * few).reporters == 9


def test_reporters_count_by_what_one_piece_of_evidence_names_beside_others():
    ids = {"c-1": ["phone:+1", "phone:+2", "phone:+3"], "c-2": ["phone:+4", "phone:+5"]}
    rows = [
        ("c-1", 1, 7, "phone:+1"),
        ("c-1", 1, 7, "phone:+2"),
        ("c-2", 1, 7, "phone:+4"),  # alone of its cluster
        ("c-1", 2, 7, "phone:+3"),  # alone
        ("c-1", 3, 8, "phone:+2"),
        ("c-1", 3, 8, "phone:+3"),
        ("c-1", 4, 8, "phone:+1"),
        ("c-1", 4, 8, "phone:+2"),
        ("c-2", 5, 8, "phone:+4"),
        ("c-2", 5, 8, "phone:+5"),
    ]
    cluster, group, reporter, node = zip(*rows, strict=True)
    columns = [cluster, group, reporter, hash_text(pa.array(node))]
    ways = pa.Table.from_arrays([pa.array(column) for column in columns], schema=WAY)
    order = np.random.default_rng(1).permutation(len(rows))
    for table in (ways, ways.take(order)):
        named = members_named(table, ids)
        assert reporter_masks(named["c-1"], {}) == [0b011, 0b111]
        assert reporter_masks(named["c-2"], {}) == [0b11]
