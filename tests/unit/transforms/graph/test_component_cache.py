"""Whatever was known before, the islands of a graph are found to be the same."""

import hashlib

import networkx as nx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.component import ISLAND
from tests.support.graphs import evidence, parts
from transforms.graph.incidence import ties
from transforms.graph.leiden import (
    Island,
    Islands,
    Memo,
    Split,
    density,
    known,
    leiden,
    read_islands,
    told,
)

HASHES = np.sort(np.random.default_rng(5).integers(0, 2**62, 40))


@st.composite
def records(draw):
    """Records over 40 nodes, most of them within blocks of eight."""
    found = []
    for _ in range(draw(st.integers(1, 40))):
        block = draw(st.integers(0, 4)) * 8
        ends = draw(st.sets(st.integers(block, block + 7), min_size=2, max_size=4))
        found.append(ends | draw(st.sets(st.integers(0, 39), max_size=draw(st.integers(0, 1)))))
    return found


def graph_of(groups, nodes=40):
    return ties(evidence(groups, nodes), np.arange(nodes))


@settings(deadline=None, max_examples=100)
@given(records(), st.data(), st.sampled_from((0.01, 0.1, 0.5, 2.0)))
def test_what_an_earlier_day_found_changes_nothing(groups, data, fine):
    first = groups[: data.draw(st.integers(1, len(groups)))]
    day = Memo()
    Islands(HASHES, day).leiden(graph_of(first), fine)
    stored = known(told(day.met))
    with_it, without = Memo(stored), Memo()
    found = Islands(HASHES, with_it).leiden(graph_of(groups), fine)
    assert found.tolist() == Islands(HASHES, without).leiden(graph_of(groups), fine).tolist()
    assert sorted(told(with_it.met).to_pylist(), key=str) == sorted(
        told(without.met).to_pylist(), key=str
    )
    assert with_it.taken_over + with_it.clustered == without.clustered
    assert not with_it.refused


@settings(deadline=None, max_examples=100)
@given(records(), st.sampled_from((0.01, 0.1, 0.5, 2.0)))
def test_an_island_is_what_it_is_alone_among_other_numbers(groups, fine):
    """Each component by itself, with its nodes renumbered, has the same communities."""
    whole = Islands(HASHES).leiden(graph_of(groups), fine)
    tied = graph_of(groups)
    plain = nx.Graph(zip(tied.a.tolist(), tied.b.tolist(), strict=True))
    for island in map(sorted, nx.connected_components(plain)):
        number = {node: at for at, node in enumerate(island)}
        inside = [{number[one] for one in group} for group in groups if group & set(island)]
        alone = Islands(HASHES[island]).leiden(graph_of(inside, len(island)), fine)
        assert np.array(island)[alone].tolist() == whole[island].tolist()


@settings(deadline=None, max_examples=60)
@given(records(), st.floats(0.2, 20))
def test_it_is_as_good_as_a_search_of_all_at_once(groups, resolution):
    """By networkx's modularity, at the same resolution."""
    tied = graph_of(groups)
    fine = density(tied, resolution)
    plain = nx.Graph()
    plain.add_nodes_from(range(40))
    plain.add_weighted_edges_from(zip(tied.a, tied.b, tied.weight, strict=True))
    resolution = fine * tied.weight.sum()

    def quality(label):
        return nx.community.modularity(plain, parts(label), resolution=resolution)

    apart = quality(Islands(HASHES).leiden(tied, fine))
    assert apart >= quality(leiden(tied, 40, resolution)) - 0.02
    assert apart >= quality(np.arange(40)) - 1e-9


@settings(deadline=None, max_examples=60)
@given(records(), st.sampled_from((0.1, 0.5)))
def test_the_quality_of_islands_adds_up_to_modularity(groups, fine):
    tied = graph_of(groups)
    split = Split.of(tied)
    memo = Memo()
    label = Islands(HASHES, memo).leiden(tied, fine)
    place = {node: at for at, node in enumerate(split.node.tolist())}
    part = np.array([place[one] for one in label[split.node].tolist()])
    plain = nx.Graph()
    plain.add_weighted_edges_from(zip(tied.a, tied.b, tied.weight, strict=True))
    whole = tied.weight.sum()
    named = parts(label) - {frozenset({one}) for one in range(40) if one not in plain}
    expected = nx.community.modularity(plain, named, resolution=fine * whole)
    assert split.quality(part, fine).sum() / whole == pytest.approx(expected)


