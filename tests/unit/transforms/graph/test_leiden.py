import networkx as nx
import numpy as np

from tests.support.graphs import evidence, parts
from transforms.graph.incidence import cluster_ties
from transforms.graph.leiden import find_communities


def ring_of_cliques(cliques, size):
    groups = [
        {base + i, base + j}
        for base in range(0, cliques * size, size)
        for i in range(size)
        for j in range(i)
    ]
    groups += [{c * size, ((c + 1) % cliques) * size + 1} for c in range(cliques)]
    return cluster_ties(evidence(groups, cliques * size), np.arange(cliques * size))


def test_leiden_finds_cliques_and_is_repeatable():
    graph = ring_of_cliques(8, 6)
    label = find_communities(graph, 48, 1.0)
    assert parts(label) == {frozenset(range(6 * c, 6 * c + 6)) for c in range(8)}
    assert (find_communities(graph, 48, 1.0) == label).all()


def test_leiden_is_about_as_good_as_networkx_louvain():
    graph = nx.gnm_random_graph(60, 200, seed=3)
    ties = cluster_ties(evidence([set(edge) for edge in graph.edges], 60), np.arange(60))
    ours = nx.community.modularity(graph, parts(find_communities(ties, 60, 1.0)))
    theirs = nx.community.modularity(graph, nx.community.louvain_communities(graph, seed=1))
    assert ours > theirs - 0.03
