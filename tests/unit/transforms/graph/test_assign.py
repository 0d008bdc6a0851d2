"""The global step: each infrastructure entity in one cluster that is named after its anchor."""

from datetime import timedelta
from unittest import mock

import apache_beam as beam
import pyarrow as pa
import pytest
from apache_beam.pvalue import AsSingleton
from hypothesis import given, strategies as st

from schemas.decision import DecisionKind
from schemas.enums import Role, Status
from tests.support.examples import draws
from tests.support.graphs import classify_evidence
from tests.support.made_up_evidence import DAY, classified, piece, records
from transforms.arrow import hash_text
from transforms.decisions import NO_DECISIONS, Decision, DecisionsInForce
from transforms.engine import MAIN
from transforms.extract.allowlist import parse_allowlist
from transforms.graph import assign
from transforms.graph.assign import (
    CACHE_COUNTERS,
    COMPONENTS,
    COUNTERS,
    NODE,
    AssignClusters,
    assign_clusters,
    entity_nodes,
)
from transforms.graph.incidence import (
    INCIDENCE,
    VICTIM_REACH,
    hard_evidence,
    incidences,
    victim_reach,
)
from transforms.graph.link_weights import MAX_HARD_ENTITIES, build_links, sum_pairs as add_up_pairs
from transforms.graph.links import pair_entities
from transforms.graph.supplier_likelihood import SUPPLIER_USE, supplier_use
from transforms.local import LocalExecutor

NOBODY = parse_allowlist("entity_id,reason\n", "none.csv")


def clustered(rows):
    result = classify_evidence(classified(rows).drop_columns("status"), NOBODY)
    nodes = [entity_nodes(batch) for batch in result.entities.combine_chunks().to_batches()]
    links = (
        build_links(add_up_pairs(pair_entities(result.mentions)[0])).combine_chunks().to_batches()
    )
    return result, assign_clusters(
        pa.Table.from_batches(nodes, NODE),
        incidences(hard_evidence(result.mentions), MAX_HARD_ENTITIES),
        pa.Table.from_batches([supplier_use(batch) for batch in links], SUPPLIER_USE),
        victim_reach(hard_evidence(result.mentions)),
    )


@draws(50)
@given(records(), st.randoms())
def test_exactly_the_infrastructure_is_assigned_in_any_order(rows, random):
    result, assigned = clustered(rows)
    infrastructure = [
        row for row in result.entities.to_pylist() if row["status"] == Status.INFRASTRUCTURE
    ]
    nodes = hash_text(pa.array([row["entity_id"] for row in infrastructure], pa.string()))
    assert assigned["node"].to_pylist() == sorted(nodes.tolist())
    assert set(assigned["cluster"].to_pylist()) <= set(nodes.tolist())
    first_seen = dict(
        zip(nodes.tolist(), (row["first_seen"] for row in infrastructure), strict=True)
    )
    members = {}
    for row in assigned.to_pylist():
        members.setdefault(row["cluster"], []).append(row["node"])
    for anchor, grouped in members.items():
        assert anchor == min(grouped, key=lambda node: (first_seen[node], node))
    random.shuffle(rows)
    assert clustered(rows)[1] == assigned


def rings(count):
    return [
        piece(f"phone:+1888{ring:03d}{n:04d}", Role.CALLBACK, f"c{ring}-{m}", observed_at=seen)
        for ring in range(count)
        for m in range(4)
        for n, seen in enumerate((DAY, DAY - timedelta(days=1), DAY))
    ]


@pytest.mark.parametrize("count", [1, 2, 5, 30])
def test_what_is_always_named_together_is_one_cluster_named_after_the_oldest(count):
    _, assigned = clustered(rings(count))
    second = hash_text(pa.array([f"phone:+1888{ring:03d}0001" for ring in range(count)]))
    assert sorted(assigned["cluster"].to_pylist()) == sorted(second.tolist() * 3)
    assert not any(assigned["hub"].to_pylist())


def test_one_reporter_makes_no_hub_however_many_complaints_he_files():
    honest = [
        piece(f"phone:+1888{ring:03d}{n:04d}", Role.CALLBACK, f"c{ring}-{m}")
        for ring in range(30)
        for m in range(8)
        for n in range(3)
    ]
    number = "phone:+18880000000"
    lies = [
        piece(entity, Role.CALLBACK, f"lie{ring}-{n}", victim_key="amazon|liar")
        for ring in range(1, 30)
        for n in range(3)
        for entity in (number, f"phone:+1888{ring:03d}{n:04d}")
    ]
    _, before = clustered(honest)
    _, after = clustered(honest + lies)
    assert after.select(["node", "cluster", "hub"]) == before.select(["node", "cluster", "hub"])


