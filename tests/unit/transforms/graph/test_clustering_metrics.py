"""Every measure against its definition, item by item or pair by pair."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, strategies as st

from transforms.graph import IdSurvival, clustering_metrics, id_survival

PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=40)


def labels(pairs):
    return np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])


@given(PAIRS)
def test_pairwise_counts_pairs(pairs):
    together = [(a[0] == b[0], a[1] == b[1]) for a, b in combinations(pairs, 2)]
    both = sum(t and p for t, p in together)
    true, predicted = sum(t for t, _ in together), sum(p for _, p in together)
    score = clustering_metrics.compare_clusterings(*labels(pairs)).pairwise
    assert score.precision == pytest.approx(both / predicted if predicted else 1)
    assert score.recall == pytest.approx(both / true if true else 1)


@given(PAIRS)
def test_bcubed_averages_over_items(pairs):
    precision, recall = [], []
    for truth, cluster in pairs:
        with_it = [t for t, c in pairs if c == cluster]
        belong = [c for t, c in pairs if t == truth]
        precision.append(with_it.count(truth) / len(with_it))
        recall.append(belong.count(cluster) / len(belong))
    score = clustering_metrics.compare_clusterings(*labels(pairs)).bcubed
    assert score.precision == pytest.approx(np.mean(precision))
    assert score.recall == pytest.approx(np.mean(recall))


@given(PAIRS)
def test_adjusted_rand_by_its_definition(pairs):
    truth, predicted = labels(pairs)
    agree = {(t, p): 0 for t in (True, False) for p in (True, False)}
    for a, b in combinations(pairs, 2):
        agree[a[0] == b[0], a[1] == b[1]] += 1
    n11, n10, n01, n00 = (
        agree[True, True],
        agree[True, False],
        agree[False, True],
        agree[False, False],
    )
    below = (n11 + n10) * (n10 + n00) + (n11 + n01) * (n01 + n00)
    expected = 2 * (n11 * n00 - n10 * n01) / below if below else 1.0
    assert clustering_metrics.compare_clusterings(truth, predicted).adjusted_rand == pytest.approx(
        expected
    )


def test_split_merged_and_largest():
    agreement = clustering_metrics.compare_clusterings(
        np.array([1, 1, 2, 2]), np.array([1, 2, 2, 2])
    )
    assert (agreement.split, agreement.merged, agreement.largest_share) == (1, 1, 0.75)


def test_an_operation_survives_where_its_main_cluster_keeps_its_id():
    truth = {"a": "r1", "b": "r1", "c": "r1", "d": "r2", "e": "r2", "f": "r3"}
    before = {"a": "x", "b": "x", "c": "y", "d": "z", "e": "z"}
    now = {"a": "x", "b": "x", "c": "x", "d": "w", "e": "w", "f": "v"}
    assert id_survival(truth, before, now) == IdSurvival(operations=2, kept=1)
    assert id_survival(truth, before, before) == IdSurvival(operations=2, kept=2)
    assert id_survival(truth, before, {}) == IdSurvival(operations=0, kept=0)
    assert id_survival({}, before, now) == IdSurvival(operations=0, kept=0)
