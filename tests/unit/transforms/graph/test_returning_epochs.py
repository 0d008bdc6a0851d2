"""An identifier that came back rejoins its other epoch only where the rest shows one owner."""

import numpy as np
from hypothesis import given, strategies as st
from scipy.sparse import csr_array

from tests.support.examples import draws
from tests.support.graphs import evidence, no_suppliers, parts
from transforms.graph.refinement import (
    EpochPairs,
    epoch_pairs,
    established_communities,
    rejoin_epochs,
)
from transforms.graph.supplier_likelihood import SupplierCounts

A, B, NODES = [0, 1, 2], [3, 4, 5], 30

LABEL = np.array([0, 0, 0, 3, 3, 3, *range(6, NODES)])

LOOSE = 6

GROUPS = [set(A)] * 4 + [set(B)] * 4


def suppliers(loose):
    """A's trunk is the first, B's the second; the loose node's is `loose`."""
    records = np.zeros((NODES, 12))
    records[A, 0] = records[B, 1] = 12
    records[np.arange(10, 20), np.arange(2, 12)] = 30
    records[LOOSE, loose] = 12
    return SupplierCounts((csr_array(records),) * 3)


def followed(pairs, supplier_counts, label=LABEL):
    before, after = np.array(pairs, np.int64).reshape(-1, 2).T
    return rejoin_epochs(evidence(GROUPS, NODES), supplier_counts, label, EpochPairs(before, after))


def test_a_loose_end_follows_where_suppliers_agree_either_way_in_time():
    for pair in ((0, LOOSE), (LOOSE, 0)):
        label, returned = followed([pair], suppliers(0))
        assert label[LOOSE] == label[0] != label[3]
        assert np.flatnonzero(returned).tolist() == [LOOSE]


def test_it_stays_alone_where_they_say_nothing_or_disagree():
    for supplier_counts in (suppliers(1), no_suppliers(NODES)):
        label, returned = followed([(0, LOOSE)], supplier_counts)
        assert (label == LABEL).all()
        assert not returned.any()


def test_where_all_others_came_back_to_the_same_hands_it_needs_no_more():
    """The share of identifiers that came back to their holders is learnt from the others."""
    others = [(0, 1), (1, 2), (3, 4), (4, 5)] * 60
    label, _ = followed([*others, (0, LOOSE)], no_suppliers(NODES))
    assert label[LOOSE] == label[0]


def test_two_established_communities_never_become_one():
    label, returned = followed([(0, 3)] + [(0, 1)] * 200, suppliers(0))
    assert parts(label) == parts(LABEL)
    assert not returned.any()


def test_a_loose_end_between_two_follows_the_likelier_and_welds_nothing():
    label, _ = followed([(0, LOOSE), (LOOSE, 3)], suppliers(1))
    assert label[LOOSE] == label[3] != label[0]


def test_epochs_follow_each_other_in_time():
    pairs = pairs_of([7, 8, 7, 9, 7], [5, 1, 2, 3, 9], [2, 1, 3, 1, 2])
    assert pairs == {(2, 0), (0, 4)}
    # Where one reporter alone dates each, they are still one after the other.
    assert pairs_of([7, 7, 7], [1, 2, 3], [1, 1, 1]) == {(0, 1), (1, 2)}


def test_an_epoch_of_one_reporter_lies_between_no_others():
    assert pairs_of([7, 7, 7], [1, 2, 3], [2, 1, 2]) == {(0, 1), (0, 2)}
    assert pairs_of([7, 7, 7], [1, 2, 3], [1, 2, 2]) == {(0, 1), (1, 2)}
    assert pairs_of([7, 8, 8], [1, 0, 2], [2, 1, 3]) == {(1, 2)}


def pairs_of(bare, first_seen, reporters):
    pairs = epoch_pairs(np.array(bare), np.array(first_seen), np.array(reporters))
    return set(zip(pairs.before.tolist(), pairs.after.tolist(), strict=True))


@draws(60)
@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=12),
    st.integers(0, 11),
    st.randoms(),
)
def test_the_order_of_pairs_does_not_matter_and_firm_ground_keeps_apart(pairs, loose, random):
    first, _ = followed(pairs, suppliers(loose))
    random.shuffle(pairs)
    assert (followed(pairs, suppliers(loose))[0] == first).all()
    firm = np.flatnonzero(established_communities(evidence(GROUPS, NODES), LABEL))
    assert len(set(first[firm].tolist())) == len(firm)