def test_links_that_analysts_decide_are_looked_up_without_reading_all_nodes_for_each():
    ids = [f"phone:+1{number:07}" for number in range(4_000)]
    hashes = hash_text(pa.array(ids))
    columns = dict.fromkeys(("node", "known", "bare"), hashes) | {"first_seen": [DAY] * len(ids)}
    columns |= dict.fromkeys(("reporters", "reported_by"), [1] * len(ids))
    columns |= dict.fromkeys(("phone", "private", "site"), [False] * len(ids))
    decided = DecisionsInForce(
        binding=tuple(
            Decision(f"d{number}", kind, *ends, "anna", "same payee", DAY, None)
            for number, ends in enumerate(zip(ids[::2], ids[1::2], strict=True))
            for kind in [DecisionKind.CANNOT_LINK if number % 2 else DecisionKind.MUST_LINK]
        )
    )
    nothing = [schema.empty_table() for schema in (INCIDENCE, SUPPLIER_USE, VICTIM_REACH)]
    with mock.patch.object(assign, "hash_text", wraps=hash_text) as lookups:
        assigned = assign_clusters(pa.table(columns, NODE), *nothing, decided)
    assert lookups.call_count < 10, "each pair was looked up by itself"
    cluster = dict(zip(assigned["node"].to_pylist(), assigned["cluster"].to_pylist(), strict=True))
    joined = [cluster[a] == cluster[b] for a, b in zip(hashes[::2], hashes[1::2], strict=True)]
    assert joined == [number % 2 == 0 for number in range(len(joined))]


def test_hashes_that_collide_stop_the_run():
    row = {"node": 7, "bare": 7, "first_seen": DAY, "reporters": 1, "reported_by": 1}
    nodes = pa.Table.from_pylist(
        [row | {"phone": False, "private": False, "site": False}] * 2, NODE
    )
    with pytest.raises(ValueError, match="share a 63-bit hash"):
        assign_clusters(
            nodes, INCIDENCE.empty_table(), SUPPLIER_USE.empty_table(), VICTIM_REACH.empty_table()
        )


def private_line(*records, calls=()):
    """A ring whose members many victims name, and a line of its own kind named in some records."""
    line, ring = (
        "phone:+12125550199",
        ("phone:+18885550100", "account:iban:DE1", "domain:a.support"),
    )
    told = [
        piece(entity_id, Role.PAYEE, f"c{record}", line_type="toll_free")
        for record in range(6)
        for entity_id in ring
    ]
    told += [piece(line, Role.CALLBACK, record, line_type="fixed_line") for record in records]
    told += [
        piece(line, Role.CALLBACK, f"k{record}", group_id=f"amazon|{record}") for record in calls
    ]
    _, assigned = clustered(told)
    node = int(hash_text(pa.array([line]))[0])
    row = next(row for row in assigned.to_pylist() if row["node"] == node)
    return len(set(assigned["cluster"].to_pylist())) == 1, row["doubted"]


def test_a_private_line_is_no_member_on_one_victims_word():
    assert private_line("c0") == (False, True)


def test_three_victims_beside_another_number_or_a_call_make_it_one():
    assert private_line("c0", "c1") == (False, True)
    assert private_line("c0", "c1", "c2") == (True, False)
    assert private_line("c0", calls=("c0",)) == (True, False)


def test_a_tick_takes_over_what_the_one_before_met():
    """The same rows at the next tick need no search, and give the same."""
    result, alone = clustered(rings(4))
    shown = hard_evidence(result.mentions)
    inputs = {
        "entities": result.entities.combine_chunks().to_batches(),
        "named": incidences(hard_evidence(result.mentions), MAX_HARD_ENTITIES)
        .combine_chunks()
        .to_batches(),
        "links": build_links(add_up_pairs(pair_entities(result.mentions)[0]))
        .combine_chunks()
        .to_batches(),
        "reached": victim_reach(shown).combine_chunks().to_batches(),
        "known": [],
    }
    pipeline = beam.Pipeline()
    start = pipeline | beam.Impulse()
    rows = {name: start | name >> beam.FlatMap(_these, batches) for name, batches in inputs.items()}
    decided = start | "Decided" >> beam.FlatMap(_these, [NO_DECISIONS])
    outputs = rows | AssignClusters(AsSingleton(decided), start)
    heard = {name: _ReceivedCounters() for name in (MAIN, COMPONENTS, COUNTERS, CACHE_COUNTERS)}
    for name, receiver in heard.items():
        _ = outputs[name] | f"Hear {name}" >> beam.ParDo(receiver)
    steps = LocalExecutor(pipeline)
    ticks = []
    for _ in range(2):
        steps.run(b"")
        ticks.append({name: receiver.taken() for name, receiver in heard.items()})
    first, second = ticks
    assert first[MAIN] == second[MAIN] == [alone]
    assert first[COMPONENTS] == second[COMPONENTS]
    islands = sum(batch.num_rows for batch in first[COMPONENTS])
    assert islands
    nothing = {("islands", name): 0 for name in ("clustered", "taken_over", "refused")}
    assert dict(first[CACHE_COUNTERS]) == nothing | {("islands", "clustered"): islands}
    assert dict(second[CACHE_COUNTERS]) == nothing | {("islands", "taken_over"): islands}
    assert first[COUNTERS] == second[COUNTERS]


def _these(_, values):
    return values


class _ReceivedCounters(beam.DoFn):
    def __init__(self):
        self._values = []

    def process(self, value):
        self._values.append(value)

    def taken(self):
        values, self._values = self._values, []
        return values
