"""Decisions: what a file must hold, which bind, and what they do to communities."""

import csv
import dataclasses
import itertools
import json
from datetime import UTC, date, datetime, timedelta
from time import process_time

import networkx as nx
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, strategies as st

from schemas.decision import PROTECTING_DECISIONS, DecisionKind, members_digest
from schemas.entity import without_epoch
from tests.support.examples import draws
from tests.support.graphs import evidence, no_epochs, no_lines, no_suppliers
from transforms.decisions import (
    SHOWN,
    BoundBy,
    DaysOfUse,
    Decision,
    DecisionError,
    DecisionsInForce,
    RowSignature,
    await_second_person,
    bind,
    bound_rows,
    decisions_in_force,
    parse_decisions,
    taken_over,
)
from transforms.graph.assign import apply_constraints
from transforms.graph.communities import CommunityResult, detect_communities
from transforms.graph.incidence import cluster_ties

WHEN = datetime(2024, 3, 1, tzinfo=UTC)

ROW = {
    "decision_id": "d1",
    "kind": "must_link",
    "entity_a": "+18885550101",
    "entity_b": "Amzn-Refund.support",
    "author": "anna",
    "reason": "same payee",
    "decided_at": "2024-03-01T00:00:00Z",
    "expires_at": "",
}


def as_csv(*rows):
    lines = [",".join(ROW), *(",".join((ROW | row).values()) for row in rows)]
    return "\n".join(lines) + "\n"


def test_csv_and_json_lines_say_the_same():
    (parsed,) = parse_decisions(as_csv({}), "d.csv")
    assert parsed.entity_a == "phone:+18885550101"
    assert parsed.entity_b == "domain:amzn-refund.support"
    assert parsed.decided_at == WHEN
    assert parsed.expires_at is None
    assert parse_decisions(json.dumps(ROW | {"expires_at": None}), "d.jsonl") == (parsed,)
    assert parse_decisions("\ufeff" + as_csv({}), "d.csv") == (parsed,)


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"kind": "maybe"}, "row 2, kind: no such kind 'maybe'; use legitimate"),
        ({"entity_a": ""}, "row 2, entity_a: is empty"),
        ({"entity_b": ""}, "row 2, entity_b: must_link is about two entities"),
        ({"entity_b": "+18885550101"}, "row 2, entity_b: must_link is about two entities"),
        ({"kind": "confirm"}, "row 2, entity_b: confirm is about one entity"),
        ({"entity_a": "8885550101"}, "row 2, entity_a: '8885550101' has no country"),
        ({"author": " "}, "row 2, author: is empty"),
        ({"reason": "x" * 501}, "row 2, reason: is not one line of at most 500"),
        ({"decided_at": "yesterday"}, "row 2, decided_at: 'yesterday' is not an ISO 8601 time"),
        ({"decided_at": "2024-03-01"}, "row 2, decided_at: '2024-03-01' has no zone"),
        ({"decided_at": "0001-01-01T00:00:00+23:00"}, "0' is not an ISO 8601 time"),
        ({"expires_at": "9999-12-31T23:59:59-23:00"}, "0' is not an ISO 8601 time"),
        ({"expires_at": "2024-02-01T00:00:00Z"}, "row 2, expires_at: is not after decided_at"),
    ],
)
def test_an_unusable_row_is_rejected_with_its_place(row, says):
    with pytest.raises(DecisionError, match=r"^d\.csv, ") as error:
        parse_decisions(as_csv(row), "d.csv")
    assert says in str(error.value)


@pytest.mark.parametrize(
    "text",
    [
        as_csv({}, {}),
        "entity_a,kind\na,b\n",
        as_csv({}).rstrip() + ",more\n",
        '{"decision_id": 1}',
        "{",
        '{"other": "x"}',
        '{"decision_id":' * 100_000,
        '{"decision_id": ' + "1" * 5_000 + "}",
    ],
)
def test_a_file_that_is_none_is_refused(text):
    with pytest.raises(DecisionError, match=r"^d: |^d, row "):
        parse_decisions(text, "d")


SIGNED = {"previous": "a" * 64, "key_id": "b" * 64, "signature": "c2lnbmVk"}


