"""Robustness of a member, from its definition, and what one more reporter can do to it."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from scipy.sparse import csr_array

from tests.support.graphs import evidence, no_suppliers
from transforms.graph import robustness
from transforms.graph.robustness import (
    CORE_ROBUSTNESS,
    NEAR_MISS_RATIO,
    NO_SITE,
    beside_others,
    core_members,
    cut_reporters,
    in_main_part,
    inside_reporters,
    link_reporters,
    near_misses,
    separate_established_parts,
)
from transforms.graph.supplier_likelihood import SupplierCounts

NODES = 7

GROUPS = st.lists(st.sets(st.integers(0, NODES - 1), min_size=2, max_size=4), max_size=14)

REPORTERS = st.lists(st.integers(0, 5), min_size=14, max_size=14)

LABELS = st.lists(st.integers(0, 2), min_size=NODES, max_size=NODES)

MASKS = st.lists(st.booleans(), min_size=NODES, max_size=NODES)


def tying(groups, reporters, label, node, *, inside):
    """The reporters who name a node beside another of its cluster, or all who name it."""
    return {
        reporters[number]
        for number, nodes in enumerate(groups)
        if node in nodes
        and (not inside or any(o != node and label[o] == label[node] for o in nodes))
    }


def counted(named, label, private=False, suppliers=None, elsewhere=None):
    """The reporters that count for each node, and all of them."""
    none = np.zeros(len(label), int)
    inside = inside_reporters(named, label)
    suppliers = suppliers or no_suppliers(len(label))
    beside = none if elsewhere is None else elsewhere
    return link_reporters(named, suppliers, label, inside, (none == 0) & private, beside), inside


@given(GROUPS, REPORTERS, LABELS)
def test_reporters_of_a_members_links_are_those_who_name_it_beside_others(groups, who, label):
    label = np.array(label)
    given_evidence = evidence(groups, NODES, who[: len(groups)])
    counts, tying_it = counted(given_evidence, label)
    main = in_main_part(given_evidence, no_suppliers(NODES), label)
    for node in range(NODES):
        near = tying(groups, who, label, node, inside=True)
        everybody = tying(groups, who, label, node, inside=False)
        single = not main[node] or 2 * len(near) <= len(everybody)
        assert tying_it[node] == len(near)
        if single:
            assert counts[node] == min(len(near), 1)
        else:
            assert min(len(near), CORE_ROBUSTNESS) <= counts[node] <= len(near)


def fewest_that_part(groups, who, label, first, second):
    """The size of the smallest set of reporters whose removal leaves no way between two nodes.

    A reporter ties all that they name of a cluster.
    """
    names = {}
    for nodes, reporter in zip(groups, who, strict=False):
        near = {node for node in nodes if label[node] == label[first]}
        if len(near) > 1:
            names.setdefault(reporter, set()).update(near)
    for size in range(len(names) + 1):
        for gone in combinations(names, size):
            reached, grows = {first}, True
            while grows:
                more = reached.union(
                    *(nodes for who, nodes in names.items() if who not in gone and nodes & reached)
                )
                grows, reached = more != reached, more
            if second not in reached:
                return size
    return len(names) + 1


@pytest.mark.parametrize("levels", [(), (1, 2, 3, 4)])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(GROUPS, REPORTERS, LABELS, MASKS)
def test_a_cut_is_the_fewest_reporters_without_whom_a_member_is_parted(
    monkeypatch, levels, groups, who, label, exact
):
    monkeypatch.setattr(robustness, "SURE_LEVELS", levels)
    label, exact = np.array(label), np.array(exact)
    given_evidence = evidence(groups, NODES, who[: len(groups)])
    inside = [len(tying(groups, who, label, node, inside=True)) for node in range(NODES)]
    counts = cut_reporters(given_evidence, label, np.array(inside), exact)
    for cluster in set(label.tolist()):
        best, *others = sorted(np.flatnonzero(label == cluster), key=lambda node: -inside[node])
        for node in others:
            parts = fewest_that_part(groups, who, label, node, best)
            # Two or fewer that tie it are decided by the main part: the bound is enough there.
            if exact[node] or inside[node] > CORE_ROBUSTNESS:
                assert counts[node] == min(parts, inside[node])
            else:
                assert counts[node] <= parts
        assert counts[best] == max((counts[node] for node in others), default=0)


def test_a_cut_counts_the_reporters_who_join_two_halves():
    """Five people tie each half, and two the halves: no member of the smaller rests on more."""
    halves = [{0, 1, 2}] * 6 + [{3, 4, 5}] * 5 + [{2, 3}] * 2
    label = np.zeros(NODES, int)
    counts, inside = counted(evidence(halves, NODES), label)
    assert inside.tolist() == [6, 6, 8, 7, 5, 5, 0]
    assert counts.tolist() == [6, 6, 6, 2, 2, 2, 0]


def test_a_large_cluster_has_a_lower_bound():
    """Of more members than are worth a flow, what reporters of pairs alone prove."""
    many = 2 * robustness.MOST_EXACT_MEMBERS
    chain = [{node, node + 1} for node in range(many - 1) for _ in range(6)]
    label = np.zeros(many, int)
    counts, inside = counted(evidence(chain, many), label)
    assert set(inside.tolist()) == {6, 12}
    assert set(counts.tolist()) == {max(robustness.SURE_LEVELS)}


def test_a_private_line_needs_one_reporter_more():
    """Two strangers name a bank's line, 6, each beside another ring: whose it is, no two say.

    Suppliers that agree stand for the second who ties a toll-free line.
    """
    ring = [{0, 1}] * 3 + [{0, 6}, {6, 5}]
    label, private = np.zeros(NODES, int), np.arange(NODES) == 6
    used = np.where(np.isin(np.arange(NODES), (0, 1, 6))[:, None], [[5, 0]], [[0, 50]])
    agree = SupplierCounts((csr_array(used),))
    assert in_main_part(evidence(ring, NODES), agree, label)[6]
    for more, count in ((0, 1), (1, 1), (2, CORE_ROBUSTNESS), (5, 5)):
        named = evidence([*ring, *[{1, 6}] * more], NODES)
        assert counted(named, label, ~private, agree)[0][6] >= CORE_ROBUSTNESS
        assert counted(named, label, private, agree)[0][6] == count


RINGS = [*[{0, 2}] * 2, *[{4, 5}] * 2]
"""Two rings: 0 with 2 and the site 1, 4 with 5 and the site's second epoch 3; 6 is alone."""


