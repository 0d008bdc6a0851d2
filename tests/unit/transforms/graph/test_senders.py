"""A sender's offer adds no more people to a join than policy and its record let count."""

from datetime import UTC, datetime
from time import process_time

import numpy as np
import pyarrow as pa
import pytest

from schemas.decision import DecisionKind
from schemas.offer import Offer, OfferedCluster, OfferedEntity, OfferedEvidence, Terms
from tests.support.changed import replace
from tests.support.ties import tie_reporters
from transforms.arrow import hash_text
from transforms.decisions import Decision
from transforms.graph import (
    AcceptedOffer,
    crowds_of_offers,
    evidence_of_offer,
    offered_cluster_rows,
    offered_view,
    people_that_count,
    sender_record,
)
from transforms.graph.cuts import WAY, members_named, reporter_masks
from transforms.graph.incidence import call_confirmed_by_node, hard_evidence, victim_reach
from transforms.values import people_counted, precision_interval

WHEN = datetime(2026, 6, 1, tzinfo=UTC)

IDS = ("phone:+18885550101", "phone:+18885550102", "phone:+18885550103")


def offer(*rows):
    """An offer of Contoso: rows of (entities, reports, week)."""
    evidence = [
        OfferedEvidence(named, "complaint", reports, f"2026-W{week:02}")
        for named, reports, week in rows
    ]
    return AcceptedOffer(
        Offer(
            "contoso", "amazon", "2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z", "TLP:AMBER",
            Terms(75, 5, 2, 1000),
            tuple(OfferedEntity(entity_id, "callback", 99, 1) for entity_id in IDS),
            tuple(evidence), (OfferedCluster((), None, (), 1),),
        ),
        "0" * 64,
    )  # fmt: skip


def ties(taken, most):
    """The reporters of each tie between the three identifiers in a join, by their places."""
    return {
        tuple(sorted(map(IDS.index, pair))): count
        for pair, count in tie_reporters([taken], most).items()
    }


def test_a_sender_alone_adds_no_more_people_to_a_tie_than_policy_says():
    claimed = offer(((0, 1), 5000, 10), ((0, 1), 3, 11), ((1, 2), 4, 11))
    assert ties(claimed, {"contoso": 8}) == {(0, 1): 8, (1, 2): 4}
    split = offer(*(((0, 1), 1, week) for week in range(10, 40)), ((1, 2), 4, 41))
    assert ties(split, {"contoso": 8}) == {(0, 1): 8, (1, 2): 4}
    assert ties(split, {}) == {(0, 1): 30, (1, 2): 4}


def test_naming_a_third_identifier_adds_nobody_to_a_full_tie():
    claimed = offer(((0, 1), 8, 10), ((0, 1, 2), 50, 11), ((1, 2), 4, 12))
    assert ties(claimed, {"contoso": 8}) == {(0, 1): 8, (1, 2): 4}


def test_clusters_of_an_offer_are_found_without_reading_all_members_for_each():
    numbers, taken = range(20_000), offer()
    entities = tuple(OfferedEntity(f"phone:+1888{n:07}", "callback", 99, n) for n in numbers)
    clusters = tuple(OfferedCluster((), None, (), number) for number in numbers)
    taken = replace(taken, offer=replace(taken.offer, entities=entities, clusters=clusters))
    columns = [taken.ids, [f"c-{number}" for number in numbers]]
    members = pa.table(columns, ["entity_id", "cluster_id"])
    start = process_time()
    rows = offered_cluster_rows(members, [taken], {"contoso": offered_view(taken.offer)})
    assert process_time() - start < 5, "it was 19 seconds"
    assert rows["cluster_ids"].to_pylist() == [[f"c-{number}"] for number in numbers]


def test_epochs_of_an_identifier_are_one_of_which_as_many_bear_as_of_it():
    taken = offer(((0, 1), 5000, 10))
    ids = (*taken.offer.entities[:2], replace(taken.offer.entities[1], entity_id=f"{IDS[1]}#2"))
    rows = (*taken.offer.evidence, replace(taken.offer.evidence[0], entities=(0, 2)))
    split = replace(taken, offer=replace(taken.offer, entities=ids, evidence=rows))
    assert ties(split, {"contoso": 8}) == {(0, 1): 8}


