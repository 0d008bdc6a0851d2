"""Epochs of identifiers against the rule in plain Python."""

import time
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, strategies as st

from schemas.decision import DecisionKind
from schemas.entity import epoch_number, with_epoch, without_epoch
from schemas.enums import HARD_ROLES, Role, Status
from schemas.facts import fact
from schemas.mention import EVIDENCE_MENTION
from tests.support.examples import draws
from tests.support.graphs import classify_evidence, decision
from tests.support.made_up_evidence import DAY, evidence, piece
from transforms.decisions import DecisionsInForce
from transforms.extract import allowlist
from transforms.graph.activity import sum_activity
from transforms.graph.epochs import NOTHING_BEFORE, PREVIOUS, find_epoch_starts, shipped_lifetimes

PHONE, MAIL, BANK = "phone:+18885550100", "email:a@b.example", "account:iban:DE02120300000000202051"

LIVES = {"phone": 45.0, "email": 100.0}

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

NOBODY = allowlist.parse_allowlist("entity_id,reason\n", "none.csv")

REPORTERS = ("ann", "ben", "cho", "dee")

ROWS = st.lists(
    st.tuples(
        st.sampled_from((PHONE, MAIL, BANK, "phone:+18885550101")),
        st.sampled_from((Role.CALLBACK, Role.CALLBACK, Role.CALLER_ID)),
        st.integers(0, 400),
        st.sampled_from(REPORTERS),
    ),
    max_size=14,
).map(
    lambda seen: [
        piece(
            entity, role, f"c{n}", observed_at=DAY + timedelta(days=day), victim_key=f"amazon|{who}"
        )
        for n, (entity, role, day, who) in enumerate(seen)
    ]
)


def day_of(row):
    return (row["observed_at"] - EPOCH).days


def who_of(row):
    return row["reporter_key"]


def parts_of(held, life):
    """Days of hard use in parts: cut where a gap is too long without any one reporter, or with all.

    A cut is put as late as possible, and serves every gap that it falls into. It then moves as
    early as possible if only the part after it has two reporters besides the one across the gap.
    """
    gaps = []
    for left_out in sorted({"", *map(who_of, held)}):
        days = sorted({day_of(row) for row in held if who_of(row) != left_out})
        gaps += [(now, left_out, before) for before, now in pairwise(days) if now - before > life]
    cuts = []
    for now, left_out, before in sorted(gaps, key=lambda gap: (gap[0], gap[1] != "", gap[2])):
        if not any(before < cut <= now for cut, *_ in cuts):
            cuts.append((now, left_out, before))

    def in_parts():
        parts = defaultdict(list)
        for row in held:
            parts[sum(cut <= day_of(row) for cut, *_ in cuts)].append(row)
        return parts

    for place, (_, left_out, before) in enumerate(cuts):
        sides = [{*map(who_of, in_parts()[place + n])} - {left_out} for n in (0, 1)]
        if left_out and len(sides[0]) < 2 <= len(sides[1]):
            cuts[place] = (
                min(day_of(row) for row in held if day_of(row) > before),
                left_out,
                before,
            )
    parts = in_parts()
    return [parts[number] for number in sorted(parts) if parts[number]]


def naive(rows):
    """The id of each row."""
    ids = {}
    for entity in {row["entity_id"] for row in rows}:
        life = LIVES.get(entity.partition(":")[0], 10**6)
        held = [r for r in rows if r["entity_id"] == entity and r["role"] in HARD_ROLES]
        parts = parts_of(held, life)
        several = [part for part in parts if len(set(map(who_of, part))) >= 2]
        alone = [part for part in parts if part not in several]
        spans = [
            (min(map(day_of, part)), max(map(day_of, part)), number)
            for number, part in enumerate([*several, *alone], 1)
        ]
        lasting, brief = (spans[: len(several)], spans[len(several) :]) if several else (spans, [])
        for row in (row for row in rows if row["entity_id"] == entity):
            inside = [n for a, b, n in brief if a <= day_of(row) <= b]
            passed = [n for a, _, n in lasting if a <= day_of(row)]
            first = [n for _, _, n in lasting[:1]] or [1]
            number = (inside or passed[-1:] or first)[0]
            ids[row["record_id"], entity] = with_epoch(entity, number)
    return [ids[row["record_id"], row["entity_id"]] for row in rows]


def epochs_of(rows, previous=NOTHING_BEFORE, lives=LIVES):
    """The starts that are found, and the id of each row."""
    ids = pa.array(sorted({row["entity_id"] for row in rows}), pa.string())
    seen = pa.Table.from_pylist(rows, EVIDENCE_MENTION)
    starts = find_epoch_starts(sum_activity(seen), ids, lives, previous)
    days = np.array([day_of(row) for row in rows], np.int64)
    turn = starts.epoch_numbers(seen["entity_id"].combine_chunks(), days)
    return starts, [with_epoch(row["entity_id"], int(n)) for row, n in zip(rows, turn, strict=True)]


