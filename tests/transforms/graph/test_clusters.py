"""What a cluster amounts to: its weak points by brute force, its losses exactly."""

from datetime import timedelta
from decimal import Decimal, localcontext

import networkx as nx
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.cluster import CLUSTER, MEMBER
from schemas.kinds import Status
from tests.transforms.made_up_evidence import DAY, MONEY
from transforms.graph.cluster_records import CLUSTER_RECORD
from transforms.graph.clusters import WEAKEST, confidence, exact_sum, shape, summarise
from transforms.graph.decide import CLUSTER_LINK, MEMBERSHIP

NAMES = tuple(f"phone:+1888555010{digit}" for digit in range(8))


@st.composite
def connected(draw):
    """A connected graph on some of NAMES: members, and links with weights."""
    members = NAMES[: draw(st.integers(1, len(NAMES)))]
    pairs = {(members[draw(st.integers(0, n - 1))], members[n]) for n in range(1, len(members))}
    more = st.tuples(st.sampled_from(members), st.sampled_from(members))
    pairs |= {
        tuple(sorted(pair)) for pair in draw(st.lists(more, max_size=6)) if len(set(pair)) > 1
    }
    weights = st.integers(1, 5).map(lambda n: n / 2)
    return members, [
        {"entity_a": a, "entity_b": b, "weight": draw(weights)} for a, b in sorted(pairs)
    ]


def pieces(members, links):
    graph = nx.Graph()
    graph.add_nodes_from(members)
    graph.add_edges_from((link["entity_a"], link["entity_b"]) for link in links)
    return list(nx.connected_components(graph))


@settings(deadline=None)
@given(connected(), st.randoms())
def test_weak_points_are_those_whose_removal_splits(graph, random):
    members, links = graph
    found = shape(members, links)
    for one in members:
        rest = [other for other in members if other != one]
        left = [link for link in links if one not in (link["entity_a"], link["entity_b"])]
        assert (one in found.cut_vertices) == (len(pieces(rest, left)) > 1)
        tied = [link["weight"] for link in links if one in (link["entity_a"], link["entity_b"])]
        assert found.tie[one] == pytest.approx(sum(tied))
    bridges = []
    for link in links:
        parts = pieces(members, [other for other in links if other is not link])
        if len(parts) > 1:
            bridges.append(link | {"smaller_side": min(map(len, parts))})
    bridges.sort(key=lambda link: (link["weight"], link["entity_a"], link["entity_b"]))
    assert list(found.bridges) == bridges[:WEAKEST]
    random.shuffle(links)
    assert shape(random.sample(members, len(members)), links) == found


def membership(entity, cluster="c-1", **fields):
    return {
        "entity_id": entity,
        "kind": "phone",
        "value": entity.partition(":")[2],
        "first_seen": DAY,
        "last_seen": DAY,
        "complaints": 1,
        "calls": 0,
        "victims": 0,
        "orgs": ["amazon"],
        "status": str(Status.INFRASTRUCTURE),
        "reason": "",
        "cluster_id": cluster,
        "role": "callback",
        "held": 1,
    } | fields


RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            "record_kind": st.sampled_from(("complaint", "call")),
            "source_org": st.sampled_from(("amazon", "microsoft")),
            "observed_at": st.integers(0, 9).map(lambda days: DAY + timedelta(days)),
            "victim_key": st.none() | st.sampled_from(("amazon|v1", "amazon|v2")),
            "victim_country": st.none() | st.sampled_from(("US", "DE", "AU")),
            "brand": st.none() | st.sampled_from(("amazon", "irs")),
            "loss_amount": st.none() | st.integers(0, 10**31 - 1).map(lambda n: n * MONEY),
            "loss_currency": st.none() | st.sampled_from(("USD", "EUR")),
        }
    ),
    min_size=1,
    max_size=8,
)


