"""Numbers that records state as the victim's, and the evidence that contains one."""

from __future__ import annotations

import pyarrow as pa
import pytest

from schemas.enums import RecordKind, Role
from schemas.mention import EVIDENCE
from tests.support.made_up_evidence import evidence, listed, mentions_of, piece
from tests.support.made_up_records import calls, complaints, number
from transforms.arrow import hash_text
from transforms.victims.number_index import UnionOfHashes, hash_claims, hash_dial_formats
from transforms.victims.stated_numbers import (
    assign_victim_roles,
    contain_victims_number,
    stated_numbers_batch,
    stated_victim_numbers,
)

VICTIM = "+12025550143"

OTHERS = "+12025550144"

R1, R2 = "amazon|v1", "amazon|v2"

IDS = {
    who: int(hashed) for who, hashed in zip((R1, R2), hash_text(pa.array([R1, R2])), strict=True)
}


def stated_batch(*stated):
    numbers, who = zip(*stated, strict=True)
    return stated_numbers_batch(pa.array(numbers, pa.string()), pa.array(who, pa.int64()))


OWN = hash_dial_formats(stated_batch((VICTIM, None)))

CLAIMS = hash_claims(stated_batch((VICTIM, IDS[R1])))


def rows_of(*pieces):
    return listed(evidence(list(pieces)), EVIDENCE)


def test_only_numbers_of_fields_are_stated():
    rows = complaints(
        {"phone_numbers": [number(VICTIM, "victim"), number("+18882223344", "callback")]},
        {"phone_numbers": [number("unreadable", "victim")], "narrative": "my number is 2025550144"},
    )
    assert stated_victim_numbers(rows, RecordKind.COMPLAINT)["entity_id"].to_pylist() == [
        f"phone:{VICTIM}"
    ]
    two = {"calling_number": "+18882223344", "called_number": VICTIM}
    for direction, wanted in (("inbound", VICTIM), ("outbound", "+18882223344"), (None, None)):
        stated = stated_victim_numbers(calls(two | {"direction": direction}), RecordKind.CALL)
        assert stated["entity_id"].to_pylist() == ([f"phone:{wanted}"] if wanted else [])


@pytest.mark.parametrize(
    ("entity", "theirs"),
    [
        (f"phone:{VICTIM}", True),
        ("phone:+2025550143", False),  # Egypt: the digits of the national form
        ("email:jo2025550143@x.com", True),
        ("email:jo25550143@x.com", False),
        ("handle:telegram:a_202_555_0143", True),
        ("domain:12025550143.com", True),
        ("url:wa.me/12025550143", True),
        ("account:upi:2025550143@ybl", True),
        ("account:us:021000021:2025550143", False),
        ("remote:anydesk:2025550143", False),
    ],
)
def test_what_contains_a_victims_number_is_claimed(entity, theirs):
    row = rows_of(piece(entity, Role.CALLBACK, victim_key=R2))
    assigned, claims = assign_victim_roles(row, CLAIMS)
    assert mentions_of(assigned)["role"].to_pylist() == [
        Role.CALLBACK
    ]  # as that other reporter shows it
    wanted = [{"entity_id": entity, "reporter": IDS[R1]}] if theirs else []
    assert claims.to_pylist() == wanted
    assert contain_victims_number(pa.array([entity]), OWN).tolist() == [theirs]


def test_a_reporters_statement_holds_in_all_records_of_that_reporter_alone():
    number = f"phone:{VICTIM}"
    rows = rows_of(
        piece(number, Role.CALLBACK, "c1", victim_key=R1),
        piece(number, Role.CALLER_ID, "k1", victim_key=R1),
        piece(number, Role.CALLBACK, "c2", victim_key=R2),
        piece(f"phone:{OTHERS}", Role.CALLBACK, "c1", victim_key=R1),
        piece(number, Role.CALLBACK, "k2", reporter_key=None),
    )
    assigned, claims = assign_victim_roles(rows, CLAIMS)
    roles = [Role.VICTIM, Role.VICTIM, Role.CALLBACK, Role.CALLBACK, Role.CALLBACK]
    assert mentions_of(assigned)["role"].to_pylist() == roles
    assert claims.to_pylist() == [{"entity_id": number, "reporter": IDS[R1]}]


def test_calls_without_a_pseudonym_name_no_reporter():
    unnamed = {"calling_number": "+18882223344", "called_number": VICTIM, "direction": "inbound"}
    stated = stated_victim_numbers(calls(unnamed, unnamed | {"victim_id": "v1"}), RecordKind.CALL)
    assert set(stated["reporter"].to_pylist()) == {None, int(hash_text(pa.array([found_key()]))[0])}
    _, claims = assign_victim_roles(
        rows_of(piece(f"phone:{VICTIM}", Role.CALLBACK)), hash_claims(stated)
    )
    assert claims["reporter"].null_count == 1


def found_key():
    (org,) = set(calls({"direction": "inbound"})["source_org"].to_pylist())
    return f"{org}|v1"


def test_claims_of_any_number_of_batches_are_the_same():
    stated = [(VICTIM, IDS[R1]), (VICTIM, IDS[R2]), (OTHERS, None), (OTHERS, IDS[R1])]
    together = hash_claims(stated_batch(*stated))
    union = UnionOfHashes(few=1, pairs=True)
    parts = [union.create_accumulator(), union.create_accumulator()]
    for place, claim in enumerate([*stated, stated[0]]):
        arriving = hash_claims(stated_batch(claim))
        parts[place % 2] = union.add_input(parts[place % 2], arriving)
    merged = union.extract_output(union.merge_accumulators(parts))
    assert merged.tolist() == together.tolist()
    assert union.extract_output(union.create_accumulator()).shape == (2, 0)


def test_without_victims_or_evidence_nothing_changes():
    row = rows_of(piece(f"phone:{VICTIM}", Role.CALLBACK))
    assigned, claims = assign_victim_roles(row, CLAIMS[:, :0])
    assert assigned is row
    assert claims.num_rows == 0
    assert assign_victim_roles(row[:0], CLAIMS)[0].num_rows == 0