@pytest.mark.parametrize(
    ("more", "elsewhere"),
    [
        ([{0, 1}] * 6, 0),
        ([{0, 1}] * 6 + [{1, 4}], 0),  # one of seven may be wrong
        ([{0, 1}] * 6 + [{1, 4}] * 2, 2),
        ([{1, 4}] * 2, 2),  # where nobody ties it to its own
        ([{0, 1}] * 2 + [{3, 4}], 1),  # years later
        ([{0, 1}, {0, 1, 3, 4}], 0),
        ([{0, 1}, {1, 4, 6}], 1),  # what he alone names beside it is no ring's
        ([{0, 1}] * 2 + [{1, 6}], 1),
    ],
)
def test_a_site_that_is_named_beside_other_rings_is_nobodys(more, elsewhere):
    """Of five to one it is a ring's; of less it may be an organisation's."""
    label = np.array([0, 0, 0, 4, 4, 4, 0 if {1, 4, 6} in more else 6])
    site = np.where(np.isin(np.arange(NODES), (1, 3)), 7, NO_SITE)
    named, nobody = evidence([*RINGS, *more], NODES), np.zeros(NODES, bool)
    inside = inside_reporters(named, label)
    counts = beside_others(named, label, inside, nobody, site)
    assert counts[1] == elsewhere
    assert not counts[site == NO_SITE].any()
    assert counted(named, label, elsewhere=counts)[0][1] == min(inside[1], 1 if elsewhere else 9)
    # A hub, or a line set apart, is of no ring.
    assert not beside_others(named, label, inside, site == NO_SITE, site).any()


def test_an_organisation_ties_no_other_to_a_cluster():
    """A victim of the second ring names both sites, which stand in the cluster of the first."""
    named = evidence([*RINGS, {0, 1}, {0, 3}, {3, 4}, {1, 3, 4}], NODES)
    label = np.array([0, 0, 0, 0, 4, 4, 6])
    site = np.where(np.isin(np.arange(NODES), (1, 3)), np.arange(NODES), NO_SITE)
    counts = beside_others(
        named, label, inside_reporters(named, label), np.zeros(NODES, bool), site
    )
    assert counts[3] and counts[1]


