"""Records add up to the weights of links; paths and cuts are those of brute force."""

import itertools
import math
from types import SimpleNamespace
from unittest import mock

import networkx as nx
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, strategies as st

from pipelines.simulate.generate import simulate
from pipelines.simulate.world import World
from reports import tables
from reports.link_evidence import (
    gather_evidence,
    parts_by_org,
    path_likelihood,
    precision_of_sources,
    split_at_bridge,
    strongest_path,
)
from schemas.enums import Strength
from schemas.tables import LINKS, MEMBERS
from tests.support.examples import draws
from tests.support.run_pipeline import callbacks, complaint, jsonl, run


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
            assert {mention["entity_id"] for mention in part.mentions} == {
                row["entity_a"],
                row["entity_b"],
            }


def test_one_function_weighs_clusters_links_and_explanations(small, tmp_path):
    """A record that names more than two ties a thousandth: clusters, links and reasons follow."""
    other_run = tmp_path / "run"
    world = small.parent / "world"

    def only_pairs(named, whole=1):
        return np.where(np.asarray(named) == 2, whole, whole / 1000)

    with mock.patch("transforms.graph.link_weights.pair_weight", only_pairs):
        run(other_run, "--complaints", world / "complaints", "--calls", world / "calls")
        links = tables.read_table(other_run, LINKS, where=pc.field("strength") == Strength.HARD)
        rows = links.to_pylist()
        pieces = gather_evidence(
            other_run, {row[end] for row in rows for end in ("entity_a", "entity_b")}
        )
        for row in rows:
            parts = pieces.parts(row["entity_a"], row["entity_b"])
            weight = sum(part.share for part in parts if part.counted)
            assert weight == pytest.approx(row["weight"])
            assert all(part.share == part.people / 1000 for part in parts if part.k > 2)
    weights = [tables.read_table(folder, LINKS)["weight"] for folder in (small, other_run)]
    assert pc.sum(weights[1]).as_py() < pc.sum(weights[0]).as_py()
    sizes = [
        tables.read_table(folder, MEMBERS)["cluster_id"].unique() for folder in (small, other_run)
    ]
    assert len(sizes[1]) > len(sizes[0])


def test_of_two_complaints_of_one_victim_one_counts(tmp_path):
    numbers = callbacks("+18885550123", "+18885550124")
    rows = [
        complaint(number, victim_id=victim, phone_numbers=numbers)
        for number, victim in enumerate(("v1", "v1", "v2"))
    ]
    run(tmp_path / "run", "--complaints", jsonl(tmp_path / "rows.jsonl", rows))
    ends = "phone:+18885550123", "phone:+18885550124"
    parts = gather_evidence(tmp_path / "run", ends).parts(*ends)
    assert [(part.record, part.victim, part.counted) for part in parts] == [
        ("amazon|c0", "amazon|v1", True),
        ("amazon|c1", "amazon|v1", False),
        ("amazon|c2", "amazon|v2", True),
    ]


def test_the_precision_of_sources_is_that_of_the_orgs_asked_for_surest_first():
    right = {("amazon", "web"): 3, ("amazon", "email"): 30, ("bank", "web"): 90}
    tallies = {f"{org}|{channel}|right": count for (org, channel), count in right.items()}
    counted = SimpleNamespace(manifest={"tallies": {"sources": tallies | {"amazon|app|wrong": 9}}})
    rows = precision_of_sources(counted, ["amazon"])
    assert [(row["source_org"], row["channel"]) for row in rows] == [
        ("amazon", "email"),
        ("amazon", "web"),
        ("amazon", "app"),
    ]
    assert [(row["right"], row["wrong"]) for row in rows] == [(30, 0), (3, 0), (0, 9)]
    # Nine wrong: at best 3 in 10 are right. Wilson's interval is z²/(n + z²) at its open end.
    assert [(round(row["low"], 3), round(row["high"], 3)) for row in rows] == [
        (0.886, 1.0),
        (0.438, 1.0),
        (0.0, 0.299),
    ]


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
        (link["entity_a"], link["entity_b"], link["weight"]) for link in links
    )
    return graph


@given(graphs(), st.randoms())
def test_the_path_is_the_likeliest_of_all(links, random):
    graph = as_graph(links)
    likely = [
        math.prod(1 - 2 ** -graph[u][v]["weight"] for u, v in itertools.pairwise(path))
        for path in nx.all_simple_paths(graph, "a", "f")
    ]
    path = strongest_path(links, "a", "f")
    assert bool(path) == bool(likely)
    if path:
        assert math.isclose(path_likelihood(path), max(likely))
        node = "a"
        for link in path:
            assert node in (link["entity_a"], link["entity_b"])
            node = link["entity_b"] if link["entity_a"] == node else link["entity_a"]
        assert node == "f"
    random.shuffle(links)
    assert strongest_path(links, "a", "f") == path


@given(graphs())
def test_cuts_are_the_bridges(links):
    bridges = {tuple(sorted(bridge)) for bridge in nx.bridges(as_graph(links))}
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


LINKS_OF_ORGS = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.sampled_from([(0, 1), (1, 2), (0, 2)]),
        st.sampled_from([True, True, False]),
        st.lists(st.sampled_from(["amazon", "google", "microsoft"]), min_size=1, unique=True),
    ),
    max_size=12,
)


@draws(500)
@given(LINKS_OF_ORGS, st.lists(st.integers(2, 3), min_size=3, max_size=3))
def test_clusters_whole_only_in_the_union_are_those_of_brute_force(rows, sizes):
    starts = np.append(0, np.cumsum(sizes))
    inside = [
        (*(int(starts[cluster]) + end % sizes[cluster] for end in ends), accepted, orgs)
        for cluster, ends, accepted, orgs in rows
    ]
    inside = [link for link in inside if link[0] != link[1]]
    schema = pa.schema(
        [
            ("row_a", pa.int64()),
            ("row_b", pa.int64()),
            ("accepted", pa.bool_()),
            ("orgs", pa.list_(pa.string())),
        ]
    )
    table = pa.Table.from_pylist(
        [dict(zip(schema.names, link, strict=True)) for link in inside], schema
    )
    cluster_of = np.searchsorted(starts, table["row_a"].to_numpy(), "right") - 1
    table = table.append_column("of", pa.array(cluster_of))
    expected = {}
    for cluster, (start, stop) in enumerate(itertools.pairwise(starts.tolist())):

        def parts_of(org=None, members=range(start, stop)):
            graph = nx.Graph()
            graph.add_nodes_from(members)
            graph.add_edges_from(
                (a, b)
                for a, b, accepted, orgs in inside
                if accepted and org in (None, *orgs) and a in members
            )
            sizes = sorted(map(len, nx.connected_components(graph)), reverse=True)
            return [size for size in sizes if size > 1]

        by_org = {org: parts_of(org) for org in ("amazon", "google", "microsoft")}
        whole = [stop - start]
        if parts_of() == whole and whole not in by_org.values():
            expected[cluster] = {org: parts for org, parts in by_org.items() if parts}
    assert parts_by_org(table, starts) == expected
