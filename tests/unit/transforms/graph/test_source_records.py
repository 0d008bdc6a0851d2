"""The record of a source: one reporter is one trial, and nobody lowers a count by adding to it."""

from dataclasses import replace
from datetime import timedelta

import pyarrow as pa
from hypothesis import given, strategies as st

from schemas.decision import DecisionKind
from schemas.enums import Role
from schemas.mention import CLASSIFIED
from tests.support.graphs import decision
from tests.support.made_up_evidence import DAY, PHONES, classified, listed, piece
from tests.unit.transforms.graph.test_cluster_summary import totals_of
from transforms.decisions import DecisionsInForce
from transforms.graph.cluster_facts import CLUSTER_RECORD, cluster_facts
from transforms.graph.cluster_summary import SOURCE_TRIAL, source_records, source_trials
from transforms.values import LEAST_WEIGHT, SourceRecord

TRIAL = st.fixed_dictionaries(
    {
        "source_org": st.just("amazon"),
        "channel": st.sampled_from(("web", "email")),
        "reporter": st.integers(1, 6),
        "identifier": st.integers(1, 8),
    }
).map(lambda trial: trial | {"wrong": trial["identifier"] > 4})


def records(rows, pieces=1):
    cut = [rows[start::pieces] for start in range(pieces)]
    return source_records(None, [pa.RecordBatch.from_pylist(part, SOURCE_TRIAL) for part in cut])


@given(st.lists(TRIAL), st.lists(TRIAL), st.integers(1, 3))
def test_a_reporter_is_one_trial_whatever_he_files(rows, lies, pieces):
    lies = [trial | {"reporter": 7} for trial in lies]
    before, after = records(rows), records(rows + lies, pieces)
    assert records(rows[::-1], pieces) == before
    for source in {*before, *after}:
        earlier, later = (
            by_source.get(source, SourceRecord(0, 0)) for by_source in (before, after)
        )
        assert 0 <= later.right - earlier.right <= 1 and 0 <= later.wrong - earlier.wrong <= 1
        assert (later.right - earlier.right) + (later.wrong - earlier.wrong) <= 1
        if not earlier.wrong:
            assert later.weight == 1


def test_a_reporter_is_right_of_a_suspects_identifier_in_any_epoch_and_wrong_of_anothers():
    kinds = DecisionKind.SUSPECT_HELD, DecisionKind.LEGITIMATE
    decisions = (
        replace(decision(kind, phone), members=(phone,))
        for kind, phone in zip(kinds, PHONES[:2], strict=True)
    )
    decided = DecisionsInForce(binding=tuple(decisions))
    rows = [
        piece(f"{PHONES[0]}#2", Role.CALLBACK, "c1", victim_key="amazon|v1", channel="web"),
        piece(PHONES[1], Role.CALLBACK, "c2", victim_key="amazon|v2", channel="web"),
        piece(PHONES[1], Role.CALLER_ID, "c3", victim_key="amazon|v3", channel="web"),
        piece(PHONES[2], Role.CALLBACK, "c4", victim_key="amazon|v4", channel="web"),
    ]
    trials = source_trials(listed(classified(rows), CLASSIFIED), decided)
    assert source_records(None, trials) == {("amazon", "web"): SourceRecord(right=1, wrong=1)}


@given(st.integers(0, 400), st.integers(0, 400))
def test_a_weight_has_bounds_and_follows_the_record(right, wrong):
    weight = SourceRecord(right, wrong).weight
    assert LEAST_WEIGHT <= weight <= 1
    assert SourceRecord(right + 1, wrong).weight >= weight >= SourceRecord(right, wrong + 1).weight


RECORD = st.fixed_dictionaries(
    {
        "cluster_id": st.just("c-1"),
        "source_org": st.just("amazon"),
        "observed_at": st.integers(0, 9).map(lambda hours: DAY + timedelta(hours=hours)),
        "record_kind": st.sampled_from(("complaint", "complaint", "call")),
        "reporter_key": st.none() | st.sampled_from([f"amazon|v{n}" for n in range(5)]),
        "channel": st.sampled_from(("web", "email", None)),
        "script": st.sampled_from(("words", None)),
    }
)


@given(st.lists(RECORD, min_size=1, max_size=9), RECORD)
def test_no_record_more_lowers_a_cluster(rows, more):
    def ranked_by(filed):
        every = pa.Table.from_pylist(
            [row | {"record_id": f"r{n}"} for n, row in enumerate(filed)], CLUSTER_RECORD
        )
        doubted = {("amazon", "web"): SourceRecord(0, 9), ("amazon", "unknown"): SourceRecord(9, 9)}
        facts = cluster_facts(totals_of(every), sources=doubted)["c-1"]
        plain = cluster_facts(totals_of(every))["c-1"]
        assert facts.ranked_by["reporters"] <= plain.ranked_by["reporters"] == plain.bounded
        assert facts.ranked_by["reporters"] >= LEAST_WEIGHT * plain.bounded
        return facts.ranked_by["reporters"]

    assert ranked_by([*rows, more]) >= ranked_by(rows) - 1e-9
