"""The communities of a graph are the same whatever the cache has of its components."""

import hashlib

import networkx as nx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, strategies as st

from schemas.cluster import COMPONENT
from tests.support.examples import draws
from tests.support.graphs import evidence, parts
from transforms.custody import AlteredRunError
from transforms.graph.incidence import cluster_ties
from transforms.graph.leiden import (
    ComponentCache,
    ComponentCommunities,
    ComponentSearch,
    cache_entries,
    cache_rows,
    find_communities,
    read_component_file,
    rounded_density,
)
from transforms.graph.lineage import read_previous_members

HASHES = np.sort(np.random.default_rng(5).integers(0, 2**62, 40))


@st.composite
def records(draw):
    """Records over 40 nodes, most of them within blocks of eight."""
    groups = []
    for _ in range(draw(st.integers(1, 40))):
        block = draw(st.integers(0, 4)) * 8
        ends = draw(st.sets(st.integers(block, block + 7), min_size=2, max_size=4))
        groups.append(ends | draw(st.sets(st.integers(0, 39), max_size=draw(st.integers(0, 1)))))
    return groups


def graph_of(groups, nodes=40):
    return cluster_ties(evidence(groups, nodes), np.arange(nodes))


@draws(100)
@given(records(), st.data(), st.sampled_from((0.01, 0.1, 0.5, 2.0)))
def test_what_an_earlier_day_found_changes_nothing(groups, data, fine):
    first = groups[: data.draw(st.integers(1, len(groups)))]
    day = ComponentCache()
    ComponentSearch(HASHES, day).find_communities(graph_of(first), fine)
    stored = cache_entries(cache_rows(day.used))
    with_it, without = ComponentCache(stored), ComponentCache()
    labels = ComponentSearch(HASHES, with_it).find_communities(graph_of(groups), fine)
    assert (
        labels.tolist()
        == ComponentSearch(HASHES, without).find_communities(graph_of(groups), fine).tolist()
    )
    assert sorted(cache_rows(with_it.used).to_pylist(), key=str) == sorted(
        cache_rows(without.used).to_pylist(), key=str
    )
    assert with_it.taken_over + with_it.clustered == without.clustered
    assert not with_it.refused


@draws(100)
@given(records(), st.sampled_from((0.01, 0.1, 0.5, 2.0)))
def test_a_component_gets_the_same_communities_alone(groups, fine):
    """Each component by itself, with its nodes renumbered, has the same communities."""
    whole = ComponentSearch(HASHES).find_communities(graph_of(groups), fine)
    tied = graph_of(groups)
    plain = nx.Graph(zip(tied.a.tolist(), tied.b.tolist(), strict=True))
    for island in map(sorted, nx.connected_components(plain)):
        number = {node: place for place, node in enumerate(island)}
        inside = [{number[node] for node in group} for group in groups if group & set(island)]
        alone = ComponentSearch(HASHES[island]).find_communities(
            graph_of(inside, len(island)), fine
        )
        assert np.array(island)[alone].tolist() == whole[island].tolist()


@draws(60)
@given(records(), st.floats(0.2, 20))
def test_it_is_as_good_as_a_search_of_all_at_once(groups, resolution):
    """By networkx's modularity, at the same resolution."""
    tied = graph_of(groups)
    fine = rounded_density(tied, resolution)
    plain = nx.Graph()
    plain.add_nodes_from(range(40))
    plain.add_weighted_edges_from(zip(tied.a, tied.b, tied.weight, strict=True))
    resolution = fine * tied.weight.sum()

    def quality(label):
        return nx.community.modularity(plain, parts(label), resolution=resolution)

    apart = quality(ComponentSearch(HASHES).find_communities(tied, fine))
    assert apart >= quality(find_communities(tied, 40, resolution)) - 0.02
    assert apart >= quality(np.arange(40)) - 1e-9


GROUPS = [{0, 1, 2}, {1, 2, 3}, {3, 4, 5}, {4, 5, 6}, {10, 11, 12}, {12, 13}]


