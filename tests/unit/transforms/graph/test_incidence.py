from collections import Counter, defaultdict

import numpy as np
import pyarrow as pa
from hypothesis import given, strategies as st

from schemas.enums import Role, Status
from tests.support.graphs import evidence
from tests.support.made_up_evidence import CLASSIFIED_MENTION, DAY
from transforms.arrow import hash_text
from transforms.graph.incidence import (
    BURST_HOURS,
    BURST_SPAN,
    INCIDENCE,
    bound_bursts,
    cluster_ties,
    first_of_spans,
    group_reporters,
    hard_evidence,
    incidence_from_rows,
    incidences,
    most_at_first,
)

GROUPS = st.lists(
    st.tuples(st.sets(st.integers(0, 6), min_size=1, max_size=5), st.integers(0, 3)), max_size=12
)

LABELS = st.lists(st.integers(0, 3), min_size=7, max_size=7)


def naive(groups, label):
    """Ties by their definition, pair by pair and victim by victim."""
    best, hanging = {}, defaultdict(lambda: defaultdict(float))
    size = np.bincount(label, minlength=7)
    records = Counter(victim for _, victim in groups)
    for nodes, victim in groups:
        named = defaultdict(list)
        for node in nodes:
            named[label[node]].append(node)
        for a in named:
            for b in named:
                if a < b:
                    worth = 1 / (len(named) - 1) / records[victim]
                    if worth > best.get((a, b, victim), (0,))[0]:
                        best[a, b, victim] = (worth, named[a], named[b])
    for (a, b, _), (worth, *sides) in best.items():
        for side in sides:
            if len(side) == 1 and size[label[side[0]]] > 1:
                hanging[a, b][side[0]] += worth
    weight, victims = defaultdict(float), defaultdict(int)
    for (a, b, _), (worth, *_) in best.items():
        weight[a, b] += worth
        victims[a, b] += 1
    return {
        pair: (weight[pair], victims[pair], weight[pair] - max(hanging[pair].values(), default=0))
        for pair in weight
    }


@given(GROUPS, LABELS)
def test_ties_are_what_their_definition_says(groups, label):
    ties = cluster_ties(
        evidence([nodes for nodes, _ in groups], 7, [v for _, v in groups]), np.array(label)
    )
    got = {
        (a, b): (weight, victims, apart)
        for a, b, weight, victims, apart in zip(
            ties.a.tolist(),
            ties.b.tolist(),
            ties.weight.tolist(),
            ties.reporters.tolist(),
            ties.independent.tolist(),
            strict=True,
        )
    }
    wanted = naive(groups, label)
    assert set(got) == set(wanted)
    for pair, numbers in wanted.items():
        np.testing.assert_allclose(got[pair][:2], numbers[:2])
        # Which of a victim's equal records stands for him may differ; the bound may not.
        assert got[pair][2] >= -1e-9


def test_all_records_of_one_reporter_are_worth_one():
    flood = [{0, node} for node in range(1, 7)]
    ties = cluster_ties(evidence([{0, 1}, *flood], 7, [0, *[1] * 6]), np.arange(7))
    worth = np.bincount(ties.a, ties.weight, 7)
    np.testing.assert_allclose(worth[0], 2)


def test_each_record_of_k_nodes_gives_each_node_one_records_worth():
    ties = cluster_ties(evidence([{0, 1, 2, 3}], 4), np.arange(4))
    worth = np.bincount(ties.a, ties.weight, 4) + np.bincount(ties.b, ties.weight, 4)
    np.testing.assert_allclose(worth, 1)


def test_a_tie_through_one_of_several_members_hangs_on_it():
    label = np.array([0, 0, 2, 2])
    ties = cluster_ties(evidence([{0, 2}, {0, 3}, {0, 2}], 4), label)
    assert ties.weight.tolist() == [3]
    assert ties.independent.tolist() == [0]
    ties = cluster_ties(evidence([{0, 2}, {1, 3}, {0, 2}], 4), label)
    assert ties.independent.tolist() == [1]


def row(entity, group, role=Role.CALLBACK, status=Status.INFRASTRUCTURE, victim=None, day=1):
    empty = dict.fromkeys(CLASSIFIED_MENTION.names)
    return empty | {
        "entity_id": entity,
        "kind": "phone",
        "role": str(role),
        "source_org": "a",
        "record_kind": "complaint",
        "record_id": group,
        "observed_at": day * 86_400_000_000,
        "confidence": 1.0,
        "group_id": group,
        "victim_key": victim,
        "reporter_key": victim,
        "status": str(status),
    }