def test_a_row_keeps_its_signature_and_a_typed_one_has_none():
    first, unsigned = SIGNED | {"previous": ""}, dict.fromkeys(SIGNED, "")
    texts = json.dumps(ROW | first), json.dumps(ROW | unsigned)
    signed, typed = (parse_decisions(text, "d.jsonl")[0].signature for text in texts)
    assert {name: getattr(signed, name) for name in SIGNED} == first and typed is None


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"key_id": ""}, "key_id: is empty in a row that was signed; "),
        ({"signature": ""}, "signature: is empty in a row that was signed; "),
        ({"previous": "a" * 63}, "previous: is no SHA-256 in hexadecimal; "),
        ({"key_id": "g" * 64}, "key_id: is no SHA-256 in hexadecimal; "),
        ({"signature": "c2lnbmVk="}, "signature: is not base64; "),
        ({"signature": "c2lnbmV"}, "signature: is not base64; "),
    ],
)
def test_a_broken_signature_is_named_with_what_to_do(wrong, says):
    remedy = "leave previous, key_id, signature empty, and the row counts as typed"
    with pytest.raises(DecisionError) as error:
        parse_decisions(json.dumps(ROW | SIGNED | wrong), "d.jsonl")
    assert str(error.value) == f"d.jsonl, row 1, {says}{remedy}"


def test_the_manifest_counts_what_each_decision_came_to():
    signature = RowSignature("", "k", "", known=True)
    decided = decisions_in_force(
        [
            decision("d1", "confirm", "a", members=("a", "b"), bound_by=BoundBy.FILE),
            decision("d2", "review", "c", members=(), bound_by=BoundBy.HERE),
            decision("d3", "confirm", "e", signature=signature),
            decision(
                "d4", "dispute", "e", signature=signature, decided_at=WHEN + timedelta(days=1)
            ),
            decision("d5", "legitimate", "g", expires_at=WHEN + timedelta(hours=1)),
            decision("d6", "legitimate", "h", decided_at=WHEN + timedelta(days=9)),
            decision("d7", "suspect_held", "i", void="is unsigned"),
        ],
        WHEN + timedelta(days=2),
        WHEN + timedelta(days=2),
    )
    counted = {name: count for (group, name), count in decided.counters() if group == "decisions"}
    assert {name: count for name, count in counted.items() if count} == {
        "in_force_confirm": 1,
        "in_force_review": 1,
        "in_force_dispute": 1,
        "expired": 1,
        "decided_later": 1,
        "entities_named": 3,
        "bound_in_file": 1,
        "bound_here": 1,
        "cover_nothing": 1,
        "not_signed": 4,  # a later one binds nobody yet
        "without_effect": 1,
        "taken_back": 1,
    }


def test_no_path_is_searched_between_what_nothing_ties(monkeypatch):
    chains = [
        decision(f"m{end}{row:02d}", "must_link", f"{end}{row}", f"{end}{row + 1}")
        for end in "ab"
        for row in range(50)
    ]
    apart = [decision(f"c{row:02d}", "cannot_link", f"a{row}", f"b{row}") for row in range(50)]
    tie = decision("t", "must_link", "a0", "b0")
    searched, search = [], nx.has_path
    monkeypatch.setattr(nx, "has_path", lambda *ends: searched.append(ends) or search(*ends))
    assert decisions_in_force([*chains, *apart], None, None).set_aside == ()
    assert searched == []
    decided = decisions_in_force([*chains, *apart, tie], None, None)
    assert [name for name, _ in decided.set_aside] == ["t"] and len(searched) == 2


def decision(name, kind, a, b=None, **more):
    fields = {"author": "anna", "reason": "r", "decided_at": WHEN, "expires_at": None} | more
    return Decision(decision_id=name, kind=DecisionKind(kind), entity_a=a, entity_b=b, **fields)


def test_expired_and_later_decisions_have_no_say():
    ends = WHEN + timedelta(days=10)
    confirmed = decision("d1", "confirm", "a", expires_at=ends)
    for as_of, newest, binding, expired, later in (
        (None, ends - timedelta(seconds=1), 1, 0, 0),
        (None, ends, 0, 1, 0),
        (None, WHEN - timedelta(days=1), 1, 0, 0),
        (None, None, 1, 0, 0),
        (ends, WHEN, 0, 1, 0),
        (WHEN, ends, 1, 0, 0),
        (WHEN - timedelta(days=1), ends, 0, 0, 1),
    ):
        decided = decisions_in_force([confirmed], as_of, newest)
        assert (len(decided.binding), decided.expired, decided.later) == (binding, expired, later)