@draws(300)
@given(ROWS)
def test_epochs_by_the_rule(rows):
    starts, told = epochs_of(rows)
    assert told == naive(rows)
    assert set(starts.ids.to_pylist()) == {
        without_epoch(entity_id)
        for entity_id in (*starts.reasons, *told)
        if epoch_number(entity_id) > 1
    }


def used(day, who, role=Role.CALLBACK):
    """A record of one reporter that names PHONE."""
    when = DAY + timedelta(days=day)
    return piece(PHONE, role, f"{who}{day}", observed_at=when, victim_key=f"amazon|{who}")


def numbers(rows, previous=NOTHING_BEFORE):
    return [epoch_number(entity_id) for entity_id in epochs_of(rows, previous)[1]]


def previous(*spans):
    """PREVIOUS rows of PHONE: number, first and last day."""
    first = (DAY - EPOCH).days
    rows = [
        {"node": n, "cluster": 1, "entity_id": PHONE, "epoch": n}
        | {"first_day": first + a, "last_day": first + b}
        for n, a, b in spans
    ]
    return pa.Table.from_pylist(rows, PREVIOUS)


TWO_HOLDERS = [used(day, who) for who in ("ann", "ben") for day in (0, 5, 200, 205)]

ATTACKS = st.lists(
    st.tuples(st.integers(-400, 800), st.sampled_from((Role.CALLBACK, Role.CALLER_ID))), max_size=30
).map(lambda dates: [used(day, "mal", role) for day, role in dates])


@draws(300)
@given(ATTACKS, st.sampled_from([NOTHING_BEFORE, previous((1, 0, 5), (2, 200, 205))]))
def test_no_single_reporter_bridges_or_renames_epochs_of_others(attack, before):
    """Far off, between or beside, on any number of days: nobody else's record changes its epoch."""
    rows = [*TWO_HOLDERS, used(100, "cho", Role.CALLER_ID)]
    count = len(TWO_HOLDERS)
    assert numbers([*rows, *attack], before)[:count] == [1, 1, 2, 2] * 2


@draws(300)
@given(
    st.lists(st.tuples(st.integers(0, 50), st.sampled_from(REPORTERS)), min_size=3, max_size=8),
    st.lists(st.integers(-60, 110), max_size=4),
)
def test_no_single_reporter_parts_what_holds_together_without_any_one(days, lied):
    """Not even beside an honest reporter's day that is far from the others', but on that very day.

    Then two date it, and one of them alone bridges the gap before it.
    """
    rows = [used(day, who) for day, who in days]
    for day, who in days:
        others = [other_day for other_day, name in days if name != who]
        far = all(abs(other_day - day) > LIVES["phone"] for other_day in others)
        assume(not far or day not in lied)
    for left_out in {None, *map(who_of, rows)}:
        rest = sorted(day_of(row) for row in rows if who_of(row) != left_out)
        assume(all(now - before <= LIVES["phone"] for before, now in pairwise(rest)))
    assume(len({*map(who_of, rows)}) >= 3)
    assert set(numbers([*rows, *(used(day, "mal") for day in lied)])[: len(rows)]) == {1}


def test_who_dates_a_day_beside_its_only_reporter_shows_that_one_alone_bridges_to_it():
    rows = [used(0, "ann"), used(0, "cho"), used(1, "ben"), used(46, "ben")]
    assert numbers(rows) == [1, 1, 1, 1]
    assert numbers([*rows, used(46, "mal")]) == [1, 1, 1, 2, 2]
    assert numbers([*rows, used(47, "mal")]) == [1, 1, 1, 1, 2]


def test_a_chain_of_days_of_one_reporter_bridges_nothing():
    chain = [used(day, "mal") for day in range(10, 200, 30)]
    assert numbers([*TWO_HOLDERS, *chain])[: len(TWO_HOLDERS)] == [1, 1, 2, 2] * 2
    assert set(numbers([*TWO_HOLDERS, *chain])) == {1, 2}
    second = [used(day, "dee") for day in range(12, 200, 30)]
    assert set(numbers([*TWO_HOLDERS, *chain, *second])) == {1}


def test_what_one_reporter_dates_alone_is_numbered_after_the_others():
    assert numbers([used(-300, "mal"), *TWO_HOLDERS]) == [3, 1, 1, 2, 2, 1, 1, 2, 2]
    # A caller id between belongs to the holder of then, not to what one reporter says.
    row, lone = used(150, "cho", Role.CALLER_ID), used(100, "mal")
    assert numbers([lone, row, *TWO_HOLDERS])[:2] == [3, 1]
    reasons = epochs_of([lone, *TWO_HOLDERS])[0].reasons
    assert reasons[f"{PHONE}#2"] == fact("seen_again", 195)
    assert reasons[f"{PHONE}#3"] == fact("dated_by_one", 95)


