"""Bootstrap intervals and baselines."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from tests.support.examples import draws
from transforms.graph import (
    MAX_LINKS,
    baseline_clusterings,
    bootstrap_intervals,
    compare_clusterings,
)

LABELS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30)


@draws(30)
@given(LABELS, st.randoms())
def test_intervals_depend_on_no_order_and_no_names(pairs, random):
    truth, predicted = np.array(pairs).T
    intervals = bootstrap_intervals(truth, predicted)
    for low, high in (intervals.bcubed, intervals.pairwise):
        assert 0 <= low <= high <= 1
    random.shuffle(pairs)
    truth, predicted = np.array(pairs).T
    again = bootstrap_intervals(7 - truth, predicted + 3)
    assert again.bcubed == pytest.approx(intervals.bcubed)
    assert again.pairwise == pytest.approx(intervals.pairwise)


def test_the_interval_holds_the_score_and_narrows_with_more_clusters():
    random = np.random.default_rng(3)

    def width(clusters):
        truth = np.repeat(np.arange(clusters), 5)
        predicted = np.where(random.random(truth.size) < 0.2, truth + clusters, truth)
        low, high = bootstrap_intervals(truth, predicted).bcubed
        assert low <= compare_clusterings(truth, predicted).bcubed.f1 <= high
        return high - low

    assert width(20) > width(400)


def test_baselines_on_two_rings_that_a_hub_welds():
    rings = [(0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5)]
    spokes = [(n, 100) for n in range(MAX_LINKS + 1)]
    a, b = np.array(sorted(rings + spokes)).T
    weight = np.where(b == 100, 0.5, 2.0)
    clusterings = dict(baseline_clusterings(a, b, weight, 101))
    assert clusterings["components"][0] == clusterings["components"][3]
    for name in (f"components, at most {MAX_LINKS} links", "components of likely pairs, as Splink"):
        assert len(set(clusterings[name][:3])) == 1
        assert clusterings[name][0] != clusterings[name][3]
    assert all(len(label) == 101 for label in clusterings.values())