def damaged(how):
    """A cache of GROUPS in which one component is wrong."""
    cache = ComponentCache()
    ComponentSearch(HASHES, cache).find_communities(graph_of(GROUPS), 0.1)
    key = max(cache.used, key=lambda key: len(cache.used[key].part))
    right = cache.used[key]
    size = len(right.part)
    wrong = {
        "one part": ComponentCommunities(np.zeros(size, np.int64), right.quality),
        "all apart": ComponentCommunities(np.arange(size), right.quality),
        "too short": ComponentCommunities(right.part[:-1], right.quality),
        "too long": ComponentCommunities(np.append(right.part, 0), right.quality),
        "other quality": ComponentCommunities(right.part, right.quality + 1e-9),
        "no quality": ComponentCommunities(right.part, float("nan")),
    }[how]
    return cache, {**cache.used, key: wrong}


@pytest.mark.parametrize(
    "how", ["one part", "all apart", "too short", "too long", "other quality", "no quality"]
)
def test_an_entry_that_is_no_partition_of_its_component_is_refused(how):
    right, wrong = damaged(how)
    cache = ComponentCache(wrong)
    label = ComponentSearch(HASHES, cache).find_communities(graph_of(GROUPS), 0.1)
    assert (
        label.tolist() == ComponentSearch(HASHES).find_communities(graph_of(GROUPS), 0.1).tolist()
    )
    assert (cache.refused, cache.clustered, cache.taken_over) == (1, 1, len(right.used) - 1)
    assert cache_rows(cache.used).equals(cache_rows(right.used))


@pytest.mark.parametrize("part", [[0, 2, 2], [1, 1], [-1, 0], [0, 0, 1], [0, 5]])
def test_what_names_no_first_members_is_not_known(part):
    row = {"fingerprint": "f", "parts": part, "quality": 1.0}
    assert not cache_entries(pa.Table.from_pylist([row], COMPONENT))


def test_a_file_that_is_not_what_was_written_is_not_read(tmp_path):
    cache = ComponentCache()
    ComponentSearch(HASHES, cache).find_communities(graph_of(GROUPS), 0.1)
    rows = cache_rows(cache.used)
    whole, cut, without_quality, empty = (
        tmp_path / name for name in ("whole", "cut", "other", "empty")
    )
    pq.write_table(rows, whole)
    cut.write_bytes(whole.read_bytes()[:-9])
    pq.write_table(rows.drop_columns("quality"), without_quality)
    empty.write_bytes(b"")
    digests = {path: hashlib.sha256(path.read_bytes()).hexdigest() for path in tmp_path.iterdir()}
    assert read_component_file(str(whole), digests[whole]).equals(rows)
    assert read_component_file(str(cut), digests[whole]) is None
    assert read_component_file(str(tmp_path / "none"), digests[whole]) is None
    bomb = tmp_path / "bomb"
    many = {"fingerprint": ["a"] * 300, "quality": [0.0] * 300}
    packed = pa.table(many | {"parts": [np.zeros(1 << 17, np.int32)] * 300})
    pq.write_table(packed.select(COMPONENT.names).cast(COMPONENT), bomb, compression="zstd")
    digests[bomb] = hashlib.sha256(bomb.read_bytes()).hexdigest()
    with pytest.raises(AlteredRunError, match="more values than rows"):
        list(read_previous_members(str(bomb)))
    for forged in (bomb, cut, without_quality, empty):
        assert read_component_file(str(forged), digests[forged]) is None


def test_other_hashes_or_another_resolution_give_other_fingerprints():
    cache = ComponentCache()
    ComponentSearch(HASHES, cache).find_communities(graph_of(GROUPS), 0.1)
    for hashes, fine in ((HASHES + 1, 0.1), (HASHES, 0.2)):
        other_cache = ComponentCache(cache.used)
        ComponentSearch(hashes, other_cache).find_communities(graph_of(GROUPS), fine)
        assert not other_cache.taken_over