def tables(graph, rows):
    members, links = graph
    numbered = [row | {"cluster_id": "c-1", "record_id": f"r{n}"} for n, row in enumerate(rows)]
    return (
        pa.Table.from_pylist([membership(one) for one in members], MEMBERSHIP),
        pa.Table.from_pylist([link | {"cluster_id": "c-1"} for link in links], CLUSTER_LINK),
        pa.Table.from_pylist(numbered, CLUSTER_RECORD),
    )


def shuffled(table, random):
    return table.take(pa.array(random.sample(range(table.num_rows), table.num_rows), pa.int64()))


@settings(deadline=None)
@given(connected(), RECORDS, st.randoms())
def test_a_cluster_is_the_sum_of_its_records_in_any_order(graph, rows, random):
    given_tables = tables(graph, rows)
    clusters, members = summarise(*given_tables)
    assert clusters.schema.equals(CLUSTER)
    assert members.schema.equals(MEMBER)
    (one,) = clusters.to_pylist()
    complaints = [row for row in rows if row["record_kind"] == "complaint"]
    assert (one["size"], one["complaints"]) == (len(graph[0]), len(complaints))
    assert one["calls"] == len(rows) - len(complaints)
    assert one["victims"] == len({row["victim_key"] for row in rows} - {None})
    assert one["orgs"] == sorted({row["source_org"] for row in rows})
    assert one["first_seen"] == min(row["observed_at"] for row in rows)
    assert one["last_seen"] == max(row["observed_at"] for row in rows)
    told = {each["country"]: each["complaints"] for each in one["countries"]}
    countries = [row["victim_country"] for row in complaints if row["victim_country"]]
    assert told == {country: countries.count(country) for country in set(countries)}
    brands = [row["brand"] for row in rows if row["brand"]]
    assert one["brands"] == sorted(set(brands), key=lambda name: (-brands.count(name), name))
    with localcontext(prec=60):
        for currency in ("EUR", "USD"):
            stated = [
                row["loss_amount"]
                for row in complaints
                if row["loss_amount"] is not None and row["loss_currency"] == currency
            ]
            losses = [each for each in one["losses"] if each["currency"] == currency]
            assert losses == (
                [{"currency": currency, "amount": sum(stated), "complaints": len(stated)}]
                if stated
                else []
            )
    assert 0 <= one["priority"] <= 100
    assert sum(each["points"] for each in one["priority_parts"]) == pytest.approx(one["priority"])
    assert 0 <= one["confidence"] <= 1
    again = summarise(*(shuffled(table, random) for table in given_tables))
    key = [("entity_id", "ascending")]
    assert (again[0], again[1].sort_by(key)) == (clusters, members.sort_by(key))


def test_losses_add_up_to_the_last_decimal():
    most = Decimal("9999999999999.999999999999999999")
    assert exact_sum([most] * 1000) == Decimal("9999999999999999.999999999999999000")
    assert exact_sum([MONEY, most]) == Decimal(10) ** 13
    assert exact_sum([]) == 0


def test_the_most_that_can_be_lost_fits_for_a_million_complaints():
    total = exact_sum([Decimal("9999999999999.999999999999999999")] * 1_000_000)
    assert pa.scalar(total, CLUSTER.field("losses").type.value_type.field("amount").type)


def test_several_clusters_are_summarised_apart():
    members = [membership(NAMES[0], "c-1"), membership(NAMES[1], "c-2", held=3)]
    record = {"record_kind": "complaint", "source_org": "amazon", "observed_at": DAY}
    rows = [record | {"cluster_id": f"c-{n}", "record_id": f"r{n}"} for n in (1, 2)]
    clusters, lone = summarise(
        pa.Table.from_pylist(members, MEMBERSHIP),
        CLUSTER_LINK.empty_table(),
        pa.Table.from_pylist(rows, CLUSTER_RECORD),
    )
    assert clusters["size"].to_pylist() == [1, 1]
    assert lone["confidence"].to_pylist() == [0.5, 0.875]
    assert lone["bridge"].to_pylist() == [False, False]


def test_confidence_rises_and_stays_in_bounds():
    assert (confidence(0), confidence(1), confidence(2)) == (0, 0.5, 0.75)
