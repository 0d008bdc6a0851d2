"""Epochs of identifiers against the rule in plain Python."""

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings, strategies as st

from schemas.decision import DecisionKind
from schemas.entity import epoch_number, with_epoch, without_epoch
from schemas.enums import HARD_ROLES, Role, Status
from schemas.mention import EVIDENCE
from tests.support.graphs import classify_evidence, decision
from tests.support.made_up_evidence import DAY, evidence, piece
from transforms.extract import allowlist
from transforms.graph.activity import sum_activity
from transforms.graph.epochs import find_epoch_starts, shipped_lifetimes
from transforms.graph.ownership import Settled

PHONE, MAIL, BANK = "phone:+18885550100", "email:a@b.example", "account:iban:DE02120300000000202051"

LIVES = {"phone": 45.0, "email": 100.0}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

NOBODY = allowlist.parse_allowlist("entity_id,reason\n", "none.csv")

ROWS = st.lists(
    st.tuples(
        st.sampled_from((PHONE, MAIL, BANK, "phone:+18885550101")),
        st.sampled_from((Role.CALLBACK, Role.CALLBACK, Role.CALLER_ID)),
        st.integers(0, 400),
    ),
    max_size=14,
).map(
    lambda seen: [
        piece(entity, role, f"c{n}", observed_at=DAY + timedelta(days=day))
        for n, (entity, role, day) in enumerate(seen)
    ]
)


def naive(rows):
    """The id of each row."""
    begins = defaultdict(list)
    for entity in {row["entity_id"] for row in rows}:
        life = LIVES.get(entity.partition(":")[0], 10**6)
        times = sorted(
            r["observed_at"] for r in rows if r["entity_id"] == entity and r["role"] in HARD_ROLES
        )
        for before, now in pairwise(times):
            if now - before > timedelta(days=life):
                begins[entity].append(now)
    return [
        with_epoch(
            row["entity_id"],
            1 + sum(start <= row["observed_at"] for start in begins[row["entity_id"]]),
        )
        for row in rows
    ]


@settings(deadline=None)
@given(ROWS)
def test_epochs_by_the_rule(rows):
    ids = pa.array(sorted({row["entity_id"] for row in rows}), pa.string())
    seen = pa.Table.from_pylist(rows, EVIDENCE)
    found = find_epoch_starts(sum_activity(seen), ids, LIVES)
    days = np.array([(row["observed_at"] - EPOCH).days for row in rows], np.int64)
    turn = found.epoch_numbers(seen["entity_id"].combine_chunks(), days)
    told = [with_epoch(row["entity_id"], int(n)) for row, n in zip(rows, turn, strict=True)]
    assert told == naive(rows)
    assert set(found.gaps) >= {one for one in told if epoch_number(one) > 1}
    assert set(found.ids.to_pylist()) == {without_epoch(one) for one in found.gaps}


def test_an_epoch_begins_with_the_day_of_its_first_record():
    dawn = DAY.replace(hour=0, minute=0) + timedelta(days=300)
    rows = [
        piece(PHONE, Role.CALLBACK, "c1"),
        piece(PHONE, Role.CALLER_ID, "c2", observed_at=dawn - timedelta(seconds=1)),
        piece(PHONE, Role.CALLER_ID, "c3", observed_at=dawn),
        piece(PHONE, Role.CALLBACK, "c4", observed_at=dawn + timedelta(hours=9)),
    ]
    ids = classify_evidence(evidence(rows), NOBODY, LIVES).mentions["entity_id"].to_pylist()
    assert ids == [PHONE, PHONE, f"{PHONE}#2", f"{PHONE}#2"]


@settings(deadline=None)
@given(ROWS, st.randoms(use_true_random=False))
def test_entities_are_counted_by_epoch_in_any_order(rows, random):
    result = classify_evidence(evidence(rows), NOBODY, LIVES)
    held = {row["entity_id"] for row in rows if row["role"] in HARD_ROLES}
    ids = [
        one if row["entity_id"] in held else row["entity_id"]
        for row, one in zip(rows, naive(rows), strict=True)
    ]
    told = {row["entity_id"]: row for row in result.entities.to_pylist()}
    assert set(told) == set(ids)
    for one, row in told.items():
        mine = [seen for seen, name in zip(rows, ids, strict=True) if name == one]
        assert row["complaints"] == len(mine)
        assert row["first_seen"] == min(seen["observed_at"] for seen in mine)
        assert row["value"] == without_epoch(one).partition(":")[2]
        assert row["epoch"] == epoch_number(one)
        assert ("seen again after" in row["reason"]) == (row["epoch"] > 1)
    random.shuffle(rows)
    again = classify_evidence(evidence(rows), NOBODY, LIVES)
    key = [("entity_id", "ascending")]
    assert again.entities.sort_by(key).equals(result.entities.sort_by(key))


