"""The summary of a cluster: its weak points by brute force, its losses exactly."""

import time
from collections import Counter, defaultdict
from datetime import timedelta
from decimal import Decimal, localcontext
from itertools import pairwise
from unittest import mock

import networkx as nx
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from schemas.cluster import CANDIDATE, CLUSTER, DISPUTED, MEMBER, ClusterFlag
from schemas.enums import Status, Tier
from schemas.field import TIMESTAMP
from tests.support.made_up_evidence import DAY, MONEY
from transforms.graph import cuts
from transforms.graph.cluster_facts import (
    CLUSTER_RECORD,
    CLUSTER_TOTAL,
    cluster_facts,
    sum_cluster_records,
)
from transforms.graph.cluster_summary import (
    REPORTED_BRIDGES,
    cluster_cohesion,
    cluster_status,
    split_by_cluster,
    summarize,
)
from transforms.graph.cuts import THIN_REPORTERS
from transforms.graph.final_status import CLUSTER_LINK, MEMBERSHIP
from transforms.graph.link_weights import link_probability
from transforms.graph.robustness import standings
from transforms.values import NO_PSEUDONYM

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


@given(connected(), st.randoms())
def test_weak_points_are_those_whose_removal_splits(graph, random):
    members, links = graph
    cohesion = cluster_cohesion(members, links)
    for member in members:
        rest = [node for node in members if node != member]
        left = [link for link in links if member not in (link["entity_a"], link["entity_b"])]
        assert (member in cohesion.cut_vertices) == (len(pieces(rest, left)) > 1)
        tied = [link["weight"] for link in links if member in (link["entity_a"], link["entity_b"])]
        assert cohesion.tie[member] == pytest.approx(sum(tied))
    bridges = []
    for link in links:
        parts = pieces(members, [other_link for other_link in links if other_link is not link])
        if len(parts) > 1:
            bridges.append(link | {"smaller_side": min(map(len, parts))})
    bridges.sort(key=lambda link: (link["weight"], link["entity_a"], link["entity_b"]))
    assert list(cohesion.bridges) == bridges[:REPORTED_BRIDGES]
    random.shuffle(links)
    assert cluster_cohesion(random.sample(members, len(members)), links) == cohesion


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
        "reporters": 1,
        "link_reporters": 0,
        "tying_reporters": 0,
        "elsewhere": 0,
        "doubted": False,
        "known_as": entity,
    } | fields


@pytest.mark.parametrize(
    ("shown", "tying", "counted", "disputed"),
    [(2, 2, 2, True), (2, 2, 1, True), (2, 1, 1, False), (1, 1, 1, False)],
)
def test_no_liars_ties_elsewhere_end_a_dispute(shown, tying, counted, disputed):
    """Those who tie a member here count for a dispute, however many tie it elsewhere."""
    first = membership(
        "phone:+18885550101", reporters=shown, tying_reporters=tying, link_reporters=counted
    )
    second = membership("phone:+18885550122", reporters=5, tying_reporters=4, link_reporters=4)
    status = cluster_status([first, second], frozenset(), {first["known_as"]})
    assert status == (DISPUTED if disputed else CANDIDATE)


@pytest.mark.parametrize(
    ("shown", "doubted", "tier"),
    [(2, False, Tier.CORE), (2, True, Tier.VERIFY), (3, True, Tier.CORE), (1, False, Tier.VERIFY)],
)
def test_a_line_that_too_few_tie_is_no_better_attested_alone(shown, doubted, tier):
    row = membership("phone:+12025550101", reporters=shown, doubted=doubted)
    assert standings([row])[row["entity_id"]].tier == tier


def test_a_near_miss_keeps_its_dispute():
    slip, better = (
        membership(f"phone:+1888555010{n}", reporters=count, tying_reporters=2, link_reporters=2)
        for n, count in ((1, 2), (2, 6))
    )
    assert standings([slip, better])[slip["entity_id"]].near_miss_of == better["entity_id"]
    assert cluster_status([slip, better], frozenset(), {slip["known_as"]}) == DISPUTED


RECORDS = st.lists(
    st.fixed_dictionaries(
        {
            "record_kind": st.sampled_from(("complaint", "call")),
            "source_org": st.sampled_from(("amazon", "microsoft")),
            "observed_at": st.integers(0, 9).map(lambda days: DAY + timedelta(days)),
            "reporter_key": st.sampled_from(
                ("amazon|v1", "amazon|v2", f"amazon|{NO_PSEUDONYM}day|1")
            ),
            "victim_country": st.none() | st.sampled_from(("US", "DE", "AU")),
            "brand": st.none() | st.sampled_from(("amazon", "irs")),
            "loss_amount": st.none() | st.integers(0, 10**31 - 1).map(lambda n: n * MONEY),
            "loss_currency": st.none() | st.sampled_from(("USD", "EUR")),
        }
    ),
    min_size=1,
    max_size=8,
)