def test_the_first_date_of_single_reporters_is_the_first_epoch():
    assert numbers([used(300, "ann"), used(0, "ben")]) == [2, 1]


def test_numbers_of_a_previous_run_are_kept():
    # Alone it was the first; the two holders come after it.
    rows = [used(-300, "mal"), *TWO_HOLDERS]
    assert numbers(rows, previous((1, -300, -300))) == [1, 2, 2, 3, 3, 2, 2, 3, 3]
    assert numbers(rows, previous((1, 0, 5), (2, 200, 205)))[1:] == [1, 1, 2, 2] * 2
    # Only the second holder is in the records that are left.
    late = [row for row in TWO_HOLDERS if day_of(row) > (DAY - EPOCH).days + 100]
    assert set(numbers(late, previous((1, 0, 5), (2, 200, 205)))) == {2}
    assert set(numbers(late, previous((1, 0, 5)))) == {2}
    # A number that was once given is given to nothing else.
    assert set(numbers(late, previous((1, 0, 5), (4, -200, -190)))) == {5}


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


@pytest.mark.slow
@draws(300)
@given(ROWS, st.randoms(use_true_random=False))
def test_entities_are_counted_by_epoch_in_any_order(rows, random):
    result = classify_evidence(evidence(rows), NOBODY, LIVES)
    held = {row["entity_id"] for row in rows if row["role"] in HARD_ROLES}
    ids = [
        known_as if row["entity_id"] in held else row["entity_id"]
        for row, known_as in zip(rows, naive(rows), strict=True)
    ]
    told = {row["entity_id"]: row for row in result.entities.to_pylist()}
    assert set(told) == set(ids)
    for entity_id, row in told.items():
        mine = [seen for seen, name in zip(rows, ids, strict=True) if name == entity_id]
        assert row["complaints"] == len(mine)
        assert row["first_seen"] == min(seen["observed_at"] for seen in mine)
        assert row["value"] == without_epoch(entity_id).partition(":")[2]
        assert row["epoch"] == epoch_number(entity_id)
        if row["epoch"] > 1:
            assert "seen again after" in row["reason"] or "from its other use" in row["reason"]
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
    by = DecisionsInForce(binding=(decision(DecisionKind.SUSPECT_HELD, decided),))
    result = classify_evidence(evidence(rows), NOBODY, LIVES, decided=by)
    status = {row["known_as"]: row["status"] for row in result.entities.to_pylist()}
    (undecided,) = {PHONE, f"{PHONE}#2"} - {decided}
    assert status == {decided: Status.INFRASTRUCTURE, undecided: Status.CONTESTED}


def test_a_decision_that_a_victim_owns_it_holds_for_every_epoch():
    by = DecisionsInForce(binding=(decision(DecisionKind.VICTIM_OWNED, PHONE),))
    result = classify_evidence(evidence(twice()), NOBODY, LIVES, decided=by)
    (row,) = result.entities.to_pylist()
    assert (row["status"], row["value"]) == (Status.VICTIM_SIDE, None)


def test_a_forged_caller_id_bridges_no_gap():
    rows = twice(piece(PHONE, Role.CALLER_ID, "c3", observed_at=DAY + timedelta(days=150)))
    ids = sorted(classify_evidence(evidence(rows), NOBODY, LIVES).mentions["entity_id"].to_pylist())
    assert ids == [PHONE, PHONE, f"{PHONE}#2"]


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
        entity_ids = classify_evidence(evidence(rows), NOBODY, shipped_lifetimes()).entities[
            "entity_id"
        ]
        return sorted(entity_ids.to_pylist())

    life = timedelta(days=days if days is not None else 10_000)
    assert ids(life) == [entity]
    after = ids(life + timedelta(microseconds=1))
    assert after == ([entity] if days is None else [entity, f"{entity}#2"])


def test_lone_days_of_many_reporters_cost_little_each():
    """It takes 1 s on a quiet machine; a pass over all rows for each lone day takes 9 s."""
    rows, lone = 30_000, 600
    day = np.append(15_000 + np.arange(rows) % 20, 15_100 + 50 * np.arange(lone))
    moment = pa.array(day * 86_400_000_000).cast(pa.timestamp("us", "UTC"))
    columns = {"held": pa.repeat(1, len(day)), "first_held": moment, "last_held": moment}
    activity = pa.table(
        {"entity_id": pa.repeat(PHONE, len(day)), "reporter": np.arange(len(day)), "day": day}
        | columns
    )
    begun = time.process_time()
    starts = find_epoch_starts(activity, pa.array([PHONE]), LIVES)
    assert time.process_time() - begun < 4
    assert len(starts.day) > lone