def test_contradictions_are_reported_and_the_safer_one_holds():
    decided = decisions_in_force(
        [
            decision("d1", "must_link", "a", "b"),
            decision("d2", "must_link", "b", "c"),
            decision("d3", "cannot_link", "c", "a"),
            decision("d4", "must_link", "x", "y"),
            decision("d5", "confirm", "p"),
            decision("d6", "dispute", "p"),
            decision("d7", "legitimate", "q"),
            decision("d8", "must_link", "y", "q"),
        ],
        None,
        None,
    )
    assert [binding.decision_id for binding in decided.binding] == ["d3", "d4", "d6", "d7"]
    assert decided.contradictions == (
        "cannot_link d3 against must_link d1, d2",
        "dispute d6 against confirm d5",
        "legitimate d7 against must_link d8",
    )


@pytest.mark.parametrize(
    ("safer", "weaker"),
    [
        *(("legitimate", name) for name in ("confirm", "review", "must_link", "suspect_held")),
        *(("victim_owned", name) for name in ("confirm", "review", "must_link", "suspect_held")),
        *(("dispute", name) for name in ("confirm", "review")),
        ("cannot_link", "must_link"),
    ],
)
@pytest.mark.parametrize(("near", "far"), [("phone:1", "phone:1"), ("phone:1#2", "phone:1#3")])
def test_what_protects_an_identifier_outweighs_what_names_it_in_every_epoch(
    safer, weaker, near, far
):
    decided = decisions_in_force(
        [
            decision("d1", safer, near, "domain:x" if safer == "cannot_link" else None),
            decision("d2", weaker, far, "domain:x" if weaker == "must_link" else None),
        ],
        None,
        WHEN,
    )
    assert [binding.decision_id for binding in decided.binding] == ["d1"]
    assert decided.contradictions == (f"{safer} d1 against {weaker} d2",)
    assert [ineffective.decision_id for ineffective in decided.without_effect] == ["d2"]


@pytest.mark.parametrize(
    ("days", "key", "alarm"), [(1, "k", False), (0, "k", False), (-1, "k", True), (1, "", True)]
)
@pytest.mark.parametrize(
    ("safer", "weaker"),
    [("legitimate", "confirm"), ("dispute", "review"), ("cannot_link", "must_link")],
)
def test_what_somebody_signed_later_takes_back_and_is_no_alarm(safer, weaker, days, key, alarm):
    second_end = "domain:x" if safer == "cannot_link" else None
    known = RowSignature("", key, "", known=True) if key else None
    back = decision(
        "d1", safer, "phone:1", second_end, decided_at=WHEN + timedelta(days=days), signature=known
    )
    typed = decision("d0", safer, "phone:1", second_end, decided_at=WHEN + timedelta(days=9))
    accuses = decision("d2", weaker, "phone:1", second_end)
    decided = decisions_in_force([back, accuses, typed], None, WHEN)
    assert {binding.decision_id for binding in decided.binding} == {"d0", "d1"}
    assert dict(decided.set_aside).keys() == {"d2"}
    assert bool(decided.contradictions) == alarm
    assert dict(decided.counters()).get(("decisions", "taken_back")) == (None if alarm else 1)


def test_what_does_not_contradict_stays_in_force():
    kinds = ("legitimate", "dispute", "victim_owned")
    both = [decision(f"d{n}", kind, "phone:1") for n, kind in enumerate(kinds)]
    both.append(decision("e1", "suspect_held", "phone:2"))
    both.append(decision("e2", "confirm", "phone:2"))
    decided = decisions_in_force(both, None, WHEN)
    assert len(decided.binding) == len(both)
    assert not decided.contradictions


def shown(*rows, verify=()):
    """SHOWN rows of (entity, cluster, days after WHEN of its first record); members are core."""
    return pa.Table.from_pylist(
        [
            {
                "entity_id": entity,
                "cluster_id": cluster,
                "first_seen": WHEN + timedelta(days=days),
                "core": cluster is not None and entity not in verify,
                "first_used": WHEN + timedelta(days=days),
                "last_used": WHEN + timedelta(days=days + 9),
            }
            for entity, cluster, days in rows
        ],
        SHOWN,
    )


CLUSTER = shown(
    ("a:1", "c", -2), ("a:2", "c", 0), ("a:3", "c", 1), ("phone:1", "d", -1), ("x:1", None, -1)
)

SPAN = (WHEN - timedelta(days=2), WHEN + timedelta(days=1))


