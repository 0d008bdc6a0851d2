"""Rules of alerts: each is raised by its own cause, and by no weaker cause."""

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from schemas.cluster import AlertKind
from schemas.enums import Role
from tests.support.made_up_evidence import DAY as DAY_OF_EVIDENCE, evidence, piece
from tests.support.made_up_histories import KNOWN, OTHER, START, at, history
from transforms.alerts.rules import (
    BURST_HISTORY_DAYS,
    RULES,
    SAMPLE_SIZE,
    TIE,
    AlertRules,
    KnownClusters,
    burst_alerts,
    hard_mentions,
    identifier_alerts,
    identifier_histories,
    threshold_alerts,
)
from transforms.decisions import NO_DECISIONS
from transforms.graph import by_record
from transforms.graph.final_status import MEMBERSHIP

DAY = 24.0

FIVE = AlertRules(reporters=5, within=timedelta(hours=24))

EVER = START - timedelta(days=10_000)


def kinds(history_of, rules=FIVE, since=EVER):
    return {alert["kind"] for alert in identifier_alerts(history_of, rules, since)}


def test_the_threshold_is_crossed_by_the_fifth_reporter_within_the_window():
    (alert,) = threshold_alerts(history(0, 30, 31, 32, 33, 54, 60), FIVE)
    assert alert["observed_at"] == at(54)[0]
    assert alert["records"] == 6
    assert alert["record_ids"] == [f"amazon|c{n}" for n in (5, 4, 3, 2, 1, 0)]
    assert not list(threshold_alerts(history(0, 30, 31, 32, 33, 54.1), FIVE))


def test_ten_times_the_threshold_is_another_alert():
    alerts = list(threshold_alerts(history(*(n / 10 for n in range(60))), FIVE))
    assert [alert["records"] for alert in alerts] == [5, 50]
    assert len({alert["alert_id"] for alert in alerts}) == 2
    assert all(len(alert["record_ids"]) <= SAMPLE_SIZE for alert in alerts)


@given(st.lists(st.tuples(st.floats(0, 100), st.sampled_from("abcd")), max_size=20))
def test_the_threshold_counts_people(told):
    told = sorted(told)
    hours, people = [hour for hour, _ in told], [who for _, who in told]
    rules = AlertRules(reporters=3, within=timedelta(hours=24))
    most = max((len({w for h, w in told if hour <= h <= hour + 24}) for hour in hours), default=0)
    alerts = list(threshold_alerts(history(*hours, reporters=people), rules)) if told else []
    assert bool(alerts) == (most >= 3)


def test_one_person_raises_no_threshold_and_no_burst():
    flood = [0, *(DAY * 30 + n / 10 for n in range(90))]
    alone = history(*flood, reporters=["amazon|v1"] * 91)
    assert kinds(alone) == set()
    nobody = history(*flood, reporters=[None] * 91)
    assert kinds(nobody) == set()
    assert kinds(history(*flood)) == {AlertKind.THRESHOLD, AlertKind.BURST}


def test_several_organisations_alert_when_the_last_of_them_reports():
    assert AlertKind.SEVERAL_ORGS not in kinds(history(0, 1, 2))
    shared = history(0, 1, 2, 3, orgs=["amazon", "amazon", "microsoft", "amazon"])
    (alert,) = (
        a for a in identifier_alerts(shared, FIVE, EVER) if a["kind"] == AlertKind.SEVERAL_ORGS
    )
    assert alert["observed_at"] == at(2)[0]
    assert alert["orgs"] == ["amazon", "microsoft"]
    more = history(0, 1, 2, 3, orgs=["amazon", "ftc", "microsoft", "amazon"])
    ids = {
        a["alert_id"]
        for a in identifier_alerts(more, FIVE, EVER)
        if a["kind"] == AlertKind.SEVERAL_ORGS
    }
    assert alert["alert_id"] not in ids


def test_a_burst_is_what_the_days_before_do_not_explain():
    sparse = [DAY * day for day in range(0, 30, 10)]
    assert AlertKind.BURST in kinds(history(*sparse, *(DAY * 30 + n / 10 for n in range(9))))
    steady = [DAY * day + n for day in range(30) for n in range(9)]
    assert not list(burst_alerts(history(*steady), FIVE))
    young = [0, *(DAY * (BURST_HISTORY_DAYS - 1) + n / 10 for n in range(11))]
    assert not list(burst_alerts(history(*young), FIVE))
    few = [0, *(DAY * 60 + n / 10 for n in range(4))]
    assert not list(burst_alerts(history(*few), FIVE))