def totals_of(records, cuts=()):
    """CLUSTER_TOTAL rows of records that are cut into shares at some places."""
    places = [0, *sorted(cuts), records.num_rows]
    shares = [records.slice(start, end - start) for start, end in pairwise(places)]
    return pa.concat_tables([sum_cluster_records(share) for share in shares])


def tables(graph, rows, cuts=()):
    members, links = graph
    numbered = [row | {"cluster_id": "c-1", "record_id": f"r{n}"} for n, row in enumerate(rows)]
    return (
        pa.Table.from_pylist([membership(member) for member in members], MEMBERSHIP),
        pa.Table.from_pylist([link | {"cluster_id": "c-1"} for link in links], CLUSTER_LINK),
        totals_of(pa.Table.from_pylist(numbered, CLUSTER_RECORD), cuts),
    )


def shuffled(table, random):
    return table.take(pa.array(random.sample(range(table.num_rows), table.num_rows), pa.int64()))


def ranked_without_one(rows):
    """Facts that rank a cluster of these records, in plain Python."""
    complaints = [row for row in rows if row["record_kind"] == "complaint"]
    latest, lost, of_org = {}, defaultdict(Counter), defaultdict(set)
    for row in complaints:
        who = row["reporter_key"]
        latest[who] = max(row["observed_at"], latest.get(who, row["observed_at"]))
        if row["loss_amount"] is not None and row["loss_currency"]:
            with localcontext(prec=60):
                lost[row["loss_currency"]][who] += row["loss_amount"]
    for row in rows:
        of_org[row["source_org"]].add(row["reporter_key"])
    called = [row["observed_at"] for row in rows if row["record_kind"] == "call"]
    return {
        "losses": {currency: sorted(by.values())[:-1] for currency, by in lost.items()},
        "orgs": {org for org, who in of_org.items() if len(who) > 1},
        "last_seen": max([*sorted(latest.values())[-2:][:1], *called]),
    }


@given(connected(), RECORDS, st.randoms())
def test_a_cluster_is_the_sum_of_its_records_in_any_order_and_shares(graph, rows, random):
    cuts = [random.randint(0, len(rows)) for _ in range(random.randint(0, 3))]
    given_tables = tables(graph, rows, cuts)
    clusters, members = summarize(*given_tables)
    assert clusters.schema.equals(CLUSTER)
    assert members.schema.equals(MEMBER)
    (cluster,) = clusters.to_pylist()
    complaints = [row for row in rows if row["record_kind"] == "complaint"]
    assert (cluster["size"], cluster["complaints"]) == (len(graph[0]), len(complaints))
    assert cluster["calls"] == len(rows) - len(complaints)
    who = {row["reporter_key"] for row in rows}
    assert cluster["reporters"] == len(who)
    assert cluster["victims"] == len({name for name in who if NO_PSEUDONYM not in name})
    assert cluster["orgs"] == sorted({row["source_org"] for row in rows})
    assert cluster["first_seen"] == min(row["observed_at"] for row in rows)
    assert cluster["last_seen"] == max(row["observed_at"] for row in rows)
    told = {each["country"]: each["complaints"] for each in cluster["countries"]}
    countries = [row["victim_country"] for row in complaints if row["victim_country"]]
    assert told == {country: countries.count(country) for country in set(countries)}
    brands = defaultdict(set)
    for row in rows:
        brands[row["brand"]].add(row["reporter_key"])
    brands.pop(None, None)
    assert cluster["brands"] == sorted(brands, key=lambda name: (-len(brands[name]), name))
    with localcontext(prec=60):
        for currency in ("EUR", "USD"):
            stated = [
                row["loss_amount"]
                for row in complaints
                if row["loss_amount"] is not None and row["loss_currency"] == currency
            ]
            losses = [each for each in cluster["losses"] if each["currency"] == currency]
            assert losses == (
                [{"currency": currency, "amount": sum(stated), "complaints": len(stated)}]
                if stated
                else []
            )
    assert 0 <= cluster["priority"] <= 100
    assert sum(each["points"] for each in cluster["priority_parts"]) == pytest.approx(
        cluster["priority"]
    )
    assert 0 <= cluster["confidence"] <= 1
    complaint_times = cluster_facts(given_tables[2])["c-1"].complaint_times
    firsts = {}
    for row in complaints:
        time = pa.scalar(row["observed_at"], pa.timestamp("us", "UTC")).value
        firsts[row["reporter_key"]] = min(time, firsts.get(row["reporter_key"], time))
    assert sorted(complaint_times.elements()) == sorted(firsts.values())
    ranked_by = cluster_facts(given_tables[2])["c-1"].ranked_by
    wanted = ranked_without_one(rows)
    losses = {each["currency"]: each["amount"] for each in ranked_by["losses"]}
    assert losses == {currency: sum(each) for currency, each in wanted["losses"].items()}
    assert set(ranked_by["orgs"]) == wanted["orgs"]
    assert ranked_by["last_seen"] == wanted["last_seen"]
    again = summarize(*(shuffled(table, random) for table in given_tables))
    key = [("entity_id", "ascending")]
    assert (again[0], again[1].sort_by(key)) == (clusters, members.sort_by(key))


