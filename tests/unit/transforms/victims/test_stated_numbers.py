"""Numbers that records state as the victim's, and the evidence that contains one."""

from __future__ import annotations

import pyarrow as pa
import pytest

from schemas.enums import RecordKind, Role
from schemas.mention import EVIDENCE
from tests.support.made_up_evidence import piece
from tests.support.made_up_records import calls, complaints, number
from transforms.victims.number_index import hash_dial_formats
from transforms.victims.stated_numbers import (
    assign_victim_roles,
    stated_numbers_batch,
    stated_victim_numbers,
)

VICTIM = "+12025550143"

OWN = hash_dial_formats(stated_numbers_batch(iter([VICTIM])))


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
        found = stated_victim_numbers(calls(two | {"direction": direction}), RecordKind.CALL)
        assert found["entity_id"].to_pylist() == ([f"phone:{wanted}"] if wanted else [])


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
def test_evidence_with_a_victims_number_gets_the_victims_role(entity, theirs):
    row = pa.RecordBatch.from_pylist([piece(entity, Role.CALLBACK)], EVIDENCE)
    row = row.set_column(
        row.schema.get_field_index("kind"),
        row.schema.field("kind"),
        pa.array([entity.partition(":")[0]]),
    )
    (role,) = assign_victim_roles(row, OWN)["role"].to_pylist()
    assert role == (Role.VICTIM if theirs else Role.CALLBACK)


def test_without_victims_or_evidence_nothing_changes():
    row = pa.RecordBatch.from_pylist([piece(f"phone:{VICTIM}", Role.CALLBACK)], EVIDENCE)
    assert assign_victim_roles(row, OWN[:0]) is row
    assert assign_victim_roles(row[:0], OWN).num_rows == 0
