"""The entries of the victim register, from the status of identifiers and by their definition."""

import hashlib
import hmac
import random

import pyarrow as pa
import pyarrow.compute as pc
from hypothesis import given, settings, strategies as st

from schemas.entity import VICTIM_ENTRY
from schemas.enums import Role, Status
from tests.support.made_up_evidence import evidence, piece, records
from transforms.extract.allowlist import KnownLegitimate
from transforms.graph.activity import sum_activity
from transforms.graph.entities import NO_LIFETIMES, determine_status, ids_that_leave
from transforms.victim_register import (
    NOT_REGISTERED,
    REGISTERED,
    RegisterKey,
    make_lookup,
    merge_changes,
    register_changes,
)

KEY = RegisterKey(bytes(32))

NOBODY = KnownLegitimate((), (), frozenset())

ROLES = (Role.CALLBACK, Role.VICTIM, Role.MENTIONED)

NUMBER = "phone:+18885550100"


def mac(text):
    return hmac.new(bytes(32), text.encode(), hashlib.sha256).hexdigest()


def changes(rows, registered=NOT_REGISTERED):
    """The changes of the register by some evidence, in one partition."""
    activity = sum_activity(evidence(rows))
    statuses = determine_status(activity, NOBODY, NO_LIFETIMES, registered).statuses
    return register_changes(activity, statuses, ids_that_leave(statuses, registered), KEY)


def register(rows, registered=NOT_REGISTERED):
    return merge_changes(changes(rows, registered)).sort_by("mac")


def in_register(entity_id, *, reporters=1, stated=True):
    return pa.Table.from_pylist(
        [{"entity_id": entity_id, "reporters": reporters, "stated": stated}], REGISTERED
    )


@settings(max_examples=60)
@given(records(roles=ROLES), st.randoms(use_true_random=False))
def test_it_does_not_depend_on_the_order_nor_on_how_entities_are_shared_out(rows, rng):
    whole = register(rows)
    shuffled = rng.sample(rows, len(rows))
    assert register(shuffled).equals(whole)
    ids = sorted({row["entity_id"] for row in rows})
    parts = [changes([row for row in shuffled if row["entity_id"] == one]) for one in ids]
    assert merge_changes(pa.concat_tables([*parts, changes([])])).sort_by("mac").equals(whole)


@settings(max_examples=60)
@given(records(roles=ROLES))
def test_an_entry_is_the_keyed_hash_and_counts_who_said_so(rows):
    activity = sum_activity(evidence(rows))
    _, statuses = determine_status(activity, NOBODY, NO_LIFETIMES)
    withheld = pc.equal(statuses["status"], str(Status.VICTIM_SIDE))
    ids = set(statuses["entity_id"].filter(withheld).to_pylist())
    found = {row["mac"]: row for row in register(rows).to_pylist()}
    assert set(found) == {mac(one) for one in ids}
    for one in ids:
        entry = found[mac(one)]
        own = [row for row in rows if row["entity_id"] == one and row["role"] == Role.VICTIM]
        # A call without a pseudonym has no reporter, but somebody made it.
        named = {
            row["reporter_key"]
            for row in own
            if row["record_kind"] == "complaint" or row["victim_key"]
        }
        assert 1 <= entry["reporters"] <= max(1, len({row["reporter_key"] for row in own}))
        assert entry["reporters"] >= len(named)
        seen = [row["observed_at"] for row in own]
        assert entry["first_seen"] <= min(seen)
        assert entry["kind"] == "phone"
        assert entry["digits_mac"] == mac(f"digits:{one.removeprefix('phone:+1')}")


def test_a_stated_claim_of_an_earlier_run_outweighs_any_number_and_words_do_not():
    shown = [piece(NUMBER, Role.CALLBACK, f"c{n}", victim_key=f"amazon|v{n}") for n in range(3)]
    activity = sum_activity(evidence(shown))
    for stated, status in ((True, Status.VICTIM_SIDE), (False, Status.INFRASTRUCTURE)):
        before = in_register(NUMBER, stated=stated)
        entities, statuses = determine_status(activity, NOBODY, NO_LIFETIMES, before)
        assert entities["status"].to_pylist() == [status]
        assert (entities["value"].to_pylist() == [None]) == stated
        assert ids_that_leave(statuses, before) == ([] if stated else [NUMBER])
    few = sum_activity(evidence(shown[:2]))
    before = in_register(NUMBER, stated=False)
    assert determine_status(few, NOBODY, NO_LIFETIMES, before)[0]["status"].to_pylist() == [
        Status.VICTIM_SIDE
    ]


def test_what_is_contested_or_decided_to_be_a_suspects_leaves():
    said = [piece(NUMBER, Role.VICTIM, "c1"), piece("phone:+18885550101", Role.VICTIM, "c2")]
    activity = sum_activity(evidence(said))
    _, statuses = determine_status(activity, NOBODY, NO_LIFETIMES)
    kept = merge_changes(register_changes(activity, statuses, [NUMBER], KEY))
    assert kept["mac"].to_pylist() == [mac("phone:+18885550101")]
    contested = statuses.set_column(
        statuses.schema.get_field_index("status"),
        statuses.schema.field("status"),
        pa.array([str(Status.CONTESTED)] * statuses.num_rows),
    )
    assert ids_that_leave(contested, NOT_REGISTERED) == sorted(["phone:+18885550101", NUMBER])


def test_a_lookup_finds_every_entry_of_many_and_nothing_else():
    rng = random.Random(1)
    numbers = [f"phone:+1{rng.randrange(2_000_000_000, 9_999_999_999)}" for _ in range(2_000)]
    entries = [
        {"mac": mac(one), "digits_mac": None, "kind": "phone", "reporters": 1 + n % 5,
         "stated": bool(n % 2), "first_seen": 0, "key_id": KEY.key_id}
        for n, one in enumerate(numbers[:1_000])
    ]  # fmt: skip
    halves = pa.Table.from_pylist(entries, VICTIM_ENTRY).to_batches(max_chunksize=300)
    found = make_lookup(halves).find(pa.array(numbers), KEY).to_pylist()
    assert found == [
        {"entity_id": one, "reporters": row["reporters"], "stated": row["stated"]}
        for one, row in zip(numbers[:1_000], entries, strict=True)
    ]
