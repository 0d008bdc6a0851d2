"""Robustness of a member, from its definition, and what one more reporter can do to it."""

from itertools import combinations

import numpy as np
from hypothesis import given, settings, strategies as st

from tests.support.graphs import evidence, no_suppliers
from transforms.graph.robustness import (
    CORE_ROBUSTNESS,
    NEAR_MISS_RATIO,
    core_members,
    in_main_part,
    link_reporters,
    near_misses,
)

NODES = 7

GROUPS = st.lists(st.sets(st.integers(0, NODES - 1), min_size=2, max_size=4), max_size=14)

REPORTERS = st.lists(st.integers(0, 5), min_size=14, max_size=14)

LABELS = st.lists(st.integers(0, 2), min_size=NODES, max_size=NODES)


def tying(groups, reporters, label, node, *, inside):
    """The reporters who name a node beside another of its cluster, or all who name it."""
    return {
        reporters[number]
        for number, those in enumerate(groups)
        if node in those
        and (not inside or any(o != node and label[o] == label[node] for o in those))
    }


@settings(deadline=None)
@given(GROUPS, REPORTERS, LABELS)
def test_reporters_of_a_members_links_are_those_who_name_it_beside_others(groups, who, label):
    label = np.array(label)
    given_evidence = evidence(groups, NODES, who[: len(groups)])
    found, tying_it = link_reporters(given_evidence, no_suppliers(NODES), label)
    main = in_main_part(given_evidence, no_suppliers(NODES), label)
    for node in range(NODES):
        near = tying(groups, who, label, node, inside=True)
        everybody = tying(groups, who, label, node, inside=False)
        single = not main[node] or 2 * len(near) <= len(everybody)
        assert tying_it[node] == len(near)
        assert found[node] == (min(len(near), 1) if single else len(near))


@settings(deadline=None)
@given(GROUPS, REPORTERS, LABELS, st.integers(0, 5))
def test_the_main_part_holds_together_without_any_one_reporter(groups, who, label, gone):
    """Of a part of two or more, no reporter's records are all that ties it."""
    label = np.array(label)
    main = in_main_part(evidence(groups, NODES, who[: len(groups)]), no_suppliers(NODES), label)
    left = [those for those, one in zip(groups, who, strict=False) if one != gone]
    for cluster in set(label.tolist()):
        members = {n for n in range(NODES) if label[n] == cluster and main[n]}
        if len(members) < 2:
            continue
        parts = [{one} for one in members]
        for those in left:
            near = [part for part in parts if part & those]
            if len(near) > 1:
                parts = [part for part in parts if part not in near] + [set().union(*near)]
        assert len(parts) == 1


@settings(deadline=None)
@given(GROUPS, REPORTERS, LABELS, GROUPS)
def test_one_more_reporter_makes_no_member_of_one_reporter_core(groups, who, label, lies):
    """A liar ties whatever he likes: where nobody else ties a node, one reporter counts."""
    label = np.array(label)
    reporters = [*who[: len(groups)], *[9] * len(lies)]
    lied = evidence([*groups, *lies], NODES, reporters)
    found, _ = link_reporters(lied, no_suppliers(NODES), label)
    for node in range(NODES):
        if not tying(groups, who, label, node, inside=True):
            assert found[node] < CORE_ROBUSTNESS


DIGITS = st.text("0123456789", min_size=4, max_size=4)


@given(st.dictionaries(DIGITS.map(lambda one: f"phone:+1888555{one}"), st.integers(0, 12)))
def test_a_near_miss_is_one_digit_or_a_swap_from_a_better_attested_one(reporters):
    found = near_misses(reporters)

    def near(one, other):
        off = [(a, b) for a, b in zip(one, other, strict=True) if a != b]
        return len(off) == 1 or (len(off) == 2 and off[0] == off[1][::-1])

    for one, other in combinations(sorted(reporters), 2):
        for less, more in ((one, other), (other, one)):
            if near(less, more) and reporters[more] >= NEAR_MISS_RATIO * reporters[less]:
                assert reporters[found[less]] >= reporters[more]
    for less, more in found.items():
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
        {"entity_id": one, "known_as": one, "status": "infrastructure"}
        | {"reporters": reporters, "link_reporters": tying}
        for one, (reporters, tying) in shown.items()
    ]
    assert core_members(members) == {"phone:+18885550123", "domain:c.top"}
    assert core_members([members[2]]) == {"domain:a.top"}
    assert core_members([members[2] | {"status": "contested"}]) == set()
