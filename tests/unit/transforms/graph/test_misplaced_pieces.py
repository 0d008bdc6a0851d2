"""Pieces that go where their suppliers know them, and nowhere that nobody tied them to."""

import numpy as np
from hypothesis import given, strategies as st
from scipy.sparse import csr_array

from tests.support.examples import draws
from tests.support.graphs import evidence, no_suppliers, parts
from transforms.graph.incidence import cluster_ties
from transforms.graph.refinement import move_misplaced_pieces
from transforms.graph.supplier_likelihood import SupplierCounts

A, B, STRAY = [0, 1, 2], [3, 4, 5], 6

LABEL = np.array([0, 0, 0, 3, 3, 3, 0])
"""The stray stands with A."""


def suppliers(stray):
    """A's trunk is the first, B's the second, the rest of the world has others."""
    records = np.zeros((20, 12))
    records[A, 0] = records[B, 1] = 12
    records[np.arange(7, 17), np.arange(2, 12)] = 30
    records[STRAY, stray] = 12
    return SupplierCounts((csr_array(records),) * 2)


def settled(groups, supplier_counts, label=LABEL, piece=None):
    label = np.append(label, np.arange(len(label), 20))
    piece = np.arange(20) if piece is None else piece
    between = cluster_ties(evidence(groups, 20), piece)
    return move_misplaced_pieces(between, supplier_counts, label, piece)


TIED_TO_BOTH = [set(A)] * 4 + [set(B)] * 4 + [{0, STRAY}, {3, STRAY}]


def test_a_misplaced_piece_moves_to_the_cluster_of_its_suppliers():
    label = settled(TIED_TO_BOTH, suppliers(1))
    assert label[STRAY] == label[3] != label[0]


def test_a_piece_stays_where_suppliers_agree_or_are_unknown():
    for supplier_counts in (suppliers(0), no_suppliers(20)):
        label = settled(TIED_TO_BOTH, supplier_counts)
        assert label[STRAY] == label[0] != label[3]


def test_it_goes_nowhere_that_no_record_ties_it_to():
    tied_to_one = [group for group in TIED_TO_BOTH if group != {3, STRAY}]
    label = settled(tied_to_one, suppliers(1))
    assert label[STRAY] == STRAY


def test_many_ties_outweigh_suppliers():
    label = settled(TIED_TO_BOTH + [{0, STRAY}, {1, STRAY}, {2, STRAY}] * 6, suppliers(1))
    assert label[STRAY] == label[0]


@draws(40)
@given(
    st.lists(st.sets(st.integers(0, 6), min_size=2, max_size=4), max_size=12),
    st.integers(0, 3),
    st.permutations(range(12)),
)
def test_the_order_does_not_matter(groups, stray, order):
    shuffled = [groups[place] for place in order if place < len(groups)]
    first, second = (settled(records, suppliers(stray)) for records in (groups, shuffled))
    assert parts(first) == parts(second)