@pytest.mark.parametrize(
    ("kind", "ends", "covered"),
    [
        ("confirm", ("a:1",), ("a:1", "a:2")),
        ("dispute", ("a:3",), ("a:1", "a:2")),
        ("review", ("a:2",), ("a:2",)),
        ("review", ("a:3",), ()),
        ("suspect_held", ("x:1",), ("x:1",)),
        ("legitimate", ("a:9",), ()),
        ("must_link", ("a:1", "phone:1"), ("a:1", "phone:1")),
        ("cannot_link", ("a:1", "a:3"), ("a:1",)),
    ],
)
def test_a_decision_is_bound_to_what_was_there_when_it_was_made(kind, ends, covered):
    made = decision("d1", kind, *ends)
    (bound,) = bind([made], CLUSTER, SPAN, "run-1", BoundBy.PREVIOUS)
    assert bound.members == covered
    assert bound.digest == members_digest(covered)
    assert (bound.run_id, bound.interval) == ("run-1", SPAN)
    assert bind([bound], CLUSTER.slice(0, 1), None, "run-2", BoundBy.HERE) == (bound,)


def test_a_confirm_covers_core_members_and_the_one_that_it_names():
    cluster = shown(("a:1", "c", -2), ("a:2", "c", -1), ("a:3", "c", -1), verify=("a:2", "a:3"))
    made = [decision("d1", "confirm", "a:1"), decision("d2", "confirm", "a:2")]
    covered = [bound.members for bound in bind(made, cluster, SPAN, "run-1", BoundBy.PREVIOUS)]
    assert covered == [("a:1",), ("a:1", "a:2")]


def test_a_binding_is_taken_over_from_the_table_if_what_was_written_is_the_same():
    confirmed = decision("d1", "confirm", "a:1")
    owned = decision("d2", "victim_owned", "phone:+12025550147")
    made = bind([confirmed, owned], CLUSTER, SPAN, "run-1", BoundBy.PREVIOUS)
    rows = bound_rows(decisions_in_force(made, None, WHEN))
    assert "2025550147" not in repr(rows.to_pylist())
    again = taken_over([confirmed, owned], rows)
    assert [(each.members, each.run_id, each.interval) for each in again] == [
        (each.members, each.run_id, each.interval) for each in made
    ]
    for changed in ({"reason": "s"}, {"entity_a": "a:2"}, {"decided_at": SPAN[0]}):
        (changed_decision,) = taken_over([dataclasses.replace(confirmed, **changed)], rows)
        assert changed_decision.members is None
    # What a later run withholds stands there no more, and is still the same row.
    hidden = bound_rows(decisions_in_force(made, None, WHEN), withheld=["a:1"])
    assert "a:1" not in repr(hidden.to_pylist())
    (less, _) = taken_over([confirmed, owned], hidden)
    assert "a:2" in less.members
    assert "a:1" not in less.members
    assert [each.entity_id for each in made[0].used] == ["a:1", "a:2"]
    assert [each.entity_id for each in less.used] == ["a:2"]
    assert again[0].used == made[0].used


def test_only_what_is_in_force_and_not_disputed_is_reviewed():
    made = [
        decision("d1", "confirm", "a:1"),
        decision("d2", "review", "phone:1"),
        decision("d3", "dispute", "phone:1#2"),
    ]
    decided = decisions_in_force(made[:2], None, WHEN).bound_to(CLUSTER, SPAN)
    assert decided.reviewed() == {"a:1", "a:2", "phone:1"}
    assert decided.disputed() == frozenset()
    decided = decisions_in_force(made, None, WHEN).bound_to(CLUSTER, SPAN)
    assert decided.reviewed() == {"a:1", "a:2"}
    assert "phone:1" in {
        without_epoch(entity) for entity in decided.protected(DecisionKind.DISPUTE)
    }


USED = (date(2024, 1, 5), date(2024, 3, 9))

BOUND = {"members": '["a:1"]', "members_digest": members_digest(["a:1"])}


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"members": '["a:1"]', "members_digest": "00"}, "members_digest: is not that of"),
        ({"members": "a:1", "members_digest": "00"}, "members: is not a list of entity ids"),
        ({"members": "", "members_digest": "00"}, "members_digest: without members"),
        ({"members": "[1]", "members_digest": "00"}, "members: is not a list of entity ids"),
        (BOUND | {"used": '["2024-01-05"]'}, "used: is not a list in JSON of a first and a last"),
        (BOUND | {"used": '["2024-01-05/2024-01-06", ""]'}, "used: is not a list in JSON"),
        (BOUND | {"used": "[1]"}, "used: is not a list in JSON"),
        (BOUND | {"used": '["2024-01-06/2024-01-05"]'}, "used: is not a list in JSON"),
        (BOUND | {"used": "2024-01-05"}, "used: is not a list in JSON"),
    ],
)
def test_a_binding_that_was_changed_by_hand_is_refused(row, says):
    whole = ROW | {"run_id": "", "bound_from": "", "bound_to": ""} | row
    with pytest.raises(DecisionError, match=says):
        parse_decisions(json.dumps(whole), "d.jsonl")


