"""Records add up to the weights of links; paths and cuts are those of brute force."""

import itertools
import math

import networkx as nx
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings, strategies as st

from pipelines.simulate.generate import simulate
from pipelines.simulate.world import World
from reports import tables
from reports.link_evidence import gather_evidence, path_likelihood, split_at_bridge, strongest_path
from schemas.enums import Strength
from schemas.tables import LINKS
from tests.support.run_pipeline import run


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("parts")
    simulate(World(seed=11, complaints=150, operations=5), folder / "world")
    world = folder / "world"
    run(folder / "run", "--complaints", world / "complaints", "--calls", world / "calls")
    return folder / "run"


def test_the_parts_of_every_hard_link_make_its_weight(small):
    links = tables.read_table(small, LINKS, where=pc.field("strength") == Strength.HARD).to_pylist()
    pieces = gather_evidence(small, {row[end] for row in links for end in ("entity_a", "entity_b")})
    assert len(links) > 50
    for row in links:
        parts = pieces.parts(row["entity_a"], row["entity_b"])
        weight = sum(round(part.share * 1_000_000) for part in parts if part.counted) / 1_000_000
        assert weight == row["weight"], row
        assert len({part.victim for part in parts if part.counted}) == sum(
            part.counted for part in parts
        )
        if row["records"] == len(row["record_ids"]):  # which has the soft ones, too
            assert {part.record for part in parts} <= set(row["record_ids"])
        for part in parts:
            assert {one["entity_id"] for one in part.mentions} == {row["entity_a"], row["entity_b"]}


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
        assert math.isclose(path_likelihood(found), max(likely))
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
        parts = split_at_bridge(NAMES, links, link)
        ends = (link["entity_a"], link["entity_b"])
        assert (parts is not None) == (ends in bridges)
        if parts:
            whole = nx.node_connected_component(as_graph(links), ends[0])
            assert set(parts[0]) | set(parts[1]) == whole
            assert not set(parts[0]) & set(parts[1])
            assert ends[0] in parts[0]
            assert ends[1] in parts[1]
