"""Identifiers that may leave, and the counting of people, on tables small enough to check."""

from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from reports.exchange.offer import Parties, make_offer, shipped_policy
from schemas.cluster import MEMBER
from schemas.mention import EVIDENCE

PARTIES = Parties("amazon", "microsoft", "2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z")

RULES = replace(shipped_policy(), least_reports=1, confidence_floor=0.5)

A, B, C, D = (f"phone:+1888555010{n}" for n in range(4))


def evidence(*reports, role="callback"):
    """Reports as (number, who, day, identifiers), each a complaint."""
    return pa.Table.from_pylist(
        [
            {
                "entity_id": entity_id,
                "kind": entity_id.partition(":")[0],
                "role": role,
                "source_org": "amazon",
                "record_kind": "complaint",
                "record_id": f"r{number}",
                "observed_at": datetime(2026, 3, day, tzinfo=UTC),
                "confidence": 0.9,
                "group_id": f"amazon|r{number}",
                "victim_key": who and f"amazon|{who}",
                "victim_country": "US",
            }
            for number, who, day, ids in reports
            for entity_id in ids
        ],
        EVIDENCE,
    )


def offer(rows, clusters=None, rules=RULES, private=(), status=None, confidence=0.9):
    clusters = clusters or {A: "c-1", B: "c-1", C: "c-2", D: "c-2"}
    members = [
        {
            "entity_id": e,
            "cluster_id": c,
            "role": "callback",
            "confidence": confidence,
            "bridge": False,
        }
        for e, c in clusters.items()
    ]
    states = {"c-1": "candidate", "c-2": "candidate"} | (status or {})
    return make_offer(
        pa.Table.from_pylist(members, MEMBER),
        pa.table({"entity_id": list(clusters), "status": ["infrastructure"] * len(clusters)}),
        pa.table({"cluster_id": list(states), "status": list(states.values())}),
        rows,
        frozenset(private),
        rules,
        PARTIES,
    )


def counts(made):
    ids = [one.entity_id for one in made.entities]
    return [
        (one.week, "".join("ABCD"[(A, B, C, D).index(ids[at])] for at in one.entities), one.reports)
        for one in made.evidence
    ]


ALL = [(n, f"v{n}", 2, [A, B, C, D]) for n in range(9, 12)]


def test_reports_of_the_same_things_in_one_week_are_one_count():
    made, _ = offer(evidence((1, "v1", 2, [A, B]), (2, "v2", 4, [B, A]), (3, "v3", 11, [A, B])))
    assert counts(made) == [("2026-W10", "AB", 2), ("2026-W11", "AB", 1)]


def test_a_person_counts_once_in_a_cluster_by_the_fullest_report():
    made, _ = offer(evidence((1, "v1", 2, [A]), (2, "v1", 9, [A, B]), (3, "v1", 16, [B])))
    assert counts(made) == [("2026-W11", "AB", 1)]


def test_a_person_of_two_clusters_counts_in_each_but_never_ties_them_twice():
    apart, _ = offer(evidence((1, "v1", 2, [A, B]), (2, "v1", 9, [C, D])))
    assert counts(apart) == [("2026-W10", "AB", 1), ("2026-W11", "CD", 1)]
    twice, _ = offer(evidence((1, "v1", 2, [A, B, C]), (2, "v1", 9, [A, D])))
    assert counts(twice) == [("2026-W10", "ABC", 1)]


def test_without_a_pseudonym_each_report_is_somebody():
    made, _ = offer(evidence((1, None, 2, [A, B]), (2, None, 2, [A, B])))
    assert counts(made) == [("2026-W10", "AB", 2)]


def test_a_report_that_copies_a_list_is_no_evidence():
    many = {f"phone:+1888555{n:04d}": "c-1" for n in range(200, 230)}
    made, _ = offer(
        evidence((1, "v1", 2, list(many)), *((2 + n, f"w{n}", 2, [e]) for n, e in enumerate(many))),
        many,
    )
    assert max(len(one.entities) for one in made.evidence) == 1


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": {"c-2": "disputed"}}, "disputed or not confirmed cluster"),
        ({"private": [C, D]}, "a victim's own, or holds an id of a victim or a record"),
        (
            {"rules": replace(RULES, confirmed_only=True), "status": {"c-1": "confirmed"}},
            "disputed or not confirmed cluster",
        ),
    ],
)
def test_what_must_not_leave_stays_and_is_counted(changes, reason):
    made, left = offer(evidence(*ALL), **changes)
    assert [one.entity_id for one in made.entities] == [A, B]
    assert left.reasons == {reason: 2}
    assert [one.number for one in made.clusters] == [1]
    assert C not in repr(made)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"confidence": 0.49}, "below the confidence floor"),
        ({"rules": replace(RULES, kinds=("domain",))}, "kind that does not leave"),
        ({"rules": replace(RULES, least_reports=4)}, "too few reports"),
    ],
)
def test_what_is_unsure_or_not_wanted_stays(changes, reason):
    made, left = offer(evidence(*ALL), **changes)
    assert made.entities == made.evidence == made.clusters == ()
    assert left.reasons == {reason: 4}


def test_a_victims_epoch_is_the_victims_too():
    made, _ = offer(evidence((1, "v1", 2, [f"{A}#2", B])), {f"{A}#2": "c-1", B: "c-1"}, private=[A])
    assert [one.entity_id for one in made.entities] == [B]


def test_soft_roles_are_no_evidence_of_holding():
    made, left = offer(evidence(*ALL, role="caller_id"))
    assert made.entities == ()
    assert left.reasons == {"too few reports": 4}
