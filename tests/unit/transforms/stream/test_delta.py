"""Deltas: what is alive depends on the set of records, not on how or when they came."""

import json
import random
from datetime import timedelta

import pyarrow as pa
import pytest
from hypothesis import given, strategies as st

from schemas.enums import EntityKind, RecordKind
from tests.support.examples import draws
from tests.support.made_up_deltas import START, accepted, contents_of, delta_of
from tests.support.made_up_evidence import mentions_of
from tests.support.script_texts import SCRIPT, own
from transforms.decisions import DecisionsInForce
from transforms.extract import call_scripts
from transforms.extract.evidence import complaint_evidence
from transforms.read.framing import Origin, Record
from transforms.read.rejects import Reject, rejects_batch
from transforms.stream.delta import (
    DELTA_EVIDENCE,
    RECORD,
    chunk_delta,
    concat_deltas,
    rejects_to_delta,
    shown_phrases,
    split_delta,
)
from transforms.stream.state import (
    RETENTION_DAYS,
    longest_retention,
    settle_deltas,
    unexpired,
    with_record_times,
)
from transforms.validate import unique_records

pytestmark = pytest.mark.slow

MANY = call_scripts.MIN_TELLERS
"""People who must have the same words."""

NUMBERS = ["(888) 555-0123", "(888) 555-0124", "(877) 555-0199"]

IBAN = "GB29NWBK60161331926819"


def record(id_, day, number=0, **more):
    return {"id": id_, "day": day, "numbers": [NUMBERS[number]]} | more


def test_a_delta_keeps_ids_and_evidence_and_no_narrative():
    fresh = delta_of(record("c1", 0, narrative="they said call (877) 555-0199 now", payees=[IBAN]))
    settled = settle_deltas([fresh], RETENTION_DAYS).delta
    entities = set(mentions_of(settled[1])["entity_id"].to_pylist())
    assert {"phone:+18885550123", f"account:iban:{IBAN}"} <= entities
    assert "narrative" not in RECORD.names
    assert "they said" not in repr([batch.to_pylist() for batch in settled])
    assert settled[1].schema == DELTA_EVIDENCE
    assert settled.fingerprints.num_rows == 1


def test_words_stay_when_enough_people_have_them_and_go_with_them():
    def words_of(*deltas, life=RETENTION_DAYS[EntityKind.SCRIPT]):
        kept = settle_deltas(deltas, RETENTION_DAYS | {EntityKind.SCRIPT: life}).delta
        return " ".join(shown_phrases([kept.phrases])["words"].to_pylist()), kept

    people = [
        delta_of(record(f"c{n}", n, narrative=f"{own(n)} {SCRIPT}", victim=f"v{n}"))
        for n in range(MANY)
    ]
    few, kept = words_of(*people[1:])
    assert not few
    enough, kept = words_of(kept, people[0])
    assert "recent order of a" in enough
    assert "word" not in enough  # of one person each
    again = delta_of(record("c9", 9, narrative=SCRIPT, victim="v1"))
    assert not words_of(*people[1:], again)[0]  # one of them, a second time
    later = delta_of(record("late", MANY + 6, narrative=own(9)))
    gone, left = words_of(kept, later, life=7)
    assert not gone
    assert left.fingerprints["complaint_id"].to_pylist() == ["c4", "late"]
    assert left.records.num_rows == MANY + 1


def test_evidence_expires_by_kind_and_records_by_the_longest_life():
    phone, account = 90, RETENTION_DAYS[EntityKind.ACCOUNT]
    lives = RETENTION_DAYS | {EntityKind.PHONE: phone}
    old = delta_of(record("old", 0, 0, payees=[IBAN]))

    def left(day):
        done = settle_deltas([old, delta_of(record("new", day, 1))], lives)
        return {
            (a, b) for a, b in contents_of(done.delta) if a == "old" and isinstance(b, str)
        }, done

    assert len(left(phone)[0]) == 2
    assert left(phone + 1)[0] == {("old", f"account:iban:{IBAN}")}
    assert left(account)[0] == {("old", f"account:iban:{IBAN}")}
    nothing, done = left(account + 1)
    assert not nothing
    assert done.expired == 1
    assert longest_retention(RETENTION_DAYS) == account