@pytest.mark.parametrize(
    ("used", "days"),
    [({}, ()), ({"used": '["2024-01-05/2024-03-09"]'}, (DaysOfUse("a:1", *USED),))],
)
def test_a_row_is_bound_with_the_days_of_use_that_it_has_or_none(used, days):
    whole = ROW | {"run_id": "run-1"} | BOUND | used
    (parsed,) = parse_decisions(json.dumps(whole), "d.jsonl")
    assert (parsed.members, parsed.run_id, parsed.used) == (("a:1",), "run-1", days)


@pytest.mark.parametrize("field", ["decision_id", "author", "reason"])
def test_what_is_shown_of_a_victims_number_may_not_name_it(field):
    row = ROW | {"kind": "victim_owned", "entity_a": "+12025550147", "entity_b": None}
    with pytest.raises(DecisionError, match=f"{field}: names the victim's identifier") as error:
        parse_decisions(json.dumps(row | {field: "her line (202) 555-0147"}), "d.jsonl")
    assert "0147" not in str(error.value)


@pytest.mark.parametrize(
    ("days", "waiting"),
    [((None, None), []), ((9, None), ["d2"]), ((None, 9), ["d1"]), ((9, 9), []), ((9, 8), ["d1"])],
)
def test_a_second_person_decides_for_as_long_or_the_decision_waits(days, waiting):
    first, second = (
        decision(name, "suspect_held", "phone:1", author=author, expires_at=ends)
        for name, author, ends in zip(
            ("d1", "d2"),
            ("anna", "ben"),
            (count and WHEN + timedelta(days=count) for count in days),
            strict=True,
        )
    )
    signed = [
        dataclasses.replace(each, signature=RowSignature("", each.author, "", known=True))
        for each in (first, second)
    ]
    checked = await_second_person(signed, {DecisionKind.SUSPECT_HELD})
    assert [each.decision_id for each in checked if each.void is not None] == waiting
    counters = dict(decisions_in_force(checked, None, WHEN).counters())
    assert counters.get(("decisions", "without_effect"), 0) == len(waiting)


names = st.sampled_from("abcdef")

links = st.lists(
    st.tuples(st.sampled_from(("must_link", "cannot_link")), names, names).filter(
        lambda drawn_pair: drawn_pair[1] != drawn_pair[2]
    ),
    max_size=8,
)


@given(links, st.randoms())
def test_what_binds_never_contradicts_itself(drawn, random):
    given_ = [decision(f"d{n}", *fields) for n, fields in enumerate(drawn)]
    decided = decisions_in_force(given_, None, None)
    graph = nx.Graph(decided.pairs(DecisionKind.MUST_LINK))
    cannot = decided.pairs(DecisionKind.CANNOT_LINK)
    assert not any(a in graph and b in graph and nx.has_path(graph, a, b) for a, b in cannot)
    whole = nx.Graph([(a, b) for kind, a, b in drawn if kind == "must_link"])
    torn = any(
        kind == "cannot_link" and a in whole and b in whole and nx.has_path(whole, a, b)
        for kind, a, b in drawn
    )
    assert bool(decided.contradictions) == torn
    random.shuffle(given_)
    assert decisions_in_force(given_, None, None) == decided


@st.composite
def bound(draw):
    nodes = draw(st.integers(2, 8))
    groups = draw(st.lists(st.sets(st.integers(0, nodes - 1), min_size=2, max_size=4), max_size=12))
    pair = st.tuples(st.integers(0, nodes - 1), st.integers(0, nodes - 1))
    pairs = draw(st.lists(pair.filter(lambda ends: ends[0] != ends[1]), max_size=5))
    must, cannot = [], []
    for number, (a, b) in enumerate(pairs):
        graph = nx.Graph(must)
        graph.add_nodes_from(range(nodes))
        if number % 2 and not nx.has_path(graph, a, b):
            cannot.append((a, b))
        elif not cannot:
            must.append((a, b))
    return (
        nodes,
        groups,
        must,
        [(a, b) for a, b in cannot if not nx.has_path(_linked(nodes, must), a, b)],
    )