@pytest.mark.parametrize("more", [[], [{0, 6}]])
def test_an_organisation_joins_no_two_rings_that_buy_from_others(more):
    """Victims of both name it, 3, and one person names both; a ring's own site joins its parts."""
    named = evidence([*[{0, 1, 2}] * 3, *[{4, 5, 6}] * 3, *[{2, 3}, {3, 4}] * 3, *more], NODES)
    together, site = np.zeros(NODES, int), np.arange(NODES) == 3
    for others, sites, joined in (
        ([0, 9], site, False),
        ([9, 0], site, True),
        ([0, 9], ~site, True),
    ):
        used = np.where(np.arange(NODES)[:, None] < 3, [[9, 0]], [others])
        suppliers = SupplierCounts((csr_array(used),))
        label = separate_established_parts(named, suppliers, together, sites & site)
        assert (label[0] == label[4]) == joined
        assert label[0] == label[1] and label[4] == label[6] and label[3] in (label[0], label[4])


@given(GROUPS, REPORTERS, LABELS, st.integers(0, 5))
def test_the_main_part_holds_together_without_any_one_reporter(groups, who, label, gone):
    """Of a part of two or more, no reporter's records are all that ties it."""
    label = np.array(label)
    main = in_main_part(evidence(groups, NODES, who[: len(groups)]), no_suppliers(NODES), label)
    left = [nodes for nodes, reporter in zip(groups, who, strict=False) if reporter != gone]
    for cluster in set(label.tolist()):
        members = {n for n in range(NODES) if label[n] == cluster and main[n]}
        if len(members) < 2:
            continue
        parts = [{node} for node in members]
        for nodes in left:
            near = [part for part in parts if part & nodes]
            if len(near) > 1:
                parts = [part for part in parts if part not in near] + [set().union(*near)]
        assert len(parts) == 1


@given(GROUPS, REPORTERS, LABELS, GROUPS)
def test_one_more_reporter_makes_no_member_of_one_reporter_core(groups, who, label, lies):
    """A liar ties whatever he likes: where nobody else ties a node, one reporter counts."""
    label = np.array(label)
    reporters = [*who[: len(groups)], *[9] * len(lies)]
    lied = evidence([*groups, *lies], NODES, reporters)
    counts, _ = counted(lied, label)
    for node in range(NODES):
        if not tying(groups, who, label, node, inside=True):
            assert counts[node] < CORE_ROBUSTNESS


DIGITS = st.text("0123456789", min_size=4, max_size=4)


@given(st.dictionaries(DIGITS.map(lambda digits: f"phone:+1888555{digits}"), st.integers(0, 12)))
def test_a_near_miss_is_one_digit_or_a_swap_from_a_better_attested_one(reporters):
    misses = near_misses(reporters)

    def near(first, second):
        off = [(a, b) for a, b in zip(first, second, strict=True) if a != b]
        return len(off) == 1 or (len(off) == 2 and off[0] == off[1][::-1])

    for first, second in combinations(sorted(reporters), 2):
        for less, more in ((first, second), (second, first)):
            if near(less, more) and reporters[more] >= NEAR_MISS_RATIO * reporters[less]:
                assert reporters[misses[less]] >= reporters[more]
    for less, more in misses.items():
        assert near(less, more)
        assert reporters[more] >= NEAR_MISS_RATIO * reporters[less]


def test_kinds_with_an_id_that_is_copied_by_hand_have_near_misses():
    many = {"account:iban:DE89370400440532013000": 9, "remote:anydesk:123456789": 9}
    few = {"account:iban:DE89370400440532013001": 1, "remote:anydesk:123456798": 3}
    assert near_misses(many | few) == dict(zip(few, many, strict=True))
    assert near_misses({"domain:a1.top": 9, "domain:a2.top": 1}) == {}
    assert near_misses({"phone:+18885550123": 9, "phone:+18885550123#2": 1}) == {}


def test_core_needs_two_reporters_and_no_better_number():
    shown = {"phone:+18885550123": (9, 9), "phone:+18885550124": (3, 3), "domain:a.top": (2, 1)}
    shown |= {"domain:b.top": (1, 4), "domain:c.top": (2, 2)}
    members = [
        {"entity_id": entity_id, "known_as": entity_id, "status": "infrastructure"}
        | {"reporters": reporters, "link_reporters": tying, "doubted": False, "elsewhere": 0}
        for entity_id, (reporters, tying) in shown.items()
    ]
    assert core_members(members) == {"phone:+18885550123", "domain:c.top"}
    assert core_members([members[2]]) == {"domain:a.top"}
    assert core_members([members[2] | {"status": "contested"}]) == set()
    assert core_members([members[2] | {"elsewhere": 2}]) == set()
