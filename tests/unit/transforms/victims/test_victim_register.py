"""The entries of the victim register, from the status of identifiers and by their definition."""

import hashlib
import hmac
import random
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, strategies as st

from schemas.decision import DecisionKind
from schemas.entity import VICTIM_ENTRY
from schemas.enums import Role, Status
from tests.support.examples import draws
from tests.support.made_up_evidence import evidence, piece, records
from transforms.custody import RegisterKey
from transforms.decisions import NO_DECISIONS, Decision, DecisionsInForce
from transforms.extract.allowlist import KnownLegitimate
from transforms.graph.activity import sum_activity
from transforms.graph.entities import NO_LIFETIMES, determine_status, victims_and_others
from transforms.victims import (
    NOT_REGISTERED,
    REGISTERED,
    make_lookup,
    merge_changes,
    register_changes,
)

KEY = RegisterKey(bytes(32))

NOBODY = KnownLegitimate({})

ROLES = (Role.CALLBACK, Role.VICTIM, Role.MENTIONED)

NUMBER = "phone:+18885550100"


def mac(text):
    return hmac.new(bytes(32), text.encode(), hashlib.sha256).hexdigest()


def changes(rows, registered=NOT_REGISTERED, decided=NO_DECISIONS):
    """The changes of the register by some evidence, in one partition."""
    activity = sum_activity(evidence(rows))
    statuses = determine_status(
        activity, NOBODY, NO_LIFETIMES, registered=registered, decided=decided
    )
    kept = victims_and_others(statuses, registered, decided)
    return register_changes(activity, *kept, KEY)


def register(rows, registered=NOT_REGISTERED):
    return merge_changes(changes(rows, registered)).sort_by("mac")


def in_register(entity_id, reporters=1):
    return pa.Table.from_pylist([{"entity_id": entity_id, "reporters": reporters}], REGISTERED)


def shown_by(count, number=NUMBER):
    return [piece(number, Role.CALLBACK, f"c{n}", victim_key=f"amazon|v{n}") for n in range(count)]


def status_of(rows, registered=NOT_REGISTERED):
    (entity,) = determine_status(
        sum_activity(evidence(rows)), NOBODY, NO_LIFETIMES, registered=registered
    ).entities.to_pylist()
    return entity["status"], entity["value"]


@pytest.mark.slow
@draws(60)
@given(records(roles=ROLES), st.randoms(use_true_random=False))
def test_it_does_not_depend_on_the_order_nor_on_how_entities_are_shared_out(rows, rng):
    whole = register(rows)
    shuffled = rng.sample(rows, len(rows))
    assert register(shuffled).equals(whole)
    ids = sorted({row["entity_id"] for row in rows})
    parts = [
        changes([row for row in shuffled if row["entity_id"] == entity_id]) for entity_id in ids
    ]
    assert merge_changes(pa.concat_tables([*parts, changes([])])).sort_by("mac").equals(whole)


@draws(60)
@given(records(roles=ROLES))
def test_an_entry_is_the_keyed_hash_and_counts_who_said_so(rows):
    activity = sum_activity(evidence(rows))
    statuses = determine_status(activity, NOBODY, NO_LIFETIMES).statuses
    withheld = pc.equal(statuses["status"], str(Status.VICTIM_SIDE))
    ids = set(statuses["entity_id"].filter(withheld).to_pylist())
    entries = {row["mac"]: row for row in register(rows).to_pylist()}
    assert set(entries) == {mac(entity_id) for entity_id in ids}
    for entity_id in ids:
        entry = entries[mac(entity_id)]
        every = [row for row in rows if row["entity_id"] == entity_id]
        own = [row for row in every if row["role"] == Role.VICTIM]
        named = {row["reporter_key"] for row in own if row["victim_key"]}
        assert len(named) <= entry["reporters"] <= max(1, len({r["reporter_key"] for r in own}))
        assert entry["first_seen"] == min(row["observed_at"] for row in every)
        assert entry["kind"] == "phone"
        assert entry["digits_mac"] == mac(f"digits:{entity_id.removeprefix('phone:+1')}")


def test_what_earlier_runs_know_counts_as_said_today_by_as_many():
    assert status_of(shown_by(2)) == (Status.INFRASTRUCTURE, NUMBER[6:])
    assert status_of(shown_by(2), in_register(NUMBER)) == (Status.CONTESTED, None)
    assert status_of(shown_by(1), in_register(NUMBER, 3)) == (Status.VICTIM_SIDE, None)
    spoofed = [piece(NUMBER, Role.CALLER_ID, "c1", victim_key="amazon|v1")]
    assert status_of(spoofed, in_register(NUMBER)) == (Status.VICTIM_SIDE, None)


def test_what_todays_records_contest_leaves_and_what_the_register_alone_does_stays():
    leaves = {True: [mac(NUMBER)], False: []}
    claim = piece(NUMBER, Role.VICTIM, "c9", victim_key="amazon|v9")
    for rows, left in (([*shown_by(1), claim], True), (shown_by(1), False)):
        changed = changes(rows, in_register(NUMBER))
        assert changed.filter(changed["leaves"])["mac"].to_pylist() == leaves[left]
    # A line that no private person can hold, shown by three times as many, is a suspect's.
    business = "phone:+18885550100"
    rows = [row | {"line_type": "toll_free"} for row in shown_by(3, business)]
    changed = changes(rows, in_register(business))
    assert changed.filter(changed["leaves"])["mac"].to_pylist() == [mac(business)]


def test_what_analysts_decide_to_be_a_victims_enters():
    decision = Decision(
        "D-1", DecisionKind.VICTIM_OWNED, NUMBER, None, "Ada", "it is", datetime.now(UTC), None
    )
    decided = DecisionsInForce(binding=(decision,))
    kept = merge_changes(changes(shown_by(4), decided=decided)).to_pylist()
    assert [(row["mac"], row["reporters"]) for row in kept] == [(mac(NUMBER), 1)]


def test_a_lookup_finds_every_entry_of_many_and_nothing_else():
    rng = random.Random(1)
    numbers = [f"phone:+1{rng.randrange(2_000_000_000, 9_999_999_999)}" for _ in range(2_000)]
    entries = [
        {"mac": mac(entity_id), "digits_mac": None, "kind": "phone", "reporters": 1 + n % 5,
         "first_seen": 0, "key_id": KEY.key_id}
        for n, entity_id in enumerate(numbers[:1_000])
    ]  # fmt: skip
    halves = pa.Table.from_pylist(entries, VICTIM_ENTRY).to_batches(max_chunksize=300)
    matches = make_lookup(halves).find(pa.array(numbers), KEY).to_pylist()
    assert matches == [
        {"entity_id": entity_id, "reporters": row["reporters"]}
        for entity_id, row in zip(numbers[:1_000], entries, strict=True)
    ]