def twice(*more):
    return [
        piece(PHONE, Role.CALLBACK, "c1"),
        piece(PHONE, Role.CALLBACK, "c2", observed_at=DAY + timedelta(days=300)),
        *more,
    ]


def test_a_known_line_is_suppressed_in_all_its_epochs():
    known = allowlist.parse_allowlist(f"entity_id,reason\n{PHONE},a bank\n", "known.csv")
    (row,) = classify_evidence(evidence(twice()), known, LIVES).entities.to_pylist()
    assert (row["entity_id"], row["status"], row["complaints"]) == (PHONE, Status.SUPPRESSED, 2)


def test_a_victims_number_is_withheld_in_all_its_epochs():
    later = {"observed_at": DAY + timedelta(days=310)}
    rows = twice(*(piece(PHONE, Role.VICTIM, f"c{3 + n}", **later) for n in range(6)))
    result = classify_evidence(evidence(rows), NOBODY, LIVES)
    (row,) = result.entities.to_pylist()
    assert row["status"] == Status.VICTIM_SIDE
    assert result.mentions.num_rows == 0


def test_a_contested_number_keeps_its_epochs_apart():
    rows = twice(piece(PHONE, Role.VICTIM, "c3", observed_at=DAY + timedelta(days=310)))
    result = classify_evidence(evidence(rows), NOBODY, LIVES)
    first, second = sorted(row["entity_id"] for row in result.entities.to_pylist())
    assert second == f"{first}#2"
    assert first.startswith("phone:withheld-")
    assert {row["status"] for row in result.entities.to_pylist()} == {Status.CONTESTED}
    assert sorted(result.mentions["entity_id"].to_pylist()) == [first, second]
    hidden = {row["entity_id"]: row["value"] for row in result.contested.to_pylist()}
    assert hidden == dict.fromkeys((first, second), PHONE.partition(":")[2])


@pytest.mark.parametrize("decided", [PHONE, f"{PHONE}#2"])
def test_a_decision_that_a_suspect_holds_it_is_about_one_epoch(decided):
    rows = twice(piece(PHONE, Role.VICTIM, "c3", observed_at=DAY + timedelta(days=310)))
    settled = Settled({decided: decision(DecisionKind.SUSPECT_HELD, decided)})
    result = classify_evidence(evidence(rows), NOBODY, LIVES, settled=settled)
    status = {row["known_as"]: row["status"] for row in result.entities.to_pylist()}
    (other,) = {PHONE, f"{PHONE}#2"} - {decided}
    assert status == {decided: Status.INFRASTRUCTURE, other: Status.CONTESTED}


def test_a_decision_that_a_victim_owns_it_holds_for_every_epoch():
    settled = Settled(victims={PHONE: decision(DecisionKind.VICTIM_OWNED, PHONE)})
    result = classify_evidence(evidence(twice()), NOBODY, LIVES, settled=settled)
    (row,) = result.entities.to_pylist()
    assert (row["status"], row["value"]) == (Status.VICTIM_SIDE, None)


def test_a_forged_caller_id_bridges_no_gap():
    rows = twice(piece(PHONE, Role.CALLER_ID, "c3", observed_at=DAY + timedelta(days=150)))
    ids = sorted(classify_evidence(evidence(rows), NOBODY, LIVES).mentions["entity_id"].to_pylist())
    assert ids == [PHONE, PHONE, f"{PHONE}#2"]


def test_lives_say_why():
    lives = shipped_lifetimes()
    assert lives["phone"] == 45
    assert "wallet" not in lives


@pytest.mark.parametrize(
    ("entity", "days"),
    [
        (PHONE, 45),
        ("domain:amzn-refund.support", 80),
        ("handle:telegram:agent", 180),
        (MAIL, 365),
        ("account:upi:name@bank", 365),
        (BANK, None),
        ("wallet:btc:1BoatSLRHtKNngkdXEeobR76b53LETtpyT", None),
        ("remote:anydesk:123456789", None),
    ],
)
def test_each_kind_is_passed_on_after_its_own_life(entity, days):
    """To the day and the microsecond, with the lives that ship."""

    def ids(gap):
        rows = [
            piece(entity, Role.CALLBACK, f"c{n}", observed_at=DAY + n * gap, kind=kind)
            for n, kind in enumerate([entity.partition(":")[0]] * 2)
        ]
        found = classify_evidence(evidence(rows), NOBODY, shipped_lifetimes()).entities["entity_id"]
        return sorted(found.to_pylist())

    life = timedelta(days=days if days is not None else 10_000)
    assert ids(life) == [entity]
    after = ids(life + timedelta(microseconds=1))
    assert after == ([entity] if days is None else [entity, f"{entity}#2"])
