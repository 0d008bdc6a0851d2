"""What counts as wrong, and of what kind it is."""

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.ceilings import Judged, ceiling, kinds, wrong
from tests.support.graphs import evidence, no_suppliers

PAIRS = st.lists(st.tuples(st.integers(0, 3), st.integers(-1, 3)), max_size=12)


@given(PAIRS)
def test_wrong_is_what_is_not_with_most_of_its_own_or_among_more_of_anothers(pairs):
    label, operation = np.array(pairs, np.int64).reshape(-1, 2).T
    known = [(one, of) for one, of in pairs if of >= 0]

    def most(values):
        counted = Counter(values)
        return min(value for value in counted if counted[value] == max(counted.values()))

    for (one, of), found in zip(pairs, wrong(label, operation), strict=True):
        right = of < 0 or (
            most([c for c, o in known if o == of]) == one
            and most([o for c, o in known if c == one]) == of
        )
        assert found != right


@given(st.lists(st.integers(-1, 3), min_size=1, max_size=9))
def test_the_truth_is_never_wrong(operation):
    operation = np.array(operation)
    assert not wrong(np.where(operation < 0, 100, operation), operation).any()


def world(**more):
    """Two operations of four and what is wrong in them, each kind once but for the last three."""
    operation = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, -1])
    label = np.array([0, 0, 0, 0, 4, 4, 4, 4, 8, 4, 10, 0])
    groups = [{0, 1, 2, 3}] * 4 + [{4, 5, 6, 7}] * 4 + [{4, 8}] * 2 + [{0, 9}] * 2 + [{1, 10}]
    none = np.zeros(12, bool)
    names = [f"phone:{n}" for n in range(12)]
    given_world = {"hub": none, "doubted": none, "names": names, "label": label}
    return Judged(
        evidence=evidence(groups, 12),
        suppliers=no_suppliers(12),
        operation=operation,
        **given_world | more,
    )


def test_each_mistake_is_told_once():
    told = {"in a part by itself": 1, "among another's": 1, "one record of its own": 1}
    assert kinds(world()) == told
    mask = np.arange(12) == 10
    assert kinds(world(doubted=mask))["private lines"] == 1
    assert kinds(world(hub=mask))["hubs"] == 1
    again = [*(f"phone:{n}" for n in range(10)), "phone:0#2", "phone:11"]
    assert kinds(world(names=again))["epochs"] == 1


def test_what_evidence_ties_to_its_own_stays_there_and_what_is_left_out_is_alone():
    mask = np.arange(12) == 3
    found = ceiling(world(doubted=mask))
    assert found.tolist() == [0, 0, 0, 3, 4, 4, 4, 4, 4, 0, 0, 11]