rows = st.lists(
    st.builds(
        record,
        st.sampled_from(["c1", "c2", "c3", "c4"]),
        st.integers(0, 500),
        st.integers(0, 2),
        position=st.integers(1, 9),
        narrative=st.sampled_from([None, SCRIPT, f"{own(1)} {SCRIPT}", own(2)]),
        victim=st.sampled_from([None, "v1", "v2", "v3", "v4", "v5", "v6"]),
    ),
    min_size=1,
    max_size=12,
)


@draws(12)
@given(rows, st.randoms(use_true_random=False))
def test_any_order_batching_and_number_of_settlings_gives_the_same(records, chance: random.Random):
    once = settle_deltas([delta_of(record) for record in records], RETENTION_DAYS).delta
    shuffled = records + chance.choices(records, k=3)  # and some arrive twice
    chance.shuffle(shuffled)
    state = []
    while shuffled:
        count = chance.randint(1, 4)
        arriving, shuffled = shuffled[:count], shuffled[count:]
        state = list(
            chunk_delta(settle_deltas([*state, delta_of(*arriving)], RETENTION_DAYS).delta)
        )
    assert contents_of(concat_deltas(state)) == contents_of(once)


def stated(*deltas):
    return sorted(
        (row["entity_id"], row["reporter"] is not None, row["refused"], row["stated_at"])
        for row in concat_deltas(deltas).stated.to_pylist()
    )


def test_a_victims_number_outlives_the_row_that_stated_it_and_then_expires():
    early = delta_of(record("c1", 0, 0, role="victim"), record("c2", 3, 0, role="victim"))
    late = delta_of(record("c1", 9, 1), record("c2", 9, 1))  # replace both
    row = json.dumps({"phone_numbers": [{"raw": f"+1{NUMBERS[2]}", "role": "victim"}]})
    origin = Origin("t", "jsonl", RecordKind.COMPLAINT)
    refused = rejects_batch([Reject(origin, Record(1, row.encode(), 0), "bad_time", "no")])
    deltas = [early, late, rejects_to_delta(refused, START)]
    # A row without a pseudonym is that of its organisation's day: two days are two reporters.
    expected = [
        ("phone:+18775550199", False, True, START),
        ("phone:+18885550123", True, False, START),
        ("phone:+18885550123", True, False, START + timedelta(days=3)),
    ]
    assert stated(settle_deltas(deltas, RETENTION_DAYS).delta) == expected
    assert stated(settle_deltas(deltas[::-1], RETENTION_DAYS).delta) == expected
    assert stated(settle_deltas([deltas[2]], RETENTION_DAYS).delta) == expected[:1]
    parts = [part for _, part in split_delta(concat_deltas(deltas), 3)]
    assert stated(settle_deltas(parts, RETENTION_DAYS).delta) == expected
    done = settle_deltas(
        [*deltas, delta_of(record("c3", longest_retention(RETENTION_DAYS) + 1, 1))], RETENTION_DAYS
    )
    assert stated(done.delta) == expected[2:]


def in_any_order(batch: pa.RecordBatch) -> list[str]:
    return sorted(map(repr, batch.to_pylist()))


versions = st.builds(
    record,
    st.sampled_from(["c1", "c2", "c3"]),
    st.integers(0, 80),
    st.integers(0, 2),
    org=st.sampled_from(["amazon", "microsoft"]),
    role=st.sampled_from(["callback", "caller_id", "victim"]),
    position=st.integers(1, 9),
    payees=st.sampled_from([[], [IBAN]]),
)


@draws(25)
@given(st.lists(versions, min_size=1, max_size=10), st.randoms(use_true_random=False))
def test_the_evidence_is_the_batch_runs_whatever_came_when_and_how_often(records, chance):
    """Parity: from here on both are the same steps, which depend on no order."""
    unique, _ = unique_records(pa.Table.from_batches([accepted(*records)]), RecordKind.COMPLAINT)
    batch = [complaint_evidence(part) for part in unique.to_batches()]
    coming = records + chance.choices(records, k=chance.randint(0, 5))
    chance.shuffle(coming)
    state = []
    while coming:
        count = chance.randint(1, 4)
        arriving, coming = coming[:count], coming[count:]
        parts = [part for _, part in split_delta(delta_of(*arriving), 3)]
        state = list(chunk_delta(settle_deltas([*state, *parts], RETENTION_DAYS).delta))
    whole = concat_deltas(state)
    rows = with_record_times(whole.records, whole.evidence)
    evidence = unexpired(rows, DecisionsInForce(when=START + timedelta(days=80)), RETENTION_DAYS)
    assert in_any_order(evidence) == sorted(line for part in batch for line in in_any_order(part))