def losses(amounts):
    rows = [
        {
            "cluster_id": "c-1",
            "record_kind": "complaint",
            "source_org": "amazon",
            "observed_at": DAY,
            "loss_amount": amount,
            "loss_currency": "USD",
        }
        for amount in amounts
    ]
    return cluster_facts(sum_cluster_records(pa.Table.from_pylist(rows, CLUSTER_RECORD)))[
        "c-1"
    ].losses


def test_losses_add_up_to_the_last_decimal():
    most = Decimal("9999999999999.999999999999999999")
    assert losses([most] * 1000) == {"USD": (Decimal("9999999999999999.999999999999999000"), 1000)}
    assert losses([MONEY, most]) == {"USD": (Decimal(10) ** 13, 2)}
    assert losses([None]) == {}


@pytest.mark.parametrize(
    ("complaints", "each", "sum_of_all"),
    [
        # As large a sum, of larger losses than a complaint may state.
        (1_000, "9999999999999999.999999999999999999", "9999999999999999999.999999999999999"),
        pytest.param(
            *(1_000_000, "9999999999999.999999999999999999", "9999999999999999999.999999999999"),
            marks=pytest.mark.long,
            id="a million",
        ),
    ],
)
def test_the_most_that_can_be_lost_fits_for_a_million_complaints(complaints, each, sum_of_all):
    (most,) = pa.array([Decimal(each)], pa.decimal128(38, 18))
    rows = CLUSTER_TOTAL.empty_table().to_pydict() | {
        "cluster_id": pa.repeat("c-1", complaints),
        "record_kind": pa.repeat("complaint", complaints),
        "source_org": pa.repeat("amazon", complaints),
        "records": pa.repeat(1, complaints),
        "reporters": pa.repeat(pa.scalar([], pa.list_(pa.int64())), complaints),
        "loss_amount": pa.repeat(most, complaints),
        "loss_currency": pa.repeat("USD", complaints),
    }
    rows |= {
        name: pa.repeat(pa.scalar(DAY, TIMESTAMP), complaints)
        for name in ("first_seen", "last_seen")
    }
    nothing = {name: pa.nulls(complaints) for name, column in rows.items() if column == []}
    table = pa.table(rows | nothing).cast(CLUSTER_TOTAL)
    ((total, _),) = cluster_facts(table)["c-1"].losses.values()
    assert total == Decimal(sum_of_all)
    assert pa.scalar(total, CLUSTER.field("losses").type.value_type.field("amount").type)


def test_one_liar_moves_no_rank():
    """A million lost, on a later day, at another company, under another brand, fifty times."""
    record = {"cluster_id": "c-1", "record_kind": "complaint", "observed_at": DAY, "brand": "irs"}
    honest = [
        record | {"source_org": "amazon", "reporter_key": f"amazon|v{n}", "record_id": f"r{n}",
                  "loss_amount": Decimal(100 * n), "loss_currency": "USD"}
        for n in range(3)
    ]  # fmt: skip
    lie = {"source_org": "microsoft", "reporter_key": "microsoft|liar", "brand": "amazon",
           "loss_amount": Decimal(10**6), "observed_at": DAY + timedelta(days=9)}  # fmt: skip
    lied = [honest[0] | lie | {"record_id": f"l{n}"} for n in range(50)]
    before, after = (
        cluster_facts(totals_of(pa.Table.from_pylist(rows, CLUSTER_RECORD)))["c-1"]
        for rows in (honest, honest + lied)
    )
    assert next(iter(sorted(after.brands, key=lambda brand: -after.brands[brand]))) == "irs"
    assert before.ranked_by["losses"][0]["amount"] == 100
    assert after.ranked_by["losses"][0]["amount"] == 300
    assert after.ranked_by["orgs"] == before.ranked_by["orgs"] == ["amazon"]
    assert after.ranked_by["last_seen"] == before.ranked_by["last_seen"]