@pytest.mark.parametrize(("fine", "together"), [(1.9, True), (2.1, False)])
def test_two_nodes_are_decided_as_the_search_would(fine, together):
    tied = graph_of([{0, 1}], 2)
    label = Islands(HASHES[:2]).leiden(tied, fine)
    assert (label[0] == label[1]) == together
    assert parts(label) == parts(leiden(tied, 2, fine * tied.weight.sum()))


def test_the_resolution_is_rounded_so_that_a_day_seldom_moves_it():
    tied = graph_of([{0, 1}, {1, 2}])
    steps = {density(tied, resolution) for resolution in np.linspace(4, 8, 400)}
    assert len(steps) == 5
    assert density(graph_of([]), 8.0) == 0.0


GROUPS = [{0, 1, 2}, {1, 2, 3}, {3, 4, 5}, {4, 5, 6}, {10, 11, 12}, {12, 13}]


def damaged(how):
    """What is known of GROUPS, one island told wrongly."""
    memo = Memo()
    Islands(HASHES, memo).leiden(graph_of(GROUPS), 0.1)
    key = max(memo.met, key=lambda key: len(memo.met[key].part))
    right = memo.met[key]
    size = len(right.part)
    wrong = {
        "one part": Island(np.zeros(size, np.int64), right.quality),
        "all apart": Island(np.arange(size), right.quality),
        "too short": Island(right.part[:-1], right.quality),
        "too long": Island(np.append(right.part, 0), right.quality),
        "other quality": Island(right.part, right.quality + 1e-9),
        "no quality": Island(right.part, float("nan")),
    }[how]
    return memo, {**memo.met, key: wrong}


@pytest.mark.parametrize(
    "how", ["one part", "all apart", "too short", "too long", "other quality", "no quality"]
)
def test_what_is_no_partition_of_its_island_is_refused(how):
    right, wrong = damaged(how)
    memo = Memo(wrong)
    label = Islands(HASHES, memo).leiden(graph_of(GROUPS), 0.1)
    assert label.tolist() == Islands(HASHES).leiden(graph_of(GROUPS), 0.1).tolist()
    assert (memo.refused, memo.clustered, memo.taken_over) == (1, 1, len(right.met) - 1)
    assert told(memo.met).equals(told(right.met))


@pytest.mark.parametrize("part", [[0, 2, 2], [1, 1], [-1, 0], [0, 0, 1], [0, 5]])
def test_what_names_no_first_members_is_not_known(part):
    row = {"fingerprint": "f", "parts": part, "quality": 1.0}
    assert not known(pa.Table.from_pylist([row], ISLAND))


def test_what_is_told_is_known():
    memo = Memo()
    Islands(HASHES, memo).leiden(graph_of(GROUPS), 0.1)
    again = known(told(memo.met))
    assert list(again) == list(memo.met)
    for key, one in again.items():
        assert one.part.tolist() == memo.met[key].part.tolist()
        assert one.quality == memo.met[key].quality
    assert told({}).num_rows == 0


def test_a_file_that_is_not_what_was_written_is_not_read(tmp_path):
    memo = Memo()
    Islands(HASHES, memo).leiden(graph_of(GROUPS), 0.1)
    rows = told(memo.met)
    whole, cut, other, empty = (tmp_path / name for name in ("whole", "cut", "other", "empty"))
    pq.write_table(rows, whole)
    cut.write_bytes(whole.read_bytes()[:-9])
    pq.write_table(rows.drop_columns("quality"), other)
    empty.write_bytes(b"")
    digests = {one: hashlib.sha256(one.read_bytes()).hexdigest() for one in tmp_path.iterdir()}
    assert read_islands(str(whole), digests[whole]).equals(rows)
    assert read_islands(str(cut), digests[whole]) is None
    assert read_islands(str(tmp_path / "none"), digests[whole]) is None
    for forged in (cut, other, empty):
        assert read_islands(str(forged), digests[forged]) is None


def test_other_hashes_or_another_resolution_are_other_islands():
    memo = Memo()
    Islands(HASHES, memo).leiden(graph_of(GROUPS), 0.1)
    for hashes, fine in ((HASHES + 1, 0.1), (HASHES, 0.2)):
        other = Memo(memo.met)
        Islands(hashes, other).leiden(graph_of(GROUPS), fine)
        assert not other.taken_over