def test_a_record_that_has_two_epochs_of_an_identifier_names_it_once():
    taken = offer(((0, 1, 2), 3, 10), ((0, 1), 3, 30))
    ids = (*taken.offer.entities[:2], replace(taken.offer.entities[1], entity_id=f"{IDS[1]}#2"))
    for called in (None, (2,)):
        split = replace(taken, offer=replace(taken.offer, entities=ids, called=called))
        rows = pa.Table.from_batches(evidence_of_offer(split))
        assert rows["entity_id"].to_pylist() == [*IDS[:2], *IDS[:2]]
        both = ["offer", "offer.called" if called else "offer"]
        assert rows["field"].to_pylist() == [*both, "offer", "offer"], "the other holder's was not"


def test_what_counts_where_people_are_counted_is_all_of_them():
    taken = offer(((0, 1), 5000, 10))
    crowds = crowds_of_offers([taken], {"contoso": 8})
    (key,) = [key for *_, key in taken.records()]
    hashes = hash_text(pa.array([key]))
    assert crowds.people_of(hashes).tolist() == [5000]
    assert crowds.bearing_of(hashes).tolist() == [8]


def decided(kind, *members):
    return Decision("d", kind, members[0], None, "ann", "seen", WHEN, None, members=members)


def test_a_number_that_the_senders_call_records_confirm_is_in_a_call_and_in_no_record_more():
    taken = offer(((0, 1), 50, 10), ((0, 2), 4, 12))
    told = replace(taken, offer=replace(taken.offer, called=(1, 2)))
    rows, before = (pa.Table.from_batches(evidence_of_offer(offered)) for offered in (told, taken))
    assert rows.drop_columns("field").equals(before.drop_columns("field"))
    assert people_counted(rows).to_pylist() == people_counted(before).to_pylist() == [50, 50, 4, 4]
    node = np.sort(hash_text(pa.array(IDS)))
    for evidence, expected in ((rows, IDS[1:]), (before, ())):
        reached = victim_reach(hard_evidence(with_statuses(evidence)))
        confirmed = node[call_confirmed_by_node(reached, node)]
        assert set(confirmed.tolist()) == set(hash_text(pa.array(expected, pa.string())).tolist())


def with_statuses(rows):
    """Evidence of which all is infrastructure."""
    return rows.append_column("status", pa.repeat("infrastructure", rows.num_rows))


def test_the_record_of_a_sender_is_what_analysts_decided_on_what_it_sent():
    said = [
        decided(DecisionKind.CONFIRM, IDS[0], IDS[1], "phone:+18885550199"),
        decided(DecisionKind.VICTIM_OWNED, IDS[1]),
        decided(DecisionKind.CANNOT_LINK, IDS[2]),
    ]
    assert sender_record(IDS, said) == (1, 1)
    assert sender_record(IDS, []) == (0, 0)


def test_a_bad_record_lets_fewer_people_count_and_no_record_all():
    assert people_that_count(8, 0, 0) == people_that_count(8, 40, 0) == 8
    assert people_that_count(8, 0, 10) == 3
    assert people_that_count(8, 0, 1000) == 1


@pytest.mark.parametrize(
    ("right", "wrong", "low", "high"), [(0, 0, 0, 1), (8, 2, 0.490, 0.943), (0, 10, 0, 0.278)]
)
def test_the_interval_is_wilsons(right, wrong, low, high):
    assert precision_interval(right, wrong) == pytest.approx((low, high), abs=5e-4)


def masks(taken, most):
    """The people who bear a join of the first two identifiers in a join of the offer."""
    rows = [
        (
            "c-1",
            number,
            int(hash_text(pa.array([key]))[0]),
            int(hash_text(pa.array([IDS[place]]))[0]),
        )
        for number, (row, _, key) in enumerate(taken.records())
        for place in row.entities
    ]
    ways = pa.Table.from_arrays(
        [pa.array(column) for column in zip(*rows, strict=True)], schema=WAY
    )
    named = members_named(ways, {"c-1": IDS})["c-1"]
    return reporter_masks(named, {}, crowds_of_offers([taken], most))


def test_a_sender_who_claims_a_join_anew_each_week_bears_no_more_of_it():
    weekly = offer(*(((0, 1), 8, week) for week in range(10, 20)))
    assert masks(weekly, {"contoso": 8}) == [0b011] * 8
    # Nor does one whose record lets fewer count: fewer make a join thin.
    assert masks(weekly, {"contoso": 3}) == [0b011] * 3