def test_only_what_a_suspect_must_hold_counts():
    rows = [
        row("phone:+1", "g"),
        row("phone:+2", "g", day=2),
        row("phone:+3", "g", role=Role.CALLER_ID),
        row("phone:+4", "g", status=Status.SUPPRESSED),
        row("phone:+5", "alone"),
        *(row(f"phone:+{n}", "wide") for n in range(10, 14)),
    ]
    incidence = incidences(hard_evidence(pa.Table.from_pylist(rows, CLASSIFIED_MENTION)), widest=3)
    assert set(incidence["node"].to_pylist()) == set(hash_text(pa.array(["phone:+1", "phone:+2"])))
    assert len(set(incidence["group"].to_pylist())) == 1
    assert {time.day for time in incidence["observed_at"].to_pylist()} == {2}


def test_numbering_drops_what_is_no_node():
    node = np.sort(hash_text(pa.array(["x", "y"])))
    rows = pa.table(
        {
            "group": [5, 5, 9],
            "node": hash_text(pa.array(["x", "z", "y"])),
            "reporter": [1, 1, 2],
            "observed_at": pa.array([0, 0, 86_400_000_000], pa.int64()).cast(
                INCIDENCE.field("observed_at").type
            ),
            "copied": [None] * 3,
            "copied_at": [None] * 3,
        },
        schema=INCIDENCE,
    )
    incidence = incidence_from_rows(rows, node)
    assert incidence.nodes == 2
    assert sorted(incidence.group.tolist()) == [0, 1]
    assert incidence.day.tolist() == [0.0, 1.0]


def test_calls_whose_complaint_was_not_read_have_one_reporter_for_each_organisation():
    groups = pa.table({"reporter_key": ["a|v1", None, None, None], "source_org": list("aaab")})
    named, *unnamed = group_reporters(groups).to_pylist()
    assert named == "a|v1"
    assert unnamed[0] == unnamed[1] != unnamed[2]
    assert named not in unnamed


def test_copies_of_a_text_within_hours_count_as_the_first_who_sent_it():
    hour = BURST_SPAN // BURST_HOURS
    sent = [(1, 7, 0), (2, 7, hour), (3, 8, 0), (4, None, None)]
    rows = [
        {"group": who, "node": 1, "reporter": who, "observed_at": DAY}
        | {"copied": text, "copied_at": moment}
        for who, text, moment in sent
    ]
    bounded, changed = bound_bursts(pa.Table.from_pylist(rows, INCIDENCE))
    assert bounded["reporter"].to_pylist() == [1, 1, 3, 4]
    assert changed.tolist() == [False, True, False, False]


MOMENTS = st.lists(st.integers(0, 6), max_size=8)


def counted(copies):
    return len(set(first_of_spans(("text", moment, who) for moment, who in copies).values()))


@given(MOMENTS)
def test_who_sent_one_copy_each_are_as_many_as_the_fewest_spans_that_hold_them(moments):
    copies = [(moment * BURST_SPAN // 2, who) for who, moment in enumerate(moments)]
    spans, end = 0, -1
    for moment, _ in sorted(copies):
        if moment > end:
            spans, end = spans + 1, moment + BURST_SPAN
    assert counted(copies) == spans


@given(MOMENTS, st.lists(st.tuples(st.integers(0, 6), st.integers(100, 102)), max_size=8))
def test_no_copy_that_is_added_lowers_what_others_count(moments, added):
    copies = [(moment * BURST_SPAN // 2, who) for who, moment in enumerate(moments)]
    lies = [(moment * BURST_SPAN // 2, who) for moment, who in added]
    both = counted([*copies, *lies])
    assert counted(copies) <= both <= len({who for _, who in [*copies, *lies]})


CAME = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 6)), max_size=12)


@given(CAME, st.sampled_from([{}, {1: 0, 0: 0}, {3: 2, 2: 2, 4: 2}]), st.integers(0, 4))
def test_those_of_a_day_are_the_most_whose_first_complaints_one_span_holds(came, alike, span):
    first = {}
    for moment, who in sorted(came):
        first.setdefault(alike.get(who, who), moment)
    most = max(
        (
            sum(start <= moment <= start + span for moment in first.values())
            for start in first.values()
        ),
        default=0,
    )
    people = most_at_first(sorted(came), alike, span)
    assert len(people) == len(set(people)) == most
    assert not people or max(map(first.get, people)) - min(map(first.get, people)) <= span
