"""Reasons to refuse a referral."""

import pytest

from reports.cluster_data import gather_facts
from reports.referral import blocking_checks
from tests.support.report_tables import cluster, entity, lineage, link, member, write_run
from transforms.extract import allowlist


def facts_of(folder, ids, links, status="confirmed"):
    tables = {
        "clusters": [cluster("c-1", status=status, size=len(ids))],
        "members": [member(entity_id, "c-1", review="reviewed") for entity_id in ids],
        "entities": [entity(entity_id) for entity_id in ids],
        "links": [link(a, b) for a, b in links],
        "lineage": [lineage("c-1")],
    }
    return gather_facts(write_run(folder / "run", tables), ["c-1"])[0]


def obstacles(facts, **options):
    policy = {"bridge_side": 2, "small_cluster": 3}
    return blocking_checks.find_obstacles(facts, allowlist.shipped_allowlist(), policy, **options)


def codes(facts):
    return [obstacle.code for obstacle in obstacles(facts)]


A, B, C, D, E, F = (f"phone:+1888555010{n}" for n in range(6))

RING = [(A, B), (B, C), (A, C)]


def test_a_confirmed_ring_may_go(tmp_path):
    assert codes(facts_of(tmp_path, [A, B, C], RING)) == []


def test_what_a_decision_alone_puts_beside_the_others_is_refused_and_names_who_decided(tmp_path):
    made = {"kind": "must_link", "decision_id": "m-1", "author": "Eve"}
    ends = [{"entity_a": C, "entity_b": D}, {"entity_a": C, "entity_b": "phone:+1"}]
    facts = facts_of(tmp_path, [A, B, C, D, E, F], [*RING, (D, E), (E, F), (D, F)])
    (obstacle,) = obstacles(facts, decided=[made | end for end in ends])
    assert obstacle.code == "no_link" and obstacle.answerable
    assert "no record links 3 of the 6 members to name to the others" in obstacle.text
    assert obstacle.text.count("m-1 by Eve") == 1
    lone = facts_of(tmp_path / "lone", [A, B, C, D], RING)
    assert codes(lone) == ["no_link"]
    assert codes(facts_of(tmp_path / "epochs", [A, B, C, f"{A}#2"], RING)) == []


@pytest.mark.parametrize("status", ["candidate", "anything"])
def test_without_a_confirmation_nobody_can_answer(tmp_path, status):
    facts = facts_of(tmp_path, [A, B, C], RING, status)
    (obstacle,) = obstacles(facts)
    assert obstacle.code == "not_confirmed" and not obstacle.answerable


def test_what_is_disputed_never_leaves_whoever_answers(tmp_path):
    facts = facts_of(tmp_path, [A, B, C], RING, "disputed")
    (obstacle,) = obstacles(facts)
    assert obstacle.code == "disputed" and not obstacle.answerable


@pytest.mark.parametrize("known", ["phone:+18882804331", "domain:amazon.com"])
def test_a_brand_is_refused_in_every_epoch(tmp_path, known):
    assert codes(facts_of(tmp_path / "1", [A, B, known], [(A, B), (B, known), (A, known)])) == [
        "known_legitimate"
    ]
    later = f"{known}#2"
    assert codes(facts_of(tmp_path / "2", [A, B, later], [(A, B), (B, later), (A, later)])) == [
        "known_legitimate"
    ]


def test_two_parts_on_one_link_are_refused_and_a_loose_end_is_not(tmp_path):
    two = [*RING, (C, D), (D, E), (E, F), (D, F)]
    assert codes(facts_of(tmp_path / "1", [A, B, C, D, E, F], two)) == ["single_bridge"]
    assert codes(facts_of(tmp_path / "2", [A, B, C, D], [*RING, (C, D)])) == []
    assert codes(facts_of(tmp_path / "3", [A, B], [(A, B)])) == ["single_bridge"]


def test_links_that_were_not_accepted_hold_nothing(tmp_path):
    facts = facts_of(tmp_path, [A, B, C, D], [*RING, (C, D), (A, D)])
    assert blocking_checks.find_bridges(facts) == []
    next(row for row in facts.inside if {row["entity_a"], row["entity_b"]} == {A, D})[
        "accepted"
    ] = False
    (bridge,) = blocking_checks.find_bridges(facts)
    assert bridge.side == [D]


def test_a_void_offer_stops_it_whoever_answers(tmp_path):
    from tests.support.made_up_case import case_of, rows

    facts = case_of(tmp_path / "run", rows()).facts
    offered = [{"contributor": "fcc", "tlp": "TLP:GREEN", "offer": digest} for digest in "ab"]
    partners = blocking_checks.PartnerEvidence(offered, void={"a": "revoked"})
    (obstacle,) = obstacles(facts, partners=partners)
    assert obstacle.code == "void_offer" and not obstacle.answerable and "fcc" in obstacle.text