def test_several_clusters_are_summarised_apart():
    members = [membership(NAMES[0], "c-1"), membership(NAMES[1], "c-2", reporters=3)]
    record = {"record_kind": "complaint", "source_org": "amazon", "observed_at": DAY}
    rows = [record | {"cluster_id": f"c-{n}", "record_id": f"r{n}"} for n in (1, 2)]
    clusters, lone = summarize(
        pa.Table.from_pylist(members, MEMBERSHIP),
        CLUSTER_LINK.empty_table(),
        totals_of(pa.Table.from_pylist(rows, CLUSTER_RECORD)),
    )
    assert clusters["size"].to_pylist() == [1, 1]
    assert lone["confidence"].to_pylist() == [0.5, 0.875]
    assert lone["bridge"].to_pylist() == [False, False]


@pytest.mark.parametrize("exact", [True, False])
def test_a_cut_is_flagged_as_at_least_where_the_search_for_it_did_not_end(exact):
    attested = dict.fromkeys(("reporters", "link_reporters", "tying_reporters"), 3)
    members = [membership(name, **attested) for name in NAMES[:6]]
    record = {"record_kind": "complaint", "source_org": "amazon", "observed_at": DAY}
    rows = pa.Table.from_pylist([record | {"cluster_id": "c-1", "record_id": "r1"}], CLUSTER_RECORD)
    cut = cuts.Cut(THIN_REPORTERS, 0b111, THIN_REPORTERS, exact)
    with mock.patch.object(cuts, "weakest_cut", lambda *_: cut):
        clusters, _ = summarize(
            pa.Table.from_pylist(members, MEMBERSHIP), CLUSTER_LINK.empty_table(), totals_of(rows)
        )
    (cluster,) = clusters.to_pylist()
    assert (cluster["weakest_cut"], cluster["weakest_side"]) == (THIN_REPORTERS, [*NAMES[:3]])
    assert (ClusterFlag.CUT_AT_LEAST in cluster["flags"]) == (not exact)


def test_confidence_rises_and_stays_in_bounds():
    assert (link_probability(0), link_probability(1), link_probability(2)) == (0, 0.5, 0.75)


@given(
    st.lists(st.lists(st.sampled_from("abcdefg"), max_size=12), min_size=3, max_size=3),
    st.integers(1, 9),
)
def test_clusters_come_whole_and_a_few_at_a_time(named, rows):
    given_tables = [
        pa.table({"cluster_id": pa.array(ids, pa.string()), "row": pa.array(range(len(ids)))})
        for ids in named
    ]
    seen, parts = set(), list(split_by_cluster(given_tables, rows))
    for part in parts:
        clusters = set().union(*(table["cluster_id"].to_pylist() for table in part))
        assert not clusters & seen
        seen |= clusters
        assert len(clusters) == 1 or sum(table.num_rows for table in part) < 2 * rows + max(
            sum(ids.count(cluster_id) for ids in named) for cluster_id in clusters
        )
    for which, ids in enumerate(named):
        kept = [row for part in parts for row in part[which].to_pylist()]
        assert sorted((row["row"], row["cluster_id"]) for row in kept) == list(enumerate(ids))


def test_many_clusters_are_split_in_one_pass():
    """It takes 0.1 s on a quiet machine; a pass over all rows for each part takes 20 s."""
    ids = pa.array([f"c-{number:016x}" for number in range(60_000)])
    begun = time.process_time()
    assert sum(1 for _ in split_by_cluster([pa.table({"cluster_id": ids})], 10)) == 6_000
    assert time.process_time() - begun < 4


@given(st.integers(1, 2000), st.integers(1, 50))
def test_calls_travel_as_their_reporters(calls, victims):
    rows = [
        {
            "cluster_id": "c-1",
            "record_kind": "call",
            "source_org": "amazon",
            "record_id": f"k{n}",
            "observed_at": DAY + timedelta(seconds=n),
            "reporter_key": f"amazon|v{n % victims}",
        }
        for n in range(calls)
    ]
    (total,) = sum_cluster_records(pa.Table.from_pylist(rows, CLUSTER_RECORD)).to_pylist()
    assert total["records"] == calls
    assert len(total["reporters"]) == min(calls, victims)


def test_two_complaints_of_one_moment_of_which_one_is_a_copy_are_summed():
    """Texts are compared where times are equal, also with that of a complaint that has none."""
    row = {"cluster_id": "c-1", "record_kind": "complaint", "source_org": "amazon"}
    row |= {"observed_at": DAY, "reporter_key": "amazon|v1"}
    rows = [row | {"record_id": f"r{n}", "script": text} for n, text in enumerate(("copy", None))]
    facts = cluster_facts(totals_of(pa.Table.from_pylist(rows, CLUSTER_RECORD)))["c-1"]
    assert (facts.reporters, facts.bounded) == (1, 1)
