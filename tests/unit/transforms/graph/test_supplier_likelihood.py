"""The Bayes factor of one customer against two, from its definition."""

from math import lgamma

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st
from scipy.sparse import csr_array

from schemas.cluster import LINK
from schemas.enums import SUPPLIER_KINDS, Strength
from transforms.graph.refinement import PRIOR_TRUE_SHARE, same_owner_probability
from transforms.graph.supplier_likelihood import (
    CONCENTRATION,
    RECORD_WEIGHT,
    SupplierCounts,
    supplier_use,
)

RECORDS = st.lists(st.lists(st.integers(0, 6), min_size=4, max_size=4), min_size=5, max_size=5)


def marginal(counts, frequency):
    """Log probability of records spread over suppliers, the spread unknown."""
    alpha = [CONCENTRATION * share for share in frequency]
    told = lgamma(sum(alpha)) - lgamma(sum(alpha) + sum(counts))
    return told + sum(
        lgamma(a + c) - lgamma(a) for a, c in zip(alpha, counts, strict=True) if a > 0
    )


def factor(first, second, frequency):
    both = [a + b for a, b in zip(first, second, strict=True)]
    return (
        marginal(both, frequency) - marginal(first, frequency) - marginal(second, frequency)
        if sum(frequency)
        else 0.0
    )


@given(RECORDS, RECORDS)
def test_the_factor_by_definition(first, second):
    label = np.array([0, 0, 2, 3, 3])
    a, b = np.array([0, 0, 2]), np.array([2, 3, 3])
    kinds = [np.array(first, float), np.array(second, float)]
    factors = SupplierCounts(tuple(csr_array(counts) for counts in kinds)).log_bayes_factor(
        label, a, b
    )
    expected = np.zeros(3)
    for records in kinds:
        frequency = records.sum(axis=0) / max(records.sum(), 1)
        by = {n: RECORD_WEIGHT * records[label == n].sum(axis=0) for n in (0, 2, 3)}
        expected += [factor(by[x], by[y], frequency) for x, y in zip(a, b, strict=True)]
    assert factors == pytest.approx(expected, abs=1e-9)


@given(RECORDS)
def test_a_piece_is_compared_with_the_rest_of_its_own_cluster(rows):
    records = np.array(rows, float)
    suppliers = SupplierCounts((csr_array(records),))
    piece, label = np.arange(5), np.array([0, 0, 0, 3, 3])
    own = np.array([True, False])
    pieces = suppliers.sum_by_label(piece)
    factors = suppliers.sum_by_label(label).piece_log_bayes_factor(
        pieces, np.array([0, 0]), np.array([0, 3]), own
    )
    without = np.array([0, 1, 1, 3, 3])
    expected = suppliers.log_bayes_factor(without, np.array([0, 0]), np.array([1, 3]))
    assert factors == pytest.approx(expected, abs=1e-9)


def test_without_suppliers_there_is_no_evidence():
    empty = SupplierCounts((csr_array((3, 2)),))
    assert empty.log_bayes_factor(np.arange(3), np.array([0]), np.array([1])).tolist() == [0]


def test_what_tells_nothing_stays_as_unlikely_as_it_was():
    assert same_owner_probability(np.zeros(7)) == pytest.approx(PRIOR_TRUE_SHARE)
    assert len(same_owner_probability(np.zeros(0))) == 0


def test_ties_that_agree_throughout_make_each_other_likely():
    alone = same_owner_probability(np.array([2.0]))[0]
    among = same_owner_probability(np.full(60, 2.0))[0]
    against = same_owner_probability(np.append(np.full(60, -9.0), 2.0))[-1]
    assert against < alone < among


def test_suppliers_are_read_from_soft_links_of_either_order():
    rows = [
        {
            "entity_a": "carrier:x",
            "entity_b": "phone:+1",
            "reporters": 3,
            "strength": Strength.SOFT,
        },
        {"entity_a": "phone:+1", "entity_b": "trunk:y", "reporters": 2, "strength": Strength.SOFT},
        {"entity_a": "phone:+1", "entity_b": "phone:+2", "reporters": 9, "strength": Strength.HARD},
    ]
    uses = supplier_use(pa.RecordBatch.from_pylist([dict(row) for row in rows], LINK)).to_pylist()
    kinds = {SUPPLIER_KINDS[row["kind"]].value: row["reporters"] for row in uses}
    assert kinds == {"carrier": 3, "trunk": 2}
    assert len({row["node"] for row in uses}) == 1
