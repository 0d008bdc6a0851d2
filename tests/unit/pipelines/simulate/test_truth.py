"""Truth holds what evidence ties, and nothing else; against networkx."""

from collections import defaultdict

import networkx as nx
from hypothesis import given, strategies as st

from pipelines.simulate.world import RingPlan, Ties

OWNERS = {f"id-{n}": f"ring-{n % 3}" for n in range(15)}

SHARED = frozenset({"id-0", "id-4"})

RECORDS = st.lists(st.lists(st.sampled_from([*OWNERS, "nobody's"]), max_size=5), max_size=20)


def rows(records):
    ties = Ties(RingPlan((), (), OWNERS, SHARED))
    for record in records:
        ties.add(record)
    return list(ties.rows())


@given(RECORDS)
def test_operations_are_the_largest_components_of_each_rings_own_records(records):
    graph, sure = nx.Graph(), set()
    for record in records:
        by_ring = defaultdict(list)
        for entity_id in record:
            if entity_id in OWNERS and entity_id not in SHARED:
                by_ring[OWNERS[entity_id]].append(entity_id)
        for held in by_ring.values():
            nx.add_path(graph, held)
        if len(by_ring) == 1 and any(len(set(held)) > 1 for held in by_ring.values()):
            sure.update(*by_ring.values())
    operations = defaultdict(set)
    for entity_id, operation in rows(records):
        operations[operation].add(entity_id)
        assert operation == OWNERS[entity_id]
    parts = [part & sure for part in nx.connected_components(graph) if part & sure]
    assert set(operations) == {OWNERS[entity_id] for part in parts for entity_id in part}
    for ring, members in operations.items():
        of_ring = [part for part in parts if OWNERS[next(iter(part))] == ring]
        assert members in of_ring
        assert len(members) == max(map(len, of_ring))


@given(RECORDS, st.randoms(use_true_random=False))
def test_order_of_records_does_not_matter(records, rng):
    shuffled = [rng.sample(record, len(record)) for record in rng.sample(records, len(records))]
    assert rows(shuffled) == rows(records) == sorted(rows(records))