def _linked(nodes, must):
    graph = nx.Graph(must)
    graph.add_nodes_from(range(nodes))
    return graph


@draws(60)
@given(bound())
def test_decisions_bind_the_communities(drawn):
    nodes, groups, must, cannot = drawn
    named = evidence(groups, nodes)
    held = np.bincount(named.node, minlength=nodes)
    free = detect_communities(named, no_suppliers(nodes), held, no_lines(nodes), no_epochs())
    label = apply_constraints(free, named, must, cannot).label
    assert all(label[a] == label[b] for a, b in must)
    assert all(label[a] != label[b] for a, b in cannot)
    again = apply_constraints(free, named, must[::-1], [*reversed(cannot)])
    assert (again.label == label).all()
    if not must and not cannot:
        assert (label == free.label).all()


def one_community(nodes):
    none = np.zeros(nodes, bool)
    return CommunityResult(np.zeros(nodes, np.int64), none, np.zeros(nodes), none, none)


def test_the_weakest_link_gives_way():
    named = evidence([{0, 1}] * 3 + [{1, 2}] + [{2, 3}] * 3, 4)
    assert apply_constraints(one_community(4), named, [], [(0, 3)]).label.tolist() == [0, 0, 2, 2]


@draws(60)
@given(bound())
def test_no_cut_is_lighter(drawn):
    nodes, groups, _, _ = drawn
    named = evidence(groups, nodes)
    label = apply_constraints(one_community(nodes), named, [], [(0, nodes - 1)]).label
    graph = cluster_ties(named, np.arange(nodes))

    def cut(side):
        return graph.weight[side[graph.a] != side[graph.b]].sum()

    every = (
        np.array([False, *inner, True])
        for inner in itertools.product((False, True), repeat=nodes - 2)
    )
    assert cut(label == label[-1]) == pytest.approx(min(map(cut, every)), abs=1e-4)


EPOCHS = ("phone:+1", "phone:+1#2", "phone:+1#3", "phone:+2", "phone:+2#2")


@given(
    st.lists(
        st.tuples(
            st.sampled_from(DecisionKind),
            st.lists(st.sampled_from(EPOCHS), min_size=2, max_size=2, unique=True),
        ),
        max_size=12,
    )
)
def test_a_decision_is_about_its_epochs_and_one_that_protects_about_all(drawn):
    made = [decision(f"d{number:02}", kind, *ends) for number, (kind, ends) in enumerate(drawn)]
    decided = DecisionsInForce(binding=tuple(made))
    for entity_id in (*EPOCHS, "phone:+3"):
        bare = without_epoch(entity_id)
        assert decided.about(entity_id) == [
            each
            for each in made
            if entity_id in each.entities
            or (each.kind in PROTECTING_DECISIONS and bare in map(without_epoch, each.entities))
        ]


def test_what_decisions_are_about_is_found_without_reading_all_for_each():
    ids = [f"phone:+1{number}" for number in range(30_000)]
    made = [decision(f"d{entity_id}", "suspect_held", entity_id) for entity_id in ids]
    decided = DecisionsInForce(binding=tuple(made))
    start = process_time()
    assert all(len(decided.about(entity_id)) == 1 for entity_id in ids)
    assert process_time() - start < 5, "it was 98 seconds"


def test_no_thread_lowers_the_limit_under_which_another_reads():
    csv.field_size_limit(131_072)  # the default
    parse_decisions(as_csv({}), "d.csv")
    assert csv.field_size_limit() > 1_000_000


@pytest.mark.slow
def test_a_long_file_of_decisions_takes_time_in_proportion():
    head = "decision_id,kind,entity_a,entity_b,author,reason,decided_at,expires_at\n"
    row = "D-{0},legitimate,phone:+1{0:010d},,Ada Cole,asked,2026-01-01T00:00:00Z,\n"
    text = head + "".join(row.format(2_002_000_000 + number) for number in range(12_000))
    start = process_time()
    decided = decisions_in_force(parse_decisions(text, "d.csv"), None, datetime.now(UTC))
    assert pc.sum(bound_rows(decided)["in_force"]).as_py() == 12_000
    assert process_time() - start < 15, "it was two minutes"


def test_the_name_of_a_field_that_is_unknown_adds_no_line():
    with pytest.raises(DecisionError, match=r"'a\\nb': no such field") as error:
        parse_decisions('{"a\\nb": 1}\n', "d.jsonl")
    assert "\n" not in str(error.value)
