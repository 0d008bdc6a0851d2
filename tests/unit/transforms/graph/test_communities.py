import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, strategies as st
from scipy.sparse import csr_array

from tests.support.examples import draws
from tests.support.graphs import evidence, no_epochs, no_lines, no_suppliers, parts
from transforms.graph import communities as recipe
from transforms.graph.communities import detect_communities
from transforms.graph.incidence import INCIDENCE, cluster_ties, incidence_from_rows
from transforms.graph.supplier_likelihood import SupplierCounts

A, B = {0, 1, 2}, {3, 4, 5}


def cluster(groups, nodes, days=None, victims=None, suppliers=None):
    told = evidence(groups, nodes, victims, days)
    held = np.bincount(told.node, minlength=nodes)
    suppliers = suppliers or no_suppliers(nodes)
    return detect_communities(told, suppliers, held, no_lines(nodes), no_epochs())


def test_a_shared_payee_is_one_call_center():
    assert parts(cluster([{0, 3}, {1, 3}, {2, 3}], 4).label) == {frozenset({0, 1, 2, 3})}


def test_a_chain_of_single_records_is_not_torn():
    assert parts(cluster([{n, n + 1} for n in range(20)], 21).label) == {frozenset(range(21))}


@pytest.mark.parametrize("wide", [{0, 3}, A | B, {0, 1, 3}, A | B | {6}])
def test_one_record_cannot_join_two_established_clusters(wide):
    groups = [A, B] * 6 + [wide]
    label = cluster(groups, 7).label
    assert label[0] == label[1] == label[2]
    assert label[3] == label[4] == label[5]
    assert label[0] != label[3]


@given(st.data())
@draws(60)
def test_one_record_cannot_join_whatever_its_width_and_time(data):
    size = data.draw(st.integers(2, 5))
    ring_a, ring_b = set(range(size)), set(range(size, 2 * size))
    reports = data.draw(st.integers(4, 12))
    wide = data.draw(st.sets(st.integers(0, 2 * size + 2), min_size=2))
    days = [data.draw(st.integers(0, 60)) for _ in range(2 * reports)] + [30]
    label = cluster([ring_a, ring_b] * reports + [wide], 2 * size + 3, days).label
    assert len(set(label[:size].tolist())) == 1
    assert len(set(label[size : 2 * size].tolist())) == 1
    assert label[0] != label[size]


@pytest.mark.parametrize("wide", [{0, 1, 4, 5, 6, 7, 8}, {0, 1, 2, 3, 4, 5, 8}])
def test_a_wide_record_makes_no_hubs_of_a_small_ring(wide):
    rings = [{0, 1, 2, 3}, {4, 5, 6, 7}]
    clustered = cluster(rings * 5 + [wide], 11, [0] * 10 + [30])
    assert not clustered.hub.any()
    assert {frozenset(ring) for ring in rings} <= {part - {8} for part in parts(clustered.label)}


def test_a_lone_identifier_seen_once_attaches():
    label = cluster([A] * 6 + [B] * 6 + [{0, 6}], 7).label
    assert label[6] == label[0] != label[3]


def test_several_victims_who_name_both_at_the_same_time_join_them():
    groups = [A, B] * 6 + [{0, 3}, {1, 4}, {2, 5}, {0, 4}, {1, 5}, {2, 3}]
    assert len(set(cluster(groups, 6).label.tolist())) == 1


def test_one_victim_who_reports_often_is_one_victim():
    groups = [A, B] * 6 + [{0, 3}] * 5
    victims = [*range(12), 99, 99, 99, 99, 99]
    label = cluster(groups, 6, victims=victims).label
    assert label[0] != label[3]


def test_a_mule_of_two_rings_joins_neither_to_the_other():
    ring = 8
    rng = np.random.default_rng(1)
    groups, days = [], []
    for day in range(60):
        for base in (0, ring):
            members = rng.choice(ring, 2, replace=False) + base
            groups.append(set(members.tolist()))
            days.append(day)
            if day % 6 == 0:
                groups.append({int(members[0]), 2 * ring})
                days.append(day)
    label = cluster(groups, 2 * ring + 1, days).label
    assert len(set(label[:ring].tolist())) == 1
    assert len(set(label[ring : 2 * ring].tolist())) == 1
    assert label[0] != label[ring]


