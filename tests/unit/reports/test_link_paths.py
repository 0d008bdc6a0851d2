"""Strongest paths and cuts against brute force."""

import itertools
import math

import networkx as nx
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.link_evidence import likelihood, sides, strongest_path

NAMES = "abcdef"


PAIRS = list(itertools.combinations(NAMES, 2))


@st.composite
def graphs(draw):
    chosen = draw(st.lists(st.sampled_from(PAIRS), unique=True, max_size=10))
    weights = st.integers(1, 12).map(lambda n: n / 4)
    return [{"entity_a": a, "entity_b": b, "weight": draw(weights)} for a, b in chosen]


def as_graph(links):
    graph = nx.Graph()
    graph.add_nodes_from(NAMES)
    graph.add_weighted_edges_from(
        (one["entity_a"], one["entity_b"], one["weight"]) for one in links
    )
    return graph


@settings(deadline=None)
@given(graphs(), st.randoms())
def test_the_path_is_the_likeliest_of_all(links, random):
    graph = as_graph(links)
    likely = [
        math.prod(1 - 2 ** -graph[u][v]["weight"] for u, v in itertools.pairwise(path))
        for path in nx.all_simple_paths(graph, "a", "f")
    ]
    found = strongest_path(links, "a", "f")
    assert bool(found) == bool(likely)
    if found:
        assert math.isclose(likelihood(found), max(likely))
        at = "a"
        for link in found:
            assert at in (link["entity_a"], link["entity_b"])
            at = link["entity_b"] if link["entity_a"] == at else link["entity_a"]
        assert at == "f"
    random.shuffle(links)
    assert strongest_path(links, "a", "f") == found


@settings(deadline=None)
@given(graphs())
def test_cuts_are_the_bridges(links):
    bridges = {tuple(sorted(one)) for one in nx.bridges(as_graph(links))}
    for link in links:
        parts = sides(NAMES, links, link)
        ends = (link["entity_a"], link["entity_b"])
        assert (parts is not None) == (ends in bridges)
        if parts:
            whole = nx.node_connected_component(as_graph(links), ends[0])
            assert set(parts[0]) | set(parts[1]) == whole
            assert not set(parts[0]) & set(parts[1])
            assert ends[0] in parts[0]
            assert ends[1] in parts[1]