def test_a_referred_cluster_that_wakes():
    rules = AlertRules(referred={KNOWN: at(10)[0]})
    (alert,) = identifier_alerts(history(0, 10, 11, 12), rules, EVER)
    assert alert["kind"] == AlertKind.REFERRED_AWAKE
    assert alert["observed_at"] == at(11)[0]
    assert not kinds(history(0, 10), rules)
    assert not kinds(history(0, 11, cluster_id=OTHER), rules)
    moved = history(0, 11, cluster_id=OTHER, known_cluster=KNOWN)  # it was a member then
    assert kinds(moved, rules) == {AlertKind.REFERRED_AWAKE}


def test_the_past_is_no_news():
    shared = history(0, 1, 2, 3, 4, orgs=["amazon", "microsoft", "amazon", "amazon", "amazon"])
    assert kinds(shared) == {AlertKind.THRESHOLD, AlertKind.SEVERAL_ORGS}
    assert kinds(shared, since=at(2)[0]) == {AlertKind.THRESHOLD}
    assert not kinds(shared, since=at(5)[0])


@pytest.mark.parametrize("rule", RULES)
def test_late_records_that_do_not_raise_it_leave_an_alert_its_id(rule):
    hours = [0, 1, *(DAY * 30 + n / 10 for n in range(9))]
    orgs = ["amazon", "microsoft"] * 5 + ["amazon"]
    rules = AlertRules(referred={KNOWN: at(DAY)[0]})
    before = [a["alert_id"] for a in rule(history(*hours, orgs=orgs, joins=True), rules)]
    late = sorted([*hours, 2.0, DAY * 9])
    after = [
        a["alert_id"] for a in rule(history(*late, orgs=[*orgs, *orgs[:2]], joins=True), rules)
    ]
    assert before
    assert before == after


def flags_of(lines):
    return next(threshold_alerts(lines, AlertRules(reporters=3)))["flags"]


def test_an_alert_has_the_flags_of_the_records_that_it_counts():
    minutes = [n / 60 for n in range(6)]
    copied = ["script:1|amazon"] * 6
    assert flags_of(history(*minutes)) == ["one_source"]  # of the first three
    rules = AlertRules(reporters=6)
    (alert,) = threshold_alerts(history(*minutes, copied=copied), rules)
    assert alert["flags"] == ["burst", "one_source", "same_text"]
    (alert,) = threshold_alerts(history(*minutes), rules)
    assert alert["flags"] == ["burst", "one_source"]
    # Of a minute, whatever hours of a day they state.
    hours = [4.0 * n for n in range(6)]
    (alert,) = threshold_alerts(history(*hours), rules)
    assert alert["flags"] == ["one_source"]
    came = [int(moment.timestamp() * 1e6) for moment in at(*(30 + minute for minute in minutes))]
    (alert,) = threshold_alerts(history(*hours, filed_at=came), rules)
    assert alert["flags"] == ["burst", "one_source"]
    orgs = ["amazon", "microsoft"] * 3
    (alert,) = threshold_alerts(history(*minutes, orgs=orgs), rules)
    assert alert["flags"] == []
    person = ["amazon|v1"] * 6
    assert sorted(history(*minutes, reporters=person).flags(6)) == ["one_reporter", "one_source"]


def test_a_burst_of_a_minute_is_flagged_whatever_days_its_complaints_state():
    number = "phone:+18885550123"
    stated = [DAY_OF_EVIDENCE + timedelta(hours=3 * n) for n in range(6)]
    came = [DAY_OF_EVIDENCE + timedelta(days=2, seconds=n) for n in range(6)]
    rows = [
        piece(
            number,
            Role.CALLBACK,
            f"c{n}",
            observed_at=observed,
            filed_at=filed,
            victim_key=f"amazon|{n}",
        )
        for n, (observed, filed) in enumerate(zip(stated, came, strict=True))
    ]
    (mentions,) = hard_mentions(by_record(evidence(rows)).combine_chunks().to_batches()[0])
    assert sorted(mentions["filed_at"].to_pylist()) == came
    member = {"entity_id": number, "cluster_id": KNOWN, "status": "infrastructure",
              "last_seen": stated[-1], "orgs": ["amazon"], "reporters": 6}  # fmt: skip
    members = pa.Table.from_pylist([dict.fromkeys(MEMBERSHIP.names) | member], MEMBERSHIP)
    known = KnownClusters(
        np.empty(0, np.int64), np.empty(0, np.int64), replace(NO_DECISIONS, newest=stated[-1])
    )
    (raised,) = identifier_histories(
        members, pa.Table.from_batches([mentions]), TIE.empty_table(), known, FIVE
    )
    assert flags_of(raised) == ["alone", "one_source"]  # of the first three
    assert sorted(raised.flags(6)) == ["alone", "burst", "one_source"]
    tie = {
        "entity_id": raised.entity_id,
        "other": "phone:+18885550124",
        "weight": 1.0,
        "core": True,
    }
    ties = pa.Table.from_pylist([tie], TIE)
    (raised,) = identifier_histories(members, pa.Table.from_batches([mentions]), ties, known, FIVE)
    assert flags_of(raised) == ["one_source"]
