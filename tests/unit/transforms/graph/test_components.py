"""Components against networkx."""

import networkx as nx
import numpy as np
import pyarrow as pa
from hypothesis import given, strategies as st

from transforms.arrow import component_labels
from transforms.graph.incidence import INCIDENCE, component_counters


@st.composite
def graphs(draw):
    nodes = draw(st.integers(1, 25))
    ends = st.integers(0, nodes - 1)
    return nodes, draw(st.lists(st.tuples(ends, ends), max_size=30))


def label(nodes, edges):
    a, b = (np.array([edge[side] for edge in edges], np.int64) for side in (0, 1))
    return component_labels(nodes, a, b).tolist()


@given(graphs(), st.randoms())
def test_components_are_those_of_networkx(graph, random):
    nodes, edges = graph
    oracle = nx.Graph()
    oracle.add_nodes_from(range(nodes))
    oracle.add_edges_from(edges)
    expected = {node: min(part) for part in nx.connected_components(oracle) for node in part}
    assert label(nodes, edges) == [expected[node] for node in range(nodes)]
    random.shuffle(edges)
    turned = [(b, a) if random.random() < 0.5 else (a, b) for a, b in edges]
    assert label(nodes, turned + edges[:3]) == label(nodes, edges)


def test_more_than_127_parallel_edges_still_join():
    assert label(2, [(0, 1)] * 256) == [0, 0]


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=30))
def test_the_largest_component_counts_entities_not_records(pairs):
    zeros = pa.array(np.zeros(len(pairs), np.int64))
    columns = [pa.array([pair[end] for pair in pairs], pa.int64()) for end in (0, 1)]
    columns += [zeros, zeros.cast(INCIDENCE.field("observed_at").type), zeros]
    columns.append(columns[-2])
    graph = nx.Graph([(("record", group), node) for group, node in pairs])
    parts = [
        [node for node in part if not isinstance(node, tuple)]
        for part in nx.connected_components(graph)
    ]
    counts = (sum(map(len, parts)), len(parts), max(map(len, parts), default=0))
    names = ("entities", "components", "largest")
    counters = dict(component_counters(pa.table(columns, schema=INCIDENCE)))
    assert counters == {
        ("components", name): count for name, count in zip(names, counts, strict=True) if pairs
    }
