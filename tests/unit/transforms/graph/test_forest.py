"""Components by spanning forests and by contraction, against networkx and scipy."""

from itertools import pairwise

import apache_beam as beam
import networkx as nx
import numpy as np
import pyarrow as pa
import pytest
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.util import assert_that
from hypothesis import given, strategies as st

from transforms.graph import connected_components
from transforms.graph.connected_components import (
    EDGE,
    LABEL,
    ConnectedComponents,
    MergeStarForests,
    OverBudgetError,
    StarForest,
    both_directions,
    component_labels,
    component_sizes,
    neighbor_minimums,
    record_edges,
    relabel_edges,
    relabel_members,
    size_counters,
    two_hop_labels,
)
from transforms.graph.incidence import INCIDENCE

NODES = st.integers(0, 30) | st.sampled_from((1 << 62, (1 << 63) - 1))

EDGES = st.lists(st.tuples(NODES, NODES), max_size=60)


def block(edges):
    return pa.RecordBatch.from_arrays(
        [pa.array([edge[side] for edge in edges], pa.int64()) for side in (0, 1)], schema=EDGE
    )


def expected(edges, *, loops):
    graph = nx.Graph(edges if loops else [(a, b) for a, b in edges if a != b])
    return {node: min(part) for part in nx.connected_components(graph) for node in part}


def labels_of(batches):
    rows = [row for batch in batches for row in batch.to_pylist()]
    labels = {row["node"]: row["label"] for row in rows}
    assert len(labels) == len(rows)
    return labels


@given(EDGES, st.integers(1, 7), st.randoms())
def test_a_forest_merged_in_any_tree_is_that_of_networkx(edges, pieces, random):
    combine = MergeStarForests()
    parts = []
    for start in range(pieces):
        part = combine.create_accumulator()
        for edge in edges[start::pieces]:
            part = combine.add_input(part, block([edge]))
            if random.random() < 0.2:
                part = combine.compact(part)
        parts.append(part)
    random.shuffle(parts)
    while len(parts) > 1:
        parts.append(combine.merge_accumulators([parts.pop(0), parts.pop(0)]))
    assert labels_of(combine.extract_output(parts[0]).labels()) == expected(edges, loops=True)


def one_round(edges):
    """A round as `Contract` does it, every partition at once: (fewer edges, names)."""
    table = pa.Table.from_batches(list(both_directions(block(edges))), EDGE)
    labels, halves = two_hop_labels(neighbor_minimums(table))
    fewer = relabel_edges(halves, labels)
    return list(zip(fewer["a"].to_pylist(), fewer["b"].to_pylist(), strict=True)), labels


@given(EDGES, st.integers(0, 4))
def test_contraction_is_exact_after_any_number_of_rounds(edges, rounds):
    left, members = edges, None
    for _ in range(rounds):
        left, labels = one_round(left)
        members = labels if members is None else relabel_members(members, labels)
    whole = StarForest()
    whole.add(*(column.to_numpy() for column in block(left).columns))
    last = pa.Table.from_batches(list(whole.labels()), LABEL)
    found = last if members is None else relabel_members(members, last)
    assert labels_of(found.to_batches()) == expected(edges, loops=rounds == 0)


@given(EDGES)
def test_a_round_never_makes_a_graph_larger(edges):
    fewer, _ = one_round(edges)
    assert len(fewer) <= len({frozenset(edge) for edge in edges if edge[0] != edge[1]})


def test_a_chain_shrinks_at_least_as_the_plan_counts_on():
    node = np.random.default_rng(3).integers(0, 1 << 63, 20_000).tolist()
    left = list(pairwise(node))
    for _ in range(3):
        fewer, _ = one_round(left)
        assert len(fewer) < len(left) / connected_components.SHRINK_FACTOR
        left = fewer


@pytest.mark.parametrize("rounds", [0, 1, 2])
def test_the_transform_labels_as_scipy_does(rounds):
    rng = np.random.default_rng(8)
    a, b = rng.integers(0, 500, (2, 400))
    by_scipy = component_labels(500, a, b)
    used = np.unique(np.concatenate([a[a != b], b[a != b]]))
    blocks = [block(list(zip(a[i::5].tolist(), b[i::5].tolist(), strict=True))) for i in range(5)]

    def check(found):
        labels = labels_of(found)
        assert {node: labels[node] for node in used.tolist()} == dict(
            zip(used.tolist(), by_scipy[used].tolist(), strict=True)
        )

    with TestPipeline(runner="FnApiRunner") as pipeline:
        edges = pipeline | beam.Create(blocks, reshuffle=False)
        assert_that(edges | ConnectedComponents(rounds), check)


def test_more_than_the_budget_fails_and_says_what_to_do():
    chain = block([(n, n + 1) for n in range(40)])
    combine = MergeStarForests(budget=40)
    with pytest.raises(OverBudgetError, match="more contraction rounds"):
        combine.compact(combine.add_input(combine.create_accumulator(), chain))
    left, _ = one_round([(n, n + 1) for n in range(40)])
    assert combine.compact(combine.add_input(combine.create_accumulator(), block(left))).node.size


def test_rounds_follow_from_the_size():
    assert connected_components.rounds_for(10, 10) == 0
    assert connected_components.rounds_for(11, 10) == 1
    assert connected_components.rounds_for(25, 10) == 1
    assert connected_components.rounds_for(91, 10) == 3


def test_folding_is_not_quadratic(monkeypatch):
    monkeypatch.setattr(connected_components, "MIN_BUFFERED_EDGES", 50)
    folded = []
    plain = StarForest.fold

    def fold(self, budget=connected_components.NODE_BUDGET):
        folded.append(len(self.node) + sum(len(a) for a, _ in self.waiting))
        plain(self, budget)

    monkeypatch.setattr(StarForest, "fold", fold)
    whole = StarForest()
    edges = np.arange(20_000)
    for start in range(0, len(edges), 10):
        whole.add(edges[start : start + 10], edges[start : start + 10] + 1)
    whole.fold()
    assert sum(folded) < 8 * len(edges)


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=30))
def test_the_largest_component_counts_entities_not_records(pairs):
    columns = [
        pa.array([pair[0] for pair in pairs], pa.int64()),
        pa.array([pair[1] for pair in pairs], pa.int64()),
        pa.array([0] * len(pairs), pa.int64()),
        pa.array([0] * len(pairs), pa.int64()).cast(INCIDENCE.field("observed_at").type),
    ]
    edges = record_edges(pa.RecordBatch.from_arrays(columns, schema=INCIDENCE))
    whole = StarForest()
    whole.add(edges["a"].to_numpy(), edges["b"].to_numpy())
    graph = nx.Graph([(("record", group), node) for group, node in pairs])
    parts = [
        [one for one in part if not isinstance(one, tuple)]
        for part in nx.connected_components(graph)
    ]
    whole.fold()
    assert dict(size_counters(component_sizes(whole.node, whole.root))) == {
        ("components", "entities"): sum(map(len, parts)),
        ("components", "components"): len(parts),
        ("components", "largest"): max(map(len, parts), default=0),
    }