@pytest.mark.parametrize("rate", [0.1, 0.3, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("rings", [4, 6, 20])
def test_a_hub_seen_with_everybody_is_set_aside(rate, rings):
    """Also where it is named in every record, and so in one community with everything."""
    rng = np.random.default_rng(2)
    hub, groups = 5 * rings, []
    for _ in range(40):
        for ring in range(rings):
            named = set((rng.choice(5, 2, replace=False) + 5 * ring).tolist())
            groups.append(named | {hub} if rng.random() < rate else named)
    clustered = cluster(groups, hub + 1)
    assert np.flatnonzero(clustered.hub).tolist() == [hub]
    assert len(parts(clustered.label)) == rings + 1
    assert clustered.spread[hub] > 0.5


@pytest.mark.parametrize("leaves", [3, 12, 40])
def test_the_middle_of_a_star_is_no_hub(leaves):
    """A payee whom every number of a ring names: without it they are nobody's."""
    clustered = cluster([{n, leaves} for n in range(leaves)] * 8, leaves + 1)
    assert not clustered.hub.any()
    assert len(parts(clustered.label)) == 1


def test_a_number_hands_over_to_the_next():
    """Two halves of one ring's life share little, but what they share is all there is."""
    groups = [A] * 8 + [B] * 8 + [{0, 3}, {1, 4}]
    days = [*range(8), *range(9, 17), 8, 8]
    assert len(set(cluster(groups, 6, days).label.tolist())) == 1


def test_suppliers_that_agree_let_one_record_tell_a_handover():
    groups = [A] * 8 + [B] * 8 + [{0, 3}]
    days = [*range(8), *range(10, 18), 9]
    alike = np.zeros((12, 8))
    alike[:6, 0] = 4
    alike[6:, 1:] = 4
    unlike = alike.copy()
    unlike[3:6] = [0, 9, 0, 0, 0, 0, 0, 0]

    def together(*kinds):
        clustered = cluster(
            groups, 12, days, suppliers=SupplierCounts(tuple(map(csr_array, kinds)))
        )
        return clustered.label[0] == clustered.label[3]

    assert together(alike, alike)
    assert not together(alike)  # one kind alone: every eighth customer has that trunk
    assert not together(alike, unlike)
    assert not together(unlike, unlike)


def test_suppliers_that_disagree_keep_apart_what_several_victims_name():
    groups = [A] * 8 + [B] * 8 + [{0, 3}, {1, 4}]
    days = [*range(8), *range(9, 17), 8, 8]
    unlike = np.zeros((12, 8))
    unlike[:3, 0] = unlike[3:6, 1] = unlike[6:, 2] = 8
    label = cluster(groups, 12, days, suppliers=SupplierCounts((csr_array(unlike),) * 2)).label
    assert label[0] != label[3]


@given(st.randoms(use_true_random=False))
@draws(10)
def test_order_of_the_rows_does_not_matter(rng):
    """Groups and nodes are numbered by their hashes, so the rows may come in any order."""
    rows = [
        {"group": 7 * group, "node": node, "victim": group, "observed_at": group * 10**11}
        for group in range(80)
        for node in rng.sample(range(30), rng.randint(1, 4))
    ]
    results = []
    for _ in range(2):
        rng.shuffle(rows)
        evidence = incidence_from_rows(pa.Table.from_pylist(rows, INCIDENCE), np.arange(30))
        held = np.bincount(evidence.node, minlength=30)
        results.append(
            detect_communities(evidence, no_suppliers(30), held, no_lines(30), no_epochs())
        )
    assert results[0].label.tolist() == results[1].label.tolist()
    assert results[0].hub.tolist() == results[1].hub.tolist()


def test_a_loose_end_does_not_follow_where_suppliers_disagree():
    """A tree of single records beside a ring: one call center, unless its calls say two."""
    tree = [{n, n + 1} for n in range(3, 12)]
    groups = [A] * 6 + tree + [{0, 3}]
    records = np.zeros((30, 12))
    records[[0, 1, 2], 0] = records[3:13, 1] = 12
    records[np.arange(13, 23), np.arange(2, 12)] = 30
    unlike = SupplierCounts((csr_array(records),) * 2)
    assert cluster(groups, 30).label[3] == cluster(groups, 30).label[0]
    label = cluster(groups, 30, suppliers=unlike).label
    assert label[0] == label[1] == label[2] != label[3]


def test_a_few_records_that_mislead_make_no_hub_of_what_one_ring_holds():
    """Three of its five records with ties name other rings too, and nobody else is misled."""
    rings = [set(range(base, base + 4)) for base in range(0, 80, 4)]
    groups = [ring for ring in rings for _ in range(8)]
    groups += [{0, 80}, {0, 80}, {0, 9}, {0, 21}, {0, 33}, {80}, {80}]
    assert not cluster(groups, 81).hub.any()


@given(st.lists(st.integers(1, 19), min_size=1, max_size=8))
@example([4, 5])
@example([1, 2, 6])
def test_a_half_of_the_ties_is_exactly_that(beside):
    most = max(beside)
    left, right = range(1, most + 1), range(most + 1, 2 * most + 1)
    groups = [{0, *side[:count]} for count in beside for side in (left, right)]
    label = np.array([0, *[1] * most, *[most + 1] * most])
    graph = cluster_ties(evidence(groups, len(label)), np.arange(len(label)))
    spread, weight = recipe.spread_by_node(graph, label)
    assert spread[0] == recipe.HUB_SHARE
    assert weight[0] == pytest.approx(len(groups))


def test_what_fits_nowhere_is_a_hub_though_it_was_seen_little():
    rings = [set(range(base, base + 4)) for base in range(0, 80, 4)]
    groups = [ring for ring in rings for _ in range(8)]
    groups += [{80, 4 * ring} for ring in range(8)]
    assert np.flatnonzero(cluster(groups, 81).hub).tolist() == [80]
